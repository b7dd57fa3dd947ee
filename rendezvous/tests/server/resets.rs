//! Passwords that the operator gives to users who forgot theirs [W-160].

use rendezvous::{LockoutPolicy, Policy, StoreOutcome};
use wire::app::login::password;
use wire::app::server::{Notice, Refusal, Request, Response, close};
use wire::time::Duration;
use wire::{ConnectionError, Identify, Seed};

use crate::world::{CHEAP, World, name};

/// As `rendezvous user passwd` beside the server: in the database, of which the server hears later.
fn set_password(world: &mut World, user: &str, new: &str) {
    let new = password(&wire::Secret::new(new.to_owned())).unwrap();
    let mut rng = Seed::new([77; 32]).rng();
    let record = world.secrets.password_record(&mut rng, &name(user), &new, CHEAP).unwrap();
    assert!(world.store.reset_password(&name(user), &record, CHEAP).unwrap());
}

fn hear(world: &mut World) {
    let meanwhile = world.store.take_meanwhile().unwrap();
    assert_eq!(meanwhile.resets.len(), 1);
    let now = world.now;
    world.server.handle_meanwhile(now, &meanwhile);
}

/// The answer to the right password.
fn accepted(world: &mut World, client: usize, password: &[u8]) -> Response {
    world.connect(client, Identify::Anonymous);
    let message = world.login(client, "alice", password).unwrap().unwrap();
    world.ask(client, Request::LoginFinish { message })
}

#[test]
fn a_session_ends_and_only_the_new_password_begins_another() {
    let lockout = LockoutPolicy { max_failed: 2, lock_seconds: 300 };
    let mut world = World::new(Policy { lockout, ..Policy::default() });
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    let guesser = world.client(9);
    world.connect(guesser, Identify::Anonymous);
    for _ in 0..2 {
        assert_eq!(world.login(guesser, "alice", b"guess"), Ok(None));
    }
    assert!(matches!(world.login(guesser, "alice", b"operators"), Err(Refusal::Locked { .. })));

    set_password(&mut world, "alice", "operators");
    hear(&mut world);
    world.until("closed", |world| world.at(alice).closed.is_some());
    let closed = world.at(alice).closed.take();
    let Some(ConnectionError::ClosedByPeer(reason)) = closed else { panic!("{closed:?}") };
    assert_eq!(reason.code, close::NEW_PASSWORD);
    world.pass(Duration::from_millis(200));
    let is_gone = |notice: &Notice| matches!(notice, Notice::PresenceChanged(it) if !it.online);
    assert!(world.at(bob).notices.iter().any(is_gone), "without a hold-down");

    // The key of the device alone does not do any more.
    world.connect(alice, Identify::Known);
    assert_eq!(world.refused(alice, Request::Resume(name("alice"))), Refusal::NewPassword);
    let certificate = world.at(alice).certificate("alice", 2);
    assert_eq!(world.refused(alice, Request::UseDevice(certificate)), Refusal::Malformed);

    world.connect(alice, Identify::Anonymous);
    assert_eq!(world.login(alice, "alice", b"password"), Ok(None), "the one before");
    let identity = Some(world.at(alice).identity.public());
    let (sealed_identity, generation) = (vec![], 1);
    let expected = Response::PasswordAccepted { identity, sealed_identity, generation };
    assert_eq!(accepted(&mut world, alice, b"operators"), expected, "nothing is locked");
    let certificate = world.at(alice).certificate("alice", 2);
    world.welcome(alice, Request::UseDevice(certificate));
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
}

/// The server has not heard of it yet: what was proven before opens nothing all the same, and who is
/// in by the new password when it hears stays.
#[test]
fn what_is_under_way_when_the_operator_comes_in_between_comes_to_nothing() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    // By the password before.
    let second = world.client(1);
    let old = accepted(&mut world, second, b"password");
    assert!(matches!(old, Response::PasswordAccepted { .. }), "{old:?}");
    // Within the session.
    let start = |message| Request::ProveStart { message };
    let message = world.attempt(alice, "alice", b"password", start).unwrap().unwrap();
    assert_eq!(world.ask(alice, Request::ProveFinish { message }), Response::Done);
    let start = |message| Request::ChangePasswordStart { message };
    let message = world.record(alice, "alice", b"another", start);

    set_password(&mut world, "alice", "operators");
    let certificate = world.at(second).certificate("alice", 5);
    assert_eq!(world.refused(second, Request::UseDevice(certificate)), Refusal::NewPassword);
    let finish =
        Request::ChangePasswordFinish { message, stretch: CHEAP, sealed_identity: vec![6; 80] };
    assert_eq!(world.refused(alice, finish), Refusal::NewPassword);

    let third = world.client(1);
    let new = accepted(&mut world, third, b"operators");
    assert!(matches!(new, Response::PasswordAccepted { .. }), "{new:?}");
    let certificate = world.at(third).certificate("alice", 6);
    world.welcome(third, Request::UseDevice(certificate));
    hear(&mut world);
    assert!(matches!(world.ask(third, Request::Who), Response::Users(_)), "she stays");
}

/// A device that was passed by when another took the session over has proven its key before, too.
#[test]
fn a_device_that_could_take_the_session_back_cannot_any_more() {
    let mut world = World::new(Policy::default());
    let first = world.registered(1, "alice");
    let second = world.client(1);
    let other = wire::StaticKey::from_private([3; 32]).public();
    let certificate = world.at(second).identity.certify("alice", other, 2);
    assert!(matches!(accepted(&mut world, second, b"password"), Response::PasswordAccepted { .. }));
    world.welcome(second, Request::UseDevice(certificate));
    world.connect(first, Identify::Known);
    let refusal = world.refused(first, Request::Resume(name("alice")));
    assert_eq!(refusal, Refusal::NewerDevice { generation: 2 });
    set_password(&mut world, "alice", "operators");
    let certificate = world.at(first).certificate("alice", 3);
    assert_eq!(world.refused(first, Request::UseDevice(certificate)), Refusal::NewPassword);
}

/// Deletion is proven by the password, too.
#[test]
fn an_account_is_not_deleted_by_the_password_of_before() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let start = |message| Request::ProveStart { message };
    let message = world.attempt(alice, "alice", b"password", start).unwrap().unwrap();
    assert_eq!(world.ask(alice, Request::ProveFinish { message }), Response::Done);
    set_password(&mut world, "alice", "operators");
    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::NewPassword);
    assert_eq!(world.store.accounts().unwrap().len(), 1);
}

/// An account that nobody has used yet has no keys to lose.
#[test]
fn an_account_that_was_never_used_gets_another_password() {
    let mut world = World::new(Policy::default());
    let imported = crate::room_limits::account("alice", None);
    assert_eq!(world.store.execute(&[imported]), [StoreOutcome::Done]);
    set_password(&mut world, "alice", "operators");
    let alice = world.client(1);
    let expected =
        Response::PasswordAccepted { identity: None, sealed_identity: vec![], generation: 0 };
    assert_eq!(accepted(&mut world, alice, b"operators"), expected);
    let client = world.at(alice);
    let (identity, certificate) = (client.identity.public(), client.certificate("alice", 1));
    let set = Request::SetIdentity { identity, certificate, sealed_identity: vec![5; 80] };
    world.welcome(alice, set);
}
