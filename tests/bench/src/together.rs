//! Starts several peers at once, with a ping beside them, and prints what each got.

use std::io::{IsTerminal as _, stderr};
use std::str::FromStr;

use anyhow::Result;
use clap::ValueEnum as _;

use crate::ends::{ENDLESS, Ends, Measured, Places, Task};
use crate::peers::Peer;
use crate::report::Trips;
use crate::table::median;

/// What to measure, and where.
#[derive(clap::Args)]
pub struct Arguments {
    /// What the table is about.
    #[arg(long)]
    place: String,
    /// Mbit/s of the link.
    #[arg(long)]
    rate: f64,
    /// Peers that run at once, joined by +; several such mixes, comma-separated.
    #[arg(long, value_delimiter = ',', required = true)]
    mixes: Vec<Mix>,
    /// Runs of each mix; the table shows medians.
    #[arg(long)]
    rounds: usize,
    /// Seconds that they run.
    #[arg(long)]
    limit: u64,
    #[command(flatten)]
    places: Places,
}

/// Peers that run at once.
#[derive(Clone)]
struct Mix(Vec<Peer>);

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split('+').map(|name| Peer::from_str(name, false)).collect::<Result<_, _>>().map(Self)
    }
}

impl Mix {
    /// `ours and tls-bbr`, `4 times ours`.
    fn name(&self) -> String {
        match &*self.0 {
            [one] => format!("{} alone", one.name()),
            [first, rest @ ..] if rest.iter().all(|peer| peer == first) => {
                format!("{} times {}", self.0.len(), first.name())
            }
            peers => peers.iter().map(|peer| peer.name()).collect::<Vec<_>>().join(" and "),
        }
    }
}

/// What came of one run of a mix.
struct Outcome {
    /// Of the link's rate, each flow's.
    shares: Vec<f64>,
    ping: Option<Trips>,
}

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Result<()> {
    println!(
        "{}, {} s, medians of {} rounds\n\n| flows | share of the rate, each | both or all | \
         evenness | ping: least, median, 99 % ms |\n|---|---|---|---|---|",
        arguments.place, arguments.limit, arguments.rounds
    );
    let mut outcomes: Vec<Vec<Outcome>> = arguments.mixes.iter().map(|_| Vec::new()).collect();
    for round in 1..=arguments.rounds {
        for (mix, outcomes) in arguments.mixes.iter().zip(&mut outcomes) {
            if stderr().is_terminal() {
                eprint!("\r{}: round {round}, {:<40}\r", arguments.place, mix.name());
            }
            outcomes.push(measure(mix, arguments)?);
        }
    }
    for (mix, outcomes) in arguments.mixes.iter().zip(&outcomes) {
        println!("{}", line(mix, outcomes));
    }
    println!();
    Ok(())
}

/// Starts all of a mix, and waits for them.
fn measure(mix: &Mix, arguments: &Arguments) -> Result<Outcome> {
    let task = Task { bytes: ENDLESS, limit: arguments.limit, chat: false };
    let start = |peer: Peer| Ends::start(peer, &arguments.places, task);
    let ping = start(Peer::Ping)?;
    let flows: Vec<Ends> = mix.0.iter().map(|peer| start(*peer)).collect::<Result<_>>()?;
    let ping = ping.finish()?.receiver.trips;
    // Each sender is told at once when its receiver is done: it may not outlive the connection.
    let measured: Vec<Result<Measured>> = std::thread::scope(|scope| {
        let threads: Vec<_> = flows.into_iter().map(|flow| scope.spawn(|| flow.finish())).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let share =
        |run: Measured| run.receiver.bytes as f64 * 8e-6 / run.receiver.seconds / arguments.rate;
    let shares = measured.into_iter().map(|run| run.map(share)).collect::<Result<_>>()?;
    Ok(Outcome { shares, ping })
}

fn line(mix: &Mix, outcomes: &[Outcome]) -> String {
    let shares: Vec<f64> = (0..mix.0.len())
        .map(|flow| middle(outcomes.iter().map(|outcome| outcome.shares[flow])))
        .collect();
    let each: Vec<String> = shares.iter().map(|share| format!("{share:.3}")).collect();
    let trips = || outcomes.iter().filter_map(|outcome| outcome.ping);
    format!(
        "| {} | {} | {:.3} | {:.3} | {:.0}, {:.0}, {:.0} |",
        mix.name(),
        each.join(", "),
        shares.iter().sum::<f64>(),
        middle(outcomes.iter().map(|outcome| evenness(&outcome.shares))),
        middle(trips().map(|trips| trips.least)),
        middle(trips().map(|trips| trips.median)),
        middle(trips().map(|trips| trips.most)),
    )
}

fn middle(figures: impl Iterator<Item = f64>) -> f64 {
    median(figures).unwrap_or(f64::NAN)
}

/// How evenly something is shared: 1 when each has the same (Jain's index).
fn evenness(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_medians_of_each_flow() {
        let mix: Mix = "ours+tls-bbr".parse().unwrap();
        let trips = |median| Trips { least: 50.0, median, most: 99.0 };
        let outcome =
            |ours, other, median| Outcome { shares: vec![ours, other], ping: Some(trips(median)) };
        let outcomes = [outcome(0.9, 0.1, 60.0), outcome(0.5, 0.4, 70.0), outcome(0.1, 0.5, 80.0)];
        assert_eq!(
            line(&mix, &outcomes),
            "| ours and tls-bbr | 0.500, 0.400 | 0.900 | 0.692 | 50, 70, 99 |"
        );
        assert!("ours+nobody".parse::<Mix>().is_err());
    }

    #[test]
    fn evenness_is_one_over_their_number_when_one_has_everything() {
        assert!((evenness(&[0.2; 4]) - 1.0).abs() < 1e-9);
        assert!((evenness(&[0.9, 0.0, 0.0, 0.0]) - 0.25).abs() < 1e-9);
    }
}
