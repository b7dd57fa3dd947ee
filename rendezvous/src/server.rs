//! The machine: takes datagrams, time and the store's outcomes, and joins the parts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use opaque_ke::CredentialRequest;
use rand_chacha::ChaCha20Rng;
use wire::app::identity::IdentityKey;
use wire::app::login::Suite;
use wire::app::name::Name;
use wire::app::server::{ClientMessage, Notice, Refusal, Request, Response, close};
use wire::time::{Duration, Instant};
use wire::{
    CloseReason, ConnectionError, ConnectionHandle, Counters, Deadline, Endpoint, Event, Node,
    Seed, Source, StreamId, Transmit,
};

use crate::blocks::Blocks;
use crate::codes::Codes;
use crate::config::{Config, Policy};
use crate::idle::Idle;
use crate::introduce::Introductions;
use crate::limits::{Limiter, whole_seconds};
use crate::login::{Opaque, PendingLogin, PendingLogins};
use crate::pace::Pace;
use crate::presence::{Leave, Presence as Registry};
use crate::relay::{Relayed, Relays};
use crate::session::{Session, State};
use crate::source::SourcePrefix;
use crate::store::{Meanwhile, StoreOutcome, StoreRequest, StoreTicket};

/// A client that has logged out is given this long to receive the answer.
pub(crate) const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// Between telling clients that the server stops and closing their connections.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(300);
/// Most sources whose registrations are counted.
const MAX_SOURCES: usize = 65_536;
/// Most users whose letters are counted.
const MAX_WRITERS: usize = 65_536;
/// Most users whose creations of rooms are counted.
const MAX_FOUNDERS: usize = 65_536;
/// Most requests that may wait for the store...
const MAX_JOBS: usize = 16_384;
/// ...and most bytes of letters among them [W-186].
const MAX_LETTERS_WAITING: usize = 64 << 20;

/// What is going on, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Connections.
    pub connections: u64,
    /// Users connected.
    pub online: u64,
    /// Requests that wait for the store.
    pub waiting_for_store: u64,
    /// Sessions begun since the start.
    pub sessions_begun: u64,
    /// Introductions made since the start.
    pub introductions: u64,
    /// Wrong passwords since the start.
    pub wrong_passwords: u64,
    /// Attempts refused because of earlier failures, since the start.
    pub locked: u64,
    /// Requests that the store could not do, since the start.
    pub store_failures: u64,
    /// What was carried between clients since the start.
    pub relayed: Relayed,
    /// The transport's counters.
    pub transport: Counters,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sessions_begun: u64,
    pub(crate) introductions: u64,
    pub(crate) wrong_passwords: u64,
    pub(crate) locked: u64,
    pub(crate) store_failures: u64,
}

/// The answer to a request: every handler returns one, so each request has exactly one.
pub(crate) enum Answer {
    /// This one.
    Now(Response),
    /// The one that follows from what the store says.
    Ask(StoreRequest, Continuation),
}

impl Answer {
    pub(crate) const fn refuse(refusal: Refusal) -> Self {
        Self::Now(Response::Refused(refusal))
    }
}

/// What follows from the store's outcome.
pub(crate) enum Continuation {
    /// A session, or this refusal.
    Begin { conflict: Refusal },
    /// A session, or what this device has to do first.
    Resume { name: Name },
    /// KE2.
    Login { name: Name, ke1: Box<CredentialRequest<Suite>> },
    /// The acceptance of a password.
    Proven(Box<PendingLogin>),
    /// A block.
    Block { by: Name, target: Name, at: u64 },
    /// The end of a block.
    Unblock { by: Name, target: Name },
    /// Not online, or unknown.
    Exists,
    /// Last-seen time of one.
    LastSeen,
    /// Last-seen times of many.
    SeenSince { asker: Name },
    /// An identity.
    Directory { name: Name },
    /// What follows about letters.
    Mail,
    /// A letter that is kept.
    Deposit { from: Name, to: Name, len: usize },
    /// What follows about rooms.
    Room,
    /// Another password.
    ChangePassword,
    /// The end of an account.
    DeleteAccount { name: Name, identity: IdentityKey },
}

/// A request of a client that waits for the store.
pub(crate) struct Job {
    pub(crate) handle: ConnectionHandle,
    pub(crate) request: u64,
    continuation: Continuation,
}

impl Job {
    /// Bytes of the letter in the request.
    const fn letter(&self) -> usize {
        if let Continuation::Deposit { len, .. } = &self.continuation { *len } else { 0 }
    }
}

/// Requests on their way to the store.
#[derive(Default)]
pub(crate) struct StoreQueue {
    next: u64,
    queue: VecDeque<(StoreTicket, StoreRequest)>,
    /// `None`: nobody waits for it.
    jobs: BTreeMap<StoreTicket, Option<Job>>,
    /// Bytes of letters among them.
    letters: usize,
}

impl StoreQueue {
    pub(crate) fn submit(&mut self, request: StoreRequest, job: Option<Job>) {
        let ticket = StoreTicket(self.next);
        self.next += 1;
        self.letters += job.as_ref().map_or(0, Job::letter);
        self.queue.push_back((ticket, request));
        self.jobs.insert(ticket, job);
    }

    /// The store has done it; gives who waits for it.
    fn finish(&mut self, ticket: StoreTicket) -> Option<Job> {
        let job = self.jobs.remove(&ticket).flatten()?;
        self.letters -= job.letter();
        Some(job)
    }

    fn is_full(&self) -> bool {
        self.jobs.len() >= MAX_JOBS
    }

    fn takes(&self, job: &Job) -> bool {
        !self.is_full() && self.letters + job.letter() <= MAX_LETTERS_WAITING
    }

    /// Asks for something that nobody waits for.
    pub(crate) fn background(&mut self, request: StoreRequest) {
        if !self.is_full() {
            self.submit(request, None);
        }
    }
}

/// Seconds since 1970, carried on from when the caller last said.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    at: Instant,
    unix: u64,
}

impl WallClock {
    pub(crate) const fn unix(&self, now: Instant) -> u64 {
        self.unix + now.saturating_since(self.at).as_secs()
    }
}

#[derive(Clone, Debug)]
enum Stage {
    Serving,
    /// Clients are told; connections are closed then.
    Stopping {
        close_at: Instant,
        reason: CloseReason,
    },
    Stopped,
}

/// The rendezvous server. See [`wire::Node`] for the contract of its verbs; in addition:
/// - [`Server::set_unix_time`] is called before other verbs whenever the wall clock is known
///   better, at least once at the start;
/// - [`Server::poll_store`] is called until it returns `None`, its requests are executed in
///   order, and each outcome is handed to [`Server::handle_stored`] exactly once.
pub struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) policy: Policy,
    pub(crate) opaque: Opaque,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) clock: WallClock,
    pub(crate) sessions: BTreeMap<ConnectionHandle, Session>,
    pub(crate) online: BTreeMap<Name, ConnectionHandle>,
    pub(crate) presence: Registry,
    /// How often others are told of it.
    pub(crate) pace: Pace,
    /// Of members who make way in the lobby, by those who come.
    pub(crate) lobby_places: Limiter<Name>,
    pub(crate) blocks: Blocks,
    pub(crate) introductions: Introductions,
    pub(crate) relays: Relays<ConnectionHandle>,
    pub(crate) registrations: Limiter<SourcePrefix>,
    /// Of rooms, by their founders. Of rooms themselves nothing is kept here.
    pub(crate) creations: Limiter<Name>,
    /// Of keys for letters, by those who ask.
    pub(crate) letters: Limiter<Name>,
    /// Spoken codes that wait to be typed.
    pub(crate) codes: Codes,
    pub(crate) logins: PendingLogins,
    pub(crate) login_deadlines: BTreeSet<(Instant, ConnectionHandle)>,
    pub(crate) idle: Idle<ConnectionHandle>,
    /// Sessions with something to read, to answer or to send.
    pub(crate) touched: BTreeSet<ConnectionHandle>,
    pub(crate) store: StoreQueue,
    pub(crate) counters: Tally,
    stage: Stage,
}

impl Server {
    /// A server that draws everything random from `seed`.
    #[must_use]
    pub fn new(config: Config, seed: &Seed) -> Self {
        let Config { endpoint, setup, policy } = config;
        Self {
            endpoint: Endpoint::new(endpoint, &seed.derive("endpoint")),
            opaque: Opaque::new(setup),
            rng: seed.derive("rendezvous").rng(),
            clock: WallClock::default(),
            sessions: BTreeMap::new(),
            online: BTreeMap::new(),
            presence: Registry::new(policy.hold_down),
            pace: Pace::new(policy.announcements),
            lobby_places: Limiter::new(policy.announcements, MAX_WRITERS),
            blocks: Blocks::default(),
            introductions: Introductions::new(policy.introductions),
            relays: Relays::new(policy.relaying),
            registrations: Limiter::new(policy.registrations, MAX_SOURCES),
            creations: Limiter::new(policy.creations, MAX_FOUNDERS),
            letters: Limiter::new(policy.letters, MAX_WRITERS),
            codes: Codes::new(&policy),
            logins: PendingLogins::default(),
            login_deadlines: BTreeSet::new(),
            idle: Idle::new(policy.idle_timeout),
            touched: BTreeSet::new(),
            store: StoreQueue::default(),
            counters: Tally::default(),
            stage: Stage::Serving,
            policy,
        }
    }

    /// From now on this holds of what may change while the server runs: who may register, locks, greeting,
    /// mailboxes, relaying, and what the log shows of addresses. The rest stays as it was at the start.
    pub fn set_policy(&mut self, policy: Policy) {
        let Policy { registration, lockout, motd, mailbox, relaying, address_log, .. } = policy;
        self.relays.set_policy(relaying);
        self.policy = Policy {
            registration,
            lockout,
            motd,
            mailbox,
            relaying,
            address_log,
            ..self.policy.clone()
        };
    }

    /// It is `unix` seconds after 1970 now.
    pub const fn set_unix_time(&mut self, now: Instant, unix: u64) {
        self.clock = WallClock { at: now, unix };
    }

    /// The next request to the store.
    pub fn poll_store(&mut self) -> Option<(StoreTicket, StoreRequest)> {
        self.store.queue.pop_front()
    }

    /// What the store made of a request.
    pub fn handle_stored(&mut self, now: Instant, ticket: StoreTicket, outcome: StoreOutcome) {
        if outcome == StoreOutcome::Failed {
            self.counters.store_failures += 1;
        }
        // What concerns others happens whoever waits for it, and before the asker is answered.
        if let StoreOutcome::Room(outcome) = &outcome {
            self.tell_rooms(&outcome.news);
            self.tell_invited(&outcome.invited);
        } else if let StoreOutcome::Removed { rooms } = &outcome {
            self.tell_rooms(rooms);
        }
        let job = self.store.finish(ticket);
        if let StoreOutcome::LobbyFull { user, members } = outcome {
            self.on_lobby_full(now, user, members, job);
        } else if let Some(job) = job {
            self.finish_job(now, job, outcome);
        }
        self.pump(now);
    }

    /// The operator has taken devices away from their accounts, or given accounts another password,
    /// outside of the server: their sessions end, and rooms hear of it.
    pub fn handle_meanwhile(&mut self, now: Instant, meanwhile: &Meanwhile) {
        for revocation in &meanwhile.revoked {
            self.revoke(now, revocation);
        }
        for reset in &meanwhile.resets {
            self.on_reset(now, reset);
        }
        self.tell_rooms(&meanwhile.rooms);
        self.pump(now);
    }

    /// Tells every client that the server stops, and closes the connections a moment later.
    pub fn shut_down(&mut self, now: Instant, reason: &str) {
        if !matches!(self.stage, Stage::Serving) {
            return;
        }
        let reason = CloseReason::new(close::SHUTDOWN, reason);
        self.stage = Stage::Stopping { close_at: now + SHUTDOWN_GRACE, reason };
        for (handle, session) in &mut self.sessions {
            if session.user().is_some() {
                session.notify(Notice::ShuttingDown);
                self.touched.insert(*handle);
            }
        }
        self.pump(now);
    }

    /// Whether nothing is left to be done after [`Server::shut_down`], apart from sending what
    /// [`Node::poll_transmit`] gives.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        matches!(self.stage, Stage::Stopped)
            && self.sessions.is_empty()
            && self.store.jobs.is_empty()
    }

    /// What is going on.
    #[must_use]
    pub fn status(&self) -> Status {
        let Tally { sessions_begun, introductions, wrong_passwords, locked, store_failures } =
            self.counters;
        Status {
            connections: self.sessions.len() as u64,
            online: self.online.len() as u64,
            waiting_for_store: self.store.jobs.len() as u64,
            sessions_begun,
            introductions,
            wrong_passwords,
            locked,
            store_failures,
            relayed: self.relays.relayed(),
            transport: self.endpoint.counters(),
        }
    }

    /// How many datagrams wait to be sent on, for tests of the limits.
    #[must_use]
    pub fn relays_waiting(&self) -> usize {
        self.relays.waiting()
    }

    /// How many bytes are held for the client of whom most is held, for tests of the limits.
    #[must_use]
    pub fn most_buffered_bytes(&self) -> u64 {
        let held = self.sessions.iter().map(|(handle, session)| {
            let transport = self.endpoint.stats(*handle).map_or(0, |stats| stats.buffered_bytes);
            transport + session.held() as u64
        });
        held.max().unwrap_or(0)
    }

    /// Does everything that follows from what has arrived.
    fn pump(&mut self, now: Instant) {
        loop {
            while let Some((handle, event)) = self.endpoint.poll_event() {
                self.on_event(now, handle, event);
            }
            let Some(handle) = self.touched.pop_first() else { return };
            self.serve(now, handle);
        }
    }

    fn on_event(&mut self, now: Instant, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Connected { address, remote_static, handshake_hash } => {
                let deadline = now + self.policy.login_timeout;
                let session = Session::new(now, address, remote_static, handshake_hash, deadline);
                self.on_connected(now, handle, session);
            }
            Event::Closed(error) => {
                let leave = match error {
                    ConnectionError::ClosedByPeer(CloseReason { code: close::LOGOUT, .. }) => {
                        Leave::Meant
                    }
                    ConnectionError::Unreachable
                    | ConnectionError::Handshake(_)
                    | ConnectionError::WrongServerKey
                    | ConnectionError::TimedOut
                    | ConnectionError::ClosedByPeer(_)
                    | ConnectionError::Closed(_)
                    | ConnectionError::Reset
                    | ConnectionError::Protocol(_) => Leave::Lost,
                };
                self.forget_session(now, handle, leave);
            }
            Event::Opened(stream) => self.on_opened(handle, stream),
            Event::Readable(stream) => {
                if let Some(session) = self.sessions.get_mut(&handle) {
                    session.on_readable(stream);
                    self.touched.insert(handle);
                }
            }
            Event::Writable(_) => {
                self.touched.insert(handle);
            }
            Event::Finished(_) => self.on_finished(now, handle),
            Event::PathChanged(address) => {
                if let Some(session) = self.sessions.get_mut(&handle) {
                    session.address = address;
                }
            }
            // A client that does not want answers gets none; nobody gives a server tokens.
            Event::Stopped(..) | Event::NewToken(_) => {}
        }
    }

    fn on_connected(&mut self, now: Instant, handle: ConnectionHandle, session: Session) {
        if !matches!(self.stage, Stage::Serving) {
            let reason = CloseReason::new(close::SHUTDOWN, "the server is stopping");
            self.endpoint.close(now, handle, reason);
        } else if self.sessions.len() >= self.policy.max_sessions {
            self.endpoint.close(now, handle, CloseReason::new(close::FULL, "the server is full"));
        } else {
            self.login_deadlines.insert((session.login_deadline, handle));
            self.sessions.insert(handle, session);
        }
    }

    /// The first stream carries the requests; others are refused.
    fn on_opened(&mut self, handle: ConnectionHandle, stream: StreamId) {
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        if !session.adopt(stream) {
            self.endpoint.stop(handle, stream, close::PROTOCOL);
            self.endpoint.reset(handle, stream, close::PROTOCOL);
        }
    }

    fn on_finished(&mut self, now: Instant, handle: ConnectionHandle) {
        let leaving = self.sessions.get(&handle).is_some_and(|s| matches!(s.state, State::Leaving));
        if leaving {
            self.drop_session(now, handle, CloseReason::new(close::LOGOUT, "logged out"));
        }
    }

    /// Takes a session's requests as far as possible and sends what it has to say.
    fn serve(&mut self, now: Instant, handle: ConnectionHandle) {
        loop {
            let Some(session) = self.sessions.get_mut(&handle) else { return };
            match session.next_request(&mut self.endpoint, handle) {
                Ok(Some(ClientMessage::Request { id, request })) => {
                    self.on_request(now, handle, id, request);
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(connection = %handle, %error, "not our protocol");
                    let reason = CloseReason::new(close::PROTOCOL, "not a message");
                    return self.drop_session(now, handle, reason);
                }
            }
        }
        self.tell_of_idle(handle);
        self.continue_snapshot(handle);
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        session.catch_up();
        session.flush(&mut self.endpoint, handle);
        if matches!(session.state, State::Leaving) && session.is_drained() {
            session.finish(&mut self.endpoint, handle);
        }
    }

    fn on_request(&mut self, now: Instant, handle: ConnectionHandle, id: u64, request: Request) {
        let rate = self.policy.requests;
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        if let Err(wait) = session.requests.take(now, rate) {
            let seconds = whole_seconds(wait);
            return session.respond(id, Response::Refused(Refusal::TooManyRequests { seconds }));
        }
        let answer = match session.user().map(|user| user.name.clone()) {
            Some(own) => self.on_user_request(now, handle, own, request),
            None => self.on_stranger_request(now, handle, request),
        };
        match answer {
            Answer::Now(response) => self.respond(handle, id, response),
            Answer::Ask(request, continuation) => {
                let job = Job { handle, request: id, continuation };
                if !self.store.takes(&job) {
                    let refusal = Refusal::TooManyRequests { seconds: 1 };
                    return self.respond(handle, id, Response::Refused(refusal));
                }
                self.store.submit(request, Some(job));
                if let Some(session) = self.sessions.get_mut(&handle) {
                    session.waiting = Some(id);
                }
            }
        }
    }

    fn respond(&mut self, handle: ConnectionHandle, id: u64, response: Response) {
        if let Some(session) = self.sessions.get_mut(&handle) {
            session.respond(id, response);
            self.touched.insert(handle);
        }
    }

    fn finish_job(&mut self, now: Instant, job: Job, outcome: StoreOutcome) {
        let Job { handle, request, continuation } = job;
        let is_here = self.sessions.get(&handle).is_some_and(|s| s.waiting == Some(request));
        let response = match continuation {
            // What concerns others happens even when the asker has gone meanwhile.
            Continuation::Block { by, target, at } => self.on_blocked(&by, &target, at, &outcome),
            Continuation::Unblock { by, target } => self.on_unblocked(&by, &target, &outcome),
            Continuation::Deposit { from, to, .. } => self.on_deposited(&from, &to, outcome),
            Continuation::DeleteAccount { name, identity } => {
                self.on_deleted(now, handle, &name, identity, &outcome)
            }
            _ if !is_here => return,
            Continuation::Begin { conflict } => {
                self.on_session_stored(now, handle, conflict, outcome)
            }
            Continuation::Resume { name } => self.on_resumed(now, handle, name, outcome),
            Continuation::Login { name, ke1 } => {
                self.on_login_counted(now, handle, name, *ke1, outcome)
            }
            Continuation::Proven(pending) => {
                self.on_password_proven(now, handle, *pending, &outcome)
            }
            Continuation::Exists => Self::on_exists(&outcome),
            Continuation::LastSeen => Self::on_last_seen(outcome),
            Continuation::SeenSince { asker } => self.on_seen_since(&asker, outcome),
            Continuation::Directory { name } => Self::on_directory(name, &outcome),
            Continuation::Mail => Self::on_mail_done(outcome),
            Continuation::Room => Self::on_room_done(outcome),
            Continuation::ChangePassword => Self::on_password_changed(&outcome),
        };
        self.answer(handle, request, response);
    }

    /// The answer to a request that waited for the store, if somebody still waits for it.
    pub(crate) fn answer(&mut self, handle: ConnectionHandle, request: u64, response: Response) {
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        if session.waiting.take_if(|waiting| *waiting == request).is_some() {
            self.respond(handle, request, response);
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(handle) = self.logins.poll_expired(now) {
            self.forget_login(handle);
        }
        while let Some((name, at)) = self.presence.poll_gone(now) {
            self.announce(now, &name, at);
        }
        while let Some((name, at)) = self.pace.poll(now) {
            self.announce_now(&name, at);
        }
        while let Some((_, handle)) =
            self.login_deadlines.first().copied().filter(|(at, _)| *at <= now)
        {
            self.login_deadlines.pop_first();
            let leaving =
                self.sessions.get(&handle).is_some_and(|s| matches!(s.state, State::Leaving));
            let reason = if leaving {
                CloseReason::new(close::LOGOUT, "logged out")
            } else {
                CloseReason::new(close::TOO_SLOW, "not logged in in time")
            };
            self.drop_session(now, handle, reason);
        }
        self.end_idle_sessions(now);
        if let Stage::Stopping { close_at, reason } = self.stage.clone()
            && close_at <= now
        {
            self.stage = Stage::Stopped;
            let all: Vec<ConnectionHandle> = self.sessions.keys().copied().collect();
            for handle in all {
                self.drop_session(now, handle, reason.clone());
            }
        }
    }
}

impl Node for Server {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        if wire::relay::is_relay(datagram) {
            let sessions = &self.sessions;
            let address_of = |session| Some(sessions.get(&session)?.address);
            return self.relays.handle_datagram(now, datagram, address_of);
        }
        self.endpoint.handle_datagram(now, source, datagram);
        self.pump(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.expire(now);
        self.pump(now);
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        let own = self.endpoint.poll_transmit(now, buffer, max_datagrams);
        own.or_else(|| self.relays.poll_transmit(buffer, max_datagrams))
    }

    fn handle_too_large(&mut self, now: Instant, size: usize) {
        self.endpoint.handle_too_large(now, size);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let stopping = match &self.stage {
            Stage::Stopping { close_at, .. } => Some(*close_at),
            Stage::Serving | Stage::Stopped => None,
        };
        let own = [
            (self.logins.poll_timeout(), "pending login"),
            (self.presence.poll_timeout(), "hold-down"),
            (self.pace.poll_timeout(), "held-back notice"),
            (self.login_deadlines.first().map(|(at, _)| *at), "login"),
            (self.idle.poll_timeout(), "idle user"),
            (stopping, "shutdown"),
        ];
        let own = own.into_iter().filter_map(|(at, timer)| Some(Deadline { at: at?, timer }));
        own.chain(self.endpoint.poll_timeout()).min()
    }
}
