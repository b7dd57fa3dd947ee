//! The sender's side: hashing, offering, and serving whoever accepted.

use std::path::Path;

use rand_core::RngCore;
use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control, Offer, Share, ShareId, TransferId};
use wire::app::room::RoomId;
use wire::time::Duration;

use super::desk::{Purpose, StreamKey};
use super::members::judge_member;
use super::serve::{Get, Next, Wanted};
use super::table::{LinkState, Stage, Transfer};
use super::{Context, Ending, Job, Transfers, code, live};
use crate::work::{
    Direction, FileError, FileReply, FileRequest, TransferRecord, TransferState, Work,
};

/// Bytes read for one user, and for all, that wait for streams: beyond this, requests wait.
pub(super) const MAX_HELD_FOR_USER: u64 = 8 << 20;
pub(super) const MAX_HELD: u64 = 24 << 20;
/// A stream that takes nothing for this long is given up; an honest receiver opens another.
const MAX_STUCK: Duration = Duration::from_secs(60);

/// Most offers that wait for one user's answer: fewer than a receiver remembers.
pub(super) const MAX_OPEN_OFFERS: usize = 64;

/// What is said of a file of ours.
pub(super) fn offer(record: &TransferRecord) -> Offer {
    Offer {
        id: record.id,
        name: record.name.clone(),
        size: record.size,
        media_type: record.media_type.clone(),
        root: record.root,
        share: record.share,
        media: record.media,
        folder: record.folder.clone(),
    }
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Serve,
    /// Not yet: the acceptance is still on its way, this side pauses, or there is no more yet.
    Hold,
    Refuse,
}

impl Transfers {
    /// One user, or those members of a room who are all offered it.
    pub(super) fn begin_sending(
        &mut self,
        cx: &mut Context<'_>,
        to: Vec<Name>,
        room: Option<RoomId>,
        path: &Path,
    ) {
        let share = room.map(|room| Share { id: ShareId(self.draw()), room });
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut is_hashed = false;
        for with in to {
            let record = TransferRecord {
                direction: Direction::Sending,
                id: TransferId(self.draw()),
                with,
                name: name.clone(),
                path: Some(path.to_owned()),
                size: 0,
                media_type: String::new(),
                media: None,
                root: [0; 32],
                at: cx.unix_ms,
                state: TransferState::Offered,
                paused: false,
                share,
                growing: false,
                folder: None,
                rate: 0,
            };
            let id = record.disk_id();
            let number = self.add(cx, record, Stage::Hashing { done: 0 });
            let Some(transfer) = self.table.get_mut(number) else { continue };
            if !std::mem::replace(&mut is_hashed, true) {
                let request = FileRequest::Hash { id, path: path.to_owned() };
                self.desk.disk(transfer, Purpose::Hash(number), request);
            }
            self.desk.show(transfer, cx.now);
        }
    }

    pub(super) fn draw(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// All transfers that wait for the same hash.
    fn hashing_with(&self, number: u64) -> Vec<u64> {
        self.table.get(number).map_or_else(Vec::new, |it| self.table.hashing(it.record.disk_id()))
    }

    pub(super) fn hashing(&mut self, cx: &mut Context<'_>, number: u64, done: u64, size: u64) {
        for number in self.hashing_with(number) {
            let Some(transfer) = self.table.get_mut(number) else { continue };
            transfer.stage = Stage::Hashing { done };
            transfer.record.size = size;
            self.desk.show_soon(transfer, cx.now);
        }
    }

    pub(super) fn hashed(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let waiting = self.hashing_with(number);
        let outcome = match outcome {
            Ok(FileReply::Walked(walk)) => {
                for number in waiting {
                    self.walked(cx, number, walk.clone());
                }
                return;
            }
            Ok(reply) => self.judge_part(number, &reply).map(|()| reply).map_err(FileError::Source),
            Err(error) => Err(error),
        };
        let Ok(FileReply::Hashed { path, name, size, root, media_type, media }) = outcome else {
            let why = outcome.err().map_or_else(String::new, |error| error.to_string());
            for number in waiting {
                let state = TransferState::Cancelled(CancelReason::SourceGone);
                self.end(cx, number, state, Ending::default().because(why.clone()));
            }
            return;
        };
        for number in waiting {
            let Some(transfer) = self.table.get_mut(number) else { continue };
            let record = &mut transfer.record;
            record.path = Some(path.clone());
            record.name.clone_from(&name);
            record.size = size;
            record.root = root;
            record.media_type.clone_from(&media_type);
            record.media = media;
            record.at = cx.unix_ms;
            transfer.stage = Stage::Recording;
            self.desk.save(transfer);
            let folder = transfer.folder;
            if let Some(folder) = folder {
                self.hash_parts(cx, folder);
            }
        }
    }

    /// The receiver wants it.
    pub(super) fn on_accept(&mut self, cx: &mut Context<'_>, user: &Name, id: TransferId) {
        let transfer = self.table.find_with(user, id);
        let sending = transfer.filter(|transfer| transfer.record.direction == Direction::Sending);
        let Some(number) = sending.map(|transfer| transfer.number) else {
            return self.desk.say(user, Control::Unknown(id));
        };
        let Some(transfer) = self.table.get_mut(number) else { return };
        match transfer.record.state {
            TransferState::Offered
                if transfer.is_live || matches!(transfer.stage, Stage::Serving) =>
            {
                transfer.record.state = TransferState::Running;
                self.desk.save(transfer);
                self.desk.show(transfer, cx.now);
                self.serve_transfer(cx, number);
                self.offer_waiting(cx, user);
            }
            TransferState::Offered | TransferState::Running => self.offer_parts_once_more(number),
            TransferState::Cancelled(reason) => self.desk.say(user, Control::Cancel(id, reason)),
            TransferState::Complete => self.offer_anew(cx, number),
            TransferState::Declined | TransferState::CancelledByPeer(_) => {
                self.desk.say(user, Control::Cancel(id, CancelReason::SourceGone));
            }
        }
    }

    /// Whether one more offer may wait for the user's answer.
    pub(super) fn may_offer(&self, user: &Name) -> bool {
        let is_open =
            |transfer: &&Transfer| transfer.record.with == *user && Self::is_open_offer(transfer);
        self.table.iter().filter(is_open).count() < MAX_OPEN_OFFERS
    }

    /// Whether the other user was told of it and has not answered.
    pub(super) fn is_open_offer(transfer: &Transfer) -> bool {
        is_offer_to(transfer, &transfer.record.with)
            && transfer.is_told
            && transfer.folder.is_none()
    }

    /// Offers that waited for answers to others.
    pub(super) fn offer_waiting(&mut self, cx: &mut Context<'_>, user: &Name) {
        while self.desk.link(user) == LinkState::Up && self.may_offer(user) {
            let is_next = |transfer: &&Transfer| {
                is_offer_to(transfer, user) && !transfer.is_told && transfer.folder.is_none()
            };
            let Some(next) = self.table.iter().find(is_next) else { break };
            self.introduce(cx, next.number);
        }
        self.offer_parts(cx, user);
    }

    /// The other side knows of it, but perhaps did not listen.
    pub(super) fn offer_once_more(&mut self, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let control = live::offering(&transfer.record);
        let (user, id) = (transfer.record.with.clone(), transfer.record.id);
        let is_paused = transfer.record.paused;
        self.desk.say(&user, control);
        if is_paused {
            self.desk.say(&user, Control::Pause(id));
        }
    }

    /// Goes on with every stream of a transfer.
    pub(super) fn serve_transfer(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let (user, id) = (transfer.record.with.clone(), transfer.record.id);
        for key in self.served_streams(&user, id) {
            self.serve_on(cx, &key);
        }
    }

    /// The streams over which a user fetches what he was offered by this id.
    pub(super) fn served_streams(&self, user: &Name, id: TransferId) -> Vec<StreamKey> {
        let is_meant = |of| matches!(of, Wanted::Offered(it) | Wanted::Live(it) if it == id);
        self.serving
            .iter()
            .filter(|((with, _), serving)| with == user && serving.of().is_some_and(is_meant))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Answers as far as stream, disk and bounds allow, and notes what it waits for then.
    pub(super) fn serve_on(&mut self, cx: &mut Context<'_>, key: &StreamKey) {
        self.answer_on(cx, key);
        self.note_served(cx.now, key);
    }

    fn answer_on(&mut self, cx: &mut Context<'_>, key: &StreamKey) {
        loop {
            let (user, stream) = key;
            let Some(serving) = self.serving.get_mut(key) else { return };
            match serving.write(cx.now, user, *stream, cx.streams, &mut self.up) {
                Ok(Some((get, answer))) => {
                    self.spare.lend(answer);
                    self.served(cx, user, get);
                }
                Ok(None) => {}
                Err(_) => return self.drop_served(cx, key, code::OVER),
            }
            let Some(serving) = self.serving.get_mut(key) else { return };
            match serving.next(user, *stream, cx.streams) {
                Next::Wait => {
                    if let rest @ 1.. = serving.rest()
                        && let Some(at) = self.up.opens_at(cx.now, rest)
                    {
                        self.last_limited = Some(key.clone());
                        self.desk.turn_at(at);
                    }
                    if serving.stuck_since.is_some() {
                        self.desk.report_at(cx.now);
                    }
                    return;
                }
                Next::End => {
                    cx.streams.finish(user, *stream);
                    self.serving.remove(key);
                    return;
                }
                Next::Refuse => return self.drop_served(cx, key, code::REFUSED),
                Next::Encode(get) => match self.judge(cx, user, get) {
                    Verdict::Serve if self.has_room(user, get) => self.encode(cx, key, get),
                    Verdict::Serve => return,
                    Verdict::Hold => return self.await_growth(cx, get.of),
                    Verdict::Refuse => {
                        self.drop_served(cx, key, code::REFUSED);
                        return self.live_refused(cx, user, get);
                    }
                },
            }
        }
    }

    /// Gives a request to the disk.
    fn encode(&mut self, cx: &Context<'_>, key: &StreamKey, get: Get) {
        if let Wanted::Live(_) = get.of {
            return self.read_live(cx, key, get);
        }
        let Some(transfer) = self.meant(&key.0, get.of) else { return };
        let record = &transfer.record;
        let (size, root, Get { offset, len, .. }) = (record.size, record.root, get);
        let (id, path) = (record.disk_id(), record.path.clone());
        let request = match (record.direction, path) {
            (Direction::Sending, None) => return,
            (Direction::Sending, Some(path)) => {
                let buffer = self.spare.take();
                FileRequest::Encode { id, path, size, root, offset, len, buffer }
            }
            (Direction::Receiving, path) => {
                let path = path.filter(|_| record.state == TransferState::Complete);
                let buffer = self.spare.take();
                FileRequest::EncodeReceived { id, path, size, root, offset, len, buffer }
            }
        };
        let job = self.desk.start(Purpose::Encode(key.clone()), Work::File(request));
        if let Some(serving) = self.serving.get_mut(key) {
            serving.waiting = None;
            serving.encoding = Some((job, get));
        }
        self.last_served = Some(key.clone());
    }

    pub(super) fn encoded(
        &mut self,
        cx: &mut Context<'_>,
        job: Job,
        key: &StreamKey,
        outcome: Result<FileReply, FileError>,
    ) {
        // The stream, or the one that had its number before, may be gone.
        let Some(serving) = self.serving.get_mut(key) else { return self.serve_waiting(cx) };
        let Some((_, get)) = serving.encoding.filter(|(encoding, _)| *encoding == job) else {
            return;
        };
        match outcome {
            Ok(FileReply::Encoded(encoded)) => {
                let len = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
                if let Wanted::Live(_) = get.of {
                    serving.encoding = Some((job, Get { len, ..get }));
                }
                serving.answer(cx.now, encoded);
                self.serve_on(cx, key);
                self.serve_waiting(cx);
            }
            Err(error) if matches!(get.of, Wanted::Shared(_)) => {
                tracing::debug!(%error, user = %key.0, "not served to a member");
                self.drop_served(cx, key, code::REFUSED);
            }
            Err(FileError::SourceChanged | FileError::NoLonger) => {
                self.source_lost(cx, key, get, CancelReason::SourceChanged, outcome.err());
            }
            Err(FileError::NoTree(_)) => {
                self.source_lost(cx, key, get, CancelReason::SourceGone, outcome.err());
            }
            outcome => {
                // Asked again once the transfer goes on.
                serving.encoding = None;
                serving.waiting = Some(get);
                self.source_unreadable(cx, key, get, outcome.err());
                self.serve_waiting(cx);
            }
        }
    }

    /// What was offered will never be there again.
    fn source_lost(
        &mut self,
        cx: &mut Context<'_>,
        key: &StreamKey,
        get: Get,
        reason: CancelReason,
        error: Option<FileError>,
    ) {
        let why = error.map_or_else(String::new, |error| error.to_string());
        let Some(transfer) = self.meant(&key.0, get.of) else { return };
        let ending = Ending::cancelled(reason).because(why);
        self.end(cx, transfer.number, TransferState::Cancelled(reason), ending);
    }

    /// The disk hiccups, or its medium was taken out: the receiver keeps what it has.
    fn source_unreadable(
        &mut self,
        cx: &mut Context<'_>,
        key: &StreamKey,
        get: Get,
        error: Option<FileError>,
    ) {
        let Some(transfer) = self.meant(&key.0, get.of) else { return };
        // The other stream of the same transfer has said it, or the user has paused meanwhile.
        if transfer.record.paused || transfer.is_held {
            return;
        }
        let number = self.concerned(transfer.number);
        let why = error.map_or_else(|| "the disk gave no answer".to_owned(), |e| e.to_string());
        let reason = format!("the source cannot be read: {why}; '/resume {number}' tries again");
        self.pause_here(cx, number, Some(reason));
    }

    /// Requests that waited for room, the one after the last that was served first.
    pub(super) fn serve_waiting(&mut self, cx: &mut Context<'_>) {
        let waiting: Vec<StreamKey> = self
            .serving
            .iter()
            .filter(|(_, serving)| serving.waiting.is_some())
            .map(|(key, _)| key.clone())
            .collect();
        let after = waiting.partition_point(|key| Some(key) <= self.last_served.as_ref());
        for key in waiting[after..].iter().chain(&waiting[..after]) {
            self.serve_on(cx, key);
        }
    }

    /// Gives up a stream that somebody opened.
    pub(super) fn drop_served(&mut self, cx: &mut Context<'_>, key: &StreamKey, code: u32) {
        if self.serving.remove(key).is_some() {
            cx.streams.reset(&key.0, key.1, code);
            cx.streams.stop(&key.0, key.1, code);
            self.serve_waiting(cx);
        }
    }

    /// Gives up streams that have taken nothing for long.
    pub(super) fn drop_stuck(&mut self, cx: &mut Context<'_>) {
        let is_stuck = |since| cx.now - since >= MAX_STUCK;
        let stuck: Vec<StreamKey> = self
            .serving
            .iter()
            .filter(|(_, serving)| serving.stuck_since.is_some_and(is_stuck))
            .map(|(key, _)| key.clone())
            .collect();
        for key in stuck {
            self.drop_served(cx, &key, code::STALLED);
        }
        if self.serving.values().any(|serving| serving.stuck_since.is_some()) {
            self.desk.report_at(cx.now);
        }
    }

    /// The transfer that a request of a user is about.
    fn meant(&self, user: &Name, of: Wanted) -> Option<&Transfer> {
        match of {
            Wanted::Offered(id) | Wanted::Live(id) => self.table.find_with(user, id),
            Wanted::Shared(share) => self.table.find_shared(share),
        }
    }

    pub(super) fn judge(&self, cx: &Context<'_>, user: &Name, get: Get) -> Verdict {
        let Some(transfer) = self.meant(user, get.of) else { return Verdict::Refuse };
        if let Wanted::Shared(_) = get.of {
            return judge_member(cx, user, transfer, get);
        }
        if let Wanted::Live(_) = get.of {
            return self.judge_live(transfer, get);
        }
        let is_ours = transfer.record.direction == Direction::Sending;
        if is_ours
            && matches!(transfer.stage, Stage::Hashing { .. } | Stage::Recording)
            && transfer.record.state != TransferState::Offered
        {
            // It is looked at anew for him.
            return Verdict::Hold;
        }
        let is_served =
            matches!(transfer.stage, Stage::Serving) && is_ours && !transfer.record.growing;
        if !is_served || !get.fits(transfer.record.size) || transfer.record.is_folder() {
            Verdict::Refuse
        } else if transfer.record.state == TransferState::Offered
            || transfer.record.paused
            || transfer.is_held
        {
            Verdict::Hold
        } else {
            Verdict::Serve
        }
    }

    /// Whether memory allows to read this for the user now.
    fn has_room(&self, user: &Name, get: Get) -> bool {
        let more = get.needs();
        self.held_for(Some(user)) + more <= MAX_HELD_FOR_USER
            && self.held_for(None) + more <= MAX_HELD
    }

    /// Bytes held for one user, or for all.
    pub(super) fn held_for(&self, only: Option<&Name>) -> u64 {
        self.serving
            .iter()
            .filter(|((with, _), _)| only.is_none_or(|only| only == with))
            .map(|(_, serving)| serving.held())
            .sum()
    }

    /// A whole answer went to the stream.
    fn served(&mut self, cx: &mut Context<'_>, user: &Name, get: Get) {
        let (Wanted::Offered(id) | Wanted::Live(id)) = get.of else { return };
        let Some(number) = self.table.find_with(user, id).map(|transfer| transfer.number) else {
            return;
        };
        let Some(transfer) = self.table.get_mut(number) else { return };
        // Of what members fetch from each other too, they themselves say how far they are, and so how fast.
        if transfer.record.share.is_none() {
            transfer.done = get.offset + u64::from(get.len);
            transfer.rate.add(cx.now, u64::from(get.len));
        }
        self.desk.show_soon(transfer, cx.now);
        self.note_rate(cx.now, number, u64::from(get.len));
    }
}

/// Whether this waits for the answer of the user, or to be offered to him.
pub(super) fn is_offer_to(transfer: &Transfer, user: &Name) -> bool {
    matches!(transfer.stage, Stage::Serving)
        && transfer.record.state == TransferState::Offered
        && transfer.record.with == *user
}
