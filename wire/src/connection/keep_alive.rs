//! When a PING is due, so that the NATs on the way do not forget the connection [W-77] [W-179].
//!
//! A NAT that follows RFC 4787 (REQ-5) keeps a binding for two minutes at least. One that forgets sooner than
//! this side sends is found out by what it does to the other side, behind it: that has another port after a
//! silence, or does not hear what is sent to it until it speaks of its own accord.

use rand_core::RngCore;

use crate::time::{Duration, Instant};

/// The shortest interval that is learned, and the shortest silence from which anything is.
const SHORTEST: Duration = Duration::from_secs(2);
/// After so long without a sign that it is too long, the interval becomes longer again: an outage may look
/// like a NAT, and the next network may have a better one.
const GROWS_AFTER: Duration = Duration::from_secs(600);

/// The interval without sending after which a PING is due.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    configured: Duration,
    /// The longest, as far as is known of the NATs on the way...
    longest: Duration,
    /// ...and the one that was drawn for the next time.
    next: Duration,
    due: Instant,
    /// When the longest one was last changed.
    changed: Instant,
    /// What was sent after a silence had no answer.
    unanswered: Option<Silence>,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    since: Instant,
    /// How long it had lasted when that was seen.
    length: Duration,
}

impl KeepAlive {
    pub(crate) fn new(now: Instant, configured: Duration) -> Self {
        let due = now + configured;
        let (longest, next) = (configured, configured);
        Self { configured, longest, next, due, changed: now, unanswered: None }
    }

    /// When the next PING is due.
    pub(crate) const fn deadline(&self) -> Instant {
        self.due
    }

    /// Something was sent.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        self.due = now + self.next;
    }

    /// The deadline has come: a PING goes. The next interval is drawn.
    pub(crate) fn on_timeout(&mut self, now: Instant, rng: &mut impl RngCore) {
        if self.longest < self.configured && now - self.changed >= GROWS_AFTER {
            self.longest = self.configured.min(self.longest * 2);
            self.changed = now;
        }
        self.next = self.longest * (800 + rng.next_u32() % 201) / 1000;
        self.due = now + self.next;
    }

    /// Two probes in a row had no answer. The other side was heard last at `heard`.
    pub(crate) fn on_unanswered(&mut self, now: Instant, heard: Instant) {
        let length = now - heard;
        if self.unanswered.is_none() && length >= SHORTEST {
            self.unanswered = Some(Silence { since: heard, length });
        }
    }

    /// The other side is heard. If that is no answer, and comes about when it sends a PING of its own, it was
    /// there and has not heard this side.
    pub(crate) fn on_heard(&mut self, now: Instant, is_answer: bool) {
        let Some(silence) = self.unanswered.take() else { return };
        if !is_answer && now - silence.since <= self.configured * 2 {
            self.on_forgotten(now, silence.length);
        }
    }

    /// The other side has another port, after a silence.
    pub(crate) fn on_rebound(&mut self, now: Instant, silence: Duration) {
        self.unanswered = None;
        if silence >= SHORTEST {
            self.on_forgotten(now, silence);
        }
    }

    /// The other side is in another network.
    pub(crate) fn on_network_changed(&mut self, now: Instant) {
        let configured = self.configured;
        *self = Self { due: self.due, ..Self::new(now, configured) };
    }

    /// A binding has not lasted for so long. Both signs of one time count once.
    fn on_forgotten(&mut self, now: Instant, silence: Duration) {
        if now - self.changed < SHORTEST {
            return;
        }
        self.longest = self.configured.min(SHORTEST.max(self.longest.min(silence) / 2));
        self.next = self.next.min(self.longest);
        self.changed = now;
        self.due = self.due.min(now + self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const CONFIGURED: Duration = Duration::from_secs(10);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn keep_alive() -> KeepAlive {
        KeepAlive::new(at(0), CONFIGURED)
    }

    /// [W-179]
    #[test]
    fn a_nat_that_forgets_shortens_the_interval_down_to_two_seconds() {
        let mut keep_alive = keep_alive();
        keep_alive.on_sent(at(0));
        keep_alive.on_rebound(at(9_000), Duration::from_secs(9));
        assert_eq!(keep_alive.deadline(), at(10_000), "due before the new interval is over");
        keep_alive.on_sent(at(9_100));
        assert_eq!(keep_alive.deadline(), at(13_600), "half of the silence");
        keep_alive.on_rebound(at(10_900), Duration::from_secs(9));
        keep_alive.on_sent(at(11_000));
        assert_eq!(keep_alive.deadline(), at(15_500), "the same time, by another sign");
        for seconds in [13, 16, 20] {
            keep_alive.on_rebound(at(seconds * 1_000), Duration::from_secs(3));
        }
        keep_alive.on_sent(at(20_000));
        assert_eq!(keep_alive.deadline(), at(22_000), "no shorter");
        keep_alive.on_network_changed(at(21_000));
        keep_alive.on_sent(at(21_000));
        assert_eq!(keep_alive.deadline(), at(31_000));
    }

    /// [W-179]: traffic had kept the binding; the NAT was started again.
    #[test]
    fn a_port_that_changes_without_a_silence_says_nothing() {
        let mut keep_alive = keep_alive();
        keep_alive.on_rebound(at(9_000), Duration::from_millis(1999));
        keep_alive.on_sent(at(9_000));
        assert_eq!(keep_alive.deadline(), at(19_000));
    }

    /// [W-179]
    #[test]
    fn who_speaks_and_has_not_heard_is_behind_a_nat_that_forgets() {
        let learned = |heard, unanswered, answered, is_answer| {
            let mut keep_alive = keep_alive();
            keep_alive.on_unanswered(at(unanswered), at(heard));
            keep_alive.on_heard(at(answered), is_answer);
            keep_alive.on_heard(at(answered), false);
            keep_alive.on_sent(at(answered));
            keep_alive.deadline() == at(answered + 2_500)
        };
        assert!(learned(1_000, 6_000, 10_000, false));
        assert!(!learned(1_000, 6_000, 10_000, true), "it was slow");
        assert!(!learned(5_000, 6_000, 10_000, false), "a loss within a conversation");
        assert!(!learned(1_000, 6_000, 21_100, false), "it was away");
    }

    /// [W-179]
    #[test]
    fn the_interval_grows_again() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut keep_alive = keep_alive();
        keep_alive.on_rebound(at(9_000), CONFIGURED);
        let mut longest = Vec::new();
        for minute in 1..30 {
            keep_alive.on_timeout(at(minute * 60_000), &mut rng);
            longest.push(keep_alive.longest);
        }
        let (five, ten) = (Duration::from_secs(5), CONFIGURED);
        assert_eq!(longest[..10], [five; 10]);
        assert_eq!(longest[10..], [ten; 19]);
    }
}
