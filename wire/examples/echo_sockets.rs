//! The same pair as `echo_virtual`, over real sockets: two single-threaded programs in one, each
//! with an endpoint, a socket and a poll of its own.
//!
//! ```sh
//! cargo run -p wire --example echo_sockets
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an example looks at what it needs")]

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use wire::net::{Clock, Progress, Socket};
use wire::{
    Accept, Class, CloseReason, Config, Connect, Endpoint, Event, Identify, Node, Seed, StaticKey,
    TransportConfig,
};

const TEXT: &[u8] = b"two tin cans and a string";

/// An endpoint and the loop that turns it.
struct Program {
    endpoint: Endpoint,
    socket: Socket,
    clock: Clock,
    poll: mio::Poll,
}

impl Program {
    fn new(key: u8, accept: Accept) -> io::Result<Self> {
        let config = Config {
            static_key: StaticKey::from_private([key; 32]),
            token_secret: [key; 32],
            token_epoch: 0,
            label: "echo/1",
            accept,
            transport: TransportConfig::default(),
        };
        let mut socket = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let poll = mio::Poll::new()?;
        poll.registry().register(&mut socket, mio::Token(0), Socket::INTERESTS)?;
        // A real program draws its seed and its keys from the operating system.
        let endpoint = Endpoint::new(config, &Seed::new([key; 32]));
        Ok(Self { endpoint, socket, clock: Clock::start(), poll })
    }

    /// Turns the loop until `done` says so of an event.
    fn run(
        &mut self,
        mut done: impl FnMut(&mut Endpoint, wire::ConnectionHandle, Event) -> bool,
    ) -> io::Result<()> {
        let mut events = mio::Events::with_capacity(8);
        loop {
            let now = self.clock.now();
            let endpoint = &mut self.endpoint;
            let progress =
                self.socket.receive(|from, bytes| endpoint.handle_datagram(now, from, bytes))?;
            endpoint.handle_timeout(now);
            let mut finished = false;
            while let Some((connection, event)) = endpoint.poll_event() {
                finished |= done(endpoint, connection, event);
            }
            self.socket.send_from(now, endpoint);
            if finished {
                return Ok(());
            }
            let wait = match progress {
                Progress::More => Some(Duration::ZERO),
                Progress::Drained => endpoint.poll_timeout().map(|d| d.at - self.clock.now()),
            };
            self.poll.poll(&mut events, wait)?;
        }
    }
}

fn main() -> io::Result<()> {
    let mut server = Program::new(2, Accept::Anyone)?;
    let address = server.socket.local_address();
    let server = thread::spawn(move || {
        server.run(|endpoint, connection, event| {
            if let Event::Readable(stream) = event {
                let mut bytes = Vec::new();
                if endpoint.read(connection, stream, usize::MAX, &mut bytes).is_ok() {
                    endpoint.write(connection, stream, &bytes).expect("room for a line");
                }
            }
            matches!(event, Event::Closed(_))
        })
    });

    let mut client = Program::new(1, Accept::Announced)?;
    let connect =
        Connect { remote: address, server_key: None, identify: Identify::Anonymous, token: None };
    let clock = client.clock;
    client.endpoint.connect(clock.now(), connect);
    client.run(|endpoint, connection, event| {
        match event {
            Event::Connected { address, .. } => {
                println!("{}  connected to {address}", clock.now());
                let stream = endpoint.open(connection, Class::Chat).expect("streams are allowed");
                endpoint.write(connection, stream, TEXT).expect("room for a line");
            }
            Event::Readable(stream) => {
                let mut answer = Vec::new();
                endpoint.read(connection, stream, usize::MAX, &mut answer).expect("readable");
                println!("{}  got back: {}", clock.now(), String::from_utf8_lossy(&answer));
                endpoint.close(clock.now(), connection, CloseReason::new(0, "done"));
            }
            Event::Closed(_) => return true,
            _ => {}
        }
        false
    })?;
    server.join().expect("the server does not panic")
}
