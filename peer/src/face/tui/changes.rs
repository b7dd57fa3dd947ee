//! Lines of talk that their authors change.

use super::Tui;
use super::log::{Mark, Wording};
use crate::command::{Numbers, numbers_for};
use crate::face::pins::spoken;
use crate::output::Output;

impl Tui {
    /// A line that is not here comes from the history as it is by then.
    pub(super) fn on_changed(&mut self, output: &Output) {
        let Output::Changed { with, from, change, id, line, text, pin, .. } = output else {
            return;
        };
        let Some(window) = self.windows.find_mut(with) else { return };
        if *change == "withdrawn" {
            if let Some(number) = window.log.remove(*line) {
                // Entries before it have the next number now.
                window.rule = window.rule.map(|rule| rule + u64::from(rule < number));
            }
            return;
        }
        window.has_unmarked |= with == from;
        let Some(said) = window.log.line_mut(*line) else { return };
        let before = said.marked();
        said.changed_by = id.or(said.changed_by);
        match text {
            Some(text) => {
                said.text = spoken(pin.as_ref(), text).into_owned();
                said.wording = Wording::Edited;
            }
            None => {
                said.text.clear();
                said.wording = Wording::TakenBack;
            }
        }
        if let Some(id) = id {
            before.and_then(|before| window.log.marks.remove(&before));
            window.log.marks.entry(*id).or_insert(Mark::Sending);
        }
    }

    /// The numbers that the command which is being typed takes, in a window of a user.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        let user = self.windows.current().user.as_deref()?;
        numbers_for(self.input.editor.text()).filter(|_| !user.starts_with('#'))
    }
}
