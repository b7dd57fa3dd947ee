//! A server that logs out who does nothing, in virtual hours.

use core::time::Duration;

use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;
use sim::swarm::seed;
use sim::tincan::{Program, ServerProgram};

use crate::party::{ALICE, BOB, Party};
use crate::support::{loss, millis, seconds};

const LIMIT: Duration = Duration::from_secs(600);

fn policy() -> Policy {
    Policy { idle_timeout: Some(LIMIT), ..Policy::default() }
}

fn minutes(count: u64) -> Duration {
    seconds(60 * count)
}

/// How often a user was logged out, for this reason and no other.
fn ends(told: &[Output]) -> usize {
    let reasons = told.iter().filter_map(|output| {
        if let Output::LoggedOut { reason } = output { Some(reason) } else { None }
    });
    reasons.inspect(|why| assert!(why.contains("does nothing for 10 minutes"), "{why}")).count()
}

fn is_in(told: &[Output]) -> bool {
    told.iter().any(|output| matches!(output, Output::LoggedIn { .. }))
}

#[test]
fn who_does_nothing_is_out_until_he_asks_and_who_talks_stays() {
    let link = Impairment { loss: loss(5.0), ..Impairment::default() };
    let mut party = Party::with(2, policy(), &link);
    party.take(ALICE);
    for minute in 0..40 {
        // What bob says goes past the server, and is nothing that alice does.
        party.line(BOB, "/msg alice are you there?");
        party.run(minutes(1));
        let out = ends(&party.take(ALICE));
        assert_eq!(out, usize::from(minute == 9), "minute {minute}");
    }
    let told = party.take(BOB);
    assert_eq!(ends(&told), 0);
    let is_gone =
        |o: &Output| matches!(o, Output::Presence { user, online: false, .. } if user == "alice");
    assert_eq!(told.iter().filter(|o| is_gone(o)).count(), 1, "and she did not come back");
    party.line(ALICE, "/reconnect");
    party.run(minutes(1));
    let told = party.take(ALICE);
    assert!(is_in(&told));
    let is_message = |o: &Output| matches!(o, Output::Message { .. });
    assert!(told.iter().any(is_message), "what was said meanwhile comes: {told:?}");
}

/// A slow transfer takes longer than the server allows: it keeps both in, to its end and ten minutes more.
#[test]
fn a_transfer_keeps_both_sides_in() {
    let link = Impairment { rate: Some(64_000), delay: millis(20), ..Impairment::default() };
    let mut party = Party::with(2, policy(), &link);
    let path = party.write_file(ALICE, "film.mp4", &vec![7; 12_000_000]);
    party.line(ALICE, &format!("/send bob {}", path.display()));
    party.until(BOB, |o| matches!(o, Output::FileOffer { .. }));
    party.line(BOB, "/accept 1");
    let is_done = |o: &Output| matches!(o, Output::File { file } if file.state == "complete");
    let mut minutes_it_took = 0;
    while !party.take(BOB).iter().any(is_done) {
        party.run(minutes(1));
        minutes_it_took += 1;
        assert!(minutes_it_took < 120, "it does not end");
        assert_eq!(ends(&party.take(ALICE)), 0, "minute {minutes_it_took}");
    }
    assert!(minutes_it_took > 15, "or this would show nothing: {minutes_it_took}");
    // It ended within the last minute.
    party.run(minutes(8));
    assert_eq!([ALICE, BOB].map(|user| ends(&party.take(user))), [0, 0]);
    party.run(minutes(3));
    assert_eq!([ALICE, BOB].map(|user| ends(&party.take(user))), [1, 1]);
}

/// A server that is killed and started every few minutes has known nobody for long; who does nothing is
/// out all the same, when his time is over.
#[test]
fn connections_that_come_back_by_themselves_prolong_nothing() {
    let mut party = Party::with(1, policy(), &Impairment::default());
    party.take(ALICE);
    let mut logins = 0;
    for life in 0..4 {
        party.run(minutes(2));
        let Some(Program::Server(server)) = party.world.crash(party.server) else { panic!() };
        let (now, disk) = (party.world.now(), server.into_disk());
        let server = ServerProgram::start(now, disk, policy(), &seed(50 + life));
        party.world.boot(party.server, Program::Server(Box::new(server)));
        party.run(seconds(30));
        let told = party.take(ALICE);
        assert_eq!(ends(&told), usize::from(life == 3), "life {life}: {told:?}");
        logins += usize::from(is_in(&told));
    }
    assert!(logins >= 3, "she came back by herself before: {logins}");
}
