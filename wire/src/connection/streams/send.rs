//! The sending half of a stream (RFC 9000 section 3.1).
//!
//! ```text
//!          finish                 all acknowledged
//!   Open ----------> Finishing ----------------------> Finished
//!     |                  |
//!     +---- reset, or stopped by the other side -----> Reset ----> ResetDone
//!                                                       reset acknowledged
//! ```

use core::ops::Range;
use std::sync::Arc;

use crate::codec::VARINT_MAX;
use crate::connection::streams::StreamFrame;
use crate::connection::streams::outgoing::Outgoing;
use crate::connection::streams::pages::Pool;
use crate::connection::streams::ranges::RangeSet;
use crate::error::WriteError;
use crate::frame::{put_stream_header, stream_overhead};
use crate::id::StreamId;

/// A part of what is to be sent goes into the rest of a datagram only if it is at least so long
/// [W-98].
const MIN_PART: u64 = 32;
/// A writer that found no room is told once this part of what it may fill is free [W-90].
const WRITABLE_PART: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The end is known: `end`.
    Finishing(Delivery),
    /// Given up; `next` is the final size.
    Reset(u32, Delivery),
    Finished,
    ResetDone,
}

/// How far a signal has got that is sent until it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Due,
    InFlight,
    Acked,
}

/// What an acknowledgement means to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A writer that found no room may write again.
    Writable,
    /// Everything and the end of it was acknowledged.
    Finished,
}

/// What was written and is not yet acknowledged.
///
/// ```text
/// 0        acked                      next             end
/// |- gone ---|- in flight, `beyond`,   -|- never sent ---|- room, up to `capacity` ...
///            |  or `lost`               |
/// ```
#[derive(Debug)]
pub(super) struct SendHalf {
    state: State,
    buffer: Outgoing,
    capacity: usize,
    /// Everything below was acknowledged.
    acked: u64,
    /// Acknowledged beyond that.
    beyond: RangeSet,
    /// To be sent again.
    lost: RangeSet,
    next: u64,
    end: u64,
    /// The highest offset that the other side allows.
    limit: u64,
    /// The other side's code when it asked to stop.
    stopped: Option<u32>,
    /// Whether the last write found too little room.
    starved: bool,
}

impl SendHalf {
    pub(super) fn new(capacity: usize, limit: u64) -> Self {
        Self {
            state: State::Open,
            buffer: Outgoing::default(),
            capacity,
            acked: 0,
            beyond: RangeSet::default(),
            lost: RangeSet::default(),
            next: 0,
            end: 0,
            limit,
            stopped: None,
            starved: false,
        }
    }

    /// Takes as many of `bytes` as there is room for, with at most `unsent` never sent.
    pub(super) fn write(
        &mut self,
        pool: &mut Pool,
        unsent: usize,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        self.check_open()?;
        let len = bytes.len().min(self.room(unsent));
        self.starved = len < bytes.len();
        self.buffer.write(pool, self.end, &bytes[..len]);
        self.end += len as u64;
        Ok(len)
    }

    /// The same with a part of something that is shared with the application instead of copied.
    pub(super) fn write_shared(
        &mut self,
        pool: &mut Pool,
        unsent: usize,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError> {
        self.check_open()?;
        let len = range.len().min(self.room(unsent));
        self.starved = len < range.len();
        self.buffer.share(pool, self.end, bytes, range.start..range.start + len);
        self.end += len as u64;
        Ok(len)
    }

    /// How many bytes [`SendHalf::write`] would take.
    pub(super) fn writable(&self, unsent: usize) -> usize {
        if self.check_open().is_ok() { self.room(unsent) } else { 0 }
    }

    /// How many bytes are behind the first that was not acknowledged.
    pub(super) const fn unacknowledged(&self) -> u64 {
        self.end - self.acked
    }

    /// Ends the stream after what was written.
    pub(super) fn finish(&mut self) -> Result<(), WriteError> {
        self.check_open()?;
        self.state = State::Finishing(Delivery::Due);
        self.starved = false;
        Ok(())
    }

    /// Gives the stream up: nothing is sent any more but the reset, with what was sent so far as
    /// the final size [W-92].
    pub(super) fn reset(&mut self, pool: &mut Pool, code: u32) {
        match self.state {
            State::Open | State::Finishing(_) => {
                self.state = State::Reset(code, Delivery::Due);
                self.starved = false;
                self.beyond.clear();
                self.lost.clear();
                self.buffer.clear(pool);
            }
            State::Reset(..) | State::Finished | State::ResetDone => {}
        }
    }

    /// The other side asks to stop; answered with a reset of the same code [W-93]. `true` when
    /// this is news to the application.
    pub(super) fn stop(&mut self, pool: &mut Pool, code: u32) -> bool {
        match self.state {
            State::Open | State::Finishing(_) => {
                self.stopped = Some(code);
                self.reset(pool, code);
                true
            }
            State::Reset(..) | State::Finished | State::ResetDone => false,
        }
    }

    /// The other side allows `limit` bytes; limits never fall [W-87].
    pub(super) fn allow(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Whether something is to be sent that needs no credit: lost bytes, or a bare end.
    pub(super) fn has_lost(&self) -> bool {
        !self.lost.is_empty() || self.owes_bare_end()
    }

    /// Whether there are bytes never sent, and the stream's own limit allows none of them.
    pub(super) fn is_barred(&self) -> bool {
        match self.state {
            State::Open | State::Finishing(_) => self.next < self.end && self.next >= self.limit,
            State::Reset(..) | State::Finished | State::ResetDone => false,
        }
    }

    /// Whether there are bytes never sent that the stream's own limit allows.
    pub(super) fn has_fresh(&self) -> bool {
        match self.state {
            State::Open | State::Finishing(_) => self.next < self.end.min(self.limit),
            State::Reset(..) | State::Finished | State::ResetDone => false,
        }
    }

    /// Whether RESET_STREAM is to be sent.
    pub(super) const fn owes_reset(&self) -> bool {
        matches!(self.state, State::Reset(_, Delivery::Due))
    }

    /// Code and final size of the RESET_STREAM that is about to be sent.
    pub(super) fn take_reset(&mut self) -> Option<(u32, u64)> {
        let State::Reset(code, Delivery::Due) = self.state else {
            return None;
        };
        self.state = State::Reset(code, Delivery::InFlight);
        Some((code, self.next))
    }

    /// Both ends agree that this half is over.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.state, State::Finished | State::ResetDone)
    }

    /// Appends a frame with lost bytes, or the bare end. `None` when nothing useful fits into
    /// `space`.
    pub(super) fn write_lost(
        &mut self,
        id: StreamId,
        out: &mut Vec<u8>,
        space: usize,
    ) -> Option<StreamFrame> {
        let range = match self.lost.first() {
            Some(range) => range,
            None if self.owes_bare_end() => self.end..self.end,
            None => return None,
        };
        let len = fitting(id, range.start, range.end - range.start, space)?;
        self.lost.remove(range.start..range.start + len);
        Some(self.write_frame(id, out, range.start, len))
    }

    /// Appends a frame with at most `credit` bytes that were never sent. `None` when nothing
    /// useful fits into `space`.
    pub(super) fn write_fresh(
        &mut self,
        id: StreamId,
        out: &mut Vec<u8>,
        space: usize,
        credit: u64,
    ) -> Option<StreamFrame> {
        let offset = self.next;
        let allowed = (self.end.min(self.limit) - offset).min(credit);
        let len = fitting(id, offset, allowed, space)?;
        self.next += len;
        Some(self.write_frame(id, out, offset, len))
    }

    /// Whether some of these bytes, which were sent, are not acknowledged.
    pub(super) fn awaits(&self, offset: u64, len: u32) -> bool {
        let end = offset + u64::from(len);
        matches!(self.state, State::Open | State::Finishing(_))
            && end > self.acked
            && self.beyond.gaps(offset.max(self.acked)..end).next().is_some()
    }

    /// Appends a frame with bytes that were sent before and are awaited, once more. `None` when
    /// what is left of them does not fit into `space`.
    pub(super) fn write_copy(
        &mut self,
        id: StreamId,
        out: &mut Vec<u8>,
        space: usize,
        offset: u64,
        len: u32,
    ) -> Option<StreamFrame> {
        let start = offset.max(self.acked);
        let rest = offset + u64::from(len) - start;
        let fits = fitting(id, start, rest, space)? == rest;
        fits.then(|| {
            self.lost.remove(start..start + rest);
            self.write_frame(id, out, start, rest)
        })
    }

    /// Appends a frame with as many of these bytes, which were sent before, as fit and are awaited.
    /// `None` when nothing useful fits into `space`.
    pub(super) fn write_again(
        &mut self,
        id: StreamId,
        out: &mut Vec<u8>,
        space: usize,
        (offset, len): (u64, u32),
    ) -> Option<StreamFrame> {
        let start = offset.max(self.acked);
        let rest = (offset + u64::from(len)).checked_sub(start)?;
        let len = fitting(id, start, rest, space)?;
        self.lost.remove(start..start + len);
        Some(self.write_frame(id, out, start, len))
    }

    /// These bytes, with the end or without, were acknowledged.
    pub(super) fn on_acked(
        &mut self,
        pool: &mut Pool,
        unsent: usize,
        bytes: Range<u64>,
        fin: bool,
    ) -> Option<Progress> {
        match self.state {
            State::Open => {}
            State::Finishing(_) if fin => self.state = State::Finishing(Delivery::Acked),
            State::Finishing(_) => {}
            // Nobody waits for these bytes any more.
            State::Reset(..) | State::Finished | State::ResetDone => return None,
        }
        self.lost.remove(bytes.clone());
        self.beyond.insert(bytes.start.max(self.acked)..bytes.end);
        if let Some(first) = self.beyond.first()
            && first.start == self.acked
        {
            self.acked = first.end;
            self.beyond.remove(first);
            if self.acked == self.end {
                self.buffer.clear(pool);
            } else {
                self.buffer.release_before(pool, self.acked);
            }
        }
        if self.acked == self.end && self.state == State::Finishing(Delivery::Acked) {
            self.state = State::Finished;
            return Some(Progress::Finished);
        }
        let enough = self.capacity.min(unsent) / WRITABLE_PART;
        if self.starved && self.room(unsent) >= enough.max(1) {
            self.starved = false;
            return Some(Progress::Writable);
        }
        None
    }

    /// The frame of `len` bytes at `offset`, with `fin` or without, was lost. What of it was
    /// acknowledged in another frame is not sent again [W-91].
    pub(super) fn on_lost(&mut self, offset: u64, len: u64, fin: bool) {
        match self.state {
            State::Open => {}
            State::Finishing(Delivery::InFlight) if fin => {
                self.state = State::Finishing(Delivery::Due);
            }
            State::Finishing(_) => {}
            State::Reset(..) | State::Finished | State::ResetDone => return,
        }
        let missing = offset.max(self.acked)..(offset + len).max(self.acked);
        for gap in self.beyond.gaps(missing) {
            self.lost.insert(gap);
        }
    }

    /// RESET_STREAM was acknowledged.
    pub(super) fn on_reset_acked(&mut self) {
        if let State::Reset(..) = self.state {
            self.state = State::ResetDone;
        }
    }

    /// RESET_STREAM was lost.
    pub(super) fn on_reset_lost(&mut self) {
        if let State::Reset(code, _) = self.state {
            self.state = State::Reset(code, Delivery::Due);
        }
    }

    /// Bytes of tables and of what is shared; pages are counted by the pool.
    pub(super) fn memory(&self) -> usize {
        self.buffer.memory() + self.beyond.memory() + self.lost.memory()
    }

    fn check_open(&self) -> Result<(), WriteError> {
        if let Some(code) = self.stopped {
            return Err(WriteError::Stopped(code));
        }
        if self.state == State::Open { Ok(()) } else { Err(WriteError::Finished) }
    }

    fn room(&self, unsent: usize) -> usize {
        let held = self.capacity.saturating_sub((self.end - self.acked) as usize);
        let unsent = unsent.saturating_sub((self.end - self.next) as usize);
        let offsets = usize::try_from(VARINT_MAX - self.end).unwrap_or(usize::MAX);
        held.min(unsent).min(offsets)
    }

    /// The end is to be told, and there are no bytes left with which it could be.
    fn owes_bare_end(&self) -> bool {
        self.state == State::Finishing(Delivery::Due) && self.next == self.end
    }

    fn write_frame(
        &mut self,
        id: StreamId,
        out: &mut Vec<u8>,
        offset: u64,
        len: u64,
    ) -> StreamFrame {
        let fin = match self.state {
            State::Finishing(Delivery::Due | Delivery::InFlight) => offset + len == self.end,
            State::Finishing(Delivery::Acked) => false,
            State::Open | State::Reset(..) | State::Finished | State::ResetDone => false,
        };
        if fin {
            self.state = State::Finishing(Delivery::InFlight);
        }
        put_stream_header(out, id, offset, len as usize, fin);
        self.buffer.copy(offset, len as usize, out);
        StreamFrame::Data { id, offset, len: len as u32, fin }
    }
}

/// How many of `len` bytes a frame may carry that fits into `space`; `None` when it is not worth
/// a frame.
fn fitting(id: StreamId, offset: u64, len: u64, space: usize) -> Option<u64> {
    let most = usize::try_from(len).unwrap_or(usize::MAX).min(space);
    let room = space.checked_sub(stream_overhead(id, offset, most))? as u64;
    if len <= room {
        Some(len)
    } else if room >= MIN_PART {
        Some(room)
    } else {
        None
    }
}
