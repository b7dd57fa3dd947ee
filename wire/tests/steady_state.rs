//! What a long transfer takes of the allocator, once it runs: nothing for a packet, at either end. The
//! ranges of an ACK take a piece where it is written and where it is read.

use std::net::SocketAddr;
use std::time::Duration;

use wire::time::Instant;
use wire::{
    Accept, Class, Config, Connect, ConnectionHandle, Ecn, Endpoint, Event, Identify, Node as _,
    Seed, Source, StaticKey, StreamId, TransportConfig,
};

/// One way.
const DELAY: Duration = Duration::from_millis(1);
/// Bursts that leave an end in that time, as a device would take them: 16 of up to 64 datagrams make a
/// rate of 8 Gbit/s.
const BURSTS: usize = 16;
/// As Ethernet has them, so that there are many.
const DATAGRAM: usize = 1452;

/// One end, and the bursts that are on their way to it.
struct End {
    endpoint: Endpoint,
    address: SocketAddr,
    arriving: Vec<u8>,
    segment: Vec<(usize, usize)>,
    outgoing: Vec<u8>,
}

impl End {
    fn new(key: u8, accept: Accept) -> Self {
        let config = Config {
            static_key: StaticKey::from_private([key; 32]),
            token_secret: [key; 32],
            token_epoch: 0,
            label: "steady",
            accept,
            transport: TransportConfig { max_datagram: DATAGRAM, ..TransportConfig::default() },
        };
        Self {
            endpoint: Endpoint::new(config, &Seed::new([key; 32])),
            address: ([10, 0, 0, key], 5000).into(),
            arriving: Vec::new(),
            segment: Vec::new(),
            outgoing: Vec::new(),
        }
    }

    /// Puts what this end has to send on the way to the other.
    fn send(&mut self, now: Instant, to: &mut Self) {
        for _ in 0..BURSTS {
            let transmit = self.endpoint.poll_transmit(now, &mut self.outgoing, 64);
            let Some(transmit) = transmit else { return };
            to.arriving.extend_from_slice(&self.outgoing);
            to.segment.push((self.outgoing.len(), transmit.segment_size));
        }
    }

    /// Takes in what was on its way; gives the number of datagrams.
    fn receive(&mut self, now: Instant, from: SocketAddr) -> u64 {
        let (mut count, mut rest) = (0, &mut self.arriving[..]);
        for &(len, segment) in &self.segment {
            let (burst, later) = rest.split_at_mut(len);
            rest = later;
            for datagram in burst.chunks_mut(segment) {
                let source = Source { address: from, ecn: Ecn::NotCapable };
                self.endpoint.handle_datagram(now, source, datagram);
                count += 1;
            }
        }
        self.segment.clear();
        self.arriving.clear();
        count
    }
}

/// A file without end, from one end to the other.
struct Transfer {
    now: Instant,
    ends: [End; 2],
    stream: Option<(ConnectionHandle, StreamId)>,
    piece: Vec<u8>,
    read: Vec<u8>,
    /// Datagrams that the sender got.
    acknowledgements: u64,
}

impl Transfer {
    fn begin() -> Self {
        let mut ends = [End::new(1, Accept::Announced), End::new(2, Accept::Anyone)];
        let remote = ends[1].address;
        let connect =
            Connect { remote, server_key: None, identify: Identify::Anonymous, token: None };
        ends[0].endpoint.connect(Instant::ZERO, connect);
        let (piece, read) = (vec![7; 64 << 10], Vec::new());
        Self { now: Instant::ZERO, ends, stream: None, piece, read, acknowledgements: 0 }
    }

    /// Lets a one-way delay pass; gives the datagrams that arrived at the receiver.
    fn step(&mut self) -> u64 {
        let [sender, receiver] = &mut self.ends;
        sender.send(self.now, receiver);
        receiver.send(self.now, sender);
        self.now += DELAY;
        let addresses = [sender.address, receiver.address];
        let count = receiver.receive(self.now, addresses[0]);
        self.acknowledgements += sender.receive(self.now, addresses[1]);
        for end in [&mut *sender, &mut *receiver] {
            end.endpoint.handle_timeout(self.now);
        }
        while let Some((connection, event)) = sender.endpoint.poll_event() {
            if let Event::Connected { .. } = event {
                let stream = sender.endpoint.open(connection, Class::Bulk).expect("the first");
                self.stream = Some((connection, stream));
            }
        }
        if let Some((connection, stream)) = self.stream {
            while sender.endpoint.write(connection, stream, &self.piece) == Ok(self.piece.len()) {}
        }
        while let Some((connection, event)) = receiver.endpoint.poll_event() {
            if let Event::Readable(stream) = event {
                self.read.clear();
                let all = usize::MAX;
                let left = receiver.endpoint.read(connection, stream, all, &mut self.read);
                left.expect("a stream that is readable");
            }
        }
        count
    }
}

#[test]
fn a_running_transfer_allocates_for_no_packet() {
    let mut transfer = Transfer::begin();
    // Windows, rings and buffers grow, and what was needed to get going is given back.
    while transfer.now < Instant::ZERO + Duration::from_millis(500) {
        transfer.step();
    }
    let (mut datagrams, before) = (0, transfer.acknowledgements);
    let allocations = allocation_counter::measure(|| {
        while datagrams < 100_000 {
            datagrams += transfer.step();
        }
    });
    let acknowledgements = transfer.acknowledgements - before;
    assert!(acknowledgements > 0 && acknowledgements < datagrams / 100, "{acknowledgements}");
    assert!(
        allocations.count_total <= 3 * acknowledgements,
        "{allocations:?} for {datagrams} datagrams and {acknowledgements} acknowledgements"
    );
    assert_eq!(allocations.count_current, 0, "{allocations:?}");
}
