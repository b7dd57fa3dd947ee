//! Two honest sides.

use std::path::Path;

use proptest::prelude::*;
use wire::time::Duration;

use super::super::*;
use super::world::*;

fn contents(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&size.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Offered, accepted and under way, with a part of it written.
fn half_way() -> (World, Vec<u8>) {
    half_way_of(3_000_000)
}

fn half_way_of(size: usize) -> (World, Vec<u8>) {
    let bytes = contents(size);
    let mut world = World::new();
    world.send("film.mp4", &bytes);
    world.settle();
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.until(|world| world.line(BOB, 1).done > 1_000_000);
    assert!(world.line(BOB, 1).done < size as u64);
    (world, bytes)
}

#[test]
fn files_of_every_size_arrive() {
    for size in [0, 1, 16_384, 16_385, 1_000_000, 5_000_000] {
        let bytes = contents(size);
        let mut world = World::new();
        let path = world.send("film.mp4", &bytes);
        world.settle();
        let Some(Output::FileOffer {
            id: 1,
            from,
            name,
            size: Some(offered),
            media_type,
            blake3: Some(blake3),
            room: None,
            ..
        }) = world.sides[BOB].outputs.first()
        else {
            panic!("{:?}", world.sides[BOB].outputs);
        };
        assert_eq!((from.as_str(), name.as_str(), *offered), ("alice", "film.mp4", size as u64));
        assert_eq!(media_type, "video/mp4");
        assert_eq!(*blake3, blake3::hash(&bytes).to_string());
        assert_eq!(world.states(1), ["offered", "offered"]);

        world.with(BOB, |transfers, cx| transfers.accept(cx, None));
        world.settle();
        assert_eq!(world.states(1), ["complete", "complete"]);
        world.assert_arrived("film.mp4", &bytes);
        assert_eq!(world.line(BOB, 1).done, size as u64);
        assert_eq!(world.line(ALICE, 1).path.as_deref(), path.canonicalize().unwrap().to_str());
        let saved = world.downloads().canonicalize().unwrap().join("film.mp4");
        assert_eq!(world.line(BOB, 1).path.as_deref(), saved.to_str());
        assert_eq!(world.pipes.open_streams(), 0);
        world.pass(5);
        assert_eq!(world.sides[BOB].transfers.poll_timeout(), None, "all is quiet");
        assert_eq!(world.sides[ALICE].transfers.poll_timeout(), None);
    }
}

#[test]
fn a_declined_file_is_not_sent() {
    let mut world = World::new();
    world.send("film", b"x");
    world.settle();
    world.with(BOB, |transfers, cx| transfers.decline(cx, None));
    world.settle();
    assert_eq!(world.states(1), ["declined", "declined"]);
    assert_eq!(names_in(&world.downloads()), [""; 0]);
    world.assert_nothing_kept();
    // Also when the sender did not hear it.
    world.cut();
    world.restart(BOB);
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["declined", "declined"]);
}

#[test]
fn either_side_can_give_up_half_way() {
    for side in [ALICE, BOB] {
        let (mut world, _) = half_way();
        world.with(side, |transfers, cx| transfers.cancel(cx, 1));
        world.settle();
        assert_eq!(world.states(1), ["cancelled", "cancelled"]);
        assert_eq!(world.line(side, 1).reason, None);
        assert_eq!(world.line(1 - side, 1).reason.as_deref(), Some(["by alice", "by bob"][side]));
        assert_eq!(names_in(&world.downloads()), [""; 0]);
        world.assert_nothing_kept();
        assert_eq!(world.pipes.open_streams(), 0);
    }
}

#[test]
fn giving_up_ends_a_job_that_is_under_way() {
    let mut world = World::new();
    world.send("film", &contents(100_000));
    let (job, work) = world.sides[ALICE].transfers.poll_work().unwrap();
    world.with(ALICE, |transfers, cx| transfers.cancel(cx, 1));
    world.settle();
    assert_eq!(world.line(ALICE, 1).state, "cancelled");
    // The hash ends after the tree was removed: what it leaves behind goes too.
    let Work::File(request) = work else { panic!() };
    let path = world.sides[ALICE].dir.path().to_owned();
    let disk = crate::files::FileWorker::new(&path, &path.join("downloads")).unwrap();
    let outcome = Outcome::File(disk.run(request, &mut |_| {}));
    world.with(ALICE, |transfers, cx| transfers.handle_outcome(cx, job, outcome));
    world.settle();
    assert_eq!(world.line(ALICE, 1).state, "cancelled");
    assert!(world.sides[BOB].outputs.is_empty(), "never offered");
    assert!(world.sides[ALICE].stored(ALICE).is_empty(), "never stored");
    world.assert_nothing_kept();
}

#[test]
fn both_sides_can_pause_and_both_show_it() {
    let (mut world, bytes) = half_way_of(12_000_000);
    world.with(BOB, |transfers, cx| transfers.pause(cx, 1));
    world.settle();
    let done = world.line(BOB, 1).done;
    assert!(done < 11_000_000, "what was asked for arrives, no more is asked for");
    assert_eq!(world.states(1), ["paused", "paused"]);
    let paused_by = |world: &World| [ALICE, BOB].map(|side| world.line(side, 1).paused_by);
    assert_eq!(paused_by(&world), [Some("them"), Some("you")]);
    world.with(ALICE, |transfers, cx| transfers.pause(cx, 1));
    world.settle();
    assert_eq!(paused_by(&world), [Some("both"), Some("both")]);
    // Over a new link, and after a restart, both still pause.
    world.cut();
    world.restart(ALICE);
    world.restart(BOB);
    world.join();
    world.settle();
    assert_eq!(paused_by(&world), [Some("both"), Some("both")]);

    world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    assert_eq!(paused_by(&world), [Some("you"), Some("them")]);
    world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
    assert_eq!(world.errors(BOB), ["Transfer 1 is paused by alice, who alone can resume it."]);
    world.with(ALICE, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film.mp4", &bytes);
}

/// A sender who pauses answers nothing, whatever the receiver has asked for.
#[test]
fn a_pause_of_the_sender_holds() {
    let (mut world, bytes) = half_way();
    world.with(ALICE, |transfers, cx| transfers.pause(cx, 1));
    let before = world.sides[ALICE].count_in_log("Encode");
    world.settle();
    assert!(world.sides[ALICE].count_in_log("Encode") <= before + 1);
    assert_eq!(world.states(1), ["paused", "paused"]);
    world.with(ALICE, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    world.assert_arrived("film.mp4", &bytes);
}

#[test]
fn a_lost_link_is_waited_for() {
    let (mut world, bytes) = half_way();
    world.cut();
    world.settle();
    assert_eq!(world.states(1), ["waiting", "waiting"]);
    assert_eq!(world.line(BOB, 1).reason.as_deref(), Some("goes on when alice can be reached"));
    for side in [ALICE, BOB] {
        assert_eq!(world.sides[side].transfers.wants_link(), [user(1 - side)]);
    }
    world.pass(60);
    let prepared = world.sides[BOB].count_in_log("Prepare");
    let done = world.line(BOB, 1).done;
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(world.sides[BOB].count_in_log("Prepare"), prepared, "nothing is read again");
    assert!(done > 1_000_000);
    world.assert_arrived("film.mp4", &bytes);
    for side in [ALICE, BOB] {
        assert_eq!(world.sides[side].transfers.wants_link(), [], "nothing is waited for");
    }
}

#[test]
fn a_restart_of_either_side_loses_nothing() {
    for sides in [vec![ALICE], vec![BOB], vec![ALICE, BOB]] {
        let (mut world, bytes) = half_way();
        let fetched = world.pipes.written[ALICE];
        for side in sides {
            world.restart(side);
        }
        world.settle();
        assert_eq!(world.states(1), ["waiting", "waiting"]);
        world.join();
        world.settle();
        assert_eq!(world.states(1), ["complete", "complete"]);
        world.assert_arrived("film.mp4", &bytes);
        let again = world.pipes.written[ALICE] - fetched;
        assert!(again < 2_100_000, "{again} bytes: what was there was fetched again");
    }
}

/// Everything is there, but the program dies before the sender, or the database, hears of it.
#[test]
fn an_end_that_nobody_heard_of_is_told_again() {
    for crash_before_save in [false, true] {
        let (mut world, bytes) = half_way();
        world.until(|world| world.line(BOB, 1).state == "complete");
        if !crash_before_save {
            world.until(|world| world.sides[BOB].transfers.desk.controls.len() == 1);
        }
        world.restart(BOB);
        world.settle();
        world.join();
        world.settle();
        assert_eq!(world.states(1), ["complete", "complete"]);
        world.assert_arrived("film.mp4", &bytes);
        assert_eq!(world.sides[BOB].transfers.list(world.now).len(), 1, "no second offer");
    }
}

#[test]
fn offers_and_answers_wait_for_a_link() {
    let bytes = contents(100_000);
    let mut world = World::apart(Policy::default());
    world.send("film", &bytes);
    world.settle();
    assert_eq!(world.line(ALICE, 1).state, "waiting");
    assert_eq!(world.sides[ALICE].transfers.wants_link(), [user(BOB)]);
    world.restart(ALICE);
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["offered", "offered"]);
    world.cut();
    world.restart(BOB);
    assert!(matches!(world.sides[BOB].outputs.last(), Some(Output::FileOffer { .. })));
    assert_eq!(world.sides[BOB].transfers.wants_link(), [], "an open offer needs no link");
    world.with(BOB, |transfers, cx| transfers.accept(cx, Some(1)));
    world.settle();
    assert_eq!(world.line(BOB, 1).state, "waiting");
    assert_eq!(world.sides[BOB].transfers.wants_link(), [user(ALICE)]);
    world.join();
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("film", &bytes);
}

#[test]
fn an_end_while_the_link_is_down_is_told_later() {
    for side in [ALICE, BOB] {
        let (mut world, _) = half_way();
        world.cut();
        world.with(side, |transfers, cx| transfers.cancel(cx, 1));
        world.settle();
        assert_eq!(world.sides[side].transfers.wants_link(), [user(1 - side)]);
        world.join();
        world.settle();
        assert_eq!(world.states(1), ["cancelled", "cancelled"]);
        assert_eq!(world.sides[side].transfers.wants_link(), []);
    }
    // And after a restart in between, when the other side speaks of it.
    for side in [ALICE, BOB] {
        let (mut world, _) = half_way();
        world.cut();
        world.with(side, |transfers, cx| transfers.cancel(cx, 1));
        world.settle();
        world.restart(side);
        world.settle();
        world.join();
        world.settle();
        assert_eq!(world.states(1), ["cancelled", "cancelled"]);
    }
}

#[test]
fn small_files_are_taken_without_asking_when_wished() {
    let policy = Policy { auto_accept: Some(100), ..Policy::default() };
    let mut world = World::with_policy(policy);
    world.send("small", &contents(100));
    world.send("large", &contents(101));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(world.states(2), ["offered", "offered"]);
}

#[test]
fn many_files_go_at_once_and_the_rest_in_turn() {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    let files: Vec<Vec<u8>> = (0..30).map(|i| contents(400_000 + i)).collect();
    for (i, bytes) in files.iter().enumerate() {
        world.send(&format!("{i}.mp4"), bytes);
    }
    let mut most = 0;
    while world.step() {
        let transfers = &world.sides[BOB].transfers;
        let active = transfers.table.iter().filter(|transfer| transfers.is_active(transfer));
        most = most.max(active.count());
    }
    assert_eq!(most, 8);
    for (i, bytes) in files.iter().enumerate() {
        let saved = std::fs::read(world.downloads().join(format!("{i}.mp4"))).unwrap();
        assert!(saved == *bytes, "{i}");
    }
    world.assert_nothing_kept();
}

/// More than a receiver remembers: each is heard of in the end, in one link.
#[test]
fn two_hundred_offers_are_all_heard() {
    let mut world = World::new();
    for i in 0..200 {
        world.send(&format!("{i}"), &[]);
    }
    world.settle();
    assert_eq!(world.sides[BOB].transfers.list(world.now).len(), 64);
    assert_eq!(world.line(ALICE, 200).reason.as_deref(), Some("other offers go first"));
    assert_eq!(world.held(ALICE, "offers that one user has not answered"), 64);
    for number in 1..=200 {
        world.with(BOB, |transfers, cx| {
            if number % 2 == 0 {
                transfers.accept(cx, Some(number));
            } else {
                transfers.decline(cx, Some(number));
            }
        });
        world.settle();
    }
    let lines = world.sides[ALICE].transfers.list(world.now);
    let count = |state: &str| lines.iter().filter(|line| line.state == state).count();
    assert_eq!((count("complete"), count("declined")), (100, 100));
    assert_eq!(names_in(&world.downloads()).len(), 100);
}

#[test]
fn names_that_clash_are_kept_both() {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    world.send("film.mp4", b"first");
    world.settle();
    world.send("film.mp4", b"second");
    world.settle();
    assert_eq!(names_in(&world.downloads()), ["film (2).mp4", "film.mp4"]);
    assert_eq!(world.line(BOB, 2).name, "film (2).mp4");
}

#[test]
fn a_paused_transfer_makes_room_for_others() {
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    for i in 0..9 {
        world.send(&format!("{i}"), &contents(600_000 + i));
    }
    world.until(|world| (1..9).all(|number| world.line(BOB, number).state == "running"));
    assert_eq!(world.line(BOB, 9).state, "waiting");
    assert_eq!(world.line(BOB, 9).reason.as_deref(), Some("other transfers go first"));
    world.with(BOB, |transfers, cx| transfers.pause(cx, 1));
    assert_eq!(world.line(BOB, 9).state, "checking");
}

/// Waits between the two sides, so that progress takes time.
#[test]
fn progress_is_shown_once_a_second() {
    let bytes = contents(8_000_000);
    let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
    world.send("film", &bytes);
    world.until(|world| world.line(BOB, 1).state == "running");
    let shown = |world: &World, side: usize| world.sides[side].outputs.len();
    let before = [ALICE, BOB].map(|side| shown(&world, side));
    let mut seconds = 0;
    let mut rates = Vec::new();
    while world.line(BOB, 1).state == "running" {
        world.now += Duration::from_millis(20);
        world.steps(1);
        for side in [ALICE, BOB] {
            world.with(side, |transfers, cx| transfers.handle_timeout(cx));
        }
        if world.now.as_micros().is_multiple_of(1_000_000) {
            seconds += 1;
            let line = world.line(BOB, 1);
            rates.push((line.rate, line.eta));
        }
    }
    assert!(seconds >= 2, "{seconds}");
    for side in [ALICE, BOB] {
        let lines = shown(&world, side) - before[side];
        assert!((seconds..=seconds + 3).contains(&lines), "{lines} lines in {seconds} s");
    }
    let real = 8_000_000 / seconds as u64;
    let (rate, eta) = rates[rates.len() / 2];
    assert!(rate > real / 3 && rate < real * 3, "{rate} of {real}");
    assert!(eta.is_some_and(|eta| eta <= seconds as u64 * 3), "{eta:?}");
}

#[test]
fn a_rate_that_falls_to_nothing_is_shown() {
    let (mut world, _) = half_way();
    world.pipes.limit = Some(0);
    world.pass(2);
    let is_last_zero = |side: usize| match world.sides[side].outputs.last() {
        Some(Output::File { file }) => file.rate == 0,
        _ => false,
    };
    assert!(is_last_zero(ALICE) && is_last_zero(BOB));
}

#[test]
fn commands_that_make_no_sense_are_explained() {
    let mut world = World::new();
    world.with(BOB, |transfers, cx| {
        transfers.accept(cx, None);
        transfers.accept(cx, Some(7));
        transfers.pause(cx, 1);
    });
    world.send("a", b"a");
    world.send("b", b"b");
    world.with(ALICE, |transfers, cx| transfers.pause(cx, 1));
    world.settle();
    world.with(BOB, |transfers, cx| {
        transfers.decline(cx, None);
        transfers.resume(cx, 1);
        transfers.cancel(cx, 2);
        transfers.cancel(cx, 2);
    });
    world.with(ALICE, |transfers, cx| {
        transfers.accept(cx, Some(1));
        transfers.pause(cx, 1);
        transfers.pause(cx, 1);
    });
    assert_eq!(
        world.errors(BOB),
        [
            "Nothing waits for an answer.",
            "There is no transfer 7: '/files' lists them.",
            "There is no transfer 1: '/files' lists them.",
            "Several files are offered: say which number ('/files' lists them).",
            "Transfer 1 is not paused.",
            "Transfer 2 is over.",
        ]
    );
    assert_eq!(
        world.errors(ALICE),
        [
            "Transfer 1 has not begun: '/cancel 1' ends it.",
            "Transfer 1 does not wait for an answer.",
            "Transfer 1 is paused already.",
        ]
    );
}

#[test]
fn a_blocked_user_is_told_nothing() {
    let (mut world, _) = half_way();
    world.with(BOB, |transfers, cx| transfers.cancel_all(cx, &user(ALICE), None));
    world.cut();
    world.settle();
    assert_eq!(world.states(1), ["waiting", "cancelled"]);
    assert_eq!(world.sides[BOB].transfers.wants_link(), []);
    assert_eq!(names_in(&world.downloads()), [""; 0]);
}

#[test]
fn what_cannot_be_sent_is_said() {
    let mut world = World::new();
    let absent = Path::new("/nowhere/film.mp4").to_owned();
    world.with(ALICE, |transfers, cx| transfers.send(cx, user(BOB), absent));
    world.settle();
    let line = world.line(ALICE, 1);
    assert_eq!(line.state, "failed");
    assert_eq!(line.reason.as_deref(), Some("/nowhere/film.mp4: there is no such file"));
    assert!(world.sides[BOB].outputs.is_empty());
    assert!(world.sides[ALICE].stored(ALICE).is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Steps(usize),
    Seconds(u64),
    Cut,
    Join,
    Restart(usize),
    Pause(usize, u64),
    Resume(usize, u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let side = 0_usize..2;
    let number = 1_u64..4;
    prop_oneof![
        6 => (1_usize..60).prop_map(Happening::Steps),
        1 => (1_u64..5).prop_map(Happening::Seconds),
        1 => Just(Happening::Cut),
        3 => Just(Happening::Join),
        1 => side.clone().prop_map(Happening::Restart),
        1 => (side.clone(), number.clone()).prop_map(|(side, number)| Happening::Pause(side, number)),
        1 => (side, number).prop_map(|(side, number)| Happening::Resume(side, number)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens on the way, once nobody pauses and the link holds, everything arrives.
    #[test]
    fn everything_arrives_in_the_end(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut world = World::with_policy(Policy { auto_accept: Some(u64::MAX), ..Policy::default() });
        let files = [contents(0), contents(700_000), contents(150_001)];
        for (i, bytes) in files.iter().enumerate() {
            world.send(&i.to_string(), bytes);
        }
        // Offers exist once they are stored; before that a restart rightly knows nothing of them.
        world.until(|world| (1..4).all(|n| world.line(ALICE, n).state != "hashing"));
        world.steps(9);
        let mut is_up = true;
        for happening in happenings {
            match happening {
                Happening::Steps(count) => world.steps(count),
                Happening::Seconds(seconds) => world.pass(seconds),
                Happening::Cut => {
                    world.cut();
                    is_up = false;
                }
                Happening::Join if is_up => {}
                Happening::Join => {
                    world.join();
                    is_up = true;
                }
                Happening::Restart(side) => {
                    world.restart(side);
                    is_up = false;
                }
                Happening::Pause(side, n) => world.with(side, |t, cx| t.pause(cx, n)),
                Happening::Resume(side, n) => world.with(side, |t, cx| t.resume(cx, n)),
            }
        }
        if !is_up {
            world.join();
        }
        world.settle();
        for side in [ALICE, BOB] {
            for line in world.sides[side].transfers.list(world.now) {
                if matches!(line.paused_by, Some("you" | "both")) {
                    world.with(side, |transfers, cx| transfers.resume(cx, line.id));
                }
            }
        }
        world.pass(200);
        for side in [ALICE, BOB] {
            for line in world.sides[side].transfers.list(world.now) {
                prop_assert_eq!(line.state, "complete", "{:?}", line);
            }
        }
        prop_assert_eq!(names_in(&world.downloads()), ["0", "1", "2"]);
        for (i, bytes) in files.iter().enumerate() {
            prop_assert!(std::fs::read(world.downloads().join(i.to_string())).unwrap() == *bytes);
        }
        world.assert_nothing_kept();
    }
}
