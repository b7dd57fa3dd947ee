//! Who is writing, and how far somebody has read: told where both wish it, and only then.

use super::world::World;
use crate::app::{Attention, Switch};
use crate::command::Command;
use crate::output::Output;

const ON: Attention = Attention { typing: Switch::On, read_marks: Switch::On };

/// Alice and bob, who tell each other everything, and have a link.
fn linked() -> World {
    let mut world = World::logged_in(2);
    for n in [0, 1] {
        world.app(n).set_attention(ON);
    }
    world.line(0, "@bob hello");
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
    world
}

fn type_to_bob(world: &mut World) {
    world.command(0, Command::Typing { to: "Bob".to_owned() });
}

fn read_alice(world: &mut World, line: Option<u64>) {
    world.command(1, Command::Read { from: "alice".to_owned(), line });
    world.run_ms(500);
}

/// How many times bob was told that alice writes.
fn typing(world: &mut World) -> usize {
    let is_it = |output: &Output| matches!(output, Output::Typing { user } if user == "alice");
    world.seen(1).iter().filter(|output| is_it(output)).count()
}

/// Up to which of her messages alice was told that bob has read them.
fn read(world: &mut World) -> Vec<u64> {
    let marks = world.seen(0).into_iter().filter_map(|output| match output {
        Output::MessageState { to, id, state: "read", .. } if to == "bob" => Some(id),
        _ => None,
    });
    marks.collect()
}

/// The states of alice's messages in her history.
fn states(world: &mut World) -> Vec<&'static str> {
    world.line(0, "/history bob");
    match world.seen(0).pop() {
        Some(Output::History { lines, .. }) => lines.into_iter().map(|line| line.state).collect(),
        other => panic!("{other:?}"),
    }
}

/// [W-103]
#[test]
fn who_is_writing_is_told_once_in_a_while() {
    let mut world = linked();
    for _ in 0..5 {
        type_to_bob(&mut world);
        world.run_ms(500);
    }
    assert_eq!(typing(&mut world), 1);
    world.run_ms(1000);
    type_to_bob(&mut world);
    world.run_ms(500);
    assert_eq!(typing(&mut world), 1);
    assert!(world.errors(0).is_empty());
}

/// [W-102] Whoever has it switched off neither tells nor is told, and a script learns why.
#[test]
fn who_is_writing_is_told_only_where_both_wish_it() {
    for off in [0, 1] {
        let mut world = linked();
        world.app(off).set_attention(Attention { typing: Switch::Off, ..ON });
        type_to_bob(&mut world);
        world.run_ms(500);
        assert_eq!(typing(&mut world), 0);
        assert_eq!(world.errors(0).contains("/set typing on"), off == 0);
    }
}

/// [W-102] [W-103] Not without a link, not to a room, not to somebody who is blocked.
#[test]
fn who_is_writing_is_told_to_nobody_else() {
    let mut world = World::logged_in(2);
    for n in [0, 1] {
        world.app(n).set_attention(ON);
    }
    type_to_bob(&mut world);
    world.run_ms(2000);
    let seen = world.seen(1);
    assert!(seen.is_empty(), "no link is made for it: {seen:?}");
    world.command(0, Command::Typing { to: "#team".to_owned() });
    assert!(world.errors(0).contains("no user name"));
    let mut world = linked();
    world.line(0, "/block bob");
    type_to_bob(&mut world);
    world.run_ms(2000);
    assert_eq!(typing(&mut world), 0);
}

/// [W-103] While nothing gets through, nothing is piled up.
#[test]
fn what_was_typed_during_a_silence_is_told_once_at_most() {
    let mut world = linked();
    world.cut.push(world.address(1));
    for _ in 0..4 {
        type_to_bob(&mut world);
        world.run_ms(4000);
    }
    world.cut.clear();
    world.run_ms(10_000);
    assert_eq!(typing(&mut world), 1);
    type_to_bob(&mut world);
    world.run_ms(500);
    assert_eq!(typing(&mut world), 1, "and it goes on");
}

/// [W-104]
#[test]
fn a_mark_says_up_to_where_somebody_has_read() {
    let mut world = linked();
    for text in ["two", "three"] {
        world.line(0, &format!("@bob {text}"));
    }
    world.run_ms(500);
    assert_eq!(states(&mut world), ["delivered", "delivered", "delivered"]);
    read_alice(&mut world, Some(2));
    assert_eq!(read(&mut world), [2]);
    assert_eq!(states(&mut world), ["read", "read", "delivered"]);
    read_alice(&mut world, Some(1));
    read_alice(&mut world, Some(2));
    assert_eq!(read(&mut world), [] as [u64; 0], "nothing is new");
    read_alice(&mut world, None);
    assert_eq!(read(&mut world), [3]);
    assert_eq!(states(&mut world), ["read", "read", "read"]);
}

/// [W-104] It is kept, and the next link carries it.
#[test]
fn a_mark_outlasts_links_and_programs() {
    let mut world = linked();
    world.kill(0);
    world.run_ms(1000);
    read_alice(&mut world, None);
    world.kill(1);
    for n in [0, 1] {
        world.start(n);
        world.app(n).set_attention(ON);
    }
    world.run_ms(60_000);
    world.seen(0);
    assert_eq!(states(&mut world), ["delivered"]);
    world.line(0, "@bob two");
    world.run_ms(5000);
    assert_eq!(read(&mut world), [1], "of what was read before, not of what has just come");
    // Told again, it is no news.
    world.kill(1);
    world.start(1);
    world.app(1).set_attention(ON);
    world.run_ms(60_000);
    world.line(1, "@alice hello");
    world.run_ms(5000);
    assert_eq!(read(&mut world), [] as [u64; 0]);
    assert_eq!(states(&mut world), ["read", "delivered", "received"]);
}

/// [W-102]
#[test]
fn marks_are_told_and_shown_only_where_both_wish_it() {
    let mut world = linked();
    world.app(1).set_attention(Attention { read_marks: Switch::Off, ..ON });
    read_alice(&mut world, None);
    assert!(world.errors(1).contains("/set read-marks on"));
    assert_eq!(read(&mut world), [] as [u64; 0]);
    // Switched on, the next one tells of all before it.
    world.app(1).set_attention(ON);
    world.app(0).set_attention(Attention { read_marks: Switch::Off, ..ON });
    read_alice(&mut world, None);
    assert_eq!(read(&mut world), [] as [u64; 0], "alice does not want to know");
    world.line(0, "@bob two");
    world.run_ms(500);
    world.app(0).set_attention(ON);
    read_alice(&mut world, None);
    assert_eq!(read(&mut world), [2]);
    assert_eq!(states(&mut world), ["read", "read"]);
    world.app(0).set_attention(Attention { read_marks: Switch::Off, ..ON });
    assert_eq!(states(&mut world), ["delivered", "delivered"]);
}

/// [W-102] Who is blocked learns nothing, and not that he is.
#[test]
fn who_is_blocked_learns_of_no_mark() {
    let mut world = linked();
    world.line(1, "/block alice");
    read_alice(&mut world, None);
    world.run_ms(5000);
    assert_eq!(read(&mut world), [] as [u64; 0]);
    assert!(world.errors(1).is_empty());
    world.line(1, "/unblock alice");
    world.run_ms(500);
    world.line(0, "@bob two");
    world.run_ms(70_000);
    world.seen(0);
    read_alice(&mut world, None);
    assert_eq!(read(&mut world), [2]);
}

/// What nobody has been shown is not read: the database has it before its person is told.
#[test]
fn what_is_still_on_its_way_to_the_person_is_not_read() {
    let mut world = linked();
    world.lose_every = 7;
    for number in 0..40 {
        world.line(0, &format!("@bob {number}"));
        world.run_ms(7);
        read_alice_at_once(&mut world);
    }
    world.run_ms(20_000);
    let told = world.seen(1).into_iter().filter(|o| matches!(o, Output::Message { .. })).count();
    assert_eq!(told, 40);
    let marks = read(&mut world);
    assert!(marks.is_sorted() && marks.last().is_some_and(|last| *last <= 41), "{marks:?}");
    read_alice(&mut world, None);
    assert_eq!(states(&mut world).into_iter().filter(|state| *state == "read").count(), 20);
}

fn read_alice_at_once(world: &mut World) {
    world.command(1, Command::Read { from: "alice".to_owned(), line: None });
}
