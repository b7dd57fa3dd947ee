//! A program on a bare endpoint, for scenarios of the transport alone: it moves bytes that its
//! counterpart can check, and keeps what it sees.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use wire::time::{Duration, Instant};
use wire::{
    Accept, Call, Class, CloseReason, Config, Connect, ConnectionError, ConnectionHandle, Deadline,
    Endpoint, Event, Identify, Node, PublicKey, Read, Seed, Source, StaticKey, StreamId, Transmit,
    TransportConfig,
};

use crate::world::Machine;

/// Tag and length stand at the front of every load.
const HEADER: usize = 16;
/// Bytes written or read at once.
const PIECE: usize = 16 * 1024;

/// How fast a program reads what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// As it comes.
    Eager,
    /// At most so many bytes of each stream in each period.
    Slow(usize, Duration),
}

/// A load that arrived whole and right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its sender's number for it.
    pub tag: u64,
    /// Bytes, without the header.
    pub len: u64,
    /// When its end was read.
    pub at: Instant,
}

/// A connection that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    /// When it came up.
    pub at: Instant,
    /// The other side's address then.
    pub address: SocketAddr,
    /// The other side's key, if shown.
    pub remote_static: Option<PublicKey>,
    /// The hash over the handshake.
    pub handshake_hash: [u8; 32],
}

#[derive(Debug)]
struct Sending {
    tag: u64,
    len: u64,
    /// Bytes written, header included.
    written: u64,
}

#[derive(Debug, Default)]
struct Receiving {
    header: Vec<u8>,
    /// Bytes seen after the header.
    seen: u64,
}

/// The program.
pub struct Traffic {
    /// Its endpoint.
    pub endpoint: Endpoint,
    transport: TransportConfig,
    key: PublicKey,
    appetite: Appetite,
    meal_at: Instant,
    sending: BTreeMap<(ConnectionHandle, StreamId), Sending>,
    receiving: BTreeMap<(ConnectionHandle, StreamId), Receiving>,
    hungry: BTreeSet<(ConnectionHandle, StreamId)>,
    /// Loads to be sent once their connection is up and allows a further stream.
    waiting: Vec<(ConnectionHandle, Class, u64, u64)>,
    /// Connections that came up.
    pub up: BTreeMap<ConnectionHandle, Up>,
    /// Connections that ended, and why.
    pub down: BTreeMap<ConnectionHandle, (Instant, ConnectionError)>,
    /// Loads that arrived, in the order of their ends.
    pub arrivals: Vec<Arrival>,
    /// Tags of loads whose end the other side has acknowledged.
    pub acknowledged: BTreeSet<u64>,
    /// Validated changes of the other side's address.
    pub moves: Vec<(ConnectionHandle, SocketAddr)>,
    /// The newest token of a server.
    pub token: Option<[u8; 24]>,
}

impl Traffic {
    /// A program with everything drawn from `seed`.
    #[must_use]
    pub fn new(seed: &Seed, accept: Accept, transport: TransportConfig) -> Self {
        Self::restarted(seed, &seed.derive("first life"), accept, transport)
    }

    /// The same program with the same keys in another life, in which it draws other numbers.
    #[must_use]
    pub fn restarted(seed: &Seed, life: &Seed, accept: Accept, transport: TransportConfig) -> Self {
        let key = Self::key_of(seed);
        let config = Config {
            static_key: key.clone(),
            token_secret: *key.private(),
            token_epoch: 0,
            label: "traffic/1",
            accept,
            transport: transport.clone(),
        };
        Self {
            endpoint: Endpoint::new(config, life),
            transport,
            key: key.public(),
            appetite: Appetite::Eager,
            meal_at: Instant::ZERO,
            sending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            hungry: BTreeSet::new(),
            waiting: Vec::new(),
            up: BTreeMap::new(),
            down: BTreeMap::new(),
            arrivals: Vec::new(),
            acknowledged: BTreeSet::new(),
            moves: Vec::new(),
            token: None,
        }
    }

    /// The static key of the program that is made from this seed.
    #[must_use]
    pub fn key_of(seed: &Seed) -> StaticKey {
        use rand_core::RngCore;
        let mut private = [0; 32];
        seed.derive("static key").rng().fill_bytes(&mut private);
        StaticKey::from_private(private)
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// It reads like this from now on.
    pub fn set_appetite(&mut self, now: Instant, appetite: Appetite) {
        self.appetite = appetite;
        self.meal_at = now;
    }

    /// Begins a connection to a server.
    pub fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        server_key: Option<PublicKey>,
        identify: Identify,
    ) -> ConnectionHandle {
        let token = self.token;
        self.endpoint.connect(now, Connect { remote, server_key, identify, token })
    }

    /// Begins a connection to a peer.
    pub fn call(&mut self, now: Instant, call: Call) -> ConnectionHandle {
        self.endpoint.call(now, call)
    }

    /// Sends `len` bytes that `tag` determines on a stream of their own, as soon as the
    /// connection is up.
    pub fn send(&mut self, handle: ConnectionHandle, class: Class, tag: u64, len: u64) {
        self.waiting.push((handle, class, tag, len));
    }

    /// Closes a connection.
    pub fn close(&mut self, now: Instant, handle: ConnectionHandle) {
        self.endpoint.close(now, handle, CloseReason::new(0, "done"));
    }

    /// Whether everything that was to be sent is sent and acknowledged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.sending.is_empty()
    }

    fn on_event(&mut self, now: Instant, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Connected { address, remote_static, handshake_hash } => {
                let up = Up { at: now, address, remote_static, handshake_hash };
                let before = self.up.insert(handle, up);
                assert!(before.is_none(), "connection {handle} came up twice");
            }
            Event::Opened(stream) => {
                self.receiving.insert((handle, stream), Receiving::default());
                self.hungry.insert((handle, stream));
            }
            Event::Readable(stream) => {
                self.hungry.insert((handle, stream));
            }
            Event::Writable(stream) => self.write(handle, stream),
            Event::Finished(stream) => {
                if let Some(sent) = self.sending.remove(&(handle, stream)) {
                    assert_eq!(sent.written, sent.len + HEADER as u64, "finished too early");
                    self.acknowledged.insert(sent.tag);
                }
            }
            Event::Stopped(stream, code) => panic!("{stream:?} stopped with {code}"),
            Event::PathChanged(address) => self.moves.push((handle, address)),
            Event::NewToken(token) => self.token = Some(token),
            Event::Closed(error) => {
                let before = self.down.insert(handle, (now, error));
                assert!(before.is_none(), "connection {handle} ended twice");
                self.sending.retain(|(of, _), _| *of != handle);
                self.receiving.retain(|(of, _), _| *of != handle);
                self.hungry.retain(|(of, _)| *of != handle);
                self.waiting.retain(|(of, ..)| *of != handle);
            }
        }
    }

    fn open_waiting(&mut self) {
        let endpoint = &mut self.endpoint;
        let mut opened = Vec::new();
        self.waiting.retain(|&(handle, class, tag, len)| match endpoint.open(handle, class) {
            Ok(stream) => {
                opened.push((handle, stream, Sending { tag, len, written: 0 }));
                false
            }
            Err(_) => true,
        });
        for (handle, stream, sending) in opened {
            self.sending.insert((handle, stream), sending);
            self.write(handle, stream);
        }
    }

    fn write(&mut self, handle: ConnectionHandle, stream: StreamId) {
        let Some(sending) = self.sending.get_mut(&(handle, stream)) else { return };
        let total = sending.len + HEADER as u64;
        while sending.written < total {
            let most = usize::try_from(total - sending.written).unwrap_or(PIECE).min(PIECE);
            let piece = content(sending.tag, sending.len, sending.written, most);
            // The connection may have ended; its last event is yet to come.
            let Ok(taken) = self.endpoint.write(handle, stream, &piece) else { return };
            sending.written += taken as u64;
            if taken < piece.len() {
                return;
            }
        }
        let _ = self.endpoint.finish(handle, stream);
    }

    fn read(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        stream: StreamId,
        most: usize,
    ) -> Read {
        let mut bytes = Vec::new();
        // What was not read of a connection that has ended is gone.
        let Ok(left) = self.endpoint.read(handle, stream, most, &mut bytes) else {
            return Read::Blocked;
        };
        assert!(bytes.len() <= most, "read more than asked for");
        let Some(receiving) = self.receiving.get_mut(&(handle, stream)) else {
            assert!(bytes.is_empty(), "nobody answers on our own streams");
            return left;
        };
        let missing = (HEADER - receiving.header.len()).min(bytes.len());
        receiving.header.extend(bytes.drain(..missing));
        let Ok(header) = <[u8; HEADER]>::try_from(receiving.header.as_slice()) else {
            assert_ne!(left, Read::End, "the load ends in its header");
            return left;
        };
        let [tag, len] = [&header[..8], &header[8..]]
            .map(|half| u64::from_be_bytes(half.try_into().expect("eight bytes")));
        let expected = content(tag, len, HEADER as u64 + receiving.seen, bytes.len());
        assert!(bytes == expected, "load {tag} is damaged after byte {}", receiving.seen);
        receiving.seen += bytes.len() as u64;
        if left == Read::End {
            assert_eq!(receiving.seen, len, "load {tag} is cut short");
            self.arrivals.push(Arrival { tag, len, at: now });
            self.receiving.remove(&(handle, stream));
            // Our half of the stream carries nothing.
            let _ = self.endpoint.finish(handle, stream);
        }
        left
    }

    fn eat(&mut self, now: Instant) {
        let most = match self.appetite {
            Appetite::Eager => PIECE,
            Appetite::Slow(bytes, period) => {
                if now < self.meal_at {
                    return;
                }
                self.meal_at = now + period;
                bytes
            }
        };
        for (handle, stream) in self.hungry.clone() {
            loop {
                match (self.read(now, handle, stream, most), self.appetite) {
                    (Read::More, Appetite::Eager) => {}
                    (Read::More, Appetite::Slow(..)) => break,
                    (Read::Blocked | Read::End, _) => {
                        self.hungry.remove(&(handle, stream));
                        break;
                    }
                }
            }
        }
    }
}

impl Node for Traffic {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        self.endpoint.handle_datagram(now, source, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.eat(now);
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        self.endpoint.poll_transmit(now, buffer, max_datagrams)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let meal = match self.appetite {
            Appetite::Slow(..) if !self.hungry.is_empty() => {
                Some(Deadline { at: self.meal_at, timer: "meal" })
            }
            Appetite::Slow(..) | Appetite::Eager => None,
        };
        self.endpoint.poll_timeout().into_iter().chain(meal).min()
    }
}

impl Machine for Traffic {
    type Input = core::convert::Infallible;

    fn handle_input(&mut self, _: Instant, input: Self::Input) {
        match input {}
    }

    fn settle(&mut self, now: Instant) {
        while let Some((handle, event)) = self.endpoint.poll_event() {
            self.on_event(now, handle, event);
        }
        self.open_waiting();
        if self.appetite == Appetite::Eager {
            self.eat(now);
        }
    }

    fn poll_work(&mut self) -> Option<Self::Input> {
        None
    }

    /// Real memory of each connection stays below what the configuration allows.
    fn check(&self) {
        let TransportConfig { connection_window, send_buffer, max_streams, .. } = self.transport;
        let streams = Class::ALL.len() as u64 * max_streams;
        let cap = 2 * connection_window + streams * send_buffer as u64;
        for handle in self.up.keys() {
            let held = self.endpoint.stats(*handle).map_or(0, |stats| stats.buffered_bytes);
            assert!(held <= cap, "connection {handle} holds {held} bytes, at most {cap} allowed");
        }
    }
}

/// `count` bytes of a load from `offset` on, header included.
fn content(tag: u64, len: u64, offset: u64, count: usize) -> Vec<u8> {
    let header = [tag.to_be_bytes(), len.to_be_bytes()].concat();
    let end = offset + count as u64;
    (offset..end)
        .map(|at| match usize::try_from(at).ok().and_then(|at| header.get(at)) {
            Some(byte) => *byte,
            None => (at.wrapping_add(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8,
        })
        .collect()
}
