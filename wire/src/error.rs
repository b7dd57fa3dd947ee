//! Errors, one type per question.

use crate::id::StreamId;

/// Why a connection ended. Arrives as [`Event::Closed`](crate::Event::Closed).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Nobody answered the handshake in time.
    #[error("no answer")]
    Unreachable,
    /// The other side answered with something that does not fit: wrong key, other version,
    /// altered on the way.
    #[error("the handshake failed: {0}")]
    Handshake(&'static str),
    /// The key that the server showed is not the one that is pinned.
    #[error("the server's key differs from the pinned one")]
    WrongServerKey,
    /// Nothing was heard for the idle time-out.
    #[error("connection lost")]
    TimedOut,
    /// The other side closed, with its reason.
    #[error("closed by the other side: {0}")]
    ClosedByPeer(CloseReason),
    /// This side closed.
    #[error("closed: {0}")]
    Closed(CloseReason),
    /// The other side forgot the connection (it restarted).
    #[error("the other side has restarted")]
    Reset,
    /// The other side broke a rule of the protocol.
    #[error("protocol violation: {0}")]
    Protocol(#[from] ProtocolError),
}

/// A code for machines and a text for people, sent with a close.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} (code {code})")]
pub struct CloseReason {
    /// Meaning defined by the application; 0 is an ordinary end.
    pub code: u32,
    /// At most 256 bytes; foreign text: filter it before showing it.
    pub text: String,
}

impl CloseReason {
    /// A reason from a code and a text.
    #[must_use]
    pub fn new(code: u32, text: &str) -> Self {
        Self { code, text: text.to_owned() }
    }
}

/// One variant for each rule that a peer can break. Each ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A frame that cannot be parsed.
    #[error("malformed frame: {0}")]
    Frame(#[from] crate::codec::DecodeError),
    /// A frame kind that this version does not know.
    #[error("unknown frame kind {0}")]
    UnknownFrame(u8),
    /// Flow control exceeded.
    #[error("flow control exceeded")]
    FlowControl,
    /// More streams, or higher stream numbers, than allowed.
    #[error("too many streams")]
    StreamLimit,
    /// A frame for a stream in a state that does not allow it.
    #[error("frame for stream in the wrong state")]
    StreamState,
    /// The final size of a stream changed, or data came beyond it.
    #[error("final size changed")]
    FinalSize,
    /// More gaps in a stream than anyone honest would leave.
    #[error("too many gaps in a stream")]
    TooManyGaps,
    /// An acknowledgement of a packet that was never sent.
    #[error("acknowledgement of a packet never sent")]
    OptimisticAck,
    /// Rekeying out of order.
    #[error("unexpected rekey message")]
    Rekey,
    /// Too many packets failed authentication, or a key was used for too long.
    #[error("key limit reached")]
    KeyLimit,
}

/// Why a stream cannot be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The connection does not exist, is not yet up, or has ended.
    #[error("not connected")]
    NotConnected,
    /// The other side allows no further stream of this class until one ends.
    #[error("the other side allows no more streams")]
    Limit,
}

/// Why nothing can be written to a stream any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No such stream, or its connection has ended.
    #[error("no stream {0:?}")]
    NoStream(StreamId),
    /// Already finished or reset by this side.
    #[error("stream already finished")]
    Finished,
    /// The other side wants no more of it; the code is the application's.
    #[error("stopped by the other side with code {0}")]
    Stopped(u32),
}

/// Why nothing can be read from a stream any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No such stream, or its connection has ended.
    #[error("no stream {0:?}")]
    NoStream(StreamId),
    /// The other side gave the stream up; the code is the application's.
    #[error("reset by the other side with code {0}")]
    Reset(u32),
}
