//! Hash trees on disk: 64 bytes for each 16 KiB of a file, never in memory as a whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use bao_tree::io::outboard::PostOrderOutboard;
use bao_tree::io::sync::{ReadAt, WriteAt};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};

use crate::work::FileReply;

/// Groups of 16 KiB: the unit that is verified.
const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

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

impl WriteAt for At<'_> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        FileExt::write_at(self.0, bytes, offset)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    fn count(&mut self, bytes: usize) -> io::Result<()> {
        if self.unwanted.load(Ordering::Relaxed) {
            return Err(io::Error::other("no longer wanted"));
        }
        self.done += bytes as u64;
        if self.done - self.told >= self.step {
            self.told = self.done;
            (self.progress)((self.reply)(self.done, self.size));
        }
        Ok(())
    }
}

/// A file that is read from its beginning, watched.
pub(super) struct WatchedRead<'a, R>(pub(super) R, pub(super) Watch<'a>);

impl<R: io::Read> io::Read for WatchedRead<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.count(count)?;
        Ok(count)
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
        self.1.borrow_mut().count(count)?;
        Ok(count)
    }
}
