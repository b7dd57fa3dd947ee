//! Round trips as they come: of a round, and of the last few acknowledgements.

use crate::connection::congestion::AckedPacket;
use crate::id::PacketNumber;
use crate::time::Duration;

/// Most packets of a round that are looked at, and fewest that say something...
const KEPT: usize = 64;
const FEWEST: usize = 8;
/// ...in so many acknowledgements: one that jumped the queue may speak for many packets...
const FEWEST_ACKS: usize = 4;
/// ...and of the first ten two may: where some are overtaken or missing it takes so many.
const FEWEST_SCRAMBLED: usize = 12;
const FEWEST_ACKS_SCRAMBLED: usize = 6;
/// Acknowledgements that count as the last few.
const LAST: usize = 8;

/// Where packets overtake each other the shortest round trip is that of one that jumped the
/// queue, and says nothing about the rest: it is the median of a round that counts.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundTrips {
    packets: Vec<Duration>,
    seen: usize,
    /// Acknowledgements in this round.
    round_acks: usize,
    /// The newest packet acknowledged, the newest before the last acknowledgement, and the packet that
    /// brought that.
    newest: PacketNumber,
    newest_before: PacketNumber,
    carrier: Option<PacketNumber>,
    /// In this round some overtook others, or got lost.
    is_scrambled: bool,
    last: [Duration; LAST],
    acks: usize,
    median: Option<Duration>,
    /// Between the first and the third quartile of the last round.
    spread: Duration,
    base: Option<Duration>,
}

impl RoundTrips {
    /// A packet was acknowledged so long after it was sent.
    pub(super) fn on_packet(&mut self, packet: &AckedPacket, rtt: Duration) {
        let last = self.carrier.replace(packet.carrier).unwrap_or(packet.carrier);
        if packet.carrier != last {
            self.newest_before = self.newest;
            // A single number may be one that was left out [W-51], or a probe.
            self.is_scrambled |= packet.carrier > last + 2;
        }
        self.is_scrambled |= packet.number < self.newest_before;
        self.newest = self.newest.max(packet.number);
        if self.packets.len() < KEPT {
            self.packets.push(rtt);
        } else {
            self.packets[self.seen % KEPT] = rtt;
        }
        self.seen += 1;
    }

    /// An acknowledgement measured this.
    pub(super) fn on_ack(&mut self, rtt: Duration) {
        self.last[self.acks % LAST] = rtt;
        self.acks += 1;
        self.round_acks += 1;
    }

    /// A round ends: its median. Rounds of few packets go on.
    pub(super) fn end_round(&mut self) -> Option<Duration> {
        let count = self.packets.len();
        let (packets, acks) = if self.is_scrambled {
            (FEWEST_SCRAMBLED, FEWEST_ACKS_SCRAMBLED)
        } else {
            (FEWEST, FEWEST_ACKS)
        };
        if count < packets || self.round_acks < acks {
            return None;
        }
        self.packets.sort_unstable();
        let median = self.packets[count / 2];
        self.spread = self.packets[count * 3 / 4] - self.packets[count / 4];
        self.forget();
        self.median = Some(median);
        self.median
    }

    /// The last round is what later ones are compared with.
    pub(super) const fn set_base(&mut self) {
        self.base = self.median;
    }

    /// The median of the last round in which nothing was probed.
    pub(super) const fn base(&self) -> Option<Duration> {
        self.base
    }

    /// That of the last round.
    pub(super) fn median(&self) -> Duration {
        self.median.unwrap_or_default()
    }

    /// How much round trips differ within a round.
    pub(super) const fn spread(&self) -> Duration {
        self.spread
    }

    /// The shortest of the last few, when there are enough: a queue makes all of them longer.
    pub(super) fn recent(&self) -> Option<Duration> {
        if self.acks < LAST { None } else { self.last.iter().min().copied() }
    }

    /// What came so far in this round says nothing.
    pub(super) fn forget(&mut self) {
        self.packets.clear();
        self.round_acks = 0;
        self.is_scrambled = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// One more packet in order, by an acknowledgement that has lost none before it.
    fn next(round_trips: &RoundTrips) -> AckedPacket {
        let carrier = round_trips.carrier.map_or(7, |last| last + 1);
        let number = round_trips.newest + 1;
        AckedPacket { number, sent_at: Instant::ZERO, size: 1000, carrier }
    }

    /// Each packet is acknowledged for itself.
    fn take(round_trips: &mut RoundTrips, rtt: Duration) {
        round_trips.on_packet(&next(round_trips), rtt);
        round_trips.on_ack(rtt);
    }

    #[test]
    fn one_in_four_that_jumps_the_queue_does_not_move_the_median() {
        let mut round_trips = RoundTrips::default();
        for packet in 0..100 {
            take(&mut round_trips, if packet % 4 == 0 { ms(1) } else { ms(50) });
        }
        assert_eq!(round_trips.end_round(), Some(ms(50)));
        assert_eq!(round_trips.spread(), ms(0));
        assert_eq!(round_trips.base(), None);
        round_trips.set_base();
        assert_eq!(round_trips.base(), Some(ms(50)));
    }

    #[test]
    fn a_round_of_few_packets_goes_on() {
        let mut round_trips = RoundTrips::default();
        for packet in 1..=7 {
            take(&mut round_trips, ms(packet));
        }
        assert_eq!(round_trips.end_round(), None);
        take(&mut round_trips, ms(8));
        assert_eq!(round_trips.end_round(), Some(ms(5)));
        assert_eq!(round_trips.spread(), ms(4));
    }

    #[test]
    fn a_round_in_which_one_overtook_others_or_was_lost_needs_more() {
        for (number, carrier) in [(0, 1), (1, 2)] {
            let mut round_trips = RoundTrips::default();
            for _ in 0..10 {
                take(&mut round_trips, ms(25));
            }
            let AckedPacket { number: newest, carrier: last, .. } = next(&round_trips);
            let packet = AckedPacket {
                number: newest * number,
                carrier: last * carrier,
                ..next(&round_trips)
            };
            round_trips.on_packet(&packet, ms(25));
            assert_eq!(round_trips.end_round(), None, "{packet:?}");
            take(&mut round_trips, ms(50));
            assert_eq!(round_trips.end_round(), Some(ms(25)));
            for _ in 0..8 {
                take(&mut round_trips, ms(50));
            }
            assert_eq!(round_trips.end_round(), Some(ms(50)), "the next round begins anew");
        }
    }

    #[test]
    fn one_acknowledgement_of_many_packets_says_nothing() {
        let mut round_trips = RoundTrips::default();
        for _ in 0..10 {
            round_trips.on_packet(&next(&round_trips), ms(25));
        }
        round_trips.on_ack(ms(25));
        assert_eq!(round_trips.end_round(), None);
        for _ in 0..20 {
            take(&mut round_trips, ms(50));
        }
        assert_eq!(round_trips.end_round(), Some(ms(50)));
    }

    #[test]
    fn a_queue_is_seen_when_all_of_the_last_few_are_longer() {
        let mut round_trips = RoundTrips::default();
        for _ in 0..7 {
            round_trips.on_ack(ms(60));
        }
        assert_eq!(round_trips.recent(), None);
        round_trips.on_ack(ms(50));
        assert_eq!(round_trips.recent(), Some(ms(50)));
        for _ in 0..8 {
            round_trips.on_ack(ms(60));
        }
        assert_eq!(round_trips.recent(), Some(ms(60)));
    }
}
