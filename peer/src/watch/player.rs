//! The person's own player: what he does with it, and how it is brought to where it is to be.
//!
//! It is asked where it is about once a second, and each change is one more question, so that of two
//! things neither is done before the other is known. What differs from how it was left is what the
//! person has done.

use wire::time::{Duration, Instant};

/// From one answer to the next question...
const PERIOD: Duration = Duration::from_secs(1);
/// ...and after it was told something: where it goes it is not at once.
const SOON: Duration = Duration::from_millis(400);
/// How long it may say nothing, also when it begins.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// What it may be off, in milliseconds, without being sent there.
const DRIFT: u64 = 700;
/// From one time that it is sent somewhere to the next, while nothing else has changed: a place that
/// it does not get to is left to it.
const AGAIN: Duration = Duration::from_secs(4);
/// So much further than it can have played, in milliseconds: somebody has sent it there. (What it falls
/// behind it may have waited.)
const LEAP: u64 = 1500;
/// So much before where it was: the same.
const LEAP_BACK: u64 = 700;
/// How far it may fall behind, in milliseconds, while it waits for what comes next.
pub(super) const BEHIND: u64 = 10_000;
/// What it has fetched ahead, in milliseconds, when it begins or goes on.
const ENOUGH: u64 = 4000;

/// What a player is told: both before it says how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// To pause, or to play.
    pub paused: Option<bool>,
    /// To go there, in milliseconds.
    pub position_ms: Option<u64>,
}

impl Steering {
    /// Nothing: it is only asked.
    const NONE: Self = Self { paused: None, position_ms: None };
}

/// How a player is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it was so.
    pub at: Instant,
    /// Where, in milliseconds; `None` while it shows nothing.
    pub position_ms: Option<u64>,
    /// Whether it was told to pause.
    pub paused: bool,
    /// On its way to another place.
    pub seeking: bool,
    /// It cannot play on: what comes next is not here.
    pub starving: bool,
    /// How much of what comes next it has fetched, in milliseconds, where it knows that.
    pub ahead_ms: Option<u64>,
    /// It has fetched as much as it wants to.
    pub full: bool,
}

/// Why a player does not say how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Perhaps later: it may be starting.
    Silent(String),
    /// There is none, or none any more.
    Gone(String),
}

/// What the person has done with his player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deed {
    /// He has paused it, or let it play.
    pub(super) paused: Option<bool>,
    /// He has gone somewhere else.
    pub(super) moved: bool,
}

/// How it was left.
#[derive(Clone, Copy, Debug)]
struct Left {
    paused: bool,
    /// Between these two places it was, at this moment.
    low: u64,
    high: u64,
    at: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Player {
    /// The last time that it said how it is; before, when it was started.
    heard: Instant,
    /// What it was told with the question that it has not answered.
    asked: Option<Steering>,
    next: Instant,
    left: Option<Left>,
    /// It was sent somewhere: the next place where it is is no deed of the person's.
    is_sent: bool,
    sent_at: Option<Instant>,
    /// Whether it could play on.
    pub(super) ready: bool,
}

impl Player {
    /// It is being started, paused.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            heard: now,
            asked: None,
            next: now,
            left: None,
            is_sent: true,
            sent_at: None,
            ready: false,
        }
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Instant {
        let end = self.heard + PATIENCE;
        if self.asked.is_some() { end } else { self.next.min(end) }
    }

    /// Whether it has said nothing for too long.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.heard + PATIENCE <= now
    }

    /// Whether it is to be asked now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.asked.is_none() && self.next <= now
    }

    /// Something else is wanted of it now, wherever it was sent before.
    pub(super) const fn hurry(&mut self) {
        self.sent_at = None;
    }

    /// The question for now: with what is to be changed for it to be so.
    pub(super) fn question(&mut self, now: Instant, moving: bool, position: u64) -> Steering {
        let steering = self.steering(now, moving, position);
        if steering.position_ms.is_some() {
            self.sent_at = Some(now);
        }
        self.asked = Some(steering);
        steering
    }

    /// Whether it is to be told something, which need not wait until it is asked again.
    pub(super) fn is_off(&self, now: Instant, moving: bool, position: u64) -> bool {
        self.asked.is_none() && self.steering(now, moving, position) != Steering::NONE
    }

    fn steering(&self, now: Instant, moving: bool, position: u64) -> Steering {
        let Some(left) = &self.left else { return Steering::NONE };
        let paused = (left.paused == moving).then_some(!moving);
        let (low, high) = (left.low, left.high_at(now));
        let off = low.saturating_sub(position).max(position.saturating_sub(high));
        // One that waits for what comes next falls behind: soon all wait for it, where it is.
        let most = if moving && !self.ready { BEHIND } else { DRIFT };
        let may = self.sent_at.is_none_or(|at| now - at >= AGAIN);
        Steering { paused, position_ms: (off > most && may).then_some(position) }
    }

    /// It does not answer, this time.
    pub(super) fn on_failure(&mut self, now: Instant) {
        self.asked = None;
        self.next = now + PERIOD;
        self.ready = false;
    }

    /// How it is; gives what the person has done.
    pub(super) fn on_report(&mut self, now: Instant, report: &Report) -> Deed {
        let asked = self.asked.take().unwrap_or_default();
        self.heard = now;
        if asked != Steering::NONE {
            self.next = now + SOON;
            self.on_told(report, asked);
            return Deed::default();
        }
        self.next = now + PERIOD;
        self.judge_readiness(report);
        let Some(left) = &mut self.left else {
            let Some(position) = report.position_ms.filter(|_| !report.seeking) else {
                return Deed::default();
            };
            self.is_sent = false;
            self.left = Some(Left::at(report, position));
            return Deed::default();
        };
        let paused = (report.paused != left.paused).then_some(report.paused);
        let Some(position) = report.position_ms.filter(|_| !report.seeking) else {
            (left.high, left.at) = (left.high_at(report.at), report.at);
            left.paused = report.paused;
            return Deed { paused, moved: false };
        };
        let moved = !std::mem::take(&mut self.is_sent) && left.is_leap(report.at, position);
        *left = Left::at(report, position);
        Deed { paused, moved }
    }

    /// It has heard what it was told. Where it is may still be where it was.
    fn on_told(&mut self, report: &Report, asked: Steering) {
        let Some(left) = &mut self.left else { return };
        left.high = left.high_at(report.at);
        left.at = report.at;
        left.paused = asked.paused.unwrap_or(left.paused);
        if let Some(position) = asked.position_ms {
            (left.low, left.high) = (position, position);
            self.is_sent = true;
        }
    }

    fn judge_readiness(&mut self, report: &Report) {
        let is_stuck = report.seeking || report.starving || report.position_ms.is_none();
        // What plays goes on with less than what has to begin.
        let is_enough = self.ready || report.full || report.ahead_ms.is_some_and(|it| it >= ENOUGH);
        self.ready = !is_stuck && is_enough;
    }
}

impl Left {
    fn at(report: &Report, position: u64) -> Self {
        Self { paused: report.paused, low: position, high: position, at: report.at }
    }

    /// The furthest place where it can be by then.
    fn high_at(&self, now: Instant) -> u64 {
        if self.paused { self.high } else { self.high.saturating_add(millis(now - self.at)) }
    }

    /// Whether it can only be there because it was sent there.
    fn is_leap(&self, now: Instant, position: u64) -> bool {
        let leap = if self.paused { DRIFT } else { LEAP };
        position > self.high_at(now).saturating_add(leap)
            || position.saturating_add(LEAP_BACK) < self.low
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
