//! Watching a film together: what the one who proposes it and each of the others say to each other.
//!
//! ```text
//!   proposes                     is asked
//!   Invite ────────────────────►
//!          ◄──────────────────── Join
//!   State (waits for both) ────►
//!          ◄──────────────────── Ready
//!   State (waits for nobody) ──►            both play
//!          ◄──────────────────── State      he pauses, goes on, or goes elsewhere
//!   State ─────────────────────►            so all do, and he learns that it counts
//! ```
//!
//! The others speak only with the one who has proposed it, so they need not know each other.

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::pin::MAX_POSITION;

/// Most persons who watch together.
pub const MAX_WATCHERS: usize = 8;

/// Names one watching together: random, chosen by who proposes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WatchId(pub [u8; 16]);

/// Which change of what is played is the later one: the higher count, then the author's name. So all
/// come to the same, whichever they hear first [W-126].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Turn {
    /// One more than that of the change before it.
    pub count: u64,
    /// Who made it.
    pub author: Name,
}

/// One step of watching together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchStep {
    /// From whoever proposes it [W-124].
    Invite {
        /// Names it from now on.
        watch: WatchId,
        /// BLAKE3 of the film's contents.
        root: [u8; 32],
    },
    /// From whoever was invited: he is there [W-125].
    Join(WatchId),
    /// This side is not there any more; from whoever proposed it: it is over [W-125].
    Leave(WatchId),
    /// Whether the player of whoever has joined could play on now [W-127].
    Ready {
        /// Which.
        watch: WatchId,
        /// Whether it could.
        ready: bool,
        /// Where it is, in milliseconds.
        position_ms: u64,
    },
    /// What is to be played [W-126].
    State(WatchState),
}

/// What is to be played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchState {
    /// Which.
    pub watch: WatchId,
    /// The last change.
    pub turn: Turn,
    /// Whether it is to play, and not to pause.
    pub playing: bool,
    /// Where it is as this is said, in milliseconds.
    pub position_ms: u64,
    /// Who is there. Only who proposed it says this.
    pub watchers: Vec<Watcher>,
}

/// Somebody who watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    /// Who.
    pub name: Name,
    /// Whether all wait for him: while there is any such one, nothing moves.
    pub waited: bool,
}

impl WatchStep {
    /// Whether an honest program may say this.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        match self {
            Self::Invite { .. } | Self::Join(_) | Self::Leave(_) => true,
            Self::Ready { position_ms, .. } => *position_ms <= MAX_POSITION,
            Self::State(state) => {
                state.position_ms <= MAX_POSITION && state.watchers.len() <= MAX_WATCHERS
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::framing::{Deframer, encode};
    use crate::app::name::MAX_CHARS;
    use crate::app::peer::Control;

    const WATCH: WatchId = WatchId([7; 16]);

    fn state(position_ms: u64, watchers: Vec<Watcher>) -> WatchState {
        let turn = Turn { count: 300, author: Name::new("bob").unwrap() };
        WatchState { watch: WATCH, turn, playing: true, position_ms, watchers }
    }

    fn back(bytes: &[u8]) -> Control {
        let mut deframer = Deframer::default();
        deframer.buffer().extend(bytes);
        deframer.next().unwrap().unwrap()
    }

    /// [W-124] [W-125] [W-126] [W-127] byte by byte.
    #[test]
    fn each_step_has_this_form() {
        let carol = Watcher { name: Name::new("carol").unwrap(), waited: true };
        for (step, expected) in [
            (
                WatchStep::Invite { watch: WATCH, root: [9; 32] },
                [&[0][..], &[7; 16], &[9; 32]].concat(),
            ),
            (WatchStep::Join(WATCH), [&[1][..], &[7; 16]].concat()),
            (WatchStep::Leave(WATCH), [&[2][..], &[7; 16]].concat()),
            (
                WatchStep::Ready { watch: WATCH, ready: true, position_ms: 300 },
                [&[3][..], &[7; 16], &[1, 0xac, 2]].concat(),
            ),
            (
                WatchStep::State(state(300, vec![carol])),
                [&[4][..], &[7; 16], b"\xac\x02\x03bob\x01\xac\x02\x01\x05carol\x01"].concat(),
            ),
        ] {
            let bytes = encode(&Control::Watch(step.clone()));
            assert_eq!(bytes[..4], u32::try_from(expected.len() + 2).unwrap().to_be_bytes());
            assert_eq!(bytes[4..6], [1, 10], "version and kind");
            assert_eq!(bytes[6..], expected, "{step:?}");
            assert_eq!(back(&bytes), Control::Watch(step));
        }
    }

    /// [W-128] Whatever the limits allow can be said, and nothing else is taken.
    #[test]
    fn the_longest_fit_and_others_are_not_possible() {
        let name = Name::new(&"\u{20000}".repeat(MAX_CHARS)).unwrap();
        let watcher = Watcher { name, waited: true };
        let most = vec![watcher.clone(); MAX_WATCHERS];
        let longest = WatchStep::State(state(MAX_POSITION, most));
        assert!(longest.is_possible());
        let longest = Control::Watch(longest);
        assert_eq!(back(&encode(&longest)), longest);
        for step in [
            WatchStep::State(state(MAX_POSITION + 1, vec![])),
            WatchStep::State(state(0, vec![watcher; MAX_WATCHERS + 1])),
            WatchStep::Ready { watch: WATCH, ready: true, position_ms: u64::MAX },
        ] {
            assert!(!step.is_possible(), "{step:?}");
        }
    }

    /// [W-126]
    #[test]
    fn of_two_changes_the_higher_count_is_later_and_then_the_name() {
        let turn = |count, author| Turn { count, author: Name::new(author).unwrap() };
        assert!(turn(2, "alice") > turn(1, "bob"));
        assert!(turn(2, "bob") > turn(2, "alice"));
    }
}
