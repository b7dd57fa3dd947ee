//! What is sent next: control frames, then class after class; within a class what was lost, then
//! what is new; and among streams with the same claim, in turns. The cost does not grow with the
//! streams that have nothing to send.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::connection::streams::{StreamFrame, Streams};
use crate::frame::Frame;
use crate::id::{Class, StreamId};

/// No frame other than STREAM is longer than RESET_STREAM: kind, two integers and a code.
const MAX_CONTROL_FRAME: usize = 1 + 8 + 4 + 8;
/// Bytes that a stream sends before the next of its class has its turn [W-96]. A few datagrams,
/// so that a receiver gets runs of one stream, yet a thousandth of a second on a slow link.
const QUANTUM: usize = 4096;
/// Credit of the connection that bulk streams leave to the others, so that a message need not
/// wait until the other side has read some of a file [W-95]...
const URGENT_CREDIT: u64 = 16 << 10;
/// ...but no more than this part of the smallest window. More than half would be a deadlock: the
/// other side raises its limit when a quarter of the window is free.
const URGENT_PART: u64 = 8;
/// So much of it is given back at a time.
const URGENT_UPDATE: u64 = 4;

impl Streams {
    /// The highest class that could send a frame now; window updates, resets and stops count as
    /// control.
    pub(crate) fn has_pending(&self) -> Option<Class> {
        if self.control.is_pending() {
            return Some(Class::Control);
        }
        let waits = |class: &Class| {
            let lane = &self.lanes[*class as usize];
            !lane.lost.is_empty() || !lane.fresh.is_empty() && self.credit_of(*class) > 0
        };
        let tail = (!self.tail.is_empty()).then_some(Class::Bulk);
        Class::ALL.into_iter().find(waits).or(tail)
    }

    /// Whether bytes wait to be sent that the other side does not allow yet. Only to be asked when
    /// nothing is pending.
    pub(crate) fn awaits_credit(&self) -> bool {
        self.barred > 0 || self.lanes.iter().any(|lane| !lane.fresh.is_empty())
    }

    /// Bytes that streams of a class may send before the other side allows more.
    fn credit_of(&self, class: Class) -> u64 {
        let spared = match class {
            Class::Control | Class::Chat => 0,
            Class::Bulk => urgent_credit(self.settings.peer_connection_window),
        };
        self.credit.credit().saturating_sub(spared)
    }

    /// Whether the other side lives on the credit that bulk leaves alone, and is to get back what
    /// its messages took of it: the file that used up the rest may wait for its reader for long
    /// [W-89].
    pub(super) fn owes_messages_credit(&self) -> bool {
        let kept = urgent_credit(self.settings.stated.connection_window);
        let left = self.window.limit - self.window.received;
        left < kept && self.messages_read >= (kept / URGENT_UPDATE).max(1)
    }

    /// Appends whole frames to `out` while they fit into `space` bytes, and says in `sent` which.
    /// Writes nothing when nothing useful fits. What does not fit lets nothing of lower rank pass
    /// [W-95].
    pub(crate) fn write_frames(
        &mut self,
        out: &mut Vec<u8>,
        space: usize,
        sent: &mut Vec<StreamFrame>,
    ) {
        let end = out.len() + space;
        let mut writer = Writer { out, end, sent };
        let mut fill = self.write_control(&mut writer);
        for class in Class::ALL {
            if fill == Fill::Drained {
                fill = self.write_class(class, &mut writer);
            }
        }
        if fill == Fill::Drained {
            self.write_tail(&mut writer);
        }
    }

    /// What goes several times at the end of a file, when nothing else is to be sent [W-101].
    fn write_tail(&mut self, writer: &mut Writer<'_>) {
        while let Some(again) = self.tail.first() {
            let Some(stream) = self.streams.get_mut(&again.id) else {
                self.tail.drop_first();
                continue;
            };
            let part = (again.offset, again.len);
            let Some(frame) = stream.send.write_again(again.id, writer.out, writer.room(), part)
            else {
                return;
            };
            if let StreamFrame::Data { offset, len, .. } = frame {
                self.tail.on_sent(offset, len);
            }
            self.retransmitted += writer.note(frame) as u64;
            self.settle(again.id);
        }
    }

    /// The next that goes again is something that is awaited: by then it may have arrived.
    pub(super) fn trim_tail(&mut self) {
        while let Some(again) = self.tail.first() {
            let stream = self.streams.get(&again.id);
            if stream.is_some_and(|stream| stream.send.awaits(again.offset, again.len)) {
                return;
            }
            self.tail.drop_first();
        }
    }

    /// Whether copies of messages wait to go.
    pub(crate) fn has_copies(&self) -> bool {
        !self.copies.is_empty()
    }

    /// Appends copies of messages that went before, as many as are due and fit into `space` bytes.
    /// To be called only for a datagram that goes anyway [W-48].
    pub(crate) fn write_copies(
        &mut self,
        out: &mut Vec<u8>,
        space: usize,
        sent: &mut Vec<StreamFrame>,
    ) {
        let end = out.len() + space;
        while let Some(copy) = self.copies.take_due(self.now) {
            let Some(stream) = self.streams.get_mut(&copy.id) else { continue };
            if !stream.send.awaits(copy.offset, copy.len) {
                continue;
            }
            let Some(frame) =
                stream.send.write_copy(copy.id, out, end - out.len(), copy.offset, copy.len)
            else {
                return self.copies.put_back(copy);
            };
            sent.push(frame);
            if let StreamFrame::Data { len, .. } = frame {
                self.retransmitted += u64::from(len);
            }
            self.copies.on_copied(self.now, copy);
            self.settle(copy.id);
        }
    }

    fn write_control(&mut self, writer: &mut Writer<'_>) -> Fill {
        while self.control.is_pending() {
            if writer.room() < MAX_CONTROL_FRAME {
                return Fill::Full;
            }
            if let Some((frame, sent)) = self.take_control() {
                frame.encode(writer.out);
                writer.sent.push(sent);
            }
        }
        Fill::Drained
    }

    fn take_control(&mut self) -> Option<(Frame<'static>, StreamFrame)> {
        if core::mem::take(&mut self.control.max_data) {
            let max = if self.owes_messages_credit() && !self.window.is_due() {
                self.window.top_up()
            } else {
                self.window.raise(self.now, self.rtt)
            };
            self.messages_read = 0;
            return Some((Frame::MaxData(max), StreamFrame::MaxData));
        }
        for class in Class::ALL {
            if core::mem::take(&mut self.control.max_streams[class as usize]) {
                let max = self.counts[class as usize].raise();
                return Some((Frame::MaxStreams { class, max }, StreamFrame::MaxStreams(class)));
            }
        }
        let id = *self.control.streams.first()?;
        let stream = self.streams.get_mut(&id).expect("a stream that owes a frame exists");
        let frame = if let Some((code, final_size)) = stream.send.take_reset() {
            Some((Frame::ResetStream { id, code, final_size }, StreamFrame::Reset(id)))
        } else if let Some(code) = stream.recv.take_stop() {
            Some((Frame::StopSending { id, code }, StreamFrame::Stop(id)))
        } else {
            let update = stream.recv.take_update(self.now, self.rtt);
            update.map(|max| (Frame::MaxStreamData { id, max }, StreamFrame::MaxStreamData(id)))
        };
        self.settle(id);
        frame
    }

    /// Lost bytes first [W-95]: the other side waits for them, and holds memory until they come.
    fn write_class(&mut self, class: Class, writer: &mut Writer<'_>) -> Fill {
        while let Some(id) = self.lanes[class as usize].lost.next() {
            let stream = self.streams.get_mut(&id).expect("a stream that can send exists");
            let Some(frame) = stream.send.write_lost(id, writer.out, writer.room()) else {
                return Fill::Full;
            };
            let is_settled = stream.is_settled();
            let len = writer.note(frame);
            self.note_copy(frame);
            self.note_tail(frame);
            self.note_end(frame);
            self.retransmitted += len as u64;
            self.lanes[class as usize].lost.spend(len);
            if !is_settled {
                self.settle(id);
            }
            if writer.room() == 0 {
                return Fill::Full;
            }
        }
        while self.credit_of(class) > 0 {
            let Some(id) = self.lanes[class as usize].fresh.next() else {
                break;
            };
            if class == Class::Bulk {
                self.tail.clear();
            }
            let credit = self.credit_of(class);
            let stream = self.streams.get_mut(&id).expect("a stream that can send exists");
            let Some(frame) = stream.send.write_fresh(id, writer.out, writer.room(), credit) else {
                return Fill::Full;
            };
            let is_settled = stream.is_settled();
            let len = writer.note(frame);
            self.note_copy(frame);
            self.credit.used += len as u64;
            self.lanes[class as usize].fresh.spend(len);
            if !is_settled {
                self.settle(id);
            }
            self.note_end(frame);
            if writer.room() == 0 {
                return Fill::Full;
            }
        }
        Fill::Drained
    }
}

impl Streams {
    /// What was lost goes now, and nothing new waits behind it.
    fn note_tail(&mut self, frame: StreamFrame) {
        if let StreamFrame::Data { id, offset, len, .. } = frame
            && id.class() == Class::Bulk
            && self.lanes[Class::Bulk as usize].fresh.is_empty()
        {
            self.tail.on_resent(id, offset, len, self.copies.wanted());
        }
    }

    /// The end of a file goes now, and nothing new waits behind it. What went before is lost in part,
    /// which of it is known when half a round trip is over in which nothing would be sent: what went
    /// last goes again.
    fn note_end(&mut self, frame: StreamFrame) {
        if let StreamFrame::Data { id, offset, len, fin: true } = frame
            && id.class() == Class::Bulk
            && self.lanes[Class::Bulk as usize].fresh.is_empty()
            && self.copies.loss() >= END_LOSS
        {
            self.tail.on_end(id, offset + u64::from(len), self.unsent as u64 / END_PART);
        }
    }

    fn note_copy(&mut self, frame: StreamFrame) {
        if let StreamFrame::Data { id, offset, len, .. } = frame {
            self.copies.on_sent(self.now, id, offset, len);
        }
    }
}

/// From this share of lost packets on the end of a file goes again before any of it is known to be lost.
const END_LOSS: f64 = 0.003;
/// The part of what a stream may hold unsent, two windows of two bandwidth-delay products, that the
/// path carries in half a round trip.
const END_PART: u64 = 8;

/// What bulk leaves alone of the credit of a connection whose first window was so large.
fn urgent_credit(window: u64) -> u64 {
    URGENT_CREDIT.min(window / URGENT_PART)
}

/// The streams of one class that could send now.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Something that needs no credit: lost bytes, or a bare end.
    pub(super) lost: Turns,
    /// Bytes never sent; only while there is credit.
    pub(super) fresh: Turns,
}

/// What is to be sent besides data. Flags, not frames: what drains only by sending must not
/// grow by receiving (RUSTSEC-2026-0339) [W-97].
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) max_data: bool,
    pub(super) max_streams: [bool; Class::ALL.len()],
    /// Streams that owe a reset, a stop or a window update: few, in order.
    streams: Vec<StreamId>,
}

impl Control {
    fn is_pending(&self) -> bool {
        self.max_data || self.max_streams.contains(&true) || !self.streams.is_empty()
    }

    pub(super) fn set(&mut self, id: StreamId, owes: bool) {
        match (self.streams.binary_search(&id), owes) {
            (Err(place), true) => self.streams.insert(place, id),
            (Ok(place), false) => {
                self.streams.remove(place);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
}

/// Streams that could send now.
#[derive(Debug, Default)]
pub(super) struct Turns {
    ready: BTreeSet<StreamId>,
    current: Option<StreamId>,
    /// What is left of the turn of `current`.
    left: usize,
}

impl Turns {
    /// Whether no stream could send.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Notes whether `id` could send.
    pub(super) fn set(&mut self, id: StreamId, ready: bool) {
        if ready {
            self.ready.insert(id);
        } else {
            self.ready.remove(&id);
        }
        if self.ready.is_empty() {
            self.current = None;
        }
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self) -> Option<StreamId> {
        if self.ready.is_empty() {
            return None;
        }
        if let Some(current) = self.current
            && self.left > 0
            && self.ready.contains(&current)
        {
            return Some(current);
        }
        let after = self.current.map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.ready.range((after, Bound::Unbounded));
        self.current = later.next().or_else(|| self.ready.first()).copied();
        self.left = QUANTUM;
        self.current
    }

    /// The stream whose turn it is has sent `len` bytes.
    pub(super) fn spend(&mut self, len: usize) {
        self.left = self.left.saturating_sub(len);
    }
}

/// The rest of a datagram.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` that must not be exceeded.
    end: usize,
    sent: &'a mut Vec<StreamFrame>,
}

impl Writer<'_> {
    fn room(&self) -> usize {
        self.end - self.out.len()
    }

    /// Notes a frame that was written, and says how many bytes of data it carries.
    fn note(&mut self, frame: StreamFrame) -> usize {
        self.sent.push(frame);
        match frame {
            StreamFrame::Data { len, .. } => len as usize,
            StreamFrame::Reset(_)
            | StreamFrame::Stop(_)
            | StreamFrame::MaxData
            | StreamFrame::MaxStreamData(_)
            | StreamFrame::MaxStreams(_) => 0,
        }
    }
}

/// What a datagram was filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// All that there was.
    Drained,
    /// As much as fits.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Class, Side};

    /// [W-96]
    #[test]
    fn turns_go_round_and_skip_who_has_nothing() {
        let id = |index| StreamId::new(Side::Initiator, Class::Bulk, index).unwrap();
        let mut turns = Turns::default();
        assert_eq!(turns.next(), None);
        for index in 0..4 {
            turns.set(id(index), true);
        }
        turns.set(id(2), false);
        let mut order = Vec::new();
        for _ in 0..8 {
            order.push(turns.next().unwrap().index());
            turns.spend(QUANTUM / 2);
        }
        assert_eq!(order, [0, 0, 1, 1, 3, 3, 0, 0]);
        turns.set(id(0), false);
        assert_eq!(turns.next(), Some(id(1)));
        turns.set(id(1), false);
        turns.set(id(3), false);
        assert_eq!(turns.next(), None);
        assert!(turns.is_empty());
    }
}
