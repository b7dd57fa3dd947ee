//! The database worker: everything that must survive the end of the program, in one SQLite file.

mod calls;
mod changes;
mod import;
mod look;
mod marks;
mod messages;
mod place;
mod posts;
mod profile;
mod schema;
mod strangers;
mod transfers;
mod unkept;

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use wire::app::peer::TextKind;
use wire::app::post::PostKind;

pub use self::look::{Found, look};
use self::schema::LastEnd;
use self::unkept::Unkept;
use crate::private;
use crate::work::{About, AccountId, StoreError, StoreReply, StoreRequest};

/// What a request may come back with.
type Answer = Result<StoreReply, StoreError>;

/// The database of one data folder.
pub struct Database {
    connection: Connection,
    open: Option<Open>,
    unkept: Unkept,
    /// Held locked as long as this lives: one process at a time.
    _lock: Option<File>,
}

/// The profile that requests concern.
#[derive(Clone)]
struct Open {
    account: AccountId,
    /// Its row; `None` until its installation is saved.
    row: Option<i64>,
}

impl Database {
    /// Opens, or creates, the database in the folder `data` (created with mode 0700) and keeps
    /// every other process from it.
    ///
    /// # Errors
    /// When it is in use, made by a newer version, damaged, or cannot be read or written.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let io_error = |error: std::io::Error| {
            StoreError(format!("the data folder {} cannot be used: {error}", data.display()))
        };
        let folder = private::folder(data).map_err(io_error)?;
        let lock_path = folder.join("lock");
        private::file(&lock_path).map_err(io_error)?;
        let lock = File::options().write(true).open(lock_path).map_err(io_error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError(format!(
                    "the data folder {} is in use by another peer: quit that one, or give this \
                     one a folder of its own with --data",
                    data.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(io_error(error)),
        }
        let path = folder.join("peer.sqlite");
        private::file(&path).map_err(io_error)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let path_error = |error: rusqlite::Error| {
            StoreError(format!("{} cannot be opened: {error}", path.display()))
        };
        // SQLite removes its log when the database is closed in order.
        let log = folder.join("peer.sqlite-wal");
        let end = if log.exists() { LastEnd::Unclean } else { LastEnd::Clean };
        let connection = Connection::open_with_flags(&path, flags).map_err(path_error)?;
        let database = Self::new(connection, Some(lock), &path, end)?;
        make_durable(&database.connection).map_err(path_error)?;
        place::look(&folder, &path, &database.connection).map_err(path_error)?;
        Ok(database)
    }

    /// A database that is gone when dropped, for tests.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory().map_err(failed)?;
        Self::new(connection, None, Path::new(":memory:"), LastEnd::Clean)
    }

    fn new(
        mut connection: Connection,
        lock: Option<File>,
        path: &Path,
        end: LastEnd,
    ) -> Result<Self, StoreError> {
        schema::prepare(&mut connection, end)
            .map_err(|why| StoreError(format!("{}: {why}", path.display())))?;
        Ok(Self { connection, open: None, unkept: Unkept::default(), _lock: lock })
    }

    /// Does these requests in order in one transaction, and when it is durable gives the answer
    /// to each. When the transaction cannot be completed, every answer says so.
    pub fn run(&mut self, requests: Vec<StoreRequest>) -> Vec<Result<StoreReply, StoreError>> {
        let count = requests.len();
        let before = (self.open.clone(), self.unkept.clone());
        let incoming = unkept::incoming(&requests);
        let erases = requests.iter().any(erases);
        match self.transact(requests) {
            Ok(answers) => {
                if erases {
                    self.truncate_log();
                }
                answers
            }
            Err(error) => {
                (self.open, self.unkept) = before;
                incoming.iter().for_each(|message| self.unkept.failed(message));
                let error = failed(error);
                (0..count).map(|_| Err(error.clone())).collect()
            }
        }
    }

    fn transact(&mut self, requests: Vec<StoreRequest>) -> rusqlite::Result<Vec<Answer>> {
        let mut transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            // One request that fails takes none of the others with it.
            let part = transaction.savepoint()?;
            let answer = answer(&part, &mut self.open, &mut self.unkept, request);
            if answer.is_ok() {
                part.commit()?;
            } else {
                part.finish()?;
            }
            answers.push(answer);
        }
        transaction.commit()?;
        Ok(answers)
    }

    /// Secrets and texts that were removed must not linger in the write-ahead log either. That it may be
    /// busy does not matter: the next checkpoint overwrites it.
    fn truncate_log(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Whether something goes of which nothing is to be left.
fn erases(request: &StoreRequest) -> bool {
    if let StoreRequest::Post { post, .. } | StoreRequest::ReceivePost { post, .. } = request {
        return matches!(post.content().kind, PostKind::Edit { .. } | PostKind::Unsend { .. });
    }
    if let StoreRequest::Receive(incoming) | StoreRequest::ReceiveInTurn(incoming) = request {
        return matches!(incoming.kind, TextKind::Edit { .. } | TextKind::Unsend { .. });
    }
    if let StoreRequest::Queue(draft) = request {
        return matches!(draft.about, About::Edit { .. } | About::Unsend { .. });
    }
    matches!(request, StoreRequest::SaveAccount(None) | StoreRequest::ForgetAccount(_))
}

#[expect(clippy::too_many_lines, reason = "an arm for each request")]
fn answer(
    connection: &Connection,
    open: &mut Option<Open>,
    unkept: &mut Unkept,
    request: StoreRequest,
) -> Answer {
    match request {
        StoreRequest::Load(account) => profile::load(connection, open, account),
        StoreRequest::SaveInstallation(installation) => {
            profile::save_installation(connection, open, &installation)
        }
        StoreRequest::SaveAccount(account) => {
            profile::save_account(connection, open.as_ref(), account.as_ref())
        }
        StoreRequest::ForgetAccount(installation) => {
            profile::forget_account(connection, row(open.as_ref())?, &installation)
        }
        StoreRequest::PinServer { address, key } => profile::pin_server(connection, &address, key),
        StoreRequest::MoveServer { from, to } => profile::move_server(connection, open, from, to),
        StoreRequest::SaveServerToken { address, token } => {
            profile::save_server_token(connection, &address, token)
        }
        StoreRequest::SaveContact(contact) => {
            profile::save_contact(connection, row(open.as_ref())?, &contact)
        }
        StoreRequest::Queue(draft) => messages::queue(connection, row(open.as_ref())?, draft),
        StoreRequest::Delivered { id, at } => {
            messages::delivered(connection, row(open.as_ref())?, &id, at)
        }
        StoreRequest::Stored { id } => messages::stored(connection, row(open.as_ref())?, &id),
        StoreRequest::SavePrekeys(keys) => {
            profile::save_prekeys(connection, row(open.as_ref())?, &keys)
        }
        StoreRequest::ForgetPrekey(id) => {
            profile::forget_prekey(connection, row(open.as_ref())?, id)
        }
        StoreRequest::Failed { id, why } => {
            messages::gave_up(connection, row(open.as_ref())?, &id, &why)
        }
        StoreRequest::Receive(incoming) => {
            let row = row(open.as_ref())?;
            unkept.in_order(&incoming, || messages::receive(connection, row, &incoming))
        }
        StoreRequest::Post { post, at, never_left } => {
            posts::keep(connection, row(open.as_ref())?, &post, at, never_left)
        }
        request @ StoreRequest::PostTarget { .. } => {
            posts::target(connection, row(open.as_ref())?, request)
        }
        StoreRequest::ReceivePost { post, own, at } => {
            posts::receive(connection, row(open.as_ref())?, &post, own, at)
        }
        request @ StoreRequest::Posts { .. } => {
            posts::lacking(connection, row(open.as_ref())?, &request)
        }
        StoreRequest::Marks(request) => marks::answer(connection, row(open.as_ref())?, &request),
        StoreRequest::SaveCalls { talk, calls } => {
            calls::save(connection, row(open.as_ref())?, &talk, calls)
        }
        StoreRequest::SaveRoom(room) => posts::save_room(connection, row(open.as_ref())?, &room),
        StoreRequest::SaveReached { room, reached, everybody } => {
            posts::save_reached(connection, row(open.as_ref())?, room, &reached, everybody)
        }
        StoreRequest::ReceiveInTurn(incoming) => {
            let row = row(open.as_ref())?;
            unkept.in_order(&incoming, || messages::receive_in_turn(connection, row, &incoming))
        }
        StoreRequest::Stranger(request) => {
            strangers::answer(connection, row(open.as_ref())?, unkept, request)
        }
        StoreRequest::History { with, limit, before, since } => {
            messages::history(connection, row(open.as_ref())?, with.as_ref(), limit, before, since)
        }
        StoreRequest::Search { text, with, limit } => {
            messages::search(connection, row(open.as_ref())?, &text, with.as_ref(), limit)
        }
        StoreRequest::Page { with, after } => {
            messages::page(connection, row(open.as_ref())?, with.as_ref(), after)
        }
        StoreRequest::SaveTransfer(record) => {
            transfers::save(connection, row(open.as_ref())?, &record)
        }
        StoreRequest::Import { backup, installation } => {
            import::import(connection, open, &backup, &installation)
        }
    }
}

fn row(open: Option<&Open>) -> Result<i64, StoreError> {
    open.and_then(|open| open.row).ok_or_else(|| StoreError("nobody is logged in here".to_owned()))
}

/// Every commit is on the disk when it is told, and what is deleted is overwritten.
fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)
}

fn failed(error: rusqlite::Error) -> StoreError {
    if schema::is_damage(&error) {
        return StoreError(schema::damaged(&error.to_string()));
    }
    StoreError(format!("the database failed: {error}"))
}

#[cfg(test)]
mod tests;
