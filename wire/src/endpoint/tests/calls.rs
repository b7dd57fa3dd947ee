//! Calls between introduced peers.

use super::*;
use crate::datagram;

const INIT_PEER: u8 = 5;
const RESP: u8 = 7;
const PROBE: u8 = 9;
const PROBE_ACK: u8 = 10;

pub(super) const CALLER: usize = 0;
pub(super) const CALLEE: usize = 1;
const TAG: CallTag = CallTag([0xca; 8]);

fn key(host: usize) -> StaticKey {
    StaticKey::from_private([0x80 + host as u8; 32])
}

pub(super) fn peers(run: u64) -> World {
    World::of(run, (0..2).map(|host| config(key(host), Accept::Announced)).collect())
}

/// The call as the server announces it to one of the two.
pub(super) fn call(host: usize) -> Call {
    Call {
        tag: TAG,
        side: if host == CALLER { Side::Initiator } else { Side::Responder },
        secret: Secret::new([0x5e; 32]),
        remote_static: key(1 - host).public(),
        prologue: b"alice, bob, call 7".to_vec(),
        candidates: vec![address(1 - host)],
        observed: None,
        relay: None,
    }
}

impl World {
    pub(super) fn begin(&mut self, host: usize, call: Call) -> ConnectionHandle {
        let handle = self.hosts[host].endpoint.call(self.now, call);
        self.drain();
        handle
    }

    /// The round trip as a host that is connected sees it.
    fn measured(&self, host: usize) -> Option<Duration> {
        let host = &self.hosts[host];
        host.endpoint.stats(host.events[0].0).unwrap().smoothed_rtt
    }

    pub(super) fn begin_both(&mut self) {
        self.begin(CALLER, call(CALLER));
        self.begin(CALLEE, call(CALLEE));
    }
}

/// [W-34], [W-38], [W-39]
#[test]
fn a_call_takes_two_and_a_half_round_trips_of_a_clear_path() {
    let mut world = peers(1);
    world.begin_both();
    let took = world.run_until(Duration::from_secs(1), World::both_connected);
    assert_eq!(took, Some(Duration::from_millis(75)), "PROBE, ACK, INIT, RESP, DATA");
    let told = |host: usize| {
        let Event::Connected { address, remote_static, handshake_hash } =
            &world.hosts[host].events[0].1
        else {
            panic!("{:?}", world.hosts[host].events);
        };
        (*address, *remote_static, *handshake_hash)
    };
    for host in [CALLER, CALLEE] {
        let (from, shown, hash) = told(host);
        assert_eq!((from, shown), (address(1 - host), Some(key(1 - host).public())));
        assert_eq!(hash, told(1 - host).2, "both can bind secrets to the same handshake");
        assert_eq!(world.connections(host), 1);
    }
    // [W-56]: each side has measured a round trip by the handshake itself.
    for host in [CALLER, CALLEE] {
        assert_eq!(world.measured(host), Some(Duration::from_millis(30)));
    }
    assert_eq!(world.sent_by(CALLER, INIT_PEER)[0].bytes.len(), 1196);
    world.assert_talks(CALLER, CALLEE);
    world.run(Duration::from_secs(60));
    assert_eq!((world.closed(CALLER), world.closed(CALLEE)), (None, None));
}

/// The call, and where the server sees the other side.
fn call_observed(host: usize) -> Call {
    Call { observed: Some(address(1 - host)), ..call(host) }
}

/// [W-39]: INIT beside the first probe saves the round trip of the probe.
#[test]
fn a_call_to_where_the_server_sees_the_peer_takes_one_and_a_half() {
    for callee_first in [0, 40] {
        let mut world = peers(1);
        world.begin(CALLEE, call_observed(CALLEE));
        world.run(Duration::from_millis(callee_first));
        world.begin(CALLER, call_observed(CALLER));
        let took = world.run_until(Duration::from_secs(1), World::both_connected);
        assert_eq!(took, Some(Duration::from_millis(45)), "INIT, RESP, DATA");
        for host in [CALLER, CALLEE] {
            assert_eq!(world.measured(host), Some(Duration::from_millis(30)));
        }
        assert_eq!(world.sent_by(CALLER, INIT_PEER).len(), 1);
        world.assert_talks(CALLER, CALLEE);
    }
}

/// [W-38]: when the introduction reaches the callee too late for it, INIT comes again as soon as it
/// must have arrived, if it had arrived.
#[test]
fn an_early_init_that_came_too_early_is_repeated_at_once() {
    let mut world = peers(1);
    world.begin(CALLER, call_observed(CALLER));
    world.run(Duration::from_millis(20));
    world.begin(CALLEE, call_observed(CALLEE));
    let took = world.run_until(Duration::from_secs(1), World::both_connected);
    // The callee's probe, the caller's next (fifty after its first) and its answer, grace, and the
    // handshake.
    assert_eq!(took, Some(Duration::from_millis((50 - 20) + 30 + 10 + 45)));
    let lengths = world.sent_by(CALLER, INIT_PEER).into_iter().map(|packet| packet.bytes.len());
    assert_eq!(lengths.collect::<Vec<_>>(), [170, 1196]);
    assert_eq!(world.measured(CALLER), None, "either INIT may have been answered");
}

/// F01: [W-37]: where the server says that it sees the peer, a victim gets INIT in the place of five
/// probes, and not a byte more.
#[test]
fn a_victim_at_which_the_server_claims_to_see_the_peer_gets_one_init() {
    let mut world = peers(7);
    let victim: SocketAddr = "198.51.100.7:443".parse().unwrap();
    for observed in [victim, "224.0.0.1:9".parse().unwrap(), "198.51.100.7:53".parse().unwrap()] {
        let candidates = vec![observed];
        world.begin(CALLER, Call { observed: Some(observed), candidates, ..call(CALLER) });
    }
    world.run(Duration::from_secs(100));
    let lengths: Vec<usize> = world.sent.iter().map(|packet| packet.bytes.len()).collect();
    assert!(world.sent.iter().all(|packet| packet.to == victim));
    assert_eq!(lengths.iter().filter(|len| **len == 40).count(), 5);
    assert_eq!(lengths.len(), 6);
    assert!(lengths.iter().sum::<usize>() <= 400, "{lengths:?}");
    assert_eq!(world.sent_by(CALLER, INIT_PEER).len(), 1);
}

/// [W-39]: the callee's probes are not answered before DATA comes: RESP, which has gone to one
/// address, has proven it as well as they would have.
#[test]
fn a_handshake_proves_the_path_that_it_took() {
    let mut world = peers(11);
    world.filter =
        Box::new(|packet| if packet.kind() == PROBE_ACK { Fate::Drop } else { Fate::Deliver });
    world.begin(CALLEE, call_observed(CALLEE));
    world.begin(CALLER, call_observed(CALLER));
    let took = world.run_until(Duration::from_secs(1), World::both_connected);
    assert_eq!(took, Some(Duration::from_millis(45)));
    world.assert_talks(CALLER, CALLEE);
}

/// [W-39]: somebody on the way, who is faster than those whose datagrams he copies, gets one RESP
/// sent elsewhere. It costs the call a repetition, and no connection goes there.
#[test]
fn a_faster_copy_leads_no_connection_astray() {
    let mut world = peers(12);
    let elsewhere: SocketAddr = "198.51.100.8:8".parse().unwrap();
    world.begin(CALLEE, call_observed(CALLEE));
    world.begin(CALLER, call_observed(CALLER));
    for _ in 0..5 {
        for kind in [PROBE, INIT_PEER] {
            let copy = world.sent_by(CALLER, kind)[0].bytes.clone();
            assert!(!world.inject(CALLEE, elsewhere, &copy).is_empty());
        }
    }
    assert!(world.run_until(Duration::from_millis(300), World::both_connected).is_some());
    let handle = world.connected(CALLEE).unwrap();
    assert_eq!(world.hosts[CALLEE].endpoint.remote_address(handle), Some(address(CALLER)));
    assert_eq!(world.counters(CALLEE).handshakes, 1);
    world.assert_talks(CALLER, CALLEE);
    let before = world.sent_by(CALLEE, RESP).len();
    let copy = world.sent_by(CALLER, INIT_PEER)[0].bytes.clone();
    world.inject(CALLEE, elsewhere, &copy);
    assert_eq!(world.sent_by(CALLEE, RESP).len(), before);
}

/// [W-56]: when RESP was sent twice, it is not known which of the two is answered.
#[test]
fn a_responder_does_not_guess_the_round_trip() {
    let mut world = peers(1);
    world.begin_both();
    let answered = |world: &World| !world.sent_by(CALLEE, RESP).is_empty();
    assert!(world.run_until(Duration::from_secs(1), answered).is_some());
    let init = world.sent_by(CALLER, INIT_PEER)[0].bytes.clone();
    world.inject(CALLEE, address(CALLER), &init);
    assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
    assert_eq!(world.sent_by(CALLEE, RESP).len(), 2);
    assert_eq!(world.measured(CALLER), Some(Duration::from_millis(30)));
    assert_eq!(world.measured(CALLEE), None);
}

/// [W-56]: the first DATA was lost, and the next comes a probe time-out later.
#[test]
fn a_lost_answer_does_not_make_the_round_trip_long() {
    let mut world = peers(1);
    let mut is_first = true;
    world.filter = Box::new(move |packet| match packet.kind() {
        8 if std::mem::take(&mut is_first) => Fate::Drop,
        _ => Fate::Deliver,
    });
    world.begin_both();
    assert!(world.run_until(Duration::from_secs(3), World::both_connected).is_some());
    assert!(world.sent_by(CALLER, 8)[0].bytes[8..16].iter().all(|byte| *byte == 0));
    let measured = world.measured(CALLEE);
    assert!(measured.is_none_or(|rtt| rtt < Duration::from_millis(100)), "{measured:?}");
}

/// The introduction reaches one side later than the other.
#[test]
fn either_side_may_begin_later() {
    for (first, second) in [(CALLER, CALLEE), (CALLEE, CALLER)] {
        for late in [100, 1000, 5000, 9000] {
            let mut world = peers(late);
            world.begin(first, call(first));
            world.run(Duration::from_millis(late));
            world.begin(second, call(second));
            let took = world.run_until(Duration::from_secs(3), World::both_connected);
            assert!(took.is_some(), "{first} first, {second} {late} ms later");
            world.assert_talks(CALLER, CALLEE);
        }
    }
}

/// One side knows no address of the other: it learns it from the probes that come [W-36].
#[test]
fn an_unlisted_address_is_learned_from_its_probe() {
    for blind in [CALLER, CALLEE] {
        let mut world = peers(blind as u64);
        let mut nothing_known = call(blind);
        nothing_known.candidates = vec!["203.0.113.9:9".parse().unwrap()];
        world.begin(blind, nothing_known);
        world.begin(1 - blind, call(1 - blind));
        assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
        world.assert_talks(CALLER, CALLEE);
    }
}

#[test]
fn candidates_that_come_later_are_used() {
    let mut world = peers(3);
    let mut handles = Vec::new();
    for host in [CALLER, CALLEE] {
        let mut nothing_known = call(host);
        nothing_known.candidates.clear();
        handles.push(world.begin(host, nothing_known));
    }
    world.run(Duration::from_secs(2));
    assert!(world.sent.is_empty());
    world.hosts[CALLER].endpoint.add_candidates(world.now, handles[0], &[address(CALLEE)]);
    world.drain();
    assert!(world.run_until(Duration::from_secs(1), World::both_connected).is_some());
}

/// [W-38]: a path over which probes pass and INIT does not is left for the next one.
#[test]
fn another_path_has_its_turn_when_the_first_carries_no_handshake() {
    let mut world = peers(4);
    let aliases = ["203.0.113.1:1".parse().unwrap(), "203.0.113.2:1".parse().unwrap()];
    world.relayed = [(aliases[0], CALLER), (aliases[1], CALLEE)].into();
    world.filter = Box::new(move |packet| {
        let direct = packet.to == address(CALLEE);
        if packet.kind() == INIT_PEER && direct { Fate::Drop } else { Fate::Deliver }
    });
    for host in [CALLER, CALLEE] {
        let mut two_ways = call(host);
        two_ways.candidates.push(aliases[1 - host]);
        world.begin(host, two_ways);
    }
    assert!(world.run_until(Duration::from_secs(3), World::both_connected).is_some());
    let handle = world.connected(CALLER).unwrap();
    assert_eq!(world.hosts[CALLER].endpoint.remote_address(handle), Some(aliases[1]));
    world.assert_talks(CALLER, CALLEE);
}

/// Both call each other at once, and the server did not merge the calls: two tags, two
/// connections, neither disturbs the other.
#[test]
fn calls_in_both_directions_stand_side_by_side() {
    let mut world = peers(5);
    world.begin_both();
    for host in [CALLER, CALLEE] {
        let mut other = call(host);
        (other.tag, other.side) = (CallTag([2; 8]), other.side.peer());
        world.begin(host, other);
    }
    world.run(Duration::from_secs(2));
    assert_eq!((world.connections(CALLER), world.connections(CALLEE)), (2, 2));
}

/// Told the same role, both sides find their own probes' MACs wrong; nothing loops.
#[test]
fn equal_roles_come_to_nothing() {
    for side in [Side::Initiator, Side::Responder] {
        let mut world = peers(6);
        for host in [CALLER, CALLEE] {
            let mut same = call(host);
            same.side = side;
            world.begin(host, same);
        }
        world.run(Duration::from_secs(30));
        assert_eq!(world.closed(CALLER), Some(&ConnectionError::Unreachable));
        assert_eq!(world.closed(CALLEE), Some(&ConnectionError::Unreachable));
        assert_eq!(world.sent_by(CALLER, PROBE_ACK).len(), 0);
        assert!(world.sent.len() <= 20, "{}", world.sent.len());
        assert!(world.counters(CALLER).bad_mac > 0);
    }
}

/// [W-39]: who has the secret but not the key (a lying server) is refused, and so is who has the
/// key but not the secret, and who was introduced under other names.
#[test]
fn the_wrong_peer_is_refused() {
    type Change = fn(&mut Call);
    let changes: [Change; 3] = [
        |call| call.remote_static = StaticKey::from_private([9; 32]).public(),
        |call| call.secret = Secret::new([9; 32]),
        |call| call.prologue = b"alice, mallory, call 7".to_vec(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        for host in [CALLER, CALLEE] {
            let mut world = peers(at as u64);
            let mut changed = call(host);
            change(&mut changed);
            world.begin(host, changed);
            world.begin(1 - host, call(1 - host));
            world.run(Duration::from_secs(30));
            assert_eq!(world.connections(CALLER) + world.connections(CALLEE), 0, "{at} at {host}");
            assert_eq!(world.closed(host), Some(&ConnectionError::Unreachable));
            assert!(world.counters(CALLEE).handshakes <= 1);
            for host in &world.hosts {
                assert_eq!(host.endpoint.poll_timeout(), None);
            }
        }
    }
}

/// F01, F02: [W-35], [W-37]: whoever is named as a candidate without being one gets ten probes
/// of 40 bytes at most, and some get none.
#[test]
fn a_victim_named_as_candidate_gets_ten_probes_and_no_more() {
    let mut world = peers(7);
    world.hosts[CALLER].endpoint.shared.config.transport.handshake_timeout =
        Duration::from_secs(100);
    let mut many = call(CALLER);
    let victim: SocketAddr = "198.51.100.7:443".parse().unwrap();
    let never: Vec<SocketAddr> =
        ["255.255.255.255:9", "224.0.0.1:9", "0.0.0.0:9", "198.51.100.7:53"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
    many.candidates = never.clone();
    many.candidates.extend([victim; 5]);
    many.candidates.push("[::ffff:198.51.100.7]:443".parse().unwrap());
    many.candidates.extend((0..1000).map(|port| SocketAddr::new(victim.ip(), 1000 + port)));
    let handle = world.begin(CALLER, many);
    for _ in 0..4 {
        world.run(Duration::from_secs(3));
        world.hosts[CALLER].endpoint.add_candidates(world.now, handle, &[victim]);
    }
    world.run(Duration::from_secs(100));
    let to = |address: SocketAddr| world.sent.iter().filter(|packet| packet.to == address).count();
    assert_eq!(to(victim), 10);
    assert!(never.iter().all(|address| to(*address) == 0));
    assert_eq!(world.sent.len(), 80, "eight candidates");
    assert!(world.sent.iter().all(|packet| packet.bytes.len() == 40));
}

/// [W-36]: a stranger who saw a tag, or a whole probe, gets nothing out of it.
#[test]
fn forged_and_copied_probes() {
    let mut world = peers(8);
    world.begin_both();
    let stranger: SocketAddr = "198.51.100.8:8".parse().unwrap();
    let probe = world.sent_by(CALLER, PROBE)[0].bytes.clone();
    for at in 4..36 {
        let mut forged = probe.clone();
        forged[at] ^= 1;
        fix_crc(&mut forged);
        assert!(world.inject(CALLEE, stranger, &forged).is_empty(), "byte {at}");
    }
    assert!(world.inject(CALLER, address(CALLEE), &probe).is_empty(), "reflected");
    let mut as_answer = probe.clone();
    as_answer[0] = PROBE_ACK;
    fix_crc(&mut as_answer);
    assert!(world.inject(CALLEE, address(CALLER), &as_answer).is_empty());
    // Copied from elsewhere, it is believed to be a way to the peer: an answer and a probe, and
    // not three times as much as came in.
    let mut out = 0;
    for _ in 0..50 {
        out += world.inject(CALLEE, stranger, &probe).len();
    }
    world.run(Duration::from_millis(800));
    assert!(out <= 150, "{out}");
    let to_stranger = world.sent.iter().filter(|packet| packet.to == stranger).count();
    assert!(to_stranger <= 150, "{to_stranger}");
    assert!(world.both_connected(), "and the call is not disturbed");
}

/// [W-39]: nothing is computed for INIT from an address from which nothing came that proves the
/// introduction secret.
#[test]
fn an_init_from_an_unproven_address_is_dropped() {
    let mut world = peers(9);
    world.filter =
        Box::new(|packet| if packet.kind() == INIT_PEER { Fate::Drop } else { Fate::Deliver });
    world.begin_both();
    world.run(Duration::from_millis(100));
    let init = world.sent_by(CALLER, INIT_PEER)[0].bytes.clone();
    let elsewhere = "198.51.100.8:8".parse().unwrap();
    assert!(world.inject(CALLEE, elsewhere, &init).is_empty());
    assert_eq!(world.counters(CALLEE).handshakes, 0);
    let mut other_mac = init.clone();
    other_mac[40] ^= 1;
    fix_crc(&mut other_mac);
    assert!(world.inject(CALLEE, address(CALLER), &other_mac).is_empty());
    assert_eq!(world.counters(CALLEE).bad_mac, 1);
    let first = world.inject(CALLEE, address(CALLER), &init);
    let again = world.inject(CALLEE, address(CALLER), &init);
    assert_eq!(first[0].bytes, again[0].bytes, "the same RESP again");
    assert_eq!((first[0].kind(), world.counters(CALLEE).handshakes), (RESP, 1));
}

/// [W-39]: even the peer itself cannot make this side compute without end.
#[test]
fn a_peer_gets_a_handful_of_handshakes_computed() {
    let mut world = peers(10);
    world.filter =
        Box::new(|packet| if packet.kind() == INIT_PEER { Fate::Drop } else { Fate::Deliver });
    world.begin_both();
    world.run(Duration::from_millis(100));
    let template = world.sent_by(CALLER, INIT_PEER)[0].bytes.clone();
    let mac1 = crate::crypto::mac::Mac1::new(&key(CALLEE).public());
    for number in 0..100 {
        let Ok(datagram::Datagram::Init(init)) = datagram::parse(&template) else { panic!() };
        let mut message = init.message.to_vec();
        message[0] = number;
        let mac = |macd: &[u8]| mac1.compute(macd);
        let bytes = datagram::init(init.kind, init.sender, &init.token, &message, mac);
        world.inject(CALLEE, address(CALLER), &bytes);
    }
    let counters = world.counters(CALLEE);
    assert!(counters.handshakes + counters.bad_handshake <= 16, "{counters:?}");
    assert!(counters.limited >= 84);
}
