//! What is said in rooms, to members who are not there: left in their mailboxes by its author, and taken from
//! there as if he had handed it over himself.
//!
//! ```text
//!   bob is away, posts 4 to 6 wait for him:   Prekey(bob) ──► read ──► sealed ──► Deposit ──► left up to 6
//!   bob, when he is back:                     Collect ──► opened ──► judged as posts are ──► kept ──► Discard
//! ```

use std::collections::{BTreeMap, BTreeSet};

use wire::PublicKey;
use wire::app::identity::IdentityKey;
use wire::app::letter::{Enclosed, Prekey, units};
use wire::app::name::Name;
use wire::app::post::{Feed, Post};
use wire::app::room::{RoomId, RoomName};
use wire::app::server::{Refusal, Request};
use wire::time::{Duration, Instant};

use super::posts::{Verdict, Way};
use super::{Known, RoomAsked};
use crate::app::App;
use crate::app::jobs::Job;
use crate::app::requests::Asked;
use crate::work::{StoreError, StoreReply, StoreRequest};

/// To so many members letters are under way at once [W-184].
const MAX_UNDER_WAY: usize = 4;
/// So many letters to a member, each counted by its length [W-185] but not as more than these, go as soon as
/// there is something for him...
const AT_ONCE: u32 = 8;
/// ...the next this long after the last, and each further one after twice the pause before...
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// ...but not longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);
/// Posts read at once: a letter holds no more. Several go together only as long as the letter counts as one.
const BATCH: u32 = 16;

/// What is going on with letters of posts.
#[derive(Debug, Default)]
pub(in crate::app) struct RoomMail {
    /// Members to whom a letter is being made, and what of.
    under_way: BTreeMap<Name, Making>,
    /// What each member was left since he was last seen.
    left: BTreeMap<Name, Left>,
    /// When the next pause is over.
    wake_at: Option<Instant>,
    /// Rooms of whose state more has to be known before letters about them are taken...
    put_off: BTreeSet<RoomId>,
    /// ...and those of which it was asked for that in this session.
    asked_again: BTreeSet<RoomId>,
}

/// A letter that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Making {
    room: RoomId,
    /// The key that it is to be sealed to, once that is known.
    prekey: Option<u64>,
}

/// What a member was left.
#[derive(Debug, Default)]
struct Left {
    letters: u32,
    /// No other before then.
    next: Option<Instant>,
    /// The person was told that the mailbox is full.
    is_told: bool,
}

/// Posts that are read for a letter.
#[derive(Debug)]
pub(in crate::app) struct LeavingPosts {
    user: Name,
    identity: IdentityKey,
    prekey: Prekey,
    room: RoomId,
    joined: u64,
    /// The last number that was asked for.
    to: u64,
}

/// Posts that are on their way into a mailbox: up to this number, for who came into the room at this version
/// of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct LeftPosts {
    pub(in crate::app) user: Name,
    room: RoomId,
    joined: u64,
    upto: u64,
    /// As how many letters they count.
    units: u32,
}

/// A letter that holds posts, opened.
#[derive(Debug)]
pub(in crate::app) struct OpenedPosts {
    pub(in crate::app) letter: u64,
    pub(in crate::app) from: Name,
    pub(in crate::app) identity: IdentityKey,
    pub(in crate::app) device: PublicKey,
    pub(in crate::app) posts: Vec<Post>,
}

/// What becomes of a letter that holds posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Taken {
    /// Nothing more of it is wanted.
    Over,
    /// Not now: it stays in the mailbox.
    PutOff,
    /// So many posts of it are on their way into the database.
    Keeping(usize),
}

impl RoomMail {
    /// What was asked in the session is not answered.
    pub(in crate::app) fn session_ended(&mut self) {
        self.under_way.clear();
        self.put_off.clear();
        self.asked_again.clear();
    }

    /// When something may go on.
    pub(in crate::app) const fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Whether it may.
    pub(in crate::app) fn take_wake(&mut self, now: Instant) -> bool {
        self.wake_at.take_if(|at| *at <= now).is_some()
    }

    /// No letter is being made for this member any more; says of what room it was.
    pub(in crate::app) fn stop_making(&mut self, user: &Name) -> Option<RoomId> {
        self.under_way.remove(user).map(|making| making.room)
    }

    /// Until when this member is left nothing more.
    fn pause(&self, now: Instant, user: &Name) -> Option<Instant> {
        self.left.get(user).and_then(|left| left.next).filter(|at| *at > now)
    }
}

impl App {
    /// Leaves what was said in rooms to members who are not there [W-182].
    pub(in crate::app) fn store_posts(&mut self, now: Instant) {
        if !self.may_leave_letters() {
            return;
        }
        let roster = &self.roster;
        self.mail.rooms.left.retain(|user, _| !roster.is_online(user));
        self.mail.rooms.wake_at = None;
        for (room, user) in self.posts_to_leave() {
            if self.mail.rooms.under_way.len() >= MAX_UNDER_WAY {
                return;
            }
            // Messages to him alone come first.
            if !self.may_leave_letter(&user) || self.has_letter_for(&user) {
                continue;
            }
            if let Some(at) = self.mail.rooms.pause(now, &user) {
                let first = self.mail.rooms.wake_at.map_or(at, |first| first.min(at));
                self.mail.rooms.wake_at = Some(first);
            } else if self.ask_prekey(now, &user) {
                self.mail.rooms.under_way.insert(user, Making { room, prekey: None });
            }
        }
    }

    /// Members who are not there and lack posts of ours that do not lie in their mailboxes: those who lack the
    /// oldest first.
    fn posts_to_leave(&self) -> Vec<(RoomId, Name)> {
        let Some((own, _)) = self.own_identity() else { return Vec::new() };
        let lobby = RoomName::lobby();
        let rooms = self.rooms.known.iter().filter(|(_, known)| {
            // In the lobby is everybody: a letter to each for each line would fill all mailboxes.
            known.room.role(&own).is_some() && known.room.name != lobby
        });
        let mut waiting = Vec::new();
        for (id, known) in rooms {
            for member in known.room.present().filter(|member| member.name != own) {
                let Some(next) = known.next_to_leave(&member.name) else { continue };
                if !self.roster.is_online(&member.name) {
                    waiting.push((next, *id, member.name.clone()));
                }
            }
        }
        waiting.sort();
        waiting.into_iter().map(|(_, room, user)| (room, user)).collect()
    }

    /// Whether members lack posts of ours that could go to their mailboxes now, or over links that are being
    /// made.
    pub(in crate::app) fn has_posts_to_hand_over(&self) -> bool {
        let is_paused =
            |user: &Name| self.mail.rooms.left.get(user).is_some_and(|it| it.next.is_some());
        let mut waiting = self.posts_to_leave().into_iter();
        waiting.any(|(_, user)| self.may_leave_letter(&user) && !is_paused(&user))
            || self.members_in_want().any(|user| self.links.is_coming(user))
    }

    /// Members who are online and lack posts of ours.
    fn members_in_want(&self) -> impl Iterator<Item = &Name> {
        let own = self.own_identity().map(|(own, _)| own);
        self.rooms.known.values().flat_map(move |known| {
            let own = own.clone();
            let others = known.room.present().map(|member| &member.name);
            others.filter(move |name| {
                let lacks = known.reached.get(*name).is_some_and(|it| it.upto < known.own.number);
                lacks && Some(*name) != own.as_ref() && self.roster.is_online(name)
            })
        })
    }

    /// There is a key for a letter to this member: reads what is to be in it.
    pub(in crate::app) fn read_posts_to_leave(
        &mut self,
        room: RoomId,
        user: &Name,
        identity: IdentityKey,
        prekey: Prekey,
    ) {
        let Some((_, feed)) = self.own_feed() else { return };
        let Some(known) = self.rooms.known.get(&room) else { return };
        let member = known.room.member(user).filter(|member| member.role().is_some());
        // The room's list and the keys are to be the same person's.
        let member = member.filter(|member| member.identity == identity);
        let (Some(member), Some(from)) = (member, known.next_to_leave(user)) else { return };
        let (joined, to) = (member.joined, known.own.number);
        let request = StoreRequest::Posts {
            room,
            feed,
            from,
            to,
            since: joined,
            // What the room shares of its past comes from its members.
            shared_from: u64::MAX,
            limit: BATCH,
        };
        self.mark_leaving(room, feed, to);
        let user = user.clone();
        self.mail.asked.insert(user.clone());
        let making = Making { room, prekey: Some(prekey.id) };
        self.mail.rooms.under_way.insert(user.clone(), making);
        let leaving = LeavingPosts { user, identity, prekey, room, joined, to };
        self.jobs.store(Job::LeavePosts(Box::new(leaving)), request);
    }

    /// Posts for a letter were read.
    pub(in crate::app) fn on_posts_to_leave(
        &mut self,
        now: Instant,
        leaving: LeavingPosts,
        result: Result<StoreReply, StoreError>,
    ) {
        let LeavingPosts { user, identity, prekey, room, joined, to } = leaving;
        let making = Making { room, prekey: Some(prekey.id) };
        if self.mail.rooms.under_way.get(&user) != Some(&making) {
            // That session is over.
            return;
        }
        self.mail.asked.remove(&user);
        let (mut posts, read) = match result {
            Ok(StoreReply::Posts { posts, read }) => (posts, read),
            Ok(_) => (Vec::new(), None),
            Err(error) => {
                self.mail.rooms.stop_making(&user);
                self.mail.shut(&user, now);
                return self.error(&format!("Older messages cannot be read: {error}"));
            }
        };
        let mut left = LeftPosts { user, room, joined, upto: read.unwrap_or(to), units: 0 };
        if posts.is_empty() {
            // None of them is for him.
            self.mail.rooms.stop_making(&left.user);
            self.advance_left(&left);
            return self.links.want_check();
        }
        if shorten(&mut posts) {
            left.upto = posts.last().map_or(0, |post| post.content().number);
        }
        let user = left.user.clone();
        if let Some(sealed) = self.seal_letter(identity, &prekey, Enclosed::Posts(posts)) {
            left.units = u32::try_from(units(sealed.len())).unwrap_or(u32::MAX);
            let request = Request::Deposit { to: user.clone(), prekey: prekey.id, sealed };
            if self.ask(now, Asked::DepositPosts(left), request).is_ok() {
                self.mail.asked.insert(user);
                return;
            }
        }
        self.mail.rooms.stop_making(&user);
        self.mail.shut(&user, now);
    }

    /// The letter lies in the mailbox.
    pub(in crate::app) fn on_posts_left(&mut self, now: Instant, posts: &LeftPosts) {
        self.mail.asked.remove(&posts.user);
        self.mail.rooms.stop_making(&posts.user);
        let left = self.mail.rooms.left.entry(posts.user.clone()).or_default();
        left.letters = left.letters.saturating_add(posts.units.min(AT_ONCE));
        left.next = pause_after(left.letters).map(|pause| now + pause);
        self.advance_left(posts);
        self.save_reached();
        self.rooms.want_tick(now);
        self.links.want_check();
    }

    /// It does not, as the mailbox is full or takes nothing.
    pub(in crate::app) fn on_posts_not_left(
        &mut self,
        now: Instant,
        posts: &LeftPosts,
        refusal: &Refusal,
    ) {
        if *refusal != Refusal::MailboxFull || posts.units <= 1 {
            self.on_not_stored(now, &posts.user, None, refusal);
        } else {
            // What is shorter may find room.
            self.mail.asked.remove(&posts.user);
            self.mail.rooms.stop_making(&posts.user);
            self.links.want_check();
        }
        if *refusal != Refusal::MailboxFull {
            return;
        }
        let left = self.mail.rooms.left.entry(posts.user.clone()).or_default();
        left.next = Some(now + LONGEST_PAUSE);
        if !core::mem::replace(&mut left.is_told, true) {
            let (user, room) = (&posts.user, self.rooms.title(posts.room));
            let why = if posts.units > 1 {
                "has no room left for so long a text as you wrote"
            } else {
                "is full"
            };
            self.info(&format!(
                "The mailbox of {user} {why}: what you say in {room} waits here, or with other \
                 members, until {user} is there."
            ));
        }
    }

    fn advance_left(&mut self, posts: &LeftPosts) {
        let Some(known) = self.rooms.known.get_mut(&posts.room) else { return };
        let Some(reached) = known.reached.get_mut(&posts.user) else { return };
        if reached.joined == posts.joined && posts.upto > reached.left {
            reached.left = posts.upto;
            known.unsaved.insert(posts.user.clone());
        }
    }

    /// A letter holds posts: takes them as if their author handed them over [W-183].
    pub(in crate::app) fn take_posts(&mut self, now: Instant, opened: OpenedPosts) -> Taken {
        let OpenedPosts { letter, from, identity, device, posts } = opened;
        let Some(room) = room_of(&posts, &from, Feed { author: identity, device }) else {
            tracing::warn!(%from, "a letter with posts that cannot be");
            return Taken::Over;
        };
        let verdicts: Vec<Verdict> = posts.iter().map(|post| self.judge_post(None, post)).collect();
        let is_early = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Early));
        if self.is_room_coming(room) || (is_early && self.mail.rooms.asked_again.insert(room)) {
            self.mail.rooms.put_off.insert(room);
            if is_early {
                self.ask_room_again(now, room);
            }
            return Taken::PutOff;
        }
        let mut keeping = 0;
        for (post, verdict) in posts.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Keep => {
                    keeping += 1;
                    self.keep_post(Way::Letter(letter), from.clone(), post);
                }
                Verdict::Refuse(why) => self.tell_refused(&from, post.content(), why),
                Verdict::Known | Verdict::Early => {}
            }
        }
        if keeping == 0 { Taken::Over } else { Taken::Keeping(keeping) }
    }

    /// Whether the server was asked how this room is, or which rooms there are, and has not answered.
    fn is_room_coming(&self, room: RoomId) -> bool {
        self.server.pending.values().any(|pending| {
            matches!(&pending.asked, Asked::Room(RoomAsked::Sync))
                || matches!(&pending.asked, Asked::Room(RoomAsked::Get(id)) if *id == room)
        })
    }

    /// The server has told of rooms: letters about them that were put off are given again.
    pub(in crate::app) fn collect_put_off(&mut self, now: Instant) {
        let put_off = core::mem::take(&mut self.mail.rooms.put_off);
        let (later, ready): (BTreeSet<_>, BTreeSet<_>) =
            put_off.into_iter().partition(|room| self.is_room_coming(*room));
        self.mail.rooms.put_off = later;
        if !ready.is_empty() {
            self.collect_all_letters(now);
        }
    }
}

impl Known {
    /// The first post of ours that is neither at this member nor in his mailbox.
    fn next_to_leave(&self, user: &Name) -> Option<u64> {
        let reached = self.reached.get(user)?;
        let next = reached.upto.max(reached.left) + 1;
        (next <= self.own.number).then_some(next)
    }
}

/// How long the next letter to a member waits when what he was left counts as so many.
fn pause_after(letters: u32) -> Option<Duration> {
    let doublings = letters.checked_sub(AT_ONCE)?;
    let pause = 1_u32.checked_shl(doublings).and_then(|times| FIRST_PAUSE.checked_mul(times));
    Some(pause.unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE))
}

/// Leaves out the last posts, until the others fit into a letter that counts as one, or one is left. Says
/// whether that was necessary.
fn shorten(posts: &mut Vec<Post>) -> bool {
    let before = posts.len();
    while posts.len() > 1 && !Enclosed::Posts(posts.clone()).fits_one() {
        posts.pop();
    }
    posts.len() < before
}

/// The room of the posts in a letter: one, in which their author says all of them with the device that the letter is
/// from [W-181].
fn room_of(posts: &[Post], author: &Name, feed: Feed) -> Option<RoomId> {
    let room = posts.first()?.content().room;
    let is_his = |post: &Post| {
        let content = post.content();
        post.is_possible() && (content.room, &content.author, content.feed) == (room, author, feed)
    };
    let is_in_order =
        posts.is_sorted_by(|one, other| one.content().number < other.content().number);
    (is_in_order && posts.iter().all(is_his)).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_to_a_member_become_seldom_and_never_stop() {
        let pauses = |letters| pause_after(letters).map_or(0, |pause| pause.as_secs());
        assert_eq!([1, 7, 8, 9, 10, 18].map(pauses), [0, 0, 60, 120, 240, 61_440]);
        assert_eq!([19, 40, 200, u32::MAX].map(pauses), [86_400; 4]);
        // In the three weeks that a server keeps them, they leave room for messages to him alone.
        let mut all = 0;
        let mut time = 0;
        while time < 14 * 86_400 {
            all += 1;
            time += pauses(all);
        }
        assert!(all < 32, "{all} letters");
    }
}
