//! What is said in rooms to members who are never there at the same time as its author.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::command::Command;
use peer::output::{OutboxLine, Output};
use rendezvous::{Lobby, Mailbox, Policy, Rate};
use sim::Impairment;
use wire::app::name::Name;
use wire::app::peer::MAX_TEXT;

use crate::party::{ALICE, BOB, CAROL, DAVE, Party, last_state, name};
use crate::support::{loss, seconds};

/// Longer than the server takes to believe that somebody is gone.
const GONE: u64 = 40;

/// Lines of a room as they were shown: who, what, and whether something before is said to be missing.
fn shown(told: &[Output]) -> Vec<(&str, &str, bool)> {
    let shown = told.iter().filter_map(|output| match output {
        Output::Message { from, room: Some(_), text, gap, .. } => {
            Some((from.as_str(), text.as_str(), *gap))
        }
        _ => None,
    });
    shown.collect()
}

impl Party {
    /// How many letters lie in mailboxes.
    fn letters(&mut self) -> usize {
        let users: Vec<Name> =
            (0..self.told.len()).map(|user| Name::new(&name(user)).expect("a name")).collect();
        let server = self.server;
        self.world.with(server, |program, _| {
            users.iter().map(|user| program.server_mut().letters(user)).sum()
        })
    }
}

fn is_stored(output: &Output) -> bool {
    matches!(output, Output::MessageState { to, state: "stored", .. } if to.starts_with('#'))
}

/// [W-182], [W-183].
#[test]
fn who_is_never_there_with_the_author_reads_what_he_said_in_a_room() {
    let mut party = Party::of(2);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "#team one");
    party.line(ALICE, "#team two");
    party.run(seconds(5));
    assert_eq!(last_state(&party.take(ALICE)), Some(("stored", None)));
    let alice = party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let told = party.take(BOB);
    assert_eq!(shown(&told), [("alice", "one", false), ("alice", "two", false)]);
    // He has it, and says so when both are there; nothing is shown again.
    party.restart(ALICE, alice);
    party.run(seconds(20));
    assert_eq!(shown(&party.take(BOB)), []);
    let states = |told: &[Output]| {
        let states = told.iter().filter_map(|output| match output {
            Output::MessageState { id, state, .. } => Some((*id, *state)),
            _ => None,
        });
        states.collect::<Vec<_>>()
    };
    assert_eq!(states(&party.take(ALICE)), [(1, "delivered"), (2, "delivered")]);
}

/// Lines that wait stand in `/outbox`, and how far they are.
#[test]
fn what_waits_in_a_room_is_listed() {
    let mut party = Party::of(4);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let (bob, carol) = (party.kill(BOB), party.kill(CAROL));
    party.run(seconds(GONE));
    party.line(ALICE, "#team one");
    party.line(ALICE, "@bob two");
    party.run(seconds(5));
    let list = |party: &mut Party| {
        party.take(ALICE);
        party.line(ALICE, "/outbox");
        party.run(seconds(1));
        let told = party.take(ALICE);
        let Some(Output::Outbox { messages }) = told.last() else { panic!("{told:?}") };
        let line = |line: &OutboxLine| {
            (line.to.clone(), line.text.clone(), line.state, line.reason.clone())
        };
        messages.iter().map(line).collect::<Vec<_>>()
    };
    let direct = ("bob".to_owned(), "two".to_owned(), "stored", None);
    let one = |state, reason: &str| {
        ("#team".to_owned(), "one".to_owned(), state, Some(reason.to_owned()))
    };
    assert_eq!(list(&mut party), [direct, one("stored", "it lies in 2 mailboxes")]);
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(list(&mut party), [one("stored", "1 of 2 have it, it lies in a mailbox")]);
    party.restart(CAROL, carol);
    party.run(seconds(20));
    assert_eq!(list(&mut party), []);
}

/// Each finds the other's lines, and a member who has them hands them on at the same time.
#[test]
fn whichever_way_a_line_comes_it_is_shown_once() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "#team from alice");
    party.run(seconds(5));
    let stored = Some(("stored", Some("1 of 2 have it".to_owned())));
    assert_eq!(last_state(&party.take(ALICE)), stored);
    let alice = party.kill(ALICE);
    party.run(seconds(GONE));
    // Carol has it too.
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(shown(&party.take(BOB)), [("alice", "from alice", false)]);
    party.line(BOB, "#team from bob");
    party.run(seconds(5));
    assert_eq!(last_state(&party.take(BOB)), stored);
    party.kill(BOB);
    party.restart(ALICE, alice);
    party.run(seconds(20));
    assert_eq!(shown(&party.take(ALICE)), [("bob", "from bob", false)]);
    // What became of her own line is known after a restart, too.
    party.line(ALICE, "/history #team");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let lines = told.iter().find_map(|output| match output {
        Output::History { lines, .. } => Some(lines),
        _ => None,
    });
    let own = lines.and_then(|lines| lines.iter().find(|line| line.from == "alice"));
    let own = own.expect("her line");
    assert_eq!(Some((own.state, own.reason.clone())), stored);
    let mut said = party.said(CAROL, "#team");
    said.sort();
    let of = |who: &str| (who.to_owned(), format!("from {who}"));
    assert_eq!(said, [of("alice"), of("bob")]);
}

/// Changes are posts, so they are left, too; and an answer finds what it answers.
#[test]
fn edits_takings_back_and_answers_are_left_as_letters() {
    let mut party = Party::of(2);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    party.line(BOB, "#team what time?");
    party.run(seconds(5));
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.take(ALICE);
    let to = || "#team".to_owned();
    party.command(ALICE, Command::Reply { to: to(), line: None, text: "at five".to_owned() });
    party.line(ALICE, "#team secret");
    party.run(seconds(5));
    party.command(ALICE, Command::Edit { to: to(), id: Some(1), text: "at six".to_owned() });
    party.command(ALICE, Command::Unsend { to: to(), id: Some(2) });
    party.run(seconds(5));
    party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let errors = party.errors(BOB);
    assert!(errors.is_empty(), "{errors:?}");
    party.line(BOB, "/history #team");
    party.run(seconds(1));
    let told = party.take(BOB);
    let Some(Output::History { lines, .. }) = told.last() else { panic!("{told:?}") };
    let lines: Vec<_> = lines
        .iter()
        .map(|line| (line.text.as_str(), line.edited, line.taken_back, line.reply_to.is_some()))
        .collect();
    let question = ("what time?", false, false, false);
    assert_eq!(lines, [question, ("at six", true, false, true), ("", false, true, false)]);
}

/// [W-184]: whoever says much leaves room for messages to the member alone, and nothing is missing in the end.
#[test]
fn many_lines_go_in_few_letters() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.take(ALICE);
    for n in 0..60 {
        party.line(ALICE, &format!("#team {n}"));
        party.run(seconds(1));
    }
    party.line(ALICE, "@bob are you well?");
    party.run(seconds(5));
    let told = party.take(ALICE);
    let is_direct = |output: &&Output| matches!(output, Output::MessageState { to, state: "stored", .. } if to == "bob");
    assert_eq!(told.iter().filter(is_direct).count(), 1, "{told:?}");
    let letters = party.letters();
    assert!((9..=12).contains(&letters), "{letters} letters");
    // As the pauses end, all of it.
    party.run(seconds(1200));
    let last = party.take(ALICE).into_iter().rfind(is_stored);
    let is_last =
        |output: &Output| matches!(output, Output::MessageState { id: 60, state: "stored", .. });
    assert!(last.as_ref().is_some_and(is_last), "{last:?}");
    let letters = party.letters();
    assert!(letters <= 14, "{letters} letters");
    party.kill(ALICE);
    party.kill(CAROL);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let told = party.take(BOB);
    let expected: Vec<String> = (0..60).map(|n: u32| n.to_string()).collect();
    let expected: Vec<_> = expected.iter().map(|text| ("alice", text.as_str(), false)).collect();
    assert_eq!(shown(&told), expected);
}

/// [W-185]: the longest text is left, and does not keep other lines back for long.
#[test]
fn the_longest_line_is_left_in_its_turn() {
    let mut party = Party::of(2);
    party.line(BOB, "@alice hello");
    party.run(seconds(5));
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.take(ALICE);
    let long = "x".repeat(MAX_TEXT);
    for text in ["first", &long, "last"] {
        party.line(ALICE, &format!("#team {text}"));
    }
    party.line(ALICE, "@bob there is much to read");
    party.run(seconds(5));
    let told = party.take(ALICE);
    let is_direct = |output: &Output| matches!(output, Output::MessageState { to, state: "stored", .. } if to == "bob");
    assert!(told.iter().any(is_direct), "{told:?}");
    party.run(seconds(300));
    assert_eq!(last_state(&party.take(ALICE)), Some(("stored", None)));
    party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let told = party.take(BOB);
    let expected = ["first", &long, "last"].map(|text| ("alice", text, false));
    assert_eq!(shown(&told), expected);
}

/// [W-185]: a line that is too long for what is left of a mailbox keeps no message to its owner alone out.
#[test]
fn a_line_without_room_holds_up_no_message_to_one_alone() {
    let mailbox = Mailbox { letters: 16, letters_of_one: 16, ..Mailbox::default() };
    let mut party = Party::with(2, Policy { mailbox, ..Policy::default() }, &Impairment::default());
    party.line(BOB, "@alice hello");
    party.run(seconds(5));
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "@bob one");
    party.run(seconds(5));
    party.take(ALICE);
    let long = "x".repeat(MAX_TEXT);
    party.line(ALICE, &format!("#team {long}"));
    party.run(seconds(5));
    let is_told = |output: &Output| matches!(output, Output::Info { text } if text.contains("no room left for so long a text"));
    assert!(party.take(ALICE).iter().any(is_told));
    party.line(ALICE, "@bob two");
    party.run(seconds(5));
    assert_eq!(last_state(&party.take(ALICE)), Some(("stored", None)));
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(shown(&party.take(BOB)), [("alice", &*long, false)], "from its author");
}

/// [W-184].
#[test]
fn a_full_mailbox_is_told_once_and_the_rest_comes_from_members() {
    let mailbox = Mailbox { letters: 16, letters_of_one: 2, ..Mailbox::default() };
    let mut party = Party::with(2, Policy { mailbox, ..Policy::default() }, &Impairment::default());
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.take(ALICE);
    for n in 0..6 {
        party.line(ALICE, &format!("#team {n}"));
        party.run(seconds(2));
    }
    party.run(seconds(8000));
    let told = party.take(ALICE);
    let is_full = |output: &&Output| matches!(output, Output::Info { text } if text.contains("The mailbox of bob is full"));
    assert_eq!(told.iter().filter(is_full).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|output| is_stored(output)).count(), 2);
    party.restart(BOB, bob);
    party.run(seconds(20));
    let told = party.take(BOB);
    let texts: Vec<&str> = shown(&told).into_iter().map(|(_, text, _)| text).collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5"]);
}

/// [W-184]: the server's limit is kept to, whoever has to wait for it.
#[test]
fn a_room_of_whom_all_are_away_is_served_as_fast_as_the_server_lets() {
    const MEMBERS: usize = 12;
    let policy = Policy { letters: Rate { burst: 3, interval: seconds(10) }, ..Policy::default() };
    let mut party = Party::with(MEMBERS, policy, &Impairment::default());
    let all: Vec<usize> = (0..MEMBERS).collect();
    party.room("/create square --open", "square", &all);
    let mut disks: Vec<_> = (1..MEMBERS).map(|user| party.kill(user)).collect();
    party.run(seconds(GONE));
    party.take(ALICE);
    party.line(ALICE, "#square one");
    party.run(seconds(5));
    let letters = party.letters();
    assert!((3..=4).contains(&letters), "{letters} letters");
    party.line(ALICE, "#square two");
    party.run(seconds(240));
    assert_eq!(last_state(&party.take(ALICE)), Some(("stored", None)));
    party.kill(ALICE);
    party.run(seconds(GONE));
    // One of them alone, so that nobody hands it on.
    for user in (1..MEMBERS).rev() {
        party.restart(user, disks.pop().expect("a disk for each"));
        party.run(seconds(5));
        let told = party.take(user);
        let of_alice = [("alice", "one", false), ("alice", "two", false)];
        assert_eq!(shown(&told), of_alice, "{}", name(user));
        party.kill(user);
        party.run(seconds(GONE));
    }
}

/// [W-182].
#[test]
fn nothing_said_in_the_lobby_is_left_to_anybody() {
    let policy = Policy { lobby: Lobby::open(), ..Policy::default() };
    let mut party = Party::with(3, policy, &Impairment::default());
    party.run(seconds(2));
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.take(ALICE);
    party.line(ALICE, "/all good morning");
    party.run(seconds(30));
    let told = party.take(ALICE);
    assert_eq!(last_state(&told), Some(("queued", Some("1 of 2 have it".to_owned()))));
    assert_eq!(party.letters(), 0);
    party.kill(ALICE);
    party.run(seconds(GONE));
    // Who has it hands it on.
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(shown(&party.take(BOB)), [("alice", "good morning", false)]);
}

/// [W-183]: of who came in meanwhile he learns before he judges what that one says.
#[test]
fn a_room_that_has_changed_meanwhile_is_asked_for_first() {
    let mut party = Party::of(4);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "/invite #team dave");
    party.run(seconds(1));
    party.line(DAVE, "/join team");
    party.run(seconds(1));
    party.line(DAVE, "#team hello bob");
    party.line(ALICE, "/mute #team dave");
    party.run(seconds(5));
    party.kill(ALICE);
    party.kill(DAVE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert_eq!(shown(&party.take(BOB)), [("dave", "hello bob", false)]);
    // Each letter is gone.
    assert_eq!(party.letters(), 0);
}

#[test]
fn who_was_put_out_is_left_nothing_more_and_shown_nothing() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let (bob, carol) = (party.kill(BOB), party.kill(CAROL));
    party.run(seconds(GONE));
    party.line(ALICE, "#team before");
    party.run(seconds(5));
    party.line(ALICE, "/kick #team bob");
    party.run(seconds(1));
    party.line(ALICE, "#team only us");
    party.run(seconds(5));
    assert_eq!(party.letters(), 3);
    party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert_eq!(shown(&party.take(BOB)), []);
    assert_eq!(party.letters(), 2, "his is gone");
    party.restart(CAROL, carol);
    party.run(seconds(10));
    let told = party.take(CAROL);
    assert_eq!(shown(&told), [("alice", "before", false), ("alice", "only us", false)]);
}

/// Who speaks in a common room need not be accepted for that; what he says to one alone is a question.
#[test]
fn a_stranger_is_heard_in_the_room_and_asks_elsewhere() {
    let mut party = Party::asking(2, &Impairment::default());
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "#team to all");
    party.line(ALICE, "@bob to you");
    party.run(seconds(5));
    party.kill(ALICE);
    party.run(seconds(GONE));
    party.restart(BOB, bob);
    party.run(seconds(10));
    let told = party.take(BOB);
    assert_eq!(shown(&told), [("alice", "to all", false)]);
    let messages = told.iter().filter(|output| matches!(output, Output::Message { .. }));
    assert_eq!(messages.count(), 1, "{told:?}");
}

#[test]
fn a_blocked_members_letters_are_not_shown() {
    let mut party = Party::of(2);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    party.line(BOB, "/block alice");
    party.run(seconds(2));
    let bob = party.kill(BOB);
    party.run(seconds(GONE));
    party.line(ALICE, "#team hello?");
    party.until(ALICE, is_stored);
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(shown(&party.take(BOB)), []);
}

/// Over a bad link, with both ends killed in between.
#[test]
fn letters_of_posts_come_once_whatever_is_killed() {
    let lossy = Impairment { loss: loss(10.0), ..Impairment::default() };
    let mut party = Party::with(2, Policy::default(), &lossy);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let mut all = Vec::new();
    for round in 0..4 {
        let bob = party.kill(BOB);
        party.run(seconds(GONE));
        party.take(ALICE);
        for n in 0..5 {
            party.line(ALICE, &format!("#team {}", round * 5 + n));
        }
        party.until(ALICE, is_stored);
        // In the middle of it.
        let alice = party.kill(ALICE);
        party.restart(ALICE, alice);
        party.run(seconds(2));
        let alice = party.kill(ALICE);
        party.restart(BOB, bob);
        party.run(seconds(1));
        all.extend(shown(&party.take(BOB)).iter().map(|(_, text, _)| (*text).to_owned()));
        let bob = party.kill(BOB);
        party.restart(ALICE, alice);
        party.restart(BOB, bob);
        party.run(seconds(60));
        let told = party.take(BOB);
        all.extend(shown(&told).iter().map(|(_, text, _)| (*text).to_owned()));
        let is_error = |output: &Output| matches!(output, Output::Error { .. });
        assert!(!told.iter().any(is_error), "{told:?}");
    }
    let expected: Vec<String> = (0..20).map(|n: u32| n.to_string()).collect();
    assert_eq!(all, expected);
}
