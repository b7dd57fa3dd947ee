//! What is asked of the disk, and what comes back.

use std::path::PathBuf;

use wire::app::media::Media;
use wire::app::peer::TransferId;

use super::Direction;

/// A job for the disk.
#[derive(Debug)]
pub enum FileRequest {
    /// Read a file of ours that is to be offered, hash it, keep its hash tree. Replies:
    /// [`FileReply::Hashing`] now and then, [`FileReply::Hashed`] at the end. Of a folder:
    /// [`FileReply::Walked`].
    Hash {
        /// The transfer it is for.
        id: TransferId,
        /// As typed.
        path: PathBuf,
    },
    /// Look for the first time at a file of ours that is to be handed over while it grows. Reply:
    /// [`FileReply::Grows`].
    BeginLive {
        /// The transfer it is for.
        id: TransferId,
        /// As typed.
        path: PathBuf,
        /// What the other side is to be told that it is called; its own name when `None`.
        name: Option<String>,
    },
    /// Look how long a file of ours is that grows. One that was cut short, or that another has taken the
    /// place of, is [`FileError::NoLonger`]. Reply: [`FileReply::Grown`].
    LookLive {
        /// The transfer.
        id: TransferId,
        /// The file.
        path: PathBuf,
        /// Whether it is asked, too, if some program has it open for writing, which costs more.
        asks_for_writers: bool,
    },
    /// Read what there is of a file of ours that grows. Reply: [`FileReply::Encoded`], the bytes as they are.
    ReadLive {
        /// The transfer.
        id: TransferId,
        /// The file.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// How many at most.
        len: u32,
        /// As for [`Self::Encode`].
        buffer: Vec<u8>,
    },
    /// Make ready to receive a file that grows. Reply: [`FileReply::Ready`].
    PrepareLive {
        /// The transfer.
        id: TransferId,
        /// As for [`Self::Prepare`].
        name: String,
        /// As for [`Self::Prepare`].
        place: Destination,
    },
    /// Write what came of a file that grows. Reply: [`FileReply::Written`].
    WriteLive {
        /// The transfer.
        id: TransferId,
        /// First byte.
        offset: u64,
        /// What came.
        bytes: Vec<u8>,
    },
    /// Encode a range of an offered file for the receiver, verified against its tree unless nobody
    /// has touched it since it was hashed. Reply: [`FileReply::Encoded`].
    Encode {
        /// The transfer.
        id: TransferId,
        /// The file.
        path: PathBuf,
        /// Its size when it was offered.
        size: u64,
        /// Its root when it was offered.
        root: [u8; 32],
        /// First byte.
        offset: u64,
        /// How many.
        len: u32,
        /// What to put it into: whatever is in it does not matter, and the room is used again.
        buffer: Vec<u8>,
    },
    /// The same of a file that arrives, or has arrived, for another member of the room whose members
    /// are all offered it. What is not there or not right is [`FileError::SourceChanged`].
    EncodeReceived {
        /// The transfer.
        id: TransferId,
        /// Where the file is, when it is complete.
        path: Option<PathBuf>,
        /// Its size.
        size: u64,
        /// Its root.
        root: [u8; 32],
        /// First byte.
        offset: u64,
        /// How many.
        len: u32,
        /// As for [`Self::Encode`].
        buffer: Vec<u8>,
    },
    /// Make ready to receive: open or create the partial file, and find out what of it is
    /// already there and right. Replies: [`FileReply::Checking`] now and then,
    /// [`FileReply::Ready`] at the end.
    Prepare {
        /// The transfer.
        id: TransferId,
        /// The name that the sender gave: foreign text, made safe by the disk worker.
        name: String,
        /// Bytes.
        size: u64,
        /// BLAKE3 of the contents.
        root: [u8; 32],
        /// Where it is to be.
        place: Destination,
    },
    /// How much room there is for what is received, where it usually goes. Reply: [`FileReply::Room`].
    Room,
    /// Make the folder that an offered one becomes, beside whatever is there already: once, the same
    /// whenever it is asked for again. Reply: [`FileReply::FolderMade`].
    MakeFolder {
        /// The transfer of the folder.
        id: TransferId,
        /// The name that the sender gave: foreign text.
        name: String,
        /// Where it is to be.
        place: Destination,
    },
    /// Read a complete file from end to end, and compare it with what was offered. Reply:
    /// [`FileReply::Verified`].
    Verify {
        /// The transfer.
        id: TransferId,
        /// Where it is.
        path: PathBuf,
        /// BLAKE3 of the contents.
        root: [u8; 32],
    },
    /// Copy a file that is damaged, as the partial file of the transfer by which it came: what of it is right
    /// [`Self::Prepare`] and [`Self::Write`] find out. Reply: [`FileReply::Done`].
    Salvage {
        /// The transfer.
        id: TransferId,
        /// The damaged file.
        path: PathBuf,
        /// As for [`Self::Prepare`].
        place: Destination,
    },
    /// Verify an encoded range against the root, group by group, and write it. Reply:
    /// [`FileReply::Written`].
    Write {
        /// The transfer.
        id: TransferId,
        /// First byte.
        offset: u64,
        /// How many.
        len: u32,
        /// What the sender sent for it.
        encoded: Vec<u8>,
    },
    /// Everything is there: sync it, give it its final name without overwriting anything. Reply:
    /// [`FileReply::Finished`].
    Finish {
        /// The transfer.
        id: TransferId,
    },
    /// The transfer is over: close what is open for it, end what is being done for it, remove its
    /// partial file and tree, and of what was sent, what was kept for that alone.
    Forget {
        /// The transfer.
        id: TransferId,
        /// Which way it went.
        direction: Direction,
        /// Where it was to be.
        place: Destination,
        /// Of one that was sent, where it is.
        source: Option<PathBuf>,
    },
    /// Begin a file that the user wants to have, under another name beside its own until it is
    /// whole. One at a time. Reply: [`FileReply::Done`].
    Begin {
        /// As typed. Nothing may be there.
        path: PathBuf,
        /// What makes the other name one that nobody has.
        mark: [u8; 4],
    },
    /// Write more of it. Reply: [`FileReply::Done`], when it is durable.
    Append(Vec<u8>),
    /// It is whole: give it its name, never in the place of anything. Reply:
    /// [`FileReply::Finished`].
    End,
    /// Remove what there is of it. Reply: [`FileReply::Done`].
    Abandon,
}

/// Where a file that arrives is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// In the download folder, under the sender's name for it.
    Usual,
    /// Where the user wants to have it: a name, or a folder that is there. In the download folder when it
    /// is relative.
    Wanted(PathBuf),
    /// In a folder that is received.
    InFolder {
        /// Where that is.
        folder: PathBuf,
        /// The sender's path in it: foreign text.
        path: String,
    },
}

/// What is in a folder of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Absolute path.
    pub path: PathBuf,
    /// The folder's own name.
    pub name: String,
    /// Its files, in the order of their paths.
    pub files: Vec<FolderFile>,
    /// What is not among them.
    pub left_out: LeftOut,
}

/// A file in a folder of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFile {
    /// Names with `/` between them.
    pub path: String,
    /// Bytes, when it was looked at.
    pub size: u64,
}

/// What of a folder is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Symbolic links.
    pub links: u64,
    /// Devices, sockets, pipes.
    pub others: u64,
    /// Names that are no text.
    pub unnamed: u64,
    /// Folders in it that could not be read, and why not.
    pub unreadable: Vec<String>,
}

/// How long a job may take. A shell works long ones off on threads of their own, so that hashing
/// one file stops neither the flow nor the beginning of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Milliseconds.
    Short,
    /// As long as reading a whole file takes, for a file that is to be offered.
    Hashing,
    /// The same, for a file that is to be received.
    Checking,
}

impl FileRequest {
    /// How long this one may take. Jobs of one transfer are never under way on two threads,
    /// except a [`Self::Forget`], which ends a long one early.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        match self {
            Self::Hash { .. } | Self::Verify { .. } => Pace::Hashing,
            Self::Prepare { .. } | Self::Salvage { .. } => Pace::Checking,
            Self::Encode { .. }
            | Self::EncodeReceived { .. }
            | Self::Write { .. }
            | Self::BeginLive { .. }
            | Self::LookLive { .. }
            | Self::ReadLive { .. }
            | Self::PrepareLive { .. }
            | Self::WriteLive { .. }
            | Self::Finish { .. }
            | Self::Room
            | Self::MakeFolder { .. }
            | Self::Forget { .. }
            | Self::Begin { .. }
            | Self::Append(_)
            | Self::End
            | Self::Abandon => Pace::Short,
        }
    }
}

/// An outcome of a disk job that went well.
#[derive(Debug, PartialEq, Eq)]
pub enum FileReply {
    /// So many bytes hashed of so many.
    Hashing {
        /// So far.
        done: u64,
        /// Of.
        size: u64,
    },
    /// The file can be offered.
    Hashed {
        /// Absolute path.
        path: PathBuf,
        /// The file's own name.
        name: String,
        /// Bytes.
        size: u64,
        /// BLAKE3 of the contents.
        root: [u8; 32],
        /// Guessed from the name's ending.
        media_type: String,
        /// What its headers say, when it is a film.
        media: Option<Media>,
    },
    /// The file can be handed over while it grows.
    Grows {
        /// Absolute path.
        path: PathBuf,
        /// The name that was wished, or its own.
        name: String,
        /// Guessed from the name's ending.
        media_type: String,
        /// Bytes so far.
        size: u64,
        /// When it was last written to: milliseconds since 1970.
        written: u64,
        /// Whether a program has it open for writing.
        has_writer: bool,
    },
    /// How far a file has grown.
    Grown {
        /// Bytes so far.
        size: u64,
        /// Whether a program has it open for writing; yes, when that was not asked.
        has_writer: bool,
    },
    /// A range in Bao encoding, or what there is of a file that grows.
    /// It is a folder, and this is in it.
    Walked(Walk),
    /// The folder is there.
    FolderMade {
        /// Where.
        path: PathBuf,
    },
    /// A range in Bao encoding.
    Encoded(Vec<u8>),
    /// So many bytes checked of so many that were there.
    Checking {
        /// So far.
        done: u64,
        /// Of.
        size: u64,
    },
    /// The partial file is open.
    Ready {
        /// Ranges that are there and right: `start..end` in bytes, ascending, each beginning at
        /// a multiple of 16 KiB.
        present: Vec<(u64, u64)>,
    },
    /// So many bytes could be written there.
    Room {
        /// Of them.
        bytes: u64,
    },
    /// Whether the file is what was offered.
    Verified {
        /// It.
        is_same: bool,
    },
    /// The range is verified and written.
    Written {
        /// The room that it was in, which may be used again.
        room: Vec<u8>,
        /// What is right besides, as it came while the file grew: `start..end` in bytes, as in
        /// [`Self::Ready`].
        also: Vec<(u64, u64)>,
    },
    /// The file has its final name.
    Finished {
        /// Where it is.
        path: PathBuf,
        /// What its headers say.
        headers: Headers,
    },
    /// Nothing to say.
    Done,
}

/// What the headers of a file that has come say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// This, when it is a film.
    Read(Option<Media>),
    /// Nobody has looked.
    Unread,
}

/// Why a disk job failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Our file cannot be read, is no ordinary file, or is gone: it may be there again later.
    #[error("{0}")]
    Source(String),
    /// The hash tree of our file is gone, so that nothing of it can be proven any more.
    #[error("{0}")]
    NoTree(String),
    /// Our file is no longer what was offered.
    #[error("the file was changed since it was offered")]
    SourceChanged,
    /// Our file, which was growing, was cut short, or another file has its place.
    #[error("the file was cut short, or replaced by another, while it was handed over")]
    NoLonger,
    /// What came from the other side does not fit the root: never written.
    #[error("what arrived is not what was offered")]
    Corrupt,
    /// Where the user wants to have a file, nothing can be.
    #[error("{0}")]
    NoPlace(String),
    /// No room, no right, or a broken disk: it may go on later.
    #[error("{0}")]
    Target(String),
}
