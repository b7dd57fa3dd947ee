//! Connecting to a server, as it should go and as the network lets it.

use super::*;
use crate::crypto::token::NO_TOKEN;

const HELLO: u8 = 1;
const HELLO_REPLY: u8 = 2;
const INIT_NK: u8 = 3;
const INIT_IK: u8 = 4;
const RETRY: u8 = 6;
const RESP: u8 = 7;

/// The static key that a host was told.
fn shown_key(world: &World, host: usize) -> Option<PublicKey> {
    world.hosts[host].events.iter().find_map(|(_, event)| {
        if let Event::Connected { remote_static, .. } = event { *remote_static } else { None }
    })
}

fn hashes(world: &World) -> Vec<[u8; 32]> {
    let hash = |host: &Host| {
        host.events.iter().find_map(|(_, event)| {
            if let Event::Connected { handshake_hash, .. } = event {
                Some(*handshake_hash)
            } else {
                None
            }
        })
    };
    world.hosts.iter().filter_map(hash).collect()
}

/// [W-15], [W-20]: a device that is known needs one round trip and no token.
#[test]
fn known_device() {
    let mut world = World::new(1);
    world.connect(Identify::Known);
    let took = world.run_until(Duration::from_secs(1), World::both_connected);
    assert_eq!(took, Some(Duration::from_millis(45)), "INIT, RESP, first DATA");
    assert_eq!(shown_key(&world, SERVER), Some(client_key().public()));
    assert_eq!(shown_key(&world, CLIENT), Some(server_key().public()));
    let hashes = hashes(&world);
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(world.sent_by(SERVER, RETRY).len(), 0);
    world.assert_talks(CLIENT, SERVER);
}

/// [W-20]: an anonymous client always proves its address first.
#[test]
fn anonymous() {
    let mut world = World::new(2);
    world.connect(Identify::Anonymous);
    let took = world.run_until(Duration::from_secs(1), World::both_connected);
    assert_eq!(took, Some(Duration::from_millis(75)));
    assert_eq!(shown_key(&world, SERVER), None);
    assert_eq!(world.sent_by(SERVER, RETRY).len(), 1);
    let inits = world.sent_by(CLIENT, INIT_NK);
    assert_eq!(inits[0].bytes[8..32], NO_TOKEN);
    assert_eq!(inits[0].bytes[32..64], inits[1].bytes[32..64], "the same message again");
    world.assert_talks(CLIENT, SERVER);
}

/// [W-15]: the first contact asks for the key, and the token in the reply saves the RETRY.
#[test]
fn first_contact() {
    let mut world = World::new(3);
    world.connect_with(None, Identify::Anonymous, None);
    let took = world.run_until(Duration::from_secs(1), World::both_connected);
    assert_eq!(took, Some(Duration::from_millis(75)));
    assert_eq!(shown_key(&world, CLIENT), Some(server_key().public()));
    assert_eq!(world.sent_by(CLIENT, HELLO).len(), 1);
    assert_eq!(world.sent_by(SERVER, HELLO_REPLY).len(), 1);
    assert_eq!(world.sent_by(SERVER, RETRY).len(), 0);
    world.assert_talks(CLIENT, SERVER);
}

/// [W-23]: whoever was connected before skips RETRY, from the same IP and for a day.
#[test]
fn a_return_token_saves_the_retry() {
    let mut world = World::new(4);
    world.connect(Identify::Anonymous);
    world.run(Duration::from_secs(1));
    let token = world.hosts[CLIENT].events.iter().find_map(|(_, event)| {
        if let Event::NewToken(token) = event { Some(*token) } else { None }
    });
    assert!(token.is_some(), "the server gives one with the connection");
    world.connect_with(Some(server_key().public()), Identify::Anonymous, token);
    world.run(Duration::from_secs(1));
    assert_eq!(world.connections(SERVER), 2);
    assert_eq!(world.sent_by(SERVER, RETRY).len(), 1, "the first time only");
    // Elsewhere it is worth nothing, and RETRY helps.
    let moved = "198.51.100.1:4000".parse().unwrap();
    world.hosts[CLIENT].address = moved;
    world.connect_with(Some(server_key().public()), Identify::Anonymous, token);
    world.run(Duration::from_secs(1));
    assert_eq!(world.connections(SERVER), 3);
    assert_eq!(world.sent_by(SERVER, RETRY).len(), 2);
    assert_eq!(world.counters(SERVER).bad_token, 1);
}

/// [W-14], [W-18]: each datagram of the handshake may be lost, more than once.
#[test]
fn any_datagram_may_be_lost() {
    for kind in [HELLO, HELLO_REPLY, INIT_NK, RETRY, RESP, 8] {
        let mut world = World::new(u64::from(kind));
        let mut left = 4;
        world.filter = Box::new(move |packet| {
            if packet.kind() == kind && left > 0 {
                left -= 1;
                return Fate::Drop;
            }
            Fate::Deliver
        });
        world.connect_with(None, Identify::Anonymous, None);
        let took = world.run_until(Duration::from_secs(8), World::both_connected);
        assert!(took.is_some(), "kind {kind}");
        world.assert_talks(CLIENT, SERVER);
        assert_eq!((world.connections(SERVER), world.connections(CLIENT)), (1, 1));
    }
}

/// [W-18]: when nothing ever comes over a connection, the server has forgotten it: the client need
/// not wait for the idle time-out to try again.
#[test]
fn a_handshake_that_only_the_client_completed_is_given_up() {
    for handshake in [Identify::Anonymous, Identify::Known] {
        let mut world = World::new(30);
        world.filter =
            Box::new(|packet| if packet.kind() == 8 { Fate::Drop } else { Fate::Deliver });
        world.connect(handshake);
        assert!(world.run_until(Duration::from_secs(1), |w| w.connections(CLIENT) == 1).is_some());
        let took = world.run_until(Duration::from_secs(40), |w| w.closed(CLIENT).is_some());
        let took = took.unwrap();
        assert!((10..14).contains(&took.as_secs()), "{took:?}");
        assert_eq!(world.closed(CLIENT), Some(&ConnectionError::TimedOut));
        assert_eq!(world.hosts[SERVER].endpoint.answers.half_open(), 0);
        assert_eq!(world.hosts[CLIENT].endpoint.poll_timeout(), None, "nothing is left behind");
    }
}

/// Every datagram twice, in any order: one connection at each end.
#[test]
fn copies_and_disorder_make_one_connection() {
    for run in 0..30 {
        let mut world = World::new(run);
        world.weather.duplication = 100;
        world.weather.jitter = Duration::from_millis(400);
        world.connect_with(None, Identify::Known, None);
        assert!(world.run_until(Duration::from_secs(8), World::both_connected).is_some());
        world.run(Duration::from_secs(12));
        assert_eq!((world.connections(SERVER), world.connections(CLIENT)), (1, 1), "run {run}");
        assert_eq!(world.counters(SERVER).handshakes, 1, "never computed twice [W-28]");
        world.assert_talks(CLIENT, SERVER);
    }
}

/// C07: [W-16] another key than the pinned one: refused, with the reason.
#[test]
fn a_server_with_another_key_is_refused() {
    let mut world = World::new(5);
    let other = StaticKey::from_private([0x77; 32]).public();
    let handle = world.connect_with(Some(other), Identify::Known, None);
    let took = world.run_until(Duration::from_secs(10), |world| world.closed(CLIENT).is_some());
    assert!(took.unwrap() < Duration::from_secs(4), "{took:?}");
    assert_eq!(world.closed(CLIENT), Some(&ConnectionError::WrongServerKey));
    assert_eq!(world.connections(SERVER) + world.connections(CLIENT), 0);
    assert_eq!(world.hosts[CLIENT].endpoint.stats(handle), None, "the handle is dead");
    assert_eq!(world.counters(SERVER).handshakes, 0);
    assert!(world.counters(SERVER).bad_mac > 0);
}

/// One foreign answer alone does not end the attempt before its time; at its end it is the reason.
#[test]
fn a_single_foreign_answer_waits_for_the_timeout() {
    let mut world = World::new(6);
    let other = StaticKey::from_private([0x77; 32]).public();
    let mut replies = 0;
    world.filter = Box::new(move |packet| {
        replies += u32::from(packet.kind() == HELLO_REPLY);
        if packet.kind() == HELLO_REPLY && replies > 1 { Fate::Drop } else { Fate::Deliver }
    });
    world.connect_with(Some(other), Identify::Known, None);
    world.run(Duration::from_secs(9));
    assert_eq!(world.closed(CLIENT), None);
    world.run(Duration::from_secs(2));
    assert_eq!(world.closed(CLIENT), Some(&ConnectionError::WrongServerKey));
}

#[test]
fn nobody_there() {
    let mut world = World::new(7);
    world.filter = Box::new(|_| Fate::Drop);
    world.connect(Identify::Known);
    let took = world.run_until(Duration::from_secs(20), |world| world.closed(CLIENT).is_some());
    assert_eq!(took, Some(Duration::from_secs(10)));
    assert_eq!(world.closed(CLIENT), Some(&ConnectionError::Unreachable));
    world.run(Duration::from_secs(60));
    assert_eq!(world.hosts[CLIENT].endpoint.poll_timeout(), None, "nothing is left behind");
    let gaps = world.sent_by(CLIENT, INIT_IK).len() + world.sent_by(CLIENT, HELLO).len();
    assert!((30..=80).contains(&gaps), "{gaps} datagrams in ten seconds");
}

#[test]
fn closing_before_it_is_up() {
    let mut world = World::new(8);
    let handle = world.connect(Identify::Known);
    let reason = CloseReason::new(7, "changed my mind");
    world.hosts[CLIENT].endpoint.close(world.now, handle, reason.clone());
    world.run(Duration::from_secs(60));
    assert_eq!(world.closed(CLIENT), Some(&ConnectionError::Closed(reason)));
    assert_eq!(world.connections(SERVER), 0);
    assert_eq!(
        world.hosts[CLIENT].endpoint.open(handle, Class::Chat),
        Err(OpenError::NotConnected)
    );
    for host in &world.hosts {
        assert_eq!(host.endpoint.poll_timeout(), None);
    }
}

/// A pinned key that no one can hold is refused at once, by an event like all others.
#[test]
fn an_impossible_pinned_key() {
    let mut world = World::new(9);
    let handle = world.connect_with(Some(PublicKey([0; 32])), Identify::Known, None);
    assert_eq!(world.hosts[CLIENT].events.len(), 1);
    assert_eq!(world.hosts[CLIENT].events[0].0, handle);
    assert!(matches!(world.closed(CLIENT), Some(ConnectionError::Handshake(_))));
}

/// A label of another application, in every pattern, is another prologue.
#[test]
fn another_label_does_not_connect() {
    for identify in [Identify::Anonymous, Identify::Known] {
        let mut other = client_config();
        other.label = "something else";
        let mut world = World::of(10, vec![server_config(), other]);
        world.connect(identify);
        world.run(Duration::from_secs(12));
        assert_eq!(world.closed(CLIENT), Some(&ConnectionError::Unreachable));
        assert!(world.counters(SERVER).bad_handshake > 0);
        assert_eq!(world.connections(SERVER), 0);
    }
}

/// A handle means one connection for ever, also when its place is used again.
#[test]
fn handles_are_never_given_twice() {
    let mut world = World::new(20);
    let mut handles = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let handle = world.connect(Identify::Known);
        assert!(handles.insert(handle));
        world.hosts[CLIENT].endpoint.close(world.now, handle, CloseReason::new(0, ""));
        world.drain();
    }
    let endpoint = &mut world.hosts[CLIENT].endpoint;
    for handle in handles {
        assert_eq!(endpoint.open(handle, Class::Chat), Err(OpenError::NotConnected));
        endpoint.close(world.now, handle, CloseReason::new(0, ""));
    }
    assert_eq!(endpoint.poll_event(), None);
}

/// Many connections that are idle: a wake touches only the one whose time has come.
#[test]
fn idle_connections_are_in_no_queue() {
    let mut world = World::new(21);
    for _ in 0..50 {
        world.connect(Identify::Known);
        world.run(Duration::from_millis(60));
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.connections(SERVER), 50);
    for host in &mut world.hosts {
        assert_eq!(host.endpoint.table.next_ready(), None);
        assert_eq!(host.endpoint.table.next_due(world.now), None);
        let due = host.endpoint.poll_timeout().unwrap().at;
        assert!(due > world.now + Duration::from_secs(1), "nothing but keep-alive is ahead");
    }
}

/// The application learns of the end, and may read what came before it until then.
#[test]
fn what_arrived_before_the_end_can_be_read() {
    let mut world = World::new(22);
    let a = world.connect(Identify::Known);
    world.run(Duration::from_secs(1));
    let b = world.connected(SERVER).unwrap();
    let stream = world.hosts[CLIENT].endpoint.open(a, Class::Chat).unwrap();
    world.hosts[CLIENT].endpoint.write(a, stream, b"last words").unwrap();
    world.drain();
    let packet = world.sent.last().unwrap().clone();
    let server = &mut world.hosts[SERVER].endpoint;
    let source = Source { address: packet.from, ecn: Ecn::NotCapable };
    server.handle_datagram(world.now, source, &mut packet.bytes.clone());
    let much_later = world.now + Duration::from_secs(3600);
    server.handle_timeout(much_later);
    let mut out = Vec::new();
    assert!(server.read(b, stream, 100, &mut out).is_ok());
    assert_eq!(out, b"last words");
    while let Some((_, event)) = server.poll_event() {
        let end = event == Event::Closed(ConnectionError::TimedOut);
        assert_eq!(end, server.stats(b).is_none(), "{event:?}");
    }
    assert!(server.stats(b).is_none());
}

/// The same seed gives the same bytes.
#[test]
fn a_seed_gives_one_run() {
    let trace = |run| {
        let mut world = World::new(run);
        world.weather.loss = 20;
        world.weather.jitter = Duration::from_millis(50);
        world.connect_with(None, Identify::Known, None);
        world.run(Duration::from_secs(5));
        world.sent.into_iter().map(|packet| packet.bytes).collect::<Vec<_>>()
    };
    assert_eq!(trace(11), trace(11));
    assert_ne!(trace(11), trace(12));
}
