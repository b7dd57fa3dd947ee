//! Round-trip time (RFC 9002 section 5) [W-56].

use crate::time::Duration;

/// What no timer is finer than (RFC 9002 section 6.1.2).
pub(crate) const GRANULARITY: Duration = Duration::from_millis(1);

/// The estimate for one path.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    latest: Duration,
    smoothed: Duration,
    variation: Duration,
    /// `None` until the first sample.
    min: Option<Duration>,
    /// What follows from the others; asked for with every packet.
    probe_timeout: Duration,
}

impl Rtt {
    /// Before any sample (RFC 9002 section 5.3).
    pub(crate) fn assumed(initial: Duration) -> Self {
        Self::new(initial, initial, initial / 2, None)
    }

    fn new(
        latest: Duration,
        smoothed: Duration,
        variation: Duration,
        min: Option<Duration>,
    ) -> Self {
        let probe_timeout = smoothed + (variation * 4).max(GRANULARITY);
        Self { latest, smoothed, variation, min, probe_timeout }
    }

    /// A round trip was measured; the other side held its answer back for `ack_delay`.
    pub(crate) fn on_sample(&mut self, sample: Duration, ack_delay: Duration) {
        // Below the clock's grain a round trip would be zero, and rates infinite.
        let sample = sample.max(Duration::from_micros(1));
        let Some(min) = self.min else {
            *self = Self::new(sample, sample, sample / 2, Some(sample));
            return;
        };
        let min = min.min(sample);
        let adjusted = if sample >= min + ack_delay { sample - ack_delay } else { sample };
        let variation = (self.variation * 3 + self.smoothed.abs_diff(adjusted)) / 4;
        let smoothed = (self.smoothed * 7 + adjusted) / 8;
        *self = Self::new(sample, smoothed, variation, Some(min));
    }

    /// The minimum seen so far no longer holds (RFC 9002 section 5.2: after persistent
    /// congestion).
    pub(crate) fn forget_min(&mut self) {
        self.min = self.min.map(|_| self.latest);
    }

    pub(crate) const fn latest(&self) -> Duration {
        self.latest
    }

    pub(crate) const fn smoothed(&self) -> Duration {
        self.smoothed
    }

    /// The shortest one, once there is one (RFC 9002 section 5.2).
    pub(crate) const fn min(&self) -> Option<Duration> {
        self.min
    }

    pub(crate) const fn is_measured(&self) -> bool {
        self.min.is_some()
    }

    /// The time after which an answer is overdue, without the other side's delay (RFC 9002
    /// section 6.2.1).
    pub(crate) const fn probe_timeout(&self) -> Duration {
        self.probe_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_sample_replaces_what_was_assumed() {
        let mut rtt = Rtt::assumed(ms(333));
        assert!(!rtt.is_measured());
        assert_eq!(rtt.probe_timeout(), ms(333) + ms(333) * 2);
        rtt.on_sample(ms(100), ms(25));
        assert_eq!((rtt.smoothed(), rtt.min, rtt.latest()), (ms(100), Some(ms(100)), ms(100)));
        assert_eq!(rtt.probe_timeout(), ms(300));
    }

    /// The formulas of RFC 9002 section 5.3, by hand.
    /// [W-56].
    #[test]
    fn later_samples_are_smoothed_without_the_delay_of_the_other_side() {
        let mut rtt = Rtt::assumed(ms(333));
        rtt.on_sample(ms(100), ms(0));
        rtt.on_sample(ms(140), ms(20));
        // adjusted 120: variation 3/4 * 50 + 1/4 * 20 = 42.5, smoothed 7/8 * 100 + 15 = 102.5
        assert_eq!(rtt.smoothed(), Duration::from_micros(102_500));
        assert_eq!(rtt.probe_timeout(), Duration::from_micros(102_500 + 4 * 42_500));
        // The delay may not bring a sample below the minimum.
        rtt.on_sample(ms(101), ms(20));
        assert_eq!(rtt.smoothed(), (Duration::from_micros(102_500) * 7 + ms(101)) / 8);
        assert_eq!(rtt.min, Some(ms(100)));
        rtt.forget_min();
        assert_eq!(rtt.min, Some(ms(101)));
    }
}
