//! QR codes (ISO/IEC 18004) out of characters, two squares in one: light ones are drawn and dark
//! ones left out, as fits a dark screen.

use qrcode::{Color, EcLevel, QrCode, Version};

/// The largest symbol: 33 squares wide. With what stands around it, 37 cells.
const LARGEST: Version = Version::Normal(4);
/// Light squares around it. The standard wants four, but for the dark screen beyond them two do.
const MARGIN: usize = 2;

/// `text` as rows of characters, or nothing when it has no room in a symbol of that size or the
/// rows none in `room` cells: too small a part of a code is worth nothing.
pub(super) fn rows(text: &str, room: Option<usize>) -> Option<Vec<String>> {
    let code = QrCode::with_version(text, LARGEST, EcLevel::L).ok()?;
    let side = code.width() + 2 * MARGIN;
    if room.is_some_and(|room| side > room) {
        return None;
    }
    let is_light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(MARGIN).filter(|at| *at < code.width());
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => code[(x, y)] == Color::Light,
            _ => y < side,
        }
    };
    let cell = |x: usize, y: usize| match (is_light(x, y), is_light(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let row = |y: usize| (0..side).map(|x| cell(x, y)).collect();
    Some((0..side).step_by(2).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::wrap::cells;

    #[test]
    fn a_code_fits_forty_columns_or_is_left_out() {
        let digits = ["01234"; 12].join(" ");
        let text = |names: &str| format!("tincan {names} {digits}");
        let code = rows(&text("alice bob"), Some(37)).unwrap();
        assert_eq!(code.len(), 19);
        assert!(code.iter().all(|row| cells(row) == 37), "{code:?}");
        assert!(rows(&text("alice bob"), Some(36)).is_none());
        assert!(rows(&text("alexandra christopher"), None).is_none(), "no room for the names");
        assert!(rows(&text("alexandra christoph"), None).is_some());
    }

    /// Read back square by square: whoever draws differently than meant shows another code.
    #[test]
    fn the_rows_are_the_code() {
        let text = "tincan alice bob 01234";
        let drawn = rows(text, None).unwrap();
        let code = QrCode::with_version(text, LARGEST, EcLevel::L).unwrap();
        let light = |x: usize, y: usize| {
            let cell = drawn[(y + MARGIN) / 2].chars().nth(x + MARGIN).unwrap();
            if (y + MARGIN).is_multiple_of(2) {
                "█▀".contains(cell)
            } else {
                "█▄".contains(cell)
            }
        };
        for y in 0..code.width() {
            for x in 0..code.width() {
                assert_eq!(light(x, y), code[(x, y)] == Color::Light, "{x} {y}");
            }
        }
        assert_eq!(drawn[0].chars().filter(|c| *c == '█').count(), 37, "a margin above");
    }
}
