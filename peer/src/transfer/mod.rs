//! Handing over files: who offered what to whom, how far each is, and what to ask of the disk and
//! of the other side next.
//!
//! A machine without sockets, disk or clock. Files are pulled: the receiver opens a Bulk stream
//! and asks for ranges; the sender reads, verifies and answers; the receiver verifies every group
//! of 16 KiB before it is written.

mod links;

use std::path::PathBuf;

use wire::app::name::Name;
use wire::app::peer::Control;
use wire::time::Instant;
use wire::{Deadline, Seed, StreamId};

pub use self::links::BulkStreams;
use crate::output::{FileLine, Output};
use crate::work::{Outcome, TransferRecord, Work};

/// What every verb needs: the time, and the streams of the links that are up.
pub struct Context<'a> {
    /// Now.
    pub now: Instant,
    /// The wall clock: milliseconds since 1970.
    pub unix_ms: u64,
    /// Bulk streams by user.
    pub streams: &'a mut dyn BulkStreams,
}

/// How transfers behave here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// Offers of at most this many bytes are accepted without asking.
    pub auto_accept: Option<u64>,
}

/// Names a job of [`Transfers::poll_work`] until its outcome is handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job(u64);

/// All transfers of this installation.
///
/// Contract: after any verb, drain [`poll_work`](Self::poll_work),
/// [`poll_control`](Self::poll_control) and [`poll_output`](Self::poll_output) until they give
/// `None`, then look at [`poll_timeout`](Self::poll_timeout) and
/// [`wants_link`](Self::wants_link). Verbs never fail: what cannot be done becomes an
/// [`Output::Error`].
pub struct Transfers {}

#[expect(unused_variables, reason = "skeleton")]
impl Transfers {
    /// No transfers yet. Ids are drawn from `seed`.
    #[must_use]
    pub fn new(policy: Policy, seed: &Seed) -> Self {
        Self {}
    }

    /// Takes over what the database held. Called once, before any other verb.
    pub fn load(&mut self, cx: &mut Context<'_>, records: Vec<TransferRecord>) {}

    /// Hashes a file and offers it.
    pub fn send(&mut self, cx: &mut Context<'_>, to: Name, path: PathBuf) {}

    /// Takes an offered file: the only one when `id` is `None`.
    pub fn accept(&mut self, cx: &mut Context<'_>, id: Option<u64>) {}

    /// Refuses an offered file: the only one when `id` is `None`.
    pub fn decline(&mut self, cx: &mut Context<'_>, id: Option<u64>) {}

    /// Pauses on this side.
    pub fn pause(&mut self, cx: &mut Context<'_>, id: u64) {}

    /// Pauses no longer on this side.
    pub fn resume(&mut self, cx: &mut Context<'_>, id: u64) {}

    /// Gives up for good.
    pub fn cancel(&mut self, cx: &mut Context<'_>, id: u64) {}

    /// Gives up everything with this user: he was blocked.
    pub fn cancel_all(&mut self, cx: &mut Context<'_>, user: &Name) {}

    /// All transfers, by number.
    #[must_use]
    pub fn list(&self, now: Instant) -> Vec<FileLine> {
        Vec::new()
    }

    /// Users to whom a link is needed for something to go on.
    pub fn wants_link(&self) -> Vec<Name> {
        Vec::new()
    }

    /// The link to this user is up. When it replaces another, `on_link_down` came before.
    pub fn on_link_up(&mut self, cx: &mut Context<'_>, user: &Name) {}

    /// The link to this user is gone, and its streams with it.
    pub fn on_link_down(&mut self, cx: &mut Context<'_>, user: &Name) {}

    /// The user said something about transfers.
    pub fn on_control(&mut self, cx: &mut Context<'_>, user: &Name, control: Control) {}

    /// The user opened a stream of class Bulk.
    pub fn on_opened(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {}

    /// A stream of class Bulk has something to read: bytes, an end or a reset.
    pub fn on_readable(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {}

    /// A stream of class Bulk takes bytes again.
    pub fn on_writable(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {}

    /// The user wants no more of a stream of class Bulk.
    pub fn on_stopped(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {}

    /// A job came out so.
    pub fn handle_outcome(&mut self, cx: &mut Context<'_>, job: Job, outcome: Outcome) {}

    /// Does what is due.
    pub fn handle_timeout(&mut self, cx: &mut Context<'_>) {}

    /// When `handle_timeout` is next due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    /// The next job for the database or the disk.
    pub fn poll_work(&mut self) -> Option<(Job, Work)> {
        None
    }

    /// The next message for the Control stream to a user whose link is up.
    pub fn poll_control(&mut self) -> Option<(Name, Control)> {
        None
    }

    /// The next thing to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
}
