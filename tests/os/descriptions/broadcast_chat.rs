//! "Python Chat Application: Client-Server Messaging System ... The system supports multiple clients,
//! private messaging, and real-time message broadcasting."
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use sim::terminal::Terminal;

use crate::stage::{Person, Stage, register_at};

#[test]
fn everybody_talks_to_all_or_to_one() {
    // "Sends a welcome message".
    let stage = Stage::open(&["--lobby", "--motd", "Welcome to the chat!"]);
    prompts(&stage);
    let mut alice = enter(&stage, "alice");
    let mut bob = enter(&stage, "bob");
    // "and notifies others when a user joins": "Bob has joined the chat."
    alice.reads("* bob is online");
    alice.reads("* #lobby: bob came in");
    let mut carol = enter(&stage, "carol");
    alice.reads("* #lobby: carol came in");
    bob.reads("* #lobby: carol came in");

    // "If a message starts with @username:, the server sends it as a private message."
    alice.types("@Bob: Hi Bob!");
    bob.reads("<alice> Hi Bob!");
    bob.types("@Alice: Hi Alice!");
    alice.reads("<bob> Hi Alice!");
    // "Otherwise, the message is broadcast to all clients": plain lines, once the lobby is open. A name
    // within a line, or a line that only looks like one to somebody, is for all.
    bob.types("#lobby");
    for line in ["Hello, everyone!", "and hello, @Alice: you too", ": @Alice"] {
        bob.types(line);
        alice.reads(&format!("<#lobby bob> {line}"));
        carol.reads(&format!("<#lobby bob> {line}"));
    }
    carol.types("/all and hello from me");
    alice.reads("<#lobby carol> and hello from me");
    bob.reads("<#lobby carol> and hello from me");
    carol.has_not_read("Hi ");
    carol.has_not_read("<alice>");
    // In the lobby a private line stays private.
    bob.types("@alice: only for you");
    alice.reads("<bob> only for you");
    bob.types("for all again");
    carol.reads("<#lobby bob> for all again");
    carol.has_not_read("only for you");

    // "Typing /exit disconnects the client gracefully", "Other users are notified when someone leaves".
    carol.leaves("/exit");
    alice.reads("* carol is offline");
    bob.reads("* carol is offline");
    // "The server removes a client if they disconnect or encounter an error."
    alice.types("/who");
    alice.reads("* bob: online since ");
    alice.has_not_read("* carol: online");
    bob.leaves("/exit");
    alice.reads("* bob is offline");
    alice.types("#lobby anyone?");
    alice.leaves("/exit");
    // "display logs for connected/disconnected clients", without what was said.
    for user in ["alice", "bob", "carol"] {
        stage.server.await_error(&format!("session began name={user}"));
        stage.server.await_error(&format!("session ended name={user}"));
    }
    let log = stage.server.errors();
    assert!(!log.contains("Hello, everyone!") && !log.contains("Hi Bob!"), "{log}");
}

fn enter(stage: &Stage, user: &str) -> Person {
    let mut person = stage.enter(user, &[]);
    // "Registration successful. Welcome to the chat, Alice!"
    person.reads("* greeting of the server:");
    person.reads("  | Welcome to the chat!");
    person.reads("* #lobby: you are in it");
    person
}

/// "Enter server IP: ... Enter server port: ... Enter your name:".
fn prompts(stage: &Stage) {
    let folder = stage.folder().join("terminal");
    std::fs::create_dir(&folder).unwrap();
    let mut terminal = Terminal::start_asking(&folder, "");
    terminal.await_prompt("Rendezvous server (host or host:port): ");
    terminal.type_line("127.0.0.1:no port");
    terminal.await_prompt("Rendezvous server (host or host:port): ");
    terminal.type_line(&stage.address.to_string());
    register_at(&mut terminal, "dave", "correct horse dave");
    terminal.await_text("logged in as dave");
    terminal.await_text("Welcome to the chat!");
    terminal.type_line("/exit");
    terminal.await_end(0);
}
