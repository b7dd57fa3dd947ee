//! Rooms, and what was said in them. A post stands among the messages, so that the history, its pages
//! and the search are the same for both; what only posts have stands in columns that are empty for
//! others.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::PublicKey;
use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::post::{Content, Feed, Post};
use wire::app::room::{Room, RoomId};

use super::profile::name;
use super::{Answer, failed};
use crate::work::{FeedRuns, Reached, Receipt, RoomRecord, StoreError, StoreReply, StoreRequest};

/// Most own posts whose marks are followed after a start.
const MAX_PENDING: u32 = 1000;

const DELIVERED: i64 = 1;
const QUEUED: i64 = 0;
const INCOMING: i64 = 3;

// As in `messages`: each finds its rows by an index.

pub(super) const KEPT: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, body, signature
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND sequence = ?5
        AND author IS NOT NULL";
pub(super) const LACKING: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, body, signature
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
    WHERE profile = ?1 AND peer = ?2 AND author IS NOT NULL AND state = 0
    ORDER BY sequence DESC LIMIT ?3";
pub(super) const LAST_OF_DEVICE: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, body, signature
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

/// Keeps a post of ours.
pub(super) fn keep(connection: &Connection, profile: i64, post: &Post, at: u64) -> Answer {
    insert(connection, profile, post, QUEUED, at)
        .map(|()| StoreReply::Posted { line: connection.last_insert_rowid().cast_unsigned() })
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
    insert_received(connection, profile, post, own, at).map(StoreReply::Received).map_err(failed)
}

fn insert_received(
    connection: &Connection,
    profile: i64,
    post: &Post,
    own: bool,
    at: u64,
) -> rusqlite::Result<Receipt> {
    let content = &post.content;
    let kept = |number: u64| {
        let key = key(content.room);
        let Feed { author, device } = content.feed;
        connection
            .prepare_cached(KEPT)?
            .query_row(params![profile, key, author.0, device.0, number.cast_signed()], self::post)
            .optional()
    };
    if let Some(here) = kept(content.number)? {
        return Ok(if here.content == *content { Receipt::Duplicate } else { Receipt::Conflict });
    }
    // A post names the one before it, and is named by the one after it.
    let before = kept(content.number - 1)?;
    let after = content.number.checked_add(1).map(kept).transpose()?.flatten();
    let follows = before.is_none_or(|before| before.content.hash() == content.previous);
    let is_followed = after.is_none_or(|after| after.content.previous == content.hash());
    if !follows || !is_followed {
        return Ok(Receipt::Conflict);
    }
    insert(connection, profile, post, if own { DELIVERED } else { INCOMING }, at)?;
    let line = connection.last_insert_rowid().cast_unsigned();
    Ok(Receipt::Fresh { gap: false, line, reply_to: None })
}

fn insert(
    connection: &Connection,
    profile: i64,
    post: &Post,
    state: i64,
    at: u64,
) -> rusqlite::Result<()> {
    let content = &post.content;
    connection
        .prepare_cached(
            "INSERT INTO messages
             (profile, peer, state, identity, device, sequence, nonce, sent, at, body,
              author, epoch, previous, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, x'', ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            profile,
            key(content.room),
            state,
            content.feed.author.0,
            content.feed.device.0,
            content.number.cast_signed(),
            content.sent.cast_signed(),
            at.cast_signed(),
            content.body,
            content.author.as_str(),
            content.version.cast_signed(),
            content.previous,
            post.signature(),
        ])?;
    Ok(())
}

/// Posts that somebody lacks.
pub(super) fn lacking(connection: &Connection, profile: i64, request: &StoreRequest) -> Answer {
    let StoreRequest::Posts { room, feed, from, to, since, shared_from, limit } = request else {
        return Err(StoreError("that asks for no posts".to_owned()));
    };
    // Numbers beyond SQLite's are nobody's.
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let posts: rusqlite::Result<Vec<Post>> =
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
                    post,
                )?
                .collect()
        });
    posts.map(StoreReply::Posts).map_err(failed)
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
    for (name, Reached { joined, upto }) in reached {
        connection
            .prepare_cached(
                "REPLACE INTO reached (profile, room, member, joined, upto)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut replace| {
                replace.execute(params![
                    profile,
                    room.0,
                    name.as_str(),
                    joined.cast_signed(),
                    upto.cast_signed()
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
            .query_row(params![profile, key, feed.author.0, feed.device.0], post)
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
            "SELECT member, joined, upto FROM reached WHERE profile = ?1 AND room = ?2",
        )?
        .query_map(params![profile, room.id.0], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok((name(row, 0)?, Reached { joined: number(1)?, upto: number(2)? }))
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
             FROM messages WHERE profile = ?1 AND peer = ?2 AND author IS NOT NULL
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

fn post(row: &Row<'_>) -> rusqlite::Result<Post> {
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
        body: row.get(8)?,
    };
    Ok(Post::from_parts(content, &row.get(9)?))
}

#[cfg(test)]
mod tests;
