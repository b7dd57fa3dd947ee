//! Programs that speak with a peer which runs, at its control socket.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use sim::programs::{PATIENCE, Scene};
use sim::terminal::Terminal;

use crate::{terminal, text};

/// A program at the socket.
struct Program {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Program {
    fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Self { stream, lines }
    }

    fn says(&mut self, line: &str) {
        writeln!(self.stream, "{line}").unwrap();
    }

    /// Passes over what comes before the event that is awaited.
    #[track_caller]
    fn hears(&mut self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "no {event}");
            let told: Value = serde_json::from_str(&line).unwrap();
            if told["event"] == event && wanted(&told) {
                return told;
            }
        }
    }
}

#[test]
fn programs_use_the_peer_that_a_person_has_on_his_screen() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let path = folder.path().join("alice.sock");
    let option = format!("--socket {}", path.display());
    let mut alice = Terminal::start(folder.path(), address, &option);
    terminal::register(&mut alice);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o077, 0, "nobody else's");

    let (mut one, mut other) = (Program::connect(&path), Program::connect(&path));
    let ready = one.hears("ready", |_| true);
    assert_eq!(ready["user"], "alice");
    one.says(r#"{"command":"message","to":"bob","text":"from a program"}"#);
    bob.await_event("message", |event| event["text"] == "from a program");
    alice.type_line("/msg bob");
    alice.await_text("alice: from a program");
    other.hears("kept", |kept| kept["text"] == "from a program");
    bob.type_line("/msg alice hi you all");
    one.hears("message", |event| event["text"] == "hi you all");
    other.hears("message", |event| event["text"] == "hi you all");
    alice.await_text("bob: hi you all");

    // What is no command is told to its author alone.
    one.says("hello?");
    one.hears("error", |_| true);
    other.says(r#"{"command":"help"}"#);
    assert_eq!(other.hears("help", |_| true)["event"], "help");
    drop(one);

    let question = "{\"command\":\"history\",\"with\":\"bob\"}\n";
    let (code, said) = attach(&path, question);
    let history = said.lines().find(|line| line.contains("\"event\":\"history\"")).unwrap();
    assert!(history.contains("from a program") && history.contains("hi you all"), "{said}");
    assert_eq!(code, Some(0));

    other.says(r#"{"command":"quit"}"#);
    alice.await_end(0);
    assert!(!path.exists());
    let (code, said) = attach(&path, question);
    assert_eq!((code, said.as_str()), (Some(1), ""));
}

#[test]
fn a_socket_that_a_killed_program_left_is_taken_over_and_no_other_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let path = folder.path().join("peer.sock");
    let option = ["--socket", path.to_str().unwrap()];
    let mut alice = scene.peer(&[], "alice", address, &option);
    // Two cannot have it.
    let mut bob = scene.plain_peer("bob", address, &option);
    assert_eq!(bob.await_exit().code(), Some(1));
    alice.kill();
    assert!(path.exists(), "it could not clear up");
    let _alice = scene.peer(&[], "alice", address, &option);
    assert_eq!(Program::connect(&path).hears("ready", |_| true)["user"], "alice");

    let film = folder.path().join("film.mp4");
    fs::write(&film, "a film").unwrap();
    let mut bob = scene.plain_peer("bob", address, &["--socket", film.to_str().unwrap()]);
    assert_eq!(bob.await_exit().code(), Some(1));
    assert_eq!(fs::read(&film).unwrap(), b"a film");
}

/// `peer attach` with this on its standard input: its exit code, and what it printed.
fn attach(path: &Path, input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(sim::programs::program("peer"))
        .args(["attach", "--socket", path.to_str().unwrap()])
        .env("HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Where nobody listens it may be gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stdout))
}
