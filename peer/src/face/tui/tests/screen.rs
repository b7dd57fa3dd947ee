//! What stands around the window: the list, the bar; and the mouse on them.

use ratatui_crossterm::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::output::ConnectionLine;

impl Scene {
    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        self.tui.mouse(self.moment(), event);
    }

    /// What the list says of a window.
    fn listed(&mut self, name: &str) -> String {
        let rows = self.rows();
        let row = rows.iter().filter_map(|row| Some(row.split_once('│')?.0.trim_end()));
        let mut row = row.filter(|row| row.ends_with(name));
        row.next_back().expect("it is listed").to_owned()
    }

    fn resize(&mut self, width: u16) {
        self.screen = Terminal::new(TestBackend::new(width, 12)).unwrap();
    }

    fn bar(&mut self) -> String {
        let row = self.rows().into_iter().find(|row| row.contains(" [alice]")).expect("a bar");
        row.split_once(' ').expect("a clock").1.to_owned()
    }
}

/// Features part 5: `*` unread, `!` mention, `…` queued, `⏸` paused.
#[test]
fn the_list_tells_of_each_window_what_one_has_to_know() {
    let mut scene = Scene::logged_in(80, 12);
    scene.message("carol", "hello");
    assert_eq!(scene.listed("carol"), "*2 carol");
    scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
    assert_eq!(scene.listed("carol"), " 2 carol");
    scene.tell(Output::File {
        file: FileLine { with: "carol".to_owned(), state: "paused", ..file_line() },
    });
    assert_eq!(scene.listed("carol"), "⏸2 carol");
    let state = |state, reason: Option<&str>| Output::MessageState {
        to: "carol".to_owned(),
        id: 1,
        state,
        reason: reason.map(str::to_owned),
    };
    scene.kept("carol", 1, "are you there?");
    scene.tell(state("queued", Some("carol is not online")));
    assert_eq!(scene.listed("carol"), "…2 carol");
    scene.tell(state("stored", None));
    assert_eq!(scene.listed("carol"), "⏸2 carol");
    scene.tui.look.unicode = false;
    scene.tell(state("queued", Some("carol is not online")));
    let rows = scene.rows();
    assert!(rows.iter().any(|row| row.starts_with(".2 carol")), "{rows:#?}");
}

/// Features part 5: `[2:bob direct 23ms] [chat lag 4ms]`.
#[test]
fn the_bar_tells_how_somebody_is_reached_and_how_long_messages_wait() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    assert_eq!(scene.bar(), "[alice]");
    let link = |state, rtt_ms| Output::Link {
        user: "bob".to_owned(),
        state,
        lan: false,
        address: None,
        rtt_ms,
        farewell: None,
    };
    scene.tell(link("direct", None));
    assert_eq!(scene.bar(), "[alice] [2:bob direct]");
    let lines = outputs("x").into_iter().find_map(|output| {
        if let Output::Net { connections } = output { Some(connections) } else { None }
    });
    let lines: Vec<ConnectionLine> = lines.expect("there is one of every kind");
    assert_eq!((lines[0].user.as_deref(), lines[0].lag_ms), (Some("bob"), Some(4)));
    scene.tui.set_connections(&lines);
    assert_eq!(scene.bar(), "[alice] [2:bob direct 23ms] [chat lag 4ms]");
    // Where there is no room for it, the title says the same.
    scene.message("carol", "hello");
    assert!(scene.bar().ends_with("[chat lag 4ms] [act 3:carol(1)]"));
    scene.resize(60);
    assert_eq!(scene.bar(), "[alice] [act 3:carol(1)]");
    assert!(scene.rows()[0].starts_with(" bob (direct, 23 ms"));
    scene.resize(80);
    scene.tell(link("relayed", Some(80)));
    assert!(scene.bar().contains("[2:bob relay 80ms]"), "{}", scene.bar());
    scene.tell(Output::Link {
        user: "bob".to_owned(),
        state: "direct",
        lan: true,
        address: None,
        rtt_ms: Some(1),
        farewell: None,
    });
    assert!(scene.bar().contains("[2:bob LAN 1ms]"), "{}", scene.bar());
    assert!(scene.rows()[0].starts_with(" bob (LAN, 1 ms"));
    scene.tell(link("closed", None));
    assert!(!scene.bar().contains("2:bob"));
}

/// Features part 5: the mouse, where it is wanted.
#[test]
fn the_wheel_scrolls_and_a_click_goes_to_a_window() {
    let mut scene = Scene::logged_in(80, 12);
    scene.message("carol", "hello");
    for number in 1..=50 {
        scene.message("bob", &format!("line {number}"));
    }
    scene.rows();
    let left = MouseEventKind::Down(MouseButton::Left);
    scene.mouse(left, 4, 3);
    assert!(scene.rows()[0].starts_with(" bob"));
    assert!(scene.text().contains("line 50"));
    scene.mouse(MouseEventKind::ScrollUp, 40, 5);
    assert!(scene.text().contains("-MORE(") && !scene.text().contains("line 50"));
    scene.mouse(MouseEventKind::ScrollDown, 40, 5);
    assert!(!scene.text().contains("-MORE(") && scene.text().contains("line 50"));
    // Beside the list, below its last window and with another button there is nothing.
    let rows = scene.rows();
    for (kind, column, row) in [
        (left, 40, 2),
        (left, 4, 7),
        (left, 4, 0),
        (MouseEventKind::Down(MouseButton::Right), 4, 1),
        (MouseEventKind::Moved, 4, 1),
        (left, u16::MAX, u16::MAX),
    ] {
        scene.mouse(kind, column, row);
        assert_eq!(scene.rows(), rows, "{kind:?} {column} {row}");
    }
    scene.mouse(left, 4, 2);
    assert!(scene.rows()[0].starts_with(" carol"));
}

/// Features part 5: `/buffer n|name`; names are case-insensitive, and how they begin is enough.
#[test]
fn a_window_is_named_by_its_number_its_user_or_how_he_begins() {
    let mut scene = Scene::logged_in(80, 12);
    scene.message("carol", "hello");
    scene.message("bob", "hello");
    let mut go = |which: &str| {
        scene.tui.window(scene.moment(), Window::Switch(which.to_owned()));
        let title = scene.rows().remove(0);
        title.trim().split(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(go("2"), "carol");
    assert_eq!(go("Bob"), "bob");
    assert_eq!(go("CA"), "carol");
    assert_eq!(go("da"), "dave", "who has none yet");
    assert_eq!(go("eve"), "dave");
    scene.message("boris", "hello");
    scene.tui.window(scene.moment(), Window::Switch("bo".to_owned()));
    assert!(scene.text().contains("Which one: bob or boris?"));
}

#[test]
fn history_that_is_here_already_is_said_to_be() {
    let mut scene = Scene::logged_in(60, 12);
    scene.message("bob", "seen");
    scene.answer_history(&[]);
    let mut ask = |lines| {
        let query = "history bob".to_owned();
        scene.tell(Output::History { query, lines });
        scene.text()
    };
    let shown = ask(vec![kept_line(1, "bob", "seen")]);
    assert!(shown.contains("All of that is in this window"), "{shown}");
    let shown = ask(vec![kept_line(2, "bob", "from elsewhere")]);
    assert!(shown.contains("from elsewhere"), "{shown}");
    assert_eq!(shown.matches("in this window").count(), 1, "{shown}");
}

/// Nobody gets it later.
#[test]
fn the_title_says_that_there_is_no_such_user() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tell(Output::Server { state: ServerState::Connected });
    scene.tui.window(scene.moment(), Window::Open("bbo".to_owned()));
    scene.kept("bbo", 1, "hi");
    scene.state("bbo", 1, "queued", None);
    assert!(scene.text().contains("bbo (offline: gets what you write later)"));
    scene.state("bbo", 1, "failed", Some(crate::output::NO_SUCH_USER));
    assert!(scene.text().contains("bbo (no such user)"), "{}", scene.text());
    scene.kept("bbo", 2, "and now?");
    scene.state("bbo", 2, "stored", None);
    assert!(scene.text().contains("bbo (offline"), "{}", scene.text());
}
