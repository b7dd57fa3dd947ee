use super::*;
use proptest::prelude::*;

fn bare(line: &str) -> ParsedLine {
    parse(line, &Context::default())
}

fn chatting(line: &str) -> ParsedLine {
    parse(line, &Context { chat: Some("carol".into()), ..Context::default() })
}

fn msg(to: &str, text: &str) -> ParsedLine {
    ParsedLine::Command(Command::Message { to: to.into(), text: text.into() })
}

fn quit(farewell: &str) -> ParsedLine {
    ParsedLine::Command(Command::Quit { farewell: farewell.into() })
}

#[test]
fn every_way_to_send_a_message() {
    for line in [
        "/msg bob hi  there",
        "/m bob hi  there",
        "/MSG @bob hi  there",
        "@bob hi  there",
        "@bob: hi  there",
        "/w bob: hi  there",
        "/msgto  bob  hi  there",
    ] {
        assert_eq!(bare(line), msg("bob", "hi  there"), "{line}");
    }
    assert_eq!(chatting("hi"), msg("carol", "hi"));
    assert_eq!(chatting("  indented"), msg("carol", "  indented"));
    assert_eq!(chatting("//etc/passwd"), msg("carol", "/etc/passwd"));
    assert_eq!(chatting("block bob"), msg("carol", "block bob"), "a word is not a command");
    assert_eq!(bare("/msg bob say \"hi\""), msg("bob", "say \"hi\""), "quotes are text");
}

#[test]
fn what_one_does_is_said_in_the_open_chat() {
    assert_eq!(chatting("/me waves"), msg("carol", "/me waves"));
    assert_eq!(chatting("/ME  waves "), msg("carol", "/me waves "));
    assert_eq!(chatting("//me waves"), msg("carol", " /me waves"), "words, not what one does");
    assert!(matches!(bare("/me waves"), ParsedLine::Error(_)), "to whom?");
    assert!(matches!(chatting("/me "), ParsedLine::Error(_)));
    assert_eq!(bare("/roster"), ParsedLine::Command(Command::Contacts));
}

#[test]
fn nothing_is_sent_by_surprise() {
    for line in [" /quit", "\t/msg bob hi", "/nosuchword hello", "/", "/ msg bob hi", "@ bob hi"] {
        assert!(matches!(chatting(line), ParsedLine::Error(_)), "{line}");
    }
    assert!(matches!(bare("hello"), ParsedLine::Error(_)), "no chat is open");
    assert_eq!(chatting("   "), ParsedLine::Nothing);
    assert_eq!(chatting(""), ParsedLine::Nothing);
}

#[test]
fn a_slip_is_told_with_what_was_meant() {
    let told = |line: &str| {
        let ParsedLine::Error(text) = bare(line) else { panic!("{line}") };
        text
    };
    for (line, meant) in [
        ("/sned bob x", "Did you mean '/send'?"),
        ("/hisotry", "Did you mean '/history'?"),
        ("/whosi bob", "Did you mean '/whois'?"),
        ("/autoacept on", "Did you mean '/autoaccept'?"),
    ] {
        assert!(told(line).contains(meant), "{line}: {}", told(line));
    }
    for line in ["/xyzzy", "/zz", "/"] {
        assert!(!told(line).contains("mean"), "{line}: {}", told(line));
    }
}

#[test]
fn a_chat_is_opened_without_text() {
    for line in ["/msg bob", "/msg bob  ", "@bob", "@bob:", "/w @bob", "/private bob"] {
        assert_eq!(bare(line), ParsedLine::Window(Window::Open("bob".into())), "{line}");
    }
}

#[test]
fn windows_are_opened_closed_cleared_and_switched() {
    for (line, window) in [
        ("/close", Window::Close),
        ("/leave", Window::Close),
        ("/clear", Window::Clear),
        ("/buffer 2", Window::Switch("2".into())),
        ("/b @bob", Window::Switch("bob".into())),
    ] {
        assert_eq!(bare(line), ParsedLine::Window(window), "{line}");
    }
    for line in ["/buffer", "/buffer 1 2", "/close bob"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
}

#[test]
fn words_of_ones_own_stand_for_lines() {
    let mut aliases = Aliases::default();
    aliases.add("greet", "/msg bob hi").unwrap();
    aliases.add("wave", "\u{1f44b}").unwrap();
    aliases.add("loop", "/greet").unwrap();
    let context = Context { aliases, chat: Some("carol".into()), ..Context::default() };
    assert_eq!(parse("/greet there", &context), msg("bob", "hi there"));
    assert_eq!(parse("/wave", &context), msg("carol", "\u{1f44b}"));
    assert!(matches!(parse("/loop", &context), ParsedLine::Error(_)), "no alias of an alias");
}

/// Features part 1: the commands of the assignments from which this grew.
#[test]
fn a_classroom_writes_commands_without_a_slash() {
    let class = |chat: Option<&str>, line: &str| {
        let chat = chat.map(str::to_owned);
        parse(line, &Context { style: Style::Classroom, chat, ..Context::default() })
    };
    for (line, expected) in [
        ("message bob hi there", msg("bob", "hi there")),
        ("msg bob hi", msg("bob", "hi")),
        ("private bob hi", msg("bob", "hi")),
        ("startprivate bob", ParsedLine::Chat("bob".into())),
        ("stopprivate", ParsedLine::Window(Window::Close)),
        ("whoelse", ParsedLine::Command(Command::Who { filter: None })),
        ("ATU", ParsedLine::Command(Command::Who { filter: None })),
        ("online", ParsedLine::Command(Command::Who { filter: None })),
        ("whoelsesince 90", ParsedLine::Command(Command::SeenSince { seconds: 90 })),
        ("block bob", ParsedLine::Command(Command::Block { user: "bob".into() })),
        ("OUT", ParsedLine::Command(Command::Logout)),
        ("xit", quit("")),
        ("/activeuser", ParsedLine::Command(Command::Who { filter: None })),
    ] {
        assert_eq!(class(None, line), expected, "{line}");
    }
    let edited = Command::Edit { to: "bob".into(), id: Some(7), text: "at six".into() };
    assert_eq!(class(Some("bob"), "EDT 7 at six"), ParsedLine::Command(edited));
    let unsent = Command::Unsend { to: "bob".into(), id: Some(7) };
    assert_eq!(class(Some("bob"), "DLT 7"), ParsedLine::Command(unsent));
    assert!(matches!(class(Some("bob"), "DLT 7 8"), ParsedLine::Error(_)));
    for line in ["MSG bob hi", "MSG hello everybody"] {
        assert!(matches!(class(Some("bob"), line), ParsedLine::Error(_)), "{line}");
    }
    let upd = Command::Send { to: "bob".into(), paths: vec!["a.mp4".into()] };
    assert_eq!(class(None, "UPD bob a.mp4"), ParsedLine::Command(upd));
    for line in ["/quit", "/QUIT"] {
        assert_eq!(class(Some("bob"), line), ParsedLine::Window(Window::Close));
    }
    assert_eq!(class(None, "/quit"), quit(""));
    assert_eq!(class(Some("bob"), "mess bob"), msg("bob", "mess bob"), "only whole words");
    // What people say to each other is not taken for a command that no assignment has.
    for line in
        ["yes", "no problem", "all good", "say it again", "here we are", "back in five", "w"]
    {
        assert_eq!(class(Some("bob"), line), msg("bob", line), "{line}");
    }
    assert_eq!(chatting("message bob hi"), msg("carol", "message bob hi"), "only when asked for");
}

#[test]
fn some_other_names_are_of_two_words() {
    let sent = Command::Send { to: "bob".into(), paths: vec!["a b.mp4".into()] };
    assert_eq!(bare("/DCC  send bob 'a b.mp4'"), ParsedLine::Command(sent));
    assert_eq!(bare("/dcc list"), bare("/files"));
    assert_eq!(bare("/dcc get 3"), bare("/get 3"));
    assert_eq!(bare("/dcc close 3"), bare("/cancel 3"));
    assert_eq!(bare("/dcc chat bob"), ParsedLine::Chat("bob".into()));
    assert_eq!(bare("/omemo fingerprint bob"), bare("/fingerprint bob"));
    assert_eq!(bare("/otr bob"), bare("/fingerprint bob"));
    assert_eq!(bare("/blocked add bob"), bare("/block bob"));
    assert_eq!(bare("/c"), bare("/contacts"));
    for line in ["/dcc", "/dcc hello", "/blocked bob"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
}

#[test]
fn names_of_commands_by_unique_beginning_and_in_any_case() {
    assert_eq!(bare("/OUTB"), ParsedLine::Command(Command::Outbox));
    assert_eq!(bare("/block x"), ParsedLine::Command(Command::Block { user: "x".into() }));
    assert_eq!(bare("/blocked"), ParsedLine::Command(Command::Blocked));
    assert_eq!(bare("/exit"), quit(""));
    assert_eq!(bare("/ATU"), ParsedLine::Command(Command::Who { filter: None }));
    let ParsedLine::Error(text) = bare("/re 3") else { panic!("several commands fit") };
    assert!(text.contains("/register") && text.contains("/resume"), "{text}");
}

#[test]
fn passwords_are_asked_for_never_typed() {
    let need = |purpose, name: Option<&str>| ParsedLine::NeedPassword {
        purpose,
        name: name.map(str::to_owned),
    };
    assert_eq!(bare("/login"), need(Purpose::Login, None));
    assert_eq!(bare("/register Alice"), need(Purpose::Register, Some("Alice")));
    let ParsedLine::Error(text) = bare("/login alice hunter2") else { panic!("refused") };
    assert!(!text.contains("hunter2"));
    assert_eq!(bare("/changepassword"), ParsedLine::NeedSecrets(Need::ChangePassword));
    let ParsedLine::Error(text) = bare("/passwd hunter2") else { panic!("refused") };
    assert!(text.contains("never typed") && !text.contains("hunter2"));
    assert!(is_secret("/passwd hunter2"));
    assert_eq!(bare("/account DELETE"), ParsedLine::NeedSecrets(Need::Delete(None)));
    let ParsedLine::Error(text) = bare("/account delete hunter2") else { panic!("refused") };
    assert!(text.contains("never typed") && !text.contains("hunter2"));
    assert!(is_secret("/account delete hunter2"));
}

/// Security acceptance D12: a command that is logged or that a panic shows tells no password.
#[test]
fn a_command_prints_no_password() {
    let password = Secret::new("hunter2".to_owned());
    let name = "alice".to_owned();
    let commands = [
        Command::Login { name: name.clone(), password: password.clone() },
        Command::Register { name, password: password.clone() },
    ];
    let change = Command::ChangePassword { old: password.clone(), new: password };
    assert!(!format!("{change:?}").contains("hunter2"));
    for text in commands.map(|command| format!("{command:?} {command:#?}")) {
        assert!(text.contains("alice") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn files_may_have_any_name() {
    let home = Context { home: Some("/home/a".into()), ..Context::default() };
    let paths = |line| match parse(line, &home) {
        ParsedLine::Command(Command::Send { paths, .. }) => paths,
        other @ (ParsedLine::Command(_)
        | ParsedLine::NeedPassword { .. }
        | ParsedLine::NeedSecrets(_)
        | ParsedLine::Window(_)
        | ParsedLine::Chat(_)
        | ParsedLine::Preference(_)
        | ParsedLine::Nothing
        | ParsedLine::Error(_)) => panic!("{other:?}"),
    };
    assert_eq!(paths("/send bob a.mp4 'b c.mp4'"), [PathBuf::from("a.mp4"), "b c.mp4".into()]);
    assert_eq!(paths("/p2pvideo bob \"it's.mp4\""), [PathBuf::from("it's.mp4")]);
    assert_eq!(paths(r"/send bob my\ film.mp4"), [PathBuf::from("my film.mp4")]);
    assert_eq!(
        paths("/send bob ~/x ~ ~y"),
        [PathBuf::from("/home/a/x"), "/home/a".into(), "~y".into()]
    );
    for line in ["/send bob", "/send", "/send bob 'open", "/send . x", "/send ."] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
    let to_chat = Command::Send { to: "carol".into(), paths: vec!["x".into()] };
    assert_eq!(chatting("/send . x"), ParsedLine::Command(to_chat.clone()));
    assert_eq!(chatting("/send x"), ParsedLine::Command(to_chat));
}

#[test]
fn settings_words_and_keys() {
    let set = |name: &str, value: Option<&str>| {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        ParsedLine::Preference(Preference::Set { name, value })
    };
    let show =
        |what: Option<&str>| ParsedLine::Preference(Preference::Show(what.map(str::to_owned)));
    for (line, expected) in [
        ("/set", show(None)),
        ("/set linger", show(Some("linger"))),
        ("/set linger  5 ", set("linger", Some("5"))),
        ("/set theme.names red light-blue", set("theme.names", Some("red light-blue"))),
        ("/unset auto-accept", set("auto-accept", None)),
        ("/alias", show(Some("aliases"))),
        ("/alias brb = /msg bob back = soon", set("aliases.brb", Some("/msg bob back = soon"))),
        ("/alias /brb=/who", set("aliases.brb", Some("/who"))),
        ("/alias load classroom", set("classroom", Some("true"))),
        ("/alias load = /who", set("aliases.load", Some("/who"))),
        ("/unalias /brb", set("aliases.brb", None)),
        ("/bind", show(Some("keys"))),
        ("/bind F5 /send bob 'a b'", set("keys.F5", Some("/send bob 'a b'"))),
        ("/unbind F5", set("keys.F5", None)),
        ("/save", ParsedLine::Preference(Preference::Save)),
        ("/reload", ParsedLine::Preference(Preference::Reload)),
    ] {
        assert_eq!(bare(line), expected, "{line}");
    }
    for line in [
        "/unset",
        "/alias brb",
        "/alias = x",
        "/alias brb =",
        "/alias load x",
        "/unalias",
        "/bind F5",
        "/unbind",
        "/save x",
        "/reload x",
    ] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
}

#[test]
fn what_calls_is_chosen_for_a_chat_or_shown() {
    let notify = |chat: Option<&str>, calls| {
        ParsedLine::Command(Command::Notify { chat: chat.map(str::to_owned), calls })
    };
    assert_eq!(bare("/notify"), notify(None, None));
    assert_eq!(chatting("/notify"), notify(None, None), "also in a chat");
    assert_eq!(bare("/notify @bob"), notify(Some("bob"), None));
    assert_eq!(bare("/notify #team ALL"), notify(Some("#team"), Some(Calls::All)));
    assert_eq!(chatting("/notify mentions"), notify(Some("carol"), Some(Calls::Mentions)));
    assert_eq!(bare("/notify off off"), notify(Some("off"), Some(Calls::Off)), "a user's name");
    assert_eq!(bare("/notify @off"), notify(Some("off"), None));
    for line in ["/notify bob loud", "/notify bob off now", "/notify off"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
}

#[test]
fn one_conversation_is_searched_or_all() {
    let search = |with: Option<&str>, text: &str| {
        let (with, text) = (with.map(str::to_owned), text.to_owned());
        ParsedLine::Command(Command::Search { text, with })
    };
    assert_eq!(chatting("/search five o'clock"), search(None, "five o'clock"), "also in a chat");
    assert_eq!(bare("/search @bob five o'clock"), search(Some("bob"), "five o'clock"));
    assert_eq!(bare("/search @bob:  five "), search(Some("bob"), "five"));
    assert_eq!(chatting("/search . five"), search(Some("carol"), "five"));
    assert_eq!(bare("/search @bob"), search(None, "@bob"), "a word like others");
    assert_eq!(bare("/search in bob"), search(None, "in bob"));
    assert_eq!(bare("/search ... five"), search(None, "... five"));
    for line in ["/search", "/search  ", "/search . five"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
    assert!(matches!(chatting("/search ."), ParsedLine::Error(_)));
}

#[test]
fn a_conversation_is_exported_as_the_name_of_the_file_says() {
    let to = |with: Option<&str>, path: &str, format| {
        let (with, path) = (with.map(str::to_owned), PathBuf::from(path));
        ParsedLine::Command(Command::Export { with, path, format, film: None })
    };
    assert_eq!(bare("/export bob a.txt"), to(Some("bob"), "a.txt", ExportFormat::Text));
    assert_eq!(bare("/export @bob 'a b.JSON'"), to(Some("bob"), "a b.JSON", ExportFormat::Json));
    assert_eq!(bare("/export a.jsonl"), to(None, "a.jsonl", ExportFormat::Json));
    assert_eq!(chatting("/export a.txt"), to(Some("carol"), "a.txt", ExportFormat::Text));
    assert_eq!(chatting("/export all a.txt"), to(None, "a.txt", ExportFormat::Text));
    for line in ["/export", "/export bob", "/export bob a.pdf", "/export bob a.txt b.txt"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
    let ParsedLine::Error(text) = bare("/export bob") else { panic!("no ending") };
    assert!(text.contains(".txt") && text.contains(".json"), "{text}");
}

#[test]
fn numbers_times_and_counts() {
    let command = ParsedLine::Command;
    assert_eq!(bare("/pause 12"), command(Command::Pause { id: 12 }));
    for line in
        ["/pause", "/pause x", "/pause 1 2", "/whoelsesince bob", "/blocked bob", "/search  "]
    {
        let ParsedLine::Error(text) = bare(line) else { panic!("{line} has wrong arguments") };
        assert!(text.starts_with("Usage: /"), "{text}");
    }
    assert_eq!(bare("/seen 90m"), command(Command::SeenSince { seconds: 5400 }));
    assert_eq!(bare("/whoelsesince 20"), command(Command::SeenSince { seconds: 20 }));
    assert_eq!(bare("/seen bob"), command(Command::Seen { user: "bob".into() }));
    assert_eq!(bare("/seen @42"), command(Command::Seen { user: "42".into() }));
}

/// A name alone says nothing where no room is open.
#[test]
fn who_names_no_room_is_told_so() {
    for line in ["/kick carol", "/mute carol", "/op carol", "/topic the film", "/members"] {
        let ParsedLine::Error(text) = chatting(line) else { panic!("{line}") };
        assert!(text.contains("No room is open here"), "{text}");
    }
    let ParsedLine::Error(text) = chatting("/kick #team") else { panic!() };
    assert!(!text.contains("No room is open"), "{text}");
}

#[test]
fn a_room_is_called_otherwise_or_a_user() {
    let in_room =
        |line: &str| parse(line, &Context { chat: Some("#team".into()), ..Context::default() });
    let room = |room: &str, name: &str| {
        let (room, name) = (room.to_owned(), name.to_owned());
        ParsedLine::Command(Command::Room(RoomCommand::Rename { room, name }))
    };
    let user = |user: &str, nickname: Option<&str>| {
        let (user, nickname) = (user.to_owned(), nickname.map(str::to_owned));
        ParsedLine::Command(Command::Nickname { user, nickname })
    };
    assert_eq!(bare("/rename #team crew"), room("#team", "crew"));
    assert_eq!(in_room("/rename crew"), room("#team", "crew"));
    assert_eq!(in_room("/rename @bob"), user("bob", None));
    for parse in [bare, in_room] {
        assert_eq!(parse("/rename bob Bob's  brother "), user("bob", Some("Bob's  brother")));
    }
    assert_eq!(chatting("/nickname @bob"), user("bob", None));
    for line in ["/rename", "/rename #team", "/rename #team a b"] {
        assert!(matches!(chatting(line), ParsedLine::Error(_)), "{line}");
    }
}

/// A farewell is for whoever leaves: not for a name behind `/q`, nor for what only begins with 'exit'.
#[test]
fn a_farewell_is_meant_as_such() {
    assert_eq!(bare("/quit"), quit(""));
    assert_eq!(bare("/quit  see you "), quit("see you"));
    assert_eq!(bare("/exit tomorrow then"), quit("tomorrow then"));
    assert_eq!(bare("/q"), quit(""));
    assert!(matches!(bare("/q bob"), ParsedLine::Error(_)));
    let long = format!("/quit {}", "x".repeat(257));
    assert!(matches!(bare(&long), ParsedLine::Error(text) if text.contains("256 bytes")));
    let context = Context { style: Style::Classroom, ..Context::default() };
    assert!(matches!(parse("exit music for a film", &context), ParsedLine::Error(_)));
    assert_eq!(parse("exit", &context), quit(""));
}

#[test]
fn somebody_is_added_by_name_or_by_code() {
    for line in ["/add bob", "/friend @bob", "/connect bob"] {
        assert_eq!(bare(line), ParsedLine::Chat("bob".into()), "{line}");
    }
    for typed in ["412-velvet-exotic", "412 velvet exotic"] {
        let code = Command::Code { typed: Some(Secret::new(typed.to_owned())) };
        assert_eq!(bare(&format!("/add {typed}")), ParsedLine::Command(code));
    }
    for line in ["/add", "/add #team", "/add @"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
}

#[test]
fn users_are_ignored_pinged_and_asked_about() {
    let command = |command| ParsedLine::Command(command);
    assert_eq!(bare("/ignore @bob"), command(Command::Ignore { user: "bob".into() }));
    assert_eq!(bare("/ignore"), command(Command::Ignored));
    assert_eq!(bare("/unignore bob"), command(Command::Unignore { user: "bob".into() }));
    assert_eq!(bare("/ping bob"), command(Command::Ping { user: "bob".into() }));
    let why = |report| command(Command::Why { user: "bob".into(), report });
    assert_eq!(bare("/why @bob"), why(false));
    assert_eq!(bare("/why bob --report"), why(true));
    assert_eq!(bare("/why --report @bob"), why(true));
    for line in ["/why", "/why --report", "/why --report --report", "/why bob carol --report"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}: {:?}", bare(line));
    }
    assert_eq!(bare("/server"), command(Command::Server));
    assert_eq!(bare("/unread"), ParsedLine::Window(Window::Unread));
    assert_eq!(bare("/verify-file #3"), command(Command::VerifyFile { id: 3 }));
    for line in ["/unignore", "/ping", "/why a b", "/server x", "/unread 3", "/verify-file x"] {
        assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
    }
}

#[test]
fn colours_are_chosen_part_by_part() {
    let set = |value: Option<&str>| {
        let (name, value) = ("theme.names".to_owned(), value.map(str::to_owned));
        ParsedLine::Preference(Preference::Set { name, value })
    };
    assert_eq!(bare("/theme names red  blue"), set(Some("red  blue")));
    assert_eq!(bare("/theme names off"), set(None));
    assert_eq!(bare("/theme"), ParsedLine::Preference(Preference::Show(Some("theme".into()))));
    assert!(matches!(bare("/theme names"), ParsedLine::Error(_)));
}

#[test]
fn help_knows_every_command_and_each_example_parses() {
    let overview = overview();
    // The lines of the full screen are 56 cells wide on a terminal of 80, and not all of a row is used.
    let rows: usize = overview.lines().map(|line| line.len().div_ceil(54)).sum();
    assert!(rows <= 21, "{rows} rows are more than one screen:\n{overview}");
    let all = help("Commands").unwrap();
    let context = Context { chat: Some("bob".to_owned()), ..Context::default() };
    let mut words: Vec<&str> = Vec::new();
    for entry in entries() {
        assert!(overview.contains(&format!(" /{}", entry.name)));
        let said = help(entry.name).unwrap();
        assert!(said.contains("May go wrong: ") && said.contains(entry.example), "{said}");
        assert!(all.contains(&entry.syntax()) && all.contains(entry.summary));
        assert!(help(entry.name).unwrap().contains(entry.example));
        assert!(
            !matches!(parse(entry.example, &context), ParsedLine::Error(_)),
            "{}",
            entry.example
        );
        words.push(entry.name);
        words.extend(entry.aliases);
    }
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count, "no word names two commands");
    assert_eq!(help("nosuch"), None);
}

/// What a line says to somebody: to whom, and what.
fn said(parsed: ParsedLine) -> Option<(String, String)> {
    let ParsedLine::Command(Command::Message { to, text }) = parsed else { return None };
    Some((to, text))
}

/// Lines of any kind, and such as are typed by mistake: blanks, marks and a word before anything.
fn lines() -> impl Strategy<Value = String> {
    let slip = ("[ \t\u{a0}]{0,2}", "[/@#]{0,3}", "[a-zA-Z]{0,6}", "[ :]?", any::<String>());
    let slip = slip.prop_map(|(blanks, marks, word, between, rest)| {
        format!("{blanks}{marks}{word}{between}{rest}")
    });
    prop_oneof![any::<String>(), slip]
        .prop_map(|line| line.trim_end_matches(['\r', '\n']).to_owned())
}

proptest! {
    /// What begins with one slash says something only by a command that there is; behind blanks it never does.
    #[test]
    fn no_command_becomes_a_message(line in lines(), blanks in "[ \t\u{a0}]{1,3}") {
        let command = line.trim_start().trim_start_matches('/');
        let line = format!("/{command}");
        let is_known = |words: &str| {
            let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
            find(word).is_ok() || two_words(word, rest).is_some()
        };
        for parsed in [bare(&line), chatting(&line)] {
            let is_said = said(parsed.clone()).is_some();
            prop_assert!(is_known(command) || matches!(parsed, ParsedLine::Error(_)), "{parsed:?}");
            prop_assert!(!is_said || is_known(command), "{parsed:?}");
        }
        let behind = chatting(&format!("{blanks}{line}"));
        prop_assert!(matches!(behind, ParsedLine::Error(_)), "{behind:?}");
    }

    /// Whatever line says something says what was typed, to its last character, and nothing else.
    #[test]
    fn any_line_has_a_meaning(line in lines()) {
        for parsed in [bare(&line), chatting(&line)] {
            let Some((_, text)) = said(parsed) else { continue };
            let typed = text.strip_prefix("/me ").unwrap_or(&text);
            prop_assert!(line.ends_with(typed) && !text.trim().is_empty(), "{text:?}");
        }
        let begins = line.trim_start().chars().next();
        if begins.is_some_and(|first| !"/@#".contains(first)) {
            prop_assert_eq!(chatting(&line), msg("carol", &line));
            prop_assert!(matches!(bare(&line), ParsedLine::Error(_)), "to nobody");
        }
        if !line.starts_with("me ") {
            prop_assert_eq!(chatting(&format!("//{line}")), msg("carol", &format!("/{line}")));
        }
    }
}
