//! The sender's end of one Bulk stream: requests as they arrive, and answers as far as the
//! stream takes them. At most one range is read from the disk or waits for the stream at a time,
//! and no further request is read before it is gone.

use std::sync::Arc;

use wire::app::framing::{Deframer, FramingError};
use wire::app::name::Name;
use wire::app::peer::{BulkRequest, GROUP, MAX_RANGE, ShareId, TransferId};
use wire::time::Instant;
use wire::{Read, StreamId, WriteError};

use super::Job;
use super::fetch::longest_answer;
use super::hold::Holds;
use super::limit::Limit;
use super::links::BulkStreams;

/// Requests are read in pieces of this many bytes: a few dozen at a time.
const PIECE: usize = 1024;

/// Bytes before each answer that tell its length.
const HEAD: usize = 4;

/// Of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Of a file that was offered to the one who asks by the one who is asked.
    Offered(TransferId),
    /// The same, of one that still grows.
    Live(TransferId),
    /// Of a file that both were offered by somebody else.
    Shared(ShareId),
}

impl Wanted {
    /// Asks for a range.
    pub(super) const fn request(self, offset: u64, len: u32) -> BulkRequest {
        match self {
            Self::Offered(id) => BulkRequest::Get { id, offset, len },
            Self::Live(id) => BulkRequest::GetLive { id, offset },
            Self::Shared(share) => BulkRequest::GetShared { share, offset, len },
        }
    }
}

/// What the other side asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Get {
    pub(super) of: Wanted,
    pub(super) offset: u64,
    pub(super) len: u32,
}

impl Get {
    /// Whether it is a range of a file of `size` bytes that may be asked for.
    pub(super) fn fits(&self, size: u64) -> bool {
        let end = self.offset.checked_add(u64::from(self.len));
        let ends_well =
            end.is_some_and(|end| end == size || (end < size && end.is_multiple_of(GROUP)));
        self.offset.is_multiple_of(GROUP) && (1..=MAX_RANGE).contains(&self.len) && ends_well
    }

    /// Bytes to hold for its answer at most.
    pub(super) fn needs(&self) -> u64 {
        HEAD as u64 + u64::from(longest_answer(self.len))
    }
}

/// A request, and its answer with whatever of it the stream still holds.
pub(super) type Served = (Get, Arc<Vec<u8>>);

/// A stream that a receiver opened.
#[derive(Debug, Default)]
pub(super) struct Serving {
    requests: Deframer,
    is_readable: bool,
    has_ended: bool,
    /// What it is for: the first request says it.
    of: Option<Wanted>,
    /// A request that was read and not yet given to the disk.
    pub(super) waiting: Option<Get>,
    /// A request that the disk works on.
    pub(super) encoding: Option<(Job, Get)>,
    /// An answer, its length as it goes before it, and how much of both the stream has taken.
    answer: Arc<Vec<u8>>,
    head: [u8; HEAD],
    sent: usize,
    answering: Option<Get>,
    /// Since when the stream has taken nothing of it.
    pub(super) stuck_since: Option<Instant>,
    /// What it has waited for.
    pub(super) holds: Option<Holds>,
}

/// What to do next for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for the stream or the disk.
    Wait,
    /// This request may be given to the disk.
    Encode(Get),
    /// The receiver has ended its side and has every answer.
    End,
    /// The receiver breaks the rules, or the stream is gone.
    Refuse,
}

impl Serving {
    /// There is something to read.
    pub(super) fn note_readable(&mut self) {
        self.is_readable = true;
    }

    /// What it is for, when it has said so.
    pub(super) const fn of(&self) -> Option<Wanted> {
        self.of
    }

    /// Bytes of an answer that the stream has not taken.
    pub(super) fn rest(&self) -> usize {
        self.answering.map_or(0, |_| HEAD + self.answer.len() - self.sent)
    }

    /// Bytes held here, or to be held when the disk has answered.
    pub(super) fn held(&self) -> u64 {
        self.encoding.map_or(0, |(_, get)| get.needs()) + self.answer.len() as u64
    }

    /// Reads the next request, when nothing else is under way.
    pub(super) fn next(
        &mut self,
        user: &Name,
        stream: StreamId,
        streams: &mut dyn BulkStreams,
    ) -> Next {
        if self.encoding.is_some() || self.answering.is_some() {
            return Next::Wait;
        }
        loop {
            if let Some(get) = self.waiting {
                return Next::Encode(get);
            }
            match self.parse() {
                Ok(true) => {}
                Ok(false) if self.has_ended => return Next::End,
                Ok(false) if !self.is_readable => return Next::Wait,
                Ok(false) => match streams.read(user, stream, PIECE, self.requests.buffer()) {
                    Ok(Read::More) => {}
                    Ok(Read::Blocked) => self.is_readable = false,
                    Ok(Read::End) => self.has_ended = true,
                    Err(_) => return Next::Refuse,
                },
                Err(_) => return Next::Refuse,
            }
        }
    }

    /// Takes a whole request out of what was read; says whether there was one.
    fn parse(&mut self) -> Result<bool, FramingError> {
        let get = match self.requests.next()? {
            None => return Ok(false),
            Some(BulkRequest::Get { id, offset, len }) => {
                Get { of: Wanted::Offered(id), offset, len }
            }
            Some(BulkRequest::GetLive { id, offset }) => {
                Get { of: Wanted::Live(id), offset, len: MAX_RANGE }
            }
            Some(BulkRequest::GetShared { share, offset, len }) => {
                Get { of: Wanted::Shared(share), offset, len }
            }
        };
        if *self.of.get_or_insert(get.of) != get.of {
            return Err(FramingError::Malformed);
        }
        self.waiting = Some(get);
        Ok(true)
    }

    /// The disk has encoded what was asked for.
    pub(super) fn answer(&mut self, now: Instant, encoded: Vec<u8>) {
        let Some((_, get)) = self.encoding.take() else { return };
        let len = u32::try_from(encoded.len()).expect("at most MAX_RANGE and its tree");
        self.head = len.to_be_bytes();
        self.answer = Arc::new(encoded);
        self.sent = 0;
        self.answering = Some(get);
        self.stuck_since = Some(now);
    }

    /// There is nothing more of what was asked for.
    pub(super) fn answer_nothing(&mut self, now: Instant, get: Get) {
        self.head = [0; HEAD];
        self.answer = Arc::default();
        self.sent = 0;
        self.answering = Some(Get { len: 0, ..get });
        self.stuck_since = Some(now);
    }

    /// Gives the stream as much of the answer as it takes. The request and its answer, which the stream
    /// may hold for longer, when that was all.
    pub(super) fn write(
        &mut self,
        now: Instant,
        user: &Name,
        stream: StreamId,
        streams: &mut dyn BulkStreams,
        limit: &mut Limit,
    ) -> Result<Option<Served>, WriteError> {
        let Some(get) = self.answering else { return Ok(None) };
        let before = self.sent;
        if self.sent < HEAD {
            self.sent += streams.write(user, stream, &self.head[self.sent..])?;
        }
        if let Some(sent) = self.sent.checked_sub(HEAD).filter(|sent| *sent < self.answer.len()) {
            let most = limit.allowance(now, self.answer.len() - sent);
            let next = sent..sent + most;
            let taken = streams.write_shared(user, stream, &self.answer, next)?;
            limit.take(taken as u64);
            self.sent += taken;
        }
        if self.sent > before {
            self.stuck_since = Some(now);
        }
        if self.sent < HEAD + self.answer.len() {
            return Ok(None);
        }
        self.sent = 0;
        self.stuck_since = None;
        self.answering = None;
        Ok(Some((get, std::mem::take(&mut self.answer))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_of_the_file_are_served() {
        let get = |offset, len| Get { of: Wanted::Offered(TransferId([0; 16])), offset, len };
        let size = 100_000;
        assert!(get(0, 16384).fits(size));
        assert!(get(16384, 83_616).fits(size), "to the end");
        assert!(get(98_304, 1_696).fits(size));
        for (offset, len) in [
            (0, 0),
            (1, 16384),
            (0, 16383),
            (0, 100_001),
            (98_304, 1_695),
            (98_304, 16384),
            (114_688, 16384),
            (u64::MAX, 16384),
            (u64::MAX - 16383, 16384),
            (0, u32::MAX),
        ] {
            assert!(!get(offset, len).fits(size), "{offset} {len}");
        }
        assert!(get(0, MAX_RANGE).fits(1 << 40));
        assert!(!get(0, MAX_RANGE + 16384).fits(1 << 40));
        assert!(!get(0, 0).fits(0), "an empty file needs no request");
    }
}
