//! Who is online, as the server tells.

use std::collections::BTreeMap;

use wire::app::name::Name;
use wire::app::server::Presence;

/// Most users kept: a server that names more is not believed to the end.
const MAX_USERS: usize = 100_000;

/// Users that are online and may be seen, and since when.
#[derive(Debug, Default)]
pub(super) struct Roster {
    online: BTreeMap<Name, u64>,
    /// A snapshot that is still arriving.
    arriving: Option<BTreeMap<Name, u64>>,
    /// Whether a snapshot was ever complete: before that, everyone is news to nobody.
    complete: bool,
}

impl Roster {
    /// A session begins: its snapshot replaces what is known, when it is complete.
    pub(super) fn begin(&mut self) {
        self.arriving = Some(BTreeMap::new());
    }

    /// The next piece of a snapshot. With the last, gives who came and who left meanwhile.
    pub(super) fn snapshot(&mut self, users: Vec<Presence>, last: bool) -> Vec<(Name, bool)> {
        let arriving = self.arriving.get_or_insert_default();
        for user in users.into_iter().filter(|user| user.online) {
            if arriving.len() < MAX_USERS {
                arriving.insert(user.name, user.since);
            }
        }
        if !last {
            return Vec::new();
        }
        let now = self.arriving.take().unwrap_or_default();
        let before = core::mem::replace(&mut self.online, now);
        if !core::mem::replace(&mut self.complete, true) {
            return Vec::new();
        }
        let left = before.keys().filter(|name| !self.online.contains_key(*name));
        let came = self.online.keys().filter(|name| !before.contains_key(*name));
        left.map(|name| (name.clone(), false))
            .chain(came.map(|name| (name.clone(), true)))
            .collect()
    }

    /// One user came or left; says whether that is news.
    pub(super) fn change(&mut self, user: Presence) -> bool {
        let Presence { name, online, since } = user;
        if let Some(arriving) = &mut self.arriving {
            if !online {
                arriving.remove(&name);
            } else if arriving.len() < MAX_USERS {
                arriving.insert(name, since);
            }
            return false;
        }
        if !online {
            return self.online.remove(&name).is_some();
        }
        let room = self.online.len() < MAX_USERS || self.online.contains_key(&name);
        room && self.online.insert(name, since).is_none()
    }

    /// Whether this user is online.
    pub(super) fn is_online(&self, user: &Name) -> bool {
        self.online.contains_key(user)
    }

    /// Everyone online, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, u64)> {
        self.online.iter().map(|(name, since)| (name, *since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, online: bool) -> Presence {
        Presence { name: Name::new(name).unwrap(), online, since: 7 }
    }

    #[test]
    fn after_a_reconnection_only_changes_are_news() {
        let mut roster = Roster::default();
        roster.begin();
        assert!(roster.snapshot(vec![user("bob", true)], false).is_empty());
        assert!(!roster.is_online(&Name::new("bob").unwrap()), "not complete yet");
        let first = roster.snapshot(vec![user("carol", true)], true);
        assert!(first.is_empty(), "the first is no news");
        assert!(roster.change(user("dave", true)));
        assert!(!roster.change(user("dave", true)), "told before");
        assert!(roster.change(user("dave", false)));

        roster.begin();
        assert!(!roster.change(user("erin", true)), "part of the snapshot");
        let news = roster.snapshot(vec![user("carol", true)], true);
        let name = |name: &str| Name::new(name).unwrap();
        assert_eq!(news, [(name("bob"), false), (name("erin"), true)]);
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
