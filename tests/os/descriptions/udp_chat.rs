//! "P2P-Chat: This is a Peer to Peer chat application that uses the User Datagram Protocol (UDP) for
//! communication. ... We have included login, registration, send messages, view messages
//! functionalities."
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::process::Command;

use sim::programs::{Scene, program};

use crate::stage::{Person, Stage, log_in_at, register_at};
use crate::text;

#[test]
fn users_register_log_in_send_and_view_messages_over_udp() {
    let stage = Stage::open(&[]);
    let mut bob = stage.enter("bob", &[]);
    menu(&stage, &mut bob);
    view_what_was_kept(stage, bob);
}

/// The client's steps 3 to 16.
fn menu(stage: &Stage, bob: &mut Person) {
    let mut alice = stage.terminal("alice", "");
    // "The client displays a login/register screen"; server 8, "the server adds the user".
    register_at(&mut alice, "alice", "correct horse alice");
    alice.await_text("logged in as alice");
    bob.reads("* alice is online");
    // "If the user chooses to send a message, the client prompts the user to enter the recipient and
    // message"; "parses the response and determines if the message was sent successfully": the mark.
    alice.type_line("/msg bob");
    alice.await_prompt("bob> ");
    alice.type_line("hello");
    bob.reads("<alice> hello");
    alice.await_text("\u{2713}alice: hello");
    bob.types("@alice good evening");
    alice.await_text("bob: good evening");
    // "If the user chooses to view messages, ... displays the messages to the user".
    alice.type_line("/clear");
    alice.await_screen("empty window", |screen| !screen.contents().contains("good evening"));
    alice.type_line("/view bob");
    alice.await_text("good evening");
    // "If the user chooses to logout, the client sends a logout request to the server ... and returns
    // to the login/register screen."
    alice.type_line("/logout");
    bob.reads("* alice is offline");
    // Server 7: "checks if the username and password are correct".
    log_in_at(&mut alice, "alice", "correct horse bob");
    alice.await_text("wrong user name or password");
    // A name is registered once.
    register_at(&mut alice, "alice", "another password");
    alice.await_text("this name is taken");
    log_in_at(&mut alice, "alice", "correct horse alice");
    bob.reads("* alice is online");
    alice.type_line("/quit");
    alice.await_end(0);
    bob.reads("* alice is offline");
}

/// "We have used SQLite database in our application, which has users and messages table in it":
/// users at the server; messages with those whose they are.
fn view_what_was_kept(mut stage: Stage, mut bob: Person) {
    let mut carol = stage.enter("carol", &[]);
    // Server 9: "forwards the message to the appropriate peer by looking up the recipient's address":
    // also to one who has moved, and to one who is not there now.
    bob.types("@carol are you there?");
    carol.reads("<bob> are you there?");
    carol.leaves("/quit");
    bob.reads("* carol is offline");
    bob.types("@carol then read it later");
    bob.reads("* message 2 to carol: stored");
    bob.types("/outbox");
    bob.reads("* message 2 to carol of ");
    bob.leaves("/quit");
    // Everything ends, and begins anew.
    stage.server.terminate();
    assert_eq!(stage.server.await_exit().code(), Some(0));
    let data = stage.scene.folder_of("server");
    let list = Command::new(program("rendezvous"))
        .args(["user", "list", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let users = text(&list.stdout);
    assert!(["bob", "carol"].iter().all(|user| users.contains(user)), "{users}");
    assert_is_sqlite(&stage.scene, "server");
    assert_is_sqlite(&stage.scene, "bob/data");
    let (server, address) = stage.scene.server(&[], &stage.address.to_string(), &[]);
    (stage.server, stage.address) = (server, address);
    let mut carol = stage.enter("carol", &[]);
    carol.reads("<bob> then read it later");
    // Server 10: "sends a list of messages to the requesting user by filtering the messages list".
    carol.types("/view bob");
    let lines = ["are you there?", "then read it later"].map(|_| carol.reads("["));
    assert!(lines[0].ends_with("] <bob> are you there?"), "{lines:?}");
    assert!(lines[1].ends_with("] <bob> then read it later"), "{lines:?}");
    carol.types("/search later");
    assert!(carol.reads("[").ends_with("] <bob> then read it later"));
    carol.leaves("/quit");
}

/// That a database stands in this folder (<https://www.sqlite.org/fileformat.html>).
fn assert_is_sqlite(scene: &Scene, folder: &str) {
    let mut files = fs::read_dir(scene.folder_of(folder)).unwrap().flatten();
    let is_database = |path: &std::path::Path| {
        path.is_file() && fs::read(path).unwrap().starts_with(b"SQLite format 3\0")
    };
    assert!(files.any(|entry| is_database(&entry.path())), "{folder}");
}
