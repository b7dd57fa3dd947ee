//! Hole punching through every pair of NATs, held against the oracle.

use sim::swarm::seed;
use sim::traffic::Traffic;
use sim::{Dependence, HostId, Impairment, NatOptions, Site, World, WorldOptions};
use wire::{Accept, Call, CallTag, Class, Secret, Side, TransportConfig};

use crate::support::{SERVER, loss, millis, seconds};

struct Trio {
    world: World<Traffic>,
    server: HostId,
    peers: [HostId; 2],
}

/// A server and two peers, each behind its own NAT, in home networks with equal addresses.
fn trio(number: u64, link: &Impairment, nats: [NatOptions; 2]) -> Trio {
    let seed = seed(number);
    let mut world = World::new(&seed, WorldOptions::default(), None);
    let server = world.add_host(Site::public(SERVER));
    let mut index = 0;
    let peers = nats.map(|options| {
        index += 1;
        let nat = world.network.add_nat(&format!("203.0.113.{index}"), options);
        let site = Site::public(&format!("192.168.0.2:{}", 6000 + index));
        let host = world.add_host(site.linked(link).behind(nat));
        let program = seed.derive(&format!("peer {index}"));
        world.boot(host, Traffic::new(&program, Accept::Announced, TransportConfig::default()));
        host
    });
    Trio { world, server, peers }
}

/// Introduces the peers to each other as the server would; says whether they are connected
/// within `limit`.
fn introduce(trio: &mut Trio, limit: core::time::Duration) -> bool {
    let now = trio.world.now();
    let [a, b] = trio.peers;
    // What the server sees, then what the peer knows of itself.
    let candidates = [b, a].map(|other| {
        let observed = trio.world.network.observed(now, other, trio.server);
        observed.into_iter().chain([trio.world.network.address(other)]).collect::<Vec<_>>()
    });
    let keys = [b, a].map(|other| trio.world.machine(other).key());
    for (index, side) in [(0, Side::Initiator), (1, Side::Responder)] {
        let call = Call {
            tag: CallTag([7; 8]),
            side,
            secret: Secret::new([8; 32]),
            remote_static: keys[index],
            prologue: b"a call".to_vec(),
            candidates: candidates[index].clone(),
            observed: candidates[index].first().copied(),
            relay: None,
        };
        trio.world.with(trio.peers[index], |peer, now| peer.call(now, call));
        // The server's notices do not arrive at the same moment.
        trio.world.run_for(millis(70));
    }
    trio.world
        .run_until(limit, |world| [a, b].iter().all(|host| !world.machine(*host).up.is_empty()))
}

fn all_kinds() -> Vec<NatOptions> {
    let pairs = Dependence::ALL.iter().flat_map(|m| Dependence::ALL.iter().map(|f| (*m, *f)));
    pairs
        .map(|(mapping, filtering)| NatOptions { mapping, filtering, ..NatOptions::default() })
        .collect()
}

#[test]
fn peers_connect_exactly_where_the_oracle_says_they_can() {
    let link = Impairment { delay: millis(20), ..Impairment::default() };
    let mut possible = 0;
    for (i, first) in all_kinds().into_iter().enumerate() {
        for (j, second) in all_kinds().into_iter().enumerate() {
            let number = u64::try_from(i * 9 + j).unwrap();
            let mut trio = trio(number, &link, [first.clone(), second.clone()]);
            let [a, b] = trio.peers;
            let now = trio.world.now();
            let expected = trio.world.network.direct_path_possible(now, a, b, trio.server);
            let connected = introduce(&mut trio, seconds(10));
            assert_eq!(connected, expected, "{first:?} and {second:?}");
            possible += u32::from(expected);
        }
    }
    assert!((40..81).contains(&possible), "the oracle says yes and no: {possible}");
}

#[test]
fn a_punched_path_carries_a_file_and_outlives_idleness() {
    let link = Impairment { delay: millis(20), loss: loss(5.0), ..Impairment::default() };
    let nat = NatOptions { expiry: seconds(30), ..NatOptions::default() };
    for number in 0..5 {
        let mut trio = trio(number, &link, [nat.clone(), nat.clone()]);
        assert!(introduce(&mut trio, seconds(10)), "seed {number}");
        let [a, b] = trio.peers;
        let handle = *trio.world.machine(a).up.keys().next().unwrap();
        trio.world.with(a, |peer, _| peer.send(handle, Class::Bulk, 1, 500_000));
        let arrived =
            trio.world.run_until(seconds(30), |world| world.machine(b).arrivals.len() == 1);
        assert!(arrived, "seed {number}");
        trio.world.run_for(seconds(120));
        trio.world.with(a, |peer, _| peer.send(handle, Class::Chat, 2, 10));
        let arrived =
            trio.world.run_until(seconds(5), |world| world.machine(b).arrivals.len() == 2);
        assert!(arrived, "seed {number}: the binding was kept alive");
    }
}

#[test]
fn a_peer_that_never_comes_is_given_up() {
    let link = Impairment { delay: millis(20), ..Impairment::default() };
    let mut trio = trio(1, &link, [NatOptions::default(), NatOptions::default()]);
    let _ = trio.world.crash(trio.peers[1]);
    let remote_static = Traffic::key_of(&seed(77)).public();
    let candidates =
        (1..=20).map(|host| format!("203.0.113.{}:6000", 100 + host).parse().unwrap()).collect();
    let call = Call {
        tag: CallTag([7; 8]),
        side: Side::Initiator,
        secret: Secret::new([8; 32]),
        remote_static,
        prologue: Vec::new(),
        candidates,
        observed: None,
        relay: None,
    };
    let caller = trio.peers[0];
    trio.world.with(caller, |peer, now| peer.call(now, call));
    trio.world.run_for(seconds(30));
    assert_eq!(trio.world.machine(caller).down.len(), 1, "told that nobody came");
    // At most eight candidates, at most ten probes each.
    assert!(trio.world.datagrams_sent(caller) <= 80);
}
