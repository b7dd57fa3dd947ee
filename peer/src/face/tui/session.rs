//! Who is logged in: the next account sees nothing of this one, and whoever comes back finds his windows as he
//! left them.

use super::Tui;
use super::window::Windows;
use crate::output::Output;

/// The windows of somebody who was logged out, with what he was typing in them: a login at another machine
/// ends a session in the middle of a line.
#[derive(Debug)]
pub(super) struct Left {
    user: String,
    windows: Windows,
}

impl Tui {
    pub(super) fn on_logged_in(&mut self, user: &str, output: &Output) {
        let before = self.bars.user.replace(user.to_owned());
        if before.as_ref().is_some_and(|before| before != user) {
            self.forget();
        }
        if before.as_deref() != Some(user) {
            if let Some(left) = self.left.take().filter(|left| left.user == user) {
                self.windows.take_back(left.windows);
                // Whoever has begun a line meanwhile ends it where he began: half of it would be another one.
                if self.input.editor.text().is_empty() {
                    self.enter_window();
                } else {
                    self.windows.go(1);
                }
            }
            self.ask_history(None, None);
            self.show_at(None, output);
            let text = "Alt-K finds a user or a window, /msg NAME opens one, F1 helps.".to_owned();
            self.notice(None, false, text);
        } else {
            self.show_at(None, output);
        }
    }

    pub(super) fn on_logged_out(&mut self, output: &Output) {
        if let Some(user) = self.bars.user.take() {
            self.leave_window();
            let windows = std::mem::replace(&mut self.windows, Windows::new());
            self.left = Some(Left { user, windows });
        }
        self.forget();
        self.show_at(None, output);
    }

    /// Whoever gets the name next is somebody else.
    pub(super) fn on_account_deleted(&mut self, output: &Output) {
        self.left = None;
        self.show(output);
    }

    fn forget(&mut self) {
        self.windows = Windows::new();
        self.files.clear();
        self.users.clear();
        self.key_marks.clear();
        self.nicknames.clear();
        self.bars.links.clear();
        self.bars.topics.clear();
        self.attention.forget();
        for (_, is_valid) in &mut self.asked {
            *is_valid = false;
        }
        self.shows_files = false;
        self.input.editor.set("");
    }
}
