//! One run of a peer: a process that sends, a process that receives, and where each stands.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::IpAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::peers::Peer;
use crate::report::Report;

/// Where sender and receiver stand.
#[derive(clap::Args, Clone)]
pub struct Places {
    /// The sender's address.
    #[arg(long, env = "A", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// The receiver's address.
    #[arg(long, env = "B", default_value = "127.0.0.1")]
    other: IpAddr,
    /// A command that runs another where the sender is.
    #[arg(long, env = "IN_A", default_value = "")]
    in_sender: String,
    /// A command that runs another where the receiver is.
    #[arg(long, env = "IN_B", default_value = "")]
    in_receiver: String,
}

impl Places {
    /// Starts `words` where the sender is.
    pub fn at_sender(&self, words: &[&str]) -> Result<Child> {
        start(&self.in_sender, words)
    }

    /// Starts `words` where the receiver is.
    pub fn at_receiver(&self, words: &[&str]) -> Result<Child> {
        start(&self.in_receiver, words)
    }

    /// The other way round.
    pub fn back(&self) -> Self {
        let Self { listen, other, in_sender, in_receiver } = self.clone();
        Self { listen: other, other: listen, in_sender: in_receiver, in_receiver: in_sender }
    }

    /// The sender's address.
    pub fn address(&self) -> String {
        self.listen.to_string()
    }
}

/// What a run is to carry.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Payload.
    pub bytes: u64,
    /// Seconds after which it is cut off.
    pub limit: u64,
    /// Whether messages go there and back beside it.
    pub chat: bool,
}

/// More than anybody can carry.
pub const ENDLESS: u64 = 1 << 50;

/// What came of it: both ends.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub sender: Report,
    pub receiver: Report,
}

/// Both processes; killed when dropped.
pub struct Ends {
    sender: Child,
    said: BufReader<ChildStdout>,
    receiver: Child,
}

impl Ends {
    /// Starts the sender, and when it listens the receiver.
    pub fn start(peer: Peer, places: &Places, task: Task) -> Result<Self> {
        let program = std::env::current_exe()?;
        let program = program.to_str().context("a path in UTF-8")?;
        let (name, bytes, limit) = (&*peer.name(), task.bytes.to_string(), task.limit.to_string());
        let listen = places.address();
        let serve = [program, "serve", name, "--listen", &listen, "--bytes", &bytes];
        let mut sender = places.at_sender(&serve)?;
        let mut said = BufReader::new(sender.stdout.take().context("it is piped")?);
        let mut ready = String::new();
        said.read_line(&mut ready)?;
        let mut words = ready.split_whitespace();
        let (Some("ready"), Some(address)) = (words.next(), words.next()) else {
            bail!("the sender did not start: {}", errors(&mut sender));
        };
        let certificate = words.next().unwrap_or_default();
        let mut fetch = vec![program, "fetch", name, "--server", address];
        fetch.extend(["--certificate", certificate, "--bytes", &bytes, "--limit", &limit]);
        if task.chat {
            fetch.push("--chat");
        }
        restart_schedule()?;
        let receiver = places.at_receiver(&fetch)?;
        Ok(Self { sender, said, receiver })
    }

    /// Waits for what both report.
    pub fn finish(mut self) -> Result<Measured> {
        let mut line = String::new();
        self.receiver.stdout.take().context("it is piped")?.read_to_string(&mut line)?;
        let received = serde_json::from_str(&line);
        drop(self.sender.stdin.take()); // Upon which it reports.
        let complaint = errors(&mut self.receiver);
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        let sent = serde_json::from_str(&line);
        let complaint = format!("{complaint} {}", errors(&mut self.sender));
        let what = || format!("no report: {}", complaint.trim());
        Ok(Measured { sender: sent.with_context(what)?, receiver: received.with_context(what)? })
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        for child in [&mut self.sender, &mut self.receiver] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Lets a link that changes begin anew, if we stand at one: tunlink says how.
fn restart_schedule() -> Result<()> {
    let Ok(link) = std::env::var("TUNLINK") else { return Ok(()) };
    Ok(kill(Pid::from_raw(link.parse()?), Signal::SIGUSR1)?)
}

/// What it says on standard error until it ends, and that it has ended.
fn errors(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(mut errors) = child.stderr.take() {
        let _ = errors.read_to_string(&mut text);
    }
    let _ = child.wait();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn start(place: &str, words: &[&str]) -> Result<Child> {
    let mut words = place.split_whitespace().chain(words.iter().copied());
    let mut command = Command::new(words.next().context("no command")?);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().with_context(|| format!("{command:?}"))
}
