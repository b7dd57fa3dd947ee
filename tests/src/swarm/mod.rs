//! Runs of everything from one seed: who is there, what they do, and what goes wrong.

pub mod transport;

use wire::Seed;

use crate::trace::Sink;

/// What a run was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The hash over everything that happened.
    pub hash: u64,
    /// Virtual seconds.
    pub seconds: u64,
    /// Datagrams sent.
    pub datagrams: u64,
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Endpoints that move bytes, without programs around them.
    Transport,
}

impl Scenario {
    /// Runs it from a seed. Steps go to `sink` as text, if there is one.
    ///
    /// # Panics
    /// When an invariant is broken.
    #[must_use]
    pub fn run(self, number: u64, sink: Option<Sink>) -> Report {
        match self {
            Self::Transport => transport::run(&seed(number), sink),
        }
    }
}

/// The seed with this number.
#[must_use]
pub fn seed(number: u64) -> Seed {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Seed::new(bytes)
}
