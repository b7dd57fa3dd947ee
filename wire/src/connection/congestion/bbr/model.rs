//! What is known of the path (draft-ietf-ccwg-bbr section 2).

use crate::connection::delivery::Demand;
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

/// What was delivered in a second, and the share of what was sent that was lost meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) delivered: f64,
    pub(super) lost: f64,
    /// The share that the link itself loses, as far as it was known then.
    pub(super) floor: Option<f64>,
}

impl Measured {
    /// The rate at which packets went through the bottleneck: those delivered, and those that were
    /// lost as the link loses them. Where that was not known yet, the link loses `floor`.
    pub(super) fn through(self, floor: f64) -> f64 {
        self.delivered / (1.0 - self.lost.min(self.floor.unwrap_or(floor)))
    }
}

/// The highest rate of the present cycle and of the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct MaxRate {
    before: Measured,
    present: Measured,
}

impl MaxRate {
    pub(super) fn update(&mut self, rate: Measured) {
        let floor = rate.floor.unwrap_or_default();
        if rate.through(floor) > self.present.through(floor) {
            self.present = rate;
        }
    }

    /// The link loses this share, as far as is known now.
    pub(super) fn get(&self, floor: f64) -> f64 {
        self.present.through(floor).max(self.before.through(floor))
    }

    /// A cycle ends. One in which nothing was measured does not count.
    pub(super) fn advance(&mut self) {
        if self.present.delivered > 0.0 {
            self.before = core::mem::take(&mut self.present);
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
    /// The median of the last round.
    last: Option<Duration>,
    /// When a round trip was last about as short, or began to be looked for.
    seen_at: Instant,
    /// For how long the path has been made use of since.
    loaded: Duration,
    /// The last acknowledgement.
    acked_at: Instant,
    /// Since when the application is the limit.
    light_since: Option<Instant>,
}

impl MinRtt {
    /// An acknowledgement came. While the application is the limit no queue of ours hides the
    /// shortest round trip: such time does not make it stale.
    pub(super) fn on_ack(&mut self, now: Instant, demand: Demand) {
        match demand {
            Demand::AppLimited => {
                self.light_since.get_or_insert(now);
            }
            Demand::WindowLimited => {
                if self.light_since.take().is_none() {
                    self.loaded += now - self.acked_at;
                }
            }
        }
        self.acked_at = now;
    }

    /// An acknowledgement measured this: believed until there is a whole round.
    pub(super) fn begin(&mut self, now: Instant, rtt: Duration) {
        if self.first.is_none() {
            self.first = Some(rtt);
            self.keep(now);
        }
    }

    /// The median of a round. One that is less than half of the one before may be that of
    /// acknowledgements which have overtaken others: only a second one like it counts.
    pub(super) fn on_round(&mut self, now: Instant, rtt: Duration) {
        let before = self.last.replace(rtt).or(self.first).unwrap_or(rtt);
        let shown = if rtt < before / 2 { before } else { rtt };
        let mut min = self.min.map_or(shown, |min| min.min(shown));
        if self.light_since.is_some_and(|since| now - since.max(self.seen_at) >= STALE) {
            // Little was in flight all this time: the path itself is longer now.
            min = rtt;
        }
        if rtt <= min + min / NEAR_DIVISOR + NEAR {
            self.keep(now);
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

    pub(super) fn is_stale(&self) -> bool {
        self.light_since.is_none() && self.loaded >= STALE
    }

    /// Whether the application is the limit.
    pub(super) const fn is_light(&self) -> bool {
        self.light_since.is_some()
    }

    /// The next round has the shortest.
    pub(super) const fn forget(&mut self, now: Instant) {
        self.min = None;
        self.first = None;
        self.last = None;
        self.keep(now);
    }

    /// It has just been measured.
    pub(super) const fn keep(&mut self, now: Instant) {
        self.seen_at = now;
        self.loaded = Duration::ZERO;
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
        let measured = |delivered| Measured { delivered, ..Measured::default() };
        rate.update(measured(5.0));
        rate.update(measured(3.0));
        rate.advance();
        assert_eq!(rate.get(0.0), 5.0);
        rate.advance();
        assert_eq!(rate.get(0.0), 5.0, "nothing was measured");
        rate.update(measured(2.0));
        assert_eq!(rate.get(0.0), 5.0);
        rate.advance();
        assert_eq!(rate.get(0.0), 2.0);
    }

    /// Congestion is not mistaken for the link's losses.
    #[test]
    fn only_the_links_own_losses_count_as_passed() {
        let measured = |delivered, lost, floor| Measured { delivered, lost, floor };
        let rate = |delivered, lost| measured(delivered, lost, Some(0.1)).through(0.0).round();
        assert_eq!(rate(900.0, 0.1), 1000.0);
        assert_eq!(rate(1000.0, 0.0), 1000.0);
        assert_eq!(rate(900.0, 0.5), 1000.0, "a tenth at most");
        let mut max = MaxRate::default();
        max.update(measured(900.0, 0.1, None));
        assert_eq!(max.get(0.0), 900.0);
        assert_eq!(max.get(0.1), 1000.0, "what the link loses may be known later");
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_shortest_round_trip_is_stale_when_none_comes_near_it() {
        let mut min = MinRtt::default();
        min.begin(at(0), ms(70));
        min.begin(at(1), ms(30));
        assert_eq!(min.get(), ms(70), "one acknowledgement is no round");
        assert_eq!(min.measured(), None);
        for second in 1..20 {
            min.on_ack(at(second), Demand::WindowLimited);
            match second {
                2 => {
                    min.on_round(at(2), ms(80));
                    min.on_round(at(2), ms(10));
                    assert_eq!(min.get(), ms(80), "nor does a round count that no other bears out");
                    min.on_round(at(2), ms(50));
                }
                9 => min.on_round(at(9), ms(52)),
                12 => min.on_round(at(12), ms(60)),
                _ => {}
            }
            assert_eq!(min.is_stale(), second >= 19, "after {second} s");
        }
        assert_eq!(min.get(), ms(50));
        min.forget(at(19));
        assert!(!min.is_stale());
        min.begin(at(20), ms(60));
        assert_eq!(min.get(), ms(60));
    }

    /// Idle hours and a chat are no load.
    #[test]
    fn the_shortest_round_trip_grows_stale_under_load_only() {
        let mut min = MinRtt::default();
        min.on_ack(at(1), Demand::WindowLimited);
        min.on_round(at(1), ms(50));
        min.on_ack(at(6), Demand::WindowLimited);
        min.on_ack(at(5000), Demand::AppLimited);
        assert!(!min.is_stale());
        min.on_ack(at(5030), Demand::AppLimited);
        min.on_ack(at(5060), Demand::WindowLimited);
        assert!(!min.is_stale());
        min.on_ack(at(5064), Demand::WindowLimited);
        assert!(!min.is_stale(), "nine seconds of load");
        min.on_ack(at(5065), Demand::WindowLimited);
        assert!(min.is_stale());
        min.on_ack(at(5066), Demand::AppLimited);
        assert!(!min.is_stale(), "no need to hold back now");
    }

    #[test]
    fn a_path_that_got_longer_shows_it_in_ten_seconds_of_little_load() {
        let mut min = MinRtt::default();
        min.on_ack(at(0), Demand::WindowLimited);
        min.on_round(at(0), ms(50));
        min.on_ack(at(1), Demand::AppLimited);
        min.on_round(at(10), ms(80));
        assert_eq!(min.get(), ms(50));
        min.on_round(at(11), ms(80));
        assert_eq!(min.get(), ms(80));
        min.on_ack(at(12), Demand::WindowLimited);
        min.on_round(at(30), ms(90));
        assert_eq!(min.get(), ms(80), "that may be our queue");
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
