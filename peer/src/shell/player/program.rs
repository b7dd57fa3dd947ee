//! Programs of the person's that are started and left to themselves.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{io, thread};

use wire::app::peer::TransferId;

use crate::shell::Wake;
use crate::shell::workers::Mailbox;

/// A program that is to be started, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) struct Launch {
    pub(in crate::shell) program: PathBuf,
    pub(in crate::shell) what: What,
    /// What the person can do when it does not start.
    pub(in crate::shell) instead: String,
}

/// What a program is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) enum What {
    /// A film that is to be played.
    Film(Showing),
    /// A file that is to be opened.
    File(PathBuf),
}

/// A film that is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) struct Showing {
    pub(in crate::shell) id: TransferId,
    /// Where a player finds it.
    pub(in crate::shell) url: String,
    /// From this moment on, in milliseconds.
    pub(in crate::shell) position: Option<u64>,
    /// It waits there to be played on, together with others: only an mpv does that.
    pub(in crate::shell) is_paused: bool,
}

/// A program, and how it is started.
#[derive(Debug)]
pub(super) struct Program {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) program: PathBuf,
    /// Never part of a line for a shell.
    pub(super) arguments: Vec<OsString>,
    /// What the person can do when it does not start.
    pub(super) instead: String,
}

/// Starts it on a thread that awaits its end, which comes as [`Wake::ProgramEnded`]. That it does not
/// start, or fails, comes as [`Wake::Complaint`] then.
///
/// # Errors
/// When the operating system gives no thread.
pub(super) fn start(it: Program, mailbox: Mailbox) -> io::Result<()> {
    let await_end = move || {
        let outcome = run(&it);
        mailbox.put(Wake::ProgramEnded(it.number));
        if let Err(why) = outcome {
            let (program, instead) = (it.program.display(), &it.instead);
            mailbox.put(Wake::Complaint(format!("{program} {why}: {instead}")));
        }
    };
    thread::Builder::new().name("program".to_owned()).spawn(await_end).map(|_| ())
}

/// Runs it to its end.
///
/// # Errors
/// What to say when it fails.
fn run(it: &Program) -> Result<(), String> {
    let mut command = Command::new(&it.program);
    command.args(&it.arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // What is typed at this program's terminal, Ctrl-C too, is not for it.
    command.process_group(0);
    let status = command.status().map_err(|error| format!("cannot be started ({error})"))?;
    // That somebody ended it is no failure.
    match status.code() {
        Some(0) | None => Ok(()),
        Some(code) => Err(format!("has failed with code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    fn program(program: PathBuf, argument: &str) -> Program {
        let (arguments, instead) = (vec![argument.into()], "open it yourself.".to_owned());
        Program { number: 7, program, arguments, instead }
    }

    #[test]
    fn a_program_gets_one_argument_and_no_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let (script, seen) = (folder.path().join("a b;$(x)'\"|&"), folder.path().join("seen"));
        let lines = format!(
            "printf '%s %s\\n' \"$#\" \"$0\" >'{0}'\nreadlink /proc/$$/fd/0 >>'{0}'\nexit 3\n",
            seen.display()
        );
        fs::write(&script, lines).unwrap();
        let outcome = run(&program("/bin/sh".into(), script.to_str().unwrap()));
        assert_eq!(outcome, Err("has failed with code 3".to_owned()));
        let expected = format!("0 {}\n/dev/null\n", script.display());
        assert_eq!(fs::read_to_string(&seen).unwrap(), expected);
    }

    #[test]
    fn one_that_cannot_be_started_is_told_with_what_to_do() {
        let poll = mio::Poll::new().unwrap();
        let (mailbox, mail) =
            Mailbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        start(program("/no/such/player".into(), "x"), mailbox).unwrap();
        let end = mail.recv_timeout(Duration::from_secs(20));
        assert!(matches!(end, Ok(Wake::ProgramEnded(7))));
        let Ok(Wake::Complaint(text)) = mail.recv_timeout(Duration::from_secs(20)) else {
            panic!("nothing is told");
        };
        assert!(text.starts_with("/no/such/player cannot be started (No such file"), "{text}");
        assert!(text.ends_with("): open it yourself."), "{text}");
    }
}
