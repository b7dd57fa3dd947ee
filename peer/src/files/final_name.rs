//! The last step of a file that arrived: its final name, never another's.

use std::io;

use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use wire::app::peer::TransferId;

use super::Shared;
use super::safe_name::numbered;
use super::target::Names;

/// Most files of one name that are kept beside each other.
const MAX_COPIES: u32 = 9999;

/// Renames `partial` to `wanted`, or to `wanted (2)` and so on when that is taken, and gives the
/// name. The name is on record before it is used, so that after a crash the file is found.
pub(super) fn give(
    shared: &Shared,
    folder: &Dir,
    id: TransferId,
    partial: &str,
    wanted: &str,
) -> io::Result<String> {
    for number in 1..=MAX_COPIES {
        let name = if number == 1 { wanted.to_owned() } else { numbered(wanted, number) };
        if is_taken(folder, &name)? {
            continue;
        }
        let names = Names { partial: partial.to_owned(), complete: Some(name.clone()) };
        names.save(shared, id)?;
        match rename_new(folder, partial, &name) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are {MAX_COPIES} files called {wanted}")))
}

fn is_taken(folder: &Dir, name: &str) -> io::Result<bool> {
    match folder.symlink_metadata(name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames unless something has the new name, in one step where the file system can.
pub(crate) fn rename_new(folder: &Dir, from: &str, to: &str) -> io::Result<()> {
    match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rename_by_link(folder, from, to),
        outcome => outcome.map_err(io::Error::from),
    }
}

/// For file systems without that step: a second name, then no first one.
fn rename_by_link(folder: &Dir, from: &str, to: &str) -> io::Result<()> {
    match folder.hard_link(from, folder, to) {
        Ok(()) => folder.remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => rename_over_own(folder, from, to),
    }
}

/// For file systems without links either (exFAT): take the name with an empty file of our own,
/// then rename over that.
fn rename_over_own(folder: &Dir, from: &str, to: &str) -> io::Result<()> {
    folder.open_with(to, OpenOptions::new().write(true).create_new(true))?;
    folder.rename(from, folder, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rename = fn(&Dir, &str, &str) -> io::Result<()>;

    #[test]
    fn no_way_of_renaming_overwrites() {
        for rename in [rename_new as Rename, rename_by_link, rename_over_own] {
            let dir = tempfile::tempdir().unwrap();
            let folder = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
            folder.write("from", "new").unwrap();
            folder.write("taken", "old").unwrap();
            let error = rename(&folder, "from", "taken").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(folder.read("taken").unwrap(), b"old");
            rename(&folder, "from", "free").unwrap();
            assert_eq!(folder.read("free").unwrap(), b"new");
            assert!(!folder.exists("from"));
        }
    }
}
