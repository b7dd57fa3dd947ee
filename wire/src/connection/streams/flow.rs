//! Flow control: how far the other side may send, and how far we may (RFC 9000 section 4).

use crate::codec::VARINT_MAX;
use crate::config::TransportConfig;
use crate::error::ProtocolError;
use crate::time::{Duration, Instant};

/// What a stream's window starts with; it grows while the reader keeps up.
const FIRST_STREAM_WINDOW: u64 = 4 << 20;
/// The same for the whole connection.
const FIRST_CONNECTION_WINDOW: u64 = 8 << 20;
/// Separate ranges that may always wait [W-85].
const MIN_RANGES: u64 = 1024;
/// A larger window may have one more for so many bytes: full datagrams of which every second was
/// lost leave fewer.
const BYTES_PER_RANGE: u64 = 2048;
/// A window half of which is used up in fewer round trips than this holds the sender back. On a
/// path without loss two would do; where what is lost twice or thrice holds up all that follows it,
/// the reader takes longer.
const QUICKLY: u32 = 8;
/// A limit is told anew when this part of the window is free: an update that is lost, or read late
/// behind something that was lost twice, is followed by the next before the sender has to stop.
const UPDATE_PART: u64 = 4;
/// MAX_STREAMS is sent once this part of the streams has ended.
const STREAMS_PER_UPDATE: u64 = 4;
/// The largest number of streams that a StreamId can name.
pub(super) const MAX_STREAMS: u64 = 1 << 59;

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
            max_streams: config.max_streams.min(MAX_STREAMS),
        }
    }
}

/// How far the other side may send, on one stream or on all together.
///
/// ```text
/// 0         consumed        received            limit
/// |- read ----|- in memory ----|- may still come -|
///             |------------- size ----------------|   right after an update
/// ```
#[derive(Clone, Debug)]
pub(super) struct ReceiveWindow {
    /// Bytes that the application has read, or that were thrown away.
    pub(super) consumed: u64,
    /// The highest offset that arrived; on the connection, the sum of those [W-88].
    pub(super) received: u64,
    /// The highest offset that the other side was allowed.
    pub(super) limit: u64,
    /// How many bytes the other side may be ahead of `consumed`.
    pub(super) size: u64,
    max_size: u64,
    /// Where `limit` was when the time began in which half of a window is used up, and when.
    half_from: (u64, Instant),
}

impl ReceiveWindow {
    /// A window of `size` that may grow to `max_size`.
    pub(super) fn new(size: u64, max_size: u64, now: Instant) -> Self {
        let max_size = max_size.min(VARINT_MAX);
        let size = size.min(max_size);
        Self { consumed: 0, received: 0, limit: size, size, max_size, half_from: (size, now) }
    }

    /// Whether bytes up to `end` may come.
    pub(super) const fn check(&self, end: u64) -> Result<(), ProtocolError> {
        if end > self.limit { Err(ProtocolError::FlowControl) } else { Ok(()) }
    }

    /// Counts what arrived up to `end`.
    pub(super) fn receive(&mut self, end: u64) -> Result<(), ProtocolError> {
        self.check(end)?;
        self.received = self.received.max(end);
        Ok(())
    }

    /// Whether so many separate ranges may wait: what is kept to describe them is then a small
    /// part of the window too [W-85].
    pub(super) fn check_ranges(&self, ranges: usize) -> Result<(), ProtocolError> {
        let most = MIN_RANGES.max(self.size / BYTES_PER_RANGE);
        if ranges as u64 > most { Err(ProtocolError::TooManyGaps) } else { Ok(()) }
    }

    /// Whether the other side should be told a higher limit: a quarter of the window is free
    /// [W-89].
    pub(super) fn is_due(&self) -> bool {
        self.target() - self.limit >= (self.size / UPDATE_PART).max(1)
    }

    /// Raises the limit and says it. A window half of which is used up quickly is what holds the
    /// sender back, so it doubles [W-89].
    pub(super) fn raise(&mut self, now: Instant, rtt: Duration) -> u64 {
        if self.is_due() {
            let (from, since) = self.half_from;
            if self.target() - from >= self.size / 2 {
                if now - since < rtt.saturating_mul(QUICKLY) {
                    self.size = (self.size * 2).min(self.max_size);
                }
                self.half_from = (self.target(), now);
            }
            self.limit = self.target();
        }
        self.limit
    }

    /// Raises the limit by what little is free, and says it. Tells nothing about the window's size.
    pub(super) fn top_up(&mut self) -> u64 {
        self.limit = self.target();
        self.limit
    }

    fn target(&self) -> u64 {
        (self.consumed + self.size).min(VARINT_MAX).max(self.limit)
    }
}

/// How far we may send on all streams together.
#[derive(Clone, Debug)]
pub(super) struct SendWindow {
    pub(super) limit: u64,
    /// Bytes sent for the first time.
    pub(super) used: u64,
}

impl SendWindow {
    pub(super) const fn credit(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// The streams of one class: how many were opened by each side, and how many may be.
#[derive(Clone, Debug)]
pub(super) struct StreamCounts {
    /// Opened by this side; the index of the next.
    pub(super) local_opened: u64,
    /// How many the other side lets us open in all.
    pub(super) local_limit: u64,
    /// Opened by the other side; the index of the next.
    pub(super) remote_opened: u64,
    /// How many we let the other side open in all.
    pub(super) remote_limit: u64,
    /// Of those, forgotten.
    remote_ended: u64,
    /// How many of them may be open at once.
    max_open: u64,
}

impl StreamCounts {
    pub(super) const fn new(local_limit: u64, max_open: u64) -> Self {
        Self {
            local_opened: 0,
            local_limit,
            remote_opened: 0,
            remote_limit: max_open,
            remote_ended: 0,
            max_open,
        }
    }

    /// A stream of the other side was forgotten.
    pub(super) const fn remote_end(&mut self) {
        self.remote_ended += 1;
    }

    /// Whether the other side should be told a higher limit: a quarter may be opened anew, or it
    /// has none left and could have one [W-84].
    pub(super) fn is_due(&self) -> bool {
        let more = self.target() - self.remote_limit;
        more > 0
            && (more >= self.max_open / STREAMS_PER_UPDATE
                || self.remote_opened == self.remote_limit)
    }

    /// Raises the limit and says it.
    pub(super) fn raise(&mut self) -> u64 {
        self.remote_limit = self.target();
        self.remote_limit
    }

    fn target(&self) -> u64 {
        (self.remote_ended + self.max_open).min(MAX_STREAMS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// [W-88]
    #[test]
    fn the_last_allowed_byte_passes_and_the_next_does_not() {
        let mut window = ReceiveWindow::new(100, 100, at(0));
        assert_eq!(window.receive(100), Ok(()));
        assert_eq!(window.receive(101), Err(ProtocolError::FlowControl));
        assert_eq!(window.received, 100);
    }

    /// [W-89]
    #[test]
    fn limits_are_raised_by_quarters_and_windows_grow_for_a_fast_reader_only() {
        let mut window = ReceiveWindow::new(80, 300, at(0));
        window.consumed = 19;
        assert!(!window.is_due());
        assert_eq!(window.raise(at(1), RTT), 80, "not due, nothing changes");
        window.consumed = 20;
        assert!(window.is_due());
        assert_eq!(window.raise(at(2), RTT), 100);
        window.consumed = 40;
        assert_eq!(window.raise(at(500), RTT), 120, "half of it was used up slowly");
        window.consumed = 79;
        assert_eq!(window.raise(at(600), RTT), 159, "not half yet");
        window.consumed = 100;
        assert_eq!(window.raise(at(899), RTT), 260, "fast: doubled");
        window.consumed = 180;
        assert_eq!(window.raise(at(900), RTT), 480, "not above what is configured");
    }

    #[test]
    fn extreme_windows_neither_panic_nor_update_for_ever() {
        let mut none = ReceiveWindow::new(0, 0, at(0));
        assert!(!none.is_due());
        assert_eq!(none.raise(at(0), RTT), 0);
        let mut huge = ReceiveWindow::new(u64::MAX, u64::MAX, at(0));
        assert_eq!(huge.receive(VARINT_MAX), Ok(()));
        huge.consumed = VARINT_MAX;
        assert!(!huge.is_due());
        assert_eq!(huge.raise(at(0), RTT), VARINT_MAX);
    }

    /// [W-84]
    #[test]
    fn streams_are_allowed_anew_in_quarters_or_when_none_is_left() {
        let mut counts = StreamCounts::new(0, 8);
        counts.remote_opened = 7;
        counts.remote_end();
        assert!(!counts.is_due());
        counts.remote_end();
        assert!(counts.is_due());
        assert_eq!(counts.raise(), 10);
        counts.remote_end();
        assert!(!counts.is_due());
        counts.remote_opened = 10;
        assert!(counts.is_due());
        assert!(!StreamCounts::new(0, 0).is_due());
    }
}
