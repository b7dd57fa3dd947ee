//! The JSON face: one object for each thing told, one object for each command
//! (docs/json.md).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wire::Secret;
use wire::app::room::{Access, Backlog, Role};
use wire::app::server::{Availability, Status};
use wire::app::{pin, text};

use crate::command::{Command, DEFAULT_HISTORY, RoomCommand, Since, Which, WhichFilm};
use crate::output::Output;
use crate::work::{AutoAccept, Calls, ExportFormat};

/// `output` as one line of JSON. It is pure ASCII where a character could act on a terminal, so
/// that it is safe to look at too.
#[must_use]
pub fn line(output: &Output) -> String {
    object(output)
}

/// The same of anything whose keys are strings.
pub(crate) fn object(value: &impl Serialize) -> String {
    let plain = serde_json::to_string(value).expect("it has string keys only");
    if plain.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return plain;
    }
    let mut line = String::with_capacity(plain.len());
    for c in plain.chars() {
        if is_harmless(c) {
            line.push(c);
        } else {
            // Outside strings JSON is ASCII: such a character always stands in a string.
            for unit in c.encode_utf16(&mut [0; 2]) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line
}

/// Whether a terminal shows `c` as itself.
fn is_harmless(c: char) -> bool {
    matches!(c, ' '..='~') || text::one_line(c.encode_utf8(&mut [0; 4])).starts_with(c)
}

/// A command as an object; `command` names it.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
enum Request {
    Register {
        name: String,
        password: Secret<String>,
    },
    Login {
        name: String,
        password: Secret<String>,
    },
    ChangePassword {
        old: Secret<String>,
        new: Secret<String>,
    },
    AccountDelete {
        name: String,
        password: Secret<String>,
    },
    AccountExport {
        path: PathBuf,
        passphrase: Secret<String>,
    },
    AccountImport {
        path: PathBuf,
        passphrase: Secret<String>,
    },
    Logout {},
    Message {
        to: String,
        text: String,
    },
    Reply {
        to: String,
        line: Option<u64>,
        text: String,
    },
    Edit {
        to: String,
        id: Option<u64>,
        text: String,
    },
    Unsend {
        to: String,
        id: Option<u64>,
    },
    At {
        to: String,
        id: Option<u64>,
        position_ms: u64,
        text: String,
    },
    Mark {
        to: String,
        id: Option<u64>,
        text: String,
    },
    Watch {
        id: u64,
        users: Option<Vec<String>>,
    },
    WatchOff {},
    Contacts {},
    Who {
        filter: Option<String>,
    },
    Seen {
        user: String,
    },
    Code {
        code: Option<Secret<String>>,
    },
    Whois {
        user: String,
    },
    SeenSince {
        seconds: u32,
    },
    Block {
        user: String,
    },
    Unblock {
        user: String,
    },
    Blocked {},
    Ignore {
        user: String,
    },
    Unignore {
        user: String,
    },
    Ignored {},
    Nickname {
        user: String,
        nickname: Option<String>,
    },
    AutoAccept {
        user: Option<String>,
        accept: Option<AutoAccept>,
    },
    Get {
        id: u64,
        path: PathBuf,
    },
    VerifyFile {
        id: u64,
    },
    Send {
        to: String,
        paths: Vec<PathBuf>,
    },
    Live {
        to: String,
        path: PathBuf,
        name: Option<String>,
    },
    LiveEnd {
        id: u64,
    },
    Chat {
        user: String,
    },
    Requests {},
    Accept {
        id: Option<u64>,
        user: Option<String>,
        room: Option<String>,
    },
    Decline {
        id: Option<u64>,
        user: Option<String>,
        room: Option<String>,
    },
    Files {
        id: Option<u64>,
    },
    Pause {
        id: u64,
    },
    Resume {
        id: u64,
    },
    Cancel {
        id: u64,
    },
    Play {
        id: Option<u64>,
        line: Option<u64>,
        with: Option<String>,
        position_ms: Option<u64>,
    },
    Open {
        id: u64,
    },
    History {
        with: Option<String>,
        limit: Option<u32>,
        before: Option<u64>,
        since: Option<u64>,
    },
    Search {
        text: String,
        with: Option<String>,
    },
    Notify {
        chat: Option<String>,
        calls: Option<Calls>,
    },
    Typing {
        to: String,
    },
    Read {
        from: String,
        line: Option<u64>,
    },
    Status {
        availability: Availability,
        text: Option<String>,
    },
    Rooms {},
    Create {
        room: String,
        access: Access,
        backlog: Option<Backlog>,
        invite: Option<Vec<String>>,
    },
    Join {
        room: String,
    },
    Leave {
        room: String,
    },
    Members {
        room: String,
    },
    Invite {
        room: String,
        user: String,
    },
    Kick {
        room: String,
        user: String,
    },
    Mute {
        room: String,
        user: String,
        muted: bool,
    },
    Role {
        room: String,
        user: String,
        role: Role,
    },
    Topic {
        room: String,
        topic: String,
    },
    Rename {
        room: String,
        name: String,
    },
    Export {
        with: Option<String>,
        path: PathBuf,
        format: Option<ExportFormat>,
        id: Option<u64>,
    },
    Outbox {},
    Net {},
    Server {},
    Why {
        user: String,
        #[serde(default)]
        report: bool,
    },
    Ping {
        user: String,
    },
    Fingerprint {
        user: Option<String>,
    },
    Trust {
        user: String,
    },
    Reconnect {},
    Help {
        topic: Option<String>,
    },
    Quit {
        farewell: Option<String>,
    },
}

/// Most lines of `history`: all of them are held in memory at once.
const MAX_HISTORY: u32 = 10_000;

/// The command in one line of JSON.
///
/// # Errors
/// A text for the person. It quotes nothing of a line that may hold a password.
pub fn parse(line: &str) -> Result<Command, String> {
    match serde_json::from_str(line) {
        Ok(Request::History { limit: Some(limit), .. }) if !(1..=MAX_HISTORY).contains(&limit) => {
            Err(format!("not a command: limit is a number from 1 to {MAX_HISTORY}"))
        }
        Ok(request) => command(request),
        Err(error) if line.contains("pass") => {
            Err(format!("not a command: an error at column {}", error.column()))
        }
        Err(error) => Err(format!("not a command: {error}")),
    }
}

#[expect(clippy::too_many_lines, reason = "an arm for each command")]
fn command(request: Request) -> Result<Command, String> {
    Ok(match request {
        Request::Register { name, password } => Command::Register { name, password },
        Request::Login { name, password } => Command::Login { name, password },
        Request::ChangePassword { old, new } => Command::ChangePassword { old, new },
        Request::AccountDelete { name, password } => Command::DeleteAccount { name, password },
        Request::AccountExport { path, passphrase } => Command::ExportAccount { path, passphrase },
        Request::AccountImport { path, passphrase } => Command::ImportAccount { path, passphrase },
        Request::Logout {} => Command::Logout,
        Request::Message { to, text } => Command::Message { to, text },
        Request::Reply { to, line, text } => Command::Reply { to, line, text },
        Request::Edit { to, id, text } => Command::Edit { to, id, text },
        Request::Unsend { to, id } => Command::Unsend { to, id },
        Request::At { to, id, position_ms, text } => {
            Command::At { to, id, position_ms: moment(position_ms)?, text }
        }
        Request::Mark { to, id, text } => Command::Mark { to, id, text },
        Request::Watch { id, users } => Command::Watch { id, users: users.unwrap_or_default() },
        Request::WatchOff {} => Command::WatchOff,
        Request::Contacts {} => Command::Contacts,
        Request::Who { filter } => Command::Who { filter },
        Request::Seen { user } => Command::Seen { user },
        Request::Code { code: typed } => Command::Code { typed },
        Request::Whois { user } => Command::Whois { user },
        Request::SeenSince { seconds } => Command::SeenSince { seconds },
        Request::Block { user } => Command::Block { user },
        Request::Unblock { user } => Command::Unblock { user },
        Request::Blocked {} => Command::Blocked,
        Request::Send { to, paths } => Command::Send { to, paths },
        Request::Live { to, path, name } => Command::Live { to, path, name },
        Request::LiveEnd { id } => Command::LiveEnd { id },
        Request::Chat { user } => Command::Chat { user },
        Request::Requests {} => Command::Requests,
        Request::Accept { id, user, room } => Command::Accept { which: which(id, user, room)? },
        Request::Decline { id, user, room } => Command::Decline { which: which(id, user, room)? },
        Request::Files { id: folder } => Command::Files { folder },
        Request::Pause { id } => Command::Pause { id },
        Request::Resume { id } => Command::Resume { id },
        Request::Cancel { id } => Command::Cancel { id },
        Request::Play { id, line, with, position_ms } => {
            let position_ms = position_ms.map(moment).transpose()?;
            Command::Play { which: film(id, line, with, position_ms)?, position_ms }
        }
        Request::Open { id } => Command::Open { id },
        Request::History { with, limit, before, since } => {
            let usual = if since.is_some() { MAX_HISTORY } else { DEFAULT_HISTORY };
            let (limit, since) = (limit.unwrap_or(usual), since.map(Since::At));
            Command::History { with, limit, before, since }
        }
        Request::Search { text, with } => Command::Search { text, with },
        Request::Notify { chat, calls } => Command::Notify { chat, calls },
        Request::Typing { to } => Command::Typing { to },
        Request::Read { from, line } => Command::Read { from, line },
        Request::Status { availability, text } => {
            let text = text.unwrap_or_default();
            Command::Status { status: Status { availability, text } }
        }
        Request::Rooms {} => Command::Room(RoomCommand::List),
        Request::Create { room, access, backlog, invite } => {
            let backlog = backlog.unwrap_or(Backlog::Withheld);
            let invite = invite.unwrap_or_default();
            Command::Room(RoomCommand::Create { room, access, backlog, invite })
        }
        Request::Join { room } => Command::Room(RoomCommand::Join { room }),
        Request::Leave { room } => Command::Room(RoomCommand::Leave { room }),
        Request::Members { room } => Command::Room(RoomCommand::Members { room }),
        Request::Invite { room, user } => Command::Room(RoomCommand::Invite { room, user }),
        Request::Kick { room, user } => Command::Room(RoomCommand::Kick { room, user }),
        Request::Mute { room, user, muted } => {
            Command::Room(RoomCommand::Mute { room, user, muted })
        }
        Request::Role { room, user, role } => Command::Room(RoomCommand::Role { room, user, role }),
        Request::Topic { room, topic } => {
            Command::Room(RoomCommand::Topic { room, topic: Some(topic) })
        }
        Request::Rename { room, name } => Command::Room(RoomCommand::Rename { room, name }),
        Request::Export { with, path, format, id: film } => {
            let format = format.map_or_else(|| ExportFormat::of(&path), Ok)?;
            if film.is_some() && format != ExportFormat::Chapters {
                return Err("not a command: only chapters are of one transfer".to_owned());
            }
            Command::Export { with, path, format, film }
        }
        Request::Outbox {} => Command::Outbox,
        Request::Net {} => Command::Net,
        Request::Fingerprint { user } => Command::Fingerprint { user },
        Request::Trust { user } => Command::Trust { user },
        Request::Reconnect {} => Command::Reconnect,
        Request::Help { topic } => Command::Help { topic },
        Request::Quit { farewell } => Command::Quit { farewell: farewell.unwrap_or_default() },
        Request::Ignore { user } => Command::Ignore { user },
        Request::Unignore { user } => Command::Unignore { user },
        Request::Ignored {} => Command::Ignored,
        Request::Nickname { user, nickname } => Command::Nickname { user, nickname },
        Request::AutoAccept { user, accept } => Command::AutoAccept { user, accept },
        Request::Get { id, path } => Command::Get { id, path },
        Request::VerifyFile { id } => Command::VerifyFile { id },
        Request::Server {} => Command::Server,
        Request::Why { user, report } => Command::Why { user, report },
        Request::Ping { user } => Command::Ping { user },
    })
}

fn moment(position_ms: u64) -> Result<u64, String> {
    if position_ms > pin::MAX_POSITION {
        return Err(format!("not a command: position_ms is at most {}", pin::MAX_POSITION));
    }
    Ok(position_ms)
}

/// A moment stands in a line already.
fn film(
    id: Option<u64>,
    line: Option<u64>,
    with: Option<String>,
    position_ms: Option<u64>,
) -> Result<WhichFilm, String> {
    match (id, line, with) {
        (Some(id), None, None) => Ok(WhichFilm::Number(id)),
        (None, Some(line), None) if position_ms.is_none() => Ok(WhichFilm::Line(line)),
        (None, None, chat) => Ok(WhichFilm::Last { chat }),
        (_, Some(_), _) | (Some(_), _, Some(_)) => {
            Err("not a command: either id, or line (without position_ms), or with".to_owned())
        }
    }
}

fn which(id: Option<u64>, user: Option<String>, room: Option<String>) -> Result<Which, String> {
    match (id, user, room) {
        (None, None, None) => Ok(Which::Only),
        (Some(id), None, None) => Ok(Which::File(id)),
        (None, Some(user), None) => Ok(Which::User(user)),
        (None, None, Some(room)) => Ok(Which::Room(room)),
        _ => Err("not a command: one of id, user and room".to_owned()),
    }
}

#[cfg(test)]
mod tests;
