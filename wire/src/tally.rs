//! How time was spent of late: so a state that comes and goes many times a second can be spoken of.

use core::time::Duration;

use crate::time::Instant;

/// What is older than two of these is forgotten.
const PERIOD: Duration = Duration::from_secs(4);

/// How long each of `N` states lasted, over the last four to eight seconds. States are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally<const N: usize> {
    state: usize,
    since: Instant,
    /// When the present period began.
    began: Instant,
    present: [Duration; N],
    before: [Duration; N],
}

impl<const N: usize> Tally<N> {
    /// From now on it is this state.
    #[must_use]
    pub const fn new(now: Instant, state: usize) -> Self {
        let nothing = [Duration::ZERO; N];
        Self { state, since: now, began: now, present: nothing, before: nothing }
    }

    /// From now on it is this state, or still.
    pub fn note(&mut self, now: Instant, state: usize) {
        let lasted = now - self.since;
        if let Some(spent) = self.present.get_mut(self.state) {
            *spent += lasted.min(PERIOD);
        }
        if lasted >= PERIOD {
            // Whatever was before is too long ago.
            let spent = self.present.get(self.state).copied().unwrap_or_default();
            self.present = [Duration::ZERO; N];
            if let Some(present) = self.present.get_mut(self.state) {
                *present = spent.min(PERIOD);
            }
            self.before = [Duration::ZERO; N];
            self.began = now;
        } else if now - self.began >= PERIOD {
            self.before = core::mem::replace(&mut self.present, [Duration::ZERO; N]);
            self.began = now;
        }
        self.state = state;
        self.since = now;
    }

    /// How long each state lasted of late, up to now.
    #[must_use]
    pub fn spent(mut self, now: Instant) -> [Duration; N] {
        self.note(now, self.state);
        let mut spent = self.present;
        for (spent, before) in spent.iter_mut().zip(self.before) {
            *spent += before;
        }
        spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn each_state_has_the_time_that_it_lasted() {
        let mut tally = Tally::<3>::new(at(0), 0);
        for second in 0..3 {
            tally.note(at(second * 1000 + 200), 1);
            tally.note(at(second * 1000 + 1000), 0);
        }
        assert_eq!(tally.spent(at(3100)), [ms(700), ms(2400), ms(0)]);
        assert_eq!(tally.spent(at(3500)), [ms(1100), ms(2400), ms(0)], "what lasts is counted");
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        let mut tally = Tally::<2>::new(at(0), 0);
        tally.note(at(3000), 1);
        for step in 1..=30 {
            tally.note(at(3000 + step * 500), 1);
        }
        let [long_ago, of_late] = tally.spent(at(18_000));
        assert_eq!(long_ago, ms(0));
        assert!(of_late >= ms(4000) && of_late <= ms(8000), "{of_late:?}");
        // One state for an hour, of which nothing was noted.
        tally.note(at(18_000), 0);
        assert_eq!(tally.spent(at(3_600_000)), [ms(4000), ms(0)]);
    }

    #[test]
    fn a_state_that_does_not_exist_is_not_counted() {
        let mut tally = Tally::<1>::new(at(0), 7);
        tally.note(at(9000), 0);
        assert_eq!(tally.spent(at(9500)), [ms(500)]);
    }
}
