//! Worker threads: everything that may block is done here, and answers come back through the
//! mailbox of the network thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crate::backup::BackupJob;
use crate::files::FileWorker;
use crate::login::LoginJob;
use crate::store::Database;
use crate::work::{FileRequest, Outcome, Pace, StoreRequest, Work, WorkId};

use super::Wake;

/// Requests that one database transaction takes together.
const MAX_BATCH: usize = 256;

/// Puts something into the mailbox of the network thread and wakes it.
#[derive(Clone)]
pub(super) struct Mailbox {
    sender: Sender<Wake>,
    waker: Arc<mio::Waker>,
}

impl Mailbox {
    /// A mailbox that wakes through `waker`.
    pub(super) fn new(waker: mio::Waker) -> (Self, Receiver<Wake>) {
        let (sender, receiver) = mpsc::channel();
        (Self { sender, waker: Arc::new(waker) }, receiver)
    }

    /// Puts `wake` in. When the network thread is gone, so is the need.
    pub(super) fn put(&self, wake: Wake) {
        if self.sender.send(wake).is_ok() {
            // It fails only when the counter behind it is full: then it is awake anyway.
            let _ = self.waker.wake();
        }
    }
}

/// The threads.
pub(super) struct Workers {
    store: Sender<(WorkId, StoreRequest)>,
    store_thread: JoinHandle<()>,
    files: FileWorker,
    short_files: Sender<(WorkId, FileRequest)>,
    hashing: Sender<(WorkId, FileRequest)>,
    checking: Sender<(WorkId, FileRequest)>,
    login: Sender<(WorkId, Stretching)>,
}

/// Jobs that take the memory of one password: not two at once.
enum Stretching {
    Login(LoginJob),
    Backup(BackupJob),
}

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(
        database: Database,
        files: FileWorker,
        mailbox: &Mailbox,
    ) -> io::Result<Self> {
        let (store, requests) = mpsc::channel();
        let answers = mailbox.clone();
        let lane = move || store_lane(database, &requests, &answers);
        let store_thread = spawn("store", mailbox.clone(), lane)?;
        Ok(Self {
            store,
            store_thread,
            short_files: file_lane("files", files.clone(), mailbox.clone())?,
            hashing: file_lane("hashing", files.clone(), mailbox.clone())?,
            checking: file_lane("checking", files.clone(), mailbox.clone())?,
            files,
            login: login_lane(mailbox.clone())?,
        })
    }

    /// Hands a job to its lane.
    ///
    /// # Errors
    /// When the lane's thread is gone: it has panicked, and the program must end.
    pub(super) fn submit(&self, id: WorkId, work: Work) -> Result<(), LaneGone> {
        let is_sent = match work {
            Work::Store(request) => self.store.send((id, request)).is_ok(),
            Work::File(request) => {
                self.files.expect(&request);
                let lane = match request.pace() {
                    Pace::Short => &self.short_files,
                    Pace::Hashing => &self.hashing,
                    Pace::Checking => &self.checking,
                };
                lane.send((id, request)).is_ok()
            }
            Work::Login(job) => self.login.send((id, Stretching::Login(job))).is_ok(),
            Work::Backup(job) => self.login.send((id, Stretching::Backup(job))).is_ok(),
        };
        if is_sent { Ok(()) } else { Err(LaneGone) }
    }

    /// Waits until the database has done what it was given and is closed.
    pub(super) fn finish(self) {
        drop(self.store);
        // A panic of the thread was reported when it happened.
        let _ = self.store_thread.join();
    }
}

/// A worker thread is gone, and with it whatever waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a worker thread ended unexpectedly; this is a fault in the program")]
pub(super) struct LaneGone;

/// Starts a thread whose panic is told: nothing would ever come of what it had to do.
pub(super) fn spawn(
    name: &str,
    mailbox: Mailbox,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _teller = PanicTeller(mailbox);
        run();
    })
}

/// Tells when its thread panics.
struct PanicTeller(Mailbox);

impl Drop for PanicTeller {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.put(Wake::LaneGone);
        }
    }
}

/// One transaction for everything that has come in meanwhile: one sync of the disk for many.
fn store_lane(
    mut database: Database,
    requests: &Receiver<(WorkId, StoreRequest)>,
    mailbox: &Mailbox,
) {
    while let Ok(first) = requests.recv() {
        let more = std::iter::from_fn(|| requests.try_recv().ok()).take(MAX_BATCH - 1);
        let (ids, batch): (Vec<_>, Vec<_>) = std::iter::once(first).chain(more).unzip();
        let answers = database.run(batch);
        for (id, answer) in ids.into_iter().zip(answers) {
            mailbox.put(Wake::Done(id, Outcome::Store(answer)));
        }
    }
}

fn file_lane(
    name: &str,
    worker: FileWorker,
    mailbox: Mailbox,
) -> io::Result<Sender<(WorkId, FileRequest)>> {
    let (sender, requests) = mpsc::channel();
    spawn(name, mailbox.clone(), move || {
        while let Ok((id, request)) = requests.recv() {
            let mut progress = |reply| mailbox.put(Wake::Done(id, Outcome::File(Ok(reply))));
            let answer = worker.run(request, &mut progress);
            mailbox.put(Wake::Done(id, Outcome::File(answer)));
        }
    })?;
    Ok(sender)
}

fn login_lane(mailbox: Mailbox) -> io::Result<Sender<(WorkId, Stretching)>> {
    let (sender, jobs) = mpsc::channel::<(WorkId, Stretching)>();
    spawn("login", mailbox.clone(), move || {
        while let Ok((id, job)) = jobs.recv() {
            let outcome = match job {
                Stretching::Login(job) => Outcome::Login(job.run()),
                Stretching::Backup(job) => Outcome::Backup(job.run()),
            };
            mailbox.put(Wake::Done(id, outcome));
        }
    })?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Not only when it is given another job: nothing may wait for its answer for ever.
    #[test]
    fn a_thread_that_panics_is_told_at_once() {
        let poll = mio::Poll::new().unwrap();
        let (mailbox, mail) =
            Mailbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let quiet = spawn("quiet", mailbox.clone(), || {}).unwrap();
        quiet.join().unwrap();
        assert!(mail.try_recv().is_err(), "an end in order needs no word");
        spawn("faulty", mailbox, || panic!("as by a fault in the program")).unwrap();
        let told = mail.recv_timeout(Duration::from_secs(20));
        assert!(matches!(told, Ok(Wake::LaneGone)));
    }
}
