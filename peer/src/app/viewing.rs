//! What whoever plays files is told, and tells.

use wire::app::peer::TransferId;
use wire::time::Instant;

use super::App;
use crate::transfer::{Reader, ViewNews};

impl App {
    /// The next thing to tell to whoever plays and opens files. A shell that does neither takes it all
    /// the same.
    pub fn poll_view(&mut self) -> Option<ViewNews> {
        self.transfers.poll_view()
    }

    /// Somebody reads a file that is played on from this byte: what is there comes before the rest.
    pub fn read_from(&mut self, now: Instant, id: TransferId, reader: Reader, offset: u64) {
        self.idle.went_on(now);
        self.with_transfers(now, |transfers, cx| transfers.read_from(cx, id, reader, offset));
        self.settle(now);
    }

    /// He reads no more.
    pub fn forget_reader(&mut self, id: TransferId, reader: Reader) {
        self.transfers.forget_reader(id, reader);
    }
}
