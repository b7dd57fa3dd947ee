//! An account that its user deletes: all of it goes at once, for everybody.

use rendezvous::{LockoutPolicy, Policy};
use wire::app::letter::{Prekey, Serves};
use wire::app::room::{Access, Role, RoomRequest};
use wire::app::server::{Notice, Refusal, Request, Response, close};
use wire::time::Duration;
use wire::{ConnectionError, Identify, PublicKey};

use crate::rooms::{CATS, changes, create, given, inherits, join, left};
use crate::world::{Disk, World, name};

fn prove(world: &mut World, client: usize, user: &str) {
    let start = |message| Request::ProveStart { message };
    let message = world.attempt(client, user, b"password", start).unwrap().unwrap();
    assert_eq!(world.ask(client, Request::ProveFinish { message }), Response::Done);
}

fn delete(world: &mut World, client: usize, user: &str) {
    prove(world, client, user);
    assert_eq!(world.ask(client, Request::DeleteAccount), Response::Done);
}

fn closed_with(world: &mut World, client: usize) -> u32 {
    world.until("closed", |world| world.at(client).closed.is_some());
    match world.at(client).closed.take() {
        Some(ConnectionError::ClosedByPeer(reason)) => reason.code,
        other => panic!("{other:?}"),
    }
}

/// How often a client was told that a user has gone.
fn farewells(world: &mut World, client: usize, user: &str) -> usize {
    world.pass(Duration::from_millis(200));
    let is_farewell = |notice: &&Notice| matches!(notice, Notice::PresenceChanged(it) if it.name == name(user) && !it.online);
    world.at(client).notices.iter().filter(is_farewell).count()
}

fn accounts(world: &World) -> Vec<String> {
    world.store.accounts().unwrap().into_iter().map(|row| row.name.to_string()).collect()
}

#[test]
fn a_deleted_account_is_gone_and_its_name_is_free() {
    let mut world = World::new(Policy::default());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    let carol = world.registered(3, "carol");
    let prekey = Prekey::sign(&world.at(alice).identity, 1, PublicKey([3; 32]), Serves::Once, 5);
    world.ask(alice, Request::PublishPrekeys(vec![prekey]));
    world.ask(alice, Request::Block(name("carol")));
    world.ask(carol, Request::Block(name("alice")));
    let letter = |to: &str| Request::Deposit { to: name(to), prekey: 1, sealed: vec![1; 300] };
    assert_eq!(world.ask(alice, letter("bob")), Response::Done);
    assert_eq!(world.ask(bob, letter("alice")), Response::Done);

    delete(&mut world, alice, "alice");
    assert_eq!(closed_with(&mut world, alice), close::LOGOUT, "after the answer");
    assert_eq!(farewells(&mut world, bob, "alice"), 1, "at once, and once");
    assert_eq!(farewells(&mut world, carol, "alice"), 1, "when she blocked him, and no more");
    for request in [
        Request::Seen(name("alice")),
        Request::Directory(name("alice")),
        Request::Introduce(name("alice")),
    ] {
        assert_eq!(world.refused(bob, request), Refusal::UnknownUser);
    }
    assert_eq!(world.refused(bob, Request::Prekey(name("alice"))), Refusal::NoMailbox);
    let Response::Letters { letters, .. } = world.ask(bob, Request::Collect(0)) else { panic!() };
    assert!(letters.is_empty(), "{letters:?}");
    let totals = world.store.totals(0).unwrap();
    assert_eq!((totals.accounts, totals.devices, totals.blocks), (2, 2, 0));

    // Its device is told so, its password is worth nothing, and somebody else may have the name.
    let resume = Request::Resume(name("alice"));
    world.connect(alice, Identify::Known);
    assert_eq!(world.refused(alice, resume.clone()), Refusal::AccountDeleted);
    world.connect(alice, Identify::Anonymous);
    assert_eq!(world.login(alice, "alice", b"password"), Ok(None), "as of a name that nobody has");
    let other = world.registered(4, "alice");
    let Response::Letters { letters, .. } = world.ask(other, Request::Collect(0)) else { panic!() };
    assert!(letters.is_empty(), "{letters:?}");
    world.connect(alice, Identify::Known);
    assert_eq!(world.refused(alice, resume.clone()), Refusal::AccountDeleted, "it is another's");
    // A device that was told so may be one of a new account.
    delete(&mut world, other, "alice");
    world.connect(alice, Identify::Anonymous);
    let finish = world.registration(alice, "alice", b"password");
    world.welcome(alice, finish);
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    assert_eq!(closed_with(&mut world, other), close::LOGOUT);
    world.connect(other, Identify::Known);
    assert_eq!(world.refused(other, resume), Refusal::AccountDeleted);
}

#[test]
fn nothing_is_deleted_without_the_proof() {
    let lockout = LockoutPolicy { max_failed: 2, lock_seconds: 20 };
    let mut world = World::new(Policy { lockout, ..Policy::default() });
    let alice = world.registered(1, "alice");
    let stranger = world.client(2);
    world.connect(stranger, Identify::Anonymous);
    assert_eq!(world.refused(stranger, Request::DeleteAccount), Refusal::NotLoggedIn);
    world.connect(stranger, Identify::Known);
    assert_eq!(world.refused(stranger, Request::DeleteAccount), Refusal::NotLoggedIn);

    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::WrongPassword);
    let start = |message| Request::ProveStart { message };
    world.attempt(alice, "alice", b"password", start).unwrap().unwrap();
    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::WrongPassword, "half of it");
    prove(&mut world, alice, "alice");
    world.pass(Duration::from_secs(61));
    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::WrongPassword, "too late");
    // A proof is good for one thing.
    prove(&mut world, alice, "alice");
    let start_change = |message| Request::ChangePasswordStart { message };
    let message = world.record(alice, "alice", b"another", start_change);
    let finish = Request::ChangePasswordFinish {
        message,
        stretch: crate::world::CHEAP,
        sealed_identity: vec![],
    };
    assert_eq!(world.ask(alice, finish), Response::Done);
    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::WrongPassword);
    // A proof of another session is none.
    let message = world.attempt(alice, "alice", b"another", start).unwrap().unwrap();
    assert_eq!(world.ask(alice, Request::ProveFinish { message }), Response::Done);
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::WrongPassword);
    // Guesses are counted, as those of a login.
    for _ in 0..2 {
        assert_eq!(world.attempt(alice, "alice", b"guess", start), Ok(None));
    }
    let refused = world.attempt(alice, "alice", b"another", start);
    assert!(matches!(refused, Err(Refusal::Locked { seconds: 1..=20 })), "{refused:?}");
    assert_eq!(accounts(&world), ["alice"]);
}

#[test]
fn without_the_disk_the_account_stays() {
    let mut world = World::new(Policy::default());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    prove(&mut world, alice, "alice");
    world.disk = Disk::Fails;
    assert_eq!(world.refused(alice, Request::DeleteAccount), Refusal::StorageFailed);
    world.disk = Disk::Works;
    assert_eq!(farewells(&mut world, bob, "alice"), 0);
    delete(&mut world, alice, "alice");
    assert_eq!(farewells(&mut world, bob, "alice"), 1);
}

/// As by the operator's hand: rooms go to their heirs, and the others are told at once.
#[test]
fn rooms_hear_that_a_member_is_no_more() {
    let mut world = World::new(Policy::default());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    given(&mut world, alice, create(CATS, "cats", Access::Open, &[]));
    given(&mut world, bob, join("cats"));
    changes(&mut world, bob);
    delete(&mut world, alice, "alice");
    assert_eq!(changes(&mut world, bob), [left("alice"), inherits("bob")]);
    let room = given(&mut world, bob, RoomRequest::Get(CATS));
    assert_eq!(room.role(&name("bob")), Some(Role::Owner));
    assert_eq!(world.store.take_meanwhile().unwrap(), rendezvous::Meanwhile::default());
}

/// Another device has taken the session over before the disk has done it.
#[test]
fn a_session_that_began_meanwhile_ends_too() {
    let mut world = World::new(Policy::default());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    prove(&mut world, alice, "alice");
    world.disk = Disk::Hangs;
    world.send(alice, Request::DeleteAccount);
    world.pass(Duration::from_millis(100));
    // The new session is there before the outcome of the deletion is: as by a database that is slow.
    let (ticket, request) = world.server.poll_store().unwrap();
    world.disk = Disk::Works;
    world.resume(alice, "alice");
    let outcome = world.store.execute(&[request]).remove(0);
    let now = world.now;
    world.server.handle_stored(now, ticket, outcome);
    assert_eq!(closed_with(&mut world, alice), close::DELETED);
    assert_eq!(farewells(&mut world, bob, "alice"), 1);
    assert_eq!(accounts(&world), ["bob"]);
}

/// The user's program is gone when the disk has done it: nobody is shown there for a while longer.
#[test]
fn others_are_told_also_when_the_asker_is_gone() {
    let mut world = World::new(Policy::default());
    let (alice, bob) = (world.registered(1, "alice"), world.registered(2, "bob"));
    prove(&mut world, alice, "alice");
    world.disk = Disk::Hangs;
    world.send(alice, Request::DeleteAccount);
    world.pass(Duration::from_millis(100));
    let now = world.now;
    world.at(alice).close(now, close::PROTOCOL);
    world.pass(Duration::from_millis(100));
    assert_eq!(farewells(&mut world, bob, "alice"), 0, "a blip perhaps");
    world.disk = Disk::Works;
    assert_eq!(farewells(&mut world, bob, "alice"), 1);
}

/// Who has proven the password of an account that is deleted before he goes on is nobody, whoever
/// has the name by then.
#[test]
fn a_proof_of_a_deleted_account_opens_no_other() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let elsewhere = world.client(1);
    world.connect(elsewhere, Identify::Anonymous);
    let message = world.login(elsewhere, "alice", b"password").unwrap().unwrap();
    let accepted = world.ask(elsewhere, Request::LoginFinish { message });
    assert!(matches!(accepted, Response::PasswordAccepted { .. }));
    delete(&mut world, alice, "alice");
    world.registered(3, "alice");
    let certificate = world.at(elsewhere).certificate("alice", 9);
    assert_eq!(world.refused(elsewhere, Request::UseDevice(certificate)), Refusal::Malformed);
}

/// The operator was faster, and somebody else has the name: that account stays.
#[test]
fn the_account_of_whoever_has_the_name_now_is_not_deleted() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    prove(&mut world, alice, "alice");
    assert!(world.store.delete(&name("alice")).unwrap());
    let other = wire::app::identity::Identity::from_secret(&[9; 32]);
    world.store.execute(&[crate::room_limits::account("alice", Some(&other))]);
    assert_eq!(world.ask(alice, Request::DeleteAccount), Response::Done, "theirs is no more");
    assert_eq!(accounts(&world), ["alice"]);
}
