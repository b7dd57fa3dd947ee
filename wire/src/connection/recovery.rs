//! What is in flight, and what becomes of it: joins the packets sent, the round-trip estimate,
//! loss detection, congestion control and pacing (RFC 9002).

use super::congestion::{self, AckSample, AckedPacket, Controller, Signal, initial_window};
use super::delivery::{Demand, RateSampler};
use super::ecn::{EcnValidator, Marks};
use super::loss::{LossDetector, LostPackets};
use super::mtu::LossMeaning;
use super::pacing::Pacer;
use super::path::Moved;
use super::rtt::Rtt;
use super::sent::{NewPacket, SentFrame, SentPacket, SentPackets};
use crate::config::{Congestion, TransportConfig};
use crate::frame::{Ack, EcnCounts};
use crate::id::PacketNumber;
use crate::node::Ecn;
use crate::parameters::MIN_DATAGRAM;
use crate::time::{Duration, Instant};

/// Packets per probe time-out (RFC 9002 section 6.2.4).
const PROBES: u32 = 2;
/// Probes are never farther apart than this, however often they went unanswered, unless the
/// round trip itself asks for it: a path that comes back for two seconds is noticed (E09).
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// The same until the first acknowledgement: the initiator's first packet completes the
/// handshake, and is repeated as quickly as its other messages.
const UNANSWERED_PROBE_INTERVAL: Duration = Duration::from_millis(300);
/// How often, before that is thought too much for the path.
const UNANSWERED_PROBES: u32 = 20;
/// Losses over so many probe time-outs without any success are persistent congestion (RFC 9002
/// section 7.6.1).
const PERSISTENT_PERIODS: u32 = 3;

/// How many packets the share that is lost is taken of.
const LOSS_PACKETS: u32 = 128;
/// What is assumed of a path of which nothing is known, so that first messages are copied [W-48], and
/// how many packets outweigh it.
const ASSUMED_LOSS: f64 = 0.002;
const ASSUMED_PACKETS: u32 = 16;

/// So much of the window, in whole datagrams, is kept for what is more urgent than files...
const RESERVE_PART: u64 = 8;
/// ...but no more than so many.
const MAX_RESERVE: u64 = 8;

/// Who is told what became of the frames, and of packets over the path in use.
pub(crate) trait Fate {
    fn acked(&mut self, frame: SentFrame);
    /// All frames that an ACK acknowledges have been told.
    fn acked_all(&mut self);
    fn lost(&mut self, frame: SentFrame);
    fn packet_acked(&mut self, number: PacketNumber, size: usize);
    fn packet_lost(&mut self, now: Instant, number: PacketNumber, size: usize) -> LossMeaning;
}

/// How many bytes may be sent now, probes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Before an acknowledgement opens the window further.
    pub(crate) window: u64,
    /// Of the window, kept for what must not wait behind a file.
    pub(crate) reserve: u64,
    /// Before pacing gives more.
    pub(crate) tokens: u64,
}

/// What was learned about a path that was left.
struct Left {
    rtt: Rtt,
    controller: Box<dyn Controller>,
}

/// The reduction of the window in progress, and whether it was right.
#[derive(Clone, Copy, Debug, Default)]
struct Episode {
    id: u64,
    /// Packets sent up to then belong to it.
    start: Option<Instant>,
    /// Losses that have not turned out to be late arrivals, and marks, which never do.
    losses: u64,
}

pub(crate) struct Recovery {
    sent: SentPackets,
    lost: LostPackets,
    detector: LossDetector,
    rtt: Rtt,
    /// Since when the round trip of this path has been measured, not assumed.
    measured_since: Option<Instant>,
    congestion: Congestion,
    controller: Box<dyn Controller>,
    pacer: Pacer,
    sampler: RateSampler,
    ecn: EcnValidator,
    episode: Episode,
    /// Counts the paths: what was sent over an earlier one says nothing about this one.
    path: u32,
    /// Bytes in flight over this path.
    path_in_flight: u64,
    left: Option<Left>,
    largest_acked: Option<PacketNumber>,
    /// When that was sent which, of what was acknowledged, was sent last.
    pub(crate) heard_at: Option<Instant>,
    /// When the oldest packet in flight becomes lost.
    loss_at: Option<Instant>,
    /// When an ack-eliciting packet was last sent, or a probe time-out came.
    probe_base: Instant,
    /// Probe time-outs in a row.
    probe_count: u32,
    /// Probes that may be sent now.
    probes: u32,
    /// Since when something has been in flight without any acknowledgement.
    waiting_since: Instant,
    /// What the ACK in hand newly acknowledges of this path: when each was sent, and where it
    /// stands in `sent`.
    acked: Vec<(Instant, usize)>,
    datagram: usize,
    initial_rtt: Duration,
    /// Longest delay of the other side's acknowledgements.
    ack_delay: Duration,
    loss: LossShare,
    pub(crate) datagrams_lost: u64,
    pub(crate) spurious_losses: u64,
    /// Bytes a second, as last measured.
    pub(crate) delivery_rate: u64,
}

/// The share of packets that are lost, of the last hundred or so.
#[derive(Clone, Copy, Debug)]
struct LossShare {
    share: f64,
    /// How many it is taken of.
    packets: u32,
}

impl LossShare {
    const UNKNOWN: Self = Self { share: ASSUMED_LOSS, packets: ASSUMED_PACKETS };

    /// One arrived (0) or was lost (1).
    fn count(&mut self, lost: f64) {
        self.packets = (self.packets + 1).min(LOSS_PACKETS);
        self.share += (lost - self.share) / f64::from(self.packets);
    }

    /// One that counts as lost has arrived after all.
    fn take_back(&mut self) {
        self.share = (self.share - 1.0 / f64::from(self.packets)).max(0.0);
    }
}

/// What one ACK newly acknowledges.
#[derive(Default)]
struct Newly {
    /// Where the packet of the highest number stands in `sent`.
    largest: Option<usize>,
    /// Of those sent over this path, the one that stands for all of them: in the middle by the
    /// time of sending.
    middle: Option<SentPacket>,
    /// Bytes of packets sent over this path.
    acked: u64,
    /// Bytes by which the window may grow.
    growth: u64,
    /// Packets sent over this path with ECT(0).
    marked: u64,
}

impl Recovery {
    pub(crate) fn new(
        now: Instant,
        datagram: usize,
        config: &TransportConfig,
        handshake_rtt: Option<Duration>,
        ack_delay: Duration,
    ) -> Self {
        let &TransportConfig { initial_rtt, congestion, .. } = config;
        let mut rtt = Rtt::assumed(initial_rtt);
        if let Some(sample) = handshake_rtt {
            rtt.on_sample(sample, Duration::ZERO);
        }
        Self {
            sent: SentPackets::default(),
            lost: LostPackets::default(),
            detector: LossDetector::new(),
            measured_since: handshake_rtt.map(|_| now),
            rtt,
            controller: congestion::new(congestion, now, datagram),
            congestion,
            pacer: Pacer::new(now, datagram, initial_window(datagram)),
            sampler: RateSampler::default(),
            ecn: EcnValidator::new(EcnCounts::default()),
            episode: Episode::default(),
            path: 0,
            path_in_flight: 0,
            left: None,
            largest_acked: None,
            heard_at: None,
            loss_at: None,
            probe_base: now,
            probe_count: 0,
            probes: 0,
            waiting_since: now,
            acked: Vec::new(),
            datagram,
            initial_rtt,
            ack_delay,
            loss: LossShare::UNKNOWN,
            datagrams_lost: 0,
            spurious_losses: 0,
            delivery_rate: 0,
        }
    }

    pub(crate) const fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    pub(crate) fn window(&self) -> u64 {
        self.controller.window()
    }

    pub(crate) const fn bytes_in_flight(&self) -> u64 {
        self.sent.bytes_in_flight()
    }

    /// The time after which a probe is due, without backing off (RFC 9002 section 6.2.1).
    pub(crate) fn probe_timeout(&self) -> Duration {
        self.rtt.probe_timeout() + self.ack_delay
    }

    /// The share of packets that are lost at present.
    pub(crate) const fn loss(&self) -> f64 {
        self.loss.share
    }

    /// ECN bits for what is sent next.
    pub(crate) const fn codepoint(&self) -> Ecn {
        self.ecn.codepoint()
    }

    /// Since when something has been in flight without any acknowledgement.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        (!self.sent.is_empty()).then_some(self.waiting_since)
    }

    /// Datagrams have another size from now on [W-43].
    pub(crate) fn set_datagram(&mut self, datagram: usize) {
        if datagram != self.datagram {
            self.datagram = datagram;
            self.controller.set_datagram(datagram);
            self.pacer.set_datagram(datagram);
        }
    }

    /// How much may be sent now, probes apart [W-61].
    pub(crate) fn allowance(&mut self, now: Instant) -> Allowance {
        let window = self.controller.window();
        let datagram = self.datagram as u64;
        self.pacer.refill(now, self.controller.pacing_rate(&self.rtt));
        Allowance {
            window: window.saturating_sub(self.path_in_flight),
            reserve: (window / RESERVE_PART / datagram).min(MAX_RESERVE) * datagram,
            tokens: self.pacer.available(),
        }
    }

    /// When pacing gives a whole burst again.
    pub(crate) fn paced_until(&mut self) -> Instant {
        self.pacer.ready_at()
    }

    /// Probes that are to be sent now, whatever the window says.
    pub(crate) const fn probes(&self) -> u32 {
        self.probes
    }

    /// Probe time-outs since the last packet was acknowledged.
    pub(crate) const fn unanswered_probes(&self) -> u32 {
        self.probe_count
    }

    /// Bytes acknowledged so far.
    pub(crate) const fn delivered(&self) -> u64 {
        self.sampler.delivered()
    }

    /// The frames of the oldest packet, for a probe that has nothing else to carry: they count
    /// as lost, so that they are sent again.
    pub(crate) fn probe_with_oldest(&mut self, fate: &mut impl Fate) {
        for frame in self.sent.take_oldest_frames() {
            fate.lost(frame);
        }
    }

    /// There is nothing to send although the window has room [W-66].
    pub(crate) fn on_app_limited(&mut self) {
        self.sampler.on_app_limited(self.sent.bytes_in_flight());
    }

    /// An ack-eliciting packet was sent.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        number: PacketNumber,
        size: usize,
        ecn: Ecn,
        frames: &[SentFrame],
    ) {
        let in_flight = self.sent.bytes_in_flight();
        if self.sent.is_empty() {
            self.waiting_since = now;
        }
        let snapshot = self.sampler.on_sent(now, size as u64, in_flight);
        let (size, path) = (size as u32, self.path);
        self.sent.push(NewPacket { number, at: now, size, path, ecn, snapshot }, frames);
        self.path_in_flight += u64::from(size);
        self.pacer.on_sent(u64::from(size));
        self.ecn.on_sent(ecn);
        self.probes = self.probes.saturating_sub(1);
        self.probe_base = now;
    }

    /// An ACK arrived in the packet `carrier`; its numbers are known to have been sent. `next` is
    /// the number of the next packet.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        carrier: PacketNumber,
        ack: &Ack,
        next: PacketNumber,
        fate: &mut impl Fate,
    ) {
        let newly = self.collect_acked(now, carrier, ack, fate);
        let largest = ack.ranges[0].1;
        let is_latest = self.largest_acked.is_none_or(|before| before < largest);
        if is_latest {
            self.largest_acked = Some(largest);
        }
        let Some(newest) = newly.largest.and_then(|position| self.sent.get(position)).copied()
        else {
            self.sent.trim();
            return;
        };
        self.heard_at = self.heard_at.max(Some(newest.at));
        // What an outage held up for longer than any overtaking says nothing about round trips.
        let is_typical = |middle: &SentPacket| now - middle.at <= self.rtt.smoothed() * 2;
        let middle = newly.middle.filter(is_typical).unwrap_or(newest);
        let sample = self.sample_rtt(now, ack, &middle);
        let marks = if is_latest { self.ecn.on_ack(newly.marked, ack.ecn) } else { Marks::None };
        let episode = self.episode.id;
        self.detect_losses(now, fate);
        if marks == Marks::Congestion {
            // Counts like a loss that never turns out to be none: what a router has marked is
            // not undone with the losses beside it.
            self.on_congestion(now, newest.at, Signal::Ecn, 1);
        }
        self.probe_count = 0;
        self.probes = 0;
        self.waiting_since = now;
        // What was delivered over another path says nothing about this one.
        let rate = self.sampler.finish_ack(newest.at, &middle.snapshot);
        let rate = rate.filter(|_| middle.path == self.path);
        let reduced = self.episode.id != episode;
        let sample = AckSample {
            now,
            growth: if reduced { 0 } else { newly.growth },
            acked: newly.acked,
            delivered: self.sampler.delivered(),
            in_flight: self.path_in_flight,
            largest: newest.number,
            next,
            rtt: sample,
            rate,
        };
        if let Some(rate) = &sample.rate {
            self.delivery_rate = rate.rate;
        }
        self.controller.on_ack(&sample, &self.rtt);
        self.sent.trim();
        self.lost.forget_before(now.saturating_sub(self.probe_timeout() * PERSISTENT_PERIODS));
    }

    /// Takes what the ranges name out of flight.
    fn collect_acked(
        &mut self,
        now: Instant,
        carrier: PacketNumber,
        ack: &Ack,
        fate: &mut impl Fate,
    ) -> Newly {
        let mut newly = Newly::default();
        for &(start, end) in &ack.ranges {
            let mut from = self.sent.position(start);
            while let Some((position, packet)) = self.sent.next_in_flight(from) {
                if packet.number > end {
                    break;
                }
                let packet = self.take(position);
                for frame in self.sent.frames(&packet) {
                    fate.acked(frame);
                }
                let size = u64::from(packet.size);
                self.sampler.on_packet_acked(now, packet.at, size);
                if packet.path == self.path {
                    fate.packet_acked(packet.number, packet.size as usize);
                    newly.acked += size;
                    self.loss.count(0.0);
                    let SentPacket { number, at: sent_at, .. } = packet;
                    self.controller.on_acked(now, AckedPacket { number, sent_at, size, carrier });
                    self.acked.push((packet.at, position));
                    newly.marked += u64::from(packet.ecn == Ecn::Ect0);
                    let after_reduction = self.episode.start.is_none_or(|start| packet.at > start);
                    if after_reduction && packet.snapshot.demand == Demand::WindowLimited {
                        newly.growth += size;
                    }
                }
                newly.largest = newly.largest.max(Some(position));
                from = position + 1;
            }
            while let Some(late) = self.lost.take_in(start, end) {
                self.spurious_losses += 1;
                self.detector.on_spurious(now - late.sent_at, &self.rtt);
                for frame in late.frames.into_iter().flatten() {
                    fate.acked(frame);
                }
                if late.episode > 0 {
                    self.controller.on_late(late.sent_at, u64::from(late.size));
                    self.loss.take_back();
                }
                self.on_spurious(late.episode);
            }
        }
        fate.acked_all();
        if !self.acked.is_empty() {
            let middle = self.acked.len() / 2;
            // What one range brings stands in the order of sending already.
            if !self.acked.is_sorted() {
                self.acked.select_nth_unstable(middle);
            }
            let (_, position) = self.acked[middle];
            newly.middle = self.sent.get(position).copied();
            self.acked.clear();
        }
        newly
    }

    fn take(&mut self, position: usize) -> SentPacket {
        let packet = self.sent.take(position);
        if packet.path == self.path {
            self.path_in_flight -= u64::from(packet.size);
        }
        packet
    }

    /// One loss of an episode was none; when all were none, neither was the congestion [W-63].
    fn on_spurious(&mut self, episode: u64) {
        if episode != self.episode.id || self.episode.losses == 0 {
            return;
        }
        self.episode.losses -= 1;
        if self.episode.losses == 0 {
            self.controller.on_spurious_congestion();
            self.episode.start = None;
        }
    }

    /// The packet in the middle of those that are newly acknowledged gives a sample [W-56]. RFC
    /// 9002 section 5.1 takes the largest number: where packets overtake each other that is always
    /// one that jumped the queue.
    fn sample_rtt(&mut self, now: Instant, ack: &Ack, middle: &SentPacket) -> Option<Duration> {
        if middle.path != self.path {
            return None;
        }
        let sample = now - middle.at;
        // What came out of order is acknowledged at once: only the largest was held back.
        let delay = if middle.number == ack.ranges[0].1 {
            Duration::from_micros(ack.delay).min(self.ack_delay)
        } else {
            Duration::ZERO
        };
        self.rtt.on_sample(sample, delay);
        self.measured_since.get_or_insert(now);
        Some(sample)
    }

    /// RFC 9002 section 6.1 [W-57]. What is lost is always the oldest part of what is in flight,
    /// as both thresholds grow with age.
    fn detect_losses(&mut self, now: Instant, fate: &mut impl Fate) {
        self.loss_at = None;
        let Some(largest) = self.largest_acked else { return };
        let delay = self.detector.delay(&self.rtt);
        let threshold = self.detector.packet_threshold();
        let mut lost = Vec::new();
        let mut from = 0;
        while let Some((position, packet)) = self.sent.next_in_flight(from) {
            if packet.number >= largest {
                break;
            }
            let overtaken = threshold.is_some_and(|by| largest - packet.number >= by);
            if !overtaken && packet.at + delay > now {
                self.loss_at = Some(packet.at + delay);
                break;
            }
            let packet = self.take(position);
            let meaning = if packet.path == self.path {
                fate.packet_lost(now, packet.number, packet.size as usize)
            } else {
                LossMeaning::Congestion
            };
            if meaning == LossMeaning::Congestion {
                lost.push((position, packet));
            }
            from = position + 1;
        }
        if !lost.is_empty() {
            self.on_lost(now, &lost, fate);
        }
    }

    fn on_lost(&mut self, now: Instant, lost: &[(usize, SentPacket)], fate: &mut impl Fate) {
        let here = || lost.iter().filter(|(_, packet)| packet.path == self.path);
        let losses = here().count() as u64;
        if let Some((_, last)) = here().next_back() {
            let sent_at = last.at;
            self.on_congestion(now, sent_at, Signal::Loss, losses);
        }
        for (_, packet) in lost {
            self.datagrams_lost += 1;
            if packet.path == self.path {
                self.controller.on_lost(packet.at, u64::from(packet.size));
                self.loss.count(1.0);
            }
            self.sampler.on_lost(u64::from(packet.size));
            // Losses on a path that was left say nothing about this one.
            let episode = if packet.path == self.path { self.episode.id } else { 0 };
            let SentPacket { number, at, size, .. } = *packet;
            self.lost.push((number, at, size), episode, self.sent.frames(packet));
            for frame in self.sent.frames(packet) {
                fate.lost(frame);
            }
        }
        if self.is_persistent(lost) {
            self.controller.on_persistent_congestion();
            self.rtt.forget_min();
            self.episode.losses = 0;
        }
        self.sent.trim();
    }

    /// Whether neighbours among the lost packets were sent so far apart that the path must have
    /// been dead in between [W-60]. What was sent before the round trip was known does not count
    /// (RFC 9002 section 7.6.2): it was repeated faster than the path may be.
    fn is_persistent(&self, lost: &[(usize, SentPacket)]) -> bool {
        let Some(measured_since) = self.measured_since else { return false };
        let period = self.probe_timeout() * PERSISTENT_PERIODS;
        let mut first: Option<(usize, Instant)> = None;
        for &(position, ref packet) in lost {
            if packet.path != self.path || packet.at < measured_since {
                continue;
            }
            first = match first {
                Some((last, since)) if last + 1 == position => {
                    if packet.at - since > period {
                        return true;
                    }
                    Some((position, since))
                }
                _ => Some((position, packet.at)),
            };
        }
        false
    }

    /// At most one reduction a round trip: signals about packets that were sent before the last
    /// one add nothing (RFC 9002 section 7.3.2).
    fn on_congestion(&mut self, now: Instant, sent_at: Instant, signal: Signal, losses: u64) {
        if self.episode.start.is_some_and(|start| sent_at <= start) {
            self.episode.losses += losses;
            return;
        }
        self.episode = Episode { id: self.episode.id + 1, start: Some(now), losses };
        self.controller.on_congestion(now, signal);
        self.detector.on_recovery();
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.loss_at.is_some() {
            return self.loss_at;
        }
        if self.sent.is_empty() {
            return None;
        }
        let timeout = self.probe_timeout();
        let backed_off = timeout * 2u32.saturating_pow(self.probe_count.min(16));
        let longest = match self.largest_acked {
            Some(_) => timeout.max(MAX_PROBE_INTERVAL),
            None if self.probe_count < UNANSWERED_PROBES => UNANSWERED_PROBE_INTERVAL,
            None => timeout.max(MAX_PROBE_INTERVAL),
        };
        Some(self.probe_base + backed_off.min(longest))
    }

    /// Packets are lost by time, or a probe is due [W-59].
    pub(crate) fn on_timeout(&mut self, now: Instant, fate: &mut impl Fate) {
        if self.loss_at.is_some_and(|at| at <= now) {
            self.detect_losses(now, fate);
        }
        // After a late wake-up the probe for what is left may be due as well.
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        self.probe_count += 1;
        self.probes = PROBES;
        self.probe_base = now;
    }

    /// The other side is elsewhere [W-70].
    pub(crate) fn on_moved(&mut self, now: Instant, moved: Moved) {
        match moved {
            Moved::SamePath { .. } => self.left = None,
            Moved::Elsewhere { rtt } => {
                self.set_datagram(MIN_DATAGRAM);
                let mut fresh = Rtt::assumed(self.initial_rtt);
                if let Some(sample) = rtt {
                    fresh.on_sample(sample, Duration::ZERO);
                }
                let rtt = core::mem::replace(&mut self.rtt, fresh);
                let fresh = congestion::new(self.congestion, now, self.datagram);
                let controller =
                    core::mem::replace::<Box<dyn Controller>>(&mut self.controller, fresh);
                self.left = Some(Left { rtt, controller });
                self.detector = LossDetector::new();
                self.loss = LossShare::UNKNOWN;
                self.pacer = Pacer::new(now, self.datagram, initial_window(self.datagram));
            }
            Moved::Back => {
                if let Some(left) = &mut self.left {
                    core::mem::swap(&mut left.rtt, &mut self.rtt);
                    core::mem::swap(&mut left.controller, &mut self.controller);
                }
                self.controller.set_datagram(MIN_DATAGRAM);
                self.set_datagram(MIN_DATAGRAM);
            }
        }
        self.measured_since = self.rtt.is_measured().then_some(now);
        self.path += 1;
        self.path_in_flight = 0;
        self.episode = Episode { id: self.episode.id + 1, ..Episode::default() };
        self.ecn = EcnValidator::new(self.ecn.counts());
        self.probe_count = 0;
        self.probe_base = now;
        // What was in flight went to the old address: find out at once whether it arrived.
        if !self.sent.is_empty() {
            self.probes = 1;
        }
    }
}

#[cfg(test)]
mod tests;
