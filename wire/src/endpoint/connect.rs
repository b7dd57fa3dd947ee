//! The client's side of a connection to a server: HELLO, INIT, RETRY, RESP (PROTOCOL.md,
//! "Connecting to a server").

use std::net::SocketAddr;

use super::link::Up;
use super::shared::{Repetition, Shared};
use super::{Connect, Identify};
use crate::connection::ways::Known;
use crate::crypto::mac::Mac1;
use crate::crypto::noise::{self, Finished, Initiator, Keys, Pattern, Prologue};
use crate::crypto::static_key::PublicKey;
use crate::crypto::token::{ADDRESS_LIFE, NO_TOKEN};
use crate::datagram::{self, InitKind, Nonce, Token, VERSION};
use crate::error::ConnectionError;
use crate::id::{Seed, Side};
use crate::node::Deadline;
use crate::parameters::TransportParameters;
use crate::time::{Duration, Instant};

/// After so long without an answer to INIT, a server with a pinned key is asked which key it has.
const ASK_AGAIN: Duration = Duration::from_millis(1500);
/// So many equal answers with a key that is not the pinned one end the attempt [W-16].
const FOREIGN_ANSWERS: u32 = 3;

/// One attempt to reach a server.
pub(super) struct Attempt {
    remote: SocketAddr,
    pattern: Pattern,
    pinned: Option<PublicKey>,
    /// This side's index.
    index: u32,
    /// Where the ephemeral key of the first message comes from; its first half is `nonce`.
    ephemeral: Seed,
    nonce: Nonce,
    /// The token that the application has kept from an earlier connection, or none.
    kept_token: Token,
    stage: Stage,
    repetition: Repetition,
    began: Instant,
    expires: Instant,
    /// A key that answers HELLO although another is pinned, and how often it did.
    foreign: Option<(PublicKey, u32)>,
}

/// ```text
///  no key pinned             HELLO_REPLY              RESP
///  ------------> Asking ------------------> Greeting -------> up
///  key pinned ------------------------------^    | ^
///                                                +-+ RETRY, once
/// ```
enum Stage {
    /// HELLO is repeated: the server's key is not known.
    Asking,
    /// INIT is repeated.
    Greeting(Box<Greeting>),
}

struct Greeting {
    server: PublicKey,
    mac1: Mac1,
    noise: Initiator,
    message: Vec<u8>,
    token: Token,
    /// When a RETRY was honoured.
    retried: Option<Instant>,
}

/// When a token is used.
enum Honour {
    AtOnce,
    /// In the next repetition.
    Later,
}

/// What a datagram or a timer has led to.
pub(super) enum Progress {
    /// Still waiting.
    Waiting,
    /// The handshake is complete.
    Up(Box<Up>),
    /// It has failed.
    Failed(ConnectionError),
}

impl Attempt {
    /// # Errors
    /// When the pinned key cannot be anybody's.
    pub(super) fn new(
        now: Instant,
        connect: &Connect,
        index: u32,
        shared: &mut Shared,
    ) -> Result<Self, ConnectionError> {
        let ephemeral = shared.draw_seed();
        let public = noise::ephemeral_public(&ephemeral).0;
        let mut attempt = Self {
            remote: connect.remote,
            pattern: match connect.identify {
                Identify::Anonymous => Pattern::Nk,
                Identify::Known => Pattern::Ik,
            },
            pinned: connect.server_key,
            index,
            ephemeral,
            nonce: *public.first_chunk().expect("a key is longer than a nonce"),
            kept_token: connect.token.unwrap_or(NO_TOKEN),
            stage: Stage::Asking,
            repetition: Repetition::new(now),
            began: now,
            expires: now + shared.config.transport.handshake_timeout,
            foreign: None,
        };
        if let Some(server) = connect.server_key {
            let token = attempt.kept_token;
            let greeting = attempt
                .greet(server, token, shared)
                .ok_or(ConnectionError::Handshake("the pinned key is no key"))?;
            attempt.stage = Stage::Greeting(greeting);
        }
        Ok(attempt)
    }

    pub(super) fn deadline(&self) -> Deadline {
        let repeat = Deadline { at: self.repetition.next, timer: "handshake repetition" };
        repeat.min(Deadline { at: self.expires, timer: "handshake timeout" })
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, shared: &mut Shared) -> Progress {
        if now >= self.expires {
            return Progress::Failed(match self.foreign {
                Some(_) => ConnectionError::WrongServerKey,
                None => ConnectionError::Unreachable,
            });
        }
        if self.repetition.is_due(now) {
            self.send(now, shared);
        }
        Progress::Waiting
    }

    /// [W-15], [W-16]: believed only with the nonce that went to the server.
    pub(super) fn handle_hello_reply(
        &mut self,
        now: Instant,
        source: SocketAddr,
        reply: (PublicKey, Token),
        shared: &mut Shared,
    ) -> Progress {
        let (server, token) = reply;
        if source != self.remote {
            shared.counters.bad_handshake += 1;
            return Progress::Waiting;
        }
        match &mut self.stage {
            Stage::Asking => match self.greet(server, token, shared) {
                Some(greeting) => {
                    self.stage = Stage::Greeting(greeting);
                    self.repetition = Repetition::new(now);
                    self.send(now, shared);
                }
                None => shared.counters.bad_handshake += 1,
            },
            Stage::Greeting(greeting) if greeting.server == server => {
                greeting.honour(now, token);
            }
            Stage::Greeting(_) => return self.note_foreign_key(server),
        }
        Progress::Waiting
    }

    /// [W-17]
    pub(super) fn handle_retry(
        &mut self,
        now: Instant,
        source: SocketAddr,
        token: Token,
        shared: &mut Shared,
    ) {
        let Stage::Greeting(greeting) = &mut self.stage else { return };
        if source != self.remote {
            shared.counters.bad_handshake += 1;
            return;
        }
        match greeting.honour(now, token) {
            Honour::AtOnce => {
                self.repetition = Repetition::new(now);
                self.send(now, shared);
            }
            Honour::Later => shared.counters.limited += 1,
        }
    }

    pub(super) fn handle_resp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        resp: (u32, &[u8]),
        shared: &mut Shared,
    ) -> Progress {
        let (sender, message) = resp;
        let Stage::Greeting(greeting) = &mut self.stage else { return Progress::Waiting };
        if source != self.remote {
            shared.counters.bad_handshake += 1;
            return Progress::Waiting;
        }
        let (finished, peer) = match read_resp(&mut greeting.noise, message, shared) {
            Ok(agreed) => agreed,
            Err(progress) => return progress,
        };
        Progress::Up(Box::new(Up {
            side: Side::Initiator,
            pattern: self.pattern,
            psk: None,
            remote_index: sender,
            remote_static: Some(greeting.server),
            path: source,
            finished,
            peer,
            handshake_rtt: self.repetition.round_trip(now),
            known: Known::default(),
        }))
    }

    /// The nonce by which RETRY and HELLO_REPLY name this attempt.
    pub(super) const fn nonce(&self) -> Nonce {
        self.nonce
    }

    fn greet(&self, server: PublicKey, token: Token, shared: &Shared) -> Option<Box<Greeting>> {
        let prologue = Prologue::first(self.pattern, shared.config.label, &[VERSION], b"");
        let local = match self.pattern {
            Pattern::Nk => None,
            Pattern::Ik | Pattern::IkPsk2 => Some(&shared.config.static_key),
        };
        let keys = Keys { local, psk: None };
        let seed = self.ephemeral.clone();
        let parameters = shared.parameters();
        let (noise, message) =
            Initiator::start(self.pattern, &prologue, keys, &server, seed, &parameters).ok()?;
        let mac1 = Mac1::new(&server);
        Some(Box::new(Greeting { server, mac1, noise, message, token, retried: None }))
    }

    fn send(&mut self, now: Instant, shared: &mut Shared) {
        let datagram = match &self.stage {
            Stage::Asking => datagram::hello(&self.nonce),
            Stage::Greeting(greeting) if self.should_ask_again(now, greeting) => {
                datagram::hello(&self.nonce)
            }
            Stage::Greeting(greeting) => {
                let kind = match self.pattern {
                    Pattern::Nk => InitKind::Anonymous,
                    Pattern::Ik | Pattern::IkPsk2 => InitKind::Known,
                };
                let mac1 = |macd: &[u8]| greeting.mac1.compute(macd);
                datagram::init(kind, self.index, &greeting.token, &greeting.message, mac1)
            }
        };
        shared.send(self.remote, datagram);
        self.repetition.note_sent(now, &mut shared.rng);
    }

    /// A server whose key is another than the pinned one stays silent to INIT: it cannot read
    /// it. So when nothing is heard, every second datagram asks for the key instead [W-16].
    fn should_ask_again(&self, now: Instant, greeting: &Greeting) -> bool {
        self.pinned.is_some()
            && greeting.retried.is_none()
            && now - self.began >= ASK_AGAIN
            && self.repetition.sent() % 2 == 1
    }

    fn note_foreign_key(&mut self, server: PublicKey) -> Progress {
        if self.pinned.is_none() {
            return Progress::Waiting;
        }
        let times = match self.foreign {
            Some((key, times)) if key == server => times + 1,
            Some(_) | None => 1,
        };
        self.foreign = Some((server, times));
        if times >= FOREIGN_ANSWERS {
            return Progress::Failed(ConnectionError::WrongServerKey);
        }
        Progress::Waiting
    }
}

/// Reads a RESP, for a server's client and for a caller alike; `Err` says what it means when it is
/// not the answer. Junk is cheap to send and must not end the attempt (B08): only a true answer
/// does.
pub(super) fn read_resp(
    noise: &mut Initiator,
    message: &[u8],
    shared: &mut Shared,
) -> Result<(Finished, TransportParameters), Progress> {
    let Ok((finished, payload)) = noise.finish(message) else {
        shared.counters.bad_handshake += 1;
        return Err(Progress::Waiting);
    };
    match TransportParameters::decode(&payload) {
        Ok(peer) => Ok((finished, peer)),
        Err(_) => Err(Progress::Failed(ConnectionError::Handshake("transport parameters"))),
    }
}

impl Greeting {
    /// B09: one RETRY (or token of a late HELLO_REPLY) in the life of a token is answered, so a
    /// loop of forged ones moves nothing. The newest token is the one that counts all the same:
    /// a forged one leads to another RETRY by the server, and must not keep that out.
    fn honour(&mut self, now: Instant, token: Token) -> Honour {
        self.token = token;
        if self.retried.is_some_and(|at| now - at < ADDRESS_LIFE) {
            return Honour::Later;
        }
        self.retried = Some(now);
        Honour::AtOnce
    }
}
