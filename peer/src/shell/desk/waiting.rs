//! What waits for an answer of the person: who asks to talk, offered files, and rooms to which he is invited.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{self, Which};
use crate::output::Output;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    users: BTreeSet<String>,
    /// Each with whose it is.
    files: BTreeMap<u64, String>,
    /// Each with who invites.
    rooms: BTreeMap<String, String>,
}

impl Waiting {
    /// The core told something.
    pub(super) fn track(&mut self, output: &Output) {
        if let Output::Request { request } = output {
            self.users.insert(request.user.clone());
        } else if let Output::RequestOver { user, .. } = output {
            self.users.remove(user);
        } else if let Output::FileOffer { id, from, room, .. } = output {
            self.files.insert(*id, room.as_ref().unwrap_or(from).clone());
        } else if let Output::File { file } = output
            && !file.awaits_answer()
        {
            self.files.remove(&file.id);
        } else if let Output::RoomInvited { room, by, .. } = output {
            self.rooms.insert(room.clone(), by.clone());
        } else if let Output::RoomChanged { room, change, .. } = output
            && matches!(*change, "entered" | "present" | "declined")
        {
            self.rooms.remove(room);
        } else if matches!(output, Output::LoginNeeded { .. }) {
            // What waits for the next account is told anew.
            *self = Self::default();
        }
    }

    /// Each by what answers it.
    pub(super) fn all(&self) -> Vec<command::Waiting> {
        let waiting = |(which, from): (Which, &String)| {
            let from = from.clone();
            command::Waiting { which, from }
        };
        let users = self.users.iter().map(|user| (Which::User(user.clone()), user));
        let files = self.files.iter().map(|(id, from)| (Which::File(*id), from));
        let rooms = self.rooms.iter().map(|(room, by)| (Which::Room(room.clone()), by));
        users.chain(files).chain(rooms).map(waiting).collect()
    }
}
