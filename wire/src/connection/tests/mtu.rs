//! Paths that take larger datagrams than others, or suddenly no more.

use std::cell::Cell;
use std::rc::Rc;

use super::*;

fn path(mtu: usize) -> Link {
    Link { mtu, bottleneck: Some((12_500_000, 1_250_000)), ..Link::clean(ms(10)) }
}

fn datagram(pair: &Pair) -> usize {
    pair.sides[A].stats().datagram
}

/// The largest datagram that A will have sent.
fn watch_largest(pair: &mut Pair) -> Rc<Cell<usize>> {
    let largest = Rc::new(Cell::new(0));
    let seen = Rc::clone(&largest);
    pair.tamper = Box::new(move |datagram| {
        if datagram.to == B {
            seen.set(seen.get().max(datagram.bytes.len() + 4));
        }
        Some(datagram)
    });
    largest
}

/// Whether a datagram carries PING and nothing else.
fn is_probe(datagram: &Datagram) -> bool {
    let mut bytes = datagram.bytes.clone();
    let (header, sealed) = bytes.split_at_mut(16);
    let number = u64::from_be_bytes(header[8..].try_into().unwrap());
    let plain = keys(0, datagram.to).open(number, header, sealed).unwrap();
    plain[0] == 1 && plain[1..].iter().all(|byte| *byte == 0)
}

/// [W-43] [W-44]: what a path takes is found, whatever it is.
#[test]
fn a_transfer_finds_what_the_path_takes() {
    for (mtu, found) in [
        (1200, 1200..=1200),
        (1300, 1281..=1300),
        (1452, 1452..=1452),
        (1464, 1452..=1464),
        (1472, 1472..=1472),
        (4000, 3981..=4000),
        (8972, 8972..=8972),
        (30_000, 29_981..=30_000),
        (65_507, 65_507..=65_507),
    ] {
        let mut pair = Pair::new(path(mtu));
        pair.transfer(32 << 20, secs(30));
        assert!(found.contains(&datagram(&pair)), "{mtu}: {}", datagram(&pair));
        pair.settle();
    }
}

/// [W-44]: within five round trips of the first word, and without any data.
#[test]
fn the_usual_size_is_found_at_once_and_a_larger_one_is_not_looked_for_in_vain() {
    let mut pair = Pair::new(path(65_507));
    let largest = watch_largest(&mut pair);
    pair.run_for(ms(5 * 20 + 2 * 25));
    assert_eq!(datagram(&pair), 1472);
    pair.run_for(secs(3600));
    assert_eq!(largest.get(), 1472, "nobody needs more");
    pair.transfer(1 << 20, secs(2));
    assert_eq!(datagram(&pair), 65_507);
}

#[test]
fn neither_this_sides_limit_nor_the_other_sides_is_exceeded() {
    let limited = TransportConfig { max_datagram: 1460, ..TransportConfig::default() };
    for (own, others) in
        [(&limited, TransportConfig::default().max_datagram), (&TransportConfig::default(), 1460)]
    {
        let mut pair = Pair::new(path(65_507));
        let mut facts = established(A, own);
        facts.peer.max_datagram = others;
        pair.sides[A] = Connection::new(pair.now, own, facts);
        let largest = watch_largest(&mut pair);
        pair.transfer(8 << 20, secs(10));
        assert_eq!((datagram(&pair), largest.get()), (1452, 1452));
    }
}

/// [W-44]: a lost probe is no loss.
#[test]
fn lost_probes_change_neither_the_window_nor_the_counts_of_losses() {
    let mut pair = Pair::new(Link { mtu: 1200, ..Link::clean(ms(10)) });
    let largest = watch_largest(&mut pair);
    let id = pair.send_file(A, Class::Bulk, 4 << 20);
    let mut window = 0;
    while !pair.apps[B].ended.contains(&id) {
        assert!(pair.step(pair.now + secs(1)));
        let stats = pair.sides[A].stats();
        assert!(stats.congestion_window >= window, "{stats:?}");
        window = stats.congestion_window;
    }
    pair.settle();
    let stats = pair.sides[A].stats();
    assert!(largest.get() > 1200, "probes were sent");
    assert_eq!((stats.datagrams_lost, stats.spurious_losses), (0, 0));
    assert_eq!(stats.retransmitted_bytes, 0);
}

/// [W-45]: large datagrams vanish in the middle of a transfer: it goes on, with what still passes.
#[test]
fn a_black_hole_is_noticed_and_the_transfer_goes_on() {
    for (before, after) in [(1472, 1200), (8972, 1472), (65_507, 1472), (8972, 1300)] {
        let mut pair = Pair::new(path(before));
        let id = pair.send_file(A, Class::Bulk, 64 << 20);
        pair.run_for(secs(1));
        assert_eq!(datagram(&pair), before);
        pair.link.mtu = after;
        let (told, read) = (pair.now, pair.apps[B].read[&id]);
        while pair.apps[B].read[&id] < read + (1 << 20) {
            assert!(pair.step(told + secs(10)));
        }
        assert!(pair.now - told < secs(1), "{before} to {after}: {:?}", pair.now - told);
        pair.run_until_read(B, id, secs(30));
        assert!((after - 19..=after).contains(&datagram(&pair)), "{}", datagram(&pair));
        pair.settle();
    }
}

/// [W-45]: the interface's own MTU shrinks in the middle of a transfer. What was given to it is lost,
/// and nothing more that is too large, but for a probe of each size.
#[test]
fn what_the_interface_refuses_is_not_sent_again() {
    for (before, after) in [(1472, 1200), (8972, 1472), (65_507, 1472), (8972, 1300)] {
        let mut pair = Pair::new(path(before));
        let id = pair.send_file(A, Class::Bulk, 64 << 20);
        pair.run_for(secs(1));
        assert_eq!(datagram(&pair), before);
        pair.interface = after;
        let read = pair.apps[B].read[&id];
        while datagram(&pair) == before {
            assert!(pair.step(pair.now + ms(20)));
        }
        assert_eq!(datagram(&pair), 1200, "with the first that was refused");
        let told = pair.now;
        while pair.apps[B].read[&id] < read + (1 << 20) {
            assert!(pair.step(told + secs(10)));
        }
        assert!(pair.now - told < ms(300), "{before} to {after}: {:?}", pair.now - told);
        pair.run_until_read(B, id, secs(30));
        assert!((after - 19..=after).contains(&datagram(&pair)), "{}", datagram(&pair));
        pair.settle();
    }
}

/// [W-44]: a probe that the interface refuses has failed, once and for all.
#[test]
fn a_refused_probe_is_not_repeated() {
    let mut pair = Pair::new(path(65_507));
    pair.interface = 1472;
    pair.transfer(32 << 20, secs(30));
    assert_eq!(datagram(&pair), 1472);
    assert_eq!(pair.refused, 2, "a jumbo frame, and twenty bytes more than Ethernet takes");
    pair.settle();
}

/// [W-45]: what looks like a black hole and was chance costs one round trip or two.
#[test]
fn large_packets_that_were_lost_by_chance_are_used_again() {
    let mut pair = Pair::new(path(8972));
    let id = pair.send_file(A, Class::Bulk, 64 << 20);
    pair.run_for(secs(1));
    pair.link.mtu = 1200;
    while datagram(&pair) > 1200 {
        assert!(pair.step(pair.now + secs(1)));
    }
    pair.link.mtu = 8972;
    pair.run_for(ms(300));
    assert_eq!(datagram(&pair), 8972);
    pair.run_until_read(B, id, secs(30));
}

/// [W-45] E05: the other side acknowledges probes, and data in large datagrams never, be it that it lies or that
/// the path is so: nothing is gained, little is lost, and it is not tried over and over.
#[test]
fn probes_that_arrive_do_not_help_where_data_does_not() {
    let mut pair = Pair::new(path(65_507));
    let wasted = Rc::new(Cell::new(0));
    let count = Rc::clone(&wasted);
    pair.tamper = Box::new(move |datagram| {
        let passes = datagram.bytes.len() + 4 <= 1200 || is_probe(&datagram);
        count.set(count.get() + if passes { 0 } else { datagram.bytes.len() });
        passes.then_some(datagram)
    });
    pair.transfer(32 << 20, secs(40));
    assert!(wasted.get() > 0 && wasted.get() < 1 << 20, "{}", wasted.get());
    assert_eq!(datagram(&pair), 1200);
}

/// [W-46]
#[test]
fn a_new_path_is_searched_from_the_beginning() {
    let mut pair = Pair::new(path(8972));
    let id = pair.send_file(A, Class::Bulk, 64 << 20);
    pair.run_for(secs(1));
    assert_eq!(datagram(&pair), 8972);
    pair.addresses[B] = SocketAddr::from(([10, 0, 1, 1], 4000));
    pair.link.mtu = 1400;
    while pair.sides[A].remote_address() != pair.addresses[B] {
        assert!(pair.step(pair.now + secs(5)));
    }
    assert_eq!(datagram(&pair), 1200);
    pair.run_for(secs(3));
    assert!((1381..=1400).contains(&datagram(&pair)), "{}", datagram(&pair));
    pair.run_until_read(B, id, secs(30));
    // Only the port: the same path.
    pair.addresses[B] = SocketAddr::from(([10, 0, 1, 1], 4001));
    let found = datagram(&pair);
    let id = pair.send_file(A, Class::Bulk, 1 << 20);
    while pair.sides[A].remote_address() != pair.addresses[B] {
        assert!(pair.step(pair.now + secs(5)));
        assert_eq!(datagram(&pair), found);
    }
    pair.run_until_read(B, id, secs(30));
}

/// [W-46]: back on the path of a moment ago, its size is tried first.
#[test]
fn a_path_that_is_returned_to_has_its_size_back_at_once() {
    let mut pair = Pair::new(path(30_000));
    let id = pair.send_file(A, Class::Bulk, 64 << 20);
    pair.run_for(secs(2));
    let found = datagram(&pair);
    assert!(found > 29_000);
    let [home, away] = [pair.addresses[B], SocketAddr::from(([10, 0, 1, 1], 4000))];
    for (address, expected) in [(away, 1200), (home, found)] {
        pair.addresses[B] = address;
        // B must say something for A to notice.
        pair.send_file(B, Class::Chat, 100);
        while pair.sides[A].remote_address() != address {
            assert!(pair.step(pair.now + secs(5)));
        }
        if expected > 1200 {
            pair.run_for(ms(200));
        }
        assert_eq!(datagram(&pair), expected);
    }
    pair.run_until_read(B, id, secs(30));
}

/// [W-44]
#[test]
fn a_large_probe_is_at_most_a_quarter_of_the_window() {
    let mut pair = Pair::new(path(65_507));
    let largest = watch_largest(&mut pair);
    let id = pair.send_file(A, Class::Bulk, 16 << 20);
    let mut window = 0;
    while !pair.apps[B].ended.contains(&id) {
        assert!(pair.step(pair.now + secs(1)));
        window = window.max(pair.sides[A].stats().congestion_window);
        let probed = largest.get() as u64;
        assert!(probed <= 1472 || 4 * probed <= window, "{probed} of {window}");
    }
    assert_eq!(largest.get(), 65_507);
}

/// [W-45]: losses among large packets that arrive are ordinary losses.
#[test]
fn a_path_that_loses_some_large_packets_is_no_black_hole() {
    let mut pair = Pair::new(Link { loss: 2, ..path(1472) });
    let id = pair.send_file(A, Class::Bulk, 32 << 20);
    let (mut largest, mut falls) = (0, 0);
    while !pair.apps[B].ended.contains(&id) {
        assert!(pair.step(pair.now + secs(1)));
        falls += u32::from(datagram(&pair) < largest);
        largest = datagram(&pair);
    }
    assert_eq!((largest, falls), (1472, 0));
}

/// [W-44]: after ten minutes, a path that has become larger is used.
#[test]
fn a_larger_path_is_found_after_a_while() {
    let mut pair = Pair::new(path(1472));
    pair.transfer(8 << 20, secs(10));
    pair.link.mtu = 8972;
    pair.transfer(8 << 20, secs(10));
    assert_eq!(datagram(&pair), 1472);
    pair.run_for(secs(600));
    pair.transfer(8 << 20, secs(10));
    assert_eq!(datagram(&pair), 8972);
}
