//! A crowd that comes back all at once after a restart of the server. Only what is due is touched,
//! so that thousands of clients are affordable.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use rand_core::RngCore;
use rendezvous::sqlite::SqliteStore;
use rendezvous::{
    Config, NewAccount, NewIdentity, Policy, Secrets, Server, StoreOutcome, StoreRequest,
};
use wire::app::framing::{Deframer, encode};
use wire::app::identity::Identity;
use wire::app::server::{ClientMessage, LABEL, Refusal, Request, Response, ServerMessage};
use wire::time::{Duration, Instant};
use wire::{
    Accept, Class, Connect, ConnectionHandle, Ecn, Endpoint, Event, Identify, Node, Seed, Source,
    StaticKey, StreamId, TransportConfig,
};

use crate::world::{CHEAP, EPOCH, name};

/// Time goes in steps, as for a server with much to do: what comes within one is answered at once.
const STEP: Duration = Duration::from_millis(20);
/// The longest way from or to the server; each client has its own.
const LONGEST_DELAY_MS: u64 = 100;
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);
/// Waits of the client program: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// One client program with a device's key, which connects again whenever it is cut off.
struct Client {
    user: String,
    address: SocketAddr,
    endpoint: Endpoint,
    handle: Option<ConnectionHandle>,
    stream: Option<StreamId>,
    incoming: Deframer,
    token: Option<[u8; 24]>,
    logged_in: bool,
    wait: Duration,
    /// When it tries again.
    retry_at: Option<Instant>,
    /// When it has something to say.
    speak_at: Option<Instant>,
    rng: rand_chacha::ChaCha20Rng,
}

struct Crowd {
    now: Instant,
    secrets: Secrets,
    server: Server,
    store: SqliteStore,
    clients: Vec<Client>,
    by_address: BTreeMap<SocketAddr, usize>,
    /// When each client that has something to wait for is to be looked at.
    due: BTreeSet<(Instant, usize)>,
    line: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
    /// What the server refused, and how sessions ended.
    refused: Vec<Refusal>,
    ends: BTreeMap<String, usize>,
}

impl Crowd {
    /// Clients with accounts, logged in one after another.
    fn logged_in(addresses: impl Iterator<Item = SocketAddr>) -> Self {
        let secrets = Secrets::generate(&mut Seed::new([42; 32]).rng());
        let server = server(&secrets, 0);
        let mut crowd = Self {
            now: Instant::ZERO,
            secrets,
            server,
            store: SqliteStore::open_in_memory().unwrap(),
            clients: Vec::new(),
            by_address: BTreeMap::new(),
            due: BTreeSet::new(),
            line: BTreeMap::new(),
            sent: 0,
            refused: Vec::new(),
            ends: BTreeMap::new(),
        };
        for (n, address) in addresses.enumerate() {
            crowd.add(n, address);
            crowd.connect(n);
            // Far below the rate of one prefix, and so of all.
            if n % 10 == 9 {
                crowd.run(Duration::from_millis(200), |_| false);
            }
        }
        assert!(crowd.run(Duration::from_secs(30), Self::all_are_in), "{:?}", crowd.ends);
        assert_eq!(crowd.refused, []);
        crowd
    }

    fn add(&mut self, n: usize, address: SocketAddr) {
        let user = format!("user{n}");
        let seed = Seed::new([7; 32]).derive(&user);
        let mut rng = seed.rng();
        let mut secret = || {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let (static_key, identity) =
            (StaticKey::from_private(secret()), Identity::from_secret(&secret()));
        let account = NewAccount {
            name: name(&user),
            record: vec![0; 192],
            stretch: CHEAP,
            identity: Some(NewIdentity {
                identity: identity.public(),
                certificate: identity.certify(&user, static_key.public(), 1),
                sealed: vec![5; 80],
            }),
            now: EPOCH,
        };
        let outcomes = self.store.execute(&[StoreRequest::CreateAccount(Box::new(account))]);
        assert!(matches!(outcomes[..], [StoreOutcome::Session(_)]), "{outcomes:?}");
        let config = wire::Config {
            static_key,
            token_secret: [0; 32],
            token_epoch: 0,
            label: LABEL,
            accept: Accept::Announced,
            transport: TransportConfig::default(),
        };
        self.by_address.insert(address, n);
        self.clients.push(Client {
            user,
            address,
            endpoint: Endpoint::new(config, &seed.derive("endpoint")),
            handle: None,
            stream: None,
            incoming: Deframer::default(),
            token: None,
            logged_in: false,
            wait: RETRY.0,
            retry_at: None,
            speak_at: None,
            rng,
        });
    }

    fn connect(&mut self, n: usize) {
        let client = &mut self.clients[n];
        let connect = Connect {
            remote: SERVER,
            server_key: Some(self.secrets.public_key()),
            identify: Identify::Known,
            token: client.token,
        };
        client.incoming = Deframer::default();
        client.retry_at = None;
        client.handle = Some(client.endpoint.connect(self.now, connect));
        self.touch(n);
    }

    /// The server dies and is there again, with what the store holds; every client has something
    /// to say to it within that time.
    fn restart(&mut self, within: Duration) {
        self.server = server(&self.secrets, 1);
        self.server.set_unix_time(self.now, EPOCH);
        self.line.clear();
        for n in 0..self.clients.len() {
            let client = &mut self.clients[n];
            client.logged_in = false;
            client.speak_at = Some(self.now + within * (client.rng.next_u32() % 1024) / 1024);
            self.touch(n);
        }
    }

    fn all_are_in(&mut self) -> bool {
        self.clients.iter().all(|client| client.logged_in)
    }

    /// Lets at most so much time pass until something is so; says whether it is.
    fn run(&mut self, most: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + most;
        let mut checked = self.now;
        loop {
            // Looking at all is dear.
            if self.now - checked >= Duration::from_millis(100) {
                checked = self.now;
                if done(self) {
                    return true;
                }
            }
            let arrival = self.line.keys().next().map(|(at, _)| *at);
            let client = self.due.first().map(|(at, _)| *at);
            let server = self.server.poll_timeout().map(|deadline| deadline.at);
            let next = [arrival, client, server].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            let steps =
                (next.saturating_since(Instant::ZERO)).as_micros().div_ceil(STEP.as_micros());
            let next = Instant::ZERO + STEP * u32::try_from(steps).unwrap();
            self.step(self.now.max(next));
        }
        self.now = end;
        done(self)
    }

    fn step(&mut self, now: Instant) {
        self.now = now;
        while let Some(entry) = self.line.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to, from, mut bytes) = entry.remove();
            let source = Source { address: from, ecn: Ecn::NotCapable };
            if to == SERVER {
                self.server.handle_datagram(now, source, &mut bytes);
            } else {
                let n = self.by_address[&to];
                self.clients[n].endpoint.handle_datagram(now, source, &mut bytes);
                self.touch(n);
            }
        }
        while let Some((_, n)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.pop_first();
            let client = &mut self.clients[n];
            client.endpoint.handle_timeout(now);
            if client.speak_at.take_if(|at| *at <= now).is_some() {
                client.write(Request::Candidates(Vec::new()));
            }
            if client.retry_at.is_some_and(|at| at <= now) {
                self.connect(n);
            }
            self.touch(n);
        }
        if self.server.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.server.handle_timeout(now);
        }
        while let Some((ticket, request)) = self.server.poll_store() {
            let outcome = self.store.execute(&[request]).remove(0);
            self.server.handle_stored(now, ticket, outcome);
        }
        let mut buffer = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(now, &mut buffer, 4) {
            for bytes in buffer.chunks(transmit.segment_size) {
                self.sent += 1;
                let to = transmit.destination;
                let delay = delay(self.by_address[&to]);
                self.line.insert((now + delay, self.sent), (to, SERVER, bytes.to_vec()));
            }
        }
    }

    /// Takes what a client has to tell and to send.
    fn touch(&mut self, n: usize) {
        let now = self.now;
        let client = &mut self.clients[n];
        while let Some((handle, event)) = client.endpoint.poll_event() {
            if Some(handle) != client.handle {
                continue;
            }
            match event {
                Event::Connected { .. } => {
                    client.stream = Some(client.endpoint.open(handle, Class::Control).unwrap());
                    client.write(Request::Resume(name(&client.user)));
                }
                Event::Readable(stream) => self.refused.extend(client.read(handle, stream)),
                Event::NewToken(token) => client.token = Some(token),
                Event::Closed(error) => {
                    *self.ends.entry(error.to_string()).or_default() += 1;
                    client.on_closed(now);
                }
                _ => {}
            }
        }
        let mut buffer = Vec::new();
        while let Some(transmit) = client.endpoint.poll_transmit(now, &mut buffer, 4) {
            for bytes in buffer.chunks(transmit.segment_size) {
                self.sent += 1;
                let datagram = (transmit.destination, client.address, bytes.to_vec());
                self.line.insert((now + delay(n), self.sent), datagram);
            }
        }
        let timeout = client.endpoint.poll_timeout().map(|deadline| deadline.at);
        // Earlier entries stay and find nothing to do.
        if let Some(at) = timeout.into_iter().chain(client.retry_at).chain(client.speak_at).min() {
            self.due.insert((at.max(now + Duration::from_micros(1)), n));
        }
    }
}

impl Client {
    fn write(&mut self, request: Request) {
        let bytes = encode(&ClientMessage::Request { id: 1, request });
        // Whoever is just being cut off has nothing to write to.
        if let (Some(handle), Some(stream)) = (self.handle, self.stream) {
            let _ = self.endpoint.write(handle, stream, &bytes);
        }
    }

    /// Reads what the server says; gives what it refuses.
    fn read(&mut self, handle: ConnectionHandle, stream: StreamId) -> Vec<Refusal> {
        let mut refused = Vec::new();
        self.endpoint.read(handle, stream, usize::MAX, self.incoming.buffer()).unwrap();
        while let Some(message) = self.incoming.next().unwrap() {
            match message {
                ServerMessage::Response { response: Response::Welcome(_), .. } => {
                    self.logged_in = true;
                    self.wait = RETRY.0;
                }
                ServerMessage::Response { response: Response::Refused(why), .. } => {
                    refused.push(why);
                }
                _ => {}
            }
        }
        refused
    }

    fn on_closed(&mut self, now: Instant) {
        (self.handle, self.stream, self.logged_in) = (None, None, false);
        let wait = self.wait * (768 + self.rng.next_u32() % 257) / 1024;
        self.wait = (self.wait * 2).min(RETRY.1);
        self.retry_at = Some(now + wait);
    }
}

fn delay(client: usize) -> Duration {
    Duration::from_millis(client as u64 * 37 % LONGEST_DELAY_MS)
}

fn server(secrets: &Secrets, start: u8) -> Server {
    let policy = Policy { stretch: CHEAP, ..Policy::default() };
    Server::new(Config::new(secrets, policy), &Seed::new([50 + start; 32]))
}

/// How long it takes until all are back, when none is refused anything.
fn time_until_all_are_back(
    addresses: impl Iterator<Item = SocketAddr>,
    within: Duration,
) -> Duration {
    let mut crowd = Crowd::logged_in(addresses);
    let began = crowd.now;
    crowd.ends.clear();
    crowd.restart(within);
    assert!(crowd.run(Duration::from_secs(120), Crowd::all_are_in), "{:?}", crowd.ends);
    assert_eq!(crowd.refused, [], "{:?}", crowd.ends);
    crowd.now - began
}

/// Security acceptance J03, with as many as a test can afford, since each who comes is told to all:
/// more than the handshakes that are load, so that all need tokens [W-25].
#[test]
fn five_hundred_from_everywhere_are_back_within_five_seconds_of_a_restart() {
    let everywhere = (0..500_u16).map(|n| {
        let [a, b] = n.to_be_bytes();
        SocketAddr::from(([10, 7, a, b], 6000))
    });
    let took = time_until_all_are_back(everywhere, Duration::from_millis(100));
    assert!(took <= Duration::from_secs(5), "{took:?}");
}

/// Security acceptance J03: behind one address the rate of one address is all there is [W-26].
#[test]
fn five_hundred_behind_five_addresses_are_back_within_ten_seconds_of_a_restart() {
    let behind_few = (0..500_u16).map(|n| {
        let host = u8::try_from(n % 5).unwrap();
        SocketAddr::from(([203, 0, 113, host], 10_000 + n))
    });
    let took = time_until_all_are_back(behind_few, Duration::from_secs(1));
    assert!(took <= Duration::from_secs(10), "{took:?}");
}
