//! Which numbers of a feed are held.

use std::collections::BTreeMap;

use wire::app::post::MAX_RANGES;

/// Numbers from 1 on, as runs that do not touch each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs(BTreeMap<u64, u64>);

impl Runs {
    /// Of runs by first and last number, ascending and apart; `None` when they are not.
    pub(super) fn new(runs: &[(u64, u64)]) -> Option<Self> {
        let mut end = 0;
        for (first, last) in runs {
            if *first <= end || last < first {
                return None;
            }
            end = *last;
        }
        let mut all = Self::default();
        runs.iter().for_each(|(first, last)| all.insert_run(*first, *last));
        Some(all)
    }

    pub(super) fn insert(&mut self, number: u64) {
        if !self.contains(number) {
            self.insert_run(number, number);
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let before = self.0.range(..=number).next_back();
        before.is_some_and(|(_, last)| *last >= number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The highest number; 0 when there is none.
    pub(super) fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(_, last)| *last)
    }

    /// The newest runs, at most as many as may be told.
    pub(super) fn newest(&self) -> Vec<(u64, u64)> {
        let skip = self.0.len().saturating_sub(MAX_RANGES);
        self.0.iter().skip(skip).map(|(first, last)| (*first, *last)).collect()
    }

    /// What is here and not in `other`, ascending.
    pub(super) fn minus(&self, other: &Self) -> Vec<(u64, u64)> {
        let mut rest = Vec::new();
        for (&first, &last) in &self.0 {
            let mut from = first;
            // The run before may reach into this one.
            let reaching = other.0.range(..=first).next_back().map(|(first, _)| *first);
            for (&held, &until) in other.0.range(reaching.unwrap_or(first)..=last) {
                if until < from {
                    continue;
                }
                if from < held {
                    rest.push((from, held - 1));
                }
                from = until.saturating_add(1);
            }
            if from <= last {
                rest.push((from, last));
            }
        }
        rest
    }

    fn insert_run(&mut self, mut first: u64, mut last: u64) {
        if let Some((&before, &end)) = self.0.range(..first).next_back()
            && end + 1 == first
        {
            self.0.remove(&before);
            first = before;
        }
        if let Some(after) = last.checked_add(1).and_then(|next| self.0.remove(&next)) {
            last = after;
        }
        self.0.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn runs_of(numbers: &BTreeSet<u64>) -> Runs {
        let mut runs = Runs::default();
        numbers.iter().rev().for_each(|number| runs.insert(*number));
        runs
    }

    #[test]
    fn runs_that_touch_or_go_back_are_none() {
        assert!(Runs::new(&[(1, 4), (6, 6), (9, u64::MAX)]).is_some());
        assert_eq!(Runs::new(&[(0, 4)]), None);
        assert_eq!(Runs::new(&[(5, 4)]), None);
        assert_eq!(Runs::new(&[(1, 4), (4, 6)]), None);
        let touching = Runs::new(&[(1, 4), (5, 6)]).unwrap();
        assert_eq!(touching.newest(), [(1, 6)]);
    }

    #[test]
    fn what_is_told_is_the_newest() {
        let runs = runs_of(&(0..20).map(|n| 2 * n + 1).collect());
        let told = runs.newest();
        assert_eq!((told.len(), told[0], runs.last()), (MAX_RANGES, (25, 25), 39));
    }

    proptest! {
        /// As sets of numbers.
        #[test]
        fn like_sets(
            one in prop::collection::btree_set(1_u64..40, 0..30),
            other in prop::collection::btree_set(1_u64..40, 0..30),
        ) {
            let (a, b) = (runs_of(&one), runs_of(&other));
            for number in 0..42 {
                prop_assert_eq!(a.contains(number), one.contains(&number));
            }
            prop_assert_eq!(a.last(), one.last().copied().unwrap_or(0));
            let rest: BTreeSet<u64> = a.minus(&b).into_iter().flat_map(|(f, l)| f..=l).collect();
            prop_assert_eq!(rest, one.difference(&other).copied().collect::<BTreeSet<u64>>());
        }
    }
}
