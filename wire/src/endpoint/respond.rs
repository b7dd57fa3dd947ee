//! The server's side: what is done for a stranger, and in which order (PROTOCOL.md, "Answering
//! strangers"). Every step costs more than the one before and is reached only through it.

use std::net::SocketAddr;

use super::Endpoint;
use super::half_open::HalfOpen;
use super::limits::Guest;
use super::link::Up;
use super::shared::Answered;
use super::table::Route;
use crate::codec::Reader;
use crate::config::Accept;
use crate::connection::ways::Known;
use crate::crypto::noise::{Finished, Keys, Pattern, Prologue, Responder};
use crate::crypto::token::{NO_TOKEN, Proof};
use crate::datagram::{self, INIT_LEN, Init, InitKind, Nonce};
use crate::id::Side;
use crate::parameters::TransportParameters;
use crate::time::Instant;

impl Endpoint {
    /// HELLO: the server's key and a token, for one keyed hash and without keeping anything.
    pub(super) fn handle_hello(&mut self, now: Instant, source: SocketAddr, nonce: &Nonce) {
        let shared = &mut self.shared;
        match shared.config.accept {
            Accept::Announced => shared.counters.unknown_type += 1,
            Accept::Anyone => {
                let token = shared.tokens.address_token(now, source, nonce);
                let key = shared.config.static_key.public();
                let reply = datagram::hello_reply(nonce, &key.0, &token);
                shared.reply(source, INIT_LEN, reply);
            }
        }
    }

    /// INIT from a client. Length and CRC fit; then mac1, token, buckets, and only then
    /// cryptography [W-20].
    pub(super) fn handle_client_init(&mut self, now: Instant, source: SocketAddr, init: &Init<'_>) {
        let shared = &mut self.shared;
        match shared.config.accept {
            Accept::Announced => {
                shared.counters.unknown_type += 1;
                return;
            }
            Accept::Anyone => {}
        }
        if !shared.mac1.verify(init.macd, &init.mac1) {
            shared.counters.bad_mac += 1;
            return;
        }
        let proof = shared.tokens.check(now, &init.token, source, &init.nonce());
        if proof.is_none() && init.token != NO_TOKEN {
            shared.counters.bad_token += 1;
        }
        if self.answer_again(now, source, proof, init) {
            return;
        }
        let token_wanted = init.kind == InitKind::Anonymous || self.limits.under_load(now);
        let admitted = match proof {
            Some(Proof::Address) => self.limits.allow_guest(now, source, Guest::New),
            Some(Proof::Return) => self.limits.allow_guest(now, source, Guest::Returning),
            None if token_wanted => return self.send_retry(now, source, init),
            None => true,
        };
        if !admitted || !self.limits.allow_handshake(now) {
            self.shared.counters.limited += 1;
            return;
        }
        self.compute_answer(now, source, init, proof, token_wanted);
    }

    /// The first DATA for a half-open session: when it fits, the session becomes a connection,
    /// and the datagram its first.
    pub(super) fn promote(
        &mut self,
        now: Instant,
        ephemeral: &[u8; 32],
        datagram: &[u8],
    ) -> Option<Up> {
        let session = self.answers.session(ephemeral)?;
        let number = opens_with(&session.finished, datagram)?;
        let (address, session) = self.answers.promote(ephemeral)?;
        Some(Up {
            side: Side::Responder,
            pattern: session.pattern,
            psk: None,
            remote_index: session.remote_index,
            remote_static: session.remote_static,
            path: address,
            finished: session.finished,
            peer: session.peer,
            handshake_rtt: session.answered.round_trip(now, number),
            known: Known::default(),
        })
    }

    /// Answers an INIT that was answered before with the same bytes [W-28]: to the address that
    /// got them, or to another that has proven itself by a token. Says whether it was one.
    fn answer_again(
        &mut self,
        now: Instant,
        source: SocketAddr,
        proof: Option<Proof>,
        init: &Init<'_>,
    ) -> bool {
        let Some(answer) = self.answers.get_mut(&init.ephemeral()) else { return false };
        let moved = answer.address != source;
        if moved && proof != Some(Proof::Address) {
            // RETRY lets a client whose NAT has changed its port prove the new one. A copy from
            // elsewhere costs no second handshake, load or not.
            self.send_retry(now, source, init);
            return true;
        }
        match &mut answer.session {
            Some(session) => {
                session.answered = Answered::Often;
                let resp = session.resp.clone();
                answer.address = source;
                self.shared.reply(source, INIT_LEN, resp);
            }
            // The session is up: a late copy.
            None => self.shared.counters.replayed += 1,
        }
        true
    }

    fn send_retry(&mut self, now: Instant, source: SocketAddr, init: &Init<'_>) {
        let nonce = init.nonce();
        let token = self.shared.tokens.address_token(now, source, &nonce);
        self.shared.counters.retries_sent += 1;
        self.shared.reply(source, INIT_LEN, datagram::retry(&nonce, &token));
    }

    fn compute_answer(
        &mut self,
        now: Instant,
        source: SocketAddr,
        init: &Init<'_>,
        proof: Option<Proof>,
        token_wanted: bool,
    ) {
        let index = self.table.free_index(&mut self.shared.rng);
        let Some((noise, pattern, peer)) = self.read_init(init) else {
            self.shared.counters.bad_handshake += 1;
            return;
        };
        // Only now is it known who shows the token: another's is none [W-23].
        let stolen = proof == Some(Proof::Return)
            && !self.shared.tokens.is_for(&init.token, noise.remote_static());
        if stolen {
            self.shared.counters.bad_token += 1;
            if token_wanted {
                return self.send_retry(now, source, init);
            }
        }
        let remote_static = noise.remote_static();
        let Ok((finished, message)) = noise.answer(&self.shared.parameters()) else {
            self.shared.counters.bad_handshake += 1;
            return;
        };
        let resp = datagram::resp(index, init.sender, &message);
        self.shared.counters.handshakes += 1;
        self.shared.reply(source, INIT_LEN, resp.clone());
        let remote_index = init.sender;
        let session = HalfOpen {
            index,
            remote_index,
            pattern,
            remote_static,
            finished,
            peer,
            resp,
            answered: Answered::Once(now),
        };
        let ephemeral = init.ephemeral();
        for gone in self.answers.insert(now, ephemeral, source, session) {
            self.table.remove_route(gone);
        }
        self.table.add_route(index, Route::HalfOpen(ephemeral));
    }

    fn read_init(&mut self, init: &Init<'_>) -> Option<(Responder, Pattern, TransportParameters)> {
        let pattern = match init.kind {
            InitKind::Anonymous => Pattern::Nk,
            InitKind::Known => Pattern::Ik,
            InitKind::Peer => return None,
        };
        let seed = self.shared.draw_seed();
        let config = &self.shared.config;
        let prologue = Prologue::first(pattern, config.label, &[init.version], b"");
        let keys = Keys { local: Some(&config.static_key), psk: None };
        let (noise, payload) =
            Responder::read(pattern, &prologue, keys, seed, init.message).ok()?;
        let peer = TransportParameters::decode(&payload).ok()?;
        Some((noise, pattern, peer))
    }
}

/// The packet number of a DATA datagram (without CRC) that is of epoch 0 and sealed under these keys.
/// Works on a copy: the connection that is made then opens it again.
pub(super) fn opens_with(finished: &Finished, datagram: &[u8]) -> Option<u64> {
    let (header, sealed) = datagram.split_at_checked(16)?;
    let mut fields = Reader::new(&header[8..]);
    let (epoch, number) = (header[1], fields.u64().expect("a header is 16 bytes"));
    let opens = || finished.keys.open(number, header, &mut sealed.to_vec()).is_ok();
    (epoch == 0 && opens()).then_some(number)
}
