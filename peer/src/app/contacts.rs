//! Who other users are: the identity first seen under a name, and blocks.

use std::collections::BTreeMap;

use wire::PublicKey;
use wire::app::identity::{IdentityKey, fingerprint};
use wire::app::name::Name;
use wire::app::server::{Introduction, Request};
use wire::time::Instant;

use super::App;
use super::requests::{Asked, Blocking};
use super::server::Goal;
use crate::output::Output;
use crate::work::StoreRequest;

/// Identities shown by users that are known under another: nothing is sent to them until the
/// person has decided. Only contacts can be here, so it is bounded by them.
pub(super) type Suspects = BTreeMap<Name, IdentityKey>;

/// What an introduction is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Genuine,
    /// Not to be called; what was to be told is told.
    Refused,
}

impl App {
    pub(super) fn is_blocked(&self, user: &Name) -> bool {
        let contact = self.profile.as_ref().and_then(|profile| profile.contacts.get(user));
        contact.is_some_and(|contact| contact.blocked)
    }

    pub(super) fn is_suspect(&self, user: &Name) -> bool {
        self.links.suspects.contains_key(user)
    }

    /// C09, G04: the certificate must be by the identity, the identity the known one, the
    /// device not an older one than seen.
    pub(super) fn judge(&mut self, introduction: &Introduction) -> Verdict {
        let name = &introduction.name;
        if !introduction.certificate.is_signed_by(introduction.identity, name.as_str()) {
            self.error(&format!(
                "The server's introduction of {name} is not genuine: no connection is made."
            ));
            return Verdict::Refused;
        }
        if !self.is_known_as(name, introduction.identity) {
            return Verdict::Refused;
        }
        let contact = self.profile.as_ref().and_then(|profile| profile.contacts.get(name));
        if contact.is_none_or(|contact| contact.identity.is_none()) {
            return Verdict::Genuine;
        }
        if contact.is_some_and(|contact| introduction.certificate.generation < contact.generation) {
            tracing::warn!(%name, "introduced with an older device than seen before");
            return Verdict::Refused;
        }
        self.links.suspects.remove(name);
        Verdict::Genuine
    }

    /// Whether this may be the identity of this user; when another is known, that is told.
    pub(super) fn is_known_as(&mut self, name: &Name, identity: IdentityKey) -> bool {
        let contact = self.profile.as_ref().and_then(|profile| profile.contacts.get(name));
        let Some(known) = contact.and_then(|contact| contact.identity) else { return true };
        if known == identity {
            return true;
        }
        if self.links.suspects.insert(name.clone(), identity) != Some(identity) {
            self.tell(Output::IdentityChanged {
                user: name.to_string(),
                old: fingerprint(&known.0),
                new: fingerprint(&identity.0),
            });
        }
        false
    }

    /// A handshake has proven that this user holds the device: from now on the user is known by
    /// this identity.
    pub(super) fn learn_contact(&mut self, user: &Name, identity: IdentityKey, generation: u64) {
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        if contact.identity == Some(identity) && contact.generation >= generation {
            return;
        }
        contact.identity = Some(identity);
        contact.generation = contact.generation.max(generation);
        let contact = contact.clone();
        self.jobs.save(StoreRequest::SaveContact(contact));
    }

    /// `/trust`: G11, what is kept is the identity that was shown.
    pub(super) fn trust(&mut self, now: Instant, user: &Name) {
        let Some(new) = self.links.suspects.remove(user) else {
            return self.error(&format!("The key of {user} has not changed."));
        };
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        contact.identity = Some(new);
        contact.generation = 0;
        let contact = contact.clone();
        self.jobs.save(StoreRequest::SaveContact(contact));
        self.info(&format!("The new key of {user} is accepted: {}.", fingerprint(&new.0)));
        // Nothing more goes to whoever holds the key before.
        if self.links.up(user).is_some_and(|up| up.identity != new) {
            self.close_link(now, user);
        }
        self.links.came_online(user);
        self.want_link(now, user);
        self.collect_letters(now, 0);
    }

    /// `/trust server`.
    pub(super) fn trust_server(&mut self, now: Instant) {
        if !self.server.is_foreign {
            return self.error("The server's key has not changed.");
        }
        self.server.replaced = self.server.pin.take();
        self.server.is_foreign = false;
        if self.account().is_none() && matches!(self.server.goal, Goal::Nothing) {
            return self.info("The next '/login' or '/register' accepts the server's new key.");
        }
        self.reconnect(now);
    }

    /// `/block`: takes effect here at once, whatever the server does.
    pub(super) fn block(&mut self, now: Instant, user: Name) {
        if self.is_blocked(&user) {
            return self.error(&format!("You block {user} already."));
        }
        self.set_blocked(&user, Blocking::Yes);
        self.shut_out(now, &user);
        if !self.server.is_logged_in() {
            return self.info(&format!(
                "{user} is blocked on this machine; the server is told when it is back."
            ));
        }
        let request = Request::Block(user.clone());
        self.ask_for_person(now, Asked::Block(user), request);
    }

    /// `/unblock`: only with the server, which could not tell an unblock that it missed from a
    /// block made on another machine.
    pub(super) fn unblock(&mut self, now: Instant, user: Name) {
        let request = Request::Unblock(user.clone());
        self.ask_for_person(now, Asked::Unblock(user), request);
    }

    pub(super) fn on_unblocked(&mut self, now: Instant, user: &Name) {
        self.set_blocked(user, Blocking::No);
        self.info(&format!("{user} is no longer blocked."));
        self.links.came_online(user);
        self.want_link(now, user);
    }

    /// Ends everything with a user who is blocked from now on. Looks like an ordinary end.
    pub(super) fn shut_out(&mut self, now: Instant, user: &Name) {
        self.with_transfers(now, |transfers, cx| transfers.cancel_all(cx, user, None));
        self.drain_transfers(now);
        self.close_link(now, user);
    }

    pub(super) fn tell_blocked(&mut self) {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        let users = contacts
            .filter(|contact| contact.blocked)
            .map(|contact| contact.name.to_string())
            .collect();
        self.tell(Output::Blocked { users });
    }

    /// `/fingerprint`.
    pub(super) fn show_fingerprint(&mut self, now: Instant, user: Option<Name>) {
        let Some((own_name, own)) = self.own_identity() else {
            return self.error("Log in first: '/login' or '/register'.");
        };
        let Some(user) = user else {
            self.tell_fingerprint(&own_name, own);
            if let Some(PublicKey(key)) = self.server.pin {
                self.tell(Output::Fingerprint {
                    of: "server".to_owned(),
                    fingerprint: fingerprint(&key),
                });
            }
            return;
        };
        if user == own_name {
            return self.tell_fingerprint(&own_name, own);
        }
        let contact = self.profile.as_ref().and_then(|profile| profile.contacts.get(&user));
        match contact.and_then(|contact| contact.identity) {
            Some(identity) => self.tell_fingerprint(&user, identity),
            None => {
                let request = Request::Directory(user.clone());
                self.ask_for_person(now, Asked::Fingerprint(user), request);
            }
        }
    }
}
