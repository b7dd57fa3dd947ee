//! Playing files: a small HTTP server on the loopback interface, from which a player of the person's
//! reads them while they arrive, and the programs that are started for that.
//!
//! ```text
//! core -- what is here ----> Player -- the same ----> server thread <-- HTTP -- mpv
//!      <-- who reads where --- mailbox <---------------+
//! ```
//!
//! The server runs from the first `/play` on. It gives out only what it was told to be here, verified;
//! where that ends a response waits, and the core is told where, so that it is fetched next.

mod connection;
mod http;
mod mpv;
mod program;
mod remotes;
mod server;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;
use wire::Seed;
use wire::app::peer::TransferId;
use wire::app::pin;
use wire::net::Clock;

use self::program::Program;
pub(super) use self::program::{Launch, Showing, What};
use self::remotes::{Folder, INSTEAD, Remotes};
use self::server::{Door, Server};
use self::shelf::Film;
use super::Wake;
use super::workers::Mailbox;
use crate::files::{FileWorker, safe_name};
use crate::transfer::{self, Question, Reader, View, ViewNews};
use crate::watch::{Failure, Steering};

/// A player reads on, or does no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Which file.
    pub(super) id: TransferId,
    /// Over which connection.
    pub(super) reader: Reader,
    /// From which byte on; `None` when no more.
    pub(super) at: Option<u64>,
}

/// What the server is told.
#[derive(Debug)]
enum Told {
    /// This can be played.
    Film(Film),
    /// Something became of it.
    News(ViewNews),
}

/// The network thread's side of it.
pub(super) struct Player {
    tokens: ChaCha20Rng,
    clock: Clock,
    files: FileWorker,
    mailbox: Mailbox,
    /// `None` before anything was played.
    running: Option<Running>,
    /// Under which path each file is found: whoever asks again is told the same.
    paths: BTreeMap<TransferId, String>,
    /// How many programs were started.
    started: u64,
    remotes: Remotes,
}

/// A server that was started.
struct Running {
    address: SocketAddr,
    told: Sender<Told>,
    waker: mio::Waker,
}

impl Player {
    /// Nothing is played yet. Addresses are drawn from `seed`.
    pub(super) fn new(seed: &Seed, clock: Clock, files: FileWorker, mailbox: Mailbox) -> Self {
        let tokens = seed.derive("player").rng();
        let (paths, remotes) = (BTreeMap::new(), Remotes::default());
        Self { tokens, clock, files, mailbox, running: None, paths, started: 0, remotes }
    }

    /// Lets a file be played; gives the URL where it is found.
    ///
    /// # Errors
    /// When the operating system gives no socket or no thread.
    pub(super) fn show(&mut self, id: TransferId, film: transfer::Film) -> io::Result<String> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.run()?,
        };
        let path = self.path(id, &film.line.name);
        let url = format!("http://{}{path}", running.address);
        running.tell(Told::Film(Film::new(id, path, film)))?;
        self.running = Some(running);
        Ok(url)
    }

    /// Something became of a file that is played.
    pub(super) fn tell(&mut self, news: ViewNews) {
        match &news {
            ViewNews::Anew => self.paths.clear(),
            ViewNews::Of(id, View::Over) => {
                self.paths.remove(id);
            }
            ViewNews::Of(..) => {}
        }
        // When its thread has ended, the next `/play` starts another.
        self.running = self.running.take().filter(|it| it.tell(Told::News(news)).is_ok());
    }

    /// Starts a program, and leaves it to itself. A player that plays the film already and listens is sent
    /// to the moment instead.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn start(&mut self, launch: Launch) -> io::Result<()> {
        let Launch { program, what, instead } = launch;
        let listens = mpv::is_one(&program);
        let mut arguments = Vec::new();
        self.started += 1;
        match what {
            What::File(path) => arguments.push(path.into()),
            What::Film(Showing { id, is_paused: true, .. })
                if !listens || self.remotes.find(id).is_some() =>
            {
                // One that plays it already is steered; another kind could not be. Both are told later.
                return Ok(());
            }
            What::Film(Showing { id, url, position, is_paused }) => {
                if let (true, Some(to), Some(remote)) = (listens, position, self.remotes.find(id)) {
                    return remote.seek(to, self.clock, self.mailbox.clone());
                }
                if listens {
                    arguments = self.listen(id, &url, position, is_paused);
                } else if let Some(position) = position {
                    let time = pin::whole_time(position);
                    let text =
                        format!("Only an mpv can be told where to begin: go to {time} yourself.");
                    self.mailbox.put(Wake::Complaint(text));
                }
                arguments.push(url.into());
            }
        }
        let program = Program { number: self.started, program, arguments, instead };
        program::start(program, self.mailbox.clone())
    }

    /// With what an mpv is started that is to listen, which it does not where there is no place for its
    /// socket: it plays all the same.
    fn listen(
        &mut self,
        id: TransferId,
        url: &str,
        position: Option<u64>,
        is_paused: bool,
    ) -> Vec<OsString> {
        match Folder::new(&mut self.tokens) {
            Ok(folder) => {
                let options = mpv::options(Some(&folder.socket()), position, is_paused);
                self.remotes.put(self.started, id, url.to_owned(), folder);
                options
            }
            Err(error) => {
                tracing::warn!(%error, "the player cannot be asked where it is");
                mpv::options(None, position, is_paused)
            }
        }
    }

    /// A program that was started has ended.
    pub(super) fn on_program_ended(&mut self, number: u64) {
        self.remotes.remove(number);
    }

    /// Asks where in a film the person is. The answer comes as [`Wake::Position`].
    pub(super) fn ask(&self, id: TransferId, question: Question) {
        let why = match self.remotes.find(id) {
            None => format!("no mpv that '/play' has started plays this file. {INSTEAD}"),
            Some(remote) => match remote.ask(question, self.clock, self.mailbox.clone()) {
                Ok(()) => return,
                Err(error) => {
                    format!("your player cannot be asked where it is: {error}. {INSTEAD}")
                }
            },
        };
        self.mailbox.put(Wake::Position(question, Err(why)));
    }

    /// Has the player of a film do this, and say how it is. The answer comes as [`Wake::Player`].
    pub(super) fn steer(&self, id: TransferId, question: Question, steering: Steering) {
        let why = match self.remotes.find(id) {
            None => "no mpv that this program has started plays the film ('/set player mpv', at a \
                     terminal)"
                .to_owned(),
            Some(remote) => {
                match remote.steer(question, steering, self.clock, self.mailbox.clone()) {
                    Ok(()) => return,
                    Err(error) => format!("your player cannot be spoken to: {error}"),
                }
            }
        };
        self.mailbox.put(Wake::Player(question, Err(Failure::Gone(why))));
    }

    /// Under which path a file is found.
    fn path(&mut self, id: TransferId, name: &str) -> String {
        let tokens = &mut self.tokens;
        let path = self.paths.entry(id).or_insert_with(|| {
            let mut token = [0; 16];
            tokens.fill_bytes(&mut token);
            shelf::path(token, &safe_name(name))
        });
        path.clone()
    }

    fn run(&self) -> io::Result<Running> {
        let (told, news) = mpsc::channel();
        let (files, mailbox) = (self.files.clone(), self.mailbox.clone());
        let door = Door {
            open: Box::new(move |id, complete| files.open_to_read(id, complete)),
            tell: Box::new(move |reading| mailbox.put(Wake::Reading(reading))),
        };
        let (server, waker) = Server::new(self.clock, door, news)?;
        let address = server.address();
        std::thread::Builder::new().name("player".to_owned()).spawn(move || server.run())?;
        Ok(Running { address, told, waker })
    }
}

impl Running {
    fn tell(&self, told: Told) -> io::Result<()> {
        self.told.send(told).map_err(|_| io::Error::other("the thread that plays has ended"))?;
        self.waker.wake()
    }
}
