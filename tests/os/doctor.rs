//! `peer doctor`: the real program, with a server and without.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::SystemTime;

use serde_json::Value;
use sim::programs::Scene;

use crate::oneshot::register;
use crate::{options, peer, text};

/// With these options, and the folders of `name`.
fn doctor(folder: &Path, name: &str, server: Option<SocketAddr>, more: &[&str]) -> Output {
    let home = folder.join(name);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut arguments = options(&home, server.unwrap_or(nowhere));
    arguments.push("doctor".to_owned());
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    peer(&arguments)
}

/// The verdict and the text of each check, and the worst of all.
fn checks(output: &Output) -> (BTreeMap<String, (String, String)>, String) {
    let mut found = BTreeMap::new();
    let mut worst = String::new();
    for line in text(&output.stdout).lines() {
        let event: Value = serde_json::from_str(line).expect(line);
        let word = |key: &str| event[key].as_str().map(str::to_owned);
        let verdict = word("verdict").expect(line);
        match event["event"].as_str() {
            Some("check") => {
                let check = word("check").expect(line);
                found.insert(check, (verdict, word("text").expect(line)));
            }
            Some("checked") => worst = verdict,
            other => panic!("{other:?} in {line}"),
        }
    }
    (found, worst)
}

/// Everything in a folder, with its times.
fn state(folder: &Path) -> Vec<(String, u64, Option<SystemTime>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let entry = entry.expect("it is ours");
            // The server that runs writes into its own.
            if entry.file_name() == "server" {
                continue;
            }
            let metadata = entry.metadata().expect("it is there");
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            let path = entry.path().display().to_string();
            found.push((path, metadata.len(), metadata.modified().ok()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_machine_that_has_all_is_told_so_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    // Before the first start.
    let before = state(folder.path());
    let output = doctor(folder.path(), "alice", Some(address), &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let (found, worst) = checks(&output);
    assert!(matches!(worst.as_str(), "ok" | "warn"), "{found:?}");
    assert!(found["data-folder"].1.contains("is not there, and is made when needed"), "{found:?}");
    assert!(found["server"].1.contains("a round trip takes"), "{found:?}");
    assert!(found["server-key"].1.contains("first contact"), "{found:?}");
    assert_eq!(found["clock"].0, "ok");
    assert!(found["nat"].1.contains("the server sees you at 127.0.0.1:"), "{found:?}");
    assert!(found["nat"].1.ends_with("no NAT") && found["relay"].1.contains("carries up to"));
    assert_eq!(state(folder.path()), before, "not even a folder was made");
    // After it, as lines.
    register(folder.path(), "alice", address);
    let before = state(&folder.path().join("alice"));
    let output = doctor(folder.path(), "alice", Some(address), &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("ok   database: can be opened") && told.contains("the same as ever"));
    assert_eq!(told.lines().count(), found.len(), "one line for each check: {told}");
    assert_eq!(state(&folder.path().join("alice")), before);
}

#[test]
fn it_looks_beside_a_peer_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let home = scene.folder_of("bob");
    let data = home.join("data");
    let data = data.to_str().unwrap();
    let server = address.to_string();
    let arguments = ["--server", &server, "--data", data, "--json", "doctor"];
    let output = peer(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let (found, _) = checks(&output);
    assert!(found["database"].1.contains("another peer that runs now uses it"), "{found:?}");
    assert!(found["server-key"].1.contains("not compared"), "{found:?}");
    // He is none the worse for it.
    bob.type_line("/who");
    bob.await_event("users", |_| true);
}

#[test]
fn a_server_that_is_not_there_or_is_another_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (mut server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    server.kill();
    let output = doctor(folder.path(), "alice", Some(address), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let (found, worst) = checks(&output);
    assert_eq!((worst.as_str(), found["server"].0.as_str()), ("fail", "fail"), "{found:?}");
    assert!(!found.contains_key("nat"), "nothing is said of what was not seen: {found:?}");
    // Somebody else has its address now.
    let other = tempfile::tempdir().unwrap();
    let (_impostor, _) = Scene::new(other.path()).server(&[], &address.to_string(), &[]);
    let output = doctor(folder.path(), "alice", Some(address), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let (found, _) = checks(&output);
    assert_eq!((found["server"].0.as_str(), found["server-key"].0.as_str()), ("ok", "fail"));
    assert!(found["server-key"].1.contains("another than before"), "{found:?}");
}

#[test]
fn folders_and_ports_that_cannot_be_used_are_failures() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    let home = folder.path().join("alice");
    fs::create_dir_all(home.join("data")).unwrap();
    // Rights mean nothing to a superuser, who may run this; a file in the place of a folder does.
    fs::write(home.join("downloads"), "").unwrap();
    fs::set_permissions(home.join("data"), fs::Permissions::from_mode(0o777)).unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let more = ["--json", "--bind", "127.0.0.1", "--udp", &port];
    let output = doctor(folder.path(), "alice", Some(address), &more);
    assert_eq!(output.status.code(), Some(1));
    let (found, _) = checks(&output);
    let verdict = |check: &str| found[check].0.clone();
    assert_eq!(verdict("data-folder"), "fail", "others may write to it");
    assert_eq!(verdict("download-folder"), "fail");
    assert_eq!(verdict("udp-port"), "fail");
    assert_eq!(verdict("server"), "ok", "looked for with another port");
}

#[test]
fn a_report_can_be_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = Scene::new(folder.path()).server(&[], "127.0.0.1:0", &[]);
    register(folder.path(), "alice", address);
    for json in [None, Some("--json")] {
        let more: Vec<&str> = ["--report"].into_iter().chain(json).collect();
        let output = doctor(folder.path(), "alice", Some(address), &more);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let told = text(&output.stdout);
        let place = folder.path().display().to_string();
        for word in [place.as_str(), "127.0.0.1", "alice", &address.port().to_string()] {
            assert!(!told.contains(word), "{word} in {told}");
        }
        assert!(told.contains("the server sees you at (loopback IPv4)"), "{told}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_code_2() {
    for arguments in [&["doctor", "bob"][..], &["doctor", "--udp", "x"], &["doctor", "--reports"]] {
        let output = peer(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{}", text(&output.stderr));
    }
}
