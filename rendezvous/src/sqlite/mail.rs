//! Mailboxes: the keys that users leave for letters to them, and the letters.

use rusqlite::{OptionalExtension, Savepoint, params};
use wire::app::identity::IdentityKey;
use wire::app::letter::{Letter, MAX_PREKEYS, Prekey, Serves, UNIT, units};
use wire::app::name::Name;
use wire::app::server::{MAX_LETTERS, MAX_LETTERS_BYTES};

use super::{Result, accounts, damaged, dealings, from_sql, to_sql};
use crate::config::Mailbox;
use crate::store::StoreOutcome;

pub(super) fn publish(
    db: &Savepoint<'_>,
    owner: &Name,
    prekeys: &[Prekey],
) -> Result<StoreOutcome> {
    let Some(account) = accounts::id(db, owner)? else { return Ok(StoreOutcome::NotFound) };
    for prekey in prekeys {
        let once = prekey.serves == Serves::Once;
        if !once {
            db.prepare_cached("DELETE FROM prekeys WHERE account = ?1 AND once = 0")?
                .execute([account])?;
        }
        let body =
            postcard::to_allocvec(prekey).expect("a key holds nothing that cannot be encoded");
        db.prepare_cached(
            "INSERT OR IGNORE INTO prekeys (account, number, once, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![account, prekey.id.cast_signed(), once, body])?;
    }
    db.prepare_cached(
        "DELETE FROM prekeys WHERE account = ?1 AND once = 1 AND id NOT IN
         (SELECT id FROM prekeys WHERE account = ?1 AND once = 1 ORDER BY id DESC LIMIT ?2)",
    )?
    .execute(params![account, to_sql(MAX_PREKEYS as u64)])?;
    Ok(StoreOutcome::Done)
}

/// Gives a key for a letter: one that serves once is gone then. Whoever is blocked is given the weekly
/// one, as when no other is left.
pub(super) fn prekey(db: &Savepoint<'_>, asker: &Name, owner: &Name) -> Result<StoreOutcome> {
    let (Some(asker), Some(account)) = (accounts::id(db, asker)?, accounts::id(db, owner)?) else {
        return Ok(StoreOutcome::NotFound);
    };
    let identity: Option<[u8; 32]> = db
        .prepare_cached("SELECT identity FROM accounts WHERE id = ?1")?
        .query_row([account], |row| row.get(0))?;
    let Some(identity) = identity else { return Ok(StoreOutcome::NotFound) };
    let oldest = "SELECT id, once, body FROM prekeys WHERE account = ?1 AND (once = 0 OR ?2)
                  ORDER BY once DESC, id LIMIT 1";
    let found: Option<(i64, bool, Vec<u8>)> = db
        .prepare_cached(oldest)?
        .query_row(params![account, !blocks(db, account, asker)?], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((id, once, body)) = found else { return Ok(StoreOutcome::NotFound) };
    if once {
        db.prepare_cached("DELETE FROM prekeys WHERE id = ?1")?.execute([id])?;
    }
    let prekey = postcard::from_bytes(&body).map_err(|_| damaged("a key for letters"))?;
    Ok(StoreOutcome::Prekey { identity: IdentityKey(identity), prekey })
}

/// One letter for somebody's mailbox.
pub(super) struct NewLetter<'a> {
    pub(super) from: &'a Name,
    pub(super) to: &'a Name,
    pub(super) prekey: u64,
    pub(super) sealed: &'a [u8],
}

/// Keeps a letter. One from somebody whom the receiver blocks is kept nowhere, which its sender does
/// not learn.
pub(super) fn deposit(
    db: &Savepoint<'_>,
    letter: &NewLetter<'_>,
    mailbox: Mailbox,
    now: u64,
) -> Result<StoreOutcome> {
    let (Some(sender), Some(owner)) =
        (accounts::id(db, letter.from)?, accounts::id(db, letter.to)?)
    else {
        return Ok(StoreOutcome::NotFound);
    };
    dealings::note(db, sender, owner)?;
    if blocks(db, owner, sender)? {
        return Ok(StoreOutcome::Done);
    }
    let kept = now.saturating_sub(mailbox.kept_for);
    db.prepare_cached("DELETE FROM letters WHERE owner = ?1 AND at < ?2")?
        .execute(params![owner, to_sql(kept)])?;
    // With this one; each counts by its length [W-185].
    let new = units(letter.sealed.len()) as u64;
    let (all, his): (i64, i64) = db
        .prepare_cached(
            "SELECT coalesce(sum(units), 0), coalesce(sum(units) FILTER (WHERE sender = ?2), 0)
             FROM (SELECT sender, (length(sealed) + ?3 - 1) / ?3 AS units
                   FROM letters WHERE owner = ?1)",
        )?
        .query_row([owner, sender, to_sql(UNIT as u64)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (all, his) = (from_sql(all) + new, from_sql(his) + new);
    if all > mailbox.letters || his > mailbox.letters_of_one {
        return Ok(StoreOutcome::Full);
    }
    let (of_strangers, is_stranger) = dealings::strangers(db, owner, sender)?;
    if is_stranger
        && (of_strangers + new > mailbox.letters_of_strangers()
            || his > mailbox.letters_of_a_stranger())
    {
        return Ok(StoreOutcome::Full);
    }
    db.prepare_cached(
        "INSERT INTO letters (owner, sender, prekey, sealed, at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        owner,
        sender,
        letter.prekey.cast_signed(),
        letter.sealed,
        to_sql(now)
    ])?;
    Ok(StoreOutcome::Done)
}

/// The oldest letters behind this one, as many as go into one answer.
pub(super) fn collect(
    db: &Savepoint<'_>,
    owner: &Name,
    after: u64,
    oldest: u64,
) -> Result<StoreOutcome> {
    let Some(account) = accounts::id(db, owner)? else { return Ok(StoreOutcome::NotFound) };
    let mut letters = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT letters.id, name, identity, prekey, letters.sealed
         FROM letters JOIN accounts ON accounts.id = sender
         WHERE owner = ?1 AND letters.id > ?2 AND at >= ?3 AND identity IS NOT NULL
         ORDER BY letters.id LIMIT ?4",
    )?;
    let limit = to_sql(MAX_LETTERS as u64 + 1);
    let mut rows = select.query(params![account, to_sql(after), to_sql(oldest), limit])?;
    let (mut bytes, mut more) = (0, false);
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get(4)?;
        bytes += sealed.len();
        more = letters.len() >= MAX_LETTERS || bytes > MAX_LETTERS_BYTES;
        if more {
            break;
        }
        letters.push(Letter {
            id: from_sql(row.get(0)?),
            from: accounts::read_name(&row.get::<_, String>(1)?)?,
            identity: IdentityKey(row.get(2)?),
            prekey: row.get::<_, i64>(3)?.cast_unsigned(),
            sealed,
        });
    }
    let prekeys: u32 = db
        .prepare_cached("SELECT count(*) FROM prekeys WHERE account = ?1 AND once = 1")?
        .query_row([account], |row| row.get(0))?;
    Ok(StoreOutcome::Letters { letters, more, prekeys })
}

/// These letters need not be kept.
pub(super) fn discard(db: &Savepoint<'_>, owner: &Name, letters: &[u64]) -> Result<StoreOutcome> {
    let Some(account) = accounts::id(db, owner)? else { return Ok(StoreOutcome::NotFound) };
    let mut delete = db.prepare_cached("DELETE FROM letters WHERE owner = ?1 AND id = ?2")?;
    for id in letters {
        delete.execute(params![account, to_sql(*id)])?;
    }
    Ok(StoreOutcome::Done)
}

fn blocks(db: &Savepoint<'_>, blocker: i64, target: i64) -> Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker = ?1 AND target = ?2)")?
        .query_row([blocker, target], |row| row.get(0))
}
