//! Hash trees on disk: 64 bytes for each 16 KiB of a file, never in memory as a whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use bao_tree::io::outboard::PostOrderOutboard;
use bao_tree::io::sync::ReadAt;
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use blake3::hazmat::{self, HasherExt, Mode};

use crate::work::FileReply;

/// Groups of 16 KiB: the unit that is verified.
pub(super) const GROUP: usize = 16 << 10;
const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

/// The hash of a part of a file.
pub(super) type Cv = [u8; 32];
/// An inner node: the hashes of its halves.
pub(super) const PAIR: usize = 64;

/// The hash of a group that begins at `offset`.
pub(super) fn group(offset: u64, bytes: &[u8], is_root: bool) -> Cv {
    if is_root {
        return *blake3::hash(bytes).as_bytes();
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// The hash of an inner node.
pub(super) fn parent(first: &Cv, second: &Cv, is_root: bool) -> Cv {
    if is_root {
        *hazmat::merge_subtrees_root(first, second, Mode::Hash).as_bytes()
    } else {
        hazmat::merge_subtrees_non_root(first, second, Mode::Hash)
    }
}

/// The shape of the tree of a file of this size.
pub(super) fn shape(size: u64) -> BaoTree {
    BaoTree::new(size, BLOCK)
}

/// The tree kept in `file`.
pub(super) fn outboard(size: u64, root: [u8; 32], file: &File) -> PostOrderOutboard<At<'_>> {
    PostOrderOutboard { root: root.into(), tree: shape(size), data: At(file) }
}

/// The chunks of 1 KiB that a range of bytes touches.
pub(super) fn chunks(offset: u64, len: u32) -> ChunkRanges {
    let end = offset.saturating_add(u64::from(len));
    ChunkRanges::from(ChunkNum::full_chunks(offset)..ChunkNum::chunks(end))
}

/// An open file by position, without a cursor that threads would share.
pub(super) struct At<'a>(pub(super) &'a File);

impl ReadAt for At<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self.0, buffer, offset)
    }
}

/// Tells how far a long reading is, and ends it when nobody wants it any more.
pub(super) struct Watch<'a> {
    done: u64,
    told: u64,
    step: u64,
    size: u64,
    unwanted: &'a AtomicBool,
    reply: fn(u64, u64) -> FileReply,
    progress: &'a mut dyn FnMut(FileReply),
}

impl<'a> Watch<'a> {
    /// Watches the reading of `size` bytes; `reply` makes a report of how many of them are done.
    pub(super) fn new(
        size: u64,
        unwanted: &'a AtomicBool,
        reply: fn(u64, u64) -> FileReply,
        progress: &'a mut dyn FnMut(FileReply),
    ) -> Self {
        let step = (size / 100).max(32 << 20);
        Self { done: 0, told: 0, step, size, unwanted, reply, progress }
    }

    /// How many bytes there are to read.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// So many bytes more.
    pub(super) fn count(&mut self, bytes: u64) -> io::Result<()> {
        if self.unwanted.load(Ordering::Relaxed) {
            return Err(io::Error::other("no longer wanted"));
        }
        self.done += bytes;
        if self.done - self.told >= self.step {
            self.told = self.done;
            (self.progress)((self.reply)(self.done, self.size));
        }
        Ok(())
    }
}

/// A file that is read here and there, watched.
pub(super) struct WatchedAt<'a, 'b>(
    pub(super) &'a File,
    pub(super) std::cell::RefCell<&'a mut Watch<'b>>,
);

impl ReadAt for WatchedAt<'_, '_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = FileExt::read_at(self.0, buffer, offset)?;
        self.1.borrow_mut().count(count as u64)?;
        Ok(count)
    }
}
