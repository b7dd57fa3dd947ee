//! The program: command line, terminal, threads, socket. Everything that decides something about
//! chat is in the core ([`crate::app`]); everything that decides how it looks is in the faces
//! ([`crate::face`]).

mod account;
mod cli;
mod config;
mod control;
mod desk;
mod doctor;
mod folders;
mod front;
mod fullscreen;
mod hooks;
mod man;
mod names;
mod notices;
mod paths;
mod player;
mod preferences;
mod save;
mod screen;
mod session;
mod spool;
mod start;
mod terminal;
mod typed_lines;
mod typing;
mod workers;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::command::Command;
use crate::face::asking::Typed;
use crate::face::exit::Exit;
use crate::transfer::Question;
use crate::watch::{Failure, Report};
use crate::work::{Outcome, WorkId};

/// What wakes the network thread besides datagrams and timers.
enum Wake {
    /// A worker has done a job.
    Done(WorkId, Outcome),
    /// Something was typed.
    Typed(Typed),
    /// The person pressed a key of the full screen, which says so at most once a second.
    Pressed,
    /// The full screen needs this for itself.
    Command(Command),
    /// The full screen wants to show the connections' present figures.
    Figures,
    /// The server's name was looked up.
    Resolved(Result<Vec<SocketAddr>, String>),
    /// A player reads a file, or does no more.
    Reading(player::Reading),
    /// Where in a film the person is, in milliseconds, or why that is not known.
    Position(Question, Result<u64, String>),
    /// How a player is that is kept in step with others, or why that is not known.
    Player(Question, Result<Report, Failure>),
    /// A program of the person's has ended: this was its number.
    ProgramEnded(u64),
    /// One could not be started, failed, or does not do what it is to do: the line that says so.
    Complaint(String),
    /// Standard input, which is handed over, has ended.
    InputEnded,
    /// A worker thread has panicked.
    LaneGone,
    /// Standard output is closed.
    NoReader,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match cli::parse(std::env::args_os()) {
        Ok(plan) => start::run(plan),
        Err(cli::Stop::Asked(text)) => {
            // Nobody reads: nothing can be said about it either.
            let _ = io::stdout().write_all(text.as_bytes());
            Exit::Done
        }
        Err(cli::Stop::Wrong(text)) => complain(Exit::Usage, &text),
    };
    ExitCode::from(exit.code())
}

/// One line on standard error, and the exit that goes with it.
fn complain(exit: Exit, text: &str) -> Exit {
    complain_of(&format!("peer: {text}"));
    exit
}

fn complain_of(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
