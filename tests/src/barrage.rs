//! A barrage of random and mutated datagrams at a live program, over a real socket: whatever
//! comes, it must not panic, grow, or answer beyond the rules.

use std::net::SocketAddr;

use wire::relay::LegGrant;
use wire::time::{Duration, Instant};
use wire::{
    Accept, Call, CallTag, Class, Config, Connect, Deadline, Ecn, Endpoint, Event, Identify, Node,
    Relay, Secret, Seed, Side, Source, StaticKey, Transmit, TransportConfig,
};

use crate::dice::{Dice, Probability};

/// Longest datagram sent: above anything that the protocol has.
const MAX_LEN: u64 = 1500;
/// Datagrams of one burst; they have one size, so that the kernel cuts them apart.
const BURST: usize = 32;

/// What was sent and what came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Datagrams that came back.
    pub replies: u64,
    /// Bytes that came back.
    pub reply_bytes: u64,
    /// Replies longer than any datagram that answers a stranger.
    pub oversized_replies: u64,
}

/// A node that sends a barrage and counts what comes back.
pub struct Barrage {
    target: SocketAddr,
    left: u64,
    dice: Dice,
    samples: Vec<Vec<u8>>,
    tally: Tally,
}

impl Barrage {
    /// `count` datagrams to `target`, drawn from `seed`.
    #[must_use]
    pub fn new(target: SocketAddr, count: u64, seed: &Seed) -> Self {
        let dice = Dice::new(seed, "barrage");
        Self { target, left: count, dice, samples: samples(seed), tally: Tally::default() }
    }

    /// What was sent and came back so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether everything has been sent.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The next at most `datagrams` of it, so that answers can be read in between.
    pub fn slice(&mut self, datagrams: u64) -> Slice<'_> {
        Slice { left: datagrams, barrage: self }
    }

    /// One datagram: noise, or a valid one with something wrong.
    fn datagram(&mut self) -> Vec<u8> {
        let mut bytes = if self.dice.chance(Probability::percent(20.0)) {
            let len = self.dice.below(MAX_LEN + 1);
            (0..len).map(|_| self.byte()).collect()
        } else {
            let pick = self.dice.below(self.samples.len() as u64);
            let mut sample = self.samples[usize::try_from(pick).expect("an index")].clone();
            self.mutate(&mut sample);
            sample
        };
        // Most get past the CRC, where the interesting code is.
        if bytes.len() > 4 && !self.dice.chance(Probability::percent(10.0)) {
            let body = bytes.len() - 4;
            let crc = crc32fast::hash(&bytes[..body]);
            bytes[body..].copy_from_slice(&crc.to_be_bytes());
        }
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.dice.below(3) {
            let at = usize::try_from(self.dice.below(bytes.len().max(1) as u64)).expect("an index");
            match self.dice.below(6) {
                _ if bytes.is_empty() => bytes.push(self.byte()),
                0 => bytes[at] ^= 1 << self.dice.below(8),
                1 => bytes[at] = self.byte(),
                2 => bytes.truncate(at),
                3 => bytes.extend((0..=at % 64).map(|_| self.byte()).collect::<Vec<_>>()),
                // Lengths and counts at their extremes.
                4 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                _ => bytes[0] = u8::try_from(self.dice.below(12)).expect("below 12"),
            }
        }
        bytes.truncate(usize::try_from(MAX_LEN).expect("small"));
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.dice.below(256)).expect("below 256")
    }
}

impl Node for Barrage {
    fn handle_datagram(&mut self, _: Instant, _: Source, datagram: &mut [u8]) {
        self.tally.replies += 1;
        self.tally.reply_bytes += datagram.len() as u64;
        self.tally.oversized_replies += u64::from(datagram.len() > 400);
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, out: &mut Vec<u8>, max: usize) -> Option<Transmit> {
        if self.left == 0 {
            return None;
        }
        out.clear();
        let first = self.datagram();
        let segment_size = first.len().max(1);
        out.extend(first);
        let burst = BURST.min(max).min(usize::try_from(self.left).unwrap_or(BURST));
        let mut count = 1;
        while count < burst && out.len() == count * segment_size {
            let next = self.datagram();
            // Only datagrams of one size travel together: cut or fill up to it.
            let fill = segment_size.saturating_sub(next.len());
            out.extend(next.into_iter().take(segment_size).chain(std::iter::repeat_n(0, fill)));
            count += 1;
        }
        self.left -= count as u64;
        self.tally.sent += count as u64;
        self.tally.sent_bytes += out.len() as u64;
        Some(Transmit { destination: self.target, segment_size, ecn: Ecn::NotCapable })
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }
}

/// Fires `barrage` from a socket of this machine and waits for late answers until none has come
/// for a while.
///
/// # Errors
/// When the socket fails.
#[cfg(feature = "net")]
pub fn fire(barrage: &mut Barrage) -> std::io::Result<()> {
    use wire::net::{Clock, Progress, Socket};
    let any = if barrage.target.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let mut socket = Socket::bind(any.parse().expect("an address"))?;
    let mut poll = mio::Poll::new()?;
    poll.registry().register(&mut socket, mio::Token(0), Socket::INTERESTS)?;
    let mut events = mio::Events::with_capacity(8);
    let clock = Clock::start();
    let mut quiet = false;
    while !(barrage.is_done() && quiet) {
        let now = clock.now();
        let before = barrage.tally().replies;
        let mut take = |from, bytes: &mut [u8]| barrage.handle_datagram(now, from, bytes);
        while socket.receive(&mut take)? == Progress::More {}
        let wait = Duration::from_millis(if barrage.is_done() { 500 } else { 1 });
        // What overflows the target's queue would not try the target.
        if backlog(barrage.target.port()).0 < MAX_BACKLOG {
            socket.send_from(now, &mut barrage.slice(1024));
        }
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        quiet = events.is_empty() && barrage.tally().replies == before;
    }
    Ok(())
}

/// The largest queue of the target at which more is sent, in bytes of kernel memory.
#[cfg(feature = "net")]
const MAX_BACKLOG: u64 = 64 << 10;

/// The bytes that wait in the socket of a program on this machine, and the datagrams that its
/// socket has dropped so far (proc_net_udp(5)).
#[cfg(feature = "net")]
#[must_use]
pub fn backlog(port: u16) -> (u64, u64) {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(std::fs::read_to_string);
    let suffix = format!(":{port:04X}");
    let (mut waiting, mut dropped) = (0, 0);
    for line in tables.iter().flatten().flat_map(|table| table.lines()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, _, queues, .., drops] = fields[..] else { continue };
        if local.ends_with(&suffix) {
            let receive = queues.split_once(':').map_or("0", |(_, receive)| receive);
            waiting += u64::from_str_radix(receive, 16).unwrap_or(0);
            dropped += drops.parse::<u64>().unwrap_or(0);
        }
    }
    (waiting, dropped)
}

/// A part of a barrage.
pub struct Slice<'a> {
    barrage: &'a mut Barrage,
    left: u64,
}

impl Node for Slice<'_> {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        self.barrage.handle_datagram(now, source, datagram);
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>, max: usize) -> Option<Transmit> {
        if self.left == 0 {
            return None;
        }
        let before = self.barrage.tally.sent;
        let transmit = self.barrage.poll_transmit(now, out, max);
        self.left = self.left.saturating_sub(self.barrage.tally.sent - before);
        transmit
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }
}

/// Valid datagrams of every kind: what two clients, their server and their call send in virtual
/// time.
fn samples(seed: &Seed) -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    let endpoint = |number: u8, accept| {
        let config = Config {
            static_key: StaticKey::from_private([number; 32]),
            token_secret: [number; 32],
            token_epoch: 0,
            label: "tincan/1",
            accept,
            transport: TransportConfig::default(),
        };
        let address = SocketAddr::from(([10, 0, 0, number], 1000));
        (address, Endpoint::new(config, &seed.derive(&format!("sample {number}"))))
    };
    let mut nodes = [
        endpoint(1, Accept::Announced),
        endpoint(2, Accept::Anyone),
        endpoint(3, Accept::Announced),
    ];
    let (remote, now) = (nodes[1].0, Instant::ZERO);
    // One has the server's key pinned and is sent to fetch a token; the other asks for the key.
    let pinned = Some(StaticKey::from_private([2; 32]).public());
    for (index, identify, server_key) in
        [(0, Identify::Anonymous, pinned), (2, Identify::Known, None)]
    {
        nodes[index].1.connect(now, Connect { remote, server_key, identify, token: None });
    }
    for (index, other, side) in [(0usize, 3u8, Side::Initiator), (2, 1, Side::Responder)] {
        nodes[index].1.call(now, call(other, side, remote));
    }
    let mut now = now;
    for _ in 0..200 {
        let mut flying = Vec::new();
        for (from, node) in &mut nodes {
            let mut buffer = Vec::new();
            while let Some(transmit) = node.poll_transmit(now, &mut buffer, 4) {
                for bytes in buffer.chunks(transmit.segment_size) {
                    flying.push((*from, transmit.destination, bytes.to_vec()));
                }
            }
            while let Some((connection, event)) = node.poll_event() {
                if let Event::Connected { .. } = event
                    && let Ok(stream) = node.open(connection, Class::Chat)
                {
                    let _ = node.write(connection, stream, &[0x55; 300]);
                }
            }
        }
        for (from, to, mut bytes) in flying {
            samples.push(bytes.clone());
            let source = Source { address: from, ecn: Ecn::NotCapable };
            for (_, node) in nodes.iter_mut().filter(|(address, _)| *address == to) {
                node.handle_datagram(now, source, &mut bytes);
            }
        }
        now += Duration::from_millis(10);
        for (_, node) in &mut nodes {
            node.handle_timeout(now);
        }
    }
    samples.sort_unstable();
    samples.dedup();
    samples
}

/// To the node of that number, directly or through the server.
fn call(other: u8, side: Side, server: SocketAddr) -> Call {
    let grant = LegGrant { leg: other.into(), key: Secret::new([other; 32]), rate: 1 };
    Call {
        tag: CallTag([7; 8]),
        side,
        secret: Secret::new([9; 32]),
        remote_static: StaticKey::from_private([other; 32]).public(),
        prologue: b"sample".to_vec(),
        candidates: vec![SocketAddr::from(([10, 0, 0, other], 1000))],
        observed: Some(SocketAddr::from(([10, 0, 0, other], 1000))),
        relay: Some(Relay { server, grant }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_cover_every_type_of_datagram() {
        let samples = samples(&Seed::new([1; 32]));
        let types: std::collections::BTreeSet<u8> = samples.iter().map(|s| s[0]).collect();
        assert_eq!(types, (1..=11).collect(), "types 1 to 11 of PROTOCOL.md");
    }

    #[test]
    fn a_barrage_in_virtual_time_leaves_a_server_answering_within_the_rules() {
        let target = SocketAddr::from(([10, 0, 0, 9], 1));
        let seed = Seed::new([2; 32]);
        let config = Config {
            static_key: StaticKey::from_private([9; 32]),
            token_secret: [9; 32],
            token_epoch: 0,
            label: "tincan/1",
            accept: Accept::Anyone,
            transport: TransportConfig::default(),
        };
        let mut server = Endpoint::new(config, &seed);
        let mut barrage = Barrage::new(target, 20_000, &seed);
        let source = Source { address: SocketAddr::from(([10, 0, 0, 1], 1)), ecn: Ecn::NotCapable };
        let (mut now, mut buffer) = (Instant::ZERO, Vec::new());
        while let Some(transmit) = barrage.poll_transmit(now, &mut buffer, BURST) {
            for bytes in buffer.chunks_mut(transmit.segment_size) {
                server.handle_datagram(now, source, bytes);
            }
            now += Duration::from_micros(200);
            server.handle_timeout(now);
            while let Some(transmit) = server.poll_transmit(now, &mut buffer, 1) {
                for bytes in buffer.chunks_mut(transmit.segment_size) {
                    barrage.handle_datagram(now, source, bytes);
                }
            }
        }
        let tally = barrage.tally();
        assert!(tally.replies > 0, "some of them ask for an answer");
        assert_eq!(tally.oversized_replies, 0);
        assert!(tally.reply_bytes * 10 < tally.sent_bytes, "{tally:?}");
    }
}
