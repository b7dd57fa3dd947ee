use super::*;
use crate::command::Which;
use crate::face::plain::{Colour, Reader, Style};
use crate::face::samples;
use crate::output::{FileLine, RequestLine};
use crate::shell::config::Config;
use crate::shell::player::{Showing, What};
use crate::shell::preferences::tests::preferences;
use crate::work::Direction;
use wire::app::peer::TransferId;
use wire::time::Duration;

const ZERO: Instant = Instant::ZERO;

fn desk(giver: Giver, credentials: Option<Credentials>) -> Desk {
    let style = Style {
        reader: Reader::Program,
        colour: Colour::Off,
        width: None,
        draws: false,
        local_time: |_| "T".into(),
    };
    let face = Face::Plain(Plain::new(style));
    Desk::new(face, giver, credentials, None, preferences(&[], ""))
}

fn json_desk() -> Desk {
    Desk::new(Face::Json, Giver::Script, None, None, preferences(&[], ""))
}

fn by_file(purpose: Purpose) -> Option<Credentials> {
    Some(Credentials { purpose, name: "Alice".into(), file: Some(PathBuf::from("pw")) })
}

/// What is to be done, but for what is only shown; commands and questions as text.
fn deeds(todo: Vec<Do>) -> Vec<String> {
    let deed = |item| match item {
        Do::Command(command) => Some(format!("{command:?}")),
        Do::LogIn(purpose, name, file) => Some(format!("{purpose:?} {name} by {}", file.display())),
        Do::Ask(ask) => Some(format!("ask {ask:?}")),
        Do::Write(..) => None,
        Do::Quit(exit) => Some(format!("quit {exit:?}")),
        Do::Show(_) => None,
        Do::Window(window) => Some(format!("window {window:?}")),
        Do::Change(_) => Some("change".to_owned()),
        Do::Save { file, changes } => Some(format!("save {changes:?} in {}", file.display())),
        Do::Reload(file) => Some(format!("reload {file:?}")),
        Do::Start(launch) => Some(format!("start {launch:?}")),
    };
    todo.into_iter().filter_map(deed).collect()
}

fn tell(desk: &mut Desk, output: &Output) -> Vec<String> {
    deeds(desk.on_output(ZERO, output))
}

fn type_line(desk: &mut Desk, line: &str) -> Vec<String> {
    deeds(desk.on_typed(ZERO, Typed::Line(line.to_owned())))
}

fn ready(user: Option<&str>) -> Output {
    Output::Ready { user: user.map(str::to_owned), server: "h:1".into() }
}

fn needed(reason: Option<&str>) -> Output {
    Output::LoginNeeded { reason: reason.map(str::to_owned) }
}

fn logged_in() -> Output {
    Output::LoggedIn {
        user: "alice".into(),
        motd: String::new(),
        failed_attempts: 0,
        took_over: false,
        new_account: false,
    }
}

fn server(state: ServerState) -> Output {
    Output::Server { state }
}

fn away() -> Output {
    server(ServerState::Waiting { seconds: 1, reason: "no answer".into() })
}

const ASK: &str = "ask Line(\"> \")";

#[test]
fn a_person_is_led_to_the_menu_and_then_to_the_prompt() {
    let mut desk = desk(Giver::Person, None);
    assert!(tell(&mut desk, &ready(None)).is_empty());
    assert_eq!(tell(&mut desk, &needed(None)), ["ask Menu"]);
    assert!(tell(&mut desk, &server(ServerState::Connected)).is_empty(), "asked once");
    let password = wire::Secret::new("pw".to_owned());
    let typed = Typed::Credentials { purpose: Purpose::Login, name: "alice".into(), password };
    let todo = desk.on_typed(ZERO, typed);
    assert!(
        matches!(todo.as_slice(), [Do::Command(Command::Login { name, .. })] if name == "alice")
    );
    assert_eq!(tell(&mut desk, &needed(Some("wrong"))), ["ask Menu"]);
    let password = wire::Secret::new("pw".to_owned());
    let typed = Typed::Credentials { purpose: Purpose::Register, name: "a".into(), password };
    assert_eq!(desk.on_typed(ZERO, typed).len(), 1);
    assert_eq!(tell(&mut desk, &logged_in()), [ASK]);
}

#[test]
fn the_prompt_names_the_chat_and_plain_lines_go_there() {
    let mut desk = desk(Giver::Person, None);
    tell(&mut desk, &logged_in());
    assert_eq!(type_line(&mut desk, "/msg bob"), ["ask Line(\"bob> \")"]);
    let sent = type_line(&mut desk, "hello");
    assert_eq!(
        sent[0],
        format!("{:?}", Command::Message { to: "bob".into(), text: "hello".into() })
    );
    assert_eq!(type_line(&mut desk, "/logout"), ["Logout"], "what comes next is not known yet");
    assert!(tell(&mut desk, &Output::LoggedOut { reason: "you logged out".into() }).is_empty());
    assert_eq!(tell(&mut desk, &needed(None)), ["ask Menu"]);
}

#[test]
fn a_session_that_ends_by_itself_leads_to_the_menu_after_the_next_line() {
    let mut desk = desk(Giver::Person, None);
    tell(&mut desk, &logged_in());
    tell(&mut desk, &Output::LoggedOut { reason: "logged in elsewhere".into() });
    assert!(tell(&mut desk, &needed(Some("logged in elsewhere"))).is_empty());
    assert_eq!(type_line(&mut desk, ""), ["ask Menu"]);
}

#[test]
fn an_account_on_the_command_line_logs_in_once() {
    let mut desk = desk(Giver::Script, by_file(Purpose::Register));
    assert!(tell(&mut desk, &ready(None)).is_empty());
    assert_eq!(tell(&mut desk, &needed(None)), ["Register Alice by pw"]);
    assert_eq!(tell(&mut desk, &needed(Some("taken"))), ["quit LoginFailed"]);
    assert_eq!(desk.exit(), Some(Exit::LoginFailed));
}

#[test]
fn the_account_of_the_folder_needs_no_password_and_another_one_does() {
    let mut same = desk(Giver::Script, by_file(Purpose::Login));
    assert!(tell(&mut same, &ready(Some("alice"))).is_empty());
    assert_eq!(tell(&mut same, &logged_in()), [ASK]);
    assert_eq!(tell(&mut same, &needed(None)), [""; 0], "it is not used again after a logout");
    let mut unknown = desk(Giver::Script, by_file(Purpose::Login));
    tell(&mut unknown, &ready(Some("alice")));
    let reason = Some("the server does not know this account or device");
    assert_eq!(tell(&mut unknown, &needed(reason)), ["Login Alice by pw"]);
    let mut other = desk(Giver::Script, by_file(Purpose::Login));
    assert_eq!(tell(&mut other, &ready(Some("bob"))), ["Login Alice by pw"]);
    let without = Credentials { purpose: Purpose::Login, name: "alice".into(), file: None };
    let mut script = desk(Giver::Script, Some(without.clone()));
    assert_eq!(tell(&mut script, &ready(Some("bob"))), ["quit LoginFailed"]);
    let mut person = desk(Giver::Person, Some(without));
    let asked = tell(&mut person, &ready(Some("bob")));
    assert_eq!(asked, ["ask Credentials(Login, Some(\"alice\"))"]);
}

#[test]
fn a_script_waits_for_the_login_but_not_for_ever_for_the_server() {
    let mut desk = desk(Giver::Script, by_file(Purpose::Login));
    tell(&mut desk, &ready(None));
    tell(&mut desk, &needed(None));
    assert!(tell(&mut desk, &server(ServerState::Connecting)).is_empty());
    assert_eq!(tell(&mut desk, &away()), [ASK]);
    assert!(deeds(desk.on_typed(ZERO, Typed::End)).is_empty(), "the login may still come");
    let late = desk.deadline().unwrap();
    assert_eq!(deeds(desk.on_deadline(late)), ["quit NoServer"]);
    assert_eq!(desk.deadline(), None);
}

#[test]
fn the_end_of_input_waits_for_what_was_asked() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    type_line(&mut desk, "@bob hi");
    assert!(deeds(desk.on_typed(ZERO, Typed::End)).is_empty());
    let state = |state| Output::MessageState { to: "bob".into(), id: 1, state, reason: None };
    assert!(tell(&mut desk, &state("queued")).is_empty());
    assert_eq!(tell(&mut desk, &state("delivered")), ["quit Done"]);
}

#[test]
fn the_end_of_input_without_anything_open_is_the_end() {
    let mut script = desk(Giver::Script, None);
    tell(&mut script, &logged_in());
    assert_eq!(deeds(script.on_typed(ZERO, Typed::End)), ["quit Done"]);
    let mut refused = desk(Giver::Script, None);
    tell(&mut refused, &logged_in());
    type_line(&mut refused, "@nobody hi");
    tell(&mut refused, &Output::NotSent { to: "nobody".into(), reason: "because".into() });
    assert_eq!(deeds(refused.on_typed(ZERO, Typed::End)), ["quit Done"]);
}

/// A change is delivered as a message is; what was taken back before it was sent is over.
#[test]
fn the_end_of_input_waits_for_changes() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    let state = |id, state| Output::MessageState { to: "bob".into(), id, state, reason: None };
    type_line(&mut desk, "/msg bob");
    type_line(&mut desk, "hi");
    tell(&mut desk, &state(1, "queued"));
    type_line(&mut desk, "/edit hello");
    assert!(deeds(desk.on_typed(ZERO, Typed::End)).is_empty());
    tell(&mut desk, &state(2, "queued"));
    assert!(tell(&mut desk, &state(1, "delivered")).is_empty());
    assert_eq!(tell(&mut desk, &state(2, "delivered")), ["quit Done"]);
}

#[test]
fn the_end_of_input_does_not_wait_for_what_was_taken_back() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    let state = |state| Output::MessageState { to: "bob".into(), id: 1, state, reason: None };
    type_line(&mut desk, "/msg bob");
    type_line(&mut desk, "hi");
    tell(&mut desk, &state("queued"));
    type_line(&mut desk, "/unsend");
    assert!(deeds(desk.on_typed(ZERO, Typed::End)).is_empty());
    assert!(tell(&mut desk, &state("taken-back")).is_empty());
    let withdrawn = Output::Changed {
        with: "bob".into(),
        from: "alice".into(),
        change: "withdrawn",
        id: None,
        line: 1,
        text: None,
        pin: None,
        at: 0,
    };
    assert_eq!(tell(&mut desk, &withdrawn), ["quit Done"]);
}

/// Neither an error about another line nor the end of an older message is about this one, which
/// is still on its way to the database.
#[test]
fn the_end_of_input_waits_for_a_message_whatever_else_happens() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    type_line(&mut desk, "@bob hi");
    type_line(&mut desk, "/accept");
    tell(&mut desk, &Output::Error { text: "No file is offered.".into() });
    let state = |id, state| Output::MessageState { to: "bob".into(), id, state, reason: None };
    tell(&mut desk, &state(1, "delivered"));
    assert!(deeds(desk.on_typed(ZERO, Typed::End)).is_empty());
    assert!(tell(&mut desk, &state(2, "queued")).is_empty());
    assert_eq!(tell(&mut desk, &state(2, "delivered")), ["quit Done"]);
}

/// What was offered to one account is no question to the next.
#[test]
fn offers_end_with_the_account() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    let offer = Output::FileOffer {
        room: None,
        id: 1,
        from: "bob".into(),
        name: "x".into(),
        size: Some(1),
        media_type: String::new(),
        blake3: None,
        files: None,
        media: None,
        eta: None,
        wait: None,
        notify: true,
    };
    tell(&mut desk, &offer);
    tell(&mut desk, &needed(None));
    tell(&mut desk, &logged_in());
    type_line(&mut desk, "/msg carol");
    let yes = Command::Message { to: "carol".into(), text: "yes".into() };
    assert_eq!(type_line(&mut desk, "yes")[0], format!("{yes:?}"));
}

#[test]
fn a_plain_answer_is_for_what_was_waiting_when_it_was_typed() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    let request = |user: &str| Output::Request {
        request: RequestLine { user: user.to_owned(), at: 1, text: None, messages: 0, file: None },
    };
    tell(&mut desk, &request("bob"));
    let yes = Command::Accept { which: Which::User("bob".to_owned()) };
    assert_eq!(type_line(&mut desk, "yes")[0], format!("{yes:?}"));
    tell(&mut desk, &request("carol"));
    assert!(!type_line(&mut desk, "yes").iter().any(|deed| deed.contains("Accept")), "two ask");
    tell(&mut desk, &Output::RequestOver { user: "bob".to_owned(), answer: "accepted" });
    let no = Command::Decline { which: Which::User("carol".to_owned()) };
    assert_eq!(type_line(&mut desk, "no")[0], format!("{no:?}"));
}

#[test]
fn a_chat_is_opened_and_asked_for() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    let ask = Command::Chat { user: "bob".to_owned() };
    assert_eq!(type_line(&mut desk, "/chat bob")[0], format!("{ask:?}"));
    let says = Command::Message { to: "bob".into(), text: "hello".into() };
    assert_eq!(type_line(&mut desk, "hello")[0], format!("{says:?}"));
}

#[test]
fn what_is_left_after_the_linger_is_queued() {
    let mut desk = desk(Giver::Script, None);
    tell(&mut desk, &logged_in());
    let sending = Output::File {
        file: FileLine { direction: Direction::Sending, state: "offered", ..samples::file_line() },
    };
    tell(&mut desk, &sending);
    assert!(deeds(desk.on_typed(ZERO, Typed::End)).is_empty());
    let first = desk.deadline().unwrap();
    let later = ZERO + Duration::from_secs(10);
    desk.on_output(later, &sending);
    assert_eq!(desk.deadline(), Some(first + Duration::from_secs(10)), "something moved");
    assert!(deeds(desk.on_deadline(first)).is_empty());
    assert_eq!(deeds(desk.on_deadline(first + Duration::from_secs(10))), ["quit Queued"]);
}

#[test]
fn json_takes_objects_and_typed_commands() {
    let mut desk = json_desk();
    assert_eq!(tell(&mut desk, &needed(None)), [ASK]);
    assert_eq!(type_line(&mut desk, r#"{"command":"who"}"#), ["Who { filter: None }", ASK]);
    assert_eq!(type_line(&mut desk, "/who"), ["Who { filter: None }", ASK]);
    for wrong in ["hello", r#"{"command":"dance"}"#, "/dance"] {
        let todo = desk.on_typed(ZERO, Typed::Line(wrong.into()));
        let [Do::Write(Stream::Out, Line::Text(text)), Do::Ask(_)] = todo.as_slice() else {
            panic!("{wrong}: {todo:?}");
        };
        assert!(text.starts_with(r#"{"event":"error""#), "{text}");
    }
    assert_eq!(type_line(&mut desk, r#"{"command":"quit"}"#), ["quit Done"]);
}

#[test]
fn a_task_needs_an_account() {
    use crate::face::oneshot::Task;
    let task = OneShot::new(ZERO, Task::Fingerprint { user: None }, None);
    let mut desk = desk(Giver::Task(task), None);
    tell(&mut desk, &ready(None));
    assert_eq!(tell(&mut desk, &needed(None)), ["quit LoginFailed"]);
}

/// Where that is switched on; a program says itself what was read.
#[test]
fn what_a_person_has_before_him_as_lines_he_has_read() {
    let message = |room: Option<&str>| Output::Message {
        from: "bob".into(),
        room: room.map(str::to_owned),
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
    let changed = |from: &str| Output::Changed {
        with: "bob".into(),
        from: from.into(),
        change: "taken-back",
        id: None,
        line: 1,
        text: None,
        pin: None,
        at: 0,
    };
    let read = format!("{:?}", Command::Read { from: "bob".into(), line: None });
    for (giver, config, has_read) in [
        (Giver::Person, "read-marks = \"on\"", true),
        (Giver::Person, "", false),
        (Giver::Script, "read-marks = \"on\"", false),
    ] {
        let mut desk = Desk { preferences: preferences(&[], config), ..desk(giver, None) };
        tell(&mut desk, &logged_in());
        assert_eq!(tell(&mut desk, &message(None)).contains(&read), has_read, "{config}");
        assert_eq!(tell(&mut desk, &changed("bob")).contains(&read), has_read, "{config}");
        assert!(tell(&mut desk, &changed("alice")).is_empty(), "his own");
        assert!(tell(&mut desk, &message(Some("#team"))).is_empty(), "rooms are not told");
    }
}

#[test]
fn ctrl_c_leaves_at_the_second_time() {
    let mut desk = desk(Giver::Person, None);
    tell(&mut desk, &logged_in());
    assert_eq!(deeds(desk.on_typed(ZERO, Typed::Interrupt)), [ASK]);
    type_line(&mut desk, "");
    assert_eq!(deeds(desk.on_typed(ZERO, Typed::Interrupt)), [ASK]);
    assert_eq!(deeds(desk.on_typed(ZERO, Typed::Interrupt)), ["quit Done"]);
}

#[test]
fn a_person_is_told_what_leaving_interrupts() {
    let mut desk = desk(Giver::Person, None);
    tell(&mut desk, &logged_in());
    let running = Output::File { file: samples::file_line() };
    tell(&mut desk, &running);
    assert_eq!(type_line(&mut desk, "/quit"), [ASK]);
    assert_eq!(type_line(&mut desk, "/who"), ["Who { filter: None }", ASK]);
    assert_eq!(deeds(desk.on_typed(ZERO, Typed::End)), [ASK], "told again");
    assert_eq!(type_line(&mut desk, "/quit"), ["quit Done"]);
}

/// A farewell is what was said when he was asked, or is when he answers; not what he gave up long ago.
#[test]
fn a_farewell_need_not_be_repeated() {
    for (lines, farewell) in [
        (&["/quit bye", "/quit"][..], "bye"),
        (&["/quit bye", "/quit until tomorrow"], "until tomorrow"),
        (&["/quit bye", "/who", "/quit", "/quit"], ""),
    ] {
        let mut desk = desk(Giver::Person, None);
        tell(&mut desk, &logged_in());
        tell(&mut desk, &Output::File { file: samples::file_line() });
        let last = lines.iter().map(|line| type_line(&mut desk, line)).last();
        assert_eq!(last.unwrap(), ["quit Done"]);
        assert_eq!(desk.farewell(), farewell, "{lines:?}");
    }
}

#[test]
fn the_full_screen_says_in_which_window_a_line_was_typed() {
    let mut desk = Desk::new(Face::Full, Giver::Person, None, None, preferences(&[], ""));
    tell(&mut desk, &ready(Some("alice")));
    assert_eq!(tell(&mut desk, &logged_in()), [ASK]);
    let mut typed = |window: Option<&str>, line: &str| {
        deeds(desk.on_typed(ZERO, Typed::InWindow(window.map(str::to_owned), line.to_owned())))
    };
    let message = |to: &str| format!("Message {{ to: \"{to}\", text: \"hi\" }}");
    assert_eq!(typed(Some("bob"), "hi"), [message("bob"), ASK.replace("> ", "bob> ")]);
    assert_eq!(typed(Some("carol"), "hi")[0], message("carol"));
    assert_eq!(typed(None, "hi"), [ASK], "to nobody: an error is shown");
    assert_eq!(typed(None, "/msg bob")[0], "window Open(\"bob\")");
    assert_eq!(typed(Some("bob"), "/close")[0], "window Close");
}

/// A session can end while a line is being typed.
#[test]
fn the_full_screen_asks_for_a_login_at_once() {
    let mut desk = Desk::new(Face::Full, Giver::Person, None, None, preferences(&[], ""));
    tell(&mut desk, &ready(Some("alice")));
    assert_eq!(tell(&mut desk, &logged_in()), [ASK]);
    assert_eq!(tell(&mut desk, &needed(Some("taken over"))), ["ask Menu"]);
}

#[test]
fn without_windows_a_chat_is_left_and_changed() {
    let mut desk = desk(Giver::Person, None);
    tell(&mut desk, &ready(Some("alice")));
    tell(&mut desk, &logged_in());
    assert_eq!(type_line(&mut desk, "/buffer bob"), ["ask Line(\"bob> \")"]);
    assert_eq!(type_line(&mut desk, "/buffer 2"), ["ask Line(\"bob> \")"], "an error is shown");
    assert_eq!(type_line(&mut desk, "/clear"), ["ask Line(\"bob> \")"]);
    assert_eq!(type_line(&mut desk, "/close"), [ASK]);
}

/// However long it takes and however little it says meanwhile.
#[test]
fn a_script_waits_for_what_it_exports() {
    let export = "/export all a.txt";
    let told = Output::Export { path: "a.txt".into(), lines: Some(1), reason: None };
    let mut script = desk(Giver::Script, None);
    tell(&mut script, &ready(Some("alice")));
    tell(&mut script, &logged_in());
    assert_eq!(type_line(&mut script, export).len(), 2, "the command, and the next line");
    assert!(deeds(script.on_typed(ZERO, Typed::End)).is_empty());
    assert_eq!(script.deadline(), None);
    assert!(deeds(script.on_deadline(ZERO + Duration::from_secs(100))).is_empty());
    assert_eq!(tell(&mut script, &told), ["quit Done"]);

    let mut person = desk(Giver::Person, None);
    tell(&mut person, &ready(Some("alice")));
    tell(&mut person, &logged_in());
    type_line(&mut person, export);
    assert_eq!(type_line(&mut person, "/quit"), [ASK], "warned first");
    assert_eq!(type_line(&mut person, "/quit"), ["quit Done"]);
}

#[test]
fn what_a_command_needs_is_asked_of_a_person_only() {
    let mut person = desk(Giver::Person, None);
    tell(&mut person, &ready(Some("alice")));
    assert_eq!(tell(&mut person, &logged_in()), [ASK]);
    assert_eq!(type_line(&mut person, "/passwd"), ["ask Secrets(ChangePassword)"]);
    let [old, new] = ["one", "two"].map(|text| wire::Secret::new(text.to_owned()));
    let typed = Typed::Command(Command::ChangePassword { old, new });
    let given = "ChangePassword { old: Secret(..), new: Secret(..) }";
    assert_eq!(deeds(person.on_typed(ZERO, typed)), [given, ASK]);
    type_line(&mut person, "/passwd");
    assert_eq!(deeds(person.on_typed(ZERO, Typed::Cancelled)), [ASK]);

    for mut other in [desk(Giver::Script, None), json_desk()] {
        tell(&mut other, &ready(Some("alice")));
        tell(&mut other, &logged_in());
        let todo = other.on_typed(ZERO, Typed::Line("/passwd".to_owned()));
        let told = format!("{todo:?}");
        assert!(told.contains("no terminal to ask"), "{told}");
        assert_eq!(deeds(todo), [ASK]);
    }
}

/// The texts that are written.
fn written(todo: &[Do]) -> String {
    let text = |item: &Do| {
        if let Do::Write(_, Line::Text(text)) = item { Some(format!("{text}\n")) } else { None }
    };
    todo.iter().filter_map(text).collect()
}

fn ready_script() -> Desk {
    let mut script = desk(Giver::Script, None);
    tell(&mut script, &ready(Some("alice")));
    tell(&mut script, &logged_in());
    script
}

#[test]
fn settings_are_shown_changed_saved_and_read_again() {
    let mut script = ready_script();
    let mut typed = |line: &str| script.on_typed(ZERO, Typed::Line(line.to_owned()));
    assert_eq!(written(&typed("/set linger")), "* linger = 30 (default)\n");
    let todo = typed("/set auto-accept 500M");
    assert_eq!(written(&todo), "* auto-accept = 500M. /save keeps it.\n");
    assert!(
        todo.iter()
            .any(|item| matches!(item, Do::Change(Ways { files, .. }) if files.auto_accept == Some(500_000_000)))
    );
    assert!(written(&typed("/set udp 6000")).contains("from the next start on"));
    assert!(written(&typed("/set udp lots")).starts_with("! Not changed: "));
    assert!(written(&typed("/set upd")).starts_with("! There is no setting 'upd'"));
    assert!(written(&typed("/bind F5 /who")).starts_with("! Keys and colours"));
    assert_eq!(written(&typed("/bind")), "* nothing of that kind is chosen\n");

    let todo = typed("/save");
    let [Do::Save { file, changes }, ..] = &todo[..] else { panic!("{todo:?}") };
    assert_eq!((file.to_str(), changes.len()), (Some("/x/peer.toml"), 2));
    let changes = changes.clone();
    let failed = script.on_saved(ZERO, Err("the disk is full".to_owned()));
    assert_eq!(written(&failed), "! Not saved: the disk is full\n");
    assert_eq!(written(&script.on_saved(ZERO, Ok(changes))), "* Saved in /x/peer.toml.\n");
    let todo = script.on_typed(ZERO, Typed::Line("/save".to_owned()));
    assert!(written(&todo).contains("nothing was changed"));

    assert_eq!(type_line(&mut script, "/reload"), ["reload None", ASK]);
    let read = script.on_reloaded(ZERO, Ok(Config::default()));
    assert!(
        matches!(&read[..], [_, Do::Change(Ways { files, .. })] if files.auto_accept.is_none()),
        "{read:?}"
    );
    let wrong = script.on_reloaded(ZERO, Err("line 3: rubbish".to_owned()));
    assert_eq!(written(&wrong), "! Nothing changed: line 3: rubbish\n");
}

#[test]
fn words_of_ones_own_are_made_and_forgotten() {
    let mut script = ready_script();
    let who = format!("{:?}", Command::Who { filter: None });
    assert_eq!(type_line(&mut script, "/alias w1 = /who"), ["change", ASK]);
    assert_eq!(type_line(&mut script, "/w1"), [&who, ASK]);
    type_line(&mut script, "/unalias w1");
    assert_eq!(type_line(&mut script, "/w1"), [ASK], "an error");
    assert_eq!(type_line(&mut script, "whoelse"), [ASK], "to nobody");
    assert_eq!(type_line(&mut script, "/alias load classroom"), ["change", ASK]);
    assert_eq!(type_line(&mut script, "whoelse"), [&who, ASK]);
}

#[test]
fn colours_and_keys_are_chosen_on_the_full_screen() {
    let mut desk = Desk::new(Face::Full, Giver::Person, None, None, preferences(&[], ""));
    tell(&mut desk, &ready(Some("alice")));
    tell(&mut desk, &logged_in());
    assert_eq!(type_line(&mut desk, "/bind F5 /files"), ["change", ASK]);
    assert_eq!(type_line(&mut desk, "/set theme.warning blue"), ["change", ASK]);
    let habits = desk.ways().habits;
    assert_ne!(habits.keys, Default::default());
    assert_ne!(habits.theme, Default::default());
}

/// A script, or a program behind JSON, starts what it wants.
#[test]
fn only_a_person_has_programs_started() {
    let file = || FileLine { path: Some("/x/film.mp4".into()), ..samples::file_line() };
    let url = "http://127.0.0.1:1/t/film.mp4";
    let showing = || {
        let (id, position) = (TransferId([1; 16]), Some(754_000));
        Showing { id, url: url.to_owned(), position, is_paused: false }
    };
    for mut other in [ready_script(), json_desk()] {
        let played = other.on_playable(ZERO, showing(), file());
        assert!(written(&played).contains(url), "{played:?}");
        let opened = other.on_openable(ZERO, "/x/film.mp4".into(), file());
        assert!(written(&opened).contains("/x/film.mp4"), "{opened:?}");
        assert!(deeds(played).is_empty() && deeds(opened).is_empty());
    }
    let mut person = desk(Giver::Person, None);
    type_line(&mut person, "/set player vlc");
    let played = person.on_playable(ZERO, showing(), file());
    let opened = person.on_openable(ZERO, "/x/film.mp4".into(), file());
    let launch = |todo: &[Do]| match todo {
        [Do::Write(..), Do::Start(launch)] => launch.clone(),
        other => panic!("{other:?}"),
    };
    let player = launch(&played);
    assert_eq!((player.program, player.what), ("vlc".into(), What::Film(showing())));
    assert!(player.instead.contains(url), "{}", player.instead);
    let opener = launch(&opened);
    assert_eq!(
        (opener.program, opener.what),
        ("xdg-open".into(), What::File("/x/film.mp4".into()))
    );
}
