//! Who asks to talk, and whom the person has asked.

use wire::app::text;

use super::window::Activity;
use super::{Act, Notice, Tui};
use crate::output::Output;

impl Tui {
    /// A stranger has no window, and calls nobody: he stands where the server's news do.
    pub(super) fn on_request(&mut self, output: &Output) {
        self.show_at(None, output);
        self.raise_home();
    }

    /// Something in the server's window waits for an answer.
    pub(super) fn raise_home(&mut self) {
        if !self.is_focused || self.windows.current().user.is_some() {
            self.windows.home_mut().raise(Activity::Mention);
        }
    }

    /// Whoever accepts somebody in the server's window wants to talk with him now; elsewhere, or in the
    /// middle of a line, he is not led away.
    pub(super) fn on_answered(&mut self, user: &str, answer: &str, output: &Output) {
        self.show(output);
        let is_home = self.windows.current().user.is_none();
        if answer == "accepted" && is_home && self.input.editor.text().is_empty() {
            self.open(user);
        }
    }

    /// Somebody asks for company at a film, or what became of that.
    pub(super) fn on_watch(&mut self, output: &Output) {
        let Output::Watch { user: Some(by), name, notify: true, .. } = output else {
            return self.show(output);
        };
        self.show_at(Some(by), output);
        self.raise_unseen(by, Activity::Mention);
        if !self.is_in_view(by) {
            let (title, name) = (text::excerpt(by, 40), text::excerpt(name, 80));
            let text = format!("wants to watch a film with you: {name}");
            self.acts.push_back(Act::Notify(Notice { title, text }));
        }
    }

    /// What becomes of asking belongs to the chat that was opened.
    pub(super) fn on_asked(&mut self, user: &str, output: &Output) {
        self.show_at(Some(user), output);
        self.raise_unseen(user, Activity::Message);
    }
}
