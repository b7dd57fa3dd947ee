//! Tincan's transport, over `wire::net` as `peer` drives it, on one stream for file blocks, and one for
//! messages beside it.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, bail, ensure};
use wire::net::{Clock, Progress, Socket};
use wire::time::{Duration, Instant};
use wire::{
    Accept, Class, Config, Connect, ConnectionHandle, Endpoint, Event, Identify, Node as _, Seed,
    StaticKey, StreamId, TransportConfig,
};

use super::{MESSAGE, MESSAGE_EVERY, announce, any_port};
use crate::payload::{PIECE, Sink, Source};
use crate::report::RoundTrips;

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

    /// Turns the loop until `user` says that it is over.
    fn run(&mut self, user: &mut impl User) -> Result<()> {
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
                if user.on_event(endpoint, self.clock.now(), connection, event)? {
                    return Ok(());
                }
            }
            let wakes = user.on_turn(endpoint, now)?;
            self.socket.send_from(now, endpoint);
            let wait = match progress {
                Progress::More => Some(Duration::ZERO),
                Progress::Drained => {
                    let timer = endpoint.poll_timeout().map(|deadline| deadline.at);
                    timer.into_iter().chain(wakes).min().map(|at| at - self.clock.now())
                }
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

/// What an end does with its connection.
trait User {
    /// True when that was all.
    fn on_event(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
        connection: ConnectionHandle,
        event: Event,
    ) -> Result<bool>;

    /// Before what is due goes out; says when it wants to be asked again.
    fn on_turn(&mut self, _: &mut Endpoint, _: Instant) -> Result<Option<Instant>> {
        Ok(None)
    }
}

pub fn serve(listen: IpAddr, source: Source) -> Result<()> {
    let mut program = Program::new(2, Accept::Anyone, (listen, 0).into())?;
    announce(program.socket.local_address(), &[])?;
    program.run(&mut Sender { source })
}

struct Sender {
    source: Source,
}

impl User for Sender {
    fn on_event(
        &mut self,
        endpoint: &mut Endpoint,
        _: Instant,
        connection: ConnectionHandle,
        event: Event,
    ) -> Result<bool> {
        match event {
            Event::Readable(stream) if stream.class() == Class::Chat => {
                let mut messages = Vec::new();
                endpoint.read(connection, stream, usize::MAX, &mut messages)?;
                let written = endpoint.write(connection, stream, &messages)?;
                ensure!(written == messages.len(), "no room for messages");
            }
            Event::Opened(stream) | Event::Writable(stream) if stream.class() == Class::Bulk => {
                self.write(endpoint, connection, stream)?;
            }
            Event::Closed(error) => bail!("closed: {error}"),
            _ => {}
        }
        Ok(false)
    }
}

impl Sender {
    /// Writes until the stream's buffer is full.
    fn write(
        &mut self,
        endpoint: &mut Endpoint,
        connection: ConnectionHandle,
        stream: StreamId,
    ) -> Result<()> {
        loop {
            let piece = self.source.next(PIECE);
            if piece.is_empty() {
                return Ok(endpoint.finish(connection, stream)?);
            }
            let (length, pattern) = (piece.len(), self.source.pattern());
            let written = endpoint.write_shared(connection, stream, pattern, piece)?;
            self.source.advance(written);
            if written < length {
                return Ok(());
            }
        }
    }
}

pub fn fetch(server: SocketAddr, sink: Sink, trips: Option<&RoundTrips>) -> Result<()> {
    let mut program = Program::new(1, Accept::Announced, any_port(server))?;
    let connect =
        Connect { remote: server, server_key: None, identify: Identify::Anonymous, token: None };
    program.endpoint.connect(program.clock.now(), connect);
    program.run(&mut Receiver { sink, trips, chat: None })
}

struct Receiver<'a> {
    sink: Sink,
    /// Where round trips of messages are counted, if any are to be sent.
    trips: Option<&'a RoundTrips>,
    chat: Option<Chat>,
}

/// Messages beside the payload.
struct Chat {
    connection: ConnectionHandle,
    stream: StreamId,
    next: Instant,
    /// When those that have no answer yet were sent.
    asked: VecDeque<Instant>,
    /// Bytes of the next answer that are there.
    answer: usize,
}

impl User for Receiver<'_> {
    fn on_event(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
        connection: ConnectionHandle,
        event: Event,
    ) -> Result<bool> {
        match event {
            Event::Connected { .. } => {
                let stream = endpoint.open(connection, Class::Bulk)?;
                endpoint.write(connection, stream, b"?")?;
                if self.trips.is_some() {
                    let stream = endpoint.open(connection, Class::Chat)?;
                    let (asked, answer) = (VecDeque::new(), 0);
                    self.chat = Some(Chat { connection, stream, next: now, asked, answer });
                }
            }
            Event::Readable(stream) if stream.class() == Class::Chat => {
                self.read_answers(endpoint, now)?;
            }
            Event::Readable(stream) => {
                let mut done = Ok(false);
                endpoint.read_with(connection, stream, usize::MAX, |bytes| {
                    if done.is_ok() {
                        done = self.sink.take(bytes);
                    }
                })?;
                return done;
            }
            Event::Closed(error) => bail!("closed: {error}"),
            _ => {}
        }
        Ok(false)
    }

    /// Sends the messages that are due.
    fn on_turn(&mut self, endpoint: &mut Endpoint, now: Instant) -> Result<Option<Instant>> {
        let Some(chat) = &mut self.chat else { return Ok(None) };
        while chat.next <= now {
            let written = endpoint.write(chat.connection, chat.stream, &[7; MESSAGE])?;
            ensure!(written == MESSAGE, "no room for messages");
            chat.asked.push_back(now);
            chat.next += MESSAGE_EVERY;
        }
        Ok(Some(chat.next))
    }
}

impl Receiver<'_> {
    fn read_answers(&mut self, endpoint: &mut Endpoint, now: Instant) -> Result<()> {
        let (Some(chat), Some(trips)) = (&mut self.chat, self.trips) else { return Ok(()) };
        endpoint.read_with(chat.connection, chat.stream, usize::MAX, |bytes| {
            chat.answer += bytes.len();
        })?;
        while chat.answer >= MESSAGE {
            chat.answer -= MESSAGE;
            trips.add(now - chat.asked.pop_front().context("an answer to nothing")?);
        }
        Ok(())
    }
}
