//! Fires random and mutated datagrams at a live program:
//!
//! ```sh
//! cargo run --release -p tests --bin barrage -- 127.0.0.1:5000 --count 10000000
//! ```
//!
//! Prints what was sent and what came back, and fails when an answer breaks the rules for
//! strangers: never more bytes back than sent, no answer longer than a handshake's.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use sim::barrage::Barrage;
use wire::Seed;
use wire::net::Clock;

/// Fires random and mutated datagrams at a live program on this machine.
#[derive(Parser)]
struct Arguments {
    /// The program's address: loopback only.
    target: SocketAddr,
    /// How many.
    #[arg(long, default_value_t = 10_000_000)]
    count: u64,
    /// Same seed, same datagrams.
    #[arg(long, default_value_t = 1)]
    seed: u8,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.target.ip().is_loopback() {
        eprintln!("barrage: {} is not a loopback address: not fired", arguments.target);
        return ExitCode::from(2);
    }
    match fire(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("barrage: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fire(arguments: &Arguments) -> io::Result<bool> {
    let seed = Seed::new([arguments.seed; 32]);
    let mut barrage = Barrage::new(arguments.target, arguments.count, &seed);
    let clock = Clock::start();
    sim::barrage::fire(&mut barrage)?;
    let seconds = clock.now().as_micros() as f64 / 1e6;
    let tally = barrage.tally();
    println!(
        "sent     {:>12} datagrams {:>14} bytes in {seconds:.1} s",
        tally.sent, tally.sent_bytes
    );
    println!("answers  {:>12} datagrams {:>14} bytes", tally.replies, tally.reply_bytes);
    println!(
        "answered bytes per byte sent: {:.4}",
        tally.reply_bytes as f64 / tally.sent_bytes as f64
    );
    println!("answers longer than a handshake's: {}", tally.oversized_replies);
    Ok(tally.oversized_replies == 0 && tally.reply_bytes <= tally.sent_bytes)
}
