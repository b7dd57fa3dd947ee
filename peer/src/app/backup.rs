//! An account carried from one data folder to another in a file.

use std::path::{Path, PathBuf};

use wire::app::identity::{Identity, IdentityKey};
use wire::app::login::password;
use wire::time::Instant;
use wire::{Secret, Seed};

use super::App;
use super::jobs::{ImportedAccount, Job};
use super::profile::loaded;
use crate::backup::{Backup, BackupError, BackupJob, BackupReply};
use crate::login::new_password;
use crate::work::{
    Account, AccountId, Contact, Imported, StoreError, StoreReply, StoreRequest, Work,
};

impl Backup {
    /// This account, and the users among `contacts` who were verified.
    #[must_use]
    pub fn of<'a>(
        account: &Account,
        address: &str,
        contacts: impl Iterator<Item = &'a Contact>,
    ) -> Self {
        Self {
            name: account.name.clone(),
            address: address.to_owned(),
            server: account.server,
            identity_secret: account.identity_secret.clone(),
            generation: account.certificate.generation,
            verified: contacts.filter_map(Contact::as_verified).collect(),
        }
    }
}

impl App {
    /// `/account export`.
    pub(super) fn export_account(&mut self, path: PathBuf, passphrase: &Secret<String>) {
        let passphrase = match new_password(passphrase) {
            Ok(passphrase) => passphrase,
            Err(why) => return self.error(&format!("Not exported: {why}.")),
        };
        let seed = Seed::new(self.random());
        let Some(profile) = &self.profile else { return };
        let Some(account) = &profile.account else { return };
        let of = Identity::from_secret(account.identity_secret.expose()).public();
        let backup = Backup::of(account, &self.settings.server, profile.contacts.values());
        let job = BackupJob::Write {
            path: path.clone(),
            backup: Box::new(backup),
            passphrase,
            stretch: self.settings.stretch,
            seed,
        };
        self.jobs.start(Job::ExportAccount(path, of), Work::Backup(job));
    }

    pub(super) fn on_exported(
        &mut self,
        path: &Path,
        of: IdentityKey,
        result: Result<BackupReply, BackupError>,
    ) {
        if let Err(error) = result {
            return self.error(&format!("Not exported to {}: {error}.", path.display()));
        }
        // The account may be another one by now.
        if self.own_identity().is_some_and(|(_, own)| own == of)
            && let Some(profile) = &mut self.profile
        {
            profile.is_exported = true;
        }
        self.info(&format!(
            "Your account is in {} now. Whoever has this file and its passphrase is you: keep the two \
             apart.",
            path.display()
        ));
    }

    /// `/account import`.
    pub(super) fn import_account(&mut self, path: PathBuf, passphrase: &Secret<String>) {
        if let Some(account) = self.account() {
            let name = account.name.clone();
            return self.error(&format!(
                "The account {name} is kept here: '/logout' first, which erases its keys on this \
                 machine."
            ));
        }
        if self.server.goal.is_login() {
            return self.error("Not imported: a login is under way; '/logout' ends it.");
        }
        match password(passphrase) {
            Ok(passphrase) => {
                self.is_importing = true;
                let job = BackupJob::Read { path: path.clone(), passphrase };
                self.jobs.start(Job::ImportAccount(path), Work::Backup(job));
            }
            Err(why) => self.error(&format!("Not imported: {why}.")),
        }
    }

    pub(super) fn on_read_backup(&mut self, path: &Path, result: Result<BackupReply, BackupError>) {
        let backup = match result {
            Ok(BackupReply::Read(backup)) => backup,
            Ok(BackupReply::Written) => return self.is_importing = false,
            Err(error) => {
                return self.not_imported(&format!("from {}: {error}.", path.display()));
            }
        };
        let id = AccountId { server: backup.server, name: backup.name.clone() };
        let account = ImportedAccount { id, address: backup.address.clone() };
        let installation = self.draw_installation();
        let job = Job::KeepImported(Box::new(account));
        self.jobs.store(job, StoreRequest::Import { backup, installation });
    }

    pub(super) fn on_kept_imported(
        &mut self,
        account: ImportedAccount,
        result: Result<StoreReply, StoreError>,
    ) {
        let imported = match result {
            Ok(StoreReply::Imported(imported)) => imported,
            Ok(_) => return self.is_importing = false,
            Err(error) => return self.not_imported(&format!("from the file: {error}")),
        };
        for text in imported.notes(&account.address) {
            self.error(&text);
        }
        let id = account.id.clone();
        self.jobs.store(Job::OpenImported(Box::new(account)), StoreRequest::Load(Some(id)));
    }

    pub(super) fn on_opened_imported(
        &mut self,
        now: Instant,
        account: ImportedAccount,
        result: Result<StoreReply, StoreError>,
    ) {
        let ImportedAccount { id, address } = account;
        let profile = match loaded(result) {
            Ok(profile) => profile,
            Err(error) => return self.not_imported(&format!("from the file: {error}")),
        };
        self.is_importing = false;
        let pinned = profile.servers.iter().find(|known| known.address == self.settings.server);
        if let Some(known) = pinned
            && self.server.pin.is_none()
        {
            self.server.know(known.key, known.token);
        }
        let name = id.name.clone();
        let is_of_this_server = self.server.pin == Some(id.server);
        if is_of_this_server {
            self.open_profile(now, id, profile);
        } else {
            // The database has another one open now than was open here.
            self.profile = None;
        }
        let whither = if is_of_this_server {
            String::new()
        } else {
            format!(" Its server is {address}: start with '--server {address}'.")
        };
        self.info(&format!(
            "The account {name} is imported.{whither} '/login {name}' enters it with its password; if \
             the server has lost it, '/register {name}' makes it again with the same keys."
        ));
    }
}

impl App {
    fn not_imported(&mut self, why: &str) {
        self.is_importing = false;
        self.error(&format!("Not imported {why}"));
    }
}

impl Contact {
    /// What is carried along of a user who was verified.
    fn as_verified(&self) -> Option<crate::backup::Verified> {
        let identity = self.identity.filter(|_| self.verified)?;
        let (name, generation) = (self.name.clone(), self.generation);
        Some(crate::backup::Verified { name, identity, generation })
    }
}

impl Imported {
    /// What did not go along, for the person.
    #[must_use]
    pub fn notes(&self, address: &str) -> Vec<String> {
        let server = self.is_other_server.then(|| {
            format!(
                "{address} is known here with another key than in the file, which stays: if the \
                 server was set up anew, '/trust server' helps."
            )
        });
        let users = self.other_keys.iter().map(|user| {
            format!(
                "{user} is known here with another key than in the file, which stays and is not \
                 verified: compare it by '/fingerprint {user}'."
            )
        });
        server.into_iter().chain(users).collect()
    }
}
