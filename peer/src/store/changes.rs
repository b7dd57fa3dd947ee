//! What messages between two users are to other such messages: answers, edits and takings back.
//!
//! A change is kept as a message of its own, which the history does not show (`hidden`), and its effect
//! in the row of what it changes: `text` is the newest one, `taken_back` that nothing is left of it. `body`
//! stays what was sent first, as long as there is something, since the same message may come again. A
//! change of what is not here takes its place: an edit is shown, and what was taken back never is.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::PublicKey;
use wire::app::name::Name;
use wire::app::peer::{MAX_TEXT, TextKind, TextRef};
use wire::app::pin::Pin;

use super::failed;
use super::messages::FAILED;
use crate::work::{Draft, Incoming, StoreError};

const PLAIN: i64 = 0;
const REPLY: i64 = 1;
const EDIT: i64 = 2;
const UNSEND: i64 = 3;

pub(super) const OWN: &str = "
    SELECT id, sequence, nonce, state, kind, about_sequence, taken_back FROM messages
    WHERE profile = ?1 AND peer = ?2 AND sequence = ?3 AND author IS NULL AND state <> 3";
pub(super) const LAST_OWN: &str = "
    SELECT id, sequence, nonce, state, kind, about_sequence, taken_back FROM messages
    WHERE profile = ?1 AND peer = ?2 AND author IS NULL AND state <> 3
        AND state <> 2 AND kind < 2 AND hidden = 0
    ORDER BY sequence DESC LIMIT 1";
const ANSWERABLE: &str = "
    SELECT id, kind, coalesce(device, ?3), sequence, nonce, about_device, about_sequence, about_nonce
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND author IS NULL AND taken_back = 0 AND hidden = 0";
pub(super) const OTHERS: &str = "
    SELECT id, edited_by, taken_back FROM messages
    WHERE profile = ?1 AND identity = ?2 AND device = ?3 AND sequence = ?4
        AND author IS NULL AND state = 3 AND nonce = ?5 AND peer = ?6 AND kind < 2";
pub(super) const STAND_IN: &str = "
    SELECT id, edited_by, taken_back FROM messages
    WHERE profile = ?1 AND peer = ?2 AND about_nonce = ?3 AND about_sequence = ?4 AND kind = 2
        AND hidden = 0 AND kind >= 2 AND about_device = ?5 AND identity = ?6 AND state = 3";
pub(super) const CHANGED: &str = "
    SELECT 1 FROM messages
    WHERE profile = ?1 AND peer = ?2 AND about_nonce = ?3 AND about_sequence = ?4 AND kind >= ?7
        AND kind >= 2 AND about_device = ?5 AND identity = ?6 AND state = 3 LIMIT 1";

/// What a draft is about.
pub(super) struct Target {
    /// Its place in the history.
    pub(super) line: i64,
    pub(super) reference: TextRef,
    pub(super) state: i64,
}

/// Where a change of somebody else's takes effect.
pub(super) enum Place {
    /// In this line, which was edited last by the message of that number.
    Line { line: i64, edited_by: i64 },
    /// Nowhere any more: it is taken back.
    TakenBack,
    /// What it changes is not here.
    Unknown,
}

/// The columns that tell what a message is to others.
pub(super) const fn columns(kind: &TextKind) -> (i64, Option<TextRef>) {
    match *kind {
        TextKind::Plain => (PLAIN, None),
        TextKind::Reply { to } => (REPLY, Some(to)),
        TextKind::Edit { of } => (EDIT, Some(of)),
        TextKind::Unsend { of } => (UNSEND, Some(of)),
    }
}

/// The same, read back: four columns from `first` on.
pub(super) fn kind(row: &Row<'_>, first: usize) -> rusqlite::Result<TextKind> {
    let kind = row.get::<_, i64>(first)?;
    if kind == PLAIN {
        return Ok(TextKind::Plain);
    }
    let about = reference(row, first + 1)?;
    Ok(match kind {
        EDIT => TextKind::Edit { of: about },
        UNSEND => TextKind::Unsend { of: about },
        _ => TextKind::Reply { to: about },
    })
}

fn reference(row: &Row<'_>, first: usize) -> rusqlite::Result<TextRef> {
    Ok(TextRef {
        device: PublicKey(row.get(first)?),
        sequence: row.get::<_, i64>(first + 1)?.cast_unsigned(),
        nonce: row.get(first + 2)?,
    })
}

/// The message of ours with this number, or the last one, which is to be changed. An edit stands for
/// what it edits.
pub(super) fn own(
    connection: &Connection,
    profile: i64,
    draft: &Draft,
    id: Option<u64>,
) -> Result<Target, StoreError> {
    let to = &draft.to;
    let Some(id) = id else {
        let last = own_row(connection, LAST_OWN, profile, to, None).map_err(failed)?;
        return match last {
            // Not an older one in its place: nobody has named that.
            Some(row) if row.taken_back => Err(StoreError(format!(
                "your last message to {to} is taken back: name an earlier one by its number."
            ))),
            Some(row) => Ok(row.target(draft.device)),
            None => Err(StoreError(format!("you have sent nothing to {to} that can be changed."))),
        };
    };
    let by_number = |id: i64| own_row(connection, OWN, profile, to, Some(id)).map_err(failed);
    let mut row = by_number(id.cast_signed())?;
    if let Some(edited) = row.as_ref().filter(|row| row.kind == EDIT).and_then(|row| row.about) {
        row = by_number(edited)?;
    }
    match row {
        None => Err(StoreError(format!(
            "you have sent no message {id} to {to}: '/history {to}' shows their numbers."
        ))),
        Some(row) if row.taken_back || row.kind == UNSEND => {
            Err(StoreError(format!("message {id} to {to} is taken back.")))
        }
        Some(row) if row.state == FAILED => {
            Err(StoreError(format!("message {id} to {to} was not delivered and will not be.")))
        }
        Some(row) => Ok(row.target(draft.device)),
    }
}

struct OwnRow {
    line: i64,
    sequence: i64,
    nonce: [u8; 16],
    state: i64,
    kind: i64,
    about: Option<i64>,
    taken_back: bool,
}

impl OwnRow {
    fn target(self, device: PublicKey) -> Target {
        let Self { line, sequence, nonce, state, .. } = self;
        let reference = TextRef { device, sequence: sequence.cast_unsigned(), nonce };
        Target { line, reference, state }
    }
}

fn own_row(
    connection: &Connection,
    sql: &str,
    profile: i64,
    to: &Name,
    sequence: Option<i64>,
) -> rusqlite::Result<Option<OwnRow>> {
    let read = |row: &Row<'_>| {
        Ok(OwnRow {
            line: row.get(0)?,
            sequence: row.get(1)?,
            nonce: row.get(2)?,
            state: row.get(3)?,
            kind: row.get(4)?,
            about: row.get(5)?,
            taken_back: row.get(6)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    match sequence {
        Some(sequence) => statement.query_row(params![profile, to.as_str(), sequence], read),
        None => statement.query_row(params![profile, to.as_str()], read),
    }
    .optional()
}

/// The message of either side that is to be answered: in this line, or the other side's last.
pub(super) fn answered(
    connection: &Connection,
    profile: i64,
    draft: &Draft,
    line: Option<u64>,
) -> Result<(i64, TextRef), StoreError> {
    let to = &draft.to;
    let which = match line {
        Some(_) => "AND id = ?4",
        None => "AND id <= ?4 AND state = 3 ORDER BY id DESC LIMIT 1",
    };
    let line_or_end = line.map_or(i64::MAX, |line| i64::try_from(line).unwrap_or(0));
    let read = |row: &Row<'_>| {
        // Who answers a stand-in means what it stands for.
        let first = if row.get::<_, i64>(1)? == EDIT { 5 } else { 2 };
        Ok((row.get(0)?, reference(row, first)?))
    };
    connection
        .prepare_cached(&format!("{ANSWERABLE} {which}"))
        .and_then(|mut statement| {
            let params = params![profile, to.as_str(), draft.device.0, line_or_end];
            statement.query_row(params, read).optional()
        })
        .map_err(failed)?
        .ok_or_else(|| {
            StoreError(match line {
                Some(line) => format!(
                    "there is no line {line} with {to} that can be answered: '/history {to}' shows \
                     the numbers."
                ),
                None => format!("there is nothing of {to} here that could be answered."),
            })
        })
}

/// The line that somebody answers; `None` when it is not here.
pub(super) fn line_of(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    to: TextRef,
) -> rusqlite::Result<Option<i64>> {
    if let Place::Line { line, .. } = place_of(connection, profile, incoming, to)? {
        return Ok(Some(line));
    }
    let sequence = to.sequence.cast_signed();
    let own = own_row(connection, OWN, profile, &incoming.from, Some(sequence))?;
    let is_meant = |row: &OwnRow| row.nonce == to.nonce && row.kind < EDIT && !row.taken_back;
    Ok(own.filter(is_meant).map(|row| row.line))
}

/// Where a change of this sender's takes effect.
pub(super) fn place_of(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    of: TextRef,
) -> rusqlite::Result<Place> {
    let (peer, identity) = (incoming.from.as_str(), incoming.identity.0);
    let (device, sequence, nonce) = (of.device.0, of.sequence.cast_signed(), of.nonce);
    let read = |row: &Row<'_>| {
        let (line, edited_by) = (row.get(0)?, row.get(1)?);
        Ok(if row.get(2)? { Place::TakenBack } else { Place::Line { line, edited_by } })
    };
    let stand_in = connection
        .prepare_cached(STAND_IN)?
        .query_row(params![profile, peer, nonce, sequence, device, identity], read)
        .optional()?;
    if let Some(place) = stand_in {
        return Ok(place);
    }
    let original = connection
        .prepare_cached(OTHERS)?
        .query_row(params![profile, identity, device, sequence, nonce, peer], read)
        .optional()?;
    if let Some(place) = original {
        return Ok(place);
    }
    let is_over = is_changed(connection, profile, incoming, of, UNSEND)?;
    Ok(if is_over { Place::TakenBack } else { Place::Unknown })
}

/// Whether a change of a message came before it.
pub(super) fn came_before(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
) -> rusqlite::Result<bool> {
    let Incoming { device, sequence, nonce, .. } = *incoming;
    is_changed(connection, profile, incoming, TextRef { device, sequence, nonce }, EDIT)
}

fn is_changed(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    of: TextRef,
    at_least: i64,
) -> rusqlite::Result<bool> {
    let (peer, identity) = (incoming.from.as_str(), incoming.identity.0);
    let (device, sequence, nonce) = (of.device.0, of.sequence.cast_signed(), of.nonce);
    connection
        .prepare_cached(CHANGED)?
        .exists(params![profile, peer, nonce, sequence, device, identity, at_least])
}

/// What the line says from now on; the search finds that and nothing else.
pub(super) fn set_text(
    connection: &Connection,
    line: i64,
    text: &str,
    by: u64,
) -> rusqlite::Result<()> {
    unindex(connection, line)?;
    connection
        .prepare_cached("UPDATE messages SET text = ?2, edited_by = ?3 WHERE id = ?1")?
        .execute(params![line, text, by.cast_signed()])?;
    index(connection, line, text)
}

/// The search finds this in the line.
pub(super) fn index(connection: &Connection, line: i64, text: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO words (rowid, body) VALUES (?1, ?2)")?
        .execute(params![line, text])?;
    Ok(())
}

/// The new text of a line: it stays about the moment of a film that it was about, unless it names one
/// itself [W-123].
pub(super) fn edited(connection: &Connection, line: i64, text: &str) -> Result<String, StoreError> {
    let before: String = connection
        .prepare_cached("SELECT coalesce(text, body) FROM messages WHERE id = ?1")
        .and_then(|mut select| select.query_row([line], |row| row.get(0)))
        .map_err(failed)?;
    let edited = match (Pin::split(text), Pin::split(&before)) {
        (None, Some((pin, _))) => pin.before(text),
        (Some(_), _) | (None, None) => text.to_owned(),
    };
    if edited.len() > MAX_TEXT {
        return Err(StoreError(format!(
            "with the moment that it is about it has {} bytes, and a message at most {MAX_TEXT} (64 KiB).",
            edited.len()
        )));
    }
    Ok(edited)
}

/// Nothing is left of what the line said, nor of the edits of it.
pub(super) fn take_back(
    connection: &Connection,
    profile: i64,
    peer: &Name,
    line: i64,
    of: TextRef,
) -> rusqlite::Result<()> {
    unindex(connection, line)?;
    connection
        .prepare_cached("UPDATE messages SET body = '', text = NULL, taken_back = 1 WHERE id = ?1")?
        .execute([line])?;
    connection
        .prepare_cached(
            "UPDATE messages SET body = '', taken_back = 1,
                 state = CASE WHEN state IN (0, 4) THEN 2 ELSE state END
             WHERE profile = ?1 AND peer = ?2 AND about_nonce = ?3 AND about_sequence = ?4
                 AND kind = 2 AND hidden = 1 AND kind >= 2",
        )?
        .execute(params![profile, peer.as_str(), of.nonce, of.sequence.cast_signed()])?;
    Ok(())
}

/// It waits no more: a message of ours that was taken back before the other side had it.
pub(super) fn withdraw(connection: &Connection, line: i64, hidden: bool) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE messages SET state = 2, why = 'taken back before it was delivered', hidden = ?2
             WHERE id = ?1 AND state IN (0, 4)",
        )?
        .execute(params![line, hidden])?;
    Ok(())
}

/// Nothing is left of the text of a hidden message.
pub(super) fn forget(connection: &Connection, line: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE messages SET body = '', taken_back = 1 WHERE id = ?1")?
        .execute([line])?;
    Ok(())
}

/// An edit is shown in the place of what it edits, which is not here.
pub(super) fn stand_in(connection: &Connection, line: i64, number: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE messages SET edited_by = ?2 WHERE id = ?1")?
        .execute(params![line, number.cast_signed()])?;
    Ok(())
}

/// What stands in the line is no longer found by the search.
pub(super) fn unindex(connection: &Connection, line: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO words (words, rowid, body)
             SELECT 'delete', id, coalesce(text, body) FROM messages WHERE id = ?1",
        )?
        .execute([line])?;
    Ok(())
}

#[cfg(test)]
mod tests;
