//! Who other users are: the identity first seen under a name, and what follows when another is
//! shown.
//!
//! ```text
//!   nobody ── a handshake proves one ──► known ── /trust ──► verified
//!                                          │                    │
//!                              another one is shown   another one is shown
//!                                          ▼                    ▼
//!                              warned before each link    held: no link, nothing sent
//! ```
//!
//! Both last, over restarts too, until the person accepts the other one by `/trust`, or a handshake
//! proves the known one again.

use std::collections::{BTreeMap, BTreeSet};

use wire::PublicKey;
use wire::app::identity::{IdentityKey, fingerprint};
use wire::app::name::Name;
use wire::app::safety::SafetyNumber;
use wire::app::server::{Introduction, Request};
use wire::time::Instant;

use super::App;
use super::requests::Asked;
use crate::output::{KeyMark, Output};
use crate::work::{Contact, ShownIdentity, StoreRequest};

/// Most users whose keys the person was shown to compare them.
const MAX_COMPARED: usize = 1024;

/// What an introduction, or a handshake, is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Genuine,
    /// Not to be talked to; what was to be told is told.
    Refused,
}

/// What was told and tried in this run about keys that changed. Only contacts can be here, so it
/// is bounded by them.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// Told about this identity, and no link was up since.
    told: BTreeMap<Name, IdentityKey>,
    /// Users to whom nothing may be sent, and whose introduction was asked for all the same since
    /// they came: perhaps they show the verified key again.
    looked: BTreeSet<Name>,
}

impl Warnings {
    /// Whether a user to whom nothing may be sent may be looked for: once.
    pub(super) fn may_look(&mut self, user: &Name) -> bool {
        self.looked.insert(user.clone())
    }

    pub(super) fn look_again(&mut self, user: &Name) {
        self.looked.remove(user);
    }

    /// Before the next link it is told again.
    pub(super) fn link_is_down(&mut self, user: &Name) {
        self.told.remove(user);
    }
}

impl App {
    /// C09, G04: the certificate must be by the identity, the device not an older one than seen,
    /// and a verified user's identity the verified one.
    pub(super) fn judge(&mut self, introduction: &Introduction) -> Verdict {
        let Introduction { name, identity, certificate, .. } = introduction;
        if !certificate.is_signed_by(*identity, name.as_str()) {
            self.error(&format!(
                "The server's introduction of {name} is not genuine: no connection is made."
            ));
            return Verdict::Refused;
        }
        let Some(contact) = self.contact(name) else { return Verdict::Genuine };
        let Some(known) = contact.identity else { return Verdict::Genuine };
        let shown = contact.shown.filter(|shown| shown.identity == *identity);
        let newest = match (known == *identity, shown) {
            (true, _) => contact.generation,
            (false, Some(shown)) => shown.generation,
            (false, None) => 0,
        };
        if certificate.generation < newest {
            tracing::warn!(%name, "introduced with an older device than seen before");
            return Verdict::Refused;
        }
        if known == *identity { Verdict::Genuine } else { self.shows_another(name, *identity) }
    }

    /// Whether something may be sent to this identity in this user's name, and taken from it; where
    /// another one is known, that is told.
    pub(super) fn is_known_as(&mut self, user: &Name, identity: IdentityKey) -> bool {
        let known = self.contact(user).and_then(|contact| contact.identity);
        known.is_none_or(|known| known == identity)
            || self.shows_another(user, identity) == Verdict::Genuine
    }

    /// A user was met by a letter, which proves less than a handshake: who was not known is known by
    /// this identity, and nothing that was told of another ends.
    pub(super) fn met_by_letter(&mut self, user: &Name, identity: IdentityKey, generation: u64) {
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        let before = contact.clone();
        if *contact.identity.get_or_insert(identity) == identity {
            contact.generation = contact.generation.max(generation);
        }
        if *contact != before {
            let contact = contact.clone();
            self.jobs.save(StoreRequest::SaveContact(contact));
        }
    }

    /// A user who is known shows another identity.
    fn shows_another(&mut self, user: &Name, identity: IdentityKey) -> Verdict {
        let Some(profile) = &mut self.profile else { return Verdict::Refused };
        let contact = profile.contact_mut(user);
        if contact.shown.is_none_or(|shown| shown.identity != identity) {
            contact.shown = Some(ShownIdentity { identity, generation: 0 });
            let contact = contact.clone();
            self.jobs.save(StoreRequest::SaveContact(contact));
        }
        self.warn_of_key(user);
        if self.is_held(user) { Verdict::Refused } else { Verdict::Genuine }
    }

    /// Tells that the key of this user has changed, once before each link.
    fn warn_of_key(&mut self, user: &Name) {
        let Some(contact) = self.contact(user) else { return };
        let (Some(known), Some(shown)) = (contact.identity, contact.shown) else { return };
        let held = contact.is_held();
        let before = self.links.warnings.told.insert(user.clone(), shown.identity);
        if before != Some(shown.identity) {
            self.tell(Output::IdentityChanged {
                user: user.to_string(),
                old: fingerprint(&known.0),
                new: fingerprint(&shown.identity.0),
                held,
            });
        }
    }

    /// At each login: a restart dismisses no warning.
    pub(super) fn warn_of_keys(&mut self) {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        let users: Vec<Name> = contacts
            .filter(|contact| contact.shown.is_some())
            .map(|contact| contact.name.clone())
            .collect();
        for user in users {
            self.warn_of_key(&user);
        }
    }

    /// A handshake has proven that this user holds the device: who was not known is known by this
    /// identity from now on.
    pub(super) fn learn_contact(
        &mut self,
        user: &Name,
        identity: IdentityKey,
        generation: u64,
    ) -> Verdict {
        let Some(profile) = &mut self.profile else { return Verdict::Refused };
        let contact = profile.contact_mut(user);
        let before = contact.clone();
        let known = *contact.identity.get_or_insert(identity);
        if known == identity {
            contact.generation = contact.generation.max(generation);
            contact.shown = None;
        } else if let Some(shown) = contact.shown.as_mut().filter(|it| it.identity == identity)
            && !before.verified
        {
            shown.generation = shown.generation.max(generation);
        } else {
            // The person has accepted another one meanwhile.
            return Verdict::Refused;
        }
        let after = contact.clone();
        if after != before {
            self.jobs.save(StoreRequest::SaveContact(after));
        }
        if known == identity && before.shown.is_some() {
            self.links.warnings.told.remove(user);
            let meanwhile = if before.is_held() {
                "Nothing was sent meanwhile; sending goes on."
            } else {
                "What you sent meanwhile may have gone to whoever holds the other one."
            };
            self.info(&format!(
                "{user} shows the key again that was known before: {}. {meanwhile}",
                fingerprint(&known.0)
            ));
        }
        Verdict::Genuine
    }

    /// `/fingerprint`.
    pub(super) fn show_fingerprint(&mut self, now: Instant, user: Option<Name>) {
        let Some((own_name, own)) = self.own_identity() else {
            return self.error("Log in first: '/login' or '/register'.");
        };
        let Some(user) = user else {
            self.tell_fingerprint(own_name.as_str(), own);
            return self.show_server_key();
        };
        if user == own_name {
            return self.tell_fingerprint(own_name.as_str(), own);
        }
        match self.contact(&user).and_then(Contact::current) {
            Some(identity) => self.tell_key(&user, identity),
            None => {
                let request = Request::Directory(user.clone());
                self.ask_for_person(now, Asked::Fingerprint(user), request);
            }
        }
    }

    pub(super) fn show_server_key(&mut self) {
        if let Some(PublicKey(key)) = self.server.pin {
            self.tell_fingerprint("server", IdentityKey(key));
        }
    }

    /// One's own, or the server's: nothing to compare by a number.
    fn tell_fingerprint(&mut self, of: &str, key: IdentityKey) {
        self.tell(Output::Fingerprint {
            of: of.to_owned(),
            fingerprint: fingerprint(&key.0),
            safety_number: None,
            qr: None,
            verified: None,
            former: None,
        });
    }

    /// The key of another user, to be compared: the one that he shows now, or which the server
    /// names where he was never met. G11: `/trust` accepts this one and no other.
    pub(super) fn tell_key(&mut self, user: &Name, identity: IdentityKey) {
        let Some((own_name, own)) = self.own_identity() else { return };
        let number = SafetyNumber::of((&own_name, own), (user, identity));
        let contact = self.contact(user);
        let is_known = |known: &IdentityKey| *known == identity;
        let verified = contact.is_some_and(|it| it.verified && it.identity == Some(identity));
        let former = contact.and_then(|it| it.identity).filter(|known| !is_known(known));
        self.tell(Output::Fingerprint {
            of: user.to_string(),
            fingerprint: fingerprint(&identity.0),
            safety_number: Some(number.groups()),
            qr: Some(number.text()),
            verified: Some(verified),
            former: former.map(|key| fingerprint(&key.0)),
        });
        let Some(profile) = &mut self.profile else { return };
        profile.compared.insert(user.clone(), identity);
        while profile.compared.len() > MAX_COMPARED {
            profile.compared.pop_first();
        }
    }

    /// `/trust`: the key that `/fingerprint` has shown is this user's.
    pub(super) fn trust(&mut self, now: Instant, user: &Name) {
        let compared = self.profile.as_ref().and_then(|it| it.compared.get(user)).copied();
        let Some(compared) = compared else {
            if self.contact(user).is_some_and(|it| it.verified && !it.is_held()) {
                return self.info(&format!("{user} is verified already."));
            }
            return self.error(&format!(
                "Nothing is accepted unseen: '/fingerprint {user}' shows the number to compare with \
                 {user}, and '/trust {user}' then accepts exactly that key."
            ));
        };
        let contact = self.contact(user);
        if contact.and_then(Contact::current).is_some_and(|current| current != compared) {
            return self.error(&format!(
                "The key of {user} has changed since '/fingerprint {user}' showed it: look again, \
                 and compare."
            ));
        }
        if contact.is_some_and(|contact| contact.verified && contact.shown.is_none()) {
            return self.error(&format!("The key of {user} is verified already."));
        }
        self.keep_verified(now, user, compared);
        let fingerprint = fingerprint(&compared.0);
        self.tell(Output::Trusted { user: user.to_string(), fingerprint });
    }

    /// From now on this user is who holds this key, which he shows now.
    pub(super) fn keep_verified(&mut self, now: Instant, user: &Name, compared: IdentityKey) {
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        let accepted = contact.shown.take();
        if let Some(shown) = accepted {
            contact.generation = shown.generation;
        }
        contact.identity = Some(compared);
        contact.verified = true;
        let contact = contact.clone();
        self.jobs.save(StoreRequest::SaveContact(contact));
        self.befriend(user);
        self.links.warnings.told.remove(user);
        // Nothing more goes to whoever holds another key.
        if self.links.up(user).is_some_and(|up| up.identity != compared) {
            self.close_link(now, user);
        }
        if accepted.is_some() {
            self.links.came_online(user);
            self.want_link(now, user);
            // Letters in the name of this key were left in the mailbox.
            self.collect_letters(now, 0);
        }
    }

    /// Users whose keys are marked, for faces that show it.
    #[must_use]
    pub fn key_marks(&self) -> BTreeMap<String, KeyMark> {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        let marked = contacts.filter_map(|it| Some((it.name.to_string(), key_mark(it)?)));
        marked.collect()
    }

    /// Whether the key that this user shows is the verified one.
    pub(super) fn is_verified(&self, user: &Name) -> bool {
        self.contact(user).is_some_and(|it| key_mark(it) == Some(KeyMark::Verified))
    }
}

const fn key_mark(contact: &Contact) -> Option<KeyMark> {
    match (contact.shown, contact.verified) {
        (Some(_), _) => Some(KeyMark::Changed),
        (None, true) => Some(KeyMark::Verified),
        (None, false) => None,
    }
}
