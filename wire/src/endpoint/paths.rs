//! The ways to an introduced peer, and when each is probed (PROTOCOL.md, "Calls").

use std::net::SocketAddr;

use super::candidates;
use super::shared::Shared;
use crate::crypto::mac::ProbeKeys;
use crate::datagram::ProbeKind;
use crate::relay::is_relayed;
use crate::time::{Duration, Instant};

/// Addresses of a call that the application names and that are used (F02) [W-35].
const MAX_LISTED: usize = 8;
/// All addresses of a call, with those from which the peer's probes came.
const MAX_PATHS: usize = 16;
/// Probes to an address from which nothing came (F01) [W-37].
const BUDGET: u32 = 10;
/// Further probes for each probe that comes from it: with the answer, three times as much as was
/// received (B02).
const BUDGET_PER_PROBE: u32 = 2;
/// Between the first five probes of a burst, and to a path that works.
const QUICK: Duration = Duration::from_millis(50);
const STEADY: Duration = Duration::from_millis(250);
const QUICK_PROBES: u32 = 5;

/// One address at which the peer may be.
struct Path {
    address: SocketAddr,
    /// Carried by every probe to it; only who receives there knows it.
    nonce: [u8; 8],
    /// Probes that may still be sent.
    budget: u32,
    /// Probes sent in all, and what else cost as many.
    sent: u32,
    /// Probes sent since the peer was last heard from here.
    burst: u32,
    last: Option<Instant>,
    next: Instant,
    /// It was told with the introduction, not learned from a probe.
    listed: bool,
    /// A probe of the peer's own making came from here.
    probed: bool,
    answered: bool,
}

/// All of them.
pub(super) struct Paths {
    paths: Vec<Path>,
    listed: usize,
    /// Places in `paths` of those that answered, first answer first, that through the server apart.
    answered: Vec<usize>,
    /// The place of the way through the server, once it has answered.
    relay: Option<usize>,
}

impl Paths {
    pub(super) const fn new() -> Self {
        Self { paths: Vec::new(), listed: 0, answered: Vec::new(), relay: None }
    }

    /// Adds addresses that the application was told.
    pub(super) fn list(&mut self, now: Instant, addresses: &[SocketAddr], shared: &mut Shared) {
        for address in addresses.iter().filter_map(|address| candidates::usable(*address)) {
            if let Some(path) = self.find_mut(address) {
                path.budget = path.budget.max(BUDGET.saturating_sub(path.sent));
            } else if self.listed < MAX_LISTED && self.paths.len() < MAX_PATHS {
                self.listed += 1;
                self.add(now, address, BUDGET, shared).listed = true;
            } else {
                shared.counters.limited += 1;
            }
        }
    }

    /// Adds the way through the server. No client has named it, and the server sends to nobody who
    /// has not asked for it.
    pub(super) fn list_relay(&mut self, now: Instant, relay: SocketAddr, shared: &mut Shared) {
        self.add(now, relay, BUDGET, shared);
    }

    /// Nothing goes there any more.
    pub(super) fn forget(&mut self, relay: SocketAddr) {
        self.relay = None;
        if let Some(path) = self.find_mut(relay) {
            (path.budget, path.answered, path.probed) = (0, false, false);
        }
    }

    /// A probe that the peer has made came from `address`, which is thereby worth trying,
    /// whether it was listed or not.
    pub(super) fn note_probe(&mut self, now: Instant, address: SocketAddr, shared: &mut Shared) {
        let Some(address) = spelled(address) else { return };
        if let Some(path) = self.find_mut(address) {
            path.probed = true;
            if !path.answered {
                path.budget = (path.budget + BUDGET_PER_PROBE).min(BUDGET);
                path.burst = 0;
                path.next = path.last.map_or(now, |last| now.max(last + path.pause()));
            }
        } else if self.paths.len() < MAX_PATHS {
            self.add(now, address, BUDGET_PER_PROBE, shared).probed = true;
        } else {
            shared.counters.limited += 1;
        }
    }

    /// An answer to a probe came from `address`. Says whether it is one that was asked: then the
    /// peer receives there [W-38].
    pub(super) fn note_answer(&mut self, address: SocketAddr, nonce: [u8; 8]) -> bool {
        let Some(place) = self.paths.iter().position(|path| path.address == address) else {
            return false;
        };
        let path = &mut self.paths[place];
        if path.nonce != nonce {
            return false;
        }
        if !path.answered {
            path.answered = true;
            if is_relayed(address) {
                self.relay = Some(place);
            } else {
                self.answered.push(place);
            }
        }
        true
    }

    pub(super) fn has_answered(&self, address: SocketAddr) -> bool {
        self.paths.iter().any(|path| path.address == address && path.answered)
    }

    /// Whether anything came from this address that only who has the introduction secret can
    /// make.
    pub(super) fn has_spoken(&self, address: SocketAddr) -> bool {
        self.paths.iter().any(|path| path.address == address && (path.probed || path.answered))
    }

    /// The address that answered as number `turn`, counted round and round; the way through the server is
    /// the last.
    pub(super) fn answered(&self, turn: usize) -> Option<SocketAddr> {
        let mut places = self.answered.iter().chain(&self.relay);
        let place = *places.nth(turn.checked_rem(places.clone().count())?)?;
        Some(self.paths[place].address)
    }

    /// Addresses at which the peer may be: those that have answered, then those that the introduction named.
    /// Whoever only seems to have probed from an address gains nothing for it.
    pub(super) fn direct(&self) -> Vec<SocketAddr> {
        let mut direct: Vec<&Path> =
            self.paths.iter().filter(|path| !is_relayed(path.address)).collect();
        direct.retain(|path| path.answered || path.listed);
        direct.sort_by_key(|path| !path.answered);
        direct.into_iter().map(|path| path.address).collect()
    }

    /// When the next probe is due.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.paths.iter().filter(|path| path.may_be_probed()).map(|path| path.next).min()
    }

    /// Sends what is due.
    pub(super) fn probe(
        &mut self,
        now: Instant,
        tag: [u8; 8],
        keys: &ProbeKeys,
        shared: &mut Shared,
    ) {
        for path in &mut self.paths {
            if path.may_be_probed() && path.next <= now {
                shared.send(path.address, keys.seal(ProbeKind::Request, tag, path.nonce));
                path.note_sent(now);
            }
        }
    }

    /// Takes so many probes from what may be sent to an address; `None` when there are not as many
    /// left, or it is not listed.
    pub(super) fn charge(&mut self, address: SocketAddr, probes: u32) -> Option<SocketAddr> {
        let address = candidates::usable(address)?;
        let path = self.find_mut(address)?;
        path.budget = path.budget.checked_sub(probes)?;
        path.sent = path.sent.saturating_add(probes);
        Some(address)
    }

    fn find_mut(&mut self, address: SocketAddr) -> Option<&mut Path> {
        self.paths.iter_mut().find(|path| path.address == address)
    }

    fn add(
        &mut self,
        now: Instant,
        address: SocketAddr,
        budget: u32,
        shared: &mut Shared,
    ) -> &mut Path {
        let nonce = shared.draw();
        self.paths.push(Path {
            address,
            nonce,
            budget,
            sent: 0,
            burst: 0,
            last: None,
            next: now,
            listed: false,
            probed: false,
            answered: false,
        });
        self.paths.last_mut().expect("one was just added")
    }
}

/// The address in its one spelling, if a probe of the peer may have come from it.
fn spelled(address: SocketAddr) -> Option<SocketAddr> {
    if is_relayed(address) { Some(address) } else { candidates::usable(address) }
}

impl Path {
    /// A path that works is probed on, at ease: each probe lets the other side, whose answers
    /// may all have been lost, send more of its own.
    const fn may_be_probed(&self) -> bool {
        self.answered || self.budget > 0
    }

    /// The shortest time between two probes: ever longer for a path that does not answer. Two
    /// NATs that give every destination a new port let probes pass and never an answer.
    const fn pause(&self) -> Duration {
        match self.sent {
            0..10 => QUICK,
            10..20 => STEADY,
            _ => Duration::from_millis(500),
        }
    }

    fn note_sent(&mut self, now: Instant) {
        self.budget = self.budget.saturating_sub(1);
        self.sent = self.sent.saturating_add(1);
        self.last = Some(now);
        self.burst = self.burst.saturating_add(1);
        self.next = now
            + match self.burst {
                _ if self.answered => STEADY,
                0..QUICK_PROBES => self.pause(),
                slow => QUICK * 10 * (slow - QUICK_PROBES + 1).min(5),
            };
    }
}
