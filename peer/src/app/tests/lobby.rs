//! The room that everybody is in, when everybody is many [W-165].

use wire::app::identity::Identity;
use wire::app::name::Name;
use wire::app::room::{
    Access, Backlog, MAX_IN_LOBBY, Member, Role, Room, RoomId, RoomName, Standing,
};
use wire::app::server::{Notice, Presence, Refusal};

use super::world::World;
use crate::app::links::MAX_FOR_ROOMS;
use crate::output::Output;

fn user(n: usize) -> Name {
    Name::new(&format!("user{n:04}")).unwrap()
}

/// Alice is in a full lobby, and everybody is online; so is `user1024`, who is not in it.
fn in_a_full_lobby() -> World {
    let mut world = World::logged_in(1);
    let alice = Name::new("alice").unwrap();
    let identity = world.server.accounts[&alice].identity.unwrap();
    let member = |name, identity| {
        let standing = Standing::In { role: Role::Member, muted: None };
        Member { name, identity, joined: 1, standing }
    };
    let others =
        (1..MAX_IN_LOBBY).map(|n| member(user(n), Identity::from_secret(&[9; 32]).public()));
    world.server.rooms.push(Room {
        id: RoomId([7; 16]),
        name: RoomName::lobby(),
        topic: String::new(),
        access: Access::Open,
        backlog: Backlog::Shared,
        version: 2000,
        members: [member(alice.clone(), identity)].into_iter().chain(others).collect(),
        invited: Vec::new(),
    });
    for n in 1..=MAX_IN_LOBBY {
        let presence = Presence { online: true, ..Presence::gone(user(n), 1) };
        world.server.notify(&alice, Notice::PresenceChanged(presence));
    }
    world.line(0, "/join lobby");
    world.run_ms(500);
    world
}

/// Each who lacks what was said is called, but not so many that nobody else could be: they hear it
/// from each other.
#[test]
fn a_crowded_lobby_leaves_links_to_others() {
    let mut world = in_a_full_lobby();
    world.server.refuse_introductions = Some(Refusal::TooManyRequests { seconds: 3600 });
    world.server.log.clear();
    world.line(0, "/all good morning");
    world.run_ms(2000);
    let asked = |world: &World| world.server.log.iter().filter(|name| *name == "Introduce").count();
    assert_eq!(asked(&world), MAX_FOR_ROOMS);
    world.line(0, &format!("@{} hello", user(MAX_IN_LOBBY)));
    world.run_ms(500);
    assert_eq!(asked(&world), MAX_FOR_ROOMS + 1);
}

#[test]
fn whoever_finds_the_lobby_full_is_told() {
    let mut world = World::logged_in(1);
    world.seen(0);
    world.server.notify(&Name::new("alice").unwrap(), Notice::LobbyFull);
    world.run_ms(100);
    let is_told = |output: &Output| matches!(output, Output::Info { text } if text.contains("#lobby") && text.contains("full"));
    assert_eq!(world.seen(0).iter().filter(|output| is_told(output)).count(), 1);
}
