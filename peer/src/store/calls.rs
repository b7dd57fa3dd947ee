//! What was chosen of conversations: what calls their person.

use rusqlite::{Connection, params};

use super::profile::name;
use super::{Answer, failed, messages, posts};
use crate::work::{Calls, StoreReply, Talk};

/// Keeps what was chosen for a conversation; nothing, where it is as usual.
pub(super) fn save(
    connection: &Connection,
    profile: i64,
    talk: &Talk,
    calls: Option<Calls>,
) -> Answer {
    let talk = messages::key(talk);
    let done = match calls {
        Some(calls) => connection.execute(
            "REPLACE INTO calls (profile, talk, level) VALUES (?1, ?2, ?3)",
            params![profile, talk, number(calls)],
        ),
        None => connection
            .execute("DELETE FROM calls WHERE profile = ?1 AND talk = ?2", params![profile, talk]),
    };
    done.map_err(failed)?;
    Ok(StoreReply::Done)
}

/// Everything that was chosen.
pub(super) fn load(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<(Talk, Calls)>> {
    connection
        .prepare_cached("SELECT talk, level FROM calls WHERE profile = ?1")?
        .query_map([profile], |row| {
            let talk = match row.get_ref(0)?.as_str().ok().and_then(posts::room_of) {
                Some(room) => Talk::Room(room),
                None => Talk::User(name(row, 0)?),
            };
            Ok((talk, calls(row.get(1)?)))
        })?
        .collect()
}

const fn number(calls: Calls) -> i64 {
    match calls {
        Calls::All => 0,
        Calls::Mentions => 1,
        Calls::Off => 2,
    }
}

const fn calls(number: i64) -> Calls {
    match number {
        0 => Calls::All,
        1 => Calls::Mentions,
        _ => Calls::Off,
    }
}

#[cfg(test)]
mod tests;
