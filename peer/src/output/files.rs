//! What is told of a transfer.

use serde::Serialize;

use super::MediaLine;
use crate::face::units;
use crate::work::Direction;

/// One transfer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileLine {
    /// The short number for commands.
    pub id: u64,
    /// Which way.
    pub direction: Direction,
    /// The other user.
    pub with: String,
    /// The room whose members are all offered it, `#` first.
    pub room: Option<String>,
    /// Foreign text when receiving; of a file of a folder its path there.
    pub name: String,
    /// The number of the folder of which it is a file.
    pub folder: Option<u64>,
    /// How many files are in it, when it is a folder...
    pub files: Option<u64>,
    /// ...and how many of them are complete.
    pub files_done: Option<u64>,
    /// Bytes; `None` while it grows.
    pub size: Option<u64>,
    /// Bytes verified here (receiving) or asked for by the receiver (sending); of one that grows, those
    /// that have come or gone.
    pub done: u64,
    /// Bytes per second over the last seconds; of one that is offered to us, as files came from this
    /// user before.
    pub rate: u64,
    /// Seconds to the end at this rate.
    pub eta: Option<u64>,
    /// Seconds until it can be watched without a stop, at this rate.
    pub wait: Option<u64>,
    /// What its headers say, when it is a film.
    pub media: Option<MediaLine>,
    /// `hashing`, `offered`, `waiting` (other side not reachable), `checking`, `running`,
    /// `paused`, `complete`, `declined`, `cancelled`, `failed`.
    pub state: &'static str,
    /// `you`, `them` or `both`, when paused.
    pub paused_by: Option<&'static str>,
    /// By which path it goes while it is under way: `LAN`, `direct` or `relay`.
    pub link: Option<&'static str>,
    /// Where the file is, when complete or ours.
    pub path: Option<String>,
    /// Why, when cancelled, failed or waiting; what is in the way, when offered; that it is not what was
    /// said, when complete.
    pub reason: Option<String>,
}

/// Whether nothing more comes of a transfer in this state.
pub(crate) fn is_over(state: &str) -> bool {
    matches!(state, "complete" | "declined" | "cancelled" | "failed")
}

impl FileLine {
    /// How much of it is done in per cent, when its size is known.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        Some(units::percent(self.done, self.size?))
    }

    /// Whether something of it goes over a path, or would if nobody paused it.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, "checking" | "running" | "paused")
    }

    /// Whether it waits for an answer of the user here.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.state == "offered" && self.direction == Direction::Receiving
    }
}
