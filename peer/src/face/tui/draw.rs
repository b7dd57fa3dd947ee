//! The screen: the list of windows at the left where there is room, a title, the window, the bar
//! of what goes on, and the line being typed.

use std::collections::BTreeSet;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use wire::app::server::{Availability, Status};
use wire::app::text;

use super::paint::Painter;
use super::theme::Look;
use super::window::{Activity, Window};
use super::{HOME, Link, Tui};
use crate::command::addressee;
use crate::face::wrap::{cells, cut, first_row, rows};
use crate::face::{people, plain};
use crate::output::{FileLine, KeyMark, is_over};

/// From this width on the list of windows is shown, with so many cells.
const WIDTH_WITH_LIST: u16 = 72;
const LIST: u16 = 18;
/// Less than this is no screen.
const MIN_WIDTH: u16 = 20;
const MIN_HEIGHT: u16 = 4;
/// Most transfers shown in their pane.
pub(super) const FILES_SHOWN: usize = 8;
/// Most names shown by the switcher.
const MAX_NAMES: usize = 8;

impl Tui {
    /// Draws everything.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
            frame.buffer_mut().set_stringn(
                area.x,
                area.y,
                "too small",
                area.width.into(),
                Style::new(),
            );
            return;
        }
        let input = self.input_lines(area);
        let input_height = height_of(input.lines.len());
        let bar = area.bottom() - input_height - 1;
        let overlay = self.overlay(area);
        let overlay_height = height_of(overlay.len()).min(bar - area.y - 1);
        let list = if area.width >= WIDTH_WITH_LIST { LIST } else { 0 };
        let title = Rect { height: 1, ..area };
        let body = Rect {
            x: area.x + list,
            y: area.y + 1,
            width: area.width - list,
            height: bar - overlay_height - area.y - 1,
        };
        self.page = (usize::from(body.height), usize::from(body.width));
        self.fit_view();

        let buffer = frame.buffer_mut();
        self.draw_title(buffer, title);
        self.list = Rect { x: area.x, width: list, ..body };
        if list > 0 {
            self.draw_list(buffer, self.list);
        }
        self.draw_window(buffer, body);
        for (line, y) in overlay.iter().zip(body.bottom()..bar) {
            buffer.set_line(area.x, y, line, area.width);
        }
        self.draw_bar(buffer, Rect { y: bar, height: 1, ..area });
        for (line, y) in input.lines.iter().zip(bar + 1..) {
            buffer.set_line(area.x, y, line, area.width);
        }
        frame.set_cursor_position(Position {
            x: area.x + height_of(input.cursor.0).min(area.width - 1),
            y: bar + 1 + height_of(input.cursor.1),
        });
    }

    /// The terminal may have become lower: a view that was scrolled must not show a gap.
    fn fit_view(&mut self) {
        if !self.windows.current().is_at_bottom() {
            let view = self.rows().up(0, self.page.0);
            self.windows.current_mut().log.view = view;
        }
    }

    fn draw_title(&self, buffer: &mut Buffer, area: Rect) {
        buffer.set_style(area, self.look.bar());
        let window = self.windows.current();
        let text = match &window.user {
            None => format!(" Tincan {}", text::excerpt(&self.bars.server, 60)),
            Some(room) if room.starts_with('#') => {
                let topic = self.bars.topics.get(room).map_or("", String::as_str);
                let topic = text::excerpt(topic, 200);
                let away = if self.bars.is_connected { "" } else { " (no server)" };
                let sign = if topic.is_empty() { "" } else { ": " };
                format!(" {}{away}{sign}{topic}", text::excerpt(room, 40))
            }
            Some(user) => {
                let state = match (self.bars.links.get(user), self.status_of(user)) {
                    (Some(Link { word, rtt_ms: Some(rtt), .. }), _) => format!("{word}, {rtt} ms"),
                    (Some(Link { word, rtt_ms: None, .. }), _) => (*word).to_owned(),
                    (None, _) if !self.bars.is_connected => "no server".to_owned(),
                    (None, Some(_)) => "online".to_owned(),
                    (None, None) if window.log.is_to_nobody() => "no such user".to_owned(),
                    (None, None) => "offline: gets what you write later".to_owned(),
                };
                let says = match self.status_of(user) {
                    Some(status) if *status != Status::default() => {
                        format!(" {}", plain::standing(true, status.availability, &status.text))
                    }
                    Some(_) | None => String::new(),
                };
                let key = match self.key_marks.get(user) {
                    Some(KeyMark::Verified) => ", verified",
                    Some(KeyMark::Changed) => ", KEY CHANGED",
                    None => "",
                };
                format!(" {}{key} ({state}){says}", self.called(user))
            }
        };
        let width = usize::from(area.width);
        buffer.set_stringn(area.x, area.y, cut(&text, width), width, self.look.bar());
    }

    /// A user or a room, and what the person calls a user.
    fn called(&self, name: &str) -> String {
        people::called(&text::excerpt(name, 40), self.nicknames.get(name).map(String::as_str))
    }

    fn draw_list(&self, buffer: &mut Buffer, area: Rect) {
        let width = usize::from(area.width) - 2;
        let paused = self.paused();
        let skip = self.above_list(area);
        for ((number, window, is_current), y) in
            self.windows.iter().skip(skip).zip(area.y..area.bottom())
        {
            let name = window.user.as_deref().unwrap_or(HOME);
            let sign = match window.activity {
                Some(Activity::Mention) => "!",
                Some(Activity::Message) => "*",
                None if window.log.has_waiting() => self.look.sign("…", "."),
                None if paused.contains(name) => self.look.sign("⏸", "="),
                None => " ",
            };
            let style = match (is_current, window.activity) {
                (true, _) => self.look.bar(),
                (false, Some(_)) => Look::bold(),
                (false, None) if self.is_away(window) => Look::dim(),
                (false, None) => Look::plain(),
            };
            let row = cut(&format!("{sign}{number} {}", text::excerpt(name, 40)), width);
            let padding = " ".repeat(width.saturating_sub(cells(&row)));
            buffer.set_stringn(area.x, y, format!("{row}{padding}"), width, style);
        }
        for y in area.y..area.bottom() {
            let edge = self.look.sign("│", "|");
            buffer.set_stringn(area.right() - 2, y, edge, 1, Look::dim());
        }
    }

    /// How many windows stand above the list: the one that is shown stays in view.
    pub(super) fn above_list(&self, area: Rect) -> usize {
        let current = self.windows.iter().position(|(.., is_current)| is_current).unwrap_or(0);
        (current + 1).saturating_sub(usize::from(area.height))
    }

    /// Users and rooms with a transfer that pauses.
    fn paused(&self) -> BTreeSet<&str> {
        let paused = self.files.values().filter(|file| file.state == "paused");
        paused.map(|file| file.room.as_deref().unwrap_or(&file.with)).collect()
    }

    fn is_away(&self, window: &Window) -> bool {
        let here = Some(Availability::Here);
        window
            .user
            .as_ref()
            .is_some_and(|user| self.status_of(user).map(|status| status.availability) != here)
    }

    fn draw_window(&self, buffer: &mut Buffer, area: Rect) {
        let lines = self.rows().visible(usize::from(area.height));
        // The newest stands at the bottom, however few there are.
        let top = area.bottom() - height_of(lines.len());
        for (line, y) in lines.iter().zip(top..area.bottom()) {
            buffer.set_line(area.x, y, line, area.width);
        }
    }

    /// What stands between the window and the bar: transfers, a list to choose from, a hint.
    fn overlay(&self, area: Rect) -> Vec<Line<'static>> {
        let width = usize::from(area.width);
        let mut lines = Vec::new();
        if self.shows_files {
            lines.push(self.painter(width).rule("transfers (F2 closes)"));
            if self.files.is_empty() {
                lines.push(Line::raw("none: /send NAME FILE offers one"));
            }
            let (over, open): (Vec<&FileLine>, Vec<&FileLine>) =
                self.files.values().partition(|file| is_over(file.state));
            // What is not over stands last, and is the last to be left out.
            let left_out = self.files.len().saturating_sub(FILES_SHOWN);
            if left_out > 0 {
                lines.push(Line::raw(format!("{left_out} more: /files lists all")));
            }
            for file in over.into_iter().chain(open).skip(left_out) {
                let text = cut(&self.painter(width).file(file), width);
                lines.push(Line::styled(text, self.look.file()));
            }
        }
        if let Some(switcher) = &self.switcher {
            lines.push(self.painter(width).rule("go to (Enter opens, Esc leaves)"));
            let names = self.places();
            let fitting = switcher.fitting(&names, &self.nicknames);
            if fitting.is_empty() {
                lines.push(Line::raw("nobody fits"));
            }
            let skip = (switcher.chosen + 1).saturating_sub(MAX_NAMES);
            for (index, name) in fitting.iter().enumerate().skip(skip).take(MAX_NAMES) {
                let style = if index == switcher.chosen { self.look.bar() } else { Look::plain() };
                lines.push(Line::styled(cut(&format!(" {} ", self.called(name)), width), style));
            }
        }
        let hint = match (&self.form, &self.input.hint) {
            (_, Some(hint)) => Some(hint.clone()),
            (Some(form), None) => Some(form.hint().to_owned()),
            (None, None) => self.private_note(),
        };
        if let Some(hint) = hint {
            for row in rows(&hint, width) {
                lines.push(Line::styled(row.to_owned(), self.look.rule()));
            }
        }
        // The window keeps some rows.
        let most = usize::from(area.height / 2).max(1);
        lines.split_off(lines.len().saturating_sub(most))
    }

    /// That the line being typed, which begins with a name, goes to that user and not to the open window.
    fn private_note(&self) -> Option<String> {
        let user = addressee(self.input.editor.text())?;
        let is_here = self.windows.current().user.as_deref() == Some(user);
        let note = || format!("Private: this line goes to {} alone.", text::excerpt(user, 40));
        (!is_here).then(note)
    }

    pub(super) fn painter(&self, width: usize) -> Painter<'_> {
        let numbers = self.numbers();
        let (local_time, files) = (self.local_time, &self.files);
        Painter { look: self.look, width, local_time, files, numbers }
    }

    /// The line being typed, as rows, and where the cursor stands in them.
    fn input_lines(&self, area: Rect) -> InputLines {
        let width = usize::from(area.width).saturating_sub(1).max(1);
        let most = usize::from(area.height / 3).max(1);
        if let Some(form) = &self.form
            && form.is_hidden()
        {
            let stars = "*".repeat(form.hidden_len().min(width));
            return lay_out(&form.prompt(), &stars, stars.len(), width, most);
        }
        if let Some(switcher) = &self.switcher {
            return lay_out("Go to: ", &switcher.query, switcher.query.len(), width, most);
        }
        let (text, cursor) = (self.input.editor.text(), self.input.editor.cursor());
        let prompt = match (&self.form, &self.input.search, &self.windows.current().user) {
            (Some(form), ..) => form.prompt(),
            (None, Some(search), _) => {
                format!("(typed before: {}) ", text::one_line(&search.query))
            }
            (None, None, Some(user)) => format!("{}> ", text::excerpt(user, 24)),
            (None, None, None) => "> ".to_owned(),
        };
        lay_out(&prompt, text, cursor, width, most)
    }
}

struct InputLines {
    lines: Vec<Line<'static>>,
    /// Cells from the left, rows from the top.
    cursor: (usize, usize),
}

/// Breaks the text into rows of `width` cells, and keeps the `most` rows around the cursor.
fn lay_out(prompt: &str, typed: &str, cursor: usize, width: usize, most: usize) -> InputLines {
    let prompt = cut(prompt, width * 3 / 4);
    // The part before the cursor is filtered by itself, so that its end is where the cursor is.
    let before = text::lines(&typed[..cursor]);
    let whole = before.clone() + &text::lines(&typed[cursor..]);
    let mut lines = Vec::new();
    let mut cursor = (0, 0);
    let mut at = 0;
    for (number, line) in whole.split('\n').enumerate() {
        let head = if number == 0 { prompt.as_str() } else { "" };
        let mut room = width - cells(head);
        let mut rest = line;
        let mut head = Some(head);
        loop {
            let row = first_row(rest, room);
            let head = head.take().unwrap_or_default();
            if (at..=at + row.len()).contains(&before.len()) {
                cursor = (cells(head) + cells(&row[..before.len() - at]), lines.len());
            }
            lines.push(Line::from(vec![
                Span::styled(head.to_owned(), Look::bold()),
                Span::raw(row.to_owned()),
            ]));
            at += row.len();
            rest = &rest[row.len()..];
            room = width;
            if rest.is_empty() {
                break;
            }
        }
        // The line break.
        at += 1;
    }
    let first = (cursor.1 + 1).saturating_sub(most);
    let lines: Vec<Line<'static>> = lines.into_iter().skip(first).take(most).collect();
    InputLines { lines, cursor: (cursor.0, cursor.1 - first) }
}

pub(super) fn is_moving(file: &FileLine) -> bool {
    matches!(file.state, "running" | "hashing" | "checking")
}

/// Rows or cells of a screen: there are never so many that they do not fit.
fn height_of(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
