//! Rooms: who may do what there, and who is told.

use rendezvous::Policy;
use wire::app::name::Name;
use wire::app::room::{
    Access, Backlog, Change, Invitation, MAX_INVITED_AT_ONCE, MAX_TOPIC, Relation, Role, Room,
    RoomId, RoomName, RoomRefusal, RoomRequest, RoomSummary, Standing,
};
use wire::app::server::{Notice, Refusal, Request, Response};
use wire::time::Duration;

use crate::room_limits::{account, unhurried};
use crate::world::{Disk, World, name};

pub(crate) const CATS: RoomId = RoomId([1; 16]);

pub(crate) fn room_name(text: &str) -> RoomName {
    RoomName::new(text).unwrap()
}

pub(crate) fn names(list: &[&str]) -> Vec<Name> {
    list.iter().map(|user| name(user)).collect()
}

pub(crate) fn create(id: RoomId, called: &str, access: Access, invite: &[&str]) -> RoomRequest {
    let (name, invite) = (room_name(called), names(invite));
    RoomRequest::Create { id, name, access, backlog: Backlog::Shared, invite }
}

pub(crate) fn join(called: &str) -> RoomRequest {
    RoomRequest::Join(room_name(called))
}

pub(crate) fn topic(text: &str) -> RoomRequest {
    RoomRequest::SetTopic(CATS, text.to_owned())
}

pub(crate) fn rename(called: &str) -> RoomRequest {
    RoomRequest::Rename(CATS, room_name(called))
}

pub(crate) fn invite(user: &str) -> RoomRequest {
    RoomRequest::Invite(CATS, name(user))
}

pub(crate) fn kick(user: &str) -> RoomRequest {
    RoomRequest::Kick(CATS, name(user))
}

pub(crate) fn role(user: &str, role: Role) -> RoomRequest {
    RoomRequest::SetRole(CATS, name(user), role)
}

pub(crate) fn mute(user: &str, muted: bool) -> RoomRequest {
    RoomRequest::Mute(CATS, name(user), muted)
}

/// Everything but coming in, of a room.
pub(crate) fn all_of(id: RoomId) -> Vec<RoomRequest> {
    vec![
        RoomRequest::Get(id),
        RoomRequest::Leave(id),
        RoomRequest::Invite(id, name("carol")),
        RoomRequest::Kick(id, name("carol")),
        RoomRequest::SetRole(id, name("carol"), Role::Owner),
        RoomRequest::Mute(id, name("carol"), true),
        RoomRequest::SetTopic(id, "mice".to_owned()),
        RoomRequest::Rename(id, room_name("mice")),
    ]
}

pub(crate) fn done(world: &mut World, client: usize, request: RoomRequest) {
    let shown = format!("{request:?}");
    assert_eq!(world.ask(client, Request::Room(request)), Response::Done, "{shown}");
}

pub(crate) fn given(world: &mut World, client: usize, request: RoomRequest) -> Room {
    match world.ask(client, Request::Room(request)) {
        Response::Room(room) => *room,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refused(world: &mut World, client: usize, request: RoomRequest) -> RoomRefusal {
    let shown = format!("{request:?}");
    match world.refused(client, Request::Room(request)) {
        Refusal::Room(refusal) => refusal,
        other => panic!("{shown}: {other:?}"),
    }
}

/// What a client is shown: names, and what it is to each.
pub(crate) fn list(world: &mut World, client: usize) -> Vec<(String, Relation)> {
    let rooms = summaries(world, client).into_iter();
    rooms.map(|room| (room.name.to_string(), room.relation)).collect()
}

pub(crate) fn summaries(world: &mut World, client: usize) -> Vec<RoomSummary> {
    match world.ask(client, Request::Room(RoomRequest::List)) {
        Response::Rooms(rooms) => rooms,
        other => panic!("{other:?}"),
    }
}

/// What a client was told of rooms since it was last asked.
pub(crate) fn changes(world: &mut World, client: usize) -> Vec<Change> {
    world.pass(Duration::from_millis(100));
    told(world, client).into_iter().map(|(_, _, change)| change).collect()
}

pub(crate) fn told(world: &mut World, client: usize) -> Vec<(RoomId, u64, Change)> {
    let mut told = Vec::new();
    world.at(client).notices.retain(|notice| match notice {
        Notice::RoomChanged { room, version, change } => {
            told.push((*room, *version, change.clone()));
            false
        }
        _ => true,
    });
    told
}

pub(crate) fn invitations(world: &mut World, client: usize) -> Vec<RoomSummary> {
    world.pass(Duration::from_millis(100));
    let mut invitations = Vec::new();
    world.at(client).notices.retain(|notice| match notice {
        Notice::Invited { room } => {
            invitations.push(room.clone());
            false
        }
        _ => true,
    });
    invitations
}

pub(crate) fn left(user: &str) -> Change {
    Change::Left(name(user))
}

fn invited(user: &str, by: &str) -> Change {
    Change::Invited(Invitation { name: name(user), by: name(by) })
}

fn not_invited(user: &str, by: &str) -> Change {
    Change::NotInvited { name: name(user), by: name(by) }
}

pub(crate) fn kicked(user: &str, by: &str) -> Change {
    Change::Kicked { name: name(user), by: name(by) }
}

pub(crate) fn inherits(user: &str) -> Change {
    Change::Role { name: name(user), role: Role::Owner, by: None }
}

/// Logged in as these.
pub(crate) fn people<const N: usize>(world: &mut World, users: [&str; N]) -> [usize; N] {
    let mut secret = 0;
    users.map(|user| {
        secret += 1;
        world.registered(secret, user)
    })
}

/// Alice owns the room, carol is an operator of it, bob and dave are members, erin is outside.
fn peopled(access: Access) -> (World, [usize; 5]) {
    let mut world = World::new(Policy::default());
    let all = people(&mut world, ["alice", "bob", "carol", "dave", "erin"]);
    let [alice, bob, carol, dave, _] = all;
    given(&mut world, alice, create(CATS, "cats", access, &["bob", "carol", "dave"]));
    for client in [bob, carol, dave] {
        given(&mut world, client, join("cats"));
    }
    done(&mut world, alice, role("carol", Role::Operator));
    for client in all {
        changes(&mut world, client);
        invitations(&mut world, client);
    }
    (world, all)
}

#[test]
fn a_room_is_made_and_somebody_comes_in() {
    let mut world = World::new(Policy::default());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    let request = create(CATS, "Cats", Access::Invited, &["bob", "alice", "bob"]);
    let made = given(&mut world, alice, request.clone());
    assert_eq!((made.id, made.name.as_str(), made.version), (CATS, "cats", 2));
    assert_eq!((made.access, made.backlog), (Access::Invited, Backlog::Shared));
    assert_eq!(made.role(&name("alice")), Some(Role::Owner));
    assert_eq!(made.member(&name("alice")).unwrap().identity, world.at(alice).identity.public());
    assert_eq!(made.invited, [Invitation { name: name("bob"), by: name("alice") }]);
    assert_eq!(given(&mut world, alice, request), made, "repeated, as after a lost answer");
    assert_eq!(changes(&mut world, alice), [], "the answer says it");
    let summary = RoomSummary {
        id: CATS,
        name: room_name("cats"),
        topic: String::new(),
        access: Access::Invited,
        version: 2,
        members: 1,
        relation: Relation::Invited(name("alice")),
    };
    assert_eq!(invitations(&mut world, bob), std::slice::from_ref(&summary));
    assert_eq!(summaries(&mut world, bob), [summary]);

    let joined = given(&mut world, bob, join("CATS"));
    assert_eq!(joined.version, 3);
    assert_eq!(joined.invited, []);
    let member = joined.member(&name("bob")).unwrap().clone();
    assert_eq!(member.standing, Standing::In { role: Role::Member, muted: None });
    assert_eq!((member.joined, member.identity), (3, world.at(bob).identity.public()));
    assert_eq!(changes(&mut world, alice), [Change::Joined(member)]);
    assert_eq!(changes(&mut world, bob), [], "the answer says it");
    for client in [alice, bob] {
        assert_eq!(given(&mut world, client, RoomRequest::Get(CATS)), joined);
    }
    assert_eq!(list(&mut world, alice), [("cats".to_owned(), Relation::Member(Role::Owner))]);
    let shown = summaries(&mut world, bob).remove(0);
    assert_eq!((shown.members, shown.version), (2, 3));
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::AlreadyIn);
}

#[test]
fn what_was_asked_is_told_to_the_asker_before_the_answer() {
    let (mut world, [alice, bob, ..]) = peopled(Access::Open);
    done(&mut world, alice, topic("mice"));
    let version = given(&mut world, alice, RoomRequest::Get(CATS)).version;
    let change = Change::Topic { topic: "mice".to_owned(), by: name("alice") };
    assert_eq!(told(&mut world, alice), [(CATS, version, change.clone())], "at once");
    assert_eq!(changes(&mut world, bob), [change]);
    done(&mut world, bob, RoomRequest::Leave(CATS));
    assert_eq!(told(&mut world, bob), [(CATS, version + 1, left("bob"))], "at once");
}

#[test]
fn which_rooms_cannot_be_made() {
    let mut world = World::new(unhurried());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    let new = RoomId([9; 16]);
    given(&mut world, alice, create(CATS, "bill", Access::Invited, &["bob"]));
    for (called, access, invite, refusal) in [
        ("bill", Access::Open, &[][..], RoomRefusal::NameTaken),
        ("bi1l", Access::Open, &[], RoomRefusal::NameTaken),
        ("lobby", Access::Open, &[], RoomRefusal::Lobby),
        ("l0bby", Access::Open, &[], RoomRefusal::Lobby),
        ("cats", Access::Invited, &[], RoomRefusal::NobodyElse),
        ("cats", Access::Invited, &["bob"], RoomRefusal::NobodyElse),
        ("cats", Access::Open, &["alice", "zoe"], RoomRefusal::UnknownUser(name("zoe"))),
    ] {
        assert_eq!(refused(&mut world, bob, create(new, called, access, invite)), refusal);
    }
    let many: Vec<String> = (0..=MAX_INVITED_AT_ONCE).map(|n| format!("user{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let request = Request::Room(create(new, "cats", Access::Open, &many));
    assert_eq!(world.refused(bob, request), Refusal::Malformed);
    // Somebody else's id, whose room he may not know of, or may.
    let request = Request::Room(create(CATS, "dogs", Access::Open, &[]));
    assert_eq!(world.refused(bob, request.clone()), Refusal::Malformed);
    given(&mut world, bob, join("bill"));
    assert_eq!(world.refused(bob, request), Refusal::Malformed);
    assert_eq!(list(&mut world, bob).len(), 1, "nothing was made");
    // An open one needs nobody else, and is called as a user is.
    given(&mut world, bob, create(new, "alice", Access::Open, &[]));
}

#[test]
fn whom_to_invite_must_have_logged_in_once() {
    let mut world = World::new(Policy::default());
    let [alice] = people(&mut world, ["alice"]);
    let imported = account("yoda", None);
    assert_eq!(world.store.execute(&[imported]), [rendezvous::StoreOutcome::Done]);
    let unknown = RoomRefusal::UnknownUser(name("yoda"));
    let request = create(CATS, "cats", Access::Invited, &["yoda"]);
    assert_eq!(refused(&mut world, alice, request), unknown);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &[]));
    assert_eq!(refused(&mut world, alice, invite("yoda")), unknown);
    let unknown = RoomRefusal::UnknownUser(name("nobody"));
    assert_eq!(refused(&mut world, alice, invite("nobody")), unknown);
}

#[test]
fn nobody_learns_of_a_room_that_is_not_his() {
    let (mut world, [.., erin]) = peopled(Access::Invited);
    assert_eq!(list(&mut world, erin), []);
    for called in ["cats", "no-such-room"] {
        assert_eq!(refused(&mut world, erin, join(called)), RoomRefusal::UnknownRoom);
    }
    for id in [CATS, RoomId([99; 16])] {
        for request in all_of(id) {
            assert_eq!(refused(&mut world, erin, request), RoomRefusal::UnknownRoom);
        }
    }
}

#[test]
fn an_open_room_is_seen_by_all_and_ruled_from_inside() {
    let (mut world, [alice, bob, .., erin]) = peopled(Access::Open);
    assert_eq!(list(&mut world, erin), [("cats".to_owned(), Relation::None)]);
    for request in all_of(CATS) {
        assert_eq!(refused(&mut world, erin, request), RoomRefusal::NotIn);
    }
    given(&mut world, erin, join("cats"));
    done(&mut world, bob, RoomRequest::Leave(CATS));
    assert_eq!(list(&mut world, bob), [("cats".to_owned(), Relation::Former)]);
    for request in all_of(CATS) {
        assert_eq!(refused(&mut world, bob, request), RoomRefusal::NotIn);
    }
    changes(&mut world, alice);
    let again = given(&mut world, bob, join("cats"));
    assert_eq!(again.member(&name("bob")).unwrap().joined, again.version);
    assert_eq!(changes(&mut world, alice).len(), 1);
}

#[test]
fn whoever_was_in_a_room_of_invited_ones_comes_back_only_when_invited() {
    let (mut world, [alice, bob, ..]) = peopled(Access::Invited);
    done(&mut world, bob, RoomRequest::Leave(CATS));
    assert_eq!(list(&mut world, bob), []);
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::NotInvited);
    for request in all_of(CATS) {
        assert_eq!(refused(&mut world, bob, request), RoomRefusal::NotIn);
    }
    done(&mut world, alice, invite("bob"));
    given(&mut world, bob, join("cats"));
}

#[test]
fn an_invitation_is_followed_declined_or_taken_back() {
    let (mut world, [alice, bob, carol, dave, erin]) = peopled(Access::Invited);
    done(&mut world, bob, invite("erin"));
    assert_eq!(invitations(&mut world, erin)[0].relation, Relation::Invited(name("bob")));
    assert_eq!(changes(&mut world, erin), [], "not in it");
    assert_eq!(changes(&mut world, alice), [invited("erin", "bob")]);
    assert_eq!(list(&mut world, erin), [("cats".to_owned(), Relation::Invited(name("bob")))]);
    let requests = all_of(CATS).into_iter();
    for request in requests.filter(|request| !matches!(request, RoomRequest::Leave(_))) {
        assert_eq!(refused(&mut world, erin, request), RoomRefusal::NotYetJoined);
    }
    let again = RoomRefusal::AlreadyInvited(name("erin"));
    assert_eq!(refused(&mut world, dave, invite("erin")), again);
    assert_eq!(refused(&mut world, bob, invite("dave")), RoomRefusal::AlreadyThere(name("dave")));
    assert_eq!(refused(&mut world, bob, invite("bob")), RoomRefusal::AlreadyThere(name("bob")));

    done(&mut world, erin, RoomRequest::Leave(CATS));
    assert_eq!(changes(&mut world, alice), [not_invited("erin", "erin")]);
    assert_eq!(refused(&mut world, erin, join("cats")), RoomRefusal::UnknownRoom);
    assert_eq!(refused(&mut world, erin, RoomRequest::Leave(CATS)), RoomRefusal::UnknownRoom);

    for by in [bob, carol, alice] {
        done(&mut world, bob, invite("erin"));
        assert_eq!(refused(&mut world, dave, kick("erin")), RoomRefusal::NotAllowed);
        done(&mut world, by, kick("erin"));
        assert_eq!(refused(&mut world, erin, join("cats")), RoomRefusal::UnknownRoom);
    }
    assert_eq!(refused(&mut world, bob, kick("erin")), RoomRefusal::NotThere(name("erin")));
    changes(&mut world, bob);
    done(&mut world, bob, invite("erin"));
    done(&mut world, alice, kick("erin"));
    let told = changes(&mut world, bob);
    assert_eq!(told, [invited("erin", "bob"), not_invited("erin", "alice")]);
}

#[test]
fn a_member_rules_nobody() {
    let (mut world, [_, bob, ..]) = peopled(Access::Open);
    for request in [
        kick("alice"),
        kick("carol"),
        kick("dave"),
        mute("alice", true),
        mute("carol", true),
        mute("dave", true),
        role("bob", Role::Owner),
        role("dave", Role::Operator),
        role("alice", Role::Member),
        topic("mice"),
        rename("mice"),
    ] {
        assert_eq!(refused(&mut world, bob, request), RoomRefusal::NotAllowed);
    }
}

#[test]
fn an_operator_rules_members() {
    let (mut world, [alice, bob, carol, _, erin]) = peopled(Access::Open);
    for request in [
        kick("alice"),
        mute("alice", true),
        role("carol", Role::Owner),
        role("bob", Role::Operator),
        role("alice", Role::Member),
        rename("mice"),
    ] {
        assert_eq!(refused(&mut world, carol, request), RoomRefusal::NotAllowed);
    }
    done(&mut world, carol, mute("dave", true));
    done(&mut world, carol, mute("dave", false));
    done(&mut world, carol, topic("mice"));
    done(&mut world, carol, kick("dave"));
    let muted = |muted| Change::Muted { name: name("dave"), muted, by: name("carol") };
    let about = Change::Topic { topic: "mice".to_owned(), by: name("carol") };
    let expected = [muted(true), muted(false), about, kicked("dave", "carol")];
    assert_eq!(changes(&mut world, bob), expected);
    // Nor another operator.
    given(&mut world, erin, join("cats"));
    done(&mut world, alice, role("erin", Role::Operator));
    for request in [kick("erin"), mute("erin", true), role("erin", Role::Member)] {
        assert_eq!(refused(&mut world, carol, request), RoomRefusal::NotAllowed);
    }
}

#[test]
fn an_owner_rules_everybody_and_there_is_always_one() {
    let (mut world, [alice, bob, carol, ..]) = peopled(Access::Open);
    for request in [role("alice", Role::Member), role("alice", Role::Operator)] {
        assert_eq!(refused(&mut world, alice, request), RoomRefusal::LastOwner);
    }
    done(&mut world, alice, mute("carol", true));
    done(&mut world, alice, role("bob", Role::Owner));
    done(&mut world, bob, rename("mice"));
    assert_eq!(refused(&mut world, carol, kick("bob")), RoomRefusal::NotAllowed);
    done(&mut world, bob, mute("alice", true));
    done(&mut world, alice, role("alice", Role::Operator));
    assert_eq!(refused(&mut world, alice, kick("bob")), RoomRefusal::NotAllowed);
    done(&mut world, bob, kick("carol"));
    done(&mut world, bob, role("alice", Role::Owner));
    done(&mut world, bob, kick("alice"));
    let room = given(&mut world, bob, RoomRequest::Get(CATS));
    assert_eq!(room.name, room_name("mice"));
    assert_eq!(room.role(&name("bob")), Some(Role::Owner));
    assert_eq!(room.present().count(), 2, "bob and dave");
}

#[test]
fn what_changes_nothing_or_nobody_is_refused() {
    let (mut world, [alice, .., erin]) = peopled(Access::Open);
    for request in [
        role("alice", Role::Owner),
        role("carol", Role::Operator),
        mute("bob", false),
        topic(""),
        rename("cats"),
    ] {
        assert_eq!(refused(&mut world, alice, request), RoomRefusal::NoChange);
    }
    done(&mut world, alice, mute("bob", true));
    assert_eq!(refused(&mut world, alice, mute("bob", true)), RoomRefusal::NoChange);
    done(&mut world, alice, kick("bob"));
    for user in ["bob", "erin", "nobody"] {
        for request in [kick(user), mute(user, true), role(user, Role::Owner)] {
            assert_eq!(refused(&mut world, alice, request), RoomRefusal::NotThere(name(user)));
        }
    }
    for request in [kick("alice"), mute("alice", true)] {
        assert_eq!(world.refused(alice, Request::Room(request)), Refusal::Yourself);
    }
    let long = topic(&"x".repeat(MAX_TOPIC + 1));
    assert_eq!(world.refused(alice, Request::Room(long)), Refusal::Malformed);
    done(&mut world, alice, topic(&"x".repeat(MAX_TOPIC)));
    given(&mut world, erin, create(RoomId([2; 16]), "bill", Access::Open, &[]));
    for called in ["bill", "bi1l"] {
        assert_eq!(refused(&mut world, alice, rename(called)), RoomRefusal::NameTaken);
    }
    assert_eq!(refused(&mut world, alice, rename("lobby")), RoomRefusal::Lobby);
    done(&mut world, erin, RoomRequest::Rename(RoomId([2; 16]), room_name("bi1l")));
}

#[test]
fn whoever_was_kicked_comes_back_only_when_invited() {
    let (mut world, [alice, bob, carol, ..]) = peopled(Access::Open);
    done(&mut world, carol, kick("bob"));
    assert_eq!(changes(&mut world, bob), [kicked("bob", "carol")], "told, and then no more");
    done(&mut world, alice, topic("mice"));
    assert_eq!(changes(&mut world, bob), []);
    assert_eq!(list(&mut world, bob), [("cats".to_owned(), Relation::Former)]);
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::NotInvited);
    done(&mut world, alice, invite("bob"));
    given(&mut world, bob, join("cats"));
    done(&mut world, bob, RoomRequest::Leave(CATS));
    given(&mut world, bob, join("cats"));
}

#[test]
fn whoever_is_muted_cannot_invite_nor_get_round_it() {
    let (mut world, [alice, bob, carol, ..]) = peopled(Access::Open);
    for user in ["bob", "carol"] {
        done(&mut world, alice, mute(user, true));
    }
    assert_eq!(refused(&mut world, bob, invite("erin")), RoomRefusal::NotAllowed);
    assert_eq!(refused(&mut world, carol, invite("erin")), RoomRefusal::NotAllowed);
    assert_eq!(refused(&mut world, carol, topic("mice")), RoomRefusal::NotAllowed);
    done(&mut world, bob, RoomRequest::Leave(CATS));
    assert_eq!(refused(&mut world, bob, join("cats")), RoomRefusal::NotInvited);
    // Nor does an operator help himself, but whoever becomes an owner does.
    assert_eq!(refused(&mut world, carol, mute("carol", false)), RoomRefusal::NotAllowed);
    done(&mut world, alice, RoomRequest::Leave(CATS));
    assert_eq!(refused(&mut world, carol, invite("erin")), RoomRefusal::NotAllowed);
    done(&mut world, carol, mute("carol", false));
    done(&mut world, carol, invite("erin"));
}

#[test]
fn the_last_owner_is_followed_by_another() {
    let (mut world, [alice, bob, carol, dave, _]) = peopled(Access::Open);
    done(&mut world, alice, RoomRequest::Leave(CATS));
    assert_eq!(changes(&mut world, alice), [left("alice")]);
    assert_eq!(changes(&mut world, bob), [left("alice"), inherits("carol")], "an operator");
    done(&mut world, carol, RoomRequest::Leave(CATS));
    assert_eq!(changes(&mut world, bob), [left("carol"), inherits("bob")], "longest in it");
    done(&mut world, bob, role("dave", Role::Owner));
    done(&mut world, bob, RoomRequest::Leave(CATS));
    let made = Change::Role { name: name("dave"), role: Role::Owner, by: Some(name("bob")) };
    assert_eq!(changes(&mut world, dave)[4..], [made, left("bob")], "there is another owner");
}

#[test]
fn a_room_that_everybody_has_left_is_gone() {
    let mut world = World::new(Policy::default());
    let [alice, bob] = people(&mut world, ["alice", "bob"]);
    given(&mut world, alice, create(CATS, "cats", Access::Open, &["bob"]));
    done(&mut world, alice, RoomRequest::Leave(CATS));
    assert_eq!(changes(&mut world, alice), [left("alice")]);
    for client in [alice, bob] {
        assert_eq!(list(&mut world, client), []);
        assert_eq!(refused(&mut world, client, join("cats")), RoomRefusal::UnknownRoom);
        assert_eq!(refused(&mut world, client, RoomRequest::Get(CATS)), RoomRefusal::UnknownRoom);
    }
    assert_eq!(world.store.totals(0).unwrap().rooms, 0);
    given(&mut world, bob, create(RoomId([2; 16]), "cats", Access::Open, &[]));
}

#[test]
fn only_whoever_is_connected_is_told_and_rooms_outlive_a_restart() {
    let (mut world, [alice, bob, carol, ..]) = peopled(Access::Invited);
    world.ask(bob, Request::Logout);
    done(&mut world, carol, mute("dave", true));
    done(&mut world, alice, topic("mice"));
    done(&mut world, alice, invite("erin"));
    done(&mut world, carol, RoomRequest::Leave(CATS));
    let before = given(&mut world, alice, RoomRequest::Get(CATS));
    world.resume(bob, "bob");
    assert_eq!(changes(&mut world, bob), []);
    assert_eq!(given(&mut world, bob, RoomRequest::Get(CATS)), before);
    world.restart();
    world.until("reset", |world| world.at(alice).closed.is_some());
    world.resume(alice, "alice");
    assert_eq!(given(&mut world, alice, RoomRequest::Get(CATS)), before);
    assert_eq!(list(&mut world, alice), [("cats".to_owned(), Relation::Member(Role::Owner))]);
}

#[test]
fn what_is_not_stored_is_not_told() {
    let (mut world, [alice, bob, ..]) = peopled(Access::Open);
    world.disk = Disk::Fails;
    let refusal = world.refused(alice, Request::Room(topic("mice")));
    assert_eq!(refusal, Refusal::StorageFailed);
    world.disk = Disk::Works;
    assert_eq!(changes(&mut world, bob), []);
    assert_eq!(given(&mut world, bob, RoomRequest::Get(CATS)).topic, "");
}

/// What others are told does not hang on whether the asker is still there.
#[test]
fn a_change_is_told_though_its_asker_is_gone() {
    let (mut world, [alice, bob, ..]) = peopled(Access::Open);
    world.disk = Disk::Hangs;
    world.send(alice, Request::Room(topic("mice")));
    world.pass(Duration::from_millis(100));
    let now = world.now;
    world.at(alice).close(now, 77);
    world.pass(Duration::from_millis(100));
    world.disk = Disk::Works;
    let change = Change::Topic { topic: "mice".to_owned(), by: name("alice") };
    assert_eq!(changes(&mut world, bob), [change]);
}

#[test]
fn a_stranger_to_the_server_asks_nothing_about_rooms() {
    let mut world = World::new(Policy::default());
    let client = world.client(1);
    world.connect(client, wire::Identify::Anonymous);
    let list = Request::Room(RoomRequest::List);
    assert_eq!(world.refused(client, list), Refusal::NotLoggedIn);
}
