use super::*;
use crate::face::samples;
use crate::output::{PinLine, RequestLine};

fn style(reader: Reader) -> Style {
    let local_time = |ms| format!("T{ms}");
    Style { reader, colour: Colour::Off, width: None, draws: false, local_time }
}

fn lines(face: &mut Plain, now: u64, output: &Output) -> Vec<String> {
    let now = Instant::from_micros(now * 1000);
    face.show(now, output)
        .into_iter()
        .map(|line| match line {
            Line::Text(text) => text,
            Line::Progress(text) => format!("~{text}"),
        })
        .collect()
}

fn shown(output: &Output) -> String {
    lines(&mut Plain::new(style(Reader::Program)), 0, output).join("\n")
}

/// The wording that docs/scripting.md promises.
#[test]
#[expect(clippy::too_many_lines, reason = "a line for each output")]
fn every_kind_has_its_stable_line() {
    let texts: Vec<String> = samples::outputs("hi").iter().map(shown).collect();
    let print = "0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567";
    let other = "fedc ba98 7654 3210 fedc ba98 7654 3210 fedc ba98";
    let hash = "00".repeat(32);
    let half = "01234 56789 01234 56789 01234 56789";
    let card = "  | said to be 12:34, 1920x1080, H.264 + AAC, 8.10 Mbit/s, plays while it arrives\n  | \
                takes about 1m20, and can be watched at once";
    let expected = [
        "* ready: alice, server chat.example:5000".to_owned(),
        "! server: hi; trying again by itself; /reconnect tries now".to_owned(),
        format!(
            "* first contact with chat.example:5000: its fingerprint is {print}. It is \
             remembered; a server with another one will be refused."
        ),
        "! not logged in: hi".to_owned(),
        "* logged in as alice\n! 2 failed attempts to log in as you since the last time\n* your \
         session elsewhere was ended by this one\n* greeting of the server:\n  | hi"
            .to_owned(),
        "* logged out: hi".to_owned(),
        "* bob is away (hi)".to_owned(),
        "* bob (hi): online since T1767225600000".to_owned(),
        "* you block mallory".to_owned(),
        "* bob answers line 40 by the next one\n<bob> [12:34 hi] hi".to_owned(),
        "* message 7 to bob: queued (hi)".to_owned(),
        "! not sent to bob: hi".to_owned(),
        "* link to bob: direct 192.0.2.7:6000, 23 ms\n* bob leaves: hi".to_owned(),
        format!(
            "# file 3 from bob: \"hi\" (100 MB, hi) blake3 {hash} offered; /accept 3 or /decline 3\n{card}"
        ),
        "# file 3 from bob: \"hi\" running 45 % of 100 MB, 8.10 MB/s, 12 s left, LAN: hi".to_owned(),
        format!("# file 3 from bob: \"hi\" (100 MB) offered\n{card}"),
        "[T1767225600000, line 41, answers line 40, edited] <bob> [12:34 hi] hi".to_owned(),
        "* edit 7 to bob of T1767225600000, stored, hi: [12:34 hi] hi".to_owned(),
        format!(
            "* fingerprint of bob: {print}\n* safety number with bob (not verified):\n  \
             | {half}\n  | {half}\n! this key is not accepted: bob showed another one before, \
             {other}\n* bob must see the same number: compare it over another channel, then /trust \
             bob"
        ),
        format!(
            "! bob shows another identity than before: {other} instead of {print}. Either bob made \
             a new account, or somebody else poses as bob. You had verified the former one, so \
             nothing is sent until you have compared (/fingerprint bob) and typed /trust bob."
        ),
        "* hi".to_owned(),
        "* hi".to_owned(),
        "! hi".to_owned(),
        "* bob at 192.0.2.7:6000: 23 ms, 8.10 MB/s, 1.20 MB sent, 24.0 kB again, 21 of 1000 datagrams \
         lost, of 1472 bytes at most, window 64.0 kB"
            .to_owned(),
        // Whoever typed it sees it already.
        String::new(),
        "* lines exported: 1234, to hi".to_owned(),
        "* bob invites you to #team (3 in it): hi; /accept #team or /decline #team".to_owned(),
        "* #team: bob says it is about: hi".to_owned(),
        "* #team (3 members; you are its owner): hi".to_owned(),
        "* #team: it is about: hi\n* bob: online".to_owned(),
        format!("* the key of bob is verified: {print}"),
        "* auto-accept = hi (typed)".to_owned(),
        "* bob edited line 41: [12:34 hi] hi".to_owned(),
        "* notify bob: off".to_owned(),
        // What is over in seconds is no line that stays.
        String::new(),
        "* the account alice is deleted: at the server nothing of it is left, and its keys are gone \
         from this machine. What was said and received stays here: the history in hi, until you \
         remove that folder, and files where they are."
            .to_owned(),
        format!(
            "* bob (Bob from work): online since T1767225600000, away (hi)\n*   key {other}, another one than before: \
             {print}\n*   direct link to 192.0.2.7:6000, 23 ms\n*   in rooms with you: #side, #team"
        ),
        "* code 412-velvet-exotic: say it to the one whom you want to add, who types '/code \
         412-velvet-exotic' within 10 minutes. It is good for one try, while you stay logged in."
            .to_owned(),
        "! the code 412 with bob is over: hi".to_owned(),
        "* bob asks to talk with you: \"hi\" (and offers a file, \"hi\"); /accept bob, /decline bob or \
         /block bob"
            .to_owned(),
        "* bob is accepted: you can talk".to_owned(),
        "* bob asks to talk with you: \"hi\" (and offers a file, \"hi\"); messages held: 2, since \
         T1767225600000\n# file 3 from bob: \"hi\" running 45 % of 100 MB, 8.10 MB/s, 12 s left, LAN\n\
         * #team (3 members; bob invites you: /accept or /decline): hi"
            .to_owned(),
        "* bob has not accepted you yet: what you write waits there".to_owned(),
        "* you ignore mallory".to_owned(),
        "* autoaccept bob: up to 2.00 GB".to_owned(),
        "* bob answers after 23 ms".to_owned(),
        "* bob:\n  | hi".to_owned(),
        "# file 3 from bob: \"hi\" plays from 12:34 on at \
         http://127.0.0.1:40123/00112233445566778899aabbccddeeff/clip.mp4: 45 % is here, the rest in about \
         12 s; a film that lasts longer plays without a stop"
            .to_owned(),
        "# file 3 from bob: \"hi\" is at hi".to_owned(),
        "# watching \"hi\" (3): all wait for carol at 12:34".to_owned(),
        "* you call bob \"hi\" now, for yourself alone".to_owned(),
    ];
    for (text, expected) in texts.iter().zip(&expected) {
        assert_eq!(text, expected);
    }
    assert_eq!(texts.len(), expected.len());
    let contacts = Output::Users { query: "contacts".into(), users: Vec::new() };
    assert_eq!(shown(&contacts), "* nobody yet: /msg NAME writes to somebody");
}

#[test]
fn a_request_says_how_it_is_answered() {
    let request = |text: Option<&str>, file: Option<&str>| {
        let (user, text, file) =
            ("bob".to_owned(), text.map(str::to_owned), file.map(str::to_owned));
        shown(&Output::Request { request: RequestLine { user, at: 1, text, messages: 0, file } })
    };
    let answers = "; /accept bob, /decline bob or /block bob";
    for (told, beginning) in [
        (request(None, None), "* bob asks to talk with you"),
        (request(Some("a \"b\""), None), "* bob asks to talk with you: \"a \\\"b\\\"\""),
        (request(None, Some("x")), "* bob asks to talk with you and offers a file, \"x\""),
    ] {
        assert_eq!(told, format!("{beginning}{answers}"));
    }
    let over = |answer| shown(&Output::RequestOver { user: "bob".to_owned(), answer });
    assert_eq!(over("declined"), "* bob is declined, and can ask again in a day");
    assert!(over("expired").starts_with("* the request of bob has expired"));
    assert_eq!(over("blocked"), "", "a block tells itself");
    let asked = |state| shown(&Output::Asked { user: "bob".to_owned(), state });
    assert_eq!(asked("accepted"), "* bob accepts: you can talk");
    assert_eq!(asked("declined"), "* bob declines to talk with you");
    assert_eq!(asked("expired"), "* bob has not answered: your request has expired");
    let nothing = Output::Requests { requests: Vec::new(), files: Vec::new(), rooms: Vec::new() };
    assert_eq!(shown(&nothing), "* nothing waits for an answer");
}

const HOSTILE: &str =
    "x\u{1b}[2J\u{9b}31m\r\n* bob is online\n<bob> paid\n\u{202e}! gone\u{7f}\n# file";

/// Security acceptance H01, H02, H04: nothing but our own line breaks, whatever the text.
#[test]
fn no_control_character_of_others_is_shown() {
    for output in samples::outputs(HOSTILE) {
        for reader in [Reader::Person, Reader::Program] {
            let mut face = Plain::new(style(reader));
            let text = lines(&mut face, 0, &output).join("\n");
            let is_hazard = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(is_hazard), "{text:?}");
        }
    }
}

/// Security acceptance H05: a row begins with a mark only when the line is ours.
#[test]
fn no_text_of_others_begins_a_row() {
    let marks = ["* ", "! ", "# ", "[", "<"];
    for (output, quiet) in samples::outputs(HOSTILE).iter().zip(samples::outputs("hi")) {
        for width in [None, Some(20), Some(80)] {
            let begins = |output: &Output| {
                let mut face = Plain::new(Style { width, ..style(Reader::Program) });
                let text = lines(&mut face, 0, output).join("\n");
                let rows = text.lines().filter(|row| marks.iter().any(|m| row.starts_with(m)));
                rows.count()
            };
            assert_eq!(begins(output), begins(&quiet), "{output:?}");
        }
    }
}

#[test]
fn a_code_is_drawn_where_the_screen_has_room_for_it() {
    let output = samples::outputs("hi").remove(samples::FINGERPRINT);
    let rows = |draws, width| {
        let mut face = Plain::new(Style { draws, width, ..style(Reader::Program) });
        let text = lines(&mut face, 0, &output).join("\n");
        text.lines().filter(|row| row.contains('▄')).map(crate::face::wrap::cells).collect()
    };
    let drawn: Vec<usize> = rows(true, Some(42));
    assert!(drawn.len() > 10 && drawn.iter().all(|cells| *cells == 41), "{drawn:?}");
    for (draws, width) in [(true, Some(41)), (false, Some(80)), (false, None)] {
        assert_eq!(rows(draws, width), [0_usize; 0], "{draws} {width:?}");
    }
}

#[test]
fn a_long_text_is_broken_before_the_edge_of_the_screen() {
    let pad = format!("hello{}* bob is online", " ".repeat(33));
    let output = Output::Message {
        from: "eve".into(),
        room: None,
        text: pad,
        sent: 0,
        at: 0,
        gap: false,
        line: 1,
        reply_to: None,
        edited: false,
        pin: None,
        notify: true,
    };
    let mut face = Plain::new(Style { width: Some(40), ..style(Reader::Person) });
    let text = lines(&mut face, 0, &output).join("\n");
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows.len() > 1 && rows[1..].iter().all(|row| row.starts_with(GUTTER)), "{rows:?}");
    let cells = |row: &&str| crate::face::wrap::cells(row) < 40;
    assert!(rows.iter().all(cells), "{rows:?}");
    let wide = Output::Message {
        from: "eve".into(),
        room: None,
        text: "界".repeat(500),
        sent: 0,
        at: 0,
        gap: false,
        line: 1,
        reply_to: None,
        edited: false,
        pin: None,
        notify: true,
    };
    assert!(lines(&mut face, 0, &wide).join("\n").lines().all(|row| cells(&row)));
}

/// The name of a film is somebody else's text too, and never begins a row.
#[test]
fn a_comment_on_a_film_stands_behind_its_moment() {
    let pin = |name: &str| {
        Some(PinLine {
            id: None,
            name: name.into(),
            blake3: "00".repeat(32),
            position_ms: 3_754_500,
        })
    };
    let message = |name, text: &str| Output::Message {
        from: "bob".into(),
        room: Some("#team".into()),
        text: text.into(),
        sent: 0,
        at: 0,
        gap: false,
        line: 1,
        reply_to: None,
        edited: false,
        pin: pin(name),
        notify: true,
    };
    assert_eq!(shown(&message("film.mp4", "look")), "<#team bob> [1:02:34 film.mp4] look");
    let hostile = shown(&message("x] \u{1b}[2J\n! y", "/me looks\n! there"));
    assert_eq!(hostile, "<#team bob> [1:02:34 x] ␛[2J\n  | ! y] /me looks\n  | ! there");
    let (with, from, text) = ("bob".into(), "bob".into(), Some("there".into()));
    let (change, id, line, at) = ("edited", None, 41, 0);
    let changed = Output::Changed { with, from, change, id, line, text, pin: pin("a"), at };
    assert_eq!(shown(&changed), "* bob edited line 41: [1:02:34 a] there");
}

#[test]
fn a_file_name_cannot_close_its_quotes() {
    let name = "a\" (1 B) complete: \"/etc\\".to_owned();
    let file = FileLine { name, ..samples::file_line() };
    let text = shown(&Output::File { file });
    assert!(text.contains(r#""a\" (1 B) complete: \"/etc\\" running"#), "{text}");
}

/// All of a folder is one line; its files are told of where they are asked for.
#[test]
fn a_folder_has_one_line() {
    let folder = samples::folder_line();
    let text = shown(&Output::File { file: folder.clone() });
    let running = "# folder 3 from bob: \"holiday\" running 45 % of 100 MB, 5 of 12 files, 8.10 MB/s, 12 s left, LAN";
    assert_eq!(text, running);
    let path = Some("/d/holiday".to_owned());
    let complete = FileLine { path, state: "complete", files_done: Some(12), ..folder.clone() };
    let text = shown(&Output::File { file: complete });
    assert_eq!(text, "# folder 3 from bob: \"holiday\" (12 files, 100 MB) complete: /d/holiday");
    let name = "a/b\u{1b}[2J".to_owned();
    let part = FileLine { id: 4, name, folder: Some(3), ..samples::file_line() };
    let mut face = Plain::new(style(Reader::Program));
    assert!(lines(&mut face, 0, &Output::File { file: part.clone() }).is_empty());
    let files = lines(&mut face, 0, &Output::Files { of: Some(3), files: vec![folder, part] });
    assert_eq!(files[0], running);
    assert!(files[1].starts_with("# file 4 from bob: \"a/b␛[2J\" running 45 %"), "{files:?}");
    let offer = Output::FileOffer {
        id: 3,
        from: "bob".into(),
        room: None,
        name: "\u{1b}holiday".into(),
        size: Some(10),
        media_type: "nothing".into(),
        blake3: None,
        files: Some(1),
        media: None,
        eta: Some(80),
        wait: None,
        notify: true,
    };
    let offered = "# folder 3 from bob: \"␛holiday\" (1 file, 10 B) offered; /accept 3 or /decline 3\n  \
                   | takes about 1m20";
    assert_eq!(shown(&offer), offered);
}

#[test]
fn what_grows_has_no_size_and_no_end() {
    let grows =
        |state, done| FileLine { size: None, eta: None, state, done, ..samples::file_line() };
    let line = |state, done| shown(&Output::File { file: grows(state, done) });
    assert_eq!(line("offered", 0), "# file 3 from bob: \"clip.mp4\" (live) offered");
    let running = "# file 3 from bob: \"clip.mp4\" running live 34.0 MB, 8.10 MB/s, LAN";
    assert_eq!(line("running", 34_000_000), running);
    let offer = Output::FileOffer {
        id: 3,
        from: "bob".into(),
        room: None,
        name: "cam.mkv".into(),
        size: None,
        media_type: "video/matroska".into(),
        blake3: None,
        files: None,
        media: None,
        eta: None,
        wait: None,
        notify: true,
    };
    let offered =
        "# file 3 from bob: \"cam.mkv\" (live, video/matroska) offered; /accept 3 or /decline 3";
    assert_eq!(shown(&offer), offered);
    let mut face = Plain::new(style(Reader::Person));
    let at = |done| Output::File { file: grows("running", done) };
    lines(&mut face, 0, &at(1));
    assert_eq!(lines(&mut face, 300, &at(34_000_000)), ["~# 3 ↓ bob live 34.0 MB 8.10 MB/s"]);
}

#[test]
fn colour_is_ours_and_covers_no_message() {
    let mut face = Plain::new(Style { colour: Colour::On, ..style(Reader::Person) });
    let message = Output::Message {
        from: "bob".into(),
        room: None,
        text: "hi".into(),
        sent: 0,
        at: 0,
        gap: false,
        line: 1,
        reply_to: None,
        edited: false,
        pin: None,
        notify: true,
    };
    assert_eq!(lines(&mut face, 0, &message), ["\u{1b}[1;32m<bob>\u{1b}[0m hi"]);
    let error = Output::Error { text: "no".into() };
    assert_eq!(lines(&mut face, 0, &error), ["\u{1b}[31m! no\u{1b}[0m"]);
}

#[test]
fn a_person_hears_of_a_message_only_when_it_waits_or_fails() {
    let state = |state, reason: Option<&str>| Output::MessageState {
        to: "bob".into(),
        id: 7,
        state,
        reason: reason.map(str::to_owned),
    };
    let mut face = Plain::new(style(Reader::Person));
    assert!(lines(&mut face, 0, &state("queued", None)).is_empty());
    assert!(lines(&mut face, 0, &state("delivered", None)).is_empty());
    let waits = state("queued", Some("bob is offline"));
    assert_eq!(lines(&mut face, 0, &waits), ["* message 7 to bob: queued (bob is offline)"]);
    assert!(lines(&mut face, 0, &waits).is_empty(), "told once");
    assert_eq!(lines(&mut face, 0, &state("delivered", None)), ["* message 7 to bob: delivered"]);
    assert_eq!(lines(&mut face, 0, &state("failed", None)), ["! message 7 to bob: failed"]);
    let mut face = Plain::new(style(Reader::Program));
    assert_eq!(lines(&mut face, 0, &state("queued", None)).len(), 1);
    assert_eq!(lines(&mut face, 0, &state("delivered", None)).len(), 1);
}

#[test]
fn the_countdown_moves_for_a_person_and_is_told_once_to_a_program() {
    let waiting = |seconds| Output::Server {
        state: ServerState::Waiting { seconds, reason: "no answer".into() },
    };
    let mut face = Plain::new(style(Reader::Person));
    assert_eq!(lines(&mut face, 0, &waiting(3)).len(), 1);
    assert_eq!(lines(&mut face, 1000, &waiting(2)), ["~* server: next try in 2 s"]);
    let mut face = Plain::new(style(Reader::Program));
    assert_eq!(lines(&mut face, 0, &waiting(3)).len(), 1);
    let connecting = Output::Server { state: ServerState::Connecting };
    assert!(lines(&mut face, 1000, &waiting(2)).is_empty());
    assert!(lines(&mut face, 3000, &connecting).is_empty());
    let connected = Output::Server { state: ServerState::Connected };
    assert_eq!(lines(&mut face, 3100, &connected), ["* server: connected"]);
    assert_eq!(lines(&mut face, 9000, &connecting), ["* server: connecting"]);
}

#[test]
fn the_progress_of_a_file_is_drawn_for_a_person_and_told_to_a_program() {
    let at = |done| Output::File { file: FileLine { done, ..samples::file_line() } };
    let mut face = Plain::new(style(Reader::Person));
    assert!(lines(&mut face, 0, &at(1))[0].starts_with("# file 3"));
    assert!(lines(&mut face, 300, &at(2_000_000))[0].starts_with("~# 3 ↓ bob 2 %"));
    let mut face = Plain::new(style(Reader::Program));
    assert!(lines(&mut face, 0, &at(1))[0].starts_with("# file 3"));
    assert!(lines(&mut face, 300, &at(2_000_000)).is_empty());
}

#[test]
fn a_late_message_and_a_gap_are_marked() {
    let output = Output::Message {
        from: "bob".into(),
        room: None,
        text: "hi".into(),
        sent: 1000,
        at: 1000 + LATE,
        gap: true,
        line: 1,
        reply_to: None,
        edited: false,
        pin: None,
        notify: true,
    };
    let expected = "! messages from bob before the next one are missing\n* bob wrote the next one at T1000\n<bob> hi";
    assert_eq!(shown(&output), expected);
}

/// Since when somebody is away is not known: the time is that of his coming.
#[test]
fn a_list_tells_when_somebody_came_and_then_what_he_says() {
    for (status, text, expected) in [
        (Availability::Here, "", "* bob: online since T7000"),
        (Availability::Here, "cutting", "* bob: online since T7000 (cutting)"),
        (Availability::Away, "", "* bob: online since T7000, away"),
        (Availability::Busy, "phone", "* bob: online since T7000, busy (phone)"),
    ] {
        let text = text.to_owned();
        let users = vec![UserLine {
            user: "bob".into(),
            nickname: None,
            online: true,
            since: 7,
            status,
            text,
            verified: false,
        }];
        assert_eq!(shown(&Output::Users { query: "who".into(), users }), expected);
    }
}

/// Security acceptance J08: what a server says of times is no reason to end.
#[test]
fn any_time_of_a_server_can_be_shown() {
    for online in [true, false] {
        let (status, text) = (Availability::Here, String::new());
        let users = vec![UserLine {
            user: "bob".into(),
            nickname: None,
            online,
            since: u64::MAX,
            status,
            text,
            verified: false,
        }];
        let output = Output::Users { query: "who".into(), users };
        assert!(shown(&output).ends_with(&format!(" T{}", u64::MAX)));
    }
}

/// It looks like no notice of the program's own.
#[test]
fn what_somebody_does_is_told_as_such() {
    let message = |room: Option<&str>| Output::Message {
        from: "bob".into(),
        room: room.map(str::to_owned),
        text: "/me waves\n* and is online".into(),
        sent: 0,
        at: 0,
        gap: false,
        line: 1,
        reply_to: None,
        edited: false,
        pin: None,
        notify: true,
    };
    assert_eq!(shown(&message(None)), "<* bob> waves\n  | * and is online");
    assert_eq!(shown(&message(Some("#team"))), "<* #team bob> waves\n  | * and is online");
    let line = HistoryLine {
        line: 41,
        with: "bob".into(),
        id: None,
        from: "bob".into(),
        at: 5,
        text: "/me waves".into(),
        state: "received",
        reason: None,
        reply_to: None,
        edited: false,
        taken_back: false,
        pin: None,
    };
    let history = |lines| shown(&Output::History { query: "history bob".into(), lines });
    assert_eq!(history(vec![line.clone()]), "[T5, line 41] <* bob> waves");
    let gone = HistoryLine { taken_back: true, text: String::new(), ..line };
    assert_eq!(history(vec![gone]), "[T5, line 41] <bob> (taken back)");
}

#[test]
fn changes_of_others_are_notices_that_no_text_can_fake() {
    let changed = |from: &str, change, text: Option<&str>| Output::Changed {
        with: "bob".into(),
        from: from.into(),
        change,
        id: (from == "alice").then_some(8),
        line: 41,
        text: text.map(str::to_owned),
        pin: None,
        at: 1000,
    };
    let edited = changed("bob", "edited", Some("at six\n* bob took line 7 back"));
    assert_eq!(shown(&edited), "* bob edited line 41: at six\n  | * bob took line 7 back");
    assert_eq!(shown(&changed("bob", "taken-back", None)), "* bob took line 41 back");
    assert_eq!(shown(&changed("alice", "edited", Some("x"))), "", "whoever typed it knows");
    let mut in_room = changed("bob", "edited", Some("at six"));
    if let Output::Changed { with, .. } = &mut in_room {
        *with = "#team".into();
    }
    assert_eq!(shown(&in_room), "* #team bob edited line 41: at six");
    let answer = Output::Message {
        from: "bob".into(),
        room: None,
        text: "yes".into(),
        sent: 1000,
        at: 1000,
        gap: false,
        line: 42,
        reply_to: Some(41),
        edited: true,
        pin: None,
        notify: true,
    };
    let expected = "* bob answers line 41 by the next one\n\
                    * bob edited the next one, which had not come before\n<bob> yes";
    assert_eq!(shown(&answer), expected);
    let mut to_nothing = answer.clone();
    if let Output::Message { reply_to, edited, .. } = &mut to_nothing {
        (*reply_to, *edited) = (Some(NOT_HERE), false);
    }
    assert_eq!(shown(&to_nothing), "* bob answers by the next one what is not here\n<bob> yes");
    // Of what was shown before, it is told what it says now.
    let mut face = Plain::new(style(Reader::Program));
    for output in [&answer_in_line(41), &in_room] {
        lines(&mut face, 0, output);
    }
    let told = lines(&mut face, 0, &answer);
    assert_eq!(told[0], "* bob answers line 41 by the next one (bob: at six)");
}

fn answer_in_line(line: u64) -> Output {
    let (from, room, text) = ("bob".to_owned(), Some("#team".to_owned()), "at fife".to_owned());
    let (sent, at, gap, reply_to, edited, pin, notify) = (1, 1, false, None, false, None, false);
    Output::Message { from, room, text, sent, at, gap, line, reply_to, edited, pin, notify }
}

/// What `/reply`, `/edit` and `/unsend` are to be told stands in the history.
#[test]
fn lines_of_a_history_have_their_numbers() {
    let line = HistoryLine {
        line: 42,
        with: "bob".into(),
        id: Some(7),
        from: "alice".into(),
        at: 1000,
        text: "yes".into(),
        state: "delivered",
        reason: None,
        reply_to: Some(41),
        edited: true,
        taken_back: false,
        pin: None,
    };
    let history = |line: &HistoryLine| {
        shown(&Output::History { query: "history bob".into(), lines: vec![line.clone()] })
    };
    let own = "[T1000 to bob, delivered, message 7, line 42, answers line 41, edited] <alice> yes";
    assert_eq!(history(&line), own);
    let gone = HistoryLine {
        id: None,
        from: "bob".into(),
        state: "received",
        reply_to: None,
        edited: false,
        taken_back: true,
        pin: None,
        ..line.clone()
    };
    assert_eq!(history(&gone), "[T1000, line 42] <bob> (taken back)");
    let in_room = HistoryLine { with: "#team".into(), ..gone };
    assert_eq!(history(&in_room), "[T1000, line 42] <#team bob> (taken back)");
    let to_nothing = HistoryLine { reply_to: Some(NOT_HERE), ..line };
    let told = "message 7, line 42, answers what is not here, edited] <alice> yes";
    assert!(history(&to_nothing).ends_with(told), "{}", history(&to_nothing));
}
