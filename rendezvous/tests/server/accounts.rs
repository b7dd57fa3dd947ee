//! Registering, logging in, being locked out.

use rendezvous::{LockoutPolicy, Meanwhile, Policy, Rate, Registration, Revocation, StoreRequest};
use wire::app::login::Stretch;
use wire::app::server::{Notice, Refusal, Request, Response, close};
use wire::time::Duration;
use wire::{CloseReason, ConnectionError, Identify, PublicKey};

use crate::world::{Disk, World, name};

fn closed_with(world: &mut World, client: usize) -> u32 {
    world.until("closed", |world| world.at(client).closed.is_some());
    match world.at(client).closed.clone().unwrap() {
        ConnectionError::ClosedByPeer(CloseReason { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_user_registers_and_comes_back_by_password_and_by_device() {
    let policy = Policy { motd: "be kind".into(), ..Policy::default() };
    let mut world = World::new(policy);
    let alice = world.client(1);
    world.connect(alice, Identify::Anonymous);
    let finish = world.registration(alice, "alice", b"password");
    let welcome = world.welcome(alice, finish);
    assert_eq!((welcome.name, welcome.motd.as_str()), (name("alice"), "be kind"));
    assert_eq!(welcome.observed, world.at(alice).address);
    assert!(!welcome.took_over);
    assert_eq!(world.ask(alice, Request::Logout), Response::Done);
    assert_eq!(closed_with(&mut world, alice), close::LOGOUT);

    let welcome = world.log_in(alice, "alice", 1);
    assert_eq!(welcome.failed_attempts, 0);
    world.ask(alice, Request::Logout);
    assert_eq!(world.resume(alice, "alice").name, name("alice"));
    assert_eq!(world.refused(alice, Request::Resume(name("alice"))), Refusal::AlreadyLoggedIn);
}

#[test]
fn a_password_login_returns_what_a_new_device_needs() {
    let mut world = World::new(Policy::default());
    let first = world.registered(1, "alice");
    world.ask(first, Request::Logout);
    let second = world.client(2);
    world.at(second).identity = wire::app::identity::Identity::from_secret(&[1; 32]);
    world.connect(second, Identify::Anonymous);
    let message = world.login(second, "alice", b"password").unwrap().unwrap();
    let accepted = world.ask(second, Request::LoginFinish { message });
    let identity = Some(world.at(first).identity.public());
    let sealed_identity = vec![5; 80];
    assert_eq!(accepted, Response::PasswordAccepted { identity, sealed_identity, generation: 1 });
    let lower = world.at(second).certificate("alice", 1);
    assert_eq!(world.refused(second, Request::UseDevice(lower)), Refusal::Malformed);
    let other_name = world.at(second).certificate("bob", 2);
    assert_eq!(world.refused(second, Request::UseDevice(other_name)), Refusal::Malformed);
    let certificate = world.at(second).certificate("alice", 2);
    world.welcome(second, Request::UseDevice(certificate));
}

/// Security acceptance D07.
#[test]
fn of_two_who_register_one_name_at_once_one_wins() {
    let mut world = World::new(Policy::default());
    let clients = [world.client(1), world.client(2)];
    let mut finish = Vec::new();
    for client in clients {
        world.connect(client, Identify::Anonymous);
        finish.push(world.registration(client, "alice", b"password"));
    }
    let ids: Vec<u64> = clients.into_iter().zip(finish).map(|(c, f)| world.send(c, f)).collect();
    let answers = [world.response(clients[0], ids[0]), world.response(clients[1], ids[1])];
    let won = answers.iter().filter(|a| matches!(a, Response::Welcome(_))).count();
    let lost = answers.iter().filter(|a| **a == Response::Refused(Refusal::NameTaken)).count();
    assert_eq!((won, lost), (1, 1));
}

#[test]
fn a_registration_whose_answer_was_lost_can_be_repeated() {
    let mut world = World::new(Policy::default());
    let alice = world.client(1);
    world.connect(alice, Identify::Anonymous);
    let finish = world.registration(alice, "alice", b"password");
    world.send(alice, finish.clone());
    world.pass(Duration::from_millis(15));
    world.at(alice).cut = true;
    world.pass(Duration::from_secs(40));
    assert_eq!(world.at(alice).closed, Some(ConnectionError::TimedOut));
    assert_eq!(world.store.totals(0).unwrap().accounts, 1, "it had been stored");
    world.at(alice).cut = false;
    world.connect(alice, Identify::Anonymous);
    world.registration(alice, "alice", b"password");
    world.welcome(alice, finish.clone());
    // Somebody else with the same name is late.
    let mallory = world.client(2);
    world.connect(mallory, Identify::Anonymous);
    let finish = world.registration(mallory, "alice", b"password");
    assert_eq!(world.refused(mallory, finish), Refusal::NameTaken);
}

#[test]
fn registration_can_be_closed_and_is_limited() {
    let mut world = World::new(Policy { registration: Registration::Closed, ..Policy::default() });
    let client = world.client(1);
    world.connect(client, Identify::Anonymous);
    let start = Request::RegisterStart { name: name("alice"), message: vec![0; 32] };
    assert_eq!(world.refused(client, start), Refusal::RegistrationClosed);
    // The operator thinks better of it while the server runs.
    world.server.set_policy(Policy { motd: "come in".into(), ..Policy::default() });
    let finish = world.registration(client, "alice", b"password");
    assert_eq!(world.welcome(client, finish).motd, "come in");

    let rate = Rate { burst: 2, interval: Duration::from_secs(10) };
    let mut world = World::new(Policy { registrations: rate, ..Policy::default() });
    let client = world.client(1);
    world.connect(client, Identify::Anonymous);
    for user in ["a", "b"] {
        world.registration(client, user, b"password");
    }
    let start = Request::RegisterStart { name: name("c"), message: vec![0; 32] };
    let refusal = world.refused(client, start);
    assert!(matches!(refusal, Refusal::TooManyRequests { seconds: 9..=10 }), "{refusal:?}");
}

/// Security acceptance D01: same datagrams, same sizes, same instants, same questions to the
/// store, same changes in it; until the lock, which comes at the same attempt.
#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    let [known, unknown] = ["alice", "nobod"].map(|user| {
        let mut world = World::new(Policy::default());
        let alice = world.registered(1, "alice");
        let guesser = world.client(9);
        world.connect(guesser, Identify::Anonymous);
        world.asked.clear();
        world.passed.clear();
        let (began, changes) = (world.now, world.store.changes());
        for _ in 0..Policy::default().lockout.max_failed {
            assert_eq!(world.login(guesser, user, b"guess"), Ok(None));
            let refusal = world.refused(guesser, Request::LoginFinish { message: vec![0; 64] });
            assert_eq!(refusal, Refusal::WrongPassword);
        }
        let locked = world.login(guesser, user, b"guess").unwrap_err();
        assert!(matches!(locked, Refusal::Locked { .. }), "{locked:?}");
        let asked: Vec<_> = world.asked.iter().map(std::mem::discriminant).collect();
        let passed = std::mem::take(&mut world.passed);
        let shape = (locked, asked, passed, world.store.changes() - changes, world.now - began);
        // Nothing of this touches the one who is logged in.
        assert!(matches!(world.ask(alice, Request::Who), Response::Users(_)));
        shape
    });
    assert_eq!(known, unknown);
}

#[test]
fn wrong_passwords_lock_and_the_lock_survives_a_restart() {
    let lockout = LockoutPolicy { max_failed: 3, lock_seconds: 20 };
    let mut world = World::new(Policy { lockout, ..Policy::default() });
    let alice = world.registered(1, "alice");
    let guesser = world.client(2);
    world.connect(guesser, Identify::Anonymous);
    for _ in 0..3 {
        // Security acceptance D02: the guesser does not even send KE3.
        assert_eq!(world.login(guesser, "alice", b"guess"), Ok(None));
    }
    let refused = world.login(guesser, "alice", b"password");
    assert!(matches!(refused, Err(Refusal::Locked { seconds: 1..=20 })), "{refused:?}");
    world.restart();
    let other = world.client(3);
    world.connect(other, Identify::Anonymous);
    let refused = world.login(other, "alice", b"password");
    assert!(matches!(refused, Err(Refusal::Locked { .. })), "{refused:?}");
    // Security acceptance D03: the device's key opens all the same, and tells of the attempts.
    world.until("reset", |world| world.at(alice).closed.is_some());
    assert_eq!(world.resume(alice, "alice").failed_attempts, 3);
    world.pass(Duration::from_secs(20));
    world.connect(other, Identify::Anonymous);
    assert!(world.login(other, "alice", b"password").unwrap().is_some());
}

#[test]
fn the_right_password_clears_the_count() {
    let lockout = LockoutPolicy { max_failed: 2, lock_seconds: 20 };
    let mut world = World::new(Policy { lockout, ..Policy::default() });
    let alice = world.registered(1, "alice");
    for _ in 0..4 {
        world.connect(alice, Identify::Anonymous);
        assert_eq!(world.login(alice, "alice", b"guess"), Ok(None));
        assert_eq!(world.log_in(alice, "alice", 1).failed_attempts, 1);
    }
}

/// Security acceptance D04.
#[test]
fn a_proof_is_good_once_and_on_its_connection() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    world.ask(alice, Request::Logout);
    let (first, second) = (world.client(1), world.client(1));
    world.connect(first, Identify::Anonymous);
    world.connect(second, Identify::Anonymous);
    let message = world.login(first, "alice", b"password").unwrap().unwrap();
    world.login(second, "alice", b"password").unwrap().unwrap();
    let replay = Request::LoginFinish { message: message.clone() };
    assert_eq!(world.refused(second, replay), Refusal::WrongPassword);
    let accepted = world.ask(first, Request::LoginFinish { message: message.clone() });
    assert!(matches!(accepted, Response::PasswordAccepted { .. }));
    assert_eq!(world.refused(first, Request::LoginFinish { message }), Refusal::Malformed);
}

#[test]
fn an_unfinished_login_is_forgotten() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    world.ask(alice, Request::Logout);
    world.connect(alice, Identify::Anonymous);
    let message = world.login(alice, "alice", b"password").unwrap().unwrap();
    world.pass(Duration::from_secs(31));
    assert_eq!(world.refused(alice, Request::LoginFinish { message }), Refusal::Malformed);
}

#[test]
fn an_imported_account_gets_an_identity_at_its_first_login() {
    let mut world = World::new(Policy::default());
    // What an import stores: a record without an identity.
    let helper = world.client(8);
    world.connect(helper, Identify::Anonymous);
    let finish = world.registration(helper, "yoda", b"password");
    let Request::RegisterFinish { message, stretch, .. } = finish else { unreachable!() };
    let account = rendezvous::NewAccount {
        name: name("yoda"),
        record: message,
        stretch,
        identity: None,
        now: 1,
    };
    world.store.execute(&[StoreRequest::CreateAccount(Box::new(account))]);

    let yoda = world.client(1);
    world.connect(yoda, Identify::Anonymous);
    let directory = Request::Directory(name("yoda"));
    assert_eq!(world.refused(yoda, directory.clone()), Refusal::NotLoggedIn);
    let message = world.login(yoda, "yoda", b"password").unwrap().unwrap();
    let accepted = world.ask(yoda, Request::LoginFinish { message });
    let nothing =
        Response::PasswordAccepted { identity: None, sealed_identity: vec![], generation: 0 };
    assert_eq!(accepted, nothing);
    let certificate = world.at(yoda).certificate("yoda", 1);
    assert_eq!(world.refused(yoda, Request::UseDevice(certificate)), Refusal::Malformed);
    let identity = world.at(yoda).identity.public();
    let sealed_identity = vec![1; 80];
    world.welcome(yoda, Request::SetIdentity { identity, certificate, sealed_identity });
    assert_eq!(world.ask(yoda, directory), Response::User { name: name("yoda"), identity });
    world.ask(yoda, Request::Logout);
    world.resume(yoda, "yoda");
}

#[test]
fn a_device_is_known_by_its_key_and_only_for_its_user() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    world.ask(bob, Request::Logout);
    world.connect(bob, Identify::Known);
    assert_eq!(world.refused(bob, Request::Resume(name("alice"))), Refusal::UnknownDevice);
    // Security acceptance B13: no password step but on an anonymous connection.
    let start = Request::LoginStart { name: name("bob"), message: vec![0; 96] };
    assert_eq!(world.refused(bob, start), Refusal::Malformed);
    world.welcome(bob, Request::Resume(name("bob")));
    world.connect(alice, Identify::Anonymous);
    assert_eq!(world.refused(alice, Request::Resume(name("alice"))), Refusal::UnknownDevice);
}

/// Security acceptance D11.
#[test]
fn the_session_of_a_device_that_was_taken_away_ends_at_once() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let device = world.at(bob).device;
    let revoke = |world: &mut World, device| {
        let now = world.now;
        let revoked = vec![Revocation { name: name("bob"), device }];
        world.server.handle_meanwhile(now, &Meanwhile { revoked, ..Meanwhile::default() });
    };
    revoke(&mut world, PublicKey([9; 32]));
    assert!(matches!(world.ask(bob, Request::Who), Response::Users(_)), "another device");

    assert!(world.store.delete(&name("bob")).unwrap());
    let began = world.now;
    revoke(&mut world, device);
    assert_eq!(closed_with(&mut world, bob), close::REVOKED);
    assert!(world.now - began < Duration::from_millis(20), "within a round trip");
    // No hold-down: he does not come back.
    world.until("gone", |world| {
        world.at(alice).notices.iter().any(|notice| {
            matches!(notice, Notice::PresenceChanged(who)
                if who.name == name("bob") && !who.online)
        })
    });
    assert!(world.now - began < Duration::from_secs(1));
    world.connect(bob, Identify::Known);
    assert_eq!(world.refused(bob, Request::Resume(name("bob"))), Refusal::AccountDeleted);
}

#[test]
fn whoever_does_not_log_in_is_closed() {
    let mut world = World::new(Policy::default());
    let client = world.client(1);
    world.connect(client, Identify::Anonymous);
    world.pass(Duration::from_secs(50));
    assert_eq!(world.at(client).closed, None);
    world.pass(Duration::from_secs(11));
    assert_eq!(closed_with(&mut world, client), close::TOO_SLOW);
    assert_eq!(world.server.status().connections, 0);
    let user = world.registered(2, "alice");
    world.pass(Duration::from_secs(300));
    assert_eq!(world.at(user).closed, None);
}

#[test]
fn a_full_server_says_so() {
    let mut world = World::new(Policy { max_sessions: 1, ..Policy::default() });
    world.registered(1, "alice");
    let bob = world.client(2);
    world.connect(bob, Identify::Anonymous);
    assert_eq!(closed_with(&mut world, bob), close::FULL);
}

#[test]
fn bytes_that_are_no_messages_end_the_connection() {
    let mut world = World::new(Policy::default());
    let client = world.client(1);
    world.connect(client, Identify::Anonymous);
    world.at(client).write_raw(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(closed_with(&mut world, client), close::PROTOCOL);
}

#[test]
fn too_many_requests_are_refused_one_by_one() {
    let rate = Rate { burst: 3, interval: Duration::from_secs(1) };
    let mut world = World::new(Policy { requests: rate, ..Policy::default() });
    let client = world.client(1);
    world.connect(client, Identify::Anonymous);
    let ids: Vec<u64> = (0..10).map(|_| world.send(client, Request::Who)).collect();
    let answers: Vec<Response> = ids.into_iter().map(|id| world.response(client, id)).collect();
    let refused = Response::Refused(Refusal::TooManyRequests { seconds: 1 });
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 7);
}

/// Security acceptance J02: nothing is acknowledged without the disk, and sessions live on.
#[test]
fn without_the_disk_nothing_is_acknowledged() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    world.registered(2, "bob");
    world.disk = Disk::Fails;
    assert_eq!(world.refused(alice, Request::Block(name("bob"))), Refusal::StorageFailed);
    assert_eq!(world.ask(alice, Request::Blocked), Response::Blocked(vec![]));
    let carol = world.client(3);
    world.connect(carol, Identify::Anonymous);
    let finish = world.registration(carol, "carol", b"password");
    assert_eq!(world.refused(carol, finish), Refusal::StorageFailed);
    world.disk = Disk::Hangs;
    let id = world.send(alice, Request::Block(name("bob")));
    let who = world.send(alice, Request::Who);
    world.pass(Duration::from_secs(5));
    world.disk = Disk::Works;
    assert_eq!(world.response(alice, id), Response::Done);
    assert_eq!(world.response(alice, who), Response::Users(vec![]));
    assert!(world.server.status().store_failures >= 2);
}

#[test]
fn a_server_that_stops_tells_its_clients() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let stranger = world.client(2);
    world.connect(stranger, Identify::Anonymous);
    let now = world.now;
    world.server.shut_down(now, "good night");
    assert!(!world.server.is_quiet());
    assert_eq!(closed_with(&mut world, alice), close::SHUTDOWN);
    assert_eq!(closed_with(&mut world, stranger), close::SHUTDOWN);
    assert!(world.at(alice).notices.contains(&Notice::ShuttingDown));
    assert!(world.server.is_quiet());
    assert!(world.now - now < Duration::from_secs(1));
}

#[test]
fn all_accounts_stretch_their_passwords_alike() {
    let mut world = World::new(Policy::default());
    let client = world.client(1);
    world.connect(client, Identify::Anonymous);
    for other in [Stretch::STANDARD, Stretch { memory_kib: 1, passes: 0, lanes: 0 }] {
        let mut finish = world.registration(client, "alice", b"password");
        let Request::RegisterFinish { stretch, .. } = &mut finish else { unreachable!() };
        *stretch = other;
        assert_eq!(world.refused(client, finish), Refusal::Malformed);
    }
    let finish = world.registration(client, "alice", b"password");
    world.welcome(client, finish);
}
