//! Two endpoints in virtual time: no socket, no clock, no thread. A server echoes what a client
//! says, over a link with 20 ms of delay which loses every fifth datagram.
//!
//! ```sh
//! cargo run -p wire --example echo_virtual
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an example looks at what it needs")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use wire::time::Instant;
use wire::{
    Accept, Class, Config, Connect, Ecn, Endpoint, Event, Identify, Node, Read, Seed, Source,
    StaticKey, TransportConfig,
};

const DELAY: Duration = Duration::from_millis(20);
const TEXT: &[u8] = b"two tin cans and a string";

/// A datagram on its way.
struct Flight {
    arrives: Instant,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

fn endpoint(number: u8, accept: Accept) -> Endpoint {
    let config = Config {
        static_key: StaticKey::from_private([number; 32]),
        token_secret: [number; 32],
        token_epoch: 0,
        label: "echo/1",
        accept,
        transport: TransportConfig::default(),
    };
    Endpoint::new(config, &Seed::new([number; 32]))
}

fn main() {
    let client_address: SocketAddr = ([10, 0, 0, 1], 1000).into();
    let server_address: SocketAddr = ([10, 0, 0, 2], 2000).into();
    let mut nodes = [
        (client_address, endpoint(1, Accept::Announced)),
        (server_address, endpoint(2, Accept::Anyone)),
    ];
    let mut now = Instant::ZERO;
    let connect = Connect {
        remote: server_address,
        server_key: None,
        identify: Identify::Anonymous,
        token: None,
    };
    nodes[0].1.connect(now, connect);

    let mut link: VecDeque<Flight> = VecDeque::new();
    let (mut sent, mut lost) = (0, 0);
    loop {
        for (from, node) in &mut nodes {
            let mut buffer = Vec::new();
            while let Some(transmit) = node.poll_transmit(now, &mut buffer, 8) {
                for bytes in buffer.chunks(transmit.segment_size) {
                    sent += 1;
                    if sent % 5 == 0 {
                        lost += 1;
                        continue;
                    }
                    let (arrives, bytes) = (now + DELAY, bytes.to_vec());
                    link.push_back(Flight {
                        arrives,
                        from: *from,
                        to: transmit.destination,
                        bytes,
                    });
                }
            }
        }
        // Time jumps to whatever happens next.
        let timers = nodes.iter().filter_map(|(_, node)| node.poll_timeout().map(|d| d.at));
        now = timers.chain(link.front().map(|flight| flight.arrives)).min().expect("no standstill");
        while link.front().is_some_and(|flight| flight.arrives <= now) {
            let mut flight = link.pop_front().expect("just seen");
            let source = Source { address: flight.from, ecn: Ecn::NotCapable };
            for (_, node) in nodes.iter_mut().filter(|(address, _)| *address == flight.to) {
                node.handle_datagram(now, source, &mut flight.bytes);
            }
        }
        for (_, node) in &mut nodes {
            node.handle_timeout(now);
        }
        echo(&mut nodes[1].1);
        if let Some(answer) = converse(&mut nodes[0].1, now) {
            println!("{now}  got back: {}", String::from_utf8_lossy(&answer));
            println!("{sent} datagrams sent, {lost} of them lost on the way");
            return;
        }
    }
}

/// The server: whatever can be read is written back.
fn echo(server: &mut Endpoint) {
    while let Some((connection, event)) = server.poll_event() {
        if let Event::Readable(stream) = event {
            let mut bytes = Vec::new();
            if server.read(connection, stream, usize::MAX, &mut bytes).is_ok() {
                server.write(connection, stream, &bytes).expect("room for a line");
            }
        }
    }
}

/// The client: says its line once connected, and returns the answer when it is whole.
fn converse(client: &mut Endpoint, now: Instant) -> Option<Vec<u8>> {
    while let Some((connection, event)) = client.poll_event() {
        match event {
            Event::Connected { address, .. } => {
                println!("{now}  connected to {address}");
                let stream = client.open(connection, Class::Chat).expect("streams are allowed");
                client.write(connection, stream, TEXT).expect("room for a line");
            }
            Event::Readable(stream) => {
                let mut answer = Vec::new();
                let left = client.read(connection, stream, usize::MAX, &mut answer);
                assert_eq!(left, Ok(Read::Blocked), "one short line fits one datagram");
                return Some(answer);
            }
            _ => {}
        }
    }
    None
}
