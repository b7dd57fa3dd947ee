//! How the program ends, told to the shell that started it (docs/scripting.md).

/// Why the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All went as asked: delivered, received, or the user quit.
    Done = 0,
    /// Something else went wrong: the disk, the database, the network.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Kept here; it goes out when the program runs again and the other side is there.
    Queued = 3,
    /// The other side did not want it, or gave it up.
    Declined = 4,
    /// There is no such user, or no way to him.
    Unreachable = 5,
    /// You block this user.
    Blocked = 6,
    /// It did not happen in the time given.
    Timeout = 7,
    /// Wrong name or password, account locked, name taken.
    LoginFailed = 8,
    /// The server did not answer in the time given.
    NoServer = 9,
    /// Stopped from the keyboard.
    Interrupted = 130,
    /// Told to stop.
    Terminated = 143,
}

impl Exit {
    /// The number for the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        use Exit::*;
        let document = include_str!("../../../docs/scripting.md");
        let all = [
            Done,
            Failure,
            Usage,
            Queued,
            Declined,
            Unreachable,
            Blocked,
            Timeout,
            LoginFailed,
            NoServer,
            Interrupted,
            Terminated,
        ];
        for exit in all {
            let code = exit.code().to_string();
            let is_row = |line: &str| {
                let cell = line.strip_prefix("| ").and_then(|line| line.split(" |").next());
                cell.is_some_and(|cell| cell.split(", ").any(|number| number == code))
            };
            assert!(document.lines().any(is_row), "{exit:?}");
        }
    }
}
