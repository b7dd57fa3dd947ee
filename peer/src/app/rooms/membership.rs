//! Who is in which room, as the server says; and what a person asks of it.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::name::Name;
use wire::app::room::{
    Access, Backlog, Change, MAX_FORMER, MAX_INVITED, MAX_INVITED_AT_ONCE, MAX_ROOMS_OF_ONE,
    MAX_TOPIC, Relation, Role, Room, RoomId, RoomName, RoomRefusal, RoomRequest, RoomSummary,
    Standing,
};
use wire::app::server::{Refusal, Request};
use wire::time::Instant;

use super::Known;
use crate::app::App;
use crate::app::requests::Asked;
use crate::command::RoomCommand;
use crate::output::{MemberLine, Output, RoomLine};
use crate::work::{StoreRequest, Talk};

/// Most invitations that are remembered.
const MAX_INVITATIONS: usize = MAX_ROOMS_OF_ONE;
/// Most rooms kept here: those that the user was in are kept too.
const MAX_KNOWN: usize = 1024;

/// What was asked about rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) enum RoomAsked {
    /// After each login: what is known here becomes what the server says.
    Sync,
    /// `/rooms`.
    List,
    /// A room whose changes were missed.
    Get(RoomId),
    /// `/create`.
    Create(RoomName),
    /// `/join`.
    Join(RoomName),
    /// `/leave`, also of an invitation.
    Leave(RoomId, RoomName),
    /// Another change: in which room.
    Change(RoomName),
}

impl App {
    /// Asks the server which rooms there are for this user.
    pub(in crate::app) fn sync_rooms(&mut self, now: Instant) {
        // When it cannot be asked, the next login does it.
        let _ = self.ask(now, Asked::Room(RoomAsked::Sync), Request::Room(RoomRequest::List));
    }

    pub(in crate::app) fn ask_room_again(&mut self, now: Instant, room: RoomId) {
        let Some(known) = self.rooms.known.get_mut(&room) else { return };
        if core::mem::replace(&mut known.is_stale, true) {
            return;
        }
        let request = Request::Room(RoomRequest::Get(room));
        // When it cannot be asked, the next login does it.
        let _ = self.ask(now, Asked::Room(RoomAsked::Get(room)), request);
    }

    /// What a person wants with rooms.
    pub(in crate::app) fn room_command(&mut self, now: Instant, command: RoomCommand) {
        match command {
            RoomCommand::List => {
                let request = Request::Room(RoomRequest::List);
                self.ask_for_person(now, Asked::Room(RoomAsked::List), request);
            }
            RoomCommand::Create { room, access, backlog, invite } => {
                self.create_room(now, &room, access, backlog, &invite);
            }
            RoomCommand::Join { room } => self.with_room_name(&room, |app, name| {
                let request = Request::Room(RoomRequest::Join(name.clone()));
                app.ask_for_person(now, Asked::Room(RoomAsked::Join(name)), request);
            }),
            RoomCommand::Leave { room } => self.leave_room(now, &room),
            RoomCommand::Members { room } => self.show_members(&room),
            RoomCommand::Invite { room, user } => {
                self.change_member(now, &room, &user, RoomRequest::Invite);
            }
            RoomCommand::Kick { room, user } => {
                self.change_member(now, &room, &user, RoomRequest::Kick);
            }
            RoomCommand::Mute { room, user, muted } => {
                let request = |room, user| RoomRequest::Mute(room, user, muted);
                self.change_member(now, &room, &user, request);
            }
            RoomCommand::Role { room, user, role } => {
                let request = |room, user| RoomRequest::SetRole(room, user, role);
                self.change_member(now, &room, &user, request);
            }
            RoomCommand::Topic { room, topic } => self.set_topic(now, &room, topic),
            RoomCommand::Rename { room, name } => self.with_room_name(&name, |app, new| {
                app.change_room(now, &room, |room| RoomRequest::Rename(room, new));
            }),
        }
    }

    fn create_room(
        &mut self,
        now: Instant,
        typed: &str,
        access: Access,
        backlog: Backlog,
        invite: &[String],
    ) {
        if invite.len() > MAX_INVITED_AT_ONCE {
            return self.error(&format!(
                "Not done: at most {MAX_INVITED_AT_ONCE} can be invited at once; '/invite' invites more."
            ));
        }
        let mut names = Vec::new();
        for typed in invite {
            match Name::new(typed) {
                Ok(name) => names.push(name),
                Err(error) => return self.error(&format!("'{typed}' is no user name: {error}.")),
            }
        }
        self.with_room_name(typed, |app, name| {
            let id = RoomId(app.random());
            let asked = Asked::Room(RoomAsked::Create(name.clone()));
            let create = RoomRequest::Create { id, name, access, backlog, invite: names };
            app.ask_for_person(now, asked, Request::Room(create));
        });
    }

    fn leave_room(&mut self, now: Instant, typed: &str) {
        self.with_room_name(typed, |app, name| {
            let Some(own) = app.account().map(|account| account.name.clone()) else { return };
            let mine = app.rooms.find(&name, &own).filter(|id| {
                app.rooms.known.get(id).is_some_and(|known| known.room.role(&own).is_some())
            });
            let invited = || app.rooms.invited.values().find(|room| room.name == name);
            let Some(id) = mine.or_else(|| invited().map(|room| room.id)) else {
                return app.error(&format!("You are not in #{name}, nor invited to it."));
            };
            let request = Request::Room(RoomRequest::Leave(id));
            app.ask_for_person(now, Asked::Room(RoomAsked::Leave(id, name)), request);
        });
    }

    fn set_topic(&mut self, now: Instant, typed: &str, topic: Option<String>) {
        let Some(topic) = topic else { return self.show_members(typed) };
        if topic.len() > MAX_TOPIC {
            return self.error(&format!(
                "Not done: that has {} bytes, and a topic at most {MAX_TOPIC}.",
                topic.len()
            ));
        }
        self.change_room(now, typed, |room| RoomRequest::SetTopic(room, topic));
    }

    fn change_member(
        &mut self,
        now: Instant,
        typed: &str,
        user: &str,
        request: impl FnOnce(RoomId, Name) -> RoomRequest,
    ) {
        self.with_name(user, |app, user| app.change_room(now, typed, |room| request(room, user)));
    }

    /// Asks for a change of a room that the user is in.
    fn change_room(
        &mut self,
        now: Instant,
        typed: &str,
        request: impl FnOnce(RoomId) -> RoomRequest,
    ) {
        self.with_room(typed, |app, id, name| {
            let request = Request::Room(request(id));
            app.ask_for_person(now, Asked::Room(RoomAsked::Change(name)), request);
        });
    }

    fn with_room_name(&mut self, typed: &str, f: impl FnOnce(&mut Self, RoomName)) {
        let name = typed.strip_prefix('#').unwrap_or(typed);
        match RoomName::new(name) {
            Ok(name) => f(self, name),
            Err(error) => self.error(&format!("'{name}' is no name of a room: {error}.")),
        }
    }

    /// Does something with a room that the user is in, or was.
    pub(in crate::app) fn with_room(
        &mut self,
        typed: &str,
        f: impl FnOnce(&mut Self, RoomId, RoomName),
    ) {
        self.with_room_name(typed, |app, name| {
            let Some(own) = app.account().map(|account| account.name.clone()) else { return };
            match app.rooms.find(&name, &own) {
                Some(id) => f(app, id, name),
                None => app.error(&format!(
                    "You are in no room #{name}: '/rooms' lists those that there are."
                )),
            }
        });
    }

    /// `/members`.
    fn show_members(&mut self, typed: &str) {
        self.with_room(typed, |app, id, _| {
            let Some(known) = app.rooms.known.get(&id) else { return };
            let room = &known.room;
            let members = room.present().map(|member| MemberLine {
                user: member.name.to_string(),
                role: member.role().map(role_word),
                muted: matches!(member.standing, Standing::In { muted: Some(_), .. }),
                online: app.roster.is_online(&member.name)
                    || app.account().is_some_and(|own| own.name == member.name),
                invited_by: None,
            });
            let invited = room.invited.iter().map(|invitation| MemberLine {
                user: invitation.name.to_string(),
                role: None,
                muted: false,
                online: app.roster.is_online(&invitation.name),
                invited_by: Some(invitation.by.to_string()),
            });
            let members = members.chain(invited).collect();
            let (room, topic) = (known.title(), room.topic.clone());
            app.tell(Output::Members { room, topic, members });
        });
    }

    /// The server says which rooms there are.
    pub(in crate::app) fn on_rooms(
        &mut self,
        now: Instant,
        asked: &RoomAsked,
        rooms: Vec<RoomSummary>,
    ) {
        let is_mine = |room: &&RoomSummary| matches!(room.relation, Relation::Member(_));
        let mine: BTreeMap<RoomId, u64> =
            rooms.iter().filter(is_mine).map(|room| (room.id, room.version)).collect();
        let invited = rooms.iter().filter(|room| matches!(room.relation, Relation::Invited(_)));
        let invited = invited.take(MAX_INVITATIONS).map(|room| (room.id, room.clone()));
        let before = core::mem::replace(&mut self.rooms.invited, invited.collect());
        if *asked == RoomAsked::List {
            let lines = rooms.into_iter().map(room_line).collect();
            self.tell(Output::Rooms { rooms: lines });
        } else {
            let news = self.rooms.invited.values().filter(|room| !before.contains_key(&room.id));
            for room in news.cloned().collect::<Vec<_>>() {
                self.tell_invitation(&room);
            }
        }
        self.leave_all_but(&mine.keys().copied().collect());
        for (id, version) in mine.into_iter().take(MAX_ROOMS_OF_ONE) {
            let known = self.rooms.known.get(&id).map(|known| known.room.version);
            if known != Some(version) {
                let request = Request::Room(RoomRequest::Get(id));
                let _ = self.ask(now, Asked::Room(RoomAsked::Get(id)), request);
            }
        }
        self.links.want_check();
        self.collect_put_off(now);
    }

    /// Rooms that the user was in when this client was last there, and is not in now.
    pub(in crate::app) fn leave_all_but(&mut self, mine: &BTreeSet<RoomId>) {
        let Some(own) = self.account().map(|account| account.name.clone()) else { return };
        let is_gone =
            |id: &RoomId, known: &Known| known.room.role(&own).is_some() && !mine.contains(id);
        let known = self.rooms.known.iter();
        let gone: Vec<RoomId> =
            known.filter(|(id, known)| is_gone(id, known)).map(|(id, _)| *id).collect();
        for id in gone {
            self.leave_known(id);
        }
    }

    /// The user is no longer in a room, as the server says.
    fn leave_known(&mut self, id: RoomId) {
        let Some(own) = self.account().map(|account| account.name.clone()) else { return };
        let Some(known) = self.rooms.known.get_mut(&id) else { return };
        let (change, before) = (Change::Left(own), known.title());
        if known.room.apply(known.room.version.saturating_add(1), &change).is_ok() {
            self.save_room(id);
            self.tell_change(id, &change, before);
        }
    }

    /// The server gives all of a room.
    pub(in crate::app) fn on_room(&mut self, now: Instant, asked: &RoomAsked, room: Room) {
        let Some(own) = self.account().map(|account| account.name.clone()) else { return };
        if !is_plausible(&room) || room.role(&own).is_none() {
            return self.server_broke_protocol(now, "it tells of a room that cannot be");
        }
        let id = room.id;
        if self.rooms.known.len() >= MAX_KNOWN && !self.rooms.known.contains_key(&id) {
            return self.error("Not done: this folder knows as many rooms as it can.");
        }
        let is_new = self.rooms.known.get(&id).is_none_or(|k| k.room.role(&own).is_none());
        match self.rooms.known.get_mut(&id) {
            Some(known) => known.room = room,
            None => {
                self.rooms.known.insert(id, Known::new(room));
            }
        }
        let Some(known) = self.rooms.known.get_mut(&id) else { return };
        known.is_stale = false;
        known.place_members(&own);
        self.rooms.invited.remove(&id);
        self.save_room(id);
        if is_new {
            self.tell_entered(id, asked);
        }
        self.greet_members(now, id);
        self.collect_put_off(now);
    }

    fn tell_entered(&mut self, id: RoomId, asked: &RoomAsked) {
        let Some(known) = self.rooms.known.get(&id) else { return };
        let room = known.title();
        let topic = known.room.topic.clone();
        let change = match asked {
            RoomAsked::Create(_) => "created",
            RoomAsked::Join(_) => "entered",
            RoomAsked::Sync
            | RoomAsked::List
            | RoomAsked::Get(_)
            | RoomAsked::Leave(..)
            | RoomAsked::Change(_) => "present",
        };
        self.tell(Output::RoomChanged {
            room,
            change,
            user: None,
            by: None,
            text: Some(topic).filter(|topic| !topic.is_empty()),
        });
    }

    /// Somebody may be in the room who was not known to be, or the user himself.
    fn greet_members(&mut self, now: Instant, id: RoomId) {
        let members = self.rooms.partners.keys().cloned().collect::<Vec<_>>();
        for user in members {
            let Some(known) = self.rooms.known.get(&id) else { return };
            if known.room.role(&user).is_none() {
                continue;
            }
            let Some(partner) = self.rooms.partners.get_mut(&user) else { continue };
            let early = partner.take_early(id);
            self.send_holdings(&user, id, None);
            if let Some(holdings) = early {
                self.on_holdings(now, &user, holdings);
            }
        }
        self.links.want_check();
    }

    /// Something happened in a room.
    pub(in crate::app) fn on_room_changed(
        &mut self,
        now: Instant,
        room: RoomId,
        version: u64,
        change: &Change,
    ) {
        let Some(own) = self.account().map(|account| account.name.clone()) else { return };
        let Some(known) = self.rooms.known.get_mut(&room) else {
            // What this client has asked for is on its way: the whole is told with it.
            return;
        };
        if version <= known.room.version {
            return;
        }
        let before = known.title();
        if known.room.apply(version, change).is_err() || !is_plausible(&known.room) {
            return self.ask_room_again(now, room);
        }
        known.place_members(&own);
        self.save_room(room);
        self.tell_change(room, change, before);
        match change {
            Change::Joined(_) => self.greet_members(now, room),
            // Who is gone is to have nothing more: marks wait for him no longer.
            Change::Left(_) | Change::Kicked { .. } => self.rooms.want_tick(now),
            Change::Invited(_)
            | Change::NotInvited { .. }
            | Change::Role { .. }
            | Change::Muted { .. }
            | Change::Topic { .. }
            | Change::Renamed { .. } => {}
        }
    }

    /// The user may come into a room.
    pub(in crate::app) fn on_room_invitation(&mut self, room: RoomSummary) {
        // Of several news of a room a client that was slow is told the last: who is invited is not in.
        self.leave_known(room.id);
        if self.rooms.invited.len() >= MAX_INVITATIONS {
            self.rooms.invited.pop_first();
        }
        self.tell_invitation(&room);
        self.rooms.invited.insert(room.id, room);
    }

    fn tell_invitation(&mut self, room: &RoomSummary) {
        let Relation::Invited(by) = &room.relation else { return };
        if self.is_blocked(by) {
            return;
        }
        self.tell(Output::RoomInvited {
            room: format!("#{}", room.name),
            by: by.to_string(),
            topic: room.topic.clone(),
            members: room.members,
            notify: self.may_call(&Talk::User(by.clone())),
        });
    }

    /// Rooms to which the person is invited by others than those whom he blocks.
    pub(in crate::app) fn invitations(&self) -> Vec<RoomLine> {
        let is_shown = |room: &&RoomSummary| matches!(&room.relation, Relation::Invited(by) if !self.is_blocked(by));
        self.rooms.invited.values().filter(is_shown).cloned().map(room_line).collect()
    }

    /// The room of this name, if he is invited to it; `#` first.
    pub(in crate::app) fn invitation_to(&self, typed: &str) -> Option<String> {
        let name = RoomName::new(typed.strip_prefix('#').unwrap_or(typed)).ok()?;
        let title = format!("#{name}");
        self.invitations().into_iter().map(|line| line.room).find(|room| *room == title)
    }

    /// The user is not in the lobby, because as many as can be are there [W-165].
    pub(in crate::app) fn on_lobby_full(&mut self) {
        let lobby = RoomName::lobby();
        self.info(&format!(
            "You are not in #{lobby}: it is full of users who are online. '/join {lobby}' tries again."
        ));
    }

    /// A request about rooms was done.
    pub(in crate::app) fn on_room_done(&mut self, asked: &RoomAsked) {
        if let RoomAsked::Leave(id, name) = asked
            && self.rooms.invited.remove(id).is_some()
        {
            self.tell(Output::RoomChanged {
                room: format!("#{name}"),
                change: "declined",
                user: None,
                by: None,
                text: None,
            });
        }
    }

    /// It was not.
    pub(in crate::app) fn on_room_refused(
        &mut self,
        now: Instant,
        asked: &RoomAsked,
        refusal: &Refusal,
    ) {
        match asked {
            RoomAsked::Sync | RoomAsked::Get(_) => {
                tracing::debug!(?asked, %refusal, "refused");
                self.collect_put_off(now);
            }
            RoomAsked::List => self.error(&format!("The rooms are not known: {refusal}.")),
            RoomAsked::Create(name)
            | RoomAsked::Join(name)
            | RoomAsked::Leave(_, name)
            | RoomAsked::Change(name) => {
                self.error(&format!("#{name}: {refusal}{}.", advice(refusal, name)));
            }
        }
    }

    fn save_room(&mut self, id: RoomId) {
        if let Some(known) = self.rooms.known.get(&id) {
            self.jobs.save(StoreRequest::SaveRoom(Box::new(known.room.clone())));
        }
        self.save_reached();
    }

    /// `before` is what the room was called until then.
    fn tell_change(&mut self, room: RoomId, change: &Change, before: String) {
        let Some(known) = self.rooms.known.get(&room) else { return };
        let title = known.title();
        let (change, user, by, text) = match change {
            Change::Joined(member) => ("joined", Some(&member.name), None, None),
            Change::Left(name) => ("left", Some(name), None, None),
            Change::Kicked { name, by } => ("kicked", Some(name), Some(by), None),
            Change::Invited(invitation) => {
                ("invited", Some(&invitation.name), Some(&invitation.by), None)
            }
            Change::NotInvited { name, by } => ("not-invited", Some(name), Some(by), None),
            Change::Role { name, role, by } => {
                ("role", Some(name), by.as_ref(), Some(role_word(*role).to_owned()))
            }
            Change::Muted { name, muted: true, by } => ("muted", Some(name), Some(by), None),
            Change::Muted { name, muted: false, by } => ("unmuted", Some(name), Some(by), None),
            Change::Topic { topic, by } => ("topic", None, Some(by), Some(topic.clone())),
            Change::Renamed { by, .. } => ("renamed", None, Some(by), Some(before)),
        };
        let (user, by) = (user.map(Name::to_string), by.map(Name::to_string));
        self.tell(Output::RoomChanged { room: title, change, user, by, text });
    }
}

/// What can be done about it.
fn advice(refusal: &Refusal, name: &RoomName) -> String {
    let Refusal::Room(refusal) = refusal else { return String::new() };
    let advice = match refusal {
        RoomRefusal::UnknownRoom => "'/rooms' lists those that you may know of".to_owned(),
        RoomRefusal::NameTaken => "choose another".to_owned(),
        RoomRefusal::NotInvited => "whoever is in it can '/invite' you".to_owned(),
        RoomRefusal::AlreadyIn => format!("'/buffer #{name}' goes there"),
        RoomRefusal::NotYetJoined => format!("'/accept #{name}' comes in"),
        RoomRefusal::NotIn => format!("'/join {name}' first"),
        RoomRefusal::NotAllowed => format!("'/members #{name}' shows whose does"),
        RoomRefusal::Full => "somebody has to leave first".to_owned(),
        RoomRefusal::TooManyRooms => "'/leave' one first".to_owned(),
        RoomRefusal::NotThere(_)
        | RoomRefusal::AlreadyInvited(_)
        | RoomRefusal::AlreadyThere(_) => {
            format!("'/members #{name}' lists who is")
        }
        RoomRefusal::Lobby
        | RoomRefusal::UnknownUser(_)
        | RoomRefusal::NobodyElse
        | RoomRefusal::NoChange
        | RoomRefusal::LastOwner => return String::new(),
    };
    format!("; {advice}")
}

/// A server is not believed to keep to the limits.
fn is_plausible(room: &Room) -> bool {
    room.topic.len() <= MAX_TOPIC
        && room.present().count() <= room.max_members()
        && room.members.len() <= room.max_members() + MAX_FORMER
        && room.members.is_sorted_by(|one, other| one.name < other.name)
        && room.invited.len() <= MAX_INVITED
}

fn room_line(room: RoomSummary) -> RoomLine {
    let (relation, by) = match room.relation {
        Relation::Member(role) => (role_word(role), None),
        Relation::Invited(by) => ("invited", Some(by.to_string())),
        Relation::None => ("none", None),
        Relation::Former => ("former", None),
    };
    RoomLine {
        room: format!("#{}", room.name),
        topic: room.topic,
        open: room.access == Access::Open,
        members: room.members,
        relation,
        by,
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Operator => "operator",
        Role::Owner => "owner",
    }
}
