//! Scripts for two connections that are joined by a virtual link, without endpoints.

mod ends;
mod flows;
mod hostile;
mod keys;
mod mean;
mod moves;
mod mtu;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use super::ways::Known;
use super::{Connection, ConnectionOutput, Established, Received};
use crate::config::{Congestion, TransportConfig};
use crate::crypto::packet_keys::PacketKeys;
use crate::endpoint::Read;
use crate::error::ConnectionError;
use crate::event::Event;
use crate::frame::{Frame, RekeyStep};
use crate::id::{Class, Seed, Side, StreamId};
use crate::node::{Ecn, Source};
use crate::parameters::TransportParameters;
use crate::time::{Duration, Instant};

const A: usize = 0;
const B: usize = 1;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn side(who: usize) -> Side {
    if who == A { Side::Initiator } else { Side::Responder }
}

fn keys(epoch: u8, who: usize) -> PacketKeys {
    PacketKeys::from_split(&([epoch; 32], [epoch ^ 0xff; 32]), side(who))
}

fn address(who: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + who as u8], 4000))
}

fn established(who: usize, config: &TransportConfig) -> Established {
    Established {
        side: side(who),
        remote_index: 7 + (1 - who) as u32,
        keys: keys(0, who),
        path: address(1 - who),
        peer: TransportParameters {
            max_datagram: config.max_datagram,
            ..TransportParameters::from_config(config)
        },
        handshake_rtt: None,
        known: Known::default(),
        seed: Seed::new([40 + who as u8; 32]),
        reset_token_for_peer: [who as u8; 16],
    }
}

/// What the link does to datagrams, the same in both directions. Chances are per cent.
#[derive(Clone)]
struct Link {
    delay: Duration,
    /// Bytes a second and bytes of queue before it.
    bottleneck: Option<(u64, u64)>,
    loss: u32,
    duplicate: u32,
    /// Chance to be late by `late`.
    reorder: u32,
    late: Duration,
    /// Chance that a router marks instead of dropping.
    mark: u32,
    /// Whether ECN bits survive.
    ecn: bool,
    /// Larger datagrams vanish.
    mtu: usize,
}

impl Link {
    const fn clean(delay: Duration) -> Self {
        Self {
            delay,
            bottleneck: None,
            loss: 0,
            duplicate: 0,
            reorder: 0,
            late: Duration::ZERO,
            mark: 0,
            ecn: true,
            mtu: 1472,
        }
    }
}

#[derive(Clone)]
struct Datagram {
    to: usize,
    from: SocketAddr,
    ecn: Ecn,
    bytes: Vec<u8>,
}

/// The application of one side: writes one file, reads whatever comes.
struct App {
    sending: Option<(StreamId, u64, u64)>,
    read: BTreeMap<StreamId, u64>,
    ended: Vec<StreamId>,
    events: Vec<Event>,
    outputs: Vec<ConnectionOutput>,
}

/// Changes or drops a datagram under way: `None` drops it.
type Tamper = Box<dyn FnMut(Datagram) -> Option<Datagram>>;

struct Pair {
    now: Instant,
    sides: [Connection; 2],
    apps: [App; 2],
    addresses: [SocketAddr; 2],
    link: Link,
    /// When the bottleneck of each direction is free.
    busy_until: [Instant; 2],
    under_way: BTreeMap<(Instant, u64), Datagram>,
    order: u64,
    rng: ChaCha20Rng,
    tamper: Tamper,
    /// Datagrams delivered, by outcome.
    received: [BTreeMap<&'static str, u64>; 2],
    /// (packet number, epoch) of everything sent.
    last_number: [Option<u64>; 2],
    bytes_sent_to: BTreeMap<SocketAddr, u64>,
    largest_burst: usize,
    /// What the interface of either side takes at most.
    interface: usize,
    /// Bursts that were larger.
    refused: u32,
    /// Whether the handshakes for new keys are pretended.
    rekeys: bool,
    /// Whether what is read must be what [`Self::send_file`] writes.
    checks_content: bool,
}

const fn pattern(offset: u64) -> u8 {
    (offset.wrapping_mul(31) % 251) as u8
}

impl Pair {
    fn new(link: Link) -> Self {
        Self::with(link, &TransportConfig::default())
    }

    fn with(link: Link, config: &TransportConfig) -> Self {
        let now = Instant::from_micros(1_000_000);
        let app = || App {
            sending: None,
            read: BTreeMap::new(),
            ended: Vec::new(),
            events: Vec::new(),
            outputs: Vec::new(),
        };
        Self {
            now,
            sides: [A, B].map(|who| Connection::new(now, config, established(who, config))),
            apps: [app(), app()],
            addresses: [address(A), address(B)],
            link,
            busy_until: [now; 2],
            under_way: BTreeMap::new(),
            order: 0,
            rng: Seed::new([1; 32]).rng(),
            tamper: Box::new(Some),
            received: [BTreeMap::new(), BTreeMap::new()],
            last_number: [None; 2],
            bytes_sent_to: BTreeMap::new(),
            largest_burst: 0,
            interface: usize::MAX,
            refused: 0,
            rekeys: true,
            checks_content: true,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.next_u32() % 100 < percent
    }

    /// Opens a stream and writes a file of so many bytes to it as fast as it takes them.
    fn send_file(&mut self, who: usize, class: Class, len: u64) -> StreamId {
        let id = self.sides[who].open(class).unwrap();
        self.apps[who].sending = Some((id, 0, len));
        self.write(who);
        id
    }

    fn write(&mut self, who: usize) {
        let Some((id, mut written, len)) = self.apps[who].sending else { return };
        while written < len {
            let part: Vec<u8> = (written..len.min(written + 65_536)).map(pattern).collect();
            let Ok(taken) = self.sides[who].write(id, &part) else { return };
            written += taken as u64;
            self.apps[who].sending = Some((id, written, len));
            if taken < part.len() {
                return;
            }
        }
        self.sides[who].finish(id).unwrap();
        self.apps[who].sending = None;
    }

    fn read(&mut self, who: usize, id: StreamId) {
        loop {
            let mut bytes = Vec::new();
            let Ok(left) =
                self.sides[who].read_with(id, 1 << 20, |part| bytes.extend_from_slice(part))
            else {
                return;
            };
            let at = self.apps[who].read.entry(id).or_default();
            for byte in &bytes {
                assert!(!self.checks_content || *byte == pattern(*at), "at {at} of {id:?}");
                *at += 1;
            }
            match left {
                Read::More => {}
                Read::Blocked => return,
                Read::End => {
                    self.apps[who].ended.push(id);
                    return;
                }
            }
        }
    }

    /// Serves outputs as an endpoint and an application would; the handshakes are pretended.
    fn serve(&mut self, who: usize) {
        let now = self.now;
        while let Some(output) = self.sides[who].poll_output() {
            match output.clone() {
                ConnectionOutput::Event(Event::Readable(id)) => self.read(who, id),
                ConnectionOutput::Event(Event::Writable(_)) => self.write(who),
                ConnectionOutput::Event(event) => self.apps[who].events.push(event),
                ConnectionOutput::RekeyDue if !self.rekeys => {}
                ConnectionOutput::RekeyDue => {
                    let epoch = self.sides[who].following_epoch();
                    self.sides[who].send_rekey(epoch, RekeyStep::First, vec![1; 96]);
                }
                ConnectionOutput::RekeyMessage { epoch, step: RekeyStep::First, .. } => {
                    self.sides[who].send_rekey(epoch, RekeyStep::Second, vec![2; 48]);
                    self.sides[who].install_keys(now, epoch, keys(epoch, who));
                }
                ConnectionOutput::RekeyMessage { epoch, .. } => {
                    self.sides[who].install_keys(now, epoch, keys(epoch, who));
                }
                ConnectionOutput::PathMoved(_) | ConnectionOutput::ResetToken(_) => {}
            }
            self.apps[who].outputs.push(output);
        }
    }

    /// Sends what a side wants to send now.
    fn transmit(&mut self, who: usize) {
        let mut buffer = Vec::new();
        for round in 0.. {
            assert!(round < 10_000, "sends without end");
            let Some(transmit) = self.sides[who].poll_transmit(self.now, &mut buffer, 64) else {
                break;
            };
            if transmit.segment_size > self.interface {
                self.refused += 1;
                self.sides[who].handle_too_large(self.now, transmit.segment_size);
                continue;
            }
            let count = buffer.len().div_ceil(transmit.segment_size);
            self.largest_burst = self.largest_burst.max(count);
            for bytes in buffer.chunks(transmit.segment_size) {
                let bytes = self.check_datagram(who, bytes);
                let to = transmit.destination;
                *self.bytes_sent_to.entry(to).or_default() += bytes.len() as u64 + 4;
                let Some(to) = self.addresses.iter().position(|address| *address == to) else {
                    continue;
                };
                let from = self.addresses[who];
                self.put_on_link(Datagram { to, from, ecn: transmit.ecn, bytes });
            }
        }
    }

    /// CRC, type, receiver, number: gives the datagram without its CRC.
    fn check_datagram(&mut self, who: usize, bytes: &[u8]) -> Vec<u8> {
        let (body, crc) = bytes.split_last_chunk::<4>().unwrap();
        assert_eq!(crc32fast::hash(body).to_be_bytes(), *crc);
        assert_eq!((body[0], body[7]), (8, 7 + (1 - who) as u8));
        let number = number_of(body);
        assert!(self.last_number[who].is_none_or(|last| last < number), "number reused");
        self.last_number[who] = Some(number);
        body.to_vec()
    }

    fn put_on_link(&mut self, datagram: Datagram) {
        let direction = datagram.to;
        let Some(mut datagram) = (self.tamper)(datagram) else { return };
        let too_large = datagram.bytes.len() + 4 > self.link.mtu;
        if too_large || self.chance(self.link.loss) {
            return;
        }
        if !self.link.ecn {
            datagram.ecn = Ecn::NotCapable;
        } else if datagram.ecn == Ecn::Ect0 && self.chance(self.link.mark) {
            datagram.ecn = Ecn::Ce;
        }
        let mut at = self.now;
        if let Some((rate, queue)) = self.link.bottleneck {
            let size = datagram.bytes.len() as u64 + 4;
            let waiting = self.busy_until[direction] - self.now;
            if waiting.as_micros() as u64 * rate / 1_000_000 + size > queue {
                return;
            }
            let start = self.busy_until[direction].max(self.now);
            at = start + Duration::from_micros(size * 1_000_000 / rate);
            self.busy_until[direction] = at;
        }
        at += self.link.delay;
        if self.chance(self.link.reorder) {
            at += self.link.late;
        }
        let copies = if self.chance(self.link.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            self.order += 1;
            self.under_way.insert((at, self.order), datagram.clone());
        }
    }

    fn deliver(&mut self, mut datagram: Datagram) -> Received {
        let who = datagram.to;
        let source = Source { address: datagram.from, ecn: datagram.ecn };
        let received = self.sides[who].handle_data(self.now, source, &mut datagram.bytes);
        let name = match received {
            Received::Accepted => "accepted",
            Received::BadTag => "bad tag",
            Received::Replayed => "replayed",
            Received::UnknownEpoch => "unknown epoch",
        };
        *self.received[who].entry(name).or_default() += 1;
        received
    }

    /// Lets everything happen that happens now, then jumps to when something happens next, but
    /// not beyond `until`. Says whether there was something.
    fn step(&mut self, until: Instant) -> bool {
        for who in [A, B] {
            self.serve(who);
            self.transmit(who);
        }
        let arrival = self.under_way.keys().next().map(|(at, _)| *at);
        let timers = self.sides.iter().filter_map(|side| Some(side.poll_timeout()?.at));
        let Some(next) = timers.chain(arrival).min().filter(|at| *at <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let datagram = entry.remove();
            self.deliver(datagram);
        }
        for who in [A, B] {
            if self.sides[who].poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
                self.sides[who].handle_timeout(self.now);
                let next = self.sides[who].poll_timeout();
                assert!(next.is_none_or(|next| next.at > self.now), "{next:?} at {}", self.now);
            }
            self.serve(who);
        }
        true
    }

    fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        for who in [A, B] {
            self.serve(who);
        }
    }

    /// Runs until the other side has read the stream to its end, and says how long that took.
    fn run_until_read(&mut self, who: usize, id: StreamId, limit: Duration) -> Duration {
        let start = self.now;
        while !self.apps[who].ended.contains(&id) {
            let more = self.step(start + limit);
            assert!(
                more,
                "not finished after {limit:?}: {:?} of {id:?}, {:?}",
                self.apps[who].read.get(&id),
                self.sides[1 - who].stats()
            );
        }
        self.now - start
    }

    /// A file of `len` bytes from A to B.
    fn transfer(&mut self, len: u64, limit: Duration) -> Duration {
        let id = self.send_file(A, Class::Bulk, len);
        let time = self.run_until_read(B, id, limit);
        assert_eq!(self.apps[B].read[&id], len);
        time
    }

    /// All quiet: what was sent is acknowledged.
    fn settle(&mut self) {
        self.run_for(secs(8));
        for who in [A, B] {
            assert_eq!(self.sides[who].stats().bytes_in_flight, 0, "side {who}");
        }
    }

    /// A packet with these frames, as if `from` had sent it under epoch 0 with this number.
    fn forge(&self, from: usize, number: u64, frames: &[Frame<'_>]) -> Datagram {
        let mut header = vec![8, 0, 0, 0];
        header.extend((7 + (1 - from) as u32).to_be_bytes());
        header.extend(number.to_be_bytes());
        let mut payload = Vec::new();
        for frame in frames {
            frame.encode(&mut payload);
        }
        let tag = keys(0, from).seal(number, &header, &mut payload);
        let bytes = [&header[..], &payload, &tag].concat();
        Datagram { to: 1 - from, from: self.addresses[from], ecn: Ecn::NotCapable, bytes }
    }

    fn closed(&self, who: usize) -> Option<&ConnectionError> {
        self.apps[who]
            .events
            .iter()
            .find_map(|event| if let Event::Closed(error) = event { Some(error) } else { None })
    }
}

fn number_of(datagram: &[u8]) -> u64 {
    u64::from_be_bytes(datagram[8..16].try_into().unwrap())
}
