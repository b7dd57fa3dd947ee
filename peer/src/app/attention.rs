//! What two users let each other know of their attention, where both wish it: that one is writing, and
//! how far he has read [W-102].

use wire::app::name::Name;
use wire::app::peer;
use wire::time::{Duration, Instant};

use super::App;
use super::jobs::Job;
use crate::output::Output;
use crate::work::{MarkRequest, ReadMark, StoreError, StoreReply, StoreRequest};

/// From one notice that somebody is writing to the next [W-103].
const TYPING_PAUSE: Duration = Duration::from_secs(3);
/// The same of those that come: others are taken no notice of.
const HEARD_PAUSE: Duration = Duration::from_secs(1);

/// What is told and shown of attention. Who tells nothing is told nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// That somebody is writing.
    pub typing: Switch,
    /// How far somebody has read.
    pub read_marks: Switch,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// It is not.
    #[default]
    Off,
    /// It is.
    On,
}

impl Switch {
    /// `on` or `off`.
    ///
    /// # Errors
    /// What may stand there.
    pub fn parse(typed: &str) -> Result<Self, String> {
        match typed.trim().to_lowercase().as_str() {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err("on or off".to_owned()),
        }
    }
}

/// What passed over one link.
#[derive(Debug, Default)]
pub(super) struct Passed {
    typing_said: Option<Instant>,
    typing_heard: Option<Instant>,
}

impl App {
    /// What is told and shown of attention from now on.
    pub const fn set_attention(&mut self, attention: Attention) {
        self.settings.attention = attention;
    }

    /// Whether something of attention goes between this user and ours at all.
    fn attends(&self, switch: Switch, user: &Name) -> bool {
        switch == Switch::On && self.is_near(user)
    }

    /// The person is writing to this user, who is told if he is linked and nothing else is on its way to
    /// him [W-103].
    pub(super) fn say_typing(&mut self, now: Instant, to: &Name) {
        let switch = self.settings.attention.typing;
        if switch == Switch::Off {
            return self.error("Not told: that is switched off. '/set typing on' changes it.");
        }
        if !self.attends(switch, to) {
            return;
        }
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(to)) else {
            return;
        };
        let is_early = up.passed.typing_said.is_some_and(|at| now - at < TYPING_PAUSE);
        if is_early || !up.chat.is_through(endpoint, up.handle) {
            return;
        }
        up.passed.typing_said = Some(now);
        // A stream that is stopped is told by an event of its own.
        let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Typing);
    }

    /// A user is writing to ours [W-103].
    pub(super) fn on_typing(&mut self, now: Instant, user: &Name) {
        if !self.attends(self.settings.attention.typing, user) {
            return;
        }
        let Some(up) = self.links.up_mut(user) else { return };
        if up.passed.typing_heard.is_some_and(|at| now - at < HEARD_PAUSE) {
            return;
        }
        up.passed.typing_heard = Some(now);
        self.tell(Output::Typing { user: user.to_string() });
    }

    /// The person has read what this user said, up to a line of the history; up to what was told last
    /// when none is named.
    pub(super) fn mark_read(&mut self, from: Name, line: Option<u64>) {
        let switch = self.settings.attention.read_marks;
        if switch == Switch::Off {
            return self.error("Not told: that is switched off. '/set read-marks on' changes it.");
        }
        if !self.attends(switch, &from) {
            return;
        }
        // What is on its way into the database was not told yet, and may be there by then.
        let is_more_coming = self.chat.is_receiving(&from) || self.mail.is_catching_up();
        let told = if is_more_coming { self.chat.told() } else { u64::MAX };
        let upto = line.map_or(told, |line| line.min(told));
        let request = MarkRequest::Read { from: from.clone(), upto };
        self.jobs.store(Job::MarkRead(from), StoreRequest::Marks(request));
    }

    /// A link is up: the device at its other end is told how far our person has read [W-104].
    pub(super) fn greet_with_mark(&mut self, user: &Name) {
        if !self.attends(self.settings.attention.read_marks, user) {
            return;
        }
        let Some(device) = self.links.up(user).map(|up| up.device) else { return };
        let request = MarkRequest::Find { from: user.clone(), device };
        self.jobs.store(Job::MarkRead(user.clone()), StoreRequest::Marks(request));
    }

    /// The database knows how far the person has read what each device of this user said.
    pub(super) fn on_marked(&mut self, user: &Name, result: Result<StoreReply, StoreError>) {
        match result {
            Ok(StoreReply::Marked(marks)) => {
                for mark in marks {
                    self.send_mark(user, &mark);
                }
            }
            Ok(_) => {}
            Err(error) => self.error(&format!("{user} is not told what you have read: {error}")),
        }
    }

    fn send_mark(&mut self, user: &Name, mark: &ReadMark) {
        if !self.attends(self.settings.attention.read_marks, user) {
            return;
        }
        let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up_mut(user)) else {
            return;
        };
        // While the other side does not listen, the next link's greeting makes good for it.
        if up.device == mark.device && up.chat.backlog() == 0 {
            let ReadMark { sequence, nonce, .. } = *mark;
            let _ = up.chat.send(endpoint, up.handle, &peer::Chat::Read { sequence, nonce });
        }
    }

    /// A user has read what this device said to him, as he says [W-104].
    pub(super) fn on_read(&mut self, user: &Name, sequence: u64, nonce: [u8; 16]) {
        if !self.attends(self.settings.attention.read_marks, user) {
            return;
        }
        // The database is asked for others as often as it keeps messages of theirs, and no more.
        self.chat.begin_receiving(user, 0);
        let request = MarkRequest::ReadThere { by: user.clone(), sequence, nonce };
        self.jobs.store(Job::ReadThere(user.clone()), StoreRequest::Marks(request));
    }

    /// The database knows whether that can be [W-105].
    pub(super) fn on_read_there(
        &mut self,
        now: Instant,
        user: &Name,
        result: Result<StoreReply, StoreError>,
    ) {
        self.chat.end_receiving(user, 0);
        match result {
            Ok(StoreReply::ReadThere { upto }) => self.tell_state(user, upto, "read", None),
            Ok(_) => {}
            Err(error) => tracing::warn!(%user, %error, "a mark of what was read is not kept"),
        }
        self.read_stalled(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_on_or_off() {
        assert_eq!(Switch::parse(" On"), Ok(Switch::On));
        assert_eq!(Switch::parse("off"), Ok(Switch::Off));
        assert!(Switch::parse("true").is_err() && Switch::parse("").is_err());
        assert_eq!(Switch::default(), Switch::Off);
    }
}
