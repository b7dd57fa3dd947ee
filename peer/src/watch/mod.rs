//! Watching a film together: the core that keeps the players of several persons in step [W-124].
//!
//! ```text
//!  heard (steps of others) ──►         ──► Act::Say   (steps to others)
//!  link_down ────────────────►  Watch  ──► Act::Steer (the own player, by `player`)
//!  on_player (its answers) ──►         ──► Act::Play  (starts it)
//!  time ─────────────────────►         ──► Act::Tell  (notices)
//! ```
//!
//! Whoever proposes it (the host) is in the middle: the others (guests) speak with him alone. He says
//! what is to be played, and for whom all wait. Everybody may change what is played, in his own player:
//! of changes that cross, the one with the later [`Turn`](wire::app::watch::Turn) counts at all.

mod pace;
mod party;
mod player;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use wire::Deadline;
use wire::app::name::Name;
use wire::app::peer::TransferId;
use wire::app::watch::{MAX_WATCHERS, WatchId, WatchStep};
use wire::time::{Duration, Instant};

use self::pace::Pace;
use self::party::Party;
pub use self::player::{Failure, Report, Steering};
use crate::transfer::{Question, Subject};

/// Most invitations that wait for an answer.
const MAX_INVITATIONS: usize = 16;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// This goes to a user, if he is linked.
    Say(Name, WatchStep),
    /// The player is to be started with this film, paused, if it does not play it.
    Play {
        /// Number of the transfer.
        number: u64,
        /// Where it begins, in milliseconds.
        position_ms: Option<u64>,
    },
    /// The player is to do this, and to say then how it is: answered by [`Watch::on_player`].
    Steer(TransferId, Question, Steering),
    /// The person is told.
    Tell(Notice),
}

/// What the person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Number of the transfer.
    pub number: u64,
    /// What the film is called here.
    pub name: String,
    /// What happened: `invited`, `proposed`, `joined`, `left`, `playing`, `paused`, `moved`, `waiting`,
    /// `over`.
    pub change: &'static str,
    /// Who did it; `None` of the person himself.
    pub user: Option<Name>,
    /// Where in the film, in milliseconds.
    pub position_ms: Option<u64>,
    /// Who else is there.
    pub with: Vec<Name>,
    /// For whom all wait.
    pub waits: Vec<Name>,
    /// Why.
    pub reason: Option<String>,
}

/// Somebody wants to watch a film with the person.
#[derive(Debug)]
struct Invitation {
    watch: WatchId,
    film: Subject,
}

/// See the module.
///
/// Contract: after any verb, drain [`poll`](Self::poll) until it gives `None`, then look at
/// [`deadline`](Self::deadline).
#[derive(Debug, Default)]
pub struct Watch {
    party: Option<Party>,
    /// By who proposes it.
    invitations: BTreeMap<Name, Invitation>,
    /// How much each user says.
    pace: BTreeMap<Name, Pace>,
    acts: VecDeque<Act>,
    /// How many there were: an answer to a question of a former one is none of this.
    parties: u64,
}

impl Watch {
    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front().or_else(|| self.party.as_mut()?.poll())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        let at = self.party.as_ref()?.deadline();
        Some(Deadline { at, timer: "watch" })
    }

    /// The person wants to watch a film with these users, who are linked; with them too, when he has
    /// proposed it already.
    ///
    /// # Errors
    /// A text for the person.
    pub fn propose(
        &mut self,
        now: Instant,
        me: &Name,
        watch: WatchId,
        film: Subject,
        users: &[Name],
    ) -> Result<(), String> {
        if let Some(party) = self.party.as_mut().filter(|it| it.is_hosting(&film)) {
            return party.invite(now, users);
        }
        if users.len() >= MAX_WATCHERS {
            return Err(too_many());
        }
        self.off();
        self.parties += 1;
        let mut party = Party::host(now, self.parties, me.clone(), watch, film);
        party.invite(now, users)?;
        self.party = Some(party);
        Ok(())
    }

    /// The person comes in where he was invited to this film.
    ///
    /// # Errors
    /// A text for the person.
    pub fn join(&mut self, now: Instant, me: &Name, film: Subject) -> Result<(), String> {
        if self.party.as_ref().is_some_and(|it| it.is_of(&film)) {
            return Err("You watch it already: '/watch off' ends that.".to_owned());
        }
        // The last to ask is as good as any: two at once are none of the usual.
        let host = self.invitations.iter().rev().find(|(_, it)| it.film.root == film.root);
        let Some((host, watch)) = host.map(|(host, it)| (host.clone(), it.watch)) else {
            return Err(format!(
                "Nobody wants to watch it with you: '/watch {} NAME' proposes it.",
                film.number
            ));
        };
        self.off();
        self.invitations.remove(&host);
        self.parties += 1;
        self.party = Some(Party::guest(now, self.parties, me.clone(), watch, film, host));
        Ok(())
    }

    /// Another account is open: nothing of the former one's goes on, and answers to it are none.
    pub fn forget(&mut self) {
        let parties = self.parties;
        *self = Self { parties, ..Self::default() };
    }

    /// The person watches with nobody any more. `false` when he did not.
    pub fn off(&mut self) -> bool {
        self.end(None)
    }

    /// Ends what the person watches with others; he is told why, when it was not he.
    fn end(&mut self, why: Option<String>) -> bool {
        let Some(mut party) = self.party.take() else { return false };
        party.end(why);
        while let Some(act) = party.poll() {
            self.acts.push_back(act);
        }
        true
    }

    /// A user whom the person talks with says this. `film` is what an invitation is about, where it is
    /// here: one to others is none [W-124].
    pub fn heard(
        &mut self,
        now: Instant,
        user: &Name,
        rtt: Duration,
        step: WatchStep,
        film: Option<Subject>,
    ) {
        let pace = self.pace.entry(user.clone()).or_insert_with(|| Pace::new(now));
        let is_leaving = matches!(step, WatchStep::Leave(_));
        if !pace.may_say(now) && !is_leaving {
            return;
        }
        match step {
            WatchStep::Invite { watch, root: _ } => {
                if let Some(film) = film.filter(|_| pace.may_invite(now)) {
                    self.on_invited(user, watch, film);
                }
            }
            WatchStep::Leave(watch) => {
                if self.invitations.get(user).is_some_and(|it| it.watch == watch) {
                    self.invitations.remove(user);
                }
                if let Some(party) = self.party_of(watch) {
                    party.on_leave(now, user, "");
                }
            }
            WatchStep::Join(watch) => match self.party_of(watch) {
                Some(party) => party.on_join(now, user),
                // He was invited, and it is over by now.
                None => self.acts.push_back(Act::Say(user.clone(), WatchStep::Leave(watch))),
            },
            WatchStep::Ready { watch, ready, position_ms } => {
                if let Some(party) = self.party_of(watch) {
                    party.on_ready(now, user, ready, position_ms);
                }
            }
            WatchStep::State(state) => {
                if let Some(party) = self.party_of(state.watch) {
                    party.on_state(now, user, rtt, state);
                }
            }
        }
        self.bury();
    }

    fn on_invited(&mut self, user: &Name, watch: WatchId, film: Subject) {
        let is_there = self.party.as_ref().is_some_and(|it| it.watch == watch);
        let has_room =
            self.invitations.len() < MAX_INVITATIONS || self.invitations.contains_key(user);
        if is_there || !has_room {
            return;
        }
        self.acts.push_back(Act::Tell(Notice {
            number: film.number,
            name: film.name.clone(),
            change: "invited",
            user: Some(user.clone()),
            position_ms: None,
            with: Vec::new(),
            waits: Vec::new(),
            reason: None,
        }));
        self.invitations.insert(user.clone(), Invitation { watch, film });
    }

    /// There is no link to this user any more, or the person wants to hear nothing of him.
    pub fn lose(&mut self, now: Instant, user: &Name) {
        self.invitations.remove(user);
        self.pace.remove(user);
        if let Some(party) = &mut self.party {
            party.on_leave(now, user, "the link is gone");
        }
        self.bury();
    }

    /// How the player is, or why that is not known: the answer to [`Act::Steer`].
    pub fn on_player(&mut self, now: Instant, question: Question, report: Result<Report, Failure>) {
        let Some(party) = self.party.as_mut().filter(|it| it.awaits(question)) else { return };
        match report {
            Ok(report) => party.on_report(now, &report),
            Err(Failure::Silent(why)) => party.on_silence(now, why),
            Err(Failure::Gone(why)) => party.is_over = Some(why),
        }
        self.bury();
    }

    /// Something is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(party) = &mut self.party {
            party.on_timeout(now);
        }
        self.bury();
    }

    fn party_of(&mut self, watch: WatchId) -> Option<&mut Party> {
        self.party.as_mut().filter(|it| it.watch == watch)
    }

    /// Nothing goes on in one that is over.
    fn bury(&mut self) {
        if let Some(why) = self.party.as_mut().and_then(|party| party.is_over.take()) {
            self.end(Some(why));
        }
    }
}

fn too_many() -> String {
    format!("At most {MAX_WATCHERS} persons can watch together.")
}
