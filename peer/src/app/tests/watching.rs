//! Watching together: who takes part. What is played when is tested beside the core.

use super::world::World;
use crate::output::Output;
use crate::transfer::{View, ViewNews};
use crate::watch::{Failure, Report, Steering};

/// Alice has handed a film over to bob.
fn handed_over() -> World {
    let mut world = World::logged_in(3);
    let path = world.folder(0).join("film.mp4");
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    world.line(0, &format!("/send bob '{}'", path.display()));
    world.run_ms(2000);
    world.line(1, "/accept 1");
    world.run_ms(3000);
    for n in 0..3 {
        world.seen(n);
    }
    world
}

/// What is told of watching, in short.
fn told(world: &mut World, n: usize) -> Vec<String> {
    let seen = world.seen(n).into_iter();
    let told = seen.filter_map(|output| match output {
        Output::Watch { change, user, .. } => {
            Some(user.map_or_else(|| change.to_owned(), |user| format!("{change} {user}")))
        }
        _ => None,
    });
    told.collect()
}

/// Answers whatever a player is asked.
fn answer(world: &mut World, n: usize, answer: &Result<Report, Failure>) -> Vec<Steering> {
    let views: Vec<ViewNews> = std::iter::from_fn(|| world.app(n).poll_view()).collect();
    let mut steerings = Vec::new();
    for view in views {
        if let ViewNews::Of(_, View::Steers(question, steering)) = view {
            let now = world.now;
            world.app(n).on_player(now, question, answer.clone());
            steerings.push(steering);
        }
    }
    steerings
}

/// [W-124]
#[test]
fn who_may_be_asked_and_who_is_heard() {
    let mut world = handed_over();
    for (line, why) in [
        ("/watch 9 bob", "There is no transfer 9"),
        ("/watch 1 alice", "Name those with whom"),
        ("/watch 1 b!", "is no user name"),
        ("/watch 1 carol", "There is no connection to carol"),
        ("/watch 1", "Nobody wants to watch it with you"),
        ("/watch off", "You watch nothing together"),
    ] {
        world.line(0, line);
        assert!(world.errors(0).contains(why), "{line}");
    }
    world.line(0, "/ignore bob");
    world.line(0, "/watch 1 bob");
    assert!(world.errors(0).contains("bob cannot be asked"));
    world.line(0, "/unignore bob");

    // Who is ignored is not heard.
    world.line(1, "/ignore alice");
    world.seen(1);
    world.line(0, "/watch 1 bob");
    world.run_ms(500);
    assert_eq!(told(&mut world, 0), ["proposed", "waiting"]);
    assert_eq!(told(&mut world, 1), Vec::<String>::new());
    world.line(0, "/watch off");
    assert_eq!(told(&mut world, 0), ["over"]);
    world.line(1, "/unignore alice");
    world.seen(1);

    world.line(0, "/watch 1 bob");
    world.run_ms(500);
    assert_eq!(told(&mut world, 1), ["invited alice"]);
    // Without a player it is over at once.
    let gone = Err(Failure::Gone("there is no player".to_owned()));
    // What was asked of a player for the one that is over already changes nothing.
    assert_eq!(answer(&mut world, 0, &gone), [Steering::default(); 2]);
    world.line(0, "/watch off");
    assert!(world.errors(0).contains("You watch nothing together"));
}

/// [W-125]
#[test]
fn two_begin_and_a_lost_link_ends_it() {
    let mut world = handed_over();
    world.line(0, "/watch 1 bob");
    world.run_ms(500);
    world.line(1, "/watch 1");
    for _ in 0..5 {
        world.run_ms(1000);
        for n in 0..2 {
            let report = Report {
                at: world.now,
                position_ms: Some(0),
                paused: true,
                seeking: false,
                starving: false,
                ahead_ms: None,
                full: true,
            };
            answer(&mut world, n, &Ok(report));
        }
    }
    assert_eq!(told(&mut world, 0)[2..4], ["joined bob", "waiting"]);
    assert!(told(&mut world, 1).contains(&"playing".to_owned()));
    world.line(0, "/block bob");
    world.run_ms(500);
    assert_eq!(told(&mut world, 0).last().unwrap(), "over");
    assert_eq!(told(&mut world, 1).last().unwrap(), "over");
}
