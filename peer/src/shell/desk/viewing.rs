//! Files that are played and opened: what is said, and which program is started.

use std::path::PathBuf;

use wire::time::Instant;

use super::{Desk, Do, Giver};
use crate::output::{FileLine, Output};
use crate::shell::player::Launch;

impl Desk {
    /// A file can be played at this URL.
    pub(in crate::shell) fn on_playable(
        &mut self,
        now: Instant,
        url: String,
        file: FileLine,
    ) -> Vec<Do> {
        let launch = Launch {
            program: self.preferences.player(),
            argument: url.clone().into(),
            instead: format!("open {url} in any player; '/set player PROGRAM' chooses one."),
        };
        let mut todo = self.show(now, &Output::Play { url, file });
        self.start(launch, &mut todo);
        todo
    }

    /// A file is here, at this path, and is to be opened.
    pub(in crate::shell) fn on_openable(
        &mut self,
        now: Instant,
        path: PathBuf,
        file: FileLine,
    ) -> Vec<Do> {
        let launch = Launch {
            program: self.preferences.opener(),
            argument: path.into(),
            instead: "'/set opener PROGRAM' chooses another.".to_owned(),
        };
        let mut todo = self.show(now, &Output::Open { file });
        self.start(launch, &mut todo);
        todo
    }

    /// Only a person at a terminal sees what a program shows; a script starts what it wants.
    fn start(&self, launch: Launch, todo: &mut Vec<Do>) {
        if matches!(self.giver, Giver::Person) {
            todo.push(Do::Start(launch));
        }
    }
}
