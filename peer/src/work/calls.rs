//! Of what in a conversation its person is told when he does not look at it.

use super::Talk;

/// What calls a person who looks elsewhere.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Calls {
    /// Everything that is said.
    All,
    /// What names him, and what is for him to answer: a file that is offered, an invitation.
    Mentions,
    /// Nothing.
    Off,
}

impl Calls {
    /// All of them, with the word for each.
    pub const WORDS: [(&'static str, Self); 3] =
        [("all", Self::All), ("mentions", Self::Mentions), ("off", Self::Off)];

    /// What holds where nothing else was chosen.
    #[must_use]
    pub const fn usual(talk: &Talk) -> Self {
        match talk {
            Talk::User(_) => Self::All,
            Talk::Room(_) => Self::Mentions,
        }
    }

    /// What somebody typed.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let is_meant = |(known, _): &&(&str, Self)| word.eq_ignore_ascii_case(known);
        Self::WORDS.iter().find(is_meant).map(|(_, calls)| *calls)
    }

    /// How it is typed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_word() {
        for (word, calls) in Calls::WORDS {
            assert_eq!((Calls::of(&word.to_uppercase()), calls.word()), (Some(calls), word));
        }
        assert_eq!(Calls::of("some"), None);
    }
}
