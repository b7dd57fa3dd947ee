//! What has arrived, and when to say so (PROTOCOL.md, "Acknowledgement").

use crate::frame::{Ack, EcnCounts, MAX_ACK_RANGES};
use crate::id::PacketNumber;
use crate::node::Ecn;
use crate::parameters::ACK_DELAY;
use crate::time::Instant;

/// Every second packet is acknowledged at once (RFC 9000 section 13.2.2).
const ACK_EVERY: u32 = 2;
/// From this many ranges on, a side that only acknowledges asks to hear that it was heard...
const PING_RANGES: usize = 8;
/// ...in one of so many packets (RFC 9000 section 13.2.4).
const PING_EVERY: u32 = 8;

/// Whether a packet asks to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elicits {
    /// It carries something besides ACK, PADDING and CLOSE.
    Ack,
    Nothing,
}

/// Ascending ranges `start..=end` of packet numbers with at least one missing number between
/// them; only the newest [`MAX_ACK_RANGES`] are kept.
#[derive(Clone, Debug, Default)]
struct PacketRanges(Vec<(PacketNumber, PacketNumber)>);

impl PacketRanges {
    fn insert(&mut self, number: PacketNumber) {
        // In order is the usual case: then only the last range grows.
        let after = match self.0.last() {
            Some(&(_, end)) if end < number => self.0.len(),
            _ => self.0.partition_point(|&(_, end)| end < number),
        };
        if self.0.get(after).is_some_and(|&(start, _)| start <= number) {
            return;
        }
        let joins_before = after > 0 && self.0[after - 1].1 + 1 == number;
        let joins_after = self.0.get(after).is_some_and(|&(start, _)| start == number + 1);
        match (joins_before, joins_after) {
            (true, true) => {
                self.0[after - 1].1 = self.0[after].1;
                self.0.remove(after);
            }
            (true, false) => self.0[after - 1].1 = number,
            (false, true) => self.0[after].0 = number,
            (false, false) => {
                self.0.insert(after, (number, number));
                if self.0.len() > MAX_ACK_RANGES {
                    self.0.remove(0);
                }
            }
        }
    }

    fn remove_up_to(&mut self, number: PacketNumber) {
        let gone = self.0.partition_point(|&(_, end)| end <= number);
        self.0.drain(..gone);
        if let Some((start, _)) = self.0.first_mut() {
            *start = (*start).max(number + 1);
        }
    }
}

/// How soon an acknowledgement is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    /// Nothing new that asks for one.
    None,
    /// At the latest then.
    Until(Instant),
    Now,
}

/// The receiving half of acknowledgement.
#[derive(Debug)]
pub(crate) struct AckScheduler {
    ranges: PacketRanges,
    ecn: EcnCounts,
    /// The newest number, and when it came.
    newest: Option<(PacketNumber, Instant)>,
    /// Ack-eliciting packets since the last acknowledgement.
    unacknowledged: u32,
    urgency: Urgency,
    /// Packets in a row that carried nothing but an acknowledgement.
    ack_only_packets: u32,
}

impl AckScheduler {
    pub(crate) fn new() -> Self {
        Self {
            ranges: PacketRanges::default(),
            ecn: EcnCounts::default(),
            newest: None,
            unacknowledged: 0,
            urgency: Urgency::None,
            ack_only_packets: 0,
        }
    }

    /// A packet was accepted [W-53].
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        number: PacketNumber,
        elicits: Elicits,
        ecn: Ecn,
    ) {
        let in_order = match self.newest {
            Some((newest, _)) => newest + 1 == number,
            None => number == 0,
        };
        if self.newest.is_none_or(|(newest, _)| newest < number) {
            self.newest = Some((number, now));
        }
        self.ranges.insert(number);
        match ecn {
            Ecn::NotCapable => {}
            Ecn::Ect0 => self.ecn.ect0 += 1,
            Ecn::Ect1 => self.ecn.ect1 += 1,
            Ecn::Ce => self.ecn.ce += 1,
        }
        if elicits == Elicits::Nothing {
            return;
        }
        self.unacknowledged += 1;
        // A gap, a late packet or congestion is news that the sender is waiting for.
        if !in_order || ecn == Ecn::Ce || self.unacknowledged >= ACK_EVERY {
            self.urgency = Urgency::Now;
        } else if self.urgency == Urgency::None {
            self.urgency = Urgency::Until(now + ACK_DELAY);
        }
    }

    /// When the held-back acknowledgement is due.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.urgency {
            Urgency::Until(at) => Some(at),
            Urgency::None | Urgency::Now => None,
        }
    }

    /// The deadline has come.
    pub(crate) fn on_timeout(&mut self) {
        if self.unacknowledged > 0 {
            self.urgency = Urgency::Now;
        }
    }

    /// Whether a packet is to be sent for the acknowledgement alone.
    pub(crate) fn is_due(&self) -> bool {
        self.urgency == Urgency::Now
    }

    /// The acknowledgement, when there is something new to acknowledge [W-54].
    pub(crate) fn frame(&self, now: Instant) -> Option<Ack> {
        let (_, newest_at) = self.newest?;
        if self.unacknowledged == 0 || self.ranges.0.is_empty() {
            return None;
        }
        Some(Ack {
            delay: (now - newest_at).as_micros().try_into().unwrap_or(0),
            ranges: self.ranges.0.iter().rev().copied().collect(),
            ecn: (self.ecn != EcnCounts::default()).then_some(self.ecn),
        })
    }

    /// Whether a packet that goes for the acknowledgement alone should carry a PING too, so that the
    /// other side's answer lets old ranges be forgotten [W-54].
    pub(crate) fn wants_ping(&self) -> bool {
        self.is_due() && self.ranges.0.len() >= PING_RANGES && self.ack_only_packets >= PING_EVERY
    }

    /// The frame was sent, in a packet that elicits that much.
    pub(crate) const fn on_sent(&mut self, packet: Elicits) {
        self.unacknowledged = 0;
        self.urgency = Urgency::None;
        self.ack_only_packets = match packet {
            Elicits::Ack => 0,
            Elicits::Nothing => self.ack_only_packets.saturating_add(1),
        };
    }

    /// The other side has seen an ACK frame whose largest number is this: what lies below need
    /// not be told again.
    pub(crate) fn on_ack_acked(&mut self, largest: PacketNumber) {
        self.ranges.remove_up_to(largest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ranges_of(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &number in numbers {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == number => *end = number,
                _ => ranges.push((number, number)),
            }
        }
        ranges
    }

    proptest! {
        #[test]
        fn ranges_are_those_of_a_set(
            numbers in proptest::collection::vec(0u64..120, 1..200),
            forget in proptest::option::of(0u64..120),
        ) {
            let mut ranges = PacketRanges::default();
            let mut set = BTreeSet::new();
            for number in numbers {
                ranges.insert(number);
                set.insert(number);
            }
            if let Some(number) = forget {
                ranges.remove_up_to(number);
                set.retain(|&kept| kept > number);
            }
            prop_assert_eq!(&ranges.0, &ranges_of(&set));
        }

        #[test]
        fn only_the_newest_ranges_are_kept(gaps in proptest::collection::vec(2u64..5, 65..300)) {
            let mut ranges = PacketRanges::default();
            let mut set = BTreeSet::new();
            let mut number = 0;
            for gap in gaps {
                number += gap;
                ranges.insert(number);
                set.insert(number);
            }
            let all = ranges_of(&set);
            prop_assert_eq!(&ranges.0[..], &all[all.len() - MAX_ACK_RANGES..]);
        }
    }

    const T0: Instant = Instant::ZERO;

    /// [W-53]
    #[test]
    fn every_second_packet_at_once_and_a_single_one_after_the_delay() {
        let mut acks = AckScheduler::new();
        acks.on_packet(T0, 0, Elicits::Ack, Ecn::NotCapable);
        assert!(!acks.is_due());
        assert_eq!(acks.deadline(), Some(T0 + ACK_DELAY));
        acks.on_packet(T0, 1, Elicits::Ack, Ecn::NotCapable);
        assert!(acks.is_due());
        assert_eq!(acks.frame(T0).unwrap().ranges, [(0, 1)]);
        acks.on_sent(Elicits::Nothing);
        assert_eq!(acks.frame(T0), None, "nothing new");
        acks.on_packet(T0, 2, Elicits::Ack, Ecn::NotCapable);
        acks.on_timeout();
        assert!(acks.is_due());
    }

    #[test]
    fn what_elicits_nothing_is_not_acknowledged_alone_but_along() {
        let mut acks = AckScheduler::new();
        acks.on_packet(T0, 0, Elicits::Nothing, Ecn::NotCapable);
        assert_eq!((acks.frame(T0), acks.deadline()), (None, None));
        acks.on_packet(T0, 1, Elicits::Ack, Ecn::NotCapable);
        assert_eq!(acks.frame(T0).unwrap().ranges, [(0, 1)]);
    }

    #[test]
    fn a_gap_a_late_packet_and_congestion_are_told_at_once() {
        for (numbers, ecn) in
            [(&[0, 2][..], Ecn::NotCapable), (&[1], Ecn::NotCapable), (&[0], Ecn::Ce)]
        {
            let mut acks = AckScheduler::new();
            for &number in numbers {
                acks.on_packet(T0, number, Elicits::Ack, ecn);
            }
            assert!(acks.is_due(), "{numbers:?} {ecn:?}");
        }
        let mut acks = AckScheduler::new();
        acks.on_packet(T0, 0, Elicits::Ack, Ecn::Ce);
        let ecn = acks.frame(T0).unwrap().ecn.unwrap();
        assert_eq!(ecn, EcnCounts { ect0: 0, ect1: 0, ce: 1 });
    }

    #[test]
    fn the_delay_counts_from_the_newest() {
        let mut acks = AckScheduler::new();
        let at = Instant::from_micros;
        acks.on_packet(at(100), 5, Elicits::Ack, Ecn::NotCapable);
        acks.on_packet(at(300), 4, Elicits::Ack, Ecn::NotCapable);
        assert_eq!(acks.frame(at(450)).unwrap().delay, 350);
    }

    /// [W-54]
    #[test]
    fn a_pure_receiver_with_many_gaps_asks_for_acknowledgement_now_and_then() {
        let mut acks = AckScheduler::new();
        let mut pings = 0;
        for round in 0..64 {
            acks.on_packet(T0, 2 * round, Elicits::Ack, Ecn::NotCapable);
            if acks.wants_ping() {
                pings += 1;
                acks.on_sent(Elicits::Ack);
            } else {
                acks.on_sent(Elicits::Nothing);
            }
        }
        assert_eq!(pings, 64 / (PING_EVERY + 1));
        acks.on_ack_acked(100);
        acks.on_packet(T0, 127, Elicits::Ack, Ecn::NotCapable);
        assert_eq!(acks.frame(T0).unwrap().ranges.last(), Some(&(102, 102)));
    }
}
