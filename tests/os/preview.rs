//! What is told of a film before it is taken, by the real programs.

use std::path::PathBuf;
use std::thread;

use sim::programs::Scene;

use crate::oneshot::{assert_ends, register, run};
use crate::stage::Stage;

/// Eight seconds of film.
fn clip() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("media/clip.mp4")
}

#[test]
fn a_film_is_described_before_it_is_taken() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    alice.types(&format!("/send bob {}", clip().display()));
    bob.reads("# file 1 from alice: \"clip.mp4\" (106 kB, video/mp4)");
    let card = "00:08, 320x240, H.264 + AAC, 106 kbit/s, plays while it arrives";
    bob.reads(&format!("  | said to be {card}"));
    bob.types("yes");
    let complete = bob.reads("# file 1 from alice: \"clip.mp4\" (106 kB) complete");
    assert!(!complete.contains("not what was said"), "{complete}");
    // From here on it is what was read here.
    bob.types("/files 1");
    bob.reads(&format!("  | {card}"));
}

/// The sender is a one-shot command, and what is told is for programs.
#[test]
fn a_film_is_described_to_programs() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let clip = clip().to_str().expect("a plain path").to_owned();
    let sent = thread::scope(|scope| {
        let (home, send) = (folder.path(), ["send", "bob", &clip, "--timeout", "50"]);
        let sender = scope.spawn(move || run(home, "alice", address, &send));
        let offer = bob.await_event("file-offer", |_| true);
        let media = &offer["media"];
        assert_eq!((&media["container"], &media["video"]), (&"MP4".into(), &"H.264".into()));
        assert_eq!((&media["width"], &media["height"]), (&320.into(), &240.into()));
        assert_eq!((&media["index"], &media["claimed"]), (&"front".into(), &true.into()));
        let duration = media["duration_ms"].as_u64().expect("it is known");
        assert!((8_000..8_100).contains(&duration), "{duration}");
        bob.type_line(&format!("/accept {}", offer["id"]));
        let complete = bob.await_event("file", |file| file["state"] == "complete");
        assert_eq!(
            (&complete["media"]["claimed"], &complete["reason"]),
            (&false.into(), &().into())
        );
        assert_eq!(complete["media"]["duration_ms"], media["duration_ms"]);
        sender.join().expect("it ends")
    });
    assert_ends(&sent, 0, "complete clip.mp4\n");
}
