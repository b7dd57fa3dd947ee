//! What a user needs the password for although he is logged in. The device's key alone must not do:
//! whoever sits down at the machine has it.
//!
//! ```text
//! ProveStart -> KE2 (counted) -> ProveFinish (given back) -> within a minute, once:
//!     ChangePasswordStart -> ChangePasswordFinish
//!     or DeleteAccount
//! ```

use wire::app::identity::IdentityKey;
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::server::{MAX_SEALED, Refusal, Response, close};
use wire::time::Instant;
use wire::{CloseReason, ConnectionHandle};

use crate::account::unexpected;
use crate::login::{Proof, checked_record};
use crate::presence::Leave;
use crate::server::{Answer, Continuation, Server};
use crate::session::Session;
use crate::store::{NewPassword, StoreOutcome, StoreRequest};

impl Server {
    pub(crate) fn on_prove_start(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        own: Name,
        ke1: &[u8],
    ) -> Answer {
        self.set_proof(handle, Proof::Missing);
        self.count_attempt(now, handle, own, ke1)
    }

    pub(crate) fn on_prove_finish(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        ke3: &[u8],
    ) -> Answer {
        match self.set_proof(handle, Proof::Missing) {
            Proof::Owed(pending) => self.check_ke3(now, handle, pending, ke3),
            Proof::Missing | Proof::Given { .. } => Answer::refuse(Refusal::Malformed),
        }
    }

    pub(crate) fn on_change_start(
        &self,
        now: Instant,
        handle: ConnectionHandle,
        own: &Name,
        message: &[u8],
    ) -> Answer {
        if !self.has_proven(now, handle) {
            return Answer::refuse(Refusal::WrongPassword);
        }
        match self.opaque.register(own, message) {
            Ok(message) => Answer::Now(Response::Registering { message }),
            Err(_) => Answer::refuse(Refusal::Malformed),
        }
    }

    pub(crate) fn on_change_finish(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        message: &[u8],
        stretch: Stretch,
        sealed: Vec<u8>,
    ) -> Answer {
        if !self.has_proven(now, handle) {
            return Answer::refuse(Refusal::WrongPassword);
        }
        self.set_proof(handle, Proof::Missing);
        let (Ok(record), Some(user)) =
            (checked_record(message), self.sessions.get(&handle).and_then(Session::user))
        else {
            return Answer::refuse(Refusal::Malformed);
        };
        if stretch != self.policy.stretch || sealed.len() > MAX_SEALED {
            return Answer::refuse(Refusal::Malformed);
        }
        let (name, identity, resets) = (user.name.clone(), user.identity, user.resets);
        let new = NewPassword { name, identity, resets, record, stretch, sealed };
        Answer::Ask(StoreRequest::ChangePassword(Box::new(new)), Continuation::ChangePassword)
    }

    pub(crate) fn on_password_changed(outcome: &StoreOutcome) -> Response {
        match outcome {
            StoreOutcome::Done => Response::Done,
            // The operator has removed the account meanwhile.
            StoreOutcome::NotFound => Response::Refused(Refusal::UnknownUser),
            // Or given it a password of his.
            StoreOutcome::NewPassword => Response::Refused(Refusal::NewPassword),
            StoreOutcome::Conflict
            | StoreOutcome::Full
            | StoreOutcome::Session(_)
            | StoreOutcome::Outdated { .. }
            | StoreOutcome::Login(_)
            | StoreOutcome::Locked { .. }
            | StoreOutcome::Seen(_)
            | StoreOutcome::Identity(_)
            | StoreOutcome::Prekey { .. }
            | StoreOutcome::Letters { .. }
            | StoreOutcome::Room(_)
            | StoreOutcome::Removed { .. }
            | StoreOutcome::Deleted
            | StoreOutcome::LobbyFull { .. }
            | StoreOutcome::Failed => unexpected(outcome),
        }
    }

    pub(crate) fn on_delete(&mut self, now: Instant, handle: ConnectionHandle) -> Answer {
        if !self.has_proven(now, handle) {
            return Answer::refuse(Refusal::WrongPassword);
        }
        self.set_proof(handle, Proof::Missing);
        let Some(user) = self.sessions.get(&handle).and_then(Session::user) else {
            return Answer::refuse(Refusal::NotLoggedIn);
        };
        let (name, identity, resets) = (user.name.clone(), user.identity, user.resets);
        let request = StoreRequest::DeleteAccount { name: name.clone(), identity, resets };
        Answer::Ask(request, Continuation::DeleteAccount { name, identity })
    }

    /// The account is gone, whether or not its user still waits for the answer: nobody sees him any
    /// more, and a session that another device has begun meanwhile ends.
    pub(crate) fn on_deleted(
        &mut self,
        now: Instant,
        asker: ConnectionHandle,
        name: &Name,
        identity: IdentityKey,
        outcome: &StoreOutcome,
    ) -> Response {
        if *outcome == StoreOutcome::NewPassword {
            return Response::Refused(Refusal::NewPassword);
        }
        if !matches!(outcome, StoreOutcome::Removed { .. }) {
            return unexpected(outcome);
        }
        tracing::info!(%name, "account deleted by its user");
        match self.online.get(name).copied() {
            Some(handle) if handle == asker => {
                self.online.remove(name);
                self.leave(now, name, Leave::Meant);
                self.leaving(now, asker);
            }
            Some(other) if self.identity(other) == Some(identity) => {
                let reason = CloseReason::new(close::DELETED, "the account was deleted");
                self.drop_session(now, other, reason);
            }
            // Somebody has taken the name in the meantime.
            Some(_) => {}
            None => self.leave(now, name, Leave::Meant),
        }
        Response::Done
    }

    fn identity(&self, handle: ConnectionHandle) -> Option<IdentityKey> {
        Some(self.sessions.get(&handle)?.user()?.identity)
    }

    fn has_proven(&self, now: Instant, handle: ConnectionHandle) -> bool {
        let user = self.sessions.get(&handle).and_then(Session::user);
        user.is_some_and(|user| matches!(user.proof, Proof::Given { until } if now <= until))
    }
}
