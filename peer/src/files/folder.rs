//! A folder that arrives: where it is, and the folders in it. Nothing is ever made through a link, and
//! nothing that was there before becomes part of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use wire::app::peer::{TransferId, is_folder_path};

use super::place::Place;
use super::safe_name::safe_name;
use super::target::{sync_folder, trouble};
use super::{Shared, file_name, open_folder};
use crate::work::{Destination, FileError, FileReply};

/// Most folders of one name that are kept beside each other.
const MAX_COPIES: u32 = 9999;
/// The same inside a folder that arrives, where something else is in the way.
const MAX_INNER: u32 = 9;

/// Whether a folder that is not there is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Make,
    Refuse,
}

/// Makes the folder, or finds the one that was made for this transfer before. Its place is on record
/// before it is made, so that after a crash there are no two.
pub(super) fn make(
    shared: &Shared,
    id: TransferId,
    name: &str,
    place: &Destination,
) -> Result<FileReply, FileError> {
    if let Some(path) = recorded(shared, id) {
        base(shared, &path, Missing::Make).map_err(|error| trouble(&error))?;
        return Ok(FileReply::FolderMade { path });
    }
    let place = Place::of(shared, place).map_err(|error| FileError::NoPlace(error.to_string()))?;
    let wanted = place.name.clone().unwrap_or_else(|| safe_name(name));
    choose(shared, id, &place, &wanted).map_err(|error| trouble(&error))
}

fn choose(shared: &Shared, id: TransferId, place: &Place, wanted: &str) -> io::Result<FileReply> {
    for number in 1..=MAX_COPIES {
        let name = numbered(wanted, number);
        if place.folder.symlink_metadata(&name).is_ok() {
            continue;
        }
        let path = place.path.join(&name);
        record(shared, id, &path)?;
        match mkdirat(&*place.folder, &*name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                sync_folder(&place.folder)?;
                return Ok(FileReply::FolderMade { path });
            }
            Err(Errno::EXIST) => {}
            Err(error) => {
                let _ = shared.trees.remove_file(file_name(id, "folder"));
                return Err(error.into());
            }
        }
    }
    Err(io::Error::other(format!("there are {MAX_COPIES} folders called {wanted}")))
}

/// Where a file of a folder goes: each name of its path is made safe by itself.
pub(super) fn place_in(
    shared: &Shared,
    folder: &Path,
    path: &str,
    missing: Missing,
) -> io::Result<Place> {
    if !is_folder_path(path) {
        return Err(io::Error::other("no path in a folder"));
    }
    let (mut dir, mut at) = (base(shared, folder, missing)?, folder.to_owned());
    let (inner, name) =
        path.rsplit_once('/').map_or((None, path), |(inner, name)| (Some(inner), name));
    for name in inner.into_iter().flat_map(|inner| inner.split('/')) {
        let (next, name) = enter(&dir, &safe_name(name), missing)?;
        at.push(name);
        dir = next;
    }
    Ok(Place { folder: Arc::new(dir), path: at, name: Some(safe_name(name)) })
}

/// The folder itself.
fn base(shared: &Shared, folder: &Path, missing: Missing) -> io::Result<Dir> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if parent == shared.downloads_path {
        return step(&shared.downloads, name, missing);
    }
    step(&open_folder(parent)?, name, missing)
}

/// Goes into a folder. Where something that is none has its name, beside that.
fn enter(dir: &Dir, wanted: &str, missing: Missing) -> io::Result<(Dir, String)> {
    let mut number = 1;
    loop {
        let name = numbered(wanted, number);
        match step(dir, OsStr::new(&name), missing) {
            Ok(dir) => return Ok((dir, name)),
            Err(error) if is_in_the_way(&error) && number < MAX_INNER => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A file, or a link.
fn is_in_the_way(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOTDIR | Errno::LOOP | Errno::MLINK))
}

/// Opens a folder in another, never through a link; makes it where it is missing.
fn step(dir: &Dir, name: &OsStr, missing: Missing) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(dir, name, flags, Mode::empty());
    let opened = match (open(), missing) {
        (Err(Errno::NOENT), Missing::Make) => {
            match mkdirat(dir, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => sync_folder(dir)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            open()
        }
        (opened, _) => opened,
    };
    Ok(Dir::from_std_file(File::from(opened?)))
}

/// `holiday (2)` for the second folder of that name.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 { name.to_owned() } else { format!("{name} ({number})") }
}

fn recorded(shared: &Shared, id: TransferId) -> Option<PathBuf> {
    let bytes = shared.trees.read(file_name(id, "folder")).ok()?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    path.is_absolute().then_some(path)
}

fn record(shared: &Shared, id: TransferId, path: &Path) -> io::Result<()> {
    let fresh = file_name(id, "folder.new");
    shared.trees.write(&fresh, path.as_os_str().as_bytes())?;
    shared.trees.open(&fresh)?.sync_all()?;
    shared.trees.rename(&fresh, &shared.trees, file_name(id, "folder"))?;
    sync_folder(&shared.trees)
}
