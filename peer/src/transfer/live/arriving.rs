//! The receiver's end of the stream by which a growing file comes: one request at a time, which is
//! answered when there is something.

use wire::app::framing;
use wire::app::name::Name;
use wire::app::peer::{BulkRequest, MAX_RANGE, TransferId};
use wire::time::{Duration, Instant};
use wire::{Read, StreamId};

use super::super::fetch::Broken;
use super::super::links::BulkStreams;
use super::super::spare::Spare;

/// A stream that failed is opened again after this long, doubling up to a minute.
const RETRY: Duration = Duration::from_secs(1);

/// A growing file on its way in.
#[derive(Debug)]
pub(in super::super) struct Growing {
    /// Bytes that are written.
    here: u64,
    /// Bytes that the disk is given to write behind them.
    writing: u32,
    asking: Option<Asking>,
    /// When a stream that failed is tried again.
    pub(super) retry_at: Option<Instant>,
    failures: u32,
    /// The sender says that it grows no more: his offer of the whole comes next.
    pub(super) has_ended: bool,
}

/// The stream, and the answer that is arriving.
#[derive(Debug)]
struct Asking {
    stream: StreamId,
    is_asked: bool,
    /// What the stream has not taken of the request.
    unsent: Vec<u8>,
    /// The length of the answer, then that many bytes.
    head: Vec<u8>,
    body: Vec<u8>,
    is_readable: bool,
}

impl Growing {
    /// So many bytes are there.
    pub(super) const fn new(here: u64) -> Self {
        Self { here, writing: 0, asking: None, retry_at: None, failures: 0, has_ended: false }
    }

    /// Bytes that are written.
    pub(in super::super) const fn here(&self) -> u64 {
        self.here
    }

    /// Where what comes next belongs.
    pub(super) const fn next(&self) -> u64 {
        self.here + self.writing as u64
    }

    /// Bytes of an answer that is not whole yet.
    pub(in super::super) fn arriving(&self) -> u64 {
        self.asking.as_ref().map_or(0, |asking| asking.body.len() as u64)
    }

    /// Whether a stream is to be opened now.
    pub(super) fn wants_stream(&self, now: Instant) -> bool {
        self.asking.is_none() && !self.has_ended && self.retry_at.is_none_or(|at| at <= now)
    }

    pub(super) fn begin(&mut self, stream: StreamId) {
        self.retry_at = None;
        self.asking = Some(Asking {
            stream,
            is_asked: false,
            unsent: Vec::new(),
            head: Vec::new(),
            body: Vec::new(),
            is_readable: false,
        });
    }

    /// The stream is gone, and what had come of an answer with it: it is asked for again.
    pub(in super::super) fn lose_stream(&mut self) -> Option<StreamId> {
        self.asking.take().map(|asking| asking.stream)
    }

    /// The stream failed while the link is up: tries again at the time that is given.
    pub(super) fn retry_later(&mut self, now: Instant) -> Instant {
        let at = now + RETRY * (1 << self.failures.min(6));
        self.failures += 1;
        self.retry_at = Some(at);
        at
    }

    /// The link is up again, or what the sender has said counts no more.
    pub(in super::super) fn afresh(&mut self) {
        self.retry_at = None;
        self.has_ended = false;
    }

    pub(in super::super) fn note_readable(&mut self) {
        if let Some(asking) = &mut self.asking {
            asking.is_readable = true;
        }
    }

    /// Asks for what comes next, if nothing is asked for.
    pub(super) fn ask(&mut self, id: TransferId) {
        let offset = self.next();
        let Some(asking) = self.asking.as_mut().filter(|asking| !asking.is_asked) else { return };
        asking.is_asked = true;
        asking.unsent = framing::encode(&BulkRequest::GetLive { id, offset });
    }

    /// Sends the request as far as the stream takes it.
    pub(super) fn send(
        &mut self,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<(), Broken> {
        let asking = self.asking.as_mut().filter(|asking| !asking.unsent.is_empty());
        let Some(asking) = asking else { return Ok(()) };
        let taken = streams.write(user, asking.stream, &asking.unsent).map_err(|_| Broken::Lost)?;
        asking.unsent.drain(..taken);
        Ok(())
    }

    /// A whole answer, if there is one and the disk is done with the last.
    pub(super) fn next_answer(
        &mut self,
        spare: &mut Spare,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<Option<Vec<u8>>, Broken> {
        if self.writing > 0 {
            return Ok(None);
        }
        let Some(asking) = &mut self.asking else { return Ok(None) };
        while asking.is_readable {
            if let Some(answer) = asking.read_on(spare, user, streams)? {
                self.failures = 0;
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// The disk is given so much.
    pub(super) const fn writes(&mut self, len: u32) {
        self.writing = len;
    }

    /// The disk has written it.
    pub(super) const fn written(&mut self) {
        self.here += self.writing as u64;
        self.writing = 0;
    }
}

impl Asking {
    /// Reads once: towards the length, then towards the end of the answer.
    fn read_on(
        &mut self,
        spare: &mut Spare,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<Option<Vec<u8>>, Broken> {
        let read = match self.body_len()? {
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
        self.head.clear();
        self.is_asked = false;
        Ok(Some(std::mem::take(&mut self.body)))
    }

    fn is_whole(&self) -> Result<bool, Broken> {
        Ok(self.body_len()? == Some(self.body.len()))
    }

    /// The length of the answer, when it is known: nobody honest says more than may be asked for, or
    /// anything that was not asked for [W-131].
    fn body_len(&self) -> Result<Option<usize>, Broken> {
        let Ok(head) = <[u8; 4]>::try_from(self.head.as_slice()) else { return Ok(None) };
        match u32::from_be_bytes(head) {
            announced if self.is_asked && announced <= MAX_RANGE => Ok(Some(announced as usize)),
            _ => Err(Broken::Lie),
        }
    }
}
