//! How many passwords may be guessed.
//!
//! An attempt is counted before KE2 is sent, because KE2 alone tells a guesser whether the guess
//! was right; it is given back when a valid KE3 proves that it was no guess. Three counts stand
//! beside each other in the store:
//!
//! - per account, for sources from which nobody has logged in to it before;
//! - per account and source, the only one of an account for those from which somebody has:
//!   strangers who lock the account for themselves do not lock it for them, and a login from there
//!   gives strangers nothing back;
//! - per source, over all accounts.
//!
//! Unknown names are counted like known ones, so that a lock tells nothing. Logging in by a
//! device's key asks for no password and is not touched by any of this.
//!
//! The store applies these rules itself, inside the transaction that answers
//! [`StoreRequest::BeginLogin`](crate::StoreRequest::BeginLogin): of two attempts at once, only
//! one gets the last free place.

/// No lock is longer than this many seconds: nobody can lock anybody out for long.
pub(crate) const LONGEST_LOCK: u32 = 300;
/// Failures older than this many seconds do not count any more.
pub const FORGET_AFTER: u64 = 3600;
/// A source may fail this many times as often as one account: behind one address may be many.
const SOURCE_FACTOR: u32 = 4;

/// How many attempts are free, and for how long the next ones are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// So many failures lock: 1 to 5.
    pub max_failed: u32,
    /// Length of the first lock in seconds; each further failure doubles it, up to five minutes.
    pub lock_seconds: u32,
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self { max_failed: 5, lock_seconds: 30 }
    }
}

impl LockoutPolicy {
    /// The policy for a source, which may stand for many users.
    #[must_use]
    pub const fn for_source(self) -> Self {
        Self { max_failed: self.max_failed * SOURCE_FACTOR, ..self }
    }

    fn lock_after(self, failures: u32) -> Option<u64> {
        let beyond = failures.checked_sub(self.max_failed)?;
        let doubled = u64::from(self.lock_seconds).saturating_mul(1 << beyond.min(16));
        Some(doubled.min(u64::from(LONGEST_LOCK)))
    }
}

/// Attempts of one kind so far. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Failures that still count.
    pub failures: u32,
    /// When the last was.
    pub last: u64,
    /// No attempt is let through before this; 0 when not locked.
    pub locked_until: u64,
}

/// Whether an attempt may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes; it is counted.
    Counted(Attempts),
    /// No, not for so many seconds; nothing is counted.
    Locked {
        /// At least 1.
        seconds: u32,
    },
}

impl Attempts {
    /// Judges an attempt at `now` and counts it as failed for the time being.
    #[must_use]
    pub fn attempt(self, now: u64, policy: LockoutPolicy) -> Verdict {
        let left = self.locked_until.saturating_sub(now);
        // No lock is longer than that: the wall clock was set back, and would not reach the end of
        // this one for as long as it was set back by. The failures still count.
        let clock_was_set_back = left > u64::from(LONGEST_LOCK);
        if left > 0 && !clock_was_set_back {
            return Verdict::Locked { seconds: u32::try_from(left).unwrap_or(u32::MAX) };
        }
        let forgotten = now.saturating_sub(self.last) > FORGET_AFTER;
        let failures = if forgotten { 1 } else { self.failures.saturating_add(1) };
        let locked_until = policy.lock_after(failures).map_or(0, |length| now + length);
        Verdict::Counted(Self { failures, last: now, locked_until })
    }

    /// Takes one counted attempt back: it was right.
    #[must_use]
    pub const fn refund(self) -> Self {
        Self { failures: self.failures.saturating_sub(1), last: self.last, locked_until: 0 }
    }

    /// What remains after the right password: nothing.
    #[must_use]
    pub const fn reset() -> Self {
        Self { failures: 0, last: 0, locked_until: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: LockoutPolicy = LockoutPolicy { max_failed: 3, lock_seconds: 10 };

    fn counted(verdict: Verdict) -> Attempts {
        match verdict {
            Verdict::Counted(attempts) => attempts,
            Verdict::Locked { seconds } => panic!("locked for {seconds} s"),
        }
    }

    #[test]
    fn the_last_free_failure_locks_and_time_releases() {
        let mut attempts = Attempts::default();
        for now in 100..103 {
            attempts = counted(attempts.attempt(now, POLICY));
        }
        assert_eq!(attempts.attempt(103, POLICY), Verdict::Locked { seconds: 9 });
        assert_eq!(attempts.attempt(111, POLICY), Verdict::Locked { seconds: 1 });
        attempts = counted(attempts.attempt(112, POLICY));
        assert_eq!(attempts.attempt(113, POLICY), Verdict::Locked { seconds: 19 }, "doubled");
    }

    #[test]
    fn back_off_is_bounded() {
        let mut attempts = Attempts::default();
        let mut now = 0;
        for _ in 0..100 {
            attempts = counted(attempts.attempt(now, POLICY));
            now = now.max(attempts.locked_until);
            assert!(attempts.locked_until.saturating_sub(attempts.last) <= u64::from(LONGEST_LOCK));
        }
        let slow = LockoutPolicy { max_failed: 1, lock_seconds: 1000 };
        assert_eq!(counted(Attempts::default().attempt(0, slow)).locked_until, 300);
    }

    #[test]
    fn the_right_password_unlocks() {
        let mut attempts = Attempts::default();
        for now in 100..103 {
            attempts = counted(attempts.attempt(now, POLICY));
        }
        let refunded = attempts.refund();
        assert_eq!((refunded.failures, refunded.locked_until), (2, 0));
        assert!(matches!(refunded.attempt(103, POLICY), Verdict::Counted(_)));
    }

    /// Security acceptance G09.
    #[test]
    fn clocks_that_jump_do_not_lock_for_long() {
        let locked = Attempts { failures: 3, last: 10_000_000, locked_until: 10_000_010 };
        let next = counted(locked.attempt(5, POLICY));
        assert_eq!(next.failures, 4, "the failures are not forgotten");
        assert_eq!(next.attempt(6, POLICY), Verdict::Locked { seconds: 19 }, "nor is the lock");
        assert_eq!(counted(next.attempt(25, POLICY)).failures, 5, "but it ends");
        let a_little = counted(Attempts { failures: 2, ..locked }.attempt(10_000_010, POLICY));
        assert_eq!(a_little.attempt(9_999_990, POLICY), Verdict::Locked { seconds: 30 });
        let later = counted(locked.attempt(20_000_000, POLICY));
        assert_eq!(later.failures, 1, "old failures are forgotten");
    }
}
