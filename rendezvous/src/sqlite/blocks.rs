//! Who blocks whom, and what that makes of last-seen times: who hides looks like somebody who
//! has not been seen since.

use rusqlite::{OptionalExtension, Savepoint, named_params, params};
use wire::app::name::Name;
use wire::app::server::MAX_BLOCKED;

use super::{Result, accounts, from_sql, to_sql};
use crate::store::{LastSeen, StoreOutcome};

/// When `accounts` row `a` was last seen, as far as account `:asker` may know.
const AS_TOLD: &str = "coalesce(
    (SELECT min(seen) FROM (
        SELECT target_seen AS seen FROM blocks WHERE blocker = :asker AND target = a.id
        UNION ALL
        SELECT blocker_seen FROM blocks WHERE blocker = a.id AND target = :asker)),
    a.last_seen)";

pub(super) fn block(
    db: &Savepoint<'_>,
    by: &Name,
    target: &Name,
    online: &[Name],
    now: u64,
) -> Result<StoreOutcome> {
    let (Some(blocker), Some(blocked)) = (accounts::id(db, by)?, accounts::id(db, target)?) else {
        return Ok(StoreOutcome::NotFound);
    };
    let (exists, count): (bool, i64) = db
        .prepare_cached(
            "SELECT coalesce(sum(target = ?2), 0), count(*) FROM blocks WHERE blocker = ?1",
        )?
        .query_row(params![blocker, blocked], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if exists {
        return Ok(StoreOutcome::Conflict);
    }
    if from_sql(count) >= MAX_BLOCKED as u64 {
        return Ok(StoreOutcome::Full);
    }
    let seen = |about: i64, asker: i64, name: &Name| {
        if online.contains(name) { Ok(Some(now)) } else { as_told(db, about, asker) }
    };
    let blocker_seen = seen(blocker, blocked, by)?.unwrap_or(0);
    let target_seen = seen(blocked, blocker, target)?.unwrap_or(0);
    db.prepare_cached(
        "INSERT INTO blocks (blocker, target, blocker_seen, target_seen) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![blocker, blocked, to_sql(blocker_seen), to_sql(target_seen)])?;
    for name in online {
        // True as well, and no told time may be later than the true one.
        accounts::left(db, name, now)?;
    }
    Ok(StoreOutcome::Done)
}

pub(super) fn unblock(db: &Savepoint<'_>, by: &Name, target: &Name) -> Result<StoreOutcome> {
    let removed = db
        .prepare_cached(
            "DELETE FROM blocks WHERE blocker = (SELECT id FROM accounts WHERE name = ?1)
                 AND target = (SELECT id FROM accounts WHERE name = ?2)",
        )?
        .execute([by.as_str(), target.as_str()])?;
    Ok(if removed == 0 { StoreOutcome::NotFound } else { StoreOutcome::Done })
}

/// Whom an account blocks.
pub(super) fn list(db: &Savepoint<'_>, blocker: i64) -> Result<Vec<Name>> {
    let mut statement = db.prepare_cached(
        "SELECT name FROM blocks JOIN accounts ON id = target WHERE blocker = ?1",
    )?;
    let mut rows = statement.query([blocker])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        names.push(accounts::read_name(&row.get::<_, String>(0)?)?);
    }
    Ok(names)
}

pub(super) fn last_seen(db: &Savepoint<'_>, asker: &Name, name: &Name) -> Result<StoreOutcome> {
    let (Some(asker), Some(about)) = (accounts::id(db, asker)?, accounts::id(db, name)?) else {
        return Ok(StoreOutcome::NotFound);
    };
    match as_told(db, about, asker)? {
        Some(at) => Ok(StoreOutcome::Seen(vec![LastSeen { name: name.clone(), at }])),
        None => Ok(StoreOutcome::NotFound),
    }
}

pub(super) fn seen_since(
    db: &Savepoint<'_>,
    asker: &Name,
    since: u64,
    limit: usize,
) -> Result<StoreOutcome> {
    let Some(asker) = accounts::id(db, asker)? else { return Ok(StoreOutcome::NotFound) };
    // A told time is never later than the true one, so the index on the true one narrows first.
    let sql = format!(
        "SELECT a.name, {AS_TOLD} AS told FROM accounts a
         WHERE a.last_seen >= :since AND told >= :since AND told > 0 AND a.id <> :asker
         ORDER BY told DESC LIMIT :limit"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let limit = to_sql(limit as u64);
    let mut rows = statement
        .query(named_params! { ":asker": asker, ":since": to_sql(since), ":limit": limit })?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let name = accounts::read_name(&row.get::<_, String>(0)?)?;
        list.push(LastSeen { name, at: from_sql(row.get(1)?) });
    }
    list.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(StoreOutcome::Seen(list))
}

fn as_told(db: &Savepoint<'_>, about: i64, asker: i64) -> Result<Option<u64>> {
    let sql = format!("SELECT {AS_TOLD} FROM accounts a WHERE a.id = :about");
    db.prepare_cached(&sql)?
        .query_row(named_params! { ":asker": asker, ":about": about }, |row| row.get(0))
        .optional()
        .map(|at| at.map(from_sql))
}
