//! Whole conversations, with scripts on standard input, and how programs end.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use sim::programs::{PATIENCE, Scene, hash_file, program, write_noise};

use crate::{account, options, text};

#[test]
fn two_people_meet_talk_and_hand_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == true);
    alice.type_line(r#"{"command":"message","to":"bob","text":"hi\nthere"}"#);
    bob.await_event("message", |event| event["text"] == "hi\nthere" && event["from"] == "alice");
    bob.type_line("/msg alice hello");
    alice.await_event("message", |event| event["text"] == "hello");
    bob.await_event("message-state", |event| event["state"] == "delivered");

    let file = folder.path().join("holiday.mp4");
    write_noise(&file, 2 << 20).unwrap();
    alice.type_line(&format!("/send bob {}", file.display()));
    let offer = bob.await_event("file-offer", |_| true);
    assert_eq!(offer["blake3"], hash_file(&file).unwrap());
    bob.type_line(&format!("/accept {}", offer["id"]));
    let done = bob.await_event("file", |event| event["state"] == "complete");
    let path = done["path"].as_str().unwrap();
    assert_eq!(hash_file(path.as_ref()).unwrap(), hash_file(&file).unwrap());
    alice.await_event("file", |event| event["state"] == "complete");
    for mut peer in [alice, bob] {
        peer.type_line("/quit");
        assert_eq!(peer.await_exit().code(), Some(0));
    }
}

/// `peer` as a script uses it: commands from a file, a pipe, or nothing.
fn script(folder: &std::path::Path, server: std::net::SocketAddr, name: &str) -> Command {
    let (home, login) = account(folder, name);
    let mut command = Command::new(program("peer"));
    command.args(options(&home, server)).args(login).arg("--plain");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_lines_of_a_file_are_done_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let lines = folder.path().join("lines");
    let mut file = fs::File::create(&lines).unwrap();
    for number in 0..200 {
        writeln!(file, "/msg bob line {number}").unwrap();
    }
    let output = script(folder.path(), address, "alice")
        .arg("--register")
        .stdin(fs::File::open(&lines).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    for number in 0..200 {
        let event = bob.await_event("message", |_| true);
        assert_eq!(event["text"], format!("line {number}"));
    }
    let told = text(&output.stdout);
    assert!(told.lines().any(|line| line == "* logged in as alice (new account)"), "{told}");
    assert_eq!(told.lines().filter(|line| line.ends_with(": delivered")).count(), 200, "{told}");
    assert!(!told.contains('\u{1b}'), "no escape sequence without a terminal");
}

#[test]
fn a_signal_ends_it_in_order_and_a_closed_input_too() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    alice.terminate();
    assert_eq!(alice.await_exit().code(), Some(143));
    let mut alice = scene.peer(&[], "alice", address, &[]);
    alice.close_input();
    assert_eq!(alice.await_exit().code(), Some(0));
}

/// Security acceptance D11: `rendezvous user del` beside the running server.
#[test]
fn an_account_that_the_operator_removes_is_out_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == true);
    let removed = Command::new(program("rendezvous"))
        .args(["--data".as_ref(), scene.folder_of("server").as_os_str()])
        .args(["user", "del", "bob"])
        .output()
        .unwrap();
    assert_eq!(text(&removed.stdout), "removed bob\n", "{}", text(&removed.stderr));
    let told = bob.await_event("logged-out", |_| true);
    assert_eq!(told["reason"], "this device no longer belongs to the account");
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == false);
}

#[test]
fn a_closed_output_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut child = script(folder.path(), address, "alice")
        .arg("--register")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output();
    assert_eq!(output.unwrap().status.code(), Some(1));
}

#[test]
fn one_folder_has_one_program() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let _alice = scene.peer(&[], "alice", address, &[]);
    let mut arguments = vec!["--plain".to_owned(), "--server".to_owned(), address.to_string()];
    let data = scene.folder_of("alice").join("data");
    arguments.extend(["--data".to_owned(), data.to_str().unwrap().to_owned()]);
    let output = crate::peer(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("use"), "{}", text(&output.stderr));
}

/// Issue 4: programs are told of messages and files by arguments; nothing of it is obeyed.
#[test]
fn programs_are_told_of_messages_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let pipe = folder.path().join("told");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let program = folder.path().join("hook");
    let script = format!("#!/bin/sh\nprintf '%s|%s\\n' \"$1\" \"$2\" > {}\n", pipe.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let program = program.to_str().unwrap();
    let more = ["--on-message", program, "--on-file", program, "--auto-accept", "1M"];
    let mut alice = scene.peer(&[], "alice", address, &more);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let (sender, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Each call opens the pipe and closes it again.
        while let Ok(text) = fs::read_to_string(&pipe) {
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    let text = "-x $(touch /tmp/obeyed) `id`; 'quoted' \"twice\"";
    bob.type_line(
        &serde_json::json!({"command": "message", "to": "alice", "text": text}).to_string(),
    );
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), format!("bob|{text}\n"));
    let file = folder.path().join("clip.mp4");
    write_noise(&file, 5000).unwrap();
    bob.type_line(&format!("/send alice {}", file.display()));
    let done = alice.await_event("file", |event| event["state"] == "complete");
    let path = done["path"].as_str().unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), format!("bob|{path}\n"));
}
