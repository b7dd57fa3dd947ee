//! Writing to standard output and error on a thread of its own: a reader that does not read must
//! not stop the network.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What may wait to be written, in bytes; beyond it lines are lost, and that is said.
const MAX_WAITING: usize = 8 << 20;

/// Clears the line in which the cursor stands.
const OVER_LINE: &str = "\r\u{1b}[2K";

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Something to write.
#[derive(Debug)]
struct Item {
    stream: Stream,
    text: String,
    stays: Stays,
}

/// Whether the next line takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

/// Whether a person is typing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Lines are written as they come.
    Open,
    /// Lines are held back: a prompt is about to be shown, or a password is typed.
    Closed,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Item>,
    bytes: usize,
    lost: u64,
    gate: Gate,
    is_writing: bool,
    is_broken: bool,
}

/// Shared by those who write and those who type.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Screen {
    /// A screen on standard output and error. `broken` is called when standard output is closed.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(broken: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::on(broken, put)
    }

    /// The same, with another way to write.
    fn on(
        broken: impl FnOnce() + Send + 'static,
        put: impl FnMut(&Item, &str) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            lost: 0,
            gate: Gate::Open,
            is_writing: false,
            is_broken: false,
        };
        let screen = Self { shared: Arc::new((Mutex::new(state), Condvar::new())) };
        let mut writer = Writer { screen: screen.clone(), put, last: None };
        thread::Builder::new().name("screen".to_owned()).spawn(move || {
            let error = writer.run();
            tracing::debug!(%error, "standard output is closed");
            broken();
        })?;
        Ok(screen)
    }

    /// A line that stays.
    pub(super) fn line(&self, stream: Stream, text: String) {
        self.push(Item { stream, text, stays: Stays::Yes });
    }

    /// A line whose place the next one takes.
    pub(super) fn progress(&self, stream: Stream, text: String) {
        self.push(Item { stream, text, stays: Stays::No });
    }

    /// How many lines were lost since the last call, once there is room to say so.
    pub(super) fn take_lost(&self) -> Option<u64> {
        let mut state = self.lock();
        if state.lost == 0 || state.bytes > MAX_WAITING / 2 {
            return None;
        }
        Some(std::mem::take(&mut state.lost))
    }

    /// Holds lines back, or lets them go.
    pub(super) fn set_gate(&self, gate: Gate) {
        self.lock().gate = gate;
        self.shared.1.notify_all();
    }

    /// Waits until everything is written, but not longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        self.set_gate(Gate::Open);
        let is_busy =
            |state: &mut State| !state.is_broken && (state.is_writing || !state.queue.is_empty());
        // After a time-out, or with a poisoned lock, there is nothing left to do.
        let _ = self.shared.1.wait_timeout_while(self.lock(), limit, is_busy);
    }

    fn push(&self, item: Item) {
        let mut state = self.lock();
        if state.is_broken {
            return;
        }
        if state.bytes + item.text.len() > MAX_WAITING {
            state.lost += 1;
            return;
        }
        // Of several lines that take each other's place, the last is enough.
        if let Some(last) = state.queue.back_mut()
            && item.stays == Stays::No
            && last.stays == Stays::No
            && last.stream == item.stream
        {
            let before = std::mem::replace(&mut last.text, item.text).len();
            let after = last.text.len();
            state.bytes = state.bytes - before + after;
        } else {
            state.bytes += item.text.len();
            state.queue.push_back(item);
        }
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way; if it did, the state is still a state.
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item.
    fn next(&self) -> Item {
        let mut state = self.lock();
        state.is_writing = false;
        loop {
            if state.gate == Gate::Open
                && let Some(item) = state.queue.pop_front()
            {
                state.bytes -= item.text.len();
                state.is_writing = true;
                return item;
            }
            self.shared.1.notify_all();
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Writer<P> {
    screen: Screen,
    put: P,
    /// Where the line stands that may be overwritten.
    last: Option<Stream>,
}

impl<P: FnMut(&Item, &str) -> io::Result<()>> Writer<P> {
    fn run(&mut self) -> io::Error {
        loop {
            let item = self.screen.next();
            if let Err(error) = self.write(&item)
                && item.stream == Stream::Out
            {
                let mut state = self.screen.lock();
                state.is_broken = true;
                state.queue.clear();
                self.screen.shared.1.notify_all();
                return error;
            }
        }
    }

    fn write(&mut self, item: &Item) -> io::Result<()> {
        let before = match self.last.take() {
            Some(last) if last == item.stream => OVER_LINE,
            // A line that was to be overwritten stays after all.
            Some(_) => "\n",
            None => "",
        };
        if item.stays == Stays::No {
            self.last = Some(item.stream);
        }
        (self.put)(item, before)
    }
}

fn put(item: &Item, before: &str) -> io::Result<()> {
    let end = if item.stays == Stays::Yes { "\n" } else { "" };
    let text = format!("{before}{}{end}", item.text);
    match item.stream {
        Stream::Out => write_all(io::stdout().lock(), &text),
        Stream::Err => write_all(io::stderr().lock(), &text),
    }
}

fn write_all(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn recorder() -> (Screen, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel();
        let put = move |item: &Item, before: &str| {
            sender.send(format!("{before}{}", item.text)).map_err(io::Error::other)
        };
        (Screen::on(|| (), put).unwrap(), receiver)
    }

    #[test]
    fn a_line_that_goes_on_is_overwritten() {
        let (screen, written) = recorder();
        screen.progress(Stream::Err, "1 %".to_owned());
        assert_eq!(written.recv().unwrap(), "1 %");
        screen.progress(Stream::Err, "2 %".to_owned());
        assert_eq!(written.recv().unwrap(), format!("{OVER_LINE}2 %"));
        screen.line(Stream::Out, "result".to_owned());
        assert_eq!(written.recv().unwrap(), "\nresult");
        screen.line(Stream::Err, "done".to_owned());
        assert_eq!(written.recv().unwrap(), "done");
    }

    #[test]
    fn a_closed_gate_holds_lines_in_order_and_a_flush_opens_it() {
        let (screen, written) = recorder();
        screen.set_gate(Gate::Closed);
        screen.line(Stream::Out, "a".to_owned());
        screen.progress(Stream::Out, "1 %".to_owned());
        screen.progress(Stream::Out, "2 %".to_owned());
        assert!(written.try_recv().is_err());
        screen.flush(Duration::from_secs(10));
        assert_eq!(written.try_iter().collect::<Vec<_>>(), ["a", "2 %"]);
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_the_loss_is_told() {
        let (screen, written) = recorder();
        screen.set_gate(Gate::Closed);
        for _ in 0..10 {
            screen.line(Stream::Out, "x".repeat(1 << 20));
        }
        assert_eq!(screen.take_lost(), None, "no room yet to say it");
        screen.flush(Duration::from_secs(10));
        assert_eq!(written.try_iter().count(), 8);
        assert_eq!(screen.take_lost(), Some(2));
        assert_eq!(screen.take_lost(), None);
    }
}
