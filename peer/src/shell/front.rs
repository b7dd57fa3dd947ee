//! Where the program talks to its giver of commands: lines in and out, or the full screen.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use wire::app::server::Status;

use super::fullscreen::{FullScreen, Setting};
use super::screen::{Screen, Stream};
use super::typing::Keyboard;
use super::workers::Mailbox;
use super::{Wake, complain_of};
use crate::command::Window;
use crate::face::Line;
use crate::face::asking::Ask;
use crate::face::tui::Habits;
use crate::output::{ConnectionLine, KeyMark, Output};

/// What the screen gets to write its last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// See the module.
pub(super) enum Front {
    /// Lines.
    Lines {
        /// Out.
        screen: Screen,
        /// In.
        keyboard: Keyboard,
    },
    /// The full screen, and what is to be said once it is gone.
    Full(FullScreen, Vec<String>),
}

impl Front {
    /// Begins with lines, or with the full screen.
    ///
    /// # Errors
    /// When the operating system gives no thread, or the terminal refuses.
    pub(super) fn start(full: Option<Setting>, mailbox: Mailbox) -> io::Result<Self> {
        if let Some(setting) = full {
            return Ok(Self::Full(FullScreen::start(setting, mailbox)?, Vec::new()));
        }
        let on_broken = mailbox.clone();
        let screen = Screen::start(move || on_broken.put(Wake::NoReader))?;
        Ok(Self::Lines { keyboard: Keyboard::start(screen.clone(), mailbox)?, screen })
    }

    /// Writes a line.
    pub(super) fn write(&mut self, stream: Stream, line: Line) {
        match (self, line) {
            (Self::Lines { screen, .. }, Line::Text(text)) => screen.line(stream, text),
            (Self::Lines { screen, .. }, Line::Progress(text)) => screen.progress(stream, text),
            (Self::Full(_, last_words), Line::Text(text) | Line::Progress(text)) => {
                last_words.push(text);
            }
        }
    }

    /// Lets the full screen show something.
    pub(super) fn show(&self, output: Output) {
        if let Self::Full(screen, _) = self {
            screen.show(output);
        }
    }

    /// Asks for something; it comes as [`Wake::Typed`].
    pub(super) fn ask(&self, ask: Ask) {
        match self {
            Self::Lines { keyboard, .. } => keyboard.ask(ask),
            Self::Full(screen, _) => screen.ask(ask),
        }
    }

    /// Lets the full screen do something with its windows.
    pub(super) fn window(&self, window: Window) {
        if let Self::Full(screen, _) = self {
            screen.window(window);
        }
    }

    /// The user's own ways, for the full screen.
    pub(super) fn set_habits(&self, habits: Habits) {
        if let Self::Full(screen, _) = self {
            screen.set_habits(habits);
        }
    }

    /// Whether it wants to know the users.
    pub(super) const fn wants_users(&self) -> bool {
        matches!(self, Self::Full(..))
    }

    /// The users that are known, and what those who are online say about being there.
    pub(super) fn set_users(&self, users: Vec<(String, Option<Status>)>) {
        if let Self::Full(screen, _) = self {
            screen.set_users(users);
        }
    }

    /// Users whose keys are marked.
    pub(super) fn set_keys(&self, keys: BTreeMap<String, KeyMark>) {
        if let Self::Full(screen, _) = self {
            screen.set_keys(keys);
        }
    }

    /// What the person calls users.
    pub(super) fn set_nicknames(&self, nicknames: BTreeMap<String, String>) {
        if let Self::Full(screen, _) = self {
            screen.set_nicknames(nicknames);
        }
    }

    /// The answer to [`Wake::Figures`].
    pub(super) fn set_connections(&self, connections: Vec<ConnectionLine>) {
        if let Self::Full(screen, _) = self {
            screen.set_connections(connections);
        }
    }

    /// The program was stopped, and goes on.
    pub(super) fn continued(&self) {
        if let Self::Full(screen, _) = self {
            screen.continued();
        }
    }

    /// The program is to stop until it is called to the foreground again.
    pub(super) fn suspend(&self) {
        if let Self::Full(screen, _) = self {
            screen.suspend();
        }
    }

    /// How many lines could not be written, once there is room to say so.
    pub(super) fn take_lost(&self) -> Option<u64> {
        match self {
            Self::Lines { screen, .. } => screen.take_lost(),
            // What it does not show it has not drawn yet.
            Self::Full(..) => None,
        }
    }

    /// Everything is written that is to be written: the terminal is as it was.
    pub(super) fn end(&mut self) {
        match self {
            Self::Lines { screen, .. } => screen.flush(LAST_WORDS),
            Self::Full(screen, last_words) => {
                screen.end(LAST_WORDS);
                for text in last_words.drain(..) {
                    complain_of(&text);
                }
            }
        }
    }
}
