//! Who reads a file while it arrives, and what is asked for first therefore.

use wire::app::peer::GROUP;

use super::fetch::Choice;
use super::ranges::Ranges;

/// What lies so far before a reader goes before everything else: some seconds of any film. Without an
/// end, one who reads at the beginning would starve one at the tail, or the other way round.
pub(super) const URGENT: u64 = 8 << 20;

/// Most readers of one file that are listened to: a player has two or three.
const MAX_READERS: usize = 16;

/// Somebody who reads a file while it arrives. The shell numbers them, and uses no number twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader(pub u64);

/// Those who read one file.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// Where each is, the one who came last at the end.
    places: Vec<(Reader, u64)>,
    /// Whose turn it was.
    turn: usize,
}

impl Readers {
    /// A reader reads on from this byte; he may be new.
    pub(super) fn put(&mut self, reader: Reader, offset: u64) {
        let place = offset - offset % GROUP;
        if let Some((_, at)) = self.places.iter_mut().find(|(known, _)| *known == reader) {
            *at = place;
            return;
        }
        if self.places.len() == MAX_READERS {
            self.places.remove(0);
        }
        self.places.push((reader, place));
    }

    /// A reader reads no more.
    pub(super) fn remove(&mut self, reader: Reader) {
        self.places.retain(|(known, _)| *known != reader);
    }

    /// Takes what is to be asked for next out of what is missing, at most `step` bytes: what lies right
    /// before one of the readers, each in his turn; then what is behind the place of the one who came
    /// last, for that is what the person wants to see; then the rest.
    pub(super) fn take(
        &mut self,
        missing: &mut Ranges,
        step: u32,
        choice: &Choice<'_>,
    ) -> Option<(u64, u32)> {
        for _ in 0..self.places.len() {
            self.turn = (self.turn + 1) % self.places.len();
            let (_, at) = self.places[self.turn];
            let urgent = at..at.saturating_add(URGENT);
            let taken = missing.take_between(urgent, step, choice.within, choice.without);
            if taken.is_some() {
                return taken;
            }
        }
        let from = self.places.last().map_or(choice.from, |(_, at)| *at);
        missing.take(from, step, choice.within, choice.coming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const STEP: u32 = 1 << 20;
    const SIZE: u64 = 64 * MIB;

    /// Where the next requests begin, in MiB.
    fn asked(readers: &mut Readers, missing: &mut Ranges, count: usize) -> Vec<u64> {
        let choice = Choice { from: 0, within: None, without: &[], coming: &[] };
        let next = || readers.take(missing, STEP, &choice).map(|(offset, _)| offset / MIB);
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn what_a_reader_waits_for_is_asked_for_first_and_then_the_rest() {
        let (mut readers, mut missing) = (Readers::default(), Ranges::all_but(SIZE, &[]));
        assert_eq!(asked(&mut readers, &mut missing, 2), [0, 1], "nobody reads: from the start");
        readers.put(Reader(1), 40 * MIB + 5);
        assert_eq!(asked(&mut readers, &mut missing, 3), [40, 41, 42]);
        // He seeks.
        readers.put(Reader(1), 20 * MIB);
        assert_eq!(asked(&mut readers, &mut missing, 2), [20, 21]);
        let rest = asked(&mut readers, &mut missing, 1000);
        assert_eq!(
            rest[..18],
            (22..40).collect::<Vec<_>>(),
            "behind him, and what is there is not asked for"
        );
        assert_eq!(rest[18..39], (43..64).collect::<Vec<_>>());
        assert_eq!(rest[39..], (2..20).collect::<Vec<_>>(), "what he has passed comes last");
    }

    #[test]
    fn two_readers_are_served_in_turn() {
        let (mut readers, mut missing) = (Readers::default(), Ranges::all_but(SIZE, &[]));
        readers.put(Reader(1), 0);
        readers.put(Reader(2), 62 * MIB);
        for both in [[0, 62], [1, 63]] {
            let mut next = asked(&mut readers, &mut missing, 2);
            next.sort_unstable();
            assert_eq!(next, both);
        }
        // The one at the tail has all that he can want, and takes no turn any more.
        assert_eq!(asked(&mut readers, &mut missing, 3), [2, 3, 4]);
    }

    /// One who has read far ahead, or stands still, does not hold up the other for more than that.
    #[test]
    fn nobody_has_turns_beyond_what_is_urgent() {
        let (mut readers, mut missing) = (Readers::default(), Ranges::all_but(SIZE, &[]));
        readers.put(Reader(1), 0);
        let mut all = asked(&mut readers, &mut missing, 8);
        readers.put(Reader(2), 32 * MIB);
        all.extend(asked(&mut readers, &mut missing, 8));
        assert_eq!(all, (0..8).chain(32..40).collect::<Vec<_>>());
    }

    #[test]
    fn who_reads_no_more_is_forgotten() {
        let (mut readers, mut missing) = (Readers::default(), Ranges::all_but(SIZE, &[]));
        readers.put(Reader(1), 40 * MIB);
        readers.put(Reader(2), 10 * MIB);
        readers.remove(Reader(2));
        assert_eq!(asked(&mut readers, &mut missing, 2), [40, 41]);
        readers.remove(Reader(1));
        assert_eq!(asked(&mut readers, &mut missing, 2), [0, 1]);
        // Nor are more listened to than a player can have.
        for number in 0..1000 {
            readers.put(Reader(number), 0);
        }
        assert_eq!(readers.places.len(), MAX_READERS);
    }

    /// What is on its way to others is left to them, unless somebody reads it here.
    #[test]
    fn what_comes_to_others_is_asked_for_only_by_who_reads_it() {
        let (mut readers, mut missing) = (Readers::default(), Ranges::all_but(8 * MIB, &[]));
        let has = Ranges::of(&[(MIB, 2 * MIB), (5 * MIB, 6 * MIB)]);
        let coming = has.longer(2 * MIB);
        assert_eq!(coming.list(), [(MIB, 4 * MIB), (5 * MIB, 8 * MIB)]);
        let choice = Choice { from: 0, within: None, without: &[&has], coming: &[&coming] };
        let mut ask = |readers: &mut Readers| {
            readers.take(&mut missing, STEP, &choice).map(|(offset, _)| offset / MIB)
        };
        assert_eq!([ask(&mut readers), ask(&mut readers)], [Some(0), Some(4)]);
        assert_eq!(ask(&mut readers), None);
        readers.put(Reader(1), 3 * MIB);
        assert_eq!(ask(&mut readers), Some(3));
        assert_eq!(ask(&mut readers), Some(6), "but not what they have");
    }

    /// What a member lacks is not asked of him, whoever waits for it.
    #[test]
    fn nobody_is_asked_for_what_he_does_not_have() {
        let (mut readers, mut missing) = (Readers::default(), Ranges::all_but(SIZE, &[]));
        readers.put(Reader(1), 40 * MIB);
        let has = Ranges::of(&[(3 * MIB, 5 * MIB), (41 * MIB, 42 * MIB)]);
        let mut ask = |within: Option<&Ranges>, without: &[&Ranges]| {
            let choice = Choice { from: 0, within, without, coming: without };
            readers.take(&mut missing, STEP, &choice).map(|(offset, _)| offset / MIB)
        };
        assert_eq!(ask(Some(&has), &[]), Some(41));
        assert_eq!(ask(Some(&has), &[]), Some(3));
        assert_eq!(ask(None, &[&has]), Some(40));
        assert_eq!(ask(None, &[&has]), Some(42));
    }
}
