//! Looking at a file: playing it while it arrives, or opening it when it is here.
//!
//! What plays it is outside of this core. It is told what is here, verified, and tells who reads where;
//! so nothing else is ever given to it, and what it waits for comes first.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use wire::app::peer::TransferId;

use super::common::unlisted;
use super::films::Question;
use super::readers::Reader;
use super::table::{Stage, Transfer};
use super::{Context, Transfers};
use crate::output::FileLine;
use crate::watch::Steering;
use crate::work::{Direction, TransferRecord, TransferState};

/// What whoever plays or opens files must know.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewNews {
    /// Another account's transfers are here from now on: those that were played are over.
    Anew,
    /// About one transfer.
    Of(TransferId, View),
}

/// See [`ViewNews`]. After [`Self::Plays`], the others follow until [`Self::Complete`] or [`Self::Over`].
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// The person wants to play it. Said again when he wants it again.
    Plays(Box<Film>),
    /// Where in it is the person who watches it? Answered by `App::on_position`, in any case.
    Asks(Question),
    /// Whoever plays it does this, and says then how he is. Answered by `App::on_player`, in any case.
    Steers(Question, Steering),
    /// The person wants it opened, and it is here.
    Opens(Box<FileLine>, PathBuf),
    /// These ranges of bytes are here and no others, `start..end`: the disk has looked again, perhaps at
    /// another file than before.
    Holds(Vec<(u64, u64)>),
    /// So many bytes more, the second, are here from the first on.
    Arrived(u64, u32),
    /// It has ended, and has so many bytes in all.
    Sized(u64),
    /// All of it is here, in this file.
    Complete(PathBuf),
    /// Nothing more of it comes, and what had come is removed.
    Over,
}

/// A file that is to be played.
#[derive(Clone, Debug, PartialEq)]
pub struct Film {
    /// How far it is.
    pub line: FileLine,
    /// Foreign text, when it was received.
    pub media_type: String,
    /// What is here, verified: ranges of bytes, `start..end`, ascending.
    pub held: Vec<(u64, u64)>,
    /// Where all of it is, when it is here.
    pub path: Option<PathBuf>,
    /// The moment, in milliseconds, at which the person wants to begin.
    pub position: Option<u64>,
    /// It waits there to be played on, together with others.
    pub is_paused: bool,
}

/// Which files are played, and what is to be told of them.
#[derive(Debug, Default)]
pub(super) struct Views {
    played: BTreeSet<TransferId>,
    news: VecDeque<ViewNews>,
    /// What was played last.
    last: Option<TransferId>,
}

impl Views {
    /// Nothing that was played before is here.
    pub(super) fn begin(&mut self) {
        self.news.push_back(ViewNews::Anew);
    }

    /// What was played last.
    pub(super) const fn last(&self) -> Option<TransferId> {
        self.last
    }

    /// The next thing to tell.
    pub(super) fn push(&mut self, news: ViewNews) {
        self.news.push_back(news);
    }

    /// Something happened to a transfer: told when it is played.
    pub(super) fn tell(&mut self, id: TransferId, view: impl FnOnce() -> View) {
        if self.played.contains(&id) {
            self.news.push_back(ViewNews::Of(id, view()));
        }
    }

    /// A transfer is over.
    pub(super) fn end(&mut self, record: &TransferRecord) {
        // What one has sent is where it was.
        if record.direction == Direction::Receiving {
            self.tell(record.id, || match (&record.state, &record.path) {
                (TransferState::Complete, Some(path)) => View::Complete(path.clone()),
                _ => View::Over,
            });
            self.played.remove(&record.id);
        }
    }
}

/// Where a file is.
pub(super) enum Place {
    Here(PathBuf),
    Arriving,
}

/// Where there is something to see of a transfer.
///
/// # Errors
/// A text for the person.
pub(super) fn place(transfer: &Transfer) -> Result<Place, String> {
    let (number, record) = (transfer.number, &transfer.record);
    if let (Direction::Sending, true, Some(path)) = (record.direction, record.growing, &record.path)
    {
        let path = path.display();
        return Err(format!("Transfer {number} still grows here, in {path}: play that file."));
    }
    if record.is_folder() {
        return Err(format!(
            "Transfer {number} is a folder: '/files {number}' lists its files, each with its number."
        ));
    }
    match (record.direction, &record.state, &record.path) {
        (Direction::Sending, _, Some(path))
        | (Direction::Receiving, TransferState::Complete, Some(path)) => {
            Ok(Place::Here(path.clone()))
        }
        (Direction::Receiving, TransferState::Running, _) => Ok(Place::Arriving),
        (Direction::Receiving, TransferState::Offered, _) => {
            Err(format!("Nothing of transfer {number} is here: '/accept {number}' first."))
        }
        _ => Err(format!("Nothing of transfer {number} is here.")),
    }
}

impl Transfers {
    /// Has a file played, from a moment in milliseconds on: one that arrives, or one that is here.
    pub fn play(&mut self, cx: &Context<'_>, number: u64, position: Option<u64>) {
        self.show(cx, number, position, false);
    }

    /// Has a file shown, to wait at a moment until it is played on together with others.
    pub fn show_paused(&mut self, cx: &Context<'_>, number: u64, position: Option<u64>) {
        self.show(cx, number, position, true);
    }

    fn show(&mut self, cx: &Context<'_>, number: u64, position: Option<u64>, is_paused: bool) {
        let Some(transfer) = self.table.get(number) else {
            return self.desk.error(unlisted(number));
        };
        let path = match place(transfer) {
            Ok(Place::Here(path)) => Some(path),
            Ok(Place::Arriving) => None,
            Err(text) => return self.desk.error(text),
        };
        let record = &transfer.record;
        let held = match &transfer.stage {
            _ if path.is_some() => vec![(0, record.size)],
            Stage::Fetching(fetch) => fetch.held().list(),
            Stage::Growing(growing) => vec![(0, growing.here())],
            Stage::Finishing => vec![(0, record.size)],
            Stage::Hashing { .. }
            | Stage::Recording
            | Stage::Serving
            | Stage::Closing { .. }
            | Stage::Idle
            | Stage::Preparing { .. }
            | Stage::Over => Vec::new(),
        };
        let line = transfer.line(cx.now, self.desk.reach(transfer));
        let media_type = record.media_type.clone();
        if path.is_none() {
            self.views.played.insert(record.id);
        }
        self.views.last = Some(record.id);
        let film = Film { line, media_type, held, path, position, is_paused };
        self.views.push(ViewNews::Of(record.id, View::Plays(Box::new(film))));
    }

    /// Has a file opened, which must be here.
    pub fn view(&mut self, cx: &Context<'_>, number: u64) {
        let Some(transfer) = self.table.get(number) else {
            return self.desk.error(unlisted(number));
        };
        match place(transfer) {
            Ok(Place::Here(path)) => {
                let line = transfer.line(cx.now, self.desk.reach(transfer));
                let view = View::Opens(Box::new(line), path);
                self.views.push(ViewNews::Of(transfer.record.id, view));
            }
            Ok(Place::Arriving) => self.desk.error(format!(
                "Transfer {number} is not complete: '/play {number}' plays it while it arrives."
            )),
            Err(text) => self.desk.error(text),
        }
    }

    /// A reader reads a file that is played on from this byte: what he waits for is asked for first,
    /// until he is somewhere else or [`forgotten`](Self::forget_reader).
    pub fn read_from(&mut self, cx: &mut Context<'_>, id: TransferId, reader: Reader, offset: u64) {
        let Some(number) = self.table.find(id).map(|transfer| transfer.number) else { return };
        let Some(transfer) = self.table.get_mut(number) else { return };
        if matches!(transfer.stage, Stage::Over) {
            return;
        }
        transfer.readers.put(reader, offset);
        self.advance(cx, number);
    }

    /// A reader reads no more.
    pub fn forget_reader(&mut self, id: TransferId, reader: Reader) {
        let Some(number) = self.table.find(id).map(|transfer| transfer.number) else { return };
        if let Some(transfer) = self.table.get_mut(number) {
            transfer.readers.remove(reader);
        }
    }

    /// The next thing to tell to whoever plays and opens files.
    pub fn poll_view(&mut self) -> Option<ViewNews> {
        self.views.news.pop_front()
    }
}
