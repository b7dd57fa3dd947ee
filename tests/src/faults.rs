//! What goes wrong in a swarm: links drawn from a seed, and a mix of faults that strike now and
//! then.

use core::time::Duration;
use std::net::SocketAddr;

use wire::Seed;

use crate::dice::{Dice, Probability};
use crate::link::{ETHERNET, Impairment, Loss};
use crate::nat::{Dependence, Hairpin, NatOptions};
use crate::network::{HostId, Site};
use crate::world::{Machine, World};

/// Kinds of faults. Each run has some of them and not others: a mix of everything hides what
/// only shows without the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The host's links get another behaviour.
    Impair,
    /// The host's links carry nothing for a while.
    Cut,
    /// Two hosts do not reach each other for a while.
    Separate,
    /// The host's NAT forgets everything, or a host without one gets another address.
    Move,
    /// The host crashes and comes back after a while.
    Crash,
    /// Somebody throws junk at the host from forged addresses.
    Junk,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Impair, Self::Cut, Self::Separate, Self::Move, Self::Crash, Self::Junk];
}

/// The faults of one run.
#[derive(Debug)]
pub struct Faults {
    dice: Dice,
    enabled: Vec<Fault>,
    moves: u8,
}

impl Faults {
    /// A mix drawn from the seed, of these kinds at most.
    #[must_use]
    pub fn new(seed: &Seed, kinds: &[Fault]) -> Self {
        let mut dice = Dice::new(seed, "faults");
        let half = Probability::percent(50.0);
        let enabled = kinds.iter().copied().filter(|_| dice.chance(half)).collect();
        Self { dice, enabled, moves: 0 }
    }

    /// The kinds that this run has.
    #[must_use]
    pub fn enabled(&self) -> &[Fault] {
        &self.enabled
    }

    /// How long until the next fault.
    pub fn pause(&mut self) -> Duration {
        self.dice.duration(Duration::from_millis(100), Duration::from_secs(4))
    }

    /// A fault strikes one of the hosts. The network's faults happen here; a crash is returned
    /// for the scenario to bring about.
    pub fn strike<M: Machine>(&mut self, world: &mut World<M>, hosts: &[HostId]) -> Option<HostId> {
        if self.enabled.is_empty() {
            return None;
        }
        let fault = *self.dice.pick(&self.enabled);
        let host = *self.dice.pick(hosts);
        world.note(&format!("{fault:?} strikes host {}", host.0));
        match fault {
            Fault::Impair => {
                let link = any_link(&mut self.dice);
                world.network.impair(world.now(), host, &link);
            }
            Fault::Cut => world.network.cut(host),
            Fault::Separate => {
                let other = *self.dice.pick(hosts);
                world.network.separate(host, other);
            }
            Fault::Move => self.relocate(world, host),
            Fault::Crash => return Some(host),
            Fault::Junk => self.throw_junk(world, host, hosts),
        }
        None
    }

    /// Undoes cuts and separations, which do not last.
    pub fn mend<M: Machine>(&mut self, world: &mut World<M>, hosts: &[HostId]) {
        world.network.reunite_all();
        for host in hosts {
            world.network.mend(*host);
        }
    }

    /// No more faults: all links are decent again.
    pub fn end<M: Machine>(&mut self, world: &mut World<M>, hosts: &[HostId]) {
        world.note("the faults end");
        self.mend(world, hosts);
        for host in hosts {
            let link = decent_link(&mut self.dice);
            world.network.impair(world.now(), *host, &link);
        }
    }

    fn relocate<M: Machine>(&mut self, world: &mut World<M>, host: HostId) {
        // The first host is the server: it stays where its name leads.
        if host.0 == 0 {
            return;
        }
        self.moves = self.moves.wrapping_add(1);
        let octet = u8::try_from(host.0).expect("few hosts");
        let (nat, moves) = (world.network.nat_of(host), self.moves);
        if let Some(nat) = nat {
            world.network.nat(nat).forget();
        }
        let elsewhere = |address: &SocketAddr| match (address, nat) {
            (SocketAddr::V4(_), Some(_)) => *address,
            (SocketAddr::V4(_), None) => ([100, 64 + octet, moves, 9], 6000).into(),
            (SocketAddr::V6(_), _) => {
                let (host, moves) = (u16::from(octet), u16::from(moves));
                ([0x2001, 0xdb8, host, moves, 0, 0, 0, 9], 6000).into()
            }
        };
        let addresses = world.network.addresses(host).iter().map(elsewhere).collect();
        world.network.move_to(host, addresses);
    }

    fn throw_junk<M: Machine>(&mut self, world: &mut World<M>, host: HostId, hosts: &[HostId]) {
        let target = world.network.address(host);
        for _ in 0..self.dice.between(1, 50) {
            let known = world.network.address(*self.dice.pick(hosts));
            let stranger = SocketAddr::from(([10, 9, 8, 7], 1000));
            let source = *self.dice.pick(&[known, stranger]);
            let bytes = junk(&mut self.dice);
            world.forge(source, target, bytes);
        }
    }
}

/// A junk datagram: random, or of a known type with a right CRC and random contents.
pub fn junk(dice: &mut Dice) -> Vec<u8> {
    let len = match dice.below(4) {
        0 => 1200,
        1 => 40,
        _ => dice.index(1400) + 1,
    };
    let mut bytes = vec![0; len];
    dice.fill(&mut bytes);
    if dice.below(4) > 0 {
        bytes[0] = u8::try_from(dice.below(12)).expect("below 12");
        // The version, so that more of the datagram is looked at.
        if let Some(version) = bytes.get_mut(1).filter(|_| dice.below(2) == 0) {
            *version = 1;
        }
        if let Some((body, crc)) = bytes.split_last_chunk_mut::<4>() {
            *crc = crc32(body).to_be_bytes();
        }
    }
    bytes
}

/// CRC-32 of IEEE 802.3, bit by bit: an independent opinion on what the protocol computes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let mask = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            (crc >> 1) ^ mask
        })
    })
}

/// A link on which things go well. What takes larger datagrams than Ethernet is fast.
pub fn decent_link(dice: &mut Dice) -> Impairment {
    let rate = *dice.pick(&[None, Some(20_000_000)]);
    let large = *dice.pick(&[ETHERNET, 8972, 65_507]);
    Impairment {
        delay: dice.duration(Duration::ZERO, Duration::from_millis(50)),
        loss: Loss::Random(*dice.pick(&[Probability::NEVER, Probability::percent(1.0)])),
        rate,
        mtu: if rate.is_none() { large } else { ETHERNET },
        ..Impairment::default()
    }
}

/// A link that may have any number of vices, of which each run has few.
pub fn any_link(dice: &mut Dice) -> Impairment {
    let vice = Probability::percent(30.0);
    let mut link = decent_link(dice);
    if dice.chance(vice) {
        let share = dice.between(1, 30);
        link.loss = Loss::Random(Probability::percent(share as f64));
    } else if dice.chance(vice) {
        link.loss = Loss::Burst {
            to_bad: Probability::percent(2.0),
            to_good: Probability::percent(20.0),
            in_bad: Probability::percent(90.0),
            in_good: Probability::percent(0.2),
        };
    }
    if dice.chance(vice) {
        link.jitter = dice.duration(Duration::ZERO, link.delay);
    }
    if dice.chance(vice) {
        link.duplicate = Probability::percent(10.0);
    }
    if dice.chance(vice) {
        link.reorder = Probability::percent(10.0);
    }
    if dice.chance(vice) {
        link.corrupt = Probability::percent(dice.between(1, 30) as f64);
    }
    if dice.chance(vice) {
        link.rate = Some(dice.between(300_000, 10_000_000));
        link.limit = dice.index(200) + 10;
        link.mtu = ETHERNET;
    }
    if dice.chance(vice) {
        link.delay = dice.duration(Duration::ZERO, Duration::from_millis(400));
    }
    if dice.chance(vice) {
        link.mtu = *dice.pick(&[1200, 1280, 1452, 4000]);
    }
    link
}

/// Any kind of NAT.
pub fn any_nat(dice: &mut Dice) -> NatOptions {
    NatOptions {
        mapping: *dice.pick(&Dependence::ALL),
        filtering: *dice.pick(&Dependence::ALL),
        expiry: dice.duration(Duration::from_secs(30), Duration::from_secs(120)),
        hairpin: *dice.pick(&[Hairpin::Supported, Hairpin::Dropped]),
    }
}

/// Adds client number `number`, behind a NAT or not.
pub fn add_client<M: Machine>(world: &mut World<M>, dice: &mut Dice, number: u8) -> HostId {
    let link = any_link(dice);
    let site = any_site(world, dice, number);
    world.add_host(site.linked(&link))
}

/// The same, with IPv4, IPv6 or both.
pub fn add_client_of_any_family<M: Machine>(
    world: &mut World<M>,
    dice: &mut Dice,
    number: u8,
) -> HostId {
    let link = any_link(dice);
    let ipv6 = format!("[2001:db8:{number}::1]:6000");
    let site = match dice.below(100) {
        0..60 => any_site(world, dice, number),
        60..85 => any_site(world, dice, number).and(&ipv6),
        _ => Site::public(&ipv6),
    };
    world.add_host(site.linked(&link))
}

/// Somewhere in the world of IPv4.
fn any_site<M: Machine>(world: &mut World<M>, dice: &mut Dice, number: u8) -> Site {
    if dice.chance(Probability::percent(50.0)) {
        let outside = format!("203.0.113.{number}");
        let nat = world.network.add_nat(&outside, any_nat(dice));
        Site::public("192.168.0.2:6000").behind(nat)
    } else {
        Site::public(&format!("100.64.{number}.1:6000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
