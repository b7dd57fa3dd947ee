//! Files that are offered to a room: members fetch them from each other.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use core::time::Duration;
use std::fs;

use peer::command::Command;
use peer::output::{FileLine, Output};
use sim::Impairment;

use crate::party::{ALICE, BOB, CAROL, DAVE, Party, name};
use crate::support::{loss, millis, seconds};

/// What a narrow line carries, in bits a second.
const LINE: u64 = 8_000_000;

fn line() -> Impairment {
    Impairment { delay: millis(20), rate: Some(LINE), ..Impairment::default() }
}

fn film(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(b"film").finalize_xof().fill(&mut bytes);
    bytes
}

impl Party {
    /// Alice and so many others are in a room, over such a line.
    fn team(users: usize, link: &Impairment) -> Self {
        Self::team_in_run(0, users, link)
    }

    fn team_in_run(run: u64, users: usize, link: &Impairment) -> Self {
        let mut party = Self::in_run(run, users, link);
        let all: Vec<usize> = (0..users).collect();
        let names: Vec<String> = all[1..].iter().map(|user| name(*user)).collect();
        party.room(&format!("/create team {}", names.join(" ")), "team", &all);
        party
    }

    /// Alice offers it to the room, and all the others take it.
    fn offer(&mut self, users: &[usize], content: &[u8]) {
        let path = self.write_file(ALICE, "film.mp4", content);
        self.line(ALICE, &format!("/send #team {}", path.display()));
        for user in users {
            self.until(*user, |o| {
                matches!(o, Output::FileOffer { room: Some(room), from, .. }
                    if room == "#team" && from == "alice")
            });
            self.line(*user, "/accept");
        }
    }

    fn has_whole(&mut self, user: usize, content: &[u8]) {
        self.until(user, is_complete);
        let saved = fs::read(self.downloads(user).join("film.mp4")).expect("it was saved");
        assert!(saved == content, "{}: other bytes", name(user));
    }

    /// Nobody has it whole.
    fn nobody_is_done(&mut self, users: &[usize]) {
        self.collect();
        for user in users {
            assert!(!self.told[*user].iter().any(is_complete), "{}", name(*user));
        }
    }

    /// Whether every group of it lies with one of them, whole or in part.
    fn have_it_between_them(&self, users: &[usize], content: &[u8]) -> bool {
        let held: Vec<Vec<u8>> = users.iter().flat_map(|user| self.saved(*user)).collect();
        let groups = content.chunks(16 << 10).enumerate();
        let mut is_held = groups.map(|(group, bytes)| {
            let start = group * (16 << 10);
            held.iter().any(|file| file.get(start..start + bytes.len()) == Some(bytes))
        });
        is_held.all(|is_held| is_held)
    }

    /// What lies in a user's download folder.
    fn saved(&self, user: usize) -> Vec<Vec<u8>> {
        let files = fs::read_dir(self.downloads(user)).expect("it is there");
        let files = files.map(|file| file.expect("it can be listed").path());
        files.map(|path| fs::read(path).expect("it can be read")).collect()
    }

    fn last_line(&mut self, user: usize) -> FileLine {
        self.collect();
        let line = self.told[user].iter().rev().find_map(|output| match output {
            Output::File { file } => Some(file.clone()),
            _ => None,
        });
        line.expect("a line of a transfer")
    }
}

fn is_complete(output: &Output) -> bool {
    matches!(output, Output::File { file } if file.state == "complete")
}

/// The promise: what it costs who offers it does not grow with the number of members.
#[test]
fn who_offers_it_sends_about_one_copy() {
    let mut runs: Vec<(f64, Duration)> = (0..5).map(copies_for_six).collect();
    runs.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    println!("{runs:.2?}");
    let (median, (most, _)) = (runs[runs.len() / 2].0, runs[runs.len() - 1]);
    // By all bytes of her datagrams, where six one after the other are more than six.
    assert!(median < 1.4, "{median:.2} copies");
    assert!(most < 1.5, "{most:.2} copies");
    // One copy alone takes six seconds of her line, six one after the other 36.
    let mut times: Vec<Duration> = runs.iter().map(|(_, took)| *took).collect();
    times.sort_unstable();
    assert!(times[times.len() / 2] < seconds(13), "{times:?}");
}

/// Six others take a file. How many copies went out, and how long it took.
fn copies_for_six(run: u64) -> (f64, Duration) {
    let users = 7;
    let content = film(6_000_000);
    let mut party = Party::team_in_run(run, users, &line());
    let before = party.sent(ALICE);
    let others: Vec<usize> = (1..users).collect();
    party.offer(&others, &content);
    let began = party.world.now();
    for user in &others {
        party.has_whole(*user, &content);
    }
    let took = party.world.now() - began;
    let copies = (party.sent(ALICE) - before) as f64 / content.len() as f64;
    // Everybody's end is told her, though most of it came from others.
    party.run(seconds(3));
    party.line(ALICE, "/files");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let Some(Output::Files { files, .. }) = told.last() else { panic!("{told:?}") };
    assert_eq!(files.len(), users - 1);
    assert!(files.iter().all(|file| file.state == "complete" && Some(file.done) == file.size));
    assert!(files.iter().all(|file| file.room.as_deref() == Some("#team")));
    (copies, took)
}

/// Who offered it has gone, and the others have all of it between them.
/// The bytes that go to a member and what he says that he has are the same ones.
#[test]
fn how_fast_a_member_gets_it_is_told_alike_on_both_sides() {
    let mut party = Party::team(2, &line());
    party.offer(&[BOB], &film(8_000_000));
    party.run(seconds(5));
    for user in [ALICE, BOB] {
        let line = party.last_line(user);
        assert_eq!(line.state, "running");
        // The line carries a million bytes a second.
        assert!((600_000..1_300_000).contains(&line.rate), "{}: {line:?}", name(user));
    }
}

#[test]
fn members_complete_it_when_who_offered_it_has_gone() {
    let users = 5;
    let others = [BOB, CAROL, DAVE, 4];
    let content = film(4_000_000);
    let mut party = Party::team(users, &line());
    party.offer(&others, &content);
    let began = party.world.now();
    while !party.have_it_between_them(&others, &content) {
        party.run(millis(10));
        assert!(party.world.now() - began < seconds(60), "some of it is with nobody");
    }
    party.nobody_is_done(&others);
    let _alice = party.kill(ALICE);
    for user in others {
        party.has_whole(user, &content);
    }
}

/// Somebody who was away fetches it from those who have it, though who offered it is not there.
#[test]
fn a_member_who_was_away_gets_it_from_members() {
    let content = film(2_000_000);
    let mut party = Party::team(3, &line());
    party.offer(&[BOB, CAROL], &content);
    party.until(CAROL, |o| matches!(o, Output::File { file } if file.done > 200_000));
    let carol = party.kill(CAROL);
    party.has_whole(BOB, &content);
    let _alice = party.kill(ALICE);
    party.run(seconds(40));
    party.take(CAROL);
    party.restart(CAROL, carol);
    party.has_whole(CAROL, &content);
    // Bob's program was started anew too, and still has it.
    let content = film(1_000_000);
    let mut party = Party::team(3, &line());
    party.offer(&[BOB], &content);
    party.has_whole(BOB, &content);
    party.until(CAROL, |o| matches!(o, Output::FileOffer { .. }));
    let bob = party.kill(BOB);
    party.restart(BOB, bob);
    let _alice = party.kill(ALICE);
    party.run(seconds(40));
    party.line(CAROL, "/accept");
    party.has_whole(CAROL, &content);
}

/// A member who leaves the program, is slow, or deletes what he has, stops nobody.
#[test]
fn a_member_who_goes_or_has_it_no_more_stops_nobody() {
    let content = film(3_000_000);
    let mut party = Party::team(4, &line());
    party.offer(&[BOB, CAROL], &content);
    party.has_whole(BOB, &content);
    party.has_whole(CAROL, &content);
    fs::remove_file(party.downloads(BOB).join("film.mp4")).expect("it was there");
    party.until(DAVE, |o| matches!(o, Output::FileOffer { .. }));
    party.line(DAVE, "/accept");
    party.until(DAVE, |o| matches!(o, Output::File { file } if file.done > 500_000));
    party.nobody_is_done(&[DAVE]);
    let _carol = party.kill(CAROL);
    party.has_whole(DAVE, &content);
}

/// Pausing is everybody's own affair; giving up too.
#[test]
fn who_pauses_or_gives_up_stops_nobody_else() {
    let content = film(3_000_000);
    let mut party = Party::team(4, &line());
    party.offer(&[BOB, CAROL, DAVE], &content);
    party.until(CAROL, |o| matches!(o, Output::File { file } if file.done > 300_000));
    party.line(BOB, "/pause 1");
    party.line(DAVE, "/cancel 1");
    party.has_whole(CAROL, &content);
    party.nobody_is_done(&[BOB, DAVE]);
    assert_eq!(party.last_line(BOB).state, "paused");
    party.line(BOB, "/resume 1");
    party.has_whole(BOB, &content);
    party.run(seconds(2));
    party.line(ALICE, "/files");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let Some(Output::Files { files, .. }) = told.last() else { panic!("{told:?}") };
    let mut states: Vec<(&str, &str)> =
        files.iter().map(|file| (file.with.as_str(), file.state)).collect();
    states.sort_unstable();
    assert_eq!(states, [("bob", "complete"), ("carol", "complete"), ("dave", "cancelled")]);
}

#[test]
fn it_comes_whole_over_bad_lines() {
    let content = film(1_500_000);
    let bad = Impairment {
        loss: loss(5.0),
        jitter: millis(10),
        delay: millis(30),
        rate: Some(LINE),
        ..Impairment::default()
    };
    let mut party = Party::team(4, &bad);
    party.offer(&[BOB, CAROL, DAVE], &content);
    for user in [BOB, CAROL, DAVE] {
        party.has_whole(user, &content);
    }
}

#[test]
fn to_which_room_and_by_whom_is_judged() {
    let mut party = Party::team(3, &Impairment::default());
    let path = party.write_file(ALICE, "film.mp4", b"short");
    let send = |room: &str| format!("/send {room} {}", path.display());
    for (room, answer) in [
        ("#nowhere", "Nothing is offered: you are in no room #nowhere"),
        ("#a/b", "Nothing is offered: that is no room"),
    ] {
        party.line(ALICE, &send(room));
        party.run(seconds(1));
        let errors = party.errors(ALICE);
        assert!(errors[0].starts_with(answer), "{errors:?}");
    }
    party.line(ALICE, "/mute #team bob");
    party.run(seconds(1));
    party.line(BOB, &send("#team"));
    party.run(seconds(1));
    assert_eq!(party.errors(BOB), ["Nothing is offered: you are muted in #team."]);
    // Nor is it offered to whom one blocks.
    party.line(ALICE, "/block carol");
    party.run(seconds(1));
    party.line(ALICE, &send("#team"));
    party.until(BOB, |o| matches!(o, Output::FileOffer { .. }));
    party.line(ALICE, "/files");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let Some(Output::Files { files, .. }) = told.last() else { panic!("{told:?}") };
    assert_eq!(files.iter().map(|file| file.with.as_str()).collect::<Vec<_>>(), ["bob"]);
}

/// The number of the transfer in which each has it differs; the contents are the same. Who has not taken
/// it, or came later, sees what is said of it.
#[test]
fn what_one_says_of_a_moment_is_about_the_same_file_for_all_members() {
    let content = film(200_000);
    let mut party = Party::team(3, &Impairment { loss: loss(5.0), ..line() });
    let own = party.write_file(BOB, "notes.txt", b"notes");
    party.line(BOB, &format!("/send carol {}", own.display()));
    party.until(CAROL, |o| matches!(o, Output::FileOffer { .. }));
    party.offer(&[], &content);
    for user in [BOB, CAROL] {
        party.until(user, |o| matches!(o, Output::FileOffer { room: Some(_), .. }));
    }
    party.line(BOB, "/accept 2");
    party.has_whole(BOB, &content);
    let (to, text, position_ms) = ("#team".to_owned(), "look".to_owned(), 754_500);
    party.command(BOB, Command::At { to, id: None, position_ms, text });
    // Alice has offered it twice, and carol was offered another before.
    for (user, number) in [(ALICE, 2), (CAROL, 2)] {
        let is_it = |output: &Output| match output {
            Output::Message { from, text, pin: Some(pin), .. } => {
                assert_eq!((from.as_str(), text.as_str()), ("bob", "look"));
                assert_eq!((pin.name.as_str(), pin.position_ms), ("film.mp4", 754_500));
                assert_eq!(pin.blake3, blake3::hash(&content).to_hex().as_str());
                assert_eq!(pin.id, Some(number), "{}", name(user));
                true
            }
            _ => false,
        };
        party.until(user, is_it);
    }
}
