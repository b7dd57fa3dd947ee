//! Handshakes that were answered: each INIT's answer is kept for a while, so that it is never
//! computed twice, and with it the session that waits for the first DATA (PROTOCOL.md,
//! "Half-open sessions").

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::shared::Answered;
use crate::crypto::noise::{Finished, Pattern};
use crate::crypto::static_key::PublicKey;
use crate::node::Deadline;
use crate::parameters::TransportParameters;
use crate::time::{Duration, Instant};

/// How long an answer is kept, from the first: as long as the token that let the INIT in is
/// good, so that no INIT is computed twice. Nothing prolongs it [W-28].
pub(super) const LIFE: Duration = Duration::from_secs(10);
/// Sessions that wait for their first DATA; beyond that the oldest go [W-29].
pub(super) const MAX_HALF_OPEN: usize = 1024;
/// Answers remembered, those included whose session is up or gone.
const MAX_ANSWERS: usize = 8192;

/// What an answered INIT has left.
pub(super) struct Answer {
    at: Instant,
    /// Where the answer went: an address that has proven itself by a token, or the first.
    pub(super) address: SocketAddr,
    /// The session; `None` once it is up, or had to go.
    pub(super) session: Option<HalfOpen>,
}

/// A session that nobody has confirmed.
pub(super) struct HalfOpen {
    pub(super) index: u32,
    pub(super) remote_index: u32,
    pub(super) pattern: Pattern,
    pub(super) remote_static: Option<PublicKey>,
    pub(super) finished: Finished,
    pub(super) peer: TransportParameters,
    /// The RESP datagram.
    pub(super) resp: Vec<u8>,
    /// When it was sent.
    pub(super) answered: Answered,
}

/// All answers, found by the ephemeral key of their INIT.
#[derive(Default)]
pub(super) struct Answers {
    by_ephemeral: BTreeMap<[u8; 32], Answer>,
    /// When each was given, oldest first; also those that had to go before their time.
    order: VecDeque<(Instant, [u8; 32])>,
    /// The same for sessions; also those that are up by now.
    sessions: VecDeque<(Instant, [u8; 32])>,
    half_open: usize,
}

impl Answers {
    pub(super) fn get_mut(&mut self, ephemeral: &[u8; 32]) -> Option<&mut Answer> {
        self.by_ephemeral.get_mut(ephemeral)
    }

    /// Keeps the answer to an INIT that has none yet. Gives the indexes of sessions that had to
    /// make room; their INITs are forgotten with them, so that a client who was pushed out may
    /// come again.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        ephemeral: [u8; 32],
        address: SocketAddr,
        session: HalfOpen,
    ) -> Vec<u32> {
        let mut gone = Vec::new();
        while self.half_open >= MAX_HALF_OPEN {
            let Some(oldest) = self.sessions.pop_front() else { break };
            gone.extend(self.end_session(oldest));
        }
        while self.order.len() >= MAX_ANSWERS {
            gone.extend(self.forget_oldest());
        }
        let answer = Answer { at: now, address, session: Some(session) };
        let before = self.by_ephemeral.insert(ephemeral, answer);
        debug_assert!(before.is_none(), "no INIT is computed twice");
        self.order.push_back((now, ephemeral));
        self.sessions.push_back((now, ephemeral));
        self.half_open += 1;
        gone
    }

    /// The session of an answer, if it still waits.
    pub(super) fn session(&self, ephemeral: &[u8; 32]) -> Option<&HalfOpen> {
        self.by_ephemeral.get(ephemeral)?.session.as_ref()
    }

    /// Takes a session to make a connection of it. Its INIT stays known.
    pub(super) fn promote(&mut self, ephemeral: &[u8; 32]) -> Option<(SocketAddr, HalfOpen)> {
        let answer = self.by_ephemeral.get_mut(ephemeral)?;
        let session = answer.session.take()?;
        self.half_open -= 1;
        Some((answer.address, session))
    }

    /// Forgets what is too old. Gives the indexes of sessions that ended thereby.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<u32> {
        let mut gone = Vec::new();
        while self.order.front().is_some_and(|(at, _)| *at + LIFE <= now) {
            gone.extend(self.forget_oldest());
        }
        gone
    }

    /// Sessions that wait.
    #[cfg(test)]
    pub(super) const fn half_open(&self) -> usize {
        self.half_open
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let (at, _) = self.order.front()?;
        Some(Deadline { at: *at + LIFE, timer: "half-open expiry" })
    }

    fn forget_oldest(&mut self) -> Option<u32> {
        let (at, ephemeral) = self.order.pop_front()?;
        // Both queues have one order, so what stands before this is gone already.
        if self.sessions.front() == Some(&(at, ephemeral)) {
            self.sessions.pop_front();
        }
        let index = self.end_session((at, ephemeral));
        if self.by_ephemeral.get(&ephemeral).is_some_and(|answer| answer.at == at) {
            self.by_ephemeral.remove(&ephemeral);
        }
        index
    }

    /// Forgets an answer whose session still waits.
    fn end_session(&mut self, (at, ephemeral): (Instant, [u8; 32])) -> Option<u32> {
        let answer = self.by_ephemeral.get(&ephemeral)?;
        let index = answer.session.as_ref().filter(|_| answer.at == at)?.index;
        self.by_ephemeral.remove(&ephemeral);
        self.half_open -= 1;
        Some(index)
    }
}
