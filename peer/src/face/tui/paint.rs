//! Entries of a window as rows of the screen. Text of others never stands at the beginning of a
//! row, and is filtered here, at the last step.

use std::collections::BTreeMap;

use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};
use wire::app::text;

use super::log::{Entry, Log, Mark, Said, Wording};
use super::theme::Look;
use crate::command::Numbers;
use crate::face::wrap::{cells, hanging_rows, rows};
use crate::face::{action, films, folders, in_short, units};
use crate::output::{FileLine, NOT_HERE};
use crate::work::Direction;

/// Longest file name shown, in characters.
const MAX_NAME: usize = 80;
/// Cells of a bar of progress.
const BAR: u64 = 12;
/// Before the rows that belong to the one above.
const INDENT: usize = 6;

/// What entries are drawn with.
pub(super) struct Painter<'a> {
    pub(super) look: Look,
    pub(super) width: usize,
    /// Milliseconds since 1970 as `2026-01-31 17:05`.
    pub(super) local_time: fn(u64) -> String,
    pub(super) files: &'a BTreeMap<u64, FileLine>,
    /// Which numbers stand in the place of the times.
    pub(super) numbers: Option<Numbers>,
}

impl Painter<'_> {
    /// The rows of one entry.
    pub(super) fn entry(&self, log: &Log, entry: &Entry) -> Vec<Line<'static>> {
        match entry {
            Entry::Said(said) => self.said(log, said),
            Entry::Notice { at, is_warning, text } => {
                let (mark, style) = if *is_warning {
                    ("! ", self.look.warning())
                } else {
                    ("* ", self.look.notice())
                };
                self.block(&self.clock(*at), &[Span::styled(mark, style)], text, style)
            }
            Entry::File { at, id } => match self.files.get(id) {
                Some(file) => {
                    let style = self.look.file();
                    self.block(
                        &self.clock(*at),
                        &[Span::styled("# ", style)],
                        &self.file_whole(file),
                        style,
                    )
                }
                None => Vec::new(),
            },
            Entry::Figure { rows, .. } => self.figure(rows),
            Entry::Moves { at, users } => {
                let text = moves(users);
                let style = self.look.notice();
                self.block(&self.clock(*at), &[Span::styled("* ", style)], &text, style)
            }
        }
    }

    /// The rule above the first new line.
    pub(super) fn rule(&self, word: &str) -> Line<'static> {
        let line = self.look.sign("─", "-");
        let word = format!("{line}{line} {word} ");
        let rest = self.width.saturating_sub(cells(&word));
        Line::styled(format!("{word}{}", line.repeat(rest)), self.look.rule())
    }

    /// `2026-01-31` of an entry.
    pub(super) fn day(&self, entry: &Entry) -> String {
        let time = (self.local_time)(entry.at());
        time.split_once(' ').map_or(String::new(), |(day, _)| day.to_owned())
    }

    fn said(&self, log: &Log, said: &Said) -> Vec<Line<'static>> {
        let is_gone = said.wording == Wording::TakenBack;
        let mark = said.marked().and_then(|id| log.marks.get(&id));
        let sign = match mark {
            None => " ",
            Some(Mark::Sending | Mark::Waiting(_)) => self.look.sign("…", "~"),
            Some(Mark::Stored) => self.look.sign("·", "."),
            Some(Mark::Delivered) if said.marked().is_some_and(|id| log.is_read(id)) => {
                self.look.sign("✓✓", "++")
            }
            Some(Mark::Delivered) => self.look.sign("✓", "+"),
            Some(Mark::Failed(_)) => self.look.sign("✗", "x"),
        };
        let from = text::excerpt(&said.from, 40);
        let style = self.look.name(&from, said.own.is_some());
        let sign_style =
            if matches!(mark, Some(Mark::Failed(_))) { self.look.warning() } else { Look::dim() };
        let done = action(said.words.shown()).filter(|_| !is_gone);
        let who = if done.is_some() { format!("* {from} ") } else { format!("{from}: ") };
        let head = [Span::styled(sign, sign_style), Span::styled(who, style)];
        let text = text::lines(done.unwrap_or(said.words.shown()));
        let (text, style) = match said.wording {
            Wording::First => (text, Look::plain()),
            Wording::Edited => (format!("{text} (edited)"), Look::plain()),
            Wording::TakenBack => ("(taken back)".to_owned(), Look::dim()),
        };
        let mut lines = Vec::new();
        if let Some(answered) = said.reply_to.filter(|_| !is_gone) {
            lines.push(indented(rows(&quote(log, answered), self.room())[0], Look::dim()));
        }
        lines.extend(self.block(&self.number_or_clock(said), &head, &text, style));
        if let Some(Mark::Failed(why) | Mark::Waiting(why)) = mark {
            let why = text::excerpt(why, 200);
            let what =
                if matches!(mark, Some(Mark::Failed(_))) { "not delivered" } else { "waits" };
            for row in rows(&format!("({what}: {why})"), self.room()) {
                lines.push(indented(row, sign_style));
            }
        }
        lines
    }

    fn clock(&self, at: u64) -> String {
        let time = (self.local_time)(at);
        time.split_once(' ').map_or_else(String::new, |(_, clock)| clock.to_owned())
    }

    /// What a command that is being typed would call the line, or its time.
    fn number_or_clock(&self, said: &Said) -> String {
        let number = match self.numbers {
            None => return self.clock(said.at),
            Some(_) if said.wording == Wording::TakenBack => None,
            Some(Numbers::Lines) => Some(said.line),
            Some(Numbers::Own) => said.own,
        };
        number.map_or_else(|| " ".repeat(5), |number| format!("{number:>5}"))
    }

    /// A time, what stands before a text, and the text, which is filtered already.
    fn block(
        &self,
        clock: &str,
        head: &[Span<'static>],
        text: &str,
        style: Style,
    ) -> Vec<Line<'static>> {
        let mut first = vec![Span::styled(format!("{clock} "), Look::dim())];
        first.extend_from_slice(head);
        let taken: usize = first.iter().map(|span| cells(&span.content)).sum();
        let mut lines = Vec::new();
        for (number, line) in text.split('\n').enumerate() {
            let mut line = line;
            if number == 0 {
                // The first row has less room, and a name may leave none.
                let room = self.width.saturating_sub(taken).max(8);
                let row = rows(line, room)[0];
                let mut spans = std::mem::take(&mut first);
                spans.push(Span::styled(row.to_owned(), style));
                lines.push(Line::from(spans));
                line = &line[row.len()..];
                if line.is_empty() {
                    continue;
                }
            }
            lines.extend(hanging_rows(line, self.room()).iter().map(|row| indented(row, style)));
        }
        lines
    }

    fn figure(&self, rows: &[String]) -> Vec<Line<'static>> {
        let width = rows.first().map_or(0, |row| cells(row));
        let indent = INDENT.min(self.width.saturating_sub(width));
        if width > self.width {
            return Vec::new();
        }
        let row = |row: &String| {
            Line::from(vec![
                Span::raw(" ".repeat(indent)),
                Span::styled(row.clone(), self.look.figure()),
            ])
        };
        rows.iter().map(row).collect()
    }

    fn room(&self) -> usize {
        self.width.saturating_sub(INDENT).max(8)
    }

    /// A transfer, and under it, while one has to decide about it, what is said of the film.
    fn file_whole(&self, file: &FileLine) -> String {
        let below = films::below(file).filter(|_| file.awaits_answer());
        [self.file(file)].into_iter().chain(below).collect::<Vec<_>>().join("\n")
    }

    /// One transfer on one line: `3 from bob: clip.mp4 (12 MB) ████░░░░ 45 % running ...`.
    pub(super) fn file(&self, file: &FileLine) -> String {
        let way = match file.direction {
            Direction::Sending => "to",
            Direction::Receiving => "from",
        };
        let name = text::excerpt(&file.name, MAX_NAME);
        let size = units::content(file.files, file.size);
        let mut line =
            format!("{} {way} {}: {name} ({size}) ", file.id, text::excerpt(&file.with, 40));
        match file.state {
            "running" | "hashing" | "checking" | "paused" | "waiting" if file.size != Some(0) => {
                match file.percent() {
                    Some(percent) => {
                        line.push_str(&format!("{} {percent} % {}", self.bar(percent), file.state));
                    }
                    None => line.push_str(&format!("{} {}", units::bytes(file.done), file.state)),
                }
            }
            state => line.push_str(state),
        }
        if let Some(count) = folders::count(file) {
            line.push_str(&format!(", {count} files"));
        }
        if let Some(by) = file.paused_by {
            line.push_str(&format!(" by {by}"));
        }
        line.push_str(&units::pace(file));
        match (file.direction, file.state, &file.path) {
            (Direction::Receiving, "offered", _) => {
                line.push_str(&format!("; /accept {id} or /decline {id}", id = file.id));
            }
            (Direction::Receiving, "complete", Some(path)) => {
                line.push_str(&format!(": {}", text::one_line(path)));
            }
            _ => {}
        }
        if let Some(reason) = &file.reason {
            line.push_str(&format!(": {}", text::excerpt(reason, 200)));
        }
        line
    }

    fn bar(&self, percent: u64) -> String {
        let full = usize::try_from(percent * BAR / 100).unwrap_or(0);
        let rest = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
        let (on, off) = (self.look.sign("█", "#"), self.look.sign("░", "."));
        format!("{}{}", on.repeat(full), off.repeat(rest))
    }
}

/// The line that is answered, where it is here.
fn quote(log: &Log, answered: u64) -> String {
    match log.line(answered) {
        Some(said) if said.wording == Wording::TakenBack => "> (taken back)".to_owned(),
        Some(said) if action(said.words.shown()).is_some() => {
            format!("> {}", in_short(&said.from, said.words.shown(), 140))
        }
        Some(said) => {
            format!(
                "> {}: {}",
                text::excerpt(&said.from, 40),
                text::excerpt(said.words.shown(), 100)
            )
        }
        None if answered == NOT_HERE => "> something that is not here".to_owned(),
        None => format!("> line {answered}"),
    }
}

fn indented(row: &str, style: Style) -> Line<'static> {
    Line::from(vec![Span::raw(" ".repeat(INDENT)), Span::styled(row.to_owned(), style)])
}

/// `bob and carol are online; dave is away (lunch)`.
fn moves(users: &BTreeMap<String, String>) -> String {
    let mut by_standing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (user, standing) in users {
        by_standing.entry(standing).or_default().push(text::excerpt(user, 40));
    }
    let part = |(standing, names): (&str, Vec<String>)| match names.as_slice() {
        [name] => format!("{name} is {standing}"),
        [first @ .., last] if first.len() < 5 => {
            format!("{} and {last} are {standing}", first.join(", "))
        }
        all => format!("{} and {} others are {standing}", all[0], all.len() - 1),
    };
    // Whoever came stands before those who went.
    by_standing.into_iter().rev().map(part).collect::<Vec<_>>().join("; ")
}
