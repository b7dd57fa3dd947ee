//! Rooms as rows: what is read is what [`Room::apply`](wire::app::room::Room::apply) made, and of
//! what it makes only the difference is written.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::room::{
    Access, Backlog, Invitation, Member, Role, Room, RoomId, RoomName, Standing,
};

use crate::sqlite::accounts::read_name;
use crate::sqlite::{Result, damaged, from_sql, to_sql};

/// A room with what only the store knows of it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Its key in the tables.
    pub(super) number: i64,
    /// Who made it; `None`: the server.
    pub(super) founder: Option<IdentityKey>,
    pub(super) room: Room,
}

const COLUMNS: &str = "number, founder, id, name, topic, access, backlog, version";

pub(super) fn by_id(db: &Connection, id: RoomId) -> Result<Option<Kept>> {
    let sql = format!("SELECT {COLUMNS} FROM rooms WHERE id = ?1");
    let kept = db.prepare_cached(&sql)?.query_row([id.0], read_room).optional()?;
    kept.map(|kept| with_people(db, kept)).transpose()
}

pub(super) fn by_name(db: &Connection, name: &RoomName) -> Result<Option<Kept>> {
    let sql = format!("SELECT {COLUMNS} FROM rooms WHERE name = ?1");
    let kept = db.prepare_cached(&sql)?.query_row([name.as_str()], read_room).optional()?;
    kept.map(|kept| with_people(db, kept)).transpose()
}

/// The rooms that a user is in or invited to.
pub(super) fn of(db: &Connection, name: &Name) -> Result<Vec<Kept>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rooms WHERE number IN (
             SELECT room FROM members WHERE name = ?1 AND role IS NOT NULL
             UNION SELECT room FROM invitations WHERE name = ?1)
         ORDER BY number"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let kept: Result<Vec<Kept>> = statement.query_map([name.as_str()], read_room)?.collect();
    kept?.into_iter().map(|kept| with_people(db, kept)).collect()
}

/// Who is in a room.
pub(super) fn present(db: &Connection, id: RoomId) -> Result<Vec<Name>> {
    let mut statement = db.prepare_cached(
        "SELECT m.name FROM members m JOIN rooms ON number = room
         WHERE id = ?1 AND role IS NOT NULL ORDER BY m.name",
    )?;
    statement.query_map([id.0], |row| read_name(&row.get::<_, String>(0)?))?.collect()
}

/// A room without anybody.
pub(super) fn insert(db: &Connection, room: &Room, founder: Option<IdentityKey>) -> Result<i64> {
    db.prepare_cached(
        "INSERT INTO rooms (id, name, skeleton, topic, access, backlog, version, present, founder)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)",
    )?
    .execute(params![
        room.id.0,
        room.name.as_str(),
        room.name.skeleton(),
        room.topic,
        room.access == Access::Open,
        room.backlog == Backlog::Shared,
        to_sql(room.version),
        founder.map(|founder| founder.0),
    ])?;
    Ok(db.last_insert_rowid())
}

/// Writes what is new in `after`.
pub(super) fn save(db: &Connection, number: i64, before: &Room, after: &Room) -> Result<()> {
    db.prepare_cached(
        "UPDATE rooms SET name = ?2, skeleton = ?3, topic = ?4, version = ?5, present = ?6
         WHERE number = ?1",
    )?
    .execute(params![
        number,
        after.name.as_str(),
        after.name.skeleton(),
        after.topic,
        to_sql(after.version),
        to_sql(after.present().count() as u64),
    ])?;
    for old in before.members.iter().filter(|old| after.member(&old.name).is_none()) {
        db.prepare_cached("DELETE FROM members WHERE room = ?1 AND name = ?2")?
            .execute(params![number, old.name.as_str()])?;
    }
    for new in after.members.iter().filter(|new| before.member(&new.name) != Some(new)) {
        put_member(db, number, new)?;
    }
    for old in before.invited.iter().filter(|old| !after.invited.contains(old)) {
        db.prepare_cached("DELETE FROM invitations WHERE room = ?1 AND name = ?2")?
            .execute(params![number, old.name.as_str()])?;
    }
    for new in after.invited.iter().filter(|new| !before.invited.contains(new)) {
        db.prepare_cached("INSERT INTO invitations (room, name, inviter) VALUES (?1, ?2, ?3)")?
            .execute(params![number, new.name.as_str(), new.by.as_str()])?;
    }
    Ok(())
}

/// Removes a room with all that is kept of it.
pub(super) fn delete(db: &Connection, number: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM rooms WHERE number = ?1")?.execute([number])?;
    Ok(())
}

fn put_member(db: &Connection, number: i64, member: &Member) -> Result<()> {
    let (role, muted, gone, kicked) = match member.standing {
        Standing::In { role, muted } => (Some(role), muted, None, None),
        Standing::Out { at, kicked } => (None, None, Some(at), Some(kicked)),
    };
    db.prepare_cached(
        "INSERT OR REPLACE INTO members (room, name, identity, joined, role, muted, gone, kicked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        number,
        member.name.as_str(),
        member.identity.0,
        to_sql(member.joined),
        role.map(role_to_sql),
        muted.map(to_sql),
        gone.map(to_sql),
        kicked,
    ])?;
    Ok(())
}

fn read_room(row: &Row<'_>) -> Result<Kept> {
    let access = if row.get(5)? { Access::Open } else { Access::Invited };
    let backlog = if row.get(6)? { Backlog::Shared } else { Backlog::Withheld };
    let room = Room {
        id: RoomId(row.get(2)?),
        name: read_room_name(row.get(3)?)?,
        topic: row.get(4)?,
        access,
        backlog,
        version: from_sql(row.get(7)?),
        members: Vec::new(),
        invited: Vec::new(),
    };
    let founder = row.get::<_, Option<[u8; 32]>>(1)?.map(IdentityKey);
    Ok(Kept { number: row.get(0)?, founder, room })
}

fn with_people(db: &Connection, mut kept: Kept) -> Result<Kept> {
    let mut statement = db.prepare_cached(
        "SELECT name, identity, joined, role, muted, gone, kicked FROM members
         WHERE room = ?1 ORDER BY name",
    )?;
    kept.room.members = statement.query_map([kept.number], read_member)?.collect::<Result<_>>()?;
    let mut statement =
        db.prepare_cached("SELECT name, inviter FROM invitations WHERE room = ?1 ORDER BY name")?;
    let read = |row: &Row<'_>| {
        let name = read_name(&row.get::<_, String>(0)?)?;
        Ok(Invitation { name, by: read_name(&row.get::<_, String>(1)?)? })
    };
    kept.room.invited = statement.query_map([kept.number], read)?.collect::<Result<_>>()?;
    Ok(kept)
}

fn read_member(row: &Row<'_>) -> Result<Member> {
    let standing = match row.get::<_, Option<i64>>(3)? {
        Some(role) => {
            let muted = row.get::<_, Option<i64>>(4)?.map(from_sql);
            Standing::In { role: role_from_sql(role)?, muted }
        }
        None => Standing::Out { at: from_sql(row.get(5)?), kicked: row.get(6)? },
    };
    Ok(Member {
        name: read_name(&row.get::<_, String>(0)?)?,
        identity: IdentityKey(row.get(1)?),
        joined: from_sql(row.get(2)?),
        standing,
    })
}

/// A stored name of a room, which was one when it was stored.
pub(super) fn read_room_name(text: String) -> Result<RoomName> {
    RoomName::try_from(text).map_err(|_| damaged("a name of a room that is none"))
}

const fn role_to_sql(role: Role) -> i64 {
    match role {
        Role::Member => 0,
        Role::Operator => 1,
        Role::Owner => 2,
    }
}

/// What [`role_to_sql`] gave.
pub(super) fn role_from_sql(number: i64) -> Result<Role> {
    match number {
        0 => Ok(Role::Member),
        1 => Ok(Role::Operator),
        2 => Ok(Role::Owner),
        _ => Err(damaged("a role that is none")),
    }
}
