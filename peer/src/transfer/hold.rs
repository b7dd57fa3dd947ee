//! What a running transfer waits for: noted at every step, as it changes many times a second, and told of
//! the last seconds.

use wire::Tally;
use wire::app::name::Name;
use wire::time::{Duration, Instant};

use super::desk::StreamKey;
use super::serve::Wanted;
use super::table::{Stage, Transfer};
use super::{Context, Transfers};
use crate::work::Direction;

/// What a transfer waits for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The other side: sending, nothing is asked for; receiving, what was asked for has not come.
    OtherSide,
    /// The disk here.
    Disk,
    /// What `/limit` allows.
    Limit,
    /// The link, which takes no more at the moment.
    Link,
    /// The file, which grows no faster.
    Growth,
}

impl Hold {
    const ALL: [Self; 5] = [Self::OtherSide, Self::Disk, Self::Limit, Self::Link, Self::Growth];
}

/// How long a stream waited for what, of late.
pub(super) type Holds = Tally<{ Hold::ALL.len() }>;

/// For what it waited longest.
fn longest(spent: [Duration; Hold::ALL.len()]) -> Option<Hold> {
    let (hold, time) = Hold::ALL.into_iter().zip(spent).max_by_key(|(_, time)| *time)?;
    (time > Duration::ZERO).then_some(hold)
}

impl Transfers {
    /// What a transfer with this user has waited for most in the last seconds; of a folder, all of its files
    /// together. `None` when nothing of it is under way.
    #[must_use]
    pub fn held_up(&self, now: Instant, id: u64) -> Option<Hold> {
        let is_meant = |it: &&Transfer| it.number == id || it.folder == Some(id);
        let mut sum = [Duration::ZERO; Hold::ALL.len()];
        for transfer in self.table.iter().filter(is_meant) {
            for holds in self.holds_of(transfer) {
                let spent = holds.spent(now);
                sum.iter_mut().zip(spent).for_each(|(sum, spent)| *sum += spent);
            }
        }
        longest(sum)
    }

    /// Of the streams by which it goes.
    fn holds_of(&self, transfer: &Transfer) -> Vec<Holds> {
        match (transfer.record.direction, &transfer.stage) {
            (_, Stage::Fetching(fetch)) => fetch.holds().collect(),
            (Direction::Sending, _) => {
                let (user, id) = (&transfer.record.with, transfer.record.id);
                let keys = self.served_streams(user, id);
                keys.iter().filter_map(|key| self.serving.get(key)?.holds).collect()
            }
            (Direction::Receiving, _) => Vec::new(),
        }
    }

    /// Notes what a stream that is served waits for now.
    pub(super) fn note_served(&mut self, now: Instant, key: &StreamKey) {
        let Some(serving) = self.serving.get_mut(key) else { return };
        let hold = if serving.encoding.is_some() {
            Hold::Disk
        } else if let rest @ 1.. = serving.rest() {
            let is_limited = self.up.opens_at(now, rest).is_some();
            if is_limited { Hold::Limit } else { Hold::Link }
        } else {
            match (serving.waiting, serving.of()) {
                (Some(_), Some(Wanted::Live(_))) => Hold::Growth,
                // Others hold all of the memory that there is for answers, until their links take them.
                (Some(_), _) => Hold::Link,
                (None, _) => Hold::OtherSide,
            }
        };
        note(&mut serving.holds, now, hold);
    }

    /// Notes what a file that is fetched from this user waits for now.
    pub(super) fn note_fetched(&mut self, cx: &Context<'_>, number: u64, user: &Name) {
        let is_open = self.down.is_open(cx.now);
        let Some(transfer) = self.table.get_mut(number) else { return };
        if let Stage::Fetching(fetch) = &mut transfer.stage {
            fetch.note_hold(cx.now, user, is_open);
        }
    }
}

/// From now on it waits for this.
pub(super) fn note(holds: &mut Option<Holds>, now: Instant, hold: Hold) {
    let holds = holds.get_or_insert_with(|| Tally::new(now, hold as usize));
    holds.note(now, hold as usize);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_longest_is_told() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut holds = None;
        note(&mut holds, at(0), Hold::Disk);
        note(&mut holds, at(100), Hold::Link);
        note(&mut holds, at(700), Hold::Disk);
        assert_eq!(longest(holds.unwrap().spent(at(1000))), Some(Hold::Link));
        assert_eq!(longest(holds.unwrap().spent(at(2000))), Some(Hold::Disk));
        assert_eq!(longest(holds.unwrap().spent(at(60_000))), Some(Hold::Disk));
        assert_eq!(longest([Duration::ZERO; 5]), None);
        for (number, hold) in Hold::ALL.into_iter().enumerate() {
            assert_eq!(hold as usize, number);
        }
    }
}
