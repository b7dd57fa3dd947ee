//! Numbers of spoken codes that wait to be typed: who made each. The words are not here.
//!
//! A code lives for ten minutes and as long as its maker's session, and is found once. Nothing is
//! stored: after a restart of the server or of its maker it is over.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::RngCore;
use wire::ConnectionHandle;
use wire::app::code::MAX_NUMBER;
use wire::app::name::Name;
use wire::app::server::{CODE_SECONDS, Refusal, Response};
use wire::time::{Duration, Instant};

use crate::config::Policy;
use crate::cross::ToUser;
use crate::limits::{Limiter, whole_seconds};
use crate::server::{Answer, Server};
use crate::source::SourcePrefix;

/// How long a code can be typed.
const LIFE: Duration = Duration::from_secs(CODE_SECONDS as u64);
/// Most open codes of one user.
const MAX_OF_ONE: usize = 4;
/// Most open codes.
const MAX_OPEN: usize = 4096;
/// Most users, and most sources, whose codes are counted.
const MAX_COUNTED: usize = 65_536;

#[derive(Debug)]
struct Open {
    maker: Name,
    until: Instant,
}

/// The codes that are open.
#[derive(Debug)]
pub(crate) struct Codes {
    open: BTreeMap<u32, Open>,
    by_end: BTreeSet<(Instant, u32)>,
    by_maker: BTreeMap<Name, BTreeSet<u32>>,
    users: Limiter<Name>,
    sources: Limiter<SourcePrefix>,
}

impl Codes {
    pub(crate) const fn new(policy: &Policy) -> Self {
        Self {
            open: BTreeMap::new(),
            by_end: BTreeSet::new(),
            by_maker: BTreeMap::new(),
            users: Limiter::new(policy.codes, MAX_COUNTED),
            sources: Limiter::new(policy.codes_of_source, MAX_COUNTED),
        }
    }

    /// Whether one may make a code, or try a number: both count, so that nobody goes through the
    /// numbers.
    fn allow(&mut self, now: Instant, user: &Name, source: SourcePrefix) -> Result<(), Duration> {
        self.users.take(now, user)?;
        self.sources.take(now, &source)
    }

    fn expire(&mut self, now: Instant) {
        while let Some((until, number)) = self.by_end.first().copied().filter(|it| it.0 <= now) {
            debug_assert!(self.open.get(&number).is_some_and(|open| open.until == until));
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u32) -> Option<Name> {
        let Open { maker, until } = self.open.remove(&number)?;
        self.by_end.remove(&(until, number));
        if let Some(own) = self.by_maker.get_mut(&maker) {
            own.remove(&number);
            if own.is_empty() {
                self.by_maker.remove(&maker);
            }
        }
        Some(maker)
    }

    /// A number for a new code: short, and hard to hit for whoever tries some.
    fn make(&mut self, now: Instant, rng: &mut impl RngCore, maker: &Name) -> Result<u32, Refusal> {
        self.expire(now);
        let own = self.by_maker.get(maker);
        if let Some(own) = own.filter(|own| own.len() >= MAX_OF_ONE) {
            let first = own.iter().filter_map(|number| self.open.get(number)).map(|it| it.until);
            let wait = first.min().map_or(LIFE, |until| until - now);
            return Err(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        if self.open.len() >= MAX_OPEN {
            let wait = self.by_end.first().map_or(LIFE, |(until, _)| *until - now);
            return Err(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        // At most one in eight is taken, so that a few draws find a free one.
        let most = if self.open.len() < 120 { 999 } else { MAX_NUMBER };
        let number = loop {
            let number = rng.next_u32() % most + 1;
            if !self.open.contains_key(&number) {
                break number;
            }
        };
        let until = now + LIFE;
        self.open.insert(number, Open { maker: maker.clone(), until });
        self.by_end.insert((until, number));
        self.by_maker.entry(maker.clone()).or_default().insert(number);
        Ok(number)
    }

    fn maker(&mut self, now: Instant, number: u32) -> Option<&Name> {
        self.expire(now);
        self.open.get(&number).map(|open| &open.maker)
    }

    /// A user's session has ended.
    pub(crate) fn forget(&mut self, maker: &Name) {
        for number in self.by_maker.remove(maker).unwrap_or_default() {
            if let Some(open) = self.open.remove(&number) {
                self.by_end.remove(&(open.until, number));
            }
        }
    }
}

impl Server {
    pub(crate) fn on_make_code(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        own: &Name,
    ) -> Answer {
        let source = self.source(handle);
        if let Err(wait) = self.codes.allow(now, own, source) {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        match self.codes.make(now, &mut self.rng, own) {
            Ok(number) => Answer::Now(Response::Code { number, seconds: CODE_SECONDS }),
            Err(refusal) => Answer::refuse(refusal),
        }
    }

    /// [W-06] A code is found once, and by nobody from whom its maker is hidden: to him it is as if
    /// there were none, and it stays.
    pub(crate) fn on_use_code(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        own: Name,
        number: u32,
    ) -> Answer {
        let source = self.source(handle);
        if let Err(wait) = self.codes.allow(now, &own, source) {
            return Answer::refuse(Refusal::TooManyRequests { seconds: whole_seconds(wait) });
        }
        let Some(maker) = self.codes.maker(now, number).cloned() else {
            return Answer::refuse(Refusal::UnknownCode);
        };
        if maker == own {
            return Answer::refuse(Refusal::Yourself);
        }
        if self.blocks.hidden(&own, &maker) {
            return Answer::refuse(Refusal::UnknownCode);
        }
        self.codes.remove(number);
        self.tell(&maker, ToUser::CodeUsed { number, by: own });
        Answer::Now(Response::CodeOf(maker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Seed;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn open_codes_are_few_for_each_and_bounded_for_all() {
        let mut codes = Codes::new(&Policy::default());
        let mut rng = Seed::new([1; 32]).rng();
        let alice = name("alice");
        let numbers: BTreeSet<u32> =
            (0..MAX_OF_ONE).map(|_| codes.make(at(0), &mut rng, &alice).unwrap()).collect();
        assert_eq!(numbers.len(), MAX_OF_ONE);
        assert!(numbers.iter().all(|number| (1..=999).contains(number)), "{numbers:?}");
        let full = Err(Refusal::TooManyRequests { seconds: CODE_SECONDS });
        assert_eq!(codes.make(at(0), &mut rng, &alice), full);
        let first = *numbers.first().unwrap();
        assert_eq!(codes.maker(at(599), first), Some(&alice));
        assert_eq!(codes.maker(at(600), first), None, "over");
        assert!(codes.make(at(600), &mut rng, &alice).is_ok());
        codes.forget(&alice);
        for user in 0..MAX_OPEN / MAX_OF_ONE {
            for _ in 0..MAX_OF_ONE {
                codes.make(at(601), &mut rng, &name(&format!("x{user}"))).unwrap();
            }
        }
        let refused = codes.make(at(700), &mut rng, &alice);
        assert_eq!(refused, Err(Refusal::TooManyRequests { seconds: 501 }));
        assert_eq!((codes.open.len(), codes.by_end.len()), (MAX_OPEN, MAX_OPEN));
        assert!(codes.make(at(1201), &mut rng, &alice).is_ok());
        assert_eq!((codes.open.len(), codes.by_end.len(), codes.by_maker.len()), (1, 1, 1));
        codes.forget(&alice);
        assert_eq!((codes.open.len(), codes.by_end.len(), codes.by_maker.len()), (0, 0, 0));
    }
}
