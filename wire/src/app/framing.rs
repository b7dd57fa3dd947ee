//! Messages on a stream: a four-byte big-endian length (of what follows), a version byte, and the
//! message in postcard's encoding, which begins with the number of its kind.
//!
//! A kind that this version does not know is skipped and counted, so that newer programs can say
//! more to older ones.

use serde::{Serialize, de::DeserializeOwned};

/// Version of the application messages.
pub const VERSION: u8 = 1;

/// An enum that travels as one frame.
pub trait Message: Serialize + DeserializeOwned {
    /// How many kinds (variants) there are: a higher kind number is a newer program's.
    const KINDS: u32;
    /// The longest encoding accepted.
    const MAX_LEN: usize;

    /// The longest encoding accepted of a message like this one, where that is less for some.
    fn max_len(&self) -> usize {
        Self::MAX_LEN
    }
}

/// So much room is kept for what comes next; what a longer message needed is given back.
const KEPT: usize = 16 << 10;

/// Bytes that are not a sequence of messages. The stream cannot be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Longer than any message of its type.
    #[error("message too long")]
    TooLong,
    /// Another version of the application messages.
    #[error("unknown message version {0}")]
    Version(u8),
    /// Not a message.
    #[error("malformed message")]
    Malformed,
}

/// The bytes of `message` with its frame.
///
/// # Panics
/// When the message is longer than its type allows: callers check what people type.
#[must_use]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, VERSION];
    out = postcard::to_extend(message, out).expect("messages hold nothing that cannot be encoded");
    let len = out.len() - 4;
    assert!(len <= 1 + message.max_len(), "message of {len} bytes exceeds its limit");
    out[..4].copy_from_slice(&u32::try_from(len).expect("below MAX_LEN").to_be_bytes());
    out
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    start: usize,
    /// Messages of unknown kind passed over so far.
    pub skipped: u64,
}

impl Deframer {
    /// Where to append what was read from the stream.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.drop_taken();
        &mut self.buffer
    }

    fn drop_taken(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.shrink_to(KEPT);
        }
    }

    /// Bytes for which there is room here.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next whole message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no messages.
    #[expect(clippy::should_implement_trait, reason = "an iterator has one type of item")]
    pub fn next<M: Message>(&mut self) -> Result<Option<M>, FramingError> {
        self.next_within(M::MAX_LEN)
    }

    /// The same of whoever may say no more than so many bytes at once.
    ///
    /// # Errors
    /// When the bytes are no messages, or a longer one begins.
    pub fn next_within<M: Message>(&mut self, max_len: usize) -> Result<Option<M>, FramingError> {
        loop {
            let rest = &self.buffer[self.start..];
            let Some((head, tail)) = rest.split_first_chunk::<4>() else {
                self.drop_taken();
                return Ok(None);
            };
            let len = u32::from_be_bytes(*head) as usize;
            if len > 1 + max_len.min(M::MAX_LEN) {
                return Err(FramingError::TooLong);
            }
            let Some(frame) = tail.get(..len) else { return Ok(None) };
            self.start += 4 + len;
            let (&version, body) = frame.split_first().ok_or(FramingError::Malformed)?;
            if version != VERSION {
                return Err(FramingError::Version(version));
            }
            let (kind, _) =
                postcard::take_from_bytes::<u32>(body).map_err(|_| FramingError::Malformed)?;
            if kind >= M::KINDS {
                self.skipped += 1;
                continue;
            }
            let (message, rest) =
                postcard::take_from_bytes::<M>(body).map_err(|_| FramingError::Malformed)?;
            if !rest.is_empty() {
                return Err(FramingError::Malformed);
            }
            let is_too_long = body.len() > message.max_len();
            return if is_too_long { Err(FramingError::TooLong) } else { Ok(Some(message)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Old {
        A(u32),
    }
    impl Message for Old {
        const KINDS: u32 = 1;
        const MAX_LEN: usize = 16;
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum New {
        A(u32),
        B(String),
    }
    impl Message for New {
        const KINDS: u32 = 2;
        const MAX_LEN: usize = 16;

        fn max_len(&self) -> usize {
            if matches!(self, Self::A(_)) { 2 } else { Self::MAX_LEN }
        }
    }

    #[test]
    fn unknown_kinds_are_skipped_and_counted() {
        let mut deframer = Deframer::default();
        for message in [New::A(1), New::B("x".into()), New::A(2)] {
            deframer.buffer().extend(encode(&message));
        }
        assert_eq!(deframer.next(), Ok(Some(Old::A(1))));
        assert_eq!(deframer.next(), Ok(Some(Old::A(2))));
        assert_eq!(deframer.next::<Old>(), Ok(None));
        assert_eq!(deframer.skipped, 1);
    }

    #[test]
    fn split_anywhere_gives_the_same_messages() {
        let bytes = encode(&New::B("hello".into()));
        let mut deframer = Deframer::default();
        for (i, byte) in bytes.iter().enumerate() {
            deframer.buffer().push(*byte);
            let expected = (i + 1 == bytes.len()).then(|| New::B("hello".into()));
            assert_eq!(deframer.next(), Ok(expected));
        }
    }

    /// [W-186]
    #[test]
    fn some_may_say_less_at_once_and_some_messages_are_shorter() {
        let long = encode(&New::B("x".repeat(14)));
        let mut deframer = Deframer::default();
        // At its beginning, before anything more of it is held.
        deframer.buffer().extend(&long[..4]);
        assert_eq!(deframer.next_within::<New>(15), Err(FramingError::TooLong));
        assert_eq!(deframer.next_within::<New>(16), Ok(None));
        deframer.buffer().extend(&long[4..]);
        assert_eq!(deframer.next_within(16), Ok(Some(New::B("x".repeat(14)))));
        deframer.buffer().extend([0, 0, 0, 4, 1, 0, 0x80, 2]);
        assert_eq!(deframer.next::<New>(), Err(FramingError::TooLong), "an A of three bytes");
    }

    #[test]
    fn what_a_long_message_needed_is_given_back() {
        let mut deframer = Deframer::default();
        for _ in 0..100_000 {
            deframer.buffer().extend(encode(&New::A(1)));
        }
        assert!(deframer.held() > 100_000);
        while deframer.next::<New>().unwrap().is_some() {}
        assert!(deframer.held() <= KEPT, "{} bytes", deframer.held());
    }

    #[test]
    fn bad_frames_are_errors() {
        for (bytes, error) in [
            (&[0, 0, 0, 18, 1][..], FramingError::TooLong),
            (&[0, 0, 0, 2, 9, 0], FramingError::Version(9)),
            (&[0, 0, 0, 0], FramingError::Malformed),
            (&[0, 0, 0, 4, 1, 0, 1, 1], FramingError::Malformed),
        ] {
            let mut deframer = Deframer::default();
            deframer.buffer().extend(bytes);
            assert_eq!(deframer.next::<New>(), Err(error));
        }
    }
}
