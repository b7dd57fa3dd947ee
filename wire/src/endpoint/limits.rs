//! Limits on what strangers can make this endpoint do. All of fixed size: nothing here grows
//! with the number of senders (PROTOCOL.md, "Answering strangers").

use std::net::{IpAddr, SocketAddr};

use crate::time::{Duration, Instant};

/// Handshakes of one prefix that are computed: 20 per second, 5 at once (WireGuard's figures)
/// [W-26].
const HANDSHAKE_INTERVAL: Duration = Duration::from_millis(50);
const HANDSHAKE_BURST: u32 = 5;
/// RESETs to one prefix (RFC 9000 section 10.3.3 leaves the figure to us) [W-32].
const RESET_INTERVAL: Duration = Duration::from_millis(20);
/// RESETs in all: enough to tell ten thousand clients within five seconds of a restart.
const RESET_TOTAL_INTERVAL: Duration = Duration::from_micros(500);
const RESET_TOTAL_BURST: u32 = 200;

/// The window in which answered handshakes are counted.
const LOAD_WINDOW: Duration = Duration::from_millis(100);
/// More of them than this is load: from then on every INIT needs a token [W-25].
const LOAD_THRESHOLD: u32 = 128;
/// How long load is assumed to last after it was seen.
const LOAD_HOLD: Duration = Duration::from_secs(1);
/// Handshakes computed per window at all: about half of one core at 100 us each [W-27].
const WINDOW_BUDGET: u32 = 512;

/// Buckets in each of the two rows of a table.
const BUCKETS: usize = 4096;

/// All limits of an endpoint.
pub(super) struct Limits {
    handshakes: RateTable,
    resets: RateTable,
    resets_total: Bucket,
    window_start: Instant,
    window_count: u32,
    loaded_until: Instant,
}

/// Of which kind a token was: each draws from buckets of its own, so that a flood of fresh
/// strangers behind one address does not keep out those who were connected before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guest {
    /// Has shown an address token.
    New,
    /// Has shown a token of NEW_TOKEN.
    Returning,
}

impl Limits {
    /// Limits whose buckets are spread by `key`, which strangers do not know.
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self {
            handshakes: RateTable::new(key, HANDSHAKE_INTERVAL, HANDSHAKE_BURST),
            resets: RateTable::new(key, RESET_INTERVAL, 1),
            resets_total: Bucket(Instant::ZERO),
            window_start: Instant::ZERO,
            window_count: 0,
            loaded_until: Instant::ZERO,
        }
    }

    /// Whether every INIT needs a token now.
    pub(super) fn under_load(&self, now: Instant) -> bool {
        now < self.loaded_until
    }

    /// Whether a sender with a valid token may have a handshake computed. Asked only after the
    /// token is verified, so that nobody uses up another's share with a false source address.
    pub(super) fn allow_guest(&mut self, now: Instant, address: SocketAddr, guest: Guest) -> bool {
        let label = match guest {
            Guest::New => 0,
            Guest::Returning => 1,
        };
        self.handshakes.allow(now, address.ip(), label)
    }

    /// Whether any handshake may be computed now; counts it when it may.
    pub(super) fn allow_handshake(&mut self, now: Instant) -> bool {
        if now - self.window_start >= LOAD_WINDOW {
            (self.window_start, self.window_count) = (now, 0);
        }
        if self.window_count >= WINDOW_BUDGET {
            return false;
        }
        self.window_count += 1;
        if self.window_count > LOAD_THRESHOLD {
            self.loaded_until = now + LOAD_HOLD;
        }
        true
    }

    /// Whether a RESET may go to this address.
    pub(super) fn allow_reset(&mut self, now: Instant, address: SocketAddr) -> bool {
        self.resets.allow(now, address.ip(), 0)
            && self.resets_total.allow(now, RESET_TOTAL_INTERVAL, RESET_TOTAL_BURST)
    }
}

/// A token bucket as one time: that at which it will be full again (the "theoretical arrival
/// time" of the generic cell rate algorithm, ITU-T I.371).
#[derive(Clone, Copy, Debug)]
struct Bucket(Instant);

impl Bucket {
    fn allow(&mut self, now: Instant, interval: Duration, burst: u32) -> bool {
        let full = self.0.max(now);
        if full - now > interval * (burst - 1) {
            return false;
        }
        self.0 = full + interval;
        true
    }
}

/// Two rows of buckets, each spread by another hash of the prefix (a count-min sketch). A prefix
/// is refused only when both of its buckets are empty, so one collision does no harm; nothing is
/// ever evicted, so a flood of other prefixes never pardons an offender.
struct RateTable {
    key: [u8; 32],
    interval: Duration,
    burst: u32,
    /// Both rows, one after the other; empty until first used.
    buckets: Vec<Bucket>,
}

impl RateTable {
    const fn new(key: [u8; 32], interval: Duration, burst: u32) -> Self {
        Self { key, interval, burst, buckets: Vec::new() }
    }

    fn allow(&mut self, now: Instant, ip: IpAddr, label: u8) -> bool {
        if self.buckets.is_empty() {
            self.buckets = vec![Bucket(Instant::ZERO); 2 * BUCKETS];
        }
        let (a, b) = self.places(ip, label);
        // The fuller of the two counts: what others took from the emptier one is not ours.
        let mut own = Bucket(self.buckets[a].0.min(self.buckets[b].0));
        if !own.allow(now, self.interval, self.burst) {
            return false;
        }
        for place in [a, b] {
            self.buckets[place].0 = self.buckets[place].0.max(own.0);
        }
        true
    }

    /// The prefix's bucket in either row.
    fn places(&self, ip: IpAddr, label: u8) -> (usize, usize) {
        let mut message = [0; 10];
        message[0] = label;
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                message[1] = 4;
                message[2..6].copy_from_slice(&ip.octets());
            }
            // Whoever has one IPv6 address usually has a /64 of them.
            IpAddr::V6(ip) => {
                message[1] = 6;
                message[2..].copy_from_slice(&ip.octets()[..8]);
            }
        }
        let hash = blake3::keyed_hash(&self.key, &message);
        let [a, b, c, d, ..] = *hash.as_bytes();
        let place = |high, low| usize::from(u16::from_be_bytes([high, low])) % BUCKETS;
        (place(a, b), BUCKETS + place(c, d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(1_000_000 + millis)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn limits() -> Limits {
        Limits::new([1; 32])
    }

    /// How many of `tries` at one instant are allowed.
    fn allowed(limits: &mut Limits, now: Instant, from: &str, guest: Guest, tries: usize) -> usize {
        (0..tries).filter(|_| limits.allow_guest(now, address(from), guest)).count()
    }

    /// [W-26]
    #[test]
    fn a_prefix_gets_five_at_once_and_twenty_per_second() {
        let mut limits = limits();
        assert_eq!(allowed(&mut limits, at(0), "192.0.2.1:1", Guest::New, 100), 5);
        assert_eq!(allowed(&mut limits, at(0), "192.0.2.1:2", Guest::New, 100), 0, "other port");
        assert_eq!(allowed(&mut limits, at(0), "192.0.2.2:1", Guest::New, 100), 5, "other host");
        assert_eq!(allowed(&mut limits, at(0), "192.0.2.1:1", Guest::Returning, 100), 5);
        let over_a_second: usize =
            (1..=1000).map(|ms| allowed(&mut limits, at(ms), "192.0.2.1:1", Guest::New, 3)).sum();
        assert_eq!(over_a_second, 20);
    }

    /// B11: [W-26]
    #[test]
    fn a_whole_ipv6_subnet_is_one() {
        let mut limits = limits();
        let many: usize = (0..10_000)
            .map(|host| {
                let from = format!("[2001:db8::{host:x}]:4000");
                allowed(&mut limits, at(0), &from, Guest::New, 1)
            })
            .sum();
        assert_eq!(many, 5);
    }

    /// B12: an offender stays limited while others flood the table.
    #[test]
    fn a_flood_of_prefixes_does_not_pardon_an_offender() {
        let mut limits = limits();
        assert_eq!(allowed(&mut limits, at(0), "192.0.2.1:1", Guest::New, 9), 5);
        for host in 0..100_000_u32 {
            let [_, a, b, c] = host.to_be_bytes();
            let _ = limits.allow_guest(at(0), address(&format!("10.{a}.{b}.{c}:1")), Guest::New);
        }
        assert_eq!(allowed(&mut limits, at(0), "192.0.2.1:1", Guest::New, 9), 0);
        assert_eq!(limits.handshakes.buckets.len(), 2 * BUCKETS, "the size is fixed");
    }

    /// [W-25], [W-27]
    #[test]
    fn many_handshakes_are_load_and_load_passes() {
        let mut limits = limits();
        let answered = (0..10_000).filter(|_| limits.allow_handshake(at(0))).count();
        assert_eq!(answered, WINDOW_BUDGET as usize);
        assert!(limits.under_load(at(999)) && !limits.under_load(at(1000)));
        assert!(limits.allow_handshake(at(100)), "the next window");
        assert!(!self::limits().under_load(at(0)));
    }

    /// B15: [W-32]
    #[test]
    fn resets_are_twenty_milliseconds_apart() {
        let mut limits = limits();
        let sent: Vec<u64> =
            (0..100).filter(|ms| limits.allow_reset(at(*ms), address("192.0.2.1:1"))).collect();
        assert_eq!(sent, [0, 20, 40, 60, 80]);
        let to_many = (0..10_000_u32)
            .filter(|host| {
                let [_, _, a, b] = host.to_be_bytes();
                limits.allow_reset(at(200), address(&format!("10.0.{a}.{b}:1")))
            })
            .count();
        assert_eq!(to_many, RESET_TOTAL_BURST as usize);
    }
}
