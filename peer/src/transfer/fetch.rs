//! The receiver's ends of the Bulk streams of one file: what was asked for, of whom, and the answers
//! as they arrive.

use std::collections::{BTreeMap, VecDeque};

use wire::app::framing;
use wire::app::name::Name;
use wire::app::peer::{GROUP, MAX_RANGE};
use wire::time::{Duration, Instant};
use wire::{Read, StreamId};

use super::hold::{self, Hold, Holds};
use super::limit::Limit;
use super::links::BulkStreams;
use super::ranges::Ranges;
use super::rate::Rate;
use super::readers::Readers;
use super::serve::Wanted;
use super::spare::Spare;

/// Bytes asked for and not yet arrived: as much as arrives in this time at the present rate...
const AHEAD_MILLIS: u64 = 1500;
/// ...but at least this much...
const MIN_WINDOW: u64 = 256 << 10;
/// ...and at most this.
pub(crate) const MAX_WINDOW: u64 = 8 << 20;
/// Shortest and longest range of one request, when there is more to ask for.
const MIN_STEP: u64 = 64 << 10;
/// Those that fetch at once share this; what one has asked for before others came it keeps.
const MAX_WINDOWS: u64 = 16 << 20;
/// Bytes of all transfers together that wait for the disk; beyond this nothing more is read from
/// any stream. They share it, but for the least that one may have waiting.
pub(super) const MAX_WRITING: u64 = 8 << 20;
const MIN_WRITING: u64 = 1 << 20;
/// A sender who says nothing for this long, though he does not pause, is asked again over another
/// stream; meanwhile it is somebody else's turn.
const MAX_SILENCE: Duration = Duration::from_secs(60);
/// A member of the same room is not waited for so long.
const MAX_SILENCE_OF_MEMBER: Duration = Duration::from_secs(10);
/// Most members who are listened to about one file, and of whom it is asked for.
const MAX_LISTENED: usize = 32;
const MAX_ASKED_MEMBERS: usize = 8;
/// When members have all that is missing, the one who offered it is asked for it only after this.
const PATIENCE_WITH_MEMBERS: Duration = Duration::from_secs(2);
/// A stream that failed is opened again after this long, doubling up to a minute.
const RETRY: Duration = Duration::from_secs(1);

/// The longest answer to a request of `len` bytes, in Bao encoding: 64 bytes for each inner node,
/// one for each group of 16 KiB, and two paths to the root.
pub(super) const fn longest_answer(len: u32) -> u32 {
    len + 64 * (len / 16384 + 128)
}

/// A file on its way in.
#[derive(Debug)]
pub(super) struct Fetch {
    /// What is neither here nor asked for.
    missing: Ranges,
    /// What is here, verified.
    held: Ranges,
    size: u64,
    /// Where this side begins: members of a room who fetch the same file begin at different places,
    /// and so have something for each other.
    start: u64,
    /// Who has it: the one who offered it, and of a file that was offered to a room, members.
    sources: BTreeMap<Name, Source>,
    /// Bytes handed to the disk and not yet told to be written.
    writing: u64,
    /// How many streams fetch at once.
    sharers: u64,
    /// Whether a stream is to be opened as soon as another transfer gives up its place.
    pub(super) awaits_place: bool,
}

/// Somebody who has it, or a part.
#[derive(Debug)]
struct Source {
    /// What he has; `None` for everything, of the one who offered it.
    has: Option<Ranges>,
    asking: Option<Asking>,
    /// When a stream that failed, or that he did not allow, is tried again.
    retry_at: Option<Instant>,
    failures: u32,
    /// Whether what came from him was not what was offered: nothing more is asked of him.
    lied: bool,
    /// Since when the one who offered it is asked for nothing, as members have all of the rest.
    idle_since: Option<Instant>,
    /// How much he is asked for then, if they are slow.
    relief: u64,
}

/// The stream, and what was asked for over it.
#[derive(Debug)]
struct Asking {
    stream: StreamId,
    asked: VecDeque<(u64, u32)>,
    asked_bytes: u64,
    /// Requests that the stream has not taken yet.
    unsent: Vec<u8>,
    /// The answer that is arriving: its length, then that many bytes.
    head: Vec<u8>,
    body: Vec<u8>,
    is_readable: bool,
    /// When the last bytes arrived, or from when on they could.
    heard_at: Instant,
    rate: Rate,
    /// What it has waited for.
    holds: Option<Holds>,
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) encoded: Vec<u8>,
}

/// Why nothing more comes over a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The other side ended it, or it went with the link: another may do.
    Lost,
    /// The other side said what nobody honest says.
    Lie,
}

impl Fetch {
    /// A file of `size` bytes of which `present` are there, offered by `sender`, fetched from `start`
    /// on.
    pub(super) fn new(sender: Name, size: u64, present: &[(u64, u64)], start: u64) -> Self {
        let missing = Ranges::all_but(size, present);
        Self {
            missing,
            held: Ranges::of(present),
            size,
            start: start - start % GROUP,
            sources: BTreeMap::from([(sender, Source::new(None))]),
            writing: 0,
            sharers: 1,
            awaits_place: false,
        }
    }

    /// Bytes still to come.
    pub(super) fn remaining(&self) -> u64 {
        self.size - self.held.bytes()
    }

    /// What is here, verified.
    pub(super) const fn held(&self) -> &Ranges {
        &self.held
    }

    /// Whether there is something that was not asked for.
    pub(super) const fn has_more_to_ask(&self) -> bool {
        self.missing.bytes() > 0
    }

    /// A member has these runs of groups, and before perhaps others. Of so many members as are
    /// listened to.
    pub(super) fn member_has(&mut self, user: &Name, runs: &[(u64, u64)]) {
        let is_new = !self.sources.contains_key(user);
        if is_new && self.sources.len() > MAX_LISTENED {
            return;
        }
        let has = Ranges::of_groups(runs, self.size);
        let source = self.sources.entry(user.clone()).or_insert_with(|| Source::new(None));
        // The one who offered it has everything, whatever he says.
        if is_new || source.has.is_some() {
            source.has = Some(has);
        }
    }

    /// Members who have said what they have.
    pub(super) fn members(&self) -> impl Iterator<Item = &Name> {
        self.sources.iter().filter(|(_, source)| source.has.is_some()).map(|(user, _)| user)
    }

    /// Members who have something that is still to come, and are asked for it.
    pub(super) fn givers(&self) -> impl Iterator<Item = &Name> {
        let gives = |source: &Source| {
            let has = source.has.as_ref().filter(|_| !source.lied);
            has.is_some_and(|has| source.asking.is_some() || self.missing.meets(has))
        };
        self.sources.iter().filter(move |(_, source)| gives(source)).map(|(user, _)| user)
    }

    /// Whether this user is one of those who have it.
    pub(super) fn knows(&self, user: &Name) -> bool {
        self.sources.contains_key(user)
    }

    /// Those to whom there is a stream.
    pub(super) fn asked_users(&self) -> Vec<Name> {
        let asked = self.sources.iter().filter(|(_, source)| source.asking.is_some());
        asked.map(|(user, _)| user.clone()).collect()
    }

    /// Whether there is any stream.
    pub(super) fn has_stream(&self) -> bool {
        self.sources.values().any(|source| source.asking.is_some())
    }

    /// Those to whom a stream is to be opened now: the one who offered it, and members who have
    /// something that is missing here, as long as there are not enough.
    pub(super) fn to_open(&self, now: Instant) -> Vec<Name> {
        if self.missing.bytes() == 0 {
            return Vec::new();
        }
        let is_member = |source: &Source| source.has.is_some();
        let asked = self.sources.values().filter(|it| is_member(it) && it.asking.is_some()).count();
        let mut places = MAX_ASKED_MEMBERS.saturating_sub(asked);
        let mut users = Vec::new();
        for (user, source) in &self.sources {
            if source.asking.is_some() || source.lied || source.retry_at.is_some_and(|at| at > now)
            {
                continue;
            }
            match &source.has {
                None => users.push(user.clone()),
                Some(has) if places > 0 && self.missing.meets(has) => {
                    places -= 1;
                    users.push(user.clone());
                }
                Some(_) => {}
            }
        }
        users
    }

    /// A new stream to a user is to be used.
    pub(super) fn begin(&mut self, now: Instant, user: &Name, stream: StreamId) {
        self.awaits_place = false;
        let Some(source) = self.sources.get_mut(user) else { return };
        source.retry_at = None;
        source.asking = Some(Asking {
            stream,
            asked: VecDeque::new(),
            asked_bytes: 0,
            unsent: Vec::new(),
            head: Vec::new(),
            body: Vec::new(),
            is_readable: false,
            heard_at: now,
            rate: Rate::default(),
            holds: None,
        });
    }

    /// Nobody pauses any more: silence counts from here.
    pub(super) fn flows_again(&mut self, now: Instant) {
        for asking in self.sources.values_mut().filter_map(|source| source.asking.as_mut()) {
            asking.heard_at = now;
        }
    }

    /// Whether there is something to read that had to wait for the disk.
    pub(super) fn is_held_back(&self) -> bool {
        self.asking().any(|asking| asking.is_readable)
    }

    fn asking(&self) -> impl Iterator<Item = &Asking> {
        self.sources.values().filter_map(|source| source.asking.as_ref())
    }

    /// Notes what comes from this user waits for; `is_open`: more may be asked for within `/limit`.
    pub(super) fn note_hold(&mut self, now: Instant, user: &Name, is_open: bool) {
        let has_more = self.has_more_to_ask();
        let asking = self.sources.get_mut(user).and_then(|source| source.asking.as_mut());
        let Some(asking) = asking else { return };
        let has_asked_enough = asking.asked_bytes >= asking.window(now, self.sharers) / 2;
        let hold = if asking.is_readable {
            // What has come is not read, as too much waits for the disk.
            Hold::Disk
        } else if has_more && !is_open && !has_asked_enough {
            Hold::Limit
        } else {
            Hold::OtherSide
        };
        hold::note(&mut asking.holds, now, hold);
    }

    /// What each stream has waited for.
    pub(super) fn holds(&self) -> impl Iterator<Item = Holds> {
        self.asking().filter_map(|asking| asking.holds)
    }

    /// Most bytes asked for over one stream, and the bytes that have arrived of answers that are not
    /// whole yet.
    pub(super) fn queued(&self) -> (u64, u64) {
        let most = self.asking().map(|asking| asking.asked_bytes).max().unwrap_or(0);
        (most, self.asking().map(|asking| asking.body.len() as u64).sum())
    }

    /// Whether something is to be looked at once a second: an answer is due, or the one who offered
    /// it is not asked, for now.
    pub(super) fn is_to_be_watched(&self) -> bool {
        let is_relieved = |source: &Source| source.asking.is_some() && source.idle_since.is_some();
        self.asking().any(|asking| !asking.asked.is_empty())
            || (self.has_more_to_ask() && self.sources.values().any(is_relieved))
    }

    /// Who, and not this disk, has kept it waiting for too long.
    pub(super) fn silent(&self, now: Instant) -> Vec<Name> {
        let is_silent = |source: &Source| {
            let most = if source.has.is_none() { MAX_SILENCE } else { MAX_SILENCE_OF_MEMBER };
            let asking = source.asking.as_ref();
            asking.is_some_and(|it| !it.asked.is_empty() && now - it.heard_at >= most)
        };
        if self.writing > 0 {
            return Vec::new();
        }
        let silent = self.sources.iter().filter(|(_, source)| is_silent(source));
        silent.map(|(user, _)| user.clone()).collect()
    }

    /// The stream to this user is gone: what was asked for over it is missing again.
    pub(super) fn lose_stream(&mut self, user: &Name) -> Option<StreamId> {
        let asking = self.sources.get_mut(user)?.asking.take()?;
        for (offset, len) in asking.asked {
            self.missing.put(offset, len);
        }
        Some(asking.stream)
    }

    /// All streams are given up.
    pub(super) fn lose_streams(&mut self) -> Vec<(Name, StreamId)> {
        let users = self.asked_users();
        let lost = users.into_iter().filter_map(|user| {
            let stream = self.lose_stream(&user)?;
            Some((user, stream))
        });
        lost.collect()
    }

    /// The link to this user is gone.
    pub(super) fn lose_link(&mut self, user: &Name) {
        self.lose_stream(user);
        self.awaits_place = false;
        if let Some(source) = self.sources.get_mut(user) {
            source.retry_at = None;
            if source.has.is_some() && !source.lied {
                self.sources.remove(user);
            }
        }
    }

    /// The stream to this user failed while the link is up: tries again at the time that is given.
    pub(super) fn retry_later(&mut self, now: Instant, user: &Name) -> Option<Instant> {
        self.awaits_place = false;
        let source = self.sources.get_mut(user)?;
        let at = now + RETRY * (1 << source.failures.min(6));
        source.failures += 1;
        source.retry_at = Some(at);
        Some(at)
    }

    /// When the next stream that failed may be tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.sources.values().filter_map(|source| source.retry_at).min()
    }

    /// What came from this member is not what was offered.
    pub(super) fn distrust(&mut self, user: &Name) {
        if let Some(source) = self.sources.get_mut(user) {
            source.lied = true;
        }
    }

    /// There is something to read.
    pub(super) fn note_readable(&mut self, user: &Name) {
        if let Some(asking) = self.sources.get_mut(user).and_then(|it| it.asking.as_mut()) {
            asking.is_readable = true;
        }
    }

    /// Asks a user for as much as should be on its way from him.
    pub(super) fn ask(&mut self, user: &Name, mut terms: Terms<'_>) {
        self.sharers = terms.sharers.max(1);
        let Some(source) = self.sources.get_mut(user) else { return };
        let Some(mut asking) = source.asking.take() else { return };
        let has = source.has.take();
        let window = asking.window(terms.now, self.sharers);
        let without: Vec<&Ranges> = match has {
            Some(_) => Vec::new(),
            None => self.sources.values().filter_map(Source::serves).collect(),
        };
        let coming: Vec<Ranges> = without.iter().map(|has| has.longer(window)).collect();
        let coming: Vec<&Ranges> = coming.iter().collect();
        let choice =
            Choice { from: self.start, within: has.as_ref(), without: &without, coming: &coming };
        asking.ask(&mut self.missing, window, &choice, &mut terms);
        let is_spared = has.is_none() && !without.is_empty();
        let Some(source) = self.sources.get_mut(user) else { return };
        (source.asking, source.has) = (Some(asking), has);
        if is_spared {
            source.relieve(&mut self.missing, self.start, window, &mut terms);
        }
    }

    /// Sends requests as far as the stream takes them.
    pub(super) fn send(
        &mut self,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<(), Broken> {
        let asking = self.sources.get_mut(user).and_then(|source| source.asking.as_mut());
        let Some(asking) = asking.filter(|asking| !asking.unsent.is_empty()) else { return Ok(()) };
        let taken = streams.write(user, asking.stream, &asking.unsent).map_err(|_| Broken::Lost)?;
        asking.unsent.drain(..taken);
        Ok(())
    }

    /// The next whole answer, unless too much waits for the disk: `room` is what all transfers
    /// together may still give to it.
    pub(super) fn next_answer(
        &mut self,
        now: Instant,
        room: u64,
        spare: &mut Spare,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<Option<Answer>, Broken> {
        let asking = self.sources.get_mut(user).and_then(|source| source.asking.as_mut());
        let Some(asking) = asking else { return Ok(None) };
        let limit = (MAX_WRITING / self.sharers).max(MIN_WRITING);
        let next = asking.asked.front().map_or(0, |(_, len)| u64::from(*len));
        while asking.is_readable && self.writing < limit && next <= room {
            if let Some(answer) = asking.read_on(now, spare, user, streams)? {
                self.writing += u64::from(answer.len);
                asking.rate.add(now, u64::from(answer.len));
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// The disk has verified and written what came from this user.
    pub(super) fn written(&mut self, user: &Name, offset: u64, len: u32) {
        self.writing -= u64::from(len);
        self.held.put(offset, len);
        if let Some(source) = self.sources.get_mut(user) {
            source.failures = 0;
        }
    }

    /// These ranges, of what was not asked for, are right already: those that were missing are given, in
    /// pieces.
    pub(super) fn found(&mut self, right: &[(u64, u64)]) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        for (start, end) in right {
            while let Some((offset, len)) =
                self.missing.take_between(*start..*end, 1 << 31, None, &[])
            {
                self.held.put(offset, len);
                found.push((offset, len));
            }
        }
        found
    }

    /// What came was wrong, and is missing still.
    pub(super) fn not_written(&mut self, offset: u64, len: u32) {
        self.writing -= u64::from(len);
        self.missing.put(offset, len);
    }
}

impl Source {
    fn new(has: Option<Ranges>) -> Self {
        Self {
            has,
            asking: None,
            retry_at: None,
            failures: 0,
            lied: false,
            idle_since: None,
            relief: MIN_WINDOW,
        }
    }

    /// Who offered it is not asked for what members have; but if they are slow, for more and more
    /// of it.
    fn relieve(&mut self, missing: &mut Ranges, from: u64, window: u64, terms: &mut Terms<'_>) {
        let Some(asking) = &mut self.asking else { return };
        if !asking.asked.is_empty() {
            self.idle_since = None;
            return;
        }
        let since = *self.idle_since.get_or_insert(terms.now);
        if terms.now - since >= PATIENCE_WITH_MEMBERS {
            self.idle_since = None;
            let choice = Choice { from, within: None, without: &[], coming: &[] };
            let window = self.relief.min(window.max(MIN_WINDOW));
            asking.ask(missing, window, &choice, terms);
            self.relief = (self.relief * 2).min(MAX_WINDOW);
        }
    }

    /// What need not be asked of the one who offered it: a member has it, and gives it.
    fn serves(&self) -> Option<&Ranges> {
        self.has.as_ref().filter(|_| self.asking.is_some())
    }
}

/// What asking depends on besides the file.
pub(super) struct Terms<'a> {
    pub(super) now: Instant,
    /// How the file is named to the one who is asked.
    pub(super) wanted: Wanted,
    /// How many streams fetch at once.
    pub(super) sharers: u64,
    /// How fast files may come.
    pub(super) limit: &'a mut Limit,
    /// What they wait for is asked for first.
    pub(super) readers: &'a mut Readers,
}

/// Which of what is missing may be asked for.
pub(super) struct Choice<'a> {
    /// Where to begin, as long as nobody reads.
    pub(super) from: u64,
    /// What the one who is asked has; `None` for everything.
    pub(super) within: Option<&'a Ranges>,
    /// What others are asked for.
    pub(super) without: &'a [&'a Ranges],
    /// The same, and what is on its way to these others: they will have it by the time it would come
    /// here. Only who reads does not wait for that.
    pub(super) coming: &'a [&'a Ranges],
}

impl Asking {
    /// How much should be on its way at the rate at which it comes.
    fn window(&self, now: Instant, sharers: u64) -> u64 {
        let share = (MAX_WINDOWS / sharers).clamp(MIN_STEP, MAX_WINDOW);
        let ahead = self.rate.per_second(now).saturating_mul(AHEAD_MILLIS) / 1000;
        ahead.max(MIN_WINDOW).min(share)
    }

    fn ask(
        &mut self,
        missing: &mut Ranges,
        window: u64,
        choice: &Choice<'_>,
        terms: &mut Terms<'_>,
    ) {
        let step = (window / 4).clamp(MIN_STEP, u64::from(MAX_RANGE));
        // A whole number of groups, and a power of two: ranges share the upper tree.
        let step = u32::try_from(1_u64 << step.ilog2()).expect("at most MAX_RANGE");
        while self.asked_bytes + u64::from(step) <= window && terms.limit.is_open(terms.now) {
            let Some((offset, len)) = terms.readers.take(missing, step, choice) else { break };
            self.asked.push_back((offset, len));
            self.asked_bytes += u64::from(len);
            terms.limit.take(u64::from(len));
            self.unsent.extend(framing::encode(&terms.wanted.request(offset, len)));
        }
    }

    /// Reads once: towards the length, then towards the end of the answer.
    fn read_on(
        &mut self,
        now: Instant,
        spare: &mut Spare,
        user: &Name,
        streams: &mut dyn BulkStreams,
    ) -> Result<Option<Answer>, Broken> {
        let before = self.head.len() + self.body.len();
        let expected = self.body_len()?;
        let read = match expected {
            None => streams.read(user, self.stream, 4 - self.head.len(), &mut self.head),
            Some(len) => {
                if self.body.capacity() == 0 {
                    self.body = spare.take();
                    self.body.clear();
                }
                self.body.reserve_exact(len - self.body.len());
                streams.read(user, self.stream, len - self.body.len(), &mut self.body)
            }
        };
        if self.head.len() + self.body.len() > before {
            self.heard_at = now;
        }
        match read {
            Ok(Read::More) => {}
            Ok(Read::Blocked) => self.is_readable = false,
            // Whatever is whole by now still counts; the next reading says so again.
            Ok(Read::End) if self.is_whole()? => {}
            Ok(Read::End) | Err(_) => return Err(Broken::Lost),
        }
        if !self.is_whole()? {
            return Ok(None);
        }
        let (offset, len) = self.asked.pop_front().ok_or(Broken::Lie)?;
        self.asked_bytes -= u64::from(len);
        self.head.clear();
        Ok(Some(Answer { offset, len, encoded: std::mem::take(&mut self.body) }))
    }

    fn is_whole(&self) -> Result<bool, Broken> {
        Ok(self.body_len()? == Some(self.body.len()))
    }

    /// The length of the answer that is arriving, when it is known: no longer than the range
    /// that was asked for can be in Bao encoding.
    fn body_len(&self) -> Result<Option<usize>, Broken> {
        let Ok(head) = <[u8; 4]>::try_from(self.head.as_slice()) else { return Ok(None) };
        let (_, len) = *self.asked.front().ok_or(Broken::Lie)?;
        let announced = u32::from_be_bytes(head);
        if announced < len || announced > longest_answer(len) {
            return Err(Broken::Lie);
        }
        Ok(Some(announced as usize))
    }
}
