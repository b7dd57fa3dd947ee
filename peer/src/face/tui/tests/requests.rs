//! Strangers who ask to talk.

use super::*;
use crate::output::RequestLine;

fn request(user: &str) -> Output {
    let (user, text) = (user.to_owned(), Some("buy my horse".to_owned()));
    Output::Request { request: RequestLine { user, at: START, text, messages: 1, file: None } }
}

/// Nobody gets a window, or rings, by asking.
#[test]
fn a_stranger_stands_in_the_servers_window_until_he_is_accepted() {
    let mut scene = Scene::logged_in(100, 14);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.acts();
    scene.tell(request("mallory"));
    let acts = scene.acts();
    assert!(!acts.iter().any(|act| matches!(act, Act::Notify(_))), "{acts:?}");
    assert!(scene.tui.windows.find_mut("mallory").is_none());
    assert!(!scene.text().contains("horse"), "not in the window of somebody else");
    scene.alt('a');
    let text = scene.text();
    assert!(text.contains("mallory asks to talk with you: \"buy my horse\""), "{text}");

    scene.tell(Output::RequestOver { user: "mallory".to_owned(), answer: "accepted" });
    scene.message("mallory", "buy my horse");
    assert!(scene.tui.windows.find_mut("mallory").is_some());
}

/// Who accepts goes to the chat, unless he looks at another or is writing.
#[test]
fn who_accepts_goes_to_the_chat() {
    let over = || Output::RequestOver { user: "mallory".to_owned(), answer: "accepted" };
    let current = |scene: &Scene| scene.tui.windows.current().user.clone();
    let mut scene = Scene::logged_in(100, 14);
    scene.tell(over());
    assert_eq!(current(&scene).as_deref(), Some("mallory"));

    let mut scene = Scene::logged_in(100, 14);
    scene.type_text("/who");
    scene.tell(over());
    assert_eq!(current(&scene), None, "in the middle of a line");

    let mut scene = Scene::logged_in(100, 14);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.tell(over());
    assert_eq!(current(&scene).as_deref(), Some("bob"));

    let mut scene = Scene::logged_in(100, 14);
    scene.tell(Output::RequestOver { user: "mallory".to_owned(), answer: "declined" });
    assert_eq!(current(&scene), None);
}

/// An invitation waits for an answer too, and stands where nobody looks.
#[test]
fn an_invitation_marks_the_servers_window() {
    let mut scene = Scene::logged_in(100, 14);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.tell(Output::RoomInvited {
        room: "#team".to_owned(),
        by: "bob".to_owned(),
        topic: String::new(),
        members: 1,
        notify: false,
    });
    assert!(scene.text().contains("[act 1:server(1!)]"), "{}", scene.text());
    scene.alt('a');
    assert!(scene.text().contains("bob invites you to #team"));
}

#[test]
fn what_becomes_of_asking_stands_in_the_chat_that_was_opened() {
    let mut scene = Scene::logged_in(100, 14);
    scene.tell(Output::Asked { user: "bob".to_owned(), state: "waiting" });
    assert!(!scene.text().contains("not accepted"));
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    assert!(scene.text().contains("bob has not accepted you yet: what you write waits there"));
}
