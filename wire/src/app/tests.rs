//! What hostile programs may put into names and texts, as it comes from the network.

use super::framing::{Deframer, FramingError, Message, encode};
use super::name::Name;
use super::room::{
    Access, Backlog, Change, Invitation, Relation, RoomId, RoomName, RoomRequest, RoomSummary,
};
use super::server::{
    Availability, ClientMessage, Notice, Presence, Request, ServerMessage, Status,
};
use super::text;

/// What ends a line or a C string, acts on a terminal, or reorders what stands beside it.
const HOSTILE: [char; 12] = [
    '\0', '\u{7}', '\u{8}', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}',
    '\u{202e}',
];

/// A letter that takes as many bytes.
fn stand_in(c: char) -> char {
    match c.len_utf8() {
        1 => 'q',
        2 => 'ж',
        _ => '世',
    }
}

fn around(c: char) -> String {
    format!("ab{c}cd")
}

/// The message that `build` makes of a text, as its bytes come with `c` in the middle of that text:
/// no program of ours would encode it.
fn received<M: Message>(build: fn(&str) -> M, c: char) -> Result<Option<M>, FramingError> {
    let (text, hostile) = (around(stand_in(c)), around(c));
    let mut bytes = encode(&build(&text));
    let mut count = 0;
    for at in 0..=bytes.len() - text.len() {
        if bytes[at..].starts_with(text.as_bytes()) {
            bytes[at..at + text.len()].copy_from_slice(hostile.as_bytes());
            count += 1;
        }
    }
    assert_eq!(count, 1, "the text stands in it once");
    let mut deframer = Deframer::default();
    deframer.buffer().extend(bytes);
    deframer.next()
}

/// The message with any of [`HOSTILE`] in a name is none, while the same with a letter is one.
fn is_refused<M: Message + core::fmt::Debug>(builds: &[fn(&str) -> M]) {
    for (number, build) in builds.iter().enumerate() {
        for c in HOSTILE {
            assert!(matches!(received(*build, stand_in(c)), Ok(Some(_))), "message {number}");
            let refused = received(*build, c);
            assert!(matches!(refused, Err(FramingError::Malformed)), "{c:?}: {refused:?}");
        }
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn room_name(text: &str) -> RoomName {
    RoomName::new(text).unwrap()
}

fn presence(of: &str, says: &str) -> ServerMessage {
    let status = Status { availability: Availability::Away, text: says.to_owned() };
    let presence = Presence { name: name(of), online: true, since: 0, status };
    ServerMessage::Notice(Notice::PresenceChanged(presence))
}

fn invited(into: &str, about: &str) -> ServerMessage {
    ServerMessage::Notice(Notice::Invited {
        room: RoomSummary {
            id: RoomId([1; 16]),
            name: room_name(into),
            topic: about.to_owned(),
            access: Access::Open,
            version: 1,
            members: 1,
            relation: Relation::None,
        },
    })
}

fn changed(change: Change) -> ServerMessage {
    ServerMessage::Notice(Notice::RoomChanged { room: RoomId([1; 16]), version: 2, change })
}

fn asked(request: Request) -> ClientMessage {
    ClientMessage::Request { id: 1, request }
}

#[test]
fn names_that_act_on_a_terminal_are_no_names() {
    is_refused::<ServerMessage>(&[
        |text| presence(text, ""),
        |text| invited(text, ""),
        |text| ServerMessage::Notice(Notice::CodeUsed { number: 1, by: name(text) }),
        |text| changed(Change::Renamed { name: room_name(text), by: name("bob") }),
        |text| changed(Change::Topic { topic: String::new(), by: name(text) }),
        |text| changed(Change::Invited(Invitation { name: name(text), by: name("bob") })),
    ]);
    is_refused::<ClientMessage>(&[
        |text| asked(Request::RegisterStart { name: name(text), message: vec![1; 32] }),
        |text| asked(Request::LoginStart { name: name(text), message: vec![1; 96] }),
        |text| asked(Request::Introduce(name(text))),
        |text| asked(Request::Room(RoomRequest::Join(room_name(text)))),
        |text| asked(Request::Room(RoomRequest::Rename(RoomId([1; 16]), room_name(text)))),
        |text| {
            asked(Request::Room(RoomRequest::Create {
                id: RoomId([1; 16]),
                name: room_name(text),
                access: Access::Invited,
                backlog: Backlog::Withheld,
                invite: Vec::new(),
            }))
        },
    ]);
}

/// Topics and what people say of themselves are texts: they come as they were sent, and lose what acts on a
/// terminal where they are shown, on one line or on several.
#[test]
fn topics_and_statuses_are_cleaned_where_they_are_shown() {
    let builds: [fn(&str) -> ServerMessage; 3] = [
        |text| presence("bob", text),
        |text| invited("team", text),
        |text| changed(Change::Topic { topic: text.to_owned(), by: name("bob") }),
    ];
    for c in HOSTILE {
        let text = around(c);
        for build in builds {
            assert_eq!(received(build, c), Ok(Some(build(&text))), "as it was sent");
        }
        let acts = |shown: &str| shown.contains(HOSTILE);
        for shown in [text::one_line(&text), text::lines(&text).replace('\n', "")] {
            assert!(shown.starts_with("ab") && shown.ends_with("cd") && !acts(&shown), "{shown:?}");
        }
    }
}
