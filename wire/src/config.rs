//! What an endpoint can be told.

use core::time::Duration;

use crate::crypto::static_key::StaticKey;

/// Settings of an [`Endpoint`](crate::Endpoint).
pub struct Config {
    /// This endpoint's long-term X25519 key.
    pub static_key: StaticKey,
    /// From which the keys of address tokens and reset tokens are derived. Kept on disk, so that
    /// both survive a restart.
    pub token_secret: [u8; 32],
    /// Seconds since 1970 at [`Instant::ZERO`](crate::time::Instant::ZERO), so that the age of a
    /// token can be told after a restart; 0 where none need outlive the run.
    pub token_epoch: u64,
    /// Bound into every client-server handshake, so that one protocol cannot be spoken as another.
    pub label: &'static str,
    /// Whether HELLO and INIT from strangers are answered (a server) or only calls that were
    /// announced by [`Endpoint::call`](crate::Endpoint::call) (a client).
    pub accept: Accept,
    /// Settings of each connection.
    pub transport: TransportConfig,
}

/// Whom an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Only announced peers.
    Announced,
    /// Anyone with a valid address token.
    Anyone,
}

/// How a connection finds out how fast it may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// By a model of the path (after draft-ietf-ccwg-bbr): keeps its rate on links that lose much,
    /// and queues short.
    #[default]
    Bbr,
    /// By losses (RFC 9438).
    Cubic,
}

/// Settings of each connection of an endpoint.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// A connection over which nothing was heard for this long has ended.
    pub idle_timeout: Duration,
    /// A PING is sent after this long without sending, or up to a fifth sooner, so that NAT bindings live.
    pub keep_alive: Duration,
    /// Most bytes of one stream that may wait here for the application to read them.
    pub stream_window: u64,
    /// The same over all streams of a connection. Real memory stays below twice this.
    pub connection_window: u64,
    /// Most bytes of one stream that wait here to be sent or acknowledged.
    pub send_buffer: usize,
    /// Most streams of one class that the other side may have open at once.
    pub max_streams: u64,
    /// How fast it may send.
    pub congestion: Congestion,
    /// Largest datagram that is tried: the UDP payload, CRC included. Connections begin with 1200
    /// bytes, and find out what their path takes.
    pub max_datagram: usize,
    /// Round trip assumed before the first measurement (RFC 9002 section 6.2.2).
    pub initial_rtt: Duration,
    /// A key is replaced after this much time in use...
    pub rekey_after: Duration,
    /// ...or after this many packets sent under it.
    pub rekey_packets: u64,
    /// A handshake that has not finished by then has failed.
    pub handshake_timeout: Duration,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(10),
            stream_window: 8 << 20,
            connection_window: 16 << 20,
            send_buffer: 8 << 20,
            max_streams: 64,
            congestion: Congestion::default(),
            max_datagram: 65_507,
            initial_rtt: Duration::from_millis(333),
            rekey_after: Duration::from_secs(120),
            rekey_packets: 1 << 23,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}
