//! The store on SQLite: one file, durable before it answers.
//!
//! A batch of requests is one transaction, so that many clients share one flush to the disk. Each
//! request is a savepoint in it: one that fails leaves the others whole. When the commit fails,
//! none of the batch is stored, and all of it is answered with `Failed`.

mod accounts;
mod admin;
mod attempts;
mod blocks;
mod dealings;
mod mail;
mod rooms;
mod schema;

use std::path::Path;

use rusqlite::{Connection, Savepoint, TransactionBehavior};

use self::rooms::Places;
pub use admin::{AccountRow, Totals};
pub use schema::OpenError;

use crate::store::{StoreOutcome, StoreRequest};

/// What one request comes to inside the transaction.
type Result<T> = core::result::Result<T, rusqlite::Error>;

/// A store in one SQLite database.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    /// Attempts judged since the table of attempts was last pruned.
    unpruned: u32,
    /// The `data_version` at which the table of revoked devices was last looked at.
    looked_at: Option<i64>,
    /// What was removed may stand in the log.
    has_removed: bool,
}

impl SqliteStore {
    /// Opens the database at `path`, or makes it when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or written, is damaged, or is not a database of this version.
    pub fn open(path: &Path) -> core::result::Result<Self, OpenError> {
        let connection = Connection::open(path)?;
        Self::prepare(connection)
    }

    /// A database that lives as long as this value, for tests and simulations.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn open_in_memory() -> core::result::Result<Self, OpenError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(mut connection: Connection) -> core::result::Result<Self, OpenError> {
        schema::prepare(&mut connection)?;
        Ok(Self { connection, unpruned: 0, looked_at: None, has_removed: false })
    }

    /// Executes requests in order in one transaction; one outcome for each.
    pub fn execute(&mut self, requests: &[StoreRequest]) -> Vec<StoreOutcome> {
        match self.try_execute(requests) {
            Ok(outcomes) => {
                let is_removal = |outcome| matches!(outcome, &StoreOutcome::Removed { .. });
                self.has_removed |= outcomes.iter().any(is_removal);
                outcomes
            }
            Err(error) => {
                tracing::error!(%error, requests = requests.len(), "the database failed");
                vec![StoreOutcome::Failed; requests.len()]
            }
        }
    }

    /// Accounts that were removed, and what was sealed under a password that is no more, must not linger
    /// in the write-ahead log either: to be called now and then, when nobody waits. That another program may be reading does not matter: the next
    /// checkpoint overwrites it.
    pub fn overwrite_removed(&mut self) {
        if core::mem::take(&mut self.has_removed) {
            let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    fn try_execute(&mut self, requests: &[StoreRequest]) -> Result<Vec<StoreOutcome>> {
        let mut transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            let mut savepoint = transaction.savepoint()?;
            match run(&savepoint, &mut self.unpruned, request) {
                Ok(outcome) => {
                    savepoint.commit()?;
                    outcomes.push(outcome);
                }
                Err(error) => {
                    savepoint.rollback()?;
                    tracing::error!(%error, "a request to the database failed");
                    outcomes.push(StoreOutcome::Failed);
                }
            }
        }
        transaction.commit()?;
        Ok(outcomes)
    }
}

fn run(db: &Savepoint<'_>, unpruned: &mut u32, request: &StoreRequest) -> Result<StoreOutcome> {
    match request {
        StoreRequest::CreateAccount(account) => accounts::create(db, account),
        StoreRequest::BeginLogin { name, source, policy, now } => {
            attempts::prune_sometimes(db, unpruned, *now)?;
            attempts::begin_login(db, name, *source, *policy, *now)
        }
        StoreRequest::PasswordProven { name, source, now } => {
            attempts::password_proven(db, name, *source, *now)
        }
        StoreRequest::AddDevice { name, identity, resets, certificate, now } => {
            accounts::add_device(db, (name, *identity), *resets, certificate, *now)
        }
        StoreRequest::SetIdentity { name, resets, identity, now } => {
            accounts::set_identity(db, name, *resets, identity, *now)
        }
        StoreRequest::Resume { name, device, source, now } => {
            accounts::resume(db, name, *device, *source, *now)
        }
        StoreRequest::Block { by, target, online, now } => {
            blocks::block(db, by, target, online, *now)
        }
        StoreRequest::Unblock { by, target } => blocks::unblock(db, by, target),
        StoreRequest::Exists { name } => accounts::exists(db, name),
        StoreRequest::LastSeen { asker, name } => blocks::last_seen(db, asker, name),
        StoreRequest::SeenSince { asker, since, limit } => {
            blocks::seen_since(db, asker, *since, *limit)
        }
        StoreRequest::Directory { name } => accounts::directory(db, name),
        StoreRequest::Left { name, at } => accounts::left(db, name, *at),
        StoreRequest::PublishPrekeys { owner, prekeys } => mail::publish(db, owner, prekeys),
        StoreRequest::Prekey { asker, owner } => mail::prekey(db, asker, owner),
        StoreRequest::Deposit { from, to, prekey, sealed, mailbox, now } => {
            let letter = mail::NewLetter { from, to, prekey: *prekey, sealed };
            mail::deposit(db, &letter, *mailbox, *now)
        }
        StoreRequest::Introduced { by, to } => dealings::introduced(db, by, to),
        StoreRequest::Collect { owner, after, oldest } => mail::collect(db, owner, *after, *oldest),
        StoreRequest::Discard { owner, letters } => mail::discard(db, owner, letters),
        StoreRequest::Room { by, request, lobby } => rooms::ask(db, by, request, *lobby),
        StoreRequest::EnterLobby { name, id, places, absent } => {
            rooms::enter_lobby(db, name, *id, Places { number: *places, absent })
        }
        StoreRequest::JoinLobby { by, places, absent } => {
            rooms::join_lobby(db, by, Places { number: *places, absent })
        }
        StoreRequest::ChangePassword(new) => accounts::change_password(db, new),
        StoreRequest::DeleteAccount { name, identity, resets } => {
            accounts::delete(db, name, *identity, *resets)
        }
    }
}

/// Times and counts as SQLite keeps them: 64 bits with a sign.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// And back.
fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// An error for stored bytes that are not what was stored.
fn damaged(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, what.into())
}

#[cfg(test)]
mod tests;
