//! Command lines that make no sense, and machines that do not play along.

use std::net::UdpSocket;

use crate::{peer, text};

/// Runs `peer` and gives its exit code and the one line on standard error.
fn complaint(arguments: &[&str]) -> (i32, String) {
    let output = peer(arguments);
    let error = text(&output.stderr);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
    assert!(error.starts_with("peer: "), "{error}");
    (output.status.code().expect("not killed"), error)
}

#[test]
fn a_wrong_command_line_is_one_clear_line_and_code_2() {
    for (arguments, word) in [
        (&["--udp", "65536"][..], "65536"),
        (&["--server", "host:0"], "host:0"),
        (&["--server", "host:99999"], "99999"),
        (&["--bind", "everywhere"], "everywhere"),
        (&["msg", "bob"], "TEXT"),
        (&["msg", "bob", ""], "empty"),
        (&["send", "#team", "film.mp4"], "one user"),
        (&["--password", "secret"], "--password"),
        (&["--json", "--plain"], "--plain"),
    ] {
        let (code, line) = complaint(arguments);
        assert_eq!(code, 2, "{line}");
        assert!(line.contains(word), "{line}");
    }
}

#[test]
fn a_script_must_name_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (code, line) = complaint(&["--data", data.to_str().unwrap(), "--plain"]);
    assert_eq!(code, 2);
    assert!(line.contains("--server"), "{line}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (code, line) = complaint(&[
        "--server",
        "127.0.0.1:9",
        "--bind",
        "127.0.0.1",
        "--udp",
        &port,
        "--data",
        data.to_str().unwrap(),
    ]);
    assert_eq!(code, 1);
    assert!(line.contains(&port) && line.contains("--udp"), "{line}");
}

#[test]
fn help_and_version_are_answers() {
    for argument in ["--help", "--version", "-h"] {
        let output = peer(&[argument]);
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
    assert!(text(&peer(&["--help"]).stdout).contains("--server"));
}

#[test]
fn a_file_that_is_not_there_is_said_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (code, line) = complaint(&[
        "--server",
        "127.0.0.1:9",
        "--data",
        data.to_str().unwrap(),
        "send",
        "bob",
        "/no/such.mp4",
    ]);
    assert_eq!(code, 1);
    assert!(line.contains("/no/such.mp4"), "{line}");
}
