//! Flows with controllers of several kinds before one queue, without a transport around them: quick
//! enough to look at minutes of many runs.

mod bbr1;
mod bottleneck;

use bbr1::Bbr1;
use bottleneck::{Bottleneck, DATAGRAM, Flow};

use super::Controller;
use crate::config::Congestion;
use crate::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ours,
    Cubic,
    /// As Linux has it.
    Bbr1,
}

impl Kind {
    fn controller(self, start: Duration) -> Box<dyn Controller> {
        let start = Instant::ZERO + start;
        match self {
            Self::Ours => super::new(Congestion::Bbr, start, DATAGRAM),
            Self::Cubic => super::new(Congestion::Cubic, start, DATAGRAM),
            Self::Bbr1 => Box::new(Bbr1::new(DATAGRAM)),
        }
    }
}

/// What came of flows that ran together for a minute.
struct Outcome {
    /// Of the rate, each flow's.
    shares: Vec<f64>,
    /// The most that one has lost of its datagrams.
    lost: f64,
    /// The median of what one had to wait before the link.
    wait: Duration,
}

impl Outcome {
    /// Of what all have together, the first one's.
    fn part(&self) -> f64 {
        self.shares[0] / self.shares.iter().sum::<f64>()
    }
}

/// 100 Mbit/s, 50 ms, `queue` bandwidth-delay products; the flows start a second apart, the seed moves
/// these moments a little. Acknowledgements come at multiples of `grain` microseconds.
fn together(kinds: &[Kind], queue: f64, grain: u64, seed: u64) -> Outcome {
    let start = |number: u64| {
        Duration::from_millis(1000 * number + 3)
            + Duration::from_micros(seed * (7919 + 1237 * number))
    };
    let flows = kinds.iter().zip(0..).map(|(kind, number)| {
        let start = start(number);
        Flow::new(start, kind.controller(start))
    });
    let mut path = Bottleneck::new(queue, grain, flows.collect());
    let begin = start(kinds.len() as u64 - 1);
    path.run(begin);
    let before = path.delivered();
    path.waits.clear();
    path.run(begin + Duration::from_secs(60));
    let share = |(after, before): (&u64, &u64)| (after - before) as f64 / 60.0 / path.rate;
    let shares = path.delivered().iter().zip(&before).map(share).collect();
    let lost = |flow: &Flow| flow.lost as f64 / flow.sent as f64;
    path.waits.sort_unstable();
    Outcome {
        shares,
        lost: path.flows.iter().map(lost).fold(0.0, f64::max),
        wait: path.waits[path.waits.len() / 2],
    }
}

/// [W-47] Each gets between 35 and 65 % of what both have, however coarse the timers are.
#[test]
fn beside_tcp_each_gets_its_part() {
    for rival in [Kind::Cubic, Kind::Bbr1] {
        for (grain, seed) in [(1, 0), (1, 1), (500, 2), (2000, 3)] {
            let outcome = together(&[Kind::Ours, rival], 1.0, grain, seed);
            let Outcome { shares, lost, .. } = &outcome;
            let part = outcome.part();
            assert!((0.35..=0.65).contains(&part), "{rival:?} {grain} {seed}: {shares:?}");
            assert!(
                shares.iter().sum::<f64>() > 0.9 && *lost < 0.1,
                "{rival:?}: {shares:?} {lost}"
            );
        }
    }
}

/// [W-47] It was a tenth without competing.
#[test]
fn beside_tcp_a_deep_queue_leaves_a_fifth() {
    for rival in [Kind::Cubic, Kind::Bbr1] {
        for seed in 0..3 {
            let outcome = together(&[Kind::Ours, rival], 8.0, 1, seed);
            let part = outcome.part();
            assert!((0.2..=0.65).contains(&part), "{rival:?} {seed}: {:?}", outcome.shares);
        }
    }
}

/// [W-47] Four of ours in a deep queue: those that come late take the others' queue for the path, and
/// must not make them compete for long.
#[test]
fn our_own_flows_are_no_rivals() {
    let outcomes: Vec<Outcome> =
        (0..6).map(|seed| together(&[Kind::Ours; 4], 8.0, 1, seed)).collect();
    let waits: Vec<Duration> = outcomes.iter().map(|outcome| outcome.wait).collect();
    let mean = waits.iter().sum::<Duration>() / waits.len() as u32;
    assert!(mean < Duration::from_millis(50), "{waits:?}");
    for Outcome { shares, .. } in outcomes {
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        let evenness = shares.iter().sum::<f64>().powi(2) / 4.0 / squares;
        assert!(evenness > 0.85, "{shares:?}");
    }
}
