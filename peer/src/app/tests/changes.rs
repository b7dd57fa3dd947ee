//! Answers, edits and takings back: done on both sides, exactly once, over loss and restarts.

use super::world::World;
use crate::command::Command;
use crate::output::{HistoryLine, Output};

fn reply(line: Option<u64>, text: &str) -> Command {
    Command::Reply { to: "bob".to_owned(), line, text: text.to_owned() }
}

fn edit(id: Option<u64>, text: &str) -> Command {
    Command::Edit { to: "bob".to_owned(), id, text: text.to_owned() }
}

fn unsend(id: Option<u64>) -> Command {
    Command::Unsend { to: "bob".to_owned(), id }
}

fn history(world: &mut World, n: usize) -> Vec<HistoryLine> {
    world.seen(n);
    world.line(n, "/history all 1000");
    match world.seen(n).pop() {
        Some(Output::History { lines, .. }) => lines,
        other => panic!("{other:?}"),
    }
}

/// The texts of the history, as a person sees them.
fn shown(world: &mut World, n: usize) -> Vec<String> {
    let text = |line: HistoryLine| {
        assert!(!line.taken_back || line.text.is_empty(), "{line:?}");
        let mark = match (line.taken_back, line.edited) {
            (true, _) => "(taken back)",
            (false, true) => " (edited)",
            (false, false) => "",
        };
        format!("{}{mark}", line.text)
    };
    history(world, n).into_iter().map(text).collect()
}

fn found(world: &mut World, n: usize, word: &str) -> usize {
    world.seen(n);
    world.line(n, &format!("/search {word}"));
    match world.seen(n).pop() {
        Some(Output::History { lines, .. }) => lines.len(),
        other => panic!("{other:?}"),
    }
}

fn states(outputs: &[Output], of: u64) -> Vec<&str> {
    let states = outputs.iter().filter_map(|output| match output {
        Output::MessageState { id, state, .. } if *id == of => Some(*state),
        _ => None,
    });
    states.collect()
}

fn changes(outputs: &[Output]) -> Vec<(&str, u64, Option<&str>)> {
    let changes = outputs.iter().filter_map(|output| match output {
        Output::Changed { change, line, text, .. } => Some((*change, *line, text.as_deref())),
        _ => None,
    });
    changes.collect()
}

/// Whoever does not see what he changes would change what he did not mean.
#[test]
fn an_edit_without_a_number_never_goes_further_back_than_the_last_message() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob buy my horse");
    world.line(0, "@bob at five");
    world.run_ms(1000);
    world.command(0, unsend(None));
    world.run_ms(1000);
    world.seen(0);
    world.command(0, edit(None, "at six"));
    world.run_ms(1000);
    let seen = world.seen(0);
    let refused = |o: &Output| matches!(o, Output::NotSent { reason, .. } if reason.contains("name an earlier one"));
    assert!(seen.iter().any(refused), "{seen:?}");
    assert_eq!(shown(&mut world, 1), ["buy my horse", "(taken back)"]);
    world.command(0, edit(Some(1), "buy my dog"));
    world.run_ms(1000);
    assert_eq!(shown(&mut world, 1), ["buy my dog (edited)", "(taken back)"]);
}

#[test]
fn an_answer_names_what_it_answers_on_both_sides() {
    let mut world = World::logged_in(2);
    world.line(1, "@alice at five?");
    world.line(1, "@alice and where?");
    world.run_ms(1000);
    world.line(0, "@bob hm");
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
    world.command(0, reply(Some(1), "yes"));
    world.command(0, reply(None, "at the harbour"));
    world.command(0, reply(Some(3), "to myself"));
    world.run_ms(1000);
    let answers = |outputs: Vec<Output>| {
        let answers = outputs.into_iter().filter_map(|output| match output {
            Output::Message { reply_to, text, .. } | Output::Kept { reply_to, text, .. } => {
                Some((reply_to, text))
            }
            _ => None,
        });
        answers.collect::<Vec<_>>()
    };
    let expected = [(Some(1), "yes"), (Some(2), "at the harbour"), (Some(3), "to myself")];
    let expected = expected.map(|(line, text)| (line, text.to_owned()));
    assert_eq!(answers(world.seen(0)), expected);
    assert_eq!(answers(world.seen(1)), expected);
    for n in [0, 1] {
        let lines = history(&mut world, n);
        let answered: Vec<Option<u64>> = lines.iter().map(|line| line.reply_to).collect();
        assert_eq!(answered, [None, None, None, Some(1), Some(2), Some(3)]);
    }
}

#[test]
fn an_edit_is_the_new_text_on_both_sides_and_the_old_one_is_not_found() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob at fife");
    world.line(0, "@bob bring cake");
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
    world.command(0, edit(Some(1), "at five"));
    world.run_ms(1000);
    let (own, others) = (world.seen(0), world.seen(1));
    let edited = vec![("edited", 1, Some("at five"))];
    assert_eq!((changes(&own), changes(&others)), (edited.clone(), edited));
    assert_eq!(states(&own, 3), ["queued", "delivered"], "a change is delivered as a message is");
    assert!(!others.iter().any(|output| matches!(output, Output::Message { .. })), "{others:?}");
    // Of an edit, by its number: the original. Without a number: the last message, which no edit is.
    world.command(0, edit(Some(3), "at six"));
    world.command(0, edit(None, "bring pie"));
    world.run_ms(1000);
    for n in [0, 1] {
        assert_eq!(shown(&mut world, n), ["at six (edited)", "bring pie (edited)"]);
        for (word, count) in [("fife", 0), ("five", 0), ("cake", 0), ("six", 1), ("pie", 1)] {
            assert_eq!(found(&mut world, n, word), count, "{word}");
        }
    }
}

#[test]
fn what_was_delivered_is_hidden_on_both_sides() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob secret");
    world.line(0, "@bob hello");
    world.command(0, edit(Some(1), "secretly"));
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
    world.command(0, unsend(Some(1)));
    world.run_ms(1000);
    let (own, others) = (world.seen(0), world.seen(1));
    let taken = vec![("taken-back", 1, None)];
    assert_eq!((changes(&own), changes(&others)), (taken.clone(), taken));
    let is_warned = |output: &Output| matches!(output, Output::Info { text } if text.contains("not in your hands"));
    assert!(own.iter().any(is_warned), "{own:?}");
    for n in [0, 1] {
        assert_eq!(shown(&mut world, n), ["(taken back)", "hello"]);
        assert_eq!(found(&mut world, n, "secret") + found(&mut world, n, "secretly"), 0);
    }
    // Without a number, the last that is still there.
    world.command(0, unsend(None));
    world.run_ms(1000);
    assert_eq!(shown(&mut world, 1), ["(taken back)", "(taken back)"]);
}

/// Features: `/unsend` works fully while the message is queued.
#[test]
fn what_was_not_sent_yet_never_is() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob first");
    world.run_ms(1000);
    world.kill(1);
    world.run_ms(60_000);
    world.line(0, "@bob secret");
    world.command(0, edit(None, "other secret"));
    world.line(0, "@bob last");
    world.run_ms(1000);
    world.seen(0);
    world.command(0, unsend(Some(2)));
    let seen = world.seen(0);
    assert_eq!(changes(&seen), [("withdrawn", 2, None)]);
    assert_eq!((states(&seen, 2), states(&seen, 3)), (vec!["taken-back"], vec!["taken-back"]));
    assert_eq!(shown(&mut world, 0), ["first", "last"]);
    // The very next one is taken back while it is on its way into the database.
    world.line(0, "@bob typed too fast");
    world.command(0, unsend(None));
    assert_eq!(shown(&mut world, 0), ["first", "last"]);
    world.line(0, "/outbox");
    let Some(Output::Outbox { messages }) = world.seen(0).pop() else { panic!() };
    assert_eq!(messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["last"]);
    world.start(1);
    world.run_ms(10_000);
    let seen = world.seen(1);
    let is_gap = |output: &Output| matches!(output, Output::Message { gap: true, .. });
    assert!(!seen.iter().any(is_gap), "{seen:?}");
    assert_eq!(shown(&mut world, 1), ["first", "last"]);
}

/// After a restart nobody knows whether it was sent: it is not sent again, and a request to hide it is.
#[test]
fn what_may_have_been_sent_is_not_sent_again() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob first");
    world.run_ms(1000);
    world.kill(1);
    world.run_ms(60_000);
    world.line(0, "@bob secret");
    world.line(0, "@bob last");
    world.kill(0);
    world.start(0);
    world.run_ms(1000);
    world.seen(0);
    world.command(0, unsend(Some(2)));
    let seen = world.seen(0);
    assert_eq!(changes(&seen), [("taken-back", 2, None)]);
    assert_eq!(states(&seen, 2), ["taken-back"]);
    world.seen(1);
    world.start(1);
    world.run_ms(20_000);
    let seen = world.seen(1);
    let texts = |output: &Output| match output {
        Output::Message { text, gap, .. } => Some((text.clone(), *gap)),
        _ => None,
    };
    let texts: Vec<_> = seen.iter().filter_map(texts).collect();
    assert_eq!(texts, [("last".to_owned(), false)], "{seen:?}");
    assert_eq!(shown(&mut world, 1), ["first", "last"]);
    assert_eq!(shown(&mut world, 0), ["first", "(taken back)", "last"]);
    world.line(0, "/outbox");
    assert!(matches!(&world.seen(0)[..], [Output::Outbox { messages }] if messages.is_empty()));
}

#[test]
fn both_sides_show_the_same_after_losses_and_restarts() {
    let mut world = World::logged_in(2);
    world.lose_every = 7;
    let mut expected = Vec::new();
    for n in 0..120_usize {
        world.line(0, &format!("@bob a{n}"));
        expected.push(format!("a{n}"));
        if n % 3 == 1 {
            world.command(0, edit(None, &format!("b{n}")));
            expected[n] = format!("b{n} (edited)");
        }
        if n % 40 == 5 {
            world.command(0, unsend(None));
            expected[n] = "(taken back)".to_owned();
        }
        world.run_ms(20);
        if n % 40 == 20 {
            let victim = (n / 40) % 2;
            world.kill(victim);
            world.start(victim);
            world.run_ms(500);
        }
    }
    world.run_ms(120_000);
    let own = shown(&mut world, 0);
    assert_eq!(shown(&mut world, 1), own);
    // What was taken back before it left is in neither history.
    let is_left = |text: &&String| !text.contains("taken back");
    let of = |texts: &[String]| texts.iter().filter(is_left).cloned().collect::<Vec<_>>();
    assert_eq!(of(&own), of(&expected));
    world.line(0, "/outbox");
    assert!(matches!(&world.seen(0)[..], [Output::Outbox { messages }] if messages.is_empty()));
}

#[test]
fn what_cannot_be_changed_is_told_and_nothing_is_held_up() {
    let mut world = World::logged_in(2);
    let refused = |world: &mut World, command: Command, why: &str| {
        world.seen(0);
        world.command(0, command.clone());
        let errors = world.errors(0);
        assert!(errors.contains(why), "{command:?}: {errors}");
    };
    refused(&mut world, edit(None, "x"), "nothing to bob that can be changed");
    refused(&mut world, unsend(None), "nothing to bob that can be changed");
    refused(&mut world, reply(None, "x"), "nothing of bob here");
    world.line(0, "@bob one");
    world.run_ms(1000);
    refused(&mut world, edit(Some(7), "x"), "no message 7 to bob: '/history bob'");
    refused(&mut world, unsend(Some(0)), "no message 0");
    refused(&mut world, reply(Some(u64::MAX), "x"), "no line 18446744073709551615 with bob");
    refused(&mut world, edit(Some(1), "  "), "no text");
    refused(&mut world, edit(Some(1), &"x".repeat(70_000)), "70000 bytes");
    world.command(0, unsend(Some(1)));
    world.run_ms(1000);
    refused(&mut world, edit(Some(1), "x"), "message 1 to bob is taken back");
    refused(&mut world, unsend(Some(1)), "message 1 to bob is taken back");
    refused(&mut world, unsend(Some(2)), "message 2 to bob is taken back");
    refused(&mut world, reply(Some(1), "x"), "no line 1 with bob");
    let room = "#team".to_owned();
    let in_room = Command::Edit { to: room, id: None, text: "x".to_owned() };
    refused(&mut world, in_room, "you are in no room #team");
    let nobody = Command::Unsend { to: "b/b".to_owned(), id: None };
    refused(&mut world, nobody, "no user name");
    world.break_database(0, Some("Queue"));
    refused(&mut world, unsend(None), "disk full");
    world.break_database(0, None);
    world.seen(1);
    world.line(0, "@bob two");
    world.run_ms(1000);
    assert_eq!(world.texts(1), ["two"]);
    world.command(0, Command::Logout);
    refused(&mut world, unsend(None), "log in first");
}

#[test]
fn a_change_of_somebody_who_is_blocked_is_not_shown() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(1000);
    world.command(0, edit(None, "two"));
    world.line(1, "/block alice");
    world.seen(1);
    world.run_ms(1000);
    assert_eq!(changes(&world.seen(1)), []);
}
