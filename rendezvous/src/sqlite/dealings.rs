//! With whom a user has had to do, by his own doing: his mailbox is for letters of these before those of
//! strangers. He has left a letter for them, or asked to be introduced to them while they were in no room
//! together: members of a room are introduced without anybody's wish.

use rusqlite::{Savepoint, params};
use wire::app::letter::UNIT;
use wire::app::name::Name;

use super::{Result, accounts, to_sql};
use crate::store::StoreOutcome;

/// Most that are remembered of one user: the newest.
const MAX_DEALINGS: u64 = 1024;

pub(super) fn introduced(db: &Savepoint<'_>, by: &Name, to: &Name) -> Result<StoreOutcome> {
    let (Some(owner), Some(other)) = (accounts::id(db, by)?, accounts::id(db, to)?) else {
        return Ok(StoreOutcome::NotFound);
    };
    let share_a_room: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM members one JOIN members two USING (room)
             WHERE one.name = ?1 AND one.role IS NOT NULL
                 AND two.name = ?2 AND two.role IS NOT NULL)",
        )?
        .query_row([by.as_str(), to.as_str()], |row| row.get(0))?;
    if !share_a_room {
        note(db, owner, other)?;
    }
    Ok(StoreOutcome::Done)
}

/// `owner` wants to reach `other`.
pub(super) fn note(db: &Savepoint<'_>, owner: i64, other: i64) -> Result<()> {
    let new = db
        .prepare_cached("INSERT OR IGNORE INTO dealings (owner, other) VALUES (?1, ?2)")?
        .execute([owner, other])?;
    if new > 0 {
        db.prepare_cached(
            "DELETE FROM dealings WHERE owner = ?1 AND id NOT IN
             (SELECT id FROM dealings WHERE owner = ?1 ORDER BY id DESC LIMIT ?2)",
        )?
        .execute(params![owner, to_sql(MAX_DEALINGS)])?;
    }
    Ok(())
}

/// How many letters in a mailbox are of strangers to its owner, each counted by its length [W-185], and whether
/// this sender is one.
pub(super) fn strangers(db: &Savepoint<'_>, owner: i64, sender: i64) -> Result<(u64, bool)> {
    db.prepare_cached(
        "SELECT (SELECT coalesce(sum((length(sealed) + ?3 - 1) / ?3), 0) FROM letters
                 WHERE owner = ?1
                     AND sender NOT IN (SELECT other FROM dealings WHERE owner = ?1)),
             NOT EXISTS (SELECT 1 FROM dealings WHERE owner = ?1 AND other = ?2)",
    )?
    .query_row([owner, sender, to_sql(UNIT as u64)], |row| {
        Ok((super::from_sql(row.get(0)?), row.get(1)?))
    })
}
