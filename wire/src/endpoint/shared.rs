//! What every part of an endpoint needs: settings, keys, entropy, and the way out.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use super::Counters;
use super::relays::Relays;
use crate::config::Config;
use crate::crypto::mac::Mac1;
use crate::crypto::token::Tokens;
use crate::id::Seed;
use crate::parameters::TransportParameters;
use crate::time::{Duration, Instant};

/// Most datagrams that wait for [`poll_transmit`](crate::Node::poll_transmit) outside of
/// connections. What finds no room is lost, as on the network.
const OUTBOX: usize = 1024;

pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) rng: ChaCha20Rng,
    pub(super) tokens: Tokens,
    /// For INITs to this endpoint.
    pub(super) mac1: Mac1,
    pub(super) counters: Counters,
    pub(super) relays: Relays,
    outbox: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Shared {
    pub(super) fn new(config: Config, seed: &Seed) -> Self {
        Self {
            rng: seed.derive("endpoint").rng(),
            tokens: Tokens::new(&config.token_secret, config.token_epoch),
            mac1: Mac1::new(&config.static_key.public()),
            counters: Counters::default(),
            relays: Relays::default(),
            outbox: VecDeque::new(),
            config,
        }
    }

    /// Queues a datagram that this endpoint sends of its own accord.
    pub(super) fn send(&mut self, destination: SocketAddr, datagram: Vec<u8>) {
        if self.outbox.len() < OUTBOX {
            self.outbox.push_back((destination, datagram));
        } else {
            self.counters.limited += 1;
        }
    }

    /// Queues the answer to a datagram of `trigger` bytes from an address that has proven
    /// nothing. No such answer is longer than what it answers, so nobody gains by making this
    /// endpoint speak to a third party (B02) [W-05].
    pub(super) fn reply(&mut self, destination: SocketAddr, trigger: usize, datagram: Vec<u8>) {
        assert!(datagram.len() <= trigger, "an answer of {} to {trigger} bytes", datagram.len());
        self.counters.stranger_bytes_in += trigger as u64;
        self.counters.stranger_bytes_out += datagram.len() as u64;
        self.send(destination, datagram);
    }

    pub(super) fn next_queued(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.outbox.pop_front()
    }

    /// A seed of its own for one handshake or connection.
    pub(super) fn draw_seed(&mut self) -> Seed {
        Seed::new(self.draw())
    }

    pub(super) fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// This side's transport parameters, as a handshake payload.
    pub(super) fn parameters(&self) -> Vec<u8> {
        let mut out = Vec::new();
        TransportParameters::from_config(&self.config.transport).encode(&mut out);
        out
    }
}

/// When to say something again that was not answered: quickly at first, then at a steady pace,
/// never more than half a second apart, and never in step with others (C05) [W-14].
pub(super) struct Repetition {
    sent: u32,
    pub(super) next: Instant,
    pub(super) last: Option<Instant>,
}

impl Repetition {
    /// Times after the first, second and every later sending, in milliseconds.
    const PAUSES: [u32; 3] = [120, 160, 220];

    /// Due at once.
    pub(super) const fn new(now: Instant) -> Self {
        Self { sent: 0, next: now, last: None }
    }

    /// The first sending happens now, by other hands.
    pub(super) fn after_first(now: Instant, rng: &mut ChaCha20Rng) -> Self {
        let mut repetition = Self::new(now);
        repetition.note_sent(now, rng);
        repetition
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Notes a sending and sets the next, up to a fifth sooner or later than the plan.
    pub(super) fn note_sent(&mut self, now: Instant, rng: &mut ChaCha20Rng) {
        let step = usize::try_from(self.sent).map_or(2, |sent| sent.min(2));
        let pause = Duration::from_millis(Self::PAUSES[step].into());
        let jitter = 800 + rng.next_u32() % 401;
        self.sent = self.sent.saturating_add(1);
        self.last = Some(now);
        self.next = now + pause * jitter / 1000;
    }

    /// How often it was sent.
    pub(super) const fn sent(&self) -> u32 {
        self.sent
    }

    /// The round trip that an answer arriving now has measured: known only when one sending can
    /// have caused it (Karn's algorithm).
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        self.last.filter(|_| self.sent == 1).map(|last| now - last)
    }
}

/// When a RESP went out: the first DATA that comes back measures a round trip, if only one RESP
/// can have caused it (Karn's algorithm) and it is the one that went at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Once(Instant),
    Often,
}

impl Answered {
    /// By DATA of this number: where the first was lost, it came later than it could.
    pub(super) fn round_trip(self, now: Instant, number: u64) -> Option<Duration> {
        match self {
            Self::Once(at) => (number == 0).then(|| now - at),
            Self::Often => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C05: [W-14]
    #[test]
    fn repetitions_are_jittered_and_at_most_half_a_second_apart() {
        let mut rng = Seed::new([1; 32]).rng();
        let mut repetition = Repetition::new(Instant::ZERO);
        let mut pauses = Vec::new();
        for _ in 0..100 {
            let now = repetition.next;
            assert!(repetition.is_due(now));
            repetition.note_sent(now, &mut rng);
            pauses.push(repetition.next - now);
        }
        assert!(pauses.iter().all(|pause| (96..=264).contains(&pause.as_millis())));
        assert_ne!(pauses[10], pauses[11]);
        assert!(pauses.iter().max() <= Some(&Duration::from_millis(500)));
    }

    #[test]
    fn a_round_trip_is_measured_only_when_it_is_unambiguous() {
        let mut rng = Seed::new([1; 32]).rng();
        let mut repetition = Repetition::new(Instant::ZERO);
        let later = Instant::ZERO + Duration::from_millis(30);
        assert_eq!(repetition.round_trip(later), None);
        repetition.note_sent(Instant::ZERO, &mut rng);
        assert_eq!(repetition.round_trip(later), Some(Duration::from_millis(30)));
        repetition.note_sent(later, &mut rng);
        assert_eq!(repetition.round_trip(later), None);
    }
}
