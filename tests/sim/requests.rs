//! Strangers, who only ask: over bad links, restarts, and by letters.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::command::Command;
use peer::output::Output;
use sim::Impairment;

use crate::party::{ALICE, BOB, Party, last_state, name};
use crate::support::{loss, seconds};

/// Longer than the server takes to believe that somebody is gone.
const GONE: u64 = 40;
const DAY: u64 = 24 * 60 * 60;

fn texts(told: &[Output]) -> Vec<&str> {
    let texts = told.iter().filter_map(|output| match output {
        Output::Message { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Who asks, and how he begins.
fn requests(told: &[Output]) -> Vec<(&str, Option<&str>)> {
    let requests = told.iter().filter_map(|output| match output {
        Output::Request { request } => Some((request.user.as_str(), request.text.as_deref())),
        _ => None,
    });
    requests.collect()
}

fn answers(told: &[Output]) -> Vec<&'static str> {
    let answers = told.iter().filter_map(|output| match output {
        Output::Asked { state, .. } => Some(*state),
        _ => None,
    });
    answers.collect()
}

fn is_request(output: &Output) -> bool {
    matches!(output, Output::Request { .. })
}

fn lossy() -> Impairment {
    Impairment { loss: loss(10.0), ..Impairment::default() }
}

fn chat(party: &mut Party, from: usize, to: usize) {
    party.command(from, Command::Chat { user: name(to) });
}

/// Both ends are killed between the request and the answer.
#[test]
fn what_is_held_is_shown_once_and_in_order_whatever_is_killed() {
    let mut party = Party::asking(2, &lossy());
    for n in 0..5 {
        party.line(ALICE, &format!("@bob {n}"));
    }
    party.until(BOB, is_request);
    let bob = party.kill(BOB);
    assert_eq!(texts(&party.take(BOB)), [""; 0]);
    party.restart(BOB, bob);
    assert_eq!(requests(&party.take(BOB)), [("alice", Some("0"))], "told again");
    party.run(seconds(60));
    assert_eq!(answers(&party.take(ALICE)), ["waiting"]);
    let alice = party.kill(ALICE);
    party.line(BOB, "/accept alice");
    party.run(seconds(GONE));
    assert_eq!(texts(&party.take(BOB)), ["0", "1", "2", "3", "4"]);
    // She learns of it when she is back.
    party.restart(ALICE, alice);
    party.run(seconds(30));
    assert_eq!(answers(&party.take(ALICE)), ["accepted"]);
    party.line(ALICE, "@bob 5");
    party.run(seconds(10));
    assert_eq!(texts(&party.take(BOB)), ["5"]);
}

#[test]
fn a_letter_of_a_stranger_is_a_request_too() {
    let mut party = Party::asking(2, &Impairment::default());
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    for text in ["one", "two"] {
        party.line(ALICE, &format!("@bob {text}"));
    }
    party.run(seconds(5));
    assert_eq!(last_state(&party.take(ALICE)), Some(("stored", None)));
    let alice = party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let told = party.take(BOB);
    assert_eq!((requests(&told), texts(&told).len()), (vec![("alice", Some("one"))], 0));
    // Both there: known, and not held twice.
    party.restart(ALICE, alice);
    party.run(seconds(20));
    let told = party.take(ALICE);
    assert_eq!((last_state(&told), answers(&told)), (Some(("delivered", None)), vec!["waiting"]));
    party.line(BOB, "/accept");
    party.run(seconds(5));
    assert_eq!(texts(&party.take(BOB)), ["one", "two"]);
    assert_eq!(answers(&party.take(ALICE)), ["accepted"]);
}

#[test]
fn letters_of_who_is_declined_are_not_kept_and_he_is_told_when_both_are_there() {
    let mut party = Party::asking(2, &Impairment::default());
    party.line(ALICE, "@bob buy my horse");
    party.until(BOB, is_request);
    party.line(BOB, "/decline");
    party.run(seconds(5));
    party.take(ALICE);
    party.take(BOB);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "@bob a good horse");
    party.run(seconds(5));
    party.restart(BOB, bob);
    party.run(seconds(20));
    let told = party.take(BOB);
    assert!(requests(&told).is_empty() && texts(&told).is_empty(), "{told:?}");
    let told = party.take(ALICE);
    let why = "bob declines to talk with you".to_owned();
    assert_eq!(last_state(&told), Some(("failed", Some(why))), "{told:?}");
    // The next day is another day.
    party.run(seconds(DAY));
    party.take(ALICE);
    chat(&mut party, ALICE, BOB);
    party.until(BOB, is_request);
    party.line(BOB, "/accept");
    party.run(seconds(5));
    assert_eq!(answers(&party.take(ALICE)), ["waiting", "accepted"]);
}

#[test]
fn two_who_ask_at_once_have_both_accepted() {
    let mut party = Party::asking(2, &lossy());
    chat(&mut party, ALICE, BOB);
    chat(&mut party, BOB, ALICE);
    party.run(seconds(30));
    for user in [ALICE, BOB] {
        let told = party.take(user);
        assert_eq!((requests(&told), answers(&told)), (vec![], vec!["accepted"]), "{told:?}");
    }
}

/// Security acceptance G06: ten thousand who ask are no more to bear than a few.
#[test]
fn no_more_ask_at_one_time_than_may_and_the_others_wait() {
    const STRANGERS: usize = 67;
    let mut party = Party::asking(STRANGERS + 1, &Impairment::default());
    let user = |n: usize| if n == 0 { ALICE } else { n + 1 };
    for n in 0..STRANGERS {
        party.line(user(n), &format!("@bob from {n}"));
    }
    party.run(seconds(60));
    let told = party.take(BOB);
    assert_eq!((requests(&told).len(), texts(&told).len()), (64, 0));
    party.line(BOB, "/requests");
    party.run(seconds(1));
    let told = party.take(BOB);
    let Some(Output::Requests { requests: all, .. }) = told.last() else { panic!("{told:?}") };
    assert_eq!(all.len(), 64);
    // Theirs waits with them, and comes when there is room for it.
    let waits = |told: &[Output]| {
        !told.iter().any(|o| matches!(o, Output::MessageState { state: "delivered", .. }))
    };
    let waiting: Vec<usize> = (0..STRANGERS).map(user).filter(|n| waits(&party.take(*n))).collect();
    assert_eq!(waiting.len(), 3);
    party.command(BOB, Command::Block { user: all[0].user.clone() });
    let late = waiting[0];
    let disk = party.kill(late);
    party.restart(late, disk);
    party.run(seconds(30));
    assert_eq!(requests(&party.take(BOB)).len(), 1);
    assert!(!waits(&party.take(late)));
}

/// A room is heard by all who are in it, and makes nobody a contact.
#[test]
fn a_common_room_is_heard_and_makes_no_contact() {
    let mut party = Party::asking(2, &Impairment::default());
    party.room("/create team bob", "team", &[ALICE, BOB]);
    party.line(ALICE, "#team hello all");
    let path = party.write_file(ALICE, "film.mp4", b"a short film");
    party.line(ALICE, &format!("/send #team {}", path.display()));
    party.until(BOB, |o| matches!(o, Output::FileOffer { room: Some(_), .. }));
    party.line(BOB, "/accept");
    party.until(BOB, |o| matches!(o, Output::File { file } if file.state == "complete"));
    let told = party.take(BOB);
    assert_eq!((texts(&told), requests(&told)), (vec!["hello all"], vec![]), "{told:?}");
    party.line(ALICE, "@bob hello you");
    party.line(ALICE, &format!("/send bob {}", path.display()));
    party.run(seconds(10));
    let told = party.take(BOB);
    assert_eq!((texts(&told).len(), requests(&told)), (0, vec![("alice", Some("hello you"))]));
    assert!(!told.iter().any(|o| matches!(o, Output::FileOffer { .. })), "{told:?}");
}
