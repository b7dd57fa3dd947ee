//! A file from one `peer` to another, with the real programs: from the start of both, through
//! login, hashing and the offer, to the verified file under its final name.

use std::fs::{File, create_dir, remove_file, write};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::UsageWho;
use tempfile::TempDir;

use crate::ends::Measured;
use crate::payload::{PIECE, Sink, Source};
use crate::report::{Report, cpu_seconds, peak_kib};
use crate::rows::Arguments;

/// One run in a folder of its own below `folder`. The CPU time of both ends is shown as the
/// receiver's.
pub fn measure(folder: &Path, arguments: &Arguments) -> Result<Measured> {
    let scene = Scene::new(folder, arguments)?;
    for user in ["alice", "bob"] {
        let mut peer = scene.peer(user, &["--register"])?;
        drop(peer.stdin.take()); // Upon which it leaves.
        ensure!(peer.wait()?.success(), "{user} could not register");
    }
    let file = scene.folder.path().join("payload");
    write_payload(&file, arguments.bytes())?;
    touch(scene.folder.path(), arguments.bytes())?;

    let (started, before) = (Instant::now(), cpu_seconds(UsageWho::RUSAGE_CHILDREN));
    let limit = arguments.limit.to_string();
    let wait = ["receive", "--from", "alice", "--timeout", &*limit];
    let mut receiver = Watched::new(scene.peer("bob", &wait)?);
    let name = file.to_str().context("a path in UTF-8")?;
    let mut sender = Watched::new(scene.peer("alice", &["send", "bob", name, "--timeout", &limit])?);
    let (mut seconds, mut waiting) = (0.0, 2);
    while waiting > 0 {
        sleep(Duration::from_millis(2));
        waiting = u8::from(sender.is_running()?);
        if receiver.is_running()? {
            waiting += 1;
            seconds = started.elapsed().as_secs_f64();
        }
    }
    verify(&scene.of("bob").join("downloads/payload"), arguments.bytes())?;
    let cpu = cpu_seconds(UsageWho::RUSAGE_CHILDREN) - before;
    Ok(Measured {
        sender: Report { peak: sender.peak, ..Report::default() },
        receiver: Report {
            bytes: arguments.bytes(),
            seconds,
            cpu,
            peak: receiver.peak,
            trips: None,
        },
    })
}

/// The file copied by `cp` and synced: what reading and writing it costs here without a network.
pub fn copy(folder: &Path, arguments: &Arguments) -> Result<Measured> {
    let folder = TempDir::with_prefix_in("tincan-bench-", folder)?;
    let (from, to) = (folder.path().join("payload"), folder.path().join("copy"));
    write_payload(&from, arguments.bytes())?;
    touch(folder.path(), arguments.bytes())?;
    let (started, before) = (Instant::now(), cpu_seconds(UsageWho::RUSAGE_CHILDREN));
    let mut copy = Command::new("sh");
    copy.args(["-c", "cp \"$0\" \"$1\" && sync \"$1\""]).args([from, to]);
    let mut copy = Watched::new(copy.spawn()?);
    while copy.is_running()? {
        sleep(Duration::from_millis(2));
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds(UsageWho::RUSAGE_CHILDREN) - before;
    let (bytes, peak) = (arguments.bytes(), copy.peak);
    let receiver = Report { bytes, seconds, cpu, peak, trips: None };
    Ok(Measured { sender: Report::default(), receiver })
}

/// Uses the room for another file of this size once. Memory that a virtual machine touches first is
/// fetched from its host, which can take longer than all that is to be measured.
pub fn touch(folder: &Path, bytes: u64) -> Result<()> {
    let file = folder.join("touched");
    write_payload(&file, bytes)?;
    Ok(remove_file(file)?)
}

/// Makes a file of the payload.
pub fn write_payload(path: &Path, bytes: u64) -> Result<()> {
    let mut out = File::create(path)?;
    let mut source = Source::new(bytes);
    while !source.peek(1).is_empty() {
        let length = source.peek(PIECE).len();
        out.write_all(source.peek(length))?;
        source.advance(length);
    }
    Ok(out.sync_all()?)
}

/// A file must be the payload.
pub fn verify(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::open(path).context("nothing arrived")?;
    let mut sink = Sink::new(bytes, std::sync::Arc::default());
    let mut buffer = vec![0; PIECE];
    loop {
        let length = file.read(&mut buffer)?;
        ensure!(length > 0, "the file is too short");
        if sink.take(&buffer[..length])? {
            return Ok(());
        }
    }
}

/// A server and two users.
struct Scene<'a> {
    arguments: &'a Arguments,
    programs: PathBuf,
    folder: TempDir,
    server: Child,
    /// What it says; open as long as it runs.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl<'a> Scene<'a> {
    fn new(folder: &Path, arguments: &'a Arguments) -> Result<Self> {
        let programs = std::env::current_exe()?.parent().context("it stands somewhere")?.to_owned();
        let folder = TempDir::with_prefix_in("tincan-bench-", folder)?;
        let bind = format!("{}:0", arguments.places.address());
        let program = programs.join("rendezvous");
        let data = folder.path().join("server");
        let mut server = arguments.places.at_sender(&[
            program.to_str().context("a path in UTF-8")?,
            "--bind",
            &bind,
            "--data",
            data.to_str().context("a path in UTF-8")?,
        ])?;
        let mut output = BufReader::new(server.stdout.take().context("it is piped")?);
        let mut line = String::new();
        let address = loop {
            line.clear();
            ensure!(output.read_line(&mut line)? > 0, "the server did not start");
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split_whitespace().next().context("an address")?.to_owned();
            }
        };
        for user in ["alice", "bob"] {
            create_dir(folder.path().join(user))?;
            create_dir(folder.path().join(user).join("downloads"))?;
            write(folder.path().join(user).join("password"), format!("correct horse {user}\n"))?;
        }
        Ok(Self { arguments, programs, folder, server, _output: output, address })
    }

    /// The folder of a user.
    fn of(&self, user: &str) -> PathBuf {
        self.folder.path().join(user)
    }

    /// Starts a user's peer: alice's where the sender is, bob's where the receiver is.
    fn peer(&self, user: &str, more: &[&str]) -> Result<Child> {
        let path = |path: PathBuf| path.to_str().map(str::to_owned).context("a path in UTF-8");
        let program = path(self.programs.join("peer"))?;
        let [password, data, downloads] =
            ["password", "data", "downloads"].map(|name| path(self.of(user).join(name)));
        let (password, data, downloads) = (password?, data?, downloads?);
        let mut words = vec![&*program, "--server", &self.address, "--user", user];
        words.extend(["--password-file", &password, "--data", &data]);
        words.extend(["--download-dir", &downloads]);
        words.extend(more);
        match user {
            "alice" => self.arguments.places.at_sender(&words),
            _ => self.arguments.places.at_receiver(&words),
        }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A child of which we look how much memory it has, as long as it runs.
pub struct Watched {
    child: Child,
    /// The most that it had, in KiB.
    pub peak: u64,
}

impl Watched {
    pub fn new(child: Child) -> Self {
        Self { child, peak: 0 }
    }

    /// Fails when it has ended without success.
    pub fn is_running(&mut self) -> Result<bool> {
        self.peak = self.peak.max(peak_kib(&self.child.id().to_string()));
        let Some(status) = self.child.try_wait()? else { return Ok(true) };
        let mut said = String::new();
        if !status.success()
            && let Some(mut errors) = self.child.stderr.take()
        {
            let _ = errors.read_to_string(&mut said);
        }
        ensure!(
            status.success(),
            "{status}: {}",
            said.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        Ok(false)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
