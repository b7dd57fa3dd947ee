//! Copies of messages. A message that is lost waits a round trip for the next attempt, and all that
//! follow it wait with it. It is short, and something else is on its way anyway: where the link
//! loses much, that carries the message again [W-48].

use std::collections::VecDeque;

use crate::id::{Class, StreamId};
use crate::time::{Duration, Instant};

/// How long after one another they go, so that a burst of losses does not take all.
const SPACING: Duration = Duration::from_millis(2);
/// Longer frames are part of something larger, which waits for the rest of it anyway.
const MAX_LEN: u32 = 1000;
/// Most messages of which copies wait to go.
const MAX_WAITING: usize = 64;
/// Copies that go from a share of packets lost on: so many that hardly one message in five hundred
/// is lost with all of them.
const WANTED: [(f64, u8); 3] = [(0.13, 3), (0.06, 2), (0.0015, 1)];

/// Part of a stream that goes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) id: StreamId,
    pub(super) offset: u64,
    pub(super) len: u32,
    left: u8,
    at: Instant,
}

/// What goes again.
#[derive(Debug, Default)]
pub(super) struct Copies {
    waiting: VecDeque<Copy>,
    wanted: u8,
    loss: f64,
}

impl Copies {
    /// This share of the packets is lost at present.
    pub(super) fn set_loss(&mut self, share: f64) {
        self.loss = share;
        let wanted = WANTED.iter().find(|(from, _)| share >= *from);
        self.wanted = wanted.map_or(0, |(_, copies)| *copies);
    }

    /// The share of the packets that is lost at present.
    pub(super) const fn loss(&self) -> f64 {
        self.loss
    }

    /// How often what is urgent goes again.
    pub(super) const fn wanted(&self) -> u8 {
        self.wanted
    }

    /// A frame with these bytes goes now.
    pub(super) fn on_sent(&mut self, now: Instant, id: StreamId, offset: u64, len: u32) {
        let is_message =
            matches!(id.class(), Class::Control | Class::Chat) && (1..=MAX_LEN).contains(&len);
        let waits = || self.waiting.iter().any(|copy| (copy.id, copy.offset) == (id, offset));
        if is_message && self.wanted > 0 && self.waiting.len() < MAX_WAITING && !waits() {
            let at = now + SPACING;
            self.waiting.push_back(Copy { id, offset, len, left: self.wanted, at });
        }
    }

    /// Whether any may have to go.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next that may go, if its time has come. What is taken goes, or is not needed any more.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Copy> {
        self.waiting.pop_front_if(|copy| copy.at <= now)
    }

    /// It went.
    pub(super) fn on_copied(&mut self, now: Instant, copy: Copy) {
        if copy.left > 1 {
            self.waiting.push_back(Copy { left: copy.left - 1, at: now + SPACING, ..copy });
        }
    }

    /// There was no room for it.
    pub(super) fn put_back(&mut self, copy: Copy) {
        self.waiting.push_front(copy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Side;

    fn stream(class: Class) -> StreamId {
        StreamId::new(Side::Initiator, class, 0).unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// The moments at which something goes when a packet goes each millisecond.
    fn moments(share: f64, class: Class, len: u32) -> Vec<u64> {
        let mut copies = Copies::default();
        copies.set_loss(share);
        copies.on_sent(at(0), stream(class), 7, len);
        let mut moments = Vec::new();
        for millis in 0..20 {
            if let Some(copy) = copies.take_due(at(millis)) {
                assert_eq!((copy.offset, copy.len), (7, len));
                moments.push(millis);
                copies.on_copied(at(millis), copy);
            }
        }
        moments
    }

    /// [W-48]
    #[test]
    fn the_worse_the_link_the_more_copies() {
        assert_eq!(moments(0.001, Class::Chat, 100), [0; 0]);
        assert_eq!(moments(0.01, Class::Chat, 100), [2]);
        assert_eq!(moments(0.1, Class::Chat, 100), [2, 4]);
        assert_eq!(moments(0.2, Class::Control, 100), [2, 4, 6]);
    }

    #[test]
    fn neither_files_nor_long_frames_are_copied() {
        assert_eq!(moments(0.2, Class::Bulk, 100), [0; 0]);
        assert_eq!(moments(0.2, Class::Chat, 1001), [0; 0]);
    }

    #[test]
    fn only_so_many_wait() {
        let mut copies = Copies::default();
        copies.set_loss(0.1);
        for offset in 0..1000 {
            copies.on_sent(at(0), stream(Class::Chat), offset, 1);
        }
        assert_eq!(copies.waiting.len(), MAX_WAITING);
    }
}
