//! Letters: messages between users who are never there at the same time.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::command::Command;
use peer::output::Output;
use rendezvous::{Mailbox, Policy, Rate, Relaying};
use sim::Impairment;
use sim::swarm::seed;
use sim::tincan::{Program, ServerProgram};
use wire::app::name::Name;
use wire::app::peer::MAX_TEXT;

use crate::party::{ALICE, BOB, CAROL, DAVE, Party, last_state, name};
use crate::support::{loss, seconds};

/// Longer than the server takes to believe that somebody is gone.
const GONE: u64 = 40;

fn texts(told: &[Output]) -> Vec<String> {
    let texts = told.iter().filter_map(|output| match output {
        Output::Message { text, .. } => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

/// Has one ask for the other, whose letters are no stranger's from then on.
fn know(party: &mut Party, who: usize, whom: usize) {
    party.line(who, &format!("@{} hello", name(whom)));
    party.until(whom, |output| matches!(output, Output::Message { .. }));
    party.run(seconds(2));
    party.take(who);
    party.take(whom);
}

fn is_stored(output: &Output) -> bool {
    matches!(output, Output::MessageState { state: "stored", .. })
}

#[test]
fn who_is_never_there_at_the_same_time_reads_it_all_the_same() {
    let mut party = Party::of(2);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "@bob one");
    party.line(ALICE, "@bob two");
    party.run(seconds(5));
    let told = party.take(ALICE);
    assert_eq!(last_state(&told), Some(("stored", None)), "{told:?}");
    let alice = party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert_eq!(texts(&party.take(BOB)), ["one", "two"]);
    party.line(BOB, "@alice three");
    party.run(seconds(5));
    assert_eq!(last_state(&party.take(BOB)), Some(("stored", None)));
    // Both there: acknowledged by the one who has it, and shown to nobody again.
    party.restart(ALICE, alice);
    party.run(seconds(20));
    assert_eq!(texts(&party.take(BOB)), Vec::<String>::new());
    let told = party.take(ALICE);
    assert_eq!(texts(&told), ["three"]);
    assert_eq!(last_state(&told), Some(("delivered", None)), "{told:?}");
    assert_eq!(last_state(&party.take(BOB)), None, "told before");
    party.line(ALICE, "/outbox");
    party.run(seconds(1));
    let told = party.take(ALICE);
    assert!(matches!(told.last(), Some(Output::Outbox { messages }) if messages.is_empty()));
}

/// Whoever has never talked before, too: keys are published at the first login.
#[test]
fn strangers_leave_letters_as_friends_do() {
    let mut party = Party::of(3);
    let carol = party.kill(CAROL);
    party.run(seconds(GONE));
    party.line(ALICE, "@carol from alice");
    party.line(BOB, "@carol from bob");
    party.run(seconds(5));
    for user in [ALICE, BOB] {
        assert!(party.take(user).iter().any(is_stored), "{}", name(user));
    }
    party.restart(CAROL, carol);
    party.run(seconds(10));
    let mut shown = texts(&party.take(CAROL));
    shown.sort();
    assert_eq!(shown, ["from alice", "from bob"]);
}

/// [W-185]
#[test]
fn the_longest_text_goes_by_the_mailbox_in_its_turn() {
    let mut party = Party::of(2);
    know(&mut party, BOB, ALICE);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    let long = "x".repeat(MAX_TEXT);
    for text in ["first", &long, "last"] {
        party.line(ALICE, &format!("@bob {text}"));
    }
    party.run(seconds(10));
    assert_eq!(party.take(ALICE).iter().filter(|output| is_stored(output)).count(), 3);
    party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert_eq!(texts(&party.take(BOB)), ["first", &long, "last"]);
}

/// [W-185]: it says so, and goes when there is room again, with what waits behind it.
#[test]
fn a_long_text_without_room_waits_and_goes_later() {
    let mailbox = Mailbox { letters: 20, letters_of_one: 20, ..Mailbox::default() };
    let policy = Policy { mailbox, ..Policy::default() };
    let mut party = Party::with(2, policy, &Impairment::default());
    know(&mut party, BOB, ALICE);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    let long = "x".repeat(MAX_TEXT);
    for text in ["1", "2", "3", "4", "5", &long, "last"] {
        party.line(ALICE, &format!("@bob {text}"));
    }
    party.run(seconds(10));
    let told = party.take(ALICE);
    assert_eq!(told.iter().filter(|output| is_stored(output)).count(), 5);
    let Some(("queued", Some(reason))) = last_state(&told) else { panic!("{told:?}") };
    assert!(reason.contains("no room left for so long a text"), "{reason}");
    let alice = party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert_eq!(texts(&party.take(BOB)), ["1", "2", "3", "4", "5"]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.restart(ALICE, alice);
    party.run(seconds(10));
    assert_eq!(party.take(ALICE).iter().filter(|output| is_stored(output)).count(), 2);
    party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert_eq!(texts(&party.take(BOB)), [&long, "last"]);
}

/// [W-185]: long texts to several users go one after the other, so that no key is asked for in vain while
/// the server gives no more.
#[test]
fn long_texts_go_as_fast_as_the_server_lets_and_waste_no_keys() {
    let policy = Policy { letters: Rate { burst: 20, interval: seconds(1) }, ..Policy::default() };
    let mut party = Party::with(5, policy, &Impairment::default());
    let away = [BOB, CAROL, DAVE, DAVE + 1];
    let keys = |party: &mut Party| {
        let server = party.server;
        let users = away.map(|user| Name::new(&name(user)).expect("a name"));
        party.world.with(server, |program, _| users.map(|user| program.server_mut().prekeys(&user)))
    };
    let before = keys(&mut party);
    for user in away {
        party.kill(user);
    }
    party.run(seconds(GONE));
    party.take(ALICE);
    for user in away {
        party.line(ALICE, &format!("@{} {}", name(user), "x".repeat(MAX_TEXT)));
    }
    party.run(seconds(10));
    let soon = party.take(ALICE).iter().filter(|output| is_stored(output)).count();
    assert!((1..=2).contains(&soon), "{soon} went at once");
    party.run(seconds(120));
    let later = party.take(ALICE).iter().filter(|output| is_stored(output)).count();
    assert_eq!(soon + later, away.len());
    assert_eq!(keys(&mut party), before.map(|keys| keys - 1));
}

#[test]
fn a_full_mailbox_is_told_and_nothing_is_lost() {
    let mailbox = Mailbox { letters: 16, letters_of_one: 2, ..Mailbox::default() };
    let policy = Policy { mailbox, ..Policy::default() };
    let mut party = Party::with(2, policy, &Impairment::default());
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    for n in 0..4 {
        party.line(ALICE, &format!("@bob {n}"));
    }
    party.run(seconds(10));
    let told = party.take(ALICE);
    assert_eq!(told.iter().filter(|output| is_stored(output)).count(), 2);
    let full = "the mailbox of bob is full: it waits here".to_owned();
    assert_eq!(last_state(&told), Some(("queued", Some(full))));
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(texts(&party.take(BOB)), ["0", "1", "2", "3"]);
}

/// Over a bad link, with both ends and the server killed in between.
#[test]
fn letters_come_once_whatever_is_killed() {
    let lossy = Impairment { loss: loss(10.0), ..Impairment::default() };
    let mut party = Party::with(2, Policy::default(), &lossy);
    let mut shown = Vec::new();
    for round in 0..4 {
        let bob = party.kill(BOB);
        party.run(seconds(GONE));
        party.take(ALICE);
        for n in 0..5 {
            party.line(ALICE, &format!("@bob {}", round * 5 + n));
        }
        party.until(ALICE, is_stored);
        if round == 1 {
            let Some(Program::Server(server)) = party.world.crash(party.server) else { panic!() };
            let now = party.world.now();
            let program =
                ServerProgram::start(now, server.into_disk(), Policy::default(), &seed(3));
            party.world.boot(party.server, Program::Server(Box::new(program)));
            party.run(seconds(60));
        }
        let alice = party.kill(ALICE);
        party.restart(BOB, bob);
        party.run(seconds(1));
        shown.extend(texts(&party.take(BOB)));
        // In the middle of it.
        let bob = party.kill(BOB);
        party.restart(ALICE, alice);
        party.restart(BOB, bob);
        party.run(seconds(60));
        shown.extend(texts(&party.take(BOB)));
    }
    let expected: Vec<String> = (0..20).map(|n: u32| n.to_string()).collect();
    assert_eq!(shown, expected);
}

/// A letter that was sealed to a key of a lost data folder is told of, and comes when both are there.
#[test]
fn a_letter_to_a_lost_folder_comes_directly() {
    let mut party = Party::of(2);
    party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "@bob hello");
    party.until(ALICE, is_stored);
    let alice = party.kill(ALICE);
    let disk = party.new_disk(BOB);
    party.start(BOB, disk);
    party.until(BOB, |output| matches!(output, Output::LoginNeeded { .. }));
    party.log_in(BOB);
    party.run(seconds(10));
    let told = party.take(BOB);
    assert!(texts(&told).is_empty());
    let is_told = |output: &Output| matches!(output, Output::Error { text } if text.contains("another data folder"));
    assert!(told.iter().any(is_told), "{told:?}");
    party.restart(ALICE, alice);
    party.run(seconds(30));
    assert_eq!(texts(&party.take(BOB)), ["hello"]);
}

#[test]
fn a_blocked_users_letters_are_not_shown_and_he_does_not_learn_of_it() {
    let mut party = Party::of(2);
    party.line(BOB, "/block alice");
    party.run(seconds(2));
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "@bob hello?");
    party.until(ALICE, is_stored);
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert!(texts(&party.take(BOB)).is_empty());
}

/// What is typed just before `/quit` leaves all the same: to the mailbox of who is away, and to who is there,
/// though there was no link before.
#[test]
fn what_was_typed_last_leaves_before_the_program_does() {
    let mut party = Party::of(3);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    for line in ["@bob see you", "@carol bye", "#team good night"] {
        party.line(ALICE, line);
    }
    party.command(ALICE, Command::Quit { farewell: String::new() });
    party.run(seconds(5));
    let told = party.take(ALICE);
    let is_late = |output: &Output| matches!(output, Output::Info { text } if text.contains("Not handed over"));
    assert!(!told.iter().any(is_late), "{told:?}");
    party.kill(ALICE);
    assert_eq!(texts(&party.take(CAROL)), ["bye"]);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let mut shown = texts(&party.take(BOB));
    shown.sort();
    assert_eq!(shown, ["good night", "see you"]);
}

/// It does not wait for ever, and says so.
#[test]
fn what_finds_no_way_is_told_of_when_the_program_ends() {
    let policy = Policy { relaying: Relaying::Off, ..Policy::default() };
    let mut party = Party::behind_nats(2, policy);
    party.line(ALICE, "@bob are you there?");
    party.command(ALICE, Command::Quit { farewell: String::new() });
    let is_late = |output: &Output| matches!(output, Output::Info { text } if text.contains("Not handed over in time"));
    party.run(seconds(2));
    assert!(!party.take(ALICE).iter().any(is_late), "a link may still come");
    party.run(seconds(2));
    assert!(party.take(ALICE).iter().any(is_late));
    // Nothing is lost: it is there at the next start.
    let alice = party.kill(ALICE);
    party.restart(ALICE, alice);
    party.line(ALICE, "/outbox");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let waits =
        |output: &Output| matches!(output, Output::Outbox { messages } if messages.len() == 1);
    assert!(told.iter().any(waits), "{told:?}");
}

/// Changes are messages, so they lie in the mailbox, too; what was taken back before it left does not.
#[test]
fn edits_and_takings_back_are_left_as_letters() {
    let mut party = Party::of(2);
    party.line(ALICE, "@bob first");
    party.run(seconds(5));
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.take(ALICE);
    let to = || name(BOB);
    for (id, text) in [(1, "first of all"), (1, "second thoughts")] {
        party.command(ALICE, Command::Edit { to: to(), id: Some(id), text: text.to_owned() });
    }
    party.line(ALICE, "@bob secret");
    party.run(seconds(5));
    assert_eq!(party.take(ALICE).iter().filter(|output| is_stored(output)).count(), 3);
    party.command(ALICE, Command::Unsend { to: to(), id: None });
    party.run(seconds(5));
    let told = party.take(ALICE);
    assert_eq!(last_state(&told), Some(("stored", None)), "a request to hide it: {told:?}");
    let alice = party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    party.take(BOB);
    party.line(BOB, "/history alice");
    party.run(seconds(1));
    let shown = |told: &[Output]| match told.last() {
        Some(Output::History { lines, .. }) => {
            lines.iter().map(|line| (line.text.clone(), line.taken_back)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let expected = [("second thoughts".to_owned(), false), (String::new(), true)];
    assert_eq!(shown(&party.take(BOB)), expected);
    // Once, whichever way it comes again.
    party.restart(ALICE, alice);
    party.run(seconds(20));
    let again = party.take(BOB);
    let is_news = |output: &Output| {
        matches!(output, Output::Message { .. } | Output::Changed { .. } | Output::Error { .. })
    };
    assert!(!again.iter().any(is_news), "{again:?}");
    party.line(ALICE, "/outbox");
    party.run(seconds(1));
    let told = party.take(ALICE);
    assert!(matches!(told.last(), Some(Output::Outbox { messages }) if messages.is_empty()));
}
