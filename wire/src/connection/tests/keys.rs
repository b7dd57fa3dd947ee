//! Keys that wear out and are replaced while data flows.

use super::*;
use crate::error::ProtocolError;

fn short_lived() -> TransportConfig {
    // Of one size, so that packets can be counted.
    TransportConfig { rekey_packets: 400, max_datagram: 1200, ..TransportConfig::default() }
}

fn rekeys(pair: &Pair) -> usize {
    pair.apps[A].outputs.iter().filter(|output| **output == ConnectionOutput::RekeyDue).count()
}

/// [W-71] [W-72] [W-73] C13: rekeys lost, duplicated and reordered with data.
#[test]
fn data_flows_on_over_many_rekeys() {
    for (loss, duplicate, reorder) in [(0, 0, 0), (10, 0, 0), (0, 30, 0), (0, 0, 30), (10, 10, 10)]
    {
        let link = Link { loss, duplicate, reorder, late: ms(15), ..Link::clean(ms(10)) };
        let mut pair = Pair::with(link, &short_lived());
        pair.transfer(2 << 20, secs(600));
        assert!(rekeys(&pair) >= 4, "{}", rekeys(&pair));
        let epoch = pair.sides[A].epochs.current();
        assert!(usize::from(epoch) >= rekeys(&pair) - 1);
        pair.link = Link::clean(ms(10));
        pair.settle();
        assert_eq!(pair.sides[A].epochs.current(), pair.sides[B].epochs.current());
    }
}

/// The responder wears its key out: it asks, the initiator begins.
#[test]
fn the_responder_asks_for_new_keys() {
    let mut pair = Pair::with(Link { loss: 5, ..Link::clean(ms(10)) }, &short_lived());
    let id = pair.send_file(B, Class::Bulk, 2 << 20);
    pair.run_until_read(A, id, secs(600));
    assert!(rekeys(&pair) >= 4);
}

/// [W-73] Two minutes of use, and no longer of idling.
#[test]
fn keys_are_replaced_after_a_time_of_use_but_not_of_idling() {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.run_for(secs(1000));
    assert_eq!(rekeys(&pair), 0);
    pair.transfer(1000, secs(1));
    pair.run_for(secs(118));
    assert_eq!(rekeys(&pair), 0);
    pair.run_for(secs(3));
    assert_eq!(rekeys(&pair), 1);
    assert_eq!((pair.sides[A].epochs.current(), pair.sides[B].epochs.current()), (1, 1));
    pair.run_for(secs(1000));
    assert_eq!(rekeys(&pair), 1);
}

/// [W-75] New keys do not come: data stops at the limit, and after a minute the
/// connection ends.
#[test]
fn a_worn_out_key_carries_no_data_and_finally_ends_the_connection() {
    let mut pair = Pair::with(Link::clean(ms(10)), &short_lived());
    pair.rekeys = false;
    pair.send_file(A, Class::Bulk, 4 << 20);
    pair.run_for(secs(30));
    let sent = pair.sides[A].stats().stream_bytes_sent;
    assert!(sent < 400 * 1200, "{sent}");
    pair.run_for(secs(40));
    let limit = ConnectionError::Protocol(ProtocolError::KeyLimit);
    assert_eq!(pair.closed(A), Some(&limit));
}

/// [W-74]
#[test]
fn rekey_messages_out_of_turn_end_the_connection_and_repeated_ones_do_nothing() {
    let rekey = |epoch, step| Frame::Rekey { epoch, step, message: &[1; 48] };
    for (from, epoch, step, dies) in [
        (A, 1, RekeyStep::First, false),
        (A, 1, RekeyStep::Second, true),
        (A, 1, RekeyStep::Wanted, true),
        (B, 1, RekeyStep::First, true),
        (A, 2, RekeyStep::First, true),
        (A, 0, RekeyStep::First, false),
        (A, 255, RekeyStep::First, false),
    ] {
        let mut pair = Pair::new(Link::clean(ms(10)));
        pair.run_for(secs(1));
        for number in [1000, 1001] {
            let datagram = pair.forge(from, number, &[rekey(epoch, step)]);
            pair.deliver(datagram);
        }
        pair.serve(1 - from);
        let error = pair.closed(1 - from).cloned();
        let expected = dies.then_some(ConnectionError::Protocol(ProtocolError::Rekey));
        assert_eq!(error, expected, "{from} {epoch} {step:?}");
        let messages =
            |output: &&ConnectionOutput| matches!(output, ConnectionOutput::RekeyMessage { .. });
        let told = pair.apps[1 - from].outputs.iter().filter(messages).count();
        assert_eq!(told, usize::from(epoch == 1 && !dies));
    }
}

/// [W-74] However often and however soon the other side asks, keys live for a second.
#[test]
fn the_other_side_cannot_have_keys_renewed_without_pause() {
    for (from, step) in [(A, RekeyStep::First), (B, RekeyStep::Wanted)] {
        let mut pair = Pair::new(Link::clean(ms(10)));
        pair.run_for(ms(500));
        pair.tamper = Box::new(|_| None);
        for number in 1000..1010 {
            let message = if step == RekeyStep::First { &[1; 48][..] } else { &[] };
            let datagram = pair.forge(from, number, &[Frame::Rekey { epoch: 1, step, message }]);
            pair.deliver(datagram);
        }
        let asked = |output: &&ConnectionOutput| {
            matches!(
                output,
                ConnectionOutput::RekeyDue
                    | ConnectionOutput::RekeyMessage { step: RekeyStep::First, .. }
            )
        };
        pair.run_for(ms(499));
        let count = |pair: &Pair| pair.apps[1 - from].outputs.iter().filter(asked).count();
        assert_eq!(count(&pair), 0, "{step:?}");
        pair.run_for(ms(2));
        assert_eq!(count(&pair), 1, "{step:?}");
        pair.run_for(secs(5));
        assert_eq!(count(&pair), 1, "{step:?} again");
    }
}

/// C11: a packet is accepted once, also when its epoch has passed.
#[test]
fn no_packet_of_any_epoch_is_accepted_twice() {
    let copies = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let keep = std::rc::Rc::clone(&copies);
    let mut pair = Pair::with(Link::clean(ms(10)), &short_lived());
    pair.tamper = Box::new(move |datagram| {
        if datagram.to == B {
            keep.borrow_mut().push(datagram.clone());
        }
        Some(datagram)
    });
    pair.transfer(1 << 20, secs(60));
    pair.settle();
    assert!(rekeys(&pair) >= 2);
    let accepted = pair.received[B]["accepted"];
    for copy in copies.borrow_mut().drain(..) {
        assert_ne!(pair.deliver(copy), Received::Accepted);
    }
    assert_eq!(pair.received[B]["accepted"], accepted);
    pair.run_for(secs(12));
    let old = pair.forge(A, 1_000_000, &[Frame::Ping]);
    assert_eq!(pair.deliver(old), Received::UnknownEpoch, "[W-72]");
}

/// C14: a flood of forgeries leads to new keys and to nothing else.
#[test]
fn forged_packets_wear_a_key_out() {
    let mut pair = Pair::new(Link::clean(ms(10)));
    pair.transfer(1000, secs(1));
    pair.settle();
    let before = pair.received[B]["accepted"];
    let mut forged = pair.forge(A, 5000, &[Frame::Ping]);
    *forged.bytes.last_mut().unwrap() ^= 1;
    for _ in 0..1 << 20 {
        let mut bytes = forged.bytes.clone();
        let source = Source { address: address(A), ecn: Ecn::NotCapable };
        let now = pair.now;
        assert_eq!(pair.sides[B].handle_data(now, source, &mut bytes), Received::BadTag);
    }
    assert_eq!(pair.received[B]["accepted"], before);
    pair.run_for(secs(1));
    assert_eq!((pair.sides[A].epochs.current(), pair.sides[B].epochs.current()), (1, 1));
    pair.transfer(1000, secs(1));
}
