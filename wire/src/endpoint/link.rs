//! A connection that is up, and the renewal of its keys (PROTOCOL.md, "Rekeying").

use std::net::SocketAddr;

use zeroize::Zeroize;

use super::shared::{Repetition, Shared};
use crate::connection::ways::Known;
use crate::connection::{Connection, Established, Received};
use crate::crypto::noise::{Finished, Initiator, Keys, Pattern, Prologue, Responder};
use crate::crypto::static_key::PublicKey;
use crate::error::ProtocolError;
use crate::event::Event;
use crate::frame::RekeyStep;
use crate::id::Side;
use crate::node::{Deadline, Source};
use crate::parameters::TransportParameters;
use crate::time::{Duration, Instant};

/// The responder forgets its half of a handshake when no DATA reaches it in time, and on a bad
/// link the time-outs of loss recovery grow too fast for that. So until something is heard, the
/// initiator speaks up as often as in the handshake itself, for about eleven seconds: a little
/// longer than the responder remembers [W-18].
const MAX_CONFIRMATIONS: u32 = 50;

/// Everything that a complete handshake has agreed on.
pub(super) struct Up {
    pub(super) side: Side,
    pub(super) pattern: Pattern,
    pub(super) psk: Option<[u8; 32]>,
    /// The other side's index.
    pub(super) remote_index: u32,
    pub(super) remote_static: Option<PublicKey>,
    /// The address over which it was agreed, which has proven that it receives.
    pub(super) path: SocketAddr,
    pub(super) finished: Finished,
    pub(super) peer: TransportParameters,
    pub(super) handshake_rtt: Option<Duration>,
    /// Other ways to the other side.
    pub(super) known: Known,
}

/// A connection with what only the endpoint knows of it.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) remote_static: Option<PublicKey>,
    /// The marks under which the other side's reset tokens are found, the latest first.
    pub(super) reset_marks: [Option<[u8; 16]>; 2],
    /// How far the application knows of the end.
    pub(super) end: End,
    /// While nothing has come over the connection that this side has begun: when to speak again.
    unheard: Option<Repetition>,
    rekey: Rekey,
}

/// Whether the application has been told that a connection has ended. Until then it may read
/// what arrived before; then the handle is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Untold,
    Told,
}

impl Link {
    /// The connection, and the event that tells of it.
    pub(super) fn new(now: Instant, index: u32, up: Up, shared: &mut Shared) -> (Self, Event) {
        let event = Event::Connected {
            address: up.path,
            remote_static: up.remote_static,
            handshake_hash: up.finished.hash,
        };
        let rekey = Rekey {
            side: up.side,
            pattern: up.pattern,
            psk: up.psk,
            remote_static: up.remote_static,
            previous_hash: up.finished.hash,
            pending: None,
        };
        let established = Established {
            side: up.side,
            remote_index: up.remote_index,
            keys: up.finished.keys,
            path: up.path,
            peer: up.peer,
            handshake_rtt: up.handshake_rtt,
            known: up.known,
            seed: shared.draw_seed(),
            reset_token_for_peer: shared.tokens.reset_token(index, up.path),
        };
        let connection = Connection::new(now, &shared.config.transport, established);
        let link = Self {
            connection,
            remote_static: up.remote_static,
            reset_marks: [None; 2],
            end: End::Untold,
            unheard: match up.side {
                Side::Initiator => Some(Repetition::after_first(now, &mut shared.rng)),
                Side::Responder => None,
            },
            rekey,
        };
        (link, event)
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let confirm = self.unheard.as_ref().map(|repetition| repetition.next);
        let confirm = confirm.map(|at| Deadline { at, timer: "confirmation" });
        [self.connection.poll_timeout(), confirm].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, shared: &mut Shared) {
        self.connection.handle_timeout(now);
        if let Some(repetition) = &mut self.unheard
            && repetition.is_due(now)
        {
            if repetition.sent() < MAX_CONFIRMATIONS {
                self.connection.send_ping();
                repetition.note_sent(now, &mut shared.rng);
            } else {
                self.unheard = None;
                self.connection.give_up(now);
            }
        }
    }

    pub(super) fn handle_data(
        &mut self,
        now: Instant,
        source: Source,
        datagram: &mut [u8],
    ) -> Received {
        let received = self.connection.handle_data(now, source, datagram);
        if received == Received::Accepted {
            self.unheard = None;
        }
        received
    }

    /// Gives a client that has connected to this server a token for its next visit [W-23].
    pub(super) fn send_return_token(&mut self, now: Instant, address: SocketAddr, shared: &Shared) {
        let server = self.rekey.side == Side::Responder && self.rekey.pattern != Pattern::IkPsk2;
        if server {
            let token = shared.tokens.return_token(now, address, self.remote_static);
            self.connection.send_new_token(token);
        }
    }

    /// The keys are used up: the side that began the connection begins a new handshake [W-40].
    pub(super) fn rekey_due(&mut self, shared: &mut Shared) {
        let epoch = self.connection.following_epoch();
        if let Some(message) = self.rekey.begin(epoch, shared) {
            self.connection.send_rekey(epoch, RekeyStep::First, message);
        }
    }

    /// Takes a message of the handshake for `epoch`, which the connection has found to be next
    /// and hands on once. It came from the other side itself, so one that does not fit is a
    /// breach, not an accident [W-42].
    pub(super) fn rekey_message(
        &mut self,
        now: Instant,
        epoch: u8,
        (step, message): (RekeyStep, &[u8]),
        shared: &mut Shared,
    ) {
        let finished = match step {
            RekeyStep::Wanted => return self.rekey_due(shared),
            RekeyStep::First => {
                self.rekey.answer(epoch, message, shared).map(|(finished, answer)| {
                    self.connection.send_rekey(epoch, RekeyStep::Second, answer);
                    finished
                })
            }
            RekeyStep::Second => self.rekey.finish(message),
        };
        match finished {
            Some(finished) => self.connection.install_keys(now, epoch, finished.keys),
            None => self.connection.fail(now, ProtocolError::Rekey),
        }
    }
}

/// ```text
///   initiator                               responder
///   (keys used up, or Wanted) <------------ Wanted (its keys are used up)
///   First{epoch n+1} -------------------->  installs n+1, goes on sending in n
///   installs n+1, sends in n+1 <----------  Second{epoch n+1}
///                      DATA in n+1 ------>  sends in n+1
/// ```
struct Rekey {
    side: Side,
    pattern: Pattern,
    psk: Option<[u8; 32]>,
    remote_static: Option<PublicKey>,
    /// Of the handshake that made the newest keys [W-41].
    previous_hash: [u8; 32],
    /// The initiator's handshake for the next epoch.
    pending: Option<Initiator>,
}

impl Drop for Rekey {
    fn drop(&mut self) {
        self.psk.zeroize();
    }
}

impl Rekey {
    /// The first message; `None` when it is not this side's to begin, or is begun already.
    fn begin(&mut self, epoch: u8, shared: &mut Shared) -> Option<Vec<u8>> {
        let remote = self.remote_static.filter(|_| self.side == Side::Initiator)?;
        if self.pending.is_some() {
            return None;
        }
        let prologue = Prologue::rekey(self.pattern, &self.previous_hash, epoch);
        let seed = shared.draw_seed();
        let local = match self.pattern {
            Pattern::Nk => None,
            Pattern::Ik | Pattern::IkPsk2 => Some(&shared.config.static_key),
        };
        let keys = Keys { local, psk: self.psk.as_ref() };
        let (noise, message) =
            Initiator::start(self.pattern, &prologue, keys, &remote, seed, b"").ok()?;
        self.pending = Some(noise);
        Some(message)
    }

    /// The answer to a first message, which must come from the same key as the connection.
    fn answer(
        &mut self,
        epoch: u8,
        message: &[u8],
        shared: &mut Shared,
    ) -> Option<(Finished, Vec<u8>)> {
        let prologue = Prologue::rekey(self.pattern, &self.previous_hash, epoch);
        let seed = shared.draw_seed();
        let keys = Keys { local: Some(&shared.config.static_key), psk: self.psk.as_ref() };
        let (noise, payload) =
            Responder::read(self.pattern, &prologue, keys, seed, message).ok()?;
        if !payload.is_empty() || noise.remote_static() != self.remote_static {
            return None;
        }
        let (finished, answer) = noise.answer(b"").ok()?;
        self.previous_hash = finished.hash;
        Some((finished, answer))
    }

    fn finish(&mut self, message: &[u8]) -> Option<Finished> {
        let (finished, payload) = self.pending.take()?.finish(message).ok()?;
        self.previous_hash = finished.hash;
        payload.is_empty().then_some(finished)
    }
}
