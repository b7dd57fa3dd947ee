//! Messages that arrived and could not be kept. Those behind them were read before that was known:
//! kept and shown now, they would stand before what comes again.

use std::collections::BTreeMap;

use wire::PublicKey;
use wire::app::identity::IdentityKey;

use super::Answer;
use crate::work::{Incoming, StoreError, StoreRequest};

/// What identifies a message, and the number that its sender names as the one before it.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    sender: (IdentityKey, PublicKey),
    sequence: u64,
    after: u64,
}

/// The first message of each sender that could not be kept and has not come again.
#[derive(Clone, Default)]
pub(super) struct Unkept(BTreeMap<(IdentityKey, PublicKey), u64>);

impl Numbered {
    fn of(message: &Incoming) -> Self {
        let Incoming { identity, device, sequence, after, .. } = *message;
        Self { sender: (identity, device), sequence, after }
    }
}

/// The messages among requests.
pub(super) fn incoming(requests: &[StoreRequest]) -> Vec<Numbered> {
    let mut messages = Vec::new();
    for request in requests {
        if let StoreRequest::Receive(message) | StoreRequest::ReceiveInTurn(message) = request {
            messages.push(Numbered::of(message));
        }
    }
    messages
}

impl Unkept {
    /// Keeps a message, unless one before it is to come again.
    pub(super) fn in_order(&mut self, message: &Incoming, keep: impl FnOnce() -> Answer) -> Answer {
        let numbered = Numbered::of(message);
        let first = self.0.get(&numbered.sender).copied();
        if first.is_some_and(|first| numbered.after >= first) {
            return Err(StoreError("one before it is missing for the same reason".to_owned()));
        }
        let answer = keep();
        if answer.is_err() {
            self.failed(&numbered);
        } else if first.is_some_and(|first| numbered.sequence >= first) {
            // It came again, or its sender has given it up.
            self.0.remove(&numbered.sender);
        }
        answer
    }

    /// A message could not be kept.
    pub(super) fn failed(&mut self, message: &Numbered) {
        let first = self.0.entry(message.sender).or_insert(message.sequence);
        *first = message.sequence.min(*first);
    }
}
