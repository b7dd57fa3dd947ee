//! `/account delete`: the account goes from the server, and its keys from this machine.
//!
//! Proving the password is that of `password`; here is what follows. The server removes everything
//! in one step. Where its answer is lost, the next session tells: there is none, because the server
//! says to this device that its account was deleted, or there is one, and nothing was done.

use std::collections::BTreeSet;

use wire::Secret;
use wire::app::login::password;
use wire::app::name::Name;
use wire::app::server::{Refusal, Request};
use wire::time::Instant;

use super::App;
use super::code::Codes;
use super::password::Wish;
use super::requests::Asked;
use crate::output::Output;
use crate::work::StoreRequest;

impl App {
    /// `/account delete`. `typed` is the name of the account, by which the person says that he means
    /// it.
    pub(super) fn delete_account(&mut self, now: Instant, typed: &str, current: &Secret<String>) {
        let Some(own) = self.account().map(|account| account.name.clone()) else { return };
        if Name::new(typed).ok() != Some(own.clone()) {
            return self.error(&format!(
                "Not deleted: you are logged in as {own}, and that is not what you typed."
            ));
        }
        if self.is_deleted_there {
            // There is no server left to prove anything to: only this machine has the keys.
            return self.account_is_deleted(now);
        }
        if self.change.is_some() {
            return self.error("Not deleted: the password is being proven already.");
        }
        if !self.server.is_logged_in() {
            let why = self.server.why_not();
            return self.error(&format!("Not deleted: {why}."));
        }
        match password(current) {
            Ok(current) => self.begin_change(now, current, Wish::Deletion),
            Err(why) => self.error(&format!("Not deleted: {why}.")),
        }
    }

    /// The password is proven.
    pub(super) fn ask_for_deletion(&mut self, now: Instant) {
        // From here on it may be done, whether or not the answer comes.
        self.change_is_asked();
        self.ask_for_change(now, Asked::DeleteAccount, Request::DeleteAccount);
    }

    /// The server lets nobody in as this account: whether that is what was wished, after the answer
    /// was lost.
    pub(super) fn is_wished_deletion(&self, refusal: &Refusal) -> bool {
        let says_gone = matches!(
            refusal,
            Refusal::AccountDeleted | Refusal::UnknownDevice | Refusal::UnknownUser
        );
        says_gone && self.awaits_deletion()
    }

    /// The server says that the account was deleted, by another device or by its operator; or by this
    /// one, when the answer was lost. It may lie: nothing is erased at its word alone.
    pub(super) fn deleted_elsewhere(&mut self, now: Instant) {
        if self.awaits_deletion() {
            return self.account_is_deleted(now);
        }
        if let Some(name) = self.account().map(|account| account.name.clone()) {
            self.is_deleted_there = true;
            self.tell(Output::AccountDeleted { user: name.to_string(), kept: None });
        }
        self.turned_away(now, "the account was deleted");
    }

    /// As the person wished: nobody is that account any more. Its keys go; whoever registers the
    /// name from now on is somebody else, also at this machine. What was said and received stays.
    pub(super) fn account_is_deleted(&mut self, now: Instant) {
        let Some(name) = self.account().map(|account| account.name.clone()) else { return };
        self.change = None;
        self.codes = Codes::default();
        self.is_deleted_there = false;
        self.with_transfers(now, |transfers, cx| {
            transfers.cancel_everything(cx, "the account was deleted");
        });
        self.drain_transfers(now);
        self.give_up_export("the account was deleted");
        self.leave_all_but(&BTreeSet::new());
        self.close_all_links(now);
        self.leave_server(now);
        let installation = self.draw_installation();
        self.jobs.save(StoreRequest::ForgetAccount(installation));
        // The next account of this name has other keys.
        self.profile = None;
        let kept = self.settings.data_folder.clone();
        self.tell(Output::LoggedOut { reason: "the account is deleted".to_owned() });
        self.tell(Output::AccountDeleted { user: name.to_string(), kept: Some(kept) });
        self.tell(Output::LoginNeeded { reason: None });
    }
}
