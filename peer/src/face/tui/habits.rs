//! What the user chooses of the screen.

use super::{Keys, Theme, Tui};
use crate::app::{Attention, Switch};
use crate::command::Style;
use crate::command::aliases::Aliases;

/// A user's own ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// Colours.
    pub theme: Theme,
    /// Lines bound to keys.
    pub keys: Keys,
    /// What only he can name, for completion.
    pub words: OwnWords,
    /// How he is called when he looks elsewhere.
    pub notices: Notices,
    /// What he lets others know of his attention.
    pub attention: Attention,
    /// Whether he lets the program have the mouse.
    pub mouse: Switch,
}

/// What a user types besides commands and names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnWords {
    /// The names of all settings.
    pub settings: Vec<String>,
    /// Words that stand for lines.
    pub aliases: Aliases,
    /// How he writes commands.
    pub style: Style,
}

/// How a person is called who looks elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// By the terminal's bell.
    pub bell: bool,
    /// By a notice of the terminal (OSC 9, OSC 777), where no desktop shows one.
    pub terminal: bool,
    /// By a notice of the desktop.
    pub desktop: bool,
}

impl Notices {
    /// `bell,terminal,desktop`: any of these words, or `off`.
    ///
    /// # Errors
    /// What may stand there.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let mut notices = Self::default();
        if typed.trim().eq_ignore_ascii_case("off") {
            return Ok(notices);
        }
        for word in typed.split(',') {
            match word.trim().to_lowercase().as_str() {
                "bell" => notices.bell = true,
                "terminal" => notices.terminal = true,
                "desktop" => notices.desktop = true,
                _ => {
                    return Err("bell, terminal and desktop with commas between, or off".to_owned());
                }
            }
        }
        Ok(notices)
    }
}

impl Tui {
    /// The user's own ways, now and whenever they change. How he is called is not the screen's, nor who has the
    /// mouse.
    pub fn set_habits(&mut self, habits: Habits) {
        let Habits { theme, keys, words, notices: _, attention, mouse: _ } = habits;
        self.look.theme = theme;
        self.keys = keys;
        self.words = words;
        self.attention.set(attention);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_one_is_called_is_said_in_words() {
        let notices = |bell, terminal, desktop| Ok(Notices { bell, terminal, desktop });
        assert_eq!(Notices::parse("bell,terminal,desktop"), notices(true, true, true));
        assert_eq!(Notices::parse("Desktop, bell"), notices(true, false, true));
        assert_eq!(Notices::parse(" off "), notices(false, false, false));
        for wrong in ["", "bell,", "off,bell", "beep", "true"] {
            assert!(Notices::parse(wrong).is_err(), "{wrong}");
        }
    }
}
