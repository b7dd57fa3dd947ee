//! The program around the core: command line, data folder, socket, storage thread, signals.

mod admin;
mod cli;
mod data;
mod import;
mod log;
mod man;
mod run;
mod status;
mod storage;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use manual::Page;

use cli::{Cli, Command, Stop};

/// Runs the program with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::read(&arguments) {
        Ok(cli) => cli,
        Err(Stop::Clap(error)) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(Stop::Configuration(text)) => return complain(&Failure::usage(text)),
    };
    let done = match &cli.command {
        None => run::serve(cli, arguments),
        Some(Command::User(command)) => admin::user(&cli, command),
        Some(Command::Status { json }) => admin::status(&cli, *json),
        Some(Command::Fingerprint) => admin::fingerprint(&cli),
        Some(Command::Man { page: Page::Program }) => print(&man::page()),
        Some(Command::Man { page: Page::Config }) => print(&man::config_page()),
        Some(Command::Completions { shell }) => {
            print(&manual::completions(&Cli::command(), *shell))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => complain(&failure),
    }
}

fn complain(Failure { code, text }: &Failure) -> ExitCode {
    let _ = writeln!(io::stderr(), "rendezvous: {text}");
    ExitCode::from(*code)
}

/// Why the program ends early: one line for people and an exit code for scripts.
#[derive(Debug)]
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Something is wrong with the machine or the data: exit code 1.
    fn new(text: impl fmt::Display) -> Self {
        Self { code: 1, text: text.to_string() }
    }

    /// Something is wrong with the arguments: exit code 2.
    fn usage(text: impl fmt::Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }
}

/// What was asked for, on standard output.
fn print(text: &str) -> Result<(), Failure> {
    // A closed pipe is the reader's wish, not an error.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// A line on standard output. A closed pipe is the reader's wish, not an error.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}
