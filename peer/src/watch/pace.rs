//! How much somebody may say about watching together [W-128].

use wire::time::{Duration, Instant};

/// What players do comes about once a second from each of seven others; a person who seeks in haste says
/// a little more.
const STEPS: Bucket = Bucket { most: 20, every: Duration::from_millis(100) };
const INVITATIONS: Bucket = Bucket { most: 3, every: Duration::from_secs(10) };

#[derive(Clone, Copy, Debug)]
struct Bucket {
    most: u32,
    every: Duration,
}

/// What one user may still say.
#[derive(Debug)]
pub(super) struct Pace {
    steps: Left,
    invitations: Left,
}

#[derive(Debug)]
struct Left {
    count: u32,
    /// Up to when it was filled.
    at: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            steps: Left { count: STEPS.most, at: now },
            invitations: Left { count: INVITATIONS.most, at: now },
        }
    }

    /// Whether this one is heard.
    pub(super) fn may_say(&mut self, now: Instant) -> bool {
        self.steps.take(now, STEPS)
    }

    /// Whether an invitation is shown.
    pub(super) fn may_invite(&mut self, now: Instant) -> bool {
        self.invitations.take(now, INVITATIONS)
    }
}

impl Left {
    fn take(&mut self, now: Instant, bucket: Bucket) -> bool {
        while self.count < bucket.most && now - self.at >= bucket.every {
            self.count += 1;
            self.at += bucket.every;
        }
        if self.count == bucket.most {
            self.at = now;
        }
        match self.count.checked_sub(1) {
            Some(left) => {
                self.count = left;
                true
            }
            None => false,
        }
    }
}
