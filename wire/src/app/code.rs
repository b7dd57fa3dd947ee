//! Spoken codes: a number by which the server finds who made one, and two words that it never gets.
//! Whoever types them and whoever made them prove to each other that they have the same (SPAKE2), and
//! with that the keys that they show each other.
//!
//! ```text
//!   maker                                                       typist
//!     | <------------- Start { X + M pw } ----------------------- |
//!     | ------- Answer { Y + N pw, MAC by the maker } ----------> |  the keys are the maker's
//!     | <------------- Prove { MAC by the typist } -------------- |
//!     | -------------- Kept ------------------------------------> |
//!   the keys are the typist's
//! ```
//!
//! [W-07] Into the run go the label, the server's key, the number, and name and identity of both ends
//! as each side knows them: who is introduced as somebody else comes to another key.
//!
//! The words are 1024 of BIP-39's English list (MIT licence): of four to seven letters, no two of which
//! differ by one letter or are spoken alike.

use rand_core::{CryptoRng, RngCore};
use spake2::{Ed25519Group, Identity, Password, Spake2};

use super::identity::IdentityKey;
use super::name::Name;
use crate::crypto::secret::Secret;
use crate::crypto::static_key::PublicKey;

/// Largest number of a code.
pub const MAX_NUMBER: u32 = 99_999;
/// Bytes of a message of SPAKE2: the side, and a point.
pub const SHARE: usize = 33;
/// Words to choose from.
const LISTED: usize = 1024;

static WORDS: &str = include_str!("code/words.txt");

/// All words, sorted.
pub fn words() -> impl Iterator<Item = &'static str> {
    WORDS.lines()
}

fn is_word(word: &str) -> bool {
    words().any(|listed| listed == word)
}

/// A code as it is said: `412-velvet-otter`.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    number: u32,
    /// With a dash between them.
    words: Secret<String>,
}

impl core::fmt::Debug for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Code({})", self.number)
    }
}

/// Why what was typed is no code. Told before anything is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It has not the form of one.
    #[error("a code is a number and two words: 412-velvet-otter")]
    Form,
    /// A word that no code has.
    #[error("'{word}' is no word of a code{}", suggestion(.like))]
    Word {
        /// As typed.
        word: String,
        /// One that begins alike.
        like: Option<&'static str>,
    },
}

fn suggestion(like: &Option<&'static str>) -> String {
    like.map(|like| format!(": did you hear '{like}'?")).unwrap_or_default()
}

impl Code {
    /// One with the number that the server gave, and words that it does not get.
    pub fn draw(number: u32, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut word = || {
            // 1024 divides what is drawn from: each is as likely as any other.
            let place = rng.next_u32() as usize % LISTED;
            words().nth(place).unwrap_or_default()
        };
        let words = format!("{}-{}", word(), word());
        Self { number, words: Secret::new(words) }
    }

    /// What somebody has typed: with dashes, blanks or neither, in capitals or not.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let typed = typed.trim().to_lowercase();
        let digits = typed.trim_start_matches(|c: char| c.is_ascii_digit());
        let (number, rest) = typed.split_at(typed.len() - digits.len());
        let number: u32 = number.parse().map_err(|_| CodeError::Form)?;
        if !(1..=MAX_NUMBER).contains(&number) {
            return Err(CodeError::Form);
        }
        let parts: Vec<&str> =
            rest.split([' ', '-', '\t', '_', '.', ',']).filter(|part| !part.is_empty()).collect();
        let words = match parts[..] {
            [first, second] if is_word(first) && is_word(second) => (first, second),
            [first, second] => {
                return Err(unknown(if is_word(first) { second } else { first }));
            }
            [both] => split(both).ok_or(CodeError::Form)?,
            _ => return Err(CodeError::Form),
        };
        Ok(Self { number, words: Secret::new(format!("{}-{}", words.0, words.1)) })
    }

    /// By which the server finds it.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// As it is said.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}-{}", self.number, self.words.expose())
    }

    fn password(&self) -> Password {
        Password::new(self.words.expose())
    }
}

/// Two words without anything between them.
fn split(both: &str) -> Option<(&str, &str)> {
    let cuts = both.char_indices().map(|(at, _)| both.split_at(at));
    let mut cuts = cuts.filter(|(first, second)| is_word(first) && is_word(second));
    cuts.next()
}

fn unknown(word: &str) -> CodeError {
    let start: String = word.chars().take(4).collect();
    let like = words().find(|listed| listed.starts_with(&start));
    CodeError::Word { word: word.chars().take(20).collect(), like }
}

/// Between whom a code is proven, as one side knows it.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Whoever made the code.
    pub maker: (Name, IdentityKey),
    /// Whoever types it.
    pub typist: (Name, IdentityKey),
    /// The key of the server by which they found each other.
    pub server: PublicKey,
}

impl Ends {
    fn bound(&self, number: u32, (name, identity): &(Name, IdentityKey)) -> Vec<u8> {
        let mut bytes = b"tincan/1 code".to_vec();
        bytes.extend(self.server.0);
        bytes.extend(number.to_be_bytes());
        bytes.extend(identity.0);
        bytes.extend(name.as_str().as_bytes());
        bytes
    }

    /// SPAKE2 puts each behind its hash, so that no two pairs are written alike.
    fn identities(&self, number: u32) -> (Identity, Identity) {
        let typist = self.bound(number, &self.typist);
        let maker = self.bound(number, &self.maker);
        (Identity::new(&typist), Identity::new(&maker))
    }
}

/// The typist's side of a run.
pub struct Typist {
    run: Spake2<Ed25519Group>,
    start: Vec<u8>,
}

impl core::fmt::Debug for Typist {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Typist")
    }
}

impl Typist {
    /// Begins a run.
    pub fn begin(code: &Code, ends: &Ends, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let (typist, maker) = ends.identities(code.number);
        let (run, start) = Spake2::start_a_with_rng(&code.password(), &typist, &maker, rng);
        Self { run, start }
    }

    /// What goes to the maker.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The proof for the maker, when his is right: he has the same words, and the same ends. `None`
    /// when it is not, and then nothing goes to him.
    #[must_use]
    pub fn finish(self, answer: &[u8], proof: &[u8; 32]) -> Option<[u8; 32]> {
        let Self { run, start } = self;
        let key = run.finish(answer).ok()?;
        let proofs = Proofs::of(&key, &start, answer);
        (proofs.maker == *proof).then(|| *proofs.typist.as_bytes())
    }
}

/// What the maker answers, and what he waits for then.
#[derive(Clone, Debug)]
pub struct Answer {
    /// His message.
    pub share: Vec<u8>,
    /// His proof.
    pub proof: [u8; 32],
    expected: blake3::Hash,
}

impl Answer {
    /// To a typist's message. `None` when it is none.
    pub fn to(
        code: &Code,
        ends: &Ends,
        start: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<Self> {
        let (typist, maker) = ends.identities(code.number);
        let (run, share) =
            Spake2::<Ed25519Group>::start_b_with_rng(&code.password(), &typist, &maker, rng);
        let key = run.finish(start).ok()?;
        let proofs = Proofs::of(&key, start, &share);
        Some(Self { share, proof: *proofs.maker.as_bytes(), expected: proofs.typist })
    }

    /// Whether this proves that the typist has the same words, and the same ends.
    #[must_use]
    pub fn is_proven_by(&self, proof: &[u8; 32]) -> bool {
        self.expected == *proof
    }
}

/// [W-08] What each side shows the other: a MAC of its own over both messages, under the key that only
/// equal words and ends come to. Compared in constant time.
struct Proofs {
    maker: blake3::Hash,
    typist: blake3::Hash,
}

impl Proofs {
    fn of(key: &[u8], start: &[u8], answer: &[u8]) -> Self {
        let messages = [start, answer].concat();
        let by = |whom: &str| blake3::keyed_hash(&blake3::derive_key(whom, key), &messages);
        Self {
            maker: by("tincan/1 code proven by its maker"),
            typist: by("tincan/1 code proven by its typist"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::Seed;

    fn parse(typed: &str) -> String {
        Code::parse(typed).map_or_else(|error| error.to_string(), |code| code.text())
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn ends() -> Ends {
        Ends {
            maker: (name("alice"), IdentityKey([1; 32])),
            typist: (name("bob"), IdentityKey([2; 32])),
            server: PublicKey([3; 32]),
        }
    }

    fn code(text: &str) -> Code {
        Code::parse(text).unwrap()
    }

    /// Whether the maker and the typist come to the same, and what each sent.
    fn run(made: &str, typed: &str, maker: &Ends, typist: &Ends) -> (bool, bool) {
        let (mut first, mut second) = (Seed::new([4; 32]).rng(), Seed::new([5; 32]).rng());
        let run = Typist::begin(&code(typed), typist, &mut first);
        let answer = Answer::to(&code(made), maker, run.start(), &mut second).unwrap();
        let proof = run.finish(&answer.share, &answer.proof);
        (proof.is_some(), proof.is_some_and(|proof| answer.is_proven_by(&proof)))
    }

    #[test]
    fn the_list_is_what_codes_are_made_of() {
        let list: Vec<&str> = words().collect();
        assert_eq!(list.len(), LISTED);
        assert!(list.is_sorted() && list.iter().collect::<BTreeSet<_>>().len() == LISTED);
        for word in &list {
            assert!((4..=7).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()));
        }
        // Two words that are written as one are no other two.
        let set: BTreeSet<&str> = list.iter().copied().collect();
        for first in &list {
            for second in &list {
                let both = format!("{first}{second}");
                let cuts = (4..=both.len() - 4)
                    .filter(|at| set.contains(&both[..*at]) && set.contains(&both[*at..]));
                assert_eq!(cuts.count(), 1, "{both}");
            }
        }
    }

    #[test]
    fn codes_are_drawn_from_all_words() {
        let mut rng = Seed::new([1; 32]).rng();
        let drawn: BTreeSet<String> = (0..2000).map(|_| Code::draw(7, &mut rng).text()).collect();
        assert!(drawn.len() > 1990, "a million are as likely");
        for text in &drawn {
            assert_eq!(parse(text), *text);
        }
        let first: BTreeSet<&str> =
            drawn.iter().filter_map(|text| text.split('-').nth(1)).collect();
        assert!(first.len() > 800);
        let shown = format!("{:?}", Code::draw(7, &mut rng));
        assert_eq!(shown, "Code(7)", "no log has the words");
    }

    #[test]
    fn what_is_meant_is_understood() {
        for typed in [
            "7-velvet-sausage",
            " 7 velvet sausage ",
            "7 Velvet-SAUSAGE",
            "7velvetsausage",
            "7-velvetsausage",
            "7, velvet, sausage.",
            "007-velvet-sausage",
        ] {
            assert_eq!(parse(typed), "7-velvet-sausage", "{typed}");
        }
        let form = CodeError::Form.to_string();
        for typed in [
            "",
            "7",
            "velvet-sausage",
            "7-velvet",
            "0-velvet-sausage",
            "100000-velvet-sausage",
            "99999999999999999999-velvet-sausage",
            "-7-velvet-sausage",
            "7-velvet-sausage-velvet",
            "7-velvetsausagevelvet",
            "٧-velvet-sausage",
            "7-v\u{fc}lvet\u{0}",
        ] {
            assert_eq!(parse(typed), form, "{typed}");
        }
        assert_eq!(
            parse("7-velvit-sausage"),
            "'velvit' is no word of a code: did you hear 'velvet'?"
        );
        assert_eq!(parse("7-velvet-xyzzy"), "'xyzzy' is no word of a code");
        let long = parse(&format!("7-velvet-{}", "x".repeat(1 << 20)));
        assert!(long.len() < 100, "{long}");
    }

    /// W-08
    #[test]
    fn the_same_words_prove_each_other_and_no_others() {
        assert_eq!(run("7-velvet-sausage", "7-velvet-sausage", &ends(), &ends()), (true, true));
        for typed in ["7-sausage-velvet", "7-velvet-abandon", "8-velvet-sausage"] {
            assert_eq!(run("7-velvet-sausage", typed, &ends(), &ends()), (false, false), "{typed}");
        }
    }

    /// W-07: whoever stands between them with the right words is found out all the same.
    #[test]
    fn other_ends_are_found_out() {
        let of = |change: fn(&mut Ends)| {
            let mut ends = ends();
            change(&mut ends);
            ends
        };
        for other in [
            of(|ends| ends.maker.1 = IdentityKey([9; 32])),
            of(|ends| ends.typist.1 = IdentityKey([9; 32])),
            of(|ends| ends.maker.0 = name("mallory")),
            of(|ends| ends.typist.0 = name("mallory")),
            of(|ends| ends.server = PublicKey([9; 32])),
            of(|ends| core::mem::swap(&mut ends.maker, &mut ends.typist)),
        ] {
            let result = run("7-velvet-sausage", "7-velvet-sausage", &other, &ends());
            assert_eq!(result, (false, false), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_message_proves_nothing() {
        let mut rng = Seed::new([4; 32]).rng();
        let made = code("7-velvet-sausage");
        let run = || Typist::begin(&made, &ends(), &mut Seed::new([5; 32]).rng());
        let start = run().start().to_vec();
        assert_eq!(start.len(), SHARE);
        let answer = Answer::to(&made, &ends(), &start, &mut rng).unwrap();
        // The other side's own message, a point that is none, another length.
        for wrong in [&answer.share[..], &[0x41; 33], &[], &start[1..], &[0x41; 1000]] {
            assert!(Answer::to(&made, &ends(), wrong, &mut rng).is_none(), "{wrong:?}");
        }
        assert!(run().finish(&start, &answer.proof).is_none(), "reflected");
        assert!(run().finish(&[0x42; 33], &answer.proof).is_none());
        assert!(run().finish(&answer.share, &[0; 32]).is_none());
        assert!(!answer.is_proven_by(&answer.proof), "the maker's own proof");
        let proof = run().finish(&answer.share, &answer.proof).unwrap();
        assert!(answer.is_proven_by(&proof));
        // The answer of another run does not fit.
        let other = Answer::to(&made, &ends(), &start, &mut Seed::new([6; 32]).rng()).unwrap();
        assert!(run().finish(&other.share, &answer.proof).is_none());
        assert!(!other.is_proven_by(&proof));
    }
}
