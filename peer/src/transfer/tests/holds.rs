//! What a transfer waits for, at both of its ends.

use super::world::{ALICE, BOB, World};
use crate::transfer::{Hold, Policy};
use wire::time::Duration;

const MB: usize = 1_000_000;

fn taking(policy: Policy) -> World {
    World::with_policy(Policy { auto_accept: Some(u64::MAX), ..policy })
}

/// At Alice's, and at Bob's.
fn holds(world: &World) -> [Option<Hold>; 2] {
    [ALICE, BOB].map(|side| world.sides[side].transfers.held_up(world.now, 1))
}

#[test]
fn a_slow_disk_of_the_receiver_is_his() {
    let mut world = taking(Policy::default());
    world.sides[BOB].disk_hangs = true;
    world.send("film.mp4", &vec![1; 12 * MB]);
    world.settle();
    world.now += Duration::from_secs(3);
    assert_eq!(holds(&world), [Some(Hold::Link), Some(Hold::Disk)]);
    world.end_hanging(BOB);
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(holds(&world), [None, None], "nothing is under way");
}

#[test]
fn a_slow_disk_of_the_sender_is_hers() {
    let mut world = taking(Policy::default());
    world.sides[ALICE].reads_hang = true;
    world.send("film.mp4", &vec![1; 2 * MB]);
    world.settle();
    world.now += Duration::from_secs(3);
    assert_eq!(holds(&world), [Some(Hold::Disk), Some(Hold::OtherSide)]);
    world.end_hanging(ALICE);
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
}

#[test]
fn a_limit_is_that_of_whoever_has_set_it() {
    let limit = Some(100_000);
    let mut world = taking(Policy { limit_down: limit, ..Policy::default() });
    world.send("film.mp4", &vec![1; 4 * MB]);
    world.pass(6);
    assert_eq!(holds(&world), [Some(Hold::OtherSide), Some(Hold::Limit)]);
    let mut world = taking(Policy::default());
    let up = Policy { limit_up: limit, ..Policy::default() };
    world.with(ALICE, |transfers, cx| transfers.set_policy(cx, up));
    world.send("film.mp4", &vec![1; 4 * MB]);
    world.pass(6);
    assert_eq!(holds(&world), [Some(Hold::Limit), Some(Hold::OtherSide)]);
}

/// The files of a folder are told of together, by the folder's number.
#[test]
fn a_folder_waits_for_what_its_files_wait_for() {
    let mut world = taking(Policy::default());
    world.sides[ALICE].reads_hang = true;
    let contents = vec![1; MB];
    world.send_folder("holiday", &[("a.mp4", &contents), ("b.mp4", &contents)]);
    world.settle();
    world.now += Duration::from_secs(3);
    assert_eq!(holds(&world), [Some(Hold::Disk), Some(Hold::OtherSide)]);
}
