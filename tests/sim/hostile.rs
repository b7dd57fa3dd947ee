//! Datagrams from those who are not who they say.

use std::net::SocketAddr;

use sim::faults::junk;
use sim::swarm::seed;
use sim::{Dice, Impairment};
use wire::{Class, Node};

use crate::support::{Pair, millis, seconds};

#[test]
fn junk_from_everywhere_changes_nothing() {
    let link = Impairment { delay: millis(10), ..Impairment::default() };
    let mut pair = Pair::new(1, &link);
    let mut dice = Dice::new(&seed(1), "junk");
    let server: SocketAddr = pair.world.network.address(pair.server);
    let client: SocketAddr = pair.world.network.address(pair.client);
    let handle = pair.connect();
    for round in 0..3000_u32 {
        let stranger = SocketAddr::from(([10, 0, 0, dice.below(9) as u8], 1000));
        // Strangers, and each side's own correspondent forged.
        let source = *dice.pick(&[stranger, server, client]);
        let target = *dice.pick(&[server, client]);
        pair.world.forge(source, target, junk(&mut dice));
        pair.world.run_for(millis(1));
        if round == 1500 {
            assert_eq!(pair.world.machine(pair.client).up.len(), 1, "connected all the same");
        }
    }
    pair.transfer(handle, &[(Class::Bulk, 300_000)], seconds(20));
    assert_eq!(pair.world.machine(pair.server).up.len(), 1, "and nobody else is");
    let counters = pair.world.machine(pair.server).endpoint.counters();
    let dropped = counters.bad_length + counters.bad_crc + counters.unknown_type;
    assert!(dropped > 1000, "{counters:?}");
    pair.assert_quiet();
}

#[test]
fn a_flood_of_handshakes_from_forged_sources_leaves_no_state() {
    let link = Impairment { delay: millis(10), ..Impairment::default() };
    let mut pair = Pair::new(2, &link);
    let handle = pair.connected();
    // A well-formed first message, as anyone can make who knows the server's public key, sent
    // again and again from forged addresses.
    let mut init = Vec::new();
    let target = pair.world.network.address(pair.server);
    let mut forger = sim::traffic::Traffic::new(
        &seed(99),
        wire::Accept::Announced,
        wire::TransportConfig::default(),
    );
    let key = pair.world.machine(pair.server).key();
    forger.connect(pair.world.now(), target, Some(key), wire::Identify::Known);
    let _ = forger.poll_transmit(pair.world.now(), &mut init, 1).expect("an INIT");
    for number in 0..5000_u32 {
        let [a, b, c, _] = number.to_be_bytes();
        let source = SocketAddr::from(([10, a, b, c], 1000 + number as u16));
        pair.world.forge(source, target, init.clone());
        pair.world.run_for(millis(1) / 5);
    }
    pair.transfer(handle, &[(Class::Bulk, 300_000)], seconds(20));
    assert_eq!(pair.world.machine(pair.server).up.len(), 1);
    pair.assert_quiet();
}
