//! The mouse, where the person wants the program to have it.

use ratatui_core::layout::Position;
use ratatui_crossterm::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{Moment, Tui};

/// Rows by which one step of the wheel scrolls.
const STEP: usize = 3;

impl Tui {
    /// The wheel scrolls; a press on the list goes to that window.
    #[allow(clippy::wildcard_enum_match_arm, reason = "what else a mouse does means nothing here")]
    pub fn mouse(&mut self, moment: Moment, event: MouseEvent) {
        self.moment = moment;
        match event.kind {
            MouseEventKind::ScrollUp => self.scroll(|rows, height| rows.up(STEP, height)),
            MouseEventKind::ScrollDown => self.scroll(|rows, _| rows.down(STEP)),
            MouseEventKind::Down(MouseButton::Left) if self.form.is_none() => {
                let at = Position { x: event.column, y: event.row };
                if self.list.contains(at) {
                    let number = self.above_list(self.list) + usize::from(at.y - self.list.y) + 1;
                    self.go(|windows| windows.go(number));
                }
            }
            _ => {}
        }
    }
}
