//! Folders, of which all is one transfer.

use super::*;
use crate::face::samples::folder_line;

#[test]
fn a_folder_has_one_line_and_its_files_come_when_asked_for() {
    let mut scene = Scene::logged_in(110, 14);
    let part = FileLine { id: 4, name: "day one/a.jpg".to_owned(), folder: Some(3), ..file_line() };
    scene.tell(Output::File { file: folder_line() });
    scene.tell(Output::File { file: part.clone() });
    scene.key(KeyCode::F(2));
    let text = scene.text();
    assert!(
        text.contains("holiday (12 files, 100 MB)") && text.contains("5 of 12 files"),
        "{text}"
    );
    assert!(!text.contains("a.jpg"), "{text}");
    scene.key(KeyCode::F(2));
    scene.tell(Output::Files { of: Some(3), files: vec![folder_line(), part] });
    let text = scene.text();
    assert!(text.contains("file 4 from bob: \"day one/a.jpg\" running"), "{text}");
    assert!(!text.contains("F2 closes"), "{text}");
}
