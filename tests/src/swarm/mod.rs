//! Runs of everything from one seed: who is there, what they do, and what goes wrong.

pub mod system;
pub mod transport;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use wire::Seed;

use crate::alarm;
use crate::trace::Sink;

/// What a run was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The hash over everything that happened.
    pub hash: u64,
    /// Virtual seconds.
    pub seconds: u64,
    /// Datagrams sent.
    pub datagrams: u64,
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Endpoints that move bytes, without programs around them.
    Transport,
    /// The whole system: server, clients, databases, files.
    System,
}

impl core::fmt::Display for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Transport => "transport",
            Self::System => "system",
        })
    }
}

impl Scenario {
    /// Runs it from a seed. Steps go to `sink` as text, if there is one.
    ///
    /// # Panics
    /// When an invariant is broken, or a core reports an error.
    #[must_use]
    pub fn run(self, number: u64, sink: Option<Sink>) -> Report {
        alarm::watch(|| match self {
            Self::Transport => transport::run(&seed(number), sink),
            Self::System => system::run(&seed(number), sink),
        })
    }
}

/// What many runs were.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds whose run broke an invariant, in no order.
    pub failed: Vec<u64>,
    /// Virtual seconds of the others.
    pub seconds: u64,
    /// Datagrams sent in the others.
    pub datagrams: u64,
}

/// Runs all these seeds, `jobs` at a time. A failure is told on standard error at once, with the
/// command that replays it.
///
/// # Panics
/// Not by itself: panics of the runs are what is counted.
#[must_use]
#[expect(clippy::print_stderr, reason = "whoever waits for a long run wants to know at once")]
pub fn run_many(scenario: Scenario, seeds: core::ops::Range<u64>, jobs: usize) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds.end {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| scenario.run(number, None)));
            let mut summary = summary.lock().expect("nobody panics with it");
            if let Ok(report) = result {
                summary.seconds += report.seconds;
                summary.datagrams += report.datagrams;
            } else {
                summary.failed.push(number);
                eprintln!("{scenario} seed {number} failed; replay it with");
                eprintln!("  cargo run -p tests --bin sim -- {scenario} --seed {number} --trace");
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    summary.into_inner().expect("nobody panics with it")
}

/// The seed with this number.
#[must_use]
pub fn seed(number: u64) -> Seed {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Seed::new(bytes)
}
