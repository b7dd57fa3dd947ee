//! The profile of one account: its keys, contacts and what waits; opened at the start for who is
//! logged in here, and by a login under another name.

use std::collections::BTreeMap;

use wire::app::identity::{Identity, IdentityKey};
use wire::app::name::Name;
use wire::app::server::LABEL;
use wire::time::Instant;
use wire::{Accept, Config, Endpoint, PublicKey, StaticKey};

use super::chat::Chat;
use super::code::Codes;
use super::jobs::Job;
use super::links::Links;
use super::mail::Mail;
use super::ping::Pings;
use super::presence::Roster;
use super::rooms::Rooms;
use super::server::Goal;
use super::strangers::Requests;
use super::{App, Contacts, Stage};
use crate::output::Output;
use crate::transfer::Transfers;
use crate::work::{
    Account, AccountId, AutoAccept, Contact, Installation, Profile, StoreError, StoreReply,
    StoreRequest,
};

/// What is open.
#[derive(Debug)]
pub(super) struct OpenProfile {
    pub(super) id: AccountId,
    /// The key of this installation.
    pub(super) device: StaticKey,
    /// Who is logged in here; `None` before the first login and after a logout.
    pub(super) account: Option<Account>,
    /// Its keys were written into a file since this was opened.
    pub(super) is_exported: bool,
    pub(super) contacts: Contacts,
    /// The key of each user that the person was shown last to compare it.
    pub(super) compared: BTreeMap<Name, IdentityKey>,
}

impl OpenProfile {
    /// What is known of this user, for changing it.
    pub(super) fn contact_mut(&mut self, user: &Name) -> &mut Contact {
        self.contacts.entry(user.clone()).or_insert_with(|| Contact::new(user.clone()))
    }
}

impl App {
    /// The database is open.
    pub(super) fn on_loaded_first(&mut self, now: Instant, result: Result<StoreReply, StoreError>) {
        let profile = match loaded(result) {
            Ok(profile) => profile,
            Err(error) => {
                self.error(&format!("The data folder cannot be used: {error}"));
                self.stage = Stage::Gone;
                return;
            }
        };
        self.stage = Stage::Running;
        if let Some(known) =
            profile.servers.iter().find(|known| known.address == self.settings.server)
        {
            self.server.know(known.key, known.token);
        }
        let logged_in = profile.account.as_ref();
        let id = logged_in
            .filter(|account| Some(account.server) == self.server.pin)
            .map(|account| AccountId { server: account.server, name: account.name.clone() });
        self.tell(Output::Ready {
            user: id.as_ref().map(|id| id.name.to_string()),
            server: self.settings.server.clone(),
        });
        match id {
            Some(id) => {
                self.open_profile(now, id, profile);
                self.server_go(now, Goal::Resume);
            }
            None => {
                self.tell(Output::LoginNeeded { reason: None });
                if self.server.pin.is_none() {
                    self.server_go(now, Goal::Meet);
                }
            }
        }
    }

    /// The profile of the account that logs in is open.
    pub(super) fn on_loaded_profile(
        &mut self,
        now: Instant,
        result: Result<StoreReply, StoreError>,
    ) {
        let Some(id) = self.server.account_of_goal() else { return };
        match loaded(result) {
            Ok(profile) => {
                self.open_profile(now, id, profile);
                self.server_try(now);
            }
            Err(error) => self.end_login(now, &format!("the profile cannot be opened: {error}")),
        }
    }

    /// Opens the profile of this account, unless it is open already; then tries the server.
    pub(super) fn login_profile(&mut self, now: Instant, id: AccountId) {
        if self.profile.as_ref().is_some_and(|profile| profile.id == id) {
            self.tell_requests();
            self.server_try(now);
        } else {
            self.jobs.store(Job::LoadProfile, StoreRequest::Load(Some(id)));
        }
    }

    pub(super) fn open_profile(&mut self, now: Instant, id: AccountId, profile: Profile) {
        let installation = profile.installation.unwrap_or_else(|| self.new_installation());
        self.new_endpoint(&installation);
        let contacts =
            profile.contacts.into_iter().map(|contact| (contact.name.clone(), contact)).collect();
        self.profile = Some(OpenProfile {
            id,
            device: installation.device.clone(),
            account: profile.account,
            is_exported: false,
            contacts,
            compared: BTreeMap::new(),
        });
        self.change = None;
        self.is_deleted_there = false;
        self.codes = Codes::default();
        self.pings = Pings::default();
        self.roster = Roster::default();
        self.links = Links::default();
        self.chat = Chat::default();
        self.marks.forget();
        self.watch.forget();
        self.chat.outbox.load(profile.outbox);
        self.rooms = Rooms::default();
        self.rooms.load(profile.rooms);
        self.mail = Mail::default();
        self.mail.load(profile.prekeys);
        self.calls = profile.calls.into_iter().collect();
        self.jobs.forget_profile();
        self.requests = Requests::default();
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        self.requests.load(now, profile.requests, contacts.clone());
        let chosen: Vec<(Name, AutoAccept)> =
            contacts.map(|contact| (contact.name.clone(), contact.auto_accept)).collect();
        self.tell_requests();
        self.give_up_export("another account was logged in");
        let policy = self.settings.files;
        let label = format!("transfers {}", self.endpoints_made);
        self.transfers = Transfers::new(policy, &self.seed.derive(&label));
        for (user, chosen) in chosen {
            self.transfers.set_auto_accept(user, chosen);
        }
        let records = profile.transfers;
        self.with_transfers(now, |transfers, cx| transfers.load(cx, records));
    }

    /// For the first contact with a server, before it is known whose profile to open: an endpoint
    /// with keys that nobody keeps.
    pub(super) fn ensure_endpoint(&mut self) {
        if self.endpoint.is_none() {
            let keys = self.draw_installation();
            self.new_endpoint(&keys);
        }
    }

    /// The person trusts that the server with the key `from` has the key `to` now.
    pub(super) fn move_accounts(&mut self, from: PublicKey, to: PublicKey) {
        self.jobs.store(Job::MoveServer, StoreRequest::MoveServer { from, to });
        if let Some(profile) = self.profile.as_mut().filter(|profile| profile.id.server == from) {
            profile.id.server = to;
            if let Some(account) = &mut profile.account {
                account.server = to;
            }
        }
    }

    /// The accounts are under the server's new key, in the place of others perhaps.
    pub(super) fn on_moved_accounts(&mut self, set_aside: &[Name]) {
        for name in set_aside {
            self.info(&format!(
                "This data folder had another profile of {name} under the server's new key, with \
                 a history and contacts of its own. The one that you used at {} until now goes on; \
                 the other is kept under the former key, and '/trust server' brings it back should \
                 that key return.",
                self.settings.server
            ));
        }
    }

    pub(super) fn draw_installation(&mut self) -> Installation {
        Installation::draw(&mut self.rng)
    }

    fn new_installation(&mut self) -> Installation {
        let installation = self.draw_installation();
        self.jobs.save(StoreRequest::SaveInstallation(installation.clone()));
        installation
    }

    fn new_endpoint(&mut self, installation: &Installation) {
        self.endpoints_made += 1;
        let label = format!("endpoint {}", self.endpoints_made);
        let config = Config {
            static_key: installation.device.clone(),
            token_secret: *installation.token_secret.expose(),
            token_epoch: self.settings.token_epoch,
            label: LABEL,
            accept: Accept::Announced,
            transport: self.settings.transport.clone(),
        };
        let endpoint = Endpoint::new(config, &self.seed.derive(&label));
        self.retired = self.endpoint.replace(endpoint);
    }

    /// What is known of a user.
    pub(super) fn contact(&self, user: &Name) -> Option<&Contact> {
        self.profile.as_ref()?.contacts.get(user)
    }

    /// Who is logged in here.
    pub(super) fn account(&self) -> Option<&Account> {
        self.profile.as_ref()?.account.as_ref()
    }

    /// One's own name and identity.
    pub(super) fn own_identity(&self) -> Option<(Name, IdentityKey)> {
        let account = self.account()?;
        let identity = Identity::from_secret(account.identity_secret.expose());
        Some((account.name.clone(), identity.public()))
    }
}

pub(super) fn loaded(result: Result<StoreReply, StoreError>) -> Result<Profile, StoreError> {
    match result? {
        StoreReply::Loaded(profile) => Ok(*profile),
        StoreReply::Done
        | StoreReply::Queued(_)
        | StoreReply::Withdrawn { .. }
        | StoreReply::Received(_)
        | StoreReply::Admitted(_)
        | StoreReply::Expired(_)
        | StoreReply::Lines(_)
        | StoreReply::Posted { .. }
        | StoreReply::PostReceived(_)
        | StoreReply::PostTarget(_)
        | StoreReply::Posts { .. }
        | StoreReply::Imported(_)
        | StoreReply::Marked(_)
        | StoreReply::ReadThere { .. }
        | StoreReply::Moved { .. } => {
            Err(StoreError("the database gave another answer".to_owned()))
        }
    }
}
