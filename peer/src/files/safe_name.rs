//! A file name out of foreign text: one component, on any system, that cannot hide, run, or be
//! taken for an option (security acceptance I01).

use wire::app::text;

/// Longest safe name in bytes: leaves room under 255 for ` (9999)` and `.01234567.part`.
pub(super) const MAX_LEN: usize = 200;

/// Longest ending that is kept when a name is cut.
const MAX_ENDING: usize = 20;

/// What to call a file whose name has nothing to keep.
const FALLBACK: &str = "file";

/// Names of devices on Windows, whatever ending they have.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Makes one safe path component of whatever somebody calls his file.
pub(crate) fn safe_name(foreign: &str) -> String {
    let component = foreign
        .split(['/', '\\'])
        .rfind(|part| !part.trim_matches([' ', '.']).is_empty())
        .unwrap_or_default();
    let visible: String = component.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    let trimmed = visible.trim().trim_end_matches(is_trailing);
    let mut name = if trimmed.is_empty() { FALLBACK.to_owned() } else { trimmed.to_owned() };
    if name.starts_with(['.', '-', '~']) || is_device(&name) {
        name.insert(0, '_');
    }
    shorten(&name, MAX_LEN)
}

/// `name` with ` (number)` before its ending, for the second file of the same name.
pub(super) fn numbered(name: &str, number: u32) -> String {
    let (stem, ending) = split_ending(name);
    format!("{stem} ({number}){ending}")
}

/// At most `max` bytes of `name`: cut in the middle, so that the ending stays.
fn shorten(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let (stem, ending) = split_ending(name);
    let ending = if ending.len() <= MAX_ENDING { ending } else { "" };
    let mut end = max - ending.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", stem[..end].trim_end_matches(is_trailing))
}

/// Stem, and ending with its dot (empty when there is none).
fn split_ending(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// Separators and wildcards of any system, and everything that a terminal would not show as
/// itself: controls, bidirectional and invisible characters.
fn is_unsafe(c: char) -> bool {
    let mut bytes = [0; 4];
    let alone: &str = c.encode_utf8(&mut bytes);
    matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || text::one_line(alone) != alone
}

/// What Windows drops from the end of a name, so that two names would be one.
fn is_trailing(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// `COM1` and its like: also with an ending, and with superscript digits.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            let mut digits = rest.chars();
            matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
        })
    };
    DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    /// Security acceptance I01.
    #[test]
    fn hostile_names_become_one_component() {
        for (foreign, safe) in [
            ("film.mp4", "film.mp4"),
            ("Ferien in Köln 2.mkv", "Ferien in Köln 2.mkv"),
            ("../x", "x"),
            ("/x", "x"),
            ("/etc/passwd", "passwd"),
            (r"C:\x", "x"),
            (r"\\h\s", "s"),
            ("x/../../y", "y"),
            ("x/", "x"),
            ("x/..", "x"),
            (".", "file"),
            ("..", "file"),
            ("...", "file"),
            ("../..", "file"),
            ("", "file"),
            ("   ", "file"),
            (".bashrc", "_.bashrc"),
            ("-rf", "_-rf"),
            ("~root", "_~root"),
            ("NUL", "_NUL"),
            ("nul.txt", "_nul.txt"),
            ("nul .txt", "_nul .txt"),
            ("COM1", "_COM1"),
            ("COM¹", "_COM¹"),
            ("lpt9.mp4", "_lpt9.mp4"),
            ("COM10", "COM10"),
            ("a:b", "a_b"),
            ("a|b>c<d*e?f\"g", "a_b_c_d_e_f_g"),
            ("x. . .", "x"),
            (" x ", "x"),
            ("a\0b\nc\x1b[2J", "a_b_c_[2J"),
            ("gpj.\u{202e}4pm.exe", "gpj._4pm.exe"),
            ("\u{200b}.ssh", "_.ssh"),
            ("a\u{2028}b", "a_b"),
        ] {
            assert_eq!(safe_name(foreign), safe, "{foreign:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = format!("{}.mp4", "ä".repeat(200));
        let safe = safe_name(&long);
        assert!(safe.len() <= MAX_LEN && safe.ends_with("ä.mp4"));
        let all_ending = format!("a.{}", "b".repeat(300));
        assert_eq!(safe_name(&all_ending).len(), 1);
        assert_eq!(safe_name(&"x".repeat(300)).len(), MAX_LEN);
    }

    #[test]
    fn a_number_goes_before_the_ending() {
        assert_eq!(numbered("film.mp4", 2), "film (2).mp4");
        assert_eq!(numbered("film", 3), "film (3)");
        assert_eq!(numbered("_.bashrc", 2), "_ (2).bashrc");
    }

    proptest! {
        #[test]
        fn any_text_gives_one_safe_component(text in any::<String>()) {
            let safe = safe_name(&text);
            let components: Vec<_> = Path::new(&safe).components().collect();
            prop_assert!(matches!(components[..], [Component::Normal(_)]));
            prop_assert!(!safe.is_empty() && safe.len() <= MAX_LEN);
            prop_assert!(!safe.starts_with(['.', '-', '~', ' ']));
            prop_assert!(!safe.ends_with(['.', ' ']));
            prop_assert!(!safe.contains(['/', '\\', ':']) && !safe.chars().any(char::is_control));
            prop_assert_eq!(safe_name(&safe), safe);
        }
    }
}
