//! How two linked members find out what the other lacks, and send it.

use std::collections::{BTreeMap, BTreeSet};

use wire::ConnectionHandle;
use wire::app::name::Name;
use wire::app::peer;
use wire::app::post::{BACKLOG_POSTS, Feed, Held, Holdings, MAX_FEEDS, MAX_RANGES, Post, Taken};
use wire::app::room::{Backlog, RoomId};
use wire::time::Instant;

use super::partner::{Chunk, Partner};
use super::{Known, Runs};
use crate::app::App;
use crate::app::jobs::Job;
use crate::work::{StoreError, StoreReply, StoreRequest};

/// Posts read from the database at once.
const BATCH: u32 = 16;
/// With so many members of a room who are online a link is kept, if there are so many: what one of
/// them has spreads to all.
const NEIGHBOURS: usize = 8;

impl App {
    /// A link came up: both tell what they hold of each room in which they both are.
    pub(in crate::app) fn greet_in_rooms(&mut self, user: &Name) {
        self.rooms.partners.insert(user.clone(), Partner::default());
        for room in self.rooms_with(user) {
            self.send_holdings(user, room, None);
        }
    }

    /// It went.
    pub(in crate::app) fn leave_in_rooms(&mut self, user: &Name) {
        self.rooms.partners.remove(user);
    }

    /// Rooms in which both are.
    fn rooms_with(&self, user: &Name) -> Vec<RoomId> {
        let Some(own) = self.account().map(|account| &account.name) else { return Vec::new() };
        let both = |known: &Known| known.room.role(own).and(known.room.role(user)).is_some();
        let common = self.rooms.known.iter().filter(|(_, known)| both(known));
        common.map(|(id, _)| *id).collect()
    }

    /// Tells what is held: of these feeds, or of all.
    pub(super) fn send_holdings(&mut self, user: &Name, room: RoomId, feeds: Option<&[Feed]>) {
        let Some(known) = self.rooms.known.get(&room) else { return };
        let is_wanted = |feed: &Feed| feeds.is_none_or(|feeds| feeds.contains(feed));
        let held = known.feeds.iter().filter(|(feed, _)| is_wanted(feed));
        let held = held.map(|(feed, runs)| Held { feed: *feed, runs: runs.newest() });
        let holdings = Holdings {
            room,
            complete: feeds.is_none() && known.feeds.len() <= MAX_FEEDS,
            feeds: held.take(MAX_FEEDS).collect(),
        };
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        // When the link has just ended, the next one begins anew.
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Holdings(holdings));
    }

    /// A member tells what he holds.
    pub(in crate::app) fn on_holdings(&mut self, now: Instant, user: &Name, holdings: Holdings) {
        let Some(theirs) = runs_of(&holdings) else {
            return self.link_broke_protocol(now, user, "holdings that cannot be");
        };
        let room = holdings.room;
        if !self.rooms_with(user).contains(&room) {
            if let Some(partner) = self.rooms.partners.get_mut(user) {
                partner.keep_early(holdings);
            }
            return;
        }
        let own_feed = self.own_feed().map(|(_, feed)| feed);
        let (Some(known), Some(partner)) =
            (self.rooms.known.get_mut(&room), self.rooms.partners.get_mut(user))
        else {
            return;
        };
        let nothing = Runs::default();
        let told = |feed: &Feed| theirs.get(feed).or_else(|| holdings.complete.then_some(&nothing));
        let missing = known.feeds.iter().filter_map(|(feed, mine)| {
            let theirs = told(feed)?;
            Some((*feed, mine.minus(theirs)))
        });
        let mut lacking: Vec<(Feed, Vec<(u64, u64)>)> = missing.collect();
        for (_, missing) in lacking.iter_mut().filter(|(feed, _)| Some(*feed) == own_feed) {
            *missing = known.settle_reached(user, missing);
        }
        partner.lacks(room, holdings.complete, &lacking);
        let mut wanted = Vec::new();
        let authors: BTreeSet<_> = known.room.members.iter().map(|m| m.identity).collect();
        for (feed, theirs) in
            theirs.iter().filter(|(feed, _)| !holdings.complete && authors.contains(&feed.author))
        {
            let mine = known.feeds.get(feed).unwrap_or(&nothing);
            if !theirs.minus(mine).is_empty() && partner.ask(room, *feed) {
                wanted.push(*feed);
            }
        }
        self.rooms.want_tick(now);
        if !wanted.is_empty() {
            self.ask_for_feeds(user, room, &wanted);
        }
        self.pump_posts(user);
    }

    /// Asks for what is missing of these feeds: of one that is not held at all, nothing is named as
    /// held.
    fn ask_for_feeds(&mut self, user: &Name, room: RoomId, feeds: &[Feed]) {
        let Some(known) = self.rooms.known.get(&room) else { return };
        let runs = |feed: &Feed| known.feeds.get(feed).map(Runs::newest).unwrap_or_default();
        let held = |feed: &Feed| Held { feed: *feed, runs: runs(feed) };
        let feeds = feeds.iter().take(MAX_FEEDS).map(held).collect();
        let holdings = Holdings { room, complete: false, feeds };
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Holdings(holdings));
    }

    /// Sends what may be sent now.
    pub(in crate::app) fn pump_posts(&mut self, user: &Name) {
        let Some(up) = self.links.up(user).filter(|up| up.chat.backlog() == 0) else { return };
        let handle = up.handle;
        let Some(partner) = self.rooms.partners.get_mut(user) else { return };
        let Some(chunk) = partner.next_to_fetch() else { return };
        let Some(request) = self.request_for(user, chunk) else {
            // He left the room meanwhile.
            if let Some(partner) = self.rooms.partners.get_mut(user) {
                partner.fetched(chunk.to);
            }
            return self.pump_posts(user);
        };
        self.mark_leaving(chunk.room, chunk.feed, chunk.to);
        self.jobs.store(Job::Posts { user: user.clone(), handle, upto: chunk.to }, request);
    }

    /// What of a chunk this member may have.
    fn request_for(&self, user: &Name, chunk: Chunk) -> Option<StoreRequest> {
        let known = self.rooms.known.get(&chunk.room)?;
        let member = known.room.member(user).filter(|member| member.role().is_some())?;
        let last = known.feeds.get(&chunk.feed)?.last();
        Some(StoreRequest::Posts {
            room: chunk.room,
            feed: chunk.feed,
            from: chunk.from,
            to: chunk.to,
            since: member.joined,
            shared_from: match known.room.backlog {
                Backlog::Shared => last.saturating_sub(BACKLOG_POSTS) + 1,
                Backlog::Withheld => u64::MAX,
            },
            limit: BATCH,
        })
    }

    /// Posts for a member were read.
    pub(in crate::app) fn on_posts(
        &mut self,
        user: &Name,
        handle: ConnectionHandle,
        upto: u64,
        result: Result<StoreReply, StoreError>,
    ) {
        if self.links.up(user).is_none_or(|up| up.handle != handle) {
            return;
        }
        let (posts, read) = match result {
            Ok(StoreReply::Posts { posts, read }) => (posts, read),
            Ok(_) => (Vec::new(), None),
            // Not again on this link, which would ask without end.
            Err(error) => return self.error(&format!("Older messages cannot be read: {error}")),
        };
        for post in posts {
            self.send_post(user, &post);
        }
        if let Some(partner) = self.rooms.partners.get_mut(user) {
            partner.fetched(read.unwrap_or(upto));
        }
        self.pump_posts(user);
    }

    fn send_post(&mut self, user: &Name, post: &Post) {
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        let message = peer::Chat::Post(Box::new(post.clone()));
        if up.chat.send(endpoint, up.handle, &message).is_ok()
            && let Some(partner) = self.rooms.partners.get_mut(user)
        {
            partner.sent(post);
        }
    }

    /// A new post of ours goes to every linked member, to each behind what waits for him.
    pub(super) fn send_post_to_all(&mut self, post: &Post) {
        let content = post.content();
        let members = self.linked_members(content.room);
        for user in members {
            let is_clear = self.links.up(&user).is_some_and(|up| up.chat.backlog() == 0);
            let Some(partner) = self.rooms.partners.get_mut(&user) else { continue };
            if !partner.has_heard(content.room) {
                // What he lacks is found when he tells what he holds.
                continue;
            }
            if is_clear && partner.is_idle() {
                self.mark_leaving(content.room, content.feed, content.number);
                self.send_post(&user, post);
            } else {
                partner.add(content.room, content.feed, content.number);
                self.pump_posts(&user);
            }
        }
    }

    /// Members of a room with whom there is a link.
    fn linked_members(&self, room: RoomId) -> Vec<Name> {
        let Some(known) = self.rooms.known.get(&room) else { return Vec::new() };
        let linked = self.rooms.partners.keys().filter(|user| known.room.role(user).is_some());
        linked.cloned().collect()
    }

    /// A member answers a post.
    pub(in crate::app) fn on_taken(&mut self, now: Instant, user: &Name, taken: Taken) {
        let own = self.own_feed();
        let Some(partner) = self.rooms.partners.get_mut(user) else { return };
        if !partner.taken(&taken) {
            return;
        }
        let is_own = own.is_some_and(|(_, feed)| feed == taken.feed);
        if taken.kept && is_own {
            self.advance_reached(now, user, &taken);
        }
        self.pump_posts(user);
    }

    fn advance_reached(&mut self, now: Instant, user: &Name, taken: &Taken) {
        let Some((own, _)) = self.own_identity() else { return };
        let Some(known) = self.rooms.known.get_mut(&taken.room) else { return };
        let Some(reached) = known.reached.get_mut(user) else { return };
        if taken.number > reached.upto {
            reached.upto = taken.number;
            known.unsaved.insert(user.clone());
        }
        let Some(pending) = known.own.pending.get(&taken.number) else { return };
        let is_first = pending.told.0 == 0;
        if is_first || known.coverage(&own, taken.number, pending.version).is_everywhere() {
            self.tell_coverage(taken.room, taken.number);
        }
        self.rooms.want_tick(now);
    }

    /// Once a second while there is something: news for linked members, marks, and what is to be
    /// kept.
    pub(in crate::app) fn rooms_timeout(&mut self, now: Instant) {
        if self.rooms.tick_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        let Some((own, _)) = self.own_identity() else { return };
        let mut news = Vec::new();
        let mut marks = Vec::new();
        for (id, known) in &mut self.rooms.known {
            let feeds = core::mem::take(&mut known.news);
            if !feeds.is_empty() {
                news.push((*id, feeds));
            }
            marks.extend(known.changed_marks(&own).into_iter().map(|number| (*id, number)));
        }
        self.save_reached();
        for (room, number) in marks {
            self.tell_coverage(room, number);
        }
        for (room, feeds) in news {
            for user in self.linked_members(room) {
                let others = feeds.iter().filter(|(_, from)| **from != user);
                let others: Vec<Feed> = others.map(|(feed, _)| *feed).collect();
                if !others.is_empty() {
                    self.send_holdings(&user, room, Some(&others));
                }
            }
        }
    }

    /// Keeps how far members are.
    pub(in crate::app) fn save_reached(&mut self) {
        let Some(own) = self.account().map(|account| account.name.clone()) else { return };
        for (id, known) in &mut self.rooms.known {
            let unsaved = core::mem::take(&mut known.unsaved);
            if unsaved.is_empty() {
                continue;
            }
            let reached = unsaved.into_iter().filter_map(|name| {
                let reached = known.reached.get(&name)?;
                Some((name, *reached))
            });
            let reached = reached.collect();
            let everybody = known.everybody_has(&own);
            self.jobs.save(StoreRequest::SaveReached { room: *id, reached, everybody });
        }
    }

    /// Members to whom a link is wanted: whoever lacks something of ours, and some neighbours.
    pub(in crate::app) fn wanted_members(&self) -> Vec<Name> {
        let Some((own, _)) = self.own_identity() else { return Vec::new() };
        let mut wanted = Vec::new();
        for known in self.rooms.known.values().filter(|k| k.room.role(&own).is_some()) {
            let others: Vec<&Name> = known
                .room
                .present()
                .map(|member| &member.name)
                .filter(|name| **name != own && self.roster.is_online(name))
                .collect();
            let lacks = |name: &Name| {
                known.reached.get(name).is_some_and(|reached| reached.upto < known.own.number)
            };
            wanted.extend(others.iter().filter(|name| lacks(name)).map(|name| (*name).clone()));
            let is_linked =
                |name: &Name| self.links.up(name).is_some() || self.links.is_coming(name);
            let linked = others.iter().filter(|name| is_linked(name)).count();
            // Each begins with whoever follows him by name, so that not all choose the same.
            let after = others.partition_point(|name| **name < own);
            let around = others[after..].iter().chain(&others[..after]);
            let more = around.filter(|name| !is_linked(name));
            wanted.extend(more.take(NEIGHBOURS.saturating_sub(linked)).map(|name| (*name).clone()));
        }
        wanted
    }
}

/// What a member tells; `None` when it cannot be.
fn runs_of(holdings: &Holdings) -> Option<BTreeMap<Feed, Runs>> {
    let is_short = holdings.feeds.len() <= MAX_FEEDS;
    let runs = |held: &Held| {
        let is_short = held.runs.len() <= MAX_RANGES;
        Some((held.feed, Runs::new(&held.runs).filter(|_| is_short)?))
    };
    holdings.feeds.iter().map(runs).collect::<Option<_>>().filter(|_| is_short)
}

impl Known {
    /// A member told which of the own posts he lacks: those up to where he is are not for him. Says
    /// which are.
    fn settle_reached(&mut self, user: &Name, missing: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let Some(reached) = self.reached.get_mut(user) else { return missing.to_vec() };
        let for_him: Vec<(u64, u64)> = missing
            .iter()
            .filter(|(_, to)| *to > reached.upto)
            .map(|(from, to)| ((*from).max(reached.upto + 1), *to))
            .collect();
        let upto = for_him.first().map_or(self.own.number, |(from, _)| from - 1);
        if upto > reached.upto {
            reached.upto = upto;
            self.unsaved.insert(user.clone());
        }
        for_him
    }
}
