//! What docs/backup.md says, done word by word.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sim::programs::{Process, Scene, program};

use crate::text;

const DOCUMENT: &str = include_str!("../../docs/backup.md");

/// The command below a heading of the document.
fn command(heading: &str) -> &'static str {
    let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap()
}

/// A machine of alice's, where everything is where it usually is.
struct Machine {
    home: PathBuf,
    backup: PathBuf,
}

impl Machine {
    fn new(folder: &Path, name: &str) -> Self {
        let home = folder.join(name);
        fs::create_dir_all(home.join(".local/share")).unwrap();
        Self { home, backup: folder.join("backup") }
    }

    /// Does what the document says.
    fn run(&self, heading: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", command(heading)]);
        let output = shell.env("HOME", &self.home).env("BACKUP", &self.backup).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Starts alice with the data folder that is used when none is named, and awaits her login.
    fn alice(&self, server: SocketAddr, more: &[&str]) -> Process {
        let mut prefix: Vec<OsString> = ["env", "-u", "XDG_DATA_HOME"].map(OsString::from).into();
        prefix.push(format!("HOME={}", self.home.display()).into());
        let mut arguments: Vec<OsString> = ["--json", "--server"].map(OsString::from).into();
        arguments.push(server.to_string().into());
        arguments.push("--download-dir".into());
        arguments.push(self.home.join("downloads").into());
        arguments.extend(more.iter().map(OsString::from));
        let mut alice = Process::start("alice", &prefix, &program("peer"), &arguments);
        alice.await_event("logged-in", |event| event["user"] == "alice");
        alice
    }
}

fn quit(alice: &mut Process) {
    alice.type_line("/quit");
    assert_eq!(alice.await_exit().code(), Some(0));
}

fn fingerprint(alice: &mut Process) -> String {
    alice.type_line("/fingerprint");
    alice.await_event("fingerprint", |event| event["of"] == "alice").to_string()
}

/// Says `words` in both directions.
fn talk(alice: &mut Process, bob: &mut Process, words: &str) {
    alice.type_line(&format!("/msg bob {words} from alice"));
    let said = format!("{words} from alice");
    bob.await_event("message", |event| event["text"] == said.as_str());
    alice.await_event("message-state", |event| event["state"] == "delivered");
    bob.type_line(&format!("/msg alice {words} from bob"));
    let said = format!("{words} from bob");
    alice.await_event("message", |event| event["text"] == said.as_str());
}

#[test]
fn what_was_copied_and_brought_back_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let old = Machine::new(folder.path(), "old");
    let password = folder.path().join("password");
    fs::write(&password, "correct horse alice\n").unwrap();
    let login = ["--user", "alice", "--register", "--password-file", password.to_str().unwrap()];
    let mut alice = old.alice(address, &login);
    talk(&mut alice, &mut bob, "before");
    let print = fingerprint(&mut alice);
    quit(&mut alice);
    old.run("Back up");

    // What is said after the backup is lost with the machine.
    let mut alice = old.alice(address, &[]);
    talk(&mut alice, &mut bob, "between");
    quit(&mut alice);
    fs::remove_dir_all(&old.home).unwrap();

    let new = Machine::new(folder.path(), "new");
    new.run("Bring it back");
    let mut alice = new.alice(address, &[]);
    assert_eq!(fingerprint(&mut alice), print, "the same identity");
    alice.type_line("/history bob");
    let history = alice.await_event("history", |_| true);
    let lines: Vec<&str> = history["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["text"].as_str().unwrap())
        .collect();
    assert_eq!(lines, ["before from alice", "before from bob"]);
    talk(&mut alice, &mut bob, "after");
    quit(&mut alice);
}

/// The document says that the whole folder is right also after that.
#[test]
fn a_backup_after_a_crash_is_right_too() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let old = Machine::new(folder.path(), "old");
    let password = folder.path().join("password");
    fs::write(&password, "correct horse alice\n").unwrap();
    let login = ["--user", "alice", "--register", "--password-file", password.to_str().unwrap()];
    let mut alice = old.alice(address, &login);
    talk(&mut alice, &mut bob, "before");
    alice.kill();
    assert!(old.home.join(".local/share/tincan/peer.sqlite-wal").exists(), "as the document says");
    old.run("Back up");
    let new = Machine::new(folder.path(), "new");
    new.run("Bring it back");
    let mut alice = new.alice(address, &[]);
    talk(&mut alice, &mut bob, "after");
}
