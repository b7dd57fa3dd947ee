//! The streams of one connection.

mod flow;

pub(crate) use flow::Limits;

use crate::config::TransportConfig;
use crate::endpoint::Read;
use crate::error::{OpenError, ProtocolError, ReadError, WriteError};
use crate::event::Event;
use crate::id::{Class, Side, StreamId};
use crate::time::{Duration, Instant};

/// A frame that [`Streams::write_frames`] wrote, to be handed back when the datagram that
/// carried it is acknowledged or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamFrame {
    /// STREAM: bytes from `offset`, and whether the end of the stream was told with them.
    Data { id: StreamId, offset: u64, len: u32, fin: bool },
    /// RESET_STREAM.
    Reset(StreamId),
    /// STOP_SENDING.
    Stop(StreamId),
    /// MAX_DATA.
    MaxData,
    /// MAX_STREAM_DATA.
    MaxStreamData(StreamId),
    /// MAX_STREAMS.
    MaxStreams(Class),
}

/// All streams of one connection: what they hold, what they may send, and in which order.
pub(crate) struct Streams {}

#[expect(unused_variables, clippy::unused_self, reason = "signatures first, bodies follow")]
impl Streams {
    /// No streams yet. `peer` is what the other side stated in its transport parameters; this
    /// side's parameters must state [`Limits::stated`].
    pub(crate) fn new(side: Side, local: &TransportConfig, peer: Limits) -> Self {
        todo!()
    }

    /// The time and the smoothed round-trip time, by which receive windows grow. To be called
    /// before frames of a datagram are handed in, and before `write_frames`.
    pub(crate) fn set_rtt(&mut self, now: Instant, rtt: Duration) {
        todo!()
    }

    /// A STREAM frame arrived.
    pub(crate) fn on_stream(
        &mut self,
        id: StreamId,
        offset: u64,
        data: &[u8],
        fin: bool,
    ) -> Result<(), ProtocolError> {
        todo!()
    }

    /// RESET_STREAM arrived.
    pub(crate) fn on_reset(
        &mut self,
        id: StreamId,
        code: u32,
        final_size: u64,
    ) -> Result<(), ProtocolError> {
        todo!()
    }

    /// STOP_SENDING arrived.
    pub(crate) fn on_stop(&mut self, id: StreamId, code: u32) -> Result<(), ProtocolError> {
        todo!()
    }

    /// MAX_DATA arrived.
    pub(crate) fn on_max_data(&mut self, max: u64) -> Result<(), ProtocolError> {
        todo!()
    }

    /// MAX_STREAM_DATA arrived.
    pub(crate) fn on_max_stream_data(
        &mut self,
        id: StreamId,
        max: u64,
    ) -> Result<(), ProtocolError> {
        todo!()
    }

    /// MAX_STREAMS arrived.
    pub(crate) fn on_max_streams(&mut self, class: Class, max: u64) -> Result<(), ProtocolError> {
        todo!()
    }

    /// The highest class that could send a frame now; window updates, resets and stops count as
    /// control.
    pub(crate) fn has_pending(&self) -> Option<Class> {
        todo!()
    }

    /// Appends whole frames to `out` while they fit into `space` bytes, and says in `sent` which.
    /// Writes nothing when nothing useful fits.
    pub(crate) fn write_frames(
        &mut self,
        out: &mut Vec<u8>,
        space: usize,
        sent: &mut Vec<StreamFrame>,
    ) {
        todo!()
    }

    /// The datagram that carried `frame` was acknowledged.
    pub(crate) fn on_acked(&mut self, frame: StreamFrame) {
        todo!()
    }

    /// The datagram that carried `frame` was declared lost. It may still be acknowledged later.
    pub(crate) fn on_lost(&mut self, frame: StreamFrame) {
        todo!()
    }

    /// The next event for the application.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// See [`Endpoint::open`](crate::Endpoint::open).
    pub(crate) fn open(&mut self, class: Class) -> Result<StreamId, OpenError> {
        todo!()
    }

    /// See [`Endpoint::write`](crate::Endpoint::write).
    pub(crate) fn write(&mut self, id: StreamId, bytes: &[u8]) -> Result<usize, WriteError> {
        todo!()
    }

    /// See [`Endpoint::writable`](crate::Endpoint::writable).
    pub(crate) fn writable(&self, id: StreamId) -> usize {
        todo!()
    }

    /// See [`Endpoint::finish`](crate::Endpoint::finish).
    pub(crate) fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        todo!()
    }

    /// See [`Endpoint::reset`](crate::Endpoint::reset).
    pub(crate) fn reset(&mut self, id: StreamId, code: u32) {
        todo!()
    }

    /// See [`Endpoint::stop`](crate::Endpoint::stop).
    pub(crate) fn stop(&mut self, id: StreamId, code: u32) {
        todo!()
    }

    /// See [`Endpoint::read`](crate::Endpoint::read).
    pub(crate) fn read(
        &mut self,
        id: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError> {
        todo!()
    }

    /// Real memory held for stream data: pages, free pages, and the ranges that describe them.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        todo!()
    }

    /// Stream bytes sent for the first time.
    pub(crate) fn sent_bytes(&self) -> u64 {
        todo!()
    }

    /// Stream bytes sent again.
    pub(crate) fn retransmitted_bytes(&self) -> u64 {
        todo!()
    }
}
