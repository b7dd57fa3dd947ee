//! Files between whole clients: what the machine of `transfer` is given by the app.

use std::io::Write;

use wire::time::Duration;

use super::world::World;
use crate::output::{FileLine, Output};
use crate::transfer::Policy;

/// Offers `len` bytes as alice to bob; the number of the offer at bob's.
fn offer(world: &mut World, len: usize) -> u64 {
    let bytes: Vec<u8> = (0..len).map(|n| (n / 7 % 251) as u8).collect();
    let path = world.folder(0).join("film.mp4");
    std::fs::write(&path, bytes).unwrap();
    world.line(0, &format!("/send bob {}", path.display()));
    world.run_ms(2000);
    let seen = world.seen(1);
    let id = seen.iter().find_map(|output| match output {
        Output::FileOffer { id, .. } => Some(*id),
        _ => None,
    });
    id.unwrap_or_else(|| panic!("{seen:?}"))
}

fn last_file(outputs: &[Output]) -> Option<&FileLine> {
    outputs.iter().rev().find_map(|output| match output {
        Output::File { file } => Some(file),
        _ => None,
    })
}

fn is_equal(world: &World) -> bool {
    let sent = std::fs::read(world.folder(0).join("film.mp4")).unwrap();
    std::fs::read(world.folder(1).join("downloads/film.mp4")).is_ok_and(|got| got == sent)
}

#[test]
fn a_file_is_handed_over_beside_the_chat() {
    let mut world = World::logged_in(2);
    world.lose_every = 50;
    let id = offer(&mut world, 3 << 20);
    world.line(1, &format!("/accept {id}"));
    world.run_ms(300);
    world.line(0, "@bob watch this");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["watch this"]);
    world.run_ms(60_000);
    assert!(is_equal(&world));
    for n in 0..2 {
        world.line(n, "/files");
        let seen = world.seen(n);
        let Some(Output::Files { files, .. }) = seen.last() else { panic!("{seen:?}") };
        assert_eq!(files[0].state, "complete");
    }
}

/// It ends by itself, five seconds after the last that was written by a program that is gone.
#[test]
fn a_file_that_grows_goes_to_one_user_as_it_grows() {
    let mut world = World::logged_in(2);
    let path = world.folder(0).join("film.mp4");
    let mut writer = std::fs::File::create(&path).unwrap();
    writer.write_all(&[1; 70_000]).unwrap();
    world.line(0, &format!("/live #team {}", path.display()));
    let refused = "Nothing is offered: a file that grows goes to one user. '/send' offers it to a room \
                   when it is complete.";
    assert_eq!(world.seen(0), [Output::Error { text: refused.to_owned() }]);
    world.line(0, &format!("/live bob {}", path.display()));
    world.run_ms(2000);
    let seen = world.seen(1);
    assert!(
        seen.iter().any(|it| matches!(it, Output::FileOffer { size: None, blake3: None, .. })),
        "{seen:?}"
    );
    world.line(1, "/accept 1");
    world.run_ms(3000);
    let growing = |seen: &[Output]| last_file(seen).map(|file| (file.size, file.done));
    assert_eq!(growing(&world.seen(1)), Some((None, 70_000)));
    writer.write_all(&[2; 50_000]).unwrap();
    world.run_ms(3000);
    assert_eq!(growing(&world.seen(1)), Some((None, 120_000)));
    drop(writer);
    world.run_ms(20_000);
    assert_eq!(growing(&world.seen(1)), Some((Some(120_000), 120_000)));
    assert!(is_equal(&world));
}

#[test]
fn both_sides_killed_and_the_file_is_whole() {
    let mut world = World::logged_in(2);
    world.lose_every = 20;
    // At five megabytes a second the link takes longer than all that comes before the last kill.
    world.each_takes = Duration::from_micros(300);
    let id = offer(&mut world, 40 << 20);
    world.line(1, &format!("/accept {id}"));
    for victim in [0, 1, 0, 1] {
        world.run_ms(700);
        assert!(!is_equal(&world), "not yet");
        world.kill(victim);
        world.run_ms(100);
        world.start(victim);
        world.run_ms(1500);
    }
    world.run_ms(180_000);
    assert!(is_equal(&world));
}

#[test]
fn declined_cancelled_and_blocked() {
    let mut world = World::logged_in(2);
    let id = offer(&mut world, 1000);
    world.line(1, &format!("/decline {id}"));
    world.run_ms(500);
    assert_eq!(last_file(&world.seen(0)).unwrap().state, "declined");

    let id = offer(&mut world, 8 << 20);
    world.line(1, &format!("/accept {id}"));
    world.run_ms(200);
    world.line(1, "/block alice");
    world.run_ms(60_000);
    assert!(!is_equal(&world));
    world.line(0, "/send bob /nowhere");
    world.run_ms(100);
    let seen = world.seen(0);
    let told = |o: &Output| match o {
        Output::Error { .. } => true,
        Output::File { file } => file.state == "failed",
        _ => false,
    };
    assert!(seen.iter().any(told), "{seen:?}");
}

#[test]
fn several_files_are_taken_or_declined_at_once() {
    let mut world = World::logged_in(2);
    let paths: Vec<_> = (0..5).map(|n| world.folder(0).join(format!("{n}.mp4"))).collect();
    let quoted = paths.iter().map(|path| {
        std::fs::write(path, path.to_str().unwrap()).unwrap();
        format!("'{}'", path.display())
    });
    let line = quoted.fold("/send bob".to_owned(), |line, path| line + " " + &path);
    world.line(0, &line);
    world.run_ms(2000);
    world.line(1, "/files");
    let seen = world.seen(1);
    let Some(Output::Files { files, .. }) = seen.last() else { panic!("{seen:?}") };
    let number = |name: &str| files.iter().find(|file| file.name == name).expect(name).id;
    let [a, b, c, d] = ["0.mp4", "1.mp4", "2.mp4", "3.mp4"].map(number);
    world.line(1, &format!("/accept {a}, #{b}"));
    world.line(1, &format!("/decline {c} {d} 4711"));
    world.run_ms(2000);
    let seen = world.seen(1);
    assert!(
        seen.iter().any(|output| matches!(output, Output::Error { text } if text.contains("4711")))
    );
    world.line(1, "/files");
    let seen = world.seen(1);
    let Some(Output::Files { files, .. }) = seen.last() else { panic!("{seen:?}") };
    let mut states: Vec<_> = files.iter().map(|file| (&file.name[..], file.state)).collect();
    states.sort_unstable();
    let expected = [
        ("0.mp4", "complete"),
        ("1.mp4", "complete"),
        ("2.mp4", "declined"),
        ("3.mp4", "declined"),
        ("4.mp4", "offered"),
    ];
    assert_eq!(states, expected);
}

#[test]
fn an_offer_waits_for_who_is_away() {
    let mut world = World::logged_in(2);
    world.kill(1);
    world.run_ms(60_000);
    let path = world.folder(0).join("film.mp4");
    std::fs::write(&path, b"short film").unwrap();
    world.line(0, &format!("/send bob {}", path.display()));
    world.run_ms(1000);
    world.kill(0);
    world.start(0);
    world.start(1);
    world.run_ms(5000);
    world.line(1, "/accept");
    world.run_ms(5000);
    assert!(is_equal(&world));
}

/// What was chosen of one user counts before the setting, and outlives a restart.
#[test]
fn the_files_of_one_user_are_taken_as_was_chosen() {
    let mut world = World::logged_in(2);
    let offer_of = |world: &mut World, len: usize| {
        offer(world, len);
        world.run_ms(3000);
        world.line(1, "/files");
        let seen = world.seen(1);
        let Some(Output::Files { files, .. }) = seen.last() else { panic!("{seen:?}") };
        files.last().map(|file| file.state)
    };
    assert_eq!(offer_of(&mut world, 1000), Some("offered"), "nothing was chosen");
    world.line(1, "/autoaccept alice 2k");
    world.kill(1);
    world.start(1);
    world.run_ms(60_000);
    assert_eq!(offer_of(&mut world, 2001), Some("offered"), "too large");
    assert_eq!(offer_of(&mut world, 2000), Some("complete"));
    world.line(1, "/autoaccept alice off");
    assert_eq!(offer_of(&mut world, 10), Some("offered"));
    world.line(1, "/autoaccept alice on");
    assert_eq!(offer_of(&mut world, 300_000), Some("complete"));
    world.line(1, "/autoaccept alice usual");
    world.line(1, "/autoaccept");
    let seen = world.seen(1);
    assert!(
        matches!(seen.last(), Some(Output::AutoAccept { users, usual: None }) if users.is_empty()),
        "{seen:?}"
    );
    assert_eq!(offer_of(&mut world, 10), Some("offered"));
}

/// Under the name, or in the folder, that its receiver says; nothing there is overwritten.
#[test]
fn a_file_is_saved_where_its_receiver_says() {
    let mut world = World::logged_in(2);
    let home = world.folder(1).to_owned();
    let elsewhere = home.join("my films");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("trip.mp4"), "taken").unwrap();
    let sent = |world: &World| std::fs::read(world.folder(0).join("film.mp4")).unwrap();
    for (place, expected) in [
        ("'../my films/trip.mp4'".to_owned(), elsewhere.join("trip (2).mp4")),
        (format!("'{}/'", elsewhere.display()), elsewhere.join("film.mp4")),
        ("other.mp4".to_owned(), home.join("downloads/other.mp4")),
    ] {
        let id = offer(&mut world, 100_000);
        world.line(1, &format!("/get {id} as {place}"));
        world.run_ms(3000);
        assert!(std::fs::read(&expected).is_ok_and(|got| got == sent(&world)), "{place}");
        world.line(1, &format!("/verify-file {id}"));
        world.run_ms(100);
        let seen = world.seen(1);
        let told = |output: &Output| matches!(output, Output::Info { text } if text.contains("to the last byte"));
        assert!(seen.iter().any(told), "{seen:?}");
    }
    assert_eq!(std::fs::read(elsewhere.join("trip.mp4")).unwrap(), b"taken");
    // A folder that is not there, or is none: it can be said anew, also after a restart.
    let id = offer(&mut world, 100_000);
    for (place, word) in [("other.mp4/film.mp4", "is no folder"), ("nowhere/film.mp4", "no folder")]
    {
        world.line(1, &format!("/get {id} as {place}"));
        world.run_ms(1000);
        let seen = world.seen(1);
        assert_eq!(last_file(&seen).unwrap().state, "offered");
        let told =
            |output: &Output| matches!(output, Output::Error { text } if text.contains(word));
        assert!(seen.iter().any(told), "{seen:?}");
    }
    world.kill(1);
    std::fs::create_dir(home.join("downloads/nowhere")).unwrap();
    world.start(1);
    world.run_ms(60_000);
    world.line(1, "/files");
    let seen = world.seen(1);
    let Some(Output::Files { files, .. }) = seen.last() else { panic!("{seen:?}") };
    let id = files.iter().find(|file| file.awaits_answer()).expect("it is kept").id;
    world.line(1, &format!("/get {id} as nowhere/film.mp4"));
    world.run_ms(3000);
    assert!(
        std::fs::read(home.join("downloads/nowhere/film.mp4")).is_ok_and(|got| got == sent(&world))
    );
    // What is given up there leaves nothing there.
    world.each_takes = Duration::from_micros(2000);
    let id = offer(&mut world, 3 << 20);
    world.line(1, &format!("/get {id} as nowhere/big.mp4"));
    world.run_ms(1000);
    let names = || std::fs::read_dir(home.join("downloads/nowhere")).unwrap().count();
    assert_eq!(names(), 2, "it is on its way");
    world.line(1, &format!("/cancel {id}"));
    world.run_ms(1000);
    assert_eq!(names(), 1);
}

#[test]
fn a_file_that_was_changed_is_told() {
    let mut world = World::logged_in(2);
    let id = offer(&mut world, 100_000);
    world.line(1, &format!("/verify-file {id}"));
    assert!(world.errors(1).contains("not complete"));
    world.line(1, &format!("/accept {id}"));
    world.run_ms(3000);
    let saved = world.folder(1).join("downloads/film.mp4");
    let mut bytes = std::fs::read(&saved).unwrap();
    bytes[77_777] ^= 1;
    std::fs::write(&saved, bytes).unwrap();
    world.line(1, &format!("/verify-file {id}"));
    world.run_ms(100);
    let errors = world.errors(1);
    assert!(
        errors.contains("is not what alice has offered") && errors.contains("alice is asked"),
        "{errors}"
    );
    world.run_ms(3000);
    let saved = world.folder(1).join("downloads/film (2).mp4");
    let sent = std::fs::read(world.folder(0).join("film.mp4")).unwrap();
    assert!(std::fs::read(&saved).is_ok_and(|repaired| repaired == sent));
    std::fs::remove_file(&saved).unwrap();
    world.line(1, &format!("/verify-file {id}"));
    world.run_ms(100);
    assert!(world.errors(1).contains("Not verified"));
    world.line(1, "/verify-file 99");
    assert!(world.errors(1).contains("no transfer 99"));
}

/// Neither side is faster than it was told to be, and what is said is as fast as ever.
#[test]
fn files_go_no_faster_than_the_limits_and_messages_do() {
    const LEN: usize = 2_000_000;
    for (limited, policy) in [
        (0, Policy { limit_up: Some(200_000), ..Policy::default() }),
        (1, Policy { limit_down: Some(200_000), ..Policy::default() }),
    ] {
        let mut world = World::logged_in(2);
        let now = world.now;
        world.app(limited).set_files(now, policy);
        let id = offer(&mut world, LEN);
        world.line(1, &format!("/accept {id}"));
        world.run_ms(5000);
        let seen = world.seen(1);
        let done = last_file(&seen).unwrap().done;
        // A piece more than the limit at most, and not much less than it.
        assert!((700_000..1_100_000 + (256 << 10)).contains(&done), "{limited}: {done}");
        world.line(0, "@bob beside it");
        world.run_ms(200);
        assert_eq!(world.texts(1), ["beside it"]);
        // Lifted, it goes on at once.
        let now = world.now;
        world.app(limited).set_files(now, Policy::default());
        world.run_ms(2000);
        assert!(is_equal(&world), "{limited}");
    }
}
