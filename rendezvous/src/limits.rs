//! Token buckets: how much of something is allowed at once, and how fast it comes back.

use std::collections::BTreeMap;

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

    fn is_full(self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// Buckets by key, of bounded number.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rate: Rate,
    buckets: BTreeMap<K, Bucket>,
    capacity: usize,
}

impl<K: Ord + Clone> Limiter<K> {
    pub(crate) const fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, buckets: BTreeMap::new(), capacity }
    }

    /// Takes one from the bucket of `key`, or says after how long there will be one. When the
    /// table is full of buckets in use, a new key is refused: pushing others out would free them.
    pub(crate) fn take(&mut self, now: Instant, key: &K) -> Result<(), Duration> {
        if !self.buckets.contains_key(key) && self.buckets.len() >= self.capacity {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= self.capacity {
                return Err(self.rate.interval);
            }
        }
        self.buckets.entry(key.clone()).or_insert(Bucket::new(now)).take(now, self.rate)
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
}
