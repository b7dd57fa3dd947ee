//! Tincan's transport, over `wire::net` as `peer` drives it, on one stream for file blocks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail};
use wire::net::{Clock, Progress, Socket};
use wire::{
    Accept, Class, Config, Connect, ConnectionHandle, Endpoint, Event, Identify, Node as _, Seed,
    StaticKey, StreamId, TransportConfig,
};

use super::{announce, any_port};
use crate::payload::{PIECE, Sink, Source};

struct Program {
    endpoint: Endpoint,
    socket: Socket,
    clock: Clock,
    poll: mio::Poll,
}

impl Program {
    fn new(key: u8, accept: Accept, address: SocketAddr) -> io::Result<Self> {
        let config = Config {
            static_key: StaticKey::from_private([key; 32]),
            token_secret: [key; 32],
            token_epoch: 0,
            label: "bench/1",
            accept,
            transport: TransportConfig::default(),
        };
        let mut socket = Socket::bind(address)?;
        let poll = mio::Poll::new()?;
        poll.registry().register(&mut socket, mio::Token(0), Socket::INTERESTS)?;
        let endpoint = Endpoint::new(config, &Seed::new([key; 32]));
        Ok(Self { endpoint, socket, clock: Clock::start(), poll })
    }

    /// Turns the loop until `on_event` says that it is over.
    fn run(
        &mut self,
        mut on_event: impl FnMut(&mut Endpoint, ConnectionHandle, Event) -> Result<bool>,
    ) -> Result<()> {
        let mut events = mio::Events::with_capacity(64);
        loop {
            let now = self.clock.now();
            let endpoint = &mut self.endpoint;
            let progress =
                self.socket.receive(|from, bytes| endpoint.handle_datagram(now, from, bytes))?;
            if endpoint.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                endpoint.handle_timeout(now);
            }
            while let Some((connection, event)) = endpoint.poll_event() {
                if on_event(endpoint, connection, event)? {
                    return Ok(());
                }
            }
            self.socket.send_from(now, endpoint);
            let wait = match progress {
                Progress::More => Some(Duration::ZERO),
                Progress::Drained => endpoint.poll_timeout().map(|d| d.at - self.clock.now()),
            };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

pub fn serve(listen: IpAddr, mut source: Source) -> Result<()> {
    let mut program = Program::new(2, Accept::Anyone, (listen, 0).into())?;
    announce(program.socket.local_address(), &[])?;
    program.run(|endpoint, connection, event| {
        match event {
            Event::Opened(stream) | Event::Writable(stream) => {
                write(endpoint, connection, stream, &mut source)?;
            }
            Event::Closed(error) => bail!("closed: {error}"),
            _ => {}
        }
        Ok(false)
    })
}

/// Writes until the stream's buffer is full.
fn write(
    endpoint: &mut Endpoint,
    connection: ConnectionHandle,
    stream: StreamId,
    source: &mut Source,
) -> Result<()> {
    loop {
        let piece = source.peek(PIECE);
        if piece.is_empty() {
            return Ok(endpoint.finish(connection, stream)?);
        }
        let length = piece.len();
        let written = endpoint.write(connection, stream, piece)?;
        source.advance(written);
        if written < length {
            return Ok(());
        }
    }
}

pub fn fetch(server: SocketAddr, mut sink: Sink) -> Result<()> {
    let mut program = Program::new(1, Accept::Announced, any_port(server))?;
    let connect =
        Connect { remote: server, server_key: None, identify: Identify::Anonymous, token: None };
    program.endpoint.connect(program.clock.now(), connect);
    let mut bytes = Vec::with_capacity(PIECE);
    program.run(|endpoint, connection, event| {
        match event {
            Event::Connected { .. } => {
                let stream = endpoint.open(connection, Class::Bulk)?;
                endpoint.write(connection, stream, b"?")?;
            }
            Event::Readable(stream) => loop {
                bytes.clear();
                let left = endpoint.read(connection, stream, PIECE, &mut bytes)?;
                if sink.take(&bytes)? {
                    return Ok(true);
                }
                if left != wire::Read::More {
                    break;
                }
            },
            Event::Closed(error) => bail!("closed: {error}"),
            _ => {}
        }
        Ok(false)
    })
}
