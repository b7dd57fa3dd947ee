//! Messages to somebody who is not there: letters, sealed to a key that he has left at the server for
//! this (a *prekey*), and kept there until he comes.
//!
//! A prekey is signed by its owner's identity. Most serve once: the private half is deleted with the
//! first letter that was opened with it, and nobody can open that letter afterwards. When none of
//! these is left, a weekly one stands in, whose private half is deleted after four weeks.
//!
//! A letter holds one message of the ordinary kind, with its number, or some of what its author has said
//! in one room [W-180]: it does not matter whether that comes in a letter or directly first. It is
//! signed by its author's identity, since the pattern that it is sealed with proves its sender only to
//! those whose prekey nobody has stolen; the price is that its author cannot deny it to whoever he sent
//! it to.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::identity::{DeviceCertificate, Identity, IdentityKey};
use super::name::Name;
use super::peer::{MAX_TEXT, Text};
use super::post::Post;
use crate::crypto::sealed;
use crate::crypto::static_key::{PublicKey, StaticKey};
use crate::id::Seed;

/// Longest encoding of what a letter holds: the longest text, as a message or a post.
pub const MAX_ENCLOSED: usize = MAX_TEXT + 512;
/// A letter counts as one for each begun so many bytes of it [W-185]: the longest as many as one
/// stranger may leave in a mailbox, if its size was not chosen.
pub const UNIT: usize = (4 << 10) + 256;
/// As how many letters the longest counts.
pub const MAX_UNITS: usize = 16;
/// Longest letter.
pub const MAX_LETTER: usize = MAX_UNITS * UNIT;
/// Longest encoding of what is in a letter that counts as one.
const ENCLOSED_OF_ONE: usize = 3840;
/// Most prekeys in one request.
pub const MAX_PREKEYS_AT_ONCE: usize = 24;
/// Most prekeys that serve once which the server keeps of one user.
pub const MAX_PREKEYS: usize = 96;
/// A weekly prekey is made anew after so many seconds...
pub const WEEKLY: u64 = 7 * 86_400;
/// ...and its private half deleted after so many.
pub const WEEKLY_KEPT: u64 = 28 * 86_400;
/// A letter has a multiple of so many bytes inside, so that its length tells little.
const PADDING: usize = 256;
/// Most bytes of a certificate and a signature.
const BESIDE: usize = 32 + 10 + 64 + 64;

const _: () = {
    const fn longest(enclosed: usize) -> usize {
        sealed::sealed_len((enclosed + BESIDE).next_multiple_of(PADDING))
    }
    assert!(longest(MAX_ENCLOSED) <= MAX_LETTER);
    assert!(longest(ENCLOSED_OF_ONE) <= UNIT);
};

const PREKEY_LABEL: &[u8] = b"tincan/1 prekey";
const LETTER_LABEL: &[u8] = b"tincan/1 letter";

/// How long a prekey serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Serves {
    /// For one letter.
    Once,
    /// For any until the next weekly one, and those that are on their way then.
    Weekly,
}

/// A key that a user has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prekey {
    /// Chosen at random by its owner's device.
    pub id: u64,
    /// X25519.
    pub key: PublicKey,
    /// How long it serves.
    pub serves: Serves,
    /// Seconds since 1970 when it was made, by its owner's clock.
    pub made: u64,
    signature_r: [u8; 32],
    signature_s: [u8; 32],
}

impl Prekey {
    /// Signs a new one.
    #[must_use]
    pub fn sign(owner: &Identity, id: u64, key: PublicKey, serves: Serves, made: u64) -> Self {
        let signature = owner.sign(&signed_prekey(id, key, serves, made));
        let (signature_r, signature_s) = (*signature.r_bytes(), *signature.s_bytes());
        Self { id, key, serves, made, signature_r, signature_s }
    }

    /// Whether this identity has signed it. Strict, as for certificates.
    #[must_use]
    pub fn is_signed_by(&self, owner: IdentityKey) -> bool {
        let signed = signed_prekey(self.id, self.key, self.serves, self.made);
        verify(owner, &signed, self.signature_r, self.signature_s)
    }
}

/// As how many letters one of so many sealed bytes counts, wherever letters are counted [W-185].
#[must_use]
pub const fn units(sealed: usize) -> usize {
    if sealed == 0 { 1 } else { sealed.div_ceil(UNIT) }
}

/// What lies in somebody's mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The server's number for it, ascending.
    pub id: u64,
    /// From whom, as the server says.
    pub from: Name,
    /// The identity that the server has of him.
    pub identity: IdentityKey,
    /// The prekey that it is sealed to.
    pub prekey: u64,
    /// What [`seal`] gave.
    pub sealed: Vec<u8>,
}

/// What a letter holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Enclosed {
    /// A message.
    Text(Text),
    /// Posts of the letter's author, of one feed and room, by ascending number [W-181].
    Posts(Vec<Post>),
}

impl Enclosed {
    /// Whether it is short enough for a letter.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.takes_at_most(MAX_ENCLOSED)
    }

    /// Whether a letter with it counts as one.
    #[must_use]
    pub fn fits_one(&self) -> bool {
        self.takes_at_most(ENCLOSED_OF_ONE)
    }

    fn takes_at_most(&self, len: usize) -> bool {
        postcard::to_allocvec(self).is_ok_and(|bytes| bytes.len() <= len)
    }
}

/// A letter that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The author's device, certified by the identity that the letter names.
    pub certificate: DeviceCertificate,
    /// What it holds.
    pub enclosed: Enclosed,
}

/// The two ends of a letter, both bound into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Who writes.
    pub from: IdentityKey,
    /// To whom.
    pub to: IdentityKey,
    /// The prekey.
    pub prekey: u64,
}

/// Why a letter is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than [`MAX_ENCLOSED`].
    #[error("it is too long for a letter")]
    TooLong,
    /// The prekey is no key.
    #[error("the key that was left for letters is none")]
    NoKey,
}

/// Why a letter cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was not sealed to this key by the named sender, or is damaged.
    #[error("it is damaged, or was sealed to another key")]
    Sealed,
    /// What is in it is no message.
    #[error("what is in it is no message")]
    Malformed,
    /// It is not signed by the one from whom it is said to be.
    #[error("it is not signed by its sender")]
    NotSigned,
}

#[derive(Serialize, Deserialize)]
struct Content {
    certificate: DeviceCertificate,
    enclosed: Enclosed,
    signature_r: [u8; 32],
    signature_s: [u8; 32],
}

/// Seals what a letter is to hold. The ephemeral key comes from `seed`, which must never be used twice.
///
/// # Errors
/// When it is too long, or the prekey no key.
pub fn seal(
    ends: Ends,
    author: (&Identity, &StaticKey, DeviceCertificate),
    prekey: PublicKey,
    enclosed: Enclosed,
    seed: Seed,
) -> Result<Vec<u8>, SealError> {
    if !enclosed.fits() {
        return Err(SealError::TooLong);
    }
    let (identity, device, certificate) = author;
    let signature = identity.sign(&signed_letter(ends, prekey, device.public(), &enclosed));
    let (signature_r, signature_s) = (*signature.r_bytes(), *signature.s_bytes());
    let content = Content { certificate, enclosed, signature_r, signature_s };
    let mut payload =
        postcard::to_allocvec(&content).expect("a letter holds nothing that cannot be encoded");
    payload.resize(payload.len().next_multiple_of(PADDING), 0);
    let sealed = sealed::seal(device, &prekey, &prologue(ends), seed, &payload)
        .map_err(|_| SealError::NoKey)?;
    assert!(sealed.len() <= MAX_LETTER, "a letter of {} bytes exceeds its limit", sealed.len());
    Ok(sealed)
}

/// Opens a letter of a user with this name [W-180].
///
/// # Errors
/// When it is not what it is said to be.
pub fn open(
    ends: Ends,
    from: &Name,
    prekey: &StaticKey,
    letter: &[u8],
) -> Result<Opened, OpenError> {
    let (device, payload) =
        sealed::open(prekey, &prologue(ends), letter).map_err(|_| OpenError::Sealed)?;
    let (content, padding): (Content, _) =
        postcard::take_from_bytes(&payload).map_err(|_| OpenError::Malformed)?;
    if padding.iter().any(|byte| *byte != 0) || !content.enclosed.fits() {
        return Err(OpenError::Malformed);
    }
    let Content { certificate, enclosed, signature_r, signature_s } = content;
    let signed = signed_letter(ends, prekey.public(), device, &enclosed);
    let is_genuine = certificate.device == device
        && certificate.is_signed_by(ends.from, from.as_str())
        && verify(ends.from, &signed, signature_r, signature_s);
    if !is_genuine {
        return Err(OpenError::NotSigned);
    }
    Ok(Opened { certificate, enclosed })
}

fn prologue(ends: Ends) -> Vec<u8> {
    let mut bytes = LETTER_LABEL.to_vec();
    bytes.extend_from_slice(&ends.from.0);
    bytes.extend_from_slice(&ends.to.0);
    bytes.extend_from_slice(&ends.prekey.to_be_bytes());
    bytes
}

/// Label and ends, prekey, device, and what the letter holds in postcard's encoding.
fn signed_letter(ends: Ends, prekey: PublicKey, device: PublicKey, enclosed: &Enclosed) -> Vec<u8> {
    let mut bytes = prologue(ends);
    bytes.extend_from_slice(&prekey.0);
    bytes.extend_from_slice(&device.0);
    postcard::to_extend(enclosed, bytes).expect("a letter holds nothing that cannot be encoded")
}

fn signed_prekey(id: u64, key: PublicKey, serves: Serves, made: u64) -> Vec<u8> {
    let mut bytes = PREKEY_LABEL.to_vec();
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&key.0);
    bytes.push(match serves {
        Serves::Once => 0,
        Serves::Weekly => 1,
    });
    bytes.extend_from_slice(&made.to_be_bytes());
    bytes
}

fn verify(identity: IdentityKey, signed: &[u8], r: [u8; 32], s: [u8; 32]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&identity.0) else { return false };
    key.verify_strict(signed, &Signature::from_components(r, s)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::peer::{TextKind, TextRef};

    struct Users {
        alice: Identity,
        alice_device: StaticKey,
        bob: Identity,
        prekey: StaticKey,
    }

    fn users() -> Users {
        Users {
            alice: Identity::from_secret(&[1; 32]),
            alice_device: StaticKey::from_private([2; 32]),
            bob: Identity::from_secret(&[3; 32]),
            prekey: StaticKey::from_private([4; 32]),
        }
    }

    fn alice() -> Name {
        Name::new("alice").unwrap()
    }

    fn text(body: &str) -> Text {
        let (nonce, body) = ([5; 16], body.to_owned());
        Text { sequence: 7, after: 6, nonce, sent: 8, body, kind: TextKind::Plain }
    }

    impl Users {
        fn ends(&self) -> Ends {
            Ends { from: self.alice.public(), to: self.bob.public(), prekey: 9 }
        }

        fn seal(&self, author: &Identity, body: &str) -> Result<Vec<u8>, SealError> {
            self.seal_text(author, text(body))
        }

        fn seal_text(&self, author: &Identity, text: Text) -> Result<Vec<u8>, SealError> {
            let certificate = author.certify("alice", self.alice_device.public(), u64::MAX);
            let author = (author, &self.alice_device, certificate);
            let (key, seed) = (self.prekey.public(), Seed::new([6; 32]));
            seal(self.ends(), author, key, Enclosed::Text(text), seed)
        }
    }

    #[test]
    fn a_letter_is_opened_by_whom_it_is_for() {
        let users = users();
        let letter = users.seal(&users.alice, "hello").unwrap();
        let opened = open(users.ends(), &alice(), &users.prekey, &letter).unwrap();
        assert_eq!(opened.enclosed, Enclosed::Text(text("hello")));
        assert_eq!(opened.certificate.device, users.alice_device.public());
        let other = StaticKey::from_private([8; 32]);
        assert_eq!(open(users.ends(), &alice(), &other, &letter), Err(OpenError::Sealed));
        let ends = Ends { prekey: 10, ..users.ends() };
        assert_eq!(open(ends, &alice(), &users.prekey, &letter), Err(OpenError::Sealed));
        let ends = Ends { from: users.bob.public(), ..users.ends() };
        assert_eq!(open(ends, &alice(), &users.prekey, &letter), Err(OpenError::Sealed));
        let carol = Name::new("carol").unwrap();
        assert_eq!(open(users.ends(), &carol, &users.prekey, &letter), Err(OpenError::NotSigned));
    }

    /// [W-180]. Security acceptance C08: whoever has stolen a prekey, and a device's key, writes in nobody's
    /// name.
    #[test]
    fn a_letter_needs_its_authors_identity() {
        let users = users();
        let mallory = Identity::from_secret(&[66; 32]);
        let letter = users.seal(&mallory, "hello").unwrap();
        let opened = open(users.ends(), &alice(), &users.prekey, &letter);
        assert_eq!(opened, Err(OpenError::NotSigned));
    }

    #[test]
    fn length_tells_little() {
        let users = users();
        let len = |body: &str| users.seal(&users.alice, body).unwrap().len();
        assert_eq!(len("a"), len("hello, how are you?"));
        assert_eq!(len(&"x".repeat(20_001)), len(&"x".repeat(20_002)));
    }

    /// [W-185]: longer than one Noise message can be.
    #[test]
    fn the_longest_text_goes_in_a_letter() {
        let users = users();
        let of = TextRef { device: PublicKey([9; 32]), sequence: u64::MAX, nonce: [9; 16] };
        let longest = Text {
            sequence: u64::MAX,
            after: u64::MAX - 1,
            nonce: [5; 16],
            sent: u64::MAX,
            body: "x".repeat(MAX_TEXT),
            kind: TextKind::Edit { of },
        };
        let letter = users.seal_text(&users.alice, longest.clone()).unwrap();
        assert!(letter.len() > 65_535 && letter.len() <= MAX_LETTER, "{} bytes", letter.len());
        let opened = open(users.ends(), &alice(), &users.prekey, &letter).unwrap();
        assert_eq!(opened.enclosed, Enclosed::Text(longest));
        // Whoever keeps it cannot cut it off where a piece ends, unseen.
        let first = &letter[..sealed::OVERHEAD + sealed::PIECE];
        let cut = open(users.ends(), &alice(), &users.prekey, first);
        assert_eq!(cut, Err(OpenError::Malformed));
        let longer = "x".repeat(MAX_ENCLOSED);
        assert_eq!(users.seal(&users.alice, &longer), Err(SealError::TooLong));
    }

    /// [W-185]
    #[test]
    fn a_letter_counts_by_its_length() {
        assert_eq!([0, 1, UNIT, UNIT + 1, 2 * UNIT].map(units), [1, 1, 1, 2, 2]);
        assert_eq!(units(MAX_LETTER), MAX_UNITS);
        let users = users();
        let counts = |len: usize| units(users.seal(&users.alice, &"x".repeat(len)).unwrap().len());
        assert_eq!([1, 3072, 4096, 3 * 4096, MAX_TEXT].map(counts), [1, 1, 2, 3, MAX_UNITS]);
        let one = |len: usize| Enclosed::Text(text(&"x".repeat(len)));
        assert!(one(3072).fits_one() && !one(ENCLOSED_OF_ONE).fits_one());
        assert!(one(MAX_TEXT).fits() && !one(MAX_ENCLOSED).fits());
    }

    #[test]
    fn a_prekey_is_its_owners_as_it_is() {
        let users = users();
        let prekey = Prekey::sign(&users.bob, 1, users.prekey.public(), Serves::Once, 5);
        assert!(prekey.is_signed_by(users.bob.public()));
        assert!(!prekey.is_signed_by(users.alice.public()));
        assert!(!Prekey { id: 2, ..prekey }.is_signed_by(users.bob.public()));
        assert!(!Prekey { made: 6, ..prekey }.is_signed_by(users.bob.public()));
        assert!(!Prekey { serves: Serves::Weekly, ..prekey }.is_signed_by(users.bob.public()));
        let key = users.alice_device.public();
        assert!(!Prekey { key, ..prekey }.is_signed_by(users.bob.public()));
    }
}
