//! What was typed, kept and shown: every message exactly once and in its sender's order.

use std::collections::BTreeMap;

use peer::output::Output;
use peer::work::{Line, MessageState, StoreReply, StoreRequest, Talk};
use wire::app::name::Name;

use super::Swarm;
use super::users::User;
use crate::dice::Dice;

/// From which machine to whom; or from whom to which machine.
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
    line.own.is_some() && matches!(line.state, MessageState::Queued | MessageState::Stored)
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
        let text = format!("{} from {} to {to} {}", self.next, from.label, "ü".repeat(filler / 2));
        self.typed.entry((from.label.clone(), to.to_owned())).or_default().push(text.clone());
        text
    }

    /// A user's program says something.
    pub(super) fn read(&mut self, user: &User, output: &Output) {
        if let Output::Message { from, text, .. } = output {
            assert!(!user.blocked.contains(from), "{} is shown a message of {from}", user.name);
            let shown = self.shown.entry((from.clone(), user.label.clone())).or_default();
            assert!(!shown.contains(text), "{} is shown twice: {text:.40}", user.name);
            shown.push(text.clone());
        }
    }
}

impl Swarm {
    /// All lines of a user with another, from the database.
    pub(super) fn history(&mut self, of: usize, with: usize) -> Vec<Line> {
        let with = Name::new(&self.users[with].name).expect("names of the simulator are names");
        let request = StoreRequest::History {
            with: Some(Talk::User(with)),
            limit: 100_000,
            before: None,
            since: None,
        };
        if !self.users[of].was_here {
            return Vec::new();
        }
        let reply = self.with_disk(of, |disk| disk.ask(request));
        match reply {
            Ok(StoreReply::Lines(lines)) => lines,
            other => panic!("no history of {}: {other:?}", self.users[of].name),
        }
    }

    /// Holds the databases and the screens against each other: what went from one machine to a
    /// user, at one machine or the other.
    pub(super) fn check_conversation(&mut self, from: usize, to: usize) {
        let sent: Vec<Line> =
            self.history(from, to).into_iter().filter(|line| line.own.is_some()).collect();
        let name = self.users[to].name.clone();
        let machines: Vec<usize> =
            (0..self.users.len()).filter(|index| self.users[*index].name == name).collect();
        if machines[0] != to {
            return;
        }
        let arrivals = machines.into_iter().map(|to| self.arrival(from, to)).collect();
        let sender = &self.users[from];
        let typed = self.messages.typed.get(&(sender.label.clone(), name.clone()));
        Conversation {
            who: format!("from {} to {name}", sender.label),
            typed: typed.cloned().unwrap_or_default(),
            all_kept: sender.keeps_everything(),
            sent: sent.into_iter().map(|line| (line.body, line.state)).collect(),
            arrivals,
        }
        .check();
    }

    fn arrival(&mut self, from: usize, to: usize) -> Arrival {
        let mark = format!(" from {} to ", self.users[from].label);
        let lines = self.history(to, from).into_iter().filter(|line| line.own.is_none());
        let stored = lines.map(|line| line.body).filter(|body| body.contains(&mark)).collect();
        let (sender, receiver) = (&self.users[from], &self.users[to]);
        // Nobody waited for those who perhaps cannot meet: something may be on its way.
        let is_over = !(sender.is_here && receiver.is_here) || self.can_meet(from, to);
        let shown = self.messages.shown.get(&(sender.name.clone(), receiver.label.clone()));
        let shown = shown.into_iter().flatten().filter(|body| body.contains(&mark));
        let shown = shown.cloned().collect();
        let misses = receiver.has_crashed || receiver.has_left || receiver.has_blocked;
        let all_shown = is_over && !misses;
        Arrival { stored, shown, all_shown }
    }
}

/// What went from one machine to one user.
#[derive(Debug, Default)]
struct Conversation {
    who: String,
    /// In order.
    typed: Vec<String>,
    /// The sender had no reason to refuse or lose any of it.
    all_kept: bool,
    /// In the sender's database, in order, with what became of it.
    sent: Vec<(String, MessageState)>,
    /// At each of the receiver's machines.
    arrivals: Vec<Arrival>,
}

/// What one machine got of it.
#[derive(Debug, Default)]
struct Arrival {
    /// In its database, in order.
    stored: Vec<String>,
    /// On its screen, in order.
    shown: Vec<String>,
    /// Its user had no reason to miss any of it.
    all_shown: bool,
}

impl Conversation {
    /// Everything kept once and in the order in which it was typed, stored once and in the
    /// order in which it was kept, shown once and in that order; delivered means stored.
    fn check(&self) {
        let Self { who, typed, sent, .. } = self;
        let kept: Vec<&String> = sent.iter().map(|(body, _)| body).collect();
        assert!(is_subsequence(&kept, &typed.iter().collect::<Vec<_>>()), "{who}: kept as typed");
        if self.all_kept {
            assert_eq!(kept.len(), typed.len(), "{who}: everything is kept");
        }
        for (body, state) in sent {
            let arrived = self.arrivals.iter().any(|arrival| arrival.stored.contains(body));
            match state {
                MessageState::Delivered | MessageState::Read => {
                    assert!(arrived, "{who}: delivered and not there: {body:.40}");
                }
                MessageState::Failed(why) => panic!("{who}: failed: {why}: {body:.40}"),
                MessageState::Queued | MessageState::Stored | MessageState::Incoming => {}
            }
        }
        for Arrival { stored, shown, all_shown } in &self.arrivals {
            let stored: Vec<&String> = stored.iter().collect();
            assert!(is_subsequence(&stored, &kept), "{who}: received once and in order");
            let shown: Vec<&String> = shown.iter().collect();
            assert!(is_subsequence(&shown, &stored), "{who}: shown once and in order");
            if *all_shown {
                assert_eq!(shown.len(), stored.len(), "{who}: everything is shown");
            }
        }
    }
}

impl Messages {
    /// How many were typed from one to the other.
    pub(super) fn count(&self, from: &User, to: &User) -> usize {
        self.typed.get(&(from.label.clone(), to.name.clone())).map_or(0, Vec::len)
    }
}

/// Whether `part` is `whole` with some left out.
fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|item| rest.any(|other| other == item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
        texts.map(str::to_owned).into()
    }

    /// Two messages, typed, kept, delivered, stored and shown.
    fn fair() -> Conversation {
        let both = texts(["one", "two"]);
        let sent = both.iter().map(|text| (text.clone(), MessageState::Delivered)).collect();
        let arrival = Arrival { stored: both.clone(), shown: both.clone(), all_shown: true };
        let who = "from anna to bert".to_owned();
        Conversation { who, typed: both, all_kept: true, sent, arrivals: vec![arrival] }
    }

    #[test]
    fn a_fair_conversation_passes_also_at_two_machines() {
        fair().check();
        let at = |text| Arrival { stored: texts([text]), shown: texts([text]), all_shown: true };
        Conversation { arrivals: vec![at("two"), at("one")], ..fair() }.check();
    }

    #[test]
    #[should_panic(expected = "received once and in order")]
    fn a_message_stored_twice_is_noticed() {
        let mut twice = fair();
        twice.arrivals[0].stored = texts(["one", "one", "two"]);
        twice.check();
    }

    #[test]
    #[should_panic(expected = "received once and in order")]
    fn messages_stored_in_another_order_are_noticed() {
        let mut turned = fair();
        turned.arrivals[0].stored.reverse();
        turned.check();
    }

    #[test]
    #[should_panic(expected = "shown once and in order")]
    fn messages_shown_in_another_order_are_noticed() {
        let mut turned = fair();
        turned.arrivals[0].shown.reverse();
        turned.check();
    }

    #[test]
    #[should_panic(expected = "everything is shown")]
    fn a_message_that_is_not_shown_is_noticed() {
        let mut hidden = fair();
        hidden.arrivals[0].shown.pop();
        hidden.check();
    }

    #[test]
    #[should_panic(expected = "delivered and not there: two")]
    fn a_message_that_is_delivered_nowhere_is_noticed() {
        let mut lost = fair();
        lost.arrivals[0] = Arrival { stored: texts(["one"]), ..Arrival::default() };
        lost.check();
    }

    #[test]
    #[should_panic(expected = "everything is kept")]
    fn a_message_that_was_not_kept_is_noticed() {
        let mut lost = fair();
        lost.sent.pop();
        lost.arrivals.clear();
        lost.check();
    }

    #[test]
    #[should_panic(expected = "kept as typed")]
    fn a_message_that_nobody_typed_is_noticed() {
        let mut invented = fair();
        invented.sent.push(("three".to_owned(), MessageState::Queued));
        invented.check();
    }

    #[test]
    #[should_panic(expected = "failed: refused")]
    fn a_message_that_is_given_up_is_noticed() {
        let mut failed = fair();
        failed.sent[1].1 = MessageState::Failed("refused".to_owned());
        failed.check();
    }
}
