//! What has arrived, and when to say so (PROTOCOL.md, "Acknowledgement").

use crate::frame::{Ack, EcnCounts, MAX_ACK_RANGES};
use crate::id::PacketNumber;
use crate::node::Ecn;
use crate::parameters::ACK_DELAY;
use crate::time::{Duration, Instant};

/// Every second packet is acknowledged at once (RFC 9000 section 13.2.2)...
const ACK_EVERY: u32 = 2;
/// ...and of a steady flow as many fewer as leave the sender so many acknowledgements a round trip:
/// it measures by them, and sees by them when a queue grows...
const ACKS_PER_ROUND_TRIP: u32 = 32;
/// ...but one for every so many packets at least, as each lets so many more go.
const MOST_AT_ONCE: u32 = 8;
/// A flow is steady after so many packets in order. Numbers are left out as rarely as that [W-51].
const STEADY: u32 = 128;
/// After a gap the sender waits for the next packets, to know that what is missing is lost [W-57].
const AFTER_GAP: u32 = 8;
/// The last packets of a steady flow are held back no longer than this part of a round trip.
const DELAY_PART: u32 = 4;
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

/// How many packets may share an acknowledgement: it depends on how many come in a round trip, and
/// on how they come [W-53].
#[derive(Debug, Default)]
struct Thinning {
    rtt: Duration,
    /// Packets since the last gap.
    in_order: u32,
    is_steady: bool,
    /// When the round trip began in which packets are counted, how many came in it, and in the one
    /// before.
    since: Instant,
    packets: u32,
    before: u32,
}

impl Thinning {
    /// A packet came, so many numbers after the one that was expected; `None`: before it.
    fn on_packet(&mut self, now: Instant, left_out: Option<u64>) {
        if left_out == Some(0) {
            self.in_order = self.in_order.saturating_add(1);
            self.is_steady |= self.in_order >= STEADY;
        } else {
            // One number, once in a while, may be one that was left out.
            self.is_steady &= left_out == Some(1) && self.in_order >= STEADY;
            self.in_order = 0;
        }
        let passed = now - self.since;
        if passed >= self.rtt {
            self.before = if passed < self.rtt * 2 { self.packets } else { 0 };
            self.packets = 0;
            self.since = now;
        }
        self.packets += 1;
    }

    /// Fewer came than were expected.
    const fn on_timeout(&mut self) {
        self.packets = 0;
        self.before = 0;
    }

    /// So many packets are acknowledged together.
    fn every(&self) -> u32 {
        if self.is_steady && self.in_order >= AFTER_GAP {
            (self.before / ACKS_PER_ROUND_TRIP).clamp(ACK_EVERY, MOST_AT_ONCE)
        } else {
            ACK_EVERY
        }
    }

    /// How long fewer than that are held back.
    fn delay(&self) -> Duration {
        if self.every() > ACK_EVERY { ACK_DELAY.min(self.rtt / DELAY_PART) } else { ACK_DELAY }
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
    thinning: Thinning,
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
            thinning: Thinning::default(),
            urgency: Urgency::None,
            ack_only_packets: 0,
        }
    }

    /// How long a round trip takes, as far as is known.
    pub(crate) const fn set_rtt(&mut self, rtt: Duration) {
        self.thinning.rtt = rtt;
    }

    /// A packet was accepted [W-53].
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        number: PacketNumber,
        elicits: Elicits,
        ecn: Ecn,
    ) {
        let expected = self.newest.map_or(0, |(newest, _)| newest + 1);
        let left_out = number.checked_sub(expected);
        self.thinning.on_packet(now, left_out);
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
        let is_news = left_out != Some(0) || ecn == Ecn::Ce;
        if is_news || self.unacknowledged >= self.thinning.every() {
            self.urgency = Urgency::Now;
        } else if self.urgency == Urgency::None {
            self.urgency = Urgency::Until(now + self.thinning.delay());
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
            self.thinning.on_timeout();
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

    /// Packets that come as far apart as each other.
    struct Flow {
        acks: AckScheduler,
        now: Instant,
        apart: Duration,
        number: PacketNumber,
    }

    const RTT: Duration = Duration::from_millis(40);

    impl Flow {
        /// So many come in a round trip.
        fn new(in_round_trip: u32) -> Self {
            let mut acks = AckScheduler::new();
            acks.set_rtt(RTT);
            Self { acks, now: T0, apart: RTT / in_round_trip, number: 0 }
        }

        /// How many acknowledgements go for so many packets.
        fn acks_for(&mut self, packets: u32) -> u32 {
            let mut acks = 0;
            for _ in 0..packets {
                self.now += self.apart;
                self.acks.on_packet(self.now, self.number, Elicits::Ack, Ecn::NotCapable);
                self.number += 1;
                if self.acks.is_due() {
                    self.acks.on_sent(Elicits::Nothing);
                    acks += 1;
                }
            }
            acks
        }
    }

    /// [W-53]
    #[test]
    fn a_steady_flow_gets_as_many_acknowledgements_a_round_trip_as_its_sender_needs() {
        for (in_round_trip, expected) in [(40, 400), (100, 267), (160, 160), (1000, 100)] {
            let mut flow = Flow::new(in_round_trip);
            assert_eq!(flow.acks_for(126), 63, "the first ones");
            flow.acks_for(2 * in_round_trip);
            let acks = flow.acks_for(800);
            assert!(acks.abs_diff(expected) <= 2, "{acks} for 800, {in_round_trip} a round trip");
        }
    }

    /// [W-53] [W-57]
    #[test]
    fn after_losses_every_second_packet_is_acknowledged_again() {
        let mut flow = Flow::new(1000);
        flow.acks_for(3000);
        flow.number += 1;
        assert_eq!(flow.acks_for(9), 4, "the first after a gap, and three times the second");
        assert_eq!(flow.acks_for(120), 15, "it was a number that was left out");
        flow.number += 2;
        assert_eq!(flow.acks_for(127), 64, "two are none");
        flow.acks_for(200);
        flow.number += 1;
        flow.acks_for(100);
        flow.number += 1;
        assert_eq!(flow.acks_for(127), 64, "nor is one so soon after another");
    }

    /// [W-53]
    #[test]
    fn what_stops_is_acknowledged_in_a_quarter_of_the_round_trip_and_then_as_at_first() {
        let mut flow = Flow::new(1000);
        flow.acks_for(3000);
        while flow.acks_for(1) == 0 {}
        assert_eq!(flow.acks_for(1), 0);
        let first = flow.now;
        assert_eq!(flow.acks_for(2), 0);
        assert_eq!(flow.acks.deadline(), Some(first + RTT / 4));
        flow.now = first + RTT / 4;
        flow.acks.on_timeout();
        flow.acks.on_sent(Elicits::Nothing);
        assert_eq!(flow.acks_for(100), 50);
        flow.acks_for(2000);
        flow.now += RTT * 3;
        assert_eq!(flow.acks_for(100), 50, "after a pause");
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
