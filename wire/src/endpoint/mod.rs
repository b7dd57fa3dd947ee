//! The endpoint: many connections over one socket.

use std::net::SocketAddr;

use crate::config::Config;
use crate::crypto::static_key::PublicKey;
use crate::error::{CloseReason, OpenError, ReadError, WriteError};
use crate::event::Event;
use crate::id::{Class, ConnectionHandle, Seed, Side, StreamId};
use crate::node::{Deadline, Node, Source, Transmit};
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
    pub secret: [u8; 32],
    /// The only static key that is accepted from the other side.
    pub remote_static: PublicKey,
    /// Bound into the handshake by both sides: identities and call id.
    pub prologue: Vec<u8>,
    /// Where the other side may be reached: at most 8 are used.
    pub candidates: Vec<SocketAddr>,
}

/// Figures of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Smoothed round-trip time (RFC 9002 section 5).
    pub smoothed_rtt: Duration,
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
}

/// Datagrams dropped by an endpoint, by cause, and work done for strangers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Shorter or longer than any datagram of its kind.
    pub bad_length: u64,
    /// CRC32 does not fit.
    pub bad_crc: u64,
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
    /// A packet number already seen or too old.
    pub replayed: u64,
    /// Over a rate or memory limit.
    pub limited: u64,
    /// RETRY datagrams sent.
    pub retries_sent: u64,
    /// RESET datagrams sent.
    pub resets_sent: u64,
    /// Handshakes answered.
    pub handshakes: u64,
    /// Datagrams accepted.
    pub accepted: u64,
}

/// Many connections over one socket, without the socket.
pub struct Endpoint {}

#[expect(unused_variables, clippy::unused_self, reason = "skeleton")]
impl Endpoint {
    /// An endpoint that draws everything random from `seed`.
    #[must_use]
    pub fn new(config: Config, seed: &Seed) -> Self {
        todo!()
    }

    /// Begins a connection to a server. Its fate arrives as an event.
    pub fn connect(&mut self, now: Instant, connect: Connect) -> ConnectionHandle {
        todo!()
    }

    /// Begins, or makes ready to answer, a connection to an introduced peer: candidates are
    /// probed, and over the first that answers, the initiator sends its handshake.
    pub fn call(&mut self, now: Instant, call: Call) -> ConnectionHandle {
        todo!()
    }

    /// More addresses under which the peer of a call that is still being set up may be reached.
    pub fn add_candidates(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        candidates: &[SocketAddr],
    ) {
        todo!()
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// When not connected, or when the other side allows no more.
    pub fn open(&mut self, handle: ConnectionHandle, class: Class) -> Result<StreamId, OpenError> {
        todo!()
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
        todo!()
    }

    /// Room in the stream's send buffer; 0 when it does not exist.
    #[must_use]
    pub fn writable(&self, handle: ConnectionHandle, stream: StreamId) -> usize {
        todo!()
    }

    /// Ends this side's half of the stream after what was written.
    ///
    /// # Errors
    /// When the stream does not exist or has already ended.
    pub fn finish(&mut self, handle: ConnectionHandle, stream: StreamId) -> Result<(), WriteError> {
        todo!()
    }

    /// Gives up this side's half of the stream; what was not delivered never will be.
    pub fn reset(&mut self, handle: ConnectionHandle, stream: StreamId, code: u32) {
        todo!()
    }

    /// Asks the other side to give up its half of the stream; what arrives is thrown away.
    pub fn stop(&mut self, handle: ConnectionHandle, stream: StreamId, code: u32) {
        todo!()
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
        todo!()
    }

    /// Closes with a reason that the other side is told. [`Event::Closed`] follows.
    pub fn close(&mut self, now: Instant, handle: ConnectionHandle, reason: CloseReason) {
        todo!()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<(ConnectionHandle, Event)> {
        todo!()
    }

    /// Figures of a connection; `None` when it does not exist.
    #[must_use]
    pub fn stats(&self, handle: ConnectionHandle) -> Option<Stats> {
        todo!()
    }

    /// The other side's validated address.
    #[must_use]
    pub fn remote_address(&self, handle: ConnectionHandle) -> Option<SocketAddr> {
        todo!()
    }

    /// What was dropped, and why.
    #[must_use]
    pub fn counters(&self) -> Counters {
        todo!()
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

#[expect(unused_variables, reason = "skeleton")]
impl Node for Endpoint {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        todo!()
    }

    fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        todo!()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        todo!()
    }
}
