//! Whom one has to do with: blocks, and the server's key. Other users' keys are in `identities`.

use wire::app::name::Name;
use wire::app::server::Request;
use wire::time::Instant;

use super::App;
use super::requests::{Asked, Blocking};
use super::server::Goal;
use crate::output::Output;
use crate::work::Contact;

impl App {
    pub(super) fn is_blocked(&self, user: &Name) -> bool {
        self.contact(user).is_some_and(|contact| contact.blocked)
    }

    /// Whether nothing may be sent to this user before the person has accepted another key.
    pub(super) fn is_held(&self, user: &Name) -> bool {
        self.contact(user).is_some_and(Contact::is_held)
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
        self.end_request(user);
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
}
