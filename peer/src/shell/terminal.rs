//! The terminal's own state: kept at the start, put back at the end, whatever happened between.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// As it was when the program started.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// Ends the mode in which pasted text comes marked, which the line editor turns on.
const PLAIN_PASTE: &[u8] = b"\x1b[?2004l";

/// Keeps the state of the terminal on standard input, and puts it back when a thread panics.
pub(super) fn keep() {
    if let Ok(state) = tcgetattr(io::stdin()) {
        let _ = BEFORE.set(state);
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
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
        if io::stdout().is_terminal() {
            let _ = io::stdout().write_all(PLAIN_PASTE);
        }
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
