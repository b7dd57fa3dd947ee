//! Token buckets: how much of something is allowed at once, and how fast it comes back.

use std::collections::{BTreeMap, BTreeSet};

use wire::time::{Duration, Instant};

/// A rate: `burst` at once, and one more each `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Most at once.
    pub burst: u32,
    /// One comes back after this long.
    pub interval: Duration,
}

/// One bucket: full at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The instant at which the bucket will be full again.
    full_at: Instant,
}

impl Bucket {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one, or says after how long there will be one.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate) -> Result<(), Duration> {
        let full_at = self.full_at.max(now);
        let missing = full_at - now;
        let room = rate.interval * rate.burst.saturating_sub(1);
        match missing.checked_sub(room) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            Some(_) | None => {
                self.full_at = full_at + rate.interval;
                Ok(())
            }
        }
    }

    /// Takes so many, be they there or not: what is missing is owed, and [`take`](Self::take) gives nothing
    /// before it has come back. Says how long that is to whoever owes already, and takes nothing then.
    fn owe(&mut self, now: Instant, rate: Rate, count: u32) -> Result<(), Duration> {
        let full_at = self.full_at.max(now);
        match (full_at - now).checked_sub(rate.interval * rate.burst) {
            Some(owed) if owed > Duration::ZERO => Err(owed),
            Some(_) | None => {
                self.full_at = full_at + rate.interval * count;
                Ok(())
            }
        }
    }
}

/// Buckets by key, of bounded number.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rate: Rate,
    buckets: BTreeMap<K, Bucket>,
    /// The same by when they are full again: the first makes room.
    by_full: BTreeSet<(Instant, K)>,
    capacity: usize,
}

impl<K: Ord + Clone> Limiter<K> {
    pub(crate) const fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, buckets: BTreeMap::new(), by_full: BTreeSet::new(), capacity }
    }

    /// Takes one from the bucket of `key`, or says after how long there will be one. When the
    /// table is full of buckets in use, a new key is refused: pushing others out would free them.
    pub(crate) fn take(&mut self, now: Instant, key: &K) -> Result<(), Duration> {
        let rate = self.rate;
        self.with(now, key, |bucket| bucket.take(now, rate))
    }

    /// Takes so many from the bucket of `key`, as [`Bucket::owe`] does.
    pub(crate) fn owe(&mut self, now: Instant, key: &K, count: u32) -> Result<(), Duration> {
        let rate = self.rate;
        self.with(now, key, |bucket| bucket.owe(now, rate, count))
    }

    fn with(
        &mut self,
        now: Instant,
        key: &K,
        take: impl FnOnce(&mut Bucket) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let known = self.buckets.get(key).copied();
        if known.is_none() && self.buckets.len() >= self.capacity {
            if self.by_full.first().is_none_or(|(full_at, _)| *full_at > now) {
                return Err(self.rate.interval);
            }
            if let Some((_, idle)) = self.by_full.pop_first() {
                self.buckets.remove(&idle);
            }
        }
        let mut bucket = known.unwrap_or(Bucket::new(now));
        let taken = take(&mut bucket);
        if taken.is_ok() {
            if let Some(before) = self.buckets.insert(key.clone(), bucket) {
                self.by_full.remove(&(before.full_at, key.clone()));
            }
            self.by_full.insert((bucket.full_at, key.clone()));
        }
        taken
    }
}

/// Whole seconds to wait, as clients are told it: at least 1.
pub(crate) fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: Duration::from_secs(2) };

    #[test]
    fn a_burst_and_then_one_per_interval() {
        let mut now = Instant::ZERO;
        let mut bucket = Bucket::new(now);
        for _ in 0..3 {
            assert_eq!(bucket.take(now, RATE), Ok(()));
        }
        assert_eq!(bucket.take(now, RATE), Err(Duration::from_secs(2)));
        now += Duration::from_secs(2);
        assert_eq!(bucket.take(now, RATE), Ok(()));
        assert!(bucket.take(now, RATE).is_err());
        now += Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(bucket.take(now, RATE), Ok(()));
        }
        assert!(bucket.take(now, RATE).is_err(), "never more than the burst");
    }

    #[test]
    fn what_is_owed_comes_back_first() {
        let mut now = Instant::ZERO;
        let mut bucket = Bucket::new(now);
        assert_eq!((bucket.take(now, RATE), bucket.take(now, RATE)), (Ok(()), Ok(())));
        // One is there, and four are owed.
        assert_eq!(bucket.owe(now, RATE, 5), Ok(()));
        assert_eq!(bucket.owe(now, RATE, 1), Err(Duration::from_secs(8)));
        assert_eq!(bucket.take(now, RATE), Err(Duration::from_secs(10)));
        now += Duration::from_secs(8);
        assert_eq!(bucket.take(now, RATE), Err(Duration::from_secs(2)));
        assert_eq!(bucket.owe(now, RATE, 1), Ok(()), "nothing is owed any more");
        assert_eq!(bucket.take(now, RATE), Err(Duration::from_secs(4)));
    }

    /// Security acceptance B12.
    #[test]
    fn the_table_is_bounded_and_frees_no_offender() {
        let mut limiter = Limiter::new(RATE, 10);
        for _ in 0..3 {
            assert_eq!(limiter.take(Instant::ZERO, &0), Ok(()));
        }
        for key in 1..1000 {
            let _ = limiter.take(Instant::ZERO, &key);
        }
        assert!(limiter.buckets.len() <= 10);
        assert!(limiter.take(Instant::ZERO, &0).is_err(), "still limited");
        let later = Instant::ZERO + Duration::from_secs(60);
        assert_eq!(limiter.take(later, &5000), Ok(()), "idle buckets make room");
    }

    /// Whoever fills the table must not make every further request a walk through it: this would
    /// take many minutes.
    #[test]
    fn a_full_table_refuses_and_makes_room_without_looking_at_all_of_it() {
        let mut limiter = Limiter::new(RATE, 65_536);
        for key in 0..65_536u32 {
            assert_eq!(limiter.take(Instant::ZERO, &key), Ok(()));
        }
        for key in 65_536..1_000_000 {
            assert!(limiter.take(Instant::ZERO, &key).is_err());
        }
        let later = Instant::ZERO + Duration::from_secs(60);
        for key in 65_536..300_000 {
            let now = later + Duration::from_micros(u64::from(key) * 40);
            assert_eq!(limiter.take(now, &key), Ok(()));
            assert_eq!(limiter.buckets.len(), 65_536, "one goes for each that comes");
            assert_eq!(limiter.by_full.len(), 65_536);
        }
    }
}
