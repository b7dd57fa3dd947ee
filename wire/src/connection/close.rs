//! The end of a connection (RFC 9000 section 10) [W-78].

use crate::error::{CloseReason, ProtocolError};
use crate::frame::MAX_CLOSE_TEXT;
use crate::time::{Duration, Instant};

/// Codes from here on are the transport's, below the application's.
const PROTOCOL_CODES: u32 = 0xffff_ff00;

/// A connection that this side has ended: the CLOSE is repeated until the other side can be
/// thought to know.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) reason: CloseReason,
    due: Due,
    /// When it is repeated even though nothing comes from the other side.
    repeat_at: Instant,
    interval: Duration,
    /// No answer to what comes before that: CLOSE is not to be amplified.
    quiet_until: Instant,
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    Later,
}

impl Closing {
    pub(super) fn new(now: Instant, mut reason: CloseReason, probe_timeout: Duration) -> Self {
        truncate(&mut reason.text);
        let interval = probe_timeout / 2;
        Self {
            reason,
            due: Due::Now,
            repeat_at: now + interval,
            interval,
            quiet_until: now + interval,
            until: now + probe_timeout * 3,
        }
    }

    /// The other side goes on sending: it does not know yet.
    pub(super) fn on_packet(&mut self, now: Instant) {
        if now >= self.quiet_until {
            self.due = Due::Now;
        }
    }

    /// Whether the CLOSE is to be sent; it is taken to be.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let due = self.due == Due::Now;
        if due {
            self.due = Due::Later;
            self.quiet_until = now + self.interval;
        }
        due
    }

    pub(super) fn deadline(&self) -> Instant {
        self.repeat_at.min(self.until)
    }

    /// The deadline has come. Says whether all is over.
    pub(super) fn on_timeout(&mut self, now: Instant) -> bool {
        if now >= self.repeat_at {
            self.repeat_at = now + self.interval;
            self.due = Due::Now;
        }
        now >= self.until
    }
}

/// A connection that the other side has ended: it is told once that this was heard.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) answer: Option<CloseReason>,
    pub(super) until: Instant,
}

/// Cuts a text to what a CLOSE frame carries, between two characters.
fn truncate(text: &mut String) {
    let mut end = text.len().min(MAX_CLOSE_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

/// What the other side is told of the rule that it broke.
pub(super) fn reason_of(error: ProtocolError) -> CloseReason {
    let code = match error {
        ProtocolError::Frame(_) => 1,
        ProtocolError::UnknownFrame(_) => 2,
        ProtocolError::FlowControl => 3,
        ProtocolError::StreamLimit => 4,
        ProtocolError::StreamState => 5,
        ProtocolError::FinalSize => 6,
        ProtocolError::TooManyGaps => 7,
        ProtocolError::OptimisticAck => 8,
        ProtocolError::Rekey => 9,
        ProtocolError::KeyLimit => 10,
    };
    CloseReason::new(PROTOCOL_CODES + code, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTO: Duration = Duration::from_millis(100);

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for (text, len) in [("é".repeat(200), 256), (format!("x{}", "é".repeat(200)), 255)] {
            let closing = Closing::new(Instant::ZERO, CloseReason::new(0, &text), PTO);
            assert_eq!(closing.reason.text.len(), len);
        }
    }

    #[test]
    fn repeated_on_time_and_in_answer_but_not_for_every_packet() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut closing = Closing::new(at(0), CloseReason::new(0, ""), PTO);
        assert!(closing.take_due(at(0)));
        let mut sent = 0;
        for millis in 1..100 {
            if closing.deadline() <= at(millis) {
                assert!(!closing.on_timeout(at(millis)));
            }
            closing.on_packet(at(millis));
            sent += u32::from(closing.take_due(at(millis)));
        }
        assert_eq!(sent, 1, "whatever came");
        assert_eq!(closing.deadline(), at(100));
        assert!(!closing.on_timeout(at(100)));
        assert!(closing.take_due(at(100)));
        assert!(closing.deadline() > at(100));
        assert!(closing.on_timeout(at(300)));
    }
}
