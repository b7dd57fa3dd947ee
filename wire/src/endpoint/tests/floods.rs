//! Floods: what many senders, or one with many addresses, can make a server do.

use super::half_open::MAX_HALF_OPEN;
use super::*;
use crate::crypto::mac::Mac1;
use crate::crypto::noise::{Initiator, Keys, Pattern, Prologue};
use crate::crypto::token::{NO_TOKEN, Tokens};
use crate::datagram::{self, InitKind, Nonce, Token, VERSION};
use crate::parameters::TransportParameters;

const RETRY: u8 = 6;
const RESP: u8 = 7;

/// A whole INIT of an attacker with a throw-away key: cryptographically perfect.
fn perfect_init(kind: InitKind, number: u32, token: impl FnOnce(&Nonce) -> Token) -> Vec<u8> {
    let pattern = match kind {
        InitKind::Anonymous => Pattern::Nk,
        InitKind::Known | InitKind::Peer => Pattern::Ik,
    };
    let prologue = Prologue::first(pattern, server_config().label, &[VERSION], b"");
    let mut seed = [0xee; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let key = StaticKey::from_private(seed);
    let keys = Keys { local: (pattern == Pattern::Ik).then_some(&key), psk: None };
    let mut payload = Vec::new();
    TransportParameters::from_config(&TransportConfig::default()).encode(&mut payload);
    let server = server_key().public();
    let (_, message) =
        Initiator::start(pattern, &prologue, keys, &server, Seed::new(seed), &payload).unwrap();
    let token = token(message.first_chunk().unwrap());
    datagram::init(kind, number, &token, &message, |macd| Mac1::new(&server).compute(macd))
}

fn server() -> World {
    World::of(1, vec![server_config()])
}

/// B01, B02: [W-05], [W-20]: from a million addresses nothing is kept, and every answer is a
/// RETRY of 48 bytes to 1200.
#[test]
fn anonymous_inits_without_token_leave_no_trace() {
    let mut world = server();
    let init = perfect_init(InitKind::Anonymous, 1, |_| NO_TOKEN);
    for number in 0..20_000 {
        let source = Source { address: any_address(number), ecn: Ecn::NotCapable };
        let host = &mut world.hosts[SERVER];
        host.endpoint.handle_datagram(world.now, source, &mut init.clone());
        let mut buffer = Vec::new();
        let sent = host.endpoint.poll_transmit(world.now, &mut buffer, 10).unwrap();
        assert_eq!((sent.destination, buffer[0], buffer.len()), (source.address, RETRY, 48));
    }
    let counters = world.counters(SERVER);
    assert_eq!((counters.retries_sent, counters.handshakes), (20_000, 0));
    assert_eq!(world.hosts[SERVER].endpoint.poll_timeout(), None, "nothing to forget");
    assert!(counters.stranger_bytes_out * 20 <= counters.stranger_bytes_in);
}

/// [W-25]: known devices need no token until many come at once; then they do, and when it is
/// over they do not.
#[test]
fn load_makes_tokens_obligatory_for_a_while() {
    let mut world = server();
    let mut kinds = BTreeMap::new();
    for number in 0..300 {
        let init = perfect_init(InitKind::Known, number, |_| NO_TOKEN);
        for packet in world.inject(SERVER, any_address(number), &init) {
            *kinds.entry(packet.kind()).or_insert(0) += 1;
        }
    }
    assert_eq!(kinds, [(RETRY, 171), (RESP, 129)].into());
    world.run(Duration::from_millis(1000));
    let init = perfect_init(InitKind::Known, 999, |_| NO_TOKEN);
    assert_eq!(world.inject(SERVER, any_address(999), &init)[0].kind(), RESP);
}

/// B05: [W-26], [W-27]: with valid tokens the rates of prefix and server hold.
#[test]
fn valid_tokens_do_not_buy_unlimited_handshakes() {
    let mut world = server();
    let tokens = Tokens::new(&server_config().token_secret, 0);
    let answered = |world: &mut World, number: u32, from: SocketAddr| {
        let token = |nonce: &Nonce| tokens.address_token(world.now, from, nonce);
        let init = perfect_init(InitKind::Anonymous, number, token);
        world.inject(SERVER, from, &init).len()
    };
    let one_prefix: usize =
        (0..100).map(|number| answered(&mut world, number, any_address(7))).sum();
    assert_eq!(one_prefix, 5);
    world.run(Duration::from_secs(1));
    let many: usize = (0..1000).map(|n| answered(&mut world, 1000 + n, any_address(n))).sum();
    assert_eq!(many, 512);
    assert_eq!(world.counters(SERVER).limited, 95 + 488);
}

/// B14: [W-28], [W-29]: half-open sessions are bounded in number and in age; the oldest go, and
/// nothing prolongs their life.
#[test]
fn half_open_sessions_are_bounded() {
    let mut world = server();
    let (mut first, mut count) = (None, 0);
    for number in 0..4096 {
        let init = perfect_init(InitKind::Known, number, |nonce| {
            Tokens::new(&server_config().token_secret, 0).address_token(
                world.now,
                any_address(number),
                nonce,
            )
        });
        first.get_or_insert(init.clone());
        count += world.inject(SERVER, any_address(number), &init).len();
        if number % 500 == 499 {
            world.run(Duration::from_millis(150));
        }
    }
    assert_eq!(count, 4096);
    let half_open = |world: &World| world.hosts[SERVER].endpoint.answers.half_open();
    assert_eq!(half_open(&world), MAX_HALF_OPEN);
    // Fed just before its end, a session ends all the same.
    let last = perfect_init(InitKind::Known, 4095, |nonce| {
        Tokens::new(&server_config().token_secret, 0).address_token(
            world.now,
            any_address(4095),
            nonce,
        )
    });
    for _ in 0..9 {
        world.run(Duration::from_secs(1));
        assert_eq!(world.inject(SERVER, any_address(4095), &last).len(), 1, "the same RESP");
    }
    world.run(Duration::from_secs(2));
    assert_eq!(half_open(&world), 0);
    assert_eq!(world.hosts[SERVER].endpoint.poll_timeout(), None);
    assert_eq!(world.counters(SERVER).handshakes, 4096);
}

/// [W-28]: one INIT from ever new addresses, none of them proven, is computed once; afterwards
/// nothing of it is left, neither a session nor an index.
#[test]
fn copies_of_an_init_from_elsewhere_are_not_computed() {
    let mut world = server();
    let init = perfect_init(InitKind::Known, 1, |_| NO_TOKEN);
    assert_eq!(world.inject(SERVER, any_address(0), &init)[0].kind(), RESP);
    for number in 1..100 {
        let answer = world.inject(SERVER, any_address(number), &init);
        assert_eq!((answer.len(), answer[0].kind()), (1, RETRY), "from {number}");
        world.run(Duration::from_millis(20));
    }
    let server = &world.hosts[SERVER].endpoint;
    assert_eq!((server.answers.half_open(), server.table.routes()), (1, 1));
    world.run(Duration::from_secs(11));
    let server = &world.hosts[SERVER].endpoint;
    assert_eq!((server.answers.half_open(), server.table.routes()), (0, 0));
    assert_eq!(world.counters(SERVER).handshakes, 1);
}

/// A flood of half-open sessions leaves those that are up alone.
#[test]
fn a_flood_does_not_disturb_a_connection() {
    let mut world = World::new(2);
    world.connect(Identify::Known);
    world.run(Duration::from_secs(1));
    for number in 0..3000 {
        let token = |nonce: &Nonce| {
            Tokens::new(&server_config().token_secret, 0).address_token(
                world.now,
                any_address(number),
                nonce,
            )
        };
        let init = perfect_init(InitKind::Known, number, token);
        world.inject(SERVER, any_address(number), &init);
        if number % 500 == 499 {
            world.run(Duration::from_millis(110));
            world.assert_talks(CLIENT, SERVER);
        }
    }
    assert_eq!((world.closed(SERVER), world.connections(SERVER)), (None, 1));
}
