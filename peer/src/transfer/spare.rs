//! Room for ranges, used again and again: nothing is allocated and cleared for each range of a
//! steady transfer.

use wire::app::peer::MAX_RANGE;

/// So many are kept: one to fill, one with the disk or the stream, and one to spare...
const MAX_SPARE: usize = 3;
/// ...of this size at most.
const MAX_SIZE: usize = 2 * MAX_RANGE as usize;
/// Bytes of all of them.
pub(super) const MAX_SPARE_BYTES: u64 = (MAX_SPARE * MAX_SIZE) as u64;

/// Buffers that nobody uses now.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<Vec<u8>>);

impl Spare {
    /// One of them, with whatever is in it.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    /// One more, unless there are enough.
    pub(super) fn give(&mut self, buffer: Vec<u8>) {
        if self.0.len() < MAX_SPARE && (1..=MAX_SIZE).contains(&buffer.capacity()) {
            self.0.push(buffer);
        }
    }

    /// Nothing is under way.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// Bytes of all of them.
    pub(super) fn held(&self) -> u64 {
        self.0.iter().map(|buffer| buffer.capacity() as u64).sum()
    }
}
