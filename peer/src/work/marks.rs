//! How far messages between two users were read.

use wire::PublicKey;
use wire::app::name::Name;

/// What the database is asked about it.
#[derive(Debug)]
pub enum MarkRequest {
    /// The person has read what this user said, up to a line of the history. Reply:
    /// [`Marked`](super::StoreReply::Marked), with what of it is new.
    Read {
        /// Who.
        from: Name,
        /// Which line.
        upto: u64,
    },
    /// How far the person has read what this device of a user said. Reply:
    /// [`Marked`](super::StoreReply::Marked).
    Find {
        /// Who.
        from: Name,
        /// Which device.
        device: PublicKey,
    },
    /// A user says that he has read the messages to him up to this one. Reply:
    /// [`ReadThere`](super::StoreReply::ReadThere), or [`Done`](super::StoreReply::Done) when that is
    /// nothing new, or cannot be.
    ReadThere {
        /// Who.
        by: Name,
        /// Its number.
        sequence: u64,
        /// Its random part.
        nonce: [u8; 16],
    },
}

/// How far the person has read what one device of another user said to him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadMark {
    /// The device.
    pub device: PublicKey,
    /// The number of the last message that was read.
    pub sequence: u64,
    /// Its random part.
    pub nonce: [u8; 16],
}
