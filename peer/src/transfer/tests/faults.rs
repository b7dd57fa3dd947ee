//! Disks, files and databases that fail.

use super::super::*;
use super::world::*;
use crate::work::{FileError, FileRequest};

fn contents(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i / 7 % 251) as u8).collect()
}

fn running(size: usize) -> (World, PathBuf) {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    let path = world.send("film.mp4", &contents(size));
    world.until(|world| world.line(BOB, 1).done > 500_000);
    (world, path)
}

fn full() -> FileError {
    FileError::Target("the disk is full".to_owned())
}

/// Security acceptance I06.
#[test]
fn a_full_disk_pauses_and_resume_goes_on() {
    let (mut world, _) = running(3_000_000);
    let fits = |request: &FileRequest| matches!(request, FileRequest::Write { .. });
    world.sides[BOB].faults.push_back(Fault { fits, error: full() });
    world.settle();
    assert_eq!(world.states(1), ["paused", "paused"]);
    let line = world.line(BOB, 1);
    assert_eq!(line.paused_by, Some("you"));
    assert_eq!(line.reason.as_deref(), Some("the disk is full"));
    assert_eq!(world.line(ALICE, 1).paused_by, Some("them"));
    world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film.mp4", &contents(3_000_000));
}

#[test]
fn a_disk_that_refuses_at_the_beginning_or_end_pauses_too() {
    let fits: [fn(&FileRequest) -> bool; 2] = [
        |request| matches!(request, FileRequest::Prepare { .. }),
        |request| matches!(request, FileRequest::Finish { .. }),
    ];
    for fits in fits {
        let mut world =
            World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
        world.sides[BOB].faults.push_back(Fault { fits, error: full() });
        world.send("film", &contents(100_000));
        world.settle();
        assert_eq!(world.states(1), ["paused", "paused"]);
        world.restart(BOB);
        world.join();
        world.settle();
        assert_eq!(world.line(BOB, 1).paused_by, Some("you"), "also after a restart");
        world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
        world.settle();
        world.assert_arrived("film", &contents(100_000));
    }
}

/// Security acceptance I09.
/// The sender goes to another machine and comes back.
#[test]
fn what_another_device_offered_waits_for_it() {
    let (mut world, _) = running(3_000_000);
    world.cut();
    let fresh = Transfers::new(Policy::default(), &Seed::new([77; 32]));
    let offering = std::mem::replace(&mut world.sides[ALICE].transfers, fresh);
    world.join();
    world.settle();
    assert_eq!(world.line(BOB, 1).state, "paused");
    assert_eq!(world.line(BOB, 1).paused_by, Some("them"));
    world.cut();
    world.sides[ALICE].transfers = offering;
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film.mp4", &contents(3_000_000));
}

#[test]
fn a_source_that_changes_ends_it_on_both_sides() {
    let (mut world, path) = running(3_000_000);
    let mut changed = contents(3_000_000);
    for byte in &mut changed[1_000_000..] {
        *byte ^= 1;
    }
    std::fs::write(&path, changed).unwrap();
    world.settle();
    assert_eq!(world.states(1), ["failed", "failed"]);
    assert!(world.line(ALICE, 1).reason.unwrap().contains("changed"));
    assert!(world.line(BOB, 1).reason.unwrap().contains("changed"));
    assert_eq!(names_in(&world.downloads()), [""; 0]);
    world.assert_nothing_kept();
}

/// Security acceptance I09.
#[test]
fn a_source_that_cannot_be_read_pauses_and_resume_goes_on() {
    let (mut world, _) = running(3_000_000);
    let fits = |request: &FileRequest| matches!(request, FileRequest::Encode { .. });
    let error = FileError::Source("film.mp4: Input/output error".to_owned());
    world.sides[ALICE].faults.push_back(Fault { fits, error });
    world.settle();
    assert_eq!(world.states(1), ["paused", "paused"]);
    assert_eq!(world.line(ALICE, 1).paused_by, Some("you"));
    let reason = world.line(ALICE, 1).reason.unwrap();
    assert!(reason.contains("Input/output error") && reason.contains("'/resume 1'"), "{reason}");
    assert_eq!(world.line(BOB, 1).paused_by, Some("them"));
    assert!(world.line(BOB, 1).done > 500_000, "what has arrived is kept");
    world.with(ALICE, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(world.sides[BOB].count_in_log("Prepare"), 1, "it did not begin anew");
    world.assert_arrived("film.mp4", &contents(3_000_000));
}

#[test]
fn a_source_that_is_gone_is_waited_for() {
    let mut world = World::new();
    let path = world.send("film", &contents(100_000));
    world.settle();
    std::fs::remove_file(&path).unwrap();
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
    assert_eq!(world.states(1), ["paused", "paused"]);
    assert!(world.line(ALICE, 1).reason.unwrap().contains("no such file"));
    world.restart(ALICE);
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["paused", "paused"], "also after a restart");
    std::fs::write(path, contents(100_000)).unwrap();
    world.with(ALICE, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film", &contents(100_000));
}

#[test]
fn a_hash_tree_that_is_gone_ends_it_on_both_sides() {
    let mut world = World::new();
    world.send("film", &contents(100_000));
    world.settle();
    let trees = world.sides[ALICE].dir.path().join("trees");
    for name in names_in(&trees) {
        std::fs::remove_file(trees.join(name)).unwrap();
    }
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
    assert_eq!(world.states(1), ["failed", "failed"]);
    assert!(world.line(ALICE, 1).reason.unwrap().contains("send it again"));
    assert!(world.line(BOB, 1).reason.unwrap().contains("gone"));
}

#[test]
fn what_is_not_stored_is_not_promised() {
    // The offer.
    let mut world = World::new();
    world.sides[ALICE].store_fails = true;
    world.send("film", &contents(100_000));
    world.settle();
    assert_eq!(world.line(ALICE, 1).state, "failed");
    assert!(world.sides[BOB].outputs.is_empty());
    assert_eq!(world.errors(ALICE), ["Transfer 1: no room"]);

    // The acceptance.
    let mut world = World::new();
    world.send("film", &contents(100_000));
    world.settle();
    world.sides[BOB].store_fails = true;
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
    assert_eq!(world.states(1), ["offered", "offered"]);
    world.sides[BOB].store_fails = false;
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.until(|world| world.sides[BOB].count_in_log("Finish") == 1);

    // The completion: the sender hears of it when it is stored.
    world.sides[BOB].store_fails = true;
    world.settle();
    assert_eq!(world.states(1), ["running", "complete"]);
    world.sides[BOB].store_fails = false;
    world.restart(BOB);
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film", &contents(100_000));
}

/// A stream that the transport does not allow, or loses, is tried again, ever more rarely.
#[test]
fn streams_are_tried_again() {
    let (mut world, _) = running(2_000_000);
    let streams: Vec<_> = world.sides[BOB].transfers.fetching.keys().cloned().collect();
    world.pipes.limit = Some(0);
    let (_, stream) = streams[0];
    world.with(ALICE, |transfers, cx| transfers.on_stopped(cx, &user(BOB), stream));
    world.pass(30);
    assert_eq!(world.states(1), ["running", "running"]);
    world.pipes.limit = None;
    world.pass(70);
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film.mp4", &contents(2_000_000));
}

/// What waits for a disk that hangs is bounded in all, not for each file only.
#[test]
fn a_disk_that_hangs_holds_the_network_up() {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    world.sides[BOB].disk_hangs = true;
    let first = vec![1; 12 << 20];
    world.send("first", &first);
    world.settle();
    let most = 8 << 20;
    let waiting = |world: &World| world.held(BOB, "bytes that wait for the disk");
    assert!((most - (1 << 20)..=most).contains(&waiting(&world)), "{}", waiting(&world));
    for name in ["second", "third", "fourth"] {
        world.send(name, &[2; 2 << 20]);
    }
    world.settle();
    assert!(waiting(&world) <= most);
    assert!(world.held(BOB, "bytes asked for by one stream") > 0);
    world.end_hanging(BOB);
    world.settle();
    for number in 1..=4 {
        assert_eq!(world.states(number), ["complete", "complete"], "{number}");
    }
    assert_eq!(waiting(&world), 0);
    assert!(std::fs::read(world.downloads().join("first")).unwrap() == first);
}
