//! Files that are offered to a whole room: members fetch them from each other too, so that who offers
//! one sends about one copy of it.
//!
//! Each member who fetches begins at another place and tells the others, as far as there are links,
//! what he holds; he asks them for what they hold, and who offered it for the rest. What comes from a
//! member is checked like everything else. Who has it all goes on giving, for as long as the transfer
//! is listed and the file is where it was saved.

use wire::app::name::Name;
use wire::app::peer::{Control, GROUP, Have, Share};

use super::sending::Verdict;
use super::serve::{Get, Wanted};
use super::table::{LinkState, Stage, Transfer};
use super::{Context, Transfers, code};
use crate::work::{Direction, TransferRecord, TransferState};

/// Where this member begins.
pub(super) fn start_in(cx: &Context<'_>, share: Share, record: &TransferRecord) -> u64 {
    let (place, of) = cx.rooms.place(share.room, &record.with);
    let part = u128::from(record.size) * u128::from(place) / u128::from(of.max(1));
    u64::try_from(part).unwrap_or(0)
}

/// Whether a range of what this side receives, or has received, is given to a user.
pub(super) fn judge_member(cx: &Context<'_>, user: &Name, of: &Transfer, get: Get) -> Verdict {
    let record = &of.record;
    let is_member = record.share.is_some_and(|share| cx.rooms.are_in(share.room, user));
    if !is_member || !get.fits(record.size) {
        return Verdict::Refuse;
    }
    let is_here = match &of.stage {
        Stage::Fetching(fetch) => fetch.held().covers(get.offset, get.offset + u64::from(get.len)),
        Stage::Finishing => true,
        Stage::Over => record.is_shared_on(),
        Stage::Hashing { .. }
        | Stage::Recording
        | Stage::Serving
        | Stage::Closing { .. }
        | Stage::Idle
        | Stage::Growing(_)
        | Stage::Preparing { .. } => false,
    };
    match (is_here, record.paused) {
        (false, _) => Verdict::Refuse,
        (true, true) => Verdict::Hold,
        (true, false) => Verdict::Serve,
    }
}

impl Transfer {
    /// How a user is asked for a range of it.
    pub(super) fn wanted_of(&self, user: &Name) -> Wanted {
        match self.record.share {
            Some(share) if *user != self.record.with => Wanted::Shared(share.id),
            _ => Wanted::Offered(self.record.id),
        }
    }

    /// What is here, for members, when there is anything to be had.
    fn held_runs(&self) -> Option<Vec<(u64, u64)>> {
        let whole = || vec![(0, self.record.size.div_ceil(GROUP))];
        match &self.stage {
            _ if self.record.paused => None,
            Stage::Fetching(fetch) => Some(fetch.held().groups()),
            Stage::Finishing => Some(whole()),
            Stage::Over if self.record.is_shared_on() => Some(whole()),
            Stage::Hashing { .. }
            | Stage::Recording
            | Stage::Serving
            | Stage::Closing { .. }
            | Stage::Idle
            | Stage::Growing(_)
            | Stage::Preparing { .. }
            | Stage::Over => None,
        }
    }

    fn have(&self, asks: bool) -> Option<Control> {
        let (share, runs) = (self.record.share?, self.held_runs()?);
        Some(Control::Have(Have { share: share.id, runs, asks }))
    }
}

impl Transfers {
    /// Whether there is a link to who offered it, or to any member of its room.
    pub(super) fn may_be_reached(&self, cx: &Context<'_>, number: u64) -> bool {
        let Some(record) = self.table.get(number).map(|transfer| &transfer.record) else {
            return false;
        };
        let has_member =
            |share: Share| self.desk.linked().any(|user| cx.rooms.are_in(share.room, user));
        self.desk.link(&record.with) == LinkState::Up || record.share.is_some_and(has_member)
    }

    /// A file is to be fetched: members say what they have of it.
    pub(super) fn ask_members(&mut self, cx: &Context<'_>, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let Some(share) = transfer.record.share else { return };
        let Some(have) = transfer.have(true) else { return };
        let is_meant =
            |user: &&Name| **user != transfer.record.with && cx.rooms.are_in(share.room, user);
        let members: Vec<Name> = self.desk.linked().filter(is_meant).cloned().collect();
        for user in members {
            self.desk.say(&user, have.clone());
        }
    }

    /// Somebody can be reached: he may have something of what is fetched.
    pub(super) fn ask_member(&mut self, cx: &mut Context<'_>, user: &Name) {
        let is_meant = |transfer: &&Transfer| {
            transfer.record.direction == Direction::Receiving
                && transfer.record.with != *user
                && transfer.record.share.is_some_and(|share| cx.rooms.are_in(share.room, user))
        };
        let numbers: Vec<u64> =
            self.table.iter().filter(is_meant).map(|transfer| transfer.number).collect();
        for number in numbers {
            if let Some(transfer) = self.table.get(number)
                && matches!(transfer.stage, Stage::Fetching(_))
                && let Some(have) = transfer.have(true)
            {
                self.desk.say(user, have);
            }
            // What waited for anybody to come.
            if matches!(self.table.get(number).map(|it| &it.stage), Some(Stage::Idle)) {
                self.advance(cx, number);
            }
        }
    }

    /// Somebody says what he has of a file that was offered to a room.
    pub(super) fn on_have(&mut self, cx: &mut Context<'_>, user: &Name, have: &Have) {
        if !have.is_possible() {
            return;
        }
        let is_sent = |transfer: &&Transfer| {
            transfer.record.direction == Direction::Sending
                && transfer.record.with == *user
                && transfer.record.share.is_some_and(|share| share.id == have.share)
        };
        let sent = self.table.iter().find(is_sent).map(|transfer| transfer.number);
        if let Some(number) = sent {
            return self.receiver_has(cx, number, have);
        }
        let Some(transfer) = self.table.find_shared(have.share) else { return };
        let is_member =
            transfer.record.share.is_some_and(|share| cx.rooms.are_in(share.room, user));
        if !is_member || transfer.record.with == *user {
            return;
        }
        let number = transfer.number;
        if have.asks
            && let Some(answer) = transfer.have(false)
        {
            self.desk.say(user, answer);
        }
        let Some(transfer) = self.table.get_mut(number) else { return };
        if let Stage::Fetching(fetch) = &mut transfer.stage {
            fetch.member_has(user, &have.runs);
            self.advance(cx, number);
        }
    }

    /// How far somebody is to whom it was offered, whoever gave it to him.
    fn receiver_has(&mut self, cx: &Context<'_>, number: u64, have: &Have) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        if transfer.record.state != TransferState::Running {
            return;
        }
        let groups = have.runs.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        let done = groups.saturating_mul(GROUP).min(transfer.record.size);
        transfer.rate.add(cx.now, done.saturating_sub(transfer.done));
        transfer.done = done;
        self.desk.show_soon(transfer, cx.now);
    }

    /// Says what has arrived since to those who fetch the same, and to who offered it.
    pub(super) fn tell_members(&mut self) {
        let is_news = |transfer: &&Transfer| transfer.has_news;
        let numbers: Vec<u64> =
            self.table.iter().filter(is_news).map(|transfer| transfer.number).collect();
        for number in numbers {
            let Some(transfer) = self.table.get_mut(number) else { continue };
            transfer.has_news = false;
            let Stage::Fetching(fetch) = &transfer.stage else { continue };
            let Some(have) = transfer.have(false) else { continue };
            let with = transfer.record.with.clone();
            let members: Vec<Name> = fetch.members().cloned().chain([with]).collect();
            for user in members {
                self.desk.say(&user, have.clone());
            }
        }
    }

    /// The last thing that is said of what arrived.
    pub(super) fn tell_everything_is_here(&mut self, number: u64, members: &[Name]) {
        let Some(transfer) = self.table.get(number) else { return };
        let Some(have) = transfer.have(false) else { return };
        for user in members {
            self.desk.say(user, have.clone());
        }
    }

    /// The link to somebody is gone who may have given something.
    pub(super) fn lose_member(&mut self, cx: &mut Context<'_>, user: &Name) {
        let mut numbers = Vec::new();
        for transfer in self.table.iter_mut() {
            if let Stage::Fetching(fetch) = &mut transfer.stage
                && transfer.record.with != *user
                && fetch.knows(user)
            {
                fetch.lose_link(user);
                numbers.push(transfer.number);
            }
        }
        for number in numbers {
            self.advance(cx, number);
        }
    }

    /// Nothing more of it is given to members.
    pub(super) fn serve_no_member(&mut self, cx: &mut Context<'_>, record: &TransferRecord) {
        let Some(share) = record.share.filter(|_| record.direction == Direction::Receiving) else {
            return;
        };
        let of = Some(Wanted::Shared(share.id));
        let is_meant = |serving: &super::serve::Serving| serving.of() == of;
        let keys = self.serving.iter().filter(|(_, serving)| is_meant(serving));
        let keys: Vec<_> = keys.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.drop_served(cx, &key, code::OVER);
        }
    }
}
