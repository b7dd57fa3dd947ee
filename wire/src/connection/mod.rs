//! One connection after the handshake: packets in, packets out, no sockets and no clock.
//!
//! Each file is one noun of the protocol; here they are joined, and time is handed out:
//!
//! ```text
//!   receive    epochs (open) -> replay -> frames -+-> streams, control, paths
//!                                                 +-> acks       what to acknowledge
//!                                                 +-> recovery   what was acknowledged
//!   transmit   acks, control, streams -> numbers -> epochs (seal) -> recovery (sent)
//!   recovery   sent, lost, rtt, loss, congestion, pacing, delivery, ecn
//!   mtu        how large the datagrams may be
//! ```

mod ack;
mod close;
mod congestion;
mod control;
mod delivery;
mod ecn;
mod epochs;
mod keep_alive;
mod loss;
mod mtu;
pub(crate) mod numbers;
mod pacing;
mod path;
mod receive;
mod recovery;
pub(crate) mod replay;
mod rtt;
mod sent;
pub(crate) mod streams;
mod timer;
mod transmit;
pub(crate) mod ways;

use core::ops::Range;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use rand_chacha::ChaCha20Rng;

use ack::AckScheduler;
use close::{Closing, Draining};
use control::ControlFrames;
use epochs::{Epochs, RekeyTimeout};
use keep_alive::KeepAlive;
use mtu::MtuDiscovery;
use numbers::PacketNumbers;
use path::Paths;
use receive::Fates;
use recovery::Recovery;
use replay::ReplayWindow;
use sent::SentFrame;
use streams::{StreamFrame, Streams};
use timer::Timer;
use ways::{Known, Ways};

use crate::config::TransportConfig;
use crate::crypto::packet_keys::PacketKeys;
use crate::endpoint::{Read, SendLimit, Stats};
use crate::error::{CloseReason, ConnectionError, OpenError, ProtocolError, ReadError, WriteError};
use crate::event::Event;
use crate::frame::RekeyStep;
use crate::id::{Class, Seed, Side, StreamId};
use crate::node::Deadline;
use crate::parameters::{MIN_DATAGRAM, TransportParameters};
use crate::relay::is_relayed;
use crate::tally::Tally;
use crate::time::{Duration, Instant};

/// What the handshake leaves to the connection.
pub(crate) struct Established {
    pub(crate) side: Side,
    /// The other side's index for this connection: stands in every DATA header.
    pub(crate) remote_index: u32,
    /// The keys of epoch 0.
    pub(crate) keys: PacketKeys,
    /// Where the other side is, which the handshake has proven.
    pub(crate) path: SocketAddr,
    /// What the other side said about its limits.
    pub(crate) peer: TransportParameters,
    /// A round trip measured by the handshake.
    pub(crate) handshake_rtt: Option<Duration>,
    pub(crate) seed: Seed,
    /// Other ways to the other side.
    pub(crate) known: Known,
    /// Told to the other side at once, so that it believes a RESET.
    pub(crate) reset_token_for_peer: [u8; 16],
}

/// What became of a DATA datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Accepted,
    /// The tag does not fit: forged, damaged, or no DATA but a RESET.
    BadTag,
    /// Seen before, or too old to tell.
    Replayed,
    /// Sealed under a key that does not exist any more or not yet.
    UnknownEpoch,
}

/// What a connection tells its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionOutput {
    /// For the application.
    Event(Event),
    /// The keys are used up: this side, the initiator, is to begin a new handshake.
    RekeyDue,
    /// A handshake message for the keys of `epoch`.
    RekeyMessage { epoch: u8, step: RekeyStep, message: Vec<u8> },
    /// The other side has moved to this address, which is validated.
    PathMoved(SocketAddr),
    /// A RESET that ends in this token ends this connection.
    ResetToken([u8; 16]),
}

/// What a connection is doing.
#[derive(Debug)]
enum State {
    Established,
    /// Ended by this side; the other side may not know yet.
    Closing(Closing),
    /// Ended by the other side; its late packets are still expected.
    Draining(Draining),
    /// Nothing is left to do.
    Dead,
}

/// One connection after the handshake. The verbs are those of [`Node`](crate::Node), with the
/// same contract.
pub(crate) struct Connection {
    side: Side,
    state: State,
    remote_index: u32,
    idle_timeout: Duration,
    keep_alive: KeepAlive,
    rng: ChaCha20Rng,
    epochs: Epochs,
    numbers: PacketNumbers,
    replay: ReplayWindow,
    acks: AckScheduler,
    recovery: Recovery,
    paths: Paths,
    ways: Ways,
    mtu: MtuDiscovery,
    control: ControlFrames,
    streams: Streams,
    last_received: Instant,
    last_sent: Option<Instant>,
    limits: Tally<4>,
    pacing_at: Option<Instant>,
    /// The last handshake message handed to the endpoint: a repetition is not.
    rekey_delivered: Option<(u8, RekeyStep)>,
    /// A message for new keys that came too soon after the present ones: it waits [W-74].
    early_rekey: Option<(u8, RekeyStep, Vec<u8>)>,
    outputs: VecDeque<ConnectionOutput>,
    /// The last event, told after all others.
    closed: Option<ConnectionError>,
    datagrams_sent: u64,
    datagrams_received: u64,
    /// Frames of the datagram being written; kept for their memory.
    sent_frames: Vec<SentFrame>,
    stream_frames: Vec<StreamFrame>,
}

impl Connection {
    pub(crate) fn new(now: Instant, config: &TransportConfig, established: Established) -> Self {
        let Established {
            side, remote_index, keys, path, peer, handshake_rtt, seed, known, ..
        } = established;
        let largest = config.max_datagram.min(peer.max_datagram);
        let idle_timeout =
            TransportParameters::from_config(config).idle_timeout.min(peer.idle_timeout);
        let keep_alive = config.keep_alive.min(idle_timeout / 2);
        let mut rng = seed.rng();
        let mut control = ControlFrames::new();
        control.send_reset_token(established.reset_token_for_peer);
        Self {
            side,
            state: State::Established,
            remote_index,
            idle_timeout,
            keep_alive: KeepAlive::new(now, keep_alive),
            epochs: Epochs::new(now, side, keys, config.rekey_packets, config.rekey_after),
            numbers: PacketNumbers::new(&mut rng),
            rng,
            replay: ReplayWindow::new(),
            acks: AckScheduler::new(),
            recovery: Recovery::new(now, MIN_DATAGRAM, config, handshake_rtt, peer.ack_delay),
            paths: Paths::new(now, path),
            ways: Ways::new(now, known),
            mtu: MtuDiscovery::new(largest, path.is_ipv6()),
            control,
            streams: Streams::new(side, config, peer.limits()),
            last_received: now,
            last_sent: None,
            limits: Tally::new(now, SendLimit::Application as usize),
            pacing_at: None,
            rekey_delivered: None,
            early_rekey: None,
            outputs: VecDeque::new(),
            closed: None,
            datagrams_sent: 0,
            datagrams_received: 0,
            sent_frames: Vec::new(),
            stream_frames: Vec::new(),
        }
    }

    /// The interface takes no datagrams as large as those that were sent last.
    pub(crate) fn handle_too_large(&mut self, now: Instant, size: usize) {
        self.mtu.on_refused(now, size);
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for timer in Timer::ALL {
            if self.deadline(timer).is_some_and(|at| at <= now) {
                tracing::trace!(%now, timer = timer.name(), "timer");
                self.on_timer(now, timer);
            }
        }
    }

    /// When [`Self::handle_timeout`] is next due, and why.
    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        let deadline =
            |timer: Timer| Some(Deadline { at: self.deadline(timer)?, timer: timer.name() });
        Timer::ALL.into_iter().filter_map(deadline).min_by_key(|deadline| deadline.at)
    }

    fn deadline(&self, timer: Timer) -> Option<Instant> {
        match &self.state {
            State::Established => {}
            State::Closing(closing) => {
                return (timer == Timer::Close).then(|| closing.deadline());
            }
            State::Draining(draining) => return (timer == Timer::Close).then_some(draining.until),
            State::Dead => return None,
        }
        match timer {
            Timer::Idle => Some(self.idle_deadline()),
            Timer::LossDetection => self.recovery.deadline(),
            Timer::AckDelay => self.acks.deadline(),
            Timer::Pacing => self.pacing_at,
            Timer::KeepAlive => Some(self.keep_alive.deadline()),
            Timer::PathValidation => self.paths.deadline(),
            Timer::OtherWay => self.other_way_deadline(),
            Timer::Rekey => {
                let early = self.early_rekey.as_ref().map(|_| self.epochs.renewable_at());
                [self.epochs.deadline(), early].into_iter().flatten().min()
            }
            Timer::KeyDiscard => self.epochs.discard_at(),
            Timer::Close => None,
        }
    }

    fn other_way_deadline(&self) -> Option<Instant> {
        if self.paths.is_testing() {
            return None;
        }
        let waiting = self.recovery.waiting_since();
        self.ways.deadline(self.paths.active(), waiting, self.recovery.probe_timeout())
    }

    /// The path in use is silent, or is the one through the server [W-114] [W-115].
    fn try_other_way(&mut self, now: Instant) {
        if let Some(way) = self.ways.take(now, self.paths.active()) {
            tracing::debug!(%now, %way, "tries another way");
            self.paths.test(now, way, self.recovery.probe_timeout());
        }
    }

    /// Silence ends a connection, and so does a peer that talks on but acknowledges nothing
    /// [W-76].
    fn idle_deadline(&self) -> Instant {
        let since = match self.recovery.waiting_since() {
            Some(waiting) => waiting.min(self.last_received),
            None => self.last_received,
        };
        since + self.idle_timeout.max(self.recovery.probe_timeout() * 3)
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Idle => {
                self.end(ConnectionError::TimedOut);
                self.state = State::Dead;
            }
            Timer::LossDetection => {
                let Self { streams, control, acks, mtu, .. } = self;
                self.recovery.on_timeout(now, &mut Fates::new(streams, control, acks, mtu));
                if self.recovery.unanswered_probes() >= 2 {
                    self.keep_alive.on_unanswered(now, self.last_received);
                }
            }
            Timer::AckDelay => self.acks.on_timeout(),
            Timer::Pacing => self.pacing_at = None,
            Timer::KeepAlive => {
                // [W-77]; should the window be full, probes keep the path alive.
                self.control.send_ping();
                self.keep_alive.on_timeout(now, &mut self.rng);
            }
            Timer::PathValidation => {
                self.paths.on_timeout(now, self.recovery.probe_timeout());
            }
            Timer::OtherWay => self.try_other_way(now),
            Timer::Rekey => self.on_rekey_timer(now),
            Timer::KeyDiscard => self.epochs.discard_previous(),
            Timer::Close => match &mut self.state {
                State::Closing(closing) => {
                    if closing.on_timeout(now) {
                        self.state = State::Dead;
                    }
                }
                State::Draining(_) => self.state = State::Dead,
                State::Established | State::Dead => {}
            },
        }
    }

    /// The next thing for the endpoint or the application. What arrived before the end is told
    /// before the end.
    pub(crate) fn poll_output(&mut self) -> Option<ConnectionOutput> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let event = self.streams.poll_event();
        let event = event.or_else(|| Some(Event::Closed(self.closed.take()?)));
        event.map(ConnectionOutput::Event)
    }

    /// Sends a message of the handshake for the keys of `epoch`, until it is acknowledged.
    pub(crate) fn send_rekey(&mut self, epoch: u8, step: RekeyStep, message: Vec<u8>) {
        self.control.send_rekey(epoch, step, message);
    }

    /// Takes the keys of the next epoch into use [W-71].
    pub(crate) fn install_keys(&mut self, now: Instant, epoch: u8, keys: PacketKeys) {
        tracing::debug!(%now, epoch, "new keys");
        let before = self.epochs.current();
        self.epochs.install(now, epoch, keys);
        if before != self.epochs.current() {
            self.control.forget_rekey(epoch);
            // So that the other side can follow, even when there is nothing to say.
            self.control.send_ping();
        }
    }

    /// The epoch that the next handshake leads to.
    pub(crate) const fn following_epoch(&self) -> u8 {
        self.epochs.following()
    }

    fn on_rekey_timer(&mut self, now: Instant) {
        match self.epochs.on_timeout(now) {
            RekeyTimeout::NotYet => {}
            RekeyTimeout::Due => self.request_rekey(now),
            RekeyTimeout::Overdue => return self.fail(now, ProtocolError::KeyLimit),
        }
        if now >= self.epochs.renewable_at()
            && let Some((epoch, step, message)) = self.early_rekey.take()
            && let Err(error) = self.on_rekey(now, epoch, step, &message)
        {
            self.fail(now, error);
        }
    }

    fn check_keys(&mut self, now: Instant) {
        if self.epochs.is_rekey_due(now) {
            self.request_rekey(now);
        }
    }

    /// New keys are wanted: the initiator begins, the responder asks it to [W-73].
    fn request_rekey(&mut self, now: Instant) {
        if !self.epochs.ask_for_rekey(now) {
            return;
        }
        match self.side {
            Side::Initiator => self.outputs.push_back(ConnectionOutput::RekeyDue),
            Side::Responder => {
                self.control.send_rekey(self.epochs.following(), RekeyStep::Wanted, Vec::new());
            }
        }
    }

    /// Sends something that the other side acknowledges.
    pub(crate) const fn send_ping(&mut self) {
        self.control.send_ping();
    }

    /// Gives the other side an address token for its next connection.
    pub(crate) fn send_new_token(&mut self, token: [u8; 24]) {
        self.control.send_new_token(token);
    }

    /// Tells the other side in what a RESET from here would end.
    pub(crate) fn send_reset_token(&mut self, token: [u8; 16]) {
        self.control.send_reset_token(token);
    }

    /// The other side has forgotten this connection: a RESET with a token that it gave has come.
    pub(crate) fn reset_by_peer(&mut self, now: Instant) {
        tracing::debug!(%now, "reset by the other side");
        self.end(ConnectionError::Reset);
        self.state = State::Dead;
    }

    /// The other side cannot have completed the handshake any more.
    pub(crate) fn give_up(&mut self, now: Instant) {
        tracing::debug!(%now, "never heard of the other side");
        self.end(ConnectionError::TimedOut);
        self.state = State::Dead;
    }

    /// Closes with a reason that the other side is told.
    pub(crate) fn close(&mut self, now: Instant, reason: CloseReason) {
        self.close_with(now, reason.clone(), ConnectionError::Closed(reason));
    }

    fn close_with(&mut self, now: Instant, told: CloseReason, error: ConnectionError) {
        if matches!(self.state, State::Established) {
            self.end(error);
            let closing = Closing::new(now, told, self.recovery.probe_timeout());
            self.state = State::Closing(closing);
        }
    }

    /// The application learns why, once.
    fn end(&mut self, error: ConnectionError) {
        if matches!(self.state, State::Established) {
            self.closed = Some(error);
        }
    }

    pub(crate) fn open(&mut self, class: Class) -> Result<StreamId, OpenError> {
        match self.state {
            State::Established => self.streams.open(class),
            State::Closing(_) | State::Draining(_) | State::Dead => Err(OpenError::NotConnected),
        }
    }

    pub(crate) fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, WriteError> {
        match self.state {
            State::Established => self.streams.write(stream, bytes),
            State::Closing(_) | State::Draining(_) | State::Dead => {
                Err(WriteError::NoStream(stream))
            }
        }
    }

    pub(crate) fn write_shared(
        &mut self,
        stream: StreamId,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError> {
        match self.state {
            State::Established => self.streams.write_shared(stream, bytes, range),
            State::Closing(_) | State::Draining(_) | State::Dead => {
                Err(WriteError::NoStream(stream))
            }
        }
    }

    pub(crate) fn writable(&self, stream: StreamId) -> usize {
        match self.state {
            State::Established => self.streams.writable(stream),
            State::Closing(_) | State::Draining(_) | State::Dead => 0,
        }
    }

    pub(crate) fn unacknowledged(&self, stream: StreamId) -> u64 {
        self.streams.unacknowledged(stream)
    }

    pub(crate) fn finish(&mut self, stream: StreamId) -> Result<(), WriteError> {
        match self.state {
            State::Established => self.streams.finish(stream),
            State::Closing(_) | State::Draining(_) | State::Dead => {
                Err(WriteError::NoStream(stream))
            }
        }
    }

    pub(crate) fn reset(&mut self, stream: StreamId, code: u32) {
        self.streams.reset(stream, code);
    }

    pub(crate) fn stop(&mut self, stream: StreamId, code: u32) {
        self.streams.stop(stream, code);
    }

    /// Reads what has arrived, also after the end.
    pub(crate) fn read_with(
        &mut self,
        stream: StreamId,
        max: usize,
        take: impl FnMut(&[u8]),
    ) -> Result<Read, ReadError> {
        self.streams.read_with(stream, max, take)
    }

    pub(crate) fn stats(&self) -> Stats {
        let rtt = self.recovery.rtt();
        Stats {
            smoothed_rtt: rtt.is_measured().then(|| rtt.smoothed()),
            min_rtt: rtt.min(),
            datagram: self.mtu.current(),
            congestion_window: self.recovery.window(),
            bytes_in_flight: self.recovery.bytes_in_flight(),
            delivery_rate: self.recovery.delivery_rate,
            datagrams_sent: self.datagrams_sent,
            datagrams_received: self.datagrams_received,
            datagrams_lost: self.recovery.datagrams_lost,
            spurious_losses: self.recovery.spurious_losses,
            retransmitted_bytes: self.streams.retransmitted_bytes(),
            stream_bytes_sent: self.streams.sent_bytes(),
            buffered_bytes: self.streams.buffered_bytes(),
            received_at: Some(self.last_received),
            sent_at: self.last_sent,
            heard_at: self.recovery.heard_at,
            limits: Some(self.limits),
        }
    }

    /// The address that data goes to.
    pub(crate) const fn remote_address(&self) -> SocketAddr {
        self.paths.active()
    }

    /// The server carries nothing for this connection any more [W-116].
    pub(crate) fn end_relay(&mut self, now: Instant) {
        self.ways.forget_relay();
        self.paths.forget_relay();
        if is_relayed(self.paths.active()) {
            tracing::debug!(%now, "the way through the server has ended");
            self.end(ConnectionError::Reset);
            self.state = State::Dead;
        }
    }

    /// The address that stands for the way through the server, if there is one.
    pub(crate) const fn relay(&self) -> Option<SocketAddr> {
        self.ways.relay()
    }

    /// Whether the endpoint may forget the connection.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead)
    }
}

#[cfg(test)]
mod tests;
