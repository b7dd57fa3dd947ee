//! What the headers of a film say of it: how long it is, how large, how it is written, and whether it
//! plays while it arrives.
//!
//! A file is hostile, also one of our own, which may have come from anywhere. So:
//! - What is read of it is bounded ([`Source`]): 1 MiB and 4,096 boxes, however long it is and whatever
//!   it says of its lengths. The film itself is never read.
//! - It is read by hand, a few fields at fixed places: the crates that were looked at can be led in
//!   circles, or into a recursion, by what a file says. Here nothing calls itself, and every box ends
//!   within the one that holds it.
//! - What makes no sense is no film. There is no error: such a file has just no description.

mod matroska;
mod mp4;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use wire::app::media::{MAX_DURATION, Media};

/// Most bytes that are read of a file.
const MAX_READ: u64 = 1 << 20;
/// Most boxes that are looked at.
const MAX_BOXES: u32 = 4096;

/// What the headers of a file of this size say, when it is a film or a sound of a format that is known
/// here.
pub(super) fn describe(file: &File, size: u64) -> Option<Media> {
    Source::new(file, size).describe()
}

/// Where bytes come from.
trait Bytes {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Bytes for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

/// A file, of which only so much may be read.
struct Source<'a, B: Bytes> {
    bytes: &'a B,
    size: u64,
    /// Bytes and boxes that may still be read.
    left: u64,
    boxes: u32,
}

impl<'a, B: Bytes> Source<'a, B> {
    const fn new(bytes: &'a B, size: u64) -> Self {
        Self { bytes, size, left: MAX_READ, boxes: MAX_BOXES }
    }

    fn describe(&mut self) -> Option<Media> {
        let head: [u8; 8] = self.array(0)?;
        let media =
            if head.starts_with(&matroska::MAGIC) { matroska::read(self) } else { mp4::read(self) };
        media.filter(Media::is_possible)
    }

    /// So many bytes from there on, if they are there and may be read.
    fn read(&mut self, offset: u64, len: u64) -> Option<Vec<u8>> {
        self.spend(offset, len)?;
        let mut buffer = vec![0; usize::try_from(len).ok()?];
        self.bytes.read_exact_at(&mut buffer, offset).ok()?;
        Some(buffer)
    }

    fn array<const N: usize>(&mut self, offset: u64) -> Option<[u8; N]> {
        self.spend(offset, N as u64)?;
        let mut buffer = [0; N];
        self.bytes.read_exact_at(&mut buffer, offset).ok()?;
        Some(buffer)
    }

    fn spend(&mut self, offset: u64, len: u64) -> Option<()> {
        if offset.checked_add(len)? > self.size {
            return None;
        }
        self.left = self.left.checked_sub(len)?;
        Some(())
    }

    /// One more box is looked at, if it may be.
    const fn count_box(&mut self) -> Option<()> {
        let Some(boxes) = self.boxes.checked_sub(1) else { return None };
        self.boxes = boxes;
        Some(())
    }
}

/// A length in milliseconds, when it is one that a film can have; else it is not known.
fn duration(millis: u128) -> u64 {
    u64::try_from(millis).ok().filter(|millis| *millis < MAX_DURATION).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
