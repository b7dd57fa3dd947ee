//! How fast files may go: so many bytes a second, for all transfers together. Messages are not counted.

use wire::time::{Duration, Instant};

/// What was not used is kept for this long: enough that a late timer loses nothing.
const KEPT: Duration = Duration::from_millis(250);
/// The least that is sent at once: smaller pieces would wake the program more often than anybody notices.
const QUANTUM: i64 = 16 << 10;

/// A token bucket.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// Bytes a second; `None` for no limit.
    rate: Option<u64>,
    /// Bytes that may go at `at`; below zero, what went too early.
    level: i64,
    at: Option<Instant>,
}

impl Limit {
    /// From now on it is this.
    pub(super) const fn set(&mut self, rate: Option<u64>) {
        *self = Self { rate, level: 0, at: None };
    }

    /// How many of `wanted` bytes may go now; none, where so few may that it is better to wait.
    pub(super) fn allowance(&mut self, now: Instant, wanted: usize) -> usize {
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        match self.level(now) {
            None => usize::try_from(wanted).unwrap_or(usize::MAX),
            Some(level) if level < wanted.min(QUANTUM) => 0,
            Some(level) => usize::try_from(level.min(wanted)).unwrap_or(0),
        }
    }

    /// Whether one more request may be made now, however long its answer is: what that is too much is
    /// waited for before the next.
    pub(super) fn is_open(&mut self, now: Instant) -> bool {
        self.level(now).is_none_or(|level| level > 0)
    }

    /// So many bytes went, or were asked for.
    pub(super) fn take(&mut self, bytes: u64) {
        if self.rate.is_some() {
            self.level = self.level.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    /// When `wanted` bytes, or as many as are sent at once, may go; `None` when they may now.
    pub(super) fn opens_at(&mut self, now: Instant, wanted: usize) -> Option<Instant> {
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX).clamp(1, QUANTUM);
        let missing = u64::try_from(wanted - self.level(now)?).ok().filter(|it| *it > 0)?;
        let micros = u128::from(missing) * 1_000_000 / u128::from(self.rate?.max(1));
        // Rounded up: else it would be looked at a moment too early.
        Some(now + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX / 4) + 1))
    }

    /// Bytes that may go now; `None` where there is no limit.
    fn level(&mut self, now: Instant) -> Option<i64> {
        let rate = self.rate?;
        let most = i64::try_from(bytes_in(KEPT, rate)).unwrap_or(i64::MAX).max(QUANTUM);
        let since = self.at.replace(now).unwrap_or(now);
        let more = bytes_in(now - since, rate);
        if more == 0 {
            // Less than a byte: counted with what comes after it.
            self.at = Some(since);
        }
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(more).min(most);
        Some(self.level)
    }
}

fn bytes_in(time: Duration, rate: u64) -> u64 {
    u64::try_from(time.as_micros() * u128::from(rate) / 1_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn without_a_limit_all_may_go() {
        let mut limit = Limit::default();
        assert_eq!(limit.allowance(at(0), 1 << 20), 1 << 20);
        limit.take(u64::MAX);
        assert!(limit.is_open(at(0)));
        assert_eq!(limit.opens_at(at(0), 1), None);
    }

    /// Whoever sends whenever he may is at the limit, and never above it.
    #[test]
    fn over_time_it_is_the_rate() {
        for rate in [1000, 50_000, 2_000_000, 900_000_000] {
            let mut limit = Limit::default();
            limit.set(Some(rate));
            let (mut now, mut sent) = (at(0), 0);
            while now < at(60_000) {
                let most = limit.allowance(now, 1 << 20);
                limit.take(most as u64);
                sent += most as u64;
                let kept = rate / 4 + QUANTUM as u64;
                assert!(sent <= bytes_in(now - at(0), rate) + kept, "{rate}: {sent} at {now:?}");
                now = limit.opens_at(now, 1 << 20).unwrap_or(now + Duration::from_micros(1));
            }
            assert!(sent + QUANTUM as u64 * 2 >= 60 * rate, "{rate}: {sent}");
        }
    }

    #[test]
    fn what_was_asked_for_too_early_is_waited_for() {
        let mut limit = Limit::default();
        limit.set(Some(100_000));
        limit.level(at(0));
        assert!(!limit.is_open(at(0)) && limit.is_open(at(10)));
        limit.take(1 << 20);
        let opens = limit.opens_at(at(10), 1).unwrap();
        assert!(opens > at(10_000) && opens < at(11_000), "{opens:?}");
        assert!(limit.is_open(opens));
        // A long pause is no right to a burst.
        assert!(limit.allowance(at(600_000), 1 << 30) <= 25_000);
    }
}
