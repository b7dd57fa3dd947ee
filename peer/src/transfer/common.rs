//! What both directions have in common: the next step of a transfer, pauses, ends, and what comes
//! back from the database and the disk.

use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control, TransferId};

use super::desk::Purpose;
use super::readers::Readers;
use super::table::{LinkState, Paused, Stage, Transfer};
use super::{Context, Job, Transfers, code, live};
use crate::work::{Destination, Direction, FileError, FileReply, StoreError, TransferState};

/// What to say about an end.
#[derive(Default)]
pub(super) struct Ending {
    /// To the other side, once the end is durable.
    tell: Option<fn(TransferId) -> Control>,
    cancel: Option<CancelReason>,
    /// To the person here.
    reason: Option<String>,
}

impl Ending {
    pub(super) fn told(control: fn(TransferId) -> Control) -> Self {
        Self { tell: Some(control), ..Self::default() }
    }

    pub(super) fn cancelled(reason: CancelReason) -> Self {
        Self { cancel: Some(reason), ..Self::default() }
    }

    /// Nothing to the other side.
    pub(super) fn silent(reason: Option<String>) -> Self {
        Self { reason, ..Self::default() }
    }

    pub(super) fn because(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The same, and why, if there is anything to say.
    pub(super) fn explained(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    fn control(&self, id: TransferId) -> Option<Control> {
        match self.cancel {
            Some(reason) => Some(Control::Cancel(id, reason)),
            None => self.tell.map(|control| control(id)),
        }
    }
}

/// What to say when there is no transfer of this number.
pub(super) fn unlisted(number: u64) -> String {
    format!("There is no transfer {number}: '/files' lists them.")
}

impl Transfers {
    /// A transfer that is not over; tells when there is none.
    pub(super) fn open(&mut self, number: u64) -> Option<&mut Transfer> {
        match self.table.get_mut(number) {
            None => {
                self.desk.error(unlisted(number));
                None
            }
            Some(transfer) if matches!(transfer.stage, Stage::Over) => {
                self.desk.error(format!("Transfer {number} is over."));
                None
            }
            Some(Transfer { folder: Some(folder), .. }) => {
                self.desk.error(format!(
                    "Transfer {number} is a file of the folder {folder}: say {folder}, for all of it."
                ));
                None
            }
            Some(transfer) => Some(transfer),
        }
    }

    /// Does whatever can be done next for a transfer.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        match transfer.stage {
            Stage::Hashing { .. }
            | Stage::Recording
            | Stage::Preparing { .. }
            | Stage::Finishing => {}
            Stage::Serving | Stage::Closing { .. } => self.serve_transfer(cx, number),
            Stage::Growing(_) => self.grow_on(cx, number),
            Stage::Idle => self.start(cx, number),
            Stage::Fetching(_) => self.fetch_on(cx, number),
            Stage::Over => {
                if transfer.saving == 0
                    && self.desk.link(&transfer.record.with) == LinkState::Up
                    && let Some(control) = transfer.tell.take()
                {
                    self.desk.say(&transfer.record.with, control);
                }
            }
        }
    }

    /// Says over a new link how things stand.
    pub(super) fn introduce(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let (id, user) = (transfer.record.id, transfer.record.with.clone());
        match transfer.stage {
            Stage::Over | Stage::Hashing { .. } | Stage::Recording => return,
            Stage::Serving | Stage::Closing { .. } => {
                let is_part = transfer.folder.is_some();
                let Some(transfer) = self.table.get(number) else { return };
                let may_tell = if is_part {
                    self.may_tell_part(transfer)
                } else {
                    transfer.record.state != TransferState::Offered || self.may_offer(&user)
                };
                if !may_tell {
                    return;
                }
                let Some(transfer) = self.table.get_mut(number) else { return };
                transfer.is_told = true;
                self.desk.say(&user, live::offering(&transfer.record));
            }
            Stage::Idle
            | Stage::Preparing { .. }
            | Stage::Growing(_)
            | Stage::Fetching(_)
            | Stage::Finishing => {
                if transfer.record.state == TransferState::Offered {
                    return;
                }
                if transfer.saving > 0 {
                    // Perhaps the acceptance itself: said when it is durable.
                    transfer.tell = Some(Control::Accept(id));
                    return;
                }
                transfer.tell = None;
                self.desk.say(&user, Control::Accept(id));
            }
        }
        let Some(transfer) = self.table.get_mut(number) else { return };
        if transfer.record.paused {
            self.desk.say(&user, Control::Pause(id));
        }
        self.desk.show(transfer, cx.now);
    }

    /// Pauses, by the user or because the disk refuses.
    pub(super) fn pause_here(&mut self, cx: &mut Context<'_>, number: u64, reason: Option<String>) {
        let number = self.concerned(number);
        let Some(transfer) = self.table.get_mut(number) else { return };
        transfer.record.paused = true;
        transfer.reason = reason;
        transfer.rate.clear();
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        let control = Control::Pause(transfer.record.id);
        let user = transfer.record.with.clone();
        self.desk.say(&user, control);
        self.hold_parts(cx, number);
        self.start_waiting(cx);
    }

    pub(super) fn paused_by_peer(
        &mut self,
        cx: &mut Context<'_>,
        user: &Name,
        id: TransferId,
        paused: Paused,
    ) {
        let Some(number) = self.table.find_with(user, id).map(|transfer| transfer.number) else {
            return;
        };
        let Some(transfer) = self.table.get_mut(number) else { return };
        if matches!(transfer.stage, Stage::Over) || transfer.peer_paused == paused {
            return;
        }
        transfer.peer_paused = paused;
        match paused {
            Paused::Yes => transfer.rate.clear(),
            Paused::No => transfer.flows_again(cx.now),
        }
        self.desk.show(transfer, cx.now);
        self.hold_parts(cx, number);
        self.advance(cx, number);
        self.start_waiting(cx);
    }

    /// The other side says that it is over. Only the receiver can decline or complete.
    pub(super) fn ended_by_peer(
        &mut self,
        cx: &mut Context<'_>,
        user: &Name,
        id: TransferId,
        state: TransferState,
    ) {
        let Some(transfer) = self.table.find_with(user, id) else { return };
        let is_receivers_word = matches!(state, TransferState::Declined | TransferState::Complete);
        if matches!(transfer.stage, Stage::Over)
            || (is_receivers_word && transfer.record.direction == Direction::Receiving)
        {
            return;
        }
        let number = transfer.number;
        // All of its files are there, but for those that could not be had: these the receiver does not know.
        let (state, why) = if transfer.record.is_folder() && state == TransferState::Complete {
            self.end_parts(cx, number, &state);
            self.outcome(number)
        } else {
            (state, None)
        };
        self.end(cx, number, state, Ending::silent(why));
    }

    /// It is over: streams, partial file and tree go, the record stays.
    pub(super) fn end(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        state: TransferState,
        ending: Ending,
    ) {
        if self.give_up_repair(cx, number, &state, ending.reason.as_deref()) {
            return;
        }
        let Some(transfer) = self.table.get_mut(number) else { return };
        let user = transfer.record.with.clone();
        let id = transfer.record.id;
        transfer.tell = ending.control(id);
        transfer.reason = ending.reason;
        if state == TransferState::Complete {
            transfer.done = transfer.record.size;
        }
        transfer.record.state = state;
        transfer.rate.clear();
        self.views.end(&transfer.record);
        transfer.readers = Readers::default();
        self.live.forget(number);
        let stage = std::mem::replace(&mut transfer.stage, Stage::Over);
        if matches!(stage, Stage::Hashing { .. }) {
            // Never offered, and never stored.
            transfer.tell = None;
        }
        // What of a folder cannot be read is not to be looked for again.
        if !matches!(stage, Stage::Hashing { .. }) || transfer.folder.is_some() {
            self.desk.save(transfer);
        }
        self.desk.show(transfer, cx.now);
        let record = transfer.record.clone();
        if matches!(stage, Stage::Hashing { .. } | Stage::Closing { .. } | Stage::Preparing { .. })
            && self.table.is_last(&record)
        {
            // Ends the long job; what it leaves behind goes when it has come back.
            self.desk.forget(&record);
        }
        self.end_fetching(cx, stage, &user);
        for key in self.served_streams(&user, id) {
            self.drop_served(cx, &key, code::OVER);
        }
        if !record.is_shared_on() {
            self.serve_no_member(cx, &record);
        }
        if record.is_folder() {
            self.end_parts(cx, number, &record.state);
        }
        self.table.close_part(number);
        self.part_is_over(cx, number);
        self.offer_waiting(cx, &user);
        self.start_waiting(cx);
    }

    /// Gives up the streams by which it came.
    pub(super) fn end_fetching(&mut self, cx: &mut Context<'_>, stage: Stage, from: &Name) {
        let keys = match stage {
            Stage::Fetching(mut fetch) => fetch.lose_streams(),
            Stage::Growing(mut growing) => {
                growing.lose_stream().map(|stream| (from.clone(), stream)).into_iter().collect()
            }
            Stage::Hashing { .. }
            | Stage::Recording
            | Stage::Serving
            | Stage::Closing { .. }
            | Stage::Idle
            | Stage::Preparing { .. }
            | Stage::Finishing
            | Stage::Over => Vec::new(),
        };
        for key in keys {
            self.live.streams.remove(&key);
            self.forget_stream(cx, key);
        }
    }

    /// The record is durable, or could not be made so.
    pub(super) fn saved(&mut self, cx: &mut Context<'_>, number: u64, error: Option<StoreError>) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        transfer.saving -= 1;
        if let Some(error) = error {
            return self.not_saved(cx, number, &error);
        }
        if transfer.saving > 0 {
            return;
        }
        self.forget_when_free(number);
        let Some(transfer) = self.table.get_mut(number) else { return };
        match transfer.stage {
            Stage::Recording => {
                transfer.stage = Stage::Serving;
                if !transfer.record.growing {
                    self.live.forget(number);
                }
                if self.desk.link(&transfer.record.with) == LinkState::Up {
                    self.introduce(cx, number);
                } else {
                    self.desk.show(transfer, cx.now);
                }
            }
            Stage::Idle
            | Stage::Preparing { .. }
            | Stage::Growing(_)
            | Stage::Fetching(_)
            | Stage::Finishing => {
                if let Some(control) = transfer.tell.take() {
                    let (id, user) = (transfer.record.id, transfer.record.with.clone());
                    self.desk.say(&user, control);
                    if transfer.record.paused {
                        self.desk.say(&user, Control::Pause(id));
                    }
                }
            }
            Stage::Hashing { .. } | Stage::Closing { .. } | Stage::Serving | Stage::Over => {}
        }
        self.advance(cx, number);
    }

    /// What is not durable is not promised to the other side.
    fn not_saved(&mut self, cx: &mut Context<'_>, number: u64, error: &StoreError) {
        self.desk.error(format!("Transfer {number}: {error}"));
        let Some(transfer) = self.table.get_mut(number) else { return };
        match (&transfer.stage, &transfer.record.state) {
            (Stage::Recording, _) if transfer.is_live && !transfer.record.growing => {
                self.live_not_saved(cx, number);
            }
            (Stage::Recording, _) => {
                transfer.stage = Stage::Hashing { done: 0 };
                let state = TransferState::Cancelled(CancelReason::SourceGone);
                let ending = Ending::default().because(error.to_string());
                self.end(cx, number, state, ending);
            }
            (Stage::Idle, TransferState::Running) if transfer.tell.is_some() => {
                transfer.record.state = TransferState::Offered;
                transfer.tell = None;
                self.desk.show(transfer, cx.now);
            }
            (Stage::Over, TransferState::Complete) => transfer.tell = None,
            _ => self.advance(cx, number),
        }
    }

    pub(super) fn disk_answered(
        &mut self,
        cx: &mut Context<'_>,
        job: Job,
        purpose: Purpose,
        outcome: Result<FileReply, FileError>,
    ) {
        match purpose {
            Purpose::Save(_) | Purpose::Forget => {}
            Purpose::Verify(number) => self.verified(number, outcome),
            Purpose::Room => self.room_found(cx, outcome),
            Purpose::Salvage(number) => self.salvaged(cx, number, outcome),
            Purpose::Anew(number) => {
                self.disk_is_free(number);
                self.hashed_anew(cx, number, outcome);
            }
            Purpose::Walk(number) => {
                self.disk_is_free(number);
                self.walked_again(cx, number, outcome);
            }
            Purpose::MakeFolder(number) => {
                self.disk_is_free(number);
                self.folder_made(cx, number, outcome);
            }
            Purpose::Encode(key) => self.encoded(cx, job, &key, outcome),
            Purpose::Hash(number) => {
                self.disk_is_free(number);
                self.hashed(cx, number, outcome);
            }
            Purpose::Prepare(number) => {
                self.disk_is_free(number);
                self.prepared(cx, number, outcome);
            }
            Purpose::Write { number, from, offset, len } => {
                self.disk_is_free(number);
                self.writing -= u64::from(len);
                self.written(cx, number, &from, (offset, len), outcome);
                self.fetch_held_back(cx);
            }
            Purpose::Finish(number) => {
                self.disk_is_free(number);
                self.finished(cx, number, outcome);
            }
            Purpose::BeginLive(number) => {
                self.disk_is_free(number);
                self.live_begun(cx, number, outcome);
            }
            Purpose::Look(number) => {
                self.disk_is_free(number);
                self.live_looked(cx, number, outcome);
            }
            Purpose::Close(number) => {
                self.disk_is_free(number);
                self.live_closed(cx, number, outcome);
            }
            Purpose::PrepareLive(number) => {
                self.disk_is_free(number);
                self.live_prepared(cx, number, outcome);
            }
            Purpose::Append { number, len } => {
                self.disk_is_free(number);
                self.writing -= u64::from(len);
                self.live_written(cx, number, len, outcome);
                self.fetch_held_back(cx);
            }
        }
    }

    /// One job less under way.
    fn disk_is_free(&mut self, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        transfer.busy -= 1;
        self.forget_when_free(number);
    }

    /// Has the disk forget what is over, once that is durable and no job can leave anything behind: a
    /// program that dies before finds all that it needs to go on. What others may still want stays.
    pub(super) fn forget_when_free(&mut self, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let is_free = matches!(transfer.stage, Stage::Over)
            && transfer.saving == 0
            && transfer.busy == 0
            && !transfer.record.is_shared_on();
        if !is_free {
            return;
        }
        if let Some(path) = transfer.repair.take() {
            self.desk.forget_at(&transfer.record, Destination::Wanted(path));
        } else if let Some(transfer) = self.table.get(number)
            && self.table.is_last(&transfer.record)
        {
            self.desk.forget(&transfer.record);
        }
    }

    /// Shows what changed since the last report.
    pub(super) fn report(&mut self, cx: &mut Context<'_>) {
        for transfer in self.table.iter_mut().filter(|transfer| transfer.is_dirty) {
            self.desk.show(transfer, cx.now);
            // Once more when it stands still, so that nobody believes the last rate for ever.
            if !matches!(transfer.stage, Stage::Over) && transfer.rate.per_second(cx.now) > 0 {
                self.desk.show_soon(transfer, cx.now);
            }
        }
        self.desk.show_folders(cx.now);
        self.drop_stuck(cx);
        self.drop_silent(cx);
        self.spare.reclaim();
        if self.serving.is_empty() && self.fetching.is_empty() && self.live.streams.is_empty() {
            self.spare.clear();
        }
    }
}
