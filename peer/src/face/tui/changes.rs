//! Lines of talk that their authors change.

use super::Tui;
use super::log::{Mark, Said, Wording, Words};
use crate::command::{Numbers, numbers_for};
use crate::output::{HistoryLine, Output};

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
                said.words = Words::new(pin.as_ref(), text);
                said.wording = Wording::Edited;
            }
            None => {
                said.words = Words::default();
                said.wording = Wording::TakenBack;
            }
        }
        if let Some(id) = id {
            before.and_then(|before| window.log.marks.remove(&before));
            window.log.marks.entry(*id).or_insert(Mark::Sending);
        }
    }

    /// The numbers that the command which is being typed takes, in a window of a user or a room.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        self.windows.current().user.as_deref()?;
        numbers_for(self.input.editor.text())
    }

    /// `/edit` without a text: what was said is put into the line, to be changed there.
    pub(super) fn edit_again(&mut self, id: Option<u64>) {
        let window = self.windows.current();
        let Some(said) = window.log.own(id) else {
            let which = id.map_or("no line of yours".to_owned(), |id| format!("no message {id}"));
            return self.complain(&format!(
                "There is {which} here that can be changed; what is further up comes with PageUp."
            ));
        };
        let line = format!("/edit {} {}", said.own.unwrap_or_default(), said.words.typed());
        // What was typed meanwhile is worth more.
        if self.input.editor.text().is_empty() {
            self.input.editor.set(&line);
        }
    }
}

/// A line of the history, and its mark.
pub(super) fn said_of(line: &HistoryLine) -> (Said, Option<Mark>) {
    let mark = match line.state {
        "queued" => Some(Mark::Sending),
        "delivered" | "read" => Some(Mark::Delivered),
        "stored" => Some(Mark::Stored),
        "failed" => Some(Mark::Failed(line.reason.clone().unwrap_or_default())),
        _ => None,
    };
    let own = mark.is_some().then_some(line.id).flatten();
    let mark = mark.filter(|_| !line.taken_back);
    let said = Said {
        line: line.line,
        at: line.at,
        from: line.from.clone(),
        own,
        changed_by: None,
        reply_to: line.reply_to,
        wording: match (line.taken_back, line.edited) {
            (true, _) => Wording::TakenBack,
            (false, true) => Wording::Edited,
            (false, false) => Wording::First,
        },
        words: Words::new(line.pin.as_ref(), &line.text),
    };
    (said, mark)
}
