//! How a client becomes a user: registration, password login, device login, and the beginning and
//! end of sessions.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an outcome that does not answer the request is one error, whichever it is"
)]

use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::server::{MAX_SEALED, Refusal, Request, Response, Welcome, close};
use wire::time::{Duration, Instant};
use wire::{CloseReason, ConnectionHandle, PublicKey};

use crate::config::Registration;
use crate::limits::whole_seconds;
use crate::login::{
    Anonymous, Opaque, PENDING_FOR, PROVEN_FOR, PendingLogin, Proof, Proven, checked_record,
};
use crate::presence::{Change, Leave};
use crate::server::{Answer, Continuation, Server};
use crate::session::{Session, Snapshot, State, User};
use crate::source::SourcePrefix;
use crate::store::{
    LoginRecord, NewAccount, NewIdentity, Reset, Resets, Revocation, SessionAccount, StoreOutcome,
    StoreRequest,
};

impl Server {
    /// A request on a connection that is not logged in.
    pub(crate) fn on_stranger_request(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        request: Request,
    ) -> Answer {
        let Some(session) = self.sessions.get(&handle) else {
            return Answer::refuse(Refusal::Malformed);
        };
        let device = match &session.state {
            State::Anonymous(_) => None,
            State::Device { key, .. } => Some(*key),
            State::User(_) | State::Leaving => return Answer::refuse(Refusal::NotLoggedIn),
        };
        match (device, request) {
            (
                None,
                request @ (Request::RegisterStart { .. }
                | Request::RegisterFinish { .. }
                | Request::LoginStart { .. }
                | Request::LoginFinish { .. }
                | Request::SetIdentity { .. }),
            ) => self.on_anonymous_request(now, handle, request),
            (_, Request::UseDevice(certificate))
                if device.is_none_or(|key| key == certificate.device) =>
            {
                self.on_use_device(now, handle, certificate)
            }
            (Some(device), Request::Resume(name)) => self.on_resume(now, handle, name, device),
            (
                Some(_),
                Request::RegisterStart { .. }
                | Request::RegisterFinish { .. }
                | Request::LoginStart { .. }
                | Request::LoginFinish { .. }
                | Request::SetIdentity { .. },
            )
            | (_, Request::UseDevice(_)) => Answer::refuse(Refusal::Malformed),
            (None, Request::Resume(_)) => Answer::refuse(Refusal::UnknownDevice),
            (_, Request::About) => self.on_about(now, handle),
            (
                _,
                Request::Logout
                | Request::Candidates(_)
                | Request::Introduce(_)
                | Request::Who
                | Request::Seen(_)
                | Request::SeenSince(_)
                | Request::Block(_)
                | Request::Unblock(_)
                | Request::Blocked
                | Request::Directory(_)
                | Request::SetStatus(_)
                | Request::Room(_)
                | Request::PublishPrekeys(_)
                | Request::Prekey(_)
                | Request::Deposit { .. }
                | Request::Collect(_)
                | Request::Discard(_)
                | Request::ProveStart { .. }
                | Request::ProveFinish { .. }
                | Request::ChangePasswordStart { .. }
                | Request::ChangePasswordFinish { .. }
                | Request::DeleteAccount
                | Request::MakeCode
                | Request::UseCode(_)
                | Request::Active(_),
            ) => Answer::refuse(Refusal::NotLoggedIn),
        }
    }

    /// A step by which an account is made, or entered with a password.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen these")]
    fn on_anonymous_request(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        request: Request,
    ) -> Answer {
        match request {
            Request::RegisterStart { name, message } => {
                self.on_register_start(now, handle, name, &message)
            }
            Request::RegisterFinish {
                message,
                stretch,
                identity,
                certificate,
                sealed_identity,
            } => {
                let identity = NewIdentity { identity, certificate, sealed: sealed_identity };
                self.on_register_finish(now, handle, &message, stretch, identity)
            }
            Request::LoginStart { name, message } => {
                self.on_login_start(now, handle, name, &message)
            }
            Request::LoginFinish { message } => self.on_login_finish(now, handle, &message),
            Request::SetIdentity { identity, certificate, sealed_identity } => {
                let identity = NewIdentity { identity, certificate, sealed: sealed_identity };
                self.on_set_identity(now, handle, identity)
            }
            _ => Answer::refuse(Refusal::NotLoggedIn),
        }
    }

    fn on_register_start(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
        message: &[u8],
    ) -> Answer {
        if self.policy.registration == Registration::Closed {
            return Answer::refuse(Refusal::RegistrationClosed);
        }
        let source = self.source(handle);
        if let Err(wait) = self.registrations.take(now, &source) {
            let seconds = whole_seconds(wait);
            return Answer::refuse(Refusal::TooManyRequests { seconds });
        }
        match self.opaque.register(&name, message) {
            Ok(message) => {
                self.set_anonymous(handle, Anonymous::Registering(name));
                Answer::Now(Response::Registering { message })
            }
            Err(_) => Answer::refuse(Refusal::Malformed),
        }
    }

    fn on_register_finish(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        message: &[u8],
        stretch: Stretch,
        identity: NewIdentity,
    ) -> Answer {
        let Anonymous::Registering(name) = self.set_anonymous(handle, Anonymous::Fresh) else {
            return Answer::refuse(Refusal::Malformed);
        };
        let Ok(record) = checked_record(message) else {
            return Answer::refuse(Refusal::Malformed);
        };
        if stretch != self.policy.stretch || !is_sound(&identity, &name) {
            return Answer::refuse(Refusal::Malformed);
        }
        let now = self.clock.unix(now);
        let account = NewAccount { name, record, stretch, identity: Some(identity), now };
        Answer::Ask(
            StoreRequest::CreateAccount(Box::new(account)),
            Continuation::Begin { conflict: Refusal::NameTaken },
        )
    }

    fn on_login_start(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
        message: &[u8],
    ) -> Answer {
        self.set_anonymous(handle, Anonymous::Fresh);
        self.count_attempt(now, handle, name, message)
    }

    /// An attempt at a password is counted before anything is answered that tells about it.
    pub(crate) fn count_attempt(
        &self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
        ke1: &[u8],
    ) -> Answer {
        let Ok(ke1) = Opaque::read_ke1(ke1) else {
            return Answer::refuse(Refusal::Malformed);
        };
        let source = self.source(handle);
        let policy = self.policy.lockout;
        let request = StoreRequest::BeginLogin {
            name: name.clone(),
            source,
            policy,
            now: self.clock.unix(now),
        };
        Answer::Ask(request, Continuation::Login { name, ke1: Box::new(ke1) })
    }

    /// The attempt is counted: answer KE1.
    pub(crate) fn on_login_counted(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
        ke1: opaque_ke::CredentialRequest<wire::app::login::Suite>,
        outcome: StoreOutcome,
    ) -> Response {
        let record = match outcome {
            StoreOutcome::Login(record) => record.map(|record| *record),
            StoreOutcome::Locked { seconds } => {
                self.counters.locked += 1;
                return Response::Refused(Refusal::Locked { seconds });
            }
            other => return unexpected(&other),
        };
        let Some(session) = self.sessions.get(&handle) else {
            return Response::Refused(Refusal::Malformed);
        };
        let hash = session.handshake_hash;
        let stored = record.as_ref().map(|record| record.record.as_slice());
        let Ok((message, state)) = self.opaque.begin(&mut self.rng, &name, stored, ke1, &hash)
        else {
            return Response::Refused(Refusal::StorageFailed);
        };
        let exists = record.is_some();
        let LoginRecord { stretch, identity, sealed, generation, resets, .. } = record
            .unwrap_or_else(|| LoginRecord {
                record: Vec::new(),
                stretch: self.policy.stretch,
                identity: None,
                sealed: Vec::new(),
                generation: 0,
                resets: Resets::default(),
            });
        let deadline = now + PENDING_FOR;
        let proven = Proven { name, identity, resets };
        let pending = PendingLogin::new(proven, sealed, generation, deadline, exists, state);
        self.owe_ke3(handle, Box::new(pending));
        if let Some(oldest) = self.logins.add(deadline, handle) {
            self.forget_login(oldest);
        }
        Response::LoggingIn { message, stretch }
    }

    /// From now on KE3 is waited for.
    fn owe_ke3(&mut self, handle: ConnectionHandle, pending: Box<PendingLogin>) {
        if self.sessions.get(&handle).is_some_and(|session| session.user().is_some()) {
            self.set_proof(handle, Proof::Owed(pending));
        } else {
            self.set_anonymous(handle, Anonymous::LoggingIn(pending));
        }
    }

    /// KE3 is waited for no longer.
    pub(crate) fn forget_login(&mut self, handle: ConnectionHandle) {
        self.set_anonymous(handle, Anonymous::Fresh);
        self.set_proof(handle, Proof::Missing);
    }

    fn on_login_finish(&mut self, now: Instant, handle: ConnectionHandle, ke3: &[u8]) -> Answer {
        let Anonymous::LoggingIn(pending) = self.set_anonymous(handle, Anonymous::Fresh) else {
            return Answer::refuse(Refusal::Malformed);
        };
        self.check_ke3(now, handle, pending, ke3)
    }

    /// The attempt is given back when it was right.
    pub(crate) fn check_ke3(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        pending: Box<PendingLogin>,
        ke3: &[u8],
    ) -> Answer {
        let Some(session) = self.sessions.get(&handle) else {
            return Answer::refuse(Refusal::Malformed);
        };
        if !pending.is_proven_by(ke3, &session.handshake_hash) {
            self.counters.wrong_passwords += 1;
            return Answer::refuse(Refusal::WrongPassword);
        }
        let name = pending.proven.name.clone();
        let source = self.source(handle);
        let request = StoreRequest::PasswordProven { name, source, now: self.clock.unix(now) };
        Answer::Ask(request, Continuation::Proven(pending))
    }

    /// The proof of the password is stored.
    pub(crate) fn on_password_proven(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        pending: PendingLogin,
        outcome: &StoreOutcome,
    ) -> Response {
        if *outcome != StoreOutcome::Done {
            return unexpected(outcome);
        }
        if self.sessions.get(&handle).is_some_and(|session| session.user().is_some()) {
            self.set_proof(handle, Proof::Given { until: now + PROVEN_FOR });
            return Response::Done;
        }
        let PendingLogin { proven, sealed, generation, .. } = pending;
        let identity = proven.identity;
        self.set_anonymous(handle, Anonymous::Proven(proven));
        Response::PasswordAccepted { identity, sealed_identity: sealed, generation }
    }

    fn on_use_device(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        certificate: DeviceCertificate,
    ) -> Answer {
        let Some(Proven { name, identity: Some(identity), resets }) = self.proven(handle) else {
            return Answer::refuse(Refusal::Malformed);
        };
        if !certificate.is_signed_by(identity, name.as_str()) {
            return Answer::refuse(Refusal::Malformed);
        }
        let now = self.clock.unix(now);
        Answer::Ask(
            StoreRequest::AddDevice { name, identity, resets, certificate, now },
            Continuation::Begin { conflict: Refusal::Malformed },
        )
    }

    fn on_set_identity(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        identity: NewIdentity,
    ) -> Answer {
        let Some(Proven { name, identity: None, resets }) = self.proven(handle) else {
            return Answer::refuse(Refusal::Malformed);
        };
        if !is_sound(&identity, &name) {
            return Answer::refuse(Refusal::Malformed);
        }
        let now = self.clock.unix(now);
        Answer::Ask(
            StoreRequest::SetIdentity { name, resets, identity: Box::new(identity), now },
            Continuation::Begin { conflict: Refusal::Malformed },
        )
    }

    fn on_resume(
        &self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
        device: PublicKey,
    ) -> Answer {
        let source = self.source(handle);
        let now = self.clock.unix(now);
        Answer::Ask(
            StoreRequest::Resume { name: name.clone(), device, source, now },
            Continuation::Resume { name },
        )
    }

    /// The store allows a session, or not.
    pub(crate) fn on_session_stored(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        conflict: Refusal,
        outcome: StoreOutcome,
    ) -> Response {
        match outcome {
            StoreOutcome::Session(account) => self.begin_session(now, handle, *account),
            StoreOutcome::Conflict | StoreOutcome::NotFound => Response::Refused(conflict),
            StoreOutcome::NewPassword => Response::Refused(Refusal::NewPassword),
            other => unexpected(&other),
        }
    }

    /// The store knows the device, or not.
    pub(crate) fn on_resumed(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
        outcome: StoreOutcome,
    ) -> Response {
        let (identity, generation, resets) = match outcome {
            StoreOutcome::Outdated { identity, generation, resets } => {
                (identity, generation, resets)
            }
            StoreOutcome::Deleted => return Response::Refused(Refusal::AccountDeleted),
            other => return self.on_session_stored(now, handle, Refusal::UnknownDevice, other),
        };
        if let Some(Session { state: State::Device { outdated, .. }, .. }) =
            self.sessions.get_mut(&handle)
        {
            *outdated = Some(Proven { name, identity: Some(identity), resets });
        }
        Response::Refused(Refusal::NewerDevice { generation })
    }

    fn begin_session(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        account: SessionAccount,
    ) -> Response {
        let SessionAccount { name, identity, certificate, resets, blocks, failed_attempts } =
            account;
        let older = self.online.insert(name.clone(), handle).filter(|older| *older != handle);
        let took_over = older.is_some_and(|older| self.device(older) != Some(certificate.device));
        if let Some(older) = older {
            self.take_over(now, older);
        }
        self.codes.forget(&name);
        let Some(session) = self.sessions.get_mut(&handle) else {
            unreachable!("answers are only made for sessions that exist");
        };
        self.login_deadlines.remove(&(session.login_deadline, handle));
        let user = User {
            name: name.clone(),
            identity,
            certificate,
            resets,
            candidates: Vec::new(),
            proof: Proof::Missing,
        };
        session.state = State::User(Box::new(user));
        session.snapshot = Snapshot::Upto(None);
        self.idle.was_active(now, handle, Duration::ZERO);
        let observed = session.address;
        self.blocks.load(&name, blocks);
        let unix = self.clock.unix(now);
        if self.presence.came(&name, unix) == Change::Announce {
            self.announce(now, &name, unix);
        }
        self.enter_lobby(&name);
        self.counters.sessions_begun += 1;
        let from = self.policy.address_log.show(observed.ip());
        tracing::info!(%name, connection = %handle, %from, took_over, "session began");
        let motd = self.policy.greeting();
        Response::Welcome(Welcome { name, motd, observed, failed_attempts, took_over })
    }

    /// Ends the session of a device that no longer belongs to its account, if it has one.
    pub(crate) fn revoke(&mut self, now: Instant, revoked: &Revocation) {
        let handle = self.online.get(&revoked.name).copied();
        let Some(handle) = handle.filter(|one| self.device(*one) == Some(revoked.device)) else {
            return;
        };
        tracing::info!(name = %revoked.name, connection = %handle, "device taken away");
        let reason = CloseReason::new(close::REVOKED, "this device no longer belongs to you");
        self.drop_session(now, handle, reason);
    }

    /// The operator has given an account another password: whoever is in by the one before is out, and
    /// nothing of his lets him in again [W-160].
    pub(crate) fn on_reset(&mut self, now: Instant, reset: &Reset) {
        let Some(handle) = self.online.get(&reset.name).copied() else { return };
        let user = self.sessions.get(&handle).and_then(Session::user);
        if user.is_some_and(|user| user.resets < reset.resets) {
            tracing::info!(name = %reset.name, connection = %handle, "password set by the operator");
            let reason = CloseReason::new(close::NEW_PASSWORD, "the operator set a new password");
            self.drop_session(now, handle, reason);
        }
    }

    /// Closes a connection and forgets its session.
    pub(crate) fn drop_session(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        reason: CloseReason,
    ) {
        if let Some(session) = self.sessions.get_mut(&handle) {
            session.flush(&mut self.endpoint, handle);
        }
        let leave = match reason.code {
            close::LOGOUT | close::REVOKED | close::DELETED | close::NEW_PASSWORD | close::IDLE => {
                Leave::Meant
            }
            _ => Leave::Lost,
        };
        self.endpoint.close(now, handle, reason);
        self.forget_session(now, handle, leave);
    }

    /// Forgets a session whose connection has ended.
    pub(crate) fn forget_session(&mut self, now: Instant, handle: ConnectionHandle, leave: Leave) {
        let Some(session) = self.sessions.remove(&handle) else { return };
        self.relays.close_session(handle);
        self.idle.forget(handle);
        self.login_deadlines.remove(&(session.login_deadline, handle));
        self.touched.remove(&handle);
        if let State::Anonymous(Anonymous::LoggingIn(pending)) = &session.state {
            self.logins.remove(pending.deadline, handle);
        }
        if let Some(User { proof: Proof::Owed(pending), .. }) = session.user() {
            self.logins.remove(pending.deadline, handle);
        }
        match session.state {
            State::User(user) if self.online.get(&user.name) == Some(&handle) => {
                self.online.remove(&user.name);
                self.leave(now, &user.name, leave);
            }
            State::User(_) | State::Anonymous(_) | State::Device { .. } | State::Leaving => {}
        }
    }

    /// A user is no longer connected.
    pub(crate) fn leave(&mut self, now: Instant, name: &Name, leave: Leave) {
        let at = self.clock.unix(now);
        tracing::info!(%name, ?leave, "session ended");
        self.codes.forget(name);
        self.store.background(StoreRequest::Left { name: name.clone(), at });
        if self.presence.went(now, name, leave, at) == Change::Announce {
            self.announce(now, name, at);
        }
    }

    /// Replaces how far a client without a key has come, and returns how far it was.
    pub(crate) fn set_anonymous(&mut self, handle: ConnectionHandle, next: Anonymous) -> Anonymous {
        let Some(Session { state: State::Anonymous(state), .. }) = self.sessions.get_mut(&handle)
        else {
            return Anonymous::Fresh;
        };
        let before = core::mem::replace(state, next);
        if let Anonymous::LoggingIn(pending) = &before {
            self.logins.remove(pending.deadline, handle);
        }
        before
    }

    /// Replaces how far a user has come with proving the password, and returns how far he was.
    pub(crate) fn set_proof(&mut self, handle: ConnectionHandle, next: Proof) -> Proof {
        let user = self.sessions.get_mut(&handle).and_then(Session::user_mut);
        let Some(user) = user else { return Proof::Missing };
        let before = core::mem::replace(&mut user.proof, next);
        if let Proof::Owed(pending) = &before {
            self.logins.remove(pending.deadline, handle);
        }
        before
    }

    fn proven(&self, handle: ConnectionHandle) -> Option<Proven> {
        match &self.sessions.get(&handle)?.state {
            State::Anonymous(Anonymous::Proven(proven)) => Some(proven.clone()),
            State::Device { outdated, .. } => outdated.clone(),
            State::Anonymous(_) | State::User(_) | State::Leaving => None,
        }
    }

    fn device(&self, handle: ConnectionHandle) -> Option<PublicKey> {
        Some(self.sessions.get(&handle)?.user()?.certificate.device)
    }

    /// Where a client is, for limits.
    pub(crate) fn source(&self, handle: ConnectionHandle) -> SourcePrefix {
        let unspecified = core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED);
        SourcePrefix::of(
            self.sessions.get(&handle).map_or(unspecified, |session| session.address.ip()),
        )
    }
}

/// Whether an identity vouches for its device, and is not too long to be kept.
fn is_sound(new: &NewIdentity, name: &Name) -> bool {
    let NewIdentity { identity, certificate, sealed } = new;
    let identity: IdentityKey = *identity;
    sealed.len() <= MAX_SEALED && certificate.is_signed_by(identity, name.as_str())
}

/// The answer when the store failed, or gave what nobody asked for.
pub(crate) fn unexpected(outcome: &StoreOutcome) -> Response {
    if *outcome != StoreOutcome::Failed {
        tracing::error!(?outcome, "the store's answer does not fit the request");
    }
    Response::Refused(Refusal::StorageFailed)
}
