//! Members of a room who lie about a file that all are offered, or ask for what they may not have.

use wire::StreamId;
use wire::app::framing::encode;
use wire::app::peer::{BulkRequest, GROUP, Have, MAX_HAVE_RUNS, Offer, Share, ShareId, TransferId};

use super::super::*;
use super::world::*;

const SHARE: ShareId = ShareId([5; 16]);
const TEAM: RoomId = RoomId([7; 16]);
const SIZE: u64 = 1 << 20;

fn carol() -> Name {
    Name::new("carol").unwrap()
}

/// Carol, who is not there, has offered Bob a file in the room where Alice is too.
fn world_that_waits_for_members() -> World {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    world.is_team = true;
    world.with(BOB, |transfers, cx| {
        let offer = Offer {
            id: TransferId([1; 16]),
            name: "film".to_owned(),
            size: SIZE,
            media_type: String::new(),
            media: None,
            root: [0; 32],
            share: Some(Share { id: SHARE, room: TEAM }),
            folder: None,
        };
        transfers.on_control(cx, &carol(), Control::Offer(offer));
    });
    world.settle();
    world
}

fn have(runs: Vec<(u64, u64)>) -> Control {
    Control::Have(Have { share: SHARE, runs, asks: false })
}

fn everything() -> Control {
    have(vec![(0, SIZE / GROUP)])
}

/// Somebody says this to Bob; what follows from it waits.
fn says(world: &mut World, from: &Name, control: Control) {
    world.with(BOB, |transfers, cx| transfers.on_control(cx, from, control));
}

fn streams_of_bob(world: &World) -> Vec<StreamId> {
    world.sides[BOB].transfers.fetching.keys().map(|(_, stream)| *stream).collect()
}

/// What is wrong is not written and ends nothing; who sent it is asked no more.
#[test]
fn what_a_member_forges_ends_nothing() {
    let mut world = world_that_waits_for_members();
    says(&mut world, &user(ALICE), everything());
    let [stream] = streams_of_bob(&world)[..] else { panic!("he asks her") };
    // Her own program does not get to answer.
    world.pipes.events[ALICE].clear();
    let forged = [&(64_u32 << 10).to_be_bytes()[..], &[0; 64 << 10]].concat();
    world.pipes.write(ALICE, stream, &forged).unwrap();
    world.settle();
    assert_eq!(world.line(BOB, 1).state, "waiting", "nobody else is there");
    assert_eq!(world.line(BOB, 1).done, 0);
    assert_eq!(world.sides[BOB].count_in_log("Write"), 1);
    says(&mut world, &user(ALICE), everything());
    assert!(streams_of_bob(&world).is_empty(), "he does not ask her again");
}

/// Who breaks the rules of a stream is asked no more either.
#[test]
fn an_answer_that_nobody_honest_gives_ends_nothing() {
    let mut world = world_that_waits_for_members();
    says(&mut world, &user(ALICE), everything());
    let [stream] = streams_of_bob(&world)[..] else { panic!("he asks her") };
    world.pipes.events[ALICE].clear();
    world.pipes.write(ALICE, stream, &[255; 4]).unwrap();
    world.settle();
    assert_eq!(world.line(BOB, 1).state, "waiting");
    assert!(streams_of_bob(&world).is_empty());
}

#[test]
fn what_cannot_be_said_is_passed_over() {
    let mut world = world_that_waits_for_members();
    let too_many = (0..=MAX_HAVE_RUNS as u64).map(|run| (2 * run, 1)).collect();
    for runs in [vec![(0, u64::MAX)], vec![(3, 1), (2, 1)], vec![(0, 0)], too_many] {
        says(&mut world, &user(ALICE), have(runs));
        assert!(streams_of_bob(&world).is_empty());
    }
    // Beyond the end of the file there is nothing to ask for.
    says(&mut world, &user(ALICE), have(vec![(SIZE / GROUP, 1000)]));
    assert!(streams_of_bob(&world).is_empty());
    // Who is not in the room has no say.
    world.is_team = false;
    says(&mut world, &user(ALICE), everything());
    assert!(streams_of_bob(&world).is_empty());
}

/// However many say that they have it.
#[test]
fn few_members_are_listened_to() {
    let mut world = world_that_waits_for_members();
    for number in 0..200 {
        let member = Name::new(&format!("member{number}")).unwrap();
        says(&mut world, &member, everything());
    }
    let Some(Stage::Fetching(fetch)) =
        world.sides[BOB].transfers.table.get(1).map(|transfer| &transfer.stage)
    else {
        panic!("{:?}", world.line(BOB, 1));
    };
    assert_eq!(fetch.members().count(), 32);
}

/// Another's file under the same id is an offer for itself.
#[test]
fn an_id_that_is_taken_is_no_others() {
    let mut world = world_that_waits_for_members();
    let share = Some(Share { id: SHARE, room: TEAM });
    let (id, name) = (TransferId([2; 16]), "other".to_owned());
    let offer = Offer {
        id,
        name,
        size: 5,
        media_type: String::new(),
        root: [1; 32],
        share,
        media: None,
        folder: None,
    };
    says(&mut world, &user(ALICE), Control::Offer(offer));
    let record = &world.sides[BOB].transfers.table.get(2).unwrap().record;
    assert_eq!(record.share, None);
}

/// Alice opens a stream to Bob and asks for this.
fn ask(world: &mut World, requests: &[BulkRequest]) -> StreamId {
    let stream = world.pipes.open(ALICE).unwrap();
    for request in requests {
        world.pipes.write(ALICE, stream, &encode(request)).unwrap();
    }
    world.settle();
    stream
}

fn answer(world: &mut World, stream: StreamId) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = world.pipes.read(ALICE, stream, 1 << 20, &mut bytes);
    read.is_ok().then_some(bytes)
}

#[test]
fn members_are_given_what_they_may_have_and_nobody_else() {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    world.is_team = true;
    let path = world.sides[ALICE].dir.path().join("film");
    std::fs::write(&path, vec![9; 100_000]).unwrap();
    world.with(ALICE, |transfers, cx| {
        transfers.send_to_room(cx, TEAM, vec![user(BOB)], &path);
    });
    world.until(|world| world.line(BOB, 1).state == "complete");
    world.settle();
    let record = world.sides[BOB].transfers.table.get(1).unwrap().record.clone();
    let share = record.share.unwrap().id;
    let get = |offset, len| BulkRequest::GetShared { share, offset, len };

    let stream = ask(&mut world, &[get(0, 16_384)]);
    let first = answer(&mut world, stream).unwrap();
    assert!(first.len() > 16_384 && first.ends_with(&[9; 16_384]));
    for requests in [
        vec![BulkRequest::GetShared { share: SHARE, offset: 0, len: 16_384 }],
        vec![get(1, 16_384)],
        vec![get(98_304, 16_384)],
        vec![get(0, 16_384), BulkRequest::Get { id: record.id, offset: 0, len: 16_384 }],
        vec![BulkRequest::Get { id: record.id, offset: 0, len: 16_384 }],
    ] {
        let stream = ask(&mut world, &requests);
        assert_eq!(answer(&mut world, stream), None, "{requests:?}");
    }
    world.is_team = false;
    let stream = ask(&mut world, &[get(0, 16_384)]);
    assert_eq!(answer(&mut world, stream), None, "not in the room any more");
    world.is_team = true;
    // After a restart too, as long as it is what was saved.
    world.restart(BOB);
    world.join();
    let stream = ask(&mut world, &[get(0, 16_384)]);
    assert_eq!(answer(&mut world, stream), Some(first));
    std::fs::write(world.downloads().join("film"), vec![8; 100_000]).unwrap();
    let stream = ask(&mut world, &[get(0, 16_384)]);
    assert_eq!(answer(&mut world, stream), None, "changed since");
    std::fs::remove_file(world.downloads().join("film")).unwrap();
    let stream = ask(&mut world, &[get(0, 16_384)]);
    assert_eq!(answer(&mut world, stream), None, "gone");
    assert_eq!(world.line(BOB, 1).state, "complete");
}

/// Hashed once for all; who is cancelled meanwhile takes nothing from the others.
#[test]
fn one_hash_serves_all_members() {
    let mut world = World::apart(Policy::default());
    world.is_team = true;
    let path = world.sides[ALICE].dir.path().join("film");
    std::fs::write(&path, vec![9; 300_000]).unwrap();
    world.with(ALICE, |transfers, cx| {
        transfers.send_to_room(cx, TEAM, vec![carol(), user(BOB)], &path);
        transfers.cancel(cx, 1);
    });
    world.settle();
    assert_eq!(world.sides[ALICE].count_in_log("Hash"), 1);
    assert_eq!([1, 2].map(|number| world.line(ALICE, number).state), ["cancelled", "waiting"]);
    world.join();
    world.settle();
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
    assert_eq!(world.line(BOB, 1).state, "complete");
    assert_eq!(names_in(&world.sides[ALICE].dir.path().join("trees")), [""; 0], "all are over");
    // What nobody can be given is cancelled for everybody.
    world.with(ALICE, |transfers, cx| {
        transfers.send_to_room(cx, TEAM, vec![carol(), user(BOB)], Path::new("/no/such"));
    });
    world.settle();
    assert_eq!([3, 4].map(|number| world.line(ALICE, number).state), ["failed", "failed"]);
}
