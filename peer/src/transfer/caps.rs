//! How full the queues of transfers are, beside the most that each may hold.

use std::collections::BTreeMap;

use wire::app::name::Name;
use wire::app::peer::{MAX_OPEN_PARTS, MAX_RANGE};

use super::fetch::{MAX_WINDOW, MAX_WRITING, longest_answer};
use super::live::MAX_LIVE;
use super::receiving::{MAX_OFFERS, MAX_OFFERS_OF_USER, MAX_STREAMS, is_offer_to_us};
use super::sending::{MAX_HELD, MAX_HELD_FOR_USER, MAX_OPEN_OFFERS};
use super::spare::MAX_SPARE_BYTES;
use super::table::Stage;
use super::{Transfer, Transfers};
use crate::queue::Queue;

impl Transfers {
    /// Every queue that another user, or this machine's disk, could make grow.
    pub(crate) fn queues(&self) -> Vec<Queue> {
        let (most_asked, arriving) = self.fetched();
        let users = || self.serving.keys().map(|(user, _)| user);
        let most_held = users().map(|user| self.held_for(Some(user))).max().unwrap_or(0);
        let to_us = self.count_by_user(is_offer_to_us);
        let told = self.count_by_user(Self::is_open_offer);
        let live_part = u64::from(MAX_RANGE);
        let part = u64::from(longest_answer(MAX_RANGE));
        vec![
            Queue::new("offers to us", to_us.values().sum(), MAX_OFFERS as u64),
            Queue::new("offers of one user", most(&to_us), MAX_OFFERS_OF_USER as u64),
            Queue::new(
                "offers that one user has not answered",
                most(&told),
                MAX_OPEN_OFFERS as u64,
            ),
            Queue::new(
                "files of folders that one user was told of",
                self.count_by_user(|it| it.folder.is_some())
                    .keys()
                    .map(|user| self.parts_told(user) as u64)
                    .max()
                    .unwrap_or(0),
                MAX_OPEN_PARTS as u64,
            ),
            Queue::new("streams to fetch by", self.fetching.len() as u64, MAX_STREAMS as u64),
            Queue::new("streams for what grows", self.live.streams.len() as u64, MAX_LIVE as u64),
            Queue::new("bytes of what grows in part", self.growing(), live_part * MAX_LIVE as u64),
            Queue::new("bytes asked for by one stream", most_asked, MAX_WINDOW),
            Queue::new("bytes of answers in part", arriving, MAX_STREAMS as u64 * part),
            Queue::new("bytes that wait for the disk", self.writing, MAX_WRITING),
            Queue::new("bytes of spare buffers", self.spare.held(), MAX_SPARE_BYTES),
            Queue::new("bytes held for one user", most_held, MAX_HELD_FOR_USER),
            Queue::new("bytes held for all users", self.held_for(None), MAX_HELD),
        ]
    }

    /// The bytes of all answers about growing files that are not whole yet.
    fn growing(&self) -> u64 {
        let arriving = |transfer: &Transfer| {
            if let Stage::Growing(growing) = &transfer.stage { growing.arriving() } else { 0 }
        };
        self.table.iter().map(arriving).sum()
    }

    /// The most bytes asked for by one stream, and the bytes of all answers that are not whole yet.
    fn fetched(&self) -> (u64, u64) {
        let (mut most_asked, mut arriving) = (0, 0);
        for transfer in self.table.iter() {
            let Stage::Fetching(fetch) = &transfer.stage else { continue };
            let (asked, arrived) = fetch.queued();
            most_asked = asked.max(most_asked);
            arriving += arrived;
        }
        (most_asked, arriving)
    }

    fn count_by_user(&self, is_meant: impl Fn(&Transfer) -> bool) -> BTreeMap<&Name, u64> {
        let mut counts = BTreeMap::new();
        for transfer in self.table.iter().filter(|transfer| is_meant(transfer)) {
            *counts.entry(&transfer.record.with).or_default() += 1;
        }
        counts
    }
}

fn most(counts: &BTreeMap<&Name, u64>) -> u64 {
    counts.values().copied().max().unwrap_or(0)
}
