//! Network address translators at the edge of a host's network, by the words of RFC 4787.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use wire::time::Instant;

/// What a mapping or a filter depends on (RFC 4787 sections 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependence {
    /// On nothing of the other side.
    EndpointIndependent,
    /// On the other side's IP address.
    AddressDependent,
    /// On the other side's IP address and port.
    AddressAndPortDependent,
}

impl Dependence {
    /// All three.
    pub const ALL: [Self; 3] =
        [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];

    /// Whether what was done with `old` counts for `new` too.
    fn same(self, old: SocketAddr, new: SocketAddr) -> bool {
        match self {
            Self::EndpointIndependent => true,
            Self::AddressDependent => old.ip() == new.ip(),
            Self::AddressAndPortDependent => old == new,
        }
    }
}

/// Whether hosts inside reach each other by their outside addresses (RFC 4787 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hairpin {
    /// They do.
    Supported,
    /// They do not.
    Dropped,
}

/// Behaviour of a [`Nat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatOptions {
    /// When the same inside address gets the same outside port.
    pub mapping: Dependence,
    /// Who outside may send to that port.
    pub filtering: Dependence,
    /// How long both last after the last datagram from inside.
    pub expiry: Duration,
    /// Whether inside reaches inside by outside addresses.
    pub hairpin: Hairpin,
}

impl Default for NatOptions {
    /// What most home routers do: one port per inside address, filtered by address and port.
    fn default() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressAndPortDependent,
            expiry: Duration::from_secs(60),
            hairpin: Hairpin::Dropped,
        }
    }
}

#[derive(Clone, Debug)]
struct Binding {
    inside: SocketAddr,
    /// The destination for which it was made.
    made_for: SocketAddr,
    port: u16,
    used: Instant,
    /// To whom it has sent, and when last.
    sent_to: BTreeMap<SocketAddr, Instant>,
}

/// A translator with one outside address.
#[derive(Clone, Debug)]
pub struct Nat {
    outside: IpAddr,
    options: NatOptions,
    bindings: Vec<Binding>,
    next_port: u16,
    /// Set once it has forgotten everything: inside ports are no longer kept outside.
    rebooted: bool,
}

impl Nat {
    /// A translator whose outside address is `outside`.
    #[must_use]
    pub fn new(outside: IpAddr, options: NatOptions) -> Self {
        Self { outside, options, bindings: Vec::new(), next_port: 20_000, rebooted: false }
    }

    /// Its outside address.
    #[must_use]
    pub fn outside(&self) -> IpAddr {
        self.outside
    }

    /// Its behaviour.
    #[must_use]
    pub fn options(&self) -> &NatOptions {
        &self.options
    }

    /// It forgets all bindings, as after a reboot: everything gets new outside ports.
    pub fn forget(&mut self) {
        self.bindings.clear();
        self.rebooted = true;
    }

    /// A datagram goes out: the address from which the outside sees it come.
    pub fn outbound(
        &mut self,
        now: Instant,
        inside: SocketAddr,
        destination: SocketAddr,
    ) -> SocketAddr {
        self.expire(now);
        let mapping = self.options.mapping;
        let known = self
            .bindings
            .iter()
            .position(|b| b.inside == inside && mapping.same(b.made_for, destination));
        let index = known.unwrap_or_else(|| {
            let port = self.free_port(inside.port());
            let sent_to = BTreeMap::new();
            self.bindings.push(Binding { inside, made_for: destination, port, used: now, sent_to });
            self.bindings.len() - 1
        });
        let binding = &mut self.bindings[index];
        binding.used = now;
        binding.sent_to.insert(destination, now);
        SocketAddr::new(self.outside, binding.port)
    }

    /// A datagram comes in: the inside address to which it goes, unless it is filtered.
    pub fn inbound(&mut self, now: Instant, port: u16, source: SocketAddr) -> Option<SocketAddr> {
        self.expire(now);
        let filtering = self.options.filtering;
        let binding = self.bindings.iter().find(|binding| binding.port == port)?;
        let wanted = binding.sent_to.keys().any(|known| filtering.same(*known, source));
        wanted.then_some(binding.inside)
    }

    fn expire(&mut self, now: Instant) {
        let expiry = self.options.expiry;
        for binding in &mut self.bindings {
            binding.sent_to.retain(|_, at| now - *at < expiry);
        }
        self.bindings.retain(|binding| now - binding.used < expiry);
    }

    /// The inside port itself where it is free, as most translators do.
    fn free_port(&mut self, wanted: u16) -> u16 {
        let taken =
            |bindings: &[Binding], port: u16| bindings.iter().any(|binding| binding.port == port);
        if !self.rebooted && !taken(&self.bindings, wanted) {
            return wanted;
        }
        loop {
            self.next_port = self.next_port.checked_add(1).unwrap_or(20_000);
            if !taken(&self.bindings, self.next_port) {
                return self.next_port;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

    const NOW: Instant = Instant::ZERO;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn nat(mapping: Dependence, filtering: Dependence) -> Nat {
        let outside = "203.0.113.1".parse().unwrap();
        Nat::new(outside, NatOptions { mapping, filtering, ..NatOptions::default() })
    }

    #[test]
    fn mappings_depend_on_what_they_say() {
        let inside = address("192.168.0.2:6000");
        let first = address("198.51.100.1:5000");
        let other_port = address("198.51.100.1:5001");
        let other_host = address("198.51.100.2:5000");
        for (mapping, ports) in [
            (EndpointIndependent, [6000, 6000, 6000]),
            (AddressDependent, [6000, 6000, 20_001]),
            (AddressAndPortDependent, [6000, 20_001, 20_002]),
        ] {
            let mut nat = nat(mapping, EndpointIndependent);
            let seen =
                [first, other_port, other_host].map(|to| nat.outbound(NOW, inside, to).port());
            assert_eq!(seen, ports, "{mapping:?}");
            assert_eq!(nat.outbound(NOW, inside, first).port(), 6000, "{mapping:?} is stable");
        }
    }

    #[test]
    fn filters_depend_on_what_they_say() {
        let inside = address("192.168.0.2:6000");
        let first = address("198.51.100.1:5000");
        let other_port = address("198.51.100.1:5001");
        let other_host = address("198.51.100.2:5000");
        for (filtering, passes) in [
            (EndpointIndependent, [true, true, true]),
            (AddressDependent, [true, true, false]),
            (AddressAndPortDependent, [true, false, false]),
        ] {
            let mut nat = nat(EndpointIndependent, filtering);
            assert_eq!(nat.inbound(NOW, 6000, first), None, "nothing was sent yet");
            nat.outbound(NOW, inside, first);
            let seen = [first, other_port, other_host]
                .map(|from| nat.inbound(NOW, 6000, from) == Some(inside));
            assert_eq!(seen, passes, "{filtering:?}");
        }
    }

    #[test]
    fn bindings_expire_unless_used_and_vanish_on_reboot() {
        let (inside, remote) = (address("192.168.0.2:6000"), address("198.51.100.1:5000"));
        let mut nat = nat(EndpointIndependent, EndpointIndependent);
        let second = Duration::from_secs(1);
        nat.outbound(NOW, inside, remote);
        nat.outbound(NOW + second * 59, inside, remote);
        assert!(nat.inbound(NOW + second * 118, 6000, remote).is_some());
        assert!(nat.inbound(NOW + second * 119, 6000, remote).is_none());
        nat.outbound(NOW + second * 120, inside, remote);
        nat.forget();
        assert_eq!(nat.outbound(NOW + second * 120, inside, remote).port(), 20_001);
    }

    #[test]
    fn two_hosts_with_the_same_port_get_different_ones() {
        let mut nat = nat(EndpointIndependent, EndpointIndependent);
        let remote = address("198.51.100.1:5000");
        let first = nat.outbound(NOW, address("192.168.0.2:6000"), remote);
        let second = nat.outbound(NOW, address("192.168.0.3:6000"), remote);
        assert_ne!(first, second);
        assert_eq!(nat.inbound(NOW, second.port(), remote), Some(address("192.168.0.3:6000")));
    }
}
