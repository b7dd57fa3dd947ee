//! The tables of commands: what the parser knows and what `/help` says are the same.

mod account;
mod files;
mod people;
mod program;
mod rooms;
mod talk;

use super::help::Entry;

/// Commands about one thing.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) entries: &'static [Entry],
}

/// Every command, in the order of the overview.
pub(crate) const GROUPS: &[Group] = &[
    Group { title: "Account", entries: account::ACCOUNT },
    Group { title: "Talk", entries: talk::TALK },
    Group { title: "People", entries: people::PEOPLE },
    Group { title: "Rooms", entries: rooms::ROOMS },
    Group { title: "Files", entries: files::FILES },
    Group { title: "Program", entries: program::PROGRAM },
];

/// Every command, in the same order.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.iter().flat_map(|group| group.entries)
}
