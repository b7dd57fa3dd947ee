//! Measures transports side by side. `scripts/bench` is how to run it; docs/performance.md says
//! what it measures.

mod ends;
mod fair;
mod files;
mod iperf;
mod link;
mod others;
mod payload;
mod peers;
mod report;
mod rows;
mod table;
mod together;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::payload::{Sink, Source};
use crate::peers::{Peer, Server};

/// Measures transports side by side.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One sending end: says where it listens, serves one, reports when standard input ends.
    Serve {
        peer: Peer,
        #[arg(long)]
        listen: IpAddr,
        #[arg(long)]
        bytes: u64,
    },
    /// One receiving end: reports when everything has arrived, or after so many seconds.
    Fetch {
        peer: Peer,
        #[arg(long)]
        server: SocketAddr,
        /// The server's, in hexadecimal.
        #[arg(long, default_value = "")]
        certificate: String,
        #[arg(long)]
        bytes: u64,
        #[arg(long)]
        limit: u64,
        /// Send a message every 20 ms beside the payload.
        #[arg(long)]
        chat: bool,
    },
    #[command(args_override_self = true)]
    /// Starts both ends of each peer, round after round, and prints a table of medians.
    Rows(rows::Arguments),
    /// The share of our own link, bad in several ways, that arrives: `rows` once for each.
    Link(link::Arguments),
    /// How our flows and others share our own link, with queues of several sizes.
    Fair(fair::Arguments),
    /// Starts several peers at once, and prints a table of their shares.
    Together(together::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Serve { peer, listen, bytes } => {
            report::report_at_end_of_input();
            peer.serve(listen, Source::new(bytes))?;
            std::thread::park();
            Ok(())
        }
        Command::Fetch { peer, server, certificate, bytes, limit, chat } => {
            let server = Server { address: server, certificate: unhex(&certificate)? };
            let run = report::Run::start(Duration::from_secs(limit));
            let trips = (chat || peer.is_probe()).then(|| run.trips());
            peer.fetch(&server, Sink::new(bytes, run.taken()), trips)?;
            run.finish()
        }
        Command::Rows(arguments) => rows::run(&arguments),
        Command::Link(arguments) => link::run(&arguments),
        Command::Fair(arguments) => fair::run(&arguments),
        Command::Together(arguments) => together::run(&arguments),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let digit = |at: usize| text.get(at..at + 2).context("not hexadecimal");
    (0..text.len()).step_by(2).map(|at| Ok(u8::from_str_radix(digit(at)?, 16)?)).collect()
}
