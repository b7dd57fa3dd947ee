//! One connection of a player: a request, its answer, the end.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use mio::net::TcpStream;
use wire::app::peer::TransferId;
use wire::time::{Duration, Instant};

use super::Reading;
use super::http::{self, Answer, MAX_HEAD, Refusal};
use super::server::Door;
use super::shelf::{Film, Shelf};
use crate::transfer::Reader;

/// A request has to be there after this long.
const ASKING: Duration = Duration::from_secs(10);
/// A player that takes nothing for this long is gone, or was forgotten: one that is paused takes nothing
/// as long as its person is away. To wait for what is not here has no end.
const TAKING: Duration = Duration::from_secs(3600);
/// Bytes of a file that are read at once.
const CHUNK: u64 = 64 << 10;
/// Pieces that one connection gets before it is the others' turn.
const CHUNKS_A_TURN: usize = 8;
/// The core is told each so many bytes where a reader is.
const STRIDE: u64 = 1 << 20;
/// Of a file that is all here, of which nothing is to be asked for, it is told no more often than this: that
/// somebody watches it is something that the person does.
const WATCHING: Duration = Duration::from_secs(10);

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing can be done before something happens.
    Waits,
    /// There is more to do.
    Again,
    /// The connection is over.
    Over,
}

/// Whether one more may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Left,
    Full,
}

/// What a turn depends on.
pub(super) struct Around<'a> {
    pub(super) now: Instant,
    /// Where the server listens.
    pub(super) own: SocketAddr,
    pub(super) shelf: &'a Shelf,
    pub(super) door: &'a Door,
    pub(super) room: Room,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    reader: Reader,
    /// When it was accepted, or last took something.
    since: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// So much of the request has come.
    Asking(Vec<u8>),
    /// The answer goes out: this is waiting to be taken, then comes what is left of the file.
    Answering { out: Vec<u8>, sent: usize, body: Option<Body> },
    /// Everything is said. The other side closes: if this one did while something comes, the system would
    /// take back what is on its way.
    Parting,
}

/// A part of a file on its way out.
#[derive(Debug)]
struct Body {
    id: TransferId,
    /// What is not yet read.
    left: Range<u64>,
    /// The file, and at which look of the disk it was opened.
    file: Option<(u64, File)>,
    /// Where the core believes that it reads, and since when.
    told: Option<(u64, Instant)>,
}

impl Connection {
    /// A connection that was accepted just now.
    pub(super) const fn new(now: Instant, stream: TcpStream, reader: Reader) -> Self {
        Self { stream, reader, since: now, state: State::Asking(Vec::new()) }
    }

    /// When it is given up, if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(_) | State::Parting => Some(self.since + ASKING),
            State::Answering { out, sent, .. } if *sent < out.len() => Some(self.since + TAKING),
            State::Answering { .. } => None,
        }
    }

    /// Whether it reads a file.
    pub(super) const fn is_reading(&self) -> bool {
        matches!(&self.state, State::Answering { body: Some(_), .. })
    }

    /// Does what can be done.
    pub(super) fn turn(&mut self, around: &Around<'_>) -> Turn {
        if self.deadline().is_some_and(|at| at <= around.now) {
            return Turn::Over;
        }
        match self.listen(around).and_then(|()| self.answer(around)) {
            Ok(turn) => turn,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Turn::Waits,
            Err(error) => {
                tracing::debug!(%error, "a player's connection ends");
                Turn::Over
            }
        }
    }

    /// The core is to know that nobody reads here any more.
    pub(super) fn part(&self, door: &Door) {
        if let State::Answering { body: Some(Body { id, told: Some(_), .. }), .. } = &self.state {
            (door.tell)(Reading { id: *id, reader: self.reader, at: None });
        }
    }

    /// Takes in what the other side says. Its end is the end of all: nobody would read the answer.
    fn listen(&mut self, around: &Around<'_>) -> io::Result<()> {
        let mut piece = [0; 4096];
        let mut taken = 0;
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                // More than a request is nothing to be served.
                Ok(_) if taken > MAX_HEAD => return Err(ErrorKind::InvalidData.into()),
                Ok(count) => {
                    taken += count;
                    self.hear(&piece[..count], around);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], around: &Around<'_>) {
        // What comes behind a request is passed over: each connection has one.
        let State::Asking(came) = &mut self.state else { return };
        came.extend_from_slice(bytes);
        let Some(answer) = http::answer(came, around.own, around.shelf) else { return };
        let Answer { head, body } = match answer {
            Answer { body: Some(_), .. } if around.room == Room::Full => Refusal::TooMany.answer(),
            Answer { body: Some((id, _)), .. } if !is_there(id, around) => {
                Refusal::NotFound.answer()
            }
            answer => answer,
        };
        let body = body.map(|(id, left)| Body { id, left, file: None, told: None });
        self.state = State::Answering { out: head, sent: 0, body };
    }

    /// Gives out as much as the other side takes and is here.
    fn answer(&mut self, around: &Around<'_>) -> io::Result<Turn> {
        let Around { now, shelf, door, .. } = around;
        let State::Answering { out, sent, body } = &mut self.state else { return Ok(Turn::Waits) };
        // Before the head goes out: who has that knows that he is waited upon.
        if let Some(body) = body.as_mut()
            && let Some(film) = shelf.get(body.id)
        {
            body.tell(*now, film, self.reader, door);
        }
        // One that grew has ended: the answer ends with it.
        if let Some(body) = body.as_mut()
            && let Some(size) = shelf.get(body.id).and_then(|film| film.size)
        {
            body.left.end = body.left.end.min(size.max(body.left.start));
        }
        for _ in 0..CHUNKS_A_TURN {
            while *sent < out.len() {
                match self.stream.write(&out[*sent..]) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    count => *sent += count?,
                }
                self.since = *now;
            }
            let Some(body) = body.as_mut().filter(|body| !body.left.is_empty()) else {
                self.part(door);
                self.stream.shutdown(Shutdown::Write)?;
                self.state = State::Parting;
                return Ok(Turn::Waits);
            };
            // It came to nothing: what is left of it never comes.
            let Some(film) = shelf.get(body.id) else { return Ok(Turn::Over) };
            body.tell(*now, film, self.reader, door);
            if film.reach(body.left.start) == body.left.start {
                return Ok(Turn::Waits);
            }
            *sent = 0;
            body.fill(out, film, door)?;
        }
        Ok(Turn::Again)
    }
}

/// Whether a file that was complete is still where and what it was, as far as its size tells. Better said
/// in the head than by its end. One that arrives is waited for.
fn is_there(id: TransferId, around: &Around<'_>) -> bool {
    let Some(film) = around.shelf.get(id) else { return false };
    film.complete().is_none_or(|path| {
        let file = (around.door.open)(id, Some(path)).and_then(|file| file.metadata());
        file.is_ok_and(|found| Some(found.len()) == film.size)
    })
}

impl Body {
    /// Tells the core where it reads, when that is news: at the beginning, where it must wait, and now
    /// and then between.
    fn tell(&mut self, now: Instant, film: &Film, reader: Reader, door: &Door) {
        let at = self.left.start;
        let is_news = self.told.is_none_or(|(told, since)| {
            let goes_on = at.saturating_sub(told) >= STRIDE;
            if film.complete().is_some() {
                return goes_on && now - since >= WATCHING;
            }
            let waits = film.reach(at) == at;
            (waits && told != at) || goes_on
        });
        if is_news {
            self.told = Some((at, now));
            (door.tell)(Reading { id: self.id, reader, at: Some(at) });
        }
    }

    /// Reads the next piece, all of which is here.
    fn fill(&mut self, out: &mut Vec<u8>, film: &Film, door: &Door) -> io::Result<()> {
        let at = self.left.start;
        let until = film.reach(at).min(self.left.end).min(at + CHUNK);
        let file = match self.file.take().filter(|(looks, _)| *looks == film.looks) {
            Some((_, file)) => file,
            None => (door.open)(self.id, film.complete())?,
        };
        let len = usize::try_from(until - at).expect("a piece");
        out.resize(len, 0);
        file.read_exact_at(out, at)?;
        self.file = Some((film.looks, file));
        self.left.start = until;
        Ok(())
    }
}
