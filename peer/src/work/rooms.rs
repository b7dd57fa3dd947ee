//! What the database holds of rooms.

use wire::app::name::Name;
use wire::app::post::{Feed, Head, PostKind};
use wire::app::room::{Room, RoomId};

/// What the database holds of one room.
#[derive(Debug)]
pub struct RoomRecord {
    /// As the server said last.
    pub room: Room,
    /// The numbers held of each feed: first and last of each run, ascending.
    pub feeds: Vec<FeedRuns>,
    /// What is signed of the last post of this device.
    pub last: Option<Head>,
    /// Numbers up to this one may have been used for posts that are not in this file: it is a copy.
    pub used_before: u64,
    /// Own posts that not everybody has, the newest: number, and the room's version in it.
    pub pending: Vec<(u64, u64)>,
    /// How far members are with the own posts.
    pub reached: Vec<(Name, Reached)>,
}

/// A feed, and runs of its numbers: first and last of each, ascending.
pub type FeedRuns = (Feed, Vec<(u64, u64)>);

/// How far a member is with the posts of this device in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The room's version from which on he was in it.
    pub joined: u64,
    /// He needs nothing up to this number.
    pub upto: u64,
    /// What he needs up to this number lies in his mailbox, or has been taken from there.
    pub left: u64,
}

/// What a line that was typed for a room is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostTarget {
    /// What the post that it becomes is to others.
    pub kind: PostKind,
    /// The place in the history of what it is about.
    pub line: u64,
    /// The text that it is to have.
    pub text: String,
}

/// What the database knew about a post that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostReceipt {
    /// Kept, and a line is to be shown that was not shown before: of this post, or of the one that it edits.
    Shown {
        /// Its place in the history.
        line: u64,
        /// What it says, by all that is known of it.
        text: String,
        /// The line that it answers; [`NOT_HERE`](crate::output::NOT_HERE) where that is not shown here.
        reply_to: Option<u64>,
        /// Whether the text is an edit's.
        edited: bool,
    },
    /// Kept, and changes a line that is shown.
    Changed {
        /// The place of what it changes.
        line: u64,
        /// The new text; nothing is left where it is taken back.
        text: Option<String>,
    },
    /// Kept, and there is nothing to show: what it says is gone, or what it changes is not here.
    Silent,
    /// It is here already.
    Duplicate,
    /// Another post is here under its number, or before or behind it: the author says two things. Not kept.
    Conflict,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// With a user.
    User(Name),
    /// In a room.
    Room(RoomId),
}
