//! What is known of the path (draft-ietf-ccwg-bbr section 2).

use crate::time::{Duration, Instant};

/// Round trips counted in packets: one has passed when something is acknowledged that was sent
/// after the last one began.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    count: u64,
    /// Bytes delivered when this round began.
    began_at: u64,
}

impl Rounds {
    /// Something was acknowledged before whose sending `prior` bytes were delivered; `delivered`
    /// are now. Whether a round has ended.
    pub(super) const fn on_ack(&mut self, prior: u64, delivered: u64) -> bool {
        if prior < self.began_at {
            return false;
        }
        self.began_at = delivered;
        self.count += 1;
        true
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

/// The highest rate of the present cycle and of the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct MaxRate {
    before: f64,
    present: f64,
}

impl MaxRate {
    pub(super) const fn update(&mut self, rate: f64) {
        self.present = self.present.max(rate);
    }

    pub(super) const fn get(&self) -> f64 {
        self.present.max(self.before)
    }

    /// A cycle ends. One in which nothing was measured does not count.
    pub(super) fn advance(&mut self) {
        if self.present > 0.0 {
            self.before = self.present;
            self.present = 0.0;
        }
    }
}

/// The shortest round trip is looked for when none has come near it for so long.
const STALE: Duration = Duration::from_secs(10);
/// How near is near enough.
const NEAR_DIVISOR: u32 = 32;
const NEAR: Duration = Duration::from_micros(500);

/// The shortest round trip.
#[derive(Clone, Debug, Default)]
pub(super) struct MinRtt {
    min: Option<Duration>,
    /// What the first acknowledgement measured, until there is a round.
    first: Option<Duration>,
    /// When a round trip was last about as short.
    seen_at: Instant,
}

impl MinRtt {
    /// An acknowledgement measured this: believed until there is a whole round.
    pub(super) fn begin(&mut self, now: Instant, rtt: Duration) {
        if self.first.is_none() {
            self.first = Some(rtt);
            self.seen_at = now;
        }
    }

    /// The median of a round.
    pub(super) fn on_round(&mut self, now: Instant, rtt: Duration) {
        let min = self.min.map_or(rtt, |min| min.min(rtt));
        if rtt <= min + min / NEAR_DIVISOR + NEAR {
            self.seen_at = now;
        }
        self.min = Some(min);
    }

    pub(super) fn get(&self) -> Duration {
        self.min.or(self.first).unwrap_or_default()
    }

    /// That of a whole round.
    pub(super) const fn measured(&self) -> Option<Duration> {
        self.min
    }

    pub(super) fn is_stale(&self, now: Instant) -> bool {
        now - self.seen_at >= STALE
    }

    /// The next round has the shortest.
    pub(super) const fn forget(&mut self, now: Instant) {
        self.min = None;
        self.first = None;
        self.seen_at = now;
    }

    /// It has just been measured.
    pub(super) const fn keep(&mut self, now: Instant) {
        self.seen_at = now;
    }
}

/// The rate grows by at least this much in a round as long as the path is not full...
const GROWTH: f64 = 1.25;
/// ...and it is full when it did not for so many rounds.
const PATIENCE: u32 = 3;

/// Whether the path is full.
#[derive(Clone, Debug, Default)]
pub(super) struct FullPipe {
    rate: f64,
    rounds: u32,
    is_reached: bool,
}

impl FullPipe {
    pub(super) fn on_round(&mut self, rate: f64) {
        if rate >= self.rate * GROWTH {
            self.rate = rate;
            self.rounds = 0;
        } else {
            self.rounds += 1;
            self.is_reached |= self.rounds >= PATIENCE;
        }
    }

    /// Something else has shown it.
    pub(super) const fn reach(&mut self) {
        self.is_reached = true;
    }

    pub(super) const fn is_reached(&self) -> bool {
        self.is_reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_with_the_first_packet_sent_in_it() {
        let mut rounds = Rounds::default();
        assert!(rounds.on_ack(0, 1000));
        assert!(!rounds.on_ack(0, 2000));
        assert!(!rounds.on_ack(999, 3000));
        assert!(rounds.on_ack(1000, 4000));
        assert_eq!(rounds.count(), 2);
    }

    #[test]
    fn the_rate_is_that_of_two_cycles() {
        let mut rate = MaxRate::default();
        rate.update(5.0);
        rate.update(3.0);
        rate.advance();
        assert_eq!(rate.get(), 5.0);
        rate.advance();
        assert_eq!(rate.get(), 5.0, "nothing was measured");
        rate.update(2.0);
        assert_eq!(rate.get(), 5.0);
        rate.advance();
        assert_eq!(rate.get(), 2.0);
    }

    #[test]
    fn the_shortest_round_trip_is_stale_when_none_comes_near_it() {
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let ms = Duration::from_millis;
        let mut min = MinRtt::default();
        min.begin(at(0), ms(70));
        min.begin(at(1), ms(30));
        assert_eq!(min.get(), ms(70), "one acknowledgement is no round");
        assert_eq!(min.measured(), None);
        min.on_round(at(2), ms(80));
        min.on_round(at(2), ms(50));
        min.on_round(at(9), ms(52));
        min.on_round(at(12), ms(60));
        assert_eq!(min.get(), ms(50));
        assert!(!min.is_stale(at(18)));
        assert!(min.is_stale(at(19)));
        min.forget(at(19));
        assert!(!min.is_stale(at(28)));
        min.begin(at(20), ms(60));
        assert_eq!(min.get(), ms(60));
    }

    #[test]
    fn the_path_is_full_when_the_rate_stands_for_three_rounds() {
        let mut full = FullPipe::default();
        for rate in [10.0, 20.0, 24.0, 24.5, 25.0, 26.0, 27.0] {
            full.on_round(rate);
            assert!(!full.is_reached());
        }
        full.on_round(28.0);
        assert!(full.is_reached());
    }
}
