//! What waits for an answer of the person: who asks to talk, and offered files.

use std::collections::BTreeSet;

use crate::command::Which;
use crate::output::Output;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    users: BTreeSet<String>,
    files: BTreeSet<u64>,
}

impl Waiting {
    /// The core told something.
    pub(super) fn track(&mut self, output: &Output) {
        if let Output::Request { request } = output {
            self.users.insert(request.user.clone());
        } else if let Output::RequestOver { user, .. } = output {
            self.users.remove(user);
        } else if let Output::FileOffer { id, .. } = output {
            self.files.insert(*id);
        } else if let Output::File { file } = output
            && !file.awaits_answer()
        {
            self.files.remove(&file.id);
        } else if matches!(output, Output::LoginNeeded { .. }) {
            // What waits for the next account is told anew.
            *self = Self::default();
        }
    }

    /// Each by what answers it.
    pub(super) fn all(&self) -> Vec<Which> {
        let users = self.users.iter().cloned().map(Which::User);
        users.chain(self.files.iter().copied().map(Which::File)).collect()
    }
}
