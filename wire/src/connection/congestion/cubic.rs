//! CUBIC (RFC 9438) with HyStart++ [W-62].
//!
//! After a reduction from `w_max` the window grows along a cubic curve: fast back towards
//! `w_max`, slowly around it, then fast again.
//!
//! ```text
//!   w_max ........._________........
//!               /                   \ K seconds after the reduction
//!   0.7 w_max  /
//! ```

use super::hystart::{CONSERVATIVE_DIVISOR, Growth, HyStart};
use super::{AckSample, Controller, Signal, initial_window};
use crate::connection::rtt::Rtt;
use crate::time::{Duration, Instant};

/// RFC 9438 section 4.1: how steep the curve is, in datagrams per second cubed.
const C: f64 = 0.4;
/// What is left of the window after a reduction (section 4.6).
const BETA: f64 = 0.7;
/// Growth of the estimate of what Reno would have (section 4.3).
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);
/// Windows are never below this many datagrams (RFC 9002 section 7.2).
const MIN_WINDOW: f64 = 2.0;
/// How much faster than a window per round trip datagrams leave: in slow start the window
/// doubles meanwhile (RFC 9002 section 7.7).
const PACE_SLOW_START: f64 = 2.0;
const PACE_AVOIDANCE: f64 = 1.25;

/// The controller.
#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    state: State,
    /// As it was before the last reduction, to go back to if that was wrong.
    before: Option<State>,
    /// Largest datagram: the unit of the formulas.
    datagram: f64,
}

#[derive(Clone, Debug)]
struct State {
    /// In bytes, as all windows here.
    window: f64,
    threshold: f64,
    w_max: f64,
    /// The window just before the last reduction.
    prior: f64,
    /// The curve since the last reduction; `None` before the first acknowledgement after it.
    epoch: Option<Epoch>,
    hystart: HyStart,
}

#[derive(Clone, Debug)]
struct Epoch {
    start: Instant,
    /// Seconds until the curve is at `w_max`.
    k: f64,
    /// What Reno would have.
    reno: f64,
    /// The last acknowledgement.
    last: Instant,
}

impl Cubic {
    pub(crate) fn new(datagram: usize) -> Self {
        let window = initial_window(datagram) as f64;
        Self {
            state: State {
                window,
                threshold: f64::INFINITY,
                w_max: 0.0,
                prior: 0.0,
                epoch: None,
                hystart: HyStart::new(),
            },
            before: None,
            datagram: datagram as f64,
        }
    }

    /// One that goes on with this window, past slow start.
    pub(super) fn with_window(datagram: usize, window: f64) -> Self {
        let mut cubic = Self::new(datagram);
        cubic.state.window = window.max(cubic.min_window());
        cubic.state.threshold = cubic.state.window;
        cubic
    }

    fn min_window(&self) -> f64 {
        MIN_WINDOW * self.datagram
    }

    fn slow_start(&mut self, sample: &AckSample) {
        let state = &mut self.state;
        let growth = sample.growth as f64;
        match state.hystart.on_ack(sample.largest, sample.next, sample.rtt) {
            Growth::SlowStart => state.window += growth,
            Growth::Conservative => state.window += growth / CONSERVATIVE_DIVISOR as f64,
            Growth::Avoidance => state.threshold = state.window,
        }
    }

    fn avoidance(&mut self, sample: &AckSample, rtt: &Rtt) {
        let datagram = self.datagram;
        let state = &mut self.state;
        let acked = sample.growth as f64;
        let epoch = state.epoch.get_or_insert_with(|| {
            let below = (state.w_max - state.window).max(0.0) / datagram;
            state.w_max = state.w_max.max(state.window);
            Epoch { start: sample.now, k: (below / C).cbrt(), reno: state.window, last: sample.now }
        });
        let since_last = sample.now - epoch.last;
        epoch.last = sample.now;
        if sample.growth == 0 {
            // The application or an old flight was the limit: the curve waits (section 5.8).
            epoch.start += since_last;
            return;
        }
        let elapsed = sample.now - epoch.start;
        let curve =
            |at: Duration| state.w_max + C * (at.as_secs_f64() - epoch.k).powi(3) * datagram;
        let alpha = if epoch.reno >= state.prior { 1.0 } else { ALPHA };
        epoch.reno += alpha * acked / state.window * datagram;
        if curve(elapsed) < epoch.reno {
            state.window = state.window.max(epoch.reno);
        } else {
            let target = curve(elapsed + rtt.smoothed()).clamp(state.window, 1.5 * state.window);
            state.window += (target - state.window) * (acked / state.window).min(1.0);
        }
    }
}

impl Controller for Cubic {
    fn on_ack(&mut self, sample: &AckSample, rtt: &Rtt) {
        if self.state.window < self.state.threshold {
            self.slow_start(sample);
        } else {
            self.avoidance(sample, rtt);
        }
    }

    fn on_congestion(&mut self, _now: Instant, signal: Signal) {
        // A mark is no packet that could turn up late.
        self.before = (signal == Signal::Loss).then(|| self.state.clone());
        let min = self.min_window();
        let state = &mut self.state;
        // Fast convergence (section 4.7): a window that did not get back to where it was makes
        // room for others.
        state.w_max = if state.window < state.w_max {
            state.window * (1.0 + BETA) / 2.0
        } else {
            state.window
        };
        state.prior = state.window;
        state.window = (state.window * BETA).max(min);
        state.threshold = state.window;
        state.epoch = None;
    }

    fn on_spurious_congestion(&mut self) {
        // RFC 9438 section 4.9: as if nothing had happened.
        if let Some(before) = self.before.take()
            && before.window > self.state.window
        {
            self.state = before;
        }
    }

    fn on_persistent_congestion(&mut self) {
        self.before = None;
        self.state.window = self.min_window();
        self.state.epoch = None;
        self.state.hystart = HyStart::new();
    }

    fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram as f64;
        self.state.window = self.state.window.max(self.min_window());
    }

    fn window(&self) -> u64 {
        self.state.window as u64
    }

    fn pacing_rate(&self, rtt: &Rtt) -> u64 {
        let gain =
            if self.state.window < self.state.threshold { PACE_SLOW_START } else { PACE_AVOIDANCE };
        (gain * self.state.window / rtt.smoothed().as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: usize = 1000;
    const RTT: Duration = Duration::from_millis(100);

    fn rtt() -> Rtt {
        let mut rtt = Rtt::assumed(RTT);
        rtt.on_sample(RTT, Duration::ZERO);
        rtt
    }

    /// A flow that is never limited by anything else; `next` numbers are bytes.
    struct Flow {
        cubic: Cubic,
        now: Instant,
        number: u64,
    }

    impl Flow {
        fn new(window: f64) -> Self {
            let mut cubic = Cubic::new(DATAGRAM);
            cubic.state.window = window;
            Self { cubic, now: Instant::ZERO, number: 0 }
        }

        fn ack(&mut self, bytes: u64) {
            self.number += 1;
            let sample = AckSample {
                now: self.now,
                growth: bytes,
                acked: bytes,
                delivered: self.number,
                in_flight: bytes,
                largest: self.number,
                next: self.number + 10,
                rtt: Some(RTT),
                rate: None,
            };
            self.cubic.on_ack(&sample, &rtt());
        }

        /// Acknowledges a window per round trip, in steps of a fiftieth of it.
        fn run(&mut self, time: Duration) {
            let end = self.now + time;
            while self.now < end {
                self.now += RTT / 50;
                self.ack(self.cubic.window() / 50);
            }
        }

        fn lose(&mut self) {
            self.cubic.on_congestion(self.now, Signal::Loss);
        }
    }

    #[test]
    fn slow_start_grows_by_what_is_acknowledged() {
        let mut flow = Flow::new(10_000.0);
        flow.ack(10_000);
        assert_eq!(flow.cubic.window(), 20_000);
    }

    /// RFC 9438 sections 4.1, 4.2 and 4.6: W(t) = C (t - K)^3 + W_max with
    /// K = cbrt(W_max (1 - beta) / C).
    #[test]
    fn the_window_follows_the_curve_back_to_w_max_and_beyond() {
        let w_max = 1000.0 * DATAGRAM as f64;
        let mut flow = Flow::new(w_max);
        flow.lose();
        assert_eq!(flow.cubic.window(), 700_000);
        let k = (1000.0 * 0.3 / 0.4f64).cbrt();
        assert!((k - 9.086).abs() < 0.001);
        for (seconds, tolerance) in [(3.0, 0.02), (6.0, 0.02), (k, 0.01), (13.0, 0.02)] {
            let remaining = seconds - flow.now.as_micros() as f64 / 1e6;
            flow.run(Duration::from_secs_f64(remaining));
            let expected = (0.4 * (seconds - k).powi(3) + 1000.0) * DATAGRAM as f64;
            let window = flow.cubic.state.window;
            assert!(
                (window - expected).abs() < tolerance * expected,
                "after {seconds} s: {window} instead of {expected}"
            );
        }
    }

    /// RFC 9438 section 4.3: on a short path with a small window it is no slower than Reno.
    #[test]
    fn a_small_window_grows_like_reno() {
        let mut flow = Flow::new(20.0 * DATAGRAM as f64);
        flow.lose();
        let start = flow.cubic.window();
        flow.run(RTT * 20);
        let reno = start as f64 + 20.0 * ALPHA * DATAGRAM as f64;
        assert!(flow.cubic.state.window >= 0.95 * reno, "{}", flow.cubic.window());
    }

    #[test]
    fn fast_convergence_lowers_the_goal() {
        let mut flow = Flow::new(100_000.0);
        flow.lose();
        assert_eq!(flow.cubic.state.w_max, 100_000.0);
        flow.lose();
        assert_eq!(flow.cubic.state.w_max, 70_000.0 * 0.85);
    }

    /// [W-63]
    #[test]
    fn an_undone_reduction_leaves_no_trace_but_a_mark_is_never_undone() {
        let mut flow = Flow::new(100_000.0);
        flow.lose();
        flow.run(RTT);
        flow.cubic.on_spurious_congestion();
        assert_eq!(flow.cubic.window(), 100_000);
        assert_eq!(flow.cubic.state.threshold, f64::INFINITY);
        flow.cubic.on_congestion(flow.now, Signal::Ecn);
        flow.cubic.on_spurious_congestion();
        assert_eq!(flow.cubic.window(), 70_000);
    }

    #[test]
    fn nothing_falls_below_two_datagrams_and_persistent_congestion_gets_there() {
        let mut flow = Flow::new(100_000.0);
        flow.cubic.on_persistent_congestion();
        assert_eq!(flow.cubic.window(), 2000);
        for _ in 0..5 {
            flow.lose();
        }
        assert_eq!(flow.cubic.window(), 2000);
    }

    /// [W-43]: else nothing of the new size could be sent.
    #[test]
    fn the_least_window_is_two_datagrams_of_the_size_in_use() {
        let mut flow = Flow::new(12_000.0);
        flow.cubic.set_datagram(9000);
        assert_eq!(flow.cubic.window(), 18_000);
        flow.lose();
        assert_eq!(flow.cubic.window(), 18_000);
        flow.cubic.set_datagram(1200);
        assert_eq!(flow.cubic.window(), 18_000, "no reduction");
        flow.cubic.on_persistent_congestion();
        assert_eq!(flow.cubic.window(), 2400);
    }

    #[test]
    fn the_curve_waits_while_the_application_is_the_limit() {
        let mut busy = Flow::new(1_000_000.0);
        let mut idle = Flow::new(1_000_000.0);
        for flow in [&mut busy, &mut idle] {
            flow.lose();
            flow.run(Duration::from_secs(3));
        }
        for _ in 0..100 {
            idle.now += RTT;
            idle.ack(0);
        }
        let (now, later) = (busy.cubic.window(), idle.cubic.window());
        assert_eq!(now, later);
        busy.run(RTT);
        idle.run(RTT);
        let ratio = busy.cubic.state.window / idle.cubic.state.window;
        assert!((ratio - 1.0).abs() < 0.001, "{ratio}");
    }
}
