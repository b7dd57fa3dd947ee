//! What the operator's commands ask, beside a running server or without one.

use rusqlite::OptionalExtension;
use wire::app::name::Name;

use super::{Result, SqliteStore, accounts, attempts, from_sql};

/// One account, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: Name,
    /// Whether it has an identity, or still waits for its first login.
    pub used: bool,
    /// How many devices may log in.
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
    /// Devices.
    pub devices: u64,
    /// Blocks.
    pub blocks: u64,
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
                 (SELECT count(*) FROM devices WHERE account = id)
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

    /// Removes an account with everything that belongs to it; `false` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub fn delete(&mut self, name: &Name) -> Result<bool> {
        let removed =
            self.connection.execute("DELETE FROM accounts WHERE name = ?1", [name.as_str()])?;
        Ok(removed > 0)
    }

    /// Removes every lock of an account; `false` when there is no such account.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unlock(&mut self, name: &Name) -> Result<bool> {
        attempts::unlock(&self.connection, name)?;
        let exists: Option<i64> = self
            .connection
            .query_row("SELECT id FROM accounts WHERE name = ?1", [name.as_str()], |row| row.get(0))
            .optional()?;
        Ok(exists.is_some())
    }

    /// Counts of what is stored, at `now` seconds after 1970.
    ///
    /// # Errors
    /// When the database fails.
    pub fn totals(&self, now: u64) -> Result<Totals> {
        let count = |sql: &str| self.connection.query_row(sql, [], |row| row.get(0)).map(from_sql);
        Ok(Totals {
            accounts: count("SELECT count(*) FROM accounts")?,
            devices: count("SELECT count(*) FROM devices")?,
            blocks: count("SELECT count(*) FROM blocks")?,
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
