//! Runs the simulator over seeds, or one seed with everything that happens in it.

use std::process::ExitCode;

use clap::Parser;
use sim::swarm::{Scenario, run_many};
use sim::trace::Sink;

/// The simulator: many seeds for looking for trouble, one for looking at it.
#[derive(Parser)]
struct Arguments {
    /// What is run.
    #[arg(value_enum, default_value_t = Scenario::System)]
    scenario: Scenario,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one, twice, to see that both runs are the same.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print every step of the one.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// How many seeds at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

#[expect(clippy::print_stdout, reason = "the result is what the user asked for")]
fn main() -> ExitCode {
    let Arguments { scenario, seeds, from, seed, trace, jobs } = Arguments::parse();
    if let Some(seed) = seed {
        let sink = trace.then(|| Box::new(|line: &str| println!("{line}")) as Sink);
        let first = scenario.run(seed, sink);
        let second = scenario.run(seed, None);
        println!("seed {seed}: {first:?}");
        assert_eq!(first, second, "the same seed gives the same run");
        return ExitCode::SUCCESS;
    }
    let summary = run_many(scenario, from..from + seeds, jobs);
    println!(
        "{seeds} seeds, {} failed; {} virtual seconds, {} datagrams",
        summary.failed.len(),
        summary.seconds,
        summary.datagrams
    );
    if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
