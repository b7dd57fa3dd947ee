//! What goes out: bursts of datagrams of one size, built and sealed in one buffer [W-79].

use std::net::SocketAddr;

use rand_core::RngCore;

use super::ack::Elicits;
use super::epochs::KeyUse;
use super::numbers::NUMBER_LIMIT;
use super::receive::Fates;
use super::recovery::Allowance;
use super::sent::SentFrame;
use super::{Connection, State};
use crate::crypto::packet_keys::TAG_LEN;
use crate::datagram::{CRC_LEN, DATA, DATA_HEADER_LEN, append_crc};
use crate::endpoint::SendLimit;
use crate::error::{CloseReason, ProtocolError};
use crate::frame::Frame;
use crate::id::{Class, PacketNumber};
use crate::node::{Ecn, Transmit};
use crate::parameters::MIN_DATAGRAM;
use crate::time::Instant;

/// Bytes after the ciphertext: tag and CRC.
const TRAILER: usize = TAG_LEN + CRC_LEN;
/// Bytes of a datagram that are not frames.
const OVERHEAD: usize = DATA_HEADER_LEN + TRAILER;
/// What one send with segmentation offload may carry.
const MAX_BURST_BYTES: usize = 65_000;
/// Most datagrams of one.
const MAX_BURST: usize = 64;
/// A datagram with a PATH_CHALLENGE or PATH_RESPONSE.
const PATH_DATAGRAM: u64 = OVERHEAD as u64 + 9;

/// What may still be sent in a burst.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Bytes of a full datagram.
    datagram: usize,
    allowance: Allowance,
    probes: u32,
}

/// Whether a packet may ask for an acknowledgement now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    /// As it is a probe.
    Probe,
    /// As window and pacing have room for it.
    Granted,
    WindowFull,
    Paced,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Nothing,
    /// As long as a datagram may be: another of the same size may follow.
    Full,
    Short,
}

impl Connection {
    /// Writes the next datagrams for one address into `buffer`, which is cleared first.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        buffer.clear();
        self.pacing_at = None;
        match &mut self.state {
            State::Established => {}
            State::Closing(closing) => {
                let reason = closing.take_due(now).then(|| closing.reason.clone())?;
                return Some(self.transmit_close(buffer, &reason));
            }
            State::Draining(draining) => {
                let reason = draining.answer.take()?;
                return Some(self.transmit_close(buffer, &reason));
            }
            State::Dead => return None,
        }
        if self.epochs.key_use() == KeyUse::Nothing || self.numbers.next() >= NUMBER_LIMIT {
            self.fail(now, ProtocolError::KeyLimit);
            return self.poll_transmit(now, buffer, max_datagrams);
        }
        self.recovery.set_datagram(self.mtu.current());
        let transmit = self
            .transmit_path_frame(now, buffer)
            .or_else(|| self.transmit_mtu_probe(now, buffer))
            .or_else(|| self.transmit_burst(now, buffer, max_datagrams));
        if transmit.is_some() {
            self.last_sent = Some(now);
        }
        transmit
    }

    fn transmit_close(&mut self, buffer: &mut Vec<u8>, reason: &CloseReason) -> Transmit {
        let start = begin(buffer);
        Frame::Close { code: reason.code, text: &reason.text }.encode(buffer);
        self.finish_packet(buffer, start);
        single(self.paths.active(), buffer)
    }

    /// Challenges and answers travel alone, because they go where nothing else may. They are not
    /// counted as in flight: each is bounded by what came from there [W-68].
    fn transmit_path_frame(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        let (to, frame) = if let Some(to) = self.paths.wants_challenge(PATH_DATAGRAM) {
            let mut data = [0; 8];
            self.rng.fill_bytes(&mut data);
            self.paths.on_challenge_sent(now, data, PATH_DATAGRAM);
            (to, Frame::PathChallenge(data))
        } else {
            let (to, data) = self.next_path_response()?;
            (to, Frame::PathResponse(data))
        };
        let start = begin(buffer);
        frame.encode(buffer);
        self.finish_packet(buffer, start);
        Some(single(to, buffer))
    }

    /// The next answer to a challenge that may be sent where it has to go.
    fn next_path_response(&mut self) -> Option<(SocketAddr, [u8; 8])> {
        loop {
            let (to, data) = self.control.take_path_response()?;
            if self.paths.admits_response(to, PATH_DATAGRAM) {
                return Some((to, data));
            }
        }
    }

    /// A datagram larger than those before, to see whether it arrives [W-44]. It travels alone, and
    /// nothing in it would be missed. It waits for room as others do, but may be larger than the
    /// room is.
    fn transmit_mtu_probe(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        if self.epochs.key_use() != KeyUse::All {
            return None;
        }
        let size = self.mtu.next_probe(now, self.recovery.window())?;
        let room = self.room(now);
        match self.permission(&room) {
            Permission::Granted => {}
            Permission::Paced => {
                self.pacing_at = Some(self.recovery.paced_until());
                return None;
            }
            Permission::Probe | Permission::WindowFull => return None,
        }
        let start = begin(buffer);
        Frame::Ping.encode(buffer);
        buffer.resize(size - TRAILER, 0);
        let number = self.finish_packet(buffer, start);
        self.recovery.on_sent(now, number, size, Ecn::NotCapable, &[]);
        self.mtu.on_probe_sent(number, size);
        self.keep_alive.on_sent(now);
        Some(single(self.paths.active(), buffer))
    }

    fn room(&mut self, now: Instant) -> Room {
        let probes = self.recovery.probes();
        // What repeats in vain what was too large is no probe [W-45].
        let datagram = if probes > 0 { MIN_DATAGRAM } else { self.mtu.current() };
        Room { datagram, allowance: self.recovery.allowance(now), probes }
    }

    fn transmit_burst(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        let ecn = self.recovery.codepoint();
        let mut room = self.room(now);
        let limit = max_datagrams.min(MAX_BURST).min(MAX_BURST_BYTES / room.datagram);
        self.streams.set_rtt(now, self.recovery.rtt().smoothed());
        self.streams.set_loss(self.recovery.loss());
        self.streams.set_window(self.recovery.window());
        for _ in 0..limit.max(1) {
            match self.write_packet(now, buffer, ecn, &mut room) {
                Written::Full => self.mtu.on_full_datagram(),
                Written::Nothing | Written::Short => break,
            }
        }
        let (permission, urgency) = (self.permission(&room), self.urgency());
        self.note_limit(now, permission, urgency);
        match (permission, urgency) {
            (Permission::Granted, None) => self.recovery.on_app_limited(),
            (Permission::Paced, Some(_)) => self.pacing_at = Some(self.recovery.paced_until()),
            _ => {}
        }
        if buffer.is_empty() {
            return None;
        }
        self.keep_alive.on_sent(now);
        self.check_keys(now);
        let segment_size = room.datagram.min(buffer.len());
        Some(Transmit { destination: self.paths.active(), segment_size, ecn })
    }

    /// Counts what keeps this side from sending more.
    fn note_limit(&mut self, now: Instant, permission: Permission, urgency: Option<Class>) {
        let limit = match (permission, urgency) {
            (_, None) if self.streams.awaits_credit() => SendLimit::Flow,
            (_, None) => SendLimit::Application,
            (Permission::WindowFull, Some(_)) => SendLimit::Congestion,
            (Permission::Paced, Some(_)) => SendLimit::Pacing,
            // The burst was full: the next follows at once.
            (Permission::Granted | Permission::Probe, Some(_)) => return,
        };
        self.limits.note(now, limit as usize);
    }

    /// The highest class of what waits for window and pacing.
    fn urgency(&self) -> Option<Class> {
        if self.control.has_pending() {
            return Some(Class::Control);
        }
        match self.epochs.key_use() {
            KeyUse::All => self.streams.has_pending(),
            KeyUse::ControlOnly | KeyUse::Nothing => None,
        }
    }

    /// Files leave a part of the window alone, so that a message beside them need not wait for
    /// an acknowledgement [W-61].
    fn permission(&self, room: &Room) -> Permission {
        let datagram = room.datagram as u64;
        let Allowance { window, reserve, tokens } = room.allowance;
        let is_spared = || window < datagram + reserve && self.urgency() == Some(Class::Bulk);
        if room.probes > 0 {
            Permission::Probe
        } else if window < datagram || is_spared() {
            Permission::WindowFull
        } else if tokens < datagram {
            Permission::Paced
        } else {
            Permission::Granted
        }
    }

    /// Writes one datagram, as full as it gets [W-61].
    fn write_packet(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        ecn: Ecn,
        room: &mut Room,
    ) -> Written {
        let start = begin(buffer);
        let end = start + room.datagram - TRAILER;
        self.sent_frames.clear();
        if let Some(ack) = self.acks.frame(now) {
            self.sent_frames.push(SentFrame::Ack(ack.ranges[0].1));
            Frame::Ack(ack).encode(buffer);
        }
        let acknowledges = !self.sent_frames.is_empty();
        let mut elicits = Elicits::Nothing;
        let permission = self.permission(room);
        if matches!(permission, Permission::Probe | Permission::Granted) {
            elicits = self.write_eliciting(now, buffer, end, permission);
        }
        if elicits == Elicits::Nothing && !(acknowledges && self.acks.is_due()) {
            buffer.truncate(start);
            return Written::Nothing;
        }
        if acknowledges {
            self.acks.on_sent(elicits);
        }
        let full = buffer.len() == end;
        let number = self.finish_packet(buffer, start);
        if elicits == Elicits::Ack {
            let size = buffer.len() - start;
            self.recovery.on_sent(now, number, size, ecn, &self.sent_frames);
            let Allowance { window, tokens, .. } = &mut room.allowance;
            *window = window.saturating_sub(size as u64);
            *tokens = tokens.saturating_sub(size as u64);
            room.probes = room.probes.saturating_sub(1);
        }
        if full { Written::Full } else { Written::Short }
    }

    /// Writes what asks for an acknowledgement, and says whether there was anything.
    fn write_eliciting(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        end: usize,
        permission: Permission,
    ) -> Elicits {
        let start = buffer.len();
        if permission == Permission::Probe && self.urgency().is_none() {
            let Self { streams, control, acks, mtu, .. } = self;
            self.recovery.probe_with_oldest(&mut Fates::new(streams, control, acks, mtu));
        }
        self.control.write(buffer, end - buffer.len(), &mut self.sent_frames);
        if self.epochs.key_use() == KeyUse::All {
            self.stream_frames.clear();
            let goes = || self.acks.is_due() || self.streams.has_pending().is_some();
            if self.streams.has_copies() && goes() {
                let room = end - buffer.len();
                self.streams.write_copies(buffer, room, &mut self.stream_frames);
            }
            self.streams.write_frames(buffer, end - buffer.len(), &mut self.stream_frames);
            if !self.stream_frames.is_empty() {
                self.epochs.on_used(now);
                self.sent_frames.extend(self.stream_frames.iter().copied().map(SentFrame::Stream));
                // All datagrams of a burst but the last have one size.
                if buffer.len() < end && self.streams.has_pending().is_some() {
                    buffer.resize(end, 0);
                }
            }
        }
        let asks = permission == Permission::Probe || self.acks.wants_ping();
        if buffer.len() == start && asks {
            Frame::Ping.encode(buffer);
        }
        if buffer.len() > start { Elicits::Ack } else { Elicits::Nothing }
    }

    /// Completes the datagram that begins at `start`: header, encryption in place, tag, CRC.
    fn finish_packet(&mut self, buffer: &mut Vec<u8>, start: usize) -> PacketNumber {
        let number = self.numbers.take(&mut self.rng);
        let (header, payload) = buffer[start..].split_at_mut(DATA_HEADER_LEN);
        header[0] = DATA;
        header[1] = self.epochs.current();
        header[4..8].copy_from_slice(&self.remote_index.to_be_bytes());
        header[8..].copy_from_slice(&number.to_be_bytes());
        let tag = self.epochs.seal(number, header, payload);
        buffer.extend_from_slice(&tag);
        append_crc(buffer, start);
        self.datagrams_sent += 1;
        number
    }
}

/// Makes room for a header and says where the datagram begins.
fn begin(buffer: &mut Vec<u8>) -> usize {
    let start = buffer.len();
    buffer.resize(start + DATA_HEADER_LEN, 0);
    start
}

fn single(destination: SocketAddr, buffer: &[u8]) -> Transmit {
    Transmit { destination, segment_size: buffer.len(), ecn: Ecn::NotCapable }
}
