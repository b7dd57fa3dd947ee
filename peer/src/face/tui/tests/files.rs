//! Transfers, as screens.

use super::*;
use crate::face::samples::film_line;

/// Its size is not known: there is no part that is done, and no time that is left.
#[test]
fn what_grows_has_what_came_in_the_place_of_a_part() {
    let mut scene = Scene::logged_in(90, 14);
    scene.tell(Output::File { file: FileLine { size: None, eta: None, ..file_line() } });
    assert!(scene.text().contains("3 live 45.0 MB 8.10 MB/s]"), "{}", scene.text());
    scene.key(KeyCode::F(2));
    assert!(
        scene.text().contains("clip.mp4 (live) 45.0 MB running, 8.10 MB/s"),
        "{}",
        scene.text()
    );
}

/// While one has to decide about it; then the line is that of any transfer.
#[test]
fn what_is_said_of_a_film_stands_under_its_offer() {
    let mut scene = Scene::logged_in(90, 14);
    scene.tell(offer("clip.mp4"));
    scene.tui.window(scene.moment(), Window::Open("bob".to_owned()));
    scene.check("film");
    // One that was asked about leaves the list of all as it is.
    scene.tell(Output::Files { of: Some(3), files: vec![film_line()] });
    assert_eq!(scene.text().matches("said to be 12:34").count(), 2, "{}", scene.text());
    scene.tell(Output::File { file: file_line() });
    assert_eq!(scene.text().matches("said to be 12:34").count(), 1, "{}", scene.text());
}

/// The pane has a few rows; who asks for all gets all.
#[test]
fn a_list_that_is_longer_than_the_pane_is_told_whole() {
    let mut scene = Scene::logged_in(100, 40);
    let all: Vec<u64> = (1..=12).collect();
    let files = all.iter().map(|id| FileLine { id: *id, state: "offered", ..file_line() });
    scene.tell(Output::Files { of: None, files: files.collect() });
    let shown = scene.text();
    assert!(shown.contains("4 more: /files lists all"), "{shown}");
    for id in all {
        assert!(shown.contains(&format!("* file {id} from bob")), "{id} in {shown}");
    }
}
