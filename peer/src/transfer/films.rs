//! Which file somebody means who speaks of a film, or wants to see it.

use wire::app::peer::TransferId;

use super::common::unlisted;
use super::table::Transfer;
use super::viewing::place;
use super::{Transfers, View, ViewNews};
use crate::watch::Steering;
use crate::work::{Direction, Talk, TransferState};

/// A file that can be spoken of: its contents are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The transfer.
    pub id: TransferId,
    /// Its short number.
    pub number: u64,
    /// What it is called here.
    pub name: String,
    /// BLAKE3 of its contents.
    pub root: [u8; 32],
}

/// A question to whoever plays files; the answer names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question(pub u64);

impl Transfers {
    /// The file of this number. Where none is given, the one that was played last, when it was handed
    /// over in this conversation, or else the one that was handed over there last; anywhere, when no
    /// conversation is given.
    ///
    /// # Errors
    /// A text for the person.
    pub fn subject(&self, number: Option<u64>, talk: Option<&Talk>) -> Result<Subject, String> {
        if let Some(number) = number {
            let transfer = self.table.get(number).ok_or_else(|| unlisted(number))?;
            return subject(transfer).ok_or_else(|| {
                format!("Transfer {number} cannot be named: its file was not read to the end.")
            });
        }
        let is_there = |transfer: &&Transfer| talk.is_none_or(|talk| is_in(transfer, talk));
        let played = self.views.last().and_then(|id| self.table.find(id)).filter(is_there);
        let last = || self.table.iter().filter(is_there).filter(|it| is_wanted(it)).last();
        played.or_else(last).and_then(subject).ok_or_else(|| {
            let place = if talk.is_some() { " here" } else { "" };
            format!(
                "No file was handed over{place}: '/files' lists those that can be named by number."
            )
        })
    }

    /// The number of the transfer here whose file has these contents; one that can be played, if any.
    #[must_use]
    pub fn number_of(&self, root: &[u8; 32]) -> Option<u64> {
        let same = || self.table.iter().filter(|it| known_root(it) == Some(root));
        same().filter(|it| place(it).is_ok()).last().or_else(|| same().last()).map(|it| it.number)
    }

    /// The file of this number, which can be played.
    ///
    /// # Errors
    /// A text for the person.
    pub fn playable(&self, number: u64) -> Result<Subject, String> {
        let transfer = self.table.get(number).ok_or_else(|| unlisted(number))?;
        place(transfer)?;
        self.subject(Some(number), None)
    }

    /// The file here with these contents.
    #[must_use]
    pub fn with_root(&self, root: &[u8; 32]) -> Option<Subject> {
        self.subject(Some(self.number_of(root)?), None).ok()
    }

    /// Has whoever plays it do something, and say how he is.
    pub fn steer_player(&mut self, id: TransferId, question: Question, steering: Steering) {
        self.views.push(ViewNews::Of(id, View::Steers(question, steering)));
    }

    /// Asks whoever plays it where in the film the person is.
    pub fn ask_position(&mut self, id: TransferId, question: Question) {
        self.views.push(ViewNews::Of(id, View::Asks(question)));
    }
}

/// What can be said of it, once its contents are known.
fn subject(transfer: &Transfer) -> Option<Subject> {
    let root = *known_root(transfer)?;
    let Transfer { number, record, .. } = transfer;
    Some(Subject { id: record.id, number: *number, name: record.name.clone(), root })
}

/// Of its contents, when they are known: not of one's own file that is being hashed, or could not be read,
/// nor of one that grows.
fn known_root(transfer: &Transfer) -> Option<&[u8; 32]> {
    let record = &transfer.record;
    let is_known = record.direction == Direction::Receiving || record.root != [0; 32];
    (is_known && !record.growing && !record.is_folder()).then_some(&record.root)
}

/// Whether it was handed over in this conversation.
fn is_in(transfer: &Transfer, talk: &Talk) -> bool {
    let record = &transfer.record;
    match talk {
        Talk::User(user) => record.share.is_none() && record.with == *user,
        Talk::Room(room) => record.share.is_some_and(|share| share.room == *room),
    }
}

/// Whether anything came, or may come, of it.
fn is_wanted(transfer: &Transfer) -> bool {
    match transfer.record.state {
        TransferState::Offered | TransferState::Running | TransferState::Complete => true,
        TransferState::Declined
        | TransferState::Cancelled(_)
        | TransferState::CancelledByPeer(_) => false,
    }
}
