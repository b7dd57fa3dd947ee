//! Handshakes of our own shape, and the published vectors through our resolver.

use serde_json::Value;

use super::*;

const PATTERNS: [Pattern; 3] = [Pattern::Nk, Pattern::Ik, Pattern::IkPsk2];
const PSK: [u8; 32] = [0x55; 32];

fn client() -> StaticKey {
    StaticKey::from_private([1; 32])
}

fn server() -> StaticKey {
    StaticKey::from_private([2; 32])
}

fn psk(pattern: Pattern) -> Option<&'static [u8; 32]> {
    match pattern {
        Pattern::Nk | Pattern::Ik => None,
        Pattern::IkPsk2 => Some(&PSK),
    }
}

fn local(pattern: Pattern, key: &StaticKey) -> Option<&StaticKey> {
    match pattern {
        Pattern::Nk => None,
        Pattern::Ik | Pattern::IkPsk2 => Some(key),
    }
}

fn prologue(pattern: Pattern) -> Prologue {
    Prologue::first(pattern, "test", &[1], b"binding")
}

fn start(pattern: Pattern, seed: u8) -> (Initiator, Vec<u8>) {
    let (key, prologue) = (client(), prologue(pattern));
    let keys = Keys { local: local(pattern, &key), psk: psk(pattern) };
    Initiator::start(pattern, &prologue, keys, &server().public(), Seed::new([seed; 32]), b"one")
        .unwrap()
}

fn respond(
    pattern: Pattern,
    prologue: &Prologue,
    seed: u8,
    message: &[u8],
) -> Result<(Finished, Vec<u8>), Refused> {
    let key = server();
    let keys = Keys { local: Some(&key), psk: psk(pattern) };
    let (responder, payload) =
        Responder::read(pattern, prologue, keys, Seed::new([seed; 32]), message)?;
    assert_eq!(payload, b"one");
    let shown = (pattern != Pattern::Nk).then(|| client().public());
    assert_eq!(responder.remote_static(), shown);
    responder.answer(b"two")
}

#[test]
fn both_sides_end_with_the_same_hash_and_matching_keys() {
    for pattern in PATTERNS {
        let (mut initiator, first) = start(pattern, 3);
        assert_eq!(first[..32], ephemeral_public(&Seed::new([3; 32])).0);
        let (theirs, second) = respond(pattern, &prologue(pattern), 4, &first).unwrap();
        let (ours, payload) = initiator.finish(&second).unwrap();
        assert_eq!(payload, b"two");
        assert_eq!(ours.hash, theirs.hash);
        let mut packet = b"ping".to_vec();
        let tag = ours.keys.seal(0, b"", &mut packet);
        packet.extend_from_slice(&tag);
        assert_eq!(theirs.keys.open(0, b"", &mut packet).unwrap(), b"ping");
    }
}

/// C04, B08: [W-13] answers that are junk, damaged, or meant for another handshake, and one's own
/// message reflected, are refused, and the true answer is taken after all of them.
#[test]
fn the_true_answer_survives_false_ones() {
    for pattern in PATTERNS {
        let (mut initiator, first) = start(pattern, 3);
        let (_, other) = start(pattern, 9);
        let (_, second) = respond(pattern, &prologue(pattern), 4, &first).unwrap();
        let (_, swapped) = respond(pattern, &prologue(pattern), 4, &other).unwrap();
        for bit in 0..second.len() * 8 {
            let mut bad = second.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // The top bit of an X25519 key is ignored (RFC 7748 section 5) but hashed.
            assert!(initiator.finish(&bad).is_err(), "{pattern:?}, bit {bit}");
        }
        for len in 0..second.len() {
            assert!(initiator.finish(&second[..len]).is_err(), "{pattern:?} cut to {len}");
        }
        for bad in [&swapped, &first, &vec![0; 60], &vec![0xff; 3000]] {
            assert!(initiator.finish(bad).is_err());
        }
        assert!(initiator.finish(&second).is_ok(), "{pattern:?}");
    }
}

/// A02: every changed bit and every missing byte of the first message.
#[test]
fn a_damaged_first_message_is_refused() {
    for pattern in PATTERNS {
        let (_, first) = start(pattern, 3);
        for bit in 0..first.len() * 8 {
            let mut bad = first.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(respond(pattern, &prologue(pattern), 4, &bad).is_err(), "bit {bit}");
        }
        for len in 0..first.len() {
            assert!(respond(pattern, &prologue(pattern), 4, &first[..len]).is_err());
        }
    }
}

/// C06: [W-11] another label, version list, pattern or binding is another prologue.
#[test]
fn every_part_of_the_prologue_counts() {
    for pattern in PATTERNS {
        let (_, first) = start(pattern, 3);
        for other in [
            Prologue::first(pattern, "other", &[1], b"binding"),
            Prologue::first(pattern, "test", &[1, 2], b"binding"),
            Prologue::first(pattern, "test", &[2], b"binding"),
            Prologue::first(pattern, "test", &[1], b""),
            Prologue::first(pattern, "tes", b"t\x01", b"binding"),
            Prologue::rekey(pattern, &[0; 32], 1),
        ] {
            assert!(respond(pattern, &other, 4, &first).is_err());
        }
    }
    let (_, first) = start(Pattern::Ik, 3);
    assert!(respond(Pattern::IkPsk2, &prologue(Pattern::IkPsk2), 4, &first).is_err());
}

/// C02: [W-10] a low-order ephemeral or static key ends the handshake on either side.
#[test]
fn low_order_keys_fail_closed() {
    for pattern in PATTERNS {
        let (key, text) = (client(), prologue(pattern));
        let keys = Keys { local: local(pattern, &key), psk: psk(pattern) };
        let zero = PublicKey([0; 32]);
        let seed = Seed::new([3; 32]);
        assert!(Initiator::start(pattern, &text, keys, &zero, seed, b"").is_err());
        let (mut initiator, mut first) = start(pattern, 3);
        first[..32].fill(0);
        assert!(respond(pattern, &text, 4, &first).is_err());
        let mut second = [0; 60];
        second[0] = 1;
        assert!(initiator.finish(&second).is_err());
    }
}

#[test]
fn the_psk_counts() {
    let (mut initiator, first) = start(Pattern::IkPsk2, 3);
    let key = server();
    let keys = Keys { local: Some(&key), psk: Some(&[0x56; 32]) };
    let text = prologue(Pattern::IkPsk2);
    let (responder, _) =
        Responder::read(Pattern::IkPsk2, &text, keys, Seed::new([4; 32]), &first).unwrap();
    let (_, second) = responder.answer(b"two").unwrap();
    assert!(initiator.finish(&second).is_err());
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Builds one side of a vector. `side` is the prefix of its fields.
fn vector_side(vector: &Value, side: &str) -> HandshakeState {
    let name = vector["protocol_name"].as_str().unwrap();
    let field = |what: &str| vector.get(format!("{side}_{what}")).map(hex);
    let (prologue, ephemeral) = (field("prologue").unwrap(), field("ephemeral"));
    let (local, remote) = (field("static"), field("remote_static"));
    let psks: Vec<[u8; 32]> = vector.get(format!("{side}_psks")).map_or(Vec::new(), |psks| {
        psks.as_array().unwrap().iter().map(|psk| hex(psk).try_into().unwrap()).collect()
    });
    let resolver = Box::new(Resolver::new(Seed::new([0; 32])));
    let mut builder =
        Builder::with_resolver(name.parse().unwrap(), resolver).prologue(&prologue).unwrap();
    if let Some(key) = &local {
        builder = builder.local_private_key(key).unwrap();
    }
    if let Some(key) = &remote {
        builder = builder.remote_public_key(key).unwrap();
    }
    if let Some(key) = &ephemeral {
        builder = builder.fixed_ephemeral_key_for_testing_only(key);
    }
    let pattern = name.split('_').nth(1).unwrap();
    let places = pattern.split("psk").skip(1).map(|place| place.trim_end_matches('+'));
    for (place, psk) in places.zip(&psks) {
        builder = builder.psk(place.parse().unwrap(), psk).unwrap();
    }
    if side == "init" {
        builder.build_initiator().unwrap()
    } else {
        builder.build_responder().unwrap()
    }
}

/// Runs one vector: handshake messages through snow, later ones through our packet keys. Says
/// how many messages agreed.
fn run_vector(vector: &Value) -> usize {
    let name = vector["protocol_name"].as_str().unwrap();
    let base = name.split('_').nth(1).unwrap().split("psk").next().unwrap();
    let one_way = ["N", "K", "X"].contains(&base);
    let (mut a, mut b) = (vector_side(vector, "init"), vector_side(vector, "resp"));
    let mut messages = vector["messages"].as_array().unwrap().iter().enumerate();
    let (mut out, mut back) = ([0; 4096], [0; 4096]);
    let mut agreed = 0;
    while !a.is_handshake_finished() {
        let (at, message) = messages.next().unwrap();
        let (payload, ciphertext) = (hex(&message["payload"]), hex(&message["ciphertext"]));
        let (from, to) = if at % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let len = from.write_message(&payload, &mut out).unwrap();
        assert_eq!(out[..len], ciphertext, "{name}, message {at}");
        let len = to.read_message(&ciphertext, &mut back).unwrap();
        assert_eq!(back[..len], payload, "{name}, message {at}");
        agreed += 1;
    }
    if let Some(hash) = vector.get("handshake_hash") {
        assert_eq!(a.get_handshake_hash(), hex(hash), "{name}");
    }
    let (a, b) = (finished(&mut a, Side::Initiator), finished(&mut b, Side::Responder));
    assert_eq!(a.hash, b.hash);
    let mut numbers = [0, 0];
    for (at, message) in messages {
        let (payload, ciphertext) = (hex(&message["payload"]), hex(&message["ciphertext"]));
        let from_initiator = one_way || at % 2 == 0;
        let (from, to) = if from_initiator { (&a, &b) } else { (&b, &a) };
        let number = &mut numbers[usize::from(!from_initiator)];
        let mut packet = payload.clone();
        let tag = from.keys.seal(*number, b"", &mut packet);
        packet.extend_from_slice(&tag);
        assert_eq!(packet, ciphertext, "{name}, message {at}");
        assert_eq!(to.keys.open(*number, b"", &mut packet).unwrap(), payload);
        *number += 1;
        agreed += 1;
    }
    agreed
}

/// C01: every vector for this suite in the files of the cacophony and snow projects, NK, IK and
/// IKpsk2 among them.
#[test]
fn published_vectors() {
    for (text, count) in [
        (include_str!("../../../../tests/vectors/noise-cacophony.json"), 59),
        (include_str!("../../../../tests/vectors/noise-snow.json"), 51),
    ] {
        let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), count);
        for vector in &vectors {
            assert!(run_vector(vector) >= 2, "{}", vector["protocol_name"]);
        }
    }
    let cacophony: Vec<Value> =
        serde_json::from_str(include_str!("../../../../tests/vectors/noise-cacophony.json"))
            .unwrap();
    for pattern in PATTERNS {
        assert!(cacophony.iter().any(|vector| vector["protocol_name"] == pattern.name()));
    }
}
