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
    /// Kept here, no more is known; it goes out when the program runs again and the other side is there.
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
    /// Every one, by number.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::Failure,
        Self::Usage,
        Self::Queued,
        Self::Declined,
        Self::Unreachable,
        Self::Blocked,
        Self::Timeout,
        Self::LoginFailed,
        Self::NoServer,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number for the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => {
                "Done: delivered, received, or the program was left with `/quit` or at the end of \
                 its input."
            }
            Self::Failure => {
                "Something else went wrong: the disk, the database, the network; a file could not \
                 be read or written."
            }
            Self::Usage => "The command line makes no sense; no server is named.",
            Self::Queued => {
                "Kept: the message or offer is in the data folder, and more was not awaited (`--wait \
                 kept`), or not in the time given. It goes out when the program runs again and the \
                 other side is there; asked for again, it would go out twice."
            }
            Self::Declined => "The other side declined the file, or one side cancelled it.",
            Self::Unreachable => "Not possible: there is no such user, or the message was refused.",
            Self::Blocked => "You block this user.",
            Self::Timeout => "The time was over before it happened.",
            Self::LoginFailed => {
                "The login failed: wrong name or password, a locked account, a name that is taken, \
                 no account in this data folder."
            }
            Self::NoServer => "The server did not answer in time.",
            Self::Interrupted => {
                "Stopped by Ctrl-C. Everything is closed in order; a second signal ends at once."
            }
            Self::Terminated => "Stopped by SIGTERM or SIGHUP, in the same way.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the words of the manual page, which are made of the same.
    #[test]
    fn every_code_is_documented() {
        let document = include_str!("../../../docs/scripting.md");
        let mut rows = document.lines();
        assert!(rows.any(|line| line == "| code | meaning |"));
        let expected: Vec<String> = Exit::ALL
            .iter()
            .map(|exit| format!("| {} | {} |", exit.code(), exit.meaning()))
            .collect();
        let found: Vec<&str> = rows.skip(1).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(found, expected);
        assert!(Exit::ALL.is_sorted());
    }
}
