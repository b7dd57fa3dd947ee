//! Numbers of spoken codes: found once, by whoever may see their maker, for ten minutes.

use rendezvous::{Policy, Rate};
use wire::Identify;
use wire::app::server::{CODE_SECONDS, Notice, Refusal, Request, Response};
use wire::time::Duration;

use crate::world::{World, name};

/// In no hurry: what limits the rate has a test of its own.
fn unhurried() -> Policy {
    let codes = Rate { burst: 10_000, interval: Duration::from_millis(1) };
    Policy { codes, codes_of_source: codes, ..Policy::default() }
}

fn make(world: &mut World, client: usize) -> u32 {
    match world.ask(client, Request::MakeCode) {
        Response::Code { number, seconds } => {
            assert_eq!(seconds, CODE_SECONDS);
            number
        }
        other => panic!("{other:?}"),
    }
}

/// Which codes a client was told to be used, and by whom.
fn used(world: &mut World, client: usize) -> Vec<(u32, String)> {
    world.pass(Duration::from_millis(100));
    let mut used = Vec::new();
    world.at(client).notices.retain(|notice| match notice {
        Notice::CodeUsed { number, by } => {
            used.push((*number, by.to_string()));
            false
        }
        _ => true,
    });
    used
}

/// W-06
#[test]
fn a_code_is_found_once_and_its_maker_is_told_by_whom() {
    let mut world = World::new(unhurried());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    let carol = world.registered(3, "carol");
    let number = make(&mut world, alice);
    let other = make(&mut world, alice);
    assert_ne!(number, other);
    assert_eq!(world.refused(alice, Request::UseCode(number)), Refusal::Yourself);
    // Two at once: one of them has it.
    let first = world.send(bob, Request::UseCode(number));
    let second = world.send(carol, Request::UseCode(number));
    let answers = [world.response(bob, first), world.response(carol, second)];
    let unknown = Response::Refused(Refusal::UnknownCode);
    let found = Response::CodeOf(name("alice"));
    assert!(
        answers == [found.clone(), unknown.clone()] || answers == [unknown, found.clone()],
        "{answers:?}"
    );
    let told = used(&mut world, alice);
    let winner = if answers[0] == found { "bob" } else { "carol" };
    assert_eq!(told, [(number, winner.to_owned())]);
    assert_eq!(world.refused(bob, Request::UseCode(number)), Refusal::UnknownCode);
    assert_eq!(world.ask(bob, Request::UseCode(other)), found, "each by itself");
    for wrong in [0, 1, 1000, 99_999, 100_000, u32::MAX] {
        assert_eq!(world.refused(bob, Request::UseCode(wrong)), Refusal::UnknownCode, "{wrong}");
    }
    let stranger = world.client(9);
    world.connect(stranger, Identify::Anonymous);
    for request in [Request::MakeCode, Request::UseCode(1)] {
        assert_eq!(world.refused(stranger, request), Refusal::NotLoggedIn);
    }
}

/// W-06: not even that there is one is told to who is blocked; and it is there for others still.
#[test]
fn to_who_is_blocked_there_is_no_code() {
    for (blocker, blocked) in [("alice", "bob"), ("bob", "alice")] {
        let mut world = World::new(unhurried());
        let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
        let carol = world.registered(3, "carol");
        let by = if blocker == "alice" { alice } else { bob };
        assert_eq!(world.ask(by, Request::Block(name(blocked))), Response::Done);
        let number = make(&mut world, alice);
        assert_eq!(world.refused(bob, Request::UseCode(number)), Refusal::UnknownCode);
        assert!(used(&mut world, alice).is_empty());
        assert_eq!(world.ask(carol, Request::UseCode(number)), Response::CodeOf(name("alice")));
    }
}

#[test]
fn a_code_is_over_with_its_time_or_its_makers_session() {
    let mut world = World::new(unhurried());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    let number = make(&mut world, alice);
    world.pass(Duration::from_secs(u64::from(CODE_SECONDS) + 1));
    assert_eq!(world.refused(bob, Request::UseCode(number)), Refusal::UnknownCode);
    // Logged out, taken over, or the server began anew: the words are gone too.
    let number = make(&mut world, alice);
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    assert_eq!(world.refused(bob, Request::UseCode(number)), Refusal::UnknownCode);
    let number = make(&mut world, alice);
    world.resume(alice, "alice");
    assert_eq!(world.refused(bob, Request::UseCode(number)), Refusal::UnknownCode);
    let number = make(&mut world, alice);
    world.restart();
    world.pass(Duration::from_secs(1));
    world.resume(alice, "alice");
    world.resume(bob, "bob");
    assert_eq!(world.refused(bob, Request::UseCode(number)), Refusal::UnknownCode);
}

/// Nobody goes through the numbers: both making and trying count, for a user and for where he is.
#[test]
fn numbers_are_tried_slowly() {
    let codes = Rate { burst: 4, interval: Duration::from_secs(60) };
    let codes_of_source = Rate { burst: 6, interval: Duration::from_secs(30) };
    let mut world = World::new(Policy { codes, codes_of_source, ..Policy::default() });
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    make(&mut world, bob);
    for number in 1..4 {
        world.ask(bob, Request::UseCode(1000 + number));
    }
    let limited = |refusal| matches!(refusal, Refusal::TooManyRequests { seconds: 1..=60 });
    assert!(limited(world.refused(bob, Request::UseCode(1))));
    assert!(limited(world.refused(bob, Request::MakeCode)));
    make(&mut world, alice);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.refused(bob, Request::UseCode(1000)), Refusal::UnknownCode);
    // Another account from the same address does not help.
    let host = world.at(bob).address.ip();
    for secret in 10..13u8 {
        let other = world.client(secret);
        world.at(other).address = std::net::SocketAddr::new(host, 7000 + u16::from(secret));
        world.connect(other, Identify::Anonymous);
        let finish = world.registration(other, &format!("x{secret}"), b"password");
        world.welcome(other, finish);
        for _ in 0..3 {
            world.ask(other, Request::UseCode(1000));
        }
    }
    let last = world.client(20);
    world.at(last).address = std::net::SocketAddr::new(host, 7100);
    world.connect(last, Identify::Anonymous);
    let finish = world.registration(last, "last", b"password");
    world.welcome(last, finish);
    assert!(limited(world.refused(last, Request::UseCode(1000))));
}
