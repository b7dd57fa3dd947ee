//! The real program: arguments, the data folder, signals.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rendezvous");

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--data").arg(self.data());
        command
    }

    /// With `input` on standard input.
    fn feed(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever is refused before he is asked does not read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn serve(&self, arguments: &[&str]) -> Serving {
        let mut child = self
            .command(&["--bind", "127.0.0.1:0"])
            .args(if arguments.contains(&"--log") { [].as_slice() } else { &["--log", "warn"] })
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("fingerprint ") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "ended early: {said}");
        }
        Serving { child, said, _lines: lines }
    }
}

/// A running server; killed when the test ends, however it ends.
struct Serving {
    child: Child,
    said: String,
    _lines: BufReader<ChildStdout>,
}

impl Serving {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to end, and says how it did.
    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last line of standard error; for errors of ours the only one.
fn complaint(output: &Output) -> String {
    text(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

fn status(folder: &Folder) -> Value {
    let output = folder.run(&["status", "--json"]);
    assert!(output.status.success(), "{}", complaint(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn bad_arguments_end_with_code_2_and_say_which() {
    let folder = Folder::new();
    for (arguments, word) in [
        (&["--max-failed", "6"][..], "--max-failed"),
        (&["--max-failed", "zero"], "--max-failed"),
        (&["--bind", "nonsense"], "--bind nonsense"),
        (&["--bind", "127.0.0.1:70000"], "70000"),
        (&["--open-registration", "maybe"], "--open-registration"),
        (&["--log", "a=b=c"], "--log"),
        (&["--idle-timeout", "59s"], "at least a minute"),
        (&["--idle-timeout", "30"], "such as 30m"),
        (&["user", "add", "not a name"], "not a name"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
    assert!(!folder.data().join("server.key").exists(), "nothing was made");
}

#[test]
fn a_port_in_use_is_named() {
    let folder = Folder::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = folder.run(&["--bind", &address]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}

#[test]
fn a_server_starts_is_seen_and_ends_cleanly() {
    let folder = Folder::new();
    let serving = folder.serve(&[]);
    let fingerprint = folder.run(&["fingerprint"]);
    assert!(serving.said.contains(text(&fingerprint.stdout).trim()), "{}", serving.said);
    let report = status(&folder);
    assert_eq!(report["running"], true);
    assert_eq!(report["accounts"], 0);
    assert_eq!(report["rooms"], 0);
    let shown = text(&folder.run(&["status"]).stdout);
    assert!(shown.contains(", rooms 0, "), "{shown}");

    // Security acceptance J05: a second server on the same data.
    let second = folder.run(&["--bind", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    let said = complaint(&second);
    assert!(said.contains(&serving.child.id().to_string()), "says who: {said}");

    // Accounts can be made and listed beside it.
    assert!(folder.feed(&["user", "add", "Alice"], "a password\n").status.success());
    assert_eq!(status(&folder)["accounts"], 1);

    assert_eq!(serving.stop(), Some(0));
    assert_eq!(status(&folder)["running"], false);
    assert!(status(&folder).get("server").is_none());
    // The same server again.
    let again = folder.serve(&[]);
    assert!(again.said.contains(text(&fingerprint.stdout).trim()));
}

#[test]
fn a_running_server_reports_itself() {
    let folder = Folder::new();
    let serving = folder.serve(&[]);
    let path = folder.data().join("status.json");
    wait_for(|| path.exists());
    let server = status(&folder)["server"].clone();
    assert_eq!(server["process"], serving.child.id());
    assert_eq!(server["online"], 0);
    assert!(server["address"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn accounts_are_made_listed_unlocked_and_removed() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["user", "list"]).status.code(), Some(1), "no data yet");
    assert!(folder.feed(&["user", "add", "alice"], "secret words\n").status.success());
    let password = folder.0.path().join("password");
    std::fs::write(&password, "other words\n").unwrap();
    let path = password.to_str().unwrap();
    assert!(folder.run(&["user", "add", "bob", "--password-file", path]).status.success());
    let taken = folder.feed(&["user", "add", "ALICE"], "x\n");
    assert_eq!(taken.status.code(), Some(1));
    assert_eq!(folder.feed(&["user", "add", "carol"], "").status.code(), Some(1), "no password");

    let list = folder.run(&["user", "list", "--json"]);
    let names: Vec<String> = text(&list.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].to_string())
        .collect();
    assert_eq!(names, ["\"alice\"", "\"bob\""]);
    assert!(folder.run(&["user", "unlock", "alice"]).status.success());
    assert_eq!(folder.run(&["user", "unlock", "nobody"]).status.code(), Some(1));
    assert!(folder.run(&["user", "del", "bob"]).status.success());
    assert_eq!(folder.run(&["user", "del", "bob"]).status.code(), Some(1));
    assert_eq!(status(&folder)["accounts"], 1);
    // Security acceptance D13: nothing of a password is in the folder.
    for entry in std::fs::read_dir(folder.data()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"secret words"));
    }
}

#[test]
fn a_forgotten_password_is_replaced() {
    let folder = Folder::new();
    let password = folder.0.path().join("password");
    std::fs::write(&password, "secret words\n").unwrap();
    let path = password.to_str().unwrap();
    let passwd = |arguments: &[&str], input: &str| {
        let output = folder.feed(&[&["user", "passwd"], arguments].concat(), input);
        (output.status.code(), text(&output.stdout), complaint(&output))
    };
    let (code, _, said) = passwd(&["alice"], "other words\n");
    assert_eq!((code, said.contains("no server's data")), (Some(1), true), "{said}");
    assert!(folder.feed(&["user", "add", "alice"], "first words\n").status.success());
    for (arguments, input, code, word) in [
        (&["nobody"][..], "other words\n", 1, "rendezvous: no account nobody"),
        (&["alice"], "", 1, "a password needs"),
        (&["alice"], "\n", 1, "a password needs"),
        (&["alice"], "tab\tand more\n", 1, "control characters"),
        (&["alice", "--password-file", "nowhere"], "", 1, "cannot read nowhere"),
        (&["not a name"], "other words\n", 2, "not a name"),
        (&["alice", "other words"], "", 2, "--help"),
    ] {
        let (status, _, said) = passwd(arguments, input);
        assert_eq!(status, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let (code, told, _) = passwd(&["Alice"], "other words\n");
    assert_eq!(code, Some(0));
    assert!(told.starts_with("alice has a new password\n") && told.contains("/passwd"), "{told}");
    assert_eq!(passwd(&["alice", "--password-file", path], "").0, Some(0));
    // Security acceptance D13: nothing of a password is in the folder.
    for entry in std::fs::read_dir(folder.data()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for words in [&b"secret words"[..], b"other words"] {
            assert!(!bytes.windows(words.len()).any(|window| window == words));
        }
    }
}

#[test]
fn a_credentials_file_is_imported_and_bad_lines_are_numbered() {
    let folder = Folder::new();
    let file = folder.0.path().join("credentials.txt");
    std::fs::write(&file, "yoda jedi*knight\nnopassword\nluke x-wing\n").unwrap();
    let path = file.to_str().unwrap();
    let serving = folder.serve(&["--import-credentials", path]);
    assert!(serving.said.contains("imported 2 accounts"), "{}", serving.said);
    assert_eq!(serving.stop(), Some(0));
    let output = folder.run(&["user", "import", path]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for line in [1, 2, 3] {
        assert!(said.contains(&format!("credentials.txt:{line}: ")), "{said}");
    }
    assert!(!said.contains("jedi") && !said.contains("nopassword"), "{said}");
}

#[test]
fn the_log_goes_to_a_file_that_is_opened_anew() {
    let folder = Folder::new();
    let log = folder.0.path().join("log");
    let moved = folder.0.path().join("log.1");
    let serving = folder.serve(&["--log", "info", "--log-file", log.to_str().unwrap()]);
    let has = |file: &Path, line: &str| {
        std::fs::read_to_string(file).is_ok_and(|text| text.contains(line))
    };
    wait_for(|| has(&log, "serving"));
    std::fs::rename(&log, &moved).unwrap();
    serving.signal(Signal::HUP);
    wait_for(|| has(&log, "log opened anew"));
    assert_eq!(serving.stop(), Some(0));
    assert!(has(&log, "stopping") && has(&log, "ended") && !has(&log, "serving"));
    assert!(has(&moved, "serving") && !has(&moved, "stopping"), "nothing follows it there");
}

/// Looks again and again, yielding, until something is so; fails after half a minute.
fn wait_for(mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("not within half a minute");
}

#[test]
fn data_of_a_newer_program_is_left_alone() {
    let folder = Folder::new();
    assert!(folder.feed(&["user", "add", "alice"], "secret words\n").status.success());
    let database = folder.data().join("rendezvous.db");
    set_version(&database, 99);
    let output = folder.run(&["--bind", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("99"), "{}", complaint(&output));
}

/// Writes `user_version`, bytes 60 to 63 of an SQLite file.
fn set_version(database: &Path, version: u32) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(database).unwrap();
    file.write_all_at(&version.to_be_bytes(), 60).unwrap();
}
