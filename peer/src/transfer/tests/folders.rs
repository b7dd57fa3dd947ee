//! Folders from one side to the other.

use std::os::unix::fs::symlink;

use wire::app::peer::Folder;

use super::super::*;
use super::world::*;
use crate::work::{FileError, FileRequest};

/// Four files, one of them empty, two of them in folders.
fn holiday() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("clip.mp4", vec![1; 300_000]),
        ("empty", Vec::new()),
        ("pictures/Köln am Rhein.jpg", vec![2; 70_000]),
        ("pictures/raw/1.dng", vec![3; 100]),
    ]
}

fn send_holiday(world: &mut World) -> PathBuf {
    let files = holiday();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (*path, &**bytes)).collect();
    world.send_folder("holiday", &files)
}

fn accept(world: &mut World) {
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
}

fn assert_holiday_is_in(root: &Path) {
    let all = tree(root);
    let expected: Vec<(String, Vec<u8>)> =
        holiday().into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect();
    assert!(all == expected, "{:?}", all.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

/// All files under a folder, with their contents, by path.
fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for name in names_in(root) {
        let path = root.join(&name);
        if path.is_dir() {
            files
                .extend(tree(&path).into_iter().map(|(inner, it)| (format!("{name}/{inner}"), it)));
        } else {
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
    files
}

fn offers(world: &World) -> Vec<(u64, String, Option<u64>, u64)> {
    let offer = |output: &Output| {
        let Output::FileOffer { id, name, files, size, .. } = output else { return None };
        Some((*id, name.clone(), *files, size.expect("it does not grow")))
    };
    world.sides[BOB].outputs.iter().filter_map(offer).collect()
}

#[test]
fn a_folder_arrives_whole_with_one_acceptance() {
    let mut world = World::new();
    send_holiday(&mut world);
    world.settle();
    assert_eq!(offers(&world), [(1, "holiday".to_owned(), Some(4), 370_100)]);
    assert_eq!(world.states(1), ["offered"; 2]);
    assert_eq!(names_in(&world.downloads()), [""; 0]);
    accept(&mut world);
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    assert_eq!(offers(&world).len(), 1);
    assert_holiday_is_in(&world.downloads().join("holiday"));
    world.assert_nothing_kept();
    for side in [ALICE, BOB] {
        let line = world.line(side, 1);
        assert_eq!((line.files, line.files_done), (Some(4), Some(4)));
        assert_eq!((line.done, line.size), (370_100, Some(370_100)));
        assert_eq!(world.errors(side), [""; 0]);
        assert_eq!(world.sides[side].transfers.list(world.now).len(), 1, "one line for all of it");
        let all = world.sides[side].transfers.list_folder(world.now, 1).unwrap();
        let parts: Vec<_> = all[1..].iter().map(|it| (&*it.name, it.folder, it.state)).collect();
        let expected = holiday().into_iter().map(|(path, _)| (path, Some(1), "complete"));
        assert_eq!(parts, expected.collect::<Vec<_>>());
    }
    let path = world.downloads().join("holiday").canonicalize().unwrap();
    assert_eq!(world.line(BOB, 1).path, Some(path.display().to_string()));
}

/// Files that are over count in the rate of their folder.
#[test]
fn the_rate_of_a_folder_is_that_of_all_its_files() {
    let mut world = World::new();
    send_holiday(&mut world);
    world.settle();
    accept(&mut world);
    world.until(|world| world.line(BOB, 1).files_done == Some(3));
    for side in [ALICE, BOB] {
        let line = world.line(side, 1);
        assert!(line.state == "running" && line.rate >= 300_000, "{line:?}");
        assert!(line.eta.is_some(), "{line:?}");
    }
}

/// Nothing of a folder is told before it is accepted, and then only so much at once [W-142].
#[test]
fn a_folder_of_many_files_is_told_of_bit_by_bit() {
    let mut world = World::new();
    let names: Vec<String> = (0..150).map(|number| format!("{number:03}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, name.as_bytes())).collect();
    world.send_folder("many", &files);
    world.settle();
    let told = "files of folders that one user was told of";
    assert_eq!(world.held(ALICE, told), 0);
    assert_eq!(world.sides[BOB].transfers.table.iter().count(), 1);
    accept(&mut world);
    world.until(|world| world.held(ALICE, told) == 32);
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    assert_eq!(tree(&world.downloads().join("many")).len(), 150);
    world.assert_nothing_kept();
}

#[test]
fn a_folder_is_declined_as_one() {
    let mut world = World::new();
    send_holiday(&mut world);
    world.settle();
    world.with(BOB, |transfers, cx| transfers.decline(cx, Some(1)));
    world.settle();
    assert_eq!(world.states(1), ["declined"; 2]);
    world.assert_nothing_kept();
    assert_eq!(names_in(&world.downloads()), [""; 0]);
}

#[test]
fn a_folder_is_cancelled_as_one_by_either_side() {
    for side in [ALICE, BOB] {
        let mut world = World::new();
        send_holiday(&mut world);
        world.settle();
        accept(&mut world);
        world.until(|world| world.line(BOB, 1).files_done == Some(1));
        world.with(side, |transfers, cx| transfers.cancel(cx, 1));
        world.settle();
        assert_eq!(world.states(1), ["cancelled"; 2]);
        world.assert_nothing_kept();
        for side in [ALICE, BOB] {
            let all = world.sides[side].transfers.list_folder(world.now, 1).unwrap();
            assert!(all.iter().all(|file| crate::output::is_over(file.state)), "{all:?}");
        }
        let partial =
            tree(&world.downloads()).into_iter().find(|(name, _)| name.ends_with(".part"));
        assert_eq!(partial, None);
    }
}

#[test]
fn a_folder_pauses_as_one_and_goes_on() {
    for side in [ALICE, BOB] {
        let mut world = World::new();
        send_holiday(&mut world);
        world.settle();
        accept(&mut world);
        world.until(|world| world.line(BOB, 1).done > 0);
        world.with(side, |transfers, cx| transfers.pause(cx, 1));
        world.settle();
        world.pass(100);
        assert_eq!(world.states(1), ["paused"; 2]);
        let done = world.line(BOB, 1).done;
        world.pass(100);
        assert_eq!(world.line(BOB, 1).done, done, "nothing flows");
        world.with(1 - side, |transfers, cx| transfers.resume(cx, 1));
        assert!(world.errors(1 - side)[0].contains("who alone can resume"));
        world.with(side, |transfers, cx| transfers.resume(cx, 1));
        world.pass(100);
        assert_eq!(world.states(1), ["complete"; 2]);
        assert_holiday_is_in(&world.downloads().join("holiday"));
    }
}

/// A number of its own a file has for looking at it, and not for what concerns all of them.
#[test]
fn a_file_of_a_folder_is_not_stopped_by_itself() {
    let mut world = World::new();
    send_holiday(&mut world);
    world.settle();
    accept(&mut world);
    world.until(|world| world.line(BOB, 1).done > 0);
    type Verb = fn(&mut Transfers, &mut Context<'_>);
    let verbs: [Verb; 3] = [|t, cx| t.pause(cx, 2), |t, cx| t.cancel(cx, 2), |t, _| t.verify(1)];
    for verb in verbs {
        world.with(BOB, verb);
        let error = world.errors(BOB).pop().unwrap();
        assert!(error.contains("folder"), "{error}");
    }
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    world.with(BOB, |transfers, _| transfers.verify(2));
    world.settle();
    let told =
        |output: &Output| matches!(output, Output::Info { text } if text.contains("last byte"));
    assert!(world.sides[BOB].outputs.iter().any(told));
    world.with(BOB, |transfers, cx| transfers.play(cx, 1, None));
    assert!(world.errors(BOB).pop().unwrap().contains("is a folder"));
}

#[test]
fn a_folder_outlasts_restarts_and_lost_links() {
    for seed in 0..60 {
        let mut world = World::new();
        send_holiday(&mut world);
        world.steps(seed * 2);
        world.restart(ALICE);
        world.join();
        if world.states(1)[0] == "unknown" {
            continue; // Nothing was kept yet.
        }
        world.settle();
        if world.states(1)[1] == "offered" {
            accept(&mut world);
        }
        world.steps(seed * 5);
        world.cut();
        world.steps(seed);
        world.join();
        world.steps(seed * 3);
        world.restart(BOB);
        world.join();
        world.steps(seed * 2);
        world.restart(ALICE);
        world.join();
        world.pass(1000);
        assert_eq!(world.states(1), ["complete"; 2], "{seed}");
        assert_holiday_is_in(&world.downloads().join("holiday"));
        let trees = world.sides[BOB].dir.path().join("trees");
        assert_eq!(names_in(&trees), [""; 0], "{seed}");
        assert_eq!(names_in(&world.downloads()), ["holiday"], "{seed}");
    }
}

/// What was not told of when the program ended is looked for again; new files do not come with it.
#[test]
fn what_is_left_of_a_folder_is_looked_for_after_a_restart() {
    let mut world = World::new();
    let names: Vec<String> = (0..60).map(|number| format!("{number:02}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, name.as_bytes())).collect();
    let root = world.send_folder("many", &files);
    world.settle();
    world.restart(ALICE);
    std::fs::remove_file(root.join("59")).unwrap();
    world.join();
    world.settle();
    assert_eq!(world.line(BOB, 1).files, Some(59), "one is gone [W-145]");
    std::fs::write(root.join("59"), "new").unwrap();
    accept(&mut world);
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    assert_eq!(tree(&world.downloads().join("many")).len(), 59);
}

#[test]
fn a_folder_that_is_there_already_is_kept_beside() {
    let mut world = World::new();
    std::fs::create_dir(world.downloads().join("holiday")).unwrap();
    std::fs::write(world.downloads().join("holiday/clip.mp4"), "mine").unwrap();
    send_holiday(&mut world);
    world.settle();
    accept(&mut world);
    world.until(|world| world.line(BOB, 1).files_done == Some(1));
    world.restart(BOB);
    world.join();
    world.settle();
    assert_eq!(names_in(&world.downloads()), ["holiday", "holiday (2)"]);
    assert_holiday_is_in(&world.downloads().join("holiday (2)"));
    assert_eq!(std::fs::read(world.downloads().join("holiday/clip.mp4")).unwrap(), b"mine");
    assert_eq!(world.line(BOB, 1).name, "holiday (2)");
}

#[test]
fn a_folder_goes_where_one_says() {
    let mut world = World::new();
    let elsewhere = world.sides[BOB].dir.path().join("films");
    send_holiday(&mut world);
    world.settle();
    let place = elsewhere.join("trip");
    let wanted = place.clone();
    world.with(BOB, |transfers, cx| transfers.get(cx, 1, wanted));
    world.settle();
    assert_eq!(world.states(1)[1], "offered", "there is no such place");
    assert!(world.errors(BOB)[0].contains("not taken yet"), "{:?}", world.errors(BOB));
    std::fs::create_dir(&elsewhere).unwrap();
    world.with(BOB, |transfers, cx| transfers.get(cx, 1, place.clone()));
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    assert_holiday_is_in(&place);
    assert_eq!(names_in(&world.downloads()), [""; 0]);
}

#[test]
fn a_full_disk_pauses_the_folder_which_goes_on_when_there_is_room() {
    let mut world = World::new();
    send_holiday(&mut world);
    world.settle();
    world.sides[BOB].faults.push_back(Fault {
        fits: |request| matches!(request, FileRequest::Write { .. }),
        error: FileError::Target("the disk is full".to_owned()),
    });
    accept(&mut world);
    world.settle();
    world.pass(10);
    assert_eq!(world.states(1), ["paused"; 2]);
    let reason = world.line(BOB, 1).reason.unwrap();
    assert!(reason.ends_with(": the disk is full"), "{reason}");
    world.with(BOB, |transfers, cx| transfers.resume(cx, 1));
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
}

/// [W-145]
#[test]
fn a_file_that_cannot_be_read_is_left_out() {
    let mut world = World::new();
    world.sides[ALICE].faults.push_back(Fault {
        fits: |request| {
            matches!(request, FileRequest::Hash { path, .. } if path.ends_with("clip.mp4"))
        },
        error: FileError::Source("no permission to read it".to_owned()),
    });
    send_holiday(&mut world);
    world.settle();
    accept(&mut world);
    world.settle();
    assert_eq!(world.states(1), ["failed", "complete"]);
    assert_eq!(world.line(BOB, 1).files, Some(3));
    let reason = world.line(ALICE, 1).reason.unwrap();
    assert!(reason.starts_with("clip.mp4: no permission to read it"), "{reason}");
    let all = tree(&world.downloads().join("holiday"));
    assert_eq!(all.len(), 3);
}

#[test]
fn a_file_that_changes_fails_alone() {
    let mut world = World::new();
    let root = send_holiday(&mut world);
    world.settle();
    std::fs::write(root.join("clip.mp4"), "another").unwrap();
    accept(&mut world);
    world.settle();
    assert_eq!(world.states(1), ["failed"; 2]);
    for side in [ALICE, BOB] {
        let reason = world.line(side, 1).reason.unwrap();
        assert!(reason.starts_with("clip.mp4: the file was changed"), "{reason}");
        assert_eq!(world.line(side, 1).files_done, Some(3));
    }
    assert_eq!(tree(&world.downloads().join("holiday")).len(), 3);
    world.assert_nothing_kept();
}

#[test]
fn links_are_left_out_and_an_empty_folder_is_refused() {
    let mut world = World::new();
    let root = world.sides[ALICE].dir.path().join("holiday");
    std::fs::create_dir(&root).unwrap();
    symlink("/etc/passwd", root.join("link")).unwrap();
    world.send_folder("holiday", &[]);
    world.settle();
    let line = world.line(ALICE, 1);
    assert_eq!(line.state, "failed");
    assert!(line.reason.unwrap().contains("there is no file in it"));
    world.send_folder("holiday", &[("file", b"x")]);
    world.settle();
    assert_eq!(offers(&world), [(1, "holiday".to_owned(), Some(1), 1)]);
    let text = "Of the folder holiday these are left out: 1 link.";
    assert!(world.sides[ALICE].outputs.contains(&Output::Info { text: text.to_owned() }));
}

/// [W-141]
#[test]
fn a_folder_is_not_for_a_room() {
    let mut world = World::new();
    world.is_team = true;
    let root = world.sides[ALICE].dir.path().join("holiday");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("file"), "x").unwrap();
    world.with(ALICE, |transfers, cx| {
        transfers.send_to_room(cx, RoomId([1; 16]), vec![user(BOB)], &root);
    });
    world.settle();
    let line = world.line(ALICE, 1);
    assert_eq!(line.state, "failed");
    assert!(line.reason.unwrap().contains("single users only"));
    assert_eq!(offers(&world), []);
}

#[test]
fn a_folder_within_the_limit_is_taken_without_asking() {
    for (limit, state) in [(370_100, "complete"), (370_099, "offered")] {
        let policy = Policy { auto_accept: Some(limit), ..Policy::default() };
        let mut world = World::with_policy(policy);
        send_holiday(&mut world);
        world.settle();
        assert_eq!(world.states(1), [state; 2]);
    }
}

const FOLDER: TransferId = TransferId([100; 16]);

/// Mallory's offers, whatever they are.
fn offered(id: u8, size: u64, folder: Folder) -> Control {
    Control::Offer(wire::app::peer::Offer {
        id: TransferId([id; 16]),
        name: "x".to_owned(),
        size,
        media_type: String::new(),
        media: None,
        root: *blake3::hash(b"").as_bytes(),
        share: None,
        folder: Some(folder),
    })
}

fn part(id: u8, size: u64, path: &str) -> Control {
    offered(id, size, Folder::Part { of: FOLDER, path: path.to_owned() })
}

/// Bob has accepted a folder of three files and ten bytes.
fn world_with_folder() -> World {
    let mut world = World::new();
    tell(&mut world, offered(100, 10, Folder::Whole { files: 3 }));
    accept(&mut world);
    world.with(BOB, |transfers, _| while transfers.poll_control().is_some() {});
    settle_disk(&mut world);
    world
}

fn tell(world: &mut World, control: Control) {
    world.with(BOB, |transfers, cx| transfers.on_control(cx, &user(ALICE), control));
    settle_disk(world);
}

/// Bob's disk and database do what they have to; what he says is kept.
fn settle_disk(world: &mut World) {
    world.work(BOB);
}

fn answers(world: &mut World) -> Vec<Control> {
    let mut said = Vec::new();
    world.with(BOB, |transfers, _| {
        while let Some((_, control)) = transfers.poll_control() {
            said.push(control);
        }
    });
    said
}

/// [W-143]
#[test]
fn a_liar_about_a_folder_is_refused() {
    let lies: Vec<Vec<Control>> = vec![
        vec![part(1, 11, "more bytes")],
        vec![part(1, 6, "a"), part(2, 5, "more bytes")],
        vec![part(1, 1, "a"), part(2, 1, "b"), part(3, 1, "c"), part(4, 1, "more files")],
        vec![part(1, 0, "a"), part(2, 0, "a")],
        vec![part(1, u64::MAX >> 4, "a"), part(2, u64::MAX >> 4, "b")],
        vec![part(1, 0, "../a")],
        vec![part(1, 0, "/etc/passwd")],
        vec![part(1, 0, "a/../../b")],
        vec![part(1, 0, "a//b")],
        vec![part(1, 0, "")],
        vec![part(1, 0, &["d"; 33].join("/"))],
    ];
    for lie in lies {
        let mut world = world_with_folder();
        answers(&mut world);
        let last = lie.len();
        for control in lie.clone() {
            tell(&mut world, control);
        }
        let corrupt = |id: TransferId| Control::Cancel(id, CancelReason::Corrupt);
        let said = answers(&mut world);
        assert!(said.contains(&corrupt(FOLDER)), "{lie:?}: {said:?}");
        assert!(said.contains(&corrupt(TransferId([last as u8; 16]))), "{lie:?}: {said:?}");
        assert_eq!(world.line(BOB, 1).state, "failed");
        let all = world.sides[BOB].transfers.list_folder(world.now, 1).unwrap();
        assert!(all.iter().all(|file| crate::output::is_over(file.state)), "{all:?}");
        let outside = names_in(world.sides[BOB].dir.path());
        assert_eq!(outside, ["downloads", "trees"]);
        assert!(names_in(&world.downloads()).iter().all(|name| name == "x"));
    }
}

/// [W-142] [W-143]
#[test]
fn a_file_of_a_folder_that_nobody_accepted_is_not_taken() {
    let mut world = World::new();
    tell(&mut world, part(1, 1, "a"));
    assert_eq!(answers(&mut world), [Control::Decline(TransferId([1; 16]))], "no such folder");
    tell(&mut world, offered(100, 10, Folder::Whole { files: 3 }));
    tell(&mut world, part(1, 1, "a"));
    assert_eq!(answers(&mut world), [], "not accepted yet");
    assert_eq!(world.sides[BOB].transfers.table.iter().count(), 1);
    world.with(BOB, |transfers, cx| transfers.decline(cx, None));
    settle_disk(&mut world);
    tell(&mut world, part(1, 1, "a"));
    let declined = [Control::Decline(FOLDER), Control::Decline(TransferId([1; 16]))];
    assert_eq!(answers(&mut world), declined);
    // A file is no folder.
    tell(&mut world, offered(7, 1, Folder::Part { of: TransferId([7; 16]), path: "a".to_owned() }));
    assert_eq!(answers(&mut world), [Control::Decline(TransferId([7; 16]))]);
    assert_eq!(offers(&world).len(), 1);
}

/// [W-141]
#[test]
fn a_folder_of_no_files_or_too_many_is_declined() {
    for files in [0, 10_001, u32::MAX] {
        let mut world = World::new();
        tell(&mut world, offered(100, 10, Folder::Whole { files }));
        assert_eq!(answers(&mut world), [Control::Decline(FOLDER)]);
        assert_eq!(offers(&world), []);
    }
}

/// [W-145]
#[test]
fn a_folder_shrinks_and_does_not_grow() {
    let mut world = world_with_folder();
    tell(&mut world, part(1, 0, "a"));
    for (files, size) in [(4, 10), (3, 11), (0, 0)] {
        tell(&mut world, offered(100, size, Folder::Whole { files }));
        let line = world.line(BOB, 1);
        assert_eq!((line.files, line.size), (Some(3), Some(10)));
    }
    tell(&mut world, offered(100, 9, Folder::Whole { files: 2 }));
    let line = world.line(BOB, 1);
    assert_eq!((line.files, line.size), (Some(2), Some(9)));
}

/// Whoever asks for bytes of the folder itself gets none [W-144].
#[test]
fn nothing_is_fetched_by_the_id_of_a_folder() {
    let mut world = World::new();
    send_holiday(&mut world);
    world.settle();
    accept(&mut world);
    world.until(|world| world.line(BOB, 1).done > 0);
    let transfers = &world.sides[ALICE].transfers;
    let id = transfers.table.get(1).unwrap().record.id;
    let get = serve::Get { of: serve::Wanted::Offered(id), offset: 0, len: 100 };
    let verdict = world.with(ALICE, |transfers, cx| transfers.judge(cx, &user(BOB), get));
    assert_eq!(verdict, sending::Verdict::Refuse);
}

/// [W-146] Whoever has it all says so again, also of files that he has forgotten.
#[test]
fn a_complete_folder_answers_for_its_files() {
    let mut world = world_with_folder();
    for (id, path) in [(1, "a"), (2, "A"), (3, "b/a")] {
        tell(&mut world, part(id, 0, path));
    }
    world.with(BOB, |transfers, cx| {
        transfers.end(cx, 1, TransferState::Complete, Ending::told(Control::Complete));
    });
    settle_disk(&mut world);
    answers(&mut world);
    tell(&mut world, part(9, 0, "forgotten"));
    tell(&mut world, offered(100, 10, Folder::Whole { files: 3 }));
    let complete = [Control::Complete(TransferId([9; 16])), Control::Complete(FOLDER)];
    assert_eq!(answers(&mut world), complete);
}

/// Two names that differ in case alone are two files, also where a disk takes them for one.
#[test]
fn names_that_differ_in_case_stay_apart() {
    let mut world = World::new();
    let files: [(&str, &[u8]); 3] = [("a:b", b"1"), ("a?b", b"2"), ("README/A", b"3")];
    world.send_folder("holiday", &[&files[..], &[("readme/a", b"4"), ("ReadMe/A", b"5")]].concat());
    world.settle();
    accept(&mut world);
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    let mut contents: Vec<Vec<u8>> =
        tree(&world.downloads().join("holiday")).into_iter().map(|(_, it)| it).collect();
    contents.sort();
    assert_eq!(contents, [b"1", b"2", b"3", b"4", b"5"]);
}

/// What stands where a folder is to be is neither followed nor replaced.
#[test]
fn a_link_in_the_way_is_not_followed() {
    let mut world = World::new();
    let outside = world.sides[BOB].dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    symlink(&outside, world.downloads().join("holiday")).unwrap();
    send_holiday(&mut world);
    world.settle();
    accept(&mut world);
    let made = world.downloads().join("holiday (2)");
    world.until(|_| made.is_dir());
    symlink(&outside, made.join("pictures")).unwrap();
    world.settle();
    assert_eq!(world.states(1), ["complete"; 2]);
    assert_eq!(names_in(&outside), [""; 0]);
    assert_eq!(tree(&made.join("pictures (2)")).len(), 2);
}
