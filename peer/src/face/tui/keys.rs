//! What each key does. Readline's keys win over the program's own.

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::editor::Edit;

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
    Complete,
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
        'i' => Action::Complete,
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
        (KeyCode::Tab, ..) => Action::Complete,
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
