//! What is told about rooms, in words.

use wire::app::text;

use crate::output::{MemberLine, Output, RoomLine};

/// Longest name or topic shown, in characters.
const MAX_SHORT: usize = 256;

/// Everything about rooms, as lines of the plain face.
pub(super) fn lines(output: &Output) -> Vec<String> {
    if let Output::RoomInvited { room, by, topic, members, .. } = output {
        let (room, by) = (text::excerpt(room, MAX_SHORT), text::excerpt(by, MAX_SHORT));
        let about = about(topic);
        vec![format!(
            "* {by} invites you to {room} ({members} in it){about}; /accept {room} or /decline {room}"
        )]
    } else if let Output::RoomChanged { room, .. } = output {
        vec![format!("* {}: {}", text::excerpt(room, MAX_SHORT), change(output))]
    } else if let Output::Rooms { rooms } = output {
        if rooms.is_empty() {
            return vec!["* no rooms: /create makes one".to_owned()];
        }
        rooms.iter().map(|room| format!("* {}", room_line(room))).collect()
    } else if let Output::Members { room, topic, members } = output {
        let lines = self::members(room, topic, members).into_iter();
        lines.map(|line| format!("* {line}")).collect()
    } else {
        Vec::new()
    }
}

fn about(topic: &str) -> String {
    if topic.is_empty() { String::new() } else { format!(": {}", text::excerpt(topic, MAX_SHORT)) }
}

/// What happened in a room, without the room's name.
pub(super) fn change(output: &Output) -> String {
    let Output::RoomChanged { change, user, by, text, .. } = output else { return String::new() };
    let short = |text: &Option<String>| text::excerpt(text.as_deref().unwrap_or(""), MAX_SHORT);
    let (user, by, text) = (short(user), short(by), short(text));
    match *change {
        "created" => "made, and you own it".to_owned(),
        "entered" | "present" if text.is_empty() => "you are in it".to_owned(),
        "entered" | "present" => format!("you are in it; it is about: {text}"),
        "declined" => "you declined the invitation".to_owned(),
        "joined" => format!("{user} came in"),
        "left" => format!("{user} left"),
        "kicked" => format!("{user} was put out by {by}"),
        "invited" => format!("{user} was invited by {by}"),
        "not-invited" if user == by => format!("{user} declined the invitation"),
        "not-invited" => format!("{by} took back the invitation of {user}"),
        "role" if by.is_empty() => format!("{user} is its {text} now, as the last owner left"),
        "role" => format!("{by} made {user} its {text}"),
        "muted" => format!("{user} was muted by {by}"),
        "unmuted" => format!("{user} may speak again, says {by}"),
        "topic" if text.is_empty() => format!("{by} took the topic away"),
        "topic" => format!("{by} says it is about: {text}"),
        "renamed" => format!("{by} gave it this name; it was {text}"),
        other => other.to_owned(),
    }
}

/// A room in the list of rooms.
pub(super) fn room_line(line: &RoomLine) -> String {
    let relation = match (line.relation, &line.by) {
        ("none", _) => "open: /join comes in".to_owned(),
        ("former", _) => "you were in it: /join comes back".to_owned(),
        ("invited", Some(by)) => {
            format!("{} invites you: /accept or /decline", text::excerpt(by, MAX_SHORT))
        }
        (role, _) => {
            format!("you are its {role}{}", if line.open { "; open to all" } else { "" })
        }
    };
    let topic = about(&line.topic);
    let name = text::excerpt(&line.room, MAX_SHORT);
    let count = match line.members {
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    };
    format!("{name} ({count}; {relation}){topic}")
}

/// The members of a room.
fn members(room: &str, topic: &str, members: &[MemberLine]) -> Vec<String> {
    let topic = if topic.is_empty() {
        "no topic".to_owned()
    } else {
        format!("it is about: {}", text::excerpt(topic, MAX_SHORT))
    };
    let mut lines = vec![format!("{}: {topic}", text::excerpt(room, MAX_SHORT))];
    lines.extend(members.iter().map(|member| {
        let name = text::excerpt(&member.user, MAX_SHORT);
        let role = match (member.role, &member.invited_by) {
            (Some("member"), _) => String::new(),
            (Some(role), _) => format!(", {role}"),
            (None, Some(by)) => format!(", invited by {}", text::excerpt(by, MAX_SHORT)),
            (None, None) => String::new(),
        };
        let muted = if member.muted { ", muted" } else { "" };
        let online = if member.online { "online" } else { "not online" };
        format!("{name}: {online}{role}{muted}")
    }));
    lines
}
