//! The terminal's own state: kept at the start, put back at the end, whatever happened between.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui_crossterm::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui_crossterm::crossterm::{cursor, event, queue, terminal};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// As it was when the program started.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// The full screen has it.
static IS_FULL: AtomicBool = AtomicBool::new(false);

/// Keeps the state of the terminal on standard input, and puts it back when a thread panics.
pub(super) fn keep() {
    if let Ok(state) = tcgetattr(io::stdin()) {
        let _ = BEFORE.set(state);
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave_full_screen();
            restore();
            report(panic);
        }));
    }
}

/// Puts it back: echo, line mode, visible typing.
pub(super) fn restore() {
    if let Some(state) = BEFORE.get() {
        // The terminal may be gone; then there is nothing to put back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, state);
    }
}

/// The person lets the program have the mouse on the full screen.
static TAKES_MOUSE: AtomicBool = AtomicBool::new(false);

/// Buttons and the wheel are told, as numbers (xterm's "Mouse Tracking", modes 1000 and 1006), and not each
/// movement.
const MOUSE_TAKEN: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const MOUSE_GIVEN_BACK: &str = "\u{1b}[?1006l\u{1b}[?1000l";

/// Whether the full screen has the mouse, from now on and whenever it takes the terminal again; gives what is
/// to be written for that, if it changes something.
pub(super) fn take_mouse(is_taken: bool) -> Option<&'static str> {
    let was_taken = TAKES_MOUSE.swap(is_taken, Ordering::SeqCst);
    (was_taken != is_taken).then_some(if is_taken { MOUSE_TAKEN } else { MOUSE_GIVEN_BACK })
}

/// Takes the whole terminal: keys come as they are pressed, pasted text and the focus are told.
///
/// # Errors
/// When it refuses.
pub(super) fn enter_full_screen() -> io::Result<()> {
    IS_FULL.store(true, Ordering::SeqCst);
    terminal::enable_raw_mode()?;
    let mut out = io::stdout().lock();
    // What a program left there that was killed goes.
    let clear = terminal::Clear(terminal::ClearType::All);
    queue!(
        out,
        EnterAlternateScreen,
        clear,
        event::EnableBracketedPaste,
        event::EnableFocusChange
    )?;
    if TAKES_MOUSE.load(Ordering::SeqCst) {
        out.write_all(MOUSE_TAKEN.as_bytes())?;
    }
    out.flush()
}

/// Writes a frame to the terminal, whose lock `out` is. One that comes when the screen was given back meanwhile
/// belongs to nothing any more: it would take the mouse again, and stand between the lines of the shell.
///
/// # Errors
/// When it cannot be written.
pub(super) fn put_frame(out: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    if !IS_FULL.load(Ordering::SeqCst) {
        return Ok(());
    }
    out.write_all(frame)?;
    out.flush()
}

/// Gives it back. It waits for a frame that is being written.
pub(super) fn leave_full_screen() {
    if IS_FULL.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout().lock();
        // The terminal may be gone; then there is nothing to give back. The mouse is, whether or not it is
        // wanted by now: what has changed that may stand in a frame that is not written any more.
        let _ = out.write_all(MOUSE_GIVEN_BACK.as_bytes());
        let _ = queue!(
            out,
            event::DisableFocusChange,
            event::DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = out.flush();
        let _ = terminal::disable_raw_mode();
    }
}

/// While it lives, the terminal shows nothing of what is typed.
pub(super) struct NoEcho(Option<Termios>);

impl NoEcho {
    /// From now on; before a password is asked for, so that one typed at once is not shown.
    pub(super) fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut state) = before.clone() {
            state.local_modes.remove(LocalModes::ECHO);
            // A terminal that refuses is asked again by whoever reads the password.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &state);
        }
        Self(before)
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, state);
        }
    }
}

/// Cells in a row of the terminal on standard output; `None` when it is no terminal or does not
/// know.
pub(super) fn width() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing in this process has taken the terminal.
    #[test]
    fn a_frame_that_is_late_is_not_written() {
        let mut out = Vec::new();
        put_frame(&mut out, MOUSE_TAKEN.as_bytes()).unwrap();
        assert!(out.is_empty());
    }
}
