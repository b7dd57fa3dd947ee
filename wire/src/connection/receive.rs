//! What comes in: opened in place, checked against the replay window, taken apart into frames.

use std::net::SocketAddr;

use super::ack::{AckScheduler, Elicits};
use super::close::{Draining, reason_of};
use super::control::ControlFrames;
use super::epochs::Refused;
use super::mtu::{LossMeaning, MtuDiscovery};
use super::numbers::NUMBER_LIMIT;
use super::path::{Moved, Recency};
use super::recovery::Fate;
use super::sent::SentFrame;
use super::streams::{StreamFrame, Streams};
use super::{Connection, ConnectionOutput, Received, State};
use crate::codec::{DecodeError, Reader};
use crate::datagram::{CRC_LEN, DATA_HEADER_LEN};
use crate::error::{CloseReason, ConnectionError, ProtocolError};
use crate::event::Event;
use crate::frame::{Frame, RekeyStep, is_probing};
use crate::id::{PacketNumber, Side};
use crate::node::Source;
use crate::relay::is_relayed;
use crate::time::Instant;

/// Hands the fate of packets and frames to the parts that they came from.
pub(super) struct Fates<'a> {
    pub(super) streams: &'a mut Streams,
    pub(super) control: &'a mut ControlFrames,
    pub(super) acks: &'a mut AckScheduler,
    pub(super) mtu: &'a mut MtuDiscovery,
    /// Stream data that was acknowledged and not told yet, as more may follow on it.
    acked: Option<StreamFrame>,
}

impl<'a> Fates<'a> {
    pub(super) const fn new(
        streams: &'a mut Streams,
        control: &'a mut ControlFrames,
        acks: &'a mut AckScheduler,
        mtu: &'a mut MtuDiscovery,
    ) -> Self {
        Self { streams, control, acks, mtu, acked: None }
    }
}

impl Fate for Fates<'_> {
    fn acked(&mut self, frame: SentFrame) {
        match frame {
            SentFrame::Stream(frame) => {
                let joined = self.acked.and_then(|run| run.join(frame));
                if joined.is_none() {
                    self.acked_all();
                }
                self.acked = joined.or(Some(frame));
            }
            SentFrame::Ack(largest) => self.acks.on_ack_acked(largest),
            SentFrame::Rekey { epoch, step } => self.control.on_acked_rekey(epoch, step),
            SentFrame::NewToken { version } => self.control.on_acked_new_token(version),
            SentFrame::ResetToken { version } => self.control.on_acked_reset_token(version),
        }
    }

    fn acked_all(&mut self) {
        if let Some(run) = self.acked.take() {
            self.streams.on_acked(run);
        }
    }

    fn lost(&mut self, frame: SentFrame) {
        match frame {
            SentFrame::Stream(frame) => self.streams.on_lost(frame),
            // A later one says more.
            SentFrame::Ack(_) => {}
            SentFrame::Rekey { epoch, step } => self.control.on_lost_rekey(epoch, step),
            SentFrame::NewToken { version } => self.control.on_lost_new_token(version),
            SentFrame::ResetToken { version } => self.control.on_lost_reset_token(version),
        }
    }

    fn packet_acked(&mut self, number: PacketNumber, size: usize) {
        self.mtu.on_acked(number, size);
    }

    fn packet_lost(&mut self, now: Instant, number: PacketNumber, size: usize) -> LossMeaning {
        self.mtu.on_lost(now, number, size)
    }
}

impl Connection {
    /// Takes one DATA datagram without its CRC; the caller has checked type and receiver index.
    pub(crate) fn handle_data(
        &mut self,
        now: Instant,
        source: Source,
        datagram: &mut [u8],
    ) -> Received {
        let size = (datagram.len() + CRC_LEN) as u64;
        let Some((header, sealed)) = datagram.split_at_mut_checked(DATA_HEADER_LEN) else {
            return Received::BadTag;
        };
        let epoch = header[1];
        let number = u64::from_be_bytes(header[8..].try_into().expect("the header has 16 bytes"));
        // Read-only until the tag has been checked: a forged number moves nothing [W-52].
        if number >= NUMBER_LIMIT || !self.replay.accepts(number) {
            return Received::Replayed;
        }
        let plain = match self.epochs.open(epoch, number, header, sealed) {
            Ok(plain) => plain,
            Err(Refused::UnknownEpoch) => return Received::UnknownEpoch,
            Err(Refused::BadTag) => {
                self.check_keys(now);
                return Received::BadTag;
            }
            Err(Refused::KeyLimit) => {
                self.fail(now, ProtocolError::KeyLimit);
                return Received::BadTag;
            }
        };
        let newest = number >= self.replay.next();
        self.replay.commit(number);
        self.datagrams_received += 1;
        let before = self.epochs.current();
        self.epochs.on_opened(now, epoch, self.recovery.probe_timeout());
        if before != self.epochs.current() {
            self.control.forget_rekey(self.epochs.current());
        }
        match &mut self.state {
            State::Established => {
                self.last_received = now;
                let recency = match newest {
                    _ if is_probing(plain) => Recency::Probing,
                    true => Recency::Newest,
                    false => Recency::Older,
                };
                self.on_source(now, source, size, recency);
                let delivered = self.recovery.delivered();
                match self.handle_frames(now, source, number, plain) {
                    Ok(elicits) => self.acks.on_packet(now, number, elicits, source.ecn),
                    Err(error) => self.fail(now, error),
                }
                self.keep_alive.on_heard(now, self.recovery.delivered() > delivered);
                self.check_keys(now);
            }
            State::Closing(closing) => {
                closing.on_packet(now);
                if find_close(plain) {
                    self.state = State::Dead;
                }
            }
            State::Draining(_) | State::Dead => {}
        }
        Received::Accepted
    }

    fn on_source(&mut self, now: Instant, source: Source, size: u64, recency: Recency) {
        let retry = self.recovery.probe_timeout();
        let left = self.paths.active();
        let recency = match recency {
            Recency::Newest if !self.ways.may_follow(now, source.address) => Recency::Probing,
            Recency::Newest | Recency::Older | Recency::Probing => recency,
        };
        if let Some(moved) = self.paths.on_packet(now, source.address, size, recency, retry) {
            self.on_moved(now, left, moved);
        }
    }

    fn on_moved(&mut self, now: Instant, left: SocketAddr, moved: Moved) {
        let address = self.paths.active();
        self.ways.on_moved(now, left, address);
        match moved {
            Moved::SamePath { silence } => self.keep_alive.on_rebound(now, silence),
            Moved::Elsewhere { .. } if is_relayed(address) || is_relayed(left) => {}
            Moved::Elsewhere { .. } => self.keep_alive.on_network_changed(now),
            Moved::Back => {}
        }
        self.recovery.on_moved(now, moved);
        self.mtu.on_moved(moved, address.is_ipv6());
        self.outputs.push_back(ConnectionOutput::PathMoved(address));
        self.outputs.push_back(ConnectionOutput::Event(Event::PathChanged(address)));
    }

    fn handle_frames(
        &mut self,
        now: Instant,
        source: Source,
        number: PacketNumber,
        plain: &[u8],
    ) -> Result<Elicits, ProtocolError> {
        if plain.is_empty() {
            return Err(DecodeError::Truncated.into());
        }
        let rtt = self.recovery.rtt().smoothed();
        self.streams.set_rtt(now, rtt);
        self.acks.set_rtt(rtt);
        let mut reader = Reader::new(plain);
        let mut elicits = Elicits::Nothing;
        while !reader.is_empty() && matches!(self.state, State::Established) {
            let frame = Frame::parse(&mut reader)?;
            if self.handle_frame(now, source, number, &frame)? == Elicits::Ack {
                elicits = Elicits::Ack;
            }
        }
        Ok(elicits)
    }

    fn handle_frame(
        &mut self,
        now: Instant,
        source: Source,
        number: PacketNumber,
        frame: &Frame<'_>,
    ) -> Result<Elicits, ProtocolError> {
        match *frame {
            Frame::Padding => return Ok(Elicits::Nothing),
            Frame::Ping => {}
            Frame::Ack(ref ack) => {
                self.numbers.check(ack)?;
                let Self { streams, control, acks, mtu, .. } = self;
                let mut fates = Fates::new(streams, control, acks, mtu);
                self.recovery.on_ack(now, number, ack, self.numbers.next(), &mut fates);
                return Ok(Elicits::Nothing);
            }
            Frame::ResetStream { id, code, final_size } => {
                self.streams.on_reset(id, code, final_size)?;
            }
            Frame::StopSending { id, code } => self.streams.on_stop(id, code)?,
            Frame::MaxData(max) => self.streams.on_max_data(max)?,
            Frame::MaxStreamData { id, max } => self.streams.on_max_stream_data(id, max)?,
            Frame::MaxStreams { class, max } => self.streams.on_max_streams(class, max)?,
            Frame::PathChallenge(data) => self.control.send_path_response(source.address, data),
            Frame::PathResponse(data) => {
                let keep = self.recovery.probe_timeout() * 3;
                let left = self.paths.active();
                if let Some(moved) = self.paths.on_response(now, data, keep) {
                    self.on_moved(now, left, moved);
                }
            }
            Frame::Rekey { epoch, step, message } => self.on_rekey(now, epoch, step, message)?,
            Frame::NewToken(token) => {
                self.replace_output(ConnectionOutput::Event(Event::NewToken(token)));
            }
            Frame::ResetToken(token) => {
                self.replace_output(ConnectionOutput::ResetToken(token));
            }
            Frame::Close { code, text } => {
                let reason = CloseReason::new(code, text);
                let until = now + self.recovery.probe_timeout() * 3;
                let answer = Some(CloseReason::new(0, ""));
                self.end(ConnectionError::ClosedByPeer(reason));
                self.state = State::Draining(Draining { answer, until });
                return Ok(Elicits::Nothing);
            }
            Frame::Stream { id, offset, data, fin } => {
                self.epochs.on_used(now);
                self.streams.on_stream(id, offset, data, fin)?;
            }
        }
        Ok(Elicits::Ack)
    }

    /// An output of which only the latest counts: a peer that repeats itself fills no queue.
    fn replace_output(&mut self, output: ConnectionOutput) {
        let kind = core::mem::discriminant(&output);
        let is_token = |event: &ConnectionOutput| {
            matches!(event, ConnectionOutput::Event(Event::NewToken(_)))
                || matches!(event, ConnectionOutput::ResetToken(_))
        };
        self.outputs.retain(|old| !(is_token(old) && core::mem::discriminant(old) == kind));
        self.outputs.push_back(output);
    }

    /// A handshake message for the next keys [W-74].
    pub(super) fn on_rekey(
        &mut self,
        now: Instant,
        epoch: u8,
        step: RekeyStep,
        message: &[u8],
    ) -> Result<(), ProtocolError> {
        match (self.side, step) {
            (Side::Initiator, RekeyStep::Wanted | RekeyStep::Second)
            | (Side::Responder, RekeyStep::First) => {}
            (Side::Initiator, RekeyStep::First)
            | (Side::Responder, RekeyStep::Wanted | RekeyStep::Second) => {
                return Err(ProtocolError::Rekey);
            }
        }
        if self.epochs.current().wrapping_sub(epoch) < 128 {
            // A late copy of what led to the keys in use.
            return Ok(());
        }
        if epoch != self.epochs.following() {
            return Err(ProtocolError::Rekey);
        }
        if step != RekeyStep::Second && now < self.epochs.renewable_at() {
            self.early_rekey.get_or_insert_with(|| (epoch, step, message.to_vec()));
        } else if step == RekeyStep::Wanted {
            self.request_rekey(now);
        } else if self.rekey_delivered != Some((epoch, step)) {
            self.rekey_delivered = Some((epoch, step));
            let message = message.to_vec();
            self.outputs.push_back(ConnectionOutput::RekeyMessage { epoch, step, message });
        }
        Ok(())
    }

    /// The other side broke a rule: tell it which, and the application.
    pub(crate) fn fail(&mut self, now: Instant, error: ProtocolError) {
        self.close_with(now, reason_of(error), ConnectionError::Protocol(error));
    }
}

/// Whether there is a CLOSE among the frames.
fn find_close(plain: &[u8]) -> bool {
    let mut reader = Reader::new(plain);
    while !reader.is_empty() {
        match Frame::parse(&mut reader) {
            Ok(Frame::Close { .. }) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}
