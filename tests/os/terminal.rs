//! The full screen on a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;
use sim::programs::{PATIENCE, Scene, pause, work_of};
use sim::terminal::{Terminal, rows_of};
use wire::net::Clock;
use wire::time::Instant;

/// Registers alice through the questions of the first start.
pub(super) fn register(alice: &mut Terminal) {
    alice.await_prompt("[l]og in, [r]egister");
    alice.type_line("r");
    alice.await_prompt("Name: ");
    alice.type_line("alice");
    alice.await_prompt("Password: ");
    alice.type_line("hunter2 and more");
    alice.await_prompt("Again: ");
    alice.type_line("hunter2 and more");
    alice.await_text("logged in as alice");
}

/// Features S2, security acceptance D12: the questions lead to an account, and a password is
/// neither shown nor kept.
#[test]
fn the_first_start_leads_to_an_account_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let mut alice = Terminal::start(folder.path(), address, "");
    register(&mut alice);
    alice.type_line("/msg bob");
    alice.await_prompt("bob> ");
    alice.type_line("hello from a terminal");
    bob.await_event("message", |event| event["text"] == "hello from a terminal");
    alice.await_text("✓alice: hello from a terminal");
    bob.type_line("/msg alice hi");
    alice.await_text("bob: hi");
    alice.type_line("/quit");
    alice.await_end(0);
    let shown = String::from_utf8_lossy(alice.bytes()).into_owned();
    assert!(!shown.contains("hunter2"), "{shown:?}");
    let kept = fs::read_to_string(folder.path().join("data/typed-lines.json")).unwrap();
    assert!(kept.contains("hello from a terminal") && !kept.contains("hunter2"), "{kept}");
}

/// Which of the rows are of the conversation: not the one with the time, which may change meanwhile.
fn without_bar(mut rows: Vec<String>) -> Vec<String> {
    rows.remove(rows.len() - 2);
    rows
}

/// Issue 4: suspended, called back, resized, told to end, hung up: the terminal is sane. (What a panic
/// leaves is tried beside the code, `peer/src/shell/fullscreen.rs`.)
#[test]
fn the_terminal_is_given_back_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = Terminal::start(folder.path(), address, "");
    register(&mut alice);

    alice.type_text("half a line");
    alice.await_prompt("> half a line");
    alice.signal(Signal::TSTP);
    alice.await_screen("plain screen", |screen| !screen.alternate_screen());
    alice.await_stop();
    alice.signal(Signal::CONT);
    alice.await_prompt("> half a line");
    assert!(alice.screen().alternate_screen());

    alice.type_text("\u{15}");
    for number in 0..20 {
        alice.type_line(&format!("/help no{number}"));
    }
    alice.await_text("no19");
    alice.type_text("half a line");
    alice.await_prompt("> half a line");
    let before = without_bar(alice.rows());
    alice.resize(40, 10);
    alice.await_screen("title, seven rows of the newest, bar and line", |screen| {
        let rows = rows_of(screen);
        rows[0].starts_with(" Tincan")
            && rows[1..8].iter().all(|row| !row.is_empty())
            && screen.contents().contains("no19")
            && rows[8].starts_with('[')
            && rows[8].contains("[alice]")
            && rows[9] == "> half a line"
            && screen.cursor_position() == (9, 13)
    });
    alice.resize(80, 24);
    alice.await_screen("what stood there before", |screen| without_bar(rows_of(screen)) == before);

    alice.signal(Signal::TERM);
    alice.await_end(143);

    let mut alice = Terminal::start(folder.path(), address, "");
    alice.await_text("logged in as alice");
    alice.signal(Signal::HUP);
    alice.await_end(143);
}

/// Nothing is looked at again and again: who is logged in, with a link to somebody, and does nothing, sleeps.
/// Ten seconds bring a keep-alive on each of two connections, with its answer, and a look at the addresses;
/// whatever is looked at ten times a second is above the bound alone.
#[test]
fn who_does_nothing_sleeps() {
    const MOST_SLEEPS: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let mut alice = Terminal::start(folder.path(), address, "");
    register(&mut alice);
    alice.type_line("/msg bob");
    alice.await_prompt("bob> ");
    alice.type_line("hello");
    bob.await_event("message", |_| true);
    alice.await_text("✓alice: hello");
    // The size of datagrams is still looked for.
    pause(Duration::from_secs(5));
    let (_, before) = work_of(alice.pid()).unwrap();
    pause(Duration::from_secs(10));
    let (_, after) = work_of(alice.pid()).unwrap();
    assert!((1..=MOST_SLEEPS).contains(&(after - before)), "{} in ten seconds", after - before);
    alice.type_line("/quit");
    alice.await_end(0);
}

/// The terminal is gone (SIGHUP): the program ends by itself.
#[test]
fn a_lost_terminal_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = Terminal::start(folder.path(), address, "");
    register(&mut alice);
    let pid = alice.pid();
    drop(alice);
    sim::programs::await_end_of(pid);
}

/// Where nobody tells it that the terminal is gone, it finds out.
#[test]
fn a_lost_terminal_ends_it_where_hang_ups_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = Terminal::start_deaf(folder.path(), address);
    register(&mut alice);
    let pid = alice.pid();
    drop(alice);
    sim::programs::await_end_of(pid);
}

/// The terminal's mouse is the program's only as long as it is wanted there.
#[test]
fn the_mouse_is_taken_where_it_is_wanted_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = Terminal::start(folder.path(), address, "");
    register(&mut alice);
    let has_mouse = |screen: &vt100::Screen| {
        screen.mouse_protocol_mode() == vt100::MouseProtocolMode::PressRelease
            && screen.mouse_protocol_encoding() == vt100::MouseProtocolEncoding::Sgr
    };
    assert!(!has_mouse(alice.screen()));
    alice.type_line("/set mouse on");
    alice.await_screen("the mouse", has_mouse);
    for number in 0..40 {
        alice.type_line(&format!("/help no{number}"));
    }
    alice.await_text("no39");
    alice.type_text("\u{1b}[<64;30;5M");
    alice.await_text("-MORE(3)-");
    alice.type_text("\u{1b}[<65;30;5M");
    alice.await_screen("the newest", |screen| !screen.contents().contains("-MORE("));
    alice.signal(Signal::TSTP);
    alice.await_screen("its own mouse", |screen| !has_mouse(screen) && !screen.alternate_screen());
    alice.await_stop();
    alice.signal(Signal::CONT);
    alice.await_screen("the mouse again", has_mouse);
    alice.type_line("/set mouse off");
    alice.await_screen("its own mouse", |screen| !has_mouse(screen));
    alice.type_line("/set mouse on");
    alice.await_screen("the mouse", has_mouse);
    alice.signal(Signal::TERM);
    alice.await_end(143);
    assert!(!has_mouse(alice.screen()));
    let left = alice.bytes().windows(8).filter(|bytes| bytes == b"\x1b[?1049l").count();
    assert_eq!(left, 2, "when it was stopped and when it ended: it is not given back in between");
}

/// <https://no-color.org>
#[test]
fn there_are_no_colours_where_none_are_wanted() {
    let has_colours = |screen: &vt100::Screen| {
        let (rows, columns) = screen.size();
        let mut cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        cells.any(|(row, column)| {
            let cell = screen.cell(row, column).unwrap();
            [cell.fgcolor(), cell.bgcolor()] != [vt100::Color::Default; 2]
        })
    };
    for (value, expected) in [("", true), ("1", false)] {
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene::new(folder.path());
        let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
        let variables = [("NO_COLOR", value.to_owned())];
        let mut alice = Terminal::start_with(folder.path(), address, &variables);
        register(&mut alice);
        alice.type_line("/nonsense");
        alice.await_text("Not sent: there is no");
        assert_eq!(has_colours(alice.screen()), expected, "NO_COLOR={value}");
        alice.type_line("/quit");
        alice.await_end(0);
    }
}

/// Keys and words of the user's own, changed while it runs and kept in the file.
#[test]
fn ways_of_ones_own_are_used_changed_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let file = folder.path().join("peer.toml");
    fs::write(&file, "linger = 7 # mine\n[keys]\nF5 = \"/set linger\"\n").unwrap();
    let more = format!("--config {}", file.display());
    let mut alice = Terminal::start(folder.path(), address, &more);
    register(&mut alice);
    alice.type_text("half a line\u{1b}[15~");
    alice.await_text("linger = 7 (configuration file)");
    alice.await_prompt("> half a line");
    alice.type_text("\u{15}");
    alice.type_line("/set linger 8");
    alice.await_text("linger = 8. /save keeps it.");
    alice.type_line("/bind Alt-. /blocked");
    alice.await_text("keys.Alt-. = /blocked");
    alice.type_text("\u{1b}.");
    alice.await_text("you block nobody");
    alice.type_line("/save");
    alice.await_text("Saved in");
    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(kept, "linger = 8 # mine\n[keys]\nF5 = \"/set linger\"\n\"Alt-.\" = \"/blocked\"\n");
    fs::write(&file, "linger = 9\n").unwrap();
    alice.type_line("/reload");
    alice.await_text("Read ");
    alice.type_line("/set linger");
    alice.await_text("linger = 9 (configuration file)");
    alice.type_line("/quit");
    alice.await_end(0);
}

/// Features part 5: bell and desktop, for the chats that are to, with the texts as arguments of a
/// program and nothing else.
#[test]
fn a_person_who_looks_elsewhere_is_called_as_he_has_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let (program, called) = (folder.path().join("notify-send"), folder.path().join("called"));
    let script = format!("#!/bin/sh\nprintf '%s|' \"$@\" >> {}\n", called.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let variables = [
        ("PATH", format!("{}:{path}", folder.path().display())),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no/such/bus".to_owned()),
    ];
    let mut alice = Terminal::start_with(folder.path(), address, &variables);
    register(&mut alice);
    let mut says = |text: &str| {
        bob.type_line(&format!("/msg alice {text}"));
        bob.await_event("message-state", |event| event["state"] == "delivered");
    };
    let calls = || fs::read_to_string(&called).unwrap_or_default();
    let clock = Clock::start();
    let patient = || assert!(clock.now() - Instant::ZERO < PATIENCE, "{}", calls());
    says("--icon=x <b>");
    let first = "--app-name=Tincan|--|bob|--icon=x &lt;b&gt;|";
    while calls() != first {
        patient();
        std::thread::yield_now();
    }
    alice.type_line("/notify bob off");
    alice.await_text("notify bob: off");
    says("in silence");
    alice.await_text("2:bob(2)");
    alice.type_line("/notify bob all");
    alice.await_text("notify bob: all (as usual)");
    // Not more often than once a second.
    while calls() == first {
        patient();
        says("aloud");
    }
    assert!(calls().starts_with(&format!("{first}--app-name=Tincan|--|bob|aloud|")), "{}", calls());
    assert!(!calls().contains("silence"));
    let shown = String::from_utf8_lossy(alice.bytes()).into_owned();
    assert!(shown.contains('\u{7}') && !shown.contains("]777;"), "the desktop shows it: {shown:?}");
    alice.type_line("/quit");
    alice.await_end(0);
}

/// Features part 5: who is writing, and what was read, between a full screen and a script.
#[test]
fn attention_is_told_where_both_wish_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &["--typing", "on", "--read-marks", "on"]);
    let more = "--typing on --read-marks on";
    let mut alice = Terminal::start(folder.path(), address, more);
    register(&mut alice);
    bob.type_line("/msg alice hello");
    let kept = bob.await_event("message-state", |event| event["state"] == "delivered");
    alice.await_text("2:bob(1)");
    alice.type_line("/msg bob");
    alice.await_prompt("bob> ");
    let read = bob.await_event("message-state", |event| event["state"] == "read");
    assert_eq!((&read["to"], &read["id"]), (&kept["to"], &kept["id"]));
    // It is told only when all that was said before is acknowledged, at most once in three seconds, and
    // never later: whoever goes on typing tells it again.
    alice.type_text("hi ");
    let typing = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        (event["event"] == "typing" && event["user"] == "alice").then_some(())
    };
    let told = (0..5).any(|_| {
        alice.type_text("bo\x7f\x7f");
        bob.try_await_line(Duration::from_secs(4), typing).is_some()
    });
    assert!(told, "that alice is typing");
    bob.type_line(r#"{"command":"typing","to":"alice"}"#);
    alice.await_text("[bob is typing…]");
    alice.type_line("bob");
    bob.await_event("message", |event| event["text"] == "hi bob");
    bob.type_line(r#"{"command":"read","from":"alice"}"#);
    alice.await_text("✓✓alice: hi bob");
    alice.await_screen("end of the notice", |screen| !screen.contents().contains("is typing"));
    alice.type_line("/set typing off");
    alice.await_text("typing = off. /save keeps it.");
    bob.type_line(r#"{"command":"typing","to":"alice"}"#);
    bob.type_line("/msg alice now");
    alice.await_text("bob: now");
    assert!(!alice.screen().contents().contains("is typing"));
    alice.type_line("/quit");
    alice.await_end(0);
}
