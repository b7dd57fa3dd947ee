//! Somebody in the path who sends again what he has seen: to either side, from anywhere, at any time,
//! with or without changes.

use super::*;
use crate::crypto::mac::Mac1;
use crate::datagram::{self, Datagram};

const RESP: u8 = 7;

/// A copy of a datagram that was sent, as it was or with a byte changed, and where it seems to
/// come from.
fn copy(world: &mut World) -> Option<(SocketAddr, Vec<u8>)> {
    let pick = (world.rng.next_u32() as usize).checked_rem(world.sent.len())?;
    let packet = world.sent[pick].clone();
    let mut bytes = packet.bytes;
    match world.rng.next_u32() % 4 {
        0 => {
            let at = world.rng.next_u32() as usize % (bytes.len() - CRC_LEN);
            // The server's index in RESP leads DATA astray when it is wrong: whoever is in the path
            // and faster can do that.
            if !(bytes[0] == RESP && (4..8).contains(&at)) {
                bytes[at] ^= 1 << (world.rng.next_u32() % 8);
                fix_crc(&mut bytes);
            }
        }
        1 => {
            if let Ok(Datagram::Init(init)) = datagram::parse(&bytes) {
                // Everybody who knows the server's key can make mac1 fit.
                let mac1 = Mac1::new(&server_key().public());
                let mac = |macd: &[u8]| mac1.compute(macd);
                bytes = datagram::init(init.kind, init.sender, &[0; 24], init.message, mac);
            }
        }
        _ => {}
    }
    let from = match world.rng.next_u32() % 3 {
        0 => packet.from,
        1 => packet.to,
        _ => any_address(world.rng.next_u32() % 8),
    };
    Some((from, bytes))
}

fn harass(world: &mut World, copies: u32) {
    for _ in 0..copies {
        if let Some((from, bytes)) = copy(world) {
            let host = world.rng.next_u32() as usize % 2;
            world.inject(host, from, &bytes);
        }
        let pause = world.rng.next_u32() % [1, 20, 400][world.rng.next_u32() as usize % 3];
        world.run(Duration::from_millis(pause.into()));
    }
}

/// C03, C04, C11, B07: what was begun by nobody does not come up, what is up stays up, and nothing is
/// left behind at either side, neither a session nor an index.
#[test]
fn copies_of_anything_make_nothing_end_nothing_and_leave_nothing() {
    for run in 0..100 {
        let mut world = World::new(run);
        for begun in 1..=4 {
            let identify = if run % 2 == 0 { Identify::Known } else { Identify::Anonymous };
            world.connect(identify);
            harass(&mut world, 40);
            world.run(Duration::from_secs(5));
            let (server, client) = (world.connections(SERVER), world.connections(CLIENT));
            assert_eq!((server, client), (begun, begun), "run {run}");
            assert_eq!(
                (world.closed(SERVER), world.closed(CLIENT)),
                (None, None),
                "run {run} {begun} at {}",
                world.now
            );
        }
        world.assert_talks(CLIENT, SERVER);
        world.run(Duration::from_secs(11));
        for host in &world.hosts {
            assert_eq!((host.endpoint.answers.half_open(), host.endpoint.table.routes()), (0, 4));
            let counters = host.endpoint.counters();
            assert!(counters.stranger_bytes_out <= counters.stranger_bytes_in);
        }
    }
}

/// The same for calls.
#[test]
fn copies_do_not_disturb_a_call() {
    for run in 0..100 {
        let mut world = calls::peers(run);
        world.begin_both();
        harass(&mut world, 40);
        world.run(Duration::from_secs(5));
        assert_eq!((world.connections(0), world.connections(1)), (1, 1), "run {run}");
        harass(&mut world, 40);
        assert_eq!((world.closed(0), world.closed(1)), (None, None), "run {run} at {}", world.now);
        world.assert_talks(0, 1);
        world.run(Duration::from_secs(11));
        for host in &world.hosts {
            assert_eq!(host.endpoint.table.routes(), 1, "run {run}");
        }
    }
}
