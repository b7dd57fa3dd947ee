//! Addresses that change, links that vanish, servers that restart.

use sim::swarm::seed;
use sim::traffic::Traffic;
use sim::{Impairment, NatOptions, Site, World};
use wire::{Accept, Class, ConnectionError, ConnectionHandle, TransportConfig};

use crate::support::{CLIENT, Pair, loss, millis, seconds};

const MEGABYTE: u64 = 1_000_000;

fn slow() -> Impairment {
    Impairment {
        delay: millis(20),
        loss: loss(1.0),
        rate: Some(2_000_000),
        limit: 60,
        ..Impairment::default()
    }
}

/// A pair whose client stands behind a NAT.
fn behind_nat(number: u64) -> Pair {
    behind(number, NatOptions::default(), &slow())
}

fn behind(number: u64, nat: NatOptions, link: &Impairment) -> Pair {
    let mut pair = Pair::new(number, link);
    let machine = pair.world.crash(pair.client).expect("it was up");
    let nat = pair.world.network.add_nat("203.0.113.1", nat);
    pair.client = pair.world.add_host(Site::public("192.168.0.2:6000").linked(link).behind(nat));
    pair.world.boot(pair.client, machine);
    let address = pair.world.network.address(pair.server);
    pair.world.ledger.solicit(pair.client, address);
    pair
}

#[test]
fn a_rebinding_nat_each_five_seconds() {
    for number in 0..5 {
        let mut pair = behind_nat(number);
        let handle = pair.connected();
        let client = pair.client;
        pair.world.with(client, |client, _| client.send(handle, Class::Bulk, 0, 4 * MEGABYTE));
        let nat = pair.world.network.nat_of(client).unwrap();
        for _ in 0..3 {
            pair.world.run_for(seconds(5));
            pair.world.network.nat(nat).forget();
        }
        let done = pair.world.run_until(seconds(60), |world| world.machine(client).is_done());
        assert!(done, "{:?}", pair.world.machine(client).down);
        let server = pair.world.machine(pair.server);
        assert_eq!(server.arrivals.len(), 1);
        assert!(server.moves.len() >= 3, "each new path is validated: {:?}", server.moves);
        pair.assert_quiet();
    }
}

/// The connection as the server has it.
fn accepted(pair: &mut Pair) -> ConnectionHandle {
    pair.connected();
    let server = pair.server;
    let is_up = |world: &World<Traffic>| !world.machine(server).up.is_empty();
    assert!(pair.world.run_until(seconds(10), is_up), "it is connected");
    *pair.world.machine(server).up.keys().next().expect("just seen")
}

/// [W-179]: what comes to somebody behind it does not wait until he speaks himself.
#[test]
fn a_nat_that_forgets_within_seconds_is_found_out() {
    let link = Impairment { delay: millis(20), ..Impairment::default() };
    for expiry in [3, 5, 7] {
        let nat = NatOptions { expiry: seconds(expiry), ..NatOptions::default() };
        let mut pair = behind(expiry, nat, &link);
        let handle = accepted(&mut pair);
        let (server, client) = (pair.server, pair.client);
        pair.world.run_for(seconds(60));
        let mut late = Vec::new();
        for tag in 0..30 {
            pair.world.run_for(millis(5_000 + 311 * tag));
            pair.world.with(server, |server, _| server.send(handle, Class::Chat, tag, 100));
            let is_there = |world: &World<Traffic>| {
                world.machine(client).arrivals.iter().any(|arrival| arrival.tag == tag)
            };
            if !pair.world.run_until(millis(200), is_there) {
                late.push(tag);
            }
        }
        // What is learned first may be just short enough, most of the time.
        assert!(late.len() <= 2, "forgotten after {expiry} s: {late:?}");
        pair.world.run_for(seconds(10));
        assert_eq!(pair.world.machine(client).arrivals.len(), 30);
    }
}

/// [W-179]: losses on the way are no NAT.
#[test]
fn a_nat_that_keeps_for_a_minute_gets_no_more_than_it_needs() {
    let link = Impairment { delay: millis(20), loss: loss(2.0), ..Impairment::default() };
    let mut pair = behind(1, NatOptions::default(), &link);
    let handle = accepted(&mut pair);
    let (server, client) = (pair.server, pair.client);
    let sent = |pair: &Pair| {
        let traffic = pair.world.machine(server);
        traffic.endpoint.stats(handle).expect("it lives").datagrams_sent
    };
    let before = sent(&pair);
    pair.world.run_for(seconds(1_000));
    let count = sent(&pair) - before;
    // A PING or the answer to one, each 8 to 10 seconds, and what was lost once more.
    assert!((100..=140).contains(&count), "{count}");
    assert!(pair.world.machine(client).down.is_empty());
}

#[test]
fn a_new_address_each_five_seconds() {
    for number in 0..5 {
        let mut pair = Pair::new(number, &slow());
        let handle = pair.connected();
        let client = pair.client;
        pair.world.with(client, |client, _| client.send(handle, Class::Bulk, 0, 4 * MEGABYTE));
        for step in 1..=3 {
            pair.world.run_for(seconds(5));
            let address = format!("203.0.113.{}:{}", 7 + step, 6000 + step).parse().unwrap();
            pair.world.network.move_to(client, vec![address]);
        }
        let done = pair.world.run_until(seconds(60), |world| world.machine(client).is_done());
        assert!(done, "{:?}", pair.world.machine(client).down);
        assert_eq!(pair.world.machine(pair.server).arrivals.len(), 1);
    }
}

#[test]
fn both_sides_move_at_once() {
    let mut pair = Pair::new(1, &slow());
    let handle = pair.connected();
    let (server, client) = (pair.server, pair.client);
    pair.world.with(client, |client, _| client.send(handle, Class::Bulk, 0, MEGABYTE));
    pair.world.run_for(seconds(1));
    // The client hears of the server's new address from there; the server then of the client's.
    pair.world.network.move_to(server, vec!["198.51.100.2:5000".parse().unwrap()]);
    pair.world.run_for(millis(1));
    pair.world.network.move_to(client, vec!["203.0.113.8:6000".parse().unwrap()]);
    pair.world.run_for(seconds(60));
    // Nobody can know where the other went: the connection ends, in time and in peace.
    assert!(pair.world.machine(client).down.contains_key(&handle));
    pair.assert_quiet();
}

#[test]
fn a_link_that_is_away_two_seconds_in_seven() {
    for number in 0..5 {
        let mut pair = Pair::new(number, &slow());
        let handle = pair.connected();
        let client = pair.client;
        pair.world.with(client, |client, _| client.send(handle, Class::Bulk, 0, 4 * MEGABYTE));
        for _ in 0..6 {
            pair.world.run_for(seconds(5));
            pair.world.network.cut(client);
            pair.world.run_for(seconds(2));
            pair.world.network.mend(client);
        }
        let done = pair.world.run_until(seconds(60), |world| world.machine(client).is_done());
        assert!(done, "{:?}", pair.world.machine(client).down);
        assert_eq!(pair.world.machine(pair.server).arrivals.len(), 1);
    }
}

#[test]
fn a_minute_without_a_link_ends_the_connection_on_both_sides() {
    let mut pair = Pair::new(1, &slow());
    let handle = pair.connected();
    let client = pair.client;
    pair.world.with(client, |client, _| client.send(handle, Class::Bulk, 0, 4 * MEGABYTE));
    pair.world.run_for(seconds(2));
    pair.world.network.cut(client);
    pair.world.run_for(seconds(60));
    for host in [pair.server, client] {
        let down = &pair.world.machine(host).down;
        let (at, error) = down.values().next().expect("ended");
        assert_eq!(*error, ConnectionError::TimedOut);
        assert!((at.as_micros() / 1_000_000) <= 45, "{at}");
    }
    pair.assert_quiet();
    pair.world.network.mend(client);
    let handle = pair.connected();
    pair.transfer(handle, &[(Class::Bulk, MEGABYTE)], seconds(30));
}

#[test]
fn a_restarted_server_is_noticed_at_once() {
    for number in 0..20 {
        let mut pair = Pair::new(number, &slow());
        let handle = pair.connected();
        pair.transfer(handle, &[(Class::Chat, 100)], seconds(10));
        let _ = pair.world.crash(pair.server);
        pair.world.run_for(seconds(1));
        // Same key and token secret as before; nothing else survives.
        let again = Traffic::new(
            &seed(number).derive("server"),
            Accept::Anyone,
            TransportConfig::default(),
        );
        pair.world.boot(pair.server, again);
        pair.world.with(pair.client, |client, _| client.send(handle, Class::Bulk, 9, 10_000));
        let client = pair.client;
        let noticed = pair
            .world
            .run_until(seconds(5), |world| world.machine(client).down.contains_key(&handle));
        assert!(noticed, "seed {number}");
        assert_eq!(pair.world.machine(client).down[&handle].1, ConnectionError::Reset);
        pair.world.machine(client).token.expect("the server gave a token");
        let handle = pair.connected();
        pair.transfer(handle, &[(Class::Bulk, 50_000)], seconds(10));
    }
}

#[test]
fn a_close_is_told_to_the_other_side() {
    let mut pair = Pair::new(1, &slow());
    let handle = pair.connected();
    pair.transfer(handle, &[(Class::Chat, 100)], seconds(10));
    pair.world.with(pair.client, |client, now| client.close(now, handle));
    pair.world.run_for(seconds(2));
    let server = pair.world.machine(pair.server);
    let (_, error) = server.down.values().next().expect("told");
    assert!(matches!(error, ConnectionError::ClosedByPeer(reason) if reason.text == "done"));
    assert!(matches!(pair.world.machine(pair.client).down[&handle].1, ConnectionError::Closed(_)));
    pair.world.run_for(seconds(5));
    let before = pair.world.datagrams_sent(pair.client) + pair.world.datagrams_sent(pair.server);
    pair.world.run_for(seconds(60));
    let after = pair.world.datagrams_sent(pair.client) + pair.world.datagrams_sent(pair.server);
    assert_eq!(before, after, "nothing flows on a closed connection, {CLIENT}");
}

/// [W-45] [W-44] The path takes more, then less, and in the end it is Ethernet again.
#[test]
fn a_path_that_takes_larger_and_smaller_datagrams_by_turns() {
    let mut sizes = std::collections::BTreeSet::new();
    for number in 0..20 {
        let with = |mtu| Impairment {
            delay: millis(5),
            loss: loss(if number % 2 == 0 { 0.0 } else { 1.0 }),
            rate: Some(50_000_000),
            mtu,
            ..Impairment::default()
        };
        let mut pair = Pair::new(number, &with(1472));
        let (server, client) = (pair.server, pair.client);
        let handle = pair.connected();
        pair.world.with(client, |client, _| client.send(handle, Class::Bulk, 0, 20 * MEGABYTE));
        let start = usize::try_from(number).unwrap();
        for mtu in [1200, 8972, 4000, 65_507, 1452, 30_000, 1280].iter().cycle().skip(start).take(7)
        {
            for host in [server, client] {
                pair.world.network.impair(pair.world.now(), host, &with(*mtu));
            }
            pair.world.run_for(millis(600));
            sizes.insert(pair.world.machine(client).endpoint.stats(handle).unwrap().datagram);
        }
        for host in [server, client] {
            pair.world.network.impair(pair.world.now(), host, &with(1472));
        }
        let done = pair.world.run_until(seconds(60), |world| world.machine(client).is_done());
        assert!(done, "{number}: {:?}", pair.world.machine(client).down);
        let stats = pair.world.machine(client).endpoint.stats(handle).unwrap();
        assert!(stats.datagram <= 1472, "{number}: {stats:?}");
        assert_eq!(pair.world.machine(server).arrivals.len(), 1);
        pair.assert_quiet();
    }
    assert!(sizes.len() > 6, "{sizes:?}");
}
