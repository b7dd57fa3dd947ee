//! Accounts, their devices, and the beginnings of sessions.

use rusqlite::{Connection, OptionalExtension, Savepoint, params};
use wire::PublicKey;
use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::login::Stretch;
use wire::app::name::Name;

use super::{Result, attempts, blocks, damaged, from_sql, rooms, to_sql};
use crate::source::SourcePrefix;
use crate::store::{NewAccount, NewIdentity, NewPassword, Resets, SessionAccount, StoreOutcome};

/// Most devices of accounts that were removed of which it is known; the oldest are forgotten.
const MAX_DELETED: i64 = 65_536;

pub(super) fn create(db: &Savepoint<'_>, new: &NewAccount) -> Result<StoreOutcome> {
    let taken: Option<i64> = db
        .prepare_cached("SELECT id FROM accounts WHERE name = ?1 OR skeleton = ?2")?
        .query_row(params![new.name.as_str(), new.name.skeleton()], |row| row.get(0))
        .optional()?;
    if let Some(account) = taken {
        return repeat(db, account, new);
    }
    let (identity, sealed) = match &new.identity {
        Some(NewIdentity { identity, sealed, .. }) => (Some(identity.0), sealed.as_slice()),
        None => (None, [].as_slice()),
    };
    db.prepare_cached(
        "INSERT INTO accounts (name, skeleton, record, memory_kib, passes, lanes, identity, sealed,
             created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        new.name.as_str(),
        new.name.skeleton(),
        new.record,
        new.stretch.memory_kib,
        new.stretch.passes,
        new.stretch.lanes,
        identity,
        sealed,
        to_sql(new.now),
    ])?;
    let account = db.last_insert_rowid();
    match &new.identity {
        Some(NewIdentity { certificate, .. }) => {
            put_device(db, account, certificate)?;
            begin_session(db, account, &new.name, certificate, new.now)
        }
        None => Ok(StoreOutcome::Done),
    }
}

/// The same registration again, after its answer was lost, begins a session; any other is late.
fn repeat(db: &Savepoint<'_>, account: i64, new: &NewAccount) -> Result<StoreOutcome> {
    let Some(NewIdentity { identity, certificate, .. }) = &new.identity else {
        return Ok(StoreOutcome::Conflict);
    };
    let same: bool = db
        .prepare_cached(
            "SELECT count(*) FROM accounts
             WHERE id = ?1 AND name = ?2 AND record = ?3 AND identity = ?4",
        )?
        .query_row(params![account, new.name.as_str(), new.record, identity.0], |row| row.get(0))?;
    if same && device(db, account, certificate.device)? == Some(*certificate) {
        begin_session(db, account, &new.name, certificate, new.now)
    } else {
        Ok(StoreOutcome::Conflict)
    }
}

pub(super) fn add_device(
    db: &Savepoint<'_>,
    (name, identity): (&Name, IdentityKey),
    proven_at: Resets,
    certificate: &DeviceCertificate,
    now: u64,
) -> Result<StoreOutcome> {
    let Some(account) = id(db, name)? else { return Ok(StoreOutcome::Conflict) };
    // The account may have been deleted since its password was proven, and the name taken.
    if read_identity(db, account)? != Some(identity) {
        return Ok(StoreOutcome::Conflict);
    }
    if resets(db, account)? != proven_at {
        return Ok(StoreOutcome::NewPassword);
    }
    if device(db, account, certificate.device)? != Some(*certificate) {
        if certificate.generation <= generation(db, account)? {
            return Ok(StoreOutcome::Conflict);
        }
        put_device(db, account, certificate)?;
    }
    begin_session(db, account, name, certificate, now)
}

pub(super) fn set_identity(
    db: &Savepoint<'_>,
    name: &Name,
    proven_at: Resets,
    new: &NewIdentity,
    now: u64,
) -> Result<StoreOutcome> {
    let NewIdentity { identity, certificate, sealed } = new;
    let Some(account) = id(db, name)? else { return Ok(StoreOutcome::Conflict) };
    if resets(db, account)? != proven_at {
        return Ok(StoreOutcome::NewPassword);
    }
    let set = db
        .prepare_cached(
            "UPDATE accounts SET identity = ?2, sealed = ?3 WHERE id = ?1 AND identity IS NULL",
        )?
        .execute(params![account, identity.0, sealed])?;
    if set == 1 {
        put_device(db, account, certificate)?;
    } else if read_identity(db, account)? != Some(*identity)
        || device(db, account, certificate.device)? != Some(*certificate)
    {
        return Ok(StoreOutcome::Conflict);
    }
    begin_session(db, account, name, certificate, now)
}

pub(super) fn resume(
    db: &Savepoint<'_>,
    name: &Name,
    key: PublicKey,
    source: SourcePrefix,
    now: u64,
) -> Result<StoreOutcome> {
    let account = id(db, name)?;
    let known = match account {
        Some(account) => read_device(db, account, key)?.map(|device| (account, device)),
        None => None,
    };
    let Some((account, device)) = known else {
        let is_deleted = was_deleted(db, key)?;
        return Ok(if is_deleted { StoreOutcome::Deleted } else { StoreOutcome::NotFound });
    };
    let resets = resets(db, account)?;
    if device.added_at != resets {
        return Ok(StoreOutcome::NewPassword);
    }
    attempts::remember_source(db, account, source, now)?;
    let certificate = device.certificate;
    let newest = generation(db, account)?;
    match read_identity(db, account)? {
        Some(identity) if certificate.generation < newest => {
            Ok(StoreOutcome::Outdated { identity, generation: newest, resets })
        }
        Some(_) | None => begin_session(db, account, name, &certificate, now),
    }
}

pub(super) fn exists(db: &Savepoint<'_>, name: &Name) -> Result<StoreOutcome> {
    Ok(if id(db, name)?.is_some() { StoreOutcome::Done } else { StoreOutcome::NotFound })
}

pub(super) fn directory(db: &Savepoint<'_>, name: &Name) -> Result<StoreOutcome> {
    match id(db, name)? {
        Some(account) => Ok(StoreOutcome::Identity(read_identity(db, account)?)),
        None => Ok(StoreOutcome::NotFound),
    }
}

pub(super) fn left(db: &Savepoint<'_>, name: &Name, at: u64) -> Result<StoreOutcome> {
    db.prepare_cached("UPDATE accounts SET last_seen = ?2 WHERE name = ?1")?
        .execute(params![name.as_str(), to_sql(at)])?;
    Ok(StoreOutcome::Done)
}

/// Record and sealed identity belong together: both change, or neither.
pub(super) fn change_password(db: &Savepoint<'_>, new: &NewPassword) -> Result<StoreOutcome> {
    let changed = db
        .prepare_cached(
            "UPDATE accounts SET record = ?3, memory_kib = ?4, passes = ?5, lanes = ?6, sealed = ?7
             WHERE name = ?1 AND identity = ?2 AND resets = ?8",
        )?
        .execute(params![
            new.name.as_str(),
            new.identity.0,
            new.record,
            new.stretch.memory_kib,
            new.stretch.passes,
            new.stretch.lanes,
            new.sealed,
            to_sql(new.resets.0),
        ])?;
    Ok(match (changed, whose(db, &new.name, new.identity)?) {
        (1, _) => StoreOutcome::Done,
        // What was proven was the password before the operator's.
        (_, Some(_)) => StoreOutcome::NewPassword,
        (_, None) => StoreOutcome::NotFound,
    })
}

/// Lets a password of the operator's hold [W-160]: the identity's secret was sealed under another, so it
/// goes, and whatever was proven before counts no longer. `false` when there is no such account.
pub(super) fn reset_password(
    db: &Connection,
    name: &Name,
    record: &[u8],
    stretch: Stretch,
) -> Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE accounts SET record = ?2, memory_kib = ?3, passes = ?4, lanes = ?5, sealed = x'',
                 resets = resets + 1
             WHERE name = ?1",
        )?
        .execute(params![
            name.as_str(),
            record,
            stretch.memory_kib,
            stretch.passes,
            stretch.lanes
        ])?;
    db.prepare_cached(
        "INSERT OR IGNORE INTO untold_resets (account) SELECT id FROM accounts WHERE name = ?1",
    )?
    .execute([name.as_str()])?;
    attempts::unlock(db, name)?;
    Ok(changed == 1)
}

/// The account of this user goes, with all that belongs to it; nobody else's does.
pub(super) fn delete(
    db: &Savepoint<'_>,
    name: &Name,
    identity: IdentityKey,
    proven_at: Resets,
) -> Result<StoreOutcome> {
    let Some(account) = whose(db, name, identity)? else {
        return Ok(StoreOutcome::Removed { rooms: Vec::new() });
    };
    if resets(db, account)? != proven_at {
        return Ok(StoreOutcome::NewPassword);
    }
    remove(db, name)?;
    Ok(StoreOutcome::Removed { rooms: rooms::take_untold(db)? })
}

/// Removes an account: its devices, keys for letters, blocks of and against it, and letters of and
/// for it go with its row. What that means to rooms waits to be told. `false` when there is none.
pub(super) fn remove(db: &Connection, name: &Name) -> Result<bool> {
    let devices: Vec<PublicKey> = db
        .prepare_cached("SELECT device FROM devices JOIN accounts ON account = id WHERE name = ?1")?
        .query_map([name.as_str()], |row| row.get(0).map(PublicKey))?
        .collect::<Result<_>>()?;
    for device in devices {
        db.prepare_cached("INSERT OR REPLACE INTO deleted (device) VALUES (?1)")?
            .execute([fingerprint(device)])?;
    }
    db.prepare_cached(
        "DELETE FROM deleted WHERE number <= (SELECT max(number) FROM deleted) - ?1",
    )?
    .execute([MAX_DELETED])?;
    rooms::leave_all(db, name)?;
    let removed =
        db.prepare_cached("DELETE FROM accounts WHERE name = ?1")?.execute([name.as_str()])?;
    Ok(removed > 0)
}

/// Whether this was a device of an account that was removed.
fn was_deleted(db: &Savepoint<'_>, device: PublicKey) -> Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT * FROM deleted WHERE device = ?1)")?
        .query_row([fingerprint(device)], |row| row.get(0))
}

/// What is kept of a device whose account is gone: only who has it can find it again.
fn fingerprint(device: PublicKey) -> [u8; 32] {
    *blake3::hash(&device.0).as_bytes()
}

/// The number of an account.
pub(super) fn id(db: &Savepoint<'_>, name: &Name) -> Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM accounts WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()
}

/// The number of the account of this name, if it is this user's.
fn whose(db: &Savepoint<'_>, name: &Name, identity: IdentityKey) -> Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM accounts WHERE name = ?1 AND identity = ?2")?
        .query_row(params![name.as_str(), identity.0], |row| row.get(0))
        .optional()
}

/// How often the operator has given an account another password.
fn resets(db: &Savepoint<'_>, account: i64) -> Result<Resets> {
    db.prepare_cached("SELECT resets FROM accounts WHERE id = ?1")?
        .query_row([account], |row| row.get(0))
        .map(|resets| Resets(from_sql(resets)))
}

/// The highest generation of an account's devices; 0 when there is none. Those that may not log in any
/// more count: others have seen them.
pub(super) fn generation(db: &Savepoint<'_>, account: i64) -> Result<u64> {
    db.prepare_cached("SELECT coalesce(max(generation), 0) FROM devices WHERE account = ?1")?
        .query_row([account], |row| row.get(0))
        .map(from_sql)
}

/// A stored name, which was one when it was stored.
pub(super) fn read_name(text: &str) -> Result<Name> {
    Name::new(text).map_err(|_| damaged("a name that is none"))
}

fn read_identity(db: &Savepoint<'_>, account: i64) -> Result<Option<IdentityKey>> {
    db.prepare_cached("SELECT identity FROM accounts WHERE id = ?1")?
        .query_row([account], |row| row.get::<_, Option<[u8; 32]>>(0))
        .map(|identity| identity.map(IdentityKey))
}

fn begin_session(
    db: &Savepoint<'_>,
    account: i64,
    name: &Name,
    certificate: &DeviceCertificate,
    now: u64,
) -> Result<StoreOutcome> {
    let Some(identity) = read_identity(db, account)? else { return Ok(StoreOutcome::Conflict) };
    let failed_attempts = db
        .prepare_cached("SELECT failed FROM accounts WHERE id = ?1")?
        .query_row([account], |row| row.get(0))?;
    db.prepare_cached("UPDATE accounts SET failed = 0, last_seen = ?2 WHERE id = ?1")?
        .execute(params![account, to_sql(now)])?;
    Ok(StoreOutcome::Session(Box::new(SessionAccount {
        name: name.clone(),
        identity,
        certificate: *certificate,
        resets: resets(db, account)?,
        blocks: blocks::list(db, account)?,
        failed_attempts,
    })))
}

/// A device that is, or was, an account's.
struct Device {
    certificate: DeviceCertificate,
    /// It may log in as long as that is the account's count.
    added_at: Resets,
}

fn read_device(db: &Savepoint<'_>, account: i64, key: PublicKey) -> Result<Option<Device>> {
    let row: Option<(Vec<u8>, i64)> = db
        .prepare_cached(
            "SELECT certificate, resets FROM devices WHERE account = ?1 AND device = ?2",
        )?
        .query_row(params![account, key.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((bytes, resets)) = row else { return Ok(None) };
    let certificate = postcard::from_bytes(&bytes).map_err(|_| damaged("a damaged certificate"))?;
    Ok(Some(Device { certificate, added_at: Resets(from_sql(resets)) }))
}

/// The certificate of a device that may log in.
fn device(db: &Savepoint<'_>, account: i64, key: PublicKey) -> Result<Option<DeviceCertificate>> {
    let resets = resets(db, account)?;
    let device = read_device(db, account, key)?.filter(|device| device.added_at == resets);
    Ok(device.map(|device| device.certificate))
}

fn put_device(db: &Savepoint<'_>, account: i64, certificate: &DeviceCertificate) -> Result<()> {
    let bytes = postcard::to_stdvec(certificate).expect("a certificate has a plain encoding");
    db.prepare_cached(
        "INSERT INTO devices (account, device, generation, certificate, resets)
             VALUES (?1, ?2, ?3, ?4, (SELECT resets FROM accounts WHERE id = ?1))
         ON CONFLICT DO UPDATE SET generation = excluded.generation,
             certificate = excluded.certificate, resets = excluded.resets",
    )?
    .execute(params![account, certificate.device.0, to_sql(certificate.generation), bytes])?;
    db.prepare_cached("DELETE FROM deleted WHERE device = ?1")?
        .execute([fingerprint(certificate.device)])?;
    Ok(())
}
