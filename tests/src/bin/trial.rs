//! Trials of the real programs, each one command that prints what it found and fails when
//! anything was lost. `scripts/trial` runs them with the right link between the two sides.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde_json::Value;
use sim::Dice;
use sim::barrage::Barrage;
use sim::programs::{Process, Scene, hash_file, prefix, work_of, write_noise};
use sim::terminal::Terminal;
use wire::Seed;
use wire::net::Clock;

/// Tries the real programs.
#[derive(Parser)]
struct Arguments {
    /// An empty folder to work in.
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Subcommand)]
enum Trial {
    /// Messages both ways at once: each shown once and in order.
    Messages {
        /// So many each way.
        #[arg(long, default_value_t = 1000)]
        count: u64,
    },
    /// A large file while both sides are killed again and again.
    Killed {
        /// Size in MiB.
        #[arg(long, default_value_t = 1024)]
        size: u64,
        /// Times that each side is killed.
        #[arg(long, default_value_t = 3)]
        kills: u64,
        /// When, at random.
        #[arg(long, default_value_t = 1)]
        seed: u8,
    },
    /// Wrong passwords, the lock, a restart of the server, the release.
    Locked,
    /// What a blocked user can still do: nothing.
    Blocked,
    /// A file between two who reach the server and, over a wire that is pulled meanwhile, each other.
    Relayed {
        /// Size in MiB.
        #[arg(long, default_value_t = 256)]
        size: u64,
    },
    /// Random and mutated datagrams at a live server and a live peer.
    Barrage {
        /// So many at each.
        #[arg(long, default_value_t = 5_000_000)]
        count: u64,
        /// Same seed, same datagrams.
        #[arg(long, default_value_t = 1)]
        seed: u8,
    },
    /// Very many messages to somebody who looks at the full screen, and then silence.
    Soak {
        /// So many.
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        /// Seconds of silence.
        #[arg(long, default_value_t = 60)]
        silence: u64,
    },
    /// One row of the matrix: a file and a chat beside it.
    Row {
        /// Name of the row.
        name: String,
        /// Size of the file in KiB.
        #[arg(long, default_value_t = 4096)]
        size: u64,
        /// The link's rate in Mbit/s, for the share; unlimited when absent.
        #[arg(long)]
        rate: Option<f64>,
    },
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let trial = Place { scene: Scene::new(&arguments.folder), folder: arguments.folder };
    match arguments.trial {
        Trial::Messages { count } => trial.messages(count),
        Trial::Killed { size, kills, seed } => trial.killed(size << 20, kills, seed)?,
        Trial::Locked => trial.locked(),
        Trial::Blocked => trial.blocked(),
        Trial::Relayed { size } => trial.relayed(size << 20)?,
        Trial::Barrage { count, seed } => trial.barrage(count, seed)?,
        Trial::Soak { count, silence } => trial.soak(count, silence)?,
        Trial::Row { name, size, rate } => trial.row(&name, size << 10, rate)?,
    }
    Ok(())
}

/// What `soak` bears: the longest time that one frame takes; and in a minute of silence, with a link to
/// the server and one to Bob, how often a thread of the program wakes up, and how long it works.
const LONGEST_FRAME_MS: u64 = 30;
const MOST_WAKES: f64 = 120.0;
const MOST_WORK_MS: f64 = 100.0;

/// Where a trial happens: Alice on the near side of the link, Bob and the server on the far side.
struct Place {
    scene: Scene,
    folder: PathBuf,
}

impl Place {
    fn server(&self, more: &[&str]) -> (Process, std::net::SocketAddr) {
        let host = std::env::var("B").unwrap_or_else(|_| "127.0.0.1".to_owned());
        self.scene.server(&prefix("IN_B"), &format!("{host}:0"), more)
    }

    fn alice(&self, server: std::net::SocketAddr) -> Process {
        self.scene.peer(&prefix("IN_A"), "alice", server, &["--auto-accept", "100G"])
    }

    fn bob(&self, server: std::net::SocketAddr) -> Process {
        self.scene.peer(&prefix("IN_B"), "bob", server, &["--auto-accept", "100G"])
    }

    fn messages(&self, count: u64) {
        let clock = Clock::start();
        let (_server, address) = self.server(&[]);
        let (mut alice, mut bob) = (self.alice(address), self.bob(address));
        for number in 1..=count {
            alice.type_line(&format!("/msg bob message {number}"));
            bob.type_line(&format!("/msg alice message {number}"));
        }
        for (reader, from) in [(&mut alice, "bob"), (&mut bob, "alice")] {
            let (mut shown, mut delivered) = (0, 0);
            while shown < count || delivered < count {
                let event = reader.await_line("message or receipt", |line| {
                    let event: Value = serde_json::from_str(line).ok()?;
                    let kind = event["event"].as_str()?;
                    (kind == "message" || kind == "message-state").then_some(event)
                });
                if event["event"] == "message" {
                    shown += 1;
                    assert_eq!(event["from"], from);
                    assert_eq!(event["text"], format!("message {shown}"), "once and in order");
                } else if event["state"] == "delivered" {
                    delivered += 1;
                    assert_eq!(event["id"], delivered, "receipts come in order too");
                }
            }
            println!("{count} messages from {from}: each shown once and in order");
        }
        // Whatever would be shown twice is shown by now: both ends say good-bye in order.
        for mut peer in [alice, bob] {
            peer.type_line("/quit");
            let again = peer.try_await_line(sim::programs::PATIENCE, |line| {
                line.contains(r#""event":"message""#).then(|| line.to_owned())
            });
            assert_eq!(again, None, "shown again");
        }
        println!("took {:.1} s", seconds(&clock));
    }

    fn killed(&self, size: u64, kills: u64, seed: u8) -> io::Result<()> {
        let clock = Clock::start();
        let mut dice = Dice::new(&Seed::new([seed; 32]), "kills");
        let source = self.folder.join("large.mp4");
        write_noise(&source, size)?;
        let (_server, address) = self.server(&[]);
        let (mut alice, mut bob) = (self.alice(address), self.bob(address));
        alice.type_line(&format!("/send bob {}", source.display()));
        let mut peaks = Vec::new();
        for round in 0..2 * kills {
            // Between so many bytes and so many, somebody is killed.
            let target = size * (round + 1) / (2 * kills + 1) + dice.below(size / (4 * kills + 2));
            let event = watch(&mut bob, |event| event["done"].as_u64() >= Some(target));
            assert_ne!(event["state"], "complete", "it is to be killed before the end");
            let (who, peer) =
                if round % 2 == 0 { ("receiver", &mut bob) } else { ("sender", &mut alice) };
            let peak = peer.peak_memory_kib();
            peaks.push(peak);
            peer.kill();
            println!(
                "{:>6.1} s  {who} killed at {} of {} MiB; peak memory {peak} KiB",
                seconds(&clock),
                event["done"].as_u64().unwrap_or(0) >> 20,
                size >> 20
            );
            if round % 2 == 0 {
                bob = self.bob(address);
            } else {
                alice = self.alice(address);
            }
        }
        let done = watch(&mut bob, |_| false);
        println!("{:>6.1} s  complete", seconds(&clock));
        assert_same(&source, &done)?;
        let last = [&alice, &bob].map(Process::peak_memory_kib);
        println!(
            "peak memory of the last programs: sender {} KiB, receiver {} KiB",
            last[0], last[1]
        );
        peaks.extend(last);
        assert!(
            peaks.iter().all(|peak| *peak < 64 << 10),
            "each peer stays under 64 MiB: {peaks:?}"
        );
        let leftovers = std::fs::read_dir(self.scene.folder_of("bob").join("downloads"))?.count();
        assert_eq!(leftovers, 1, "nothing but the file in the download folder");
        Ok(())
    }

    fn locked(&self) {
        let limits = ["--max-failed", "5", "--lock-seconds", "20"];
        let (mut server, address) = self.server(&limits);
        let mut alice = self.alice(address);
        alice.type_line("/quit");
        alice.await_exit();
        // Another machine of hers: no device key, only the password.
        std::fs::remove_dir_all(self.scene.folder_of("alice").join("data")).expect("her data");
        let attempt = |password: &str| {
            let mut peer =
                self.scene.peer_with_password(&prefix("IN_A"), "alice", address, password);
            let outcome = peer.await_line("outcome", |line| {
                let event: Value = serde_json::from_str(line).ok()?;
                match event["event"].as_str()? {
                    "logged-in" => Some("logged in".to_owned()),
                    "login-needed" => event["reason"].as_str().map(str::to_owned),
                    _ => None,
                }
            });
            println!("  {password:<22} -> {outcome}");
            outcome
        };
        for number in 1..=5 {
            assert!(attempt(&format!("wrong password {number}")).contains("wrong"));
        }
        assert!(attempt("correct horse alice").contains("try again"), "locked");
        server.terminate();
        server.await_exit();
        let (_server, _) = self.scene.server(&prefix("IN_B"), &address.to_string(), &limits);
        println!("  server restarted");
        assert!(attempt("correct horse alice").contains("try again"), "still locked");
        let clock = Clock::start();
        while attempt("correct horse alice") != "logged in" {
            assert!(seconds(&clock) < 60.0, "the lock is released after 20 s");
            sim::programs::pause(std::time::Duration::from_secs(5));
        }
        println!("released after {:.0} s", seconds(&clock));
    }

    fn blocked(&self) {
        let (_server, address) = self.server(&[]);
        let (mut alice, mut bob) = (self.alice(address), self.bob(address));
        bob.type_line("/who");
        let who = bob.await_event("users", |_| true);
        assert_eq!(who["users"][0]["user"], "alice", "{who}");
        println!("bob sees alice in /who");
        alice.type_line("/block bob");
        bob.await_event("presence", |event| event["user"] == "alice" && event["online"] == false);
        println!("bob sees alice leave, as if she had gone");
        bob.type_line("/who");
        let who = bob.await_event("users", |_| true);
        assert_eq!(who["users"], Value::Array(Vec::new()), "{who}");
        println!("bob does not see alice in /who");
        bob.type_line("/msg alice can you hear me?");
        let state = bob.await_event("message-state", |_| true);
        assert_eq!(state["state"], "queued", "{state}");
        println!("bob's message waits, as for anyone offline: {}", state["reason"]);
        let clip = self.folder.join("clip");
        write_noise(&clip, 1000).expect("a folder of our own");
        bob.type_line(&format!("/send alice {}", clip.display()));
        bob.await_event("file", |event| event["state"] == "waiting" || event["state"] == "offered");
        // Each has asked the server something since: what was on its way has arrived.
        bob.type_line("/outbox");
        let waiting = bob.await_event("outbox", |_| true);
        assert_eq!(waiting["messages"].as_array().map(Vec::len), Some(1), "{waiting}");
        alice.type_line("/blocked");
        let heard = alice.await_line("answer", |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            match event["event"].as_str()? {
                "message" | "file-offer" => panic!("alice hears bob: {line}"),
                "blocked" => Some(event["users"].clone()),
                _ => None,
            }
        });
        assert_eq!(heard, serde_json::json!(["bob"]));
        println!("alice heard nothing of bob");
    }

    fn relayed(&self, size: u64) -> io::Result<()> {
        let source = self.folder.join("large.mp4");
        write_noise(&source, size)?;
        let (_server, address) = self.scene.server(&[], "0.0.0.0:0", &["--relay-rate", "20000"]);
        let [mut alice, mut bob] = [("alice", "A"), ("bob", "B")].map(|(user, side)| {
            let host = std::env::var(format!("AT_{side}")).expect("scripts/apart says where");
            let server = format!("{host}:{}", address.port()).parse().expect("an address");
            let prefix = prefix(&format!("IN_{side}"));
            self.scene.peer(&prefix, user, server, &["--auto-accept", "100G", "--limit-up", "8M"])
        });
        let link = |state: &'static str| {
            move |event: &Value| event["state"] == state && event["address"].is_string()
        };
        alice.type_line("/msg bob here it comes");
        alice.await_event("link", link("direct"));
        println!("alice reaches bob directly");
        alice.type_line(&format!("/send bob {}", source.display()));
        watch(&mut bob, |event| event["done"].as_u64() > Some(size / 4));
        let clock = Clock::start();
        set_wire("down")?;
        bob.await_event("link", link("relayed"));
        println!("the wire was pulled: through the server after {:.1} s", seconds(&clock));
        let before = watch(&mut bob, |event| event["rate"].as_u64() > Some(0));
        assert_ne!(before["state"], "complete", "there is something left to go that way");
        watch(&mut bob, |event| event["done"].as_u64() > Some(size / 2));
        let clock = Clock::start();
        set_wire("up")?;
        bob.await_event("link", link("direct"));
        println!("it was put in again: directly after {:.1} s", seconds(&clock));
        let done = watch(&mut bob, |_| false);
        assert_same(&source, &done)
    }

    fn barrage(&self, count: u64, seed: u8) -> io::Result<()> {
        let (server, address) = self.server(&[]);
        let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut alice = self.scene.peer(&[], "alice", address, &["--udp", &port.to_string()]);
        let mut bob = self.bob(address);
        let mut talk = |text: &str| {
            alice.type_line(&format!("/msg bob {text}"));
            bob.await_event("message", |event| event["text"] == text);
            alice.await_event("message-state", |event| event["state"] == "delivered");
            alice.memory_kib()
        };
        let alice_before = talk("before");
        let server_before = server.memory_kib();
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        for (name, target) in [("server", address), ("peer", peer)] {
            let clock = Clock::start();
            let mut barrage = Barrage::new(target, count, &Seed::new([seed; 32]));
            sim::barrage::fire(&mut barrage)?;
            let tally = barrage.tally();
            println!(
                "{name}: {} datagrams, {} bytes in {:.1} s",
                tally.sent,
                tally.sent_bytes,
                seconds(&clock)
            );
            let dropped = sim::barrage::backlog(target.port()).1;
            println!("  {dropped} of them dropped by the kernel before they reached it");
            println!("  answers: {} datagrams, {} bytes", tally.replies, tally.reply_bytes);
            assert!(dropped * 100 < tally.sent, "too few have reached it");
            assert_eq!(tally.oversized_replies, 0, "an answer longer than a handshake's");
            assert!(tally.reply_bytes <= tally.sent_bytes, "more back than sent");
        }
        let alice_after = talk("after");
        println!("the two still talk; a third logs in:");
        let _carol = self.scene.peer(&[], "carol", address, &[]);
        let server_after = server.memory_kib();
        println!(
            "memory: server {server_before} -> {server_after} KiB, peer {alice_before} -> {alice_after} KiB"
        );
        assert!(
            server_after < server_before + 16_384 && alice_after < alice_before + 16_384,
            "a leak"
        );
        Ok(())
    }

    fn soak(&self, count: u64, silence: u64) -> io::Result<()> {
        let (_server, address) = self.server(&[]);
        let log = self.folder.join("log");
        let password = self.folder.join("password");
        std::fs::write(&password, "correct horse alice\n")?;
        let more = format!(
            "--log-file {} --user alice --register --password-file {}",
            log.display(),
            password.display()
        );
        let mut alice = Terminal::start(&self.folder, address, &more);
        alice.await_text("logged in as alice");
        let mut bob = self.bob(address);
        alice.type_line("/msg bob");
        alice.await_prompt("bob> ");
        alice.type_text("half a line");
        let clock = Clock::start();
        let work_before = work_of(alice.pid())?;
        for number in 1..=count {
            bob.type_line(&format!("/msg alice message {number} of {count}"));
            // Not more of them on their way than may wait.
            if number > 1000 {
                bob.await_event("message-state", |event| event["state"] == "delivered");
            }
        }
        alice.await_text(&format!("message {count} of {count}"));
        alice.await_prompt("bob> half a line");
        let took = seconds(&clock);
        let (cpu, _) = work_of(alice.pid())?;
        println!(
            "{count} messages in {took:.1} s, {:.0} a second; {:.1} ms of work for a thousand",
            count as f64 / took,
            (cpu - work_before.0) * 1e6 / count as f64
        );
        let before = work_of(alice.pid())?;
        sim::programs::pause(std::time::Duration::from_secs(silence));
        let after = work_of(alice.pid())?;
        let minutes = silence as f64 / 60.0;
        let [wakes, work_ms] =
            [(after.1 - before.1) as f64, (after.0 - before.0) * 1000.0].map(|it| it / minutes);
        println!(
            "in silence, a minute: {wakes:.0} wake-ups of all threads, {work_ms:.1} ms of work"
        );
        alice.type_text("\u{15}");
        alice.type_line("/quit");
        alice.await_end(0);
        let log = std::fs::read_to_string(log)?;
        let last = log.lines().find(|line| line.contains("the screen is given back"));
        let last = last.expect("the log tells of the frames");
        println!("{last}");
        let longest = last.split_once("longest_ms=").expect("and of the longest").1;
        let longest = longest.split_whitespace().next().and_then(|it| it.parse::<u64>().ok());
        assert!(longest.expect("a number") <= LONGEST_FRAME_MS, "a frame took too long");
        assert!(wakes <= MOST_WAKES, "it does not sleep in silence");
        assert!(work_ms <= MOST_WORK_MS, "it works in silence");
        Ok(())
    }

    fn row(&self, name: &str, size: u64, rate: Option<f64>) -> io::Result<()> {
        let source = self.folder.join("video.mp4");
        write_noise(&source, size)?;
        let (_server, address) = self.server(&[]);
        let (mut alice, mut bob) = (self.alice(address), self.bob(address));
        alice.type_line("/msg bob first");
        bob.await_event("message", |_| true);
        let clock = Clock::start();
        let sent_before = device_bytes("IN_A")?;
        alice.type_line(&format!("/send bob {}", source.display()));
        let mut latencies = Vec::new();
        let mut number = 0;
        let done = loop {
            let asked = clock.now();
            number += 1;
            alice.type_line(&format!("/msg bob {number}"));
            let (mut shown, mut complete) = (false, None);
            while !shown && complete.is_none() {
                let event = bob.await_line("message or file", |line| {
                    let event: Value = serde_json::from_str(line).ok()?;
                    matches!(event["event"].as_str()?, "message" | "file").then_some(event)
                });
                shown = event["event"] == "message"
                    && event["text"].as_str() == Some(&format!("{number}"));
                if event["state"] == "complete" {
                    complete = Some(event);
                }
            }
            if let Some(event) = complete {
                break event;
            }
            latencies.push((clock.now() - asked).as_millis());
        };
        let took = seconds(&clock);
        assert_same(&source, &done)?;
        let goodput = size as f64 * 8.0 / took / 1e6;
        let share = rate.map_or("-".to_owned(), |rate| format!("{:.0} %", goodput / rate * 100.0));
        let overhead = (device_bytes("IN_A")? - sent_before) as f64 / size as f64 - 1.0;
        alice.type_line("/net");
        let net = alice.await_event("net", |_| true);
        let lines = net["connections"].as_array().expect("a list");
        let link = lines.iter().find(|line| line["user"] == "bob").expect("still connected");
        let count = |key: &str| link[key].as_u64().expect("a number") as f64;
        let again = count("bytes_sent_again") / count("bytes_sent");
        latencies.sort_unstable();
        let rank =
            |share: usize| latencies.get(latencies.len() * share / 100).copied().unwrap_or(0);
        println!(
            "| {name} | {goodput:.2} | {share} | {:.1} % | {:.1} % | {} / {} | {} | yes |",
            again * 100.0,
            overhead * 100.0,
            rank(50),
            rank(99),
            latencies.len()
        );
        Ok(())
    }
}

/// Follows the file until it is complete or `is_enough`, however long that takes, as long as
/// something is told.
fn watch(receiver: &mut Process, is_enough: impl Fn(&Value) -> bool) -> Value {
    loop {
        let event = receiver.await_event("file", |_| true);
        if event["state"] == "complete" || is_enough(&event) {
            return event;
        }
    }
}

fn assert_same(source: &Path, done: &Value) -> io::Result<()> {
    let arrived = Path::new(done["path"].as_str().expect("a finished file has a path"));
    let (sent, arrived) = (hash_file(source)?, hash_file(arrived)?);
    println!("BLAKE3 sent    {sent}\nBLAKE3 arrived {arrived}");
    assert_eq!(sent, arrived, "the file arrived changed");
    Ok(())
}

/// Pulls the wire between the two networks at Alice's end, or puts it in again.
fn set_wire(state: &str) -> io::Result<()> {
    let words = ["ip", "link", "set", "dev", "wire", state].map(std::ffi::OsString::from);
    let mut words = prefix("IN_A").into_iter().chain(words);
    let program = words.next().expect("ip at least");
    let status = std::process::Command::new(program).args(words).status()?;
    assert!(status.success(), "ip link set dev wire {state}");
    Ok(())
}

/// Bytes sent so far by the devices on one side of the link.
fn device_bytes(side: &str) -> io::Result<u64> {
    let mut words = prefix(side).into_iter().chain(["cat".into(), "/proc/net/dev".into()]);
    let program = words.next().expect("cat at least");
    let output = std::process::Command::new(program).args(words).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let devices: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| {
            let (name, figures) = line.split_once(':')?;
            Some((name.trim(), figures.split_whitespace().nth(8)?.parse().ok()?))
        })
        .collect();
    Ok(devices.values().sum())
}

fn seconds(clock: &Clock) -> f64 {
    clock.now().as_micros() as f64 / 1e6
}
