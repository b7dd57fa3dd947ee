//! Requests to talk expire: nobody waits for ever for an answer that does not come, and what a stranger
//! said is not kept for ever for somebody who does not look at it [W-177].
//!
//! Each side counts by its own clock, so nothing is said about it: whoever asks gives up first, and is
//! asked no more on the next link.

use wire::Deadline;
use wire::app::name::Name;
use wire::time::{Duration, Instant};

use super::App;
use super::jobs::Job;
use super::strangers::Requests;
use crate::output::Output;
use crate::work::{Asking, StoreError, StoreReply, StoreRequest, StrangerRequest};

const DAY: u64 = 24 * 60 * 60 * 1000;
/// Who has not answered so many milliseconds after he was asked is asked no longer.
const ASKED_FOR: u64 = 14 * DAY;
/// Who asked, and said nothing for so many milliseconds, asks no longer: later than he gives up himself.
const HELD_FOR: u64 = 15 * DAY;
/// How often it is looked for them: a clock that stood still, as that of a machine that slept, costs no
/// more than this.
const EVERY: Duration = Duration::from_secs(60 * 60);

impl Requests {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let is_waiting = !self.pending.is_empty() || !self.asked.is_empty();
        is_waiting.then_some(Deadline { at: self.check_at, timer: "requests" })
    }
}

impl App {
    pub(super) fn requests_timeout(&mut self, now: Instant) {
        if self.requests.check_at <= now {
            self.requests.check_at = now + EVERY;
            self.give_up_asking(now);
            self.expire_requests();
        }
    }

    /// Whom the person asked, and who does not answer.
    fn give_up_asking(&mut self, now: Instant) {
        let is_over = |since: u64| self.unix_ms.saturating_sub(since) >= ASKED_FOR;
        let asked = self.requests.asked.iter().filter(|(_, since)| is_over(**since));
        let over: Vec<Name> = asked.map(|(user, _)| user.clone()).collect();
        for user in over {
            let why = format!("{user} has not answered your request to talk");
            self.set_asking(&user, Asking::Nothing);
            self.tell(Output::Asked { user: user.to_string(), state: "expired" });
            for message in self.chat.outbox.take_all(&user) {
                self.give_up(message.id, &why);
            }
            self.with_transfers(now, |transfers, cx| transfers.give_up_offers(cx, &user, &why));
        }
    }

    /// Who asked the person, and is not answered. The database has the last word, for he may just be
    /// saying more.
    fn expire_requests(&mut self) {
        let is_over = |last: u64| self.unix_ms.saturating_sub(last) >= HELD_FOR;
        let pending = self.requests.pending.iter().filter(|(_, it)| is_over(it.last));
        let over: Vec<(Name, u64)> = pending.map(|(user, it)| (user.clone(), it.last)).collect();
        for (from, since) in over {
            if self.requests.expiring.insert(from.clone()) {
                let request = StrangerRequest::Expire { from: from.clone(), since };
                self.jobs.store(Job::Expire(from), StoreRequest::Stranger(request));
            }
        }
    }

    pub(super) fn on_expired(&mut self, user: &Name, result: Result<StoreReply, StoreError>) {
        self.requests.expiring.remove(user);
        match result {
            Ok(StoreReply::Expired(true)) => {
                if self.requests.pending.remove(user).is_some() {
                    self.tell(Output::RequestOver { user: user.to_string(), answer: "expired" });
                }
            }
            // He said more meanwhile.
            Ok(_) => {}
            Err(error) => self.error(&format!("What {user} asked could not be deleted: {error}")),
        }
    }
}
