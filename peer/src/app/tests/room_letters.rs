//! What comes into the mailbox of somebody who is in a room: letters that keep to no rules.

use wire::app::letter::{Enclosed, Ends, Letter, seal};
use wire::app::name::Name;
use wire::app::post::{Post, PostKind};
use wire::app::room::{Change, RoomId};
use wire::app::server::Notice;
use wire::{PublicKey, Seed, StaticKey};

use super::hostile::Attack;
use super::hostile_members::{
    CAROL, Draft, MALLORY, ROOM, change, content, handed, identity, in_a_room, shown, signed,
};
use crate::output::Output;

/// The key of Mallory's device.
fn device() -> StaticKey {
    StaticKey::from_private([MALLORY; 32])
}

/// What Mallory says with it.
fn of_his(number: u64, version: u64, body: &str) -> Draft {
    let mut draft = content("mallory", MALLORY, number, version, body);
    draft.content.feed.device = device().public();
    draft
}

fn said(number: u64, version: u64, body: &str) -> Post {
    signed(MALLORY, of_his(number, version, body))
}

/// Lines that he says one after the other.
fn chain(bodies: &[&str]) -> Vec<Post> {
    let mut posts: Vec<Post> = Vec::new();
    for (number, body) in (1..).zip(bodies) {
        let mut draft = of_his(number, 9, body);
        draft.content.previous = posts.last().map_or([0; 32], |post| post.content().hash());
        posts.push(signed(MALLORY, draft));
    }
    posts
}

/// Mallory leaves a letter that holds these, and Alice collects it.
fn leave(attack: &mut Attack, posts: Vec<Post>) {
    let server = &mut attack.world.server;
    let alice = Name::new("alice").unwrap();
    let prekey = *server.prekeys.last().expect("a key of hers");
    let mallory = identity(MALLORY);
    let to = server.accounts[&alice].identity.unwrap();
    let ends = Ends { from: mallory.public(), to, prekey: prekey.id };
    let device = device();
    let certificate = mallory.certify("mallory", device.public(), 1);
    let author = (&mallory, &device, certificate);
    let id = server.letters.last().map_or(1, |letter| letter.id + 1);
    let seed = Seed::new([u8::try_from(id).unwrap(); 32]);
    let sealed = seal(ends, author, prekey.key, Enclosed::Posts(posts), seed).unwrap();
    let (from, identity) = (Name::new("mallory").unwrap(), mallory.public());
    server.letters.push(Letter { id, from, identity, prekey: prekey.id, sealed });
    server.notify(&alice, Notice::Mail);
    attack.world.run_ms(300);
}

fn is_empty(attack: &Attack) -> bool {
    attack.world.server.letters.is_empty()
}

/// [W-183]: what is good is shown once, and only then is the letter gone; whichever way the same comes.
#[test]
fn a_post_from_a_letter_is_shown_once() {
    let (mut attack, stream) = in_a_room();
    let posts = chain(&["one", "two", "three"]);
    leave(&mut attack, posts[..2].to_vec());
    assert!(is_empty(&attack));
    leave(&mut attack, posts[1..].to_vec());
    let seen = attack.world.seen(0);
    assert_eq!(shown(&seen), [("mallory", "one"), ("mallory", "two"), ("mallory", "three")]);
    let is_missing = |output: &Output| matches!(output, Output::Message { gap: true, .. });
    assert!(!seen.iter().any(is_missing), "{seen:?}");
    attack.write(stream, &handed(posts[2].clone()));
    assert_eq!(shown(&attack.world.seen(0)), []);
    assert!(is_empty(&attack));
}

/// [W-181], [W-183].
#[test]
fn a_letter_brings_only_its_authors_own_posts() {
    let (mut attack, _) = in_a_room();
    let mut elsewhere = of_his(2, 9, "said elsewhere");
    elsewhere.content.room = RoomId([8; 16]);
    let elsewhere = signed(MALLORY, elsewhere);
    let mut damaged = said(1, 9, "not what was signed");
    damaged.head.content.sent += 1;
    let mut other_device = of_his(1, 9, "of another device");
    other_device.content.feed.device = PublicKey([9; 32]);
    let mut edit = change("mallory", MALLORY, 1, PostKind::Edit { of: 3 }, "of what comes later");
    edit.content.feed.device = device().public();
    let letters = [
        vec![],
        vec![signed(CAROL, content("carol", CAROL, 1, 9, "handed on"))],
        vec![signed(MALLORY, content("carol", MALLORY, 1, 9, "in her name"))],
        vec![signed(MALLORY, other_device)],
        vec![said(1, 9, "here"), elsewhere.clone()],
        vec![elsewhere],
        vec![said(2, 9, "two"), said(1, 9, "one")],
        vec![said(1, 9, "one"), said(1, 9, "one")],
        vec![said(0, 9, "none")],
        vec![signed(MALLORY, edit)],
        vec![damaged],
    ];
    for posts in letters {
        leave(&mut attack, posts);
        assert!(is_empty(&attack), "it is not wanted later either");
    }
    assert_eq!(shown(&attack.world.seen(0)), []);
    leave(&mut attack, vec![said(1, 9, "hello")]);
    assert_eq!(shown(&attack.world.seen(0)), [("mallory", "hello")]);
}

/// Whoever claims to know of a change that there is not has the room asked for once, whatever he leaves.
#[test]
fn a_letter_from_the_future_costs_one_question() {
    let (mut attack, _) = in_a_room();
    let count = |attack: &Attack| attack.world.server.log.iter().filter(|it| *it == "Room").count();
    let before = count(&attack);
    // Mallory is muted, and claims to know of a later change.
    let (alice, mallory) = (Name::new("alice").unwrap(), Name::new("mallory").unwrap());
    let change = Change::Muted { name: mallory, muted: true, by: alice.clone() };
    let server = &mut attack.world.server;
    server.rooms[0].apply(10, &change).unwrap();
    server.notify(&alice, Notice::RoomChanged { room: ROOM, version: 10, change });
    attack.world.run_ms(100);
    for number in 1..=5 {
        leave(&mut attack, vec![said(number, u64::MAX, "from the future")]);
        assert!(is_empty(&attack), "once it is known how the room is, it is judged");
    }
    assert_eq!(count(&attack) - before, 1);
    assert_eq!(shown(&attack.world.seen(0)), []);
}

/// Nothing is gone from the mailbox before the database has it.
#[test]
fn a_letter_that_cannot_be_kept_stays() {
    let (mut attack, _) = in_a_room();
    attack.world.break_database(0, Some("ReceivePost"));
    let posts = chain(&["one", "two", "three"]);
    leave(&mut attack, posts[..2].to_vec());
    assert!(!is_empty(&attack));
    let seen = attack.world.seen(0);
    assert!(shown(&seen).is_empty());
    let is_told = |output: &Output| matches!(output, Output::Error { text } if text.contains("could not be kept"));
    assert!(seen.iter().any(is_told), "{seen:?}");
    attack.world.break_database(0, None);
    leave(&mut attack, posts[2..].to_vec());
    assert!(is_empty(&attack));
    let seen = attack.world.seen(0);
    assert_eq!(shown(&seen), [("mallory", "one"), ("mallory", "two"), ("mallory", "three")]);
}
