//! The receiving half of a stream (RFC 9000 section 3.2).
//!
//! ```text
//!               read to the end
//!   Open -------------------------------------> Ended
//!     |  reset arrives           told
//!     +----------------> Reset -----------+
//!     |  stop               final size    +---> Abandoned
//!     +----------------> Stopping --------+
//! ```

use crate::connection::streams::flow::ReceiveWindow;
use crate::connection::streams::pages::{PagedBuffer, Pool};
use crate::connection::streams::ranges::RangeSet;
use crate::endpoint::Read;
use crate::error::{ProtocolError, ReadError};
use crate::id::StreamId;
use crate::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The other side gave up with this code; the application is yet to learn it.
    Reset(u32),
    /// This side wants no more; what arrives is thrown away until the final size is known.
    Stopping(u32, Stop),
    /// The application has read everything and the end.
    Ended,
    /// The application wants no more or knows that there is no more.
    Abandoned,
}

/// Whether STOP_SENDING is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Due,
    Sent,
}

/// What may be in one stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Whether the stream ends after it.
    pub(super) fin: bool,
}

/// What has arrived and was not yet read.
#[derive(Debug)]
pub(super) struct RecvHalf {
    state: State,
    /// `consumed` is the offset up to which was read, `received` the highest that arrived.
    window: ReceiveWindow,
    final_size: Option<u64>,
    /// What of `consumed..received` has arrived.
    arrived: RangeSet,
    buffer: PagedBuffer,
    /// The application was told and has not yet read all.
    told: bool,
    /// MAX_STREAM_DATA is to be sent.
    update_due: bool,
}

impl RecvHalf {
    pub(super) fn new(window: ReceiveWindow) -> Self {
        Self {
            state: State::Open,
            window,
            final_size: None,
            arrived: RangeSet::default(),
            buffer: PagedBuffer::default(),
            told: false,
            update_due: false,
        }
    }

    /// Checks a chunk, or a reset, which is an empty chunk with `fin` at its final size, against
    /// final size and window, and says by how much it raises the highest offset (RFC 9000
    /// sections 4.1, 4.5) [W-86] [W-88]. Changes nothing.
    pub(super) fn check(&self, chunk: Chunk) -> Result<u64, ProtocolError> {
        let end = chunk.offset.saturating_add(chunk.len);
        let changed = match self.final_size {
            Some(size) => end > size || chunk.fin && end != size,
            None => chunk.fin && end < self.window.received,
        };
        if changed {
            return Err(ProtocolError::FinalSize);
        }
        self.window.check(end)?;
        Ok(end.saturating_sub(self.window.received))
    }

    /// Takes the bytes of a chunk that was checked. Where bytes have arrived before, those stay
    /// [W-85]. Returns how many bytes of credit this set free.
    pub(super) fn on_chunk(
        &mut self,
        pool: &mut Pool,
        chunk: Chunk,
        data: &[u8],
    ) -> Result<u64, ProtocolError> {
        self.note_end(chunk)?;
        match self.state {
            State::Open => {}
            State::Stopping(..) => return Ok(self.abandon_when_final(pool)),
            State::Reset(_) | State::Ended | State::Abandoned => return Ok(0),
        }
        let end = chunk.offset + chunk.len;
        let wanted = chunk.offset.max(self.window.consumed)..end;
        for gap in self.arrived.gaps(wanted.clone()) {
            let from = (gap.start - chunk.offset) as usize;
            let to = (gap.end - chunk.offset) as usize;
            self.buffer.write(pool, gap.start, &data[from..to]);
        }
        self.arrived.insert(wanted);
        self.window.check_ranges(self.arrived.len())?;
        Ok(0)
    }

    /// Takes a reset that was checked. When everything up to the end is here already, it changes
    /// nothing: the application can have it all [W-92]. Returns how many bytes of credit this set
    /// free.
    pub(super) fn on_reset(
        &mut self,
        pool: &mut Pool,
        code: u32,
        final_size: u64,
    ) -> Result<u64, ProtocolError> {
        let complete = self.is_complete();
        self.note_end(Chunk { offset: final_size, len: 0, fin: true })?;
        match self.state {
            State::Open if complete => Ok(0),
            State::Open => {
                self.state = State::Reset(code);
                Ok(self.discard(pool))
            }
            State::Stopping(..) => Ok(self.abandon_when_final(pool)),
            State::Reset(_) | State::Ended | State::Abandoned => Ok(0),
        }
    }

    /// Wants no more. Returns how many bytes of credit this set free.
    pub(super) fn stop(&mut self, pool: &mut Pool, code: u32) -> u64 {
        match self.state {
            State::Open => {
                self.state = State::Stopping(code, Stop::Due);
                self.update_due = false;
                self.abandon_when_final(pool)
            }
            State::Reset(_) => {
                self.state = State::Abandoned;
                0
            }
            State::Stopping(..) | State::Ended | State::Abandoned => 0,
        }
    }

    /// Shows `take` at most `max` bytes. Returns what is left and how many were read.
    pub(super) fn read(
        &mut self,
        pool: &mut Pool,
        id: StreamId,
        max: usize,
        take: impl FnMut(&[u8]),
    ) -> Result<(Read, u64), ReadError> {
        match self.state {
            State::Open => {}
            State::Ended => return Ok((Read::End, 0)),
            State::Reset(code) => {
                self.state = State::Abandoned;
                return Err(ReadError::Reset(code));
            }
            State::Stopping(..) | State::Abandoned => return Err(ReadError::NoStream(id)),
        }
        let len = usize::try_from(self.ready()).unwrap_or(usize::MAX).min(max);
        let start = self.window.consumed;
        self.buffer.read(start, len).for_each(take);
        self.window.consumed += len as u64;
        self.arrived.remove(start..self.window.consumed);
        if self.arrived.is_empty() {
            self.buffer.clear(pool);
        } else {
            self.buffer.release_before(pool, self.window.consumed);
        }
        if self.final_size == Some(self.window.consumed) {
            self.state = State::Ended;
            return Ok((Read::End, len as u64));
        }
        if self.final_size.is_none() && self.window.is_due() {
            self.update_due = true;
        }
        if self.ready() > 0 {
            return Ok((Read::More, len as u64));
        }
        self.told = false;
        Ok((Read::Blocked, len as u64))
    }

    /// Whether the application is to be told that it can read; once until it has read all.
    pub(super) fn take_readable(&mut self) -> bool {
        let readable = match self.state {
            State::Open => self.ready() > 0 || self.final_size == Some(self.window.consumed),
            State::Reset(_) => true,
            State::Stopping(..) | State::Ended | State::Abandoned => false,
        };
        readable && !core::mem::replace(&mut self.told, true)
    }

    /// The limit for the MAX_STREAM_DATA that is about to be sent.
    pub(super) fn take_update(&mut self, now: Instant, rtt: Duration) -> Option<u64> {
        if !self.owes_update() {
            return None;
        }
        self.update_due = false;
        Some(self.window.raise(now, rtt))
    }

    /// Whether MAX_STREAM_DATA is to be sent; pointless once the final size is known.
    pub(super) fn owes_update(&self) -> bool {
        self.update_due && self.state == State::Open && self.final_size.is_none()
    }

    /// MAX_STREAM_DATA was lost.
    pub(super) const fn on_update_lost(&mut self) {
        self.update_due = true;
    }

    /// The code for the STOP_SENDING that is about to be sent.
    pub(super) fn take_stop(&mut self) -> Option<u32> {
        let State::Stopping(code, Stop::Due) = self.state else {
            return None;
        };
        self.state = State::Stopping(code, Stop::Sent);
        Some(code)
    }

    /// Whether STOP_SENDING is to be sent.
    pub(super) const fn owes_stop(&self) -> bool {
        matches!(self.state, State::Stopping(_, Stop::Due))
    }

    /// STOP_SENDING was lost.
    pub(super) fn on_stop_lost(&mut self) {
        if let State::Stopping(code, _) = self.state {
            self.state = State::Stopping(code, Stop::Due);
        }
    }

    /// Nothing more can come, and the application knows.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.state, State::Ended | State::Abandoned)
    }

    /// How far the other side may send.
    #[cfg(test)]
    pub(super) const fn window(&self) -> &ReceiveWindow {
        &self.window
    }

    /// How many separate ranges wait here.
    pub(super) fn ranges(&self) -> usize {
        self.arrived.len()
    }

    /// Bytes of tables; pages are counted by the pool.
    pub(super) fn memory(&self) -> usize {
        self.buffer.memory() + self.arrived.memory()
    }

    fn note_end(&mut self, chunk: Chunk) -> Result<(), ProtocolError> {
        let end = chunk.offset.saturating_add(chunk.len);
        self.window.receive(end)?;
        if chunk.fin {
            self.final_size = Some(end);
        }
        Ok(())
    }

    /// Bytes that can be read now.
    fn ready(&self) -> u64 {
        match self.arrived.first() {
            Some(first) if first.start == self.window.consumed => first.end - first.start,
            Some(_) | None => 0,
        }
    }

    /// Whether everything up to the end is here.
    fn is_complete(&self) -> bool {
        self.final_size == Some(self.window.consumed + self.ready())
    }

    fn abandon_when_final(&mut self, pool: &mut Pool) -> u64 {
        if self.final_size.is_some() {
            self.state = State::Abandoned;
        }
        self.discard(pool)
    }

    /// Throws away what has arrived and whatever was counted with it.
    fn discard(&mut self, pool: &mut Pool) -> u64 {
        self.arrived.clear();
        self.buffer.clear(pool);
        let freed = self.window.received - self.window.consumed;
        self.window.consumed = self.window.received;
        freed
    }
}
