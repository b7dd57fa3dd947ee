//! Rooms: how many and how large, what blocks and removed accounts mean to them, and that every
//! member's copy stays the server's.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;
use rendezvous::{
    Lobby, NewAccount, NewIdentity, Policy, Rate, RoomOutcome, StoreOutcome, StoreRequest,
};
use wire::app::identity::Identity;
use wire::app::room::{
    Access, Change, MAX_FORMER, MAX_INVITED, MAX_LISTED, MAX_MEMBERS, MAX_ROOMS_OF_ONE, Relation,
    Role, Room, RoomId, RoomRefusal, RoomRequest,
};
use wire::app::server::{Refusal, Request, Response};
use wire::time::Duration;
use wire::{PublicKey, Seed};

use crate::rooms::{
    CATS, changes, create, done, given, inherits, invitations, invite, join, kick, left, list,
    mute, people, refused, rename, role, room_name, summaries, told, topic,
};
use crate::world::{CHEAP, EPOCH, World, name};

/// Makes an account without a client.
pub(crate) fn account(user: &str, identity: Option<&Identity>) -> StoreRequest {
    let identity = identity.map(|identity| NewIdentity {
        identity: identity.public(),
        certificate: identity.certify(user, PublicKey([1; 32]), 1),
        sealed: vec![5; 80],
    });
    StoreRequest::CreateAccount(Box::new(NewAccount {
        name: name(user),
        record: vec![0; 192],
        stretch: CHEAP,
        identity,
        now: EPOCH,
    }))
}

/// Users without clients, who have used their accounts.
pub(crate) fn crowd(world: &mut World, users: impl Iterator<Item = String>) {
    let identity = Identity::from_secret(&[77; 32]);
    let requests: Vec<StoreRequest> = users.map(|user| account(&user, Some(&identity))).collect();
    let outcomes = world.store.execute(&requests);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, StoreOutcome::Session(_))));
}

/// What one of them asks; `Err`: why not.
fn absent(world: &mut World, user: &str, request: RoomRequest) -> Result<RoomOutcome, Refusal> {
    let request = StoreRequest::Room { by: name(user), request, lobby: Lobby::Shut };
    match world.store.execute(&[request]).remove(0) {
        StoreOutcome::Room(outcome) => match outcome.response {
            Response::Refused(refusal) => Err(refusal),
            _ => Ok(*outcome),
        },
        other => panic!("{other:?}"),
    }
}

fn id(number: usize) -> RoomId {
    let mut id = [9; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    RoomId(id)
}

/// No limits of time.
pub(crate) fn unhurried() -> Policy {
    let rate = Rate { burst: 100_000, interval: Duration::from_micros(1) };
    Policy { requests: rate, creations: rate, room_changes: rate, ..Policy::default() }
}

#[test]
fn a_room_has_so_many_members_and_invitations_and_no_more() {
    let mut world = World::new(unhurried());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &[]));
    crowd(&mut world, (1..MAX_MEMBERS.max(MAX_INVITED) + 1).map(|n| format!("user{n}")));
    for n in 1..MAX_MEMBERS {
        absent(&mut world, &format!("user{n}"), join("cats")).unwrap();
    }
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::Full);
    done(&mut world, alice, kick("user1"));
    given(&mut world, bob, join("cats"));
    crowd(&mut world, (0..MAX_INVITED).map(|n| format!("guest{n}")));
    for n in 0..MAX_INVITED {
        absent(&mut world, "alice", invite(&format!("guest{n}"))).unwrap();
    }
    assert_eq!(refused(&mut world, alice, invite("user1")), RoomRefusal::Full);
    assert_eq!(summaries(&mut world, bob)[0].members, 256);

    // The longest gone are forgotten, and what is kept is what is told.
    for n in 2..MAX_MEMBERS {
        absent(&mut world, &format!("user{n}"), RoomRequest::Leave(CATS)).unwrap();
    }
    for n in 0..MAX_FORMER {
        let user = format!("guest{n}");
        absent(&mut world, &user, join("cats")).unwrap();
        absent(&mut world, &user, RoomRequest::Leave(CATS)).unwrap();
    }
    let room = given(&mut world, bob, RoomRequest::Get(CATS));
    assert_eq!(room.members.len(), 2 + MAX_FORMER);
    assert!(room.member(&name("user1")).is_some(), "kicked: kept longest");
    assert!(room.member(&name("user2")).is_none());
    assert_eq!(given(&mut world, alice, RoomRequest::Get(CATS)), room);
}

#[test]
fn one_user_is_in_so_many_rooms_and_no_more() {
    let mut world = World::new(unhurried());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    for n in 0..MAX_ROOMS_OF_ONE {
        given(&mut world, alice, create(id(n), &format!("room{n}"), Access::Invited, &["bob"]));
    }
    let open = create(CATS, "cats", Access::Open, &[]);
    assert_eq!(refused(&mut world, alice, open.clone()), RoomRefusal::TooManyRooms);
    // Invitations keep nobody from going where he wants, but from being invited further.
    crowd(&mut world, ["carol".to_owned()].into_iter());
    let with_bob = create(CATS, "cats", Access::Open, &["bob"]);
    let too_many = Refusal::Room(RoomRefusal::TooManyRooms);
    assert_eq!(absent(&mut world, "carol", with_bob).unwrap_err(), too_many);
    absent(&mut world, "carol", open).unwrap();
    assert_eq!(absent(&mut world, "carol", invite("bob")).unwrap_err(), too_many);
    given(&mut world, bob, join("cats"));
    for n in 1..MAX_ROOMS_OF_ONE {
        given(&mut world, bob, join(&format!("room{n}")));
    }
    assert_eq!(refused(&mut world, bob, join("room0")), RoomRefusal::TooManyRooms);
    done(&mut world, bob, RoomRequest::Leave(CATS));
    given(&mut world, bob, join("room0"));
    assert_eq!(world.store.totals(0).unwrap().rooms, MAX_ROOMS_OF_ONE as u64 + 1);
}

#[test]
fn a_list_begins_with_ones_own_and_is_cut() {
    let mut world = World::new(unhurried());
    let [alice] = people(&mut world, ["alice"]);
    crowd(&mut world, (0..5).map(|n| format!("user{n}")));
    for n in 0..5 * MAX_ROOMS_OF_ONE {
        let (user, called) = (format!("user{}", n % 5), format!("room{n:03}"));
        absent(&mut world, &user, create(id(n), &called, Access::Open, &[])).unwrap();
    }
    let called = |list: &[(String, Relation)]| -> Vec<String> {
        list.iter().map(|(name, _)| name.clone()).collect()
    };
    let listed = list(&mut world, alice);
    let first: Vec<String> = (0..MAX_LISTED).map(|n| format!("room{n:03}")).collect();
    assert_eq!(called(&listed), first);
    assert!(listed.iter().all(|(_, relation)| *relation == Relation::None));
    for last in ["room319", "room317"] {
        given(&mut world, alice, join(last));
    }
    absent(&mut world, "user3", RoomRequest::Invite(id(318), name("alice"))).unwrap();
    done(&mut world, alice, RoomRequest::Leave(id(317)));
    let listed = list(&mut world, alice);
    assert_eq!(called(&listed)[..3], ["room319", "room318", "room000"]);
    assert_eq!(listed.len(), MAX_LISTED);
    assert_eq!(listed[0].1, Relation::Member(Role::Member));
    assert_eq!(listed[1].1, Relation::Invited(name("user3")));
}

#[test]
fn nobody_makes_many_rooms_or_changes_in_a_short_time() {
    let mut world = World::new(Policy::default());
    let [alice] = people(&mut world, ["alice"]);
    for n in 0..10 {
        given(&mut world, alice, create(id(n), &format!("room{n}"), Access::Open, &[]));
    }
    let one_more = create(CATS, "cats", Access::Open, &[]);
    // Nor by a new session.
    world.resume(alice, "alice");
    let refusal = world.refused(alice, Request::Room(one_more.clone()));
    assert!(matches!(refusal, Refusal::TooManyRequests { seconds: 350..=360 }), "{refusal:?}");
    assert_eq!(list(&mut world, alice).len(), 10, "looking is no change");
    world.pass(Duration::from_secs(360));
    given(&mut world, alice, one_more);
    for n in 0..32 {
        done(&mut world, alice, topic(&n.to_string()));
    }
    let refusal = world.refused(alice, Request::Room(topic("mice")));
    assert_eq!(refusal, Refusal::TooManyRequests { seconds: 1 });
}

/// Bob, invited by somebody whom he blocks, is told nothing, and neither is she.
#[test]
fn nobody_learns_of_a_block_by_an_invitation() {
    let mut world = World::new(Policy::default());
    let [alice, bob, carol] = people(&mut world, ["alice", "bob", "carol"]);
    assert_eq!(world.ask(bob, Request::Block(name("alice"))), Response::Done);
    let request = create(CATS, "cats", Access::Invited, &["bob", "carol"]);
    let made = given(&mut world, alice, request);
    assert!(made.invitation(&name("bob")).is_some(), "as always");
    given(&mut world, carol, join("cats"));
    done(&mut world, alice, kick("bob"));
    done(&mut world, alice, invite("bob"));
    let again = RoomRefusal::AlreadyInvited(name("bob"));
    assert_eq!(refused(&mut world, alice, invite("bob")), again);
    assert_eq!(refused(&mut world, carol, invite("bob")), again);
    assert_eq!(invitations(&mut world, bob), []);
    assert_eq!(list(&mut world, bob), []);
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::UnknownRoom);
    for request in crate::rooms::all_of(CATS) {
        assert_eq!(refused(&mut world, bob, request), RoomRefusal::UnknownRoom);
    }
    // He may change his mind, and comes in as if he had never done it.
    assert_eq!(world.ask(bob, Request::Unblock(name("alice"))), Response::Done);
    assert_eq!(list(&mut world, bob), [("cats".to_owned(), Relation::Invited(name("alice")))]);
    given(&mut world, bob, join("cats"));
    done(&mut world, bob, RoomRequest::Leave(CATS));
    assert_eq!(world.ask(bob, Request::Block(name("alice"))), Response::Done);
    done(&mut world, alice, invite("bob"));
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::NotInvited);
    assert_eq!(refused(&mut world, bob, RoomRequest::Leave(CATS)), RoomRefusal::NotIn);
    // Somebody else's invitation is told.
    done(&mut world, alice, kick("bob"));
    done(&mut world, carol, invite("bob"));
    assert_eq!(invitations(&mut world, bob).len(), 1);
}

#[test]
fn an_open_room_stays_open_to_whoever_blocks_the_inviter() {
    let mut world = World::new(Policy::default());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    assert_eq!(world.ask(bob, Request::Block(name("alice"))), Response::Done);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &["bob"]));
    assert_eq!(list(&mut world, bob), [("cats".to_owned(), Relation::None)]);
    assert_eq!(refused(&mut world, bob, RoomRequest::Leave(CATS)), RoomRefusal::NotIn);
    let room = given(&mut world, bob, join("cats"));
    assert_eq!(room.invited, [], "used up");
}

/// Whoever is blocked fills nobody's invitations, and sees no difference.
#[test]
fn hidden_invitations_take_nobody_elses_place() {
    let mut world = World::new(unhurried());
    let [alice, bob, carol] = people(&mut world, ["alice", "bob", "carol"]);
    assert_eq!(world.ask(bob, Request::Block(name("alice"))), Response::Done);
    for n in 0..MAX_ROOMS_OF_ONE {
        given(&mut world, alice, create(id(n), &format!("room{n}"), Access::Invited, &["bob"]));
    }
    done(&mut world, alice, RoomRequest::Leave(id(0)));
    let one_more = create(CATS, "cats", Access::Invited, &["bob"]);
    given(&mut world, carol, one_more.clone());
    assert_eq!(invitations(&mut world, bob).len(), 1);
    done(&mut world, carol, RoomRequest::Leave(CATS));
    given(&mut world, alice, one_more);
    done(&mut world, alice, RoomRequest::Leave(CATS));
    given(&mut world, alice, create(CATS, "cats", Access::Open, &[]));
}

#[test]
fn whose_account_is_removed_leaves_every_room() {
    let mut world = World::new(Policy::default());
    let [alice, bob, carol] = people(&mut world, ["alice", "bob", "carol"]);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &["bob", "carol"]));
    given(&mut world, bob, join("cats"));
    let dogs = create(id(2), "dogs", Access::Open, &["carol"]);
    given(&mut world, alice, dogs);
    given(&mut world, carol, create(id(3), "birds", Access::Invited, &["alice", "bob"]));
    given(&mut world, bob, join("birds"));
    world.ask(alice, Request::Logout);
    for client in [bob, carol] {
        changes(&mut world, client);
    }
    assert!(world.store.delete(&name("alice")).unwrap());
    let meanwhile = world.store.take_meanwhile().unwrap();
    assert_eq!(meanwhile.rooms.len(), 4);
    let now = world.now;
    world.server.handle_meanwhile(now, &meanwhile);
    let declined = Change::NotInvited { name: name("alice"), by: name("alice") };
    assert_eq!(changes(&mut world, bob), [declined.clone(), left("alice"), inherits("bob")]);
    assert_eq!(changes(&mut world, carol), [declined]);
    assert_eq!(world.store.totals(0).unwrap().rooms, 2, "nobody was left among dogs");
    let room = given(&mut world, bob, RoomRequest::Get(CATS));
    assert_eq!(room.role(&name("bob")), Some(Role::Owner));
    assert_eq!(world.store.take_meanwhile().unwrap(), rendezvous::Meanwhile::default());

    // Another account of the same name has nothing to do with it.
    done(&mut world, bob, RoomRequest::Leave(id(3)));
    let other = world.registered(50, "alice");
    assert_eq!(list(&mut world, other), [("cats".to_owned(), Relation::None)]);
    assert_eq!(refused(&mut world, other, RoomRequest::Get(CATS)), RoomRefusal::NotIn);
    assert_eq!(refused(&mut world, other, join("birds")), RoomRefusal::UnknownRoom);
    given(&mut world, other, join("cats"));
}

/// Of what comes while a client does not read, the last of each room is told: its version says
/// that something is missing before it. Meanwhile not more is held for the client than is needed.
#[test]
fn a_client_that_does_not_read_is_told_the_last_of_each_room() {
    let mut world = World::new(unhurried());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &[]));
    given(&mut world, alice, create(id(2), "dogs", Access::Open, &[]));
    for called in ["cats", "dogs"] {
        given(&mut world, bob, join(called));
    }
    world.at(bob).cut = true;
    let began = world.now;
    for n in 0..400 {
        for room in [CATS, id(2)] {
            done(&mut world, alice, RoomRequest::SetTopic(room, format!("{n:0250}")));
        }
    }
    assert!(world.now - began < Duration::from_secs(20), "bob is not given up");
    assert!(world.server.most_buffered_bytes() < 256 << 10);
    world.at(bob).cut = false;
    world.pass(Duration::from_secs(20));
    let told = told(&mut world, bob);
    assert!(told.len() < 800, "not all of it");
    for room in [CATS, id(2)] {
        let current = given(&mut world, bob, RoomRequest::Get(room));
        let last = told.iter().rfind(|(of, ..)| *of == room).unwrap();
        assert_eq!(last.1, current.version);
        assert!(matches!(&last.2, Change::Topic { topic, .. } if *topic == current.topic));
    }
}

fn pick<'a, T>(rng: &mut ChaCha20Rng, list: &'a [T]) -> &'a T {
    &list[rng.next_u32() as usize % list.len()]
}

fn any_request(rng: &mut ChaCha20Rng, room: usize, users: &[&str; 4]) -> RoomRequest {
    let called = ["cats", "dogs"][room];
    let id = id(room);
    let user = name(pick::<&str>(rng, users));
    let flag = rng.next_u32().is_multiple_of(2);
    let roles = [Role::Member, Role::Operator, Role::Owner];
    match rng.next_u32() % 16 {
        0 => create(id, called, if flag { Access::Open } else { Access::Invited }, users),
        1..=4 => join(called),
        5 => RoomRequest::Leave(id),
        6 | 7 => RoomRequest::Invite(id, user),
        8 | 9 => RoomRequest::Kick(id, user),
        10 | 11 => RoomRequest::SetRole(id, user, *pick(rng, &roles)),
        12 | 13 => RoomRequest::Mute(id, user, flag),
        14 => RoomRequest::SetTopic(id, (rng.next_u32() % 9).to_string()),
        _ => RoomRequest::Rename(id, room_name(if flag { called } else { "renamed" })),
    }
}

/// Whatever is asked by whom: a copy that follows the notices is what the server has, every
/// notice follows, and a room that somebody is in has an owner.
#[test]
fn every_members_copy_is_the_servers_room() {
    const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
    let mut kinds = BTreeSet::new();
    for seed in 0..12 {
        let mut rng = Seed::new([seed; 32]).rng();
        let mut world = World::new(unhurried());
        let clients = people(&mut world, USERS);
        let mut copies: [BTreeMap<RoomId, Room>; 4] = Default::default();
        for _ in 0..120 {
            let room = *pick(&mut rng, &[0, 1]);
            // Every second time somebody who may do much.
            let owns = |n: &usize| {
                let copy = copies[*n].get(&id(room));
                copy.is_some_and(|copy| copy.role(&name(USERS[*n])) == Some(Role::Owner))
            };
            let anybody = rng.next_u32() as usize % 4;
            let owner = (0..4).find(owns).filter(|_| rng.next_u32().is_multiple_of(2));
            let who = owner.unwrap_or(anybody);
            let request = any_request(&mut rng, room, &USERS);
            let answer = world.ask(clients[who], Request::Room(request));
            world.pass(Duration::from_millis(30));
            for (n, user) in USERS.iter().enumerate() {
                for (id, version, change) in told(&mut world, clients[n]) {
                    kinds
                        .insert(format!("{change:?}").split(['(', ' ']).next().unwrap().to_owned());
                    let room = copies[n].get_mut(&id).expect("told only of what one is in");
                    assert_eq!(room.apply(version, &change), Ok(()), "{change:?}");
                    if room.role(&name(user)).is_none() {
                        copies[n].remove(&id);
                    }
                }
            }
            if let Response::Room(room) = answer {
                copies[who].insert(room.id, *room);
            }
        }
        for (n, client) in clients.into_iter().enumerate() {
            for id in [id(0), id(1)] {
                let answer = world.ask(client, Request::Room(RoomRequest::Get(id)));
                let Some(copy) = copies[n].remove(&id) else {
                    assert!(matches!(answer, Response::Refused(_)), "{answer:?}");
                    continue;
                };
                assert!(copy.present().any(|member| member.role() == Some(Role::Owner)));
                assert_eq!(answer, Response::Room(Box::new(copy)));
            }
        }
    }
    assert_eq!(kinds.len(), 9, "every change was made: {kinds:?}");
}

#[test]
fn a_room_keeps_its_place_under_another_name() {
    let mut world = World::new(Policy::default());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &[]));
    done(&mut world, alice, rename("mice"));
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::UnknownRoom);
    given(&mut world, bob, create(id(2), "cats", Access::Open, &[]));
    given(&mut world, bob, join("mice"));
    done(&mut world, alice, role("bob", Role::Owner));
    done(&mut world, bob, mute("alice", true));
}
