//! The real programs as children of a test: started, typed at, listened to (their JSON face),
//! killed.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rand_core::RngCore;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, waitid,
};
use serde_json::Value;
use wire::Seed;

/// Longest wait for anything: far beyond what a loaded machine needs, so that only what never
/// comes fails a test.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where a program runs: the words before its own, such as `ip netns exec a`.
pub type Prefix = Vec<OsString>;

/// The built program `name`, beside the one that runs.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().expect("a running program has a path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace`", path.display());
    path
}

/// Waits for the end of a program that is no child of ours.
///
/// # Panics
/// When it does not end in [`PATIENCE`].
pub fn await_end_of(pid: Pid) {
    let end = pidfd_open(pid, PidfdFlags::empty());
    // Gone already.
    let Ok(end) = end else { return };
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let mut ends = [PollFd::new(&end, PollFlags::IN)];
    let ended = retry_on_intr(|| poll(&mut ends, Some(&patience))).expect("a descriptor of ours");
    assert_eq!(ended, 1, "it does not end");
}

/// A child and the lines it prints, killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    transcript: Arc<Transcript>,
}

/// Everything heard from a program so far.
#[derive(Default)]
struct Transcript {
    said: Mutex<Vec<Said>>,
    /// Told of each line.
    grown: Condvar,
}

impl Transcript {
    fn push(&self, said: Said) {
        self.lock().push(said);
        self.grown.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Said>> {
        self.said.lock().expect("no reader panics")
    }
}

/// A line that a program printed.
struct Said {
    on: Stream,
    line: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

impl Process {
    /// Starts `program` with `arguments` behind `prefix`. What it prints on either stream can be
    /// awaited line by line.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, prefix: &[OsString], program: &Path, arguments: &[OsString]) -> Self {
        let mut words =
            prefix.iter().cloned().chain([program.into()]).chain(arguments.iter().cloned());
        let mut child = Command::new(words.next().expect("the program at least"))
            .args(words)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let (sender, lines) = mpsc::channel();
        let transcript = Arc::<Transcript>::default();
        let stdin = child.stdin.take();
        let outputs: [(Stream, Box<dyn Read + Send>); 2] = [
            (Stream::Output, Box::new(child.stdout.take().expect("piped"))),
            (Stream::Error, Box::new(child.stderr.take().expect("piped"))),
        ];
        for (on, output) in outputs {
            let (sender, transcript) = (sender.clone(), Arc::clone(&transcript));
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let said = Said { on, line: line.clone() };
                    transcript.push(said);
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { name: name.to_owned(), child, stdin, lines, transcript }
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the program no longer reads.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("not closed");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).unwrap_or_else(|error| {
            panic!("{} does not take {line:?}: {error}", self.name);
        });
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// The first line from now on of which `wanted` makes something.
    ///
    /// # Panics
    /// When none comes in [`PATIENCE`].
    pub fn await_line<T>(&mut self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        match self.try_await_line(PATIENCE, wanted) {
            Some(found) => found,
            None => panic!("{}: no {what}. It said:\n{}", self.name, self.tail()),
        }
    }

    /// The same, `None` when no such line comes in `patience` or the program ends.
    pub fn try_await_line<T>(
        &mut self,
        patience: Duration,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        let deadline = now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(now())) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return Some(found);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// The first JSON event from now on of kind `event` that `matches`.
    ///
    /// # Panics
    /// When none comes in [`PATIENCE`].
    pub fn await_event(&mut self, event: &str, mut matches: impl FnMut(&Value) -> bool) -> Value {
        self.await_line(event, |line| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value["event"] == event && matches(&value)).then_some(value)
        })
    }

    /// Kills it with no chance to tidy up (SIGKILL).
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Holds it where it is (SIGSTOP), until [`Self::resume`].
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn suspend(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child of ours");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in [`PATIENCE`].
    pub fn await_exit(&mut self) -> ExitStatus {
        let id = Pid::from_child(&self.child);
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            // Leaves it to be collected below.
            let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = retry_on_intr(|| waitid(WaitId::Pid(id), how));
            let _ = sender.send(());
        });
        if ended.recv_timeout(PATIENCE).is_err() {
            panic!("{} does not end. It said:\n{}", self.name, self.tail());
        }
        // The rest of what it said, until its outputs close with it.
        let _ = self.try_await_line(PATIENCE, |_| None::<()>);
        self.child.wait().expect("a child of ours")
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory in KiB, now.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn memory_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most resident memory in KiB that it had at any moment since it was started.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn peak_memory_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    fn status_kib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))
            .expect("a running child has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let line = line.expect("a running child has memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Everything that it has printed to standard error so far.
    #[must_use]
    pub fn errors(&self) -> String {
        let said = self.transcript.lock();
        let errors = said.iter().filter(|said| said.on == Stream::Error);
        errors.map(|said| said.line.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Waits until it has printed `text` to standard error, now or before: what it tells there
    /// comes on another way than its output, sooner or later than that.
    ///
    /// # Panics
    /// When it does not in [`PATIENCE`].
    #[track_caller]
    pub fn await_error(&self, text: &str) {
        let is_there = |said: &Said| said.on == Stream::Error && said.line.contains(text);
        let said = self.transcript.lock();
        let waited = self
            .transcript
            .grown
            .wait_timeout_while(said, PATIENCE, |said| !said.iter().any(is_there));
        let timed_out = waited.expect("no reader panics").1.timed_out();
        assert!(!timed_out, "{}: no {text:?}. It said:\n{}", self.name, self.tail());
    }

    /// The last lines it printed.
    #[must_use]
    pub fn tail(&self) -> String {
        let said = self.transcript.lock();
        let last = said[said.len().saturating_sub(30)..].iter();
        last.map(|said| said.line.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a server's data and its users' data, and where they run.
pub struct Scene {
    folder: PathBuf,
}

impl Scene {
    /// A scene in `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where a user's data, downloads and password stand, or the server's.
    #[must_use]
    pub fn folder_of(&self, who: &str) -> PathBuf {
        self.folder.join(who)
    }

    /// Starts the server and says where it listens.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn server(&self, prefix: &[OsString], bind: &str, more: &[&str]) -> (Process, SocketAddr) {
        let mut arguments: Vec<OsString> = vec!["--bind".into(), bind.into(), "--data".into()];
        arguments.push(self.folder_of("server").into());
        arguments.extend(more.iter().map(OsString::from));
        let mut server = Process::start("rendezvous", prefix, &program("rendezvous"), &arguments);
        let address = server.await_line("address", |line| {
            let (_, rest) = line.split_once("listening on ")?;
            rest.split_whitespace().next()?.parse().ok()
        });
        (server, address)
    }

    /// Starts `user`'s peer with its JSON face and waits until it is logged in. Registers at the
    /// first start; strangers may talk to him, unless `more` says otherwise.
    ///
    /// # Panics
    /// When it does not get that far.
    #[must_use]
    pub fn peer(
        &self,
        prefix: &[OsString],
        user: &str,
        server: SocketAddr,
        more: &[&str],
    ) -> Process {
        let mut peer = self.peer_unawaited(prefix, user, server, more);
        peer.await_event("logged-in", |_| true);
        peer
    }

    /// The same on a machine that knows no device key, with a password that may be wrong, and
    /// without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn peer_with_password(
        &self,
        prefix: &[OsString],
        user: &str,
        server: SocketAddr,
        password: &str,
    ) -> Process {
        let file = self.folder_of(user).join("attempt");
        std::fs::write(&file, format!("{password}\n")).expect("a folder of our own");
        let more = ["--password-file", file.to_str().expect("a plain path")];
        let folder = self.folder_of(user).join("attempt-data");
        let _ = std::fs::remove_dir_all(&folder);
        let mut arguments: Vec<OsString> =
            vec!["--json".into(), "--server".into(), server.to_string().into()];
        arguments.extend(["--user", user].map(OsString::from));
        arguments.extend(more.map(OsString::from));
        arguments.extend([OsString::from("--data"), folder.into()]);
        Process::start(user, prefix, &program("peer"), &arguments)
    }

    /// The same without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn peer_unawaited(
        &self,
        prefix: &[OsString],
        user: &str,
        server: SocketAddr,
        more: &[&str],
    ) -> Process {
        self.start_peer(prefix, user, server, &[&["--json"], more].concat())
    }

    /// Starts `user`'s peer with lines in and out, without waiting. Registers at the first start.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn plain_peer(&self, user: &str, server: SocketAddr, more: &[&str]) -> Process {
        self.start_peer(&[], user, server, &[&["--plain"], more].concat())
    }

    fn start_peer(
        &self,
        prefix: &[OsString],
        user: &str,
        server: SocketAddr,
        more: &[&str],
    ) -> Process {
        let folder = self.folder_of(user);
        let first = !folder.exists();
        std::fs::create_dir_all(folder.join("downloads")).expect("a folder of our own");
        let password = folder.join("password");
        std::fs::write(&password, format!("correct horse {user}\n")).expect("a folder of our own");
        let mut arguments: Vec<OsString> = vec!["--server".into(), server.to_string().into()];
        arguments.extend(["--user", user].map(OsString::from));
        arguments.extend([OsString::from("--password-file"), password.into()]);
        arguments.extend([OsString::from("--data"), folder.join("data").into()]);
        arguments.extend([OsString::from("--download-dir"), folder.join("downloads").into()]);
        if first {
            arguments.push("--register".into());
        }
        if !more.contains(&"--strangers") {
            // What most tests are about comes after that.
            arguments.extend(["--strangers", "talk"].map(OsString::from));
        }
        arguments.extend(more.iter().map(OsString::from));
        Process::start(user, prefix, &program("peer"), &arguments)
    }
}

/// The words before a command that put it on one side of the link, from the variable in which
/// `scripts/netem` leaves them (`IN_A`, `IN_B`); none where there is no link.
#[must_use]
pub fn prefix(variable: &str) -> Prefix {
    let words = std::env::var(variable).unwrap_or_default();
    words.split_whitespace().map(OsString::from).collect()
}

/// Makes a file of `size` bytes that no compression would help with, the same at every run.
///
/// # Errors
/// When it cannot be written.
pub fn write_noise(path: &Path, size: u64) -> io::Result<()> {
    let mut bytes = Seed::new([1; 32]).derive("noise").rng();
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    let mut block = [0; 65_536];
    let mut left = size;
    while left > 0 {
        let len = usize::try_from(left.min(block.len() as u64)).expect("below 65,536");
        bytes.fill_bytes(&mut block[..len]);
        file.write_all(&block[..len])?;
        left -= len as u64;
    }
    file.flush()
}

/// BLAKE3 of a file in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Seconds of work that a program has done so far, and how often a thread of it went to sleep
/// (proc_pid_status(5)).
///
/// # Errors
/// When there is no such program.
pub fn work_of(program: Pid) -> io::Result<(f64, u64)> {
    let process = PathBuf::from(format!("/proc/{}", program.as_raw_nonzero()));
    let stat = std::fs::read_to_string(process.join("stat"))?;
    let figures: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = figures[11..13].iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let mut sleeps = 0;
    for task in std::fs::read_dir(process.join("task"))? {
        let status = std::fs::read_to_string(task?.path().join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sleeps += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
    }
    Ok((ticks as f64 / rustix::param::clock_ticks_per_second() as f64, sleeps))
}

/// Lets time pass between two attempts at something that has no event to wait for, or while something is counted.
#[expect(clippy::disallowed_methods, reason = "the far side counts seconds")]
pub fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// The clock of a test that waits for other processes.
#[expect(clippy::disallowed_methods, reason = "waits for real processes in real time")]
fn now() -> Instant {
    Instant::now()
}
