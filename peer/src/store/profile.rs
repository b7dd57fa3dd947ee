//! Who is logged in here, with which keys, and whom he knows.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::app::identity::IdentityKey;
use wire::app::letter::Serves;
use wire::app::name::Name;
use wire::{PublicKey, Secret, StaticKey};
use zeroize::Zeroizing;

use super::{Answer, Open, calls, failed, messages, posts, strangers, transfers};
use crate::work::{
    Account, AccountId, AutoAccept, Contact, Installation, Keys, PrekeySecret, Profile,
    ServerRecord, ShownIdentity, StoreError, StoreReply,
};

/// Opens the profile of `account`, or of whoever is logged in.
pub(super) fn load(
    connection: &Connection,
    open: &mut Option<Open>,
    account: Option<AccountId>,
) -> Answer {
    *open = match account {
        Some(account) => Some(find(connection, account).map_err(failed)?),
        None => logged_in(connection).map_err(failed)?,
    };
    let servers = servers(connection).map_err(failed)?;
    let mut loaded = Profile { servers, ..Profile::default() };
    if let Some(Open { account, row: Some(row) }) = open {
        let (installation, secrets) = keys(connection, *row).map_err(failed)?;
        loaded.rooms =
            posts::load(connection, *row, installation.device.public()).map_err(failed)?;
        loaded.installation = Some(installation);
        loaded.account = secrets.map(|secrets| secrets.account(account)).transpose()?;
        loaded.contacts = contacts(connection, *row).map_err(failed)?;
        loaded.outbox = messages::outbox(connection, *row).map_err(failed)?;
        loaded.prekeys = prekeys(connection, *row).map_err(failed)?;
        loaded.calls = calls::load(connection, *row).map_err(failed)?;
        loaded.transfers = transfers::load(connection, *row).map_err(failed)?;
        loaded.requests = strangers::load(connection, *row).map_err(failed)?;
    }
    Ok(StoreReply::Loaded(Box::new(loaded)))
}

/// Creates the open profile, or gives it other keys.
pub(super) fn save_installation(
    connection: &Connection,
    open: &mut Option<Open>,
    installation: &Installation,
) -> Answer {
    let Some(open) = open else { return Err(StoreError("no profile is open".to_owned())) };
    let row = connection
        .query_row(
            "INSERT INTO profiles (server, name, device, token_secret) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET device = ?3, token_secret = ?4 RETURNING id",
            params![
                open.account.server.0,
                open.account.name.as_str(),
                installation.device.private(),
                installation.token_secret.expose()
            ],
            |row| row.get(0),
        )
        .map_err(failed)?;
    open.row = Some(row);
    Ok(StoreReply::Done)
}

/// Logs the open profile in, or everybody out. Keys that are nowhere else stay, but for those of the open
/// profile: who logs out of that has been asked.
pub(super) fn save_account(
    connection: &Connection,
    open: Option<&Open>,
    account: Option<&Account>,
) -> Answer {
    connection
        .execute(
            "UPDATE profiles SET identity_secret = NULL, certificate = NULL, only_here = 0
             WHERE NOT only_here OR id = ?1",
            [open.and_then(|open| open.row)],
        )
        .and_then(|_| connection.execute("UPDATE profiles SET set_aside = only_here", []))
        .map_err(failed)?;
    let Some(account) = account else { return Ok(StoreReply::Done) };
    let row = super::row(open)?;
    let certificate = serde_json::to_string(&account.certificate)
        .expect("a certificate holds nothing that cannot be encoded");
    let changed = connection
        .execute(
            "UPDATE profiles SET identity_secret = ?1, certificate = ?2, only_here = ?6, set_aside = 0
             WHERE id = ?3 AND server = ?4 AND name = ?5",
            params![
                account.identity_secret.expose(),
                certificate,
                row,
                account.server.0,
                account.name.as_str(),
                account.keys == Keys::OnlyHere,
            ],
        )
        .map_err(failed)?;
    if changed == 1 {
        Ok(StoreReply::Done)
    } else {
        Err(StoreError("the open profile is not this account's".to_owned()))
    }
}

/// Removes what made the profile its account's, and gives up what waits.
pub(super) fn forget_account(
    connection: &Connection,
    profile: i64,
    installation: &Installation,
) -> Answer {
    let given_up = "the account was deleted";
    connection
        .execute(
            "UPDATE profiles SET identity_secret = NULL, certificate = NULL, only_here = 0,
                 set_aside = 0, device = ?2, token_secret = ?3 WHERE id = ?1",
            params![profile, installation.device.private(), installation.token_secret.expose()],
        )
        .and_then(|_| connection.execute("DELETE FROM prekeys WHERE profile = ?1", [profile]))
        .and_then(|_| messages::give_all_up(connection, profile, given_up))
        .and_then(|()| transfers::cancel_all(connection, profile))
        .and_then(|()| strangers::forget_all(connection, profile))
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Pins a server's key. A token of the key before is worth nothing.
pub(super) fn pin_server(connection: &Connection, address: &str, key: PublicKey) -> Answer {
    connection
        .execute(
            "INSERT INTO servers (address, key) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET token = iif(key = ?2, token, NULL), key = ?2",
            params![address, key.0],
        )
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Gives the accounts of a server to its new key. A profile that stands under that key already
/// changes places with the one of its name, so that neither is lost and trusting the former key
/// again undoes it.
pub(super) fn move_server(
    connection: &Connection,
    open: &mut Option<Open>,
    from: PublicKey,
    to: PublicKey,
) -> Answer {
    let set_aside = exchange(connection, from, to).map_err(failed)?;
    if let Some(open) = open {
        let account = &mut open.account;
        if account.server == from {
            account.server = to;
        } else if account.server == to && set_aside.contains(&account.name) {
            account.server = from;
        }
    }
    Ok(StoreReply::Moved { set_aside })
}

/// Says whose profiles were under `to`, and are under `from` now.
fn exchange(
    connection: &Connection,
    from: PublicKey,
    to: PublicKey,
) -> rusqlite::Result<Vec<Name>> {
    if from == to {
        return Ok(Vec::new());
    }
    // Where no key is, for as long as both would stand under one.
    const NOWHERE: [u8; 0] = [];
    connection.execute(
        "UPDATE profiles SET server = ?3 WHERE server = ?2
         AND name IN (SELECT name FROM profiles WHERE server = ?1)",
        params![from.0, to.0, NOWHERE],
    )?;
    connection
        .execute("UPDATE profiles SET server = ?2 WHERE server = ?1", params![from.0, to.0])?;
    connection
        .prepare_cached("UPDATE profiles SET server = ?1 WHERE server = ?2 RETURNING name")?
        .query_map(params![from.0, NOWHERE], |row| name(row, 0))?
        .collect()
}

/// Keeps a token of a pinned server.
pub(super) fn save_server_token(connection: &Connection, address: &str, token: [u8; 24]) -> Answer {
    connection
        .execute("UPDATE servers SET token = ?2 WHERE address = ?1", params![address, token])
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Keeps what is known of another user.
pub(super) fn save_contact(connection: &Connection, profile: i64, contact: &Contact) -> Answer {
    let (standing, declined_at) = strangers::standing_columns(contact.standing);
    let (asking, asked_at) = strangers::asking_columns(contact.asking);
    connection
        .execute(
            "REPLACE INTO contacts (profile, name, identity, generation, blocked, verified, shown,
                 shown_generation, standing, declined_at, asking, ignored, auto_accept, nickname,
                 asked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                profile,
                contact.name.as_str(),
                contact.identity.map(|identity| identity.0),
                contact.generation.cast_signed(),
                contact.blocked,
                contact.verified,
                contact.shown.map(|shown| shown.identity.0),
                contact.shown.map_or(0, |shown| shown.generation).cast_signed(),
                standing,
                declined_at,
                asking,
                contact.ignored,
                auto_accept_column(contact.auto_accept),
                contact.nickname,
                asked_at,
            ],
        )
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// The column of what was chosen of a user's files: most bytes, -1 all of them.
fn auto_accept_column(chosen: AutoAccept) -> Option<i64> {
    match chosen {
        AutoAccept::Usual => None,
        AutoAccept::Never => Some(0),
        AutoAccept::Any => Some(-1),
        AutoAccept::UpTo(most) => Some(i64::try_from(most).unwrap_or(i64::MAX)),
    }
}

fn auto_accept(column: Option<i64>) -> AutoAccept {
    match column {
        None => AutoAccept::Usual,
        Some(0) => AutoAccept::Never,
        Some(most) => u64::try_from(most).map_or(AutoAccept::Any, AutoAccept::UpTo),
    }
}

/// Keeps keys for letters.
pub(super) fn save_prekeys(connection: &Connection, profile: i64, keys: &[PrekeySecret]) -> Answer {
    for key in keys {
        connection
            .prepare_cached(
                "INSERT INTO prekeys (profile, id, secret, once, made) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    profile,
                    key.id.cast_signed(),
                    key.key.private(),
                    key.serves == Serves::Once,
                    key.made.cast_signed()
                ])
            })
            .map_err(failed)?;
    }
    Ok(StoreReply::Done)
}

/// What is deleted is overwritten (`secure_delete`).
pub(super) fn forget_prekey(connection: &Connection, profile: i64, id: u64) -> Answer {
    connection
        .execute(
            "DELETE FROM prekeys WHERE profile = ?1 AND id = ?2",
            params![profile, id.cast_signed()],
        )
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

fn prekeys(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<PrekeySecret>> {
    connection
        .prepare_cached("SELECT id, secret, once, made FROM prekeys WHERE profile = ?1")?
        .query_map([profile], |row| {
            let secret = Zeroizing::new(row.get::<_, [u8; 32]>(1)?);
            Ok(PrekeySecret {
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                key: StaticKey::from_private(*secret),
                serves: if row.get(2)? { Serves::Once } else { Serves::Weekly },
                made: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })?
        .collect()
}

/// The name in a column.
pub(super) fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    let text: String = row.get(column)?;
    Name::try_from(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

pub(super) fn find(connection: &Connection, account: AccountId) -> rusqlite::Result<Open> {
    let row = connection
        .query_row(
            "SELECT id FROM profiles WHERE server = ?1 AND name = ?2",
            params![account.server.0, account.name.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(Open { account, row })
}

pub(super) fn logged_in(connection: &Connection) -> rusqlite::Result<Option<Open>> {
    connection
        .query_row(
            "SELECT id, server, name FROM profiles
             WHERE identity_secret IS NOT NULL AND NOT set_aside",
            [],
            |row| {
                let account = AccountId { server: PublicKey(row.get(1)?), name: name(row, 2)? };
                Ok(Open { account, row: Some(row.get(0)?) })
            },
        )
        .optional()
}

/// What is kept of an account while it is logged in.
pub(super) struct Secrets {
    identity: Secret<[u8; 32]>,
    certificate: String,
    keys: Keys,
}

impl Secrets {
    /// Whether this is the only copy of another identity's secret.
    pub(super) fn is_only_copy_beside(&self, other: &Secret<[u8; 32]>) -> bool {
        self.keys == Keys::OnlyHere && self.identity.expose() != other.expose()
    }

    /// Where the keys are.
    pub(super) const fn keys(&self) -> Keys {
        self.keys
    }

    fn account(self, id: &AccountId) -> Result<Account, StoreError> {
        let certificate = serde_json::from_str(&self.certificate)
            .map_err(|error| StoreError(format!("the stored certificate is damaged: {error}")))?;
        Ok(Account {
            name: id.name.clone(),
            server: id.server,
            identity_secret: self.identity,
            certificate,
            keys: self.keys,
        })
    }
}

pub(super) fn keys(
    connection: &Connection,
    profile: i64,
) -> rusqlite::Result<(Installation, Option<Secrets>)> {
    connection.query_row(
        "SELECT device, token_secret, identity_secret, certificate, only_here
         FROM profiles WHERE id = ?1",
        [profile],
        |row| {
            let device = Zeroizing::new(row.get::<_, [u8; 32]>(0)?);
            let installation = Installation {
                device: StaticKey::from_private(*device),
                token_secret: Secret::new(row.get(1)?),
            };
            let identity: Option<[u8; 32]> = row.get(2)?;
            let secrets = match identity {
                Some(identity) => Some(Secrets {
                    identity: Secret::new(identity),
                    certificate: row.get(3)?,
                    keys: if row.get(4)? { Keys::OnlyHere } else { Keys::Sealed },
                }),
                None => None,
            };
            Ok((installation, secrets))
        },
    )
}

pub(super) fn servers(connection: &Connection) -> rusqlite::Result<Vec<ServerRecord>> {
    connection
        .prepare_cached("SELECT address, key, token FROM servers ORDER BY address")?
        .query_map([], |row| {
            Ok(ServerRecord {
                address: row.get(0)?,
                key: PublicKey(row.get(1)?),
                token: row.get(2)?,
            })
        })?
        .collect()
}

pub(super) fn contacts(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<Contact>> {
    connection
        .prepare_cached(
            "SELECT name, identity, generation, blocked, verified, shown, shown_generation,
                 standing, declined_at, asking, ignored, auto_accept, nickname,
                 asked_at
             FROM contacts WHERE profile = ?1 ORDER BY name",
        )?
        .query_map([profile], |row| {
            let shown_generation = row.get::<_, i64>(6)?.cast_unsigned();
            let shown = row.get::<_, Option<[u8; 32]>>(5)?.map(|identity| ShownIdentity {
                identity: IdentityKey(identity),
                generation: shown_generation,
            });
            Ok(Contact {
                name: name(row, 0)?,
                identity: row.get::<_, Option<[u8; 32]>>(1)?.map(IdentityKey),
                generation: row.get::<_, i64>(2)?.cast_unsigned(),
                blocked: row.get(3)?,
                verified: row.get(4)?,
                shown,
                standing: strangers::standing(row.get(7)?, row.get(8)?),
                asking: strangers::asking(row.get(9)?, row.get(13)?),
                ignored: row.get(10)?,
                auto_accept: auto_accept(row.get(11)?),
                nickname: row.get(12)?,
            })
        })?
        .collect()
}
