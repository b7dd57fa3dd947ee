//! The receiver's side: offers, and fetching what was accepted.

use std::collections::BTreeSet;

use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control, Folder, MAX_FILE_NAME, MAX_MEDIA_TYPE, Offer};
use wire::time::Instant;

use super::desk::{Purpose, StreamKey};
use super::fetch::{Answer, Broken, Fetch, MAX_WRITING, Terms};
use super::folders::PartOf;
use super::members::start_in;
use super::preview::contradiction;
use super::table::{LinkState, Stage, Transfer};
use super::viewing::View;
use super::{Context, Ending, Transfers, code};
use crate::output::{FileLine, Output};
use crate::work::{
    Direction, FileError, FileReply, FileRequest, Headers, TransferRecord, TransferState,
};

/// Most offers of one user, and of all, that may wait for an answer or for the database. Those
/// beyond are passed over; the sender repeats them on the next link.
pub(super) const MAX_OFFERS_OF_USER: usize = 100;
pub(super) const MAX_OFFERS: usize = 1000;
/// Most files that are fetched at once; others wait for their turn.
pub(super) const MAX_ACTIVE: usize = 8;
/// Most streams by which they are fetched: what the members of a room are offered comes from several.
pub(super) const MAX_STREAMS: usize = 2 * MAX_ACTIVE;
/// Largest file: beyond any disk, and every sum of sizes fits.
pub(super) const MAX_SIZE: u64 = 1 << 60;

/// The line that tells of an offer.
pub(super) fn offer_line(transfer: &Transfer, now: Instant) -> Output {
    let record = &transfer.record;
    let FileLine { media, eta, wait, .. } = transfer.line(now, LinkState::Up);
    Output::FileOffer {
        id: transfer.number,
        from: record.with.to_string(),
        name: record.name.clone(),
        size: (!record.growing).then_some(record.size),
        media_type: record.media_type.clone(),
        room: transfer.room.clone(),
        blake3: (!record.growing && !record.is_folder())
            .then(|| record.root.iter().map(|byte| format!("{byte:02x}")).collect()),
        files: transfer.files().map(u64::from),
        media,
        eta,
        wait,
        notify: true,
    }
}

/// Whether it waits for an answer of the user here.
pub(super) fn is_offer_to_us(transfer: &Transfer) -> bool {
    transfer.record.direction == Direction::Receiving
        && transfer.record.state == TransferState::Offered
}

impl Transfers {
    /// Somebody offers a file, or repeats an offer.
    pub(super) fn on_offer(&mut self, cx: &mut Context<'_>, user: &Name, offer: Offer) {
        let id = offer.id;
        if let Some(transfer) = self.table.find(id) {
            // A number that is taken by another transfer says nothing about that one.
            let record = &transfer.record;
            if record.with == *user && record.direction == Direction::Receiving {
                let number = transfer.number;
                if record.growing && !record.state.is_over() {
                    return self.live_offered_whole(cx, number, &offer);
                }
                self.offered_again(cx, number, &offer);
                self.answer_again(number);
            }
            return;
        }
        let is_folder = matches!(offer.folder, Some(Folder::Whole { .. }));
        if offer.name.len() > MAX_FILE_NAME
            || offer.media_type.len() > MAX_MEDIA_TYPE
            || offer.size > MAX_SIZE
            || !is_folder && offer.media.is_some_and(|media| !media.is_possible())
        {
            return self.desk.say(user, Control::Decline(id));
        }
        if self.has_too_many_offers(user) {
            return;
        }
        let Some(part_of) = self.takes_offer(cx, user, &offer) else { return };
        let share = offer.share.filter(|share| {
            // One that is taken is not this one's, whoever says so.
            self.table.find_shared(share.id).is_none() && cx.rooms.are_in(share.room, user)
        });
        let is_welcome = self.is_welcome(user, Some(offer.size));
        let record = TransferRecord {
            direction: Direction::Receiving,
            id,
            with: user.clone(),
            name: offer.name,
            path: match part_of {
                PartOf::Nothing => None,
                PartOf::Folder(folder) => self.folder_path(folder),
            },
            size: offer.size,
            media_type: offer.media_type,
            media: offer.media.filter(|_| !is_folder),
            root: offer.root,
            at: cx.unix_ms,
            state: TransferState::Offered,
            paused: false,
            share,
            growing: false,
            folder: offer.folder,
            rate: 0,
        };
        let number = self.add(cx, record, Stage::Idle);
        if let PartOf::Folder(folder) = part_of {
            self.hold_parts(cx, folder);
            return self.accept_offer(cx, number);
        }
        self.show_offer(cx, number);
        let Some(transfer) = self.table.get_mut(number) else { return };
        if is_welcome {
            self.accept_offer(cx, number);
        } else {
            self.desk.save(transfer);
        }
    }

    /// Whether a file of this size, or one that still grows, is taken without asking.
    pub(super) fn is_welcome(&self, user: &Name, size: Option<u64>) -> bool {
        let chosen = self.auto_accept.get(user).copied().unwrap_or_default();
        chosen.takes(size, self.policy.auto_accept)
    }

    /// What the database has yet to keep counts too: else offers that are taken back at once
    /// would pile up before it.
    pub(super) fn has_too_many_offers(&self, user: &Name) -> bool {
        let offers = || {
            self.table.iter().filter(|transfer| {
                is_offer_to_us(transfer)
                    || (transfer.record.direction == Direction::Receiving && transfer.saving > 0)
            })
        };
        offers().count() >= MAX_OFFERS
            || offers().filter(|offer| offer.record.with == *user).count() >= MAX_OFFERS_OF_USER
    }

    /// The sender has not heard, or not kept, our answer.
    pub(super) fn answer_again(&mut self, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let id = transfer.record.id;
        if transfer.saving > 0 {
            return; // Told when it is durable.
        }
        let answer = match transfer.record.state {
            TransferState::Offered => return,
            TransferState::Running => Control::Accept(id),
            TransferState::Complete => Control::Complete(id),
            TransferState::Declined => Control::Decline(id),
            TransferState::Cancelled(reason) => Control::Cancel(id, reason),
            TransferState::CancelledByPeer(_) => Control::Cancel(id, CancelReason::User),
        };
        let user = transfer.record.with.clone();
        self.desk.say(&user, answer);
    }

    /// The offer that a command means; tells when it is not clear.
    pub(super) fn offered(&mut self, id: Option<u64>) -> Option<u64> {
        if let Some(number) = id {
            let transfer = self.open(number)?;
            if is_offer_to_us(transfer) {
                return Some(number);
            }
            self.desk.error(format!("Transfer {number} does not wait for an answer."));
            return None;
        }
        let mut offered = self.table.iter().filter(|transfer| is_offer_to_us(transfer));
        match (offered.next().map(|transfer| transfer.number), offered.next()) {
            (Some(number), None) => Some(number),
            (Some(_), Some(_)) => {
                let text = "Several files are offered: say which number ('/files' lists them).";
                self.desk.error(text.to_owned());
                None
            }
            (None, _) => {
                self.desk.error("Nothing waits for an answer.".to_owned());
                None
            }
        }
    }

    /// The user, or the policy, takes it: told to the sender once it is durable.
    pub(super) fn accept_offer(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        transfer.record.state = TransferState::Running;
        // What was in the way the disk judges from here on.
        transfer.reason = None;
        transfer.tell = Some(Control::Accept(transfer.record.id));
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
    }

    /// Has the disk make ready, when it is this transfer's turn.
    pub(super) fn start(&mut self, cx: &mut Context<'_>, number: u64) {
        if self.table.get(number).is_some_and(|transfer| transfer.record.is_folder()) {
            return self.make_folder(cx, number);
        }
        let has_place = match self.table.get(number) {
            Some(transfer) if transfer.record.growing => self.has_place_for_live(),
            Some(transfer) => self.has_place() && self.has_folder(transfer),
            None => false,
        };
        let is_reached = self.may_be_reached(cx, number);
        let Some(transfer) = self.table.get_mut(number) else { return };
        let record = &transfer.record;
        let may_start = matches!(transfer.stage, Stage::Idle)
            && record.state == TransferState::Running
            && transfer.may_flow()
            && transfer.saving == 0
            && transfer.busy == 0
            && is_reached
            && has_place;
        if !may_start {
            return;
        }
        if record.growing {
            return self.start_live(cx, number);
        }
        let request = FileRequest::Prepare {
            id: record.id,
            name: record.name.clone(),
            size: record.size,
            root: record.root,
            place: record.destination(),
        };
        transfer.stage = Stage::Preparing { done: 0 };
        self.desk.disk(transfer, Purpose::Prepare(number), request);
        self.desk.show(transfer, cx.now);
    }

    /// Somebody's turn may have come.
    pub(super) fn start_waiting(&mut self, cx: &mut Context<'_>) {
        let is_waiting = |transfer: &&Transfer| match &transfer.stage {
            Stage::Idle => transfer.record.state == TransferState::Running,
            Stage::Fetching(fetch) => fetch.awaits_place,
            Stage::Hashing { .. }
            | Stage::Recording
            | Stage::Serving
            | Stage::Closing { .. }
            | Stage::Preparing { .. }
            | Stage::Growing(_)
            | Stage::Finishing
            | Stage::Over => false,
        };
        let waiting: Vec<u64> =
            self.table.iter().filter(is_waiting).map(|transfer| transfer.number).collect();
        for number in waiting {
            self.advance(cx, number);
        }
    }

    /// Whether one more file may be fetched.
    fn has_place(&self) -> bool {
        self.table.iter().filter(|transfer| self.is_active(transfer)).count() < MAX_ACTIVE
    }

    /// Whether it takes one of the places of those that are fetched at once.
    pub(super) fn is_active(&self, transfer: &Transfer) -> bool {
        let has_place = match &transfer.stage {
            Stage::Preparing { .. } => !transfer.record.growing,
            Stage::Finishing => true,
            Stage::Fetching(fetch) => fetch.has_stream(),
            Stage::Hashing { .. }
            | Stage::Recording
            | Stage::Serving
            | Stage::Closing { .. }
            | Stage::Idle
            | Stage::Growing(_)
            | Stage::Over => false,
        };
        has_place && transfer.may_flow() && self.desk.reach(transfer) == LinkState::Up
    }

    pub(super) fn checking(&mut self, cx: &mut Context<'_>, number: u64, done: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if let Stage::Preparing { done: so_far } = &mut transfer.stage {
            *so_far = done;
            self.desk.show_soon(transfer, cx.now);
        }
    }

    pub(super) fn prepared(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if !matches!(transfer.stage, Stage::Preparing { .. }) {
            return;
        }
        match outcome {
            Ok(FileReply::Ready { present }) => {
                let size = transfer.record.size;
                let record = &transfer.record;
                let start = record.share.map_or(0, |share| start_in(cx, share, record));
                let fetch = Fetch::new(record.with.clone(), size, &present, start);
                transfer.done = size - fetch.remaining();
                transfer.stage = Stage::Fetching(Box::new(fetch));
                self.views.tell(transfer.record.id, || View::Holds(present));
                self.desk.show(transfer, cx.now);
                self.ask_members(cx, number);
                self.fetch_on(cx, number);
                self.start_waiting(cx);
            }
            Err(FileError::NoPlace(why)) => self.offer_again_here(cx, number, &why),
            outcome => self.disk_refused(cx, number, outcome.err()),
        }
    }

    /// It cannot be where the person wants to have it: he is asked again.
    pub(super) fn offer_again_here(&mut self, cx: &mut Context<'_>, number: u64, why: &str) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        transfer.stage = Stage::Idle;
        transfer.record.state = TransferState::Offered;
        transfer.record.path = None;
        transfer.tell = None;
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        self.desk.error(format!(
            "Transfer {number} is not taken yet: {why}. Make that folder, or say another place: \
             '/get {number} as PATH', or '/accept {number}' for the usual one."
        ));
        self.start_waiting(cx);
    }

    /// Reads answers, asks for more, and ends when nothing is missing.
    pub(super) fn fetch_on(&mut self, cx: &mut Context<'_>, number: u64) {
        self.open_streams(cx, number);
        for user in self.asked_users(number) {
            match self.exchange(cx, number, &user) {
                Ok(()) => self.note_fetched(cx, number, &user),
                Err(Broken::Lost) => self.lose_stream(cx, number, &user),
                Err(Broken::Lie) => self.distrust(cx, number, &user),
            }
        }
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Fetching(fetch) = &mut transfer.stage else { return };
        if fetch.remaining() > 0 || transfer.busy > 0 {
            return;
        }
        for key in fetch.lose_streams() {
            cx.streams.finish(&key.0, key.1);
            self.fetching.remove(&key);
        }
        let members: Vec<Name> = fetch.members().cloned().collect();
        transfer.stage = Stage::Finishing;
        self.tell_everything_is_here(number, &members);
        let Some(transfer) = self.table.get_mut(number) else { return };
        let request = FileRequest::Finish { id: transfer.record.id };
        self.desk.disk(transfer, Purpose::Finish(number), request);
    }

    /// Opens streams where they are needed and may be.
    fn open_streams(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let Stage::Fetching(fetch) = &transfer.stage else { return };
        if !transfer.may_flow() {
            return;
        }
        for user in fetch.to_open(cx.now) {
            if self.desk.link(&user) == LinkState::Up {
                self.open_stream(cx, number, &user);
            }
        }
    }

    fn open_stream(&mut self, cx: &mut Context<'_>, number: u64, user: &Name) {
        let is_first = self.asked_users(number).is_empty();
        if is_first && !self.has_place() {
            return self.await_place(cx, number);
        }
        if is_first && self.files_fetched() >= MAX_ACTIVE {
            self.lose_paused_stream(cx);
        }
        if self.fetching.len() >= MAX_STREAMS {
            return;
        }
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Fetching(fetch) = &mut transfer.stage else { return };
        match cx.streams.open(user) {
            Ok(stream) => {
                let has_waited = fetch.awaits_place;
                fetch.begin(cx.now, user, stream);
                self.fetching.insert((user.clone(), stream), number);
                if has_waited {
                    self.desk.show(transfer, cx.now);
                }
            }
            Err(_) => {
                if let Some(at) = fetch.retry_later(cx.now, user) {
                    self.desk.retry_at(at);
                }
            }
        }
    }

    /// How many files have streams.
    fn files_fetched(&self) -> usize {
        self.fetching.values().collect::<BTreeSet<_>>().len()
    }

    /// Those to whom a transfer has a stream.
    fn asked_users(&self, number: u64) -> Vec<Name> {
        match self.table.get(number).map(|transfer| &transfer.stage) {
            Some(Stage::Fetching(fetch)) => fetch.asked_users(),
            _ => Vec::new(),
        }
    }

    /// It was paused, or its link was lost, and others have taken its place.
    fn await_place(&mut self, cx: &Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Fetching(fetch) = &mut transfer.stage else { return };
        if !std::mem::replace(&mut fetch.awaits_place, true) {
            self.desk.show(transfer, cx.now);
        }
    }

    /// A transfer that is paused keeps its stream only while nobody else needs one: else whoever
    /// pauses one after the other would have us hold part of an answer for each.
    fn lose_paused_stream(&mut self, cx: &mut Context<'_>) {
        let is_paused =
            |number: &u64| self.table.get(*number).is_some_and(|transfer| !transfer.may_flow());
        let Some(number) = self.fetching.values().copied().find(is_paused) else { return };
        self.end_streams(cx, number);
    }

    /// Gives up a transfer's streams, if it has any.
    fn end_streams(&mut self, cx: &mut Context<'_>, number: u64) {
        for user in self.asked_users(number) {
            self.end_stream(cx, number, &user);
        }
    }

    /// Gives up a transfer's stream to a user, if it has one.
    fn end_stream(&mut self, cx: &mut Context<'_>, number: u64, user: &Name) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Fetching(fetch) = &mut transfer.stage else { return };
        let Some(stream) = fetch.lose_stream(user) else { return };
        self.forget_stream(cx, (user.clone(), stream));
    }

    /// Nothing more is to come over it.
    pub(super) fn forget_stream(&mut self, cx: &mut Context<'_>, key: StreamKey) {
        self.fetching.remove(&key);
        cx.streams.reset(&key.0, key.1, code::OVER);
        cx.streams.stop(&key.0, key.1, code::OVER);
    }

    fn exchange(&mut self, cx: &mut Context<'_>, number: u64, user: &Name) -> Result<(), Broken> {
        let sharers = self.fetching.len() as u64;
        let Some(transfer) = self.table.get_mut(number) else { return Ok(()) };
        let may_flow = transfer.may_flow();
        let id = transfer.record.id;
        loop {
            let Stage::Fetching(fetch) = &mut transfer.stage else { return Ok(()) };
            let room = MAX_WRITING - self.writing;
            let spare = &mut self.spare;
            let answer = fetch.next_answer(cx.now, room, spare, user, cx.streams)?;
            let Some(Answer { offset, len, encoded }) = answer else { break };
            self.writing += u64::from(len);
            let purpose = Purpose::Write { number, from: user.clone(), offset, len };
            let request = FileRequest::Write { id, offset, len, encoded };
            self.desk.disk(transfer, purpose, request);
        }
        let wanted = transfer.wanted_of(user);
        let Stage::Fetching(fetch) = &mut transfer.stage else { return Ok(()) };
        if may_flow {
            let terms = Terms {
                now: cx.now,
                wanted,
                sharers,
                limit: &mut self.down,
                readers: &mut transfer.readers,
            };
            fetch.ask(user, terms);
            if fetch.has_more_to_ask()
                && let Some(at) = self.down.opens_at(cx.now, 1)
            {
                self.desk.turn_at(at);
            }
            if fetch.is_to_be_watched() {
                self.desk.report_at(cx.now);
            }
        }
        fetch.send(user, cx.streams)
    }

    /// Reads on where the disk had too much to do.
    pub(super) fn fetch_held_back(&mut self, cx: &mut Context<'_>) {
        let is_held_back = |number: &u64| {
            let transfer = self.table.get(*number);
            matches!(transfer.map(|t| &t.stage), Some(Stage::Fetching(f)) if f.is_held_back())
        };
        let fetched = self.fetching.values().copied().filter(is_held_back);
        let numbers: Vec<u64> = fetched.chain(self.live.streams.values().copied()).collect();
        for number in numbers {
            self.advance(cx, number);
        }
    }

    /// Gives up streams over which nothing has come for long, and asks on where members are slow.
    pub(super) fn drop_silent(&mut self, cx: &mut Context<'_>) {
        let (mut silent, mut watched) = (Vec::new(), Vec::new());
        for transfer in self.table.iter().filter(|transfer| transfer.may_flow()) {
            let Stage::Fetching(fetch) = &transfer.stage else { continue };
            silent.extend(fetch.silent(cx.now).into_iter().map(|user| (transfer.number, user)));
            if fetch.is_to_be_watched() {
                self.desk.report_at(cx.now);
            }
            if transfer.record.share.is_some() {
                watched.push(transfer.number);
            }
        }
        for (number, user) in silent {
            self.lose_stream(cx, number, &user);
        }
        for number in watched {
            self.advance(cx, number);
        }
    }

    /// The stream is of no more use while the link is up: another is tried after a while.
    pub(super) fn lose_stream(&mut self, cx: &mut Context<'_>, number: u64, user: &Name) {
        self.end_stream(cx, number, user);
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Fetching(fetch) = &mut transfer.stage else { return };
        if let Some(at) = fetch.retry_later(cx.now, user) {
            self.desk.retry_at(at);
        }
        self.start_waiting(cx);
    }

    /// What came from this user is not what was offered: who offered it ends it so, a member is asked
    /// for nothing more.
    fn distrust(&mut self, cx: &mut Context<'_>, number: u64, user: &Name) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if transfer.record.with == *user {
            return self.give_up_corrupt(cx, number);
        }
        if let Stage::Fetching(fetch) = &mut transfer.stage {
            fetch.distrust(user);
        }
        self.end_stream(cx, number, user);
        self.advance(cx, number);
    }

    pub(super) fn written(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        from: &Name,
        (offset, len): (u64, u32),
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Fetching(fetch) = &mut transfer.stage else {
            return self.advance(cx, number);
        };
        match outcome {
            Ok(FileReply::Written { room, also }) => {
                self.spare.give(room);
                fetch.written(from, offset, len);
                transfer.rate.add(cx.now, u64::from(len));
                if let Some(rate) = transfer.rate.settled(cx.now)
                    && transfer.record.share.is_none()
                {
                    transfer.record.rate = rate;
                }
                for (offset, len) in fetch.found(&also).into_iter().chain([(offset, len)]) {
                    transfer.done += u64::from(len);
                    self.views.tell(transfer.record.id, || View::Arrived(offset, len));
                }
                self.desk.show_soon(transfer, cx.now);
                if transfer.record.share.is_some() {
                    transfer.has_news = true;
                    self.desk.have_at(cx.now);
                }
                self.note_rate(cx.now, number, u64::from(len));
                self.fetch_on(cx, number);
            }
            Err(FileError::Corrupt) if *from != transfer.record.with => {
                fetch.not_written(offset, len);
                self.distrust(cx, number, from);
            }
            outcome => self.disk_refused(cx, number, outcome.err()),
        }
    }

    pub(super) fn finished(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if !matches!(transfer.stage, Stage::Finishing) {
            return;
        }
        match outcome {
            Ok(FileReply::Finished { path, headers }) => {
                if let Some(name) = path.file_name() {
                    transfer.record.name = name.to_string_lossy().into_owned();
                }
                transfer.record.path = Some(path);
                let said = transfer.record.media.take();
                let lie = match headers {
                    Headers::Read(media) => {
                        transfer.record.media = media;
                        contradiction(said, media, transfer.record.size)
                    }
                    // A claim that nobody has held against the file does not stay, and is no lie.
                    Headers::Unread => None,
                };
                let ending = Ending::told(Control::Complete).explained(lie);
                self.end(cx, number, TransferState::Complete, ending);
            }
            outcome => self.disk_refused(cx, number, outcome.err()),
        }
    }

    /// Streams that failed and may be tried again now.
    pub(super) fn retry(&mut self, cx: &mut Context<'_>) {
        let mut due = Vec::new();
        for transfer in self.table.iter() {
            let Stage::Fetching(fetch) = &transfer.stage else { continue };
            match fetch.next_retry() {
                Some(at) if at <= cx.now => due.push(transfer.number),
                Some(at) => self.desk.retry_at(at),
                None => {}
            }
        }
        for number in due {
            self.advance(cx, number);
        }
        self.retry_all_live(cx);
    }

    /// The disk did not do it: what arrived is wrong, or there is no room for what is right.
    pub(super) fn disk_refused(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        error: Option<FileError>,
    ) {
        let reason = match error {
            Some(FileError::Corrupt) => return self.give_up_corrupt(cx, number),
            Some(error) => error.to_string(),
            None => "the disk gave no answer".to_owned(),
        };
        let Some(transfer) = self.table.get_mut(number) else { return };
        let stage = std::mem::replace(&mut transfer.stage, Stage::Idle);
        let reason = match transfer.record.part() {
            Some((_, path)) => format!("{path}: {reason}"),
            None => reason,
        };
        let user = transfer.record.with.clone();
        self.end_fetching(cx, stage, &user);
        self.pause_here(cx, number, Some(reason));
    }

    /// The first wrong group ends it.
    pub(super) fn give_up_corrupt(&mut self, cx: &mut Context<'_>, number: u64) {
        let reason = CancelReason::Corrupt;
        self.end(cx, number, TransferState::Cancelled(reason), Ending::cancelled(reason));
    }
}
