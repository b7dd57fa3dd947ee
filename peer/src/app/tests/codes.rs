//! Spoken codes: who says the right words over the right link is verified, on both sides; nobody else
//! is, and nobody has a second guess.

use wire::app::code::Code;
use wire::app::name::Name;
use wire::app::peer::CodeStep;
use wire::app::server::{Refusal, close};

use super::world::{World, server_address};
use crate::output::{KeyMark, Output};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Makes a code.
fn make(world: &mut World, n: usize) -> String {
    world.line(n, "/code");
    world.run_ms(200);
    let code = world.seen(n).into_iter().find_map(|output| match output {
        Output::Code { code, seconds: 600 } => Some(code),
        _ => None,
    });
    code.expect("a code")
}

/// How codes ended for a client since it was asked last: with whom, and why not if not well.
fn ends(world: &mut World, n: usize) -> Vec<(Option<String>, Result<(), String>)> {
    let ends = world.seen(n).into_iter().filter_map(|output| match output {
        Output::CodeOver { user, fingerprint, reason, number: 7 } => {
            assert_ne!(fingerprint.is_some(), reason.is_some());
            Some((user, reason.map_or(Ok(()), Err)))
        }
        _ => None,
    });
    ends.collect()
}

fn well(user: &str) -> Vec<(Option<String>, Result<(), String>)> {
    vec![(Some(user.to_owned()), Ok(()))]
}

/// The only end, which was not well.
fn why(world: &mut World, n: usize) -> String {
    match &ends(world, n)[..] {
        [(_, Err(why))] => why.clone(),
        other => panic!("{other:?}"),
    }
}

fn is_verified(world: &mut World, n: usize, user: &str) -> bool {
    world.app(n).key_marks().get(user) == Some(&KeyMark::Verified)
}

/// The same code with other words.
fn misheard(code: &str) -> String {
    let words: Vec<&str> = code.split('-').collect();
    let other = wire::app::code::words().find(|word| !words.contains(word)).unwrap();
    format!("{}-{}-{other}", words[0], words[1])
}

/// W-09
#[test]
fn a_code_verifies_both_sides() {
    for lose_every in [u64::MAX, 3] {
        let mut world = World::logged_in(2);
        world.lose_every = lose_every;
        world.line(0, "/code");
        world.run_ms(5000);
        let code = world.seen(0).into_iter().find_map(|output| match output {
            Output::Code { code, .. } => Some(code),
            _ => None,
        });
        let typed = code.expect("a code").to_uppercase().replace('-', "  ");
        world.line(1, &format!("/code {typed}"));
        world.run_ms(10_000);
        assert_eq!((ends(&mut world, 0), ends(&mut world, 1)), (well("bob"), well("alice")));
        assert!(is_verified(&mut world, 0, "bob") && is_verified(&mut world, 1, "alice"));
        world.lose_every = u64::MAX;
        // As by /trust, also after a restart.
        world.kill(1);
        world.start(1);
        world.run_ms(2000);
        assert!(is_verified(&mut world, 1, "alice"));
        world.line(1, "/fingerprint alice");
        world.run_ms(100);
        world.seen(1);
        world.line(1, "/trust alice");
        assert!(world.errors(1).contains("verified already"));
        // Nothing is left: neither can be used again, and nothing more is said.
        world.line(0, "/msg bob hello");
        world.run_ms(200_000);
        assert_eq!(world.texts(1), ["hello"]);
        assert!(ends(&mut world, 0).is_empty());
    }
}

#[test]
fn other_words_are_one_guess_and_no_more() {
    let mut world = World::logged_in(3);
    let code = make(&mut world, 0);
    let wrong = misheard(&code);
    world.line(1, &format!("/code {wrong}"));
    world.run_ms(2000);
    for n in 0..2 {
        let why = why(&mut world, n);
        assert!(why.contains("the words were not the same") && why.contains("new code"), "{why}");
    }
    assert!(!is_verified(&mut world, 0, "bob") && !is_verified(&mut world, 1, "alice"));
    for n in 1..3 {
        world.line(n, &format!("/code {code}"));
        world.run_ms(2000);
        assert!(why(&mut world, n).contains("there is none of this number"));
    }
    assert!(ends(&mut world, 0).is_empty());
    // The next one is as good as ever.
    let code = make(&mut world, 0);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert_eq!((ends(&mut world, 0), ends(&mut world, 1)), (well("bob"), well("alice")));
}

/// What can be told without the server uses nothing up.
#[test]
fn a_slip_uses_nothing_up() {
    let mut world = World::logged_in(2);
    let code = make(&mut world, 0);
    let [_, first, second] = code.split('-').collect::<Vec<_>>()[..] else { panic!("{code}") };
    for (typed, why) in [
        ("otter".to_owned(), "a number and two words"),
        (format!("7-{first}"), "a number and two words"),
        (format!("{first}-{second}"), "a number and two words"),
        (format!("7-{first}-xyzzy"), "'xyzzy' is no word of a code"),
        (format!("7-{first}-{second}-{second}"), "a number and two words"),
    ] {
        world.line(1, &format!("/code {typed}"));
        let errors = world.errors(1);
        assert!(errors.starts_with("Not done: ") && errors.contains(why), "{errors}");
    }
    world.line(0, &format!("/code {code}"));
    assert!(world.errors(0).contains("a code of your own"));
    assert!(!world.server.log.contains(&"UseCode".to_owned()));
    world.server.refuse.push(("UseCode", Refusal::TooManyRequests { seconds: 60 }));
    world.line(1, &format!("/code {code}"));
    world.run_ms(200);
    assert!(why(&mut world, 1).contains("try again in 60 s"));
    world.server.refuse = vec![("UseCode", Refusal::Yourself)];
    world.line(1, &format!("/code {code}"));
    world.run_ms(200);
    assert!(world.errors(1).contains("a code of your own"));
    world.server.refuse = vec![("MakeCode", Refusal::TooManyRequests { seconds: 60 })];
    world.line(1, "/code");
    world.run_ms(200);
    assert!(world.errors(1).contains("try again in 60 s"));
    world.server.refuse.clear();
    world.line(1, &format!("/code {code}"));
    world.line(1, &format!("/code {code}"));
    assert!(world.errors(1).contains("another code is being proven"));
    world.run_ms(2000);
    assert_eq!(ends(&mut world, 1), well("alice"));
    world.cut.push(server_address());
    world.run_ms(60_000);
    world.seen(1);
    for line in ["/code", "/code 7 velvet exotic"] {
        world.line(1, line);
        assert!(world.errors(1).starts_with("Not done: the "), "no server to ask");
    }
}

/// A code is told to be over, and is, when its time or its session is.
#[test]
fn a_code_is_over_with_its_time_or_its_session() {
    let mut world = World::logged_in(2);
    make(&mut world, 0);
    world.run_ms(599_000);
    assert!(ends(&mut world, 0).is_empty());
    world.run_ms(2000);
    assert!(why(&mut world, 0).contains("nobody has typed it in time"));
    // The server began anew, or another device has the session.
    let code = make(&mut world, 0);
    let now = world.now;
    world.server.end_session(now, "alice", close::SHUTDOWN);
    world.run_ms(2000);
    assert!(why(&mut world, 0).contains("the server was lost"));
    // The server knows it still, as it may: the words are gone.
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert!(why(&mut world, 1).contains("it is over"));
    assert!(ends(&mut world, 0).is_empty());
    // So they are after a restart and a logout.
    let code = make(&mut world, 0);
    world.kill(0);
    world.start(0);
    world.run_ms(2000);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert!(why(&mut world, 1).contains("it is over"));
    assert!(!is_verified(&mut world, 1, "alice"));
}

/// The maker is not there any more when the other one would prove it, or goes in the midst of it.
#[test]
fn whoever_is_not_reached_in_time_is_told() {
    let mut world = World::logged_in(2);
    let code = make(&mut world, 0);
    world.cut.push(world.address(0));
    world.line(1, &format!("/code {code}"));
    world.run_ms(125_000);
    assert!(why(&mut world, 1).contains("not linked long enough"));
    world.cut.clear();
    world.run_ms(60_000);
    assert!(!is_verified(&mut world, 1, "alice"));
    assert!(ends(&mut world, 0).iter().all(|(_, end)| end.is_err()));
}

/// The network is away for some seconds at any moment: both come to the same all the same.
#[test]
fn a_lost_link_costs_no_guess() {
    for ms in (0..200).step_by(10) {
        let mut world = World::logged_in(2);
        let code = make(&mut world, 0);
        world.line(1, &format!("/code {code}"));
        world.run_ms(ms);
        // Only between the two: one of them says that the link is broken, and it is made anew.
        let now = world.now;
        world.app(1).suspend_link(now, &name("alice"));
        world.run_ms(70_000);
        let (maker, typist) = (ends(&mut world, 0), ends(&mut world, 1));
        assert_eq!((maker, typist), (well("bob"), well("alice")), "at {ms} ms");
    }
}

/// W-09: only whom the server has named may try, and to others it is as if there were no code.
#[test]
fn nobody_else_uses_a_code_up() {
    let mut world = World::logged_in(3);
    let code = make(&mut world, 0);
    // A server that says whose it is, and not by whom it was asked.
    world.server.tells_makers = false;
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    let unnamed = why(&mut world, 1);
    assert!(ends(&mut world, 0).is_empty());
    world.server.codes.insert(8, name("alice"));
    let other = code.replacen('7', "8", 1);
    world.line(2, &format!("/code {other}"));
    world.run_ms(2000);
    let none = world.seen(2).into_iter().find_map(|output| match output {
        Output::CodeOver { reason, .. } => reason,
        _ => None,
    });
    assert_eq!(none, Some(unnamed), "as of a number that nobody has");
    world.server.tells_makers = true;
    world.server.codes.insert(7, name("alice"));
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert_eq!((ends(&mut world, 0), ends(&mut world, 1)), (well("bob"), well("alice")));
}

/// A lying server introduces somebody else under the maker's name, who even has a code of that number.
#[test]
fn whoever_stands_between_is_found_out() {
    let mut world = World::logged_in(2);
    let code = make(&mut world, 0);
    world.server.accounts.remove(&name("alice"));
    world.kill(0);
    world.forget(0);
    world.start(0);
    world.run_ms(100);
    world.register(0, "alice");
    world.run_ms(1000);
    let of_mallory = make(&mut world, 0);
    assert_ne!(of_mallory, code);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    for n in 0..2 {
        assert!(why(&mut world, n).contains("somebody may be between you"));
    }
    assert!(!is_verified(&mut world, 1, "alice"));
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert!(why(&mut world, 1).contains("there is none"), "it is used up");
}

#[test]
fn what_was_said_before_or_makes_no_sense_does_nothing() {
    let mut world = World::logged_in(3);
    let code = make(&mut world, 0);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert_eq!((ends(&mut world, 0), ends(&mut world, 1)), (well("bob"), well("alice")));
    // Links to everybody, over which anything may be said.
    world.line(2, "/msg alice hello");
    world.line(2, "/msg bob hello");
    world.run_ms(2000);
    let (now, number) = (world.now, 7);
    let steps = || {
        let message = vec![0x41; 33];
        vec![
            CodeStep::Start { number, message: message.clone() },
            CodeStep::Start { number, message: vec![0; 4000] },
            CodeStep::Answer { number, message, proof: [1; 32] },
            CodeStep::Prove { number, proof: [1; 32] },
            CodeStep::Kept { number },
            CodeStep::Over { number },
            CodeStep::Start { number: 0, message: vec![] },
        ]
    };
    for n in 0..2 {
        world.seen(n);
        for user in ["alice", "bob", "carol", "nobody"] {
            for step in steps() {
                world.app(n).on_code_step(now, &name(user), step);
            }
        }
        world.run_ms(1000);
        assert_eq!(world.errors(n), "");
        assert!(ends(&mut world, n).is_empty());
    }
    assert!(is_verified(&mut world, 0, "bob") && is_verified(&mut world, 1, "alice"));
    assert!(!is_verified(&mut world, 0, "carol"));
    // In the midst of a run: a second guess, and what is no message.
    for step in steps().into_iter().take(2) {
        let made = make(&mut world, 0);
        world.app(0).on_code_used(now, number, name("carol"));
        let rng = &mut wire::Seed::new([3; 32]).rng();
        let ends_of = wire::app::code::Ends {
            maker: (name("alice"), wire::app::identity::IdentityKey([1; 32])),
            typist: (name("carol"), wire::app::identity::IdentityKey([2; 32])),
            server: wire::PublicKey([1; 32]),
        };
        let guess = wire::app::code::Typist::begin(&Code::parse(&made).unwrap(), &ends_of, rng);
        let message = guess.start().to_vec();
        world.app(0).on_code_step(now, &name("carol"), CodeStep::Start { number, message });
        world.run_ms(10);
        assert!(ends(&mut world, 0).is_empty(), "answered, and nothing shown");
        world.app(0).on_code_step(now, &name("carol"), step);
        world.run_ms(10);
        assert!(why(&mut world, 0).contains("not the same"), "one guess");
        assert!(!is_verified(&mut world, 0, "carol"));
    }
}

/// Blocking is not told: the one who is blocked reads what he reads of any number that is none.
#[test]
fn to_who_is_blocked_a_code_is_none() {
    let mut world = World::logged_in(2);
    world.line(0, "/block bob");
    world.run_ms(1000);
    let code = make(&mut world, 0);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    let blocked = why(&mut world, 1);
    world.server.codes.clear();
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    assert_eq!(blocked, why(&mut world, 1));
    assert!(ends(&mut world, 0).is_empty());
}

/// Somebody who was verified shows another key: a code does not go around that.
#[test]
fn another_key_than_the_verified_one_is_looked_at_first() {
    let mut world = World::logged_in(2);
    let code = make(&mut world, 0);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    world.kill(0);
    world.forget(0);
    world.server.accounts.remove(&name("alice"));
    world.start(0);
    world.run_ms(100);
    world.register(0, "alice");
    world.run_ms(1000);
    world.line(0, "/msg bob it is me");
    world.run_ms(2000);
    let code = make(&mut world, 0);
    world.seen(1);
    world.line(1, &format!("/code {code}"));
    world.run_ms(2000);
    let why = why(&mut world, 1);
    assert!(why.contains("another key than the one that you verified"), "{why}");
    assert_eq!(world.app(1).key_marks().get("alice"), Some(&KeyMark::Changed));
}

/// Who was told a code has no more to ask, and what he has asked is answered; others still have to.
#[test]
fn a_proven_code_makes_contacts_of_strangers() {
    let mut world = World::asking(3);
    world.line(1, "/msg alice do you know me");
    world.line(2, "/msg alice and me");
    world.run_ms(3000);
    assert_eq!(world.texts(0), Vec::<String>::new(), "they can only ask");
    let code = make(&mut world, 0);
    world.line(1, &format!("/code {code}"));
    world.run_ms(3000);
    let seen = world.seen(0);
    let told = |wanted: &str| {
        seen.iter().any(|it| matches!(it, Output::Message { text, .. } if text == wanted))
    };
    assert!(told("do you know me") && !told("and me"), "{seen:?}");
    assert_eq!(ends(&mut world, 1), well("alice"));
    world.line(0, "/msg bob now I do");
    world.line(1, "/msg alice good");
    world.run_ms(2000);
    assert_eq!(
        (world.texts(0), world.texts(1)),
        (vec!["good".to_owned()], vec!["now I do".to_owned()])
    );
}
