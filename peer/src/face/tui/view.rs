//! Which rows of a window are in view, found from the last one upwards: only what is seen is
//! broken into rows, however long the window is.

use ratatui_core::text::Line;

use super::log::{Log, View};
use super::paint::Painter;

/// A window as rows.
pub(super) struct Rows<'a> {
    pub(super) painter: Painter<'a>,
    pub(super) log: &'a Log,
    /// The first entry that was not seen.
    pub(super) rule: Option<u64>,
}

/// One row: an entry, and which of its rows.
type Place = (u64, usize);

impl Rows<'_> {
    /// The rows of an entry, with what stands between it and the one before.
    fn of(&self, number: u64) -> Vec<Line<'static>> {
        let Some(entry) = self.log.get(number) else { return Vec::new() };
        let mut lines = Vec::new();
        let day = self.painter.day(entry);
        let before = number.checked_sub(1).and_then(|number| self.log.get(number));
        if before.is_none_or(|before| self.painter.day(before) != day) {
            lines.push(self.painter.rule(&day));
        }
        if self.rule == Some(number) {
            lines.push(self.painter.rule("new"));
        }
        lines.extend(self.painter.entry(self.log, entry));
        lines
    }

    /// The rows in view, top first; at most `height`.
    pub(super) fn visible(&self, height: usize) -> Vec<Line<'static>> {
        let Some((mut number, row)) = self.last_place() else { return Vec::new() };
        let mut lines = self.of(number);
        lines.truncate(row + 1);
        while lines.len() < height && number > self.log.first() {
            number -= 1;
            let mut above = self.of(number);
            above.append(&mut lines);
            lines = above;
        }
        lines.split_off(lines.len().saturating_sub(height))
    }

    /// Entries that are below what is in view, or go on below.
    pub(super) fn below(&self) -> u64 {
        match self.log.view {
            View::Bottom => 0,
            View::At { entry, row } => {
                let goes_on = row + 1 < self.of(entry).len();
                self.log.end().saturating_sub(entry + 1) + u64::from(goes_on)
            }
        }
    }

    /// The view moved by `by` rows towards the past. It ends where the first row is at the top.
    pub(super) fn up(&self, by: usize, height: usize) -> View {
        let Some(mut place) = self.last_place() else { return View::Bottom };
        let (mut moved, mut is_top) = (0, false);
        while moved < by && !is_top {
            match self.above(place) {
                Some(above) => place = above,
                None => is_top = true,
            }
            moved += 1;
        }
        let mut first = place;
        let mut rows = 1;
        while rows < height {
            match self.above(first) {
                Some(above) => first = above,
                None => break,
            }
            rows += 1;
        }
        let view = View::At { entry: place.0, row: place.1 };
        if rows < height { self.down_from(view, height - rows) } else { view }
    }

    /// The view moved towards the present.
    pub(super) fn down(&self, by: usize) -> View {
        self.down_from(self.log.view, by)
    }

    /// The view that has this entry's first row at its top, or as far down as that goes.
    pub(super) fn with_top(&self, entry: u64, height: usize) -> View {
        self.down_from(View::At { entry, row: 0 }, height.saturating_sub(1))
    }

    /// Whether the first row of all is in view.
    pub(super) fn is_at_top(&self, height: usize) -> bool {
        let Some(mut place) = self.last_place() else { return true };
        for _ in 1..height {
            match self.above(place) {
                Some(above) => place = above,
                None => return true,
            }
        }
        self.above(place).is_none()
    }

    fn down_from(&self, view: View, by: usize) -> View {
        let View::At { mut entry, mut row } = view else { return View::Bottom };
        let mut left = by;
        loop {
            let rows = self.of(entry).len();
            if row + left < rows {
                row += left;
                let is_last = entry + 1 == self.log.end() && row + 1 == rows;
                return if is_last { View::Bottom } else { View::At { entry, row } };
            }
            left -= rows.saturating_sub(row).min(left);
            entry += 1;
            row = 0;
            if entry >= self.log.end() {
                return View::Bottom;
            }
        }
    }

    fn above(&self, (mut entry, row): Place) -> Option<Place> {
        if row > 0 {
            return Some((entry, row - 1));
        }
        while entry > self.log.first() {
            entry -= 1;
            // An entry may have no row: a transfer that is not known any more.
            if let Some(last) = self.of(entry).len().checked_sub(1) {
                return Some((entry, last));
            }
        }
        None
    }

    /// The last row in view.
    fn last_place(&self) -> Option<Place> {
        if let View::At { entry, row } = self.log.view
            && self.log.get(entry).is_some()
        {
            return Some((entry, row.min(self.of(entry).len().saturating_sub(1))));
        }
        let end = self.log.end();
        self.above((end, 0))
    }
}
