//! Introductions: what two peers need to reach each other, made up here and told to both.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rand_core::RngCore;
use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::name::Name;
use wire::app::server::{Introduction, MAX_CANDIDATES};
use wire::time::{Duration, Instant};
use wire::{CallTag, ConnectionHandle, Secret};

use crate::limits::{Limiter, Rate};

/// Two who ask for each other within this time are introduced once.
const MERGE_WITHIN: Duration = Duration::from_secs(2);
/// Most introductions remembered for merging.
const MAX_RECENT: usize = 16_384;
/// Most callers whose rate is remembered.
const MAX_CALLERS: usize = 65_536;

/// One side of an introduction.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) session: ConnectionHandle,
    pub(crate) name: Name,
    pub(crate) identity: IdentityKey,
    pub(crate) certificate: DeviceCertificate,
    /// As the server sees it.
    pub(crate) observed: SocketAddr,
    /// As the client reports it, filtered by [`acceptable`].
    pub(crate) reported: Vec<SocketAddr>,
}

/// Which introductions were made lately, and how many by whom.
#[derive(Debug)]
pub(crate) struct Introductions {
    callers: Limiter<Name>,
    recent: BTreeMap<(ConnectionHandle, ConnectionHandle), Instant>,
}

impl Introductions {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { callers: Limiter::new(rate, MAX_CALLERS), recent: BTreeMap::new() }
    }

    /// Counts a request; `Err` says how long to wait.
    pub(crate) fn allow(&mut self, now: Instant, caller: &Name) -> Result<(), Duration> {
        self.callers.take(now, caller)
    }

    /// What to tell the caller and the other side; `None` when these two sessions have just been
    /// introduced: both know already.
    pub(crate) fn introduce(
        &mut self,
        now: Instant,
        rng: &mut impl RngCore,
        caller: &Party,
        other: &Party,
    ) -> Option<(Introduction, Introduction)> {
        let pair = (caller.session.min(other.session), caller.session.max(other.session));
        let made = self.recent.get(&pair);
        if made.is_some_and(|at| now.saturating_since(*at) < MERGE_WITHIN) {
            return None;
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.retain(|_, at| now.saturating_since(*at) < MERGE_WITHIN);
        }
        // When even so many are fresh, this one is merely not merged.
        if self.recent.len() < MAX_RECENT {
            self.recent.insert(pair, now);
        }
        let mut tag = [0; 8];
        let mut call_id = [0; 16];
        let mut secret = [0; 32];
        rng.fill_bytes(&mut tag);
        rng.fill_bytes(&mut call_id);
        rng.fill_bytes(&mut secret);
        let told = |about: &Party, to: &Party, initiator| Introduction {
            name: about.name.clone(),
            identity: about.identity,
            certificate: about.certificate,
            tag: CallTag(tag),
            call_id,
            secret: Secret::new(secret),
            initiator,
            candidates: candidates(about, to),
            relay: None,
        };
        Some((told(other, caller, true), told(caller, other, false)))
    }
}

/// Where `about` may be reached by `to`: what the server sees first, then what he reports, even if it is the
/// same: whether it is says whether a NAT is between. Addresses of the machine itself are of use only to
/// somebody on the same machine.
fn candidates(about: &Party, to: &Party) -> Vec<SocketAddr> {
    let same_machine = about.observed.ip().is_loopback() && to.observed.ip().is_loopback();
    let mut list = vec![canonical(about.observed)];
    for candidate in &about.reported {
        if list.len() == MAX_CANDIDATES {
            break;
        }
        let useful = same_machine || !candidate.ip().is_loopback();
        if useful {
            list.push(*candidate);
        }
    }
    list
}

/// What is worth telling of the addresses that a client reports (security acceptance F01): one
/// spelling each, and no address that would make peers send to a crowd or to a known service.
pub(crate) fn acceptable(reported: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut list = Vec::new();
    for candidate in reported.iter().map(|candidate| canonical(*candidate)) {
        let ip_is_fit = match candidate.ip() {
            IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast()),
            IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast()),
        };
        let port_is_fit = !matches!(candidate.port(), 0 | 53);
        if ip_is_fit && port_is_fit && !list.contains(&candidate) && list.len() < MAX_CANDIDATES {
            list.push(candidate);
        }
    }
    list
}

/// The one spelling of an address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    /// Security acceptance F01, F02.
    #[test]
    fn candidates_that_harm_others_are_dropped() {
        let reported = addresses(&[
            "255.255.255.255:5000",
            "224.0.0.1:5000",
            "[ff02::1]:5000",
            "0.0.0.0:5000",
            "[::]:5000",
            "[::ffff:224.0.0.1]:5000",
            "192.0.2.1:0",
            "192.0.2.1:53",
            "192.0.2.1:5000",
            "[::ffff:192.0.2.1]:5000",
        ]);
        assert_eq!(acceptable(&reported), addresses(&["192.0.2.1:5000"]));
        let many: Vec<SocketAddr> =
            (1..=1000).map(|port| SocketAddr::new([192, 0, 2, 1].into(), 1000 + port)).collect();
        assert_eq!(acceptable(&many).len(), MAX_CANDIDATES);
    }
}
