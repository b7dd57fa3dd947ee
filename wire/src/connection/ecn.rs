//! Whether the path carries ECN marks, and what they say (RFC 9000 section 13.4.2) [W-64].

use crate::frame::EcnCounts;
use crate::node::Ecn;

/// So many datagrams are marked on trial.
const TESTING_PACKETS: u64 = 10;

/// The sending side of ECN on one path.
#[derive(Debug)]
pub(crate) struct EcnValidator {
    state: State,
    /// What the other side has counted so far.
    counts: EcnCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many more are marked; whether they arrive so is not yet known.
    Testing {
        left: u64,
    },
    Capable,
    /// Marks are erased or invented on the way, or the other side does not count them.
    Failed,
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    None,
    /// Routers have marked more datagrams.
    Congestion,
}

impl EcnValidator {
    /// For a new path; the other side goes on counting from `counts`.
    pub(crate) const fn new(counts: EcnCounts) -> Self {
        Self { state: State::Testing { left: TESTING_PACKETS }, counts }
    }

    /// What the other side has counted so far.
    pub(crate) const fn counts(&self) -> EcnCounts {
        self.counts
    }

    /// The bits for the next datagram.
    pub(crate) const fn codepoint(&self) -> Ecn {
        match self.state {
            State::Capable => Ecn::Ect0,
            State::Testing { left } if left > 0 => Ecn::Ect0,
            State::Testing { .. } | State::Failed => Ecn::NotCapable,
        }
    }

    /// A datagram was sent with these bits.
    pub(crate) const fn on_sent(&mut self, ecn: Ecn) {
        if let (State::Testing { left }, Ecn::Ect0) = (&mut self.state, ecn) {
            *left = left.saturating_sub(1);
        }
    }

    /// An ACK, in the order in which ACKs were sent, acknowledges `marked` more packets that
    /// were sent over this path with ECT(0).
    pub(crate) fn on_ack(&mut self, marked: u64, counts: Option<EcnCounts>) -> Marks {
        if self.state == State::Failed {
            return Marks::None;
        }
        let Some(counts) = counts else {
            if marked > 0 {
                self.state = State::Failed;
            }
            return Marks::None;
        };
        let before = core::mem::replace(&mut self.counts, counts);
        let (Some(ect0), Some(ce)) =
            (counts.ect0.checked_sub(before.ect0), counts.ce.checked_sub(before.ce))
        else {
            self.state = State::Failed;
            return Marks::None;
        };
        if counts.ect1 != before.ect1 || ect0.saturating_add(ce) < marked {
            self.state = State::Failed;
            return Marks::None;
        }
        if marked > 0 {
            self.state = State::Capable;
        }
        if ce > 0 { Marks::Congestion } else { Marks::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ect0: u64, ce: u64) -> Option<EcnCounts> {
        Some(EcnCounts { ect0, ect1: 0, ce })
    }

    fn tested() -> EcnValidator {
        let mut ecn = EcnValidator::new(EcnCounts::default());
        for _ in 0..4 {
            ecn.on_sent(Ecn::Ect0);
        }
        ecn
    }

    #[test]
    fn a_path_that_carries_marks_is_used_and_ce_is_reported_once() {
        let mut ecn = tested();
        assert_eq!(ecn.on_ack(4, counts(4, 0)), Marks::None);
        assert_eq!(ecn.codepoint(), Ecn::Ect0);
        for _ in 0..20 {
            ecn.on_sent(Ecn::Ect0);
        }
        assert_eq!(ecn.on_ack(10, counts(13, 1)), Marks::Congestion);
        assert_eq!(ecn.on_ack(10, counts(23, 1)), Marks::None);
        assert_eq!(ecn.codepoint(), Ecn::Ect0);
    }

    #[test]
    fn erased_invented_missing_or_shrinking_counts_end_it() {
        for bad in [None, counts(2, 0), Some(EcnCounts { ect0: 4, ect1: 1, ce: 0 })] {
            let mut ecn = tested();
            ecn.on_ack(4, bad);
            assert_eq!(ecn.codepoint(), Ecn::NotCapable, "{bad:?}");
        }
        let mut ecn = tested();
        ecn.on_ack(2, counts(2, 0));
        ecn.on_ack(1, counts(1, 5));
        assert_eq!(ecn.codepoint(), Ecn::NotCapable);
    }

    #[test]
    fn without_an_answer_the_trial_ends() {
        let mut ecn = EcnValidator::new(EcnCounts::default());
        for _ in 0..TESTING_PACKETS {
            assert_eq!(ecn.codepoint(), Ecn::Ect0);
            ecn.on_sent(Ecn::Ect0);
        }
        assert_eq!(ecn.codepoint(), Ecn::NotCapable);
    }
}
