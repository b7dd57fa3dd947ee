//! Other ways to the peer than the one in use: the server's, for when the direct one falls silent,
//! and direct ones, which are looked for while everything goes through the server [W-114] [W-115].

use std::net::SocketAddr;

use crate::relay::is_relayed;
use crate::time::{Duration, Instant};

/// Most direct ways that are tried.
const MAX_DIRECT: usize = 8;
/// A direct way on which nothing is acknowledged for so long, or two probe time-outs if that is longer,
/// may be none any more.
const SILENCE: Duration = Duration::from_secs(1);
/// Before direct ways are tried first, and again: ever longer. Both sides try, and a NAT that was
/// opened by one has to be open still when the other's challenge comes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a call has found, or was told, of ways to the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The address that stands for the way through the server.
    pub(crate) relay: Option<SocketAddr>,
    /// Addresses at which the peer may be.
    pub(crate) direct: Vec<SocketAddr>,
}

/// When which way is to be tried.
#[derive(Debug)]
pub(crate) struct Ways {
    known: Known,
    /// How many of this round's direct ways were tried.
    tried: usize,
    /// When the next round begins.
    next: Instant,
    pause: Duration,
    /// Since when a direct way has been in use; that before the first move counts as long.
    direct_since: Option<Instant>,
    /// A direct way was left for the server's, and none is tried nor followed to before then.
    settled_at: Option<Instant>,
}

impl Ways {
    pub(crate) fn new(now: Instant, mut known: Known) -> Self {
        known.direct.truncate(MAX_DIRECT);
        let tried = known.direct.len();
        let (direct_since, settled_at) = (None, None);
        Self { known, tried, next: now + FIRST_PAUSE, pause: FIRST_PAUSE, direct_since, settled_at }
    }

    /// The way through the server.
    pub(crate) const fn relay(&self) -> Option<SocketAddr> {
        self.known.relay
    }

    /// The path in use is another one now. The direct one that was left is worth trying later: soon if it
    /// had carried everything for long, ever later if it never does, as one that passes small packets only.
    pub(crate) fn on_moved(&mut self, now: Instant, left: SocketAddr, to: SocketAddr) {
        let direct = &mut self.known.direct;
        if !is_relayed(left) && !direct.contains(&left) {
            direct.truncate(MAX_DIRECT - 1);
            direct.insert(0, left);
        }
        self.tried = direct.len();
        match (is_relayed(left), is_relayed(to)) {
            (false, true) => {
                let lasted = self.direct_since.is_none_or(|since| now - since >= LONGEST_PAUSE);
                self.pause = if lasted { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
                self.next = now + self.pause;
                self.settled_at = Some(self.next);
            }
            (true, false) => {
                self.direct_since = Some(now);
                self.settled_at = None;
            }
            (false, false) | (true, true) => {}
        }
    }

    /// Whether a packet from this address may lead there.
    pub(crate) fn may_follow(&self, now: Instant, address: SocketAddr) -> bool {
        is_relayed(address) || self.settled_at.is_none_or(|at| at <= now)
    }

    /// The server carries nothing any more.
    pub(crate) const fn forget_relay(&mut self) {
        self.known.relay = None;
    }

    /// When another way than `active` is to be tried, if that is not done already. `waiting` says since
    /// when nothing has been acknowledged.
    pub(crate) fn deadline(
        &self,
        active: SocketAddr,
        waiting: Option<Instant>,
        probe_timeout: Duration,
    ) -> Option<Instant> {
        self.known.relay?;
        if !is_relayed(active) {
            return Some(waiting? + SILENCE.max(probe_timeout * 2));
        }
        (!self.known.direct.is_empty()).then_some(self.next)
    }

    /// The deadline has come: the way to be tried.
    pub(crate) fn take(&mut self, now: Instant, active: SocketAddr) -> Option<SocketAddr> {
        if !is_relayed(active) {
            return self.known.relay;
        }
        if self.tried == self.known.direct.len() {
            self.tried = 0;
        }
        let way = self.known.direct.get(self.tried).copied()?;
        self.tried += 1;
        if self.tried == self.known.direct.len() {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.next = now + self.pause;
        }
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::place;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 1))
    }

    const PTO: Duration = Duration::from_millis(100);

    /// [W-115]
    #[test]
    fn direct_ways_are_tried_in_rounds_ever_farther_apart() {
        let known = Known { relay: Some(place(0)), direct: vec![address(1), address(2)] };
        let mut ways = Ways::new(at(0), known);
        let mut tried = Vec::new();
        while let Some(due) = ways.deadline(place(0), None, PTO).filter(|due| *due < at(200_000)) {
            tried.push((due.as_micros() / 1_000_000, ways.take(due, place(0)).unwrap()));
        }
        let seconds = [1, 3, 7, 15, 31, 63, 123, 183];
        let both = |second| [(second, address(1)), (second, address(2))];
        assert_eq!(tried, seconds.into_iter().flat_map(both).collect::<Vec<_>>());
    }

    /// [W-114]
    #[test]
    fn a_silent_direct_way_gives_way_to_the_server() {
        let known = Known { relay: Some(place(0)), direct: vec![address(1)] };
        let mut ways = Ways::new(at(0), known);
        assert_eq!(ways.deadline(address(1), None, PTO), None, "nothing is waited for");
        assert_eq!(ways.deadline(address(1), Some(at(50)), PTO), Some(at(1050)));
        assert_eq!(ways.deadline(address(1), Some(at(50)), PTO * 10), Some(at(2050)));
        assert_eq!(ways.take(at(1050), address(1)), Some(place(0)));
        let mut ways = Ways::new(at(0), Known::default());
        assert_eq!(ways.deadline(address(1), Some(at(0)), PTO), None, "there is no other");
        assert_eq!(ways.take(at(0), address(1)), None);
    }

    /// [W-115]: a way that passes small packets and no large ones is found again and again.
    #[test]
    fn a_direct_way_that_does_not_last_is_left_alone_for_longer_each_time() {
        let known = Known { relay: Some(place(0)), direct: vec![address(1)] };
        let mut ways = Ways::new(at(0), known);
        let (mut now, mut pauses) = (at(100_000), Vec::new());
        for _ in 0..8 {
            ways.on_moved(now, address(1), place(0));
            let next = ways.deadline(place(0), None, PTO).unwrap();
            pauses.push((next - now).as_secs());
            assert!(!ways.may_follow(now, address(1)) && ways.may_follow(now, place(0)));
            assert!(ways.may_follow(next, address(1)));
            now = next;
            ways.on_moved(now, place(0), address(1));
            now += Duration::from_secs(1);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        now += LONGEST_PAUSE;
        ways.on_moved(now, address(1), place(0));
        assert_eq!(ways.deadline(place(0), None, PTO), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn the_way_that_was_left_is_tried_too() {
        let known = Known { relay: Some(place(0)), direct: (1..=8).map(address).collect() };
        let mut ways = Ways::new(at(0), known);
        ways.on_moved(at(5000), address(9), place(0));
        assert_eq!(ways.deadline(place(0), None, PTO), Some(at(6000)));
        assert_eq!(ways.take(at(6000), place(0)), Some(address(9)));
        assert_eq!(ways.known.direct.len(), MAX_DIRECT);
    }
}
