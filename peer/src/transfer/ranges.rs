//! Parts of a file: what is still to be asked for, what is there, what others hold.

use std::collections::BTreeMap;
use std::ops::Range;

use wire::app::peer::{GROUP, MAX_HAVE_RUNS};

/// Ranges of bytes, each beginning at a multiple of a group; apart from each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges {
    /// End by start.
    ranges: BTreeMap<u64, u64>,
    bytes: u64,
}

impl Ranges {
    /// Everything of a file of `size` bytes but the ranges `present` (ascending, apart).
    pub(super) fn all_but(size: u64, present: &[(u64, u64)]) -> Self {
        let mut missing = Self::default();
        let mut from = 0;
        for (start, end) in present {
            missing.add(from, *start);
            from = *end;
        }
        missing.add(from, size);
        missing
    }

    /// Runs of groups of a file of `size` bytes, as they are told: first and count, ascending.
    pub(super) fn of_groups(runs: &[(u64, u64)], size: u64) -> Self {
        let mut ranges = Self::default();
        for (first, count) in runs {
            let (start, end) = (first.saturating_mul(GROUP), (first + count).saturating_mul(GROUP));
            ranges.add(start.min(size), end.min(size));
        }
        ranges
    }

    /// The longest runs of groups, so many as are told of at most.
    pub(super) fn groups(&self) -> Vec<(u64, u64)> {
        let run = |(start, end): (&u64, &u64)| (start / GROUP, end.div_ceil(GROUP) - start / GROUP);
        let mut runs: Vec<(u64, u64)> = self.ranges.iter().map(run).collect();
        if runs.len() > MAX_HAVE_RUNS {
            runs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            runs.truncate(MAX_HAVE_RUNS);
            runs.sort();
        }
        runs
    }

    /// These ranges, `start..end`, which are apart from each other.
    pub(crate) fn of(ranges: &[(u64, u64)]) -> Self {
        let mut these = Self::default();
        for (start, end) in ranges {
            these.add(*start, *end);
        }
        these
    }

    /// Each of them, `start..end`, ascending.
    pub(super) fn list(&self) -> Vec<(u64, u64)> {
        self.ranges.iter().map(|(start, end)| (*start, *end)).collect()
    }

    /// How far they go on from this byte without a gap: to the byte itself when it is in none.
    #[cfg(any(feature = "shell", test))]
    pub(crate) fn reach(&self, from: u64) -> u64 {
        self.around(from).map_or(from, |(_, end)| end)
    }

    /// These, each `by` bytes longer; those that meet become one.
    pub(super) fn longer(&self, by: u64) -> Self {
        let mut longer = Self::default();
        let mut from = 0;
        for (start, end) in &self.ranges {
            let until = end.saturating_add(by);
            longer.add(from.max(*start), until);
            from = from.max(until);
        }
        longer
    }

    /// How many bytes these are.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether all of `start..end` is among them.
    pub(super) fn covers(&self, start: u64, end: u64) -> bool {
        self.around(start).is_some_and(|(_, until)| until >= end)
    }

    /// At most `max` bytes, looked for from `from` to the end and then from the beginning, of what
    /// is `within`, if that is given, and in none of `without`: no longer among these.
    pub(super) fn take(
        &mut self,
        from: u64,
        max: u32,
        within: Option<&Self>,
        without: &[&Self],
    ) -> Option<(u64, u32)> {
        self.take_between(from..u64::MAX, max, within, without)
            .or_else(|| self.take_between(0..from, max, within, without))
    }

    /// The same of what lies between two places alone.
    pub(super) fn take_between(
        &mut self,
        places: Range<u64>,
        max: u32,
        within: Option<&Self>,
        without: &[&Self],
    ) -> Option<(u64, u32)> {
        let (start, end) = self.first_between(places.start, places.end, within, without)?;
        let len = u32::try_from(end - start).map_or(max, |len| len.min(max));
        self.remove(start, start + u64::from(len));
        Some((start, len))
    }

    /// The first stretch between two places that may be taken.
    fn first_between(
        &self,
        from: u64,
        to: u64,
        within: Option<&Self>,
        without: &[&Self],
    ) -> Option<(u64, u64)> {
        let mut at = from;
        'next: while at < to {
            let (start, mut end) = self.at_or_after(at)?;
            at = at.max(start);
            if let Some(within) = within {
                let (start, until) = within.at_or_after(at)?;
                if start >= end {
                    at = end;
                    continue;
                }
                (at, end) = (at.max(start), end.min(until));
            }
            for others in without {
                if let Some((start, until)) = others.at_or_after(at) {
                    if start <= at {
                        at = until;
                        continue 'next;
                    }
                    end = end.min(start);
                }
            }
            let end = end.min(to);
            return (at < end).then_some((at, end));
        }
        None
    }

    /// The range that holds this byte.
    fn around(&self, at: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..=at).next_back()?;
        (*end > at).then_some((*start, *end))
    }

    /// The range that holds this byte, or the first one behind it.
    fn at_or_after(&self, at: u64) -> Option<(u64, u64)> {
        let behind = || self.ranges.range(at..).next().map(|(start, end)| (*start, *end));
        self.around(at).or_else(behind)
    }

    /// Takes out `start..end`, which is within one of them.
    fn remove(&mut self, start: u64, end: u64) {
        let Some((first, last)) = self.around(start) else { return };
        self.bytes -= end - start;
        self.ranges.remove(&first);
        if first < start {
            self.ranges.insert(first, start);
        }
        if end < last {
            self.ranges.insert(end, last);
        }
    }

    /// One more range, of which nothing is among them.
    pub(crate) fn put(&mut self, start: u64, len: u32) {
        self.add(start, start + u64::from(len));
    }

    /// Whether they have anything in common.
    pub(super) fn meets(&self, others: &Self) -> bool {
        self.first_between(0, u64::MAX, Some(others), &[]).is_some()
    }

    pub(super) fn add(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        self.bytes += end - start;
        if let Some((&before, &before_end)) = self.ranges.range(..start).next_back()
            && before_end == start
        {
            self.ranges.remove(&before);
            start = before;
        }
        if let Some(after_end) = self.ranges.remove(&end) {
            end = after_end;
        }
        self.ranges.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_present_is_not_asked_for() {
        let mut missing = Ranges::all_but(100_000, &[(16_384, 32_768), (98_304, 100_000)]);
        assert_eq!(missing.bytes(), 100_000 - 16_384 - 1_696);
        assert_eq!(missing.take(0, 1 << 20, None, &[]), Some((0, 16_384)));
        assert_eq!(missing.take(0, 1 << 14, None, &[]), Some((32_768, 16_384)));
        assert_eq!(missing.take(0, 1 << 20, None, &[]), Some((49_152, 49_152)));
        assert_eq!(missing.take(0, 1 << 20, None, &[]), None);
        assert_eq!(missing.bytes(), 0);
        missing.put(49_152, 49_152);
        missing.put(0, 16_384);
        assert_eq!(missing.take(0, 1 << 20, None, &[]), Some((0, 16_384)));
    }

    #[test]
    fn an_empty_or_complete_file_misses_nothing() {
        assert_eq!(Ranges::all_but(0, &[]).take(0, 1, None, &[]), None);
        assert_eq!(Ranges::all_but(5, &[(0, 5)]).take(0, 1, None, &[]), None);
    }

    #[test]
    fn a_file_beyond_four_gibibytes_is_taken_in_steps() {
        let mut missing = Ranges::all_but(5 << 30, &[(0, 4 << 30)]);
        assert_eq!(missing.take(0, 1 << 20, None, &[]), Some((4 << 30, 1 << 20)));
        assert_eq!(missing.bytes(), (1 << 30) - (1 << 20));
    }

    proptest! {
        /// Taken and put back in any order, every byte is taken once.
        #[test]
        fn every_byte_is_taken_once(size in 0_u64..2_000_000, returns: Vec<bool>) {
            let mut missing = Ranges::all_but(size, &[]);
            let mut returns = returns.into_iter();
            let mut got = BTreeMap::new();
            while let Some((start, len)) = missing.take(0, 3 * 16384, None, &[]) {
                prop_assert!(start % GROUP == 0 && len > 0);
                if returns.next() == Some(true) {
                    missing.put(start, len);
                } else {
                    prop_assert_eq!(got.insert(start, start + u64::from(len)), None);
                }
            }
            let mut at = 0;
            for (start, end) in got {
                prop_assert_eq!(start, at);
                at = end;
            }
            prop_assert_eq!((at, missing.bytes()), (size, 0));
        }
    }

    /// Whatever is taken may be: it was missing, the one who is asked has it, and nobody else does.
    #[test]
    fn what_is_taken_is_where_it_may_be() {
        let group = |first: u64, count: u64| (first, count);
        let size = 100 * GROUP - 5;
        let of = |runs: &[(u64, u64)]| Ranges::of_groups(runs, size);
        let mut missing = Ranges::all_but(size, &[]);
        let (his, others) =
            (of(&[group(10, 5), group(40, 60)]), of(&[group(12, 1), group(50, 50)]));
        let mut take = |from: u64| missing.take(from * GROUP, 3 << 14, Some(&his), &[&others]);
        assert_eq!(take(41), Some((41 * GROUP, 3 << 14)));
        assert_eq!(take(48), Some((48 * GROUP, 2 << 14)));
        assert_eq!(take(49), Some((10 * GROUP, 2 << 14)));
        assert_eq!(take(12), Some((13 * GROUP, 2 << 14)));
        assert_eq!(take(14), Some((40 * GROUP, 1 << 14)));
        assert_eq!(take(14), Some((44 * GROUP, 3 << 14)));
        assert_eq!(take(14), Some((47 * GROUP, 1 << 14)));
        assert_eq!(take(14), None);
        assert_eq!(missing.bytes(), size - 14 * GROUP);
        assert_eq!(missing.take(99 * GROUP, 1 << 20, None, &[]), Some((99 * GROUP, (1 << 14) - 5)));
    }

    #[test]
    fn what_is_told_is_what_is_there() {
        let size = 1000 * GROUP + 1;
        let mut held = Ranges::default();
        assert_eq!(held.groups(), []);
        held.put(0, 3 << 14);
        held.put(1000 * GROUP, 1);
        assert_eq!(held.groups(), [(0, 3), (1000, 1)]);
        let told = Ranges::of_groups(&held.groups(), size);
        assert_eq!(told.bytes(), held.bytes());
        assert!(told.covers(GROUP, 3 * GROUP) && !told.covers(GROUP, 3 * GROUP + 1));
        assert!(told.covers(1000 * GROUP, size) && !told.covers(999 * GROUP, size));
        // The longest, where there are too many.
        for at in 10..10 + MAX_HAVE_RUNS as u64 {
            held.put(2 * at * GROUP, 1 << 14);
        }
        let told = held.groups();
        assert!(told.len() == MAX_HAVE_RUNS && told.contains(&(0, 3)) && told.is_sorted());
    }
}
