//! Who is writing, and what was read.

use super::*;
use crate::app::{Attention, Switch};

const ON: Attention = Attention { typing: Switch::On, read_marks: Switch::On };

impl Scene {
    /// In bob's window, over a link to him.
    fn attentive(attention: Attention) -> Self {
        let mut scene = Self::logged_in(80, 12);
        scene.tui.set_habits(Habits { attention, ..Habits::default() });
        scene.link("direct");
        scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
        scene.answer_history(&[]);
        scene.acts();
        scene
    }

    fn link(&mut self, state: &'static str) {
        let (address, rtt_ms) = (None, Some(23));
        self.tell(Output::Link {
            user: "bob".to_owned(),
            state,
            lan: false,
            address,
            rtt_ms,
            farewell: None,
        });
    }

    fn typing(&mut self, user: &str) {
        self.tell(Output::Typing { user: user.to_owned() });
    }

    fn after(&mut self, seconds: u64) {
        let now = Instant::ZERO + wire::time::Duration::from_secs(seconds);
        self.tui.tick(Moment { now, ..self.moment() });
    }

    /// Who is told that alice is writing, and whose messages she has read.
    fn attends(&mut self) -> (Vec<String>, Vec<String>) {
        let (mut typing, mut read) = (Vec::new(), Vec::new());
        for act in self.acts() {
            if let Act::Command(Command::Typing { to }) = act {
                typing.push(to);
            } else if let Act::Command(Command::Read { from, line: None }) = act {
                read.push(from);
            }
        }
        (typing, read)
    }

    fn tells_of_typing(&mut self) -> usize {
        self.attends().0.len()
    }

    fn has_read(&mut self) -> Vec<String> {
        self.attends().1
    }
}

#[test]
fn who_is_writing_stands_in_the_bar_for_a_while() {
    let mut scene = Scene::attentive(ON);
    scene.message("bob", "wait");
    scene.typing("bob");
    scene.check("typing");
    assert_eq!(scene.tui.deadline(), Some(Instant::ZERO + wire::time::Duration::from_secs(6)));
    scene.after(5);
    assert!(scene.text().contains("[bob is typing…]"));
    scene.after(6);
    assert!(!scene.text().contains("typing") && scene.tui.deadline().is_none());
    scene.typing("bob");
    scene.message("bob", "here it is");
    assert!(!scene.text().contains("typing"), "it has come");
    scene.typing("bob");
    scene.link("lost");
    assert!(!scene.text().contains("typing"), "he is gone");
    let ascii = Look { colour: false, unicode: false, theme: Theme::default() };
    let mut scene = Scene::looking(ascii, 80, 12);
    scene.typing("bob");
    assert!(scene.text().contains("[bob is typing...]"));
}

#[test]
fn what_is_typed_to_somebody_is_told_to_him_and_not_at_each_key() {
    let mut scene = Scene::attentive(ON);
    scene.type_text("hello");
    assert_eq!(scene.attends(), (vec!["bob".to_owned()], vec![]));
    scene.type_text(" there");
    assert_eq!(scene.tells_of_typing(), 0, "just told");
    scene.after(3);
    scene.key(KeyCode::Left);
    assert_eq!(scene.tells_of_typing(), 0, "nothing was typed");
    let now = Instant::ZERO + wire::time::Duration::from_secs(3);
    let later = Moment { now, ..scene.moment() };
    scene.tui.key(later, KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE));
    assert_eq!(scene.tells_of_typing(), 1);
}

#[test]
fn commands_and_what_goes_elsewhere_are_told_to_nobody() {
    for text in ["/msg carol psst", "@carol psst", "#team hello"] {
        let mut scene = Scene::attentive(ON);
        scene.type_text(text);
        assert_eq!(scene.tells_of_typing(), 0, "{text}");
    }
    let mut scene = Scene::attentive(Attention { typing: Switch::Off, ..ON });
    scene.type_text("hello");
    assert_eq!(scene.tells_of_typing(), 0, "switched off");
    let mut scene = Scene::attentive(ON);
    scene.link("lost");
    scene.type_text("hello");
    assert_eq!(scene.tells_of_typing(), 0, "not linked");
    let mut scene = Scene::attentive(ON);
    scene.alt('k');
    scene.type_text("ca");
    assert_eq!(scene.tells_of_typing(), 0, "a name that is looked for");
    let mut scene = Scene::attentive(ON);
    scene.tui.window(scene.moment(), Window::Open("#team".to_owned()));
    scene.type_text("hello");
    assert_eq!(scene.tells_of_typing(), 0, "a room");
}

#[test]
fn what_is_in_view_was_read() {
    let mut scene = Scene::attentive(ON);
    assert!(scene.has_read().is_empty(), "nothing was said");
    scene.message("bob", "one");
    assert_eq!(scene.has_read(), ["bob"]);
    assert!(scene.has_read().is_empty(), "once");
    scene.tui.set_focus(false);
    scene.message("bob", "two");
    assert!(scene.has_read().is_empty(), "nobody looks");
    scene.tui.set_focus(true);
    assert_eq!(scene.has_read(), ["bob"]);
    scene.message("carol", "elsewhere");
    assert!(scene.has_read().is_empty(), "another window");
    scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
    assert_eq!(scene.has_read(), ["carol"]);
    // Scrolled up, the newest is not in view.
    for number in 0..30 {
        scene.message("carol", &format!("{number}"));
    }
    scene.acts();
    scene.key(KeyCode::PageUp);
    scene.message("carol", "below");
    assert!(scene.has_read().is_empty());
    scene.press(KeyCode::End, KeyModifiers::ALT);
    assert_eq!(scene.has_read(), ["carol"]);
}

#[test]
fn what_is_read_is_told_only_where_that_is_switched_on_and_never_to_rooms() {
    let mut scene = Scene::attentive(Attention { read_marks: Switch::Off, ..ON });
    scene.message("bob", "one");
    assert!(scene.has_read().is_empty());
    let mut scene = Scene::attentive(ON);
    scene.tui.window(scene.moment(), Window::Open("#team".to_owned()));
    scene.post("bob", "one");
    assert!(scene.has_read().is_empty());
}

/// Up to the one that is named; what the history knew and what comes later agree.
#[test]
fn messages_that_were_read_have_a_mark_of_their_own() {
    let mut scene = Scene::attentive(ON);
    for (id, text) in [(1, "one"), (2, "two"), (3, "three"), (4, "four")] {
        scene.kept("bob", id, text);
        scene.state("bob", id, "delivered", None);
    }
    scene.state("bob", 4, "failed", Some("refused"));
    scene.state("bob", 2, "read", None);
    // As after a new link: what was read before it was acknowledged.
    scene.state("bob", 2, "delivered", None);
    scene.check("read");
    scene.state("bob", 1, "read", None);
    assert!(scene.text().contains("✓✓alice: two"), "not backwards");
}

/// Features Table A, broadcast chat: that a line which begins with a name is private shows before Enter.
#[test]
fn a_private_line_is_called_so_while_it_is_typed() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("#team".to_owned()));
    scene.type_text("@carol");
    assert!(!scene.text().contains("Private"), "the name may go on");
    scene.type_text(": h");
    assert!(scene.text().contains("Private: this line goes to carol alone."), "{}", scene.text());
    assert_eq!(scene.enter(""), Some((Some("#team".to_owned()), "@carol: h".to_owned())));
    for line in ["hello @carol h", "@ carol h", "/say @carol h"] {
        scene.type_text(line);
        assert!(!scene.text().contains("Private"), "{line}");
        scene.enter("");
    }
    scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
    scene.type_text("@carol h");
    assert!(!scene.text().contains("Private"), "the window says it");
}

/// What is said to somebody from another window is told where the person looks.
#[test]
fn what_goes_elsewhere_is_told_here() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
    scene.kept("bob", 1, "are you there?");
    assert!(scene.text().contains("To bob, in window 2: are you there?"), "{}", scene.text());
    scene.type_text("x");
    assert!(!scene.text().contains("in window 2"));
    scene.kept("carol", 1, "and you?");
    assert!(!scene.text().contains("in window"), "it shows here");
}

#[test]
fn being_asked_to_watch_a_film_calls() {
    let mut scene = Scene::logged_in(80, 12);
    scene.acts();
    for notify in [false, true] {
        scene.tell(Output::Watch {
            id: 3,
            name: "film.mkv".to_owned(),
            change: "invited",
            user: Some("bob".to_owned()),
            position_ms: None,
            with: Vec::new(),
            waits: Vec::new(),
            reason: None,
            notify,
        });
        let acts = scene.acts();
        let calls = acts.iter().filter(|act| matches!(act, Act::Notify(_))).count();
        assert_eq!(calls, usize::from(notify));
    }
    scene.alt('2');
    assert!(scene.text().contains("bob wants to watch"), "{}", scene.text());
}
