//! Strangers, who can only ask: nothing of what they say and offer is shown before the person has
//! accepted them. And the other way round, what becomes of asking somebody.
//!
//! ```text
//!   stranger ── asks, writes, offers ──► his request is shown, and the rest is held
//!      ▲  ▲                                  │ accept          │ decline, block
//!      │  └── a day later ── declined ◄──────┼─────────────────┘
//!      │                                     ▼
//!      └── whom the person writes to ────► contact, to whom everything is shown
//! ```
//!
//! The database holds what came ([`StrangerRequest`]) and lets go of it in one step. Here is only who
//! asks, and whom the person has asked.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::name::Name;
use wire::app::peer::{self, Control, Offer, TransferId};
use wire::time::Instant;

use super::App;
use super::jobs::Job;
use super::pins::in_words;
use crate::command::{RoomCommand, Which};
use crate::output::{Output, RequestLine};
use crate::work::{
    Asking, Contact, Incoming, Receipt, RequestRecord, Standing, StoreError, StoreReply,
    StoreRequest, StrangerRequest,
};

/// Longest text of a request, in characters: who asks is introduced by a line, not by a letter.
const MAX_SHOWN: usize = 200;
/// Who was declined may ask again after so many milliseconds: a day.
const DECLINED_FOR: u64 = 24 * 60 * 60 * 1000;

/// What strangers may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "shell", derive(clap::ValueEnum))]
pub enum Strangers {
    /// Ask to talk: nothing else of what they say is shown before they are accepted.
    #[default]
    Ask,
    /// Talk at once.
    Talk,
}

/// Whose files are taken although nobody was asked about him.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FilesOf {
    /// Nobody's.
    #[default]
    Contacts,
    /// Everybody's.
    Everybody,
    /// This user's.
    User(Name),
}

/// Who asks, and who is asked.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) pending: BTreeMap<Name, Pending>,
    /// Strangers whose question is on its way into the database.
    keeping: BTreeSet<Name>,
    /// Users whom the person has asked, and who have not answered: since when.
    pub(super) asked: BTreeMap<Name, u64>,
    /// Of whom the person was told that they have not.
    told: BTreeSet<Name>,
    /// Who asked and has not been answered for long, and what deletes it is on its way.
    pub(super) expiring: BTreeSet<Name>,
    /// When it is looked for them again.
    pub(super) check_at: Instant,
}

/// A request that waits for an answer.
#[derive(Debug)]
pub(super) struct Pending {
    at: u64,
    /// When the last of him came.
    pub(super) last: u64,
    text: Option<String>,
    messages: u64,
    file: Option<String>,
}

impl Requests {
    /// What waited when the program ended.
    pub(super) fn load<'a>(
        &mut self,
        now: Instant,
        records: Vec<RequestRecord>,
        contacts: impl Iterator<Item = &'a Contact>,
    ) {
        for RequestRecord { from, at, last, text, messages, file } in records {
            let text = text.as_deref().and_then(beginning);
            self.pending.insert(from, Pending { at, last, text, messages, file });
        }
        let asked = |contact: &Contact| match contact.asking {
            Asking::Asked { since } if !contact.blocked => Some((contact.name.clone(), since)),
            Asking::Nothing | Asking::Asked { .. } | Asking::Accepted => None,
        };
        self.asked = contacts.filter_map(asked).collect();
        self.check_at = now;
    }

    /// How many ask.
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Users whom the person has asked, and who have not answered: a link to them is wanted.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Name> {
        self.asked.keys()
    }
}

impl App {
    /// From now on strangers may do this. Who asks is accepted, when nobody has to ask any more.
    pub fn set_strangers(&mut self, now: Instant, strangers: Strangers) {
        self.settings.strangers = strangers;
        self.admit_all();
        self.settle(now);
    }

    /// Whether this user can only ask.
    pub(super) fn is_stranger(&self, user: &Name) -> bool {
        let standing = self.contact(user).map(|contact| contact.standing);
        self.settings.strangers == Strangers::Ask && standing != Some(Standing::Contact)
    }

    /// Whether he has asked, and may not ask again yet. A clock that was set back forgives.
    pub(super) fn is_declined(&self, user: &Name) -> bool {
        let standing = self.contact(user).map(|contact| contact.standing);
        let Some(Standing::Declined { at }) = standing else { return false };
        self.is_stranger(user) && (at..at.saturating_add(DECLINED_FOR)).contains(&self.unix_ms)
    }

    /// Whether he has asked, and was not accepted.
    pub(super) fn is_unanswered(&self, user: &Name) -> bool {
        let standing = self.contact(user).map(|contact| contact.standing);
        let was_declined = matches!(standing, Some(Standing::Declined { .. }));
        self.is_stranger(user) && (was_declined || self.requests.pending.contains_key(user))
    }

    /// A message of this user on its way into the database: to the others, or apart from them.
    pub(super) fn store_as(&self, incoming: Incoming) -> StoreRequest {
        if self.is_stranger(&incoming.from) {
            StoreRequest::Stranger(StrangerRequest::Hold(incoming))
        } else {
            StoreRequest::Receive(incoming)
        }
    }

    /// The same of a letter.
    pub(super) fn store_letter_as(&self, incoming: Incoming) -> StoreRequest {
        if self.is_stranger(&incoming.from) {
            StoreRequest::Stranger(StrangerRequest::HoldInTurn(incoming))
        } else {
            StoreRequest::ReceiveInTurn(incoming)
        }
    }

    /// The person has to do with this user from now on: what was held of him is received.
    pub(super) fn befriend(&mut self, user: &Name) {
        let is_pending = self.requests.pending.contains_key(user);
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        if contact.standing == Standing::Contact && !is_pending {
            return;
        }
        let before = core::mem::replace(&mut contact.standing, Standing::Contact);
        let contact = contact.clone();
        let job = Job::Admit { user: user.clone(), before };
        self.jobs.store(job, StoreRequest::Stranger(StrangerRequest::Admit(contact)));
        if self.links.up(user).is_some() {
            self.tell_link_up(user);
        }
    }

    /// Who asks, each with whether he has to.
    fn pending(&self) -> Vec<(Name, bool)> {
        let users = self.requests.pending.keys();
        users.map(|user| (user.clone(), self.is_stranger(user))).collect()
    }

    fn admit_all(&mut self) {
        for (user, is_stranger) in self.pending() {
            if !is_stranger {
                self.befriend(&user);
            }
        }
    }

    /// He is a contact, and what was held of him stands among the messages.
    pub(super) fn on_admitted(
        &mut self,
        now: Instant,
        user: &Name,
        before: Standing,
        result: Result<StoreReply, StoreError>,
    ) {
        let admitted = match result {
            Ok(StoreReply::Admitted(admitted)) => admitted,
            Ok(_) => Vec::new(),
            Err(error) => {
                self.set_standing(user, before);
                return self.error(&format!("{user} could not be accepted: {error}"));
            }
        };
        if self.requests.pending.remove(user).is_some() {
            self.tell(Output::RequestOver { user: user.to_string(), answer: "accepted" });
            self.say(user, peer::Contact::Accepted);
            // Where no link is up, he asks again when there is one.
            self.want_link(now, user);
        }
        for (incoming, receipt) in admitted {
            self.show_received(incoming.into(), receipt);
        }
    }

    fn set_standing(&mut self, user: &Name, standing: Standing) {
        if let Some(profile) = &mut self.profile {
            profile.contact_mut(user).standing = standing;
        }
    }

    /// Nothing of what this user said stays. He is told nothing here.
    fn dismiss(&mut self, user: &Name, standing: Standing) {
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        if contact.standing != Standing::Contact {
            contact.standing = standing;
        }
        let contact = contact.clone();
        let job = Job::Dismiss { user: user.clone(), standing };
        self.jobs.store(job, StoreRequest::Stranger(StrangerRequest::Dismiss(contact)));
    }

    pub(super) fn on_dismissed(
        &mut self,
        now: Instant,
        user: &Name,
        standing: Standing,
        result: Result<StoreReply, StoreError>,
    ) {
        if let Err(error) = result {
            if standing != Standing::Stranger {
                self.set_standing(user, Standing::Stranger);
            }
            return self.error(&format!("What {user} asked could not be deleted: {error}"));
        }
        if self.requests.pending.remove(user).is_some() {
            self.tell(Output::RequestOver { user: user.to_string(), answer: "declined" });
        }
        // He may have been written to since.
        if self.is_declined(user) {
            self.say(user, peer::Contact::Declined);
            self.want_link(now, user);
        }
    }

    /// Between the two nothing is asked any more: one is blocked.
    pub(super) fn end_request(&mut self, user: &Name) {
        if self.requests.pending.remove(user).is_some() {
            self.tell(Output::RequestOver { user: user.to_string(), answer: "blocked" });
            self.dismiss(user, Standing::Stranger);
        }
        self.set_asking(user, Asking::Nothing);
    }

    /// A message of a stranger is held.
    pub(super) fn on_held(&mut self, user: &Name, text: &str) {
        self.note_request(user, |pending| {
            if pending.messages == 0 && pending.text.is_none() {
                pending.text = beginning(text);
            }
            pending.messages += 1;
        });
    }

    /// Something of a stranger is kept apart: the first time, his request is told.
    fn note_request(&mut self, user: &Name, note: impl FnOnce(&mut Pending)) {
        if self.is_blocked(user) {
            // Since it was on its way.
            return self.dismiss(user, Standing::Stranger);
        }
        if !self.is_stranger(user) {
            self.befriend(user);
            return self.say(user, peer::Contact::Accepted);
        }
        if self.is_declined(user) {
            // What deletes it is on its way.
            return;
        }
        let at = self.unix_ms;
        let is_new = !self.requests.pending.contains_key(user);
        let nothing = || Pending { at, last: at, text: None, messages: 0, file: None };
        let pending = self.requests.pending.entry(user.clone()).or_insert_with(nothing);
        pending.last = at;
        note(pending);
        if is_new {
            self.tell_request(user);
        }
        self.say_waiting(user);
    }

    fn tell_request(&mut self, user: &Name) {
        let Some(request) = self.requests.pending.get(user) else { return };
        let request = request_line(user, request);
        self.tell(Output::Request { request });
    }

    /// Who asks: at the start, and when the account is entered again.
    pub(super) fn tell_requests(&mut self) {
        self.admit_all();
        for (user, is_stranger) in self.pending() {
            if is_stranger {
                self.tell_request(&user);
            }
        }
    }

    /// Says how things stand, to a user whose link is up.
    fn say(&mut self, user: &Name, what: peer::Contact) {
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        up.said = Some(what);
        // A stream that is stopped is told by an event of its own.
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Contact(what));
    }

    /// Once on each link [W-106].
    pub(super) fn say_waiting(&mut self, user: &Name) {
        let said = self.links.up(user).and_then(|up| up.said);
        if self.requests.pending.contains_key(user) && said != Some(peer::Contact::Waiting) {
            self.say(user, peer::Contact::Waiting);
        }
    }

    pub(super) fn say_declined(&mut self, user: &Name) {
        self.say(user, peer::Contact::Declined);
    }

    /// The link to this user is up: what was asked is asked again [W-107].
    pub(super) fn ask_again(&mut self, user: &Name) {
        if self.requests.asked.contains_key(user) {
            self.say(user, peer::Contact::Asked);
        }
    }

    pub(super) fn on_contact(&mut self, now: Instant, user: &Name, said: peer::Contact) {
        match said {
            peer::Contact::Asked => self.on_asked(user),
            peer::Contact::Waiting => self.on_waiting(user),
            peer::Contact::Accepted if self.requests.asked.contains_key(user) => {
                self.on_accepted(now, user);
            }
            // Nobody asked.
            peer::Contact::Accepted => {}
            peer::Contact::Declined => self.on_declined(now, user),
        }
    }

    fn on_asked(&mut self, user: &Name) {
        if !self.is_stranger(user) {
            self.befriend(user);
            self.say(user, peer::Contact::Accepted);
        } else if self.is_declined(user) {
            self.say_declined(user);
        } else if self.requests.pending.contains_key(user) {
            self.say_waiting(user);
        } else {
            self.keep_request(user, None);
        }
    }

    fn keep_request(&mut self, user: &Name, file: Option<String>) {
        if self.requests.keeping.insert(user.clone()) {
            let (from, at) = (user.clone(), self.unix_ms);
            let job = Job::Request { user: user.clone(), file: file.clone() };
            let request = StrangerRequest::Keep { from, file, at };
            self.jobs.store(job, StoreRequest::Stranger(request));
        }
    }

    pub(super) fn on_request_kept(
        &mut self,
        user: &Name,
        file: Option<String>,
        result: Result<StoreReply, StoreError>,
    ) {
        self.requests.keeping.remove(user);
        match result {
            Ok(StoreReply::Received(Receipt::Held)) => {
                self.note_request(user, |pending| pending.file = pending.file.take().or(file));
            }
            // It is asked again on the next link.
            Ok(_) => {}
            Err(error) => tracing::warn!(%user, %error, "a request is not kept"),
        }
    }

    /// Signalling of a user: offers of strangers wait for the person, and their sender repeats them
    /// when he is accepted.
    pub(super) fn on_control(&mut self, now: Instant, user: &Name, control: Control) {
        let held = if let Control::Live(offer) = &control {
            Some((offer.id, &offer.name))
        } else if let Control::Offer(offer) = &control
            && !self.is_for_room(user, offer)
        {
            Some((offer.id, &offer.name))
        } else {
            None
        };
        if let Some((id, name)) = held
            && self.is_stranger(user)
            && !self.is_expected(user)
        {
            return self.hold_offer(now, user, id, name);
        }
        self.with_transfers(now, |transfers, cx| transfers.on_control(cx, user, control));
    }

    /// Whether files of this user are taken, whoever he is.
    fn is_expected(&self, user: &Name) -> bool {
        match &self.settings.files_of {
            FilesOf::Contacts => false,
            FilesOf::Everybody => true,
            FilesOf::User(expected) => expected == user,
        }
    }

    /// What is offered to a room is shown there, as what is said there is.
    fn is_for_room(&self, user: &Name, offer: &Offer) -> bool {
        let own = self.account().map(|account| &account.name);
        let (Some(own), Some(share)) = (own, offer.share) else { return false };
        self.rooms.speaks(share.room, user) && self.rooms.is_in(share.room, own)
    }

    fn hold_offer(&mut self, now: Instant, user: &Name, id: TransferId, name: &str) {
        if self.is_declined(user) {
            return self.send_control(now, user, &Control::Decline(id));
        }
        match self.requests.pending.get(user) {
            Some(Pending { file: Some(_), .. }) => self.say_waiting(user),
            Some(_) | None => self.keep_request(user, Some(shortened(name))),
        }
    }

    fn on_waiting(&mut self, user: &Name) {
        let standing = self.contact(user).map(|contact| contact.standing);
        if standing != Some(Standing::Contact) || self.is_blocked(user) {
            // Nobody asked.
            return;
        }
        self.set_asked(user);
        if self.requests.told.insert(user.clone()) {
            self.tell(Output::Asked { user: user.to_string(), state: "waiting" });
        }
    }

    /// He talks with the person here [W-108].
    fn on_accepted(&mut self, now: Instant, user: &Name) {
        self.set_asking(user, Asking::Accepted);
        self.tell(Output::Asked { user: user.to_string(), state: "accepted" });
        // What found no room there was not acknowledged.
        self.chat.outbox.rewind(user);
        self.pump(user);
        self.with_transfers(now, |transfers, cx| transfers.offer_again(cx, user));
    }

    /// Something of this user is shown: he talks with the person here, and no longer as a stranger.
    pub(super) fn on_talk(&mut self, user: &Name) {
        let Some(profile) = &mut self.profile else { return };
        let contact = profile.contact_mut(user);
        let was_asked = matches!(contact.asking, Asking::Asked { .. });
        if contact.asking == Asking::Accepted && contact.standing == Standing::Contact {
            return;
        }
        contact.standing = Standing::Contact;
        self.set_asking(user, Asking::Accepted);
        if was_asked {
            self.tell(Output::Asked { user: user.to_string(), state: "accepted" });
        }
    }

    /// He does not: nothing that waits for him will ever be read [W-109].
    fn on_declined(&mut self, now: Instant, user: &Name) {
        let was_asked = self.requests.asked.contains_key(user);
        let why = format!("{user} declines to talk with you");
        let messages = self.chat.outbox.take_all(user);
        let offers = self.transfers.offers_to(user);
        if !was_asked && messages.is_empty() && offers.is_empty() {
            return;
        }
        self.set_asking(user, Asking::Nothing);
        self.tell(Output::Asked { user: user.to_string(), state: "declined" });
        for message in messages {
            self.give_up(message.id, &why);
        }
        self.with_transfers(now, |transfers, cx| {
            for id in offers {
                transfers.on_control(cx, user, Control::Decline(id));
            }
        });
    }

    /// From now on, if not for longer, he is asked.
    fn set_asked(&mut self, user: &Name) {
        let since = self.requests.asked.get(user).copied().unwrap_or(self.unix_ms);
        self.set_asking(user, Asking::Asked { since });
    }

    pub(super) fn set_asking(&mut self, user: &Name, asking: Asking) {
        if let Asking::Asked { since } = asking {
            self.requests.asked.insert(user.clone(), since);
        } else {
            self.requests.asked.remove(user);
            self.requests.told.remove(user);
        }
        self.change_contact(user, |contact| contact.asking = asking);
    }

    /// `/chat` without a text: asks, where that is not known to be needless.
    pub(super) fn ask_to_talk(&mut self, now: Instant, user: &Name) {
        if self.is_blocked(user) {
            return self.error(&format!("You block {user}: '/unblock {user}' first."));
        }
        self.befriend(user);
        if self.contact(user).is_some_and(|contact| contact.asking == Asking::Accepted) {
            return;
        }
        if self.requests.told.contains(user) {
            return self.tell(Output::Asked { user: user.to_string(), state: "waiting" });
        }
        self.set_asked(user);
        if self.links.up(user).is_some() {
            return self.say(user, peer::Contact::Asked);
        }
        if self.server.is_logged_in() && self.roster.is_online(user) {
            self.want_link(now, user);
        } else {
            self.info(&format!("{user} is asked as soon as you are both online."));
        }
        self.check_addressee(now, user);
    }

    /// There is no such user.
    pub(super) fn ask_nobody(&mut self, user: &Name) {
        if self.requests.asked.contains_key(user) {
            self.set_asking(user, Asking::Nothing);
            self.error(&format!("There is no user '{user}' on this server: nobody is asked."));
        }
    }

    /// `/accept`.
    pub(super) fn accept(&mut self, now: Instant, which: Which) {
        match self.meant(now, which) {
            Some(Meant::Request(user)) => self.befriend(&user),
            Some(Meant::Room(room)) => self.room_command(now, RoomCommand::Join { room }),
            Some(Meant::Files(ids)) => {
                ids.into_iter().for_each(|id| self.accept_file(now, Some(id)));
            }
            Some(Meant::OnlyFile) => self.accept_file(now, None),
            None => {}
        }
    }

    fn accept_file(&mut self, now: Instant, id: Option<u64>) {
        self.transfer(now, |transfers, cx| transfers.accept(cx, id));
        let user = id.and_then(|id| self.transfers.other_side(id));
        // Where files of strangers are taken, he is none any more.
        if let Some(user) = user.filter(|user| self.is_expected(user)) {
            self.befriend(&user);
        }
    }

    /// `/decline`.
    pub(super) fn decline(&mut self, now: Instant, which: Which) {
        match self.meant(now, which) {
            Some(Meant::Request(user)) => {
                self.dismiss(&user, Standing::Declined { at: self.unix_ms });
            }
            Some(Meant::Room(room)) => self.room_command(now, RoomCommand::Leave { room }),
            Some(Meant::Files(ids)) => self.transfer(now, |transfers, cx| {
                ids.into_iter().for_each(|id| transfers.decline(cx, Some(id)));
            }),
            Some(Meant::OnlyFile) => {
                self.transfer(now, |transfers, cx| transfers.decline(cx, None));
            }
            None => {}
        }
    }

    /// What an answer is meant for; tells when that is not clear.
    fn meant(&mut self, now: Instant, which: Which) -> Option<Meant> {
        match which {
            Which::File(id) => Some(Meant::Files(vec![id])),
            Which::Files(ids) => Some(Meant::Files(ids)),
            Which::Room(typed) => match self.invitation_to(&typed) {
                Some(room) => Some(Meant::Room(room)),
                None => {
                    self.error(&format!(
                        "Nobody invites you to {typed}: '/requests' shows what waits for an answer."
                    ));
                    None
                }
            },
            Which::User(typed) => {
                let mut meant = None;
                self.with_name(&typed, |app, user| {
                    if app.requests.pending.contains_key(&user) {
                        meant = Some(Meant::Request(user));
                    } else {
                        app.error(&format!(
                            "{user} does not ask to talk with you: '/requests' shows who does."
                        ));
                    }
                });
                meant
            }
            Which::Only => {
                let (users, rooms) = (&self.requests.pending, self.invitations());
                let files = self.transfers.offers_to_us();
                match (users.len(), rooms.len(), files) {
                    (0, 0, _) => return Some(Meant::OnlyFile),
                    (1, 0, 0) => return users.keys().next().cloned().map(Meant::Request),
                    (0, 1, 0) => {
                        return rooms.into_iter().next().map(|room| Meant::Room(room.room));
                    }
                    _ => {}
                }
                self.error(
                    "Several wait for an answer: say which, by the name of who asks, the number of \
                     the file, or the room.",
                );
                self.show_requests(now);
                None
            }
        }
    }

    /// `/requests`.
    pub(super) fn show_requests(&mut self, now: Instant) {
        let requests =
            self.requests.pending.iter().map(|(user, it)| request_line(user, it)).collect();
        let mut files = self.transfers.list(now);
        files.retain(|file| file.awaits_answer());
        let rooms = self.invitations();
        self.tell(Output::Requests { requests, files, rooms });
    }
}

/// What an answer is for.
enum Meant {
    Request(Name),
    /// An invitation; `#` first.
    Room(String),
    Files(Vec<u64>),
    /// That which alone waits.
    OnlyFile,
}

fn request_line(user: &Name, request: &Pending) -> RequestLine {
    RequestLine {
        user: user.to_string(),
        at: request.at,
        text: request.text.clone(),
        messages: request.messages,
        file: request.file.clone(),
    }
}

/// The first line of a text.
fn beginning(text: &str) -> Option<String> {
    let text = in_words(text);
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    Some(shortened(line))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
