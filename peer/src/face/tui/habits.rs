//! What the user chooses of the screen.

use super::{Keys, Theme, Tui};

/// A user's own ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// Colours.
    pub theme: Theme,
    /// Lines bound to keys.
    pub keys: Keys,
    /// The names of all settings, for completion.
    pub settings: Vec<String>,
}

impl Tui {
    /// The user's own ways, now and whenever they change.
    pub fn set_habits(&mut self, habits: Habits) {
        let Habits { theme, keys, settings } = habits;
        self.look.theme = theme;
        self.keys = keys;
        self.settings = settings;
    }
}
