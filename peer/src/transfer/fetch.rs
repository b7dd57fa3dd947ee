//! The receiver's end of one Bulk stream: what was asked for, and the answers as they arrive.

use std::collections::VecDeque;

use wire::app::framing;
use wire::app::name::Name;
use wire::app::peer::{BulkRequest, MAX_RANGE, TransferId};
use wire::time::{Duration, Instant};
use wire::{Read, StreamId};

use super::links::BulkStreams;
use super::ranges::Missing;
use super::spare::Spare;

/// Bytes asked for and not yet arrived: as much as arrives in this time at the present rate...
const AHEAD_MILLIS: u64 = 1500;
/// ...but at least this much...
const MIN_WINDOW: u64 = 256 << 10;
/// ...and at most this.
pub(super) const MAX_WINDOW: u64 = 8 << 20;
/// Shortest and longest range of one request, when there is more to ask for.
const MIN_STEP: u64 = 64 << 10;
/// Those that fetch at once share this; what one has asked for before others came it keeps.
const MAX_WINDOWS: u64 = 16 << 20;
/// Bytes of all transfers together that wait for the disk; beyond this nothing more is read from
/// any stream. They share it, but for the least that one may have waiting.
pub(super) const MAX_WRITING: u64 = 8 << 20;
const MIN_WRITING: u64 = 1 << 20;
/// A sender who says nothing for this long, though he does not pause, is asked again over another
/// stream; meanwhile it is somebody else's turn.
const MAX_SILENCE: Duration = Duration::from_secs(60);
/// A stream that failed is opened again after this long, doubling up to a minute.
const RETRY: Duration = Duration::from_secs(1);

/// The longest answer to a request of `len` bytes, in Bao encoding: 64 bytes for each inner node,
/// one for each group of 16 KiB, and two paths to the root.
pub(super) const fn longest_answer(len: u32) -> u32 {
    len + 64 * (len / 16384 + 128)
}

/// A file on its way in.
#[derive(Debug)]
pub(super) struct Fetch {
    missing: Missing,
    stream: Option<Asking>,
    /// Bytes handed to the disk and not yet told to be written.
    writing: u64,
    /// How many transfers fetch at once.
    sharers: u64,
    /// When a stream that failed, or that the other side did not allow, is tried again.
    pub(super) retry_at: Option<Instant>,
    failures: u32,
    /// Whether a stream is to be opened as soon as another transfer gives up its place.
    pub(super) awaits_place: bool,
}

/// The stream, and what was asked for over it.
#[derive(Debug)]
struct Asking {
    stream: StreamId,
    asked: VecDeque<(u64, u32)>,
    asked_bytes: u64,
    /// Requests that the stream has not taken yet.
    unsent: Vec<u8>,
    /// The answer that is arriving: its length, then that many bytes.
    head: Vec<u8>,
    body: Vec<u8>,
    is_readable: bool,
    /// When the last bytes arrived, or from when on they could.
    heard_at: Instant,
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) encoded: Vec<u8>,
}

/// Why nothing more comes over a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The other side ended it, or it went with the link: another may do.
    Lost,
    /// The other side said what nobody honest says.
    Lie,
}

impl Fetch {
    /// A file of `size` bytes of which `present` are there.
    pub(super) fn new(size: u64, present: &[(u64, u64)]) -> Self {
        Self {
            missing: Missing::all_but(size, present),
            stream: None,
            writing: 0,
            sharers: 1,
            retry_at: None,
            failures: 0,
            awaits_place: false,
        }
    }

    /// Bytes still to come.
    pub(super) fn remaining(&self) -> u64 {
        let asked = self.stream.as_ref().map_or(0, |asking| asking.asked_bytes);
        self.missing.bytes() + asked + self.writing
    }

    /// Whether there is something that was not asked for.
    pub(super) const fn has_more_to_ask(&self) -> bool {
        self.missing.bytes() > 0
    }

    /// The stream in use.
    pub(super) fn stream(&self) -> Option<StreamId> {
        self.stream.as_ref().map(|asking| asking.stream)
    }

    /// A new stream is to be used.
    pub(super) fn begin(&mut self, now: Instant, stream: StreamId) {
        self.retry_at = None;
        self.awaits_place = false;
        self.stream = Some(Asking {
            stream,
            asked: VecDeque::new(),
            asked_bytes: 0,
            unsent: Vec::new(),
            head: Vec::new(),
            body: Vec::new(),
            is_readable: false,
            heard_at: now,
        });
    }

    /// Nobody pauses any more: silence counts from here.
    pub(super) const fn flows_again(&mut self, now: Instant) {
        if let Some(asking) = &mut self.stream {
            asking.heard_at = now;
        }
    }

    /// Whether there is something to read that had to wait for the disk.
    pub(super) fn is_held_back(&self) -> bool {
        self.stream.as_ref().is_some_and(|asking| asking.is_readable)
    }

    /// Bytes asked for, and those that have arrived of the answer that is not whole yet.
    pub(super) fn held(&self) -> (u64, u64) {
        let held = |asking: &Asking| (asking.asked_bytes, asking.body.len() as u64);
        self.stream.as_ref().map_or((0, 0), held)
    }

    /// Whether an answer is due.
    pub(super) fn waits_for_answer(&self) -> bool {
        self.stream.as_ref().is_some_and(|asking| !asking.asked.is_empty())
    }

    /// Whether the other side, and not this disk, has kept it waiting for too long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        let is_long = |asking: &Asking| now - asking.heard_at >= MAX_SILENCE;
        self.waits_for_answer() && self.writing == 0 && self.stream.as_ref().is_some_and(is_long)
    }

    /// The stream is gone: what was asked for over it is missing again.
    pub(super) fn lose_stream(&mut self) -> Option<StreamId> {
        let asking = self.stream.take()?;
        for (offset, len) in asking.asked {
            self.missing.put_back(offset, len);
        }
        Some(asking.stream)
    }

    /// The stream failed while the link is up: tries again at the time that is given.
    pub(super) fn retry_later(&mut self, now: Instant) -> Instant {
        let at = now + RETRY * (1 << self.failures.min(6));
        self.failures += 1;
        self.awaits_place = false;
        self.retry_at = Some(at);
        at
    }

    /// There is something to read.
    pub(super) fn note_readable(&mut self) {
        if let Some(asking) = &mut self.stream {
            asking.is_readable = true;
        }
    }

    /// Asks for as much as should be on its way at `rate` bytes per second, when `sharers`
    /// transfers fetch at once.
    pub(super) fn ask(&mut self, id: TransferId, rate: u64, sharers: u64) {
        self.sharers = sharers.max(1);
        let Some(asking) = &mut self.stream else { return };
        let share = (MAX_WINDOWS / self.sharers).clamp(MIN_STEP, MAX_WINDOW);
        let ahead = rate.saturating_mul(AHEAD_MILLIS) / 1000;
        let window = ahead.max(MIN_WINDOW).min(share);
        let step = (window / 4).clamp(MIN_STEP, u64::from(MAX_RANGE));
        // A whole number of groups, and a power of two: ranges share the upper tree.
        let step = u32::try_from(1_u64 << step.ilog2()).expect("at most MAX_RANGE");
        while asking.asked_bytes + u64::from(step) <= window {
            let Some((offset, len)) = self.missing.take(step) else { break };
            asking.asked.push_back((offset, len));
            asking.asked_bytes += u64::from(len);
            asking.unsent.extend(framing::encode(&BulkRequest::Get { id, offset, len }));
        }
    }

    /// Sends requests as far as the stream takes them.
    pub(super) fn send(
        &mut self,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<(), Broken> {
        let Some(asking) = &mut self.stream else { return Ok(()) };
        if asking.unsent.is_empty() {
            return Ok(());
        }
        let taken = streams.write(user, asking.stream, &asking.unsent).map_err(|_| Broken::Lost)?;
        asking.unsent.drain(..taken);
        Ok(())
    }

    /// The next whole answer, unless too much waits for the disk: `room` is what all transfers
    /// together may still give to it.
    pub(super) fn next_answer(
        &mut self,
        now: Instant,
        room: u64,
        spare: &mut Spare,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<Option<Answer>, Broken> {
        let Some(asking) = &mut self.stream else { return Ok(None) };
        let limit = (MAX_WRITING / self.sharers).max(MIN_WRITING);
        let next = asking.asked.front().map_or(0, |(_, len)| u64::from(*len));
        while asking.is_readable && self.writing < limit && next <= room {
            if let Some(answer) = asking.read_on(now, spare, user, streams)? {
                self.writing += u64::from(answer.len);
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// The disk has verified and written so many bytes.
    pub(super) fn written(&mut self, len: u32) {
        self.writing -= u64::from(len);
        self.failures = 0;
    }
}

impl Asking {
    /// Reads once: towards the length, then towards the end of the answer.
    fn read_on(
        &mut self,
        now: Instant,
        spare: &mut Spare,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<Option<Answer>, Broken> {
        let before = self.head.len() + self.body.len();
        let expected = self.body_len()?;
        let read = match expected {
            None => streams.read(user, self.stream, 4 - self.head.len(), &mut self.head),
            Some(len) => {
                if self.body.capacity() == 0 {
                    self.body = spare.take();
                    self.body.clear();
                }
                self.body.reserve_exact(len - self.body.len());
                streams.read(user, self.stream, len - self.body.len(), &mut self.body)
            }
        };
        if self.head.len() + self.body.len() > before {
            self.heard_at = now;
        }
        match read {
            Ok(Read::More) => {}
            Ok(Read::Blocked) => self.is_readable = false,
            // Whatever is whole by now still counts; the next reading says so again.
            Ok(Read::End) if self.is_whole()? => {}
            Ok(Read::End) | Err(_) => return Err(Broken::Lost),
        }
        if !self.is_whole()? {
            return Ok(None);
        }
        let (offset, len) = self.asked.pop_front().ok_or(Broken::Lie)?;
        self.asked_bytes -= u64::from(len);
        self.head.clear();
        Ok(Some(Answer { offset, len, encoded: std::mem::take(&mut self.body) }))
    }

    fn is_whole(&self) -> Result<bool, Broken> {
        Ok(self.body_len()? == Some(self.body.len()))
    }

    /// The length of the answer that is arriving, when it is known: no longer than the range
    /// that was asked for can be in Bao encoding.
    fn body_len(&self) -> Result<Option<usize>, Broken> {
        let Ok(head) = <[u8; 4]>::try_from(self.head.as_slice()) else { return Ok(None) };
        let (_, len) = *self.asked.front().ok_or(Broken::Lie)?;
        let announced = u32::from_be_bytes(head);
        if announced < len || announced > longest_answer(len) {
            return Err(Broken::Lie);
        }
        Ok(Some(announced as usize))
    }
}
