//! The verbs that every core answers: the transport's [`Endpoint`](crate::Endpoint), the
//! rendezvous server's `Server`, the client's `App`.

use std::net::SocketAddr;

use crate::time::Instant;

/// Explicit Congestion Notification bits of a datagram (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ecn {
    /// Not ECN-capable.
    #[default]
    NotCapable,
    /// ECN-capable, code point ECT(0).
    Ect0,
    /// ECN-capable, code point ECT(1).
    Ect1,
    /// Congestion experienced.
    Ce,
}

/// Where a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address in the datagram's header: a claim until the path is validated.
    pub address: SocketAddr,
    /// The ECN bits with which it arrived.
    pub ecn: Ecn,
}

/// What to do with the bytes that [`Node::poll_transmit`] has written.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to send it.
    pub destination: SocketAddr,
    /// The bytes are one datagram, or, when there are more bytes than this, several of this
    /// size each (the last may be shorter), for one segmentation-offload send.
    pub segment_size: usize,
    /// ECN bits to set.
    pub ecn: Ecn,
}

/// When a core wants [`Node::handle_timeout`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// What is due then, for traces: the name of a timer.
    pub timer: &'static str,
}

/// A machine that exchanges datagrams.
///
/// Contract:
/// - `now` never goes back; the shell samples it once per wake.
/// - Any order and number of calls is correct; draining late costs only latency.
/// - An early or repeated `handle_timeout` does nothing; after `handle_timeout(t)`,
///   `poll_timeout()` is later than `t`.
/// - `poll_transmit` is called until it returns `None`. It loses nothing when the caller stops
///   half-way: the caller keeps a datagram that the socket refused.
/// - `handle_datagram` cannot fail: bad bytes are counted and traced, never answered beyond the
///   rules of the protocol.
pub trait Node {
    /// Takes one datagram; decrypts it in place.
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]);

    /// Does what is due at `now`.
    fn handle_timeout(&mut self, now: Instant);

    /// Writes the next datagrams for one destination, at most `max_datagrams` of one size, into
    /// `buffer`, which is cleared first.
    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit>;

    /// The interface takes no datagrams as large as those that `poll_transmit` gave last, of `size`
    /// bytes (EMSGSIZE): they are lost. Whoever is not told finds it out by their loss.
    fn handle_too_large(&mut self, _now: Instant, _size: usize) {}

    /// When `handle_timeout` is next due.
    fn poll_timeout(&self) -> Option<Deadline>;
}
