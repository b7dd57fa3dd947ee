//! What needs the password within a session.

use rendezvous::{LockoutPolicy, Policy};
use wire::Identify;
use wire::app::login::Stretch;
use wire::app::server::{MAX_SEALED, Refusal, Request, Response};
use wire::time::Duration;

use crate::world::{CHEAP, Disk, World};

/// KE1 within the session, and KE3 if the password was right.
fn attempt(world: &mut World, client: usize, password: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
    world.attempt(client, "alice", password, |message| Request::ProveStart { message })
}

fn prove(world: &mut World, client: usize) {
    let message = attempt(world, client, b"password").unwrap().unwrap();
    assert_eq!(world.ask(client, Request::ProveFinish { message }), Response::Done);
}

/// What lets this password hold.
fn change(world: &mut World, client: usize, password: &[u8]) -> Request {
    let start = |message| Request::ChangePasswordStart { message };
    let message = world.record(client, "alice", password, start);
    Request::ChangePasswordFinish { message, stretch: CHEAP, sealed_identity: vec![6; 80] }
}

/// Whether this password logs in.
fn holds(world: &mut World, password: &[u8]) -> bool {
    let client = world.client(9);
    world.connect(client, Identify::Anonymous);
    world.login(client, "alice", password).unwrap().is_some()
}

#[test]
fn another_password_holds_from_one_moment_to_the_next_and_devices_stay() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    prove(&mut world, alice);
    let finish = change(&mut world, alice, b"another");
    assert!(holds(&mut world, b"password") && !holds(&mut world, b"another"));
    assert_eq!(world.ask(alice, finish.clone()), Response::Done);
    assert!(!holds(&mut world, b"password") && holds(&mut world, b"another"));
    assert_eq!(world.refused(alice, finish), Refusal::WrongPassword, "a proof is good once");

    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    world.ask(alice, Request::Logout);
    world.connect(alice, Identify::Anonymous);
    let message = world.login(alice, "alice", b"another").unwrap().unwrap();
    let identity = Some(world.at(alice).identity.public());
    let sealed_identity = vec![6; 80];
    let accepted = world.ask(alice, Request::LoginFinish { message });
    assert_eq!(accepted, Response::PasswordAccepted { identity, sealed_identity, generation: 1 });
}

#[test]
fn nothing_changes_without_the_proof() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    prove(&mut world, alice);
    let finish = change(&mut world, alice, b"another");
    let start = Request::ChangePasswordStart { message: vec![0; 32] };

    // Once more, and this time without the end.
    let message = attempt(&mut world, alice, b"password").unwrap().unwrap();
    assert_eq!(world.refused(alice, start.clone()), Refusal::WrongPassword);
    assert_eq!(world.refused(alice, finish.clone()), Refusal::WrongPassword);
    let proof = Request::ProveFinish { message };
    assert_eq!(world.ask(alice, proof.clone()), Response::Done);
    assert_eq!(world.refused(alice, proof), Refusal::Malformed, "KE3 is good once");
    // It took too long, or it took place in another session.
    prove(&mut world, alice);
    world.pass(Duration::from_secs(61));
    assert_eq!(world.refused(alice, finish.clone()), Refusal::WrongPassword);
    prove(&mut world, alice);
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    assert_eq!(world.refused(alice, finish.clone()), Refusal::WrongPassword);
    assert!(holds(&mut world, b"password"));

    // Without a session there is nothing to prove.
    let stranger = world.client(2);
    world.connect(stranger, Identify::Anonymous);
    for request in [start, finish, Request::ProveStart { message: vec![0; 96] }] {
        assert_eq!(world.refused(stranger, request), Refusal::NotLoggedIn);
    }
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let messages = [vec![], vec![0; 96], vec![0xff; 96]];
    for message in messages {
        let request = Request::ProveStart { message };
        assert_eq!(world.refused(alice, request), Refusal::Malformed);
    }
    prove(&mut world, alice);
    let Request::ChangePasswordFinish { message, sealed_identity, .. } =
        change(&mut world, alice, b"another")
    else {
        unreachable!()
    };
    for (message, stretch, sealed_identity) in [
        (vec![0; 192], CHEAP, sealed_identity.clone()),
        (message.clone(), Stretch::STANDARD, sealed_identity),
        (message, CHEAP, vec![0; MAX_SEALED + 1]),
    ] {
        prove(&mut world, alice);
        let finish = Request::ChangePasswordFinish { message, stretch, sealed_identity };
        assert_eq!(world.refused(alice, finish), Refusal::Malformed);
    }
    assert!(holds(&mut world, b"password"));
}

/// A session's wrong passwords count as those of logins do, and its right one gives the count back.
#[test]
fn wrong_passwords_lock_within_a_session_too() {
    let lockout = LockoutPolicy { max_failed: 2, lock_seconds: 20 };
    let mut world = World::new(Policy { lockout, ..Policy::default() });
    let alice = world.registered(1, "alice");
    for _ in 0..4 {
        assert_eq!(attempt(&mut world, alice, b"guess"), Ok(None));
        prove(&mut world, alice);
    }
    for _ in 0..2 {
        assert_eq!(attempt(&mut world, alice, b"guess"), Ok(None));
    }
    let refused = attempt(&mut world, alice, b"password");
    assert!(matches!(refused, Err(Refusal::Locked { seconds: 1..=20 })), "{refused:?}");
    world.pass(Duration::from_secs(20));
    prove(&mut world, alice);
    assert_eq!(world.server.status().locked, 1);
}

/// The proof of a session is forgotten as one of a login is; nothing of it stays behind.
#[test]
fn an_unfinished_proof_is_forgotten() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let message = attempt(&mut world, alice, b"password").unwrap().unwrap();
    world.pass(Duration::from_secs(31));
    assert_eq!(world.refused(alice, Request::ProveFinish { message }), Refusal::Malformed);
    attempt(&mut world, alice, b"password").unwrap().unwrap();
    world.ask(alice, Request::Logout);
    world.pass(Duration::from_secs(60));
    world.resume(alice, "alice");
    prove(&mut world, alice);
}

#[test]
fn without_the_disk_the_password_stays() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    prove(&mut world, alice);
    let finish = change(&mut world, alice, b"another");
    world.disk = Disk::Fails;
    assert_eq!(world.refused(alice, finish), Refusal::StorageFailed);
    world.disk = Disk::Works;
    assert!(holds(&mut world, b"password") && !holds(&mut world, b"another"));
}

/// The operator removes the account, and somebody else takes the name before the change arrives.
#[test]
fn the_password_of_whoever_has_the_name_now_is_not_changed() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    prove(&mut world, alice);
    let finish = change(&mut world, alice, b"another");
    assert!(world.store.delete(&crate::world::name("alice")).unwrap());
    let other = world.client(2);
    world.connect(other, Identify::Anonymous);
    let registration = world.registration(other, "alice", b"of the other");
    let Request::RegisterFinish { message, stretch, identity, certificate, sealed_identity } =
        registration
    else {
        unreachable!()
    };
    let identity = rendezvous::NewIdentity { identity, certificate, sealed: sealed_identity };
    let account = rendezvous::NewAccount {
        name: crate::world::name("alice"),
        record: message,
        stretch,
        identity: Some(identity),
        now: 1,
    };
    world.store.execute(&[rendezvous::StoreRequest::CreateAccount(Box::new(account))]);
    assert_eq!(world.refused(alice, finish), Refusal::UnknownUser);
    assert!(holds(&mut world, b"of the other"));
}
