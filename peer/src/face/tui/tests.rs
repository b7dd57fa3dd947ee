//! Whole screens, as text: each stands in a file beside this one. After a change that is meant,
//! `UPDATE_VECTORS=1 cargo test -p peer tui` writes them anew.

mod account;
mod attention;
mod changes;
mod files;
mod folders;
mod people;
mod requests;
mod screen;

use std::path::Path;

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::face::samples::{file_line, offer, outputs};
use wire::app::server::Availability;

/// 2026-01-01 00:00 in the tests' own time zone, which has no offset.
const START: u64 = 1_767_225_600_000;

/// Minutes since [`START`] as a day and a time.
fn local_time(ms: u64) -> String {
    let minutes = ms.saturating_sub(START) / 60_000;
    let (day, minute) = (1 + minutes / 1440, minutes % 1440);
    format!("2026-01-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

fn paths(line: &str, _: From) -> (usize, Vec<String>) {
    let start = line.rfind(' ').map_or(0, |at| at + 1);
    let all = ["clip.mp4", "clips/", "notes.txt"];
    let fitting = all.iter().filter(|path| path.starts_with(&line[start..]));
    (start, fitting.map(|path| (*path).to_owned()).collect())
}

/// A line of the history, of bob's window.
fn kept_line(line: u64, from: &str, text: &str) -> HistoryLine {
    HistoryLine {
        line,
        with: "bob".to_owned(),
        id: (from == "alice").then_some(line),
        from: from.to_owned(),
        at: START,
        text: text.to_owned(),
        state: if from == "alice" { "delivered" } else { "received" },
        reason: None,
        reply_to: None,
        edited: false,
        taken_back: false,
        pin: None,
    }
}

/// A screen, and what it wants done.
struct Scene {
    tui: Tui,
    screen: Terminal<TestBackend>,
    minutes: u64,
    lines: u64,
}

impl Scene {
    fn new(width: u16, height: u16) -> Self {
        Self::looking(Look { colour: false, unicode: true, theme: Theme::default() }, width, height)
    }

    fn looking(look: Look, width: u16, height: u16) -> Self {
        let moment = Moment { now: Instant::ZERO, unix_ms: START };
        Self {
            tui: Tui::new(look, local_time, Box::new(paths), moment),
            screen: Terminal::new(TestBackend::new(width, height)).unwrap(),
            minutes: 0,
            lines: 0,
        }
    }

    /// Logged in as alice, with bob and carol online.
    fn logged_in(width: u16, height: u16) -> Self {
        let mut scene = Self::new(width, height);
        scene.log_in();
        scene
    }

    fn log_in(&mut self) {
        self.tell(Output::Ready {
            user: Some("alice".to_owned()),
            server: "chat.example:5000".to_owned(),
        });
        self.tell(Output::Server { state: ServerState::Connected });
        self.tell(Output::LoggedIn {
            user: "alice".to_owned(),
            motd: String::new(),
            failed_attempts: 0,
            took_over: false,
            new_account: false,
        });
        self.tui.ask(Ask::Line(String::new()));
        for user in ["bob", "carol"] {
            self.presence(user, true);
        }
        let users = [("bob", true), ("carol", true), ("dave", false)];
        let status = |online: bool| online.then(Status::default);
        let users = users.map(|(user, online)| (user.to_owned(), status(online)));
        self.tui.set_users(users.to_vec());
        self.answer_history(&[]);
    }

    fn moment(&self) -> Moment {
        Moment { now: Instant::ZERO, unix_ms: START + self.minutes * 60_000 }
    }

    fn tell(&mut self, output: Output) {
        self.tui.tell(self.moment(), &output);
    }

    fn presence(&mut self, user: &str, online: bool) {
        let (user, text) = (user.to_owned(), String::new());
        self.tell(Output::Presence { user, online, status: Availability::Here, text });
    }

    /// A message of `from`, a minute later.
    fn message(&mut self, from: &str, text: &str) {
        self.minutes += 1;
        self.lines += 1;
        let at = self.moment().unix_ms;
        let (from, text) = (from.to_owned(), text.to_owned());
        self.tell(Output::Message {
            from,
            room: None,
            text,
            sent: at,
            at,
            gap: false,
            line: self.lines,
            reply_to: None,
            edited: false,
            pin: None,
            notify: true,
        });
    }

    /// A message of ours is kept.
    fn kept(&mut self, to: &str, id: u64, text: &str) {
        self.lines += 1;
        let (to, text, at) = (to.to_owned(), text.to_owned(), self.moment().unix_ms);
        let (line, reply_to, pin) = (self.lines, None, None);
        self.tell(Output::Kept { to, id, text, at, line, reply_to, pin });
    }

    fn state(&mut self, to: &str, id: u64, state: &'static str, reason: Option<&str>) {
        let reason = reason.map(str::to_owned);
        self.tell(Output::MessageState { to: to.to_owned(), id, state, reason });
    }

    /// Answers what was asked for of the history with these lines (number, from, text) of bob's.
    fn answer_history(&mut self, lines: &[(u64, &str, &str)]) -> usize {
        let mut answered = 0;
        for act in self.acts() {
            let Act::Command(Command::History { with, .. }) = act else { continue };
            let lines = lines.iter().map(|(line, from, text)| kept_line(*line, from, text));
            let query = format!("history {}", with.as_deref().unwrap_or("all"));
            self.tell(Output::History { query, lines: lines.collect() });
            answered += 1;
        }
        answered
    }

    fn acts(&mut self) -> Vec<Act> {
        std::iter::from_fn(|| self.tui.poll_act()).collect()
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.tui.key(self.moment(), KeyEvent::new(code, modifiers));
    }

    fn alt(&mut self, c: char) {
        self.press(KeyCode::Char(c), KeyModifiers::ALT);
    }

    fn control(&mut self, c: char) {
        self.press(KeyCode::Char(c), KeyModifiers::CONTROL);
    }

    fn key(&mut self, code: KeyCode) {
        self.press(code, KeyModifiers::NONE);
    }

    fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.key(KeyCode::Char(c));
        }
    }

    /// Types a line, and gives it back as it was handed on.
    fn enter(&mut self, line: &str) -> Option<(Option<String>, String)> {
        self.type_text(line);
        self.key(KeyCode::Enter);
        let typed = self.acts().into_iter().find_map(|act| {
            let Act::Typed(Typed::InWindow(window, line)) = act else { return None };
            Some((window, line))
        });
        self.tui.ask(Ask::Line(String::new()));
        typed
    }

    /// The rows of the screen, the cursor as `▏` before its cell.
    fn rows(&mut self) -> Vec<String> {
        self.screen.draw(|frame| self.tui.draw(frame)).unwrap();
        let cursor = self.screen.get_cursor_position().unwrap();
        let buffer = self.screen.backend().buffer();
        let row = |y: u16| {
            let mut row = String::new();
            let mut covered = 0;
            for x in 0..buffer.area.width {
                if (x, y) == (cursor.x, cursor.y) {
                    row.push('▏');
                }
                let symbol = buffer[(x, y)].symbol();
                // The second cell of a wide character is its own.
                if covered == 0 {
                    row.push_str(symbol);
                    covered = crate::face::wrap::cells(symbol).max(1);
                }
                covered -= 1;
            }
            row.trim_end().to_owned()
        };
        (0..buffer.area.height).map(row).collect()
    }

    fn text(&mut self) -> String {
        self.rows().join("\n") + "\n"
    }

    /// Compares the screen with the one in the file of this name.
    #[track_caller]
    fn check(&mut self, name: &str) {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/face/tui/tests/{name}.txt"));
        let shown = self.text();
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            std::fs::write(&file, &shown).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(shown == expected, "{name} was\n{expected}and is\n{shown}");
    }
}

#[test]
fn the_first_start_asks_one_question_after_the_other() {
    let mut scene = Scene::new(60, 10);
    scene.tell(Output::Ready { user: None, server: "chat.example:5000".to_owned() });
    scene.tui.ask(Ask::Menu);
    scene.check("first_question");
    scene.type_text("what?");
    scene.key(KeyCode::Enter);
    assert!(scene.text().contains("one letter"));
    scene.type_text("r");
    scene.key(KeyCode::Enter);
    scene.type_text("alice");
    scene.key(KeyCode::Enter);
    scene.type_text("hunter2!");
    scene.check("password_is_not_shown");
    scene.key(KeyCode::Enter);
    scene.type_text("hunter2!");
    scene.key(KeyCode::Enter);
    let acts = scene.acts();
    let is_done = |act: &Act| {
        matches!(act, Act::Typed(Typed::Credentials { name, password, .. })
            if name == "alice" && password.expose() == "hunter2!")
    };
    assert!(acts.iter().any(is_done), "{acts:?}");
    assert!(!acts.iter().any(|act| matches!(act, Act::Remember(..))));
}

#[test]
fn a_conversation_with_its_marks() {
    let mut scene = Scene::logged_in(80, 16);
    scene.tui.window(scene.moment(), Window::Open("Bob".to_owned()));
    scene.answer_history(&[(1, "bob", "from before"), (2, "alice", "mine from before")]);
    scene.lines = 2;
    scene.tell(Output::Link {
        user: "bob".to_owned(),
        state: "direct",
        lan: false,
        address: None,
        rtt_ms: Some(23),
        farewell: None,
    });
    scene.minutes = 24 * 60;
    scene.kept("bob", 7, "it goes");
    scene.kept("bob", 8, "it arrived");
    scene.state("bob", 8, "delivered", None);
    scene.kept("bob", 9, "it waits");
    scene.state("bob", 9, "queued", Some("bob is not online"));
    scene.kept("bob", 10, "it failed");
    scene.state("bob", 10, "failed", Some("refused"));
    scene.message("bob", "a long line that has to be broken, because the window has no more than sixty cells for it\nand a second one");
    scene.message("carol", "look at me");
    scene.type_text("what I am typing");
    scene.check("conversation");
}

/// Features part 5: usable from 40x10 up.
#[test]
fn a_narrow_screen_has_no_list_but_all_of_the_rest() {
    let mut scene = Scene::logged_in(40, 10);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.message("bob", "世界 grüße 👩\u{200d}💻 שלום e\u{301}");
    scene.message("carol", "hi");
    scene.type_text("世界");
    scene.check("narrow");
    for size in [(1, 1), (19, 3), (20, 4), (39, 9), (300, 100)] {
        scene.screen.backend_mut().resize(size.0, size.1);
        scene.screen.autoresize().unwrap();
        scene.text();
    }
}

#[test]
fn lines_that_arrive_do_not_disturb_the_line_being_typed() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.type_text("half a li");
    let before = scene.rows().last().cloned();
    for number in 0..100 {
        scene.message("bob", &format!("line {number}"));
        scene.message("carol", "other");
        scene.presence("dave", number % 2 == 0);
    }
    assert_eq!(scene.rows().last().cloned(), before);
    scene.type_text("ne");
    assert_eq!(scene.enter(""), Some((Some("bob".to_owned()), "half a line".to_owned())));
}

/// Features part 5: the view stays when lines come, and says how many there are below.
#[test]
fn a_view_that_was_scrolled_stays_and_counts_what_is_below() {
    let mut scene = Scene::logged_in(60, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    for number in 1..=50 {
        scene.message("bob", &format!("line {number}"));
    }
    scene.key(KeyCode::PageUp);
    let before = scene.rows();
    assert!(scene.text().contains("-MORE("));
    for number in 51..=60 {
        scene.message("bob", &format!("line {number}"));
    }
    let after = scene.rows();
    assert_eq!(before[1..9], after[1..9], "{before:#?} {after:#?}");
    scene.check("scrolled");
    scene.press(KeyCode::End, KeyModifiers::ALT);
    assert!(scene.text().contains("line 60") && !scene.text().contains("-MORE("));
    scene.press(KeyCode::Home, KeyModifiers::ALT);
    assert!(scene.text().contains("line 1\n"), "{}", scene.text());
}

#[test]
fn the_top_of_a_window_brings_older_lines() {
    let mut scene = Scene::logged_in(60, 8);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    let texts: Vec<String> = (0..1000).map(|number| format!("old {number}")).collect();
    let lines = |range: std::ops::Range<u64>| -> Vec<(u64, &str, &str)> {
        range.map(|line| (line, "bob", texts[usize::try_from(line).unwrap()].as_str())).collect()
    };
    scene.answer_history(&lines(800..1000));
    assert!(scene.text().contains("old 999"));
    scene.press(KeyCode::Home, KeyModifiers::ALT);
    let Some(Act::Command(Command::History { before, limit, .. })) = scene.tui.poll_act() else {
        panic!("nothing was asked for");
    };
    assert_eq!((before, limit), (Some(800), PAGE));
    let shown = scene.text();
    assert!(shown.contains("old 800") && !shown.contains("old 799"));
    let older = lines(600..800).into_iter().map(|(line, from, text)| kept_line(line, from, text));
    let lines = older.collect();
    scene.tell(Output::History { query: "history bob".to_owned(), lines });
    assert!(scene.text().contains("old 800"), "what is in view stays");
    scene.key(KeyCode::PageUp);
    assert!(scene.text().contains("old 797"), "{}", scene.text());
}

#[test]
fn unseen_lines_have_a_rule_and_are_found() {
    let mut scene = Scene::logged_in(60, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.message("bob", "seen");
    scene.control('p');
    scene.acts();
    for number in 1..=30 {
        scene.message("bob", &format!("unseen {number}"));
    }
    let calls = scene.acts();
    assert!(calls.iter().all(|act| matches!(act, Act::Notify(_))) && calls.len() == 30);
    assert!(scene.text().contains("2:bob(30)"));
    scene.alt('a');
    assert!(!scene.text().contains("act"));
    scene.alt('u');
    scene.check("unread");
    // The same by a command, from elsewhere.
    scene.control('p');
    scene.message("carol", "also unseen");
    let moment = scene.moment();
    scene.tui.window(moment, Window::Unread);
    assert!(scene.text().contains("also unseen"), "{}", scene.text());
    scene.tui.window(moment, Window::Unread);
    scene.control('p');
    assert_eq!(scene.enter("answer").map(|(_, line)| line).as_deref(), Some("answer"));
    assert!(!scene.text().contains("new"), "answered, so nothing is new any more");
}

#[test]
fn a_terminal_without_focus_leaves_lines_unseen() {
    let mut scene = Scene::logged_in(60, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.acts();
    scene.message("bob", "one");
    assert!(scene.acts().is_empty(), "it is looked at");
    scene.tui.set_focus(false);
    scene.message("bob", "two");
    assert!(matches!(&scene.acts()[..], [Act::Notify(_)]));
    scene.tui.set_focus(true);
    assert!(scene.text().contains("── new"));
}

#[test]
fn transfers_have_a_line_in_their_window_a_pane_and_a_place_in_the_bar() {
    let mut scene = Scene::logged_in(90, 14);
    scene.tell(offer("clip.mp4"));
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    assert!(scene.text().contains("/accept 3 or /decline 3"));
    scene.tell(Output::File { file: file_line() });
    scene.tell(Output::File {
        file: FileLine {
            id: 4,
            direction: Direction::Sending,
            with: "carol".to_owned(),
            state: "paused",
            paused_by: Some("them"),
            ..file_line()
        },
    });
    scene.key(KeyCode::F(2));
    scene.check("transfers");
    scene.key(KeyCode::Esc);
    assert!(!scene.text().contains("F2 closes"));
}

#[test]
fn a_user_is_found_by_a_few_letters() {
    let mut scene = Scene::logged_in(60, 12);
    scene.alt('k');
    scene.type_text("da");
    scene.check("switcher");
    scene.key(KeyCode::Enter);
    assert!(scene.text().contains("dave>"));
    scene.alt('k');
    scene.type_text("serv");
    scene.key(KeyCode::Enter);
    assert!(scene.text().starts_with(" Tincan"), "{}", scene.text());
    scene.alt('k');
    scene.type_text("nobody");
    scene.key(KeyCode::Enter);
    assert!(scene.text().contains("No window and no user fits"));
}

#[test]
fn tab_completes_and_lists() {
    let mut scene = Scene::logged_in(60, 12);
    scene.type_text("/msg ca");
    scene.key(KeyCode::Tab);
    assert!(scene.text().contains("> /msg carol ▏"));
    scene.control('u');
    scene.type_text("/send bob cl");
    scene.key(KeyCode::Tab);
    assert!(scene.text().contains("/send bob clip▏"));
    scene.key(KeyCode::Tab);
    assert!(scene.text().contains("clip.mp4  clips/"));
    for (key, line) in [
        (KeyCode::Tab, "/send bob clip.mp4▏"),
        (KeyCode::Tab, "/send bob clips/▏"),
        (KeyCode::Tab, "/send bob clip.mp4▏"),
        (KeyCode::BackTab, "/send bob clips/▏"),
    ] {
        scene.key(key);
        assert!(scene.text().contains(line), "{line}: {}", scene.text());
    }
    scene.control('u');
    scene.type_text("/nothing");
    scene.key(KeyCode::Tab);
    assert!(scene.text().contains("Nothing fits."));
}

#[test]
fn lines_typed_before_come_back_and_passwords_do_not() {
    let mut scene = Scene::logged_in(60, 12);
    scene.tui.load_typed(vec![(None, "/who".to_owned())]);
    scene.enter("/login alice hunter2");
    scene.enter("/files");
    scene.key(KeyCode::Up);
    assert!(scene.text().contains("> /files▏"));
    scene.key(KeyCode::Up);
    assert!(scene.text().contains("> /who▏"));
    scene.key(KeyCode::Down);
    scene.key(KeyCode::Down);
    scene.control('r');
    scene.type_text("wh");
    assert!(scene.text().contains("/who▏"), "{}", scene.text());
    assert!(!scene.text().contains("hunter2"));
}

#[test]
fn each_window_keeps_what_was_being_typed() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.type_text("for bob");
    scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
    scene.type_text("for carol");
    scene.alt('2');
    assert!(scene.text().contains("bob> for bob▏"));
    assert_eq!(scene.enter(""), Some((Some("bob".to_owned()), "for bob".to_owned())));
    scene.alt('3');
    assert!(scene.text().contains("carol> for carol▏"));
}

/// Features part 5: the paste guard.
#[test]
fn pasted_lines_are_one_message_and_not_sent_by_themselves() {
    let mut scene = Scene::logged_in(60, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.acts();
    scene.tui.paste(scene.moment(), "one\r\ntwo\nthree\n");
    assert!(!scene.acts().iter().any(|act| matches!(act, Act::Typed(_))));
    scene.check("pasted");
    assert_eq!(scene.enter("").map(|(_, line)| line).as_deref(), Some("one\ntwo\nthree"));
}

/// Security acceptance H01: whatever comes from outside, no control character reaches a cell.
#[test]
fn foreign_text_is_shown_and_not_obeyed() {
    let hostile = "a\u{1b}[2Jb\u{9b}2J\r\u{202e}c\u{7}\td\0e";
    let mut scene = Scene::logged_in(100, 30);
    for output in outputs(hostile) {
        scene.tell(output);
    }
    for number in 1..=3 {
        scene.tui.window(scene.moment(), Window::Switch(number.to_string()));
        let shown = scene.text();
        let bad = shown.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        assert_eq!(bad, None, "{shown}");
    }
}

#[test]
fn only_ascii_where_the_terminal_shows_no_more() {
    let mut scene =
        Scene::looking(Look { colour: false, unicode: false, theme: Theme::default() }, 80, 14);
    scene.log_in();
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.kept("bob", 1, "hi");
    scene.state("bob", 1, "delivered", None);
    scene.tell(Output::File { file: file_line() });
    let shown = scene.text().replace('▏', "");
    assert!(shown.is_ascii(), "{shown}");
}

/// What is being typed stays, and the command is nothing to come back to.
#[test]
fn a_key_of_ones_own_runs_its_command() {
    let mut scene = Scene::logged_in(80, 12);
    let mut keys = Keys::default();
    keys.bind("F5", "/who an").unwrap();
    scene.tui.set_habits(Habits { keys, ..Habits::default() });
    scene.tui.ask(Ask::Line("> ".to_owned()));
    scene.type_text("half a line");
    scene.acts();
    scene.press(KeyCode::F(5), KeyModifiers::NONE);
    let acts = scene.acts();
    assert!(
        matches!(&acts[..], [Act::Typed(Typed::InWindow(None, line))] if line == "/who an"),
        "{acts:?}"
    );
    assert!(scene.text().contains("half a line"));
    scene.press(KeyCode::Up, KeyModifiers::NONE);
    assert!(!scene.text().contains("/who an"));
}

#[test]
fn what_somebody_says_about_being_there_stands_in_the_title() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    let status = Status { availability: Availability::Away, text: "back at two".to_owned() };
    scene.tui.set_users(vec![("bob".to_owned(), Some(status))]);
    let (user, text) = ("bob".to_owned(), "back at two".to_owned());
    scene.tell(Output::Presence { user, online: true, status: Availability::Away, text });
    let shown = scene.text();
    assert!(shown.starts_with(" bob (online) away (back at two)\n"), "{shown}");
    assert!(shown.contains("bob is away (back at two)"), "{shown}");
}

/// A line typed while the core cannot take one waits, and none is lost.
#[test]
fn lines_typed_too_early_wait() {
    let mut scene = Scene::logged_in(60, 12);
    for line in ["one", "two", "three"] {
        scene.type_text(line);
        scene.key(KeyCode::Enter);
    }
    let mut sent = Vec::new();
    for _ in 0..4 {
        for act in scene.acts() {
            if let Act::Typed(Typed::InWindow(_, line)) = act {
                sent.push(line);
            }
        }
        scene.tui.ask(Ask::Line(String::new()));
    }
    assert_eq!(sent, ["one", "two", "three"]);
}

/// The session ends elsewhere while a line is being typed: it is no answer, and not lost.
#[test]
fn a_question_does_not_take_what_was_being_typed() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.type_text("half a line");
    scene.tui.ask(Ask::Menu);
    assert!(scene.text().contains("[q]uit? ▏"), "{}", scene.text());
    scene.type_text("l");
    scene.key(KeyCode::Enter);
    assert!(scene.text().contains("Name: ▏"));
    scene.tui.ask(Ask::Line(String::new()));
    assert!(scene.text().contains("bob> half a line▏"), "{}", scene.text());
}

#[test]
fn what_others_cause_is_bounded() {
    let mut scene = Scene::logged_in(80, 12);
    for id in 0..2 * MAX_FILES as u64 {
        scene.tell(Output::File { file: FileLine { id, state: "declined", ..file_line() } });
        scene.presence(&format!("user{id}"), true);
    }
    assert_eq!(scene.tui.files.len(), MAX_FILES);
    assert!(scene.text().contains("others are online"));
}

#[test]
fn a_long_answer_is_read_from_its_beginning() {
    let mut scene = Scene::logged_in(60, 12);
    scene.text();
    scene.tell(Output::Help { text: crate::command::overview() });
    let shown = scene.text();
    assert!(shown.contains("Commands (any unique beginning") && shown.contains("-MORE"), "{shown}");
    scene.press(KeyCode::End, KeyModifiers::ALT);
    assert!(scene.text().contains("/help keys"));
    scene.tell(Output::Info { text: "short".to_owned() });
    let shown = scene.text();
    assert!(shown.contains("* short") && !shown.contains("-MORE"), "{shown}");
    scene.press(KeyCode::PageUp, KeyModifiers::NONE);
    let before = scene.rows();
    scene.tell(Output::Info { text: "another".to_owned() });
    assert_eq!(scene.rows()[1..9], before[1..9], "what was scrolled stays");
}

#[test]
fn a_closed_window_stays_closed_until_there_is_something_to_read() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.kept("bob", 1, "hi");
    scene.tui.window(scene.moment(), Window::Close);
    scene.state("bob", 1, "delivered", None);
    scene.answer_history(&[(1, "alice", "hi")]);
    assert!(!scene.text().contains("2 bob"), "{}", scene.text());
    scene.message("bob", "hello");
    assert!(scene.text().contains("*2 bob"), "{}", scene.text());
}

#[test]
fn another_account_sees_nothing_of_this_one() {
    let mut scene = Scene::logged_in(80, 12);
    scene.message("bob", "secret of alice");
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.type_text("half a secret");
    scene.tell(Output::LoggedOut { reason: "as you asked".to_owned() });
    let shown = scene.text();
    assert!(!shown.contains("secret") && !shown.contains("bob"), "{shown}");
}

/// Issue 4: many messages keep the screen quick, and the memory of a window is bounded.
#[test]
fn a_window_with_very_many_lines_is_drawn_by_what_is_seen() {
    let mut scene = Scene::logged_in(100, 30);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    for number in 0..100_000 {
        scene.message("bob", &format!("message {number}"));
    }
    let shown = scene.text();
    assert!(shown.contains("message 99999") && shown.contains("message 99980"));
    let log = &scene.tui.windows.current().log;
    assert!(log.end() - log.first() <= log::MAX_ENTRIES as u64);
}

/// What is told of a room.
fn room_news(
    change: &'static str,
    user: Option<&str>,
    by: Option<&str>,
    text: Option<&str>,
) -> Output {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let (user, by, text) = (owned(user), owned(by), owned(text));
    Output::RoomChanged { room: "#team".to_owned(), change, user, by, text }
}

impl Scene {
    fn post(&mut self, from: &str, text: &str) {
        self.minutes += 1;
        self.lines += 1;
        let (at, line) = (self.moment().unix_ms, self.lines);
        let notify = crate::app::names(text, "alice");
        let (from, text, room) = (from.to_owned(), text.to_owned(), Some("#team".to_owned()));
        self.tell(Output::Message {
            from,
            room,
            text,
            sent: at,
            at,
            gap: false,
            line,
            reply_to: None,
            edited: false,
            pin: None,
            notify,
        });
    }
}

#[test]
fn a_room_has_a_window_of_its_own() {
    let mut scene = Scene::logged_in(80, 18);
    scene.tell(room_news("created", None, None, None));
    scene.answer_history(&[]);
    scene.tell(room_news("joined", Some("bob"), None, None));
    scene.tell(room_news("joined", Some("carol"), None, None));
    scene.tell(room_news("topic", None, Some("alice"), Some("the holiday film")));
    scene.post("bob", "is it cut?");
    scene.kept("#team", 1, "nearly");
    scene.state("#team", 1, "queued", Some("1 of 2 have it"));
    scene.tell(room_news("role", Some("carol"), Some("alice"), Some("operator")));
    scene.post("carol", "Alice, you said that yesterday");
    scene.check("room");
}

#[test]
fn a_room_calls_only_when_it_is_to() {
    let mut scene = Scene::logged_in(80, 12);
    scene.acts();
    scene.post("bob", "nobody in particular");
    let calls = |acts: Vec<Act>| acts.iter().filter(|act| matches!(act, Act::Notify(_))).count();
    assert_eq!(calls(scene.acts()), 0);
    scene.post("bob", "alice?");
    assert_eq!(calls(scene.acts()), 1);
    for notify in [false, true] {
        scene.tell(Output::RoomInvited {
            room: "#side".to_owned(),
            by: "bob".to_owned(),
            topic: String::new(),
            members: 1,
            notify,
        });
        assert_eq!(calls(scene.acts()), usize::from(notify));
    }
}

#[test]
fn a_room_that_is_called_otherwise_keeps_its_window() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tell(room_news("entered", None, None, Some("the film")));
    scene.answer_history(&[]);
    scene.post("bob", "hello");
    let (room, change) = ("#crew".to_owned(), "renamed");
    let (by, text) = (Some("bob".to_owned()), Some("#team".to_owned()));
    scene.tell(Output::RoomChanged { room, change, user: None, by, text });
    let names: Vec<&str> = scene.tui.windows.users().collect();
    assert_eq!(names, ["#crew"]);
    assert!(scene.rows()[0].contains("#crew: the film"), "{:?}", scene.rows());
}
