//! Invariants that hold in every run, checked from outside the cores.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use wire::time::{Duration, Instant};

use crate::network::{HostId, Packet};

/// Whether it is a PROBE, or an INIT as short as five of them: sent on the word of the server, and
/// some more for each probe that comes, so they have a limit of their own instead of the factor
/// three.
fn is_probe(bytes: &[u8]) -> bool {
    matches!((bytes[0], bytes.len()), (9, 40) | (5, 0..=200))
}

/// Whether it is DATA as long as a path challenge, or an answer to one, alone. A direct way is looked
/// for with these where nothing may have come from, so some may go beyond the factor three [W-115].
fn is_challenge(bytes: &[u8]) -> bool {
    matches!((bytes[0], bytes.len()), (8, 45))
}

/// Most bytes of probes to one unproven address in [`PROBE_PERIOD`]: three calls of 40 probes.
const MAX_PROBED: usize = 3 * 40 * 40;
/// Most bytes of challenges and answers beyond the factor three [W-68] in [`PROBE_PERIOD`]: in the five
/// rounds that begin in it, two challenges and two answers each [W-115].
const MAX_CHALLENGED: usize = 5 * 4 * 45;
/// The period of [`MAX_PROBED`] and [`MAX_CHALLENGED`].
const PROBE_PERIOD: Duration = Duration::from_secs(30);

/// Counts what hosts send to addresses that have not proven to receive it.
///
/// An address has proven it once a datagram comes, from wherever, that its sender sent after it had
/// received, at that very address, something from the host (RFC 9000 section 8.2.3). That is the
/// earliest moment at which any protocol could know, and the ledger knows it without reading the bytes.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<(HostId, SocketAddr), Account>,
    /// Since when a host has received from another under the address that the other wrote.
    reached: BTreeMap<(HostId, HostId, SocketAddr), Instant>,
    solicited: BTreeSet<(HostId, SocketAddr)>,
}

#[derive(Debug, Default)]
struct Account {
    received: u64,
    sent: u64,
    probes: Lately,
    challenges: Lately,
    proven: bool,
}

/// What was sent in the last [`PROBE_PERIOD`].
#[derive(Debug, Default)]
struct Lately(Vec<(Instant, usize)>);

impl Lately {
    /// So many bytes more; gives how many they are now.
    fn add(&mut self, now: Instant, bytes: usize) -> usize {
        self.0.retain(|(at, _)| now - *at < PROBE_PERIOD);
        self.0.push((now, bytes));
        self.0.iter().map(|(_, len)| len).sum()
    }
}

impl Ledger {
    /// The host's user told it to talk to this address (a client to its server): what it sends
    /// there is no answer to anybody and has no limit.
    pub fn solicit(&mut self, host: HostId, address: SocketAddr) {
        self.solicited.insert((host, address));
    }

    /// A datagram reached a host.
    pub fn received(&mut self, now: Instant, host: HostId, packet: &Packet) {
        let account = self.accounts.entry((host, packet.source)).or_default();
        account.received += packet.bytes.len() as u64;
        let Some(sender) = packet.origin.host else { return };
        let reached = self.reached.iter().filter(|((by, from, _), since)| {
            (*by, *from) == (sender, host) && **since <= packet.origin.sent
        });
        for ((_, _, address), _) in reached {
            self.accounts.entry((host, *address)).or_default().proven = true;
        }
        self.reached.entry((host, sender, packet.origin.addressed)).or_insert(now);
    }

    /// A host sent a datagram.
    ///
    /// # Panics
    /// When it has sent more to an unproven address than three times what came from there
    /// (RFC 9000 section 8.1).
    pub fn sent(&mut self, now: Instant, host: HostId, to: SocketAddr, bytes: &[u8]) {
        if self.solicited.contains(&(host, to)) {
            return;
        }
        let account = self.accounts.entry((host, to)).or_default();
        if account.proven {
            return;
        }
        if is_probe(bytes) {
            let probed = account.probes.add(now, bytes.len());
            assert!(
                probed <= MAX_PROBED,
                "{host:?} sent {probed} bytes of probes to unproven {to}"
            );
            return;
        }
        let (sent, received) = (account.sent + bytes.len() as u64, account.received);
        if sent > 3 * received && is_challenge(bytes) {
            let challenged = account.challenges.add(now, bytes.len());
            assert!(
                challenged <= MAX_CHALLENGED,
                "{host:?} sent {challenged} bytes of challenges to unproven {to}"
            );
            return;
        }
        account.sent = sent;
        assert!(
            sent <= 3 * received,
            "{host:?} sent {sent} bytes to unproven {to}, from where {received} came"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Origin;
    use wire::Ecn;

    const SERVER: HostId = HostId(0);
    const CLIENT: HostId = HostId(1);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn packet(host: Option<HostId>, sent: u64, from: &str, to: &str, len: usize) -> Packet {
        let (source, destination) = (address(from), address(to));
        let origin = Origin { host, sent: Instant::from_micros(sent), addressed: destination };
        Packet { source, destination, ecn: Ecn::NotCapable, bytes: vec![0; len], origin }
    }

    #[test]
    fn an_address_that_answers_has_no_limit() {
        let mut ledger = Ledger::default();
        let at = Instant::from_micros;
        ledger.received(at(10), SERVER, &packet(Some(CLIENT), 5, "10.0.0.2:1", "10.0.0.1:1", 100));
        ledger.sent(at(10), SERVER, address("10.0.0.2:1"), &[0; 300]);
        ledger.received(at(20), CLIENT, &packet(Some(SERVER), 10, "10.0.0.1:1", "10.0.0.2:1", 300));
        ledger.received(at(30), SERVER, &packet(Some(CLIENT), 21, "10.0.0.2:1", "10.0.0.1:1", 1));
        ledger.sent(at(30), SERVER, address("10.0.0.2:1"), &[0; 9000]);
    }

    #[test]
    #[should_panic(expected = "unproven")]
    fn a_forged_source_proves_nothing() {
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            ledger.received(Instant::ZERO, SERVER, &packet(None, 0, "10.0.0.9:1", "10.0.0.1:1", 9));
        }
        ledger.sent(Instant::ZERO, SERVER, address("10.0.0.9:1"), &[0; 81]);
        ledger.sent(Instant::ZERO, SERVER, address("10.0.0.9:1"), &[0; 1]);
    }

    #[test]
    #[should_panic(expected = "unproven")]
    fn a_datagram_sent_before_ours_arrived_proves_nothing() {
        let mut ledger = Ledger::default();
        let at = Instant::from_micros;
        ledger.received(at(10), SERVER, &packet(Some(CLIENT), 5, "10.0.0.2:1", "10.0.0.1:1", 100));
        ledger.received(at(20), CLIENT, &packet(Some(SERVER), 10, "10.0.0.1:1", "10.0.0.2:1", 300));
        ledger.received(at(30), SERVER, &packet(Some(CLIENT), 19, "10.0.0.2:1", "10.0.0.1:1", 1));
        ledger.sent(at(30), SERVER, address("10.0.0.2:1"), &[0; 304]);
    }

    #[test]
    #[should_panic(expected = "4820 bytes of probes to unproven")]
    fn probes_have_a_limit_of_their_own() {
        let mut ledger = Ledger::default();
        let (mut probe, mut init) = ([0; 40], [0; 180]);
        (probe[0], init[0]) = (9, 5);
        for _ in 0..116 {
            ledger.sent(Instant::ZERO, CLIENT, address("10.0.0.9:1"), &probe);
        }
        ledger.sent(Instant::ZERO, CLIENT, address("10.0.0.9:1"), &init);
    }

    #[test]
    #[should_panic(expected = "sent 945 bytes of challenges to unproven")]
    fn challenges_have_a_limit_beyond_the_factor_three() {
        let mut ledger = Ledger::default();
        ledger.received(Instant::ZERO, CLIENT, &packet(None, 0, "10.0.0.9:1", "10.0.0.2:1", 45));
        let mut challenge = [0; 45];
        challenge[0] = 8;
        for _ in 0..3 + 21 {
            ledger.sent(Instant::ZERO, CLIENT, address("10.0.0.9:1"), &challenge);
        }
    }

    #[test]
    #[should_panic(expected = "sent 1196 bytes to unproven")]
    fn a_filled_init_is_no_probe() {
        let mut ledger = Ledger::default();
        let mut init = [0; 1196];
        init[0] = 5;
        ledger.sent(Instant::ZERO, CLIENT, address("10.0.0.9:1"), &init);
    }
}
