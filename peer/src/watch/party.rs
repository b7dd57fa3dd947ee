//! One watching together, at the host and at a guest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::app::name::Name;
use wire::app::pin::MAX_POSITION;
use wire::app::watch::{MAX_WATCHERS, Turn, WatchId, WatchState, WatchStep, Watcher};
use wire::time::{Duration, Instant};

use super::player::{BEHIND, Deed, Player, Report, millis};
use super::{Act, Notice, too_many};
use crate::transfer::{Question, Subject};

/// How often the host says what is played when nothing changes.
const REPEAT: Duration = Duration::from_secs(5);
/// How long a host may take to answer who comes in.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many changes somebody can have made before he hears of one: a count beyond that is none, as it
/// would leave no room for others [W-128].
const MAX_AHEAD: u64 = 64;
/// What is so near to where it was, in milliseconds, is no other place.
const SAME_PLACE: u64 = 1000;

/// See the module.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) watch: WatchId,
    film: Subject,
    me: Name,
    role: Role,
    shared: Shared,
    /// `None` before a guest knows what is played.
    player: Option<Player>,
    /// The last question to it.
    question: u64,
    /// Why it said nothing last.
    silence: Option<String>,
    acts: VecDeque<Act>,
    /// Set when it cannot go on.
    pub(super) is_over: Option<String>,
}

#[derive(Debug)]
enum Role {
    Host {
        guests: BTreeMap<Name, Guest>,
        repeat_at: Instant,
        /// Whether it has moved yet: before, who was invited is waited for.
        begun: bool,
        /// Whether the host's own player has said where it is to begin.
        placed: bool,
    },
    Guest {
        host: Name,
        /// What the host was told of this player.
        told: Option<bool>,
        /// When the host must have answered, as long as he has not.
        until: Option<Instant>,
    },
}

/// Whom the host has invited.
#[derive(Clone, Copy, Debug, Default)]
struct Guest {
    joined: bool,
    ready: bool,
}

/// What is played, as far as it is known here.
#[derive(Debug)]
struct Shared {
    turn: Turn,
    /// Whether it is to play, and not to pause.
    playing: bool,
    /// Where it was at `at`, in milliseconds.
    position: u64,
    at: Instant,
    /// Who is there, with oneself.
    with: BTreeSet<Name>,
    /// For whom all wait.
    waits: BTreeSet<Name>,
}

impl Shared {
    fn is_moving(&self) -> bool {
        self.playing && self.waits.is_empty()
    }

    fn position(&self, now: Instant) -> u64 {
        let gone = if self.is_moving() { millis(now - self.at) } else { 0 };
        self.position.saturating_add(gone).min(MAX_POSITION)
    }

    fn put(&mut self, position: u64, at: Instant) {
        (self.position, self.at) = (position, at);
    }

    /// From now on for these is waited.
    fn wait_for(&mut self, now: Instant, waits: BTreeSet<Name>) {
        self.put(self.position(now), now);
        self.waits = waits;
    }

    /// All go back to where somebody was when he could not play on, so that he misses nothing.
    fn go_back(&mut self, now: Instant, position: u64) {
        let here = self.position(now);
        if self.is_moving() && position < here && here - position <= BEHIND {
            self.put(position, now);
        }
    }
}

impl Party {
    /// One that is proposed here; `number` tells it from others before it.
    pub(super) fn host(now: Instant, number: u64, me: Name, watch: WatchId, film: Subject) -> Self {
        let role = Role::Host {
            guests: BTreeMap::new(),
            repeat_at: now + REPEAT,
            begun: false,
            placed: false,
        };
        let mut party = Self::new(now, number, me, watch, film, role);
        party.start_player(now, None);
        party
    }

    /// One that `host` has proposed.
    pub(super) fn guest(
        now: Instant,
        number: u64,
        me: Name,
        watch: WatchId,
        film: Subject,
        host: Name,
    ) -> Self {
        let step = Act::Say(host.clone(), WatchStep::Join(watch));
        let role = Role::Guest { host, told: None, until: Some(now + PATIENCE) };
        let mut party = Self::new(now, number, me, watch, film, role);
        party.acts.push_back(step);
        party
    }

    fn new(now: Instant, number: u64, me: Name, watch: WatchId, film: Subject, role: Role) -> Self {
        let shared = Shared {
            turn: Turn { count: 0, author: me.clone() },
            playing: true,
            position: 0,
            at: now,
            with: BTreeSet::from([me.clone()]),
            waits: BTreeSet::from([me.clone()]),
        };
        Self {
            watch,
            film,
            me,
            role,
            shared,
            player: None,
            question: number << 32,
            silence: None,
            acts: VecDeque::new(),
            is_over: None,
        }
    }

    pub(super) fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    pub(super) fn deadline(&self) -> Instant {
        let role = match &self.role {
            Role::Host { repeat_at, .. } => Some(*repeat_at),
            Role::Guest { until, .. } => *until,
        };
        let player = self.player.as_ref().map(Player::deadline);
        // A guest has one or the other.
        role.into_iter().chain(player).min().unwrap_or(self.shared.at)
    }

    pub(super) fn is_of(&self, film: &Subject) -> bool {
        self.film.root == film.root
    }

    pub(super) fn is_hosting(&self, film: &Subject) -> bool {
        self.is_of(film) && matches!(self.role, Role::Host { .. })
    }

    pub(super) const fn awaits(&self, question: Question) -> bool {
        self.player.is_some() && question.0 == self.question
    }

    #[cfg(test)]
    pub(super) const fn turn(&self) -> &Turn {
        &self.shared.turn
    }

    #[cfg(test)]
    pub(super) fn position(&self, now: Instant) -> u64 {
        self.shared.position(now)
    }

    /// The host asks these users too.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn invite(&mut self, now: Instant, users: &[Name]) -> Result<(), String> {
        let Role::Host { guests, .. } = &mut self.role else { return Ok(()) };
        let mut all: BTreeSet<&Name> = guests.keys().collect();
        all.extend(users);
        if all.len() >= MAX_WATCHERS {
            return Err(too_many());
        }
        let is_asked = |user: &&Name| !guests.get(*user).is_some_and(|guest| guest.joined);
        let asked: Vec<Name> = users.iter().filter(is_asked).cloned().collect();
        if asked.is_empty() {
            return Err("They watch it already.".to_owned());
        }
        for user in &asked {
            guests.insert(user.clone(), Guest::default());
            let step = WatchStep::Invite { watch: self.watch, root: self.film.root };
            self.acts.push_back(Act::Say(user.clone(), step));
        }
        let notice = Notice { with: asked, ..self.notice("proposed") };
        self.acts.push_back(Act::Tell(notice));
        self.look_who_waits(now);
        Ok(())
    }

    /// A user comes in, who was invited.
    pub(super) fn on_join(&mut self, now: Instant, user: &Name) {
        let Role::Host { guests, .. } = &mut self.role else { return };
        let Some(guest) = guests.get_mut(user).filter(|guest| !guest.joined) else { return };
        guest.joined = true;
        self.shared.with.insert(user.clone());
        let notice = Notice { user: Some(user.clone()), ..self.notice("joined") };
        self.acts.push_back(Act::Tell(notice));
        self.look_who_waits(now);
        self.say_to_all(now);
        self.steer(now);
    }

    /// Whether a guest could play on now [W-127].
    pub(super) fn on_ready(&mut self, now: Instant, user: &Name, ready: bool, position: u64) {
        let Role::Host { guests, .. } = &mut self.role else { return };
        let Some(guest) = guests.get_mut(user).filter(|guest| guest.joined) else { return };
        guest.ready = ready;
        if !ready {
            self.shared.go_back(now, position);
        }
        self.look_who_waits(now);
        self.steer(now);
    }

    /// A user is not there any more [W-125].
    pub(super) fn on_leave(&mut self, now: Instant, user: &Name, why: &str) {
        let reason = (!why.is_empty()).then(|| why.to_owned());
        match &mut self.role {
            Role::Guest { host, .. } if host == user => {
                let why = reason.unwrap_or_else(|| format!("{user} watches it no more"));
                self.is_over = Some(why);
            }
            Role::Guest { .. } => {}
            Role::Host { guests, begun, .. } => {
                if guests.remove(user).is_none() {
                    return;
                }
                let is_alone = !guests.values().any(|guest| guest.joined);
                if is_alone && (*begun || guests.is_empty()) {
                    self.is_over = Some("nobody else is there any more".to_owned());
                }
                self.shared.with.remove(user);
                let notice = Notice { user: Some(user.clone()), reason, ..self.notice("left") };
                self.acts.push_back(Act::Tell(notice));
                self.look_who_waits(now);
                self.say_to_all(now);
                self.steer(now);
            }
        }
    }

    /// A user says what is to be played [W-126].
    pub(super) fn on_state(&mut self, now: Instant, user: &Name, rtt: Duration, state: WatchState) {
        match &self.role {
            Role::Host { guests, .. } => {
                if !guests.get(user).is_some_and(|guest| guest.joined) || state.turn.author != *user
                {
                    return;
                }
                let most = self.shared.turn.count.saturating_add(MAX_AHEAD);
                if state.turn > self.shared.turn && state.turn.count <= most {
                    let waits = self.shared.waits.clone();
                    self.take(now, rtt, &state, waits);
                }
                // Also when his change came too late: so he learns of the other.
                self.say_to_all(now);
            }
            Role::Guest { host, .. } if host == user => self.on_word(now, rtt, &state),
            Role::Guest { .. } => return,
        }
        self.steer(now);
    }

    /// The host's word: of changes before the last that was made here it does not count any more.
    fn on_word(&mut self, now: Instant, rtt: Duration, state: &WatchState) {
        let with: BTreeSet<Name> = state.watchers.iter().map(|it| it.name.clone()).collect();
        let waited = state.watchers.iter().filter(|it| it.waited);
        let waits: BTreeSet<Name> = waited.map(|it| it.name.clone()).collect();
        if !self.come_in(now, state, &with, &waits) {
            self.tell_who_came_and_went(&with);
            if state.turn >= self.shared.turn {
                self.take(now, rtt, state, waits);
            }
        }
        self.shared.with = with;
    }

    /// The first word of the host: from now on it is known what the player is to do. `false` when it is
    /// not the first.
    fn come_in(
        &mut self,
        now: Instant,
        state: &WatchState,
        with: &BTreeSet<Name>,
        waits: &BTreeSet<Name>,
    ) -> bool {
        let Role::Guest { until, .. } = &mut self.role else { return false };
        if until.take().is_none() {
            return false;
        }
        self.shared.turn = state.turn.clone();
        self.shared.playing = state.playing;
        self.shared.put(state.position_ms, now);
        self.shared.with = with.clone();
        self.shared.waits = waits.clone();
        self.start_player(now, Some(state.position_ms));
        let notice = self.notice("joined");
        self.acts.push_back(Act::Tell(notice));
        true
    }

    fn tell_who_came_and_went(&mut self, with: &BTreeSet<Name>) {
        let came = with.difference(&self.shared.with).map(|user| (user, "joined"));
        let went = self.shared.with.difference(with).map(|user| (user, "left"));
        let news: Vec<(Name, &str)> =
            came.chain(went).map(|(user, change)| (user.clone(), change)).collect();
        self.shared.with.clone_from(with);
        for (user, change) in news.into_iter().filter(|(user, _)| *user != self.me) {
            let notice = Notice { user: Some(user), ..self.notice(change) };
            self.acts.push_back(Act::Tell(notice));
        }
    }

    /// This is what is played from now on.
    fn take(&mut self, now: Instant, rtt: Duration, state: &WatchState, waits: BTreeSet<Name>) {
        let shared = &mut self.shared;
        let (was_playing, before) = (shared.playing, shared.position(now));
        let (was_moving, old) = (shared.is_moving(), core::mem::take(&mut shared.waits));
        let is_news = state.turn != shared.turn;
        shared.turn = state.turn.clone();
        shared.playing = state.playing;
        shared.waits = waits;
        // It was there when this was said: half a round trip ago.
        let way = if shared.is_moving() { millis(rtt / 2) } else { 0 };
        shared.put(state.position_ms.saturating_add(way), now);
        let is_elsewhere = shared.position.abs_diff(before) > SAME_PLACE;
        if is_news || was_moving != shared.is_moving() || is_elsewhere {
            self.hurry();
        }
        if is_news && self.shared.turn.author != self.me {
            self.tell_turn(was_playing, is_elsewhere);
        }
        self.tell_waits(&old);
    }

    /// How the player is.
    pub(super) fn on_report(&mut self, now: Instant, report: &Report) {
        let Some(player) = &mut self.player else { return };
        let was_ready = player.ready;
        let deed = player.on_report(now, report);
        let is_ready = player.ready;
        self.silence = None;
        if let (Role::Host { placed, .. }, Some(position)) = (&mut self.role, report.position_ms)
            && !report.seeking
            && !core::mem::replace(placed, true)
            && self.shared.turn.count == 0
        {
            // It begins where the host is.
            self.shared.put(position, now);
            self.say_to_all(now);
        }
        self.on_deed(now, deed, report);
        // On its way it may still tell of where it was.
        let position = report.position_ms.filter(|_| !report.seeking);
        self.on_own_readiness(now, was_ready, is_ready, position);
        self.steer(now);
    }

    /// The player says nothing, this time.
    pub(super) fn on_silence(&mut self, now: Instant, why: String) {
        self.silence = Some(why);
        let Some(player) = &mut self.player else { return };
        let was_ready = player.ready;
        player.on_failure(now);
        self.on_own_readiness(now, was_ready, false, None);
    }

    /// The person has done something with his player: so all do [W-126].
    fn on_deed(&mut self, now: Instant, deed: Deed, report: &Report) {
        // While all wait everybody's player is paused, and the person's wish to go on is none yet.
        let playing = deed.paused.map_or(self.shared.playing, |paused| !paused);
        if playing == self.shared.playing && !deed.moved {
            return;
        }
        let position = report.position_ms.unwrap_or_else(|| self.shared.position(now));
        self.shared.playing = playing;
        self.shared.put(position.min(MAX_POSITION), report.at);
        let count = self.shared.turn.count.saturating_add(1);
        self.shared.turn = Turn { count, author: self.me.clone() };
        match &self.role {
            Role::Host { .. } => self.say_to_all(now),
            Role::Guest { host, .. } => {
                let state = WatchState { watchers: Vec::new(), ..self.state(now) };
                self.acts.push_back(Act::Say(host.clone(), WatchStep::State(state)));
            }
        }
    }

    fn on_own_readiness(
        &mut self,
        now: Instant,
        was_ready: bool,
        is_ready: bool,
        position: Option<u64>,
    ) {
        let here = position.unwrap_or_else(|| self.shared.position(now)).min(MAX_POSITION);
        match &mut self.role {
            Role::Host { .. } => {
                if was_ready && !is_ready {
                    self.shared.go_back(now, here);
                }
                self.look_who_waits(now);
            }
            Role::Guest { host, told, .. } => {
                if *told != Some(is_ready) {
                    *told = Some(is_ready);
                    let (watch, ready, position_ms) = (self.watch, is_ready, here);
                    let step = WatchStep::Ready { watch, ready, position_ms };
                    self.acts.push_back(Act::Say(host.clone(), step));
                }
            }
        }
    }

    pub(super) fn on_timeout(&mut self, now: Instant) {
        if self.player.as_ref().is_some_and(|player| player.is_lost(now)) {
            let why = self.silence.take().unwrap_or_else(|| "it does not answer".to_owned());
            self.is_over = Some(format!("your player says nothing: {why}"));
            return;
        }
        match &self.role {
            Role::Host { repeat_at, .. } if *repeat_at <= now => self.say_to_all(now),
            Role::Guest { host, until: Some(until), .. } if *until <= now => {
                self.is_over = Some(format!("{host} does not answer"));
            }
            Role::Host { .. } | Role::Guest { .. } => {}
        }
        self.steer(now);
    }

    /// It is over here; the person is told why, or that he wanted it so.
    pub(super) fn end(&mut self, why: Option<String>) {
        let others: Vec<Name> = match &self.role {
            Role::Host { guests, .. } => guests.keys().cloned().collect(),
            Role::Guest { host, .. } => vec![host.clone()],
        };
        for user in others {
            self.acts.push_back(Act::Say(user, WatchStep::Leave(self.watch)));
        }
        let notice =
            Notice { reason: why, with: Vec::new(), waits: Vec::new(), ..self.notice("over") };
        self.acts.push_back(Act::Tell(notice));
    }

    fn start_player(&mut self, now: Instant, position_ms: Option<u64>) {
        self.acts.push_back(Act::Play { number: self.film.number, position_ms });
        self.player = Some(Player::new(now));
        self.steer(now);
    }

    fn hurry(&mut self) {
        if let Some(player) = &mut self.player {
            player.hurry();
        }
    }

    /// Asks the player how it is, when it is time; tells it what to do as soon as it is to do that.
    fn steer(&mut self, now: Instant) {
        let (moving, position) = (self.shared.is_moving(), self.shared.position(now));
        let Some(player) = &mut self.player else { return };
        if player.is_due(now) || player.is_off(now, moving, position) {
            self.question += 1;
            let steering = player.question(now, moving, position);
            let question = Question(self.question);
            self.acts.push_back(Act::Steer(self.film.id, question, steering));
        }
    }

    /// Host: for whom all wait from now on; before it begins for who was invited, when nobody has come.
    fn look_who_waits(&mut self, now: Instant) {
        let Role::Host { guests, begun, .. } = &mut self.role else { return };
        let joined = || guests.iter().filter(|(_, guest)| guest.joined);
        let waits: BTreeSet<Name> = if joined().next().is_none() {
            guests.keys().cloned().collect()
        } else {
            let is_ready = self.player.as_ref().is_some_and(|player| player.ready);
            let own = (!is_ready).then(|| self.me.clone());
            let others = joined().filter(|(_, guest)| !guest.ready);
            others.map(|(name, _)| name.clone()).chain(own).collect()
        };
        if waits == self.shared.waits {
            return;
        }
        *begun |= waits.is_empty();
        let old = self.shared.waits.clone();
        self.shared.wait_for(now, waits);
        self.hurry();
        self.tell_waits(&old);
        self.say_to_all(now);
    }

    /// Host: what is played.
    fn say_to_all(&mut self, now: Instant) {
        let state = WatchStep::State(self.state(now));
        let Role::Host { guests, repeat_at, .. } = &mut self.role else { return };
        *repeat_at = now + REPEAT;
        for (user, _) in guests.iter().filter(|(_, guest)| guest.joined) {
            self.acts.push_back(Act::Say(user.clone(), state.clone()));
        }
    }

    fn state(&self, now: Instant) -> WatchState {
        let watcher =
            |name: &Name| Watcher { name: name.clone(), waited: self.shared.waits.contains(name) };
        WatchState {
            watch: self.watch,
            turn: self.shared.turn.clone(),
            playing: self.shared.playing,
            position_ms: self.shared.position(now),
            watchers: self.shared.with.iter().map(watcher).collect(),
        }
    }

    fn tell_turn(&mut self, was_playing: bool, is_elsewhere: bool) {
        let change = match self.shared.playing {
            true if !was_playing => "playing",
            false if was_playing => "paused",
            _ if is_elsewhere => "moved",
            _ => return,
        };
        let user = Some(self.shared.turn.author.clone());
        let position_ms = Some(self.shared.position);
        let notice = Notice { user, position_ms, ..self.notice(change) };
        self.acts.push_back(Act::Tell(notice));
    }

    /// What differs from when these were waited for, while it is to play.
    fn tell_waits(&mut self, old: &BTreeSet<Name>) {
        let waits = &self.shared.waits;
        let change = if !waits.is_subset(old) {
            "waiting"
        } else if waits.is_empty() && !old.is_empty() {
            "playing"
        } else {
            return;
        };
        if self.shared.playing {
            let position_ms = Some(self.shared.position);
            let notice = Notice { position_ms, ..self.notice(change) };
            self.acts.push_back(Act::Tell(notice));
        }
    }

    fn notice(&self, change: &'static str) -> Notice {
        let others = self.shared.with.iter().filter(|name| **name != self.me);
        Notice {
            number: self.film.number,
            name: self.film.name.clone(),
            change,
            user: None,
            position_ms: None,
            with: others.cloned().collect(),
            waits: self.shared.waits.iter().cloned().collect(),
            reason: None,
        }
    }
}
