//! One direction of a bad link, as a function from datagrams to deliveries: the same code stands
//! in the simulator and in the `tunlink` program, with the options of `tc netem` and their order
//! (Linux, net/sched/sch_netem.c, `netem_enqueue`).

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wire::time::Instant;

use crate::dice::{Dice, Probability};

/// How datagrams get lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Each on its own.
    Random(Probability),
    /// In bursts: a Gilbert-Elliott chain with a good and a bad state.
    Burst {
        /// Chance to go from good to bad, per datagram.
        to_bad: Probability,
        /// Chance to go from bad to good, per datagram: the mean burst is one over it.
        to_good: Probability,
        /// Loss in the bad state (netem's 1-h).
        in_bad: Probability,
        /// Loss in the good state (netem's 1-k).
        in_good: Probability,
    },
}

/// What a link does to datagrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impairment {
    /// One-way delay.
    pub delay: Duration,
    /// The delay varies by up to this in both directions, evenly; so datagrams overtake.
    pub jitter: Duration,
    /// How they get lost.
    pub loss: Loss,
    /// Chance that one is sent twice.
    pub duplicate: Probability,
    /// Chance that one is not delayed, and so overtakes those that are.
    pub reorder: Probability,
    /// Chance that one bit of it is flipped.
    pub corrupt: Probability,
    /// Longer ones are dropped.
    pub mtu: usize,
    /// Bits per second; unlimited when `None`.
    pub rate: Option<u64>,
    /// Most datagrams that the link holds, waiting or delayed; further ones are dropped.
    pub limit: usize,
    /// Most bytes that wait because of the rate, those delayed apart; further datagrams are
    /// dropped. netem has no such option: its limit counts both, and packets of any size alike.
    pub queue: usize,
}

/// What an Ethernet frame carries over UDP and IPv4.
pub const ETHERNET: usize = 1472;

impl Default for Impairment {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::Random(Probability::NEVER),
            duplicate: Probability::NEVER,
            reorder: Probability::NEVER,
            corrupt: Probability::NEVER,
            mtu: ETHERNET,
            rate: None,
            limit: 1000,
            queue: usize::MAX,
        }
    }
}

/// A datagram on its way out of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it leaves the link.
    pub at: Instant,
    /// Its bytes, perhaps damaged.
    pub bytes: Vec<u8>,
}

/// What a link did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams taken.
    pub taken: u64,
    /// Deliveries made, duplicates included.
    pub delivered: u64,
    /// Lost at random or in bursts, or because the link was cut.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Dropped because they were longer than the MTU.
    pub too_long: u64,
    /// Delivered with a flipped bit.
    pub corrupted: u64,
    /// Sent a second time.
    pub duplicated: u64,
}

/// A place that datagrams leave one after another, at a rate.
#[derive(Clone, Debug)]
pub struct Bottleneck {
    /// Bits per second.
    rate: u64,
    /// When what waits has left, in nanoseconds: a fast link sends more than one a microsecond.
    free_at: u64,
}

impl Bottleneck {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), free_at: 0 }
    }

    /// The rate changes; what waits leaves at the new one.
    pub fn set_rate(&mut self, now: Instant, rate: u64) {
        let waiting = u128::from(self.free_at.saturating_sub(nanos(now)));
        let waiting = waiting * u128::from(self.rate) / u128::from(rate.max(1));
        self.free_at = nanos(now) + u64::try_from(waiting).expect("a queue of less than centuries");
        self.rate = rate.max(1);
    }

    /// Bytes that wait.
    #[must_use]
    pub fn waiting(&self, now: Instant) -> u64 {
        let waiting = u128::from(self.free_at.saturating_sub(nanos(now)));
        let bytes = waiting * u128::from(self.rate) / 8_000_000_000;
        u64::try_from(bytes).expect("a queue that was filled")
    }

    /// When a datagram of so many bytes that comes now has left.
    pub fn pass(&mut self, now: Instant, len: u64) -> Instant {
        self.free_at = self.free_at.max(nanos(now)) + len * 8_000_000_000 / self.rate;
        Instant::from_micros(self.free_at.div_ceil(1000))
    }
}

fn nanos(at: Instant) -> u64 {
    at.as_micros() * 1000
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burst {
    Good,
    Bad,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    impairment: Impairment,
    cut: bool,
    dice: Dice,
    burst: Burst,
    /// When the datagrams that the link holds will leave it.
    held: BinaryHeap<Reverse<Instant>>,
    /// Of a link of limited rate.
    bottleneck: Option<Bottleneck>,
    tally: Tally,
}

impl Link {
    /// A link with this behaviour and its own dice.
    #[must_use]
    pub fn new(impairment: Impairment, dice: Dice) -> Self {
        Self {
            bottleneck: impairment.rate.map(Bottleneck::new),
            impairment,
            cut: false,
            dice,
            burst: Burst::Good,
            held: BinaryHeap::new(),
            tally: Tally::default(),
        }
    }

    /// Changes the behaviour from now on; what is on its way stays on its way.
    pub fn set(&mut self, now: Instant, impairment: Impairment) {
        match (&mut self.bottleneck, impairment.rate) {
            (Some(place), Some(rate)) => place.set_rate(now + self.impairment.delay, rate),
            (place, rate) => *place = rate.map(Bottleneck::new),
        }
        self.impairment = impairment;
    }

    /// The behaviour.
    #[must_use]
    pub fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Nothing gets through any more.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Undoes [`Link::cut`].
    pub fn mend(&mut self) {
        self.cut = false;
    }

    /// What it did so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes a datagram and appends to `out` when and how it arrives: not at all, once or twice.
    pub fn send(&mut self, now: Instant, bytes: Vec<u8>, out: &mut Vec<Delivery>) {
        self.tally.taken += 1;
        while self.held.peek().is_some_and(|leaves| leaves.0 <= now) {
            self.held.pop();
        }
        if bytes.len() > self.impairment.mtu {
            self.tally.too_long += 1;
            return;
        }
        // A duplicate is drawn before loss, so a lost datagram may still arrive once.
        let copies = 1 + u32::from(self.dice.chance(self.impairment.duplicate));
        let lost = self.cut || self.is_lost();
        self.tally.duplicated += u64::from(copies - 1);
        self.tally.lost += u64::from(lost);
        let copies = if self.cut { 0 } else { copies - u32::from(lost) };
        if copies == 2 {
            self.forward(now, bytes.clone(), out);
        }
        if copies > 0 {
            self.forward(now, bytes, out);
        }
    }

    /// Moves the chain of the loss model and draws.
    fn is_lost(&mut self) -> bool {
        match self.impairment.loss {
            Loss::Random(probability) => self.dice.chance(probability),
            Loss::Burst { to_bad, to_good, in_bad, in_good } => {
                let (leave, next) = match self.burst {
                    Burst::Good => (to_bad, Burst::Bad),
                    Burst::Bad => (to_good, Burst::Good),
                };
                if self.dice.chance(leave) {
                    self.burst = next;
                }
                match self.burst {
                    Burst::Good => self.dice.chance(in_good),
                    Burst::Bad => self.dice.chance(in_bad),
                }
            }
        }
    }

    /// Damages, queues and delays one copy.
    fn forward(&mut self, now: Instant, mut bytes: Vec<u8>, out: &mut Vec<Delivery>) {
        if !bytes.is_empty() && self.dice.chance(self.impairment.corrupt) {
            let bit = self.dice.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            self.tally.corrupted += 1;
        }
        if self.held.len() >= self.impairment.limit || self.is_queue_full(now, bytes.len()) {
            self.tally.overflowed += 1;
            return;
        }
        let at = if self.dice.chance(self.impairment.reorder) {
            now
        } else {
            self.departure(now, bytes.len())
        };
        self.held.push(Reverse(at));
        self.tally.delivered += 1;
        out.push(Delivery { at, bytes });
    }

    /// Whether what waits for a limited rate, and so many bytes more, are over the queue's size.
    fn is_queue_full(&self, now: Instant, more: usize) -> bool {
        let Impairment { delay, queue, .. } = self.impairment;
        let Some(place) = &self.bottleneck else { return false };
        place.waiting(now + delay) + more as u64 > queue as u64
    }

    /// When a datagram that enters now leaves after delay and, at a limited rate, after those
    /// before it.
    fn departure(&mut self, now: Instant, len: usize) -> Instant {
        let Impairment { delay, jitter, .. } = self.impairment;
        let delayed = if jitter.is_zero() {
            now + delay
        } else {
            let spread = self.dice.duration(Duration::ZERO, jitter * 2);
            now + (delay + spread).saturating_sub(jitter)
        };
        match &mut self.bottleneck {
            Some(place) => place.pass(delayed, len as u64),
            None => delayed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Seed;

    const COUNT: u64 = 20_000;

    fn link(impairment: Impairment) -> Link {
        Link::new(impairment, Dice::new(&Seed::new([3; 32]), "link"))
    }

    /// Sends `COUNT` numbered datagrams of 100 bytes, one each 100 µs.
    fn run(impairment: Impairment) -> (Vec<Delivery>, Tally) {
        let mut link = link(impairment);
        let mut out = Vec::new();
        for i in 0..COUNT {
            let mut bytes = vec![0; 100];
            bytes[..8].copy_from_slice(&i.to_be_bytes());
            link.send(Instant::from_micros(i * 100), bytes, &mut out);
        }
        (out, link.tally())
    }

    fn number(delivery: &Delivery) -> u64 {
        u64::from_be_bytes(*delivery.bytes.first_chunk().unwrap())
    }

    fn near(actual: u64, expected: f64) -> bool {
        (actual as f64 - expected).abs() < expected * 0.15
    }

    #[test]
    fn a_perfect_link_only_delays() {
        let (out, tally) =
            run(Impairment { delay: Duration::from_millis(7), ..Impairment::default() });
        assert_eq!(tally.delivered, COUNT);
        for (i, delivery) in (0..).zip(&out) {
            assert_eq!((number(delivery), delivery.at.as_micros()), (i, i * 100 + 7000));
        }
    }

    #[test]
    fn random_loss_loses_its_share() {
        let (_, tally) = run(Impairment {
            loss: Loss::Random(Probability::percent(10.0)),
            ..Impairment::default()
        });
        assert!(near(tally.lost, 2000.0), "{tally:?}");
    }

    #[test]
    fn burst_loss_has_the_right_share_and_burst_length() {
        let (out, tally) = run(Impairment {
            loss: Loss::Burst {
                to_bad: Probability::percent(1.0),
                to_good: Probability::percent(25.0),
                in_bad: Probability::ALWAYS,
                in_good: Probability::NEVER,
            },
            ..Impairment::default()
        });
        // The chain is bad p / (p + r) of the time, for 1 / r datagrams on end.
        assert!(near(tally.lost, COUNT as f64 * 0.01 / 0.26), "{tally:?}");
        let bursts = out.windows(2).filter(|pair| number(&pair[1]) > number(&pair[0]) + 1).count();
        assert!(near(tally.lost, bursts as f64 * 4.0), "{tally:?} in {bursts} bursts");
    }

    #[test]
    fn duplicates_and_flipped_bits_are_as_many_as_asked() {
        let (out, tally) = run(Impairment {
            duplicate: Probability::percent(2.0),
            corrupt: Probability::percent(5.0),
            ..Impairment::default()
        });
        assert_eq!(out.len() as u64, COUNT + tally.duplicated);
        assert!(near(tally.duplicated, 400.0) && near(tally.corrupted, 1020.0), "{tally:?}");
        let damaged = out.iter().filter(|d| d.bytes[8..].iter().any(|byte| *byte != 0)).count();
        assert!(near(damaged as u64, 1020.0 * 0.92), "{damaged}");
    }

    #[test]
    fn jitter_and_reorder_let_datagrams_overtake() {
        let jitter = Impairment {
            delay: Duration::from_millis(10),
            jitter: Duration::from_millis(5),
            ..Impairment::default()
        };
        let reorder = Impairment {
            delay: Duration::from_millis(10),
            reorder: Probability::percent(1.0),
            ..Impairment::default()
        };
        for impairment in [jitter, reorder] {
            let (mut out, _) = run(impairment);
            for (i, delivery) in (0..).zip(&out) {
                let took = delivery.at.as_micros() - i * 100;
                assert!(took == 0 || (5_000..=15_000).contains(&took), "{took}");
            }
            out.sort_by_key(|delivery| delivery.at);
            assert!(out.windows(2).any(|pair| number(&pair[0]) > number(&pair[1])));
        }
    }

    #[test]
    fn a_limited_rate_spaces_datagrams_and_its_queue_overflows() {
        // 100 bytes each 100 µs are 8 Mbit/s; half of it fits.
        let (out, tally) =
            run(Impairment { rate: Some(4_000_000), limit: 50, ..Impairment::default() });
        assert!(near(tally.delivered, COUNT as f64 / 2.0), "{tally:?}");
        assert_eq!(tally.overflowed + tally.delivered, COUNT);
        assert!(out.windows(2).all(|pair| (pair[1].at - pair[0].at).as_micros() >= 200));
        let waited = out.iter().map(|d| d.at.as_micros() - number(d) * 100).max().unwrap();
        assert!(waited <= 50 * 200, "no longer than a full queue: {waited}");
    }

    #[test]
    fn a_queue_holds_so_many_bytes_and_what_is_delayed_is_not_in_it() {
        let delay = Duration::from_millis(50);
        let (out, tally) = run(Impairment {
            delay,
            rate: Some(4_000_000),
            limit: usize::MAX,
            queue: 1000,
            ..Impairment::default()
        });
        assert!(near(tally.delivered, COUNT as f64 / 2.0), "{tally:?}");
        let waited = out.iter().map(|d| d.at.as_micros() - number(d) * 100 - 50_000).max();
        assert_eq!(waited, Some(10 * 200), "ten of 100 bytes, 200 microseconds each");
    }

    /// Sends 1472 bytes at a time as fast as a queue takes them, and counts what leaves until `end`.
    fn carried(link: &mut Link, from: Instant, end: Instant) -> u64 {
        let mut out = Vec::new();
        let mut now = from;
        while now < end {
            let before = out.len();
            link.send(now, vec![0; ETHERNET], &mut out);
            if out.len() == before {
                now += Duration::from_micros(10);
            }
        }
        let within = out.iter().filter(|delivery| delivery.at > from && delivery.at <= end);
        within.map(|delivery| delivery.bytes.len() as u64).sum()
    }

    /// At 1 Gbit/s a datagram takes 11.776 µs: rounded to whole microseconds, 7 % are too many.
    #[test]
    fn a_fast_link_carries_all_of_its_rate() {
        let fast = |rate| Impairment {
            rate: Some(rate),
            limit: usize::MAX,
            queue: 100_000,
            ..Impairment::default()
        };
        let mut link = link(fast(1_000_000_000));
        let second = |number| Instant::ZERO + Duration::from_secs(number);
        let expect = |carried: u64, rate: u64| {
            assert!(carried.abs_diff(rate / 8) <= rate / 8 / 1000, "{carried} of {rate}");
        };
        expect(carried(&mut link, second(0), second(1)), 1_000_000_000);
        // A slower rate, none, and one again: each holds from then on.
        link.set(second(2), fast(300_000_000));
        expect(carried(&mut link, second(2), second(3)), 300_000_000);
        link.set(second(4), Impairment::default());
        let mut out = Vec::new();
        link.send(second(4), vec![0; ETHERNET], &mut out);
        assert_eq!(out[0].at, second(4));
        link.set(second(5), fast(7_000_000_000));
        expect(carried(&mut link, second(5), second(6)), 7_000_000_000);
    }

    #[test]
    fn what_waits_when_the_rate_changes_still_fills_the_queue() {
        let mut place = Bottleneck::new(8_000_000);
        let now = Instant::from_micros(5000);
        assert_eq!(place.pass(now, 1000), now + Duration::from_millis(1));
        assert_eq!(place.waiting(now), 1000);
        place.set_rate(now, 4_000_000);
        assert_eq!(place.waiting(now), 1000);
        assert_eq!(place.pass(now, 1000), now + Duration::from_millis(4));
        assert_eq!(place.waiting(now + Duration::from_millis(4)), 0);
    }

    #[test]
    fn cuts_and_the_mtu_drop_everything_concerned() {
        let mut link = link(Impairment { mtu: 50, ..Impairment::default() });
        let mut out = Vec::new();
        link.send(Instant::ZERO, vec![0; 51], &mut out);
        link.cut();
        link.send(Instant::ZERO, vec![0; 50], &mut out);
        assert!(out.is_empty());
        link.mend();
        link.send(Instant::ZERO, vec![0; 50], &mut out);
        assert_eq!(out.len(), 1);
        let Tally { too_long, lost, delivered, .. } = link.tally();
        assert_eq!((too_long, lost, delivered), (1, 1, 1));
    }
}
