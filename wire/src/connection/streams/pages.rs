//! Memory for stream data: pages of one size, taken from and given back to a pool that belongs
//! to the connection.
//!
//! Both directions use the same buffer. A receiver's has holes; because a page is a page whatever
//! was written into it, no choice of chunks makes it larger than its window, rounded up to pages
//! at both ends [W-99] (RUSTSEC-2026-0185 and -0341 are what happens otherwise).

use std::collections::VecDeque;

use crate::time::{Duration, Instant};

/// Bytes in a page. A stream may hold a page at each end for a byte in it, so pages are not
/// large; but the processor reads ahead within a page of memory.
pub(super) const PAGE: usize = 4096;
/// Page tables larger than this are given back when they run empty: what a reader of a fast transfer
/// takes at once is kept, in no more than a page.
const KEPT_CAPACITY: usize = PAGE / size_of::<Option<Page>>();
/// Free pages that nobody took for this long go back to the allocator.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

type Page = Box<[u8; PAGE]>;

/// The pages of one connection: how many are in use, and a stock of free ones, so that a steady
/// transfer allocates nothing.
#[derive(Debug)]
pub(super) struct Pool {
    free: Vec<Page>,
    max_free: usize,
    /// Pages in use.
    pub(super) live: usize,
    /// The fewest free pages there were since `trimmed`: so many are not needed.
    spare: usize,
    trimmed: Instant,
}

impl Pool {
    /// A pool that keeps at most `max_free` free pages.
    pub(super) fn new(max_free: usize) -> Self {
        Self { free: Vec::new(), max_free, live: 0, spare: 0, trimmed: Instant::ZERO }
    }

    /// Gives free pages that were not needed for a while back to the allocator.
    pub(super) fn trim(&mut self, now: Instant) {
        if now < self.trimmed + TRIM_INTERVAL {
            return;
        }
        self.free.truncate(self.free.len() - self.spare);
        if self.free.is_empty() {
            self.free = Vec::new();
        }
        self.spare = self.free.len();
        self.trimmed = now;
    }

    /// Bytes of all pages, used and free.
    pub(super) fn memory(&self) -> usize {
        (self.live + self.free.len()) * PAGE + self.free.capacity() * size_of::<Page>()
    }

    fn take(&mut self) -> Page {
        self.live += 1;
        let page = self.free.pop().unwrap_or_else(|| Box::new([0; PAGE]));
        self.spare = self.spare.min(self.free.len());
        page
    }

    fn give(&mut self, page: Page) {
        self.live -= 1;
        if self.free.len() < self.max_free {
            self.free.push(page);
        }
    }
}

/// A window onto the bytes of a stream, by offset. Which bytes have a meaning is known to the
/// owner: a page keeps what its last user left in it.
#[derive(Debug, Default)]
pub(super) struct PagedBuffer {
    /// The number of the first page: its offset divided by [`PAGE`].
    first: u64,
    pages: VecDeque<Option<Page>>,
}

impl PagedBuffer {
    /// Puts `bytes` at `offset`.
    pub(super) fn write(&mut self, pool: &mut Pool, offset: u64, mut bytes: &[u8]) {
        let (mut number, mut at) = split(offset);
        if self.pages.is_empty() {
            self.first = number;
        }
        while number < self.first {
            self.first -= 1;
            self.pages.push_front(None);
        }
        while !bytes.is_empty() {
            let index = (number - self.first) as usize;
            if index >= self.pages.len() {
                self.pages.resize_with(index + 1, || None);
            }
            let page = self.pages[index].get_or_insert_with(|| pool.take());
            let (now, later) = bytes.split_at(bytes.len().min(PAGE - at));
            page[at..at + now.len()].copy_from_slice(now);
            bytes = later;
            at = 0;
            number += 1;
        }
    }

    /// The `len` bytes from `offset` on, page by page. All of them must have been written.
    pub(super) fn read(&self, offset: u64, mut len: usize) -> impl Iterator<Item = &[u8]> {
        let (mut number, mut at) = split(offset);
        core::iter::from_fn(move || {
            let part = len.min(PAGE - at);
            if part == 0 {
                return None;
            }
            let page = self.pages[(number - self.first) as usize].as_ref();
            let page = page.expect("only bytes that were written are read");
            let bytes = &page[at..at + part];
            len -= part;
            at = 0;
            number += 1;
            Some(bytes)
        })
    }

    /// Forgets what lies before `offset`, in whole pages.
    pub(super) fn release_before(&mut self, pool: &mut Pool, offset: u64) {
        let (number, _) = split(offset);
        while self.first < number {
            let Some(page) = self.pages.pop_front() else {
                return;
            };
            self.first += 1;
            if let Some(page) = page {
                pool.give(page);
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        for page in self.pages.drain(..).flatten() {
            pool.give(page);
        }
        if self.pages.capacity() > KEPT_CAPACITY {
            self.pages = VecDeque::new();
        }
    }

    /// Bytes that the page table occupies; the pages themselves are counted by the pool.
    pub(super) fn memory(&self) -> usize {
        self.pages.capacity() * size_of::<Option<Page>>()
    }
}

/// The number of the page that holds `offset`, and where in it.
fn split(offset: u64) -> (u64, usize) {
    (offset / PAGE as u64, (offset % PAGE as u64) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAR: u64 = (1 << 62) - 1;

    #[test]
    fn a_byte_anywhere_costs_one_page_until_it_is_released() {
        let (mut pool, mut buffer) = (Pool::new(0), PagedBuffer::default());
        buffer.write(&mut pool, FAR - 5, b"x");
        assert_eq!(pool.memory(), PAGE);
        buffer.write(&mut pool, FAR - 3 * PAGE as u64, b"y");
        assert_eq!(pool.memory(), 2 * PAGE, "the pages between stay holes");
        buffer.release_before(&mut pool, FAR - 5);
        assert_eq!(pool.memory(), PAGE);
        assert_eq!(buffer.read(FAR - 5, 1).collect::<Vec<_>>(), [b"x"]);
        buffer.clear(&mut pool);
        assert_eq!(pool.memory(), 0);
    }

    #[test]
    fn pages_are_used_again_and_given_back_when_idle() {
        let (mut pool, mut buffer) = (Pool::new(4), PagedBuffer::default());
        pool.trim(Instant::from_micros(5_000_000));
        buffer.write(&mut pool, 0, &[1; 10 * PAGE]);
        buffer.clear(&mut pool);
        assert_eq!(pool.free.len(), 4, "no more than the most that is kept");
        buffer.write(&mut pool, 0, &[2; 3 * PAGE]);
        buffer.clear(&mut pool);
        pool.trim(Instant::from_micros(5_900_000));
        assert_eq!(pool.free.len(), 4, "too early");
        pool.trim(Instant::from_micros(6_000_000));
        assert_eq!(pool.free.len(), 4, "all of them were in use at some time");
        pool.trim(Instant::from_micros(7_000_000));
        assert_eq!(pool.memory(), 0);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            base in 0u64..1 << 40,
            chunks in prop::collection::vec((0u64..20_000, prop::collection::vec(any::<u8>(), 1..5000)), 1..20),
            release in 0u64..30_000,
        ) {
            let (mut pool, mut buffer) = (Pool::new(8), PagedBuffer::default());
            let mut model = vec![None; 25_000];
            for (at, bytes) in &chunks {
                buffer.write(&mut pool, base + at, bytes);
                for (cell, byte) in model[*at as usize..].iter_mut().zip(bytes) {
                    *cell = Some(*byte);
                }
            }
            buffer.release_before(&mut pool, base + release);
            for (at, byte) in model.iter().enumerate().skip(release as usize) {
                if let Some(byte) = byte {
                    prop_assert_eq!(buffer.read(base + at as u64, 1).collect::<Vec<_>>(), [[*byte]]);
                }
            }
            buffer.clear(&mut pool);
            prop_assert_eq!(pool.live, 0);
        }
    }
}
