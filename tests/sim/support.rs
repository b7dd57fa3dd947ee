//! A server and a client, or two peers, and what scenarios ask of them.

use core::time::Duration;
use std::collections::BTreeSet;

use sim::swarm::seed;
use sim::trace::Sink;
use sim::traffic::Traffic;
use sim::{HostId, Impairment, Loss, Probability, Site, World, WorldOptions};
use wire::time::Instant;
use wire::{Accept, Class, ConnectionHandle, Identify, TransportConfig};

pub(crate) const SERVER: &str = "198.51.100.1:5000";
pub(crate) const CLIENT: &str = "203.0.113.7:6000";

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn percent(percent: f64) -> Probability {
    Probability::percent(percent)
}

pub(crate) fn loss(share: f64) -> Loss {
    Loss::Random(percent(share))
}

/// Loss in bursts of three on average.
pub(crate) fn burst_loss(share: f64) -> Loss {
    // Bad p / (p + r) of the time, r = 1/3.
    let to_bad = percent(share / (100.0 - share) * 100.0 / 3.0);
    let (in_bad, in_good) = (Probability::ALWAYS, Probability::NEVER);
    Loss::Burst { to_bad, to_good: percent(100.0 / 3.0), in_bad, in_good }
}

/// With `SIM_TRACE` set, every step is printed: for looking at one test with `--nocapture`.
fn sink() -> Option<Sink> {
    #[expect(clippy::print_stdout, reason = "asked for")]
    std::env::var_os("SIM_TRACE").map(|_| Box::new(|line: &str| println!("{line}")) as Sink)
}

/// A server and a client whose access link is bad in both directions.
pub(crate) struct Pair {
    pub(crate) world: World<Traffic>,
    pub(crate) server: HostId,
    pub(crate) client: HostId,
}

impl Pair {
    pub(crate) fn new(number: u64, link: &Impairment) -> Self {
        Self::with(number, link, &TransportConfig::default())
    }

    pub(crate) fn with(number: u64, link: &Impairment, transport: &TransportConfig) -> Self {
        let seed = seed(number);
        let mut world = World::new(&seed, WorldOptions::default(), sink());
        let server = world.add_host(Site::public(SERVER));
        let client = world.add_host(Site::public(CLIENT).linked(link));
        let program = |label, accept| Traffic::new(&seed.derive(label), accept, transport.clone());
        world.boot(server, program("server", Accept::Anyone));
        world.boot(client, program("client", Accept::Announced));
        let address = world.network.address(server);
        world.ledger.solicit(client, address);
        Self { world, server, client }
    }

    /// The client connects to the server that it knows.
    pub(crate) fn connect(&mut self) -> ConnectionHandle {
        let key = self.world.machine(self.server).key();
        let remote = self.world.network.address(self.server);
        self.world.with(self.client, |client, now| {
            client.connect(now, remote, Some(key), Identify::Known)
        })
    }

    /// The client connects, and it is up within ten seconds.
    pub(crate) fn connected(&mut self) -> ConnectionHandle {
        let handle = self.connect();
        let client = self.client;
        let up = self
            .world
            .run_until(seconds(10), |world| world.machine(client).up.contains_key(&handle));
        assert!(up, "not connected after ten seconds");
        handle
    }

    /// The client sends loads, and all arrive at the server once, within `limit`. Says how long
    /// it took.
    pub(crate) fn transfer(
        &mut self,
        handle: ConnectionHandle,
        loads: &[(Class, u64)],
        limit: Duration,
    ) -> Duration {
        let (server, client) = (self.server, self.client);
        let start = self.world.now();
        let before = self.world.machine(server).arrivals.len();
        self.world.with(client, |client, _| {
            for (number, (class, len)) in (before as u64..).zip(loads) {
                client.send(handle, *class, number, *len);
            }
        });
        let all = before + loads.len();
        let done = self.world.run_until(limit, |world| {
            world.machine(server).arrivals.len() >= all && world.machine(client).is_done()
        });
        let machine = self.world.machine(server);
        assert!(
            done,
            "{} of {all} loads arrived in {limit:?}; client {:?}, {:?}",
            machine.arrivals.len(),
            self.world.machine(client).down,
            self.world.machine(client).endpoint.stats(handle),
        );
        let tags: BTreeSet<u64> = machine.arrivals.iter().map(|arrival| arrival.tag).collect();
        assert_eq!(tags.len(), machine.arrivals.len(), "each load arrives once");
        machine.arrivals.iter().map(|arrival| arrival.at).max().unwrap_or(start) - start
    }

    /// Nothing but keep-alives flows any more once the link is good.
    pub(crate) fn assert_quiet(&mut self) {
        let good = Impairment { delay: millis(20), ..Impairment::default() };
        self.world.network.impair(self.world.now(), self.client, &good);
        // The last acknowledgements and window updates may still be under way.
        self.world.run_for(seconds(5));
        let sent = |world: &World<Traffic>, pair: [HostId; 2]| -> u64 {
            pair.iter().map(|host| world.datagrams_sent(*host)).sum()
        };
        let hosts = [self.server, self.client];
        let before = sent(&self.world, hosts);
        self.world.run_for(seconds(20));
        let after = sent(&self.world, hosts);
        // A PING and its answer each ten seconds and side.
        assert!(after - before <= 16, "{} datagrams in 20 idle seconds", after - before);
    }
}

/// A share of a link's rate as goodput, in per cent.
pub(crate) fn share_of(rate: u64, bytes: u64, took: Duration) -> u64 {
    let possible = u128::from(rate) * took.as_micros() / 8_000_000;
    u64::try_from(u128::from(bytes) * 100 / possible.max(1)).expect("a small number")
}

/// The value at `percent` of the sorted list.
pub(crate) fn percentile(mut values: Vec<Duration>, percent: usize) -> Duration {
    values.sort();
    values[(values.len() - 1) * percent / 100]
}

/// How long after `start` each of these moments was.
pub(crate) fn since(start: Instant, moments: impl IntoIterator<Item = Instant>) -> Vec<Duration> {
    moments.into_iter().map(|at| at - start).collect()
}
