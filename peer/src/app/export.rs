//! A conversation on its way into a file, page by page: neither the database nor the disk is kept from
//! other work for long, and not more than a page is in memory.
//!
//! ```text
//!   Begin -> Page -> Append -> Page -> Append -> ... -> Page (empty) -> End
//! ```

use std::path::{Path, PathBuf};

use super::App;
use super::chapters::Chapters;
use super::jobs::Job;
use crate::face::{json, plain};
use crate::output::{HistoryLine, Output};
use crate::work::{
    ExportFormat, FileReply, FileRequest, Line, Outcome, StoreReply, StoreRequest, Talk, Work,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Export {
    /// The conversation; all of them when `None`.
    with: Option<Talk>,
    contents: Contents,
    /// As typed.
    path: String,
    /// Who writes the lines that are one's own.
    own: String,
    /// The last line that was written.
    after: u64,
    /// How many were.
    lines: u64,
    stage: Stage,
}

/// What is written.
#[derive(Debug)]
enum Contents {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// Comments on a film, which are collected first: they stand in another order.
    Chapters(Chapters),
    /// Nothing more.
    Written,
}

/// Each holds why nothing comes of it.
#[derive(Debug)]
enum Stage {
    Going,
    /// A step is under way, after which what there is will be removed.
    GivenUp(String),
    /// What there was is being removed.
    Abandoning(String),
}

impl App {
    /// `/export`.
    pub(super) fn export(
        &mut self,
        with: Option<&str>,
        path: PathBuf,
        format: ExportFormat,
        film: Option<u64>,
    ) {
        if self.export.is_some() {
            let reason = "another export is under way: wait until it is done";
            return self.not_exported(&path, reason);
        }
        let with = match with.map(|typed| self.talk_of(typed)).transpose() {
            Ok(with) => with,
            Err(why) => return self.not_exported(&path, &why),
        };
        let contents = match self.contents(format, with.as_ref(), film) {
            Ok(contents) => contents,
            Err(why) => return self.not_exported(&path, &why),
        };
        self.export = Some(Export {
            with,
            contents,
            path: path.display().to_string(),
            own: self.account().map(|account| account.name.to_string()).unwrap_or_default(),
            after: 0,
            lines: 0,
            stage: Stage::Going,
        });
        let mark = self.random();
        self.export_step(FileRequest::Begin { path, mark });
    }

    fn contents(
        &self,
        format: ExportFormat,
        with: Option<&Talk>,
        film: Option<u64>,
    ) -> Result<Contents, String> {
        Ok(match format {
            ExportFormat::Text => Contents::Text,
            ExportFormat::Json => Contents::Json,
            ExportFormat::Chapters => {
                let film = self.transfers.subject(film, with)?;
                Contents::Chapters(Chapters::of(film.root, film.name))
            }
        })
    }

    pub(super) fn not_exported(&mut self, path: &Path, reason: &str) {
        let (path, reason) = (path.display().to_string(), Some(reason.to_owned()));
        self.tell(Output::Export { path, lines: None, reason });
    }

    /// A step of it is done.
    pub(super) fn on_exporting(&mut self, outcome: Outcome) {
        let Some(export) = &mut self.export else { return };
        if let Outcome::File(Ok(FileReply::Finished { path, .. })) = outcome {
            let (path, lines) = (path.display().to_string(), Some(export.lines));
            self.export = None;
            return self.tell(Output::Export { path, lines, reason: None });
        }
        match &mut export.stage {
            Stage::Going => self.go_on_exporting(outcome),
            Stage::GivenUp(reason) => {
                let reason = core::mem::take(reason);
                self.abandon_export(reason);
            }
            Stage::Abandoning(reason) => {
                let reason = Some(core::mem::take(reason));
                let path = core::mem::take(&mut export.path);
                self.export = None;
                self.tell(Output::Export { path, lines: None, reason });
            }
        }
    }

    /// Whoever asked for it is not here any more, or leaves.
    pub(super) fn give_up_export(&mut self, reason: &str) {
        if let Some(Export { stage: stage @ Stage::Going, .. }) = &mut self.export {
            *stage = Stage::GivenUp(reason.to_owned());
        }
    }

    fn go_on_exporting(&mut self, outcome: Outcome) {
        let Some(export) = &self.export else { return };
        match outcome {
            Outcome::File(Ok(_)) => {
                let (with, after) = (export.with.clone(), export.after);
                self.next_page(with, after);
            }
            Outcome::Store(Ok(StoreReply::Lines(lines))) => self.on_page(lines),
            Outcome::File(Err(error)) => self.abandon_export(error.to_string()),
            Outcome::Store(Err(error)) => self.abandon_export(error.to_string()),
            Outcome::Store(Ok(_)) | Outcome::Login(_) | Outcome::Backup(_) => {
                self.abandon_export("an answer does not fit its question".to_owned());
            }
        }
    }

    fn next_page(&mut self, with: Option<Talk>, after: u64) {
        self.jobs.store(Job::Export, StoreRequest::Page { with, after });
    }

    fn on_page(&mut self, lines: Vec<Line>) {
        let local_time = self.settings.local_time;
        let Some(last) = lines.last().map(|line| line.line) else { return self.on_last_page() };
        let Some(own) = self.export.as_ref().map(|export| export.own.clone()) else { return };
        let lines = self.shown_lines(lines, &own);
        let Some(export) = &mut self.export else { return };
        export.after = last;
        let written = match &mut export.contents {
            Contents::Text => text(&lines, |line| plain::text_of(line, local_time)),
            Contents::Json => text(&lines, json::object),
            // What came meanwhile is for another time.
            Contents::Written => return self.export_step(FileRequest::End),
            Contents::Chapters(chapters) => {
                let added = chapters.add(&lines);
                let with = export.with.clone();
                return match added {
                    Ok(()) => self.next_page(with, last),
                    Err(why) => self.abandon_export(why),
                };
            }
        };
        export.lines += lines.len() as u64;
        self.export_step(FileRequest::Append(written.into_bytes()));
    }

    /// There are no more lines.
    fn on_last_page(&mut self) {
        let Some(export) = &mut self.export else { return };
        let missing = match core::mem::replace(&mut export.contents, Contents::Written) {
            Contents::Chapters(chapters) if chapters.len() > 0 => {
                export.lines = chapters.len() as u64;
                let written = chapters.written().into_bytes();
                return self.export_step(FileRequest::Append(written));
            }
            Contents::Chapters(chapters) => format!("comment on \"{}\"", chapters.name),
            Contents::Text | Contents::Json | Contents::Written if export.lines > 0 => {
                return self.export_step(FileRequest::End);
            }
            Contents::Text | Contents::Json | Contents::Written => "message".to_owned(),
        };
        let with = export.with.clone().map(|with| format!(" with {}", self.title_of(&with)));
        self.abandon_export(format!("there is no {missing}{}", with.unwrap_or_default()));
    }

    fn abandon_export(&mut self, reason: String) {
        if let Some(export) = &mut self.export {
            export.stage = Stage::Abandoning(reason);
            self.export_step(FileRequest::Abandon);
        }
    }

    fn export_step(&mut self, request: FileRequest) {
        self.jobs.start(Job::Export, Work::File(request));
    }
}

fn text(lines: &[HistoryLine], written: impl Fn(&HistoryLine) -> String) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&written(line));
        text.push('\n');
    }
    text
}
