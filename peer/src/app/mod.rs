//! The client as a machine: takes commands, datagrams, time and what workers did; gives
//! datagrams, work, things to tell and the next deadline.
//!
//! Its parts are methods of [`App`] in one file for each concern: the connection to the server
//! (`server`) and the session on it (`session`), links to other users (`links`), messages
//! (`chat`), commands (`commands`).

mod attention;
mod auto_away;
mod backoff;
mod backup;
mod calls;
mod changes;
mod chapters;
mod chat;
mod code;
mod commands;
mod contacts;
mod deletion;
mod expiry;
mod export;
mod identities;
mod idle;
mod jobs;
mod limiter;
mod links;
mod mail;
pub(crate) mod nat;
mod outbox;
mod parting;
mod password;
mod paths;
mod ping;
mod pins;
mod presence;
mod profile;
mod refusals;
mod requests;
mod rooms;
mod server;
mod session;
mod strangers;
mod streams;
mod viewing;
mod watching;
mod whois;
mod why;

#[cfg(test)]
#[cfg(all(feature = "files", feature = "sqlite"))]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::server::Status;
use wire::time::Instant;
use wire::{
    ConnectionHandle, Deadline, Endpoint, Event, Node, Seed, Source, Transmit, TransportConfig,
};

pub use self::attention::{Attention, Switch};
use self::auto_away::Absence;
pub use self::auto_away::AutoAway;
use self::chat::Chat;
use self::code::Codes;
use self::export::Export;
use self::idle::Idle;
use self::jobs::{Job, Jobs};
use self::links::Links;
use self::mail::Mail;
use self::parting::Parting;
use self::password::Change;
use self::pins::Marks;
use self::presence::Roster;
use self::profile::OpenProfile;
use self::rooms::Rooms;
use self::server::Server;
use self::strangers::Requests;
pub use self::strangers::{FilesOf, Strangers};
use crate::command::Command;
use crate::output::Output;
use crate::queue::Queue;
use crate::transfer::{Policy, Transfers};
use crate::watch::Watch;
use crate::work::{Calls, MAX_REQUESTS, Outcome, StoreReply, StoreRequest, Talk, Work, WorkId};
#[cfg(feature = "shell")]
pub(crate) use calls::names;

/// Most commands that wait for the database or for a login.
const MAX_HELD: usize = 1024;
/// How the client is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port` of the server as typed: its key is pinned under it, and accounts are kept under
    /// that key.
    pub server: String,
    /// What the name resolves to; may be empty, see [`App::wants_address`].
    pub server_addresses: Vec<SocketAddr>,
    /// Addresses of this machine's own interfaces, with the port that is bound.
    pub local_candidates: Vec<SocketAddr>,
    /// Which files are taken without asking, and how fast files go.
    pub files: Policy,
    /// What users may do with whom the person has had nothing to do.
    pub strangers: Strangers,
    /// Whose files are taken although they are strangers.
    pub files_of: FilesOf,
    /// How passwords of new accounts are stretched.
    pub stretch: Stretch,
    /// Whether a server may ask for less stretching than is safe.
    pub weak_stretch: WeakStretch,
    /// Seconds since 1970 at [`Instant::ZERO`].
    pub token_epoch: u64,
    /// Settings of each connection.
    pub transport: TransportConfig,
    /// What is told and shown of attention.
    pub attention: Attention,
    /// When the person is away by himself.
    pub auto_away: AutoAway,
    /// Milliseconds since 1970 as date and time, for texts that are written into files.
    pub local_time: fn(u64) -> String,
    /// The other way round: a date, a time of day (the last one before now, which is given as milliseconds
    /// since 1970) or both, as a person types them (`2026-01-31 14:05`); nothing for what never was.
    pub moment_of: fn(&str, u64) -> Option<u64>,
    /// Where keys and history are kept, for texts about what stays there.
    pub data_folder: String,
}

/// What to do when a server asks for little password stretching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeakStretch {
    /// Log in nowhere: the server could guess the password from what it gets.
    #[default]
    Refuse,
    /// Do as it says: for tests, whose passwords are no secrets.
    Allow,
}

impl Settings {
    /// The usual settings with a server.
    #[must_use]
    pub fn new(server: &str, server_addresses: Vec<SocketAddr>) -> Self {
        Self {
            server: server.to_owned(),
            server_addresses,
            local_candidates: Vec::new(),
            files: Policy::default(),
            strangers: Strangers::Ask,
            files_of: FilesOf::Contacts,
            stretch: Stretch::STANDARD,
            weak_stretch: WeakStretch::Refuse,
            token_epoch: 0,
            transport: TransportConfig::default(),
            attention: Attention::default(),
            auto_away: AutoAway::default(),
            local_time: |ms| format!("{ms} ms after 1970"),
            moment_of: |_, _| None,
            data_folder: "the data folder".to_owned(),
        }
    }
}

/// The client's core.
///
/// Contract: as [`Node`]; besides, after every verb drain [`poll_work`](Self::poll_work) and
/// [`poll_output`](Self::poll_output). Workers answer each job by
/// [`handle_outcome`](Self::handle_outcome) in any order between lanes. The first thing asked for
/// is to open the database; commands that come before that is done wait.
pub struct App {
    settings: Settings,
    seed: Seed,
    rng: ChaCha20Rng,
    unix_ms: u64,
    stage: Stage,
    jobs: Jobs,
    outputs: VecDeque<Output>,
    held: VecDeque<Command>,
    pings: ping::Pings,
    /// What is said with the end of each link.
    farewell: String,
    /// Made with the profile's keys.
    endpoint: Option<Endpoint>,
    endpoints_made: u64,
    /// Of the profile before: its last words are still to be sent.
    retired: Option<Endpoint>,
    profile: Option<OpenProfile>,
    server: Server,
    idle: Idle,
    absence: Absence,
    /// An account is being read from a file: no other is opened meanwhile.
    is_importing: bool,
    /// What the password is being proven for.
    change: Option<Change>,
    /// The server said that the account which is kept here was deleted.
    is_deleted_there: bool,
    /// Spoken codes that were made or typed.
    codes: Codes,
    roster: Roster,
    /// Where the server sees this client.
    observed: Option<SocketAddr>,
    /// What others are told about this user's being there.
    status: Status,
    links: Links,
    chat: Chat,
    marks: Marks,
    rooms: Rooms,
    mail: Mail,
    /// What calls the person in a conversation, where that is not as usual.
    calls: BTreeMap<Talk, Calls>,
    requests: Requests,
    /// On its way into a file.
    export: Option<Export>,
    transfers: Transfers,
    watch: Watch,
}

#[derive(Debug)]
enum Stage {
    /// The database is being opened.
    Loading,
    Running,
    /// After `/quit`: everything is to be over at these times.
    Quitting {
        /// Connections are closed, at the latest; `None` when they are.
        close_at: Option<Instant>,
        /// The same when something could still be handed over then.
        extended_to: Instant,
        gone_at: Instant,
    },
    Gone,
}

impl App {
    /// A client that draws everything random from `seed`.
    #[must_use]
    pub fn new(settings: Settings, seed: &Seed) -> Self {
        let mut jobs = Jobs::default();
        jobs.store(Job::LoadFirst, StoreRequest::Load(None));
        let policy = settings.files;
        Self {
            rng: seed.derive("app").rng(),
            unix_ms: 0,
            stage: Stage::Loading,
            jobs,
            outputs: VecDeque::new(),
            held: VecDeque::new(),
            pings: ping::Pings::default(),
            farewell: String::new(),
            endpoint: None,
            endpoints_made: 0,
            retired: None,
            profile: None,
            server: Server::new(settings.server_addresses.clone()),
            idle: Idle::default(),
            absence: Absence::default(),
            is_importing: false,
            change: None,
            is_deleted_there: false,
            codes: Codes::default(),
            roster: Roster::default(),
            observed: None,
            status: Status::default(),
            links: Links::default(),
            chat: Chat::default(),
            marks: Marks::default(),
            rooms: Rooms::default(),
            mail: Mail::default(),
            calls: BTreeMap::new(),
            requests: Requests::default(),
            export: None,
            transfers: Transfers::new(policy, &seed.derive("transfers")),
            watch: Watch::default(),
            seed: seed.clone(),
            settings,
        }
    }

    /// The wall clock: milliseconds since 1970. Called before the other verbs of a wake; it is
    /// shown and stored, and decides only how old keys for letters are, and refusals.
    pub const fn set_unix_time(&mut self, ms: u64) {
        self.unix_ms = ms;
    }

    /// Does what a person or a script asks. While the database is being opened, or a login or an
    /// import is under way, commands wait for it.
    pub fn command(&mut self, now: Instant, command: Command) {
        self.note_command(now, &command);
        let is_quit = |command: &Command| matches!(command, Command::Quit { .. });
        let is_second_quit = is_quit(&command) && self.held.iter().any(is_quit);
        let waits = self.is_busy() && (!is_quit(&command) || !self.held.is_empty());
        if waits && matches!(command, Command::Typing { .. }) {
            // Later it would not be true.
            return;
        }
        if is_second_quit {
            self.leave(now);
        } else if !waits {
            self.run(now, command);
        } else if self.held.len() < MAX_HELD {
            self.held.push_back(command);
        } else {
            let why = "too many commands at once: wait until the login is done.";
            self.refuse(&command, why, &format!("Not done: {why}"));
        }
        self.settle(now);
    }

    /// Leaves, whatever waits for a login.
    pub fn leave(&mut self, now: Instant) {
        for command in core::mem::take(&mut self.held) {
            if let Some(to) = command.addressee() {
                self.not_sent(to, "the program ends before the login is done.".to_owned());
            }
        }
        self.quit(now, String::new());
        self.settle(now);
    }

    /// Whether the database has been asked for something and has not answered.
    #[must_use]
    pub fn is_storing(&self) -> bool {
        self.jobs.is_storing()
    }

    /// The server's address, as it was typed.
    #[must_use]
    pub fn server_as_typed(&self) -> &str {
        &self.settings.server
    }

    /// What somebody is told who begins to listen now: `None` until the database is loaded.
    #[must_use]
    pub fn greeting(&self) -> Option<Output> {
        let is_loaded = !matches!(self.stage, Stage::Loading);
        let user = self.account().map(|account| account.name.to_string());
        is_loaded.then(|| Output::Ready { user, server: self.settings.server.clone() })
    }

    /// The next job for a worker.
    pub fn poll_work(&mut self) -> Option<(WorkId, Work)> {
        self.jobs.poll()
    }

    /// What came of a job.
    pub fn handle_outcome(&mut self, now: Instant, id: WorkId, outcome: Outcome) {
        if let Some(job) = self.jobs.finish(id, &outcome) {
            self.on_outcome(now, job, outcome);
        }
        self.settle(now);
    }

    /// The next thing to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// `Some` when the program may end: after `/quit` (within about a second), or when the
    /// database cannot be opened.
    #[must_use]
    pub fn poll_exit(&self) -> Option<()> {
        matches!(self.stage, Stage::Gone).then_some(())
    }

    /// Whether the server's name is to be resolved (again): answered by
    /// [`set_server_addresses`](Self::set_server_addresses).
    #[must_use]
    pub const fn wants_address(&self) -> bool {
        self.server.wants_address()
    }

    /// What the server's name resolves to; empty when it does not.
    pub fn set_server_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.server_resolved(now, addresses);
        self.settle(now);
    }

    /// From now on this is done with files.
    pub fn set_files(&mut self, now: Instant, policy: Policy) {
        self.settings.files = policy;
        self.with_transfers(now, |transfers, cx| transfers.set_policy(cx, policy));
        self.settle(now);
    }

    /// The addresses of this machine's interfaces have changed.
    pub fn set_local_candidates(&mut self, now: Instant, candidates: Vec<SocketAddr>) {
        if self.settings.local_candidates != candidates {
            self.settings.local_candidates = candidates;
            self.send_candidates(now);
        }
        self.settle(now);
    }

    /// Users with whom something was exchanged or who are online, sorted by name, and what those
    /// who are online say about being there: for faces that show them or complete their names.
    #[must_use]
    pub fn known_users(&self) -> Vec<(String, Option<Status>)> {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.keys());
        let all = contacts.chain(self.roster.iter().map(|(name, _)| name));
        let names: BTreeSet<&Name> = all.collect();
        names
            .into_iter()
            .map(|name| (name.to_string(), self.roster.status(name).cloned()))
            .collect()
    }

    /// Rooms that the user is in, `#` first: for faces that complete their names.
    #[must_use]
    pub fn known_rooms(&self) -> Vec<String> {
        self.account().map(|account| self.rooms.titles(&account.name)).unwrap_or_default()
    }

    /// How many bytes this side holds for its connections, for tests of its limits.
    #[must_use]
    pub fn buffered_bytes(&self) -> u64 {
        let Some(endpoint) = &self.endpoint else { return 0 };
        let handles = self.links.handles().chain(self.server.handle());
        handles.filter_map(|handle| endpoint.stats(handle)).map(|stats| stats.buffered_bytes).sum()
    }

    /// How full this side's queues are, for tests of its limits.
    #[must_use]
    pub fn queues(&self) -> Vec<Queue> {
        let mut queues = self.transfers.queues();
        queues.extend(self.chat.queues());
        queues.push(Queue::new("commands held back", self.held.len() as u64, MAX_HELD as u64));
        let (asking, most) = (self.requests.len() as u64, MAX_REQUESTS as u64);
        queues.push(Queue::new("strangers who ask", asking, most));
        queues.push(Queue::new("users linked", self.links.len() as u64, links::MAX_LINKS as u64));
        queues
    }

    fn on_outcome(&mut self, now: Instant, job: Job, outcome: Outcome) {
        match (job, outcome) {
            (Job::LoadFirst, Outcome::Store(result)) => self.on_loaded_first(now, result),
            (Job::LoadProfile, Outcome::Store(result)) => self.on_loaded_profile(now, result),
            (Job::MoveServer, Outcome::Store(Ok(StoreReply::Moved { set_aside }))) => {
                self.on_moved_accounts(&set_aside);
            }
            (Job::Save, Outcome::Store(Ok(_))) => {}
            (Job::MoveServer | Job::Save, Outcome::Store(Err(error))) => {
                self.error(&format!(
                    "What has just changed is not kept, and forgotten when the program ends: {error}"
                ));
            }
            (Job::Export, outcome) => self.on_exporting(outcome),
            (Job::Login(handle), Outcome::Login(outcome)) => {
                self.on_stretched(now, handle, outcome);
            }
            (Job::Prove(handle), Outcome::Login(outcome)) => self.on_proof(now, handle, outcome),
            (Job::Change(handle), Outcome::Login(outcome)) => {
                self.on_change_stretched(now, handle, outcome);
            }
            (Job::ExportAccount(path, of), Outcome::Backup(result)) => {
                self.on_exported(&path, of, result);
            }
            (Job::ImportAccount(path), Outcome::Backup(result)) => {
                self.on_read_backup(&path, result)
            }
            (Job::KeepImported(account), Outcome::Store(result)) => {
                self.on_kept_imported(*account, result);
            }
            (Job::OpenImported(account), Outcome::Store(result)) => {
                self.on_opened_imported(now, *account, result);
            }
            (Job::Transfer(job), outcome) => {
                self.with_transfers(now, |transfers, cx| {
                    transfers.handle_outcome(cx, job, outcome)
                });
                self.links.want_check();
            }
            (job, outcome) => self.on_outcome_of_talk(now, job, outcome),
        }
    }

    /// Of what concerns messages.
    fn on_outcome_of_talk(&mut self, now: Instant, job: Job, outcome: Outcome) {
        match (job, outcome) {
            (Job::Queue { to, bytes, about }, Outcome::Store(result)) => {
                self.on_queued(now, &to, bytes, about, result);
            }
            (Job::Receive(message), Outcome::Store(result)) => {
                self.on_received(now, *message, result);
            }
            (Job::Post(post), Outcome::Store(result)) => self.on_post_kept(&post, result),
            (Job::PostTarget(room), Outcome::Store(result)) => self.on_post_target(room, result),
            (Job::ReceivePost(post), Outcome::Store(result)) => {
                self.on_post_received(now, *post, result);
            }
            (Job::LeavePosts(leaving), Outcome::Store(result)) => {
                self.on_posts_to_leave(now, *leaving, result);
            }
            (Job::Listing(listing), Outcome::Store(result)) => self.on_listed(*listing, result),
            (Job::Letter(letter), Outcome::Store(result)) => {
                self.on_letter_kept(now, *letter, result);
            }
            (Job::Prekeys(prekeys), Outcome::Store(result)) => {
                self.on_prekeys_kept(now, prekeys, result);
            }
            (Job::Posts { user, handle, upto }, Outcome::Store(result)) => {
                self.on_posts(&user, handle, upto, result);
            }
            (Job::Lines { query }, Outcome::Store(result)) => self.on_lines(query, result),
            (Job::Moment(line), Outcome::Store(result)) => self.on_moment(now, line, result),
            (Job::MarkRead(user), Outcome::Store(result)) => self.on_marked(&user, result),
            (Job::ReadThere(user), Outcome::Store(result)) => {
                self.on_read_there(now, &user, result);
            }
            (Job::Request { user, file }, Outcome::Store(result)) => {
                self.on_request_kept(&user, file, result);
            }
            (Job::Admit { user, before }, Outcome::Store(result)) => {
                self.on_admitted(now, &user, before, result);
            }
            (Job::Expire(user), Outcome::Store(result)) => self.on_expired(&user, result),
            (Job::Dismiss { user, standing }, Outcome::Store(result)) => {
                self.on_dismissed(now, &user, standing, result);
            }
            (job, outcome) => {
                tracing::error!(?job, ?outcome, "outcome of another kind than the job")
            }
        }
    }

    /// Brings everything to rest after a verb: events, transfers, messages and links each may
    /// cause more of the others.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some((handle, event)) = self.endpoint.as_mut().and_then(Endpoint::poll_event)
            {
                self.on_event(now, handle, event);
            }
            let moved = self.drain_transfers(now);
            if self.mail.take_caught_up() {
                self.read_stalled(now);
            }
            self.check_links(now);
            self.release_held(now);
            if !moved {
                break;
            }
        }
        self.tell_activity(now);
    }

    fn on_event(&mut self, now: Instant, handle: ConnectionHandle, event: Event) {
        if self.server.owns(handle) {
            self.on_server_event(now, handle, event);
        } else {
            self.on_link_event(now, handle, event);
        }
    }

    /// Commands wait while this holds.
    const fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Loading) || self.server.is_logging_in() || self.is_importing
    }

    fn release_held(&mut self, now: Instant) {
        while !self.is_busy() {
            let Some(command) = self.held.pop_front() else { break };
            self.run(now, command);
        }
    }

    fn tell(&mut self, output: Output) {
        if !self.is_overheard(&output) {
            self.outputs.push_back(output);
        }
    }

    fn info(&mut self, text: &str) {
        self.tell(Output::Info { text: text.to_owned() });
    }

    fn error(&mut self, text: &str) {
        self.tell(Output::Error { text: text.to_owned() });
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn poll_endpoints(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        if let Some(retired) = &mut self.retired {
            if let Some(transmit) = retired.poll_transmit(now, buffer, max_datagrams) {
                return Some(transmit);
            }
            self.retired = None;
        }
        self.endpoint.as_mut()?.poll_transmit(now, buffer, max_datagrams)
    }
}

impl Node for App {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.handle_datagram(now, source, datagram);
            self.settle(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.handle_timeout(now);
        }
        self.server_timeout(now);
        self.roster_timeout(now);
        self.links_timeout(now);
        self.rooms_timeout(now);
        self.mail_timeout(now);
        self.codes_timeout(now);
        self.pings_timeout(now);
        self.watch_timeout(now);
        self.auto_away_timeout(now);
        self.requests_timeout(now);
        if self.transfers.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.with_transfers(now, |transfers, cx| transfers.handle_timeout(cx));
            self.links.want_check();
        }
        self.settle(now);
        // Before its time, leaving goes on only when nothing is left to send (`poll_transmit`):
        // here the last words of a stream may still wait.
        let is_due = match self.stage {
            Stage::Quitting { close_at, gone_at, .. } => now >= close_at.unwrap_or(gone_at),
            Stage::Loading | Stage::Running | Stage::Gone => false,
        };
        if is_due {
            self.advance_quit(now);
        }
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        loop {
            let transmit = self.poll_endpoints(now, buffer, max_datagrams);
            if transmit.is_some() || self.advance_quit(now) == Parting::Nothing {
                return transmit;
            }
        }
    }

    fn handle_too_large(&mut self, now: Instant, size: usize) {
        // Last words of a profile that was left are never large.
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.handle_too_large(now, size);
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let quit = match self.stage {
            Stage::Quitting { close_at, gone_at, .. } => {
                Some(Deadline { at: close_at.unwrap_or(gone_at), timer: "quit" })
            }
            Stage::Loading | Stage::Running | Stage::Gone => None,
        };
        [
            self.endpoint.as_ref().and_then(Endpoint::poll_timeout),
            self.server.deadline(),
            self.idle_deadline(),
            self.auto_away_deadline(),
            self.requests.deadline(),
            self.roster.deadline(),
            self.links.deadline(),
            self.rooms.deadline(),
            self.mail.deadline(),
            self.codes.deadline(),
            self.pings.deadline(),
            self.watch.deadline(),
            self.transfers.poll_timeout(),
            quit,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// Known users by name.
type Contacts = BTreeMap<Name, crate::work::Contact>;
