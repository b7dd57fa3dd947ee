//! How full something bounded is.

/// A queue, or anything else that may only grow so far, as it is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What is counted.
    pub name: &'static str,
    /// How much of it there is.
    pub held: u64,
    /// The most that there may be.
    pub most: u64,
}

impl Queue {
    pub(crate) const fn new(name: &'static str, held: u64, most: u64) -> Self {
        Self { name, held, most }
    }
}
