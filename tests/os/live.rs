//! A file is handed over and watched while a program still writes it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use sim::programs::{PATIENCE, Process, Scene, hash_file};

use crate::oneshot::register;
use crate::{options, text};

fn noise(from: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&from.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Asks for all that is found at a URL; gives the head, once that is there.
fn get(url: &str) -> (TcpStream, String) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

/// Two users who are logged in.
fn two(scene: &Scene, address: std::net::SocketAddr) -> (Process, Process) {
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let bob = scene.peer(&[], "bob", address, &[]);
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == true);
    (alice, bob)
}

/// The file of the receiver, once it is complete.
fn complete(bob: &mut Process) -> String {
    let done = bob.await_event("file", |event| event["state"] == "complete");
    done["path"].as_str().unwrap().to_owned()
}

/// A thread writes as long as the player reads what it has written: each waits for the other.
#[test]
fn a_player_reads_behind_a_recorder() {
    const PIECE: usize = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let (mut alice, mut bob) = two(&scene, address);
    let path = folder.path().join("a cam.ts");
    let (go, gone) = mpsc::channel::<usize>();
    let mut file = File::create(&path).unwrap();
    let recorder = std::thread::spawn(move || {
        while let Ok(number) = gone.recv() {
            file.write_all(&noise(number, PIECE)).unwrap();
        }
    });
    go.send(0).unwrap();
    alice.type_line(&format!("/live bob '{}'", path.display()));
    let offer = bob.await_event("file-offer", |_| true);
    assert!(offer["size"].is_null() && offer["blake3"].is_null(), "{offer}");
    bob.type_line(r#"{"command":"accept","id":1}"#);
    bob.await_event("file", |event| event["state"] == "running");
    bob.type_line(r#"{"command":"play","id":1}"#);
    let play = bob.await_event("play", |_| true);
    assert!(play["size"].is_null() && play["eta"].is_null(), "{play}");
    let (mut player, head) = get(play["url"].as_str().unwrap());
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("Content-Length"), "{head}");
    for number in 0..10 {
        let mut piece = vec![0; PIECE];
        player.read_exact(&mut piece).unwrap();
        assert!(piece == noise(number, PIECE), "the piece {number}");
        go.send(number + 1).unwrap();
    }
    drop(go);
    recorder.join().unwrap();
    let saved = complete(&mut bob);
    alice.await_event("file", |event| event["state"] == "complete");
    let mut rest = Vec::new();
    player.read_to_end(&mut rest).unwrap();
    assert!(rest == noise(10, PIECE), "up to its end");
    assert_eq!(hash_file(Path::new(&saved)).unwrap(), hash_file(&path).unwrap());
}

/// Receiver and sender are killed while it grows.
#[test]
fn what_grows_goes_on_after_both_were_killed() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let (mut alice, mut bob) = two(&scene, address);
    let path = folder.path().join("cam.ts");
    let mut file = File::create(&path).unwrap();
    file.write_all(&noise(0, 500_000)).unwrap();
    alice.type_line(&format!("/live bob {}", path.display()));
    bob.await_event("file-offer", |_| true);
    bob.type_line("/accept 1");
    bob.await_event("file", |event| event["done"] == 500_000);
    bob.kill();
    file.write_all(&noise(1, 500_000)).unwrap();
    let mut bob = scene.peer(&[], "bob", address, &[]);
    bob.await_event("file", |event| event["done"] == 1_000_000);
    alice.kill();
    file.write_all(&noise(2, 500_000)).unwrap();
    let mut alice = scene.peer(&[], "alice", address, &[]);
    bob.await_event("file", |event| event["done"] == 1_500_000);
    // Nobody need wait for what has ended.
    alice.type_line("/live end 1");
    let saved = complete(&mut bob);
    assert_eq!(hash_file(Path::new(&saved)).unwrap(), hash_file(&path).unwrap());
}

/// `ffmpeg ... | peer live bob - --name cam.mkv`.
#[test]
fn standard_input_is_handed_over_as_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let home = folder.path().join("alice");
    let mut arguments = options(&home, address);
    arguments.extend(["live", "bob", "-"].map(str::to_owned));
    let start = |arguments: &[String]| {
        Command::new(sim::programs::program("peer"))
            .args(arguments)
            .env_remove("TINCAN_SERVER")
            .env("HOME", "/nonexistent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let nameless = start(&arguments).wait_with_output().unwrap();
    assert_eq!(nameless.status.code(), Some(2));
    assert!(text(&nameless.stderr).contains("--name"), "{}", text(&nameless.stderr));

    arguments.extend(["--name", "cam.mkv"].map(str::to_owned));
    let mut alice = start(&arguments);
    let mut input = alice.stdin.take().unwrap();
    input.write_all(&noise(0, 300_000)).unwrap();
    let offer = bob.await_event("file-offer", |_| true);
    assert_eq!((&offer["name"], &offer["size"]), (&"cam.mkv".into(), &serde_json::Value::Null));
    assert_eq!(offer["media_type"], "video/matroska");
    bob.type_line("/accept 1");
    bob.await_event("file", |event| event["done"] == 300_000);
    let spool = home.join("data/spool");
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 1);
    input.write_all(&noise(1, 1_000_000)).unwrap();
    drop(input);
    let saved = complete(&mut bob);
    let whole = [noise(0, 300_000), noise(1, 1_000_000)].concat();
    assert!(fs::read(&saved).unwrap() == whole);
    let ended = alice.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    assert_eq!(text(&ended.stdout), "complete cam.mkv\n");
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 0, "nothing is left of it");
}
