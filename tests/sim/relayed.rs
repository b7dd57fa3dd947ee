//! Two whom no direct way joins: they talk through the server, which reads nothing of it.

use peer::output::Output;
use rendezvous::{Policy, Relaying};
use sim::swarm::seed;
use sim::tincan::{Program, ServerProgram};

use crate::party::{ALICE, BOB, CAROL, Party, last_state};
use crate::support::seconds;

fn is_link(output: &Output, to: &str, with: &str) -> bool {
    matches!(output, Output::Link { user, state, .. } if user == with && *state == to)
}

fn is_message(output: &Output, said: &str) -> bool {
    matches!(output, Output::Message { text, .. } if text == said)
}

fn is_complete(output: &Output) -> bool {
    matches!(output, Output::File { file } if file.state == "complete")
}

/// Bytes of what the server has carried.
fn carried(party: &Party) -> u64 {
    match party.world.machine(party.server) {
        Program::Server(server) => server.server.status().relayed.bytes,
        Program::Peer(_) => panic!("the server is a server"),
    }
}

/// A file of noise from one to another; ends when it is there.
fn send_file(party: &mut Party, from: usize, to: usize, name: &str, bytes: usize) {
    party.take(to);
    let content: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
    let path = party.write_file(from, name, &content);
    let user = crate::party::name(to);
    party.line(from, &format!("/send {user} {}", path.display()));
    party.until(to, |o| matches!(o, Output::FileOffer { .. }));
    party.line(to, "/accept");
    party.until(to, is_complete);
    assert_eq!(std::fs::read(party.downloads(to).join(name)).expect("the file"), content);
}

/// F09: both NATs give every destination another port.
#[test]
fn messages_and_files_go_through_the_server_where_no_direct_way_is() {
    let mut party = Party::behind_nats(2, Policy::default());
    party.line(ALICE, "@bob can you hear me");
    party.until(BOB, |o| is_message(o, "can you hear me"));
    party.until(ALICE, |o| is_link(o, "relayed", "bob"));
    send_file(&mut party, ALICE, BOB, "film.mp4", 3_000_000);
    party.take(ALICE);
    party.line(BOB, "@alice it is here");
    party.until(ALICE, |o| is_message(o, "it is here"));
    assert!(carried(&party) > 3_000_000);
    party.line(ALICE, "/whois bob");
    party.until(ALICE, |o| matches!(o, Output::Whois { path: Some("relayed"), .. }));
    party.line(ALICE, "/why bob");
    let is_by_server = |line: &String| line.contains("through the server");
    let says =
        |o: &Output| matches!(o, Output::Why { lines, .. } if lines.iter().any(is_by_server));
    party.until(ALICE, says);
}

#[test]
fn a_server_that_is_told_to_relays_nothing() {
    let policy = Policy { relaying: Relaying::Off, ..Policy::default() };
    let mut party = Party::behind_nats(2, policy);
    party.line(ALICE, "@bob can you hear me");
    party.run(seconds(60));
    party.until(ALICE, |o| is_link(o, "unreachable", "bob"));
    let told = party.take(ALICE);
    assert!(!told.iter().any(|o| is_link(o, "relayed", "bob")));
    assert_ne!(last_state(&told).map(|it| it.0), Some("delivered"));
    assert_eq!(carried(&party), 0);
}

/// F08
#[test]
fn a_file_goes_on_through_the_server_when_the_direct_way_breaks_and_back() {
    let mut party = Party::of(2);
    let (a, b) = (party.host(ALICE), party.host(BOB));
    send_file(&mut party, ALICE, BOB, "first.mp4", 100_000);
    party.until(ALICE, |o| is_link(o, "direct", "bob"));
    assert!(carried(&party) < 1000, "probes, and nothing of what goes directly");
    party.take(ALICE);
    party.world.network.separate(a, b);
    party.line(ALICE, "@bob still there?");
    party.until(BOB, |o| is_message(o, "still there?"));
    party.until(ALICE, |o| is_link(o, "relayed", "bob"));
    assert!(!party.take(ALICE).iter().any(|o| is_link(o, "lost", "bob")));
    send_file(&mut party, BOB, ALICE, "second.mp4", 1_000_000);
    party.take(ALICE);
    party.world.network.join(a, b);
    party.until(ALICE, |o| is_link(o, "direct", "bob"));
    let before = carried(&party);
    party.run(seconds(2));
    send_file(&mut party, ALICE, BOB, "third.mp4", 1_000_000);
    assert!(carried(&party) < before + 100_000, "it went directly");
}

/// F05
#[test]
fn who_is_blocked_gets_nothing_through_the_server_either() {
    let mut party = Party::behind_nats(3, Policy::default());
    party.line(ALICE, "@bob hello");
    party.until(BOB, |o| is_message(o, "hello"));
    party.until(ALICE, |o| is_link(o, "relayed", "bob"));
    party.line(BOB, "/block alice");
    party.run(seconds(5));
    let before = carried(&party);
    party.line(ALICE, "@bob hello again");
    party.run(seconds(60));
    assert!(!party.take(BOB).iter().any(|o| is_message(o, "hello again")));
    assert_ne!(last_state(&party.take(ALICE)).map(|it| it.0), Some("delivered"));
    assert_eq!(carried(&party), before);
    party.line(CAROL, "@bob and I?");
    party.until(BOB, |o| is_message(o, "and I?"));
}

/// Its legs end with it, and new ones come with the next session.
#[test]
fn a_relayed_talk_goes_on_after_the_server_was_away() {
    let mut party = Party::behind_nats(2, Policy::default());
    party.line(ALICE, "@bob one");
    party.until(BOB, |o| is_message(o, "one"));
    party.until(ALICE, |o| is_link(o, "relayed", "bob"));
    let Some(Program::Server(server)) = party.world.crash(party.server) else {
        panic!("it was up")
    };
    party.run(seconds(5));
    let disk = server.into_disk();
    let program = ServerProgram::start(party.world.now(), disk, Policy::default(), &seed(90));
    party.world.boot(party.server, Program::Server(Box::new(program)));
    party.take(ALICE);
    let is_back = |o: &Output| matches!(o, Output::LoggedIn { .. });
    party.until(ALICE, is_back);
    party.until(BOB, is_back);
    party.line(ALICE, "@bob two");
    // Long before the silence would have ended the link.
    party.run(seconds(5));
    assert!(party.take(BOB).iter().any(|o| is_message(o, "two")));
    party.until(ALICE, |o| matches!(o, Output::MessageState { state: "delivered", .. }));
}

/// [W-116]: as after a restart, or on another device.
#[test]
fn a_relayed_talk_goes_on_when_the_other_begins_another_session() {
    let mut party = Party::behind_nats(2, Policy::default());
    party.line(ALICE, "@bob one");
    party.until(BOB, |o| is_message(o, "one"));
    party.until(ALICE, |o| is_link(o, "relayed", "bob"));
    let bob = party.kill(BOB);
    party.take(BOB);
    party.restart(BOB, bob);
    party.take(ALICE);
    party.line(ALICE, "@bob two");
    party.run(seconds(10));
    let told = party.take(BOB);
    assert!(told.iter().any(|o| is_message(o, "two")), "{told:?}");
}

/// A room of three of whom nobody reaches another directly.
#[test]
fn a_room_works_through_the_server() {
    let mut party = Party::behind_nats(3, Policy::default());
    party.line(ALICE, "/create team bob carol");
    party.until(ALICE, |o| matches!(o, Output::RoomChanged { change: "created", .. }));
    for user in [BOB, CAROL] {
        party.line(user, "/join team");
        party.until(user, |o| matches!(o, Output::RoomChanged { change: "entered", .. }));
    }
    for (user, word) in [(ALICE, "a"), (BOB, "b"), (CAROL, "c")] {
        party.line(user, &format!("#team {word}"));
    }
    for user in [ALICE, BOB, CAROL] {
        for (from, word) in [(ALICE, "a"), (BOB, "b"), (CAROL, "c")] {
            if from != user {
                party.until(user, |o| is_message(o, word));
            }
        }
    }
}
