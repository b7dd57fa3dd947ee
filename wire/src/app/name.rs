//! User names: prepared by PRECIS (RFC 8265, UsernameCaseMapped), compared by their UTS 39
//! skeleton so that no two look alike, and limited to what fits a prompt, a file name and a
//! command line.

use core::borrow::Borrow;
use core::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthStr;

/// Longest name in characters.
pub const MAX_CHARS: usize = 32;

/// Names that are no file on some system, or that programs of ours use.
const RESERVED: [&str; 8] = ["con", "nul", "aux", "prn", "all", "server", "system", "lobby"];

/// Why something is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name needs at least one character")]
    Empty,
    /// Longer than [`MAX_CHARS`].
    #[error("a name has at most {MAX_CHARS} characters")]
    TooLong,
    /// A space, a control character, or one that PRECIS does not allow in names.
    #[error("a name is made of letters, digits, '_', '-' and '.'")]
    Character,
    /// Begins with a mark that commands or files use.
    #[error("a name begins with a letter or a digit")]
    Start,
    /// Means something else.
    #[error("this name is reserved")]
    Reserved,
}

/// A prepared name: the one form of all its spellings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Prepares what somebody typed.
    ///
    /// # Errors
    /// When it is not a name.
    pub fn new(typed: &str) -> Result<Self, NameError> {
        if typed.is_empty() {
            return Err(NameError::Empty);
        }
        // Before any table is consulted: nobody makes us normalise a megabyte.
        if typed.chars().take(MAX_CHARS + 1).count() > MAX_CHARS {
            return Err(NameError::TooLong);
        }
        let prepared = UsernameCaseMapped::enforce(typed).map_err(|_| NameError::Character)?;
        if prepared.chars().count() > MAX_CHARS {
            return Err(NameError::TooLong);
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !prepared.chars().all(|c| allowed(c) || is_mark(c)) || stacked_marks(&prepared) {
            return Err(NameError::Character);
        }
        if prepared.width() == 0 || !prepared.starts_with(char::is_alphanumeric) {
            return Err(NameError::Start);
        }
        let stem = prepared.split('.').next().unwrap_or_default();
        if RESERVED.contains(&stem) || prepared.ends_with('.') {
            return Err(NameError::Reserved);
        }
        Ok(Self(prepared.into_owned()))
    }

    /// The prepared form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What all look-alikes of this name have in common (UTS 39 section 4): unique on a server.
    #[must_use]
    pub fn skeleton(&self) -> String {
        let skeleton: String = unicode_security::confusable_detection::skeleton(&self.0).collect();
        // Confusable mapping can yield capitals (1 -> l, but also 0 -> O): compare caselessly.
        skeleton.to_lowercase()
    }
}

/// A combining mark: takes no cell of its own.
fn is_mark(c: char) -> bool {
    unicode_width::UnicodeWidthChar::width(c) == Some(0) && !c.is_control()
}

/// More than two marks on one letter, or a mark that PRECIS let through with nothing below it.
fn stacked_marks(name: &str) -> bool {
    let mut run = 0;
    for c in name.chars() {
        run = if is_mark(c) { run + 1 } else { 0 };
        if run > 2 {
            return true;
        }
    }
    false
}

impl TryFrom<String> for Name {
    type Error = NameError;
    /// Only a name already in its prepared form: the wire carries nothing else.
    fn try_from(text: String) -> Result<Self, NameError> {
        let name = Self::new(&text)?;
        if name.0 == text { Ok(name) } else { Err(NameError::Character) }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// Names are looked up by their prepared text: both compare alike.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for typed in ["Alice", "ALICE", "ａｌｉｃｅ"] {
            assert_eq!(Name::new(typed).unwrap().as_str(), "alice");
        }
        assert_eq!(Name::new("e\u{301}va"), Name::new("éva"));
        assert!(Name::new("жанна").is_ok());
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        let skeleton = |s: &str| Name::new(s).unwrap().skeleton();
        assert_eq!(skeleton("alice"), skeleton("\u{430}lice"), "Cyrillic a");
        assert_eq!(skeleton("bill"), skeleton("bi1l"));
        assert_ne!(skeleton("alice"), skeleton("bob"));
    }

    /// Security acceptance D09.
    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(300);
        for (typed, error) in [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong),
            ("a b", NameError::Character),
            ("a\0", NameError::Character),
            ("a\u{202e}b", NameError::Character),
            ("a\u{200b}b", NameError::Character),
            ("a\u{1b}[2J", NameError::Character),
            ("a/b", NameError::Character),
            ("a:b", NameError::Character),
            ("@bob", NameError::Character),
            ("..", NameError::Start),
            ("-rf", NameError::Start),
            ("CON", NameError::Reserved),
            ("nul.txt", NameError::Reserved),
            ("a\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}", NameError::Character),
        ] {
            assert_eq!(Name::new(typed), Err(error), "{typed:?}");
        }
    }
}
