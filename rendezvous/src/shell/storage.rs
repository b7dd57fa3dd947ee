//! The storage thread: everything that waits for it is committed together, so that the disk is
//! flushed once for many. It also hears what the operator changes by other programs.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;

use crate::sqlite::SqliteStore;
use crate::store::{Revocation, StoreOutcome, StoreRequest, StoreTicket};

/// Most requests of one commit.
const MAX_BATCH: usize = 512;
/// How often an idle thread looks for what other programs have changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the thread has to tell.
#[derive(Debug)]
pub(super) enum News {
    /// What became of a request.
    Outcome(StoreTicket, StoreOutcome),
    /// These devices were taken away. Told after the outcomes of all requests that came first.
    Revoked(Vec<Revocation>),
}

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
        let (requests, incoming) = channel();
        let (outgoing, news) = channel();
        let thread = std::thread::Builder::new()
            .name("storage".into())
            .spawn(move || work(store, &incoming, &outgoing, &waker))?;
        Ok(Self { requests: Some(requests), news, thread: Some(thread) })
    }

    /// Hands over a request; `false` when the thread is gone, so that the request has failed. The
    /// server bounds how many are under way.
    pub(super) fn ask(&self, ticket: StoreTicket, request: StoreRequest) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.send((ticket, request)).is_ok())
    }

    /// News, if there is any.
    pub(super) fn poll(&self) -> Option<News> {
        self.news.try_recv().ok()
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

fn work(
    mut store: SqliteStore,
    incoming: &Receiver<(StoreTicket, StoreRequest)>,
    outgoing: &Sender<News>,
    waker: &Waker,
) {
    loop {
        let mut news = match incoming.recv_timeout(LOOK_EVERY) {
            Ok(first) => execute(&mut store, first, incoming),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        news.extend(look(&mut store));
        if news.is_empty() {
            continue;
        }
        for one in news {
            if outgoing.send(one).is_err() {
                return;
            }
        }
        if let Err(error) = waker.wake() {
            tracing::error!(%error, "cannot wake the network thread");
        }
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

/// What the operator has taken away meanwhile.
fn look(store: &mut SqliteStore) -> Option<News> {
    match store.take_revoked() {
        Ok(revoked) => (!revoked.is_empty()).then_some(News::Revoked(revoked)),
        Err(error) => {
            tracing::error!(%error, "cannot read which devices were taken away");
            None
        }
    }
}
