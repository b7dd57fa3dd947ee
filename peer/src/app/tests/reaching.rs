//! Whether somebody answers, why not, and what is said at the end of a link.

use super::world::World;
use crate::output::Output;

/// The answer to `/ping` that bob is told, once it is there.
fn ping(world: &mut World, user: &str) -> (Option<u64>, Option<String>) {
    world.seen(1);
    world.line(1, &format!("/ping {user}"));
    for _ in 0..120 {
        for output in world.seen(1) {
            if let Output::Ping { rtt_ms, reason, .. } = output {
                return (rtt_ms, reason);
            }
        }
        world.run_ms(100);
    }
    panic!("no answer and no reason in twelve seconds");
}

fn why(world: &mut World, user: &str) -> String {
    world.seen(1);
    world.line(1, &format!("/why {user}"));
    match world.seen(1).pop() {
        Some(Output::Why { lines, .. }) => lines.join("\n"),
        other => panic!("{other:?}"),
    }
}

/// W-110: the answer takes what a message takes; the path is set up for it.
#[test]
fn a_program_answers_and_who_is_not_there_does_not() {
    let mut world = World::logged_in(2);
    assert!(why(&mut world, "alice").contains("none is needed before"));
    let (rtt_ms, reason) = ping(&mut world, "alice");
    assert!(matches!(rtt_ms, Some(20..=60)) && reason.is_none(), "{rtt_ms:?} {reason:?}");
    let said = why(&mut world, "alice");
    assert!(said.contains("alice is online") && said.contains("The direct path to"), "{said}");
    assert!(said.contains("a round trip takes"), "{said}");
    // Killed, and not yet missed.
    world.kill(0);
    let (rtt_ms, reason) = ping(&mut world, "alice");
    assert!(rtt_ms.is_none() && reason.is_some_and(|why| why.contains("no answer")));
    world.run_ms(120_000);
    let (rtt_ms, reason) = ping(&mut world, "alice");
    assert!(rtt_ms.is_none() && reason.is_some_and(|why| why.contains("not online")));
    assert!(why(&mut world, "alice").contains("not online, hides"));
    world.line(1, "/ping bob");
    assert!(world.errors(1).contains("That is you"));
}

#[test]
fn a_reason_is_given_for_what_holds_things_up() {
    let mut world = World::logged_in(2);
    let film = world.folder(0).join("film.mp4");
    std::fs::write(&film, [7; 100]).unwrap();
    world.line(0, &format!("/send bob {}", film.display()));
    world.run_ms(2000);
    assert!(why(&mut world, "alice").contains("File 1 from alice waits for your answer"));
    world.line(1, "/accept 1");
    world.line(1, "/pause 1");
    world.run_ms(1000);
    assert!(!why(&mut world, "alice").contains("waits for your answer"));
    world.line(1, "/block alice");
    world.run_ms(1000);
    let said = why(&mut world, "alice");
    assert!(
        said.contains("You block alice") && !said.contains("online"),
        "whom one blocks one does not see: {said}"
    );
    let (_, reason) = ping(&mut world, "alice");
    assert_eq!(reason.as_deref(), Some("you block alice"));
}

/// What alice said as she left, of those links that bob was told are closed.
fn farewells(world: &mut World) -> Vec<Option<String>> {
    let closed = |output| match output {
        Output::Link { state: "closed", farewell, .. } => Some(farewell),
        _ => None,
    };
    world.seen(1).into_iter().filter_map(closed).collect()
}

#[test]
fn a_farewell_is_heard_by_whom_one_talks_to() {
    for (typed, ignored, heard) in [
        ("/quit see you \u{1b}[2J", false, Some("see you \u{1b}[2J")),
        ("/quit", false, None),
        ("/quit see you", true, None),
    ] {
        let mut world = World::logged_in(2);
        world.line(0, "@bob hello");
        world.run_ms(2000);
        if ignored {
            world.line(1, "/ignore alice");
        }
        world.seen(1);
        world.line(0, typed);
        world.run_ms(2000);
        assert_eq!(farewells(&mut world), [heard.map(str::to_owned)], "{typed}");
    }
}

/// Nobody learns by it of somebody who has not accepted him whether he is there.
#[test]
fn a_stranger_is_not_answered() {
    let mut world = World::asking(2);
    let (rtt_ms, reason) = ping(&mut world, "alice");
    assert!(rtt_ms.is_none() && reason.is_some_and(|why| why.contains("no answer")));
    // Once she has written to him, she has.
    world.line(0, "@bob hello");
    world.run_ms(2000);
    let (rtt_ms, _) = ping(&mut world, "alice");
    assert!(rtt_ms.is_some());
}

/// Who was never accepted has nothing to say that way either.
#[test]
fn a_stranger_says_no_farewell() {
    let mut world = World::asking(2);
    world.line(0, "@bob let me in");
    world.run_ms(2000);
    let seen = world.seen(1);
    assert!(seen.iter().any(|output| matches!(output, Output::Request { .. })), "{seen:?}");
    assert!(!seen.iter().any(|output| matches!(output, Output::Link { .. })), "{seen:?}");
    world.line(0, "/quit buy now");
    world.run_ms(2000);
    assert_eq!(farewells(&mut world), [], "nor that there was a link at all");
}

/// The link that was there all the time is told when he is accepted.
#[test]
fn who_is_accepted_is_linked() {
    let mut world = World::asking(2);
    world.line(0, "@bob let me in");
    world.run_ms(2000);
    world.seen(1);
    world.line(1, "/accept alice");
    world.run_ms(500);
    let seen = world.seen(1);
    let linked =
        |output: &&Output| matches!(output, Output::Link { state: "direct", rtt_ms: Some(_), .. });
    assert_eq!(seen.iter().filter(linked).count(), 1, "{seen:?}");
}
