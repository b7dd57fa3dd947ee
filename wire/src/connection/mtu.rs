//! How large a datagram the path takes: found out by probes that carry nothing (DPLPMTUD,
//! RFC 8899; RFC 9000 section 14.3).
//!
//! ```text
//!                 a probe arrives: that large from now on
//!                      +---+
//!                      |   v              nothing left to try
//!   Unconfirmed ----> Searching ------------------------------------> Resting
//!      first ACK       ^   |  ^                                          |
//!                      |   |  +--- ten minutes later, when data waits ---+
//!   large packets were |   |
//!   acknowledged       |   | large packets vanish, small ones do not:
//!   before: at once    |   v 1200 bytes from now on
//!                    Fallen back ------- none was: a minute later -----> Resting
//! ```
//!
//! What the interface itself refuses needs no search: the size falls at once.
//!
//! Nothing here needs a timer: the fate of a probe comes from loss detection, and what is due
//! later is only looked at when data waits.

use super::path::Moved;
use crate::datagram::DATAGRAM_MAX;
use crate::id::PacketNumber;
use crate::parameters::MIN_DATAGRAM;
use crate::time::{Duration, Instant};

/// Lost probes of one size before it counts as too large (RFC 8899 section 5.1.2).
const MAX_PROBES: u32 = 3;
/// Lost packets in a row that make a path suspect...
const SUSPECT_AFTER: u32 = 3;
/// ...and how long it is left alone, if it never carried more than a probe.
const BLACK_HOLE_REST: Duration = Duration::from_secs(60);
/// When to see whether the path takes more by now (RFC 8899 section 5.1.1: PMTU_RAISE_TIMER).
const RAISE_AFTER: Duration = Duration::from_secs(600);
/// A probe larger than Ethernet takes is at most this part of the window.
const PROBE_PART: u64 = 2;
/// Bytes that are not worth a probe.
const PRECISION: usize = 20;
/// Payload of Ethernet under IPv6: what nearly every path takes.
const ETHERNET: usize = 1452;

/// What the loss of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LossMeaning {
    /// There may be congestion.
    Congestion,
    /// The path does not take datagrams of this size, or not today: nothing about congestion.
    ProbeOfSize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was acknowledged yet.
    Unconfirmed,
    Searching,
    Resting {
        until: Instant,
    },
}

/// Whether full datagrams were sent since the last probe: only then a larger size is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    None,
    Full,
}

/// What has shown that the path takes the size in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Probe,
    /// Data in datagrams of this size was acknowledged.
    Data,
}

/// Packets larger than the smallest datagram, lost since one as large was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Suspicion {
    lost: u32,
    smallest: usize,
}

/// The search on the path in use.
#[derive(Debug)]
pub(crate) struct MtuDiscovery {
    /// Larger ones may not even be tried.
    limit: usize,
    /// Bytes of IP and UDP headers.
    headers: usize,
    state: State,
    /// What data is sent in.
    current: usize,
    proof: Proof,
    /// The smallest size that is taken not to arrive.
    too_large: usize,
    /// A size that did arrive until it was doubted: the next to be tried.
    doubted: Option<usize>,
    /// Lost probes of the size that is being tried.
    failures: u32,
    in_flight: Option<(PacketNumber, usize)>,
    demand: Demand,
    suspicion: Option<Suspicion>,
    /// The newest packet larger than the smallest datagram that was acknowledged, and its size.
    newest_large: Option<(PacketNumber, usize)>,
    /// What was in use on the path that was left.
    left: usize,
}

impl MtuDiscovery {
    /// For a connection that may send datagrams of up to `limit` bytes, over IPv6 or IPv4.
    pub(crate) fn new(limit: usize, is_ipv6: bool) -> Self {
        let limit = limit.clamp(MIN_DATAGRAM, DATAGRAM_MAX);
        Self {
            limit,
            headers: headers(is_ipv6),
            state: State::Unconfirmed,
            current: MIN_DATAGRAM,
            proof: Proof::Probe,
            too_large: limit + 1,
            doubted: None,
            failures: 0,
            in_flight: None,
            demand: Demand::None,
            suspicion: None,
            newest_large: None,
            left: MIN_DATAGRAM,
        }
    }

    /// The largest datagram that data is sent in [W-43].
    pub(crate) const fn current(&self) -> usize {
        self.current
    }

    /// The size of the probe that is to be sent now, in a window of so many bytes [W-44].
    pub(crate) fn next_probe(&mut self, now: Instant, window: u64) -> Option<usize> {
        match self.state {
            State::Unconfirmed => return None,
            State::Searching => {}
            State::Resting { until } => {
                if now < until || self.demand == Demand::None {
                    return None;
                }
                self.state = State::Searching;
                self.too_large = self.limit + 1;
            }
        }
        if self.in_flight.is_some() {
            return None;
        }
        let Some(size) = self.candidate() else {
            self.state = State::Resting { until: now + RAISE_AFTER };
            return None;
        };
        let free = size <= self.ethernet() || self.doubted.is_some();
        // A probe that filled the window would hold up all that could tell of its loss.
        let fits = size as u64 <= window / PROBE_PART;
        (free || fits && self.demand == Demand::Full).then_some(size)
    }

    /// The size to try next: the usual ones first, then what lies between.
    fn candidate(&self) -> Option<usize> {
        if self.doubted.is_some() {
            return self.doubted;
        }
        if self.too_large - self.current <= PRECISION {
            return None;
        }
        let jumbo = 9000 - self.headers;
        let loopback = 65_536 - self.headers;
        let usual = [ETHERNET, self.ethernet(), jumbo, loopback, self.limit];
        let step = usual.iter().find(|size| (self.current + 1..self.too_large).contains(*size));
        Some(match step {
            Some(step) => *step,
            // Seldom more than a usual size works, when the next one does not: look, before it
            // is searched for.
            None if usual.contains(&self.current) => self.current + PRECISION,
            None => self.current.midpoint(self.too_large),
        })
    }

    const fn ethernet(&self) -> usize {
        1500 - self.headers
    }

    /// A probe was sent.
    pub(crate) const fn on_probe_sent(&mut self, number: PacketNumber, size: usize) {
        self.in_flight = Some((number, size));
        self.demand = Demand::None;
    }

    /// A datagram was filled up with data.
    pub(crate) const fn on_full_datagram(&mut self) {
        self.demand = Demand::Full;
    }

    /// A packet over this path arrived.
    pub(crate) fn on_acked(&mut self, number: PacketNumber, size: usize) {
        if self.state == State::Unconfirmed {
            self.state = State::Searching;
        }
        if self.in_flight.is_some_and(|(probe, _)| probe == number) {
            self.in_flight = None;
            self.on_arrived(size);
            return;
        }
        if size <= MIN_DATAGRAM {
            return;
        }
        self.newest_large = self.newest_large.max(Some((number, size)));
        if size >= self.current {
            self.proof = Proof::Data;
        }
        if self.suspicion.is_some_and(|suspicion| size >= suspicion.smallest) {
            self.suspicion = None;
        }
    }

    fn on_arrived(&mut self, size: usize) {
        self.doubted = None;
        self.failures = 0;
        if size > self.current {
            self.current = size;
            self.proof = Proof::Probe;
            self.suspicion = None;
        }
    }

    /// A packet over this path is lost.
    pub(crate) fn on_lost(
        &mut self,
        now: Instant,
        number: PacketNumber,
        size: usize,
    ) -> LossMeaning {
        if self.in_flight.is_some_and(|(probe, _)| probe == number) {
            self.in_flight = None;
            self.on_probe_lost(size);
            return LossMeaning::ProbeOfSize;
        }
        let overtakes = |(newest, large)| newest > number && large >= size;
        let is_overtaken = self.newest_large.is_some_and(overtakes);
        if size > MIN_DATAGRAM && self.current > MIN_DATAGRAM && !is_overtaken {
            let before = self.suspicion.unwrap_or(Suspicion { lost: 0, smallest: size });
            let smallest = before.smallest.min(size);
            self.suspicion = Some(Suspicion { lost: before.lost + 1, smallest });
            if before.lost + 1 == SUSPECT_AFTER {
                self.fall_back(now);
            }
        }
        LossMeaning::Congestion
    }

    fn on_probe_lost(&mut self, size: usize) {
        if self.doubted.is_some_and(|doubted| doubted != size) {
            return;
        }
        self.failures += 1;
        if self.failures == MAX_PROBES {
            self.failures = 0;
            self.doubted = None;
            self.too_large = self.too_large.min(size);
        }
    }

    /// The interface has refused datagrams of this size: others would fare no better [W-45].
    pub(crate) fn on_refused(&mut self, now: Instant, size: usize) {
        if self.in_flight.is_some_and(|(_, probe)| probe == size) {
            // When it is missed, that was its last chance.
            self.failures = MAX_PROBES - 1;
        } else if size > MIN_DATAGRAM && size <= self.current {
            tracing::debug!(%now, size, "the interface takes less");
            self.current = MIN_DATAGRAM;
            self.proof = Proof::Probe;
            self.too_large = size;
            (self.doubted, self.suspicion, self.failures) = (None, None, 0);
            self.state = State::Searching;
        }
    }

    /// A loss is known by what was sent later and arrived: here only small packets did [W-45].
    fn fall_back(&mut self, now: Instant) {
        tracing::debug!(%now, size = self.current, "large packets vanish");
        self.suspicion = None;
        self.failures = 0;
        match self.proof {
            // It may have been chance: one probe tells.
            Proof::Data => {
                self.doubted = Some(self.current);
                self.state = State::Searching;
            }
            // A path that lets probes pass and nothing else would be probed for ever.
            Proof::Probe => {
                self.doubted = None;
                self.state = State::Resting { until: now + BLACK_HOLE_REST };
            }
        }
        self.current = MIN_DATAGRAM;
    }

    /// The other side is elsewhere [W-46].
    pub(crate) fn on_moved(&mut self, moved: Moved, is_ipv6: bool) {
        let doubted = match moved {
            Moved::SamePath { .. } => return,
            Moved::Elsewhere { .. } => None,
            Moved::Back => Some(self.left).filter(|left| *left > MIN_DATAGRAM),
        };
        let left = self.current;
        let state = State::Searching;
        *self = Self { doubted, left, state, ..Self::new(self.limit, is_ipv6) };
    }
}

const fn headers(is_ipv6: bool) -> usize {
    if is_ipv6 { 48 } else { 28 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1 << 20;

    /// The search is over, and data was acknowledged at 1472 bytes.
    fn found() -> MtuDiscovery {
        let mut mtu = MtuDiscovery::new(1472, false);
        mtu.on_acked(0, 50);
        for number in [1, 2] {
            let size = mtu.next_probe(Instant::ZERO, WINDOW).unwrap();
            mtu.on_probe_sent(number, size);
            assert_eq!(mtu.next_probe(Instant::ZERO, WINDOW), None, "one at a time");
            mtu.on_acked(number, size);
        }
        assert_eq!((mtu.current(), mtu.next_probe(Instant::ZERO, WINDOW)), (1472, None));
        mtu.on_acked(3, 1472);
        mtu
    }

    fn lose(mtu: &mut MtuDiscovery, numbers: &[PacketNumber], size: usize) {
        for number in numbers {
            assert_eq!(mtu.on_lost(Instant::ZERO, *number, size), LossMeaning::Congestion);
        }
    }

    /// [W-45]: only three in a row, with none of their size after or between them.
    #[test]
    fn what_makes_a_path_suspect() {
        let mut mtu = found();
        mtu.on_acked(20, 1472);
        lose(&mut mtu, &[10, 11, 12, 13], 1472);
        assert_eq!(mtu.current(), 1472, "a later one has arrived");
        for numbers in [[21, 22], [24, 25]] {
            lose(&mut mtu, &numbers, 1472);
            mtu.on_acked(numbers[1] + 1, 1472);
        }
        assert_eq!(mtu.current(), 1472, "one between them has arrived");
        lose(&mut mtu, &[30, 31, 32, 33], 1200);
        assert_eq!(mtu.current(), 1472, "small ones");
        lose(&mut mtu, &[34, 35], 1400);
        mtu.on_acked(36, 1300);
        lose(&mut mtu, &[37], 1472);
        assert_eq!(mtu.current(), 1200, "what arrived was smaller");
        assert_eq!(mtu.next_probe(Instant::ZERO, WINDOW), Some(1472), "was it chance?");
    }

    /// Where acknowledgements get lost, one tells the fate of many packets: those that arrived first.
    #[test]
    fn losses_that_come_to_light_together_with_later_arrivals_are_chance() {
        let mut mtu = MtuDiscovery::new(1472, false);
        mtu.on_acked(0, 50);
        mtu.on_probe_sent(1, 1452);
        mtu.on_acked(1, 1452);
        mtu.on_probe_sent(7, 1472);
        mtu.on_acked(6, 1452);
        mtu.on_acked(7, 1472);
        lose(&mut mtu, &[2, 3, 5], 1452);
        assert_eq!(mtu.current(), 1472);
    }
}
