//! The one place where time is read.

use rustix::time::{ClockId, clock_gettime};

use crate::time::Instant;

/// A monotonic clock that counts suspension (CLOCK_BOOTTIME): after eight hours of sleep, a
/// laptop's time-outs have passed, as the other side's have.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: u64,
}

impl Clock {
    /// A clock whose zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: micros(ClockId::Boottime) }
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_micros(micros(ClockId::Boottime).saturating_sub(self.origin))
    }

    /// The wall clock: milliseconds since 1970. May jump; only for what people read and for
    /// tokens that outlive a restart.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        micros(ClockId::Realtime) / 1000
    }
}

fn micros(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_forward_from_zero() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second && second < Instant::from_micros(60_000_000));
        assert!(clock.unix_ms() > 1_600_000_000_000, "later than 2020");
    }
}
