//! What is said in rooms: kept before it is sent, signed by its author, shown once.

use wire::app::identity::Identity;
use wire::app::name::Name;
use wire::app::peer;
use wire::app::peer::MAX_TEXT;
use wire::app::post::{Body, Content, Feed, Post, PostKind, Said, Taken};
use wire::app::room::{Backlog, RoomId, RoomName, Standing};
use wire::time::Instant;

use super::{Draft, Known, MAX_PENDING, Pending};
use crate::app::App;
use crate::app::chat::{LOG_IN_FIRST, room_for};
use crate::app::jobs::Job;
use crate::app::mail::LetterPost;
use crate::output::{NOT_HERE, Output};
use crate::work::{About, PostReceipt, PostTarget, StoreError, StoreReply, StoreRequest};

/// Most devices of one author in a room of which posts are taken: else one could have more feeds
/// than members tell each other of.
const MAX_DEVICES: usize = 16;

/// A post of ours on its way into the database.
#[derive(Debug)]
pub(in crate::app) struct OwnPost {
    pub(super) post: Post,
    /// The line that it is about.
    pub(super) about: u64,
    /// What it takes back never left this machine.
    pub(super) never_left: bool,
}

/// A post on its way into the database.
#[derive(Debug)]
pub(in crate::app) struct ReceivingPost {
    way: Way,
    /// Who handed it over.
    from: Name,
    post: Post,
    at: u64,
}

/// How a post came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Link,
    /// In the letter of this number, from its author.
    Letter(u64),
}

/// What becomes of a post that arrived.
pub(super) enum Verdict {
    Keep,
    /// It is here already.
    Known,
    /// Not wanted now: because of this, where a person is to be told.
    Refuse(Option<String>),
    /// It tells of a change of the room that is not known here yet.
    Early,
}

impl App {
    /// `/msg #room`, and plain lines in a room; answers and changes of what was said there.
    pub(in crate::app) fn post(&mut self, to: &str, text: String, about: About) {
        let room = match self.may_post(to, &text, about) {
            Ok(room) => room,
            Err(why) => return self.not_sent(to, why),
        };
        let (at, bytes) = (self.unix_ms, room_for(&text, about));
        self.chat.outbox.reserve(bytes);
        if let Some(known) = self.rooms.known.get_mut(&room) {
            known.own.drafts.push_back(Draft { text, at, about, bytes });
        }
        self.keep_draft(room);
    }

    /// The room of this name, in which this user may say something.
    pub(in crate::app) fn speaks_in(&self, to: &str) -> Result<RoomId, String> {
        let Some(account) = self.account() else { return Err(LOG_IN_FIRST.to_owned()) };
        let name = to.strip_prefix('#').unwrap_or(to);
        let name = RoomName::new(name).map_err(|error| format!("that is no room: {error}."))?;
        let room = self.rooms.find(&name, &account.name).ok_or_else(|| {
            format!("you are in no room #{name}: '/rooms' lists those that there are.")
        })?;
        let known = self.rooms.known.get(&room);
        match known.and_then(|known| known.room.member(&account.name)).map(|own| own.standing) {
            Some(Standing::In { muted: None, .. }) => {}
            Some(Standing::In { .. }) => return Err(format!("you are muted in #{name}.")),
            Some(Standing::Out { .. }) | None => {
                return Err(format!("you are no longer in #{name}: '/join {name}' first."));
            }
        }
        Ok(room)
    }

    fn may_post(&self, to: &str, text: &str, about: About) -> Result<RoomId, String> {
        let room = self.speaks_in(to)?;
        if text.trim().is_empty() && !matches!(about, About::Unsend { .. }) {
            return Err("there is no text.".to_owned());
        }
        if text.len() > MAX_TEXT {
            return Err(format!(
                "it has {} bytes, and a message at most {MAX_TEXT} (64 KiB). Send it as a file.",
                text.len()
            ));
        }
        let own = self.account().map(|account| &account.name);
        let keeps = |known: &Known| known.room.backlog == Backlog::Shared;
        // What was said to those who have left since may still be changed.
        let is_change = matches!(about, About::Edit { .. } | About::Unsend { .. });
        if !is_change
            && self.rooms.others_in(room, own).is_empty()
            && !self.rooms.known.get(&room).is_some_and(keeps)
        {
            return Err(
                "nobody else is in it yet, and who comes later does not read what was said \
                        before."
                    .to_owned(),
            );
        }
        if !self.chat.outbox.has_room(room_for(text, about)) {
            return Err("too many messages wait already ('/outbox').".to_owned());
        }
        Ok(room)
    }

    /// Makes the next line a post, when the one before it is kept; what is about another post waits until
    /// that is found.
    pub(super) fn keep_draft(&mut self, room: RoomId) {
        let Some((_, feed)) = self.own_feed() else { return };
        let Some(known) = self.rooms.known.get_mut(&room).filter(|k| !k.own.is_keeping) else {
            return;
        };
        let Some(draft) = known.own.drafts.front() else { return };
        let (about, text) = (draft.about, draft.text.clone());
        known.own.is_keeping = true;
        if about == About::Nothing {
            let target = PostTarget { kind: PostKind::Plain, line: NOT_HERE, text };
            return self.sign_draft(room, target);
        }
        let title = known.title();
        let request = StoreRequest::PostTarget { room, title, feed, about, text };
        self.jobs.store(Job::PostTarget(room), request);
    }

    /// What the next line is about is known.
    pub(super) fn sign_draft(&mut self, room: RoomId, target: PostTarget) {
        let Some((author, feed)) = self.own_feed() else { return };
        let Some(secret) = self.account().map(|account| account.identity_secret.clone()) else {
            return;
        };
        let salt = self.random();
        let Some(known) = self.rooms.known.get(&room) else { return };
        let Some(draft) = known.own.drafts.front() else { return };
        let PostTarget { kind, line: about, text } = target;
        let content = Content {
            room,
            author,
            feed,
            number: known.own.number + 1,
            previous: known.own.hash,
            version: known.room.version,
            sent: draft.at,
            kind,
            text: [0; 32],
        };
        let never_left = matches!(kind, PostKind::Unsend { of } if of > known.own.left_up_to);
        let said = Said { salt, text };
        let post = Post::sign(&Identity::from_secret(secret.expose()), content, said);
        let at = self.unix_ms;
        let request = StoreRequest::Post { post: Box::new(post.clone()), at, never_left };
        self.jobs.store(Job::Post(Box::new(OwnPost { post, about, never_left })), request);
        self.links.want_check();
    }

    /// The next line is no post and will be none.
    pub(super) fn drop_draft(&mut self, room: RoomId) {
        let Some(known) = self.rooms.known.get_mut(&room) else { return };
        known.own.is_keeping = false;
        let draft = known.own.drafts.pop_front();
        self.chat.outbox.release(draft.map_or(0, |draft| draft.bytes));
    }

    /// A post of ours is kept, or cannot be.
    pub(in crate::app) fn on_post_kept(
        &mut self,
        own: &OwnPost,
        result: Result<StoreReply, StoreError>,
    ) {
        let OwnPost { post, never_left, .. } = own;
        let content = post.content();
        let room = content.room;
        self.drop_draft(room);
        let Some(known) = self.rooms.known.get_mut(&room) else { return };
        match result {
            Ok(StoreReply::Posted { line }) => {
                known.own.number = content.number;
                known.own.hash = content.hash();
                known.feeds.entry(content.feed).or_default().insert(content.number);
                // Of what takes back what nobody has seen there is nothing to tell.
                if !never_left {
                    let pending = Pending { version: content.version, told: (0, false) };
                    known.own.pending.insert(content.number, pending);
                }
                if known.own.pending.len() > MAX_PENDING {
                    known.own.pending.pop_first();
                }
                self.tell_own_post(own, line);
                self.tell_coverage(room, content.number);
                self.send_post_to_all(post);
                self.links.want_check();
            }
            Ok(_) => {}
            Err(error) => {
                let title = known.title();
                self.not_sent(&title, error.to_string());
            }
        }
        self.keep_draft(room);
    }

    /// What became of a post of ours that not all have, as far as it is known.
    pub(in crate::app) fn how_far(
        &self,
        room: RoomId,
        number: u64,
    ) -> Option<(&'static str, Option<String>)> {
        let known = self.rooms.known.get(&room)?;
        let version = known.own.pending.get(&number)?.version;
        Some(known.coverage(&self.account()?.name, number, version).told())
    }

    /// Tells how many have a post of ours.
    pub(super) fn tell_coverage(&mut self, room: RoomId, number: u64) {
        let Some((own, _)) = self.own_identity() else { return };
        let Some(known) = self.rooms.known.get_mut(&room) else { return };
        let Some(version) = known.own.pending.get(&number).map(|pending| pending.version) else {
            return;
        };
        let coverage = known.coverage(&own, number, version);
        let to = known.title();
        let (state, reason) = coverage.told();
        if state == "delivered" {
            known.own.pending.remove(&number);
        } else if let Some(pending) = known.own.pending.get_mut(&number) {
            pending.told = (coverage.have, coverage.is_left());
        }
        self.tell(Output::MessageState { to, id: number, state, reason });
    }

    /// Somebody hands over a post: his own, or another's.
    pub(in crate::app) fn on_post(&mut self, now: Instant, from: &Name, post: Post) {
        let content = post.content();
        let taken =
            |kept| Taken { room: content.room, feed: content.feed, number: content.number, kept };
        if !post.is_possible() {
            return self.link_broke_protocol(now, from, "a post that cannot be");
        }
        if let Some(partner) = self.rooms.partners.get_mut(from) {
            partner.answered(content.room, content.feed);
        }
        match self.judge_post(Some(from), &post) {
            Verdict::Known => self.send_taken(from, taken(true)),
            Verdict::Refuse(why) => {
                self.send_taken(from, taken(false));
                self.tell_refused(from, content, why);
            }
            Verdict::Early => {
                self.send_taken(from, taken(false));
                self.ask_room_again(now, content.room);
            }
            Verdict::Keep => {
                self.chat.begin_receiving(from, post.text().len());
                self.keep_post(Way::Link, from.clone(), post);
            }
        }
    }

    /// A post that was judged goes into the database.
    pub(super) fn keep_post(&mut self, way: Way, from: Name, post: Post) {
        let own = self.own_feed().is_some_and(|(_, feed)| feed == post.content().feed);
        let at = self.unix_ms;
        let request = StoreRequest::ReceivePost { post: Box::new(post.clone()), own, at };
        let receiving = ReceivingPost { way, from, post, at };
        self.jobs.store(Job::ReceivePost(Box::new(receiving)), request);
    }

    /// A post is not taken: tells why, where a person is to know, once of each author.
    pub(super) fn tell_refused(&mut self, from: &Name, content: &Content, why: Option<String>) {
        tracing::debug!(%from, author = %content.author, ?why, "post not taken");
        let once = (content.room, content.author.clone());
        if let Some(why) = why
            && self.rooms.told.insert(once)
        {
            self.error(&why);
        }
    }

    /// What becomes of a post that this member hands over, or that its author has left in a letter.
    pub(super) fn judge_post(&mut self, from: Option<&Name>, post: &Post) -> Verdict {
        let content = post.content();
        let verdict = self.judge_place(from, post);
        // The person has verified another key than the server says in the room's list.
        if matches!(verdict, Verdict::Keep)
            && !self.is_known_as(&content.author, content.feed.author)
        {
            return Verdict::Refuse(None);
        }
        verdict
    }

    fn judge_place(&self, from: Option<&Name>, post: &Post) -> Verdict {
        let content = post.content();
        let own = self.account().map(|account| &account.name);
        let (Some(known), Some(own)) = (self.rooms.known.get(&content.room), own) else {
            return Verdict::Refuse(None);
        };
        let room = &known.room;
        if room.role(own).is_none() {
            return Verdict::Refuse(None);
        }
        if known.feeds.get(&content.feed).is_some_and(|runs| runs.contains(content.number)) {
            return Verdict::Known;
        }
        let Some(author) = room.member(&content.author) else {
            // Whoever came after the last change that is known here.
            let is_early = content.version > room.version;
            return if is_early { Verdict::Early } else { Verdict::Refuse(None) };
        };
        let feeds = known.feeds.keys().filter(|feed| feed.author == content.feed.author);
        if !known.feeds.contains_key(&content.feed) && feeds.count() >= MAX_DEVICES {
            return Verdict::Refuse(None);
        }
        if from.is_some_and(|from| room.role(from).is_none()) {
            return if content.version > room.version {
                Verdict::Early
            } else {
                Verdict::Refuse(None)
            };
        }
        // The same holds for a change that is handed over as a proof [W-175].
        let version = match &post.body {
            Body::Text(_) => content.version,
            Body::Gone(change) => content.version.max(change.content.version),
        };
        let is_silenced = match author.standing {
            Standing::In { muted, .. } => muted.is_some_and(|since| version >= since),
            Standing::Out { at, .. } => version >= at,
        };
        if is_silenced {
            let is_early = version > room.version;
            return if is_early { Verdict::Early } else { Verdict::Refuse(None) };
        }
        let met = self.contact(&content.author).and_then(|contact| contact.identity);
        let is_his = [Some(author.identity), met].contains(&Some(content.feed.author));
        if !is_his || !post.is_signed() {
            return Verdict::Refuse(Some(forged(&content.author, &known.title())));
        }
        Verdict::Keep
    }

    /// The database has a post, or has it not.
    pub(in crate::app) fn on_post_received(
        &mut self,
        now: Instant,
        received: ReceivingPost,
        result: Result<StoreReply, StoreError>,
    ) {
        let ReceivingPost { way, from, post, at } = received;
        let content = post.content();
        if way == Way::Link {
            self.chat.end_receiving(&from, post.text().len());
        }
        let kept = match result {
            Ok(StoreReply::PostReceived(PostReceipt::Duplicate)) => true,
            Ok(StoreReply::PostReceived(PostReceipt::Conflict)) => {
                let title = self.rooms.title(content.room);
                if self.rooms.told.insert((content.room, content.author.clone())) {
                    self.error(&format!(
                        "{} said different things to different members of {title}: only what came \
                         first is kept.",
                        content.author
                    ));
                }
                false
            }
            Ok(StoreReply::PostReceived(receipt)) => {
                let gap = self.is_behind_gap(content);
                self.on_fresh_post(now, &from, way, content);
                self.show_post(content, at, gap, receipt);
                true
            }
            Ok(_) => return,
            Err(error) => {
                self.error(&format!(
                    "A message of {} could not be kept, so it was not taken: {error}",
                    content.author
                ));
                return match way {
                    Way::Link => self.suspend_link(now, &from),
                    Way::Letter(letter) => self.on_letter_post(now, letter, LetterPost::Failed),
                };
            }
        };
        let (room, feed, number) = (content.room, content.feed, content.number);
        match way {
            Way::Link => self.send_taken(&from, Taken { room, feed, number, kept }),
            Way::Letter(letter) => self.on_letter_post(now, letter, LetterPost::Done),
        }
        self.read_stalled(now);
    }

    /// Whether something before a post that comes now is missing.
    fn is_behind_gap(&self, content: &Content) -> bool {
        let known = self.rooms.known.get(&content.room);
        let runs = known.and_then(|known| known.feeds.get(&content.feed));
        runs.is_some_and(|runs| !runs.is_empty() && !runs.contains(content.number - 1))
    }

    fn on_fresh_post(&mut self, now: Instant, from: &Name, way: Way, content: &Content) {
        let own = self.own_feed();
        let Some(known) = self.rooms.known.get_mut(&content.room) else { return };
        known.feeds.entry(content.feed).or_default().insert(content.number);
        // An author tells those who are there himself, and leaves letters to others.
        if way != Way::Link || *from != content.author {
            known.news.insert(content.feed, from.clone());
        }
        // This folder is older than what this device has said: it goes on from there.
        if own.is_some_and(|(_, feed)| feed == content.feed) && content.number > known.own.number {
            known.own.number = content.number;
            known.own.hash = content.hash();
            known.own.left_up_to = content.number;
        }
        self.rooms.want_tick(now);
    }

    /// Answers a post.
    fn send_taken(&mut self, to: &Name, taken: Taken) {
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(to)) else {
            return;
        };
        // When the link has just ended, the post comes again and is answered then.
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Taken(taken));
    }

    /// One's own name, and the feed of this device.
    pub(super) fn own_feed(&self) -> Option<(Name, Feed)> {
        let (name, author) = self.own_identity()?;
        let device = self.profile.as_ref()?.device.public();
        Some((name, Feed { author, device }))
    }
}

impl Known {
    /// Own posts whose mark has to change.
    pub(super) fn changed_marks(&self, own: &Name) -> Vec<u64> {
        let pending = self.own.pending.iter();
        pending
            .filter(|(number, pending)| {
                let all = self.coverage(own, **number, pending.version);
                let is_told = pending.told == (all.have, all.is_left());
                all.of > 0 && (!is_told || all.is_everywhere())
            })
            .map(|(number, _)| *number)
            .collect()
    }
}

fn forged(author: &Name, room: &str) -> String {
    format!(
        "A message to {room} in the name of {author} is not signed by the {author} that is known \
         here: it is not taken. If {author} has a new key, '/fingerprint {author}' shows it."
    )
}
