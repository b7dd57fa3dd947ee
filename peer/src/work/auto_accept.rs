//! Which files of a user are taken without asking.

/// What was chosen of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AutoAccept {
    /// As of everybody: the setting `auto-accept` says it.
    #[default]
    Usual,
    /// None.
    Never,
    /// All of them.
    Any,
    /// Those of at most so many bytes.
    UpTo(u64),
}

impl AutoAccept {
    /// Whether a file of `size` bytes is taken; `usual` is the most that is taken of everybody. One that
    /// still grows has no size: only who takes any takes that.
    #[must_use]
    pub fn takes(self, size: Option<u64>, usual: Option<u64>) -> bool {
        let is_within = |most| size.is_some_and(|size| size <= most);
        match self {
            Self::Usual => usual.is_some_and(is_within),
            Self::Never => false,
            Self::Any => true,
            Self::UpTo(most) => is_within(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_of_a_user_counts_before_the_setting() {
        for (chosen, usual, size, is_taken) in [
            (AutoAccept::Usual, None, 0, false),
            (AutoAccept::Usual, Some(100), 100, true),
            (AutoAccept::Usual, Some(100), 101, false),
            (AutoAccept::Never, Some(u64::MAX), 1, false),
            (AutoAccept::Any, None, u64::MAX, true),
            (AutoAccept::UpTo(10), Some(100), 11, false),
            (AutoAccept::UpTo(10), None, 10, true),
        ] {
            assert_eq!(chosen.takes(Some(size), usual), is_taken, "{chosen:?} {usual:?} {size}");
            let takes_any = chosen == AutoAccept::Any;
            assert_eq!(chosen.takes(None, usual), takes_any, "{chosen:?} {usual:?}: it grows");
        }
    }
}
