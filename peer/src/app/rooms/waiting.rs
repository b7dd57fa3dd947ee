//! What was said in rooms and not everybody has got, beside the messages that wait for users: `/outbox`.

use std::collections::VecDeque;

use wire::app::post::{Body, Post, PostKind};
use wire::app::room::{RoomId, RoomName};

use super::Coverage;
use crate::app::App;
use crate::app::jobs::Job;
use crate::output::{OutboxLine, Output};
use crate::work::{StoreError, StoreReply, StoreRequest};

/// Posts read at once.
const BATCH: u32 = 64;
/// Most lines of rooms that are listed.
const MAX_LINES: usize = 500;

/// An answer to `/outbox` for which lines of rooms are still to be read.
#[derive(Debug)]
pub(in crate::app) struct Listing {
    messages: Vec<OutboxLine>,
    /// How many more lines of rooms may be listed.
    room_for: usize,
    /// Where to go on, and from which number there.
    rooms: VecDeque<(RoomId, u64)>,
}

impl App {
    /// `/outbox`.
    pub(in crate::app) fn show_outbox(&mut self) {
        let own = self.account().map(|account| account.name.clone());
        let lobby = RoomName::lobby();
        // In the lobby there is always somebody who has not got it, and nothing is left to him.
        let rooms = self.rooms.known.iter().filter(|(_, known)| {
            known.room.name != lobby
                && own.as_ref().is_some_and(|own| known.room.role(own).is_some())
        });
        let first = |(id, known): (&RoomId, &super::Known)| {
            known.own.pending.keys().next().map(|first| (*id, *first))
        };
        let rooms = rooms.filter_map(first).collect();
        let messages = self.waiting_messages();
        self.go_on_listing(Listing { messages, room_for: MAX_LINES, rooms });
    }

    /// Reads what is to be told of the next room; tells all when there is none.
    fn go_on_listing(&mut self, listing: Listing) {
        let next = listing.rooms.front().copied().zip(self.own_feed());
        let Some(((room, from), (_, feed))) = next else {
            return self.tell(Output::Outbox { messages: listing.messages });
        };
        let request = StoreRequest::Posts {
            room,
            feed,
            from,
            to: u64::MAX,
            since: 0,
            shared_from: 0,
            limit: BATCH,
        };
        self.jobs.store(Job::Listing(Box::new(listing)), request);
    }

    /// Posts in the room that is first were read.
    pub(in crate::app) fn on_listed(
        &mut self,
        mut listing: Listing,
        result: Result<StoreReply, StoreError>,
    ) {
        let Some((room, _)) = listing.rooms.pop_front() else { return };
        match result {
            Ok(StoreReply::Posts { posts, read }) => {
                let lines = posts.iter().filter_map(|post| self.waiting_line(room, post));
                let lines: Vec<OutboxLine> = lines.take(listing.room_for).collect();
                listing.room_for -= lines.len();
                listing.messages.extend(lines);
                if listing.room_for == 0 {
                    listing.rooms.clear();
                } else if let Some(read) = read {
                    listing.rooms.push_front((room, read + 1));
                }
            }
            Ok(_) => {}
            Err(error) => self.error(&format!("What waits in a room cannot be read: {error}")),
        }
        self.go_on_listing(listing);
    }

    /// How it stands in the list, if somebody is still to get it.
    fn waiting_line(&self, room: RoomId, post: &Post) -> Option<OutboxLine> {
        let (own, _) = self.own_identity()?;
        let known = self.rooms.known.get(&room)?;
        let content = post.content();
        let version = known.own.pending.get(&content.number)?.version;
        let coverage = known.coverage(&own, content.number, version);
        let is_gone = matches!(post.body, Body::Gone(_));
        if is_gone || coverage.of == 0 || coverage.is_everywhere() {
            return None;
        }
        let (state, reason) = told(coverage);
        let (pin, text) = self.pinned(post.text().to_owned());
        let (to, id, at) = (known.title(), content.number, content.sent);
        let kind = kind_word(content.kind);
        Some(OutboxLine { to, id, at, kind, text, state, reason, pin })
    }
}

/// The state, and why it is so: with the mailboxes.
fn told(coverage: Coverage) -> (&'static str, Option<String>) {
    let (state, reason) = coverage.told();
    let mailboxes = match coverage.left {
        0 => None,
        1 => Some("it lies in a mailbox".to_owned()),
        count => Some(format!("it lies in {count} mailboxes")),
    };
    let parts: Vec<String> = reason.into_iter().chain(mailboxes).collect();
    (state, (!parts.is_empty()).then(|| parts.join(", ")))
}

const fn kind_word(kind: PostKind) -> &'static str {
    match kind {
        PostKind::Plain => "message",
        PostKind::Reply { .. } => "reply",
        PostKind::Edit { .. } => "edit",
        PostKind::Unsend { .. } => "unsend",
    }
}
