//! What is said about a moment of a film.

use std::borrow::Cow;

use wire::app::pin;

use crate::output::PinLine;

/// Longest name shown of a film, in characters.
const MAX_NAME: usize = 80;

/// A text with the moment that it is about before it: `[12:34 film.mp4] look`. Not filtered: what shows it
/// does that.
pub(crate) fn spoken<'a>(pin: Option<&PinLine>, text: &'a str) -> Cow<'a, str> {
    let Some(PinLine { name, position_ms, .. }) = pin else { return Cow::Borrowed(text) };
    let mut short: String = name.chars().take(MAX_NAME).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    Cow::Owned(format!("[{} {short}] {text}", pin::whole_time(*position_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(name: &str) -> PinLine {
        PinLine { id: None, name: name.to_owned(), blake3: "00".repeat(32), position_ms: 754_999 }
    }

    #[test]
    fn a_remark_stands_behind_its_moment() {
        assert_eq!(spoken(None, "look"), "look");
        assert_eq!(spoken(Some(&pin("film.mp4")), "look"), "[12:34 film.mp4] look");
        let long = spoken(Some(&pin(&"ü".repeat(100))), "/me looks");
        assert_eq!(long, format!("[12:34 {}…] /me looks", "ü".repeat(80)));
    }
}
