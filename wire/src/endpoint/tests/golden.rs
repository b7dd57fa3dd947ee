//! Golden datagrams: what fixed keys and seeds put on the wire. A change here is a change of the
//! protocol. `UPDATE_VECTORS=1 cargo test -p wire golden` writes the file anew.

use core::fmt::Write as _;

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/datagrams.txt");
const INTRODUCTION: &str = "\
# Datagrams of wire version 1, as endpoints with these keys and seeds send them.
#   server: static private key 51 x 32, token secret 70 x 32, seed 0000000000000000 then 00 x 24
#   client: static private key c1 x 32, seed 0000000000000000 then 01 x 24
#   peers:  static private keys 80 x 32 (caller) and 81 x 32, introduction secret 5e x 32,
#           prologue \"alice, bob, call 7\", seeds like those of server and client
#   label \"tincan test\", endpoint time 100 s, transport parameters of the defaults
# Addresses: 192.0.2.1:4000 (server, caller) and 192.0.2.2:4000. A run of 32 or more zero bytes
# is written as {n}.
";

/// Hexadecimal, 32 bytes to a line, long runs of zeros as their length.
fn hex(bytes: &[u8]) -> String {
    let (mut out, mut at, mut column) = (String::new(), 0, 0);
    while at < bytes.len() {
        let zeros = bytes[at..].iter().take_while(|byte| **byte == 0).count();
        if zeros >= 32 {
            write!(out, "{{{zeros}}}").unwrap();
            at += zeros;
            continue;
        }
        write!(out, "{:02x}", bytes[at]).unwrap();
        (at, column) = (at + 1, column + 1);
        if column % 32 == 0 && at < bytes.len() {
            out.push('\n');
        }
    }
    out
}

fn entry(out: &mut String, name: &str, bytes: &[u8]) {
    write!(out, "\n{name}: {} bytes\n{}\n", bytes.len(), hex(bytes)).unwrap();
}

/// The first datagram of each kind, in the order of the kinds.
fn firsts(out: &mut String, world: &World, names: &[(u8, &str)]) {
    for (kind, name) in names {
        let packet = world.sent.iter().find(|packet| packet.kind() == *kind);
        entry(out, name, &packet.expect(name).bytes);
    }
}

fn golden() -> String {
    let mut out = INTRODUCTION.to_owned();
    let mut world = World::new(0);
    world.connect_with(None, Identify::Anonymous, None);
    world.run(Duration::from_millis(80));
    let names =
        [(1, "HELLO"), (2, "HELLO_REPLY"), (3, "INIT_NK with a token"), (7, "RESP to INIT_NK")];
    firsts(&mut out, &world, &names);
    let (_, event) = &world.hosts[CLIENT].events[0];
    if let Event::Connected { handshake_hash, .. } = event {
        entry(&mut out, "hash of that handshake", handshake_hash);
    }

    let mut world = World::new(0);
    world.connect(Identify::Anonymous);
    world.run(Duration::from_millis(80));
    firsts(&mut out, &world, &[(3, "INIT_NK without token"), (6, "RETRY")]);

    let mut world = World::new(0);
    world.connect(Identify::Known);
    world.run(Duration::from_millis(80));
    firsts(&mut out, &world, &[(4, "INIT_IK"), (7, "RESP to INIT_IK")]);
    world.restart(SERVER, server_config(), 0);
    let mut data = vec![8, 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd];
    data.resize(60, 0x11);
    crate::datagram::append_crc(&mut data, 0);
    let reset = world.inject(SERVER, address(CLIENT), &data);
    entry(&mut out, "RESET for the unknown index aabbccdd", &reset[0].bytes);

    let mut world = calls::peers(0);
    world.begin_both();
    world.run(Duration::from_millis(80));
    let names = [(9, "PROBE"), (10, "PROBE_ACK"), (5, "INIT_PEER"), (7, "RESP to INIT_PEER")];
    firsts(&mut out, &world, &names);
    let init = &world.sent_by(0, 5)[0].bytes;
    entry(&mut out, "INIT_PEER without its filling", &crate::datagram::unfilled(init));
    out
}

#[test]
fn golden_datagrams() {
    let golden = golden();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(FILE, &golden).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap();
    assert_eq!(golden, expected, "the bytes on the wire have changed");
}
