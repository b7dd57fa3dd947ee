//! The real programs on loopback: what only a process can show (exit codes, the command line,
//! standard input and output, signals).

mod account;
mod arguments;
mod backup;
mod codes;
mod commands;
mod comments;
mod control;
mod crashes;
mod descriptions;
mod doctor;
mod folders;
mod live;
mod oneshot;
mod package;
mod papers;
mod playing;
mod pressure;
mod preview;
mod reload;
mod requests;
mod secrets;
mod stage;
mod stories;
mod terminal;
mod tmux;
mod watching;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs `peer` to its end with nothing on standard input.
fn peer<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    Command::new(sim::programs::program("peer"))
        .args(arguments)
        .env_remove("TINCAN_SERVER")
        .env_remove("TINCAN_STRANGERS")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it writes UTF-8")
}

/// The folder of `name` in `folder`, and the options with which he logs in by his password.
fn account(folder: &Path, name: &str) -> (PathBuf, [String; 4]) {
    let home = folder.join(name);
    fs::create_dir_all(&home).expect("a folder of our own");
    let password = home.join("password");
    fs::write(&password, format!("correct horse {name}\n")).expect("a folder of our own");
    let file = password.to_str().expect("a plain path").to_owned();
    (home, ["--user".to_owned(), name.to_owned(), "--password-file".to_owned(), file])
}

/// The options that name a user's folders, and his server.
fn options(folder: &Path, server: std::net::SocketAddr) -> Vec<String> {
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    let server = server.to_string();
    let pairs =
        [("--server", server), ("--data", path("data")), ("--download-dir", path("downloads"))];
    pairs.into_iter().flat_map(|(option, value)| [option.to_owned(), value]).collect()
}
