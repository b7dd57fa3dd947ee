//! Whom one has to do with: who is blocked or ignored, whose files are taken, and the server's key. Other users' keys are in `identities`.

use std::collections::BTreeMap;

use wire::app::name::Name;
use wire::app::server::Request;
use wire::app::text;
use wire::time::Instant;

use super::App;
use super::requests::{Asked, Blocking};
use crate::output::{AutoAcceptLine, Output};
use crate::work::{AutoAccept, Contact, MAX_NICKNAME, StoreRequest};

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
        if self.account().is_none() && !self.server.goal.is_login() {
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

    pub(super) fn is_ignored(&self, user: &Name) -> bool {
        self.contact(user).is_some_and(|contact| contact.ignored)
    }

    /// Whether this is something that somebody who is ignored says or does.
    pub(super) fn is_overheard(&self, output: &Output) -> bool {
        let said_by = if let Output::Message { from, .. }
        | Output::Changed { from, .. }
        | Output::FileOffer { from, .. } = output
        {
            from
        } else if let Output::Presence { user, .. } | Output::Typing { user } = output {
            user
        } else if let Output::RoomInvited { by, .. }
        | Output::Watch { user: Some(by), change: "invited", .. } = output
        {
            by
        } else {
            return false;
        };
        let contacts = self.profile.as_ref().map(|profile| &profile.contacts);
        contacts
            .and_then(|contacts| contacts.get(said_by.as_str()))
            .is_some_and(|contact| contact.ignored)
    }

    /// `/ignore` and `/unignore`: here alone, and nobody is told.
    pub(super) fn set_ignored(&mut self, user: &Name, ignored: bool) {
        if self.is_ignored(user) == ignored {
            return self.error(&if ignored {
                format!("You ignore {user} already.")
            } else {
                format!("You do not ignore {user}.")
            });
        }
        self.change_contact(user, |contact| contact.ignored = ignored);
        self.info(&if ignored {
            format!(
                "What {user} says is kept, and not shown as it comes; '/unignore {user}' ends it."
            )
        } else {
            format!("What {user} says is shown again; '/history {user}' has what was not.")
        });
    }

    /// `/ignore` alone.
    pub(super) fn tell_ignored(&mut self) {
        let users = self.contacts_where(|contact| contact.ignored);
        self.tell(Output::Ignored { users });
    }

    /// What the person calls a user.
    pub(super) fn nickname(&self, user: &Name) -> Option<String> {
        self.contact(user).and_then(|contact| contact.nickname.clone())
    }

    /// What the person calls those whom he calls something, for whoever shows it beside their names.
    #[must_use]
    pub fn nicknames(&self) -> BTreeMap<String, String> {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        let named = contacts.filter_map(|it| Some((it.name.to_string(), it.nickname.clone()?)));
        named.collect()
    }

    /// `/rename` of a user: here alone, and nobody is told.
    pub(super) fn choose_nickname(&mut self, user: &Name, nickname: Option<String>) {
        let nickname = nickname.map(|typed| text::one_line(&typed).trim().to_owned());
        let nickname = nickname.filter(|nickname| !nickname.is_empty());
        if nickname.as_ref().is_some_and(|nickname| nickname.len() > MAX_NICKNAME) {
            return self.error(&format!("Not done: at most {MAX_NICKNAME} bytes."));
        }
        if self.nickname(user) == nickname {
            let is_called =
                nickname.map_or("nothing but that".to_owned(), |it| format!("\"{it}\""));
            return self.error(&format!("You call {user} {is_called} already."));
        }
        self.change_contact(user, |contact| contact.nickname.clone_from(&nickname));
        self.tell(Output::Nickname { user: user.to_string(), nickname });
    }

    /// `/autoaccept`.
    pub(super) fn choose_auto_accept(&mut self, now: Instant, user: Name, chosen: AutoAccept) {
        self.change_contact(&user, |contact| contact.auto_accept = chosen);
        self.with_transfers(now, |transfers, _| transfers.set_auto_accept(user.clone(), chosen));
        self.tell_auto_accept(Some(&user));
    }

    /// What is done with the files of a user, or of all of whom something was chosen.
    pub(super) fn tell_auto_accept(&mut self, user: Option<&Name>) {
        let line = |user: String, accept| AutoAcceptLine { user, accept };
        let chosen = |user: &Name| self.contact(user).map(|it| it.auto_accept).unwrap_or_default();
        let users = match user {
            Some(user) => vec![line(user.to_string(), chosen(user))],
            None => {
                let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
                let chosen = contacts.filter(|it| it.auto_accept != AutoAccept::Usual);
                chosen.map(|it| line(it.name.to_string(), it.auto_accept)).collect()
            }
        };
        self.tell(Output::AutoAccept { users, usual: self.settings.files.auto_accept });
    }

    pub(super) fn change_contact(&mut self, user: &Name, change: impl FnOnce(&mut Contact)) {
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        change(contact);
        let contact = contact.clone();
        self.jobs.save(StoreRequest::SaveContact(contact));
    }

    fn contacts_where(&self, is_meant: impl Fn(&Contact) -> bool) -> Vec<String> {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        contacts.filter(|contact| is_meant(contact)).map(|it| it.name.to_string()).collect()
    }

    pub(super) fn tell_blocked(&mut self) {
        let users = self.contacts_where(|contact| contact.blocked);
        self.tell(Output::Blocked { users });
    }
}
