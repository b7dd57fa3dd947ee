//! Rooms on the client's side. Who is in a room the server says (`membership`); what is said goes
//! from each author to each member, and what somebody missed to him from whoever has it (`posts`,
//! `sync`).

mod changes;
mod letters;
mod membership;
mod partner;
mod posts;
mod runs;
mod sync;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::Deadline;
use wire::app::name::Name;
use wire::app::post::{BACKLOG_POSTS, Feed};
use wire::app::room::{Backlog, Room, RoomId, RoomName, RoomSummary, Standing};
use wire::time::{Duration, Instant};

use self::partner::Partner;
use self::runs::Runs;
use crate::work::{About, Reached, RoomRecord};

pub(super) use self::letters::{
    LeavingPosts, LeftPosts, OpenedPosts, RoomMail, Taken as TakenPosts,
};
pub(super) use self::membership::RoomAsked;
pub(super) use self::posts::{OwnPost, ReceivingPost};
pub(super) use self::waiting::Listing;

/// What is news for linked members, and what is to be kept of how far they are, waits for this long
/// and goes together.
const TICK: Duration = Duration::from_secs(1);
/// Most own posts of one room whose marks are followed: of older ones that somebody lacks, the mark
/// stays as it was.
const MAX_PENDING: usize = 1000;

/// All rooms of this account.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    known: BTreeMap<RoomId, Known>,
    invited: BTreeMap<RoomId, RoomSummary>,
    partners: BTreeMap<Name, Partner>,
    tick_at: Option<Instant>,
    /// Authors whose posts were refused, and why, so that it is told once.
    told: BTreeSet<(RoomId, Name)>,
}

/// A room that this user is in, or was.
#[derive(Debug)]
struct Known {
    room: Room,
    feeds: BTreeMap<Feed, Runs>,
    own: Own,
    /// How far each member is with the own posts.
    reached: BTreeMap<Name, Reached>,
    /// Those of them that are not kept yet.
    unsaved: BTreeSet<Name>,
    /// Feeds of which more is held than linked members know, and from whom it came.
    news: BTreeMap<Feed, Name>,
    /// A change was missed: the whole is asked for.
    is_stale: bool,
}

/// What this device says in a room.
#[derive(Debug, Default)]
struct Own {
    /// The number of the last post that is kept; 0 before the first.
    number: u64,
    /// Its hash.
    hash: [u8; 32],
    /// Texts on their way to become posts: one after the other, as each names the one before it.
    drafts: VecDeque<Draft>,
    is_keeping: bool,
    /// No post with a higher number has left this machine.
    left_up_to: u64,
    /// Posts that not everybody has.
    pending: BTreeMap<u64, Pending>,
}

/// A line that was typed.
#[derive(Debug)]
struct Draft {
    text: String,
    /// Milliseconds since 1970.
    at: u64,
    /// What it is to others.
    about: About,
    /// The room that is kept for it in the outbox.
    bytes: usize,
}

#[derive(Debug)]
struct Pending {
    /// The room's version in it.
    version: u64,
    /// How many had it when that was told, and whether it lay in the mailboxes of all others.
    told: (usize, bool),
}

/// How far a post is: how many have it, in how many mailboxes of others it lies, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Coverage {
    have: usize,
    left: usize,
    of: usize,
}

impl Coverage {
    const fn is_everywhere(self) -> bool {
        self.have >= self.of
    }

    /// The same in a word, and for people.
    fn told(self) -> (&'static str, Option<String>) {
        let some = || format!("{} of {} have it", self.have, self.of);
        match self {
            Self { of: 0, .. } => ("queued", Some("nobody else is in the room".to_owned())),
            all if all.is_everywhere() => ("delivered", None),
            all if all.is_left() => ("stored", (all.have > 0).then(some)),
            Self { have: 0, of: 1, .. } => {
                ("queued", Some("the other has not got it yet".to_owned()))
            }
            Self { have: 0, .. } => ("queued", Some("nobody has it yet".to_owned())),
            _ => ("queued", Some(some())),
        }
    }

    /// Whether nobody needs its author any more.
    const fn is_left(self) -> bool {
        self.left > 0 && self.have + self.left >= self.of
    }
}

impl Rooms {
    /// What was kept when the program ended.
    pub(super) fn load(&mut self, records: Vec<RoomRecord>) {
        for record in records {
            let id = record.room.id;
            self.known.insert(id, Known::of(record));
        }
    }

    /// What this room is called, `#` first; of one that is not known any more, its id's beginning.
    pub(super) fn title(&self, id: RoomId) -> String {
        match self.known.get(&id) {
            Some(known) => known.title(),
            None => {
                let digits: String = id.0[..4].iter().map(|byte| format!("{byte:02x}")).collect();
                format!("#{digits}")
            }
        }
    }

    /// Everybody who is in a room but this one, by name.
    pub(super) fn others_in(&self, id: RoomId, but: Option<&Name>) -> Vec<Name> {
        let present = self.known.get(&id).into_iter().flat_map(|known| known.room.present());
        let mut names: Vec<Name> =
            present.map(|member| &member.name).filter(|name| Some(*name) != but).cloned().collect();
        names.sort();
        names
    }

    /// Whether somebody is in a room.
    pub(super) fn is_in(&self, id: RoomId, user: &Name) -> bool {
        self.known.get(&id).is_some_and(|known| known.room.role(user).is_some())
    }

    /// Whether somebody is in a room and not muted there.
    pub(super) fn speaks(&self, id: RoomId, user: &Name) -> bool {
        let member = self.known.get(&id).and_then(|known| known.room.member(user));
        member.is_some_and(|member| matches!(member.standing, Standing::In { muted: None, .. }))
    }

    /// The room of this name: one that the user is in, before one that he was in.
    pub(super) fn find(&self, name: &RoomName, own: &Name) -> Option<RoomId> {
        let named = || self.known.iter().filter(|(_, known)| known.room.name == *name);
        let is_in = |known: &Known| known.room.role(own).is_some();
        named().find(|(_, known)| is_in(known)).or_else(|| named().next()).map(|(id, _)| *id)
    }

    /// Names of the rooms that the user is in, for completion.
    pub(super) fn titles(&self, own: &Name) -> Vec<String> {
        let mine = self.known.values().filter(|known| known.room.role(own).is_some());
        mine.map(Known::title).collect()
    }

    /// Names of the rooms that the user and another one are in.
    pub(super) fn shared(&self, own: &Name, other: &Name) -> Vec<String> {
        let is_in = |known: &&Known, user| known.room.role(user).is_some();
        let both = self.known.values().filter(|known| is_in(known, own) && is_in(known, other));
        let mut titles: Vec<String> = both.map(Known::title).collect();
        titles.sort();
        titles
    }

    /// Whether own posts are on their way to somebody.
    pub(super) fn is_in_flight(&self) -> bool {
        self.partners.values().any(Partner::is_sending)
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.tick_at.map(|at| Deadline { at, timer: "rooms" })
    }

    fn want_tick(&mut self, now: Instant) {
        self.tick_at.get_or_insert(now + TICK);
    }
}

impl Known {
    fn of(record: RoomRecord) -> Self {
        let feeds = record.feeds.into_iter();
        let feeds = feeds.filter_map(|(feed, runs)| Some((feed, Runs::new(&runs)?))).collect();
        let last = record.last.as_ref().map(|head| &head.content);
        let pending = record.pending.into_iter();
        let number = last.map_or(0, |content| content.number).max(record.used_before);
        let own = Own {
            number,
            // What a program before this one has sent nobody knows.
            left_up_to: number,
            hash: last.map_or([0; 32], |content| content.hash()),
            pending: pending
                .map(|(n, version)| (n, Pending { version, told: (0, false) }))
                .collect(),
            ..Own::default()
        };
        let reached = record.reached.into_iter().collect();
        Self { feeds, own, reached, ..Self::new(record.room) }
    }

    fn new(room: Room) -> Self {
        Self {
            room,
            feeds: BTreeMap::new(),
            own: Own::default(),
            reached: BTreeMap::new(),
            unsaved: BTreeSet::new(),
            news: BTreeMap::new(),
            is_stale: false,
        }
    }

    fn title(&self) -> String {
        format!("#{}", self.room.name)
    }

    /// Whoever is new in the room begins where he has a right to.
    fn place_members(&mut self, own: &Name) {
        let begin = match self.room.backlog {
            Backlog::Withheld => self.own.number,
            Backlog::Shared => self.own.number.saturating_sub(BACKLOG_POSTS),
        };
        for member in self.room.present().filter(|member| member.name != *own) {
            let known = self.reached.get(&member.name);
            if known.is_none_or(|reached| reached.joined != member.joined) {
                // What was said before he came is not left to him.
                let left = self.own.number;
                let reached = Reached { joined: member.joined, upto: begin, left };
                self.reached.insert(member.name.clone(), reached);
                self.unsaved.insert(member.name.clone());
            }
        }
    }

    /// How far an own post of this version is with the members, the user apart, who are to have it.
    fn coverage(&self, own: &Name, number: u64, version: u64) -> Coverage {
        let shared = self.room.backlog == Backlog::Shared;
        let mut counts = Coverage::default();
        for member in self.room.present().filter(|member| member.name != *own) {
            let Some(reached) = self.reached.get(&member.name) else { continue };
            if shared || member.joined <= version {
                counts.of += 1;
                counts.have += usize::from(reached.upto >= number);
                let is_left = member.joined <= version && reached.left >= number;
                counts.left += usize::from(reached.upto < number && is_left);
            }
        }
        counts
    }

    /// The highest number up to which everybody has the own posts.
    fn everybody_has(&self, own: &Name) -> Option<u64> {
        let members = self.room.present().filter(|member| member.name != *own);
        members.filter_map(|member| self.reached.get(&member.name)).map(|r| r.upto).min()
    }
}
