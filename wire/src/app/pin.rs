//! Comments on films: texts that are about a moment of a file.
//!
//! What a text is about stands in its first line, a [`Pin`]. So it goes every way that texts go, in rooms
//! and letters too, signed and kept as they are; and a program that does not know of pins shows something
//! that can be read.
//!
//! ```text
//! /at 1:02:34.500 af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262 holiday film.mp4
//! look at the left
//! ```

use super::peer::MAX_FILE_NAME;

/// The last moment that can be named, in milliseconds: one short of ten thousand hours.
pub const MAX_POSITION: u64 = 10_000 * 3_600_000 - 1;

/// Most bytes of a pin in a text, with its line break.
pub const MAX_LINE: usize = MARK.len() + "9999:59:59.999".len() + 1 + ROOT + 1 + MAX_FILE_NAME + 1;

const MARK: &str = "/at ";
/// Hexadecimal digits of a BLAKE3 root.
const ROOT: usize = 64;

/// A moment of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    root: [u8; 32],
    position: u64,
    name: String,
}

impl Pin {
    /// The moment `position`, in milliseconds, of the file with this BLAKE3 root. Of the name, control
    /// characters become blanks, and what is too long is cut off.
    #[must_use]
    pub fn new(root: [u8; 32], position: u64, name: &str) -> Self {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let mut short: String = name.chars().map(plain).collect();
        short.truncate(short.floor_char_boundary(MAX_FILE_NAME));
        if short.is_empty() {
            short.push('?');
        }
        Self { root, position: position.min(MAX_POSITION), name: short }
    }

    /// BLAKE3 of the file's contents: what both ends know it by.
    #[must_use]
    pub const fn root(&self) -> [u8; 32] {
        self.root
    }

    /// Milliseconds from the beginning of the film.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// What its author calls the file: foreign text, and a claim.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A text with this remark about the moment [W-120].
    #[must_use]
    pub fn before(&self, remark: &str) -> String {
        let root = blake3::Hash::from_bytes(self.root).to_hex();
        format!("{MARK}{} {root} {}\n{remark}", time(self.position), self.name)
    }

    /// What a text is about, and the remark; `None` of a text that is about no moment [W-121].
    #[must_use]
    pub fn split(text: &str) -> Option<(Self, &str)> {
        let (line, remark) = text.strip_prefix(MARK)?.split_once('\n')?;
        let (time, rest) = line.split_once(' ')?;
        let (root, name) = rest.split_once(' ')?;
        let is_lower = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if root.len() != ROOT || !root.bytes().all(is_lower) || remark.trim().is_empty() {
            return None;
        }
        let root = *blake3::Hash::from_hex(root).ok()?.as_bytes();
        let pin = Self::new(root, parse_time(time)?, name);
        // Whatever could not be said here is no name.
        (pin.name == name).then_some((pin, remark))
    }
}

/// A moment, in milliseconds, as `mm:ss` or `h:mm:ss`, with `.fff` where there are any.
#[must_use]
pub fn time(position: u64) -> String {
    let rest = position % 1000;
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:03}") };
    whole_time(position) + &fraction
}

/// The same in whole seconds.
#[must_use]
pub fn whole_time(position: u64) -> String {
    let seconds = position / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A moment in milliseconds, written as [`time`] writes it or shorter: `[h:]m:ss[.f]`.
#[must_use]
pub fn parse_time(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.rsplit(':');
    let seconds = number(parts.next()?, 2..=2, 59)?;
    let minutes = parts.next()?;
    let position = match parts.next() {
        None => number(minutes, 1..=2, 59)? * 60 + seconds,
        Some(hours) => {
            let minutes = number(minutes, 2..=2, 59)?;
            (number(hours, 1..=4, 9999)? * 60 + minutes) * 60 + seconds
        }
    };
    let milliseconds = milliseconds(fraction).filter(|_| parts.next().is_none())?;
    Some(position * 1000 + milliseconds)
}

/// What stands behind the point of seconds, one to three digits.
#[must_use]
pub fn milliseconds(fraction: &str) -> Option<u64> {
    let digits = number(fraction, 1..=3, 999)?;
    Some(digits * [100, 10, 1].get(fraction.len() - 1)?)
}

fn number(digits: &str, len: core::ops::RangeInclusive<usize>, most: u64) -> Option<u64> {
    let is_number = len.contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    fn root() -> [u8; 32] {
        *blake3::hash(b"").as_bytes()
    }

    /// [W-120] byte by byte.
    #[test]
    fn a_pin_is_the_first_line_of_a_text() {
        let pin = Pin::new(root(), 3_754_500, "holiday film.mp4");
        let text = pin.before("look at the left\nand there");
        assert_eq!(
            text,
            format!("/at 1:02:34.500 {HEX} holiday film.mp4\nlook at the left\nand there")
        );
        assert_eq!(Pin::split(&text), Some((pin.clone(), "look at the left\nand there")));
        assert_eq!(
            (pin.root(), pin.position(), pin.name()),
            (root(), 3_754_500, "holiday film.mp4")
        );
    }

    /// [W-121] A text is what it says, unless its first line is exactly a pin.
    #[test]
    fn any_other_text_is_a_text() {
        let whole = format!("/at 12:34 {HEX} a film.mp4\nlook");
        assert!(Pin::split(&whole).is_some());
        let long = "x".repeat(MAX_FILE_NAME + 1);
        for text in [
            String::new(),
            "/at".to_owned(),
            "/at 12:34 look".to_owned(),
            format!(" {whole}"),
            whole.replace("/at", "/AT"),
            whole.replace("\nlook", ""),
            whole.replace("look", " \n"),
            whole.replace("12:34", "12"),
            whole.replace("12:34", "12:34 "),
            whole.replace("12:34", "-2:34"),
            whole.replace(HEX, &HEX.to_uppercase()),
            whole.replace(HEX, &HEX[1..]),
            whole.replace(HEX, &format!("{HEX}0")),
            whole.replace("a film.mp4", ""),
            whole.replace(" a film.mp4", ""),
            whole.replace("a film", "a\rfilm"),
            whole.replace("a film", "a\u{9b}film"),
            whole.replace("a film.mp4", &long),
        ] {
            assert_eq!(Pin::split(&text), None, "{text:?}");
        }
    }

    #[test]
    fn any_name_becomes_one_that_can_be_said() {
        let name = |name: &str| Pin::new(root(), 0, name).name().to_owned();
        let longest = Pin::new(root(), MAX_POSITION, &"x".repeat(MAX_FILE_NAME));
        assert_eq!(longest.before("").len(), MAX_LINE);
        assert_eq!(name("a\nfilm\u{1b}[2J.mp4"), "a film [2J.mp4");
        assert_eq!(name(""), "?");
        assert_eq!(name(&"ü".repeat(MAX_FILE_NAME)).len(), MAX_FILE_NAME);
        assert_eq!(name(&format!("x{}", "ü".repeat(MAX_FILE_NAME))).len(), MAX_FILE_NAME - 1);
    }

    #[test]
    fn moments_are_written_as_players_show_them() {
        for (position, written, whole) in [
            (0, "00:00", "00:00"),
            (754_000, "12:34", "12:34"),
            (754_050, "12:34.050", "12:34"),
            (3_599_999, "59:59.999", "59:59"),
            (3_600_000, "1:00:00", "1:00:00"),
            (MAX_POSITION, "9999:59:59.999", "9999:59:59"),
        ] {
            assert_eq!((time(position).as_str(), whole_time(position).as_str()), (written, whole));
            assert_eq!(parse_time(written), Some(position));
        }
        for (typed, position) in [("2:05", 125_000), ("0:00.5", 500), ("1:02:03.25", 3_723_250)] {
            assert_eq!(parse_time(typed), Some(position), "{typed}");
        }
        for wrong in [
            "",
            ":",
            "12",
            "12:",
            ":34",
            "12:3",
            "12:60",
            "60:00",
            "1:60:00",
            "1:2:03",
            "1:1:1:1",
            "10000:00:00",
            "12:34.",
            "12:34.1234",
            "12:34.5.6",
            "+2:34",
            "1 2:34",
            "١٢:34",
            "99999999999999999999:00:00",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(position in 0..=MAX_POSITION, name: String, remark: String) {
            prop_assume!(!remark.trim().is_empty());
            let pin = Pin::new(root(), position, &name);
            let text = pin.before(&remark);
            prop_assert_eq!(Pin::split(&text), Some((pin, remark.as_str())));
        }

        #[test]
        fn no_text_is_too_odd(text: String) {
            if let Some((pin, remark)) = Pin::split(&text) {
                prop_assert!(!pin.name().contains(char::is_control) && !remark.is_empty());
            }
        }
    }
}
