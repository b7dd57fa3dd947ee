//! Keys of others, and questions of commands.

use super::*;
use crate::command::Need;
use crate::face::samples;

/// The answer about the key of another user.
fn fingerprint() -> Output {
    outputs("hi").remove(samples::FINGERPRINT)
}

#[test]
fn a_key_comes_with_its_number_and_a_code_for_a_camera() {
    let mut scene = Scene::logged_in(80, 36);
    scene.enter("/msg bob");
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.tell(fingerprint());
    scene.check("fingerprint");
}

/// Part of a code is worth nothing: without room for all of its width the number stands alone.
#[test]
fn without_room_or_characters_there_is_no_code() {
    let ascii = Look { colour: false, unicode: false, theme: Theme::default() };
    for (look, width, has_code) in [
        (Look { unicode: true, ..ascii }, 40, true),
        (Look { unicode: true, ..ascii }, 36, false),
        (ascii, 80, false),
    ] {
        let mut scene = Scene::looking(look, width, 40);
        scene.log_in();
        scene.tell(fingerprint());
        let text = scene.text();
        assert_eq!(text.contains('▀'), has_code, "{width}: {text}");
        assert!(text.contains("01234 56789 01234"), "{text}");
    }
}

#[test]
fn the_title_tells_of_the_key() {
    let mut scene = Scene::logged_in(80, 12);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    for (mark, title) in [
        (None, " bob (online)"),
        (Some(KeyMark::Verified), " bob, verified (online)"),
        (Some(KeyMark::Changed), " bob, KEY CHANGED (online)"),
    ] {
        scene.tui.set_keys(mark.map(|mark| ("bob".to_owned(), mark)).into_iter().collect());
        assert_eq!(scene.rows()[0], title);
    }
    scene.tui.set_keys(BTreeMap::new());
    let nickname = "Bob from work\u{1b}[2J".to_owned();
    scene.tui.set_nicknames(BTreeMap::from([("bob".to_owned(), nickname)]));
    let title = scene.rows().remove(0);
    assert!(title.starts_with(" bob (Bob from work") && title.ends_with(") (online)"), "{title}");
}

/// Escape gives up; what was being typed in the window comes back after either end.
#[test]
fn what_a_command_needs_is_asked_and_not_shown() {
    let mut scene = Scene::logged_in(80, 12);
    scene.type_text("a draft");
    scene.tui.ask(Ask::Secrets(Need::ChangePassword));
    scene.type_text("old secret");
    scene.check("change_password");
    scene.key(KeyCode::Esc);
    assert!(scene.acts().iter().any(|act| matches!(act, Act::Typed(Typed::Cancelled))));
    scene.tui.ask(Ask::Secrets(Need::ChangePassword));
    for (prompt, answer) in [
        ("Current password: ", "old secret"),
        ("New password: ", "new secret"),
        ("The new one again: ", "new secret"),
    ] {
        assert!(scene.text().contains(prompt), "{}", scene.text());
        scene.type_text(answer);
        assert!(!scene.text().contains("secret"));
        scene.key(KeyCode::Enter);
    }
    let acts = scene.acts();
    let is_command = |act: &Act| {
        matches!(act, Act::Typed(Typed::Command(Command::ChangePassword { old, new }))
            if old.expose() == "old secret" && new.expose() == "new secret")
    };
    assert!(acts.iter().any(is_command), "{acts:?}");
    scene.tui.ask(Ask::Line(String::new()));
    assert!(scene.text().contains("a draft"));
}

/// It would be said in another's name.
#[test]
fn what_was_typed_for_a_login_that_failed_is_not_sent_after_the_next() {
    let mut scene = Scene::logged_in(80, 14);
    scene.tell(Output::LoggedOut { reason: "you logged out".to_owned() });
    scene.tui.ask(Ask::Menu);
    for answer in ["l", "alice", "a wrong password", "@bob hello"] {
        scene.type_text(answer);
        scene.key(KeyCode::Enter);
    }
    let is_line = |act: &Act| matches!(act, Act::Typed(Typed::InWindow(..)));
    assert!(!scene.acts().iter().any(is_line), "the login is under way");
    scene.tell(Output::LoginNeeded { reason: Some("wrong user name or password".to_owned()) });
    scene.tui.ask(Ask::Menu);
    assert!(scene.text().contains("Ctrl-Up brings it back"), "{}", scene.text());
    scene.tui.ask(Ask::Line(String::new()));
    assert!(!scene.acts().iter().any(is_line));
    scene.press(KeyCode::Up, KeyModifiers::CONTROL);
    assert!(scene.text().contains("@bob hello▏"), "{}", scene.text());
}

/// Half of a command, sent to the user whose window comes back, would be a text.
#[test]
fn a_line_that_is_typed_while_one_comes_back_stays_whole() {
    let mut scene = Scene::logged_in(80, 14);
    scene.message("bob", "are you there?");
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.tell(Output::LoggedOut { reason: "you logged out".to_owned() });
    scene.tui.ask(Ask::Line(String::new()));
    scene.type_text("/");
    scene.tell(Output::LoggedIn {
        user: "alice".to_owned(),
        motd: String::new(),
        failed_attempts: 0,
        took_over: false,
        new_account: false,
    });
    scene.acts();
    assert_eq!(scene.enter("quit"), Some((None, "/quit".to_owned())));
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    assert!(scene.text().contains("are you there?"), "{}", scene.text());
}

/// A login at another machine ends the session in the middle of a line.
#[test]
fn whoever_comes_back_finds_his_windows_and_what_he_typed() {
    for (next, is_back) in [("alice", true), ("mallory", false)] {
        let mut scene = Scene::logged_in(80, 14);
        scene.message("bob", "are you there?");
        scene.message("carol", "and you?");
        scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
        scene.type_text("half of this");
        scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
        scene.type_text("half of that");
        scene.tell(Output::LoggedOut { reason: "logged in somewhere else".to_owned() });
        assert!(!scene.text().contains("half of"), "{}", scene.text());
        scene.tell(Output::LoggedIn {
            user: next.to_owned(),
            motd: String::new(),
            failed_attempts: 0,
            took_over: true,
            new_account: false,
        });
        scene.tui.ask(Ask::Line(String::new()));
        let shown = scene.text();
        assert_eq!(shown.contains("half of that"), is_back, "{shown}");
        assert_eq!(shown.contains("are you there?"), is_back, "{shown}");
        scene.tui.window(scene.moment(), Window::Open("carol".to_owned()));
        let shown = scene.text();
        assert_eq!(shown.contains("half of this"), is_back, "{shown}");
    }
}
