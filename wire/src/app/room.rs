//! Rooms: what the server keeps of them and says about them. It knows who is in a room and never
//! what is said there; that goes from member to member ([`post`](super::post)).

use core::fmt;

use serde::{Deserialize, Serialize};

use super::identity::IdentityKey;
use super::name::{Name, NameError};

/// Most members of one room, the lobby apart.
pub const MAX_MEMBERS: usize = 256;
/// Most members of the lobby [W-165].
pub const MAX_IN_LOBBY: usize = 1024;
/// Most former members that a room remembers; the longest gone are forgotten first, and those who
/// may come back only when invited last.
pub const MAX_FORMER: usize = 256;
/// Most invitations of one room that nobody has followed yet.
pub const MAX_INVITED: usize = 256;
/// Most rooms that one user can be in; whoever is in or invited to so many is invited to no more.
pub const MAX_ROOMS_OF_ONE: usize = 64;
/// Most rooms in one answer to [`RoomRequest::List`].
pub const MAX_LISTED: usize = 256;
/// Most users invited by one [`RoomRequest::Create`].
pub const MAX_INVITED_AT_ONCE: usize = 16;
/// Longest topic in bytes.
pub const MAX_TOPIC: usize = 256;
/// The room that everybody is in, where the server has one.
const LOBBY: &str = "lobby";

/// Identifies a room for good: random, chosen by its founder's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(pub [u8; 16]);

/// A room's name: by the rules of user names, and unique among the rooms of a server in the same
/// way. One name more is allowed: `lobby`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

impl RoomName {
    /// Prepares what somebody typed, without the `#` that is shown before it.
    ///
    /// # Errors
    /// When it is not a name.
    pub fn new(typed: &str) -> Result<Self, NameError> {
        if typed.eq_ignore_ascii_case(LOBBY) {
            return Ok(Self::lobby());
        }
        Name::new(typed).map(|name| Self(name.into()))
    }

    /// The room that everybody is in.
    #[must_use]
    pub fn lobby() -> Self {
        Self(LOBBY.to_owned())
    }

    /// The prepared form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As [`Name::skeleton`].
    #[must_use]
    pub fn skeleton(&self) -> String {
        Name::new(&self.0).map_or_else(|_| self.0.clone(), |name| name.skeleton())
    }
}

impl TryFrom<String> for RoomName {
    type Error = NameError;
    /// Only a name already in its prepared form.
    fn try_from(text: String) -> Result<Self, NameError> {
        if text == LOBBY {
            return Ok(Self(text));
        }
        Name::try_from(text).map(|name| Self(name.into()))
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Who may come into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Whoever is invited.
    Invited,
    /// Everybody; it is listed.
    Open,
}

/// What a newcomer is given of what was said before he came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backlog {
    /// Nothing.
    Withheld,
    /// The newest of it.
    Shared,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Speak, and invite.
    Member,
    /// Besides, set the topic, kick and mute members.
    Operator,
    /// Besides, rename the room, give roles and take them, and kick and mute operators.
    Owner,
}

/// Where a user stands in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// He is in it.
    In {
        /// What he may do.
        role: Role,
        /// The room's version when he was muted: what he has posted since is not taken. Nor does
        /// he invite or set the topic.
        muted: Option<u64>,
    },
    /// He was.
    Out {
        /// The room's version since then.
        at: u64,
        /// Whether he may come back only when invited, even into an open room: he was kicked, or
        /// left while he was muted.
        kicked: bool,
    },
}

/// One user who is or was in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user.
    pub name: Name,
    /// The identity, as the server has it.
    pub identity: IdentityKey,
    /// The room's version from which on he was in it (the last time).
    pub joined: u64,
    /// Where he stands.
    pub standing: Standing,
}

impl Member {
    /// The role of somebody who is in the room.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self.standing {
            Standing::In { role, .. } => Some(role),
            Standing::Out { .. } => None,
        }
    }
}

/// Somebody who may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Who.
    pub name: Name,
    /// By whom.
    pub by: Name,
}

/// All that the server keeps of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Identifies it.
    pub id: RoomId,
    /// What it is called now.
    pub name: RoomName,
    /// What it is about: foreign text.
    pub topic: String,
    /// Who may come in.
    pub access: Access,
    /// What newcomers are given.
    pub backlog: Backlog,
    /// Counts up by one with each [`Change`], from 1.
    pub version: u64,
    /// Who is in it, or was, sorted by name.
    pub members: Vec<Member>,
    /// Who is invited and has not come, sorted by name.
    pub invited: Vec<Invitation>,
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// Identifies it.
    pub id: RoomId,
    /// What it is called.
    pub name: RoomName,
    /// What it is about: foreign text.
    pub topic: String,
    /// Who may come in.
    pub access: Access,
    /// Its version.
    pub version: u64,
    /// How many are in it.
    pub members: u32,
    /// What the asker is to it.
    pub relation: Relation,
}

/// What a user is to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// In it.
    Member(Role),
    /// Invited by this user.
    Invited(Name),
    /// Neither; it is open.
    None,
    /// He was in it, and it is open.
    Former,
}

/// What happened in a room. Its number is the room's version from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Somebody came in (his invitation, if any, is used up).
    Joined(Member),
    /// Somebody left, or is no longer there at all.
    Left(Name),
    /// Somebody was put out.
    Kicked {
        /// Who.
        name: Name,
        /// By whom.
        by: Name,
    },
    /// Somebody may come in.
    Invited(Invitation),
    /// An invitation was declined, or taken back.
    NotInvited {
        /// Whose.
        name: Name,
        /// Who did it.
        by: Name,
    },
    /// Somebody has another role.
    Role {
        /// Who.
        name: Name,
        /// Which.
        role: Role,
        /// By whom; `None`: the last owner left, and this member stood next.
        by: Option<Name>,
    },
    /// Somebody may not speak, or may again.
    Muted {
        /// Who.
        name: Name,
        /// Not.
        muted: bool,
        /// By whom.
        by: Name,
    },
    /// The room is about something else.
    Topic {
        /// What: foreign text.
        topic: String,
        /// By whom.
        by: Name,
    },
    /// The room is called otherwise.
    Renamed {
        /// How.
        name: RoomName,
        /// By whom.
        by: Name,
    },
}

/// Why [`Room::apply`] did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the change does not follow what is known of the room")]
pub struct DoesNotFollow;

impl Room {
    /// Whoever has this name, in it or formerly.
    #[must_use]
    pub fn member(&self, name: &Name) -> Option<&Member> {
        let at = self.members.binary_search_by(|member| member.name.cmp(name)).ok()?;
        self.members.get(at)
    }

    /// The role of this user, if he is in it.
    #[must_use]
    pub fn role(&self, name: &Name) -> Option<Role> {
        self.member(name)?.role()
    }

    /// Who is in it, by name.
    pub fn present(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.role().is_some())
    }

    /// Whether this is the room that everybody is in.
    #[must_use]
    pub fn is_lobby(&self) -> bool {
        self.name.as_str() == LOBBY
    }

    /// How many can be in it.
    #[must_use]
    pub fn max_members(&self) -> usize {
        if self.is_lobby() { MAX_IN_LOBBY } else { MAX_MEMBERS }
    }

    /// The invitation of this user.
    #[must_use]
    pub fn invitation(&self, name: &Name) -> Option<&Invitation> {
        self.invited.iter().find(|invitation| invitation.name == *name)
    }

    /// Makes a change with the number `version`: what the server and each client do in the same
    /// way. No change makes a room larger than the limits above allow.
    ///
    /// # Errors
    /// When changes before it are missing, or it changes somebody who is not there, or makes the
    /// room too large: the whole room is to be asked for.
    pub fn apply(&mut self, version: u64, change: &Change) -> Result<(), DoesNotFollow> {
        if self.version.checked_add(1) != Some(version) {
            return Err(DoesNotFollow);
        }
        match change {
            Change::Joined(member) => self.come(member.clone())?,
            Change::Left(name) => self.go(name, version, false)?,
            Change::Kicked { name, .. } => self.go(name, version, true)?,
            Change::Invited(invitation) => self.invite(invitation.clone())?,
            Change::NotInvited { name, .. } => self.uninvite(name),
            Change::Role { name, role: new, .. } => match self.standing_mut(name)? {
                Standing::In { role, .. } => *role = *new,
                Standing::Out { .. } => return Err(DoesNotFollow),
            },
            Change::Muted { name, muted: now, .. } => match self.standing_mut(name)? {
                Standing::In { muted, .. } => *muted = now.then_some(version),
                Standing::Out { .. } => return Err(DoesNotFollow),
            },
            Change::Topic { topic, .. } if topic.len() > MAX_TOPIC => return Err(DoesNotFollow),
            Change::Topic { topic, .. } => self.topic.clone_from(topic),
            Change::Renamed { name, .. } => self.name = name.clone(),
        }
        self.version = version;
        Ok(())
    }

    fn come(&mut self, member: Member) -> Result<(), DoesNotFollow> {
        let is_news = member.role().is_some() && self.role(&member.name).is_none();
        if !is_news || self.present().count() >= self.max_members() {
            return Err(DoesNotFollow);
        }
        self.uninvite(&member.name);
        match self.members.binary_search_by(|known| known.name.cmp(&member.name)) {
            Ok(at) => self.members[at] = member,
            Err(at) => self.members.insert(at, member),
        }
        Ok(())
    }

    fn go(&mut self, name: &Name, at: u64, kicked: bool) -> Result<(), DoesNotFollow> {
        let standing = self.standing_mut(name)?;
        let kicked = match standing {
            Standing::In { muted, .. } => kicked || muted.is_some(),
            Standing::Out { .. } => return Err(DoesNotFollow),
        };
        *standing = Standing::Out { at, kicked };
        let former = |member: &Member| match member.standing {
            Standing::Out { at, kicked } => Some((kicked, at)),
            Standing::In { .. } => None,
        };
        if self.members.iter().filter_map(former).count() > MAX_FORMER {
            let first = self.members.iter().filter_map(former).min();
            self.members.retain(|member| former(member).is_none() || former(member) != first);
        }
        Ok(())
    }

    fn invite(&mut self, invitation: Invitation) -> Result<(), DoesNotFollow> {
        if self.invitation(&invitation.name).is_none() && self.invited.len() >= MAX_INVITED {
            return Err(DoesNotFollow);
        }
        self.uninvite(&invitation.name);
        self.invited.push(invitation);
        self.invited.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    fn uninvite(&mut self, name: &Name) {
        self.invited.retain(|invitation| invitation.name != *name);
    }

    fn standing_mut(&mut self, name: &Name) -> Result<&mut Standing, DoesNotFollow> {
        let at = self.members.binary_search_by(|member| member.name.cmp(name));
        let at = at.map_err(|_| DoesNotFollow)?;
        Ok(&mut self.members[at].standing)
    }

    /// Who becomes an owner when `leaver` goes and no owner is left: the operator who is longest in
    /// the room, else the member who is.
    #[must_use]
    pub fn heir(&self, leaver: &Name) -> Option<&Name> {
        let others = || self.present().filter(|member| member.name != *leaver);
        if others().any(|member| member.role() == Some(Role::Owner)) {
            return None;
        }
        let longest = |wanted: Role| {
            others()
                .filter(|member| member.role() == Some(wanted))
                .min_by_key(|member| member.joined)
        };
        longest(Role::Operator).or_else(|| longest(Role::Member)).map(|member| &member.name)
    }
}

/// What a client asks about rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomRequest {
    /// Make one, with the asker as its owner. Repeating it with the same id succeeds again.
    /// Answered by [`Response::Room`](super::server::Response::Room).
    Create {
        /// Random.
        id: RoomId,
        /// The wanted name.
        name: RoomName,
        /// Who may come in.
        access: Access,
        /// What newcomers are given.
        backlog: Backlog,
        /// Whom to invite: at most [`MAX_INVITED_AT_ONCE`], at least one unless it is open.
        invite: Vec<Name>,
    },
    /// Come in. Answered by [`Response::Room`](super::server::Response::Room).
    Join(RoomName),
    /// The rooms that the asker is in or invited to, and the open ones. Answered by
    /// [`Response::Rooms`](super::server::Response::Rooms).
    List,
    /// All of one that the asker is in. Answered by
    /// [`Response::Room`](super::server::Response::Room).
    Get(RoomId),
    /// Leave it, or decline the invitation to it. Answered by
    /// [`Response::Done`](super::server::Response::Done), as all that follow.
    Leave(RoomId),
    /// Let somebody come in.
    Invite(RoomId, Name),
    /// Put somebody out, or take his invitation back.
    Kick(RoomId, Name),
    /// Give somebody a role.
    SetRole(RoomId, Name, Role),
    /// Let somebody not speak (`true`), or let him again.
    Mute(RoomId, Name, bool),
    /// Say what it is about: at most [`MAX_TOPIC`] bytes.
    SetTopic(RoomId, String),
    /// Call it otherwise.
    Rename(RoomId, RoomName),
}

/// Why a request about rooms was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RoomRefusal {
    /// There is none, or none that the asker may know of.
    #[error("there is no such room")]
    UnknownRoom,
    /// Some room has this name, or one that looks like it.
    #[error("a room of this name, or of one that looks like it, exists already")]
    NameTaken,
    /// It is the server's room.
    #[error("the lobby is everybody's: nobody owns it")]
    Lobby,
    /// No account has this name.
    #[error("there is no user {0} on this server")]
    UnknownUser(Name),
    /// A room that only invited users may enter, with nobody invited.
    #[error("a room needs at least one other member: invite somebody, or make it open")]
    NobodyElse,
    /// Only invited users may come in.
    #[error("you are not invited to it")]
    NotInvited,
    /// The asker is in it.
    #[error("you are in it already")]
    AlreadyIn,
    /// The asker is invited, and has to come in first.
    #[error("you are invited to it, and have not joined yet")]
    NotYetJoined,
    /// The asker is not in it.
    #[error("you are not in it")]
    NotIn,
    /// The asker's role does not allow it.
    #[error("your role in it does not allow that")]
    NotAllowed,
    /// The other user is not in it.
    #[error("{0} is not in it")]
    NotThere(Name),
    /// The other user is in it already.
    #[error("{0} is in it already")]
    AlreadyThere(Name),
    /// The other user is invited already.
    #[error("{0} is invited already")]
    AlreadyInvited(Name),
    /// Nothing would change.
    #[error("it is so already")]
    NoChange,
    /// No more members or invitations.
    #[error("the room is full")]
    Full,
    /// The asker, or the invited user, is in as many as one can be.
    #[error("one user can be in {MAX_ROOMS_OF_ONE} rooms and no more")]
    TooManyRooms,
    /// The only owner wants to be one no longer.
    #[error("you are its only owner: make somebody else an owner first")]
    LastOwner,
}

#[cfg(test)]
mod tests;
