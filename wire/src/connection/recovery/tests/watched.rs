//! A controller under watch: whatever happens to it, its window never falls below the least one, and
//! it never paces faster than PROTOCOL.md has it.

use crate::config::Congestion;
use crate::connection::congestion::{AckSample, AckedPacket, Controller, Signal, initial_window};
use crate::connection::rtt::Rtt;
use crate::time::{Duration, Instant};

/// Datagrams in the least window [W-60].
pub(super) const fn least_window(kind: Congestion) -> u64 {
    match kind {
        Congestion::Bbr => 4,
        Congestion::Cubic => 2,
    }
}

/// Windows a round trip [W-65].
const CUBIC_SLOW_START: f64 = 2.0;
const CUBIC_AVOIDANCE: f64 = 1.25;
/// BBR, while it looks for the rate: 4 ln 2 of what was delivered, or windows a round trip. All its
/// other gains are smaller.
const BBR_STARTUP: f64 = 2.77;
/// No more than this share of what was sent is taken for the link's own loss, and added to what was
/// delivered.
const BBR_LINK_LOSS: f64 = 0.4;
/// First windows a round trip that the first packets may ask for [W-47].
const BBR_TRAIN: f64 = 64.0;

pub(super) struct Watched {
    inner: Box<dyn Controller>,
    kind: Congestion,
    datagram: u64,
    /// The highest rate measured, and the shortest time in which a packet was acknowledged.
    rate: f64,
    shortest: Duration,
    /// Whether it may be in slow start; and whether it might, before the last reduction.
    may_start: bool,
    might_start: bool,
}

impl Watched {
    pub(super) fn new(inner: Box<dyn Controller>, kind: Congestion, datagram: usize) -> Self {
        Self {
            inner,
            kind,
            datagram: datagram as u64,
            rate: 0.0,
            shortest: Duration::MAX,
            may_start: true,
            might_start: true,
        }
    }

    fn highest_pace(&self, rtt: &Rtt) -> f64 {
        let a_round_trip = |bytes: f64| bytes / rtt.smoothed().as_secs_f64();
        // Windows are told in whole bytes.
        let window = self.inner.window() as f64 + 1.0;
        let first = initial_window(self.datagram as usize) as f64;
        match self.kind {
            Congestion::Cubic if self.may_start => CUBIC_SLOW_START * a_round_trip(window),
            Congestion::Cubic => CUBIC_AVOIDANCE * a_round_trip(window),
            Congestion::Bbr => {
                let bounds = [
                    BBR_STARTUP * self.rate / (1.0 - BBR_LINK_LOSS),
                    BBR_STARTUP * a_round_trip(first),
                    BBR_TRAIN * first / self.shortest.as_secs_f64(),
                    // While it starts, or as CUBIC beside others that queue.
                    BBR_STARTUP * a_round_trip(window),
                ];
                bounds.into_iter().fold(0.0, f64::max)
            }
        }
    }
}

impl Controller for Watched {
    fn on_acked(&mut self, now: Instant, packet: AckedPacket) {
        self.shortest = self.shortest.min(now - packet.sent_at);
        self.inner.on_acked(now, packet);
    }

    fn on_lost(&mut self, sent_at: Instant, size: u64) {
        self.inner.on_lost(sent_at, size);
    }

    fn on_late(&mut self, sent_at: Instant, size: u64) {
        self.inner.on_late(sent_at, size);
    }

    fn on_ack(&mut self, sample: &AckSample, rtt: &Rtt) {
        self.rate = sample.rate.map_or(self.rate, |rate| self.rate.max(rate.rate as f64));
        self.inner.on_ack(sample, rtt);
    }

    fn on_congestion(&mut self, now: Instant, signal: Signal) {
        self.might_start = self.may_start;
        self.may_start = false;
        self.inner.on_congestion(now, signal);
    }

    fn on_spurious_congestion(&mut self) {
        self.may_start |= self.might_start;
        self.inner.on_spurious_congestion();
    }

    fn on_persistent_congestion(&mut self) {
        self.may_start = true;
        self.inner.on_persistent_congestion();
    }

    fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram as u64;
        self.inner.set_datagram(datagram);
    }

    fn window(&self) -> u64 {
        let window = self.inner.window();
        let least = least_window(self.kind) * self.datagram;
        assert!(window >= least, "{:?}: window {window} below {least}", self.kind);
        window
    }

    fn pacing_rate(&self, rtt: &Rtt) -> u64 {
        let (pace, highest) = (self.inner.pacing_rate(rtt), self.highest_pace(rtt));
        assert!(pace as f64 <= highest + 1.0, "{:?}: pace {pace} above {highest}", self.kind);
        pace
    }
}
