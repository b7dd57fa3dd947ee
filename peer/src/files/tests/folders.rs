//! Folders: going through one, and making one.

use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use wire::app::peer::{MAX_FOLDER_DEPTH, MAX_FOLDER_FILES};

use super::*;
use crate::work::{FolderFile, LeftOut, Walk};

const FOLDER: TransferId = TransferId([8; 16]);

/// A folder of Alice's with these files, each with its own path in it.
fn folder(disks: &Disks, files: &[&str]) -> PathBuf {
    let root = disks.dir.path().join("holiday");
    for file in files {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
    }
    root
}

fn walk(disks: &Disks, path: &Path) -> Result<Walk, FileError> {
    let request = FileRequest::Hash { id: ID, path: path.to_owned() };
    let FileReply::Walked(walk) = run(&disks.sender, request)? else { panic!() };
    Ok(walk)
}

fn make(disks: &Disks, name: &str, place: Destination) -> Result<PathBuf, FileError> {
    let request = FileRequest::MakeFolder { id: FOLDER, name: name.to_owned(), place };
    let FileReply::FolderMade { path } = run(&disks.receiver, request)? else { panic!() };
    Ok(path)
}

/// An empty file arrives at this path in the folder; where it is then.
fn arrive(disks: &Disks, number: u8, folder: &Path, path: &str) -> Result<PathBuf, FileError> {
    let id = TransferId([number; 16]);
    let place = Destination::InFolder { folder: folder.to_owned(), path: path.to_owned() };
    let root = *blake3::hash(b"").as_bytes();
    let name = "not this".to_owned();
    run(&disks.receiver, FileRequest::Prepare { id, name, size: 0, root, place })?;
    let FileReply::Finished { path, .. } = run(&disks.receiver, FileRequest::Finish { id })? else {
        panic!()
    };
    Ok(path)
}

#[test]
fn the_files_of_a_folder_are_listed_in_order_and_nothing_else_is() {
    let disks = Disks::new();
    let root = folder(&disks, &["b/2", "b/1", "b.txt", ".hidden", "a b/Köln/x", "z"]);
    std::fs::create_dir(root.join("empty")).unwrap();
    symlink(disks.dir.path(), root.join("link to a folder")).unwrap();
    symlink("/etc/passwd", root.join("b/link")).unwrap();
    symlink("nowhere", root.join("broken link")).unwrap();
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    std::fs::write(root.join(std::ffi::OsStr::from_bytes(b"no text \xff")), "").unwrap();
    let walk = walk(&disks, &root).unwrap();
    let paths: Vec<&str> = walk.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, [".hidden", "a b/Köln/x", "b/1", "b/2", "b.txt", "z"]);
    assert!(walk.files.contains(&FolderFile { path: "b/1".to_owned(), size: 3 }));
    let left_out = LeftOut { links: 3, others: 1, unnamed: 1, unreadable: vec![] };
    assert_eq!(walk.left_out, left_out);
    assert_eq!((walk.name, walk.path), ("holiday".to_owned(), root.canonicalize().unwrap()));
}

#[test]
fn a_folder_that_cannot_be_read_is_told() {
    let disks = Disks::new();
    let root = folder(&disks, &["a", "locked/b"]);
    let lock = |mode| {
        std::fs::set_permissions(root.join("locked"), PermissionsExt::from_mode(mode)).unwrap();
    };
    lock(0o000);
    // Whoever may do everything reads it all the same.
    let is_locked = std::fs::read_dir(root.join("locked")).is_err();
    let walk = walk(&disks, &root).unwrap();
    lock(0o700);
    assert_eq!(walk.files.len(), if is_locked { 1 } else { 2 });
    assert_eq!(walk.left_out.unreadable.len(), usize::from(is_locked));
}

#[test]
fn what_is_too_much_for_a_folder_is_refused() {
    let disks = Disks::new();
    let deep = |names: usize| vec!["d"; names].join("/");
    let root = folder(&disks, &[&deep(MAX_FOLDER_DEPTH)]);
    assert_eq!(walk(&disks, &root).unwrap().files.len(), 1);
    std::fs::remove_dir_all(&root).unwrap();
    let root = folder(&disks, &[&deep(MAX_FOLDER_DEPTH + 1)]);
    let error = walk(&disks, &root).unwrap_err().to_string();
    assert!(error.contains("pack it"), "{error}");
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::create_dir(&root).unwrap();
    for number in 0..MAX_FOLDER_FILES {
        std::fs::File::create(root.join(number.to_string())).unwrap();
    }
    assert_eq!(walk(&disks, &root).unwrap().files.len(), MAX_FOLDER_FILES as usize);
    std::fs::File::create(root.join("one more")).unwrap();
    let error = walk(&disks, &root).unwrap_err().to_string();
    assert!(error.contains("more than 10000 files"), "{error}");
    std::fs::remove_dir_all(&root).unwrap();
    let long = ["x".repeat(250), "x".repeat(250), "x".repeat(250), "x".repeat(250)].join("/");
    let root = folder(&disks, &[&format!("{long}/{}", "x".repeat(20))]);
    assert_eq!(walk(&disks, &root).unwrap().files.len(), 1);
    let root = folder(&disks, &[&format!("{long}/{}", "x".repeat(21))]);
    let error = walk(&disks, &root).unwrap_err().to_string();
    assert!(error.contains("too long"), "{error}");
}

#[test]
fn a_walk_that_nobody_wants_any_more_ends() {
    let disks = Disks::new();
    let root = folder(&disks, &["a"]);
    let request = FileRequest::Hash { id: ID, path: root };
    disks.sender.expect(&request);
    disks.forget(Direction::Sending);
    let error = FileError::Source("no longer wanted".to_owned());
    assert_eq!(run(&disks.sender, request), Err(error));
}

#[test]
fn a_folder_is_made_once_beside_whatever_is_there() {
    let mut disks = Disks::new();
    let downloads = disks.downloads().canonicalize().unwrap();
    std::fs::write(downloads.join("v1.2"), "a file").unwrap();
    symlink("/tmp", downloads.join("v1.2 (2)")).unwrap();
    let made = make(&disks, "x/../v1.2", Destination::Usual).unwrap();
    assert_eq!(made, downloads.join("v1.2 (3)"));
    disks.restart_receiver();
    assert_eq!(make(&disks, "x/../v1.2", Destination::Usual), Ok(made.clone()));
    std::fs::remove_dir(&made).unwrap();
    assert_eq!(make(&disks, "v1.2", Destination::Usual), Ok(made.clone()), "made anew");
    assert_eq!(arrive(&disks, 1, &made, "a/b"), Ok(made.join("a/b")));
    assert_eq!(names_in(&downloads), ["v1.2", "v1.2 (2)", "v1.2 (3)"]);
    // It ends with its transfer, and the folder stays.
    let (direction, place) = (Direction::Receiving, Destination::Usual);
    run(&disks.receiver, FileRequest::Forget { id: FOLDER, direction, place, source: None })
        .unwrap();
    assert_eq!(make(&disks, "v1.2", Destination::Usual), Ok(downloads.join("v1.2 (4)")));
    assert!(made.join("a/b").is_file());
}

#[test]
fn a_folder_goes_to_where_one_says() {
    let disks = Disks::new();
    let there = disks.dir.path().canonicalize().unwrap().join("there");
    let wanted = Destination::Wanted(there.join("trip"));
    let error = make(&disks, "holiday", wanted.clone()).unwrap_err();
    assert!(matches!(&error, FileError::NoPlace(_)), "{error:?}");
    std::fs::create_dir(&there).unwrap();
    let made = make(&disks, "holiday", wanted).unwrap();
    assert_eq!(made, there.join("trip"));
    assert_eq!(arrive(&disks, 1, &made, "a"), Ok(made.join("a")));
}

/// Each name of a path is one component below the folder, whatever it is.
#[test]
fn hostile_paths_stay_in_the_folder() {
    let disks = Disks::new();
    let made = make(&disks, "../..", Destination::Usual).unwrap();
    assert_eq!(made, disks.downloads().canonicalize().unwrap().join("file"));
    for path in ["../x", "/etc/x", "a/../../x", "a//x", "", ".", "a/", "x\0"] {
        let error = arrive(&disks, 1, &made, path).unwrap_err();
        assert!(matches!(error, FileError::Target(_)), "{path:?}: {error:?}");
    }
    for (number, path, safe) in [
        (2, ".ssh/-rf", "_.ssh/_-rf"),
        (3, "NUL/a:b", "_NUL/a_b"),
        (4, "NUL/a?b", "_NUL/a_b (2)"),
        (5, "c\\d/e\u{202e}f", "d/e_f"),
        (6, "... /x", "file/x"),
    ] {
        assert_eq!(arrive(&disks, number, &made, path), Ok(made.join(safe)), "{path:?}");
    }
    assert_eq!(names_in(&disks.downloads()), ["file"]);
}

#[test]
fn what_stands_in_the_way_is_neither_followed_nor_replaced() {
    let disks = Disks::new();
    let outside = disks.dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let made = make(&disks, "holiday", Destination::Usual).unwrap();
    symlink(&outside, made.join("link")).unwrap();
    std::fs::write(made.join("file"), "mine").unwrap();
    assert_eq!(arrive(&disks, 1, &made, "link/x"), Ok(made.join("link (2)/x")));
    assert_eq!(arrive(&disks, 2, &made, "link/x"), Ok(made.join("link (2)/x (2)")));
    assert_eq!(arrive(&disks, 3, &made, "file/x"), Ok(made.join("file (2)/x")));
    assert_eq!(arrive(&disks, 4, &made, "link (2)"), Ok(made.join("link (2) (2)")));
    assert_eq!(std::fs::read(made.join("file")).unwrap(), b"mine");
    // The folder itself is replaced by a link while files come.
    std::fs::rename(&made, disks.dir.path().join("moved")).unwrap();
    symlink(&outside, &made).unwrap();
    let error = arrive(&disks, 5, &made, "x").unwrap_err();
    assert!(matches!(error, FileError::Target(_)), "{error:?}");
    assert_eq!(names_in(&outside), [""; 0]);
}

/// What is given up leaves no partial file, wherever in the folder it was.
#[test]
fn a_file_of_a_folder_that_is_given_up_is_removed() {
    let disks = Disks::new();
    let made = make(&disks, "holiday", Destination::Usual).unwrap();
    let place = Destination::InFolder { folder: made.clone(), path: "a/b".to_owned() };
    let id = TransferId([1; 16]);
    let (name, size, root) = ("b".to_owned(), 100_000, [7; 32]);
    let request = FileRequest::Prepare { id, name, size, root, place: place.clone() };
    run(&disks.receiver, request).unwrap();
    assert_eq!(names_in(&made.join("a")), ["b.01010101.part"]);
    let direction = Direction::Receiving;
    run(&disks.receiver, FileRequest::Forget { id, direction, place, source: None }).unwrap();
    assert_eq!(names_in(&made.join("a")), [""; 0]);
}
