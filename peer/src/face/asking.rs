//! What a face is asked to read from its person, and what comes of it.

use wire::Secret;

use crate::command::Purpose;

/// What is to be read.
#[derive(Debug)]
pub enum Ask {
    /// A line, after this prompt where a person types it.
    Line(String),
    /// Whether to register or to log in, and as whom, from a person.
    Menu,
    /// A password, and the name where there is none, from a person.
    Credentials(Purpose, Option<String>),
}

/// What was read.
#[derive(Debug)]
pub enum Typed {
    /// A line.
    Line(String),
    /// A line typed in the window of this user, or in that of no user.
    InWindow(Option<String>, String),
    /// A line that cannot be taken: why.
    Unusable(&'static str),
    /// A name and a password.
    Credentials {
        /// For a new account or an old one.
        purpose: Purpose,
        /// As typed.
        name: String,
        /// As typed, without echo.
        password: Secret<String>,
    },
    /// The question was not answered.
    Cancelled,
    /// Ctrl-C at the prompt.
    Interrupt,
    /// There is no more input.
    End,
}
