//! What was asked for and is not over.

use std::collections::{BTreeMap, BTreeSet};

use crate::output::{FileLine, Output};
use crate::work::Direction;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Messages given to the core of which nothing was told.
    pub(super) given: usize,
    /// Exports given to the core of which nothing was told.
    pub(super) exports: usize,
    /// Messages (receiver, number) on their way.
    pub(super) messages: BTreeSet<(String, u64)>,
    /// Transfers that can go on.
    pub(super) files: BTreeMap<u64, &'static str>,
}

impl Open {
    pub(super) fn is_empty(&self) -> bool {
        self.given + self.exports == 0 && self.messages.is_empty() && self.files.is_empty()
    }

    /// Keeps the account.
    pub(super) fn track(&mut self, output: &Output) {
        if let Output::MessageState { to, id, state, .. } = output {
            let key = (to.clone(), *id);
            if *state != "queued" {
                self.messages.remove(&key);
            } else if self.messages.insert(key) {
                self.given = self.given.saturating_sub(1);
            }
        } else if let Output::NotSent { .. } | Output::Changed { change: "withdrawn", .. } = output
        {
            // Nothing follows either.
            self.given = self.given.saturating_sub(1);
        } else if let Output::File { file } = output {
            self.track_file(file);
        } else if let Output::Export { .. } = output {
            self.exports = self.exports.saturating_sub(1);
        } else if let Output::LoginNeeded { .. } = output {
            // Nobody's: what the next account has is told anew.
            *self = Self::default();
        }
    }

    fn track_file(&mut self, file: &FileLine) {
        // Its folder tells of it.
        if file.folder.is_some() {
            return;
        }
        let is_open = match file.state {
            "hashing" | "checking" | "running" => true,
            "offered" | "waiting" => file.direction == Direction::Sending,
            _ => false,
        };
        if is_open {
            self.files.insert(file.id, file.state);
        } else {
            self.files.remove(&file.id);
        }
    }
}
