//! Seeing each other, hiding, being introduced.

use std::collections::BTreeSet;

use rendezvous::{NewAccount, Policy, Rate, StoreOutcome, StoreRequest};
use wire::app::name::{MAX_CHARS, Name};
use wire::app::server::{
    Availability, Introduction, MAX_BLOCKED, MAX_PRESENCE, MAX_STATUS, Notice, Presence, Refusal,
    Request, Response, Status, close,
};
use wire::time::Duration;
use wire::{CloseReason, ConnectionError, Identify};

use crate::world::{CHEAP, EPOCH, World, name};

/// Presence changes that a client was told since it was last asked.
fn changes(world: &mut World, client: usize) -> Vec<(String, bool)> {
    world.pass(Duration::from_millis(100));
    let mut changes = Vec::new();
    world.at(client).notices.retain(|notice| match notice {
        Notice::PresenceChanged(Presence { name, online, .. }) => {
            changes.push((name.to_string(), *online));
            false
        }
        Notice::PresenceSnapshot { .. }
        | Notice::Introduction(_)
        | Notice::ShuttingDown
        | Notice::RoomChanged { .. }
        | Notice::Invited { .. }
        | Notice::CodeUsed { .. }
        | Notice::Mail
        | Notice::LogsOutIdle(_)
        | Notice::LobbyFull => true,
    });
    changes
}

fn snapshot(world: &mut World, client: usize) -> Vec<Name> {
    let is_last = |notice: &Notice| matches!(notice, Notice::PresenceSnapshot { last: true, .. });
    world.until("shown who is there", |world| world.at(client).notices.iter().any(is_last));
    let mut names = Vec::new();
    for notice in &world.at(client).notices {
        if let Notice::PresenceSnapshot { users, .. } = notice {
            assert!(users.len() <= MAX_PRESENCE);
            names.extend(users.iter().map(|presence| presence.name.clone()));
        }
    }
    names
}

fn introductions(world: &mut World, client: usize) -> Vec<Introduction> {
    world.pass(Duration::from_millis(100));
    let mut list = Vec::new();
    world.at(client).notices.retain(|notice| match notice {
        Notice::Introduction(introduction) => {
            list.push(introduction.clone());
            false
        }
        Notice::PresenceSnapshot { .. }
        | Notice::PresenceChanged(_)
        | Notice::ShuttingDown
        | Notice::RoomChanged { .. }
        | Notice::Invited { .. }
        | Notice::CodeUsed { .. }
        | Notice::Mail
        | Notice::LogsOutIdle(_)
        | Notice::LobbyFull => true,
    });
    list
}

fn who(world: &mut World, client: usize) -> Vec<String> {
    match world.ask(client, Request::Who) {
        Response::Users(users) => users.iter().map(|user| user.name.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

fn seen(world: &mut World, client: usize, user: &str) -> Presence {
    match world.ask(client, Request::Seen(name(user))) {
        Response::Users(mut users) => users.remove(0),
        other => panic!("{other:?}"),
    }
}

fn joined(user: &str) -> (String, bool) {
    (user.to_owned(), true)
}

fn gone(user: &str) -> (String, bool) {
    (user.to_owned(), false)
}

#[test]
fn people_see_each_other_come_and_go() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    assert_eq!(snapshot(&mut world, alice), []);
    let bob = world.registered(2, "bob");
    assert_eq!(snapshot(&mut world, bob), [name("alice")]);
    assert_eq!(changes(&mut world, alice), [joined("bob")]);
    assert_eq!(who(&mut world, alice), ["bob"]);
    world.ask(bob, Request::Logout);
    assert_eq!(changes(&mut world, alice), [gone("bob")]);
    assert!(who(&mut world, alice).is_empty());
    let seen = seen(&mut world, alice, "bob");
    assert!(!seen.online && seen.since >= EPOCH);
    assert_eq!(world.refused(alice, Request::Seen(name("nobody"))), Refusal::UnknownUser);
}

/// However fast somebody comes and goes: the others are told so often and no more, and then how it is.
#[test]
fn who_comes_and_goes_without_end_is_told_now_and_then() {
    let rate = Rate { burst: 4, interval: Duration::from_secs(10) };
    let mut world = World::new(Policy { announcements: rate, ..Policy::default() });
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let carol = world.registered(3, "carol");
    assert_eq!(world.ask(bob, Request::Block(name("carol"))), Response::Done);
    for client in [alice, carol] {
        changes(&mut world, client);
    }
    let start = world.now;
    for _ in 0..20 {
        assert_eq!(world.ask(bob, Request::Logout), Response::Done);
        world.resume(bob, "bob");
        assert_eq!(world.ask(bob, says("back")), Response::Done);
    }
    assert_eq!(world.ask(bob, Request::Logout), Response::Done);
    let told = changes(&mut world, alice);
    let most = 4 + (world.now - start).as_secs() / 10;
    assert!(told.len() as u64 <= most, "{most}: {told:?}");
    assert_eq!(told.last(), Some(&joined("bob")), "and he is not");
    // Who asks is told at once, and everybody when there is time.
    assert!(!seen(&mut world, alice, "bob").online);
    world.pass(Duration::from_secs(10));
    assert_eq!(changes(&mut world, alice), [gone("bob")]);
    assert_eq!(changes(&mut world, carol), [], "whom he blocks hears nothing, also not late");

    // After a while it is as ever.
    world.pass(Duration::from_secs(60));
    world.resume(bob, "bob");
    assert_eq!(changes(&mut world, alice), [joined("bob")]);
}

/// Who was told what somebody says about being there, since it was last asked.
fn statuses(world: &mut World, client: usize) -> Vec<String> {
    world.pass(Duration::from_millis(100));
    let mut texts = Vec::new();
    world.at(client).notices.retain(|notice| {
        if let Notice::PresenceChanged(presence) = notice {
            texts.push(presence.status.text.clone());
        }
        !matches!(notice, Notice::PresenceChanged(_))
    });
    texts
}

fn says(text: &str) -> Request {
    Request::SetStatus(Status { availability: Availability::Away, text: text.to_owned() })
}

#[test]
fn what_somebody_says_is_told_to_those_who_may_see_him() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let mallory = world.registered(3, "mallory");
    assert_eq!(world.ask(bob, Request::Block(name("mallory"))), Response::Done);
    for client in [alice, mallory] {
        statuses(&mut world, client);
    }
    assert_eq!(world.ask(bob, says("lunch")), Response::Done);
    assert_eq!(statuses(&mut world, alice), ["lunch"]);
    assert!(statuses(&mut world, mallory).is_empty(), "blocked: he learns nothing");
    assert_eq!(world.ask(bob, says("lunch")), Response::Done);
    assert!(statuses(&mut world, alice).is_empty(), "no news");
    assert_eq!(seen(&mut world, alice, "bob").status.text, "lunch");
    // Whoever comes later is told with the rest, and a blip does not end it.
    world.resume(bob, "bob");
    let carol = world.registered(4, "carol");
    snapshot(&mut world, carol);
    let told = world.at(carol).notices.iter().any(|notice| {
        matches!(notice, Notice::PresenceSnapshot { users, .. }
            if users.iter().any(|user| user.status.text == "lunch"))
    });
    assert!(told);
    world.ask(bob, Request::Logout);
    world.resume(bob, "bob");
    assert_eq!(
        seen(&mut world, alice, "bob").status,
        Status::default(),
        "a new session says nothing"
    );
}

/// Each change is told to everybody.
#[test]
fn what_somebody_says_is_short_and_does_not_change_all_the_time() {
    let mut world = World::new(Policy::default());
    let bob = world.registered(2, "bob");
    assert_eq!(world.refused(bob, says(&"x".repeat(MAX_STATUS + 1))), Refusal::Malformed);
    for number in 0..5 {
        assert_eq!(world.ask(bob, says(&number.to_string())), Response::Done);
    }
    assert!(matches!(world.refused(bob, says("6")), Refusal::TooManyRequests { seconds: 1..=5 }));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.ask(bob, says("6")), Response::Done);
}

#[test]
fn a_blip_is_not_announced_and_an_absence_is() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    changes(&mut world, alice);
    // Killed and started again: the server sees the new connection before it misses the old.
    world.resume(bob, "bob");
    assert_eq!(changes(&mut world, alice), []);
    // Gone without a word (the close is not a logout), and back within the hold-down.
    let now = world.now;
    world.at(bob).close(now, 77);
    world.pass(Duration::from_secs(7));
    assert_eq!(who(&mut world, alice), ["bob"], "held to be here");
    world.resume(bob, "bob");
    world.pass(Duration::from_secs(60));
    assert_eq!(changes(&mut world, alice), []);
    // Not back.
    let now = world.now;
    let left = world.unix();
    world.at(bob).close(now, 77);
    world.pass(Duration::from_secs(7));
    assert_eq!(changes(&mut world, alice), []);
    world.pass(Duration::from_secs(2));
    assert_eq!(changes(&mut world, alice), [gone("bob")]);
    assert!(seen(&mut world, alice, "bob").since.abs_diff(left) <= 1, "when he left, not later");
}

#[test]
fn who_was_here_lately() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let _carol = world.registered(3, "carol");
    world.ask(bob, Request::Logout);
    world.pass(Duration::from_secs(100));
    let mut since = |seconds| match world.ask(alice, Request::SeenSince(seconds)) {
        Response::Users(users) => {
            users.into_iter().map(|user| (user.name.to_string(), user.online)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(since(50), [joined("carol")]);
    assert_eq!(since(200), [gone("bob"), joined("carol")]);
    assert_eq!(since(u32::MAX).len(), 2);
}

#[test]
fn a_second_login_takes_over_and_both_are_told() {
    let mut world = World::new(Policy::default());
    let first = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    changes(&mut world, bob);
    let second = world.client(9);
    world.at(second).identity = wire::app::identity::Identity::from_secret(&[1; 32]);
    let welcome = world.log_in(second, "alice", 2);
    assert!(welcome.took_over);
    world.until("closed", |world| world.at(first).closed.is_some());
    let Some(ConnectionError::ClosedByPeer(CloseReason { code, .. })) =
        world.at(first).closed.clone()
    else {
        panic!("{:?}", world.at(first).closed)
    };
    assert_eq!(code, close::TAKEN_OVER);
    assert_eq!(changes(&mut world, bob), [], "for others nothing happened");
    // The same device again is no other.
    assert!(!world.resume(second, "alice").took_over);
}

#[test]
fn an_older_device_takes_the_session_back_only_by_becoming_the_newest() {
    let mut world = World::new(Policy::default());
    let first = world.registered(1, "alice");
    let second = world.client(9);
    world.at(second).identity = wire::app::identity::Identity::from_secret(&[1; 32]);
    world.log_in(second, "alice", 2);
    world.connect(first, Identify::Known);
    let newer = Refusal::NewerDevice { generation: 2 };
    assert_eq!(world.refused(first, Request::Resume(name("alice"))), newer);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.at(second).closed, None, "nothing is taken away by asking");
    // Not with another's device, nor with a certificate that others would take for an old one.
    let others = world.at(second).certificate("alice", 3);
    assert_eq!(world.refused(first, Request::UseDevice(others)), Refusal::Malformed);
    let old = world.at(first).certificate("alice", 2);
    assert_eq!(world.refused(first, Request::UseDevice(old)), Refusal::Malformed);
    let newest = world.at(first).certificate("alice", 3);
    assert!(world.welcome(first, Request::UseDevice(newest)).took_over);
    world.until("closed", |world| world.at(second).closed.is_some());
    assert!(!world.resume(first, "alice").took_over);
    // Nobody becomes another user by it.
    let bob = world.registered(2, "bob");
    world.connect(bob, Identify::Known);
    let certificate = world.at(bob).certificate("alice", 9);
    assert_eq!(world.refused(bob, Request::UseDevice(certificate)), Refusal::Malformed);
}

#[test]
fn a_block_hides_both_ways_without_telling() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let carol = world.registered(3, "carol");
    for client in [alice, bob, carol] {
        changes(&mut world, client);
    }
    assert_eq!(world.refused(alice, Request::Block(name("alice"))), Refusal::Yourself);
    assert_eq!(world.refused(alice, Request::Block(name("nobody"))), Refusal::UnknownUser);
    assert_eq!(world.refused(alice, Request::Unblock(name("bob"))), Refusal::NotBlocked);
    assert_eq!(world.ask(alice, Request::Block(name("bob"))), Response::Done);
    assert_eq!(world.refused(alice, Request::Block(name("bob"))), Refusal::AlreadyBlocked);
    assert_eq!(world.ask(alice, Request::Blocked), Response::Blocked(vec![name("bob")]));
    assert_eq!(changes(&mut world, bob), [gone("alice")], "as if alice had left");
    assert_eq!(changes(&mut world, alice), [gone("bob")]);
    assert_eq!(changes(&mut world, carol), []);
    assert_eq!(who(&mut world, bob), ["carol"]);
    assert_eq!(who(&mut world, alice), ["carol"]);
    assert_eq!(world.refused(bob, Request::Introduce(name("alice"))), Refusal::Offline);
    assert_eq!(world.refused(alice, Request::Introduce(name("bob"))), Refusal::Offline);
    assert_eq!(introductions(&mut world, alice), []);

    // Security acceptance D14: whatever alice does, bob is told the same as of one who is away.
    let before = seen(&mut world, bob, "alice");
    assert!(!before.online);
    world.pass(Duration::from_secs(100));
    world.ask(alice, Request::Logout);
    world.resume(alice, "alice");
    assert_eq!(changes(&mut world, bob), []);
    assert_eq!(changes(&mut world, carol), [gone("alice"), joined("alice")]);
    assert_eq!(seen(&mut world, bob, "alice"), before);
    world.resume(bob, "bob");
    assert_eq!(snapshot(&mut world, bob), [name("carol")]);
    assert_eq!(snapshot(&mut world, alice), [name("carol")]);

    // Nor does a broken connection, for as long as alice is held to be here.
    let now = world.now;
    world.at(alice).close(now, 77);
    world.pass(Duration::from_secs(1));
    assert_eq!(who(&mut world, carol), ["alice", "bob"]);
    assert_eq!(who(&mut world, bob), ["carol"]);
    world.pass(Duration::from_secs(10));
    assert_eq!(changes(&mut world, carol).last(), Some(&gone("alice")));
    assert_eq!(changes(&mut world, bob), []);
    world.resume(alice, "alice");
    assert_eq!(changes(&mut world, alice), []);

    assert_eq!(world.ask(alice, Request::Unblock(name("bob"))), Response::Done);
    assert_eq!(changes(&mut world, bob), [joined("alice")]);
    assert_eq!(changes(&mut world, alice), [joined("bob")]);
    assert_eq!(world.ask(bob, Request::Introduce(name("alice"))), Response::Done);
}

#[test]
fn a_block_outlives_a_restart() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    world.ask(alice, Request::Block(name("bob")));
    world.restart();
    for client in [alice, bob] {
        world.until("reset", |world| world.at(client).closed.is_some());
    }
    world.resume(bob, "bob");
    world.resume(alice, "alice");
    assert!(who(&mut world, bob).is_empty());
    assert_eq!(changes(&mut world, bob), []);
    assert_eq!(world.refused(bob, Request::Introduce(name("alice"))), Refusal::Offline);
}

#[test]
fn an_introduction_tells_both_what_they_need() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let reported = ["10.0.0.7:6000", "224.0.0.1:6000", "127.0.0.1:6000", "10.0.0.7:6000"];
    let reported = reported.iter().map(|address| address.parse().unwrap()).collect();
    assert_eq!(world.ask(bob, Request::Candidates(reported)), Response::Done);
    assert_eq!(world.ask(alice, Request::Introduce(name("bob"))), Response::Done);
    let [to_alice] = introductions(&mut world, alice).try_into().unwrap();
    let [to_bob] = introductions(&mut world, bob).try_into().unwrap();
    let address = world.at(bob).address;
    assert_eq!(to_alice.candidates, [address, "10.0.0.7:6000".parse().unwrap()]);
    assert_eq!(to_bob.candidates, [world.at(alice).address]);
    assert_eq!(
        (to_alice.tag, to_alice.call_id, &to_alice.secret),
        (to_bob.tag, to_bob.call_id, &to_bob.secret)
    );
    assert!(to_alice.initiator && !to_bob.initiator);
    assert_eq!((to_alice.name.as_str(), to_bob.name.as_str()), ("bob", "alice"));
    assert!(to_alice.certificate.is_signed_by(to_alice.identity, "bob"));
    let (own_alice, own_bob) = (world.at(alice).identity.public(), world.at(bob).identity.public());
    assert_eq!(to_alice.identity, own_bob);
    assert_eq!(to_alice.prologue(own_alice), to_bob.prologue(own_bob));
}

#[test]
fn two_who_ask_at_once_are_introduced_once() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    let ids = [
        world.send(alice, Request::Introduce(name("bob"))),
        world.send(bob, Request::Introduce(name("alice"))),
    ];
    assert_eq!(world.response(alice, ids[0]), Response::Done);
    assert_eq!(world.response(bob, ids[1]), Response::Done);
    assert_eq!(introductions(&mut world, alice).len(), 1);
    assert_eq!(introductions(&mut world, bob).len(), 1);
    world.pass(Duration::from_secs(3));
    world.ask(alice, Request::Introduce(name("bob")));
    assert_eq!(introductions(&mut world, bob).len(), 1, "later is another call");
    world.resume(bob, "bob");
    world.ask(alice, Request::Introduce(name("bob")));
    assert_eq!(introductions(&mut world, bob).len(), 1, "a new session is another too");
}

#[test]
fn who_cannot_be_introduced() {
    let rate = Rate { burst: 5, interval: Duration::from_secs(10) };
    let mut world = World::new(Policy { introductions: rate, ..Policy::default() });
    let alice = world.registered(1, "alice");
    let bob = world.registered(2, "bob");
    world.ask(bob, Request::Logout);
    let mut ask = |user: &str| world.refused(alice, Request::Introduce(name(user)));
    assert_eq!(ask("alice"), Refusal::Yourself);
    assert_eq!(ask("nobody"), Refusal::UnknownUser);
    assert_eq!(ask("bob"), Refusal::Offline);
    for _ in 0..3 {
        assert_eq!(ask("bob"), Refusal::Offline);
    }
    // Security acceptance F02.
    assert!(matches!(ask("bob"), Refusal::TooManyRequests { seconds: 9..=10 }));
    world.connect(bob, Identify::Known);
    assert_eq!(world.refused(bob, Request::Introduce(name("alice"))), Refusal::NotLoggedIn);
}

#[test]
fn many_people_are_shown_in_pieces() {
    let rate = Rate { burst: 1000, interval: Duration::from_secs(1) };
    let mut world = World::new(Policy { registrations: rate, ..Policy::default() });
    let mut expected = Vec::new();
    for i in 0..(MAX_PRESENCE + 20) {
        let user = format!("user{i:03}");
        world.registered(u8::try_from(i % 90).unwrap(), &user);
        expected.push(name(&user));
    }
    let last = world.registered(95, "zoe");
    assert_eq!(snapshot(&mut world, last), expected);
    let pieces = world.at(last).notices.len();
    assert_eq!(pieces, 2);
}

/// Names of the greatest length, as many as one may block: the answer still is a message.
#[test]
fn the_longest_block_list_can_be_asked_for() {
    let mut world = World::new(Policy::default());
    let alice = world.registered(1, "alice");
    let long = |last| -> String {
        std::iter::repeat_n('\u{2b740}', MAX_CHARS - 1).chain([last]).collect()
    };
    let mut skeletons = BTreeSet::new();
    let names: Vec<Name> = ('\u{20000}'..'\u{21000}')
        .map(|last| name(&long(last)))
        .filter(|name| skeletons.insert(name.skeleton()))
        .take(MAX_BLOCKED)
        .collect();
    assert!(names.iter().all(|name| name.as_str().len() == 4 * MAX_CHARS));
    let mut requests = Vec::new();
    for target in &names {
        requests.push(StoreRequest::CreateAccount(Box::new(NewAccount {
            name: target.clone(),
            record: vec![0; 192],
            stretch: CHEAP,
            identity: None,
            now: EPOCH,
        })));
        let (by, target) = (name("alice"), target.clone());
        requests.push(StoreRequest::Block { by, target, online: Vec::new(), now: EPOCH });
    }
    let outcomes = world.store.execute(&requests);
    assert!(outcomes.iter().all(|outcome| *outcome == StoreOutcome::Done), "{outcomes:?}");
    world.resume(alice, "alice");
    assert_eq!(world.ask(alice, Request::Blocked), Response::Blocked(names));
}
