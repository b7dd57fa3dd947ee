//! Starts both ends of every peer, round after round, so that what changes on the machine
//! meanwhile hits all alike.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use nix::sys::resource::UsageWho;

use crate::ends::{ENDLESS, Ends, Measured, Places, Task};
use crate::files;
use crate::iperf;
use crate::others;
use crate::peers::Peer;
use crate::report::cpu_seconds;
use crate::table;

/// What to measure, and where.
#[derive(clap::Args)]
pub struct Arguments {
    /// What the table is about.
    #[arg(long)]
    pub place: String,
    /// Which peers, comma-separated; all where nothing is said.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Runs of each peer; the table shows medians.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Payload of one run in MiB.
    #[arg(long, default_value_t = 1024)]
    pub mib: u64,
    /// Seconds after which a run is cut off and counted with what has arrived.
    #[arg(long, default_value_t = 60)]
    pub limit: u64,
    /// Mbit/s of the link, where it has a rate: then the table shows shares of it.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Who fills the way back meanwhile.
    #[arg(long)]
    against: Option<Peer>,
    /// Send a message every 20 ms beside the payload, and show how long it takes (only with --rate).
    #[arg(long, requires = "rate")]
    pub chat: bool,
    /// Print the row alone (only with --rate).
    #[arg(long, requires = "rate")]
    pub no_header: bool,
    #[command(flatten)]
    pub places: Places,
}

/// A flow that goes on as long as what is measured.
const FOREVER: Task = Task { bytes: ENDLESS, limit: 1 << 30, chat: false };
/// Until it has filled its queue.
const HEAD_START: Duration = Duration::from_secs(2);

/// All runs of one peer.
pub struct Row {
    pub peer: Peer,
    pub runs: Vec<Measured>,
    /// Why there are not more.
    pub failure: Option<String>,
}

/// All of it.
pub struct Results {
    pub rows: Vec<Row>,
    /// How many cores other programs, and the kernel on its own, kept busy meanwhile.
    pub others: f64,
}

impl Arguments {
    pub fn bytes(&self) -> u64 {
        self.mib << 20
    }

    /// Whole programs, and what carries no payload, only when asked for. Over a bad link, only who
    /// can stand it, and iperf3 not, which says nothing when cut off.
    fn suits(&self, peer: Peer) -> bool {
        let stands = peer.is_reliable() && peer.iperf().is_none();
        let talks = !self.chat || peer.has_streams();
        talks && !peer.is_probe() && peer.folder().is_none() && (self.rate.is_none() || stands)
    }
}

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Result<()> {
    let chosen: Vec<Peer> = match &*arguments.peers {
        [] => {
            Peer::value_variants().iter().copied().filter(|peer| arguments.suits(*peer)).collect()
        }
        chosen => chosen.to_vec(),
    };
    let row = |peer: Peer| Row { peer, runs: Vec::new(), failure: None };
    let mut rows: Vec<Row> = chosen.into_iter().map(row).collect();
    let (started, others) = (Instant::now(), work_of_others());
    for round in 1..=arguments.rounds {
        for row in rows.iter_mut().filter(|row| row.failure.is_none()) {
            if stderr().is_terminal() {
                eprint!("\r{}: round {round}, {:<20}\r", arguments.place, row.peer.name());
            }
            match measure(row.peer, arguments) {
                Ok(measured) => row.runs.push(measured),
                Err(error) => row.failure = Some(format!("{error:#}")),
            }
        }
    }
    let others = (work_of_others() - others) / started.elapsed().as_secs_f64();
    let results = Results { rows, others: others.max(0.0) };
    print!("{}", table::render(arguments, &results));
    let failed: Vec<String> = results
        .rows
        .iter()
        .filter(|row| row.failure.is_some())
        .map(|row| row.peer.name())
        .collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Seconds for which cores were busy, our children's work apart.
fn work_of_others() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let words = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user nice system idle iowait irq softirq steal, in hundredths of seconds; guests are in user.
    let fields: Vec<f64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
    let busy: f64 =
        fields.iter().enumerate().filter(|(at, _)| ![3, 4].contains(at)).map(|(_, it)| it).sum();
    busy / 100.0 - cpu_seconds(UsageWho::RUSAGE_CHILDREN)
}

fn measure(peer: Peer, arguments: &Arguments) -> Result<Measured> {
    if let Some(congestion) = peer.iperf() {
        return iperf::measure(congestion, arguments);
    }
    if let Some(folder) = peer.folder() {
        return match peer.program() {
            Some(program) => others::measure(program, folder, arguments),
            None if peer.is_copy() => files::copy(folder, arguments),
            None => files::measure(folder, arguments),
        };
    }
    let against = |other| Ends::start(other, &arguments.places.back(), FOREVER);
    let _other = arguments.against.map(against).transpose()?;
    if arguments.against.is_some() {
        std::thread::sleep(HEAD_START);
    }
    let task = Task { bytes: arguments.bytes(), limit: arguments.limit, chat: arguments.chat };
    Ends::start(peer, &arguments.places, task)?.finish()
}
