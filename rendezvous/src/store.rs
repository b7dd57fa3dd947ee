//! What the server remembers, in the terms in which it asks. A store executes requests in the
//! order in which they came, each completely or not at all, and answers when they are durable.

use wire::PublicKey;
use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::letter::{Letter, Prekey};
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::room::{Change, RoomId, RoomRequest, RoomSummary};
use wire::app::server::Response;

use crate::config::Mailbox;
use crate::lockout::LockoutPolicy;
use crate::rooms::Lobby;
use crate::source::SourcePrefix;

/// Names one request until its outcome is handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreTicket(pub(crate) u64);

/// A new account, as its user made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its name.
    pub name: Name,
    /// OPAQUE's registration record, 192 bytes.
    pub record: Vec<u8>,
    /// How its password was stretched.
    pub stretch: Stretch,
    /// Who the user is; `None` for an imported account.
    pub identity: Option<NewIdentity>,
    /// Seconds since 1970.
    pub now: u64,
}

/// An identity and its first device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdentity {
    /// The identity.
    pub identity: IdentityKey,
    /// A device certified by it, already verified.
    pub certificate: DeviceCertificate,
    /// The identity's secret, sealed by its owner.
    pub sealed: Vec<u8>,
}

/// Everything that is asked of a store. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreRequest {
    /// Create an account, unless its name or a look-alike is taken. A repetition with the same
    /// record and identity succeeds. Answered by `Session` or `Conflict`.
    CreateAccount(Box<NewAccount>),
    /// Judge and count a password attempt, and read the account's login record. The same work
    /// for a name that no account has. Answered by `Login` or `Locked`.
    BeginLogin {
        /// Who wants to log in.
        name: Name,
        /// From where.
        source: SourcePrefix,
        /// How many failures lock, and for how long.
        policy: LockoutPolicy,
        /// The time.
        now: u64,
    },
    /// The attempt was right: take it back, and remember the source as familiar. Answered by
    /// `Done`.
    PasswordProven {
        /// Who has logged in.
        name: Name,
        /// From where.
        source: SourcePrefix,
        /// The time.
        now: u64,
    },
    /// Begin a session with this device, which is new with a higher generation than all before,
    /// or already the account's. Answered by `Session`, `Conflict` or `NewPassword`.
    AddDevice {
        /// Whose device.
        name: Name,
        /// Who that is: a name may be another user's by now.
        identity: IdentityKey,
        /// As the account was when that was proven.
        resets: Resets,
        /// Verified by the server.
        certificate: DeviceCertificate,
        /// The time.
        now: u64,
    },
    /// Give an account without identity its identity, and begin a session. A repetition with the
    /// same identity succeeds. Answered by `Session`, `Conflict` or `NewPassword`.
    SetIdentity {
        /// Whose.
        name: Name,
        /// As the account was when its password was proven.
        resets: Resets,
        /// What.
        identity: Box<NewIdentity>,
        /// The time.
        now: u64,
    },
    /// Begin a session with a device that has proven its key. Answered by `Session`, `Outdated`,
    /// `NewPassword`, `Deleted` or `NotFound`.
    Resume {
        /// Who.
        name: Name,
        /// The proven key.
        device: PublicKey,
        /// From where: familiar from now on.
        source: SourcePrefix,
        /// The time.
        now: u64,
    },
    /// Block a user. Answered by `Done`, `Conflict` (blocked already), `NotFound` or `Full`.
    Block {
        /// Who blocks.
        by: Name,
        /// Whom.
        target: Name,
        /// Who of the two was seen online at this moment: their last-seen time, as the other is
        /// told it from now on, is `now`.
        online: Vec<Name>,
        /// The time.
        now: u64,
    },
    /// No longer block a user. Answered by `Done` or `NotFound` (not blocked).
    Unblock {
        /// Who.
        by: Name,
        /// Whom.
        target: Name,
    },
    /// Is there such an account? Answered by `Done` or `NotFound`.
    Exists {
        /// Whose.
        name: Name,
    },
    /// When was this user last seen, as far as `asker` may know? Answered by `Seen` with one
    /// entry, or `NotFound`.
    LastSeen {
        /// Who asks.
        asker: Name,
        /// About whom.
        name: Name,
    },
    /// Who was seen since, as far as `asker` may know? Answered by `Seen`: the latest ones.
    SeenSince {
        /// Who asks; not in the answer.
        asker: Name,
        /// Seconds since 1970.
        since: u64,
        /// Most entries wanted.
        limit: usize,
    },
    /// Who is this user? Answered by `Identity` or `NotFound`.
    Directory {
        /// The name.
        name: Name,
    },
    /// A user was last seen at this time. Answered by `Done`.
    Left {
        /// Who.
        name: Name,
        /// When.
        at: u64,
    },
    /// Something about rooms. Answered by `Room`.
    Room {
        /// Who asks.
        by: Name,
        /// What.
        request: RoomRequest,
        /// Whether there is one for everybody.
        lobby: Lobby,
    },
    /// Keep keys for letters to a user, signed by his identity. Answered by `Done`.
    PublishPrekeys {
        /// Whose.
        owner: Name,
        /// What.
        prekeys: Vec<Prekey>,
    },
    /// A key for a letter. Answered by `Prekey` or `NotFound`.
    Prekey {
        /// Who writes.
        asker: Name,
        /// To whom.
        owner: Name,
    },
    /// Keep a letter. Answered by `Done`, `Full` or `NotFound`.
    Deposit {
        /// Who writes.
        from: Name,
        /// To whom.
        to: Name,
        /// The key that it is sealed to.
        prekey: u64,
        /// The letter.
        sealed: Vec<u8>,
        /// How much is kept.
        mailbox: Mailbox,
        /// The time.
        now: u64,
    },
    /// A user has asked to be introduced to another, and was. Answered by `Done`.
    Introduced {
        /// Who asked.
        by: Name,
        /// For whom.
        to: Name,
    },
    /// The oldest letters to a user. Answered by `Letters`.
    Collect {
        /// Whose.
        owner: Name,
        /// Behind the one of this number.
        after: u64,
        /// None that is older than this time.
        oldest: u64,
    },
    /// These letters need not be kept. Answered by `Done`.
    Discard {
        /// Whose.
        owner: Name,
        /// Their numbers.
        letters: Vec<u64>,
    },
    /// Take a user into the lobby, unless he was ever in it, or has left it himself; make it when there
    /// is none. Answered by `Room` or `LobbyFull`.
    EnterLobby {
        /// Who.
        name: Name,
        /// Random: what will identify the lobby if it is made now.
        id: RoomId,
        /// How many have room in it.
        places: usize,
        /// Members who are not online: when it is full, the one who was not seen for longest makes way.
        absent: Vec<Name>,
    },
    /// A user joins the lobby, as was refused by `LobbyFull` before. Answered by `Room` or `LobbyFull`.
    JoinLobby {
        /// Who.
        by: Name,
        /// How many have room in it.
        places: usize,
        /// As above.
        absent: Vec<Name>,
    },
    /// Let another password hold for an account instead of its own. Answered by `Done`, by
    /// `NotFound` when the name is no longer this user's, or by `NewPassword`.
    ChangePassword(Box<NewPassword>),
    /// Remove an account with all that belongs to it. Answered by `Removed`, or by `NewPassword`; when
    /// the name is no longer this user's, nothing is removed.
    DeleteAccount {
        /// Whose.
        name: Name,
        /// Who that is.
        identity: IdentityKey,
        /// As the account was when that was proven.
        resets: Resets,
    },
}

/// How often the operator has given an account another password. What was proven at another count than
/// the account's counts no longer, and no device that was added at another may log in [W-160].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resets(pub u64);

/// Another password for an account, as its user made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// Whose.
    pub name: Name,
    /// Who that is: a name may be another user's by now.
    pub identity: IdentityKey,
    /// As the account was when his session began.
    pub resets: Resets,
    /// OPAQUE's registration record.
    pub record: Vec<u8>,
    /// How the password was stretched.
    pub stretch: Stretch,
    /// The identity's secret, sealed by its owner under the new export key.
    pub sealed: Vec<u8>,
}

/// What an account needs for a password login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRecord {
    /// OPAQUE's registration record.
    pub record: Vec<u8>,
    /// How its password was stretched.
    pub stretch: Stretch,
    /// Who the user is; `None` for an imported account.
    pub identity: Option<IdentityKey>,
    /// The identity's secret, sealed by its owner.
    pub sealed: Vec<u8>,
    /// The highest generation of the account's devices; 0 when there is none.
    pub generation: u64,
    /// As the account is.
    pub resets: Resets,
}

/// What a session needs to know about its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAccount {
    /// The name.
    pub name: Name,
    /// Who the user is.
    pub identity: IdentityKey,
    /// The device of this session.
    pub certificate: DeviceCertificate,
    /// As the account is.
    pub resets: Resets,
    /// Whom the user blocks.
    pub blocks: Vec<Name>,
    /// Failed password attempts since the last session began.
    pub failed_attempts: u32,
}

/// A user and when he was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// The user.
    pub name: Name,
    /// Seconds since 1970; 0 for never.
    pub at: u64,
}

/// A device that no longer belongs to its account: somebody took it away outside of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose it was.
    pub name: Name,
    /// The device.
    pub device: PublicKey,
}

/// An account to which the operator has given another password, outside of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Whose.
    pub name: Name,
    /// With this one: sessions that began before end.
    pub resets: Resets,
}

/// Something that happened in a room, and who is to be told of it if connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomNews {
    /// Where.
    pub room: RoomId,
    /// The room's version from then on.
    pub version: u64,
    /// What.
    pub change: Change,
    /// Whom it concerns.
    pub to: Vec<Name>,
}

/// What a request about rooms came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOutcome {
    /// The answer to the asker.
    pub response: Response,
    /// What is to be told, in order.
    pub news: Vec<RoomNews>,
    /// Who is to be told that he is invited, and to what.
    pub invited: Vec<(Name, RoomSummary)>,
}

impl RoomOutcome {
    /// An answer that means nothing to others.
    #[must_use]
    pub const fn answer(response: Response) -> Self {
        Self { response, news: Vec::new(), invited: Vec::new() }
    }
}

/// What an operator has done outside of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meanwhile {
    /// The devices that he took away.
    pub revoked: Vec<Revocation>,
    /// The accounts to which he gave another password.
    pub resets: Vec<Reset>,
    /// What that means to rooms.
    pub rooms: Vec<RoomNews>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It is done and durable.
    Done,
    /// It contradicts what is stored; see the request.
    Conflict,
    /// There is nothing of that name; see the request.
    NotFound,
    /// A list is full.
    Full,
    /// A session may begin.
    Session(Box<SessionAccount>),
    /// The device is the account's, and a newer one was used since.
    Outdated {
        /// Who the user is.
        identity: IdentityKey,
        /// Of the newest device.
        generation: u64,
        /// As the account is.
        resets: Resets,
    },
    /// The operator has given the account another password since.
    NewPassword,
    /// The attempt is counted and may go on. `None`: no account has this name.
    Login(Option<Box<LoginRecord>>),
    /// No attempt before so many seconds have passed.
    Locked {
        /// At least 1.
        seconds: u32,
    },
    /// Last-seen times, sorted by name.
    Seen(Vec<LastSeen>),
    /// A user's identity; `None` while an imported account has none.
    Identity(Option<IdentityKey>),
    /// A key for a letter, and the identity that has signed it.
    Prekey {
        /// The identity.
        identity: IdentityKey,
        /// The key.
        prekey: Prekey,
    },
    /// Letters, the oldest first.
    Letters {
        /// These.
        letters: Vec<Letter>,
        /// Whether there are more.
        more: bool,
        /// How many keys that serve once are left.
        prekeys: u32,
    },
    /// What follows for the asker and for others.
    Room(Box<RoomOutcome>),
    /// The lobby is full, and nobody was named who might make way.
    LobbyFull {
        /// Who wanted to be in it.
        user: Name,
        /// Who is.
        members: Vec<Name>,
    },
    /// The account is no longer there.
    Removed {
        /// What that means to rooms.
        rooms: Vec<RoomNews>,
    },
    /// The device was one of an account that is no longer there.
    Deleted,
    /// The store failed: nothing of the request is stored. Later requests may succeed.
    Failed,
}
