//! What a user can ask: who is there, who was, whom do I block, introduce me.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an outcome that does not answer the request is one error, whichever it is"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wire::ConnectionHandle;
use wire::app::name::Name;
use wire::app::room::RoomRequest;
use wire::app::server::{
    About, MAX_BLOCKED, MAX_PRESENCE, MAX_STATUS, Presence, Refusal, Request, Response, Status,
};
use wire::time::Instant;

use crate::account::unexpected;
use crate::config::Relaying;
use crate::cross::ToUser;
use crate::introduce::acceptable;
use crate::limits::whole_seconds;
use crate::presence::{Change, Leave};
use crate::server::{Answer, Continuation, Server};
use crate::session::State;
use crate::store::{LastSeen, StoreOutcome, StoreRequest};

impl Server {
    /// A request of somebody who is logged in.
    pub(crate) fn on_user_request(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        own: Name,
        request: Request,
    ) -> Answer {
        match request {
            Request::RegisterStart { .. }
            | Request::RegisterFinish { .. }
            | Request::LoginStart { .. }
            | Request::LoginFinish { .. }
            | Request::UseDevice(_)
            | Request::SetIdentity { .. }
            | Request::Resume(_) => Answer::refuse(Refusal::AlreadyLoggedIn),
            Request::Logout => self.on_logout(now, handle, &own),
            Request::Candidates(reported) => {
                let Some(user) =
                    self.sessions.get_mut(&handle).and_then(|session| session.user_mut())
                else {
                    return Answer::refuse(Refusal::NotLoggedIn);
                };
                user.candidates = acceptable(&reported);
                Answer::Now(Response::Done)
            }
            Request::Introduce(name) => self.on_introduce(now, own, name),
            Request::Who => {
                let users: Vec<Presence> = self.visible_to(&own).take(MAX_PRESENCE).collect();
                Answer::Now(Response::Users(users))
            }
            Request::Seen(name) => self.on_seen(own, name),
            Request::SeenSince(seconds) => {
                let since = self.clock.unix(now).saturating_sub(u64::from(seconds));
                let request =
                    StoreRequest::SeenSince { asker: own.clone(), since, limit: MAX_PRESENCE };
                Answer::Ask(request, Continuation::SeenSince { asker: own })
            }
            Request::Block(name) => self.on_block(now, own, name),
            Request::Unblock(name) => {
                let request = StoreRequest::Unblock { by: own.clone(), target: name.clone() };
                Answer::Ask(request, Continuation::Unblock { by: own, target: name })
            }
            Request::Blocked => Answer::Now(Response::Blocked(self.blocks.list(&own))),
            Request::SetStatus(status) => self.on_status(now, handle, &own, status),
            Request::Directory(name) => Answer::Ask(
                StoreRequest::Directory { name: name.clone() },
                Continuation::Directory { name },
            ),
            Request::Room(request) => self.on_room(now, handle, own, request),
            Request::PublishPrekeys(prekeys) => self.on_prekeys(handle, own, prekeys),
            Request::Prekey(name) => self.on_prekey(now, own, name),
            Request::Deposit { to, prekey, sealed } => {
                self.on_deposit(now, own, to, prekey, sealed)
            }
            Request::Collect(after) => self.on_collect(now, own, after),
            Request::Discard(letters) => Self::on_discard(own, letters),
            Request::ProveStart { message } => self.on_prove_start(now, handle, own, &message),
            Request::ProveFinish { message } => self.on_prove_finish(now, handle, &message),
            Request::ChangePasswordStart { message } => {
                self.on_change_start(now, handle, &own, &message)
            }
            Request::ChangePasswordFinish { message, stretch, sealed_identity } => {
                self.on_change_finish(now, handle, &message, stretch, sealed_identity)
            }
            Request::DeleteAccount => self.on_delete(now, handle),
            Request::MakeCode => self.on_make_code(now, handle, &own),
            Request::UseCode(number) => self.on_use_code(now, handle, own, number),
            Request::Active(seconds) => self.on_active(now, handle, seconds),
            Request::About => self.on_about(now, handle),
        }
    }

    /// Whoever is connected may know how he is seen, account or not [W-178].
    pub(crate) fn on_about(&self, now: Instant, handle: ConnectionHandle) -> Answer {
        let Some(session) = self.sessions.get(&handle) else {
            return Answer::refuse(Refusal::Malformed);
        };
        let observed = session.address;
        let observed = SocketAddr::new(observed.ip().to_canonical(), observed.port());
        let relay = match self.policy.relaying {
            Relaying::Off => None,
            Relaying::UpTo { bytes_per_second } => Some(bytes_per_second),
        };
        let unix = self.clock.unix(now);
        Answer::Now(Response::About(About { observed, unix, relay }))
    }

    /// Each change is told to everybody in the room, so there are not many in a short time.
    fn on_room(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        own: Name,
        request: RoomRequest,
    ) -> Answer {
        let rate = self.policy.room_changes;
        let Some(session) = self.sessions.get_mut(&handle) else {
            return Answer::refuse(Refusal::NotLoggedIn);
        };
        let allowed = match &request {
            RoomRequest::List | RoomRequest::Get(_) => Ok(()),
            RoomRequest::Create { .. } => self.creations.take(now, &own),
            RoomRequest::Join(_)
            | RoomRequest::Leave(_)
            | RoomRequest::Invite(..)
            | RoomRequest::Kick(..)
            | RoomRequest::SetRole(..)
            | RoomRequest::Mute(..)
            | RoomRequest::SetTopic(..)
            | RoomRequest::Rename(..) => session.room_changes.take(now, rate),
        };
        if let Err(wait) = allowed {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        let request = StoreRequest::Room { by: own, request, lobby: self.policy.lobby };
        Answer::Ask(request, Continuation::Room)
    }

    /// A request about rooms is judged, and what came of it is stored and told.
    pub(crate) fn on_room_done(outcome: StoreOutcome) -> Response {
        match outcome {
            StoreOutcome::Room(outcome) => outcome.response,
            other => unexpected(&other),
        }
    }

    /// Each change is told to everybody, so there are not many in a short time.
    fn on_status(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        own: &Name,
        status: Status,
    ) -> Answer {
        if status.text.len() > MAX_STATUS {
            return Answer::refuse(Refusal::Malformed);
        }
        let rate = self.policy.statuses;
        let Some(session) = self.sessions.get_mut(&handle) else {
            return Answer::refuse(Refusal::NotLoggedIn);
        };
        if let Err(wait) = session.statuses.take(now, rate) {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        if self.presence.set_status(own, status) == Change::Announce {
            self.announce(now, own, self.clock.unix(now));
        }
        Answer::Now(Response::Done)
    }

    fn on_logout(&mut self, now: Instant, handle: ConnectionHandle, own: &Name) -> Answer {
        self.online.remove(own);
        self.relays.close_session(handle);
        self.leave(now, own, Leave::Meant);
        self.leaving(now, handle);
        Answer::Now(Response::Done)
    }

    /// From here on the connection only waits for its last answer to arrive.
    pub(crate) fn leaving(&mut self, now: Instant, handle: ConnectionHandle) {
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        session.state = State::Leaving;
        session.login_deadline = now + crate::server::LEAVE_WITHIN;
        self.login_deadlines.insert((session.login_deadline, handle));
    }

    fn on_introduce(&mut self, now: Instant, own: Name, name: Name) -> Answer {
        if own == name {
            return Answer::refuse(Refusal::Yourself);
        }
        if let Err(wait) = self.introductions.allow(now, &own) {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        if self.online.contains_key(&name) && !self.blocks.hidden(&own, &name) {
            return match self.introduce(now, &own, &name) {
                Ok(()) => {
                    self.store.background(StoreRequest::Introduced { by: own, to: name });
                    Answer::Now(Response::Done)
                }
                Err(refusal) => Answer::refuse(refusal),
            };
        }
        // The same way for whoever is offline and whoever hides.
        Answer::Ask(StoreRequest::Exists { name }, Continuation::Exists)
    }

    fn on_seen(&mut self, own: Name, name: Name) -> Answer {
        if let Some(presence) = self.visible(&own, &name) {
            return Answer::Now(Response::Users(vec![presence]));
        }
        let request = StoreRequest::LastSeen { asker: own, name };
        Answer::Ask(request, Continuation::LastSeen)
    }

    fn on_block(&mut self, now: Instant, own: Name, name: Name) -> Answer {
        if own == name {
            return Answer::refuse(Refusal::Yourself);
        }
        let hidden = self.blocks.hidden(&own, &name);
        let seen_online = |user: &&Name| !hidden && self.presence.of(user).is_some();
        let online = [&own, &name].into_iter().filter(seen_online).cloned().collect();
        let now = self.clock.unix(now);
        let request = StoreRequest::Block { by: own.clone(), target: name.clone(), online, now };
        Answer::Ask(request, Continuation::Block { by: own, target: name, at: now })
    }

    /// A block is stored: neither sees the other from now on.
    pub(crate) fn on_blocked(
        &mut self,
        by: &Name,
        target: &Name,
        at: u64,
        outcome: &StoreOutcome,
    ) -> Response {
        match outcome {
            StoreOutcome::Done => {}
            StoreOutcome::Conflict => return Response::Refused(Refusal::AlreadyBlocked),
            StoreOutcome::NotFound => return Response::Refused(Refusal::UnknownUser),
            StoreOutcome::Full => return Response::Refused(Refusal::BlockListFull),
            other => return unexpected(other),
        }
        debug_assert!(self.blocks.list(by).len() <= MAX_BLOCKED);
        let hidden_before = self.blocks.hidden(by, target);
        self.blocks.block(by, target);
        if let (Some(one), Some(other)) = (self.online.get(by), self.online.get(target)) {
            self.relays.close_between(*one, *other);
        }
        if !hidden_before {
            for (about, to) in [(by, target), (target, by)] {
                if self.presence.of(about).is_some() {
                    self.tell(to, ToUser::Presence(Presence::gone(about.clone(), at)));
                }
            }
        }
        Response::Done
    }

    /// An end of a block is stored.
    pub(crate) fn on_unblocked(
        &mut self,
        by: &Name,
        target: &Name,
        outcome: &StoreOutcome,
    ) -> Response {
        match outcome {
            StoreOutcome::Done => {}
            StoreOutcome::NotFound => return Response::Refused(Refusal::NotBlocked),
            other => return unexpected(other),
        }
        let hidden_before = self.blocks.hidden(by, target);
        self.blocks.unblock(by, target);
        if hidden_before && !self.blocks.hidden(by, target) {
            for (about, to) in [(by, target), (target, by)] {
                if let Some(here) = self.presence.of(about) {
                    self.tell(to, ToUser::Presence(here));
                }
            }
        }
        Response::Done
    }

    /// Who was seen lately, and who is here.
    pub(crate) fn on_seen_since(&self, asker: &Name, outcome: StoreOutcome) -> Response {
        let stored = match outcome {
            StoreOutcome::Seen(list) => list,
            other => return unexpected(&other),
        };
        let mut users: BTreeMap<Name, Presence> = self
            .visible_to(asker)
            .take(MAX_PRESENCE)
            .map(|presence| (presence.name.clone(), presence))
            .collect();
        for LastSeen { name, at } in stored {
            if users.len() >= MAX_PRESENCE {
                break;
            }
            users.entry(name).or_insert_with_key(|name| Presence::gone(name.clone(), at));
        }
        Response::Users(users.into_values().collect())
    }

    /// When somebody was seen who is not here, or hides.
    pub(crate) fn on_last_seen(outcome: StoreOutcome) -> Response {
        match outcome {
            StoreOutcome::Seen(list) => {
                let offline = |LastSeen { name, at }| Presence::gone(name, at);
                Response::Users(list.into_iter().map(offline).collect())
            }
            StoreOutcome::NotFound => Response::Refused(Refusal::UnknownUser),
            other => unexpected(&other),
        }
    }

    /// Somebody to be introduced to is not here, or hides, or does not exist.
    pub(crate) fn on_exists(outcome: &StoreOutcome) -> Response {
        match outcome {
            StoreOutcome::Done => Response::Refused(Refusal::Offline),
            StoreOutcome::NotFound => Response::Refused(Refusal::UnknownUser),
            other => unexpected(other),
        }
    }

    /// Who somebody is.
    pub(crate) fn on_directory(name: Name, outcome: &StoreOutcome) -> Response {
        match outcome {
            StoreOutcome::Identity(Some(identity)) => Response::User { name, identity: *identity },
            // An imported account that nobody has used yet is nobody to talk to.
            StoreOutcome::Identity(None) | StoreOutcome::NotFound => {
                Response::Refused(Refusal::UnknownUser)
            }
            other => unexpected(other),
        }
    }

    /// Everyone whom `own` may see, sorted, without `own`.
    fn visible_to<'a>(&'a self, own: &'a Name) -> impl Iterator<Item = Presence> + 'a {
        self.presence
            .after(None)
            .filter(move |user| user.name != *own && !self.blocks.hidden(&user.name, own))
    }

    /// `name`, when here and not hidden from `own`.
    fn visible(&self, own: &Name, name: &Name) -> Option<Presence> {
        self.presence.of(name).filter(|_| !self.blocks.hidden(own, name))
    }
}
