//! The number by which two people make sure that each holds the other's key: both programs show
//! the same sixty digits, or somebody stands between them. Signal's numeric fingerprint, version 0,
//! over identity keys and names.

use sha2::{Digest, Sha512};

use super::identity::IdentityKey;
use super::name::Name;

/// Rounds of SHA-512 for each half: whoever wants a key whose number comes near another's pays
/// them for each that he tries.
const ROUNDS: usize = 5200;
/// Signal's version of the algorithm.
const VERSION: [u8; 2] = [0, 0];
/// Bytes of the hash that give one group of five digits.
const GROUP: usize = 5;
/// Groups of one half.
const GROUPS: usize = 6;

/// The number of two users, the same whichever of them computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber {
    /// Each with his half, the smaller half first.
    halves: [(Name, String); 2],
}

impl SafetyNumber {
    /// Of these two: takes some milliseconds.
    #[must_use]
    pub fn of(one: (&Name, IdentityKey), other: (&Name, IdentityKey)) -> Self {
        let half = |(name, key): (&Name, IdentityKey)| {
            (name.clone(), half(&key.0, name.as_str().as_bytes()))
        };
        let mut halves = [half(one), half(other)];
        halves.sort_by(|(_, a), (_, b)| a.cmp(b));
        Self { halves }
    }

    /// Twelve groups of five digits, with blanks between.
    #[must_use]
    pub fn groups(&self) -> String {
        let [(_, first), (_, second)] = &self.halves;
        format!("{first} {second}")
    }

    /// The same as a text that says by itself what it is, for the camera of a telephone: `tincan`,
    /// the two names in the order of their halves, and the groups.
    #[must_use]
    pub fn text(&self) -> String {
        let [(first, _), (second, _)] = &self.halves;
        format!("tincan {first} {second} {}", self.groups())
    }
}

/// One user's half: six groups of five digits.
fn half(key: &[u8], name: &[u8]) -> String {
    let mut hash = [VERSION.as_slice(), key, name].concat();
    for _ in 0..ROUNDS {
        hash = Sha512::new().chain_update(&hash).chain_update(key).finalize().to_vec();
    }
    let groups: Vec<String> = hash.chunks(GROUP).take(GROUPS).map(group).collect();
    groups.join(" ")
}

/// Five digits of five bytes, big-endian.
fn group(bytes: &[u8]) -> String {
    let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:05}", number % 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    /// Signal's own vector: its keys have a byte before them, its names are telephone numbers.
    #[test]
    fn the_halves_are_those_of_signal() {
        let alice = bytes("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868");
        let bob = bytes("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b");
        let alice = half(&alice, b"+14152222222").replace(' ', "");
        let bob = half(&bob, b"+14153333333").replace(' ', "");
        assert_eq!(alice, "300354477692869396892869876765");
        assert_eq!(bob, "458257569162576843440918079131");
    }

    #[test]
    fn both_sides_see_the_same_and_nobody_else_does() {
        let [alice, bob] = ["alice", "bob"].map(|name| Name::new(name).unwrap());
        let key = |byte| IdentityKey([byte; 32]);
        let number = SafetyNumber::of((&alice, key(1)), (&bob, key(2)));
        assert_eq!(SafetyNumber::of((&bob, key(2)), (&alice, key(1))), number);
        let groups = number.groups();
        assert_eq!(groups.split(' ').count(), 12);
        assert!(groups.split(' ').all(|group| group.len() == 5));
        for other in [
            SafetyNumber::of((&alice, key(3)), (&bob, key(2))),
            SafetyNumber::of((&alice, key(1)), (&bob, key(3))),
            SafetyNumber::of((&alice, key(2)), (&bob, key(1))),
        ] {
            assert_ne!(other.groups(), groups);
        }
        let text = number.text();
        let names = text.strip_prefix("tincan ").unwrap().strip_suffix(&groups).unwrap();
        assert!(matches!(names, "alice bob " | "bob alice "), "{text}");
    }
}
