//! What goes to one linked member: of which rooms he told what he holds, what he is to be sent, and
//! what of it is on its way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::app::post::{Feed, Holdings, Post, Taken};
use wire::app::room::RoomId;

/// Most posts on their way to one member.
const MAX_IN_FLIGHT: usize = 64;
/// Most bytes of them, beyond the first.
const MAX_IN_FLIGHT_BYTES: usize = 256 << 10;
/// Most feeds of which it is remembered that he was asked for them.
const MAX_ASKED: usize = 1024;
/// Most rooms of which holdings are kept until the server says that the member is in them.
const MAX_EARLY: usize = 8;

/// Posts that a member lacks: numbers `from` to `to` of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) room: RoomId,
    pub(super) feed: Feed,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// One linked member.
#[derive(Debug, Default)]
pub(super) struct Partner {
    /// Rooms of which he told his holdings.
    heard: BTreeSet<RoomId>,
    queue: VecDeque<Chunk>,
    /// The first of the queue is being read from the database.
    is_fetching: bool,
    in_flight: BTreeMap<(RoomId, Feed, u64), usize>,
    bytes: usize,
    /// Feeds that he was asked for, and has not sent anything of since.
    asked: BTreeSet<(RoomId, Feed)>,
    /// Told before it was known that he is in the room.
    early: BTreeMap<RoomId, Holdings>,
}

impl Partner {
    pub(super) fn has_heard(&self, room: RoomId) -> bool {
        self.heard.contains(&room)
    }

    /// What he lacks of a room, by feed; takes the place of what was to be sent of these feeds, or
    /// with `complete` of all.
    pub(super) fn lacks(
        &mut self,
        room: RoomId,
        complete: bool,
        lacking: &[(Feed, Vec<(u64, u64)>)],
    ) {
        self.heard.insert(room);
        let is_told = |feed: &Feed| complete || lacking.iter().any(|(told, _)| told == feed);
        let is_fetching = self.is_fetching;
        let mut index = 0;
        self.queue.retain(|chunk| {
            let is_read = is_fetching && index == 0;
            index += 1;
            is_read || chunk.room != room || !is_told(&chunk.feed)
        });
        for (feed, runs) in lacking {
            let chunk = |(from, to): &(u64, u64)| Chunk { room, feed: *feed, from: *from, to: *to };
            self.queue.extend(runs.iter().map(chunk));
        }
    }

    /// A new post, to be sent behind what waits.
    pub(super) fn add(&mut self, room: RoomId, feed: Feed, number: u64) {
        if let Some(last) = self.queue.back_mut()
            && (last.room, last.feed, last.to + 1) == (room, feed, number)
        {
            last.to = number;
        } else {
            self.queue.push_back(Chunk { room, feed, from: number, to: number });
        }
    }

    /// Whether a new post may go at once.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.has_room()
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < MAX_IN_FLIGHT && self.bytes < MAX_IN_FLIGHT_BYTES
    }

    /// What is to be read next; it counts as being read from now on.
    pub(super) fn next_to_fetch(&mut self) -> Option<Chunk> {
        if self.is_fetching || !self.has_room() {
            return None;
        }
        let chunk = self.queue.front().copied()?;
        self.is_fetching = true;
        Some(chunk)
    }

    /// It was read, up to this number.
    pub(super) fn fetched(&mut self, upto: u64) {
        self.is_fetching = false;
        let Some(chunk) = self.queue.front_mut() else { return };
        if upto >= chunk.to {
            self.queue.pop_front();
        } else {
            chunk.from = upto + 1;
        }
    }

    pub(super) fn sent(&mut self, post: &Post) {
        let content = post.content();
        let key = (content.room, content.feed, content.number);
        if self.in_flight.insert(key, post.text().len()).is_none() {
            self.bytes += post.text().len();
        }
    }

    /// Says whether it was on its way.
    pub(super) fn taken(&mut self, taken: &Taken) -> bool {
        match self.in_flight.remove(&(taken.room, taken.feed, taken.number)) {
            Some(bytes) => {
                self.bytes -= bytes;
                true
            }
            None => false,
        }
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Says whether he is to be asked for this feed: not twice before something of it comes.
    pub(super) fn ask(&mut self, room: RoomId, feed: Feed) -> bool {
        if self.asked.len() >= MAX_ASKED {
            self.asked.clear();
        }
        self.asked.insert((room, feed))
    }

    /// Something of this feed came.
    pub(super) fn answered(&mut self, room: RoomId, feed: Feed) {
        self.asked.remove(&(room, feed));
    }

    /// Keeps what he told of a room in which he is not known to be.
    pub(super) fn keep_early(&mut self, holdings: Holdings) {
        if self.early.len() < MAX_EARLY || self.early.contains_key(&holdings.room) {
            self.early.insert(holdings.room, holdings);
        }
    }

    pub(super) fn take_early(&mut self, room: RoomId) -> Option<Holdings> {
        self.early.remove(&room)
    }
}
