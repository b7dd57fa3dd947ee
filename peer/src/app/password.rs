//! What needs the password once more while one is logged in.
//!
//! ```text
//!   proving ── the current one is right ──► asking for a registration ──► changing ──► over
//!      ▲                                                                     │ answer lost
//!      └────────────── with the new one, at the next login ──────────────────┘
//! ```
//!
//! The account's deletion is proven the same way; what follows is in `deletion`.
//!
//! The server lets the new password hold in one step, so that at any moment one of the two does.
//! Where the answer to that step is lost, the new one is tried.

use opaque_ke::{ClientLogin, ClientRegistration};
use wire::app::identity::Identity;
use wire::app::login::{Stretch, Suite, password};
use wire::app::server::{Refusal, Request};
use wire::time::Instant;
use wire::{ConnectionHandle, Secret, Seed};

use super::jobs::Job;
use super::requests::Asked;
use super::{App, refusals};
use crate::login::{
    ExportKey, LoginJob, LoginOutcome, new_password, start_login, start_registration,
};
use crate::work::{Keys, Work};

/// What the password is proven for, and how far that is.
#[derive(Debug)]
pub(super) struct Change {
    current: Secret<Vec<u8>>,
    wish: Wish,
    step: Step,
}

/// What the password is proven for.
#[derive(Debug)]
pub(super) enum Wish {
    /// This one shall hold.
    Password(Secret<Vec<u8>>),
    /// The account shall be no more.
    Deletion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The current one is proven, and a new one registered.
    Proving,
    /// The server was asked to do it.
    Changing,
    /// Its answer was lost.
    Unsure,
    /// The new password is tried.
    Checking,
}

impl App {
    /// `/passwd`.
    pub(super) fn change_password(
        &mut self,
        now: Instant,
        current: &Secret<String>,
        new: &Secret<String>,
    ) {
        if self.change.is_some() {
            return self.error("Not done: the password is being changed already.");
        }
        if !self.server.is_logged_in() {
            let why = self.server.why_not();
            return self.error(&format!("Not done: {why}."));
        }
        if current == new {
            return self.error("Not done: the new password is the current one.");
        }
        let current = password(current).map_err(|error| format!("the current one: {error}"));
        match (current, new_password(new)) {
            (Ok(current), Ok(new)) => {
                self.begin_change(now, current, Wish::Password(new));
            }
            (Err(why), _) | (_, Err(why)) => self.error(&format!("Not done: {why}.")),
        }
    }

    pub(super) fn begin_change(&mut self, now: Instant, current: Secret<Vec<u8>>, wish: Wish) {
        self.change = Some(Change { current, wish, step: Step::Proving });
        self.prove(now);
    }

    /// Proves the password that should hold now.
    fn prove(&mut self, now: Instant) {
        let Some(change) = &self.change else { return };
        let password = change.tried().clone();
        let started = start_login(&mut self.rng, &password);
        let request = Request::ProveStart { message: started.message };
        self.ask_for_change(now, Asked::ProveStart(started.state), request);
    }

    pub(super) fn ask_for_change(&mut self, now: Instant, asked: Asked, request: Request) {
        if self.ask(now, asked, request).is_err() {
            self.end_change("too many requests wait for the server; try again in a moment");
        }
    }

    pub(super) fn on_proving(
        &mut self,
        state: Box<ClientLogin<Suite>>,
        message: Vec<u8>,
        stretch: Stretch,
    ) {
        if !self.is_safe(stretch) {
            return self
                .end_change("the server asks for a treatment of the password that is not safe");
        }
        let seed = Seed::new(self.random());
        let (Some(change), Some(channel), Some(account)) =
            (&self.change, self.server.channel(), self.account())
        else {
            return;
        };
        let who = (account.name.clone(), change.tried().clone());
        let (handle, hash) = (channel.handle, channel.handshake_hash);
        let job = LoginJob::login(state, hash, who, (message, stretch), seed);
        self.jobs.start(Job::Prove(handle), Work::Login(job));
    }

    /// A worker has stretched the password that is to be proven.
    pub(super) fn on_proof(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        outcome: LoginOutcome,
    ) {
        if self.server.handle() != Some(handle) {
            return;
        }
        match outcome {
            LoginOutcome::Finished { message, .. } => {
                let request = Request::ProveFinish { message };
                self.ask_for_change(now, Asked::ProveFinish, request);
            }
            LoginOutcome::WrongPassword => self.on_change_refused(&Refusal::WrongPassword),
            LoginOutcome::BadAnswer => self.end_change("the server's answer makes no sense"),
        }
    }

    pub(super) fn on_proven(&mut self, now: Instant) {
        match &self.change {
            Some(Change { step: Step::Proving, wish: Wish::Deletion, .. }) => {
                self.ask_for_deletion(now);
            }
            Some(Change { step: Step::Proving, wish: Wish::Password(new), .. }) => {
                let started = start_registration(&mut self.rng, new);
                let request = Request::ChangePasswordStart { message: started.message };
                self.ask_for_change(now, Asked::ChangeStart(started.state), request);
            }
            Some(Change { step: Step::Checking, .. }) => self.on_password_changed(),
            Some(Change { step: Step::Changing | Step::Unsure, .. }) | None => {}
        }
    }

    pub(super) fn on_registering_change(
        &mut self,
        state: Box<ClientRegistration<Suite>>,
        message: Vec<u8>,
    ) {
        let seed = Seed::new(self.random());
        let (Some(Change { wish: Wish::Password(new), .. }), Some(handle), Some(account)) =
            (&self.change, self.server.handle(), self.account())
        else {
            return;
        };
        let who = (account.name.clone(), new.clone());
        let job = LoginJob::register(state, who, message, self.settings.stretch, seed);
        self.jobs.start(Job::Change(handle), Work::Login(job));
    }

    /// A worker has stretched the new password.
    pub(super) fn on_change_stretched(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        outcome: LoginOutcome,
    ) {
        if self.server.handle() != Some(handle) {
            return;
        }
        match outcome {
            LoginOutcome::Finished { message, export_key } => {
                self.finish_change(now, message, &export_key);
            }
            LoginOutcome::WrongPassword | LoginOutcome::BadAnswer => {
                self.end_change("the server's answer makes no sense");
            }
        }
    }

    fn finish_change(&mut self, now: Instant, message: Vec<u8>, export_key: &ExportKey) {
        let (Some(change), Some(account)) =
            (&mut self.change, self.profile.as_ref().and_then(|profile| profile.account.as_ref()))
        else {
            return;
        };
        // From here on it may be done, whether or not the answer comes.
        change.step = Step::Changing;
        let identity = Identity::from_secret(account.identity_secret.expose());
        let request = Request::ChangePasswordFinish {
            message,
            stretch: self.settings.stretch,
            sealed_identity: export_key.seal(&identity, &account.name),
        };
        self.ask_for_change(now, Asked::ChangeFinish, request);
    }

    pub(super) fn on_password_changed(&mut self) {
        self.change = None;
        self.keys_are(Keys::Sealed);
        self.info(
            "The password is changed. This machine, and any other on which you are logged in, \
             stays so: the new one is asked for at the next '/login'.",
        );
    }

    pub(super) fn on_change_refused(&mut self, refusal: &Refusal) {
        let Some(change) = &self.change else { return };
        match (change.step, refusal) {
            (Step::Proving, Refusal::WrongPassword) => {
                self.end_change("that is not your current password");
            }
            (Step::Checking, Refusal::WrongPassword) => {
                self.end_change("the server was lost before it took the new one; try again");
            }
            (Step::Checking, _) => {
                self.change = None;
                self.error(&format!(
                    "Whether the password was changed is not known ({refusal}): at the next \
                     '/login' try the new one first."
                ));
            }
            (Step::Proving | Step::Changing | Step::Unsure, _) => {
                self.end_change(&refusals::told(refusal));
            }
        }
    }

    fn end_change(&mut self, why: &str) {
        let Some(change) = self.change.take() else { return };
        let what = match change.wish {
            Wish::Password(_) => "The password is not changed",
            Wish::Deletion => "The account is not deleted",
        };
        self.error(&format!("{what}: {why}."));
    }

    /// From here on it may be done.
    pub(super) const fn change_is_asked(&mut self) {
        if let Some(change) = &mut self.change {
            change.step = Step::Changing;
        }
    }

    /// Whether the server was asked to delete the account, and its answer was lost.
    pub(super) const fn awaits_deletion(&self) -> bool {
        matches!(self.change, Some(Change { wish: Wish::Deletion, step: Step::Unsure, .. }))
    }

    /// The connection to the server is gone.
    pub(super) fn change_lost_server(&mut self) {
        let Some(change) = &mut self.change else { return };
        match change.step {
            Step::Proving => self.end_change("the server was lost before it answered; try again"),
            Step::Changing => {
                change.step = Step::Unsure;
                let what = match change.wish {
                    Wish::Password(_) => "the password is changed",
                    Wish::Deletion => "the account is deleted",
                };
                self.info(&format!(
                    "The server was lost before it said whether {what}: that is found out when it \
                     is back."
                ));
            }
            Step::Checking => change.step = Step::Unsure,
            Step::Unsure => {}
        }
    }

    /// The session is back.
    pub(super) fn check_change(&mut self, now: Instant) {
        match &mut self.change {
            Some(Change { wish: Wish::Deletion, .. }) => {
                self.end_change("the server was lost before it did that; try again");
            }
            Some(change) => {
                change.step = Step::Checking;
                self.prove(now);
            }
            None => {}
        }
    }
}

impl Change {
    /// The password that should hold now.
    const fn tried(&self) -> &Secret<Vec<u8>> {
        match (&self.wish, self.step) {
            (Wish::Password(new), Step::Changing | Step::Unsure | Step::Checking) => new,
            (Wish::Password(_), Step::Proving) | (Wish::Deletion, _) => &self.current,
        }
    }
}
