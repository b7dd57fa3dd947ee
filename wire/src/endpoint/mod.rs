//! The endpoint: many connections over one socket.

mod candidates;
mod connect;
mod half_open;
mod limits;
mod link;
mod paths;
mod punch;
mod receive;
mod relays;
mod reset;
mod respond;
mod shared;
mod table;
#[cfg(test)]
mod tests;

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use self::connect::Attempt;
use self::half_open::Answers;
use self::limits::Limits;
use self::link::{End, Link};
use self::punch::Punch;
use self::reset::ResetMarks;
use self::shared::Shared;
use self::table::{Key, State, Table};
use crate::config::Config;
use crate::connection::Connection;
use crate::crypto::secret::Secret;
use crate::crypto::static_key::PublicKey;
use crate::datagram::Nonce;
use crate::error::{CloseReason, ConnectionError, OpenError, ReadError, WriteError};
use crate::event::Event;
use crate::id::{Class, ConnectionHandle, Seed, Side, StreamId};
use crate::node::{Deadline, Ecn, Node, Source, Transmit};
use crate::relay::{self, LegGrant};
use crate::tally::Tally;
use crate::time::{Duration, Instant};

/// Names one introduction in clear text, so that its datagrams find it. Random, told by the
/// server to both sides.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct CallTag(pub [u8; 8]);

/// How a client shows itself to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identify {
    /// Not at all (Noise NK): for registration and password login.
    Anonymous,
    /// By its static key (Noise IK): for a device that the server knows.
    Known,
}

/// Parameters of [`Endpoint::connect`].
#[derive(Clone, Debug)]
pub struct Connect {
    /// The server's address.
    pub remote: SocketAddr,
    /// The server's pinned key. When `None`, it is asked for with HELLO and reported by
    /// [`Event::Connected`]; the application pins it.
    pub server_key: Option<PublicKey>,
    /// How this client shows itself.
    pub identify: Identify,
    /// From an earlier [`Event::NewToken`] of the same server.
    pub token: Option<[u8; 24]>,
}

/// Parameters of [`Endpoint::call`]: one introduced peer.
#[derive(Clone, Debug)]
pub struct Call {
    /// Names this call; the same on both sides.
    pub tag: CallTag,
    /// Which side sends the handshake once a path answers.
    pub side: Side,
    /// The introduction secret, the `psk` of Noise `IKpsk2`.
    pub secret: Secret<[u8; 32]>,
    /// The only static key that is accepted from the other side.
    pub remote_static: PublicKey,
    /// Bound into the handshake by both sides: identities and call id.
    pub prologue: Vec<u8>,
    /// Where the other side may be reached: at most 8 are used.
    pub candidates: Vec<SocketAddr>,
    /// Where the server itself sees the other side, which no client can choose: the initiator's
    /// handshake goes there at once, before a probe has been answered.
    pub observed: Option<SocketAddr>,
    /// The way through the server, where there is one: taken when no other is found.
    pub relay: Option<Relay>,
}

/// A way to a peer through the server.
#[derive(Clone, Debug)]
pub struct Relay {
    /// The server's address.
    pub server: SocketAddr,
    /// This side's leg.
    pub grant: LegGrant,
}

/// Figures of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Smoothed round-trip time (RFC 9002 section 5); `None` until one was measured.
    pub smoothed_rtt: Option<Duration>,
    /// The shortest round trip on this path (RFC 9002 section 5.2); what the smoothed one is longer, datagrams
    /// wait in queues.
    pub min_rtt: Option<Duration>,
    /// Bytes of the largest datagrams that the path is known to take.
    pub datagram: usize,
    /// Bytes that may be in flight.
    pub congestion_window: u64,
    /// Bytes in flight.
    pub bytes_in_flight: u64,
    /// Bytes a second that the path delivered, as last measured
    /// (draft-ietf-ccwg-bbr section 4).
    pub delivery_rate: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams accepted.
    pub datagrams_received: u64,
    /// Datagrams declared lost.
    pub datagrams_lost: u64,
    /// Losses that turned out to be late arrivals.
    pub spurious_losses: u64,
    /// Stream bytes sent again.
    pub retransmitted_bytes: u64,
    /// Stream bytes sent for the first time.
    pub stream_bytes_sent: u64,
    /// Bytes held for this connection: reassembly, unread, unsent and unacknowledged.
    pub buffered_bytes: u64,
    /// When the last datagram of the other side was accepted; the handshake counts.
    pub received_at: Option<Instant>,
    /// When the last datagram was sent.
    pub sent_at: Option<Instant>,
    /// When that was sent which, of all that the other side has acknowledged, was sent last: so it heard this
    /// side after that.
    pub heard_at: Option<Instant>,
    /// What has kept this side from sending, of late: by the numbers of [`SendLimit`].
    pub limits: Option<Tally<4>>,
}

/// What keeps a connection from sending more at one moment (compare `tcp_info` of Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendLimit {
    /// Nothing: the application has nothing more to send.
    Application,
    /// The congestion window is full: acknowledgements are waited for.
    Congestion,
    /// The pacing rate, which follows what the path delivers.
    Pacing,
    /// Flow control: the other side's program has not read what it has.
    Flow,
}

impl SendLimit {
    /// All, by their numbers.
    pub const ALL: [Self; 4] = [Self::Application, Self::Congestion, Self::Pacing, Self::Flow];
}

/// Datagrams dropped by an endpoint, by cause, and work done for strangers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Shorter or longer than any datagram of its kind.
    pub bad_length: u64,
    /// CRC32 does not fit.
    pub bad_crc: u64,
    /// Reserved bytes or padding not zero, or a length inside that does not fit.
    pub malformed: u64,
    /// A type byte that does not exist, or one that this endpoint does not take.
    pub unknown_type: u64,
    /// A wire version that this endpoint does not speak.
    pub unknown_version: u64,
    /// No connection under this index.
    pub unknown_connection: u64,
    /// mac1 does not fit (a scanner).
    pub bad_mac: u64,
    /// An address token that is not valid.
    pub bad_token: u64,
    /// A handshake that failed cryptographically.
    pub bad_handshake: u64,
    /// A tag that does not fit.
    pub bad_tag: u64,
    /// Sealed under keys that are gone or not yet there.
    pub unknown_epoch: u64,
    /// A packet number already seen or too old, or a copy of a handshake that is complete.
    pub replayed: u64,
    /// Over a rate or memory limit.
    pub limited: u64,
    /// RETRY datagrams sent.
    pub retries_sent: u64,
    /// RESET datagrams sent.
    pub resets_sent: u64,
    /// Handshakes answered.
    pub handshakes: u64,
    /// DATA datagrams accepted.
    pub accepted: u64,
    /// Bytes received, in datagrams that were answered, from addresses that had proven nothing...
    pub stranger_bytes_in: u64,
    /// ...and the bytes of those answers: never more.
    pub stranger_bytes_out: u64,
}

/// Many connections over one socket, without the socket.
///
/// Everything that a datagram, a timer or a call leads to happens at once, inside that call; what
/// is to be sent then waits for [`Node::poll_transmit`], what is to be told for
/// [`Endpoint::poll_event`]. A connection that is idle is touched by neither.
pub struct Endpoint {
    shared: Shared,
    table: Table,
    /// Attempts to reach a server, by the nonce that RETRY and HELLO_REPLY echo.
    attempts: BTreeMap<Nonce, Key>,
    /// Calls being set up.
    calls: BTreeMap<CallTag, Key>,
    answers: Answers,
    limits: Limits,
    reset_marks: ResetMarks,
    events: VecDeque<(ConnectionHandle, Event)>,
    /// Whose datagrams were sent last.
    sent_last: Option<Key>,
}

impl Endpoint {
    /// An endpoint that draws everything random from `seed`.
    #[must_use]
    pub fn new(config: Config, seed: &Seed) -> Self {
        let mut shared = Shared::new(config, seed);
        Self {
            limits: Limits::new(shared.draw()),
            reset_marks: ResetMarks::new(shared.draw()),
            shared,
            table: Table::default(),
            attempts: BTreeMap::new(),
            calls: BTreeMap::new(),
            answers: Answers::default(),
            events: VecDeque::new(),
            sent_last: None,
        }
    }

    /// Begins a connection to a server. Its fate arrives as an event.
    pub fn connect(&mut self, now: Instant, connect: Connect) -> ConnectionHandle {
        let index = self.table.free_index(&mut self.shared.rng);
        match Attempt::new(now, &connect, index, &mut self.shared) {
            Ok(attempt) => self.begin(now, index, State::Connecting(Box::new(attempt))),
            Err(error) => {
                let handle = self.table.dead_handle();
                self.events.push_back((handle, Event::Closed(error)));
                handle
            }
        }
    }

    /// Begins, or makes ready to answer, a connection to an introduced peer: candidates are
    /// probed, and over the first that answers, the initiator sends its handshake; where the server
    /// sees the peer, it does not wait for that. The way through the server is taken when it is the
    /// only one that has answered for a while.
    pub fn call(&mut self, now: Instant, mut call: Call) -> ConnectionHandle {
        let index = self.table.free_index(&mut self.shared.rng);
        let relay = call.relay.take().map(|relay| self.shared.relays.open(&relay));
        let punch = Punch::new(now, call, relay, index, &mut self.shared);
        self.begin(now, index, State::Calling(Box::new(punch)))
    }

    /// More addresses under which the peer of a call that is still being set up may be reached.
    pub fn add_candidates(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        candidates: &[SocketAddr],
    ) {
        let Some(key) = self.table.key_of(handle) else { return };
        if let Some(State::Calling(punch)) = self.table.get_mut(key).map(|entry| &mut entry.state) {
            punch.add_candidates(now, candidates, &mut self.shared);
            self.wake(now, key);
        }
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// When not connected, or when the other side allows no more.
    pub fn open(&mut self, handle: ConnectionHandle, class: Class) -> Result<StreamId, OpenError> {
        self.connection_mut(handle).ok_or(OpenError::NotConnected)?.open(class)
    }

    /// Takes as many of `bytes` as the stream's send buffer holds and says how many. When fewer
    /// than all, [`Event::Writable`] tells when there is room again.
    ///
    /// # Errors
    /// When the stream does not exist or takes no more.
    pub fn write(
        &mut self,
        handle: ConnectionHandle,
        stream: StreamId,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        let connection = self.connection_mut(handle).ok_or(WriteError::NoStream(stream))?;
        connection.write(stream, bytes)
    }

    /// The same with a part of `bytes` that is not copied: it is shared until what was taken of it has
    /// been acknowledged. So whoever has the only copy again may use the vector for something else.
    /// Small parts are copied.
    ///
    /// # Errors
    /// When the stream does not exist or takes no more.
    ///
    /// # Panics
    /// When there is no such part.
    pub fn write_shared(
        &mut self,
        handle: ConnectionHandle,
        stream: StreamId,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError> {
        assert!(
            range.start <= range.end && range.end <= bytes.len(),
            "{range:?} of {}",
            bytes.len()
        );
        let connection = self.connection_mut(handle).ok_or(WriteError::NoStream(stream))?;
        connection.write_shared(stream, bytes, range)
    }

    /// Room in the stream's send buffer; 0 when it does not exist.
    #[must_use]
    pub fn writable(&self, handle: ConnectionHandle, stream: StreamId) -> usize {
        self.link(handle).map_or(0, |link| link.connection.writable(stream))
    }

    /// How many bytes of the stream were written and are not known to have arrived, with all behind
    /// the first of them; 0 when it does not exist.
    #[must_use]
    pub fn unacknowledged(&self, handle: ConnectionHandle, stream: StreamId) -> u64 {
        self.link(handle).map_or(0, |link| link.connection.unacknowledged(stream))
    }

    /// Ends this side's half of the stream after what was written.
    ///
    /// # Errors
    /// When the stream does not exist or has already ended.
    pub fn finish(&mut self, handle: ConnectionHandle, stream: StreamId) -> Result<(), WriteError> {
        self.connection_mut(handle).ok_or(WriteError::NoStream(stream))?.finish(stream)
    }

    /// Gives up this side's half of the stream; what was not delivered never will be.
    pub fn reset(&mut self, handle: ConnectionHandle, stream: StreamId, code: u32) {
        if let Some(connection) = self.connection_mut(handle) {
            connection.reset(stream, code);
        }
    }

    /// Asks the other side to give up its half of the stream; what arrives is thrown away.
    pub fn stop(&mut self, handle: ConnectionHandle, stream: StreamId, code: u32) {
        if let Some(connection) = self.connection_mut(handle) {
            connection.stop(stream, code);
        }
    }

    /// Appends at most `max` bytes to `out` and says what is left.
    ///
    /// # Errors
    /// When the stream does not exist or was reset by the other side.
    pub fn read(
        &mut self,
        handle: ConnectionHandle,
        stream: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError> {
        self.read_with(handle, stream, max, |bytes| out.extend_from_slice(bytes))
    }

    /// Lends at most `max` bytes to `take`, piece by piece and in order, and says what is left: for
    /// whoever is done with them at once, and needs no copy.
    ///
    /// # Errors
    /// When the stream does not exist or was reset by the other side.
    pub fn read_with(
        &mut self,
        handle: ConnectionHandle,
        stream: StreamId,
        max: usize,
        take: impl FnMut(&[u8]),
    ) -> Result<Read, ReadError> {
        // Reading may open the flow-control window, so there may be something to send.
        let connection = self.connection_mut(handle).ok_or(ReadError::NoStream(stream))?;
        connection.read_with(stream, max, take)
    }

    /// Closes with a reason that the other side is told. [`Event::Closed`] follows.
    pub fn close(&mut self, now: Instant, handle: ConnectionHandle, reason: CloseReason) {
        let Some(key) = self.table.key_of(handle) else { return };
        let Some(entry) = self.table.get_mut(key) else { return };
        match &mut entry.state {
            State::Up(link) => {
                link.connection.close(now, reason);
                self.settle(now, key);
            }
            State::Connecting(_) | State::Calling(_) => {
                let closed = Event::Closed(ConnectionError::Closed(reason));
                self.events.push_back((handle, closed));
                self.forget(key);
            }
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<(ConnectionHandle, Event)> {
        let (handle, event) = self.events.pop_front()?;
        if matches!(event, Event::Closed(_)) {
            self.note_end_told(handle);
        }
        Some((handle, event))
    }

    /// Figures of a connection; `None` when it does not exist.
    #[must_use]
    pub fn stats(&self, handle: ConnectionHandle) -> Option<Stats> {
        self.link(handle).map(|link| link.connection.stats())
    }

    /// The other side's validated address.
    #[must_use]
    pub fn remote_address(&self, handle: ConnectionHandle) -> Option<SocketAddr> {
        self.link(handle).map(|link| link.connection.remote_address())
    }

    /// What was dropped, and why.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.shared.counters
    }
}

/// Private helpers of the calls above.
impl Endpoint {
    /// Enters what the application begins, and does at once what is due at once.
    fn begin(&mut self, now: Instant, index: u32, state: State) -> ConnectionHandle {
        let key = self.table.insert(index, state);
        let entry = self.table.get(key).expect("inserted above");
        let handle = entry.handle;
        match &entry.state {
            State::Connecting(attempt) => {
                self.attempts.insert(attempt.nonce(), key);
            }
            State::Calling(punch) => {
                self.calls.insert(punch.tag(), key);
            }
            State::Up(_) => {}
        }
        self.wake(now, key);
        handle
    }

    /// Does what a connection has due at `now`.
    fn wake(&mut self, now: Instant, key: Key) {
        let Some(entry) = self.table.get_mut(key) else { return };
        let progress = match &mut entry.state {
            State::Connecting(attempt) => attempt.handle_timeout(now, &mut self.shared),
            State::Calling(punch) => punch.handle_timeout(now, &mut self.shared),
            State::Up(link) => {
                link.handle_timeout(now, &mut self.shared);
                return self.settle(now, key);
            }
        };
        self.proceed(now, key, progress);
    }

    /// The application knows that the connection has ended. It is kept while the other side may
    /// not know.
    fn note_end_told(&mut self, handle: ConnectionHandle) {
        let Some(key) = self.table.key_of(handle) else { return };
        let Some(State::Up(link)) = self.table.get_mut(key).map(|entry| &mut entry.state) else {
            return;
        };
        link.end = End::Told;
        if link.connection.is_dead() {
            self.forget(key);
        }
    }

    fn link(&self, handle: ConnectionHandle) -> Option<&Link> {
        match &self.table.get(self.table.key_of(handle)?)?.state {
            State::Up(link) if link.end == End::Untold => Some(link),
            State::Connecting(_) | State::Calling(_) | State::Up(_) => None,
        }
    }

    /// The connection for a call that may give it something to send.
    fn connection_mut(&mut self, handle: ConnectionHandle) -> Option<&mut Connection> {
        let key = self.table.key_of(handle)?;
        self.table.mark_ready(key);
        match &mut self.table.get_mut(key)?.state {
            State::Up(link) if link.end == End::Untold => Some(&mut link.connection),
            State::Connecting(_) | State::Calling(_) | State::Up(_) => None,
        }
    }
}

/// What [`Endpoint::read`] left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There is more to read now.
    More,
    /// No more now; [`Event::Readable`] tells when there is.
    Blocked,
    /// That was the end of the stream.
    End,
}

impl Node for Endpoint {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        self.receive(now, source, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some(key) = self.table.unfiled() {
            self.file(now, key);
        }
        while let Some(key) = self.table.next_due(now) {
            self.wake(now, key);
        }
        for index in self.answers.expire(now) {
            self.table.remove_route(index);
        }
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        loop {
            let transmit = self.next_transmit(now, buffer, max_datagrams)?;
            if !relay::is_relayed(transmit.destination) {
                return Some(transmit);
            }
            if let Some(wrapped) = self.shared.relays.wrap(&transmit, buffer) {
                return Some(wrapped);
            }
        }
    }

    fn handle_too_large(&mut self, now: Instant, size: usize) {
        let Some(key) = self.sent_last else { return };
        if let Some(State::Up(link)) = self.table.get_mut(key).map(|entry| &mut entry.state) {
            let relayed = relay::is_relayed(link.connection.remote_address());
            let header = if relayed { relay::HEADER_LEN } else { 0 };
            link.connection.handle_too_large(now, size.saturating_sub(header));
            self.settle(now, key);
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let unfiled = self.table.unfiled().and_then(|key| self.table.get(key)?.state.deadline());
        [self.table.next_deadline(), unfiled, self.answers.deadline()].into_iter().flatten().min()
    }
}

impl Endpoint {
    /// What is to be sent next, to addresses that stand for ways through the server as to others.
    fn next_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        buffer.clear();
        self.sent_last = None;
        if let Some((destination, datagram)) = self.shared.next_queued() {
            buffer.extend_from_slice(&datagram);
            return Some(Transmit {
                destination,
                segment_size: datagram.len(),
                ecn: Ecn::NotCapable,
            });
        }
        while let Some(key) = self.table.next_ready() {
            let Some(State::Up(link)) = self.table.get_mut(key).map(|entry| &mut entry.state)
            else {
                continue;
            };
            let relayed = relay::is_relayed(link.connection.remote_address());
            let max = if relayed { max_datagrams.min(relays::MAX_BURST) } else { max_datagrams };
            let transmit = link.connection.poll_transmit(now, buffer, max);
            if transmit.is_some() {
                self.sent_last = Some(key);
                self.settle(now, key);
                return transmit;
            }
            self.file(now, key);
        }
        None
    }
}
