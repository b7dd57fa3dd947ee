//! The room that everybody is in, where the server has one.

use rendezvous::{Lobby, Policy};
use wire::app::room::{
    Access, Backlog, Change, MAX_IN_LOBBY, Relation, Role, Room, RoomId, RoomName, RoomRefusal,
    RoomRequest,
};
use wire::app::server::{Notice, Request, Response};
use wire::time::Duration;

use crate::room_limits::crowd;
use crate::rooms::{all_of, changes, create, given, join, left, list, people, refused};
use crate::world::{World, name};

fn with_lobby() -> World {
    World::new(Policy { lobby: Lobby::open(), ..Policy::default() })
}

fn lobby_of(world: &mut World, client: usize) -> Room {
    world.pass(Duration::from_millis(100));
    let id = id_of(world, client);
    given(world, client, RoomRequest::Get(id))
}

fn id_of(world: &mut World, client: usize) -> RoomId {
    let rooms = crate::rooms::summaries(world, client);
    rooms.iter().find(|room| room.name == RoomName::lobby()).unwrap().id
}

fn joined(world: &mut World, client: usize) -> Vec<String> {
    let come = changes(world, client).into_iter().filter_map(|change| match change {
        Change::Joined(member) => Some(member.name.to_string()),
        _ => None,
    });
    come.collect()
}

#[test]
fn everybody_is_in_the_lobby_from_the_first_login_on() {
    let mut world = with_lobby();
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    assert_eq!(joined(&mut world, alice), ["alice", "bob"]);
    assert_eq!(joined(&mut world, bob), ["bob"]);
    let room = lobby_of(&mut world, alice);
    assert_eq!(room, lobby_of(&mut world, bob));
    assert_eq!((room.access, room.backlog, room.version), (Access::Open, Backlog::Shared, 2));
    assert!(room.present().all(|member| member.role() == Some(Role::Member)), "nobody owns it");
    world.resume(alice, "alice");
    world.restart();
    world.until("reset", |world| world.at(alice).closed.is_some());
    world.resume(alice, "alice");
    assert_eq!(lobby_of(&mut world, alice), room, "nothing new");
    let carol = world.registered(9, "carol");
    assert_eq!(joined(&mut world, alice), ["carol"]);
    assert_eq!(lobby_of(&mut world, carol).id, room.id);
}

#[test]
fn whoever_leaves_the_lobby_is_out_until_he_joins() {
    let mut world = with_lobby();
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    let room = lobby_of(&mut world, alice);
    for client in [alice, bob] {
        changes(&mut world, client);
        crate::rooms::done(&mut world, client, RoomRequest::Leave(room.id));
    }
    assert_eq!(changes(&mut world, alice), [left("alice")], "nobody inherits");
    assert_eq!(changes(&mut world, bob), [left("bob")]);
    world.resume(alice, "alice");
    assert_eq!(list(&mut world, alice), [("lobby".to_owned(), Relation::Former)]);
    let again = given(&mut world, alice, join("lobby"));
    assert_eq!((again.id, again.version), (room.id, 5), "empty, it was still there");
    crate::rooms::done(&mut world, alice, RoomRequest::Invite(room.id, name("bob")));
    given(&mut world, bob, join("lobby"));
}

#[test]
fn nobody_rules_the_lobby() {
    let mut world = with_lobby();
    let [alice, bob, _] = people(&mut world, ["alice", "bob", "carol"]);
    let id = lobby_of(&mut world, alice).id;
    for request in all_of(id) {
        let is_everybodys = !matches!(
            request,
            RoomRequest::Get(_) | RoomRequest::Leave(_) | RoomRequest::Invite(..)
        );
        if is_everybodys {
            assert_eq!(refused(&mut world, alice, request), RoomRefusal::Lobby);
        }
    }
    let request = create(RoomId([5; 16]), "lobby", Access::Open, &[]);
    assert_eq!(refused(&mut world, bob, request), RoomRefusal::Lobby);
}

/// [W-165] However many accounts there are.
#[test]
fn whoever_is_not_there_makes_way_in_a_full_lobby() {
    let mut world = World::new(Policy { lobby: Lobby::Open { places: 3 }, ..Policy::default() });
    let [alice, bob, carol] = people(&mut world, ["alice", "bob", "carol"]);
    let id = lobby_of(&mut world, alice).id;
    for client in [carol, bob] {
        assert_eq!(world.ask(client, Request::Logout), Response::Done);
        world.pass(Duration::from_secs(2));
    }
    changes(&mut world, alice);

    let dave = world.registered(4, "dave");
    world.pass(Duration::from_millis(100));
    assert_eq!(
        people_in(&mut world, alice),
        ["alice", "bob", "dave"],
        "carol was gone for longest"
    );
    assert_eq!(changes(&mut world, alice)[0], left("carol"));
    assert_eq!(lobby_of(&mut world, dave), lobby_of(&mut world, alice));

    world.resume(carol, "carol");
    assert_eq!(people_in(&mut world, alice), ["alice", "carol", "dave"], "and is in it again");
    assert!(!world.at(carol).notices.contains(&Notice::LobbyFull));

    // Now all are there. Who comes is told, and comes in when somebody goes.
    world.resume(bob, "bob");
    world.pass(Duration::from_millis(100));
    assert!(world.at(bob).notices.contains(&Notice::LobbyFull));
    assert_eq!(people_in(&mut world, alice), ["alice", "carol", "dave"]);
    assert_eq!(list(&mut world, bob), [("lobby".to_owned(), Relation::Former)]);
    assert_eq!(refused(&mut world, bob, join("lobby")), RoomRefusal::Full);
    assert_eq!(world.ask(dave, Request::Logout), Response::Done);
    let room = given(&mut world, bob, join("lobby"));
    assert_eq!(room, lobby_of(&mut world, alice), "what he is given is all of it");
    assert_eq!(people_in(&mut world, bob), ["alice", "bob", "carol"]);

    // A blip takes nobody's place; who has left himself is not brought back.
    world.at(carol).cut = true;
    world.until("lost", |world| world.server.status().online == 2);
    assert_eq!(refused_to_enter(&mut world, dave, "dave"), RoomRefusal::Full);
    crate::rooms::done(&mut world, alice, RoomRequest::Leave(id));
    world.resume(alice, "alice");
    assert_eq!(people_in(&mut world, bob), ["bob", "carol"]);
}

fn refused_to_enter(world: &mut World, client: usize, user: &str) -> RoomRefusal {
    world.resume(client, user);
    world.pass(Duration::from_millis(100));
    assert!(world.at(client).notices.contains(&Notice::LobbyFull));
    refused(world, client, join("lobby"))
}

fn people_in(world: &mut World, client: usize) -> Vec<String> {
    lobby_of(world, client).present().map(|member| member.name.to_string()).collect()
}

/// [W-165] A thousand accounts that are not there keep nobody out, and what is told of the largest
/// lobby is taken.
#[test]
fn accounts_that_ever_were_do_not_fill_the_lobby() {
    let mut world = with_lobby();
    let [alice] = people(&mut world, ["alice"]);
    world.pass(Duration::from_millis(100));
    crowd(&mut world, (1..MAX_IN_LOBBY).map(|n| format!("user{n}")));
    let places = MAX_IN_LOBBY;
    let enter = |n: usize| rendezvous::StoreRequest::EnterLobby {
        name: name(&format!("user{n}")),
        id: RoomId([1; 16]),
        places,
        absent: Vec::new(),
    };
    let requests: Vec<_> = (1..MAX_IN_LOBBY).map(enter).collect();
    world.store.execute(&requests);
    assert_eq!(people_in(&mut world, alice).len(), MAX_IN_LOBBY);
    let bob = world.registered(2, "bob");
    let room = lobby_of(&mut world, bob);
    assert_eq!(room.present().count(), MAX_IN_LOBBY);
    assert!(room.role(&name("alice")).is_some() && room.role(&name("bob")).is_some());
}

/// The operator's wish: nobody is put in a room by a server without one, and one that was there is
/// shut, until it is wanted again.
#[test]
fn without_the_option_there_is_no_lobby() {
    let mut world = World::new(Policy::default());
    let [alice] = people(&mut world, ["alice"]);
    assert_eq!(changes(&mut world, alice), []);
    assert_eq!(refused(&mut world, alice, join("lobby")), RoomRefusal::UnknownRoom);
    let request = create(RoomId([5; 16]), "lobby", Access::Open, &[]);
    assert_eq!(refused(&mut world, alice, request), RoomRefusal::Lobby);

    let start_anew = |world: &mut World, lobby| {
        world.policy.lobby = lobby;
        world.restart();
        world.until("reset", |world| world.at(alice).closed.is_some());
        world.resume(alice, "alice");
    };
    start_anew(&mut world, Lobby::open());
    let room = lobby_of(&mut world, alice);
    start_anew(&mut world, Lobby::Shut);
    assert_eq!(list(&mut world, alice), []);
    assert_eq!(refused(&mut world, alice, join("lobby")), RoomRefusal::UnknownRoom);
    for request in all_of(room.id) {
        assert_eq!(refused(&mut world, alice, request), RoomRefusal::UnknownRoom);
    }
    start_anew(&mut world, Lobby::open());
    assert_eq!(lobby_of(&mut world, alice), room, "as it was");
}

#[test]
fn a_removed_account_is_in_the_lobby_no_longer() {
    let mut world = with_lobby();
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    world.ask(bob, Request::Logout);
    changes(&mut world, alice);
    assert!(world.store.delete(&name("bob")).unwrap());
    let meanwhile = world.store.take_meanwhile().unwrap();
    let now = world.now;
    world.server.handle_meanwhile(now, &meanwhile);
    assert_eq!(changes(&mut world, alice), [left("bob")], "nobody inherits");
    let other = world.registered(50, "bob");
    assert_eq!(joined(&mut world, other), ["bob"], "another account");
}
