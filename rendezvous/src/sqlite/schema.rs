//! The tables, and what is checked before they are trusted.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// "TINC": marks the file as ours.
pub(super) const APPLICATION_ID: i32 = 0x5449_4e43;
/// Version of the first tables.
const FIRST: i32 = 2;
/// Version of the tables with all steps.
pub(super) const VERSION: i32 = FIRST + STEPS.len() as i32;

/// Times are seconds since 1970. `accounts.identity` is NULL for an imported account that nobody
/// has used yet. `familiar` lists the sources from which somebody has logged in to an account.
/// In `attempts`, an empty `name` stands for all accounts and an empty `source` for all sources;
/// names are hashed, because people type passwords there.
/// `unknown` counts failed attempts for names without an account, so that they cost the same.
/// `revoked` lists devices that the operator took away and the running server has not heard of.
/// In `blocks`, the two last-seen times are what the other side is told from then on.
pub(super) const TABLES: &str = "
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    skeleton TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL,
    memory_kib INTEGER NOT NULL,
    passes INTEGER NOT NULL,
    lanes INTEGER NOT NULL,
    identity BLOB,
    sealed BLOB NOT NULL,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX accounts_by_last_seen ON accounts (last_seen);
CREATE TABLE devices (
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device BLOB NOT NULL,
    generation INTEGER NOT NULL,
    certificate BLOB NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE unknown (failed INTEGER NOT NULL) STRICT;
INSERT INTO unknown VALUES (0);
CREATE TABLE revoked (
    name TEXT NOT NULL,
    device BLOB NOT NULL,
    PRIMARY KEY (name, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE blocks (
    blocker INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    blocker_seen INTEGER NOT NULL,
    target_seen INTEGER NOT NULL,
    PRIMARY KEY (blocker, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_target ON blocks (target);
CREATE TABLE familiar (
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    source BLOB NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (account, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE attempts (
    name BLOB NOT NULL,
    source BLOB NOT NULL,
    failures INTEGER NOT NULL,
    last INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    PRIMARY KEY (name, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_last ON attempts (last);
";

/// What was added to them since, one version each. Steps that were released never change.
///
/// 3: rooms. Whoever is in a room has an account; of those who were, and of inviters, only the names
/// (and identities) are known. `accounts.entered` says who has ever been in the lobby. In `rooms`,
/// `founder` is the identity of whoever made it, NULL in the lobby's, and `present` counts who is
/// in it. In `members`, `role` is NULL for whoever is in it no longer. `untold` lists what the
/// operator's doing meant to rooms and the running server has not heard of.
///
/// 4: mailboxes. In `prekeys`, `once` says whether a key serves for one letter, and `body` is all of it
/// with its signature. The numbers of letters are never used again.
///
/// 5: `deleted` lists, hashed, the devices of accounts that are no longer there, so that these can be
/// told so.
///
/// 6: passwords that the operator gave. `accounts.resets` counts them; a device whose count is another
/// may not log in, and stays for its generation. `untold_resets` lists those of which the running
/// server has not heard.
///
/// 7: `dealings` says whom a user has asked for or written to: the newest of each.
const STEPS: [&str; 5] = [
    "
ALTER TABLE accounts ADD COLUMN entered INTEGER NOT NULL DEFAULT 0;
CREATE TABLE rooms (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    skeleton TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    access INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    version INTEGER NOT NULL,
    present INTEGER NOT NULL,
    founder BLOB
) STRICT;
CREATE INDEX open_rooms ON rooms (name) WHERE access = 1;
CREATE TABLE members (
    room INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
    name TEXT NOT NULL,
    identity BLOB NOT NULL,
    joined INTEGER NOT NULL,
    role INTEGER,
    muted INTEGER,
    gone INTEGER,
    kicked INTEGER,
    PRIMARY KEY (room, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_name ON members (name) WHERE role IS NOT NULL;
CREATE TABLE invitations (
    room INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
    name TEXT NOT NULL,
    inviter TEXT NOT NULL,
    PRIMARY KEY (room, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_name ON invitations (name);
CREATE TABLE untold (
    room BLOB NOT NULL,
    version INTEGER NOT NULL,
    change BLOB NOT NULL,
    PRIMARY KEY (room, version)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE prekeys (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    number INTEGER NOT NULL,
    once INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (account, number)
) STRICT;
CREATE INDEX prekeys_by_kind ON prekeys (account, once, id);
CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    sender INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    prekey INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX letters_by_owner ON letters (owner, id);
CREATE INDEX letters_by_sender ON letters (sender);
",
    "
CREATE TABLE deleted (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL UNIQUE
) STRICT;
",
    "
ALTER TABLE accounts ADD COLUMN resets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN resets INTEGER NOT NULL DEFAULT 0;
CREATE TABLE untold_resets (
    account INTEGER PRIMARY KEY REFERENCES accounts ON DELETE CASCADE
) STRICT;
",
    "
CREATE TABLE dealings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    UNIQUE (owner, other)
) STRICT;
CREATE INDEX dealings_by_other ON dealings (other);
",
];

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to something else.
    #[error("the file is not a Tincan database")]
    Foreign,
    /// Made by a later version of this program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: use the newer program"
    )]
    Newer {
        /// The file's version.
        found: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// Made by a version of this program before the first release.
    #[error(
        "the database has schema version {found} of a trial version, this program needs {known}: start anew in an empty folder"
    )]
    Older {
        /// The file's version.
        found: i32,
        /// The one that this program knows.
        known: i32,
    },
    /// SQLite's check found damage.
    #[error("the database is damaged ({0}): restore it from a backup")]
    Damaged(String),
    /// SQLite could not.
    #[error("the database cannot be opened: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(_) | None => Self::Sqlite(error),
        }
    }
}

/// Settings, checks, and the tables that are missing.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), OpenError> {
    connection.busy_timeout(core::time::Duration::from_secs(5))?;
    // Before anything is written: a foreign file must stay as it is. All of it in one transaction,
    // because another program may be making the tables.
    let look = connection.transaction()?;
    let version = check(&look)?;
    drop(look);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // What somebody had deleted is not found on a disk that is stolen.
    connection.pragma_update(None, "secure_delete", "ON")?;
    if version != Some(VERSION) {
        complete(connection)?;
    }
    Ok(())
}

/// The version of a database that is ours and whole; `None` for a new one.
fn check(connection: &Connection) -> Result<Option<i32>, OpenError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(None);
    }
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    if version > VERSION {
        return Err(OpenError::Newer { found: version, known: VERSION });
    }
    if version < FIRST {
        return Err(OpenError::Older { found: version, known: VERSION });
    }
    let report: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if report == "ok" { Ok(Some(version)) } else { Err(OpenError::Damaged(report)) }
}

/// Makes the tables that are missing, unless another program has done so by now.
fn complete(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = check(&transaction)?;
    if version.is_none() {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    let done = usize::try_from(version.unwrap_or(FIRST) - FIRST).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
