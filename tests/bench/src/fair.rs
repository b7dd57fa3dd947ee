//! How our flows and others share a link: 100 Mbit/s, 50 ms, and the queue that is asked for.

use anyhow::Result;

use crate::link::run_through;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// Bytes that the queue holds; several may be given, each makes tables of its own.
    #[arg(default_values_t = [BDP])]
    queues: Vec<u64>,
    /// Peers that run at once, joined by +; several such mixes, comma-separated.
    #[arg(
        long,
        default_value = "ours+tls-cubic,ours+tls-bbr,ours+ours+ours+ours,ours,\
        tls-cubic+tls-bbr,tls-cubic,tls-bbr"
    )]
    mixes: String,
    /// Runs of each mix; the table shows medians.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Seconds that they run.
    #[arg(long, default_value_t = 60)]
    limit: u64,
}

/// What the link holds on its way, in bytes: 100 Mbit/s and 50 ms.
const BDP: u64 = 625_000;

/// Measures and prints a table for each queue.
pub fn run(arguments: &Arguments) -> Result<()> {
    for &queue in &arguments.queues {
        let options = format!("delay 25ms rate 100mbit limit 99999 queue {queue}");
        let place = format!("queue of {queue} bytes ({:.3} BDP)", queue as f64 / BDP as f64);
        let mut words = vec!["together".into(), "--place".into(), place];
        words.extend(["--rate", "100", "--mixes", &arguments.mixes].map(String::from));
        words.extend(["--rounds".into(), arguments.rounds.to_string()]);
        words.extend(["--limit".into(), arguments.limit.to_string()]);
        run_through(&options, &words)?;
    }
    Ok(())
}
