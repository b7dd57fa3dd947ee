//! Room for ranges, used again and again: nothing is allocated and cleared for each range of a
//! steady transfer.

use std::sync::Arc;

use wire::app::peer::MAX_RANGE;

/// So many are kept: one to fill, one with the disk or the stream, and one to spare...
const MAX_SPARE: usize = 3;
/// ...of this size at most.
const MAX_SIZE: usize = 2 * MAX_RANGE as usize;
/// Bytes of all of them.
pub(super) const MAX_SPARE_BYTES: u64 = (MAX_SPARE * MAX_SIZE) as u64;

/// Buffers that nobody uses now.
#[derive(Debug, Default)]
pub(super) struct Spare {
    free: Vec<Vec<u8>>,
    /// With answers that streams hold until they have arrived: no more than these may hold.
    lent: Vec<Arc<Vec<u8>>>,
}

impl Spare {
    /// One of them, with whatever is in it.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.reclaim();
        self.free.pop().unwrap_or_default()
    }

    /// One more, unless there are enough.
    pub(super) fn give(&mut self, buffer: Vec<u8>) {
        if self.free.len() < MAX_SPARE && (1..=MAX_SIZE).contains(&buffer.capacity()) {
            self.free.push(buffer);
        }
    }

    /// One more, once the stream that it was given to is done with it.
    pub(super) fn lend(&mut self, buffer: Arc<Vec<u8>>) {
        self.reclaim();
        self.lent.push(buffer);
    }

    /// Takes back what streams are done with.
    pub(super) fn reclaim(&mut self) {
        let mut lent = std::mem::take(&mut self.lent);
        for buffer in lent.extract_if(.., |buffer| Arc::strong_count(buffer) == 1) {
            self.give(Arc::into_inner(buffer).unwrap_or_default());
        }
        self.lent = lent;
    }

    /// Nothing is under way.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of all of them.
    pub(super) fn held(&self) -> u64 {
        self.free.iter().map(|buffer| buffer.capacity() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lent_comes_back_when_nobody_else_has_it() {
        let mut spare = Spare::default();
        let answers: Vec<_> = (1..=5).map(|len| Arc::new(vec![0; len])).collect();
        answers.iter().for_each(|answer| spare.lend(Arc::clone(answer)));
        assert_eq!(spare.take().capacity(), 0, "all are in use");
        drop(answers);
        assert_eq!((0..4).map(|_| spare.take().len()).collect::<Vec<_>>(), [3, 2, 1, 0]);
        assert!(spare.lent.is_empty(), "more are not kept");
    }
}
