//! The players that were started and listen to us: each has a socket in a folder of its own, which nobody
//! else may enter.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;

use rand_core::RngCore;
use wire::app::peer::TransferId;
use wire::app::pin;
use wire::net::Clock;

use super::mpv;
use crate::shell::Wake;
use crate::shell::workers::Mailbox;
use crate::transfer::Question;
use crate::watch::{Failure, Steering};

/// Longest path of a socket: the system takes 107 bytes.
const MAX_PATH: usize = 100;

/// See the module; by the number of the program.
#[derive(Debug, Default)]
pub(super) struct Remotes {
    running: BTreeMap<u64, Remote>,
}

/// A player that listens.
#[derive(Debug)]
pub(super) struct Remote {
    film: TransferId,
    /// Where it finds the film.
    url: String,
    folder: Folder,
}

/// A folder for a socket, which goes when the player does, or this program.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one, for this user alone.
    ///
    /// # Errors
    /// When none can be made.
    pub(super) fn new(tokens: &mut impl RngCore) -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = [runtime, Some(std::env::temp_dir()), Some(PathBuf::from("/tmp"))];
        Self::within(places.into_iter().flatten(), tokens)
    }

    fn within(
        places: impl Iterator<Item = PathBuf>,
        tokens: &mut impl RngCore,
    ) -> io::Result<Self> {
        let mut failed = io::Error::other("there is no place for a socket");
        for place in places.filter(|place| place.is_absolute()) {
            let folder = place.join(format!("tincan-{:016x}", tokens.next_u64()));
            if socket_in(&folder).as_os_str().len() > MAX_PATH {
                continue;
            }
            // Not one that is there: it could be somebody else's.
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    pub(super) fn socket(&self) -> PathBuf {
        socket_in(&self.0)
    }
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("mpv")
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever listened may have removed its socket, and more than that is not there.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.0);
    }
}

impl Remotes {
    /// The program of this number was started for a film, and listens.
    pub(super) fn put(&mut self, number: u64, film: TransferId, url: String, folder: Folder) {
        self.running.insert(number, Remote { film, url, folder });
    }

    /// The program of this number has ended.
    pub(super) fn remove(&mut self, number: u64) {
        self.running.remove(&number);
    }

    /// The one that was started last for a film.
    pub(super) fn find(&self, film: TransferId) -> Option<&Remote> {
        self.running.values().rev().find(|remote| remote.film == film)
    }
}

impl Remote {
    /// Asks where it is. The answer comes as [`Wake::Position`].
    ///
    /// # Errors
    /// When the operating system gives no thread: then none comes.
    pub(super) fn ask(&self, question: Question, clock: Clock, mailbox: Mailbox) -> io::Result<()> {
        let (socket, url) = (self.folder.socket(), self.url.clone());
        on_a_thread(move || {
            let at = mpv::position(&socket, &url, clock);
            let at =
                at.map_err(|why| format!("your player does not say where it is: {why}. {INSTEAD}"));
            mailbox.put(Wake::Position(question, at));
        })
    }

    /// Has it do this, and say how it is. The answer comes as [`Wake::Player`].
    ///
    /// # Errors
    /// When the operating system gives no thread: then none comes.
    pub(super) fn steer(
        &self,
        question: Question,
        steering: Steering,
        clock: Clock,
        mailbox: Mailbox,
    ) -> io::Result<()> {
        let (socket, url) = (self.folder.socket(), self.url.clone());
        on_a_thread(move || {
            let report = mpv::steer(&socket, &url, steering, clock).map_err(Failure::Silent);
            mailbox.put(Wake::Player(question, report));
        })
    }

    /// Sends it to a moment. That it does not go there comes as [`Wake::Complaint`].
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn seek(&self, position: u64, clock: Clock, mailbox: Mailbox) -> io::Result<()> {
        let (socket, url) = (self.folder.socket(), self.url.clone());
        on_a_thread(move || {
            if let Err(why) = mpv::seek(&socket, &url, position, clock) {
                let time = pin::whole_time(position);
                mailbox.put(Wake::Complaint(format!("Your player does not go to {time}: {why}.")));
            }
        })
    }
}

/// What a person can do whose player says nothing.
pub(super) const INSTEAD: &str = "'/at TIME TEXT' names the moment yourself.";

fn on_a_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("player talk".to_owned()).spawn(work).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use wire::Seed;

    use super::*;

    #[test]
    fn a_socket_has_a_folder_of_its_own_that_goes_with_it() {
        let place = tempfile::tempdir().unwrap();
        let mut tokens = Seed::new([1; 32]).derive("test").rng();
        let long = place.path().join("x".repeat(MAX_PATH));
        let places = || {
            [PathBuf::from("relative"), long.clone(), "/no/such/place".into(), place.path().into()]
                .into_iter()
        };
        let folder = Folder::within(places(), &mut tokens).unwrap();
        let socket = folder.socket();
        let inside: &Path = socket.parent().unwrap();
        assert_eq!(inside.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(inside.parent().unwrap(), place.path());
        fs::write(&socket, "").unwrap();
        let other = Folder::within(places(), &mut tokens).unwrap();
        assert_ne!(other.socket(), socket);
        drop(folder);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "the other stays");
        drop(other);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(Folder::within(std::iter::empty(), &mut tokens).is_err());
    }

    #[test]
    fn the_player_that_was_started_last_is_meant() {
        let place = tempfile::tempdir().unwrap();
        let mut tokens = Seed::new([1; 32]).derive("test").rng();
        let mut folder =
            || Folder::within(std::iter::once(place.path().to_owned()), &mut tokens).unwrap();
        let (one, other) = (TransferId([1; 16]), TransferId([2; 16]));
        let mut remotes = Remotes::default();
        for (number, film) in [(1, one), (2, one), (3, other)] {
            remotes.put(number, film, number.to_string(), folder());
        }
        let url = |remotes: &Remotes, film| remotes.find(film).map(|it| it.url.clone());
        assert_eq!(url(&remotes, one).as_deref(), Some("2"));
        remotes.remove(2);
        assert_eq!(url(&remotes, one).as_deref(), Some("1"));
        remotes.remove(1);
        assert_eq!(url(&remotes, one), None);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
