//! Random choices from a seed.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use wire::Seed;

/// How likely something is: a fraction of 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probability(u64);

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1 << 32);

    /// So many times in a hundred; beyond 100 counts as always.
    #[must_use]
    pub fn percent(percent: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=2^32 before the cast"
        )]
        let fraction = (percent.clamp(0.0, 100.0) / 100.0 * (1u64 << 32) as f64).round() as u64;
        Self(fraction)
    }

    /// How likely it is that it does not happen.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(Self::ALWAYS.0 - self.0)
    }
}

impl FromStr for Probability {
    type Err = String;

    /// `5`, `5%` and `0.5%`: always per cent, as `tc netem` reads them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim_end_matches('%').parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::percent(percent)),
            Ok(_) | Err(_) => Err(format!("not a percentage: {text}")),
        }
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0 as f64 * 100.0 / (1u64 << 32) as f64)
    }
}

/// A source of random choices; each part of a world has its own, so that one part's choices do
/// not move another's.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of the part named `label`.
    #[must_use]
    pub fn new(seed: &Seed, label: &str) -> Self {
        let mut key = [0; 32];
        seed.derive(label).rng().fill_bytes(&mut key);
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Whether it happens this time.
    pub fn chance(&mut self, probability: Probability) -> bool {
        match probability {
            Probability::NEVER => false,
            Probability::ALWAYS => true,
            Probability(fraction) => u64::from(self.0.next_u32()) < fraction,
        }
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below 0");
        let product = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).expect("less than the bound")
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A duration from `low` to `high`, in whole microseconds.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let micros = |duration: Duration| {
            u64::try_from(duration.as_micros()).expect("simulated times are short")
        };
        Duration::from_micros(self.between(micros(low), micros(high)))
    }

    /// One of the choices.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(choices.len() as u64)).expect("an index")]
    }

    /// An index below `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("an index")
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// A seed for something new.
    pub fn seed(&mut self) -> Seed {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        Seed::new(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_what_they_say() {
        let mut dice = Dice::new(&Seed::new([1; 32]), "test");
        let hits = (0..100_000).filter(|_| dice.chance(Probability::percent(5.0))).count();
        assert!((4_700..5_300).contains(&hits), "{hits}");
        assert!(dice.chance(Probability::ALWAYS) && !dice.chance(Probability::NEVER));
    }

    #[test]
    fn ranges_include_both_ends() {
        let mut dice = Dice::new(&Seed::new([2; 32]), "test");
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[usize::try_from(dice.between(3, 6)).unwrap() - 3] = true;
        }
        assert_eq!(seen, [true; 4]);
    }

    #[test]
    fn percentages_read_as_tc_reads_them() {
        assert_eq!("5%".parse(), Ok(Probability::percent(5.0)));
        assert_eq!("0.5".parse(), Ok(Probability::percent(0.5)));
        assert!("101%".parse::<Probability>().is_err());
        assert!("x".parse::<Probability>().is_err());
        assert_eq!(Probability::percent(2.5).to_string(), "2.50%");
    }
}
