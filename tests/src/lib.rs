//! The whole system in virtual time: hosts, links and NATs, all from one seed.
//!
//! A [`World`] holds a clock, a queue of what is on its way, a [`Network`] and one [`Machine`]
//! on each host that is up. Nothing in it reads a clock or a socket, and every random choice
//! comes from the seed, so the same seed gives the same run, datagram by datagram.
//!
//! Broken invariants panic, as the cores' own assertions do: a runner catches both alike and
//! prints the command that replays the run.

pub mod alarm;
pub mod barrage;
pub mod bottleneck;
pub mod check;
pub mod conditions;
pub mod crash;
pub mod dice;
pub mod faults;
pub mod journal;
pub mod link;
pub mod nat;
pub mod netem;
pub mod network;
#[cfg(feature = "net")]
pub mod programs;
pub mod swarm;
#[cfg(feature = "net")]
pub mod terminal;
pub mod tincan;
pub mod trace;
pub mod traffic;
pub mod world;

pub use dice::{Dice, Probability};
pub use link::{Impairment, Link, Loss};
pub use nat::{Dependence, Nat, NatOptions};
pub use network::{HostId, NatId, Network, Site};
pub use world::{Machine, World, WorldOptions};
