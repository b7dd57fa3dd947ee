//! What clients' databases have done, held against what is said of it: an acknowledgement stands
//! for something durable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use peer::output::{Output, PinLine};
use peer::work::{PostReceipt, Receipt, StoreReply};
use wire::app::pin::Pin;

/// A message as its sender's program names it: from which machine, to whom, its number.
type Sent = (String, String, u64);

/// The databases of a run. Messages are told apart by their texts.
#[derive(Debug, Default)]
pub struct Journal {
    queued: BTreeMap<Sent, String>,
    received: BTreeSet<String>,
    /// Lines said in rooms, by their place in the history of their author's machine.
    lines: BTreeMap<Sent, u64>,
    /// Those that were changed: they may arrive without a text.
    changed: BTreeSet<Sent>,
}

/// One machine's access to the journal of its run.
#[derive(Clone, Debug, Default)]
pub struct Pen {
    machine: String,
    journal: Rc<RefCell<Journal>>,
}

impl Pen {
    /// For another machine of the same run.
    #[must_use]
    pub fn of(&self, machine: &str) -> Self {
        Self { machine: machine.to_owned(), journal: Rc::clone(&self.journal) }
    }

    /// The database has answered; `received` is the text, if it was about a message that arrived.
    pub fn stored(&self, received: Option<String>, reply: &StoreReply) {
        let mut journal = self.journal.borrow_mut();
        if let StoreReply::Queued(message) = reply {
            let key = (self.machine.clone(), message.id.to.to_string(), message.id.sequence);
            journal.queued.insert(key, message.body.clone());
        }
        if let (
            Some(body),
            StoreReply::Received(Receipt::Fresh { .. } | Receipt::Duplicate | Receipt::Held)
            | StoreReply::PostReceived(
                PostReceipt::Shown { .. }
                | PostReceipt::Changed { .. }
                | PostReceipt::Silent
                | PostReceipt::Duplicate,
            ),
        ) = (received, reply)
        {
            journal.received.insert(body);
        }
    }

    /// The program says something.
    ///
    /// # Panics
    /// When it says that a message is delivered that no database has, or shows one that its own
    /// has not.
    pub fn told(&self, output: &Output) {
        let mut journal = self.journal.borrow_mut();
        // What is said in a room names the room here, and its id in the database.
        if let Output::Kept { to, id, text, line, pin, .. } = output
            && to.starts_with('#')
        {
            let body = body(pin.as_ref(), text);
            journal.lines.insert((self.machine.clone(), to.clone(), *line), *id);
            journal.queued.insert((self.machine.clone(), to.clone(), *id), body);
        }
        if let Output::Changed { with: to, id, text, line, pin, .. } = output
            && to.starts_with('#')
        {
            let key = |id| (self.machine.clone(), to.clone(), id);
            if let Some(of) = journal.lines.get(&key(*line)).copied() {
                journal.changed.insert(key(of));
            }
            if let Some(id) = id {
                let body = body(pin.as_ref(), text.as_deref().unwrap_or_default());
                journal.queued.insert(key(*id), body);
                // It may be changed by the next change before it arrives, too.
                journal.changed.insert(key(*id));
            }
        }
        if let Output::MessageState { to, id, state: "delivered", .. } = output {
            let key = (self.machine.clone(), to.clone(), *id);
            let durable = journal.queued.get(&key).is_some_and(|body| {
                let arrived_bare = journal.changed.contains(&key) && journal.received.contains("");
                journal.received.contains(body) || arrived_bare
            });
            assert!(
                durable,
                "message {id} from {} to {to} is acknowledged, not durable",
                self.machine
            );
        }
        if let Output::Message { from, text, pin, .. } = output {
            let durable = journal.received.contains(&body(pin.as_ref(), text));
            assert!(durable, "{} shows a message of {from} that is not durable", self.machine);
        }
    }
}

/// The text as it was sent.
fn body(pin: Option<&PinLine>, text: &str) -> String {
    let Some(pin) = pin else { return text.to_owned() };
    let root = blake3::Hash::from_hex(&pin.blake3).expect("64 digits");
    Pin::new(*root.as_bytes(), pin.position_ms, &pin.name).before(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use peer::work::{MessageId, Outgoing};
    use wire::app::name::Name;
    use wire::app::peer::TextKind;

    fn delivered() -> Output {
        Output::MessageState { to: "bert".to_owned(), id: 7, state: "delivered", reason: None }
    }

    fn anna_sends() -> Pen {
        let anna = Pen::default().of("anna");
        let id = MessageId { to: Name::new("bert").unwrap(), sequence: 7 };
        let message = Outgoing {
            id,
            line: 0,
            after: 6,
            nonce: [0; 16],
            at: 0,
            body: "hi".to_owned(),
            stored: false,
            kind: TextKind::Plain,
            about: None,
        };
        anna.stored(None, &StoreReply::Queued(message));
        anna
    }

    fn bert_stores(anna: &Pen, receipt: Receipt) {
        anna.of("bert").stored(Some("hi".to_owned()), &StoreReply::Received(receipt));
    }

    #[test]
    fn stored_then_acknowledged_passes() {
        let anna = anna_sends();
        bert_stores(&anna, Receipt::Fresh { gap: false, line: 0, reply_to: None });
        anna.told(&delivered());
    }

    #[test]
    #[should_panic(expected = "message 7 from anna to bert is acknowledged, not durable")]
    fn acknowledged_before_it_is_stored_is_noticed() {
        anna_sends().told(&delivered());
    }

    #[test]
    #[should_panic(expected = "acknowledged, not durable")]
    fn acknowledged_though_refused_is_noticed() {
        let anna = anna_sends();
        bert_stores(&anna, Receipt::Conflict);
        anna.told(&delivered());
    }

    #[test]
    #[should_panic(expected = "bert shows a message of anna that is not durable")]
    fn shown_before_it_is_stored_is_noticed() {
        let (from, text) = ("anna".to_owned(), "hi".to_owned());
        let (room, reply_to, edited, notify) = (None, None, false, true);
        let (sent, at, gap, line) = (0, 0, false, 0);
        let shown = Output::Message {
            from,
            room,
            text,
            sent,
            at,
            gap,
            line,
            reply_to,
            edited,
            pin: None,
            notify,
        };
        anna_sends().of("bert").told(&shown);
    }
}
