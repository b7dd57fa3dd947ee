//! The text being typed: rustyline's buffer, so that the same keys do the same as in the plain
//! face, and a ring of what was killed.

use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer, WordAction};
use rustyline::{At, Movement, Word};

/// Longest text that can be typed or pasted, in bytes: more than a message takes, so that one
/// that is too long is refused with words and not cut in silence.
pub(super) const MAX_TEXT: usize = 128 << 10;
/// Kills that are remembered.
const MAX_KILLS: usize = 16;

/// One change or movement, named as Readline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    BackwardChar,
    ForwardChar,
    BackwardWord,
    ForwardWord,
    BeginningOfLine,
    EndOfLine,
    BackwardDeleteChar,
    DeleteChar,
    KillLine,
    UnixLineDiscard,
    UnixWordRubout,
    BackwardKillWord,
    KillWord,
    Yank,
    YankPop,
    TransposeChars,
    TransposeWords,
    UpcaseWord,
    DowncaseWord,
    CapitalizeWord,
}

/// The text and the cursor.
pub(super) struct Editor {
    line: LineBuffer,
    kills: Kills,
    /// Bytes that the last yank put in, while it can be exchanged for another kill.
    yanked: Option<usize>,
}

impl Editor {
    pub(super) fn new() -> Self {
        Self { line: LineBuffer::with_capacity(MAX_TEXT), kills: Kills::default(), yanked: None }
    }

    pub(super) fn text(&self) -> &str {
        self.line.as_str()
    }

    /// Where the cursor stands, in bytes.
    pub(super) fn cursor(&self) -> usize {
        self.line.pos()
    }

    /// Replaces everything; the cursor goes to the end.
    pub(super) fn set(&mut self, text: &str) {
        self.replace(text, text.len());
    }

    /// Replaces everything; the cursor goes to `cursor`, which is between two characters.
    pub(super) fn replace(&mut self, text: &str, cursor: usize) {
        self.settle();
        self.line.update(text, cursor, &mut self.kills);
    }

    /// Takes the text out.
    pub(super) fn take(&mut self) -> String {
        let text = self.line.as_str().to_owned();
        self.set("");
        text
    }

    /// Puts `text` in at the cursor; `false` when there is no room for it.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        self.settle();
        self.line.yank(text, 1, &mut self.kills).is_some()
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        let yanked = self.yanked.take();
        let was_joined = std::mem::take(&mut self.kills.is_joined);
        let line = &mut self.line;
        let kills = &mut self.kills;
        match edit {
            Edit::BackwardChar => drop(line.move_backward(1)),
            Edit::ForwardChar => drop(line.move_forward(1)),
            Edit::BackwardWord => drop(line.move_to_prev_word(Word::Emacs, 1)),
            Edit::ForwardWord => drop(line.move_to_next_word(At::AfterEnd, Word::Emacs, 1)),
            Edit::BeginningOfLine => drop(line.move_home()),
            Edit::EndOfLine => drop(line.move_end()),
            Edit::BackwardDeleteChar => drop(line.backspace(1, kills)),
            Edit::DeleteChar => drop(line.delete(1, kills)),
            Edit::TransposeChars => drop(line.transpose_chars(kills)),
            Edit::TransposeWords => drop(line.transpose_words(1, kills)),
            Edit::UpcaseWord => drop(line.edit_word(WordAction::Uppercase, kills)),
            Edit::DowncaseWord => drop(line.edit_word(WordAction::Lowercase, kills)),
            Edit::CapitalizeWord => drop(line.edit_word(WordAction::Capitalize, kills)),
            Edit::Yank => self.yank(),
            Edit::YankPop => self.yank_pop(yanked),
            Edit::KillLine => self.kill(&Movement::EndOfLine, was_joined),
            Edit::UnixLineDiscard => self.kill(&Movement::BeginningOfLine, was_joined),
            Edit::UnixWordRubout => self.kill(&Movement::BackwardWord(1, Word::Big), was_joined),
            Edit::BackwardKillWord => {
                self.kill(&Movement::BackwardWord(1, Word::Emacs), was_joined);
            }
            Edit::KillWord => {
                self.kill(&Movement::ForwardWord(1, At::AfterEnd, Word::Emacs), was_joined);
            }
        }
    }

    /// Takes out what lies between here and there; with the kill before, if it was one.
    fn kill(&mut self, movement: &Movement, is_joined: bool) {
        self.kills.is_joined = is_joined;
        self.line.kill(movement, &mut self.kills);
    }

    fn yank(&mut self) {
        let Some(text) = self.kills.ring.last().cloned() else { return };
        if self.line.yank(&text, 1, &mut self.kills).is_some() {
            self.yanked = Some(text.len());
        }
    }

    /// Exchanges what was just put in for the kill before it.
    fn yank_pop(&mut self, yanked: Option<usize>) {
        let Some(len) = yanked else { return };
        self.kills.ring.rotate_right(1);
        let Some(text) = self.kills.ring.last().cloned() else { return };
        if self.line.yank_pop(len, &text, &mut self.kills).is_some() {
            self.yanked = Some(text.len());
        }
    }

    /// What is done next begins a kill of its own.
    const fn settle(&mut self) {
        self.kills.is_joined = false;
        self.yanked = None;
    }
}

/// What was killed, the newest last. Kills in a row are one.
#[derive(Default)]
struct Kills {
    ring: Vec<String>,
    is_killing: bool,
    is_joined: bool,
}

impl DeleteListener for Kills {
    fn start_killing(&mut self) {
        self.is_killing = true;
    }

    fn delete(&mut self, _at: usize, text: &str, direction: Direction) {
        if !self.is_killing {
            return;
        }
        match (self.ring.last_mut(), direction) {
            (Some(last), Direction::Forward) if self.is_joined => last.push_str(text),
            (Some(last), Direction::Backward) if self.is_joined => last.insert_str(0, text),
            _ => {
                if self.ring.len() == MAX_KILLS {
                    self.ring.remove(0);
                }
                self.ring.push(text.to_owned());
            }
        }
        self.is_joined = true;
    }

    fn stop_killing(&mut self) {
        self.is_killing = false;
    }
}

impl ChangeListener for Kills {
    fn insert_char(&mut self, _at: usize, _c: char) {}
    fn insert_str(&mut self, _at: usize, _text: &str) {}
    fn replace(&mut self, _at: usize, _old: &str, _new: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::new();
        assert!(editor.insert(text));
        editor
    }

    #[test]
    fn kills_in_a_row_are_one_and_come_back_by_yank() {
        let mut editor = typed("one two three");
        editor.edit(Edit::UnixWordRubout);
        editor.edit(Edit::UnixWordRubout);
        assert_eq!(editor.text(), "one ");
        editor.edit(Edit::Yank);
        assert_eq!(editor.text(), "one two three");
        editor.edit(Edit::BeginningOfLine);
        editor.edit(Edit::KillWord);
        assert_eq!(editor.text(), " two three");
        editor.edit(Edit::Yank);
        editor.edit(Edit::YankPop);
        assert_eq!(editor.text(), "two three two three");
    }

    #[test]
    fn the_cursor_moves_by_what_a_reader_calls_a_character() {
        let mut editor = typed("ae\u{301}世");
        editor.edit(Edit::BackwardChar);
        editor.edit(Edit::BackwardDeleteChar);
        assert_eq!((editor.text(), editor.cursor()), ("a世", 1));
    }

    #[test]
    fn deleting_single_characters_keeps_the_kill() {
        let mut editor = typed("keep this");
        editor.edit(Edit::UnixWordRubout);
        editor.edit(Edit::BackwardDeleteChar);
        editor.edit(Edit::Yank);
        assert_eq!(editor.text(), "keepthis");
    }

    #[test]
    fn text_beyond_the_limit_is_refused_whole() {
        let mut editor = typed("x");
        assert!(!editor.insert(&"y".repeat(MAX_TEXT)));
        assert_eq!(editor.text(), "x");
    }
}
