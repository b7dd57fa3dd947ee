//! Answers to messages, edits and takings back, between two users; those in rooms are in `rooms::changes`.
//!
//! A message that was taken back before it left this machine is never sent: from the moment of the
//! command until the database has taken it back, nothing leaves to that user. What may have left is
//! taken back by another message, which asks the other side not to show it.

use wire::app::name::Name;
use wire::app::peer::TextKind;
use wire::time::Instant;

use super::App;
use super::jobs::Receiving;
use crate::output::{Output, PinLine};
use crate::work::{About, Outgoing, Receipt, Talk};

impl App {
    /// `/reply`, `/edit`.
    pub(super) fn about_message(&mut self, now: Instant, to: &str, text: String, about: About) {
        if to.starts_with('#') {
            return self.post(to, text, about);
        }
        match Name::new(to) {
            Ok(name) => self.queue_message(now, name, text, about),
            Err(error) => self.not_sent(to, format!("that is no user name: {error}.")),
        }
    }

    /// `/unsend`.
    pub(super) fn take_back(&mut self, now: Instant, to: &str, id: Option<u64>) {
        self.about_message(now, to, String::new(), About::Unsend { id, sent_up_to: 0 });
    }

    /// What was never sent stays here while the database takes it back.
    pub(super) fn hold_for(&mut self, to: &Name, about: About) -> About {
        match about {
            About::Unsend { id, .. } => About::Unsend { id, sent_up_to: self.chat.outbox.hold(to) },
            About::Nothing | About::Reply { .. } | About::Edit { .. } => about,
        }
    }

    /// A change of ours is kept, and is done here.
    pub(super) fn on_change_kept(&mut self, message: &Outgoing) {
        let to = message.id.to.clone();
        let (change, text) = match message.kind {
            TextKind::Unsend { of } => {
                self.withdraw(&to, of.sequence);
                self.info(&format!(
                    "Taken back here, and {to}'s program is asked not to show it any more: whether it \
                     does, and what {to} has read by then, is not in your hands."
                ));
                ("taken-back", None)
            }
            TextKind::Plain | TextKind::Reply { .. } | TextKind::Edit { .. } => {
                ("edited", Some(message.body.clone()))
            }
        };
        let (id, at) = (Some(message.id.sequence), message.at);
        self.tell_own_change(to.as_str(), change, id, message.about.unwrap_or_default(), text, at);
    }

    /// A message of ours is taken back that was never sent.
    pub(super) fn on_withdrawn(&mut self, to: &Name, sequence: u64, line: u64) {
        self.withdraw(to, sequence);
        self.tell_own_change(to.as_str(), "withdrawn", None, line, None, self.unix_ms);
        self.info(&format!("Message {sequence} to {to} was not sent yet, and never will be."));
    }

    /// What waited of a message and its edits does not go out.
    fn withdraw(&mut self, to: &Name, sequence: u64) {
        for id in self.chat.outbox.withdraw(to, sequence) {
            self.tell_state(to, id, "taken-back", None);
        }
    }

    pub(super) fn tell_own_change(
        &mut self,
        with: &str,
        change: &'static str,
        id: Option<u64>,
        line: u64,
        text: Option<String>,
        at: u64,
    ) {
        let from = self.account().map(|account| account.name.to_string()).unwrap_or_default();
        let (pin, text) = self.pinned_change(text);
        self.tell(Output::Changed { with: with.to_owned(), from, change, id, line, text, pin, at });
    }

    /// Something new of another user is kept: shows what is to be shown.
    pub(super) fn show_received(&mut self, message: Receiving, receipt: Receipt) {
        let Receiving { from, sent, at, text, kind, .. } = message;
        // G08: a block takes effect at once, also on what was on its way.
        if self.is_blocked(&from) {
            return;
        }
        let is_edit = matches!(kind, TextKind::Edit { .. });
        // What is not shown was not told either, and so is not read.
        if let Receipt::Fresh { line, .. } = receipt
            && !self.is_ignored(&from)
        {
            self.chat.tell_line(line);
        }
        if matches!(
            receipt,
            Receipt::Fresh { .. } | Receipt::Changed { .. } | Receipt::Silent { .. }
        ) {
            self.on_talk(&from);
        }
        match receipt {
            Receipt::Fresh { gap, line, reply_to } => {
                let (pin, text) = self.pinned(text);
                self.tell(Output::Message {
                    notify: self.is_called(&Talk::User(from.clone()), &text),
                    from: from.to_string(),
                    room: None,
                    text,
                    sent,
                    at,
                    gap,
                    line,
                    reply_to,
                    edited: is_edit,
                    pin,
                });
            }
            Receipt::Changed { gap, line } => {
                self.tell_gap(&from, gap);
                let (change, text) =
                    if is_edit { ("edited", Some(text)) } else { ("taken-back", None) };
                let from = from.to_string();
                let (pin, text) = self.pinned_change(text);
                self.tell(Output::Changed {
                    with: from.clone(),
                    from,
                    change,
                    id: None,
                    line,
                    text,
                    pin,
                    at,
                });
            }
            Receipt::Silent { gap } => self.tell_gap(&from, gap),
            Receipt::Held => self.on_held(&from, &text),
            // Of strangers nothing is told but that they ask.
            Receipt::OutOfTurn if self.is_stranger(&from) => {}
            Receipt::OutOfTurn => self.info(&format!(
                "A letter of {from} follows messages that are not in this data folder: they come, in \
                 order, when you are both online."
            )),
            Receipt::Duplicate | Receipt::Conflict | Receipt::NoRoom => {}
        }
    }

    /// What the new text of a line is about, if it has one.
    pub(super) fn pinned_change(&self, text: Option<String>) -> (Option<PinLine>, Option<String>) {
        let Some(text) = text else { return (None, None) };
        let (pin, text) = self.pinned(text);
        (pin, Some(text))
    }

    fn tell_gap(&mut self, from: &Name, gap: bool) {
        if gap {
            self.error(&format!("Messages from {from} that were sent before now are missing."));
        }
    }
}
