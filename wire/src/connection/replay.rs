//! Which packet numbers have arrived, so that none is accepted twice [W-52] (RFC 6479).
//!
//! ```text
//!            next - 8192                       next - 1   next
//!   too old |  seen or not, one bit each  ...  | newest  | not yet seen ->
//! ```

use crate::id::PacketNumber;

/// How far behind the newest number a packet may arrive.
pub(crate) const WINDOW: u64 = 8192;
const WORD: u64 = 64;
/// One word more than the window has, because the window begins in the middle of a word.
const WORDS: usize = (WINDOW / WORD) as usize + 1;

/// The replay window.
pub(crate) struct ReplayWindow {
    /// A ring of bits: number `n` has bit `n % 64` of word `n / 64 % WORDS`.
    words: [u64; WORDS],
    /// One more than the newest number.
    next: PacketNumber,
}

impl ReplayWindow {
    pub(crate) const fn new() -> Self {
        Self { words: [0; WORDS], next: 0 }
    }

    /// Whether the number may be accepted. Changes nothing, because the packet is not yet
    /// authenticated (C12).
    pub(crate) fn accepts(&self, number: PacketNumber) -> bool {
        if number >= self.next {
            return true;
        }
        self.next - number <= WINDOW && self.words[index(number)] & bit(number) == 0
    }

    /// One more than the newest number accepted.
    pub(crate) const fn next(&self) -> PacketNumber {
        self.next
    }

    /// Remembers the number of an authenticated packet that [`Self::accepts`] let pass.
    pub(crate) fn commit(&mut self, number: PacketNumber) {
        debug_assert!(self.accepts(number), "checked before opening");
        if number >= self.next {
            // The words that come into the window held numbers that leave it.
            let first = self.next.div_ceil(WORD);
            let last = number / WORD;
            if last >= first + WORDS as u64 {
                self.words = [0; WORDS];
            } else {
                for word in first..=last {
                    self.words[(word % WORDS as u64) as usize] = 0;
                }
            }
            self.next = number + 1;
        }
        self.words[index(number)] |= bit(number);
    }
}

const fn index(number: PacketNumber) -> usize {
    (number / WORD % WORDS as u64) as usize
}

const fn bit(number: PacketNumber) -> u64 {
    1 << (number % WORD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The same in the simplest form that can be.
    #[derive(Default)]
    struct Model {
        seen: BTreeSet<u64>,
    }

    impl Model {
        fn accepts(&self, number: u64) -> bool {
            let next = self.seen.last().map_or(0, |newest| newest + 1);
            !self.seen.contains(&number) && number + WINDOW >= next
        }
    }

    fn step() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -3i64..4,
            3 => -9000i64..9000,
            1 => Just(-8192i64),
            1 => Just(-8191i64),
            1 => 8000i64..8500,
            1 => Just(1i64 << 40),
        ]
    }

    proptest! {
        #[test]
        fn same_as_the_model(steps in proptest::collection::vec(step(), 1..300)) {
            let mut window = ReplayWindow::new();
            let mut model = Model::default();
            let mut last = 0u64;
            for step in steps {
                let number = last.saturating_add_signed(step);
                last = number;
                prop_assert_eq!(window.accepts(number), model.accepts(number), "{}", number);
                if window.accepts(number) {
                    window.commit(number);
                    model.seen.insert(number);
                    prop_assert!(!window.accepts(number));
                }
            }
        }
    }

    /// [W-52].
    #[test]
    fn edges_of_the_window() {
        let mut window = ReplayWindow::new();
        window.commit(10_000);
        assert!(window.accepts(10_001 - WINDOW));
        assert!(!window.accepts(10_000 - WINDOW), "too old to tell");
        window.commit(10_001 - WINDOW);
        window.commit(u64::MAX - 1);
        assert!(!window.accepts(10_000));
        assert!(window.accepts(u64::MAX - 2));
    }
}
