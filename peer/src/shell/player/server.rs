//! The thread that serves players: one loop over a few connections, which sleeps as long as nothing
//! happens.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use wire::app::peer::TransferId;
use wire::net::Clock;
use wire::time::{Duration, Instant};

use super::connection::{Around, Connection, Room, Turn};
use super::shelf::Shelf;
use super::{Reading, Told};
use crate::transfer::Reader;

/// Most connections that read files.
pub(super) const MAX_READING: usize = 8;
/// Most connections: who only asks must not keep out who knows what to ask for.
pub(super) const MAX_CONNECTIONS: usize = 2 * MAX_READING;
/// When the system gives no more descriptors, it is asked again after this long.
const RETRY: Duration = Duration::from_secs(1);

const LISTENER: Token = Token(0);
const TOLD: Token = Token(1);
/// Connections follow.
const FIRST: usize = 2;

/// Opens the file of a transfer, which is complete where a path is given.
type Open = dyn Fn(TransferId, Option<&Path>) -> io::Result<File> + Send;

/// What leads out of the server.
pub(super) struct Door {
    pub(super) open: Box<Open>,
    /// Tells the core who reads where.
    pub(super) tell: Box<dyn Fn(Reading) + Send>,
}

/// See the module.
pub(super) struct Server {
    clock: Clock,
    poll: Poll,
    listener: TcpListener,
    own: SocketAddr,
    told: Receiver<Told>,
    door: Door,
    shelf: Shelf,
    connections: Slab<Connection>,
    /// Of connections: no two are the same reader.
    accepted: u64,
}

/// Whether the program still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Runs,
    Ends,
}

impl Server {
    /// A server on a port of this machine's own, and what wakes it when there is something in `told`.
    ///
    /// # Errors
    /// When the operating system gives no socket.
    pub(super) fn new(clock: Clock, door: Door, told: Receiver<Told>) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), TOLD)?;
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let own = listener.local_addr()?;
        let (shelf, connections) = (Shelf::default(), Slab::new());
        let server =
            Self { clock, poll, listener, own, told, door, shelf, connections, accepted: 0 };
        Ok((server, waker))
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.own
    }

    /// Serves until the program ends.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(2 * MAX_CONNECTIONS);
        while self.learn() == Program::Runs {
            let retry = self.accept();
            let turn = self.serve();
            let wait = if turn == Turn::Again { Some(Duration::ZERO) } else { self.wait(retry) };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return tracing::error!(%error, "players are served no more");
                }
                // Which it was that woke it does not matter: all are looked at.
                Ok(()) | Err(_) => {}
            }
        }
    }

    fn wait(&self, retry: Option<Duration>) -> Option<Duration> {
        let now = self.clock.now();
        let deadlines = self.connections.iter().filter_map(|(_, it)| it.deadline());
        let next = deadlines.min().map(|at| at - now);
        next.into_iter().chain(retry).min()
    }

    /// Takes in what became of files.
    fn learn(&mut self) -> Program {
        loop {
            match self.told.try_recv() {
                Ok(Told::Film(film)) => self.shelf.put(film),
                Ok(Told::News(news)) => self.shelf.learn(news),
                Err(TryRecvError::Empty) => return Program::Runs,
                Err(TryRecvError::Disconnected) => return Program::Ends,
            }
        }
    }

    /// Lets in who has come; says when it is to be tried again, if that failed.
    fn accept(&mut self) -> Option<Duration> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // By a signal, or because who came has gone again.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) =>
                {
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "a player cannot connect");
                    return Some(RETRY);
                }
            };
            // Beyond that, nobody is told why.
            if self.connections.len() < MAX_CONNECTIONS
                && let Err(error) = self.let_in(self.clock.now(), stream)
            {
                tracing::warn!(%error, "a player is not served");
            }
        }
    }

    fn let_in(&mut self, now: Instant, mut stream: mio::net::TcpStream) -> io::Result<()> {
        let place = self.connections.vacant_entry();
        let token = Token(FIRST + place.key());
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interests)?;
        self.accepted += 1;
        place.insert(Connection::new(now, stream, Reader(self.accepted)));
        Ok(())
    }

    /// Each connection does what it can; whether there is more to do.
    fn serve(&mut self) -> Turn {
        let now = self.clock.now();
        let mut all = Turn::Waits;
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            let reading = self.connections.iter().filter(|(_, it)| it.is_reading()).count();
            let room = if reading < MAX_READING { Room::Left } else { Room::Full };
            let (shelf, door) = (&self.shelf, &self.door);
            let around = Around { now, own: self.own, shelf, door, room };
            let connection = &mut self.connections[key];
            match connection.turn(&around) {
                Turn::Waits => {}
                Turn::Again => all = Turn::Again,
                Turn::Over => {
                    connection.part(door);
                    self.connections.remove(key);
                }
            }
        }
        all
    }
}
