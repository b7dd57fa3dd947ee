//! A range of a file in Bao encoding, made and taken apart in place: the part of the hash tree that
//! leads to the range, in pre-order, 64 bytes for each inner node and the bytes themselves for each
//! group of 16 KiB.
//!
//! Both ways read and write the file straight from and into the encoding, many groups at once, and
//! the tree in pieces: how much memory is touched, and how often the system is called, is what a
//! transfer costs where the network is fast.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;

use bao_tree::io::sync::truncate_ranges;
use bao_tree::iter::BaoChunk;
use bao_tree::{BaoTree, TreeNode};
use rustix::io::Errno;

use super::tree::{self, Cv, GROUP, PAIR};

/// A file and its hash tree, both open.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) file: File,
    pub(super) tree: File,
}

/// What the file is, or is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    pub(super) size: u64,
    pub(super) root: [u8; 32],
}

/// Why a range could not be encoded.
#[derive(Debug)]
pub(super) enum EncodeError {
    /// The tree does not lead to the root.
    Tree,
    /// A group is not what was hashed, or is not there.
    Changed,
    /// The file or the tree cannot be read.
    Disk(io::Error),
}

/// Why a range could not be written.
#[derive(Debug)]
pub(super) enum DecodeError {
    /// It is not what the root says. Nothing of the wrong group was written.
    Corrupt,
    /// The disk refused.
    Disk(io::Error),
}

/// Encodes whole groups into `out`, whose contents and length do not matter: a vector that was used
/// before need not be allocated and cleared again. The tree is checked; whether the groups are what
/// was hashed is for [`Groups::check`].
pub(super) fn encode(
    from: &Hashed,
    whole: Whole,
    offset: u64,
    len: u32,
    out: &mut Vec<u8>,
) -> Result<Groups, EncodeError> {
    let shape = tree::shape(whole.size);
    let ranges = tree::chunks(offset, len);
    let mut proof = Proof::of(whole.root);
    let mut pairs = Pairs::new(&from.tree, shape);
    let mut groups = Groups(Vec::new());
    let mut end = 0;
    for item in shape.ranges_pre_order_chunks_iter_ref(truncate_ranges(&ranges, whole.size), 0) {
        let at = end;
        match item {
            BaoChunk::Parent { node, is_root, left, right, .. } => {
                end += PAIR;
                let pair = pairs.load(node).map_err(EncodeError::Disk)?;
                grow(out, end);
                out[at..end].copy_from_slice(&pair);
                if !proof.takes_parent(&pair, is_root, left, right) {
                    return Err(EncodeError::Tree);
                }
            }
            BaoChunk::Leaf { start_chunk, size, is_root, .. } => {
                end += size;
                grow(out, end);
                let hash = proof.next_group().ok_or(EncodeError::Tree)?;
                groups.0.push(Group { offset: start_chunk.to_bytes(), at, size, is_root, hash });
            }
        }
    }
    out.truncate(end);
    groups.read(&from.file, out)?;
    Ok(groups)
}

/// Makes `out` at least so long; rarely, since ranges are of one length and the vector is used again.
fn grow(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        out.resize(len.next_multiple_of(GROUP), 0);
    }
}

/// The groups in an encoded range, which are beside each other in the file.
#[must_use]
pub(super) struct Groups(Vec<Group>);

struct Group {
    /// Where it is in the file.
    offset: u64,
    /// Where it is in the encoding.
    at: usize,
    size: usize,
    is_root: bool,
    /// What the tree says.
    hash: Cv,
}

impl Groups {
    /// Reads them all with one call.
    fn read(&self, file: &File, out: &mut [u8]) -> Result<(), EncodeError> {
        let offset = self.0.first().map_or(0, |group| group.offset);
        let mut slices = Vec::with_capacity(self.0.len());
        let (mut rest, mut rest_at) = (out, 0);
        for group in &self.0 {
            let (bytes, after) = rest[group.at - rest_at..].split_at_mut(group.size);
            slices.push(IoSliceMut::new(bytes));
            (rest, rest_at) = (after, group.at + group.size);
        }
        read_slices(file, &mut slices, offset).map_err(|error| {
            let is_shorter = error.kind() == io::ErrorKind::UnexpectedEof;
            if is_shorter { EncodeError::Changed } else { EncodeError::Disk(error) }
        })
    }

    /// Whether what was read is what was hashed.
    pub(super) fn check(&self, encoded: &[u8]) -> Result<(), EncodeError> {
        let is_right = |group: &Group| {
            let bytes = &encoded[group.at..group.at + group.size];
            tree::group(group.offset, bytes, group.is_root) == group.hash
        };
        if self.0.iter().all(is_right) { Ok(()) } else { Err(EncodeError::Changed) }
    }
}

/// Verifies an encoded range and writes it, group by group.
pub(super) fn decode(
    to: &Hashed,
    whole: Whole,
    offset: u64,
    len: u32,
    encoded: &[u8],
) -> Result<(), DecodeError> {
    let mut nodes = Nodes::default();
    let mut verified = Verified::new(&to.file);
    let outcome = take_apart(whole, offset, len, encoded, &mut nodes, &mut verified);
    // Also when a later group is not right or finds no room: those before it are there.
    let written = verified.write().map_err(DecodeError::Disk);
    let saved = nodes.write(&to.tree).map_err(DecodeError::Disk);
    outcome.and(written).and(saved)
}

fn take_apart<'a>(
    whole: Whole,
    offset: u64,
    len: u32,
    mut encoded: &'a [u8],
    nodes: &mut Nodes,
    verified: &mut Verified<'a>,
) -> Result<(), DecodeError> {
    let shape = tree::shape(whole.size);
    let ranges = tree::chunks(offset, len);
    let mut proof = Proof::of(whole.root);
    for item in shape.ranges_pre_order_chunks_iter_ref(truncate_ranges(&ranges, whole.size), 0) {
        match item {
            BaoChunk::Parent { node, is_root, left, right, .. } => {
                let (pair, rest) = encoded.split_first_chunk().ok_or(DecodeError::Corrupt)?;
                if !proof.takes_parent(pair, is_root, left, right) {
                    return Err(DecodeError::Corrupt);
                }
                nodes.keep(shape, node, *pair);
                encoded = rest;
            }
            BaoChunk::Leaf { start_chunk, size, is_root, .. } => {
                let (group, rest) = encoded.split_at_checked(size).ok_or(DecodeError::Corrupt)?;
                let offset = start_chunk.to_bytes();
                if proof.next_group() != Some(tree::group(offset, group, is_root)) {
                    return Err(DecodeError::Corrupt);
                }
                verified.add(offset, group).map_err(DecodeError::Disk)?;
                encoded = rest;
            }
        }
    }
    if encoded.is_empty() { Ok(()) } else { Err(DecodeError::Corrupt) }
}

/// Groups that are right and not yet in the file, one behind the other. Written by the dozen: file
/// systems make large pages of what comes at once. No more than that, so that all of it is still
/// in the processor's cache where it was hashed.
struct Verified<'a> {
    file: &'a File,
    groups: Vec<IoSlice<'a>>,
    offset: u64,
}

/// Groups that are written together.
const BATCH: usize = 16;

impl<'a> Verified<'a> {
    fn new(file: &'a File) -> Self {
        Self { file, groups: Vec::with_capacity(BATCH), offset: 0 }
    }

    /// One more, behind the last.
    fn add(&mut self, offset: u64, group: &'a [u8]) -> io::Result<()> {
        if self.groups.len() == BATCH {
            self.write()?;
        }
        if self.groups.is_empty() {
            self.offset = offset;
        }
        self.groups.push(IoSlice::new(group));
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let outcome = write_slices(self.file, &mut self.groups, self.offset);
        self.groups.clear();
        outcome
    }
}

/// Fills the slices from `offset` on.
fn read_slices(file: &File, mut to: &mut [IoSliceMut<'_>], mut offset: u64) -> io::Result<()> {
    while !to.is_empty() {
        match rustix::io::preadv(file, to, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                IoSliceMut::advance_slices(&mut to, count);
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes the slices from `offset` on.
fn write_slices(file: &File, mut from: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    while !from.is_empty() {
        match rustix::io::pwritev(file, from, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                IoSlice::advance_slices(&mut from, count);
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The hashes that what comes next must have, the nearest last.
struct Proof(Vec<Cv>);

impl Proof {
    fn of(root: [u8; 32]) -> Self {
        Self(vec![root])
    }

    /// Whether this inner node is the right one; its halves come next, as far as they are wanted.
    fn takes_parent(&mut self, pair: &[u8; PAIR], is_root: bool, left: bool, right: bool) -> bool {
        let [first, second] = *pair.as_chunks().0 else { return false };
        let is_right = self.0.pop() == Some(tree::parent(&first, &second, is_root));
        self.0.extend(right.then_some(second));
        self.0.extend(left.then_some(first));
        is_right
    }

    /// The hash that the next group must have.
    fn next_group(&mut self) -> Option<Cv> {
        self.0.pop()
    }
}

/// Inner nodes as they are read.
struct Pairs<'a> {
    tree: &'a File,
    shape: BaoTree,
    /// Bytes of the tree up to `end`.
    window: [u8; WINDOW],
    end: u64,
}

/// The nodes below that of an aligned mebibyte lie before it: one reading has them all.
const WINDOW: usize = 4096;

impl<'a> Pairs<'a> {
    fn new(tree: &'a File, shape: BaoTree) -> Self {
        Self { tree, shape, window: [0; WINDOW], end: 0 }
    }

    fn load(&mut self, node: TreeNode) -> io::Result<[u8; PAIR]> {
        let at = place(self.shape, node)?;
        let end = at + PAIR as u64;
        let start = self.end.saturating_sub(WINDOW as u64);
        if at < start || end > self.end {
            self.end = end.max(WINDOW as u64);
            let window_at = self.end - WINDOW as u64;
            self.fill(window_at)?;
        }
        let start = self.end - WINDOW as u64;
        let at = usize::try_from(at - start).expect("it is in the window");
        Ok(*self.window[at..].first_chunk().expect("all of it"))
    }

    /// Reads the window; of a tree that is shorter, what there is.
    fn fill(&mut self, offset: u64) -> io::Result<()> {
        self.window.fill(0);
        let mut filled = 0;
        while filled < WINDOW {
            match self.tree.read_at(&mut self.window[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Inner nodes that are right and not yet in the tree's file, by their place there.
#[derive(Default)]
struct Nodes(BTreeMap<u64, [u8; PAIR]>);

impl Nodes {
    fn keep(&mut self, shape: BaoTree, node: TreeNode, pair: [u8; PAIR]) {
        if let Ok(at) = place(shape, node) {
            self.0.insert(at, pair);
        }
    }

    /// Writes them, those that are side by side at once.
    fn write(self, tree: &File) -> io::Result<()> {
        let mut run: Vec<u8> = Vec::with_capacity(WINDOW);
        let mut start = 0;
        for (at, pair) in self.0 {
            if at != start + run.len() as u64 {
                tree.write_all_at(&run, start)?;
                run.clear();
                start = at;
            }
            run.extend(pair);
        }
        tree.write_all_at(&run, start)
    }
}

/// Where a node is in the tree's file.
fn place(shape: BaoTree, node: TreeNode) -> io::Result<u64> {
    let number = shape.post_order_offset(node);
    Ok(number.ok_or_else(|| io::Error::other("no such node"))?.value() * PAIR as u64)
}

#[cfg(test)]
mod tests {
    use bao_tree::io::sync::{encode_ranges_validated, outboard_post_order};
    use proptest::prelude::*;

    use super::*;
    use crate::files::tree::At;

    fn hashed(bytes: &[u8]) -> (Hashed, Whole) {
        let (file, tree) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        file.write_all_at(bytes, 0).unwrap();
        let size = bytes.len() as u64;
        let root = *outboard_post_order(bytes, tree::shape(size), &tree).unwrap().as_bytes();
        (Hashed { file, tree }, Whole { size, root })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// What goes over the wire is what `bao-tree` makes of the same range, and what it leaves in
        /// the files at the other end are these bytes and that part of the tree.
        #[test]
        fn ranges_are_bao_encoding(
            size in 1_usize..3_000_000,
            first in any::<prop::sample::Index>(),
            last in any::<prop::sample::Index>(),
        ) {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 1000 * 31 + at) as u8).collect();
            let (from, whole) = hashed(&bytes);
            let groups = size.div_ceil(GROUP);
            let first = first.index(groups);
            let (start, end) = (first * GROUP, (first + 1 + last.index(groups - first)) * GROUP);
            let len = (end.min(size) - start) as u32;
            let mut out = vec![7; start % 50_000];
            encode(&from, whole, start as u64, len, &mut out).unwrap().check(&out).unwrap();

            let mut expected = Vec::new();
            let outboard = tree::outboard(whole.size, whole.root, &from.tree);
            let ranges = tree::chunks(start as u64, len);
            encode_ranges_validated(At(&from.file), outboard, &ranges, &mut expected).unwrap();
            prop_assert!(out == expected);

            let to = Hashed { file: tempfile::tempfile().unwrap(), tree: tempfile::tempfile().unwrap() };
            decode(&to, whole, start as u64, len, &out).unwrap();
            let mut again = Vec::new();
            encode(&to, whole, start as u64, len, &mut again).unwrap().check(&again).unwrap();
            prop_assert!(again == expected);
        }
    }
}
