//! What each key does. Readline's keys win over the program's own, and the user's over both.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::completing::Turn;
use super::editor::Edit;

/// A key that a line can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// `F1` to `F12`.
    Function(u8),
    /// With a lower-case letter.
    Control(char),
    /// With a lower-case letter, a digit or a sign.
    Alt(char),
}

impl Key {
    fn of(event: KeyEvent) -> Option<Self> {
        let with = |modifier| event.modifiers.contains(modifier);
        match (event.code, with(KeyModifiers::CONTROL), with(KeyModifiers::ALT)) {
            (KeyCode::F(number), false, false) => Some(Self::Function(number)),
            (KeyCode::Char(c), true, false) => Some(Self::Control(c.to_ascii_lowercase())),
            (KeyCode::Char(c), false, true) => Some(Self::Alt(c.to_ascii_lowercase())),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(number) => write!(f, "F{number}"),
            Self::Control(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::Alt(c) => write!(f, "Alt-{}", c.to_ascii_uppercase()),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        let only = |rest: &str| rest.parse::<char>().ok().filter(|c| c.is_ascii_graphic());
        let key = if let Some(rest) = lower.strip_prefix("ctrl-") {
            only(rest).filter(char::is_ascii_lowercase).map(Self::Control)
        } else if let Some(rest) = lower.strip_prefix("alt-") {
            only(rest).map(Self::Alt)
        } else {
            let number = lower.strip_prefix('f').and_then(|rest| rest.parse().ok());
            number.filter(|number| (1..=12).contains(number)).map(Self::Function)
        };
        match key {
            // To a terminal they are Ctrl-C, which always leaves, Backspace, Tab and two of Enter.
            Some(Self::Control('c' | 'h' | 'i' | 'j' | 'm')) => {
                Err(format!("{name} has to do what it does"))
            }
            Some(key) => Ok(key),
            None => Err(format!(
                "'{name}' is no key that can be bound: those are F1 to F12, Ctrl-A to Ctrl-Z and \
                 Alt- with a letter, a digit or a sign"
            )),
        }
    }
}

/// Lines of the user's own, each with its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<Key, String>);

impl Keys {
    /// Binds a command to a key.
    ///
    /// # Errors
    /// A text for the person.
    pub fn bind(&mut self, key: &str, line: &str) -> Result<(), String> {
        let key = key.parse()?;
        // A slip on a key must not say anything to anybody.
        if !line.starts_with('/') || line.starts_with("//") || line.contains('\n') {
            return Err("a key stands for a command: a line that begins with '/'".to_owned());
        }
        self.0.insert(key, line.to_owned());
        Ok(())
    }

    /// What is bound to this key.
    pub(super) fn line(&self, event: KeyEvent) -> Option<&str> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        self.0.get(&Key::of(event)?).map(String::as_str)
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Insert(char),
    Newline,
    Submit,
    Edit(Edit),
    /// Lines typed before: in this window, or in all.
    Older,
    Newer,
    OlderOfAll,
    NewerOfAll,
    SearchTyped,
    Complete(Turn),
    PageUp,
    PageDown,
    Top,
    Bottom,
    FirstUnread,
    NextActivity,
    NextWindow,
    PreviousWindow,
    Window(usize),
    Switcher,
    Files,
    Help,
    Redraw,
    Suspend,
    Cancel,
    Interrupt,
    EndOrDelete,
}

/// What `key` asks for, if anything.
pub(super) fn action(key: KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let with = |modifier| key.modifiers.contains(modifier);
    match (key.code, with(KeyModifiers::CONTROL), with(KeyModifiers::ALT)) {
        (KeyCode::Char(c), true, false) => control(c),
        (KeyCode::Char(c), false, true) => alt(c),
        (KeyCode::Char(c), false, false) => Some(Action::Insert(c)),
        (code, control, alt) => named(code, control, alt),
    }
}

const fn control(c: char) -> Option<Action> {
    Some(match c.to_ascii_lowercase() {
        'a' => Action::Edit(Edit::BeginningOfLine),
        'e' => Action::Edit(Edit::EndOfLine),
        'b' => Action::Edit(Edit::BackwardChar),
        'f' => Action::Edit(Edit::ForwardChar),
        'k' => Action::Edit(Edit::KillLine),
        'u' => Action::Edit(Edit::UnixLineDiscard),
        'w' => Action::Edit(Edit::UnixWordRubout),
        'y' => Action::Edit(Edit::Yank),
        't' => Action::Edit(Edit::TransposeChars),
        'h' => Action::Edit(Edit::BackwardDeleteChar),
        'd' => Action::EndOrDelete,
        'j' => Action::Newline,
        'm' => Action::Submit,
        'i' => Action::Complete(Turn::Forward),
        'r' => Action::SearchTyped,
        'n' => Action::NextWindow,
        'p' => Action::PreviousWindow,
        'l' => Action::Redraw,
        'z' => Action::Suspend,
        'g' => Action::Cancel,
        'c' => Action::Interrupt,
        _ => return None,
    })
}

const fn alt(c: char) -> Option<Action> {
    Some(match c.to_ascii_lowercase() {
        'b' => Action::Edit(Edit::BackwardWord),
        'f' => Action::Edit(Edit::ForwardWord),
        'd' => Action::Edit(Edit::KillWord),
        't' => Action::Edit(Edit::TransposeWords),
        'l' => Action::Edit(Edit::DowncaseWord),
        'c' => Action::Edit(Edit::CapitalizeWord),
        'y' => Action::Edit(Edit::YankPop),
        'u' if c.is_ascii_uppercase() => Action::Edit(Edit::UpcaseWord),
        'u' => Action::FirstUnread,
        'a' => Action::NextActivity,
        'k' => Action::Switcher,
        '1'..='9' => Action::Window(c as usize - '0' as usize),
        _ => return None,
    })
}

const fn named(code: KeyCode, control: bool, alt: bool) -> Option<Action> {
    Some(match (code, control, alt) {
        (KeyCode::Enter, false, true) => Action::Newline,
        (KeyCode::Enter, ..) => Action::Submit,
        (KeyCode::Tab, ..) => Action::Complete(Turn::Forward),
        (KeyCode::BackTab, ..) => Action::Complete(Turn::Back),
        (KeyCode::Backspace, false, false) => Action::Edit(Edit::BackwardDeleteChar),
        (KeyCode::Backspace, ..) => Action::Edit(Edit::BackwardKillWord),
        (KeyCode::Delete, ..) => Action::Edit(Edit::DeleteChar),
        (KeyCode::Left, false, false) => Action::Edit(Edit::BackwardChar),
        (KeyCode::Right, false, false) => Action::Edit(Edit::ForwardChar),
        (KeyCode::Left, true, _) => Action::Edit(Edit::BackwardWord),
        (KeyCode::Right, true, _) => Action::Edit(Edit::ForwardWord),
        (KeyCode::Left, false, true) => Action::PreviousWindow,
        (KeyCode::Right, false, true) => Action::NextWindow,
        (KeyCode::Home, _, true) => Action::Top,
        (KeyCode::End, _, true) => Action::Bottom,
        (KeyCode::Home, ..) => Action::Edit(Edit::BeginningOfLine),
        (KeyCode::End, ..) => Action::Edit(Edit::EndOfLine),
        (KeyCode::Up, true, _) => Action::OlderOfAll,
        (KeyCode::Down, true, _) => Action::NewerOfAll,
        (KeyCode::Up, ..) => Action::Older,
        (KeyCode::Down, ..) => Action::Newer,
        (KeyCode::PageUp, ..) => Action::PageUp,
        (KeyCode::PageDown, ..) => Action::PageDown,
        (KeyCode::F(1), ..) => Action::Help,
        (KeyCode::F(2), ..) => Action::Files,
        (KeyCode::Esc, ..) => Action::Cancel,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bound_by_name() {
        let mut keys = Keys::default();
        keys.bind("f5", "/files").unwrap();
        keys.bind("CTRL-o", "/outbox").unwrap();
        keys.bind("Alt-.", "/who").unwrap();
        let line = |code, modifiers| keys.line(KeyEvent::new(code, modifiers));
        assert_eq!(line(KeyCode::F(5), KeyModifiers::NONE), Some("/files"));
        assert_eq!(line(KeyCode::Char('o'), KeyModifiers::CONTROL), Some("/outbox"));
        assert_eq!(line(KeyCode::Char('O'), KeyModifiers::CONTROL), Some("/outbox"));
        assert_eq!(line(KeyCode::Char('.'), KeyModifiers::ALT), Some("/who"));
        assert_eq!(line(KeyCode::Char('o'), KeyModifiers::NONE), None, "typing goes on");
        for name in ["F5", "Ctrl-O", "Alt-."] {
            assert_eq!(name.parse::<Key>().map(|key| key.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn what_cannot_be_bound_is_said() {
        let mut keys = Keys::default();
        for (key, line, word) in [
            ("x", "/who", "no key"),
            ("F13", "/who", "no key"),
            ("F", "/who", "no key"),
            ("Ctrl-1", "/who", "no key"),
            ("Ctrl-", "/who", "no key"),
            ("Alt-xy", "/who", "no key"),
            ("Ctrl-C", "/who", "has to do"),
            ("Ctrl-M", "/who", "has to do"),
            ("F5", "hello", "begins with '/'"),
            ("F5", "//hello", "begins with '/'"),
            ("F5", "/a\n/b", "begins with '/'"),
        ] {
            let error = keys.bind(key, line).unwrap_err();
            assert!(error.contains(word), "{key} {line}: {error}");
        }
        assert_eq!(keys, Keys::default());
    }

    /// Features part 5: Readline editing wins over the program's own keys.
    #[test]
    fn readline_keys_edit() {
        let press = |c, modifiers| action(KeyEvent::new(KeyCode::Char(c), modifiers));
        for c in "aebfkuwyth".chars() {
            let found = press(c, KeyModifiers::CONTROL);
            assert!(matches!(found, Some(Action::Edit(_))), "Ctrl-{c}: {found:?}");
        }
        for c in "bfdtlcyU".chars() {
            let found = press(c, KeyModifiers::ALT);
            assert!(matches!(found, Some(Action::Edit(_))), "Alt-{c}: {found:?}");
        }
        assert_eq!(press('k', KeyModifiers::ALT), Some(Action::Switcher));
        assert_eq!(press('é', KeyModifiers::NONE), Some(Action::Insert('é')));
        assert_eq!(press('A', KeyModifiers::SHIFT), Some(Action::Insert('A')));
    }
}
