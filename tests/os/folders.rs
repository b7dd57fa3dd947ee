//! Folders, and several files at once, from one program to another.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sim::programs::{Scene, write_noise};

use crate::oneshot::{assert_ends, register, run};
use crate::stage::Stage;
use crate::text;

/// All files under a folder, with their contents, by path.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root).expect("it is there") {
        let entry = entry.expect("readable");
        let name = entry.file_name().into_string().expect("text");
        if entry.file_type().expect("it has one").is_dir() {
            let inner = tree(&entry.path()).into_iter();
            files.extend(inner.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            files.insert(name, fs::read(entry.path()).expect("readable"));
        }
    }
    files
}

/// A folder of ten files, one of them empty, in folders of several names.
fn holiday(at: &Path) {
    for (path, size) in [
        ("clip one.mp4", 400_000),
        ("empty", 0),
        ("Bilder/Köln am Rhein.jpg", 70_000),
        ("Bilder/東京/1.jpg", 16_384),
        ("Bilder/東京/2.jpg", 16_385),
        ("Bilder/raw (all)/1.dng", 1),
        ("Bilder/raw (all)/2.dng", 30_000),
        ("a/b/c/d/e/f", 10),
        ("a/b/c/d/g", 10),
        ("a.txt", 10),
    ] {
        let path = at.join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder of our own");
        write_noise(&path, size).expect("a folder of our own");
    }
    fs::create_dir(at.join("nothing in it")).expect("a folder of our own");
    std::os::unix::fs::symlink("/etc/passwd", at.join("a/link")).expect("a folder of our own");
}

#[test]
fn a_folder_arrives_as_it_was() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    let root = stage.folder().join("holiday in Köln");
    holiday(&root);
    alice.types(&format!("/send bob '{}'", root.display()));
    alice.reads("* Of the folder holiday in Köln these are left out: 1 link.");
    bob.reads("# folder 1 from alice: \"holiday in Köln\" (10 files, ");
    bob.types("yes");
    bob.reads("# folder 1 from alice: \"holiday in Köln\" (10 files, 532 kB) complete: ");
    alice.reads("# folder 1 to bob: \"holiday in Köln\" (10 files, 532 kB) complete");
    let mut sent = tree(&root);
    sent.remove("a/link");
    assert!(tree(&stage.folder().join("bob/downloads/holiday in Köln")) == sent, "all of it");
    bob.types("/files 1");
    bob.reads("# folder 1 from alice: \"holiday in Köln\" (10 files, 532 kB) complete: ");
    bob.reads("# file 2 from alice: \"Bilder/Köln am Rhein.jpg\" (70.0 kB) complete: ");
    bob.types("/open 2");
    bob.reads("# file 2 from alice: \"Bilder/Köln am Rhein.jpg\" is at ");
    bob.types("/open 1");
    bob.reads("! Transfer 1 is a folder: '/files 1' lists its files");

    // The same again stands beside it, and a folder goes where one says.
    alice.types(&format!("/send bob '{}'", root.display()));
    bob.reads(
        "# folder 12 from alice: \"holiday in Köln\" (10 files, 532 kB) offered; /accept 12 or",
    );
    bob.types("/accept");
    bob.reads("# folder 12 from alice: \"holiday in Köln (2)\" (10 files, 532 kB) complete: ");
    assert!(tree(&stage.folder().join("bob/downloads/holiday in Köln (2)")) == sent, "all of it");
    alice.types(&format!("/send bob '{}'", root.display()));
    bob.reads(
        "# folder 23 from alice: \"holiday in Köln\" (10 files, 532 kB) offered; /accept 23 or",
    );
    bob.types("/get 23 as trip");
    bob.reads("# folder 23 from alice: \"trip\" (10 files, 532 kB) complete: ");
    assert!(tree(&stage.folder().join("bob/downloads/trip")) == sent, "all of it");
}

#[test]
fn several_files_go_at_once_each_by_itself() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let _bob = stage.enter("bob", &["--auto-accept", "1M"]);
    for name in ["one", "two"] {
        write_noise(&stage.folder().join(name), 50_000).expect("a folder of our own");
    }
    let folder = stage.folder().join("three");
    fs::create_dir(&folder).expect("a folder of our own");
    write_noise(&folder.join("four"), 50_000).expect("a folder of our own");
    let at = stage.folder().display();
    alice.types(&format!("/send bob '{at}/one' '{at}/two' '{at}/three' '{at}/nothing'"));
    alice.reads("# file 4 to bob: \"nothing\" (0 B) failed: ");
    alice.reads("# file 1 to bob: \"one\" (50.0 kB) complete");
    alice.reads("# file 2 to bob: \"two\" (50.0 kB) complete");
    alice.reads("# folder 3 to bob: \"three\" (1 file, 50.0 kB) complete");
    let downloads = stage.folder().join("bob/downloads");
    let sent: Vec<String> = ["one", "three/four", "two"].map(str::to_owned).to_vec();
    assert_eq!(tree(&downloads).into_keys().collect::<Vec<_>>(), sent);
}

#[test]
fn a_folder_is_sent_and_received_by_one_command_each() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    register(folder.path(), "bob", address);
    let root = folder.path().join("holiday");
    holiday(&root);
    let (home, name) = (folder.path(), root.to_str().expect("text"));
    let (sent, received) = std::thread::scope(|scope| {
        let receive = &["receive", "--from", "alice", "--timeout", "50"];
        let receiver = scope.spawn(move || run(home, "bob", address, receive));
        let sent = run(home, "alice", address, &["send", "bob", name, "--timeout", "50"]);
        (sent, receiver.join().expect("it ends"))
    });
    assert_ends(&sent, 0, "complete holiday\n");
    let path = text(&received.stdout).trim_end().to_owned();
    assert_ends(&received, 0, &format!("{path}\n"));
    let mut expected = tree(&root);
    expected.remove("a/link");
    assert!(tree(Path::new(&path)) == expected, "all of it");

    let nothing = folder.path().join("nothing");
    fs::create_dir(&nothing).expect("a folder of our own");
    let name = nothing.to_str().expect("text");
    let refused = run(home, "alice", address, &["send", "bob", name, "--timeout", "50"]);
    assert_ends(&refused, 1, "failed nothing\n");
}

/// Both programs are killed while a folder is on its way, and it arrives all the same.
#[test]
fn a_folder_outlasts_both_programs() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let root = folder.path().join("many");
    fs::create_dir(&root).expect("a folder of our own");
    for number in 0..120 {
        write_noise(&root.join(format!("{number}.jpg")), 20_000).expect("a folder of our own");
    }
    let mut alice = scene.peer(&[], "alice", address, &["--limit-up", "1M"]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    alice.type_line(&format!("/send bob {}", root.display()));
    let offer = bob.await_event("file-offer", |_| true);
    assert_eq!((&offer["files"], &offer["size"]), (&120.into(), &2_400_000.into()));
    bob.type_line("/accept");
    bob.await_event("file", |file| file["files"] == 120 && file["files_done"].as_u64() > Some(5));
    bob.kill();
    let mut bob = scene.peer(&[], "bob", address, &[]);
    bob.await_event("file", |file| file["files"] == 120 && file["files_done"].as_u64() > Some(40));
    alice.kill();
    let _alice = scene.peer(&[], "alice", address, &[]);
    bob.await_event("file", |file| file["files"] == 120 && file["state"] == "complete");
    assert!(tree(&scene.folder_of("bob").join("downloads/many")) == tree(&root), "all of it");
}
