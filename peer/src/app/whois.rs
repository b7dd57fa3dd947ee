//! `/whois`: what this client knows of a user, and what the server tells of his being there.
//!
//! All of it is what this side would be told of somebody who is not there: who is blocked by the user
//! gets the same questions answered in the same way.

use wire::app::identity::{IdentityKey, fingerprint};
use wire::app::name::Name;
use wire::app::server::{Presence, Refusal, Request};
use wire::time::Instant;

use super::requests::Asked;
use super::{App, refusals};
use crate::output::Output;
use crate::work::Contact;

impl App {
    /// `/whois`.
    pub(super) fn whois(&mut self, now: Instant, user: Name) {
        if !self.server.is_logged_in() {
            // What is here is told all the same.
            return self.tell_whois(&user, None, None);
        }
        let request = Request::Seen(user.clone());
        self.ask_for_person(now, Asked::Whois(user), request);
    }

    /// The server has said when he was seen.
    pub(super) fn on_whois_seen(&mut self, now: Instant, user: Name, seen: Vec<Presence>) {
        let seen = seen.into_iter().find(|presence| presence.name == user);
        if self.contact(&user).and_then(Contact::current).is_some() {
            return self.tell_whois(&user, seen, None);
        }
        let request = Request::Directory(user.clone());
        self.ask_for_person(now, Asked::WhoisKey { user, seen }, request);
    }

    pub(super) fn on_whois_refused(&mut self, user: &Name, refusal: &Refusal) {
        if *refusal == Refusal::UnknownUser {
            self.error(&format!("There is no user '{user}' on this server."));
        } else {
            self.error(&format!("Whois {user}: {}.", refusals::told(refusal)));
        }
    }

    /// `named` is the key that the server names, where he was never met.
    pub(super) fn tell_whois(
        &mut self,
        user: &Name,
        seen: Option<Presence>,
        named: Option<IdentityKey>,
    ) {
        let contact = self.contact(user);
        let current = contact.and_then(Contact::current);
        let key = match contact {
            Some(contact) if contact.shown.is_some() => "changed",
            Some(contact) if contact.verified => "verified",
            Some(_) if current.is_some() => "met",
            _ if named.is_some() => "named",
            _ => "unknown",
        };
        let shown = contact.is_some_and(|contact| contact.shown.is_some());
        let former = contact.and_then(|contact| contact.identity).filter(|_| shown);
        let blocked = contact.is_some_and(|contact| contact.blocked);
        // Whom one blocks one does not see either.
        let here = seen.as_ref().filter(|seen| seen.online && !blocked);
        let status = here.map(|here| here.status.clone().shortened()).unwrap_or_default();
        let link = self.link_line(user);
        let rooms = self
            .account()
            .map(|account| self.rooms.shared(&account.name, user))
            .unwrap_or_default();
        self.tell(Output::Whois {
            user: user.to_string(),
            nickname: self.nickname(user),
            online: seen.as_ref().map(|_| here.is_some()),
            since: seen.as_ref().map_or(0, |seen| seen.since),
            status: status.availability,
            text: status.text,
            key,
            fingerprint: current.or(named).map(|key| fingerprint(&key.0)),
            former: former.map(|key| fingerprint(&key.0)),
            blocked,
            ignored: contact.is_some_and(|contact| contact.ignored),
            path: link.as_ref().map(|link| link.path),
            lan: link.as_ref().is_some_and(|link| link.lan),
            address: link.as_ref().map(|link| link.address.clone()),
            rtt_ms: link.and_then(|link| link.rtt_ms),
            rooms,
        });
    }
}
