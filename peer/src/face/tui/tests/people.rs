//! What is told of other users, as screens.

use super::*;
use crate::face::samples::{index, outputs};

/// The sample of the same kind.
fn sample(of: &Output) -> Output {
    outputs("back at two").remove(index(of))
}

#[test]
fn what_is_known_of_somebody_is_one_screen() {
    let mut scene = Scene::logged_in(80, 16);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    let whois = outputs("back at two").into_iter().find(|it| matches!(it, Output::Whois { .. }));
    scene.tell(whois.expect("it is there"));
    scene.check("whois");
}

#[test]
fn a_code_is_shown_to_be_said() {
    let mut scene = Scene::logged_in(80, 14);
    scene.tell(sample(&Output::Code { code: String::new(), seconds: 0 }));
    scene.check("code");
}

#[test]
fn why_somebody_is_not_reached_is_read_line_by_line() {
    let mut scene = Scene::logged_in(80, 20);
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    let why = |user: Option<&str>, lines: &[&str]| Output::Why {
        user: user.map(str::to_owned),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        figures: Box::default(),
    };
    scene.tell(why(
        Some("bob"),
        &[
            "bob is online, the server says.",
            "The direct path to 192.0.2.7:6000: a round trip takes 23 ms, none of 91 datagrams was \
             lost.",
            "The last datagram of bob came 0.3 s ago, the last one to bob left 0.1 s ago; bob has \
             confirmed one that left 0.2 s ago.",
            "Your side: no NAT: the server sees an address of that machine itself.",
            "File 3 from bob goes at 8.10 MB/s. Writing to the disk here holds it up: a faster drive, or \
             fewer programs that use it, helps.",
        ],
    ));
    scene.check("why");
    scene.tell(why(None, &["X is online, the server says."]));
    assert!(scene.text().contains("* report:"), "{}", scene.text());
}

/// The sign of a notice is enough.
#[test]
fn an_answer_about_a_file_has_one_sign() {
    let mut scene = Scene::logged_in(120, 14);
    let play = outputs("hi").into_iter().find(|it| matches!(it, Output::Play { .. }));
    scene.tell(play.expect("it is there"));
    assert!(
        scene.text().contains(" * file 3 from bob: \"hi\" plays from 12:34 on at "),
        "{}",
        scene.text()
    );
}

#[test]
fn a_farewell_stands_in_the_chat_with_whom_it_is_of() {
    let mut scene = Scene::logged_in(80, 14);
    scene.message("bob", "see you");
    scene.tell(Output::Link {
        user: "bob".to_owned(),
        state: "closed",
        lan: false,
        address: None,
        rtt_ms: None,
        farewell: Some("until tomorrow".to_owned()),
    });
    assert!(!scene.text().contains("until tomorrow"), "not in the window of the server");
    scene.alt('a');
    assert!(scene.text().contains("bob leaves: until tomorrow"), "{}", scene.text());
}
