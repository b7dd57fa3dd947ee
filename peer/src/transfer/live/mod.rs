//! Files that grow while they are handed over.
//!
//! ```text
//! sending     Hashing -> Recording -> Serving -> Closing -> Recording -> Serving, as any file
//! receiving   Idle -> Preparing -> Growing -> Idle, as any file
//! ```
//!
//! As long as a file grows nobody knows its root: what comes is what the sender says, and is appended. When
//! it has ended he hashes it and offers it under the same id, and the receiver checks what is there.

mod arriving;
mod receiving;
mod sending;

use std::collections::BTreeMap;

pub(super) use self::arriving::Growing;
pub(super) use self::receiving::MAX_LIVE;
use self::sending::Growth;
pub(super) use self::sending::offering;
use super::desk::StreamKey;

/// What is known, in this run, of those that grow.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Files of ours, by number.
    growths: BTreeMap<u64, Growth>,
    /// Streams that we opened for what grows elsewhere, with the number of the transfer.
    pub(super) streams: BTreeMap<StreamKey, u64>,
}

impl Live {
    /// It grows no more, or is over.
    pub(super) fn forget(&mut self, number: u64) {
        self.growths.remove(&number);
    }
}
