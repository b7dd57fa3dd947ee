//! Folders: transfers of their own by which nothing is fetched. Their files are transfers like any other,
//! but are offered only once the folder was accepted, are taken without asking, and follow it in all that
//! is said of it: pauses, ends, places.
//!
//! ```text
//! sending     walk -> Recording -> Serving: offered, accepted -> Over, when the receiver says so
//!             files: hashed a few ahead; told once the folder is accepted, MAX_OPEN_PARTS at a time
//! receiving   Idle: offered, accepted, made by the disk -------> Over, when all files are over
//! ```
//!
//! A file that cannot be read is never offered: the folder is offered again with fewer files instead.
//! What was not told of when the program ends is looked for again by the next run.

use std::collections::{BTreeSet, VecDeque};

use wire::app::name::Name;
use wire::app::peer::{
    CancelReason, Control, Folder, MAX_FOLDER_FILES, MAX_OPEN_PARTS, Offer, TransferId,
    is_folder_path,
};
use wire::time::Instant;

use super::desk::Purpose;
use super::table::{LinkState, Paused, Stage, Transfer};
use super::{Context, Ending, Transfers};
use crate::output::{FileLine, Output};
use crate::work::{
    Direction, FileError, FileReply, FileRequest, FolderFile, LeftOut, TransferRecord,
    TransferState, Walk,
};

/// Most files of one folder that are hashed at the same time.
const MAX_HASHING: usize = 4;

/// What this run knows of a folder besides its record.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The numbers of its files, as far as they are transfers...
    pub(super) parts: BTreeSet<u64>,
    /// ...and of those that are not over.
    pub(super) open: BTreeSet<u64>,
    /// Their paths, and their bytes when they were offered.
    paths: BTreeSet<String>,
    bytes: u64,
    /// Sending: files that are none yet, in order.
    coming: VecDeque<FolderFile>,
    /// Receiving: whether the disk has it.
    is_made: bool,
}

impl Tree {
    /// One more file of it is a transfer.
    pub(super) fn add(&mut self, number: u64, record: &TransferRecord, stage: &Stage) {
        self.parts.insert(number);
        if !matches!(stage, Stage::Over) {
            self.open.insert(number);
        }
        self.paths.extend(record.part().map(|(_, path)| path.to_owned()));
        self.bytes = self.bytes.saturating_add(record.size);
    }
}

/// A file that was not to be read: of its contents nothing is known, and it was never offered.
fn is_lost(transfer: &Transfer) -> bool {
    transfer.record.direction == Direction::Sending
        && matches!(transfer.stage, Stage::Over)
        && transfer.record.state != TransferState::Complete
        && transfer.record.root == [0; 32]
}

/// Whether the other side was told of it and it is not over.
fn is_told_part(transfer: &Transfer) -> bool {
    transfer.folder.is_some() && transfer.is_told && !matches!(transfer.stage, Stage::Over)
}

impl Transfer {
    /// How many files are in it, when it is a folder.
    pub(super) const fn files(&self) -> Option<u32> {
        match self.record.folder {
            Some(Folder::Whole { files }) => Some(files),
            Some(Folder::Part { .. }) | None => None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }
}

// The sender's side.
impl Transfers {
    /// What was to be hashed is a folder, and this is in it.
    pub(super) fn walked(&mut self, cx: &mut Context<'_>, number: u64, walk: Walk) {
        let Some(transfer) = self.table.get_mut(number) else { return };
        let record = &mut transfer.record;
        let files = u32::try_from(walk.files.len()).unwrap_or(u32::MAX);
        let refusal = if record.share.is_some() {
            Some("a folder is offered to single users only: pack it into one file for a room")
        } else if record.folder.is_some() {
            Some("it was a file before")
        } else if files == 0 {
            Some("there is no file in it")
        } else {
            None
        };
        if let Some(why) = refusal {
            let ending = Ending::default().because(format!("{}: {why}", walk.path.display()));
            return self.end(
                cx,
                number,
                TransferState::Cancelled(CancelReason::SourceGone),
                ending,
            );
        }
        record.name = walk.name;
        record.path = Some(walk.path);
        record.size = walk.files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
        record.folder = Some(Folder::Whole { files });
        record.at = cx.unix_ms;
        transfer.stage = Stage::Recording;
        transfer.tree.coming = walk.files.into();
        self.desk.save(transfer);
        self.desk.show(transfer, cx.now);
        self.tell_left_out(number, &walk.left_out);
        self.hash_parts(cx, number);
    }

    fn tell_left_out(&mut self, number: u64, left_out: &LeftOut) {
        let Some(transfer) = self.table.get(number) else { return };
        let name = &transfer.record.name;
        let LeftOut { links, others, unnamed, unreadable } = left_out;
        let mut parts = Vec::new();
        for (count, one, several) in [
            (*links, "link", "links"),
            (*others, "device, socket or pipe", "devices, sockets and pipes"),
            (*unnamed, "name that is no text", "names that are no text"),
        ] {
            match count {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                _ => parts.push(format!("{count} {several}")),
            }
        }
        if !parts.is_empty() {
            let text = format!("Of the folder {name} these are left out: {}.", parts.join(", "));
            self.desk.outputs.push_back(Output::Info { text });
        }
        if let [first, rest @ ..] = &unreadable[..] {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" ({} more are not either)", rest.len())
            };
            self.desk.error(format!("Of the folder {name} this cannot be read: {first}{more}."));
        }
    }

    /// Has the next files hashed, a few ahead of what the receiver takes.
    pub(super) fn hash_parts(&mut self, cx: &mut Context<'_>, number: u64) {
        while let Some(folder) = self.table.get(number).filter(|it| !it.is_over()) {
            let parts = || folder.tree.open.iter().filter_map(|part| self.table.get(*part));
            let hashing = parts().filter(|it| matches!(it.stage, Stage::Hashing { .. })).count();
            let ahead = parts().filter(|part| !part.is_told).count();
            let Some(root) = folder.record.path.clone() else { return };
            if hashing >= MAX_HASHING || ahead >= MAX_OPEN_PARTS {
                return;
            }
            let (with, of) = (folder.record.with.clone(), folder.record.id);
            let Some(folder) = self.table.get_mut(number) else { return };
            let Some(file) = folder.tree.coming.pop_front() else { return };
            let path = root.join(&file.path);
            let record = TransferRecord {
                direction: Direction::Sending,
                id: TransferId(self.draw()),
                with,
                name: file.path.rsplit('/').next().unwrap_or_default().to_owned(),
                path: Some(path.clone()),
                size: file.size,
                media_type: String::new(),
                media: None,
                root: [0; 32],
                at: cx.unix_ms,
                state: TransferState::Offered,
                paused: false,
                share: None,
                growing: false,
                folder: Some(Folder::Part { of, path: file.path }),
                rate: 0,
            };
            let id = record.id;
            let part = self.add(cx, record, Stage::Hashing { done: 0 });
            let Some(transfer) = self.table.get_mut(part) else { return };
            self.desk.disk(transfer, Purpose::Hash(part), FileRequest::Hash { id, path });
        }
    }

    /// A file of a folder was hashed: whether it is what the folder was said to hold.
    pub(super) fn judge_part(&self, number: u64, reply: &FileReply) -> Result<(), String> {
        let Some(part) = self.table.get(number) else { return Ok(()) };
        let Some((_, inside)) = part.record.part() else { return Ok(()) };
        let root = self.folder_of(part).and_then(|folder| folder.record.path.as_deref());
        let FileReply::Hashed { size, path, .. } = reply else { return Ok(()) };
        if *size > part.record.size {
            return Err(format!("{inside}: it has grown since the folder was looked through"));
        }
        if root.is_none_or(|root| !path.starts_with(root)) {
            return Err(format!("{inside}: it leads out of the folder"));
        }
        Ok(())
    }

    /// Whether this file of a folder may be told of now [W-142].
    pub(super) fn may_tell_part(&self, part: &Transfer) -> bool {
        let is_accepted =
            |folder: &Transfer| folder.record.state == TransferState::Running && folder.is_told;
        self.folder_of(part).is_some_and(is_accepted)
            && self.parts_told(&part.record.with) < MAX_OPEN_PARTS
    }

    /// How many files of folders a user was told of that are not over.
    pub(super) fn parts_told(&self, user: &Name) -> usize {
        let is_meant = |it: &&Transfer| it.record.with == *user && is_told_part(it);
        self.table.iter().filter(is_meant).count()
    }

    /// Tells a user of files in the folders that he has accepted, as many as may be.
    pub(super) fn offer_parts(&mut self, cx: &mut Context<'_>, user: &Name) {
        if self.desk.link(user) == LinkState::Down {
            return;
        }
        let is_next = |it: &&Transfer| {
            it.folder.is_some()
                && it.record.with == *user
                && matches!(it.stage, Stage::Serving)
                && !it.is_told
        };
        let room = MAX_OPEN_PARTS.saturating_sub(self.parts_told(user));
        if room == 0 {
            return;
        }
        let next = self.table.iter().filter(is_next).filter(|it| self.may_tell_part(it));
        let numbers: Vec<u64> = next.take(room).map(|part| part.number).collect();
        let folders: BTreeSet<u64> =
            numbers.iter().filter_map(|part| self.table.get(*part)?.folder).collect();
        for number in numbers {
            self.introduce(cx, number);
        }
        for folder in folders {
            self.hash_parts(cx, folder);
        }
    }

    /// A folder is accepted again: where its place was not to be had, files were passed over meanwhile.
    pub(super) fn offer_parts_once_more(&mut self, number: u64) {
        let Some(folder) = self.table.get(number) else { return };
        let is_meant = |number: &u64| {
            self.table.get(*number).is_some_and(|part| {
                is_told_part(part) && part.record.state == TransferState::Offered
            })
        };
        let parts: Vec<u64> = folder.tree.open.iter().copied().filter(is_meant).collect();
        for number in parts {
            self.offer_once_more(number);
        }
    }

    /// A file could not be read: the folder has one less [W-145].
    fn lose_part(&mut self, cx: &mut Context<'_>, number: u64, part: u64) {
        let Some(size) = self.table.get(part).map(|part| part.record.size) else { return };
        self.shrink(cx, number, |files, bytes| {
            (files.saturating_sub(1), bytes.saturating_sub(size))
        });
    }

    /// Fewer files come than were offered, or fewer bytes.
    fn shrink(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        change: impl FnOnce(u32, u64) -> (u32, u64),
    ) {
        let Some(folder) = self.table.get_mut(number) else { return };
        let Some(Folder::Whole { files }) = &mut folder.record.folder else { return };
        (*files, folder.record.size) = change(*files, folder.record.size);
        if *files == 0 {
            let reason = CancelReason::SourceGone;
            let why = self.first_failure(number).unwrap_or_default();
            let ending = Ending::cancelled(reason).because(why);
            return self.end(cx, number, TransferState::Cancelled(reason), ending);
        }
        self.desk.save(folder);
        self.desk.show(folder, cx.now);
        if folder.is_told {
            let control = Control::Offer(super::sending::offer(&folder.record));
            let user = folder.record.with.clone();
            self.desk.say(&user, control);
        }
    }

    /// After a start: what was not offered yet is looked for.
    pub(super) fn look_for_rest(&mut self, number: u64) {
        let Some(folder) = self.table.get(number) else { return };
        let known = folder.tree.parts.iter().filter_map(|part| self.table.get(*part));
        let known = known.filter(|part| !is_lost(part)).count();
        let is_all_there = folder.files().is_none_or(|files| known >= files as usize);
        if folder.is_over() || folder.record.direction == Direction::Receiving || is_all_there {
            return;
        }
        let Some(path) = folder.record.path.clone() else { return };
        let request = FileRequest::Hash { id: folder.record.id, path };
        let Some(folder) = self.table.get_mut(number) else { return };
        self.desk.disk(folder, Purpose::Walk(number), request);
    }

    /// The rest was looked for: what is there of it comes, within what was said.
    pub(super) fn walked_again(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(folder) = self.table.get(number).filter(|it| !it.is_over()) else { return };
        let Some(files) = folder.files() else { return };
        let parts: Vec<&Transfer> =
            folder.tree.parts.iter().filter_map(|part| self.table.get(*part)).collect();
        let offered = || parts.iter().filter(|part| !is_lost(part));
        let mut count = u32::try_from(offered().count()).unwrap_or(u32::MAX);
        let mut bytes: u64 = offered().map(|part| part.record.size).sum();
        let mut coming = VecDeque::new();
        if let Ok(FileReply::Walked(walk)) = outcome {
            for file in walk.files {
                let sum = bytes.saturating_add(file.size);
                if count < files
                    && sum <= folder.record.size
                    && !folder.tree.paths.contains(&file.path)
                {
                    (count, bytes) = (count + 1, sum);
                    coming.push_back(file);
                }
            }
        }
        let is_less = count < files;
        let Some(folder) = self.table.get_mut(number) else { return };
        folder.tree.coming = coming;
        if is_less {
            let name = &folder.record.name;
            self.desk.error(format!(
                "Of the folder {name} some files are gone since it was offered: {} less come.",
                files - count
            ));
            self.shrink(cx, number, |_, _| (count, bytes));
        }
        self.hash_parts(cx, number);
    }
}

// The receiver's side.
impl Transfers {
    /// Somebody offers a folder or a file of one, of which nothing is known here: whether it is to be gone
    /// on with as with any other offer [W-141].
    pub(super) fn takes_offer(
        &mut self,
        cx: &mut Context<'_>,
        user: &Name,
        offer: &Offer,
    ) -> Option<PartOf> {
        match &offer.folder {
            None => Some(PartOf::Nothing),
            Some(Folder::Whole { files }) => {
                let is_possible = (1..=MAX_FOLDER_FILES).contains(files) && offer.share.is_none();
                if !is_possible {
                    self.desk.say(user, Control::Decline(offer.id));
                }
                is_possible.then_some(PartOf::Nothing)
            }
            Some(Folder::Part { of, path }) => {
                let answer = self.judge_offered_part(user, offer, *of, path);
                match answer {
                    Judged::Taken(folder) => Some(PartOf::Folder(folder)),
                    Judged::PassedOver => None,
                    Judged::Answer(control) => {
                        self.desk.say(user, control);
                        None
                    }
                    Judged::Lie(folder) => {
                        let reason = CancelReason::Corrupt;
                        self.desk.say(user, Control::Cancel(offer.id, reason));
                        let ending = Ending::cancelled(reason)
                            .because(format!("{user} sends what does not fit the offer"));
                        self.end(cx, folder, TransferState::Cancelled(reason), ending);
                        None
                    }
                }
            }
        }
    }

    /// [W-143]
    fn judge_offered_part(&self, user: &Name, offer: &Offer, of: TransferId, path: &str) -> Judged {
        let id = offer.id;
        let folder = self.table.find_with(user, of).filter(|folder| {
            folder.record.is_folder() && folder.record.direction == Direction::Receiving
        });
        let Some(folder) = folder else { return Judged::Answer(Control::Decline(id)) };
        match folder.record.state {
            TransferState::Offered => return Judged::PassedOver,
            TransferState::Running => {}
            // It may have been one of its files, and be forgotten since.
            TransferState::Complete => return Judged::Answer(Control::Complete(id)),
            TransferState::Declined => return Judged::Answer(Control::Decline(id)),
            TransferState::Cancelled(reason) => {
                return Judged::Answer(Control::Cancel(id, reason));
            }
            TransferState::CancelledByPeer(_) => {
                return Judged::Answer(Control::Cancel(id, CancelReason::User));
            }
        }
        let bytes = folder.tree.bytes.saturating_add(offer.size);
        let fits = is_folder_path(path)
            && offer.share.is_none()
            && folder.files().is_some_and(|files| folder.tree.parts.len() < files as usize)
            && bytes <= folder.record.size
            && !folder.tree.paths.contains(path);
        if fits { Judged::Taken(folder.number) } else { Judged::Lie(folder.number) }
    }

    /// A folder that is known was offered again, perhaps with less in it [W-145].
    pub(super) fn offered_again(&mut self, cx: &mut Context<'_>, number: u64, offer: &Offer) {
        let Some(folder) = self.table.get_mut(number).filter(|it| !it.is_over()) else { return };
        let known = folder.tree.parts.len();
        let (Some(Folder::Whole { files: new }), Some(Folder::Whole { files })) =
            (&offer.folder, &mut folder.record.folder)
        else {
            return;
        };
        let is_change = (*new, offer.size) != (*files, folder.record.size);
        let is_less = *new <= *files && offer.size <= folder.record.size && *new >= 1;
        if !is_change || !is_less || (*new as usize) < known {
            return;
        }
        *files = *new;
        folder.record.size = offer.size;
        self.desk.save(folder);
        self.desk.show(folder, cx.now);
        self.end_when_all_are(cx, number);
    }

    /// Has the disk make an accepted folder, once in each run.
    pub(super) fn make_folder(&mut self, cx: &Context<'_>, number: u64) {
        let is_reached = self.may_be_reached(cx, number);
        let Some(folder) = self.table.get_mut(number) else { return };
        let may_make = folder.record.state == TransferState::Running
            && folder.may_flow()
            && folder.saving == 0
            && folder.busy == 0
            && !folder.tree.is_made
            && is_reached;
        if !may_make {
            return;
        }
        let record = &folder.record;
        let request = FileRequest::MakeFolder {
            id: record.id,
            name: record.name.clone(),
            place: record.destination(),
        };
        self.desk.disk(folder, Purpose::MakeFolder(number), request);
    }

    pub(super) fn folder_made(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        outcome: Result<FileReply, FileError>,
    ) {
        let Some(folder) = self.table.get_mut(number).filter(|it| !it.is_over()) else { return };
        let path = match outcome {
            Ok(FileReply::FolderMade { path }) => path,
            Err(FileError::NoPlace(why)) => return self.offer_again_here(cx, number, &why),
            outcome => return self.disk_refused(cx, number, outcome.err()),
        };
        folder.tree.is_made = true;
        if let Some(name) = path.file_name() {
            folder.record.name = name.to_string_lossy().into_owned();
        }
        folder.record.path = Some(path.clone());
        let parts: Vec<u64> = folder.tree.open.iter().copied().collect();
        self.desk.save(folder);
        self.desk.show(folder, cx.now);
        for number in parts {
            if let Some(part) = self.table.get_mut(number) {
                part.record.path = Some(path.clone());
                self.advance(cx, number);
            }
        }
    }

    /// Whether a file may be begun, as far as its folder is concerned.
    pub(super) fn has_folder(&self, part: &Transfer) -> bool {
        part.folder.is_none() || self.folder_of(part).is_some_and(|folder| folder.tree.is_made)
    }

    /// Where a file goes that is new.
    pub(super) fn folder_path(&self, number: u64) -> Option<std::path::PathBuf> {
        let folder = self.table.get(number).filter(|folder| folder.tree.is_made)?;
        folder.record.path.clone()
    }

    /// A folder is over when all of its files are [W-146].
    fn end_when_all_are(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(folder) = self.table.get(number).filter(|it| !it.is_over()) else { return };
        let known = folder.tree.parts.len();
        let is_all = folder.files().is_some_and(|files| known >= files as usize);
        if folder.record.state != TransferState::Running || !is_all || !folder.tree.open.is_empty()
        {
            return;
        }
        let (state, why) = self.outcome(number);
        self.end(cx, number, state, Ending::told(Control::Complete).explained(why));
    }
}

// Both sides.
impl Transfers {
    /// The folder of which this is a file.
    pub(super) fn folder_of(&self, part: &Transfer) -> Option<&Transfer> {
        self.table.get(part.folder?)
    }

    /// What a pause or a failure of the disk concerns: of a file of a folder, the folder.
    pub(super) fn concerned(&self, number: u64) -> u64 {
        self.table.get(number).and_then(|transfer| transfer.folder).unwrap_or(number)
    }

    /// Bytes of a file went: its folder has a rate of its own, for of many small files most are over before
    /// theirs says anything.
    pub(super) fn note_rate(&mut self, now: Instant, part: u64, bytes: u64) {
        let folder = self.table.get(part).and_then(|part| part.folder);
        if let Some(folder) = folder.and_then(|folder| self.table.get_mut(folder)) {
            folder.rate.add(now, bytes);
        }
    }

    /// The folder pauses, or does not any more, and its files with it [W-144].
    pub(super) fn hold_parts(&mut self, cx: &mut Context<'_>, number: u64) {
        let Some(folder) = self.table.get(number) else { return };
        let is_held = !folder.may_flow();
        let parts: Vec<u64> = folder.tree.open.iter().copied().collect();
        for number in parts {
            let Some(part) = self.table.get_mut(number) else { continue };
            if std::mem::replace(&mut part.is_held, is_held) == is_held {
                continue;
            }
            if is_held {
                part.rate.clear();
            } else {
                part.flows_again(cx.now);
            }
            self.desk.show(part, cx.now);
            self.advance(cx, number);
        }
    }

    /// A folder is over, and so are its files.
    pub(super) fn end_parts(&mut self, cx: &mut Context<'_>, number: u64, state: &TransferState) {
        let Some(folder) = self.table.get_mut(number) else { return };
        folder.tree.coming.clear();
        let parts: Vec<u64> = folder.tree.open.iter().copied().collect();
        for number in parts {
            if self.table.get(number).is_some_and(|part| !part.is_over()) {
                self.end(cx, number, state.clone(), Ending::silent(None));
            }
        }
    }

    /// A file of a folder is over: what follows for that.
    pub(super) fn part_is_over(&mut self, cx: &mut Context<'_>, part: u64) {
        let Some(transfer) = self.table.get(part) else { return };
        let (Some(number), is_lost) = (transfer.folder, is_lost(transfer)) else { return };
        let Some(folder) = self.table.get(number).filter(|it| !it.is_over()) else { return };
        match folder.record.direction {
            Direction::Sending => {
                if is_lost {
                    self.lose_part(cx, number, part);
                }
                self.hash_parts(cx, number);
            }
            Direction::Receiving => self.end_when_all_are(cx, number),
        }
    }

    /// How a folder ends all of whose files are over, and what to say of it.
    pub(super) fn outcome(&self, number: u64) -> (TransferState, Option<String>) {
        let Some(folder) = self.table.get(number) else { return (TransferState::Complete, None) };
        let parts = folder.tree.parts.iter().filter_map(|part| self.table.get(*part));
        let mut failed =
            parts.filter(|it| it.is_over() && it.record.state != TransferState::Complete);
        let Some(first) = failed.next() else { return (TransferState::Complete, None) };
        let reason = match first.record.state {
            TransferState::Cancelled(reason) | TransferState::CancelledByPeer(reason) => reason,
            TransferState::Offered
            | TransferState::Running
            | TransferState::Complete
            | TransferState::Declined => CancelReason::SourceGone,
        };
        // What a user does to all of it is told as such.
        let reason = if reason == CancelReason::User { CancelReason::SourceGone } else { reason };
        let more = failed.count();
        let mut why = self.first_failure(number).unwrap_or_default();
        if more > 0 {
            why.push_str(&format!(", and {more} more did not come"));
        }
        if let Some(path) = &folder.record.path {
            why.push_str(&format!("; the rest is in {}", path.display()));
        }
        (TransferState::Cancelled(reason), Some(why))
    }

    fn first_failure(&self, number: u64) -> Option<String> {
        let folder = self.table.get(number)?;
        let mut parts = folder.tree.parts.iter().filter_map(|part| self.table.get(*part));
        let part = parts.find(|it| it.is_over() && it.record.state != TransferState::Complete)?;
        let (_, path) = part.record.part()?;
        let (_, why) = part.state(LinkState::Up);
        Some(match part.reason.clone().or(why) {
            Some(why) => format!("{path}: {why}"),
            None => format!("{path} did not come"),
        })
    }

    /// After a start: files whose folder is over, or gone, are over too; the others wait for it.
    pub(super) fn load_folders(&mut self, cx: &mut Context<'_>) {
        let is_stray = |it: &&Transfer| {
            !it.is_over()
                && it.record.part().is_some()
                && self.folder_of(it).is_none_or(Transfer::is_over)
        };
        let stray: Vec<u64> = self.table.iter().filter(is_stray).map(|it| it.number).collect();
        for number in stray {
            let state = TransferState::Cancelled(CancelReason::User);
            self.end(cx, number, state, Ending::silent(None));
        }
        let is_folder = |it: &&Transfer| it.record.is_folder() && !it.is_over();
        let folders: Vec<u64> = self.table.iter().filter(is_folder).map(|it| it.number).collect();
        for number in folders {
            self.hold_parts(cx, number);
            self.look_for_rest(number);
            self.end_when_all_are(cx, number);
        }
    }

    /// The line that shows a folder.
    pub(super) fn folder_line(&self, folder: &Transfer, now: Instant) -> FileLine {
        let link = self.desk.link(&folder.record.with);
        let mut line = folder.line(now, link);
        let parts = || folder.tree.parts.iter().filter_map(|part| self.table.get(*part));
        let complete = parts().filter(|it| it.record.state == TransferState::Complete);
        if folder.record.state == TransferState::Complete {
            line.files_done = line.files;
            return line;
        }
        line.files_done = Some(complete.count() as u64);
        // Of what is sent, bytes count from the acceptance on, not those that are hashed.
        let is_running = folder.record.state != TransferState::Offered;
        let done = |part: &Transfer| {
            let is_hashed = !matches!(part.stage, Stage::Hashing { .. });
            if is_hashed { part.line(now, link).done } else { 0 }
        };
        let sum: u64 = parts().filter(|_| is_running).map(done).sum();
        let size = folder.record.size;
        line.done = sum.min(size);
        let may_run = folder.record.state == TransferState::Running
            && folder.may_flow()
            && link == LinkState::Up;
        if may_run {
            line.state = "running";
            line.reason = None;
            line.rate = folder.rate.per_second(now);
            line.eta = (line.rate > 0).then(|| (size - line.done) / line.rate.max(1));
        }
        let stopped = parts().find(|it| !it.is_over() && it.peer_paused == Paused::Yes);
        if may_run && stopped.is_some() {
            (line.state, line.paused_by) = ("paused", Some("them"));
            (line.rate, line.eta) = (0, None);
        }
        line
    }

    /// A folder and its files, by number.
    pub fn list_folder(&mut self, now: Instant, number: u64) -> Option<Vec<FileLine>> {
        let Some(folder) = self.table.get(number) else {
            self.desk.error(super::common::unlisted(number));
            return None;
        };
        let parts = folder.tree.parts.iter().filter_map(|part| self.table.get(*part));
        let parts = parts.map(|part| part.line(now, self.desk.reach(part)));
        Some([self.line(folder, now)].into_iter().chain(parts).collect())
    }

    /// The line that shows a transfer.
    pub(super) fn line(&self, transfer: &Transfer, now: Instant) -> FileLine {
        if transfer.record.is_folder() {
            self.folder_line(transfer, now)
        } else {
            transfer.line(now, self.desk.reach(transfer))
        }
    }
}

/// What an offer that is taken belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartOf {
    Nothing,
    /// The folder of this number.
    Folder(u64),
}

/// What to do with a file that is offered as one of a folder.
enum Judged {
    Taken(u64),
    /// The folder was not accepted: its files are told of again when it is.
    PassedOver,
    Answer(Control),
    /// It is not what the folder of this number was said to hold.
    Lie(u64),
}
