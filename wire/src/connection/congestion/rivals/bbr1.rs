//! A sender like BBR, version 1, as Linux has it (draft-cardwell-iccrg-bbr-congestion-control-00):
//! no loss makes it send less, and it keeps twice of what it takes for the path in flight.

use std::collections::VecDeque;

use crate::connection::congestion::{AckSample, Controller, Signal, initial_window};
use crate::connection::rtt::Rtt;
use crate::time::{Duration, Instant};

const HIGH_GAIN: f64 = 2.885;
const GAINS: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const RATE_ROUNDS: u64 = 10;
const EXTRA_ROUNDS: u64 = 5;
/// Datagrams that leave together, three of which bursts are in flight on top.
const BURST: f64 = 8.0;
const STALE: Duration = Duration::from_secs(10);
const PROBE_RTT: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Startup,
    Drain,
    ProbeRate { phase: usize, since: Instant },
    ProbeRtt { until: Option<Instant> },
}

pub(super) struct Bbr1 {
    datagram: f64,
    state: State,
    round: u64,
    round_ends: u64,
    /// Rates, and in which rounds they were measured; falling.
    rates: VecDeque<(u64, f64)>,
    min_rtt: Option<(Duration, Instant)>,
    full: (f64, u32),
    window: f64,
    /// The window before the shortest round trip was looked for.
    before: f64,
    in_flight: f64,
    lost: bool,
    extra: Extra,
}

/// Acknowledgements that came together, beyond what the rate lets expect (as Linux keeps them in
/// flight on top, since 5.1).
#[derive(Default)]
struct Extra {
    since: Instant,
    acked: f64,
    /// The most of the present five rounds, and of those before.
    most: [f64; 2],
    round: u64,
}

impl Extra {
    fn on_ack(&mut self, now: Instant, round: u64, rate: f64, acked: f64, window: f64) {
        if round >= self.round + EXTRA_ROUNDS {
            self.round = round;
            self.most = [0.0, self.most[0]];
        }
        let expected = |since| rate * (now - since).as_secs_f64();
        if self.acked <= expected(self.since) {
            self.since = now;
            self.acked = 0.0;
        }
        self.acked += acked;
        let extra = (self.acked - expected(self.since)).min(window);
        self.most[0] = self.most[0].max(extra);
    }

    fn get(&self, rate: f64) -> f64 {
        self.most[0].max(self.most[1]).min(rate * 0.1)
    }
}

impl Bbr1 {
    pub(super) fn new(datagram: usize) -> Self {
        Self {
            datagram: datagram as f64,
            state: State::Startup,
            round: 0,
            round_ends: 0,
            rates: VecDeque::new(),
            min_rtt: None,
            full: (0.0, 0),
            window: initial_window(datagram) as f64,
            before: 0.0,
            in_flight: 0.0,
            lost: false,
            extra: Extra::default(),
        }
    }

    fn rate(&self) -> f64 {
        self.rates.front().map_or(0.0, |(_, rate)| *rate)
    }

    fn bdp(&self) -> f64 {
        self.rate() * self.min_rtt.map_or(0.0, |(rtt, _)| rtt.as_secs_f64())
    }

    fn on_rate(&mut self, rate: f64) {
        while self.rates.back().is_some_and(|(_, last)| *last <= rate) {
            self.rates.pop_back();
        }
        self.rates.push_back((self.round, rate));
        while self.rates.front().is_some_and(|(round, _)| round + RATE_ROUNDS < self.round) {
            self.rates.pop_front();
        }
    }

    fn on_round(&mut self) {
        self.round += 1;
        if self.state == State::Startup {
            let rate = self.rate();
            self.full = match self.full {
                (before, _) if rate >= 1.25 * before => (rate, 0),
                (before, rounds) => (before, rounds + 1),
            };
            if self.full.1 >= 3 {
                self.state = State::Drain;
            }
        }
    }

    fn advance(&mut self, now: Instant) {
        let Some((min_rtt, seen_at)) = self.min_rtt else { return };
        match self.state {
            State::Startup => {}
            State::Drain => {
                if self.in_flight <= self.bdp() {
                    // Where in the cycle it begins is drawn by lot; never where it sends less.
                    let phase = 2 + now.as_micros() as usize % 6;
                    self.state = State::ProbeRate { phase, since: now };
                }
            }
            State::ProbeRate { phase, since } => {
                let has_passed = now - since > min_rtt;
                let is_over = match GAINS[phase] {
                    gain if gain > 1.0 => {
                        has_passed && (self.lost || self.in_flight >= gain * self.bdp())
                    }
                    gain if gain < 1.0 => has_passed || self.in_flight <= self.bdp(),
                    _ => has_passed,
                };
                if is_over {
                    let phase = (phase + 1) % GAINS.len();
                    self.state = State::ProbeRate { phase, since: now };
                }
            }
            State::ProbeRtt { until: None } => {
                if self.in_flight <= 4.0 * self.datagram {
                    self.state = State::ProbeRtt { until: Some(now + PROBE_RTT) };
                }
            }
            State::ProbeRtt { until: Some(until) } => {
                if now >= until {
                    self.min_rtt = Some((min_rtt, now));
                    self.window = self.window.max(self.before);
                    let phase = 2 + now.as_micros() as usize % 6;
                    self.state = State::ProbeRate { phase, since: now };
                }
            }
        }
        if now - seen_at > STALE && !matches!(self.state, State::ProbeRtt { .. }) {
            self.before = self.window;
            self.state = State::ProbeRtt { until: None };
        }
    }
}

impl Controller for Bbr1 {
    fn on_lost(&mut self, _sent_at: Instant, _size: u64) {
        self.lost = true;
    }

    fn on_ack(&mut self, sample: &AckSample, _rtt: &Rtt) {
        let now = sample.now;
        self.in_flight = sample.in_flight as f64;
        if let Some(rate) = sample.rate {
            if rate.prior_delivered >= self.round_ends {
                self.round_ends = sample.delivered;
                self.on_round();
            }
            self.on_rate(rate.rate as f64);
        }
        if let Some(rtt) = sample.rtt {
            let is_stale = self.min_rtt.is_some_and(|(_, at)| now - at > STALE);
            if is_stale || self.min_rtt.is_none_or(|(min, _)| rtt <= min) {
                if is_stale && !matches!(self.state, State::ProbeRtt { .. }) {
                    self.before = self.window;
                    self.state = State::ProbeRtt { until: None };
                }
                self.min_rtt = Some((rtt, now));
            }
        }
        self.advance(now);
        self.lost = false;
        let acked = sample.acked as f64;
        let gain =
            if matches!(self.state, State::Startup | State::Drain) { HIGH_GAIN } else { 2.0 };
        self.extra.on_ack(now, self.round, self.rate(), acked, self.window);
        let extra = self.extra.get(self.rate());
        let target = gain * self.bdp() + 3.0 * BURST * self.datagram + extra;
        if self.state == State::Startup {
            if self.window < target {
                self.window += acked;
            }
        } else {
            self.window = (self.window + acked).min(target);
        }
        self.window = self.window.max(4.0 * self.datagram);
        if matches!(self.state, State::ProbeRtt { .. }) {
            self.window = self.window.min(4.0 * self.datagram);
        }
    }

    fn on_congestion(&mut self, _now: Instant, _signal: Signal) {}

    fn on_spurious_congestion(&mut self) {}

    fn on_persistent_congestion(&mut self) {
        self.window = 4.0 * self.datagram;
    }

    fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram as f64;
    }

    fn window(&self) -> u64 {
        self.window as u64
    }

    fn pacing_rate(&self, rtt: &Rtt) -> u64 {
        let gain = match self.state {
            State::Startup => HIGH_GAIN,
            State::Drain => 1.0 / HIGH_GAIN,
            State::ProbeRate { phase, .. } => GAINS[phase],
            State::ProbeRtt { .. } => 1.0,
        };
        let rate = match self.rate() {
            0.0 => self.window / rtt.smoothed().as_secs_f64(),
            rate => 0.99 * rate,
        };
        (gain * rate) as u64
    }
}
