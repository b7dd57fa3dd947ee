//! Direct connections to other users: asked for when something is to be said, set up by an
//! introduction of the server, kept for as long as both sides are there. The server's loss does
//! not touch them.
//!
//! ```text
//!           want_link          introduction        connected
//!   nothing ─────────► asked ────────────► calling ──────────► up
//!      ▲                 │ refused            │ no answer       │ lost, replaced
//!      └── retry later ◄─┴────────────────────┴─────────────────┘
//! ```
//!
//! One link for each user. When another introduction arrives while one is up (the other side has
//! lost it, or restarted), both are kept until the newer is up; it takes the older's place.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::peer::{self, Control, close};
use wire::app::server::{Introduction, Refusal, Request};
use wire::time::{Duration, Instant};
use wire::{
    Call, CallTag, Class, ConnectionError, ConnectionHandle, Deadline, Event, PublicKey, Relay,
    Side, StreamId,
};

use super::App;
use super::attention::Passed;
use super::backoff::Backoff;
use super::identities::{Verdict, Warnings};
use super::paths::{Whereabouts, worth_probing};
use super::requests::Asked;
use super::streams::{Incoming, Outgoing, StreamError};
use crate::output::Output;

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Most users with whom there is a link, or one being set up.
pub(super) const MAX_LINKS: usize = 1024;
/// Most of them, when one is set up for a room: others hand on what was said there, and whoever talks to
/// one user has no other way.
pub(super) const MAX_FOR_ROOMS: usize = MAX_LINKS - 128;
/// Most calls to one user at once: the older is given up.
const MAX_CALLS: usize = 2;
/// While this much of what we say waits, no more is heard from a user who does not listen...
pub(super) const BACKLOG: usize = 64 << 10;
/// ...and at this much the link ends.
const MAX_BACKLOG: usize = 1 << 20;

/// All links.
#[derive(Debug, Default)]
pub(super) struct Links {
    users: BTreeMap<Name, Link>,
    by_handle: BTreeMap<ConnectionHandle, Name>,
    pub(super) warnings: Warnings,
    /// Introductions so far: a later one's link takes an earlier one's place.
    introductions: u64,
    /// Whether users to whom a link is wanted are to be looked for.
    check: bool,
}

#[derive(Debug)]
struct Link {
    calls: Vec<Ringing>,
    up: Option<Up>,
    /// The server was asked for an introduction and has not answered.
    asked: bool,
    backoff: Backoff,
    /// Not tried again before.
    retry_at: Option<Instant>,
    /// Where he was at the last introduction.
    last_known: Option<Whereabouts>,
}

#[derive(Debug)]
struct Ringing {
    handle: ConnectionHandle,
    order: u64,
    tag: CallTag,
    identity: IdentityKey,
    device: PublicKey,
    generation: u64,
    /// How many addresses are tried.
    candidates: usize,
    whereabouts: Whereabouts,
}

/// A link that is up.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) handle: ConnectionHandle,
    pub(super) identity: IdentityKey,
    pub(super) device: PublicKey,
    order: u64,
    pub(super) control: Outgoing,
    pub(super) chat: Outgoing,
    control_in: Option<Incoming>,
    pub(super) chat_in: Option<Incoming>,
    pub(super) passed: Passed,
    /// What was said last of talking at all.
    pub(super) said: Option<peer::Contact>,
    pub(super) whereabouts: Whereabouts,
}

impl Links {
    /// How many users have a link, or are to get one.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    pub(super) fn handles(&self) -> impl Iterator<Item = ConnectionHandle> {
        self.by_handle.keys().copied()
    }

    pub(super) fn up(&self, user: &Name) -> Option<&Up> {
        self.users.get(user)?.up.as_ref()
    }

    pub(super) fn up_mut(&mut self, user: &Name) -> Option<&mut Up> {
        self.users.get_mut(user)?.up.as_mut()
    }

    pub(super) fn is_any_up(&self) -> bool {
        self.users.values().any(|link| link.up.is_some())
    }

    /// Those to whom there is a link.
    pub(super) fn all_up(&self) -> impl Iterator<Item = (&Name, &Up)> {
        self.users.iter().filter_map(|(user, link)| link.up.as_ref().map(|up| (user, up)))
    }

    /// What was told last of where a user is, with a link or without.
    pub(super) fn whereabouts(&self, user: &Name) -> Option<&Whereabouts> {
        let link = self.users.get(user)?;
        let up = link.up.as_ref().map(|up| &up.whereabouts);
        let ringing = link.calls.last().map(|call| &call.whereabouts);
        up.or(ringing).or(link.last_known.as_ref())
    }

    /// Whether a link is on its way.
    pub(super) fn is_coming(&self, user: &Name) -> bool {
        self.users.get(user).is_some_and(|link| link.asked || !link.calls.is_empty())
    }

    /// Users to whom a link is wanted are to be looked for, at the end of the verb.
    pub(super) const fn want_check(&mut self) {
        self.check = true;
    }

    pub(super) fn came_online(&mut self, user: &Name) {
        if let Some(link) = self.users.get_mut(user) {
            link.backoff.reset();
            link.retry_at = None;
        }
        self.warnings.look_again(user);
        self.check = true;
    }

    pub(super) fn server_is_back(&mut self) {
        for link in self.users.values_mut() {
            link.asked = false;
            link.retry_at = None;
        }
        self.check = true;
    }

    pub(super) fn not_introduced(&mut self, user: &Name) {
        if let Some(link) = self.users.get_mut(user) {
            link.asked = false;
        }
    }

    /// The introduction should arrive by then.
    pub(super) fn introduction_announced(&mut self, user: &Name, until: Instant) {
        if let Some(link) = self.users.get_mut(user) {
            link.asked = false;
            if link.calls.is_empty() && link.up.is_none() {
                link.retry_at = Some(until);
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.users.values().filter_map(|link| link.retry_at).min()?;
        Some(Deadline { at, timer: "links" })
    }

    fn link(&mut self, user: &Name) -> &mut Link {
        self.users.entry(user.clone()).or_insert_with(|| Link {
            calls: Vec::new(),
            up: None,
            asked: false,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            retry_at: None,
            last_known: None,
        })
    }
}

/// How far a link is that is not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nobody wants one.
    Nothing,
    /// The server was asked for an introduction.
    Asked,
    /// So many addresses are tried.
    Calling { candidates: usize },
    /// The last try failed.
    Waiting {
        /// Until the next.
        seconds: u64,
    },
}

impl Links {
    /// How far the link to this user is, if it is not up.
    pub(super) fn reach(&self, now: Instant, user: &Name) -> Reach {
        let Some(link) = self.users.get(user) else { return Reach::Nothing };
        if let Some(call) = link.calls.last() {
            return Reach::Calling { candidates: call.candidates };
        }
        match link.retry_at {
            _ if link.asked => Reach::Asked,
            Some(at) if at > now => Reach::Waiting { seconds: (at - now).as_secs() + 1 },
            Some(_) | None => Reach::Nothing,
        }
    }
}

impl App {
    /// Looks for users to whom something waits.
    pub(super) fn check_links(&mut self, now: Instant) {
        if !core::mem::take(&mut self.links.check) {
            return;
        }
        let mut wanted: Vec<Name> = self.chat.outbox.users().cloned().collect();
        wanted.extend(self.transfers.wants_link());
        wanted.extend(self.codes.wants_link());
        wanted.extend(self.pings.wants_link());
        wanted.extend(self.requests.asked().cloned());
        for user in wanted {
            self.want_link(now, &user);
            self.check_addressee(now, &user);
        }
        for member in self.wanted_members() {
            if self.links.users.len() < MAX_FOR_ROOMS || self.links.users.contains_key(&member) {
                self.want_link(now, &member);
            }
        }
        self.store_messages(now);
    }

    /// Asks for an introduction to this user, unless there is a link, one is on its way, or it
    /// is known to be in vain.
    pub(super) fn want_link(&mut self, now: Instant, user: &Name) {
        let possible =
            self.server.is_logged_in() && self.roster.is_online(user) && !self.is_blocked(user);
        if !possible || (self.links.users.len() >= MAX_LINKS && self.links.up(user).is_none()) {
            return;
        }
        let link = self.links.link(user);
        let waits = link.retry_at.is_some_and(|at| at > now);
        if link.up.is_some() || link.asked || !link.calls.is_empty() || waits {
            return;
        }
        let is_held = self.is_held(user);
        if is_held && !self.links.warnings.may_look(user) {
            return;
        }
        self.links.link(user).asked = true;
        let request = Request::Introduce(user.clone());
        if self.ask(now, Asked::Introduce(user.clone()), request).is_err() {
            self.retry_link(now, user);
        }
    }

    /// The session at the server is another one now. What went through the server went nowhere since, so
    /// new ways are asked for; when that cannot be, the link ends by its time-out.
    pub(super) fn renew_relayed(&mut self, now: Instant) {
        let is_relayed = |user: &&Name| self.link_line(user).is_some_and(|it| it.path == "relayed");
        let users: Vec<Name> = self.links.users.keys().filter(is_relayed).cloned().collect();
        for user in users {
            let request = Request::Introduce(user.clone());
            let _ = self.ask(now, Asked::Introduce(user), request);
        }
    }

    /// Later.
    fn retry_link(&mut self, now: Instant, user: &Name) {
        if let Some(link) = self.links.users.get_mut(user) {
            link.asked = false;
            link.retry_at = Some(now + link.backoff.next(&mut self.rng));
        }
    }

    pub(super) fn links_timeout(&mut self, now: Instant) {
        // Before the retries, which must not forget how long the next one is to wait.
        self.links.users.retain(|_, link| {
            link.up.is_some() || link.asked || !link.calls.is_empty() || link.retry_at.is_some()
        });
        for link in self.links.users.values_mut() {
            if link.retry_at.is_some_and(|at| at <= now) {
                link.retry_at = None;
                self.links.check = true;
            }
        }
    }

    pub(super) fn on_introduction_refused(&mut self, now: Instant, user: &Name, refusal: &Refusal) {
        match refusal {
            Refusal::UnknownUser => {
                self.links.not_introduced(user);
                self.no_such_user(now, user);
            }
            Refusal::TooManyRequests { seconds } => {
                let wait = Duration::from_secs(u64::from(*seconds).clamp(1, 3600));
                let link = self.links.link(user);
                link.asked = false;
                link.retry_at = Some(now + wait);
            }
            Refusal::Offline
            | Refusal::Yourself
            | Refusal::NotLoggedIn
            | Refusal::AlreadyLoggedIn
            | Refusal::NameTaken
            | Refusal::RegistrationClosed
            | Refusal::WrongPassword
            | Refusal::Locked { .. }
            | Refusal::AlreadyBlocked
            | Refusal::NotBlocked
            | Refusal::BlockListFull
            | Refusal::UnknownDevice
            | Refusal::Malformed
            | Refusal::StorageFailed
            | Refusal::NoMailbox
            | Refusal::MailboxFull
            | Refusal::Room(_)
            | Refusal::UnknownCode
            | Refusal::AccountDeleted
            | Refusal::NewPassword
            | Refusal::NewerDevice { .. } => self.retry_link(now, user),
        }
    }

    /// The server introduces somebody: because this side asked, or the other.
    pub(super) fn on_introduction(&mut self, now: Instant, introduction: Introduction) {
        let Some((own_name, own_identity)) = self.own_identity() else { return };
        let user = introduction.name.clone();
        let known = self.links.users.contains_key(&user);
        if user == own_name
            || self.is_blocked(&user)
            || (!known && self.links.users.len() >= MAX_LINKS)
        {
            tracing::debug!(%user, "introduction not followed");
            return;
        }
        if self.judge(&introduction) == Verdict::Refused {
            if known {
                self.retry_link(now, &user);
            }
            return;
        }
        let server = self.server_address();
        let Some(endpoint) = &mut self.endpoint else { return };
        let order = self.links.introductions;
        self.links.introductions += 1;
        let link = self.links.link(&user);
        link.retry_at = None;
        if link.calls.iter().any(|call| call.tag == introduction.tag) {
            return;
        }
        let prologue = introduction.prologue(own_identity);
        let whereabouts = Whereabouts::of(&introduction);
        link.last_known = Some(whereabouts.clone());
        let observed = introduction.candidates.first().copied();
        let candidates = worth_probing(introduction.candidates, self.server.addresses());
        let count = candidates.len();
        let handle = endpoint.call(
            now,
            Call {
                tag: introduction.tag,
                side: if introduction.initiator { Side::Initiator } else { Side::Responder },
                secret: introduction.secret,
                remote_static: introduction.certificate.device,
                prologue,
                observed: observed.filter(|observed| candidates.contains(observed)),
                candidates,
                relay: server
                    .zip(introduction.relay)
                    .map(|(server, grant)| Relay { server, grant }),
            },
        );
        link.calls.push(Ringing {
            handle,
            order,
            tag: introduction.tag,
            identity: introduction.identity,
            device: introduction.certificate.device,
            generation: introduction.certificate.generation,
            candidates: count,
            whereabouts,
        });
        let is_news = link.up.is_none() && link.calls.len() == 1;
        let given_up = (link.calls.len() > MAX_CALLS).then(|| link.calls.remove(0).handle);
        self.links.by_handle.insert(handle, user.clone());
        if let Some(old) = given_up {
            self.drop_connection(now, old, close::REPLACED, "");
        }
        if is_news {
            self.tell_link(&user, "connecting");
        }
    }

    pub(super) fn on_link_event(&mut self, now: Instant, handle: ConnectionHandle, event: Event) {
        // Connections that were given up are known no more.
        let Some(user) = self.links.by_handle.get(&handle).cloned() else { return };
        let is_up = self.links.up(&user).is_some_and(|up| up.handle == handle);
        match event {
            Event::Connected { .. } => self.on_link_connected(now, &user, handle),
            Event::Closed(error) => self.on_link_closed(now, &user, handle, &error),
            _ if !is_up => {}
            Event::Opened(stream) => self.on_link_opened(now, &user, stream),
            Event::Readable(stream) => self.on_link_readable(now, &user, stream),
            Event::Writable(stream) => self.on_link_writable(now, &user, stream),
            Event::Stopped(stream, _) => match stream.class() {
                Class::Bulk => {
                    self.with_transfers(now, |transfers, cx| {
                        transfers.on_stopped(cx, &user, stream);
                    });
                }
                Class::Control | Class::Chat => {
                    self.link_broke_protocol(now, &user, "stopped listening");
                }
            },
            Event::PathChanged(_) => {
                self.note_path(&user);
                self.tell_link_up(&user);
            }
            Event::Finished(_) | Event::NewToken(_) => {}
        }
    }

    fn on_link_connected(&mut self, now: Instant, user: &Name, handle: ConnectionHandle) {
        let Some(link) = self.links.users.get_mut(user) else { return };
        let Some(at) = link.calls.iter().position(|call| call.handle == handle) else { return };
        let call = link.calls.remove(at);
        if link.up.as_ref().is_some_and(|up| up.order > call.order) {
            return self.drop_connection(now, handle, close::REPLACED, "");
        }
        // What was known at the introduction may be out of date.
        if self.learn_contact(user, call.identity, call.generation) == Verdict::Refused {
            self.drop_connection(now, handle, close::BYE, "");
            return self.retry_link(now, user);
        }
        let link = self.links.link(user);
        // Earlier calls would only take the place of this one to lose it again.
        let (earlier, later): (Vec<Ringing>, Vec<Ringing>) =
            core::mem::take(&mut link.calls).into_iter().partition(|c| c.order < call.order);
        link.calls = later;
        link.retry_at = None;
        link.backoff.reset();
        let replaced = link.up.take();
        for old in earlier {
            self.drop_connection(now, old.handle, close::REPLACED, "");
        }
        if let Some(old) = replaced {
            self.drop_connection(now, old.handle, close::REPLACED, "");
            self.after_link_down(now, user);
        }
        let Some(endpoint) = &mut self.endpoint else { return };
        let (Ok(control), Ok(chat)) =
            (endpoint.open(handle, Class::Control), endpoint.open(handle, Class::Chat))
        else {
            return self.drop_connection(now, handle, close::PROTOCOL, "no streams");
        };
        self.links.link(user).up = Some(Up {
            handle,
            identity: call.identity,
            device: call.device,
            order: call.order,
            control: Outgoing::new(control),
            chat: Outgoing::new(chat),
            control_in: None,
            chat_in: None,
            passed: Passed::default(),
            said: None,
            whereabouts: call.whereabouts,
        });
        self.note_path(user);
        self.tell_link_up(user);
        self.with_transfers(now, |transfers, cx| transfers.on_link_up(cx, user));
        self.chat.outbox.rewind(user);
        self.pump(user);
        self.ask_again(user);
        self.greet_in_rooms(user);
        self.greet_with_mark(user);
        self.go_on_with_code(now, user);
        self.send_ping(now, user);
    }

    fn on_link_closed(
        &mut self,
        now: Instant,
        user: &Name,
        handle: ConnectionHandle,
        error: &ConnectionError,
    ) {
        self.links.by_handle.remove(&handle);
        let Some(link) = self.links.users.get_mut(user) else { return };
        link.calls.retain(|call| call.handle != handle);
        let was_up = link.up.take_if(|up| up.handle == handle).is_some();
        let is_coming = !link.calls.is_empty();
        tracing::debug!(%user, %error, "link closed");
        if was_up {
            self.after_link_down(now, user);
            match goodbye(error) {
                Some(farewell) => self.tell_goodbye(user, farewell),
                None => self.tell_link(user, "lost"),
            }
        } else if !is_coming && self.links.up(user).is_none() {
            self.tell_link(user, "unreachable");
        }
        if !is_coming && self.links.up(user).is_none() {
            self.retry_link(now, user);
        }
        self.links.want_check();
    }

    /// The link that was up is no more: what it carried is to be carried by the next.
    fn after_link_down(&mut self, now: Instant, user: &Name) {
        self.chat.outbox.rewind(user);
        self.chat.stalled.remove(user);
        self.lose_ping(user);
        self.leave_in_rooms(user);
        self.links.warnings.link_is_down(user);
        self.with_transfers(now, |transfers, cx| transfers.on_link_down(cx, user));
        self.watch_without(now, user);
    }

    /// Ends the link to a user as an ordinary end.
    pub(super) fn close_link(&mut self, now: Instant, user: &Name) {
        let is_near = self.is_near(user);
        let Some(link) = self.links.users.remove(user) else { return };
        let was_up = link.up.is_some();
        for call in &link.calls {
            self.drop_connection(now, call.handle, close::BYE, "");
        }
        if let Some(up) = link.up {
            let farewell = if is_near { self.farewell.clone() } else { String::new() };
            self.drop_connection(now, up.handle, close::BYE, &farewell);
        }
        if was_up {
            self.after_link_down(now, user);
        }
    }

    pub(super) fn close_all_links(&mut self, now: Instant) {
        let users: Vec<Name> = self.links.users.keys().cloned().collect();
        for user in users {
            self.close_link(now, &user);
        }
    }

    /// Closes a connection of which nothing more is wanted to be heard.
    fn drop_connection(&mut self, now: Instant, handle: ConnectionHandle, code: u32, text: &str) {
        self.links.by_handle.remove(&handle);
        self.close(now, handle, code, text);
    }

    pub(super) fn link_broke_protocol(&mut self, now: Instant, user: &Name, what: &str) {
        tracing::warn!(%user, what, "peer broke the protocol");
        if let Some(up) = self.links.users.get_mut(user).and_then(|link| link.up.take()) {
            self.drop_connection(now, up.handle, close::PROTOCOL, what);
            self.after_link_down(now, user);
            self.tell_link(user, "lost");
            self.retry_link(now, user);
        }
    }

    /// Ends a link for a trouble on this side, and tries again after a while.
    pub(super) fn suspend_link(&mut self, now: Instant, user: &Name) {
        if let Some(up) = self.links.users.get_mut(user).and_then(|link| link.up.take()) {
            self.drop_connection(now, up.handle, close::BYE, "");
            self.after_link_down(now, user);
            self.tell_link(user, "closed");
            self.links.link(user).retry_at = Some(now + LONGEST_RETRY);
        }
    }

    fn on_link_opened(&mut self, now: Instant, user: &Name, stream: StreamId) {
        let Some(up) = self.links.up_mut(user) else { return };
        let slot = match stream.class() {
            Class::Bulk => {
                return self
                    .with_transfers(now, |transfers, cx| transfers.on_opened(cx, user, stream));
            }
            Class::Control => &mut up.control_in,
            Class::Chat => &mut up.chat_in,
        };
        if slot.is_some() {
            return self.link_broke_protocol(now, user, "a second stream of one kind");
        }
        *slot = Some(Incoming::new(stream));
    }

    fn on_link_readable(&mut self, now: Instant, user: &Name, stream: StreamId) {
        let Some(up) = self.links.up_mut(user) else { return };
        let incoming = match stream.class() {
            Class::Bulk => {
                return self
                    .with_transfers(now, |transfers, cx| transfers.on_readable(cx, user, stream));
            }
            Class::Control => &mut up.control_in,
            Class::Chat => &mut up.chat_in,
        };
        match incoming {
            Some(incoming) if incoming.is(stream) => incoming.readable(),
            Some(_) | None => {
                return self.link_broke_protocol(now, user, "wrote to a stream of ours");
            }
        }
        match stream.class() {
            Class::Control => self.read_control(now, user),
            Class::Chat | Class::Bulk => self.read_chat(now, user),
        }
    }

    fn on_link_writable(&mut self, now: Instant, user: &Name, stream: StreamId) {
        if stream.class() == Class::Bulk {
            return self
                .with_transfers(now, |transfers, cx| transfers.on_writable(cx, user, stream));
        }
        let (Some(up), Some(endpoint)) = (self.links.up_mut(user), &mut self.endpoint) else {
            return;
        };
        // A stream that is stopped is told by an event of its own.
        if up.control.is(stream) {
            let _ = up.control.flush(endpoint, up.handle);
            self.read_control(now, user);
        } else if up.chat.is(stream) {
            let _ = up.chat.flush(endpoint, up.handle);
            self.pump(user);
            self.pump_posts(user);
            self.read_chat(now, user);
        }
    }

    fn read_control(&mut self, now: Instant, user: &Name) {
        loop {
            let (Some(up), Some(endpoint)) = (self.links.up_mut(user), &mut self.endpoint) else {
                return;
            };
            let Some(incoming) = &mut up.control_in else { return };
            if up.control.backlog() > BACKLOG {
                return;
            }
            match incoming.next::<Control>(endpoint, up.handle) {
                Ok(Some(Control::Code(step))) => self.on_code_step(now, user, step),
                Ok(Some(Control::Watch(step))) => self.on_watch_step(now, user, step),
                Ok(Some(control)) => {
                    self.on_control(now, user, control);
                    self.drain_transfers(now);
                }
                Ok(None) | Err(StreamError::Read(_)) => return,
                Err(error @ (StreamError::Framing(_) | StreamError::Ended)) => {
                    return self.link_broke_protocol(now, user, &error.to_string());
                }
            }
        }
    }

    /// Signals to a user whose link is up.
    pub(super) fn send_control(&mut self, now: Instant, user: &Name, control: &Control) {
        let (Some(up), Some(endpoint)) = (self.links.up_mut(user), &mut self.endpoint) else {
            return;
        };
        // A stream that is stopped is told by an event of its own.
        let _ = up.control.send(endpoint, up.handle, control);
        if up.control.backlog() > MAX_BACKLOG {
            self.link_broke_protocol(now, user, "does not listen");
        }
    }

    /// Tells how the link to a user is. That a stranger has come so near is nothing before he is accepted.
    pub(super) fn tell_link(&mut self, user: &Name, state: &'static str) {
        if self.is_stranger(user) {
            return;
        }
        let up = self.links.up(user).map(|up| up.handle);
        let line = up.and_then(|handle| self.connection_line(Some(user), handle));
        self.tell(Output::Link {
            user: user.to_string(),
            state,
            lan: line.as_ref().is_some_and(|line| line.lan),
            rtt_ms: line.as_ref().and_then(|line| line.rtt_ms),
            address: line.map(|line| line.address),
            farewell: None,
        });
    }

    /// Tells how a link goes that is up.
    pub(super) fn tell_link_up(&mut self, user: &Name) {
        if let Some(line) = self.link_line(user) {
            self.tell_link(user, line.path);
        }
    }

    /// Where the server is, when connected to it.
    pub(super) fn server_address(&self) -> Option<SocketAddr> {
        self.endpoint.as_ref()?.remote_address(self.server.handle()?)
    }

    /// The other side has left. Who is a stranger, or is ignored, has nothing to say by that either.
    fn tell_goodbye(&mut self, user: &Name, farewell: &str) {
        if self.is_stranger(user) {
            return;
        }
        let is_heard = !farewell.is_empty() && self.is_near(user) && !self.is_ignored(user);
        self.tell(Output::Link {
            user: user.to_string(),
            state: "closed",
            lan: false,
            address: None,
            rtt_ms: None,
            farewell: is_heard.then(|| farewell.to_owned()),
        });
    }

    /// Whether this user is one to whom the person talks.
    pub(super) fn is_near(&self, user: &Name) -> bool {
        !self.is_blocked(user) && !self.is_held(user) && !self.is_stranger(user)
    }
}

/// What the other side says with an ordinary end.
fn goodbye(error: &ConnectionError) -> Option<&str> {
    if let ConnectionError::ClosedByPeer(reason) = error
        && reason.code == close::BYE
    {
        Some(&reason.text)
    } else {
        None
    }
}
