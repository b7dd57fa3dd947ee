//! How far messages between two users were read, at either end.

use rusqlite::{Connection, OptionalExtension, params};
use wire::PublicKey;
use wire::app::name::Name;

use super::{Answer, failed};
use crate::work::{MarkRequest, ReadMark, StoreReply};

/// What each device has said since it was last looked: its last message. The index of the conversation
/// gives these lines and no others.
pub(super) const NEWLY_READ: &str = "
    SELECT device, max(sequence), nonce FROM messages
    WHERE profile = ?1 AND peer = ?2 AND id > ?3 AND id <= ?4 AND author IS NULL AND state = 3
    GROUP BY device";
pub(super) const SAID: &str = "
    SELECT nonce FROM messages
    WHERE profile = ?1 AND peer = ?2 AND sequence = ?3 AND author IS NULL AND state <> 3";

pub(super) fn answer(connection: &Connection, profile: i64, request: &MarkRequest) -> Answer {
    match request {
        MarkRequest::Read { from, upto } => mark(connection, profile, from, *upto),
        MarkRequest::Find { from, device } => find(connection, profile, from, *device),
        MarkRequest::ReadThere { by, sequence, nonce } => {
            read_there(connection, profile, by, *sequence, *nonce)
        }
    }
}

/// The person has read up to this line.
fn mark(connection: &Connection, profile: i64, from: &Name, upto: u64) -> Answer {
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    newly_read(connection, profile, from, upto).map(StoreReply::Marked).map_err(failed)
}

fn newly_read(
    connection: &Connection,
    profile: i64,
    from: &Name,
    upto: i64,
) -> rusqlite::Result<Vec<ReadMark>> {
    let newest: i64 = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM messages")?
        .query_row([], |row| row.get(0))?;
    let upto = upto.min(newest);
    let after: i64 = connection
        .prepare_cached(
            "SELECT coalesce(max(line), 0) FROM read_here WHERE profile = ?1 AND peer = ?2",
        )?
        .query_row(params![profile, from.as_str()], |row| row.get(0))?;
    let found: Vec<ReadMark> = connection
        .prepare_cached(NEWLY_READ)?
        .query_map(params![profile, from.as_str(), after, upto], |row| {
            Ok(ReadMark {
                device: PublicKey(row.get(0)?),
                sequence: row.get::<_, i64>(1)?.cast_unsigned(),
                nonce: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut marks = Vec::new();
    for mark in found {
        let before = kept(connection, profile, from, mark.device)?;
        // What is older came later, in a letter.
        let is_new = before.is_none_or(|before| before.sequence < mark.sequence);
        let kept = before.filter(|_| !is_new).unwrap_or(mark);
        connection
            .prepare_cached(
                "REPLACE INTO read_here (profile, peer, device, sequence, nonce, line)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                profile,
                from.as_str(),
                kept.device.0,
                kept.sequence.cast_signed(),
                kept.nonce,
                upto
            ])?;
        if is_new {
            marks.push(mark);
        }
    }
    Ok(marks)
}

/// How far the person has read what this device said.
fn find(connection: &Connection, profile: i64, from: &Name, device: PublicKey) -> Answer {
    let mark = kept(connection, profile, from, device).map_err(failed)?;
    Ok(StoreReply::Marked(mark.into_iter().collect()))
}

fn kept(
    connection: &Connection,
    profile: i64,
    from: &Name,
    device: PublicKey,
) -> rusqlite::Result<Option<ReadMark>> {
    connection
        .prepare_cached(
            "SELECT sequence, nonce FROM read_here WHERE profile = ?1 AND peer = ?2 AND device = ?3",
        )?
        .query_row(params![profile, from.as_str(), device.0], |row| {
            let (sequence, nonce) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?);
            Ok(ReadMark { device, sequence, nonce })
        })
        .optional()
}

/// A user says how far he has read: that counts where he names a message to him as it is, and a later
/// one than before [W-105].
fn read_there(
    connection: &Connection,
    profile: i64,
    by: &Name,
    sequence: u64,
    nonce: [u8; 16],
) -> Answer {
    let number = sequence.cast_signed();
    let said: Option<[u8; 16]> = connection
        .prepare_cached(SAID)
        .and_then(|mut select| {
            select.query_row(params![profile, by.as_str(), number], |row| row.get(0)).optional()
        })
        .map_err(failed)?;
    if said != Some(nonce) {
        return Ok(StoreReply::Done);
    }
    let changed = connection
        .prepare_cached(
            "INSERT INTO read_there (profile, peer, sequence) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET sequence = excluded.sequence
             WHERE excluded.sequence > sequence",
        )
        .and_then(|mut keep| keep.execute(params![profile, by.as_str(), number]))
        .map_err(failed)?;
    Ok(if changed == 0 { StoreReply::Done } else { StoreReply::ReadThere { upto: sequence } })
}

#[cfg(test)]
mod tests;
