//! Files that arrive while they grow: appended as they come, and checked when they have ended.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::OpenOptions;
use wire::app::peer::TransferId;

use super::super::place::Place;
use super::super::range::{Hashed, Whole};
use super::super::target::{self, Target, find, trouble};
use super::super::tree::Watch;
use super::super::{Shared, file_name, whole};
use super::salvage::Own;
use crate::work::{FileError, FileReply};

/// The ending of the file beside the tree that says that the file came while it grew, and that holds
/// the tree of what came.
pub(in super::super) const OWN: &str = "own";

/// Opens or creates the partial file, to which more is to be appended; tells how much is there.
pub(in super::super) fn prepare(
    shared: &Shared,
    id: TransferId,
    place: Place,
    name: &str,
) -> Result<FileReply, FileError> {
    let whole = Whole { size: u64::MAX, root: [0; 32] };
    let mut target = Target::new(place, name, whole);
    let explain = |error: io::Error| trouble(&error);
    // Before the first byte: what is there without it counts as verified once.
    own_tree(shared, id, true).map_err(explain)?;
    let (open, _) = find(shared, id, &mut target).map_err(explain)?;
    let here = open.file.metadata().map_err(explain)?.len();
    target::keep_open(shared, id, target, open);
    let present = if here > 0 { vec![(0, here)] } else { Vec::new() };
    Ok(FileReply::Ready { present })
}

/// Begins anew with a copy of a file that is damaged, of which nothing counts as right before it was looked
/// at.
pub(in super::super) fn salvage(
    shared: &Shared,
    id: TransferId,
    place: Place,
    path: &Path,
    unwanted: &AtomicBool,
) -> Result<FileReply, FileError> {
    let whole = Whole { size: u64::MAX, root: [0; 32] };
    let mut target = Target::new(place, "", whole);
    own_tree(shared, id, true)
        .and_then(|_| find(shared, id, &mut target))
        .and_then(|(open, _)| {
            open.file.set_len(0)?;
            copy(&target::open_ordinary(path)?, &open.file, unwanted)
        })
        .map_err(|error| trouble(&error))?;
    Ok(FileReply::Done)
}

fn copy(from: &File, to: &File, unwanted: &AtomicBool) -> io::Result<()> {
    const STEP: u64 = 8 << 20;
    while !unwanted.load(Ordering::Relaxed) {
        // The system copies these without reading them where it can.
        if io::copy(&mut from.take(STEP), &mut &*to)? == 0 {
            return Ok(());
        }
    }
    Err(io::Error::other("no longer wanted"))
}

/// Writes what came.
pub(in super::super) fn write(
    shared: &Shared,
    id: TransferId,
    offset: u64,
    bytes: Vec<u8>,
) -> Result<FileReply, FileError> {
    let (_, open) = target::open(shared, id)?;
    open.file.write_all_at(&bytes, offset).map_err(|error| trouble(&error))?;
    target::begin_write_back(&open.file, offset, offset + bytes.len() as u64);
    Ok(FileReply::Written { room: bytes, also: Vec::new() })
}

/// Whether the file came, or began to come, while it grew, and nothing of it was looked at yet.
pub(in super::super) fn is_unproven(shared: &Shared, id: TransferId, open: &Hashed) -> bool {
    shared.trees.exists(file_name(id, OWN)) && open.tree.metadata().is_ok_and(|it| it.len() == 0)
}

/// Hashes what came while it grew, now that size and root are known. When they fit, all is there. Else
/// nothing counts yet, and the tree of what came is kept: whatever the sender's shows to be the same need
/// not come again.
pub(in super::super) fn adopt(
    shared: &Shared,
    id: TransferId,
    open: &Hashed,
    whole: Whole,
    unwanted: &AtomicBool,
    progress: &mut dyn FnMut(FileReply),
) -> io::Result<Vec<(u64, u64)>> {
    let len = open.file.metadata()?.len();
    let checking = |done, size| FileReply::Checking { done, size };
    let mut watch = Watch::new(len, unwanted, checking, progress);
    let mut own = own_tree(shared, id, false)?;
    own.set_len(0)?;
    let mut out = BufWriter::new(&own);
    let root = whole::hash(&open.file, &mut watch, &mut out)?;
    out.flush()?;
    drop(out);
    if (len, root) != (whole.size, whole.root) {
        shared.state().own.insert(id, Arc::new(Own::new(own, len)));
        return Ok(Vec::new());
    }
    own.rewind()?;
    io::copy(&mut own, &mut &open.tree)?;
    Ok(if len == 0 { Vec::new() } else { vec![(0, len)] })
}

fn own_tree(shared: &Shared, id: TransferId, create: bool) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    options.read(true).write(true).create(create);
    target::private(options);
    shared.trees.open_with(file_name(id, OWN), options).map(cap_std::fs::File::into_std)
}
