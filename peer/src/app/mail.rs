//! Letters: messages to who is not there, left in his mailbox at the server, sealed so that only he
//! can read them; and those that wait for this user.
//!
//! ```text
//!   to bob, who is not online:   Prekey(bob) ──► sealed ──► Deposit ──► stored, waits here too
//!   after a login, and on news:  Collect ──► opened ──► kept, shown once ──► Discard
//! ```
//!
//! What is said in rooms goes the same way to members who are not there (`rooms/letters.rs`).
//!
//! A message in a mailbox stays in the outbox until its receiver himself has acknowledged it over a
//! link: what the server says of it is only shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::app::identity::{DeviceCertificate, Identity, IdentityKey};
use wire::app::letter::{
    self, Enclosed, Ends, Letter, MAX_PREKEYS_AT_ONCE, Opened, Prekey, Serves, WEEKLY, WEEKLY_KEPT,
};
use wire::app::name::Name;
use wire::app::peer::Text;
use wire::app::server::{MAX_DISCARDED, Refusal, Request};
use wire::time::{Duration, Instant};
use wire::{Deadline, Seed, StaticKey};

use super::App;
use super::chat::text_of;
use super::jobs::{Job, Receiving};
use super::requests::Asked;
use super::rooms::{OpenedPosts, RoomMail, TakenPosts};
use crate::work::{Incoming, MessageId, PrekeySecret, StoreError, StoreReply, StoreRequest};

/// So many keys that serve once are to lie at the server.
const WANTED_PREKEYS: usize = 48;
/// A mailbox that took nothing is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(3600);

/// The letter of a longer text may count as more than one, and may take a while to the server.
const LONG: usize = 3 << 10;

/// So many keys that were used up are remembered: a letter to one of them is one that was kept.
const MAX_USED: usize = 256;

/// What is going on with letters.
#[derive(Debug, Default)]
pub(super) struct Mail {
    prekeys: BTreeMap<u64, PrekeySecret>,
    used: VecDeque<u64>,
    /// Users about whose mailboxes the server was asked and has not answered.
    pub(super) asked: BTreeSet<Name>,
    /// The one of them to whom a long message is on its way: one at a time, since the server gives no more
    /// keys to who owes for such letters [W-185], and what is asked behind them has to wait for them.
    long: Option<Name>,
    /// Mailboxes that took nothing, and when each is tried again.
    shut: BTreeMap<Name, Instant>,
    /// The server gives no more keys for letters before then.
    paused_until: Option<Instant>,
    /// What is said in rooms.
    pub(super) rooms: RoomMail,
    /// The server was asked for letters, or some of those that it gave are not kept yet.
    collecting: Option<Collecting>,
    /// More came meanwhile.
    has_news: bool,
    /// All that is there is to be given again.
    from_start: bool,
    /// Since the login not all letters are kept: what comes over links waits, as it may be newer.
    is_catching_up: bool,
    /// They are now, or it is in vain.
    has_caught_up: bool,
}

#[derive(Debug, Default)]
struct Collecting {
    /// Letters on their way into the database.
    pending: usize,
    /// Of those that hold posts, what is to become of them.
    posts: BTreeMap<u64, KeepingPosts>,
    /// Those that the server need not keep.
    over: Vec<u64>,
    /// The number of the last one of all that were given.
    last: u64,
    more: bool,
}

/// A letter the posts of which are on their way into the database.
#[derive(Debug)]
struct KeepingPosts {
    rest: usize,
    all_kept: bool,
    /// The key that is deleted with it.
    prekey: Option<u64>,
}

/// What came of a post from a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LetterPost {
    /// It is kept, or is never to be.
    Done,
    /// The database has failed.
    Failed,
}

/// A message from a letter on its way into the database.
#[derive(Debug)]
pub(super) struct ReceivingLetter {
    id: u64,
    /// The key that is deleted with it.
    prekey: Option<u64>,
    message: Receiving,
}

impl Mail {
    pub(super) fn load(&mut self, prekeys: Vec<PrekeySecret>) {
        self.prekeys = prekeys.into_iter().map(|key| (key.id, key)).collect();
    }

    /// The session is over: what was asked in it is not answered.
    pub(super) fn session_ended(&mut self) {
        self.asked.clear();
        self.long = None;
        self.collecting = None;
        self.has_news = false;
        self.from_start = false;
        self.rooms.session_ended();
        self.caught_up();
    }

    fn caught_up(&mut self) {
        self.has_caught_up |= core::mem::take(&mut self.is_catching_up);
    }

    pub(super) const fn is_catching_up(&self) -> bool {
        self.is_catching_up
    }

    /// Whether what waited may go on.
    pub(super) fn take_caught_up(&mut self) -> bool {
        core::mem::take(&mut self.has_caught_up)
    }

    /// Whether something is on its way into a mailbox.
    pub(super) fn is_leaving(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The long message to this user is on its way no more. Says whether it was.
    fn end_long(&mut self, user: &Name) -> bool {
        self.long.take_if(|long| long == user).is_some()
    }

    /// This user's mailbox takes nothing: later.
    pub(super) fn shut(&mut self, user: &Name, now: Instant) {
        self.shut.insert(user.clone(), now + TRY_AGAIN);
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let shut = self.shut.values().min().copied();
        let at = [shut, self.paused_until, self.rooms.wake_at()].into_iter().flatten().min()?;
        Some(Deadline { at, timer: "mailbox" })
    }
}

impl App {
    /// Leaves messages in the mailboxes of those who are not there.
    pub(super) fn store_messages(&mut self, now: Instant) {
        let users: Vec<Name> = self.chat.outbox.users().cloned().collect();
        for user in users {
            self.store_next(now, &user);
        }
        self.store_posts(now);
    }

    /// Whether letters can be left at all.
    pub(super) fn may_leave_letters(&self) -> bool {
        self.server.is_logged_in() && self.roster.is_settled() && self.mail.paused_until.is_none()
    }

    /// Whether a letter can be left to this user, who is not there.
    pub(super) fn may_leave_letter(&self, user: &Name) -> bool {
        self.may_leave_letters()
            && !self.roster.is_online(user)
            && self.links.up(user).is_none()
            && !self.is_blocked(user)
            && !self.is_held(user)
            && !self.mail.asked.contains(user)
            && !self.mail.shut.contains_key(user)
    }

    /// Whether a message waits that is to go into this user's mailbox.
    pub(super) fn has_letter_for(&self, user: &Name) -> bool {
        self.chat.outbox.next_to_store(user).is_some()
    }

    /// Asks for a key for a letter to this user. Says whether it could be asked.
    pub(super) fn ask_prekey(&mut self, now: Instant, user: &Name) -> bool {
        let asked = Asked::Prekey(user.clone());
        let is_asked = self.ask(now, asked, Request::Prekey(user.clone())).is_ok();
        if is_asked {
            self.mail.asked.insert(user.clone());
        }
        is_asked
    }

    /// Leaves the next message in this user's mailbox, if he is not there.
    pub(super) fn store_next(&mut self, now: Instant, user: &Name) {
        if !self.may_leave_letter(user) {
            return;
        }
        let Some(message) = self.chat.outbox.next_to_store(user) else { return };
        let is_long = message.body.len() > LONG;
        if is_long && self.mail.long.is_some() {
            return;
        }
        if self.ask_prekey(now, user) && is_long {
            self.mail.long = Some(user.clone());
        }
    }

    /// The server gives a key for a letter.
    pub(super) fn on_prekey(
        &mut self,
        now: Instant,
        user: &Name,
        identity: IdentityKey,
        prekey: Prekey,
    ) {
        self.mail.asked.remove(user);
        if self.mail.end_long(user) {
            // Unless it leaves now, another one may.
            self.links.want_check();
        }
        let room = self.mail.rooms.stop_making(user);
        let is_old = prekey.serves == Serves::Weekly
            && prekey.made.saturating_add(WEEKLY_KEPT) < self.unix_ms / 1000;
        if !prekey.is_signed_by(identity) || is_old {
            tracing::warn!(%user, is_old, "a key for letters that is not genuine");
            self.mail.shut(user, now);
            return;
        }
        if !self.is_known_as(user, identity) {
            return;
        }
        self.met_by_letter(user, identity, 0);
        let Some(message) = self.chat.outbox.next_to_store(user) else {
            if let Some(room) = room {
                self.read_posts_to_leave(room, user, identity, prekey);
            }
            return;
        };
        let (sequence, is_long) = (message.id.sequence, message.body.len() > LONG);
        let text = Enclosed::Text(text_of(message));
        let Some(sealed) = self.seal_letter(identity, &prekey, text) else {
            self.mail.shut(user, now);
            return;
        };
        self.chat.outbox.mark_left(user, sequence);
        let request = Request::Deposit { to: user.clone(), prekey: prekey.id, sealed };
        let is_weak = prekey.serves == Serves::Weekly;
        let asked = Asked::Deposit { user: user.clone(), sequence, is_weak };
        if self.ask(now, asked, request).is_ok() {
            self.mail.asked.insert(user.clone());
            if is_long {
                self.mail.long = Some(user.clone());
            }
        }
    }

    pub(super) fn seal_letter(
        &mut self,
        to: IdentityKey,
        prekey: &Prekey,
        enclosed: Enclosed,
    ) -> Option<Vec<u8>> {
        let seed = Seed::new(self.random());
        let account = self.account()?;
        let identity = Identity::from_secret(account.identity_secret.expose());
        let ends = Ends { from: identity.public(), to, prekey: prekey.id };
        let device = &self.profile.as_ref()?.device;
        let author = (&identity, device, account.certificate);
        letter::seal(ends, author, prekey.key, enclosed, seed).ok()
    }

    /// The letter lies in the mailbox.
    pub(super) fn on_stored(&mut self, now: Instant, user: &Name, sequence: u64, is_weak: bool) {
        self.mail.asked.remove(user);
        if self.chat.outbox.find(user, sequence).is_some() {
            self.chat.outbox.mark_stored(user, sequence);
            let id = MessageId { to: user.clone(), sequence };
            self.jobs.save(StoreRequest::Stored { id });
            let weak =
                "sealed to a key of a week: until that is deleted, whoever steals it can read";
            let reason = is_weak.then(|| weak.to_owned());
            self.tell_state(user, sequence, "stored", reason);
        }
        let was_long = self.mail.end_long(user);
        self.store_next(now, user);
        if was_long || !self.has_letter_for(user) {
            // Another long one comes behind, or what is said in rooms.
            self.links.want_check();
        }
    }

    /// It does not.
    pub(super) fn on_not_stored(
        &mut self,
        now: Instant,
        user: &Name,
        sequence: Option<u64>,
        refusal: &Refusal,
    ) {
        self.mail.asked.remove(user);
        self.mail.rooms.stop_making(user);
        if self.mail.end_long(user) {
            self.links.want_check();
        }
        if let Refusal::TooManyRequests { seconds } = refusal {
            // That is about this user, whomever he writes to.
            let again = Duration::from_secs(u64::from(*seconds).clamp(1, 3600));
            self.mail.paused_until = Some(now + again);
        } else {
            self.mail.shut(user, now);
        }
        if *refusal == Refusal::NoMailbox {
            self.check_account(now, user);
        }
        if let (Refusal::MailboxFull, Some(sequence)) = (refusal, sequence) {
            let message = self.chat.outbox.find(user, sequence);
            let reason = if message.is_some_and(|message| message.body.len() > LONG) {
                format!(
                    "the mailbox of {user} has no room left for so long a text: it waits here, and \
                     what you write to {user} after it waits behind it"
                )
            } else {
                format!("the mailbox of {user} is full: it waits here")
            };
            self.tell_state(user, sequence, "queued", Some(reason));
        }
    }

    pub(super) fn mail_timeout(&mut self, now: Instant) {
        let before = self.mail.shut.len();
        self.mail.shut.retain(|_, at| *at > now);
        let is_over = self.mail.shut.len() != before;
        let goes_on = self.mail.paused_until.take_if(|at| *at <= now).is_some();
        if self.mail.rooms.take_wake(now) || is_over || goes_on {
            self.links.want_check();
        }
    }

    /// A session begins: before anything else comes, what waits in the mailbox.
    pub(super) fn begin_mail(&mut self, now: Instant) {
        self.mail.session_ended();
        self.collect_letters(now, 0);
        self.mail.is_catching_up = self.mail.collecting.is_some();
    }

    /// Asks for the letters that wait here.
    pub(super) fn collect_letters(&mut self, now: Instant, after: u64) {
        if self.mail.collecting.is_some() {
            self.mail.has_news = true;
            return;
        }
        if self.ask(now, Asked::Letters, Request::Collect(after)).is_ok() {
            self.mail.collecting = Some(Collecting { last: after, ..Collecting::default() });
        }
    }

    /// The same from the first on, again.
    pub(super) fn collect_all_letters(&mut self, now: Instant) {
        if self.mail.collecting.is_some() {
            self.mail.from_start = true;
        } else {
            self.collect_letters(now, 0);
        }
    }

    /// The server gives letters.
    pub(super) fn on_letters(
        &mut self,
        now: Instant,
        letters: Vec<Letter>,
        more: bool,
        prekeys: u32,
    ) {
        self.keep_prekeys_up(usize::try_from(prekeys).unwrap_or(usize::MAX));
        let Some(collecting) = &mut self.mail.collecting else { return };
        collecting.more = more;
        for letter in letters {
            let id = letter.id;
            let is_over = self.open_letter(now, letter);
            let Some(collecting) = &mut self.mail.collecting else { return };
            collecting.last = collecting.last.max(id);
            if is_over {
                collecting.over.push(id);
            }
        }
        self.end_collecting(now);
    }

    /// Opens a letter. Says whether the server need not keep it, for another reason than that it is
    /// kept here.
    fn open_letter(&mut self, now: Instant, letter: Letter) -> bool {
        let Some((_, own)) = self.own_identity() else { return false };
        let from = letter.from.clone();
        if self.is_blocked(&from) {
            return true;
        }
        if !self.is_known_as(&from, letter.identity) {
            // It can be read when the new identity is trusted.
            return false;
        }
        let is_stranger = self.is_stranger(&from);
        let Some(prekey) = self.mail.prekeys.get(&letter.prekey) else {
            if is_stranger || self.mail.used.contains(&letter.prekey) {
                return true;
            }
            self.error(&format!(
                "A letter of {from} cannot be opened here: it was sealed to a key of another data \
                 folder, or one that is deleted. {from} still has it, and it comes when you are both \
                 online."
            ));
            return true;
        };
        let ends = Ends { from: letter.identity, to: own, prekey: letter.prekey };
        match letter::open(ends, &from, &prekey.key, &letter.sealed) {
            Ok(opened) => {
                let used = (prekey.serves == Serves::Once).then_some(letter.prekey);
                self.on_opened(now, &letter, used, opened)
            }
            Err(error) if is_stranger => {
                tracing::warn!(%from, %error, "a letter of a stranger cannot be opened");
                true
            }
            Err(error) => {
                self.error(&format!("A letter in the name of {from} is not shown: {error}."));
                true
            }
        }
    }

    /// A letter was opened, and the key is used up with it. Says as [`Self::open_letter`].
    fn on_opened(
        &mut self,
        now: Instant,
        letter: &Letter,
        prekey: Option<u64>,
        opened: Opened,
    ) -> bool {
        let Opened { certificate, enclosed } = opened;
        let (letter, from, identity) = (letter.id, letter.from.clone(), letter.identity);
        let posts = match enclosed {
            Enclosed::Text(text) => {
                return self.is_declined(&from)
                    || self.keep_letter(letter, prekey, &from, identity, certificate, text);
            }
            Enclosed::Posts(posts) => posts,
        };
        let device = certificate.device;
        match self.take_posts(now, OpenedPosts { letter, from, identity, device, posts }) {
            TakenPosts::Over => {
                self.use_up(prekey);
                true
            }
            TakenPosts::PutOff => false,
            TakenPosts::Keeping(rest) => {
                if let Some(collecting) = &mut self.mail.collecting {
                    let keeping = KeepingPosts { rest, all_kept: true, prekey };
                    collecting.posts.insert(letter, keeping);
                    collecting.pending += 1;
                }
                false
            }
        }
    }

    /// What came of a post of this letter.
    pub(super) fn on_letter_post(&mut self, now: Instant, letter: u64, post: LetterPost) {
        let Some(collecting) = &mut self.mail.collecting else { return };
        let Some(keeping) = collecting.posts.get_mut(&letter) else { return };
        keeping.rest = keeping.rest.saturating_sub(1);
        keeping.all_kept &= post == LetterPost::Done;
        if keeping.rest > 0 {
            return;
        }
        let Some(KeepingPosts { all_kept, prekey, .. }) = collecting.posts.remove(&letter) else {
            return;
        };
        collecting.pending -= 1;
        if all_kept {
            collecting.over.push(letter);
            self.use_up(prekey);
        }
        self.end_collecting(now);
    }

    /// Nobody can open a letter to this key from now on.
    fn use_up(&mut self, prekey: Option<u64>) {
        let Some(prekey) = prekey else { return };
        self.mail.prekeys.remove(&prekey);
        if self.mail.used.len() >= MAX_USED {
            self.mail.used.pop_front();
        }
        self.mail.used.push_back(prekey);
        self.jobs.save(StoreRequest::ForgetPrekey(prekey));
    }

    fn keep_letter(
        &mut self,
        id: u64,
        prekey: Option<u64>,
        from: &Name,
        identity: IdentityKey,
        certificate: DeviceCertificate,
        text: Text,
    ) -> bool {
        let contact = self.contact(from).filter(|contact| contact.identity == Some(identity));
        let is_old = contact.is_some_and(|contact| certificate.generation < contact.generation);
        if is_old || !text.is_possible() {
            tracing::warn!(%from, is_old, "a letter that cannot be");
            return true;
        }
        self.met_by_letter(from, identity, certificate.generation);
        let (device, at) = (certificate.device, self.unix_ms);
        let Text { sequence, after, nonce, sent, body, kind } = text;
        let incoming = Incoming {
            from: from.clone(),
            identity,
            device,
            sequence,
            after,
            nonce,
            sent,
            at,
            body,
            kind,
        };
        let receiving = ReceivingLetter { id, prekey, message: Receiving::from(incoming.clone()) };
        if let Some(collecting) = &mut self.mail.collecting {
            collecting.pending += 1;
        }
        let request = self.store_letter_as(incoming);
        self.jobs.store(Job::Letter(Box::new(receiving)), request);
        false
    }

    /// The database has a message from a letter, or has it not.
    pub(super) fn on_letter_kept(
        &mut self,
        now: Instant,
        letter: ReceivingLetter,
        result: Result<StoreReply, StoreError>,
    ) {
        let is_kept = match result {
            Ok(StoreReply::Received(receipt)) => {
                self.show_received(letter.message, receipt);
                true
            }
            Ok(_) => true,
            Err(error) => {
                let from = letter.message.from;
                self.error(&format!(
                    "A letter of {from} could not be kept, so it stays in the mailbox: {error}"
                ));
                false
            }
        };
        if is_kept {
            self.use_up(letter.prekey);
        }
        if let Some(collecting) = &mut self.mail.collecting {
            collecting.pending -= 1;
            if is_kept {
                collecting.over.push(letter.id);
            }
        }
        self.end_collecting(now);
    }

    /// When all letters that were given are kept: the server need not keep them, and is asked for
    /// more.
    fn end_collecting(&mut self, now: Instant) {
        let Some(collecting) = self.mail.collecting.take_if(|all| all.pending == 0) else { return };
        for over in collecting.over.chunks(MAX_DISCARDED) {
            // When it cannot be asked, they are given again and known.
            let _ = self.ask(now, Asked::Discard, Request::Discard(over.to_vec()));
        }
        if collecting.more || core::mem::take(&mut self.mail.has_news) {
            self.collect_letters(now, collecting.last);
        } else if core::mem::take(&mut self.mail.from_start) {
            self.collect_letters(now, 0);
        }
        if self.mail.collecting.is_none() {
            self.mail.caught_up();
        }
    }

    /// Makes keys for letters when few are left, or a week is over.
    fn keep_prekeys_up(&mut self, left: usize) {
        let Some(account) = self.account() else { return };
        let identity = Identity::from_secret(account.identity_secret.expose());
        let made = self.unix_ms / 1000;
        self.forget_old_prekeys(made);
        let weekly = self.mail.prekeys.values().filter(|key| key.serves == Serves::Weekly);
        let newest = weekly.map(|key| key.made).max();
        let is_week_over = newest.is_none_or(|newest| newest.saturating_add(WEEKLY) <= made);
        let mut kinds = vec![Serves::Once; WANTED_PREKEYS.saturating_sub(left)];
        kinds.extend(is_week_over.then_some(Serves::Weekly));
        for kinds in kinds.chunks(MAX_PREKEYS_AT_ONCE) {
            let (mut secrets, mut published) = (Vec::new(), Vec::new());
            for &serves in kinds {
                let key = StaticKey::from_private(self.random());
                let id = u64::from_be_bytes(self.random());
                published.push(Prekey::sign(&identity, id, key.public(), serves, made));
                secrets.push(PrekeySecret { id, key, serves, made });
            }
            for secret in &secrets {
                self.mail.prekeys.insert(secret.id, secret.clone());
            }
            // Nobody is given a key whose other half could be lost.
            self.jobs.store(Job::Prekeys(published), StoreRequest::SavePrekeys(secrets));
        }
    }

    fn forget_old_prekeys(&mut self, unix: u64) {
        let is_old = |key: &PrekeySecret| {
            key.serves == Serves::Weekly && key.made.saturating_add(WEEKLY_KEPT) < unix
        };
        let old: Vec<u64> =
            self.mail.prekeys.values().filter(|key| is_old(key)).map(|key| key.id).collect();
        for id in old {
            self.mail.prekeys.remove(&id);
            self.jobs.save(StoreRequest::ForgetPrekey(id));
        }
    }

    /// New keys for letters are kept here, or cannot be.
    pub(super) fn on_prekeys_kept(
        &mut self,
        now: Instant,
        prekeys: Vec<Prekey>,
        result: Result<StoreReply, StoreError>,
    ) {
        match result {
            Ok(_) => {
                // When it cannot be asked, the next login makes others.
                let _ = self.ask(now, Asked::PublishPrekeys, Request::PublishPrekeys(prekeys));
            }
            Err(error) => {
                for prekey in prekeys {
                    self.mail.prekeys.remove(&prekey.id);
                }
                self.error(&format!("Keys for letters to you cannot be kept: {error}"));
            }
        }
    }
}
