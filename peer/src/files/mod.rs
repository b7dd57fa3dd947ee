//! The disk worker: hashing, reading, verifying and writing files. Runs on threads of the shell
//! and inline in the simulator; the core never waits for it.

use std::io;
use std::path::Path;

use crate::work::{FileError, FileReply, FileRequest};

/// Does [`FileRequest`]s. Clones share what is open, so that several threads can work at once.
#[derive(Clone)]
pub struct FileWorker {}

#[expect(unused_variables, clippy::unused_self, reason = "skeleton")]
impl FileWorker {
    /// A worker that keeps hash trees under `data` and what arrives in `downloads`. Both are
    /// created when absent.
    ///
    /// # Errors
    /// When a folder cannot be created or opened.
    pub fn new(data: &Path, downloads: &Path) -> io::Result<Self> {
        Ok(Self {})
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
        todo!()
    }
}
