//! `peer doctor`: whether this machine and the server are as the program needs them, before there is an account.
//! What was found is given as facts, so that what is made of it can be tested without a machine; what the server
//! says is asked for by [`Visit`].

mod checks;
#[cfg(test)]
mod tests;
mod visit;

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use wire::PublicKey;
use wire::app::server::About;
use wire::app::text;
use wire::time::Duration;

pub use self::checks::examine;
pub use self::visit::Visit;
use crate::face::json;

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, in one word that stays the same.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do, where there is something to do.
    pub advice: Option<String>,
}

/// To whom it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The person here.
    Person,
    /// Somebody who helps: no addresses, names, folders and keys.
    Helper,
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Keys, history and unfinished transfers.
    pub data: Folder,
    /// What is in it.
    pub database: Database,
    /// Files that arrive.
    pub downloads: Folder,
    /// The UDP socket, or why there is none.
    pub socket: Result<SocketFacts, String>,
    /// The addresses from which this machine would send to others far away, by IPv4 and by IPv6.
    pub routes: [Option<IpAddr>; 2],
    /// The server; `None` when none is named.
    pub server: Option<ServerFacts>,
    /// Seconds since 1970 by this machine's clock.
    pub unix: u64,
    /// The player, and whether it was found.
    pub player: (String, Presence),
    /// The terminal.
    pub terminal: Terminal,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It is not.
    Missing,
}

/// A folder that the program writes to.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where it is.
    pub path: String,
    /// How it is.
    pub state: FolderState,
}

/// How a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// It can be written to; so many bytes are free, if that is known.
    Usable(Option<u64>),
    /// It is not there, and can be made.
    ToBeMade,
    /// It is not there, and cannot be made.
    CannotBeMade,
    /// It is no folder.
    NoFolder,
    /// It cannot be read or written.
    Forbidden,
    /// Others may write to it: who can put files there could put links in the place of ours.
    OpenToOthers,
}

/// How the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// There is none yet.
    None,
    /// It can be used.
    Good,
    /// Another peer that runs has it.
    InUse,
    /// It cannot be used.
    Bad(String),
}

/// The socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketFacts {
    /// Where it is bound.
    pub local: SocketAddr,
    /// The port that was asked for, and that another program has.
    pub taken: Option<u16>,
    /// Bytes that the kernel keeps of what has come and of what is to go.
    pub buffers: [usize; 2],
    /// Bytes wanted of each.
    pub buffer_wanted: usize,
    /// Datagrams that are sent, and received, by one call.
    pub offload: [usize; 2],
}

/// The server.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// As typed.
    pub name: String,
    /// Its addresses, or why there are none.
    pub addresses: Result<Vec<SocketAddr>, String>,
    /// The key that it had before.
    pub pin: Pin,
    /// What was heard from each address.
    pub visited: Vec<(SocketAddr, Heard)>,
    /// The addresses of this machine, with the port that was used.
    pub own: Vec<SocketAddr>,
}

/// Which key the server had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// That cannot be looked up now.
    Unknown,
    /// It was never met.
    None,
    /// This one.
    Key(PublicKey),
}

/// What was heard from an address of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// It does not want to talk: why.
    Refusal(String),
    /// It answers.
    Answer {
        /// Its key.
        key: PublicKey,
        /// How long a round trip takes.
        rtt: Duration,
        /// What it says; `None` of an older one, which does not know the question.
        about: Option<About>,
    },
}

/// The terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard input and output are one.
    pub is_there: bool,
    /// Whether its cursor can be moved.
    pub is_dumb: bool,
    /// Whether it is said to show more than ASCII.
    pub is_unicode: bool,
    /// Columns, where they are known.
    pub width: Option<u16>,
}

/// The worst of all.
#[must_use]
pub fn worst(checks: &[Check]) -> Verdict {
    checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok)
}

/// One line for people.
#[must_use]
pub fn line(check: &Check) -> String {
    let sign = match check.verdict {
        Verdict::Ok => "ok  ",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
    };
    let advice = check.advice.as_ref().map(|advice| format!(". {advice}")).unwrap_or_default();
    text::one_line(&format!("{sign} {}: {}{advice}", check.check, check.text))
}

/// One line for programs.
#[must_use]
pub fn json_line(check: &Check) -> String {
    #[derive(Serialize)]
    struct Event<'a> {
        event: &'static str,
        #[serde(flatten)]
        check: &'a Check,
    }
    json::object(&Event { event: "check", check })
}

/// The last line for programs.
#[must_use]
pub fn json_end(checks: &[Check]) -> String {
    #[derive(Serialize)]
    struct Event {
        event: &'static str,
        verdict: Verdict,
    }
    json::object(&Event { event: "checked", verdict: worst(checks) })
}
