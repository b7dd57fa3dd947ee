//! Where a file that arrives is to be: in the download folder under the sender's name for it, unless the
//! user says something else.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;

use super::{Shared, open_folder};
use crate::work::Destination;

/// A folder, and perhaps a name in it.
#[derive(Clone)]
pub(super) struct Place {
    /// The folder. Held open.
    pub(super) folder: Arc<Dir>,
    /// For telling where it is.
    pub(super) path: PathBuf,
    /// The name that the user wants; the sender's, made safe, when `None`.
    pub(super) name: Option<String>,
}

impl Place {
    /// What the user wants: nothing in particular, a folder that is there, or a name in one.
    pub(super) fn of(shared: &Shared, wanted: &Destination) -> io::Result<Self> {
        let downloads = &shared.downloads_path;
        let Destination::Wanted(wanted) = wanted else {
            let folder = Arc::clone(&shared.downloads);
            return Ok(Self { folder, path: downloads.clone(), name: None });
        };
        let wanted = downloads.join(wanted);
        let is_folder = wanted.as_os_str().as_encoded_bytes().ends_with(b"/") || wanted.is_dir();
        let (folder, name) = match (wanted.parent(), wanted.file_name()) {
            (Some(parent), Some(name)) if !is_folder => (parent, Some(utf8(name.to_str())?)),
            _ => (wanted.as_path(), None),
        };
        let path = folder.canonicalize().map_err(|error| no_folder(folder, &error))?;
        if !path.is_dir() {
            return Err(no_folder(&path, &io::ErrorKind::NotADirectory.into()));
        }
        let folder = open_folder(&path).map_err(|error| no_folder(&path, &error))?;
        Ok(Self { folder: Arc::new(folder), path, name })
    }
}

fn utf8(name: Option<&str>) -> io::Result<String> {
    // What is kept of it is kept as text.
    name.map(str::to_owned).ok_or_else(|| io::Error::other("the name is not UTF-8"))
}

fn no_folder(path: &Path, error: &io::Error) -> io::Error {
    let path = path.display();
    let text = if error.kind() == io::ErrorKind::NotFound {
        format!("there is no folder {path}")
    } else if error.kind() == io::ErrorKind::NotADirectory {
        format!("{path} is no folder")
    } else {
        format!("the folder {path}: {error}")
    };
    io::Error::other(text)
}
