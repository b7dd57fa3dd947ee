//! What the link loses although it is not full.

use std::collections::VecDeque;

use crate::time::Instant;

/// Fewer bytes tell nothing.
const ENOUGH: f64 = 60_000.0;
/// More than this is not believed to be the link's.
const MOST: f64 = 0.4;
/// The least of so many measurements counts: what others' overload adds to one of them is not the
/// link's.
const MEASUREMENTS: usize = 4;

/// Losses among what was sent while less was sent than the path delivers.
#[derive(Clone, Debug, Default)]
pub(super) struct LossFloor {
    share: Option<f64>,
    measured: VecDeque<f64>,
    /// When what counts was sent: from then on, until then.
    interval: Option<(Instant, Option<Instant>)>,
    acked: f64,
    lost: f64,
}

impl LossFloor {
    /// The share of what is sent that is lost, when it is known.
    pub(super) const fn share(&self) -> Option<f64> {
        self.share
    }

    /// From now on less is sent than the path delivers.
    pub(super) fn open(&mut self, now: Instant) {
        self.settle();
        self.interval = Some((now, None));
    }

    /// No longer.
    pub(super) const fn close(&mut self, now: Instant) {
        if let Some((_, end)) = &mut self.interval {
            *end = Some(now);
        }
    }

    pub(super) fn on_acked(&mut self, sent_at: Instant, size: u64) {
        if self.counts(sent_at) {
            self.acked += size as f64;
        } else if self.interval.is_some_and(|(start, _)| sent_at >= start) {
            // Something that was sent later is acknowledged: the rest is lost, and known to be.
            self.settle();
        }
    }

    pub(super) fn on_lost(&mut self, sent_at: Instant, size: u64) {
        if self.counts(sent_at) {
            self.lost += size as f64;
        }
    }

    /// What was lost has come after all.
    pub(super) fn on_late(&mut self, sent_at: Instant, size: u64) {
        if self.counts(sent_at) {
            self.lost = (self.lost - size as f64).max(0.0);
        }
    }

    fn counts(&self, sent_at: Instant) -> bool {
        self.interval
            .is_some_and(|(start, end)| sent_at >= start && end.is_none_or(|end| sent_at < end))
    }

    /// Takes what was counted into account.
    fn settle(&mut self) {
        let all = self.acked + self.lost;
        if all < ENOUGH {
            return;
        }
        if self.measured.len() == MEASUREMENTS {
            self.measured.pop_front();
        }
        self.measured.push_back((self.lost / all).min(MOST));
        self.share = self.measured.iter().copied().reduce(f64::min);
        self.acked = 0.0;
        self.lost = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// A tenth of what is sent from 100 to 200 ms is lost, a half of the rest.
    fn measured() -> LossFloor {
        let mut floor = LossFloor::default();
        floor.open(at(100));
        for millis in 0..400 {
            let counts = (100..200).contains(&millis);
            if millis == 200 {
                floor.close(at(200));
            }
            if millis % if counts { 10 } else { 2 } == 0 {
                floor.on_lost(at(millis), 1000);
            } else {
                floor.on_acked(at(millis), 1000);
            }
        }
        floor
    }

    #[test]
    fn only_what_was_sent_in_the_interval_counts() {
        assert_eq!(measured().share(), Some(0.1));
    }

    #[test]
    fn late_arrivals_are_no_losses_and_few_packets_tell_nothing() {
        let mut floor = LossFloor::default();
        floor.open(at(0));
        floor.on_lost(at(0), 1000);
        floor.on_late(at(0), 1000);
        for millis in 0..60 {
            assert_eq!(floor.share(), None);
            floor.on_acked(at(millis), 1000);
        }
        floor.close(at(60));
        floor.on_acked(at(60), 1000);
        assert_eq!(floor.share(), Some(0.0));
    }

    #[test]
    fn the_least_of_a_few_intervals_counts() {
        let mut floor = measured();
        floor.open(at(500));
        for millis in 500..600 {
            floor.on_acked(at(millis), 1000);
        }
        floor.open(at(600));
        assert_eq!(floor.share(), Some(0.0));
        // It is forgotten after four more.
        for start in [600, 700, 800, 900] {
            floor.open(at(start));
            for millis in start..start + 100 {
                if millis % 5 == 0 {
                    floor.on_lost(at(millis), 1000);
                } else {
                    floor.on_acked(at(millis), 1000);
                }
            }
        }
        floor.open(at(1000));
        assert_eq!(floor.share(), Some(0.2));
    }
}
