//! Spoken codes with the real server and real clients.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::output::{KeyMark, Output};
use rendezvous::Policy;
use sim::swarm::seed;
use sim::tincan::{Program, ServerProgram};
use sim::{HostId, Impairment, Probability};

use crate::party::{ALICE, BOB, CAROL, Party, name};
use crate::support::{burst_loss, loss, millis, seconds};

impl Party {
    fn make_code(&mut self, user: usize) -> String {
        self.take(user);
        self.line(user, "/code");
        self.until(user, |o| matches!(o, Output::Code { .. }));
        let told = self.take(user).into_iter().find_map(|output| match output {
            Output::Code { code, .. } => Some(code),
            _ => None,
        });
        told.expect("a code")
    }

    fn type_code(&mut self, user: usize, code: &str) {
        self.line(user, &format!("/code {code}"));
    }

    /// Waits for the end of a code; `Err`: why it was not well.
    fn end_of_code(&mut self, user: usize) -> Result<String, String> {
        self.until(user, |o| matches!(o, Output::CodeOver { .. }));
        let told = self.take(user).into_iter().find_map(|output| match output {
            Output::CodeOver { user, fingerprint, reason, .. } => match fingerprint {
                Some(_) => Some(Ok(user.unwrap_or_default())),
                None => Some(Err(reason.unwrap_or_default())),
            },
            _ => None,
        });
        told.expect("it is over")
    }

    fn has_verified(&mut self, user: usize, other: usize) -> bool {
        let host = self.host(user);
        let marks = self.world.machine(host).peer().key_marks();
        marks.get(&name(other)) == Some(&KeyMark::Verified)
    }

    fn restart_server(&mut self) {
        let server: HostId = self.server;
        let Some(Program::Server(before)) = self.world.crash(server) else { panic!() };
        self.run(seconds(1));
        let (now, disk) = (self.world.now(), before.into_disk());
        let program = ServerProgram::start(now, disk, Policy::default(), &seed(3));
        self.world.boot(server, Program::Server(Box::new(program)));
    }
}

/// W-06, W-09
#[test]
fn two_who_have_never_met_are_verified_over_a_bad_network() {
    for loss in [loss(0.0), loss(30.0), burst_loss(20.0)] {
        let link = Impairment {
            loss,
            delay: millis(80),
            jitter: millis(60),
            duplicate: Probability::percent(10.0),
            ..Impairment::default()
        };
        let mut party = Party::with(2, Policy::default(), &link);
        let code = party.make_code(ALICE);
        party.type_code(BOB, &code);
        assert_eq!(party.end_of_code(BOB), Ok("alice".to_owned()));
        assert_eq!(party.end_of_code(ALICE), Ok("bob".to_owned()));
        assert!(party.has_verified(ALICE, BOB) && party.has_verified(BOB, ALICE));
        // What is kept is what outlasts a restart.
        let disk = party.kill(BOB);
        party.restart(BOB, disk);
        assert!(party.has_verified(BOB, ALICE));
    }
}

/// Two who heard it type it at once: one of them is the one who counts, whatever he typed.
#[test]
fn of_two_who_type_a_code_at_once_one_has_the_guess() {
    for second_is_right in [true, false] {
        let mut party = Party::of(3);
        let code = party.make_code(ALICE);
        let words: Vec<&str> = code.split('-').collect();
        let wrong = format!("{}-{}-{}", words[0], words[2], words[1]);
        let (of_bob, of_carol) = if second_is_right { (&wrong, &code) } else { (&code, &wrong) };
        party.type_code(BOB, of_bob);
        party.type_code(CAROL, of_carol);
        let (bob, carol) = (party.end_of_code(BOB), party.end_of_code(CAROL));
        let alice = party.end_of_code(ALICE);
        let unknown = |end: &Result<String, String>| {
            end.as_ref().is_err_and(|why| why.contains("there is none of this number"))
        };
        assert!(unknown(&bob) != unknown(&carol), "{bob:?} {carol:?}");
        let winner_is_right = if unknown(&bob) { second_is_right } else { !second_is_right };
        assert_eq!(alice.is_ok(), winner_is_right, "{alice:?}");
        assert_eq!(bob.is_ok() || carol.is_ok(), winner_is_right);
        let verified = [BOB, CAROL].map(|user| party.has_verified(ALICE, user));
        assert_eq!(verified.iter().filter(|it| **it).count(), usize::from(winner_is_right));
    }
}

#[test]
fn a_code_is_over_with_its_time_its_maker_or_the_server() {
    let mut party = Party::of(2);
    let none = |end: Result<String, String>| {
        assert!(
            end.as_ref().is_err_and(|why| why.contains("there is none of this number")),
            "{end:?}"
        );
    };
    let code = party.make_code(ALICE);
    party.run(seconds(601));
    assert!(party.end_of_code(ALICE).is_err_and(|why| why.contains("in time")));
    party.type_code(BOB, &code);
    none(party.end_of_code(BOB));
    // Its maker begins anew: nobody has the words any more.
    let code = party.make_code(ALICE);
    let disk = party.kill(ALICE);
    party.restart(ALICE, disk);
    party.type_code(BOB, &code);
    none(party.end_of_code(BOB));
    // The server does, and its maker is told.
    let code = party.make_code(ALICE);
    party.restart_server();
    assert!(party.end_of_code(ALICE).is_err_and(|why| why.contains("the server was lost")));
    party.until(BOB, |o| matches!(o, Output::LoggedIn { .. }));
    party.run(seconds(40));
    party.type_code(BOB, &code);
    none(party.end_of_code(BOB));
    assert!(!party.has_verified(ALICE, BOB) && !party.has_verified(BOB, ALICE));
}

/// Who is blocked reads what everybody reads who mistypes the number, and the code stays good.
#[test]
fn to_who_is_blocked_a_code_is_as_one_that_nobody_made() {
    let mut party = Party::of(3);
    party.line(ALICE, "/block bob");
    party.run(seconds(2));
    let code = party.make_code(ALICE);
    party.type_code(BOB, &code);
    let blocked = party.end_of_code(BOB);
    let number: u32 = code.split('-').next().and_then(|number| number.parse().ok()).expect("one");
    let other = code.replacen(&number.to_string(), &(number % 900 + 1).to_string(), 1);
    party.type_code(BOB, &other);
    assert_eq!(blocked, party.end_of_code(BOB));
    party.type_code(CAROL, &code);
    assert_eq!(party.end_of_code(CAROL), Ok("alice".to_owned()));
}
