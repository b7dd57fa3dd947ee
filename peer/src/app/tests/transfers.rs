//! Files between whole clients: what the machine of `transfer` is given by the app.

use wire::time::Duration;

use super::world::World;
use crate::output::{FileLine, Output};

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
        let Some(Output::Files { files }) = seen.last() else { panic!("{seen:?}") };
        assert_eq!(files[0].state, "complete");
    }
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
