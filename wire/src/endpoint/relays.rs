//! The ways through the server: legs, and the addresses that stand for them inside an endpoint
//! (PROTOCOL.md, "Relaying").

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Relay;
use crate::node::{Ecn, Transmit};
use crate::relay::{self, HEADER_LEN, Holder, Leg, Refused};

/// Most datagrams of a burst through the server: with a header for each it still is one that a
/// socket takes.
pub(super) const MAX_BURST: usize = 15;

/// The legs of the calls and connections of an endpoint.
#[derive(Default)]
pub(super) struct Relays {
    /// Of the next that is opened: an address is never given twice.
    next: u32,
    legs: BTreeMap<SocketAddr, Entry>,
    /// The addresses of legs, by the number that the server has given to each.
    places: BTreeMap<u32, SocketAddr>,
}

struct Entry {
    server: SocketAddr,
    number: u32,
    leg: Leg,
}

impl Relays {
    /// The address that stands for this leg from now on.
    pub(super) fn open(&mut self, relay: &Relay) -> SocketAddr {
        let place = relay::place(self.next);
        self.next = self.next.wrapping_add(1);
        let Relay { server, grant } = relay;
        let leg = Leg::new(grant, Holder::Client);
        self.legs.insert(place, Entry { server: *server, number: grant.leg, leg });
        self.places.insert(grant.leg, place);
        place
    }

    pub(super) fn close(&mut self, place: SocketAddr) {
        let Some(entry) = self.legs.remove(&place) else { return };
        // A later leg may have been given the same number.
        if self.places.get(&entry.number) == Some(&place) {
            self.places.remove(&entry.number);
        }
    }

    /// Puts headers before the datagrams in `buffer`, which were to go to such an address; `None`
    /// when there is no such leg any more.
    pub(super) fn wrap(&mut self, transmit: &Transmit, buffer: &mut Vec<u8>) -> Option<Transmit> {
        let entry = self.legs.get_mut(&transmit.destination)?;
        let datagrams = core::mem::take(buffer);
        for datagram in datagrams.chunks(transmit.segment_size.max(1)) {
            buffer.extend_from_slice(&entry.leg.seal());
            buffer.extend_from_slice(datagram);
        }
        let segment_size = transmit.segment_size + HEADER_LEN;
        // What routers mark on the way to the server ends there [W-113].
        Some(Transmit { destination: entry.server, segment_size, ecn: Ecn::NotCapable })
    }

    /// What a RELAY datagram carries, and the address that it came from; `Ok(None)` when no such
    /// leg is known.
    pub(super) fn unwrap<'a>(
        &mut self,
        datagram: &'a mut [u8],
    ) -> Result<Option<(SocketAddr, &'a mut [u8])>, Refused> {
        let number = relay::leg_of(datagram).ok_or(Refused::Malformed)?;
        let Some(place) = self.places.get(&number) else { return Ok(None) };
        let Some(entry) = self.legs.get_mut(place) else { return Ok(None) };
        Ok(Some((*place, entry.leg.open(datagram)?)))
    }

    /// How many legs there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        assert_eq!(self.legs.len(), self.places.len());
        self.legs.len()
    }
}
