//! Whether the database is where it was, or a copy of it: brought back from a backup, it does not know
//! which numbers were used for messages since. A number used twice would be refused by whoever has
//! the first message, so a copy goes on far behind all of them.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use rusqlite::Connection;

/// Holds what the database file was when it was used last.
const FILE: &str = "place";

/// No number is used twice as long as a user gets less than a message a second, on average, from
/// one copy to the next.
const GO_ON: &str = "UPDATE sequences SET next = max(next + 1, ?1)";
/// The same for posts in rooms, of which nobody keeps the next number: `posts` looks here.
const GO_ON_IN_ROOMS: &str = "
    INSERT INTO copies (at)
    SELECT ?1 WHERE EXISTS (SELECT 1 FROM messages WHERE author IS NOT NULL AND state <> 3)";

/// Looks whether the file `database` in `folder` is the one that was used last. Tells the numbers of
/// messages otherwise, and remembers it.
///
/// # Errors
/// When the database cannot be written.
pub(super) fn look(
    folder: &Path,
    database: &Path,
    connection: &Connection,
) -> rusqlite::Result<()> {
    let Ok(found) = database.metadata() else { return Ok(()) };
    let mark = mark(&found);
    let kept = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    if kept == mark {
        return Ok(());
    }
    // A copy is as old as its entry in the folder: the clock need not be asked.
    let changes = connection.execute(GO_ON, [found.ctime()])?;
    connection.execute(GO_ON_IN_ROOMS, [found.ctime()])?;
    tracing::info!(changes, "the database was copied here: messages are numbered anew");
    // Not kept, it only goes on once more.
    let _ = keep(&folder.join(FILE), &mark);
    Ok(())
}

/// No other file has it: a number of the file system is used again after a removal, but not with the
/// same time of creation. Where the file system knows none, the number has to do.
fn mark(found: &Metadata) -> String {
    let born = found.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    format!("{} {}\n", found.ino(), born.unwrap_or_default().as_nanos())
}

fn keep(path: &Path, mark: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(mark.as_bytes())
}
