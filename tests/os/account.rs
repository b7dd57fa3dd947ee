//! An account's password and keys, as the real programs handle them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sim::programs::{Process, Scene, program};

use crate::oneshot::{assert_ends, register, run};
use crate::{peer, text};

/// Whether this password logs in on a machine that knows no device key.
fn holds(scene: &Scene, address: std::net::SocketAddr, password: &str) -> bool {
    let mut peer: Process = scene.peer_with_password(&[], "alice", address, password);
    let told = peer.await_line("an end of the login", |line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        match event["event"].as_str()? {
            "logged-in" => Some(true),
            "login-needed" if !event["reason"].is_null() => Some(false),
            _ => None,
        }
    });
    peer.kill();
    told
}

#[test]
fn a_password_is_changed_for_all_machines() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let change = |old: &str| {
        format!(r#"{{"command":"change-password","old":"{old}","new":"wrong donkey alice"}}"#)
    };
    alice.type_line(&change("correct donkey alice"));
    alice.await_event("error", |event| {
        event["text"].as_str().is_some_and(|text| text.contains("not your current password"))
    });
    alice.type_line(&change("correct horse alice"));
    alice.await_event("info", |event| {
        event["text"].as_str().is_some_and(|text| text.contains("is changed"))
    });
    // The device needs no password.
    alice.type_line("/quit");
    alice.await_exit();
    let mut alice = scene.peer(&[], "alice", address, &[]);
    alice.type_line("/quit");
    alice.await_exit();
    assert!(!holds(&scene, address, "correct horse alice"));
    assert!(holds(&scene, address, "wrong donkey alice"));
}

/// Runs `peer account` over a data folder, with a passphrase that a file holds.
fn account_file(data: &Path, words: &[&str], passphrase: &Path) -> Output {
    let [data, passphrase] = [data, passphrase].map(|path| path.to_str().expect("a plain path"));
    peer(&[&["account"], words, &["--data", data, "--passphrase-file", passphrase]].concat())
}

#[test]
fn an_account_goes_to_another_machine_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    for who in ["alice", "bob"] {
        assert_eq!(register(folder.path(), who, address).status.code(), Some(0));
    }
    let path = |name: &str| folder.path().join(name);
    for (name, text) in [("right", "a long walk\n"), ("wrong", "a short walk\n")] {
        fs::write(path(name), text).expect("a folder of our own");
    }
    let file = path("alice.account");
    let file = file.to_str().expect("a plain path");
    let [data, elsewhere] = [path("alice/data"), path("elsewhere/data")];
    let (right, wrong) = (path("right"), path("wrong"));
    assert_ends(&account_file(&data, &["export", file], &right), 0, "exported alice\n");
    assert_eq!(fs::metadata(file).expect("it is there").mode() & 0o777, 0o600);
    let again = account_file(&data, &["export", file], &right);
    assert_ends(&again, 1, "");
    assert!(text(&again.stderr).contains("nothing is overwritten"), "{}", text(&again.stderr));

    let refused = account_file(&elsewhere, &["import", file], &wrong);
    assert_ends(&refused, 8, "");
    assert!(text(&refused.stderr).contains("wrong, or the file is damaged"));
    assert_ends(&account_file(&elsewhere, &["export", &format!("{file}2")], &right), 8, "");
    assert_ends(&account_file(&elsewhere, &["import", file], &right), 0, "imported alice\n");
    let twice = account_file(&elsewhere, &["import", file], &right);
    assert_ends(&twice, 1, "");
    assert!(text(&twice.stderr).contains("alice is kept here"), "{}", text(&twice.stderr));

    // The server's name came along, and the password makes this folder's device one of alice's.
    let elsewhere = elsewhere.to_str().expect("a plain path");
    let password = path("alice/password");
    let login = ["--user", "alice", "--password-file", password.to_str().expect("a plain path")];
    let login = peer(&[&["--data", elsewhere], &login[..]].concat());
    assert!(text(&login.stdout).contains("* logged in as alice"), "{}", text(&login.stdout));
    let [here, there] = [data.to_str().expect("a plain path"), elsewhere]
        .map(|data| text(&peer(&["--data", data, "fingerprint", "bob"]).stdout));
    assert!(here.contains("bob safety number"), "{here}");
    assert_eq!(here, there, "one identity");
}

/// What a command line lacks is one line, and nothing is asked where nobody is.
#[test]
fn a_passphrase_comes_from_a_file_or_from_a_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let data = data.to_str().expect("a plain path");
    for words in [&["export", "x"][..], &["import", "x"]] {
        let output = peer(&[&["account"], words, &["--data", data]].concat());
        assert_ends(&output, 2, "");
        assert_eq!(text(&output.stderr), "peer: a passphrase is needed: give --passphrase-file\n");
    }
    let none = folder.path().join("none");
    let output = account_file(Path::new(data), &["import", "x"], &none);
    assert_ends(&output, 8, "");
    assert!(text(&output.stderr).contains("password file"), "{}", text(&output.stderr));
}

/// From the command line, by JSON and by a second run of the same: what is deleted is gone at the
/// server and here, a slip deletes nothing, and the machine that is left behind is told.
#[test]
fn an_account_is_deleted_by_its_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    assert_eq!(register(folder.path(), "alice", address).status.code(), Some(0));
    let path = |name: &str| folder.path().join(name);
    let plain = |path: &Path| path.to_str().expect("a plain path").to_owned();
    fs::write(path("wrong"), "correct donkey\n").expect("a folder of our own");
    let (right, wrong) = (plain(&path("alice/password")), plain(&path("wrong")));
    // A copy of the folder from before is as another machine.
    let copy = path("copy/data");
    fs::create_dir_all(&copy).expect("a folder of our own");
    for entry in fs::read_dir(path("alice/data")).expect("it is there") {
        let entry = entry.expect("it is there");
        if entry.file_type().expect("it is there").is_file() {
            fs::copy(entry.path(), copy.join(entry.file_name())).expect("a folder of our own");
        }
    }
    let delete = |user: &str, name: &str, password: &str| {
        let words = ["account", "delete", name, "--password-file", password];
        run(folder.path(), user, address, &words)
    };
    let refused = delete("alice", "alice", &wrong);
    assert_ends(&refused, 8, "");
    assert!(text(&refused.stderr).contains("not deleted: that is not your current password"));
    let refused = delete("alice", "alicia", &right);
    assert_ends(&refused, 8, "");
    assert!(text(&refused.stderr).contains("logged in as alice"), "{}", text(&refused.stderr));
    let unnamed = run(folder.path(), "alice", address, &["account", "delete", "alice"]);
    assert_ends(&unnamed, 2, "");
    assert!(text(&unnamed.stderr).contains("give --password-file"));

    let deleted = delete("alice", "alice", &right);
    assert_ends(&deleted, 0, "deleted alice\n");
    let told = text(&deleted.stderr);
    assert!(told.contains("history") && told.contains(&plain(&path("alice/data"))), "{told}");
    // The run whose answer got lost, once more: the same success.
    assert_ends(&delete("copy", "alice", &right), 0, "deleted alice\n");
    assert_ends(&delete("copy", "alice", &right), 8, "");

    // The name is free, and who has it now deletes it by JSON.
    assert!(!holds(&scene, address, "correct horse alice"));
    let mut alice = scene.peer(&[], "alice", address, &["--register"]);
    alice.type_line(
        r#"{"command":"account-delete","name":"alice","password":"correct horse alice"}"#,
    );
    alice.await_event("account-deleted", |event| event["kept"].is_string());
    alice.await_event("login-needed", |event| event["reason"].is_null());
    alice.type_line("/quit");
    alice.await_exit();
    assert!(!holds(&scene, address, "correct horse alice"));
}

/// `rendezvous user passwd` beside the running server, with what is typed at it.
fn set_password(scene: &Scene, user: &str, password: &str) -> Output {
    let mut child = Command::new(program("rendezvous"))
        .args(["--data".as_ref(), scene.folder_of("server").as_os_str()])
        .args(["user", "passwd", user])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    // One that reads nothing, since it knows no such account, has ended perhaps.
    let _ = writeln!(stdin, "{password}");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The session ends, the machine with the keys goes on by the operator's password, and others by one that
/// its person chooses there.
#[test]
fn a_forgotten_password_is_set_by_the_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let unknown = set_password(&scene, "nobody", "battery staple");
    assert_ends(&unknown, 1, "");
    assert_eq!(text(&unknown.stderr), "rendezvous: no account nobody\n");
    let set = set_password(&scene, "alice", "battery staple");
    let told = text(&set.stdout);
    assert!(told.starts_with("alice has a new password\n"), "{told}{}", text(&set.stderr));
    let out = alice.await_event("logged-out", |_| true);
    assert_eq!(out["reason"], "the server's operator has given this account another password");
    alice.await_event("login-needed", |event| {
        event["reason"].as_str().is_some_and(|why| why.contains("'/login alice'"))
    });
    assert!(!holds(&scene, address, "correct horse alice"), "the one before");
    assert!(!holds(&scene, address, "battery staple"), "this machine has no keys");

    alice.type_line(r#"{"command":"login","name":"alice","password":"battery staple"}"#);
    alice.await_event("logged-in", |event| event["new_account"] == false);
    alice.await_event("info", |event| {
        event["text"].as_str().is_some_and(|text| text.contains("'/passwd'"))
    });
    alice.type_line(
        r#"{"command":"change-password","old":"battery staple","new":"wrong donkey alice"}"#,
    );
    alice.await_event("info", |event| {
        event["text"].as_str().is_some_and(|text| text.contains("is changed"))
    });
    assert!(holds(&scene, address, "wrong donkey alice"));
}
