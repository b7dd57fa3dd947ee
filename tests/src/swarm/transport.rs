//! A server and some clients on bare endpoints. Each client has loads to deliver and does not
//! rest before the server has them: when a connection ends, it makes another and sends again what
//! was not acknowledged.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use wire::{Accept, Class, ConnectionHandle, Identify, Seed, TransportConfig};

use crate::dice::{Dice, Probability};
use crate::faults::{Fault, Faults, add_client, any_link};
use crate::network::{HostId, Site};
use crate::swarm::Report;
use crate::trace::Sink;
use crate::traffic::Traffic;
use crate::world::{World, WorldOptions};

/// How often clients look after their connections.
const TICK: Duration = Duration::from_millis(200);
/// Everything must be over this long after the last fault: an idle time-out, a handshake and a
/// transfer.
const CONVERGENCE: Duration = Duration::from_secs(120);

/// A load on its way to the server. Each attempt has a tag of its own.
struct Load {
    class: Class,
    len: u64,
    attempt: Option<u64>,
}

#[derive(Default)]
struct Client {
    /// The connection in use.
    handle: Option<ConnectionHandle>,
    loads: Vec<Load>,
    lives: u32,
}

struct Swarm {
    seed: Seed,
    world: World<Traffic>,
    dice: Dice,
    transport: TransportConfig,
    server: HostId,
    clients: BTreeMap<HostId, Client>,
    next_tag: u64,
    /// Tags that arrived at any server, ever.
    arrived: BTreeSet<u64>,
    /// When hosts that crashed come back.
    asleep: BTreeMap<HostId, Duration>,
    datagrams: u64,
}

/// Runs a seed.
///
/// # Panics
/// When an invariant is broken.
pub(super) fn run(seed: &Seed, sink: Option<Sink>) -> Report {
    let mut swarm = Swarm::new(seed, sink);
    let mut faults = Faults::new(seed, &Fault::ALL);
    swarm.world.note(&format!("faults: {:?}", faults.enabled()));
    let hosts: Vec<HostId> = swarm.hosts().collect();
    for _ in 0..swarm.dice.between(1, 8) {
        swarm.live(faults.pause());
        swarm.add_load();
        if let Some(host) = faults.strike(&mut swarm.world, &hosts) {
            swarm.crash(host);
        }
        if swarm.dice.chance(Probability::percent(50.0)) {
            faults.mend(&mut swarm.world, &hosts);
        }
    }
    faults.end(&mut swarm.world, &hosts);
    swarm.converge();
    swarm.assert_quiet();
    let seconds = swarm.world.now().as_micros() / 1_000_000;
    Report { hash: swarm.world.hash(), seconds, datagrams: swarm.datagrams }
}

impl Swarm {
    fn new(seed: &Seed, sink: Option<Sink>) -> Self {
        let mut dice = Dice::new(seed, "swarm");
        let mut world = World::new(seed, WorldOptions::default(), sink);
        let transport = any_transport(&mut dice);
        world.note(&format!("{transport:?}"));
        let link = any_link(&mut dice);
        let server = world.add_host(Site::public("198.51.100.1:5000").linked(&link));
        let numbers = 1..=u8::try_from(dice.between(1, 4)).expect("few clients");
        let clients = numbers
            .map(|number| (add_client(&mut world, &mut dice, number), Client::default()))
            .collect();
        let mut swarm = Self {
            seed: seed.clone(),
            world,
            dice,
            transport,
            server,
            clients,
            next_tag: 0,
            arrived: BTreeSet::new(),
            asleep: BTreeMap::new(),
            datagrams: 0,
        };
        let hosts: Vec<HostId> = swarm.hosts().collect();
        for host in hosts {
            swarm.boot(host);
        }
        swarm.add_load();
        swarm
    }

    fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        core::iter::once(self.server).chain(self.clients.keys().copied().collect::<Vec<_>>())
    }

    /// Starts, or starts again, the program of a host: its key is what it keeps.
    fn boot(&mut self, host: HostId) {
        let seed = self.seed.derive(&format!("program {}", host.0));
        let accept = if host == self.server { Accept::Anyone } else { Accept::Announced };
        // What is drawn at random differs in each life.
        let lives = self.clients.get_mut(&host).map_or(0, |client| {
            client.lives += 1;
            client.lives
        });
        let life = seed.derive(&format!("life {lives} at {}", self.world.now()));
        let program = Traffic::restarted(&seed, &life, accept, self.transport.clone());
        self.world.boot(host, program);
        let address = self.world.network.address(self.server);
        self.world.ledger.solicit(host, address);
    }

    fn crash(&mut self, host: HostId) {
        if !self.world.is_up(host) {
            return;
        }
        self.collect_arrivals();
        let _ = self.world.crash(host);
        if let Some(client) = self.clients.get_mut(&host) {
            client.handle = None;
        }
        let away = self.dice.duration(Duration::from_millis(10), Duration::from_secs(5));
        self.asleep.insert(host, away);
    }

    /// Some client gets something to deliver.
    fn add_load(&mut self) {
        let hosts: Vec<HostId> = self.clients.keys().copied().collect();
        let host = *self.dice.pick(&hosts);
        for _ in 0..self.dice.between(1, 6) {
            let class = *self.dice.pick(&Class::ALL);
            let len = match self.dice.below(4) {
                0 => 0,
                1 => self.dice.below(100),
                2 => self.dice.below(5_000),
                _ => self.dice.below(300_000),
            };
            let load = Load { class, len, attempt: None };
            self.clients.get_mut(&host).expect("a client").loads.push(load);
        }
    }

    /// Lets time pass, with clients looking after their connections.
    fn live(&mut self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let step = left.min(TICK);
            left -= step;
            self.world.run_for(step);
            self.wake(step);
            let clients: Vec<HostId> = self.clients.keys().copied().collect();
            for host in
                clients.into_iter().filter(|host| self.world.is_up(*host)).collect::<Vec<_>>()
            {
                self.tend(host);
            }
        }
    }

    /// Hosts that crashed come back when their time has come.
    fn wake(&mut self, passed: Duration) {
        for left in self.asleep.values_mut() {
            *left = left.saturating_sub(passed);
        }
        let due: Vec<HostId> =
            self.asleep.iter().filter(|(_, left)| left.is_zero()).map(|(host, _)| *host).collect();
        for host in due {
            self.asleep.remove(&host);
            self.boot(host);
        }
    }

    /// A client connects when it is not, and sends what is not on its way.
    fn tend(&mut self, host: HostId) {
        let key = Traffic::key_of(&self.seed.derive(&format!("program {}", self.server.0)));
        let remote = self.world.network.address(self.server);
        let client = self.clients.get_mut(&host).expect("a client");
        let machine = self.world.machine(host);
        if client.handle.is_some_and(|handle| machine.down.contains_key(&handle)) {
            client.handle = None;
        }
        // Loads that the other side has are done; those of a dead connection begin anew.
        client
            .loads
            .retain(|load| !load.attempt.is_some_and(|tag| machine.acknowledged.contains(&tag)));
        let handle = match client.handle {
            Some(handle) => handle,
            None => {
                client.loads.iter_mut().for_each(|load| load.attempt = None);
                let ways = [(Some(key.public()), Identify::Known), (None, Identify::Anonymous)];
                let (key, identify) = *self.dice.pick(&ways);
                self.world.with(host, |machine, now| machine.connect(now, remote, key, identify))
            }
        };
        client.handle = Some(handle);
        for load in client.loads.iter_mut().filter(|load| load.attempt.is_none()) {
            let tag = self.next_tag;
            self.next_tag += 1;
            load.attempt = Some(tag);
            self.world.with(host, |machine, _| machine.send(handle, load.class, tag, load.len));
        }
    }

    /// Takes note of what the server has got, and that it got nothing twice.
    fn collect_arrivals(&mut self) {
        if self.world.is_up(self.server) {
            let arrivals =
                self.world.with(self.server, |server, _| core::mem::take(&mut server.arrivals));
            for arrival in arrivals {
                assert!(self.arrived.insert(arrival.tag), "load {} arrived twice", arrival.tag);
            }
        }
    }

    /// Without faults, everything gets done.
    fn converge(&mut self) {
        let start = self.world.now();
        while self.world.now() - start < CONVERGENCE {
            self.live(TICK);
            if self.asleep.is_empty() && self.clients.values().all(|c| c.loads.is_empty()) {
                self.world.note("everything is done");
                return;
            }
        }
        for (host, client) in &self.clients {
            let left = client.loads.len();
            assert!(left == 0, "{host:?} still has {left} loads {CONVERGENCE:?} after the faults");
        }
    }

    /// Then there is silence, but for keep-alives.
    fn assert_quiet(&mut self) {
        self.collect_arrivals();
        self.world.run_for(Duration::from_secs(5));
        let sent = |swarm: &Self| swarm.hosts().map(|h| swarm.world.datagrams_sent(h)).sum::<u64>();
        let before = sent(self);
        self.world.run_for(Duration::from_secs(10));
        self.datagrams = sent(self);
        let sent = self.datagrams - before;
        // Connections that lost their other side and do not know it yet probe it now and then.
        let most = 40 * self.clients.len() as u64;
        assert!(sent <= most, "{sent} datagrams in ten quiet seconds");
    }
}

fn any_transport(dice: &mut Dice) -> TransportConfig {
    let window = 1 << dice.between(14, 20);
    TransportConfig {
        idle_timeout: dice.duration(Duration::from_secs(5), Duration::from_secs(30)),
        keep_alive: dice.duration(Duration::from_secs(2), Duration::from_secs(10)),
        stream_window: window,
        connection_window: window * dice.between(1, 4),
        send_buffer: 1 << dice.between(13, 20),
        max_streams: dice.between(1, 64),
        rekey_after: dice.duration(Duration::from_secs(2), Duration::from_secs(120)),
        rekey_packets: dice.between(200, 100_000),
        ..TransportConfig::default()
    }
}
