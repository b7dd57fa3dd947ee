//! Transfers, as screens.

use super::*;

/// Its size is not known: there is no part that is done, and no time that is left.
#[test]
fn what_grows_has_what_came_in_the_place_of_a_part() {
    let mut scene = Scene::logged_in(90, 14);
    scene.tell(Output::File { file: FileLine { size: None, eta: None, ..file_line() } });
    assert!(scene.text().contains("3 live 45.0 MB 8.10 MB/s]"), "{}", scene.text());
    scene.key(KeyCode::F(2));
    assert!(scene.text().contains("clip.mp4 (live) 45.0 MB running 8.10 MB/s"), "{}", scene.text());
}
