//! One's own half of a message stream, and the other side's.

use wire::app::framing::{self, Deframer, FramingError, Message};
use wire::{ConnectionHandle, Endpoint, Read, ReadError, StreamId, WriteError};

/// How much is taken from a stream at once: between two reads, whole messages are taken out, so
/// that no more than this and one message waits here.
const READ: usize = 64 << 10;

/// A stream that this side opened to write messages.
#[derive(Debug)]
pub(super) struct Outgoing {
    stream: StreamId,
    /// What the transport did not take yet.
    unsent: Vec<u8>,
}

impl Outgoing {
    pub(super) const fn new(stream: StreamId) -> Self {
        Self { stream, unsent: Vec::new() }
    }

    pub(super) fn is(&self, stream: StreamId) -> bool {
        self.stream == stream
    }

    /// Bytes that the transport did not take yet: callers that could go on for ever stop here.
    pub(super) fn backlog(&self) -> usize {
        self.unsent.len()
    }

    /// Bytes that are not known to have arrived.
    pub(super) fn on_its_way(&self, endpoint: &Endpoint, handle: ConnectionHandle) -> u64 {
        self.unsent.len() as u64 + endpoint.unacknowledged(handle, self.stream)
    }

    /// Whether all that was said is known to have arrived.
    pub(super) fn is_through(&self, endpoint: &Endpoint, handle: ConnectionHandle) -> bool {
        self.on_its_way(endpoint, handle) == 0
    }

    pub(super) fn send<M: Message>(
        &mut self,
        endpoint: &mut Endpoint,
        handle: ConnectionHandle,
        message: &M,
    ) -> Result<(), WriteError> {
        self.unsent.extend(framing::encode(message));
        self.flush(endpoint, handle)
    }

    /// Hands over what the transport takes now.
    pub(super) fn flush(
        &mut self,
        endpoint: &mut Endpoint,
        handle: ConnectionHandle,
    ) -> Result<(), WriteError> {
        while !self.unsent.is_empty() {
            let taken = endpoint.write(handle, self.stream, &self.unsent)?;
            if taken == 0 {
                break;
            }
            self.unsent.drain(..taken);
        }
        Ok(())
    }
}

/// A stream of messages from the other side.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: StreamId,
    deframer: Deframer,
    more: Read,
}

/// The other side's stream is no sequence of messages, or ended where it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StreamError {
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("stream ended")]
    Ended,
}

impl Incoming {
    pub(super) fn new(stream: StreamId) -> Self {
        Self { stream, deframer: Deframer::default(), more: Read::More }
    }

    pub(super) fn is(&self, stream: StreamId) -> bool {
        self.stream == stream
    }

    /// The transport says that there is something to read.
    pub(super) const fn readable(&mut self) {
        self.more = Read::More;
    }

    /// The next message; `None` when more must arrive first.
    pub(super) fn next<M: Message>(
        &mut self,
        endpoint: &mut Endpoint,
        handle: ConnectionHandle,
    ) -> Result<Option<M>, StreamError> {
        loop {
            if let Some(message) = self.deframer.next()? {
                return Ok(Some(message));
            }
            match self.more {
                Read::More => {
                    let buffer = self.deframer.buffer();
                    self.more = endpoint.read(handle, self.stream, READ, buffer)?;
                }
                Read::Blocked => return Ok(None),
                Read::End => return Err(StreamError::Ended),
            }
        }
    }
}
