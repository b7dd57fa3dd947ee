//! Who sees whom: once everything is quiet, each list and the last news of each user are true.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use peer::command::Command;
use peer::output::Output;

use super::Swarm;
use super::users::User;
use crate::dice::Probability;

/// Presence is true this long after the last thing that happened to it: an idle time-out, the
/// time for which an absence is not announced, the longest wait before a server is tried again,
/// and handshakes.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// And stays so while nothing happens.
const STAYS: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// What a user's program has told about others.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The last news of each, in this life of the program.
    news: BTreeMap<String, bool>,
    /// Who is online, when asked last.
    listed: Option<BTreeSet<String>>,
    /// Who is blocked, when asked last.
    blocks: Option<BTreeSet<String>>,
}

impl View {
    /// The program says something.
    pub(super) fn read(&mut self, output: &Output) {
        if let Output::Presence { user, online, .. } = output {
            self.news.insert(user.clone(), *online);
        } else if let Output::Users { query, users } = output
            && query == "who"
        {
            self.listed = Some(users.iter().map(|line| line.user.clone()).collect());
        } else if let Output::Blocked { users } = output {
            self.blocks = Some(users.iter().cloned().collect());
        }
    }

    /// A block begins or ends: there is no news of this user before the next.
    pub(super) fn forget(&mut self, user: &str) {
        self.news.remove(user);
    }

    fn blocks(&self, user: &str) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.contains(user))
    }
}

/// One user in a moment of quiet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    name: &'a str,
    online: bool,
    /// Whom he blocks for all that he knows himself.
    blocked: &'a BTreeSet<String>,
    view: &'a View,
}

/// What somebody is told wrongly about somebody else, if anything.
pub(super) fn untruth(users: &[Standing<'_>]) -> Option<String> {
    for of in users.iter().filter(|of| of.online) {
        let name = of.name;
        let (Some(listed), Some(blocks)) = (&of.view.listed, &of.view.blocks) else {
            return Some(format!("{name} gets no answer"));
        };
        if let Some(other) = of.blocked.difference(blocks).next() {
            return Some(format!("{name} has blocked {other}, and {other} is not blocked"));
        }
        if listed.contains(name) {
            return Some(format!("{name} is listed to himself"));
        }
        for other in users.iter().filter(|other| other.name != name) {
            let hidden = blocks.contains(other.name) || other.view.blocks(name);
            let truth = other.online && !hidden;
            let is = format!("{} is {}", other.name, if truth { "there" } else { "not there" });
            if listed.contains(other.name) != truth {
                return Some(format!("{is}, and {name}'s list says otherwise"));
            }
            let news = of.view.news.get(other.name);
            if news.is_some_and(|news| *news != truth) && !blocks.contains(other.name) {
                return Some(format!("{is}, and the last news to {name} was otherwise"));
            }
        }
    }
    None
}

impl User {
    /// Whether he is not to be online.
    fn is_away(&self) -> bool {
        self.stays_away && !self.is_up()
    }

    fn standing(&self) -> Standing<'_> {
        let (name, blocked) = (self.name.as_str(), &self.blocked);
        Standing { name, online: self.is_online(), blocked, view: &self.view }
    }
}

impl Swarm {
    /// The faults are over and nobody has made peace yet: some users go and stay away, some blocks
    /// stand. What everybody is told of everybody must be true all the same.
    pub(super) fn calm(&mut self) {
        self.tell_addresses();
        for index in 0..self.users.len() {
            // Whoever goes before he has logged in at one machine stays logged in at the other.
            let may_go = self.users[index].is_up() && !self.has_two_machines(index);
            if !may_go || self.dice.chance(Probability::percent(70.0)) {
                continue;
            }
            self.users[index].stays_away = true;
            if self.users[index].is_online() && self.dice.chance(Probability::percent(60.0)) {
                self.leave(index, Command::Quit { farewell: String::new() });
            } else {
                let host = self.users[index].host;
                self.crash(host);
            }
        }
        for _ in 0..self.dice.below(4) {
            self.act();
            let pause = self.dice.duration(Duration::ZERO, SECOND);
            self.live(pause);
        }
        self.assert_presence();
        if self.dice.chance(Probability::percent(40.0)) {
            self.stop_server_in_order();
            self.assert_presence();
        }
        if self.dice.chance(Probability::percent(60.0)) {
            self.move_over_in_order();
        }
        for user in &mut self.users {
            user.stays_away = false;
        }
    }

    /// Soon, and then as long as nothing happens, everybody knows who is there.
    pub(super) fn assert_presence(&mut self) {
        let start = self.world.now();
        loop {
            // Only what is said from now on counts.
            for user in &mut self.users {
                user.view.blocks = None;
            }
            let Some(what) = self.presence_error() else { break };
            let waited = self.world.now() - start;
            assert!(waited < SETTLED_WITHIN, "{waited:?} after the last change: {what}");
        }
        self.world.note("everybody knows who is there");
        for _ in 0..STAYS {
            if let Some(what) = self.presence_error() {
                panic!("while nothing happens: {what}");
            }
        }
    }

    /// Asks everybody, and gives the answers a second's time.
    fn presence_error(&mut self) -> Option<String> {
        for index in 0..self.users.len() {
            if self.users[index].is_online() {
                // The list is at hand, the server's answer may get lost and come again later.
                self.users[index].view.listed = None;
                self.command(index, Command::Blocked);
            }
        }
        self.live(SECOND);
        for index in 0..self.users.len() {
            if self.users[index].is_online() {
                self.command(index, Command::Who { filter: None });
            }
        }
        if self.server_down.is_some() {
            return Some("the server is down".to_owned());
        }
        if let Some(user) = self.users.iter().find(|user| user.is_leaving) {
            return Some(format!("{} is still leaving", user.name));
        }
        if let Some(what) = self.double() {
            return Some(what);
        }
        let absent = |user: &&User| user.is_here && !(user.is_online() || user.is_away());
        if let Some(user) = self.users.iter().find(absent) {
            return Some(format!("{} is not online", user.name));
        }
        let connected = self.world.machine(self.server).server().server.status().online;
        let here = self.users.iter().filter(|user| user.is_here);
        let online = here.clone().filter(|user| user.is_online()).count() as u64;
        if connected != online {
            return Some(format!("{connected} are connected, and {online} believe to be"));
        }
        untruth(&here.map(User::standing).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two users who see each other, unless something is changed.
    struct Pair {
        views: [View; 2],
        online: [bool; 2],
        blocked: BTreeSet<String>,
    }

    const NAMES: [&str; 2] = ["anna", "bert"];

    fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    impl Pair {
        fn new() -> Self {
            let view = |other| View {
                news: BTreeMap::new(),
                listed: Some(set([other])),
                blocks: Some(set([])),
            };
            let views = [view(NAMES[1]), view(NAMES[0])];
            Self { views, online: [true; 2], blocked: set([]) }
        }

        fn untruth(&self) -> Option<String> {
            let none = set([]);
            let standing = |at: usize| Standing {
                name: NAMES[at],
                online: self.online[at],
                blocked: if at == 0 { &self.blocked } else { &none },
                view: &self.views[at],
            };
            untruth(&[standing(0), standing(1)])
        }

        fn assert_fires(&self, expected: &str) {
            let found = self.untruth().unwrap_or_default();
            assert!(found.contains(expected), "'{found}' is not about '{expected}'");
        }
    }

    #[test]
    fn the_truth_passes() {
        let mut pair = Pair::new();
        assert_eq!(pair.untruth(), None);
        pair.views[0].news.insert("bert".to_owned(), true);
        assert_eq!(pair.untruth(), None);
        pair.online[1] = false;
        pair.views[0].listed = Some(set([]));
        pair.views[0].news.insert("bert".to_owned(), false);
        assert_eq!(pair.untruth(), None, "nobody asks who is not there");
    }

    #[test]
    fn a_list_with_somebody_who_is_gone_is_noticed() {
        let mut pair = Pair::new();
        pair.online[1] = false;
        pair.assert_fires("bert is not there, and anna's list");
    }

    #[test]
    fn a_list_without_somebody_who_is_there_is_noticed() {
        let mut pair = Pair::new();
        pair.views[1].listed = Some(set([]));
        pair.assert_fires("anna is there, and bert's list");
    }

    #[test]
    fn stale_news_is_noticed() {
        let mut pair = Pair::new();
        pair.views[0].news.insert("bert".to_owned(), false);
        pair.assert_fires("bert is there, and the last news to anna");
    }

    #[test]
    fn a_block_hides_both_ways_or_is_noticed() {
        let mut pair = Pair::new();
        pair.views[0].blocks = Some(set(["bert"]));
        pair.views[0].listed = Some(set([]));
        pair.assert_fires("anna is not there, and bert's list");
        pair.views[1].listed = Some(set([]));
        assert_eq!(pair.untruth(), None);
        pair.views[1].news.insert("anna".to_owned(), true);
        pair.assert_fires("anna is not there, and the last news to bert");
    }

    #[test]
    fn a_block_that_was_forgotten_is_noticed() {
        let mut pair = Pair::new();
        pair.blocked = set(["bert"]);
        pair.assert_fires("bert is not blocked");
    }

    #[test]
    fn silence_and_talking_to_oneself_are_noticed() {
        let mut pair = Pair::new();
        pair.views[1].listed = Some(set(["anna", "bert"]));
        pair.assert_fires("listed to himself");
        pair.views[0].listed = None;
        pair.assert_fires("anna gets no answer");
    }
}
