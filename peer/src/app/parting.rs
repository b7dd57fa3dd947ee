//! The end of the program: what was said just before it still leaves, then the others are told, then
//! the database finishes.
//!
//! ```text
//!   /quit ──► on its way: 0.6 s ──► nothing left, or time is up: closed ──► database has finished: gone
//!             could be handed over: 3 s
//! ```

use wire::app::name::Name;
use wire::time::{Duration, Instant};

use super::{App, Stage};

/// After `/quit`, messages on their way have this long to be acknowledged...
const LINGER: Duration = Duration::from_millis(600);
/// ...those for which there is a mailbox, or a link that is coming, this long to be handed over...
const HAND_OVER: Duration = Duration::from_secs(3);
/// ...and the database this long to finish behind that.
const FINISH: Duration = Duration::from_millis(400);

/// Whether the others were told just now that this side leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    Said,
    Nothing,
}

impl App {
    pub(super) fn quit(&mut self, now: Instant, farewell: String) {
        if matches!(self.stage, Stage::Quitting { .. } | Stage::Gone) {
            return;
        }
        self.farewell = farewell;
        self.give_up_export("the program ended");
        let close_at = now + LINGER;
        self.stage = Stage::Quitting {
            close_at: Some(close_at),
            extended_to: now + HAND_OVER,
            gone_at: close_at + FINISH,
        };
    }

    /// Messages on their way may arrive, then everything closes, then the database finishes.
    pub(super) fn advance_quit(&mut self, now: Instant) -> Parting {
        let Stage::Quitting { close_at, extended_to, gone_at } = self.stage else {
            return Parting::Nothing;
        };
        let storing = self.jobs.is_storing() || self.export.is_some();
        let Some(at) = close_at else {
            if now >= gone_at || !storing {
                self.stage = Stage::Gone;
            }
            return Parting::Nothing;
        };
        let handing_over = self.is_handing_over();
        if handing_over && at <= now && now < extended_to {
            let (close_at, gone_at) = (Some(extended_to), extended_to + FINISH);
            self.stage = Stage::Quitting { close_at, extended_to, gone_at };
            return Parting::Nothing;
        }
        if now < at && (handing_over || self.is_speaking(storing)) {
            return Parting::Nothing;
        }
        if handing_over {
            self.info(
                "Not handed over in time: what you wrote last is kept here, and goes on its way at \
                 the next start ('/outbox').",
            );
        }
        self.close_all_links(now);
        self.leave_server(now);
        self.stage = Stage::Quitting { close_at: None, extended_to, gone_at };
        Parting::Said
    }

    /// Whether something that was said is on its way.
    fn is_speaking(&self, storing: bool) -> bool {
        // What is being kept leaves behind that.
        let is_heard = self.links.is_any_up() || self.server.is_logged_in();
        self.chat.outbox.is_in_flight()
            || self.rooms.is_in_flight()
            || self.transfers.has_last_words()
            || (storing && is_heard)
    }

    /// Whether something that was said is still to leave, and there is a way: a mailbox that may take it,
    /// or a link that is being made.
    fn is_handing_over(&self) -> bool {
        if !self.server.is_logged_in() {
            return false;
        }
        let has_way = |user: &Name| {
            let is_unknown = !self.roster.is_settled();
            is_unknown || self.may_leave_letter(user) || self.links.is_coming(user)
        };
        let mut waiting = self.chat.outbox.users();
        self.mail.is_leaving()
            || waiting.any(|user| self.has_letter_for(user) && has_way(user))
            || self.has_posts_to_hand_over()
    }
}
