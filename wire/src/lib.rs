//! Tincan's transport: reliable, encrypted streams over plain UDP, as a machine without sockets,
//! clocks or threads.
//!
//! An [`Endpoint`] takes datagrams and the time, and gives datagrams, events and the next
//! deadline. See [`Node`] for the contract of these verbs, `PROTOCOL.md` for the bytes.

pub mod app;
mod codec;
mod config;
mod connection;
mod crypto;
mod datagram;
mod endpoint;
mod error;
mod event;
mod frame;
mod id;
#[cfg(feature = "net")]
pub mod net;
mod node;
mod parameters;
pub mod relay;
mod tally;
pub mod time;

pub use codec::DecodeError;
pub use config::{Accept, Config, Congestion, TransportConfig};
pub use crypto::secret::Secret;
pub use crypto::static_key::{PublicKey, StaticKey};
pub use endpoint::{
    Call, CallTag, Connect, Counters, Endpoint, Identify, Read, Relay, SendLimit, Stats,
};
pub use error::{CloseReason, ConnectionError, OpenError, ProtocolError, ReadError, WriteError};
pub use event::Event;
pub use id::{Class, ConnectionHandle, Seed, Side, StreamId};
pub use node::{Deadline, Ecn, Node, Source, Transmit};
pub use tally::Tally;
