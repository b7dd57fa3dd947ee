//! Away by itself, once the person has done nothing for as long as he has chosen; here again with the first
//! thing that he does. What he says of himself in words stays.

use wire::Deadline;
use wire::app::server::Availability;
use wire::time::{Duration, Instant};

use super::App;
use crate::command::span;

/// After how long without anything that the person does he is away by himself; never when `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AutoAway(pub Option<Duration>);

impl AutoAway {
    /// `10m`, `1h`, or `off`.
    ///
    /// # Errors
    /// What may stand there.
    pub fn parse(typed: &str) -> Result<Self, String> {
        if typed.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        match span(typed) {
            Some(seconds @ 60..) => Ok(Self(Some(Duration::from_secs(seconds.into())))),
            Some(_) | None => Err("a time from 1m on, such as 10m or 1h, or off".to_owned()),
        }
    }
}

/// Whether it has come to that.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// It is this that says "away", not the person.
    is_on: bool,
}

impl App {
    /// After how long without anything that the person does others see him as away, from now on.
    pub fn set_auto_away(&mut self, now: Instant, after: AutoAway) {
        self.settings.auto_away = after;
        self.settle(now);
    }

    pub(super) fn auto_away_deadline(&self) -> Option<Deadline> {
        let is_here = self.status.availability == Availability::Here;
        let after = self.settings.auto_away.0.filter(|_| is_here && self.account().is_some())?;
        Some(Deadline { at: self.idle.last_deed() + after, timer: "auto-away" })
    }

    pub(super) fn auto_away_timeout(&mut self, now: Instant) {
        if self.auto_away_deadline().is_some_and(|deadline| deadline.at <= now) {
            self.absence.is_on = true;
            self.show_as(now, Availability::Away);
            self.tell_how_one_is_seen("away");
        }
    }

    /// The person does something.
    pub(super) fn is_back(&mut self, now: Instant) {
        if core::mem::take(&mut self.absence.is_on) {
            self.show_as(now, Availability::Here);
            self.tell_how_one_is_seen("here again");
        }
    }

    /// The person has said himself how he is.
    pub(super) const fn has_said_how_he_is(&mut self) {
        self.absence.is_on = false;
    }

    fn tell_how_one_is_seen(&mut self, how: &str) {
        let when = if self.server.is_logged_in() { "" } else { " as soon as the server is there" };
        self.info(&format!("Others see you as {how}{when}."));
    }

    fn show_as(&mut self, now: Instant, availability: Availability) {
        self.status.availability = availability;
        if self.server.is_logged_in() {
            self.send_status(now);
        }
    }
}
