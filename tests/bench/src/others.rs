//! A file by others' programs, as users run them: sendme (iroh) and magic-wormhole, without any
//! server but those that run here.

use std::fs::create_dir;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::UsageWho;
use tempfile::TempDir;

use crate::ends::Measured;
use crate::files::{Watched, touch, verify, write_payload};
use crate::report::{Report, cpu_seconds};
use crate::rows::Arguments;

/// Whose program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Sendme,
    Wormhole,
}

/// Where sendme and the mailbox server listen; they run where nothing else does.
const PORT: u16 = 4433;

/// One run in a folder of its own below `folder`: from the start of the sender to the file at the
/// receiver. The CPU time of both ends is shown as the receiver's.
pub fn measure(program: Program, folder: &Path, arguments: &Arguments) -> Result<Measured> {
    let scene = Scene::new(folder, arguments)?;
    let before = cpu_seconds(UsageWho::RUSAGE_CHILDREN);
    let (started, mut sender, mut receiver, _server) = match program {
        Program::Sendme => {
            let started = Instant::now();
            let (sender, ticket) = scene.start_sendme()?;
            (started, sender, scene.receive_sendme(&ticket)?, None)
        }
        Program::Wormhole => {
            let server = scene.start_mailbox()?;
            let started = Instant::now();
            (started, scene.wormhole(End::Sender)?, scene.wormhole(End::Receiver)?, Some(server))
        }
    };
    while receiver.is_running()? {
        sender.is_running()?;
        ensure!(started.elapsed().as_secs() < arguments.limit, "not done in time");
        sleep(Duration::from_millis(2));
    }
    let seconds = started.elapsed().as_secs_f64();
    let sent = Report { peak: sender.peak, ..Report::default() };
    drop(sender); // sendme would go on serving.
    verify(&scene.folder.path().join("to/payload"), arguments.bytes())?;
    let cpu = cpu_seconds(UsageWho::RUSAGE_CHILDREN) - before;
    let bytes = arguments.bytes();
    let receiver = Report { bytes, seconds, cpu, peak: receiver.peak, trips: None };
    Ok(Measured { sender: sent, receiver })
}

#[derive(Clone, Copy)]
enum End {
    Sender,
    Receiver,
}

/// A folder with the file, and one for what arrives.
struct Scene<'a> {
    arguments: &'a Arguments,
    folder: TempDir,
}

impl<'a> Scene<'a> {
    fn new(folder: &Path, arguments: &'a Arguments) -> Result<Self> {
        let folder = TempDir::with_prefix_in("tincan-bench-", folder)?;
        for name in ["from", "to"] {
            create_dir(folder.path().join(name))?;
        }
        write_payload(&folder.path().join("from/payload"), arguments.bytes())?;
        touch(folder.path(), arguments.bytes())?;
        Ok(Self { arguments, folder })
    }

    /// Starts a program in one of the folders.
    fn start(&self, end: End, words: &[&str]) -> Result<Child> {
        let name = match end {
            End::Sender => "from",
            End::Receiver => "to",
        };
        let folder: PathBuf = self.folder.path().join(name);
        let inside = ["env", "-C", folder.to_str().context("a path in UTF-8")?];
        let words = [&inside, words].concat();
        match end {
            End::Sender => self.arguments.places.at_sender(&words),
            End::Receiver => self.arguments.places.at_receiver(&words),
        }
    }

    /// Starts the sender, and waits for the ticket that its user would hand over.
    fn start_sendme(&self) -> Result<(Watched, String)> {
        let listen = format!("{}:{PORT}", self.arguments.places.address());
        let send = ["sendme", "send", "--relay", "disabled", "--ticket-type", "addresses"];
        let more = ["--magic-ipv4-addr", &listen, "--no-progress", "payload"];
        let mut sender = self.start(End::Sender, &[&send[..], &more].concat())?;
        let mut said = BufReader::new(sender.stdout.take().context("it is piped")?).lines();
        let sender = Watched::new(sender);
        let ticket = said
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.trim().strip_prefix("sendme receive ")?.to_owned()));
        Ok((sender, ticket.context("sendme gives no ticket")?))
    }

    fn receive_sendme(&self, ticket: &str) -> Result<Watched> {
        let receive = ["sendme", "receive", "--relay", "disabled", "--no-progress", ticket];
        Ok(Watched::new(self.start(End::Receiver, &receive)?))
    }

    /// Starts the server over which both ends of a wormhole find each other.
    fn start_mailbox(&self) -> Result<Watched> {
        let listen = format!("tcp:{PORT}:interface={}", self.arguments.places.address());
        let words = ["twist", "--log-format=text", "wormhole-mailbox", "--port", &listen];
        let mut server = self.start(End::Sender, &words)?;
        let mut said = BufReader::new(server.stdout.take().context("it is piped")?).lines();
        let server = Watched::new(server);
        let listens = |line: &String| line.contains("relay server running");
        said.by_ref().map_while(Result::ok).find(listens).context("no mailbox server")?;
        // What it says later is not read, and would stop it.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
        Ok(server)
    }

    fn wormhole(&self, end: End) -> Result<Watched> {
        let address = self.arguments.places.address();
        let mailbox = format!("ws://{address}:{PORT}/v1");
        // Nobody relays; both ends reach each other.
        let relay = format!("tcp:{address}:1");
        let words = ["wormhole", "--relay-url", &mailbox, "--transit-helper", &relay];
        let more: &[&str] = match end {
            End::Sender => &["send", "--hide-progress", "--code", CODE, "payload"],
            End::Receiver => &["receive", "--hide-progress", "--accept-file", CODE],
        };
        Ok(Watched::new(self.start(end, &[&words[..], more].concat())?))
    }
}

/// What the users of a wormhole would tell each other.
const CODE: &str = "1-tin-can";
