//! Files of ours that grow while they are handed over.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use wire::app::peer::{MAX_RANGE, TransferId};

use super::super::source::{file_name_of, open_regular, unreadable};
use super::super::{Shared, media_type};
use super::writers;
use crate::work::{FileError, FileReply};

/// What was last seen of a file that grows.
#[derive(Clone, Copy)]
pub(in super::super) struct Growth {
    /// The device, and which file it is there.
    place: (u64, u64),
    size: u64,
}

/// Looks at a file for the first time.
pub(in super::super) fn begin(
    shared: &Shared,
    id: TransferId,
    path: &Path,
    name: Option<String>,
) -> Result<FileReply, FileError> {
    let explain = |error: io::Error| unreadable(path, &error);
    let name = file_name_of(name.as_deref().map_or(path, Path::new));
    let absolute = path.canonicalize().map_err(explain)?;
    let (file, size) = open(shared, id, path)?;
    let at = file.metadata().map_err(explain)?;
    let written = at.mtime().saturating_mul(1000).saturating_add(at.mtime_nsec() / 1_000_000);
    Ok(FileReply::Grows {
        has_writer: writers::has_writer(path),
        path: absolute,
        media_type: media_type::guess(&name).to_owned(),
        name,
        size,
        written: written.max(0).cast_unsigned(),
    })
}

/// Looks how long it is by now.
pub(in super::super) fn look(
    shared: &Shared,
    id: TransferId,
    path: &Path,
    asks_for_writers: bool,
) -> Result<FileReply, FileError> {
    let (_, size) = open(shared, id, path)?;
    let has_writer = !asks_for_writers || writers::has_writer(path);
    Ok(FileReply::Grown { size, has_writer })
}

/// Reads what there is from `offset` on, at most `len` bytes.
pub(in super::super) fn read(
    shared: &Shared,
    id: TransferId,
    path: &Path,
    (offset, len): (u64, u32),
    mut buffer: Vec<u8>,
) -> Result<FileReply, FileError> {
    assert!(len <= MAX_RANGE, "the core checks what the other side asks for");
    let (file, size) = open(shared, id, path)?;
    let there = size.saturating_sub(offset).min(u64::from(len));
    buffer.resize(usize::try_from(there).expect("at most a range"), 0);
    match file.read_exact_at(&mut buffer, offset) {
        Ok(()) => Ok(FileReply::Encoded(buffer)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(FileError::NoLonger),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Opens it, and gives its size. It is the file that it was, and no shorter than before.
fn open(shared: &Shared, id: TransferId, path: &Path) -> Result<(File, u64), FileError> {
    let file = open_regular(path)?;
    let at = file.metadata().map_err(|error| unreadable(path, &error))?;
    let now = Growth { place: (at.dev(), at.ino()), size: at.len() };
    let mut state = shared.state();
    let before = *state.growing.entry(id).or_insert(now);
    if now.place != before.place || now.size < before.size {
        return Err(FileError::NoLonger);
    }
    state.growing.insert(id, now);
    Ok((file, now.size))
}
