//! Sets of offsets, kept as sorted ranges.

use std::collections::VecDeque;
use std::ops::Range;

/// More room than this is given back when the set runs empty.
const KEPT_CAPACITY: usize = 64;

/// A set of `u64`, as disjoint half-open ranges in ascending order with at least one missing
/// number between any two. Adding at the end and taking from the front cost O(1), finding a
/// place elsewhere O(log n).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RangeSet {
    ranges: VecDeque<Range<u64>>,
}

impl RangeSet {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The number of ranges.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The lowest range.
    pub(super) fn first(&self) -> Option<Range<u64>> {
        self.ranges.front().cloned()
    }

    /// Adds all of `range`.
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        match self.ranges.back_mut() {
            Some(last) if range.start >= last.start && range.start <= last.end => {
                last.end = last.end.max(range.end);
                return;
            }
            Some(last) if range.start <= last.end => {}
            Some(_) | None => {
                self.ranges.push_back(range);
                return;
            }
        }
        // Those from `from` up to `to` touch or overlap the new one and become one with it.
        let from = self.ranges.partition_point(|r| r.end < range.start);
        let to = self.ranges.partition_point(|r| r.start <= range.end);
        if from == to {
            self.ranges.insert(from, range);
            return;
        }
        let start = range.start.min(self.ranges[from].start);
        let end = range.end.max(self.ranges[to - 1].end);
        self.ranges[from] = start..end;
        self.ranges.drain(from + 1..to);
    }

    /// Takes all of `range` out.
    pub(super) fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.ranges.partition_point(|r| r.end <= range.start);
        let to = self.ranges.partition_point(|r| r.start < range.end);
        if from == to {
            return;
        }
        let left = self.ranges[from].start..range.start;
        let right = range.end..self.ranges[to - 1].end;
        match (left.is_empty(), right.is_empty()) {
            (true, true) => drop(self.ranges.drain(from..to)),
            (false, true) => {
                self.ranges[from] = left;
                self.ranges.drain(from + 1..to);
            }
            (true, false) => {
                self.ranges[to - 1] = right;
                self.ranges.drain(from..to - 1);
            }
            (false, false) if to - from == 1 => {
                self.ranges[from] = left;
                self.ranges.insert(from + 1, right);
            }
            (false, false) => {
                self.ranges[from] = left;
                self.ranges[to - 1] = right;
                self.ranges.drain(from + 1..to - 1);
            }
        }
        self.shrink_when_empty();
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.shrink_when_empty();
    }

    /// The parts of `within` that are not in the set, ascending.
    pub(super) fn gaps(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let from = self.ranges.partition_point(|r| r.end <= within.start);
        let mut present = self.ranges.range(from..);
        let mut start = within.start;
        std::iter::from_fn(move || {
            while start < within.end {
                let (gap, next) = match present.next() {
                    Some(range) => (start..range.start.min(within.end), range.end),
                    None => (start..within.end, within.end),
                };
                start = next;
                if !gap.is_empty() {
                    return Some(gap);
                }
            }
            None
        })
    }

    /// Bytes that the set occupies.
    pub(super) fn memory(&self) -> usize {
        self.ranges.capacity() * size_of::<Range<u64>>()
    }

    fn shrink_when_empty(&mut self) {
        if self.ranges.is_empty() && self.ranges.capacity() > KEPT_CAPACITY {
            self.ranges = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(ranges: &[Range<u64>]) -> RangeSet {
        let mut set = RangeSet::default();
        for range in ranges {
            set.insert(range.clone());
        }
        set
    }

    #[test]
    fn neighbours_become_one() {
        assert_eq!(set(&[0..2, 4..6, 2..4]).first(), Some(0..6));
        assert_eq!(set(&[4..6, 2..4]).first(), Some(2..6));
        assert_eq!(set(&[4..6, 0..3]).len(), 2);
        let joined = set(&[0..1, 2..3, 4..5, 0..9]);
        assert_eq!((joined.first(), joined.len()), (Some(0..9), 1));
    }

    #[test]
    fn a_large_set_that_runs_empty_gives_its_room_back() {
        let mut set = RangeSet::default();
        for at in 0..1000 {
            set.insert(at * 2..at * 2 + 1);
        }
        assert!(set.memory() >= 1000 * 16);
        set.remove(0..2000);
        assert_eq!((set.len(), set.memory()), (0, 0));
    }

    #[test]
    fn the_largest_numbers_fit() {
        let mut set = set(&[u64::MAX - 1..u64::MAX, 0..1]);
        assert_eq!(set.gaps(0..u64::MAX).last(), Some(1..u64::MAX - 1));
        assert_eq!(set.gaps(0..u64::MAX).count(), 1);
        set.remove(0..u64::MAX);
        assert!(set.is_empty());
    }

    proptest! {
        #[test]
        fn behaves_like_a_set_of_numbers(
            steps in prop::collection::vec((any::<bool>(), 0u64..200, 0u64..40), 0..200),
            asked in (0u64..220, 0u64..60),
        ) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for (add, start, len) in steps {
                let range = start..start + len;
                if add {
                    model.extend(range.clone());
                    set.insert(range);
                } else {
                    model.retain(|number| !range.contains(number));
                    set.remove(range);
                }
                let numbers: Vec<u64> = set.ranges.iter().cloned().flatten().collect();
                prop_assert_eq!(numbers, model.iter().copied().collect::<Vec<_>>());
                let apart = set.ranges.iter().zip(set.ranges.iter().skip(1));
                prop_assert!(apart.into_iter().all(|(low, high)| low.end < high.start));
            }
            let within = asked.0..asked.0 + asked.1;
            let missing: Vec<u64> = set.gaps(within.clone()).flatten().collect();
            let expected: Vec<u64> = within.filter(|number| !model.contains(number)).collect();
            prop_assert_eq!(missing, expected);
            prop_assert!(set.gaps(0..300).all(|gap| !gap.is_empty()));
        }
    }
}
