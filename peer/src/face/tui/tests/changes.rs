//! Answers, edits and takings back on the screen.

use super::*;
use crate::output::{NOT_HERE, PinLine};

impl Scene {
    fn changed(
        &mut self,
        from: &str,
        change: &'static str,
        id: Option<u64>,
        line: u64,
        text: Option<&str>,
    ) {
        let (with, from, at) = ("bob".to_owned(), from.to_owned(), self.moment().unix_ms);
        let text = text.map(str::to_owned);
        self.tell(Output::Changed { with, from, change, id, line, text, pin: None, at });
    }

    fn answer(&mut self, reply_to: u64, text: &str) {
        self.minutes += 1;
        self.lines += 1;
        let (from, text, at) = ("bob".to_owned(), text.to_owned(), self.moment().unix_ms);
        let (room, sent, line) = (None, at, self.lines);
        let (gap, reply_to, edited, notify) = (false, Some(reply_to), false, true);
        let message = Output::Message {
            from,
            room,
            text,
            sent,
            at,
            gap,
            line,
            reply_to,
            edited,
            pin: None,
            notify,
        };
        self.tell(message);
    }

    /// Bob's chat, with something of everything.
    fn changing() -> Self {
        let mut scene = Self::logged_in(80, 20);
        scene.message("bob", "at fife?");
        scene.answer_history(&[]);
        scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
        scene.kept("bob", 1, "yes, at the harbor");
        scene.state("bob", 1, "delivered", None);
        scene.kept("bob", 2, "I shall be early");
        scene.state("bob", 2, "delivered", None);
        scene.answer(2, "which one?\nthere are two");
        scene.answer(900, "and bring the cake");
        scene
    }
}

#[test]
fn lines_show_what_their_authors_did_with_them() {
    let mut scene = Scene::changing();
    scene.changed("bob", "edited", None, 1, Some("at five?"));
    scene.changed("alice", "edited", Some(3), 2, Some("yes, at the old harbour"));
    scene.state("bob", 3, "queued", Some("bob is not online"));
    scene.changed("alice", "taken-back", Some(4), 3, None);
    scene.state("bob", 4, "delivered", None);
    scene.check("changed");
    scene.state("bob", 3, "delivered", None);
    scene.changed("bob", "taken-back", None, 5, None);
    scene.check("changed-later");
}

#[test]
fn what_was_never_sent_is_gone() {
    let mut scene = Scene::changing();
    scene.kept("bob", 5, "oops");
    scene.state("bob", 5, "queued", Some("bob is not online"));
    scene.state("bob", 5, "taken-back", None);
    scene.changed("alice", "withdrawn", None, 6, None);
    scene.check("withdrawn");
    // Of a window that is not open, and of a line that is not here, nothing is shown.
    scene.changed("alice", "withdrawn", None, 6, None);
    scene.changed("bob", "edited", None, 700, Some("\u{1b}[2Jolder"));
    scene.check("withdrawn");
}

/// The numbers that `/reply`, `/edit` and `/unsend` take are seen where they are needed.
#[test]
fn while_a_command_about_lines_is_typed_they_have_numbers() {
    let mut scene = Scene::changing();
    scene.type_text("/reply ");
    scene.check("numbers-of-lines");
    scene.press(KeyCode::Char('u'), KeyModifiers::CONTROL);
    scene.type_text("/edit ");
    scene.check("numbers-of-messages");
}

#[test]
fn the_history_tells_what_was_done_before() {
    let mut scene = Scene::logged_in(80, 14);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.acts();
    let lines = vec![
        HistoryLine { edited: true, ..kept_line(1, "bob", "at five?") },
        HistoryLine { reply_to: Some(1), ..kept_line(2, "alice", "yes") },
        HistoryLine { taken_back: true, state: "failed", ..kept_line(3, "alice", "") },
        HistoryLine { reply_to: Some(3), ..kept_line(4, "bob", "what was that?") },
    ];
    scene.tell(Output::History { query: "history bob".to_owned(), lines });
    scene.check("changed-history");
}

/// In a window, as what is answered, and in a notice.
#[test]
fn what_somebody_does_is_shown_as_such() {
    let mut scene = Scene::changing();
    scene.message("bob", "/me waves");
    scene.answer(scene.lines, "who?");
    scene.kept("bob", 77, "/me waves back");
    scene.state("bob", 77, "delivered", None);
    scene.check("action");
    scene.tui.set_focus(false);
    scene.acts();
    scene.message("bob", "/me goes");
    let notice = Notice { title: "bob".to_owned(), text: "* bob goes".to_owned() };
    assert!(matches!(&scene.acts()[..], [Act::Notify(it)] if *it == notice));
}

/// What somebody says of a moment of a film; `/play line` takes the numbers of lines.
#[test]
fn comments_on_films_stand_behind_their_moments() {
    let mut scene = Scene::logged_in(80, 14);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.acts();
    let pin = |name: &str, position_ms| {
        Some(PinLine { id: Some(3), name: name.to_owned(), blake3: "00".repeat(32), position_ms })
    };
    let line = |line, text: &str, pin| HistoryLine { pin, ..kept_line(line, "bob", text) };
    let lines = vec![
        line(40, "look at the left", pin("holiday film.mp4", 754_500)),
        line(41, "/me laughs\nand there", pin("a \u{1b}[2J\u{202e}film.mp4", 3_754_000)),
        line(42, "no comment", None),
    ];
    scene.tell(Output::History { query: "history bob".to_owned(), lines });
    scene.type_text("/play line ");
    scene.check("comments");
}

/// In a room all is as between two users.
#[test]
fn lines_of_a_room_are_answered_and_changed() {
    let mut scene = Scene::logged_in(80, 16);
    scene.tui.window(scene.moment(), Window::Open("#team".to_owned()));
    let post = |line, from: &str, text: &str, reply_to| Output::Message {
        from: from.to_owned(),
        room: Some("#team".to_owned()),
        text: text.to_owned(),
        sent: START,
        at: START,
        gap: false,
        line,
        reply_to,
        edited: false,
        pin: None,
        notify: false,
    };
    let changed = |line, from: &str, change, id, text: Option<&str>| Output::Changed {
        with: "#team".to_owned(),
        from: from.to_owned(),
        change,
        id,
        line,
        text: text.map(str::to_owned),
        pin: None,
        at: START,
    };
    scene.tell(post(1, "bob", "at fife?", None));
    scene.tell(post(2, "carol", "yes", Some(1)));
    scene.tell(post(3, "bob", "and to what was said before I came", Some(NOT_HERE)));
    scene.lines = 3;
    scene.kept("#team", 1, "I shall be late");
    scene.kept("#team", 2, "oops");
    scene.state("#team", 1, "queued", Some("1 of 2 have it"));
    scene.state("#team", 2, "taken-back", None);
    scene.tell(changed(1, "bob", "edited", None, Some("at five?")));
    scene.tell(changed(2, "carol", "taken-back", None, None));
    scene.tell(changed(4, "alice", "edited", Some(3), Some("I shall be early")));
    scene.tell(changed(5, "alice", "withdrawn", None, None));
    scene.tell(post(6, "bob", "nobody?", Some(1)));
    scene.state("#team", 3, "delivered", None);
    scene.type_text("/edit ");
    scene.check("changed-room");
}

/// `/edit` without a text: the one that was said is in the line, as a command that changes it.
#[test]
fn a_text_comes_back_to_be_edited() {
    let mut scene = Scene::changing();
    let again = |scene: &mut Scene, id| {
        scene.tui.window(scene.moment(), Window::EditAgain(id));
        let text = scene.tui.input.editor.text().to_owned();
        scene.tui.input.editor.set("");
        text
    };
    assert_eq!(again(&mut scene, None), "/edit 2 I shall be early");
    assert_eq!(again(&mut scene, Some(1)), "/edit 1 yes, at the harbor");
    // By the number of an edit: what that says, under the number of the line.
    scene.changed("alice", "edited", Some(5), 2, Some("yes, at the old\nharbour"));
    assert_eq!(again(&mut scene, Some(5)), "/edit 1 yes, at the old\nharbour");
    // What cannot be changed is passed over, or told.
    scene.changed("alice", "taken-back", Some(6), 3, None);
    scene.kept("bob", 7, "lost");
    scene.state("bob", 7, "failed", Some("bob has declined"));
    assert_eq!(again(&mut scene, None), "/edit 1 yes, at the old\nharbour");
    for id in [Some(2), Some(99)] {
        assert_eq!(again(&mut scene, id), "");
        assert!(scene.text().contains("There is no message"), "{}", scene.text());
    }
    // The moment of a film is not typed again: it stays.
    let pin =
        PinLine { id: None, name: "film.mp4".into(), blake3: "00".repeat(32), position_ms: 9000 };
    let (to, text, at, line) = ("bob".to_owned(), "look".to_owned(), START, 77);
    scene.tell(Output::Kept { to, id: 8, text, at, line, reply_to: None, pin: Some(pin) });
    assert_eq!(again(&mut scene, None), "/edit 8 look");
    // What is being typed is not lost.
    scene.type_text("hello");
    scene.tui.window(scene.moment(), Window::EditAgain(None));
    assert_eq!(scene.tui.input.editor.text(), "hello");
}
