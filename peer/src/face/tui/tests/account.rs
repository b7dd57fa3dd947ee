//! Keys of others.

use super::*;
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
    let ascii = Look { colour: false, unicode: false };
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
}
