//! Who is online, as the server tells.

use std::collections::{BTreeMap, BTreeSet};

use wire::Deadline;
use wire::app::name::Name;
use wire::app::server::{Presence, Status};
use wire::time::{Duration, Instant};

/// Most users kept: a server that names more is not believed to the end.
const MAX_USERS: usize = 100_000;
/// Who is missing from the snapshot of a new session is told to be gone after this long: when the
/// server itself was away, others may only be slower to come back.
const HOLD: Duration = Duration::from_secs(10);

/// Somebody who is online.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Here {
    /// Seconds since 1970.
    pub(super) since: u64,
    pub(super) status: Status,
}

/// Users that are online and may be seen.
#[derive(Debug, Default)]
pub(super) struct Roster {
    online: BTreeMap<Name, Here>,
    /// A snapshot that is still arriving.
    arriving: Option<BTreeMap<Name, Here>>,
    /// The last name of its last piece.
    upto: Option<Name>,
    /// Who was online before this session and has not come back, and when that becomes news.
    missing: BTreeMap<Name, Instant>,
    /// The same, the earliest first.
    due: BTreeSet<(Instant, Name)>,
    /// Whether a snapshot was ever complete: before that, everyone is news to nobody.
    complete: bool,
}

impl Here {
    /// A server is not believed to keep to the length of a text.
    fn of(since: u64, status: Status) -> Self {
        Self { since, status: status.shortened() }
    }
}

impl Roster {
    /// A session begins: its snapshot replaces what is known, when it is complete.
    pub(super) fn begin(&mut self) {
        self.arriving = Some(BTreeMap::new());
        self.upto = None;
    }

    /// The next piece of a snapshot. With the last, gives who came meanwhile.
    pub(super) fn snapshot(&mut self, now: Instant, users: Vec<Presence>, last: bool) -> Vec<Name> {
        let arriving = self.arriving.get_or_insert_default();
        let first = users.first().map(|user| &user.name);
        if first.is_some() && first <= self.upto.as_ref() {
            // It begins anew: the server had more to say than it could keep for this client.
            arriving.clear();
        }
        self.upto = if last { None } else { users.last().map(|user| user.name.clone()) };
        for user in users.into_iter().filter(|user| user.online) {
            if arriving.len() < MAX_USERS {
                arriving.insert(user.name, Here::of(user.since, user.status));
            }
        }
        if !last {
            return Vec::new();
        }
        let arrived = self.arriving.take().unwrap_or_default();
        let before = core::mem::replace(&mut self.online, arrived);
        if !core::mem::replace(&mut self.complete, true) {
            return Vec::new();
        }
        for name in before.keys().filter(|name| !self.online.contains_key(*name)) {
            if self.missing.len() < MAX_USERS {
                self.missing.insert(name.clone(), now + HOLD);
                self.due.insert((now + HOLD, name.clone()));
            }
        }
        let is_news =
            |name: &&Name| before.get(*name).map(|here| &here.status) != self.status(name);
        let mut news: Vec<Name> = self.online.keys().filter(is_news).cloned().collect();
        news.retain(|name| before.contains_key(name) || !self.misses_no_longer(name));
        news
    }

    /// Whether this user was missing.
    fn misses_no_longer(&mut self, name: &Name) -> bool {
        let Some(until) = self.missing.remove(name) else { return false };
        self.due.remove(&(until, name.clone()))
    }

    /// Somebody who was missing and has not come back.
    pub(super) fn poll_gone(&mut self, now: Instant) -> Option<Name> {
        self.due.first().filter(|(until, _)| *until <= now)?;
        let (_, name) = self.due.pop_first()?;
        self.missing.remove(&name);
        Some(name)
    }

    /// When [`poll_gone`](Self::poll_gone) next gives somebody.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let (at, _) = self.due.first()?;
        Some(Deadline { at: *at, timer: "presence" })
    }

    /// One user came or left; says whether that is news.
    pub(super) fn change(&mut self, user: Presence) -> bool {
        let Presence { name, online, since, status } = user;
        let here = Here::of(since, status);
        if let Some(arriving) = &mut self.arriving {
            if !online {
                arriving.remove(&name);
            } else if arriving.len() < MAX_USERS {
                arriving.insert(name, here);
            }
            return false;
        }
        let was_missing = self.misses_no_longer(&name);
        if !online {
            return self.online.remove(&name).is_some() || was_missing;
        }
        let room = self.online.len() < MAX_USERS || self.online.contains_key(&name);
        if !room {
            return false;
        }
        match self.online.insert(name, here.clone()) {
            Some(before) => before.status != here.status,
            None => !was_missing,
        }
    }

    /// Whether it is known who is there now.
    pub(super) const fn is_settled(&self) -> bool {
        self.complete && self.arriving.is_none()
    }

    /// Whether a snapshot was ever complete.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether this user is online.
    pub(super) fn is_online(&self, user: &Name) -> bool {
        self.online.contains_key(user)
    }

    /// What is known of this user's being online.
    pub(super) fn here(&self, user: &Name) -> Option<&Here> {
        self.online.get(user)
    }

    /// What this user, who is online, says about being there.
    pub(super) fn status(&self, user: &Name) -> Option<&Status> {
        self.here(user).map(|here| &here.status)
    }

    /// Everyone online, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Here)> {
        self.online.iter()
    }
}

#[cfg(test)]
mod tests {
    use wire::app::server::{Availability, MAX_STATUS};

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn user(name: &str, online: bool) -> Presence {
        Presence { name: Name::new(name).unwrap(), online, since: 7, status: Status::default() }
    }

    #[test]
    fn after_a_reconnection_only_changes_are_news() {
        let mut roster = Roster::default();
        let name = |name: &str| Name::new(name).unwrap();
        roster.begin();
        assert!(roster.snapshot(at(0), vec![user("bob", true)], false).is_empty());
        assert!(!roster.is_online(&name("bob")), "not complete yet");
        let first = roster.snapshot(at(0), vec![user("carol", true)], true);
        assert!(first.is_empty(), "the first is no news");
        assert!(roster.change(user("dave", true)));
        assert!(!roster.change(user("dave", true)), "told before");
        assert!(roster.change(user("dave", false)));

        roster.begin();
        assert!(!roster.change(user("erin", true)), "part of the snapshot");
        let news = roster.snapshot(at(5), vec![user("carol", true)], true);
        assert_eq!(news, [name("erin")]);
        assert!(!roster.is_online(&name("bob")));
        assert_eq!(roster.poll_gone(at(14)), None);
        assert_eq!(roster.deadline().map(|deadline| deadline.at), Some(at(15)));
        assert_eq!(roster.poll_gone(at(15)), Some(name("bob")));
        assert_eq!((roster.poll_gone(at(99)), roster.deadline()), (None, None));
    }

    #[test]
    fn what_somebody_says_is_news_when_it_changes() {
        let mut roster = Roster::default();
        let says = |text: &str| {
            let status = Status { availability: Availability::Away, text: text.to_owned() };
            Presence { status, ..user("bob", true) }
        };
        roster.begin();
        roster.snapshot(at(0), vec![user("bob", true)], true);
        assert!(roster.change(says("lunch")));
        assert!(!roster.change(says("lunch")));
        roster.begin();
        assert!(roster.snapshot(at(1), vec![says("lunch")], true).is_empty());
        roster.begin();
        assert_eq!(roster.snapshot(at(2), vec![says("dinner")], true).len(), 1);
        let long = "é".repeat(1000);
        roster.change(says(&long));
        let kept = roster.status(&Name::new("bob").unwrap()).unwrap();
        assert_eq!(kept.text.len(), MAX_STATUS);
    }

    /// The server was started anew, and everybody comes back to it one after the other.
    #[test]
    fn an_absence_of_the_server_is_no_absence_of_the_others() {
        let mut roster = Roster::default();
        roster.begin();
        let all = ["bob", "carol", "dave"].map(|name| user(name, true));
        roster.snapshot(at(0), all.to_vec(), true);
        roster.begin();
        assert!(roster.snapshot(at(100), vec![user("bob", true)], true).is_empty());
        assert!(!roster.change(user("carol", true)), "slower to come back");
        assert!(roster.is_online(&Name::new("carol").unwrap()));
        roster.begin();
        assert!(roster.snapshot(at(105), all.to_vec(), true).is_empty(), "away once more");
        assert_eq!(roster.poll_gone(at(999)), None);
        roster.begin();
        roster.snapshot(at(1000), Vec::new(), true);
        assert!(roster.change(user("dave", false)), "known now to be gone");
        assert!(roster.change(user("dave", true)));
    }

    /// Whoever left between the pieces of a snapshot that was not finished is not here.
    #[test]
    fn a_snapshot_that_begins_anew_replaces_its_own_beginning() {
        let mut roster = Roster::default();
        roster.begin();
        roster.snapshot(at(0), vec![user("bob", true), user("carol", true)], false);
        roster.snapshot(at(0), vec![user("dave", true)], false);
        roster.snapshot(at(0), vec![user("carol", true)], false);
        roster.snapshot(at(0), vec![user("dave", true), user("erin", true)], true);
        let names: Vec<&str> = roster.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["carol", "dave", "erin"]);
    }

    #[test]
    fn a_server_cannot_fill_the_memory() {
        let mut roster = Roster::default();
        for n in 0..MAX_USERS + 10 {
            roster.change(user(&format!("u{n}"), true));
        }
        assert_eq!(roster.iter().count(), MAX_USERS);
    }
}
