//! The storage thread: everything that waits for it is committed together, so that the disk is
//! flushed once for many. It also hears what the operator changes by other programs.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;

use crate::sqlite::SqliteStore;
use crate::store::{Meanwhile, StoreOutcome, StoreRequest, StoreTicket};

/// Most requests of one commit.
const MAX_BATCH: usize = 512;
/// How often an idle thread looks for what other programs have changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the thread has to tell.
#[derive(Debug)]
pub(super) enum News {
    /// What became of a request.
    Outcome(StoreTicket, StoreOutcome),
    /// What the operator has done. Told after the outcomes of all requests that came first.
    Meanwhile(Meanwhile),
}

/// The thread has ended before it was told to: it has panicked, and nothing is stored any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the storage thread ended unexpectedly; this is a fault in the program")]
pub(super) struct Gone;

/// The network thread's end.
#[derive(Debug)]
pub(super) struct Storage {
    requests: Option<Sender<(StoreTicket, StoreRequest)>>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

impl Storage {
    /// Moves `store` to a thread of its own, which wakes the network thread by `waker`.
    pub(super) fn start(store: SqliteStore, waker: Arc<Waker>) -> io::Result<Self> {
        Self::spawn(waker, move |incoming, outgoing| work(store, incoming, outgoing))
    }

    fn spawn(
        waker: Arc<Waker>,
        work: impl FnOnce(&Receiver<(StoreTicket, StoreRequest)>, &Outgoing) + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, incoming) = channel();
        let (sender, news) = channel();
        let outgoing = Outgoing { sender: Some(sender), waker };
        let thread = std::thread::Builder::new()
            .name("storage".into())
            .spawn(move || work(&incoming, &outgoing))?;
        Ok(Self { requests: Some(requests), news, thread: Some(thread) })
    }

    /// Hands over a request. The server bounds how many are under way.
    ///
    /// # Errors
    /// When the thread is gone, so that the program must end.
    pub(super) fn ask(&self, ticket: StoreTicket, request: StoreRequest) -> Result<(), Gone> {
        let requests = self.requests.as_ref().ok_or(Gone)?;
        requests.send((ticket, request)).map_err(|_| Gone)
    }

    /// News, if there is any.
    ///
    /// # Errors
    /// When the thread is gone, so that the program must end.
    pub(super) fn poll(&self) -> Result<Option<News>, Gone> {
        match self.news.try_recv() {
            Ok(news) => Ok(Some(news)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Gone),
        }
    }

    /// Lets the thread finish what it has, and waits for it.
    pub(super) fn stop(mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the storage thread panicked");
        }
    }
}

/// The storage thread's end: wakes the network thread for news, and when the thread ends however
/// it does.
struct Outgoing {
    sender: Option<Sender<News>>,
    waker: Arc<Waker>,
}

impl Outgoing {
    /// Says whether anybody listens.
    fn tell(&self, news: Vec<News>) -> bool {
        let Some(sender) = &self.sender else { return false };
        let is_heard = news.into_iter().all(|one| sender.send(one).is_ok());
        self.wake();
        is_heard
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake the network thread");
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // Before it is woken: it looks whether there is a sender.
        self.sender = None;
        self.wake();
    }
}

fn work(
    mut store: SqliteStore,
    incoming: &Receiver<(StoreTicket, StoreRequest)>,
    outgoing: &Outgoing,
) {
    loop {
        let mut news = match incoming.recv_timeout(LOOK_EVERY) {
            Ok(first) => execute(&mut store, first, incoming),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        news.extend(look(&mut store));
        if !news.is_empty() && !outgoing.tell(news) {
            return;
        }
        store.overwrite_removed();
    }
}

/// Commits a request with all that wait behind it.
fn execute(
    store: &mut SqliteStore,
    first: (StoreTicket, StoreRequest),
    incoming: &Receiver<(StoreTicket, StoreRequest)>,
) -> Vec<News> {
    let rest = incoming.try_iter().take(MAX_BATCH - 1);
    let (tickets, requests): (Vec<_>, Vec<_>) = core::iter::once(first).chain(rest).unzip();
    let outcomes = tickets.into_iter().zip(store.execute(&requests));
    outcomes.map(|(ticket, outcome)| News::Outcome(ticket, outcome)).collect()
}

/// What the operator has done meanwhile.
fn look(store: &mut SqliteStore) -> Option<News> {
    match store.take_meanwhile() {
        Ok(meanwhile) => (meanwhile != Meanwhile::default()).then_some(News::Meanwhile(meanwhile)),
        Err(error) => {
            tracing::error!(%error, "cannot read what the operator has done");
            None
        }
    }
}

#[cfg(test)]
impl Storage {
    /// A thread that panics at the first request.
    pub(super) fn faulty(waker: Arc<Waker>) -> Self {
        let work = |incoming: &Receiver<_>, _: &Outgoing| {
            let request = incoming.recv().unwrap();
            panic!("as by a fault in the database: {request:?}");
        };
        Self::spawn(waker, work).unwrap()
    }
}
