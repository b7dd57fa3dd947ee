//! A file that the user wants to have under a name of his own: written beside it under another, then
//! renamed, never in the place of anything. Removed when it does not get that far, unless the
//! program is killed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::final_name::rename_new;
use super::target::{sync_folder, trouble};
use super::{hex, open_folder};
use crate::work::FileError;

/// See the module.
pub(super) struct Fresh {
    folder: Dir,
    /// The real path of the folder.
    place: PathBuf,
    name: String,
    /// Its name until it is whole; `None` once it has its own.
    partial: Option<String>,
    file: File,
}

impl Fresh {
    /// Begins it. `mark` makes its first name one that nobody has.
    pub(super) fn begin(path: &Path, mark: [u8; 4]) -> Result<Self, FileError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| refused("that is no name of a file"))?.to_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let place = folder.canonicalize().map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                refused(&format!("there is no folder {}", folder.display()))
            } else {
                trouble(&error)
            }
        })?;
        let folder = open_folder(&place).map_err(|error| trouble(&error))?;
        if folder.symlink_metadata(&name).is_ok() {
            return Err(taken());
        }
        let partial = format!("{name}.{}.part", hex(&mark));
        let options = &mut OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = folder.open_with(&partial, options).map_err(|error| trouble(&error))?;
        Ok(Self { folder, place, name, partial: Some(partial), file: file.into_std() })
    }

    /// Writes more of it, and waits until the disk has it: so no later step takes long.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        written.map_err(|error| trouble(&error))
    }

    /// Gives it its name; says where it is.
    pub(super) fn end(mut self) -> Result<PathBuf, FileError> {
        self.file.sync_all().map_err(|error| trouble(&error))?;
        if let Some(partial) = &self.partial {
            rename_new(&self.folder, partial, &self.name).map_err(|error| {
                let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
                if is_taken { taken() } else { trouble(&error) }
            })?;
        }
        self.partial = None;
        sync_folder(&self.folder).map_err(|error| trouble(&error))?;
        Ok(self.place.join(&self.name))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // If it cannot be removed, its name says what it is.
            let _ = self.folder.remove_file(partial);
        }
    }
}

fn refused(why: &str) -> FileError {
    FileError::Target(why.to_owned())
}

fn taken() -> FileError {
    refused("it is there already, and nothing is ever overwritten")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn why(outcome: Result<impl Sized, FileError>) -> String {
        outcome.err().expect("refused").to_string()
    }

    #[test]
    fn it_appears_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let mut fresh = Fresh::begin(&path, [1, 2, 3, 4]).unwrap();
        fresh.append(b"one ").unwrap();
        assert_eq!(names(dir.path()), ["out.txt.01020304.part"]);
        fresh.append(b"two").unwrap();
        assert_eq!(fresh.end().unwrap(), dir.path().canonicalize().unwrap().join("out.txt"));
        assert_eq!(names(dir.path()), ["out.txt"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"one two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let fresh = Fresh::begin(&path, [0; 4]).unwrap();
        // Meanwhile another program makes one.
        std::fs::write(&path, "other").unwrap();
        assert!(why(fresh.end()).contains("there already"));
        assert!(why(Fresh::begin(&path, [0; 4])).contains("there already"));
        let link = dir.path().join("link.txt");
        symlink(dir.path().join("nowhere"), &link).unwrap();
        assert!(why(Fresh::begin(&link, [0; 4])).contains("there already"), "not through a link");
        drop(Fresh::begin(&dir.path().join("third.txt"), [0; 4]).unwrap());
        assert_eq!(names(dir.path()), ["link.txt", "out.txt"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"other");
    }

    #[test]
    fn what_cannot_be_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let why = |path: &Path| why(Fresh::begin(path, [0; 4]));
        assert!(why(&dir.path().join("no/such/x.txt")).contains("there is no folder"));
        assert!(why(Path::new("/")).contains("no name of a file"));
        let long = dir.path().join("x".repeat(300));
        assert!(why(&long).contains("the disk refused"), "{}", why(&long));
    }
}
