//! Who is there. Somebody whose connection breaks is held to be there for a short while: a blip
//! that ends within it is not announced, neither as a leave nor as a join.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::name::Name;
use wire::app::server::{Presence as Online, Status};
use wire::time::{Duration, Instant};

/// Whether somebody who goes may be expected back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Logged out.
    Meant,
    /// The connection broke.
    Lost,
}

/// What a change of presence means to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// They are to be told.
    Announce,
    /// They need not know.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Connected.
    Here,
    /// Not connected, at most until then; last seen at that time (seconds since 1970).
    Held { until: Instant, seen: u64 },
}

#[derive(Clone, Debug)]
struct Entry {
    standing: Standing,
    /// Seconds since 1970.
    since: u64,
    /// What the user says; it outlives a blip.
    status: Status,
}

impl Entry {
    fn of(&self, name: &Name) -> Online {
        let status = self.status.clone();
        Online { name: name.clone(), online: true, since: self.since, status }
    }
}

/// Everyone who counts as online.
#[derive(Debug)]
pub(crate) struct Presence {
    hold_down: Duration,
    entries: BTreeMap<Name, Entry>,
    held: BTreeSet<(Instant, Name)>,
}

impl Presence {
    pub(crate) const fn new(hold_down: Duration) -> Self {
        Self { hold_down, entries: BTreeMap::new(), held: BTreeSet::new() }
    }

    /// A user's session began.
    pub(crate) fn came(&mut self, name: &Name, unix: u64) -> Change {
        let Some(entry) = self.entries.get_mut(name) else {
            let status = Status::default();
            let entry = Entry { standing: Standing::Here, since: unix, status };
            self.entries.insert(name.clone(), entry);
            return Change::Announce;
        };
        if let Standing::Held { until, .. } = entry.standing {
            self.held.remove(&(until, name.clone()));
        }
        entry.standing = Standing::Here;
        Change::Silent
    }

    /// What a user who is online says about being there.
    pub(crate) fn set_status(&mut self, name: &Name, status: Status) -> Change {
        match self.entries.get_mut(name) {
            Some(entry) if entry.status != status => {
                entry.status = status;
                Change::Announce
            }
            Some(_) | None => Change::Silent,
        }
    }

    /// A user's session ended.
    pub(crate) fn went(&mut self, now: Instant, name: &Name, leave: Leave, unix: u64) -> Change {
        let Some(entry) = self.entries.get_mut(name) else { return Change::Silent };
        match (leave, entry.standing) {
            (Leave::Meant, standing) => {
                if let Standing::Held { until, .. } = standing {
                    self.held.remove(&(until, name.clone()));
                }
                self.entries.remove(name);
                Change::Announce
            }
            (Leave::Lost, Standing::Here) => {
                let until = now + self.hold_down;
                entry.standing = Standing::Held { until, seen: unix };
                self.held.insert((until, name.clone()));
                Change::Silent
            }
            (Leave::Lost, Standing::Held { .. }) => Change::Silent,
        }
    }

    /// Somebody who has not come back in time, and when he was last seen.
    pub(crate) fn poll_gone(&mut self, now: Instant) -> Option<(Name, u64)> {
        let (until, _) = self.held.first()?;
        if *until > now {
            return None;
        }
        let (_, name) = self.held.pop_first()?;
        match self.entries.remove(&name)?.standing {
            Standing::Held { seen, .. } => Some((name, seen)),
            Standing::Here => unreachable!("whoever comes back is no longer in `held`"),
        }
    }

    /// When the next absence becomes a leave.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.held.first().map(|(until, _)| *until)
    }

    /// A user who is online.
    pub(crate) fn of(&self, name: &Name) -> Option<Online> {
        self.entries.get(name).map(|entry| entry.of(name))
    }

    /// Everyone after `after` in the order of names.
    pub(crate) fn after(&self, after: Option<&Name>) -> impl Iterator<Item = Online> {
        use core::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        self.entries.range::<Name, _>((start, Unbounded)).map(|(name, entry)| entry.of(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(8);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_blip_is_not_announced() {
        let alice = Name::new("alice").unwrap();
        let mut presence = Presence::new(HOLD);
        assert_eq!(presence.came(&alice, 100), Change::Announce);
        assert_eq!(presence.went(at(10), &alice, Leave::Lost, 110), Change::Silent);
        assert_eq!(presence.poll_gone(at(17)), None);
        let since = |presence: &Presence| presence.of(&alice).map(|online| online.since);
        assert_eq!(since(&presence), Some(100), "still counts as online");
        let away =
            Status { availability: wire::app::server::Availability::Away, ..Status::default() };
        assert_eq!(presence.set_status(&alice, away.clone()), Change::Announce);
        assert_eq!(presence.set_status(&alice, away.clone()), Change::Silent);
        assert_eq!(presence.came(&alice, 117), Change::Silent);
        assert_eq!(presence.poll_gone(at(60)), None);
        assert_eq!(since(&presence), Some(100));
        assert_eq!(
            presence.of(&alice).map(|online| online.status),
            Some(away),
            "also after a blip"
        );
    }

    #[test]
    fn an_absence_is_announced_once_with_its_true_time() {
        let alice = Name::new("alice").unwrap();
        let mut presence = Presence::new(HOLD);
        let _ = presence.came(&alice, 100);
        let _ = presence.went(at(10), &alice, Leave::Lost, 110);
        assert_eq!(presence.poll_timeout(), Some(at(18)));
        assert_eq!(presence.poll_gone(at(18)), Some((alice.clone(), 110)));
        assert_eq!(presence.poll_gone(at(18)), None);
        assert_eq!(presence.came(&alice, 130), Change::Announce);
    }

    #[test]
    fn a_logout_is_announced_at_once() {
        let alice = Name::new("alice").unwrap();
        let mut presence = Presence::new(HOLD);
        let _ = presence.came(&alice, 100);
        assert_eq!(presence.went(at(1), &alice, Leave::Meant, 101), Change::Announce);
        assert_eq!(presence.poll_timeout(), None);
        assert_eq!(presence.after(None).count(), 0);
        assert_eq!(presence.went(at(1), &alice, Leave::Meant, 101), Change::Silent);
    }
}
