//! Clients, a server and the wires between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use wire::app::login::Stretch;
use wire::time::{Duration, Instant};
use wire::{Ecn, Endpoint, Node, Secret, Seed, Source};

use super::rendezvous::Rendezvous;
use crate::app::{App, Settings, Strangers, WeakStretch};
use crate::command::{Command, Context, ParsedLine, parse};
use crate::files::FileWorker;
use crate::output::Output;
use crate::store::Database;
use crate::work::{Outcome, Work};

pub(super) const CHEAP: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };
/// The first byte of a probe (PROTOCOL.md).
const PROBE: u8 = 9;
const LATENCY: Duration = Duration::from_millis(10);

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) server: Rendezvous,
    clients: Vec<Client>,
    /// What strangers may do at clients that are started.
    pub(super) strangers: Strangers,
    /// A program that keeps to no rules.
    pub(super) stranger: Option<Stranger>,
    flying: BTreeMap<(Instant, u64), Packet>,
    packets: u64,
    /// Hosts from and to which nothing gets through.
    pub(super) cut: Vec<SocketAddr>,
    /// Where the clients' probes went.
    pub(super) probed: Vec<SocketAddr>,
    /// Every n-th datagram is lost.
    pub(super) lose_every: u64,
    /// How long the network takes for each datagram.
    pub(super) each_takes: Duration,
    /// When it has nothing to do any more.
    free_at: Instant,
}

struct Client {
    address: SocketAddr,
    app: Option<App>,
    starts: u8,
    database: Database,
    disk: FileWorker,
    folder: TempDir,
    /// How the database fails from now on.
    broken: Option<&'static str>,
    seen: Vec<Output>,
}

/// A bare endpoint with an address.
pub(super) struct Stranger {
    pub(super) address: SocketAddr,
    pub(super) endpoint: Endpoint,
}

struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

pub(super) fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 5000).into()
}

impl World {
    /// A server and clients which are started and not logged in; strangers talk.
    pub(super) fn new(clients: u8) -> Self {
        Self::with(clients, Strangers::Talk)
    }

    fn with(clients: u8, strangers: Strangers) -> Self {
        let mut world = Self {
            now: Instant::from_micros(1),
            server: Rendezvous::new([1; 32]),
            clients: Vec::new(),
            strangers,
            stranger: None,
            flying: BTreeMap::new(),
            packets: 0,
            cut: Vec::new(),
            probed: Vec::new(),
            lose_every: u64::MAX,
            each_takes: Duration::ZERO,
            free_at: Instant::ZERO,
        };
        for n in 0..clients {
            let folder = TempDir::new().unwrap();
            let (data, downloads) = (folder.path().join("data"), folder.path().join("downloads"));
            world.clients.push(Client {
                disk: FileWorker::new(&data, &downloads).unwrap(),
                folder,
                address: ([10, 0, 1, n], 6000).into(),
                app: None,
                starts: 0,
                database: Database::open_in_memory().unwrap(),
                broken: None,
                seen: Vec::new(),
            });
            world.start(n.into());
        }
        world.run_ms(10);
        world
    }

    /// Clients that are logged in as `alice`, `bob`, ...
    pub(super) fn logged_in(clients: u8) -> Self {
        Self::logged_in_with(clients, Strangers::Talk)
    }

    /// The same, where strangers only ask.
    pub(super) fn asking(clients: u8) -> Self {
        Self::logged_in_with(clients, Strangers::Ask)
    }

    fn logged_in_with(clients: u8, strangers: Strangers) -> Self {
        let mut world = Self::with(clients, strangers);
        for n in 0..clients {
            world.register(n.into(), NAMES[usize::from(n)]);
        }
        world.run_ms(1000);
        for n in 0..clients {
            let seen = world.seen(n.into());
            assert!(seen.iter().any(|o| matches!(o, Output::LoggedIn { .. })), "{seen:?}");
        }
        world
    }

    /// Starts the program over what its database holds.
    pub(super) fn start(&mut self, n: usize) {
        self.start_with(n, "server:5000");
    }

    /// The same with another name of the server.
    pub(super) fn start_with(&mut self, n: usize, server: &str) {
        let client = &mut self.clients[n];
        client.starts += 1;
        let mut settings = Settings::new(server, vec![server_address()]);
        settings.stretch = CHEAP;
        settings.weak_stretch = WeakStretch::Allow;
        settings.strangers = self.strangers;
        settings.local_candidates = vec![client.address];
        settings.moment_of = |typed, now| (typed == "14:05").then(|| now - 90_000);
        let seed = Seed::new([client.starts * 16 + n as u8; 32]);
        client.app = Some(App::new(settings, &seed));
    }

    /// As by kill -9: what is in the database stays.
    pub(super) fn kill(&mut self, n: usize) {
        let client = &mut self.clients[n];
        client.app = None;
        let data = client.folder.path().join("data");
        client.disk = FileWorker::new(&data, &client.folder.path().join("downloads")).unwrap();
    }

    pub(super) fn address(&self, n: usize) -> SocketAddr {
        self.clients[n].address
    }

    /// Where a client's files are: what arrives is in `downloads` there.
    pub(super) fn folder(&self, n: usize) -> &Path {
        self.clients[n].folder.path()
    }

    /// The data folder is gone.
    pub(super) fn forget(&mut self, n: usize) {
        self.clients[n].database = Database::open_in_memory().unwrap();
    }

    pub(super) fn break_database(&mut self, n: usize, broken: Option<&'static str>) {
        self.clients[n].broken = broken;
    }

    pub(super) fn app(&mut self, n: usize) -> &mut App {
        self.clients[n].app.as_mut().unwrap()
    }

    pub(super) fn command(&mut self, n: usize, command: Command) {
        let now = self.now;
        self.app(n).command(now, command);
        self.drain();
    }

    /// A typed line.
    pub(super) fn line(&mut self, n: usize, line: &str) {
        match parse(line, &Context::default()) {
            ParsedLine::Command(command) => self.command(n, command),
            other => panic!("{line}: {other:?}"),
        }
    }

    pub(super) fn register(&mut self, n: usize, name: &str) {
        let password = Secret::new(format!("password of {name}"));
        self.command(n, Command::Register { name: name.into(), password });
    }

    pub(super) fn login(&mut self, n: usize, name: &str) {
        let password = format!("password of {name}");
        self.login_with(n, name, &password);
    }

    pub(super) fn login_with(&mut self, n: usize, name: &str, password: &str) {
        let password = Secret::new(password.to_owned());
        self.command(n, Command::Login { name: name.into(), password });
    }

    /// What a client told since this was asked last.
    pub(super) fn seen(&mut self, n: usize) -> Vec<Output> {
        core::mem::take(&mut self.clients[n].seen)
    }

    /// Texts shown to a client since it was asked last.
    pub(super) fn texts(&mut self, n: usize) -> Vec<String> {
        let messages = self.seen(n).into_iter().filter_map(|output| match output {
            Output::Message { text, .. } => Some(text),
            _ => None,
        });
        messages.collect()
    }

    /// Errors told to a client since it was asked last, as one text.
    pub(super) fn errors(&mut self, n: usize) -> String {
        let errors = self.seen(n).into_iter().filter_map(|output| match output {
            Output::Error { text } => Some(text),
            Output::NotSent { reason, .. } => Some(reason),
            Output::LoginNeeded { reason: Some(reason) } => Some(reason),
            _ => None,
        });
        errors.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            self.drain();
            let next = self.next_event().filter(|at| *at <= end);
            let Some(at) = next else { break };
            assert!(at >= self.now);
            self.now = at;
            self.deliver();
            self.timeouts();
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<Instant> {
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let apps = self.clients.iter().filter_map(|client| client.app.as_ref()?.poll_timeout());
        let server = self.server.poll_timeout();
        let stranger = self.stranger.as_ref().and_then(|s| s.endpoint.poll_timeout());
        let timers = apps.chain(server).chain(stranger).map(|deadline| deadline.at.max(self.now));
        timers.chain(arrival).min()
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.flying.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let mut packet = entry.remove();
            let source = Source { address: packet.from, ecn: Ecn::NotCapable };
            if packet.to == server_address() {
                self.server.handle_datagram(self.now, source, &mut packet.bytes);
            }
            if let Some(stranger) = self.stranger.as_mut().filter(|s| s.address == packet.to) {
                stranger.endpoint.handle_datagram(self.now, source, &mut packet.bytes);
            }
            for client in self.clients.iter_mut().filter(|client| client.address == packet.to) {
                if let Some(app) = &mut client.app {
                    app.handle_datagram(self.now, source, &mut packet.bytes);
                }
            }
            self.drain();
        }
    }

    fn timeouts(&mut self) {
        let now = self.now;
        let due = |deadline: Option<wire::Deadline>| deadline.is_some_and(|d| d.at <= now);
        if due(self.server.poll_timeout()) {
            self.server.handle_timeout(now);
        }
        if let Some(stranger) = &mut self.stranger {
            stranger.endpoint.handle_timeout(now);
        }
        for app in self.clients.iter_mut().filter_map(|client| client.app.as_mut()) {
            if due(app.poll_timeout()) {
                app.handle_timeout(now);
                let next = app.poll_timeout();
                assert!(!due(next), "{next:?} is not later than {now}");
            }
        }
    }

    /// Hands over everything that the machines have to give.
    fn drain(&mut self) {
        let mut buffer = Vec::new();
        let mut sent = Vec::new();
        while let Some(to) = self.server.poll_transmit(self.now, &mut buffer, 1) {
            sent.push((server_address(), to.destination, buffer.clone()));
        }
        for client in &mut self.clients {
            let Some(app) = &mut client.app else { continue };
            app.set_unix_time(self.now.as_micros() / 1000);
            while let Some((id, work)) = app.poll_work() {
                let mut outcomes = Vec::new();
                let last = match work {
                    Work::File(request) => {
                        let mut heard = |reply| outcomes.push(Outcome::File(Ok(reply)));
                        Outcome::File(client.disk.run(request, &mut heard))
                    }
                    Work::Store(_) | Work::Login(_) | Work::Backup(_) => {
                        work_off(&mut client.database, client.broken, work)
                    }
                };
                outcomes.push(last);
                for outcome in outcomes {
                    app.handle_outcome(self.now, id, outcome);
                }
            }
            while let Some(to) = app.poll_transmit(self.now, &mut buffer, 1) {
                if buffer[0] == PROBE {
                    self.probed.push(to.destination);
                }
                sent.push((client.address, to.destination, buffer.clone()));
            }
            while let Some(output) = app.poll_output() {
                client.seen.push(output);
            }
        }
        if let Some(stranger) = &mut self.stranger {
            while let Some(to) = stranger.endpoint.poll_transmit(self.now, &mut buffer, 1) {
                sent.push((stranger.address, to.destination, buffer.clone()));
            }
        }
        for (from, to, bytes) in sent {
            self.packets += 1;
            let lost = self.packets.is_multiple_of(self.lose_every);
            let lost = lost || bytes.len() > MTU;
            if !lost && !self.cut.contains(&from) && !self.cut.contains(&to) {
                let packet = Packet { from, to, bytes };
                self.free_at = self.free_at.max(self.now) + self.each_takes;
                self.flying.insert((self.free_at + LATENCY, self.packets), packet);
            }
        }
    }
}

/// Of every path: larger datagrams vanish.
const MTU: usize = 1472;

pub(super) const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn work_off(database: &mut Database, broken: Option<&'static str>, work: Work) -> Outcome {
    match work {
        Work::Store(request) => {
            let shown = format!("{request:?}");
            if broken.is_some_and(|kind| shown.starts_with(kind)) {
                return Outcome::Store(Err(crate::work::StoreError("disk full".into())));
            }
            let answer = database.run(vec![request]).remove(0);
            // What a message is about may not be there.
            if let Err(error) = &answer
                && !shown.starts_with("Queue")
            {
                panic!("{shown}: {error}");
            }
            Outcome::Store(answer)
        }
        Work::Login(job) => Outcome::Login(job.run()),
        Work::Backup(job) => Outcome::Backup(job.run()),
        Work::File(_) => unreachable!("the disk does it"),
    }
}
