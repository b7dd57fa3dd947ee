//! What was typed, kept and shown: every message exactly once and in its sender's order.

use std::collections::BTreeMap;

use peer::output::Output;
use peer::work::{Line, MessageState, StoreReply, StoreRequest};
use wire::app::name::Name;

use super::Swarm;
use super::users::User;
use crate::dice::Dice;

/// From whom, to whom.
type Pair = (String, String);

/// All messages of a run.
#[derive(Debug, Default)]
pub(super) struct Messages {
    next: u64,
    /// Typed while logged in, by pair, in order.
    typed: BTreeMap<Pair, Vec<String>>,
    /// Shown, over all lives of the receiver's program.
    shown: BTreeMap<Pair, Vec<String>>,
}

/// Whether this line is a message of ours that waits.
pub(super) fn is_waiting(line: &Line) -> bool {
    line.own && line.state == MessageState::Queued
}

impl Messages {
    /// A new message, told apart from all others by its number.
    pub(super) fn compose(&mut self, dice: &mut Dice, from: &User, to: &str) -> String {
        self.next += 1;
        let filler = match dice.below(20) {
            0 => dice.index(60_000),
            1..4 => dice.index(3_000),
            _ => dice.index(40),
        };
        let text = format!("{} from {} to {to} {}", self.next, from.name, "ü".repeat(filler / 2));
        self.typed.entry((from.name.clone(), to.to_owned())).or_default().push(text.clone());
        text
    }

    /// A user's program says something.
    pub(super) fn read(&mut self, user: &User, output: &Output) {
        if let Output::Message { from, text, .. } = output {
            assert!(!user.blocked.contains(from), "{} is shown a message of {from}", user.name);
            let shown = self.shown.entry((from.clone(), user.name.clone())).or_default();
            assert!(!shown.contains(text), "{} is shown twice: {text:.40}", user.name);
            shown.push(text.clone());
        }
    }
}

impl Swarm {
    /// All lines of a user with another, from the database.
    pub(super) fn history(&mut self, of: usize, with: usize) -> Vec<Line> {
        let with = Name::new(&self.users[with].name).expect("names of the simulator are names");
        let request = StoreRequest::History { with: Some(with), limit: 100_000 };
        let reply =
            self.world.with(self.users[of].host, |program, _| program.peer_mut().disk.ask(request));
        match reply {
            Ok(StoreReply::Lines(lines)) => lines,
            other => panic!("no history of {}: {other:?}", self.users[of].name),
        }
    }

    /// Holds both databases and the screen against each other.
    pub(super) fn check_conversation(&mut self, from: usize, to: usize) {
        let sent: Vec<Line> = self.history(from, to).into_iter().filter(|line| line.own).collect();
        let received: Vec<String> = self
            .history(to, from)
            .into_iter()
            .filter(|line| !line.own)
            .map(|line| line.body)
            .collect();
        let (sender, receiver) = (&self.users[from], &self.users[to]);
        let who = format!("from {} to {}", sender.name, receiver.name);
        let none = Vec::new();
        let pair = (sender.name.clone(), receiver.name.clone());
        let typed = self.messages.typed.get(&pair).unwrap_or(&none);
        let shown = self.messages.shown.get(&pair).unwrap_or(&none);

        let kept: Vec<&String> = sent.iter().map(|line| &line.body).collect();
        assert!(is_subsequence(&kept, &typed.iter().collect::<Vec<_>>()), "{who}: kept as typed");
        if sender.keeps_everything() {
            assert_eq!(kept.len(), typed.len(), "{who}: everything is kept");
        }
        let received_refs: Vec<&String> = received.iter().collect();
        assert!(is_subsequence(&received_refs, &kept), "{who}: received once and in order");
        for line in &sent {
            let arrived = received.contains(&line.body);
            match &line.state {
                MessageState::Delivered => {
                    assert!(arrived, "{who}: delivered and not there: {:.40}", line.body);
                }
                MessageState::Failed(why) => panic!("{who}: failed: {why}: {:.40}", line.body),
                MessageState::Queued | MessageState::Incoming => {}
            }
        }
        let shown: Vec<&String> = shown.iter().collect();
        assert!(is_subsequence(&shown, &received_refs), "{who}: shown once and in order");
        if !receiver.has_crashed && !receiver.has_left && !receiver.has_blocked {
            assert_eq!(shown.len(), received.len(), "{who}: everything is shown");
        }
    }
}

impl Messages {
    /// How many were typed from one to the other.
    pub(super) fn count(&self, from: &User, to: &User) -> usize {
        self.typed.get(&(from.name.clone(), to.name.clone())).map_or(0, Vec::len)
    }
}

/// Whether `part` is `whole` with some left out.
fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|item| rest.any(|other| other == item))
}
