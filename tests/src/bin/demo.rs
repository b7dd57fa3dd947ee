//! The story that `scripts/demo` tells: a server, two people, a bad link between them, messages
//! both ways and two videos. Everything is done by the real programs; this one types, listens and
//! checks.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::Value;
use sim::programs::{Process, Scene, hash_file, prefix, write_noise};
use wire::net::Clock;

/// Tells Tincan's story with its real programs.
#[derive(Parser)]
struct Arguments {
    /// An empty folder to work in.
    folder: PathBuf,
    /// A small video.
    clip: PathBuf,
    /// Size of the file made on the spot, in MiB.
    #[arg(long, default_value_t = 4)]
    large: u64,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let clock = Clock::start();
    let scene = Scene::new(&arguments.folder);
    // Alice is behind the bad link; Bob and the server are on the far side of it.
    let (near, far) = (prefix("IN_A"), prefix("IN_B"));
    let host = std::env::var("B").unwrap_or_else(|_| "127.0.0.1".to_owned());

    say("The server starts. It will introduce people, and see neither messages nor files.");
    let (server, address) = scene.server(&far, &format!("{host}:0"), &[]);
    told(&format!("rendezvous --bind {address}"));

    say("Alice and Bob register. Their passwords never leave their machines (OPAQUE).");
    let asked = ["--strangers", "ask"];
    let mut alice = scene.peer(&near, "alice", address, &asked);
    told(&format!("alice: peer --server {address} --user alice --register"));
    let mut bob = scene.peer(&far, "bob", address, &asked);
    told(&format!("bob:   peer --server {address} --user bob --register"));
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == true);
    told("alice sees: bob is online");

    say("Alice asks to talk with Bob, who has never heard of her, and Bob accepts.");
    alice.type_line("/chat bob");
    bob.await_event("request", |event| event["user"] == "alice");
    told("bob sees: alice asks to talk with you");
    bob.type_line("/accept alice");
    alice.await_event("asked", |event| event["state"] == "accepted");
    told("alice sees: bob accepts: you can talk");

    say("They talk, directly from one to the other.");
    talk(&mut alice, "alice", &mut bob, "bob", "Hi Bob! Shall I send you the holiday video?");
    talk(
        &mut bob,
        "bob",
        &mut alice,
        "alice",
        "Yes please \u{2014} the link is awful today, though.",
    );

    say("Alice sends a small video, then a large one; Bob accepts both.");
    let large = arguments.folder.join("holiday.mp4");
    write_noise(&large, arguments.large << 20)?;
    for path in [&arguments.clip, &large] {
        hand_over(&mut alice, &mut bob, path)?;
    }

    say("While the next copy of it runs, they go on talking.");
    offer(&mut alice, &mut bob, &large);
    for line in ["Still there?", "Of course: chat never waits for a file."] {
        let before = clock.now();
        talk(&mut alice, "alice", &mut bob, "bob", line);
        told(&format!("(delivered in {} ms)", (clock.now() - before).as_millis()));
    }
    alice.type_line("/cancel 3");

    say("They leave, and nothing is left behind.");
    for peer in [&mut alice, &mut bob] {
        peer.type_line("/quit");
        peer.await_exit();
    }
    server.terminate();
    println!("\nAll of it took {:.1} s.", clock.now().as_micros() as f64 / 1e6);
    Ok(())
}

fn say(text: &str) {
    println!("\n\u{25b8} {text}");
}

fn told(text: &str) {
    println!("    {text}");
}

/// One message, shown on the other side and acknowledged to this one.
fn talk(from: &mut Process, name: &str, to: &mut Process, other: &str, text: &str) {
    from.type_line(&format!("/msg {other} {text}"));
    to.await_event("message", |event| event["from"] == name && event["text"] == text);
    from.await_event("message-state", |event| event["state"] == "delivered");
    told(&format!("<{name}> {text}"));
}

fn offer(alice: &mut Process, bob: &mut Process, path: &Path) -> Value {
    alice.type_line(&format!("/send bob {}", path.display()));
    let offer = bob.await_event("file-offer", |_| true);
    bob.type_line(&format!("/accept {}", offer["id"]));
    offer
}

/// Sends a file, shows its progress, and compares what arrived with what was sent.
fn hand_over(alice: &mut Process, bob: &mut Process, path: &Path) -> io::Result<()> {
    let offer = offer(alice, bob, path);
    told(&format!("{} ({} bytes)", text(&offer["name"]), offer["size"]));
    let done = bob.await_event("file", |event| {
        if event["state"] == "running" {
            show_progress(event);
        }
        event["state"] == "complete" && event["id"] == offer["id"]
    });
    show_progress(&done);
    let sent = hash_file(path)?;
    let arrived = hash_file(Path::new(done["path"].as_str().expect("a finished file has a path")))?;
    assert_eq!(sent, arrived, "the file arrived changed");
    told(&format!("BLAKE3 of both ends: {}\u{2026} equal", &arrived[..16]));
    Ok(())
}

/// Overwrites itself on a terminal; elsewhere only the end is told.
fn show_progress(event: &Value) {
    let is_over = event["state"] == "complete";
    if !is_over && !io::stdout().is_terminal() {
        return;
    }
    let (done, size) = (event["done"].as_u64().unwrap_or(0), event["size"].as_u64().unwrap_or(1));
    let eta = event["eta"].as_u64().map_or(String::new(), |eta| format!(", {eta} s left"));
    let rate = match event["rate"].as_u64().unwrap_or(0) {
        0 => String::new(),
        rate => format!(" {:.2} MB/s", rate as f64 / 1e6),
    };
    let filled = usize::try_from(done * 30 / size.max(1)).unwrap_or(30);
    let percent = done * 100 / size.max(1);
    let start = if io::stdout().is_terminal() { "\r" } else { "" };
    print!("{start}    [{:<30}] {percent:>3}%{rate}{eta}      ", "#".repeat(filled));
    if is_over {
        println!();
    }
    let _ = io::stdout().flush();
}

fn text(value: &Value) -> String {
    wire::app::text::one_line(value.as_str().unwrap_or_default())
}
