//! Whether a user's program answers, and how soon [W-110].

use std::collections::BTreeMap;

use wire::Deadline;
use wire::app::name::Name;
use wire::app::peer;
use wire::time::{Duration, Instant};

use super::App;
use crate::output::Output;

/// How long an answer, and the path before it, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever was asked and has not answered.
#[derive(Debug, Default)]
pub(super) struct Pings(BTreeMap<Name, Ping>);

#[derive(Debug)]
struct Ping {
    /// Tells answers to former ones apart.
    number: u32,
    until: Instant,
    /// `None` while there is no path.
    sent: Option<Instant>,
}

impl Pings {
    pub(super) fn wants_link(&self) -> impl Iterator<Item = Name> {
        self.0.iter().filter(|(_, ping)| ping.sent.is_none()).map(|(user, _)| user.clone())
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.0.values().map(|ping| ping.until).min()?;
        Some(Deadline { at, timer: "ping" })
    }
}

impl App {
    /// `/ping`.
    pub(super) fn ping(&mut self, now: Instant, user: &Name) {
        let is_linked = self.links.up(user).is_some();
        let why = if self.is_blocked(user) {
            format!("you block {user}")
        } else if !is_linked && !self.server.is_logged_in() {
            self.server.why_not()
        } else if !is_linked && !self.roster.is_online(user) {
            format!("{user} is not online")
        } else {
            let number = u32::from_be_bytes(self.random());
            let ping = Ping { number, until: now + PATIENCE, sent: None };
            self.pings.0.insert(user.clone(), ping);
            self.send_ping(now, user);
            return self.links.want_check();
        };
        self.tell_ping(user, None, Some(why));
    }

    /// There is a path, perhaps.
    pub(super) fn send_ping(&mut self, now: Instant, user: &Name) {
        let Some(ping) = self.pings.0.get_mut(user).filter(|ping| ping.sent.is_none()) else {
            return;
        };
        let number = ping.number;
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        ping.sent = Some(now);
        // A stream that is stopped is told by an event of its own.
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Ping(number));
    }

    /// A user wants an answer.
    pub(super) fn on_ping(&mut self, user: &Name, number: u32) {
        if self.is_stranger(user) {
            return;
        }
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Pong(number));
    }

    /// A user has answered.
    pub(super) fn on_pong(&mut self, now: Instant, user: &Name, number: u32) {
        let Some(ping) = self.pings.0.get(user).filter(|ping| ping.number == number) else {
            return;
        };
        let Some(sent) = ping.sent else { return };
        self.pings.0.remove(user);
        let millis = u64::try_from((now - sent).as_millis()).unwrap_or(u64::MAX);
        self.tell_ping(user, Some(millis), None);
    }

    /// The path is gone: what was asked over it is asked over the next.
    pub(super) fn lose_ping(&mut self, user: &Name) {
        if let Some(ping) = self.pings.0.get_mut(user) {
            ping.sent = None;
        }
    }

    pub(super) fn pings_timeout(&mut self, now: Instant) {
        let is_due = |ping: &Ping| ping.until <= now;
        let due: Vec<Name> = self
            .pings
            .0
            .iter()
            .filter(|(_, ping)| is_due(ping))
            .map(|(user, _)| user.clone())
            .collect();
        for user in due {
            let was_sent = self.pings.0.remove(&user).is_some_and(|ping| ping.sent.is_some());
            let what = if was_sent { "no answer" } else { "no path" };
            let why = format!("{what} within {} s; '/why {user}' says more", PATIENCE.as_secs());
            self.tell_ping(&user, None, Some(why));
        }
    }

    fn tell_ping(&mut self, user: &Name, rtt_ms: Option<u64>, reason: Option<String>) {
        self.tell(Output::Ping { user: user.to_string(), rtt_ms, reason });
    }
}
