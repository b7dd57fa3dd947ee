//! What clients and the rendezvous server say to each other, on one stream of class Control that
//! the client opens.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::framing::Message;
use super::identity::{DeviceCertificate, IdentityKey};
use super::letter::{Letter, MAX_LETTER, Prekey};
use super::login::Stretch;
use super::name::{MAX_CHARS, Name};
use super::room::{
    Change, MAX_FORMER, MAX_IN_LOBBY, MAX_INVITED, Room, RoomId, RoomRefusal, RoomRequest,
    RoomSummary,
};
use crate::crypto::secret::Secret;
use crate::endpoint::CallTag;
use crate::relay::LegGrant;

/// Bound into every handshake between a client and a rendezvous server
/// ([`Config::label`](crate::Config::label)).
pub const LABEL: &str = "tincan/1 rendezvous";
/// Longest message of the day.
pub const MAX_MOTD: usize = 2048;
/// Most entries in one presence notice.
pub const MAX_PRESENCE: usize = 128;
/// Most candidates of one client.
pub const MAX_CANDIDATES: usize = 8;
/// Most users that one user can block.
pub const MAX_BLOCKED: usize = 1024;
/// Longest sealed identity that the server keeps.
pub const MAX_SEALED: usize = 512;

/// Most letters in one answer...
pub const MAX_LETTERS: usize = 24;
/// ...and most bytes of them, sealed [W-186].
pub const MAX_LETTERS_BYTES: usize = 96 << 10;
/// Longest request that is no letter, and longest at all before the login [W-186].
pub const MAX_SHORT_REQUEST: usize = 4096;
/// Most letters discarded by one request.
pub const MAX_DISCARDED: usize = 128;

/// How long a spoken code can be typed.
pub const CODE_SECONDS: u32 = 600;

/// Longest text of a [`Status`], in bytes.
pub const MAX_STATUS: usize = 160;

/// Close codes of client-server connections.
pub mod close {
    /// The client logged out or quit.
    pub const LOGOUT: u32 = 0;
    /// The server is shutting down; reconnect later.
    pub const SHUTDOWN: u32 = 1;
    /// The same account logged in elsewhere.
    pub const TAKEN_OVER: u32 = 2;
    /// Not logged in within the time allowed.
    pub const TOO_SLOW: u32 = 3;
    /// Messages that make no sense.
    pub const PROTOCOL: u32 = 4;
    /// This device no longer belongs to the account, or the account is gone.
    pub const REVOKED: u32 = 5;
    /// Too many sessions.
    pub const FULL: u32 = 6;
    /// The account was deleted by its user, in another session.
    pub const DELETED: u32 = 7;
    /// The operator has given the account another password: no device is let in without it [W-160].
    pub const NEW_PASSWORD: u32 = 8;
    /// The user did nothing for as long as the server allows [W-162].
    pub const IDLE: u32 = 9;
}

/// A request with a number that its response repeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// One request.
    Request {
        /// Chosen by the client, counting up.
        id: u64,
        /// What is asked.
        request: Request,
    },
}

impl Message for ClientMessage {
    const KINDS: u32 = 1;
    /// A letter, and for whom it is.
    const MAX_LEN: usize = MAX_LETTER + MAX_NAME + 64;

    fn max_len(&self) -> usize {
        let Self::Request { request, .. } = self;
        if matches!(request, Request::Deposit { .. }) { Self::MAX_LEN } else { MAX_SHORT_REQUEST }
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// OPAQUE registration, first step (RFC 9807 section 5.2): the `RegistrationRequest`.
    RegisterStart {
        /// The wanted name.
        name: Name,
        /// 32 bytes.
        message: Vec<u8>,
    },
    /// OPAQUE registration, last step: the `RegistrationRecord`, and who the user will be.
    /// Repeating it with the same content succeeds again. Answered by [`Response::Welcome`].
    RegisterFinish {
        /// 192 bytes.
        message: Vec<u8>,
        /// How the password was stretched.
        stretch: Stretch,
        /// The new user's identity.
        identity: IdentityKey,
        /// This device, certified by that identity.
        certificate: DeviceCertificate,
        /// The identity's secret, sealed under OPAQUE's export key; may be empty.
        sealed_identity: Vec<u8>,
    },
    /// OPAQUE login, first step (RFC 9807 section 6.2): KE1.
    LoginStart {
        /// Who logs in.
        name: Name,
        /// 96 bytes.
        message: Vec<u8>,
    },
    /// OPAQUE login, last step: KE3. Answered by [`Response::PasswordAccepted`].
    LoginFinish {
        /// 64 bytes.
        message: Vec<u8>,
    },
    /// After [`Response::PasswordAccepted`] or [`Refusal::NewerDevice`]: the device to log in
    /// with. Answered by [`Response::Welcome`].
    UseDevice(DeviceCertificate),
    /// The same for an account that has no identity yet (it was imported): who the user is from
    /// now on, and the device to log in with. Answered by [`Response::Welcome`].
    SetIdentity {
        /// The user's identity.
        identity: IdentityKey,
        /// This device, certified by that identity.
        certificate: DeviceCertificate,
        /// The identity's secret, sealed under OPAQUE's export key; may be empty.
        sealed_identity: Vec<u8>,
    },
    /// On a connection that proved a device's key: log in as this user, whose newest device it
    /// is. Answered by [`Response::Welcome`], or by [`Refusal::NewerDevice`],
    /// [`Refusal::AccountDeleted`] or [`Refusal::NewPassword`].
    Resume(Name),
    /// Ends the session.
    Logout,
    /// The addresses under which this client may be reached, apart from the one the server sees.
    Candidates(Vec<SocketAddr>),
    /// Introduce me to this user. Answered by [`Response::Done`] and followed by
    /// [`Notice::Introduction`] to both.
    Introduce(Name),
    /// Who is online that I may see. Answered by [`Response::Users`].
    Who,
    /// When was this user last seen. Answered by [`Response::Users`] with one entry.
    Seen(Name),
    /// Who was online in the last so many seconds. Answered by [`Response::Users`].
    SeenSince(u32),
    /// Hide me from this user and refuse introductions, both ways.
    Block(Name),
    /// No longer.
    Unblock(Name),
    /// Whom do I block. Answered by [`Response::Blocked`].
    Blocked,
    /// Who is this user. Answered by [`Response::User`].
    Directory(Name),
    /// What others are told about my being there, until the session ends for good.
    SetStatus(Status),
    /// About rooms.
    Room(RoomRequest),
    /// Keys for letters to me: at most [`MAX_PREKEYS_AT_ONCE`](super::letter::MAX_PREKEYS_AT_ONCE),
    /// signed by my identity. One that is there already stays; a weekly one takes the place of the
    /// one before. Those that serve once are kept up to
    /// [`MAX_PREKEYS`](super::letter::MAX_PREKEYS), the newest.
    PublishPrekeys(Vec<Prekey>),
    /// A key for a letter to this user: one that serves once is given to nobody else. Answered by
    /// [`Response::Prekey`], or [`Refusal::NoMailbox`].
    Prekey(Name),
    /// Keep this letter for a user. It is durable when this is done.
    Deposit {
        /// For whom.
        to: Name,
        /// The key that it is sealed to.
        prekey: u64,
        /// At most [`MAX_LETTER`] bytes.
        sealed: Vec<u8>,
    },
    /// What is in my mailbox, the oldest first, behind the letter of this number (0: from the first).
    /// Answered by [`Response::Letters`].
    Collect(u64),
    /// These letters are stored durably here, or can never be read: the server need not keep them.
    /// At most [`MAX_DISCARDED`].
    Discard(Vec<u64>),
    /// In a session, before what needs the password: OPAQUE login once more, first step, KE1.
    /// Counted as an attempt. Answered by [`Response::LoggingIn`].
    ProveStart {
        /// 96 bytes.
        message: Vec<u8>,
    },
    /// Its last step, KE3. Answered by [`Response::Done`]: for a minute, the password may be
    /// changed once, or the account deleted.
    ProveFinish {
        /// 64 bytes.
        message: Vec<u8>,
    },
    /// OPAQUE registration of another password, first step. Answered by
    /// [`Response::Registering`].
    ChangePasswordStart {
        /// 32 bytes.
        message: Vec<u8>,
    },
    /// Its last step. Answered by [`Response::Done`] when the new password holds, and no longer the
    /// one before. Devices stay.
    ChangePasswordFinish {
        /// 192 bytes.
        message: Vec<u8>,
        /// How the password was stretched.
        stretch: Stretch,
        /// The identity's secret, sealed under the new export key; may be empty.
        sealed_identity: Vec<u8>,
    },
    /// After [`Request::ProveFinish`]: remove the account of this session with all that belongs to
    /// it. Answered by [`Response::Done`] when that is durable, and the session is over then.
    DeleteAccount,
    /// A number for a spoken code ([`code`](super::code)), whose words the server never gets. Answered
    /// by [`Response::Code`].
    MakeCode,
    /// Whose is the code of this number? That uses it up. Answered by [`Response::CodeOf`], or
    /// [`Refusal::UnknownCode`].
    UseCode(u32),
    /// Where the server has said [`Notice::LogsOutIdle`]: so many whole seconds ago the user did
    /// something last [W-163]. Answered by [`Response::Done`].
    Active(u32),
    /// How does the server see this connection, and what does it offer [W-178]. Needs no login. Answered by
    /// [`Response::About`].
    About,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The answer to a request.
    Response {
        /// The request's number.
        id: u64,
        /// The answer.
        response: Response,
    },
    /// News.
    Notice(Notice),
}

impl Message for ServerMessage {
    const KINDS: u32 = 2;
    /// A full lobby of the longest names, each after its length, is the longest: of each user in it
    /// also his identity, the version since when, and where he stands.
    const MAX_LEN: usize =
        (MAX_IN_LOBBY + MAX_FORMER) * (MAX_NAME + 55) + MAX_INVITED * 2 * MAX_NAME + 1024;
}

/// Most bytes of a name after its length.
const MAX_NAME: usize = 2 + 4 * MAX_CHARS;

const _: () = assert!(MAX_LETTER <= MAX_LETTERS_BYTES, "the longest letter can be collected");

/// Answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// It is done.
    Done,
    /// It is not, and this is why.
    Refused(Refusal),
    /// OPAQUE's `RegistrationResponse`, 64 bytes.
    Registering {
        /// The message.
        message: Vec<u8>,
    },
    /// OPAQUE's KE2, 320 bytes.
    LoggingIn {
        /// The message.
        message: Vec<u8>,
        /// How to stretch the password.
        stretch: Stretch,
    },
    /// The password is right.
    PasswordAccepted {
        /// The account's identity; `None` for an imported account, which gets one by
        /// [`Request::SetIdentity`].
        identity: Option<IdentityKey>,
        /// Its secret, as sealed when the password was chosen; empty when that was the operator's
        /// doing, who could not seal it.
        sealed_identity: Vec<u8>,
        /// The generation that a new device's certificate must exceed.
        generation: u64,
    },
    /// Logged in.
    Welcome(Welcome),
    /// Users and when they were last seen, sorted by name, at most [`MAX_PRESENCE`].
    Users(Vec<Presence>),
    /// Whom the asker blocks, sorted.
    Blocked(Vec<Name>),
    /// A user's identity.
    User {
        /// The name.
        name: Name,
        /// The identity.
        identity: IdentityKey,
    },
    /// All of a room.
    Room(Box<Room>),
    /// A key for a letter.
    Prekey {
        /// Whose; the server's word until the identity is known.
        identity: IdentityKey,
        /// Signed by that identity.
        prekey: Prekey,
    },
    /// Letters, the oldest first.
    Letters {
        /// At most [`MAX_LETTERS`], and at most [`MAX_LETTERS_BYTES`] in them.
        letters: Vec<Letter>,
        /// Whether there are more.
        more: bool,
        /// How many keys that serve once the server has left for letters to the asker.
        prekeys: u32,
    },
    /// Rooms: those of the asker first, then the open ones, at most
    /// [`MAX_LISTED`](super::room::MAX_LISTED).
    Rooms(Vec<RoomSummary>),
    /// A number that is the asker's for so long.
    Code {
        /// From 1 to [`MAX_NUMBER`](super::code::MAX_NUMBER).
        number: u32,
        /// At most; it ends with the session.
        seconds: u32,
    },
    /// Who made a code.
    CodeOf(Name),
    /// To [`Request::About`].
    About(About),
}

/// What a server says to whoever asks, account or not [W-178].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The client's address as the server sees it (what STUN does).
    pub observed: SocketAddr,
    /// The server's clock: seconds since 1970.
    pub unix: u64,
    /// Bytes a second that it carries for each session where no direct way is; `None` for none at all.
    pub relay: Option<u64>,
}

/// The start of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The account's name in its prepared form.
    pub name: Name,
    /// The server's greeting: foreign text.
    pub motd: String,
    /// The client's address as the server sees it (what STUN does).
    pub observed: SocketAddr,
    /// Failed password attempts since the last login.
    pub failed_attempts: u32,
    /// Whether an older session of this account was ended by this login.
    pub took_over: bool,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The request needs a login.
    #[error("not logged in")]
    NotLoggedIn,
    /// Already logged in on this connection.
    #[error("already logged in")]
    AlreadyLoggedIn,
    /// Somebody has this name, or one that looks like it.
    #[error("this name is taken, or looks too much like one that is")]
    NameTaken,
    /// The server takes no new accounts.
    #[error("this server takes no new accounts")]
    RegistrationClosed,
    /// Unknown user or wrong password: the server does not say which.
    #[error("wrong user name or password")]
    WrongPassword,
    /// Too many failed attempts.
    #[error("too many failed attempts: try again in {seconds} s")]
    Locked {
        /// Seconds until the next attempt is allowed.
        seconds: u32,
    },
    /// Too many requests.
    #[error("too many requests: try again in {seconds} s")]
    TooManyRequests {
        /// Seconds until the next is allowed.
        seconds: u32,
    },
    /// No account has this name.
    #[error("no such user")]
    UnknownUser,
    /// The user is not online (or does not want to be seen).
    #[error("not online")]
    Offline,
    /// The request names the asker.
    #[error("that is you")]
    Yourself,
    /// Blocked already.
    #[error("already blocked")]
    AlreadyBlocked,
    /// Not blocked.
    #[error("not blocked")]
    NotBlocked,
    /// The block list is full.
    #[error("the block list is full")]
    BlockListFull,
    /// The device is not known: log in with the password.
    #[error("this device is not known here: log in with your password")]
    UnknownDevice,
    /// A request that makes no sense here, or with contents out of range.
    #[error("the request makes no sense")]
    Malformed,
    /// The server cannot write to its disk.
    #[error("the server cannot store anything right now")]
    StorageFailed,
    /// To [`Request::Resume`]: the account was logged in with another device since. On the same
    /// connection, [`Request::UseDevice`] with a certificate of a higher generation takes the
    /// session back.
    #[error("the account was logged in with another device since")]
    NewerDevice {
        /// Of the newest device.
        generation: u64,
    },
    /// No letters can be left for this user: he has left no keys for it, or nobody is known, or the
    /// server keeps none.
    #[error("no letters can be left for this user")]
    NoMailbox,
    /// No more letters are kept for this user, or of this sender for him; perhaps shorter ones are.
    #[error("the mailbox is full")]
    MailboxFull,
    /// About rooms.
    #[error(transparent)]
    Room(#[from] RoomRefusal),
    /// To [`Request::Resume`]: this device was one of an account that was deleted.
    #[error("the account was deleted")]
    AccountDeleted,
    /// Nobody has made a code of this number, or it was used, or is over.
    #[error("there is no such code")]
    UnknownCode,
    /// The operator has given the account another password, and this device, or what was proven
    /// before, counts no longer [W-160].
    #[error("the server's operator has given this account another password")]
    NewPassword,
}

/// News that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// Everyone the client may see who is online, in pieces; begins anew with each session, and
    /// with a piece whose first name does not follow the last of the piece before.
    PresenceSnapshot {
        /// Sorted by name, at most [`MAX_PRESENCE`].
        users: Vec<Presence>,
        /// Whether this is the last piece.
        last: bool,
    },
    /// Somebody came, left, or can no longer be seen.
    PresenceChanged(Presence),
    /// The address and keys of a peer, told to both sides of an introduction.
    Introduction(Introduction),
    /// The server is about to stop.
    ShuttingDown,
    /// Something happened in a room that the client's user is in, or was until this. What follows
    /// from his own request comes before its answer, unless this answer is the room itself. One
    /// that is not newer than what the client has of the room is to be passed over; of several
    /// that come while the client does not read, only the last is told.
    RoomChanged {
        /// Which.
        room: RoomId,
        /// Its version from now on.
        version: u64,
        /// What.
        change: Change,
    },
    /// A user has asked whose a code is that the client has made: only he may prove it.
    CodeUsed {
        /// Of the code.
        number: u32,
        /// Who asked.
        by: Name,
    },
    /// The user may come into a room, which he is not in.
    Invited {
        /// Which.
        room: RoomSummary,
    },
    /// There is a new letter.
    Mail,
    /// After the welcome, where it is so: who does nothing for so many seconds is logged out [W-162].
    LogsOutIdle(u32),
    /// After the welcome: as many are in the lobby as can be, all of them online, so the user is not [W-165].
    LobbyFull,
}

/// A user and when he was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The user.
    pub name: Name,
    /// Online now.
    pub online: bool,
    /// Seconds since 1970: when he came, if online; when he was last seen, if not.
    pub since: u64,
    /// What he says about being there, if online.
    pub status: Status,
}

impl Presence {
    /// Of a user who is not there, last seen at that time.
    #[must_use]
    pub const fn gone(name: Name, since: u64) -> Self {
        let status = Status { availability: Availability::Here, text: String::new() };
        Self { name, online: false, since, status }
    }
}

/// What a user says about being there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// In one word.
    pub availability: Availability,
    /// In his own words; at most [`MAX_STATUS`] bytes: foreign text.
    pub text: String,
}

/// Whether a user who is online is to be expected to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// He says nothing else.
    #[default]
    Here,
    /// Not at the machine.
    Away,
    /// At the machine, but not to be disturbed.
    Busy,
}

impl Status {
    /// With no more text than may be said.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        self.text.truncate(self.text.floor_char_boundary(MAX_STATUS));
        self
    }
}

/// What two peers need to reach each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// The other user.
    pub name: Name,
    /// The other user's identity, as the server has it.
    pub identity: IdentityKey,
    /// The other device's key, certified by that identity.
    pub certificate: DeviceCertificate,
    /// Names the call on the wire.
    pub tag: CallTag,
    /// Bound into the handshake.
    pub call_id: [u8; 16],
    /// The introduction secret.
    pub secret: Secret<[u8; 32]>,
    /// Whether the receiver of this notice begins the handshake.
    pub initiator: bool,
    /// Where the other side may be reached: first what the server sees, which gets a handshake
    /// at once, then what the other side says, even when that is the same.
    pub candidates: Vec<SocketAddr>,
    /// The receiver's leg of the way through the server, if there is one.
    pub relay: Option<LegGrant>,
}

impl Introduction {
    /// What both sides bind into their handshake: the call and both identities, the initiator's
    /// first.
    #[must_use]
    pub fn prologue(&self, own: IdentityKey) -> Vec<u8> {
        let (first, second) =
            if self.initiator { (own, self.identity) } else { (self.identity, own) };
        [b"tincan/1 call".as_slice(), &self.call_id, &first.0, &second.0].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::framing::{Deframer, FramingError, encode};
    use crate::app::room::{
        Access, Backlog, Invitation, MAX_INVITED_AT_ONCE, MAX_LISTED, MAX_TOPIC, Member, Relation,
        Role, RoomName, Standing,
    };

    fn long_name() -> Name {
        let name = Name::new(&"\u{20000}".repeat(MAX_CHARS)).unwrap();
        assert_eq!(name.as_str().len(), 4 * MAX_CHARS);
        name
    }

    /// Whatever the limits above allow can be said: `encode` refuses by a panic.
    fn fits<M: Message + PartialEq + core::fmt::Debug>(message: M) {
        let mut deframer = Deframer::default();
        deframer.buffer().extend(encode(&message));
        assert_eq!(deframer.next(), Ok(Some(message)));
    }

    /// [W-162] [W-163] byte by byte, behind length, version and kind.
    #[test]
    fn doing_nothing_is_spoken_of_in_few_bytes() {
        let notice = encode(&ServerMessage::Notice(Notice::LogsOutIdle(600)));
        assert_eq!(notice[4..], [1, 1, 0x08, 0xd8, 0x04]);
        let request = encode(&ClientMessage::Request { id: 5, request: Request::Active(30) });
        assert_eq!(request[4..], [1, 0, 5, 0x1f, 30]);
    }

    /// [W-178] byte by byte, behind length, version and kind.
    #[test]
    fn what_the_server_sees_is_asked_and_answered_in_few_bytes() {
        let request = encode(&ClientMessage::Request { id: 5, request: Request::About });
        assert_eq!(request[4..], [1, 0, 5, 0x20]);
        let observed = "192.0.2.1:5000".parse().unwrap();
        let about = About { observed, unix: 300, relay: Some(2) };
        let response = ServerMessage::Response { id: 5, response: Response::About(about) };
        assert_eq!(
            encode(&response)[4..],
            [1, 0, 5, 0x0f, 0, 192, 0, 2, 1, 0x88, 0x27, 0xac, 0x02, 1, 2]
        );
        fits(response);
    }

    /// [W-165]
    #[test]
    fn that_the_lobby_is_full_is_one_byte() {
        assert_eq!(encode(&ServerMessage::Notice(Notice::LobbyFull))[4..], [1, 1, 9]);
    }

    #[test]
    fn the_longest_lists_fit() {
        let name = long_name();
        let status = Status { availability: Availability::Busy, text: "x".repeat(MAX_STATUS) };
        let presence = Presence { name: name.clone(), online: true, since: u64::MAX, status };
        let users = vec![presence; MAX_PRESENCE];
        let response = |response| ServerMessage::Response { id: u64::MAX, response };
        for message in [
            response(Response::Blocked(vec![name; MAX_BLOCKED])),
            response(Response::Users(users.clone())),
            ServerMessage::Notice(Notice::PresenceSnapshot { users, last: true }),
        ] {
            fits(message);
        }
    }

    /// [W-186]
    #[test]
    fn the_longest_letters_fit() {
        let (to, sealed) = (long_name(), vec![255; MAX_LETTER]);
        let request = Request::Deposit { to: to.clone(), prekey: u64::MAX, sealed };
        fits(ClientMessage::Request { id: u64::MAX, request });
        let letter = Letter {
            id: u64::MAX,
            from: to,
            identity: IdentityKey([255; 32]),
            prekey: u64::MAX,
            sealed: vec![255; MAX_LETTERS_BYTES / MAX_LETTERS],
        };
        let letters = vec![letter; MAX_LETTERS];
        let response = Response::Letters { letters, more: true, prekeys: u32::MAX };
        fits(ServerMessage::Response { id: u64::MAX, response });
    }

    /// [W-186]: only a letter is longer.
    #[test]
    fn other_requests_are_short() {
        let long = Request::Discard(vec![1; MAX_SHORT_REQUEST]);
        let body = postcard::to_allocvec(&ClientMessage::Request { id: 1, request: long }).unwrap();
        let mut frame = u32::try_from(1 + body.len()).unwrap().to_be_bytes().to_vec();
        frame.push(crate::app::framing::VERSION);
        frame.extend(body);
        let mut deframer = Deframer::default();
        deframer.buffer().extend(frame);
        assert_eq!(deframer.next::<ClientMessage>(), Err(FramingError::TooLong));
    }

    #[test]
    fn the_largest_rooms_fit() {
        let name = long_name();
        let room_name = RoomName::new(name.as_str()).unwrap();
        let topic = "x".repeat(MAX_TOPIC);
        let standing = Standing::In { role: Role::Owner, muted: Some(u64::MAX) };
        let identity = IdentityKey([255; 32]);
        let member = Member { name: name.clone(), identity, joined: u64::MAX, standing };
        let invitation = Invitation { name: name.clone(), by: name.clone() };
        let room = Room {
            id: RoomId([255; 16]),
            name: room_name.clone(),
            topic: topic.clone(),
            access: Access::Open,
            backlog: Backlog::Shared,
            version: u64::MAX,
            members: vec![member.clone(); MAX_IN_LOBBY + MAX_FORMER],
            invited: vec![invitation.clone(); MAX_INVITED],
        };
        let summary = RoomSummary {
            id: room.id,
            name: room_name.clone(),
            topic: topic.clone(),
            access: Access::Open,
            version: u64::MAX,
            members: u32::MAX,
            relation: Relation::Invited(name.clone()),
        };
        let response = |response| ServerMessage::Response { id: u64::MAX, response };
        fits(response(Response::Rooms(vec![summary.clone(); MAX_LISTED])));
        fits(ServerMessage::Notice(Notice::Invited { room: summary }));
        for change in [
            Change::Joined(member),
            Change::Invited(invitation),
            Change::Topic { topic, by: name.clone() },
            Change::Renamed { name: room_name, by: name },
        ] {
            let (room, version) = (room.id, u64::MAX);
            fits(ServerMessage::Notice(Notice::RoomChanged { room, version, change }));
        }
        fits(response(Response::Room(Box::new(room))));
    }

    #[test]
    fn the_longest_requests_about_rooms_fit() {
        let name = RoomName::new(long_name().as_str()).unwrap();
        let id = RoomId([255; 16]);
        let invite = vec![long_name(); MAX_INVITED_AT_ONCE];
        for request in [
            RoomRequest::Create {
                id,
                name: name.clone(),
                access: Access::Open,
                backlog: Backlog::Shared,
                invite,
            },
            RoomRequest::Rename(id, name),
            RoomRequest::SetTopic(id, "x".repeat(MAX_TOPIC)),
        ] {
            fits(ClientMessage::Request { id: u64::MAX, request: Request::Room(request) });
        }
    }
}
