//! Swarms: everything at once, from many seeds.

use sim::swarm::{Scenario, run_many};

/// Runs of each kind here; `cargo run --release -p tests --bin sim` runs more.
const SEEDS: u64 = 1000;

fn assert_all_succeed(scenario: Scenario) {
    let summary = run_many(scenario, 0..SEEDS, 2);
    assert!(summary.failed.is_empty(), "{} of {SEEDS} failed", summary.failed.len());
}

#[test]
fn a_thousand_seeds_of_the_transport() {
    assert_all_succeed(Scenario::Transport);
}

#[test]
fn a_thousand_seeds_of_the_whole_system() {
    assert_all_succeed(Scenario::System);
}

#[test]
fn every_seed_that_ever_failed() {
    use clap::ValueEnum;
    let list = include_str!("../seeds.txt");
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in lines {
        let mut words = line.split_whitespace();
        let scenario = words.next().and_then(|word| Scenario::from_str(word, false).ok());
        let seed = words.next().and_then(|word| word.parse().ok());
        let (Some(scenario), Some(seed)) = (scenario, seed) else { panic!("not a seed: {line}") };
        let first = scenario.run(seed, None);
        assert_eq!(first, scenario.run(seed, None), "the same seed gives the same run");
        count += 1;
    }
    assert!(count > 0, "the list is read");
}
