//! What came while a file grew, and is right though all of it together is not: whoever writes films
//! writes their heads anew at the end, and the rest stays.
//!
//! Each verified range brings the sender's hashes along the path from the root. Where one of them is what
//! this side has for the same part of the file, that whole part is right: so the first range that is
//! fetched shows most of what need not be.
//!
//! What came is hashed as far as it came, and no further: whatever size the sender claims in the end, that
//! costs no more than what he has sent. A branch of its tree is one of the file's where both begin at the
//! same place and are equally long.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use super::super::tree::{self, Cv, GROUP, PAIR};

/// Most parts of one file that are remembered. A sender whose file differs here and there from what he
/// sent before has the rest of it fetched again.
const MAX_PARTS: usize = 4096;

/// The tree of what came.
pub(in super::super) struct Own {
    tree: File,
    /// How much came.
    len: u64,
    /// Parts that were found right: offset and length.
    found: Mutex<BTreeSet<(u64, u64)>>,
}

/// A part of a file that is a branch of its tree.
#[derive(Clone, Copy)]
struct Part {
    /// Its first node, in the order of the tree's file.
    node: u64,
    offset: u64,
    len: u64,
}

impl Part {
    const fn whole(len: u64) -> Self {
        Self { node: 0, offset: 0, len }
    }

    /// How many nodes it has; the last is the uppermost.
    fn nodes(self) -> u64 {
        self.len.div_ceil(GROUP as u64).max(1) - 1
    }

    /// The hashes of its halves, in its tree: it has at least one node.
    fn pair(self, tree: &File) -> io::Result<[Cv; 2]> {
        let mut pair = [0; PAIR];
        tree.read_exact_at(&mut pair, (self.node + self.nodes() - 1) * PAIR as u64)?;
        let (first, second) = pair.split_at(PAIR / 2);
        Ok([first, second].map(|half| half.try_into().expect("a half")))
    }

    fn halves(self) -> [Self; 2] {
        let left = self.len.div_ceil(2).next_power_of_two();
        let first = Self { len: left, ..self };
        let node = self.node + first.nodes();
        [first, Self { node, offset: self.offset + left, len: self.len - left }]
    }

    fn meets(self, (start, end): (u64, u64)) -> bool {
        self.offset < end && start < self.offset + self.len
    }
}

impl Own {
    /// The tree of a file of `len` bytes.
    pub(super) fn new(tree: File, len: u64) -> Self {
        Self { tree, len, found: Mutex::default() }
    }

    /// The range `start..end` of a file of `size` bytes was verified, and all that leads to it is in
    /// `tree`: which other parts are right is told, once, and put into `tree` too.
    pub(in super::super) fn right_beside(
        &self,
        tree: &File,
        size: u64,
        range: (u64, u64),
    ) -> io::Result<Vec<(u64, u64)>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut right = Vec::new();
        // Each of them leads to the range.
        let mut branches = vec![Part::whole(size)];
        while let Some(branch) = branches.pop() {
            if branch.nodes() == 0 {
                continue;
            }
            for (half, hash) in branch.halves().into_iter().zip(branch.pair(tree)?) {
                match self.same(half, &hash)? {
                    None => branches.extend(half.meets(range).then_some(half)),
                    Some(ours) if found.len() < MAX_PARTS => {
                        if found.insert((half.offset, half.len)) {
                            self.copy(ours, tree, half)?;
                            right.push((half.offset, half.offset + half.len));
                        }
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(right)
    }

    /// The same part of what came, when it has this hash.
    fn same(&self, wanted: Part, hash: &Cv) -> io::Result<Option<Part>> {
        let (mut part, mut above) = (Part::whole(self.len), None);
        while (part.offset, part.len) != (wanted.offset, wanted.len) {
            if part.len <= wanted.len || part.nodes() == 0 {
                return Ok(None);
            }
            let [first, second] = part.halves();
            let is_second = wanted.offset >= second.offset;
            above = Some((part, usize::from(is_second)));
            part = if is_second { second } else { first };
        }
        let ours = match above {
            Some((above, half)) => above.pair(&self.tree)?[half],
            // All that came: here it is not the uppermost.
            None if part.nodes() > 0 => {
                let [first, second] = part.pair(&self.tree)?;
                tree::parent(&first, &second, false)
            }
            None => return Ok(None),
        };
        Ok((ours == *hash).then_some(part))
    }

    /// Puts the nodes of a part into the file's tree, where they belong, in pieces.
    fn copy(&self, ours: Part, tree: &File, part: Part) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        let len = ours.nodes() * PAIR as u64;
        let mut done = 0;
        while done < len {
            let count = piece.len().min(usize::try_from(len - done).unwrap_or(usize::MAX));
            self.tree.read_exact_at(&mut piece[..count], ours.node * PAIR as u64 + done)?;
            tree.write_all_at(&piece[..count], part.node * PAIR as u64 + done)?;
            done += count as u64;
        }
        Ok(())
    }
}
