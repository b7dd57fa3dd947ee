//! The full screen on a terminal, made by `script` of util-linux and read by a terminal emulator.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use sim::programs::{PATIENCE, Scene, program};
use wire::net::Clock;

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// A program on a terminal, and what stands on it.
struct Terminal {
    child: Child,
    shown: Receiver<Vec<u8>>,
    emulator: vt100::Parser,
    /// All bytes that the terminal got.
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts `peer`; `None` where there is no `script`.
    fn start(folder: &Path, server: std::net::SocketAddr, before: &str) -> Option<Self> {
        let command = format!(
            "stty rows {ROWS} cols {COLUMNS}; {before} {} --server {server} --data {} --download-dir {}; \
             echo \"left with $?\"; stty -a",
            program("peer").display(),
            folder.join("data").display(),
            folder.display()
        );
        let mut child = Command::new("/usr/bin/script")
            .args(["-q", "-e", "-f", "-c", &command, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
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
        let emulator = vt100::Parser::new(ROWS, COLUMNS, 0);
        Some(Self { child, shown, emulator, bytes: Vec::new() })
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    fn await_screen(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let clock = Clock::start();
        let end = clock.now() + PATIENCE;
        while !wanted(self.emulator.screen()) {
            let left = end - clock.now();
            match self.shown.recv_timeout(left) {
                Ok(bytes) => {
                    self.emulator.process(&bytes);
                    self.bytes.extend(bytes);
                }
                Err(_) => panic!("no {what} on\n{}", self.emulator.screen().contents()),
            }
        }
    }

    /// Waits until `wanted` stands on the screen.
    #[track_caller]
    fn await_text(&mut self, wanted: &str) {
        self.await_screen(wanted, |screen| screen.contents().contains(wanted));
    }

    /// Waits until the line with the cursor begins so.
    #[track_caller]
    fn await_prompt(&mut self, prompt: &str) {
        self.await_screen(prompt, |screen| {
            let row = usize::from(screen.cursor_position().0);
            screen.rows(0, COLUMNS).nth(row).is_some_and(|line| line.starts_with(prompt))
        });
    }

    fn type_text(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(text.as_bytes()).expect("it reads");
    }

    fn type_line(&mut self, line: &str) {
        self.type_text(&format!("{line}\r"));
    }

    /// Waits for the end of the program, after which the terminal has to be as before.
    #[track_caller]
    fn await_end(&mut self, code: i32) {
        self.await_text(&format!("left with {code}"));
        self.await_text("extproc");
        let screen = self.emulator.screen();
        let contents = screen.contents();
        for wanted in ["icanon", "echo", "isig", "icrnl"] {
            assert!(
                contents.split_whitespace().any(|word| word == wanted),
                "{wanted} in {contents}"
            );
        }
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Registers alice through the questions of the first start.
fn register(alice: &mut Terminal) {
    alice.await_prompt("[l]og in, [r]egister");
    alice.type_line("r");
    alice.await_prompt("Name: ");
    alice.type_line("alice");
    alice.await_prompt("Password: ");
    alice.type_line("hunter2 and more");
    alice.await_prompt("Again: ");
    alice.type_line("hunter2 and more");
    alice.await_text("logged in as alice");
}

/// Features S2, security acceptance D12: the questions lead to an account, and a password is
/// neither shown nor kept.
#[test]
fn the_first_start_leads_to_an_account_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut bob = scene.peer(&[], "bob", address, &[]);
    let Some(mut alice) = Terminal::start(folder.path(), address, "") else { return };
    register(&mut alice);
    alice.type_line("/msg bob");
    alice.await_prompt("bob> ");
    alice.type_line("hello from a terminal");
    bob.await_event("message", |event| event["text"] == "hello from a terminal");
    alice.await_text("✓alice: hello from a terminal");
    bob.type_line("/msg alice hi");
    alice.await_text("bob: hi");
    alice.type_line("/quit");
    alice.await_end(0);
    let shown = String::from_utf8_lossy(&alice.bytes).into_owned();
    assert!(!shown.contains("hunter2"), "{shown:?}");
    let kept = std::fs::read_to_string(folder.path().join("data/typed-lines.json")).unwrap();
    assert!(kept.contains("hello from a terminal") && !kept.contains("hunter2"), "{kept}");
}

/// Issue 4: suspended, called back, resized, hung up, told to end: the terminal is sane.
#[test]
fn the_terminal_is_given_back_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    // Its number is left where the test finds it, and it is a job of a shell that waits for it.
    let pid_file = folder.path().join("pid");
    let before = format!("sh -c 'echo $$ > {}; exec \"$@\"' sh", pid_file.display());
    let Some(mut alice) = Terminal::start(folder.path(), address, &before) else { return };
    register(&mut alice);
    let pid = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    let signal = |signal| rustix::process::kill_process(pid_of(pid), signal).unwrap();

    alice.type_text("half a line");
    alice.await_prompt("> half a line");
    signal(rustix::process::Signal::TSTP);
    alice.await_screen("plain screen", |screen| !screen.alternate_screen());
    await_stop(pid);
    signal(rustix::process::Signal::CONT);
    alice.await_prompt("> half a line");
    assert!(alice.emulator.screen().alternate_screen());

    signal(rustix::process::Signal::TERM);
    alice.await_end(143);
}

/// Waits until a process that is no child of ours is stopped (proc_pid_stat(5)).
fn await_stop(pid: i32) {
    let clock = Clock::start();
    let end = clock.now() + PATIENCE;
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    while !is_stopped() {
        assert!(clock.now() < end, "it was not stopped");
        thread::yield_now();
    }
}

fn pid_of(number: i32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(number).expect("a process")
}
