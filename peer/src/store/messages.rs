//! Messages: those that wait to go out, those that came, and the words in all of them.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use wire::app::name::Name;
use wire::app::peer::{TextKind, TextRef};

use super::changes::{self, Place, Target};
use super::profile::name;
use super::{Answer, failed, posts};
use crate::output::NOT_HERE;
use crate::work::{
    About, Draft, Incoming, Line, MessageId, MessageState, Outgoing, Receipt, StoreError,
    StoreReply, Talk,
};

// Each of these finds its row by an index, however many there are: what is said twice in a condition
// is what the index is made for (SQLite proves no more than that; its documentation, "Partial
// Indexes", section 3).

pub(super) const MARK_DELIVERED: &str = "
    UPDATE messages SET state = ?4, why = NULL, delivered_at = ?5
    WHERE profile = ?1 AND peer = ?2 AND sequence = ?3 AND author IS NULL AND state <> 3
        AND state IN (0, 2, 4)";
pub(super) const MARK_FAILED: &str = "
    UPDATE messages SET state = ?4, why = ?5
    WHERE profile = ?1 AND peer = ?2 AND sequence = ?3 AND author IS NULL AND state <> 3
        AND state IN (0, 4)";
pub(super) const MARK_STORED: &str = "
    UPDATE messages SET state = ?4
    WHERE profile = ?1 AND peer = ?2 AND sequence = ?3 AND author IS NULL AND state <> 3
        AND state = 0";
pub(super) const NUMBER_BEFORE: &str = "
    SELECT sequence FROM messages
    WHERE profile = ?1 AND peer = ?2 AND sequence < ?3 AND author IS NULL AND state <> 3
        AND state <> 2
    ORDER BY sequence DESC LIMIT 1";
pub(super) const KEPT: &str = "
    SELECT nonce, body, taken_back, kind, about_device, about_sequence, about_nonce FROM messages
    WHERE profile = ?1 AND identity = ?2 AND device = ?3 AND sequence = ?4
        AND author IS NULL AND state = 3";

pub(super) const LINES_OF_ONE: &str = "
    SELECT * FROM shown
    WHERE profile = ?1 AND peer = ?5 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
const LINES_OF_ALL: &str = "
    SELECT * FROM shown
    WHERE profile = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";

pub(super) const LAST_BEFORE_OF_ONE: &str = "
    SELECT id FROM messages
    WHERE profile = ?1 AND peer = ?3 AND at < ?2 ORDER BY id DESC LIMIT 1";
const LAST_BEFORE_OF_ALL: &str = "
    SELECT id FROM messages
    WHERE profile = ?1 AND at < ?2 ORDER BY id DESC LIMIT 1";

pub(super) const PAGE_OF_ONE: &str = "
    SELECT * FROM shown
    WHERE profile = ?1 AND peer = ?3 AND id > ?2 ORDER BY id LIMIT 1000";
const PAGE_OF_ALL: &str = "
    SELECT * FROM shown
    WHERE profile = ?1 AND id > ?2 ORDER BY id LIMIT 1000";

/// A page ends after the line with which its texts have this many bytes.
pub(super) const PAGE: usize = 256 << 10;

const QUEUED: i64 = 0;
const DELIVERED: i64 = 1;
pub(super) const FAILED: i64 = 2;
const INCOMING: i64 = 3;
const STORED: i64 = 4;

/// Gives a message the next number for its receiver and keeps it; what it changes is changed here at
/// once.
pub(super) fn queue(connection: &Connection, profile: i64, draft: Draft) -> Answer {
    let queued = |kind, line: Option<i64>| {
        insert_queued(connection, profile, &draft, kind, line).map_err(failed)
    };
    let message = match draft.about {
        About::Nothing => queued(TextKind::Plain, None)?,
        About::Reply { line } => {
            let (line, to) = changes::answered(connection, profile, &draft, line)?;
            queued(TextKind::Reply { to }, Some(line))?
        }
        About::Edit { id } => {
            let Target { line, reference: of, .. } = changes::own(connection, profile, &draft, id)?;
            let body = changes::edited(connection, line, &draft.body)?;
            let edit = Draft { body, ..draft.clone() };
            let kind = TextKind::Edit { of };
            let message =
                insert_queued(connection, profile, &edit, kind, Some(line)).map_err(failed)?;
            changes::set_text(connection, line, &edit.body, message.id.sequence).map_err(failed)?;
            message
        }
        About::Unsend { id, sent_up_to } => {
            let target = changes::own(connection, profile, &draft, id)?;
            let (line, of) = (target.line, target.reference);
            changes::take_back(connection, profile, &draft.to, line, of).map_err(failed)?;
            let never_left = target.state == QUEUED && of.sequence > sent_up_to;
            changes::withdraw(connection, line, never_left).map_err(failed)?;
            if never_left {
                let line = line.cast_unsigned();
                return Ok(StoreReply::Withdrawn { sequence: of.sequence, line });
            }
            queued(TextKind::Unsend { of }, Some(line))?
        }
    };
    Ok(StoreReply::Queued(message))
}

fn insert_queued(
    connection: &Connection,
    profile: i64,
    draft: &Draft,
    kind: TextKind,
    about_line: Option<i64>,
) -> rusqlite::Result<Outgoing> {
    let Draft { to, body, nonce, at, .. } = draft;
    let sequence: i64 = connection
        .prepare_cached(
            "INSERT INTO sequences (profile, peer, next) VALUES (?1, ?2, 2)
             ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1",
        )?
        .query_row(params![profile, to.as_str()], |row| row.get(0))?;
    let (number, about) = changes::columns(&kind);
    connection
        .prepare_cached(
            "INSERT INTO messages (profile, peer, state, sequence, nonce, sent, at, body,
                 kind, about_device, about_sequence, about_nonce, about_line, hidden)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            profile,
            to.as_str(),
            QUEUED,
            sequence,
            nonce,
            at.cast_signed(),
            body,
            number,
            about.map(|about| about.device.0),
            about.map(|about| about.sequence.cast_signed()),
            about.map(|about| about.nonce),
            about_line,
            is_change(&kind),
        ])?;
    let line = connection.last_insert_rowid().cast_unsigned();
    let after = number_before(connection, profile, to, sequence)?;
    let id = MessageId { to: to.clone(), sequence: sequence.cast_unsigned() };
    let (nonce, at, body) = (*nonce, *at, body.clone());
    let about = about_line.map(i64::cast_unsigned);
    Ok(Outgoing { id, line, after, nonce, at, body, stored: false, kind, about })
}

const fn is_change(kind: &TextKind) -> bool {
    matches!(kind, TextKind::Edit { .. } | TextKind::Unsend { .. })
}

/// The message reached the other side. Also when it had been given up: it did.
pub(super) fn delivered(connection: &Connection, profile: i64, id: &MessageId, at: u64) -> Answer {
    connection
        .prepare_cached(MARK_DELIVERED)
        .and_then(|mut update| {
            update.execute(params![
                profile,
                id.to.as_str(),
                id.sequence.cast_signed(),
                DELIVERED,
                at.cast_signed()
            ])
        })
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// The message lies in the receiver's mailbox, unless more is known of it by now.
pub(super) fn stored(connection: &Connection, profile: i64, id: &MessageId) -> Answer {
    connection
        .prepare_cached(MARK_STORED)
        .and_then(|mut update| {
            update.execute(params![profile, id.to.as_str(), id.sequence.cast_signed(), STORED])
        })
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Messages and posts that wait never go anywhere.
pub(super) fn give_all_up(
    connection: &Connection,
    profile: i64,
    why: &str,
) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE messages SET state = ?2, why = ?3 WHERE profile = ?1 AND state IN (?4, ?5)",
        params![profile, FAILED, why, QUEUED, STORED],
    )?;
    Ok(())
}

/// The message is given up.
pub(super) fn gave_up(connection: &Connection, profile: i64, id: &MessageId, why: &str) -> Answer {
    connection
        .prepare_cached(MARK_FAILED)
        .and_then(|mut update| {
            update.execute(params![profile, id.to.as_str(), id.sequence.cast_signed(), FAILED, why])
        })
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Keeps a message that arrived, unless it is kept already.
pub(super) fn receive(connection: &Connection, profile: i64, incoming: &Incoming) -> Answer {
    insert_incoming(connection, profile, incoming).map(StoreReply::Received).map_err(failed)
}

/// The same when nothing before it is missing.
pub(super) fn receive_in_turn(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
) -> Answer {
    let is_in_turn = incoming.after == 0
        || kept(connection, profile, incoming, incoming.after).map_err(failed)?.is_some();
    let is_here = kept(connection, profile, incoming, incoming.sequence).map_err(failed)?.is_some();
    if is_in_turn || is_here {
        receive(connection, profile, incoming)
    } else {
        Ok(StoreReply::Received(Receipt::OutOfTurn))
    }
}

/// Keeps a message that arrived, and says what it is to those that are here.
pub(super) fn insert_incoming(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
) -> rusqlite::Result<Receipt> {
    if let Some(kept) = kept(connection, profile, incoming, incoming.sequence)? {
        return Ok(kept.again(incoming));
    }
    let gap = incoming.after != 0 && kept(connection, profile, incoming, incoming.after)?.is_none();
    match incoming.kind {
        TextKind::Plain | TextKind::Reply { .. }
            if changes::came_before(connection, profile, incoming)? =>
        {
            let nothing = Incoming { body: String::new(), ..incoming.clone() };
            let line = insert(connection, profile, &nothing, None, true)?;
            changes::forget(connection, line)?;
            Ok(Receipt::Silent { gap })
        }
        TextKind::Plain => {
            let line = insert(connection, profile, incoming, None, false)?.cast_unsigned();
            Ok(Receipt::Fresh { gap, line, reply_to: None })
        }
        TextKind::Reply { to } => {
            let about = changes::line_of(connection, profile, incoming, to)?;
            let about = about.unwrap_or(NOT_HERE.cast_signed());
            let line = insert(connection, profile, incoming, Some(about), false)?.cast_unsigned();
            Ok(Receipt::Fresh { gap, line, reply_to: Some(about.cast_unsigned()) })
        }
        TextKind::Edit { of } | TextKind::Unsend { of } => {
            insert_change(connection, profile, incoming, of, gap)
        }
    }
}

fn insert_change(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    of: TextRef,
    gap: bool,
) -> rusqlite::Result<Receipt> {
    let is_edit = matches!(incoming.kind, TextKind::Edit { .. });
    let place = changes::place_of(connection, profile, incoming, of)?;
    let stands_in = is_edit && matches!(place, Place::Unknown);
    let inserted = insert(connection, profile, incoming, None, !stands_in)?;
    let (line, edited_by) = match place {
        Place::Line { line, edited_by } => (line, edited_by.cast_unsigned()),
        Place::Unknown if is_edit => {
            changes::stand_in(connection, inserted, incoming.sequence)?;
            let line = inserted.cast_unsigned();
            return Ok(Receipt::Fresh { gap, line, reply_to: None });
        }
        Place::Unknown => return Ok(Receipt::Silent { gap }),
        Place::TakenBack => {
            changes::forget(connection, inserted)?;
            return Ok(Receipt::Silent { gap });
        }
    };
    if !is_edit {
        changes::take_back(connection, profile, &incoming.from, line, of)?;
    } else if of.device == incoming.device && edited_by > incoming.sequence {
        // Something newer came another way.
        return Ok(Receipt::Silent { gap });
    } else {
        changes::set_text(connection, line, &incoming.body, incoming.sequence)?;
    }
    Ok(Receipt::Changed { gap, line: line.cast_unsigned() })
}

/// What is kept of a message that arrived.
pub(super) struct Kept {
    nonce: [u8; 16],
    body: String,
    taken_back: bool,
    kind: TextKind,
}

impl Kept {
    /// A message comes under the same number.
    pub(super) fn again(&self, incoming: &Incoming) -> Receipt {
        // Of what is taken back, no text is left to be compared.
        let is_same = self.nonce == incoming.nonce
            && self.kind == incoming.kind
            && (self.taken_back || self.body == incoming.body);
        if is_same { Receipt::Duplicate } else { Receipt::Conflict }
    }
}

/// The message with this number of the sender of `incoming`.
pub(super) fn kept(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    sequence: u64,
) -> rusqlite::Result<Option<Kept>> {
    let (identity, device) = (incoming.identity.0, incoming.device.0);
    connection
        .prepare_cached(KEPT)?
        .query_row(params![profile, identity, device, sequence.cast_signed()], read_kept)
        .optional()
}

pub(super) fn read_kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        nonce: row.get(0)?,
        body: row.get(1)?,
        taken_back: row.get(2)?,
        kind: changes::kind(row, 3)?,
    })
}

fn insert(
    connection: &Connection,
    profile: i64,
    incoming: &Incoming,
    about_line: Option<i64>,
    hidden: bool,
) -> rusqlite::Result<i64> {
    let (kind, about) = changes::columns(&incoming.kind);
    connection
        .prepare_cached(
            "INSERT INTO messages
             (profile, peer, state, identity, device, sequence, nonce, sent, at, body,
                 kind, about_device, about_sequence, about_nonce, about_line, hidden)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            profile,
            incoming.from.as_str(),
            INCOMING,
            incoming.identity.0,
            incoming.device.0,
            incoming.sequence.cast_signed(),
            incoming.nonce,
            incoming.sent.cast_signed(),
            incoming.at.cast_signed(),
            incoming.body,
            kind,
            about.map(|about| about.device.0),
            about.map(|about| about.sequence.cast_signed()),
            about.map(|about| about.nonce),
            about_line,
            hidden,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Everything neither delivered nor given up, by receiver and number.
pub(super) fn outbox(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<Outgoing>> {
    let mut messages: Vec<Outgoing> = connection
        .prepare_cached(
            "SELECT peer, sequence, nonce, at, body, id, state,
                 kind, about_device, about_sequence, about_nonce, about_line
             FROM messages
             WHERE profile = ?1 AND author IS NULL AND state IN (0, 4) ORDER BY peer, sequence",
        )?
        .query_map([profile], |row| {
            let id =
                MessageId { to: name(row, 0)?, sequence: row.get::<_, i64>(1)?.cast_unsigned() };
            Ok(Outgoing {
                id,
                line: row.get::<_, i64>(5)?.cast_unsigned(),
                after: 0,
                nonce: row.get(2)?,
                at: row.get::<_, i64>(3)?.cast_unsigned(),
                body: row.get(4)?,
                stored: row.get::<_, i64>(6)? == STORED,
                kind: changes::kind(row, 7)?,
                about: row.get::<_, Option<i64>>(11)?.map(i64::cast_unsigned),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    for message in &mut messages {
        let sequence = message.id.sequence.cast_signed();
        message.after = number_before(connection, profile, &message.id.to, sequence)?;
    }
    Ok(messages)
}

/// The newest lines of one conversation, or of all, oldest first.
pub(super) fn history(
    connection: &Connection,
    profile: i64,
    with: Option<&Talk>,
    limit: u32,
    before: Option<u64>,
    since: Option<u64>,
) -> Answer {
    let before = before.map_or(i64::MAX, |line| i64::try_from(line).unwrap_or(i64::MAX));
    let key = with.map(key);
    let first = match since {
        Some(at) => first_since(connection, profile, key.as_deref(), at).map_err(failed)?,
        None => 0,
    };
    let newest = match key {
        Some(key) => {
            newest_lines(connection, LINES_OF_ONE, params![profile, first, before, limit, key])
        }
        None => newest_lines(connection, LINES_OF_ALL, params![profile, first, before, limit]),
    };
    oldest_first(newest)
}

/// What follows the last line from before this moment. Where a clock was set meanwhile, that may be less than
/// all of it, and is never what is older; looked for from the newest on, it costs what is shown.
fn first_since(
    connection: &Connection,
    profile: i64,
    peer: Option<&str>,
    at: u64,
) -> rusqlite::Result<i64> {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    let last_before: Option<i64> = match peer {
        Some(peer) => connection
            .prepare_cached(LAST_BEFORE_OF_ONE)?
            .query_row(params![profile, at, peer], |row| row.get(0)),
        None => connection
            .prepare_cached(LAST_BEFORE_OF_ALL)?
            .query_row(params![profile, at], |row| row.get(0)),
    }
    .optional()?;
    Ok(last_before.map_or(0, |line| line + 1))
}

/// The lines of one conversation, or of all, behind the line `after`, oldest first.
pub(super) fn page(
    connection: &Connection,
    profile: i64,
    with: Option<&Talk>,
    after: u64,
) -> Answer {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let lines = match with {
        Some(talk) => next_lines(connection, PAGE_OF_ONE, params![profile, after, key(talk)]),
        None => next_lines(connection, PAGE_OF_ALL, params![profile, after]),
    };
    lines.map(StoreReply::Lines).map_err(failed)
}

fn next_lines(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<Line>> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE
        && let Some(row) = rows.next()?
    {
        let line = line(row)?;
        bytes += line.body.len();
        lines.push(line);
    }
    Ok(lines)
}

fn newest_lines(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<Line>> {
    connection.prepare_cached(sql)?.query_map(params, line)?.collect()
}

/// The newest lines with all words of `text`, of one conversation or of all, oldest first.
pub(super) fn search(
    connection: &Connection,
    profile: i64,
    text: &str,
    with: Option<&Talk>,
    limit: u32,
) -> Answer {
    // Quoted, a word is a word, whatever FTS5 means by it (section 3.1 of its documentation).
    let words: Vec<String> = text
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"").replace('\0', "")))
        .collect();
    if words.is_empty() {
        return Err(StoreError("a search needs at least one word of letters or digits".to_owned()));
    }
    let sql = "SELECT shown.* FROM words JOIN shown ON shown.id = words.rowid
               WHERE words MATCH ?2 AND profile = ?1 AND peer = ifnull(?4, peer)
               ORDER BY words.rowid DESC LIMIT ?3";
    let params = params![profile, words.join(" "), limit, with.map(key)];
    oldest_first(newest_lines(connection, sql, params))
}

/// What stands for a conversation in the column of the other side.
pub(super) fn key(talk: &Talk) -> String {
    match talk {
        Talk::User(name) => name.to_string(),
        Talk::Room(room) => posts::key(*room),
    }
}

fn oldest_first(newest_first: rusqlite::Result<Vec<Line>>) -> Answer {
    let mut lines = newest_first.map_err(failed)?;
    lines.reverse();
    Ok(StoreReply::Lines(lines))
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    let is_read = row.get::<_, Option<bool>>(11)? == Some(true);
    let state = match row.get::<_, i64>(1)? {
        // Of what is said in rooms no such thing is known.
        DELIVERED if is_read => MessageState::Read,
        QUEUED => MessageState::Queued,
        STORED => MessageState::Stored,
        DELIVERED => MessageState::Delivered,
        FAILED => MessageState::Failed(row.get::<_, Option<String>>(2)?.unwrap_or_default()),
        _ => MessageState::Incoming,
    };
    let own = state != MessageState::Incoming;
    let room = row.get_ref(0)?.as_str().ok().and_then(posts::room_of);
    let author = if room.is_some() && !own { Some(name(row, 7)?) } else { None };
    Ok(Line {
        line: row.get::<_, i64>(5)?.cast_unsigned(),
        with: match room {
            Some(room) => Talk::Room(room),
            None => Talk::User(name(row, 0)?),
        },
        author,
        own: own.then_some(row.get::<_, i64>(6)?.cast_unsigned()),
        at: row.get::<_, i64>(3)?.cast_unsigned(),
        body: row.get(4)?,
        edited: row.get(8)?,
        taken_back: row.get(9)?,
        reply_to: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
        state,
    })
}

/// The highest number below `sequence` that was not given up; 0 when there is none.
fn number_before(
    connection: &Connection,
    profile: i64,
    to: &Name,
    sequence: i64,
) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(NUMBER_BEFORE)?
        .query_row(params![profile, to.as_str(), sequence], |row| row.get::<_, i64>(0))
        .optional()
        .map(|before| before.unwrap_or(0).cast_unsigned())
}
