//! Answers, notices and complaints, in the words of the plain face.

use wire::app::text;

use super::Tui;
use super::log::{Entry, View};
use crate::face::plain::GUTTER;
use crate::face::{Line, qr};
use crate::output::Output;

impl Tui {
    /// Shows an answer in the window in which it was asked for: one that is longer than the
    /// window, from its beginning on.
    pub(super) fn show(&mut self, output: &Output) {
        self.answer(|tui, user| tui.show_at(user, output));
    }

    /// The same, with the code for a camera where it can be drawn.
    pub(super) fn on_fingerprint(&mut self, qr: Option<&str>, output: &Output) {
        let code = qr.filter(|_| self.look.unicode).and_then(|text| qr::rows(text, None));
        self.answer(|tui, user| {
            tui.show_at(user, output);
            if let Some(rows) = code {
                let figure = Entry::Figure { at: tui.moment.unix_ms, rows };
                tui.windows.current_mut().log.push(figure);
            }
        });
    }

    fn answer(&mut self, put: impl FnOnce(&mut Self, Option<&str>)) {
        let window = self.windows.current();
        let (user, first, view) = (window.user.clone(), window.log.end(), window.log.view);
        put(self, user.as_deref());
        if view == View::Bottom {
            let view = self.rows().with_top(first, self.page.0);
            self.set_view(view);
        }
    }

    /// Shows something in the words of the plain face.
    pub(super) fn show_at(&mut self, user: Option<&str>, output: &Output) {
        for line in self.plain.show(self.moment.now, output) {
            let Line::Text(line) = line else { continue };
            let is_warning = line.starts_with('!');
            let line = line.strip_prefix(['!', '*', '#']).map_or(line.as_str(), str::trim_start);
            let rows: Vec<&str> =
                line.split('\n').map(|row| row.strip_prefix(GUTTER).unwrap_or(row)).collect();
            self.notice(user, is_warning, rows.join("\n"));
        }
    }

    pub(super) fn complain(&mut self, text: &str) {
        let user = self.windows.current().user.clone();
        self.notice(user.as_deref(), true, text::one_line(text));
    }

    /// Where lines of the history are that somebody asked for, when none of them is new in the window.
    pub(super) fn say_where(&mut self, user: &str, lines: usize, new: usize) {
        let text = match (lines, new) {
            (0, _) => "Nothing was said here yet.",
            (_, 0) => "All of that is in this window: Page Up goes back to it.",
            _ => return,
        };
        self.notice(Some(user), false, text.to_owned());
    }

    pub(super) fn notice(&mut self, user: Option<&str>, is_warning: bool, text: String) {
        let entry = Entry::Notice { at: self.moment.unix_ms, is_warning, text };
        match user {
            Some(user) => self.windows.of(user).log.push(entry),
            None => self.windows.home_mut().log.push(entry),
        }
    }
}
