//! A server, its store and scripted clients in virtual time, joined by a line with a delay.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use opaque_ke::argon2::Argon2;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialResponse, RegistrationResponse,
};
use rand_chacha::ChaCha20Rng;
use rendezvous::sqlite::SqliteStore;
use rendezvous::{Config, Policy, Secrets, Server, StoreOutcome, StoreRequest};
use wire::app::framing::{Deframer, encode};
use wire::app::identity::{DeviceCertificate, Identity};
use wire::app::login::{Stretch, Suite, context, identifiers};
use wire::app::name::Name;
use wire::app::server::{
    ClientMessage, LABEL, Notice, Refusal, Request, Response, ServerMessage, Welcome,
};
use wire::time::{Duration, Instant};
use wire::{
    Accept, Class, Connect, ConnectionError, ConnectionHandle, Ecn, Endpoint, Event, Identify,
    Node, PublicKey, Seed, Source, StaticKey, StreamId, TransportConfig,
};

/// Of every path: larger datagrams vanish.
const MTU: usize = 1472;
const DELAY: Duration = Duration::from_millis(10);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);
/// The wall clock at the start.
pub(crate) const EPOCH: u64 = 1_000_000;
pub(crate) const CHEAP: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// What the store does with requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Works,
    Fails,
    /// Answers nothing for now.
    Hangs,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) server: Server,
    pub(crate) store: SqliteStore,
    pub(crate) disk: Disk,
    /// Every request that the store has seen.
    pub(crate) asked: Vec<StoreRequest>,
    /// Every datagram that passed: to the server or from it, and its length.
    pub(crate) passed: Vec<(Toward, usize)>,
    pub(crate) secrets: Secrets,
    pub(crate) policy: Policy,
    clients: Vec<Client>,
    /// Datagrams under way, by arrival and a counter.
    line: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
    restarts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    Server,
    Client,
}

struct Datagram {
    /// `None`: the server.
    to: Option<usize>,
    from: SocketAddr,
    bytes: Vec<u8>,
}

/// One client program.
pub(crate) struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
    pub(crate) device: PublicKey,
    /// Nothing gets through in either direction.
    pub(crate) cut: bool,
    pub(crate) closed: Option<ConnectionError>,
    pub(crate) notices: Vec<Notice>,
    responses: VecDeque<(u64, Response)>,
    handle: Option<ConnectionHandle>,
    stream: Option<StreamId>,
    hash: [u8; 32],
    incoming: Deframer,
    next_id: u64,
    rng: ChaCha20Rng,
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        let secrets = Secrets::generate(&mut Seed::new([42; 32]).rng());
        let policy = Policy { stretch: CHEAP, ..policy };
        let server = Server::new(Config::new(&secrets, policy.clone()), &Seed::new([43; 32]));
        let mut world = Self {
            now: Instant::ZERO,
            server,
            store: SqliteStore::open_in_memory().unwrap(),
            disk: Disk::Works,
            asked: Vec::new(),
            passed: Vec::new(),
            secrets,
            policy,
            clients: Vec::new(),
            line: BTreeMap::new(),
            sent: 0,
            restarts: 0,
        };
        world.server.set_unix_time(world.now, EPOCH);
        world
    }

    /// The server crashes and starts anew; what the store has committed is still there.
    pub(crate) fn restart(&mut self) {
        self.restarts += 1;
        let seed = Seed::new([43 + self.restarts; 32]);
        self.server = Server::new(Config::new(&self.secrets, self.policy.clone()), &seed);
        self.server.set_unix_time(self.now, self.unix());
    }

    pub(crate) fn unix(&self) -> u64 {
        EPOCH + self.now.as_micros() / 1_000_000
    }

    /// A client whose identity and device follow from `secret`.
    pub(crate) fn client(&mut self, secret: u8) -> usize {
        let host = Ipv4Addr::new(198, 51, 100, u8::try_from(self.clients.len() + 1).unwrap());
        let static_key = StaticKey::from_private([secret.wrapping_add(100); 32]);
        let device = static_key.public();
        let config = wire::Config {
            static_key,
            token_secret: [0; 32],
            token_epoch: 0,
            label: LABEL,
            accept: Accept::Announced,
            transport: TransportConfig::default(),
        };
        let seed = Seed::new([self.clients.len() as u8 + 1; 32]);
        self.clients.push(Client {
            endpoint: Endpoint::new(config, &seed.derive("endpoint")),
            address: SocketAddr::from((host, 6000)),
            identity: Identity::from_secret(&[secret; 32]),
            device,
            cut: false,
            closed: None,
            notices: Vec::new(),
            responses: VecDeque::new(),
            handle: None,
            stream: None,
            hash: [0; 32],
            incoming: Deframer::default(),
            next_id: 1,
            rng: seed.derive("client").rng(),
        });
        self.clients.len() - 1
    }

    pub(crate) fn at(&mut self, client: usize) -> &mut Client {
        &mut self.clients[client]
    }

    /// Connects without or with the device's key.
    pub(crate) fn connect(&mut self, client: usize, identify: Identify) {
        let key = self.secrets.public_key();
        let now = self.now;
        let c = self.at(client);
        c.closed = None;
        c.stream = None;
        c.incoming = Deframer::default();
        c.notices.clear();
        c.responses.clear();
        let connect = Connect { remote: SERVER, server_key: Some(key), identify, token: None };
        c.handle = Some(c.endpoint.connect(now, connect));
        self.until("connected", |world| world.at(client).stream.is_some());
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(&mut self, client: usize, request: Request) -> u64 {
        let c = self.at(client);
        let id = c.next_id;
        c.next_id += 1;
        let bytes = encode(&ClientMessage::Request { id, request });
        let taken = c.endpoint.write(c.handle.unwrap(), c.stream.unwrap(), &bytes).unwrap();
        assert_eq!(taken, bytes.len());
        id
    }

    /// The answer to the oldest unanswered request.
    pub(crate) fn response(&mut self, client: usize, id: u64) -> Response {
        self.until("answered", |world| !world.at(client).responses.is_empty());
        let (answered, response) = self.at(client).responses.pop_front().unwrap();
        assert_eq!(answered, id, "answers come in order, one for each request");
        response
    }

    pub(crate) fn ask(&mut self, client: usize, request: Request) -> Response {
        let id = self.send(client, request);
        self.response(client, id)
    }

    pub(crate) fn refused(&mut self, client: usize, request: Request) -> Refusal {
        match self.ask(client, request) {
            Response::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// `RegisterStart`, and the `RegisterFinish` that follows from its answer.
    pub(crate) fn registration(&mut self, client: usize, user: &str, password: &[u8]) -> Request {
        let start = |message| Request::RegisterStart { name: name(user), message };
        let message = self.record(client, user, password, start);
        let c = self.at(client);
        Request::RegisterFinish {
            message,
            stretch: CHEAP,
            identity: c.identity.public(),
            certificate: c.certificate(user, 1),
            sealed_identity: vec![5; 80],
        }
    }

    /// A registration record, begun with this request.
    pub(crate) fn record(
        &mut self,
        client: usize,
        user: &str,
        password: &[u8],
        request: impl FnOnce(Vec<u8>) -> Request,
    ) -> Vec<u8> {
        let name = name(user);
        let c = self.at(client);
        let start = ClientRegistration::<Suite>::start(&mut c.rng, password).unwrap();
        let response = self.ask(client, request(start.message.serialize().to_vec()));
        let Response::Registering { message } = response else { panic!("{response:?}") };
        let response = RegistrationResponse::deserialize(&message).unwrap();
        let ksf = ksf();
        let parameters = ClientRegistrationFinishParameters::new(identifiers(&name), Some(&ksf));
        let c = self.at(client);
        let finish = start.state.finish(&mut c.rng, password, response, parameters).unwrap();
        finish.message.serialize().to_vec()
    }

    /// A new client that registers and stays logged in.
    pub(crate) fn registered(&mut self, secret: u8, user: &str) -> usize {
        let client = self.client(secret);
        self.connect(client, Identify::Anonymous);
        let finish = self.registration(client, user, b"password");
        let response = self.ask(client, finish);
        assert!(matches!(response, Response::Welcome(_)), "{response:?}");
        client
    }

    /// KE1 and the server's answer; `Err` when it refuses, `Ok(None)` when the client sees that
    /// the password is wrong, `Ok(KE3)` otherwise.
    pub(crate) fn login(
        &mut self,
        client: usize,
        user: &str,
        password: &[u8],
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let start = |message| Request::LoginStart { name: name(user), message };
        self.attempt(client, user, password, start)
    }

    /// The same, begun with this request.
    pub(crate) fn attempt(
        &mut self,
        client: usize,
        user: &str,
        password: &[u8],
        request: impl FnOnce(Vec<u8>) -> Request,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let name = name(user);
        let start = ClientLogin::<Suite>::start(&mut self.at(client).rng, password).unwrap();
        let response = self.ask(client, request(start.message.serialize().to_vec()));
        let (message, stretch) = match response {
            Response::LoggingIn { message, stretch } => (message, stretch),
            Response::Refused(refusal) => return Err(refusal),
            other => panic!("{other:?}"),
        };
        assert_eq!(message.len(), 320);
        assert_eq!(stretch, CHEAP);
        let ke2 = CredentialResponse::deserialize(&message).unwrap();
        let c = self.at(client);
        let context = context(&c.hash);
        let ksf = ksf();
        let parameters =
            ClientLoginFinishParameters::new(Some(&context), identifiers(&name), Some(&ksf));
        let finish = start.state.finish(&mut c.rng, password, ke2, parameters);
        Ok(finish.ok().map(|finish| finish.message.serialize().to_vec()))
    }

    /// A whole password login with the client's device.
    pub(crate) fn log_in(&mut self, client: usize, user: &str, generation: u64) -> Welcome {
        self.connect(client, Identify::Anonymous);
        let message = self.login(client, user, b"password").unwrap().unwrap();
        let response = self.ask(client, Request::LoginFinish { message });
        assert!(matches!(response, Response::PasswordAccepted { .. }), "{response:?}");
        let certificate = self.at(client).certificate(user, generation);
        self.welcome(client, Request::UseDevice(certificate))
    }

    pub(crate) fn welcome(&mut self, client: usize, request: Request) -> Welcome {
        match self.ask(client, request) {
            Response::Welcome(welcome) => welcome,
            other => panic!("not welcome: {other:?}"),
        }
    }

    pub(crate) fn resume(&mut self, client: usize, user: &str) -> Welcome {
        self.connect(client, Identify::Known);
        self.welcome(client, Request::Resume(name(user)))
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until something is so; fails after a minute.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(60);
        while !done(self) {
            assert!(self.step(end), "not {what} at {}", self.now);
        }
    }

    /// Does what is due next, if before `end`.
    fn step(&mut self, end: Instant) -> bool {
        self.settle();
        let arrival = self.line.keys().next().map(|(at, _)| *at);
        let server = self.server.poll_timeout().map(|deadline| deadline.at);
        let clients = self.clients.iter().filter_map(|c| Some(c.endpoint.poll_timeout()?.at));
        let next = clients.chain(arrival).chain(server).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        let now = self.now;
        while let Some(entry) = self.line.first_entry().filter(|entry| entry.key().0 <= now) {
            let Datagram { to, from, mut bytes } = entry.remove();
            let source = Source { address: from, ecn: Ecn::NotCapable };
            let toward = if to.is_some() { Toward::Client } else { Toward::Server };
            self.passed.push((toward, bytes.len()));
            match to {
                None => self.server.handle_datagram(now, source, &mut bytes),
                Some(client) => {
                    self.clients[client].endpoint.handle_datagram(now, source, &mut bytes);
                }
            }
        }
        if server.is_some_and(|at| at <= now) {
            self.server.handle_timeout(now);
        }
        for client in &mut self.clients {
            if client.endpoint.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                client.endpoint.handle_timeout(now);
            }
        }
        self.settle();
        true
    }

    /// Everything that needs no time.
    fn settle(&mut self) {
        while self.disk != Disk::Hangs {
            let Some((ticket, request)) = self.server.poll_store() else { break };
            let outcome = match self.disk {
                Disk::Works => self.store.execute(std::slice::from_ref(&request)).remove(0),
                Disk::Fails | Disk::Hangs => StoreOutcome::Failed,
            };
            self.asked.push(request);
            self.server.handle_stored(self.now, ticket, outcome);
        }
        for client in &mut self.clients {
            client.take_events();
        }
        let mut buffer = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut buffer, 4) {
            let to = self.clients.iter().position(|c| c.address == transmit.destination);
            for datagram in buffer.chunks(transmit.segment_size) {
                if datagram.len() <= MTU && to.is_some_and(|to| !self.clients[to].cut) {
                    self.sent += 1;
                    let key = (self.now + DELAY, self.sent);
                    self.line.insert(key, Datagram { to, from: SERVER, bytes: datagram.to_vec() });
                }
            }
        }
        for client in &mut self.clients {
            while let Some(transmit) = client.endpoint.poll_transmit(self.now, &mut buffer, 4) {
                for datagram in buffer.chunks(transmit.segment_size) {
                    let passes = datagram.len() <= MTU && !client.cut;
                    if transmit.destination == SERVER && passes {
                        self.sent += 1;
                        let key = (self.now + DELAY, self.sent);
                        let (from, bytes) = (client.address, datagram.to_vec());
                        self.line.insert(key, Datagram { to: None, from, bytes });
                    }
                }
            }
        }
    }
}

impl Client {
    pub(crate) fn certificate(&self, user: &str, generation: u64) -> DeviceCertificate {
        self.identity.certify(user, self.device, generation)
    }

    /// Raw bytes on the request stream.
    pub(crate) fn write_raw(&mut self, bytes: &[u8]) {
        let taken = self.endpoint.write(self.handle.unwrap(), self.stream.unwrap(), bytes).unwrap();
        assert_eq!(taken, bytes.len());
    }

    /// Ends the connection with a reason.
    pub(crate) fn close(&mut self, now: Instant, code: u32) {
        let reason = wire::CloseReason::new(code, "test");
        self.endpoint.close(now, self.handle.unwrap(), reason);
    }

    fn take_events(&mut self) {
        while let Some((handle, event)) = self.endpoint.poll_event() {
            if Some(handle) != self.handle {
                continue;
            }
            match event {
                Event::Connected { handshake_hash, .. } => {
                    self.hash = handshake_hash;
                    self.stream = Some(self.endpoint.open(handle, Class::Control).unwrap());
                }
                Event::Readable(stream) => {
                    let buffer = self.incoming.buffer();
                    self.endpoint.read(handle, stream, usize::MAX, buffer).unwrap();
                    while let Some(message) = self.incoming.next().unwrap() {
                        match message {
                            ServerMessage::Response { id, response } => {
                                self.responses.push_back((id, response));
                            }
                            ServerMessage::Notice(notice) => self.notices.push(notice),
                        }
                    }
                }
                Event::Closed(error) => self.closed = Some(error),
                Event::Opened(_)
                | Event::Writable(_)
                | Event::Finished(_)
                | Event::Stopped(..)
                | Event::PathChanged(_)
                | Event::NewToken(_) => {}
            }
        }
    }
}

fn ksf() -> Argon2<'static> {
    CHEAP.function().unwrap()
}
