//! A model-based controller after BBR (draft-ietf-ccwg-bbr): sends at the rate that the path was
//! measured to deliver, with as much in flight as that rate and the shortest round trip ask for
//! [W-47].
//!
//! ```text
//!   Startup --> Drain --> Down --> Cruise --> Refill --> Up --+
//!                          ^                                  |   and ProbeRtt, when no round
//!                          +----------------------------------+   trip was short for long;
//!                                                                 Compete, while others queue
//! ```
//!
//! It differs from the draft where links lose much without being full, and where somebody chats
//! beside a file:
//! - What is lost while less is sent than the path delivers (in Drain and Down) is noise of the
//!   link. Only losses well above this floor count as congestion, and what the floor takes away
//!   is still known to have passed the bottleneck.
//! - Round trips are medians over a round: where packets overtake each other, the shortest says
//!   nothing about the rest.
//! - A probe for more begins with no more than a short queue's worth, doubles each round as long
//!   as the path delivers it, and ends when the round trip grows. So does Startup.
//! - When the round trip has grown without a probe, others have brought more than fits: the rate
//!   comes down towards what is delivered, half of the way, so that flows which do the same share
//!   a short queue, and one that does not (CUBIC) gets its share and no more.
//! - When others keep the queue standing all the same, ours does as they do to keep its share
//!   (`competition.rs`).
//! - The first packets, which leave together, show by how far the bottleneck pulls them apart how
//!   much can be sent next; Startup need not double its way up from ten packets. Who has less than
//!   that later, as others came, asks for as much more as who has a lot.

mod competition;
mod floor;
mod model;
mod round_trips;
mod states;
mod train;

use competition::Competition;
use floor::LossFloor;
use model::{FullPipe, MaxRate, Measured, MinRtt, Rounds};
use round_trips::RoundTrips;
use states::State;
use train::Train;

use super::{AckSample, AckedPacket, Controller, Signal, initial_window};
use crate::connection::delivery::Demand;
use crate::connection::rtt::Rtt;
use crate::time::Instant;

/// Pacing in Startup doubles the rate, or the window, each round trip (4 ln 2).
const STARTUP_PACING: f64 = 2.77;
const DRAIN_PACING: f64 = 0.5;
/// Until the queue of a probe is gone...
const DOWN_PACING: f64 = 0.75;
/// ...and while the floor is measured.
const FLOOR_PACING: f64 = 0.95;
/// A little less than the path delivers, so that no queue grows from rounding...
const MARGIN: f64 = 0.995;
/// ...and a little less than that while there is one, so that it goes, and others find room.
const QUEUE_MARGIN: f64 = 0.985;
/// Windows are the bandwidth-delay product times this.
const WINDOW: f64 = 2.0;
const STARTUP_WINDOW: f64 = 2.77;
const UP_WINDOW: f64 = 2.25;
const PROBE_RTT_WINDOW: f64 = 0.5;
/// So many datagrams on top, for acknowledgements that come several at once...
const SLACK: f64 = 3.0;
/// ...and at least so many bursts as they leave together, of a millisecond or what one send takes:
/// on a short path it is these that have to be in flight, not what its round trip holds.
const BURST_SECONDS: f64 = 0.001;
const MAX_BURST: f64 = 65_536.0;
/// Least datagrams in flight.
const MIN_WINDOW: f64 = 4.0;
/// Of a bound that congestion has shown, this much is used when nothing is probed.
const HEADROOM: f64 = 0.85;
/// What the first packets have shown is sent at once, but no more than so many first windows in a
/// round trip: it may be acknowledgements that waited for each other, or a receiver that wants a
/// flood.
const LARGEST_JUMP: f64 = 64.0;

/// Limits that congestion has shown; infinite when it has not.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Bytes in flight: until a probe passes it.
    inflight_hi: f64,
    /// Bytes in flight and bytes a second: until the next probe.
    inflight_lo: f64,
    rate_lo: f64,
}

impl Bounds {
    const NONE: Self =
        Self { inflight_hi: f64::INFINITY, inflight_lo: f64::INFINITY, rate_lo: f64::INFINITY };
}

/// What happened in the round that has not ended yet.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    acked: f64,
    lost: f64,
    /// The highest rate measured.
    rate: f64,
}

/// When a probe is due.
#[derive(Clone, Copy, Debug)]
struct Cycle {
    started: Instant,
    first_round: u64,
    /// Rounds from one probe to the next.
    rounds: u64,
    /// The rate when the last one ended.
    rate: f64,
}

/// The controller. All sizes are bytes, all rates bytes a second.
#[derive(Clone, Debug)]
pub(crate) struct Bbr {
    datagram: f64,
    state: State,
    rounds: Rounds,
    round: Round,
    max_rate: MaxRate,
    min_rtt: MinRtt,
    round_trips: RoundTrips,
    full: FullPipe,
    train: Train,
    floor: LossFloor,
    competition: Competition,
    cycle: Cycle,
    bounds: Bounds,
    /// As they were before the last losses, to go back to if these were none.
    before: Option<Bounds>,
    in_flight: f64,
    window: f64,
}

impl Bbr {
    pub(crate) fn new(now: Instant, datagram: usize) -> Self {
        Self {
            datagram: datagram as f64,
            state: State::Startup,
            rounds: Rounds::default(),
            round: Round::default(),
            max_rate: MaxRate::default(),
            min_rtt: MinRtt::default(),
            round_trips: RoundTrips::default(),
            full: FullPipe::default(),
            train: Train::default(),
            floor: LossFloor::default(),
            competition: Competition::default(),
            cycle: Cycle { started: now, first_round: 0, rounds: 0, rate: 0.0 },
            bounds: Bounds::NONE,
            before: None,
            in_flight: 0.0,
            window: initial_window(datagram) as f64,
        }
    }

    /// The highest rate that was measured.
    fn max_rate(&self) -> f64 {
        self.max_rate.get(self.floor.share().unwrap_or_default())
    }

    /// The rate to send at when nothing is probed.
    fn rate(&self) -> f64 {
        self.max_rate().min(self.bounds.rate_lo)
    }

    /// Bytes in flight that keep the path just full.
    fn bdp(&self) -> f64 {
        self.rate() * self.min_rtt.get().as_secs_f64()
    }

    /// Whether more is in flight than the path itself holds. Until it is known what the link loses,
    /// that is all that was lost.
    fn has_queue(&self) -> bool {
        let rate = match self.floor.share() {
            None => self.max_rate.get(1.0),
            Some(_) => self.rate(),
        };
        self.in_flight > rate * self.min_rtt.get().as_secs_f64()
    }

    /// Bytes in flight that leave no queue.
    fn probe_rtt_window(&self) -> f64 {
        let window = PROBE_RTT_WINDOW * self.bdp() + SLACK * self.datagram;
        window.max(MIN_WINDOW * self.datagram)
    }

    /// What the first packets have shown, when the path is so fast that it helps to know.
    fn train_rate(&self) -> Option<f64> {
        self.train.rate(self.min_rtt.get() / 4)
    }

    /// The rate to go on with after the first packets.
    fn jump(&self, train_rate: f64) -> f64 {
        let first_window = initial_window(self.datagram as usize) as f64;
        let most = LARGEST_JUMP * first_window / self.min_rtt.get().as_secs_f64();
        train_rate.min(most)
    }

    fn pacing_gain(&self) -> f64 {
        match self.state {
            State::Startup => STARTUP_PACING,
            State::Drain { .. } if self.has_queue() => DRAIN_PACING,
            State::Down { .. } if self.has_queue() => DOWN_PACING,
            State::Drain { .. } | State::Down { .. } => FLOOR_PACING,
            State::Cruise | State::Refill { .. } | State::Compete | State::ProbeRtt { .. } => 1.0,
            State::Up { step, .. } => 1.0 + step,
        }
    }

    fn set_window(&mut self, acked: f64) {
        if self.state == State::Compete {
            let window = self.competition.window(self.rate(), self.min_rtt.get());
            self.window = window.max(MIN_WINDOW * self.datagram);
            return;
        }
        let gain = match self.state {
            State::Startup => STARTUP_WINDOW,
            State::Up { .. } => UP_WINDOW,
            State::Drain { .. }
            | State::Down { .. }
            | State::Cruise
            | State::Refill { .. }
            | State::Compete
            | State::ProbeRtt { .. } => WINDOW,
        };
        let burst = (self.rate() * BURST_SECONDS).min(MAX_BURST);
        let by_bursts = self.bdp() + SLACK * burst;
        let target = (self.bdp() * gain + SLACK * self.datagram).max(by_bursts);
        if self.full.is_reached() {
            self.window = (self.window + acked).min(target);
        } else if self.window < target {
            self.window += acked;
        }
        if self.state == State::Startup
            && let Some(rate) = self.train_rate()
        {
            let rtt = self.min_rtt.get().as_secs_f64();
            self.window = self.window.max(self.jump(rate) * rtt).min(WINDOW * rate * rtt);
        }
        let bound = match self.state {
            State::Cruise => self.bounds.inflight_lo.min(HEADROOM * self.bounds.inflight_hi),
            State::Drain { .. } | State::Down { .. } => {
                self.bounds.inflight_lo.min(self.bounds.inflight_hi)
            }
            State::ProbeRtt { window, .. } => window,
            State::Startup | State::Refill { .. } | State::Up { .. } | State::Compete => {
                f64::INFINITY
            }
        };
        self.window = self.window.min(bound).max(MIN_WINDOW * self.datagram);
    }
}

impl Controller for Bbr {
    fn on_acked(&mut self, now: Instant, packet: AckedPacket) {
        self.round.acked += packet.size as f64;
        self.round_trips.on_packet(&packet, now - packet.sent_at);
        self.floor.on_acked(packet.sent_at, packet.size);
        if self.state == State::Startup {
            self.train.on_acked(now, packet);
        }
    }

    fn on_lost(&mut self, sent_at: Instant, size: u64) {
        self.round.lost += size as f64;
        self.floor.on_lost(sent_at, size);
    }

    fn on_late(&mut self, sent_at: Instant, size: u64) {
        self.round.lost = (self.round.lost - size as f64).max(0.0);
        self.floor.on_late(sent_at, size);
        if self.state == State::Startup {
            // It has arrived as any other.
            self.window += size as f64;
        }
    }

    fn on_ack(&mut self, sample: &AckSample, rtt: &Rtt) {
        let now = sample.now;
        self.in_flight = sample.in_flight as f64;
        if let Some(measured) = sample.rtt {
            self.round_trips.on_ack(measured);
            self.min_rtt.begin(now, measured);
            self.competition.on_rtt(measured);
        }
        // What came in less than a round trip came at once, after it was held up or overtaken.
        let longest = self.min_rtt.get();
        if let Some(rate) = sample.rate.as_ref().filter(|rate| rate.interval >= longest / 2) {
            self.min_rtt.on_ack(now, rate.demand);
            let lost = rate.lost as f64 / (rate.delivered + rate.lost).max(1) as f64;
            let floor = self.floor.share();
            let measured = Measured { delivered: rate.rate as f64, lost, floor };
            let through = measured.through(0.0);
            self.round.rate = self.round.rate.max(through);
            if rate.demand == Demand::WindowLimited || through > self.max_rate() {
                self.max_rate.update(measured);
            }
        }
        // A path that was not made use of has not shown that it is full.
        let is_measured = sample.rate.is_some_and(|rate| rate.demand == Demand::WindowLimited);
        if self.state == State::Startup && !is_measured {
            return self.set_window(sample.acked as f64);
        }
        if let Some(rate) = &sample.rate
            && self.rounds.on_ack(rate.prior_delivered, sample.delivered)
        {
            self.on_round(now);
        }
        if self.state == State::Compete {
            self.competition.on_ack(sample, self.min_rtt.get(), rtt);
        }
        self.advance(now);
        self.set_window(sample.acked as f64);
    }

    fn on_congestion(&mut self, now: Instant, signal: Signal) {
        // Losses are judged by the round. What was done for earlier ones stays done.
        self.before = None;
        if signal == Signal::Ecn {
            // A router says that there is a queue.
            if self.state == State::Startup {
                self.end_startup(now);
            } else {
                self.give_way();
            }
            self.before = None;
        }
    }

    fn on_spurious_congestion(&mut self) {
        if let Some(before) = self.before.take() {
            let Bounds { inflight_hi, inflight_lo, rate_lo } = &mut self.bounds;
            *inflight_hi = inflight_hi.max(before.inflight_hi);
            *inflight_lo = inflight_lo.max(before.inflight_lo);
            *rate_lo = rate_lo.max(before.rate_lo);
        }
    }

    fn on_persistent_congestion(&mut self) {
        self.window = MIN_WINDOW * self.datagram;
        // These packets waited for the path to come back.
        self.round_trips.forget();
    }

    fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram as f64;
        self.window = self.window.max(MIN_WINDOW * self.datagram);
    }

    fn window(&self) -> u64 {
        self.window as u64
    }

    fn pacing_rate(&self, rtt: &Rtt) -> u64 {
        let rate = match self.rate() {
            0.0 => self.window / rtt.smoothed().as_secs_f64(),
            rate => rate,
        };
        // The least window in a round trip: a rate that was measured during an outage would else
        // keep itself alive.
        let least = MIN_WINDOW * self.datagram / rtt.smoothed().as_secs_f64();
        if self.state == State::Compete {
            return self.competition.pace(self.window, self.rate(), rtt).max(least) as u64;
        }
        let margin = if self.queue_stands() { QUEUE_MARGIN } else { MARGIN };
        let paced = (self.pacing_gain() * rate * margin).max(least);
        if self.state != State::Startup {
            return paced as u64;
        }
        let round_trip = rtt.smoothed().as_secs_f64();
        match self.train_rate() {
            Some(rate) => {
                let first = initial_window(self.datagram as usize) as f64;
                let paced = paced.max(STARTUP_PACING * first / round_trip);
                paced.clamp(self.jump(rate), rate) as u64
            }
            // A whole window goes out well within a round trip: spread over all of it, it would take
            // as long again to be acknowledged, and the rate would seem as much lower.
            None => paced.max(STARTUP_PACING * self.window / round_trip) as u64,
        }
    }
}

#[cfg(test)]
mod tests;
