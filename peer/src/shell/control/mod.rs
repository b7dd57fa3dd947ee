//! The control socket: programs of the same user speak JSON lines with a peer that runs, also while a
//! person uses its full screen. Each is told all that is told, and commands of all are done in turn.

mod attach;
mod talk;

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use mio::event::Event;
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::fs::Mode;
use rustix::process::umask;
use slab::Slab;

pub(super) use self::attach::attach;
use self::talk::{Said, Talk, TooSlow};

/// Most programs at one time.
const MAX_PROGRAMS: usize = 16;
/// Most that is read of one at a time, so that none holds up the others, or the network.
const MAX_READ: usize = 16 << 10;

/// See the module.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
    /// The token of the socket; those of the programs follow it.
    first: usize,
    programs: Slab<Program>,
}

struct Program {
    stream: UnixStream,
    talk: Talk,
    /// There may be something to read.
    is_ready: bool,
    /// It says nothing any more, and goes when it is told what it asked.
    has_ended: bool,
}

/// What a program said: its number, and a line, or why that cannot be used.
pub(super) type Line = (usize, Result<String, &'static str>);

impl Control {
    /// Makes the socket, which only this user can reach. To be called before there are threads: the
    /// rights of new files are the whole process's.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn bind(path: &Path) -> Result<Self, String> {
        let wrong = |what: &str| format!("control socket {}: {what}", path.display());
        clear(path).map_err(|what| wrong(&what))?;
        let before = umask(Mode::RWXG | Mode::RWXO);
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound.map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { listener, path: path.to_owned(), first: 0, programs: Slab::new() })
    }

    /// Wakes the loop by this token and those that follow it.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn register(&mut self, registry: &Registry, first: Token) -> io::Result<()> {
        self.first = first.0;
        registry.register(&mut self.listener, first, Interest::READABLE)
    }

    /// Something has happened to a socket. A program that has come is told `greeting`.
    pub(super) fn on_event(&mut self, registry: &Registry, event: &Event, greeting: Option<&str>) {
        match event.token().0.checked_sub(self.first) {
            Some(0) => self.let_in(registry, greeting),
            Some(number) => {
                if let Some(program) = self.programs.get_mut(number - 1) {
                    program.is_ready = true;
                }
            }
            None => {}
        }
    }

    /// Whether there may be more to read at once.
    pub(super) fn is_ready(&self) -> bool {
        self.programs.iter().any(|(_, program)| program.is_ready)
    }

    /// What the programs say, of each no more than may be read at a time.
    pub(super) fn read_all(&mut self) -> Vec<Line> {
        let numbers = self.numbers();
        numbers.into_iter().flat_map(|number| self.read(number)).collect()
    }

    fn let_in(&mut self, registry: &Registry, greeting: Option<&str>) {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return tracing::warn!(%error, "the control socket takes nobody"),
            };
            if self.programs.len() == MAX_PROGRAMS {
                // It reads the end at once.
                tracing::warn!("too many programs at the control socket");
                continue;
            }
            let entry = self.programs.vacant_entry();
            let token = Token(self.first + 1 + entry.key());
            let wanted = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = registry.register(&mut stream, token, wanted) {
                tracing::warn!(%error, "a program at the control socket is not heard");
                continue;
            }
            let number = entry.key();
            entry.insert(Program {
                stream,
                talk: Talk::default(),
                is_ready: true,
                has_ended: false,
            });
            if let Some(greeting) = greeting {
                self.tell_one(number, greeting);
            }
        }
    }

    fn read(&mut self, number: usize) -> Vec<Line> {
        let program = self.programs.get_mut(number).filter(|program| program.is_ready);
        let Some(program) = program else { return Vec::new() };
        let mut said = Vec::new();
        let mut buffer = [0; MAX_READ];
        let is_there = match program.stream.read(&mut buffer) {
            Ok(0) => {
                program.is_ready = false;
                program.has_ended = true;
                said.extend(program.talk.end());
                true
            }
            Ok(count) => {
                said.extend(program.talk.receive(&buffer[..count]));
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                program.is_ready = false;
                true
            }
            Err(error) => error.kind() == ErrorKind::Interrupted,
        };
        // It may have become ready for that instead.
        if !is_there || self.send(number).is_err() {
            self.programs.try_remove(number);
        }
        let line = |said| match said {
            Said::Line(line) => Ok(line),
            Said::Unusable(why) => Err(why),
        };
        said.into_iter().map(|said| (number, line(said))).collect()
    }

    /// Whether anybody listens.
    pub(super) fn is_used(&self) -> bool {
        !self.programs.is_empty()
    }

    /// Tells all of them.
    pub(super) fn tell(&mut self, line: &str) {
        for number in self.numbers() {
            self.tell_one(number, line);
        }
    }

    /// Tells the one of this number, if it is still there.
    pub(super) fn tell_one(&mut self, number: usize, line: &str) {
        let Some(program) = self.programs.get_mut(number) else { return };
        let told = program.talk.tell(line);
        if told == Err(TooSlow) {
            tracing::warn!("a program at the control socket does not read what it is told");
        }
        if told.is_err() || self.send(number).is_err() {
            self.programs.try_remove(number);
        }
    }

    fn send(&mut self, number: usize) -> io::Result<()> {
        let Some(program) = self.programs.get_mut(number) else { return Ok(()) };
        while !program.talk.unsent().is_empty() {
            match program.stream.write(program.talk.unsent()) {
                Ok(count) => program.talk.sent(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Everything that was asked is answered: who has no more to say may go.
    pub(super) fn on_answered(&mut self) {
        self.programs.retain(|_, program| !(program.has_ended && program.talk.unsent().is_empty()));
    }

    fn numbers(&self) -> Vec<usize> {
        self.programs.iter().map(|(number, _)| number).collect()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // It is only a name now, and the next start clears it away.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes away what a program left that was killed.
fn clear(path: &Path) -> Result<(), String> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !found.file_type().is_socket() {
        return Err("there is something else of this name: choose another".to_owned());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err("another program answers there: choose another".to_owned()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}
