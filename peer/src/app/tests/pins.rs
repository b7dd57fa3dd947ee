//! Comments on films: what they are about is the same at both ends, and leads back there.

use wire::app::pin::Pin;

use super::world::World;
use crate::command::{Command, Context, ParsedLine, parse};
use crate::output::{HistoryLine, Output, PinLine};
use crate::transfer::{Question, View, ViewNews};

fn content() -> Vec<u8> {
    (0..100_000).map(|n| (n / 7 % 251) as u8).collect()
}

fn root() -> [u8; 32] {
    *blake3::hash(&content()).as_bytes()
}

/// A line that somebody types where his chat with another one is open.
fn chat(world: &mut World, n: usize, with: &str, line: &str) {
    let context = Context { chat: Some(with.to_owned()), ..Context::default() };
    match parse(line, &context) {
        ParsedLine::Command(command) => world.command(n, command),
        other => panic!("{line}: {other:?}"),
    }
    world.run_ms(500);
}

/// Alice has offered bob a film, under a name of hers.
fn offered(world: &mut World, name: &str) {
    let path = world.folder(0).join(name);
    std::fs::write(&path, content()).unwrap();
    world.line(0, &format!("/send bob '{}'", path.display()));
    world.run_ms(2000);
}

/// Bob has taken it, too.
fn watching(name: &str) -> World {
    let mut world = World::logged_in(3);
    // Of bob's own, so that the numbers at both ends are not the same.
    let other = world.folder(1).join("other.mp4");
    std::fs::write(&other, "other").unwrap();
    world.line(1, &format!("/send carol {}", other.display()));
    world.run_ms(1000);
    offered(&mut world, name);
    world.line(1, "/accept 2");
    world.run_ms(3000);
    for n in 0..3 {
        world.seen(n);
        views(&mut world, n);
    }
    world
}

fn pin(id: Option<u64>, name: &str, position_ms: u64) -> PinLine {
    let blake3 = blake3::Hash::from_bytes(root()).to_hex().to_string();
    PinLine { id, name: name.to_owned(), blake3, position_ms }
}

/// What a client was shown: texts with what they are about.
fn comments(world: &mut World, n: usize) -> Vec<(String, Option<PinLine>)> {
    let seen = world.seen(n).into_iter();
    let comments = seen.filter_map(|output| match output {
        Output::Message { text, pin, .. } | Output::Kept { text, pin, .. } => Some((text, pin)),
        Output::Changed { text: Some(text), pin, .. } => Some((text, pin)),
        _ => None,
    });
    comments.collect()
}

fn lines(world: &mut World, n: usize, line: &str) -> Vec<HistoryLine> {
    world.seen(n);
    world.line(n, line);
    match world.seen(n).pop() {
        Some(Output::History { lines, .. }) => lines,
        other => panic!("{other:?}"),
    }
}

fn views(world: &mut World, n: usize) -> Vec<ViewNews> {
    std::iter::from_fn(|| world.app(n).poll_view()).collect()
}

/// Which transfer is played, and from where on.
fn plays(world: &mut World, n: usize) -> Vec<(u64, Option<u64>)> {
    let news = views(world, n).into_iter();
    let plays = news.filter_map(|news| match news {
        ViewNews::Of(_, View::Plays(film)) => Some((film.line.id, film.position)),
        _ => None,
    });
    plays.collect()
}

#[test]
fn a_comment_is_about_the_same_file_at_both_ends() {
    let mut world = watching("holiday film.mp4");
    chat(&mut world, 0, "bob", "/at 12:34 look at the left");
    let text = || "look at the left".to_owned();
    let mine = pin(Some(1), "holiday film.mp4", 754_000);
    assert_eq!(comments(&mut world, 0), [(text(), Some(mine.clone()))]);
    let his = PinLine { id: Some(2), ..mine };
    assert_eq!(comments(&mut world, 1), [(text(), Some(his.clone()))]);
    // It is in the history, and found by what it says and by its film.
    for query in ["/history alice", "/search left", "/search holiday"] {
        let found = lines(&mut world, 1, query);
        assert_eq!((found.len(), &found[0].text), (1, &text()), "{query}");
        assert_eq!(found[0].pin.as_ref(), Some(&his), "{query}");
    }
    // The other way, by the number here.
    chat(&mut world, 1, "alice", "/at 2 90.5s where?");
    assert_eq!(
        comments(&mut world, 0),
        [("where?".to_owned(), Some(pin(Some(1), "holiday film.mp4", 90_500)))]
    );
    // One who does not have the film sees what is said of it.
    chat(&mut world, 1, "carol", "/at 2 0:01 a film of alice's");
    let of_hers = ("a film of alice's".to_owned(), Some(pin(None, "holiday film.mp4", 1000)));
    assert_eq!(comments(&mut world, 2), [of_hers]);
}

#[test]
fn a_comment_waits_for_who_is_away_as_any_message() {
    let mut world = watching("film.mp4");
    world.kill(1);
    world.run_ms(60_000);
    chat(&mut world, 0, "bob", "/at 12:34 look");
    world.seen(0);
    world.line(0, "/outbox");
    let seen = world.seen(0);
    let Some(Output::Outbox { messages }) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(
        (&*messages[0].text, &messages[0].pin),
        ("look", &Some(pin(Some(1), "film.mp4", 754_000)))
    );
    world.start(1);
    world.run_ms(5000);
    assert_eq!(
        comments(&mut world, 1),
        [("look".to_owned(), Some(pin(Some(2), "film.mp4", 754_000)))]
    );
}

/// [W-123] On both sides, and in the database.
#[test]
fn an_edit_stays_about_the_same_moment() {
    let mut world = watching("film.mp4");
    chat(&mut world, 0, "bob", "/at 12:34 lok");
    for n in 0..2 {
        world.seen(n);
    }
    chat(&mut world, 0, "bob", "/edit look");
    for (n, id) in [(0, 1), (1, 2)] {
        let edited = ("look".to_owned(), Some(pin(Some(id), "film.mp4", 754_000)));
        assert_eq!(comments(&mut world, n), std::slice::from_ref(&edited));
        let line = lines(&mut world, n, "/history all").pop().unwrap();
        assert_eq!((line.text, line.pin, line.edited), (edited.0, edited.1, true));
    }
    // To another moment it goes only when its author says so.
    let moved = Pin::new(root(), 1000, "film.mp4").before("here");
    chat(&mut world, 0, "bob", &format!("/edit {moved}"));
    assert_eq!(
        comments(&mut world, 1),
        [("here".to_owned(), Some(pin(Some(2), "film.mp4", 1000)))]
    );
    // What becomes too long by that is told, and nothing is changed.
    world.seen(0);
    chat(&mut world, 0, "bob", &format!("/edit {}", "x".repeat(64 << 10)));
    assert!(world.errors(0).contains("with the moment that it is about it has"));
    assert_eq!(lines(&mut world, 0, "/history all").pop().unwrap().text, "here");
    chat(&mut world, 0, "bob", "/unsend");
    let gone = lines(&mut world, 1, "/history all").pop().unwrap();
    assert!(gone.taken_back && gone.pin.is_none(), "{gone:?}");
}

#[test]
fn what_cannot_be_said_is_told() {
    let mut world = World::logged_in(2);
    chat(&mut world, 0, "bob", "/at 12:34 look");
    assert!(world.errors(0).contains("No file was handed over here"));
    chat(&mut world, 0, "bob", "/at 7 12:34 look");
    assert!(world.errors(0).contains("There is no transfer 7"));
    let at = |to: &str, text: &str| Command::At {
        to: to.to_owned(),
        id: Some(1),
        position_ms: 0,
        text: text.to_owned(),
    };
    world.command(0, at("bob", " "));
    assert!(world.errors(0).contains("there is no text"));
    world.command(0, at("#team", "look"));
    assert!(world.errors(0).contains("You are in no room #team"));
    world.line(0, "/send bob /nowhere.mp4");
    world.run_ms(100);
    world.seen(0);
    world.command(0, at("bob", "look"));
    assert!(world.errors(0).contains("was not read to the end"));
    world.line(0, "/play");
    assert!(world.errors(0).contains("No file was handed over: "));
}

#[test]
fn the_moment_is_taken_from_the_player() {
    let mut world = watching("film.mp4");
    chat(&mut world, 1, "alice", "/mark here");
    let asked = views(&mut world, 1);
    let [ViewNews::Of(_, View::Asks(question))] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(comments(&mut world, 1), [], "nothing is said before it is known where");
    let now = world.now;
    world.app(1).on_position(now, question, Ok(754_321));
    world.run_ms(500);
    let expected = ("here".to_owned(), Some(pin(Some(1), "film.mp4", 754_321)));
    assert_eq!(comments(&mut world, 0), [expected]);
    // An answer counts once, and only to a question that was asked.
    world.app(1).on_position(now, question, Ok(1));
    world.app(1).on_position(now, Question(77), Ok(1));
    chat(&mut world, 1, "alice", "/mark there");
    let asked = views(&mut world, 1);
    let [ViewNews::Of(_, View::Asks(question))] = asked[..] else { panic!("{asked:?}") };
    world.seen(1);
    world.app(1).on_position(now, question, Err("no player.".to_owned()));
    world.run_ms(500);
    assert_eq!(world.errors(1), "no player.");
    assert_eq!(comments(&mut world, 0), []);
}

#[test]
fn questions_to_a_player_do_not_pile_up() {
    let mut world = watching("film.mp4");
    for _ in 0..20 {
        chat(&mut world, 1, "alice", "/mark here");
    }
    assert_eq!(views(&mut world, 1).len(), 16);
    assert!(world.errors(1).contains("the player has not answered yet"));
}

#[test]
fn a_comment_leads_back_to_its_moment() {
    let mut world = watching("film.mp4");
    chat(&mut world, 0, "bob", "/at 12:34 look");
    chat(&mut world, 0, "bob", "no comment");
    let kept = lines(&mut world, 1, "/history alice");
    let [comment, plain] = &kept[..] else { panic!("{kept:?}") };
    views(&mut world, 1);
    world.line(1, &format!("/play line {}", comment.line));
    assert_eq!(plays(&mut world, 1), [(2, Some(754_000))]);
    world.line(1, &format!("/play line {}", plain.line));
    assert!(world.errors(1).contains("is no comment on a film"));
    world.line(1, "/play line 4000");
    assert!(world.errors(1).contains("Line 4000 is no comment"));
    // By a time, of the film that was handed over in this chat, or played.
    chat(&mut world, 1, "alice", "/play at 1:02:03");
    assert_eq!(plays(&mut world, 1), [(2, Some(3_723_000))]);
    chat(&mut world, 1, "carol", "/play");
    assert_eq!(plays(&mut world, 1), [(1, None)]);
    world.line(1, "/play 2");
    world.line(1, "/play at 0:01");
    assert_eq!(plays(&mut world, 1), [(2, None), (2, Some(1000))], "what was played last");
}

/// [W-122] A name is a claim: only the contents say which file is meant.
#[test]
fn the_name_in_a_comment_leads_to_no_file() {
    let mut world = watching("film.mp4");
    let lie = Pin::new([7; 32], 1000, "film.mp4").before("look");
    world.command(0, Command::Message { to: "bob".to_owned(), text: lie });
    let renamed = Pin::new(root(), 1000, "/etc/passwd").before("look");
    world.command(0, Command::Message { to: "bob".to_owned(), text: renamed });
    world.run_ms(500);
    let seen = comments(&mut world, 1);
    let ids: Vec<Option<u64>> = seen.iter().map(|(_, pin)| pin.as_ref().unwrap().id).collect();
    assert_eq!(ids, [None, Some(2)]);
    assert_eq!(views(&mut world, 1).len(), 0, "nothing is played because somebody said something");
    let kept = lines(&mut world, 1, "/history alice");
    world.line(1, &format!("/play line {}", kept[0].line));
    assert!(world.errors(1).contains("which its author calls \"film.mp4\", is not here"));
    assert_eq!(plays(&mut world, 1), []);
    world.line(1, &format!("/play line {}", kept[1].line));
    assert_eq!(plays(&mut world, 1), [(2, Some(1000))]);
}

#[test]
fn a_stranger_begins_with_what_can_be_read() {
    let mut world = World::asking(2);
    let text = Pin::new([7; 32], 754_000, "film.mp4").before("look\nthere");
    world.command(0, Command::Message { to: "bob".to_owned(), text });
    world.run_ms(2000);
    let seen = world.seen(1);
    let request = seen.iter().find_map(|output| match output {
        Output::Request { request } => request.text.clone(),
        _ => None,
    });
    assert_eq!(request.as_deref(), Some("[12:34 film.mp4] look"));
}

#[test]
fn comments_become_chapters_of_their_film() {
    let mut world = watching("film.mp4");
    chat(&mut world, 0, "bob", "/at 12:34 second");
    chat(&mut world, 0, "bob", "no comment");
    chat(&mut world, 1, "alice", "/at 1 0:01 of another film");
    chat(&mut world, 1, "alice", "/at 1:02 first");
    let export = |world: &mut World, line: &str| {
        world.seen(1);
        chat(world, 1, "alice", line);
        match world.seen(1).pop() {
            Some(Output::Export { lines, reason, .. }) => lines.ok_or_else(|| reason.unwrap()),
            other => panic!("{other:?}"),
        }
    };
    let path = world.folder(1).join("film.ffmetadata");
    assert_eq!(export(&mut world, &format!("/export '{}'", path.display())), Ok(2));
    let written = std::fs::read_to_string(&path).unwrap();
    let titles: Vec<&str> = written.lines().filter(|line| line.starts_with("title=")).collect();
    assert_eq!(titles, ["title=film.mp4", "title=bob: first", "title=alice: second"]);
    let other = world.folder(1).join("other.ffmetadata");
    let line = format!("/export '{}' 1", other.display());
    assert_eq!(export(&mut world, &line), Ok(1));
    let line = format!("/export carol '{}'", world.folder(1).join("x.ffmetadata").display());
    let why = export(&mut world, &line).unwrap_err();
    assert_eq!(why, "there is no comment on \"other.mp4\" with carol");
    let line = format!("/export '{}' 9", world.folder(1).join("x.ffmetadata").display());
    assert!(export(&mut world, &line).unwrap_err().contains("There is no transfer 9"));
    assert!(!world.folder(1).join("x.ffmetadata").exists());
}
