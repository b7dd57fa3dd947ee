//! Ways through the server: taken when there is no other, left for a direct one, come back to.

use core::cell::Cell;
use std::rc::Rc;

use super::calls::{CALLEE, CALLER, call, peers};
use super::*;
use crate::relay::{HEADER_LEN, Holder, Leg, LegGrant, is_relayed};

const RELAY: u8 = 11;

/// Which of the ways between the two carry anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    direct: bool,
    relay: bool,
}

const BOTH: Open = Open { direct: true, relay: true };
const RELAY_ONLY: Open = Open { direct: false, relay: true };
const NEITHER: Open = Open { direct: false, relay: false };

/// Two peers and a server that relays between them, and which ways are open.
fn relayed_peers(run: u64, open: Open) -> (World, Rc<Cell<Open>>) {
    let mut world = peers(run);
    world.legs = legs();
    let ways = Rc::new(Cell::new(open));
    let seen = Rc::clone(&ways);
    world.filter = Box::new(move |packet| {
        let by_server = packet.from == relay_server() || packet.to == relay_server();
        let is_open = if by_server { seen.get().relay } else { seen.get().direct };
        if is_open { Fate::Deliver } else { Fate::Drop }
    });
    for host in [CALLER, CALLEE] {
        world.begin(host, relayed_call(host));
    }
    (world, ways)
}

/// The server's ends.
fn legs() -> Vec<Leg> {
    [CALLER, CALLEE].map(|host| Leg::new(&grant(host), Holder::Server)).into()
}

fn grant(host: usize) -> LegGrant {
    LegGrant { leg: 40 + host as u32, key: Secret::new([host as u8; 32]), rate: 1 }
}

fn relayed_call(host: usize) -> Call {
    let relay = Relay { server: relay_server(), grant: grant(host) };
    Call { relay: Some(relay), ..call(host) }
}

impl World {
    /// Whether both send to each other through the server.
    fn goes_through_server(&self) -> [bool; 2] {
        [CALLER, CALLEE].map(|host| {
            let handle = self.connected(host).expect("it is up");
            is_relayed(self.hosts[host].endpoint.remote_address(handle).expect("it is up"))
        })
    }

    /// Moves so many bytes from the caller to the callee, and says how long it took.
    fn move_bytes(&mut self, len: usize, limit: Duration) -> Option<Duration> {
        let (a, b) = (self.connected(CALLER).unwrap(), self.connected(CALLEE).unwrap());
        let stream = self.hosts[CALLER].endpoint.open(a, Class::Bulk).unwrap();
        let (began, mut written, mut out) = (self.now, 0, Vec::new());
        while out.len() < len {
            let rest = vec![7; (len - written).min(1 << 20)];
            written += self.hosts[CALLER].endpoint.write(a, stream, &rest).unwrap();
            self.drain();
            if !self.step(began + limit) {
                return None;
            }
            let _ = self.hosts[CALLEE].endpoint.read(b, stream, usize::MAX, &mut out);
        }
        Some(self.now - began)
    }
}

/// [W-113]
#[test]
fn two_whom_no_direct_way_joins_talk_through_the_server() {
    let (mut world, _) = relayed_peers(1, RELAY_ONLY);
    let took = world.run_until(Duration::from_secs(2), World::both_connected);
    // Half a second is left to direct ways; probe and answer take twice as long over two links, and
    // the handshake as one and a half.
    assert_eq!(took, Some(Duration::from_millis(60 + 500 + 90)));
    assert_eq!(world.goes_through_server(), [true, true]);
    world.assert_talks(CALLER, CALLEE);
    assert!(world.move_bytes(300_000, Duration::from_secs(5)).is_some());
    let handle = world.connected(CALLER).unwrap();
    let datagram = world.hosts[CALLER].endpoint.stats(handle).unwrap().datagram;
    assert!((1350..=MTU - HEADER_LEN).contains(&datagram), "{datagram}: found beside the header");
}

/// [W-113]
#[test]
fn a_direct_way_that_is_open_is_the_one_that_is_taken() {
    for loss in [0, 20] {
        for run in 0..20 {
            let (mut world, _) = relayed_peers(run, BOTH);
            world.weather.loss = loss;
            assert!(world.run_until(Duration::from_secs(10), World::both_connected).is_some());
            world.run(Duration::from_secs(if loss > 0 { 30 } else { 0 }));
            assert_eq!(world.goes_through_server(), [false, false], "run {run}, {loss} % lost");
        }
    }
}

/// F08: [W-114], [W-115]
#[test]
fn a_direct_way_that_falls_silent_is_replaced_and_returned_to() {
    for run in 0..10 {
        let (mut world, ways) = relayed_peers(run, BOTH);
        assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
        assert!(world.move_bytes(200_000, Duration::from_secs(5)).is_some());
        ways.set(RELAY_ONLY);
        let took = world.move_bytes(200_000, Duration::from_secs(5)).expect("by the server");
        assert!(took < Duration::from_secs(2), "run {run}: {took:?}");
        assert!(world.goes_through_server()[0]);
        ways.set(BOTH);
        let back = |world: &World| world.goes_through_server() == [false, false];
        let took = world.run_until(Duration::from_secs(10), back);
        assert!(took.is_some(), "run {run}");
        assert!(world.move_bytes(200_000, Duration::from_secs(5)).is_some());
        world.run(Duration::from_secs(30));
        assert_eq!(world.goes_through_server(), [false, false], "and stays there");
        assert_eq!((world.closed(CALLER), world.closed(CALLEE)), (None, None));
    }
}

/// [W-115]: for instance since one of the two has come home.
#[test]
fn a_direct_way_that_opens_late_is_found() {
    for (run, later) in [(0, 1), (1, 20), (2, 100), (3, 1000)] {
        let (mut world, ways) = relayed_peers(run, RELAY_ONLY);
        assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
        world.run(Duration::from_secs(later));
        assert_eq!(world.goes_through_server(), [true, true]);
        ways.set(BOTH);
        let found = |world: &World| world.goes_through_server() == [false, false];
        let took = world.run_until(Duration::from_secs(90), found);
        assert!(took.is_some_and(|took| took <= Duration::from_secs(62)), "{later}: {took:?}");
        world.assert_talks(CALLER, CALLEE);
    }
}

/// Both ways at once: neither end goes back and forth.
#[test]
fn an_outage_of_everything_ends_on_the_direct_way() {
    for run in 0..20 {
        let (mut world, ways) = relayed_peers(run, BOTH);
        assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
        ways.set(NEITHER);
        world.run(Duration::from_secs(5));
        ways.set(BOTH);
        assert!(world.move_bytes(100_000, Duration::from_secs(10)).is_some());
        world.run(Duration::from_secs(20));
        assert_eq!(world.goes_through_server(), [false, false], "run {run}");
        let moves = |host: usize| {
            let moved = |(_, event): &&(_, Event)| matches!(event, Event::PathChanged(_));
            world.hosts[host].events.iter().filter(moved).count()
        };
        assert!(moves(CALLER) <= 4 && moves(CALLEE) <= 4, "{} {}", moves(CALLER), moves(CALLEE));
    }
}

/// F01: [W-115]: an address that was named and is nobody's gets little, however long it takes.
#[test]
fn a_victim_gets_little_of_the_search_for_direct_ways() {
    let victim: SocketAddr = "198.51.100.7:443".parse().unwrap();
    let mut world = peers(1);
    world.legs = legs();
    world.filter = Box::new(move |packet| {
        let between = [address(CALLER), address(CALLEE)];
        let direct = between.contains(&packet.from) && between.contains(&packet.to);
        if direct { Fate::Drop } else { Fate::Deliver }
    });
    for host in [CALLER, CALLEE] {
        let mut named = relayed_call(host);
        named.candidates = vec![victim];
        world.begin(host, named);
    }
    world.run(Duration::from_secs(3600));
    let bytes: usize =
        world.sent.iter().filter(|packet| packet.to == victim).map(|p| p.bytes.len()).sum();
    // Of two, for an hour: 400 each for the call, then two challenges a minute.
    assert!(bytes <= 2 * (400 + 60 * 2 * 60), "{bytes}");
}

/// F04: [W-112]: what is not of the leg, or comes again, is dropped.
#[test]
fn foreign_and_repeated_relay_datagrams_are_dropped_and_counted() {
    let (mut world, _) = relayed_peers(1, RELAY_ONLY);
    assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
    let good = world.sent.iter().rfind(|packet| packet.to == address(CALLEE)).unwrap().clone();
    let before = world.counters(CALLEE);
    let mut foreign = good.bytes.clone();
    foreign[7] ^= 64;
    let mut forged = [world.legs[CALLEE].seal().as_slice(), &[0; 40]].concat();
    forged[20] ^= 1;
    for bytes in [&foreign, &forged, &good.bytes, &good.bytes[..HEADER_LEN - 1].to_vec()] {
        world.inject(CALLEE, relay_server(), bytes);
    }
    let after = world.counters(CALLEE);
    assert_eq!(after.unknown_connection, before.unknown_connection + 1);
    assert_eq!(after.bad_mac, before.bad_mac + 1);
    assert_eq!(after.replayed, before.replayed + 1);
    assert_eq!(after.malformed, before.malformed + 1);
    assert_eq!(after.accepted, before.accepted);
    let spoofed = format!("[100::{:x}]:1", 0).parse().unwrap();
    let probe = world.sent_by(CALLER, RELAY)[0].bytes[HEADER_LEN..].to_vec();
    assert!(world.inject(CALLEE, spoofed, &probe).is_empty());
    assert_eq!(world.counters(CALLEE).malformed, after.malformed + 1);
}

/// [W-116]: at once, where a silent way would be noticed after half a minute.
#[test]
fn what_goes_through_the_server_ends_when_it_says_so() {
    let (mut world, _) = relayed_peers(1, RELAY_ONLY);
    assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
    let forged = [world.legs[CALLER].seal().as_slice(), &[0; 40]].concat();
    world.inject(CALLEE, relay_server(), &forged[..HEADER_LEN]);
    assert_eq!(world.closed(CALLEE), None, "of another leg");
    let ended = world.legs[CALLEE].seal();
    world.inject(CALLEE, relay_server(), &ended);
    assert_eq!(world.closed(CALLEE), Some(&ConnectionError::Reset));
    assert_eq!(world.hosts[CALLEE].endpoint.shared.relays.count(), 0);
    // A direct connection loses nothing but the other way.
    let (mut world, ways) = relayed_peers(2, BOTH);
    assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
    let ended = world.legs[CALLEE].seal();
    world.inject(CALLEE, relay_server(), &ended);
    world.assert_talks(CALLER, CALLEE);
    ways.set(NEITHER);
    world.run(Duration::from_secs(60));
    assert_eq!(world.closed(CALLEE), Some(&ConnectionError::TimedOut));
}

/// [W-116]: the handshake was to go that way.
#[test]
fn a_call_whose_only_way_ends_comes_to_nothing_in_time() {
    for later in [70, 300, 600] {
        let (mut world, _) = relayed_peers(1, RELAY_ONLY);
        world.run(Duration::from_millis(later));
        for host in [CALLER, CALLEE] {
            let ended = world.legs[host].seal();
            world.inject(host, relay_server(), &ended);
        }
        world.run(Duration::from_secs(60));
        for host in [CALLER, CALLEE] {
            assert!(world.closed(host).is_some(), "{later} ms");
        }
    }
}

/// [W-115]: as where a tunnel has been put in the way that passes less.
#[test]
fn a_direct_way_for_small_packets_only_is_left_for_longer_each_time() {
    let (mut world, _) = relayed_peers(1, BOTH);
    assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
    world.filter = Box::new(|packet| {
        let by_server = packet.from == relay_server() || packet.to == relay_server();
        if by_server || packet.bytes.len() < 600 { Fate::Deliver } else { Fate::Drop }
    });
    for _ in 0..60 {
        assert!(world.move_bytes(100_000, Duration::from_secs(20)).is_some());
        world.run(Duration::from_secs(5));
    }
    let moved = |(_, event): &&(_, Event)| matches!(event, Event::PathChanged(_));
    let moves = world.hosts[CALLER].events.iter().filter(moved).count();
    assert!((2..=30).contains(&moves), "{moves} moves in five minutes");
}

/// Nothing is left of a leg when its connection has gone.
#[test]
fn a_leg_ends_with_its_connection() {
    let (mut world, _) = relayed_peers(1, RELAY_ONLY);
    assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
    let handle = world.connected(CALLER).unwrap();
    world.hosts[CALLER].endpoint.close(world.now, handle, CloseReason::new(0, "bye"));
    world.drain();
    world.run(Duration::from_secs(30));
    assert!(world.closed(CALLEE).is_some());
    for host in &world.hosts {
        assert_eq!(host.endpoint.shared.relays.count(), 0);
    }
}

/// [W-39], [W-56]: what is written as soon as a connection is up arrives, over whatever way, though a third
/// is lost on each part of it.
#[test]
fn nothing_is_lost_while_the_ways_change() {
    for run in 0..500 {
        let (mut world, ways) = relayed_peers(run, BOTH);
        world.weather.loss = 20;
        let said = [CALLER, CALLEE].map(|host| {
            let up = |world: &World| world.connected(host).is_some();
            assert!(world.run_until(Duration::from_secs(30), up).is_some(), "run {run}");
            let handle = world.connected(host).unwrap();
            let endpoint = &mut world.hosts[host].endpoint;
            let stream = endpoint.open(handle, Class::Chat).unwrap();
            assert_eq!(endpoint.write(handle, stream, b"hello"), Ok(5));
            world.drain();
            ways.set(if host == CALLER { RELAY_ONLY } else { BOTH });
            stream
        });
        world.weather.loss = 35;
        world.run(Duration::from_secs(60));
        for (host, stream) in [(CALLER, said[CALLEE]), (CALLEE, said[CALLER])] {
            let handle = world.connected(host).unwrap();
            let mut out = Vec::new();
            let _ = world.hosts[host].endpoint.read(handle, stream, 100, &mut out);
            assert_eq!(out, b"hello", "run {run}, host {host}");
        }
    }
}
