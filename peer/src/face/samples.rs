//! One of every [`Output`], for the tests of the faces and of their documentation.

use wire::app::server::Availability;

use crate::output::{
    AutoAcceptLine, ConnectionLine, FileLine, HeldUp, HistoryLine, MediaLine, MemberLine,
    NotifyLine, OutboxLine, Output, PinLine, RequestLine, RoomLine, ServerState, SettingLine,
    UserLine, WhyFigures,
};
use crate::work::{AutoAccept, Calls, Direction};

const PRINT: &str = "0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567";
const OTHER_PRINT: &str = "fedc ba98 7654 3210 fedc ba98 7654 3210 fedc ba98";

/// The place of the fingerprint of another user.
pub(crate) const FINGERPRINT: usize = 18;

pub(crate) fn file_line() -> FileLine {
    FileLine {
        id: 3,
        direction: Direction::Receiving,
        with: "bob".to_owned(),
        room: None,
        name: "clip.mp4".to_owned(),
        folder: None,
        files: None,
        files_done: None,
        size: Some(100_000_000),
        done: 45_000_000,
        rate: 8_100_000,
        eta: Some(12),
        wait: None,
        media: None,
        state: "running",
        paused_by: None,
        link: Some("LAN"),
        path: None,
        reason: None,
    }
}

/// A film that is offered.
pub(crate) fn film_line() -> FileLine {
    let media = Some(media_line());
    FileLine { state: "offered", done: 0, eta: Some(80), wait: Some(0), media, ..file_line() }
}

/// What is said of it.
pub(crate) fn media_line() -> MediaLine {
    MediaLine {
        container: "MP4",
        duration_ms: Some(754_000),
        width: Some(1920),
        height: Some(1080),
        video: Some("H.264"),
        audio: Some("AAC"),
        bitrate: Some(8_100_000),
        index: "front",
        claimed: true,
    }
}

/// The offer of a film.
pub(crate) fn offer(foreign: &str) -> Output {
    Output::FileOffer {
        id: 3,
        from: "bob".to_owned(),
        room: None,
        name: foreign.to_owned(),
        size: Some(100_000_000),
        media_type: foreign.to_owned(),
        blake3: Some("00".repeat(32)),
        files: None,
        media: Some(media_line()),
        eta: Some(80),
        wait: Some(0),
        notify: true,
    }
}

/// A folder, half of which is there.
pub(crate) fn folder_line() -> FileLine {
    let (name, path) = ("holiday".to_owned(), None);
    FileLine { name, path, files: Some(12), files_done: Some(5), ..file_line() }
}

/// One of every kind, in the order of the type, with `foreign` for every text that comes from
/// somebody else.
pub(crate) fn outputs(foreign: &str) -> Vec<Output> {
    let text = || foreign.to_owned();
    let bob = || "bob".to_owned();
    let mut outputs = vec![
        Output::Ready { user: Some("alice".to_owned()), server: "chat.example:5000".to_owned() },
        Output::Server { state: ServerState::Waiting { seconds: 3, reason: text() } },
        Output::ServerFingerprint {
            server: "chat.example:5000".to_owned(),
            fingerprint: PRINT.to_owned(),
        },
        Output::LoginNeeded { reason: Some(text()) },
        Output::LoggedIn {
            user: "alice".to_owned(),
            motd: text(),
            failed_attempts: 2,
            took_over: true,
            new_account: false,
        },
        Output::LoggedOut { reason: text() },
        Output::Presence { user: bob(), online: true, status: Availability::Away, text: text() },
        Output::Users {
            query: "who".to_owned(),
            users: vec![UserLine {
                user: bob(),
                nickname: Some(text()),
                online: true,
                since: 1_767_225_600,
                status: Availability::Here,
                text: String::new(),
                verified: true,
            }],
        },
        Output::Blocked { users: vec!["mallory".to_owned()] },
        Output::Message {
            from: bob(),
            room: None,
            text: text(),
            sent: 1_767_225_600_000,
            at: 1_767_225_600_250,
            gap: false,
            line: 41,
            reply_to: Some(40),
            edited: false,
            pin: Some(pin_line(foreign)),
            notify: true,
        },
        Output::MessageState { to: bob(), id: 7, state: "queued", reason: Some(text()) },
        Output::NotSent { to: bob(), reason: text() },
        Output::Link {
            user: bob(),
            state: "direct",
            lan: false,
            address: Some("192.0.2.7:6000".to_owned()),
            rtt_ms: Some(23),
            farewell: Some(text()),
        },
        offer(foreign),
    ];
    outputs.extend(answers(foreign));
    outputs.extend(more(foreign));
    outputs
}

fn answers(foreign: &str) -> Vec<Output> {
    let text = || foreign.to_owned();
    let number = ["01234 56789"; 6].join(" ");
    let bob = || "bob".to_owned();
    vec![
        Output::File { file: FileLine { name: text(), reason: Some(text()), ..file_line() } },
        Output::Files { of: Some(3), files: vec![FileLine { name: text(), ..film_line() }] },
        Output::History {
            query: "bob".to_owned(),
            lines: vec![HistoryLine {
                line: 41,
                with: bob(),
                id: None,
                from: bob(),
                at: 1_767_225_600_000,
                text: text(),
                state: "received",
                reason: None,
                reply_to: Some(40),
                edited: true,
                taken_back: false,
                pin: Some(pin_line(foreign)),
            }],
        },
        Output::Outbox {
            messages: vec![OutboxLine {
                to: bob(),
                id: 7,
                at: 1_767_225_600_000,
                kind: "edit",
                text: text(),
                state: "stored",
                reason: Some(text()),
                pin: Some(pin_line(foreign)),
            }],
        },
        Output::Fingerprint {
            of: bob(),
            fingerprint: PRINT.to_owned(),
            safety_number: Some(number.clone()),
            qr: Some(format!("tincan alice bob {number}")),
            verified: Some(false),
            former: Some(OTHER_PRINT.to_owned()),
        },
        Output::IdentityChanged {
            user: bob(),
            old: PRINT.to_owned(),
            new: OTHER_PRINT.to_owned(),
            held: true,
        },
        Output::Help { text: text() },
        Output::Info { text: text() },
        Output::Error { text: text() },
        Output::Net {
            connections: vec![ConnectionLine {
                path: "direct",
                lan: false,
                user: Some(bob()),
                address: "192.0.2.7:6000".to_owned(),
                rtt_ms: Some(23),
                lag_ms: Some(4),
                datagram: 1472,
                window: 64_000,
                rate: 8_100_000,
                datagrams_sent: 1000,
                datagrams_lost: 21,
                bytes_sent: 1_200_000,
                bytes_sent_again: 24_000,
            }],
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "one of each")]
fn more(foreign: &str) -> Vec<Output> {
    let text = || foreign.to_owned();
    let bob = || "bob".to_owned();
    vec![
        Output::Kept {
            to: bob(),
            id: 7,
            text: text(),
            at: 1_767_225_600_000,
            line: 42,
            reply_to: None,
            pin: Some(pin_line(foreign)),
        },
        Output::Export { path: text(), lines: Some(1234), reason: None },
        Output::RoomInvited {
            room: "#team".to_owned(),
            by: bob(),
            topic: text(),
            members: 3,
            notify: true,
        },
        Output::RoomChanged {
            room: "#team".to_owned(),
            change: "topic",
            user: None,
            by: Some(bob()),
            text: Some(text()),
        },
        Output::Rooms { rooms: vec![room_line("owner", foreign)] },
        Output::Members {
            room: "#team".to_owned(),
            topic: text(),
            members: vec![MemberLine {
                user: bob(),
                role: Some("member"),
                muted: false,
                online: true,
                invited_by: None,
            }],
        },
        Output::Trusted { user: bob(), fingerprint: PRINT.to_owned() },
        Output::Settings {
            settings: vec![SettingLine {
                name: "auto-accept".to_owned(),
                value: Some(text()),
                from: Some("typed"),
            }],
        },
        Output::Changed {
            with: bob(),
            from: bob(),
            change: "edited",
            id: None,
            line: 41,
            text: Some(text()),
            pin: Some(pin_line(foreign)),
            at: 1_767_225_600_000,
        },
        Output::Notify { chats: vec![NotifyLine { chat: bob(), calls: Calls::Off, usual: false }] },
        Output::Typing { user: bob() },
        Output::AccountDeleted { user: "alice".to_owned(), kept: Some(text()) },
        Output::Whois {
            user: bob(),
            nickname: Some("Bob from work".to_owned()),
            online: Some(true),
            since: 1_767_225_600,
            status: Availability::Away,
            text: text(),
            key: "changed",
            fingerprint: Some(OTHER_PRINT.to_owned()),
            former: Some(PRINT.to_owned()),
            blocked: false,
            ignored: false,
            path: Some("direct"),
            lan: false,
            address: Some("192.0.2.7:6000".to_owned()),
            rtt_ms: Some(23),
            rooms: vec!["#side".to_owned(), "#team".to_owned()],
        },
        Output::Code { code: "412-velvet-exotic".to_owned(), seconds: 600 },
        Output::CodeOver {
            number: 412,
            user: Some(bob()),
            fingerprint: None,
            reason: Some(text()),
        },
        Output::Request { request: request_line(foreign) },
        Output::RequestOver { user: bob(), answer: "accepted" },
        Output::Requests {
            requests: vec![request_line(foreign)],
            files: vec![FileLine { name: text(), ..file_line() }],
            rooms: vec![room_line("invited", foreign)],
        },
        Output::Asked { user: bob(), state: "waiting" },
        Output::Ignored { users: vec!["mallory".to_owned()] },
        Output::AutoAccept {
            users: vec![AutoAcceptLine { user: bob(), accept: AutoAccept::UpTo(2_000_000_000) }],
            usual: None,
        },
        Output::Ping { user: bob(), rtt_ms: Some(23), reason: None },
        Output::Why {
            user: Some(bob()),
            lines: vec![text()],
            figures: Box::new(WhyFigures {
                path: Some("direct"),
                lan: false,
                nat_here: "none",
                nat_there: "endpoint-independent",
                received_ms: Some(300),
                sent_ms: Some(100),
                heard_ms: Some(200),
                held_up: vec![HeldUp { id: 3, by: "path" }],
            }),
        },
        Output::Play {
            url: "http://127.0.0.1:40123/00112233445566778899aabbccddeeff/clip.mp4".to_owned(),
            position_ms: Some(754_000),
            file: FileLine { name: text(), ..file_line() },
        },
        Output::Open {
            file: FileLine { name: text(), path: Some(text()), state: "complete", ..file_line() },
        },
        Output::Watch {
            id: 3,
            name: text(),
            change: "waiting",
            user: Some(bob()),
            position_ms: Some(754_000),
            with: vec![bob(), "carol".to_owned()],
            waits: vec!["carol".to_owned()],
            reason: Some(text()),
            notify: true,
        },
        Output::Nickname { user: bob(), nickname: Some(text()) },
    ]
}

fn pin_line(foreign: &str) -> PinLine {
    let (name, blake3) = (foreign.to_owned(), "00".repeat(32));
    PinLine { id: Some(3), name, blake3, position_ms: 754_000 }
}

fn room_line(relation: &'static str, topic: &str) -> RoomLine {
    RoomLine {
        room: "#team".to_owned(),
        topic: topic.to_owned(),
        open: false,
        members: 3,
        relation,
        by: (relation == "invited").then(|| "bob".to_owned()),
    }
}

fn request_line(foreign: &str) -> RequestLine {
    RequestLine {
        user: "bob".to_owned(),
        at: 1_767_225_600_000,
        text: Some(foreign.to_owned()),
        messages: 2,
        file: Some(foreign.to_owned()),
    }
}

/// The place of a kind in the type. A new kind does not compile until it stands here, and then
/// [`outputs`] must have it too.
pub(crate) const fn index(output: &Output) -> usize {
    match output {
        Output::Ready { .. } => 0,
        Output::Server { .. } => 1,
        Output::ServerFingerprint { .. } => 2,
        Output::LoginNeeded { .. } => 3,
        Output::LoggedIn { .. } => 4,
        Output::LoggedOut { .. } => 5,
        Output::Presence { .. } => 6,
        Output::Users { .. } => 7,
        Output::Blocked { .. } => 8,
        Output::Message { .. } => 9,
        Output::MessageState { .. } => 10,
        Output::NotSent { .. } => 11,
        Output::Link { .. } => 12,
        Output::FileOffer { .. } => 13,
        Output::File { .. } => 14,
        Output::Files { .. } => 15,
        Output::History { .. } => 16,
        Output::Outbox { .. } => 17,
        Output::Fingerprint { .. } => 18,
        Output::IdentityChanged { .. } => 19,
        Output::Help { .. } => 20,
        Output::Info { .. } => 21,
        Output::Error { .. } => 22,
        Output::Net { .. } => 23,
        Output::Kept { .. } => 24,
        Output::RoomInvited { .. } => 26,
        Output::RoomChanged { .. } => 27,
        Output::Rooms { .. } => 28,
        Output::Members { .. } => 29,
        Output::Export { .. } => 25,
        Output::Trusted { .. } => 30,
        Output::Settings { .. } => 31,
        Output::Changed { .. } => 32,
        Output::Notify { .. } => 33,
        Output::Typing { .. } => 34,
        Output::AccountDeleted { .. } => 35,
        Output::Whois { .. } => 36,
        Output::Code { .. } => 37,
        Output::CodeOver { .. } => 38,
        Output::Request { .. } => 39,
        Output::RequestOver { .. } => 40,
        Output::Requests { .. } => 41,
        Output::Asked { .. } => 42,
        Output::Ignored { .. } => 43,
        Output::AutoAccept { .. } => 44,
        Output::Ping { .. } => 45,
        Output::Why { .. } => 46,
        Output::Play { .. } => 47,
        Output::Open { .. } => 48,
        Output::Watch { .. } => 49,
        Output::Nickname { .. } => 50,
    }
}

#[test]
fn there_is_one_of_every_kind() {
    for (place, output) in outputs("x").iter().enumerate() {
        assert_eq!(index(output), place, "{output:?}");
    }
    assert_eq!(outputs("x").len(), 51);
}
