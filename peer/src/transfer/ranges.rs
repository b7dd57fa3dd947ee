//! What of a file is still to be asked for.

use std::collections::BTreeMap;

/// Ranges of bytes, each beginning at a multiple of a group; apart from each other.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// End by start.
    ranges: BTreeMap<u64, u64>,
    bytes: u64,
}

impl Missing {
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

    /// How many bytes these are.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first range, or its first `max` bytes: no longer missing.
    pub(super) fn take(&mut self, max: u32) -> Option<(u64, u32)> {
        let (start, end) = self.ranges.pop_first()?;
        let len = u32::try_from(end - start).map_or(max, |len| len.min(max));
        let cut = start + u64::from(len);
        if cut < end {
            self.ranges.insert(cut, end);
        }
        self.bytes -= u64::from(len);
        Some((start, len))
    }

    /// What was taken did not arrive.
    pub(super) fn put_back(&mut self, start: u64, len: u32) {
        self.add(start, start + u64::from(len));
    }

    fn add(&mut self, mut start: u64, mut end: u64) {
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

    const GROUP: u64 = 16384;

    #[test]
    fn what_is_present_is_not_asked_for() {
        let mut missing = Missing::all_but(100_000, &[(16_384, 32_768), (98_304, 100_000)]);
        assert_eq!(missing.bytes(), 100_000 - 16_384 - 1_696);
        assert_eq!(missing.take(1 << 20), Some((0, 16_384)));
        assert_eq!(missing.take(1 << 14), Some((32_768, 16_384)));
        assert_eq!(missing.take(1 << 20), Some((49_152, 49_152)));
        assert_eq!(missing.take(1 << 20), None);
        assert_eq!(missing.bytes(), 0);
        missing.put_back(49_152, 49_152);
        missing.put_back(0, 16_384);
        assert_eq!(missing.take(1 << 20), Some((0, 16_384)));
    }

    #[test]
    fn an_empty_or_complete_file_misses_nothing() {
        assert_eq!(Missing::all_but(0, &[]).take(1), None);
        assert_eq!(Missing::all_but(5, &[(0, 5)]).take(1), None);
    }

    #[test]
    fn a_file_beyond_four_gibibytes_is_taken_in_steps() {
        let mut missing = Missing::all_but(5 << 30, &[(0, 4 << 30)]);
        assert_eq!(missing.take(1 << 20), Some((4 << 30, 1 << 20)));
        assert_eq!(missing.bytes(), (1 << 30) - (1 << 20));
    }

    proptest! {
        /// Taken and put back in any order, every byte is taken once.
        #[test]
        fn every_byte_is_taken_once(size in 0_u64..2_000_000, returns: Vec<bool>) {
            let mut missing = Missing::all_but(size, &[]);
            let mut returns = returns.into_iter();
            let mut got = BTreeMap::new();
            while let Some((start, len)) = missing.take(3 * 16384) {
                prop_assert!(start % GROUP == 0 && len > 0);
                if returns.next() == Some(true) {
                    missing.put_back(start, len);
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
}
