//! Watching a film together: who may take part, and what comes of it. What is played when is decided by
//! [`Watch`](crate::watch::Watch).

use wire::app::name::Name;
use wire::app::peer::Control;
use wire::app::watch::{WatchId, WatchStep};
use wire::time::{Duration, Instant};

use super::App;
use crate::output::Output;
use crate::transfer::Question;
use crate::watch::{Act, Failure, Notice, Report};
use crate::work::Talk;

impl App {
    /// `/watch`.
    pub(super) fn watch(&mut self, now: Instant, id: u64, users: &[String]) {
        if let Err(why) = self.try_to_watch(now, id, users) {
            self.error(&why);
        }
        self.drain_watch(now);
    }

    fn try_to_watch(&mut self, now: Instant, id: u64, users: &[String]) -> Result<(), String> {
        let film = self.transfers.playable(id)?;
        let Some(me) = self.account().map(|account| account.name.clone()) else { return Ok(()) };
        if users.is_empty() {
            return self.watch.join(now, &me, film);
        }
        let mut asked = Vec::new();
        for typed in users {
            let user = self.can_watch(&me, typed)?;
            if !asked.contains(&user) {
                asked.push(user);
            }
        }
        let watch = WatchId(self.random());
        self.watch.propose(now, &me, watch, film, &asked)
    }

    /// Whether somebody can be asked [W-124].
    fn can_watch(&self, me: &Name, typed: &str) -> Result<Name, String> {
        let user =
            Name::new(typed).map_err(|error| format!("'{typed}' is no user name: {error}."))?;
        if user == *me {
            return Err("Name those with whom you want to watch it: you are there.".to_owned());
        }
        if !self.is_near(&user) || self.is_ignored(&user) {
            return Err(format!(
                "{user} cannot be asked: you block or ignore {user}, or have not talked yet."
            ));
        }
        if self.links.up(&user).is_none() {
            return Err(format!("There is no connection to {user}: '/why {user}' says more."));
        }
        Ok(user)
    }

    /// `/watch off`.
    pub(super) fn watch_off(&mut self, now: Instant) {
        if !self.watch.off() {
            self.error("You watch nothing together with others.");
        }
        self.drain_watch(now);
    }

    /// How the player is that is kept in step, or why that is not known: the answer to
    /// [`View::Steers`](crate::transfer::View::Steers).
    pub fn on_player(&mut self, now: Instant, question: Question, report: Result<Report, Failure>) {
        if report.as_ref().is_ok_and(|report| !report.paused) {
            self.idle.went_on(now);
        }
        self.watch.on_player(now, question, report);
        self.drain_watch(now);
        self.settle(now);
    }

    /// A user says something about watching together. Who is blocked, ignored or a stranger says
    /// nothing [W-124].
    pub(super) fn on_watch_step(&mut self, now: Instant, user: &Name, step: WatchStep) {
        if !step.is_possible() {
            return self.link_broke_protocol(now, user, "a step of watching that cannot be");
        }
        if !self.is_near(user) || self.is_ignored(user) {
            return;
        }
        let film = match &step {
            WatchStep::Invite { root, .. } => self.transfers.with_root(root),
            WatchStep::Join(_)
            | WatchStep::Leave(_)
            | WatchStep::Ready { .. }
            | WatchStep::State(_) => None,
        };
        let rtt = self.link_line(user).and_then(|line| line.rtt_ms).unwrap_or(0);
        self.watch.heard(now, user, Duration::from_millis(rtt), step, film);
        self.drain_watch(now);
    }

    /// Nothing of this user counts any more.
    pub(super) fn watch_without(&mut self, now: Instant, user: &Name) {
        self.watch.lose(now, user);
        self.drain_watch(now);
    }

    pub(super) fn watch_timeout(&mut self, now: Instant) {
        if self.watch.deadline().is_some_and(|deadline| deadline.at <= now) {
            self.watch.handle_timeout(now);
            self.drain_watch(now);
        }
    }

    fn drain_watch(&mut self, now: Instant) {
        while let Some(act) = self.watch.poll() {
            match act {
                Act::Say(user, step) => self.send_control(now, &user, &Control::Watch(step)),
                Act::Play { number, position_ms } => {
                    self.transfer(now, |t, cx| t.show_paused(cx, number, position_ms));
                }
                Act::Steer(id, question, steering) => {
                    self.transfers.steer_player(id, question, steering);
                }
                Act::Tell(notice) => self.tell_watch(notice),
            }
        }
    }

    fn tell_watch(&mut self, notice: Notice) {
        let names = |names: Vec<Name>| names.iter().map(Name::to_string).collect();
        let is_asked = notice.change == "invited";
        let by = notice.user.clone().filter(|_| is_asked);
        self.tell(Output::Watch {
            notify: by.is_some_and(|by| self.may_call(&Talk::User(by))),
            id: notice.number,
            name: notice.name,
            change: notice.change,
            user: notice.user.map(|user| user.to_string()),
            position_ms: notice.position_ms,
            with: names(notice.with),
            waits: names(notice.waits),
            reason: notice.reason,
        });
    }
}
