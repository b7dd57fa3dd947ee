//! What was asked of the workers and is not yet answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use wire::app::identity::IdentityKey;
use wire::app::letter::Prekey;
use wire::app::name::Name;
use wire::app::peer::TextKind;
use wire::app::room::RoomId;
use wire::{ConnectionHandle, PublicKey};

use super::mail::ReceivingLetter;
use super::rooms::{LeavingPosts, Listing, OwnPost, ReceivingPost};
use crate::transfer;
use crate::work::{
    About, AccountId, FileReply, Incoming, Outcome, Standing, StoreRequest, Work, WorkId,
};

/// What an outcome is for.
#[derive(Debug)]
pub(super) enum Job {
    /// The database was opened at the start.
    LoadFirst,
    /// The profile of an account that logs in was opened.
    LoadProfile,
    /// The accounts of a server go to its new key.
    MoveServer,
    /// Something was kept; nothing follows.
    Save,
    /// A message of ours is kept.
    Queue { to: Name, bytes: usize, about: About },
    /// A message from somebody is kept.
    Receive(Box<Receiving>),
    /// A post of ours is kept.
    Post(Box<OwnPost>),
    /// What a line typed for this room is about is looked up.
    PostTarget(RoomId),
    /// A post that arrived is kept.
    ReceivePost(Box<ReceivingPost>),
    /// Posts are read for a letter to a member.
    LeavePosts(Box<LeavingPosts>),
    /// Posts that members have not got are read for `/outbox`.
    Listing(Box<Listing>),
    /// A message from a letter is kept.
    Letter(Box<ReceivingLetter>),
    /// Keys for letters are kept.
    Prekeys(Vec<Prekey>),
    /// Posts that this user lacks, up to this number, for this link.
    Posts { user: Name, handle: ConnectionHandle, upto: u64 },
    /// Lines of history, for this question.
    Lines { query: String },
    /// The line of this number: the moment that it is about is to be played.
    Moment(u64),
    /// How far the person has read what this user said is kept, or looked for.
    MarkRead(Name),
    /// How far this user has read what ours said is kept.
    ReadThere(Name),
    /// A stranger asks, or offers a file of this name: that is kept.
    Request { user: Name, file: Option<String> },
    /// What was held of a user is received; he was this before.
    Admit { user: Name, before: Standing },
    /// What this stranger asked is deleted: nobody answered.
    Expire(Name),
    /// What was held of a user is deleted; he is this now.
    Dismiss { user: Name, standing: Standing },
    /// A step of an export.
    Export,
    /// A password is stretched, for the session over this connection.
    Login(ConnectionHandle),
    /// The password is stretched to be proven once more, over this connection.
    Prove(ConnectionHandle),
    /// A new password is stretched, for the server at this connection.
    Change(ConnectionHandle),
    /// The account with this identity is written into this file.
    ExportAccount(PathBuf, IdentityKey),
    /// An account is read from this file...
    ImportAccount(PathBuf),
    /// ...kept here...
    KeepImported(Box<ImportedAccount>),
    /// ...and opened.
    OpenImported(Box<ImportedAccount>),
    /// The transfers asked for it.
    Transfer(transfer::Job),
}

/// An account on its way from a file.
#[derive(Debug)]
pub(super) struct ImportedAccount {
    pub(super) id: AccountId,
    /// Of its server, as it was typed where the file was written.
    pub(super) address: String,
}

/// A message on its way into the database.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) from: Name,
    pub(super) device: PublicKey,
    pub(super) sequence: u64,
    pub(super) nonce: [u8; 16],
    pub(super) sent: u64,
    pub(super) at: u64,
    pub(super) text: String,
    pub(super) kind: TextKind,
}

impl From<Incoming> for Receiving {
    fn from(message: Incoming) -> Self {
        let Incoming { from, device, sequence, nonce, sent, at, body: text, kind, .. } = message;
        Self { from, device, sequence, nonce, sent, at, text, kind }
    }
}

/// Jobs handed out, and those still to be handed out.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    waiting: VecDeque<(WorkId, Work)>,
    running: BTreeMap<WorkId, Job>,
    /// Those for the database, whether or not anybody waits for them.
    storing: BTreeSet<WorkId>,
    next: u64,
}

impl Jobs {
    pub(super) fn start(&mut self, job: Job, work: Work) {
        self.next += 1;
        let id = WorkId(self.next);
        self.running.insert(id, job);
        if matches!(work, Work::Store(_)) {
            self.storing.insert(id);
        }
        self.waiting.push_back((id, work));
    }

    pub(super) fn store(&mut self, job: Job, request: StoreRequest) {
        self.start(job, Work::Store(request));
    }

    pub(super) fn save(&mut self, request: StoreRequest) {
        self.store(Job::Save, request);
    }

    pub(super) fn poll(&mut self) -> Option<(WorkId, Work)> {
        self.waiting.pop_front()
    }

    /// What the outcome is for; `None` when nobody waits for it any more.
    pub(super) fn finish(&mut self, id: WorkId, outcome: &Outcome) -> Option<Job> {
        let goes_on = matches!(
            outcome,
            Outcome::File(Ok(FileReply::Hashing { .. } | FileReply::Checking { .. }))
        );
        if goes_on {
            return match self.running.get(&id)? {
                Job::Transfer(job) => Some(Job::Transfer(*job)),
                Job::LoadFirst
                | Job::LoadProfile
                | Job::MoveServer
                | Job::Save
                | Job::Queue { .. }
                | Job::Receive(_)
                | Job::Post(_)
                | Job::PostTarget(_)
                | Job::ReceivePost(_)
                | Job::LeavePosts(_)
                | Job::Listing(_)
                | Job::Letter(_)
                | Job::Prekeys(_)
                | Job::Posts { .. }
                | Job::Lines { .. }
                | Job::Moment(_)
                | Job::MarkRead(_)
                | Job::ReadThere(_)
                | Job::Request { .. }
                | Job::Admit { .. }
                | Job::Dismiss { .. }
                | Job::Expire(_)
                | Job::Export
                | Job::Login(_)
                | Job::Prove(_)
                | Job::Change(_)
                | Job::ExportAccount(..)
                | Job::ImportAccount(_)
                | Job::KeepImported(_)
                | Job::OpenImported(_) => None,
            };
        }
        self.storing.remove(&id);
        self.running.remove(&id)
    }

    /// Another profile is open: what was asked for the one before is done, but concerns nobody
    /// here.
    pub(super) fn forget_profile(&mut self) {
        self.running.retain(|_, job| match job {
            Job::LoadFirst
            | Job::LoadProfile
            | Job::MoveServer
            | Job::Save
            | Job::Export
            | Job::ExportAccount(..)
            | Job::ImportAccount(_)
            | Job::KeepImported(_)
            | Job::OpenImported(_) => true,
            Job::Queue { .. }
            | Job::Receive(_)
            | Job::Post(_)
            | Job::PostTarget(_)
            | Job::ReceivePost(_)
            | Job::LeavePosts(_)
            | Job::Listing(_)
            | Job::Letter(_)
            | Job::Prekeys(_)
            | Job::Posts { .. }
            | Job::Lines { .. }
            | Job::Moment(_)
            | Job::MarkRead(_)
            | Job::ReadThere(_)
            | Job::Request { .. }
            | Job::Admit { .. }
            | Job::Dismiss { .. }
            | Job::Expire(_)
            | Job::Login(_)
            | Job::Prove(_)
            | Job::Change(_)
            | Job::Transfer(_) => false,
        });
    }

    /// Whether the database has something to do.
    pub(super) fn is_storing(&self) -> bool {
        !self.storing.is_empty()
    }
}
