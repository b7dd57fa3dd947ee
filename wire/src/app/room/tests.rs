//! What changes make of a room.

use super::*;
use crate::app::name::MAX_CHARS;

const KEY: IdentityKey = IdentityKey([1; 32]);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn joined(room: &Room, who: &str, role: Role) -> Change {
    let standing = Standing::In { role, muted: None };
    let joined = room.version + 1;
    Change::Joined(Member { name: name(who), identity: KEY, joined, standing })
}

/// With alice as its owner.
fn room() -> Room {
    let mut room = Room {
        id: RoomId([7; 16]),
        name: RoomName::new("cats").unwrap(),
        topic: String::new(),
        access: Access::Open,
        backlog: Backlog::Shared,
        version: 0,
        members: Vec::new(),
        invited: Vec::new(),
    };
    let alice = joined(&room, "alice", Role::Owner);
    make(&mut room, &alice);
    room
}

fn try_to_make(room: &mut Room, change: &Change) -> Result<(), DoesNotFollow> {
    let before = room.clone();
    let made = room.apply(room.version + 1, change);
    assert_eq!(made.is_err(), *room == before, "a change is made or it is not");
    made
}

fn make(room: &mut Room, change: &Change) {
    assert_eq!(try_to_make(room, change), Ok(()), "{change:?}");
}

fn come(room: &mut Room, who: &str, role: Role) {
    let change = joined(room, who, role);
    make(room, &change);
}

fn invited(who: &str) -> Change {
    Change::Invited(Invitation { name: name(who), by: name("alice") })
}

fn muted(who: &str, muted: bool) -> Change {
    Change::Muted { name: name(who), muted, by: name("alice") }
}

fn kicked(who: &str) -> Change {
    Change::Kicked { name: name(who), by: name("alice") }
}

#[test]
fn changes_follow_each_other() {
    let mut room = room();
    assert_eq!(room.apply(3, &invited("bob")), Err(DoesNotFollow), "one is missing");
    assert_eq!(room.apply(1, &invited("bob")), Err(DoesNotFollow), "known already");
    make(&mut room, &invited("bob"));
    assert_eq!(room.invitation(&name("bob")).unwrap().by, name("alice"));
    come(&mut room, "bob", Role::Member);
    assert_eq!(room.invited, [], "used up");
    assert_eq!(room.member(&name("bob")).unwrap().joined, 3);
    let role = Change::Role { name: name("bob"), role: Role::Operator, by: None };
    make(&mut room, &role);
    assert_eq!(room.role(&name("bob")), Some(Role::Operator));
    make(&mut room, &muted("bob", true));
    let standing = Standing::In { role: Role::Operator, muted: Some(5) };
    assert_eq!(room.member(&name("bob")).unwrap().standing, standing);
    make(&mut room, &muted("bob", false));
    let topic = Change::Topic { topic: "mice".to_owned(), by: name("alice") };
    make(&mut room, &topic);
    let renamed = Change::Renamed { name: RoomName::lobby(), by: name("alice") };
    make(&mut room, &renamed);
    assert_eq!((room.topic.as_str(), room.name.as_str()), ("mice", "lobby"));
    make(&mut room, &invited("carol"));
    make(&mut room, &Change::NotInvited { name: name("carol"), by: name("carol") });
    assert_eq!(room.invited, []);
    make(&mut room, &Change::Left(name("bob")));
    let standing = Standing::Out { at: 11, kicked: false };
    assert_eq!(room.member(&name("bob")).unwrap().standing, standing);
    assert_eq!(room.present().map(|member| &member.name).collect::<Vec<_>>(), [&name("alice")]);
    assert_eq!(room.role(&name("bob")), None);
}

#[test]
fn nobody_is_changed_who_is_not_there() {
    let mut room = room();
    come(&mut room, "bob", Role::Member);
    make(&mut room, &kicked("bob"));
    for who in ["bob", "nobody"] {
        let role = Change::Role { name: name(who), role: Role::Owner, by: None };
        for change in [Change::Left(name(who)), kicked(who), muted(who, true), role] {
            assert_eq!(try_to_make(&mut room, &change), Err(DoesNotFollow), "{change:?}");
        }
    }
    let again = joined(&room, "alice", Role::Member);
    assert_eq!(try_to_make(&mut room, &again), Err(DoesNotFollow), "she is in it");
    let standing = Standing::Out { at: 1, kicked: false };
    let gone = Member { name: name("carol"), identity: KEY, joined: 1, standing };
    assert_eq!(try_to_make(&mut room, &Change::Joined(gone)), Err(DoesNotFollow));
    room.version = u64::MAX;
    assert_eq!(room.apply(0, &invited("bob")), Err(DoesNotFollow), "as a server may lie");
}

#[test]
fn whoever_leaves_while_muted_is_not_back_at_once() {
    let kicked_afterwards = |before: &[Change], end: Change| {
        let mut room = room();
        come(&mut room, "bob", Role::Member);
        for change in before {
            make(&mut room, change);
        }
        make(&mut room, &end);
        match room.member(&name("bob")).unwrap().standing {
            Standing::Out { kicked, .. } => kicked,
            Standing::In { .. } => panic!("he left"),
        }
    };
    let left = Change::Left(name("bob"));
    assert!(!kicked_afterwards(&[], left.clone()));
    assert!(kicked_afterwards(&[], kicked("bob")));
    assert!(kicked_afterwards(&[muted("bob", true)], left.clone()));
    assert!(!kicked_afterwards(&[muted("bob", true), muted("bob", false)], left));
}

#[test]
fn a_room_does_not_grow_beyond_its_limits() {
    let mut room = room();
    for n in 1..MAX_MEMBERS {
        come(&mut room, &format!("user{n}"), Role::Member);
    }
    let change = joined(&room, "late", Role::Member);
    assert_eq!(try_to_make(&mut room, &change), Err(DoesNotFollow));
    for n in 0..MAX_INVITED {
        make(&mut room, &invited(&format!("guest{n}")));
    }
    assert_eq!(try_to_make(&mut room, &invited("late")), Err(DoesNotFollow));
    make(&mut room, &invited("guest1"));
    let topic = |len| Change::Topic { topic: "x".repeat(len), by: name("alice") };
    assert_eq!(try_to_make(&mut room, &topic(MAX_TOPIC + 1)), Err(DoesNotFollow));
    make(&mut room, &topic(MAX_TOPIC));
}

#[test]
fn the_longest_gone_are_forgotten_and_the_kicked_last() {
    let mut room = room();
    for n in 0..=MAX_FORMER {
        come(&mut room, &format!("user{n}"), Role::Member);
        let who = name(&format!("user{n}"));
        let end = if n == 0 { kicked("user0") } else { Change::Left(who) };
        make(&mut room, &end);
    }
    assert_eq!(room.members.len(), 1 + MAX_FORMER);
    assert!(room.member(&name("user0")).is_some(), "kicked");
    assert!(room.member(&name("user1")).is_none(), "gone longest");
    assert!(room.member(&name("user2")).is_some());
}

#[test]
fn the_heir_is_the_operator_or_else_the_member_who_is_longest_there() {
    let mut room = room();
    let alice = name("alice");
    assert_eq!(room.heir(&alice), None, "nobody else");
    for (who, role) in [
        ("zoe", Role::Member),
        ("bob", Role::Member),
        ("yoda", Role::Operator),
        ("carol", Role::Operator),
    ] {
        come(&mut room, who, role);
    }
    assert_eq!(room.heir(&alice), Some(&name("yoda")));
    for gone in ["yoda", "carol"] {
        make(&mut room, &kicked(gone));
    }
    assert_eq!(room.heir(&alice), Some(&name("zoe")));
    assert_eq!(room.heir(&name("zoe")), None, "there is an owner");
    come(&mut room, "dave", Role::Owner);
    assert_eq!(room.heir(&alice), None, "there is another owner");
}

#[test]
fn the_lobby_is_one_name_more_and_looks_like_nothing_else() {
    assert_eq!(RoomName::new("LOBBY").unwrap(), RoomName::lobby());
    assert_eq!(RoomName::try_from("lobby".to_owned()).unwrap(), RoomName::lobby());
    assert!(RoomName::try_from("Lobby".to_owned()).is_err(), "not as it is prepared");
    assert_eq!(RoomName::new("lobby.x"), Err(NameError::Reserved));
    assert_eq!(RoomName::new("l0bby").unwrap().skeleton(), RoomName::lobby().skeleton());
    assert_eq!(RoomName::new("Cats").unwrap().as_str(), "cats");
    assert_eq!(RoomName::new("all"), Err(NameError::Reserved));
    assert_eq!(RoomName::new(&"x".repeat(MAX_CHARS + 1)), Err(NameError::TooLong));
}
