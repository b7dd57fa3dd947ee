//! The numbers of the packets that this side sends [W-50] [W-51].

use std::collections::VecDeque;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use crate::error::ProtocolError;
use crate::frame::Ack;
use crate::id::PacketNumber;

/// Numbers from here on are not used: the key is worn out long before (security limit of 2^60
/// messages).
pub(crate) const NUMBER_LIMIT: PacketNumber = 1 << 60;
/// One number is left out after so many packets at least, and at most twice as many.
const SKIP_EVERY: u64 = 128;
/// How many left-out numbers are remembered: more than lie in a flight that an honest side can
/// still acknowledge anew would be waste, as old ones are below everything in flight.
const REMEMBERED: usize = 64;

/// Counts packets up, and now and then leaves a number out: whoever acknowledges that has not
/// received what it acknowledges (RFC 9000 section 21.4).
#[derive(Debug)]
pub(crate) struct PacketNumbers {
    next: PacketNumber,
    skip_at: PacketNumber,
    skipped: VecDeque<PacketNumber>,
}

impl PacketNumbers {
    pub(crate) fn new(rng: &mut ChaCha20Rng) -> Self {
        Self { next: 0, skip_at: 1 + rng.next_u64() % SKIP_EVERY, skipped: VecDeque::new() }
    }

    /// The number of the next packet, unless that one is left out.
    pub(crate) const fn next(&self) -> PacketNumber {
        self.next
    }

    /// The number for a packet that is now sealed. Never the same twice (C15).
    pub(crate) fn take(&mut self, rng: &mut ChaCha20Rng) -> PacketNumber {
        if self.next == self.skip_at {
            if self.skipped.len() == REMEMBERED {
                self.skipped.pop_front();
            }
            self.skipped.push_back(self.next);
            self.next += 1;
            self.skip_at = self.next + SKIP_EVERY + rng.next_u64() % SKIP_EVERY;
        }
        let number = self.next;
        self.next += 1;
        number
    }

    /// Whether everything that an ACK names was sent (E03).
    ///
    /// # Errors
    /// [`ProtocolError::OptimisticAck`] when not.
    pub(crate) fn check(&self, ack: &Ack) -> Result<(), ProtocolError> {
        for &(start, end) in &ack.ranges {
            let first = self.skipped.partition_point(|&number| number < start);
            let lies = self.skipped.get(first).is_some_and(|&number| number <= end);
            if end >= self.next || lies {
                return Err(ProtocolError::OptimisticAck);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seed;

    fn ack(start: u64, end: u64) -> Ack {
        Ack { delay: 0, ranges: vec![(start, end)], ecn: None }
    }

    #[test]
    fn every_number_is_new_and_what_was_left_out_is_known() {
        let mut rng = Seed::new([1; 32]).rng();
        let mut numbers = PacketNumbers::new(&mut rng);
        let taken: Vec<u64> = (0..10_000).map(|_| numbers.take(&mut rng)).collect();
        assert!(taken.is_sorted_by(|a, b| a < b));
        let recent = numbers.skipped.clone();
        for number in taken[9_000]..numbers.next() {
            let expected =
                if recent.contains(&number) { Err(ProtocolError::OptimisticAck) } else { Ok(()) };
            assert_eq!(numbers.check(&ack(number, number)), expected);
        }
        assert!(recent.len() > 30);
        assert!(numbers.check(&ack(numbers.next(), numbers.next())).is_err(), "not yet sent");
        assert!(numbers.check(&ack(0, numbers.next() - 1)).is_err(), "everything at once");
    }
}
