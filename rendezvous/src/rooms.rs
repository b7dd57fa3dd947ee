//! Who may do what in a room. Everything here is judged over what the store keeps of one room
//! ([`Room`]) and gives the [`Change`]s that follow, or says why there are none; the changes are
//! made by [`Room::apply`], as the members' clients make them.

use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::room::{
    Access, Change, DoesNotFollow, Invitation, MAX_IN_LOBBY, MAX_INVITED, MAX_MEMBERS,
    MAX_ROOMS_OF_ONE, MAX_TOPIC, Member, Role, Room, RoomName, RoomRefusal, Standing,
};
use wire::app::server::Refusal;

use crate::store::RoomNews;

/// A change, or why there is none.
pub(crate) type Judged<T> = Result<T, Refusal>;

/// Whether a server has a room for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lobby {
    /// None: one that was there is shut, and who is in it is kept.
    Shut,
    /// Whoever logs in for the first time is in it.
    Open {
        /// So many have room in it, at most [`MAX_IN_LOBBY`].
        places: usize,
    },
}

impl Lobby {
    /// One for as many as there can be.
    #[must_use]
    pub const fn open() -> Self {
        Self::Open { places: MAX_IN_LOBBY }
    }

    /// How many have room in it.
    pub(crate) const fn places(self) -> usize {
        match self {
            Self::Shut => 0,
            Self::Open { places } => places,
        }
    }
}

/// A user, as his account says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Name,
    pub(crate) identity: IdentityKey,
}

impl User {
    /// As he comes into a room that is not changed otherwise before.
    pub(crate) fn joins(&self, room: &Room, role: Role) -> Change {
        Change::Joined(Member {
            name: self.name.clone(),
            identity: self.identity,
            joined: room.version + 1,
            standing: Standing::In { role, muted: None },
        })
    }
}

/// What the asker is to a room.
enum Place {
    In { role: Role, muted: bool },
    Invited,
    Former { kicked: bool },
    Stranger,
}

/// A room, and who asks for something there.
pub(crate) struct View<'a> {
    pub(crate) room: &'a Room,
    pub(crate) by: &'a User,
    /// Whether he is not to know of his invitation, because he blocks whoever invited him.
    pub(crate) hidden: bool,
}

impl View<'_> {
    fn place(&self) -> Place {
        let invited = !self.hidden && self.room.invitation(&self.by.name).is_some();
        // A name may belong to another account by now.
        let known = self.room.member(&self.by.name);
        match known.filter(|known| known.identity == self.by.identity).map(|known| known.standing) {
            Some(Standing::In { role, muted }) => Place::In { role, muted: muted.is_some() },
            Some(Standing::Out { .. }) | None if invited => Place::Invited,
            Some(Standing::Out { kicked, .. }) => Place::Former { kicked },
            None => Place::Stranger,
        }
    }

    /// His role, and whether he is muted, if he is in the room. To whoever may not know of it,
    /// there is none.
    fn inside(&self) -> Judged<(Role, bool)> {
        let refusal = match (self.place(), self.room.access) {
            (Place::In { role, muted }, _) => return Ok((role, muted)),
            (Place::Invited, _) => RoomRefusal::NotYetJoined,
            (Place::Former { .. }, _) | (Place::Stranger, Access::Open) => RoomRefusal::NotIn,
            (Place::Stranger, Access::Invited) => RoomRefusal::UnknownRoom,
        };
        Err(refusal.into())
    }

    /// The same in a room where roles mean something.
    fn inside_own(&self) -> Judged<(Role, bool)> {
        let inside = self.inside()?;
        if self.is_lobby() { Err(RoomRefusal::Lobby.into()) } else { Ok(inside) }
    }

    fn is_lobby(&self) -> bool {
        self.room.is_lobby()
    }

    /// May he have all of it?
    pub(crate) fn get(&self) -> Judged<()> {
        self.inside().map(drop)
    }

    /// He comes in, who is in so many rooms.
    pub(crate) fn join(&self, rooms: usize) -> Judged<Change> {
        match (self.place(), self.room.access) {
            (Place::Invited, _)
            | (Place::Former { kicked: false } | Place::Stranger, Access::Open) => {}
            (Place::In { .. }, _) => return Err(RoomRefusal::AlreadyIn.into()),
            (Place::Former { kicked: true }, _) | (Place::Former { .. }, Access::Invited) => {
                return Err(RoomRefusal::NotInvited.into());
            }
            (Place::Stranger, Access::Invited) => return Err(RoomRefusal::UnknownRoom.into()),
        }
        if rooms >= MAX_ROOMS_OF_ONE {
            return Err(RoomRefusal::TooManyRooms.into());
        }
        // In the lobby, whoever is not there makes way: the store sees to that.
        if !self.is_lobby() && self.room.present().count() >= MAX_MEMBERS {
            return Err(RoomRefusal::Full.into());
        }
        Ok(self.by.joins(self.room, Role::Member))
    }

    /// He leaves, or declines. The lobby has no owner to be followed by another.
    pub(crate) fn leave(&self) -> Judged<Vec<Change>> {
        let name = self.by.name.clone();
        if matches!(self.place(), Place::Invited) {
            return Ok(vec![Change::NotInvited { name: name.clone(), by: name }]);
        }
        self.inside()?;
        let heir = self.room.heir(&name).filter(|_| !self.is_lobby()).cloned();
        let inherits = heir.map(|name| Change::Role { name, role: Role::Owner, by: None });
        Ok([Change::Left(name)].into_iter().chain(inherits).collect())
    }

    /// He invites somebody who is in, or invited to, so many rooms. `None`: nobody has this name.
    pub(crate) fn invite(&self, name: &Name, rooms: Option<usize>) -> Judged<Change> {
        let (_, muted) = self.inside()?;
        let refusal = match rooms {
            _ if muted => RoomRefusal::NotAllowed,
            None => RoomRefusal::UnknownUser(name.clone()),
            Some(_) if self.room.role(name).is_some() => RoomRefusal::AlreadyThere(name.clone()),
            Some(_) if self.room.invitation(name).is_some() => {
                RoomRefusal::AlreadyInvited(name.clone())
            }
            Some(MAX_ROOMS_OF_ONE..) => RoomRefusal::TooManyRooms,
            Some(_) if self.room.invited.len() >= MAX_INVITED => RoomRefusal::Full,
            Some(_) => {
                let invitation = Invitation { name: name.clone(), by: self.by.name.clone() };
                return Ok(Change::Invited(invitation));
            }
        };
        Err(refusal.into())
    }

    /// He puts somebody out, or takes an invitation back, as whoever gave it may.
    pub(crate) fn kick(&self, name: &Name) -> Judged<Change> {
        let (own, _) = self.inside_own()?;
        if *name == self.by.name {
            return Err(Refusal::Yourself);
        }
        let by = self.by.name.clone();
        match (self.room.role(name), self.room.invitation(name)) {
            (Some(role), _) if outranks(own, role) => Ok(Change::Kicked { name: name.clone(), by }),
            (None, Some(invitation)) if own >= Role::Operator || invitation.by == by => {
                Ok(Change::NotInvited { name: name.clone(), by })
            }
            (None, None) => Err(RoomRefusal::NotThere(name.clone()).into()),
            (Some(_), _) | (None, Some(_)) => Err(RoomRefusal::NotAllowed.into()),
        }
    }

    /// He gives somebody a role. One owner is always left.
    pub(crate) fn set_role(&self, name: &Name, role: Role) -> Judged<Change> {
        let (own, _) = self.inside_own()?;
        let owners = || self.room.present().filter(|member| member.role() == Some(Role::Owner));
        let refusal = match self.room.role(name) {
            None => RoomRefusal::NotThere(name.clone()),
            Some(_) if own < Role::Owner => RoomRefusal::NotAllowed,
            Some(present) if present == role => RoomRefusal::NoChange,
            Some(Role::Owner) if owners().count() == 1 => RoomRefusal::LastOwner,
            Some(_) => {
                let by = Some(self.by.name.clone());
                return Ok(Change::Role { name: name.clone(), role, by });
            }
        };
        Err(refusal.into())
    }

    /// He lets somebody not speak, or lets him again. Who has become an owner may end his own muting.
    pub(crate) fn mute(&self, name: &Name, muted: bool) -> Judged<Change> {
        let (own, _) = self.inside_own()?;
        if *name == self.by.name && muted {
            return Err(Refusal::Yourself);
        }
        let standing = self.room.member(name).map(|member| member.standing);
        let refusal = match standing {
            None | Some(Standing::Out { .. }) => RoomRefusal::NotThere(name.clone()),
            Some(Standing::In { role, .. }) if !outranks(own, role) => RoomRefusal::NotAllowed,
            Some(Standing::In { muted: before, .. }) if before.is_some() == muted => {
                RoomRefusal::NoChange
            }
            Some(Standing::In { .. }) => {
                return Ok(Change::Muted { name: name.clone(), muted, by: self.by.name.clone() });
            }
        };
        Err(refusal.into())
    }

    /// He says what it is about.
    pub(crate) fn set_topic(&self, topic: &str) -> Judged<Change> {
        if topic.len() > MAX_TOPIC {
            return Err(Refusal::Malformed);
        }
        let (own, muted) = self.inside_own()?;
        if own < Role::Operator || muted {
            return Err(RoomRefusal::NotAllowed.into());
        }
        if self.room.topic == topic {
            return Err(RoomRefusal::NoChange.into());
        }
        Ok(Change::Topic { topic: topic.to_owned(), by: self.by.name.clone() })
    }

    /// He calls it otherwise; `taken` says whether another room looks like that.
    pub(crate) fn rename(&self, name: &RoomName, taken: bool) -> Judged<Change> {
        let (own, _) = self.inside_own()?;
        let refusal = if own < Role::Owner {
            RoomRefusal::NotAllowed
        } else if self.room.name == *name {
            RoomRefusal::NoChange
        } else if looks_like_lobby(name) {
            RoomRefusal::Lobby
        } else if taken {
            RoomRefusal::NameTaken
        } else {
            return Ok(Change::Renamed { name: name.clone(), by: self.by.name.clone() });
        };
        Err(refusal.into())
    }
}

/// Whether whoever has the role `own` may kick and mute whoever has `other`.
fn outranks(own: Role, other: Role) -> bool {
    own == Role::Owner || own > other
}

/// Whether this is kept for the server's own room, if it has one or not.
pub(crate) fn looks_like_lobby(name: &RoomName) -> bool {
    name.skeleton() == RoomName::lobby().skeleton()
}

/// A room to which changes are made, and what is to be told of them.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) room: Room,
    pub(crate) news: Vec<RoomNews>,
}

impl Edit {
    pub(crate) const fn new(room: Room) -> Self {
        Self { room, news: Vec::new() }
    }

    /// Makes a change: everybody is told who is in the room then, and whoever is so no longer.
    ///
    /// # Errors
    /// When the room is not what the change was judged over.
    pub(crate) fn make(&mut self, change: Change) -> Result<(), DoesNotFollow> {
        let version = self.room.version + 1;
        self.room.apply(version, &change)?;
        let mut to: Vec<Name> = self.room.present().map(|member| member.name.clone()).collect();
        match &change {
            Change::Left(name) | Change::Kicked { name, .. } => to.push(name.clone()),
            Change::Joined(_)
            | Change::Invited(_)
            | Change::NotInvited { .. }
            | Change::Role { .. }
            | Change::Muted { .. }
            | Change::Topic { .. }
            | Change::Renamed { .. } => {}
        }
        self.news.push(RoomNews { room: self.room.id, version, change, to });
        Ok(())
    }

    /// This user has all of it by the answer.
    pub(crate) fn spare(&mut self, name: &Name) {
        for news in &mut self.news {
            news.to.retain(|told| told != name);
        }
    }
}
