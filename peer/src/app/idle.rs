//! Whether the person does something, told to a server that logs out who does nothing [W-163]. What
//! counts is what he does, what is on its way for him, and what he watches; nothing that others do, or
//! this client by itself.

use wire::app::server::Request;
use wire::time::{Duration, Instant};
use wire::{ConnectionHandle, Deadline};

use super::App;
use super::requests::Asked;
use super::server::{Claim, Goal};
use crate::command::Command;
use crate::output::Output;

/// The server is told no more often...
const TELL_EVERY: Duration = Duration::from_secs(60);
/// ...or in this part of the time that it allows, if that is less.
const PARTS: u32 = 4;
/// No server means less, whatever it says.
const LEAST: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// What the server allows, as it said last.
    limit: Option<Duration>,
    /// On this connection it has said so.
    told_on: Option<ConnectionHandle>,
    /// When the person did something last, or something went on for him.
    last: Instant,
    /// When he did something himself.
    deed: Instant,
    /// What of that the server knows; `None` when it takes him for more active than he was.
    known: Option<Instant>,
    /// It is not told before.
    next: Instant,
}

impl Idle {
    /// The person did something.
    pub(super) fn was_active(&mut self, now: Instant) {
        self.deed = self.deed.max(now);
        self.went_on(now);
    }

    /// Something goes on for him.
    pub(super) fn went_on(&mut self, now: Instant) {
        self.last = self.last.max(now);
    }

    /// When the person did something last.
    pub(super) const fn last_deed(&self) -> Instant {
        self.deed
    }

    /// The server allows so many seconds, and takes the person for active at the beginning of the
    /// session, which is now.
    fn learn(&mut self, now: Instant, handle: ConnectionHandle, seconds: u32) {
        self.limit = Some(Duration::from_secs(seconds.into()).max(LEAST));
        if self.told_on != Some(handle) {
            self.told_on = Some(handle);
            self.known = (now - self.last < Duration::from_secs(1)).then_some(now);
            self.next = now;
        }
    }

    /// What the server said before does not hold in a new session.
    const fn forget_rule(&mut self) {
        (self.limit, self.told_on) = (None, None);
    }

    /// When the server is to be told, on this connection.
    fn due(&self, handle: Option<ConnectionHandle>) -> Option<Instant> {
        let is_news = self.known.is_none_or(|known| known < self.last);
        (is_news && handle.is_some() && self.told_on == handle).then_some(self.next)
    }

    /// Whether the person has done nothing for longer than the server allows, as it said last.
    fn is_over(&self, now: Instant) -> bool {
        self.limit.is_some_and(|limit| now - self.last >= limit)
    }
}

impl App {
    /// The person did something that is no command, such as pressing a key.
    pub fn active(&mut self, now: Instant) {
        self.idle.was_active(now);
        self.is_back(now);
        self.settle(now);
    }

    /// A command is something that he does; but faces give some by themselves.
    pub(super) fn note_command(&mut self, now: Instant, command: &Command) {
        if !matches!(command, Command::Read { .. } | Command::History { .. }) {
            self.idle.was_active(now);
            self.is_back(now);
        }
    }

    /// So is a transfer that goes on.
    pub(super) fn note_transfer(&mut self, now: Instant, output: &Output) {
        if let Output::File { file } = output
            && matches!(file.state, "running" | "checking" | "hashing")
        {
            self.idle.went_on(now);
        }
    }

    /// The server has said that it logs out who does nothing for so many seconds.
    pub(super) fn on_logs_out_idle(&mut self, now: Instant, seconds: u32) {
        if let Some(handle) = self.server.handle() {
            self.idle.learn(now, handle, seconds);
        }
    }

    /// Tells the server when the person did something last, if it is to know.
    pub(super) fn tell_activity(&mut self, now: Instant) {
        if self.idle.due(self.server.handle()).is_none_or(|at| at > now) {
            return;
        }
        let limit = self.idle.limit.unwrap_or(LEAST);
        self.idle.next = now + TELL_EVERY.min(limit / PARTS);
        let ago = u32::try_from((now - self.idle.last).as_secs()).unwrap_or(u32::MAX);
        // When it cannot be asked, it is told the next time.
        if self.ask(now, Asked::Active, Request::Active(ago)).is_ok() {
            self.idle.known = Some(self.idle.last);
        }
    }

    /// The server did not take it: it is told again.
    pub(super) const fn activity_refused(&mut self) {
        self.idle.known = None;
    }

    /// A session begins: the server says anew whether it logs out who does nothing, and if it does not, it
    /// does not.
    pub(super) const fn begin_idle(&mut self) {
        self.idle.forget_rule();
    }

    pub(super) fn idle_deadline(&self) -> Option<Deadline> {
        let at = self.idle.due(self.server.handle())?;
        Some(Deadline { at, timer: "activity" })
    }

    /// The server has logged this client out, or would at once: it waits for the person [W-164].
    pub(super) fn on_idle(&mut self, now: Instant) {
        let time = self.idle.limit.map_or_else(|| "long".to_owned(), in_words);
        self.session_ended(now, &format!("the server logs out who does nothing for {time}"));
    }

    /// Whether coming back by itself would only lead to being logged out.
    pub(super) fn is_idle_too_long(&self, now: Instant) -> bool {
        matches!(self.server.goal, Goal::Resume)
            && self.server.claim == Claim::GoOn
            && self.idle.is_over(now)
    }
}

/// A time that an operator has chosen, in his unit.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        _ if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
