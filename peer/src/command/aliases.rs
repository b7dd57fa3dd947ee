//! Words of a user's own for lines that he types often.

use std::collections::BTreeMap;

/// Most aliases.
const MAX_ALIASES: usize = 200;

/// Each word with the line that it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    lines: BTreeMap<String, String>,
}

impl Aliases {
    /// Lets `/name` stand for `line`.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn add(&mut self, name: &str, line: &str) -> Result<(), String> {
        let name = name.to_lowercase();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
            return Err("a name is made of letters, digits, '-' and '_'".to_owned());
        }
        if super::is_command(&name) {
            return Err("there is a command of this name".to_owned());
        }
        if line.trim().is_empty() || line.contains('\n') {
            return Err("it stands for one line".to_owned());
        }
        if self.lines.len() >= MAX_ALIASES {
            return Err(format!("there are {MAX_ALIASES} already"));
        }
        self.lines.insert(name, line.to_owned());
        Ok(())
    }

    /// The words.
    #[cfg(feature = "shell")]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    /// The line that `/word arguments` stands for: what follows the word goes behind it.
    pub(super) fn expand(&self, word: &str, arguments: &str) -> Option<String> {
        let line = self.lines.get(&word.to_lowercase())?;
        let blank = if arguments.is_empty() { "" } else { " " };
        Some(format!("{line}{blank}{arguments}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_behind_goes_behind() {
        let mut aliases = Aliases::default();
        aliases.add("Hi", "/msg bob hi").unwrap();
        assert_eq!(aliases.expand("hi", "there").as_deref(), Some("/msg bob hi there"));
        assert_eq!(aliases.expand("HI", "").as_deref(), Some("/msg bob hi"));
        assert_eq!(aliases.expand("ho", ""), None);
        for (name, line) in [("", "x"), ("a b", "x"), ("who", "x"), ("whoelse", "x"), ("a", " ")] {
            assert!(aliases.add(name, line).is_err(), "{name}: {line}");
        }
    }
}
