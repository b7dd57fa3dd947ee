//! Lines broken into rows of a screen.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Breaks `line`, which has no line break, into rows of at most `room` cells: at a space where
/// there is one in the second half of a row, else between characters as a reader sees them
/// (grapheme clusters). A row takes at least one, however narrow.
pub(super) fn rows(line: &str, room: usize) -> Vec<&str> {
    let mut rows = Vec::new();
    let mut rest = line;
    loop {
        let end = end_of_row(rest, room);
        let (row, next) = rest.split_at(end);
        rows.push(row);
        if next.is_empty() {
            return rows;
        }
        rest = next;
    }
}

/// The same rows; those of a line in two columns, such as `  F1, F2   help; transfers`, go on under the second
/// column where that leaves them half of the room.
#[cfg(feature = "shell")]
pub(super) fn hanging_rows(line: &str, room: usize) -> Vec<String> {
    let hang = second_column(line).filter(|column| *column <= room / 2).unwrap_or(0);
    let first = first_row(line, room);
    let rest = &line[first.len()..];
    let below = if rest.is_empty() { Vec::new() } else { rows(rest, room - hang) };
    let below = below.into_iter().map(|row| format!("{}{row}", " ".repeat(hang)));
    core::iter::once(first.to_owned()).chain(below).collect()
}

/// The cell in which the second column begins: behind a gap, in a line that is indented.
#[cfg(feature = "shell")]
fn second_column(line: &str) -> Option<usize> {
    let columns = line.strip_prefix("  ")?.trim_start();
    let (_, second) = columns.split_once("  ")?;
    let second = second.trim_start();
    (!second.is_empty()).then(|| cells(&line[..line.len() - second.len()]))
}

/// The first of these rows, without a look at the rest.
#[cfg(feature = "shell")]
pub(super) fn first_row(line: &str, room: usize) -> &str {
    &line[..end_of_row(line, room)]
}

/// Cells that `text` takes.
#[cfg(any(test, feature = "shell"))]
pub(super) fn cells(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// As much of `text` as fits into `room` cells, an ellipsis at its end when that is not all.
#[cfg(any(test, feature = "shell"))]
pub(super) fn cut(text: &str, room: usize) -> String {
    if cells(text) <= room {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut short = String::new();
    for grapheme in text.graphemes(true) {
        taken += grapheme.width();
        if taken + 1 > room {
            break;
        }
        short.push_str(grapheme);
    }
    if room > 0 {
        short.push('…');
    }
    short
}

fn end_of_row(rest: &str, room: usize) -> usize {
    let mut taken = 0;
    let mut after_space = None;
    for (at, grapheme) in rest.grapheme_indices(true) {
        taken += grapheme.width();
        if taken > room {
            let first = rest.graphemes(true).next().map_or(0, str::len);
            return after_space.unwrap_or(at).max(first);
        }
        if grapheme == " " && taken > room / 2 {
            after_space = Some(at + 1);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_end_at_spaces_and_never_inside_a_character() {
        assert_eq!(rows("", 5), [""]);
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(rows("世界世界", 5), ["世界", "世界"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(rows("世", 1), ["世"]);
    }

    #[test]
    fn a_second_column_is_kept() {
        let rows = |line| hanging_rows(line, 20);
        assert_eq!(
            rows("  Tab   complete a name or a path"),
            ["  Tab   complete a ", "        name or a ", "        path"]
        );
        assert_eq!(rows("  Tab   complete"), ["  Tab   complete"]);
        assert_eq!(rows("Tab   complete a name or"), ["Tab   complete a ", "name or"]);
        assert_eq!(rows("  Ctrl-Alt-Home   the oldest"), ["  Ctrl-Alt-Home   ", "the oldest"]);
        assert_eq!(rows("  one two three four five"), ["  one two three ", "four five"]);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell…");
        assert_eq!(cut("世界世界", 4), "世…");
        assert_eq!(cut("x", 0), "");
    }

    proptest! {
        #[test]
        fn rows_are_the_line_and_fit(line in "[ a-z世\u{301}]{0,60}", room in 2_usize..20) {
            let rows = rows(&line, room);
            prop_assert_eq!(&rows.concat(), &line);
            prop_assert!(rows.iter().all(|row| cells(row) <= room));
        }
    }
}
