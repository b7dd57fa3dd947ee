//! Prints what the transport reaches over paths of all kinds, in virtual time.
#![expect(clippy::print_stdout, reason = "a program for people")]

use clap::{Parser, ValueEnum};
use sim::conditions::{all, evenness, table, together};
use wire::{Congestion, Seed};

/// What the transport reaches over paths of all kinds, in virtual time: the same on every machine. Of
/// each figure the median of nine runs.
#[derive(Parser)]
struct Arguments {
    /// Only paths with this in their name.
    path: Option<String>,
    /// What controls the window.
    #[arg(long, value_enum, default_value = "bbr")]
    congestion: Controller,
    /// Same seed, same table.
    #[arg(long, default_value_t = 1)]
    seed: u8,
    /// Several flows over one bottleneck instead.
    #[arg(long)]
    together: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Controller {
    Bbr,
    Cubic,
}

fn main() {
    let arguments = Arguments::parse();
    let seed = Seed::new([arguments.seed; 32]);
    let congestion = match arguments.congestion {
        Controller::Bbr => Congestion::Bbr,
        Controller::Cubic => Congestion::Cubic,
    };
    if arguments.together {
        print_together(&seed);
    } else if let Some(name) = &arguments.path {
        for condition in all().iter().filter(|condition| condition.name.contains(name.as_str())) {
            println!("{}", condition.row(congestion, &seed));
        }
    } else {
        print!("{}", table(congestion, &seed));
    }
}

fn print_together(seed: &Seed) {
    use Congestion::{Bbr, Cubic};
    println!(
        "| flows | queue | shares of the rate | evenness | most lost |\n|---|---|---|---|---|"
    );
    for flows in [&[Bbr, Bbr][..], &[Bbr; 4], &[Bbr; 8], &[Bbr, Cubic], &[Cubic, Cubic]] {
        for queue in [0.064, 0.25, 1.0, 8.0] {
            let shares = together(flows, queue, seed);
            let list: Vec<String> = shares.iter().map(|(share, _)| format!("{share:.2}")).collect();
            let lost = shares.iter().map(|(_, lost)| lost * 100.0).fold(0.0, f64::max);
            let (list, even) = (list.join(" "), evenness(&shares));
            println!("| {flows:?} | {queue} BDP | {list} | {even:.2} | {lost:.1} % |");
        }
    }
}
