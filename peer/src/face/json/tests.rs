use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::face::samples;

const DOCUMENT: &str = include_str!("../../../../docs/json.md");

/// The examples in docs/json.md: every line between fences that is an object.
fn examples(heading: &str) -> Vec<&'static str> {
    let (_, rest) =
        DOCUMENT.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let section = rest.split("\n## ").next().unwrap_or_default();
    section.lines().filter(|line| line.starts_with('{')).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn event_name(value: &Value) -> String {
    value["event"].as_str().expect("every event has its name").to_owned()
}

#[test]
fn the_document_shows_every_event_with_all_its_fields() {
    let mut shown: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for example in examples("Events") {
        let value: Value = serde_json::from_str(example).expect(example);
        shown.entry(event_name(&value)).or_default().push(value);
    }
    let samples = samples::outputs("hi");
    for sample in &samples {
        let value: Value = serde_json::from_str(&line(sample)).unwrap();
        let name = event_name(&value);
        let examples = shown.remove(&name).unwrap_or_else(|| panic!("docs/json.md lacks {name}"));
        // The fields of `server` depend on its state.
        let is_meant = |example: &&Value| name != "server" || example["state"] == value["state"];
        let mut meant = examples.iter().filter(is_meant).peekable();
        assert!(meant.peek().is_some(), "no such {name} is shown: {value}");
        for example in meant {
            assert_eq!(keys(example), keys(&value), "fields of {name}");
        }
        for (key, inner) in value.as_object().unwrap() {
            if let Some(first) =
                inner.as_array().and_then(|list| list.first()).filter(|v| v.is_object())
            {
                let mut items = examples.iter().filter_map(|example| example[key].get(0));
                assert!(items.any(|item| keys(item) == keys(first)), "{name}: items of {key}");
            }
        }
    }
    assert!(shown.is_empty(), "docs/json.md tells of events that do not exist: {shown:?}");
}

#[test]
fn the_document_shows_every_command_and_each_is_taken() {
    let commands: Vec<Command> =
        examples("Commands").into_iter().map(|line| parse(line).expect(line)).collect();
    let mut places: Vec<usize> = commands.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, (0..COMMANDS).collect::<Vec<_>>(), "each command of the type is shown");
}

const COMMANDS: usize = 72;

/// The place of a command in the type: a new one does not compile until it stands here.
#[expect(clippy::too_many_lines, reason = "an arm for each command")]
const fn place(command: &Command) -> usize {
    match command {
        Command::Register { .. } => 0,
        Command::Login { .. } => 1,
        Command::Logout => 2,
        Command::Message { .. } => 3,
        Command::Who { .. } => 4,
        Command::Seen { .. } => 5,
        Command::SeenSince { .. } => 6,
        Command::Block { .. } => 7,
        Command::Unblock { .. } => 8,
        Command::Blocked => 9,
        Command::Send { .. } => 10,
        Command::Accept { .. } => 11,
        Command::Decline { .. } => 12,
        Command::Files { .. } => 13,
        Command::Pause { .. } => 14,
        Command::Resume { .. } => 15,
        Command::Cancel { .. } => 16,
        Command::History { .. } => 17,
        Command::Search { .. } => 18,
        Command::Export { .. } => 38,
        Command::Outbox => 19,
        Command::Net => 25,
        Command::Status { .. } => 26,
        Command::Room(RoomCommand::List) => 27,
        Command::Room(RoomCommand::Create { .. }) => 28,
        Command::Room(RoomCommand::Join { .. }) => 29,
        Command::Room(RoomCommand::Leave { .. }) => 30,
        Command::Room(RoomCommand::Members { .. }) => 31,
        Command::Room(RoomCommand::Invite { .. }) => 32,
        Command::Room(RoomCommand::Kick { .. }) => 33,
        Command::Room(RoomCommand::Mute { .. }) => 34,
        Command::Room(RoomCommand::Role { .. }) => 35,
        Command::Room(RoomCommand::Topic { .. }) => 36,
        Command::Room(RoomCommand::Rename { .. }) => 37,
        Command::Fingerprint { .. } => 20,
        Command::Trust { .. } => 21,
        Command::Reconnect => 22,
        Command::Help { .. } => 23,
        Command::Quit { .. } => 24,
        Command::ChangePassword { .. } => 39,
        Command::ExportAccount { .. } => 40,
        Command::ImportAccount { .. } => 41,
        Command::Reply { .. } => 42,
        Command::Edit { .. } => 43,
        Command::Unsend { .. } => 44,
        Command::Notify { .. } => 45,
        Command::Typing { .. } => 46,
        Command::Read { .. } => 47,
        Command::Contacts => 48,
        Command::DeleteAccount { .. } => 49,
        Command::Whois { .. } => 50,
        Command::Code { .. } => 51,
        Command::Chat { .. } => 52,
        Command::Requests => 53,
        Command::Ignore { .. } => 54,
        Command::Unignore { .. } => 55,
        Command::Ignored => 56,
        Command::AutoAccept { .. } => 57,
        Command::Get { .. } => 58,
        Command::VerifyFile { .. } => 59,
        Command::Server => 60,
        Command::Why { .. } => 61,
        Command::Ping { .. } => 62,
        Command::Play { .. } => 63,
        Command::Open { .. } => 64,
        Command::At { .. } => 65,
        Command::Mark { .. } => 66,
        Command::Watch { .. } => 67,
        Command::WatchOff => 68,
        Command::Live { .. } => 69,
        Command::LiveEnd { .. } => 70,
        Command::Nickname { .. } => 71,
    }
}

/// Security acceptance H01, H02: also those who look at JSON on a terminal are safe, and what is
/// read back is what was sent.
#[test]
fn events_are_safe_to_look_at_and_lose_nothing() {
    let hostile = "a\u{1b}[2J\u{9b}1m\r\n\u{202e}\u{7f}\"\\ grüße 世界 \u{e0041}\u{200b}";
    for output in samples::outputs(hostile) {
        let line = line(&output);
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line}");
        assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    }
    let output = Output::Info { text: hostile.to_owned() };
    let value: Value = serde_json::from_str(&line(&output)).unwrap();
    assert_eq!(value["text"], hostile);
    assert!(line(&output).contains("grüße 世界"), "what is harmless stays readable");
}

/// Security acceptance D12.
#[test]
fn an_error_quotes_no_password() {
    for wrong in [
        r#"{"command":"login","name":"a","password":12345}"#,
        r#"{"command":"login","name":"a","password":"12345","#,
        r#"{"command":"login","name":7,"password":"12345"}"#,
    ] {
        assert!(!parse(wrong).unwrap_err().contains("12345"));
    }
    let error = parse(r#"{"command":"message","to":"bob","txt":"x"}"#).unwrap_err();
    assert!(error.contains("txt"), "{error}");
    assert!(parse(r#"{"command":"dance"}"#).unwrap_err().contains("dance"));
}

#[test]
fn the_format_of_an_export_is_said_by_a_field_or_by_the_ending() {
    let parsed = |line: &str| match parse(line) {
        Ok(Command::Export { format, .. }) => Ok(format),
        other => Err(format!("{other:?}")),
    };
    assert_eq!(parsed(r#"{"command":"export","path":"a.txt"}"#), Ok(ExportFormat::Text));
    let named = r#"{"command":"export","path":"a.txt","format":"json"}"#;
    assert_eq!(parsed(named), Ok(ExportFormat::Json));
    assert!(parsed(r#"{"command":"export","path":"a"}"#).unwrap_err().contains(".json"));
}

#[test]
fn a_film_is_named_in_one_way() {
    for wrong in [
        r#"{"command":"play","id":3,"line":41}"#,
        r#"{"command":"play","id":3,"with":"bob"}"#,
        r#"{"command":"play","line":41,"position_ms":754000}"#,
    ] {
        assert!(parse(wrong).unwrap_err().contains("either id, or line"), "{wrong}");
    }
    for late in [
        r#"{"command":"play","position_ms":36000000000}"#,
        r#"{"command":"at","to":"bob","position_ms":36000000000,"text":"x"}"#,
    ] {
        assert!(parse(late).unwrap_err().contains("at most 35999999999"), "{late}");
    }
    let export = r#"{"command":"export","path":"a.txt","id":3}"#;
    assert!(parse(export).unwrap_err().contains("only chapters"));
}

#[test]
fn an_answer_is_for_a_file_a_user_or_a_room() {
    for both in [
        r##""id":3,"user":"bob""##,
        r##""id":3,"room":"#team""##,
        r##""user":"bob","room":"#team""##,
    ] {
        let line = format!("{{\"command\":\"accept\",{both}}}");
        assert!(parse(&line).unwrap_err().contains("one of id, user and room"), "{line}");
    }
    let room = parse(r##"{"command":"decline","room":"#team"}"##);
    assert_eq!(room, Ok(Command::Decline { which: Which::Room("#team".to_owned()) }));
}

#[test]
fn history_is_bounded_and_as_long_as_a_person_gets_when_nothing_is_said() {
    let limit = |text: &str| match parse(text) {
        Ok(Command::History { limit, .. }) => Ok(limit),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let typed = crate::command::parse("/history", &crate::command::Context::default());
    let crate::command::ParsedLine::Command(Command::History { limit: typed, .. }) = typed else {
        panic!("{typed:?}");
    };
    assert_eq!(limit(r#"{"command":"history"}"#), Ok(typed));
    assert_eq!(limit(r#"{"command":"history","limit":10000}"#), Ok(10_000));
    assert_eq!(limit(r#"{"command":"history","since":0}"#), Ok(10_000));
    assert_eq!(limit(r#"{"command":"history","since":0,"limit":5}"#), Ok(5));
    for wrong in ["0", "10001", "4294967295"] {
        let error = limit(&format!(r#"{{"command":"history","limit":{wrong}}}"#)).unwrap_err();
        assert!(error.contains("1 to 10000"), "{error}");
    }
    assert!(DOCUMENT.contains("1 to 10000"));
}
