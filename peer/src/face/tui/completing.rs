//! Tab: what all candidates have in common, then a list of them, then each in turn.

use super::{Tui, text};
use crate::command::complete::{Candidates, Known, candidates};
use crate::output::{FileLine, is_over};

/// Most candidates that are listed.
const MAX_LISTED: usize = 60;

/// Which candidate is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Forward,
    Back,
}

/// How far Tab has come; any other key ends it.
#[derive(Debug, Default)]
pub(super) enum Completion {
    #[default]
    Nothing,
    /// There was more than one way to go on.
    Undecided,
    /// They are listed, and one of them may stand in the line.
    Round(Round),
}

/// Candidates, each of which stands in the line in turn.
#[derive(Debug)]
pub(super) struct Round {
    /// What stands before and behind it.
    before: String,
    behind: String,
    words: Vec<String>,
    at: Option<usize>,
}

impl Tui {
    fn known(&self) -> Known {
        let numbers = |is_meant: fn(&FileLine) -> bool| {
            let files = self.files.values().filter(|file| is_meant(file));
            files.map(|file| file.id.to_string()).collect()
        };
        Known {
            users: self.names(),
            nicknames: self.nicknames.clone(),
            settings: self.words.settings.clone(),
            aliases: self.words.aliases.clone(),
            style: self.words.style,
            open: numbers(|file| !is_over(file.state)),
            complete: numbers(|file| file.state == "complete"),
        }
    }

    /// Tab, or Shift-Tab for the candidate before.
    pub(super) fn complete(&mut self, before: Completion, turn: Turn) {
        match before {
            Completion::Round(round) => self.go_round(round, turn),
            Completion::Undecided => self.look_for_candidates(Again::Yes),
            Completion::Nothing => self.look_for_candidates(Again::No),
        }
    }

    fn look_for_candidates(&mut self, again: Again) {
        let cursor = self.input.editor.cursor();
        let text = self.input.editor.text().to_owned();
        let before = &text[..cursor];
        let (start, words) = match candidates(before, &self.known()) {
            Candidates::Words(start, words) => (start, words),
            Candidates::Files(from) => (self.paths)(before, from),
        };
        let common = common_beginning(&words);
        if words.is_empty() || !before.is_char_boundary(start) {
            self.input.hint = Some("Nothing fits.".to_owned());
        } else if words.len() == 1 || common.len() > before.len() - start {
            let line = format!("{}{common}{}", &text[..start], &text[cursor..]);
            self.input.editor.replace(&line, start + common.len());
            if words.len() > 1 {
                self.input.completion = Completion::Undecided;
            }
        } else if again == Again::Yes {
            let (before, behind) = (text[..start].to_owned(), text[cursor..].to_owned());
            self.list(Round { before, behind, words, at: None });
        } else {
            self.input.completion = Completion::Undecided;
            self.input.hint = Some(format!("{} fit: Tab again lists them.", words.len()));
        }
    }

    fn go_round(&mut self, mut round: Round, turn: Turn) {
        let count = round.words.len();
        let at = match (turn, round.at) {
            (Turn::Forward, None) => 0,
            (Turn::Forward, Some(at)) => (at + 1) % count,
            (Turn::Back, None) => count - 1,
            (Turn::Back, Some(at)) => (at + count - 1) % count,
        };
        round.at = Some(at);
        let Round { before, behind, words, .. } = &round;
        let chosen = words.get(at).map_or("", String::as_str);
        let line = format!("{before}{chosen}{behind}");
        self.input.editor.replace(&line, before.len() + chosen.len());
        self.list(round);
    }

    fn list(&mut self, round: Round) {
        let words = round.words.iter().take(MAX_LISTED).map(|word| word.trim());
        self.input.hint = Some(text::one_line(&words.collect::<Vec<_>>().join("  ")));
        self.input.completion = Completion::Round(round);
    }
}

/// Whether Tab was pressed just now, and there was more than one way to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

fn common_beginning(words: &[String]) -> String {
    let Some((first, rest)) = words.split_first() else { return String::new() };
    let shared = |a: &str, b: &str| {
        let equal = a.char_indices().zip(b.chars()).take_while(|((_, x), y)| x == y);
        equal.last().map_or(0, |((at, c), _)| at + c.len_utf8())
    };
    let len = rest.iter().map(|word| shared(first, word)).min().unwrap_or(first.len());
    first[..len].to_owned()
}
