//! The program on a terminal: `script` of util-linux makes one, an emulator reads it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};
use wire::net::Clock;

use crate::programs::{PATIENCE, program};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

const NO_SCRIPT: &str =
    "no terminal can be made: install `script` of util-linux (Debian's package bsdutils)";

/// A program on a terminal, and what stands on it.
pub struct Terminal {
    child: Child,
    shown: Receiver<Vec<u8>>,
    emulator: vt100::Parser,
    bytes: Vec<u8>,
    pid_file: PathBuf,
}

impl Terminal {
    /// Starts `peer` with `more` arguments.
    ///
    /// # Panics
    /// Where there is no `script`: what needs a terminal is not passed over.
    #[must_use]
    pub fn start(folder: &Path, server: SocketAddr, more: &str) -> Self {
        Self::start_asking(folder, &format!("--server {server} {more}"))
    }

    /// The same with these variables.
    ///
    /// # Panics
    /// Where there is no `script`.
    #[must_use]
    pub fn start_with(folder: &Path, server: SocketAddr, variables: &[(&str, String)]) -> Self {
        Self::run(folder, "", &format!("--server {server}"), variables)
    }

    /// The same under a shell that ignores hang-ups, as under `nohup`.
    ///
    /// # Panics
    /// Where there is no `script`.
    #[must_use]
    pub fn start_deaf(folder: &Path, server: SocketAddr) -> Self {
        Self::run(folder, "trap '' HUP; ", &format!("--server {server}"), &[])
    }

    /// The same without a server: it asks for one.
    ///
    /// # Panics
    /// Where there is no `script`.
    #[must_use]
    pub fn start_asking(folder: &Path, more: &str) -> Self {
        Self::run(folder, "", more, &[])
    }

    fn run(folder: &Path, before: &str, more: &str, variables: &[(&str, String)]) -> Self {
        let pid_file = folder.join("pid");
        // The program leaves its number, and is a job of a shell that waits for it.
        let command = format!(
            "{before}stty rows {ROWS} cols {COLUMNS}; sh -c 'echo $$ > {}; exec \"$@\"' sh {} \
             --data {} --download-dir {} {more}; echo \"left with $?\"; stty -a",
            pid_file.display(),
            program("peer").display(),
            folder.join("data").display(),
            folder.display()
        );
        let mut child = Command::new("script")
            .args(["-q", "-e", "-f", "-c", &command, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("TINCAN_STRANGERS", "talk")
            .env_remove("TINCAN_SERVER")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env_remove("SSH_CONNECTION")
            .env_remove("TMUX")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{NO_SCRIPT}: {error}"));
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
        Self { child, shown, emulator, bytes: Vec::new(), pid_file }
    }

    /// All bytes that the terminal got so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands on it.
    #[must_use]
    pub fn screen(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// The rows that stand on it, without the blanks at their ends.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        rows_of(self.screen())
    }

    /// Gives it another size, of which the program is told by SIGWINCH, as a terminal's window does.
    ///
    /// # Panics
    /// When it is gone.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let terminal = format!("/proc/{}/fd/0", self.pid().as_raw_nonzero());
        // Opened by a process without a terminal, it must not become that of this one.
        let how = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = open(terminal, how, Mode::empty()).expect("the program's own terminal");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        self.emulator.screen_mut().set_size(rows, columns);
        tcsetwinsize(terminal, size).expect("it is a terminal");
    }

    /// The number of the program.
    ///
    /// # Panics
    /// Before it shows anything.
    #[must_use]
    pub fn pid(&self) -> Pid {
        let text = std::fs::read_to_string(&self.pid_file).expect("it has started");
        text.trim().parse().ok().and_then(Pid::from_raw).expect("a number")
    }

    /// Sends the program a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// Waits until the program is stopped (proc_pid_stat(5)): it is no child of ours.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    pub fn await_stop(&self) {
        let stat = format!("/proc/{}/stat", self.pid().as_raw_nonzero());
        let is_stopped = || {
            let stat = std::fs::read_to_string(&stat).expect("it is there");
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        };
        let clock = Clock::start();
        while !is_stopped() {
            assert!(clock.now() - wire::time::Instant::ZERO < PATIENCE, "it was not stopped");
            thread::yield_now();
        }
    }

    /// Waits until the screen is as wanted.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn await_screen(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
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
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn await_text(&mut self, wanted: &str) {
        self.await_screen(wanted, |screen| screen.contents().contains(wanted));
    }

    /// Waits until the line with the cursor begins so.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn await_prompt(&mut self, prompt: &str) {
        self.await_screen(prompt, |screen| {
            let row = usize::from(screen.cursor_position().0);
            screen.rows(0, screen.size().1).nth(row).is_some_and(|line| line.starts_with(prompt))
        });
    }

    /// Presses the keys of this text.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_text(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(text.as_bytes()).expect("it reads");
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_line(&mut self, line: &str) {
        self.type_text(&format!("{line}\r"));
    }

    /// Waits for the end of the program, after which the terminal has to be as before.
    ///
    /// # Panics
    /// When it is not, or that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn await_end(&mut self, code: i32) {
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

/// The rows of a screen, without the blanks at their ends.
#[must_use]
pub fn rows_of(screen: &vt100::Screen) -> Vec<String> {
    screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
