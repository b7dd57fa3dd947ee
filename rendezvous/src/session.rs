//! One client's connection: its stream of requests and answers, and how far it has come.
//!
//! ```text
//! Anonymous (NK) --RegisterFinish, UseDevice, SetIdentity--> User --Logout--> Leaving
//! Device (IK) ---Resume, UseDevice------------------------->
//! ```
//!
//! Password messages exist only in `Anonymous`, whose handshake needs an address token, and in
//! `User`, who has proven a device's key or the password already.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wire::app::framing::{Deframer, FramingError, Message, encode};
use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::name::Name;
use wire::app::room::{MAX_ROOMS_OF_ONE, RoomId};
use wire::app::server::{ClientMessage, MAX_SHORT_REQUEST, Notice, Response, ServerMessage};
use wire::time::Instant;
use wire::{ConnectionHandle, Endpoint, PublicKey, Read, StreamId};

use crate::limits::Bucket;
use crate::login::{Anonymous, Proof, Proven};
use crate::store::Resets;

/// Requests are not read while more than this waits to be sent, and news is dropped, to be
/// replaced by a new snapshot. Nobody is introduced to somebody for whom twice this waits.
const HIGH_WATER: usize = 64 << 10;
/// Most rooms of which news waits until there is room for it: those that a user is in, and as many
/// that he was put out of or is invited to meanwhile.
const MAX_LATE: usize = 2 * MAX_ROOMS_OF_ONE;
/// Bytes taken from the stream at a time.
const READ_CHUNK: usize = 8 << 10;

/// How far a client has come.
#[derive(Debug)]
pub(crate) enum State {
    /// Showed no key: may register or log in by password.
    Anonymous(Anonymous),
    /// Proved this device's key: may resume.
    Device {
        /// The key.
        key: PublicKey,
        /// Whose it is, when another device was used since: may take the session back.
        outdated: Option<Proven>,
    },
    /// Logged in.
    User(Box<User>),
    /// Logged out; closed when the answer has arrived.
    Leaving,
}

/// A user in a session.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: Name,
    pub(crate) identity: IdentityKey,
    pub(crate) certificate: DeviceCertificate,
    /// As the account was when the session began.
    pub(crate) resets: Resets,
    /// Reported by the client, filtered.
    pub(crate) candidates: Vec<SocketAddr>,
    /// Whether he has shown in this session that he knows the password.
    pub(crate) proof: Proof,
}

/// How much of the presence snapshot has been sent.
#[derive(Debug)]
pub(crate) enum Snapshot {
    /// All of it; changes follow as they come.
    Complete,
    /// Everything up to this name (`None`: nothing yet).
    Upto(Option<Name>),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// The client's address, as it is now.
    pub(crate) address: SocketAddr,
    pub(crate) handshake_hash: [u8; 32],
    pub(crate) state: State,
    /// When it is closed for not having logged in.
    pub(crate) login_deadline: Instant,
    /// The request that waits for the store. The next is read when it is answered.
    pub(crate) waiting: Option<u64>,
    pub(crate) requests: Bucket,
    pub(crate) statuses: Bucket,
    pub(crate) room_changes: Bucket,
    pub(crate) snapshot: Snapshot,
    /// The last news of each room that came while too much waited to be sent, encoded. Its version
    /// tells the client that news before it is missing, and that it has to ask for the whole room.
    late: BTreeMap<RoomId, Vec<u8>>,
    /// Letters came while too much waited to be sent.
    has_mail: bool,
    stream: Option<StreamId>,
    readable: bool,
    incoming: Deframer,
    outgoing: Vec<u8>,
}

impl Session {
    pub(crate) fn new(
        now: Instant,
        address: SocketAddr,
        remote_static: Option<PublicKey>,
        handshake_hash: [u8; 32],
        login_deadline: Instant,
    ) -> Self {
        let state = match remote_static {
            None => State::Anonymous(Anonymous::Fresh),
            Some(key) => State::Device { key, outdated: None },
        };
        Self {
            address,
            handshake_hash,
            state,
            login_deadline,
            waiting: None,
            requests: Bucket::new(now),
            statuses: Bucket::new(now),
            room_changes: Bucket::new(now),
            snapshot: Snapshot::Complete,
            late: BTreeMap::new(),
            has_mail: false,
            stream: None,
            readable: false,
            incoming: Deframer::default(),
            outgoing: Vec::new(),
        }
    }

    /// The user, when one is logged in.
    pub(crate) fn user(&self) -> Option<&User> {
        match &self.state {
            State::User(user) => Some(user),
            State::Anonymous(_) | State::Device { .. } | State::Leaving => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn user_mut(&mut self) -> Option<&mut User> {
        match &mut self.state {
            State::User(user) => Some(user),
            State::Anonymous(_) | State::Device { .. } | State::Leaving => None,
        }
    }

    /// Takes the stream that the client opened as the one for requests. `false` when there is one.
    pub(crate) fn adopt(&mut self, stream: StreamId) -> bool {
        let first = self.stream.is_none();
        if first {
            self.stream = Some(stream);
        }
        first
    }

    /// The stream has something to read.
    pub(crate) fn on_readable(&mut self, stream: StreamId) {
        self.readable |= self.stream == Some(stream);
    }

    /// Puts an answer into the queue.
    pub(crate) fn respond(&mut self, id: u64, response: Response) {
        self.outgoing.extend(encode(&ServerMessage::Response { id, response }));
    }

    /// Puts news into the queue.
    pub(crate) fn notify(&mut self, notice: Notice) {
        self.outgoing.extend(encode(&ServerMessage::Notice(notice)));
    }

    /// The same with news of a room, of which only the last waits for a client that does not read.
    pub(crate) fn notify_of_room(&mut self, room: RoomId, notice: Notice) {
        let has_late = self.late.contains_key(&room);
        if !self.is_backed_up() && !has_late {
            self.notify(notice);
        } else if has_late || self.late.len() < MAX_LATE {
            self.late.insert(room, encode(&ServerMessage::Notice(notice)));
        }
    }

    /// Says that a letter came: once, however many come before the client listens.
    pub(crate) fn notify_of_mail(&mut self) {
        if self.is_backed_up() {
            self.has_mail = true;
        } else {
            self.notify(Notice::Mail);
        }
    }

    /// Puts late news into the queue as far as there is room for it.
    pub(crate) fn catch_up(&mut self) {
        while !self.is_backed_up()
            && let Some((_, notice)) = self.late.pop_first()
        {
            self.outgoing.extend(notice);
        }
        if !self.is_backed_up() && core::mem::take(&mut self.has_mail) {
            self.notify(Notice::Mail);
        }
    }

    /// Whether so much waits to be sent that news should not be added.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.outgoing.len() > HIGH_WATER
    }

    /// Whether so much waits to be sent that nothing may be added but the answer that is due.
    pub(crate) fn is_overfull(&self) -> bool {
        self.outgoing.len() > 2 * HIGH_WATER
    }

    /// Bytes held of what the client says, and of what waits to be said to him.
    pub(crate) fn held(&self) -> usize {
        let late = self.late.values().map(Vec::len).sum::<usize>();
        self.incoming.held() + self.outgoing.len() + late
    }

    /// Whether nothing waits to be handed to the transport.
    pub(crate) fn is_drained(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// The next request, if one is there and may be taken now.
    pub(crate) fn next_request(
        &mut self,
        endpoint: &mut Endpoint,
        handle: ConnectionHandle,
    ) -> Result<Option<ClientMessage>, FramingError> {
        loop {
            if self.waiting.is_some() || self.is_backed_up() {
                return Ok(None);
            }
            // Whoever is not logged in cannot make the server hold much [W-186].
            let longest =
                if self.user().is_some() { ClientMessage::MAX_LEN } else { MAX_SHORT_REQUEST };
            if let Some(message) = self.incoming.next_within(longest)? {
                return Ok(Some(message));
            }
            let Some(stream) = self.stream.filter(|_| self.readable) else { return Ok(None) };
            let buffer = self.incoming.buffer();
            match endpoint.read(handle, stream, READ_CHUNK, buffer) {
                Ok(Read::More) => {}
                Ok(Read::Blocked | Read::End) | Err(_) => self.readable = false,
            }
        }
    }

    /// Hands to the transport what it takes.
    pub(crate) fn flush(&mut self, endpoint: &mut Endpoint, handle: ConnectionHandle) {
        let Some(stream) = self.stream.filter(|_| !self.outgoing.is_empty()) else { return };
        match endpoint.write(handle, stream, &self.outgoing) {
            Ok(taken) if taken == self.outgoing.len() => self.outgoing = Vec::new(),
            Ok(taken) => {
                self.outgoing.drain(..taken);
            }
            // The client stopped the stream or is gone: nobody reads the rest.
            Err(_) => self.outgoing = Vec::new(),
        }
    }

    /// Ends the server's half of the stream after what was written; [`wire::Event::Finished`]
    /// tells when all of it has arrived.
    pub(crate) fn finish(&self, endpoint: &mut Endpoint, handle: ConnectionHandle) {
        if let Some(stream) = self.stream {
            // An error means that the stream has ended already.
            let _ = endpoint.finish(handle, stream);
        }
    }
}
