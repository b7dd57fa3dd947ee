//! What the controller does now, and when it does something else.

use super::competition::LastRound;
use super::{Bbr, Bounds, Round};
use crate::time::{Duration, Instant};

/// Startup is over when this much of the rate is reached that the first packets have shown.
const ARRIVED: f64 = 0.9;
/// The first step of a probe adds at most this much to the rate, and at most what makes a queue
/// of this length in a round trip; but it adds something, and a few packets.
const FIRST_STEP: f64 = 0.25;
const PROBE_QUEUE: Duration = Duration::from_millis(8);
const LEAST_STEP: f64 = 0.02;
/// Where the first packets have shown that the path takes so many times as much, others have the rest:
/// then the step is as many times as large, but no more than...
const SHARED: f64 = 1.25;
const MOST_OTHERS: f64 = 4.0;
/// Where they have not shown it, and packets wait although this flow probes nothing.
const SOME_OTHERS: f64 = 2.0;
/// A step that was delivered is doubled, up to this.
const LARGEST_STEP: f64 = 1.0;
/// A probe that finds nothing ends after this many rounds: its packets are acknowledged.
const PROBE_ROUNDS: u64 = 2;
/// Rounds from one probe to the next, and how much they vary, so that flows do not probe together.
const CYCLE_ROUNDS: u64 = 6;
const CYCLE_SPREAD: u64 = 4;
/// The same after a probe that found much more.
const QUICK_ROUNDS: u64 = 2;
const MUCH_MORE: f64 = 1.25;
/// On long paths, time counts.
const LONGEST_CYCLE: Duration = Duration::from_secs(3);
/// Losses above the floor that count as congestion.
const LOSS_THRESHOLD: f64 = 0.02;
/// Fewer packets in a round say nothing about losses.
const FEWEST: f64 = 30.0;
/// What a bound keeps after congestion.
const BETA: f64 = 0.7;
/// How far the rate comes down towards what is delivered while others fill the queue.
const GIVE_WAY: f64 = 0.6;
/// No queue is seen in less than this.
const LEAST_QUEUE: Duration = Duration::from_millis(1);
/// How long little is in flight to find the shortest round trip, once it is little...
const PROBE_RTT: Duration = Duration::from_millis(200);
/// ...and rounds: in the first the queue may still empty itself.
const PROBE_RTT_ROUNDS: u64 = 2;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    /// Doubles the rate each round until the path is full.
    Startup,
    /// Sends half of that until the queue is gone.
    Drain { since: u64 },
    /// Sends less than the path delivers until nothing queues, and measures what is lost anyway.
    Down { since: u64 },
    /// Sends what the path delivers.
    Cruise,
    /// Forgets short-lived bounds and fills the path, so that a probe finds no room left over.
    Refill { since: u64 },
    /// Sends `1 + step` times as much.
    Up { since: u64, step: f64, rate_before: f64 },
    /// Has no more in flight than `window`, so that a round trip is as short as the path lets it
    /// be; since that is so, in which round and when.
    ProbeRtt { window: f64, low: Option<(u64, Instant)> },
    /// Does as others do that keep a queue.
    Compete,
}

impl Bbr {
    fn enter(&mut self, now: Instant, state: State) {
        tracing::trace!(%now, ?state, rate = self.rate() as u64, "BBR");
        let sends_less = |state| matches!(state, State::Drain { .. } | State::Down { .. });
        match (sends_less(self.state), sends_less(state)) {
            (false, true) => self.floor.open(now),
            (true, false) => self.floor.close(now),
            (true, true) | (false, false) => {}
        }
        self.state = state;
    }

    /// A round trip has passed.
    pub(super) fn on_round(&mut self, now: Instant) {
        let is_lossy = self.lost_too_much();
        let median = self.round_trips.end_round();
        if let Some(median) = median {
            self.min_rtt.on_round(now, median);
        }
        match self.state {
            State::Startup => {
                self.round_trips.set_base();
                if median.is_some() {
                    self.full.on_round(self.max_rate());
                }
                if self.full.is_reached() {
                    self.end_startup(now);
                }
            }
            State::Up { since, step, rate_before } => {
                self.on_probe_round(now, is_lossy, (since, step, rate_before));
            }
            State::Down { .. } | State::Cruise | State::Refill { .. } => {
                self.round_trips.set_base();
                if is_lossy {
                    self.give_way();
                } else if self.somebody_queues() {
                    let delivered = self.round.rate.min(self.rate());
                    self.bounds.rate_lo = self.rate() + (delivered - self.rate()) * GIVE_WAY;
                }
            }
            State::ProbeRtt { low: Some((since, _)), .. } if self.rounds.count() == since + 1 => {
                self.min_rtt.forget(now);
                self.round_trips.forget();
            }
            State::Compete if self.rounds.count() >= self.cycle.first_round + CYCLE_ROUNDS => {
                self.cycle.first_round = self.rounds.count();
                self.max_rate.advance();
            }
            State::Drain { .. } | State::ProbeRtt { .. } | State::Compete => {}
        }
        if !matches!(self.state, State::Startup | State::Drain { .. } | State::ProbeRtt { .. }) {
            self.compete(now, is_lossy);
        }
        self.round = Round::default();
    }

    /// Begins to keep its share, or goes on, or ends it.
    fn compete(&mut self, now: Instant, is_lossy: bool) {
        self.competition.on_round(&LastRound {
            now,
            number: self.rounds.count(),
            median: self.round_trips.median(),
            min_rtt: self.min_rtt.get(),
            rate: self.round.rate,
            is_lossy,
            is_light: self.min_rtt.is_light(),
            in_flight: self.in_flight,
            datagram: self.datagram,
        });
        match (self.state == State::Compete, self.competition.is_on()) {
            (true, false) => self.begin_cycle(now),
            (false, true) => {
                self.bounds = Bounds::NONE;
                self.enter(now, State::Compete);
            }
            (true, true) | (false, false) => {}
        }
    }

    /// Whether more was lost in this round than the link loses by itself, and than chance. Before
    /// that is known nothing is said: the first losses may be packets that were overtaken.
    fn lost_too_much(&self) -> bool {
        let packets = (self.round.acked + self.round.lost) / self.datagram;
        let lost = self.round.lost / self.datagram;
        if packets < FEWEST {
            return false;
        }
        let Some(floor) = self.floor.share() else { return false };
        let expected = (floor + LOSS_THRESHOLD) * packets;
        lost > expected + 2.0 * expected.sqrt() + 3.0
    }

    /// Whether round trips were longer than the path although nothing was probed.
    pub(super) fn queue_stands(&self) -> bool {
        let noise = self.round_trips.spread() + LEAST_QUEUE;
        self.round_trips.base().is_some_and(|rtt| rtt > self.min_rtt.get() + noise)
    }

    /// Whether round trips are long although nothing is probed.
    fn somebody_queues(&self) -> bool {
        let least = self.min_rtt.get();
        let noise = self.round_trips.spread() + 2 * LEAST_QUEUE.max(least / 8);
        self.round_trips.base().is_some_and(|rtt| rtt > least + noise)
    }

    /// Whether a queue has grown since the probe, or Startup, began.
    fn queue_grew(&self) -> bool {
        let Some(base) = self.round_trips.base().or(self.min_rtt.measured()) else { return false };
        let allowed = PROBE_QUEUE.min(base / 4).max(LEAST_QUEUE).max(self.round_trips.spread());
        self.round_trips.recent().is_some_and(|rtt| rtt > base + allowed)
    }

    /// Congestion although nothing was probed: somebody else needs room.
    pub(super) fn give_way(&mut self) {
        self.before.get_or_insert(self.bounds);
        let Bounds { inflight_lo, rate_lo, .. } = self.bounds;
        self.bounds.inflight_lo = self.round.acked.max(BETA * inflight_lo.min(self.window));
        self.bounds.rate_lo = self.round.rate.max(BETA * rate_lo.min(self.max_rate()));
    }

    pub(super) fn end_startup(&mut self, now: Instant) {
        self.full.reach();
        self.enter(now, State::Drain { since: self.rounds.count() });
    }

    fn on_probe_round(&mut self, now: Instant, is_lossy: bool, probe: (u64, f64, f64)) {
        let (since, step, rate_before) = probe;
        let rate = self.max_rate();
        let has_found = rate > rate_before * (1.0 + step / 4.0);
        if is_lossy {
            self.before.get_or_insert(self.bounds);
            self.bounds.inflight_hi = self.in_flight.max(self.bdp());
            return self.begin_cycle(now);
        }
        self.pass_bound();
        if has_found {
            let step = (step * 2.0).min(LARGEST_STEP);
            self.state = State::Up { since, step, rate_before: rate };
        } else if self.rounds.count() > since + PROBE_ROUNDS {
            self.begin_cycle(now);
        } else {
            self.state = State::Up { since, step, rate_before: rate };
        }
    }

    /// More than what was lost once is in flight now, and is not lost.
    fn pass_bound(&mut self) {
        if self.in_flight >= self.bounds.inflight_hi {
            self.bounds.inflight_hi = f64::INFINITY;
        }
    }

    /// What may happen with any acknowledgement.
    pub(super) fn advance(&mut self, now: Instant) {
        let round = self.rounds.count();
        // The least window is always in flight.
        let least = super::MIN_WINDOW * self.datagram;
        let is_drained = self.in_flight <= self.bdp().max(least);
        match self.state {
            State::Startup => {
                // What is lost before a queue grows is the link's, as far as is known yet.
                let rate = self.max_rate.get(1.0);
                let has_arrived = |train: f64| rate > ARRIVED * train;
                if self.queue_grew() || self.train_rate().is_some_and(has_arrived) {
                    self.end_startup(now);
                }
            }
            State::Drain { since } if is_drained && round > since => self.begin_cycle(now),
            State::Down { since } => {
                let room = (super::HEADROOM * self.bounds.inflight_hi).max(least);
                let has_room = self.in_flight <= room;
                if is_drained && has_room && round > since {
                    self.enter(now, State::Cruise);
                }
                self.probe_when_due(now);
            }
            State::Cruise => self.probe_when_due(now),
            State::Refill { since } if round > since => self.begin_probe(now),
            State::Up { .. } if self.queue_grew() => {
                if !self.lost_too_much() {
                    self.pass_bound();
                }
                self.begin_cycle(now);
            }
            State::ProbeRtt { window, low: None } if self.in_flight <= window => {
                self.state = State::ProbeRtt { window, low: Some((round, now)) };
            }
            State::ProbeRtt { low: Some((since, at)), .. }
                if now - at >= PROBE_RTT && round >= since + PROBE_RTT_ROUNDS =>
            {
                self.min_rtt.keep(now);
                let found = self.min_rtt.get();
                self.competition.on_found(now, found, self.max_rate(), self.datagram);
                if self.competition.is_on() {
                    self.enter(now, State::Compete);
                } else {
                    self.begin_cycle(now);
                }
            }
            State::Drain { .. }
            | State::Refill { .. }
            | State::Up { .. }
            | State::Compete
            | State::ProbeRtt { .. } => {}
        }
        if self.must_probe_rtt(now) {
            let window =
                if self.competition.looks_deep() { least } else { self.probe_rtt_window() };
            self.enter(now, State::ProbeRtt { window, low: None });
        }
    }

    fn must_probe_rtt(&mut self, now: Instant) -> bool {
        match self.state {
            State::Startup | State::ProbeRtt { .. } => false,
            State::Compete => !self.min_rtt.is_light() && self.competition.looks_again(now),
            State::Drain { .. }
            | State::Down { .. }
            | State::Cruise
            | State::Refill { .. }
            | State::Up { .. } => self.competition.looks_first() || self.min_rtt.is_stale(),
        }
    }

    /// A probe has ended.
    fn begin_cycle(&mut self, now: Instant) {
        self.max_rate.advance();
        let (rate, round) = (self.max_rate(), self.rounds.count());
        self.cycle.rounds = if rate > MUCH_MORE * self.cycle.rate {
            QUICK_ROUNDS
        } else {
            CYCLE_ROUNDS + now.as_micros() % CYCLE_SPREAD
        };
        self.cycle.rate = rate;
        self.cycle.started = now;
        self.cycle.first_round = round;
        self.enter(now, State::Down { since: round });
    }

    fn probe_when_due(&mut self, now: Instant) {
        let round = self.rounds.count();
        if round >= self.cycle.first_round + self.cycle.rounds
            || now - self.cycle.started >= LONGEST_CYCLE
        {
            self.bounds = Bounds { inflight_hi: self.bounds.inflight_hi, ..Bounds::NONE };
            self.before = None;
            self.enter(now, State::Refill { since: round });
        }
    }

    fn begin_probe(&mut self, now: Instant) {
        let rtt = self.min_rtt.get().as_secs_f64();
        let few_packets = super::MIN_WINDOW * self.datagram / self.bdp().max(1.0);
        let step = (PROBE_QUEUE.as_secs_f64() / rtt).clamp(LEAST_STEP, FIRST_STEP);
        // Who has a small part of the path asks for as much more as who has a large one: so flows that
        // share it come to the same.
        let more = match self.train_rate() {
            Some(train) => train / self.max_rate(),
            None if self.queue_stands() => SOME_OTHERS,
            None => 1.0,
        };
        let others = if more < SHARED { 1.0 } else { more.min(MOST_OTHERS) };
        let step = (step * others).max(few_packets).min(LARGEST_STEP);
        let (since, rate_before) = (self.rounds.count(), self.max_rate());
        self.enter(now, State::Up { since, step, rate_before });
    }
}
