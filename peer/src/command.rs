//! What a person or a script asks: the commands, and the parser of typed lines.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// A command, parsed and with its arguments checked for form (not yet for meaning).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make an account and log in.
    Register {
        /// As typed.
        name: String,
        /// Prompted for by the face, read from a file, or sent in JSON: never on a command line.
        password: Zeroizing<String>,
    },
    /// Log in with a password.
    Login {
        /// As typed.
        name: String,
        /// See above.
        password: Zeroizing<String>,
    },
    /// End the session; the program stays.
    Logout,
    /// Send a text to a user.
    Message {
        /// As typed.
        to: String,
        /// The text.
        text: String,
    },
    /// Who is online; names that contain the filter.
    Who {
        /// Part of a name.
        filter: Option<String>,
    },
    /// When a user was last seen.
    Seen {
        /// As typed.
        user: String,
    },
    /// Who was on in the last so many seconds.
    SeenSince {
        /// Seconds.
        seconds: u32,
    },
    /// Block a user.
    Block {
        /// As typed.
        user: String,
    },
    /// Unblock a user.
    Unblock {
        /// As typed.
        user: String,
    },
    /// Whom do I block.
    Blocked,
    /// Offer files to a user.
    Send {
        /// As typed.
        to: String,
        /// At least one.
        paths: Vec<PathBuf>,
    },
    /// Take an offered file; the only one that is offered when `None`.
    Accept {
        /// Its short number.
        id: Option<u64>,
    },
    /// Do not take it.
    Decline {
        /// Its short number.
        id: Option<u64>,
    },
    /// List transfers.
    Files,
    /// Pause a transfer.
    Pause {
        /// Its short number.
        id: u64,
    },
    /// Go on with it.
    Resume {
        /// Its short number.
        id: u64,
    },
    /// Give it up.
    Cancel {
        /// Its short number.
        id: u64,
    },
    /// Lines of a conversation.
    History {
        /// With whom.
        with: Option<String>,
        /// How many.
        limit: u32,
    },
    /// Search all conversations.
    Search {
        /// Words.
        text: String,
    },
    /// Messages that wait.
    Outbox,
    /// Show a fingerprint: a user's, or one's own and the server's.
    Fingerprint {
        /// Whose.
        user: Option<String>,
    },
    /// Accept the new identity of a user whose key changed.
    Trust {
        /// Who.
        user: String,
    },
    /// Try the server now.
    Reconnect,
    /// Help on a command, or the overview.
    Help {
        /// On what.
        topic: Option<String>,
    },
    /// Leave.
    Quit,
}
