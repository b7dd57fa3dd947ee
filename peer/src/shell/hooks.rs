//! Programs of the user's own that are told of messages and files. They get what is told as
//! arguments, never as a line for a shell, so that no text of others is ever obeyed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::{io, thread};

use crate::face::pins::spoken;
use crate::output::Output;
use crate::work::Direction;

/// Most calls that wait for the one before to end.
const MAX_WAITING: usize = 256;

/// Which programs are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Programs {
    /// For each message: `PROGRAM FROM TEXT`.
    pub(super) on_message: Option<PathBuf>,
    /// For each file, or folder as a whole, that is there: `PROGRAM FROM PATH`.
    pub(super) on_file: Option<PathBuf>,
}

/// Calls them, one after the other, on a thread of its own.
pub(super) struct Hooks {
    programs: Programs,
    calls: Option<SyncSender<Vec<OsString>>>,
}

impl Hooks {
    /// Ready to call.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn start(programs: Programs) -> io::Result<Self> {
        let mut hooks = Self { programs: Programs::default(), calls: None };
        hooks.set_programs(programs)?;
        Ok(hooks)
    }

    /// From now on these are called.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn set_programs(&mut self, programs: Programs) -> io::Result<()> {
        let is_needed = programs.on_message.is_some() || programs.on_file.is_some();
        self.programs = programs;
        if is_needed && self.calls.is_none() {
            let (calls, called) = mpsc::sync_channel::<Vec<OsString>>(MAX_WAITING);
            thread::Builder::new().name("hooks".to_owned()).spawn(move || {
                while let Ok(words) = called.recv() {
                    run(&words);
                }
            })?;
            self.calls = Some(calls);
        }
        Ok(())
    }

    /// The core told something. Gives back a complaint when a program is too slow to be called
    /// for this.
    pub(super) fn on_output(&self, output: &Output) -> Option<&'static str> {
        let words = if let Output::Message { from, room, text, pin, .. } = output {
            // No argument can hold a NUL.
            let text = spoken(pin.as_ref(), text).replace('\0', "\u{fffd}").into();
            let mut words = words(self.programs.on_message.as_ref(), from, text)?;
            words.extend(room.iter().map(OsString::from));
            words
        } else if let Output::File { file } = output
            && file.direction == Direction::Receiving
            && file.folder.is_none()
            && file.state == "complete"
        {
            let path = file.path.clone().unwrap_or_default();
            words(self.programs.on_file.as_ref(), &file.with, path.into())?
        } else {
            return None;
        };
        match self.calls.as_ref()?.try_send(words) {
            Err(TrySendError::Full(_)) => {
                Some("a program of --on-message or --on-file is too slow: it was not told of this.")
            }
            Ok(()) | Err(TrySendError::Disconnected(_)) => None,
        }
    }
}

fn words(program: Option<&PathBuf>, from: &str, what: OsString) -> Option<Vec<OsString>> {
    Some(vec![program?.into(), from.into(), what])
}

fn run(words: &[OsString]) {
    let Some((program, arguments)) = words.split_first() else { return };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::warn!(?program, %status, "a program that was called failed"),
        Err(error) => tracing::warn!(?program, %error, "a program cannot be called"),
    }
}
