//! What the database holds of rooms.

use wire::app::name::Name;
use wire::app::post::{Feed, Post};
use wire::app::room::{Room, RoomId};

/// What the database holds of one room.
#[derive(Debug)]
pub struct RoomRecord {
    /// As the server said last.
    pub room: Room,
    /// The numbers held of each feed: first and last of each run, ascending.
    pub feeds: Vec<FeedRuns>,
    /// The last post of this device.
    pub last: Option<Post>,
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
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// With a user.
    User(Name),
    /// In a room.
    Room(RoomId),
}
