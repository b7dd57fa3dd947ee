//! Delivery-rate samples (draft-ietf-ccwg-bbr section 4): how fast the path really carried
//! data, measured per acknowledgement, for whichever controller wants it [W-66].

use crate::time::{Duration, Instant};

/// The state of delivery at the moment when a packet was sent; kept with the packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    lost: u64,
    /// Bytes in flight, this packet included.
    in_flight: u64,
    pub(crate) demand: Demand,
}

/// Whether the application offered enough to fill the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Demand {
    /// The window was the limit: what is measured is the path.
    #[default]
    WindowLimited,
    /// The application was the limit.
    AppLimited,
}

/// One measurement, over the flight that an acknowledgement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateSample {
    /// Bytes a second.
    pub(crate) rate: u64,
    /// Over which time.
    pub(crate) interval: Duration,
    /// Bytes delivered in that time.
    pub(crate) delivered: u64,
    /// All bytes delivered before the packet was sent: tells round trips apart.
    pub(crate) prior_delivered: u64,
    /// Bytes declared lost in that time.
    pub(crate) lost: u64,
    /// Bytes in flight when the packet was sent.
    pub(crate) in_flight: u64,
    pub(crate) demand: Demand,
}

/// The bookkeeping of a connection.
#[derive(Debug, Default)]
pub(crate) struct RateSampler {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    lost: u64,
    /// While fewer bytes than this are delivered, what is sent counts as limited by the
    /// application.
    app_limited_until: Option<u64>,
}

impl RateSampler {
    /// A packet of `size` bytes is sent while `in_flight` others are.
    pub(crate) fn on_sent(&mut self, now: Instant, size: u64, in_flight: u64) -> Snapshot {
        if in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        Snapshot {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            lost: self.lost,
            in_flight: in_flight + size,
            demand: self.demand(),
        }
    }

    /// Bytes delivered so far.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether what is sent now is limited by the application.
    pub(crate) const fn demand(&self) -> Demand {
        match self.app_limited_until {
            Some(_) => Demand::AppLimited,
            None => Demand::WindowLimited,
        }
    }

    /// There is nothing to send although the window has room.
    pub(crate) fn on_app_limited(&mut self, in_flight: u64) {
        self.app_limited_until = Some((self.delivered + in_flight).max(1));
    }

    /// A packet is newly acknowledged.
    pub(crate) fn on_packet_acked(&mut self, now: Instant, sent_at: Instant, size: u64) {
        self.delivered += size;
        self.delivered_at = now;
        self.first_sent_at = self.first_sent_at.max(sent_at);
    }

    /// Bytes were declared lost.
    pub(crate) fn on_lost(&mut self, size: u64) {
        self.lost += size;
    }

    /// The acknowledgement is processed: what it measured since the packet was sent that stands
    /// for all that it newly acknowledges.
    pub(crate) fn finish_ack(
        &mut self,
        sent_at: Instant,
        snapshot: &Snapshot,
    ) -> Option<RateSample> {
        if self.app_limited_until.is_some_and(|until| self.delivered > until) {
            self.app_limited_until = None;
        }
        let sending = sent_at - snapshot.first_sent_at;
        let acknowledging = self.delivered_at - snapshot.delivered_at;
        // The slower of the two: acknowledgements may arrive compressed.
        let interval = sending.max(acknowledging);
        if interval.is_zero() {
            return None;
        }
        let delivered = self.delivered - snapshot.delivered;
        let rate = u128::from(delivered) * 1_000_000 / interval.as_micros().max(1);
        Some(RateSample {
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
            interval,
            delivered,
            prior_delivered: snapshot.delivered,
            lost: self.lost - snapshot.lost,
            in_flight: snapshot.in_flight,
            demand: snapshot.demand,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    /// 1000-byte packets every millisecond, each acknowledged 50 ms later: 1 MB/s.
    /// [W-66].
    #[test]
    fn a_steady_flow_measures_its_rate() {
        let mut sampler = RateSampler::default();
        let mut flight = std::collections::VecDeque::new();
        let mut last = None;
        for millis in 0..200u64 {
            let now = at(millis * 1000);
            if millis >= 50 {
                let (sent_at, snapshot) = flight.pop_front().unwrap();
                sampler.on_packet_acked(now, sent_at, 1000);
                last = sampler.finish_ack(sent_at, &snapshot);
            }
            let in_flight = flight.len() as u64 * 1000;
            flight.push_back((now, sampler.on_sent(now, 1000, in_flight)));
        }
        let sample = last.unwrap();
        assert_eq!(sample.rate, 1_000_000);
        assert_eq!((sample.demand, sample.lost), (Demand::WindowLimited, 0));
        assert_eq!(sample.delivered, 50_000);
    }

    #[test]
    fn compressed_acknowledgements_do_not_inflate_the_rate() {
        let mut sampler = RateSampler::default();
        let flight: Vec<_> = (0..100u64)
            .map(|n| (at(n * 1000), sampler.on_sent(at(n * 1000), 1000, n * 1000)))
            .collect();
        for (sent_at, _) in &flight {
            sampler.on_packet_acked(at(150_000), *sent_at, 1000);
        }
        let (sent_at, snapshot) = &flight[99];
        let sample = sampler.finish_ack(*sent_at, snapshot).unwrap();
        assert!(sample.rate <= 1_020_000, "{}", sample.rate);
    }

    #[test]
    fn idle_time_marks_samples_until_it_is_delivered() {
        let mut sampler = RateSampler::default();
        sampler.on_app_limited(0);
        let first = sampler.on_sent(at(0), 500, 0);
        assert_eq!(first.demand, Demand::AppLimited);
        sampler.on_packet_acked(at(50_000), at(0), 500);
        assert_eq!(sampler.finish_ack(at(0), &first).unwrap().demand, Demand::AppLimited);
        assert_eq!(sampler.on_sent(at(60_000), 500, 0).demand, Demand::WindowLimited);
    }
}
