//! Packets that wait for their acknowledgement, oldest first, and the frames that they carried:
//! it is those that are sent again, never packets [W-55].
//!
//! Two rings: the packets, and the frames of all of them one after another, so that a packet of
//! any number of frames costs no allocation. A packet that is acknowledged or lost stays as a
//! tombstone until it is the oldest; runs of tombstones are jumped over, so that going through
//! the ranges of an ACK costs only what is new in it.
//!
//! ```text
//!   packets   [ #3 in flight ][ #4 gone, run 2 ][ #5 gone ][ #7 in flight ] ...
//!                 |                                            |
//!   frames    [ a ][ b ]            (of #4, #5)            [ c ] ...
//! ```

use std::collections::VecDeque;

use super::delivery::Snapshot;
use super::streams::StreamFrame;
use crate::frame::RekeyStep;
use crate::id::PacketNumber;
use crate::node::Ecn;
use crate::time::Instant;

/// A frame as it is remembered until its packet's fate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentFrame {
    Stream(StreamFrame),
    /// An ACK up to this number.
    Ack(PacketNumber),
    Rekey {
        epoch: u8,
        step: RekeyStep,
    },
    NewToken {
        version: u32,
    },
    ResetToken {
        version: u32,
    },
}

/// One ack-eliciting packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentPacket {
    pub(crate) number: PacketNumber,
    pub(crate) at: Instant,
    /// Bytes of the whole datagram.
    pub(crate) size: u32,
    /// Counts the paths of the connection: says on which one it went.
    pub(crate) path: u32,
    /// The ECN bits that it was sent with.
    pub(crate) ecn: Ecn,
    /// What had been delivered when it was sent.
    pub(crate) snapshot: Snapshot,
    frames: FrameSpan,
    state: State,
}

/// A packet as it is handed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewPacket {
    pub(crate) number: PacketNumber,
    pub(crate) at: Instant,
    pub(crate) size: u32,
    pub(crate) path: u32,
    pub(crate) ecn: Ecn,
    pub(crate) snapshot: Snapshot,
}

/// Which entries of the ring of frames: counted since the connection began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameSpan {
    start: u64,
    len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    /// Acknowledged or lost; at least so many entries from here on are.
    Gone {
        run: u32,
    },
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct SentPackets {
    packets: VecDeque<SentPacket>,
    frames: VecDeque<SentFrame>,
    /// The position of the first entry of `frames`.
    first_frame: u64,
    bytes_in_flight: u64,
    in_flight: usize,
}

impl SentPackets {
    /// Bytes of all packets that are neither acknowledged nor lost.
    pub(crate) const fn bytes_in_flight(&self) -> u64 {
        self.bytes_in_flight
    }

    /// Whether nothing is in flight.
    pub(crate) const fn is_empty(&self) -> bool {
        self.in_flight == 0
    }

    /// A packet was sent.
    pub(crate) fn push(&mut self, packet: NewPacket, frames: &[SentFrame]) {
        let NewPacket { number, at, size, path, ecn, snapshot } = packet;
        debug_assert!(self.packets.back().is_none_or(|last| last.number < number));
        let span = FrameSpan {
            start: self.first_frame + self.frames.len() as u64,
            len: frames.len() as u32,
        };
        // Mostly one: a call for many would cost more than it saves.
        frames.iter().for_each(|frame| self.frames.push_back(*frame));
        let (frames, state) = (span, State::InFlight);
        self.packets.push_back(SentPacket { number, at, size, path, ecn, snapshot, frames, state });
        self.bytes_in_flight += u64::from(size);
        self.in_flight += 1;
    }

    /// The position of the first packet with this number or a higher one.
    pub(crate) fn position(&self, number: PacketNumber) -> usize {
        self.packets.partition_point(|packet| packet.number < number)
    }

    /// The first packet in flight at or after a position, and its position.
    pub(crate) fn next_in_flight(&mut self, from: usize) -> Option<(usize, &SentPacket)> {
        let mut at = from;
        while let Some(&SentPacket { state: State::Gone { run }, .. }) = self.packets.get(at) {
            at += run as usize;
        }
        // Remember the way, so that the next walk from here is one step.
        if let Some(SentPacket { state: State::Gone { run }, .. }) = self.packets.get_mut(from) {
            *run = (at - from) as u32;
        }
        self.packets.get(at).map(|packet| (at, packet))
    }

    /// Takes a packet that [`Self::next_in_flight`] found out of flight. Its frames stay
    /// readable until [`Self::trim`].
    pub(crate) fn take(&mut self, position: usize) -> SentPacket {
        let packet = &mut self.packets[position];
        debug_assert_eq!(packet.state, State::InFlight);
        packet.state = State::Gone { run: 1 };
        let packet = *packet;
        self.bytes_in_flight -= u64::from(packet.size);
        self.in_flight -= 1;
        packet
    }

    /// The packet at a position, gone or not; until [`Self::trim`].
    pub(crate) fn get(&self, position: usize) -> Option<&SentPacket> {
        self.packets.get(position)
    }

    /// The frames of a packet.
    pub(crate) fn frames(&self, packet: &SentPacket) -> impl Iterator<Item = SentFrame> + '_ {
        let start = (packet.frames.start - self.first_frame) as usize;
        self.frames.range(start..start + packet.frames.len as usize).copied()
    }

    /// Takes the frames, but not the packet, from the oldest packet in flight that has any which
    /// are sent again: they go into a probe.
    pub(crate) fn take_oldest_frames(&mut self) -> Vec<SentFrame> {
        let mut from = 0;
        while let Some((position, &packet)) = self.next_in_flight(from) {
            if self.frames(&packet).any(|frame| !matches!(frame, SentFrame::Ack(_))) {
                let frames = self.frames(&packet).collect();
                self.packets[position].frames.len = 0;
                return frames;
            }
            from = position + 1;
        }
        Vec::new()
    }

    /// Forgets the oldest as long as they are out of flight.
    pub(crate) fn trim(&mut self) {
        while let Some(SentPacket { state: State::Gone { .. }, .. }) = self.packets.front() {
            self.packets.pop_front();
        }
        let end = self.first_frame + self.frames.len() as u64;
        let keep_from = self.packets.front().map_or(end, |packet| packet.frames.start);
        self.frames.drain(..(keep_from - self.first_frame) as usize);
        self.first_frame = keep_from;
        if self.packets.is_empty() && self.packets.capacity() > SHRINK_ABOVE {
            // An idle connection keeps little memory.
            self.packets = VecDeque::new();
            self.frames = VecDeque::new();
        }
    }
}

/// Rings larger than this are given back when they become empty.
const SHRINK_ABOVE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn push(sent: &mut SentPackets, number: u64, frames: &[SentFrame]) {
        let packet = NewPacket {
            number,
            at: Instant::ZERO,
            size: 100 + number as u32,
            path: 0,
            ecn: Ecn::NotCapable,
            snapshot: Snapshot::default(),
        };
        sent.push(packet, frames);
    }

    fn acknowledge(sent: &mut SentPackets, start: u64, end: u64) -> Vec<(u64, Vec<SentFrame>)> {
        let mut found = Vec::new();
        let mut from = sent.position(start);
        while let Some((position, packet)) = sent.next_in_flight(from) {
            if packet.number > end {
                break;
            }
            let packet = sent.take(position);
            found.push((packet.number, sent.frames(&packet).collect()));
            from = position + 1;
        }
        sent.trim();
        found
    }

    proptest! {
        /// Bytes in flight are exact, and every packet comes out once with its own frames.
        #[test]
        fn same_as_a_map(
            steps in proptest::collection::vec((0u64..3, 0u64..60, 0u64..60), 1..200),
        ) {
            let mut sent = SentPackets::default();
            let mut model = BTreeMap::new();
            let mut next = 0;
            for (kind, a, b) in steps {
                if kind < 2 {
                    next += 1 + a % 2;
                    let frames: Vec<_> = (0..b % 4).map(|k| SentFrame::Ack(next * 10 + k)).collect();
                    push(&mut sent, next, &frames);
                    model.insert(next, frames);
                } else {
                    let (start, end) = (a, a + b);
                    let expected: Vec<_> =
                        model.range(start..=end).map(|(n, f)| (*n, f.clone())).collect();
                    model.retain(|number, _| *number < start || *number > end);
                    prop_assert_eq!(acknowledge(&mut sent, start, end), expected);
                }
                let bytes: u64 = model.keys().map(|number| 100 + number).sum();
                prop_assert_eq!(sent.bytes_in_flight(), bytes);
                prop_assert_eq!(sent.is_empty(), model.is_empty());
                prop_assert!(sent.frames.len() >= model.values().map(Vec::len).sum());
            }
            acknowledge(&mut sent, 0, u64::MAX);
            prop_assert_eq!((sent.packets.len(), sent.frames.len()), (0, 0));
        }
    }

    #[test]
    fn walks_over_tombstones_are_remembered() {
        let mut sent = SentPackets::default();
        for number in 0..10_000 {
            push(&mut sent, number, &[]);
        }
        for number in 1..9_999 {
            acknowledge(&mut sent, number, number);
        }
        assert_eq!(sent.next_in_flight(1).map(|(position, _)| position), Some(9_999));
        assert_eq!(sent.packets[1].state, State::Gone { run: 9_998 });
    }

    #[test]
    fn a_probe_takes_the_oldest_frames_once() {
        let mut sent = SentPackets::default();
        push(&mut sent, 0, &[]);
        push(&mut sent, 1, &[SentFrame::Ack(7)]);
        push(&mut sent, 2, &[SentFrame::Ack(7), SentFrame::NewToken { version: 1 }]);
        push(&mut sent, 3, &[SentFrame::ResetToken { version: 1 }]);
        let oldest = [SentFrame::Ack(7), SentFrame::NewToken { version: 1 }];
        assert_eq!(sent.take_oldest_frames(), oldest);
        assert_eq!(sent.take_oldest_frames(), [SentFrame::ResetToken { version: 1 }]);
        assert_eq!(sent.take_oldest_frames(), []);
        assert_eq!(acknowledge(&mut sent, 0, 9).len(), 4, "the packets are still in flight");
    }
}
