//! How long to wait before the next try.

use core::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

/// Doubling waits with jitter, so that many clients of a server that comes back do not come all
/// at once.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The next wait: between three quarters of it and all of it.
    pub(super) fn next(&mut self, rng: &mut ChaCha20Rng) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.longest);
        full * (768 + rng.next_u32() % 257) / 1024
    }

    /// It went well.
    pub(super) const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut rng = wire::Seed::new([1; 32]).rng();
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        let waits: Vec<Duration> = (0..9).map(|_| backoff.next(&mut rng)).collect();
        for (wait, full) in waits.iter().zip([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
        {
            let full = Duration::from_millis(full);
            assert!(*wait <= full && *wait >= full * 3 / 4, "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.next(&mut rng) <= Duration::from_millis(500));
    }
}
