//! Measures inside the project's own link: its rows, and this program at one end of it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

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
}

/// What a row carries, and after how many seconds it is cut off, if it says nothing else.
const MIB: u64 = 32;
const LIMIT: u64 = 20;

/// All rows that have a name; others are loss in per cent.
const NAMES: [&str; 9] = ["clean", "1%", "5%", "10%", "20%", "burst", "reorder", "mix", "shallow"];

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
    Row { name: options.into(), rate: 100.0, options: options.into(), mib: MIB, limit: LIMIT }
}

/// The row of this name: 100 Mbit/s and 50 ms if it does not say otherwise, with a queue of one
/// round trip.
fn row(name: &str) -> Result<Row> {
    let (delay, bad, queue) = match name {
        "clean" => ("25ms", String::new(), 625_000),
        "burst" => ("25ms", "loss gemodel 0.3% 20%".into(), 625_000),
        "reorder" => ("25ms 5ms", "reorder 5%".into(), 625_000),
        "mix" => ("25ms", "loss 2% reorder 2% duplicate 1%".into(), 625_000),
        "shallow" => ("25ms", String::new(), 40_000),
        _ if name.strip_suffix('%').is_some_and(|loss| loss.parse::<f64>().is_ok()) => {
            ("25ms", format!("loss {name}"), 625_000)
        }
        _ => bail!("no such row: {name}; there are {} and any N%", NAMES.join(" ")),
    };
    let options = format!("delay {delay} {bad} rate 100mbit limit 99999 queue {queue}");
    Ok(Row { name: name.into(), ..custom(&options) })
}

/// The words of `bench rows` for a row.
fn words(row: &Row, arguments: &Arguments, goes_on: bool) -> Vec<String> {
    let mut words: Vec<String> = ["rows", "--place", &row.name].map(String::from).to_vec();
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option("--rate", Some(row.rate.to_string()));
    option("--mib", Some(arguments.mib.unwrap_or(row.mib).to_string()));
    option("--limit", Some(arguments.limit.unwrap_or(row.limit).to_string()));
    option("--peers", arguments.peers.clone());
    option("--rounds", arguments.rounds.map(|rounds| rounds.to_string()));
    if goes_on {
        words.push("--no-header".into());
    }
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
        for name in ["", "%", "x%", "dirty"] {
            assert!(row(name).is_err(), "{name}");
        }
    }
}
