//! The real server and the real client as machines of the simulator: each core with what its
//! program puts around it, a database that survives crashes and a disk.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use peer::app::{App, Attention, Settings, Strangers, Switch, WeakStretch};
use peer::command::Command;
use peer::files::FileWorker;
use peer::output::{KeyMark, Output};
use peer::queue::Queue;
use peer::store::Database;
use peer::transfer::{self, Question, Reader, ViewNews};
use peer::watch::{Failure, Report};
use peer::work::{Outcome, StoreError, StoreReply, StoreRequest, StrangerRequest, Work, WorkId};
use rendezvous::sqlite::SqliteStore;
use rendezvous::{
    Config, Meanwhile, Policy, Reset, Resets, Secrets, Server, StoreOutcome, StoreTicket,
};
use tempfile::TempDir;
use wire::app::login::{Stretch, password};
use wire::app::name::Name;
use wire::app::peer::TransferId;
use wire::time::Instant;
use wire::{Deadline, Node, Secret, Seed, Source, Transmit};

use crate::journal::Pen;
use crate::world::Machine;

/// The wall clock at the start of every run: seconds since 1970.
const EPOCH: u64 = 1_760_000_000;
/// Passwords of the simulator are no secrets: the least that Argon2 does.
const CHEAP: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };
/// Most bytes that a client may hold for its connections.
const MAX_BUFFERED: u64 = 64 << 20;
/// Most requests that may wait for the server's store.
const MAX_STORE_JOBS: u64 = 16_384;
/// Most bytes that the server may hold for one client: window and send buffer of the connection,
/// its answers and news, and the introductions beside them.
const MAX_SESSION_BUFFERED: u64 = 512 << 10;

/// A host's wall clock: off the true time by so many milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock(pub i64);

impl WallClock {
    /// Milliseconds since 1970.
    fn unix_ms(self, now: Instant) -> u64 {
        (EPOCH * 1000 + now.as_micros() / 1000).saturating_add_signed(self.0)
    }
}

/// What takes time on a host: a job, and then its outcome. Between the two, the job is durable
/// and nobody knows.
pub enum Input {
    /// For the server's database.
    Query(StoreTicket, rendezvous::StoreRequest),
    /// From it.
    Answer(StoreTicket, StoreOutcome),
    /// For a worker of the client.
    Work(WorkId, Work),
    /// From one.
    Outcome(WorkId, Outcome),
}

/// What a server keeps on its disk.
pub struct ServerDisk {
    store: SqliteStore,
    secrets: Secrets,
    /// The host's.
    pub clock: WallClock,
}

impl ServerDisk {
    /// A new one.
    ///
    /// # Panics
    /// When there is no memory for a database.
    #[must_use]
    pub fn new(seed: &Seed) -> Self {
        let store = SqliteStore::open_in_memory().expect("memory for a database");
        let secrets = Secrets::generate(&mut seed.derive("secrets").rng());
        Self { store, secrets, clock: WallClock::default() }
    }
}

/// The rendezvous server as a program.
pub struct ServerProgram {
    /// Its core.
    pub server: Server,
    /// What it keeps.
    pub disk: ServerDisk,
    done: VecDeque<Input>,
}

impl ServerProgram {
    /// Starts on what the disk holds.
    #[must_use]
    pub fn start(now: Instant, disk: ServerDisk, policy: Policy, life: &Seed) -> Self {
        let policy = Policy { stretch: CHEAP, ..policy };
        let mut server = Server::new(Config::new(&disk.secrets, policy), life);
        server.set_unix_time(now, disk.clock.unix_ms(now) / 1000);
        Self { server, disk, done: VecDeque::new() }
    }

    /// A signal asks it to end.
    pub fn shut_down(&mut self, now: Instant) {
        self.server.shut_down(now, "the server is stopping");
    }

    /// The operator gives an account another password, beside the running server, which hears of it.
    ///
    /// # Panics
    /// When there is no such account, or that is no password.
    pub fn set_password(&mut self, now: Instant, user: &Name, typed: &Secret<String>) {
        let ServerDisk { store, secrets, .. } = &mut self.disk;
        let new = password(typed).expect("a password");
        let mut rng = Seed::new([9; 32]).derive("operator").rng();
        let record = secrets.password_record(&mut rng, user, &new, CHEAP).expect("it is stretched");
        let is_done = store.reset_password(user, &record, CHEAP).expect("memory for it");
        assert!(is_done, "there is no {user}");
        let resets = vec![Reset { name: user.clone(), resets: Resets(u64::MAX) }];
        self.server.handle_meanwhile(now, &Meanwhile { resets, ..Meanwhile::default() });
    }

    /// How many keys that serve once are left for letters to a user.
    ///
    /// # Panics
    /// When the database answers something else.
    pub fn prekeys(&mut self, owner: &Name) -> u32 {
        let collect =
            rendezvous::StoreRequest::Collect { owner: owner.clone(), after: 0, oldest: 0 };
        let outcome = self.disk.store.execute(&[collect]);
        let [StoreOutcome::Letters { prekeys, .. }] = &outcome[..] else {
            panic!("{outcome:?}");
        };
        *prekeys
    }

    /// How many letters lie in a user's mailbox.
    ///
    /// # Panics
    /// When the database answers something else.
    pub fn letters(&mut self, owner: &Name) -> usize {
        let (mut count, mut last) = (0, 0);
        loop {
            let collect =
                rendezvous::StoreRequest::Collect { owner: owner.clone(), after: last, oldest: 0 };
            let outcome = self.disk.store.execute(&[collect]);
            let [StoreOutcome::Letters { letters, more, .. }] = &outcome[..] else {
                panic!("{outcome:?}");
            };
            count += letters.len();
            last = letters.last().map_or(last, |letter| letter.id);
            if !more {
                return count;
            }
        }
    }

    /// Whether it has ended, when asked to.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.server.is_quiet()
    }

    /// What is left of it after a crash.
    #[must_use]
    pub fn into_disk(self) -> ServerDisk {
        self.disk
    }
}

/// What a client keeps on its disk.
pub struct PeerDisk {
    database: Database,
    folder: TempDir,
    /// The host's.
    pub clock: WallClock,
    /// What the database does is on record.
    pub pen: Pen,
}

impl PeerDisk {
    /// A new one.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn new() -> Self {
        // In memory where there is such a folder: syncing thousands of files is not the test.
        let memory = Path::new("/dev/shm");
        let folder = match TempDir::new_in(memory) {
            Ok(folder) => folder,
            Err(_) => TempDir::new().expect("room for a folder"),
        };
        for name in ["files", "data", "downloads"] {
            fs::create_dir(folder.path().join(name)).expect("room for a folder");
        }
        let database = Database::open_in_memory().expect("memory for a database");
        Self { database, folder, clock: WallClock::default(), pen: Pen::default() }
    }

    /// Writes a file that can be sent, and says where it is.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn write_file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join("files").join(name);
        fs::write(&path, content).expect("room for a file");
        path
    }

    /// Everything is in this folder, which has another name in each run.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder into which files are received.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// Asks the database directly, as `peer` would.
    ///
    /// # Errors
    /// What it says.
    ///
    /// # Panics
    /// When it says nothing.
    pub fn ask(&mut self, request: StoreRequest) -> Result<StoreReply, StoreError> {
        self.database.run(vec![request]).pop().expect("an answer to each request")
    }
}

impl Default for PeerDisk {
    fn default() -> Self {
        Self::new()
    }
}

/// The client as a program.
pub struct PeerProgram {
    app: App,
    files: FileWorker,
    /// What it keeps.
    pub disk: PeerDisk,
    done: VecDeque<Input>,
    /// Everything that it told its user since the last look.
    pub outputs: Vec<Output>,
    /// Everything that it told whoever plays files.
    pub views: Vec<ViewNews>,
    server: Vec<SocketAddr>,
}

/// How a client is started.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Where the server is.
    pub server: Vec<SocketAddr>,
    /// Its own addresses.
    pub addresses: Vec<SocketAddr>,
    /// Files up to this size are taken without asking.
    pub auto_accept: Option<u64>,
    /// What users may do to whom nobody here has written.
    pub strangers: Strangers,
}

impl PeerProgram {
    /// Starts on what the disk holds.
    ///
    /// # Panics
    /// When its folders cannot be used.
    #[must_use]
    pub fn start(now: Instant, disk: PeerDisk, options: &PeerOptions, life: &Seed) -> Self {
        let settings = Settings {
            local_candidates: options.addresses.clone(),
            files: transfer::Policy {
                auto_accept: options.auto_accept,
                ..transfer::Policy::default()
            },
            strangers: options.strangers,
            stretch: CHEAP,
            weak_stretch: WeakStretch::Allow,
            token_epoch: EPOCH,
            ..Settings::new("rendezvous.example:5000", options.server.clone())
        };
        let folder = disk.folder.path();
        let files = FileWorker::new(&folder.join("data"), &folder.join("downloads"))
            .expect("folders of its own");
        let mut app = App::new(settings, life);
        app.set_unix_time(disk.clock.unix_ms(now));
        let (done, outputs, views) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { app, files, disk, done, outputs, views, server: options.server.clone() }
    }

    /// The user types a command.
    pub fn command(&mut self, now: Instant, command: Command) {
        self.app.set_unix_time(self.disk.clock.unix_ms(now));
        self.app.command(now, command);
    }

    /// A player reads a file from this byte on.
    pub fn read_from(&mut self, now: Instant, id: TransferId, reader: Reader, offset: u64) {
        self.app.read_from(now, id, reader, offset);
    }

    /// What a player answers that is watched together.
    pub fn on_player(&mut self, now: Instant, question: Question, report: Result<Report, Failure>) {
        self.app.on_player(now, question, report);
    }

    /// Whether the program has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.app.poll_exit().is_some()
    }

    /// The user tells of his attention, and wants to be told.
    pub fn attend(&mut self) {
        let attention = Attention { typing: Switch::On, read_marks: Switch::On };
        self.app.set_attention(attention);
    }

    /// The host has these addresses now.
    pub fn set_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.app.set_local_candidates(now, addresses);
    }

    /// Users whose keys are marked.
    #[must_use]
    pub fn key_marks(&self) -> BTreeMap<String, KeyMark> {
        self.app.key_marks()
    }

    /// What is left of it after a crash.
    #[must_use]
    pub fn into_disk(self) -> PeerDisk {
        self.disk
    }

    fn work(&mut self, id: WorkId, work: Work) {
        let done = &mut self.done;
        match work {
            Work::Store(request) => {
                let received = if let StoreRequest::Receive(incoming)
                | StoreRequest::ReceiveInTurn(incoming)
                | StoreRequest::Stranger(
                    StrangerRequest::Hold(incoming) | StrangerRequest::HoldInTurn(incoming),
                ) = &request
                {
                    Some(incoming.body.clone())
                } else if let StoreRequest::ReceivePost { post, .. } = &request {
                    Some(post.text().to_owned())
                } else {
                    None
                };
                let outcome = self.disk.ask(request);
                if let Ok(reply) = &outcome {
                    self.disk.pen.stored(received, reply);
                }
                done.push_back(Input::Outcome(id, Outcome::Store(outcome)));
            }
            Work::File(request) => {
                let mut progress = |reply| {
                    done.push_back(Input::Outcome(id, Outcome::File(Ok(reply))));
                };
                let outcome = self.files.run(request, &mut progress);
                done.push_back(Input::Outcome(id, Outcome::File(outcome)));
            }
            Work::Login(job) => done.push_back(Input::Outcome(id, Outcome::Login(job.run()))),
            Work::Backup(job) => done.push_back(Input::Outcome(id, Outcome::Backup(job.run()))),
        }
    }
}

/// A program on a host.
pub enum Program {
    /// The server.
    Server(Box<ServerProgram>),
    /// A client.
    Peer(Box<PeerProgram>),
}

impl Program {
    /// The client.
    ///
    /// # Panics
    /// When it is a server.
    #[must_use]
    pub fn peer(&self) -> &PeerProgram {
        match self {
            Self::Peer(peer) => peer,
            Self::Server(_) => panic!("a client's host runs a client"),
        }
    }

    /// The client.
    ///
    /// # Panics
    /// When it is a server.
    pub fn peer_mut(&mut self) -> &mut PeerProgram {
        match self {
            Self::Peer(peer) => peer,
            Self::Server(_) => panic!("a client's host runs a client"),
        }
    }

    /// The server.
    ///
    /// # Panics
    /// When it is a client.
    #[must_use]
    pub fn server(&self) -> &ServerProgram {
        match self {
            Self::Server(server) => server,
            Self::Peer(_) => panic!("the server's host runs a server"),
        }
    }

    /// The server.
    ///
    /// # Panics
    /// When it is a client.
    pub fn server_mut(&mut self) -> &mut ServerProgram {
        match self {
            Self::Server(server) => server,
            Self::Peer(_) => panic!("the server's host runs a server"),
        }
    }

    /// Programs look at their wall clocks before anything else.
    fn tell_time(&mut self, now: Instant) {
        match self {
            Self::Server(program) => {
                let unix = program.disk.clock.unix_ms(now) / 1000;
                program.server.set_unix_time(now, unix);
            }
            Self::Peer(program) => program.app.set_unix_time(program.disk.clock.unix_ms(now)),
        }
    }

    fn node(&mut self) -> &mut dyn Node {
        match self {
            Self::Server(program) => &mut program.server,
            Self::Peer(program) => &mut program.app,
        }
    }
}

impl Node for Program {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        self.tell_time(now);
        self.node().handle_datagram(now, source, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.tell_time(now);
        self.node().handle_timeout(now);
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        self.node().poll_transmit(now, buffer, max_datagrams)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        match self {
            Self::Server(program) => program.server.poll_timeout(),
            Self::Peer(program) => program.app.poll_timeout(),
        }
    }
}

impl Machine for Program {
    type Input = Input;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.tell_time(now);
        match (self, input) {
            (Self::Server(program), Input::Query(ticket, request)) => {
                let mut outcomes = program.disk.store.execute(&[request]);
                let outcome = outcomes.pop().expect("an outcome of each request");
                program.done.push_back(Input::Answer(ticket, outcome));
            }
            (Self::Server(program), Input::Answer(ticket, outcome)) => {
                program.server.handle_stored(now, ticket, outcome);
            }
            (Self::Peer(program), Input::Work(id, work)) => program.work(id, work),
            (Self::Peer(program), Input::Outcome(id, outcome)) => {
                program.app.handle_outcome(now, id, outcome);
            }
            (Self::Server(_), Input::Work(..) | Input::Outcome(..))
            | (Self::Peer(_), Input::Query(..) | Input::Answer(..)) => {
                panic!("an input for another kind of program")
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        let Self::Peer(program) = self else { return };
        if program.app.wants_address() {
            program.app.set_server_addresses(now, program.server.clone());
        }
        while let Some(output) = program.app.poll_output() {
            program.disk.pen.told(&output);
            program.outputs.push(output);
        }
        while let Some(news) = program.app.poll_view() {
            program.views.push(news);
        }
    }

    fn poll_work(&mut self) -> Option<Input> {
        match self {
            Self::Server(program) => {
                let request = program.server.poll_store();
                let query = request.map(|(ticket, request)| Input::Query(ticket, request));
                program.done.pop_front().or(query)
            }
            Self::Peer(program) => {
                let done = program.done.pop_front();
                done.or_else(|| program.app.poll_work().map(|(id, work)| Input::Work(id, work)))
            }
        }
    }

    fn check(&self) {
        match self {
            Self::Server(program) => {
                let waiting = program.server.status().waiting_for_store;
                check_cap("requests to the server's store", waiting, MAX_STORE_JOBS);
                let held = program.server.most_buffered_bytes();
                check_cap("bytes at the server for a client", held, MAX_SESSION_BUFFERED);
            }
            Self::Peer(program) => {
                let held = program.app.buffered_bytes();
                check_cap("bytes at a client for its connections", held, MAX_BUFFERED);
                for Queue { name, held, most } in program.app.queues() {
                    check_cap(name, held, most);
                }
            }
        }
    }
}

fn check_cap(what: &str, held: u64, most: u64) {
    assert!(held <= most, "{held} {what}, at most {most} allowed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_may_be_reached() {
        check_cap("requests", MAX_STORE_JOBS, MAX_STORE_JOBS);
    }

    #[test]
    #[should_panic(expected = "16385 requests, at most 16384 allowed")]
    fn a_queue_over_its_cap_is_noticed() {
        check_cap("requests", MAX_STORE_JOBS + 1, MAX_STORE_JOBS);
    }
}
