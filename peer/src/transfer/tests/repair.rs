//! Files that were damaged since they arrived.

use super::super::*;
use super::world::*;

const SIZE: usize = 12_000_000;

fn film() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().update(b"repair").finalize_xof().fill(&mut bytes);
    bytes
}

/// It has arrived, and since then one byte of it has changed.
fn damaged() -> (World, Vec<u8>, Vec<u8>) {
    let bytes = film();
    let mut world = World::new();
    world.send("film.mp4", &bytes);
    world.settle();
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    let mut other = bytes.clone();
    other[5_000_000] ^= 1;
    std::fs::write(world.downloads().join("film.mp4"), &other).unwrap();
    (world, bytes, other)
}

fn has(world: &World, name: &str, contents: &[u8]) {
    assert!(std::fs::read(world.downloads().join(name)).unwrap() == contents, "{name} differs");
}

fn verify(world: &mut World) {
    world.with(BOB, |transfers, _| transfers.verify(1));
}

/// [W-134]
#[test]
fn what_is_wrong_comes_again_and_little_else() {
    let (mut world, bytes, other) = damaged();
    let before = world.pipes.written[ALICE];
    verify(&mut world);
    world.pass(3);
    assert_eq!(world.states(1), ["complete", "complete"]);
    let errors = world.errors(BOB).join(" ");
    assert!(errors.contains("alice is asked for what is wrong"), "{errors}");
    has(&world, "film (2).mp4", &bytes);
    has(&world, "film.mp4", &other);
    let came = world.pipes.written[ALICE] - before;
    // What was asked for before it was known to be right comes too.
    assert!(came < SIZE / 2, "{came} bytes came");
    world.assert_nothing_kept();
    // It is the repaired one that is meant now.
    let told = world.sides[BOB].outputs.len();
    verify(&mut world);
    world.pass(1);
    let last = &world.sides[BOB].outputs[told..];
    assert!(
        last.iter().any(|it| matches!(it, Output::Info { text } if text.contains("last byte")))
    );
}

/// Both sides end in the middle of it, and go on.
#[test]
fn a_repair_goes_on_after_a_restart_of_either_side() {
    for side in [ALICE, BOB] {
        for steps in [3, 10, 20, 30, 40] {
            let (mut world, bytes, _) = damaged();
            verify(&mut world);
            world.steps(steps);
            world.restart(side);
            world.join();
            world.pass(10);
            assert_eq!(world.states(1)[0], "complete", "{side} after {steps} steps");
            if world.line(BOB, 1).path.is_some_and(|path| path.ends_with("film.mp4")) {
                // It had not begun.
                verify(&mut world);
                world.pass(10);
            }
            assert_eq!(world.states(1), ["complete", "complete"], "{side} after {steps} steps");
            has(&world, "film (2).mp4", &bytes);
        }
    }
}

/// What the sender has is not what it was, or is not there: the transfer is what it was.
#[test]
fn what_nobody_has_any_more_stays_as_it_is() {
    let change: fn(&Path) = |path| std::fs::write(path, b"another film").unwrap();
    let remove: fn(&Path) = |path| std::fs::remove_file(path).unwrap();
    for (undo, why) in [(change, "was changed"), (remove, "is gone")] {
        let (mut world, _, other) = damaged();
        let path = world.line(ALICE, 1).path.unwrap();
        undo(Path::new(&path));
        verify(&mut world);
        world.pass(5);
        assert_eq!(world.states(1), ["complete", "complete"]);
        let errors = world.errors(BOB).join(" ");
        assert!(errors.contains("is not repaired") && errors.contains(why), "{errors}");
        assert_eq!(names_in(&world.downloads()), ["film.mp4"]);
        has(&world, "film.mp4", &other);
        world.assert_nothing_kept();
    }
}

#[test]
fn a_repair_can_be_given_up() {
    let (mut world, _, other) = damaged();
    world.cut();
    verify(&mut world);
    world.settle();
    assert_eq!(world.states(1), ["complete", "waiting"]);
    world.with(BOB, |transfers, cx| transfers.cancel(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.join();
    world.pass(2);
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(names_in(&world.downloads()), ["film.mp4"]);
    has(&world, "film.mp4", &other);
    world.assert_nothing_kept();
}

/// Asking costs nothing, and hashing a film does.
#[test]
fn what_is_complete_is_not_hashed_for_whoever_asks_and_asks() {
    let (mut world, _, _) = damaged();
    let (bob, id) = (user(BOB), world.sides[ALICE].stored(ALICE)[0].id);
    let hashed = world.sides[ALICE].count_in_log("Hash");
    for _ in 0..10 {
        for control in [Control::Accept(id), Control::Complete(id)] {
            world.with(ALICE, |transfers, cx| transfers.on_control(cx, &bob, control));
            world.settle();
        }
        assert_eq!(world.line(ALICE, 1).state, "complete");
    }
    assert_eq!(world.sides[ALICE].count_in_log("Hash"), hashed + 3);
    world.assert_nothing_kept();
}
