//! Two sides joined by pipes in memory: real disks and databases, virtual time, one step at a
//! time, so that a test can stop anywhere.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use wire::time::{Duration, Instant};
use wire::{Class, OpenError, Read, ReadError, Side, StreamId, WriteError};

use super::super::*;
use crate::files::FileWorker;
use crate::store::Database;
use crate::work::{
    AccountId, FileError, FileRequest, Installation, Profile, StoreError, StoreReply, StoreRequest,
    TransferRecord,
};

/// What a pipe holds before its writer must wait.
const CAPACITY: usize = 128 << 10;

pub(super) const ALICE: usize = 0;
pub(super) const BOB: usize = 1;

pub(super) fn user(side: usize) -> Name {
    Name::new(["alice", "bob"][side]).unwrap()
}

/// Something that goes wrong with the next job that fits.
pub(super) struct Fault {
    pub(super) fits: fn(&FileRequest) -> bool,
    pub(super) error: FileError,
}

pub(super) struct World {
    pub(super) sides: [Person; 2],
    pub(super) pipes: Pipes,
    pub(super) now: Instant,
    /// Whether everybody is in the one room that there is.
    pub(super) is_team: bool,
    is_up: bool,
}

pub(super) struct Person {
    pub(super) transfers: Transfers,
    pub(super) outputs: Vec<Output>,
    /// Everything that the disk was asked for.
    pub(super) disk_log: Vec<String>,
    pub(super) faults: VecDeque<Fault>,
    pub(super) dir: TempDir,
    /// Whether saving fails.
    pub(super) store_fails: bool,
    /// Whether writes are begun and do not end.
    pub(super) disk_hangs: bool,
    /// The same of what is read to be sent.
    pub(super) reads_hang: bool,
    hanging: VecDeque<(Job, Work)>,
    disk: FileWorker,
    store: Database,
    runs: u8,
    policy: Policy,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    /// `policy` is Bob's.
    pub(super) fn with_policy(policy: Policy) -> Self {
        let mut world = Self::apart(policy);
        world.join();
        world
    }

    /// Nobody is connected yet.
    pub(super) fn apart(policy: Policy) -> Self {
        Self {
            sides: [Person::new(ALICE, Policy::default()), Person::new(BOB, policy)],
            pipes: Pipes::default(),
            now: Instant::ZERO,
            is_team: false,
            is_up: false,
        }
    }

    pub(super) fn join(&mut self) {
        assert!(!self.is_up);
        self.is_up = true;
        for side in [ALICE, BOB] {
            self.with(side, |transfers, cx| transfers.on_link_up(cx, &user(1 - side)));
        }
    }

    pub(super) fn cut(&mut self) {
        if std::mem::take(&mut self.is_up) {
            self.pipes.clear();
            for side in [ALICE, BOB] {
                self.with(side, |transfers, cx| transfers.on_link_down(cx, &user(1 - side)));
            }
        }
    }

    /// Kills one side's program and starts it again: what was not answered is lost.
    pub(super) fn restart(&mut self, side: usize) {
        if std::mem::take(&mut self.is_up) {
            self.pipes.clear();
            self.with(1 - side, |transfers, cx| transfers.on_link_down(cx, &user(side)));
        }
        self.sides[side].restart(side);
        let records = self.sides[side].load(side);
        self.with(side, |transfers, cx| transfers.load(cx, records));
    }

    pub(super) fn with<R>(
        &mut self,
        side: usize,
        verb: impl FnOnce(&mut Transfers, &mut Context<'_>) -> R,
    ) -> R {
        let mut end = End { pipes: &mut self.pipes, side, is_up: self.is_up };
        let unix_ms = self.now.as_micros() / 1000;
        let rooms = Team(self.is_team);
        let mut cx = Context { now: self.now, unix_ms, streams: &mut end, rooms: &rooms };
        let result = verb(&mut self.sides[side].transfers, &mut cx);
        while let Some(output) = self.sides[side].transfers.poll_output() {
            self.sides[side].outputs.push(output);
        }
        for queue in self.sides[side].transfers.queues() {
            assert!(queue.held <= queue.most, "{queue:?}");
        }
        result
    }

    /// Alice offers these bytes under this name to Bob.
    pub(super) fn send(&mut self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.sides[ALICE].dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        let sent = path.clone();
        self.with(ALICE, |transfers, cx| transfers.send(cx, user(BOB), sent));
        path
    }

    /// Alice offers a folder with these files to Bob.
    pub(super) fn send_folder(&mut self, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let root = self.sides[ALICE].dir.path().join(name);
        for (path, contents) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        let sent = root.clone();
        self.with(ALICE, |transfers, cx| transfers.send(cx, user(BOB), sent));
        root
    }

    /// One thing happens; whether there was one.
    pub(super) fn step(&mut self) -> bool {
        for side in [ALICE, BOB] {
            if let Some((job, work)) = self.sides[side].transfers.poll_work() {
                self.do_work(side, job, work);
                return true;
            }
            if let Some((to, control)) = self.sides[side].transfers.poll_control() {
                assert!(self.is_up && to == user(1 - side), "nobody to say it to");
                self.with(1 - side, |transfers, cx| transfers.on_control(cx, &user(side), control));
                return true;
            }
            if let Some((stream, event)) = self.pipes.events[side].pop_front() {
                let from = user(1 - side);
                self.with(side, |transfers, cx| match event {
                    PipeEvent::Opened => transfers.on_opened(cx, &from, stream),
                    PipeEvent::Readable => transfers.on_readable(cx, &from, stream),
                    PipeEvent::Writable => transfers.on_writable(cx, &from, stream),
                    PipeEvent::Stopped => transfers.on_stopped(cx, &from, stream),
                });
                return true;
            }
        }
        false
    }

    /// Everything that one side's disk and database have to do.
    pub(super) fn work(&mut self, side: usize) {
        while let Some((job, work)) = self.sides[side].transfers.poll_work() {
            self.do_work(side, job, work);
        }
    }

    fn do_work(&mut self, side: usize, job: Job, work: Work) {
        let mut outcomes = Vec::new();
        let person = &mut self.sides[side];
        let hangs = person.disk_hangs && matches!(work, Work::File(FileRequest::Write { .. }))
            || person.reads_hang && matches!(work, Work::File(FileRequest::Encode { .. }));
        if hangs {
            person.hanging.push_back((job, work));
            return;
        }
        match work {
            Work::File(request) => {
                person.disk_log.push(format!("{request:?}").chars().take(60).collect());
                let fault = person.faults.iter().position(|fault| (fault.fits)(&request));
                let outcome = match fault.and_then(|at| person.faults.remove(at)) {
                    Some(fault) => Err(fault.error),
                    None => person
                        .disk
                        .run(request, &mut |reply| outcomes.push(Outcome::File(Ok(reply)))),
                };
                outcomes.push(Outcome::File(outcome));
            }
            Work::Store(_) if person.store_fails => {
                outcomes.push(Outcome::Store(Err(StoreError("no room".to_owned()))));
            }
            Work::Store(request) => {
                outcomes.push(Outcome::Store(person.store.run(vec![request]).remove(0)));
            }
            Work::Login(_) | Work::Backup(_) => panic!("transfers log nobody in"),
        }
        for outcome in outcomes {
            self.with(side, |transfers, cx| transfers.handle_outcome(cx, job, outcome));
        }
    }

    /// The disk of a side ends what it has begun.
    pub(super) fn end_hanging(&mut self, side: usize) {
        self.sides[side].disk_hangs = false;
        self.sides[side].reads_hang = false;
        while let Some((job, work)) = self.sides[side].hanging.pop_front() {
            self.do_work(side, job, work);
        }
    }

    /// How much is in one of a side's queues.
    pub(super) fn held(&self, side: usize, name: &str) -> u64 {
        let queues = self.sides[side].transfers.queues();
        queues.iter().find(|queue| queue.name == name).expect("a queue of this name").held
    }

    /// Everything that happens at this moment.
    pub(super) fn settle(&mut self) {
        self.steps(1_000_000);
        assert!(!self.step(), "it never ends");
    }

    /// At most so many things.
    pub(super) fn steps(&mut self, count: usize) {
        for _ in 0..count {
            if !self.step() {
                break;
            }
        }
    }

    /// Until this holds.
    pub(super) fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..1_000_000 {
            if holds(self) {
                return;
            }
            if !self.step() {
                self.wake();
            }
        }
        panic!("it never holds");
    }

    /// So much time passes.
    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        self.settle();
        while let Some(at) = self.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.fire();
            self.settle();
        }
        self.now = end;
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.sides.iter().filter_map(|side| side.transfers.poll_timeout());
        deadlines.map(|deadline| deadline.at).min()
    }

    fn wake(&mut self) {
        self.now = self.next_deadline().expect("somebody waits for something");
        self.fire();
    }

    fn fire(&mut self) {
        for side in [ALICE, BOB] {
            self.with(side, |transfers, cx| transfers.handle_timeout(cx));
            if let Some(deadline) = self.sides[side].transfers.poll_timeout() {
                assert!(deadline.at > self.now, "{deadline:?} is due again");
            }
        }
    }

    /// The one line of a side that shows this transfer.
    pub(super) fn line(&self, side: usize, number: u64) -> FileLine {
        let lines = self.sides[side].transfers.list(self.now);
        let unknown = FileLine {
            id: number,
            direction: Direction::Receiving,
            with: String::new(),
            room: None,
            name: String::new(),
            folder: None,
            files: None,
            files_done: None,
            size: Some(0),
            done: 0,
            rate: 0,
            eta: None,
            wait: None,
            media: None,
            state: "unknown",
            paused_by: None,
            link: None,
            path: None,
            reason: None,
        };
        lines.into_iter().find(|line| line.id == number).unwrap_or(unknown)
    }

    pub(super) fn states(&self, number: u64) -> [&'static str; 2] {
        [self.line(ALICE, number).state, self.line(BOB, number).state]
    }

    pub(super) fn downloads(&self) -> PathBuf {
        self.sides[BOB].dir.path().join("downloads")
    }

    /// Only this file arrived, and nothing else is left anywhere.
    pub(super) fn assert_arrived(&self, name: &str, contents: &[u8]) {
        assert_eq!(names_in(&self.downloads()), [name]);
        assert!(std::fs::read(self.downloads().join(name)).unwrap() == contents, "bytes differ");
        self.assert_nothing_kept();
    }

    pub(super) fn assert_nothing_kept(&self) {
        for side in &self.sides {
            assert_eq!(names_in(&side.dir.path().join("trees")), [""; 0]);
        }
    }

    /// The errors that a side's user saw.
    pub(super) fn errors(&self, side: usize) -> Vec<String> {
        let mut errors = Vec::new();
        for output in &self.sides[side].outputs {
            if let Output::Error { text } = output {
                errors.push(text.clone());
            }
        }
        errors
    }
}

impl Person {
    fn new(side: usize, policy: Policy) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Database::open_in_memory().unwrap();
        let account = AccountId { server: wire::PublicKey([1; 32]), name: user(side) };
        let installation = Installation {
            device: wire::StaticKey::from_private([1; 32]),
            token_secret: wire::Secret::new([1; 32]),
        };
        for answer in store.run(vec![
            StoreRequest::Load(Some(account)),
            StoreRequest::SaveInstallation(installation),
        ]) {
            answer.unwrap();
        }
        Self {
            transfers: Transfers::new(policy, &Seed::new([side as u8; 32])),
            outputs: Vec::new(),
            disk_log: Vec::new(),
            faults: VecDeque::new(),
            disk: worker(dir.path()),
            dir,
            store_fails: false,
            disk_hangs: false,
            reads_hang: false,
            hanging: VecDeque::new(),
            store,
            runs: 0,
            policy,
        }
    }

    fn restart(&mut self, side: usize) {
        self.runs += 1;
        let seed = Seed::new([side as u8 + 2 * self.runs; 32]);
        self.transfers = Transfers::new(self.policy, &seed);
        self.disk = worker(self.dir.path());
    }

    fn load(&mut self, side: usize) -> Vec<TransferRecord> {
        let account = AccountId { server: wire::PublicKey([1; 32]), name: user(side) };
        match self.store.run(vec![StoreRequest::Load(Some(account))]).remove(0) {
            Ok(StoreReply::Loaded(profile)) => {
                let Profile { transfers, .. } = *profile;
                transfers
            }
            other => panic!("{other:?}"),
        }
    }

    /// What the database would give after a restart.
    pub(super) fn stored(&mut self, side: usize) -> Vec<TransferRecord> {
        self.load(side)
    }

    pub(super) fn count_in_log(&self, what: &str) -> usize {
        self.disk_log.iter().filter(|line| line.starts_with(what)).count()
    }
}

fn worker(dir: &Path) -> FileWorker {
    FileWorker::new(dir, &dir.join("downloads")).unwrap()
}

pub(super) fn names_in(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PipeEvent {
    Opened,
    Readable,
    Writable,
    Stopped,
}

/// Streams between the two sides.
#[derive(Default)]
pub(super) struct Pipes {
    streams: BTreeMap<StreamId, [Half; 2]>,
    pub(super) events: [VecDeque<(StreamId, PipeEvent)>; 2],
    next: [u64; 2],
    /// Most streams that may be open.
    pub(super) limit: Option<usize>,
    /// Flips a bit of the next byte at this position of what a side writes.
    pub(super) flip: Option<(usize, usize)>,
    /// Bytes written by each side.
    pub(super) written: [usize; 2],
}

/// What one side writes.
#[derive(Default)]
struct Half {
    bytes: VecDeque<u8>,
    has_ended: bool,
    reset: Option<u32>,
    is_stopped: bool,
    told_readable: bool,
    was_full: bool,
}

impl Pipes {
    fn clear(&mut self) {
        self.streams.clear();
        self.events = Default::default();
    }

    pub(super) fn open_streams(&self) -> usize {
        self.streams
            .values()
            .filter(|halves| halves.iter().any(|half| !half.has_ended && half.reset.is_none()))
            .count()
    }

    fn tell_readable(&mut self, stream: StreamId, writer: usize) {
        let half = &mut self.streams.get_mut(&stream).unwrap()[writer];
        if !std::mem::replace(&mut half.told_readable, true) {
            self.events[1 - writer].push_back((stream, PipeEvent::Readable));
        }
    }

    pub(super) fn write(
        &mut self,
        side: usize,
        stream: StreamId,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        let halves = self.streams.get_mut(&stream).ok_or(WriteError::NoStream(stream))?;
        let half = &mut halves[side];
        if half.is_stopped {
            return Err(WriteError::Stopped(0));
        }
        if half.has_ended || half.reset.is_some() {
            return Err(WriteError::Finished);
        }
        let count = bytes.len().min(CAPACITY - half.bytes.len());
        half.was_full = count < bytes.len();
        for byte in &bytes[..count] {
            let flipped = self.flip == Some((side, self.written[side]));
            half.bytes.push_back(byte ^ u8::from(flipped));
            self.written[side] += 1;
        }
        if count > 0 {
            self.tell_readable(stream, side);
        }
        Ok(count)
    }

    pub(super) fn read(
        &mut self,
        side: usize,
        stream: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError> {
        let halves = self.streams.get_mut(&stream).ok_or(ReadError::NoStream(stream))?;
        let half = &mut halves[1 - side];
        if let Some(code) = half.reset {
            return Err(ReadError::Reset(code));
        }
        let count = max.min(half.bytes.len());
        out.extend(half.bytes.drain(..count));
        if std::mem::take(&mut half.was_full) {
            self.events[1 - side].push_back((stream, PipeEvent::Writable));
        }
        if !half.bytes.is_empty() {
            return Ok(Read::More);
        }
        half.told_readable = false;
        Ok(if half.has_ended { Read::End } else { Read::Blocked })
    }

    pub(super) fn open(&mut self, side: usize) -> Result<StreamId, OpenError> {
        if self.limit.is_some_and(|limit| self.open_streams() >= limit) {
            return Err(OpenError::Limit);
        }
        let opener = [Side::Initiator, Side::Responder][side];
        let stream = StreamId::new(opener, Class::Bulk, self.next[side]).unwrap();
        self.next[side] += 1;
        self.streams.insert(stream, Default::default());
        self.events[1 - side].push_back((stream, PipeEvent::Opened));
        Ok(stream)
    }

    fn end(&mut self, side: usize, stream: StreamId, reset: Option<u32>) {
        let Some(halves) = self.streams.get_mut(&stream) else { return };
        let half = &mut halves[side];
        if half.has_ended || half.reset.is_some() {
            return;
        }
        match reset {
            Some(code) => half.reset = Some(code),
            None => half.has_ended = true,
        }
        self.tell_readable(stream, side);
    }

    fn stop(&mut self, side: usize, stream: StreamId) {
        let Some(halves) = self.streams.get_mut(&stream) else { return };
        if !std::mem::replace(&mut halves[1 - side].is_stopped, true) {
            self.events[1 - side].push_back((stream, PipeEvent::Stopped));
        }
    }
}

/// A room, in which is everybody or nobody.
struct Team(bool);

impl Membership for Team {
    fn are_in(&self, _: RoomId, _: &Name) -> bool {
        self.0
    }

    fn title(&self, _: RoomId) -> String {
        "#team".to_owned()
    }

    fn place(&self, _: RoomId, _: &Name) -> (u64, u64) {
        (0, 0)
    }
}

/// One side's ends of the pipes.
struct End<'a> {
    pipes: &'a mut Pipes,
    side: usize,
    is_up: bool,
}

impl BulkStreams for End<'_> {
    fn open(&mut self, to: &Name) -> Result<StreamId, OpenError> {
        if self.is_up && *to == user(1 - self.side) {
            self.pipes.open(self.side)
        } else {
            Err(OpenError::NotConnected)
        }
    }

    fn write(&mut self, _: &Name, stream: StreamId, bytes: &[u8]) -> Result<usize, WriteError> {
        self.pipes.write(self.side, stream, bytes)
    }

    fn write_shared(
        &mut self,
        _: &Name,
        stream: StreamId,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError> {
        self.pipes.write(self.side, stream, &bytes[range])
    }

    fn finish(&mut self, _: &Name, stream: StreamId) {
        self.pipes.end(self.side, stream, None);
    }

    fn reset(&mut self, _: &Name, stream: StreamId, code: u32) {
        self.pipes.end(self.side, stream, Some(code));
    }

    fn stop(&mut self, _: &Name, stream: StreamId, _: u32) {
        self.pipes.stop(self.side, stream);
    }

    fn read(
        &mut self,
        _: &Name,
        stream: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError> {
        self.pipes.read(self.side, stream, max, out)
    }
}
