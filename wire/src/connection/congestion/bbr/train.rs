//! How fast the path may be, from the first packets that left together (a packet train): the
//! bottleneck pulls them apart, and their acknowledgements come as far apart as that.

use crate::connection::congestion::AckedPacket;
use crate::id::PacketNumber;
use crate::time::{Duration, Instant};

/// So many packets make a train...
const PACKETS: u32 = 6;
/// ...and their acknowledgements must come in so many pieces, those counted that got lost on the way:
/// fewer were held together.
const PIECES: u64 = 3;
/// Every second packet is acknowledged at once [W-53]: the last, acknowledged alone, was held back, and
/// says nothing.
const LAST_PIECE: u32 = 2;

/// The packets that left at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Train {
    sent_at: Option<Instant>,
    /// How many were acknowledged.
    packets: u32,
    /// The first and the last piece in which they were, without the one that is `open`.
    first: Piece,
    last: Piece,
    open: Piece,
    /// How many pieces and acknowledgements have come after the first piece, without the open one.
    pieces: u64,
    heard: u64,
    /// Bytes of the largest.
    size: u64,
    /// Some overtook others: what pulled them apart was not the bottleneck alone.
    is_scrambled: bool,
}

/// What is acknowledged at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    at: Instant,
    packets: u32,
    newest: PacketNumber,
    /// In which the newest acknowledgement came, and how many did.
    carrier: PacketNumber,
    heard: u64,
}

impl Train {
    /// A packet was acknowledged. The first train that is long enough is the one that counts.
    pub(super) fn on_acked(&mut self, now: Instant, packet: AckedPacket) {
        let AckedPacket { number, sent_at, size, carrier } = packet;
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
            self.open = Piece { at: now, ..Piece::default() };
        }
        if self.open.heard == 0 || self.open.carrier < carrier {
            self.open.carrier = carrier;
            self.open.heard += 1;
        }
        self.is_scrambled |= number < self.last.newest;
        self.packets += 1;
        self.size = self.size.max(size);
        self.open.packets += 1;
        self.open.newest = self.open.newest.max(number);
    }

    fn close_piece(&mut self) {
        let piece = core::mem::take(&mut self.open);
        if piece.packets == 0 {
            return;
        }
        let is_late = || piece.at - self.last.at > self.last.at - self.first.at;
        if self.packets - piece.packets >= PACKETS && self.has_pieces() && is_late() {
            // Later than all the others took together: it was held back.
            return;
        }
        if self.first.packets == 0 {
            self.first = piece;
        } else {
            self.pieces += 1;
            self.heard += piece.heard;
        }
        self.last = piece;
    }

    /// Numbers are left out by acknowledgements that got lost.
    const fn has_pieces(&self) -> bool {
        let sent = self.last.carrier.saturating_sub(self.first.carrier);
        self.pieces > 0 && 1 + self.pieces + sent.saturating_sub(self.heard) >= PIECES
    }

    /// Bytes a second, when a whole train was seen, and it took no longer than `longest`. What was
    /// lost in between has passed the bottleneck too, as far as is known.
    pub(super) fn rate(&self, longest: Duration) -> Option<f64> {
        let mut seen = *self;
        if seen.open.packets >= LAST_PIECE {
            seen.close_piece();
        }
        let took = seen.last.at - seen.first.at;
        let packets = seen.last.newest.saturating_sub(seen.first.newest);
        let is_whole = seen.packets >= PACKETS && seen.has_pieces() && packets > 0;
        (is_whole && !seen.is_scrambled && took <= longest)
            .then(|| (packets * seen.size) as f64 / took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    fn packet(number: u64, sent_at: u64) -> AckedPacket {
        AckedPacket { number, sent_at: at(sent_at), size: 1000, carrier: number / 2 }
    }

    const LONG: Duration = Duration::from_millis(10);

    #[test]
    fn ten_packets_through_a_megabyte_a_second() {
        let mut train = Train::default();
        for number in 0..10 {
            assert!(number >= 6 || train.rate(LONG).is_none());
            // Every second one is acknowledged, for both.
            train.on_acked(at(50_000 + number / 2 * 2000), packet(number, 0));
        }
        assert_eq!(train.rate(LONG), Some(1_000_000.0));
        assert_eq!(train.rate(Duration::from_millis(7)), None, "the path is slow or it jitters");
        train.on_acked(at(60_000), packet(20, 1));
        assert_eq!(train.rate(LONG), Some(1_000_000.0), "later ones were paced");
    }

    #[test]
    fn what_came_together_tells_nothing() {
        let mut train = Train::default();
        for number in 0..10 {
            train.on_acked(at(50_000 + number / 5), packet(number, 0));
        }
        assert_eq!(train.rate(LONG), None);
    }

    /// Half of the acknowledgements, and every third packet.
    #[test]
    fn what_got_lost_has_passed_too() {
        let mut train = Train::default();
        for number in [0, 1, 3, 4, 6, 7, 9] {
            let moment = if number < 2 { 0 } else { 8 };
            train.on_acked(at(50_000 + moment * 1000), packet(number, 0));
        }
        assert_eq!(train.rate(LONG), None, "two pieces, and each was heard");
        let mut train = Train::default();
        for number in [0, 1, 3, 4, 6, 7, 9] {
            let moment = if number < 2 { 0 } else { 8 };
            let carrier = if number < 2 { 0 } else { 4 };
            let packet = AckedPacket { carrier, ..packet(number, 0) };
            train.on_acked(at(50_000 + moment * 1000), packet);
        }
        assert_eq!(train.rate(LONG), Some(1_000_000.0));
    }

    #[test]
    fn packets_that_overtake_each_other_tell_nothing() {
        let mut train = Train::default();
        for (moment, number) in [0, 1, 4, 2, 3, 5, 6, 7, 8, 9].into_iter().enumerate() {
            train.on_acked(at(50_000 + moment as u64 * 1000), packet(number, 0));
        }
        assert_eq!(train.rate(LONG), None);
    }

    #[test]
    fn one_that_was_held_back_does_not_count() {
        let mut train = Train::default();
        for number in 0..8 {
            train.on_acked(at(50_000 + number / 2 * 2000), packet(number, 0));
        }
        train.on_acked(at(75_000), packet(8, 0));
        assert_eq!(train.rate(LONG), Some(1_000_000.0));
    }

    #[test]
    fn a_longer_train_may_follow_a_short_one() {
        let mut train = Train::default();
        for number in 0..3 {
            train.on_acked(at(50_000 + number * 1000), packet(number, 0));
        }
        for number in 0..8 {
            train.on_acked(at(100_000 + number / 2 * 1000), packet(number, 50_000));
        }
        assert_eq!(train.rate(LONG), Some(2_000_000.0));
    }
}
