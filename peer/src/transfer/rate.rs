//! How fast bytes came in the last seconds.

use std::collections::VecDeque;

use wire::time::{Duration, Instant};

/// Bytes are counted over this long.
const SPAN: Duration = Duration::from_secs(4);
/// In slots of this length: at most 17 are kept.
const SLOT: Duration = Duration::from_millis(250);

/// For less than this it is not known how fast they come.
const SETTLED: Duration = Duration::from_secs(1);

/// Bytes over the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rate {
    slots: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// So many bytes came.
    pub(super) fn add(&mut self, now: Instant, bytes: u64) {
        match self.slots.back_mut() {
            Some((start, sum)) if now - *start < SLOT => *sum += bytes,
            _ => self.slots.push_back((now, bytes)),
        }
        while self.slots.front().is_some_and(|(start, _)| now - *start > SPAN) {
            self.slots.pop_front();
        }
    }

    /// Bytes per second.
    pub(super) fn per_second(&self, now: Instant) -> u64 {
        let recent = || self.slots.iter().filter(|(start, _)| now - *start <= SPAN);
        let Some((first, _)) = recent().next() else { return 0 };
        let bytes: u64 = recent().map(|(_, sum)| sum).sum();
        let micros = (now - *first).max(SLOT).as_micros();
        u64::try_from(u128::from(bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
    }

    /// Bytes per second, once they have come for long enough that it says something about others.
    pub(super) fn settled(&self, now: Instant) -> Option<u64> {
        let mut recent = self.slots.iter().filter(|(start, _)| now - *start <= SPAN);
        recent.next().filter(|(first, _)| now - *first >= SETTLED).map(|_| self.per_second(now))
    }

    /// Nothing comes now: what came before says nothing about later.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(at(0)), 0);
        for millis in (0..10_000).step_by(10) {
            rate.add(at(millis), 1000);
        }
        let steady = rate.per_second(at(10_000));
        assert!((95_000..106_000).contains(&steady), "{steady}");
        assert!(rate.slots.len() <= 17);
        assert_eq!(rate.per_second(at(15_000)), 0, "nothing for five seconds");
    }

    #[test]
    fn the_first_bytes_already_have_a_rate() {
        let mut rate = Rate::default();
        rate.add(at(5), 1000);
        assert_eq!(rate.per_second(at(5)), 4000);
        assert_eq!(rate.settled(at(1004)), None, "of one packet");
        rate.add(at(1005), 3000);
        assert_eq!(rate.settled(at(1005)), Some(4000));
        assert_eq!(rate.settled(at(9000)), None, "long ago");
    }
}
