//! Medians and ratios, as Markdown.

use std::fmt::Write as _;

use crate::ends::Measured;
use crate::peers::Peer;
use crate::rows::{Arguments, Results, Row};

/// The table of all rows.
pub fn render(arguments: &Arguments, results: &Results) -> String {
    let rows = &*results.rows;
    let mut out = match arguments.rate {
        Some(rate) => shares(arguments, rate, rows),
        None => speeds(arguments, results),
    };
    for row in rows {
        if let Some(failure) = &row.failure {
            let _ = writeln!(out, "\n{} failed: {failure}", row.peer.name());
        }
    }
    out
}

/// Speed, work and memory of each peer.
fn speeds(arguments: &Arguments, results: &Results) -> String {
    let mut out = format!(
        "{}: {} MiB, medians of {} rounds (least and most behind them); other work meanwhile: {:.1} cores\n\n\
         | | Gbit/s | to ours | Gbit per CPU second of both ends | to ours | to the ceiling | \
         peak MiB, sender / receiver |\n|---|---|---|---|---|---|---|\n",
        arguments.place, arguments.mib, arguments.rounds, results.others
    );
    let rows = &*results.rows;
    let of = |peer: Peer, figure: fn(&Measured) -> f64| {
        let row = rows.iter().find(|row| row.peer == peer)?;
        middle(&row.runs, figure)
    };
    for row in rows {
        let (Some(speed), Some(work)) = (middle(&row.runs, gbits), middle(&row.runs, per_cpu))
        else {
            let _ = writeln!(out, "| {} | failed | | | | | |", row.peer.name());
            continue;
        };
        let _ = writeln!(
            out,
            "| {} | {speed:.2} ({}) | {} | {work:.2} ({}) | {} | {} | {} |",
            row.peer.name(),
            spread(&row.runs, gbits),
            ratio(speed, of(Peer::Ours, gbits)),
            spread(&row.runs, per_cpu),
            ratio(work, of(Peer::Ours, per_cpu)),
            ratio(work, of(Peer::Ceiling, per_cpu)),
            memory(&row.runs),
        );
    }
    out
}

/// The share of the link's rate that arrives as payload: a row of the link, a column per peer.
fn shares(arguments: &Arguments, rate: f64, rows: &[Row]) -> String {
    let mut out = String::new();
    if !arguments.no_header {
        let names: String = rows.iter().map(|row| format!(" {} |", row.peer.name())).collect();
        let _ = writeln!(
            out,
            "{} MiB, medians of {} rounds, runs cut off after {} s (<: some were){}\n\n| |{names}\n|---|{}",
            arguments.mib,
            arguments.rounds,
            arguments.limit,
            if arguments.chat { "; a message beside it, median / 99 % ms" } else { "" },
            "---|".repeat(rows.len())
        );
    }
    let _ = write!(out, "| {} |", arguments.place);
    for row in rows {
        let cut = row.runs.iter().any(|run| run.receiver.bytes < arguments.bytes());
        let mark = if cut { "<" } else { "" };
        match middle(&row.runs, gbits) {
            Some(speed) => {
                let chat = chat(&row.runs);
                let _ = write!(out, " {mark}{:.3}{chat} |", speed * 1000.0 / rate);
            }
            None => out.push_str(" failed |"),
        }
    }
    out.push('\n');
    out
}

/// How long messages took there and back, where there were any.
fn chat(runs: &[Measured]) -> String {
    let trips = || runs.iter().filter_map(|run| run.receiver.trips);
    match (median(trips().map(|it| it.median)), median(trips().map(|it| it.most))) {
        (Some(middle), Some(most)) => format!("; {middle:.0} / {most:.0}"),
        _ => String::new(),
    }
}

fn gbits(run: &Measured) -> f64 {
    run.receiver.bytes as f64 * 8e-9 / run.receiver.seconds.max(1e-9)
}

fn per_cpu(run: &Measured) -> f64 {
    run.receiver.bytes as f64 * 8e-9 / (run.sender.cpu + run.receiver.cpu).max(1e-9)
}

fn sorted(runs: &[Measured], figure: fn(&Measured) -> f64) -> Vec<f64> {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures
}

fn middle(runs: &[Measured], figure: fn(&Measured) -> f64) -> Option<f64> {
    median(runs.iter().map(figure))
}

/// The median; of an even number, the lower of the two in the middle.
pub fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().checked_sub(1)? / 2).copied()
}

fn spread(runs: &[Measured], figure: fn(&Measured) -> f64) -> String {
    match &*sorted(runs, figure) {
        [least, .., most] => format!("{least:.2}–{most:.2}"),
        _ => "one run".into(),
    }
}

fn ratio(figure: f64, reference: Option<f64>) -> String {
    reference.map_or("–".into(), |reference| format!("{:.2}", figure / reference.max(1e-9)))
}

fn memory(runs: &[Measured]) -> String {
    let most = |figure: fn(&Measured) -> u64| runs.iter().map(figure).max().unwrap_or(0);
    match (most(|run| run.sender.peak), most(|run| run.receiver.peak)) {
        (0, 0) => "–".into(),
        (sender, receiver) => format!("{} / {}", sender.div_ceil(1024), receiver.div_ceil(1024)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, Trips};

    fn run(seconds: f64) -> Measured {
        let receiver =
            Report { bytes: 1_000_000_000, seconds, cpu: seconds, peak: 5000, trips: None };
        Measured { sender: Report { cpu: seconds, ..Report::default() }, receiver }
    }

    #[test]
    fn the_median_is_the_run_in_the_middle() {
        let runs = [8.0, 2.0, 1.0, 4.0, 100.0].map(run);
        assert_eq!(middle(&runs, gbits), Some(2.0), "8 Gbit in 4 s");
        assert_eq!(middle(&runs, per_cpu), Some(1.0), "both ends count");
        assert_eq!(middle(&[], gbits), None);
        assert_eq!(spread(&runs, gbits), "0.08–8.00");
        assert_eq!(memory(&runs), "0 / 5");
        assert_eq!(chat(&runs), "", "no messages");
        let trips = |millis| Some(Trips { least: 50.0, median: millis, most: 2.0 * millis });
        let talking = [51.0, 60.0, 54.0].map(|millis| {
            let receiver = Report { trips: trips(millis), ..Report::default() };
            Measured { sender: Report::default(), receiver }
        });
        assert_eq!(chat(&talking), "; 54 / 108");
    }
}
