//! RESET: how an endpoint that has restarted tells the other side that it knows nothing of a
//! connection any more (PROTOCOL.md, "Reset"; RFC 9000 section 10.3).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Endpoint;
use super::limits::Limits;
use super::shared::Shared;
use super::table::{Key, State};
use crate::crypto::mac::keyed;
use crate::datagram::{self, RESET_LEN};
use crate::time::Instant;

/// The reset tokens that the other sides have given, found by a keyed hash of each: the time a
/// look-up takes tells nothing about the tokens themselves.
pub(super) struct ResetMarks {
    key: [u8; 32],
    owners: BTreeMap<[u8; 16], Key>,
}

impl ResetMarks {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self { key, owners: BTreeMap::new() }
    }

    fn mark(&self, token: &[u8; 16]) -> [u8; 16] {
        keyed(&self.key, token)
    }

    pub(super) fn forget(&mut self, mark: &[u8; 16]) {
        self.owners.remove(mark);
    }
}

/// Answers DATA for a connection that does not exist [W-30], [W-32]. The datagram is as long as
/// DATA without any plaintext, which nobody sends: so a RESET is never answered with another.
pub(super) fn answer_unknown(
    now: Instant,
    source: SocketAddr,
    index: u32,
    trigger: usize,
    limits: &mut Limits,
    shared: &mut Shared,
) {
    shared.counters.unknown_connection += 1;
    if trigger <= RESET_LEN || !limits.allow_reset(now, source) {
        return;
    }
    let token = shared.tokens.reset_token(index, source);
    let reset = datagram::reset(shared.draw(), &token);
    shared.counters.resets_sent += 1;
    shared.reply(source, trigger, reset);
}

impl Endpoint {
    /// The other side of a connection has told its reset token. The one before is kept, for a
    /// client that is seen at its last address once more [W-33].
    pub(super) fn note_reset_token(&mut self, key: Key, token: &[u8; 16]) {
        let mark = self.reset_marks.mark(token);
        let Some(State::Up(link)) = self.table.get_mut(key).map(|entry| &mut entry.state) else {
            return;
        };
        let [latest, before] = link.reset_marks;
        if latest == Some(mark) {
            return;
        }
        link.reset_marks = [Some(mark), latest];
        if let Some(before) = before {
            self.reset_marks.forget(&before);
        }
        self.reset_marks.owners.insert(mark, key);
    }

    /// A datagram that looks like a RESET. Only the right token counts: anybody can send one
    /// [W-33].
    pub(super) fn handle_reset(&mut self, now: Instant, token: &[u8; 16]) {
        let owner = self.reset_marks.owners.get(&self.reset_marks.mark(token)).copied();
        let state = owner.and_then(|key| Some((key, &mut self.table.get_mut(key)?.state)));
        match state {
            Some((key, State::Up(link))) => {
                link.connection.reset_by_peer(now);
                self.settle(now, key);
            }
            _ => self.shared.counters.unknown_connection += 1,
        }
    }
}
