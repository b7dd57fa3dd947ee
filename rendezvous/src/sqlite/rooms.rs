//! Rooms: each request reads the room, has it judged, makes the changes and writes them.

mod rows;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::room::{
    Access, Backlog, Change, DoesNotFollow, Invitation, MAX_INVITED_AT_ONCE, MAX_LISTED,
    MAX_ROOMS_OF_ONE, Relation, Role, Room, RoomId, RoomName, RoomRefusal, RoomRequest,
    RoomSummary,
};
use wire::app::server::{Refusal, Response};

use self::rows::Kept;
use super::accounts::read_name;
use super::{Result, damaged, from_sql, to_sql};
use crate::rooms::{Edit, Judged, Lobby, User, View, looks_like_lobby};
use crate::store::{RoomNews, RoomOutcome, StoreOutcome};

/// Why a request is not done.
enum Stop {
    Refused(Refusal),
    /// The lobby is full of these.
    LobbyFull(Vec<Name>),
    Failed(rusqlite::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RoomRefusal> for Stop {
    fn from(refusal: RoomRefusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<DoesNotFollow> for Stop {
    fn from(_: DoesNotFollow) -> Self {
        Self::Failed(damaged("a room that its changes do not fit"))
    }
}

type Asked<T> = core::result::Result<T, Stop>;

pub(super) fn ask(
    db: &Connection,
    by: &Name,
    request: &RoomRequest,
    lobby: Lobby,
) -> Result<StoreOutcome> {
    outcome(by, answer(db, by, request, lobby))
}

/// How many have room in the lobby, and which of its members may make way when it is full.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) number: usize,
    pub(super) absent: &'a [Name],
}

pub(super) fn enter_lobby(
    db: &Connection,
    name: &Name,
    id: RoomId,
    places: Places<'_>,
) -> Result<StoreOutcome> {
    outcome(name, try_to_enter_lobby(db, name, id, places))
}

pub(super) fn join_lobby(db: &Connection, by: &Name, places: Places<'_>) -> Result<StoreOutcome> {
    outcome(by, try_to_join_lobby(db, by, places))
}

/// A refusal is an answer, too; it comes before anything is written.
fn outcome(by: &Name, asked: Asked<RoomOutcome>) -> Result<StoreOutcome> {
    let outcome = match asked {
        Ok(outcome) => outcome,
        Err(Stop::Refused(refusal)) => RoomOutcome::answer(Response::Refused(refusal)),
        Err(Stop::LobbyFull(members)) => {
            return Ok(StoreOutcome::LobbyFull { user: by.clone(), members });
        }
        Err(Stop::Failed(error)) => return Err(error),
    };
    Ok(StoreOutcome::Room(Box::new(outcome)))
}

fn answer(db: &Connection, by: &Name, request: &RoomRequest, lobby: Lobby) -> Asked<RoomOutcome> {
    // The account may have been removed a moment ago.
    let by = user(db, by)?.ok_or(Refusal::NotLoggedIn)?;
    match request {
        RoomRequest::Create { id, name, access, backlog, invite } => {
            let wanted = Room {
                id: *id,
                name: name.clone(),
                topic: String::new(),
                access: *access,
                backlog: *backlog,
                version: 0,
                members: Vec::new(),
                invited: Vec::new(),
            };
            create(db, &by, wanted, invite)
        }
        RoomRequest::Join(name) => {
            let kept = rows::by_name(db, name)?.filter(|kept| is_there(kept, lobby));
            let places = Places { number: lobby.places(), absent: &[] };
            join(db, &by, kept.ok_or(RoomRefusal::UnknownRoom)?, places)
        }
        RoomRequest::List => Ok(RoomOutcome::answer(Response::Rooms(list(db, &by, lobby)?))),
        RoomRequest::Get(id) => {
            let kept = room(db, *id, lobby)?;
            seen(db, &kept, &by)?.get()?;
            Ok(RoomOutcome::answer(Response::Room(Box::new(kept.room))))
        }
        RoomRequest::Leave(id) => {
            let kept = room(db, *id, lobby)?;
            let changes = seen(db, &kept, &by)?.leave()?;
            let edit = change(db, kept, changes)?;
            Ok(RoomOutcome { news: edit.news, ..RoomOutcome::answer(Response::Done) })
        }
        RoomRequest::Invite(id, name) => invite(db, &by, room(db, *id, lobby)?, name),
        RoomRequest::Kick(id, name) => rule(db, &by, *id, lobby, |view| view.kick(name)),
        RoomRequest::SetRole(id, name, role) => {
            rule(db, &by, *id, lobby, |view| view.set_role(name, *role))
        }
        RoomRequest::Mute(id, name, muted) => {
            rule(db, &by, *id, lobby, |view| view.mute(name, *muted))
        }
        RoomRequest::SetTopic(id, topic) => rule(db, &by, *id, lobby, |view| view.set_topic(topic)),
        RoomRequest::Rename(id, name) => {
            let other = looking_like(db, name)?.filter(|other| other != id);
            rule(db, &by, *id, lobby, |view| view.rename(name, other.is_some()))
        }
    }
}

/// One change to a room.
fn rule(
    db: &Connection,
    by: &User,
    id: RoomId,
    lobby: Lobby,
    judge: impl FnOnce(View<'_>) -> Judged<Change>,
) -> Asked<RoomOutcome> {
    let kept = room(db, id, lobby)?;
    let made = judge(seen(db, &kept, by)?)?;
    let edit = change(db, kept, vec![made])?;
    Ok(RoomOutcome { news: edit.news, ..RoomOutcome::answer(Response::Done) })
}

fn create(db: &Connection, by: &User, wanted: Room, invite: &[Name]) -> Asked<RoomOutcome> {
    if invite.len() > MAX_INVITED_AT_ONCE {
        return Err(Refusal::Malformed.into());
    }
    if let Some(kept) = rows::by_id(db, wanted.id)? {
        return repeat(by, kept);
    }
    if looks_like_lobby(&wanted.name) {
        return Err(RoomRefusal::Lobby.into());
    }
    if looking_like(db, &wanted.name)?.is_some() {
        return Err(RoomRefusal::NameTaken.into());
    }
    let mut guests: Vec<&Name> = Vec::new();
    for guest in invite {
        if *guest != by.name && !guests.contains(&guest) {
            guests.push(guest);
        }
    }
    if guests.is_empty() && wanted.access == Access::Invited {
        return Err(RoomRefusal::NobodyElse.into());
    }
    for guest in &guests {
        let rooms = rooms_of_guest(db, guest, by)?;
        let rooms = rooms.ok_or_else(|| RoomRefusal::UnknownUser((*guest).clone()))?;
        if rooms >= MAX_ROOMS_OF_ONE {
            return Err(RoomRefusal::TooManyRooms.into());
        }
    }
    if rooms_of(db, &by.name)? >= MAX_ROOMS_OF_ONE {
        return Err(RoomRefusal::TooManyRooms.into());
    }
    let founder = by.joins(&wanted, Role::Owner);
    let invitations = guests
        .iter()
        .map(|guest| Change::Invited(Invitation { name: (*guest).clone(), by: by.name.clone() }));
    let changes = [founder].into_iter().chain(invitations).collect();
    let number = rows::insert(db, &wanted, Some(by.identity))?;
    let room = change(db, Kept { number, founder: None, room: wanted }, changes)?.room;
    let mut invited = Vec::new();
    for guest in guests {
        invited.extend(invitation(db, &room, guest, by)?);
    }
    Ok(RoomOutcome { invited, ..RoomOutcome::answer(Response::Room(Box::new(room))) })
}

/// The same again, after its answer was lost. To anybody else the id tells nothing.
fn repeat(by: &User, kept: Kept) -> Asked<RoomOutcome> {
    let Kept { founder, room, .. } = kept;
    if founder == Some(by.identity) && room.role(&by.name).is_some() {
        Ok(RoomOutcome::answer(Response::Room(Box::new(room))))
    } else {
        Err(Refusal::Malformed.into())
    }
}

fn join(db: &Connection, by: &User, kept: Kept, places: Places<'_>) -> Asked<RoomOutcome> {
    let joined = seen(db, &kept, by)?.join(rooms_of(db, &by.name)?)?;
    let mut edit = if kept.room.is_lobby() {
        go_into_lobby(db, by, kept, places)?
    } else {
        change(db, kept, vec![joined])?
    };
    edit.spare(&by.name);
    let Edit { room, news } = edit;
    Ok(RoomOutcome { news, ..RoomOutcome::answer(Response::Room(Box::new(room))) })
}

fn try_to_join_lobby(db: &Connection, by: &Name, places: Places<'_>) -> Asked<RoomOutcome> {
    let by = user(db, by)?.ok_or(Refusal::NotLoggedIn)?;
    let kept = rows::by_name(db, &RoomName::lobby())?.ok_or(RoomRefusal::UnknownRoom)?;
    join(db, &by, kept, places)
}

fn invite(db: &Connection, by: &User, kept: Kept, guest: &Name) -> Asked<RoomOutcome> {
    let rooms = rooms_of_guest(db, guest, by)?;
    let invited = seen(db, &kept, by)?.invite(guest, rooms)?;
    let Edit { room, news } = change(db, kept, vec![invited])?;
    let invited = invitation(db, &room, guest, by)?.into_iter().collect();
    Ok(RoomOutcome { response: Response::Done, news, invited })
}

fn try_to_enter_lobby(
    db: &Connection,
    name: &Name,
    id: RoomId,
    places: Places<'_>,
) -> Asked<RoomOutcome> {
    let nothing = RoomOutcome::answer(Response::Done);
    let Some(newcomer) = newcomer(db, name)? else { return Ok(nothing) };
    let kept = match rows::by_name(db, &RoomName::lobby())? {
        Some(kept) => kept,
        None => make_lobby(db, id)?,
    };
    let rooms = rooms_of(db, name)?;
    if (View { room: &kept.room, by: &newcomer, hidden: false }).join(rooms).is_err() {
        // He is in as many rooms as one can be: perhaps the next time.
        return Ok(nothing);
    }
    let news = go_into_lobby(db, &newcomer, kept, places)?.news;
    Ok(RoomOutcome { news, ..nothing })
}

/// Somebody who may comes into the lobby. When it is full, the member makes way who is not there and
/// was not seen for longest; he will be in it again from his next login on.
fn go_into_lobby(db: &Connection, by: &User, kept: Kept, places: Places<'_>) -> Asked<Edit> {
    let Kept { number, founder, room } = kept;
    let mut edit = Edit { room, news: Vec::new() };
    if edit.room.present().count() >= places.number {
        let Some(gone) = longest_unseen(db, number, places.absent)? else {
            let members = edit.room.present().map(|member| member.name.clone());
            return Err(Stop::LobbyFull(members.collect()));
        };
        edit = change(
            db,
            Kept { number, founder, room: edit.room },
            vec![Change::Left(gone.clone())],
        )?;
        mark_entered(db, &gone, false)?;
    }
    mark_entered(db, &by.name, true)?;
    let joined = by.joins(&edit.room, Role::Member);
    let Edit { room, news } = change(db, Kept { number, founder, room: edit.room }, vec![joined])?;
    edit.news.extend(news);
    Ok(Edit { room, ..edit })
}

/// Of these members of a room, who was not seen for longest.
fn longest_unseen(db: &Connection, room: i64, of: &[Name]) -> Result<Option<Name>> {
    let mut statement = db.prepare_cached(
        "SELECT m.name FROM members m JOIN accounts a ON a.name = m.name
         WHERE room = ?1 AND role IS NOT NULL ORDER BY last_seen, m.name",
    )?;
    let mut rows = statement.query([room])?;
    while let Some(row) = rows.next()? {
        let name = read_name(&row.get::<_, String>(0)?)?;
        if of.contains(&name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn make_lobby(db: &Connection, id: RoomId) -> Result<Kept> {
    let room = Room {
        id,
        name: RoomName::lobby(),
        topic: String::new(),
        access: Access::Open,
        backlog: Backlog::Shared,
        version: 0,
        members: Vec::new(),
        invited: Vec::new(),
    };
    Ok(Kept { number: rows::insert(db, &room, None)?, founder: None, room })
}

/// A user who is to be in the lobby and is not.
fn newcomer(db: &Connection, name: &Name) -> Result<Option<User>> {
    let entered: Option<bool> = db
        .prepare_cached("SELECT entered FROM accounts WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    if entered == Some(false) { user(db, name) } else { Ok(None) }
}

/// Whether somebody is in the lobby, or has left it himself: then no login brings him into it.
fn mark_entered(db: &Connection, name: &Name, entered: bool) -> Result<()> {
    db.prepare_cached("UPDATE accounts SET entered = ?2 WHERE name = ?1")?
        .execute(params![name.as_str(), entered])?;
    Ok(())
}

/// Somebody whose account is about to be removed leaves every room, and is invited to none. A
/// server that runs on this database tells the others ([`take_untold`]).
pub(super) fn leave_all(db: &Connection, name: &Name) -> Result<()> {
    let Some(by) = user(db, name)? else { return Ok(()) };
    for kept in rows::of(db, name)? {
        // His invitation goes whoever gave it.
        let view = View { room: &kept.room, by: &by, hidden: false };
        let left = view.leave().map_err(Stop::from);
        let edit = match left.and_then(|changes| change(db, kept, changes)) {
            Ok(edit) => edit,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Refused(_) | Stop::LobbyFull(_)) => {
                return Err(damaged("a room of somebody who is not in it"));
            }
        };
        for RoomNews { room, version, change, .. } in edit.news {
            let change = postcard::to_stdvec(&change).expect("a change has a plain encoding");
            db.prepare_cached(
                "INSERT OR REPLACE INTO untold (room, version, change) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![room.0, to_sql(version), change])?;
        }
    }
    Ok(())
}

/// What such removals meant to rooms, for whoever is in them now.
pub(super) fn take_untold(db: &Connection) -> Result<Vec<RoomNews>> {
    let mut statement = db.prepare_cached("DELETE FROM untold RETURNING room, version, change")?;
    let mut rows = statement.query([])?;
    let mut untold = Vec::new();
    while let Some(row) = rows.next()? {
        let room = RoomId(row.get(0)?);
        let change = postcard::from_bytes(&row.get::<_, Vec<u8>>(2)?)
            .map_err(|_| damaged("a damaged change of a room"))?;
        let to = rows::present(db, room)?;
        untold.push(RoomNews { room, version: from_sql(row.get(1)?), change, to });
    }
    untold.sort_by_key(|news| (news.room, news.version));
    Ok(untold)
}

/// Makes changes and keeps what comes of them. A room that everybody has left is gone with its
/// name and its invitations; only the lobby waits for others.
fn change(db: &Connection, kept: Kept, changes: Vec<Change>) -> Asked<Edit> {
    let Kept { number, room: before, .. } = kept;
    let mut edit = Edit::new(before.clone());
    for change in changes {
        edit.make(change)?;
    }
    if edit.room.present().next().is_none() && !before.is_lobby() {
        rows::delete(db, number)?;
    } else {
        rows::save(db, number, &before, &edit.room)?;
    }
    Ok(edit)
}

fn room(db: &Connection, id: RoomId, lobby: Lobby) -> Asked<Kept> {
    let kept = rows::by_id(db, id)?.filter(|kept| is_there(kept, lobby));
    Ok(kept.ok_or(RoomRefusal::UnknownRoom)?)
}

/// Without the operator's wish there is no lobby, though what it was is kept.
fn is_there(kept: &Kept, lobby: Lobby) -> bool {
    lobby != Lobby::Shut || !kept.room.is_lobby()
}

fn seen<'a>(db: &Connection, kept: &'a Kept, by: &'a User) -> Result<View<'a>> {
    let hidden = match kept.room.invitation(&by.name) {
        Some(invitation) => blocks(db, &by.name, &invitation.by)?,
        None => false,
    };
    Ok(View { room: &kept.room, by, hidden })
}

/// What is told to somebody who was invited; nothing to whoever blocks the inviter.
fn invitation(
    db: &Connection,
    room: &Room,
    guest: &Name,
    by: &User,
) -> Result<Option<(Name, RoomSummary)>> {
    if blocks(db, guest, &by.name)? {
        return Ok(None);
    }
    let summary = RoomSummary {
        id: room.id,
        name: room.name.clone(),
        topic: room.topic.clone(),
        access: room.access,
        version: room.version,
        members: u32::try_from(room.present().count()).unwrap_or(u32::MAX),
        relation: Relation::Invited(by.name.clone()),
    };
    Ok(Some((guest.clone(), summary)))
}

/// An account that somebody has used: an imported one is nobody yet.
fn user(db: &Connection, name: &Name) -> Result<Option<User>> {
    let identity: Option<Option<[u8; 32]>> = db
        .prepare_cached("SELECT identity FROM accounts WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    let identity = identity.flatten().map(IdentityKey);
    Ok(identity.map(|identity| User { name: name.clone(), identity }))
}

fn blocks(db: &Connection, blocker: &Name, target: &Name) -> Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM blocks
             WHERE blocker = (SELECT id FROM accounts WHERE name = ?1)
                 AND target = (SELECT id FROM accounts WHERE name = ?2))",
    )?
    .query_row([blocker.as_str(), target.as_str()], |row| row.get(0))
}

/// The room whose name looks like this one.
fn looking_like(db: &Connection, name: &RoomName) -> Result<Option<RoomId>> {
    db.prepare_cached("SELECT id FROM rooms WHERE skeleton = ?1")?
        .query_row([name.skeleton()], |row| row.get(0).map(RoomId))
        .optional()
}

/// How many rooms somebody is in.
fn rooms_of(db: &Connection, name: &Name) -> Result<usize> {
    count(
        db.prepare_cached("SELECT count(*) FROM members WHERE name = ?1 AND role IS NOT NULL")?
            .query_row([name.as_str()], |row| row.get(0))?,
    )
}

/// How many rooms somebody is in or invited to who is to be invited by `by`; `None`: there is no
/// such user. Invitations by others whom he blocks are not counted, since he cannot decline them.
fn rooms_of_guest(db: &Connection, name: &Name, by: &User) -> Result<Option<usize>> {
    if user(db, name)?.is_none() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT count(*) FROM invitations
         WHERE name = :name AND (inviter = :by OR NOT {INVITER_IS_BLOCKED})"
    );
    let invitations = db
        .prepare_cached(&sql)?
        .query_row(named_params! { ":name": name.as_str(), ":by": by.name.as_str() }, |row| {
            row.get(0)
        })?;
    Ok(Some(rooms_of(db, name)? + count(invitations)?))
}

fn count(number: i64) -> Result<usize> {
    usize::try_from(number).map_err(|_| damaged("a count below nothing"))
}

/// Whether `:name` blocks the `inviter` of a row of `invitations`.
const INVITER_IS_BLOCKED: &str = "EXISTS (SELECT 1 FROM blocks
    WHERE blocker = (SELECT id FROM accounts WHERE name = :name)
        AND target = (SELECT id FROM accounts WHERE name = inviter))";

/// What a user is shown: his rooms, his invitations, the open rooms; each sorted by name.
fn list(db: &Connection, by: &User, lobby: Lobby) -> Result<Vec<RoomSummary>> {
    const COLUMNS: &str = "r.id, r.name, r.topic, r.access, r.version, r.present";
    let queries = [
        format!(
            "SELECT {COLUMNS}, role, NULL, NULL FROM members m JOIN rooms r ON number = room
             WHERE m.name = :name AND role IS NOT NULL AND (:lobby OR r.name <> 'lobby')
             ORDER BY r.name LIMIT :limit"
        ),
        format!(
            "SELECT {COLUMNS}, NULL, inviter, NULL FROM invitations i JOIN rooms r ON number = room
             WHERE i.name = :name AND NOT {INVITER_IS_BLOCKED} AND (:lobby OR r.name <> 'lobby')
             ORDER BY r.name LIMIT :limit"
        ),
        format!(
            "SELECT {COLUMNS}, NULL, NULL, coalesce(identity = :identity, 0)
             FROM rooms r LEFT JOIN members m ON room = number AND m.name = :name
             WHERE access = 1 AND role IS NULL AND (:lobby OR r.name <> 'lobby')
                 AND NOT EXISTS (SELECT 1 FROM invitations i
                     WHERE i.room = number AND i.name = :name AND NOT {INVITER_IS_BLOCKED})
             ORDER BY r.name LIMIT :limit"
        ),
    ];
    let mut rooms = Vec::new();
    for sql in queries {
        let mut statement = db.prepare_cached(&sql)?;
        let limit = to_sql((MAX_LISTED - rooms.len()) as u64);
        // A query takes no value that it does not name.
        let all: [(&str, &dyn rusqlite::ToSql); 4] = [
            (":name", &by.name.as_str()),
            (":lobby", &(lobby != Lobby::Shut)),
            (":limit", &limit),
            (":identity", &by.identity.0),
        ];
        let named: Vec<_> = all.into_iter().filter(|(name, _)| sql.contains(name)).collect();
        let found: Result<Vec<RoomSummary>> =
            statement.query_map(named.as_slice(), read_summary)?.collect();
        rooms.extend(found?);
    }
    Ok(rooms)
}

fn read_summary(row: &Row<'_>) -> Result<RoomSummary> {
    let role: Option<i64> = row.get(6)?;
    let inviter: Option<String> = row.get(7)?;
    let relation = match (role, inviter) {
        (Some(role), _) => Relation::Member(rows::role_from_sql(role)?),
        (None, Some(inviter)) => Relation::Invited(read_name(&inviter)?),
        (None, None) if row.get(8)? => Relation::Former,
        (None, None) => Relation::None,
    };
    Ok(RoomSummary {
        id: RoomId(row.get(0)?),
        name: rows::read_room_name(row.get(1)?)?,
        topic: row.get(2)?,
        access: if row.get(3)? { Access::Open } else { Access::Invited },
        version: from_sql(row.get(4)?),
        members: row.get(5)?,
        relation,
    })
}
