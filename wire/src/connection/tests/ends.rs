//! How a connection lives while nothing is said, and how it ends.

use super::*;
use crate::error::{CloseReason, OpenError, WriteError};

/// [W-77] Neither side is ever silent for longer than the interval, and neither says more in it than a
/// keep-alive and the answer to the other's. The interval is ten seconds or up to a fifth shorter.
#[test]
fn keep_alives_keep_an_idle_connection() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    // Until the size of datagrams is found.
    pair.run_for(secs(60));
    let sent = |pair: &Pair, who: usize| pair.sides[who].stats().datagrams_sent;
    let before = sent(&pair, A);
    for window in 0..25 {
        let told = [A, B].map(|who| sent(&pair, who));
        // An interval, and the time that an answer takes.
        pair.run_for(ms(10_100));
        for who in [A, B] {
            let now = sent(&pair, who) - told[who];
            assert!((1..=4).contains(&now), "{now} by {who} in window {window}");
        }
    }
    assert!(pair.closed(A).is_none() && pair.closed(B).is_none());
    let all = sent(&pair, A) - before;
    assert!((25..=76).contains(&all), "{all} in five minutes");
}

/// [W-77] What began at the same moment does not stay in step.
#[test]
fn keep_alives_of_many_connections_spread() {
    let mut sent: Vec<Vec<Instant>> = Vec::new();
    for seed in 1..=8 {
        let mut pair = Pair::new(Link::clean(ms(25)));
        let config = TransportConfig::default();
        pair.sides = [A, B].map(|who| {
            let seed = Seed::new([2 * seed + who as u8; 32]);
            let established = Established { seed, ..established(who, &config) };
            Connection::new(pair.now, &config, established)
        });
        pair.run_for(secs(60));
        let told = |pair: &Pair| pair.sides[A].stats().datagrams_sent;
        let (end, mut before, mut at) = (pair.now + secs(60), told(&pair), Vec::new());
        while pair.now < end {
            pair.run_for(ms(10));
            if told(&pair) > before {
                before = told(&pair);
                at.push(pair.now);
            }
        }
        sent.push(at);
    }
    let all = sent.len();
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), all, "two went in step");
}

/// [W-76]
#[test]
fn silence_ends_it_after_the_idle_time_out_of_both_sides() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.settle();
    pair.transfer(1000, secs(2));
    pair.run_for(ms(200));
    pair.link.loss = 100;
    pair.run_for(secs(26));
    assert!(pair.closed(A).is_none());
    pair.run_for(secs(5));
    for who in [A, B] {
        assert_eq!(pair.closed(who), Some(&ConnectionError::TimedOut));
        assert!(pair.sides[who].is_dead());
        assert_eq!(pair.sides[who].poll_timeout(), None);
    }
}

/// [W-78]
#[test]
fn a_close_tells_its_reason_once_and_both_sides_forget() {
    for loss in [0, 40] {
        let mut pair = Pair::new(Link { loss, ..Link::clean(ms(25)) });
        pair.run_for(secs(1));
        let now = pair.now;
        pair.sides[A].close(now, CloseReason::new(7, "enough"));
        pair.sides[A].close(now, CloseReason::new(8, "again"));
        pair.run_for(secs(9));
        let reason = CloseReason::new(7, "enough");
        assert_eq!(pair.closed(A), Some(&ConnectionError::Closed(reason.clone())));
        assert_eq!(pair.closed(B), Some(&ConnectionError::ClosedByPeer(reason)), "loss {loss}");
        for who in [A, B] {
            assert!(pair.sides[who].is_dead());
            let closed = |event: &&Event| matches!(event, Event::Closed(_));
            assert_eq!(pair.apps[who].events.iter().filter(closed).count(), 1);
        }
        assert_eq!(pair.sides[A].open(Class::Chat), Err(OpenError::NotConnected));
    }
}

#[test]
fn what_arrived_before_the_close_can_still_be_read() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    let id = pair.send_file(A, Class::Chat, 5000);
    pair.transmit(A);
    let now = pair.now;
    pair.sides[A].close(now, CloseReason::new(0, "done"));
    pair.run_for(secs(5));
    assert_eq!(pair.apps[B].read.get(&id), Some(&5000));
    assert_eq!(pair.sides[B].write(id, b"late"), Err(WriteError::NoStream(id)));
    assert!(matches!(pair.closed(B), Some(ConnectionError::ClosedByPeer(_))));
}

/// [W-78] A closing side answers packets, but not each of them.
#[test]
fn a_lost_close_is_repeated_in_answer_and_not_amplified() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.transfer(1000, secs(1));
    pair.send_file(B, Class::Bulk, 1 << 20);
    pair.run_for(ms(100));
    let before = pair.sides[A].stats().datagrams_sent;
    let now = pair.now;
    pair.sides[A].close(now, CloseReason::new(1, ""));
    let mut dropped = 0;
    pair.tamper = Box::new(move |datagram| {
        dropped += u32::from(datagram.to == B);
        (datagram.to == A || dropped > 1).then_some(datagram)
    });
    pair.run_for(secs(3));
    assert!(matches!(pair.closed(B), Some(ConnectionError::ClosedByPeer(_))));
    assert!(pair.sides[A].stats().datagrams_sent - before <= 8);
}

#[test]
fn reset_tokens_are_told_and_a_reset_ends_it_at_once() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.run_for(secs(1));
    assert!(pair.apps[A].outputs.contains(&ConnectionOutput::ResetToken([B as u8; 16])));
    pair.sides[B].send_reset_token([9; 16]);
    pair.run_for(secs(1));
    assert!(pair.apps[A].outputs.contains(&ConnectionOutput::ResetToken([9; 16])));
    let now = pair.now;
    pair.sides[A].reset_by_peer(now);
    pair.serve(A);
    assert_eq!(pair.closed(A), Some(&ConnectionError::Reset));
    assert!(pair.sides[A].is_dead());
}

#[test]
fn tokens_arrive_although_datagrams_are_lost() {
    let mut pair = Pair::new(Link { loss: 50, ..Link::clean(ms(25)) });
    pair.sides[B].send_new_token([5; 24]);
    pair.run_for(secs(20));
    assert!(pair.apps[A].events.contains(&Event::NewToken([5; 24])));
    assert!(pair.apps[A].outputs.contains(&ConnectionOutput::ResetToken([B as u8; 16])));
}
