//! A spoken code between the real programs.

use std::io::Write;
use std::process::{Command, Stdio};

use sim::programs::{Scene, program};

use crate::oneshot::{assert_ends, register, run};
use crate::{options, text};

/// One side has the program open; the other types the code into a command that ends.
#[test]
fn a_code_that_is_said_aloud_verifies_two_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    assert_eq!(register(folder.path(), "bob", address).status.code(), Some(0));
    let typed = |code: &str| {
        let mut arguments = options(&folder.path().join("bob"), address);
        arguments.extend(["code", "--typed"].map(str::to_owned));
        let mut bob = Command::new(program("peer"))
            .args(arguments)
            .env_remove("TINCAN_SERVER")
            .env("HOME", "/nonexistent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut input = bob.stdin.take().expect("it is piped");
        writeln!(input, "{code}").expect("it reads");
        drop(input);
        bob.wait_with_output().expect("it ends")
    };
    let made = |alice: &mut sim::programs::Process| {
        alice.type_line(r#"{"command":"code"}"#);
        let event = alice.await_event("code", |event| event["code"].is_string());
        event["code"].as_str().expect("a text").to_owned()
    };
    let code = made(&mut alice);
    let words: Vec<&str> = code.split('-').collect();
    let swapped = format!("{} {} {}", words[0], words[2], words[1]);
    let failed = typed(&swapped);
    assert_ends(&failed, 5, "");
    assert!(
        text(&failed.stderr).contains("the words were not the same"),
        "{}",
        text(&failed.stderr)
    );
    alice
        .await_event("code-over", |event| event["user"] == "bob" && event["fingerprint"].is_null());
    assert_ends(&typed(&code), 5, "");
    let code = made(&mut alice);
    assert_ends(&typed(&code.to_uppercase().replace('-', " ")), 0, "verified alice\n");
    alice.await_event("code-over", |event| {
        event["user"] == "bob" && event["fingerprint"].is_string()
    });
    let shown = run(folder.path(), "bob", address, &["fingerprint", "alice"]);
    assert!(text(&shown.stdout).contains("(verified)"), "{}", text(&shown.stdout));
    assert_ends(&typed(""), 2, "");
    alice.type_line("/quit");
    alice.await_exit();
}
