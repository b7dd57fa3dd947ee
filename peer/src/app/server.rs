//! The connection to the server: found, kept, lost and tried again. What is said on it is in
//! `session` and `requests`.
//!
//! ```text
//!            server_go                    connected
//!   Off ───────────────► Connecting ────────────────► Up
//!    ▲    (Resolving)     ▲      │ none answered      │ lost
//!    │                    │      ▼                    ▼
//!    └── nothing wanted   └──── Waiting (back-off, told each second)
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wire::app::identity::fingerprint;
use wire::app::name::Name;
use wire::app::server::{ServerMessage, close};
use wire::time::{Duration, Instant};
use wire::{
    Class, CloseReason, Connect, ConnectionError, ConnectionHandle, Deadline, Event, Identify,
    PublicKey, Secret, StreamId,
};

use super::App;
use super::backoff::Backoff;
use super::requests::Pending;
use super::session::TAKEN_OVER;
use super::streams::{Incoming, Outgoing, StreamError};
use crate::output::{Output, ServerState};
use crate::work::{AccountId, StoreRequest};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// When an address has not answered by then, the next is tried beside it (RFC 8305 section 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(300);
/// Most addresses tried at once.
const MAX_ADDRESSES: usize = 4;
const SECOND: Duration = Duration::from_secs(1);

/// What the connection is wanted for.
#[derive(Debug)]
pub(super) enum Goal {
    /// None is wanted.
    Nothing,
    /// To learn which key it has, before anything is typed for it.
    Meet,
    /// To be logged in as the account that is kept here, by its device's key.
    Resume,
    /// To register or log in with a password.
    Password(Credentials),
}

impl Goal {
    /// Whether a session is wanted.
    pub(super) const fn is_login(&self) -> bool {
        match self {
            Self::Nothing | Self::Meet => false,
            Self::Resume | Self::Password(_) => true,
        }
    }
}

/// Whether a session that another device has is wanted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Somebody started this program or asked for the session.
    TakeBack,
    /// The session that was here goes on, if nobody else has it.
    GoOn,
}

/// A name and a password on their way to becoming an account.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) attempt: Attempt,
    /// As the person asked: for what is told at the end.
    pub(super) registers: bool,
    pub(super) name: Name,
    pub(super) password: Secret<Vec<u8>>,
    /// The first failure to reach the server was told: commands wait no longer.
    pub(super) told: bool,
}

/// What is tried with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Register,
    Login,
    /// The answer to a registration was lost. Perhaps it was done: log in; if that fails,
    /// register again.
    Recover,
}

#[derive(Debug)]
enum State {
    Off,
    Resolving,
    Connecting { attempts: Vec<ConnectionHandle>, next: usize, next_at: Option<Instant> },
    Up(Box<Channel>),
    Waiting { until: Instant, tell_at: Instant, reason: String },
}

/// A connection that is up.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) handle: ConnectionHandle,
    pub(super) handshake_hash: [u8; 32],
    pub(super) logged_in: bool,
    stream: StreamId,
    outgoing: Outgoing,
    incoming: Incoming,
}

/// The server as this client sees it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) goal: Goal,
    pub(super) claim: Claim,
    state: State,
    backoff: Backoff,
    addresses: Vec<SocketAddr>,
    wants_address: bool,
    pub(super) pin: Option<PublicKey>,
    token: Option<[u8; 24]>,
    /// It showed another key than the pinned one.
    pub(super) is_foreign: bool,
    /// The key that it had until the person trusted another.
    pub(super) replaced: Option<PublicKey>,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) next_request: u64,
}

impl Server {
    pub(super) fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            goal: Goal::Nothing,
            claim: Claim::TakeBack,
            state: State::Off,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            wants_address: addresses.is_empty(),
            addresses,
            pin: None,
            token: None,
            is_foreign: false,
            replaced: None,
            pending: BTreeMap::new(),
            next_request: 0,
        }
    }

    /// What was learned of it in earlier runs.
    pub(super) const fn know(&mut self, key: PublicKey, token: Option<[u8; 24]>) {
        self.pin = Some(key);
        self.token = token;
    }

    /// Where it may be.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(super) const fn wants_address(&self) -> bool {
        self.wants_address
    }

    pub(super) fn owns(&self, handle: ConnectionHandle) -> bool {
        match &self.state {
            State::Connecting { attempts, .. } => attempts.contains(&handle),
            State::Up(channel) => channel.handle == handle,
            State::Off | State::Resolving | State::Waiting { .. } => false,
        }
    }

    pub(super) fn handle(&self) -> Option<ConnectionHandle> {
        self.channel().map(|channel| channel.handle)
    }

    pub(super) fn channel(&self) -> Option<&Channel> {
        match &self.state {
            State::Up(channel) => Some(channel),
            State::Off | State::Resolving | State::Connecting { .. } | State::Waiting { .. } => {
                None
            }
        }
    }

    pub(super) fn channel_mut(&mut self) -> Option<&mut Channel> {
        match &mut self.state {
            State::Up(channel) => Some(channel),
            State::Off | State::Resolving | State::Connecting { .. } | State::Waiting { .. } => {
                None
            }
        }
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.channel().is_some_and(|channel| channel.logged_in)
    }

    /// Why nothing can be asked of it, for people.
    pub(super) fn why_not(&self) -> String {
        match &self.state {
            State::Waiting { reason, .. } => format!("the server is not reachable ({reason})"),
            State::Resolving | State::Connecting { .. } | State::Up(_) => {
                "the connection to the server is being set up".to_owned()
            }
            State::Off => "not connected to the server: /login or /reconnect".to_owned(),
        }
    }

    /// A password was given, and neither success nor the first failure is known.
    pub(super) const fn is_logging_in(&self) -> bool {
        match &self.goal {
            Goal::Password(credentials) => !credentials.told,
            Goal::Nothing | Goal::Meet | Goal::Resume => false,
        }
    }

    /// Whose login is wanted.
    /// `None` too before the first contact: an account belongs to the server's key, not to one of
    /// its names.
    pub(super) fn account_of_goal(&self) -> Option<AccountId> {
        match &self.goal {
            Goal::Password(credentials) => {
                Some(AccountId { server: self.pin?, name: credentials.name.clone() })
            }
            Goal::Nothing | Goal::Meet | Goal::Resume => None,
        }
    }

    pub(super) fn login_is_over(&mut self) {
        self.backoff.reset();
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = match &self.state {
            State::Waiting { until, tell_at, .. } => Some((*until).min(*tell_at)),
            State::Connecting { next_at, .. } => *next_at,
            State::Up(_) => self.pending.first_key_value().map(|(_, pending)| pending.until),
            State::Off | State::Resolving => None,
        };
        at.map(|at| Deadline { at, timer: "server" })
    }
}

impl App {
    /// Wants the server for this from now on, and tries it at once.
    pub(super) fn server_go(&mut self, now: Instant, goal: Goal) {
        self.drop_server(now, close::LOGOUT);
        self.server.goal = goal;
        self.server.claim = Claim::TakeBack;
        self.idle.was_active(now);
        self.server.backoff.reset();
        match self.server.account_of_goal() {
            Some(id) => self.login_profile(now, id),
            None => {
                self.ensure_endpoint();
                self.server_try(now);
            }
        }
    }

    /// Tries now, unless it is connected or nothing is wanted of it.
    pub(super) fn server_try(&mut self, now: Instant) {
        let wanted = !matches!(self.server.goal, Goal::Nothing);
        if !wanted || matches!(self.server.state, State::Up(_) | State::Connecting { .. }) {
            return;
        }
        self.tell(Output::Server { state: ServerState::Connecting });
        if self.server.addresses.is_empty() {
            self.server.wants_address = true;
            self.server.state = State::Resolving;
            return;
        }
        self.server.state = State::Connecting { attempts: Vec::new(), next: 0, next_at: Some(now) };
        self.next_address(now);
    }

    /// Tries now, whatever the back-off says.
    pub(super) fn server_retry_now(&mut self, now: Instant) {
        self.server.backoff.reset();
        if matches!(self.server.state, State::Waiting { .. }) {
            self.server.state = State::Off;
        }
        self.server_try(now);
    }

    pub(super) fn server_resolved(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.server.wants_address = false;
        if !addresses.is_empty() {
            self.server.addresses = addresses;
        }
        if matches!(self.server.state, State::Resolving) {
            if self.server.addresses.is_empty() {
                self.server_failed(now, "its name is not known");
            } else {
                self.server_try(now);
            }
        }
    }

    /// Tells the server that this client leaves.
    pub(super) fn leave_server(&mut self, now: Instant) {
        self.drop_server(now, close::LOGOUT);
        self.server.goal = Goal::Nothing;
    }

    /// Closes what there is to the server; nothing is tried until asked for.
    pub(super) fn drop_server(&mut self, now: Instant, code: u32) {
        let handles = match core::mem::replace(&mut self.server.state, State::Off) {
            State::Connecting { attempts, .. } => attempts,
            State::Up(channel) => vec![channel.handle],
            State::Off | State::Resolving | State::Waiting { .. } => Vec::new(),
        };
        for handle in handles {
            self.close(now, handle, code, "");
        }
        self.fail_pending();
    }

    /// The server said something that makes no sense.
    pub(super) fn server_broke_protocol(&mut self, now: Instant, what: &str) {
        tracing::warn!(what, "server broke the protocol");
        self.drop_server(now, close::PROTOCOL);
        self.server_failed(now, &format!("it does not keep to the protocol: {what}"));
    }

    /// It cannot be reached, or was lost: waits and tries again.
    pub(super) fn server_failed(&mut self, now: Instant, reason: &str) {
        let wait = self.server.backoff.next(&mut self.rng);
        self.server_wait(now, wait, reason);
    }

    pub(super) fn server_wait(&mut self, now: Instant, wait: Duration, reason: &str) {
        if let Goal::Password(credentials) = &mut self.server.goal {
            credentials.told = true;
        }
        // The name may stand for another address by now.
        self.server.wants_address = true;
        let reason = reason.to_owned();
        self.server.state = State::Waiting { until: now + wait, tell_at: now, reason };
        self.tell_waiting(now);
    }

    pub(super) fn server_timeout(&mut self, now: Instant) {
        match &self.server.state {
            State::Waiting { until, .. } if *until <= now => {
                self.server.state = State::Off;
                if self.is_idle_too_long(now) {
                    return self.on_idle(now);
                }
                self.server_try(now);
            }
            State::Waiting { tell_at, .. } if *tell_at <= now => self.tell_waiting(now),
            State::Connecting { next_at: Some(at), .. } if *at <= now => self.next_address(now),
            State::Up(_) => {
                let first = self.server.pending.first_key_value();
                if first.is_some_and(|(_, pending)| pending.until <= now) {
                    self.drop_server(now, close::PROTOCOL);
                    self.server_failed(now, "it does not answer");
                }
            }
            State::Off | State::Resolving | State::Connecting { .. } | State::Waiting { .. } => {}
        }
    }

    fn tell_waiting(&mut self, now: Instant) {
        let State::Waiting { until, tell_at, reason } = &mut self.server.state else { return };
        let left = *until - now;
        let seconds = u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        *tell_at = now + SECOND;
        let state = ServerState::Waiting { seconds, reason: reason.clone() };
        self.tell(Output::Server { state });
    }

    /// Tries the next of the server's addresses, beside those that have not answered yet.
    fn next_address(&mut self, now: Instant) {
        let State::Connecting { attempts, next, next_at } = &mut self.server.state else { return };
        let Some(endpoint) = &mut self.endpoint else { return };
        let known = self.server.addresses.len().min(MAX_ADDRESSES);
        if let Some(remote) = self.server.addresses[..known].get(*next) {
            let identify = match self.server.goal {
                Goal::Resume => Identify::Known,
                Goal::Nothing | Goal::Meet | Goal::Password(_) => Identify::Anonymous,
            };
            let connect = Connect {
                remote: *remote,
                server_key: self.server.pin,
                identify,
                token: self.server.token,
            };
            attempts.push(endpoint.connect(now, connect));
            *next += 1;
        }
        *next_at = (*next < known).then(|| now + NEXT_ADDRESS);
    }

    pub(super) fn on_server_event(&mut self, now: Instant, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Connected { remote_static, handshake_hash, .. } => {
                self.on_server_connected(now, handle, remote_static, handshake_hash);
            }
            Event::Opened(_) => self.server_broke_protocol(now, "it opened a stream"),
            Event::Readable(stream) => self.read_server(now, stream),
            Event::Writable(_) => {
                if let (Some(endpoint), State::Up(channel)) =
                    (&mut self.endpoint, &mut self.server.state)
                {
                    // A stream that is stopped is told by an event of its own.
                    let _ = channel.outgoing.flush(endpoint, handle);
                }
            }
            Event::NewToken(token) => {
                self.server.token = Some(token);
                let address = self.settings.server.clone();
                self.jobs.save(StoreRequest::SaveServerToken { address, token });
            }
            Event::Stopped(..) => self.server_broke_protocol(now, "it stopped listening"),
            Event::Finished(_) | Event::PathChanged(_) => {}
            Event::Closed(error) => self.on_server_closed(now, handle, &error),
        }
    }

    fn on_server_connected(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        remote_static: Option<PublicKey>,
        handshake_hash: [u8; 32],
    ) {
        let previous = core::mem::replace(&mut self.server.state, State::Off);
        if let State::Connecting { attempts, .. } = previous {
            for other in attempts.into_iter().filter(|other| *other != handle) {
                self.close(now, other, close::LOGOUT, "");
            }
        }
        let Some(key) = remote_static else {
            self.close(now, handle, close::PROTOCOL, "");
            return self.server_failed(now, "it showed no key");
        };
        match self.server.pin {
            Some(pin) if pin != key => {
                self.close(now, handle, close::LOGOUT, "");
                return self.server_is_foreign(now);
            }
            Some(_) => {}
            None => self.pin_server(key),
        }
        if let Some(id) = self.server.account_of_goal()
            && self.profile.as_ref().is_none_or(|profile| profile.id != id)
        {
            // First contact: only now is it known whose profile this is.
            self.close(now, handle, close::LOGOUT, "");
            return self.login_profile(now, id);
        }
        let Some(endpoint) = &mut self.endpoint else { return };
        let Ok(stream) = endpoint.open(handle, Class::Control) else {
            self.close(now, handle, close::PROTOCOL, "");
            return self.server_failed(now, "it allows no stream");
        };
        self.server.state = State::Up(Box::new(Channel {
            handle,
            handshake_hash,
            logged_in: false,
            stream,
            outgoing: Outgoing::new(stream),
            incoming: Incoming::new(stream),
        }));
        self.tell(Output::Server { state: ServerState::Connected });
        self.begin_session(now);
    }

    /// First contact: this key and no other from now on.
    fn pin_server(&mut self, key: PublicKey) {
        self.server.pin = Some(key);
        self.server.is_foreign = false;
        if let Some(from) = self.server.replaced.take() {
            self.move_accounts(from, key);
        }
        let address = self.settings.server.clone();
        self.jobs.save(StoreRequest::PinServer { address: address.clone(), key });
        self.tell(Output::ServerFingerprint { server: address, fingerprint: fingerprint(&key.0) });
    }

    /// C07: nothing is said to a server with another key, and it is not tried again by itself.
    fn server_is_foreign(&mut self, now: Instant) {
        let pinned = self.server.pin.map(|key| fingerprint(&key.0)).unwrap_or_default();
        let text = format!(
            "The server at {} shows another key than before, so nothing was sent to it. Either \
             somebody stands between you and the server, or it was set up anew. The known \
             fingerprint is {pinned}. If its operator confirms that it is new, '/trust server' \
             accepts the new key; '/reconnect' tries again.",
            self.settings.server
        );
        self.server.is_foreign = true;
        self.server.state = State::Off;
        if let Goal::Password(_) = self.server.goal {
            self.end_login(now, "the server shows another key than before");
        }
        self.error(&text);
        self.tell(Output::Server { state: ServerState::Refused });
    }

    fn on_server_closed(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        error: &ConnectionError,
    ) {
        if let State::Connecting { attempts, next, .. } = &mut self.server.state {
            attempts.retain(|attempt| *attempt != handle);
            let none_left = attempts.is_empty();
            let tried_all = *next >= self.server.addresses.len().min(MAX_ADDRESSES);
            if *error == ConnectionError::WrongServerKey {
                self.drop_server(now, close::LOGOUT);
                self.server_is_foreign(now);
            } else if none_left && tried_all {
                self.server.state = State::Off;
                self.server_failed(now, &error.to_string());
            } else if none_left {
                self.next_address(now);
            }
            return;
        }
        self.server.state = State::Off;
        self.fail_pending();
        match error {
            ConnectionError::ClosedByPeer(reason) if reason.code == close::TAKEN_OVER => {
                self.session_ended(now, TAKEN_OVER);
            }
            ConnectionError::ClosedByPeer(reason) if reason.code == close::REVOKED => {
                self.turned_away(now, "this device no longer belongs to the account");
            }
            ConnectionError::ClosedByPeer(reason) if reason.code == close::NEW_PASSWORD => {
                self.needs_new_password(now);
            }
            ConnectionError::ClosedByPeer(reason) if reason.code == close::IDLE => {
                self.on_idle(now);
            }
            ConnectionError::ClosedByPeer(reason) if reason.code == close::DELETED => {
                self.deleted_elsewhere(now);
            }
            ConnectionError::ClosedByPeer(reason) if reason.code == close::SHUTDOWN => {
                self.server_failed(now, "it is shutting down");
            }
            ConnectionError::ClosedByPeer(reason) if reason.code == close::FULL => {
                self.server_failed(now, "it is full");
            }
            ConnectionError::Unreachable
            | ConnectionError::Handshake(_)
            | ConnectionError::WrongServerKey
            | ConnectionError::TimedOut
            | ConnectionError::ClosedByPeer(_)
            | ConnectionError::Closed(_)
            | ConnectionError::Reset
            | ConnectionError::Protocol(_) => self.server_failed(now, &error.to_string()),
        }
    }

    fn read_server(&mut self, now: Instant, stream: StreamId) {
        loop {
            let (Some(endpoint), State::Up(channel)) = (&mut self.endpoint, &mut self.server.state)
            else {
                return;
            };
            if channel.stream != stream {
                return;
            }
            channel.incoming.readable();
            match channel.incoming.next::<ServerMessage>(endpoint, channel.handle) {
                Ok(Some(message)) => self.on_server_message(now, message),
                Ok(None) => return,
                // The end of a connection is told by an event of its own.
                Err(StreamError::Read(_)) => return,
                Err(error @ (StreamError::Framing(_) | StreamError::Ended)) => {
                    return self.server_broke_protocol(now, &error.to_string());
                }
            }
        }
    }

    /// Writes to the server; says whether there is a connection.
    pub(super) fn write_server(&mut self, message: &wire::app::server::ClientMessage) -> bool {
        let (Some(endpoint), State::Up(channel)) = (&mut self.endpoint, &mut self.server.state)
        else {
            return false;
        };
        channel.outgoing.send(endpoint, channel.handle, message).is_ok()
    }

    /// Bytes that were said to the server and are not known to have arrived.
    pub(super) fn on_its_way_to_server(&self) -> u64 {
        let (Some(endpoint), State::Up(channel)) = (&self.endpoint, &self.server.state) else {
            return 0;
        };
        channel.outgoing.on_its_way(endpoint, channel.handle)
    }

    /// Closes a connection of any kind.
    pub(super) fn close(&mut self, now: Instant, handle: ConnectionHandle, code: u32, text: &str) {
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.close(now, handle, CloseReason::new(code, text));
        }
    }
}
