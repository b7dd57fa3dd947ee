//! Runs the simulator over seeds, or one seed with everything that happens in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;
use sim::swarm::{Report, Scenario};

/// The simulator: many seeds for looking for trouble, one for looking at it.
#[derive(Parser)]
struct Arguments {
    /// What is run.
    #[arg(long, value_enum, default_value = "transport")]
    scenario: Scenario,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one, twice, to see that both runs are the same.
    #[arg(long)]
    seed: Option<u64>,
    /// Print every step.
    #[arg(long)]
    trace: bool,
    /// How many at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

#[expect(clippy::print_stdout, reason = "the trace is what the user asked for")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(seed) = arguments.seed else { return run_many(&arguments) };
    let sink =
        arguments.trace.then(|| Box::new(|line: &str| println!("{line}")) as sim::trace::Sink);
    let first = arguments.scenario.run(seed, sink);
    let second = arguments.scenario.run(seed, None);
    println!("seed {seed}: {first:?}");
    assert_eq!(first, second, "the same seed gives the same run");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the result is what the user asked for")]
fn run_many(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let failed = Mutex::new(Vec::new());
    let total = Mutex::new((0, 0));
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let run = || arguments.scenario.run(seed, None);
                    if let Ok(Report { seconds, datagrams, .. }) =
                        catch_unwind(AssertUnwindSafe(run))
                    {
                        let mut total = total.lock().expect("nobody panics with it");
                        *total = (total.0 + seconds, total.1 + datagrams);
                    } else {
                        failed.lock().expect("nobody panics with it").push(seed);
                        println!(
                            "seed {seed} failed; replay it with\n  {}",
                            replay(arguments.scenario, seed)
                        );
                    }
                }
            });
        }
    });
    let (seconds, datagrams) = total.into_inner().expect("nobody panics with it");
    let failed = failed.into_inner().expect("nobody panics with it").len();
    let seeds = arguments.seeds;
    println!("{seeds} seeds, {failed} failed; {seconds} virtual seconds, {datagrams} datagrams");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(scenario: Scenario, seed: u64) -> String {
    let scenario = format!("{scenario:?}").to_lowercase();
    format!("cargo run -p tests --bin sim -- --scenario {scenario} --seed {seed} --trace")
}
