//! What lines mean that are no commands by themselves.

use std::path::PathBuf;

/// What a line means for the windows of a face; a face without windows has one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// From now on plain lines go to this user.
    Open(String),
    /// Not to the one to whom they go now.
    Close,
    /// What is shown goes; it stays in the history.
    Clear,
    /// To what was not seen yet.
    Unread,
    /// The text of a line that this user has said goes back into the line that is typed: of the one with
    /// this number, or of the last.
    EditAgain(Option<u64>),
    /// Another window: its number, or its user.
    Switch(String),
}

/// What a line means for the settings. Their names are those of the configuration file
/// (docs/configuration.md): `auto-accept`, `aliases.brb`, `keys.F5`, `theme.warning`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Show one of them, or those of one table, or all.
    Show(Option<String>),
    /// Change one of them; with no value, it is as if it had never been set.
    Set {
        /// Which.
        name: String,
        /// As typed.
        value: Option<String>,
    },
    /// Write what was changed into the file.
    Save,
    /// Take what stands in the file.
    Reload,
}

/// What a name and a password are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new account.
    Register,
    /// An existing one.
    Login,
}

/// A command for which secrets are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// `/passwd`.
    ChangePassword,
    /// `/account export`, into this file.
    Export(PathBuf),
    /// `/account import`, from this file, or from one that is asked for.
    Import(Option<PathBuf>),
    /// `/account delete`; the name, where it was typed already.
    Delete(Option<String>),
    /// The same of whoever is logged in: he types this name himself, to confirm it.
    DeleteOwn(String),
}

/// From when on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many seconds ago.
    Ago(u32),
    /// Milliseconds since 1970.
    At(u64),
    /// A date, a time of day or both, as the clocks on the wall are: `2026-01-31 14:05`.
    Local(String),
}
