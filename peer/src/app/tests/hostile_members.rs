//! Mallory is in a room with Alice, Carol and others, and keeps to no rules.

use wire::app::framing::encode;
use wire::app::identity::{Identity, IdentityKey};
use wire::app::name::Name;
use wire::app::peer::{Chat, MAX_TEXT};
use wire::app::post::{Body, Content, Feed, Held, Holdings, Post, PostKind, Said};
use wire::app::room::{Access, Backlog, Member, Role, Room, RoomId, RoomName, Standing};
use wire::{Class, PublicKey, StreamId};

use super::hostile::Attack;
use crate::output::Output;

pub(super) const ROOM: RoomId = RoomId([7; 16]);
pub(super) const MALLORY: u8 = 66;
pub(super) const CAROL: u8 = 3;

pub(super) fn identity(of: u8) -> Identity {
    Identity::from_secret(&[of; 32])
}

fn member(name: &str, identity: IdentityKey, standing: Standing) -> Member {
    Member { name: Name::new(name).unwrap(), identity, joined: 1, standing }
}

/// Alice is in the room with Mallory, and with Carol, who is not there.
pub(super) fn in_a_room() -> (Attack, StreamId) {
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

/// A post before it is signed.
pub(super) struct Draft {
    pub(super) content: Content,
    pub(super) said: Said,
}

pub(super) fn content(author: &str, of: u8, number: u64, version: u64, body: &str) -> Draft {
    let content = Content {
        room: ROOM,
        author: Name::new(author).unwrap(),
        feed: Feed { author: identity(of).public(), device: PublicKey([of; 32]) },
        number,
        previous: [0; 32],
        version,
        sent: 1,
        kind: PostKind::Plain,
        text: [0; 32],
    };
    Draft { content, said: Said { salt: [of; 16], text: body.to_owned() } }
}

/// The same, which changes another one.
pub(super) fn change(author: &str, of: u8, number: u64, kind: PostKind, body: &str) -> Draft {
    let mut draft = content(author, of, number, 5, body);
    draft.content.kind = kind;
    draft
}

pub(super) fn signed(signer: u8, Draft { content, said }: Draft) -> Post {
    Post::sign(&identity(signer), content, said)
}

fn post(signer: u8, draft: Draft) -> Vec<u8> {
    handed(signed(signer, draft))
}

pub(super) fn handed(post: Post) -> Vec<u8> {
    encode(&Chat::Post(Box::new(post)))
}

pub(super) fn shown(outputs: &[Output]) -> Vec<(&str, &str)> {
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
    elsewhere.content.room = RoomId([8; 16]);
    let Ok(Some(Chat::Post(mut moved))) = decoded(&post(CAROL, elsewhere)) else { panic!() };
    moved.head.content.room = ROOM;
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
        content.content.feed.device = PublicKey([device; 32]);
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

/// A change is of its author's own posts: nobody names another's [W-172].
#[test]
fn only_what_one_has_said_oneself_is_changed() {
    let (mut attack, stream) = in_a_room();
    attack.write(stream, &post(CAROL, content("carol", CAROL, 1, 5, "hello")));
    let mine = signed(MALLORY, content("mallory", MALLORY, 1, 5, "mine"));
    attack.write(stream, &handed(mine.clone()));
    attack.world.seen(0);
    let mut edit = change("mallory", MALLORY, 2, PostKind::Edit { of: 1 }, "changed");
    edit.content.previous = mine.content().hash();
    attack.write(stream, &post(MALLORY, edit));
    let seen = attack.world.seen(0);
    let changed = seen.iter().filter_map(|output| match output {
        Output::Changed { from, with, line, text, .. } => {
            Some((from.as_str(), with.as_str(), *line, text.as_deref()))
        }
        _ => None,
    });
    assert_eq!(changed.collect::<Vec<_>>(), [("mallory", "#team", 2, Some("changed"))]);
    // In Carol's name, but signed by Mallory.
    let mut forged = change("carol", CAROL, 2, PostKind::Unsend { of: 1 }, "");
    forged.content.version = 9;
    attack.write(stream, &post(MALLORY, forged));
    let seen = attack.world.seen(0);
    let is_changed = |output: &Output| matches!(output, Output::Changed { .. });
    assert!(!seen.iter().any(is_changed), "{seen:?}");
    assert!(seen.iter().any(|output| matches!(output, Output::Error { .. })), "{seen:?}");
}

/// Who hands on a post cannot leave out its text, but with a change of it that its author has signed [W-173],
/// and may have said at that time [W-175].
#[test]
fn a_text_is_left_out_only_where_its_author_wants_that() {
    let gone = |post: &Post, change: &Post| {
        let body = Body::Gone(Box::new(change.head.clone()));
        handed(Post { body, ..post.clone() })
    };
    let (mut attack, stream) = in_a_room();
    let carols = signed(CAROL, content("carol", CAROL, 1, 5, "hello"));
    let forged = signed(MALLORY, change("carol", CAROL, 2, PostKind::Unsend { of: 1 }, ""));
    attack.write(stream, &gone(&carols, &forged));
    let seen = attack.world.seen(0);
    assert!(seen.iter().any(|output| matches!(output, Output::Error { .. })), "{seen:?}");
    // Dave is muted since, and Erin was put out.
    for (name, of, late) in [("dave", 4, 6), ("erin", 5, 5)] {
        let his = signed(of, content(name, of, 1, 2, "before"));
        let mut unsend = change(name, of, 2, PostKind::Unsend { of: 1 }, "");
        unsend.content.version = late;
        let unsend = signed(of, unsend);
        attack.write(stream, &handed(unsend.clone()));
        attack.write(stream, &gone(&his, &unsend));
        attack.write(stream, &handed(his));
    }
    attack.write(stream, &handed(carols));
    let seen = attack.world.seen(0);
    let expected = [("dave", "before"), ("erin", "before"), ("carol", "hello")];
    assert_eq!(shown(&seen), expected);
    // What proves nothing is no mistake of the line's.
    let other = signed(CAROL, change("carol", CAROL, 3, PostKind::Unsend { of: 2 }, ""));
    attack.write(stream, &gone(&signed(CAROL, content("carol", CAROL, 4, 5, "x")), &other));
    let seen = attack.world.seen(0);
    assert!(matches!(&seen[..], [Output::Link { state: "lost", .. }]), "{seen:?}");
}
