//! Bulk data and short messages over every kind of bad link.

use sim::Impairment;
use sim::traffic::Appetite;
use wire::{Class, TransportConfig};

use crate::support::{
    Pair, burst_loss, loss, millis, percent, percentile, seconds, share_of, since,
};

const MEGABYTE: u64 = 1_000_000;

/// One large load and a few of each other class.
const MIX: [(Class, u64); 7] = [
    (Class::Bulk, MEGABYTE),
    (Class::Chat, 300),
    (Class::Control, 40),
    (Class::Chat, 0),
    (Class::Bulk, 100_000),
    (Class::Chat, 65_536),
    (Class::Control, 1),
];

fn links() -> Vec<(&'static str, Impairment)> {
    let base = Impairment { delay: millis(20), ..Impairment::default() };
    let with = |change: fn(&mut Impairment)| {
        let mut link = base.clone();
        change(&mut link);
        link
    };
    vec![
        ("clean", base.clone()),
        ("no delay", Impairment::default()),
        ("loss 2 %", with(|link| link.loss = loss(2.0))),
        ("loss 20 %", with(|link| link.loss = loss(20.0))),
        ("burst loss 5 %", with(|link| link.loss = burst_loss(5.0))),
        ("corruption 2 %", with(|link| link.corrupt = percent(2.0))),
        ("duplication 10 %", with(|link| link.duplicate = percent(10.0))),
        ("reordering 25 %", with(|link| link.reorder = percent(25.0))),
        ("jitter", with(|link| link.jitter = millis(15))),
        ("rate with a short queue", with(|link| (link.rate, link.limit) = (Some(5_000_000), 60))),
        ("rate with a long queue", with(|link| link.rate = Some(5_000_000))),
        ("smallest MTU", with(|link| link.mtu = 1200)),
        (
            "far and restless",
            with(|link| {
                (link.delay, link.jitter) = (millis(750), millis(300));
                link.duplicate = percent(10.0);
            }),
        ),
        (
            "everything",
            with(|link| {
                link.loss = loss(5.0);
                link.jitter = millis(10);
                (link.duplicate, link.reorder) = (percent(2.0), percent(2.0));
                link.corrupt = percent(1.0);
                (link.rate, link.limit) = (Some(10_000_000), 100);
            }),
        ),
    ]
}

#[test]
fn every_load_arrives_whole_and_once() {
    for (name, link) in links() {
        for number in 0..5 {
            let mut pair = Pair::new(number, &link);
            let handle = pair.connected();
            let took = pair.transfer(handle, &MIX, seconds(120));
            let stats = pair.world.machine(pair.client).endpoint.stats(handle).unwrap();
            println!(
                "{name} {number}: {took:?}, lost {}, spurious {}, again {} B",
                stats.datagrams_lost, stats.spurious_losses, stats.retransmitted_bytes
            );
            pair.assert_quiet();
            assert!(pair.world.machine(pair.client).down.is_empty(), "still connected");
        }
    }
}

#[test]
fn both_ways_at_once() {
    let link = Impairment { delay: millis(20), loss: loss(5.0), ..Impairment::default() };
    let mut pair = Pair::new(3, &link);
    let handle = pair.connected();
    pair.world.run_for(seconds(1));
    let back = *pair.world.machine(pair.server).up.keys().next().unwrap();
    pair.world.with(pair.server, |server, _| {
        for tag in 0..10 {
            server.send(back, Class::Bulk, tag, 200_000);
        }
    });
    pair.transfer(handle, &[(Class::Bulk, MEGABYTE), (Class::Bulk, MEGABYTE)], seconds(60));
    let client = pair.client;
    let done = pair.world.run_until(seconds(60), |w| w.machine(client).arrivals.len() == 10);
    assert!(done, "the server's loads arrive too");
}

#[test]
fn many_more_streams_than_may_be_open() {
    let link = Impairment { delay: millis(5), loss: loss(3.0), ..Impairment::default() };
    let mut pair = Pair::new(4, &link);
    let handle = pair.connected();
    let loads: Vec<_> = (0..1000).map(|number| (Class::Chat, number)).collect();
    pair.transfer(handle, &loads, seconds(60));
}

#[test]
fn a_clean_bottleneck_is_filled() {
    let rate = 8_000_000;
    let link =
        Impairment { delay: millis(20), rate: Some(rate), limit: 100, ..Impairment::default() };
    let mut pair = Pair::new(5, &link);
    let handle = pair.connected();
    let bytes = 8 * MEGABYTE;
    let took = pair.transfer(handle, &[(Class::Bulk, bytes)], seconds(60));
    let share = share_of(rate, bytes, took);
    assert!(share >= 80, "{share} % of the bottleneck");
}

#[test]
fn chat_stays_quick_while_a_file_goes() {
    let link =
        Impairment { delay: millis(20), rate: Some(8_000_000), limit: 60, ..Impairment::default() };
    let mut pair = Pair::new(6, &link);
    let handle = pair.connected();
    pair.world.with(pair.client, |client, _| client.send(handle, Class::Bulk, 0, 20 * MEGABYTE));
    pair.world.run_for(seconds(2));
    let mut latencies = Vec::new();
    for tag in 1..=100 {
        let start = pair.world.now();
        pair.world.with(pair.client, |client, _| client.send(handle, Class::Chat, tag, 200));
        pair.world.run_for(millis(100));
        let server = pair.world.machine(pair.server);
        let arrival = server.arrivals.iter().find(|arrival| arrival.tag == tag);
        latencies.extend(since(start, arrival.map(|arrival| arrival.at)));
    }
    assert!(latencies.len() >= 95, "{} of 100 within 100 ms", latencies.len());
    // One way 20 ms, a queue of 60 datagrams 72 ms.
    let median = percentile(latencies, 50);
    assert!(median < millis(95), "{median:?}");
    assert!(!pair.world.machine(pair.client).is_done(), "the file is still going");
}

#[test]
fn a_slow_reader_holds_the_sender_back_and_memory_down() {
    let transport = TransportConfig {
        stream_window: 64 * 1024,
        connection_window: 128 * 1024,
        send_buffer: 64 * 1024,
        max_streams: 4,
        ..TransportConfig::default()
    };
    let link = Impairment { delay: millis(10), loss: loss(2.0), ..Impairment::default() };
    let mut pair = Pair::with(7, &link, &transport);
    let handle = pair.connected();
    let slow = Appetite::Slow(8 * 1024, millis(50));
    pair.world.with(pair.server, |server, now| server.set_appetite(now, slow));
    let loads = [(Class::Bulk, MEGABYTE), (Class::Bulk, MEGABYTE), (Class::Chat, 100)];
    let took = pair.transfer(handle, &loads, seconds(60));
    assert!(took >= seconds(5), "8 KiB each 50 ms: {took:?}");
}

#[test]
fn keys_are_replaced_in_the_middle_of_it() {
    let transport = TransportConfig {
        rekey_packets: 300,
        rekey_after: seconds(2),
        ..TransportConfig::default()
    };
    for (name, link) in links() {
        let mut pair = Pair::with(8, &link, &transport);
        let handle = pair.connected();
        pair.transfer(handle, &MIX, seconds(120));
        pair.world.run_for(seconds(10));
        pair.transfer(handle, &MIX, seconds(120));
        assert!(pair.world.machine(pair.client).down.is_empty(), "{name}: still connected");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let link = links().pop().unwrap().1;
    let hash = |number| {
        let mut pair = Pair::new(number, &link);
        let handle = pair.connected();
        pair.transfer(handle, &MIX, seconds(120));
        pair.world.hash()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}
