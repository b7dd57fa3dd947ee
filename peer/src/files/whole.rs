//! The hash tree of a whole file, made by as many threads as may help: BLAKE3 lets every branch be
//! hashed by itself, and an offer has to wait for the last of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};

use super::tree::{self, Cv, GROUP, Watch};

/// What a thread takes at a time: a power of two of groups, so that it is a branch of the tree. Those
/// that are under way lie beside each other, so that a disk reads ahead for all threads.
const PIECE: u64 = 1 << 20;
/// Pieces that may be under way, or wait for one before them.
const AHEAD: u64 = 32;
/// More threads would only wait for the disk.
const MAX_THREADS: u64 = 4;

/// Writes the tree of the file, whose size `watch` knows, to `out` in post-order, and gives its root.
pub(super) fn hash(file: &File, watch: &mut Watch<'_>, out: &mut impl Write) -> io::Result<Cv> {
    let pieces = Pieces { file, size: watch.size() };
    let mut trunk = Trunk::default();
    thread::scope(|scope| {
        let mut crew = Crew::hire(scope, pieces);
        for number in 0..pieces.count() {
            let branch = crew.branch(number)?;
            trunk.add(&branch, number + 1 == pieces.count(), out)?;
            watch.count(pieces.len(number))?;
        }
        Ok(trunk.stack[0])
    })
}

/// A file in pieces.
#[derive(Clone, Copy)]
struct Pieces<'a> {
    file: &'a File,
    size: u64,
}

impl Pieces<'_> {
    fn count(self) -> u64 {
        self.size.div_ceil(PIECE).max(1)
    }

    fn len(self, number: u64) -> u64 {
        PIECE.min(self.size - number * PIECE)
    }
}

/// Threads that hash pieces in turn, until their end of the channel is closed.
struct Crew<'a> {
    reader: Reader<'a>,
    jobs: Sender<u64>,
    done: Receiver<io::Result<(u64, Branch)>>,
    threads: u64,
    asked: u64,
    /// Hashed before one that stands before them.
    early: BTreeMap<u64, Branch>,
}

impl<'a> Crew<'a> {
    /// As many as may help; none for a small file, or where none can be had.
    fn hire<'scope>(scope: &'scope Scope<'scope, 'a>, pieces: Pieces<'a>) -> Self
    where
        'a: 'scope,
    {
        let (jobs, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let (tell, done) = mpsc::channel();
        let useful = thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let wanted = if pieces.count() == 1 { 0 } else { useful.min(MAX_THREADS) };
        let start = |_| {
            let (waiting, teller) = (Arc::clone(&waiting), Teller(tell.clone()));
            let work = move || teller.work(&waiting, Reader::new(pieces));
            thread::Builder::new().name("hashing".to_owned()).spawn_scoped(scope, work).ok()
        };
        let threads = (0..wanted).map_while(start).count() as u64;
        Self { reader: Reader::new(pieces), jobs, done, threads, asked: 0, early: BTreeMap::new() }
    }

    /// The branch of this piece, when those before it were asked for.
    fn branch(&mut self, number: u64) -> io::Result<Branch> {
        if self.threads == 0 {
            return self.reader.branch(number);
        }
        let end = (number + AHEAD).min(self.reader.pieces.count());
        for number in self.asked..end {
            self.jobs.send(number).map_err(io::Error::other)?;
        }
        self.asked = end;
        loop {
            if let Some(branch) = self.early.remove(&number) {
                return Ok(branch);
            }
            let (number, branch) = self.done.recv().map_err(io::Error::other)??;
            self.early.insert(number, branch);
        }
    }
}

/// A thread's way to tell what it has done.
struct Teller(Sender<io::Result<(u64, Branch)>>);

impl Teller {
    fn work(&self, waiting: &Mutex<Receiver<u64>>, mut reader: Reader<'_>) {
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(number) = next() {
            let branch = reader.branch(number).map(|branch| (number, branch));
            if self.0.send(branch).is_err() {
                return;
            }
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Else the others would wait for its piece for ever.
        if thread::panicking() {
            let _ = self.0.send(Err(io::Error::other("a thread that hashes has failed")));
        }
    }
}

/// A part of the tree: its nodes in post-order, and the hash of the uppermost.
struct Branch {
    nodes: Vec<u8>,
    top: Cv,
}

/// Reads and hashes, some groups at a time: those stay in the processor's cache.
struct Reader<'a> {
    pieces: Pieces<'a>,
    /// Bytes of the file from `at` on.
    window: Vec<u8>,
    at: u64,
    nodes: Vec<u8>,
}

/// What is read with one call.
const WINDOW: u64 = 256 << 10;

impl<'a> Reader<'a> {
    fn new(pieces: Pieces<'a>) -> Self {
        Self { pieces, window: Vec::new(), at: 0, nodes: Vec::new() }
    }

    fn branch(&mut self, number: u64) -> io::Result<Branch> {
        let is_root = self.pieces.count() == 1;
        let top = self.hash(number * PIECE, self.pieces.len(number), is_root)?;
        Ok(Branch { nodes: std::mem::take(&mut self.nodes), top })
    }

    fn hash(&mut self, offset: u64, len: u64, is_root: bool) -> io::Result<Cv> {
        if len > GROUP as u64 {
            return self.hash_halves(offset, len, is_root);
        }
        if offset.is_multiple_of(WINDOW) {
            self.at = offset;
            self.window.resize(WINDOW.min(self.pieces.size - offset) as usize, 0);
            self.pieces.file.read_exact_at(&mut self.window, offset)?;
        }
        let at = (offset - self.at) as usize;
        Ok(tree::group(offset, &self.window[at..at + len as usize], is_root))
    }

    fn hash_halves(&mut self, offset: u64, len: u64, is_root: bool) -> io::Result<Cv> {
        let left = len.div_ceil(2).next_power_of_two();
        let first = self.hash(offset, left, false)?;
        let second = self.hash(offset + left, len - left, false)?;
        self.nodes.extend(first);
        self.nodes.extend(second);
        Ok(tree::parent(&first, &second, is_root))
    }
}

/// The nodes above the pieces, as far as they are known: hashes of branches that await their right
/// neighbour, each larger than the next.
#[derive(Default)]
struct Trunk {
    stack: Vec<Cv>,
    /// Branches so far.
    count: u64,
}

impl Trunk {
    fn add(&mut self, branch: &Branch, is_last: bool, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&branch.nodes)?;
        self.stack.push(branch.top);
        self.count += 1;
        // As many as the branches that are complete with this one; with the last, all.
        let complete = self.count.trailing_zeros() as usize;
        for _ in 0..if is_last { self.stack.len() - 1 } else { complete } {
            let (Some(second), Some(first)) = (self.stack.pop(), self.stack.pop()) else { break };
            out.write_all(&first)?;
            out.write_all(&second)?;
            let is_root = is_last && self.stack.is_empty();
            self.stack.push(tree::parent(&first, &second, is_root));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::work::FileReply;

    /// Every shape of trunk and of last branch, beside the tree as `bao-tree` makes it.
    #[test]
    fn the_tree_is_the_one_that_others_make() {
        let mut bytes = vec![0; 35 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let piece = PIECE as usize;
        let sizes = (1..=5)
            .chain([31, 32, 33, 35])
            .flat_map(|pieces| [pieces * piece, pieces * piece - 1, pieces * piece - GROUP])
            .chain([
                0,
                1,
                1024,
                GROUP,
                GROUP + 1,
                2 * GROUP,
                3 * GROUP,
                piece + 1,
                2 * piece + 1025,
            ]);
        for size in sizes {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&bytes[..size], 0).unwrap();
            let wanted = AtomicBool::new(false);
            let reply = |done, size| FileReply::Hashing { done, size };
            let mut silent = |_| {};
            let mut watch = Watch::new(size as u64, &wanted, reply, &mut silent);
            let mut nodes = Vec::new();
            let root = hash(&file, &mut watch, &mut nodes).unwrap();

            let mut expected = Vec::new();
            let shape = tree::shape(size as u64);
            bao_tree::io::sync::outboard_post_order(&bytes[..size], shape, &mut expected).unwrap();
            assert_eq!(root, *blake3::hash(&bytes[..size]).as_bytes(), "{size}");
            assert!(nodes == expected, "{size}");
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_told() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 << 20).unwrap();
        let wanted = AtomicBool::new(false);
        let reply = |done, size| FileReply::Hashing { done, size };
        let mut silent = |_| {};
        let mut watch = Watch::new((3 << 20) + 1, &wanted, reply, &mut silent);
        let error = hash(&file, &mut watch, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
