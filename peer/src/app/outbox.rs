//! Messages on their way out: kept in the database before they are first sent, sent in order,
//! forgotten when the other side has them durably.
//!
//! ```text
//!   messages to one user:  [ sent, not acknowledged | not yet sent on this link ]
//!                                                   ^ sent
//! ```

use std::collections::{BTreeMap, VecDeque};

use wire::app::name::Name;
use wire::app::peer::TextKind;

use crate::work::Outgoing;

/// Most messages of one link that are sent and not acknowledged.
const MAX_IN_FLIGHT: usize = 256;
/// Most bytes of those.
const MAX_IN_FLIGHT_BYTES: usize = 1 << 20;
/// Most messages that wait here, to all users.
pub(super) const MAX_WAITING: usize = 10_000;
/// Most bytes of those.
pub(super) const MAX_WAITING_BYTES: usize = 16 << 20;

/// All messages neither delivered nor given up.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    users: BTreeMap<Name, Waiting>,
    messages: usize,
    bytes: usize,
    /// Users to whom nothing more leaves until the database has taken messages back, and how many
    /// times that was asked.
    held: BTreeMap<Name, usize>,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Outgoing>,
    /// How many, from the front, were sent on the link that is up.
    sent: usize,
    sent_bytes: usize,
    /// The highest number that may have left this machine, on whatever way.
    left: u64,
}

impl Outbox {
    /// Whether one more message of so many bytes may wait.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.messages < MAX_WAITING && self.bytes + bytes <= MAX_WAITING_BYTES
    }

    /// Keeps room for a message that is on its way into the database.
    pub(super) const fn reserve(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }

    /// A message for which so many bytes were reserved has so many.
    pub(super) const fn fit(&mut self, reserved: usize, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(reserved) + bytes;
    }

    /// The message did not get there.
    pub(super) const fn release(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// The message is in the database; there is room reserved for it.
    pub(super) fn push(&mut self, message: Outgoing) {
        self.users.entry(message.id.to.clone()).or_default().messages.push_back(message);
    }

    /// What waited when the program ended.
    pub(super) fn load(&mut self, messages: Vec<Outgoing>) {
        for message in messages {
            self.reserve(message.body.len());
            let (to, sequence) = (message.id.to.clone(), message.id.sequence);
            self.push(message);
            self.mark_left(&to, sequence);
        }
    }

    /// How many messages wait, and how many bytes these are.
    pub(super) const fn len(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    /// For whom something waits.
    pub(super) fn users(&self) -> impl Iterator<Item = &Name> {
        self.users.keys()
    }

    /// All that waits, by user and number.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Outgoing> {
        self.users.values().flat_map(|waiting| &waiting.messages)
    }

    /// Sent, not acknowledged, to anyone.
    pub(super) fn is_in_flight(&self) -> bool {
        self.users.values().any(|waiting| waiting.sent > 0)
    }

    /// The next message to send to this user, when enough of the earlier ones are acknowledged.
    pub(super) fn next_to_send(&self, user: &Name) -> Option<&Outgoing> {
        if self.held.contains_key(user) {
            return None;
        }
        let waiting = self.users.get(user)?;
        let message = waiting.messages.get(waiting.sent)?;
        let fits = waiting.sent < MAX_IN_FLIGHT
            && (waiting.sent == 0
                || waiting.sent_bytes + message.body.len() <= MAX_IN_FLIGHT_BYTES);
        fits.then_some(message)
    }

    /// The message that [`next_to_send`](Self::next_to_send) gave is sent.
    pub(super) fn mark_sent(&mut self, user: &Name) {
        if let Some(waiting) = self.users.get_mut(user)
            && let Some(message) = waiting.messages.get(waiting.sent)
        {
            waiting.sent_bytes += message.body.len();
            waiting.sent += 1;
            waiting.left = waiting.left.max(message.id.sequence);
        }
    }

    /// The message with this number may have left this machine.
    pub(super) fn mark_left(&mut self, user: &Name, sequence: u64) {
        if let Some(waiting) = self.users.get_mut(user) {
            waiting.left = waiting.left.max(sequence);
        }
    }

    /// Nothing more leaves to this user until [`Self::let_go`]. Gives the highest number of a message
    /// that waits and may have left before.
    pub(super) fn hold(&mut self, user: &Name) -> u64 {
        *self.held.entry(user.clone()).or_default() += 1;
        self.users.get(user).map_or(0, |waiting| waiting.left)
    }

    /// One who wanted nothing to leave to this user has what he wanted.
    pub(super) fn let_go(&mut self, user: &Name) {
        if let Some(count) = self.held.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(user);
            }
        }
    }

    /// The next message to this user for his mailbox. They go there in order: behind one that finds no
    /// room there, or that was asked about and not answered, all wait.
    pub(super) fn next_to_store(&self, user: &Name) -> Option<&Outgoing> {
        if self.held.contains_key(user) {
            return None;
        }
        self.users.get(user)?.messages.iter().find(|message| !message.stored)
    }

    /// The message with this number, when it still waits.
    pub(super) fn find(&self, user: &Name, sequence: u64) -> Option<&Outgoing> {
        let messages = &self.users.get(user)?.messages;
        let at = messages.binary_search_by_key(&sequence, |m| m.id.sequence).ok()?;
        messages.get(at)
    }

    /// The message lies in the user's mailbox.
    pub(super) fn mark_stored(&mut self, user: &Name, sequence: u64) {
        let Some(waiting) = self.users.get_mut(user) else { return };
        if let Ok(at) = waiting.messages.binary_search_by_key(&sequence, |m| m.id.sequence)
            && let Some(message) = waiting.messages.get_mut(at)
        {
            message.stored = true;
        }
    }

    /// A link came up or went: everything that is not acknowledged is to be sent (again).
    pub(super) fn rewind(&mut self, user: &Name) {
        if let Some(waiting) = self.users.get_mut(user) {
            waiting.sent = 0;
            waiting.sent_bytes = 0;
        }
    }

    /// Takes out the message with this number and random part: acknowledged, or given up.
    pub(super) fn take(
        &mut self,
        user: &Name,
        sequence: u64,
        nonce: &[u8; 16],
    ) -> Option<Outgoing> {
        let waiting = self.users.get_mut(user)?;
        let at = waiting.messages.binary_search_by_key(&sequence, |m| m.id.sequence).ok()?;
        if waiting.messages.get(at)?.nonce != *nonce {
            return None;
        }
        let message = waiting.messages.remove(at)?;
        if at < waiting.sent {
            waiting.sent -= 1;
            waiting.sent_bytes -= message.body.len();
        }
        if waiting.messages.is_empty() {
            self.users.remove(user);
        }
        self.release(message.body.len());
        Some(message)
    }

    /// A message that is taken back waits no more, nor do edits of it; those behind name the one before
    /// it as theirs. Gives the numbers of what waited.
    pub(super) fn withdraw(&mut self, user: &Name, sequence: u64) -> Vec<u64> {
        let is_meant = |message: &&Outgoing| {
            let is_edit = matches!(message.kind, TextKind::Edit { of } if of.sequence == sequence);
            message.id.sequence == sequence || is_edit
        };
        let Some(waiting) = self.users.get(user) else { return Vec::new() };
        let meant: Vec<(u64, [u8; 16])> =
            waiting.messages.iter().filter(is_meant).map(|m| (m.id.sequence, m.nonce)).collect();
        for (sequence, nonce) in &meant {
            let Some(gone) = self.take(user, *sequence, nonce) else { continue };
            let behind = self.users.get_mut(user).map(|waiting| &mut waiting.messages);
            for message in behind.into_iter().flatten() {
                if message.after == *sequence {
                    message.after = gone.after;
                }
            }
        }
        meant.into_iter().map(|(sequence, _)| sequence).collect()
    }

    /// Takes out everything to this user: given up.
    pub(super) fn take_all(&mut self, user: &Name) -> Vec<Outgoing> {
        let messages = self.users.remove(user).map(|waiting| waiting.messages).unwrap_or_default();
        for message in &messages {
            self.release(message.body.len());
        }
        messages.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::MessageId;
    use wire::PublicKey;
    use wire::app::peer::TextRef;

    fn bob() -> Name {
        Name::new("bob").unwrap()
    }

    fn message(sequence: u64, body: &str) -> Outgoing {
        Outgoing {
            id: MessageId { to: bob(), sequence },
            line: sequence,
            after: sequence - 1,
            nonce: [sequence as u8; 16],
            at: 0,
            body: body.into(),
            stored: false,
            kind: TextKind::Plain,
            about: None,
        }
    }

    fn send_all(outbox: &mut Outbox) -> Vec<u64> {
        let mut sent = Vec::new();
        while let Some(message) = outbox.next_to_send(&bob()) {
            sent.push(message.id.sequence);
            outbox.mark_sent(&bob());
        }
        sent
    }

    #[test]
    fn sent_in_order_and_again_on_a_new_link() {
        let mut outbox = Outbox::default();
        outbox.load((1..=4).map(|n| message(n, "x")).collect());
        assert_eq!(send_all(&mut outbox), [1, 2, 3, 4]);
        assert!(outbox.take(&bob(), 2, &[2; 16]).is_some());
        assert!(outbox.take(&bob(), 2, &[2; 16]).is_none(), "acknowledged once");
        assert!(outbox.take(&bob(), 3, &[9; 16]).is_none(), "a guessed acknowledgement");
        assert!(send_all(&mut outbox).is_empty());
        outbox.rewind(&bob());
        assert_eq!(send_all(&mut outbox), [1, 3, 4]);
        for n in [1, 3, 4] {
            outbox.take(&bob(), n, &[n as u8; 16]).unwrap();
        }
        assert!(outbox.users().next().is_none() && !outbox.is_in_flight());
        assert_eq!((outbox.messages, outbox.bytes), (0, 0));
    }

    #[test]
    fn what_is_taken_back_leaves_no_gap() {
        let mut outbox = Outbox::default();
        let mut messages: Vec<Outgoing> = (1..=4).map(|n| message(n, "x")).collect();
        let of = TextRef { device: PublicKey([1; 32]), sequence: 2, nonce: [2; 16] };
        messages[2].kind = TextKind::Edit { of };
        outbox.load(messages);
        assert_eq!(outbox.withdraw(&bob(), 2), [2, 3]);
        let left = |outbox: &Outbox| {
            outbox.messages().map(|m| (m.id.sequence, m.after)).collect::<Vec<_>>()
        };
        assert_eq!(left(&outbox), [(1, 0), (4, 1)]);
        assert_eq!((outbox.messages, outbox.bytes), (2, 2));
        assert!(outbox.withdraw(&bob(), 2).is_empty());
        assert_eq!(send_all(&mut outbox), [1, 4]);
    }

    #[test]
    fn nothing_leaves_while_it_is_held() {
        let mut outbox = Outbox::default();
        for n in 1..=3 {
            outbox.reserve(1);
            outbox.push(message(n, "x"));
        }
        assert_eq!(outbox.hold(&bob()), 0);
        assert_eq!(outbox.hold(&bob()), 0);
        assert!(send_all(&mut outbox).is_empty() && outbox.next_to_store(&bob()).is_none());
        outbox.let_go(&bob());
        assert!(outbox.next_to_send(&bob()).is_none(), "held twice");
        outbox.let_go(&bob());
        outbox.mark_sent(&bob());
        outbox.mark_left(&bob(), 2);
        assert_eq!(outbox.hold(&bob()), 2);
        outbox.let_go(&bob());
        assert_eq!(send_all(&mut outbox), [2, 3]);
    }

    #[test]
    fn no_more_in_flight_than_allowed() {
        let mut outbox = Outbox::default();
        outbox.load((1..=400).map(|n| message(n, "x")).collect());
        assert_eq!(send_all(&mut outbox).len(), MAX_IN_FLIGHT);
        outbox.take(&bob(), 1, &[1; 16]).unwrap();
        assert_eq!(send_all(&mut outbox), [257]);

        let mut outbox = Outbox::default();
        let big = "x".repeat(64 << 10);
        outbox.load((1..=20).map(|n| message(n, &big)).collect());
        assert_eq!(send_all(&mut outbox).len(), 16);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut outbox = Outbox::default();
        for n in 1..=MAX_WAITING as u64 {
            assert!(outbox.has_room(1));
            outbox.reserve(1);
            outbox.push(message(n, "x"));
        }
        assert!(!outbox.has_room(1));
        assert_eq!(outbox.take_all(&bob()).len(), MAX_WAITING);
        assert!(outbox.has_room(MAX_WAITING_BYTES));
        assert!(!outbox.has_room(MAX_WAITING_BYTES + 1));
    }
}
