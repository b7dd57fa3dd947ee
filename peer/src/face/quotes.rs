//! What the lines say that were shown last, so that an answer can be shown with what it answers.

use std::collections::BTreeMap;

use wire::app::text;

use super::action;
use super::pins::spoken;
use crate::output::{Output, PinLine};

/// Lines that are remembered.
const MAX_LINES: usize = 500;
/// Most characters of one.
const MAX_CHARS: usize = 60;

/// See the module. Lines are told apart by their numbers in the history, which no two share.
#[derive(Debug, Default)]
pub(super) struct Quotes(BTreeMap<u64, String>);

impl Quotes {
    /// Something is told.
    pub(super) fn note(&mut self, output: &Output) {
        if let Output::Message { from, text, line, pin, .. } = output {
            self.keep(*line, from, text, pin.as_ref());
        } else if let Output::Kept { text, line, pin, .. } = output {
            self.keep(*line, "you", text, pin.as_ref());
        } else if let Output::Changed { from, id, line, text, pin, .. } = output
            && self.0.contains_key(line)
        {
            let from = if id.is_some() { "you" } else { from };
            match text {
                Some(text) => self.keep(*line, from, text, pin.as_ref()),
                None => drop(self.0.insert(*line, "taken back".to_owned())),
            }
        } else if let Output::History { lines, .. } = output {
            for line in lines {
                let from = if line.id.is_some() { "you" } else { &line.from };
                if line.taken_back {
                    self.0.insert(line.line, "taken back".to_owned());
                } else {
                    self.keep(line.line, from, &line.text, line.pin.as_ref());
                }
            }
            self.bound();
        }
    }

    fn keep(&mut self, line: u64, from: &str, text: &str, pin: Option<&PinLine>) {
        let said = spoken(pin, text);
        let said = match action(&said) {
            Some(done) => format!("* {from} {done}"),
            None => format!("{from}: {said}"),
        };
        self.0.insert(line, text::excerpt(&said, MAX_CHARS));
        self.bound();
    }

    fn bound(&mut self) {
        while self.0.len() > MAX_LINES {
            self.0.pop_first();
        }
    }

    /// ` (bob: at five?)`; nothing of a line that was not shown of late.
    pub(super) fn of(&self, line: u64) -> String {
        self.0.get(&line).map_or_else(String::new, |said| format!(" ({said})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: u64, text: &str) -> Output {
        let (to, id, at, text) = ("#team".to_owned(), line, 1, text.to_owned());
        Output::Kept { to, id, text, at, line, reply_to: None, pin: None }
    }

    fn changed(line: u64, text: Option<&str>) -> Output {
        let (with, from, at) = ("#team".to_owned(), "bob".to_owned(), 1);
        let (id, text, change) = (None, text.map(str::to_owned), "edited");
        Output::Changed { with, from, change, id, line, text, pin: None, at }
    }

    #[test]
    fn a_quote_says_what_the_line_says_now() {
        let mut quotes = Quotes::default();
        quotes.note(&kept(1, "at fife?\n\u{1b}[2J"));
        quotes.note(&kept(2, "/me waves"));
        assert!(quotes.of(1).starts_with(" (you: at fife?"), "{}", quotes.of(1));
        assert!(!quotes.of(1).contains(['\u{1b}', '\n']), "foreign text is filtered");
        assert_eq!(quotes.of(2), " (* you waves)");
        quotes.note(&changed(1, Some("at five?")));
        assert_eq!(quotes.of(1), " (bob: at five?)");
        quotes.note(&changed(1, None));
        assert_eq!(quotes.of(1), " (taken back)");
        assert_eq!(quotes.of(7), "");
    }

    #[test]
    fn memory_is_bounded() {
        let mut quotes = Quotes::default();
        for line in 0..3 * MAX_LINES as u64 {
            quotes.note(&kept(line, &"x".repeat(1000)));
        }
        assert_eq!(quotes.0.len(), MAX_LINES);
        assert!(quotes.0.values().all(|said| said.chars().count() <= MAX_CHARS + 1));
        assert_eq!(quotes.of(0), "");
    }
}
