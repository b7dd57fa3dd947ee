//! Mallory is in a room with Alice, Carol and others, and keeps to no rules.

use wire::app::framing::encode;
use wire::app::identity::{Identity, IdentityKey};
use wire::app::name::Name;
use wire::app::peer::{Chat, MAX_TEXT};
use wire::app::post::{Content, Feed, Held, Holdings, Post};
use wire::app::room::{Access, Backlog, Member, Role, Room, RoomId, RoomName, Standing};
use wire::{Class, PublicKey, StreamId};

use super::hostile::Attack;
use crate::output::Output;

const ROOM: RoomId = RoomId([7; 16]);
const MALLORY: u8 = 66;
const CAROL: u8 = 3;

fn identity(of: u8) -> Identity {
    Identity::from_secret(&[of; 32])
}

fn member(name: &str, identity: IdentityKey, standing: Standing) -> Member {
    Member { name: Name::new(name).unwrap(), identity, joined: 1, standing }
}

/// Alice is in the room with Mallory, and with Carol, who is not there.
fn in_a_room() -> (Attack, StreamId) {
    let mut attack = Attack::new();
    let alice = attack.world.server.accounts[&Name::new("alice").unwrap()].identity.unwrap();
    let here = |muted| Standing::In { role: Role::Member, muted };
    let gone = Standing::Out { at: 5, kicked: true };
    attack.world.server.rooms.push(Room {
        id: ROOM,
        name: RoomName::new("team").unwrap(),
        topic: String::new(),
        access: Access::Open,
        backlog: Backlog::Shared,
        version: 9,
        members: vec![
            member("alice", alice, here(None)),
            member("carol", identity(CAROL).public(), here(None)),
            member("dave", identity(4).public(), here(Some(6))),
            member("erin", identity(5).public(), gone),
            member("mallory", identity(MALLORY).public(), here(None)),
        ],
        invited: Vec::new(),
    });
    attack.world.line(0, "/join team");
    attack.world.run_ms(200);
    attack.world.seen(0);
    let stream = attack.open(Class::Chat);
    (attack, stream)
}

fn content(author: &str, of: u8, number: u64, version: u64, body: &str) -> Content {
    Content {
        room: ROOM,
        author: Name::new(author).unwrap(),
        feed: Feed { author: identity(of).public(), device: PublicKey([of; 32]) },
        number,
        previous: [0; 32],
        version,
        sent: 1,
        body: body.to_owned(),
    }
}

fn post(signer: u8, content: Content) -> Vec<u8> {
    encode(&Chat::Post(Box::new(Post::sign(&identity(signer), content))))
}

fn shown(outputs: &[Output]) -> Vec<(&str, &str)> {
    let shown = outputs.iter().filter_map(|output| match output {
        Output::Message { from, text, .. } => Some((from.as_str(), text.as_str())),
        _ => None,
    });
    shown.collect()
}

#[test]
fn only_what_its_author_has_signed_is_shown() {
    let (mut attack, stream) = in_a_room();
    attack.write(stream, &post(MALLORY, content("carol", CAROL, 1, 9, "signed by mallory")));
    attack.write(stream, &post(MALLORY, content("carol", MALLORY, 1, 9, "with another key")));
    attack.write(stream, &post(MALLORY, content("nobody", MALLORY, 1, 9, "nobody is there")));
    let mut elsewhere = content("carol", CAROL, 1, 9, "said elsewhere");
    elsewhere.room = RoomId([8; 16]);
    let Ok(Some(Chat::Post(mut moved))) = decoded(&post(CAROL, elsewhere)) else { panic!() };
    moved.content.room = ROOM;
    attack.write(stream, &encode(&Chat::Post(moved)));
    let seen = attack.world.seen(0);
    assert!(shown(&seen).is_empty(), "{seen:?}");
    let errors = seen.iter().filter(|output| matches!(output, Output::Error { .. })).count();
    assert_eq!(errors, 1, "told once: {seen:?}");
    // What Carol has signed, anybody may hand on.
    attack.write(stream, &post(CAROL, content("carol", CAROL, 1, 9, "hello")));
    attack.write(stream, &post(MALLORY, content("mallory", MALLORY, 1, 9, "hi")));
    assert_eq!(shown(&attack.world.seen(0)), [("carol", "hello"), ("mallory", "hi")]);
}

#[test]
fn who_is_muted_or_out_is_heard_only_with_what_was_said_before() {
    let (mut attack, stream) = in_a_room();
    attack.write(stream, &post(4, content("dave", 4, 2, 6, "muted")));
    attack.write(stream, &post(5, content("erin", 5, 2, 5, "gone")));
    assert!(shown(&attack.world.seen(0)).is_empty());
    attack.write(stream, &post(4, content("dave", 4, 1, 5, "before")));
    attack.write(stream, &post(5, content("erin", 5, 1, 4, "before")));
    assert_eq!(shown(&attack.world.seen(0)), [("dave", "before"), ("erin", "before")]);
}

#[test]
fn two_things_under_one_number_are_told_and_only_the_first_is_kept() {
    let (mut attack, stream) = in_a_room();
    attack.write(stream, &post(MALLORY, content("mallory", MALLORY, 2, 9, "two")));
    attack.write(stream, &post(MALLORY, content("mallory", MALLORY, 3, 9, "after another two")));
    attack.write(stream, &post(MALLORY, content("mallory", MALLORY, 4, 9, "and so on")));
    let seen = attack.world.seen(0);
    assert_eq!(shown(&seen), [("mallory", "two"), ("mallory", "and so on")]);
    let is_told = |output: &Output| matches!(output, Output::Error { text } if text.contains("different things"));
    assert_eq!(seen.iter().filter(|output| is_told(output)).count(), 1, "{seen:?}");
    assert!(matches!(seen.last(), Some(Output::Message { gap: true, .. })), "{seen:?}");
}

#[test]
fn what_cannot_be_ends_the_link() {
    let held = |runs: &[(u64, u64)]| {
        let feed = Feed { author: identity(CAROL).public(), device: PublicKey([CAROL; 32]) };
        let feeds = vec![Held { feed, runs: runs.to_vec() }];
        encode(&Chat::Holdings(Holdings { room: ROOM, complete: true, feeds }))
    };
    for bytes in [
        held(&[(0, 1)]),
        held(&[(2, 1)]),
        held(&[(5, 9), (1, 3)]),
        held(&[(1, 3), (3, 4)]),
        held(&[(1, 1), (3, 3), (5, 5), (7, 7), (9, 9), (11, 11), (13, 13), (15, 15), (17, 17)]),
        post(MALLORY, content("mallory", MALLORY, 0, 9, "before the first")),
        post(MALLORY, content("mallory", MALLORY, 1, 9, &"x".repeat(MAX_TEXT + 1))),
    ] {
        let (mut attack, stream) = in_a_room();
        attack.write(stream, &bytes);
        assert!(attack.is_out(), "{:?}", &bytes[..16]);
    }
}

/// One member cannot have more feeds than all can tell each other of.
#[test]
fn an_author_has_so_many_devices_and_no_more() {
    let (mut attack, stream) = in_a_room();
    for device in 0..40 {
        let mut content = content("mallory", MALLORY, 1, 9, "hi");
        content.feed.device = PublicKey([device; 32]);
        attack.write(stream, &post(MALLORY, content));
    }
    assert_eq!(shown(&attack.world.seen(0)).len(), 16);
}

/// Whatever Mallory claims to hold, or says that she has taken.
#[test]
fn claims_do_no_harm() {
    let (mut attack, stream) = in_a_room();
    attack.world.line(0, "#team hello");
    attack.world.run_ms(100);
    let feed = Feed { author: identity(CAROL).public(), device: PublicKey([CAROL; 32]) };
    for n in 0..300 {
        let runs = vec![(1, u64::MAX - n - 2), (u64::MAX, u64::MAX)];
        let feeds = vec![Held { feed, runs }];
        let room = if n % 3 == 0 { RoomId([n.to_be_bytes()[7]; 16]) } else { ROOM };
        let holdings = Holdings { room, complete: n % 2 == 0, feeds };
        attack.write(stream, &encode(&Chat::Holdings(holdings)));
        let taken = wire::app::post::Taken { room: ROOM, feed, number: n, kept: true };
        attack.write(stream, &encode(&Chat::Taken(taken)));
    }
    let held = attack.world.app(0).buffered_bytes();
    assert!(held < 4 << 20, "{held}");
    attack.write(stream, &post(CAROL, content("carol", CAROL, 1, 9, "still here")));
    assert_eq!(shown(&attack.world.seen(0)), [("carol", "still here")]);
}

fn decoded(bytes: &[u8]) -> Result<Option<Chat>, wire::app::framing::FramingError> {
    let mut deframer = wire::app::framing::Deframer::default();
    deframer.buffer().extend_from_slice(bytes);
    deframer.next()
}
