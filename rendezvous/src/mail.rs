//! Letters: keys for them are published and given out, they are kept, collected and discarded. What is
//! in one the server cannot read.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an outcome that does not answer the request is one error, whichever it is"
)]

use wire::ConnectionHandle;
use wire::app::letter::{MAX_LETTER, MAX_PREKEYS_AT_ONCE, Prekey, units};
use wire::app::name::Name;
use wire::app::server::{MAX_DISCARDED, Refusal, Response};
use wire::time::Instant;

use crate::account::unexpected;
use crate::cross::ToUser;
use crate::limits::whole_seconds;
use crate::server::{Answer, Continuation, Server};
use crate::store::{StoreOutcome, StoreRequest};

impl Server {
    pub(crate) fn on_prekeys(
        &self,
        handle: ConnectionHandle,
        owner: Name,
        prekeys: Vec<Prekey>,
    ) -> Answer {
        let user = self.sessions.get(&handle).and_then(|session| session.user());
        let Some(identity) = user.map(|user| user.identity) else {
            return Answer::refuse(Refusal::NotLoggedIn);
        };
        let is_genuine = |prekey: &Prekey| prekey.is_signed_by(identity);
        if prekeys.len() > MAX_PREKEYS_AT_ONCE || !prekeys.iter().all(is_genuine) {
            return Answer::refuse(Refusal::Malformed);
        }
        Answer::Ask(StoreRequest::PublishPrekeys { owner, prekeys }, Continuation::Mail)
    }

    /// Keys that serve once are used up by being given: not too many to one who asks.
    pub(crate) fn on_prekey(&mut self, now: Instant, asker: Name, owner: Name) -> Answer {
        if asker == owner {
            return Answer::refuse(Refusal::Yourself);
        }
        if self.policy.mailbox.kept_for == 0 {
            return Answer::refuse(Refusal::NoMailbox);
        }
        if let Err(wait) = self.letters.take(now, &asker) {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        Answer::Ask(StoreRequest::Prekey { asker, owner }, Continuation::Mail)
    }

    /// A long letter counts as several, of which one was taken with its key [W-185].
    pub(crate) fn on_deposit(
        &mut self,
        now: Instant,
        from: Name,
        to: Name,
        prekey: u64,
        sealed: Vec<u8>,
    ) -> Answer {
        let mailbox = self.policy.mailbox;
        if from == to {
            return Answer::refuse(Refusal::Yourself);
        }
        if mailbox.kept_for == 0 {
            return Answer::refuse(Refusal::NoMailbox);
        }
        if sealed.is_empty() || sealed.len() > MAX_LETTER {
            return Answer::refuse(Refusal::Malformed);
        }
        let len = sealed.len();
        let more = u32::try_from(units(len) - 1).unwrap_or(u32::MAX);
        if more > 0
            && let Err(wait) = self.letters.owe(now, &from, more)
        {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        let now = self.clock.unix(now);
        let request = StoreRequest::Deposit {
            from: from.clone(),
            to: to.clone(),
            prekey,
            sealed,
            mailbox,
            now,
        };
        Answer::Ask(request, Continuation::Deposit { from, to, len })
    }

    pub(crate) fn on_collect(&self, now: Instant, owner: Name, after: u64) -> Answer {
        let oldest = self.clock.unix(now).saturating_sub(self.policy.mailbox.kept_for);
        Answer::Ask(StoreRequest::Collect { owner, after, oldest }, Continuation::Mail)
    }

    pub(crate) fn on_discard(owner: Name, letters: Vec<u64>) -> Answer {
        if letters.len() > MAX_DISCARDED {
            return Answer::refuse(Refusal::Malformed);
        }
        Answer::Ask(StoreRequest::Discard { owner, letters }, Continuation::Mail)
    }

    /// A letter is kept: its receiver hears of it if he is here, and has not blocked its sender.
    pub(crate) fn on_deposited(
        &mut self,
        from: &Name,
        to: &Name,
        outcome: StoreOutcome,
    ) -> Response {
        if outcome == StoreOutcome::Done && !self.blocks.hidden(to, from) {
            self.tell(to, ToUser::Mail);
        }
        Self::on_mail_done(outcome)
    }

    pub(crate) fn on_mail_done(outcome: StoreOutcome) -> Response {
        match outcome {
            StoreOutcome::Done => Response::Done,
            StoreOutcome::Full => Response::Refused(Refusal::MailboxFull),
            StoreOutcome::NotFound => Response::Refused(Refusal::NoMailbox),
            StoreOutcome::Prekey { identity, prekey } => Response::Prekey { identity, prekey },
            StoreOutcome::Letters { letters, more, prekeys } => {
                Response::Letters { letters, more, prekeys }
            }
            other => unexpected(&other),
        }
    }
}
