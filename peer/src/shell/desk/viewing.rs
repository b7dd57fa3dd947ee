//! Files that are played and opened: what is said, and which program is started.

use std::path::PathBuf;

use wire::time::Instant;

use super::{Desk, Do, Giver};
use crate::output::{FileLine, Output};
use crate::shell::player::{Launch, Showing, What};

impl Desk {
    /// A file can be played at this URL.
    pub(in crate::shell) fn on_playable(
        &mut self,
        now: Instant,
        showing: Showing,
        file: FileLine,
    ) -> Vec<Do> {
        let (url, position_ms) = (showing.url.clone(), showing.position);
        let launch = Launch {
            program: self.preferences.player(),
            instead: format!("open {url} in any player; '/set player PROGRAM' chooses one."),
            what: What::Film(showing),
        };
        let mut todo = self.show(now, &Output::Play { url, position_ms, file });
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
            instead: "'/set opener PROGRAM' chooses another.".to_owned(),
            what: What::File(path),
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
