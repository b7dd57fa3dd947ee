//! What is told of the paths to users.

use serde::Serialize;

/// How a path is called for people: `direct`, `LAN` or `relay`; any other state of a link as it is.
#[must_use]
pub(crate) fn path_word(state: &'static str, lan: bool) -> &'static str {
    match (state, lan) {
        ("direct", true) => "LAN",
        ("relayed", _) => "relay",
        (state, _) => state,
    }
}

/// One connection, in figures of the transport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionLine {
    /// The user at the other end; `None` is the server.
    pub user: Option<String>,
    /// `direct`, or `relayed`: through the server.
    pub path: &'static str,
    /// Whether that is a direct path which stays in one network.
    pub lan: bool,
    /// The address that datagrams go to.
    pub address: String,
    /// Smoothed round trip in milliseconds, once measured.
    pub rtt_ms: Option<u64>,
    /// How much longer it is now than the shortest on this path, in milliseconds: so long messages wait behind
    /// what else is on the way.
    pub lag_ms: Option<u64>,
    /// Bytes of the largest datagrams that the path is known to take.
    pub datagram: usize,
    /// Bytes that may be in flight (the congestion window).
    pub window: u64,
    /// Bytes a second that the path delivered, as last measured.
    pub rate: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Those of them that were lost.
    pub datagrams_lost: u64,
    /// Bytes of messages and files sent for the first time.
    pub bytes_sent: u64,
    /// Bytes of them sent again.
    pub bytes_sent_again: u64,
}

/// What `/why` tells beside its sentences, for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WhyFigures {
    /// `direct` or `relayed`, when there is a link.
    pub path: Option<&'static str>,
    /// Whether that is a direct path which stays in one network.
    pub lan: bool,
    /// What stands before this side: `none`, `some` NAT of which no more was seen, `endpoint-independent`,
    /// `address-dependent`, or `unknown`.
    pub nat_here: &'static str,
    /// The same of the other side.
    pub nat_there: &'static str,
    /// How long ago the last datagram of the other side came, in milliseconds.
    pub received_ms: Option<u64>,
    /// How long ago the last was sent.
    pub sent_ms: Option<u64>,
    /// How long ago that was sent which the other side has acknowledged last.
    pub heard_ms: Option<u64>,
    /// What holds up transfers that run or are paused.
    pub held_up: Vec<HeldUp>,
}

/// What holds a transfer up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldUp {
    /// The short number of the transfer.
    pub id: u64,
    /// `sender-disk`, `receiver-disk`, `limit` (of `/limit` here), `path` (congestion control), `receiver` (has
    /// not read what it has: flow control), `window` (as much as is asked for at once is on its way), `relay` (the
    /// server's rate), `growth` (of the file), `other-side`, or `paused-by-you`, `paused-by-them`,
    /// `paused-by-both`.
    pub by: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_three_words_for_people() {
        for (state, lan, word) in [
            ("direct", false, "direct"),
            ("direct", true, "LAN"),
            ("relayed", false, "relay"),
            ("lost", true, "lost"),
        ] {
            assert_eq!(path_word(state, lan), word);
        }
    }
}
