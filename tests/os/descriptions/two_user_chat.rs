//! "Python Chat Application (Client-Server): This is a simple two-user chat application ... The server
//! manages user states and routing, while clients can initiate or receive chat requests."
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use sim::programs::{PATIENCE, write_noise};

use crate::stage::{ASKED, Person, Stage, path_in};

#[test]
fn two_users_chat_and_notice_when_somebody_or_the_server_is_gone() {
    let mut stage = Stage::open(&[]);
    // "Login_to_server() Authenticates the user", "Enter your nickname."
    let mut alice = stage.enter("alice", ASKED);
    let mut bob = stage.enter("bob", ASKED);
    alice.reads("* bob is online");
    chat(&mut alice, &mut bob);
    answer(&stage, &mut alice, &mut bob);
    refuse(&stage, &mut alice, &mut bob);
    lose_the_server(&mut stage, &mut alice, &mut bob);
    // "check_for_inactive_clients() Continuously checks client activity", "disconnect_client(socket)
    // Safely disconnects a client and cleans up": whoever was killed, and cannot say goodbye.
    bob.program.kill();
    // A minute of silence, and some seconds in which he might have come back.
    alice.reads_within(2 * PATIENCE, "* bob is offline");
    alice.types("/who");
    alice.reads("* No other active user.");
    // "/exit - exits the app."
    alice.leaves("/exit");
}

/// "/chat <username> to start a chat", "yes - accepts incoming chat", "/quit to leave a chat".
fn chat(alice: &mut Person, bob: &mut Person) {
    // "initiates chat if target user is online and accepts".
    alice.types("/chat bob");
    bob.reads("* alice asks to talk with you; /accept alice, /decline alice or /block alice");
    alice.reads("* bob has not accepted you yet: what you write waits there");
    // "Send_messages(chat_socket) Sends messages in active chat."
    alice.types("hello bob");
    alice.reads("* message 1 to bob: delivered");
    bob.types("/requests");
    bob.reads("* alice asks to talk with you: \"hello bob\"; messages held: 1");
    bob.has_not_read("<alice>");
    bob.types("yes");
    bob.reads("* alice is accepted: you can talk");
    bob.reads("<alice> hello bob");
    alice.reads("* bob accepts: you can talk");
    bob.types("/chat alice");
    bob.types("hello alice");
    alice.reads("<bob> hello alice");
    // Words of the protocol there are words here.
    alice.types("want_chat_with_you PING start_ended");
    bob.reads("<alice> want_chat_with_you PING start_ended");
    // "If the user sends /quit, the chat ends": the chat, and not the program.
    alice.types("/quit");
    alice.types("to nobody");
    alice.reads("! Not sent: to whom?");
    // "attempts to start a chat": with who is there; everybody else has an answer of his own.
    alice.types("/chat alice");
    alice.reads("! That is you.");
    alice.types("hello me");
    alice.reads("! not sent to alice: that is you.");
    alice.types("/chat nobody");
    alice.reads("! There is no user 'nobody' on this server: nobody is asked.");
    alice.types("hello?");
    alice.reads("! message 1 to nobody: failed (there is no such user on this server)");
    alice.types("/quit");
    bob.has_not_read("to nobody");
}

/// "yes - accepts incoming chat": here it accepts what is offered, too, and else it is a word.
fn answer(stage: &Stage, alice: &mut Person, bob: &mut Person) {
    bob.types("yes");
    alice.reads("<bob> yes");
    let file = stage.folder().join("clip.mp4");
    write_noise(&file, 100_000).unwrap();
    alice.types(&format!("/send bob {}", file.display()));
    bob.reads("# file 1 from alice: \"clip.mp4\"");
    bob.types("yes");
    bob.reads("# file 1 from alice: \"clip.mp4\" (100 kB) complete");
}

/// A third, whom Bob does not want: "connect_table ... in_chat" knows no such thing there.
fn refuse(stage: &Stage, alice: &mut Person, bob: &mut Person) {
    let mut mallory = stage.enter("mallory", ASKED);
    mallory.types("/chat bob");
    bob.reads("* mallory asks to talk with you; ");
    mallory.reads("* bob has not accepted you yet");
    mallory.types("buy my horse");
    mallory.reads("* message 1 to bob: delivered");
    let file = stage.folder().join("second.mp4");
    write_noise(&file, 1000).unwrap();
    alice.types(&format!("/send bob {}", file.display()));
    bob.reads("# file 2 from alice: \"second.mp4\"");
    // Two wait: an answer without a name is for neither.
    bob.types("yes");
    bob.reads("! Not done: several wait for an answer.");
    bob.types("/decline mallory");
    bob.reads("* mallory is declined, and can ask again in a day");
    mallory.reads("* bob declines to talk with you");
    bob.types("yes");
    let done = bob.reads("# file 2 from alice: \"second.mp4\" (1.00 kB) complete");
    assert!(path_in(&done).exists());
    mallory.types("a good horse");
    mallory.reads("! message 2 to bob: failed (bob declines to talk with you)");
    mallory.leaves("/exit");
    bob.has_not_read("horse");
    bob.types("/quit");
}

/// "Handles server downtime and prompts the user to retry", "Server-client heartbeat check via
/// PING/PONG".
fn lose_the_server(stage: &mut Stage, alice: &mut Person, bob: &mut Person) {
    stage.server.kill();
    alice.reads("! server: ");
    // Who talk already do not need it.
    alice.types("@bob are you still there?");
    bob.reads("<alice> are you still there?");
    bob.types("@alice yes");
    alice.reads("<bob> yes");
    alice.types("/who");
    alice.reads("! Who is online is not known: ");
    let (server, address) = stage.scene.server(&[], &stage.address.to_string(), &[]);
    (stage.server, stage.address) = (server, address);
    // By itself too, a little later.
    alice.types("/reconnect");
    bob.types("/reconnect");
    alice.reads("* server: connected");
    alice.reads("* logged in as alice");
    bob.reads("* logged in as bob");
    alice.types("@bob and now?");
    bob.reads("<alice> and now?");
}
