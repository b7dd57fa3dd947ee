//! How often others are told that one user came, went, or says something else of being there. What is too
//! much is held back; when the rate allows it again, it is told how it is then, and nothing of what was
//! in between. So nobody is shown wrongly for longer than that.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::name::Name;
use wire::time::Instant;

use crate::limits::{Limiter, Rate};

/// Most users whose notices are counted; those of more are held back for a moment.
const MAX_COUNTED: usize = 262_144;

/// What is held back.
#[derive(Debug)]
pub(crate) struct Pace {
    told: Limiter<Name>,
    held: BTreeMap<Name, Held>,
    due: BTreeSet<(Instant, Name)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    until: Instant,
    /// When the user was last seen, should he be gone then: seconds since 1970.
    seen: u64,
}

impl Pace {
    pub(crate) const fn new(rate: Rate) -> Self {
        let told = Limiter::new(rate, MAX_COUNTED);
        Self { told, held: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Whether others may be told now what is new of this user, who was last seen then. If not, it comes
    /// from [`poll`](Self::poll).
    pub(crate) fn allow(&mut self, now: Instant, name: &Name, seen: u64) -> bool {
        if let Some(held) = self.held.get_mut(name) {
            held.seen = seen;
            return false;
        }
        match self.told.take(now, name) {
            Ok(()) => true,
            Err(wait) => {
                self.hold(name.clone(), Held { until: now + wait, seen });
                false
            }
        }
    }

    /// A user of whom others are to be told now how it is, and when he was last seen.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<(Name, u64)> {
        loop {
            self.due.first().filter(|(until, _)| *until <= now)?;
            let (_, name) = self.due.pop_first()?;
            let Some(Held { seen, .. }) = self.held.remove(&name) else { continue };
            match self.told.take(now, &name) {
                Ok(()) => return Some((name, seen)),
                Err(wait) => self.hold(name, Held { until: now + wait, seen }),
            }
        }
    }

    /// When [`poll`](Self::poll) next gives somebody.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(until, _)| *until)
    }

    fn hold(&mut self, name: Name, held: Held) {
        self.due.insert((held.until, name.clone()));
        self.held.insert(name, held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::time::Duration;

    const RATE: Rate = Rate { burst: 2, interval: Duration::from_secs(10) };

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_too_much_is_told_once_when_there_is_time() {
        let [alice, bob] = ["alice", "bob"].map(|name| Name::new(name).unwrap());
        let mut pace = Pace::new(RATE);
        assert!(pace.allow(at(0), &alice, 0) && pace.allow(at(1), &alice, 1));
        for second in 2..9 {
            assert!(!pace.allow(at(second), &alice, second));
        }
        assert!(pace.allow(at(8), &bob, 8), "each for himself");
        assert_eq!(pace.poll_timeout(), Some(at(10)));
        assert_eq!(pace.poll(at(9)), None);
        assert_eq!(pace.poll(at(10)), Some((alice.clone(), 8)), "as it was last");
        assert_eq!((pace.poll(at(10)), pace.poll_timeout()), (None, None), "once");
        assert!(!pace.allow(at(11), &alice, 11), "that counted, too");
        assert_eq!(pace.poll_timeout(), Some(at(20)));
        assert_eq!(pace.poll(at(60)), Some((alice, 11)), "late, if nobody looked");
        assert!(pace.held.is_empty() && pace.due.is_empty());
    }
}
