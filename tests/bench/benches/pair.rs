//! Two endpoints joined in memory, in virtual time: what a benchmark does to them is all that
//! happens.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use wire::time::Instant;
use wire::{
    Accept, Class, Config, Connect, ConnectionHandle, Ecn, Endpoint, Event, Identify, Node as _,
    Read, Seed, Source, StaticKey, StreamId, TransportConfig,
};

/// UDP payload of a datagram: Ethernet, IPv6.
pub const DATAGRAM: usize = 1452;
/// Round trip of the path.
pub const ROUND_TRIP: Duration = Duration::from_millis(50);
/// As many datagrams as one call of the kernel takes.
pub const BURST: usize = 64;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Sender,
    Receiver,
}

impl End {
    fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

/// A connection with one stream for bulk data over a path of 25 ms each way and of any rate.
pub struct Pair {
    pub now: Instant,
    ends: [Endpoint; 2],
    /// The sender's connection.
    handle: Option<ConnectionHandle>,
    stream: Option<StreamId>,
    payload: Vec<u8>,
    /// What was read.
    read: Vec<u8>,
    /// What is on the way, the earliest first.
    link: VecDeque<(Instant, End, Vec<u8>)>,
}

impl Pair {
    /// Connects, and sends until the sender may have `packets` in flight, and some more.
    pub fn new(packets: usize) -> Self {
        let window = (packets * DATAGRAM * 4).max(16 << 20);
        let end = |number: u8, accept| {
            let transport = TransportConfig {
                stream_window: window as u64,
                connection_window: window as u64,
                send_buffer: window,
                max_datagram: DATAGRAM,
                ..TransportConfig::default()
            };
            let config = Config {
                static_key: StaticKey::from_private([number; 32]),
                token_secret: [number; 32],
                token_epoch: 0,
                label: "bench/1",
                accept,
                transport,
            };
            Endpoint::new(config, &Seed::new([number; 32]))
        };
        let mut pair = Self {
            now: Instant::ZERO,
            ends: [end(1, Accept::Announced), end(2, Accept::Anyone)],
            handle: None,
            stream: None,
            payload: vec![7; 1 << 20],
            read: Vec::new(),
            link: VecDeque::new(),
        };
        let connect = Connect {
            remote: address(End::Receiver),
            server_key: None,
            identify: Identify::Anonymous,
            token: None,
        };
        pair.handle = Some(pair.ends[0].connect(pair.now, connect));
        while pair.window() < packets * DATAGRAM * 2 {
            pair.write(usize::MAX);
            pair.step();
            assert!(pair.now < Instant::ZERO + Duration::from_secs(60), "{:?}", pair.stats());
        }
        pair
    }

    /// Both ends send what they want; then the next thing happens.
    pub fn step(&mut self) {
        for end in [End::Sender, End::Receiver] {
            let sent = self.collect(end);
            self.post(end, sent);
        }
        let timers = self.ends.iter().filter_map(|end| Some(end.poll_timeout()?.at));
        let next = timers.chain(self.link.front().map(|(at, ..)| *at)).min();
        self.now = self.now.max(next.expect("no standstill"));
        self.hand_over();
    }

    /// What `end` sends is on its way.
    pub fn post(&mut self, end: End, datagrams: Vec<Vec<u8>>) {
        let arrives = self.now + ROUND_TRIP / 2;
        self.link.extend(datagrams.into_iter().map(|bytes| (arrives, end.other(), bytes)));
    }

    /// What is due arrives, and timers fire.
    fn hand_over(&mut self) {
        while self.link.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, end, mut bytes) = self.link.pop_front().expect("just seen");
            self.arrive(end, &mut bytes);
        }
        for end in &mut self.ends {
            if end.poll_timeout().is_some_and(|due| due.at <= self.now) {
                end.handle_timeout(self.now);
            }
        }
        self.read();
    }

    /// Goes on until everything that was written is acknowledged.
    pub fn settle(&mut self) {
        while self.stats().buffered_bytes > DATAGRAM as u64 || !self.link.is_empty() {
            self.step();
        }
    }

    /// The path ends here: gives what is on the way to the receiver, and what the sender sends
    /// until there are so many. Whatever is on the way back arrives.
    pub fn hold(&mut self, packets: usize) -> VecDeque<Vec<u8>> {
        let mut flight = VecDeque::new();
        for (_, end, mut bytes) in std::mem::take(&mut self.link) {
            match end {
                End::Sender => self.arrive(end, &mut bytes),
                End::Receiver => flight.push_back(bytes),
            }
        }
        self.write(usize::MAX);
        let missing = packets.saturating_sub(flight.len());
        flight.extend(self.collect_for(End::Sender, ROUND_TRIP, missing));
        assert!(flight.len() >= packets, "{} in flight: {:?}", flight.len(), self.stats());
        flight.truncate(packets);
        flight
    }

    fn window(&self) -> usize {
        let stats = self.handle.and_then(|handle| self.ends[0].stats(handle));
        stats.map_or(0, |stats| stats.congestion_window as usize)
    }

    /// Gives the sender so many bytes, or as many as it takes.
    pub fn write(&mut self, mut bytes: usize) {
        let (Some(handle), Some(stream)) = (self.handle, self.stream) else { return };
        while bytes > 0 {
            let piece = &self.payload[..bytes.min(self.payload.len())];
            let taken = self.ends[0].write(handle, stream, piece).expect("an open stream");
            if taken == 0 {
                return;
            }
            bytes -= taken;
        }
    }

    /// Reads what the receiver has, and takes note of what happened.
    pub fn read(&mut self) {
        while let Some((handle, event)) = self.ends[0].poll_event() {
            if let Event::Connected { .. } = event {
                self.stream = Some(self.ends[0].open(handle, Class::Bulk).expect("a first stream"));
            }
        }
        while let Some((handle, event)) = self.ends[1].poll_event() {
            if let Event::Readable(stream) = event {
                loop {
                    self.read.clear();
                    let left = self.ends[1].read(handle, stream, 1 << 16, &mut self.read);
                    if left != Ok(Read::More) {
                        break;
                    }
                }
            }
        }
    }

    /// The next datagrams of an end at this moment, in one buffer, and the length of each.
    pub fn transmit(&mut self, end: End, buffer: &mut Vec<u8>) -> Option<usize> {
        let transmit = self.ends[end as usize].poll_transmit(self.now, buffer, BURST)?;
        Some(transmit.segment_size)
    }

    /// A datagram arrives at an end.
    pub fn arrive(&mut self, end: End, datagram: &mut [u8]) {
        let source = Source { address: address(end.other()), ecn: Ecn::NotCapable };
        self.ends[end as usize].handle_datagram(self.now, source, datagram);
    }

    /// Everything that an end sends at this moment.
    pub fn collect(&mut self, end: End) -> Vec<Vec<u8>> {
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        while let Some(size) = self.transmit(end, &mut buffer) {
            all.extend(buffer.chunks(size).map(<[u8]>::to_vec));
        }
        all
    }

    /// What an end sends within `time`, at most `most` datagrams; timers fire as they are due.
    pub fn collect_for(&mut self, end: End, time: Duration, most: usize) -> Vec<Vec<u8>> {
        let until = self.now + time;
        let mut all = self.collect(end);
        while all.len() < most {
            let due = self.ends[end as usize].poll_timeout().map(|deadline| deadline.at);
            let Some(at) = due.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.ends[end as usize].handle_timeout(self.now);
            all.extend(self.collect(end));
        }
        all
    }

    /// The receiver says what it has, and the sender hears it.
    pub fn acknowledge(&mut self) {
        for mut datagram in self.collect_for(End::Receiver, ROUND_TRIP, 1) {
            self.arrive(End::Sender, &mut datagram);
        }
    }

    /// Figures of the sender.
    pub fn stats(&self) -> wire::Stats {
        let handle = self.handle.expect("connected");
        self.ends[0].stats(handle).expect("a connection")
    }
}

fn address(end: End) -> SocketAddr {
    ([10, 0, 0, 1 + end as u8], 1000).into()
}
