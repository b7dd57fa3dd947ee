//! What happened, as a hash always and as text on demand.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::net::SocketAddr;

use wire::time::Instant;

use crate::network::HostId;

/// One step of a run.
#[derive(Debug, Hash)]
pub enum Step<'a> {
    /// A host sent a datagram.
    Sent(HostId, SocketAddr, Digest),
    /// A datagram reached a host.
    Received(HostId, SocketAddr, Digest),
    /// A datagram came to a host that is down.
    NobodyHome(HostId),
    /// A host's timer of this name was due.
    Timer(HostId, &'static str),
    /// A host got an input other than a datagram.
    Input(HostId),
    /// The scenario did something.
    Note(&'a str),
}

/// A datagram in short: its type byte, length, and the CRC32 at its end, which stands for the
/// rest.
#[derive(Debug, Hash)]
pub struct Digest {
    kind: u8,
    len: usize,
    crc: u32,
}

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let crc = bytes.last_chunk().map_or(0, |last| u32::from_be_bytes(*last));
        Self { kind: bytes.first().copied().unwrap_or(0), len: bytes.len(), crc }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KINDS: [&str; 11] = [
            "?",
            "HELLO",
            "HELLO_REPLY",
            "INIT_NK",
            "INIT_IK",
            "INIT_PEER",
            "RETRY",
            "RESP",
            "DATA",
            "PROBE",
            "PROBE_ACK",
        ];
        let kind = KINDS.get(usize::from(self.kind)).unwrap_or(&"?");
        write!(f, "{kind} {} B {:08x}", self.len, self.crc)
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(HostId(host), to, digest) => write!(f, "host {host} -> {to}  {digest}"),
            Self::Received(HostId(host), from, digest) => {
                write!(f, "host {host} <- {from}  {digest}")
            }
            Self::NobodyHome(HostId(host)) => write!(f, "host {host} is down"),
            Self::Timer(HostId(host), name) => write!(f, "host {host} timer {name}"),
            Self::Input(HostId(host)) => write!(f, "host {host} input"),
            Self::Note(text) => write!(f, "-- {text}"),
        }
    }
}

/// Where the steps as text go.
pub type Sink = Box<dyn FnMut(&str)>;

/// The record of a run.
pub struct Trace {
    hasher: Fnv,
    sink: Option<Sink>,
}

impl Trace {
    /// A record that hands each step as a line of text to `sink`, if there is one.
    #[must_use]
    pub fn new(sink: Option<Sink>) -> Self {
        Self { hasher: Fnv(0xcbf2_9ce4_8422_2325), sink }
    }

    /// Something happened.
    pub fn record(&mut self, now: Instant, step: &Step<'_>) {
        now.hash(&mut self.hasher);
        step.hash(&mut self.hasher);
        if let Some(sink) = &mut self.sink {
            sink(&format!("{now} {step}"));
        }
    }

    /// The hash over everything so far: equal for equal runs.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}

/// FNV-1a: the same number in every process, unlike the standard library's default.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn hash_and_text_follow_what_happens() {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let copy = Rc::clone(&lines);
        let mut trace = Trace::new(Some(Box::new(move |line: &str| {
            copy.borrow_mut().push(line.to_owned());
        })));
        let start = trace.hash();
        let to = "10.0.0.1:5000".parse().unwrap();
        let bytes = [8, 0, 0, 0, 0xab, 0xcd];
        trace.record(Instant::ZERO, &Step::Sent(HostId(1), to, Digest::of(&bytes)));
        assert_ne!(trace.hash(), start);
        assert_eq!(*lines.borrow(), ["0:00:00.000000 host 1 -> 10.0.0.1:5000  DATA 6 B 0000abcd"]);
    }
}
