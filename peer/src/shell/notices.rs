//! Calls a person who looks elsewhere: by the terminal's bell, by a notice of the terminal or of the
//! desktop. Not more often than once a second, however much comes.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use wire::time::{Duration, Instant};

use crate::face::tui::{Notice, Notices};

/// From one call to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// The program that puts a notice on the desktop.
const PROGRAM: &str = "notify-send";

/// See the module.
pub(super) struct Caller {
    ways: Notices,
    last: Option<Instant>,
    terminal: Kind,
    /// Looked for when it is first needed; `None` in it when there is none.
    desktop: Option<Option<Desktop>>,
}

/// What kind of terminal it is that is called through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Shows what it cannot understand.
    Console,
    /// Hands on only what is wrapped for it.
    Tmux,
    Other,
}

impl Caller {
    pub(super) fn new() -> Self {
        let is_console = env::var_os("TERM").is_some_and(|term| term == "linux");
        let terminal = match (is_console, env::var_os("TMUX").is_some()) {
            (true, _) => Kind::Console,
            (false, true) => Kind::Tmux,
            (false, false) => Kind::Other,
        };
        Self { ways: Notices::default(), last: None, terminal, desktop: None }
    }

    pub(super) const fn set_ways(&mut self, ways: Notices) {
        self.ways = ways;
    }

    /// Calls. Gives what the terminal is to get.
    pub(super) fn call(&mut self, now: Instant, notice: &Notice) -> String {
        if self.last.is_some_and(|last| now - last < PAUSE) {
            return String::new();
        }
        self.last = Some(now);
        let Notices { bell, terminal, desktop } = self.ways;
        let is_on_desktop = desktop && self.show_on_desktop(notice);
        let mut bytes = if bell { "\u{7}".to_owned() } else { String::new() };
        if terminal && !is_on_desktop {
            bytes.push_str(&of_terminal(self.terminal, notice));
        }
        bytes
    }

    /// Whether the desktop is to show it.
    fn show_on_desktop(&mut self, notice: &Notice) -> bool {
        let desktop = self.desktop.get_or_insert_with(|| Desktop::find(|name| env::var_os(name)));
        desktop.as_ref().is_some_and(|desktop| desktop.show(notice))
    }
}

/// A notice where the terminal knows how to show one (OSC 9, OSC 777). Its texts are filtered.
fn of_terminal(kind: Kind, notice: &Notice) -> String {
    let Notice { title, text } = notice;
    let plain = |text: &str| text.replace(';', ",");
    let bytes = format!(
        "\u{1b}]9;{title}: {text}\u{7}\u{1b}]777;notify;{};{}\u{7}",
        plain(title),
        plain(text)
    );
    match kind {
        Kind::Console => String::new(),
        Kind::Other => bytes,
        // Where it allows that (allow-passthrough); else it drops this.
        Kind::Tmux => format!("\u{1b}Ptmux;{}\u{1b}\\", bytes.replace('\u{1b}', "\u{1b}\u{1b}")),
    }
}

/// Puts notices on the desktop, one after the other, on a thread of its own.
struct Desktop {
    calls: SyncSender<[OsString; 2]>,
    state: Arc<State>,
}

/// What the two threads know of each other.
#[derive(Debug)]
struct State {
    /// One is being shown.
    is_busy: AtomicBool,
    /// The last one was shown.
    works: AtomicBool,
}

impl Desktop {
    /// Where there is a bus, and the desktop behind it is the one that the person sits at.
    fn find(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        if !is_set("DBUS_SESSION_BUS_ADDRESS") || is_set("SSH_CONNECTION") {
            return None;
        }
        let program = program_in(&variable("PATH")?)?;
        let (calls, called) = mpsc::sync_channel::<[OsString; 2]>(1);
        let (is_busy, works) = (AtomicBool::new(false), AtomicBool::new(true));
        let state = Arc::new(State { is_busy, works });
        let own = state.clone();
        let show = move || {
            while let Ok(texts) = called.recv() {
                own.works.store(run(&program, &texts), Ordering::Relaxed);
                own.is_busy.store(false, Ordering::Release);
            }
        };
        thread::Builder::new().name("notices".to_owned()).spawn(show).ok()?;
        Some(Self { calls, state })
    }

    /// Whether it is taken, and the one before was shown.
    fn show(&self, notice: &Notice) -> bool {
        // While one is shown, none waits.
        if self.state.is_busy.swap(true, Ordering::Acquire) {
            return false;
        }
        let texts = [notice.title.clone().into(), for_desktop(&notice.text).into()];
        self.calls.try_send(texts).is_ok() && self.state.works.load(Ordering::Relaxed)
    }
}

/// The program in one of the folders of `PATH` that are named from the root on.
fn program_in(path: &OsString) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(PROGRAM)).find(is_program)
}

/// What desktops take for marks is written as they write the character itself (Desktop Notifications
/// Specification, "Markup"), and a backslash as the program expects it (`g_strcompress`).
fn for_desktop(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' => safe.push_str("\\\\"),
            _ => safe.push(c),
        }
    }
    safe
}

/// Waits for its end, so that there is one of it and nothing is left of it. Gives whether it went well.
fn run(program: &Path, [title, text]: &[OsString; 2]) -> bool {
    let mut command = Command::new(program);
    command.args(["--app-name=Tincan", "--"]).args([title, text]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => true,
        Ok(status) => {
            tracing::info!(%status, "the desktop shows no notices");
            false
        }
        Err(error) => {
            tracing::info!(%error, "the desktop cannot be asked to show a notice");
            false
        }
    }
}

#[cfg(test)]
mod tests;
