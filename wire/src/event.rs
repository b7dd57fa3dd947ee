//! What an endpoint tells its application.

use std::net::SocketAddr;

use crate::crypto::static_key::PublicKey;
use crate::error::ConnectionError;
use crate::id::StreamId;

/// Something happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is complete and the other side has proven to hold its keys. For a
    /// connection that the other side began, this is the first that is heard of it.
    Connected {
        /// The address that answered.
        address: SocketAddr,
        /// The other side's long-term key: a server's, a known device's or a peer's. `None` on a
        /// server for a client that showed none (registration, password login).
        remote_static: Option<PublicKey>,
        /// The hash over the whole handshake: bind application secrets to it.
        handshake_hash: [u8; 32],
    },
    /// The other side opened a stream.
    Opened(StreamId),
    /// Bytes, the end or a reset can be read. Told once until `read` says that there is no more.
    Readable(StreamId),
    /// A stream that was full takes bytes again.
    Writable(StreamId),
    /// The other side has acknowledged everything written, and the end of it.
    Finished(StreamId),
    /// The other side wants no more of this stream; the code is the application's.
    Stopped(StreamId, u32),
    /// The other side's address changed, and the new one is validated.
    PathChanged(SocketAddr),
    /// The server gave a token with which the next INIT to it needs no RETRY.
    NewToken([u8; 24]),
    /// The connection has ended; its handle is dead after this event.
    Closed(ConnectionError),
}
