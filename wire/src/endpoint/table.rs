//! The connections of an endpoint, found by handle, by index on the wire, by readiness and by
//! deadline. A connection that has nothing to do is in no queue and costs nothing per wake.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_core::RngCore;
use slab::Slab;

use super::connect::Attempt;
use super::link::Link;
use super::punch::Punch;
use crate::id::ConnectionHandle;
use crate::node::Deadline;
use crate::time::Instant;

/// The place of a connection in the table.
pub(super) type Key = usize;

/// What a connection is at the moment.
///
/// ```text
/// connect() --> Connecting --RESP--------------------> Up --drained--> (gone)
/// call() -----> Calling ----RESP, or the first DATA--> Up
/// INIT -------> (half-open, no entry) --first DATA---> Up
/// ```
pub(super) enum State {
    /// A client's handshake with a server.
    Connecting(Box<Attempt>),
    /// The way to an introduced peer, and the handshake with it.
    Calling(Box<Punch>),
    /// The handshake is complete.
    Up(Box<Link>),
}

impl State {
    /// When it wants to be woken.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Connecting(attempt) => Some(attempt.deadline()),
            Self::Calling(punch) => Some(punch.deadline()),
            Self::Up(link) => link.deadline(),
        }
    }

    /// The address that stands for its way through the server.
    pub(super) const fn relay(&self) -> Option<SocketAddr> {
        match self {
            Self::Connecting(_) => None,
            Self::Calling(punch) => punch.relay(),
            Self::Up(link) => link.connection.relay(),
        }
    }
}

pub(super) struct Entry {
    pub(super) handle: ConnectionHandle,
    /// Under which the other side addresses its datagrams.
    pub(super) index: u32,
    pub(super) state: State,
    /// Its place in the deadline index.
    deadline: Option<Instant>,
    /// Whether it stands in the ready queue.
    queued: bool,
}

/// To whom an index on the wire belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A connection of the table.
    Entry(Key),
    /// A half-open session, by the ephemeral key of its INIT.
    HalfOpen([u8; 32]),
}

#[derive(Default)]
pub(super) struct Table {
    entries: Slab<Entry>,
    routes: BTreeMap<u32, Route>,
    deadlines: BTreeMap<(Instant, Key), &'static str>,
    /// The connection whose deadline is not in there, as it may change with every datagram of a
    /// batch: it is asked when it matters.
    unfiled: Option<Key>,
    ready: VecDeque<Key>,
    /// Handles given so far: the upper half of each, so that none is ever given twice.
    serial: u64,
}

impl Table {
    /// An index that no connection has, for `route` once it is known. Random, so that strangers
    /// do not guess it.
    pub(super) fn free_index(&self, rng: &mut impl RngCore) -> u32 {
        loop {
            let index = rng.next_u32();
            if !self.routes.contains_key(&index) {
                return index;
            }
        }
    }

    /// A handle that belongs to nothing: for a connection that ends before it begins.
    pub(super) fn dead_handle(&mut self) -> ConnectionHandle {
        let key = self.entries.vacant_key();
        self.new_handle(key)
    }

    pub(super) fn insert(&mut self, index: u32, state: State) -> Key {
        let key = self.entries.vacant_key();
        let handle = self.new_handle(key);
        self.entries.insert(Entry { handle, index, state, deadline: None, queued: false });
        self.routes.insert(index, Route::Entry(key));
        key
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.try_remove(key)?;
        self.routes.remove(&entry.index);
        if let Some(at) = entry.deadline {
            self.deadlines.remove(&(at, key));
        }
        self.unfiled.take_if(|unfiled| *unfiled == key);
        // A key left in the ready queue finds nothing, or a successor with nothing to send.
        Some(entry)
    }

    pub(super) fn key_of(&self, handle: ConnectionHandle) -> Option<Key> {
        let key = usize::try_from(handle.0 & u64::from(u32::MAX)).ok()?;
        (self.entries.get(key)?.handle == handle).then_some(key)
    }

    /// The first connection in such a state.
    pub(super) fn find(&self, is_it: impl Fn(&State) -> bool) -> Option<Key> {
        self.entries.iter().find(|(_, entry)| is_it(&entry.state)).map(|(key, _)| key)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    pub(super) fn route(&self, index: u32) -> Option<Route> {
        self.routes.get(&index).copied()
    }

    /// How many indexes are taken.
    #[cfg(test)]
    pub(super) fn routes(&self) -> usize {
        self.routes.len()
    }

    pub(super) fn add_route(&mut self, index: u32, route: Route) {
        self.routes.insert(index, route);
    }

    pub(super) fn remove_route(&mut self, index: u32) {
        self.routes.remove(&index);
    }

    /// Puts the connection at the end of the queue of those that may have something to send.
    pub(super) fn mark_ready(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(key)
            && !entry.queued
        {
            entry.queued = true;
            self.ready.push_back(key);
        }
    }

    /// Takes the first connection that may have something to send.
    pub(super) fn next_ready(&mut self) -> Option<Key> {
        while let Some(key) = self.ready.pop_front() {
            if let Some(entry) = self.entries.get_mut(key)
                && entry.queued
            {
                entry.queued = false;
                return Some(key);
            }
        }
        None
    }

    /// The connection whose deadline is not filed.
    pub(super) const fn unfiled(&self) -> Option<Key> {
        self.unfiled
    }

    /// Leaves the connection's deadline unfiled, and says whose is to be filed instead: there is
    /// one at a time.
    pub(super) fn leave_unfiled(&mut self, key: Key) -> Option<Key> {
        if self.unfiled == Some(key) {
            return None;
        }
        self.set_deadline(key, None);
        self.unfiled.replace(key)
    }

    /// Notes when the connection wants to be woken.
    pub(super) fn set_deadline(&mut self, key: Key, deadline: Option<Deadline>) {
        self.unfiled.take_if(|unfiled| *unfiled == key);
        let Some(entry) = self.entries.get_mut(key) else { return };
        let at = deadline.map(|deadline| deadline.at);
        if let Some(before) = entry.deadline
            && entry.deadline != at
        {
            self.deadlines.remove(&(before, key));
        }
        entry.deadline = at;
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline.at, key), deadline.timer);
        }
    }

    /// The earliest deadline that is filed.
    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        let (&(at, _), &timer) = self.deadlines.first_key_value()?;
        Some(Deadline { at, timer })
    }

    /// Takes a connection whose deadline has come.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Key> {
        let first = self.deadlines.first_entry()?;
        let &(at, key) = first.key();
        if at > now {
            return None;
        }
        first.remove();
        if let Some(entry) = self.entries.get_mut(key) {
            entry.deadline = None;
        }
        Some(key)
    }

    fn new_handle(&mut self, key: Key) -> ConnectionHandle {
        self.serial += 1;
        ConnectionHandle(self.serial << 32 | key as u64)
    }
}
