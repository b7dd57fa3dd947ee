//! Who does nothing for long, where the operator wants such users logged out.

use rendezvous::Policy;
use wire::app::server::{Notice, Refusal, Request, Response, close};
use wire::time::Duration;
use wire::{ConnectionError, Identify};

use crate::world::{World, name};

const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn world() -> World {
    World::new(Policy { idle_timeout: Some(HALF_AN_HOUR), ..Policy::default() })
}

/// How the server has closed this client's connection, if it has.
fn closed(world: &mut World, client: usize) -> Option<u32> {
    match &world.at(client).closed {
        None => None,
        Some(ConnectionError::ClosedByPeer(reason)) => Some(reason.code),
        other => panic!("{other:?}"),
    }
}

/// [W-162]
#[test]
fn who_does_nothing_is_logged_out_after_the_time_and_not_before() {
    let mut world = world();
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    assert!(world.at(alice).notices.contains(&Notice::LogsOutIdle(1800)));
    world.pass(minutes(29));
    // What his client asks by itself is not his doing.
    world.ask(alice, Request::Candidates(vec![]));
    world.ask(alice, Request::Blocked);
    assert_eq!(world.ask(bob, Request::Active(0)), Response::Done);
    world.pass(Duration::from_secs(50));
    assert_eq!(closed(&mut world, alice), None, "not yet");
    world.pass(Duration::from_secs(11));
    assert_eq!(closed(&mut world, alice), Some(close::IDLE));
    assert_eq!(closed(&mut world, bob), None);
    let is_gone = |notice: &Notice| matches!(notice, Notice::PresenceChanged(it) if !it.online);
    assert!(
        world.at(bob).notices.iter().any(is_gone),
        "at once: nobody waits for him to come back"
    );
    // He comes back with his device's key, and has all of the time again.
    world.resume(alice, "alice");
    world.pass(minutes(28));
    assert_eq!(closed(&mut world, alice), None);
    assert_eq!(closed(&mut world, bob), None, "he did something after the beginning");
}

/// [W-163]: a client that has lost its connection tells for how long its user has been away.
#[test]
fn a_new_connection_does_not_make_an_idle_user_active() {
    let mut world = world();
    let alice = world.registered(1, "alice");
    world.pass(minutes(20));
    let now = world.now;
    world.at(alice).close(now, close::PROTOCOL);
    world.pass(Duration::from_secs(1));
    world.resume(alice, "alice");
    assert_eq!(world.ask(alice, Request::Active(1201)), Response::Done);
    world.pass(Duration::from_secs(590));
    assert_eq!(closed(&mut world, alice), None);
    world.pass(Duration::from_secs(20));
    assert_eq!(closed(&mut world, alice), Some(close::IDLE));
    world.resume(alice, "alice");
    world.send(alice, Request::Active(u32::MAX));
    world.pass(Duration::from_secs(1));
    assert_eq!(closed(&mut world, alice), Some(close::IDLE), "longer ago than is allowed");
}

#[test]
fn without_the_policy_nobody_is_asked_or_logged_out() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    world.pass(minutes(24 * 60));
    assert_eq!(closed(&mut world, alice), None);
    let is_about_it = |notice: &Notice| matches!(notice, Notice::LogsOutIdle(_));
    assert!(!world.at(alice).notices.iter().any(is_about_it));
    assert_eq!(world.ask(alice, Request::Active(u32::MAX)), Response::Done, "and means nothing");
    world.pass(minutes(60));
    assert_eq!(closed(&mut world, alice), None);
}

#[test]
fn only_a_user_can_be_active() {
    let mut world = world();
    let stranger = world.client(1);
    world.connect(stranger, Identify::Anonymous);
    assert_eq!(world.refused(stranger, Request::Active(0)), Refusal::NotLoggedIn);
    // A session that another device took over, and one that was logged out, are not ended twice.
    let (alice, twin) = (world.registered(2, "alice"), world.client(2));
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    world.resume(twin, "alice");
    world.pass(minutes(29));
    assert_eq!(world.ask(twin, Request::Active(0)), Response::Done);
    world.pass(minutes(29));
    assert_eq!(closed(&mut world, twin), None);
    assert_eq!(closed(&mut world, alice), Some(close::TAKEN_OVER));
    assert!(matches!(world.ask(twin, Request::Seen(name("alice"))), Response::Users(_)));
}
