//! `/whois`: the key and what it is worth, the path, the rooms; and that of a blocker it says what it
//! says of somebody who is away.

use wire::app::name::Name;
use wire::app::server::Refusal;

use super::world::{World, server_address};
use crate::output::Output;

/// The answer, and whatever else was told.
fn whois(world: &mut World, n: usize, user: &str) -> Output {
    world.seen(n);
    world.line(n, &format!("/whois {user}"));
    world.run_ms(1000);
    let mut answers =
        world.seen(n).into_iter().filter(|output| matches!(output, Output::Whois { .. }));
    let answer = answers.next().expect("an answer");
    assert!(answers.next().is_none(), "one");
    answer
}

fn key(answer: &Output) -> (&'static str, bool, bool) {
    match answer {
        Output::Whois { key, fingerprint, former, .. } => {
            (*key, fingerprint.is_some(), former.is_some())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_one_calls_somebody_stands_beside_his_name() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob hello");
    world.run_ms(2000);
    world.seen(0);
    let mut told = |line: &str| {
        world.line(0, line);
        world.run_ms(1000);
        world.seen(0)
    };
    let called = |seen: &[Output]| match seen {
        [Output::Nickname { user, nickname }] if user == "bob" => nickname.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        called(&told("/rename bob Bob  from\u{1b} work ")).as_deref(),
        Some("Bob  from␛ work")
    );
    let long = format!("/rename bob {}", "x".repeat(65));
    for (wrong, why) in [
        (long.as_str(), "at most 64 bytes"),
        ("/rename bob Bob  from\u{1b} work", "already"),
        ("/rename alice me", "That is you"),
        ("/rename carol", "already"),
    ] {
        let seen = told(wrong);
        assert!(matches!(&seen[..], [Output::Error { text }] if text.contains(why)), "{seen:?}");
    }
    // It outlives a restart.
    world.kill(0);
    world.start(0);
    world.run_ms(3000);
    world.seen(0);
    let expected = Some("Bob  from␛ work");
    for line in ["/contacts", "/who", "/whois bob", "/seen bob"] {
        world.line(0, line);
        world.run_ms(1000);
        match world.seen(0).pop() {
            Some(Output::Users { users, .. }) => {
                assert_eq!(users[0].nickname.as_deref(), expected, "{line}");
            }
            Some(Output::Whois { nickname, .. }) => assert_eq!(nickname.as_deref(), expected),
            other => panic!("{line}: {other:?}"),
        }
    }
    world.line(0, "/rename bob");
    assert_eq!(called(&world.seen(0)), None);
}

#[test]
fn it_tells_what_is_known_of_somebody() {
    let mut world = World::logged_in(2);
    let before = whois(&mut world, 0, "@Bob");
    assert_eq!(key(&before), ("named", true, false), "the server's word");
    let Output::Whois { online: Some(false), since: 5, address: None, ref rooms, .. } = before
    else {
        panic!("{before:?}");
    };
    assert!(rooms.is_empty());
    world.line(0, "/msg bob hello");
    world.run_ms(2000);
    let met = whois(&mut world, 0, "bob");
    assert_eq!(key(&met), ("met", true, false));
    let Output::Whois { address: Some(address), rtt_ms: Some(20..40), .. } = &met else {
        panic!("{met:?}");
    };
    assert_eq!(*address, world.address(1).to_string());
    world.line(0, "/fingerprint bob");
    world.line(0, "/trust bob");
    world.run_ms(100);
    assert_eq!(key(&whois(&mut world, 0, "bob")), ("verified", true, false));
    // It shows a key, and is no comparison of it.
    world.line(1, "/whois alice");
    world.run_ms(1000);
    world.line(1, "/trust alice");
    assert!(world.errors(1).contains("accepted unseen"));
    // Another key than the one known.
    world.kill(1);
    world.forget(1);
    world.server.accounts.remove(&Name::new("bob").unwrap());
    world.start(1);
    world.run_ms(100);
    world.register(1, "bob");
    world.run_ms(2000);
    world.line(1, "/msg alice it is me");
    world.run_ms(2000);
    assert_eq!(key(&whois(&mut world, 0, "bob")), ("changed", true, true));
    world.line(0, "/block bob");
    world.run_ms(1000);
    let Output::Whois { blocked: true, address: None, .. } = whois(&mut world, 0, "bob") else {
        panic!("not blocked");
    };
}

#[test]
fn what_the_server_does_not_say_is_told() {
    let mut world = World::logged_in(2);
    for (user, why) in [("alice", "That is you"), ("b!b", "is no user name")] {
        world.line(0, &format!("/whois {user}"));
        let errors = world.errors(0);
        assert!(errors.contains(why), "{errors}");
    }
    world.server.refuse = vec![("Seen", Refusal::UnknownUser)];
    world.line(0, "/info nobody");
    world.run_ms(1000);
    assert_eq!(world.errors(0), "There is no user 'nobody' on this server.");
    world.server.refuse = vec![("Seen", Refusal::TooManyRequests { seconds: 3 })];
    world.line(0, "/whois bob");
    world.run_ms(1000);
    assert_eq!(world.errors(0), "Whois bob: too many requests: try again in 3 s.");
    // An account that nobody has used yet has no key.
    world.server.refuse = vec![("Directory", Refusal::UnknownUser)];
    assert_eq!(key(&whois(&mut world, 0, "carol")), ("unknown", false, false));
    world.server.refuse.clear();
    for lost in ["Seen", "Directory"] {
        world.server.drop_at = Some(lost);
        world.line(0, "/whois bob");
        world.run_ms(100);
        assert!(world.errors(0).contains("lost before it answered"), "{lost}");
        world.run_ms(5000);
    }
    world.line(0, "/msg bob hello");
    world.run_ms(2000);
    world.cut.push(server_address());
    world.run_ms(60_000);
    let alone = whois(&mut world, 0, "bob");
    assert_eq!(key(&alone), ("met", true, false), "what is here");
    let Output::Whois { online: None, address: Some(_), .. } = alone else { panic!("{alone:?}") };
}
