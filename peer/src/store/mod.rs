//! The database worker: everything that must survive the end of the program, in one SQLite file.

use std::path::Path;

use crate::work::{StoreError, StoreReply, StoreRequest};

/// The database of one data folder.
pub struct Database {}

#[expect(unused_variables, clippy::unused_self, reason = "skeleton")]
impl Database {
    /// Opens, or creates, the database in the folder `data` (created with mode 0700) and keeps
    /// every other process from it.
    ///
    /// # Errors
    /// When it is in use, made by a newer version, damaged, or cannot be read or written.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        todo!()
    }

    /// A database that is gone when dropped, for tests.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        todo!()
    }

    /// Does these requests in order in one transaction, and when it is durable gives the answer
    /// to each. When the transaction cannot be completed, every answer says so.
    pub fn run(&mut self, requests: Vec<StoreRequest>) -> Vec<Result<StoreReply, StoreError>> {
        todo!()
    }
}
