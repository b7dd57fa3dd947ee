//! Rooms, and what was said in them. A post stands among the messages, so that the history, its pages
//! and the search are the same for both; what only posts have stands in columns that are empty for
//! others.

mod changes;

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::PublicKey;
use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::post::{Body, Content, Feed, Head, Post, PostKind, Said};
use wire::app::room::{Room, RoomId};

use self::changes::Arrival;
pub(super) use self::changes::target;
use super::profile::name;
use super::{Answer, failed};
use crate::work::{
    FeedRuns, PostReceipt, Reached, RoomRecord, StoreError, StoreReply, StoreRequest,
};

/// Most own posts whose marks are followed after a start.
const MAX_PENDING: u32 = 1000;

const DELIVERED: i64 = 1;
const QUEUED: i64 = 0;
const INCOMING: i64 = 3;

// As in `messages`: each finds its rows by an index.

pub(super) const KEPT: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, kind,
        about_identity, about_device, about_sequence, about_nonce, digest, signature, nonce, body
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND sequence = ?5
        AND author IS NOT NULL";
pub(super) const LACKING: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, kind,
        about_identity, about_device, about_sequence, about_nonce, digest, signature, nonce, body
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4
        AND sequence BETWEEN ?5 AND ?6 AND author IS NOT NULL
        AND (epoch >= ?7 OR sequence >= ?8)
    ORDER BY sequence LIMIT ?9";
pub(super) const EVERYBODY_HAS: &str = "
    UPDATE messages SET state = 1
    WHERE profile = ?1 AND peer = ?2 AND sequence <= ?3 AND author IS NOT NULL AND state = 0";
pub(super) const PENDING: &str = "
    SELECT sequence, epoch FROM messages
    WHERE profile = ?1 AND peer = ?2 AND author IS NOT NULL AND state = 0 AND taken_back = 0
    ORDER BY sequence DESC LIMIT ?3";
pub(super) const LAST_OF_DEVICE: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, kind,
        about_identity, about_device, about_sequence, about_nonce, digest, signature
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND author IS NOT NULL
    ORDER BY sequence DESC LIMIT 1";

/// What stands for a room where for others the user's name stands: no name begins with `#`.
pub(super) fn key(room: RoomId) -> String {
    let digits: String = room.0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("#{digits}")
}

/// The room that a key stands for; `None` when it is a user's name.
pub(super) fn room_of(key: &str) -> Option<RoomId> {
    let digits = key.strip_prefix('#')?;
    let number = u128::from_str_radix(digits, 16).ok()?;
    Some(RoomId(number.to_be_bytes()))
}

/// Keeps a post of ours; what it changes is changed here at once.
pub(super) fn keep(
    connection: &Connection,
    profile: i64,
    post: &Post,
    at: u64,
    never_left: bool,
) -> Answer {
    let row = Arrival { profile, post, state: QUEUED, at };
    row.keep(connection)
        .and_then(|(line, _)| {
            if let PostKind::Unsend { of } = post.content().kind
                && never_left
            {
                row.hide(connection, of, line)?;
            }
            Ok(StoreReply::Posted { line: line.cast_unsigned() })
        })
        .map_err(failed)
}

/// Keeps a post that arrived, unless it is kept already.
pub(super) fn receive(
    connection: &Connection,
    profile: i64,
    post: &Post,
    own: bool,
    at: u64,
) -> Answer {
    let state = if own { DELIVERED } else { INCOMING };
    let row = Arrival { profile, post, state, at };
    insert_received(connection, &row).map(StoreReply::PostReceived).map_err(failed)
}

fn insert_received(connection: &Connection, row: &Arrival<'_>) -> rusqlite::Result<PostReceipt> {
    let content = row.post.content();
    let kept = |number| kept(connection, row.profile, content.room, content.feed, number);
    if let Some(here) = kept(content.number)? {
        let is_same = here.content == *content;
        return Ok(if is_same { PostReceipt::Duplicate } else { PostReceipt::Conflict });
    }
    // A post names the one before it, and is named by the one after it.
    let before = kept(content.number - 1)?;
    let after = content.number.checked_add(1).map(kept).transpose()?.flatten();
    let follows = before.is_none_or(|before| before.content.hash() == content.previous);
    let is_followed = after.is_none_or(|after| after.content.previous == content.hash());
    if !follows || !is_followed {
        return Ok(PostReceipt::Conflict);
    }
    row.keep(connection).map(|(_, receipt)| receipt)
}

/// What is signed of the post of this number.
fn kept(
    connection: &Connection,
    profile: i64,
    room: RoomId,
    feed: Feed,
    number: u64,
) -> rusqlite::Result<Option<Head>> {
    let (key, Feed { author, device }) = (key(room), feed);
    connection
        .prepare_cached(KEPT)?
        .query_row(params![profile, key, author.0, device.0, number.cast_signed()], head)
        .optional()
}

/// Posts that somebody lacks.
pub(super) fn lacking(connection: &Connection, profile: i64, request: &StoreRequest) -> Answer {
    let StoreRequest::Posts { room, feed, from, to, since, shared_from, limit } = request else {
        return Err(StoreError("that asks for no posts".to_owned()));
    };
    // Numbers beyond SQLite's are nobody's.
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows: rusqlite::Result<Vec<(Head, Option<Said>)>> =
        connection.prepare_cached(LACKING).and_then(|mut select| {
            let Feed { author, device } = feed;
            select
                .query_map(
                    params![
                        profile,
                        key(*room),
                        author.0,
                        device.0,
                        number(*from),
                        number(*to),
                        number(*since),
                        number(*shared_from),
                        limit
                    ],
                    |row| Ok((head(row)?, said(row, 15)?)),
                )?
                .collect()
        });
    let rows = rows.map_err(failed)?;
    let is_all = rows.len() < *limit as usize;
    let read = rows.last().map(|(head, _)| head.content.number).filter(|_| !is_all);
    let posts: rusqlite::Result<Vec<Option<Post>>> =
        rows.into_iter().map(|(head, said)| whole(connection, profile, head, said)).collect();
    let posts = posts.map_err(failed)?.into_iter().flatten().collect();
    Ok(StoreReply::Posts { posts, read })
}

/// A post as it can be handed on: where its text is gone, with what proves that it is to be [W-173]. Where
/// that is not here, it is left to others.
fn whole(
    connection: &Connection,
    profile: i64,
    head: Head,
    said: Option<Said>,
) -> rusqlite::Result<Option<Post>> {
    if let Some(said) = said {
        return Ok(Some(Post { head, body: Body::Text(said) }));
    }
    let change = changes::proof(connection, profile, &head.content)?;
    Ok(change.map(|change| Post { head, body: Body::Gone(Box::new(change)) }))
}

/// Keeps what the server says of a room.
pub(super) fn save_room(connection: &Connection, profile: i64, room: &Room) -> Answer {
    let body = serde_json::to_string(room).expect("a room holds nothing that cannot be encoded");
    connection
        .execute(
            "REPLACE INTO rooms (profile, id, body) VALUES (?1, ?2, ?3)",
            params![profile, room.id.0, body],
        )
        .map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Keeps how far members are.
pub(super) fn save_reached(
    connection: &Connection,
    profile: i64,
    room: RoomId,
    reached: &[(Name, Reached)],
    everybody: Option<u64>,
) -> Answer {
    for (name, Reached { joined, upto, left }) in reached {
        connection
            .prepare_cached(
                "REPLACE INTO reached (profile, room, member, joined, upto, letters)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut replace| {
                replace.execute(params![
                    profile,
                    room.0,
                    name.as_str(),
                    joined.cast_signed(),
                    upto.cast_signed(),
                    left.cast_signed()
                ])
            })
            .map_err(failed)?;
    }
    if let Some(upto) = everybody {
        connection
            .prepare_cached(EVERYBODY_HAS)
            .and_then(|mut update| update.execute(params![profile, key(room), upto.cast_signed()]))
            .map_err(failed)?;
    }
    Ok(StoreReply::Done)
}

/// All rooms of a profile.
pub(super) fn load(
    connection: &Connection,
    profile: i64,
    device: PublicKey,
) -> rusqlite::Result<Vec<RoomRecord>> {
    let rooms: Vec<String> = connection
        .prepare_cached("SELECT body FROM rooms WHERE profile = ?1")?
        .query_map([profile], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // Of a room that cannot be read, the server tells again.
    let rooms = rooms.into_iter().filter_map(|body| serde_json::from_str::<Room>(&body).ok());
    rooms.map(|room| record(connection, profile, device, room)).collect()
}

fn record(
    connection: &Connection,
    profile: i64,
    device: PublicKey,
    room: Room,
) -> rusqlite::Result<RoomRecord> {
    let key = key(room.id);
    let feeds = feeds(connection, profile, &key)?;
    let own = feeds.iter().find(|(feed, _)| feed.device == device).map(|(feed, _)| *feed);
    let last = match own {
        Some(feed) => connection
            .prepare_cached(LAST_OF_DEVICE)?
            .query_row(params![profile, key, feed.author.0, feed.device.0], head)
            .optional()?,
        None => None,
    };
    let pending = connection
        .prepare_cached(PENDING)?
        .query_map(params![profile, key, MAX_PENDING], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok((number(0)?, number(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let reached = connection
        .prepare_cached(
            "SELECT member, joined, upto, letters FROM reached WHERE profile = ?1 AND room = ?2",
        )?
        .query_map(params![profile, room.id.0], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            let (joined, upto, left) = (number(1)?, number(2)?, number(3)?);
            Ok((name(row, 0)?, Reached { joined, upto, left }))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let copied: Option<i64> =
        connection.query_row("SELECT max(at) FROM copies", [], |row| row.get(0))?;
    let used_before = copied.filter(|_| last.is_some()).unwrap_or(0).cast_unsigned();
    Ok(RoomRecord { room, feeds, last, used_before, pending, reached })
}

/// The numbers that are held of each feed: where the distance of a number to its rank changes, a run
/// ends.
fn feeds(connection: &Connection, profile: i64, key: &str) -> rusqlite::Result<Vec<FeedRuns>> {
    let mut select = connection.prepare_cached(
        "SELECT identity, device, min(sequence), max(sequence) FROM (
             SELECT identity, device, sequence, sequence - row_number() OVER (
                 PARTITION BY identity, device ORDER BY sequence
             ) AS distance
             FROM messages
             WHERE profile = ?1 AND peer = ?2 AND author IS NOT NULL AND identity IS NOT NULL
         ) GROUP BY identity, device, distance ORDER BY identity, device, min(sequence)",
    )?;
    let mut rows = select.query(params![profile, key])?;
    let mut feeds: Vec<FeedRuns> = Vec::new();
    while let Some(row) = rows.next()? {
        let feed = feed(row, 0)?;
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let run = (number(2)?, number(3)?);
        match feeds.last_mut().filter(|(last, _)| *last == feed) {
            Some((_, runs)) => runs.push(run),
            None => feeds.push((feed, vec![run])),
        }
    }
    Ok(feeds)
}

fn feed(row: &Row<'_>, column: usize) -> rusqlite::Result<Feed> {
    let (author, device) = (IdentityKey(row.get(column)?), PublicKey(row.get(column + 1)?));
    Ok(Feed { author, device })
}

/// The first fifteen columns of those above.
fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    let peer: String = row.get(0)?;
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let content = Content {
        room: room_of(&peer).unwrap_or(RoomId([0; 16])),
        author: name(row, 1)?,
        feed: feed(row, 2)?,
        number: number(4)?,
        previous: row.get(5)?,
        version: number(6)?,
        sent: number(7)?,
        kind: changes::kind(row, 8)?,
        text: row.get(13)?,
    };
    Ok(Head::from_parts(content, &row.get(14)?))
}

/// The text, when it is not gone: salt and text from this column on.
fn said(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Said>> {
    let salt: Vec<u8> = row.get(first)?;
    let text = row.get(first + 1)?;
    Ok(salt.try_into().ok().map(|salt| Said { salt, text }))
}

#[cfg(test)]
mod tests;
