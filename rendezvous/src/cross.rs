//! What one user's doing means to another: the only place where sessions of two users meet. Each
//! step is a message to the node where the other user is; one node serves everybody today, so
//! the message is delivered on the spot.

use wire::app::name::Name;
use wire::app::room::{RoomId, RoomSummary};
use wire::app::server::{Introduction, MAX_PRESENCE, Notice, Presence, Refusal};
use wire::time::Instant;
use wire::{CloseReason, ConnectionHandle};

use crate::introduce::Party;
use crate::server::Server;
use crate::session::Snapshot;
use crate::store::RoomNews;

/// A message to a user.
#[derive(Clone, Debug)]
pub(crate) enum ToUser {
    /// Somebody came, left or vanished from sight.
    Presence(Presence),
    /// Somebody is to be called or awaited.
    Introduction(Box<Introduction>),
    /// Something about this room.
    Room(RoomId, Box<Notice>),
    /// A letter came.
    Mail,
    /// There is no place in the lobby.
    LobbyFull,
    /// Somebody has asked whose a code is.
    CodeUsed {
        /// Of the code.
        number: u32,
        /// Who.
        by: Name,
    },
}

impl Server {
    /// Delivers a message; one for somebody who is not here is dropped.
    pub(crate) fn tell(&mut self, user: &Name, message: ToUser) {
        let Some(handle) = self.online.get(user).copied() else { return };
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        match message {
            ToUser::Presence(_) if session.is_backed_up() => {
                session.snapshot = Snapshot::Upto(None);
            }
            ToUser::Presence(presence) => session.notify(Notice::PresenceChanged(presence)),
            ToUser::Introduction(introduction) => {
                session.notify(Notice::Introduction(*introduction));
            }
            ToUser::Mail => session.notify_of_mail(),
            ToUser::LobbyFull => session.notify(Notice::LobbyFull),
            ToUser::CodeUsed { number, by } => session.notify(Notice::CodeUsed { number, by }),
            ToUser::Room(room, notice) => session.notify_of_room(room, *notice),
        }
        self.touched.insert(handle);
    }

    /// Something is new of whether a user is here, who was last seen now, or at `seen`: it is told, unless
    /// that was done too often of late.
    pub(crate) fn announce(&mut self, now: Instant, name: &Name, seen: u64) {
        if self.pace.allow(now, name, seen) {
            self.announce_now(name, seen);
        }
    }

    /// Tells everybody who may know whether a user is here.
    pub(crate) fn announce_now(&mut self, name: &Name, seen: u64) {
        let here = self.presence.of(name);
        let is_gone = here.is_none();
        self.tell_others(&here.unwrap_or_else(|| Presence::gone(name.clone(), seen)));
        if is_gone {
            // Not before: whom he blocks is not to hear that he was here.
            self.blocks.forget(name);
        }
    }

    fn tell_others(&mut self, presence: &Presence) {
        let others: Vec<Name> = self.online.keys().cloned().collect();
        for other in others {
            if other != presence.name && !self.blocks.hidden(&other, &presence.name) {
                self.tell(&other, ToUser::Presence(presence.clone()));
            }
        }
    }

    /// Tells what happened in rooms to whom it concerns.
    pub(crate) fn tell_rooms(&mut self, news: &[RoomNews]) {
        for RoomNews { room, version, change, to } in news {
            for user in to {
                let (room, version, change) = (*room, *version, change.clone());
                let notice = Notice::RoomChanged { room, version, change };
                self.tell(user, ToUser::Room(room, Box::new(notice)));
            }
        }
    }

    /// Tells users that they are invited.
    pub(crate) fn tell_invited(&mut self, invited: &[(Name, RoomSummary)]) {
        for (user, room) in invited {
            let notice = Notice::Invited { room: room.clone() };
            self.tell(user, ToUser::Room(room.id, Box::new(notice)));
        }
    }

    /// Introduces two users to each other.
    pub(crate) fn introduce(
        &mut self,
        now: Instant,
        caller: &Name,
        other: &Name,
    ) -> Result<(), Refusal> {
        let (Some(caller), Some(other)) = (self.party(caller), self.party(other)) else {
            return Err(Refusal::Offline);
        };
        let told = self.introductions.introduce(now, &mut self.rng, &caller, &other);
        if let Some((mut to_caller, mut to_other)) = told {
            let sessions = [caller.session, other.session];
            if let Some([leg, others]) = self.relays.open(now, &mut self.rng, sessions) {
                (to_caller.relay, to_other.relay) = (Some(leg), Some(others));
            }
            self.counters.introductions += 1;
            self.tell(&other.name, ToUser::Introduction(Box::new(to_other)));
            self.tell(&caller.name, ToUser::Introduction(Box::new(to_caller)));
        }
        Ok(())
    }

    /// What is told about a user who is here.
    fn party(&self, name: &Name) -> Option<Party> {
        let handle = *self.online.get(name)?;
        let session = self.sessions.get(&handle).filter(|session| !session.is_overfull())?;
        let user = session.user()?;
        Some(Party {
            session: handle,
            name: user.name.clone(),
            identity: user.identity,
            certificate: user.certificate,
            observed: session.address,
            reported: user.candidates.clone(),
        })
    }

    /// Makes room for a user's new session by ending the one that he has.
    pub(crate) fn take_over(&mut self, now: Instant, handle: ConnectionHandle) {
        let reason = CloseReason::new(
            wire::app::server::close::TAKEN_OVER,
            "the same account logged in elsewhere",
        );
        self.drop_session(now, handle, reason);
    }

    /// Sends the next pieces of presence snapshots to a session that has room for them.
    pub(crate) fn continue_snapshot(&mut self, handle: ConnectionHandle) {
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        let Some(own) = session.user().map(|user| user.name.clone()) else { return };
        while let Snapshot::Upto(after) = &session.snapshot {
            if session.is_backed_up() {
                return;
            }
            let mut visible = self
                .presence
                .after(after.as_ref())
                .filter(|user| user.name != own && !self.blocks.hidden(&user.name, &own));
            let users: Vec<Presence> = visible.by_ref().take(MAX_PRESENCE).collect();
            let last = visible.next().is_none();
            drop(visible);
            session.snapshot = match users.last() {
                Some(presence) if !last => Snapshot::Upto(Some(presence.name.clone())),
                Some(_) | None => Snapshot::Complete,
            };
            session.notify(Notice::PresenceSnapshot { users, last });
        }
    }
}
