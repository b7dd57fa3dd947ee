//! How fast the path may be, from the first packets that left together (a packet train): the
//! bottleneck pulls them apart, and their acknowledgements come as far apart as that.

use crate::time::{Duration, Instant};

/// So many packets make a train...
const PACKETS: u32 = 6;
/// ...and their acknowledgements must come in so many pieces: fewer were held together on the way.
const PIECES: u32 = 3;

/// The packets that left at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Train {
    sent_at: Option<Instant>,
    packets: u32,
    /// Bytes acknowledged after the first piece.
    bytes: u64,
    pieces: u32,
    first: Instant,
    last: Instant,
}

impl Train {
    /// A packet was acknowledged. The first train that is long enough is the one that counts.
    pub(super) fn on_acked(&mut self, now: Instant, sent_at: Instant, size: u64) {
        if self.sent_at.is_none_or(|at| at < sent_at) {
            if self.packets >= PACKETS {
                return;
            }
            *self = Self { sent_at: Some(sent_at), first: now, ..Self::default() };
        } else if self.sent_at != Some(sent_at) {
            return;
        }
        self.packets += 1;
        self.pieces += u32::from(self.pieces == 0 || self.last < now);
        self.last = now;
        if now > self.first {
            self.bytes += size;
        }
    }

    /// Bytes a second, when a whole train was seen, and it took no longer than `longest`.
    pub(super) fn rate(&self, longest: Duration) -> Option<f64> {
        let took = self.last - self.first;
        (self.packets >= PACKETS && self.pieces >= PIECES && took <= longest)
            .then(|| self.bytes as f64 / took.as_secs_f64())
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
    fn a_longer_train_may_follow_a_short_one() {
        let mut train = Train::default();
        for packet in 0..3 {
            train.on_acked(at(50_000 + packet * 1000), at(0), 1000);
        }
        for packet in 0..8 {
            train.on_acked(at(100_000 + packet * 500), at(50_000), 1000);
        }
        assert_eq!(train.rate(LONG), Some(2_000_000.0));
    }
}
