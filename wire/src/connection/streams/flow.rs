//! Flow control: how far the other side may send, and how far we may (RFC 9000 section 4).

use crate::config::TransportConfig;

/// What a stream's window starts with; it grows while the reader keeps up.
const FIRST_STREAM_WINDOW: u64 = 256 << 10;
/// The same for the whole connection.
const FIRST_CONNECTION_WINDOW: u64 = 512 << 10;

/// The limits on streams that one side states in its transport parameters and raises later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes that each stream may carry before the first MAX_STREAM_DATA.
    pub(crate) stream_window: u64,
    /// Bytes that all streams together may carry before the first MAX_DATA.
    pub(crate) connection_window: u64,
    /// Streams of each class that may be opened before the first MAX_STREAMS.
    pub(crate) max_streams: u64,
}

impl Limits {
    /// What this side states: windows begin small and grow towards the configured ones.
    pub(crate) fn stated(config: &TransportConfig) -> Self {
        Self {
            stream_window: config.stream_window.min(FIRST_STREAM_WINDOW),
            connection_window: config.connection_window.min(FIRST_CONNECTION_WINDOW),
            max_streams: config.max_streams,
        }
    }
}
