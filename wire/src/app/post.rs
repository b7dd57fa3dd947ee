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
use super::peer::MAX_TEXT;
use super::room::RoomId;
use crate::crypto::static_key::PublicKey;

/// Most feeds in one [`Holdings`].
pub const MAX_FEEDS: usize = 512;
/// Most ranges of one feed in it: when there are more, the oldest stand for nothing held.
pub const MAX_RANGES: usize = 8;
/// Of each author's device, so many of the newest posts are given to somebody who was not in the
/// room when they were posted, if the room shares them at all.
pub const BACKLOG_POSTS: u64 = 200;

/// Most edits of one post that an honest program makes [W-176].
pub const MAX_EDITS: u32 = 100;

/// Bound into every post's signature, so that it can never be taken for another kind.
const LABEL: &[u8] = b"tincan/1 post in a room";
/// Bound into what stands for a text in it.
const TEXT_LABEL: &[u8] = b"tincan/1 text of a post";

/// One author's device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Feed {
    /// The author's identity.
    pub author: IdentityKey,
    /// The device.
    pub device: PublicKey,
}

/// Names a post of anybody's in the same room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostRef {
    /// Whose.
    pub feed: Feed,
    /// Its number.
    pub number: u64,
    /// Its [hash](Content::hash): an author who said two things under one number is not answered for the other.
    pub hash: [u8; 32],
}

/// What a post is to others of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PostKind {
    /// Nothing.
    Plain,
    /// It answers one [W-171].
    Reply {
        /// Which.
        to: PostRef,
    },
    /// Its text is the new one of an earlier post of the same feed [W-172].
    Edit {
        /// That one's number.
        of: u64,
    },
    /// It takes back an earlier post of the same feed, for good, and has no text [W-172].
    Unsend {
        /// That one's number.
        of: u64,
    },
}

/// What of a post its signature covers: everything, and of the text what it can be checked by, so that the
/// rest still holds when the text is gone.
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
    /// What it is to other posts.
    pub kind: PostKind,
    /// The [digest](Said::digest) of its text.
    pub text: [u8; 32],
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Chosen at random: without it, nobody finds a text that is gone by trying.
    pub salt: [u8; 16],
    /// At most [`MAX_TEXT`] bytes: foreign text.
    pub text: String,
}

/// What its author has signed of a post: all but the text itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What it covers.
    pub content: Content,
    signature_r: [u8; 32],
    signature_s: [u8; 32],
}

/// What a post says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// This.
    Text(Said),
    /// Nothing any more: its author has changed it, as this change of it proves [W-173].
    Gone(Box<Head>),
}

/// One post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// What its author has signed.
    pub head: Head,
    /// What it says.
    pub body: Body,
}

impl Said {
    /// What stands for it in what is signed [W-170]: BLAKE3 of a label, the salt and the text.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(TEXT_LABEL).update(&self.salt).update(self.text.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

impl Content {
    /// Label, then each field in the order above [W-170]; the name after its length in eight bytes, numbers
    /// in eight bytes, big-endian, the kind as one byte and what it names: no two posts share these bytes.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = LABEL.to_vec();
        let number = |bytes: &mut Vec<u8>, number: u64| {
            bytes.extend_from_slice(&number.to_be_bytes());
        };
        let feed = |bytes: &mut Vec<u8>, feed: &Feed| {
            bytes.extend_from_slice(&feed.author.0);
            bytes.extend_from_slice(&feed.device.0);
        };
        bytes.extend_from_slice(&self.room.0);
        number(&mut bytes, self.author.as_str().len() as u64);
        bytes.extend_from_slice(self.author.as_str().as_bytes());
        feed(&mut bytes, &self.feed);
        number(&mut bytes, self.number);
        bytes.extend_from_slice(&self.previous);
        number(&mut bytes, self.version);
        number(&mut bytes, self.sent);
        match &self.kind {
            PostKind::Plain => bytes.push(0),
            PostKind::Reply { to } => {
                bytes.push(1);
                feed(&mut bytes, &to.feed);
                number(&mut bytes, to.number);
                bytes.extend_from_slice(&to.hash);
            }
            PostKind::Edit { of } => {
                bytes.push(2);
                number(&mut bytes, *of);
            }
            PostKind::Unsend { of } => {
                bytes.push(3);
                number(&mut bytes, *of);
            }
        }
        bytes.extend_from_slice(&self.text);
        bytes
    }

    /// What the next post of the feed names as the one before it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.signed_bytes()).as_bytes()
    }

    /// The number of the post whose text this one's is: its own, or that of what it edits. `None` of a
    /// taking back, which has none.
    #[must_use]
    pub const fn says_for(&self) -> Option<u64> {
        match self.kind {
            PostKind::Plain | PostKind::Reply { .. } => Some(self.number),
            PostKind::Edit { of } => Some(of),
            PostKind::Unsend { .. } => None,
        }
    }

    /// Whether the text of another post is gone because of this one [W-173]: a later edit of the same, or its
    /// taking back.
    #[must_use]
    pub fn erases(&self, other: &Self) -> bool {
        let is_of_it = |of| of < self.number && other.says_for() == Some(of);
        let is_newer = match self.kind {
            PostKind::Plain | PostKind::Reply { .. } => false,
            PostKind::Edit { of } => is_of_it(of) && other.number < self.number,
            PostKind::Unsend { of } => is_of_it(of),
        };
        is_newer && (self.room, self.feed, &self.author) == (other.room, other.feed, &other.author)
    }
}

impl Head {
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

impl Post {
    /// Signs what is said; the content's digest is that of the text.
    #[must_use]
    pub fn sign(identity: &Identity, content: Content, said: Said) -> Self {
        let content = Content { text: said.digest(), ..content };
        Self { head: Head::sign(identity, content), body: Body::Text(said) }
    }

    /// What its author has signed of it.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.head.content
    }

    /// What it says; nothing when that is gone.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.body {
            Body::Text(said) => &said.text,
            Body::Gone(_) => "",
        }
    }

    /// Whether an honest program may say or hand on this, whoever has signed it [W-172] [W-173].
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let content = self.content();
        let is_named = match content.kind {
            PostKind::Plain => true,
            PostKind::Reply { to } => to.number > 0,
            PostKind::Edit { of } | PostKind::Unsend { of } => 0 < of && of < content.number,
        };
        let is_bare = matches!(content.kind, PostKind::Unsend { .. });
        let is_whole = match &self.body {
            Body::Text(said) => {
                said.text.len() <= MAX_TEXT
                    && (!is_bare || said.text.is_empty())
                    && said.digest() == content.text
            }
            Body::Gone(change) => change.content.erases(content),
        };
        content.number > 0 && is_named && is_whole
    }

    /// Whether the identity that it names has signed it, and what proves that its text is gone.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let is_proven = match &self.body {
            Body::Text(_) => true,
            Body::Gone(change) => change.is_signed(),
        };
        self.head.is_signed() && is_proven
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

    fn feed() -> Feed {
        Feed { author: author().public(), device: PublicKey([3; 32]) }
    }

    fn author() -> Identity {
        Identity::from_secret(&[1; 32])
    }

    fn content(number: u64, kind: PostKind) -> Content {
        Content {
            room: RoomId([7; 16]),
            author: Name::new("alice").unwrap(),
            feed: feed(),
            number,
            previous: [0; 32],
            version: 4,
            sent: 5,
            kind,
            text: [0; 32],
        }
    }

    fn said(text: &str) -> Said {
        Said { salt: [9; 16], text: text.to_owned() }
    }

    fn post(number: u64, kind: PostKind, text: &str) -> Post {
        Post::sign(&author(), content(number, kind), said(text))
    }

    /// [W-170].
    #[test]
    fn a_post_holds_for_exactly_what_was_said() {
        let to = PostRef { feed: feed(), number: 1, hash: [5; 32] };
        let post = post(2, PostKind::Reply { to }, "hello");
        assert!(post.is_signed() && post.is_possible());
        let content = post.content().clone();
        assert_eq!(Head::from_parts(content, &post.head.signature()), post.head);
        let other = |change: &dyn Fn(&mut Content)| {
            let mut post = post.clone();
            change(&mut post.head.content);
            post.is_signed()
        };
        assert!(!other(&|c| c.room = RoomId([8; 16])));
        assert!(!other(&|c| c.author = Name::new("alicf").unwrap()));
        assert!(!other(&|c| c.feed.device = PublicKey([4; 32])));
        assert!(!other(&|c| c.number = 3));
        assert!(!other(&|c| c.previous = [1; 32]));
        assert!(!other(&|c| c.version = 5));
        assert!(!other(&|c| c.sent = 6));
        assert!(!other(&|c| c.kind = PostKind::Plain));
        assert!(!other(&|c| c.kind = PostKind::Reply { to: PostRef { number: 2, ..to } }));
        assert!(!other(&|c| c.kind = PostKind::Reply { to: PostRef { hash: [6; 32], ..to } }));
        assert!(!other(&|c| c.kind = PostKind::Edit { of: 1 }));
        assert!(!other(&|c| c.text = [0; 32]));
        let stranger = Identity::from_secret(&[2; 32]);
        assert!(!Post::sign(&stranger, post.content().clone(), said("hello")).is_signed());
        // Another text, or the same behind another salt, is not what was signed.
        for said in [said("hullo"), Said { salt: [8; 16], ..said("hello") }] {
            let other = Post { body: Body::Text(said), ..post.clone() };
            assert!(other.is_signed() && !other.is_possible());
        }
    }

    /// [W-170]: these bytes stand in PROTOCOL.md.
    #[test]
    fn what_is_signed_is_what_is_written_down() {
        let mut expected = b"tincan/1 post in a room".to_vec();
        expected.extend([7; 16]);
        expected.extend([0, 0, 0, 0, 0, 0, 0, 5]);
        expected.extend(b"alice");
        expected.extend(feed().author.0);
        expected.extend([3; 32]);
        expected.extend([0, 0, 0, 0, 0, 0, 0, 9]);
        expected.extend([0; 32]);
        expected.extend([0, 0, 0, 0, 0, 0, 0, 4]);
        expected.extend([0, 0, 0, 0, 0, 0, 0, 5]);
        expected.extend([2, 0, 0, 0, 0, 0, 0, 0, 8]);
        expected.extend(blake3::hash(b"tincan/1 text of a post\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09hi").as_bytes());
        assert_eq!(post(9, PostKind::Edit { of: 8 }, "hi").content().signed_bytes(), expected);
    }

    /// [W-172].
    #[test]
    fn a_change_names_an_earlier_post_and_a_taking_back_has_no_text() {
        let is_possible = |number, kind, text: &str| post(number, kind, text).is_possible();
        assert!(is_possible(1, PostKind::Plain, ""));
        assert!(!is_possible(0, PostKind::Plain, "x"));
        assert!(is_possible(3, PostKind::Edit { of: 2 }, "x"));
        assert!(is_possible(3, PostKind::Unsend { of: 2 }, ""));
        assert!(!is_possible(3, PostKind::Unsend { of: 2 }, "and this"));
        for of in [0, 3, 4] {
            assert!(!is_possible(3, PostKind::Edit { of }, "x"), "{of}");
            assert!(!is_possible(3, PostKind::Unsend { of }, ""), "{of}");
        }
        let nobody = PostRef { feed: feed(), number: 0, hash: [0; 32] };
        assert!(!is_possible(3, PostKind::Reply { to: nobody }, "x"));
        assert!(!is_possible(3, PostKind::Plain, &"x".repeat(MAX_TEXT + 1)));
    }

    /// [W-173].
    #[test]
    fn a_text_is_gone_only_with_a_change_of_the_same_post_by_its_author() {
        let gone = |post: &Post, change: &Post| {
            let body = Body::Gone(Box::new(change.head.clone()));
            Post { body, ..post.clone() }
        };
        let first = post(3, PostKind::Plain, "hello");
        let (edit, later) =
            (post(5, PostKind::Edit { of: 3 }, "hi"), post(7, PostKind::Edit { of: 3 }, "hey"));
        let unsend = post(6, PostKind::Unsend { of: 3 }, "");
        for (post, change) in [
            (&first, &edit),
            (&first, &unsend),
            (&edit, &later),
            (&edit, &unsend),
            (&later, &unsend),
        ] {
            assert!(gone(post, change).is_possible() && gone(post, change).is_signed());
        }
        let other = post(8, PostKind::Unsend { of: 4 }, "");
        let of_the_edit = post(8, PostKind::Unsend { of: 5 }, "");
        for (post, change) in [
            (&first, &first),
            (&first, &other),
            (&edit, &edit),
            (&later, &edit),
            (&edit, &of_the_edit),
            (&unsend, &unsend),
            (&unsend, &of_the_edit),
            (&other, &first),
        ] {
            assert!(!gone(post, change).is_possible(), "{:?}", change.content().kind);
        }
        let elsewhere = |change: &dyn Fn(&mut Content)| {
            let mut other = unsend.clone();
            change(&mut other.head.content);
            gone(&first, &other)
        };
        assert!(!elsewhere(&|c| c.feed.device = PublicKey([4; 32])).is_possible());
        assert!(!elsewhere(&|c| c.room = RoomId([8; 16])).is_possible());
        assert!(!elsewhere(&|c| c.author = Name::new("bob").unwrap()).is_possible());
        let forged = elsewhere(&|c| c.sent = 6);
        assert!(forged.is_possible() && !forged.is_signed());
        let stranger = Identity::from_secret(&[2; 32]);
        let forged = Post::sign(&stranger, unsend.content().clone(), said(""));
        assert!(!gone(&first, &forged).is_signed());
    }
}
