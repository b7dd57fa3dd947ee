//! Faces: how what the core tells is shown. Pure functions of [`Output`](crate::output::Output)
//! and the time, so that each is tested without a terminal.

pub mod asking;
pub mod exit;
pub mod json;
pub mod oneshot;
pub mod plain;
pub mod progress;
mod qr;
mod rooms;
#[cfg(feature = "shell")]
pub mod tui;
pub mod units;
mod wrap;

/// Something to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line that stays (or several, separated by line breaks).
    Text(String),
    /// A line about something that goes on: the next one takes its place where the screen allows
    /// it. Only given to faces of a person.
    Progress(String),
}

#[cfg(test)]
pub(crate) mod samples;
