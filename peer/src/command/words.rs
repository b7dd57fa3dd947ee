//! Words of a line: separated by blanks, held together by quotes of either kind or by a backslash
//! (as terminals write the names of files that are dropped on them).

use std::path::{Path, PathBuf};

use super::Usage;

/// The arguments that are still to be read.
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(arguments: &'a str) -> Self {
        Self { rest: arguments }
    }

    /// The next word with its quotes taken off; an error when a quote is not closed.
    pub(super) fn next(&mut self) -> Result<Option<String>, Usage> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut word = String::new();
        let mut quote = None;
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match (quote, c) {
                (Some(open), _) if c == open => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None | Some('"'), '\\') => match chars.next() {
                    Some((_, escaped)) => word.push(escaped),
                    None => return Err(Usage),
                },
                (None, _) if c.is_whitespace() => {
                    self.rest = &self.rest[at..];
                    return Ok(Some(word));
                }
                _ => word.push(c),
            }
        }
        self.rest = "";
        if quote.is_some() { Err(Usage) } else { Ok(Some(word)) }
    }

    /// The next word as it stands: quotes mean nothing in front of a text.
    pub(super) fn bare(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let (word, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        self.rest = tail;
        Some(word)
    }

    /// The next word as it stands, which stays the next.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest.split_whitespace().next()
    }

    /// Whether one is left and no more.
    pub(super) fn is_one(&self) -> bool {
        self.rest.split_whitespace().count() == 1
    }

    /// Everything that is left, without the blanks before it.
    pub(super) fn rest(self) -> &'a str {
        self.rest.trim_start_matches([' ', '\t'])
    }

    /// Exactly one word.
    pub(super) fn only(mut self) -> Result<String, Usage> {
        let word = self.next()?.ok_or(Usage)?;
        self.none(word)
    }

    /// One word or none.
    pub(super) fn at_most_one(mut self) -> Result<Option<String>, Usage> {
        let word = self.next()?;
        self.none(word)
    }

    /// `value`, when no word is left.
    pub(super) fn none<T>(mut self, value: T) -> Result<T, Usage> {
        if self.next()?.is_some() { Err(Usage) } else { Ok(value) }
    }
}

/// `~` and `~/...` under the home directory.
pub(crate) fn expand_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}
