//! Feature `net`: the only part that knows sockets and clocks.
//!
//! A shell owns a [`Socket`], a [`Clock`] and a `mio::Poll`, and turns any [`Node`](crate::Node)
//! like this: read until [`Progress::Drained`], fire the timer if it is due, send what the node
//! has, wait until its next deadline.
//!
//! ```no_run
//! # fn turn(node: &mut impl wire::Node) -> std::io::Result<()> {
//! use wire::net::{Clock, Progress, Socket};
//! let clock = Clock::start();
//! let mut poll = mio::Poll::new()?;
//! let mut socket = Socket::bind("0.0.0.0:0".parse().expect("an address"))?;
//! poll.registry().register(&mut socket, mio::Token(0), Socket::INTERESTS)?;
//! let mut events = mio::Events::with_capacity(64);
//! loop {
//!     let now = clock.now();
//!     let progress = socket.receive(|from, bytes| node.handle_datagram(now, from, bytes))?;
//!     if node.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
//!         node.handle_timeout(now);
//!     }
//!     socket.send_from(now, node);
//!     let wait = match progress {
//!         Progress::More => Some(std::time::Duration::ZERO),
//!         Progress::Drained => node.poll_timeout().map(|deadline| deadline.at - clock.now()),
//!     };
//!     poll.poll(&mut events, wait)?;
//! }
//! # }
//! ```

mod clock;
mod socket;
#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use socket::{Capabilities, Progress, SendCounters, Socket};
