//! The list of transfers: each with its number, its record, and where it stands in this run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wire::app::name::Name;
use wire::app::peer::{CancelReason, Control, ShareId, TransferId};
use wire::time::Instant;

use super::fetch::Fetch;
use super::folders::Tree;
use super::live::Growing;
use super::rate::Rate;
use super::readers::Readers;
use crate::output::{FileLine, MediaLine, wait};
use crate::work::{Direction, TransferRecord, TransferState};

/// Most transfers that are over and still listed: of those that came to nothing here, and of
/// the others.
const MAX_OVER: usize = 200;

/// The same for files of folders that are over.
const MAX_OVER_PARTS: usize = 1000;

/// One transfer.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) number: u64,
    pub(super) record: TransferRecord,
    pub(super) stage: Stage,
    /// Whether the other side has paused it.
    pub(super) peer_paused: Paused,
    /// Bytes verified here (receiving) or given to the other side (sending).
    pub(super) done: u64,
    pub(super) rate: Rate,
    /// Receiving: how fast files came from this user before it was offered; 0 when none did.
    pub(super) pace: u64,
    /// Why it stands or ended, for the person.
    pub(super) reason: Option<String>,
    /// What the other side must hear once the record is durable.
    pub(super) tell: Option<Control>,
    /// Saves and jobs for the disk that have not come back.
    pub(super) saving: u32,
    pub(super) busy: u32,
    /// Sending: whether it was offered over the present link.
    pub(super) is_told: bool,
    /// Sending: whether it was offered while it grew.
    pub(super) is_live: bool,
    /// Whether something was not yet shown.
    pub(super) is_dirty: bool,
    /// What the room is called whose members are all offered it.
    pub(super) room: Option<String>,
    /// Whether members do not yet know of everything that is here.
    pub(super) has_news: bool,
    /// Who reads it while it arrives.
    pub(super) readers: Readers,
    /// Receiving: the damaged file that this repairs, until the disk has nothing more of that.
    pub(super) repair: Option<PathBuf>,
    /// Sending: how often it was asked for once more, in this run.
    pub(super) asked_anew: u32,
    /// The number of the folder of which it is a file.
    pub(super) folder: Option<u64>,
    /// That folder is paused by somebody.
    pub(super) is_held: bool,
    /// What is known of it, when it is a folder.
    pub(super) tree: Tree,
}

/// Whether somebody pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paused {
    Yes,
    No,
}

/// What is being done for a transfer in this run.
#[derive(Debug)]
pub(super) enum Stage {
    /// Sending: the file is being hashed; `record` is not complete and not stored.
    Hashing { done: u64 },
    /// Sending: the record is being stored for the first time; not offered before it is.
    Recording,
    /// Sending: offered, or serving whoever accepted.
    Serving,
    /// Sending what grew and has ended: the file is being hashed, and what there is of it is still served.
    Closing { done: u64 },
    /// Receiving: offered, or waiting for a link, for the user, or for others to end.
    Idle,
    /// Receiving: the disk looks for what is already there.
    Preparing { done: u64 },
    /// Receiving what grows: asking, writing.
    Growing(Box<Growing>),
    /// Receiving: asking, verifying, writing.
    Fetching(Box<Fetch>),
    /// Receiving: everything is there and gets its final name.
    Finishing,
    /// Nothing more happens.
    Over,
}

impl Transfer {
    pub(super) fn new(number: u64, record: TransferRecord, stage: Stage) -> Self {
        Self {
            number,
            record,
            stage,
            peer_paused: Paused::No,
            done: 0,
            rate: Rate::default(),
            pace: 0,
            reason: None,
            tell: None,
            saving: 0,
            busy: 0,
            is_told: false,
            is_live: false,
            is_dirty: false,
            room: None,
            has_news: false,
            readers: Readers::default(),
            repair: None,
            asked_anew: 0,
            folder: None,
            is_held: false,
            tree: Tree::default(),
        }
    }

    /// Whether neither side pauses.
    pub(super) fn may_flow(&self) -> bool {
        !self.record.paused && self.peer_paused == Paused::No && !self.is_held
    }

    fn came_to_nothing(&self) -> bool {
        self.record.came_to_nothing()
    }

    /// A side pauses no longer.
    pub(super) fn flows_again(&mut self, now: Instant) {
        if let Stage::Fetching(fetch) = &mut self.stage {
            fetch.flows_again(now);
        }
    }

    /// The line that shows it.
    pub(super) fn line(&self, now: Instant, link: LinkState) -> FileLine {
        let (state, reason) = self.state(link);
        let rate = match state {
            "running" => self.rate.per_second(now),
            "offered" => self.pace,
            _ => 0,
        };
        let done = match self.stage {
            Stage::Hashing { done } | Stage::Closing { done } | Stage::Preparing { done } => done,
            Stage::Recording
            | Stage::Serving
            | Stage::Idle
            | Stage::Growing(_)
            | Stage::Fetching(_)
            | Stage::Finishing
            | Stage::Over => self.done,
        };
        let size = (!self.record.growing).then_some(self.record.size);
        let is_ours = self.record.direction == Direction::Sending;
        let has_file = is_ours || self.record.state == TransferState::Complete;
        let eta = size.filter(|_| rate > 0).map(|size| (size - done.min(size)) / rate);
        let is_said = !is_ours && self.record.state != TransferState::Complete;
        let media = self.record.media.zip(size);
        let media = media.map(|(media, size)| MediaLine::new(media, size, is_said));
        let duration = media.as_ref().and_then(|media| media.duration_ms);
        FileLine {
            id: self.number,
            direction: self.record.direction,
            with: self.record.with.to_string(),
            room: self.room.clone(),
            name: match self.record.part() {
                Some((_, path)) => path.to_owned(),
                None => self.record.name.clone(),
            },
            folder: self.folder,
            files: self.files().map(u64::from),
            files_done: self.files().map(|_| 0),
            size,
            done,
            rate,
            eta,
            wait: eta.zip(duration).map(|(eta, duration)| wait(eta, duration)),
            media,
            state,
            paused_by: match (self.record.paused, self.peer_paused) {
                _ if state != "paused" => None,
                (true, Paused::Yes) => Some("both"),
                (true, Paused::No) => Some("you"),
                (false, Paused::Yes) => Some("them"),
                (false, Paused::No) => None,
            },
            link: None,
            path: self.record.path.as_ref().filter(|_| has_file).map(|p| p.display().to_string()),
            reason,
        }
    }

    pub(super) fn state(&self, link: LinkState) -> (&'static str, Option<String>) {
        let waiting = || {
            let user = &self.record.with;
            ("waiting", Some(format!("goes on when {user} can be reached")))
        };
        let waits_its_turn = || ("waiting", Some("other transfers go first".to_owned()));
        let noted = || self.reason.clone();
        match &self.record.state {
            TransferState::Complete => ("complete", noted()),
            TransferState::Declined => ("declined", None),
            TransferState::Cancelled(CancelReason::User) => ("cancelled", noted()),
            TransferState::CancelledByPeer(CancelReason::User) => {
                ("cancelled", Some(format!("by {}", self.record.with)))
            }
            TransferState::Cancelled(why) | TransferState::CancelledByPeer(why) => {
                ("failed", noted().or_else(|| Some(why.to_string())))
            }
            TransferState::Offered | TransferState::Running if !self.may_flow() => {
                ("paused", noted())
            }
            TransferState::Offered => match (&self.stage, self.record.direction, link) {
                (Stage::Hashing { .. } | Stage::Closing { .. } | Stage::Recording, _, _) => {
                    ("hashing", None)
                }
                (_, Direction::Sending, LinkState::Down) => waiting(),
                (_, Direction::Sending, LinkState::Up) if !self.is_told => {
                    ("waiting", Some("other offers go first".to_owned()))
                }
                (_, Direction::Sending, LinkState::Up) => ("offered", None),
                (_, Direction::Receiving, _) => ("offered", noted()),
            },
            TransferState::Running => match (&self.stage, link) {
                (Stage::Preparing { .. }, _) => ("checking", None),
                (Stage::Closing { .. } | Stage::Recording, _) => ("hashing", None),
                (Stage::Finishing, _) => ("running", None),
                (_, LinkState::Down) => waiting(),
                // Its acceptance is being stored, or the disk ends what it did before.
                (Stage::Idle, LinkState::Up) if self.saving > 0 || self.busy > 0 => {
                    ("checking", None)
                }
                (Stage::Idle, LinkState::Up) => waits_its_turn(),
                (Stage::Fetching(fetch), LinkState::Up) if fetch.awaits_place => waits_its_turn(),
                (_, LinkState::Up) => ("running", None),
            },
        }
    }
}

/// Whether the other side can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkState {
    Up,
    Down,
}

/// All transfers.
#[derive(Debug)]
pub(super) struct Table {
    transfers: BTreeMap<u64, Transfer>,
    numbers: BTreeMap<TransferId, u64>,
    next: u64,
    /// Forgotten here, of which the disk still keeps something.
    dropped: Vec<TransferRecord>,
}

impl Default for Table {
    fn default() -> Self {
        Self { transfers: BTreeMap::new(), numbers: BTreeMap::new(), next: 1, dropped: Vec::new() }
    }
}

impl Table {
    /// Adds a transfer and gives its number.
    pub(super) fn insert(&mut self, record: TransferRecord, stage: Stage) -> u64 {
        let number = self.next;
        self.next += 1;
        self.numbers.insert(record.id, number);
        let folder = self.folder_of(&record);
        if let Some(folder) = folder.and_then(|folder| self.get_mut(folder)) {
            folder.tree.add(number, &record, &stage);
        }
        let is_part = record.part().is_some();
        let transfer = Transfer { folder, ..Transfer::new(number, record, stage) };
        self.transfers.insert(number, transfer);
        // A folder has many files: for each of them that would be much to do.
        if !is_part {
            self.prune();
        }
        number
    }

    /// It may be a file of a folder, and is over.
    pub(super) fn close_part(&mut self, number: u64) {
        let folder = self.get(number).and_then(|part| part.folder);
        if let Some(folder) = folder.and_then(|folder| self.get_mut(folder)) {
            folder.tree.open.remove(&number);
        }
    }

    /// The number of the folder of which this is a file.
    fn folder_of(&self, record: &TransferRecord) -> Option<u64> {
        let (of, _) = record.part()?;
        let folder = self.find_with(&record.with, of)?;
        let is_it = folder.record.is_folder() && folder.record.direction == record.direction;
        is_it.then_some(folder.number)
    }

    /// Whether it is a file of a folder that is not over: whoever asks for it again must be answered.
    fn is_of_open_folder(&self, transfer: &Transfer) -> bool {
        let folder = transfer.folder.and_then(|folder| self.get(folder));
        folder.is_some_and(|folder| !matches!(folder.stage, Stage::Over))
    }

    pub(super) fn get(&self, number: u64) -> Option<&Transfer> {
        self.transfers.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Transfer> {
        self.transfers.get_mut(&number)
    }

    /// The transfer of this id, whoever it is with.
    pub(super) fn find(&self, id: TransferId) -> Option<&Transfer> {
        self.get(*self.numbers.get(&id)?)
    }

    /// The transfer of this id with this user: nobody speaks about another's.
    pub(super) fn find_with(&self, user: &Name, id: TransferId) -> Option<&Transfer> {
        self.find(id).filter(|transfer| transfer.record.with == *user)
    }

    /// What this side receives, or has received, of a file that the members of a room are offered.
    pub(super) fn find_shared(&self, share: ShareId) -> Option<&Transfer> {
        self.iter().find(|transfer| {
            transfer.record.direction == Direction::Receiving
                && transfer.record.share.is_some_and(|it| it.id == share)
        })
    }

    /// Whether nothing that is not over needs what the disk keeps for this transfer.
    pub(super) fn is_last(&self, record: &TransferRecord) -> bool {
        let is_another = |transfer: &Transfer| {
            !matches!(transfer.stage, Stage::Over)
                && transfer.record.id != record.id
                && transfer.record.disk_id() == record.disk_id()
        };
        record.share.is_none() || !self.iter().any(is_another)
    }

    /// The numbers of those whose file, the same for all, is being hashed.
    pub(super) fn hashing(&self, disk_id: TransferId) -> Vec<u64> {
        let is_meant = |transfer: &&Transfer| {
            matches!(transfer.stage, Stage::Hashing { .. }) && transfer.record.disk_id() == disk_id
        };
        self.iter().filter(is_meant).map(|transfer| transfer.number).collect()
    }

    /// Those that were forgotten here since this was last asked.
    pub(super) fn take_dropped(&mut self) -> Vec<TransferRecord> {
        std::mem::take(&mut self.dropped)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Transfer> {
        self.transfers.values_mut()
    }

    /// The numbers of those with this user that are not over.
    pub(super) fn open_with(&self, user: &Name) -> Vec<u64> {
        self.iter()
            .filter(|transfer| transfer.record.with == *user)
            .filter(|transfer| !matches!(transfer.stage, Stage::Over))
            .map(|transfer| transfer.number)
            .collect()
    }

    /// Forgets the oldest that are over and have nothing left to do.
    fn prune(&mut self) {
        self.prune_those(MAX_OVER_PARTS, |transfer| transfer.record.part().is_some());
        self.prune_those(MAX_OVER, |transfer| {
            transfer.came_to_nothing() && transfer.record.part().is_none()
        });
        self.prune_those(MAX_OVER, |transfer| {
            !transfer.came_to_nothing() && transfer.record.part().is_none()
        });
    }

    fn prune_those(&mut self, most: usize, are_meant: fn(&Transfer) -> bool) {
        let is_done = |transfer: &&Transfer| {
            matches!(transfer.stage, Stage::Over)
                && transfer.busy == 0
                && transfer.saving == 0
                && are_meant(transfer)
                && !self.is_of_open_folder(transfer)
        };
        let over = self.iter().filter(is_done).count();
        let old: Vec<u64> = self
            .iter()
            .filter(is_done)
            .take(over.saturating_sub(most))
            .map(|transfer| transfer.number)
            .collect();
        for number in old {
            if let Some(transfer) = self.transfers.remove(&number) {
                self.numbers.remove(&transfer.record.id);
                if let Some(folder) = transfer.folder.and_then(|it| self.transfers.get_mut(&it)) {
                    folder.tree.parts.remove(&number);
                }
                if transfer.record.is_shared_on() {
                    self.dropped.push(transfer.record);
                }
            }
        }
    }
}
