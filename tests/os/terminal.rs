//! The program on a terminal, made by `script` of util-linux.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use sim::programs::{PATIENCE, Scene, program};

/// A program on a terminal, and what stands on it.
struct Terminal {
    child: Child,
    shown: Receiver<Vec<u8>>,
    /// Everything shown so far.
    text: String,
    /// Up to here it was awaited.
    seen: usize,
}

impl Terminal {
    /// Starts `peer`; `None` where there is no `script`.
    fn start(folder: &Path, server: std::net::SocketAddr) -> Option<Self> {
        let command = format!(
            "{} --server {server} --data {} --download-dir {}",
            program("peer").display(),
            folder.join("data").display(),
            folder.display()
        );
        let mut child = Command::new("/usr/bin/script")
            .args(["-q", "-e", "-f", "-c", &command, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut output = child.stdout.take().expect("piped");
        let (sender, shown) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self { child, shown, text: String::new(), seen: 0 })
    }

    /// Waits until `wanted` stands there after what was awaited before.
    #[track_caller]
    fn await_text(&mut self, wanted: &str) {
        loop {
            if let Some(at) = self.text[self.seen..].find(wanted) {
                self.seen += at + wanted.len();
                return;
            }
            match self.shown.recv_timeout(PATIENCE) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("no {wanted:?} in {:?}", self.text),
            }
        }
    }

    fn type_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(format!("{line}\r").as_bytes()).expect("it reads");
    }

    /// Waits for the end and gives everything shown.
    fn finish(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("a child of ours");
        for bytes in self.shown.try_iter() {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.code(), std::mem::take(&mut self.text))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Features S2, security acceptance D12: the menu leads to an account, and a password is neither
/// shown nor kept.
#[test]
fn the_first_start_leads_to_an_account_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let Some(mut alice) = Terminal::start(folder.path(), address) else { return };
    alice.await_text("[r]egister");
    alice.type_line("r");
    alice.await_text("Name: ");
    alice.type_line("alice");
    alice.await_text("Password: ");
    alice.type_line("hunter2 and more");
    alice.await_text("again: ");
    alice.type_line("hunter2 and more");
    alice.await_text("logged in as alice");
    alice.type_line("/msg bob");
    alice.await_text("bob> ");
    alice.type_line("hello from a terminal");
    bob.await_event("message", |event| event["text"] == "hello from a terminal");
    bob.type_line("/msg alice hi");
    alice.await_text("<bob>");
    alice.await_text("bob> ");
    alice.type_line("/quit");
    let (code, shown) = alice.finish();
    assert_eq!(code, Some(0), "{shown:?}");
    assert!(!shown.contains("hunter2"), "{shown:?}");
    let kept = std::fs::read_to_string(folder.path().join("data/typed-lines")).unwrap();
    assert!(kept.contains("hello from a terminal") && !kept.contains("hunter2"), "{kept}");
}
