//! What a person lets others know of his attention, and what he is let know of theirs: who is writing,
//! and that what was said was looked at.

use std::collections::BTreeMap;

use wire::app::text;
use wire::time::{Duration, Instant};

use super::{Act, Moment, Tui};
use crate::app::{self, Switch};
use crate::command::Command;

/// How long somebody counts as writing who says no more about it.
const TYPING: Duration = Duration::from_secs(6);
/// From one notice that the person is writing to the next.
const PAUSE: Duration = Duration::from_secs(3);
/// Most users who are shown as writing.
const MAX_SHOWN: usize = 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Attention {
    told: app::Attention,
    /// Who is writing, and until when that counts. Only users who are linked: there are not many.
    typing: BTreeMap<String, Instant>,
    /// To whom it was said last that the person is writing, and when.
    said: Option<(String, Instant)>,
}

impl Attention {
    /// What is told and shown from now on.
    pub(super) fn set(&mut self, told: app::Attention) {
        self.told = told;
        if told.typing == Switch::Off {
            self.typing.clear();
        }
    }

    /// Somebody writes, as far as he says.
    pub(super) fn begins(&mut self, now: Instant, user: &str) {
        self.typing.insert(user.to_owned(), now + TYPING);
    }

    /// He has written it, or is gone.
    pub(super) fn ends(&mut self, user: &str) {
        self.typing.remove(user);
    }

    pub(super) fn forget(&mut self) {
        self.typing.clear();
        self.said = None;
    }

    /// `bob is typing…`
    pub(super) fn shown(&self, dots: &str) -> Option<String> {
        let names: Vec<String> =
            self.typing.keys().take(MAX_SHOWN).map(|name| text::excerpt(name, 24)).collect();
        match (names.as_slice(), self.typing.len() > MAX_SHOWN) {
            ([], _) => None,
            ([name], _) => Some(format!("{name} is typing{dots}")),
            (names, false) => Some(format!("{} are typing{dots}", names.join(", "))),
            (names, true) => Some(format!("{} and others are typing{dots}", names.join(", "))),
        }
    }
}

impl Tui {
    /// When something is over by itself: [`tick`](Self::tick) is due then.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.attention.typing.values().min().copied()
    }

    /// Time has passed.
    pub fn tick(&mut self, moment: Moment) {
        self.moment = moment;
        self.attention.typing.retain(|_, until| *until > moment.now);
    }

    /// The line being typed has changed: who reads it in the end is told that it is coming, where it goes
    /// to one user and is no command.
    pub(super) fn say_typing(&mut self) {
        let is_asked =
            self.form.is_some() || self.switcher.is_some() || self.input.search.is_some();
        if self.attention.told.typing == Switch::Off || is_asked {
            return;
        }
        let Some(user) = self.windows.current().user.as_ref() else { return };
        let link = self.bars.links.get(user);
        let is_linked = link.is_some_and(|link| matches!(link.state, "direct" | "relayed"));
        if !is_linked || user.starts_with('#') || !is_talk(self.input.editor.text()) {
            return;
        }
        let now = self.moment.now;
        if self.attention.said.as_ref().is_some_and(|(to, at)| to == user && now - *at < PAUSE) {
            return;
        }
        self.attention.said = Some((user.clone(), now));
        self.acts.push_back(Act::Command(Command::Typing { to: user.clone() }));
    }

    /// What is in view, on a terminal that has the focus, was read.
    pub(super) fn mark_read(&mut self) {
        if self.attention.told.read_marks == Switch::Off || !self.is_focused || self.form.is_some()
        {
            return;
        }
        let window = self.windows.current_mut();
        if !window.has_unmarked || !window.is_at_bottom() {
            return;
        }
        window.has_unmarked = false;
        if let Some(user) = window.user.clone().filter(|user| !user.starts_with('#')) {
            self.acts.push_back(Act::Command(Command::Read { from: user, line: None }));
        }
    }
}

/// Whether a line that is being typed goes to the one in whose window it stands, as far as can be seen.
fn is_talk(line: &str) -> bool {
    let is_command = line.starts_with('/') && !line.starts_with("//");
    !line.trim().is_empty() && !is_command && !line.starts_with(['@', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_is_what_is_no_command_and_for_nobody_else() {
        for line in ["hi", " hi", "//etc", "a/b"] {
            assert!(is_talk(line), "{line}");
        }
        for line in ["", "  ", "/msg", "@carol hi", "#team hi", "/"] {
            assert!(!is_talk(line), "{line}");
        }
    }

    #[test]
    fn who_is_writing_is_said_in_few_words() {
        let mut attention = Attention::default();
        assert_eq!(attention.shown("..."), None);
        let shown =
            ["dave is typing...", "bob, dave are typing...", "bob, carol, dave are typing..."];
        for (user, shown) in ["dave", "bob", "carol"].into_iter().zip(shown) {
            attention.begins(Instant::ZERO, user);
            assert_eq!(attention.shown("...").as_deref(), Some(shown));
        }
        attention.begins(Instant::ZERO, "erin");
        let shown = "bob, carol, dave and others are typing...";
        assert_eq!(attention.shown("...").as_deref(), Some(shown));
        attention.ends("bob");
        assert_eq!(attention.shown("…").as_deref(), Some("carol, dave, erin are typing…"));
    }
}
