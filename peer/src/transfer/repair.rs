//! Having a file made good that was found to be damaged.
//!
//! ```text
//! receiving   Over, complete -> (a copy beside it) -> Idle -> Preparing -> Fetching -> ... -> Over
//! sending     Over, complete -> Hashing -> Recording -> Serving -> Over
//! ```
//!
//! The damaged file stays as it is. A copy of it becomes the partial file of the same transfer, and what of
//! that is right does not come again. Whoever sent it hashes it anew, and offers it once more if it is
//! still the same. When nothing comes of it, the transfer is what it was: complete.

use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control};

use super::desk::Purpose;
use super::table::{LinkState, Stage, Transfer};
use super::{Context, Transfers, code};
use crate::work::{Destination, Direction, FileError, FileReply, FileRequest, TransferState};

/// How often a file is hashed because it is asked for once more, in one run: that costs whoever asks nothing.
const MAX_ANEW: u32 = 3;

/// Whether this file, which is complete, can be fetched once more.
fn may_come_again(transfer: &Transfer) -> bool {
    let record = &transfer.record;
    matches!(transfer.stage, Stage::Over)
        && transfer.busy == 0
        && record.state == TransferState::Complete
        && record.share.is_none()
        && record.folder.is_none()
        && record.path.is_some()
}

// The receiver's side.
impl Transfers {
    /// A file that arrived is not what it was. Whether it can be made good: that begins then.
    pub(super) fn begin_repair(&mut self, number: u64) -> bool {
        let Some(transfer) = self.table.get_mut(number) else { return false };
        let is_meant =
            transfer.record.direction == Direction::Receiving && may_come_again(transfer);
        let Some(path) = transfer.record.path.clone().filter(|_| is_meant) else { return false };
        let place = Destination::Wanted(path.clone());
        let request = FileRequest::Salvage { id: transfer.record.id, path, place };
        self.desk.disk(transfer, Purpose::Salvage(number), request);
        true
    }

    /// The disk has copied what there is.
    pub(super) fn salvaged(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        // Not as after other jobs: what the disk has just made is not to be forgotten.
        transfer.busy -= 1;
        if !may_come_again(transfer) {
            return self.forget_when_free(number);
        }
        transfer.repair.clone_from(&transfer.record.path);
        if let Err(error) = outcome {
            self.forget_when_free(number);
            return self.desk.error(format!("Transfer {number} is not repaired: {error}"));
        }
        transfer.stage = Stage::Idle;
        transfer.done = 0;
        transfer.reason = None;
        self.accept_offer(cx, number);
    }

    /// A repair comes to nothing: what was complete is so still. Whether it was one.
    pub(super) fn give_up_repair(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        state: &TransferState,
        why: Option<&str>,
    ) -> bool {
        let Some(transfer) = self.table.get_mut(number) else { return false };
        let is_repair =
            transfer.repair.is_some() && transfer.record.state == TransferState::Running;
        if !is_repair || *state == TransferState::Complete {
            return false;
        }
        let why = match (why, state) {
            (Some(why), _) => why.to_owned(),
            (None, TransferState::Cancelled(why) | TransferState::CancelledByPeer(why)) => {
                why.to_string()
            }
            (None, _) => "given up".to_owned(),
        };
        let user = transfer.record.with.clone();
        transfer.record.state = TransferState::Complete;
        transfer.record.paused = false;
        transfer.done = transfer.record.size;
        transfer.reason = None;
        transfer.rate.clear();
        transfer.tell = Some(Control::Complete(transfer.record.id));
        let stage = std::mem::replace(&mut transfer.stage, Stage::Over);
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        self.desk.error(format!("Transfer {number} is not repaired: {why}."));
        self.end_fetching(cx, stage, &user);
        self.start_waiting(cx);
        true
    }
}

// The sender's side.
impl Transfers {
    /// Somebody who has it all asks for it once more [W-134]: if it is still what it was, he gets it.
    pub(super) fn offer_anew(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if matches!(transfer.stage, Stage::Hashing { .. } | Stage::Recording) {
            return;
        }
        let (id, user) = (transfer.record.id, transfer.record.with.clone());
        let may_ask = may_come_again(transfer) && transfer.asked_anew < MAX_ANEW;
        let Some(path) = transfer.record.path.clone().filter(|_| may_ask) else {
            return self.desk.say(&user, Control::Cancel(id, CancelReason::SourceGone));
        };
        transfer.asked_anew += 1;
        transfer.stage = Stage::Hashing { done: 0 };
        self.desk.disk(transfer, Purpose::Anew(number), FileRequest::Hash { id, path });
        self.desk.show(transfer, cx.now);
    }

    /// It was hashed once more.
    pub(super) fn hashed_anew(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if !matches!(transfer.stage, Stage::Hashing { .. }) {
            return;
        }
        let record = &mut transfer.record;
        let reason = match outcome {
            Ok(FileReply::Hashed { size, root, .. })
                if (size, root) == (record.size, record.root) =>
            {
                record.state = TransferState::Running;
                transfer.stage = Stage::Recording;
                transfer.done = 0;
                self.desk.save(transfer);
                return self.desk.show(transfer, cx.now);
            }
            Ok(_) => CancelReason::SourceChanged,
            Err(_) => CancelReason::SourceGone,
        };
        let (id, user) = (record.id, record.with.clone());
        transfer.stage = Stage::Over;
        self.refuse_anew(cx, &user, number);
        if self.desk.link(&user) == LinkState::Up {
            self.desk.say(&user, Control::Cancel(id, reason));
        }
    }

    /// Nothing comes: what the disk has kept for it goes, and who waits for it is told.
    fn refuse_anew(&mut self, cx: &mut Context<'_>, user: &Name, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let id = transfer.record.id;
        self.desk.forget(&transfer.record);
        for key in self.served_streams(user, id) {
            self.drop_served(cx, &key, code::OVER);
        }
    }
}
