//! Messages that arrived and could not be kept, or found no room. Those behind them were read before that
//! was known: kept and shown now, they would stand before what comes again.

use std::collections::BTreeMap;

use wire::PublicKey;
use wire::app::identity::IdentityKey;

use super::Answer;
use crate::work::{Incoming, Receipt, StoreError, StoreReply, StoreRequest, StrangerRequest};

/// Most senders for whose messages there was no room: strangers can be any number.
const MAX_WITHOUT_ROOM: usize = 4096;

/// What identifies a message, and the number that its sender names as the one before it.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    sender: (IdentityKey, PublicKey),
    sequence: u64,
    after: u64,
}

/// The first message of each sender that is not kept and has not come again.
#[derive(Clone, Default)]
pub(super) struct Unkept {
    failed: Firsts,
    without_room: Firsts,
}

type Firsts = BTreeMap<(IdentityKey, PublicKey), u64>;

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
        if let StoreRequest::Receive(message)
        | StoreRequest::ReceiveInTurn(message)
        | StoreRequest::Stranger(
            StrangerRequest::Hold(message) | StrangerRequest::HoldInTurn(message),
        ) = request
        {
            messages.push(Numbered::of(message));
        }
    }
    messages
}

impl Unkept {
    /// Keeps a message, unless one before it is to come again.
    pub(super) fn in_order(&mut self, message: &Incoming, keep: impl FnOnce() -> Answer) -> Answer {
        let numbered = Numbered::of(message);
        let is_behind = |firsts: &Firsts| {
            firsts.get(&numbered.sender).is_some_and(|first| numbered.after >= *first)
        };
        if is_behind(&self.failed) {
            return Err(StoreError("one before it is missing for the same reason".to_owned()));
        }
        if is_behind(&self.without_room) {
            return Ok(StoreReply::Received(Receipt::NoRoom));
        }
        let answer = keep();
        match answer {
            Err(_) => self.failed(&numbered),
            Ok(StoreReply::Received(Receipt::NoRoom)) => {
                note(&mut self.without_room, &numbered);
                while self.without_room.len() > MAX_WITHOUT_ROOM {
                    self.without_room.pop_first();
                }
            }
            Ok(_) => {
                for firsts in [&mut self.failed, &mut self.without_room] {
                    // It came again, or its sender has given it up.
                    if firsts.get(&numbered.sender).is_some_and(|it| numbered.sequence >= *it) {
                        firsts.remove(&numbered.sender);
                    }
                }
            }
        }
        answer
    }

    /// A message could not be kept.
    pub(super) fn failed(&mut self, message: &Numbered) {
        note(&mut self.failed, message);
    }
}

fn note(firsts: &mut Firsts, message: &Numbered) {
    let first = firsts.entry(message.sender).or_insert(message.sequence);
    *first = message.sequence.min(*first);
}
