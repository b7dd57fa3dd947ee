//! Strangers who ask to talk, and what is held of them: apart from the messages, so that neither history
//! nor search finds it, and nothing has to be undone when they are dismissed.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::PublicKey;
use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::peer::MAX_TEXT;

use super::messages::{self, Kept, insert_incoming};
use super::profile::{name, save_contact};
use super::unkept::Unkept;
use super::{Answer, changes, failed};
use crate::work::{
    Asking, Contact, Incoming, MAX_REQUESTS, Receipt, RequestRecord, Standing, StoreReply,
    StrangerRequest,
};

/// Most messages that are held of one stranger.
pub(super) const MAX_MESSAGES: i64 = 32;
/// Most bytes of their texts: the longest one alone fits.
pub(super) const MAX_BYTES: i64 = MAX_TEXT as i64;

pub(super) const HELD: &str = "
    SELECT nonce, body, 0, kind, about_device, about_sequence, about_nonce FROM held
    WHERE profile = ?1 AND identity = ?2 AND device = ?3 AND sequence = ?4";
pub(super) const HELD_OF: &str = "
    SELECT identity, device, sequence, after, nonce, sent, at, body,
        kind, about_device, about_sequence, about_nonce
    FROM held WHERE profile = ?1 AND peer = ?2 ORDER BY id";
pub(super) const FILLED: &str = "
    SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM held
    WHERE profile = ?1 AND peer = ?2";

pub(super) fn answer(
    connection: &Connection,
    profile: i64,
    unkept: &mut Unkept,
    request: StrangerRequest,
) -> Answer {
    match request {
        StrangerRequest::Hold(incoming) => {
            unkept.in_order(&incoming, || hold(connection, profile, &incoming))
        }
        StrangerRequest::HoldInTurn(incoming) => {
            unkept.in_order(&incoming, || hold_in_turn(connection, profile, &incoming))
        }
        StrangerRequest::Keep { from, file, at } => {
            keep_request(connection, profile, &from, file.as_deref(), at)
        }
        StrangerRequest::Admit(contact) => admit(connection, profile, &contact),
        StrangerRequest::Dismiss(contact) => dismiss(connection, profile, &contact),
        StrangerRequest::Expire { from, since } => {
            expire(connection, profile, &from, since).map(StoreReply::Expired).map_err(failed)
        }
    }
}

/// Holds a message of a stranger, unless it is held already or there is no room.
fn hold(connection: &Connection, profile: i64, incoming: &Incoming) -> Answer {
    insert_held(connection, profile, incoming).map(StoreReply::Received).map_err(failed)
}

/// The same when nothing before it is missing.
fn hold_in_turn(connection: &Connection, profile: i64, incoming: &Incoming) -> Answer {
    let is_here = |sequence| known(connection, profile, incoming, sequence).map(|it| it.is_some());
    let is_in_turn = incoming.after == 0
        || is_here(incoming.after).map_err(failed)?
        || is_here(incoming.sequence).map_err(failed)?;
    if is_in_turn {
        hold(connection, profile, incoming)
    } else {
        Ok(StoreReply::Received(Receipt::OutOfTurn))
    }
}

fn insert_held(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
) -> rusqlite::Result<Receipt> {
    if let Some(known) = known(connection, profile, incoming, incoming.sequence)? {
        return Ok(known.again(incoming));
    }
    let peer = incoming.from.as_str();
    let (messages, bytes): (i64, i64) = connection
        .prepare_cached(FILLED)?
        .query_row(params![profile, peer], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let room = usize::try_from(MAX_BYTES - bytes).unwrap_or(0);
    if messages >= MAX_MESSAGES
        || incoming.body.len() > room
        || !insert_request(connection, profile, &incoming.from, None, incoming.at)?
    {
        return Ok(Receipt::NoRoom);
    }
    let (kind, about) = changes::columns(&incoming.kind);
    connection
        .prepare_cached(
            "INSERT INTO held (profile, peer, identity, device, sequence, after, nonce, sent, at, body,
                 kind, about_device, about_sequence, about_nonce)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            profile,
            peer,
            incoming.identity.0,
            incoming.device.0,
            incoming.sequence.cast_signed(),
            incoming.after.cast_signed(),
            incoming.nonce,
            incoming.sent.cast_signed(),
            incoming.at.cast_signed(),
            incoming.body,
            kind,
            about.map(|about| about.device.0),
            about.map(|about| about.sequence.cast_signed()),
            about.map(|about| about.nonce),
        ])?;
    Ok(Receipt::Held)
}

/// The message with this number of the sender of `incoming`, held or received before.
fn known(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    sequence: u64,
) -> rusqlite::Result<Option<Kept>> {
    if let Some(kept) = messages::kept(connection, profile, incoming, sequence)? {
        return Ok(Some(kept));
    }
    let (identity, device) = (incoming.identity.0, incoming.device.0);
    connection
        .prepare_cached(HELD)?
        .query_row(params![profile, identity, device, sequence.cast_signed()], messages::read_kept)
        .optional()
}

/// Somebody asks, or offers a file.
fn keep_request(
    connection: &Connection,
    profile: i64,
    from: &Name,
    file: Option<&str>,
    at: u64,
) -> Answer {
    let is_kept = insert_request(connection, profile, from, file, at).map_err(failed)?;
    let receipt = if is_kept { Receipt::Held } else { Receipt::NoRoom };
    Ok(StoreReply::Received(receipt))
}

/// Says whether the request is there now.
fn insert_request(
    connection: &Connection,
    profile: i64,
    from: &Name,
    file: Option<&str>,
    at: u64,
) -> rusqlite::Result<bool> {
    let updated = connection
        .prepare_cached(
            "UPDATE requests SET file = coalesce(file, ?3) WHERE profile = ?1 AND peer = ?2",
        )?
        .execute(params![profile, from.as_str(), file])?;
    if updated == 1 {
        return Ok(true);
    }
    let inserted = connection
        .prepare_cached(
            "INSERT INTO requests (profile, peer, at, file) SELECT ?1, ?2, ?3, ?4
             WHERE (SELECT count(*) FROM requests WHERE profile = ?1) < ?5",
        )?
        .execute(params![profile, from.as_str(), at.cast_signed(), file, MAX_REQUESTS as i64])?;
    Ok(inserted == 1)
}

/// He was a stranger, and is a contact from now on: what was held is received.
fn admit(connection: &Connection, profile: i64, contact: &Contact) -> Answer {
    save_contact(connection, profile, contact)?;
    let receive = || {
        let mut admitted = Vec::new();
        for incoming in held_of(connection, profile, &contact.name)? {
            let receipt = insert_incoming(connection, profile, &incoming)?;
            admitted.push((incoming, receipt));
        }
        forget(connection, profile, &contact.name)?;
        Ok(admitted)
    };
    receive().map(StoreReply::Admitted).map_err(failed)
}

/// He is not wanted: what was held is overwritten (`secure_delete`).
fn dismiss(connection: &Connection, profile: i64, contact: &Contact) -> Answer {
    save_contact(connection, profile, contact)?;
    forget(connection, profile, &contact.name).map_err(failed)?;
    Ok(StoreReply::Done)
}

/// He was not answered: as [`dismiss`], unless something of his came after `since`.
fn expire(
    connection: &Connection,
    profile: i64,
    peer: &Name,
    since: u64,
) -> rusqlite::Result<bool> {
    let has_news: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM held WHERE profile = ?1 AND peer = ?2 AND at > ?3)",
        )?
        .query_row(params![profile, peer.as_str(), since.cast_signed()], |row| row.get(0))?;
    if !has_news {
        forget(connection, profile, peer)?;
    }
    Ok(!has_news)
}

fn forget(connection: &Connection, profile: i64, peer: &Name) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM held WHERE profile = ?1 AND peer = ?2",
        "DELETE FROM requests WHERE profile = ?1 AND peer = ?2",
    ] {
        connection.prepare_cached(sql)?.execute(params![profile, peer.as_str()])?;
    }
    Ok(())
}

fn held_of(connection: &Connection, profile: i64, peer: &Name) -> rusqlite::Result<Vec<Incoming>> {
    let read = |row: &Row<'_>| {
        Ok(Incoming {
            from: peer.clone(),
            identity: IdentityKey(row.get(0)?),
            device: PublicKey(row.get(1)?),
            sequence: row.get::<_, i64>(2)?.cast_unsigned(),
            after: row.get::<_, i64>(3)?.cast_unsigned(),
            nonce: row.get(4)?,
            sent: row.get::<_, i64>(5)?.cast_unsigned(),
            at: row.get::<_, i64>(6)?.cast_unsigned(),
            body: row.get(7)?,
            kind: changes::kind(row, 8)?,
        })
    };
    let mut select = connection.prepare_cached(HELD_OF)?;
    select.query_map(params![profile, peer.as_str()], read)?.collect()
}

/// Who has asked has asked an account that is no more.
pub(super) fn forget_all(connection: &Connection, profile: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM requests WHERE profile = ?1", [profile])?;
    connection.execute("DELETE FROM held WHERE profile = ?1", [profile])?;
    Ok(())
}

/// Who asks.
pub(super) fn load(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<RequestRecord>> {
    connection
        .prepare_cached(
            "SELECT peer, at, file,
                 (SELECT body FROM held WHERE held.profile = ?1 AND held.peer = requests.peer
                  ORDER BY id LIMIT 1),
                 (SELECT count(*) FROM held WHERE held.profile = ?1 AND held.peer = requests.peer),
                 max(at, coalesce((SELECT max(held.at) FROM held
                  WHERE held.profile = ?1 AND held.peer = requests.peer), 0))
             FROM requests WHERE profile = ?1 ORDER BY peer",
        )?
        .query_map([profile], |row| {
            Ok(RequestRecord {
                from: name(row, 0)?,
                at: row.get::<_, i64>(1)?.cast_unsigned(),
                file: row.get(2)?,
                text: row.get(3)?,
                messages: row.get::<_, i64>(4)?.cast_unsigned(),
                last: row.get::<_, i64>(5)?.cast_unsigned(),
            })
        })?
        .collect()
}

/// The columns of a standing.
pub(super) const fn standing_columns(standing: Standing) -> (i64, i64) {
    match standing {
        Standing::Stranger => (0, 0),
        Standing::Contact => (1, 0),
        Standing::Declined { at } => (2, at.cast_signed()),
    }
}

pub(super) const fn standing(column: i64, declined_at: i64) -> Standing {
    match column {
        0 => Standing::Stranger,
        2 => Standing::Declined { at: declined_at.cast_unsigned() },
        _ => Standing::Contact,
    }
}

/// The columns of what became of asking.
pub(super) const fn asking_columns(asking: Asking) -> (i64, i64) {
    match asking {
        Asking::Nothing => (0, 0),
        Asking::Asked { since } => (1, since.cast_signed()),
        Asking::Accepted => (2, 0),
    }
}

pub(super) const fn asking(column: i64, asked_at: i64) -> Asking {
    match column {
        1 => Asking::Asked { since: asked_at.cast_unsigned() },
        2 => Asking::Accepted,
        _ => Asking::Nothing,
    }
}

#[cfg(test)]
mod tests;
