//! The real server, killed (SIGKILL) again and again in the middle of its work. At which byte of a
//! commit a death does no harm is shown in `tests/sim/crashes.rs`; here it is the whole program,
//! its threads and its clients.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sim::Dice;
use sim::programs::{PATIENCE, Process, Scene, pause, program};
use sim::swarm::seed;

use crate::text;

const ROUNDS: usize = 6;
/// What a killed server has sent arrives within this time on one machine.
const STRAGGLERS: Duration = Duration::from_millis(300);
const LIMITS: [&str; 4] = ["--max-failed", "2", "--lock-seconds", "300"];

/// What the operator's commands say about a server that is down: proof that the database opens.
fn stored(data: &Path, command: &[&str]) -> Vec<Value> {
    let output =
        Command::new(program("rendezvous")).args(command).arg("--data").arg(data).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn accounts(data: &Path) -> BTreeSet<String> {
    let rows = stored(data, &["user", "list", "--json"]);
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn blocks(data: &Path) -> u64 {
    stored(data, &["status", "--json"])[0]["blocks"].as_u64().unwrap()
}

fn is_logged_in(peer: &mut Process, patience: Duration) -> bool {
    let heard = peer.try_await_line(patience, |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["event"] == "logged-in").then_some(())
    });
    heard.is_some()
}

/// Security acceptance J01: the database opens after every death, and all that was acknowledged is
/// there: accounts, blocks and, at the end, locks.
#[test]
fn what_the_server_acknowledged_outlives_its_death() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let data = scene.folder_of("server");
    let (mut server, address) = scene.server(&[], "127.0.0.1:0", &LIMITS);
    let bind = address.to_string();
    let mut dice = Dice::new(&seed(3), "kills");
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let mut known = BTreeSet::from(["alice".to_owned()]);
    for round in 0..ROUNDS {
        let user = format!("user{round}");
        let mut newcomer = scene.peer_unawaited(&[], &user, address, &[]);
        // Whether it has registered by then, and how far alice's block has come, is left to chance.
        pause(dice.duration(Duration::ZERO, Duration::from_millis(600)));
        if round > 0 {
            alice.type_line(&format!("/block user{}", round - 1));
        }
        if round % 2 == 1 {
            alice.type_line("/blocked");
            alice.await_event("blocked", |event| event["users"].as_array().unwrap().len() == round);
        }
        server.kill();
        let was_told = is_logged_in(&mut newcomer, STRAGGLERS);
        let found = accounts(&data);
        assert!(found.is_superset(&known), "{found:?} lacks some of {known:?}");
        assert!(!was_told || found.contains(&user), "{user} was told that he is in");
        let told_blocks = if round % 2 == 1 { round } else { round.saturating_sub(1) };
        let found = blocks(&data);
        assert!((told_blocks as u64..=round as u64).contains(&found), "{found} of {told_blocks}");

        (server, _) = scene.server(&[], &bind, &LIMITS);
        assert!(was_told || is_logged_in(&mut newcomer, PATIENCE), "{user} gets in after all");
        assert!(is_logged_in(&mut alice, PATIENCE), "alice comes back");
        known.insert(user);
        alice.type_line("/blocked");
        alice.await_event("blocked", |event| event["users"].as_array().unwrap().len() == round);
    }

    // Two wrong passwords lock; whoever kills the server does not get more guesses by it.
    for password in ["wrong", "wrong too", "correct horse alice"] {
        let mut guesser = scene.peer_with_password(&[], "alice", address, password);
        let told = guesser.await_event("login-needed", |event| !event["reason"].is_null());
        let is_locked = told["reason"].as_str().unwrap().contains("try again");
        assert_eq!(is_locked, password == "correct horse alice", "{told}");
        server.kill();
        (server, _) = scene.server(&[], &bind, &LIMITS);
    }
}
