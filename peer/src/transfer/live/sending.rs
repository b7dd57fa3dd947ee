//! The sender's side of a file that grows: looking at it, giving out what there is, and offering it whole
//! when it has ended.

use std::path::PathBuf;

use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control, LiveOffer, MAX_RANGE, TransferId};
use wire::time::{Duration, Instant};

use super::super::desk::{Purpose, StreamKey};
use super::super::sending::{Verdict, offer};
use super::super::serve::{Get, Wanted};
use super::super::table::{Stage, Transfer};
use super::super::{Context, Ending, Transfers};
use crate::work::{
    Direction, FileError, FileReply, FileRequest, TransferRecord, TransferState, Work,
};

/// A file that nobody has open for writing has ended when it has not grown for so long.
const QUIET: Duration = Duration::from_secs(5);
/// How often a file is looked at while somebody waits for more of it, and otherwise.
const LOOK_SOON: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_secs(1);

/// What is known of a file of ours that grows.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// Bytes, when it was looked at in this run, and since when.
    seen: Option<(u64, Instant)>,
    /// The disk looks at it.
    is_looked_at: bool,
    /// The person, or whoever wrote it, says that it has ended.
    has_ended: bool,
}

impl Growth {
    fn size(&self) -> Option<u64> {
        self.seen.map(|(size, _)| size)
    }

    /// Whether it has not grown for long enough to have ended.
    fn is_quiet(&self, now: Instant) -> bool {
        self.seen.is_some_and(|(_, since)| now - since >= QUIET)
    }
}

/// How it is offered: while it grows, and as any file.
pub(in super::super) fn offering(record: &TransferRecord) -> Control {
    if !record.growing {
        return Control::Offer(offer(record));
    }
    let (name, media_type) = (record.name.clone(), record.media_type.clone());
    Control::Live(LiveOffer { id: record.id, name, media_type })
}

impl Transfers {
    /// Hands over a file that still grows, under its own name or another.
    pub fn send_live(
        &mut self,
        cx: &mut Context<'_>,
        to: Name,
        path: PathBuf,
        name: Option<String>,
    ) {
        let shown = name.clone().unwrap_or_else(|| {
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        });
        let record = TransferRecord {
            direction: Direction::Sending,
            id: TransferId(self.draw()),
            with: to,
            name: shown,
            path: Some(path.clone()),
            size: 0,
            media_type: String::new(),
            media: None,
            root: [0; 32],
            at: cx.unix_ms,
            state: TransferState::Offered,
            paused: false,
            share: None,
            growing: true,
            folder: None,
            rate: 0,
        };
        let request = FileRequest::BeginLive { id: record.id, path, name };
        let number = self.add(cx, record, Stage::Hashing { done: 0 });
        self.live.growths.insert(number, Growth::default());
        let Some(transfer) = self.table.get_mut(number) else { return };
        self.desk.disk(transfer, Purpose::BeginLive(number), request);
        self.desk.show(transfer, cx.now);
    }

    /// The disk has looked at it for the first time.
    pub(in super::super) fn live_begun(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if !matches!(transfer.stage, Stage::Hashing { .. }) {
            return;
        }
        let reply = match outcome {
            Ok(FileReply::Grows { path, name, media_type, size, written, has_writer }) => {
                transfer.record.path = Some(path);
                transfer.record.name = name;
                transfer.record.media_type = media_type;
                (size, written, has_writer)
            }
            outcome => return self.never_begun(cx, number, outcome.err()),
        };
        let (size, written, has_writer) = reply;
        let growth = self.live.growths.entry(number).or_default();
        growth.seen = Some((size, cx.now));
        let is_old = cx.unix_ms.saturating_sub(written) >= QUIET.as_millis() as u64;
        if growth.has_ended || (is_old && !has_writer) {
            return self.close_live(cx, number);
        }
        transfer.stage = Stage::Recording;
        transfer.is_live = true;
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        self.desk.look_at(cx.now + LOOK);
    }

    fn never_begun(&mut self, cx: &mut Context<'_>, number: u64, error: Option<FileError>) {
        let why = error.map_or_else(String::new, |error| error.to_string());
        let state = TransferState::Cancelled(CancelReason::SourceGone);
        self.end(cx, number, state, Ending::default().because(why));
    }

    /// What was under way when the program ended goes on.
    pub(in super::super) fn go_on_growing(&mut self, cx: &Context<'_>, number: u64) {
        self.live.growths.insert(number, Growth::default());
        self.desk.look_at(cx.now);
    }

    /// It grows no more, says the person.
    pub fn end_live(&mut self, cx: &mut Context<'_>, id: u64) {
        if self.open(id).is_none() {
            return;
        }
        let Some(growth) = self.live.growths.get_mut(&id) else {
            return self.desk.error(format!("Transfer {id} is no file of yours that grows."));
        };
        growth.has_ended = true;
        self.look_at_live(cx, id);
    }

    /// It is time to look at those that grow.
    pub(in super::super) fn look_at_all_live(&mut self, cx: &mut Context<'_>) {
        let numbers: Vec<u64> = self.live.growths.keys().copied().collect();
        for number in numbers {
            self.look_at_live(cx, number);
        }
    }

    fn look_at_live(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(growth) = self.live.growths.get_mut(&number) else { return };
        let Some(transfer) = self.table.get_mut(number) else { return };
        // What the disk has refused it is asked for again when the person says so.
        let is_refused = transfer.record.paused && transfer.reason.is_some();
        if !matches!(transfer.stage, Stage::Serving) || growth.is_looked_at || is_refused {
            return;
        }
        let Some(path) = transfer.record.path.clone() else { return };
        growth.is_looked_at = true;
        let asks_for_writers = growth.is_quiet(cx.now);
        let request = FileRequest::LookLive { id: transfer.record.id, path, asks_for_writers };
        self.desk.disk(transfer, Purpose::Look(number), request);
    }

    /// The disk has looked at it.
    pub(in super::super) fn live_looked(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(growth) = self.live.growths.get_mut(&number) else { return };
        growth.is_looked_at = false;
        let (size, has_writer) = match outcome {
            Ok(FileReply::Grown { size, has_writer }) => (size, has_writer),
            Err(FileError::NoLonger) => return self.live_lost(cx, number, &FileError::NoLonger),
            outcome => return self.live_unreadable(cx, number, outcome.err()),
        };
        let is_more = growth.size() != Some(size);
        if is_more {
            growth.seen = Some((size, cx.now));
        }
        if growth.has_ended || (growth.is_quiet(cx.now) && !has_writer) {
            return self.close_live(cx, number);
        }
        if growth.is_quiet(cx.now) {
            // Who writes is not asked each second.
            growth.seen = Some((size, cx.now));
        }
        self.desk.look_at(cx.now + LOOK);
        if is_more {
            self.serve_transfer(cx, number);
        }
    }

    /// What was handed over will never be there again.
    fn live_lost(&mut self, cx: &mut Context<'_>, number: u64, error: &FileError) {
        let reason = CancelReason::SourceChanged;
        let ending = Ending::cancelled(reason).because(error.to_string());
        self.end(cx, number, TransferState::Cancelled(reason), ending);
    }

    fn live_unreadable(&mut self, cx: &mut Context<'_>, number: u64, error: Option<FileError>) {
        let why = error.map_or_else(|| "the disk gave no answer".to_owned(), |e| e.to_string());
        let reason = format!("the source cannot be read: {why}; '/resume {number}' tries again");
        self.pause_here(cx, number, Some(reason));
    }

    /// It has ended: what it has become is found out.
    fn close_live(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Some(path) = transfer.record.path.clone() else { return };
        if matches!(transfer.stage, Stage::Serving) {
            transfer.stage = Stage::Closing { done: 0 };
        }
        let request = FileRequest::Hash { id: transfer.record.id, path };
        self.desk.disk(transfer, Purpose::Close(number), request);
        self.desk.show(transfer, cx.now);
        // What had come when it ended goes out meanwhile.
        self.serve_transfer(cx, number);
    }

    pub(in super::super) fn live_closing(&mut self, cx: &Context<'_>, number: u64, so_far: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if let Stage::Hashing { done } | Stage::Closing { done } = &mut transfer.stage {
            *done = so_far;
            self.desk.show_soon(transfer, cx.now);
        }
    }

    /// It was hashed: from here on it is a file as any other, once that is durable.
    pub(in super::super) fn live_closed(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let was_offered = matches!(transfer.stage, Stage::Closing { .. });
        if !was_offered && !matches!(transfer.stage, Stage::Hashing { .. }) {
            return;
        }
        match outcome {
            Ok(FileReply::Hashed { path, size, root, media, .. }) => {
                let record = &mut transfer.record;
                record.media = media;
                record.path = Some(path);
                (record.size, record.root, record.growing) = (size, root, false);
                transfer.stage = Stage::Recording;
                self.desk.save(transfer);
                self.desk.show(transfer, cx.now);
            }
            outcome if !was_offered => self.never_begun(cx, number, outcome.err()),
            outcome => self.live_goes_on(cx, number, outcome.err()),
        }
    }

    /// It could not be read to its end, as it grew meanwhile: it has not ended. If that was said, it is to
    /// be said again.
    fn live_goes_on(&mut self, cx: &mut Context<'_>, number: u64, error: Option<FileError>) {
        let (Some(transfer), Some(growth)) =
            (self.table.get_mut(number), self.live.growths.get_mut(&number))
        else {
            return;
        };
        transfer.stage = Stage::Serving;
        if std::mem::take(&mut growth.has_ended) {
            let why = error.map_or_else(String::new, |error| error.to_string());
            self.desk.error(format!(
                "Transfer {number} is not ended: {why}. '/live end {number}' once nobody writes it any more."
            ));
        }
        growth.seen = growth.seen.map(|(size, _)| (size, cx.now));
        self.desk.show(transfer, cx.now);
        self.desk.look_at(cx.now + LOOK);
        self.advance(cx, number);
    }

    /// That it has ended could not be kept: it goes on as one that grows, as the database has it.
    pub(in super::super) fn live_not_saved(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let record = &mut transfer.record;
        (record.size, record.root, record.growing) = (0, [0; 32], true);
        record.media = None;
        transfer.stage = Stage::Serving;
        self.desk.show(transfer, cx.now);
        self.live.growths.insert(number, Growth::default());
        self.desk.look_at(cx.now + QUIET);
    }

    /// Whether a request for what there is of a growing file is answered [W-131].
    pub(in super::super) fn judge_live(&self, transfer: &Transfer, get: Get) -> Verdict {
        let is_served =
            matches!(transfer.stage, Stage::Serving | Stage::Closing { .. } | Stage::Recording)
                && transfer.is_live
                && transfer.record.direction == Direction::Sending;
        if !is_served {
            return Verdict::Refuse;
        }
        if transfer.record.state == TransferState::Offered || !transfer.may_flow() {
            return Verdict::Hold;
        }
        let growth = self.live.growths.get(&transfer.number).filter(|_| transfer.record.growing);
        let Some(growth) = growth else {
            // It grows no more, and is offered, or will be in a moment: answered by nothing [W-132].
            return Verdict::Serve;
        };
        match growth.size() {
            Some(size) if get.offset < size => Verdict::Serve,
            Some(size) if get.offset > size => Verdict::Refuse,
            Some(_) | None => Verdict::Hold,
        }
    }

    /// A request that has to wait is for what is not there yet: looked for soon.
    pub(in super::super) fn await_growth(&mut self, cx: &Context<'_>, of: Wanted) {
        if let Wanted::Live(_) = of {
            self.desk.look_at(cx.now + LOOK_SOON);
        }
    }

    /// A request was refused. Who asks for what is behind the end has got more than there is: the file was
    /// cut short while this program did not run, or he lies and has no more to expect.
    pub(in super::super) fn live_refused(&mut self, cx: &mut Context<'_>, user: &Name, get: Get) {
        let Wanted::Live(id) = get.of else { return };
        let Some(transfer) = self.table.find_with(user, id) else { return };
        let number = transfer.number;
        let size = self.live.growths.get(&number).and_then(Growth::size);
        if transfer.record.state == TransferState::Running
            && size.is_some_and(|size| get.offset > size)
        {
            self.live_lost(cx, number, &FileError::NoLonger);
        }
    }

    /// Has the disk read what there is; nothing, when it has ended.
    pub(in super::super) fn read_live(&mut self, cx: &Context<'_>, key: &StreamKey, get: Get) {
        let Wanted::Live(id) = get.of else { return };
        let Some(transfer) = self.table.find_with(&key.0, id) else { return };
        let (number, record) = (transfer.number, &transfer.record);
        let Some(serving) = self.serving.get_mut(key) else { return };
        serving.waiting = None;
        if !record.growing {
            return serving.answer_nothing(cx.now, get);
        }
        let Some(path) = record.path.clone() else { return };
        let size = self.live.growths.get(&number).and_then(Growth::size).unwrap_or(0);
        let there = size.saturating_sub(get.offset).min(u64::from(MAX_RANGE));
        let len = u32::try_from(there).expect("at most a range");
        let buffer = self.spare.take();
        let request = FileRequest::ReadLive { id, path, offset: get.offset, len, buffer };
        let job = self.desk.start(Purpose::Encode(key.clone()), Work::File(request));
        serving.encoding = Some((job, Get { len, ..get }));
        self.last_served = Some(key.clone());
    }
}
