//! The storage thread: everything that waits for it is committed together, so that the disk is
//! flushed once for many.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use mio::Waker;

use crate::sqlite::SqliteStore;
use crate::store::{StoreOutcome, StoreRequest, StoreTicket};

/// Most requests of one commit.
const MAX_BATCH: usize = 512;

/// The network thread's end.
#[derive(Debug)]
pub(super) struct Storage {
    requests: Option<Sender<(StoreTicket, StoreRequest)>>,
    outcomes: Receiver<(StoreTicket, StoreOutcome)>,
    thread: Option<JoinHandle<()>>,
}

impl Storage {
    /// Moves `store` to a thread of its own, which wakes the network thread by `waker`.
    pub(super) fn start(store: SqliteStore, waker: Arc<Waker>) -> io::Result<Self> {
        let (requests, incoming) = channel();
        let (outgoing, outcomes) = channel();
        let thread = std::thread::Builder::new()
            .name("storage".into())
            .spawn(move || work(store, &incoming, &outgoing, &waker))?;
        Ok(Self { requests: Some(requests), outcomes, thread: Some(thread) })
    }

    /// Hands over a request; `false` when the thread is gone, so that the request has failed. The
    /// server bounds how many are under way.
    pub(super) fn ask(&self, ticket: StoreTicket, request: StoreRequest) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.send((ticket, request)).is_ok())
    }

    /// An outcome, if one has arrived.
    pub(super) fn poll(&self) -> Option<(StoreTicket, StoreOutcome)> {
        self.outcomes.try_recv().ok()
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
    outgoing: &Sender<(StoreTicket, StoreOutcome)>,
    waker: &Waker,
) {
    while let Ok(first) = incoming.recv() {
        let rest = incoming.try_iter().take(MAX_BATCH - 1);
        let (tickets, requests): (Vec<_>, Vec<_>) = core::iter::once(first).chain(rest).unzip();
        for outcome in tickets.into_iter().zip(store.execute(&requests)) {
            if outgoing.send(outcome).is_err() {
                return;
            }
        }
        if let Err(error) = waker.wake() {
            tracing::error!(%error, "cannot wake the network thread");
        }
    }
}
