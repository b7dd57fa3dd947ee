//! Endpoints over a network in virtual time: handshakes, calls, attacks, golden bytes.

mod attacks;
mod calls;
mod floods;
mod golden;
mod handshakes;
mod relays;
mod renewal;
mod replays;
mod statistics;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use super::*;
use crate::config::{Accept, TransportConfig};
use crate::crypto::static_key::{PublicKey, StaticKey};
use crate::datagram::CRC_LEN;
use crate::relay::Leg;

/// What the network does to every datagram.
#[derive(Clone, Copy, Debug)]
struct Weather {
    delay: Duration,
    /// Up to so much is added at random: this reorders.
    jitter: Duration,
    /// Each in percent.
    loss: u32,
    corruption: u32,
    duplication: u32,
}

impl Weather {
    const CLEAR: Self = Self {
        delay: Duration::from_millis(15),
        jitter: Duration::ZERO,
        loss: 0,
        corruption: 0,
        duplication: 0,
    };
}

/// A datagram on its way.
#[derive(Clone, Debug)]
struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Packet {
    fn kind(&self) -> u8 {
        self.bytes[0]
    }
}

/// A packet that never arrives, or one that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Deliver,
    Drop,
}

/// An endpoint at an address, and what it has told.
struct Host {
    endpoint: Endpoint,
    address: SocketAddr,
    events: Vec<(ConnectionHandle, Event)>,
}

struct World {
    now: Instant,
    hosts: Vec<Host>,
    weather: Weather,
    rng: ChaCha20Rng,
    flights: BTreeMap<(Instant, u64), Packet>,
    serial: u64,
    /// A second address of each host, if any: what goes to it arrives as if it came from the
    /// sender's second address, as through a relay.
    relayed: BTreeMap<SocketAddr, usize>,
    /// The server's ends of the legs of the first two hosts.
    legs: Vec<Leg>,
    /// Everything that was sent.
    sent: Vec<Packet>,
    filter: Box<dyn FnMut(&Packet) -> Fate>,
}

/// Of every path: larger datagrams vanish.
const MTU: usize = 1472;
const SERVER: usize = 0;
const CLIENT: usize = 1;

fn server_key() -> StaticKey {
    StaticKey::from_private([0x51; 32])
}

fn client_key() -> StaticKey {
    StaticKey::from_private([0xc1; 32])
}

fn config(static_key: StaticKey, accept: Accept) -> Config {
    Config {
        static_key,
        token_secret: [0x70; 32],
        token_epoch: 0,
        label: "tincan test",
        accept,
        transport: TransportConfig::default(),
    }
}

fn server_config() -> Config {
    config(server_key(), Accept::Anyone)
}

fn client_config() -> Config {
    config(client_key(), Accept::Announced)
}

fn address(host: usize) -> SocketAddr {
    format!("192.0.2.{}:4000", host + 1).parse().unwrap()
}

fn relay_server() -> SocketAddr {
    "198.51.100.1:5000".parse().unwrap()
}

/// A seed that differs by host and run.
fn seed(host: usize, run: u64) -> Seed {
    let mut bytes = [host as u8; 32];
    bytes[..8].copy_from_slice(&run.to_be_bytes());
    Seed::new(bytes)
}

impl World {
    /// A server and a client under a clear sky.
    fn new(run: u64) -> Self {
        Self::of(run, vec![server_config(), client_config()])
    }

    fn of(run: u64, configs: Vec<Config>) -> Self {
        let host = |(number, mut config): (usize, Config)| {
            // Everybody has a secret of his own.
            config.token_secret[0] ^= number as u8;
            Host {
                endpoint: Endpoint::new(config, &seed(number, run)),
                address: address(number),
                events: Vec::new(),
            }
        };
        Self {
            now: Instant::ZERO + Duration::from_secs(100),
            hosts: configs.into_iter().enumerate().map(host).collect(),
            weather: Weather::CLEAR,
            rng: seed(99, run).rng(),
            flights: BTreeMap::new(),
            serial: 0,
            relayed: BTreeMap::new(),
            legs: Vec::new(),
            sent: Vec::new(),
            filter: Box::new(|_| Fate::Deliver),
        }
    }

    /// The client connects with the server's key pinned.
    fn connect(&mut self, identify: Identify) -> ConnectionHandle {
        self.connect_with(Some(server_key().public()), identify, None)
    }

    fn connect_with(
        &mut self,
        server_key: Option<PublicKey>,
        identify: Identify,
        token: Option<[u8; 24]>,
    ) -> ConnectionHandle {
        let remote = self.hosts[SERVER].address;
        let connect = Connect { remote, server_key, identify, token };
        let handle = self.hosts[CLIENT].endpoint.connect(self.now, connect);
        self.drain();
        handle
    }

    /// Lets everybody send and tell what they have.
    fn drain(&mut self) {
        for number in 0..self.hosts.len() {
            let mut buffer = Vec::new();
            loop {
                let host = &mut self.hosts[number];
                let Some(transmit) = host.endpoint.poll_transmit(self.now, &mut buffer, 10) else {
                    break;
                };
                let from = host.address;
                for bytes in buffer.chunks(transmit.segment_size) {
                    self.send(Packet { from, to: transmit.destination, bytes: bytes.to_vec() });
                }
            }
            let host = &mut self.hosts[number];
            while let Some(event) = host.endpoint.poll_event() {
                host.events.push(event);
            }
            let due = host.endpoint.poll_timeout();
            assert!(due.is_none_or(|due| due.at > self.now), "{due:?} at {}", self.now);
        }
    }

    /// Puts a packet on the network, whoever made it.
    fn send(&mut self, packet: Packet) {
        self.sent.push(packet.clone());
        let too_large = packet.bytes.len() > MTU;
        if too_large || (self.filter)(&packet) == Fate::Drop || self.chance(self.weather.loss) {
            return;
        }
        let copies = if self.chance(self.weather.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            let mut packet = packet.clone();
            if self.chance(self.weather.corruption) {
                let bit = self.rng.next_u32() as usize % (packet.bytes.len() * 8);
                packet.bytes[bit / 8] ^= 1 << (bit % 8);
            }
            let jitter = self.weather.jitter * (self.rng.next_u32() % 1000) / 1000;
            self.serial += 1;
            let arrival = self.now + self.weather.delay + jitter;
            self.flights.insert((arrival, self.serial), packet);
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.next_u32() % 100 < percent
    }

    /// Hands a datagram to a host now. Says what it sends because of it.
    fn inject(&mut self, host: usize, from: SocketAddr, bytes: &[u8]) -> Vec<Packet> {
        let before = self.sent.len();
        let source = Source { address: from, ecn: Ecn::NotCapable };
        self.hosts[host].endpoint.handle_datagram(self.now, source, &mut bytes.to_vec());
        self.drain();
        self.sent[before..].to_vec()
    }

    /// Moves time to the next thing that happens; not beyond `until`. Says whether it did.
    fn step(&mut self, until: Instant) -> bool {
        let arrival = self.flights.first_key_value().map(|((at, _), _)| *at);
        let timers = self.hosts.iter().filter_map(|host| Some(host.endpoint.poll_timeout()?.at));
        let Some(next) = timers.chain(arrival).min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.flights.first_entry()
            && entry.key().0 <= self.now
        {
            let packet = entry.remove();
            self.deliver(packet);
        }
        for host in &mut self.hosts {
            host.endpoint.handle_timeout(self.now);
        }
        self.drain();
        true
    }

    fn deliver(&mut self, mut packet: Packet) {
        if packet.to == relay_server() {
            return self.relay(&mut packet.bytes);
        }
        let number =
            |hosts: &[Host], address| hosts.iter().position(|host| host.address == address);
        let (to, from) = match self.relayed.get(&packet.to) {
            Some(host) => {
                let sender = number(&self.hosts, packet.from);
                let alias = self.relayed.iter().find(|(_, host)| Some(**host) == sender);
                (Some(*host), *alias.expect("both sides use the relay").0)
            }
            None => (number(&self.hosts, packet.to), packet.from),
        };
        if let Some(to) = to {
            let source = Source { address: from, ecn: Ecn::NotCapable };
            self.hosts[to].endpoint.handle_datagram(self.now, source, &mut packet.bytes);
        }
    }

    /// What a server does with RELAY.
    fn relay(&mut self, datagram: &mut [u8]) {
        for host in 0..self.legs.len() {
            let Ok(carried) = self.legs[host].open(datagram) else { continue };
            let other = 1 - host;
            let bytes = [self.legs[other].seal().as_slice(), carried].concat();
            let to = self.hosts[other].address;
            return self.send(Packet { from: relay_server(), to, bytes });
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Runs until something holds. Says how long it took; `None` when it did not come about.
    fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> Option<Duration> {
        let began = self.now;
        while !holds(self) {
            if !self.step(began + limit) {
                return None;
            }
        }
        Some(self.now - began)
    }

    /// The connection that a host was told is up.
    fn connected(&self, host: usize) -> Option<ConnectionHandle> {
        self.hosts[host]
            .events
            .iter()
            .find_map(|(handle, event)| matches!(event, Event::Connected { .. }).then_some(*handle))
    }

    /// How many connections came up at a host.
    fn connections(&self, host: usize) -> usize {
        let up = |(_, event): &&(_, Event)| matches!(event, Event::Connected { .. });
        self.hosts[host].events.iter().filter(up).count()
    }

    fn both_connected(&self) -> bool {
        self.hosts.iter().all(|host| {
            host.events.iter().any(|(_, event)| matches!(event, Event::Connected { .. }))
        })
    }

    /// Why a connection of a host ended.
    fn closed(&self, host: usize) -> Option<&ConnectionError> {
        self.hosts[host].events.iter().find_map(|(_, event)| {
            if let Event::Closed(error) = event { Some(error) } else { None }
        })
    }

    fn counters(&self, host: usize) -> Counters {
        self.hosts[host].endpoint.counters()
    }

    /// The packets of a kind that a host has sent.
    fn sent_by(&self, host: usize, kind: u8) -> Vec<Packet> {
        let from = self.hosts[host].address;
        self.sent
            .iter()
            .filter(|packet| packet.from == from && packet.kind() == kind)
            .cloned()
            .collect()
    }

    /// Sends a text over a new stream from the client and expects it at the server.
    fn assert_talks(&mut self, client: usize, server: usize) {
        let (a, b) = (self.connected(client).unwrap(), self.connected(server).unwrap());
        let stream = self.hosts[client].endpoint.open(a, Class::Chat).unwrap();
        assert_eq!(self.hosts[client].endpoint.write(a, stream, b"hello"), Ok(5));
        self.drain();
        let mut out = Vec::new();
        let deadline = self.now + Duration::from_secs(20);
        while out.len() < 5 && self.step(deadline) {
            let _ = self.hosts[server].endpoint.read(b, stream, 100, &mut out);
        }
        assert_eq!(out, b"hello");
    }

    /// Replaces a host by one that remembers nothing but its configuration.
    fn restart(&mut self, host: usize, config: Config, run: u64) {
        self.hosts[host].endpoint = Endpoint::new(config, &seed(host, run));
        self.hosts[host].events.clear();
    }
}

/// What a server was told of a client's address.
fn any_address(number: u32) -> SocketAddr {
    let [a, b, c, d] = number.to_be_bytes();
    SocketAddr::from(([10 + a, b, c, d], 4000))
}

/// The same datagram with its checksum made to fit, as an attacker does.
fn fix_crc(datagram: &mut Vec<u8>) {
    datagram.truncate(datagram.len() - CRC_LEN);
    crate::datagram::append_crc(datagram, 0);
}
