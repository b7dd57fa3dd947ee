//! Foreign text on its way to a person: every character that could move the cursor, hide, or
//! reorder what stands beside it is replaced by something that is seen.

use unicode_width::UnicodeWidthChar;

/// Most combining marks shown on one character.
const MAX_MARKS: usize = 4;

/// `text` as one line that is safe on any terminal: line breaks and tabs become visible too.
#[must_use]
pub fn one_line(text: &str) -> String {
    filter(text, |c, out| match c {
        '\n' => out.push('↵'),
        '\t' => out.push(' '),
        _ => visible(c, out),
    })
}

/// `text` with its line breaks, otherwise as [`one_line`].
#[must_use]
pub fn lines(text: &str) -> String {
    filter(text, |c, out| match c {
        '\n' => out.push('\n'),
        '\t' => out.push_str("    "),
        _ => visible(c, out),
    })
}

/// `text` as one line of at most `max` characters, the rest shown as an ellipsis.
#[must_use]
pub fn excerpt(text: &str, max: usize) -> String {
    let head: String = text.chars().take(max).collect();
    let cut = head.len() < text.len();
    let mut line = one_line(&head);
    if cut {
        line.push('…');
    }
    line
}

fn filter(text: &str, mut put: impl FnMut(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        let is_mark = c.width() == Some(0) && !is_hazard(c);
        marks = if is_mark { marks + 1 } else { 0 };
        if marks <= MAX_MARKS {
            put(c, &mut out);
        }
    }
    out
}

fn visible(c: char, out: &mut String) {
    match c {
        // The pictures of C0 controls and DEL: U+2400 and following.
        '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
        '\u{7f}' => out.push('␡'),
        _ if is_hazard(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
        _ => out.push(c),
    }
}

/// C1 controls, bidirectional controls, invisible formatting, separators, tags, variation
/// selectors beyond the common ones, and private or unassigned planes' format characters.
const fn is_hazard(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Security acceptance H01, H02.
    #[test]
    fn hostile_text_is_seen_not_obeyed() {
        assert_eq!(one_line("a\u{1b}[2Jb"), "a␛[2Jb");
        assert_eq!(one_line("a\u{9b}2Jb"), "a<U+009B>2Jb");
        assert_eq!(one_line("x\rOK"), "x␍OK");
        assert_eq!(one_line("abc\u{202e}fdp.exe"), "abc<U+202E>fdp.exe");
        assert_eq!(one_line("a\nb\tc"), "a↵b c");
        assert_eq!(lines("a\nb\r"), "a\nb␍");
        assert_eq!(one_line("grüße 世界 👩\u{200d}💻"), "grüße 世界 👩\u{200d}💻");
    }

    /// Security acceptance H03.
    #[test]
    fn marks_do_not_pile_up() {
        let pile: String =
            core::iter::once('a').chain(core::iter::repeat_n('\u{301}', 9)).collect();
        assert_eq!(one_line(&pile).chars().count(), 1 + MAX_MARKS);
    }

    #[test]
    fn an_excerpt_says_that_it_is_one() {
        assert_eq!(excerpt("hello", 5), "hello");
        assert_eq!(excerpt("hello!", 5), "hello…");
    }

    proptest! {
        #[test]
        fn no_control_character_comes_through(text: String) {
            prop_assert!(!one_line(&text).chars().any(|c| c.is_control()));
            prop_assert!(!lines(&text).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
