//! Renewal of keys while a connection is in use.

use super::*;
use crate::error::ProtocolError;
use crate::frame::RekeyStep;

const DATA: u8 = 8;

/// Both sides renew their keys after this many packets.
fn worlds(run: u64, packets: u64) -> World {
    let mut configs = vec![server_config(), client_config()];
    for config in &mut configs {
        config.transport.rekey_packets = packets;
    }
    World::of(run, configs)
}

/// Sends `len` bytes and gives the epochs that were seen on the wire, in order.
fn transfer(world: &mut World, from: usize, len: usize) -> Vec<u8> {
    let (a, b) = (world.connected(from).unwrap(), world.connected(1 - from).unwrap());
    let stream = world.hosts[from].endpoint.open(a, Class::Bulk).unwrap();
    let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let (mut written, mut out) = (0, Vec::new());
    let deadline = world.now + Duration::from_secs(120);
    while out.len() < len {
        written += world.hosts[from].endpoint.write(a, stream, &bytes[written..]).unwrap();
        world.drain();
        assert!(world.step(deadline), "{} of {len} at {}", out.len(), world.now);
        let _ = world.hosts[1 - from].endpoint.read(b, stream, 1 << 20, &mut out);
    }
    assert!(out == bytes, "the bytes arrive as they were");
    let mut epochs: Vec<u8> =
        world.sent_by(from, DATA).iter().map(|packet| packet.bytes[1]).collect();
    epochs.dedup();
    epochs
}

/// [W-40], [W-41]: in each pattern, from either side, keys change under the data.
#[test]
fn keys_change_under_a_transfer() {
    for identify in [Identify::Anonymous, Identify::Known] {
        for from in [CLIENT, SERVER] {
            let mut world = worlds(1, 500);
            world.connect(identify);
            assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
            let epochs = transfer(&mut world, from, 4 << 20);
            assert!(epochs.len() > 4, "{epochs:?}");
            assert!(epochs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{epochs:?}");
            assert_eq!((world.closed(SERVER), world.closed(CLIENT)), (None, None));
        }
    }
}

#[test]
fn keys_of_a_call_change_too() {
    let mut world = calls::peers(1);
    for host in &mut world.hosts {
        host.endpoint.shared.config.transport.rekey_packets = 500;
    }
    world.begin_both();
    assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
    assert!(transfer(&mut world, 1, 2 << 20).len() > 2);
}

/// C13: loss, disorder and copies of rekey messages and of the data around them.
#[test]
fn renewal_under_harm() {
    for run in 0..10 {
        let mut world = worlds(run, 300);
        world.connect(Identify::Known);
        assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
        world.weather.loss = 5;
        world.weather.duplication = 5;
        world.weather.jitter = Duration::from_millis(10);
        let epochs = transfer(&mut world, CLIENT, 1 << 20);
        assert!(epochs.len() > 2, "{epochs:?}");
        assert_eq!((world.closed(SERVER), world.closed(CLIENT)), (None, None), "run {run}");
    }
}

/// [W-42]: a message that does not fit comes from the other side itself, and ends the connection.
#[test]
fn a_renewal_that_does_not_fit_ends_the_connection() {
    let mut world = worlds(4, 1 << 20);
    world.connect(Identify::Known);
    assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
    let handle = world.connected(CLIENT).unwrap();
    let connection = world.hosts[CLIENT].endpoint.connection_mut(handle).unwrap();
    let epoch = connection.following_epoch();
    connection.send_rekey(epoch, RekeyStep::First, vec![7; 96]);
    assert!(world.run_until(Duration::from_secs(2), |w| w.closed(SERVER).is_some()).is_some());
    let broken = ConnectionError::Protocol(ProtocolError::Rekey);
    assert_eq!(world.closed(SERVER), Some(&broken));
}

/// 300 renewals: the epoch number goes round.
#[test]
fn epochs_go_round() {
    let mut world = worlds(3, 24);
    world.weather.delay = Duration::from_millis(1);
    world.connect(Identify::Known);
    assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
    let mut epochs = transfer(&mut world, CLIENT, 20 << 20);
    epochs.dedup();
    assert!(epochs.len() > 256, "{} epochs", epochs.len());
}
