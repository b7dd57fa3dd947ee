//! What goes out: jobs for the database and the disk, messages to other users, lines to show.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::StreamId;
use wire::app::name::Name;
use wire::app::peer::Control;
use wire::time::{Duration, Instant};

use super::Job;
use super::table::{LinkState, Stage, Transfer};
use crate::output::Output;
use crate::work::{Destination, Direction, FileRequest, StoreRequest, TransferRecord, Work};

/// Progress is shown at most this often.
const REPORT: Duration = Duration::from_secs(1);

/// Members of a room are told at most this often what arrived.
const TELL_MEMBERS: Duration = Duration::from_millis(250);

/// A stream of a user's link.
pub(super) type StreamKey = (Name, StreamId);

/// What a job is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Save(u64),
    Hash(u64),
    Prepare(u64),
    Write { number: u64, from: Name, offset: u64, len: u32 },
    Finish(u64),
    BeginLive(u64),
    Look(u64),
    Close(u64),
    PrepareLive(u64),
    Append { number: u64, len: u32 },
    Encode(StreamKey),
    Verify(u64),
    Room,
    Salvage(u64),
    Anew(u64),
    Walk(u64),
    MakeFolder(u64),
    Forget,
}

/// Queues that the app drains.
#[derive(Debug)]
pub(super) struct Desk {
    jobs: BTreeMap<Job, Purpose>,
    next_job: u64,
    pub(super) work: VecDeque<(Job, Work)>,
    pub(super) controls: VecDeque<(Name, Control)>,
    pub(super) outputs: VecDeque<Output>,
    /// Folders that are to be shown behind that, and what the time was.
    pub(super) folders: BTreeMap<u64, Instant>,
    /// Folders that are to be shown with the next report.
    folders_soon: BTreeSet<u64>,
    /// Users whose link is up.
    up: BTreeSet<Name>,
    pub(super) next_report: Option<Instant>,
    /// No stream is to be tried again before this.
    pub(super) next_retry: Option<Instant>,
    /// When more may go within the limits.
    pub(super) next_turn: Option<Instant>,
    /// When files of ours that grow are looked at.
    pub(super) next_look: Option<Instant>,
    /// When members of rooms are told what arrived of files that they are offered too.
    pub(super) next_have: Option<Instant>,
}

impl Desk {
    /// Jobs are numbered from `first_job`.
    pub(super) const fn new(first_job: u64) -> Self {
        Self {
            jobs: BTreeMap::new(),
            next_job: first_job,
            work: VecDeque::new(),
            controls: VecDeque::new(),
            outputs: VecDeque::new(),
            folders: BTreeMap::new(),
            folders_soon: BTreeSet::new(),
            up: BTreeSet::new(),
            next_report: None,
            next_retry: None,
            next_have: None,
            next_look: None,
            next_turn: None,
        }
    }

    /// What this job was for; it may report again.
    pub(super) fn purpose(&self, job: Job) -> Option<Purpose> {
        self.jobs.get(&job).cloned()
    }

    /// What this job was for; it is done.
    pub(super) fn finished(&mut self, job: Job) -> Option<Purpose> {
        self.jobs.remove(&job)
    }

    /// Asks for a job.
    pub(super) fn start(&mut self, purpose: Purpose, work: Work) -> Job {
        let job = Job(self.next_job);
        self.next_job = self.next_job.wrapping_add(1);
        self.jobs.insert(job, purpose);
        self.work.push_back((job, work));
        job
    }

    /// Keeps the record as it is now.
    pub(super) fn save(&mut self, transfer: &mut Transfer) {
        transfer.saving += 1;
        let request = StoreRequest::SaveTransfer(transfer.record.clone());
        self.start(Purpose::Save(transfer.number), Work::Store(request));
    }

    /// Asks the disk for something that must come back before the next step.
    pub(super) fn disk(&mut self, transfer: &mut Transfer, purpose: Purpose, request: FileRequest) {
        transfer.busy += 1;
        self.start(purpose, Work::File(request));
    }

    /// Has the disk close and remove everything that is not the file itself.
    pub(super) fn forget(&mut self, record: &TransferRecord) {
        self.forget_at(record, record.destination());
    }

    /// The same, where the partial file was there.
    pub(super) fn forget_at(&mut self, record: &TransferRecord, place: Destination) {
        let request = FileRequest::Forget {
            id: record.disk_id(),
            direction: record.direction,
            place,
            source: record.path.clone().filter(|_| record.direction == Direction::Sending),
        };
        self.start(Purpose::Forget, Work::File(request));
    }

    /// Whether the user's link is up.
    pub(super) fn link(&self, user: &Name) -> LinkState {
        if self.up.contains(user) { LinkState::Up } else { LinkState::Down }
    }

    /// Whether anybody's link is up from whom, or to whom, it comes.
    pub(super) fn reach(&self, transfer: &Transfer) -> LinkState {
        if let Stage::Fetching(fetch) = &transfer.stage
            && fetch.givers().any(|user| self.up.contains(user))
        {
            return LinkState::Up;
        }
        self.link(&transfer.record.with)
    }

    /// Users whose link is up.
    pub(super) fn linked(&self) -> impl Iterator<Item = &Name> {
        self.up.iter()
    }

    pub(super) fn link_up(&mut self, user: &Name) {
        self.up.insert(user.clone());
    }

    pub(super) fn link_down(&mut self, user: &Name) {
        self.up.remove(user);
        self.controls.retain(|(to, _)| to != user);
    }

    /// Says something to the user, if his link is up.
    pub(super) fn say(&mut self, user: &Name, control: Control) {
        if self.link(user) == LinkState::Up {
            self.controls.push_back((user.clone(), control));
        }
    }

    /// Shows a transfer now.
    pub(super) fn show(&mut self, transfer: &mut Transfer, now: Instant) {
        transfer.is_dirty = false;
        if transfer.record.is_folder() {
            self.folders.insert(transfer.number, now);
            return;
        }
        if let Some(folder) = transfer.folder {
            self.folders_soon.insert(folder);
            self.report_at(now);
        }
        let file = transfer.line(now, self.reach(transfer));
        self.outputs.push_back(Output::File { file });
    }

    /// Shows a transfer with the next report.
    pub(super) fn show_soon(&mut self, transfer: &mut Transfer, now: Instant) {
        transfer.is_dirty = true;
        self.report_at(now);
    }

    /// Shows the folders of which something changed.
    pub(super) fn show_folders(&mut self, now: Instant) {
        for folder in std::mem::take(&mut self.folders_soon) {
            self.folders.insert(folder, now);
        }
    }

    /// Makes sure that a report is due within the usual time.
    pub(super) fn report_at(&mut self, now: Instant) {
        self.next_report.get_or_insert(now + REPORT);
    }

    /// Makes sure that members hear within the usual time what arrived.
    pub(super) fn have_at(&mut self, now: Instant) {
        self.next_have.get_or_insert(now + TELL_MEMBERS);
    }

    pub(super) fn retry_at(&mut self, at: Instant) {
        self.next_retry = Some(self.next_retry.map_or(at, |next| next.min(at)));
    }

    /// More may go at that time.
    pub(super) fn turn_at(&mut self, at: Instant) {
        self.next_turn = Some(self.next_turn.map_or(at, |next| next.min(at)));
    }

    /// Files that grow are to be looked at by then.
    pub(super) fn look_at(&mut self, at: Instant) {
        self.next_look = Some(self.next_look.map_or(at, |next| next.min(at)));
    }

    pub(super) fn error(&mut self, text: String) {
        self.outputs.push_back(Output::Error { text });
    }
}
