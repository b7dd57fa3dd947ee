//! What calls a person who looks elsewhere, and that it is as he has chosen.

use super::world::World;
use crate::output::{NotifyLine, Output};
use crate::work::Calls;

/// What bob was told of messages, and whether each calls him.
fn heard(world: &mut World) -> Vec<(String, bool)> {
    let call = |output| match output {
        Output::Message { text, notify, .. } => Some((text, notify)),
        Output::FileOffer { name, notify, .. } => Some((name, notify)),
        _ => None,
    };
    // After a restart it takes until the other side has noticed.
    for _ in 0..120 {
        let heard: Vec<_> = world.seen(1).into_iter().filter_map(call).collect();
        if !heard.is_empty() {
            return heard;
        }
        world.run_ms(500);
    }
    Vec::new()
}

/// Alice says this to bob; whether it calls him.
fn calls(world: &mut World, text: &str) -> bool {
    world.line(0, &format!("@bob {text}"));
    let heard = heard(world);
    let [(said, calls)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(said, text);
    *calls
}

/// Bob types this; what he is answered.
fn answered(world: &mut World, line: &str) -> Vec<NotifyLine> {
    world.line(1, line);
    match world.seen(1).pop() {
        Some(Output::Notify { chats }) => chats,
        other => panic!("{line}: {other:?}"),
    }
}

fn line(calls: Calls, usual: bool) -> Vec<NotifyLine> {
    vec![NotifyLine { chat: "alice".to_owned(), calls, usual }]
}

#[test]
fn a_chat_calls_as_was_chosen_also_after_a_restart() {
    let mut world = World::logged_in(2);
    assert!(calls(&mut world, "one"), "users usually do");
    assert_eq!(answered(&mut world, "/notify"), []);
    assert_eq!(answered(&mut world, "/notify alice"), line(Calls::All, true));
    assert_eq!(answered(&mut world, "/notify alice off"), line(Calls::Off, false));
    assert!(!calls(&mut world, "bob?"));
    assert_eq!(answered(&mut world, "/notify @Alice mentions"), line(Calls::Mentions, false));
    assert!(!calls(&mut world, "two"));
    assert!(calls(&mut world, "Bob?"));
    world.kill(1);
    world.start(1);
    world.run_ms(3000);
    world.seen(1);
    assert!(!calls(&mut world, "three"));
    assert_eq!(answered(&mut world, "/notify"), line(Calls::Mentions, false));
    assert_eq!(answered(&mut world, "/notify alice all"), line(Calls::All, true));
    assert_eq!(answered(&mut world, "/notify"), []);
    assert!(calls(&mut world, "four"));
    for wrong in ["/notify b!b off", "/notify #nowhere all"] {
        world.line(1, wrong);
        assert!(world.errors(1).contains("is no user name") || wrong.contains('#'), "{wrong}");
    }
}

/// What is for one to answer is worth a mention.
#[test]
fn an_offer_calls_unless_nothing_does() {
    let mut world = World::logged_in(2);
    for (number, (choice, expected)) in
        [("all", true), ("mentions", true), ("off", false)].into_iter().enumerate()
    {
        answered(&mut world, &format!("/notify alice {choice}"));
        let path = world.folder(0).join(format!("{number}.mp4"));
        std::fs::write(&path, choice).unwrap();
        world.line(0, &format!("/send bob {}", path.display()));
        world.run_ms(2000);
        assert_eq!(heard(&mut world), [(format!("{number}.mp4"), expected)], "{choice}");
    }
}

/// Who logs in next has chosen nothing.
#[test]
fn another_account_has_its_own() {
    let mut world = World::logged_in(2);
    answered(&mut world, "/notify alice off");
    world.line(1, "/logout");
    world.run_ms(500);
    world.register(1, "carol");
    world.run_ms(2000);
    world.seen(1);
    assert_eq!(answered(&mut world, "/notify"), []);
    world.line(1, "/logout");
    world.run_ms(500);
    world.login(1, "bob");
    world.run_ms(2000);
    world.seen(1);
    assert_eq!(answered(&mut world, "/notify"), line(Calls::Off, false));
}
