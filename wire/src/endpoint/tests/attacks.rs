//! What an attacker sends, in the path or beside it, and what becomes of it: nothing.

use super::*;
use crate::crypto::mac::Mac1;
use crate::crypto::token::Tokens;
use crate::datagram::{self, Datagram};

const HELLO_REPLY: u8 = 2;
const INIT_NK: u8 = 3;
const INIT_IK: u8 = 4;
const RETRY: u8 = 6;
const RESP: u8 = 7;
const DATA: u8 = 8;

fn stranger() -> SocketAddr {
    "198.51.100.66:6666".parse().unwrap()
}

/// An INIT as `world`'s client sends it, held back from the server.
fn caught_init(world: &mut World, identify: Identify) -> Vec<u8> {
    let kind = if identify == Identify::Known { INIT_IK } else { INIT_NK };
    world.filter = Box::new(|_| Fate::Drop);
    world.connect(identify);
    world.sent_by(CLIENT, kind)[0].bytes.clone()
}

/// The same INIT with another token and, if wanted, another message, and codes that fit.
fn remade(init: &[u8], token: [u8; 24], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let Ok(Datagram::Init(init)) = datagram::parse(init) else { panic!("no INIT") };
    let mut message = init.message.to_vec();
    change(&mut message);
    let mac1 = Mac1::new(&server_key().public());
    datagram::init(init.kind, init.sender, &token, &message, |macd| mac1.compute(macd))
}

fn token_in_retry(retry: &Packet) -> [u8; 24] {
    let Ok(Datagram::Retry { token, .. }) = datagram::parse(&retry.bytes) else {
        panic!("no RETRY")
    };
    token
}

/// A01, A02: random bytes of every length and type, with and without a fitting checksum, and
/// every flipped bit and truncation of real datagrams: no answer, only counters; and the
/// connection goes on. What is damaged never gets as far as a key [W-04].
#[test]
fn junk_is_counted_and_never_answered() {
    let mut world = World::new(1);
    world.connect_with(None, Identify::Anonymous, None);
    world.run(Duration::from_secs(1));
    let before = world.counters(SERVER);
    let from = world.hosts[CLIENT].address;
    for len in 0..1500 {
        let mut bytes = vec![0; len];
        world.rng.fill_bytes(&mut bytes);
        if let Some(kind) = bytes.first_mut() {
            *kind = (len % 14) as u8;
        }
        assert!(world.inject(SERVER, from, &bytes).is_empty(), "{len}");
        if len > 4 {
            fix_crc(&mut bytes);
            // DATA for an unknown connection is answered by RESET; there is a test for that.
            if bytes[0] != DATA {
                assert!(world.inject(SERVER, from, &bytes).is_empty(), "{len} with CRC");
            }
        }
    }
    let real: Vec<Packet> = world.sent.iter().take(12).cloned().collect();
    for packet in real {
        let to = if packet.from == address(CLIENT) { SERVER } else { CLIENT };
        for bit in 0..packet.bytes.len() * 8 {
            let mut flipped = packet.bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(world.inject(to, packet.from, &flipped).is_empty());
        }
        for len in 0..packet.bytes.len() {
            assert!(world.inject(to, packet.from, &packet.bytes[..len]).is_empty());
        }
    }
    let after = world.counters(SERVER);
    assert!(after.bad_crc > before.bad_crc && after.bad_length > before.bad_length);
    assert!(after.malformed > before.malformed && after.unknown_type > before.unknown_type);
    assert_eq!(after.bad_tag, before.bad_tag, "no bit got as far as the keys");
    world.assert_talks(CLIENT, SERVER);
}

/// A03: a true checksum over a false tag, and a false one over a true tag: both are dropped, and
/// only the first is a forgery [W-04].
#[test]
fn only_what_passes_the_checksum_is_a_forgery() {
    let mut world = World::new(3);
    world.connect_with(None, Identify::Anonymous, None);
    world.run(Duration::from_secs(1));
    // A datagram that the server has not seen.
    world.filter = Box::new(|_| Fate::Drop);
    let handle = world.connected(CLIENT).unwrap();
    let stream = world.hosts[CLIENT].endpoint.open(handle, Class::Chat).unwrap();
    world.hosts[CLIENT].endpoint.write(handle, stream, b"held back").unwrap();
    world.drain();
    let fresh = world.sent_by(CLIENT, DATA).pop().unwrap();
    let inject = |world: &mut World, bytes: &[u8]| {
        let before = world.counters(SERVER);
        world.inject(SERVER, fresh.from, bytes);
        let after = world.counters(SERVER);
        let accepted = after.accepted - before.accepted;
        (after.bad_crc - before.bad_crc, after.bad_tag - before.bad_tag, accepted)
    };
    let mut forged = fresh.bytes.clone();
    let end = forged.len() - CRC_LEN;
    forged[end - 1] ^= 1;
    fix_crc(&mut forged);
    assert_eq!(inject(&mut world, &forged), (0, 1, 0));
    let mut damaged = fresh.bytes.clone();
    damaged[end] ^= 1;
    assert_eq!(inject(&mut world, &damaged), (1, 0, 0));
    assert_eq!(inject(&mut world, &fresh.bytes), (0, 0, 1), "neither harmed the true one");
}

/// A07: the longest datagram that UDP has, of every type and with a true checksum.
#[test]
fn a_datagram_of_any_length_is_dropped_whole() {
    let mut world = World::new(4);
    world.connect_with(None, Identify::Anonymous, None);
    world.run(Duration::from_secs(1));
    let from = world.hosts[CLIENT].address;
    let before = world.counters(SERVER);
    for kind in 0..=u8::MAX {
        for len in [1501, 9000, 65_507] {
            let mut long = vec![kind; len];
            fix_crc(&mut long);
            let sent = world.inject(SERVER, from, &long);
            assert!(sent.iter().all(|reply| reply.bytes.len() < 100), "{kind} {len}");
        }
    }
    assert_eq!(world.counters(SERVER).accepted, before.accepted);
    world.assert_talks(CLIENT, SERVER);
}

/// A02 for an attacker who makes the checksum fit: every bit of INIT and of RESP counts.
#[test]
fn no_bit_of_a_handshake_is_without_guard() {
    let mut world = World::new(2);
    let init = caught_init(&mut world, Identify::Known);
    let from = address(CLIENT);
    for bit in 0..(init.len() - CRC_LEN) * 8 {
        let mut bad = init.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fix_crc(&mut bad);
        assert!(world.inject(SERVER, from, &bad).is_empty(), "bit {bit}");
    }
    let resp = world.inject(SERVER, from, &init);
    assert_eq!((resp.len(), resp[0].kind()), (1, RESP));
    for bit in 0..(resp[0].bytes.len() - CRC_LEN) * 8 {
        // The sender's index is not in the Noise message: wrong, it leads DATA astray, which an
        // attacker in the path can do anyway.
        if (32..64).contains(&bit) {
            continue;
        }
        let mut bad = resp[0].bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fix_crc(&mut bad);
        world.inject(CLIENT, address(SERVER), &bad);
        assert_eq!(world.connections(CLIENT), 0, "bit {bit}");
    }
    world.inject(CLIENT, stranger(), &resp[0].bytes);
    assert_eq!(world.connections(CLIENT), 0, "from another address");
    world.inject(CLIENT, address(SERVER), &resp[0].bytes);
    assert_eq!(world.connections(CLIENT), 1, "the true one is taken after all that (B08)");
}

/// B06, B07: [W-05], [W-20]: a scanner, and datagrams that are themselves answers, get none;
/// also not when they seem to come from the server itself.
#[test]
fn answers_are_never_answered() {
    let mut world = World::new(3);
    let init = caught_init(&mut world, Identify::Known);
    let mut scan = init.clone();
    let mac_at = 32 + usize::from(u16::from_be_bytes([scan[2], scan[3]]));
    scan[mac_at] ^= 1;
    fix_crc(&mut scan);
    assert!(world.inject(SERVER, stranger(), &scan).is_empty());
    assert_eq!(world.counters(SERVER).bad_mac, 1);
    let answers = [
        datagram::hello_reply(&[1; 16], &[2; 32], &[3; 24]),
        datagram::retry(&[1; 16], &[3; 24]),
        datagram::resp(1, 2, &[4; 70]),
        datagram::reset([1; 12], &[2; 16]),
    ];
    for host in [SERVER, CLIENT] {
        for from in [stranger(), address(SERVER), address(CLIENT)] {
            for answer in &answers {
                assert!(world.inject(host, from, answer).is_empty());
            }
        }
    }
}

/// A client answers neither HELLO nor INIT.
#[test]
fn an_endpoint_that_takes_no_strangers_is_silent() {
    let mut world = World::new(4);
    let init = caught_init(&mut world, Identify::Known);
    assert!(world.inject(CLIENT, stranger(), &init).is_empty());
    assert!(world.inject(CLIENT, stranger(), &datagram::hello(&[1; 16])).is_empty());
    assert_eq!(world.counters(CLIENT).unknown_type, 2);
}

/// B03, B04: [W-20], [W-24]: each way in which a token can be wrong. For NK all of them end in
/// RETRY, none in a handshake.
#[test]
fn a_wrong_token_is_no_token() {
    let mut world = World::new(5);
    let init = caught_init(&mut world, Identify::Anonymous);
    let from = address(CLIENT);
    let retry = &world.inject(SERVER, from, &init)[0];
    let good = token_in_retry(retry);
    let with = |token| remade(&init, token, |_| ());
    let tokens = Tokens::new(&[0x70; 32], 0);
    let Ok(Datagram::Init(parsed)) = datagram::parse(&init) else { panic!() };
    let now = world.now;
    let wrong = [
        ("random", [0xab; 24]),
        (
            "other port",
            tokens.address_token(now, "192.0.2.2:4001".parse().unwrap(), &parsed.nonce()),
        ),
        ("other address", tokens.address_token(now, stranger(), &parsed.nonce())),
        ("other message", tokens.address_token(now, from, &[7; 16])),
        ("other secret", Tokens::new(&[1; 32], 0).address_token(now, from, &parsed.nonce())),
        (
            "expired",
            tokens.address_token(
                now.saturating_sub(Duration::from_secs(10)),
                from,
                &parsed.nonce(),
            ),
        ),
        ("future", tokens.address_token(now + Duration::from_secs(2), from, &parsed.nonce())),
        ("for another key", tokens.return_token(now, from, Some(client_key().public()))),
    ];
    for (name, token) in wrong {
        let answer = world.inject(SERVER, from, &with(token));
        assert_eq!((answer.len(), answer[0].kind()), (1, RETRY), "{name}");
        assert_eq!(answer[0].bytes.len(), 48);
    }
    assert_eq!(world.counters(SERVER).handshakes, 0);
    assert_eq!(world.counters(SERVER).bad_token, wrong.len() as u64);
    // B04: with another message, whose first half is the one that the token names.
    let other = remade(&init, good, |message| message[20] ^= 1);
    assert!(world.inject(SERVER, from, &other).is_empty());
    assert_eq!(world.counters(SERVER).bad_handshake, 1);
    assert_eq!(world.inject(SERVER, from, &with(good))[0].kind(), RESP);
}

/// B09: [W-17]: forged RETRYs, even with the right echo, are honoured once; after that they move
/// nothing, and without the echo they never do.
#[test]
fn a_loop_of_retries_is_honoured_once() {
    let mut world = World::new(6);
    let init = caught_init(&mut world, Identify::Known);
    let echo: [u8; 16] = init[32..48].try_into().unwrap();
    for number in 0..100 {
        let blind = datagram::retry(&[number; 16], &[number; 24]);
        assert!(world.inject(CLIENT, address(SERVER), &blind).is_empty());
        let elsewhere = datagram::retry(&echo, &[number; 24]);
        assert!(world.inject(CLIENT, stranger(), &elsewhere).is_empty());
    }
    let mut answers = 0;
    for number in 0..100 {
        let seen = datagram::retry(&echo, &[number; 24]);
        answers += world.inject(CLIENT, address(SERVER), &seen).len();
    }
    assert_eq!(answers, 1);
    // The server sees a bad token; being under no load it needs none from a known device.
    world.filter = Box::new(|_| Fate::Deliver);
    assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
}

/// B08: [W-17]: a forged RETRY that is faster than the true one, and one after it, cost a repetition
/// or two and not the attempt, although without a token the server answers nothing else.
#[test]
fn a_forged_retry_does_not_keep_the_true_one_out() {
    for pause in [0, 31, 100] {
        let mut world = World::new(60);
        world.connect(Identify::Anonymous);
        let init = world.sent_by(CLIENT, INIT_NK)[0].bytes.clone();
        let echo: [u8; 16] = init[32..48].try_into().unwrap();
        world.run(Duration::from_millis(pause));
        world.inject(CLIENT, address(SERVER), &datagram::retry(&echo, &[9; 24]));
        let took = world.run_until(Duration::from_secs(1), World::both_connected);
        assert!(took.is_some(), "forged after {pause} ms");
    }
}

/// [W-15], [W-16]: HELLO_REPLYs from beside the path cannot know the nonce.
#[test]
fn a_blind_spoofer_shows_no_key() {
    let mut world = World::new(7);
    world.filter =
        Box::new(|packet| if packet.kind() == HELLO_REPLY { Fate::Drop } else { Fate::Deliver });
    world.connect_with(None, Identify::Anonymous, None);
    let evil = StaticKey::from_private([0x66; 32]).public();
    for number in 0..=255 {
        let reply = datagram::hello_reply(&[number; 16], &evil.0, &[0; 24]);
        assert!(world.inject(CLIENT, address(SERVER), &reply).is_empty());
    }
    world.filter = Box::new(|_| Fate::Deliver);
    assert!(world.run_until(Duration::from_secs(2), World::both_connected).is_some());
}

/// C03: [W-12], [W-28]: an INIT sent again by somebody who recorded it makes no connection, at once,
/// after an hour or after a restart, and does not touch the one that it once made.
#[test]
fn a_recorded_init_makes_nothing() {
    let mut world = World::new(8);
    world.connect(Identify::Known);
    world.run(Duration::from_secs(1));
    let init = world.sent_by(CLIENT, INIT_IK)[0].bytes.clone();
    for (pause, from) in [
        (Duration::ZERO, address(CLIENT)),
        (Duration::from_secs(1), address(CLIENT)),
        (Duration::from_secs(1), stranger()),
        (Duration::from_secs(3600), address(CLIENT)),
        (Duration::ZERO, stranger()),
    ] {
        world.run(pause);
        world.inject(SERVER, from, &init);
        world.run(Duration::from_secs(1));
        assert_eq!((world.connections(SERVER), world.connections(CLIENT)), (1, 1));
    }
    world.assert_talks(CLIENT, SERVER);
    world.restart(SERVER, server_config(), 80);
    world.inject(SERVER, address(CLIENT), &init);
    world.run(Duration::from_secs(11));
    assert_eq!(world.connections(SERVER), 0);
}

/// C04: the answer to one INIT does not complete another, nor does it complete its own twice.
#[test]
fn resp_replayed_and_swapped() {
    let mut world = World::new(9);
    world.filter =
        Box::new(|packet| if packet.kind() == RESP { Fate::Drop } else { Fate::Deliver });
    world.connect(Identify::Known);
    world.connect(Identify::Known);
    world.run(Duration::from_millis(50));
    let resps = world.sent_by(SERVER, RESP);
    let (one, two) = (resps[0].bytes.clone(), resps[1].bytes.clone());
    let mut swapped = one.clone();
    swapped[8..12].copy_from_slice(&two[8..12]);
    fix_crc(&mut swapped);
    world.inject(CLIENT, address(SERVER), &swapped);
    assert_eq!(world.connections(CLIENT), 0);
    assert_eq!(world.counters(CLIENT).bad_handshake, 1);
    assert!(world.inject(SERVER, address(CLIENT), &one).is_empty(), "reflected");
    world.inject(CLIENT, address(SERVER), &one);
    world.inject(CLIENT, address(SERVER), &one);
    assert_eq!(world.connections(CLIENT), 1);
    world.inject(CLIENT, address(SERVER), &two);
    assert_eq!(world.connections(CLIENT), 2);
}

/// B15: [W-33]: RESETs with guessed tokens, and damaged DATA, end nothing.
#[test]
fn a_reset_with_a_guessed_token_is_ignored() {
    let mut world = World::new(10);
    world.connect(Identify::Known);
    world.run(Duration::from_secs(1));
    for number in 0..=255 {
        for host in [SERVER, CLIENT] {
            let reset = datagram::reset([number; 12], &[number; 16]);
            assert!(world.inject(host, address(1 - host), &reset).is_empty());
        }
    }
    assert_eq!((world.closed(SERVER), world.closed(CLIENT)), (None, None));
    world.assert_talks(CLIENT, SERVER);
}

/// J03, B15: [W-30], [W-31], [W-32]: a server that has restarted tells its clients, with one
/// datagram that is shorter than what it answers; the clients believe it.
#[test]
fn a_restarted_server_resets_its_clients() {
    let mut world = World::new(11);
    let handle = world.connect(Identify::Known);
    world.run(Duration::from_secs(1));
    world.restart(SERVER, server_config(), 110);
    let stream = world.hosts[CLIENT].endpoint.open(handle, Class::Chat).unwrap();
    world.hosts[CLIENT].endpoint.write(handle, stream, b"are you there?").unwrap();
    world.drain();
    let took = world.run_until(Duration::from_secs(5), |world| world.closed(CLIENT).is_some());
    assert_eq!(took, Some(Duration::from_millis(30)));
    assert_eq!(world.closed(CLIENT), Some(&ConnectionError::Reset));
    assert_eq!(world.counters(SERVER).resets_sent, 1);
    assert_eq!(world.sent_by(SERVER, DATA).last().unwrap().bytes.len(), 36);
    // With another secret on disk, it could not.
    let mut world = World::new(11);
    world.connect(Identify::Known);
    world.run(Duration::from_secs(1));
    let mut forgetful = server_config();
    forgetful.token_secret = [9; 32];
    world.restart(SERVER, forgetful, 110);
    world.run(Duration::from_secs(12));
    assert!(world.counters(SERVER).resets_sent > 0);
    assert_eq!(world.closed(CLIENT), None);
}

/// [W-30]: two endpoints that know nothing of each other's connections do not talk for ever.
#[test]
fn resets_do_not_loop() {
    let mut world = World::new(12);
    let mut data = vec![DATA, 0, 0, 0, 1, 2, 3, 4];
    data.resize(100, 7);
    datagram::append_crc(&mut data, 0);
    let answer = world.inject(SERVER, address(CLIENT), &data);
    assert_eq!((answer.len(), answer[0].bytes.len()), (1, 36));
    world.run(Duration::from_secs(5));
    assert_eq!(world.counters(SERVER).resets_sent + world.counters(CLIENT).resets_sent, 1);
    let mut shortest = data.clone();
    shortest.truncate(37);
    fix_crc(&mut shortest);
    world.run(Duration::from_secs(1));
    assert_eq!(world.inject(SERVER, address(CLIENT), &shortest)[0].bytes.len(), 36);
}

/// The reset token follows the client to its new address [W-31], and the one before stays good:
/// the client may be back where it was when the server has restarted [W-33].
#[test]
fn a_client_that_has_moved_is_reset_too() {
    let (there, home) = ("198.51.100.9:9".parse().unwrap(), address(CLIENT));
    for (moves, last) in [(&[there][..], there), (&[there], home), (&[there, home], there)] {
        let mut world = World::new(13);
        let handle = world.connect(Identify::Known);
        world.run(Duration::from_secs(1));
        for place in moves {
            world.hosts[CLIENT].address = *place;
            world.assert_talks(CLIENT, SERVER);
            world.run(Duration::from_secs(3));
        }
        world.hosts[CLIENT].address = last;
        world.restart(SERVER, server_config(), 130);
        let stream = world.hosts[CLIENT].endpoint.open(handle, Class::Chat).unwrap();
        world.hosts[CLIENT].endpoint.write(handle, stream, b"hello?").unwrap();
        world.drain();
        world.run(Duration::from_secs(1));
        assert_eq!(world.closed(CLIENT), Some(&ConnectionError::Reset), "{moves:?} {last}");
    }
}

/// An INIT of a version that does not exist is counted, not read (J09) [W-02].
#[test]
fn another_version() {
    let mut world = World::new(14);
    let mut init = caught_init(&mut world, Identify::Known);
    init[1] = 2;
    fix_crc(&mut init);
    assert!(world.inject(SERVER, stranger(), &init).is_empty());
    assert_eq!(world.counters(SERVER).unknown_version, 1);
}
