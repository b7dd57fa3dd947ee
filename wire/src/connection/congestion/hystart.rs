//! HyStart++ (RFC 9406): leaves slow start when the round trip grows, before the queue is full.

use crate::id::PacketNumber;
use crate::time::Duration;

/// RFC 9406 section 4.3, the constants that it recommends.
const MIN_RTT_THRESHOLD: Duration = Duration::from_millis(4);
const MAX_RTT_THRESHOLD: Duration = Duration::from_millis(16);
const MIN_RTT_DIVISOR: u32 = 8;
const SAMPLES: u32 = 8;
const CONSERVATIVE_ROUNDS: u32 = 5;
/// By how much conservative slow start grows more slowly.
pub(super) const CONSERVATIVE_DIVISOR: u64 = 4;

/// How the window may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// By every byte acknowledged.
    SlowStart,
    /// By a quarter of that: the round trip has grown; watch whether it stays so.
    Conservative,
    /// Slow start is over.
    Avoidance,
}

#[derive(Clone, Debug)]
pub(super) struct HyStart {
    /// The round ends when this number is acknowledged.
    round_end: Option<PacketNumber>,
    last_round_min: Option<Duration>,
    round_min: Option<Duration>,
    samples: u32,
    conservative: Option<Conservative>,
}

#[derive(Clone, Debug)]
struct Conservative {
    baseline: Duration,
    rounds: u32,
}

impl HyStart {
    pub(super) const fn new() -> Self {
        Self {
            round_end: None,
            last_round_min: None,
            round_min: None,
            samples: 0,
            conservative: None,
        }
    }

    /// An acknowledgement of `largest`, with the round trip that it measured; `next` is the
    /// number that the next packet will have.
    pub(super) fn on_ack(
        &mut self,
        largest: PacketNumber,
        next: PacketNumber,
        rtt: Option<Duration>,
    ) -> Growth {
        if let Some(rtt) = rtt {
            self.round_min = Some(self.round_min.map_or(rtt, |min| min.min(rtt)));
            self.samples += 1;
        }
        let growth = self.assess();
        if self.round_end.is_none_or(|end| largest >= end) {
            return self.next_round(next, growth);
        }
        growth
    }

    /// RFC 9406 section 4.2, for each acknowledgement.
    fn assess(&mut self) -> Growth {
        let enough = self.samples >= SAMPLES;
        match (&self.conservative, self.round_min, self.last_round_min) {
            (Some(conservative), Some(min), _) => {
                if enough && min < conservative.baseline {
                    // It was jitter: back to where we were.
                    self.conservative = None;
                    Growth::SlowStart
                } else {
                    Growth::Conservative
                }
            }
            (Some(_), None, _) => Growth::Conservative,
            (None, Some(min), Some(last)) if enough => {
                let threshold =
                    (last / MIN_RTT_DIVISOR).max(MIN_RTT_THRESHOLD).min(MAX_RTT_THRESHOLD);
                if min >= last + threshold {
                    self.conservative = Some(Conservative { baseline: min, rounds: 0 });
                    Growth::Conservative
                } else {
                    Growth::SlowStart
                }
            }
            (None, _, _) => Growth::SlowStart,
        }
    }

    fn next_round(&mut self, next: PacketNumber, growth: Growth) -> Growth {
        self.round_end = Some(next);
        self.last_round_min = self.round_min.or(self.last_round_min);
        self.round_min = None;
        self.samples = 0;
        if let Some(conservative) = &mut self.conservative {
            conservative.rounds += 1;
            if conservative.rounds > CONSERVATIVE_ROUNDS {
                return Growth::Avoidance;
            }
        }
        growth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of ten acknowledgements, each round with one round-trip time.
    fn run(rounds: &[u64]) -> Vec<Growth> {
        let mut hystart = HyStart::new();
        let mut number = 0;
        rounds
            .iter()
            .map(|&millis| {
                let mut growth = Growth::SlowStart;
                for step in 0..10 {
                    number += 1;
                    let next = if step == 9 { number + 10 } else { number + 19 - step };
                    growth = hystart.on_ack(number, next, Some(Duration::from_millis(millis)));
                }
                growth
            })
            .collect()
    }

    #[test]
    fn a_steady_round_trip_stays_in_slow_start() {
        assert!(run(&[50; 20]).iter().all(|growth| *growth == Growth::SlowStart));
        assert!(run(&[50, 51, 53, 52, 54]).iter().all(|growth| *growth == Growth::SlowStart));
    }

    #[test]
    fn growth_that_stays_ends_slow_start_after_five_rounds() {
        let growths = run(&[50, 50, 60, 60, 60, 60, 60, 60, 60, 60]);
        assert_eq!(growths[1], Growth::SlowStart);
        let conservative = growths.iter().filter(|g| **g == Growth::Conservative).count();
        assert!((4..=6).contains(&conservative), "{growths:?}");
        assert!(growths.contains(&Growth::Avoidance), "{growths:?}");
    }

    #[test]
    fn a_jump_that_goes_back_was_jitter() {
        let growths = run(&[50, 50, 70, 50, 50, 50]);
        assert!(growths.contains(&Growth::Conservative), "{growths:?}");
        assert_eq!(growths.last(), Some(&Growth::SlowStart), "{growths:?}");
    }

    #[test]
    fn few_samples_say_nothing() {
        let mut hystart = HyStart::new();
        for round in 0..20u64 {
            let rtt = Duration::from_millis(50 + 10 * round);
            assert_eq!(hystart.on_ack(round, round + 1, Some(rtt)), Growth::SlowStart);
        }
    }
}
