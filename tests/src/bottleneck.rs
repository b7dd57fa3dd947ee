//! Transfers over one shared bottleneck in virtual time: which share of its rate arrives as
//! payload, and how long a message beside them takes.
//!
//! ```text
//!   senders --> [ queue, rate ] --> [ delay, loss, reordering ... ] --> receivers
//!           <-- [ delay, loss ... ] <-- [ queue, rate ] <--
//! ```

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;

use wire::time::Instant;
use wire::{
    Accept, Class, Config, Connect, ConnectionHandle, Ecn, Endpoint, Event, Identify, Node, Read,
    Seed, Source, StaticKey, StreamId, TransportConfig,
};

use crate::dice::Dice;
use crate::link::{Bottleneck, Delivery, Impairment, Link};

/// What IPv4 and UDP add to a datagram. The link counts packets of IP, as `tunlink` does, over which
/// the real programs are measured.
const HEADERS: u64 = 20 + 8;
/// Length of a message, and of the answer to it.
const MESSAGE: usize = 128;
/// The payload repeats after so many bytes.
const PERIOD: usize = 251;

/// One direction of the path.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Bits per second.
    pub rate: u64,
    /// Bytes that may wait; what does not fit is dropped.
    pub queue: u64,
    /// What happens behind the bottleneck.
    pub impairment: Impairment,
}

/// Something that changes on the way from the senders to the receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The rate, in bits per second.
    Rate(u64),
    /// Nothing gets through any more, in either direction.
    Cut,
    /// Everything gets through again.
    Mend,
}

/// A path.
#[derive(Clone, Debug)]
pub struct Path {
    /// From the senders to the receivers.
    pub there: Lane,
    /// The way back.
    pub back: Lane,
    /// What changes, and when, in this order.
    pub changes: Vec<(Duration, Change)>,
    /// The programs at both ends wake up at multiples of this only: timers of real machines are
    /// coarse, and a processor that has other work comes late.
    pub timers: Duration,
}

/// Which way the bytes of a transfer go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the senders to the receivers.
    There,
    /// The other way: its acknowledgements go there.
    Back,
}

/// A transfer.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Which way it goes.
    pub direction: Direction,
    /// When it connects.
    pub start: Duration,
    /// How much it sends.
    pub bytes: u64,
    /// A message goes out this often, and is answered.
    pub message_every: Option<Duration>,
    /// Settings of both ends.
    pub transport: TransportConfig,
}

/// What became of a flow.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When it was connected.
    pub connected: Option<Duration>,
    /// When the last byte had arrived.
    pub complete: Option<Duration>,
    /// Bytes that had arrived at the end of each second.
    pub arrived: Vec<u64>,
    /// Round trips of its messages, in the order of their answers.
    pub round_trips: Vec<Duration>,
    /// Datagrams sent, and declared lost, by the sender.
    pub datagrams: (u64, u64),
    /// Datagrams that the receiver sent: acknowledgements, and answers to messages.
    pub answers: u64,
}

impl Outcome {
    /// Payload as a share of `rate`, from the connection to the last byte.
    ///
    /// # Panics
    /// When it is not complete.
    #[must_use]
    pub fn share(&self, bytes: u64, rate: u64) -> f64 {
        let took = self.complete.expect("complete") - self.connected.expect("connected");
        bytes as f64 * 8.0 / took.as_secs_f64() / rate as f64
    }

    /// The round trip that `percent` of all messages stay within.
    ///
    /// # Panics
    /// When there was no message.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.round_trips.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }
}

/// A direction of the path as it is now.
struct Way {
    bottleneck: Bottleneck,
    queue: u64,
    behind: Link,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at: Instant,
    /// Those of one moment arrive in the order in which they were sent.
    order: u64,
    host: usize,
    from: usize,
    bytes: Vec<u8>,
}

/// An end of a flow.
struct Host {
    endpoint: Endpoint,
    address: SocketAddr,
    handle: Option<ConnectionHandle>,
}

/// What a flow has done so far.
struct Progress {
    bulk: Option<StreamId>,
    chat: Option<StreamId>,
    written: u64,
    read: u64,
    next_message: Instant,
    asked: VecDeque<Instant>,
    answer: usize,
    outcome: Outcome,
}

/// All flows over the path.
struct Run<'a> {
    flows: &'a [Flow],
    hosts: Vec<Host>,
    progress: Vec<Progress>,
    lanes: [Way; 2],
    arrivals: BinaryHeap<Reverse<Arrival>>,
    sent: u64,
    /// Datagrams that the receiver of each flow has sent.
    answers: Vec<u64>,
    pattern: Vec<u8>,
    now: Instant,
}

/// Lets the flows run until all that go there are complete, or for so long.
#[must_use]
pub fn run(path: &Path, flows: &[Flow], longest: Duration, seed: &Seed) -> Vec<Outcome> {
    let mut run = Run::new(path, flows, seed);
    let mut changes: VecDeque<_> = path.changes.iter().copied().collect();
    let end = Instant::ZERO + longest;
    let mut next_second = Instant::ZERO + Duration::from_secs(1);
    while run.now < end && !run.is_complete() {
        run.drive();
        let change_at = changes.front().map(|(at, _)| Instant::ZERO + *at);
        run.now = [Some(next_second), change_at, run.next_event()]
            .into_iter()
            .flatten()
            .min()
            .expect("the next second at least");
        let timers = path.timers.as_micros() as u64;
        run.now = Instant::from_micros(run.now.as_micros().next_multiple_of(timers));
        if run.now >= next_second {
            next_second += Duration::from_secs(1);
            for flow in &mut run.progress {
                flow.outcome.arrived.push(flow.read);
            }
        }
        while let Some((_, change)) = changes.pop_front_if(|(at, _)| Instant::ZERO + *at <= run.now)
        {
            run.change(change);
        }
        run.arrive();
    }
    run.finish()
}

fn endpoint(seed: &Seed, number: usize, accept: Accept, transport: TransportConfig) -> Endpoint {
    let seed = seed.derive(&format!("endpoint {number}"));
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    let config = Config {
        static_key: StaticKey::from_private(secret),
        token_secret: secret,
        token_epoch: 0,
        label: "bottleneck/1",
        accept,
        transport,
    };
    Endpoint::new(config, &seed)
}

impl<'a> Run<'a> {
    fn new(path: &Path, flows: &'a [Flow], seed: &Seed) -> Self {
        let lane = |lane: &Lane, label: &str| {
            let Lane { rate, queue, ref impairment } = *lane;
            let impairment = Impairment { limit: usize::MAX, ..impairment.clone() };
            let behind = Link::new(impairment, Dice::new(seed, label));
            Way { bottleneck: Bottleneck::new(rate), queue, behind }
        };
        let mut hosts = Vec::new();
        for (number, flow) in flows.iter().enumerate() {
            for (end, accept) in [Accept::Announced, Accept::Anyone].into_iter().enumerate() {
                let host = number * 2 + end;
                let port = u16::try_from(host + 1).expect("few flows");
                hosts.push(Host {
                    endpoint: endpoint(seed, host, accept, flow.transport.clone()),
                    address: SocketAddr::from(([10, 0, 0, 1 + end as u8], port)),
                    handle: None,
                });
            }
        }
        let progress = flows.iter().map(|flow| Progress {
            bulk: None,
            chat: None,
            written: 0,
            read: 0,
            next_message: Instant::ZERO + flow.start,
            asked: VecDeque::new(),
            answer: 0,
            outcome: Outcome::default(),
        });
        Self {
            flows,
            hosts,
            progress: progress.collect(),
            lanes: [lane(&path.there, "there"), lane(&path.back, "back")],
            arrivals: BinaryHeap::new(),
            sent: 0,
            answers: vec![0; flows.len()],
            pattern: (0..PERIOD + (64 << 10)).map(|at| (at % PERIOD) as u8).collect(),
            now: Instant::ZERO,
        }
    }

    fn is_complete(&self) -> bool {
        let there = self.flows.iter().zip(&self.progress);
        let mut there = there.filter(|(flow, _)| flow.direction == Direction::There);
        there.all(|(_, progress)| progress.outcome.complete.is_some())
    }

    /// Everything that the programs do at this moment.
    fn drive(&mut self) {
        for number in 0..self.flows.len() {
            self.begin(number);
            self.events(number);
            self.say(number);
        }
        for host in 0..self.hosts.len() {
            self.transmit(host);
        }
    }

    fn begin(&mut self, number: usize) {
        let sender = number * 2;
        if self.hosts[sender].handle.is_none()
            && Instant::ZERO + self.flows[number].start <= self.now
        {
            let connect = Connect {
                remote: self.hosts[sender + 1].address,
                server_key: None,
                identify: Identify::Anonymous,
                token: None,
            };
            let handle = self.hosts[sender].endpoint.connect(self.now, connect);
            self.hosts[sender].handle = Some(handle);
        }
    }

    fn events(&mut self, number: usize) {
        let (sender, receiver) = (number * 2, number * 2 + 1);
        while let Some((handle, event)) = self.hosts[sender].endpoint.poll_event() {
            match event {
                Event::Connected { .. } => self.connected(number, handle),
                Event::Writable(_) => self.write(number),
                Event::Readable(stream) => self.read_answers(number, handle, stream),
                Event::Closed(error) => panic!("flow {number} ended: {error}"),
                Event::Opened(_)
                | Event::Finished(_)
                | Event::Stopped(..)
                | Event::PathChanged(_)
                | Event::NewToken(_) => {}
            }
        }
        while let Some((handle, event)) = self.hosts[receiver].endpoint.poll_event() {
            match event {
                Event::Readable(stream) if stream.class() == Class::Bulk => {
                    self.read_file(number, handle, stream);
                }
                Event::Readable(stream) => self.answer(number, handle, stream),
                Event::Closed(error) => panic!("flow {number} ended: {error}"),
                Event::Connected { .. }
                | Event::Opened(_)
                | Event::Writable(_)
                | Event::Finished(_)
                | Event::Stopped(..)
                | Event::PathChanged(_)
                | Event::NewToken(_) => {}
            }
        }
    }

    fn connected(&mut self, number: usize, handle: ConnectionHandle) {
        let endpoint = &mut self.hosts[number * 2].endpoint;
        let progress = &mut self.progress[number];
        progress.bulk = endpoint.open(handle, Class::Bulk).ok();
        progress.chat = endpoint.open(handle, Class::Chat).ok();
        progress.outcome.connected = Some(self.now - Instant::ZERO);
        self.write(number);
    }

    /// Writes of the file as much as there is room for.
    fn write(&mut self, number: usize) {
        let Host { endpoint, handle, .. } = &mut self.hosts[number * 2];
        let progress = &mut self.progress[number];
        let (Some(handle), Some(stream)) = (*handle, progress.bulk) else { return };
        let total = self.flows[number].bytes;
        while progress.written < total {
            let from = (progress.written % PERIOD as u64) as usize;
            let len = (total - progress.written).min(64 << 10) as usize;
            let piece = &self.pattern[from..from + len];
            let taken = endpoint.write(handle, stream, piece).expect("an open stream");
            progress.written += taken as u64;
            if progress.written == total {
                endpoint.finish(handle, stream).expect("an open stream");
            }
            if taken < len {
                break;
            }
        }
    }

    fn read_file(&mut self, number: usize, handle: ConnectionHandle, stream: StreamId) {
        let endpoint = &mut self.hosts[number * 2 + 1].endpoint;
        let progress = &mut self.progress[number];
        let mut bytes = Vec::new();
        while let Ok(Read::More) = endpoint.read(handle, stream, 64 << 10, &mut bytes) {}
        for piece in bytes.chunks(64 << 10) {
            let from = (progress.read % PERIOD as u64) as usize;
            assert!(*piece == self.pattern[from..from + piece.len()], "bytes arrived wrong");
            progress.read += piece.len() as u64;
        }
        if progress.read == self.flows[number].bytes && progress.outcome.complete.is_none() {
            progress.outcome.complete = Some(self.now - Instant::ZERO);
        }
    }

    /// The receiver sends every message back.
    fn answer(&mut self, number: usize, handle: ConnectionHandle, stream: StreamId) {
        let endpoint = &mut self.hosts[number * 2 + 1].endpoint;
        let mut bytes = Vec::new();
        let _ = endpoint.read(handle, stream, usize::MAX, &mut bytes);
        let taken = endpoint.write(handle, stream, &bytes).expect("an open stream");
        assert_eq!(taken, bytes.len(), "room for messages");
    }

    fn read_answers(&mut self, number: usize, handle: ConnectionHandle, stream: StreamId) {
        let endpoint = &mut self.hosts[number * 2].endpoint;
        let progress = &mut self.progress[number];
        let mut bytes = Vec::new();
        let _ = endpoint.read(handle, stream, usize::MAX, &mut bytes);
        progress.answer += bytes.len();
        while progress.answer >= MESSAGE {
            progress.answer -= MESSAGE;
            let asked = progress.asked.pop_front().expect("no more answers than messages");
            progress.outcome.round_trips.push(self.now - asked);
        }
    }

    /// Sends the messages that are due.
    fn say(&mut self, number: usize) {
        let Some(every) = self.flows[number].message_every else { return };
        let Host { endpoint, handle, .. } = &mut self.hosts[number * 2];
        let progress = &mut self.progress[number];
        let (Some(handle), Some(stream)) = (*handle, progress.chat) else { return };
        while progress.next_message <= self.now {
            let taken = endpoint.write(handle, stream, &[7; MESSAGE]).expect("an open stream");
            assert_eq!(taken, MESSAGE, "room for messages");
            progress.asked.push_back(self.now);
            progress.next_message = self.now + every;
        }
    }

    fn transmit(&mut self, host: usize) {
        let mut buffer = Vec::new();
        while let Some(transmit) =
            self.hosts[host].endpoint.poll_transmit(self.now, &mut buffer, 64)
        {
            let to = host ^ 1;
            debug_assert_eq!(self.hosts[to].address, transmit.destination);
            for bytes in buffer.chunks(transmit.segment_size) {
                self.send(host, to, bytes);
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let is_sender = from.is_multiple_of(2);
        self.answers[from / 2] += u64::from(!is_sender);
        let goes_there = is_sender == (self.flows[from / 2].direction == Direction::There);
        let Way { bottleneck, queue, behind } = &mut self.lanes[usize::from(!goes_there)];
        if bottleneck.waiting(self.now) > *queue {
            return;
        }
        let at = bottleneck.pass(self.now, bytes.len() as u64 + HEADERS);
        let mut deliveries = Vec::new();
        behind.send(at, bytes.to_vec(), &mut deliveries);
        for Delivery { at, bytes } in deliveries {
            self.sent += 1;
            self.arrivals.push(Reverse(Arrival { at, order: self.sent, host: to, from, bytes }));
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let arrival = self.arrivals.peek().map(|arrival| arrival.0.at);
        let timers = self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout());
        let says = self.flows.iter().zip(&self.progress).filter_map(|(flow, progress)| {
            (flow.message_every.is_some() && progress.chat.is_some())
                .then_some(progress.next_message)
        });
        let begins = self.flows.iter().zip(self.hosts.chunks(2)).filter_map(|(flow, hosts)| {
            hosts[0].handle.is_none().then_some(Instant::ZERO + flow.start)
        });
        timers.map(|deadline| deadline.at).chain(arrival).chain(says).chain(begins).min()
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Rate(rate) => self.lanes[0].bottleneck.set_rate(self.now, rate),
            Change::Cut => self.lanes.iter_mut().for_each(|way| way.behind.cut()),
            Change::Mend => self.lanes.iter_mut().for_each(|way| way.behind.mend()),
        }
    }

    /// Hands over what has arrived, and lets timers fire.
    fn arrive(&mut self) {
        while self.arrivals.peek().is_some_and(|arrival| arrival.0.at <= self.now) {
            let Some(Reverse(mut arrival)) = self.arrivals.pop() else { break };
            let source = Source { address: self.hosts[arrival.from].address, ecn: Ecn::NotCapable };
            let endpoint = &mut self.hosts[arrival.host].endpoint;
            endpoint.handle_datagram(self.now, source, &mut arrival.bytes);
        }
        for host in &mut self.hosts {
            if host.endpoint.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
                host.endpoint.handle_timeout(self.now);
            }
        }
    }

    fn finish(mut self) -> Vec<Outcome> {
        for (number, progress) in self.progress.iter_mut().enumerate() {
            progress.outcome.answers = self.answers[number];
            let Host { endpoint, handle, .. } = &self.hosts[number * 2];
            if let Some(stats) = handle.and_then(|handle| endpoint.stats(handle)) {
                progress.outcome.datagrams = (stats.datagrams_sent, stats.datagrams_lost);
            }
        }
        self.progress.into_iter().map(|progress| progress.outcome).collect()
    }
}
