//! The conditions under which transfers are measured in virtual time, and what they reach.

use core::fmt::Write as _;
use core::time::Duration;

use wire::{Congestion, Seed, TransportConfig};

use crate::bottleneck::{Change, Direction, Flow, Lane, Outcome, Path, run};
use crate::{Impairment, Loss, Probability};

/// A path and what is sent over it.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its name in the table.
    pub name: &'static str,
    /// Bits per second.
    pub rate: u64,
    /// Bits per second of the way back.
    pub rate_back: u64,
    /// Round trip in milliseconds.
    pub rtt: u64,
    /// The queue before the bottleneck, in bandwidth-delay products.
    pub queue: f64,
    /// Loss, reordering and the like of either direction.
    pub impairment: Impairment,
    /// What changes on the way.
    pub changes: Vec<(Duration, Change)>,
    /// Bytes of the file.
    pub bytes: u64,
    /// What fills the way back meanwhile, and since two seconds before.
    pub back: Option<Congestion>,
    /// How coarse the timers of both ends are.
    pub timers: Duration,
}

/// How long a message waits for the next.
pub const MESSAGE_EVERY: Duration = Duration::from_millis(20);
/// The path's MTU: Ethernet, less the headers of IPv4 and UDP.
const MTU: usize = 1472;
/// Runs of each condition: how losses happen to fall changes a figure by some per cent.
const RUNS: usize = 9;
/// How long before the file what goes the other way starts.
const EARLIER: Duration = Duration::from_secs(2);
/// Longest run.
const LONGEST: Duration = Duration::from_secs(900);

const MBIT: u64 = 1_000_000;
const MIB: u64 = 1 << 20;

/// 100 Mbit/s, 50 ms, a queue of one bandwidth-delay product, 32 MiB.
fn clean(name: &'static str) -> Condition {
    Condition {
        name,
        rate: 100 * MBIT,
        rate_back: 100 * MBIT,
        rtt: 50,
        queue: 1.0,
        impairment: Impairment::default(),
        changes: Vec::new(),
        bytes: 32 * MIB,
        back: None,
        timers: Duration::from_micros(1),
    }
}

fn lossy(name: &'static str, percent: f64) -> Condition {
    let loss = Loss::Random(Probability::percent(percent));
    Condition { impairment: Impairment { loss, ..Impairment::default() }, ..clean(name) }
}

fn burst() -> Loss {
    Loss::Burst {
        to_bad: Probability::percent(0.3),
        to_good: Probability::percent(20.0),
        in_bad: Probability::ALWAYS,
        in_good: Probability::NEVER,
    }
}

fn impaired(name: &'static str, impairment: Impairment) -> Condition {
    Condition { impairment, ..clean(name) }
}

fn like(name: &'static str, rate: u64, rtt: u64, bytes: u64) -> Condition {
    Condition { rate, rate_back: rate, rtt, bytes, ..clean(name) }
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Condition> {
    let percent = Probability::percent;
    let usual = Impairment::default;
    let every_second = |second: u64| {
        let rate = if second.is_multiple_of(2) { 100 * MBIT } else { 50 * MBIT };
        (Duration::from_secs(second), Change::Rate(rate))
    };
    let outage = vec![
        (Duration::from_millis(1500), Change::Cut),
        (Duration::from_millis(6500), Change::Mend),
    ];
    let jitter = Duration::from_millis(5);
    let reorder = Impairment { reorder: percent(5.0), jitter, ..usual() };
    vec![
        clean("clean"),
        lossy("1 % loss", 1.0),
        lossy("5 % loss", 5.0),
        lossy("10 % loss", 10.0),
        lossy("20 % loss", 20.0),
        impaired("burst", Impairment { loss: burst(), ..usual() }),
        impaired("reorder", reorder.clone()),
        impaired(
            "mix",
            Impairment {
                reorder: percent(2.0),
                duplicate: percent(1.0),
                ..lossy("", 2.0).impairment
            },
        ),
        Condition { queue: 0.064, ..clean("shallow") },
        Condition { queue: 8.0, ..clean("deep") },
        like("10 Mbit/s, 200 ms", 10 * MBIT, 200, 16 * MIB),
        like("1 Gbit/s, 10 ms", 1000 * MBIT, 10, 128 * MIB),
        like("20 Mbit/s, 750 ms", 20 * MBIT, 750, 32 * MIB),
        Condition { rate_back: 5 * MBIT, ..clean("100/5 Mbit/s") },
        Condition {
            rate_back: 5 * MBIT,
            back: Some(Congestion::Bbr),
            ..clean("100/5 Mbit/s, BBR back")
        },
        Condition {
            rate_back: 5 * MBIT,
            back: Some(Congestion::Cubic),
            ..clean("100/5 Mbit/s, CUBIC back")
        },
        Condition {
            changes: (1..60).map(every_second).collect(),
            bytes: 64 * MIB,
            ..clean("50 or 100 Mbit/s")
        },
        Condition { changes: outage, ..clean("5 s outage") },
        Condition { timers: Duration::from_millis(4), ..clean("timers of 4 ms") },
        Condition {
            timers: Duration::from_millis(4),
            ..impaired("reorder, timers of 4 ms", reorder)
        },
        Condition {
            timers: Duration::from_millis(1),
            ..like("20 Mbit/s, 750 ms, timers of 1 ms", 20 * MBIT, 750, 32 * MIB)
        },
    ]
}

impl Condition {
    /// The path.
    #[must_use]
    pub fn path(&self) -> Path {
        let lane = |rate: u64| Lane {
            rate,
            queue: ((rate * self.rtt / 8000) as f64 * self.queue) as u64,
            impairment: Impairment {
                delay: Duration::from_millis(self.rtt) / 2,
                mtu: MTU,
                ..self.impairment.clone()
            },
        };
        Path {
            there: lane(self.rate),
            back: lane(self.rate_back),
            changes: self.changes.clone(),
            timers: self.timers,
        }
    }

    /// A file, and a message every 20 ms beside it.
    #[must_use]
    pub fn measure(&self, congestion: Congestion, seed: &Seed) -> Outcome {
        let transport = |congestion| TransportConfig { congestion, ..TransportConfig::default() };
        let flow = |start, direction, congestion| Flow {
            direction,
            start,
            bytes: u64::MAX >> 8,
            message_every: None,
            transport: transport(congestion),
        };
        let start = if self.back.is_some() { EARLIER } else { Duration::ZERO };
        let file = Flow {
            bytes: self.bytes,
            message_every: Some(MESSAGE_EVERY),
            ..flow(start, Direction::There, congestion)
        };
        let back = self.back.map(|back| flow(Duration::ZERO, Direction::Back, back));
        let flows: Vec<Flow> = [file].into_iter().chain(back).collect();
        run(&self.path(), &flows, LONGEST, seed).swap_remove(0)
    }

    /// A line of the table: of each figure the median of several runs.
    #[must_use]
    pub fn row(&self, congestion: Congestion, seed: &Seed) -> String {
        let run = |number| self.measure(congestion, &seed.derive(&format!("run {number}")));
        let outcomes: Vec<Outcome> = (0..RUNS).map(run).collect();
        if outcomes.iter().any(|outcome| outcome.complete.is_none()) {
            return format!("| {} | not complete in {} s | | | | |", self.name, LONGEST.as_secs());
        }
        let share = |outcome: &Outcome| outcome.share(self.bytes, self.rate);
        let lost = |outcome: &Outcome| outcome.datagrams.1 as f64 / outcome.datagrams.0 as f64;
        let answers = |outcome: &Outcome| outcome.answers as f64 / outcome.datagrams.0 as f64;
        let millis = |percent| move |outcome: &Outcome| outcome.percentile(percent).as_millis();
        format!(
            "| {} | {:.3} | {:.1} % | {} | {} | {:.2} |",
            self.name,
            median(outcomes.iter().map(share)),
            median(outcomes.iter().map(lost)) * 100.0,
            median(outcomes.iter().map(millis(50))),
            median(outcomes.iter().map(millis(99))),
            median(outcomes.iter().map(answers)),
        )
    }
}

fn median<T: PartialOrd>(figures: impl Iterator<Item = T>) -> T {
    let mut sorted: Vec<T> = figures.collect();
    sorted.sort_by(|one, other| one.partial_cmp(other).expect("a number"));
    sorted.swap_remove(sorted.len() / 2)
}

/// The table of all conditions.
#[must_use]
pub fn table(congestion: Congestion, seed: &Seed) -> String {
    let mut table = String::from(
        "| path | payload, share of the rate | datagrams lost | message and answer: median ms | 99 % ms | datagrams back for each |\n\
         |---|---|---|---|---|---|\n",
    );
    for condition in all() {
        writeln!(table, "{}", condition.row(congestion, seed)).expect("memory");
    }
    table
}

/// So many flows start a second apart over the clean path, with a queue of so many
/// bandwidth-delay products: the share of the rate that each gets from then on, and the share of
/// its datagrams that it loses.
#[must_use]
pub fn together(flows: &[Congestion], queue: f64, seed: &Seed) -> Vec<(f64, f64)> {
    const SECONDS: u64 = 60;
    let condition = Condition { queue, ..clean("") };
    let flow = |(number, congestion): (usize, &Congestion)| Flow {
        direction: Direction::There,
        start: Duration::from_secs(number as u64),
        bytes: u64::MAX >> 8,
        message_every: None,
        transport: TransportConfig { congestion: *congestion, ..TransportConfig::default() },
    };
    let count = flows.len();
    let end = SECONDS + count as u64;
    let flows: Vec<Flow> = flows.iter().enumerate().map(flow).collect();
    let outcomes = run(&condition.path(), &flows, Duration::from_secs(end + 1), seed);
    let share = |outcome: &Outcome| {
        let bytes = outcome.arrived[count + SECONDS as usize - 1] - outcome.arrived[count - 1];
        let (sent, lost) = outcome.datagrams;
        let share = bytes as f64 * 8.0 / SECONDS as f64 / condition.rate as f64;
        (share, lost as f64 / sent as f64)
    };
    outcomes.iter().map(share).collect()
}

/// How evenly something is shared: 1 when each has the same (Jain's index).
#[must_use]
pub fn evenness(shares: &[(f64, f64)]) -> f64 {
    let sum: f64 = shares.iter().map(|(share, _)| share).sum();
    let squares: f64 = shares.iter().map(|(share, _)| share * share).sum();
    sum * sum / (shares.len() as f64 * squares)
}
