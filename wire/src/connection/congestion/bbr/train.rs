//! How fast the path may be, from the first packets that left together (a packet train): the
//! bottleneck pulls them apart, and their acknowledgements come as far apart as that.

use crate::time::{Duration, Instant};

/// So many packets make a train...
const PACKETS: u32 = 6;
/// ...and their acknowledgements must come in so many pieces: fewer were held together on the way.
const PIECES: u32 = 3;
/// Every second packet is acknowledged at once [W-53]: the last, acknowledged alone, was held back, and
/// says nothing.
const LAST_PIECE: u32 = 2;

/// The packets that left at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Train {
    sent_at: Option<Instant>,
    packets: u32,
    pieces: u32,
    first: Instant,
    last: Instant,
    /// Bytes acknowledged after the first piece.
    bytes: u64,
    open: Piece,
}

/// What is acknowledged at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    at: Instant,
    packets: u32,
    bytes: u64,
}

impl Train {
    /// A packet was acknowledged. The first train that is long enough is the one that counts.
    pub(super) fn on_acked(&mut self, now: Instant, sent_at: Instant, size: u64) {
        if self.sent_at.is_none_or(|at| at < sent_at) {
            if self.packets >= PACKETS {
                return;
            }
            *self = Self { sent_at: Some(sent_at), ..Self::default() };
        } else if self.sent_at != Some(sent_at) {
            return;
        }
        if self.open.at < now {
            self.close_piece();
            self.open = Piece { at: now, packets: 0, bytes: 0 };
        }
        self.packets += 1;
        self.open.packets += 1;
        self.open.bytes += size;
    }

    fn close_piece(&mut self) {
        let Piece { at, packets, bytes } = core::mem::take(&mut self.open);
        if packets == 0 {
            return;
        }
        if self.pieces == 0 {
            self.first = at;
        } else {
            self.bytes += bytes;
        }
        self.last = at;
        self.pieces += 1;
    }

    /// Bytes a second, when a whole train was seen, and it took no longer than `longest`.
    pub(super) fn rate(&self, longest: Duration) -> Option<f64> {
        let mut seen = *self;
        if seen.open.packets >= LAST_PIECE {
            seen.close_piece();
        }
        let took = seen.last - seen.first;
        (seen.packets >= PACKETS && seen.pieces >= PIECES && took <= longest)
            .then(|| seen.bytes as f64 / took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    const LONG: Duration = Duration::from_millis(10);

    #[test]
    fn ten_packets_through_a_megabyte_a_second() {
        let mut train = Train::default();
        for packet in 0..10 {
            assert!(packet >= 6 || train.rate(LONG).is_none());
            // Every second one is acknowledged, for both.
            train.on_acked(at(50_000 + packet / 2 * 2000), at(0), 1000);
        }
        assert_eq!(train.rate(LONG), Some(1_000_000.0));
        assert_eq!(train.rate(Duration::from_millis(7)), None, "the path is slow or it jitters");
        train.on_acked(at(60_000), at(1), 1000);
        assert_eq!(train.rate(LONG), Some(1_000_000.0), "later ones were paced");
    }

    #[test]
    fn what_came_together_tells_nothing() {
        let mut train = Train::default();
        for packet in 0..10 {
            train.on_acked(at(50_000 + packet / 5), at(0), 1000);
        }
        assert_eq!(train.rate(LONG), None);
    }

    #[test]
    fn one_that_was_held_back_does_not_count() {
        let mut train = Train::default();
        for packet in 0..8 {
            train.on_acked(at(50_000 + packet / 2 * 2000), at(0), 1000);
        }
        train.on_acked(at(75_000), at(0), 1000);
        assert_eq!(train.rate(LONG), Some(1_000_000.0));
    }

    #[test]
    fn a_longer_train_may_follow_a_short_one() {
        let mut train = Train::default();
        for packet in 0..3 {
            train.on_acked(at(50_000 + packet * 1000), at(0), 1000);
        }
        for packet in 0..8 {
            train.on_acked(at(100_000 + packet / 2 * 1000), at(50_000), 1000);
        }
        assert_eq!(train.rate(LONG), Some(2_000_000.0));
    }
}
