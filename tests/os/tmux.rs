//! The full screen under tmux, which passes on what is drawn and typed in a way of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use sim::programs::{PATIENCE, Scene, program};
use wire::net::Clock;
use wire::time::Instant;

use crate::text;

/// A tmux of its own, with one window of 80 columns and 24 rows; ended with the test.
struct Tmux {
    folder: PathBuf,
}

impl Tmux {
    /// Its socket stands in `folder`.
    fn start(folder: &Path, command: &str) -> Self {
        let tmux = Self { folder: folder.to_owned() };
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", command]);
        tmux
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", "tincan", "-f", "/dev/null", "-u"]).args(words);
        command.env("TMUX_TMPDIR", &self.folder).env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        command.env_remove("TINCAN_SERVER").env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env("TINCAN_STRANGERS", "talk");
        command
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("install `tmux`");
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Presses keys, by their names in tmux.
    fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    fn type_line(&self, line: &str) {
        self.run(&["send-keys", "-l", line]);
        self.press(&["Enter"]);
    }

    /// What stands in the window.
    fn shown(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// A variable of the window's.
    fn is(&self, variable: &str) -> bool {
        self.run(&["display-message", "-p", &format!("#{{{variable}}}")]).trim_end() == "1"
    }

    /// Looks again and again until the window is as wanted.
    #[track_caller]
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let clock = Clock::start();
        loop {
            let shown = self.shown();
            if wanted(&shown) {
                return shown;
            }
            assert!(clock.now() - Instant::ZERO < PATIENCE, "no {what} in\n{shown}");
            std::thread::yield_now();
        }
    }

    /// Waits until the last line in which something stands begins so.
    #[track_caller]
    fn await_prompt(&self, prompt: &str) {
        self.until(prompt, |shown| {
            shown.trim_end().lines().last().is_some_and(|line| line.starts_with(prompt.trim_end()))
        });
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

/// A person's way through it: the questions, a message each way, keys with Alt, another size, the end.
#[test]
fn the_full_screen_is_whole_under_tmux() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let command = format!(
        "{} --server {address} --data {} --download-dir {}; echo left with $?; stty -a; cat",
        program("peer").display(),
        folder.path().join("data").display(),
        folder.path().display()
    );
    let tmux = Tmux::start(folder.path(), &command);
    tmux.await_prompt("[l]og in, [r]egister");
    assert!(tmux.is("alternate_on"));
    tmux.type_line("r");
    for (prompt, answer) in
        [("Name:", "alice"), ("Password:", "hunter2 and more"), ("Again:", "hunter2 and more")]
    {
        tmux.await_prompt(prompt);
        tmux.type_line(answer);
    }
    let shown = tmux.until("login", |shown| shown.contains("logged in as alice"));
    assert!(!shown.contains("hunter2"), "{shown}");

    bob.type_line("/msg alice grüße 界");
    tmux.until("activity", |shown| shown.contains("2:bob(1)"));
    tmux.press(&["M-a"]);
    tmux.await_prompt("bob>");
    assert!(tmux.shown().contains("bob: grüße 界"), "{}", tmux.shown());
    tmux.type_line("hello from tmux");
    bob.await_event("message", |event| event["text"] == "hello from tmux");
    tmux.until("mark", |shown| shown.contains("✓alice: hello from tmux"));

    tmux.run(&["send-keys", "-l", "half a line"]);
    tmux.await_prompt("bob> half a line");
    let is_whole = |shown: &str, rows: usize| {
        let lines: Vec<&str> = shown.trim_end().lines().collect();
        lines.len() == rows
            && lines[0].starts_with(" bob")
            && lines[rows - 2].contains("[alice]")
            && lines[rows - 1].starts_with("bob> half a line")
            && shown.contains("hello from tmux")
    };
    tmux.run(&["resize-window", "-x", "40", "-y", "10"]);
    tmux.until("small screen", |shown| is_whole(shown, 10));
    tmux.run(&["resize-window", "-x", "80", "-y", "24"]);
    tmux.until("large screen", |shown| is_whole(shown, 24));

    tmux.press(&["C-u"]);
    tmux.type_line("/quit");
    let shown = tmux.until("end", |shown| shown.contains("extproc"));
    assert!(shown.contains("left with 0"), "{shown}");
    for wanted in ["icanon", "echo", "isig", "icrnl"] {
        assert!(shown.split_whitespace().any(|word| word == wanted), "{wanted} in {shown}");
    }
    assert!(!tmux.is("alternate_on") && tmux.is("cursor_flag"));
}
