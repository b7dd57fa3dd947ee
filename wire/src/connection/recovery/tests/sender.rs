//! A sender that keeps to the window and the pace, and keeps books of its own on every packet: what
//! recovery says must agree with them after every step.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::watched::Watched;

/// What counts before packets are seen to overtake each other [W-57].
const OVERTAKEN_BY: u64 = 3;
/// Reductions until an overtaking is forgotten [W-58].
const FORGOTTEN_AFTER: u64 = 16;
/// Instants are whole microseconds.
const GRAIN: Duration = Duration::from_micros(1);
const GRANULARITY: Duration = Duration::from_millis(1);
/// The other side's longest delay.
pub(super) const ACK_DELAY: Duration = Duration::from_millis(25);

pub(super) type Range = (PacketNumber, PacketNumber);

/// What is known of a packet from having sent it.
#[derive(Clone, Copy, Debug)]
struct Packet {
    at: Instant,
    size: u64,
    path: u32,
    ecn: Ecn,
    frames: usize,
}

/// What routers and the other side make of ECN.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counting {
    Absent,
    /// So many more packets were marked CE, of those that could be.
    Marked(u64),
    /// One ECT(0) is missing.
    Wrong,
}

/// Packets have overtaken each other.
struct Overtaking {
    /// How many round trips would have been patience enough.
    enough: f64,
    /// Reductions before.
    since: u64,
}

/// What recovery has told about fates. Each frame is the number of its packet.
#[derive(Debug, Default, PartialEq)]
struct Told {
    acked: Vec<PacketNumber>,
    lost: Vec<PacketNumber>,
    packets_acked: Vec<PacketNumber>,
    packets_lost: Vec<PacketNumber>,
}

impl Told {
    fn sorted(mut self) -> Self {
        let Self { acked, lost, packets_acked, packets_lost } = &mut self;
        for numbers in [acked, lost, packets_acked, packets_lost] {
            numbers.sort_unstable();
        }
        self
    }
}

fn frame_of(number: PacketNumber) -> SentFrame {
    SentFrame::NewToken { version: number as u32 }
}

fn packet_of(frame: SentFrame) -> PacketNumber {
    let SentFrame::NewToken { version } = frame else { panic!("{frame:?} was never sent") };
    version.into()
}

/// Listens to recovery.
struct Listener<'a> {
    told: &'a mut Told,
    size_probes: &'a BTreeSet<PacketNumber>,
}

impl Fate for Listener<'_> {
    fn acked(&mut self, frame: SentFrame) {
        self.told.acked.push(packet_of(frame));
    }

    fn acked_all(&mut self) {}

    fn lost(&mut self, frame: SentFrame) {
        self.told.lost.push(packet_of(frame));
    }

    fn packet_acked(&mut self, number: PacketNumber, _size: usize) {
        self.told.packets_acked.push(number);
    }

    fn packet_lost(&mut self, _now: Instant, number: PacketNumber, _size: usize) -> LossMeaning {
        self.told.packets_lost.push(number);
        if self.size_probes.contains(&number) {
            LossMeaning::ProbeOfSize
        } else {
            LossMeaning::Congestion
        }
    }
}

pub(super) struct Sender {
    pub(super) now: Instant,
    pub(super) recovery: Recovery,
    next: PacketNumber,
    carrier: PacketNumber,
    in_flight: BTreeMap<PacketNumber, Packet>,
    /// Lost, and might still arrive.
    lost: BTreeMap<PacketNumber, Packet>,
    size_probes: BTreeSet<PacketNumber>,
    largest_acked: Option<PacketNumber>,
    /// Since when nothing that asks for an acknowledgement was sent.
    last_sent: Instant,
    overtaking: Option<Overtaking>,
    path: u32,
    counts: EcnCounts,
    told: Told,
    losses: u64,
    /// When the timer was to go off, as last seen.
    deadline: Option<Instant>,
    /// Since the timer last went off the path has changed, or packets were seen to overtake each other:
    /// it may have been set too early.
    may_be_early: bool,
    /// Bytes that all paces so far have allowed, and the last of them.
    granted: f64,
    pace: (Instant, u64),
}

impl Sender {
    pub(super) fn new(congestion: Congestion) -> Self {
        let now = Instant::from_micros(1_000_000);
        let config = TransportConfig { congestion, ..TransportConfig::default() };
        let recovery = Recovery::new(now, MIN_DATAGRAM, &config, None, ACK_DELAY);
        let mut sender = Self {
            now,
            recovery,
            next: 0,
            carrier: 0,
            in_flight: BTreeMap::new(),
            lost: BTreeMap::new(),
            size_probes: BTreeSet::new(),
            largest_acked: None,
            last_sent: now,
            overtaking: None,
            path: 0,
            counts: EcnCounts::default(),
            told: Told::default(),
            losses: 0,
            deadline: None,
            may_be_early: false,
            granted: 0.0,
            pace: (now, 0),
        };
        sender.watch();
        sender
    }

    /// A new path has begun, with a controller of its own and a first window that may go at once.
    fn watch(&mut self) {
        let Recovery { controller, congestion, datagram, .. } = &mut self.recovery;
        let inner =
            core::mem::replace(controller, congestion::new(*congestion, self.now, *datagram));
        *controller = Box::new(Watched::new(inner, *congestion, *datagram));
        self.granted = initial_window(*datagram) as f64;
        self.pace = (self.now, 0);
    }

    pub(super) const fn next(&self) -> PacketNumber {
        self.next
    }

    pub(super) const fn datagram(&self) -> usize {
        self.recovery.datagram
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// The newest packet that is that old, of those from `first` on.
    pub(super) fn newest_of_age(&self, first: PacketNumber, age: Duration) -> Option<PacketNumber> {
        let is_old = |packet: &Packet| packet.at + age <= self.now;
        let newest = self.in_flight.range(first..).rev().find(|(_, packet)| is_old(packet));
        newest.map(|(number, _)| *number)
    }

    /// A packet of frames that may be lost, if window and pace or a probe allow it.
    pub(super) fn send(&mut self, size: usize, frames: usize) -> bool {
        let size = size.min(self.datagram());
        let allowance = self.allowance();
        let datagram = self.datagram() as u64;
        let is_probe = self.recovery.probes() > 0;
        if !is_probe && allowance.window.min(allowance.tokens) < datagram {
            return false;
        }
        self.push(size, frames, is_probe);
        true
    }

    /// A packet that asks whether datagrams may be larger [W-44].
    pub(super) fn send_size_probe(&mut self, size: usize) {
        if self.recovery.probes() == 0 && self.allowance().window >= self.datagram() as u64 {
            self.size_probes.insert(self.next);
            self.push(size, 0, true);
        }
    }

    fn push(&mut self, size: usize, frames: usize, is_unpaced: bool) {
        let (number, ecn) = (self.next, self.recovery.codepoint());
        self.next += 1;
        self.recovery.on_sent(self.now, number, size, ecn, &vec![frame_of(number); frames]);
        let packet = Packet { at: self.now, size: size as u64, path: self.path, ecn, frames };
        self.in_flight.insert(number, packet);
        self.last_sent = self.now;
        self.granted -= size as f64;
        if is_unpaced {
            self.granted = self.granted.max(0.0);
        }
        assert!(self.granted >= -1.0, "sent {} faster than any pace so far", -self.granted);
    }

    fn allowance(&mut self) -> Allowance {
        let allowance = self.recovery.allowance(self.now);
        let (since, rate) = self.pace;
        self.granted += rate as f64 * (self.now - since).as_secs_f64();
        let rate = self.recovery.controller.pacing_rate(&self.recovery.rtt).clamp(1, 1 << 40);
        self.pace = (self.now, rate);
        allowance
    }

    /// Packets that ask for no acknowledgement take numbers, and nothing else.
    pub(super) const fn skip(&mut self, count: u64) {
        self.next += count;
    }

    /// What a probe takes from the oldest packet counts as lost: all its frames, or none.
    pub(super) fn take_oldest_frames(&mut self) {
        let Self { recovery, told, size_probes, .. } = self;
        recovery.probe_with_oldest(&mut Listener { told, size_probes });
        let oldest = self.in_flight.iter_mut().find(|(_, packet)| packet.frames > 0);
        let expected = oldest.map_or(Vec::new(), |(number, packet)| {
            vec![*number; core::mem::take(&mut packet.frames)]
        });
        assert_eq!(core::mem::take(&mut self.told), Told { lost: expected, ..Told::default() });
    }

    /// An ACK of these ranges, highest first, arrives.
    pub(super) fn ack(&mut self, ranges: &[Range], delay: u64, counting: Counting) {
        let ecn = self.count(ranges, counting);
        let ack = Ack { delay, ranges: ranges.to_vec(), ecn };
        let (smoothed, reductions) = (self.recovery.rtt.smoothed(), self.recovery.episode.id);
        let spurious = self.recovery.spurious_losses;
        self.carrier += 1;
        let Self { recovery, told, size_probes, now, carrier, next, .. } = self;
        recovery.on_ack(*now, *carrier, &ack, *next, &mut Listener { told, size_probes });
        self.largest_acked = self.largest_acked.max(Some(ranges[0].1));
        let mut expected = Told::default();
        let is_new = self.settle_acked(ranges, &mut expected);
        self.settle_late(ranges, (smoothed, reductions, spurious), &mut expected);
        self.settle_lost(reductions, &mut expected);
        self.compare(expected);
        if is_new {
            self.check_overdue();
        }
        self.check();
    }

    fn count(&mut self, ranges: &[Range], counting: Counting) -> Option<EcnCounts> {
        let is_new = |(number, packet): &(&PacketNumber, &Packet)| {
            is_named(ranges, **number) && packet.ecn == Ecn::Ect0 && packet.path == self.path
        };
        let new = self.in_flight.iter().filter(is_new).count() as u64;
        let ce = match counting {
            Counting::Absent => return None,
            Counting::Marked(ce) => ce.min(new),
            Counting::Wrong => 0,
        };
        self.counts.ect0 += new - ce;
        self.counts.ce += ce;
        if matches!(counting, Counting::Wrong) {
            self.counts.ect0 = self.counts.ect0.saturating_sub(1);
        }
        Some(self.counts)
    }

    /// What an ACK names is in flight no more. Whether any of it was.
    fn settle_acked(&mut self, ranges: &[Range], expected: &mut Told) -> bool {
        let mut is_new = false;
        for (number, packet) in self.in_flight.extract_if(.., |n, _| is_named(ranges, *n)) {
            is_new = true;
            expected.acked.extend(vec![number; packet.frames]);
            if packet.path == self.path {
                expected.packets_acked.push(number);
            }
        }
        is_new
    }

    /// What was lost may have come after all: it is told once more, and never again.
    fn settle_late(
        &mut self,
        ranges: &[Range],
        (smoothed, reductions, spurious): (Duration, u64, u64),
        expected: &mut Told,
    ) {
        let (mut late, mut may_be_late) = (0, 0);
        for (number, packet) in self.lost.extract_if(.., |n, _| is_named(ranges, *n)) {
            if packet.frames == 0 {
                may_be_late += 1;
                continue;
            }
            // Those lost long ago are forgotten.
            if !self.told.acked.contains(&number) {
                continue;
            }
            late += 1;
            expected.acked.extend(vec![number; packet.frames]);
            let trips = (self.now - packet.at).as_secs_f64() / smoothed.as_secs_f64();
            let known = self.overtaking.as_ref().map_or(0.0, |overtaking| overtaking.enough);
            let enough = trips.max(known).min(2.0);
            self.overtaking = Some(Overtaking { enough, since: reductions });
        }
        let counted = self.recovery.spurious_losses - spurious;
        assert!((late..=late + may_be_late).contains(&counted), "{counted} late, not {late}");
        self.may_be_early |= counted > 0;
    }

    /// What is in flight no more, and was not acknowledged, is lost: it must be allowed to be.
    fn settle_lost(&mut self, reductions: u64, expected: &mut Told) {
        let left = self.left_in_flight();
        let lost: Vec<_> = self.in_flight.extract_if(.., |n, _| !left.contains(n)).collect();
        for (number, packet) in lost {
            self.check_loss(number, &packet, reductions);
            let is_here = packet.path == self.path;
            if is_here {
                expected.packets_lost.push(number);
            }
            if !is_here || !self.size_probes.contains(&number) {
                expected.lost.extend(vec![number; packet.frames]);
                self.losses += 1;
                self.lost.insert(number, packet);
            }
        }
        assert!(left.iter().eq(self.in_flight.keys()), "in flight although acknowledged");
        assert_eq!(self.recovery.datagrams_lost, self.losses);
    }

    fn left_in_flight(&mut self) -> BTreeSet<PacketNumber> {
        let mut left = BTreeSet::new();
        let mut from = 0;
        while let Some((position, packet)) = self.recovery.sent.next_in_flight(from) {
            left.insert(packet.number);
            from = position + 1;
        }
        left
    }

    /// [W-57] [W-58]
    fn check_loss(&self, number: PacketNumber, packet: &Packet, reductions: u64) {
        let largest = self.largest_acked.expect("nothing was acknowledged");
        assert!(number < largest, "{number} lost, but nothing later acknowledged");
        let (age, round_trip) = (self.now - packet.at + GRAIN, self.round_trip());
        let enough = match &self.overtaking {
            Some(overtaking) if reductions < overtaking.since + FORGOTTEN_AFTER => {
                overtaking.enough.max(9.0 / 8.0)
            }
            _ if largest - number >= OVERTAKEN_BY => 0.0,
            _ => 9.0 / 8.0,
        };
        let patience = round_trip.mul_f64(enough);
        assert!(age >= patience, "{number} lost after {age:?}, before {patience:?}");
        assert!(enough == 0.0 || age >= GRANULARITY, "{number} lost after {age:?}");
    }

    /// Nothing is in flight that should have been declared lost just now, and the timer goes off
    /// when it should be.
    fn check_overdue(&self) {
        let Some(largest) = self.largest_acked else { return };
        let longest = (self.round_trip() * 2).max(GRANULARITY);
        for (number, packet) in self.in_flight.range(..largest) {
            let overdue_at = packet.at + longest;
            assert!(self.now <= overdue_at, "{number} in flight since {}", packet.at);
            assert!(self.recovery.deadline() <= Some(overdue_at), "no timer for {number}");
            let is_patient = self.recovery.spurious_losses > 0;
            assert!(is_patient || largest - number < OVERTAKEN_BY, "{number} in flight");
        }
    }

    fn round_trip(&self) -> Duration {
        self.recovery.rtt.latest().max(self.recovery.rtt.smoothed())
    }

    fn compare(&mut self, expected: Told) {
        assert_eq!(core::mem::take(&mut self.told).sorted(), expected.sorted());
    }

    /// The timer goes off, maybe before its time. When it is due, something is lost or asked for;
    /// where it was set too early, it is set anew, once.
    pub(super) fn fire(&mut self) {
        let is_due = self.recovery.deadline().is_some_and(|at| at <= self.now);
        let reductions = self.recovery.episode.id;
        let before = (self.losses, self.in_flight.len(), self.recovery.probes());
        let Self { recovery, told, size_probes, now, .. } = self;
        recovery.on_timeout(*now, &mut Listener { told, size_probes });
        let mut expected = Told::default();
        self.settle_lost(reductions, &mut expected);
        self.compare(expected);
        let has_lost = self.in_flight.len() < before.1;
        let has_asked = self.recovery.probes() == PROBES;
        if is_due {
            let is_set_anew = core::mem::take(&mut self.may_be_early);
            assert!(has_lost || has_asked || is_set_anew, "the timer goes off for nothing");
        } else {
            let after = (self.losses, self.in_flight.len(), self.recovery.probes());
            assert_eq!(after, before, "before its time");
        }
        let next = self.recovery.deadline();
        assert!(next.is_none_or(|at| at > self.now), "the timer does not move on");
        self.check();
    }

    /// Sleeps until the timer is due, or `late` longer.
    pub(super) fn expire(&mut self, late: Duration) {
        if let Some(at) = self.recovery.deadline() {
            self.now = self.now.max(at + late);
            self.fire();
        }
    }

    pub(super) fn on_moved(&mut self, moved: Moved) {
        self.recovery.on_moved(self.now, moved);
        self.path += 1;
        self.last_sent = self.now;
        self.may_be_early = true;
        if matches!(moved, Moved::Elsewhere { .. }) {
            self.overtaking = None;
            self.watch();
        }
        self.compare(Told::default());
        self.check();
    }

    /// What holds at any time.
    pub(super) fn check(&mut self) {
        let size = |packet: &Packet| packet.size;
        let all: u64 = self.in_flight.values().map(size).sum();
        let is_here = |packet: &&Packet| packet.path == self.path;
        let here: u64 = self.in_flight.values().filter(is_here).map(size).sum();
        assert_eq!(self.recovery.bytes_in_flight(), all, "bytes in flight");
        assert_eq!(self.recovery.path_in_flight, here, "bytes in flight over this path");
        self.allowance();
        self.check_timer();
    }

    /// A timer runs exactly while something is in flight. It goes off after a PTO at the earliest
    /// unless something is to be declared lost, and in bounded time [W-59]. (One that was set on a
    /// longer path stays.)
    fn check_timer(&mut self) {
        let before = core::mem::replace(&mut self.deadline, self.recovery.deadline());
        assert_eq!(self.deadline.is_some(), !self.is_quiet(), "timer {:?}", self.deadline);
        let Some(deadline) = self.deadline else { return };
        let timeout = self.recovery.probe_timeout();
        let longest = timeout.max(Duration::from_secs(1)).max(self.round_trip() * 2);
        let latest = before.max(Some(self.now + longest));
        assert!(Some(deadline) <= latest, "{:?} from now", deadline - self.now);
        if self.recovery.loss_at.is_none() {
            let unanswered = Duration::from_millis(300);
            let first =
                if self.largest_acked.is_some() { timeout } else { timeout.min(unanswered) };
            assert!(deadline >= self.last_sent + first, "a probe too early");
        }
    }
}

fn is_named(ranges: &[Range], number: PacketNumber) -> bool {
    ranges.iter().any(|(start, end)| (*start..=*end).contains(&number))
}
