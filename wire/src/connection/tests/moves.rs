//! Addresses that change.

use super::*;

fn other(port: u16, host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, host], port))
}

/// [W-67] [W-70] E10: the port each five seconds, then the address.
#[test]
fn a_transfer_survives_rebinding_of_port_and_of_address() {
    for by_port in [true, false] {
        let link = Link { bottleneck: Some((1_250_000, 100_000)), ..Link::clean(ms(25)) };
        let mut pair = Pair::new(link);
        let id = pair.send_file(A, Class::Bulk, 16 << 20);
        for round in 1..=3 {
            pair.run_for(secs(3));
            let new = if by_port { other(round, 0) } else { other(1, round as u8) };
            pair.addresses[A] = new;
            pair.run_for(secs(1));
            assert_eq!(pair.sides[B].remote_address(), new, "round {round}");
            assert!(pair.apps[B].outputs.contains(&ConnectionOutput::PathMoved(new)));
            assert!(pair.apps[B].events.contains(&Event::PathChanged(new)));
        }
        pair.run_until_read(B, id, secs(60));
        pair.settle();
    }
}

/// The receiver moves: the sender goes on at the new address.
#[test]
fn a_receiver_that_moves_is_followed() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.transfer(10_000, secs(1));
    let id = pair.send_file(A, Class::Bulk, 8 << 20);
    pair.run_for(ms(200));
    pair.addresses[B] = other(9, 9);
    let time = pair.run_until_read(B, id, secs(40));
    assert!(time < secs(15), "{time:?}");
    assert_eq!(pair.sides[A].remote_address(), other(9, 9));
}

/// [W-68] E11: copies from a false address, faster than the originals, get challenges worth at
/// most three times their bytes, and the data stays where it was.
#[test]
fn copies_from_a_false_address_move_nothing() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.transfer(10_000, secs(1));
    let false_address = other(666, 66);
    let mut copied = 0;
    for round in 0..50 {
        let id = pair.send_file(A, Class::Chat, 200);
        let mut buffer = Vec::new();
        let now = pair.now;
        while pair.sides[A].poll_transmit(now, &mut buffer, 1).is_some() {
            let bytes = pair.check_datagram(A, &buffer);
            copied += buffer.len() as u64;
            let copy =
                Datagram { to: B, from: false_address, ecn: Ecn::NotCapable, bytes: bytes.clone() };
            pair.deliver(copy);
            pair.put_on_link(Datagram { to: B, from: address(A), ecn: Ecn::NotCapable, bytes });
        }
        pair.run_until_read(B, id, secs(5));
        pair.run_for(ms(100));
        assert_eq!(pair.sides[B].remote_address(), address(A), "round {round}");
    }
    let sent = pair.bytes_sent_to.get(&false_address).copied().unwrap_or(0);
    assert!(sent > 0 && sent <= 3 * copied, "{sent} for {copied}");
}

/// [W-68]: nor do challenges from there draw more, as many as fit into a packet: what answers them
/// counts as well.
#[test]
fn challenges_from_a_false_address_draw_no_more_than_three_times_their_bytes() {
    for count in 1..=20 {
        let mut pair = Pair::new(Link::clean(ms(25)));
        pair.transfer(10_000, secs(1));
        let mut forged = pair.forge(A, 5000, &vec![Frame::PathChallenge([1; 8]); count]);
        forged.from = other(666, 66);
        let received = forged.bytes.len() as u64 + 4;
        pair.deliver(forged);
        pair.run_for(secs(5));
        let sent = pair.bytes_sent_to.get(&other(666, 66)).copied().unwrap_or(0);
        assert!(sent > 0 && sent <= 3 * received, "{sent} for {received}, {count} challenges");
    }
}

/// [W-70] A path that was left a moment ago is taken up again with what was known about it.
#[test]
fn going_back_needs_no_proof_and_finds_the_old_window() {
    let mut pair =
        Pair::new(Link { bottleneck: Some((12_500_000, 625_000)), ..Link::clean(ms(25)) });
    pair.send_file(B, Class::Bulk, 64 << 20);
    pair.run_for(secs(3));
    let before = pair.sides[B].stats().congestion_window;
    pair.addresses[A] = other(5, 5);
    // A must say something for B to notice.
    pair.send_file(A, Class::Chat, 100);
    while pair.sides[B].remote_address() != other(5, 5) {
        assert!(pair.step(pair.now + secs(20)));
    }
    assert!(pair.sides[B].stats().congestion_window < before / 4);
    pair.addresses[A] = address(A);
    pair.send_file(A, Class::Chat, 100);
    while pair.sides[B].remote_address() != address(A) {
        assert!(pair.step(pair.now + secs(20)));
    }
    let after = pair.sides[B].stats().congestion_window;
    assert!(after > before * 3 / 4, "{after} of {before}");
}
