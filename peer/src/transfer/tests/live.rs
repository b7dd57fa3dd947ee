//! Files that grow while they are handed over.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use wire::app::framing::encode;
use wire::app::peer::{BulkRequest, LiveOffer, MAX_RANGE, Offer};

use super::super::*;
use super::world::*;
use crate::work::{AutoAccept, FileError, FileRequest};

/// A program that writes a file.
struct Recorder {
    path: PathBuf,
    file: Option<File>,
    bytes: Vec<u8>,
}

impl Recorder {
    fn new(world: &World, name: &str) -> Self {
        let path = world.sides[ALICE].dir.path().join(name);
        Self { file: Some(File::create(&path).unwrap()), path, bytes: Vec::new() }
    }

    fn write(&mut self, len: usize) {
        let from = self.bytes.len();
        let mut more = vec![0; len];
        let mut seed = blake3::Hasher::new();
        seed.update(&from.to_be_bytes()).finalize_xof().fill(&mut more);
        self.file.as_mut().unwrap().write_all(&more).unwrap();
        self.bytes.extend(more);
    }

    /// Writes the head anew, as writers of films do at the end.
    fn write_head(&mut self) {
        self.file.as_ref().unwrap().write_all_at(&[0xaa; 1000], 20).unwrap();
        self.bytes[20..1020].fill(0xaa);
    }

    fn close(&mut self) {
        self.file = None;
    }
}

/// Alice hands over what a recorder writes, which has written a little.
fn offered() -> (World, Recorder) {
    let mut world = World::new();
    let mut recorder = Recorder::new(&world, "cam.mkv");
    recorder.write(100_000);
    send(&mut world, &recorder);
    (world, recorder)
}

fn send(world: &mut World, recorder: &Recorder) {
    let path = recorder.path.clone();
    world.with(ALICE, |transfers, cx| transfers.send_live(cx, user(BOB), path, None));
    world.settle();
}

/// Bob has taken it, and what was written so far.
fn under_way() -> (World, Recorder) {
    let (mut world, recorder) = offered();
    accept(&mut world);
    world.pass(2);
    assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64);
    (world, recorder)
}

fn accept(world: &mut World) {
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
}

fn id_of(world: &World) -> TransferId {
    world.sides[ALICE].transfers.table.get(1).unwrap().record.id
}

fn say(world: &mut World, to: usize, control: Control) {
    let from = user(1 - to);
    world.with(to, |transfers, cx| transfers.on_control(cx, &from, control));
    world.settle();
}

/// [W-130] [W-131] [W-132] [W-133] It comes as it grows, and both end with the same.
#[test]
fn it_comes_as_it_grows_and_ends_whole() {
    let (mut world, mut recorder) = under_way();
    assert_eq!(world.states(1), ["running", "running"]);
    for side in [ALICE, BOB] {
        let line = world.line(side, 1);
        assert_eq!((line.size, line.eta), (None, None), "nobody knows");
    }
    for _ in 0..5 {
        recorder.write(3_000_000);
        world.pass(2);
        assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64);
        assert!(world.line(BOB, 1).rate > 0);
    }
    // It stands still, and somebody has it open.
    world.pass(60);
    assert_eq!(world.states(1), ["running", "running"]);
    recorder.close();
    world.pass(7);
    assert_eq!(world.states(1), ["complete", "complete"]);
    assert_eq!(world.line(BOB, 1).size, Some(recorder.bytes.len() as u64));
    world.assert_arrived("cam.mkv", &recorder.bytes);
    assert_eq!(world.sides[BOB].count_in_log("Write {"), 0, "nothing came twice");
}

#[test]
fn what_nobody_writes_goes_as_any_other_file() {
    let mut world = World::new();
    let mut recorder = Recorder::new(&world, "clip.mp4");
    recorder.write(50_000);
    recorder.file.as_ref().unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    recorder.close();
    world.now += wire::time::Duration::from_secs(100);
    send(&mut world, &recorder);
    assert_eq!(world.line(BOB, 1).size, Some(50_000), "at once");
    accept(&mut world);
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("clip.mp4", &recorder.bytes);
}

#[test]
fn it_ends_when_its_person_says_so() {
    let (mut world, mut recorder) = under_way();
    recorder.write(10);
    world.with(ALICE, |transfers, cx| transfers.end_live(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("cam.mkv", &recorder.bytes);
    world.with(ALICE, |transfers, cx| transfers.end_live(cx, 1));
    world.with(BOB, |transfers, cx| transfers.end_live(cx, 1));
    world.with(ALICE, |transfers, cx| transfers.end_live(cx, 9));
    assert_eq!(world.errors(ALICE).len(), 2);
    assert_eq!(world.errors(BOB).len(), 1);
}

/// Who says that it has ended while it is written is told that it has not.
#[test]
fn what_grows_while_it_is_hashed_has_not_ended() {
    let (mut world, mut recorder) = under_way();
    let fits = |request: &FileRequest| matches!(request, FileRequest::Hash { .. });
    let error = FileError::Source("it was changed while it was read".to_owned());
    world.sides[ALICE].faults.push_back(Fault { fits, error });
    world.with(ALICE, |transfers, cx| transfers.end_live(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["running", "running"]);
    let errors = world.errors(ALICE);
    assert!(errors[0].contains("was changed") && errors[0].contains("'/live end 1'"), "{errors:?}");
    recorder.write(1_000_000);
    world.pass(2);
    assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64, "it goes on");
    recorder.close();
    world.pass(7);
    world.assert_arrived("cam.mkv", &recorder.bytes);
}

#[test]
fn who_takes_it_late_gets_all_of_it() {
    let (mut world, mut recorder) = offered();
    recorder.write(9_000_000);
    world.pass(300);
    assert_eq!(world.states(1), ["offered", "offered"]);
    accept(&mut world);
    world.pass(1);
    assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64);
    recorder.write(5);
    recorder.close();
    world.pass(8);
    world.assert_arrived("cam.mkv", &recorder.bytes);
}

/// Until it has ended nobody took it: then it is an offer like any other, with a size.
#[test]
fn who_has_not_answered_is_offered_what_it_became() {
    let (mut world, mut recorder) = offered();
    recorder.close();
    world.pass(8);
    assert_eq!(world.states(1), ["offered", "offered"]);
    assert_eq!(world.line(BOB, 1).size, Some(100_000));
    accept(&mut world);
    world.assert_arrived("cam.mkv", &recorder.bytes);
}

/// What may come without an end is taken without asking only of whom everything is; what was within
/// the bound when it had ended is taken then.
#[test]
fn what_is_taken_without_asking() {
    let most = Policy { auto_accept: Some(200_000), ..Policy::default() };
    for (chosen, at_once, at_last) in [
        (AutoAccept::Usual, false, true),
        (AutoAccept::Any, true, true),
        (AutoAccept::UpTo(100_001), false, true),
        (AutoAccept::UpTo(100_000), false, true),
        (AutoAccept::UpTo(99_999), false, false),
        (AutoAccept::Never, false, false),
    ] {
        let mut world = World::with_policy(most);
        world.sides[BOB].transfers.set_auto_accept(user(ALICE), chosen);
        let mut recorder = Recorder::new(&world, "cam.mkv");
        recorder.write(100_000);
        send(&mut world, &recorder);
        let is_taken = |world: &World| world.line(BOB, 1).state != "offered";
        assert_eq!(is_taken(&world), at_once, "{chosen:?}");
        recorder.close();
        world.pass(8);
        assert_eq!(is_taken(&world), at_last, "{chosen:?}");
    }
}

#[test]
fn a_link_that_is_lost_costs_nothing_that_came() {
    let (mut world, mut recorder) = under_way();
    for _ in 0..3 {
        recorder.write(4_000_000);
        world.steps(60);
        world.cut();
        world.pass(3);
        recorder.write(1000);
        world.join();
        world.pass(3);
        assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64);
    }
    // It ends while nobody is connected.
    world.cut();
    recorder.write(77);
    recorder.close();
    world.pass(20);
    assert_eq!(world.states(1), ["waiting", "waiting"]);
    world.join();
    world.settle();
    world.assert_arrived("cam.mkv", &recorder.bytes);
}

#[test]
fn both_go_on_after_a_restart() {
    for side in [ALICE, BOB] {
        let (mut world, mut recorder) = under_way();
        recorder.write(5_000_000);
        world.steps(100);
        world.restart(side);
        recorder.write(100);
        world.join();
        world.pass(3);
        assert_eq!(world.states(1), ["running", "running"]);
        let here = recorder.bytes.len() as u64;
        assert_eq!(world.line(BOB, 1).done, here);
        let sent = world.pipes.written[ALICE] as u64;
        assert!(sent < here + 2 * u64::from(MAX_RANGE), "only what was on its way came again");
        recorder.close();
        world.pass(8);
        assert_eq!(world.states(1), ["complete", "complete"]);
        world.assert_arrived("cam.mkv", &recorder.bytes);
    }
}

/// At any step between growing and complete.
#[test]
fn a_restart_between_the_two_costs_nothing() {
    let mut steps = 0;
    loop {
        let (mut world, mut recorder) = under_way();
        recorder.write(40_000);
        recorder.close();
        world.with(ALICE, |transfers, cx| transfers.end_live(cx, 1));
        world.steps(steps);
        let is_over = !world.step();
        for side in [ALICE, BOB] {
            world.restart(side);
        }
        world.join();
        world.pass(15);
        assert_eq!(world.states(1), ["complete", "complete"], "after {steps} steps");
        world.assert_arrived("cam.mkv", &recorder.bytes);
        if is_over {
            break;
        }
        steps += 1;
    }
    assert!(steps > 10, "{steps}");
}

#[test]
fn either_side_pauses() {
    for side in [ALICE, BOB] {
        let (mut world, mut recorder) = under_way();
        world.with(side, |transfers, cx| transfers.pause(cx, 1));
        recorder.write(500_000);
        world.pass(10);
        assert_eq!(world.states(1), ["paused", "paused"]);
        assert_eq!(world.line(BOB, 1).done, 100_000);
        world.with(side, |transfers, cx| transfers.resume(cx, 1));
        world.pass(2);
        assert_eq!(world.line(BOB, 1).done, 600_000);
        // It ends while it is paused.
        world.with(side, |transfers, cx| transfers.pause(cx, 1));
        recorder.write(3);
        recorder.close();
        world.pass(10);
        assert_eq!(world.states(1), ["paused", "paused"]);
        world.with(side, |transfers, cx| transfers.resume(cx, 1));
        world.settle();
        world.assert_arrived("cam.mkv", &recorder.bytes);
    }
}

#[test]
fn either_side_gives_it_up() {
    for side in [ALICE, BOB] {
        let (mut world, mut recorder) = under_way();
        recorder.write(500_000);
        world.steps(20);
        world.with(side, |transfers, cx| transfers.cancel(cx, 1));
        world.settle();
        assert_eq!(world.states(1), ["cancelled", "cancelled"]);
        assert_eq!(names_in(&world.downloads()), [""; 0]);
        world.assert_nothing_kept();
        world.pass(60);
        assert!(world.sides[ALICE].transfers.poll_timeout().is_none(), "nobody looks any more");
    }
    let (mut world, _recorder) = offered();
    world.with(BOB, |transfers, cx| transfers.decline(cx, None));
    world.settle();
    assert_eq!(world.states(1), ["declined", "declined"]);
}

#[test]
fn a_head_that_is_written_anew_is_fetched_and_little_else() {
    let (mut world, mut recorder) = under_way();
    recorder.write(20_000_000);
    world.pass(2);
    recorder.write_head();
    recorder.write(30_000);
    recorder.close();
    let before = world.pipes.written[ALICE];
    world.pass(8);
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("cam.mkv", &recorder.bytes);
    let came = world.pipes.written[ALICE] - before;
    assert!(came < 2_000_000, "{came} bytes came");
}

#[test]
fn what_is_cut_short_or_replaced_ends_it_on_both_sides() {
    let cut: fn(&Recorder) = |it| it.file.as_ref().unwrap().set_len(500).unwrap();
    let replace: fn(&Recorder) = |it| {
        let new = it.path.with_extension("new");
        std::fs::write(&new, vec![0; 200_000]).unwrap();
        std::fs::rename(new, &it.path).unwrap();
    };
    for change in [cut, replace] {
        let (mut world, recorder) = under_way();
        change(&recorder);
        world.pass(2);
        assert_eq!(world.states(1), ["failed", "failed"]);
        assert!(world.line(ALICE, 1).reason.unwrap().contains("cut short, or replaced"));
        assert!(world.line(BOB, 1).reason.unwrap().contains("changed while"));
        assert_eq!(names_in(&world.downloads()), [""; 0]);
        world.assert_nothing_kept();
    }
    // While this program did not run.
    let (mut world, recorder) = under_way();
    world.restart(ALICE);
    recorder.file.as_ref().unwrap().set_len(500).unwrap();
    world.join();
    world.pass(3);
    assert_eq!(world.states(1), ["failed", "failed"]);
}

#[test]
fn a_source_that_is_not_there_for_a_while_pauses() {
    let (mut world, mut recorder) = under_way();
    let away = recorder.path.with_extension("away");
    std::fs::rename(&recorder.path, &away).unwrap();
    world.pass(3);
    assert_eq!(world.states(1), ["paused", "paused"]);
    let reason = world.line(ALICE, 1).reason.unwrap();
    assert!(reason.contains("no such file") && reason.contains("'/resume 1'"), "{reason}");
    std::fs::rename(&away, &recorder.path).unwrap();
    recorder.write(10);
    world.with(ALICE, |transfers, cx| transfers.resume(cx, 1));
    world.pass(3);
    assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64);
    let mut world = World::new();
    let none = world.sides[ALICE].dir.path().join("none");
    world.with(ALICE, |transfers, cx| transfers.send_live(cx, user(BOB), none, None));
    world.settle();
    assert_eq!(world.states(1), ["failed", "unknown"]);
}

#[test]
fn a_full_disk_pauses_and_resume_goes_on() {
    let fits: [fn(&FileRequest) -> bool; 2] = [
        |request| matches!(request, FileRequest::WriteLive { .. }),
        |request| matches!(request, FileRequest::PrepareLive { .. }),
    ];
    for fits in fits {
        let (mut world, mut recorder) = offered();
        let error = FileError::Target("the disk is full".to_owned());
        world.sides[BOB].faults.push_back(Fault { fits, error });
        accept(&mut world);
        world.pass(2);
        assert_eq!(world.states(1), ["paused", "paused"]);
        assert_eq!(world.line(BOB, 1).reason.as_deref(), Some("the disk is full"));
        recorder.write(2_000_000);
        world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
        world.pass(2);
        assert_eq!(world.line(BOB, 1).done, recorder.bytes.len() as u64);
        recorder.close();
        world.pass(8);
        world.assert_arrived("cam.mkv", &recorder.bytes);
    }
}

/// What is not durable is not said: the file grows on until it is.
#[test]
fn an_end_that_cannot_be_kept_is_found_again() {
    let (mut world, mut recorder) = under_way();
    recorder.close();
    world.sides[ALICE].store_fails = true;
    world.pass(8);
    assert_eq!(world.line(BOB, 1).size, None);
    world.sides[ALICE].store_fails = false;
    world.pass(12);
    world.assert_arrived("cam.mkv", &recorder.bytes);
}

#[test]
fn no_faster_than_wished() {
    let mut world = World::new();
    world.sides[ALICE].transfers.up.set(Some(100_000));
    let mut recorder = Recorder::new(&world, "cam.mkv");
    recorder.write(1_000_000);
    send(&mut world, &recorder);
    accept(&mut world);
    world.pass(5);
    let sent = world.pipes.written[ALICE];
    assert!((300_000..600_000).contains(&sent), "{sent}");
    let down = Policy { limit_down: Some(100_000), ..Policy::default() };
    world.sides[ALICE].transfers.up.set(None);
    world.with(BOB, |transfers, cx| transfers.set_policy(cx, down));
    world.pass(60);
    recorder.write(5_000_000);
    let before = world.line(BOB, 1).done;
    world.pass(20);
    let came = world.line(BOB, 1).done - before;
    assert!((1_000_000..=3_200_000).contains(&came), "{came}");
}

/// Beyond so many at once, others wait.
#[test]
fn not_all_come_at_once() {
    let mut world = World::new();
    let mut recorders: Vec<Recorder> =
        (0..6).map(|number| Recorder::new(&world, &format!("{number}"))).collect();
    for recorder in &mut recorders {
        recorder.write(1000);
        send(&mut world, recorder);
    }
    for id in 1..=6 {
        world.with(BOB, |transfers, cx| transfers.accept(cx, Some(id)));
        world.settle();
    }
    world.pass(3);
    let count = |world: &World, state: &str| {
        world.sides[BOB].transfers.list(world.now).iter().filter(|it| it.state == state).count()
    };
    assert_eq!((count(&world, "running"), count(&world, "waiting")), (4, 2));
    // A file that does not grow passes them.
    world.send("film.mp4", &[7; 5000]);
    world.settle();
    accept(&mut world);
    assert_eq!(world.line(BOB, 7).state, "complete");
    recorders.iter_mut().for_each(Recorder::close);
    world.pass(30);
    assert_eq!(count(&world, "complete"), 7);
}

/// All that is told to be here can be read, as it comes and after.
#[test]
fn it_is_played_while_it_grows() {
    let (mut world, mut recorder) = under_way();
    world.with(BOB, |transfers, cx| transfers.play(cx, 1, None));
    let (mut held, mut size, mut path) = (0, None, None);
    let mut learn = |world: &mut World| {
        while let Some(news) = world.sides[BOB].transfers.poll_view() {
            let ViewNews::Of(_, view) = news else { continue };
            match view {
                View::Plays(film) => {
                    assert_eq!((film.line.size, film.path), (None, None));
                    held = film.held[0].1;
                }
                View::Arrived(offset, len) => {
                    if size.is_none() {
                        assert_eq!(offset, held);
                    }
                    held += u64::from(len);
                }
                View::Sized(all) => size = Some(all),
                View::Complete(at) => path = Some(at),
                View::Holds(ranges) => held = ranges.iter().map(|(start, end)| end - start).sum(),
                View::Asks(_) | View::Steers(..) | View::Opens(..) | View::Over => panic!(),
            }
        }
        (held, size, path.clone())
    };
    recorder.write(2_000_000);
    world.pass(2);
    assert_eq!(learn(&mut world), (recorder.bytes.len() as u64, None, None));
    recorder.close();
    world.pass(8);
    let (held, size, path) = learn(&mut world);
    assert_eq!((held, size), (recorder.bytes.len() as u64, Some(held)));
    assert!(std::fs::read(path.unwrap()).unwrap() == recorder.bytes);
    // Of what grows, nothing can be said by its contents; and one's own is where it is.
    let (mut world, recorder) = under_way();
    assert!(world.sides[BOB].transfers.playable(1).is_err());
    assert_eq!(world.sides[BOB].transfers.number_of(&[0; 32]), None);
    world.with(ALICE, |transfers, cx| transfers.play(cx, 1, None));
    let errors = world.errors(ALICE);
    assert!(errors[0].contains(&recorder.path.display().to_string()), "{errors:?}");
    world.with(BOB, |transfers, _| transfers.verify(1));
    assert_eq!(world.errors(BOB).len(), 1);
}

/// Bob opens a stream and asks for this, whatever his own program thinks.
fn ask(world: &mut World, request: &BulkRequest) -> StreamId {
    let stream = world.pipes.open(BOB).unwrap();
    world.pipes.write(BOB, stream, &encode(request)).unwrap();
    world.settle();
    stream
}

fn is_reset(world: &mut World, stream: StreamId) -> bool {
    world.pipes.read(BOB, stream, 1, &mut Vec::new()).is_err()
}

#[test]
fn what_may_not_be_asked_for_is_refused() {
    let (mut world, _recorder) = offered();
    let id = id_of(&world);
    let live = |offset| BulkRequest::GetLive { id, offset };
    let early = ask(&mut world, &live(0));
    let mut got = Vec::new();
    assert_eq!(world.pipes.read(BOB, early, 9, &mut got), Ok(wire::Read::Blocked), "not taken yet");
    let other = BulkRequest::GetLive { id: TransferId([1; 16]), offset: 0 };
    let stream = ask(&mut world, &other);
    assert!(is_reset(&mut world, stream), "nothing of this id");
    let stream = ask(&mut world, &BulkRequest::Get { id, offset: 0, len: 16384 });
    assert!(is_reset(&mut world, stream), "it cannot be proven");
    assert_eq!(world.states(1), ["offered", "offered"]);
    // A file that never grew has nothing of the kind.
    world.send("film", &[1; 50_000]);
    world.settle();
    world.with(BOB, |transfers, cx| transfers.accept(cx, Some(2)));
    let id = world.sides[ALICE].transfers.table.get(2).unwrap().record.id;
    let stream = ask(&mut world, &BulkRequest::GetLive { id, offset: 0 });
    assert!(is_reset(&mut world, stream));
    assert_eq!(world.states(2), ["complete", "complete"]);
    // Behind all that there is: it has lost what he says that he has.
    accept(&mut world);
    let stream = ask(&mut world, &live(100_001));
    assert!(is_reset(&mut world, stream));
    assert_eq!(world.line(ALICE, 1).state, "failed");
}

/// Alice's program is silent, and somebody answers in its place.
fn answered(answer: &[u8]) -> World {
    let mut world = World::new();
    let (id, name) = (TransferId([5; 16]), "cam.mkv".to_owned());
    say(&mut world, BOB, Control::Live(LiveOffer { id, name, media_type: String::new() }));
    let alice = user(ALICE);
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.until(|world| !world.sides[BOB].transfers.live.streams.is_empty());
    let stream = world.sides[BOB].transfers.live.streams.keys().next().unwrap().1;
    world.pipes.events[ALICE].clear();
    world.pipes.write(ALICE, stream, answer).unwrap();
    world.with(BOB, |transfers, cx| transfers.on_readable(cx, &alice, stream));
    world.pipes.events[ALICE].clear();
    world
}

#[test]
fn an_answer_that_is_longer_than_any_ends_it() {
    let world = answered(&(MAX_RANGE + 1).to_be_bytes());
    assert_eq!(world.line(BOB, 1).state, "failed");
    let mut honest = 5_u32.to_be_bytes().to_vec();
    honest.extend(b"first");
    let world = answered(&honest);
    assert_eq!(world.line(BOB, 1).state, "running");
    // What nobody has asked for.
    honest.extend(7_u32.to_be_bytes());
    honest.extend(b"unasked");
    let mut world = answered(&honest);
    world.settle();
    assert_eq!(world.held(BOB, "bytes of what grows in part"), 0);
}

#[test]
fn nothing_comes_that_nobody_has_taken() {
    let (mut world, mut recorder) = offered();
    recorder.write(1_000_000);
    world.pass(30);
    assert_eq!(world.pipes.written, [0, 0]);
    assert_eq!(names_in(&world.downloads()), [""; 0]);
    let id = id_of(&world);
    // The same once more, also with another name, changes nothing.
    for name in ["cam.mkv", "other"] {
        let (name, media_type) = (name.to_owned(), String::new());
        say(&mut world, BOB, Control::Live(LiveOffer { id, name, media_type }));
    }
    assert_eq!(world.sides[BOB].transfers.list(world.now).len(), 1);
    assert_eq!(world.line(BOB, 1).name, "cam.mkv");
    let long =
        LiveOffer { id: TransferId([3; 16]), name: "x".repeat(1025), media_type: String::new() };
    say(&mut world, BOB, Control::Live(long));
    assert_eq!(world.sides[BOB].transfers.list(world.now).len(), 1, "no such name");
    for number in 0..200 {
        let (id, name) = (TransferId([number; 16]), "x".to_owned());
        say(&mut world, BOB, Control::Live(LiveOffer { id, name, media_type: String::new() }));
    }
    assert_eq!(world.held(BOB, "offers of one user"), 100);
}

/// Who says at the end something else than he had sent is believed at the end, and only what fits it.
#[test]
fn an_end_that_is_shorter_than_what_came_counts() {
    let (mut world, recorder) = under_way();
    let id = id_of(&world);
    let offer = |size: u64, root| Offer {
        id,
        name: "other".to_owned(),
        size,
        media_type: String::new(),
        media: None,
        root,
        share: None,
        folder: None,
    };
    let start = &recorder.bytes[..50_000];
    say(&mut world, BOB, Control::Offer(offer(50_000, *blake3::hash(start).as_bytes())));
    world.settle();
    let path = world.line(BOB, 1).path.expect("it is complete");
    assert!(std::fs::read(path).unwrap() == start);
    assert_eq!(world.line(BOB, 1).name, "cam.mkv");

    let (mut world, _recorder) = under_way();
    let id = id_of(&world);
    let offer = Offer { id, ..offer((1 << 60) + 1, [0; 32]) };
    say(&mut world, BOB, Control::Offer(offer));
    assert_eq!(world.line(BOB, 1).state, "failed", "no file is that long");
}

#[test]
fn of_two_offers_the_first_counts() {
    let (mut world, mut recorder) = under_way();
    recorder.close();
    world.pass(8);
    let id = id_of(&world);
    let again = LiveOffer { id, name: "cam.mkv".to_owned(), media_type: String::new() };
    say(&mut world, BOB, Control::Live(again));
    assert_eq!(world.states(1), ["complete", "complete"]);
    world.assert_arrived("cam.mkv", &recorder.bytes);
}
