//! Handing over files: who offered what to whom, how far each is, and what to ask of the disk and
//! of the other side next.
//!
//! A machine without sockets, disk or clock. Files are pulled: the receiver opens a Bulk stream
//! and asks for ranges; the sender reads and answers; the receiver verifies every group
//! of 16 KiB before it is written.
//!
//! ```text
//! sending     Hashing -> Recording -> Serving ------------------------> Over
//! receiving   Idle -> Preparing -> Fetching -> Finishing -------------> Over
//!              ^----------+------------+-----------+  the disk refuses: paused, then again
//! ```
//!
//! What grows while it is handed over has steps of its own before these ([`live`]).
//!
//! Both sides repeat on every new link what they hold to be so (offer, acceptance, pause, end), so
//! that a message lost with a link, or with a program, is made good by the next one.

mod caps;
mod common;
mod desk;
mod fetch;
mod films;
mod folders;
mod hold;
mod limit;
mod links;
mod live;
mod members;
mod preview;
mod ranges;
mod rate;
mod readers;
mod receiving;
mod repair;
mod sending;
mod serve;
mod spare;
mod table;
mod verify;
mod viewing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rand_core::RngCore;
use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control, TransferId};
use wire::app::room::RoomId;
use wire::time::Instant;
use wire::{Deadline, Seed, StreamId};

use self::common::Ending;
use self::desk::{Desk, Purpose, StreamKey};
pub(crate) use self::fetch::MAX_WINDOW;
pub use self::films::{Question, Subject};
pub use self::hold::Hold;
use self::limit::Limit;
pub use self::links::{BulkStreams, Membership};
use self::live::Live;
#[cfg(feature = "shell")]
pub(crate) use self::ranges::Ranges;
pub use self::readers::Reader;
use self::serve::Serving;
use self::spare::Spare;
use self::table::{Paused, Stage, Table, Transfer};
use self::viewing::Views;
pub use self::viewing::{Film, View, ViewNews};
use crate::output::{FileLine, Output};
use crate::work::{AutoAccept, Direction, FileReply, Outcome, TransferRecord, TransferState, Work};

/// Codes with which Bulk streams are reset and stopped.
pub mod code {
    /// The request is for something that is not offered to the one who asks.
    pub const REFUSED: u32 = 1;
    /// The transfer is over.
    pub const OVER: u32 = 2;
    /// Nothing was taken for too long.
    pub const STALLED: u32 = 3;
}

/// What every verb needs: the time, and the streams of the links that are up.
pub struct Context<'a> {
    /// Now.
    pub now: Instant,
    /// The wall clock: milliseconds since 1970.
    pub unix_ms: u64,
    /// Bulk streams by user.
    pub streams: &'a mut dyn BulkStreams,
    /// Who is in which room.
    pub rooms: &'a dyn Membership,
}

/// How transfers behave here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Offers of at most this many bytes are accepted without asking.
    pub auto_accept: Option<u64>,
    /// Bytes of files that are sent in a second, to all together.
    pub limit_up: Option<u64>,
    /// Bytes of files that are fetched in a second, from all together.
    pub limit_down: Option<u64>,
}

/// Names a job of [`Transfers::poll_work`] until its outcome is handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job(u64);

/// All transfers of one profile.
///
/// Contract: after any verb, drain [`poll_work`](Self::poll_work),
/// [`poll_control`](Self::poll_control), [`poll_output`](Self::poll_output) and
/// [`poll_view`](Self::poll_view) until they give `None`, then look at [`poll_timeout`](Self::poll_timeout) and
/// [`wants_link`](Self::wants_link). Verbs never fail: what cannot be done becomes an
/// [`Output::Error`]. Outcomes of jobs of another instance are passed over.
pub struct Transfers {
    policy: Policy,
    /// How fast files go.
    up: Limit,
    down: Limit,
    /// Whose turn it was when the limit was reached.
    last_limited: Option<StreamKey>,
    /// What was chosen of single users.
    auto_accept: BTreeMap<Name, AutoAccept>,
    rng: rand_chacha::ChaCha20Rng,
    table: Table,
    desk: Desk,
    /// Streams that others opened to fetch files of ours.
    serving: BTreeMap<StreamKey, Serving>,
    /// After whom it is somebody else's turn.
    last_served: Option<StreamKey>,
    /// Streams that we opened, with the number of the transfer.
    fetching: BTreeMap<StreamKey, u64>,
    /// Files that grow.
    live: Live,
    /// Bytes handed to the disk and not yet told to be written.
    writing: u64,
    /// Room for ranges.
    spare: Spare,
    /// Which files are played.
    views: Views,
    /// Whether the disk was asked how much room there is, and has not answered.
    asks_for_room: bool,
}

impl Transfers {
    /// No transfers yet. Ids are drawn from `seed`.
    #[must_use]
    pub fn new(policy: Policy, seed: &Seed) -> Self {
        let mut rng = seed.rng();
        // Somewhere in a large space: the outcomes of an earlier instance are not taken for ours.
        let first_job = rng.next_u64();
        let (mut up, mut down) = (Limit::default(), Limit::default());
        up.set(policy.limit_up);
        down.set(policy.limit_down);
        Self {
            policy,
            up,
            down,
            last_limited: None,
            auto_accept: BTreeMap::new(),
            rng,
            table: Table::default(),
            desk: Desk::new(first_job),
            serving: BTreeMap::new(),
            last_served: None,
            fetching: BTreeMap::new(),
            live: Live::default(),
            writing: 0,
            spare: Spare::default(),
            views: Views::default(),
            asks_for_room: false,
        }
    }

    /// From now on transfers behave so.
    pub fn set_policy(&mut self, cx: &mut Context<'_>, policy: Policy) {
        if policy.limit_up != self.policy.limit_up {
            self.up.set(policy.limit_up);
        }
        if policy.limit_down != self.policy.limit_down {
            self.down.set(policy.limit_down);
        }
        self.policy = policy;
        self.go_on_within_limits(cx);
    }

    /// What had to wait for its turn may go on.
    fn go_on_within_limits(&mut self, cx: &mut Context<'_>) {
        let keys: Vec<StreamKey> = self.serving.keys().cloned().collect();
        let after = keys.partition_point(|key| Some(key) <= self.last_limited.as_ref());
        for key in keys[after..].iter().chain(&keys[..after]) {
            self.serve_on(cx, key);
        }
        let fetched = self.fetching.values().chain(self.live.streams.values());
        let fetched: BTreeSet<u64> = fetched.copied().collect();
        for number in fetched {
            self.advance(cx, number);
        }
    }

    /// From now on this is done with what this user offers.
    pub fn set_auto_accept(&mut self, user: Name, chosen: AutoAccept) {
        match chosen {
            AutoAccept::Usual => self.auto_accept.remove(&user),
            AutoAccept::Never | AutoAccept::Any | AutoAccept::UpTo(_) => {
                self.auto_accept.insert(user, chosen)
            }
        };
    }

    /// Takes over what the database held. Called once, before any other verb.
    pub fn load(&mut self, cx: &mut Context<'_>, records: Vec<TransferRecord>) {
        self.views.begin();
        for record in records {
            let stage = match (record.state.is_over(), record.direction) {
                (true, _) => Stage::Over,
                (false, Direction::Sending) => Stage::Serving,
                (false, Direction::Receiving) => Stage::Idle,
            };
            let is_offer =
                record.direction == Direction::Receiving && record.state == TransferState::Offered;
            let is_live = record.growing && matches!(stage, Stage::Serving);
            let number = self.add(cx, record, stage);
            if is_live {
                self.go_on_growing(cx, number);
            }
            if is_offer {
                self.show_offer(cx, number);
            }
            let Some(transfer) = self.table.get_mut(number) else { continue };
            transfer.is_live = is_live;
            if matches!(transfer.stage, Stage::Over) {
                if transfer.record.state == TransferState::Complete {
                    transfer.done = transfer.record.size;
                }
            } else if !is_offer {
                self.desk.show(transfer, cx.now);
            }
        }
        self.load_folders(cx);
        // The last run may have died before its disk forgot.
        for transfer in self.table.iter() {
            if matches!(transfer.stage, Stage::Over)
                && !transfer.record.is_shared_on()
                && self.table.is_last(&transfer.record)
            {
                self.desk.forget(&transfer.record);
            }
        }
    }

    /// One more transfer; gives its number.
    fn add(&mut self, cx: &Context<'_>, record: TransferRecord, stage: Stage) -> u64 {
        let room = record.share.map(|share| cx.rooms.title(share.room));
        let number = self.table.insert(record, stage);
        if let Some(transfer) = self.table.get_mut(number) {
            transfer.room = room;
        }
        for record in self.table.take_dropped() {
            self.desk.forget(&record);
        }
        number
    }

    /// Hashes a file and offers it.
    pub fn send(&mut self, cx: &mut Context<'_>, to: Name, path: PathBuf) {
        self.begin_sending(cx, vec![to], None, &path);
    }

    /// Hashes a file once and offers it to these members of a room, who may fetch it from each other
    /// too.
    pub fn send_to_room(
        &mut self,
        cx: &mut Context<'_>,
        room: RoomId,
        members: Vec<Name>,
        path: &Path,
    ) {
        self.begin_sending(cx, members, Some(room), path);
    }

    /// Takes an offered file: the only one when `id` is `None`.
    pub fn accept(&mut self, cx: &mut Context<'_>, id: Option<u64>) {
        if let Some(number) = self.offered(id) {
            self.accept_offer(cx, number);
        }
    }

    /// Takes an offered file, and saves it there.
    pub fn get(&mut self, cx: &mut Context<'_>, id: u64, place: PathBuf) {
        let Some(number) = self.offered(Some(id)) else { return };
        if let Some(transfer) = self.table.get_mut(number) {
            transfer.record.path = Some(place);
        }
        self.accept_offer(cx, number);
    }

    /// Refuses an offered file: the only one when `id` is `None`.
    pub fn decline(&mut self, cx: &mut Context<'_>, id: Option<u64>) {
        if let Some(number) = self.offered(id) {
            self.end(cx, number, TransferState::Declined, Ending::told(Control::Decline));
        }
    }

    /// Pauses on this side.
    pub fn pause(&mut self, cx: &mut Context<'_>, id: u64) {
        let Some(transfer) = self.open(id) else { return };
        if matches!(transfer.stage, Stage::Hashing { .. } | Stage::Recording) {
            return self
                .desk
                .error(format!("Transfer {id} has not begun: '/cancel {id}' ends it."));
        }
        if transfer.record.paused {
            return self.desk.error(format!("Transfer {id} is paused already."));
        }
        self.pause_here(cx, id, None);
    }

    /// Pauses no longer on this side.
    pub fn resume(&mut self, cx: &mut Context<'_>, id: u64) {
        let Some(transfer) = self.open(id) else { return };
        let user = transfer.record.with.clone();
        if !transfer.record.paused {
            let text = match transfer.peer_paused {
                Paused::Yes => {
                    format!("Transfer {id} is paused by {user}, who alone can resume it.")
                }
                Paused::No => format!("Transfer {id} is not paused."),
            };
            return self.desk.error(text);
        }
        transfer.record.paused = false;
        transfer.reason = None;
        transfer.flows_again(cx.now);
        let control = Control::Resume(transfer.record.id);
        let Some(transfer) = self.table.get_mut(id) else { return };
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        self.desk.say(&user, control);
        self.hold_parts(cx, id);
        self.advance(cx, id);
    }

    /// Gives up for good.
    pub fn cancel(&mut self, cx: &mut Context<'_>, id: u64) {
        if self.open(id).is_some() {
            let state = TransferState::Cancelled(CancelReason::User);
            self.end(cx, id, state, Ending::cancelled(CancelReason::User));
        }
    }

    /// Gives up everything with this user without telling him: he was blocked, or does not exist.
    pub fn cancel_all(&mut self, cx: &mut Context<'_>, user: &Name, why: Option<&str>) {
        for number in self.table.open_with(user) {
            // The files of a folder end with it.
            if self.table.get(number).is_none_or(|it| matches!(it.stage, Stage::Over)) {
                continue;
            }
            let state = TransferState::Cancelled(CancelReason::User);
            self.end(cx, number, state, Ending::silent(why.map(str::to_owned)));
        }
    }

    /// Gives up everything with everybody without telling anybody: the account is gone.
    pub fn cancel_everything(&mut self, cx: &mut Context<'_>, why: &str) {
        let users: BTreeSet<Name> =
            self.table.iter().map(|transfer| transfer.record.with.clone()).collect();
        for user in users {
            self.cancel_all(cx, &user, Some(why));
        }
    }

    /// How many offers wait for an answer of the user here.
    #[must_use]
    pub fn offers_to_us(&self) -> usize {
        self.table.iter().filter(|transfer| receiving::is_offer_to_us(transfer)).count()
    }

    /// Offers of ours to this user, and not to a room, that he has not answered.
    #[must_use]
    pub fn offers_to(&self, user: &Name) -> Vec<TransferId> {
        let is_meant = |it: &&Transfer| {
            sending::is_offer_to(it, user) && it.record.share.is_none() && it.folder.is_none()
        };
        let offers = self.table.iter().filter(is_meant);
        offers.map(|transfer| transfer.record.id).collect()
    }

    /// Ends what this user was offered and has not answered.
    pub fn give_up_offers(&mut self, cx: &mut Context<'_>, user: &Name, why: &str) {
        for id in self.offers_to(user) {
            if let Some(number) = self.table.find_with(user, id).map(|transfer| transfer.number) {
                let reason = CancelReason::User;
                let ending = Ending::cancelled(reason).because(why.to_owned());
                self.end(cx, number, TransferState::Cancelled(reason), ending);
            }
        }
    }

    /// The other user of a transfer.
    #[must_use]
    pub fn other_side(&self, id: u64) -> Option<Name> {
        self.table.get(id).map(|transfer| transfer.record.with.clone())
    }

    /// The user listens now: what he was offered he is offered again.
    pub fn offer_again(&mut self, cx: &mut Context<'_>, user: &Name) {
        let offers = self.table.iter().filter(|it| sending::is_offer_to(it, user) && it.is_told);
        let numbers: Vec<u64> = offers.map(|transfer| transfer.number).collect();
        for number in numbers {
            self.offer_once_more(number);
        }
        self.offer_waiting(cx, user);
    }

    /// All transfers but the files of folders, by number.
    #[must_use]
    pub fn list(&self, now: Instant) -> Vec<FileLine> {
        let transfers = self.table.iter().filter(|transfer| transfer.folder.is_none());
        transfers.map(|transfer| self.line(transfer, now)).collect()
    }

    /// Whether somebody who is there is still to be told the end of a transfer: that it is
    /// complete is said only when it is durable.
    #[must_use]
    pub fn has_last_words(&self) -> bool {
        let waits = |transfer: &Transfer| {
            matches!(transfer.stage, Stage::Over)
                && transfer.tell.is_some()
                && self.desk.link(&transfer.record.with) == table::LinkState::Up
        };
        self.table.iter().any(waits)
    }

    /// Users to whom a link is needed for something to go on.
    #[must_use]
    pub fn wants_link(&self) -> Vec<Name> {
        let wants = |transfer: &&Transfer| match (&transfer.stage, &transfer.record.state) {
            (Stage::Over, _) => transfer.tell.is_some(),
            // Its folder does, when it goes on.
            _ if transfer.folder.is_some() => false,
            (Stage::Hashing { .. } | Stage::Recording, _) => false,
            (_, TransferState::Offered) => {
                transfer.record.direction == Direction::Sending && !transfer.record.paused
            }
            _ => !transfer.record.paused,
        };
        let mut users: Vec<Name> =
            self.table.iter().filter(wants).map(|transfer| transfer.record.with.clone()).collect();
        users.sort();
        users.dedup();
        users
    }

    /// The link to this user is up. When it replaces another, `on_link_down` came before.
    pub fn on_link_up(&mut self, cx: &mut Context<'_>, user: &Name) {
        self.desk.link_up(user);
        let numbers: Vec<u64> = self
            .table
            .iter()
            .filter(|transfer| transfer.record.with == *user)
            .map(|transfer| transfer.number)
            .collect();
        for number in numbers {
            self.introduce(cx, number);
            self.advance(cx, number);
        }
        self.offer_parts(cx, user);
        self.ask_member(cx, user);
    }

    /// The link to this user is gone, and its streams with it.
    pub fn on_link_down(&mut self, cx: &mut Context<'_>, user: &Name) {
        self.desk.link_down(user);
        self.serving.retain(|(with, _), _| with != user);
        self.fetching.retain(|(with, _), _| with != user);
        self.live.streams.retain(|(with, _), _| with != user);
        for number in self.table.open_with(user) {
            let Some(transfer) = self.table.get_mut(number) else { continue };
            transfer.peer_paused = Paused::No;
            transfer.is_told = false;
            transfer.rate.clear();
            match &mut transfer.stage {
                Stage::Fetching(fetch) => fetch.lose_link(user),
                Stage::Growing(growing) => {
                    growing.lose_stream();
                    growing.afresh();
                }
                Stage::Hashing { .. }
                | Stage::Recording
                | Stage::Serving
                | Stage::Closing { .. }
                | Stage::Idle
                | Stage::Preparing { .. }
                | Stage::Finishing
                | Stage::Over => {}
            }
            self.desk.show(transfer, cx.now);
        }
        let is_folder = |it: &&Transfer| it.record.is_folder() && it.record.with == *user;
        let folders: Vec<u64> = self.table.iter().filter(is_folder).map(|it| it.number).collect();
        for number in folders {
            self.hold_parts(cx, number);
        }
        self.lose_member(cx, user);
        self.serve_waiting(cx);
        self.start_waiting(cx);
    }

    /// The user said something about transfers.
    pub fn on_control(&mut self, cx: &mut Context<'_>, user: &Name, control: Control) {
        match control {
            Control::Offer(offer) => self.on_offer(cx, user, offer),
            Control::Live(offer) => self.on_live(cx, user, offer),
            Control::Accept(id) => self.on_accept(cx, user, id),
            Control::Decline(id) => self.ended_by_peer(cx, user, id, TransferState::Declined),
            Control::Cancel(id, reason) => {
                self.ended_by_peer(cx, user, id, TransferState::CancelledByPeer(reason));
            }
            Control::Complete(id) => self.ended_by_peer(cx, user, id, TransferState::Complete),
            // The user is at another machine than the one that offered it, and may go back.
            Control::Unknown(id) => self.paused_by_peer(cx, user, id, Paused::Yes),
            Control::Pause(id) => self.paused_by_peer(cx, user, id, Paused::Yes),
            Control::Resume(id) => self.paused_by_peer(cx, user, id, Paused::No),
            Control::Have(have) => self.on_have(cx, user, &have),
            // Not about transfers.
            Control::Code(_) | Control::Watch(_) => {}
        }
    }

    /// The user opened a stream of class Bulk.
    pub fn on_opened(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {
        let key = (user.clone(), stream);
        self.serving.insert(key.clone(), Serving::default());
        self.serve_on(cx, &key);
    }

    /// A stream of class Bulk has something to read: bytes, an end or a reset.
    pub fn on_readable(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {
        let key = (user.clone(), stream);
        if let Some(serving) = self.serving.get_mut(&key) {
            serving.note_readable();
            self.serve_on(cx, &key);
        } else if let Some(number) = self.fetching.get(&key).copied() {
            if let Some(Stage::Fetching(fetch)) =
                self.table.get_mut(number).map(|transfer| &mut transfer.stage)
            {
                fetch.note_readable(user);
            }
            self.advance(cx, number);
        } else if let Some(number) = self.live.streams.get(&key).copied() {
            if let Some(Stage::Growing(growing)) =
                self.table.get_mut(number).map(|transfer| &mut transfer.stage)
            {
                growing.note_readable();
            }
            self.advance(cx, number);
        }
    }

    /// A stream of class Bulk takes bytes again.
    pub fn on_writable(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {
        let key = (user.clone(), stream);
        if self.serving.contains_key(&key) {
            self.serve_on(cx, &key);
            self.serve_waiting(cx);
        } else if let Some(number) = self.fetched_by(&key) {
            self.advance(cx, number);
        }
    }

    /// The user wants no more of a stream of class Bulk.
    pub fn on_stopped(&mut self, cx: &mut Context<'_>, user: &Name, stream: StreamId) {
        let key = (user.clone(), stream);
        if self.serving.contains_key(&key) {
            self.drop_served(cx, &key, code::OVER);
        } else if let Some(number) = self.fetching.get(&key).copied() {
            self.lose_stream(cx, number, user);
        } else if let Some(number) = self.live.streams.get(&key).copied() {
            self.lose_live_stream(cx, number);
        }
    }

    /// The transfer for which we opened a stream.
    fn fetched_by(&self, key: &StreamKey) -> Option<u64> {
        self.fetching.get(key).or_else(|| self.live.streams.get(key)).copied()
    }

    /// A job came out so.
    pub fn handle_outcome(&mut self, cx: &mut Context<'_>, job: Job, outcome: Outcome) {
        match outcome {
            Outcome::Store(outcome) => {
                if let Some(Purpose::Save(number)) = self.desk.finished(job) {
                    self.saved(cx, number, outcome.err());
                }
            }
            Outcome::File(Ok(FileReply::Hashing { done, size })) => match self.desk.purpose(job) {
                Some(Purpose::Hash(number)) => self.hashing(cx, number, done, size),
                Some(Purpose::Close(number)) => self.live_closing(cx, number, done),
                _ => {}
            },
            Outcome::File(Ok(FileReply::Checking { done, .. })) => {
                if let Some(Purpose::Prepare(number)) = self.desk.purpose(job) {
                    self.checking(cx, number, done);
                }
            }
            Outcome::File(outcome) => {
                if let Some(purpose) = self.desk.finished(job) {
                    self.disk_answered(cx, job, purpose, outcome);
                }
            }
            Outcome::Login(_) | Outcome::Backup(_) => {}
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        if self.desk.next_report.is_some_and(|at| at <= cx.now) {
            self.desk.next_report = None;
            self.report(cx);
        }
        if self.desk.next_retry.is_some_and(|at| at <= cx.now) {
            self.desk.next_retry = None;
            self.retry(cx);
        }
        if self.desk.next_turn.is_some_and(|at| at <= cx.now) {
            self.desk.next_turn = None;
            self.go_on_within_limits(cx);
        }
        if self.desk.next_have.is_some_and(|at| at <= cx.now) {
            self.desk.next_have = None;
            self.tell_members();
        }
        if self.desk.next_look.is_some_and(|at| at <= cx.now) {
            self.desk.next_look = None;
            self.look_at_all_live(cx);
        }
    }

    /// When `handle_timeout` is next due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let report = self.desk.next_report.map(|at| Deadline { at, timer: "transfer report" });
        let retry = self.desk.next_retry.map(|at| Deadline { at, timer: "transfer retry" });
        let have = self.desk.next_have.map(|at| Deadline { at, timer: "transfer members" });
        let turn = self.desk.next_turn.map(|at| Deadline { at, timer: "transfer limit" });
        let look = self.desk.next_look.map(|at| Deadline { at, timer: "transfer look" });
        report.into_iter().chain(retry).chain(have).chain(turn).chain(look).min()
    }

    /// The next job for the database or the disk.
    pub fn poll_work(&mut self) -> Option<(Job, Work)> {
        self.desk.work.pop_front()
    }

    /// The next message for the Control stream to a user whose link is up.
    pub fn poll_control(&mut self) -> Option<(Name, Control)> {
        self.desk.controls.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.desk.outputs.pop_front() {
            return Some(output);
        }
        while let Some((number, now)) = self.desk.folders.pop_first() {
            if let Some(folder) = self.table.get(number) {
                return Some(Output::File { file: self.folder_line(folder, now) });
            }
        }
        None
    }
}

#[cfg(test)]
#[cfg(all(feature = "files", feature = "sqlite"))]
mod tests;
