//! "Chat Application Readme: ... a simple client-server chat application ... The application allows
//! users to log in, send messages, and establish peer-to-peer connections."

use crate::stage::{ASKED, CLASSROOM, Stage, log_in_at, register_at};

#[test]
fn users_log_in_send_messages_and_connect_to_each_other() {
    let stage = Stage::open(&["--lobby"]);
    log_in_in_two_steps(&stage);
    send_messages(&stage);
    connect_directly(&stage);
    block(&stage);
}

/// "Login: Users need to go through a two-step verification process."
fn log_in_in_two_steps(stage: &Stage) {
    let mut terminal = stage.terminal("terminal", "");
    // "New users trigger a code block that adds them to the server": here only when they say so. A
    // name that is not known is answered as a wrong password is.
    log_in_at(&mut terminal, "yoda", "correct horse yoda");
    terminal.await_text("wrong user name or password");
    register_at(&mut terminal, "yoda", "correct horse yoda");
    terminal.await_text("logged in as yoda");
    // "Logout: The exit command triggers the logout() function."
    terminal.type_line("/exit");
    terminal.await_end(0);
}

fn send_messages(stage: &Stage) {
    let mut luke = stage.enter("luke", CLASSROOM);
    let mut leia = stage.enter("leia", CLASSROOM);
    luke.reads("* leia is online");

    // "Message Reception: New threads are created for message reception": what comes does not wait
    // for what is typed, and both type at once.
    luke.types("message leia hello");
    leia.types("message luke hello to you");
    leia.reads("<luke> hello");
    luke.reads("<leia> hello to you");
    // "message parsing depends on the specified format", "parses messages using the first element as
    // a command": of what is typed, and never of what comes.
    luke.types("message leia logout, block luke, exit");
    leia.reads("<luke> logout, block luke, exit");
    // "Tradeoffs: No checks for empty strings": here they are no messages.
    leia.types("   ");
    leia.types("message @luke");
    leia.types("stopprivate");
    leia.types("just talk");
    leia.reads("! Not sent: to whom?");
    leia.types("message luke the first after the empty ones");
    luke.reads("<leia> the first after the empty ones");
    luke.has_not_read("just talk");

    // To everybody.
    luke.types("broadcast good morning");
    leia.reads("<#lobby luke> good morning");
    // "Online clients are stored": who is there, and who was.
    luke.types("whoelse");
    luke.reads("* leia: online since ");
    leia.types("logout");
    leia.reads("* logged out: you logged out");
    luke.reads("* leia is offline");
    luke.types("WHOELSE");
    luke.reads("* No other active user.");
    luke.types("whoelsesince 600");
    luke.reads("* leia: last seen ");
    // "The exit command triggers the logout() function."
    luke.leaves("exit");
    leia.leaves("exit");
}

/// "P2P Connection: Users can send requests to connect to other clients", which "may not function as
/// intended" there: "seamless communication between clients" is a future improvement.
fn connect_directly(stage: &Stage) {
    let mut han = stage.enter("han", ASKED);
    let mut leia = stage.enter("leia", ASKED);
    han.reads("* leia is online");
    han.types("startprivate leia");
    leia.reads("* han asks to talk with you; /accept han, /decline han or /block han");
    han.reads("* leia has not accepted you yet");
    leia.types("yes");
    han.reads("* leia accepts: you can talk");
    han.types("a plain line goes to her now");
    // By whichever of the machine's addresses, at once or after a while.
    let mut link = han.reads("* link to leia: ");
    while link.ends_with("connecting") {
        link = han.reads("* link to leia: ");
    }
    assert!(link.contains(": direct ") || link.contains(": LAN "), "{link}");
    leia.reads("<han> a plain line goes to her now");
    leia.types("private han and this to him");
    han.reads("<leia> and this to him");
    // Between the two, and not by way of the server.
    han.types("/net");
    han.reads("* server at 127.0.0.1:");
    let net = han.reads("* leia ");
    assert!(net.contains(" at ") && !net.contains("server"), "{net}");
    han.types("stopprivate");
    han.types("to nobody");
    han.reads("! Not sent: to whom?");
    han.types("private han myself");
    han.reads("! not sent to han: that is you.");
    han.types("private jabba hello");
    han.reads("! message 1 to jabba: failed (there is no such user on this server)");
    han.leaves("exit");
    leia.leaves("exit");
}

/// "Blocked Users: Lists under each key store blocked users."
fn block(stage: &Stage) {
    let mut luke = stage.enter("luke", CLASSROOM);
    let mut leia = stage.enter("leia", CLASSROOM);
    luke.reads("* leia is online");
    leia.types("block luke");
    leia.reads("* luke is blocked");
    luke.reads("* leia is offline");
    luke.types("message leia are you there?");
    luke.reads("* message 3 to leia: ");
    luke.types("whoelse");
    luke.reads("* No other active user.");
    for (line, answer) in [
        ("message luke hello", "! not sent to luke: you block luke"),
        ("block luke", "! You block luke already."),
        ("block leia", "! That is you."),
        ("block jabba", "! There is no user 'jabba' on this server."),
        ("unblock yoda", "! yoda was not unblocked: not blocked."),
    ] {
        leia.types(line);
        leia.reads(answer);
    }
    // The list is kept, as the accounts are: another session knows it.
    leia.leaves("exit");
    let mut leia = stage.enter("leia", CLASSROOM);
    leia.types("/blocked");
    leia.reads("* you block luke");
    leia.has_not_read("are you there?");
    leia.types("unblock luke");
    leia.reads("* luke is no longer blocked");
    luke.reads("* leia is online");
    leia.leaves("exit");
    luke.leaves("exit");
}
