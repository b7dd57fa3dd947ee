//! One connection after the handshake: packets in, packets out, no sockets and no clock.

pub(crate) mod streams;

use std::net::SocketAddr;

use crate::config::TransportConfig;
use crate::crypto::packet_keys::PacketKeys;
use crate::endpoint::{Read, Stats};
use crate::error::{CloseReason, OpenError, ReadError, WriteError};
use crate::event::Event;
use crate::frame::RekeyStep;
use crate::id::{Class, Seed, Side, StreamId};
use crate::node::{Deadline, Source, Transmit};
use crate::parameters::TransportParameters;
use crate::time::{Duration, Instant};

/// What the handshake leaves to the connection.
pub(crate) struct Established {
    pub(crate) side: Side,
    /// The other side's index for this connection: stands in every DATA header.
    pub(crate) remote_index: u32,
    /// The keys of epoch 0.
    pub(crate) keys: PacketKeys,
    /// Where the other side is.
    pub(crate) path: SocketAddr,
    /// What the other side said about its limits.
    pub(crate) peer: TransportParameters,
    /// A round trip measured by the handshake.
    pub(crate) handshake_rtt: Option<Duration>,
    pub(crate) seed: Seed,
    /// Whether the other side has proven that it can receive at `path`.
    pub(crate) confirmed: bool,
    /// Told to the other side at once, so that it believes a RESET.
    pub(crate) reset_token_for_peer: [u8; 16],
}

/// What became of a DATA datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Accepted,
    /// The tag does not fit: forged, damaged, or no DATA but a RESET.
    BadTag,
    /// Seen before, or too old to tell.
    Replayed,
    /// Sealed under a key that does not exist any more or not yet.
    UnknownEpoch,
}

/// What a connection tells its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionOutput {
    /// For the application.
    Event(Event),
    /// The keys are used up: this side, the initiator, is to begin a new handshake.
    RekeyDue,
    /// A handshake message for the keys of `epoch`.
    RekeyMessage { epoch: u8, step: RekeyStep, message: Vec<u8> },
    /// The other side has moved to this address, which is validated.
    PathMoved(SocketAddr),
    /// A RESET that ends in this token ends this connection.
    ResetToken([u8; 16]),
}

/// One connection after the handshake.
pub(crate) struct Connection {}

#[expect(unused_variables, clippy::unused_self, reason = "skeleton")]
impl Connection {
    pub(crate) fn new(now: Instant, config: &TransportConfig, established: Established) -> Self {
        todo!()
    }

    /// Takes one DATA datagram without its CRC; the caller has checked type and receiver index.
    pub(crate) fn handle_data(
        &mut self,
        now: Instant,
        source: Source,
        datagram: &mut [u8],
    ) -> Received {
        todo!()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        todo!()
    }

    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        todo!()
    }

    pub(crate) fn poll_output(&mut self) -> Option<ConnectionOutput> {
        todo!()
    }

    pub(crate) fn send_rekey(&mut self, epoch: u8, step: RekeyStep, message: Vec<u8>) {
        todo!()
    }

    pub(crate) fn install_keys(&mut self, now: Instant, epoch: u8, keys: PacketKeys) {
        todo!()
    }

    pub(crate) fn send_new_token(&mut self, token: [u8; 24]) {
        todo!()
    }

    pub(crate) fn send_reset_token(&mut self, token: [u8; 16]) {
        todo!()
    }

    /// Whether the other side gave this reset token.
    pub(crate) fn matches_reset(&self, token: &[u8; 16]) -> bool {
        todo!()
    }

    /// The other side has forgotten this connection.
    pub(crate) fn reset_by_peer(&mut self, now: Instant) {
        todo!()
    }

    pub(crate) fn open(&mut self, class: Class) -> Result<StreamId, OpenError> {
        todo!()
    }

    pub(crate) fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, WriteError> {
        todo!()
    }

    pub(crate) fn writable(&self, stream: StreamId) -> usize {
        todo!()
    }

    pub(crate) fn finish(&mut self, stream: StreamId) -> Result<(), WriteError> {
        todo!()
    }

    pub(crate) fn reset(&mut self, stream: StreamId, code: u32) {
        todo!()
    }

    pub(crate) fn stop(&mut self, stream: StreamId, code: u32) {
        todo!()
    }

    pub(crate) fn read(
        &mut self,
        stream: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError> {
        todo!()
    }

    pub(crate) fn close(&mut self, now: Instant, reason: CloseReason) {
        todo!()
    }

    pub(crate) fn stats(&self) -> Stats {
        todo!()
    }

    pub(crate) fn remote_address(&self) -> SocketAddr {
        todo!()
    }

    /// Whether the endpoint may forget the connection.
    pub(crate) fn is_dead(&self) -> bool {
        todo!()
    }
}
