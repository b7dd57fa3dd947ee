//! A peer that holds valid keys and means harm.

use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use super::*;
use crate::codec::VARINT_MAX;
use crate::error::ProtocolError;
use crate::frame::Ack;

fn ack(start: u64, end: u64) -> Frame<'static> {
    Frame::Ack(Ack { delay: 0, ranges: vec![(start, end)], ecn: None })
}

/// B says this; gives what A thinks of it.
fn told(frames: &[Frame<'_>]) -> (Pair, Option<ConnectionError>) {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.transfer(50_000, secs(2));
    pair.settle();
    let datagram = pair.forge(B, 5000, frames);
    pair.deliver(datagram);
    pair.serve(A);
    let error = pair.closed(A).cloned();
    (pair, error)
}

/// E03 [W-51]
#[test]
fn acknowledging_what_was_never_sent_ends_the_connection() {
    let optimistic = Some(ConnectionError::Protocol(ProtocolError::OptimisticAck));
    assert_eq!(told(&[ack(0, 1_000_000)]).1, optimistic);
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.transfer(1 << 20, secs(5));
    let mut seen = Vec::new();
    pair.run_for(secs(1));
    let last = pair.last_number[A].unwrap();
    assert_eq!(told(&[ack(last + 1, last + 1)]).1, optimistic);
    // A number was left out among so many: who acknowledges all of them did not look.
    let datagram = pair.forge(B, 5000, &[ack(0, last)]);
    seen.push(pair.deliver(datagram));
    pair.serve(A);
    assert_eq!(pair.closed(A).cloned(), optimistic);
}

#[test]
fn repeated_and_old_acknowledgements_do_nothing() {
    let (mut pair, error) = told(&[ack(0, 0), ack(0, 0), ack(0, 5)]);
    assert_eq!(error, None);
    pair.transfer(50_000, secs(2));
}

/// A05 A06 [W-49]
#[test]
fn unknown_frames_garbage_and_emptiness_end_it_politely() {
    for payload in [&[0x7f][..], &[], &[0x02], &[0x01, 0x0e]] {
        let mut pair = Pair::new(Link::clean(ms(10)));
        pair.run_for(secs(1));
        let mut datagram = pair.forge(B, 5000, &[]);
        datagram.bytes.truncate(16);
        let mut sealed = payload.to_vec();
        let tag = keys(0, B).seal(5000, &datagram.bytes, &mut sealed);
        datagram.bytes.extend(sealed);
        datagram.bytes.extend(tag);
        assert_eq!(pair.deliver(datagram), Received::Accepted);
        pair.run_for(secs(5));
        assert!(matches!(pair.closed(A), Some(ConnectionError::Protocol(_))), "{payload:?}");
        let Some(ConnectionError::ClosedByPeer(reason)) = pair.closed(B) else {
            panic!("{:?}", pair.closed(B));
        };
        assert!(reason.code > 0xffff_ff00, "{reason}");
    }
}

/// [W-76] A peer that talks on but acknowledges nothing is not held for ever, and little memory
/// for it.
#[test]
fn a_peer_that_never_acknowledges_is_given_up() {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.transfer(50_000, secs(2));
    pair.settle();
    pair.sides[A]
        .open(Class::Bulk)
        .map(|id| pair.sides[A].write(id, &[0; 100_000]))
        .unwrap()
        .unwrap();
    pair.tamper = Box::new(|datagram| (datagram.to == B).then_some(datagram));
    let mut number = 5000;
    let start = pair.now;
    while pair.closed(A).is_none() {
        assert!(pair.now - start < secs(40));
        for _ in 0..20 {
            number += 2;
            let datagram = pair.forge(B, number, &[Frame::Ping]);
            pair.deliver(datagram);
        }
        pair.run_for(ms(20));
        assert!(pair.sides[A].stats().bytes_in_flight < 200_000);
    }
    assert_eq!(pair.closed(A), Some(&ConnectionError::TimedOut));
    assert!(pair.now - start >= secs(29));
}

/// E02: everything that provokes an answer, ten thousand times without a chance to answer.
#[test]
fn provoked_answers_are_bounded() {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.run_for(secs(1));
    let before = pair.sides[A].stats().datagrams_sent;
    for number in 0..10_000 {
        let frames = [
            Frame::PathChallenge([number as u8; 8]),
            Frame::Ping,
            Frame::NewToken([1; 24]),
            Frame::ResetToken([2; 16]),
        ];
        let datagram = pair.forge(B, 10_000 + number * 3, &frames);
        assert_eq!(pair.deliver(datagram), Received::Accepted);
    }
    assert!(pair.sides[A].outputs.len() <= 4, "{}", pair.sides[A].outputs.len());
    pair.tamper = Box::new(|_| None);
    pair.transmit(A);
    assert!(pair.sides[A].stats().datagrams_sent - before <= 6);
    assert!(pair.closed(A).is_none());
}

/// C12: a number that jumps by 2^40 moves the replay window only if its tag is right.
#[test]
fn a_forged_jump_of_the_packet_number_does_not_wipe_the_window() {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.transfer(50_000, secs(2));
    pair.settle();
    let replay = pair.forge(B, 1, &[Frame::Ping]);
    let mut jump = pair.forge(B, 1 << 40, &[Frame::Ping]);
    *jump.bytes.last_mut().unwrap() ^= 1;
    assert_eq!(pair.deliver(jump), Received::BadTag);
    assert_eq!(pair.deliver(replay.clone()), Received::Replayed, "number 1 was used");
    let next = pair.last_number[B].unwrap() + 1;
    let fresh = pair.forge(B, next, &[Frame::Ping]);
    assert_eq!(pair.deliver(fresh), Received::Accepted);
    // The honest key holder may jump, and what lies behind is then too old.
    let jump = pair.forge(B, 1 << 40, &[Frame::Ping]);
    assert_eq!(pair.deliver(jump.clone()), Received::Accepted);
    assert_eq!(pair.deliver(jump), Received::Replayed);
    let behind = pair.forge(B, next + 1, &[Frame::Ping]);
    assert_eq!(pair.deliver(behind), Received::Replayed);
    let beyond = pair.forge(B, 1 << 60, &[Frame::Ping]);
    assert_eq!(pair.deliver(beyond), Received::Replayed, "[W-50]");
    pair.transmit(A);
}

/// A02: every single flipped bit and every truncation is dropped and changes nothing.
#[test]
fn damaged_packets_are_dropped() {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.run_for(secs(1));
    let good = pair.forge(B, 5000, &[Frame::Ping, Frame::MaxData(1 << 30)]);
    for bit in 0..good.bytes.len() * 8 {
        let mut bad = good.clone();
        bad.bytes[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(pair.deliver(bad), Received::Accepted, "bit {bit}");
    }
    for len in 0..good.bytes.len() {
        let mut bad = good.clone();
        bad.bytes.truncate(len);
        assert_ne!(pair.deliver(bad), Received::Accepted, "length {len}");
    }
    assert_eq!(pair.deliver(good), Received::Accepted);
}

/// Numbers at which arithmetic goes wrong, if it does.
fn edge(rng: &mut ChaCha20Rng) -> u64 {
    let any = rng.next_u64() >> (rng.next_u32() % 64).max(2);
    [0, 1, 2, 1 << 14, 1 << 32, 1 << 60, VARINT_MAX - 1, VARINT_MAX, any, any]
        [rng.next_u32() as usize % 10]
}

fn any_stream(rng: &mut ChaCha20Rng) -> StreamId {
    loop {
        let raw = if rng.next_u32().is_multiple_of(8) {
            edge(rng)
        } else {
            u64::from(rng.next_u32() % 64)
        };
        if let Some(id) = StreamId::from_raw(raw) {
            return id;
        }
    }
}

/// Any frame, mostly one that makes sense at first sight.
fn any_frame(rng: &mut ChaCha20Rng, newest: u64) -> Frame<'static> {
    let id = any_stream(rng);
    let bytes: &'static [u8] = &[7; 600];
    let len = rng.next_u32() as usize % 600;
    match rng.next_u32() % 14 {
        0 => Frame::Ping,
        1 | 2 => {
            let end = newest.saturating_sub(edge(rng) % 64);
            let start = end.saturating_sub(edge(rng));
            let mut ranges = vec![(start, end)];
            if start > 2 {
                let end = start - 2 - edge(rng) % (start - 1);
                ranges.push((end - edge(rng) % (end + 1), end));
            }
            let ecn = (rng.next_u32().is_multiple_of(3)).then(|| crate::frame::EcnCounts {
                ect0: edge(rng),
                ect1: edge(rng),
                ce: edge(rng),
            });
            Frame::Ack(Ack { delay: edge(rng), ranges, ecn })
        }
        3 => Frame::ResetStream { id, code: rng.next_u32(), final_size: edge(rng) },
        4 => Frame::StopSending { id, code: rng.next_u32() },
        5 => Frame::MaxData(edge(rng)),
        6 => Frame::MaxStreamData { id, max: edge(rng) },
        7 => Frame::MaxStreams { class: id.class(), max: edge(rng) },
        8 => Frame::PathChallenge([rng.next_u32() as u8; 8]),
        9 => Frame::PathResponse([rng.next_u32() as u8; 8]),
        10 => {
            let steps = [RekeyStep::Wanted, RekeyStep::First, RekeyStep::Second];
            let step = steps[rng.next_u32() as usize % 3];
            let epoch = (rng.next_u32() % 3) as u8;
            Frame::Rekey { epoch, step, message: &bytes[..len % 256] }
        }
        11 => Frame::Padding,
        _ => {
            let offset = edge(rng).min(VARINT_MAX - 600);
            Frame::Stream { id, offset, data: &bytes[..len.max(1)], fin: len.is_multiple_of(7) }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A09 E04 E07: whatever either side says, from wherever, nothing panics at the other, timers go
    /// forward, memory stays bounded, and the connection lives or ends in order.
    #[test]
    fn nothing_that_a_peer_says_does_harm(seed: [u8; 32]) {
        let mut rng = Seed::new(seed).rng();
        let mut pair = Pair::new(Link::clean(ms(10)));
        pair.transfer(20_000, secs(2));
        pair.checks_content = false;
        let (attacker, victim) = if rng.next_u32().is_multiple_of(2) { (A, B) } else { (B, A) };
        pair.send_file(victim, Class::Bulk, 1 << 20);
        pair.tamper = Box::new(move |datagram| (datagram.to == attacker).then_some(datagram));
        let mut number = 5000;
        for _ in 0..100 {
            number += 1 + edge(&mut rng) % 10_000;
            let newest = pair.last_number[victim].unwrap_or(0);
            let count = 1 + rng.next_u32() % 4;
            let frames: Vec<_> = (0..count).map(|_| any_frame(&mut rng, newest)).collect();
            let mut datagram = pair.forge(attacker, number, &frames);
            if rng.next_u32().is_multiple_of(8) {
                datagram.from.set_port(rng.next_u32() as u16);
            }
            pair.deliver(datagram);
            let wait = u64::from(rng.next_u32() % 300);
            pair.run_for(ms(wait));
            let stats = pair.sides[victim].stats();
            prop_assert!(stats.buffered_bytes < 24 << 20, "{stats:?}");
        }
        pair.run_for(secs(70));
        prop_assert!(pair.closed(victim).is_some(), "silence ends what did not end before");
        prop_assert!(pair.sides[victim].is_dead());
    }
}
