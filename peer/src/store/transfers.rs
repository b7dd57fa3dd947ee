//! Transfers, with what is needed to go on with them after a restart.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rusqlite::{Connection, Row, params};
use wire::app::peer::{CancelReason, Folder, Share, ShareId, TransferId};
use wire::app::room::RoomId;

use super::profile::name;
use super::{Answer, failed};
use crate::work::{Direction, StoreReply, TransferRecord, TransferState};

/// Transfers that are over and still kept, the newest of each profile, of those that came to
/// nothing here and of the others: enough to answer a sender who has not yet heard that his file
/// has arrived.
const KEPT: i64 = 200;

/// The same for files of folders that are over.
const KEPT_PARTS: i64 = 1000;

/// Keeps the state of a transfer.
pub(super) fn save(connection: &Connection, profile: i64, record: &TransferRecord) -> Answer {
    let (state, reason) = state_columns(&record.state);
    let path = record.path.as_ref().map(|path| path.as_os_str().as_bytes());
    let (files, folder, folder_path) = folder_columns(record.folder.as_ref());
    connection
        .prepare_cached(
            "INSERT INTO transfers (profile, direction, transfer, peer, name, path, size,
                media_type, root, at, state, reason, paused, share, room, growing, files, folder,
                folder_path, media, rate)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                ?18, ?19, ?20, ?21)
             ON CONFLICT DO UPDATE SET peer = ?4, name = ?5, path = ?6, size = ?7,
                media_type = ?8, root = ?9, at = ?10, state = ?11, reason = ?12, paused = ?13,
                share = ?14, room = ?15, growing = ?16, files = ?17, folder = ?18,
                folder_path = ?19, media = ?20, rate = ?21",
        )
        .and_then(|mut upsert| {
            upsert.execute(params![
                profile,
                direction_column(record.direction),
                record.id.0,
                record.with.as_str(),
                record.name,
                path,
                record.size.cast_signed(),
                record.media_type,
                record.root,
                record.at.cast_signed(),
                state,
                reason,
                record.paused,
                record.share.map(|share| share.id.0),
                record.share.map(|share| share.room.0),
                record.growing,
                files,
                folder,
                folder_path,
                record.media.and_then(|media| postcard::to_allocvec(&media).ok()),
                record.rate.cast_signed()
            ])
        })
        .map_err(failed)?;
    // A folder has many files, and nothing of it is forgotten before all of it is over.
    if record.state.is_over() && record.part().is_none() {
        prune_parts(connection, profile).map_err(failed)?;
        prune(connection, profile, record.came_to_nothing()).map_err(failed)?;
    }
    Ok(StoreReply::Done)
}

/// Transfers that are not over, and the newest of those that are, oldest first.
pub(super) fn load(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<TransferRecord>> {
    connection
        .prepare_cached(
            "SELECT direction, transfer, peer, name, path, size, media_type, root, at, state,
                reason, paused, share, room, growing, files, folder, folder_path, media, rate
             FROM transfers WHERE profile = ?1 ORDER BY id",
        )?
        .query_map([profile], record)?
        .collect()
}

/// What was not over is.
pub(super) fn cancel_all(connection: &Connection, profile: i64) -> rusqlite::Result<()> {
    let (cancelled, why) = state_columns(&TransferState::Cancelled(CancelReason::User));
    connection.execute(
        "UPDATE transfers SET state = ?2, reason = ?3 WHERE profile = ?1 AND state <= 1",
        params![profile, cancelled, why],
    )?;
    Ok(())
}

/// `nothing`: of those that [came to nothing](TransferRecord::came_to_nothing), or of the others.
fn prune(connection: &Connection, profile: i64, nothing: bool) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "WITH over AS (SELECT id FROM transfers WHERE profile = ?1 AND state > 1
                 AND folder IS NULL AND (direction = 1 AND state <> 2) = ?2)
             DELETE FROM transfers WHERE id IN over AND id NOT IN
                 (SELECT id FROM over ORDER BY id DESC LIMIT ?3)",
        )?
        .execute(params![profile, nothing, KEPT])?;
    Ok(())
}

/// Files of folders that are over.
fn prune_parts(connection: &Connection, profile: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "WITH over AS (SELECT id FROM transfers AS part WHERE profile = ?1 AND state > 1
                 AND folder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transfers
                     WHERE profile = ?1 AND direction = part.direction
                     AND transfer = part.folder AND state <= 1))
             DELETE FROM transfers WHERE id IN over AND id NOT IN
                 (SELECT id FROM over ORDER BY id DESC LIMIT ?2)",
        )?
        .execute(params![profile, KEPT_PARTS])?;
    Ok(())
}

fn record(row: &Row<'_>) -> rusqlite::Result<TransferRecord> {
    Ok(TransferRecord {
        direction: match row.get::<_, i64>(0)? {
            0 => Direction::Sending,
            _ => Direction::Receiving,
        },
        id: TransferId(row.get(1)?),
        with: name(row, 2)?,
        name: row.get(3)?,
        path: row.get::<_, Option<Vec<u8>>>(4)?.map(path),
        size: row.get::<_, i64>(5)?.cast_unsigned(),
        media_type: row.get(6)?,
        root: row.get(7)?,
        at: row.get::<_, i64>(8)?.cast_unsigned(),
        state: state(row.get(9)?, row.get(10)?),
        paused: row.get(11)?,
        share: share(row.get(12)?, row.get(13)?),
        growing: row.get(14)?,
        folder: folder(row.get(15)?, row.get(16)?, row.get(17)?),
        media: row.get::<_, Option<Vec<u8>>>(18)?.and_then(|it| postcard::from_bytes(&it).ok()),
        rate: row.get::<_, i64>(19)?.cast_unsigned(),
    })
}

fn share(id: Option<[u8; 16]>, room: Option<[u8; 16]>) -> Option<Share> {
    Some(Share { id: ShareId(id?), room: RoomId(room?) })
}

type FolderColumns<'a> = (Option<u32>, Option<[u8; 16]>, Option<&'a str>);

fn folder_columns(folder: Option<&Folder>) -> FolderColumns<'_> {
    match folder {
        None => (None, None, None),
        Some(Folder::Whole { files }) => (Some(*files), None, None),
        Some(Folder::Part { of, path }) => (None, Some(of.0), Some(path)),
    }
}

fn folder(files: Option<u32>, of: Option<[u8; 16]>, path: Option<String>) -> Option<Folder> {
    match (files, of, path) {
        (Some(files), _, _) => Some(Folder::Whole { files }),
        (None, Some(of), Some(path)) => Some(Folder::Part { of: TransferId(of), path }),
        (None, _, _) => None,
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(<OsStr as ToOwned>::Owned::from_vec(bytes))
}

const fn direction_column(direction: Direction) -> i64 {
    match direction {
        Direction::Sending => 0,
        Direction::Receiving => 1,
    }
}

const fn state_columns(state: &TransferState) -> (i64, Option<i64>) {
    match state {
        TransferState::Offered => (0, None),
        TransferState::Running => (1, None),
        TransferState::Complete => (2, None),
        TransferState::Declined => (3, None),
        TransferState::Cancelled(reason) => (4, Some(reason_column(*reason))),
        TransferState::CancelledByPeer(reason) => (5, Some(reason_column(*reason))),
    }
}

const fn reason_column(reason: CancelReason) -> i64 {
    match reason {
        CancelReason::User => 0,
        CancelReason::SourceGone => 1,
        CancelReason::SourceChanged => 2,
        CancelReason::Corrupt => 3,
    }
}

const fn state(state: i64, reason: Option<i64>) -> TransferState {
    let why = match reason {
        Some(1) => CancelReason::SourceGone,
        Some(2) => CancelReason::SourceChanged,
        Some(3) => CancelReason::Corrupt,
        _ => CancelReason::User,
    };
    match state {
        0 => TransferState::Offered,
        1 => TransferState::Running,
        2 => TransferState::Complete,
        3 => TransferState::Declined,
        4 => TransferState::Cancelled(why),
        _ => TransferState::CancelledByPeer(why),
    }
}
