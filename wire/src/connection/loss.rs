//! When a packet counts as lost (RFC 9002 section 6.1), with a patience that grows where packets
//! overtake each other (after RFC 8985) [W-57] [W-58].

use std::collections::VecDeque;

use super::rtt::{GRANULARITY, Rtt};
use super::sent::SentFrame;
use crate::id::PacketNumber;
use crate::time::{Duration, Instant};

/// A packet is lost when one sent so many later is acknowledged (RFC 9002 section 6.1.1)...
const PACKET_THRESHOLD: u64 = 3;
/// ...or when it is overdue by this part of a round trip (section 6.1.2)...
const TIME_DIVISOR: u32 = 8;
/// ...which, once packets turn out to overtake each other, may grow to this many eighths.
const MAX_PATIENCE: u32 = 8;
/// After so many losses in a row that were real, the first thresholds hold again (RFC 8985
/// section 6.2 step 4: 16 recoveries).
const FORGET_AFTER: u32 = 16;
/// How many lost packets are remembered, to recognise those that only came late.
const REMEMBERED: usize = 4096;
/// Frames remembered with each of them.
const FRAMES: usize = 2;

/// Decides which packets are lost.
#[derive(Debug)]
pub(crate) struct LossDetector {
    /// Whether packets have overtaken each other by more than the packet threshold lately: then
    /// only time counts.
    reordering: Reordering,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reordering {
    NotSeen,
    Seen {
        /// Eighths of a round trip.
        patience: u32,
        /// Reductions left until it is forgotten.
        recoveries: u32,
    },
}

impl LossDetector {
    pub(crate) const fn new() -> Self {
        Self { reordering: Reordering::NotSeen }
    }

    /// By how many numbers a packet may be overtaken. `None`: by any.
    pub(crate) const fn packet_threshold(&self) -> Option<u64> {
        match self.reordering {
            Reordering::NotSeen => Some(PACKET_THRESHOLD),
            Reordering::Seen { .. } => None,
        }
    }

    /// How long after it was sent a packet is lost, once a later one is acknowledged.
    pub(crate) fn delay(&self, rtt: &Rtt) -> Duration {
        let patience = match self.reordering {
            Reordering::NotSeen => 1,
            Reordering::Seen { patience, .. } => patience,
        };
        let round_trip = rtt.latest().max(rtt.smoothed());
        (round_trip + round_trip * patience / TIME_DIVISOR).max(GRANULARITY)
    }

    /// A packet that counted as lost was acknowledged after all, so long after it was sent.
    pub(crate) fn on_spurious(&mut self, age: Duration, rtt: &Rtt) {
        let late = age.saturating_sub(rtt.smoothed());
        let unit = rtt.smoothed() / TIME_DIVISOR;
        // One step more than what would have been enough this time.
        let needed = if unit.is_zero() {
            MAX_PATIENCE
        } else {
            u32::try_from(late.as_micros() / unit.as_micros().max(1)).unwrap_or(MAX_PATIENCE) + 2
        };
        let known = match self.reordering {
            Reordering::NotSeen => 1,
            Reordering::Seen { patience, .. } => patience,
        };
        self.reordering = Reordering::Seen {
            patience: needed.max(known).min(MAX_PATIENCE),
            recoveries: FORGET_AFTER,
        };
    }

    /// The window was reduced once more.
    pub(crate) const fn on_recovery(&mut self) {
        if let Reordering::Seen { patience, recoveries } = self.reordering {
            self.reordering = if recoveries <= 1 {
                Reordering::NotSeen
            } else {
                Reordering::Seen { patience, recoveries: recoveries - 1 }
            };
        }
    }
}

/// A packet that was declared lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostPacket {
    pub(crate) number: PacketNumber,
    pub(crate) sent_at: Instant,
    /// Bytes of the whole datagram.
    pub(crate) size: u32,
    /// Which reduction of the window it belongs to.
    pub(crate) episode: u64,
    /// The first frames that it carried: when it turns out to have arrived, they need not be
    /// sent again.
    pub(crate) frames: [Option<SentFrame>; FRAMES],
}

/// Lost packets, ascending, as long as they might still be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct LostPackets(VecDeque<LostPacket>);

impl LostPackets {
    /// Loss is declared in ascending order: a packet sent later is lost later or with it.
    pub(crate) fn push(
        &mut self,
        (number, sent_at, size): (PacketNumber, Instant, u32),
        episode: u64,
        frames: impl Iterator<Item = SentFrame>,
    ) {
        if self.0.back().is_some_and(|last| last.number >= number) {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        let mut first = [None; FRAMES];
        for (slot, frame) in first.iter_mut().zip(frames) {
            *slot = Some(frame);
        }
        self.0.push_back(LostPacket { number, sent_at, size, episode, frames: first });
    }

    /// Takes one that an ACK names.
    pub(crate) fn take_in(&mut self, start: PacketNumber, end: PacketNumber) -> Option<LostPacket> {
        let position = self.0.partition_point(|packet| packet.number < start);
        if self.0.get(position)?.number > end {
            return None;
        }
        self.0.remove(position)
    }

    /// Forgets what was sent before `since`.
    pub(crate) fn forget_before(&mut self, since: Instant) {
        while self.0.front().is_some_and(|packet| packet.sent_at < since) {
            self.0.pop_front();
        }
        if self.0.is_empty() && self.0.capacity() > 0 {
            self.0 = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(80);

    fn rtt() -> Rtt {
        let mut rtt = Rtt::assumed(RTT);
        rtt.on_sample(RTT, Duration::ZERO);
        rtt
    }

    #[test]
    fn first_the_thresholds_of_the_rfc() {
        let detector = LossDetector::new();
        assert_eq!(detector.packet_threshold(), Some(3));
        assert_eq!(detector.delay(&rtt()), RTT * 9 / 8);
    }

    /// [W-58]
    #[test]
    fn patience_grows_with_lateness_up_to_two_round_trips_and_is_forgotten() {
        let mut detector = LossDetector::new();
        detector.on_spurious(RTT + RTT / 4, &rtt());
        assert_eq!(detector.packet_threshold(), None);
        assert_eq!(detector.delay(&rtt()), RTT * 12 / 8);
        detector.on_spurious(RTT, &rtt());
        assert_eq!(detector.delay(&rtt()), RTT * 12 / 8, "does not shrink");
        detector.on_spurious(RTT * 1000, &rtt());
        assert_eq!(detector.delay(&rtt()), RTT * 2);
        for _ in 0..FORGET_AFTER {
            assert_eq!(detector.packet_threshold(), None);
            detector.on_recovery();
        }
        assert_eq!(detector.packet_threshold(), Some(3));
    }

    #[test]
    fn lost_packets_are_found_by_range_once_and_forgotten_by_age() {
        let mut lost = LostPackets::default();
        let at = Instant::from_micros;
        for number in [3, 5, 9] {
            lost.push((number, at(number), 1200), 1, std::iter::repeat_n(SentFrame::Ack(1), 3));
        }
        assert!(lost.take_in(6, 8).is_none());
        let found = lost.take_in(4, 8).unwrap();
        assert_eq!((found.number, found.frames), (5, [Some(SentFrame::Ack(1)); 2]));
        assert!(lost.take_in(4, 8).is_none());
        lost.forget_before(at(4));
        assert!(lost.take_in(0, 3).is_none());
        assert!(lost.take_in(0, 9).is_some());
        for number in 0..10_000 {
            lost.push((10 + number, at(number), 1200), 1, std::iter::empty());
        }
        assert_eq!(lost.0.len(), REMEMBERED);
    }
}
