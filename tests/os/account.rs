//! An account's password and keys, as the real programs handle them.

use sim::programs::{Process, Scene};

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
