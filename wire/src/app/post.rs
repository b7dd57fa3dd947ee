//! What is said in a room: posts, each signed by its author, so that any member can hand on what
//! another has said, and how two members find out what the other lacks.
//!
//! Each device of each author counts its posts in a room from 1: a *feed*. A member tells which
//! numbers of each feed he holds ([`Held`]), and the other sends what is missing there, in order.
//! Each post names the hash of the one before it, so that an author who says different things to
//! different members is found out by whoever gets both.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::identity::{Identity, IdentityKey};
use super::name::Name;
use super::room::RoomId;
use crate::crypto::static_key::PublicKey;

/// Most feeds in one [`Holdings`].
pub const MAX_FEEDS: usize = 512;
/// Most ranges of one feed in it: when there are more, the oldest stand for nothing held.
pub const MAX_RANGES: usize = 8;
/// Of each author's device, so many of the newest posts are given to somebody who was not in the
/// room when they were posted, if the room shares them at all.
pub const BACKLOG_POSTS: u64 = 200;

/// Bound into every post's signature, so that it can never be taken for another kind.
const LABEL: &[u8] = b"tincan/1 room post";

/// One author's device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Feed {
    /// The author's identity.
    pub author: IdentityKey,
    /// The device.
    pub device: PublicKey,
}

/// What of a post its signature covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Where it was said.
    pub room: RoomId,
    /// By whom.
    pub author: Name,
    /// The author's identity and device.
    pub feed: Feed,
    /// Counts up by one, from 1.
    pub number: u64,
    /// BLAKE3 of the [signed bytes](Self::signed_bytes) of the post before it; zero in the first.
    pub previous: [u8; 32],
    /// The room's version as the author knew it: whoever came later was not there.
    pub version: u64,
    /// Milliseconds since 1970 by the author's clock: a claim.
    pub sent: u64,
    /// The text, at most [`MAX_TEXT`](super::peer::MAX_TEXT) bytes: foreign text.
    pub body: String,
}

/// One post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// What was said.
    pub content: Content,
    signature_r: [u8; 32],
    signature_s: [u8; 32],
}

impl Content {
    /// Label, then each field in the order above; those of any length after their length in eight
    /// bytes, numbers in eight bytes, big-endian: no two posts share these bytes.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = LABEL.to_vec();
        let sized = |bytes: &mut Vec<u8>, field: &[u8]| {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        };
        bytes.extend_from_slice(&self.room.0);
        sized(&mut bytes, self.author.as_str().as_bytes());
        bytes.extend_from_slice(&self.feed.author.0);
        bytes.extend_from_slice(&self.feed.device.0);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&self.sent.to_be_bytes());
        sized(&mut bytes, self.body.as_bytes());
        bytes
    }

    /// What the next post of the feed names as the one before it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.signed_bytes()).as_bytes()
    }
}

impl Post {
    /// Signs what is said.
    #[must_use]
    pub fn sign(identity: &Identity, content: Content) -> Self {
        let signature = identity.sign(&content.signed_bytes());
        Self { content, signature_r: *signature.r_bytes(), signature_s: *signature.s_bytes() }
    }

    /// As it was kept: with the 64 bytes that [`signature`](Self::signature) gave.
    #[must_use]
    pub fn from_parts(content: Content, signature: &[u8; 64]) -> Self {
        let signature = Signature::from_bytes(signature);
        Self { content, signature_r: *signature.r_bytes(), signature_s: *signature.s_bytes() }
    }

    /// The signature (RFC 8032): R, then S.
    #[must_use]
    pub fn signature(&self) -> [u8; 64] {
        Signature::from_components(self.signature_r, self.signature_s).to_bytes()
    }

    /// Whether the identity that it names has signed it. Strict, as for certificates.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.content.feed.author.0) else { return false };
        let signature = Signature::from_components(self.signature_r, self.signature_s);
        key.verify_strict(&self.content.signed_bytes(), &signature).is_ok()
    }
}

/// What one member holds of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub feed: Feed,
    /// The numbers: first and last of each run, ascending, with gaps between them.
    pub runs: Vec<(u64, u64)>,
}

/// What one member holds of a room: the other is to send what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Which room.
    pub room: RoomId,
    /// Whether feeds that are not named are not held at all; otherwise nothing is said of them.
    pub complete: bool,
    /// At most [`MAX_FEEDS`].
    pub feeds: Vec<Held>,
}

/// A post arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Where.
    pub room: RoomId,
    /// Of which feed.
    pub feed: Feed,
    /// Its number.
    pub number: u64,
    /// Whether it is stored here durably; otherwise it is not wanted here, now or ever.
    pub kept: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        let author = Identity::from_secret(&[1; 32]);
        Content {
            room: RoomId([7; 16]),
            author: Name::new("alice").unwrap(),
            feed: Feed { author: author.public(), device: PublicKey([3; 32]) },
            number: 1,
            previous: [0; 32],
            version: 4,
            sent: 5,
            body: "hello".to_owned(),
        }
    }

    #[test]
    fn a_post_holds_for_exactly_what_was_said() {
        let identity = Identity::from_secret(&[1; 32]);
        let post = Post::sign(&identity, content());
        assert!(post.is_signed());
        assert_eq!(Post::from_parts(content(), &post.signature()), post);
        let other = |change: &dyn Fn(&mut Content)| {
            let mut post = post.clone();
            change(&mut post.content);
            post.is_signed()
        };
        assert!(!other(&|c| c.room = RoomId([8; 16])));
        assert!(!other(&|c| c.author = Name::new("alicf").unwrap()));
        assert!(!other(&|c| c.feed.device = PublicKey([4; 32])));
        assert!(!other(&|c| c.number = 2));
        assert!(!other(&|c| c.previous = [1; 32]));
        assert!(!other(&|c| c.version = 5));
        assert!(!other(&|c| c.sent = 6));
        assert!(!other(&|c| c.body.push('!')));
        assert!(!Post::sign(&Identity::from_secret(&[2; 32]), content()).is_signed());
    }
}
