//! Whatever is acknowledged, and whenever: the controller goes on.

use proptest::prelude::*;

use super::*;
use crate::connection::delivery::{RateSampler, Snapshot};
use crate::time::Duration;

const DATAGRAM: u64 = 1200;

/// One thing that happens to the oldest packets in flight.
#[derive(Clone, Debug)]
enum Step {
    Acked(usize),
    Lost(usize),
    Late,
    Marked,
    Spurious,
    Persistent,
    Idle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..50_usize).prop_map(Step::Acked),
        2 => (1..20_usize).prop_map(Step::Lost),
        1 => Just(Step::Late),
        1 => Just(Step::Marked),
        1 => Just(Step::Spurious),
        1 => Just(Step::Persistent),
        1 => Just(Step::Idle),
    ]
}

/// A sender that fills the window as fast as the pace allows it.
struct Sender {
    now: Instant,
    bbr: Bbr,
    rtt: Rtt,
    sampler: RateSampler,
    flight: std::collections::VecDeque<(Instant, Snapshot)>,
    number: u64,
    /// Bytes that the pace allows.
    tokens: f64,
}

impl Sender {
    fn new() -> Self {
        let now = Instant::from_micros(1_000_000);
        Self {
            now,
            bbr: Bbr::new(now, DATAGRAM as usize),
            rtt: Rtt::assumed(Duration::from_millis(100)),
            sampler: RateSampler::default(),
            flight: std::collections::VecDeque::new(),
            number: 0,
            tokens: 12_000.0,
        }
    }

    fn in_flight(&self) -> u64 {
        self.flight.len() as u64 * DATAGRAM
    }

    /// Packets that the pace allows in `time`, as far as the window has room.
    fn send(&mut self, time: Duration) {
        let paced = self.bbr.pacing_rate(&self.rtt) as f64 * time.as_secs_f64();
        self.tokens = (self.tokens + paced).min(2_400_000.0);
        let room = self.bbr.window().saturating_sub(self.in_flight()) / DATAGRAM;
        for _ in 0..room.min(self.tokens as u64 / DATAGRAM) {
            self.tokens -= DATAGRAM as f64;
            let snapshot = self.sampler.on_sent(self.now, DATAGRAM, self.in_flight());
            self.flight.push_back((self.now, snapshot));
            self.number += 1;
        }
    }

    fn ack(&mut self, count: usize) {
        let count = count.min(self.flight.len());
        let acked: Vec<_> = self.flight.drain(..count).collect();
        let Some((sent_at, snapshot)) = acked.get(count / 2) else { return };
        for (sent_at, _) in &acked {
            self.sampler.on_packet_acked(self.now, *sent_at, DATAGRAM);
            self.bbr.on_acked(self.now, *sent_at, DATAGRAM);
        }
        let rtt = self.now - *sent_at;
        self.rtt.on_sample(rtt, Duration::ZERO);
        let sample = AckSample {
            now: self.now,
            growth: 0,
            acked: count as u64 * DATAGRAM,
            delivered: self.sampler.delivered(),
            in_flight: self.in_flight(),
            largest: self.number,
            next: self.number + 1,
            rtt: Some(rtt),
            rate: self.sampler.finish_ack(*sent_at, snapshot),
        };
        self.bbr.on_ack(&sample, &self.rtt);
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Acked(count) => self.ack(count),
            Step::Lost(count) => {
                for (sent_at, _) in self.flight.drain(..count.min(self.flight.len())) {
                    self.sampler.on_lost(DATAGRAM);
                    self.bbr.on_lost(sent_at, DATAGRAM);
                }
            }
            Step::Late => self.bbr.on_late(self.now, DATAGRAM),
            Step::Marked => self.bbr.on_congestion(self.now, Signal::Ecn),
            Step::Spurious => self.bbr.on_spurious_congestion(),
            Step::Persistent => self.bbr.on_persistent_congestion(),
            Step::Idle => self.now += Duration::from_secs(20),
        }
    }
}

proptest! {
    /// Never below the least window, never without a pace, never without a bound.
    #[test]
    fn window_and_pace_stay_within_reason(
        steps in proptest::collection::vec((step(), 0..200_000_u64), 1..400),
    ) {
        let mut sender = Sender::new();
        for (step, micros) in &steps {
            sender.send(Duration::from_micros(*micros));
            sender.now += Duration::from_micros(*micros);
            sender.take(step);
            let window = sender.bbr.window();
            prop_assert!(window >= 4 * DATAGRAM, "{window}");
            prop_assert!(sender.bbr.pacing_rate(&sender.rtt) > 0);
            prop_assert!(sender.bbr.window.is_finite());
            // Twice what was ever in flight and a few packets on top; the model knows no more.
            prop_assert!(window <= 1 << 40, "{window}");
        }
    }

    /// After any past, a path that delivers steadily is used to at least half within a minute.
    #[test]
    fn it_recovers_from_any_past(
        steps in proptest::collection::vec((step(), 0..200_000_u64), 0..100),
    ) {
        let mut sender = Sender::new();
        for (step, micros) in &steps {
            sender.send(Duration::from_micros(*micros));
            sender.now += Duration::from_micros(*micros);
            sender.take(step);
        }
        let left = sender.flight.len();
        sender.take(&Step::Lost(left));
        // A packet a millisecond comes through, 40 ms later.
        let mut free_at = sender.now;
        let mut due = std::collections::VecDeque::new();
        let mut acked = 0_u64;
        for millis in 0..60_000_u64 {
            let before = sender.flight.len();
            sender.send(Duration::from_millis(1));
            for _ in before..sender.flight.len() {
                free_at = free_at.max(sender.now) + Duration::from_millis(1);
                due.push_back(free_at + Duration::from_millis(40));
            }
            sender.now += Duration::from_millis(1);
            while due.front().is_some_and(|at| *at <= sender.now) {
                due.pop_front();
                sender.ack(1);
                acked += u64::from(millis >= 50_000);
            }
        }
        prop_assert!(acked > 5_000, "{acked} of 10000 in the last ten seconds: {:?}", sender.bbr);
    }
}
