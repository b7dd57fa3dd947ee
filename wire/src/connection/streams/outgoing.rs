//! What a stream has to send, until it is acknowledged: bytes that were copied into pages, and pieces
//! of what the application shares, which are copied nowhere but into the datagram.

use core::ops::Range;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::connection::streams::pages::{PAGE, PagedBuffer, Pool};

/// Bytes by their offset in the stream.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pages: PagedBuffer,
    /// In order; what lies between is in the pages.
    shared: VecDeque<Piece>,
}

/// A part of something shared, and the offset of its first byte.
#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset + self.range.len() as u64
    }
}

impl Outgoing {
    /// Copies `bytes` to `offset`, behind all that is there.
    pub(super) fn write(&mut self, pool: &mut Pool, offset: u64, bytes: &[u8]) {
        self.pages.write(pool, offset, bytes);
    }

    /// Keeps a part of `bytes` at `offset`, behind all that is there. A part of less than a page is
    /// copied, so that no choice of parts makes the table of them large.
    pub(super) fn share(
        &mut self,
        pool: &mut Pool,
        offset: u64,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) {
        match self.shared.back_mut() {
            Some(last)
                if last.end() == offset
                    && last.range.end == range.start
                    && Arc::ptr_eq(&last.bytes, bytes) =>
            {
                last.range.end = range.end;
            }
            Some(_) | None if range.len() < PAGE => self.write(pool, offset, &bytes[range]),
            Some(_) | None => {
                self.shared.push_back(Piece { offset, bytes: Arc::clone(bytes), range });
            }
        }
    }

    /// Appends the `len` bytes from `offset` on to `out`. All of them must be there.
    pub(super) fn copy(&self, mut offset: u64, len: usize, out: &mut Vec<u8>) {
        let end = offset + len as u64;
        let first = self.shared.partition_point(|piece| piece.end() <= offset);
        for piece in self.shared.range(first..) {
            if piece.offset >= end {
                break;
            }
            if piece.offset > offset {
                self.copy_pages(offset..piece.offset, out);
                offset = piece.offset;
            }
            let from = piece.range.start + (offset - piece.offset) as usize;
            let to = from + (end.min(piece.end()) - offset) as usize;
            out.extend_from_slice(&piece.bytes[from..to]);
            offset += (to - from) as u64;
        }
        self.copy_pages(offset..end, out);
    }

    fn copy_pages(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let len = (range.end - range.start) as usize;
        self.pages.read(range.start, len).for_each(|bytes| out.extend_from_slice(bytes));
    }

    /// Forgets what lies before `offset`, in whole pages and pieces.
    pub(super) fn release_before(&mut self, pool: &mut Pool, offset: u64) {
        self.pages.release_before(pool, offset);
        while self.shared.front().is_some_and(|piece| piece.end() <= offset) {
            self.shared.pop_front();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        self.pages.clear(pool);
        self.shared = VecDeque::new();
    }

    /// Bytes of tables and of what is shared; pages are counted by the pool.
    pub(super) fn memory(&self) -> usize {
        let shared: usize = self.shared.iter().map(|piece| piece.range.len()).sum();
        self.pages.memory() + self.shared.capacity() * size_of::<Piece>() + shared
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However it is handed in, acknowledged and asked for, it is the same bytes, and nothing is
        /// held of what was released but the piece that goes on behind it.
        #[test]
        fn what_is_shared_and_what_is_copied_make_one_stream(
            parts in prop::collection::vec((any::<bool>(), 0_usize..3 * PAGE), 1..20),
            released in any::<prop::sample::Index>(),
            reads in prop::collection::vec(
                (any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
        ) {
            let len: usize = parts.iter().map(|(_, len)| len).sum();
            let whole: Vec<u8> = (0..len + 1).map(|at| (at / 251 * 7 + at) as u8).collect();
            let whole = Arc::new(whole);
            let (mut pool, mut outgoing) = (Pool::new(0), Outgoing::default());
            let mut at = 0;
            for (share, part) in parts {
                if share {
                    outgoing.share(&mut pool, at as u64, &whole, at..at + part);
                } else {
                    outgoing.write(&mut pool, at as u64, &whole[at..at + part]);
                }
                at += part;
            }
            let released = released.index(len + 1);
            outgoing.release_before(&mut pool, released as u64);
            for (from, to) in reads {
                let from = released + from.index(len - released + 1);
                let to = from + to.index(len - from + 1);
                let mut out = vec![9];
                outgoing.copy(from as u64, to - from, &mut out);
                prop_assert_eq!(&out[1..], &whole[from..to]);
            }
            let held: usize = outgoing.shared.iter().map(|piece| piece.range.len()).sum();
            let first = outgoing.shared.front().map_or(0, |piece| piece.range.len());
            prop_assert!(held <= len - released + first);
            outgoing.clear(&mut pool);
            prop_assert_eq!((pool.memory(), Arc::strong_count(&whole)), (0, 1));
        }
    }

    #[test]
    fn parts_that_follow_each_other_are_one_piece_and_small_ones_are_copied() {
        let bytes = Arc::new(vec![1; 4 * PAGE]);
        let (mut pool, mut outgoing) = (Pool::new(0), Outgoing::default());
        outgoing.share(&mut pool, 0, &bytes, 0..PAGE - 1);
        assert_eq!((outgoing.shared.len(), pool.live), (0, 1));
        let mut at = PAGE - 1;
        for len in [PAGE, 1, 7, PAGE] {
            outgoing.share(&mut pool, at as u64, &bytes, at..at + len);
            at += len;
        }
        assert_eq!((outgoing.shared.len(), pool.live), (1, 1));
        outgoing.release_before(&mut pool, at as u64 - 1);
        assert_eq!(Arc::strong_count(&bytes), 2, "all of a piece or nothing");
        outgoing.release_before(&mut pool, at as u64);
        assert_eq!(Arc::strong_count(&bytes), 1);
    }
}
