//! Measures inside the project's own link: its rows, and this program at one end of it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::peers::Peer;

/// Which rows, and what to tell the measuring program.
#[derive(clap::Args)]
pub struct Arguments {
    /// Names of rows; or Mbit/s and options of scripts/netem, as two words. All rows if none.
    rows: Vec<String>,
    /// Which peers, comma-separated.
    #[arg(long)]
    peers: Option<String>,
    /// Runs of each peer.
    #[arg(long)]
    rounds: Option<u32>,
    /// Payload of one run in MiB, instead of the row's own.
    #[arg(long)]
    mib: Option<u64>,
    /// Seconds after which a run is cut off, instead of the row's own.
    #[arg(long)]
    limit: Option<u64>,
    /// Send a message every 20 ms beside the payload, and show how long it takes.
    #[arg(long)]
    chat: bool,
}

/// A line of the table.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    /// Mbit/s.
    rate: f64,
    /// Options of scripts/netem.
    options: String,
    mib: u64,
    limit: u64,
    /// Who fills the way back meanwhile.
    against: Option<Peer>,
}

/// What a row carries, and after how many seconds it is cut off, if it says nothing else.
const MIB: u64 = 32;
const LIMIT: u64 = 20;

/// All rows that have a name; others are loss in per cent.
const NAMES: [&str; 15] = [
    "clean",
    "1%",
    "5%",
    "10%",
    "20%",
    "burst",
    "reorder",
    "mix",
    "shallow",
    "10mbit-200ms",
    "1gbit-10ms",
    "satellite",
    "asymmetric",
    "changing",
    "outage",
];

/// Measures and prints a table.
pub fn run(arguments: &Arguments) -> Result<()> {
    let rows: Vec<Row> = match &*arguments.rows {
        [] => NAMES.iter().map(|name| row(name)).collect::<Result<_>>()?,
        [rate, options] if rate.parse::<f64>().is_ok() => {
            vec![Row { name: options.clone(), rate: rate.parse()?, ..custom(options) }]
        }
        names => names.iter().map(|name| row(name)).collect::<Result<_>>()?,
    };
    for (number, row) in rows.iter().enumerate() {
        run_through(&row.options, &words(row, arguments, number > 0))?;
    }
    Ok(())
}

fn custom(options: &str) -> Row {
    let options = options.to_owned();
    Row { name: options.clone(), rate: 100.0, options, mib: MIB, limit: LIMIT, against: None }
}

/// The row of this name: 100 Mbit/s and 50 ms if it does not say otherwise, with a queue of one
/// round trip. tests/src/conditions.rs has the same in virtual time.
fn row(name: &str) -> Result<Row> {
    let like = |delay: &str, more: &str, rate: u32, queue: u32| {
        let link = format!("delay {delay} {more} rate {rate}mbit limit 99999 queue {queue}");
        Row { name: name.into(), rate: f64::from(rate), ..custom(&link) }
    };
    let usual = |more: &str| like("25ms", more, 100, 625_000);
    // What follows on the options of the link.
    let and = |row: Row, more: &str| Row { options: format!("{} {more}", row.options), ..row };
    let long = |row: Row, mib: u64| Row { mib, limit: 60, ..row };
    Ok(match name {
        "clean" => usual(""),
        "burst" => usual("loss gemodel 0.3% 20%"),
        "reorder" => like("25ms 5ms", "reorder 5%", 100, 625_000),
        "mix" => usual("loss 2% reorder 2% duplicate 1%"),
        "shallow" => like("25ms", "", 100, 40_000),
        "10mbit-200ms" => long(like("100ms", "", 10, 250_000), 16),
        "1gbit-10ms" => long(like("5ms", "", 1000, 1_250_000), 128),
        "satellite" => long(like("375ms", "", 20, 1_875_000), 32),
        "asymmetric" => Row {
            against: Some(Peer::TlsCubic),
            ..long(and(usual(""), "back rate 5mbit queue 31250"), 32)
        },
        "changing" => long(and(usual(""), "for 1s then rate 50mbit for 1s"), 64),
        "outage" => long(and(usual(""), "for 1.5s then loss 100% for 5s then loss 0%"), 32),
        _ if name.strip_suffix('%').is_some_and(|loss| loss.parse::<f64>().is_ok()) => {
            usual(&format!("loss {name}"))
        }
        _ => bail!("no such row: {name}; there are {} and any N%", NAMES.join(" ")),
    })
}

/// The words of `bench rows` for a row.
fn words(row: &Row, arguments: &Arguments, goes_on: bool) -> Vec<String> {
    let (mib, limit) = (arguments.mib.unwrap_or(row.mib), arguments.limit.unwrap_or(row.limit));
    let place = match (mib, limit) {
        (MIB, LIMIT) => row.name.clone(),
        _ => format!("{} ({mib} MiB, {limit} s)", row.name),
    };
    let mut words: Vec<String> = ["rows", "--place", &place].map(String::from).to_vec();
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option("--rate", Some(row.rate.to_string()));
    option("--mib", Some(mib.to_string()));
    option("--limit", Some(limit.to_string()));
    option("--against", row.against.map(Peer::name));
    option("--peers", arguments.peers.clone());
    option("--rounds", arguments.rounds.map(|rounds| rounds.to_string()));
    let flags = [("--chat", arguments.chat), ("--no-header", goes_on)];
    words.extend(flags.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()));
    words
}

/// Runs this program with `words` at one end of a link with `options`, those of scripts/netem.
/// `$IN_A` and `$IN_B` then run a command at either end, and `$A` is the address of the first.
pub fn run_through(options: &str, words: &[String]) -> Result<()> {
    let program = std::env::current_exe()?;
    let program = program.to_str().context("a path in UTF-8")?;
    let line: Vec<String> =
        [program].into_iter().chain(words.iter().map(String::as_str)).map(quote).collect();
    let mut command = Command::new("scripts/netem");
    command.args(options.split_whitespace()).args(["--", "sleep infinity", &line.join(" ")]);
    command.env("NETEM", "tunlink").env("NETEM_PROFILE", "release").stdin(Stdio::null());
    let status = command.status().context("scripts/netem, from the repository's root")?;
    ensure!(status.success(), "scripts/netem ended with {status}");
    Ok(())
}

/// A word for bash.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_reads_a_quoted_word_as_it_was() {
        for word in ["", "two words", "it's", "$HOME `x` \"\\'*"] {
            let script = format!("printf %s {}", quote(word));
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn every_name_is_a_row_and_any_loss_is() {
        for name in NAMES.iter().chain(&["0.5%"]) {
            assert_eq!(row(name).unwrap().name, *name);
        }
        assert!(row("0.5%").unwrap().options.contains("loss 0.5%"));
        assert_eq!(
            row("asymmetric").unwrap().options.split_whitespace().collect::<Vec<_>>().join(" "),
            "delay 25ms rate 100mbit limit 99999 queue 625000 back rate 5mbit queue 31250"
        );
        for name in ["", "%", "x%", "dirty"] {
            assert!(row(name).is_err(), "{name}");
        }
    }
}
