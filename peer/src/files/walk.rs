//! Going through a folder of ours that is to be offered: which files are in it.

use std::fs::{DirEntry, FileType};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use wire::app::peer::{MAX_FILE_NAME, MAX_FOLDER_DEPTH, MAX_FOLDER_FILES, MAX_FOLDER_PATH};

use crate::work::{FileError, FileReply, FolderFile, LeftOut, Walk};

/// Most entries that are looked at, whatever they are: else a folder of nothing but links would have no
/// end.
const MAX_ENTRIES: u32 = 10 * MAX_FOLDER_FILES;

/// Lists the ordinary files in a folder and in the folders in it, hidden ones too, in the order of their
/// paths. No link is followed.
pub(super) fn walk(path: &Path, unwanted: &AtomicBool) -> Result<FileReply, FileError> {
    let refuse = |error: io::Error| FileError::Source(format!("{}: {error}", path.display()));
    let path = path.canonicalize().map_err(refuse)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let name = name[..name.floor_char_boundary(MAX_FILE_NAME)].to_owned();
    let mut walker = Walker {
        root: &path,
        unwanted,
        entries: 0,
        files: Vec::new(),
        left_out: LeftOut::default(),
    };
    walker.folder("", 1)?;
    let Walker { mut files, left_out, .. } = walker;
    files.sort_by(|one, other| one.path.split('/').cmp(other.path.split('/')));
    Ok(FileReply::Walked(Walk { name, files, left_out, path: path.clone() }))
}

struct Walker<'a> {
    root: &'a Path,
    unwanted: &'a AtomicBool,
    entries: u32,
    files: Vec<FolderFile>,
    left_out: LeftOut,
}

impl Walker<'_> {
    /// Goes through the folder of this path in the root, whose entries have so many names in their paths.
    fn folder(&mut self, inside: &str, depth: usize) -> Result<(), FileError> {
        let path = self.root.join(inside);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if inside.is_empty() => {
                return Err(FileError::Source(format!("{}: {error}", path.display())));
            }
            Err(error) => {
                self.left_out.unreadable.push(format!("{inside}: {error}"));
                return Ok(());
            }
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok((kind, entry)) => self.entry(inside, depth, kind, &entry)?,
                Err(error) => self.left_out.unreadable.push(format!("{inside}: {error}")),
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        inside: &str,
        depth: usize,
        kind: FileType,
        entry: &DirEntry,
    ) -> Result<(), FileError> {
        self.entries += 1;
        if self.unwanted.load(Ordering::Relaxed) {
            return Err(FileError::Source("no longer wanted".to_owned()));
        }
        if self.entries > MAX_ENTRIES {
            return Err(self.too_much("too much is in it"));
        }
        if kind.is_symlink() {
            self.left_out.links += 1;
            return Ok(());
        }
        if !kind.is_file() && !kind.is_dir() {
            self.left_out.others += 1;
            return Ok(());
        }
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            self.left_out.unnamed += 1;
            return Ok(());
        };
        let inside = if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") };
        if kind.is_dir() {
            if depth >= MAX_FOLDER_DEPTH {
                let why = format!("more than {MAX_FOLDER_DEPTH} folders are in each other in it");
                return Err(self.too_much(&why));
            }
            return self.folder(&inside, depth + 1);
        }
        if inside.len() > MAX_FOLDER_PATH {
            return Err(self.too_much("a path in it is too long"));
        }
        match entry.metadata() {
            Ok(metadata) => self.files.push(FolderFile { path: inside, size: metadata.len() }),
            Err(error) => self.left_out.unreadable.push(format!("{inside}: {error}")),
        }
        if self.files.len() > MAX_FOLDER_FILES as usize {
            return Err(self.too_much(&format!("more than {MAX_FOLDER_FILES} files are in it")));
        }
        Ok(())
    }

    fn too_much(&self, why: &str) -> FileError {
        let root = self.root.display();
        FileError::Source(format!("{root}: {why}: pack it into one file (zip, tar) and send that"))
    }
}
