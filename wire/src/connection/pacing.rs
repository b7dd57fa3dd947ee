//! Pacing (RFC 9002 section 7.7): a token bucket that feeds bursts of about a millisecond
//! [W-65].

use crate::time::{Duration, Instant};

/// How long a burst lasts at the pacing rate.
const BURST: Duration = Duration::from_millis(1);
/// A program that had something to send and woke up late sends what it missed, up to this: else a
/// machine whose timers are coarse would send less than the path takes, and take that for the path.
const LATE: Duration = Duration::from_millis(10);
/// Datagrams in the smallest burst.
const MIN_BURST: u64 = 2;
/// More is not told apart: what a controller believes of a peer that acknowledges wildly stays
/// within the arithmetic here.
const MAX_RATE: u64 = 1 << 40;
const MICROS: u64 = 1_000_000;

/// The token bucket.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes that may be sent now, in millionths.
    tokens: u64,
    filled_at: Instant,
    /// Bytes a second.
    rate: u64,
    /// Largest datagram.
    datagram: u64,
    /// Something waits for [`Pacer::ready_at`].
    is_waited_for: bool,
}

impl Pacer {
    /// A bucket with `initial` bytes in it: the first window of a connection goes out at once.
    pub(crate) const fn new(now: Instant, datagram: usize, initial: u64) -> Self {
        Self {
            tokens: initial * MICROS,
            filled_at: now,
            rate: 1,
            datagram: datagram as u64,
            is_waited_for: false,
        }
    }

    /// Datagrams have another size from now on.
    pub(crate) const fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram as u64;
    }

    /// Fills in what has come in since the last time, then goes on at `rate` bytes a second.
    pub(crate) fn refill(&mut self, now: Instant, rate: u64) {
        let elapsed = u64::try_from((now - self.filled_at).as_micros()).unwrap_or(u64::MAX);
        self.filled_at = now;
        let late = if core::mem::take(&mut self.is_waited_for) { LATE } else { Duration::ZERO };
        let missed = self.rate.saturating_mul(late.as_micros() as u64);
        let capacity = (2 * self.burst() * MICROS).max(missed);
        if self.tokens < capacity {
            let filled = self.tokens.saturating_add(self.rate.saturating_mul(elapsed));
            self.tokens = filled.min(capacity);
        }
        self.rate = rate.clamp(1, MAX_RATE);
    }

    /// Bytes that may be sent now.
    pub(crate) const fn available(&self) -> u64 {
        self.tokens / MICROS
    }

    /// Bytes were sent: of a probe maybe more than there was, which is not repaid.
    pub(crate) const fn on_sent(&mut self, bytes: u64) {
        self.tokens = self.tokens.saturating_sub(bytes * MICROS);
    }

    /// When a whole burst may be sent. To be asked when not even one datagram may be, and one waits.
    pub(crate) fn ready_at(&mut self) -> Instant {
        self.is_waited_for = true;
        let missing = (self.burst() * MICROS).saturating_sub(self.tokens);
        self.filled_at + Duration::from_micros(missing.div_ceil(self.rate))
    }

    /// Bytes of a burst.
    fn burst(&self) -> u64 {
        let by_time = self.rate / (MICROS / BURST.as_micros() as u64);
        by_time.max(MIN_BURST * self.datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATAGRAM: usize = 1200;

    /// Sends as much as allowed whenever allowed; gives (time, bytes) of each burst.
    fn run(rate: u64, millis: u64, late: Duration) -> Vec<(Instant, u64)> {
        let mut pacer = Pacer::new(Instant::ZERO, DATAGRAM, 12_000);
        let mut now = Instant::ZERO;
        let mut bursts = Vec::new();
        while now.as_micros() < millis * 1000 {
            pacer.refill(now, rate);
            let datagrams = pacer.available() / 1200;
            if datagrams > 0 {
                pacer.on_sent(datagrams * 1200);
                bursts.push((now, datagrams * 1200));
            }
            now = pacer.ready_at() + late;
        }
        bursts
    }

    proptest! {
        /// In any interval no more than the rate and one full bucket; over all, the rate is
        /// reached even when every wake-up is late.
        #[test]
        fn bounded_and_reached(rate in 20_000u64..200_000_000, late in 0u64..900) {
            let bursts = run(rate, 500, Duration::from_micros(late));
            let bucket = 2 * (rate / 1000).max(2 * 1200);
            for (index, &(start, _)) in bursts.iter().enumerate().skip(1).step_by(37) {
                let mut bytes = 0;
                for &(end, size) in &bursts[index..] {
                    bytes += size;
                    let elapsed = (end - start).as_micros() as u64;
                    prop_assert!(bytes <= rate * elapsed / 1_000_000 + bucket + 1);
                }
            }
            let total: u64 = bursts.iter().map(|&(_, size)| size).sum();
            prop_assert!(total + 2 * bucket >= rate / 2, "{total} of {}", rate / 2);
        }
    }

    /// Timers of a busy machine are coarse. To send less than the pace for it would be taken for what
    /// the path takes, and the pace would come down time after time.
    #[test]
    fn what_a_late_program_missed_is_made_good() {
        let (rate, millis) = (12_500_000, 400);
        for late in [1, 4, 9] {
            let bursts = run(rate, millis, Duration::from_millis(late));
            let total: u64 = bursts.iter().map(|&(_, size)| size).sum();
            assert!(total >= rate * (millis - late - 2) / 1000, "{late} ms late: {total}");
        }
        let mut pacer = Pacer::new(Instant::ZERO, DATAGRAM, 0);
        pacer.refill(Instant::ZERO, rate);
        pacer.ready_at();
        pacer.refill(Instant::from_micros(1_000_000), rate);
        assert_eq!(pacer.available(), rate / 100, "no more than ten milliseconds of it");
        pacer.on_sent(rate / 100);
        pacer.refill(Instant::from_micros(2_000_000), rate);
        assert_eq!(pacer.available(), 2 * rate / 1000, "nothing waited");
    }

    #[test]
    fn a_burst_lasts_a_millisecond() {
        let bursts = run(12_500_000, 100, Duration::ZERO);
        let sizes = bursts[2..].iter().map(|&(_, size)| size / 1200);
        assert!(sizes.clone().all(|datagrams| (10..=11).contains(&datagrams)), "{bursts:?}");
    }

    #[test]
    fn the_first_window_goes_at_once_and_idling_saves_no_more_than_a_bucket() {
        let mut pacer = Pacer::new(Instant::ZERO, DATAGRAM, 12_000);
        pacer.refill(Instant::ZERO, 100_000);
        assert_eq!(pacer.available(), 12_000);
        pacer.on_sent(12_000);
        assert!(pacer.ready_at() > Instant::ZERO);
        pacer.refill(Instant::from_micros(u64::MAX), u64::MAX);
        assert_eq!(pacer.available(), 2 * 2 * 1200);
    }
}
