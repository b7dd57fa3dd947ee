//! A peer that holds valid keys, keeps to the rules, and means harm within them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use super::*;
use crate::frame::{Ack, EcnCounts};

/// It acknowledges only what it has received, in any order and selection, and stays within the
/// limits that it was told.
struct Mean {
    observed: Rc<RefCell<BTreeSet<u64>>>,
    number: u64,
    /// By stream: the highest offset sent.
    ends: BTreeMap<StreamId, u64>,
    reset: BTreeSet<StreamId>,
    credit: u64,
    ect: u64,
}

impl Mean {
    fn ack(&mut self, rng: &mut ChaCha20Rng) -> Option<Frame<'static>> {
        let observed = self.observed.borrow();
        let share = 1 + rng.next_u32() % 100;
        let from = observed.iter().nth_back(rng.next_u32() as usize % 300).copied().unwrap_or(0);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &number in observed.iter().rev().filter(|n| **n >= from.saturating_sub(400)) {
            if rng.next_u32() % 100 >= share {
                continue;
            }
            let full = ranges.len() == 64;
            match ranges.last_mut() {
                Some((start, _)) if *start == number + 1 => *start = number,
                _ if full => break,
                _ => ranges.push((number, number)),
            }
        }
        let ecn = rng.next_u32().is_multiple_of(4).then(|| {
            self.ect += u64::from(rng.next_u32() % 20);
            EcnCounts { ect0: self.ect, ect1: 0, ce: self.ect / 40 }
        });
        let delay = u64::from(rng.next_u32() % 2_000_000);
        (!ranges.is_empty()).then_some(Frame::Ack(Ack { delay, ranges, ecn }))
    }

    fn frame(&mut self, who: usize, rng: &mut ChaCha20Rng) -> Option<Frame<'static>> {
        let bytes: &'static [u8] = &[7; 600];
        let opener = if rng.next_u32().is_multiple_of(3) { side(1 - who) } else { side(who) };
        let class = Class::ALL[rng.next_u32() as usize % 3];
        let index = if opener == side(who) { u64::from(rng.next_u32() % 12) } else { 0 };
        let id = StreamId::new(opener, class, index).unwrap();
        Some(match rng.next_u32() % 16 {
            0..6 => return self.ack(rng),
            6..10 if !self.reset.contains(&id) => {
                let end = self.ends.entry(id).or_default();
                let far = u64::from(rng.next_u32()) % 40_000;
                let offset = if rng.next_u32().is_multiple_of(2) { *end } else { far };
                let len = 1 + rng.next_u32() as usize % 600;
                let more = (offset + len as u64).saturating_sub(*end);
                if more > self.credit || offset + len as u64 > 200_000 {
                    return None;
                }
                self.credit -= more;
                *end = (*end).max(offset + len as u64);
                Frame::Stream { id, offset, data: &bytes[..len], fin: false }
            }
            10 => Frame::StopSending { id, code: 1 },
            11 if rng.next_u32().is_multiple_of(4) => {
                self.reset.insert(id);
                let final_size = self.ends.get(&id).copied().unwrap_or(0);
                Frame::ResetStream { id, code: 2, final_size }
            }
            12 => Frame::MaxStreamData { id, max: u64::from(rng.next_u32() % 400_000) },
            13 => Frame::MaxData(u64::from(rng.next_u32() % 4_000_000)),
            14 => Frame::PathChallenge([3; 8]),
            _ => Frame::Ping,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// E01 E02 E05: within the rules too, nothing panics, timers go forward, memory stays bounded and
    /// no address that has proven nothing gets more than three times what came from it.
    #[test]
    fn a_mean_peer_within_the_rules_does_no_harm(seed: [u8; 32]) {
        let mut rng = Seed::new(seed).rng();
        let mut pair = Pair::new(Link::clean(ms(10)));
        pair.checks_content = false;
        let (attacker, victim) = if rng.next_u32().is_multiple_of(2) { (A, B) } else { (B, A) };
        let observed = Rc::default();
        let mut mean = Mean {
            observed: Rc::clone(&observed),
            number: 0,
            ends: BTreeMap::new(),
            reset: BTreeSet::new(),
            credit: 400_000,
            ect: 0,
        };
        pair.tamper = Box::new(move |datagram| {
            if datagram.to == attacker {
                observed.borrow_mut().insert(number_of(&datagram.bytes));
            }
            None
        });
        for class in Class::ALL {
            let id = pair.sides[victim].open(class).unwrap();
            pair.sides[victim].write(id, &vec![1; rng.next_u32() as usize % 1_000_000]).unwrap();
        }
        let mut from_elsewhere = BTreeMap::new();
        for _ in 0..300 {
            mean.number += 1 + u64::from(rng.next_u32() % 3);
            let count = 1 + rng.next_u32() % 5;
            let frames: Vec<_> =
                (0..count).filter_map(|_| mean.frame(attacker, &mut rng)).collect();
            if frames.is_empty() {
                continue;
            }
            let mut datagram = pair.forge(attacker, mean.number, &frames);
            if rng.next_u32().is_multiple_of(6) {
                datagram.from.set_ip([10, 9, 9, (rng.next_u32() % 3) as u8].into());
                *from_elsewhere.entry(datagram.from).or_insert(0) += datagram.bytes.len() as u64 + 4;
            }
            pair.deliver(datagram);
            let wait = rng.next_u32() % [1, 30, 2000][rng.next_u32() as usize % 3];
            pair.run_for(ms(wait.into()));
            let stats = pair.sides[victim].stats();
            prop_assert!(stats.buffered_bytes < 24 << 20, "{stats:?}");
            for (address, received) in &from_elsewhere {
                let sent = pair.bytes_sent_to.get(address).copied().unwrap_or(0);
                prop_assert!(sent <= 3 * received, "{sent} to {address} for {received}");
            }
            if pair.closed(victim).is_some() {
                break;
            }
        }
        let error = pair.closed(victim);
        prop_assert!(matches!(error, None | Some(ConnectionError::TimedOut)), "{error:?}");
        pair.run_for(secs(300));
        prop_assert!(pair.sides[victim].is_dead());
    }
}
