//! Congestion control: how many bytes may be in flight, and how fast they may leave.
//!
//! The bookkeeping (what was acknowledged, what was lost, which losses belong together, how fast
//! data was delivered) is done once, outside; a controller only draws the conclusions.

mod bbr;
mod cubic;
mod hystart;
#[cfg(test)]
mod rivals;

use bbr::Bbr;
use cubic::Cubic;

use super::delivery::RateSample;
use super::rtt::Rtt;
use crate::config::Congestion;
use crate::id::PacketNumber;
use crate::time::{Duration, Instant};

/// An acknowledgement that newly acknowledges something.
#[derive(Clone, Debug)]
pub(crate) struct AckSample {
    pub(crate) now: Instant,
    /// Bytes newly acknowledged of packets that were sent after the last reduction and while
    /// the window was the limit: what a window may grow by.
    pub(crate) growth: u64,
    /// Bytes newly acknowledged over this path.
    pub(crate) acked: u64,
    /// Bytes delivered since the connection began, and bytes in flight over this path now.
    pub(crate) delivered: u64,
    pub(crate) in_flight: u64,
    /// The largest number acknowledged.
    pub(crate) largest: PacketNumber,
    /// The number that the next packet will have: marks the end of a round trip.
    pub(crate) next: PacketNumber,
    /// The round trip that this acknowledgement measured.
    pub(crate) rtt: Option<Duration>,
    /// The delivery rate that it measured.
    pub(crate) rate: Option<RateSample>,
}

/// A packet that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckedPacket {
    pub(crate) number: PacketNumber,
    pub(crate) sent_at: Instant,
    /// Bytes of the whole datagram.
    pub(crate) size: u64,
    /// The other side's packet in which the ACK came.
    pub(crate) carrier: PacketNumber,
}

/// What congestion showed itself by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Loss,
    /// A router's mark (RFC 3168).
    Ecn,
}

/// Decides about the window. All bytes are bytes of whole datagrams.
pub(crate) trait Controller: Send {
    /// A packet was acknowledged.
    fn on_acked(&mut self, _now: Instant, _packet: AckedPacket) {}

    /// A packet counts as lost.
    fn on_lost(&mut self, _sent_at: Instant, _size: u64) {}

    /// A packet that counted as lost was acknowledged after all.
    fn on_late(&mut self, _sent_at: Instant, _size: u64) {}

    /// Something was newly acknowledged.
    fn on_ack(&mut self, sample: &AckSample, rtt: &Rtt);

    /// The first signal of congestion since the last reduction became effective: at most one a
    /// round trip.
    fn on_congestion(&mut self, now: Instant, signal: Signal);

    /// The losses that made up the last [`Self::on_congestion`] were no losses: the packets
    /// arrived late.
    fn on_spurious_congestion(&mut self);

    /// Everything sent for several probe time-outs is lost (RFC 9002 section 7.6).
    fn on_persistent_congestion(&mut self);

    /// Datagrams have another size from now on. The window stays above its minimum in them.
    fn set_datagram(&mut self, datagram: usize);

    /// Bytes that may be in flight.
    fn window(&self) -> u64;

    /// Bytes a second at which they may leave.
    fn pacing_rate(&self, rtt: &Rtt) -> u64;
}

/// The controller that the settings ask for, on a new path.
pub(crate) fn new(kind: Congestion, now: Instant, datagram: usize) -> Box<dyn Controller> {
    match kind {
        Congestion::Bbr => Box::new(Bbr::new(now, datagram)),
        Congestion::Cubic => Box::new(Cubic::new(datagram)),
    }
}

/// The window of a new path (RFC 9002 section 7.2).
pub(crate) fn initial_window(datagram: usize) -> u64 {
    let datagram = datagram as u64;
    (10 * datagram).min((2 * datagram).max(14_720))
}
