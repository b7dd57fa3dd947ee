//! Requests to the server and what their answers mean.

use opaque_ke::{ClientLogin, ClientRegistration};
use wire::app::login::Suite;
use wire::app::name::Name;
use wire::app::server::{
    ClientMessage, MAX_CANDIDATES, Notice, Presence, Refusal, Request, Response, ServerMessage,
    Status,
};
use wire::time::{Duration, Instant};

use super::rooms::{LeftPosts, RoomAsked};
use super::{App, refusals};
use crate::login::ExportKey;
use crate::output::{Output, UserLine};
use crate::work::{Account, Contact};

/// A server that has not answered by then, not counting how long the question may take there, is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The slowest way to it carries so many bytes a second.
const SLOWEST_WAY: u64 = 2 << 10;
/// Most requests that wait for their answers.
const MAX_PENDING: usize = 128;
/// A user is introduced again, when the introduction announced does not come, after this long.
const INTRODUCTION_WITHIN: Duration = Duration::from_secs(5);

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) asked: Asked,
    pub(super) until: Instant,
}

/// What was asked, and what is needed to go on with the answer.
pub(super) enum Asked {
    RegisterStart(Box<ClientRegistration<Suite>>),
    RegisterFinish(Box<Account>),
    LoginStart(Box<ClientLogin<Suite>>),
    LoginFinish(ExportKey),
    UseDevice(Box<Account>),
    Resume,
    Candidates,
    Introduce(Name),
    /// `/seen`, with the question for its answer.
    Users(String),
    Block(Name),
    /// A block that was made without the server.
    BlockAgain(Name),
    Unblock(Name),
    /// `/blocked`.
    Blocked,
    /// After each login: the server's list and this one become the same.
    BlockedSync,
    /// Does this user exist, for whom something waits?
    Addressee(Name),
    /// `/fingerprint`.
    Fingerprint(Name),
    /// `/whois`.
    Whois(Name),
    /// The same of somebody who was never met, of whom the server has told this.
    WhoisKey {
        user: Name,
        seen: Option<Presence>,
    },
    /// `/away` and the like, and the same after a login.
    Status,
    /// About rooms.
    Room(RoomAsked),
    /// A key for a letter to this user.
    Prekey(Name),
    /// A letter with the message of this number, sealed to a key that serves more than once.
    Deposit {
        user: Name,
        sequence: u64,
        is_weak: bool,
    },
    /// A letter with posts.
    DepositPosts(LeftPosts),
    /// What is in the mailbox.
    Letters,
    /// Letters that are kept here.
    Discard,
    /// Keys for letters.
    PublishPrekeys,
    ProveStart(Box<ClientLogin<Suite>>),
    ProveFinish,
    ChangeStart(Box<ClientRegistration<Suite>>),
    ChangeFinish,
    DeleteAccount,
    MakeCode,
    UseCode,
    /// When the person did something last.
    Active,
}

impl core::fmt::Debug for Asked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::RegisterStart(_) => "RegisterStart",
            Self::RegisterFinish(_) => "RegisterFinish",
            Self::LoginStart(_) => "LoginStart",
            Self::LoginFinish(_) => "LoginFinish",
            Self::UseDevice(_) => "UseDevice",
            Self::Resume => "Resume",
            Self::Candidates => "Candidates",
            Self::Introduce(_) => "Introduce",
            Self::Users(_) => "Users",
            Self::Block(_) => "Block",
            Self::BlockAgain(_) => "BlockAgain",
            Self::Unblock(_) => "Unblock",
            Self::Blocked => "Blocked",
            Self::BlockedSync => "BlockedSync",
            Self::Addressee(_) => "Addressee",
            Self::Fingerprint(_) => "Fingerprint",
            Self::Whois(_) => "Whois",
            Self::WhoisKey { .. } => "WhoisKey",
            Self::Status => "Status",
            Self::Room(_) => "Room",
            Self::Prekey(_) => "Prekey",
            Self::Deposit { .. } => "Deposit",
            Self::DepositPosts(_) => "DepositPosts",
            Self::Letters => "Letters",
            Self::Discard => "Discard",
            Self::PublishPrekeys => "PublishPrekeys",
            Self::ProveStart(_) => "ProveStart",
            Self::ProveFinish => "ProveFinish",
            Self::ChangeStart(_) => "ChangeStart",
            Self::ChangeFinish => "ChangeFinish",
            Self::DeleteAccount => "DeleteAccount",
            Self::MakeCode => "MakeCode",
            Self::UseCode => "UseCode",
            Self::Active => "Active",
        })
    }
}

impl App {
    /// Asks the server. When it cannot be asked now, gives back what was to be asked.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        asked: Asked,
        request: Request,
    ) -> Result<(), Asked> {
        if self.server.pending.len() >= MAX_PENDING || self.server.channel().is_none() {
            return Err(asked);
        }
        let id = self.server.next_request;
        self.server.next_request += 1;
        if !self.write_server(&ClientMessage::Request { id, request }) {
            return Err(asked);
        }
        let way = Duration::from_secs(self.on_its_way_to_server() / SLOWEST_WAY);
        self.server.pending.insert(id, Pending { asked, until: now + ANSWER_WITHIN + way });
        Ok(())
    }

    /// Asks for a person, who is told when it cannot be.
    pub(super) fn ask_for_person(&mut self, now: Instant, asked: Asked, request: Request) {
        if !self.server.is_logged_in() {
            let why = self.server.why_not();
            self.error(&format!("Not done: {why}."));
        } else if self.ask(now, asked, request).is_err() {
            self.error("Not done: too many requests wait for the server. Try again in a moment.");
        }
    }

    pub(super) fn send_candidates(&mut self, now: Instant) {
        if self.server.is_logged_in() {
            let mut candidates = self.settings.local_candidates.clone();
            candidates.truncate(MAX_CANDIDATES);
            // When it cannot be asked, the next login tells them.
            let _ = self.ask(now, Asked::Candidates, Request::Candidates(candidates));
        }
    }

    /// The connection is gone: nothing that was asked on it is answered any more.
    pub(super) fn fail_pending(&mut self) {
        self.mail.session_ended();
        for (_, pending) in core::mem::take(&mut self.server.pending) {
            match pending.asked {
                Asked::Users(_)
                | Asked::Unblock(_)
                | Asked::Blocked
                | Asked::Whois(_)
                | Asked::WhoisKey { .. }
                | Asked::MakeCode
                | Asked::Fingerprint(_) => {
                    self.error("Not done: the server was lost before it answered. Try again.");
                }
                Asked::Room(RoomAsked::Sync | RoomAsked::Get(_)) => {}
                Asked::Room(_) => {
                    self.error("Not done: the server was lost before it answered. Try again.");
                }
                Asked::Introduce(user) => self.links.not_introduced(&user),
                // The local half is done; the next login does the rest.
                Asked::Block(_)
                | Asked::BlockAgain(_)
                | Asked::BlockedSync
                | Asked::Status
                | Asked::Active => {}
                Asked::RegisterStart(_)
                | Asked::RegisterFinish(_)
                | Asked::LoginStart(_)
                | Asked::LoginFinish(_)
                | Asked::UseDevice(_)
                | Asked::Resume
                | Asked::Addressee(_)
                | Asked::Prekey(_)
                | Asked::Deposit { .. }
                | Asked::DepositPosts(_)
                | Asked::Letters
                | Asked::Discard
                | Asked::PublishPrekeys
                | Asked::Candidates
                // Told below, once.
                | Asked::ProveStart(_)
                | Asked::ProveFinish
                | Asked::ChangeStart(_)
                | Asked::ChangeFinish
                | Asked::DeleteAccount
                | Asked::UseCode => {}
            }
        }
        self.change_lost_server();
        self.codes_lost_server();
    }

    pub(super) fn on_server_message(&mut self, now: Instant, message: ServerMessage) {
        match message {
            ServerMessage::Response { id, response } => match self.server.pending.remove(&id) {
                Some(pending) => self.on_response(now, pending.asked, response),
                None => self.server_broke_protocol(now, "it answered what was not asked"),
            },
            ServerMessage::Notice(notice) => self.on_notice(now, notice),
        }
    }

    fn on_response(&mut self, now: Instant, asked: Asked, response: Response) {
        match (asked, response) {
            (asked, Response::Refused(refusal)) => self.on_refused(now, asked, refusal),
            (Asked::RegisterStart(state), Response::Registering { message }) => {
                self.on_registering(state, message);
            }
            (Asked::LoginStart(state), Response::LoggingIn { message, stretch }) => {
                self.on_logging_in(now, state, message, stretch);
            }
            (
                Asked::LoginFinish(export_key),
                Response::PasswordAccepted { identity, sealed_identity, generation },
            ) => {
                self.on_password_accepted(now, &export_key, identity, &sealed_identity, generation);
            }
            (
                Asked::RegisterFinish(account) | Asked::UseDevice(account),
                Response::Welcome(welcome),
            ) => self.on_welcome(now, welcome, Some(*account)),
            (Asked::Resume, Response::Welcome(welcome)) => self.on_welcome(now, welcome, None),
            (
                Asked::Candidates
                | Asked::Status
                | Asked::Discard
                | Asked::PublishPrekeys
                | Asked::Active,
                Response::Done,
            ) => {}
            (Asked::BlockAgain(user), Response::Done) => self.info(&format!(
                "The server did not know that you block {user}, as this machine does: told it. \
                 '/unblock {user}' ends it."
            )),
            (Asked::Introduce(user), Response::Done) => {
                self.links.introduction_announced(&user, now + INTRODUCTION_WITHIN);
            }
            (Asked::Users(query), Response::Users(users)) => self.tell_users(query, &users),
            (Asked::Block(user), Response::Done) => {
                self.info(&format!("{user} is blocked: neither sees the other any more."));
            }
            (Asked::Unblock(user), Response::Done) if self.is_block_pending(&user) => {}
            (Asked::Unblock(user), Response::Done) => self.on_unblocked(now, &user),
            (Asked::Blocked, Response::Blocked(users)) => {
                self.on_blocked_sync(now, &users);
                self.tell_blocked();
            }
            (Asked::BlockedSync, Response::Blocked(users)) => self.on_blocked_sync(now, &users),
            (Asked::Addressee(user), Response::User { name, .. }) if name == user => {}
            (Asked::Fingerprint(user), Response::User { name, identity }) if name == user => {
                // He may have been met meanwhile.
                let met = self.contact(&name).and_then(Contact::current);
                self.tell_key(&name, met.unwrap_or(identity));
            }
            (Asked::Whois(user), Response::Users(users)) => self.on_whois_seen(now, user, users),
            (Asked::WhoisKey { user, seen }, Response::User { name, identity }) if name == user => {
                self.tell_whois(&user, seen, Some(identity));
            }
            (Asked::ProveStart(state), Response::LoggingIn { message, stretch }) => {
                self.on_proving(state, message, stretch);
            }
            (Asked::ProveFinish, Response::Done) => self.on_proven(now),
            (Asked::ChangeStart(state), Response::Registering { message }) => {
                self.on_registering_change(state, message);
            }
            (Asked::ChangeFinish, Response::Done) => self.on_password_changed(),
            (Asked::DeleteAccount, Response::Done) => self.account_is_deleted(now),
            (asked, response) => self.on_response_for_others(now, asked, response),
        }
    }

    /// What one asks because of others: letters and rooms.
    fn on_response_for_others(&mut self, now: Instant, asked: Asked, response: Response) {
        match (asked, response) {
            (Asked::Prekey(user), Response::Prekey { identity, prekey }) => {
                self.on_prekey(now, &user, identity, prekey);
            }
            (Asked::Deposit { user, sequence, is_weak }, Response::Done) => {
                self.on_stored(now, &user, sequence, is_weak);
            }
            (Asked::DepositPosts(posts), Response::Done) => self.on_posts_left(now, &posts),
            (Asked::Letters, Response::Letters { letters, more, prekeys }) => {
                self.on_letters(now, letters, more, prekeys);
            }
            (Asked::MakeCode, Response::Code { number, seconds }) => {
                self.on_code(now, number, seconds);
            }
            (Asked::UseCode, Response::CodeOf(maker)) => self.on_code_of(now, maker),
            (Asked::Room(asked), Response::Rooms(rooms)) => self.on_rooms(now, &asked, rooms),
            (Asked::Room(asked), Response::Room(room)) => self.on_room(now, &asked, *room),
            (Asked::Room(asked), Response::Done) => self.on_room_done(&asked),
            (asked, _) => {
                tracing::warn!(?asked, "answer does not fit");
                self.server_broke_protocol(now, "an answer does not fit its question");
            }
        }
    }

    fn on_refused(&mut self, now: Instant, asked: Asked, refusal: Refusal) {
        match asked {
            // This device was made the newest just now: not again at once, and not for ever.
            Asked::UseDevice(_) if matches!(refusal, Refusal::NewerDevice { .. }) => {
                self.server_broke_protocol(now, "it finds no device new enough");
            }
            Asked::RegisterStart(_)
            | Asked::RegisterFinish(_)
            | Asked::LoginStart(_)
            | Asked::LoginFinish(_)
            | Asked::UseDevice(_)
            | Asked::Resume => self.on_session_refused(now, &refusal),
            Asked::Introduce(user) => self.on_introduction_refused(now, &user, &refusal),
            Asked::Addressee(user) => self.addressee_refused(now, &user, &refusal),
            Asked::Block(user) => self.on_block_refused(&user, &refusal),
            Asked::Unblock(user) => {
                if refusal == Refusal::NotBlocked && !self.is_block_pending(&user) {
                    self.set_blocked(&user, Blocking::No);
                }
                self.error(&format!("{user} was not unblocked: {}.", refusals::told(&refusal)));
            }
            Asked::Users(query) => self.error(&format!("{query}: {}.", refusals::told(&refusal))),
            Asked::Room(asked) => self.on_room_refused(now, &asked, &refusal),
            Asked::Fingerprint(user) => {
                self.error(&format!("Fingerprint of {user}: {}.", refusals::told(&refusal)));
            }
            Asked::Whois(user) => self.on_whois_refused(&user, &refusal),
            // He has never used his account.
            Asked::WhoisKey { user, seen } if refusal == Refusal::UnknownUser => {
                self.tell_whois(&user, seen, None);
            }
            Asked::WhoisKey { user, .. } => self.on_whois_refused(&user, &refusal),
            Asked::UseCode => self.on_code_refused(&refusal),
            Asked::Blocked | Asked::Status | Asked::MakeCode => {
                self.error(&format!("The server refused: {}.", refusals::told(&refusal)));
            }
            Asked::ProveStart(_)
            | Asked::ProveFinish
            | Asked::ChangeStart(_)
            | Asked::ChangeFinish
            | Asked::DeleteAccount => self.on_change_refused(&refusal),
            Asked::BlockAgain(user) => tracing::debug!(%user, %refusal, "block not repeated"),
            Asked::Prekey(user) => self.on_not_stored(now, &user, None, &refusal),
            Asked::Deposit { user, sequence, .. } => {
                self.on_not_stored(now, &user, Some(sequence), &refusal);
            }
            Asked::DepositPosts(posts) => self.on_posts_not_left(now, &posts, &refusal),
            Asked::Letters => {
                tracing::debug!(%refusal, "refused");
                self.mail.session_ended();
            }
            Asked::BlockedSync | Asked::Candidates | Asked::Discard | Asked::PublishPrekeys => {
                tracing::debug!(%refusal, "refused");
            }
            Asked::Active => {
                tracing::debug!(%refusal, "refused");
                self.activity_refused();
            }
        }
    }

    fn on_block_refused(&mut self, user: &Name, refusal: &Refusal) {
        if *refusal == Refusal::AlreadyBlocked {
            self.error(&format!("You block {user} already."));
        } else if *refusal == Refusal::Yourself {
            self.error("You cannot block yourself.");
        } else if *refusal == Refusal::UnknownUser {
            self.set_blocked(user, Blocking::No);
            self.error(&format!("There is no user '{user}' on this server."));
        } else {
            let why = refusals::told(refusal);
            self.error(&format!(
                "{user} is blocked on this machine, but the server refused: {why}."
            ));
        }
    }

    fn on_notice(&mut self, now: Instant, notice: Notice) {
        if !self.server.is_logged_in() {
            return self.server_broke_protocol(now, "it told news before the login");
        }
        match notice {
            Notice::PresenceSnapshot { users, last } => {
                let is_first = last && !self.roster.is_complete();
                for name in self.roster.snapshot(now, users, last) {
                    self.tell_presence(&name, true);
                }
                if is_first {
                    self.tell_who_is_there();
                }
                if last {
                    self.links.want_check();
                }
            }
            Notice::PresenceChanged(presence) => {
                let (name, online) = (presence.name.clone(), presence.online);
                if self.roster.change(presence) {
                    self.tell_presence(&name, online);
                }
                if online {
                    self.links.came_online(&name);
                } else {
                    // What waits for him may go to his mailbox.
                    self.links.want_check();
                }
            }
            Notice::Introduction(introduction) => self.on_introduction(now, introduction),
            Notice::RoomChanged { room, version, change } => {
                self.on_room_changed(now, room, version, &change);
            }
            Notice::Mail => self.collect_letters(now, 0),
            Notice::CodeUsed { number, by } => self.on_code_used(now, number, by),
            Notice::Invited { room } => self.on_room_invitation(room),
            Notice::LobbyFull => self.on_lobby_full(),
            Notice::LogsOutIdle(seconds) => self.on_logs_out_idle(now, seconds),
            Notice::ShuttingDown => self.info("The server is about to stop. Open chats go on."),
        }
    }

    /// Tells of those who are gone for certain now.
    pub(super) fn roster_timeout(&mut self, now: Instant) {
        while let Some(name) = self.roster.poll_gone(now) {
            self.tell_presence(&name, false);
        }
    }

    fn tell_presence(&mut self, name: &Name, online: bool) {
        let own = self.account().is_some_and(|account| account.name == *name);
        if !own && !self.is_blocked(name) {
            let status = self.roster.status(name).filter(|_| online).cloned().unwrap_or_default();
            self.tell(Output::Presence {
                user: name.to_string(),
                online,
                status: status.availability,
                text: status.text,
            });
        }
    }

    fn tell_users(&mut self, query: String, users: &[Presence]) {
        let users = users
            .iter()
            .map(|user| {
                let Status { availability, text } = user.status.clone().shortened();
                UserLine {
                    user: user.name.to_string(),
                    nickname: self.nickname(&user.name),
                    online: user.online,
                    since: user.since,
                    status: availability,
                    text,
                    verified: self.is_verified(&user.name),
                }
            })
            .collect();
        self.tell(Output::Users { query, users });
    }

    /// The server's block list and the one kept here become the same: blocks made on another
    /// machine are kept here too, blocks made here without the server are asked for.
    fn on_blocked_sync(&mut self, now: Instant, users: &[Name]) {
        for user in users {
            if !self.is_blocked(user) {
                self.set_blocked(user, Blocking::Yes);
                self.shut_out(now, user);
            }
        }
        let Some(profile) = &self.profile else { return };
        let missing: Vec<Name> = profile
            .contacts
            .values()
            .filter(|contact| contact.blocked && users.binary_search(&contact.name).is_err())
            .map(|contact| contact.name.clone())
            .collect();
        for user in missing {
            // What finds no room now is asked for after the next login.
            let _ = self.ask(now, Asked::BlockAgain(user.clone()), Request::Block(user));
        }
    }

    /// Whether the server has yet to answer a block: what it says of an unblock before that is
    /// out of date.
    fn is_block_pending(&self, user: &Name) -> bool {
        self.server.pending.values().any(|pending| {
            matches!(&pending.asked, Asked::Block(name) | Asked::BlockAgain(name) if name == user)
        })
    }

    pub(super) fn set_blocked(&mut self, user: &Name, blocking: Blocking) {
        self.change_contact(user, |contact| contact.blocked = blocking == Blocking::Yes);
    }
}

/// Whether a user is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocking {
    Yes,
    No,
}
