//! Who is writing, and what was read: over links that lose, and programs that die.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::command::Command;
use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;
use wire::app::server::Availability;

use crate::party::{ALICE, BOB, Party};
use crate::support::{loss, millis, seconds};

fn read(party: &mut Party) {
    party.command(BOB, Command::Read { from: "alice".to_owned(), line: None });
}

fn typing(party: &mut Party) {
    party.command(ALICE, Command::Typing { to: "bob".to_owned() });
}

/// Up to which of her messages alice was told that bob has read them.
fn marks(told: &[Output]) -> Vec<u64> {
    let marks = told.iter().filter_map(|output| match output {
        Output::MessageState { id, state: "read", .. } => Some(*id),
        _ => None,
    });
    marks.collect()
}

/// The states of the messages in alice's history, each once.
fn states(party: &mut Party) -> Vec<&'static str> {
    party.take(ALICE);
    party.line(ALICE, "/history bob 100");
    party.run(seconds(1));
    let told = party.take(ALICE);
    let Some(Output::History { lines, .. }) = told.last() else { panic!("{told:?}") };
    let mut states: Vec<&str> = lines.iter().map(|line| line.state).collect();
    states.dedup();
    states
}

#[test]
fn what_was_read_is_known_in_the_end_whatever_was_lost_on_the_way() {
    let link = Impairment { loss: loss(20.0), ..Impairment::default() };
    let mut party = Party::with(2, Policy::default(), &link);
    party.attend(ALICE);
    party.attend(BOB);
    let mut told = Vec::new();
    let mut typed = 0;
    for number in 0..30 {
        typing(&mut party);
        typed += 1;
        party.run(millis(400));
        party.line(ALICE, &format!("@bob {number}"));
        party.run(millis(400));
        read(&mut party);
        match number {
            // Read while the author is away, and told when he is back.
            10 => {
                let disk = party.kill(ALICE);
                party.run(seconds(2));
                read(&mut party);
                party.run(seconds(40));
                party.restart(ALICE, disk);
                party.attend(ALICE);
            }
            // The reader forgets nothing either.
            20 => {
                let disk = party.kill(BOB);
                party.restart(BOB, disk);
                party.attend(BOB);
            }
            _ => {}
        }
        told.extend(party.take(ALICE));
    }
    party.run(seconds(60));
    read(&mut party);
    party.run(seconds(20));
    told.extend(party.take(ALICE));
    let marks = marks(&told);
    assert!(marks.windows(2).all(|pair| pair[0] < pair[1]), "each goes further: {marks:?}");
    assert_eq!(marks.last(), Some(&30));
    assert_eq!(states(&mut party), ["read"]);
    let heard = party.take(BOB).into_iter().filter(|o| matches!(o, Output::Typing { .. })).count();
    assert!((3..=typed).contains(&heard), "{heard} of {typed}");
}

/// [W-102] Whoever does not wish it is told of nothing, and tells nothing.
#[test]
fn one_who_keeps_to_himself_is_left_alone() {
    for silent in [ALICE, BOB] {
        let mut party = Party::of(2);
        party.attend(ALICE + BOB - silent);
        party.line(ALICE, "@bob hello");
        party.run(seconds(2));
        typing(&mut party);
        read(&mut party);
        party.run(seconds(5));
        assert!(marks(&party.take(ALICE)).is_empty());
        assert_eq!(states(&mut party), ["delivered"]);
        assert!(!party.take(BOB).iter().any(|output| matches!(output, Output::Typing { .. })));
    }
}

/// What somebody says of himself stands again when he, the other or the server was away for a while.
#[test]
fn what_somebody_says_of_himself_outlasts_a_time_without_the_server() {
    for cut_off in [vec![ALICE], vec![BOB], vec![ALICE, BOB]] {
        let mut party = Party::of(2);
        party.line(ALICE, "/away lunch");
        party.until(BOB, |o| matches!(o, Output::Presence { text, .. } if text == "lunch"));
        for user in &cut_off {
            let host = party.host(*user);
            party.world.network.cut(host);
        }
        party.run(seconds(300));
        for user in &cut_off {
            let host = party.host(*user);
            party.world.network.mend(host);
        }
        party.run(seconds(300));
        party.take(BOB);
        party.line(BOB, "/who");
        party.until(BOB, |o| matches!(o, Output::Users { query, .. } if query == "who"));
        let told = party.take(BOB);
        let users = told.iter().find_map(|output| match output {
            Output::Users { query, users } if query == "who" => Some(users),
            _ => None,
        });
        let alice = &users.expect("an answer")[0];
        let (status, text) = (alice.status, alice.text.as_str());
        assert_eq!((status, text), (Availability::Away, "lunch"), "{cut_off:?} was cut off");
    }
}
