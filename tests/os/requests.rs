//! Strangers who ask, between the real programs as they are started by default.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;
use sim::programs::{PATIENCE, Scene, write_noise};

use crate::oneshot::{assert_ends, register, run};

const ASK: &[&str] = &["--strangers", "ask"];

/// A program that is called for messages hears nothing of a stranger either, and after a kill the
/// request is still there.
#[test]
fn a_stranger_is_heard_when_he_is_accepted_and_no_earlier() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let pipe = folder.path().join("told");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let program = folder.path().join("hook");
    let script = format!("#!/bin/sh\nprintf '%s|%s\\n' \"$1\" \"$2\" > {}\n", pipe.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Each call opens the pipe and closes it again.
        while let Ok(text) = fs::read_to_string(&pipe) {
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    let more = [ASK, &["--on-message", program.to_str().unwrap()]].concat();
    let mut bob = scene.peer(&[], "bob", address, &more);
    register(folder.path(), "alice", address);
    let message = &["msg", "bob", "from a stranger"];
    assert_ends(&run(folder.path(), "alice", address, message), 0, "delivered\n");
    bob.await_event("request", |event| {
        event["user"] == "alice" && event["text"] == "from a stranger"
    });
    bob.kill();
    let mut bob = scene.peer_unawaited(&[], "bob", address, &more);
    bob.await_event("request", |event| event["messages"] == 1);
    bob.await_event("logged-in", |_| true);

    // Whom bob writes to is none: what he answers is told at once, and first.
    let mut carol = scene.peer(&[], "carol", address, ASK);
    bob.type_line(&json!({"command": "message", "to": "carol", "text": "hello"}).to_string());
    carol.await_event("request", |event| event["text"] == "hello");
    carol.type_line(&json!({"command": "message", "to": "bob", "text": "yes?"}).to_string());
    carol.await_event("message", |event| event["text"] == "hello");
    bob.await_event("message", |event| event["text"] == "yes?");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "carol|yes?\n");
    bob.type_line(&json!({"command": "accept", "user": "alice"}).to_string());
    bob.await_event("message", |event| event["text"] == "from a stranger");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "alice|from a stranger\n");
}

/// `--auto-accept` is for those who need not ask; `peer receive` says itself whose files it takes.
#[test]
fn files_of_strangers_are_taken_only_by_who_asks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    register(folder.path(), "dave", address);
    let clip = folder.path().join("clip.mp4");
    write_noise(&clip, 50_000).unwrap();
    let clip = clip.to_str().unwrap();
    let more = [ASK, &["--auto-accept", "1M"]].concat();
    let mut bob = scene.peer(&[], "bob", address, &more);
    let mut sender = scene.peer(&[], "carol", address, ASK);
    sender.type_line(&format!("/send bob {clip}"));
    bob.await_event("request", |event| event["user"] == "carol" && event["file"] == "clip.mp4");
    sender.await_event("asked", |event| event["state"] == "waiting");
    bob.type_line("/accept");
    bob.await_event("file", |event| event["state"] == "complete");

    let home = folder.path();
    let (sent, received) = std::thread::scope(|scope| {
        let receive = &["receive", "--from", "alice", "--strangers", "ask", "--timeout", "50"];
        let receiver = scope.spawn(move || run(home, "dave", address, receive));
        let sent = run(home, "alice", address, &["send", "dave", clip, "--timeout", "50"]);
        (sent, receiver.join().unwrap())
    });
    assert_ends(&sent, 0, "complete clip.mp4\n");
    assert_eq!(received.status.code(), Some(0), "{received:?}");
}
