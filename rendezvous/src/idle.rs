//! Whose user has done nothing for so long that he is logged out, where the operator wants that
//! [W-162]. What he does the server does not see: messages and files go past it, and what comes from
//! his client may come without him. So the client tells, and nothing else counts.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::server::{Notice, Response, close};
use wire::time::{Duration, Instant};
use wire::{CloseReason, ConnectionHandle};

use crate::server::{Answer, Server};
use crate::session::{Session, Snapshot};

/// When each session is to end unless its user does something.
#[derive(Debug)]
pub(crate) struct Idle<H> {
    /// `None`: never.
    limit: Option<Duration>,
    order: BTreeSet<(Instant, H)>,
    due: BTreeMap<H, Instant>,
}

impl<H: Copy + Ord> Idle<H> {
    pub(crate) const fn new(limit: Option<Duration>) -> Self {
        Self { limit, order: BTreeSet::new(), due: BTreeMap::new() }
    }

    /// The user of a session did something last so long before `now`, perhaps before it began.
    pub(crate) fn was_active(&mut self, now: Instant, handle: H, ago: Duration) {
        let Some(limit) = self.limit else { return };
        self.forget(handle);
        let due = now + limit.saturating_sub(ago);
        self.due.insert(handle, due);
        self.order.insert((due, handle));
    }

    /// A session has ended.
    pub(crate) fn forget(&mut self, handle: H) {
        if let Some(due) = self.due.remove(&handle) {
            self.order.remove(&(due, handle));
        }
    }

    /// A session that is to end.
    fn poll_due(&mut self, now: Instant) -> Option<H> {
        let (_, handle) = self.order.first().copied().filter(|(due, _)| *due <= now)?;
        self.forget(handle);
        Some(handle)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }
}

impl Server {
    /// The client says when its user did something last [W-163].
    pub(crate) fn on_active(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        seconds: u32,
    ) -> Answer {
        self.idle.was_active(now, handle, Duration::from_secs(seconds.into()));
        Answer::Now(Response::Done)
    }

    /// Says, once a session has begun, what its client has to know to keep it.
    pub(crate) fn tell_of_idle(&mut self, handle: ConnectionHandle) {
        let Some(limit) = self.policy.idle_timeout else { return };
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        let is_new = session.user().is_some() && matches!(session.snapshot, Snapshot::Upto(None));
        if is_new && !session.is_backed_up() {
            let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX);
            session.notify(Notice::LogsOutIdle(seconds));
        }
    }

    /// Logs out whose time is over.
    pub(crate) fn end_idle_sessions(&mut self, now: Instant) {
        while let Some(handle) = self.idle.poll_due(now) {
            if let Some(user) = self.sessions.get(&handle).and_then(Session::user) {
                tracing::info!(name = %user.name, connection = %handle, "logged out for being idle");
            }
            let reason = CloseReason::new(close::IDLE, "nothing was done for too long");
            self.drop_session(now, handle, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// [W-162]: also of who did something before the server was started.
    #[test]
    fn each_is_due_when_he_did_nothing_for_the_time_and_once() {
        let (first, second) = (1, 2);
        let mut idle = Idle::new(Some(MINUTE));
        idle.was_active(at(5), first, Duration::ZERO);
        idle.was_active(at(5), second, Duration::from_secs(50));
        assert_eq!(idle.poll_timeout(), Some(at(15)));
        assert_eq!(idle.poll_due(at(14)), None);
        assert_eq!(idle.poll_due(at(15)), Some(second));
        assert_eq!(idle.poll_due(at(15)), None);
        idle.was_active(at(20), first, Duration::from_secs(1));
        assert_eq!(idle.poll_timeout(), Some(at(79)), "only the last counts");
        idle.was_active(at(30), first, Duration::MAX);
        assert_eq!(idle.poll_due(at(30)), Some(first));
        assert_eq!(idle.poll_timeout(), None);
    }

    #[test]
    fn nothing_is_kept_without_the_policy_or_after_the_session() {
        let mut idle = Idle::new(None);
        idle.was_active(at(5), 1, Duration::ZERO);
        assert_eq!(idle.poll_timeout(), None);
        let mut idle = Idle::new(Some(MINUTE));
        idle.was_active(at(5), 1, Duration::ZERO);
        idle.forget(1);
        assert_eq!(idle.poll_timeout(), None);
    }
}
