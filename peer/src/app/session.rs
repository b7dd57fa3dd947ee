//! Becoming logged in: registration, password login, the way back in by the device's key; and
//! the ways out.

use opaque_ke::{ClientLogin, ClientRegistration};
use wire::app::identity::{Identity, IdentityKey};
use wire::app::login::{Stretch, Suite, password};
use wire::app::name::Name;
use wire::app::server::{Refusal, Request, Status, Welcome, close};
use wire::time::{Duration, Instant};
use wire::{ConnectionHandle, Secret, Seed};

use super::code::Codes;
use super::jobs::Job;
use super::requests::Asked;
use super::server::{Attempt, Claim, Credentials, Goal};
use super::{App, WeakStretch, refusals};
use crate::command::Purpose;
use crate::login::{
    ExportKey, LoginJob, LoginOutcome, new_password, start_login, start_registration,
};
use crate::output::Output;
use crate::work::{Account, Keys, StoreRequest, Work};

/// Why a session ended when another device has it.
pub(super) const TAKEN_OVER: &str = "this account was logged in somewhere else";
/// Why keys cannot be had: what was sealed is gone, and who knows the new password has not sealed it.
const NO_KEYS: &str = "the server's operator has given this account a new password, and its keys, which \
     nobody could seal under that one, are not on this machine. Log in with the new password where the \
     account was used before, and choose one of your own there by '/passwd': then it opens the account \
     here too. Or bring the keys here from a file: '/account import FILE'. If you have neither, nobody \
     has the keys any more, and the operator can only remove the account and make it anew \
     ('rendezvous user del', 'user add'), under which others see that your key has changed";
/// Why keys are not replaced by those that the server has.
const OTHER_KEYS: &str = "the account has another identity at the server than the one that is kept here, and \
     nowhere else: '/account export FILE' first, so that it is not lost, and then '/login' once more";

impl App {
    /// `/register` and `/login`.
    pub(super) fn log_in(
        &mut self,
        now: Instant,
        purpose: Purpose,
        name: &str,
        typed: &Secret<String>,
    ) {
        if let Some(account) = self.account() {
            let own = account.name.clone();
            if self.server.goal.is_login() {
                return self.error(&format!("You are logged in as {own} here: /logout first."));
            }
            // The server has turned the account away, or another device has the session: it may
            // be made or entered again, and keeps its identity.
            if Name::new(name).is_ok_and(|name| name != own) {
                return self.error(&format!(
                    "The account {own} is kept here: '/logout' first, which erases its keys on \
                     this machine."
                ));
            }
        }
        match credentials(purpose, name, typed) {
            Ok(credentials) => self.server_go(now, Goal::Password(credentials)),
            Err(reason) => self.tell(Output::LoginNeeded { reason: Some(reason) }),
        }
    }

    /// `/logout`.
    pub(super) fn log_out(&mut self, now: Instant) {
        if self.account().is_none() && !self.server.goal.is_login() {
            return self.error("You are not logged in.");
        }
        if self.has_only_copy() {
            return self.error(
                "Not logged out: your keys are on this machine alone, as the server's operator has \
                 given your account another password, and '/logout' would erase them. Choose a \
                 password of your own first ('/passwd', after '/login'), or write them into a file \
                 ('/account export FILE').",
            );
        }
        self.forget_account(now, "you logged out");
    }

    /// The server is connected: says what this client wants to be.
    pub(super) fn begin_session(&mut self, now: Instant) {
        let (asked, request) = match &self.server.goal {
            Goal::Nothing | Goal::Meet => return self.leave_server(now),
            Goal::Resume => {
                let Some(account) = self.account() else { return };
                (Asked::Resume, Request::Resume(account.name.clone()))
            }
            Goal::Password(credentials) => {
                let name = credentials.name.clone();
                match credentials.attempt {
                    Attempt::Register => {
                        let started = start_registration(&mut self.rng, &credentials.password);
                        let message = started.message;
                        let request = Request::RegisterStart { name, message };
                        (Asked::RegisterStart(started.state), request)
                    }
                    Attempt::Login | Attempt::Recover => {
                        let started = start_login(&mut self.rng, &credentials.password);
                        let message = started.message;
                        let request = Request::LoginStart { name, message };
                        (Asked::LoginStart(started.state), request)
                    }
                }
            }
        };
        self.ask_in_session(now, asked, request);
    }

    fn ask_in_session(&mut self, now: Instant, asked: Asked, request: Request) {
        if self.ask(now, asked, request).is_err() {
            self.server_broke_protocol(now, "it takes no requests");
        }
    }

    pub(super) fn on_registering(
        &mut self,
        state: Box<ClientRegistration<Suite>>,
        message: Vec<u8>,
    ) {
        let seed = Seed::new(self.random());
        let stretch = self.settings.stretch;
        self.stretch(|credentials| {
            let who = (credentials.name.clone(), credentials.password.clone());
            LoginJob::register(state, who, message, stretch, seed)
        });
    }

    /// D05: a server that asks for too little could guess the password from what it gets; one
    /// that asks for too much could bring this machine down.
    pub(super) fn is_safe(&self, stretch: Stretch) -> bool {
        let weak_allowed = self.settings.weak_stretch == WeakStretch::Allow
            && stretch.memory_kib <= Stretch::STANDARD.memory_kib;
        stretch.is_acceptable() || weak_allowed
    }

    pub(super) fn on_logging_in(
        &mut self,
        now: Instant,
        state: Box<ClientLogin<Suite>>,
        message: Vec<u8>,
        stretch: Stretch,
    ) {
        if !self.is_safe(stretch) {
            return self.end_login(
                now,
                "the server asks for a treatment of the password that is not safe, so it got \
                 nothing",
            );
        }
        let seed = Seed::new(self.random());
        let Some(channel) = self.server.channel() else { return };
        let handshake_hash = channel.handshake_hash;
        self.stretch(|credentials| {
            let who = (credentials.name.clone(), credentials.password.clone());
            LoginJob::login(state, handshake_hash, who, (message, stretch), seed)
        });
    }

    fn stretch(&mut self, job: impl FnOnce(&Credentials) -> LoginJob) {
        let (Goal::Password(credentials), Some(handle)) = (&self.server.goal, self.server.handle())
        else {
            return;
        };
        let job = job(credentials);
        self.jobs.start(Job::Login(handle), Work::Login(job));
    }

    /// A worker has stretched the password.
    pub(super) fn on_stretched(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        outcome: LoginOutcome,
    ) {
        let Goal::Password(credentials) = &self.server.goal else { return };
        if self.server.handle() != Some(handle) {
            return;
        }
        let attempt = credentials.attempt;
        match (outcome, attempt) {
            (LoginOutcome::Finished { message, export_key }, Attempt::Register) => {
                self.finish_registration(now, message, &export_key);
            }
            (LoginOutcome::Finished { message, export_key }, Attempt::Login | Attempt::Recover) => {
                let request = Request::LoginFinish { message };
                self.ask_in_session(now, Asked::LoginFinish(export_key), request);
            }
            (LoginOutcome::WrongPassword, _) => {
                self.on_session_refused(now, &Refusal::WrongPassword);
            }
            (LoginOutcome::BadAnswer, _) => {
                self.end_login(now, "the server's answer makes no sense");
            }
        }
    }

    fn finish_registration(&mut self, now: Instant, message: Vec<u8>, export_key: &ExportKey) {
        let identity = self.identity_for_account();
        // Others know the device of an account that was lost: it must not look older to them.
        let known = self.account().map_or(0, |account| account.certificate.generation);
        let next = known.saturating_add(1);
        // The person chose this password: the server's operator does not know it.
        let Some(account) = self.certified(&identity, next, Keys::Sealed) else { return };
        let request = Request::RegisterFinish {
            message,
            stretch: self.settings.stretch,
            identity: identity.public(),
            certificate: account.certificate,
            sealed_identity: export_key.seal(&identity, &account.name),
        };
        // From here on the account may exist, whether or not the answer comes.
        if let Goal::Password(credentials) = &mut self.server.goal {
            credentials.attempt = Attempt::Recover;
        }
        self.ask_in_session(now, Asked::RegisterFinish(Box::new(account)), request);
    }

    pub(super) fn on_password_accepted(
        &mut self,
        now: Instant,
        export_key: &ExportKey,
        identity: Option<IdentityKey>,
        sealed: &[u8],
        generation: u64,
    ) {
        let Goal::Password(credentials) = &self.server.goal else { return };
        let name = credentials.name.clone();
        let Some(generation) = generation.checked_add(1) else {
            return self.server_broke_protocol(now, "no device can follow");
        };
        let Some(expected) = identity else {
            return self.set_identity(now, export_key, generation);
        };
        // The one that is kept here, from a file perhaps, or the one that was left at the server.
        let kept = self.account().map(|it| Identity::from_secret(it.identity_secret.expose()));
        let is_other = kept.as_ref().is_some_and(|kept| kept.public() != expected);
        let opened = export_key.open(sealed, &name).filter(|it| it.public() == expected);
        // What does not open is not sealed, whatever the server makes of it.
        let keys = if opened.is_some() { Keys::Sealed } else { Keys::OnlyHere };
        let restored = kept.filter(|kept| kept.public() == expected).or(opened);
        let Some(restored) = restored else {
            let why = if sealed.is_empty() {
                NO_KEYS
            } else {
                "the server does not hold the key of this account as it was left there: the \
                 account can only be used where it was made"
            };
            return self.end_login(now, why);
        };
        if is_other && self.has_only_copy() {
            return self.end_login(now, OTHER_KEYS);
        }
        if is_other {
            self.info(
                "The account has another identity at the server than the one that was kept here: \
                 from now on it is the server's.",
            );
        }
        let Some(account) = self.certified(&restored, generation, keys) else { return };
        let request = Request::UseDevice(account.certificate);
        self.ask_in_session(now, Asked::UseDevice(Box::new(account)), request);
    }

    /// An imported account has a password and no identity yet. That is the server's word: it may have had
    /// one, and have it no more since its operator chose this password. So keys that were here before, which
    /// others may have verified, are not sealed under it [W-161].
    fn set_identity(&mut self, now: Instant, export_key: &ExportKey, generation: u64) {
        let keys = if self.account().is_some() { Keys::OnlyHere } else { Keys::Sealed };
        let identity = self.identity_for_account();
        let known = self.account().map_or(0, |account| account.certificate.generation);
        let generation = generation.max(known.saturating_add(1));
        let Some(account) = self.certified(&identity, generation, keys) else { return };
        let sealed_identity = match keys {
            Keys::Sealed => export_key.seal(&identity, &account.name),
            Keys::OnlyHere => Vec::new(),
        };
        let request = Request::SetIdentity {
            identity: identity.public(),
            certificate: account.certificate,
            sealed_identity,
        };
        self.ask_in_session(now, Asked::UseDevice(Box::new(account)), request);
    }

    /// The identity that this account has had here, which others know, or a new one.
    fn identity_for_account(&mut self) -> Identity {
        match self.account() {
            Some(account) => Identity::from_secret(account.identity_secret.expose()),
            None => Identity::from_secret(&self.random()),
        }
    }

    /// The account that logs in, with this device certified.
    fn certified(&self, identity: &Identity, generation: u64, keys: Keys) -> Option<Account> {
        let id = &self.profile.as_ref()?.id;
        let device = self.profile.as_ref()?.device.public();
        Some(Account {
            name: id.name.clone(),
            server: id.server,
            identity_secret: identity.secret(),
            certificate: identity.certify(id.name.as_str(), device, generation),
            keys,
        })
    }

    /// Logged in: `account` is new here, or `None` when the one that is kept came back.
    pub(super) fn on_welcome(&mut self, now: Instant, welcome: Welcome, account: Option<Account>) {
        let expected = account.as_ref().or(self.account()).map(|account| account.name.clone());
        if expected.as_ref() != Some(&welcome.name) {
            return self.server_broke_protocol(now, "it greets somebody else");
        }
        if let Some(account) = account {
            self.jobs.save(StoreRequest::SaveAccount(Some(account.clone())));
            if let Some(profile) = &mut self.profile {
                profile.account = Some(account);
            }
        }
        let goal = core::mem::replace(&mut self.server.goal, Goal::Resume);
        let new_account = match goal {
            Goal::Password(credentials) => credentials.registers,
            Goal::Nothing | Goal::Meet | Goal::Resume => false,
        };
        if let Some(channel) = self.server.channel_mut() {
            channel.logged_in = true;
        }
        self.server.login_is_over();
        self.server.claim = Claim::GoOn;
        self.begin_idle();
        self.is_deleted_there = false;
        self.observed = Some(welcome.observed);
        self.roster.begin();
        self.links.server_is_back();
        self.forget_checked();
        self.tell(Output::LoggedIn {
            user: welcome.name.to_string(),
            motd: welcome.motd,
            failed_attempts: welcome.failed_attempts,
            took_over: welcome.took_over,
            new_account,
        });
        if self.account().is_some_and(|account| account.keys == Keys::OnlyHere) {
            self.ask_for_own_password();
        }
        self.warn_of_keys();
        self.check_change(now);
        self.send_candidates(now);
        self.renew_relayed(now);
        if self.status != Status::default() {
            self.send_status(now);
        }
        // When it cannot be asked, the next login does it.
        let _ = self.ask(now, Asked::BlockedSync, Request::Blocked);
        self.sync_rooms(now);
        self.begin_mail(now);
    }

    /// The operator knows the password that he gave, and what is sealed under it he could open: so
    /// nothing is, until the person has chosen another [W-161].
    fn ask_for_own_password(&mut self) {
        self.info(
            "The server's operator has set your password and knows it, so your keys are not left at \
             the server under it: they are on this machine alone, and no other can log in. Choose one \
             of your own now: '/passwd'.",
        );
    }

    /// The server does not let this client in.
    pub(super) fn on_session_refused(&mut self, now: Instant, refusal: &Refusal) {
        if let Goal::Password(credentials) = &mut self.server.goal {
            if credentials.attempt == Attempt::Recover && *refusal == Refusal::WrongPassword {
                // The registration whose answer was lost was not done.
                credentials.attempt = Attempt::Register;
                return self.begin_session(now);
            }
            return self.end_login(now, &refusals::told(refusal));
        }
        if let Refusal::NewerDevice { generation } = refusal {
            return self.on_newer_device(now, *generation);
        }
        self.drop_server(now, close::LOGOUT);
        if self.is_wished_deletion(refusal) {
            return self.account_is_deleted(now);
        }
        match refusal {
            Refusal::AccountDeleted => self.deleted_elsewhere(now),
            Refusal::NewPassword => self.needs_new_password(now),
            Refusal::UnknownDevice | Refusal::UnknownUser => {
                self.turned_away(now, "the server does not know this account or device");
            }
            Refusal::TooManyRequests { seconds } | Refusal::Locked { seconds } => {
                let wait = Duration::from_secs(u64::from(*seconds).clamp(1, 3600));
                self.server_wait(now, wait, &refusal.to_string());
            }
            Refusal::NotLoggedIn
            | Refusal::AlreadyLoggedIn
            | Refusal::NameTaken
            | Refusal::RegistrationClosed
            | Refusal::WrongPassword
            | Refusal::Offline
            | Refusal::Yourself
            | Refusal::AlreadyBlocked
            | Refusal::NotBlocked
            | Refusal::BlockListFull
            | Refusal::Malformed
            | Refusal::StorageFailed
            | Refusal::NoMailbox
            | Refusal::MailboxFull
            | Refusal::Room(_)
            | Refusal::UnknownCode
            | Refusal::NewerDevice { .. } => self.server_failed(now, &refusal.to_string()),
        }
    }

    /// The account was used with another device since. Whoever started this program or asked for
    /// the session wants it here: this device becomes the newest, so that others do not take it
    /// for one that was left behind. A connection that comes back by itself takes nothing away.
    fn on_newer_device(&mut self, now: Instant, generation: u64) {
        if self.server.claim == Claim::GoOn {
            self.drop_server(now, close::LOGOUT);
            return self.session_ended(now, TAKEN_OVER);
        }
        let Some(account) = self.account() else { return };
        let (identity, keys) =
            (Identity::from_secret(account.identity_secret.expose()), account.keys);
        let generation = generation.checked_add(1);
        let Some(account) = generation.and_then(|next| self.certified(&identity, next, keys))
        else {
            return self.server_broke_protocol(now, "no device can follow");
        };
        let request = Request::UseDevice(account.certificate);
        self.ask_in_session(now, Asked::UseDevice(Box::new(account)), request);
    }

    /// A registration or password login has failed for good.
    pub(super) fn end_login(&mut self, now: Instant, reason: &str) {
        self.drop_server(now, close::LOGOUT);
        self.server.goal = Goal::Nothing;
        self.tell(Output::LoginNeeded { reason: Some(reason.to_owned()) });
    }

    /// The session has ended, and this client does not begin another by itself; the account
    /// stays.
    pub(super) fn session_ended(&mut self, now: Instant, reason: &str) {
        if self.account().is_none() {
            // It was over before this client heard that it had begun: there is no way back to it.
            return self.end_login(now, reason);
        }
        self.server.goal = Goal::Nothing;
        self.close_all_links(now);
        self.tell(Output::LoggedOut {
            reason: format!("{reason}; '/reconnect' takes the session back"),
        });
    }

    /// The server says that this device belongs to no account of its own. Perhaps it was set up
    /// from an old backup, or it lies: nothing is erased at its word.
    pub(super) fn turned_away(&mut self, now: Instant, reason: &str) {
        let Some(name) = self.account().map(|account| account.name.clone()) else {
            return self.end_login(now, reason);
        };
        self.close_all_links(now);
        self.leave_server(now);
        self.tell(Output::LoggedOut { reason: reason.to_owned() });
        let erase = if self.is_deleted_there { "; '/account delete' erases them" } else { "" };
        let reason = format!(
            "{reason}; its keys are kept here: '/login {name}' enters the account with its \
             password, and if the server has lost it, '/register {name}' makes it again with the \
             same identity{erase}"
        );
        self.tell(Output::LoginNeeded { reason: Some(reason) });
    }

    /// The operator has given the account another password. The keys stay, and go on under it; not by
    /// themselves [W-161].
    pub(super) fn needs_new_password(&mut self, now: Instant) {
        const REASON: &str = "the server's operator has given this account another password";
        let Some(name) = self.account().map(|account| account.name.clone()) else {
            return self.end_login(now, REASON);
        };
        // What was sealed is gone with the password before [W-160].
        self.keys_are(Keys::OnlyHere);
        self.close_all_links(now);
        self.leave_server(now);
        self.tell(Output::LoggedOut { reason: REASON.to_owned() });
        let reason = format!(
            "{REASON}: ask him for it, and '/login {name}' goes on here; your keys and all else stay"
        );
        self.tell(Output::LoginNeeded { reason: Some(reason) });
    }

    /// Keeps where the account's keys are from now on.
    pub(super) fn keys_are(&mut self, keys: Keys) {
        let account = self.profile.as_mut().and_then(|profile| profile.account.as_mut());
        if let Some(account) = account.filter(|account| account.keys != keys) {
            account.keys = keys;
            let account = account.clone();
            self.jobs.save(StoreRequest::SaveAccount(Some(account)));
        }
    }

    /// Whether the account's keys are here alone, and were not written into a file either since this program
    /// has it open.
    pub(super) fn has_only_copy(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| {
            let account = profile.account.as_ref();
            account.is_some_and(|it| it.keys == Keys::OnlyHere) && !profile.is_exported
        })
    }

    /// Nobody is logged in here any more: the user's own wish.
    fn forget_account(&mut self, now: Instant, reason: &str) {
        self.change = None;
        self.codes = Codes::default();
        self.close_all_links(now);
        self.leave_server(now);
        if let Some(profile) = &mut self.profile
            && profile.account.take().is_some()
        {
            self.jobs.save(StoreRequest::SaveAccount(None));
        }
        self.tell(Output::LoggedOut { reason: reason.to_owned() });
        self.tell(Output::LoginNeeded { reason: None });
    }
}

fn credentials(
    purpose: Purpose,
    name: &str,
    typed: &Secret<String>,
) -> Result<Credentials, String> {
    let name = Name::new(name).map_err(|error| error.to_string())?;
    let registers = purpose == Purpose::Register;
    let password = if registers {
        new_password(typed)?
    } else {
        password(typed).map_err(|error| error.to_string())?
    };
    let attempt = if registers { Attempt::Register } else { Attempt::Login };
    Ok(Credentials { attempt, registers, name, password, told: false })
}
