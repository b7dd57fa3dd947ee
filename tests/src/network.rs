//! Who is where: hosts with their addresses and access links, NATs, and a core without faults of
//! its own.
//!
//! A datagram goes up its host's link, out through the host's NAT if it has one, across, in
//! through the other side's NAT, and down the other host's link.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use wire::time::Instant;
use wire::{Ecn, Seed};

use crate::dice::Dice;
use crate::link::{Delivery, Impairment, Link};
use crate::nat::{Hairpin, Nat, NatOptions};

/// One host of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

/// One NAT of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NatId(usize);

/// Where a host stands.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its addresses, at most one of each family. Behind a NAT the one of IPv4 is an inside
    /// address; those of IPv6 are public everywhere.
    pub addresses: Vec<SocketAddr>,
    /// The NAT before it, if any.
    pub nat: Option<NatId>,
    /// The link from it.
    pub up: Impairment,
    /// The link to it.
    pub down: Impairment,
}

impl Site {
    /// A host with one public address and perfect links.
    ///
    /// # Panics
    /// When the text is no address.
    #[must_use]
    pub fn public(address: &str) -> Self {
        let address = address.parse().expect("an address of a scenario");
        let (up, down) = (Impairment::default(), Impairment::default());
        Self { addresses: vec![address], nat: None, up, down }
    }

    /// The same with another address, of the other family.
    ///
    /// # Panics
    /// When the text is no address.
    #[must_use]
    pub fn and(mut self, address: &str) -> Self {
        self.addresses.push(address.parse().expect("an address of a scenario"));
        self
    }

    /// The same with this impairment in each direction.
    #[must_use]
    pub fn linked(self, both: &Impairment) -> Self {
        Self { up: both.clone(), down: both.clone(), ..self }
    }

    /// The same behind a NAT.
    #[must_use]
    pub fn behind(self, nat: NatId) -> Self {
        Self { nat: Some(nat), ..self }
    }
}

/// Where a datagram truly comes from, whatever its header says.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The host that sent it; `None` for a forged one.
    pub host: Option<HostId>,
    /// When.
    pub sent: Instant,
    /// The destination that its sender wrote.
    pub addressed: SocketAddr,
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The source address in its header.
    pub source: SocketAddr,
    /// The destination address in its header.
    pub destination: SocketAddr,
    /// Its ECN bits.
    pub ecn: Ecn,
    /// Its payload.
    pub bytes: Vec<u8>,
    /// Where it truly comes from.
    pub origin: Origin,
}

#[derive(Clone, Debug)]
struct Attached {
    addresses: Vec<SocketAddr>,
    nat: Option<NatId>,
    up: Link,
    down: Link,
}

/// Hosts, NATs and links.
#[derive(Clone, Debug)]
pub struct Network {
    seed: Seed,
    hosts: Vec<Attached>,
    nats: Vec<Nat>,
    /// Pairs between which nothing passes, in both orders.
    separated: BTreeSet<(HostId, HostId)>,
    deliveries: Vec<Delivery>,
}

impl Network {
    /// An empty network.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        let (hosts, nats) = (Vec::new(), Vec::new());
        Self { seed, hosts, nats, separated: BTreeSet::new(), deliveries: Vec::new() }
    }

    /// Adds a NAT with this outside address.
    ///
    /// # Panics
    /// When the text is no IP address.
    pub fn add_nat(&mut self, outside: &str, options: NatOptions) -> NatId {
        self.nats.push(Nat::new(outside.parse().expect("an address of a scenario"), options));
        NatId(self.nats.len() - 1)
    }

    /// Adds a host.
    pub fn attach(&mut self, site: Site) -> HostId {
        let id = self.hosts.len();
        let dice = |way: &str| Dice::new(&self.seed, &format!("link {id} {way}"));
        let (up, down) = (Link::new(site.up, dice("up")), Link::new(site.down, dice("down")));
        self.hosts.push(Attached { addresses: site.addresses, nat: site.nat, up, down });
        HostId(id)
    }

    /// The host's first address.
    #[must_use]
    pub fn address(&self, host: HostId) -> SocketAddr {
        self.hosts[host.0].addresses[0]
    }

    /// All addresses of the host.
    #[must_use]
    pub fn addresses(&self, host: HostId) -> &[SocketAddr] {
        &self.hosts[host.0].addresses
    }

    /// Gives the host other addresses: it roams.
    pub fn move_to(&mut self, host: HostId, addresses: Vec<SocketAddr>) {
        self.hosts[host.0].addresses = addresses;
    }

    /// The links from and to the host.
    pub fn links(&mut self, host: HostId) -> [&mut Link; 2] {
        let Attached { up, down, .. } = &mut self.hosts[host.0];
        [up, down]
    }

    /// Changes both links of the host.
    pub fn impair(&mut self, now: Instant, host: HostId, impairment: &Impairment) {
        for link in self.links(host) {
            link.set(now, impairment.clone());
        }
    }

    /// Nothing gets to or from the host any more.
    pub fn cut(&mut self, host: HostId) {
        self.links(host).into_iter().for_each(Link::cut);
    }

    /// Undoes [`Network::cut`].
    pub fn mend(&mut self, host: HostId) {
        self.links(host).into_iter().for_each(Link::mend);
    }

    /// A NAT.
    pub fn nat(&mut self, id: NatId) -> &mut Nat {
        &mut self.nats[id.0]
    }

    /// The NAT before the host.
    #[must_use]
    pub fn nat_of(&self, host: HostId) -> Option<NatId> {
        self.hosts[host.0].nat
    }

    /// Nothing passes between these two any more.
    pub fn separate(&mut self, a: HostId, b: HostId) {
        self.separated.extend([(a, b), (b, a)]);
    }

    /// What [`Self::separate`] did is over.
    pub fn join(&mut self, a: HostId, b: HostId) {
        self.separated.retain(|pair| *pair != (a, b) && *pair != (b, a));
    }

    /// Undoes [`Network::separate`] for all pairs.
    pub fn reunite_all(&mut self) {
        self.separated.clear();
    }

    /// A host sends: appends what leaves its link to `out`. Nothing does when the host has no
    /// address of the destination's family.
    pub fn send(
        &mut self,
        now: Instant,
        from: HostId,
        destination: SocketAddr,
        datagram: (Ecn, &[u8]),
        out: &mut Vec<(Instant, Packet)>,
    ) {
        let Some(source) = self.source(from, destination) else { return };
        let (ecn, bytes) = datagram;
        let origin = Origin { host: Some(from), sent: now, addressed: destination };
        self.hosts[from.0].up.send(now, bytes.to_vec(), &mut self.deliveries);
        for Delivery { at, bytes } in self.deliveries.drain(..) {
            out.push((at, Packet { source, destination, ecn, bytes, origin }));
        }
    }

    /// A datagram crosses the core: appends what leaves the link to its receiver to `out`.
    pub fn route(
        &mut self,
        now: Instant,
        mut packet: Packet,
        out: &mut Vec<(Instant, HostId, Packet)>,
    ) {
        let Some(to) = self.resolve(now, &mut packet) else { return };
        let bytes = core::mem::take(&mut packet.bytes);
        self.hosts[to.0].down.send(now, bytes, &mut self.deliveries);
        for Delivery { at, bytes } in self.deliveries.drain(..) {
            out.push((at, to, Packet { bytes, ..packet.clone() }));
        }
    }

    /// The address under which `observer` sees datagrams of a host that go to its first address;
    /// sending one leaves its mark in the host's NAT, as it would.
    pub fn observed(&mut self, now: Instant, host: HostId, observer: HostId) -> Option<SocketAddr> {
        self.carry(now, host, self.address(observer)).map(|(_, seen)| seen)
    }

    /// The oracle for hole punching: whether `a` and `b` can find a direct path when both know
    /// each other's own addresses and those that `observer` sees, probe them all, answer probes
    /// where they came from, and probe there too. As in ICE, the answer must come from where the
    /// probe went (RFC 8445 section 7.2.5.2.1). Whoever can talk to the observer by IPv4 and by
    /// IPv6 is seen by one of them: it must do with either.
    #[must_use]
    pub fn direct_path_possible(
        &self,
        now: Instant,
        a: HostId,
        b: HostId,
        observer: HostId,
    ) -> bool {
        let choices = |host| -> Vec<SocketAddr> {
            let addresses = self.addresses(observer).iter().copied();
            addresses.filter(|address| self.source(host, *address).is_some()).collect()
        };
        let (of_a, of_b) = (choices(a), choices(b));
        let mut pairs = of_a.iter().flat_map(|of_a| of_b.iter().map(move |of_b| [*of_b, *of_a]));
        !of_a.is_empty() && !of_b.is_empty() && pairs.all(|seen| self.has_path(now, [a, b], seen))
    }

    /// The same when `b` and `a` talk to the observer at these addresses.
    fn has_path(&self, now: Instant, [a, b]: [HostId; 2], observers: [SocketAddr; 2]) -> bool {
        let mut trial = self.clone();
        let mut candidates = [(b, observers[0]), (a, observers[1])].map(|(other, observer)| {
            let own = trial.hosts[other.0].addresses.clone();
            let observed = trial.carry(now, other, observer).map(|(_, seen)| seen);
            own.into_iter().chain(observed).collect::<BTreeSet<_>>()
        });
        for _ in 0..4 {
            for (from, to, own, others) in [(a, b, 0, 1), (b, a, 1, 0)] {
                for candidate in candidates[own].clone() {
                    let Some((reached, seen)) = trial.carry(now, from, candidate) else { continue };
                    if reached != to {
                        continue;
                    }
                    candidates[others].insert(seen);
                    if trial.carry(now, to, seen) == Some((from, candidate)) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Where a datagram from a host would arrive, and from which address it would seem to come.
    fn carry(
        &mut self,
        now: Instant,
        from: HostId,
        destination: SocketAddr,
    ) -> Option<(HostId, SocketAddr)> {
        let source = self.source(from, destination)?;
        let origin = Origin { host: Some(from), sent: now, addressed: destination };
        let ecn = Ecn::NotCapable;
        let mut packet = Packet { source, destination, ecn, bytes: Vec::new(), origin };
        let to = self.resolve(now, &mut packet)?;
        Some((to, packet.source))
    }

    /// The host's own address that it sends from.
    fn source(&self, from: HostId, destination: SocketAddr) -> Option<SocketAddr> {
        let family = destination.is_ipv4();
        self.hosts[from.0].addresses.iter().copied().find(|own| own.is_ipv4() == family)
    }

    /// Translates the packet's addresses on its way and finds its receiver.
    fn resolve(&mut self, now: Instant, packet: &mut Packet) -> Option<HostId> {
        let from = packet.origin.host;
        let is_ipv4 = packet.destination.is_ipv4();
        let realm = from.filter(|_| is_ipv4).and_then(|host| self.hosts[host.0].nat);
        let neighbour = realm.and_then(|_| self.find(realm, packet.destination));
        let to = match neighbour {
            Some(host) => host,
            None => self.cross(now, realm, packet)?,
        };
        let passes = from.is_none_or(|host| !self.separated.contains(&(host, to)));
        passes.then_some(to)
    }

    /// Out through the sender's NAT and in through the receiver's.
    fn cross(&mut self, now: Instant, realm: Option<NatId>, packet: &mut Packet) -> Option<HostId> {
        if let Some(NatId(nat)) = realm {
            packet.source = self.nats[nat].outbound(now, packet.source, packet.destination);
        }
        let outside = packet.destination.ip();
        let Some(nat) = self.nats.iter().position(|nat| nat.outside() == outside) else {
            return self.find(None, packet.destination);
        };
        if realm == Some(NatId(nat)) && self.nats[nat].options().hairpin == Hairpin::Dropped {
            return None;
        }
        let port = packet.destination.port();
        packet.destination = self.nats[nat].inbound(now, port, packet.source)?;
        self.find(Some(NatId(nat)), packet.destination)
    }

    fn find(&self, realm: Option<NatId>, address: SocketAddr) -> Option<HostId> {
        self.hosts
            .iter()
            .position(|host| {
                let is_near = address.is_ipv6() || host.nat == realm;
                is_near && host.addresses.contains(&address)
            })
            .map(HostId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nat::Dependence::{
        self, AddressAndPortDependent, AddressDependent, EndpointIndependent,
    };

    /// The usual names: full cone, restricted cone, port-restricted cone, symmetric.
    const FULL: [Dependence; 2] = [EndpointIndependent, EndpointIndependent];
    const RESTRICTED: [Dependence; 2] = [EndpointIndependent, AddressDependent];
    const PORT_RESTRICTED: [Dependence; 2] = [EndpointIndependent, AddressAndPortDependent];
    const SYMMETRIC: [Dependence; 2] = [AddressAndPortDependent, AddressAndPortDependent];

    fn behind_nats(nats: [[Dependence; 2]; 2]) -> (Network, [HostId; 3]) {
        let mut network = Network::new(Seed::new([5; 32]));
        let server = network.attach(Site::public("198.51.100.1:5000"));
        let [a, b] = [("203.0.113.1", nats[0]), ("203.0.113.2", nats[1])].map(
            |(outside, [mapping, filtering])| {
                let options = NatOptions { mapping, filtering, ..NatOptions::default() };
                let nat = network.add_nat(outside, options);
                // Both inside networks use the same addresses, as home networks do.
                network.attach(Site::public("192.168.0.2:6000").behind(nat))
            },
        );
        (network, [server, a, b])
    }

    #[test]
    fn the_oracle_knows_the_table_of_hole_punching() {
        // After Ford, Srisuresh, Kegel 2005, and RFC 5128.
        for (a, b, possible) in [
            (FULL, FULL, true),
            (FULL, SYMMETRIC, true),
            (RESTRICTED, SYMMETRIC, true),
            (PORT_RESTRICTED, PORT_RESTRICTED, true),
            (PORT_RESTRICTED, SYMMETRIC, false),
            (SYMMETRIC, SYMMETRIC, false),
        ] {
            for pair in [[a, b], [b, a]] {
                let (network, [server, a, b]) = behind_nats(pair);
                let answer = network.direct_path_possible(Instant::ZERO, a, b, server);
                assert_eq!(answer, possible, "{pair:?}");
            }
        }
    }

    #[test]
    fn neighbours_reach_each_other_inside() {
        let mut network = Network::new(Seed::new([5; 32]));
        let server = network.attach(Site::public("198.51.100.1:5000"));
        let nat = network.add_nat(
            "203.0.113.1",
            NatOptions { mapping: AddressAndPortDependent, ..NatOptions::default() },
        );
        let a = network.attach(Site::public("192.168.0.2:6000").behind(nat));
        let b = network.attach(Site::public("192.168.0.3:6000").behind(nat));
        assert!(network.direct_path_possible(Instant::ZERO, a, b, server));
        network.separate(a, b);
        assert!(!network.direct_path_possible(Instant::ZERO, a, b, server));
    }

    #[test]
    fn families_do_not_mix() {
        let mut network = Network::new(Seed::new([5; 32]));
        let server = network.attach(Site::public("198.51.100.1:5000"));
        let six = network.attach(Site::public("[2001:db8::1]:5000"));
        assert!(!network.direct_path_possible(Instant::ZERO, six, server, server));
    }

    #[test]
    fn ipv6_passes_by_a_nat_of_ipv4() {
        let mut network = Network::new(Seed::new([5; 32]));
        let server = network.attach(Site::public("198.51.100.1:5000").and("[2001:db8::1]:5000"));
        let [a, b, c] = ["203.0.113.1", "203.0.113.2", "203.0.113.3"].map(|outside| {
            let [mapping, filtering] = SYMMETRIC;
            let options = NatOptions { mapping, filtering, ..NatOptions::default() };
            let nat = network.add_nat(outside, options);
            let site = Site::public("192.168.0.2:6000").behind(nat);
            let six = format!("[2001:db8:{}::2]:6000", outside.len() + nat.0);
            network.attach(if nat.0 < 2 { site.and(&six) } else { site })
        });
        assert!(network.direct_path_possible(Instant::ZERO, a, b, server));
        assert!(!network.direct_path_possible(Instant::ZERO, a, c, server));
    }
}
