//! Who is ignored: nothing is shown of him as it comes, nothing of it is lost, and he does not notice.

use super::world::World;
use crate::output::Output;

fn line_told(world: &mut World, n: usize, line: &str) -> Option<Output> {
    world.seen(n);
    world.line(n, line);
    world.seen(n).pop()
}

#[test]
fn what_somebody_ignored_says_is_kept_and_not_shown() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(2000);
    assert_eq!(world.texts(1), ["one"]);
    world.line(1, "/ignore alice");
    assert!(matches!(
        line_told(&mut world, 1, "/ignore"),
        Some(Output::Ignored { users }) if users == ["alice"]
    ));
    // It outlives a restart.
    world.kill(1);
    world.start(1);
    world.run_ms(3000);
    world.seen(1);
    let film = world.folder(0).join("film.mp4");
    std::fs::write(&film, [7; 100]).unwrap();
    world.seen(0);
    world.line(0, "@bob two");
    world.line(0, &format!("/send bob {}", film.display()));
    world.line(0, "/away for a while");
    world.run_ms(40_000);
    let delivered = world.seen(0);
    assert!(
        delivered.iter().any(|o| matches!(o, Output::MessageState { state: "delivered", .. })),
        "he does not notice: {delivered:?}"
    );
    let seen = world.seen(1);
    let is_hers = |o: &&Output| match o {
        Output::Message { from, .. } | Output::FileOffer { from, .. } => from == "alice",
        Output::Presence { user, .. } => user == "alice",
        _ => false,
    };
    assert_eq!(seen.iter().find(is_hers), None);
    let Some(Output::Files { files, .. }) = line_told(&mut world, 1, "/files") else { panic!() };
    assert_eq!(files[0].state, "offered");
    world.line(1, "/history alice");
    world.run_ms(100);
    let seen = world.seen(1);
    let Some(Output::History { lines, .. }) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    world.line(1, "/unignore alice");
    world.line(0, "@bob three");
    world.run_ms(2000);
    assert_eq!(world.texts(1), ["three"]);
    assert!(matches!(
        line_told(&mut world, 1, "/ignore"),
        Some(Output::Ignored { users }) if users.is_empty()
    ));
}

#[test]
fn what_cannot_be_done_is_said() {
    let mut world = World::logged_in(2);
    for (line, word) in [
        ("/unignore alice", "do not ignore"),
        ("/ignore bob", "That is you"),
        ("/ignore b!b", "no user name"),
    ] {
        world.line(1, line);
        assert!(world.errors(1).contains(word), "{line}");
    }
    world.line(1, "/ignore alice");
    world.line(1, "/ignore alice");
    assert!(world.errors(1).contains("already"));
}
