//! A file is read while it arrives.

use std::os::unix::fs::FileExt;

use wire::app::peer::GROUP;

use super::super::ranges::Ranges;
use super::super::*;
use super::world::*;

const MIB: usize = 1 << 20;
const SIZE: usize = 24 * MIB;

fn contents() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().update(b"film").finalize_xof().fill(&mut bytes);
    bytes
}

/// Under way, played by Bob, and a part of it written.
fn playing() -> (World, Vec<u8>, Watcher) {
    let bytes = contents();
    let mut world = World::new();
    world.send("film.mp4", &bytes);
    world.settle();
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.until(|world| world.line(BOB, 1).done > 100_000);
    world.with(BOB, |transfers, cx| transfers.play(cx, 1, None));
    let mut watcher = Watcher::default();
    watcher.learn(&mut world);
    (world, bytes, watcher)
}

/// What whoever plays it has been told.
#[derive(Default)]
struct Watcher {
    id: Option<TransferId>,
    held: Ranges,
    /// Where parts came, in their order, since this was last cleared.
    arrived: Vec<(u64, u32)>,
    path: Option<PathBuf>,
    is_over: bool,
}

impl Watcher {
    fn learn(&mut self, world: &mut World) {
        while let Some(news) = world.sides[BOB].transfers.poll_view() {
            let ViewNews::Of(id, view) = news else { continue };
            self.id = Some(id);
            match view {
                View::Plays(film) => {
                    (self.held, self.path) = (Ranges::of(&film.held), film.path);
                }
                View::Holds(ranges) => self.held = Ranges::of(&ranges),
                View::Arrived(offset, len) => {
                    self.held.put(offset, len);
                    self.arrived.push((offset, len));
                }
                View::Sized(_) => panic!("it did not grow"),
                View::Complete(path) => self.path = Some(path),
                View::Over => self.is_over = true,
                View::Asks(_) | View::Steers(..) | View::Opens(..) => panic!("nobody opens it"),
            }
        }
    }

    fn id(&self) -> TransferId {
        self.id.expect("it was told")
    }

    /// Steps until this byte can be read.
    fn await_byte(&mut self, world: &mut World, at: usize) {
        while !self.held.covers(at as u64, at as u64 + 1) {
            assert!(world.step(), "nothing more comes");
            self.learn(world);
        }
    }

    /// How much can be read from this byte on.
    fn from(&self, at: usize) -> u64 {
        self.held.reach(at as u64) - at as u64
    }
}

/// What is on its way to Bob's disk.
fn on_its_way(world: &World) -> u64 {
    world.held(BOB, "bytes asked for by one stream")
        + world.held(BOB, "bytes that wait for the disk")
}

fn read_from(world: &mut World, watcher: &Watcher, reader: u64, at: usize) {
    let id = watcher.id();
    world.with(BOB, |transfers, cx| transfers.read_from(cx, id, Reader(reader), at as u64));
}

/// What was asked for before comes first, as it is on its way; then at once what is read.
#[test]
fn what_a_reader_waits_for_comes_next() {
    let (mut world, bytes, mut watcher) = playing();
    let (before, held) = (on_its_way(&world), watcher.held.bytes());
    read_from(&mut world, &watcher, 1, SIZE - 5);
    watcher.await_byte(&mut world, SIZE - 5);
    let came = watcher.held.bytes() - held - GROUP;
    assert!(came <= before, "{came} bytes came before it, {before} were on their way");
    assert!(before < 4 * MIB as u64, "long before the rest: {before}");
    // And the rest comes, with what was passed over.
    world.settle();
    watcher.learn(&mut world);
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(watcher.held.bytes(), SIZE as u64);
    assert!(std::fs::read(watcher.path.expect("the final name")).unwrap() == bytes);
    world.assert_arrived("film.mp4", &bytes);
}

/// All that is told to be here is on the disk, and right: at any moment.
#[test]
fn nothing_that_was_not_verified_is_told_to_be_here() {
    let (mut world, bytes, mut watcher) = playing();
    // The first wrong byte ends it; what came before it is right.
    world.pipes.flip = Some((ALICE, world.pipes.written[ALICE] + 3_000_000));
    let folder = world.downloads();
    let mut count = 0;
    while world.step() {
        watcher.learn(&mut world);
        let arrived = std::mem::take(&mut watcher.arrived);
        if watcher.is_over || arrived.is_empty() {
            continue;
        }
        let partial = folder.join(&names_in(&folder)[0]);
        let there = std::fs::File::open(partial).unwrap();
        for (offset, len) in arrived {
            let mut part = vec![0; len as usize];
            there.read_exact_at(&mut part, offset).unwrap();
            assert!(part == bytes[offset as usize..][..part.len()], "{len} bytes from {offset} on");
            count += 1;
        }
    }
    assert!(count > 3 && watcher.is_over, "{count}");
    assert_eq!(world.line(BOB, 1).state, "failed");
    assert!(watcher.held.bytes() < SIZE as u64);
}

/// A player has a second connection for the index at the tail.
#[test]
fn two_readers_are_both_served() {
    let (mut world, _, mut watcher) = playing();
    let (one, other) = (8 * MIB, 16 * MIB);
    read_from(&mut world, &watcher, 1, one);
    read_from(&mut world, &watcher, 2, other);
    watcher.await_byte(&mut world, one);
    watcher.await_byte(&mut world, other);
    let mut most_apart = 0;
    while [one, other].iter().any(|at| watcher.from(*at) < 5 * MIB as u64) {
        assert!(world.step(), "nothing more comes");
        watcher.learn(&mut world);
        most_apart = most_apart.max(watcher.from(one).abs_diff(watcher.from(other)));
    }
    assert!(most_apart <= 2 * MIB as u64, "{most_apart}");
}

#[test]
fn a_reader_who_goes_changes_nothing_any_more() {
    let (mut world, _, mut watcher) = playing();
    let id = watcher.id();
    read_from(&mut world, &watcher, 1, 20 * MIB);
    world.with(BOB, |transfers, _| transfers.forget_reader(id, Reader(1)));
    // What was asked for on his account is on its way, and no more of it.
    let before = on_its_way(&world);
    watcher.await_byte(&mut world, 8 * MIB);
    let his = watcher.from(20 * MIB);
    assert!(his <= before && before < 3 * MIB as u64, "{his} of {before}");
}

/// A pause holds for players too; where one has sought meanwhile, it goes on.
#[test]
fn a_paused_transfer_waits_and_goes_on_where_it_is_read() {
    let (mut world, _, mut watcher) = playing();
    world.with(BOB, |transfers, cx| transfers.pause(cx, 1));
    world.settle();
    watcher.learn(&mut world);
    let held = watcher.held.bytes();
    read_from(&mut world, &watcher, 1, 20 * MIB + 7);
    world.settle();
    watcher.learn(&mut world);
    assert_eq!(watcher.held.bytes(), held, "nothing comes");
    watcher.arrived.clear();
    world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
    while watcher.arrived.is_empty() {
        assert!(world.step(), "nothing more comes");
        watcher.learn(&mut world);
    }
    let (offset, _) = watcher.arrived[0];
    assert_eq!(offset, 20 * MIB as u64, "where its group begins");
}

/// After a restart nothing counts as being here before the disk has looked.
#[test]
fn a_restart_has_it_checked_again() {
    let (mut world, ..) = playing();
    world.restart(BOB);
    world.with(BOB, |transfers, cx| transfers.play(cx, 1, None));
    let mut watcher = Watcher::default();
    watcher.learn(&mut world);
    assert_eq!(watcher.held.bytes(), 0);
    world.join();
    while watcher.held.bytes() == 0 {
        assert!(world.step(), "it is never checked");
        watcher.learn(&mut world);
    }
    assert!(watcher.held.bytes() > 100_000 && watcher.arrived.is_empty(), "what was here counts");
    world.with(BOB, |transfers, cx| transfers.cancel(cx, 1));
    watcher.learn(&mut world);
    assert!(watcher.is_over);
}

#[test]
fn what_can_be_played_and_opened_is_said() {
    let mut world = World::new();
    let path = world.send("film.mp4", b"film").canonicalize().unwrap();
    world.settle();
    let view = |world: &mut World, side: usize| {
        while let Some(news) = world.sides[side].transfers.poll_view() {
            if let ViewNews::Of(_, view) = news {
                return Some(view);
            }
        }
        None
    };
    for (number, said) in [
        (1, "Nothing of transfer 1 is here: '/accept 1' first."),
        (7, "There is no transfer 7: '/files' lists them."),
    ] {
        world.with(BOB, |transfers, cx| transfers.play(cx, number, None));
        world.with(BOB, |transfers, cx| transfers.view(cx, number));
        assert_eq!(world.errors(BOB), [said, said]);
        world.sides[BOB].outputs.clear();
        assert_eq!(view(&mut world, BOB), None);
    }
    // Who sends it has it.
    world.with(ALICE, |transfers, cx| transfers.play(cx, 1, None));
    let Some(View::Plays(film)) = view(&mut world, ALICE) else { panic!("it plays") };
    assert_eq!((film.path, film.held), (Some(path.clone()), vec![(0, 4)]));
    world.with(ALICE, |transfers, cx| transfers.view(cx, 1));
    let Some(View::Opens(_, opened)) = view(&mut world, ALICE) else { panic!("it opens") };
    assert_eq!(opened, path);

    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.with(BOB, |transfers, cx| transfers.view(cx, 1));
    let said = "Transfer 1 is not complete: '/play 1' plays it while it arrives.";
    assert_eq!(world.errors(BOB), [said]);
    world.settle();
    let saved = world.downloads().canonicalize().unwrap().join("film.mp4");
    world.with(BOB, |transfers, cx| transfers.view(cx, 1));
    let Some(View::Opens(line, opened)) = view(&mut world, BOB) else { panic!("it opens") };
    assert_eq!((line.state, opened), ("complete", saved.clone()));
    world.with(BOB, |transfers, cx| transfers.play(cx, 1, None));
    let Some(View::Plays(film)) = view(&mut world, BOB) else { panic!("it plays") };
    assert_eq!((film.path, film.media_type.as_str()), (Some(saved), "video/mp4"));

    world.send("other.mp4", b"other");
    world.settle();
    world.with(BOB, |transfers, cx| transfers.decline(cx, None));
    world.with(BOB, |transfers, cx| transfers.play(cx, 2, None));
    assert_eq!(world.errors(BOB).last().unwrap(), "Nothing of transfer 2 is here.");
}
