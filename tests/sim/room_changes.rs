//! Answers, edits and takings back in rooms: what each member sees in the end, whoever was away.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use std::collections::BTreeMap;

use peer::command::Command;
use peer::output::{HistoryLine, NOT_HERE, Output};
use rendezvous::{Mailbox, Policy};
use sim::Impairment;

use crate::party::{ALICE, BOB, CAROL, DAVE, Party, name};
use crate::support::{loss, millis, seconds};

const TEAM: &str = "#team";

impl Party {
    fn edit(&mut self, user: usize, id: Option<u64>, text: &str) {
        self.command(user, Command::Edit { to: TEAM.to_owned(), id, text: text.to_owned() });
    }

    fn unsend(&mut self, user: usize, id: Option<u64>) {
        self.command(user, Command::Unsend { to: TEAM.to_owned(), id });
    }

    fn reply(&mut self, user: usize, line: Option<u64>, text: &str) {
        self.command(user, Command::Reply { to: TEAM.to_owned(), line, text: text.to_owned() });
    }

    /// The room as a user finds it in his history.
    fn lines(&mut self, user: usize) -> Vec<HistoryLine> {
        self.take(user);
        self.line(user, "/history #team 1000");
        self.run(seconds(1));
        self.told_lines(user)
    }

    fn texts(&mut self, user: usize) -> Vec<String> {
        let text = |line: HistoryLine| {
            let mark = match (line.taken_back, line.edited) {
                (true, _) => "(taken back)",
                (false, true) => " (edited)",
                (false, false) => "",
            };
            format!("{}{mark}", line.text)
        };
        self.lines(user).into_iter().map(text).collect()
    }

    /// How many lines this user finds with this word.
    fn found(&mut self, user: usize, word: &str) -> usize {
        self.take(user);
        self.line(user, &format!("/search {word}"));
        self.run(seconds(1));
        self.told_lines(user).len()
    }

    fn told_lines(&mut self, user: usize) -> Vec<HistoryLine> {
        let told = self.take(user);
        let lines = told.iter().rev().find_map(|output| match output {
            Output::History { lines, .. } => Some(lines.clone()),
            _ => None,
        });
        lines.unwrap_or_else(|| panic!("{told:?}"))
    }
}

fn team(users: usize, link: &Impairment) -> Party {
    among(Party::with(users, Policy::default(), link), users)
}

/// The same at a server that keeps no letters: what is said to who is away waits at its author.
fn team_without_mail(users: usize) -> Party {
    let mailbox = Mailbox { kept_for: 0, ..Mailbox::default() };
    let policy = Policy { mailbox, ..Policy::default() };
    among(Party::with(users, policy, &Impairment::default()), users)
}

fn among(mut party: Party, users: usize) -> Party {
    let all: Vec<usize> = (0..users).collect();
    let invited: Vec<String> = all[1..].iter().map(|user| name(*user)).collect();
    party.room(&format!("/create team {}", invited.join(" ")), "team", &all);
    party
}

fn changes(told: &[Output]) -> Vec<(&str, &str, u64, Option<&str>)> {
    let changes = told.iter().filter_map(|output| match output {
        Output::Changed { from, change, line, text, .. } => {
            Some((from.as_str(), *change, *line, text.as_deref()))
        }
        _ => None,
    });
    changes.collect()
}

/// A line is changed for all who have read it, and for who was away; the old text is nowhere.
#[test]
fn a_line_is_changed_for_all_who_are_there() {
    let mut party = team(3, &Impairment::default());
    party.line(ALICE, "#team at fife");
    party.line(ALICE, "#team bring cake");
    party.run(seconds(2));
    for user in [ALICE, BOB, CAROL] {
        party.take(user);
    }
    party.edit(ALICE, Some(1), "at five");
    party.unsend(ALICE, None);
    party.run(seconds(3));
    let expected = [("alice", "edited", 1, Some("at five")), ("alice", "taken-back", 2, None)];
    let own = party.take(ALICE);
    assert_eq!(changes(&own), expected);
    let is_warned =
        |o: &Output| matches!(o, Output::Info { text } if text.contains("not in your hands"));
    assert!(own.iter().any(is_warned), "{own:?}");
    let delivered = own.iter().filter_map(|output| match output {
        Output::MessageState { id, state: "delivered", .. } => Some(*id),
        _ => None,
    });
    assert_eq!(delivered.collect::<Vec<_>>(), [3, 4], "changes are delivered as lines are");
    for user in [BOB, CAROL] {
        let told = party.take(user);
        assert_eq!(changes(&told), expected);
        assert!(!told.iter().any(|output| matches!(output, Output::Message { .. })), "{told:?}");
    }
    for user in [ALICE, BOB, CAROL] {
        assert_eq!(party.texts(user), ["at five (edited)", "(taken back)"]);
        assert_eq!(party.found(user, "five"), 1);
        assert_eq!(party.found(user, "fife") + party.found(user, "cake"), 0);
    }
}

#[test]
fn an_answer_names_what_it_answers_for_all() {
    let mut party = team(3, &Impairment::default());
    party.line(ALICE, "#team at five?");
    party.run(seconds(2));
    let carol = party.kill(CAROL);
    party.reply(BOB, None, "yes");
    party.reply(ALICE, Some(1), "at the harbour");
    party.run(seconds(2));
    for user in [ALICE, BOB] {
        let answered: Vec<_> = party.lines(user).iter().map(|line| line.reply_to).collect();
        assert_eq!(answered, [None, Some(1), Some(1)]);
    }
    party.take(CAROL);
    party.restart(CAROL, carol);
    party.run(seconds(5));
    let told = party.take(CAROL);
    let answered = told.iter().filter_map(|output| match output {
        Output::Message { text, reply_to, .. } => Some((text.as_str(), *reply_to)),
        _ => None,
    });
    let answered: BTreeMap<&str, Option<u64>> = answered.collect();
    let expected = [("at the harbour", Some(1)), ("yes", Some(1))];
    assert_eq!(answered.into_iter().collect::<Vec<_>>(), expected);
    party.reply(BOB, Some(99), "to nobody");
    party.run(seconds(1));
    assert!(party.errors(BOB)[0].contains("no line 99 in #team"));
}

/// She gets it from who has it, when its author is not there: what it says now, and nothing of what was taken
/// back [W-173].
#[test]
fn who_was_away_is_shown_what_it_says_now_and_never_what_was_taken_back() {
    let mut party = team(3, &Impairment::default());
    let carol = party.kill(CAROL);
    party.line(ALICE, "#team first wording");
    party.line(ALICE, "#team secret");
    party.run(seconds(5));
    party.edit(ALICE, Some(2), "still secret");
    party.edit(ALICE, Some(1), "second wording");
    party.unsend(ALICE, Some(2));
    party.line(ALICE, "#team last");
    party.run(seconds(5));
    assert_eq!(party.texts(BOB), ["second wording (edited)", "(taken back)", "last"]);
    party.kill(ALICE);
    party.restart(CAROL, carol);
    party.run(seconds(30));
    let told = party.take(CAROL);
    let said = told.iter().filter_map(|output| match output {
        Output::Message { text, edited, gap, .. } => Some((text.as_str(), *edited, *gap)),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), [("second wording", true, false), ("last", false, false)]);
    assert!(changes(&told).is_empty(), "{told:?}");
    assert_eq!(party.texts(CAROL), ["second wording (edited)", "last"]);
    assert_eq!(party.found(CAROL, "secret") + party.found(CAROL, "first"), 0);
}

/// What nobody has got yet is changed here, and its first text never leaves.
#[test]
fn what_still_waits_is_changed_before_it_leaves() {
    let mut party = team_without_mail(3);
    let (bob, carol) = (party.kill(BOB), party.kill(CAROL));
    party.run(seconds(60));
    party.line(ALICE, "#team secret");
    party.line(ALICE, "#team first wording");
    party.line(ALICE, "#team last");
    party.run(seconds(1));
    party.take(ALICE);
    party.unsend(ALICE, Some(1));
    party.edit(ALICE, Some(2), "second wording");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let expected =
        [("alice", "withdrawn", 1, None), ("alice", "edited", 2, Some("second wording"))];
    assert_eq!(changes(&told), expected);
    assert_eq!(party.texts(ALICE), ["second wording (edited)", "last"]);
    // It was typed a moment ago, and is on its way into the database.
    party.line(ALICE, "#team typed too fast");
    party.unsend(ALICE, None);
    party.run(seconds(1));
    assert_eq!(party.texts(ALICE), ["second wording (edited)", "last"]);
    party.restart(BOB, bob);
    party.restart(CAROL, carol);
    party.run(seconds(30));
    for user in [BOB, CAROL] {
        let told = party.take(user);
        let is_whole = |output: &Output| !matches!(output, Output::Message { gap: true, .. });
        assert!(told.iter().all(is_whole), "{told:?}");
        let heard = format!("{told:?}");
        for word in ["secret", "first wording", "too fast"] {
            assert!(!heard.contains(word), "{word}: {heard}");
        }
        assert_eq!(party.texts(user), ["second wording (edited)", "last"]);
    }
    let lines = party.lines(ALICE);
    assert!(lines.iter().all(|line| line.state == "delivered"), "{lines:?}");
}

/// After a restart nobody knows what has left: it is taken back where it may have arrived.
#[test]
fn what_may_have_left_is_taken_back_everywhere() {
    let mut party = team_without_mail(2);
    let bob = party.kill(BOB);
    party.run(seconds(60));
    party.line(ALICE, "#team secret");
    party.run(seconds(1));
    let alice = party.kill(ALICE);
    party.restart(ALICE, alice);
    party.take(ALICE);
    party.unsend(ALICE, None);
    party.run(seconds(1));
    assert_eq!(changes(&party.take(ALICE)), [("alice", "taken-back", 1, None)]);
    assert_eq!(party.texts(ALICE), ["(taken back)"]);
    party.restart(BOB, bob);
    party.run(seconds(10));
    assert!(party.texts(BOB).is_empty());
}

#[test]
fn who_may_say_nothing_changes_nothing() {
    let mut party = team(4, &Impairment::default());
    for user in [BOB, CAROL] {
        party.line(user, "#team said before");
    }
    party.run(seconds(3));
    party.line(ALICE, "/kick #team bob");
    party.line(ALICE, "/mute #team carol");
    party.run(seconds(1));
    party.edit(BOB, None, "said after");
    party.unsend(CAROL, None);
    party.run(seconds(5));
    assert!(party.errors(BOB)[0].contains("no longer in #team"));
    assert!(party.errors(CAROL)[0].contains("muted in #team"));
    assert_eq!(party.texts(DAVE), ["said before", "said before"]);
    // What others have said is nobody's to change.
    party.take(ALICE);
    party.edit(ALICE, Some(1), "mine");
    party.run(seconds(1));
    assert!(party.errors(ALICE)[0].contains("no message 1 in #team"));
}

#[test]
fn changes_of_whom_one_does_not_want_to_hear_are_not_shown() {
    let mut party = team(4, &Impairment::default());
    party.line(BOB, "#team before");
    party.run(seconds(2));
    party.line(CAROL, "/ignore bob");
    party.line(DAVE, "/block bob");
    party.run(seconds(2));
    party.take(CAROL);
    party.take(DAVE);
    party.edit(BOB, None, "after");
    party.line(ALICE, "#team hello");
    party.run(seconds(30));
    for user in [CAROL, DAVE] {
        let told = party.take(user);
        assert!(changes(&told).is_empty(), "{told:?}");
        assert_eq!(party.texts(user), ["hello"]);
    }
    party.line(CAROL, "/unignore bob");
    assert_eq!(party.texts(CAROL), ["after (edited)", "hello"]);
    // Without a number it is answered what one is shown.
    party.line(CAROL, "/ignore bob");
    party.line(BOB, "#team unheard");
    party.run(seconds(3));
    party.reply(CAROL, None, "hi");
    party.run(seconds(1));
    let lines = party.lines(CAROL);
    let answered = lines.iter().find(|line| line.text == "hi").and_then(|line| line.reply_to);
    let hello = lines.iter().find(|line| line.text == "hello").map(|line| line.line);
    assert_eq!(answered, hello);
}

/// [W-174]: what was said before one came stays unsaid, however often it is edited; where the room shares its
/// past, one reads what it says now.
#[test]
fn a_newcomer_reads_what_the_room_shares_as_it_is_now() {
    for (make, is_shared) in
        [("/create team bob carol", false), ("/create team --history bob carol", true)]
    {
        let mut party = Party::of(3);
        party.room(make, "team", &[ALICE, BOB]);
        party.line(ALICE, "#team first wording");
        party.line(ALICE, "#team secret");
        party.unsend(ALICE, None);
        party.edit(ALICE, Some(1), "second wording");
        party.run(seconds(5));
        party.line(CAROL, "/join team");
        party.run(seconds(10));
        party.edit(ALICE, Some(1), "third wording");
        party.reply(BOB, None, "I see");
        party.run(seconds(10));
        let lines = party.lines(CAROL);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let answered = lines.last().and_then(|line| line.reply_to);
        if is_shared {
            assert_eq!(texts, ["third wording", "I see"]);
            assert_eq!(answered, Some(lines[0].line));
        } else {
            assert_eq!(texts, ["I see"]);
            assert_eq!(answered, Some(NOT_HERE));
        }
        assert_eq!(party.found(CAROL, "wording"), usize::from(is_shared));
        assert_eq!(party.found(CAROL, "secret"), 0);
    }
}

/// A tenth of the datagrams is lost, and members are killed and come back: in the end all read the same.
#[test]
fn all_read_the_same_in_the_end() {
    const USERS: usize = 4;
    let link = Impairment { loss: loss(10.0), delay: millis(20), ..Impairment::default() };
    let mut party = team(USERS, &link);
    for round in 0..12_u64 {
        for user in 0..USERS {
            let number = 3 * round + 1;
            party.line(user, &format!("#team {user} says {round}"));
            match (round + user as u64) % 4 {
                0 => party.edit(user, Some(number), &format!("{user} corrects {round}")),
                1 => party.unsend(user, None),
                2 => party.reply(user, None, &format!("{user} answers in {round}")),
                _ => party.edit(user, None, &format!("{user} corrects {round}")),
            }
            party.edit(user, Some(1), &format!("{user} begins by {round}"));
        }
        party.run(millis(300));
        if round % 3 == 1 {
            let victim = (round / 3) as usize % USERS;
            let disk = party.kill(victim);
            party.run(millis(700));
            party.restart(victim, disk);
        }
    }
    party.run(seconds(180));
    let all: Vec<Vec<(String, String, bool)>> = (0..USERS)
        .map(|user| {
            let lines = party.lines(user).into_iter().filter(|line| !line.taken_back);
            let mut seen: Vec<_> = lines.map(|line| (line.from, line.text, line.edited)).collect();
            seen.sort();
            seen
        })
        .collect();
    let edited = all[0].iter().filter(|(.., edited)| *edited).count();
    assert!(all[0].len() > 20 && edited > 10, "{:?}", all[0]);
    for (user, seen) in all.iter().enumerate() {
        assert_eq!(*seen, all[0], "{}", name(user));
    }
}
