//! What was sent and what arrived: equal bytes, or visibly nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use peer::command::Command;
use peer::output::{FileLine, Output};
use peer::work::Direction;

use super::users::User;
use crate::dice::{Dice, Probability};
use crate::tincan::Program;
use crate::world::World;

/// A file that a user has sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Its name, unlike all others.
    pub(super) name: String,
    pub(super) content: Vec<u8>,
    /// The sender's machine.
    machine: String,
    from: String,
    to: String,
    /// What the sender's program said last.
    state: Option<&'static str>,
    /// Somebody cancelled it: it need not arrive.
    given_up: bool,
}

impl Sent {
    /// What is wrong, for a program that has said its last word on it.
    fn is_settled(&self) -> bool {
        matches!(self.state, Some("complete" | "declined" | "cancelled"))
    }

    /// The sender's program says nothing that is not so.
    fn check_end(&self, has_arrived: bool, somebody_blocked: bool) {
        let Self { name, given_up, .. } = self;
        match self.state {
            Some("complete") => assert!(has_arrived, "{name} is not there"),
            Some("declined") => panic!("nobody declines, but {name} is declined"),
            Some("cancelled") => {
                assert!(*given_up || somebody_blocked, "nobody cancelled {name}");
            }
            _ => {}
        }
    }
}

/// All files of a run.
#[derive(Debug, Default)]
pub(super) struct Files {
    sent: BTreeMap<String, Sent>,
    /// Numbers of transfers that each user's program knows, in its present life.
    known: BTreeMap<String, BTreeMap<u64, FileLine>>,
}

impl Files {
    /// A file for somebody.
    pub(super) fn make(&mut self, dice: &mut Dice, from: &User, to: &User) -> Sent {
        let len = match dice.below(8) {
            0 => 0,
            1 => 1,
            2 => 16 * 1024 + dice.index(3) - 1,
            3..6 => dice.index(100_000),
            _ => dice.index(500_000),
        };
        let mut content = vec![0; len];
        dice.fill(&mut content);
        let name = format!("file {}.mp4", self.sent.len() + 1);
        let machine = from.label.clone();
        let (from, to) = (from.name.clone(), to.name.clone());
        let (state, given_up) = (None, false);
        let sent = Sent { name: name.clone(), content, machine, from, to, state, given_up };
        self.sent.insert(name, sent.clone());
        sent
    }

    /// A user's program says something.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what else is told is no business of this")]
    pub(super) fn read(&mut self, user: &User, output: &Output) {
        match output {
            Output::Ready { .. } => {
                self.known.insert(user.label.clone(), BTreeMap::new());
            }
            Output::File { file } => self.on_line(user, file),
            Output::Files { files, .. } => files.iter().for_each(|file| self.on_line(user, file)),
            Output::FileOffer { from, name, size, .. } => {
                assert!(!user.blocked.contains(from), "{} gets an offer of {from}", user.name);
                let sent = self.sent.get(name).expect("offers of files that were sent");
                assert_eq!((&sent.from, &sent.to), (from, &user.name), "offered to another");
                assert_eq!(Some(sent.content.len() as u64), *size, "offered with another size");
            }
            _ => {}
        }
    }

    fn on_line(&mut self, user: &User, file: &FileLine) {
        let known = self.known.entry(user.label.clone()).or_default();
        known.insert(file.id, file.clone());
        if file.direction == Direction::Sending
            && let Some(sent) = self.sent.get_mut(&file.name)
        {
            sent.state = Some(file.state);
            assert!(file.state != "failed", "{} failed: {:?}", file.name, file.reason);
        }
    }

    /// Somebody pauses, resumes or cancels a transfer.
    pub(super) fn tamper(&mut self, dice: &mut Dice, user: &User) -> Option<Command> {
        let known = self.known.get(&user.label)?;
        let ids: Vec<u64> = known.keys().copied().collect();
        if ids.is_empty() {
            return None;
        }
        let id = *dice.pick(&ids);
        if dice.chance(Probability::percent(30.0)) {
            let name = known[&id].name.clone();
            if let Some(sent) = self.sent.get_mut(&name) {
                sent.given_up = true;
            }
            return Some(Command::Cancel { id });
        }
        Some(if dice.chance(Probability::percent(50.0)) {
            Command::Pause { id }
        } else {
            Command::Resume { id }
        })
    }

    /// What has not arrived and should.
    pub(super) fn unfinished(
        &self,
        users: &[User],
        pairs: &BTreeSet<(usize, usize)>,
    ) -> Option<String> {
        let waiting = self.sent.values().find(|sent| {
            let from = users.iter().position(|user| user.label == sent.machine);
            let to = users.iter().position(|user| user.name == sent.to && user.is_here);
            let (Some(from), Some(to)) = (from, to) else { return false };
            // An offer that the sender's program had not kept when it died was never made, nor
            // one to somebody who is blocked.
            let sender = &users[from];
            let lost = matches!(sent.state, None | Some("hashing"))
                && (sender.has_crashed || sender.has_left || sender.has_blocked);
            pairs.contains(&(from, to)) && !sent.is_settled() && !lost
        })?;
        let Sent { name, machine, to, state, .. } = waiting;
        Some(format!("{name} from {machine} to {to} is {state:?}"))
    }

    /// What is complete is what was sent, and nothing else has a final name.
    pub(super) fn check(&self, users: &[User], world: &World<Program>) {
        let mut arrived = BTreeSet::new();
        for user in users {
            let downloads = user.disk(world).downloads();
            for entry in fs::read_dir(downloads).expect("a folder").map(|e| e.expect("an entry")) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".part") {
                    continue;
                }
                let content = fs::read(entry.path()).expect("a file");
                self.check_arrival(&user.name, &name, &content);
                arrived.insert(name);
            }
        }
        for sent in self.sent.values() {
            let names = [&sent.from, &sent.to];
            let blocks = names.iter().any(|name| users[index(users, name)].has_blocked);
            sent.check_end(arrived.contains(&sent.name), blocks);
        }
    }

    /// Something has a final name in a user's folder.
    fn check_arrival(&self, user: &str, name: &str, content: &[u8]) {
        let sent = self.sent.get(name).unwrap_or_else(|| panic!("{name} was never sent"));
        assert_eq!(sent.to, user, "{name} went to somebody else");
        assert!(content == sent.content, "{name} is not what was sent");
    }
}

fn index(users: &[User], name: &str) -> usize {
    users.iter().position(|user| user.name == name).expect("a user")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(state: Option<&'static str>) -> Sent {
        Sent {
            name: "film.mp4".to_owned(),
            content: vec![1, 2, 3],
            machine: "anna".to_owned(),
            from: "anna".to_owned(),
            to: "bert".to_owned(),
            state,
            given_up: false,
        }
    }

    fn files() -> Files {
        let sent = BTreeMap::from([("film.mp4".to_owned(), sent(None))]);
        Files { sent, known: BTreeMap::new() }
    }

    #[test]
    fn what_was_sent_may_arrive() {
        files().check_arrival("bert", "film.mp4", &[1, 2, 3]);
        sent(Some("complete")).check_end(true, false);
        sent(Some("cancelled")).check_end(false, true);
        Sent { given_up: true, ..sent(Some("cancelled")) }.check_end(false, false);
    }

    #[test]
    #[should_panic(expected = "film.mp4 is not what was sent")]
    fn a_file_with_one_other_byte_is_noticed() {
        files().check_arrival("bert", "film.mp4", &[1, 2, 4]);
    }

    #[test]
    #[should_panic(expected = "film.mp4 is not what was sent")]
    fn a_file_that_ends_early_is_noticed() {
        files().check_arrival("bert", "film.mp4", &[1, 2]);
    }

    #[test]
    #[should_panic(expected = "went to somebody else")]
    fn a_file_at_somebody_else_is_noticed() {
        files().check_arrival("carl", "film.mp4", &[1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "was never sent")]
    fn a_file_that_nobody_sent_is_noticed() {
        files().check_arrival("bert", "film (2).mp4", &[1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "film.mp4 is not there")]
    fn a_file_that_is_complete_and_not_there_is_noticed() {
        sent(Some("complete")).check_end(false, false);
    }

    #[test]
    #[should_panic(expected = "nobody cancelled film.mp4")]
    fn a_file_that_is_given_up_for_no_reason_is_noticed() {
        sent(Some("cancelled")).check_end(false, false);
    }
}
