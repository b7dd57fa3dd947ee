//! The clock, the queue, and a machine on each host.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use wire::time::Instant;
use wire::{Deadline, Ecn, Node, Seed, Source};

use crate::check::Ledger;
use crate::dice::{Dice, Probability};
use crate::network::{HostId, Network, Origin, Packet, Site};
use crate::trace::{Digest, Sink, Step, Trace};

/// Most steps at one instant: beyond it, the machines keep each other busy without time passing.
const MAX_STEPS_AT_ONCE: u64 = 200_000;

/// A program on a host: a core with whatever stands around it (its disk, its user).
pub trait Machine: Node {
    /// What comes to it other than datagrams and time: finished disk work, typed lines.
    type Input;

    /// Takes one input.
    fn handle_input(&mut self, now: Instant, input: Self::Input);

    /// Looks at what its core has to say. Called after everything else, until nothing changes.
    fn settle(&mut self, now: Instant);

    /// Work that takes time: the world hands it back as an input after a while. Handed back in
    /// the order in which it was given.
    fn poll_work(&mut self) -> Option<Self::Input>;

    /// Panics when an invariant of its own is broken: a queue or its memory over the cap.
    fn check(&self);
}

/// How the world behaves apart from the network.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// How long work takes: from the first to the second.
    pub work: (Duration, Duration),
    /// Chance that a socket refuses a datagram for a moment, and that a machine is called once
    /// more than needed: cores must bear both.
    pub fidget: Probability,
}

impl Default for WorldOptions {
    fn default() -> Self {
        let work = (Duration::from_micros(50), Duration::from_millis(5));
        Self { work, fidget: Probability::percent(1.0) }
    }
}

enum Event<I> {
    /// A datagram has left its sender's link.
    Route(Packet),
    /// A datagram has left its receiver's link.
    Deliver(HostId, Packet),
    /// Something else for the machine that ran in this life of the host.
    Input(HostId, u32, I),
    /// The host's socket takes datagrams again.
    Unblocked(HostId, u32),
}

struct Host<M> {
    machine: Option<M>,
    /// Counts starts: work of an earlier life is gone.
    life: u32,
    deadline: Option<Deadline>,
    work_done: Instant,
    /// Datagrams that wait because the socket refused the first of them.
    refused: VecDeque<(SocketAddr, Ecn, Vec<u8>)>,
    sent: u64,
    sent_bytes: u64,
    dice: Dice,
}

/// Everything there is.
pub struct World<M: Machine> {
    now: Instant,
    queue: BTreeMap<(Instant, u64), Event<M::Input>>,
    sequence: u64,
    hosts: Vec<Host<M>>,
    options: WorldOptions,
    seed: Seed,
    steps_now: u64,
    buffer: Vec<u8>,
    routed: Vec<(Instant, Packet)>,
    arriving: Vec<(Instant, HostId, Packet)>,
    /// Who is where.
    pub network: Network,
    /// What was sent to whom.
    pub ledger: Ledger,
    trace: Trace,
}

impl<M: Machine> World<M> {
    /// An empty world. Steps go to `sink` as text, if there is one.
    #[must_use]
    pub fn new(seed: &Seed, options: WorldOptions, sink: Option<Sink>) -> Self {
        Self {
            now: Instant::ZERO,
            queue: BTreeMap::new(),
            sequence: 0,
            hosts: Vec::new(),
            options,
            seed: seed.derive("world"),
            steps_now: 0,
            buffer: Vec::new(),
            routed: Vec::new(),
            arriving: Vec::new(),
            network: Network::new(seed.derive("network")),
            ledger: Ledger::default(),
            trace: Trace::new(sink),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The hash over everything that has happened.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.trace.hash()
    }

    /// Adds a host, which is down.
    pub fn add_host(&mut self, site: Site) -> HostId {
        let id = self.network.attach(site);
        let dice = Dice::new(&self.seed, &format!("host {}", id.0));
        self.hosts.push(Host {
            machine: None,
            life: 0,
            deadline: None,
            work_done: Instant::ZERO,
            refused: VecDeque::new(),
            sent: 0,
            sent_bytes: 0,
            dice,
        });
        id
    }

    /// Starts a machine on a host.
    pub fn boot(&mut self, host: HostId, machine: M) {
        self.note(&format!("host {} starts", host.0));
        let state = &mut self.hosts[host.0];
        assert!(state.machine.is_none(), "{host:?} is up already");
        state.machine = Some(machine);
        self.settle(host);
    }

    /// The host loses power: its machine stops in the middle of everything, and what it had
    /// not finished is lost. What was durable is inside the machine that is returned.
    pub fn crash(&mut self, host: HostId) -> Option<M> {
        self.note(&format!("host {} crashes", host.0));
        let state = &mut self.hosts[host.0];
        state.life += 1;
        state.deadline = None;
        state.refused.clear();
        state.machine.take()
    }

    /// The machine on a host.
    ///
    /// # Panics
    /// When the host is down.
    #[must_use]
    pub fn machine(&self, host: HostId) -> &M {
        self.hosts[host.0].machine.as_ref().expect("the host is up")
    }

    /// Whether the host is up.
    #[must_use]
    pub fn is_up(&self, host: HostId) -> bool {
        self.hosts[host.0].machine.is_some()
    }

    /// Does something with a machine now.
    ///
    /// # Panics
    /// When the host is down.
    pub fn with<R>(&mut self, host: HostId, act: impl FnOnce(&mut M, Instant) -> R) -> R {
        let machine = self.hosts[host.0].machine.as_mut().expect("the host is up");
        let result = act(machine, self.now);
        self.settle(host);
        result
    }

    /// Puts a datagram into the core that claims to come from `source`.
    pub fn forge(&mut self, source: SocketAddr, destination: SocketAddr, bytes: Vec<u8>) {
        let origin = Origin { host: None, sent: self.now, addressed: destination };
        let packet = Packet { source, destination, ecn: Ecn::NotCapable, bytes, origin };
        self.push(self.now, Event::Route(packet));
    }

    /// Says in the trace what the scenario does.
    pub fn note(&mut self, text: &str) {
        self.trace.record(self.now, &Step::Note(text));
    }

    /// Datagrams that the host has sent so far.
    #[must_use]
    pub fn datagrams_sent(&self, host: HostId) -> u64 {
        self.hosts[host.0].sent
    }

    /// Bytes of all datagrams that the host has sent so far, without IP's and UDP's.
    #[must_use]
    pub fn bytes_sent(&self, host: HostId) -> u64 {
        self.hosts[host.0].sent_bytes
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step(until) {}
        self.now = until;
    }

    /// Lets time pass until `done` holds, and says whether it did within `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                self.now = until;
                return done(self);
            }
        }
    }

    /// Does the next thing that is due by `until`; `false` when nothing is.
    fn step(&mut self, until: Instant) -> bool {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let timer = self.next_timer();
        let timer_at = timer.map(|(_, deadline)| deadline.at.max(self.now));
        let Some(next) = queued.into_iter().chain(timer_at).min() else { return false };
        if next > until {
            return false;
        }
        self.steps_now = if next > self.now { 0 } else { self.steps_now + 1 };
        assert!(self.steps_now < MAX_STEPS_AT_ONCE, "time stands still at {}", self.now);
        self.now = next;
        if queued == Some(next) {
            let (_, event) = self.queue.pop_first().expect("the queue has a first entry");
            self.happen(event);
        } else if let Some((host, deadline)) = timer {
            self.trace.record(self.now, &Step::Timer(host, deadline.timer));
            self.fire(host);
            self.settle(host);
        }
        true
    }

    fn next_timer(&self) -> Option<(HostId, Deadline)> {
        let timers = self.hosts.iter().enumerate();
        timers
            .filter_map(|(id, host)| host.deadline.map(|deadline| (HostId(id), deadline)))
            .min_by_key(|(id, deadline)| (deadline.at, *id))
    }

    fn happen(&mut self, event: Event<M::Input>) {
        match event {
            Event::Route(packet) => {
                let mut arriving = core::mem::take(&mut self.arriving);
                self.network.route(self.now, packet, &mut arriving);
                for (at, host, packet) in arriving.drain(..) {
                    self.push(at, Event::Deliver(host, packet));
                }
                self.arriving = arriving;
            }
            Event::Deliver(host, packet) => self.deliver(host, packet),
            Event::Input(host, life, input) => {
                let state = &mut self.hosts[host.0];
                if let Some(machine) = state.machine.as_mut().filter(|_| state.life == life) {
                    self.trace.record(self.now, &Step::Input(host));
                    machine.handle_input(self.now, input);
                    self.settle(host);
                }
            }
            Event::Unblocked(host, life) => {
                if self.hosts[host.0].life == life {
                    for (to, ecn, bytes) in core::mem::take(&mut self.hosts[host.0].refused) {
                        self.transmit(host, to, ecn, &bytes);
                    }
                    self.settle(host);
                }
            }
        }
    }

    fn deliver(&mut self, host: HostId, mut packet: Packet) {
        let state = &mut self.hosts[host.0];
        let Some(machine) = &mut state.machine else {
            self.trace.record(self.now, &Step::NobodyHome(host));
            return;
        };
        let digest = Digest::of(&packet.bytes);
        self.trace.record(self.now, &Step::Received(host, packet.source, digest));
        self.ledger.received(self.now, host, &packet);
        let source = Source { address: packet.source, ecn: packet.ecn };
        machine.handle_datagram(self.now, source, &mut packet.bytes);
        self.settle(host);
    }

    /// Fires the host's timer and holds the core to its contract.
    fn fire(&mut self, host: HostId) {
        let machine = self.hosts[host.0].machine.as_mut().expect("timers of hosts that are up");
        machine.handle_timeout(self.now);
        if let Some(Deadline { at, timer }) = machine.poll_timeout() {
            assert!(at > self.now, "{host:?}: timer {timer} is still due after handle_timeout");
        }
    }

    /// Lets a machine do all that follows from its last input.
    fn settle(&mut self, host: HostId) {
        let Host { machine: Some(machine), dice, .. } = &mut self.hosts[host.0] else { return };
        if dice.chance(self.options.fidget) {
            machine.handle_timeout(self.now);
        }
        loop {
            let state = &mut self.hosts[host.0];
            let Some(machine) = &mut state.machine else { return };
            machine.settle(self.now);
            while let Some(input) = machine.poll_work() {
                let took = state.dice.duration(self.options.work.0, self.options.work.1);
                state.work_done = state.work_done.max(self.now) + took;
                let key = (state.work_done, self.sequence);
                self.sequence += 1;
                self.queue.insert(key, Event::Input(host, state.life, input));
            }
            if !self.drain(host) {
                break;
            }
        }
        let state = &mut self.hosts[host.0];
        let Some(machine) = &state.machine else { return };
        machine.check();
        state.deadline = machine.poll_timeout();
    }

    /// Sends what the machine has to send, as far as its socket takes it; says whether it was
    /// anything.
    fn drain(&mut self, host: HostId) -> bool {
        let mut any = false;
        let mut buffer = core::mem::take(&mut self.buffer);
        loop {
            let state = &mut self.hosts[host.0];
            let Some(machine) = state.machine.as_mut().filter(|_| state.refused.is_empty()) else {
                break;
            };
            let most = state.dice.index(10) + 1;
            let Some(transmit) = machine.poll_transmit(self.now, &mut buffer, most) else { break };
            any = true;
            assert!(!buffer.is_empty(), "{host:?} sends nothing");
            let segments = buffer.len().div_ceil(transmit.segment_size);
            assert!(segments <= most, "{host:?} sends {segments} datagrams, asked for {most}");
            for datagram in buffer.chunks(transmit.segment_size) {
                self.transmit(host, transmit.destination, transmit.ecn, datagram);
            }
        }
        self.buffer = buffer;
        any
    }

    /// One datagram goes to the socket.
    fn transmit(&mut self, host: HostId, to: SocketAddr, ecn: Ecn, bytes: &[u8]) {
        let state = &mut self.hosts[host.0];
        if !state.refused.is_empty() {
            state.refused.push_back((to, ecn, bytes.to_vec()));
            return;
        }
        if state.dice.chance(self.options.fidget) {
            state.refused.push_back((to, ecn, bytes.to_vec()));
            let again = state.dice.duration(Duration::from_micros(10), Duration::from_millis(2));
            let life = state.life;
            self.push(self.now + again, Event::Unblocked(host, life));
            return;
        }
        state.sent += 1;
        state.sent_bytes += bytes.len() as u64;
        self.trace.record(self.now, &Step::Sent(host, to, Digest::of(bytes)));
        self.ledger.sent(self.now, host, to, bytes);
        let mut routed = core::mem::take(&mut self.routed);
        self.network.send(self.now, host, to, (ecn, bytes), &mut routed);
        for (at, packet) in routed.drain(..) {
            self.push(at, Event::Route(packet));
        }
        self.routed = routed;
    }

    fn push(&mut self, at: Instant, event: Event<M::Input>) {
        self.queue.insert((at, self.sequence), event);
        self.sequence += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Impairment, Loss};
    use wire::Transmit;

    /// Sends a number to its peer each 10 ms, answers each number with its bitwise opposite,
    /// and has its disk count the answers.
    #[derive(Default)]
    struct Pinger {
        peer: Option<SocketAddr>,
        next_at: Instant,
        outbox: Vec<(SocketAddr, Vec<u8>)>,
        work: Vec<u64>,
        answers: Vec<u64>,
    }

    const PERIOD: Duration = Duration::from_millis(10);

    impl Node for Pinger {
        fn handle_datagram(&mut self, _: Instant, source: Source, datagram: &mut [u8]) {
            let number = u64::from_be_bytes(*datagram.first_chunk().unwrap());
            match self.peer {
                Some(_) => self.work.push(!number),
                None => self.outbox.push((source.address, (!number).to_be_bytes().to_vec())),
            }
        }

        fn handle_timeout(&mut self, now: Instant) {
            if let Some(peer) = self.peer.filter(|_| now >= self.next_at) {
                self.outbox.push((peer, now.as_micros().to_be_bytes().to_vec()));
                self.next_at = now + PERIOD;
            }
        }

        fn poll_transmit(
            &mut self,
            _: Instant,
            buffer: &mut Vec<u8>,
            _: usize,
        ) -> Option<Transmit> {
            let (destination, bytes) = self.outbox.pop()?;
            buffer.clone_from(&bytes);
            Some(Transmit { destination, segment_size: bytes.len(), ecn: Ecn::NotCapable })
        }

        fn poll_timeout(&self) -> Option<Deadline> {
            self.peer.map(|_| Deadline { at: self.next_at, timer: "ping" })
        }
    }

    impl Machine for Pinger {
        type Input = u64;

        fn handle_input(&mut self, _: Instant, number: u64) {
            self.answers.push(number);
        }

        fn settle(&mut self, _: Instant) {}

        fn poll_work(&mut self) -> Option<u64> {
            self.work.pop()
        }

        fn check(&self) {
            assert!(self.outbox.len() < 10, "the outbox is drained");
        }
    }

    fn pair(seed: u8, loss: f64) -> (World<Pinger>, [HostId; 2]) {
        let link = Impairment {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(5),
            loss: Loss::Random(Probability::percent(loss)),
            ..Impairment::default()
        };
        let mut world = World::new(&Seed::new([seed; 32]), WorldOptions::default(), None);
        let server = world.add_host(Site::public("10.0.0.1:1").linked(&link));
        let client = world.add_host(Site::public("10.0.0.2:1").linked(&link));
        let peer = Some(world.network.address(server));
        world.boot(server, Pinger::default());
        world.boot(client, Pinger { peer, ..Pinger::default() });
        // This toy never learns who listens; the real cores must.
        let (server_address, client_address) =
            (world.network.address(server), world.network.address(client));
        world.ledger.solicit(client, server_address);
        world.ledger.solicit(server, client_address);
        (world, [server, client])
    }

    #[test]
    fn same_seed_same_run_and_other_seed_another() {
        let hash = |seed| {
            let (mut world, _) = pair(seed, 10.0);
            world.run_for(Duration::from_secs(2));
            world.hash()
        };
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn loss_happens_on_each_of_four_links() {
        let (mut world, [_, client]) = pair(1, 10.0);
        world.run_for(Duration::from_secs(20));
        let answered = world.machine(client).answers.len() as f64 / 2000.0;
        assert!((answered - 0.9f64.powi(4)).abs() < 0.05, "{answered}");
    }

    #[test]
    fn a_crash_loses_what_was_under_way() {
        let (mut world, [server, client]) = pair(1, 0.0);
        assert!(world.run_until(Duration::from_secs(1), |w| w.machine(client).answers.len() > 9));
        let durable = world.crash(client).unwrap();
        let before = durable.answers.len();
        world.run_for(Duration::from_secs(1));
        assert!(!world.is_up(client));
        let next_at = world.now();
        world.boot(client, Pinger { next_at, work: Vec::new(), ..durable });
        world.run_for(Duration::from_millis(75));
        assert_eq!(world.machine(client).answers.len(), before, "nothing of the former life");
        world.run_for(Duration::from_secs(1));
        assert!(world.machine(client).answers.len() > before + 80);
        world.network.separate(server, client);
        world.run_for(Duration::from_millis(100));
        let cut_off = world.machine(client).answers.len();
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.machine(client).answers.len(), cut_off);
        world.network.reunite_all();
        world.run_for(Duration::from_secs(1));
        assert!(world.machine(client).answers.len() > cut_off + 80);
    }

    #[test]
    #[should_panic(expected = "unproven")]
    fn answering_a_forged_source_at_length_is_noticed() {
        let (mut world, [server, _]) = pair(1, 0.0);
        let source = "10.9.9.9:9".parse().unwrap();
        let destination = world.network.address(server);
        world.forge(source, destination, vec![0; 8]);
        world.run_for(Duration::from_secs(1));
        for _ in 0..40 {
            world.with(server, |machine, _| machine.outbox.push((source, vec![0; 8])));
        }
    }
}
