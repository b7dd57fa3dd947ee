//! Messages: kept before they are sent, acknowledged after they are kept, shown once.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::name::Name;
use wire::app::peer;
use wire::app::peer::{MAX_TEXT, TextKind};
use wire::app::pin;
use wire::app::room::RoomName;
use wire::app::server::{Refusal, Request};
use wire::time::Instant;

use super::App;
use super::attention::Switch;
use super::jobs::{Job, Receiving};
use super::links::BACKLOG;
use super::outbox::{MAX_WAITING, MAX_WAITING_BYTES, Outbox};
use super::requests::Asked;
use super::streams::StreamError;
use crate::output::{HistoryLine, NO_SUCH_USER, OutboxLine, Output};
use crate::queue::Queue;
use crate::work::{
    About, Draft, Incoming, Line, MessageId, MessageState, Outgoing, Receipt, StoreError,
    StoreReply, StoreRequest, Talk,
};

/// Why nothing is sent when nobody is logged in.
pub(super) const LOG_IN_FIRST: &str = "log in first: '/login' or '/register'.";
/// Most messages of one user on their way into the database: no more are read before.
const MAX_RECEIVING: usize = 64;
/// Most bytes of such messages, of all users.
const MAX_RECEIVING_BYTES: usize = 4 << 20;

/// What is on its way, out and in.
#[derive(Debug, Default)]
pub(super) struct Chat {
    pub(super) outbox: Outbox,
    /// Users of whom the server was asked in this session whether they exist.
    pub(super) checked: BTreeSet<Name>,
    /// Known users of whom it said that they do not exist any more.
    gone: BTreeSet<Name>,
    receiving: BTreeMap<Name, usize>,
    receiving_bytes: usize,
    /// The last line of the history in which something was told that came.
    told: u64,
    /// Users from whom no more is read before the database has caught up.
    pub(super) stalled: BTreeSet<Name>,
}

impl Chat {
    /// Something of this user is on its way into the database.
    pub(super) fn begin_receiving(&mut self, user: &Name, bytes: usize) {
        *self.receiving.entry(user.clone()).or_default() += 1;
        self.receiving_bytes += bytes;
    }

    /// A message was told, which stands in this line.
    pub(super) const fn tell_line(&mut self, line: u64) {
        self.told = line;
    }

    /// The last line in which something was told that came.
    pub(super) const fn told(&self) -> u64 {
        self.told
    }

    /// Whether something of this user is on its way into the database.
    pub(super) fn is_receiving(&self, user: &Name) -> bool {
        self.receiving.contains_key(user)
    }

    /// It is there, or is not taken.
    pub(super) fn end_receiving(&mut self, user: &Name, bytes: usize) {
        self.receiving_bytes = self.receiving_bytes.saturating_sub(bytes);
        if let Some(count) = self.receiving.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                self.receiving.remove(user);
            }
        }
    }

    /// How full its queues are.
    pub(super) fn queues(&self) -> [Queue; 4] {
        let queue = |name, held: usize, most: usize| Queue::new(name, held as u64, most as u64);
        let (messages, bytes) = self.outbox.len();
        let most_receiving = self.receiving.values().copied().max().unwrap_or(0);
        [
            queue("messages not delivered", messages, MAX_WAITING),
            queue("bytes of messages not delivered", bytes, MAX_WAITING_BYTES),
            queue("messages being kept of one user", most_receiving, MAX_RECEIVING),
            queue("bytes of messages being kept", self.receiving_bytes, MAX_RECEIVING_BYTES),
        ]
    }
}

impl App {
    /// `/msg`, and plain lines.
    pub(super) fn send_message(&mut self, now: Instant, to: Name, text: String) {
        self.queue_message(now, to, text, About::Nothing);
    }

    /// Keeps a message that was typed, to send it then.
    pub(super) fn queue_message(&mut self, now: Instant, to: Name, text: String, about: About) {
        if let Err(why) = self.may_send(&to, &text, about) {
            return self.not_sent(to.as_str(), why);
        }
        let Some(device) = self.profile.as_ref().map(|profile| profile.device.public()) else {
            return self.not_sent(to.as_str(), LOG_IN_FIRST.to_owned());
        };
        // The way to the other side is looked for while the database keeps the message.
        self.want_link(now, &to);
        // Whoever is written to is no stranger; what he has said before is shown before this.
        self.befriend(&to);
        let bytes = room_for(&text, about);
        self.chat.outbox.reserve(bytes);
        let about = self.hold_for(&to, about);
        let job = Job::Queue { to: to.clone(), bytes, about };
        let (nonce, at) = (self.random(), self.unix_ms);
        let draft = Draft { to, body: text, nonce, at, device, about };
        self.jobs.store(job, StoreRequest::Queue(draft));
    }

    /// A message is not taken. `to` as typed.
    pub(super) fn not_sent(&mut self, to: &str, reason: String) {
        self.tell(Output::NotSent { to: to.to_owned(), reason });
    }

    fn may_send(&self, to: &Name, text: &str, about: About) -> Result<(), String> {
        let Some(account) = self.account() else {
            return Err(LOG_IN_FIRST.to_owned());
        };
        if text.trim().is_empty() && !matches!(about, About::Unsend { .. }) {
            return Err("there is no text.".to_owned());
        }
        if text.len() > MAX_TEXT {
            return Err(format!(
                "it has {} bytes, and a message at most {MAX_TEXT} (64 KiB). Send it as a file.",
                text.len()
            ));
        }
        if *to == account.name {
            return Err("that is you.".to_owned());
        }
        if self.is_blocked(to) {
            return Err(format!("you block {to}: '/unblock {to}' first."));
        }
        if !self.chat.outbox.has_room(room_for(text, about)) {
            return Err(format!(
                "{MAX_WAITING} messages, or 16 MiB of them, wait already ('/outbox')."
            ));
        }
        Ok(())
    }

    /// Asks the server, once in a session, whether a user exists who was never met and is not
    /// online: else what is meant for a misspelt name would wait for ever.
    pub(super) fn check_addressee(&mut self, now: Instant, user: &Name) {
        if !self.has_met(user) {
            self.check_account(now, user);
        }
    }

    fn has_met(&self, user: &Name) -> bool {
        let contact = self.profile.as_ref().and_then(|profile| profile.contacts.get(user));
        contact.is_some_and(|contact| contact.identity.is_some())
    }

    /// The same of anybody, once in a session.
    pub(super) fn check_account(&mut self, now: Instant, user: &Name) {
        let is_known = self.roster.is_online(user) || self.chat.checked.contains(user);
        if is_known || !self.server.is_logged_in() {
            return;
        }
        let request = Request::Directory(user.clone());
        if self.ask(now, Asked::Addressee(user.clone()), request).is_ok() {
            self.chat.checked.insert(user.clone());
        }
    }

    pub(super) fn addressee_refused(&mut self, now: Instant, user: &Name, refusal: &Refusal) {
        if *refusal == Refusal::UnknownUser && self.has_met(user) {
            return self.account_is_gone(user);
        }
        self.chat.checked.remove(user);
        if *refusal == Refusal::UnknownUser {
            self.no_such_user(now, user);
        }
    }

    /// A known user has deleted his account, or the server has lost it. What is meant for him waits, for he may
    /// make it again; but it is told.
    fn account_is_gone(&mut self, user: &Name) {
        if !self.chat.gone.insert(user.clone()) {
            return;
        }
        self.error(&format!(
            "There is no user '{user}' on this server any more: what you have for him waits until there is. \
             '/unsend' takes a message back, '/cancel' an offer."
        ));
        let waiting = self.chat.outbox.messages().filter(|message| message.id.to == *user);
        let waiting: Vec<u64> = waiting.map(|message| message.id.sequence).collect();
        for id in waiting {
            let reason = self.why_waiting(user);
            self.tell_state(user, id, "queued", reason);
        }
    }

    /// A session begins: what the server said before about who exists is to be asked again.
    pub(super) fn forget_checked(&mut self) {
        self.chat.checked.clear();
        self.chat.gone.clear();
    }

    /// Nothing meant for this user will ever arrive.
    pub(super) fn no_such_user(&mut self, now: Instant, user: &Name) {
        for message in self.chat.outbox.take_all(user) {
            self.give_up(message.id, NO_SUCH_USER);
        }
        self.ask_nobody(user);
        if self.transfers.wants_link().contains(user) {
            self.error(&format!("There is no user '{user}' on this server: nothing is offered."));
            self.with_transfers(now, |transfers, cx| {
                transfers.cancel_all(cx, user, Some(NO_SUCH_USER));
            });
        }
    }

    pub(super) fn on_queued(
        &mut self,
        now: Instant,
        to: &Name,
        bytes: usize,
        about: About,
        result: Result<StoreReply, StoreError>,
    ) {
        if matches!(about, About::Unsend { .. }) {
            self.chat.outbox.let_go(to);
        }
        match result {
            Ok(StoreReply::Queued(message)) => {
                self.chat.outbox.fit(bytes, message.body.len());
                self.on_kept(now, message);
            }
            Ok(StoreReply::Withdrawn { sequence, line }) => {
                self.chat.outbox.release(bytes);
                self.on_withdrawn(to, sequence, line);
            }
            Ok(_) => self.chat.outbox.release(bytes),
            Err(error) => {
                self.chat.outbox.release(bytes);
                self.not_sent(to.as_str(), error.to_string());
            }
        }
        self.pump(to);
        self.store_next(now, to);
    }

    fn on_kept(&mut self, now: Instant, message: Outgoing) {
        let (to, id) = (message.id.to.clone(), message.id.sequence);
        match message.kind {
            TextKind::Plain | TextKind::Reply { .. } => {
                let (pin, text) = self.pinned(message.body.clone());
                self.tell(Output::Kept {
                    to: to.to_string(),
                    id,
                    text,
                    at: message.at,
                    line: message.line,
                    reply_to: message.about,
                    pin,
                });
            }
            TextKind::Edit { .. } | TextKind::Unsend { .. } => self.on_change_kept(&message),
        }
        self.chat.outbox.push(message);
        self.want_link(now, &to);
        self.check_addressee(now, &to);
        let reason = self.why_waiting(&to);
        self.tell(Output::MessageState { to: to.to_string(), id, state: "queued", reason });
    }

    /// Why a message to this user is not sent at once.
    fn why_waiting(&self, to: &Name) -> Option<String> {
        if self.links.up(to).is_some() {
            return None;
        }
        Some(if self.is_held(to) {
            format!("the key of {to} has changed: see '/help trust'")
        } else if !self.server.is_logged_in() {
            self.server.why_not()
        } else if self.roster.is_online(to) || self.links.is_coming(to) {
            "connecting".to_owned()
        } else if self.chat.gone.contains(to) {
            format!("the server knows no {to} any more")
        } else {
            format!("{to} is not online")
        })
    }

    /// Sends what may be sent now.
    pub(super) fn pump(&mut self, user: &Name) {
        if self.is_held(user) {
            return;
        }
        let Some(endpoint) = &mut self.endpoint else { return };
        let Some(up) = self.links.up_mut(user) else { return };
        while up.chat.backlog() == 0
            && let Some(message) = self.chat.outbox.next_to_send(user)
        {
            let text = peer::Chat::Text(text_of(message));
            if up.chat.send(endpoint, up.handle, &text).is_err() {
                break;
            }
            self.chat.outbox.mark_sent(user);
        }
    }

    /// Reads what a user says, as fast as the database keeps it.
    pub(super) fn read_chat(&mut self, now: Instant, user: &Name) {
        loop {
            let receiving = self.chat.receiving.get(user).copied().unwrap_or(0);
            let full = self.mail.is_catching_up()
                || receiving >= MAX_RECEIVING
                || self.chat.receiving_bytes + MAX_TEXT > MAX_RECEIVING_BYTES;
            let (Some(up), Some(endpoint)) = (self.links.up_mut(user), &mut self.endpoint) else {
                return;
            };
            let Some(incoming) = &mut up.chat_in else { return };
            if full || up.chat.backlog() > BACKLOG {
                self.chat.stalled.insert(user.clone());
                return;
            }
            match incoming.next::<peer::Chat>(endpoint, up.handle) {
                Ok(Some(message)) => self.on_chat(now, user, message),
                Ok(None) | Err(StreamError::Read(_)) => return,
                Err(error @ (StreamError::Framing(_) | StreamError::Ended)) => {
                    return self.link_broke_protocol(now, user, &error.to_string());
                }
            }
        }
    }

    fn on_chat(&mut self, now: Instant, user: &Name, message: peer::Chat) {
        match message {
            peer::Chat::Text(text) => self.on_text(now, user, text),
            peer::Chat::Holdings(holdings) => self.on_holdings(now, user, holdings),
            peer::Chat::Post(post) => self.on_post(now, user, *post),
            peer::Chat::Taken(taken) => self.on_taken(now, user, taken),
            peer::Chat::Typing => self.on_typing(now, user),
            peer::Chat::Read { sequence, nonce } => self.on_read(user, sequence, nonce),
            peer::Chat::Contact(said) => self.on_contact(now, user, said),
            peer::Chat::Ping(number) => self.on_ping(user, number),
            peer::Chat::Pong(number) => self.on_pong(now, user, number),
            peer::Chat::Received { sequence, nonce } => {
                let Some(message) = self.chat.outbox.take(user, sequence, &nonce) else { return };
                let at = self.unix_ms;
                self.jobs.save(StoreRequest::Delivered { id: message.id, at });
                self.tell_state(user, sequence, "delivered", None);
                self.pump(user);
            }
            peer::Chat::Refused { sequence, nonce } => {
                let Some(message) = self.chat.outbox.take(user, sequence, &nonce) else { return };
                let why = "refused: the other side has another message under this number";
                self.give_up(message.id, why);
                self.pump(user);
            }
        }
    }

    fn on_text(&mut self, now: Instant, user: &Name, text: peer::Text) {
        let Some(up) = self.links.up(user) else { return };
        if !text.is_possible() {
            return self.link_broke_protocol(now, user, "a message that cannot be");
        }
        if self.is_declined(user) {
            return self.say_declined(user);
        }
        let incoming = Incoming {
            from: user.clone(),
            identity: up.identity,
            device: up.device,
            sequence: text.sequence,
            after: text.after,
            nonce: text.nonce,
            sent: text.sent,
            at: self.unix_ms,
            body: text.body,
            kind: text.kind,
        };
        let receiving = Receiving::from(incoming.clone());
        self.chat.begin_receiving(user, receiving.text.len());
        let request = self.store_as(incoming);
        self.jobs.store(Job::Receive(Box::new(receiving)), request);
    }

    /// The database has a message, or has it not.
    pub(super) fn on_received(
        &mut self,
        now: Instant,
        message: Receiving,
        result: Result<StoreReply, StoreError>,
    ) {
        self.chat.end_receiving(&message.from, message.text.len());
        match result {
            Ok(StoreReply::Received(receipt)) => self.on_receipt(message, receipt),
            Ok(_) => {}
            Err(error) => {
                let from = message.from;
                self.error(&format!(
                    "A message from {from} could not be kept, so it was not taken: {error}"
                ));
                self.suspend_link(now, &from);
            }
        }
        self.read_stalled(now);
    }

    /// The database has caught up with something: reads on.
    pub(super) fn read_stalled(&mut self, now: Instant) {
        for user in core::mem::take(&mut self.chat.stalled) {
            self.read_chat(now, &user);
        }
    }

    fn on_receipt(&mut self, message: Receiving, receipt: Receipt) {
        let (device, sequence, nonce) = (message.device, message.sequence, message.nonce);
        let from = message.from.clone();
        let answer = match receipt {
            Receipt::Fresh { .. }
            | Receipt::Changed { .. }
            | Receipt::Silent { .. }
            | Receipt::Held => {
                self.show_received(message, receipt);
                peer::Chat::Received { sequence, nonce }
            }
            Receipt::Duplicate => {
                self.say_waiting(&from);
                peer::Chat::Received { sequence, nonce }
            }
            // Its author keeps it, and sends it again. (Out of turn are letters only.)
            Receipt::NoRoom | Receipt::OutOfTurn => return,
            Receipt::Conflict if self.is_stranger(&from) => peer::Chat::Refused { sequence, nonce },
            Receipt::Conflict => {
                self.error(&format!(
                    "{from} sent two different messages under one number: only the first is kept."
                ));
                peer::Chat::Refused { sequence, nonce }
            }
        };
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(&from)) else {
            return;
        };
        if up.device == device {
            // When the link has just ended, the message comes again and is answered then.
            let _ = up.chat.send(endpoint, up.handle, &answer);
        }
    }

    pub(super) fn give_up(&mut self, id: MessageId, why: &str) {
        self.tell_state(&id.to, id.sequence, "failed", Some(why.to_owned()));
        self.jobs.save(StoreRequest::Failed { id, why: why.to_owned() });
    }

    pub(super) fn tell_state(
        &mut self,
        to: &Name,
        id: u64,
        state: &'static str,
        reason: Option<String>,
    ) {
        self.tell(Output::MessageState { to: to.to_string(), id, state, reason });
    }

    /// Messages to users that wait, for `/outbox`.
    pub(super) fn waiting_messages(&self) -> Vec<OutboxLine> {
        let line = |message: &Outgoing| {
            let (pin, text) = self.pinned(message.body.clone());
            OutboxLine {
                to: message.id.to.to_string(),
                id: message.id.sequence,
                at: message.at,
                kind: kind_word(&message.kind),
                text,
                state: if message.stored { "stored" } else { "queued" },
                reason: (!message.stored).then(|| self.why_waiting(&message.id.to)).flatten(),
                pin,
            }
        };
        self.chat.outbox.messages().map(line).collect()
    }

    pub(super) fn on_lines(&mut self, query: String, result: Result<StoreReply, StoreError>) {
        let lines = match result {
            Ok(StoreReply::Lines(lines)) => lines,
            Ok(_) => Vec::new(),
            Err(error) => return self.error(&format!("{query}: {error}")),
        };
        let own = self.account().map(|account| account.name.to_string()).unwrap_or_default();
        let lines = self.shown_lines(lines, &own);
        self.tell(Output::History { query, lines });
    }

    /// Lines as they are shown.
    pub(super) fn shown_lines(&self, lines: Vec<Line>, own: &str) -> Vec<HistoryLine> {
        // Who lets nobody know what he has read does not see it of others [W-102].
        let is_off = self.settings.attention.read_marks == Switch::Off;
        lines
            .into_iter()
            .map(|mut line| {
                if line.state == MessageState::Read && is_off {
                    line.state = MessageState::Delivered;
                }
                let with = self.title_of(&line.with);
                let (pin, text) = self.pinned(core::mem::take(&mut line.body));
                line.body = text;
                let far = self.how_far_in_room(&line);
                let line = HistoryLine { pin, ..history_line(line, with, own) };
                match far {
                    Some((state, reason)) => HistoryLine { state, reason, ..line },
                    None => line,
                }
            })
            .collect()
    }

    /// The database knows of a line in a room only whether all have it.
    fn how_far_in_room(&self, line: &Line) -> Option<(&'static str, Option<String>)> {
        match (&line.with, line.own, &line.state) {
            (Talk::Room(room), Some(number), MessageState::Queued) => self.how_far(*room, number),
            _ => None,
        }
    }

    /// What a conversation is called.
    pub(super) fn title_of(&self, talk: &Talk) -> String {
        match talk {
            Talk::User(name) => name.to_string(),
            Talk::Room(room) => self.rooms.title(*room),
        }
    }

    /// The conversation that somebody names: a user, or with `#` a room.
    pub(super) fn talk_of(&self, typed: &str) -> Result<Talk, String> {
        let Some(room) = typed.strip_prefix('#') else {
            return match Name::new(typed) {
                Ok(name) => Ok(Talk::User(name)),
                Err(error) => Err(format!("'{typed}' is no user name: {error}.")),
            };
        };
        let name =
            RoomName::new(room).map_err(|error| format!("'{typed}' is no room: {error}."))?;
        let own = self.account().map(|account| &account.name);
        let room = own.and_then(|own| self.rooms.find(&name, own));
        room.map(Talk::Room).ok_or_else(|| {
            format!("You are in no room #{name}: '/rooms' lists those that there are.")
        })
    }
}

/// Most bytes that a message takes in the outbox. What an edited one is about the database adds.
pub(super) const fn room_for(text: &str, about: About) -> usize {
    match about {
        About::Edit { .. } => text.len() + pin::MAX_LINE,
        About::Nothing | About::Reply { .. } | About::Unsend { .. } => text.len(),
    }
}

/// A message as it goes over the wire.
pub(super) fn text_of(message: &Outgoing) -> peer::Text {
    peer::Text {
        sequence: message.id.sequence,
        after: message.after,
        nonce: message.nonce,
        sent: message.at,
        body: message.body.clone(),
        kind: message.kind,
    }
}

const fn kind_word(kind: &TextKind) -> &'static str {
    match kind {
        TextKind::Plain => "message",
        TextKind::Reply { .. } => "reply",
        TextKind::Edit { .. } => "edit",
        TextKind::Unsend { .. } => "unsend",
    }
}

fn history_line(line: Line, with: String, own: &str) -> HistoryLine {
    let other = line.author.map_or_else(|| with.clone(), |author| author.to_string());
    let (state, reason) = match line.state {
        MessageState::Queued => ("queued", None),
        MessageState::Stored => ("stored", None),
        MessageState::Delivered => ("delivered", None),
        MessageState::Read => ("read", None),
        MessageState::Failed(why) => ("failed", Some(why)),
        MessageState::Incoming => ("received", None),
    };
    HistoryLine {
        line: line.line,
        from: if line.own.is_some() { own.to_owned() } else { other },
        with,
        id: line.own,
        at: line.at,
        text: line.body,
        state,
        reason,
        reply_to: line.reply_to,
        edited: line.edited,
        taken_back: line.taken_back,
        pin: None,
    }
}
