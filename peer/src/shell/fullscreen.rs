//! The full screen on a real terminal: a thread that keeps and draws it, one that reads keys, and
//! one that writes, so that a terminal which does not read stops neither of the others.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ratatui_core::layout::Rect;
use ratatui_core::terminal::{Terminal, TerminalOptions, Viewport};
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::event::{self, Event as TerminalEvent};
use ratatui_crossterm::crossterm::terminal as screen;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use wire::app::server::Status;
use wire::net::Clock;
use wire::time::{Duration, Instant};

use super::notices::Caller;
use super::paths::Paths;
use super::typed_lines::TypedLines;
use super::workers::{self, Mailbox};
use super::{Wake, terminal};
use crate::app::Switch;
use crate::command::Window;
use crate::face::asking::Ask;
use crate::face::tui::{Act, Habits, Look, Moment, Tui};
use crate::output::{ConnectionLine, KeyMark, Output};

/// Between two drawings, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(33);
/// That keys are pressed is told no more often.
const PRESSED: Duration = Duration::from_secs(1);
/// How often the figures of connections are asked for while something is drawn anyway.
const FIGURES: Duration = Duration::from_secs(2);

/// Something for the thread that keeps the screen.
enum Item {
    Output(Box<Output>),
    Ask(Ask),
    Window(Window),
    Habits(Box<Habits>),
    Users(Vec<(String, Option<Status>)>),
    Keys(BTreeMap<String, KeyMark>),
    Nicknames(BTreeMap<String, String>),
    Connections(Vec<ConnectionLine>),
    Terminal(TerminalEvent),
    /// What was drawn last is written.
    Written,
    /// The program was stopped, and goes on.
    Continued,
    /// Stop the program until it is called to the foreground again.
    Suspend,
    End,
}

/// The full screen.
pub(super) struct FullScreen {
    items: Sender<Item>,
    /// Closed when the terminal is given back.
    gone: Receiver<()>,
}

/// What it begins with.
pub(super) struct Setting {
    pub(super) clock: Clock,
    pub(super) look: Look,
    pub(super) local_time: fn(u64) -> String,
    pub(super) typed: TypedLines,
    pub(super) paths: Paths,
}

impl FullScreen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When the terminal or the operating system refuses.
    pub(super) fn start(setting: Setting, mailbox: Mailbox) -> io::Result<Self> {
        let (items, received) = mpsc::channel();
        let (width, height) = screen::size()?;
        let frames = Arc::new(Mutex::new(Vec::new()));
        let backend = CrosstermBackend::new(Shared(frames.clone()));
        let area = Rect::new(0, 0, width, height);
        let viewport = Viewport::Fixed(area);
        let canvas = Terminal::with_options(backend, TerminalOptions { viewport })?;
        terminal::enter_full_screen()?;
        let keys = items.clone();
        // It ends with the program: nothing can end the reading of a key.
        thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&keys))?;
        let (frame, to_write) = mpsc::channel();
        let written = items.clone();
        thread::Builder::new()
            .name("terminal".to_owned())
            .spawn(move || write_frames(&to_write, &written))?;
        let Setting { clock, look, local_time, mut typed, paths } = setting;
        let paths = Box::new(move |line: &str, from| paths.complete(line, from));
        let moment = moment(&clock);
        let mut tui = Tui::new(look, local_time, paths, moment);
        tui.load_typed(typed.take());
        let mut keeper = Keeper {
            tui,
            clock,
            canvas,
            area,
            frames,
            frame,
            is_writing: false,
            is_stale: true,
            is_urgent: true,
            drawn: None,
            frames_drawn: 0,
            longest: Duration::ZERO,
            figures: None,
            pressed: None,
            typed,
            caller: Caller::new(),
            mailbox: mailbox.clone(),
        };
        thread::Builder::new().name("hang-up".to_owned()).spawn(move || await_hang_up(&mailbox))?;
        let (going, gone) = mpsc::channel();
        // Without it there would be a program that nobody sees and nobody can type to.
        workers::spawn("screen", keeper.mailbox.clone(), move || {
            let _going: Sender<()> = going;
            keeper.run(&received);
        })?;
        Ok(Self { items, gone })
    }

    pub(super) fn show(&self, output: Output) {
        self.put(Item::Output(Box::new(output)));
    }

    pub(super) fn ask(&self, ask: Ask) {
        self.put(Item::Ask(ask));
    }

    pub(super) fn window(&self, window: Window) {
        self.put(Item::Window(window));
    }

    pub(super) fn set_habits(&self, habits: Habits) {
        self.put(Item::Habits(Box::new(habits)));
    }

    pub(super) fn set_users(&self, users: Vec<(String, Option<Status>)>) {
        self.put(Item::Users(users));
    }

    pub(super) fn set_keys(&self, keys: BTreeMap<String, KeyMark>) {
        self.put(Item::Keys(keys));
    }

    pub(super) fn set_nicknames(&self, nicknames: BTreeMap<String, String>) {
        self.put(Item::Nicknames(nicknames));
    }

    pub(super) fn set_connections(&self, connections: Vec<ConnectionLine>) {
        self.put(Item::Connections(connections));
    }

    pub(super) fn continued(&self) {
        self.put(Item::Continued);
    }

    pub(super) fn suspend(&self) {
        self.put(Item::Suspend);
    }

    /// Gives the terminal back as it was, but waits for one that does not read no longer than
    /// `limit`.
    pub(super) fn end(&mut self, limit: Duration) {
        self.put(Item::End);
        let _ = self.gone.recv_timeout(limit);
    }

    fn put(&self, item: Item) {
        // Only after its end nobody takes it.
        let _ = self.items.send(item);
    }
}

/// Bytes drawn and not yet given to the writer.
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn moment(clock: &Clock) -> Moment {
    Moment { now: clock.now(), unix_ms: clock.unix_ms() }
}

fn read_keys(items: &Sender<Item>) {
    while let Ok(event) = event::read() {
        if items.send(Item::Terminal(event)).is_err() {
            return;
        }
    }
}

/// Without a terminal the program ends. There is SIGHUP too, but not for everybody: a shell that
/// ignores it keeps it from its children, and reading keys would go round in circles for ever.
fn await_hang_up(mailbox: &Mailbox) {
    let terminal = io::stdin();
    loop {
        // Asked for nothing, it tells of the end alone.
        let mut ends = [PollFd::new(&terminal, PollFlags::empty())];
        match poll(&mut ends, None) {
            Err(Errno::INTR) | Ok(0) => {}
            Err(_) => return,
            Ok(_) => return mailbox.put(Wake::NoReader),
        }
    }
}

fn write_frames(frames: &Receiver<Vec<u8>>, written: &Sender<Item>) {
    while let Ok(frame) = frames.recv() {
        // A terminal that is gone is told by `await_hang_up`.
        let _ = terminal::put_frame(&mut io::stdout().lock(), &frame);
        if written.send(Item::Written).is_err() {
            return;
        }
    }
}

/// Keeps the screen.
struct Keeper {
    tui: Tui,
    clock: Clock,
    canvas: Terminal<CrosstermBackend<Shared>>,
    area: Rect,
    frames: Arc<Mutex<Vec<u8>>>,
    frame: Sender<Vec<u8>>,
    /// A frame is being written.
    is_writing: bool,
    /// Something changed since it was drawn.
    is_stale: bool,
    /// By a key: draw at once.
    is_urgent: bool,
    drawn: Option<Instant>,
    /// How many frames there were, and what the longest took, for the log.
    frames_drawn: u64,
    longest: Duration,
    /// When the figures were asked for.
    figures: Option<Instant>,
    /// When it was told that the person does something.
    pressed: Option<Instant>,
    typed: TypedLines,
    caller: Caller,
    mailbox: Mailbox,
}

impl Keeper {
    fn run(&mut self, items: &Receiver<Item>) {
        while self.turn(items) {
            self.act();
            self.draw();
        }
        terminal::leave_full_screen();
        let longest_ms = self.longest.as_millis();
        tracing::info!(frames = self.frames_drawn, longest_ms, "the screen is given back");
    }

    /// Takes what is there, or waits for something; `false` at the end.
    fn turn(&mut self, items: &Receiver<Item>) -> bool {
        let first = match self.wait() {
            Some(limit) => items.recv_timeout(limit),
            None => items.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(item) => {
                if !self.take(item) {
                    return false;
                }
            }
            // The clock in the bar, something that is over, or a frame that was put off.
            Err(RecvTimeoutError::Timeout) => {
                self.tui.tick(moment(&self.clock));
                self.is_stale = true;
            }
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        // All of what is there is one frame.
        while let Ok(item) = items.try_recv() {
            if !self.take(item) {
                return false;
            }
        }
        true
    }

    /// How long nothing has to be done by itself.
    fn wait(&self) -> Option<Duration> {
        match self.drawn {
            _ if self.is_writing => None,
            Some(at) if self.is_stale => Some(FRAME.saturating_sub(self.clock.now() - at)),
            _ => {
                let minute = to_next_minute(self.clock.unix_ms());
                let over = self.tui.deadline().map(|at| at - self.clock.now());
                Some(over.map_or(minute, |over| over.min(minute)))
            }
        }
    }

    /// Takes one item; `false` at the end.
    fn take(&mut self, item: Item) -> bool {
        let moment = moment(&self.clock);
        self.is_stale |= !matches!(item, Item::Written);
        match item {
            Item::Output(output) => self.tui.tell(moment, &output),
            Item::Ask(ask) => self.tui.ask(ask),
            Item::Window(window) => self.tui.window(moment, window),
            Item::Habits(habits) => {
                self.caller.set_ways(habits.notices);
                if let Some(bytes) = terminal::take_mouse(habits.mouse == Switch::On) {
                    self.write(bytes);
                }
                self.tui.set_habits(*habits);
            }
            Item::Users(users) => self.tui.set_users(users),
            Item::Keys(keys) => self.tui.set_keys(keys),
            Item::Nicknames(nicknames) => self.tui.set_nicknames(nicknames),
            Item::Connections(connections) => self.tui.set_connections(&connections),
            Item::Terminal(event) => self.on_terminal(moment, &event),
            Item::Written => self.is_writing = false,
            Item::Continued => {
                // Whoever had the terminal meanwhile may have left it in any state.
                terminal::leave_full_screen();
                self.take_terminal();
            }
            Item::Suspend => self.suspend(),
            Item::End => return false,
        }
        true
    }

    fn on_terminal(&mut self, moment: Moment, event: &TerminalEvent) {
        self.is_urgent = true;
        match event {
            TerminalEvent::Key(key) => {
                self.tui.key(moment, *key);
                self.on_pressed(moment.now);
            }
            TerminalEvent::Paste(text) => {
                self.tui.paste(moment, text);
                self.on_pressed(moment.now);
            }
            TerminalEvent::FocusGained => self.tui.set_focus(true),
            TerminalEvent::FocusLost => self.tui.set_focus(false),
            TerminalEvent::Resize(width, height) => {
                self.area = Rect::new(0, 0, *width, *height);
                self.start_anew();
            }
            TerminalEvent::Mouse(event) => {
                self.tui.mouse(moment, *event);
                self.on_pressed(moment.now);
            }
        }
    }

    /// The person is there.
    fn on_pressed(&mut self, now: Instant) {
        if self.pressed.is_none_or(|at| now - at >= PRESSED) {
            self.pressed = Some(now);
            self.mailbox.put(Wake::Pressed);
        }
    }

    fn act(&mut self) {
        while let Some(act) = self.tui.poll_act() {
            match act {
                Act::Typed(typed) => self.mailbox.put(Wake::Typed(typed)),
                Act::Command(command) => self.mailbox.put(Wake::Command(command)),
                Act::Remember(window, line) => self.typed.append(window, line),
                Act::Notify(notice) => {
                    let bytes = self.caller.call(self.clock.now(), &notice);
                    self.write(&bytes);
                }
                Act::Redraw => self.start_anew(),
                Act::Suspend => self.suspend(),
            }
        }
    }

    fn draw(&mut self) {
        let is_early =
            self.drawn.is_some_and(|at| (self.clock.now() - at) < FRAME) && !self.is_urgent;
        if self.is_writing || !self.is_stale || is_early {
            return;
        }
        let begun = self.clock.now();
        // Drawn into memory: nothing can fail.
        let _ = self.canvas.draw(|frame| self.tui.draw(frame));
        let now = self.clock.now();
        self.frames_drawn += 1;
        self.longest = self.longest.max(now - begun);
        self.drawn = Some(now);
        self.is_stale = false;
        self.is_urgent = false;
        let bytes =
            std::mem::take(&mut *self.frames.lock().unwrap_or_else(PoisonError::into_inner));
        self.is_writing = !bytes.is_empty() && self.frame.send(bytes).is_ok();
        if self.figures.is_none_or(|at| now - at >= FIGURES) {
            self.figures = Some(now);
            self.mailbox.put(Wake::Figures);
        }
    }

    /// Puts bytes before those of the next frame.
    fn write(&self, bytes: &str) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.extend_from_slice(bytes.as_bytes());
    }

    /// Whatever stands on the terminal, all of it is drawn.
    fn start_anew(&mut self) {
        // Not `clear`: that asks the terminal where its cursor is, whose answer is a key to the
        // thread that reads them. Drawn into memory, this cannot fail.
        let _ = self.canvas.resize(self.area);
        self.is_stale = true;
        self.is_urgent = true;
    }

    /// Stops the whole program, as a shell expects of Ctrl-Z.
    fn suspend(&mut self) {
        terminal::leave_full_screen();
        // It goes on here when it is called to the foreground again. `Item::Continued` takes the terminal then,
        // once: whatever is typed while it is taken a second time would be read as the shell's terminal has it.
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP);
    }

    fn take_terminal(&mut self) {
        // A terminal that is gone is told by `await_hang_up`.
        let _ = terminal::enter_full_screen();
        if let Ok((width, height)) = screen::size() {
            self.area = Rect::new(0, 0, width, height);
        }
        self.start_anew();
    }
}

const fn to_next_minute(unix_ms: u64) -> Duration {
    Duration::from_millis(60_000 - unix_ms % 60_000)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::super::workers::Mailbox;
    use super::*;
    use crate::face::tui::Theme;

    /// Says to this test that it is the program on the terminal.
    const ON_TERMINAL: &str = "TINCAN_TEST_ON_TERMINAL";

    /// The full screen's own thread panics while it draws. It is the code of the program that takes the
    /// terminal, and gives it back; only what ends the program stands here.
    fn panics_on_the_full_screen() {
        terminal::keep();
        let events = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(events.registry(), mio::Token(0)).unwrap();
        let (mailbox, mail) = Mailbox::new(waker);
        let setting = Setting {
            clock: Clock::start(),
            look: Look { colour: true, unicode: true, theme: Theme::default() },
            local_time: |_| panic!("as by a fault in the program"),
            typed: TypedLines::open(PathBuf::from("typed-lines")),
            paths: Paths::new(None, PathBuf::new()),
        };
        let mut screen = FullScreen::start(setting, mailbox).unwrap();
        // It draws when there is something to draw.
        screen.set_users(Vec::new());
        let told = std::iter::from_fn(|| mail.recv_timeout(Duration::from_secs(20)).ok());
        assert!(
            told.into_iter().any(|wake| matches!(wake, Wake::LaneGone)),
            "it would stay for ever"
        );
        screen.end(Duration::from_secs(20));
    }

    /// Issue 4. The test starts itself once more, on a terminal.
    #[test]
    fn a_panic_gives_the_terminal_back_and_ends_the_program() {
        if std::env::var_os(ON_TERMINAL).is_some() {
            return panics_on_the_full_screen();
        }
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let (_, module) = module_path!().split_once("::").unwrap();
        let command = format!(
            "stty rows 24 cols 80; stty -a > before; '{}' --exact --nocapture \
             {module}::a_panic_gives_the_terminal_back_and_ends_the_program; \
             echo \"left with $?\"; stty -a > after",
            program.display()
        );
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", &command, "/dev/null"])
            .current_dir(folder.path())
            .env(ON_TERMINAL, "1")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("install `script` of util-linux (Debian's package bsdutils)");
        // Open until it is over: its end would be one of the terminal.
        let keys = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(keys);
        let shown = String::from_utf8_lossy(&output.stdout);
        let mut rest = &*shown;
        // In this order: the message is to stand on the screen that stays.
        for wanted in [
            "\u{1b}[?1049h",
            "\u{1b}[?2004l",
            "\u{1b}[?1049l",
            "\u{1b}[?25h",
            "as by a fault in the program",
            "left with 0",
        ] {
            let Some((_, behind)) = rest.split_once(wanted) else {
                panic!("no {wanted:?} in its place in {shown:?}")
            };
            rest = behind;
        }
        let state = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(state("before").contains(" echo ") && state("before").contains("24"), "a terminal");
        assert_eq!(state("after"), state("before"));
    }
}
