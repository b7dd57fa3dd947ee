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
    /// The next to be acknowledged.
    acked: u64,
    acks: u64,
    /// Bytes that the pace allows.
    tokens: f64,
    /// Packets that there are to send; `None`: always more.
    offered: Option<u64>,
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
            acked: 0,
            acks: 0,
            tokens: 12_000.0,
            offered: None,
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
        let granted = room.min(self.tokens as u64 / DATAGRAM);
        for _ in 0..granted.min(self.offered.unwrap_or(u64::MAX)) {
            self.offered = self.offered.map(|offered| offered - 1);
            self.tokens -= DATAGRAM as f64;
            let snapshot = self.sampler.on_sent(self.now, DATAGRAM, self.in_flight());
            self.flight.push_back((self.now, snapshot));
            self.number += 1;
        }
        if granted > 0 && self.offered == Some(0) {
            self.sampler.on_app_limited(self.in_flight());
        }
    }

    fn ack(&mut self, count: usize) {
        let count = count.min(self.flight.len());
        let acked: Vec<_> = self.flight.drain(..count).collect();
        let Some((sent_at, snapshot)) = acked.get(count / 2) else { return };
        for (sent_at, _) in &acked {
            self.sampler.on_packet_acked(self.now, *sent_at, DATAGRAM);
            let packet = AckedPacket {
                number: self.acked,
                sent_at: *sent_at,
                size: DATAGRAM,
                carrier: self.acks,
            };
            self.bbr.on_acked(self.now, packet);
            self.acked += 1;
        }
        self.acks += 1;
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
        let mut path = Path::new(&sender);
        let mut acked = 0;
        for millis in 0..60_000_u64 {
            let arrived = path.pass_millisecond(&mut sender);
            acked += if millis >= 50_000 { arrived } else { 0 };
        }
        prop_assert!(acked > 5_000, "{acked} of 10000 in the last ten seconds: {:?}", sender.bbr);
    }
}

/// A packet a millisecond comes through, and is acknowledged after `delay`.
struct Path {
    delay: Duration,
    free_at: Instant,
    due: std::collections::VecDeque<Instant>,
}

impl Path {
    fn new(sender: &Sender) -> Self {
        let due = std::collections::VecDeque::new();
        Self { delay: Duration::from_millis(40), free_at: sender.now, due }
    }

    /// How many packets arrived.
    fn pass_millisecond(&mut self, sender: &mut Sender) -> u64 {
        let before = sender.flight.len();
        sender.send(Duration::from_millis(1));
        for _ in before..sender.flight.len() {
            self.free_at = self.free_at.max(sender.now) + Duration::from_millis(1);
            self.due.push_back(self.free_at + self.delay);
        }
        sender.now += Duration::from_millis(1);
        let mut arrived = 0;
        while self.due.front().is_some_and(|at| *at <= sender.now) {
            self.due.pop_front();
            sender.ack(1);
            arrived += 1;
        }
        arrived
    }

    fn pass(&mut self, sender: &mut Sender, time: Duration) {
        for _ in 0..time.as_millis() {
            self.pass_millisecond(sender);
        }
    }
}

/// In ProbeRtt: its window, and since when no more is in flight.
fn probe_rtt(sender: &Sender) -> Option<(f64, Option<Instant>)> {
    match sender.bbr.state {
        State::ProbeRtt { window, low } => Some((window, low.map(|(_, at)| at))),
        State::Startup
        | State::Drain { .. }
        | State::Down { .. }
        | State::Cruise
        | State::Refill { .. }
        | State::Up { .. }
        | State::Compete => None,
    }
}

/// [W-47] The time runs from when in flight is as little as that.
#[test]
fn the_shortest_round_trip_is_looked_for_once_little_is_in_flight() {
    let mut sender = Sender::new();
    let mut path = Path::new(&sender);
    path.pass(&mut sender, Duration::from_secs(5));
    path.delay = Duration::from_millis(90);
    while probe_rtt(&sender).is_none() {
        assert!(sender.now < Instant::from_micros(30_000_000), "{:?}", sender.bbr);
        path.pass_millisecond(&mut sender);
    }
    assert!(sender.bbr.min_rtt.get() < Duration::from_millis(50));
    let (window, low) = probe_rtt(&sender).unwrap();
    assert!(sender.in_flight() as f64 > window && low.is_none(), "{}", sender.in_flight());
    let mut low_at = None;
    while let Some((window, low)) = probe_rtt(&sender) {
        low_at = low;
        let is_low = sender.in_flight() as f64 <= window;
        assert!(low.is_none() || is_low, "{} of {window}", sender.in_flight());
        path.pass_millisecond(&mut sender);
    }
    let took = sender.now - low_at.unwrap();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(500), "{took:?}");
    let found = sender.bbr.min_rtt.get();
    assert!((90..95).contains(&found.as_millis()), "{found:?}");
}

/// [W-47] A chat, even where all round trips have become longer, and the pause after it are no
/// reason to hold a file back.
#[test]
fn the_shortest_round_trip_is_not_looked_for_after_a_chat() {
    let mut sender = Sender::new();
    let mut path = Path::new(&sender);
    path.pass(&mut sender, Duration::from_secs(5));
    path.delay = Duration::from_millis(90);
    sender.offered = Some(0);
    for message in 0..1200_u64 {
        sender.offered = Some(u64::from(message < 600));
        path.pass(&mut sender, Duration::from_millis(50));
        assert!(probe_rtt(&sender).is_none(), "after message {message}");
    }
    let found = sender.bbr.min_rtt.get();
    assert!((90..95).contains(&found.as_millis()), "the chat has shown it: {found:?}");
    sender.offered = None;
    for _ in 0..5000 {
        path.pass_millisecond(&mut sender);
        assert!(probe_rtt(&sender).is_none(), "{:?}", sender.bbr);
    }
}

/// [W-47] However close together the first acknowledgements come, no flood answers them; and a
/// path that really is so fast is found out about as any other.
#[test]
fn the_first_packets_are_believed_up_to_64_first_windows() {
    let mut sender = Sender::new();
    sender.send(Duration::ZERO);
    assert_eq!(sender.flight.len(), 10);
    sender.now += Duration::from_millis(50);
    for _ in 0..10 {
        sender.ack(1);
        sender.now += Duration::from_micros(3);
    }
    let window = sender.bbr.window() as f64;
    let in_a_round_trip = sender.bbr.pacing_rate(&sender.rtt) as f64 * 0.05;
    for believed in [window, in_a_round_trip] {
        assert!((767_000.0..769_000.0).contains(&believed), "{window} {in_a_round_trip}");
    }
    assert_eq!(sender.bbr.state, State::Startup);
}

/// [W-63] [W-64] What came late was not lost, and what was done for it is undone; what a router has
/// marked stays true.
#[test]
fn late_arrivals_are_forgiven_and_marks_are_not() {
    let mut sender = Sender::new();
    let mut path = Path::new(&sender);
    path.pass(&mut sender, Duration::from_secs(5));
    sender.bbr.on_lost(sender.now, DATAGRAM);
    assert!(sender.bbr.round.lost > 0.0);
    sender.bbr.on_late(sender.now, DATAGRAM);
    assert_eq!(sender.bbr.round.lost, 0.0);
    let bounds = |sender: &Sender| (sender.bbr.bounds.inflight_lo, sender.bbr.bounds.rate_lo);
    let unbounded = (f64::INFINITY, f64::INFINITY);
    sender.bbr.bounds = Bounds::NONE;
    sender.bbr.give_way();
    assert!(bounds(&sender).0 < unbounded.0 && bounds(&sender).1 < unbounded.1);
    sender.bbr.on_spurious_congestion();
    assert_eq!(bounds(&sender), unbounded);
    sender.bbr.on_congestion(sender.now, Signal::Ecn);
    sender.bbr.on_spurious_congestion();
    assert!(bounds(&sender).0 < unbounded.0 && bounds(&sender).1 < unbounded.1);
}
