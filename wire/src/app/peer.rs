//! What two peers say to each other: signalling on a stream of class Control, text on one of
//! class Chat (each side opens its own and only writes to it), file blocks on streams of class
//! Bulk, one for each transfer, opened by the receiver.

use serde::{Deserialize, Serialize};

use super::framing::Message;
use super::media::Media;
use super::post::{Holdings, MAX_FEEDS, MAX_RANGES, Post, Taken};
use super::room::RoomId;
use super::watch::WatchStep;
use crate::crypto::static_key::PublicKey;

/// Longest text of one message in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// Longest file name in an offer, in bytes.
pub const MAX_FILE_NAME: usize = 1024;
/// Longest media type in an offer, in bytes.
pub const MAX_MEDIA_TYPE: usize = 127;
/// Largest range that one [`BulkRequest`] asks for.
pub const MAX_RANGE: u32 = 1 << 20;

/// Most files in a folder that is offered.
pub const MAX_FOLDER_FILES: u32 = 10_000;
/// Longest path of a file in its folder, in bytes.
pub const MAX_FOLDER_PATH: usize = 1024;
/// Most names in it.
pub const MAX_FOLDER_DEPTH: usize = 32;
/// Most files of folders that a sender has told one user of and that are not over.
pub const MAX_OPEN_PARTS: usize = 32;

/// Bytes of one chunk group: ranges begin at multiples of this.
pub const GROUP: u64 = 16 << 10;
/// Most runs in one [`Have`].
pub const MAX_HAVE_RUNS: usize = 128;

/// Close codes of peer connections.
pub mod close {
    /// The peer quit or logged out.
    pub const BYE: u32 = 0;
    /// The user is blocked (told as an ordinary end).
    pub const BLOCKED: u32 = 0;
    /// Another connection between the same two took its place.
    pub const REPLACED: u32 = 1;
    /// Messages that make no sense.
    pub const PROTOCOL: u32 = 2;
}

/// Identifies a transfer between two devices: random, chosen by the sender of the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransferId(pub [u8; 16]);

/// Signalling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// A file may be fetched. Repeated on every new connection until it is answered for good.
    Offer(Offer),
    /// The receiver wants it (it opens a Bulk stream for it); of what he had complete, once more [W-134].
    Accept(TransferId),
    /// The receiver does not want it.
    Decline(TransferId),
    /// This side will not go on, ever.
    Cancel(TransferId, CancelReason),
    /// This side pauses. Both may; it goes on when neither does.
    Pause(TransferId),
    /// This side pauses no longer.
    Resume(TransferId),
    /// The receiver has everything, verified and durable.
    Complete(TransferId),
    /// The transfer of this number is not known at this device: its user may have offered it at
    /// another. It does not go on here, and is not over.
    Unknown(TransferId),
    /// What this side holds of a file that was offered to a whole room.
    Have(Have),
    /// About a spoken code.
    Code(CodeStep),
    /// About watching a film together.
    Watch(WatchStep),
    /// A file that still grows may be fetched [W-130]. Repeated on every new connection, until it grows
    /// no more and is offered as any other under the same id [W-133].
    Live(LiveOffer),
}

impl Message for Control {
    const KINDS: u32 = 12;
    const MAX_LEN: usize = 4096;
}

/// Proving a spoken code ([`code`](super::code)); each names it by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeStep {
    /// From whoever typed it: SPAKE2's message, 33 bytes. Repeated as it is on a new link.
    Start {
        /// Of the code.
        number: u32,
        /// The message.
        message: Vec<u8>,
    },
    /// From whoever made it, to the one whom the server has named: his message and his proof. The same
    /// again to the same start.
    Answer {
        /// Of the code.
        number: u32,
        /// The message, 33 bytes.
        message: Vec<u8>,
        /// That he has the words.
        proof: [u8; 32],
    },
    /// From whoever typed it, when the answer was right. Repeated on a new link.
    Prove {
        /// Of the code.
        number: u32,
        /// That he has the words.
        proof: [u8; 32],
    },
    /// The proof was right.
    Kept {
        /// Of the code.
        number: u32,
    },
    /// The run is over, or there is none of this number with this user.
    Over {
        /// Of the code.
        number: u32,
    },
}

/// A file that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Names the transfer.
    pub id: TransferId,
    /// The sender's name for the file: foreign text.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// IANA media type as the sender guesses it: foreign text.
    pub media_type: String,
    /// BLAKE3 of the contents (what `b3sum` prints).
    pub root: [u8; 32],
    /// The room whose members are all offered it.
    pub share: Option<Share>,
    /// What its headers say of it, when it is a film [W-150].
    pub media: Option<Media>,
    /// What it has to do with a folder [W-140]. Last, an option of postcard's:
    ///
    /// ```text
    /// 00                                        nothing: a file by itself
    /// 01  00  files, a varint                   it is a folder
    /// 01  01  id 16  length, a varint  path     it is a file of the folder with this id
    /// ```
    pub folder: Option<Folder>,
}

/// What an offer has to do with a folder: a folder is offered first, and when it is accepted, its files
/// are, each as a transfer of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Folder {
    /// It is one: `name` is what it is called, `size` the bytes of all files in it, `root` and
    /// `media_type` say nothing. Nothing is fetched by its id, and what is said of that holds for all of
    /// its files.
    Whole {
        /// How many files are in it: at most [`MAX_FOLDER_FILES`].
        files: u32,
    },
    /// It is a file of one.
    Part {
        /// The folder's transfer.
        of: TransferId,
        /// Where the file is in it: names with `/` between them, the last one the file's. Foreign text.
        path: String,
    },
}

/// Whether an honest program may name a file of a folder so [W-143]: names with `/` between them, none
/// of which is empty, or leads anywhere but down.
#[must_use]
pub fn is_folder_path(path: &str) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    path.len() <= MAX_FOLDER_PATH
        && path.split('/').count() <= MAX_FOLDER_DEPTH
        && path.split('/').all(is_name)
}

/// A file that still grows: neither its size nor its root is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveOffer {
    /// Names the transfer, now and when it is offered whole.
    pub id: TransferId,
    /// The sender's name for the file: foreign text.
    pub name: String,
    /// IANA media type as the sender guesses it: foreign text.
    pub media_type: String,
}

/// A file that is offered to all members of a room: each may fetch it from any of them who has
/// verified parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share {
    /// The same for all of them.
    pub id: ShareId,
    /// The room.
    pub room: RoomId,
}

/// Identifies a file among the members of a room: random, chosen by who offers it, and known to
/// nobody outside the room, as its members tell only each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShareId(pub [u8; 16]);

/// What somebody holds, verified, of a file that was offered to a room. Replaces what he said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// Which file.
    pub share: ShareId,
    /// First group of 16 KiB and how many, ascending and apart; at most [`MAX_HAVE_RUNS`]. The last
    /// group of a file may be shorter.
    pub runs: Vec<(u64, u64)>,
    /// Whether the other side is to say the same of itself, once.
    pub asks: bool,
}

impl Have {
    /// Whether an honest program may say this.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let mut end = None;
        self.runs.len() <= MAX_HAVE_RUNS
            && self.runs.iter().all(|(first, count)| {
                let follows = end.is_none_or(|end| *first > end);
                end = first.checked_add(*count);
                follows && *count > 0 && end.is_some_and(|end| end <= u64::MAX / GROUP)
            })
    }
}

/// Why a transfer was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CancelReason {
    /// The user did it.
    #[error("cancelled")]
    User,
    /// The sender's file is gone or cannot be read.
    #[error("the file is gone or cannot be read")]
    SourceGone,
    /// The sender's file is no longer what was offered.
    #[error("the file was changed while it was being sent")]
    SourceChanged,
    /// What arrived does not fit the offer's BLAKE3 root.
    #[error("what arrived is not what was offered")]
    Corrupt,
}

/// Asks for a range, on a Bulk stream, receiver to sender, or of a file that was offered to a room,
/// member to member. The first names the transfer or the file; all requests of one stream are for the
/// same. Ranges begin at multiples of 16 KiB.
///
/// For each request, in order, the sender answers on the same stream with a four-byte big-endian
/// length and that many bytes: the range in Bao encoding with chunk groups of 16 KiB. Of a file that still
/// grows it is the bytes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BulkRequest {
    /// One range.
    Get {
        /// Which transfer.
        id: TransferId,
        /// First byte: a multiple of 16384.
        offset: u64,
        /// How many: at most [`MAX_RANGE`], not beyond the end of the file.
        len: u32,
    },
    /// The same of a member who said that he [has](Have) it.
    GetShared {
        /// Which file.
        share: ShareId,
        /// First byte: a multiple of 16384.
        offset: u64,
        /// How many: at most [`MAX_RANGE`], not beyond the end of the file.
        len: u32,
    },
    /// What there is of a file that still grows, at most [`MAX_RANGE`] bytes, as they are [W-131]. It is
    /// answered when there is something, and by nothing when it grows no more [W-132].
    GetLive {
        /// Which transfer.
        id: TransferId,
        /// First byte: how much is there.
        offset: u64,
    },
}

impl Message for BulkRequest {
    const KINDS: u32 = 3;
    const MAX_LEN: usize = 64;
}

/// Text, and its receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chat {
    /// One message.
    Text(Text),
    /// The other side's message is stored here durably; it need not be sent again.
    Received {
        /// Its number.
        sequence: u64,
        /// Its random part.
        nonce: [u8; 16],
    },
    /// The other side's message will never be accepted.
    Refused {
        /// Its number.
        sequence: u64,
        /// Its random part.
        nonce: [u8; 16],
    },
    /// What this side holds of a room in which both are: the other sends what is missing there.
    /// Said when a link comes up, and again when more is held that came from somebody else than
    /// its author.
    Holdings(Holdings),
    /// Something that was said in a room.
    Post(Box<Post>),
    /// The answer to each post.
    Taken(Taken),
    /// This side's person is writing to the other one, just now [W-103]:
    ///
    /// ```text
    /// 00 00 00 02  01       06
    /// length       version  kind
    /// ```
    Typing,
    /// This side's person has read what the device at the other end said to him, up to a message [W-104]:
    ///
    /// ```text
    /// length 4  01       07    number, a varint  random part 16
    ///           version  kind
    /// ```
    Read {
        /// Its number: all with lower ones count as read too.
        sequence: u64,
        /// Its random part.
        nonce: [u8; 16],
    },
    /// Whether the two talk with each other [W-106]:
    ///
    /// ```text
    /// 00 00 00 03  01       08    what
    /// length       version  kind  0 to 3
    /// ```
    Contact(Contact),
    /// Is to be answered by [`Self::Pong`] with the same number [W-110]:
    ///
    /// ```text
    /// length 4  01       09    number, a varint
    ///           version  kind
    /// ```
    Ping(u32),
    /// The answer, with kind 0a.
    Pong(u32),
}

impl Message for Chat {
    const KINDS: u32 = 11;
    /// The longest holdings are the longest: `the_longest_fit` in this module's tests.
    const MAX_LEN: usize = MAX_FEEDS * (64 + 1 + MAX_RANGES * 20) + 64;
}

const _: () = assert!(Chat::MAX_LEN >= MAX_TEXT + 512, "a post with the longest text");

/// What somebody says of talking with the other side at all. Nothing of it is retransmitted: a question
/// is repeated on every new link until it is answered for good, and an answer as often as it is asked for.
///
/// ```text
///   alice, a stranger to bob                bob, whom strangers only ask
///   Asked, or a message, or an offer ─────► kept, and shown to nobody
///                                     ◄──── Waiting, once it is durable
///                                           bob decides
///                                     ◄──── Accepted, or Declined
/// ```
///
/// A message to somebody who has declined is not acknowledged, but answered by `Declined`: its author
/// gives it up. Whoever is blocked hears nothing of all this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contact {
    /// May I talk with you? What is said and offered asks the same.
    Asked,
    /// The person has not answered. What was acknowledged is kept here; the rest waits at its author's.
    Waiting,
    /// Yes: what was not acknowledged and not answered is to be sent again.
    Accepted,
    /// No.
    Declined,
}

/// One message. Identified by the sender's identity and device, its number and its random part:
/// shown once however often it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Counts up by one for each message of this device to this receiver, from 1.
    pub sequence: u64,
    /// The number of the message before it that was not given up: the receiver shows a gap when
    /// it does not have that one.
    pub after: u64,
    /// Chosen at random when the message was typed.
    pub nonce: [u8; 16],
    /// Milliseconds since 1970 by the sender's clock: a claim.
    pub sent: u64,
    /// The text, at most [`MAX_TEXT`] bytes: foreign text.
    pub body: String,
    /// What it is to other messages.
    pub kind: TextKind,
}

impl Text {
    /// Whether an honest program may say this: else nothing of it is kept.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let is_bare = !matches!(self.kind, TextKind::Unsend { .. }) || self.body.is_empty();
        self.body.len() <= MAX_TEXT && self.after < self.sequence && is_bare
    }
}

/// What a message is to other messages between the same two users.
///
/// A change (an edit or a taking back) counts only for a message of the same identity, and an edit of
/// an edit names the message that was edited first. A message that the receiver does not have cannot
/// be changed: an edit of it is shown as a message of its own, and stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextKind {
    /// Nothing.
    Plain,
    /// It answers this one.
    Reply {
        /// A message of either side.
        to: TextRef,
    },
    /// Its text is what that one says from now on.
    Edit {
        /// A message of the same identity.
        of: TextRef,
    },
    /// That one is to be shown no more. It has no text of its own.
    Unsend {
        /// A message of the same identity.
        of: TextRef,
    },
}

/// Names a message between two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRef {
    /// Its sender's device.
    pub device: PublicKey,
    /// Its number among those of this device to the other user.
    pub sequence: u64,
    /// Its random part.
    pub nonce: [u8; 16],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::framing::{Deframer, encode};
    use crate::app::identity::{Identity, IdentityKey};
    use crate::app::letter::Enclosed;
    use crate::app::name::{MAX_CHARS, Name};
    use crate::app::post::{Body, Content, Feed, Held, PostKind, PostRef, Said};
    use crate::app::room::RoomId;

    /// Whatever the limits allow can be said: `encode` refuses by a panic.
    #[test]
    fn the_longest_fit() {
        let identity = Identity::from_secret(&[1; 32]);
        let feed = Feed { author: IdentityKey([9; 32]), device: PublicKey([9; 32]) };
        let held = Held { feed, runs: vec![(u64::MAX, u64::MAX); MAX_RANGES] };
        let content = Content {
            room: RoomId([9; 16]),
            author: Name::new(&"\u{20000}".repeat(MAX_CHARS)).unwrap(),
            feed,
            number: u64::MAX,
            previous: [9; 32],
            version: u64::MAX,
            sent: u64::MAX,
            kind: PostKind::Reply { to: PostRef { feed, number: u64::MAX, hash: [9; 32] } },
            text: [9; 32],
        };
        let said = Said { salt: [9; 16], text: "x".repeat(MAX_TEXT) };
        let post = Post::sign(&identity, content, said);
        assert!(Enclosed::Posts(vec![post.clone()]).fits(), "a letter holds it");
        let gone = Body::Gone(Box::new(post.head.clone()));
        let room = RoomId([9; 16]);
        let to = TextRef { device: PublicKey([9; 32]), sequence: u64::MAX, nonce: [9; 16] };
        let text = Text {
            sequence: u64::MAX,
            after: u64::MAX - 1,
            nonce: [9; 16],
            sent: u64::MAX,
            body: "x".repeat(MAX_TEXT),
            kind: TextKind::Reply { to },
        };
        assert!(text.is_possible());
        assert!(Enclosed::Text(text.clone()).fits(), "a letter holds it");
        for message in [
            Chat::Text(text),
            Chat::Holdings(Holdings { room, complete: true, feeds: vec![held; MAX_FEEDS] }),
            Chat::Post(Box::new(Post { body: gone, ..post.clone() })),
            Chat::Post(Box::new(post)),
        ] {
            let mut deframer = Deframer::default();
            deframer.buffer().extend(encode(&message));
            assert_eq!(deframer.next(), Ok(Some(message)));
        }
    }

    #[test]
    fn the_most_runs_fit_and_others_are_not_possible() {
        let have = |runs| Have { share: ShareId([9; 16]), runs, asks: true };
        let far = u64::MAX / GROUP - 2 * MAX_HAVE_RUNS as u64;
        let most = have((0..MAX_HAVE_RUNS as u64).map(|n| (far + 2 * n, 1)).collect());
        assert!(most.is_possible());
        let mut deframer = Deframer::default();
        deframer.buffer().extend(encode(&Control::Have(most.clone())));
        assert_eq!(deframer.next(), Ok(Some(Control::Have(most.clone()))));

        assert!(have(vec![]).is_possible());
        for runs in [
            vec![(0, 0)],
            vec![(5, 2), (7, 1)],
            vec![(5, 2), (4, 1)],
            vec![(u64::MAX, 1)],
            vec![(0, u64::MAX)],
            most.runs.iter().copied().chain([(u64::MAX / GROUP - 1, 1)]).collect(),
        ] {
            assert!(!have(runs.clone()).is_possible(), "{runs:?}");
        }
    }

    /// [W-140] byte by byte.
    #[test]
    fn what_an_offer_has_to_do_with_a_folder_has_this_form() {
        let offer = |folder| {
            Control::Offer(Offer {
                id: TransferId([1; 16]),
                name: "n".repeat(MAX_FILE_NAME),
                size: 7,
                media_type: "m".repeat(MAX_MEDIA_TYPE),
                root: [2; 32],
                share: None,
                media: None,
                folder,
            })
        };
        let plain = encode(&offer(None));
        assert_eq!(plain.last(), Some(&0));
        let before = &plain[4..plain.len() - 1];
        let of = TransferId([9; 16]);
        let path = "p".repeat(MAX_FOLDER_PATH);
        let part = [&[1, 1][..], &[9; 16], &[0x80, 8], path.as_bytes()].concat();
        for (folder, bytes) in
            [(Folder::Whole { files: 300 }, vec![1, 0, 0xac, 2]), (Folder::Part { of, path }, part)]
        {
            let offer = offer(Some(folder));
            let encoded = encode(&offer);
            assert_eq!(encoded[4..], [before, &bytes].concat());
            let mut deframer = Deframer::default();
            deframer.buffer().extend(encoded);
            assert_eq!(deframer.next(), Ok(Some(offer)));
        }
    }

    /// [W-143]
    #[test]
    fn a_path_in_a_folder_leads_down() {
        let deepest = vec!["x"; MAX_FOLDER_DEPTH].join("/");
        let deeper = format!("{deepest}/x");
        let longest = "x".repeat(MAX_FOLDER_PATH);
        let longer = format!("{longest}x");
        for path in ["a", "a/b", ".hidden/..x", "Ferien in Köln/a b", &deepest, &longest] {
            assert!(is_folder_path(path), "{path}");
        }
        for path in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\0b"] {
            assert!(!is_folder_path(path), "{path:?}");
        }
        for path in [deeper, longer] {
            assert!(!is_folder_path(&path), "{path}");
        }
    }

    /// [W-103] [W-104] byte by byte; a program that does not know them passes them over.
    #[test]
    fn what_is_told_of_attention_has_this_form() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Older {
            Text(u64),
        }
        impl Message for Older {
            const KINDS: u32 = 6;
            const MAX_LEN: usize = 100;
        }
        let read = Chat::Read { sequence: 300, nonce: [9; 16] };
        let mut bytes = encode(&Chat::Typing);
        assert_eq!(bytes, [0, 0, 0, 2, 1, 6]);
        let expected = [&[0, 0, 0, 20, 1, 7, 0xac, 2][..], &[9; 16]].concat();
        assert_eq!(encode(&read), expected);
        bytes.extend(expected);
        bytes.extend(encode(&Older::Text(1)));
        let mut deframer = Deframer::default();
        deframer.buffer().extend(&bytes);
        assert_eq!(deframer.next(), Ok(Some(Chat::Typing)));
        assert_eq!(deframer.next(), Ok(Some(read)));
        let mut deframer = Deframer::default();
        deframer.buffer().extend(&bytes);
        assert_eq!(deframer.next(), Ok(Some(Older::Text(1))));
        assert_eq!(deframer.skipped, 2);
    }

    /// [W-130] [W-131] byte by byte; a program that does not know them passes them over.
    #[test]
    fn what_is_said_of_a_growing_file_has_this_form() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Older {
            Decline(TransferId),
        }
        impl Message for Older {
            const KINDS: u32 = 11;
            const MAX_LEN: usize = 4096;
        }
        let id = TransferId([7; 16]);
        let offer = LiveOffer { id, name: "a.ts".to_owned(), media_type: "video/mp2t".to_owned() };
        let mut bytes = encode(&Control::Live(offer.clone()));
        let expected = [&[0, 0, 0, 34, 1, 11][..], &[7; 16], b"\x04a.ts\x0avideo/mp2t"].concat();
        assert_eq!(bytes, expected);
        bytes.extend(encode(&Older::Decline(id)));
        let mut deframer = Deframer::default();
        deframer.buffer().extend(&bytes);
        assert_eq!(deframer.next(), Ok(Some(Control::Live(offer))));
        let mut deframer = Deframer::default();
        deframer.buffer().extend(&bytes);
        assert_eq!(deframer.next(), Ok(Some(Older::Decline(id))));
        assert_eq!(deframer.skipped, 1);

        let asked = BulkRequest::GetLive { id, offset: 300 };
        assert_eq!(encode(&asked), [&[0, 0, 0, 20, 1, 2][..], &[7; 16], &[0xac, 2]].concat());
        // The longest that an honest program may say.
        let (name, media_type) = ("x".repeat(MAX_FILE_NAME), "y".repeat(MAX_MEDIA_TYPE));
        let longest = Control::Live(LiveOffer { id, name, media_type });
        let mut deframer = Deframer::default();
        deframer.buffer().extend(encode(&longest));
        assert_eq!(deframer.next(), Ok(Some(longest)));
    }

    /// [W-106] byte by byte.
    #[test]
    fn whether_two_talk_is_said_in_this_form() {
        let all = [Contact::Asked, Contact::Waiting, Contact::Accepted, Contact::Declined];
        for (what, said) in (0..).zip(all) {
            let bytes = encode(&Chat::Contact(said));
            assert_eq!(bytes, [0, 0, 0, 3, 1, 8, what]);
            let mut deframer = Deframer::default();
            deframer.buffer().extend(bytes);
            assert_eq!(deframer.next(), Ok(Some(Chat::Contact(said))));
        }
        let mut deframer = Deframer::default();
        deframer.buffer().extend([0, 0, 0, 3, 1, 8, 4]);
        assert!(deframer.next::<Chat>().is_err(), "nobody says that");
    }

    /// Security acceptance G01, G10.
    #[test]
    fn what_no_program_says_is_not_possible() {
        let of = TextRef { device: PublicKey([9; 32]), sequence: 1, nonce: [9; 16] };
        let text = |after, body: &str, kind| {
            let (sequence, nonce, sent, body) = (5, [1; 16], 0, body.to_owned());
            Text { sequence, after, nonce, sent, body, kind }.is_possible()
        };
        let longest = "x".repeat(MAX_TEXT);
        assert!(text(4, &longest, TextKind::Edit { of }));
        assert!(!text(4, &format!("{longest}x"), TextKind::Plain));
        assert!(!text(5, "after itself", TextKind::Plain));
        assert!(text(4, "", TextKind::Unsend { of }));
        assert!(!text(4, "a text", TextKind::Unsend { of }));
    }
}
