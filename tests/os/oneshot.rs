//! One-shot commands and their exit codes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use sim::programs::{Scene, hash_file, write_noise};

use crate::{account, options, peer, text};

/// Registers `name` with its own folder in `folder`, and leaves.
pub(super) fn register(folder: &Path, name: &str, server: SocketAddr) -> Output {
    let (home, login) = account(folder, name);
    let mut arguments = options(&home, server);
    arguments.extend(login);
    arguments.push("--register".to_owned());
    peer(&arguments)
}

pub(super) fn run(folder: &Path, name: &str, server: SocketAddr, command: &[&str]) -> Output {
    let mut arguments = options(&folder.join(name), server);
    arguments.extend(command.iter().map(|word| (*word).to_owned()));
    peer(&arguments)
}

#[track_caller]
pub(super) fn assert_ends(output: &Output, code: i32, stdout: &str) {
    let told = (output.status.code(), text(&output.stdout));
    assert_eq!(told, (Some(code), stdout.to_owned()), "{}", text(&output.stderr));
}

#[test]
fn registering_twice_fails_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    let first = register(folder.path(), "alice", address);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stdout));
    assert!(text(&first.stdout).contains("* logged in as alice (new account)"));
    fs::remove_dir_all(folder.path().join("alice/data")).unwrap();
    let second = register(folder.path(), "alice", address);
    assert_eq!(second.status.code(), Some(8), "{}", text(&second.stdout));
}

#[test]
fn a_wrong_password_is_code_8() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "something else\n").unwrap();
    let mut arguments = options(&folder.path().join("elsewhere"), address);
    arguments.extend(["--user", "alice", "--password-file"].map(str::to_owned));
    arguments.push(wrong.to_str().unwrap().to_owned());
    let script = peer(&arguments);
    assert_eq!(script.status.code(), Some(8), "{}", text(&script.stdout));
    arguments.extend(["msg", "bob", "hi"].map(str::to_owned));
    assert_ends(&peer(&arguments), 8, "");
}

#[test]
fn no_account_and_no_server_have_codes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    assert_ends(&run(folder.path(), "nobody", address, &["msg", "bob", "hi"]), 8, "");
    register(folder.path(), "alice", address);
    server.kill();
    assert_ends(&run(folder.path(), "alice", address, &["msg", "bob", "hi"]), 9, "");
}

#[test]
fn a_message_is_delivered_or_kept() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let message = &["msg", "bob", "two words"];
    assert_ends(&run(folder.path(), "alice", address, message), 0, "delivered\n");
    bob.await_event("message", |event| event["from"] == "alice" && event["text"] == "two words");

    bob.type_line("/quit");
    assert_eq!(bob.await_exit().code(), Some(0));
    let late = &["msg", "bob", "later", "--timeout", "1"];
    assert_ends(&run(folder.path(), "alice", address, late), 3, "");
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let again = &["msg", "bob", "and now"];
    assert_ends(&run(folder.path(), "alice", address, again), 0, "delivered\n");
    for expected in ["later", "and now"] {
        let event = bob.await_event("message", |_| true);
        assert_eq!(event["text"], expected, "in the order in which they were typed");
    }
    // The server knows no such name and says so: nothing is kept, whatever time there is.
    let unknown = &["msg", "nosuchuser", "hi", "--timeout", "50"];
    assert_ends(&run(folder.path(), "alice", address, unknown), 5, "");
}

/// Nothing of it needs a server; what is kept goes out with the next that is sent.
#[test]
fn a_message_that_is_only_to_be_kept_is_not_called_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (mut server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    server.kill();
    let kept = &["msg", "bob", "kept", "--wait", "kept"];
    assert_ends(&run(folder.path(), "alice", address, kept), 3, "kept\n");
    let (_server, _) = scene.server(&[], &address.to_string(), &[]);
    bob.await_event("server", |event| event["state"] == "connected");
    assert_ends(&run(folder.path(), "alice", address, &["msg", "bob", "hi"]), 0, "delivered\n");
    for expected in ["kept", "hi"] {
        assert_eq!(bob.await_event("message", |_| true)["text"], expected);
    }
}

#[test]
fn whom_one_blocks_one_does_not_write_to() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "bob", address);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    alice.type_line("/block bob");
    alice.type_line("/blocked");
    alice.await_event("blocked", |event| event["users"][0] == "bob");
    alice.type_line("/quit");
    alice.await_exit();
    assert_ends(&run(folder.path(), "alice", address, &["msg", "Bob", "hi"]), 6, "");
}

#[test]
fn files_are_sent_received_and_declined() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    register(folder.path(), "bob", address);
    let clip = folder.path().join("a clip.mp4");
    write_noise(&clip, 300_000).unwrap();
    let clip_name = clip.to_str().unwrap();

    let home = folder.path();
    let (sent, received) = std::thread::scope(|scope| {
        let receive = &["receive", "--from", "alice", "--timeout", "50"];
        let receiver = scope.spawn(move || run(home, "bob", address, receive));
        let sent = run(home, "alice", address, &["send", "bob", clip_name, "--timeout", "50"]);
        (sent, receiver.join().unwrap())
    });
    assert_ends(&sent, 0, "complete a clip.mp4\n");
    let path = text(&received.stdout).trim_end().to_owned();
    assert_ends(&received, 0, &format!("{path}\n"));
    assert_eq!(hash_file(Path::new(&path)).unwrap(), hash_file(&clip).unwrap());

    let mut bob = scene.peer(&[], "bob", address, &[]);
    let declined = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            run(folder.path(), "alice", address, &["send", "bob", clip_name, "--timeout", "50"])
        });
        let offer = bob.await_event("file-offer", |_| true);
        bob.type_line(&format!("/decline {}", offer["id"]));
        sender.join().unwrap()
    });
    assert_ends(&declined, 4, "declined a clip.mp4\n");
}

#[test]
fn fingerprints_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let own = run(folder.path(), "alice", address, &["fingerprint"]);
    let lines = text(&own.stdout);
    assert_eq!(own.status.code(), Some(0), "{}", text(&own.stderr));
    assert_eq!(lines.lines().count(), 2, "one's own and the server's: {lines}");
    assert!(lines.lines().any(|line| line.starts_with("alice ")), "{lines}");
}

/// Also while there is no server.
#[test]
fn a_conversation_is_exported_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (mut server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    assert_ends(&run(folder.path(), "alice", address, &["msg", "bob", "hi"]), 0, "delivered\n");
    bob.await_event("message", |_| true);
    server.kill();

    let file = folder.path().canonicalize().unwrap().join("bob.txt");
    let export = |with: &str, more: &[&str]| {
        let words = [&["export", with, file.to_str().unwrap()], more].concat();
        run(folder.path(), "alice", address, &words)
    };
    assert_ends(&export("bob", &[]), 0, &format!("{}\n", file.display()));
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.ends_with(" to bob, delivered] <alice> hi\n"), "{written}");
    let again = export("bob", &[]);
    assert_ends(&again, 1, "");
    assert!(text(&again.stderr).contains("there already"), "{}", text(&again.stderr));
    fs::remove_file(&file).unwrap();
    let json = export("ALL", &["--json"]);
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stdout));
    assert!(fs::read_to_string(&file).unwrap().starts_with("{\"line\":1,"));
    let nameless = run(folder.path(), "alice", address, &["export", "bob", "bob.pdf"]);
    assert_ends(&nameless, 2, "");
}
