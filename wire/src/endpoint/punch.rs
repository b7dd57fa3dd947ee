//! A call: finding a way to an introduced peer, and the handshake over it (PROTOCOL.md,
//! "Calls").

use std::net::SocketAddr;

use super::connect::{Progress, read_resp};
use super::link::Up;
use super::paths::Paths;
use super::shared::{Answered, Repetition, Shared};
use super::{Call, CallTag};
use crate::connection::ways::Known;
use crate::crypto::mac::{Mac1, ProbeKeys};
use crate::crypto::noise::{Finished, Initiator, Keys, Pattern, Prologue, Responder};
use crate::crypto::token::NO_TOKEN;
use crate::datagram::{self, Init, InitKind, Probe, ProbeKind, Token, VERSION};
use crate::error::ConnectionError;
use crate::id::Side;
use crate::node::Deadline;
use crate::parameters::TransportParameters;
use crate::relay::is_relayed;
use crate::time::{Duration, Instant};

/// INITs over one path without an answer before the next path has its turn.
const INITS_PER_PATH: u32 = 3;
/// What INIT costs of the probes to an address that has not answered.
const UNFILLED_COST: u32 = (datagram::UNFILLED_MAX / datagram::PROBE_LEN) as u32;
/// INIT that went to a path before it had answered is answered together with the probe beside it,
/// if it has arrived: a little later it is taken for lost.
const GRACE: Duration = Duration::from_millis(10);
/// Handshakes computed for one call: the peer needs one, or a second after a restart [W-39].
const MAX_ANSWERS: u32 = 16;
/// The way through the server answers as soon as the other side is there; a direct one may need a few
/// probes. After so long it needs more than these [W-113].
const RELAY_PATIENCE: Duration = Duration::from_millis(500);

/// One call that is being set up.
pub(super) struct Punch {
    call: Call,
    /// This side's index.
    index: u32,
    keys: ProbeKeys,
    paths: Paths,
    /// The address that stands for the way through the server.
    relay: Option<SocketAddr>,
    role: Role,
    expires: Instant,
}

/// Either side of a call.
enum Role {
    /// Sends INIT, once to where the server sees the peer, then over paths that answer.
    Initiator(Option<Box<Offer>>),
    /// Waits for it.
    Responder(Option<Box<Acceptance>>, u32),
}

/// The initiator's INIT.
struct Offer {
    noise: Initiator,
    datagram: Vec<u8>,
    /// Where it went, and when, before any path had answered.
    early: Option<(SocketAddr, Instant)>,
    /// Over paths that have answered, from the first on.
    repetition: Option<Repetition>,
}

/// The responder's answer to an INIT.
struct Acceptance {
    ephemeral: [u8; 32],
    remote_index: u32,
    resp: Vec<u8>,
    answered: Answered,
    finished: Finished,
    peer: TransportParameters,
    /// Where the answer went last.
    path: SocketAddr,
    /// Whether it went nowhere else: then DATA that comes from there proves that the peer
    /// receives there.
    only: bool,
}

impl Punch {
    pub(super) fn new(
        now: Instant,
        call: Call,
        relay: Option<SocketAddr>,
        index: u32,
        shared: &mut Shared,
    ) -> Self {
        let mut paths = Paths::new();
        paths.list(now, &call.candidates, shared);
        if let Some(relay) = relay {
            paths.list_relay(now, relay, shared);
        }
        Self {
            keys: ProbeKeys::new(call.secret.expose(), call.side),
            paths,
            relay,
            role: match call.side {
                Side::Initiator => Role::Initiator(None),
                Side::Responder => Role::Responder(None, 0),
            },
            // It may be announced to either side first [W-34].
            expires: now + shared.config.transport.handshake_timeout,
            call,
            index,
        }
    }

    pub(super) const fn tag(&self) -> CallTag {
        self.call.tag
    }

    pub(super) const fn relay(&self) -> Option<SocketAddr> {
        self.relay
    }

    /// The server carries nothing for this call.
    pub(super) fn end_relay(&mut self) {
        if let Some(relay) = self.relay.take() {
            self.paths.forget(relay);
        }
        // With nowhere to go, INIT is not repeated until another path answers.
        if self.paths.answered(0).is_none()
            && let Role::Initiator(Some(offer)) = &mut self.role
        {
            offer.repetition = None;
        }
    }

    pub(super) fn add_candidates(
        &mut self,
        now: Instant,
        candidates: &[SocketAddr],
        shared: &mut Shared,
    ) {
        self.paths.list(now, candidates, shared);
    }

    pub(super) fn deadline(&self) -> Deadline {
        let mut next = Deadline { at: self.expires, timer: "call timeout" };
        if let Some(at) = self.paths.next_probe() {
            next = next.min(Deadline { at, timer: "probe" });
        }
        if let Role::Initiator(Some(offer)) = &self.role
            && let Some(repetition) = &offer.repetition
        {
            next = next.min(Deadline { at: repetition.next, timer: "handshake repetition" });
        }
        next
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, shared: &mut Shared) -> Progress {
        if now >= self.expires {
            return Progress::Failed(ConnectionError::Unreachable);
        }
        self.paths.probe(now, self.call.tag.0, &self.keys, shared);
        self.send_early_offer(now, shared);
        self.send_offer(now, shared);
        Progress::Waiting
    }

    pub(super) fn handle_probe(
        &mut self,
        now: Instant,
        source: SocketAddr,
        probe: &Probe,
        shared: &mut Shared,
    ) {
        if !self.keys.verify(probe) {
            shared.counters.bad_mac += 1;
            return;
        }
        match probe.kind {
            ProbeKind::Request => {
                // Own probe first: when the initiator is asked before it is answered, the
                // responder knows the path before INIT comes over it.
                self.paths.note_probe(now, source, shared);
                self.paths.probe(now, self.call.tag.0, &self.keys, shared);
                let answer = self.keys.seal(ProbeKind::Answer, self.call.tag.0, probe.nonce);
                let trigger = answer.len();
                shared.reply(source, trigger, answer);
            }
            ProbeKind::Answer => {
                if !self.paths.note_answer(source, probe.nonce) {
                    shared.counters.bad_mac += 1;
                    return;
                }
                self.offer_over_answered(now, source, shared);
            }
        }
    }

    /// The responder's part. Nothing is computed for an address from which nothing has come that
    /// proves the introduction secret; and once an address that has only probed got an answer, the
    /// next must have proven that it receives, so that there is always a path that did [W-39].
    pub(super) fn handle_init(
        &mut self,
        now: Instant,
        source: SocketAddr,
        init: &Init<'_>,
        shared: &mut Shared,
    ) {
        let Role::Responder(acceptance, computed) = &mut self.role else {
            shared.counters.unknown_type += 1;
            return;
        };
        let may_ask = self.paths.has_answered(source)
            || match &acceptance {
                None => self.paths.has_spoken(source),
                Some(known) => known.only && known.path == source,
            };
        if !may_ask {
            shared.counters.bad_token += 1;
            return;
        }
        let known = acceptance.as_mut().filter(|known| known.ephemeral == init.ephemeral());
        if let Some(known) = known {
            known.only &= known.path == source;
            known.path = source;
            known.answered = Answered::Often;
            shared.send(source, known.resp.clone());
            return;
        }
        if *computed >= MAX_ANSWERS {
            shared.counters.limited += 1;
            return;
        }
        *computed += 1;
        match accept(now, &self.call, source, self.index, init, shared) {
            Some(new) => {
                shared.counters.handshakes += 1;
                shared.send(source, new.resp.clone());
                *acceptance = Some(Box::new(new));
            }
            None => shared.counters.bad_handshake += 1,
        }
    }

    /// The initiator's part: the answer to INIT.
    pub(super) fn handle_resp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        (sender, message): (u32, &[u8]),
        shared: &mut Shared,
    ) -> Progress {
        let Role::Initiator(Some(offer)) = &mut self.role else { return Progress::Waiting };
        if !self.paths.has_answered(source) && !offer.went_only_to(source) {
            shared.counters.bad_handshake += 1;
            return Progress::Waiting;
        }
        let (finished, peer) = match read_resp(&mut offer.noise, message, shared) {
            Ok(agreed) => agreed,
            Err(progress) => return progress,
        };
        Progress::Up(Box::new(Up {
            side: Side::Initiator,
            pattern: Pattern::IkPsk2,
            psk: Some(*self.call.secret.expose()),
            remote_index: sender,
            remote_static: Some(self.call.remote_static),
            path: source,
            finished,
            peer,
            handshake_rtt: offer.round_trip(now, source),
            known: Known { relay: self.relay, direct: self.paths.direct() },
        }))
    }

    /// The responder's part: DATA that fits the answered handshake completes it.
    pub(super) fn handle_data(
        &mut self,
        now: Instant,
        source: SocketAddr,
        opens: impl FnOnce(&Finished) -> Option<u64>,
    ) -> Option<Up> {
        let Role::Responder(acceptance, _) = &mut self.role else { return None };
        let path = acceptance.as_ref()?.path_of(source, &self.paths)?;
        let number = opens(&acceptance.as_ref()?.finished)?;
        let known = acceptance.take()?;
        Some(Up {
            side: Side::Responder,
            pattern: Pattern::IkPsk2,
            psk: Some(*self.call.secret.expose()),
            remote_index: known.remote_index,
            remote_static: Some(self.call.remote_static),
            path,
            finished: known.finished,
            peer: known.peer,
            handshake_rtt: known.answered.round_trip(now, number),
            known: Known { relay: self.relay, direct: self.paths.direct() },
        })
    }
}

impl Punch {
    /// Where the server sees the peer is not for a client to say: INIT goes there beside the first
    /// probe, once and in the place of others, which saves a round trip [W-37].
    fn send_early_offer(&mut self, now: Instant, shared: &mut Shared) {
        let Some(observed) = self.call.observed.take() else { return };
        let Role::Initiator(offer @ None) = &mut self.role else { return };
        let Some(observed) = self.paths.charge(observed, UNFILLED_COST) else { return };
        let Some(new) = make_offer(&self.call, self.index, shared) else {
            shared.counters.bad_handshake += 1;
            return;
        };
        shared.send(observed, datagram::unfilled(&new.datagram));
        *offer = Some(Box::new(Offer { early: Some((observed, now)), ..new }));
    }

    /// Makes the INIT when the first path has answered, if it is not made yet, and sends it.
    fn offer_over_answered(&mut self, now: Instant, path: SocketAddr, shared: &mut Shared) {
        let Role::Initiator(offer) = &mut self.role else { return };
        if offer.is_none() {
            *offer = make_offer(&self.call, self.index, shared).map(Box::new);
        }
        let Some(offer) = offer else {
            shared.counters.bad_handshake += 1;
            return;
        };
        let wait = if Some(path) == self.relay {
            RELAY_PATIENCE
        } else if offer.went_only_to(path) {
            GRACE
        } else {
            Duration::ZERO
        };
        match &mut offer.repetition {
            None => offer.repetition = Some(Repetition::new(now + wait)),
            Some(repetition) if repetition.sent() == 0 => {
                repetition.next = repetition.next.min(now + wait);
            }
            Some(_) => {}
        }
        self.send_offer(now, shared);
    }

    fn send_offer(&mut self, now: Instant, shared: &mut Shared) {
        let Role::Initiator(Some(offer)) = &mut self.role else { return };
        let Some(repetition) = offer.repetition.as_mut().filter(|it| it.is_due(now)) else {
            return;
        };
        let turn = usize::try_from(repetition.sent() / INITS_PER_PATH).unwrap_or(0);
        let Some(path) = self.paths.answered(turn) else { return };
        shared.send(path, offer.datagram.clone());
        repetition.note_sent(now, &mut shared.rng);
    }
}

impl Offer {
    /// Whether it went early to this address, and nowhere else since: an answer from there is as
    /// good as that to a probe.
    fn went_only_to(&self, address: SocketAddr) -> bool {
        let repeated = self.repetition.as_ref().is_some_and(|repetition| repetition.sent() > 0);
        !repeated && self.early.is_some_and(|(path, _)| path == address)
    }

    /// The round trip that an answer from `source` has measured, if only one sending can have
    /// caused it.
    fn round_trip(&self, now: Instant, source: SocketAddr) -> Option<Duration> {
        match self.early {
            Some((path, at)) if path == source => self.went_only_to(source).then(|| now - at),
            Some(_) | None => self.repetition.as_ref()?.round_trip(now),
        }
    }
}

impl Acceptance {
    /// The path of a connection of which DATA comes from `source`: one at which the peer has
    /// shown that it receives [W-39], or the way through the server, which leads to nobody else.
    fn path_of(&self, source: SocketAddr, paths: &Paths) -> Option<SocketAddr> {
        let is_only = self.only && self.path == source;
        let proven = is_relayed(source) || is_only || paths.has_answered(source);
        if proven {
            return Some(source);
        }
        Some(self.path).filter(|path| paths.has_answered(*path)).or_else(|| paths.answered(0))
    }
}

fn prologue(call: &Call, label: &str, version: u8) -> Prologue {
    let mut binding = call.tag.0.to_vec();
    binding.extend_from_slice(&call.prologue);
    Prologue::first(Pattern::IkPsk2, label, &[version], &binding)
}

fn make_offer(call: &Call, index: u32, shared: &mut Shared) -> Option<Offer> {
    let prologue = prologue(call, shared.config.label, VERSION);
    let seed = shared.draw_seed();
    let keys = Keys { local: Some(&shared.config.static_key), psk: Some(call.secret.expose()) };
    let parameters = shared.parameters();
    let remote = &call.remote_static;
    let (noise, message) =
        Initiator::start(Pattern::IkPsk2, &prologue, keys, remote, seed, &parameters).ok()?;
    let mut tag: Token = NO_TOKEN;
    tag[..8].copy_from_slice(&call.tag.0);
    let mac1 = Mac1::new(remote);
    let datagram = datagram::init(InitKind::Peer, index, &tag, &message, |macd| mac1.compute(macd));
    Some(Offer { noise, datagram, early: None, repetition: None })
}

/// Reads an INIT and answers it, if it comes from the introduced key.
fn accept(
    now: Instant,
    call: &Call,
    path: SocketAddr,
    index: u32,
    init: &Init<'_>,
    shared: &mut Shared,
) -> Option<Acceptance> {
    let prologue = prologue(call, shared.config.label, init.version);
    let seed = shared.draw_seed();
    let keys = Keys { local: Some(&shared.config.static_key), psk: Some(call.secret.expose()) };
    let (noise, payload) =
        Responder::read(Pattern::IkPsk2, &prologue, keys, seed, init.message).ok()?;
    if noise.remote_static() != Some(call.remote_static) {
        return None;
    }
    let peer = TransportParameters::decode(&payload).ok()?;
    let (finished, message) = noise.answer(&shared.parameters()).ok()?;
    let resp = datagram::resp(index, init.sender, &message);
    let (ephemeral, remote_index) = (init.ephemeral(), init.sender);
    let answered = Answered::Once(now);
    Some(Acceptance { ephemeral, remote_index, resp, answered, finished, peer, path, only: true })
}
