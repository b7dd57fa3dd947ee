//! Files are played while they arrive, and opened, as a player and a person see it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sim::programs::{PATIENCE, Process, Scene, write_noise};
use sim::terminal::Terminal;

use crate::stage::Stage;

/// Asks for a part of what is found at a URL; gives the head, once that is there.
fn get(url: &str, range: &str) -> (TcpStream, String) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={range}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn some(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// The state of the only transfer, and how much of it is here.
fn state(peer: &mut Process) -> (String, u64) {
    peer.type_line(r#"{"command":"files"}"#);
    let files = peer.await_event("files", |_| true);
    let file = &files["files"][0];
    (file["state"].as_str().unwrap().to_owned(), file["done"].as_u64().unwrap())
}

/// Stopped and paused so that at no moment more comes than is looked at.
#[test]
fn a_player_seeks_while_a_file_arrives() {
    const SIZE: usize = 32 << 20;
    const TAIL: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let mut bob = scene.peer(&[], "bob", address, &["--player", "/no/such/player"]);
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == true);
    let path = folder.path().join("a film.mp4");
    write_noise(&path, SIZE as u64).unwrap();
    let film = fs::read(&path).unwrap();
    alice.type_line(&format!("/send bob '{}'", path.display()));
    bob.await_event("file-offer", |_| true);
    bob.type_line(r#"{"command":"play","id":1}"#);
    let refused = bob.await_event("error", |_| true);
    assert_eq!(refused["text"], "Nothing of transfer 1 is here: '/accept 1' first.");

    // Alice does not answer what Bob asks for first: the beginning of the file.
    alice.suspend();
    bob.type_line(r#"{"command":"accept","id":1}"#);
    bob.await_event("file", |event| event["state"] == "running");
    bob.type_line(r#"{"command":"play","id":1}"#);
    let play = bob.await_event("play", |_| true);
    assert_eq!((&play["id"], &play["done"], &play["size"]), (&1.into(), &0.into(), &SIZE.into()));
    let url = play["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/a%20film.mp4"), "{url}");
    let (mut first, head) = get(&url, "0-");
    assert!(head.starts_with("HTTP/1.1 206 ") && head.contains("\r\nContent-Type: video/mp4\r\n"));
    bob.type_line(r#"{"command":"pause","id":1}"#);
    bob.await_event("file", |event| event["state"] == "paused");
    alice.resume();
    assert!(some(&mut first, 100_000) == film[..100_000], "as much as was asked for");

    // He seeks, and gets the tail as soon as anything flows again.
    let (tail, head) = get(&url, &format!("-{TAIL}"));
    let range = format!("\r\nContent-Range: bytes {}-{}/{SIZE}\r\n", SIZE - TAIL, SIZE - 1);
    assert!(head.contains(&range), "{head}");
    bob.type_line("{\"command\":\"resume\",\"id\":1}\n{\"command\":\"pause\",\"id\":1}");
    assert!(rest(tail) == film[SIZE - TAIL..]);
    let (state_now, done) = state(&mut bob);
    assert!(state_now == "paused" && done < SIZE as u64 / 2, "{state_now}, {done} are here");

    bob.type_line(r#"{"command":"resume","id":1}"#);
    assert!(rest(first) == film[100_000..], "all of it, whatever was asked for in between");
    let done = bob.await_event("file", |event| event["state"] == "complete");
    let (stream, _) = get(&url, "0-");
    assert!(rest(stream) == film, "the same URL, now that it has its name");
    bob.type_line(r#"{"command":"open","id":1}"#);
    assert_eq!(bob.await_event("open", |_| true)["path"], done["path"]);
    // Who has sent it can look at it too.
    alice.type_line("/play 1");
    let url = alice.await_event("play", |_| true)["url"].as_str().unwrap().to_owned();
    assert!(rest(get(&url, "0-").0) == film);
    // No program was started: that would have been told.
    bob.type_line(r#"{"command":"quit"}"#);
    bob.await_exit();
    assert!(!bob.tail().contains("cannot be started"), "{}", bob.tail());
}

/// A program that writes its arguments into `seen` and fails, which is told: so its end is known.
fn program(folder: &Path) -> String {
    let (program, seen) = (folder.join("program"), folder.join("seen"));
    fs::write(
        &program,
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\nexit 7\n", seen.display()),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program.to_str().unwrap().to_owned()
}

/// Waits until this stands on a terminal, wherever its rows are broken.
#[track_caller]
fn reads(terminal: &mut Terminal, text: &str) {
    let is_of_text = |c: &char| !c.is_whitespace() && *c != '|';
    let wanted: String = text.chars().filter(is_of_text).collect();
    terminal.await_screen(text, |screen| {
        screen.contents().chars().filter(is_of_text).collect::<String>().contains(&wanted)
    });
}

#[test]
fn a_person_has_the_player_started() {
    let stage = Stage::open(&[]);
    let program = program(stage.folder());
    let seen = || fs::read_to_string(stage.folder().join("seen")).unwrap().trim_end().to_owned();
    let mut alice = stage.scene.peer(&[], "alice", stage.address, &[]);
    let password = stage.folder().join("password");
    fs::write(&password, "hunter2 and more\n").unwrap();
    let options = format!(
        "--plain --user bob --register --password-file {} --opener {program}",
        password.display()
    );
    let mut bob = stage.terminal("bob", &options);
    reads(&mut bob, "logged in as bob");
    let path = stage.folder().join("film.mp4");
    write_noise(&path, 100_000).unwrap();
    alice.type_line(&format!("/send bob {}", path.display()));
    reads(&mut bob, "/accept 1 or /decline 1");
    bob.type_line("/accept 1");
    reads(&mut bob, "(100 kB) complete: ");

    bob.type_line("/set player /no/such/player");
    bob.type_line("/play 1");
    reads(
        &mut bob,
        "/no/such/player cannot be started (No such file or directory (os error 2)): open http://",
    );
    bob.type_line(&format!("/set player {program}"));
    bob.type_line("/play 1");
    reads(&mut bob, "program has failed with code 7: open http://127.0.0.1:");
    let url = seen();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/film.mp4"), "{url}");
    assert!(rest(get(&url, "0-").0) == fs::read(&path).unwrap());
    bob.type_line("/open 1");
    reads(&mut bob, "program has failed with code 7: '/set opener");
    let opened = seen();
    assert!(opened.starts_with('/') && fs::read(&opened).unwrap() == fs::read(&path).unwrap());
}
