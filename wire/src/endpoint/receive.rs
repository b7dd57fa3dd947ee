//! Which part of the endpoint a datagram is for.

use core::mem;
use std::net::SocketAddr;

use super::connect::Progress;
use super::link::{End, Link, Up};
use super::respond::opens_with;
use super::table::{Entry, Key, Route, State};
use super::{CallTag, Endpoint, reset};
use crate::connection::{ConnectionOutput, Received};
use crate::crypto::static_key::PublicKey;
use crate::datagram::{self, CRC_LEN, Datagram, Init, InitKind, Malformed, Nonce, Probe, Token};
use crate::event::Event;
use crate::node::{Ecn, Source};
use crate::relay::{self, Refused};
use crate::time::Instant;

impl Endpoint {
    pub(super) fn receive(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        if relay::is_relayed(source.address) {
            // Nothing comes from there: those addresses stand for something else here [W-113].
            self.shared.counters.malformed += 1;
        } else if relay::is_relay(datagram) {
            self.receive_relayed(now, datagram);
        } else {
            self.receive_carried(now, source, datagram);
        }
    }

    /// What has come through the server is as good as what came from an address of its own.
    #[inline(never)]
    fn receive_relayed(&mut self, now: Instant, datagram: &mut [u8]) {
        let counters = &mut self.shared.counters;
        match self.shared.relays.unwrap(datagram) {
            Ok(Some((address, []))) => self.end_relay(now, address),
            Ok(Some((address, carried))) => {
                let source = Source { address, ecn: Ecn::NotCapable };
                self.receive_carried(now, source, carried);
            }
            Ok(None) => counters.unknown_connection += 1,
            Err(Refused::Malformed) => counters.malformed += 1,
            Err(Refused::BadMac) => counters.bad_mac += 1,
            Err(Refused::Replayed) => counters.replayed += 1,
        }
    }

    /// The server says that a leg has ended [W-116].
    fn end_relay(&mut self, now: Instant, place: SocketAddr) {
        self.shared.relays.close(place);
        let Some(key) = self.table.find(|state| state.relay() == Some(place)) else { return };
        match self.table.get_mut(key).map(|entry| &mut entry.state) {
            Some(State::Calling(punch)) => punch.end_relay(),
            Some(State::Up(link)) => link.connection.end_relay(now),
            Some(State::Connecting(_)) | None => {}
        }
        self.settle(now, key);
    }

    fn receive_carried(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        match datagram::parse(datagram) {
            Ok(Datagram::Data { receiver }) => {
                let len = datagram.len();
                self.receive_data(now, source, receiver, &mut datagram[..len - CRC_LEN]);
            }
            Ok(other) => self.receive_other(now, source.address, other),
            Err(malformed) => self.count_malformed(malformed),
        }
    }

    /// Everything but DATA. Apart, as handshakes take kilobytes of stack, and to make room for those
    /// would cost every datagram.
    #[inline(never)]
    fn receive_other(&mut self, now: Instant, from: SocketAddr, datagram: Datagram<'_>) {
        match datagram {
            Datagram::Hello { nonce } => self.handle_hello(now, from, &nonce),
            Datagram::HelloReply { nonce, server, token } => {
                self.receive_hello_reply(now, from, &nonce, (PublicKey(server), token));
            }
            Datagram::Init(init) => match init.kind {
                InitKind::Anonymous | InitKind::Known => self.handle_client_init(now, from, &init),
                InitKind::Peer => self.receive_peer_init(now, from, &init),
            },
            Datagram::Retry { nonce, token } => self.receive_retry(now, from, &nonce, token),
            Datagram::Resp { sender, receiver, message } => {
                self.receive_resp(now, from, receiver, (sender, message));
            }
            Datagram::Reset { token } => self.handle_reset(now, &token),
            Datagram::Probe(probe) => self.receive_probe(now, from, &probe),
            // Taken already.
            Datagram::Data { .. } => {}
        }
    }

    /// Makes a connection of what the application has begun, and tells it.
    pub(super) fn go_up(&mut self, now: Instant, key: Key, up: Up) {
        let Some(entry) = self.table.get_mut(key) else { return };
        let (link, event) = Link::new(now, entry.index, up, &mut self.shared);
        let before = mem::replace(&mut entry.state, State::Up(Box::new(link)));
        self.events.push_back((entry.handle, event));
        self.forget_names(key, &before);
    }

    /// The first DATA for what the other side has begun: when it fits, there is a connection, and the
    /// application is told. Apart from what every datagram goes through, as its keys take much stack.
    #[inline(never)]
    fn adopt(
        &mut self,
        now: Instant,
        index: u32,
        ephemeral: &[u8; 32],
        datagram: &[u8],
    ) -> Option<Key> {
        let up = self.promote(now, ephemeral, datagram)?;
        let address = up.path;
        let (mut link, event) = Link::new(now, index, up, &mut self.shared);
        link.send_return_token(now, address, &self.shared);
        let key = self.table.insert(index, State::Up(Box::new(link)));
        if let Some(entry) = self.table.get(key) {
            self.events.push_back((entry.handle, event));
        }
        Some(key)
    }

    /// Called after everything that is done to a connection: it may have something to send now.
    pub(super) fn settle(&mut self, now: Instant, key: Key) {
        self.table.mark_ready(key);
        self.file(now, key);
    }

    /// Carries out what a connection wants, and puts it where the next wake finds it.
    pub(super) fn file(&mut self, now: Instant, key: Key) {
        self.carry_out_all(now, key);
        let Some(entry) = self.table.get(key) else { return };
        match &entry.state {
            State::Up(link) if link.connection.is_dead() && link.end == End::Told => {
                self.forget(key);
            }
            State::Connecting(_) | State::Calling(_) | State::Up(_) => {
                let deadline = entry.state.deadline();
                self.table.set_deadline(key, deadline);
            }
        }
    }

    fn carry_out_all(&mut self, now: Instant, key: Key) {
        while let Some(output) = self.next_output(key) {
            self.carry_out(now, key, output);
            self.table.mark_ready(key);
        }
    }

    /// Acts on what a datagram or a timer has led to in a handshake.
    pub(super) fn proceed(&mut self, now: Instant, key: Key, progress: Progress) {
        match progress {
            Progress::Waiting => {}
            Progress::Up(up) => self.go_up(now, key, *up),
            Progress::Failed(error) => {
                if let Some(entry) = self.table.get(key) {
                    self.events.push_back((entry.handle, Event::Closed(error)));
                }
                return self.forget(key);
            }
        }
        self.settle(now, key);
    }

    /// Removes a connection and everything by which it was found.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(entry) = self.table.remove(key) {
            if let Some(relay) = entry.state.relay() {
                self.shared.relays.close(relay);
            }
            self.forget_names(key, &entry.state);
        }
    }

    /// Removes the names by which datagrams find a connection in this state.
    fn forget_names(&mut self, key: Key, state: &State) {
        match state {
            State::Connecting(attempt) => {
                self.attempts.remove(&attempt.nonce());
            }
            State::Calling(punch) => {
                // A later call may have taken the tag over.
                if self.calls.get(&punch.tag()) == Some(&key) {
                    self.calls.remove(&punch.tag());
                }
            }
            State::Up(link) => {
                for mark in link.reset_marks.iter().flatten() {
                    self.reset_marks.forget(mark);
                }
            }
        }
    }

    fn next_output(&mut self, key: Key) -> Option<ConnectionOutput> {
        match &mut self.table.get_mut(key)?.state {
            State::Up(link) => link.connection.poll_output(),
            State::Connecting(_) | State::Calling(_) => None,
        }
    }

    fn carry_out(&mut self, now: Instant, key: Key, output: ConnectionOutput) {
        let Some(entry) = self.table.get_mut(key) else { return };
        let State::Up(link) = &mut entry.state else { return };
        match output {
            ConnectionOutput::Event(event) => self.events.push_back((entry.handle, event)),
            ConnectionOutput::RekeyDue => link.rekey_due(&mut self.shared),
            ConnectionOutput::RekeyMessage { epoch, step, message } => {
                link.rekey_message(now, epoch, (step, &message), &mut self.shared);
            }
            ConnectionOutput::PathMoved(address) => {
                let token = self.shared.tokens.reset_token(entry.index, address);
                link.connection.send_reset_token(token);
                link.send_return_token(now, address, &self.shared);
            }
            ConnectionOutput::ResetToken(token) => self.note_reset_token(key, &token),
        }
    }

    fn receive_data(&mut self, now: Instant, source: Source, index: u32, datagram: &mut [u8]) {
        let key = match self.table.route(index) {
            Some(Route::Entry(key)) => key,
            Some(Route::HalfOpen(ephemeral)) => {
                match self.adopt(now, index, &ephemeral, datagram) {
                    Some(key) => key,
                    None => {
                        self.shared.counters.bad_tag += 1;
                        return;
                    }
                }
            }
            None => {
                let (trigger, from) = (datagram.len() + CRC_LEN, source.address);
                let (limits, shared) = (&mut self.limits, &mut self.shared);
                return reset::answer_unknown(now, from, index, trigger, limits, shared);
            }
        };
        if let Some(State::Calling(_)) = self.table.get(key).map(|entry| &entry.state) {
            self.complete_call(now, key, source.address, datagram);
        }
        let Some(State::Up(link)) = self.table.get_mut(key).map(|entry| &mut entry.state) else {
            self.shared.counters.bad_tag += 1;
            return;
        };
        let received = link.handle_data(now, source, datagram);
        self.count_received(received);
        self.carry_out_all(now, key);
        self.table.mark_ready(key);
        // The next datagram will most likely be for the same connection.
        if let Some(other) = self.table.leave_unfiled(key) {
            self.file(now, other);
        }
    }

    /// DATA on a call that is being set up: its first completes the responder's handshake.
    #[inline(never)]
    fn complete_call(&mut self, now: Instant, key: Key, source: SocketAddr, datagram: &[u8]) {
        let Some(State::Calling(punch)) = self.table.get_mut(key).map(|entry| &mut entry.state)
        else {
            return;
        };
        if let Some(up) = punch.handle_data(now, source, |finished| opens_with(finished, datagram))
        {
            self.go_up(now, key, up);
        }
    }

    fn receive_hello_reply(
        &mut self,
        now: Instant,
        source: SocketAddr,
        nonce: &Nonce,
        reply: (PublicKey, Token),
    ) {
        let key = self.attempts.get(nonce).copied();
        let entry = key.and_then(|key| Some((key, self.table.get_mut(key)?)));
        let Some((key, Entry { state: State::Connecting(attempt), .. })) = entry else {
            self.shared.counters.unknown_connection += 1;
            return;
        };
        let progress = attempt.handle_hello_reply(now, source, reply, &mut self.shared);
        self.proceed(now, key, progress);
    }

    fn receive_retry(&mut self, now: Instant, source: SocketAddr, nonce: &Nonce, token: Token) {
        let key = self.attempts.get(nonce).copied();
        let entry = key.and_then(|key| Some((key, self.table.get_mut(key)?)));
        let Some((key, Entry { state: State::Connecting(attempt), .. })) = entry else {
            self.shared.counters.unknown_connection += 1;
            return;
        };
        attempt.handle_retry(now, source, token, &mut self.shared);
        self.settle(now, key);
    }

    fn receive_resp(&mut self, now: Instant, source: SocketAddr, index: u32, resp: (u32, &[u8])) {
        let Some(Route::Entry(key)) = self.table.route(index) else {
            self.shared.counters.unknown_connection += 1;
            return;
        };
        let Some(entry) = self.table.get_mut(key) else { return };
        let progress = match &mut entry.state {
            State::Connecting(attempt) => attempt.handle_resp(now, source, resp, &mut self.shared),
            State::Calling(punch) => punch.handle_resp(now, source, resp, &mut self.shared),
            // A copy of the RESP that completed the handshake.
            State::Up(_) => {
                self.shared.counters.replayed += 1;
                return;
            }
        };
        self.proceed(now, key, progress);
    }

    fn receive_peer_init(&mut self, now: Instant, source: SocketAddr, init: &Init<'_>) {
        let tag = CallTag(*init.token.first_chunk().expect("a token is longer than a tag"));
        let key = self.calls.get(&tag).copied();
        let entry = key.and_then(|key| Some((key, self.table.get_mut(key)?)));
        let Some((key, Entry { state: State::Calling(punch), .. })) = entry else {
            self.shared.counters.unknown_connection += 1;
            return;
        };
        if !self.shared.mac1.verify(init.macd, &init.mac1) {
            self.shared.counters.bad_mac += 1;
            return;
        }
        punch.handle_init(now, source, init, &mut self.shared);
        self.settle(now, key);
    }

    fn receive_probe(&mut self, now: Instant, source: SocketAddr, probe: &Probe) {
        let key = self.calls.get(&CallTag(probe.tag)).copied();
        let entry = key.and_then(|key| Some((key, self.table.get_mut(key)?)));
        let Some((key, Entry { state: State::Calling(punch), .. })) = entry else {
            self.shared.counters.unknown_connection += 1;
            return;
        };
        punch.handle_probe(now, source, probe, &mut self.shared);
        self.settle(now, key);
    }

    fn count_malformed(&mut self, malformed: Malformed) {
        let counters = &mut self.shared.counters;
        let counter = match malformed {
            Malformed::Length => &mut counters.bad_length,
            Malformed::Crc => &mut counters.bad_crc,
            Malformed::Type => &mut counters.unknown_type,
            Malformed::Version => &mut counters.unknown_version,
            Malformed::Form => &mut counters.malformed,
        };
        *counter += 1;
    }

    fn count_received(&mut self, received: Received) {
        let counters = &mut self.shared.counters;
        let counter = match received {
            Received::Accepted => &mut counters.accepted,
            Received::BadTag => &mut counters.bad_tag,
            Received::Replayed => &mut counters.replayed,
            Received::UnknownEpoch => &mut counters.unknown_epoch,
        };
        *counter += 1;
    }
}
