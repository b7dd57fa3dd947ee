//! Datagrams from those who are not who they say.

use std::net::SocketAddr;

use sim::{Dice, Impairment};
use wire::{Class, Node};

use crate::support::{Pair, millis, seconds, seed};

/// A junk datagram: random, or of a known type with a right CRC and random contents.
fn junk(dice: &mut Dice) -> Vec<u8> {
    let len = match dice.below(4) {
        0 => 1200,
        1 => 40,
        _ => dice.index(1400) + 1,
    };
    let mut bytes = vec![0; len];
    dice.fill(&mut bytes);
    if dice.below(4) > 0 {
        bytes[0] = dice.below(12) as u8;
        // The version, so that more of the datagram is looked at.
        if let Some(version) = bytes.get_mut(1).filter(|_| dice.below(2) == 0) {
            *version = 1;
        }
        finish(&mut bytes);
    }
    bytes
}

/// Writes the CRC32 that the protocol wants at the end.
fn finish(bytes: &mut [u8]) {
    let Some(body) = bytes.len().checked_sub(4) else { return };
    let crc = crc32(&bytes[..body]);
    bytes[body..].copy_from_slice(&crc.to_be_bytes());
}

/// CRC-32 of IEEE 802.3, bit by bit: an independent opinion.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (!(crc & 1)).wrapping_add(1))
        })
    })
}

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
