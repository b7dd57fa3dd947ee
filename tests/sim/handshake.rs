//! Handshakes under harm, as the QUIC interop runner does it to others.

use core::time::Duration;

use sim::traffic::Traffic;
use sim::{Impairment, Loss};
use wire::{ConnectionError, Identify, Seed};

use crate::support::{Pair, burst_loss, loss, millis, percent, seconds};

const RUNS: u64 = 2000;

/// How a client goes to its server.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Not knowing its key (HELLO), not showing itself.
    Stranger,
    /// Knowing its key, not showing itself.
    Anonymous,
    /// Knowing its key, showing its own.
    Known,
}

/// How long it took to connect; `None` when ten seconds were not enough.
fn connect(number: u64, link: &Impairment, way: Way) -> Option<Duration> {
    let mut pair = Pair::new(number, link);
    let (server, client) = (pair.server, pair.client);
    let key = pair.world.machine(server).key();
    let remote = pair.world.network.address(server);
    let (key, identify) = match way {
        Way::Stranger => (None, Identify::Anonymous),
        Way::Anonymous => (Some(key), Identify::Anonymous),
        Way::Known => (Some(key), Identify::Known),
    };
    pair.world.with(client, |client, now| client.connect(now, remote, key, identify));
    let both_up = pair.world.run_until(seconds(10), |world| {
        !world.machine(client).up.is_empty() && !world.machine(server).up.is_empty()
    });
    both_up.then(|| {
        let [client, server] = [client, server]
            .map(|host| pair.world.machine(host).up.values().next().expect("up").clone());
        assert_eq!(client.handshake_hash, server.handshake_hash);
        assert_eq!(client.remote_static, Some(pair.world.machine(pair.server).key()));
        let shown = matches!(way, Way::Known).then(|| pair.world.machine(pair.client).key());
        assert_eq!(server.remote_static, shown);
        client.at.max(server.at) - wire::time::Instant::ZERO
    })
}

fn assert_connects(link: &Impairment) {
    for way in [Way::Stranger, Way::Anonymous, Way::Known] {
        let failed: Vec<u64> =
            (0..RUNS).filter(|number| connect(*number, link, way).is_none()).collect();
        assert!(
            failed.len() as u64 <= RUNS / 1000,
            "{way:?}: {} of {RUNS} did not connect in 10 s: {failed:?}",
            failed.len()
        );
    }
}

#[test]
fn a_clean_link_takes_two_round_trips_at_most() {
    let link = Impairment { delay: millis(50), ..Impairment::default() };
    for (way, trips) in [(Way::Stranger, 2), (Way::Anonymous, 2), (Way::Known, 1)] {
        let took = connect(1, &link, way).expect("connects");
        // The server is up half a trip after the client, by the client's first DATA.
        let limit = millis(100 * trips + 50 + 30);
        assert!(took <= limit, "{way:?} took {took:?}, not {limit:?}");
    }
}

#[test]
fn thirty_per_cent_loss_each_way() {
    let delay = millis(15);
    assert_connects(&Impairment { delay, loss: loss(30.0), ..Impairment::default() });
}

#[test]
fn thirty_per_cent_loss_in_bursts_each_way() {
    let delay = millis(15);
    assert_connects(&Impairment { delay, loss: burst_loss(30.0), ..Impairment::default() });
}

#[test]
fn thirty_per_cent_corruption_each_way() {
    let delay = millis(15);
    assert_connects(&Impairment { delay, corrupt: percent(30.0), ..Impairment::default() });
}

#[test]
fn a_long_way_with_loss() {
    let delay = millis(375);
    let link = Impairment { delay, loss: loss(5.0), ..Impairment::default() };
    assert_connects(&link);
}

#[test]
fn nobody_there_is_told_in_time() {
    let mut pair =
        Pair::new(1, &Impairment { loss: Loss::Random(percent(100.0)), ..Impairment::default() });
    let handle = pair.connect();
    pair.world.run_for(seconds(11));
    let down = &pair.world.machine(pair.client).down;
    assert_eq!(down[&handle].1, ConnectionError::Unreachable);
    pair.assert_quiet();
}

#[test]
fn the_wrong_server_key_is_refused() {
    let mut pair = Pair::new(1, &Impairment::default());
    let wrong = Traffic::key_of(&Seed::new([9; 32])).public();
    let remote = pair.world.network.address(pair.server);
    pair.world
        .with(pair.client, |client, now| client.connect(now, remote, Some(wrong), Identify::Known));
    pair.world.run_for(seconds(11));
    assert!(pair.world.machine(pair.client).up.is_empty());
    assert!(pair.world.machine(pair.server).up.is_empty());
    assert_eq!(pair.world.machine(pair.client).down.len(), 1);
}
