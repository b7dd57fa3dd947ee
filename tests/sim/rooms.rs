//! Rooms: the real server, real clients, and what each of them is shown.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use std::collections::{BTreeMap, BTreeSet};

use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;
use sim::swarm::seed;
use sim::tincan::{Program, ServerProgram};

use crate::party::{ALICE, BOB, CAROL, DAVE, Party, last_state, name};
use crate::support::{loss, millis, seconds};

impl Party {
    /// All who are named are in the room, which the first of them makes.
    pub(crate) fn room(&mut self, make: &str, room: &str, users: &[usize]) {
        self.line(users[0], make);
        self.until(users[0], |o| matches!(o, Output::RoomChanged { change: "created", .. }));
        for user in &users[1..] {
            self.line(*user, &format!("/join {room}"));
            self.until(*user, |o| matches!(o, Output::RoomChanged { change: "entered", .. }));
        }
        self.run(seconds(1));
        for told in &mut self.told {
            told.clear();
        }
    }
}

fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(from, text)| ((*from).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn what_one_says_all_members_are_shown_and_nobody_else() {
    let mut party = Party::of(4);
    party.line(ALICE, "/create team bob carol");
    party.until(BOB, |o| {
        matches!(o, Output::RoomInvited { room, by, .. }
        if room == "#team" && by == "alice")
    });
    party.room("/create side bob", "side", &[ALICE, BOB]);
    for user in [BOB, CAROL] {
        party.line(user, "/join team");
        party.until(user, |o| matches!(o, Output::RoomChanged { change: "entered", .. }));
    }
    party.run(seconds(1));
    party.take(ALICE);
    party.line(ALICE, "#team hello all");
    party.line(BOB, "/say team hello alice");
    party.run(seconds(3));
    // Between two authors there is no order.
    let mut said = party.said(CAROL, "#team");
    said.sort();
    assert_eq!(said, lines(&[("alice", "hello all"), ("bob", "hello alice")]));
    assert_eq!(party.said(BOB, "#team"), lines(&[("alice", "hello all")]));
    let told = party.take(ALICE);
    assert_eq!(last_state(&told), Some(("delivered", None)), "{told:?}");
    assert!(party.said(DAVE, "#team").is_empty());
    party.line(CAROL, "/history #team");
    party.run(seconds(1));
    let told = party.take(CAROL);
    let Some(Output::History { lines, .. }) = told.last() else { panic!("{told:?}") };
    let mut lines: Vec<(&str, &str)> =
        lines.iter().map(|line| (line.from.as_str(), line.text.as_str())).collect();
    lines.sort_unstable();
    assert_eq!(lines, [("alice", "hello all"), ("bob", "hello alice")]);
}

/// Usually a room calls by what names one; also by all or by nothing, as was chosen.
#[test]
fn a_room_calls_as_was_chosen() {
    let mut party = Party::of(2);
    party.room("/create team bob", "team", &[ALICE, BOB]);
    let mut calls = |choice: &str, text: &str| {
        if !choice.is_empty() {
            party.line(BOB, &format!("/notify #team {choice}"));
        }
        party.line(ALICE, &format!("#team {text}"));
        party.run(seconds(2));
        let told = party.take(BOB);
        let heard = told.iter().find_map(|output| match output {
            Output::Message { room: Some(_), notify, .. } => Some(*notify),
            _ => None,
        });
        heard.unwrap_or_else(|| panic!("{told:?}"))
    };
    assert!(!calls("", "hello") && calls("", "bob?"));
    assert!(calls("all", "hello") && !calls("off", "bob?"));
    assert!(!calls("mentions", "hello") && calls("", "Bob!"));
}

#[test]
fn a_member_who_was_away_gets_it_from_its_author() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let disk = party.kill(CAROL);
    party.line(ALICE, "#team one");
    party.line(ALICE, "#team two");
    party.run(seconds(20));
    let told = party.take(ALICE);
    assert_eq!(last_state(&told), Some(("queued", Some("1 of 2 have it".to_owned()))));
    party.restart(CAROL, disk);
    party.run(seconds(5));
    assert_eq!(party.said(CAROL, "#team"), lines(&[("alice", "one"), ("alice", "two")]));
    let told = party.take(ALICE);
    assert_eq!(last_state(&told), Some(("delivered", None)), "{told:?}");
}

#[test]
fn a_member_who_was_away_gets_it_from_whoever_has_it() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let carol = party.kill(CAROL);
    party.line(ALICE, "#team one");
    party.line(BOB, "#team two");
    party.line(ALICE, "#team three");
    party.run(seconds(5));
    let alice = party.kill(ALICE);
    party.restart(CAROL, carol);
    party.run(seconds(30));
    let said: BTreeSet<_> = party.said(CAROL, "#team").into_iter().collect();
    let all = lines(&[("alice", "one"), ("bob", "two"), ("alice", "three")]);
    assert_eq!(said, all.into_iter().collect());
    // The author comes back: nothing twice, and she learns that everybody has it.
    party.restart(ALICE, alice);
    party.run(seconds(10));
    assert!(party.said(CAROL, "#team").is_empty());
    assert!(party.said(BOB, "#team").iter().all(|(from, _)| from == "alice"));
    party.line(ALICE, "/history #team");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let states = told.iter().rev().find_map(|output| match output {
        Output::History { lines, .. } => {
            Some(lines.iter().filter(|line| line.id.is_some()).map(|line| line.state).collect())
        }
        _ => None,
    });
    assert_eq!(states, Some(vec!["delivered", "delivered"]), "{told:?}");
}

/// What one member has spreads to all who are there, over members who have never met its author.
#[test]
fn what_comes_late_spreads() {
    let mut party = Party::of(4);
    party.room("/create team bob carol dave", "team", &[ALICE, BOB, CAROL, DAVE]);
    let (carol, dave) = (party.kill(CAROL), party.kill(DAVE));
    party.line(ALICE, "#team one");
    party.run(seconds(5));
    let bob = party.kill(BOB);
    party.kill(ALICE);
    party.restart(CAROL, carol);
    party.restart(DAVE, dave);
    party.run(seconds(20));
    assert!(party.said(DAVE, "#team").is_empty());
    party.restart(BOB, bob);
    party.run(seconds(20));
    assert_eq!(party.said(CAROL, "#team"), lines(&[("alice", "one")]));
    assert_eq!(party.said(DAVE, "#team"), lines(&[("alice", "one")]));
}

#[test]
fn a_newcomer_gets_what_the_room_shares() {
    for (make, room, is_shared) in [
        ("/create team bob carol", "team", false),
        ("/create team --history bob carol", "team", true),
        ("/create team --open bob", "team", true),
        ("/create team --open --no-history bob", "team", false),
    ] {
        let mut party = Party::of(3);
        party.room(make, room, &[ALICE, BOB]);
        for n in 0..30 {
            party.line(ALICE, &format!("#team a{n}"));
            party.line(BOB, &format!("#team b{n}"));
        }
        party.run(seconds(5));
        party.line(CAROL, "/join team");
        party.run(seconds(10));
        let before = party.said(CAROL, "#team");
        assert_eq!(before.len(), if is_shared { 60 } else { 0 }, "{make}");
        for (who, letter) in [("alice", 'a'), ("bob", 'b')] {
            let his: Vec<&str> =
                before.iter().filter(|(from, _)| from == who).map(|(_, t)| t.as_str()).collect();
            let expected: Vec<String> = (0..his.len()).map(|n| format!("{letter}{n}")).collect();
            assert_eq!(his, expected);
        }
        party.line(BOB, "#team welcome");
        party.run(seconds(5));
        assert_eq!(party.said(CAROL, "#team"), lines(&[("bob", "welcome")]), "{make}");
    }
}

/// A tenth of the datagrams is lost, and users are killed and come back meanwhile.
#[test]
fn nothing_is_lost_shown_twice_or_out_of_order() {
    let lossy = Impairment { loss: loss(10.0), delay: millis(20), ..Impairment::default() };
    let mut party = Party::with(4, Policy::default(), &lossy);
    party.room("/create team bob carol dave", "team", &[ALICE, BOB, CAROL, DAVE]);
    let mut shown = vec![Vec::new(); 4];
    for n in 0..60 {
        for user in 0..4 {
            party.line(user, &format!("#team {n}"));
        }
        party.run(millis(200));
        for (user, shown) in shown.iter_mut().enumerate() {
            shown.extend(party.said(user, "#team"));
        }
        if n % 12 == 6 {
            let victim = (n / 12) % 4;
            let disk = party.kill(victim);
            party.run(millis(700));
            for (user, shown) in shown.iter_mut().enumerate() {
                shown.extend(party.said(user, "#team"));
            }
            party.restart(victim, disk);
        }
    }
    party.run(seconds(180));
    for (user, mut shown) in shown.into_iter().enumerate() {
        shown.extend(party.said(user, "#team"));
        let mut by_author: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (from, text) in shown {
            by_author.entry(from).or_default().push(text.parse().expect("a number"));
        }
        let others: Vec<String> = (0..4).filter(|other| *other != user).map(name).collect();
        assert_eq!(by_author.keys().cloned().collect::<Vec<_>>(), others);
        for (from, numbers) in by_author {
            assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{from} to {}", name(user));
        }
    }
}

#[test]
fn sixty_four_members_type_at_once() {
    const MEMBERS: usize = 64;
    let mut party = Party::of(MEMBERS);
    let all: Vec<usize> = (0..MEMBERS).collect();
    party.room("/create square --open", "square", &all);
    for n in 0..3 {
        for user in 0..MEMBERS {
            party.line(user, &format!("#square {n}"));
        }
    }
    party.run(seconds(60));
    for user in 0..MEMBERS {
        let mut by_author: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (from, text) in party.said(user, "#square") {
            by_author.entry(from).or_default().push(text);
        }
        assert_eq!(by_author.len(), MEMBERS - 1, "{} is shown everybody's lines", name(user));
        for (from, texts) in by_author {
            assert_eq!(texts, ["0", "1", "2"], "{from} to {}", name(user));
        }
    }
}

#[test]
fn a_blocked_member_is_not_shown_and_not_told() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    party.line(CAROL, "/block bob");
    party.run(seconds(2));
    party.take(BOB);
    party.line(BOB, "#team can you hear me?");
    party.line(ALICE, "#team yes");
    party.run(seconds(30));
    assert_eq!(party.said(CAROL, "#team"), lines(&[("alice", "yes")]));
    let told = party.take(BOB);
    let is_quiet = |output: &Output| !matches!(output, Output::Error { .. });
    assert!(told.iter().all(is_quiet), "{told:?}");
    // As when carol were not there.
    assert_eq!(last_state(&told), Some(("stored", Some("1 of 2 have it".to_owned()))));
    party.line(CAROL, "/history #team");
    party.run(seconds(1));
    let told = party.take(CAROL);
    let Some(Output::History { lines, .. }) = told.last() else { panic!("{told:?}") };
    assert!(lines.iter().all(|line| line.from == "alice"), "{lines:?}");
}

/// What would reach nobody is not taken: else it would wait for ever, and look delivered in the end.
#[test]
fn nothing_is_said_to_a_room_without_others() {
    let mut party = Party::of(2);
    party.line(ALICE, "/create team bob");
    party.until(ALICE, |o| matches!(o, Output::RoomChanged { change: "created", .. }));
    party.line(ALICE, "#team is anybody here?");
    party.run(seconds(1));
    let refused = |o: &Output| matches!(o, Output::NotSent { reason, .. } if reason.contains("nobody else is in it yet"));
    assert!(party.take(ALICE).iter().any(refused));
    party.line(BOB, "/join team");
    party.until(ALICE, |o| matches!(o, Output::RoomChanged { change: "joined", .. }));
    party.line(ALICE, "#team now there is");
    party.run(seconds(5));
    assert_eq!(party.said(BOB, "#team"), lines(&[("alice", "now there is")]));
}

/// Who is ignored by a member is read by the others and by nobody else: and he is told that all have it.
#[test]
fn an_ignored_member_is_not_shown_and_does_not_notice() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    party.line(CAROL, "/ignore bob");
    party.line(ALICE, "#team the oldest line");
    party.run(seconds(5));
    for number in 0..5 {
        party.line(BOB, &format!("#team unheard {number}"));
    }
    party.run(seconds(30));
    assert_eq!(party.said(CAROL, "#team"), lines(&[("alice", "the oldest line")]));
    assert_eq!(last_state(&party.take(BOB)), Some(("delivered", None)));
    // A page of history has as many lines as were asked for, where there are so many.
    party.line(CAROL, "/history #team 1");
    party.run(seconds(1));
    let told = party.take(CAROL);
    let Some(Output::History { lines, .. }) = told.last() else { panic!("{told:?}") };
    assert_eq!(lines.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["the oldest line"]);
    party.line(CAROL, "/unignore bob");
    party.line(CAROL, "/history #team 3");
    party.run(seconds(1));
    let told = party.take(CAROL);
    let Some(Output::History { lines, .. }) = told.last() else { panic!("{told:?}") };
    assert!(lines.len() == 3 && lines.iter().all(|it| it.from == "bob"), "{lines:?}");
}

#[test]
fn who_was_put_out_hears_no_more_and_who_is_muted_says_no_more() {
    let mut party = Party::of(4);
    party.room("/create team bob carol dave", "team", &[ALICE, BOB, CAROL, DAVE]);
    party.line(ALICE, "/kick #team bob");
    party.line(ALICE, "/mute #team carol");
    party.run(seconds(1));
    for user in [BOB, CAROL, DAVE] {
        party.take(user);
    }
    party.line(ALICE, "#team only us");
    party.line(BOB, "#team and me?");
    party.line(CAROL, "#team or me?");
    party.run(seconds(5));
    assert_eq!(party.said(DAVE, "#team"), lines(&[("alice", "only us")]));
    let errors = party.errors(BOB);
    assert!(errors[0].contains("no longer in #team"), "{errors:?}");
    let errors = party.errors(CAROL);
    assert!(errors[0].contains("muted in #team"), "{errors:?}");
    party.line(ALICE, "/unmute #team carol");
    party.line(ALICE, "/invite #team bob");
    party.until(BOB, |o| matches!(o, Output::RoomInvited { .. }));
    party.line(BOB, "/join team");
    party.run(seconds(2));
    party.line(CAROL, "#team thanks");
    party.run(seconds(5));
    assert_eq!(party.said(BOB, "#team"), lines(&[("carol", "thanks")]));
}

#[test]
fn the_room_lives_on_when_its_maker_leaves() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    party.line(ALICE, "/leave team");
    party.until(BOB, |o| {
        matches!(o, Output::RoomChanged { change: "role", user: Some(user), text: Some(role), .. }
        if user == "bob" && role == "owner")
    });
    party.take(CAROL);
    party.line(BOB, "#team still here");
    party.line(BOB, "/rename #team crew");
    party.run(seconds(3));
    // Said before the room had this name or after: once.
    let told = party.take(CAROL);
    let shown =
        told.iter().filter(|o| matches!(o, Output::Message { text, .. } if text == "still here"));
    assert_eq!(shown.count(), 1, "{told:?}");
    party.line(CAROL, "#crew yes");
    party.run(seconds(3));
    assert_eq!(party.said(BOB, "#crew"), lines(&[("carol", "yes")]));
    let errors = party.errors(ALICE);
    assert!(errors.is_empty(), "{errors:?}");
}

/// Changes that a client missed, while it was away or while the server was, are made up for.
#[test]
fn changes_that_were_missed_are_made_up_for() {
    let mut party = Party::of(4);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let bob = party.kill(BOB);
    party.line(ALICE, "/invite #team dave");
    party.run(seconds(1));
    party.line(DAVE, "/join team");
    party.line(ALICE, "/topic #team the film");
    party.line(ALICE, "/kick #team carol");
    party.run(seconds(20));
    party.restart(BOB, bob);
    party.run(seconds(5));
    party.line(BOB, "/members #team");
    party.run(seconds(1));
    let told = party.take(BOB);
    let Some(Output::Members { topic, members, .. }) = told.last() else { panic!("{told:?}") };
    let names: Vec<&str> = members.iter().map(|member| member.user.as_str()).collect();
    assert_eq!((names, topic.as_str()), (vec!["alice", "bob", "dave"], "the film"));
    party.line(BOB, "#team hello dave");
    party.run(seconds(3));
    assert_eq!(party.said(DAVE, "#team"), lines(&[("bob", "hello dave")]));
}

/// Who is kicked, or leaves at another machine, while his client is away, is told when it is back.
#[test]
fn who_was_put_out_while_away_knows_it_later() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let bob = party.kill(BOB);
    party.line(ALICE, "/kick #team bob");
    party.run(seconds(20));
    party.restart(BOB, bob);
    party.until(BOB, |o| {
        matches!(o, Output::RoomChanged { change: "left", user: Some(user), .. }
        if user == "bob")
    });
    party.line(BOB, "#team hello?");
    party.run(seconds(1));
    assert!(party.errors(BOB)[0].contains("no longer in #team"));
}

#[test]
fn rooms_outlive_the_server() {
    let mut party = Party::of(3);
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let Some(Program::Server(server)) = party.world.crash(party.server) else { panic!("a server") };
    // Links are there: what is said goes on without the server.
    party.line(ALICE, "#team without you");
    party.run(seconds(5));
    assert_eq!(party.said(BOB, "#team"), lines(&[("alice", "without you")]));
    let now = party.world.now();
    let program = ServerProgram::start(now, server.into_disk(), Policy::default(), &seed(3));
    party.world.boot(party.server, Program::Server(Box::new(program)));
    party.run(seconds(60));
    party.line(BOB, "/topic #team back again");
    party.line(ALICE, "/topic #team back again");
    party.run(seconds(5));
    assert!(party.errors(BOB)[0].contains("your role"), "bob is no operator");
    party.until(CAROL, |o| {
        matches!(o, Output::RoomChanged { change: "topic", text: Some(topic), .. }
        if topic == "back again")
    });
}
