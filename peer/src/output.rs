//! What the core tells its user. Each face shows it in its own way: the plain face as a stable
//! line, the JSON face as an object, the one-shot commands as an exit code.
//!
//! Texts from others stand here as they came; faces filter them (`wire::app::text`).

mod files;
mod media;
mod paths;

use serde::Serialize;
use wire::app::server::Availability;

pub use self::files::FileLine;
pub(crate) use self::files::is_over;
pub use self::media::MediaLine;
pub(crate) use self::media::wait;
pub(crate) use self::paths::path_word;
pub use self::paths::{ConnectionLine, HeldUp, WhyFigures};
use crate::work::{AutoAccept, Calls};

/// What stands for the line that is answered where that is not here: lines are numbered from 1.
pub const NOT_HERE: u64 = 0;

/// One thing to tell. Serialised, `event` names the kind (docs/json.md).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Output {
    /// The database is loaded; commands are taken.
    Ready {
        /// The account kept here, if any.
        user: Option<String>,
        /// The server's address as typed.
        server: String,
    },
    /// The connection to the server.
    Server {
        /// Where it stands.
        #[serde(flatten)]
        state: ServerState,
    },
    /// A server's key, seen for the first time and pinned from now on.
    ServerFingerprint {
        /// `host:port` as typed.
        server: String,
        /// Ten groups of four hexadecimal digits.
        fingerprint: String,
    },
    /// Nobody is logged in: a face asks for a name and a password.
    LoginNeeded {
        /// Why, when a login ended or failed.
        reason: Option<String>,
    },
    /// Logged in.
    LoggedIn {
        /// The account.
        user: String,
        /// The server's greeting: foreign text.
        motd: String,
        /// Failed attempts since the last login.
        failed_attempts: u32,
        /// Whether an older session was ended by this one.
        took_over: bool,
        /// Whether the account was made just now.
        new_account: bool,
    },
    /// Logged out.
    LoggedOut {
        /// Why.
        reason: String,
    },
    /// An account is no more.
    AccountDeleted {
        /// Which.
        user: String,
        /// Where the history stays, as its keys are gone from here; `None` when it was deleted
        /// elsewhere, as the server says, and its keys are here still.
        kept: Option<String>,
    },
    /// Somebody came or left, or says something else about being there.
    Presence {
        /// Who.
        user: String,
        /// Online now.
        online: bool,
        /// What he says about being there; `here` when not online.
        status: Availability,
        /// The same in his own words: foreign text.
        text: String,
    },
    /// Answer to `/who`, `/seen`.
    Users {
        /// What was asked.
        query: String,
        /// Sorted.
        users: Vec<UserLine>,
    },
    /// Answer to `/whois`.
    Whois {
        /// Who.
        user: String,
        /// What the person here calls him.
        nickname: Option<String>,
        /// Online now; `None` without the server.
        online: Option<bool>,
        /// When he came, or was last seen, in seconds since 1970; 0 when not known.
        since: u64,
        /// What he says about being there.
        status: Availability,
        /// The same in his own words: foreign text.
        text: String,
        /// What the fingerprint is worth: `verified`, `met` (in a handshake), `changed` since (and not
        /// accepted), `named` by the server, `unknown`.
        key: &'static str,
        /// Of the key that he shows, or that the server names.
        fingerprint: Option<String>,
        /// Of the one known before, when he shows another.
        former: Option<String>,
        /// Whether this user blocks him.
        blocked: bool,
        /// Whether what he says is not shown as it comes.
        ignored: bool,
        /// `direct` or `relayed`, when there is a link.
        path: Option<&'static str>,
        /// Whether that is a direct path which stays in one network.
        lan: bool,
        /// To where its datagrams go.
        address: Option<String>,
        /// How long a round trip takes there.
        rtt_ms: Option<u64>,
        /// In which rooms both are, `#` first.
        rooms: Vec<String>,
    },
    /// A spoken code was made.
    Code {
        /// The code, to be said to somebody.
        code: String,
        /// How long it can be typed.
        seconds: u32,
    },
    /// A spoken code is over.
    CodeOver {
        /// Its number.
        number: u32,
        /// Who has typed it, or made it, where that is known.
        user: Option<String>,
        /// His key, when both have proven the words: it is verified.
        fingerprint: Option<String>,
        /// Why it is over, when they have not.
        reason: Option<String>,
    },
    /// What the person here calls a user has changed.
    Nickname {
        /// Who.
        user: String,
        /// What he is called; `None`: only by his name.
        nickname: Option<String>,
    },
    /// Answer to `/ignore` alone.
    Ignored {
        /// Sorted.
        users: Vec<String>,
    },
    /// Answer to `/autoaccept`: whose files are taken without asking.
    AutoAccept {
        /// The user who was asked about; of all, those of whom something was chosen.
        users: Vec<AutoAcceptLine>,
        /// Of how many bytes at most a file of anybody else is taken; `None` when all are asked about.
        usual: Option<u64>,
    },
    /// Answer to `/blocked`.
    Blocked {
        /// Sorted.
        users: Vec<String>,
    },
    /// A message from somebody, stored and new.
    Message {
        /// From.
        from: String,
        /// In which room it was said, `#` first; `None` when it is for this user alone.
        room: Option<String>,
        /// Foreign text.
        text: String,
        /// When the sender says he typed it: milliseconds since 1970.
        sent: u64,
        /// When it arrived.
        at: u64,
        /// Messages before it are missing.
        gap: bool,
        /// Its place in the history: lines are numbered as they are kept.
        line: u64,
        /// The line that it answers; [`NOT_HERE`] when that is not.
        reply_to: Option<u64>,
        /// It is the new text of a message that had not come before.
        edited: bool,
        /// The moment of a film that it is about.
        pin: Option<PinLine>,
        /// Whether a person who looks elsewhere is to be called.
        notify: bool,
    },
    /// A message of ours is kept: from now on it is sent until it arrives.
    Kept {
        /// To a user, or to a room, `#` first.
        to: String,
        /// Its number.
        id: u64,
        /// The text.
        text: String,
        /// When it was typed: milliseconds since 1970.
        at: u64,
        /// Its place in the history.
        line: u64,
        /// The line that it answers.
        reply_to: Option<u64>,
        /// The moment of a film that it is about.
        pin: Option<PinLine>,
    },
    /// What became of a message of ours.
    MessageState {
        /// To.
        to: String,
        /// Its number.
        id: u64,
        /// `queued`, `stored` (in the receiver's mailbox), `delivered`, `read` (this one and all before
        /// it), `failed`, or `taken-back` before it was delivered.
        state: &'static str,
        /// Why it failed, or waits.
        reason: Option<String>,
    },
    /// Somebody is writing to this user. Nobody tells when he stops: it counts for a few seconds, and
    /// ends with his message.
    Typing {
        /// Who.
        user: String,
    },
    /// A message of ours was not taken: it is kept nowhere and will not be sent.
    NotSent {
        /// To, as typed.
        to: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The user may come into a room.
    RoomInvited {
        /// Which, `#` first.
        room: String,
        /// By whom.
        by: String,
        /// What it is about: foreign text.
        topic: String,
        /// How many are in it.
        members: u32,
        /// Whether a person who looks elsewhere is to be called.
        notify: bool,
    },
    /// Something happened in a room.
    RoomChanged {
        /// In which, `#` first; by its new name, when that is what happened.
        room: String,
        /// `created` and `entered` by the user himself just now; `present`: he is in it, as the server
        /// says; `joined`, `left`, `kicked`, `invited`,
        /// `not-invited`, `role`, `muted`, `unmuted`, `topic`, `renamed`.
        change: &'static str,
        /// Whom it concerns.
        user: Option<String>,
        /// Who did it.
        by: Option<String>,
        /// The topic (foreign text), the role, or of a renamed room the name before.
        text: Option<String>,
    },
    /// Answer to `/rooms`.
    Rooms {
        /// The user's own first.
        rooms: Vec<RoomLine>,
    },
    /// Answer to `/members`.
    Members {
        /// Of which room, `#` first.
        room: String,
        /// What it is about: foreign text.
        topic: String,
        /// By name; who is invited last.
        members: Vec<MemberLine>,
    },
    /// A message was changed by its author.
    Changed {
        /// The other user, or a room, `#` first.
        with: String,
        /// The author.
        from: String,
        /// `edited`, `taken-back`, or `withdrawn`: taken back before it was sent at all, so that its
        /// line is gone.
        change: &'static str,
        /// The number of the change, which is delivered as messages are, when it is ours.
        id: Option<u64>,
        /// The place of what was changed.
        line: u64,
        /// The new text, when it was edited: foreign text.
        text: Option<String>,
        /// The moment of a film that the new text is about.
        pin: Option<PinLine>,
        /// When it was typed here or arrived here: milliseconds since 1970.
        at: u64,
    },
    /// A peer connection came up or went.
    Link {
        /// The other user.
        user: String,
        /// `connecting`, `direct`, `relayed` (through the server), `closed` (the other side left), `lost`,
        /// `unreachable`.
        state: &'static str,
        /// Whether a direct path stays in one network.
        lan: bool,
        /// The address that datagrams go to: the other side's when direct, the server's when relayed.
        address: Option<String>,
        /// Smoothed round trip in milliseconds, once measured.
        rtt_ms: Option<u64>,
        /// What he says as he leaves, when closed: foreign text.
        farewell: Option<String>,
    },
    /// Somebody offers a file.
    FileOffer {
        /// The short number for commands.
        id: u64,
        /// From.
        from: String,
        /// The room whose members are all offered it, `#` first.
        room: Option<String>,
        /// The sender's name for it: foreign text.
        name: String,
        /// Bytes; `None` while it grows.
        size: Option<u64>,
        /// Foreign text.
        media_type: String,
        /// BLAKE3, hexadecimal; `None` while it grows, and of a folder.
        blake3: Option<String>,
        /// How many files are in it, when it is a folder.
        files: Option<u64>,
        /// What its sender says of it, when it is a film.
        media: Option<MediaLine>,
        /// About how many seconds it takes, where it is known how fast files came from him.
        eta: Option<u64>,
        /// After how many of them it can be watched without a stop.
        wait: Option<u64>,
        /// Whether a person who looks elsewhere is to be called.
        notify: bool,
    },
    /// A stranger asks to talk: nothing of what he says and offers is shown before he is accepted.
    Request {
        /// Who, and how.
        #[serde(flatten)]
        request: RequestLine,
    },
    /// Somebody asks no longer.
    RequestOver {
        /// Who.
        user: String,
        /// `accepted`, `declined`, `expired`, or `blocked`.
        answer: &'static str,
    },
    /// Answer to `/requests`: everything that waits for an answer.
    Requests {
        /// Strangers, by name.
        requests: Vec<RequestLine>,
        /// Offered files, by number.
        files: Vec<FileLine>,
        /// Invitations to rooms.
        rooms: Vec<RoomLine>,
    },
    /// What becomes of asking somebody to talk.
    Asked {
        /// Whom.
        user: String,
        /// `waiting`, `accepted`, `declined`, or `expired`.
        state: &'static str,
    },
    /// A transfer of ours or theirs changed.
    File {
        /// All of it.
        #[serde(flatten)]
        file: FileLine,
    },
    /// Answer to `/play`: a player finds the file there, as far as it has arrived.
    Play {
        /// Where, as long as this program runs.
        url: String,
        /// The moment, in milliseconds, at which it is to begin.
        position_ms: Option<u64>,
        /// How far it is.
        #[serde(flatten)]
        file: FileLine,
    },
    /// Something about watching a film together with others.
    Watch {
        /// The short number of its transfer.
        id: u64,
        /// What the film is called here: foreign text.
        name: String,
        /// `invited`: `user` wants to watch it with this one; `proposed`: this one asks those `with`;
        /// `joined`, `left`: `user` does so (without him: this one has joined); `playing`, `paused`, `moved`:
        /// all do, since `user` did it, or since all can (again); `waiting`: all wait; `over`: for this one.
        change: &'static str,
        /// Who.
        user: Option<String>,
        /// Where in the film, in milliseconds.
        position_ms: Option<u64>,
        /// Who else is there.
        with: Vec<String>,
        /// For whom all wait.
        waits: Vec<String>,
        /// Why.
        reason: Option<String>,
        /// Whether it calls the person: `/notify` says what does.
        notify: bool,
    },
    /// Answer to `/open`: the file is here, at its path.
    Open {
        /// All of it.
        #[serde(flatten)]
        file: FileLine,
    },
    /// Answer to `/files`.
    Files {
        /// The one that was asked about: a folder's files stand behind it.
        of: Option<u64>,
        /// By number.
        files: Vec<FileLine>,
    },
    /// Answer to `/history`, `/search`.
    History {
        /// What was asked.
        query: String,
        /// Oldest first.
        lines: Vec<HistoryLine>,
    },
    /// What became of `/export`.
    Export {
        /// Where the file is; as typed when there is none.
        path: String,
        /// How many lines are in it; `None` when there is none.
        lines: Option<u64>,
        /// Why there is none.
        reason: Option<String>,
    },
    /// Answer to `/outbox`.
    Outbox {
        /// Oldest first.
        messages: Vec<OutboxLine>,
    },
    /// Answer to `/net`.
    Net {
        /// The server first, then users by name.
        connections: Vec<ConnectionLine>,
    },
    /// Answer to `/ping`.
    Ping {
        /// Whom.
        user: String,
        /// How long his program took to answer, in milliseconds; `None` when it did not.
        rtt_ms: Option<u64>,
        /// Why it did not.
        reason: Option<String>,
    },
    /// Answer to `/why`.
    Why {
        /// About whom; `None` in a report, which names nobody.
        user: Option<String>,
        /// Sentences for people.
        lines: Vec<String>,
        /// The same for programs, as far as it has figures.
        #[serde(flatten)]
        figures: Box<WhyFigures>,
    },
    /// Answer to `/fingerprint`.
    Fingerprint {
        /// Whose: a user, or `server`.
        of: String,
        /// Ten groups of four hexadecimal digits.
        fingerprint: String,
        /// With another user: twelve groups of five digits, which both sides see.
        safety_number: Option<String>,
        /// It as the text of a QR code, with both names.
        qr: Option<String>,
        /// Of another user: whether this key was accepted by `/trust`.
        verified: Option<bool>,
        /// The fingerprint that was known before, while this one is not accepted.
        former: Option<String>,
    },
    /// Somebody shows another identity than before.
    IdentityChanged {
        /// Who.
        user: String,
        /// What was known.
        old: String,
        /// What is shown now.
        new: String,
        /// Whether nothing is sent to him until it is accepted: the former one was verified.
        held: bool,
    },
    /// Answer to `/notify`.
    Notify {
        /// The conversation that was asked about; of all, those where something was chosen.
        chats: Vec<NotifyLine>,
    },
    /// Answer to `/set`, `/alias` and `/bind`.
    Settings {
        /// The options in the order of the help, then words, keys and colours of the user's own.
        settings: Vec<SettingLine>,
    },
    /// Help.
    Help {
        /// Lines.
        text: String,
    },
    /// Something that went as asked and needs only a line.
    Info {
        /// The line.
        text: String,
    },
    /// Something that did not go as asked.
    Error {
        /// What, why, what to do.
        text: String,
    },
    /// Answer to `/trust`: the key of a user is accepted and verified.
    Trusted {
        /// Whose.
        user: String,
        /// Ten groups of four hexadecimal digits.
        fingerprint: String,
    },
}

/// What faces mark about a user's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMark {
    /// It is the one that was verified.
    Verified,
    /// It is another one than the known, and not accepted.
    Changed,
}

/// Why nothing reaches a user who does not exist.
pub const NO_SUCH_USER: &str = "there is no such user on this server";

/// The connection to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum ServerState {
    /// Trying.
    Connecting,
    /// Connected.
    Connected,
    /// Not reachable: told once a second until the next try.
    Waiting {
        /// Until the next try.
        seconds: u64,
        /// Why the last one failed.
        reason: String,
    },
    /// It shows another key than before, and is not tried again by itself.
    Refused,
}

/// One user in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserLine {
    /// The name.
    pub user: String,
    /// What the person here calls him.
    pub nickname: Option<String>,
    /// Online now.
    pub online: bool,
    /// Seconds since 1970: came, or was last seen.
    pub since: u64,
    /// What he says about being there; `here` when not online.
    pub status: Availability,
    /// The same in his own words: foreign text.
    pub text: String,
    /// Whether the key that he shows was verified by `/trust`.
    pub verified: bool,
}

/// Somebody who asks to talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestLine {
    /// The name.
    pub user: String,
    /// Since when: milliseconds since 1970.
    pub at: u64,
    /// How his first message begins: foreign text.
    pub text: Option<String>,
    /// How many messages are held.
    pub messages: u64,
    /// The first file that he offers: foreign text.
    pub file: Option<String>,
}

/// One room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomLine {
    /// `#` first.
    pub room: String,
    /// What it is about: foreign text.
    pub topic: String,
    /// Whether anybody may come in.
    pub open: bool,
    /// How many are in it.
    pub members: u32,
    /// What the user is to it: `owner`, `operator`, `member`, `invited`, `former` or `none`.
    pub relation: &'static str,
    /// Who invites.
    pub by: Option<String>,
}

/// One member of a room, or somebody who is invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberLine {
    /// The name.
    pub user: String,
    /// `owner`, `operator` or `member`; `None` of somebody who is invited.
    pub role: Option<&'static str>,
    /// May not speak.
    pub muted: bool,
    /// Online now.
    pub online: bool,
    /// By whom, of somebody who is invited.
    pub invited_by: Option<String>,
}

/// One line of history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryLine {
    /// Its place in the history: lines are numbered as they are kept.
    pub line: u64,
    /// With whom.
    pub with: String,
    /// Its number, when it is ours.
    pub id: Option<u64>,
    /// Who wrote it.
    pub from: String,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Foreign text.
    pub text: String,
    /// `queued`, `stored`, `delivered`, `read`, `failed`, or `received`.
    pub state: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// The line that it answers; [`NOT_HERE`] when that is not.
    pub reply_to: Option<u64>,
    /// The text is not the first one.
    pub edited: bool,
    /// Its author has taken it back: there is no text.
    pub taken_back: bool,
    /// The moment of a film that it is about.
    pub pin: Option<PinLine>,
}

/// A moment of a film that a text is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinLine {
    /// The short number of the transfer here that has this file, where there is one.
    pub id: Option<u64>,
    /// The author's name for the file: foreign text, and a claim.
    pub name: String,
    /// BLAKE3 of its contents, hexadecimal.
    pub blake3: String,
    /// The moment, in milliseconds.
    pub position_ms: u64,
}

/// One waiting message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxLine {
    /// To whom: a user, or a room (`#team`).
    pub to: String,
    /// Its number.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// `message`, `reply`, `edit` or `unsend` (which has no text).
    pub kind: &'static str,
    /// The text.
    pub text: String,
    /// `queued`: it waits here; or `stored`: here, and in the mailbox of everybody who has not got it.
    pub state: &'static str,
    /// Why a message to a user waits; of a line in a room, how many have it, and in how many mailboxes it lies.
    pub reason: Option<String>,
    /// The moment of a film that it is about.
    pub pin: Option<PinLine>,
}

/// What calls the person in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotifyLine {
    /// A user, or a room, `#` first.
    pub chat: String,
    /// What calls him.
    pub calls: Calls,
    /// Whether that is so where nothing was chosen.
    pub usual: bool,
}

/// What is done with what one user offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AutoAcceptLine {
    /// The user.
    pub user: String,
    /// Which of his files are taken without asking.
    pub accept: AutoAccept,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingLine {
    /// A long option, or `aliases.`, `keys.` or `theme.` and a name.
    pub name: String,
    /// Its value as it would be typed; `None` when it has none.
    pub value: Option<String>,
    /// `typed`, `command line`, `environment`, `configuration file` or `default`.
    pub from: Option<&'static str>,
}
