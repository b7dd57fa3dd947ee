//! What stands in one window: lines of talk, notices and files, in the order in which they were
//! told, and which part of them is in view.

use std::collections::{BTreeMap, VecDeque};

use crate::face::pins::spoken;
use crate::output::{NO_SUCH_USER, PinLine};

/// Entries kept in memory for each window; older lines of talk come from the history again.
pub(super) const MAX_ENTRIES: usize = 2000;

/// As many while older ones are looked at: no more of the history is fetched then.
pub(super) const MAX_PAGED: usize = 10 * MAX_ENTRIES;

/// As many with what comes meanwhile.
const MAX_SCROLLED: usize = MAX_PAGED + MAX_ENTRIES;

/// Users named in one entry about who came and went.
const MAX_MOVES: usize = 50;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A line of talk.
    Said(Said),
    /// Something that the program says: kept only here.
    Notice {
        /// Milliseconds since 1970.
        at: u64,
        /// Whether it is a warning.
        is_warning: bool,
        /// Filtered.
        text: String,
    },
    /// A transfer, drawn from its present state.
    File {
        /// Milliseconds since 1970.
        at: u64,
        /// Its number.
        id: u64,
    },
    /// A picture of characters, as wide as it is or not at all.
    Figure {
        /// Milliseconds since 1970.
        at: u64,
        /// All of the same width.
        rows: Vec<String>,
    },
    /// Who came and went since the entry before: one line, however often.
    Moves {
        /// Milliseconds since 1970, of the last.
        at: u64,
        /// The last that is known of each: `online`, `offline`, `away`.
        users: BTreeMap<String, String>,
    },
}

/// A line of talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Its place in the history.
    pub(super) line: u64,
    /// Milliseconds since 1970.
    pub(super) at: u64,
    /// Who said it.
    pub(super) from: String,
    /// Its number, when it is ours.
    pub(super) own: Option<u64>,
    /// The number of the last change of it, when it is ours: what became of that is shown.
    pub(super) changed_by: Option<u64>,
    /// The line that it answers.
    pub(super) reply_to: Option<u64>,
    /// Whether it still says what it said first.
    pub(super) wording: Wording,
    /// What it says.
    pub(super) words: Words,
}

/// What a line of talk says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// As it came, behind the moment of a film that it is about.
    text: String,
    /// Bytes of that moment.
    moment: usize,
}

impl Words {
    pub(super) fn new(pin: Option<&PinLine>, text: &str) -> Self {
        let spoken = spoken(pin, text).into_owned();
        Self { moment: spoken.len() - text.len(), text: spoken }
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> &str {
        &self.text
    }

    /// As it was typed.
    pub(super) fn typed(&self) -> &str {
        &self.text[self.moment..]
    }
}

/// Whether a line of talk still says what it said first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    First,
    Edited,
    /// It says nothing any more.
    TakenBack,
}

impl Said {
    /// The number of ours whose mark is the line's.
    pub(super) const fn marked(&self) -> Option<u64> {
        if self.changed_by.is_some() { self.changed_by } else { self.own }
    }
}

/// What became of a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// On its way.
    Sending,
    /// It waits: why.
    Waiting(String),
    /// It lies in the other side's mailbox.
    Stored,
    /// The other side has it.
    Delivered,
    /// It will not arrive: why.
    Failed(String),
}

/// Which part is in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The newest lines, and those that come.
    Bottom,
    /// The last row in view is this row of this entry: it stays, whatever comes.
    At {
        /// The entry's number.
        entry: u64,
        /// Counted from its first.
        row: usize,
    },
}

/// How much of the history is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// Never asked for.
    Unknown,
    /// Asked for; so many lines were.
    Asked(u32),
    /// There may be more.
    More,
    /// All of it.
    Whole,
}

/// The entries of one window, numbered without end.
#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// The number of the first of them.
    first: u64,
    pub(super) marks: BTreeMap<u64, Mark>,
    /// The other side has read what was said to it up to this number.
    read: u64,
    pub(super) view: View,
    pub(super) past: Past,
}

impl Log {
    /// Whether something of ours is not at the other side yet.
    pub(super) fn has_waiting(&self) -> bool {
        self.marks.values().any(|mark| matches!(mark, Mark::Sending | Mark::Waiting(_)))
    }

    pub(super) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            // Older lines are put in before it.
            first: 1 << 32,
            marks: BTreeMap::new(),
            read: 0,
            view: View::Bottom,
            past: Past::Unknown,
        }
    }

    /// The number of the entry that comes next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn get(&self, number: u64) -> Option<&Entry> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get(index)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        if self.view == View::Bottom {
            self.trim();
        } else {
            self.trim_to(MAX_SCROLLED);
        }
    }

    /// Somebody came or went: told in the last entry where that is about such things already.
    pub(super) fn push_move(&mut self, at: u64, user: &str, standing: String) {
        if let Some(Entry::Moves { at: last, users }) = self.entries.back_mut() {
            *last = at;
            // Only the last of each is worth telling.
            users.insert(user.to_owned(), standing);
            if users.len() > MAX_MOVES {
                users.pop_first();
            }
            return;
        }
        let users = BTreeMap::from([(user.to_owned(), standing)]);
        self.push(Entry::Moves { at, users });
    }

    /// The other side has read up to this one of ours.
    pub(super) fn read_up_to(&mut self, id: u64) {
        self.read = self.read.max(id);
    }

    /// Whether the other side has read this one of ours, which it has.
    /// Whether the newest message was for somebody whom the server does not know.
    pub(super) fn is_to_nobody(&self) -> bool {
        let newest = self.marks.last_key_value();
        newest.is_some_and(|(_, mark)| matches!(mark, Mark::Failed(why) if why == NO_SUCH_USER))
    }

    pub(super) const fn is_read(&self, id: u64) -> bool {
        id <= self.read
    }

    /// The transfer has an entry, unless it was too long ago.
    pub(super) fn has_file(&self, file: u64) -> bool {
        self.entries
            .iter()
            .rev()
            .any(|entry| matches!(entry, Entry::File { id, .. } if *id == file))
    }

    /// Takes in lines of the history, oldest first: those that are here already are left out. Says how many
    /// were not.
    pub(super) fn merge(&mut self, lines: Vec<(Said, Option<Mark>)>) -> usize {
        let mut new = 0;
        for (said, mark) in lines {
            if let (Some(id), Some(mark)) = (said.own, mark) {
                // What was told meanwhile is newer than what the database knew.
                self.marks.entry(id).or_insert(mark);
            }
            let (index, is_here) = self.place_of(&said);
            if is_here {
                continue;
            }
            self.entries.insert(index, Entry::Said(said));
            // Numbers of what is newer stay.
            self.first -= 1;
            self.shift(index);
            new += 1;
        }
        new
    }

    /// Where a line of the history belongs: behind the last line that is older.
    fn place_of(&self, said: &Said) -> (usize, bool) {
        for (index, entry) in self.entries.iter().enumerate().rev() {
            let Entry::Said(here) = entry else { continue };
            if here.line == said.line {
                return (index, true);
            }
            if here.line < said.line {
                return (index + 1, false);
            }
        }
        let first = self.entries.iter().position(|entry| matches!(entry, Entry::Said(_)));
        let before_notices = self
            .entries
            .iter()
            .position(|entry| entry.at() > said.at)
            .unwrap_or(self.entries.len());
        (first.unwrap_or(self.entries.len()).min(before_notices), false)
    }

    /// An entry was put in at `index`, and all numbers from there down became one less: what is
    /// in view is the same as before.
    const fn shift(&mut self, index: usize) {
        if let View::At { entry, .. } = &mut self.view
            && *entry < self.first + 1 + index as u64
        {
            *entry -= 1;
        }
    }

    /// The line of talk in this place of the history.
    pub(super) fn line(&self, line: u64) -> Option<&Said> {
        let (index, _) = self.find(line)?;
        self.entries[index].said()
    }

    /// The line of ours that this number names, be it that of a change of it; or the last that can be changed.
    pub(super) fn own(&self, id: Option<u64>) -> Option<&Said> {
        let is_meant = |said: &&Said| match id {
            Some(_) => said.own == id || said.changed_by == id,
            None => said.own.is_some() && !self.has_failed(said),
        };
        let said = self.entries.iter().rev().filter_map(Entry::said).find(is_meant)?;
        (said.own.is_some() && said.wording != Wording::TakenBack).then_some(said)
    }

    fn has_failed(&self, said: &Said) -> bool {
        let mark = said.marked().and_then(|id| self.marks.get(&id));
        said.wording == Wording::TakenBack || matches!(mark, Some(Mark::Failed(_)))
    }

    pub(super) fn line_mut(&mut self, line: u64) -> Option<&mut Said> {
        let (index, _) = self.find(line)?;
        match &mut self.entries[index] {
            Entry::Said(said) => Some(said),
            Entry::Notice { .. }
            | Entry::File { .. }
            | Entry::Figure { .. }
            | Entry::Moves { .. } => None,
        }
    }

    /// The index and the number of the entry of a line of talk.
    fn find(&self, line: u64) -> Option<(usize, u64)> {
        let is_meant = |entry: &Entry| matches!(entry, Entry::Said(said) if said.line == line);
        let index = self.entries.iter().rposition(is_meant)?;
        Some((index, self.first + index as u64))
    }

    /// Takes a line of talk out. Gives the number that it had: entries before it have the next one now.
    pub(super) fn remove(&mut self, line: u64) -> Option<u64> {
        let (index, number) = self.find(line)?;
        self.entries.remove(index);
        self.first += 1;
        match &mut self.view {
            View::At { entry, .. } if *entry < number => *entry += 1,
            View::At { entry, .. } if *entry == number => self.view = View::Bottom,
            View::At { .. } | View::Bottom => {}
        }
        Some(number)
    }

    /// The oldest line of talk that is here.
    pub(super) fn oldest_line(&self) -> Option<u64> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Said(said) => Some(said.line),
            Entry::Notice { .. }
            | Entry::File { .. }
            | Entry::Figure { .. }
            | Entry::Moves { .. } => None,
        })
    }

    /// Lets go of what is too much, the oldest first.
    pub(super) fn trim(&mut self) {
        self.trim_to(MAX_ENTRIES);
    }

    fn trim_to(&mut self, most: usize) {
        while self.entries.len() > most {
            let Some(gone) = self.entries.pop_front() else { break };
            self.first += 1;
            if let Entry::Said(said) = gone {
                self.past = Past::More;
                for id in said.own.into_iter().chain(said.changed_by) {
                    self.marks.remove(&id);
                }
            }
        }
        if let View::At { entry, .. } = self.view
            && entry < self.first
        {
            self.view = View::Bottom;
            self.trim();
        }
    }

    /// What was asked for of the history does not come: its session is over.
    pub(super) const fn ask_again(&mut self) {
        if matches!(self.past, Past::Asked(_)) {
            self.past = Past::Unknown;
        }
    }

    /// Takes everything off the screen; it stays in the history.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.entries.clear();
        self.view = View::Bottom;
        self.past = Past::More;
    }
}

impl Entry {
    const fn said(&self) -> Option<&Said> {
        match self {
            Self::Said(said) => Some(said),
            Self::Notice { .. } | Self::File { .. } | Self::Figure { .. } | Self::Moves { .. } => {
                None
            }
        }
    }

    pub(super) const fn at(&self) -> u64 {
        match self {
            Self::Said(said) => said.at,
            Self::Notice { at, .. }
            | Self::File { at, .. }
            | Self::Figure { at, .. }
            | Self::Moves { at, .. } => *at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: u64) -> Said {
        Said {
            line,
            at: line,
            from: "bob".to_owned(),
            own: None,
            changed_by: None,
            reply_to: None,
            wording: Wording::First,
            words: Words::new(None, &format!("text {line}")),
        }
    }

    fn lines(log: &Log) -> Vec<u64> {
        let line = |entry: &Entry| {
            let Entry::Said(said) = entry else { return None };
            Some(said.line)
        };
        log.entries.iter().filter_map(line).collect()
    }

    fn history(range: std::ops::Range<u64>) -> Vec<(Said, Option<Mark>)> {
        range.map(|line| (said(line), None)).collect()
    }

    #[test]
    fn history_and_what_came_meanwhile_are_one_and_in_order() {
        let mut log = Log::new();
        log.push(Entry::Said(said(7)));
        log.push(Entry::Notice { at: 7, is_warning: false, text: "!".to_owned() });
        log.push(Entry::Said(said(8)));
        let number_of_8 = log.end() - 1;
        log.merge(history(4..8));
        assert_eq!(lines(&log), [4, 5, 6, 7, 8]);
        log.merge(history(1..6));
        assert_eq!(lines(&log), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(log.get(number_of_8), Some(&Entry::Said(said(8))));
        assert_eq!(log.oldest_line(), Some(1));
    }

    #[test]
    fn what_is_in_view_stays_when_older_lines_come() {
        let mut log = Log::new();
        for line in 10..20 {
            log.push(Entry::Said(said(line)));
        }
        let entry = log.end() - 5;
        log.view = View::At { entry, row: 0 };
        let before = log.get(entry).cloned();
        log.merge(history(1..10));
        let View::At { entry, .. } = log.view else { panic!("the view moved") };
        assert_eq!(log.get(entry).cloned(), before);
    }

    #[test]
    fn memory_is_bounded_and_what_goes_can_come_again() {
        let mut log = Log::new();
        log.past = Past::Whole;
        for line in 0..3 * MAX_ENTRIES as u64 {
            log.push(Entry::Said(said(line)));
        }
        assert_eq!(log.entries.len(), MAX_ENTRIES);
        assert_eq!(log.past, Past::More);
        assert_eq!(log.get(log.end() - 1), Some(&Entry::Said(said(3 * MAX_ENTRIES as u64 - 1))));
    }

    #[test]
    fn memory_is_bounded_while_older_lines_are_looked_at() {
        let mut log = Log::new();
        for line in 0..100 {
            log.push(Entry::Said(said(line)));
        }
        let entry = log.end() - 1;
        log.view = View::At { entry, row: 0 };
        let last = 100 + MAX_SCROLLED as u64;
        for line in 100..last - 1 {
            log.push(Entry::Said(said(line)));
        }
        assert_eq!(log.entries.len(), MAX_SCROLLED);
        assert_eq!(log.get(entry), Some(&Entry::Said(said(99))), "it stays in view");
        log.push(Entry::Said(said(last)));
        assert_eq!(log.view, View::Bottom, "as much came as is kept");
        assert_eq!(log.entries.len(), MAX_ENTRIES);
    }

    #[test]
    fn a_mark_never_goes_back_to_what_the_database_knew_before() {
        let mut log = Log::new();
        log.marks.insert(3, Mark::Delivered);
        let own = Said { own: Some(3), ..said(1) };
        log.merge(vec![(own, Some(Mark::Sending))]);
        assert_eq!(log.marks[&3], Mark::Delivered);
    }

    #[test]
    fn what_is_in_view_stays_when_a_line_goes() {
        let mut log = Log::new();
        for line in 1..10 {
            log.push(Entry::Said(said(line)));
        }
        let entry = log.end() - 5;
        log.view = View::At { entry, row: 0 };
        let before = log.get(entry).cloned();
        let last = log.end() - 1;
        assert_eq!(log.remove(9), Some(last));
        let View::At { entry: now, .. } = log.view else { panic!("the view moved") };
        assert_eq!(log.get(now).cloned(), before);
        log.remove(1);
        assert_eq!(log.get(now).cloned(), before);
        assert_eq!(log.remove(1), None);
        assert_eq!(lines(&log), [2, 3, 4, 5, 6, 7, 8]);
        log.remove(5);
        assert_eq!(log.view, View::Bottom, "what was in view is gone");
    }

    #[test]
    fn coming_and_going_is_one_line() {
        let mut log = Log::new();
        let online = || "online".to_owned();
        log.push_move(1, "bob", online());
        log.push_move(2, "carol", online());
        log.push_move(3, "bob", "offline".to_owned());
        assert_eq!(log.entries.len(), 1);
        log.push(Entry::Said(said(1)));
        log.push_move(4, "bob", online());
        assert_eq!(log.entries.len(), 3);
    }
}
