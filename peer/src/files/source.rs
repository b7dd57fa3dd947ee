//! Files of ours that are offered: hashing them, and encoding ranges of them.
//!
//! What was hashed is not hashed again as long as the system says that nobody has touched it since.
//! That is asked after each reading, and where the answer is any other, also after this program was
//! started anew, the groups that were read are hashed before they leave. Whoever changes a file
//! behind the system's back (through memory that was mapped before, or on a file system that counts
//! seconds) is found out by the receiver, who hashes everything.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;
use wire::app::peer::{MAX_FILE_NAME, MAX_RANGE, TransferId};

use super::range::{self, EncodeError, Hashed, Whole};
use super::tree::Watch;
use super::{Shared, file_name, headers, media_type, whole};
use crate::work::{FileError, FileReply};

/// What was offered.
pub(super) struct Offered<'a> {
    pub(super) path: &'a Path,
    pub(super) whole: Whole,
}

/// Where the tree of an offered file is kept.
pub(super) fn tree_name(id: TransferId) -> String {
    file_name(id, "sent")
}

/// Reads a whole file and keeps its tree.
pub(super) fn hash(
    shared: &Shared,
    id: TransferId,
    path: &Path,
    unwanted: &AtomicBool,
    progress: &mut dyn FnMut(FileReply),
) -> Result<FileReply, FileError> {
    let explain = |error: io::Error| unreadable(path, &error);
    let file = open_regular(path)?;
    let before = Look::at(&file).map_err(explain)?;
    let size = before.size;
    let name = file_name_of(path);

    let tree_name = tree_name(id);
    let watch =
        Watch::new(size, unwanted, |done, size| FileReply::Hashing { done, size }, progress);
    let media = headers::describe(&file, size);
    let (root, began) = match write_tree(shared, &tree_name, &file, watch) {
        Ok(hashed) => hashed,
        Err(error) => {
            let _ = shared.trees.remove_file(&tree_name);
            let shrunk = error.kind() == io::ErrorKind::UnexpectedEof;
            return Err(if shrunk { changed_while_read(path) } else { explain(error) });
        }
    };
    if before != Look::at(&file).map_err(explain)? {
        let _ = shared.trees.remove_file(&tree_name);
        return Err(changed_while_read(path));
    }
    if before.changed < began {
        shared.state().looks.insert(id, before);
    }
    let path = path.canonicalize().map_err(explain)?;
    let media_type = media_type::guess(&name).to_owned();
    Ok(FileReply::Hashed { path, name, size, root, media_type, media })
}

/// The name of a file of ours, as the other side is told.
pub(super) fn file_name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    name[..name.floor_char_boundary(MAX_FILE_NAME)].to_owned()
}

/// Encodes a range for the receiver: nothing leaves of which it is known that it is not what was
/// offered.
pub(super) fn encode(
    shared: &Shared,
    id: TransferId,
    offered: &Offered<'_>,
    offset: u64,
    len: u32,
    mut buffer: Vec<u8>,
) -> Result<FileReply, FileError> {
    assert!(len <= MAX_RANGE, "the core checks what the other side asks for");
    let source = open(shared, id, offered)?;
    let encoded = range::encode(&source, offered.whole, offset, len, &mut buffer)
        .and_then(|groups| {
            // Asked after the reading, so that no change is missed.
            if is_untouched(shared, id, &source.file) { Ok(()) } else { groups.check(&buffer) }
        })
        .map_err(|error| match error {
            EncodeError::Changed => FileError::SourceChanged,
            EncodeError::Disk(error) => unreadable(offered.path, &error),
            EncodeError::Tree => no_tree(offered.path),
        });
    if encoded.is_err() {
        // The next request looks at the file as it is then.
        shared.state().sources.remove(id);
    }
    encoded.map(|()| FileReply::Encoded(buffer))
}

/// Whether a file has these contents.
pub(super) fn verify(
    path: &Path,
    root: [u8; 32],
    unwanted: &AtomicBool,
) -> Result<FileReply, FileError> {
    let mut file = open_regular(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        if unwanted.load(Ordering::Relaxed) {
            return Err(FileError::Source("no longer wanted".to_owned()));
        }
        match file.read(&mut buffer).map_err(|error| unreadable(path, &error))? {
            0 => break,
            len => hasher.update(&buffer[..len]),
        };
    }
    Ok(FileReply::Verified { is_same: hasher.finalize() == root })
}

/// Whether it is the file that was hashed, and nobody wrote to it since.
fn is_untouched(shared: &Shared, id: TransferId, file: &File) -> bool {
    let hashed = shared.state().looks.get(&id).copied();
    hashed.is_some_and(|hashed| Look::at(file).is_ok_and(|now| now == hashed))
}

fn open(shared: &Shared, id: TransferId, offered: &Offered<'_>) -> Result<Arc<Hashed>, FileError> {
    if let Some(source) = shared.state().sources.get(id) {
        return Ok(source);
    }
    let file = open_regular(offered.path)?;
    let size = file.metadata().map_err(|error| unreadable(offered.path, &error))?.len();
    if size != offered.whole.size {
        return Err(FileError::SourceChanged);
    }
    let tree = shared
        .trees
        .open_with(
            tree_name(id),
            cap_std::fs::OpenOptions::new()
                .read(true)
                .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK)),
        )
        .map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                return no_tree(offered.path);
            }
            FileError::Source(format!("the hash tree of {}: {error}", offered.path.display()))
        })?
        .into_std();
    let source = Arc::new(Hashed { file, tree });
    shared.state().sources.insert(id, Arc::clone(&source));
    Ok(source)
}

/// Also says when it began, by the clock that dates changes of files.
fn write_tree(
    shared: &Shared,
    tree_name: &str,
    file: &File,
    mut watch: Watch<'_>,
) -> io::Result<([u8; 32], Moment)> {
    let options = &mut cap_std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.custom_flags(flags(OFlags::NOFOLLOW));
    let tree = shared.trees.open_with(tree_name, options)?.into_std();
    let began = Look::at(&tree)?.changed;
    let mut tree = BufWriter::new(tree);
    let root = whole::hash(file, &mut watch, &mut tree)?;
    tree.flush()?;
    tree.get_ref().sync_data()?;
    Ok((root, began))
}

/// Opens an ordinary file; anything else (a folder, a device, a pipe, which might never answer)
/// is refused.
pub(super) fn open_regular(path: &Path) -> Result<File, FileError> {
    let explain = |error: io::Error| unreadable(path, &error);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::NONBLOCK))
        .open(path)
        .map_err(explain)?;
    let kind = file.metadata().map_err(explain)?.file_type();
    if kind.is_file() {
        Ok(file)
    } else {
        let what = if kind.is_dir() { "a folder" } else { "no ordinary file" };
        Err(FileError::Source(format!("{} is {what}", path.display())))
    }
}

/// What the system says of a file. Two that are equal mean that nobody wrote between them, unless
/// the file had been changed at the very moment of the first: a clock that dates changes ticks some
/// hundred times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The device, and which file it is there.
    place: (u64, u64),
    size: u64,
    written: Moment,
    /// Also when its date was set by somebody.
    changed: Moment,
}

/// Seconds and nanoseconds since 1970.
type Moment = (i64, i64);

impl Look {
    pub(super) fn at(file: &File) -> io::Result<Self> {
        let at = file.metadata()?;
        Ok(Self {
            place: (at.dev(), at.ino()),
            size: at.len(),
            written: (at.mtime(), at.mtime_nsec()),
            changed: (at.ctime(), at.ctime_nsec()),
        })
    }
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> FileError {
    let why = if error.kind() == io::ErrorKind::NotFound {
        "there is no such file".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "no permission to read it".to_owned()
    } else {
        error.to_string()
    };
    FileError::Source(format!("{}: {why}", path.display()))
}

fn changed_while_read(path: &Path) -> FileError {
    FileError::Source(format!(
        "{}: it was changed while it was read; send it again when it is complete",
        path.display()
    ))
}

fn no_tree(path: &Path) -> FileError {
    FileError::NoTree(format!("{}: its hash tree is gone; send it again", path.display()))
}
