//! One queue before one link, and flows that share it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::connection::congestion::{AckSample, AckedPacket, Controller, Signal, initial_window};
use crate::connection::delivery::{Demand, RateSampler, Snapshot};
use crate::connection::pacing::Pacer;
use crate::connection::rtt::Rtt;
use crate::time::{Duration, Instant};

pub(super) const DATAGRAM: usize = 1452;
/// What is below a datagram.
const HEADERS: u64 = 42;
/// Later packets that must arrive before one counts as lost.
const OVERTAKEN: u64 = 3;
/// Nothing was acknowledged for so long: everything is lost.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often somebody looks at the queue.
const LOOK: Duration = Duration::from_millis(20);

struct Packet {
    number: u64,
    at: Instant,
    snapshot: Snapshot,
}

/// A sender that has always more to send.
pub(super) struct Flow {
    controller: Box<dyn Controller>,
    start: Instant,
    rtt: Rtt,
    pacer: Pacer,
    sampler: RateSampler,
    flight: VecDeque<Packet>,
    next: u64,
    /// Acknowledgements that came.
    acks: u64,
    /// Losses of what was sent up to then are one congestion.
    reduced_at: Option<Instant>,
    acked_at: Instant,
    woken: Instant,
    /// Bytes delivered, datagrams sent and lost.
    pub(super) delivered: u64,
    pub(super) sent: u64,
    pub(super) lost: u64,
}

impl Flow {
    pub(super) fn new(start: Duration, controller: Box<dyn Controller>) -> Self {
        let start = Instant::ZERO + start;
        Self {
            controller,
            start,
            rtt: Rtt::assumed(Duration::from_millis(100)),
            pacer: Pacer::new(start, DATAGRAM, initial_window(DATAGRAM)),
            sampler: RateSampler::default(),
            flight: VecDeque::new(),
            next: 0,
            acks: 0,
            reduced_at: None,
            acked_at: start,
            woken: start,
            delivered: 0,
            sent: 0,
            lost: 0,
        }
    }

    fn in_flight(&self) -> u64 {
        (self.flight.len() * DATAGRAM) as u64
    }

    /// The packets up to `number` that have not been lost on the way are acknowledged.
    fn on_acks(&mut self, now: Instant, numbers: &[u64]) {
        let mut acked = Vec::new();
        for &number in numbers {
            if let Ok(index) = self.flight.binary_search_by_key(&number, |packet| packet.number) {
                acked.extend(self.flight.remove(index));
            }
        }
        let Some(largest) = acked.last().map(|packet| packet.number) else { return };
        let growth = acked.iter().filter(|packet| self.may_grow(packet)).count() * DATAGRAM;
        for packet in &acked {
            self.sampler.on_packet_acked(now, packet.at, DATAGRAM as u64);
            let Packet { number, at: sent_at, .. } = *packet;
            let acked = AckedPacket { number, sent_at, size: DATAGRAM as u64, carrier: self.acks };
            self.controller.on_acked(now, acked);
        }
        self.acks += 1;
        self.delivered += (acked.len() * DATAGRAM) as u64;
        self.acked_at = now;
        let middle = &acked[acked.len() / 2];
        let rtt = now - middle.at;
        self.rtt.on_sample(rtt, Duration::ZERO);
        let has_reduced = self.lose(now, |packet| packet.number + OVERTAKEN <= largest);
        let sample = AckSample {
            now,
            growth: if has_reduced { 0 } else { growth as u64 },
            acked: (acked.len() * DATAGRAM) as u64,
            delivered: self.sampler.delivered(),
            in_flight: self.in_flight(),
            largest,
            next: self.next,
            rtt: Some(rtt),
            rate: self.sampler.finish_ack(acked[acked.len() - 1].at, &middle.snapshot),
        };
        self.controller.on_ack(&sample, &self.rtt);
    }

    fn may_grow(&self, packet: &Packet) -> bool {
        self.reduced_at.is_none_or(|at| packet.at > at)
            && packet.snapshot.demand == Demand::WindowLimited
    }

    /// Takes the oldest packets as lost; whether that is a new congestion.
    fn lose(&mut self, now: Instant, is_lost: impl Fn(&Packet) -> bool) -> bool {
        let count = self.flight.iter().take_while(|packet| is_lost(packet)).count();
        let lost: Vec<Packet> = self.flight.drain(..count).collect();
        let Some(last) = lost.last() else { return false };
        let is_new = self.reduced_at.is_none_or(|at| last.at > at);
        if is_new {
            self.reduced_at = Some(now);
            self.controller.on_congestion(now, Signal::Loss);
        }
        for packet in &lost {
            self.controller.on_lost(packet.at, DATAGRAM as u64);
            self.sampler.on_lost(DATAGRAM as u64);
        }
        self.lost += lost.len() as u64;
        is_new
    }

    /// Sends what window and pace allow, to `link`; when it will be allowed again, if only the pace
    /// is in the way.
    fn send(&mut self, now: Instant, link: &mut impl FnMut(u64)) -> Option<Instant> {
        if now - self.acked_at >= TIMEOUT {
            self.lose(now, |_| true);
            self.acked_at = now;
        }
        self.pacer.refill(now, self.controller.pacing_rate(&self.rtt));
        while self.in_flight() + DATAGRAM as u64 <= self.controller.window() {
            if self.pacer.available() < DATAGRAM as u64 {
                return Some(self.pacer.ready_at());
            }
            self.pacer.on_sent(DATAGRAM as u64);
            let snapshot = self.sampler.on_sent(now, DATAGRAM as u64, self.in_flight());
            self.flight.push_back(Packet { number: self.next, at: now, snapshot });
            link(self.next);
            self.next += 1;
            self.sent += 1;
        }
        Some(self.acked_at + TIMEOUT)
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ack(usize, u64),
    Wake(usize),
    Look,
}

/// The link: its rate in bytes a second, how long what passes it takes to come back as an
/// acknowledgement, and how many bytes may wait.
pub(super) struct Bottleneck {
    pub(super) rate: f64,
    delay: Duration,
    queue: f64,
    /// Acknowledgements come together at multiples of this.
    grain: u64,
    pub(super) flows: Vec<Flow>,
    now: Instant,
    /// When what waits has left, in microseconds.
    free_at: f64,
    events: BinaryHeap<Reverse<(Instant, Event)>>,
    /// How long one had to wait, each time that somebody looked.
    pub(super) waits: Vec<Duration>,
}

impl Bottleneck {
    /// 100 Mbit/s, 50 ms, and so many bandwidth-delay products of queue.
    pub(super) fn new(queue: f64, grain: u64, flows: Vec<Flow>) -> Self {
        let rate = 12_500_000.0;
        let delay = Duration::from_millis(50);
        let mut events: BinaryHeap<_> = flows
            .iter()
            .enumerate()
            .map(|(flow, Flow { start, .. })| Reverse((*start, Event::Wake(flow))))
            .collect();
        events.push(Reverse((Instant::ZERO, Event::Look)));
        let now = Instant::ZERO;
        let queue = queue * rate * delay.as_secs_f64();
        Self { rate, delay, queue, grain, flows, now, free_at: 0.0, events, waits: Vec::new() }
    }

    fn waiting(&self) -> f64 {
        (self.free_at - self.now.as_micros() as f64).max(0.0)
    }

    /// Lets the flows run until then.
    pub(super) fn run(&mut self, until: Duration) {
        let until = Instant::ZERO + until;
        while self.now < until {
            let Some(Reverse((at, event))) = self.events.pop() else { return };
            self.now = at;
            match event {
                Event::Ack(flow, number) => {
                    let mut numbers = vec![number];
                    while let Some(Reverse((next, Event::Ack(of, number)))) = self.events.peek()
                        && (*next, *of) == (at, flow)
                    {
                        numbers.push(*number);
                        self.events.pop();
                    }
                    self.flows[flow].on_acks(at, &numbers);
                    self.send(flow);
                }
                Event::Wake(flow) => {
                    if self.flows[flow].woken <= at {
                        self.send(flow);
                    }
                }
                Event::Look => {
                    self.waits.push(Duration::from_micros(self.waiting() as u64));
                    self.events.push(Reverse((at + LOOK, Event::Look)));
                }
            }
        }
    }

    fn send(&mut self, flow: usize) {
        let now = self.now.as_micros() as f64;
        let (rate, queue, grain) = (self.rate * 1e-6, self.queue, self.grain);
        let (free_at, events) = (&mut self.free_at, &mut self.events);
        let back = self.delay.as_micros() as f64;
        let wake = self.flows[flow].send(self.now, &mut |number| {
            if (*free_at - now) * rate > queue {
                return;
            }
            *free_at = free_at.max(now) + (DATAGRAM as u64 + HEADERS) as f64 / rate;
            let at = ((*free_at + back) as u64).next_multiple_of(grain);
            events.push(Reverse((Instant::from_micros(at), Event::Ack(flow, number))));
        });
        if let Some(wake) = wake {
            let wake = wake.max(self.now + Duration::from_micros(1));
            // An earlier call that is still to come finds nothing to do.
            self.flows[flow].woken = wake;
            self.events.push(Reverse((wake, Event::Wake(flow))));
        }
    }

    /// Bytes delivered so far, of each.
    pub(super) fn delivered(&self) -> Vec<u64> {
        self.flows.iter().map(|flow| flow.delivered).collect()
    }
}
