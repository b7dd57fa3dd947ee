//! Faces: how what the core tells is shown. Pure functions of [`Output`](crate::output::Output)
//! and the time, so that each is tested without a terminal.

pub mod asking;
pub mod exit;
pub(crate) mod films;
mod folders;
pub mod json;
pub mod oneshot;
mod people;
pub(crate) mod pins;
pub mod plain;
pub mod progress;
mod qr;
mod quotes;
mod requests;
mod rooms;
#[cfg(feature = "shell")]
pub mod tui;
pub mod units;
mod viewing;
mod watching;
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

/// What somebody does instead of saying it: behind `/me`, where a text begins with that (XEP-0245).
pub(crate) fn action(text: &str) -> Option<&str> {
    text.strip_prefix("/me ").map(str::trim_start).filter(|done| !done.is_empty())
}

/// A text in one line: what somebody does behind his name.
#[cfg(feature = "shell")]
fn in_short(from: &str, text: &str, max: usize) -> String {
    match action(text) {
        Some(done) => wire::app::text::excerpt(&format!("* {from} {done}"), max),
        None => wire::app::text::excerpt(text, max),
    }
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_does_stands_behind_a_word() {
        assert_eq!(action("/me  waves\nand goes"), Some("waves\nand goes"));
        for text in ["/me", "/me ", "/men at work", " /me waves", "me waves", ""] {
            assert_eq!(action(text), None, "{text}");
        }
    }
}
