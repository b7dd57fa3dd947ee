//! The receiver's side of a file that grows: taking what comes, and taking it for whole when it is.

use wire::app::name::Name;
use wire::app::peer::{
    CancelReason, Control, LiveOffer, MAX_FILE_NAME, MAX_MEDIA_TYPE, MAX_RANGE, Offer,
};

use super::super::desk::Purpose;
use super::super::fetch::{Broken, MAX_WRITING};
use super::super::receiving::MAX_SIZE;
use super::super::table::{LinkState, Stage};
use super::super::{Context, Ending, Transfer, Transfers, View};
use super::Growing;
use crate::work::{Direction, FileError, FileReply, FileRequest, TransferRecord, TransferState};

/// Most growing files that are taken at once; others wait for their turn. They do not count among the
/// others, as they may last for hours.
pub(in super::super) const MAX_LIVE: usize = 4;

impl Transfers {
    /// Somebody offers a file that grows, or repeats that [W-130].
    pub(in super::super) fn on_live(
        &mut self,
        cx: &mut Context<'_>,
        user: &Name,
        offer: LiveOffer,
    ) {
        let LiveOffer { id, name, media_type } = offer;
        if let Some(transfer) = self.table.find(id) {
            let record = &transfer.record;
            if record.with == *user && record.direction == Direction::Receiving {
                let number = transfer.number;
                self.answer_again(number);
                self.live_repeated(cx, number);
            }
            return;
        }
        if name.len() > MAX_FILE_NAME || media_type.len() > MAX_MEDIA_TYPE {
            return self.desk.say(user, Control::Decline(id));
        }
        if self.has_too_many_offers(user) {
            return;
        }
        let record = TransferRecord {
            direction: Direction::Receiving,
            id,
            with: user.clone(),
            name,
            path: None,
            size: 0,
            media_type,
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
        let number = self.add(cx, record, Stage::Idle);
        self.show_offer(cx, number);
        let is_welcome = self.is_welcome(user, None);
        let Some(transfer) = self.table.get_mut(number) else { return };
        if is_welcome {
            self.accept_offer(cx, number);
        } else {
            self.desk.save(transfer);
        }
    }

    /// It grows, says the sender once more: also when he had said that it does not.
    fn live_repeated(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if let Stage::Growing(growing) = &mut transfer.stage {
            growing.afresh();
            self.advance(cx, number);
        }
    }

    /// Whether one more may be taken.
    pub(in super::super) fn has_place_for_live(&self) -> bool {
        let is_taken = |it: &&Transfer| {
            (matches!(it.stage, Stage::Preparing { .. }) && it.record.growing)
                || (matches!(it.stage, Stage::Growing(_))
                    && it.may_flow()
                    && self.desk.reach(it) == LinkState::Up)
        };
        self.table.iter().filter(is_taken).count() < MAX_LIVE
    }

    /// Has the disk make ready for what is to be appended.
    pub(in super::super) fn start_live(&mut self, cx: &Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let record = &transfer.record;
        let request = FileRequest::PrepareLive {
            id: record.id,
            name: record.name.clone(),
            place: record.destination(),
        };
        transfer.stage = Stage::Preparing { done: 0 };
        self.desk.disk(transfer, Purpose::PrepareLive(number), request);
        self.desk.show(transfer, cx.now);
    }

    /// The disk is ready: so much is there.
    pub(in super::super) fn live_prepared(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if !matches!(transfer.stage, Stage::Preparing { .. }) || !transfer.record.growing {
            // It has ended meanwhile: what is there is looked at as of any other.
            return self.advance(cx, number);
        }
        match outcome {
            Ok(FileReply::Ready { present }) => {
                let here = present.first().map_or(0, |(_, end)| *end);
                transfer.done = here;
                transfer.stage = Stage::Growing(Box::new(Growing::new(here)));
                self.views.tell(transfer.record.id, || View::Holds(present));
                self.desk.show(transfer, cx.now);
                self.grow_on(cx, number);
            }
            Err(FileError::NoPlace(why)) => self.offer_again_here(cx, number, &why),
            outcome => self.disk_refused(cx, number, outcome.err()),
        }
    }

    /// Takes what came, and asks for more.
    pub(in super::super) fn grow_on(&mut self, cx: &mut Context<'_>, number: u64) {
        self.open_live_stream(cx, number);
        match self.exchange_live(cx, number) {
            Ok(()) => {}
            Err(Broken::Lost) => self.lose_live_stream(cx, number),
            Err(Broken::Lie) => self.give_up_corrupt(cx, number),
        }
    }

    fn open_live_stream(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let is_up = self.desk.link(&transfer.record.with) == LinkState::Up;
        let may_flow = transfer.may_flow();
        let Stage::Growing(growing) = &mut transfer.stage else { return };
        if !is_up || !may_flow || !growing.wants_stream(cx.now) {
            return;
        }
        let user = transfer.record.with.clone();
        // One that was paused has its place still.
        let has_place = self.live.streams.len() < MAX_LIVE;
        match has_place.then(|| cx.streams.open(&user)) {
            Some(Ok(stream)) => {
                growing.begin(stream);
                self.live.streams.insert((user, stream), number);
            }
            Some(Err(_)) | None => self.retry_live(cx, number),
        }
    }

    fn exchange_live(&mut self, cx: &mut Context<'_>, number: u64) -> Result<(), Broken> {
        let Some(transfer) = self.table.get_mut(number) else { return Ok(()) };
        let may_flow = transfer.may_flow();
        let (id, user) = (transfer.record.id, transfer.record.with.clone());
        while self.writing + u64::from(MAX_RANGE) <= MAX_WRITING {
            let Stage::Growing(growing) = &mut transfer.stage else { return Ok(()) };
            let answer = growing.next_answer(&mut self.spare, &user, cx.streams)?;
            let Some(bytes) = answer else { break };
            let Ok(len @ 1..) = u32::try_from(bytes.len()) else {
                self.spare.give(bytes);
                return self.live_has_ended(cx, number);
            };
            let offset = growing.next();
            if offset + u64::from(len) > MAX_SIZE {
                return Err(Broken::Lie);
            }
            growing.writes(len);
            self.writing += u64::from(len);
            self.down.take(u64::from(len));
            let request = FileRequest::WriteLive { id, offset, bytes };
            self.desk.disk(transfer, Purpose::Append { number, len }, request);
        }
        let Stage::Growing(growing) = &mut transfer.stage else { return Ok(()) };
        if may_flow && !growing.has_ended {
            if self.down.is_open(cx.now) {
                growing.ask(id);
            } else if let Some(at) = self.down.opens_at(cx.now, 1) {
                self.desk.turn_at(at);
            }
        }
        growing.send(&user, cx.streams)
    }

    /// It grows no more: the sender offers it whole as soon as he has hashed it [W-132].
    fn live_has_ended(&mut self, cx: &mut Context<'_>, number: u64) -> Result<(), Broken> {
        let Some(transfer) = self.table.get_mut(number) else { return Ok(()) };
        let Stage::Growing(growing) = &mut transfer.stage else { return Ok(()) };
        growing.has_ended = true;
        if let Some(stream) = growing.lose_stream() {
            let user = transfer.record.with.clone();
            cx.streams.finish(&user, stream);
            self.live.streams.remove(&(user, stream));
        }
        Ok(())
    }

    /// What came is written.
    pub(in super::super) fn live_written(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        len: u32,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Growing(growing) = &mut transfer.stage else {
            return self.advance(cx, number);
        };
        match outcome {
            Ok(FileReply::Written { room, .. }) => {
                self.spare.give(room);
                let at = growing.here();
                growing.written();
                transfer.done = growing.here();
                transfer.rate.add(cx.now, u64::from(len));
                self.views.tell(transfer.record.id, || View::Arrived(at, len));
                self.desk.show_soon(transfer, cx.now);
                self.grow_on(cx, number);
            }
            outcome => self.disk_refused(cx, number, outcome.err()),
        }
    }

    /// The stream is of no more use while the link is up: another is tried after a while.
    pub(in super::super) fn lose_live_stream(&mut self, cx: &mut Context<'_>, number: u64) {
        self.end_live_stream(cx, number);
        self.retry_live(cx, number);
    }

    fn retry_live(&mut self, cx: &Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Growing(growing) = &mut transfer.stage else { return };
        let at = growing.retry_later(cx.now);
        self.desk.retry_at(at);
    }

    /// Gives up the stream of a growing file, if it has one.
    pub(in super::super) fn end_live_stream(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let Stage::Growing(growing) = &mut transfer.stage else { return };
        let Some(stream) = growing.lose_stream() else { return };
        let key = (transfer.record.with.clone(), stream);
        self.live.streams.remove(&key);
        self.forget_stream(cx, key);
    }

    /// Those whose stream may be tried again now.
    pub(in super::super) fn retry_all_live(&mut self, cx: &mut Context<'_>) {
        let mut due = Vec::new();
        for transfer in self.table.iter() {
            let Stage::Growing(growing) = &transfer.stage else { continue };
            match growing.retry_at {
                Some(at) if at <= cx.now => due.push(transfer.number),
                Some(at) => self.desk.retry_at(at),
                None => {}
            }
        }
        for number in due {
            self.advance(cx, number);
        }
    }

    /// The sender offers as a whole what grew: from now on it is a file as any other, once that is
    /// durable [W-133]. One that was not taken yet may be welcome now that its size is known.
    pub(in super::super) fn live_offered_whole(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        offer: &Offer,
    ) {
        self.end_live_stream(cx, number);
        if offer.size > MAX_SIZE || offer.media.is_some_and(|media| !media.is_possible()) {
            let reason = CancelReason::Corrupt;
            let ending = Ending::cancelled(reason);
            return self.end(cx, number, TransferState::Cancelled(reason), ending);
        }
        let Some(transfer) = self.table.get_mut(number) else { return };
        let record = &mut transfer.record;
        (record.size, record.root, record.growing) = (offer.size, offer.root, false);
        record.media = offer.media;
        self.views.tell(record.id, || View::Sized(offer.size));
        transfer.stage = Stage::Idle;
        let is_offered = record.state == TransferState::Offered;
        let user = record.with.clone();
        let is_welcome = is_offered && self.is_welcome(&user, Some(offer.size));
        let Some(transfer) = self.table.get_mut(number) else { return };
        if is_welcome {
            return self.accept_offer(cx, number);
        }
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        if is_offered {
            self.ask_for_room();
        }
    }
}
