//! The end of a file over a link that loses much. What is lost of its last window goes again, a part
//! of that is lost and goes again a round trip later, and so on, while the link has nothing else to
//! carry. So what goes again then goes several times at once [W-101].

use std::collections::VecDeque;

use crate::id::StreamId;

/// Bytes of what goes again at once.
const PIECE: u64 = 1100;
/// Most frames that wait to go once more.
const MAX_WAITING: usize = 512;

/// Part of a stream that goes once more, or several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) id: StreamId,
    pub(super) offset: u64,
    pub(super) len: u32,
    left: u8,
}

/// What goes again once nothing else is to be sent. Each part goes once before any goes twice, so
/// that a burst of losses does not take all of one.
#[derive(Debug, Default)]
pub(super) struct Tail {
    waiting: VecDeque<Again>,
}

impl Tail {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A stream ends here: its last `len` bytes are to go once more.
    pub(super) fn on_end(&mut self, id: StreamId, end: u64, len: u64) {
        let mut offset = end.saturating_sub(len);
        while offset < end {
            let len = (end - offset).min(PIECE);
            self.on_resent(id, offset, len as u32, 1);
            offset += len;
        }
    }

    /// The next.
    pub(super) fn first(&self) -> Option<Again> {
        self.waiting.front().copied()
    }

    /// The next is not needed any more.
    pub(super) fn drop_first(&mut self) {
        self.waiting.pop_front();
    }

    /// These bytes, which were lost, go again now, and are to go so many times more.
    pub(super) fn on_resent(&mut self, id: StreamId, offset: u64, len: u32, more: u8) {
        if more > 0 && len > 0 && self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(Again { id, offset, len, left: more });
        }
    }

    /// Of the next, these bytes went: what stands before them is not needed, and what follows them
    /// is the next now.
    pub(super) fn on_sent(&mut self, offset: u64, len: u32) {
        let Some(again) = self.waiting.pop_front() else { return };
        if again.left > 1 {
            self.waiting.push_back(Again { offset, len, left: again.left - 1, ..again });
        }
        let end = offset + u64::from(len);
        let rest = (again.offset + u64::from(again.len)).saturating_sub(end) as u32;
        if rest > 0 {
            self.waiting.push_front(Again { offset: end, len: rest, ..again });
        }
    }

    /// There is something new to be sent.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Class, Side};

    /// What goes when `size` bytes at a time do.
    fn order(tail: &mut Tail, size: u32) -> Vec<(u64, u32)> {
        let mut order = Vec::new();
        while let Some(again) = tail.first() {
            let len = again.len.min(size);
            tail.on_sent(again.offset, len);
            order.push((again.offset, len));
        }
        order
    }

    fn id() -> StreamId {
        StreamId::new(Side::Initiator, Class::Bulk, 0).unwrap()
    }

    #[test]
    fn each_goes_once_before_any_goes_twice() {
        let mut tail = Tail::default();
        tail.on_resent(id(), 0, 100, 2);
        tail.on_resent(id(), 500, 100, 1);
        tail.on_resent(id(), 900, 100, 0);
        assert_eq!(order(&mut tail, 100), [(0, 100), (500, 100), (0, 100)]);
        assert!(tail.is_empty());
    }

    #[test]
    fn what_does_not_fit_goes_in_pieces() {
        let mut tail = Tail::default();
        tail.on_resent(id(), 0, 100, 2);
        assert_eq!(order(&mut tail, 60), [(0, 60), (60, 40), (0, 60), (60, 40)]);
    }

    #[test]
    fn only_so_many_wait() {
        let mut tail = Tail::default();
        for offset in 0..10_000 {
            tail.on_resent(id(), offset, 1, 1);
        }
        assert_eq!(order(&mut tail, 1).len(), MAX_WAITING);
    }
}
