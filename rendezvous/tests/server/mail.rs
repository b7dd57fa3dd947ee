//! Mailboxes: keys for letters, and the letters.

use rendezvous::{Lobby, Mailbox, Policy, Rate, StoreRequest};
use wire::app::identity::Identity;
use wire::app::letter::{
    Letter, MAX_LETTER, MAX_PREKEYS, MAX_PREKEYS_AT_ONCE, MAX_UNITS, Prekey, Serves, UNIT, units,
};
use wire::app::room::RoomRequest;
use wire::app::server::{
    MAX_DISCARDED, MAX_LETTERS, MAX_LETTERS_BYTES, Notice, Refusal, Request, Response, close,
};
use wire::time::Duration;
use wire::{CloseReason, ConnectionError, Identify, PublicKey};

use crate::world::{World, name};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

/// Alice and Bob, who are logged in, and a server that is in no hurry.
fn two(policy: Policy) -> (World, usize, usize) {
    let mut world = World::new(policy);
    let (alice, bob) = (world.registered(ALICE, "alice"), world.registered(BOB, "bob"));
    (world, alice, bob)
}

fn prekeys(of: &Identity, ids: core::ops::Range<u64>, serves: Serves) -> Vec<Prekey> {
    ids.map(|id| {
        let key = PublicKey([u8::try_from(id % 251).unwrap(); 32]);
        Prekey::sign(of, id, key, serves, 5)
    })
    .collect()
}

fn publish(world: &mut World, client: usize, ids: core::ops::Range<u64>, serves: Serves) {
    let keys = prekeys(&world.at(client).identity, ids, serves);
    for keys in keys.chunks(MAX_PREKEYS_AT_ONCE) {
        assert_eq!(world.ask(client, Request::PublishPrekeys(keys.to_vec())), Response::Done);
    }
}

fn prekey(world: &mut World, client: usize, of: &str) -> Prekey {
    match world.ask(client, Request::Prekey(name(of))) {
        Response::Prekey { identity, prekey } => {
            assert!(prekey.is_signed_by(identity));
            prekey
        }
        other => panic!("{other:?}"),
    }
}

fn deposit(to: &str, sealed: &[u8]) -> Request {
    Request::Deposit { to: name(to), prekey: 7, sealed: sealed.to_vec() }
}

fn letters(world: &mut World, client: usize, after: u64) -> (Vec<Letter>, bool, u32) {
    match world.ask(client, Request::Collect(after)) {
        Response::Letters { letters, more, prekeys } => (letters, more, prekeys),
        other => panic!("{other:?}"),
    }
}

fn texts(letters: &[Letter]) -> Vec<&[u8]> {
    letters.iter().map(|letter| letter.sealed.as_slice()).collect()
}

#[test]
fn a_letter_waits_until_it_is_discarded_by_whom_it_is_for() {
    let (mut world, alice, bob) = two(Policy::default());
    let carol = world.registered(CAROL, "carol");
    assert_eq!(world.ask(alice, deposit("bob", b"one")), Response::Done);
    assert_eq!(world.ask(carol, deposit("bob", b"two")), Response::Done);
    world.pass(Duration::from_millis(100));
    let told = world.at(bob).notices.iter().filter(|n| matches!(n, Notice::Mail)).count();
    assert_eq!(told, 2);
    let (all, more, _) = letters(&mut world, bob, 0);
    assert_eq!((texts(&all), more), (vec![&b"one"[..], b"two"], false));
    assert_eq!((all[0].from.clone(), all[0].prekey), (name("alice"), 7));
    assert_eq!(all[0].identity, world.at(alice).identity.public());
    assert_eq!(texts(&letters(&mut world, bob, all[0].id).0), [b"two"]);
    // Nobody else's are touched.
    assert!(letters(&mut world, carol, 0).0.is_empty());
    let ids: Vec<u64> = all.iter().map(|letter| letter.id).collect();
    assert_eq!(world.ask(carol, Request::Discard(ids.clone())), Response::Done);
    assert_eq!(letters(&mut world, bob, 0).0.len(), 2);
    world.restart();
    world.resume(bob, "bob");
    assert_eq!(letters(&mut world, bob, 0).0.len(), 2, "a restart keeps them");
    assert_eq!(world.ask(bob, Request::Discard(ids)), Response::Done);
    assert!(letters(&mut world, bob, 0).0.is_empty());
}

/// Security acceptance G05: whoever uses the keys up gets the weekly one, and not endlessly fast.
#[test]
fn a_key_that_serves_once_is_given_once() {
    let (mut world, alice, bob) = two(Policy::default());
    assert_eq!(world.refused(alice, Request::Prekey(name("bob"))), Refusal::NoMailbox);
    publish(&mut world, bob, 1..4, Serves::Once);
    publish(&mut world, bob, 100..101, Serves::Weekly);
    assert_eq!(letters(&mut world, bob, 0).2, 3);
    let given: Vec<u64> = (0..5).map(|_| prekey(&mut world, alice, "bob").id).collect();
    assert_eq!(given, [1, 2, 3, 100, 100]);
    assert_eq!(letters(&mut world, bob, 0).2, 0);
    publish(&mut world, bob, 101..102, Serves::Weekly);
    assert_eq!(prekey(&mut world, alice, "bob").id, 101, "the newest week's");
    let mut refusal = None;
    for _ in 0..100 {
        if let Response::Refused(why) = world.ask(alice, Request::Prekey(name("bob"))) {
            refusal = Some(why);
            break;
        }
    }
    assert!(matches!(refusal, Some(Refusal::TooManyRequests { .. })), "{refusal:?}");
}

#[test]
fn only_ones_own_keys_are_published_and_not_without_end() {
    let (mut world, alice, bob) = two(Policy::default());
    let foreign = prekeys(&world.at(alice).identity, 1..2, Serves::Once);
    assert_eq!(world.refused(bob, Request::PublishPrekeys(foreign)), Refusal::Malformed);
    let own = world.at(bob).identity.public();
    let many = prekeys(&world.at(bob).identity, 0..MAX_PREKEYS_AT_ONCE as u64 + 1, Serves::Once);
    assert!(many.iter().all(|prekey| prekey.is_signed_by(own)));
    assert_eq!(world.refused(bob, Request::PublishPrekeys(many)), Refusal::Malformed);
    publish(&mut world, bob, 0..2 * MAX_PREKEYS as u64, Serves::Once);
    assert_eq!(letters(&mut world, bob, 0).2 as usize, MAX_PREKEYS);
    assert_eq!(prekey(&mut world, alice, "bob").id, MAX_PREKEYS as u64, "the newest are kept");
    // What is there already does not come twice.
    publish(&mut world, bob, 150..160, Serves::Once);
    assert_eq!(letters(&mut world, bob, 0).2 as usize, MAX_PREKEYS - 1);
}

/// Whoever knows nobody cannot keep those out whom the owner knows.
#[test]
fn strangers_share_a_part_of_a_mailbox() {
    let mailbox = Mailbox { letters: 16, letters_of_one: 8, ..Mailbox::default() };
    let policy = Policy { mailbox, lobby: Lobby::Open { places: 9 }, ..Policy::default() };
    let (mut world, alice, bob) = two(policy);
    world.pass(Duration::from_millis(100));
    let in_no_room = |world: &mut World, client| {
        let rooms = crate::rooms::summaries(world, client);
        let lobby = rooms.first().expect("the lobby").id;
        crate::rooms::done(world, client, RoomRequest::Leave(lobby));
    };
    let strangers: Vec<usize> =
        (3..7).map(|n| world.registered(n, &format!("stranger{n}"))).collect();
    // Bob knows Alice by having asked for her, and carol by his letter; those in a room are introduced
    // by themselves.
    in_no_room(&mut world, alice);
    let carol = world.registered(20, "carol");
    for introduced in ["alice", "stranger3"] {
        assert_eq!(world.ask(bob, Request::Introduce(name(introduced))), Response::Done);
    }
    assert_eq!(world.ask(bob, deposit("carol", b"hello")), Response::Done);
    // That somebody asks for Bob, or writes to him, makes nobody known to him.
    assert_eq!(world.ask(strangers[1], Request::Introduce(name("bob"))), Response::Done);

    let taken = |world: &mut World, client| {
        (0..9).take_while(|n| world.ask(client, deposit("bob", &[*n])) == Response::Done).count()
    };
    let of_strangers: Vec<usize> =
        strangers.iter().map(|stranger| taken(&mut world, *stranger)).collect();
    assert_eq!(of_strangers, [2, 2, 0, 0], "a quarter for all, half of that for each");
    assert_eq!(world.refused(strangers[0], deposit("bob", b"x")), Refusal::MailboxFull);
    assert_eq!(taken(&mut world, alice), 8);
    assert_eq!(taken(&mut world, carol), 4, "what is left");
    // What Bob has taken makes room, and who is answered is a stranger no longer.
    let (all, ..) = letters(&mut world, bob, 0);
    let ids = all.iter().map(|letter| letter.id).collect();
    assert_eq!(world.ask(bob, Request::Discard(ids)), Response::Done);
    assert_eq!(world.ask(bob, deposit("stranger3", b"who are you?")), Response::Done);
    assert_eq!(taken(&mut world, strangers[0]), 8);
}

/// Security acceptance G06: nobody's letters push out another's, and each sender is told.
#[test]
fn a_mailbox_is_bounded_for_all_and_for_each_sender() {
    let mailbox = Mailbox { letters: 5, letters_of_one: 3, ..Mailbox::default() };
    let (mut world, alice, bob) = two(Policy { mailbox, ..Policy::default() });
    let carol = world.registered(CAROL, "carol");
    for friend in ["alice", "carol"] {
        assert_eq!(world.ask(bob, deposit(friend, b"hello")), Response::Done);
    }
    for n in 0..3 {
        assert_eq!(world.ask(alice, deposit("bob", &[n])), Response::Done);
    }
    assert_eq!(world.refused(alice, deposit("bob", b"4")), Refusal::MailboxFull);
    assert_eq!(world.ask(carol, deposit("bob", b"c")), Response::Done);
    assert_eq!(world.ask(carol, deposit("bob", b"c")), Response::Done);
    assert_eq!(world.refused(carol, deposit("bob", b"c")), Refusal::MailboxFull);
    assert_eq!(letters(&mut world, bob, 0).0.len(), 5);
    let long = vec![0; MAX_LETTER + 1];
    assert_eq!(world.refused(alice, deposit("bob", &long)), Refusal::Malformed);
    assert_eq!(world.refused(alice, deposit("bob", b"")), Refusal::Malformed);
    assert_eq!(world.refused(alice, deposit("alice", b"me")), Refusal::Yourself);
    assert_eq!(world.refused(alice, Request::Prekey(name("alice"))), Refusal::Yourself);
    assert_eq!(world.refused(alice, deposit("nobody", b"x")), Refusal::NoMailbox);
    let many = vec![1; MAX_DISCARDED + 1];
    assert_eq!(world.refused(bob, Request::Discard(many)), Refusal::Malformed);
}

#[test]
fn letters_are_given_in_portions_and_forgotten_in_time() {
    let mailbox = Mailbox { letters: 100, letters_of_one: 100, ..Mailbox::default() };
    let requests = Rate { burst: 1000, interval: Duration::from_micros(1) };
    let (mut world, alice, bob) = two(Policy { mailbox, requests, ..Policy::default() });
    let count = 2 * MAX_LETTERS + 3;
    assert_eq!(world.ask(bob, deposit("alice", b"hello")), Response::Done);
    for n in 0..count {
        assert_eq!(world.ask(alice, deposit("bob", &[u8::try_from(n).unwrap()])), Response::Done);
    }
    let (mut after, mut seen) = (0, 0);
    loop {
        let (some, more, _) = letters(&mut world, bob, after);
        assert!(some.len() <= MAX_LETTERS);
        seen += some.len();
        after = some.last().unwrap().id;
        if !more {
            break;
        }
    }
    assert_eq!(seen, count);
    world.pass(Duration::from_secs(22 * 86_400));
    world.connect(bob, Identify::Known);
    world.welcome(bob, Request::Resume(name("bob")));
    assert!(letters(&mut world, bob, 0).0.is_empty());
}

/// A letter that counts as so many, and not one byte longer.
fn of_units(count: usize) -> Request {
    let sealed = vec![9; count * UNIT];
    assert_eq!((units(sealed.len()), units(sealed.len() + 1)), (count, count + 1));
    deposit("bob", &sealed)
}

fn is_kept(world: &mut World, client: usize, count: usize) -> bool {
    match world.ask(client, of_units(count)) {
        Response::Done => true,
        Response::Refused(Refusal::MailboxFull) => false,
        other => panic!("{other:?}"),
    }
}

/// Nobody has to wait for the right to leave letters.
const UNHURRIED: Rate = Rate { burst: 10_000, interval: Duration::from_micros(1) };

/// [W-185]: of all, and of one sender.
#[test]
fn a_long_letter_counts_as_several() {
    let mailbox = Mailbox { letters: 38, letters_of_one: 20, ..Mailbox::default() };
    let (mut world, alice, bob) = two(Policy { mailbox, letters: UNHURRIED, ..Policy::default() });
    let carol = world.registered(CAROL, "carol");
    for friend in ["alice", "carol"] {
        assert_eq!(world.ask(bob, deposit(friend, b"hello")), Response::Done);
    }
    assert!(is_kept(&mut world, alice, MAX_UNITS));
    assert!(!is_kept(&mut world, alice, 5), "more than hers, were there room for it");
    assert!(is_kept(&mut world, alice, 4));
    assert!(!is_kept(&mut world, alice, 1));
    assert!(is_kept(&mut world, carol, MAX_UNITS));
    assert!(!is_kept(&mut world, carol, 3), "more than all");
    assert!(is_kept(&mut world, carol, 2));
    assert!(!is_kept(&mut world, carol, 1));
    // A long one that is taken makes room for as many.
    let (first, ..) = letters(&mut world, bob, 0);
    assert_eq!(first[0].sealed.len(), MAX_LETTER);
    assert_eq!(world.ask(bob, Request::Discard(vec![first[0].id])), Response::Done);
    assert!(is_kept(&mut world, alice, MAX_UNITS));
}

/// [W-185]: the same of strangers, all and each.
#[test]
fn a_strangers_long_letter_counts_as_several() {
    let (mut world, alice, bob) = two(Policy { letters: UNHURRIED, ..Policy::default() });
    assert_eq!(world.ask(bob, deposit("alice", b"hello")), Response::Done);
    let strangers: Vec<usize> =
        (3..6).map(|n| world.registered(n, &format!("stranger{n}"))).collect();
    assert!(is_kept(&mut world, strangers[0], MAX_UNITS), "the longest text of a stranger");
    assert!(!is_kept(&mut world, strangers[0], 1));
    assert!(is_kept(&mut world, strangers[1], MAX_UNITS - 2));
    assert!(!is_kept(&mut world, strangers[1], 3), "more than one's");
    assert!(!is_kept(&mut world, strangers[2], 3), "more than all of theirs");
    assert!(is_kept(&mut world, strangers[2], 2));
    assert!(!is_kept(&mut world, strangers[2], 1));
    assert!(is_kept(&mut world, alice, MAX_UNITS));
}

/// [W-185]: as often as others, who leave as much in more letters.
#[test]
fn long_letters_come_as_slowly_as_short_ones() {
    let letters = Rate { burst: 4, interval: Duration::from_secs(10) };
    let (mut world, alice, bob) = two(Policy { letters, ..Policy::default() });
    publish(&mut world, bob, 1..9, Serves::Once);
    assert_eq!(world.ask(bob, deposit("alice", b"hello")), Response::Done);
    prekey(&mut world, alice, "bob");
    assert!(is_kept(&mut world, alice, MAX_UNITS));
    let refusal = world.refused(alice, Request::Prekey(name("bob")));
    let Refusal::TooManyRequests { seconds } = refusal else { panic!("{refusal:?}") };
    assert!((120..=130).contains(&seconds), "{seconds} s for the 13 that are missing");
    let refusal = world.refused(alice, of_units(2));
    assert!(matches!(refusal, Refusal::TooManyRequests { .. }), "{refusal:?}");
    world.pass(Duration::from_secs(u64::from(seconds)));
    // To whom a key was given, the letter is not refused.
    prekey(&mut world, alice, "bob");
    assert!(is_kept(&mut world, alice, MAX_UNITS));
}

/// [W-186]: whatever lies in a mailbox, an answer is not longer than a client and its session can hold.
#[test]
fn an_answer_holds_few_long_letters() {
    let mailbox = Mailbox { letters: 200, letters_of_one: 200, ..Mailbox::default() };
    let (mut world, alice, bob) = two(Policy { mailbox, letters: UNHURRIED, ..Policy::default() });
    assert_eq!(world.ask(bob, deposit("alice", b"hello")), Response::Done);
    let counts = [MAX_UNITS, MAX_UNITS, 1, 7, 6, 2, 9, MAX_UNITS, 1];
    for count in counts {
        assert!(is_kept(&mut world, alice, count));
    }
    let (mut after, mut answers) = (0, Vec::new());
    loop {
        let (some, more, _) = letters(&mut world, bob, after);
        assert!(world.server.most_buffered_bytes() < 384 << 10);
        after = some.last().unwrap().id;
        answers.push(some.iter().map(|letter| letter.sealed.len() / UNIT).collect::<Vec<_>>());
        if !more {
            break;
        }
    }
    // As many as go in.
    assert_eq!(MAX_LETTERS_BYTES / UNIT, 22);
    let expected: [&[usize]; 4] = [&[16], &[16, 1], &[7, 6, 2], &[9]];
    assert_eq!(answers[..4], expected);
    assert_eq!(answers[4..], [[16, 1]]);
}

/// [W-186]: who is not logged in cannot say what is long, and who is makes the server hold one letter at most.
#[test]
fn only_a_user_says_what_is_long() {
    let (mut world, alice, bob) = two(Policy::default());
    assert_eq!(world.ask(bob, deposit("alice", b"hello")), Response::Done);
    let id = world.send(alice, of_units(MAX_UNITS));
    let mut most = 0;
    world.until("kept", |world| {
        most = most.max(world.server.most_buffered_bytes());
        !letters_asked(world).is_empty()
    });
    assert_eq!(world.response(alice, id), Response::Done);
    assert!((MAX_LETTER as u64..256 << 10).contains(&most), "{most} bytes");
    world.pass(Duration::from_secs(1));
    let held = world.server.most_buffered_bytes();
    assert!(held <= 64 << 10, "{held} bytes are still held");

    let stranger = world.client(CAROL);
    world.connect(stranger, Identify::Anonymous);
    world.send(stranger, of_units(MAX_UNITS));
    world.until("closed", |world| world.at(stranger).closed.is_some());
    let closed = world.at(stranger).closed.clone();
    let is_refused = |reason: &CloseReason| reason.code == close::PROTOCOL;
    assert!(
        matches!(&closed, Some(ConnectionError::ClosedByPeer(reason)) if is_refused(reason)),
        "{closed:?}"
    );
}

/// Letters that the store was asked to keep for Bob.
fn letters_asked(world: &World) -> Vec<usize> {
    let letters = world.asked.iter().filter_map(|request| match request {
        StoreRequest::Deposit { to, sealed, .. } if *to == name("bob") => Some(sealed.len()),
        _ => None,
    });
    letters.collect()
}

/// Nobody learns of a block: who is blocked is given a key and told that his letter is kept.
#[test]
fn a_blocked_senders_letter_is_kept_nowhere() {
    let (mut world, alice, bob) = two(Policy::default());
    publish(&mut world, bob, 1..4, Serves::Once);
    publish(&mut world, bob, 100..101, Serves::Weekly);
    assert_eq!(world.ask(bob, Request::Block(name("alice"))), Response::Done);
    assert_eq!(prekey(&mut world, alice, "bob").id, 100);
    assert_eq!(world.ask(alice, deposit("bob", b"hello?")), Response::Done);
    world.pass(Duration::from_millis(100));
    assert!(!world.at(bob).notices.iter().any(|notice| matches!(notice, Notice::Mail)));
    assert_eq!(letters(&mut world, bob, 0), (Vec::new(), false, 3));
}

#[test]
fn a_server_may_keep_no_letters() {
    let mailbox = Mailbox { kept_for: 0, ..Mailbox::default() };
    let (mut world, alice, bob) = two(Policy { mailbox, ..Policy::default() });
    publish(&mut world, bob, 1..4, Serves::Once);
    assert_eq!(world.refused(alice, Request::Prekey(name("bob"))), Refusal::NoMailbox);
    assert_eq!(world.refused(alice, deposit("bob", b"x")), Refusal::NoMailbox);
}

#[test]
fn a_removed_account_takes_its_letters_and_keys_along() {
    let (mut world, alice, bob) = two(Policy::default());
    publish(&mut world, bob, 1..4, Serves::Once);
    assert_eq!(world.ask(alice, deposit("bob", b"to bob")), Response::Done);
    assert_eq!(world.ask(bob, deposit("alice", b"from bob")), Response::Done);
    assert!(world.store.delete(&name("bob")).unwrap());
    assert_eq!(world.refused(alice, Request::Prekey(name("bob"))), Refusal::NoMailbox);
    assert!(letters(&mut world, alice, 0).0.is_empty());
}
