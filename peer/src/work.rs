//! What the core asks of the machine it runs on, and what comes back. Everything that may block
//! (database, disk, password stretching) is asked for here and answered later, so that the core
//! never waits: the shell has worker threads, the simulator has virtual time.

mod auto_accept;
mod calls;
mod contact;
mod files;
mod marks;
mod rooms;
mod strangers;

use std::path::{Path, PathBuf};

use rand_core::{CryptoRng, RngCore};
use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::letter::Serves;
use wire::app::media::Media;
use wire::app::name::Name;
use wire::app::peer::{CancelReason, Folder, Share, TextKind, TransferId};
use wire::app::post::{Feed, Post};
use wire::app::room::{Room, RoomId};
use wire::{PublicKey, Secret, StaticKey};

use crate::backup::{Backup, BackupError, BackupJob, BackupReply};

pub use self::auto_accept::AutoAccept;
pub use self::calls::Calls;
pub use self::contact::{Contact, MAX_NICKNAME, ShownIdentity};
pub use self::files::{
    Destination, FileError, FileReply, FileRequest, FolderFile, Headers, LeftOut, Pace, Walk,
};
pub use self::marks::{MarkRequest, ReadMark};
pub use self::rooms::{FeedRuns, PostReceipt, PostTarget, Reached, RoomRecord, Talk};
pub use self::strangers::{Asking, MAX_REQUESTS, RequestRecord, Standing, StrangerRequest};

/// Names one job until its outcome comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub u64);

/// A job. Each lane is worked off in order; lanes run beside each other.
#[derive(Debug)]
pub enum Work {
    /// For the database: one thread, in order, durable before the outcome is told.
    Store(StoreRequest),
    /// For the disk: reading, hashing, verifying and writing files.
    File(FileRequest),
    /// For a processor: stretching a password.
    Login(crate::login::LoginJob),
    /// For the same: stretching a passphrase, and writing or reading an account file.
    Backup(BackupJob),
}

/// The outcome of a job.
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Work::Store`].
    Store(Result<StoreReply, StoreError>),
    /// Of [`Work::File`]. A hash in progress reports more than once: every reply but
    /// [`FileReply::Hashing`] and [`FileReply::Checking`] is the last.
    File(Result<FileReply, FileError>),
    /// Of [`Work::Login`].
    Login(crate::login::LoginOutcome),
    /// Of [`Work::Backup`].
    Backup(Result<BackupReply, BackupError>),
}

/// The database could not do it. The text is for the person: what, why, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// A request to the database.
#[derive(Debug)]
pub enum StoreRequest {
    /// Open the profile of an account and give everything that the core needs of it. With
    /// `None`: of the account that is logged in here, or of nobody. Reply:
    /// [`StoreReply::Loaded`].
    ///
    /// Each account (the server's key and a name) has a profile of its own: installation keys, contacts,
    /// outbox, history, transfers; only the pinned servers are common. All later requests
    /// concern the profile that was opened last, which exists from its `SaveInstallation` on.
    Load(Option<AccountId>),
    /// Keep the keys of this profile (made when it is first used).
    SaveInstallation(Installation),
    /// Keep who is logged in here; with `None` nobody is any more and the secrets kept with the
    /// account are removed, the rest of the profile stays for the next login under this name. The keys of
    /// another account stay where they are [`Keys::OnlyHere`].
    SaveAccount(Option<Account>),
    /// The account of the open profile is no more: its secrets, the keys for letters and the device's
    /// key are removed, nothing that waits is ever sent; what was said and received stays. These are
    /// the keys of whoever uses the name next.
    ForgetAccount(Installation),
    /// Keep the key that the server at this address (as typed) showed first.
    PinServer {
        /// `host:port` as typed.
        address: String,
        /// Its key.
        key: PublicKey,
    },
    /// The server with the key `from` has the key `to` now: its accounts are that one's. Reply:
    /// [`StoreReply::Moved`].
    MoveServer {
        /// The key before.
        from: PublicKey,
        /// The key now.
        to: PublicKey,
    },
    /// Keep the token that lets the next handshake with this server skip a round trip.
    SaveServerToken {
        /// `host:port` as typed.
        address: String,
        /// The token.
        token: [u8; 24],
    },
    /// Keep what is known of another user; replaces what was known under the name.
    SaveContact(Contact),
    /// Number a new message and keep it until it is delivered. Reply: [`StoreReply::Queued`], or
    /// [`StoreReply::Withdrawn`].
    Queue(Draft),
    /// The other side has it.
    Delivered {
        /// Which message.
        id: MessageId,
        /// Milliseconds since 1970.
        at: u64,
    },
    /// It lies in the receiver's mailbox at the server.
    Stored {
        /// Which message.
        id: MessageId,
    },
    /// Keep these keys, made for letters.
    SavePrekeys(Vec<PrekeySecret>),
    /// This key opens nothing any more: overwrite it.
    ForgetPrekey(u64),
    /// It will never be delivered.
    Failed {
        /// Which message.
        id: MessageId,
        /// Why, for the person.
        why: String,
    },
    /// A message arrived. Reply: [`StoreReply::Received`], when it is durable.
    Receive(Incoming),
    /// The same by a letter: only when it follows what is here already.
    ReceiveInTurn(Incoming),
    /// About strangers.
    Stranger(StrangerRequest),
    /// Keep a post of ours until everybody has it. Reply: [`StoreReply::Posted`].
    Post {
        /// Signed.
        post: Box<Post>,
        /// Milliseconds since 1970.
        at: u64,
        /// It takes back what has never left this machine: the line of that goes, too.
        never_left: bool,
    },
    /// What a line typed for a room is about. Reply: [`StoreReply::PostTarget`].
    PostTarget {
        /// The room...
        room: RoomId,
        /// ...and what it is called.
        title: String,
        /// Where the posts of this device are.
        feed: Feed,
        /// What it is to another one.
        about: About,
        /// What was typed.
        text: String,
    },
    /// A post arrived. Reply: [`StoreReply::PostReceived`], when it is durable.
    ReceivePost {
        /// Its signature is verified.
        post: Box<Post>,
        /// Whether this device has written it, and forgotten.
        own: bool,
        /// Milliseconds since 1970.
        at: u64,
    },
    /// Posts of a feed that somebody lacks, ascending. Reply: [`StoreReply::Posts`].
    Posts {
        /// In which room.
        room: RoomId,
        /// Whose.
        feed: Feed,
        /// From this number...
        from: u64,
        /// ...to this one.
        to: u64,
        /// Only those written at this version of the room, or later...
        since: u64,
        /// ...or with this number, or a higher one.
        shared_from: u64,
        /// At most this many.
        limit: u32,
    },
    /// Keep what the server says of a room.
    SaveRoom(Box<Room>),
    /// About how far messages between two users were read.
    Marks(MarkRequest),
    /// Keep what calls the person in a conversation.
    SaveCalls {
        /// Which.
        talk: Talk,
        /// What; `None` is as usual.
        calls: Option<Calls>,
    },
    /// Keep how far members are with the own posts in a room.
    SaveReached {
        /// Which.
        room: RoomId,
        /// Who, and how far.
        reached: Vec<(Name, Reached)>,
        /// Up to this number everybody has them.
        everybody: Option<u64>,
    },
    /// Lines of a conversation, oldest first. Reply: [`StoreReply::Lines`].
    History {
        /// With whom; with everyone when `None`.
        with: Option<Talk>,
        /// At most this many, the newest.
        limit: u32,
        /// Only lines before the one of this number.
        before: Option<u64>,
        /// Only behind the last line from before this moment, in milliseconds since 1970.
        since: Option<u64>,
    },
    /// Lines that contain all these words, oldest first. Reply: [`StoreReply::Lines`].
    Search {
        /// What to look for: words, not a query language.
        text: String,
        /// Only in this conversation.
        with: Option<Talk>,
        /// At most this many, the newest.
        limit: u32,
    },
    /// Keep the state of a transfer; replaces what was kept under its id and direction.
    SaveTransfer(TransferRecord),
    /// The next lines of a conversation, oldest first, so that all of it can be gone through piece
    /// by piece. Reply: [`StoreReply::Lines`], empty at the end.
    Page {
        /// With whom; with everyone when `None`.
        with: Option<Talk>,
        /// Only lines behind the one of this number.
        after: u64,
    },
    /// Let the account of a file be the one that is kept here: its profile is open then. Reply:
    /// [`StoreReply::Imported`].
    Import {
        /// What the file holds.
        backup: Box<Backup>,
        /// For a profile that is not there yet.
        installation: Installation,
    },
}

/// An answer of the database.
#[derive(Debug)]
pub enum StoreReply {
    /// To requests that have nothing to say.
    Done,
    /// Everything at the start.
    Loaded(Box<Profile>),
    /// A message is kept under this number; the one before it that was not given up.
    Queued(Outgoing),
    /// A message of ours that was never sent is taken back: it is not to be sent, and nothing is to be
    /// said of it to the other side.
    Withdrawn {
        /// Its number.
        sequence: u64,
        /// Its place in the history, which is empty now.
        line: u64,
    },
    /// A message that arrived is durable.
    Received(Receipt),
    /// What was held of a stranger, in order, as it is received now.
    Admitted(Vec<(Incoming, Receipt)>),
    /// Whether nothing of the stranger is kept any more.
    Expired(bool),
    /// A post of ours is kept.
    Posted {
        /// Its place in the history.
        line: u64,
    },
    /// A post that arrived is durable, or is not kept.
    PostReceived(PostReceipt),
    /// What a line typed for a room is about.
    PostTarget(PostTarget),
    /// Posts that somebody lacks.
    Posts {
        /// Those that can be handed on.
        posts: Vec<Post>,
        /// Up to this number they were looked at; `None` when that is all.
        read: Option<u64>,
    },
    /// How far the person has read.
    Marked(Vec<ReadMark>),
    /// How far another user has read what this device said to him.
    ReadThere {
        /// Up to the message of this number.
        upto: u64,
    },
    /// Lines of a conversation.
    Lines(Vec<Line>),
    /// The accounts of a server are under its new key.
    Moved {
        /// Whose profiles were there before, and are kept under the former key now.
        set_aside: Vec<Name>,
    },
    /// An account is kept here now.
    Imported(Imported),
}

/// What did not go along with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its server's address is known here with another key, which stays.
    pub is_other_server: bool,
    /// Users who were verified with other keys than those known here, which stay.
    pub other_keys: Vec<Name>,
}

/// Names a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId {
    /// The key of its server, under whatever name that is reached.
    pub server: PublicKey,
    /// The prepared name.
    pub name: Name,
}

/// What the database holds of one account.
#[derive(Debug, Default)]
pub struct Profile {
    /// `None` when the profile is new, or nobody's.
    pub installation: Option<Installation>,
    /// `None` when this account is not logged in here.
    pub account: Option<Account>,
    /// Pinned server keys, and tokens, by address as typed.
    pub servers: Vec<ServerRecord>,
    /// Other users.
    pub contacts: Vec<Contact>,
    /// Messages neither delivered nor failed, by receiver and number.
    pub outbox: Vec<Outgoing>,
    /// Transfers that are not over, and the newest of those that are, oldest first.
    pub transfers: Vec<TransferRecord>,
    /// Keys for letters.
    pub prekeys: Vec<PrekeySecret>,
    /// Rooms that the user is in, or was.
    pub rooms: Vec<RoomRecord>,
    /// What calls the person, where that is not as usual.
    pub calls: Vec<(Talk, Calls)>,
    /// Strangers who ask to talk, by name.
    pub requests: Vec<RequestRecord>,
}

/// The keys of one profile.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The device's key on the wire: another one for each account, so that a server cannot take
    /// one account's device for another's.
    pub device: StaticKey,
    /// For the endpoint's tokens.
    pub token_secret: Secret<[u8; 32]>,
}

impl Installation {
    /// New ones.
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let (mut private, mut token_secret) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut private);
        rng.fill_bytes(&mut token_secret);
        Self { device: StaticKey::from_private(private), token_secret: Secret::new(token_secret) }
    }
}

/// Who is logged in here.
#[derive(Clone, Debug)]
pub struct Account {
    /// The prepared name.
    pub name: Name,
    /// The key of its server.
    pub server: PublicKey,
    /// The identity's secret.
    pub identity_secret: Secret<[u8; 32]>,
    /// This device, certified.
    pub certificate: DeviceCertificate,
    /// Where else its keys are.
    pub keys: Keys,
}

/// Where the secret of an account's identity is, as far as this machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Also at the server, sealed under a password that the user has chosen.
    Sealed,
    /// On this machine alone: at the server nothing is sealed that opens to them. They are erased only when
    /// the user has written them into a file, or deletes the account.
    OnlyHere,
}

/// A server that was met before.
#[derive(Clone, Debug)]
pub struct ServerRecord {
    /// `host:port` as typed.
    pub address: String,
    /// Its pinned key.
    pub key: PublicKey,
    /// A token from it.
    pub token: Option<[u8; 24]>,
}

/// Identifies a message of this device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId {
    /// To whom.
    pub to: Name,
    /// Its number among those.
    pub sequence: u64,
}

/// The private half of a key that was left at the server for letters.
#[derive(Clone, Debug)]
pub struct PrekeySecret {
    /// Its number.
    pub id: u64,
    /// X25519.
    pub key: StaticKey,
    /// How long it serves.
    pub serves: Serves,
    /// Seconds since 1970.
    pub made: u64,
}

/// A message that was typed just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The other user.
    pub to: Name,
    /// The text.
    pub body: String,
    /// Random part of its id.
    pub nonce: [u8; 16],
    /// Milliseconds since 1970.
    pub at: u64,
    /// This device.
    pub device: PublicKey,
    /// What it is to another message.
    pub about: About,
}

/// What a message that was typed is to another one between the same two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Nothing.
    Nothing,
    /// It answers one.
    Reply {
        /// The line of the history in which that stands; `None` for the other side's last.
        line: Option<u64>,
    },
    /// It is the new text of one of ours.
    Edit {
        /// That one's number; `None` for the last.
        id: Option<u64>,
    },
    /// It takes back one of ours.
    Unsend {
        /// That one's number; `None` for the last.
        id: Option<u64>,
        /// No message with a higher number than this has left this machine.
        sent_up_to: u64,
    },
}

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Receiver and number.
    pub id: MessageId,
    /// Its place in the history: lines are numbered as they are kept.
    pub line: u64,
    /// The number before it that was not given up; 0 when it is the first.
    pub after: u64,
    /// Random part.
    pub nonce: [u8; 16],
    /// When it was typed: milliseconds since 1970.
    pub at: u64,
    /// The text.
    pub body: String,
    /// Whether it lies in the receiver's mailbox.
    pub stored: bool,
    /// What it is to another message...
    pub kind: TextKind,
    /// ...and the line in which that stands here, where it is known.
    pub about: Option<u64>,
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// From whom.
    pub from: Name,
    /// His identity...
    pub identity: IdentityKey,
    /// ...and device: numbers count per device.
    pub device: PublicKey,
    /// Number.
    pub sequence: u64,
    /// The number before it, as the sender says.
    pub after: u64,
    /// Random part.
    pub nonce: [u8; 16],
    /// When the sender says he typed it.
    pub sent: u64,
    /// When it arrived: milliseconds since 1970.
    pub at: u64,
    /// The text.
    pub body: String,
    /// What it is to another message.
    pub kind: TextKind,
}

/// What the database knew about a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// New: show it, acknowledge it.
    Fresh {
        /// Messages before it are missing: the sender gave them up, or this folder is new.
        gap: bool,
        /// Its place in the history.
        line: u64,
        /// The line that it answers; [`NOT_HERE`](crate::output::NOT_HERE) when that is not.
        reply_to: Option<u64>,
    },
    /// New, and changes a line that is here: show that, acknowledge it.
    Changed {
        /// As above.
        gap: bool,
        /// The place of what it changes.
        line: u64,
    },
    /// New, and nothing to show: it concerns what is taken back, or was never here. Acknowledge it.
    Silent {
        /// As above.
        gap: bool,
    },
    /// Stored before: acknowledge it again, do not show it.
    Duplicate,
    /// Something before it is missing, which may still come another way: not kept.
    OutOfTurn,
    /// It is of a stranger, and is kept apart: acknowledge it, do not show it.
    Held,
    /// It is of a stranger, and there is no more room for such messages: not kept, and neither is what
    /// follows it before it comes again. Not acknowledged.
    NoRoom,
    /// Another message was stored under this number: the sender says two things. Kept as it was;
    /// refuse this one and say so.
    Conflict,
}

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place in the history: lines are numbered as they are kept.
    pub line: u64,
    /// With whom, or where.
    pub with: Talk,
    /// Who wrote it, where it is a post of somebody else.
    pub author: Option<Name>,
    /// Its number, where this side wrote it.
    pub own: Option<u64>,
    /// Milliseconds since 1970: when it was typed here or arrived here.
    pub at: u64,
    /// The text, the newest where it was edited; empty where it is taken back.
    pub body: String,
    /// Whether it was edited.
    pub edited: bool,
    /// Whether it is taken back.
    pub taken_back: bool,
    /// The line that it answers; [`NOT_HERE`](crate::output::NOT_HERE) when that is not.
    pub reply_to: Option<u64>,
    /// For own lines: what became of it.
    pub state: MessageState,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// Kept here until the other side can be reached.
    Queued,
    /// It lies in the other side's mailbox.
    Stored,
    /// The other side has it durably.
    Delivered,
    /// The other side's person has read it, too.
    Read,
    /// It will not be delivered.
    Failed(String),
    /// It came from the other side.
    Incoming,
}

/// Which way a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From here.
    Sending,
    /// To here.
    Receiving,
}

/// A transfer as kept on disk. How much of the file is there is not kept: it is checked against
/// the hash tree when the transfer goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// Which way.
    pub direction: Direction,
    /// Its id.
    pub id: TransferId,
    /// The other user.
    pub with: Name,
    /// The file's name: the sender's spelling, or here the one it is saved under.
    pub name: String,
    /// Sending: where the file is. Receiving: where it is, and before it is complete, where the person
    /// wants to have it; of a file of a folder, where that folder is.
    pub path: Option<PathBuf>,
    /// Bytes; 0 while it grows.
    pub size: u64,
    /// Media type.
    pub media_type: String,
    /// What the headers say, when it is a film: as its sender says, and of what is complete, as was read
    /// here.
    pub media: Option<Media>,
    /// BLAKE3 of the contents; nothing while it grows.
    pub root: [u8; 32],
    /// When it was offered: milliseconds since 1970.
    pub at: u64,
    /// Where it stands.
    pub state: TransferState,
    /// Whether this side has paused it.
    pub paused: bool,
    /// The room whose members are all offered it.
    pub share: Option<Share>,
    /// Whether the file still grows: its size and its root are not known yet.
    pub growing: bool,
    /// What it has to do with a folder.
    pub folder: Option<Folder>,
    /// Bytes a second, as it was last measured while it was received; 0 when it was not.
    pub rate: u64,
}

impl TransferRecord {
    /// Whether it is a folder, whose files are transfers of their own.
    #[must_use]
    pub const fn is_folder(&self) -> bool {
        matches!(self.folder, Some(Folder::Whole { .. }))
    }

    /// The folder of which it is a file, and its path there.
    #[must_use]
    pub fn part(&self) -> Option<(TransferId, &str)> {
        match &self.folder {
            Some(Folder::Part { of, path }) => Some((*of, path)),
            Some(Folder::Whole { .. }) | None => None,
        }
    }

    /// Under what the disk keeps what belongs to it: what all members of a room are offered is one
    /// file with one hash tree.
    #[must_use]
    pub fn disk_id(&self) -> TransferId {
        match (self.direction, self.share) {
            (Direction::Sending, Some(share)) => TransferId(share.id.0),
            (Direction::Sending, None) | (Direction::Receiving, _) => self.id,
        }
    }

    /// Where a file that is not complete is to be.
    #[must_use]
    pub fn destination(&self) -> Destination {
        let is_there =
            self.direction == Direction::Sending || self.state == TransferState::Complete;
        match (self.path.clone().filter(|_| !is_there), self.part()) {
            (None, _) => Destination::Usual,
            (Some(path), None) => Destination::Wanted(path),
            (Some(folder), Some((_, path))) => {
                Destination::InFolder { folder, path: path.to_owned() }
            }
        }
    }

    /// Whether others may still fetch it here, now that it is complete.
    #[must_use]
    pub fn is_shared_on(&self) -> bool {
        self.share.is_some()
            && self.direction == Direction::Receiving
            && self.state == TransferState::Complete
    }

    /// Whether this is an offer, or an acceptance, of which no file came: others can make any
    /// number of these, so they are kept apart from what was sent and received.
    #[must_use]
    pub const fn came_to_nothing(&self) -> bool {
        matches!(self.direction, Direction::Receiving)
            && self.state.is_over()
            && !matches!(self.state, TransferState::Complete)
    }
}

/// Where a transfer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferState {
    /// Offered, not answered.
    Offered,
    /// Accepted; bytes flow when both are up.
    Running,
    /// Complete and verified.
    Complete,
    /// The receiver did not want it.
    Declined,
    /// Given up by this side.
    Cancelled(CancelReason),
    /// Given up by the other side.
    CancelledByPeer(CancelReason),
}

impl TransferState {
    /// Nothing more will happen.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        !matches!(self, Self::Offered | Self::Running)
    }
}

/// How a conversation is written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// For people: hostile characters are replaced as on the screen.
    Text,
    /// One JSON object in each line: everything as it came.
    Json,
    /// For players: the comments on one film as its chapters, in FFmpeg's format for metadata.
    Chapters,
}

impl ExportFormat {
    /// What the ending of the file's name says.
    ///
    /// # Errors
    /// A text for the person.
    pub fn of(path: &Path) -> Result<Self, String> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("txt") => Ok(Self::Text),
            Some("json" | "jsonl") => Ok(Self::Json),
            Some("ffmetadata" | "ffmeta") => Ok(Self::Chapters),
            Some(_) | None => Err(format!(
                "Not exported: the name of the file says what becomes of it. {} ends with none of \
                 .txt (for reading), .json (for programs) and .ffmetadata (chapters of a film).",
                path.display()
            )),
        }
    }
}
