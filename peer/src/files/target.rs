//! Files that arrive: a partial file beside its hash tree, until every group is verified.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bao_tree::ChunkRanges;
use bao_tree::io::sync::valid_ranges;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt};
use rustix::fs::{Advice, FallocateFlags, FsWord, OFlags, fadvise, fallocate};
use rustix::io::Errno;
use wire::app::peer::TransferId;

use super::folder::Missing;
use super::place::Place;
use super::range::{self, DecodeError, EncodeError, Hashed, Whole};
use super::safe_name::safe_name;
use super::tree::{self, Watch, WatchedAt};
use super::{Shared, file_name, final_name, headers, hex, live};
use crate::work::{Destination, FileError, FileReply, Headers};

/// Most ranges that [`FileReply::Ready`] tells of. A file with more holes than that was tampered
/// with: what lies behind is fetched again rather than remembered.
const MAX_RANGES: usize = 4096;

/// Whenever so much of a file has arrived, the disk begins to take it over. Else most of it would
/// wait in memory for the end, where everything waits for it.
const WRITE_BACK: u64 = 8 << 20;

/// What is being received.
#[derive(Clone)]
pub(super) struct Target {
    /// Where it is to be.
    place: Place,
    /// Safe final name.
    name: String,
    whole: Whole,
    /// The partial file, or after [`Stage::Named`] the complete one.
    file_name: String,
    stage: Stage,
}

/// How far a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Partial,
    /// It has its final name: the program died, or could not tell, before that was recorded.
    Named,
}

impl Target {
    pub(super) fn new(place: Place, foreign_name: &str, whole: Whole) -> Self {
        let name = place.name.clone().unwrap_or_else(|| safe_name(foreign_name));
        Self { place, name, whole, file_name: String::new(), stage: Stage::Partial }
    }
}

/// What is kept in the folder of trees about a file that arrives: the name of the partial file,
/// and from just before it is renamed, its final name.
pub(super) struct Names {
    pub(super) partial: String,
    pub(super) complete: Option<String>,
}

impl Names {
    fn load(shared: &Shared, id: TransferId) -> Option<Self> {
        let text = shared.trees.read_to_string(file_name(id, "names")).ok()?;
        let mut lines = text.lines().map(str::to_owned);
        let partial = lines.next().filter(|name| name.ends_with(&partial_ending(id)))?;
        Some(Self { partial, complete: lines.next() })
    }

    /// Replaces what was kept, in one step.
    pub(super) fn save(&self, shared: &Shared, id: TransferId) -> io::Result<()> {
        let text = match &self.complete {
            Some(complete) => format!("{}\n{complete}\n", self.partial),
            None => format!("{}\n", self.partial),
        };
        let fresh = file_name(id, "names.new");
        shared.trees.write(&fresh, text)?;
        shared.trees.open(&fresh)?.sync_all()?;
        shared.trees.rename(&fresh, &shared.trees, file_name(id, "names"))?;
        sync_folder(&shared.trees)
    }
}

/// Opens or creates the partial file and finds out what of it is right.
pub(super) fn prepare(
    shared: &Shared,
    id: TransferId,
    target: &Target,
    unwanted: &AtomicBool,
    progress: &mut dyn FnMut(FileReply),
) -> Result<FileReply, FileError> {
    if target.whole.size == 0 && target.whole.root != *blake3::hash(b"").as_bytes() {
        return Err(FileError::Corrupt);
    }
    if i64::try_from(target.whole.size).is_err() {
        return Err(FileError::Target("no file system holds a file of that size".to_owned()));
    }
    let mut target = target.clone();
    let (open, was_there) = find(shared, id, &mut target).map_err(|error| trouble(&error))?;
    let present = match was_there {
        WasThere::No => Vec::new(),
        WasThere::Yes => look_through(shared, id, &open, &target, unwanted, progress)
            .map_err(|error| trouble(&error))?,
    };
    let have: u64 = present.iter().map(|(start, end)| end - start).sum();
    reserve(&target.place, &open.file, target.whole.size, have)?;
    keep_open(shared, id, target, open);
    Ok(FileReply::Ready { present })
}

/// What of the file is right.
fn look_through(
    shared: &Shared,
    id: TransferId,
    open: &Hashed,
    target: &Target,
    unwanted: &AtomicBool,
    progress: &mut dyn FnMut(FileReply),
) -> io::Result<Vec<(u64, u64)>> {
    if live::target::is_unproven(shared, id, open) {
        return live::target::adopt(shared, id, open, target.whole, unwanted, progress);
    }
    let checking = |done, size| FileReply::Checking { done, size };
    present(open, target, &mut Watch::new(target.whole.size, unwanted, checking, progress))
}

/// From now on this is what is being received.
pub(super) fn keep_open(shared: &Shared, id: TransferId, target: Target, open: Hashed) {
    let mut state = shared.state();
    state.targets.insert(id, target);
    state.open_targets.insert(id, Arc::new(open));
}

/// Verifies a range and writes it, group by group: what does not fit is never written.
pub(super) fn write(
    shared: &Shared,
    id: TransferId,
    offset: u64,
    len: u32,
    encoded: Vec<u8>,
) -> Result<FileReply, FileError> {
    let (target, open) = open(shared, id)?;
    match range::decode(&open, target.whole, offset, len, &encoded) {
        Ok(()) => {
            let end = offset + u64::from(len);
            begin_write_back(&open.file, offset, end);
            let own = shared.state().own.get(&id).cloned();
            let also = own.map_or(Ok(Vec::new()), |own| {
                own.right_beside(&open.tree, target.whole.size, (offset, end))
            });
            Ok(FileReply::Written { room: encoded, also: also.map_err(|error| trouble(&error))? })
        }
        Err(DecodeError::Corrupt) => Err(FileError::Corrupt),
        Err(DecodeError::Disk(error)) => Err(trouble(&error)),
    }
}

/// Encodes a range for another member of the room: of the partial file, or of the complete one, which
/// is opened for this alone, so that a file that its owner removes leaves the disk. Every group is
/// checked, and so is what leads to it.
pub(super) fn encode(
    shared: &Shared,
    id: TransferId,
    complete: Option<&Path>,
    whole: Whole,
    offset: u64,
    len: u32,
    mut buffer: Vec<u8>,
) -> Result<FileReply, FileError> {
    let from = match complete {
        None => open(shared, id)?.1,
        Some(path) => Arc::new(open_complete(shared, id, path).map_err(|error| trouble(&error))?),
    };
    range::encode(&from, whole, offset, len, &mut buffer)
        .and_then(|groups| groups.check(&buffer))
        .map(|()| FileReply::Encoded(buffer))
        .map_err(|error| match error {
            EncodeError::Tree | EncodeError::Changed => FileError::SourceChanged,
            EncodeError::Disk(error) => trouble(&error),
        })
}

/// Opens what is there of a file, or all of it, for reading alone.
pub(super) fn open_to_read(
    shared: &Shared,
    id: TransferId,
    complete: Option<&Path>,
) -> io::Result<File> {
    match complete {
        None => open(shared, id).map_err(io::Error::other)?.1.file.try_clone(),
        Some(path) => open_ordinary(path),
    }
}

fn open_complete(shared: &Shared, id: TransferId, path: &Path) -> io::Result<Hashed> {
    let file = open_ordinary(path)?;
    let options = &mut OpenOptions::new();
    options.read(true).custom_flags(flags(OFlags::NOFOLLOW));
    let tree = shared.trees.open_with(file_name(id, "tree"), options)?.into_std();
    Ok(Hashed { file, tree })
}

/// Opens an ordinary file for reading.
pub(super) fn open_ordinary(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(disturbed(&path.display().to_string())) }
}

/// Has the disk begin with the last whole piece, when the range `offset..end` completes one.
pub(super) fn begin_write_back(file: &File, offset: u64, end: u64) {
    let piece = end / WRITE_BACK;
    if piece > offset / WRITE_BACK {
        // Linux begins to write what is to be dropped from memory. Nothing depends on it: `finish`
        // syncs what is left.
        let start = (piece - 1) * WRITE_BACK;
        let _ = fadvise(file, start, NonZeroU64::new(WRITE_BACK), Advice::DontNeed);
    }
}

/// Makes the file durable and gives it its final name.
pub(super) fn finish(shared: &Shared, id: TransferId) -> Result<FileReply, FileError> {
    let (target, open) = open(shared, id)?;
    let name = match target.stage {
        Stage::Named => target.file_name.clone(),
        Stage::Partial => {
            check_whole(&target, &open)?;
            open.file.sync_all().map_err(|error| trouble(&error))?;
            final_name::give(shared, &target.place.folder, id, &target.file_name, &target.name)
                .map_err(|error| trouble(&error))?
        }
    };
    {
        let mut state = shared.state();
        if let Some(target) = state.targets.get_mut(&id) {
            target.file_name.clone_from(&name);
            target.stage = Stage::Named;
        }
        // What is kept of it for others is opened when they ask.
        state.open_targets.remove(id);
    }
    sync_folder(&target.place.folder).map_err(|error| trouble(&error))?;
    let headers = match target.stage {
        Stage::Partial => Headers::Read(headers::describe(&open.file, target.whole.size)),
        // It had its name before, and nobody was told: it may be that reading its headers ended the
        // program. Whatever they are, they do that only once.
        Stage::Named => Headers::Unread,
    };
    Ok(FileReply::Finished { path: target.place.path.join(name), headers })
}

/// Removes the partial file and everything kept about it.
pub(super) fn remove(shared: &Shared, id: TransferId, place: &Destination) {
    // The name on record ends with this transfer's ending, or it would not have been loaded: no
    // other file is ever removed.
    if let Some(names) = Names::load(shared, id)
        && let Ok(place) = shared.place(place, Missing::Refuse)
    {
        let _ = place.folder.remove_file(&names.partial);
    }
    let endings = ["tree", "names", "names.new", "folder", "folder.new", live::target::OWN];
    for ending in endings {
        let _ = shared.trees.remove_file(file_name(id, ending));
    }
}

pub(super) enum WasThere {
    Yes,
    No,
}

/// Opens what is there of the file, or begins it.
pub(super) fn find(
    shared: &Shared,
    id: TransferId,
    target: &mut Target,
) -> io::Result<(Hashed, WasThere)> {
    let names = Names::load(shared, id).unwrap_or_else(|| {
        let partial = format!("{}{}", target.name, partial_ending(id));
        Names { partial, complete: None }
    });
    if let Some(complete) = &names.complete
        && is_same_file(&target.place.folder, &names.partial, complete)?
    {
        // Died between giving the second name and taking the first.
        target.place.folder.remove_file(&names.partial)?;
    }
    if let Some(file) = open_ours(&target.place.folder, &names.partial)? {
        if file.metadata()?.len() > target.whole.size {
            file.set_len(target.whole.size)?;
        }
        target.file_name = names.partial;
        return Ok((Hashed { file, tree: open_tree(shared, id)? }, WasThere::Yes));
    }
    // No partial file, but a final name on record: the last run died between renaming and
    // telling. Only when every byte is right is it ours.
    if let Some(complete) = &names.complete
        && let Some(file) = open_ours(&target.place.folder, complete)?
    {
        let open = Hashed { file, tree: open_tree(shared, id)? };
        if is_complete(&open, target)? {
            target.file_name.clone_from(complete);
            target.stage = Stage::Named;
            return Ok((open, WasThere::Yes));
        }
    }
    let names = Names { complete: None, ..names };
    names.save(shared, id)?;
    let file = create(&target.place.folder, &names.partial)?;
    let tree = open_tree(shared, id)?;
    tree.set_len(0)?;
    target.file_name = names.partial;
    Ok((Hashed { file, tree }, WasThere::No))
}

/// The ranges of bytes that are there and right.
fn present(open: &Hashed, target: &Target, watch: &mut Watch<'_>) -> io::Result<Vec<(u64, u64)>> {
    let outboard = tree::outboard(target.whole.size, target.whole.root, &open.tree);
    let data = WatchedAt(&open.file, RefCell::new(watch));
    let mut present: Vec<(u64, u64)> = Vec::new();
    for range in valid_ranges(outboard, data, &ChunkRanges::all()) {
        let range = range?;
        let (start, end) = (range.start.to_bytes(), range.end.to_bytes().min(target.whole.size));
        let count = present.len();
        match present.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ if count == MAX_RANGES => break,
            _ => present.push((start, end)),
        }
    }
    present.retain(|(start, end)| start < end);
    Ok(present)
}

fn is_complete(open: &Hashed, target: &Target) -> io::Result<bool> {
    if open.file.metadata()?.len() != target.whole.size {
        return Ok(false);
    }
    let wanted = AtomicBool::new(false);
    let mut silent = |_| {};
    let mut watch = Watch::new(
        target.whole.size,
        &wanted,
        |done, size| FileReply::Checking { done, size },
        &mut silent,
    );
    let present = present(open, target, &mut watch)?;
    Ok(target.whole.size == 0 || present == [(0, target.whole.size)])
}

/// The target and its open files, opened again when others were used meanwhile.
pub(super) fn open(shared: &Shared, id: TransferId) -> Result<(Target, Arc<Hashed>), FileError> {
    let mut state = shared.state();
    let Some(target) = state.targets.get(&id).cloned() else {
        return Err(FileError::Target("the transfer was given up".to_owned()));
    };
    if let Some(open) = state.open_targets.get(id) {
        return Ok((target, open));
    }
    let file = open_ours(&target.place.folder, &target.file_name)
        .map_err(|error| trouble(&error))?
        .ok_or_else(|| trouble(&disturbed(&target.file_name)))?;
    let tree = open_tree(shared, id).map_err(|error| trouble(&error))?;
    let open = Arc::new(Hashed { file, tree });
    state.open_targets.insert(id, Arc::clone(&open));
    Ok((target, open))
}

/// Refuses to call complete what somebody else has shortened, lengthened or replaced.
fn check_whole(target: &Target, open: &Hashed) -> Result<(), FileError> {
    let look = |file: &File| file.metadata().map(|at| (at.dev(), at.ino(), at.len()));
    let ours = look(&open.file).map_err(|error| trouble(&error))?;
    let named = open_ours(&target.place.folder, &target.file_name)
        .and_then(|file| file.map(|file| look(&file)).transpose())
        .map_err(|error| trouble(&error))?;
    if ours.2 == target.whole.size && named == Some(ours) {
        Ok(())
    } else {
        Err(trouble(&disturbed(&target.file_name)))
    }
}

/// Opens a file of ours in a folder: an ordinary file with one name, not a link to anywhere.
fn open_ours(folder: &Dir, name: &str) -> io::Result<Option<File>> {
    let options = &mut OpenOptions::new();
    options.read(true).write(true).custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK));
    let file = match folder.open_with(name, options) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return match folder.symlink_metadata(name) {
                Ok(metadata) if !metadata.is_file() => Err(disturbed(name)),
                _ => Err(error),
            };
        }
    };
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.nlink() == 1 { Ok(Some(file)) } else { Err(disturbed(name)) }
}

/// Whether both names are there and are names of one file.
fn is_same_file(folder: &Dir, one: &str, other: &str) -> io::Result<bool> {
    let look = |name: &str| match folder.symlink_metadata(name) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let one = look(one)?;
    Ok(one.is_some() && one == look(other)?)
}

/// Creates a file that was not there, never through a link. Nothing that arrives is executable.
fn create(folder: &Dir, name: &str) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o644);
    folder.open_with(name, options).map(cap_std::fs::File::into_std)
}

fn open_tree(shared: &Shared, id: TransferId) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    options.read(true).write(true).create(true);
    private(options);
    shared.trees.open_with(file_name(id, "tree"), options).map(cap_std::fs::File::into_std)
}

/// For files of ours alone, never through a link.
pub(super) fn private(options: &mut OpenOptions) {
    options.mode(0o600).custom_flags(flags(OFlags::NOFOLLOW));
}

/// Where the file system can, has it set aside the room for a file of which `have` bytes are there:
/// nobody else takes it, the file lies in one piece, and what is written later costs it less. The
/// file becomes no longer by that.
fn reserve(place: &Place, file: &File, size: u64, have: u64) -> Result<(), FileError> {
    let reserved = file.metadata().map_err(|error| trouble(&error))?.blocks().saturating_mul(512);
    check_room(place, size.saturating_sub(have.max(reserved)))?;
    // Memory would be given out here and now, while the other side waits.
    let is_memory = rustix::fs::fstatfs(file).is_ok_and(|at| at.f_type == TMPFS_MAGIC);
    if is_memory || have == size {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(trouble(&error.into())),
        // Many cannot.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file system in memory (`linux/magic.h`).
pub(super) const TMPFS_MAGIC: FsWord = 0x0102_1994;

/// Says at once what would otherwise be found out after hours.
fn check_room(place: &Place, needed: u64) -> Result<(), FileError> {
    // Some file systems do not say.
    let known = rustix::fs::fstatvfs(&*place.folder).ok().filter(|room| room.f_blocks > 0);
    let Some(room) = known else { return Ok(()) };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if needed <= free {
        return Ok(());
    }
    Err(FileError::Target(format!(
        "not enough room in {}: {} MiB more are needed, {} MiB are free",
        place.path.display(),
        needed.div_ceil(1 << 20),
        free >> 20
    )))
}

/// A renamed file is durable when its folder is.
pub(super) fn sync_folder(folder: &Dir) -> io::Result<()> {
    rustix::fs::fsync(folder).map_err(io::Error::from)
}

fn partial_ending(id: TransferId) -> String {
    format!(".{}.part", hex(&id.0[..4]))
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

fn disturbed(name: &str) -> io::Error {
    io::Error::other(format!("{name} was changed or replaced by another program"))
}

/// What to tell the person about a disk that does not take what it should.
pub(super) fn trouble(error: &io::Error) -> FileError {
    const KNOWN: [(io::ErrorKind, &str); 5] = [
        (io::ErrorKind::StorageFull, "the disk is full"),
        (io::ErrorKind::QuotaExceeded, "the disk quota is used up"),
        (io::ErrorKind::ReadOnlyFilesystem, "the disk is read-only"),
        (io::ErrorKind::FileTooLarge, "the disk takes no file of that size"),
        (io::ErrorKind::PermissionDenied, "no permission to write there"),
    ];
    let known = KNOWN.iter().find(|(kind, _)| *kind == error.kind());
    FileError::Target(match known {
        Some((_, text)) => (*text).to_owned(),
        None => format!("the disk refused: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Security acceptance I06.
    #[test]
    fn a_full_disk_is_called_so() {
        for (errno, text) in [
            (Errno::NOSPC, "the disk is full"),
            (Errno::DQUOT, "the disk quota is used up"),
            (Errno::ROFS, "the disk is read-only"),
            (Errno::FBIG, "the disk takes no file of that size"),
            (Errno::ACCESS, "no permission to write there"),
        ] {
            assert_eq!(trouble(&errno.into()), FileError::Target(text.to_owned()));
        }
        let FileError::Target(text) = trouble(&Errno::IO.into()) else { panic!() };
        assert!(text.starts_with("the disk refused: "), "{text}");
    }
}
