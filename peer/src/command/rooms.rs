//! Commands about rooms.

use wire::app::name::Name;
use wire::app::room::{Access, Backlog, Role, RoomName};

use super::help::Verb;
use super::words::Words;
use super::{Command, Context, ParsedLine, Usage, Window, user};

/// What somebody wants with rooms. Names as typed; of rooms with or without the `#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomCommand {
    /// Which there are.
    List,
    /// Make one.
    Create {
        /// Its name.
        room: String,
        /// Who may come in.
        access: Access,
        /// What newcomers are given.
        backlog: Backlog,
        /// Whom to invite.
        invite: Vec<String>,
    },
    /// Come in.
    Join {
        /// Where.
        room: String,
    },
    /// Leave it, or decline the invitation to it.
    Leave {
        /// Which.
        room: String,
    },
    /// Who is in it.
    Members {
        /// In which.
        room: String,
    },
    /// Let somebody come in.
    Invite {
        /// Where.
        room: String,
        /// Whom.
        user: String,
    },
    /// Put somebody out.
    Kick {
        /// Of which.
        room: String,
        /// Whom.
        user: String,
    },
    /// Let somebody not speak, or let him again.
    Mute {
        /// Where.
        room: String,
        /// Whom.
        user: String,
        /// Not.
        muted: bool,
    },
    /// Give somebody a role.
    Role {
        /// Where.
        room: String,
        /// Whom.
        user: String,
        /// Which.
        role: Role,
    },
    /// Say what it is about; `None` shows it.
    Topic {
        /// Which.
        room: String,
        /// What.
        topic: Option<String>,
    },
    /// Call it otherwise.
    Rename {
        /// Which.
        room: String,
        /// How.
        name: String,
    },
}

/// The one spelling of what stands for a conversation: a user's name, or `#` and a room's.
///
/// # Errors
/// A text for the person.
pub fn chat_name(typed: &str) -> Result<String, String> {
    match typed.strip_prefix('#') {
        Some(room) => match RoomName::new(room) {
            Ok(name) => Ok(format!("#{name}")),
            Err(error) => Err(format!("'{typed}' is no room: {error}.")),
        },
        None => match Name::new(typed) {
            Ok(name) => Ok(name.to_string()),
            Err(error) => Err(format!("'{typed}' is no user name: {error}.")),
        },
    }
}

/// `/say room text`.
pub(super) fn say(mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let room = words.bare().ok_or(Usage)?;
    let room = format!("#{}", room.strip_prefix('#').unwrap_or(room));
    Ok(said_in(room, words))
}

/// `/all text`.
pub(super) fn all(words: Words<'_>) -> Result<ParsedLine, Usage> {
    Ok(said_in(format!("#{}", RoomName::lobby()), words))
}

fn said_in(to: String, words: Words<'_>) -> ParsedLine {
    let text = words.rest().to_owned();
    if text.trim().is_empty() {
        return ParsedLine::Window(Window::Open(to));
    }
    ParsedLine::Command(Command::Message { to, text })
}

/// `/create room [--open] [--history|--no-history] [user...]`.
pub(super) fn create(mut words: Words<'_>) -> Result<RoomCommand, Usage> {
    let room = words.next()?.ok_or(Usage)?;
    let (mut access, mut backlog, mut invite) = (Access::Invited, None, Vec::new());
    while let Some(word) = words.next()? {
        match word.as_str() {
            "--open" => access = Access::Open,
            "--history" => backlog = Some(Backlog::Shared),
            "--no-history" => backlog = Some(Backlog::Withheld),
            option if option.starts_with("--") => return Err(Usage),
            _ => invite.push(user(word)),
        }
    }
    // What anybody may come and hear, anybody may read later.
    let usual = match access {
        Access::Open => Backlog::Shared,
        Access::Invited => Backlog::Withheld,
    };
    Ok(RoomCommand::Create { room, access, backlog: backlog.unwrap_or(usual), invite })
}

/// `/leave [room]`; in a chat with a user, the window goes.
pub(super) fn leave(words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let room = match words.at_most_one()? {
        Some(room) => room,
        None => match &context.chat {
            Some(chat) if chat.starts_with('#') => chat.clone(),
            Some(_) | None => return Ok(ParsedLine::Window(Window::Close)),
        },
    };
    Ok(ParsedLine::Command(Command::Room(RoomCommand::Leave { room })))
}

/// A command about one room that one is in.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has chosen these")]
pub(super) fn about_one(verb: Verb, words: Words<'_>, context: &Context) -> Result<Command, Usage> {
    Ok(match verb {
        Verb::Members => {
            let (room, words) = room_of(words, context)?;
            words.none(Command::Room(RoomCommand::Members { room }))?
        }
        Verb::Topic => topic(words, context)?,
        Verb::Invite => member(words, context, |room, user| RoomCommand::Invite { room, user })?,
        Verb::Kick => member(words, context, |room, user| RoomCommand::Kick { room, user })?,
        Verb::Mute => mute(words, context, true)?,
        Verb::Unmute => mute(words, context, false)?,
        Verb::Op => role(words, context, Role::Operator)?,
        Verb::Deop => role(words, context, Role::Member)?,
        Verb::Owner => role(words, context, Role::Owner)?,
        _ => return Err(Usage),
    })
}

/// What is to be known beside the usage when nobody has said in which room: none is open.
pub(super) fn lacks_room(verb: Verb, arguments: &str, context: &Context) -> Option<&'static str> {
    let is_about_one = matches!(
        verb,
        Verb::Members
            | Verb::Topic
            | Verb::Invite
            | Verb::Kick
            | Verb::Mute
            | Verb::Unmute
            | Verb::Op
            | Verb::Deop
            | Verb::Owner
    );
    let is_said = arguments.trim_start().starts_with('#');
    let is_open = context.chat.as_ref().is_some_and(|chat| chat.starts_with('#'));
    (is_about_one && !is_said && !is_open).then_some("\nNo room is open here: say which one.")
}

/// The room whose name, with its `#`, is the first word; else the open one.
fn room_of<'a>(mut words: Words<'a>, context: &Context) -> Result<(String, Words<'a>), Usage> {
    let room = match words.peek() {
        Some(word) if word.starts_with('#') => words.next()?,
        _ => context.chat.clone().filter(|chat| chat.starts_with('#')),
    };
    Ok((room.ok_or(Usage)?, words))
}

/// A room gets another name: `[#ROOM] NAME`. A user gets one for the person alone: `NAME [NICKNAME]`. In a
/// room one word is the room's new name, unless `@` stands before it.
pub(super) fn rename(mut words: Words<'_>, context: &Context) -> Result<Command, Usage> {
    let is_in_room = context.chat.as_ref().is_some_and(|chat| chat.starts_with('#'));
    let first = words.peek().ok_or(Usage)?;
    let is_alone = words.is_one();
    if first.starts_with('#') || (is_in_room && is_alone && !first.starts_with('@')) {
        return member(words, context, |room, name| RoomCommand::Rename { room, name });
    }
    let named = user(words.next()?.ok_or(Usage)?);
    let nickname = Some(words.rest().trim_end()).filter(|rest| !rest.is_empty());
    Ok(Command::Nickname { user: named, nickname: nickname.map(str::to_owned) })
}

/// A command about one member of a room.
fn member(
    words: Words<'_>,
    context: &Context,
    command: impl FnOnce(String, String) -> RoomCommand,
) -> Result<Command, Usage> {
    let (room, words) = room_of(words, context)?;
    Ok(Command::Room(command(room, user(words.only()?))))
}

fn mute(words: Words<'_>, context: &Context, muted: bool) -> Result<Command, Usage> {
    member(words, context, |room, user| RoomCommand::Mute { room, user, muted })
}

fn role(words: Words<'_>, context: &Context, role: Role) -> Result<Command, Usage> {
    member(words, context, |room, user| RoomCommand::Role { room, user, role })
}

fn topic(words: Words<'_>, context: &Context) -> Result<Command, Usage> {
    let (room, words) = room_of(words, context)?;
    let topic = words.rest().trim().to_owned();
    Ok(Command::Room(RoomCommand::Topic { room, topic: Some(topic).filter(|t| !t.is_empty()) }))
}
