//! The streams of one connection (PROTOCOL.md, "Streams").
//!
//! [`Streams`] owns what all of them share: windows of the connection, memory, the order of
//! sending. A stream [W-80] is two halves that know nothing of each other: [`send`] and [`recv`].
//! Every queue here is a set of streams or of flags, so none is longer than there are streams;
//! nothing that happens per datagram looks at streams that have nothing to do.

mod copies;
mod flow;
mod outgoing;
mod pages;
mod ranges;
mod recv;
mod schedule;
mod send;
mod tail;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests fail on whatever else comes")]
mod tests;

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::copies::Copies;
use self::flow::{MAX_STREAMS, ReceiveWindow, SendWindow, StreamCounts};
use self::pages::{PAGE, Pool};
use self::recv::{Chunk, RecvHalf};
use self::schedule::{Control, Lane};
use self::send::{Progress, SendHalf};
use self::tail::Tail;
use crate::config::TransportConfig;
use crate::endpoint::Read;
use crate::error::{OpenError, ProtocolError, ReadError, WriteError};
use crate::event::Event;
use crate::id::{Class, Side, StreamId};
use crate::time::{Duration, Instant};

pub(crate) use self::flow::Limits;

/// Free pages that are kept: so much of the connection's window...
const FREE_PART: u64 = 8;
/// ...but not more than a megabyte.
const MAX_FREE_PAGES: u64 = (1 << 20) / PAGE as u64;

/// Bytes that each stream may hold without having sent them, however small the congestion window.
/// Beyond that two windows are enough, as one may double at once [W-90]: more would only have left
/// the processor's cache before it is sent.
const MIN_UNSENT: usize = 256 << 10;

/// A frame that [`Streams::write_frames`] wrote, to be handed back when the datagram that
/// carried it is acknowledged or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamFrame {
    /// STREAM: `len` bytes from `offset`, and whether the end of the stream was told with them.
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

impl StreamFrame {
    /// One frame for both, if `next` holds the data that follows on that of this one: most packets of
    /// an ACK are told of at once.
    pub(crate) fn join(self, next: Self) -> Option<Self> {
        let Self::Data { id, offset, len, fin: false } = self else { return None };
        let Self::Data { id: of, offset: at, len: more, fin } = next else { return None };
        let follows = of == id && at == offset + u64::from(len);
        let len = len.checked_add(more)?;
        follows.then_some(Self::Data { id, offset, len, fin })
    }
}

/// All streams of one connection: what they hold, what they may send, and in which order.
#[derive(Debug)]
pub(crate) struct Streams {
    side: Side,
    settings: Settings,
    streams: BTreeMap<StreamId, Box<Stream>>,
    counts: [StreamCounts; Class::ALL.len()],
    /// How far the other side may send on all streams together.
    window: ReceiveWindow,
    /// How far this side may.
    credit: SendWindow,
    pool: Pool,
    /// Bytes of messages that were read since the limit of the connection was last told.
    messages_read: u64,
    /// Separate ranges that wait in all streams.
    ranges: usize,
    /// Streams with unsent bytes that their own limits do not allow.
    barred: usize,
    lanes: [Lane; Class::ALL.len()],
    copies: Copies,
    tail: Tail,
    control: Control,
    events: VecDeque<Event>,
    now: Instant,
    rtt: Duration,
    /// Bytes that each stream may hold without having sent them.
    unsent: usize,
    retransmitted: u64,
}

/// What does not change.
#[derive(Debug)]
struct Settings {
    /// What this side stated.
    stated: Limits,
    max_stream_window: u64,
    /// What the other side stated.
    peer_stream_window: u64,
    peer_connection_window: u64,
    send_buffer: usize,
}

#[derive(Debug)]
struct Stream {
    send: SendHalf,
    recv: RecvHalf,
    /// How many ranges of it are counted in [`Streams::ranges`].
    ranges: usize,
    /// With what it is entered in [`Streams::lanes`] and [`Streams::control`].
    claimed: Claims,
}

/// What a stream has to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Claims {
    lost: bool,
    fresh: bool,
    /// Unsent bytes that the stream's own limit does not allow.
    barred: bool,
    control: bool,
}

impl Streams {
    /// No streams yet. `peer` is what the other side stated in its transport parameters; this
    /// side's parameters must state [`Limits::stated`].
    pub(crate) fn new(side: Side, local: &TransportConfig, peer: Limits) -> Self {
        let stated = Limits::stated(local);
        let settings = Settings {
            stated,
            max_stream_window: local.stream_window,
            peer_stream_window: peer.stream_window,
            peer_connection_window: peer.connection_window,
            send_buffer: local.send_buffer,
        };
        let free_pages = (local.connection_window / FREE_PART / PAGE as u64).min(MAX_FREE_PAGES);
        let counts = StreamCounts::new(peer.max_streams, stated.max_streams);
        Self {
            side,
            settings,
            streams: BTreeMap::new(),
            counts: [counts.clone(), counts.clone(), counts],
            window: ReceiveWindow::new(
                stated.connection_window,
                local.connection_window,
                Instant::ZERO,
            ),
            credit: SendWindow { limit: peer.connection_window, used: 0 },
            pool: Pool::new(free_pages as usize),
            messages_read: 0,
            ranges: 0,
            barred: 0,
            lanes: Default::default(),
            copies: Copies::default(),
            tail: Tail::default(),
            control: Control::default(),
            events: VecDeque::new(),
            now: Instant::ZERO,
            rtt: local.initial_rtt,
            unsent: MIN_UNSENT,
            retransmitted: 0,
        }
    }

    /// The time and the smoothed round-trip time, by which receive windows grow. To be called
    /// before frames of a datagram are handed in, and before `write_frames`.
    pub(crate) fn set_rtt(&mut self, now: Instant, rtt: Duration) {
        self.now = now;
        self.rtt = rtt;
        self.pool.trim(now);
    }

    /// The share of packets that are lost at present, by which messages are copied.
    pub(crate) fn set_loss(&mut self, share: f64) {
        self.copies.set_loss(share);
    }

    /// The congestion window, by which it is measured how much may wait here to be sent.
    pub(crate) fn set_window(&mut self, window: u64) {
        self.unsent =
            usize::try_from(window.saturating_mul(2)).unwrap_or(usize::MAX).max(MIN_UNSENT);
    }

    /// A STREAM frame arrived.
    pub(crate) fn on_stream(
        &mut self,
        id: StreamId,
        offset: u64,
        data: &[u8],
        fin: bool,
    ) -> Result<(), ProtocolError> {
        self.admit(id)?;
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        let chunk = Chunk { offset, len: data.len() as u64, fin };
        let more = stream.recv.check(chunk)?;
        self.window.receive(self.window.received.saturating_add(more))?;
        let freed = stream.recv.on_chunk(&mut self.pool, chunk, data)?;
        self.release(id, freed);
        self.settle(id);
        self.window.check_ranges(self.ranges)
    }

    /// RESET_STREAM arrived.
    pub(crate) fn on_reset(
        &mut self,
        id: StreamId,
        code: u32,
        final_size: u64,
    ) -> Result<(), ProtocolError> {
        self.admit(id)?;
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        let more = stream.recv.check(Chunk { offset: final_size, len: 0, fin: true })?;
        self.window.receive(self.window.received.saturating_add(more))?;
        let freed = stream.recv.on_reset(&mut self.pool, code, final_size)?;
        self.release(id, freed);
        self.settle(id);
        Ok(())
    }

    /// STOP_SENDING arrived.
    pub(crate) fn on_stop(&mut self, id: StreamId, code: u32) -> Result<(), ProtocolError> {
        self.admit(id)?;
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.send.stop(&mut self.pool, code)
        {
            self.events.push_back(Event::Stopped(id, code));
            self.settle(id);
        }
        Ok(())
    }

    /// MAX_DATA arrived; limits never fall [W-87].
    pub(crate) fn on_max_data(&mut self, max: u64) -> Result<(), ProtocolError> {
        self.credit.limit = self.credit.limit.max(max);
        Ok(())
    }

    /// MAX_STREAM_DATA arrived.
    pub(crate) fn on_max_stream_data(
        &mut self,
        id: StreamId,
        max: u64,
    ) -> Result<(), ProtocolError> {
        self.admit(id)?;
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.send.allow(max);
            self.settle(id);
        }
        Ok(())
    }

    /// MAX_STREAMS arrived.
    pub(crate) fn on_max_streams(&mut self, class: Class, max: u64) -> Result<(), ProtocolError> {
        if max > MAX_STREAMS {
            return Err(ProtocolError::StreamLimit);
        }
        let counts = &mut self.counts[class as usize];
        counts.local_limit = counts.local_limit.max(max);
        Ok(())
    }

    /// The datagram that carried `frame` was acknowledged.
    pub(crate) fn on_acked(&mut self, frame: StreamFrame) {
        match frame {
            StreamFrame::Data { id, offset, len, fin } => {
                let Some(stream) = self.streams.get_mut(&id) else {
                    return;
                };
                let bytes = offset..offset + u64::from(len);
                match stream.send.on_acked(&mut self.pool, self.unsent, bytes, fin) {
                    Some(Progress::Writable) => self.events.push_back(Event::Writable(id)),
                    Some(Progress::Finished) => self.events.push_back(Event::Finished(id)),
                    None => {}
                }
                self.settle(id);
            }
            StreamFrame::Reset(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.send.on_reset_acked();
                    self.settle(id);
                }
            }
            StreamFrame::Stop(_)
            | StreamFrame::MaxData
            | StreamFrame::MaxStreamData(_)
            | StreamFrame::MaxStreams(_) => {}
        }
    }

    /// The datagram that carried `frame` was declared lost. It may still be acknowledged later.
    pub(crate) fn on_lost(&mut self, frame: StreamFrame) {
        let id = match frame {
            StreamFrame::MaxData => {
                self.control.max_data = true;
                return;
            }
            StreamFrame::MaxStreams(class) => {
                self.control.max_streams[class as usize] = true;
                return;
            }
            StreamFrame::Data { id, .. }
            | StreamFrame::Reset(id)
            | StreamFrame::Stop(id)
            | StreamFrame::MaxStreamData(id) => id,
        };
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match frame {
            StreamFrame::Data { offset, len, fin, .. } => {
                stream.send.on_lost(offset, u64::from(len), fin);
            }
            StreamFrame::Reset(_) => stream.send.on_reset_lost(),
            StreamFrame::Stop(_) => stream.recv.on_stop_lost(),
            StreamFrame::MaxStreamData(_) => stream.recv.on_update_lost(),
            StreamFrame::MaxData | StreamFrame::MaxStreams(_) => {}
        }
        self.settle(id);
    }

    /// The next event for the application.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// See [`Endpoint::open`](crate::Endpoint::open).
    pub(crate) fn open(&mut self, class: Class) -> Result<StreamId, OpenError> {
        let counts = &mut self.counts[class as usize];
        if counts.local_opened >= counts.local_limit {
            return Err(OpenError::Limit);
        }
        let id = StreamId::new(self.side, class, counts.local_opened).ok_or(OpenError::Limit)?;
        counts.local_opened += 1;
        self.insert(id);
        Ok(id)
    }

    /// See [`Endpoint::write`](crate::Endpoint::write).
    pub(crate) fn write(&mut self, id: StreamId, bytes: &[u8]) -> Result<usize, WriteError> {
        let stream = self.streams.get_mut(&id).ok_or(WriteError::NoStream(id))?;
        let len = stream.send.write(&mut self.pool, self.unsent, bytes)?;
        self.settle(id);
        Ok(len)
    }

    /// See [`Endpoint::write_shared`](crate::Endpoint::write_shared).
    pub(crate) fn write_shared(
        &mut self,
        id: StreamId,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError> {
        let stream = self.streams.get_mut(&id).ok_or(WriteError::NoStream(id))?;
        let len = stream.send.write_shared(&mut self.pool, self.unsent, bytes, range)?;
        self.settle(id);
        Ok(len)
    }

    /// See [`Endpoint::writable`](crate::Endpoint::writable).
    pub(crate) fn writable(&self, id: StreamId) -> usize {
        self.streams.get(&id).map_or(0, |stream| stream.send.writable(self.unsent))
    }

    /// See [`Endpoint::unacknowledged`](crate::Endpoint::unacknowledged).
    pub(crate) fn unacknowledged(&self, id: StreamId) -> u64 {
        self.streams.get(&id).map_or(0, |stream| stream.send.unacknowledged())
    }

    /// See [`Endpoint::finish`](crate::Endpoint::finish).
    pub(crate) fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        let stream = self.streams.get_mut(&id).ok_or(WriteError::NoStream(id))?;
        stream.send.finish()?;
        self.settle(id);
        Ok(())
    }

    /// See [`Endpoint::reset`](crate::Endpoint::reset).
    pub(crate) fn reset(&mut self, id: StreamId, code: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.send.reset(&mut self.pool, code);
            self.settle(id);
        }
    }

    /// See [`Endpoint::stop`](crate::Endpoint::stop).
    pub(crate) fn stop(&mut self, id: StreamId, code: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            let freed = stream.recv.stop(&mut self.pool, code);
            self.release(id, freed);
            self.settle(id);
        }
    }

    /// See [`Endpoint::read_with`](crate::Endpoint::read_with).
    pub(crate) fn read_with(
        &mut self,
        id: StreamId,
        max: usize,
        take: impl FnMut(&[u8]),
    ) -> Result<Read, ReadError> {
        let stream = self.streams.get_mut(&id).ok_or(ReadError::NoStream(id))?;
        let outcome = stream.recv.read(&mut self.pool, id, max, take);
        if let Ok((_, freed)) = outcome {
            self.release(id, freed);
        }
        self.settle(id);
        outcome.map(|(read, _)| read)
    }

    /// Real memory held for streams: pages in use and free, tables, and the streams themselves.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        let tables = self
            .streams
            .values()
            .map(|stream| size_of::<Stream>() + stream.send.memory() + stream.recv.memory());
        (self.pool.memory() + tables.sum::<usize>()) as u64
    }

    /// Stream bytes sent for the first time.
    pub(crate) const fn sent_bytes(&self) -> u64 {
        self.credit.used
    }

    /// Stream bytes sent again.
    pub(crate) const fn retransmitted_bytes(&self) -> u64 {
        self.retransmitted
    }

    /// Checks that the other side may name `id`, and opens the stream, and those of its kind
    /// before it, if it is the first to do so [W-81] [W-82] [W-83]. A stream that is allowed and yet not
    /// in `streams` afterwards has ended.
    fn admit(&mut self, id: StreamId) -> Result<(), ProtocolError> {
        let counts = &self.counts[id.class() as usize];
        if id.opener() == self.side {
            let exists = id.index() < counts.local_opened;
            return if exists { Ok(()) } else { Err(ProtocolError::StreamState) };
        }
        if id.index() >= counts.remote_limit {
            return Err(ProtocolError::StreamLimit);
        }
        if id.index() < counts.remote_opened {
            return Ok(());
        }
        for index in counts.remote_opened..=id.index() {
            let opened = StreamId::new(id.opener(), id.class(), index);
            let opened = opened.expect("not above an index that exists");
            self.insert(opened);
            self.events.push_back(Event::Opened(opened));
        }
        self.counts[id.class() as usize].remote_opened = id.index() + 1;
        self.update_stream_limit(id.class());
        Ok(())
    }

    fn insert(&mut self, id: StreamId) {
        let Settings { stated, max_stream_window, peer_stream_window, send_buffer, .. } =
            self.settings;
        let window = ReceiveWindow::new(stated.stream_window, max_stream_window, self.now);
        let stream = Stream {
            send: SendHalf::new(send_buffer, peer_stream_window),
            recv: RecvHalf::new(window),
            ranges: 0,
            claimed: Claims::default(),
        };
        self.streams.insert(id, Box::new(stream));
    }

    /// Bytes of the connection's window are free again [W-89].
    fn release(&mut self, id: StreamId, freed: u64) {
        self.window.consumed += freed;
        match id.class() {
            Class::Control | Class::Chat => self.messages_read += freed,
            Class::Bulk => {}
        }
        if freed > 0 && (self.window.is_due() || self.owes_messages_credit()) {
            self.control.max_data = true;
        }
    }

    fn update_stream_limit(&mut self, class: Class) {
        if self.counts[class as usize].is_due() {
            self.control.max_streams[class as usize] = true;
        }
    }

    /// Brings everything that is derived from a stream up to date after the stream has changed.
    fn settle(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        self.ranges = self.ranges + stream.recv.ranges() - stream.ranges;
        stream.ranges = stream.recv.ranges();
        let claims = stream.claims();
        if claims != stream.claimed {
            self.barred =
                self.barred + usize::from(claims.barred) - usize::from(stream.claimed.barred);
            stream.claimed = claims;
            let lane = &mut self.lanes[id.class() as usize];
            lane.lost.set(id, claims.lost);
            lane.fresh.set(id, claims.fresh);
            self.control.set(id, claims.control);
        }
        if stream.recv.take_readable() {
            self.events.push_back(Event::Readable(id));
        }
        // [W-94]
        if stream.send.is_done() && stream.recv.is_done() {
            self.streams.remove(&id);
            if id.opener() != self.side {
                self.counts[id.class() as usize].remote_end();
                self.update_stream_limit(id.class());
            }
        }
        if !self.tail.is_empty() {
            self.trim_tail();
        }
    }
}

impl Stream {
    /// Whether it is entered with what it has to send.
    fn is_settled(&self) -> bool {
        self.claims() == self.claimed
    }

    fn claims(&self) -> Claims {
        Claims {
            lost: self.send.has_lost(),
            fresh: self.send.has_fresh(),
            barred: self.send.is_barred(),
            control: self.owes_control(),
        }
    }

    fn owes_control(&self) -> bool {
        self.send.owes_reset() || self.recv.owes_stop() || self.recv.owes_update()
    }
}
