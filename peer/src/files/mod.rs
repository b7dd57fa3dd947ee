//! The disk worker: hashing, reading, verifying and writing files. Runs on threads of the shell
//! and inline in the simulator; the core never waits for it.
//!
//! Invariants:
//! - Nothing is written that does not fit the root of the transfer (BLAKE3 in groups of 16 KiB).
//! - Files are made inside the download folder only, or inside the folder that the user names for one,
//!   through a handle of it, under one safe component (or, of a folder, under one for each name), never through a link, never in the place of something that is there.
//! - What is on disk is believed only after it was hashed; no record of progress is kept.
//! - Trees stay on disk, and ranges are at most 1 MiB: memory does not grow with a file's size.

mod cache;
mod final_name;
mod folder;
mod fresh;
pub(crate) mod headers;
mod live;
mod media_type;
mod place;
mod range;
mod safe_name;
mod source;
mod target;
mod tree;
mod walk;
mod whole;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;
use wire::app::peer::TransferId;

use self::cache::Cache;
pub(crate) use self::final_name::rename_new;
use self::folder::Missing;
use self::fresh::Fresh;
use self::place::Place;
use self::range::{Hashed, Whole};
#[cfg(feature = "shell")]
pub(crate) use self::safe_name::safe_name;
use self::target::Target;
use crate::private;
use crate::work::{Destination, Direction, FileError, FileReply, FileRequest, Headers};

/// The folder, in that of the data, of what is spooled: [`FileRequest::Forget`] removes it from there.
pub(crate) const SPOOL: &str = "spool";

/// Does [`FileRequest`]s. Clones share what is open, so that several threads can work at once.
#[derive(Clone)]
pub struct FileWorker(Arc<Shared>);

struct Shared {
    /// Hash trees and the names of partial files: ours alone.
    trees: Dir,
    /// What arrives. Held open: when the folder is replaced by another, or by a link, files still
    /// go where they began.
    downloads: Arc<Dir>,
    /// For telling where a file is.
    downloads_path: PathBuf,
    /// Where that is kept which has to be a file only as long as it is sent.
    spool: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sources: Cache<Hashed>,
    /// How files looked when this program hashed them.
    looks: BTreeMap<TransferId, source::Look>,
    /// What is being received, by transfer.
    targets: BTreeMap<TransferId, Target>,
    open_targets: Cache<Hashed>,
    /// Files of ours that grow, as they were last seen.
    growing: BTreeMap<TransferId, live::source::Growth>,
    /// Trees of what came while it grew, where it is not what it became.
    own: BTreeMap<TransferId, Arc<live::salvage::Own>>,
    /// What the user wants to have as a file.
    fresh: Option<Fresh>,
    /// One for each long job that runs or waits; set when its transfer was given up.
    unwanted: BTreeMap<TransferId, Arc<AtomicBool>>,
}

impl FileWorker {
    /// A worker that keeps hash trees under the folder `data` and what arrives in `downloads`.
    /// Both are made when absent.
    ///
    /// # Errors
    /// When a folder cannot be made or opened.
    pub fn new(data: &Path, downloads: &Path) -> io::Result<Self> {
        let trees = private::folder(&data.join("trees"))?;
        std::fs::create_dir_all(downloads)?;
        let downloads_path = downloads.canonicalize()?;
        Ok(Self(Arc::new(Shared {
            trees: open_folder(&trees)?,
            downloads: Arc::new(open_folder(&downloads_path)?),
            downloads_path,
            spool: data.canonicalize()?.join(SPOOL),
            state: Mutex::default(),
        })))
    }

    /// This request is about to wait for its turn: if it is a long one,
    /// [`FileRequest::Forget`] ends it already now.
    pub fn expect(&self, request: &FileRequest) {
        if let FileRequest::Hash { id, .. }
        | FileRequest::Prepare { id, .. }
        | FileRequest::Salvage { id, .. } = request
        {
            self.0.state().unwanted.entry(*id).or_default();
        }
    }

    /// Does one request. `progress` hears replies that are not the last.
    ///
    /// # Errors
    /// What went wrong, for the person or the other side.
    pub fn run(
        &self,
        request: FileRequest,
        progress: &mut dyn FnMut(FileReply),
    ) -> Result<FileReply, FileError> {
        let shared = &*self.0;
        match request {
            FileRequest::Hash { id, path } => shared.long(id, |unwanted| {
                if path.is_dir() {
                    return walk::walk(&path, unwanted);
                }
                source::hash(shared, id, &path, unwanted, progress)
            }),
            FileRequest::Encode { id, path, size, root, offset, len, buffer } => source::encode(
                shared,
                id,
                &source::Offered { path: &path, whole: Whole { size, root } },
                offset,
                len,
                buffer,
            ),
            FileRequest::BeginLive { id, path, name } => {
                live::source::begin(shared, id, &path, name)
            }
            FileRequest::LookLive { id, path, asks_for_writers } => {
                live::source::look(shared, id, &path, asks_for_writers)
            }
            FileRequest::ReadLive { id, path, offset, len, buffer } => {
                live::source::read(shared, id, &path, (offset, len), buffer)
            }
            FileRequest::Salvage { id, path, place } => shared.long(id, |unwanted| {
                let place = shared.place(&place, Missing::Make)?;
                live::target::salvage(shared, id, place, &path, unwanted)
            }),
            FileRequest::PrepareLive { id, name, place } => {
                live::target::prepare(shared, id, shared.place(&place, Missing::Make)?, &name)
            }
            FileRequest::WriteLive { id, offset, bytes } => {
                live::target::write(shared, id, offset, bytes)
            }
            FileRequest::EncodeReceived { id, path, size, root, offset, len, buffer } => {
                let whole = Whole { size, root };
                target::encode(shared, id, path.as_deref(), whole, offset, len, buffer)
            }
            FileRequest::Prepare { id, name, size, root, place } => shared.long(id, |unwanted| {
                let place = shared.place(&place, Missing::Make)?;
                let target = Target::new(place, &name, Whole { size, root });
                target::prepare(shared, id, &target, unwanted, progress)
            }),
            FileRequest::Room => shared.room(),
            FileRequest::MakeFolder { id, name, place } => folder::make(shared, id, &name, &place),
            FileRequest::Verify { id, path, root } => {
                shared.long(id, |unwanted| source::verify(&path, root, unwanted))
            }
            FileRequest::Write { id, offset, len, encoded } => {
                target::write(shared, id, offset, len, encoded)
            }
            FileRequest::Finish { id } => target::finish(shared, id),
            FileRequest::Begin { path, mark } => shared.keep_fresh(Fresh::begin(&path, mark)?),
            FileRequest::Append(bytes) => {
                let mut fresh = shared.take_fresh()?;
                fresh.append(&bytes)?;
                shared.keep_fresh(fresh)
            }
            FileRequest::End => shared.end_fresh(),
            FileRequest::Abandon => {
                shared.state().fresh = None;
                Ok(FileReply::Done)
            }
            FileRequest::Forget { id, direction, place, source } => {
                shared.forget(id, direction, &place, source.as_deref());
                Ok(FileReply::Done)
            }
        }
    }

    /// Opens for reading a file that is received, or that is `complete` at this path. What of a file
    /// that arrives may be read is known to whoever asked for its parts to be written. What was opened
    /// stays what it is when the file gets its final name.
    ///
    /// # Errors
    /// When it is not there, is no ordinary file or cannot be read.
    pub fn open_to_read(
        &self,
        id: TransferId,
        complete: Option<&Path>,
    ) -> io::Result<std::fs::File> {
        target::open_to_read(&self.0, id, complete)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; and if it did, every entry is whole by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_fresh(&self, fresh: Fresh) -> Result<FileReply, FileError> {
        self.state().fresh = Some(fresh);
        Ok(FileReply::Done)
    }

    /// It is whole.
    fn end_fresh(&self) -> Result<FileReply, FileError> {
        Ok(FileReply::Finished { path: self.take_fresh()?.end()?, headers: Headers::Unread })
    }

    /// The file that was begun. Whatever happens to it now, it is removed unless it is given back.
    fn take_fresh(&self) -> Result<Fresh, FileError> {
        let gone = || FileError::Target("it was given up".to_owned());
        self.state().fresh.take().ok_or_else(gone)
    }

    /// Where a file that arrives is to be.
    fn place(&self, place: &Destination, missing: Missing) -> Result<Place, FileError> {
        match place {
            Destination::Usual | Destination::Wanted(_) => {
                Place::of(self, place).map_err(|error| FileError::NoPlace(error.to_string()))
            }
            Destination::InFolder { folder, path } => folder::place_in(self, folder, path, missing)
                .map_err(|error| target::trouble(&error)),
        }
    }

    /// How much may be written where files usually arrive.
    fn room(&self) -> Result<FileReply, FileError> {
        let room = rustix::fs::fstatvfs(&*self.downloads);
        let room = room.map_err(|error| FileError::Target(error.to_string()))?;
        Ok(FileReply::Room { bytes: room.f_bavail.saturating_mul(room.f_frsize) })
    }

    /// Runs a long job that [`Self::forget`] can end.
    fn long(
        &self,
        id: TransferId,
        job: impl FnOnce(&AtomicBool) -> Result<FileReply, FileError>,
    ) -> Result<FileReply, FileError> {
        let unwanted = Arc::clone(self.state().unwanted.entry(id).or_default());
        let outcome = job(&unwanted);
        self.state().unwanted.remove(&id);
        outcome
    }

    /// Closes and removes what belongs to a transfer that is over. That something cannot be removed
    /// is no concern of the transfer's any more.
    fn forget(
        &self,
        id: TransferId,
        direction: Direction,
        place: &Destination,
        source: Option<&Path>,
    ) {
        let mut state = self.state();
        if let Some(unwanted) = state.unwanted.get(&id) {
            unwanted.store(true, Ordering::Relaxed);
        }
        match direction {
            Direction::Sending => {
                state.sources.remove(id);
                state.looks.remove(&id);
                state.growing.remove(&id);
                drop(state);
                let _ = self.trees.remove_file(source::tree_name(id));
                if let Some(path) = source.filter(|path| path.parent() == Some(&self.spool)) {
                    let _ = std::fs::remove_file(path);
                }
            }
            Direction::Receiving => {
                state.open_targets.remove(id);
                state.targets.remove(&id);
                state.own.remove(&id);
                drop(state);
                target::remove(self, id, place);
            }
        }
    }
}

/// Opens a folder for reading: a handle of `Dir`'s own making only names it, and could not be
/// synced.
pub(crate) fn open_folder(path: &Path) -> io::Result<Dir> {
    std::fs::File::open(path).map(Dir::from_std_file)
}

/// The name of a transfer's file in the folder of trees.
fn file_name(id: TransferId, ending: &str) -> String {
    format!("{}.{ending}", hex(&id.0))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
