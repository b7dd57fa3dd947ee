//! What is sent: an endless pattern, of which each side knows any part without being told. The
//! receiver compares every byte, so what is lost, doubled or misplaced fails the run.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};

/// After how many bytes the pattern repeats: a prime, so that no packet size divides it, and
/// little enough to stay in a core's cache.
const PERIOD: usize = 262_139;
/// The longest piece that stands in one slice.
pub const PIECE: usize = 65_536;

/// The pattern.
struct Pattern(Arc<Vec<u8>>);

impl Pattern {
    fn new() -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes: Vec<u8> = (0..PERIOD)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        bytes.extend_from_within(..PIECE);
        Self(Arc::new(bytes))
    }

    /// The piece at `offset`.
    fn at(&self, offset: u64, length: usize) -> &[u8] {
        &self.0[Self::place(offset, length)]
    }

    /// Where it is.
    fn place(offset: u64, length: usize) -> Range<usize> {
        let start = usize::try_from(offset % PERIOD as u64).expect("below the period");
        start..start + length
    }
}

/// The sender's side.
pub struct Source {
    pattern: Pattern,
    sent: u64,
    total: u64,
}

impl Source {
    /// So many bytes to send.
    pub fn new(total: u64) -> Self {
        Self { pattern: Pattern::new(), sent: 0, total }
    }

    /// The next bytes, at most `max` and at most [`PIECE`]; none when everything was sent.
    pub fn peek(&self, max: usize) -> &[u8] {
        &self.pattern.0[self.next(max)]
    }

    /// The same for transports that need no copy: where [`Self::peek`] finds them in the pattern.
    pub fn next(&self, max: usize) -> Range<usize> {
        let left = usize::try_from(self.total - self.sent).unwrap_or(usize::MAX);
        Pattern::place(self.sent, left.min(max).min(PIECE))
    }

    /// All of the pattern.
    pub const fn pattern(&self) -> &Arc<Vec<u8>> {
        &self.pattern.0
    }

    /// So many of them were sent.
    pub fn advance(&mut self, count: usize) {
        self.sent += count as u64;
    }
}

/// The receiver's side.
pub struct Sink {
    pattern: Pattern,
    /// Shared with the thread that reports when time is up.
    taken: Arc<AtomicU64>,
    total: u64,
}

impl Sink {
    /// Waits for so many bytes, and counts them where the caller can look.
    pub fn new(total: u64, taken: Arc<AtomicU64>) -> Self {
        Self { pattern: Pattern::new(), taken, total }
    }

    /// Takes the next bytes; true when all have arrived.
    pub fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        let mut taken = self.taken.load(Ordering::Relaxed);
        for piece in bytes.chunks(PIECE) {
            let good = piece == self.pattern.at(taken, piece.len());
            ensure!(good, "wrong bytes within {} of offset {taken}", piece.len());
            taken += piece.len() as u64;
        }
        self.taken.store(taken, Ordering::Relaxed);
        ensure!(taken <= self.total, "{taken} bytes of {} arrived", self.total);
        Ok(taken == self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(pieces: impl IntoIterator<Item = usize>, total: u64) -> Vec<Vec<u8>> {
        let mut source = Source::new(total);
        let mut sent = Vec::new();
        for max in pieces {
            let piece = source.peek(max).to_vec();
            source.advance(piece.len());
            sent.push(piece);
        }
        sent
    }

    #[test]
    fn what_was_sent_in_any_pieces_is_taken_in_any_others() {
        let total = 3 * PERIOD as u64 + 5;
        let bytes = send(std::iter::repeat_n(1452, 600), total).concat();
        assert_eq!(bytes.len() as u64, total);
        let mut sink = Sink::new(total, Arc::default());
        let mut pieces = bytes.chunks(70_001).peekable();
        while let Some(piece) = pieces.next() {
            assert_eq!(sink.take(piece).unwrap(), pieces.peek().is_none());
        }
    }

    #[test]
    fn what_is_missing_doubled_or_changed_is_refused() {
        let sent = send([1000, 1000, 1000], 3000);
        let orders: [&[usize]; 3] = [&[0, 2], &[0, 0], &[1]];
        for order in orders {
            let mut sink = Sink::new(3000, Arc::default());
            assert!(order.iter().any(|&piece| sink.take(&sent[piece]).is_err()), "{order:?}");
        }
        let mut changed = sent[0].clone();
        changed[999] ^= 1;
        assert!(Sink::new(3000, Arc::default()).take(&changed).is_err());
        let mut sink = Sink::new(1999, Arc::default());
        assert!(sent.iter().any(|piece| sink.take(piece).is_err()), "more than all");
    }
}
