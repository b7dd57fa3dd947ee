//! What the operator's commands ask, beside a running server or without one.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};
use wire::PublicKey;
use wire::app::login::Stretch;
use wire::app::name::Name;

use super::{Result, SqliteStore, accounts, attempts, from_sql, rooms};
use crate::store::{Meanwhile, Reset, Resets, Revocation};

/// One account, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: Name,
    /// Whether it has an identity, or still waits for its first login.
    pub used: bool,
    /// How many devices may log in by their keys.
    pub devices: u64,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When its user was last seen; 0 for never.
    pub last_seen: u64,
    /// Until when password logins are refused somewhere; 0 or past when they are not.
    pub locked_until: u64,
}

/// Counts of what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts.
    pub accounts: u64,
    /// Devices that may log in by their keys.
    pub devices: u64,
    /// Blocks.
    pub blocks: u64,
    /// Rooms.
    pub rooms: u64,
    /// Locks in force at the time asked for.
    pub locks: u64,
}

impl SqliteStore {
    /// All accounts, sorted by name.
    ///
    /// # Errors
    /// When the database fails.
    pub fn accounts(&self) -> Result<Vec<AccountRow>> {
        let mut statement = self.connection.prepare(
            "SELECT name, identity IS NOT NULL, created, last_seen,
                 (SELECT count(*) FROM devices
                     WHERE account = id AND devices.resets = accounts.resets)
             FROM accounts ORDER BY name",
        )?;
        let mut rows = statement.query([])?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let name = accounts::read_name(&row.get::<_, String>(0)?)?;
            let locked_until = attempts::locked_until(&self.connection, &name)?;
            list.push(AccountRow {
                name,
                used: row.get(1)?,
                devices: from_sql(row.get(4)?),
                created: from_sql(row.get(2)?),
                last_seen: from_sql(row.get(3)?),
                locked_until,
            });
        }
        Ok(list)
    }

    /// Removes an account with everything that belongs to it; `false` when there is none. A
    /// server that runs on this database hears of it by [`SqliteStore::take_meanwhile`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn delete(&mut self, name: &Name) -> Result<bool> {
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change.execute(
            "INSERT OR IGNORE INTO revoked (name, device)
             SELECT name, device FROM accounts JOIN devices ON account = id WHERE name = ?1",
            [name.as_str()],
        )?;
        let removed = accounts::remove(&change, name)?;
        change.commit()?;
        self.has_removed |= removed;
        self.overwrite_removed();
        Ok(removed)
    }

    /// What another program has done since this was last asked. Costs next to nothing while no
    /// other program has changed the database.
    ///
    /// # Errors
    /// When the database fails; the same comes the next time.
    pub fn take_meanwhile(&mut self) -> Result<Meanwhile> {
        let version =
            self.connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))?;
        if self.looked_at == Some(version) {
            return Ok(Meanwhile::default());
        }
        // Together: what is taken is told.
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let revoked = take_revoked(&change)?;
        let resets = take_resets(&change)?;
        let rooms = rooms::take_untold(&change)?;
        change.commit()?;
        self.looked_at = Some(version);
        Ok(Meanwhile { revoked, resets, rooms })
    }

    /// Lets another password hold for an account, which its user forgot [W-160]: `record` is OPAQUE's,
    /// stretched so. Nobody is locked out of it any more. `false` when there is no such account. A
    /// server that runs on this database hears of it by [`SqliteStore::take_meanwhile`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn reset_password(&mut self, name: &Name, record: &[u8], stretch: Stretch) -> Result<bool> {
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_done = accounts::reset_password(&change, name, record, stretch)?;
        change.commit()?;
        // Whoever learned the password before could open what was sealed under it: see
        // `overwrite_removed`.
        self.has_removed |= is_done;
        Ok(is_done)
    }

    /// Whether there is such an account.
    ///
    /// # Errors
    /// When the database fails.
    pub fn has_account(&self, name: &Name) -> Result<bool> {
        let exists: Option<i64> = self
            .connection
            .query_row("SELECT id FROM accounts WHERE name = ?1", [name.as_str()], |row| row.get(0))
            .optional()?;
        Ok(exists.is_some())
    }

    /// Removes every lock of an account; `false` when there is no such account.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unlock(&mut self, name: &Name) -> Result<bool> {
        attempts::unlock(&self.connection, name)?;
        self.has_account(name)
    }

    /// Rows changed since the database was opened.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Counts of what is stored, at `now` seconds after 1970.
    ///
    /// # Errors
    /// When the database fails.
    pub fn totals(&self, now: u64) -> Result<Totals> {
        let count = |sql: &str| self.connection.query_row(sql, [], |row| row.get(0)).map(from_sql);
        Ok(Totals {
            accounts: count("SELECT count(*) FROM accounts")?,
            devices: count(
                "SELECT count(*) FROM devices JOIN accounts ON account = id
                     WHERE devices.resets = accounts.resets",
            )?,
            blocks: count("SELECT count(*) FROM blocks")?,
            rooms: count("SELECT count(*) FROM rooms")?,
            locks: self
                .connection
                .query_row(
                    "SELECT count(*) FROM attempts WHERE locked_until > ?1",
                    [super::to_sql(now)],
                    |row| row.get(0),
                )
                .map(from_sql)?,
        })
    }
}

fn take_revoked(change: &Transaction<'_>) -> Result<Vec<Revocation>> {
    let mut statement = change.prepare_cached("DELETE FROM revoked RETURNING name, device")?;
    let mut rows = statement.query([])?;
    let mut revoked = Vec::new();
    while let Some(row) = rows.next()? {
        let name = accounts::read_name(&row.get::<_, String>(0)?)?;
        revoked.push(Revocation { name, device: PublicKey(row.get(1)?) });
    }
    Ok(revoked)
}

fn take_resets(change: &Transaction<'_>) -> Result<Vec<Reset>> {
    let mut statement = change.prepare_cached(
        "SELECT name, resets FROM accounts JOIN untold_resets ON account = id ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    let mut resets = Vec::new();
    while let Some(row) = rows.next()? {
        let name = accounts::read_name(&row.get::<_, String>(0)?)?;
        resets.push(Reset { name, resets: Resets(from_sql(row.get(1)?)) });
    }
    change.execute("DELETE FROM untold_resets", [])?;
    Ok(resets)
}
