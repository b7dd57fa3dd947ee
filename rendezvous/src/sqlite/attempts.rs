//! Password attempts: judged, counted and given back. The rules stand in `crate::lockout`.

use rusqlite::{OptionalExtension, Savepoint, params};
use wire::app::identity::IdentityKey;
use wire::app::login::Stretch;
use wire::app::name::Name;

use super::{Result, accounts, from_sql, to_sql};
use crate::lockout::{Attempts, FORGET_AFTER, LockoutPolicy, Verdict};
use crate::source::SourcePrefix;
use crate::store::{LoginRecord, Resets, StoreOutcome};

/// Most familiar sources of one account; the one not used for longest goes.
const MAX_FAMILIAR: i64 = 16;
/// Most rows of attempts; the oldest that lock nobody go first.
const MAX_ROWS: i64 = 65_536;
/// The table is pruned once in so many attempts.
const PRUNE_EVERY: u32 = 64;

/// Which count an attempt belongs to: the key of its row.
struct Key {
    name: Vec<u8>,
    source: Vec<u8>,
}

pub(super) fn begin_login(
    db: &Savepoint<'_>,
    name: &Name,
    source: SourcePrefix,
    policy: LockoutPolicy,
    now: u64,
) -> Result<StoreOutcome> {
    let account = accounts::id(db, name)?;
    let own = Key { name: hash(name), source: source.as_bytes().to_vec() };
    let everywhere = Key { name: hash(name), source: Vec::new() };
    let at_all = Key { name: Vec::new(), source: source.as_bytes().to_vec() };
    let judged = [
        (read(db, &at_all)?.attempt(now, policy.for_source()), at_all),
        (read(db, &own)?.attempt(now, policy), own),
        (read(db, &everywhere)?.attempt(now, policy), everywhere),
    ];
    // What strangers did to the account does not bind a source from which its user has come, and
    // what happens there does not count for strangers.
    let familiar = is_familiar(db, account, source)?;
    let judged = if familiar { &judged[..2] } else { &judged[..] };
    let locked = judged.iter().filter_map(|(verdict, _)| match verdict {
        Verdict::Locked { seconds } => Some(*seconds),
        Verdict::Counted(_) => None,
    });
    if let Some(seconds) = locked.max() {
        return Ok(StoreOutcome::Locked { seconds });
    }
    for (verdict, key) in judged {
        if let Verdict::Counted(attempts) = verdict {
            write(db, key, *attempts)?;
        }
    }
    // One row changes either way (D01).
    match account {
        Some(id) => db
            .prepare_cached("UPDATE accounts SET failed = failed + 1 WHERE id = ?1")?
            .execute([id])?,
        None => db.prepare_cached("UPDATE unknown SET failed = failed + 1")?.execute([])?,
    };
    Ok(StoreOutcome::Login(login_record(db, name)?.map(Box::new)))
}

pub(super) fn password_proven(
    db: &Savepoint<'_>,
    name: &Name,
    source: SourcePrefix,
    now: u64,
) -> Result<StoreOutcome> {
    let own = Key { name: hash(name), source: source.as_bytes().to_vec() };
    let everywhere = Key { name: hash(name), source: Vec::new() };
    let at_all = Key { name: Vec::new(), source: source.as_bytes().to_vec() };
    write(db, &own, Attempts::reset())?;
    // Who knows one password has not earned more guesses at others.
    write(db, &at_all, read(db, &at_all)?.refund())?;
    let account = accounts::id(db, name)?;
    // From a familiar source nothing was counted there: the lock is for others.
    if !is_familiar(db, account, source)? {
        write(db, &everywhere, read(db, &everywhere)?.refund())?;
    }
    let Some(account) = account else { return Ok(StoreOutcome::NotFound) };
    db.prepare_cached("UPDATE accounts SET failed = max(failed - 1, 0) WHERE id = ?1")?
        .execute([account])?;
    remember_source(db, account, source, now)?;
    Ok(StoreOutcome::Done)
}

/// Somebody has logged in from there.
pub(super) fn remember_source(
    db: &Savepoint<'_>,
    account: i64,
    source: SourcePrefix,
    now: u64,
) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO familiar (account, source, last) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET last = excluded.last",
    )?
    .execute(params![account, source.as_bytes(), to_sql(now)])?;
    db.prepare_cached(
        "DELETE FROM familiar WHERE account = ?1 AND source NOT IN
             (SELECT source FROM familiar WHERE account = ?1 ORDER BY last DESC LIMIT ?2)",
    )?
    .execute(params![account, MAX_FAMILIAR])?;
    Ok(())
}

/// Forgets what does not count any more, and bounds the table.
pub(super) fn prune_sometimes(db: &Savepoint<'_>, unpruned: &mut u32, now: u64) -> Result<()> {
    *unpruned += 1;
    if *unpruned < PRUNE_EVERY {
        return Ok(());
    }
    *unpruned = 0;
    db.prepare_cached("DELETE FROM attempts WHERE last < ?1 AND locked_until < ?1")?
        .execute([to_sql(now.saturating_sub(FORGET_AFTER))])?;
    let rows: i64 =
        db.prepare_cached("SELECT count(*) FROM attempts")?.query_row([], |row| row.get(0))?;
    if rows > MAX_ROWS {
        db.prepare_cached(
            "DELETE FROM attempts WHERE (name, source) IN
                 (SELECT name, source FROM attempts ORDER BY locked_until > ?1, last LIMIT ?2)",
        )?
        .execute(params![to_sql(now), rows - MAX_ROWS])?;
    }
    Ok(())
}

/// Removes every lock of an account.
pub(super) fn unlock(db: &rusqlite::Connection, name: &Name) -> Result<()> {
    db.execute("DELETE FROM attempts WHERE name = ?1", [hash(name)])?;
    Ok(())
}

/// When the lock of an account ends, or 0.
pub(super) fn locked_until(db: &rusqlite::Connection, name: &Name) -> Result<u64> {
    db.query_row(
        "SELECT coalesce(max(locked_until), 0) FROM attempts WHERE name = ?1",
        [hash(name)],
        |row| row.get(0),
    )
    .map(from_sql)
}

fn hash(name: &Name) -> Vec<u8> {
    blake3::derive_key("tincan/1 attempts", name.as_str().as_bytes())[..16].to_vec()
}

fn read(db: &Savepoint<'_>, key: &Key) -> Result<Attempts> {
    let attempts = db
        .prepare_cached(
            "SELECT failures, last, locked_until FROM attempts WHERE name = ?1 AND source = ?2",
        )?
        .query_row(params![key.name, key.source], |row| {
            Ok(Attempts {
                failures: row.get(0)?,
                last: from_sql(row.get(1)?),
                locked_until: from_sql(row.get(2)?),
            })
        })
        .optional()?;
    Ok(attempts.unwrap_or_default())
}

fn write(db: &Savepoint<'_>, key: &Key, attempts: Attempts) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO attempts (name, source, failures, last, locked_until)
             VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET failures = excluded.failures, last = excluded.last,
             locked_until = excluded.locked_until",
    )?
    .execute(params![
        key.name,
        key.source,
        attempts.failures,
        to_sql(attempts.last),
        to_sql(attempts.locked_until),
    ])?;
    Ok(())
}

fn is_familiar(db: &Savepoint<'_>, account: Option<i64>, source: SourcePrefix) -> Result<bool> {
    db.prepare_cached("SELECT count(*) FROM familiar WHERE account = ?1 AND source = ?2")?
        .query_row(params![account, source.as_bytes()], |row| row.get(0))
}

fn login_record(db: &Savepoint<'_>, name: &Name) -> Result<Option<LoginRecord>> {
    db.prepare_cached(
        "SELECT record, memory_kib, passes, lanes, identity, sealed,
             (SELECT coalesce(max(generation), 0) FROM devices WHERE account = id), resets
         FROM accounts WHERE name = ?1",
    )?
    .query_row([name.as_str()], |row| {
        Ok(LoginRecord {
            record: row.get(0)?,
            stretch: Stretch { memory_kib: row.get(1)?, passes: row.get(2)?, lanes: row.get(3)? },
            identity: row.get::<_, Option<[u8; 32]>>(4)?.map(IdentityKey),
            sealed: row.get(5)?,
            generation: from_sql(row.get(6)?),
            resets: Resets(from_sql(row.get(7)?)),
        })
    })
    .optional()
}
