//! Where the other side is, and proof of it (PROTOCOL.md, "Paths"; RFC 9000 sections 8.2 and 9).
//!
//! Data goes on to the old address until the new one has answered a challenge: whoever copies
//! packets from a false address gains nothing but challenges (E11).

use std::net::SocketAddr;

use crate::relay::is_relayed;
use crate::time::{Duration, Instant};

/// Challenges to one address before it is given up.
const MAX_CHALLENGES: u32 = 4;
/// Bytes sent to an unvalidated address, per byte received from it (RFC 9000 section 8.1).
const AMPLIFICATION: u64 = 3;
/// What counts as received from an address that this side tests of its own accord [W-115]: for two
/// challenges, and answers to the other side's.
const OWN_CREDIT: u64 = 64;
/// A direct way over which nothing has come for so long, or two probe time-outs if that is longer, is
/// left when the other side is heard through the server.
const SILENT: Duration = Duration::from_millis(500);

/// What a packet says about where the other side is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recency {
    /// That it is there: the packet is the newest so far.
    Newest,
    /// Nothing: an old one, which arrives late.
    Older,
    /// Nothing: a challenge or an answer to one, which goes wherever the other side may be or come to
    /// (RFC 9000 section 9.1).
    Probing,
}

/// The other side has a new address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Another host or network: what was learned about the old path does not hold.
    Elsewhere {
        /// The round trip that the challenge measured.
        rtt: Option<Duration>,
    },
    /// Only the port has changed: a NAT has rebound, the path is the same (section 9.4).
    SamePath {
        /// How long nothing had come from there before it came from here.
        silence: Duration,
    },
    /// Back to the path that was used until just now.
    Back,
}

/// A new address under test.
#[derive(Debug)]
struct Candidate {
    address: SocketAddr,
    /// Bytes received from it and sent to it.
    received: u64,
    sent: u64,
    challenge: Challenge,
    /// What the challenges carried, and when they went. The answer to any of them counts: the
    /// new path may be longer than the pause between two.
    sent_challenges: Vec<([u8; 8], Instant)>,
    rounds: u32,
    /// When the next round begins, or the address is given up.
    deadline: Instant,
    reason: Reason,
    /// How long nothing had come over the path in use when this test began.
    silence: Duration,
}

/// Why an address is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// The other side was heard from there.
    Heard,
    /// This side looks for another way.
    Own,
}

/// Whether this round's challenge has gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Challenge {
    Wanted,
    Sent,
}

impl Candidate {
    /// Whether news from the path in use ends the test. While this side looks for a direct way, the
    /// server's works.
    fn is_needless(&self) -> bool {
        self.reason == Reason::Heard || is_relayed(self.address)
    }

    /// Whether so many more bytes may go to the address before it has answered.
    const fn has_room(&self, size: u64) -> bool {
        self.sent + size <= self.received.saturating_mul(AMPLIFICATION)
    }
}

/// The paths of a connection: one in use, at most one under test, at most one just left.
#[derive(Debug)]
pub(crate) struct Paths {
    active: SocketAddr,
    /// When an authentic packet last came from there.
    heard: Instant,
    candidate: Option<Candidate>,
    /// The address before, and until when a return to it needs no proof.
    previous: Option<(SocketAddr, Instant)>,
}

impl Paths {
    /// The path that the handshake has validated: its messages went both ways over it.
    pub(crate) const fn new(now: Instant, active: SocketAddr) -> Self {
        Self { active, heard: now, candidate: None, previous: None }
    }

    pub(crate) const fn active(&self) -> SocketAddr {
        self.active
    }

    /// An authenticated packet of `size` bytes came from `address` [W-67].
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        address: SocketAddr,
        size: u64,
        recency: Recency,
        retry: Duration,
    ) -> Option<Moved> {
        if address == self.active {
            self.heard = now;
            if recency == Recency::Newest {
                self.candidate.take_if(|candidate| candidate.is_needless());
            }
            return None;
        }
        if let Some(candidate) = self.candidate.as_mut().filter(|c| c.address == address) {
            candidate.received = candidate.received.saturating_add(size);
            return None;
        }
        if recency != Recency::Newest {
            return None;
        }
        if is_relayed(address) && !is_relayed(self.active) {
            return self.follow_to_relay(now, address, retry);
        }
        if let Some((previous, until)) = self.previous
            && previous == address
            && now < until
        {
            self.previous = Some((self.active, until));
            self.active = address;
            self.heard = now;
            self.candidate = None;
            return Some(Moved::Back);
        }
        self.candidate = Some(Candidate {
            address,
            received: size,
            sent: 0,
            challenge: Challenge::Wanted,
            sent_challenges: Vec::new(),
            rounds: 1,
            deadline: now + retry,
            reason: Reason::Heard,
            silence: now - self.heard,
        });
        None
    }

    /// News came through the server: the other side has left the direct way, or is about to take it.
    /// The first if nothing has come over it for a while [W-114].
    fn follow_to_relay(
        &mut self,
        now: Instant,
        address: SocketAddr,
        retry: Duration,
    ) -> Option<Moved> {
        if now - self.heard < SILENT.max(retry * 2) {
            return None;
        }
        self.candidate = None;
        self.previous = None;
        self.active = address;
        self.heard = now;
        Some(Moved::Elsewhere { rtt: None })
    }

    /// Begins a test of another way that this side has chosen, if none is under test.
    pub(crate) fn test(&mut self, now: Instant, address: SocketAddr, retry: Duration) {
        if self.candidate.is_some() || address == self.active {
            return;
        }
        // The server sends nothing to anybody who has not asked for it.
        let relayed = is_relayed(address);
        self.candidate = Some(Candidate {
            address,
            received: if relayed { u64::MAX } else { OWN_CREDIT },
            sent: 0,
            challenge: Challenge::Wanted,
            sent_challenges: Vec::new(),
            rounds: if relayed { 1 } else { MAX_CHALLENGES - 1 },
            deadline: now + retry,
            reason: Reason::Own,
            // This side has chosen it, no NAT.
            silence: Duration::ZERO,
        });
    }

    /// The way through the server is none any more.
    pub(crate) fn forget_relay(&mut self) {
        self.candidate.take_if(|candidate| is_relayed(candidate.address));
    }

    /// Whether an address is under test.
    pub(crate) const fn is_testing(&self) -> bool {
        self.candidate.is_some()
    }

    /// The address to which a challenge in a datagram of `size` bytes may go now [W-68].
    pub(crate) fn wants_challenge(&self, size: u64) -> Option<SocketAddr> {
        let wanted = |c: &&Candidate| matches!(c.challenge, Challenge::Wanted) && c.has_room(size);
        self.candidate.as_ref().filter(wanted).map(|c| c.address)
    }

    /// The challenge was sent; it carried `data`, fresh and random.
    pub(crate) fn on_challenge_sent(&mut self, now: Instant, data: [u8; 8], size: u64) {
        if let Some(candidate) = &mut self.candidate {
            candidate.sent += size;
            candidate.challenge = Challenge::Sent;
            candidate.sent_challenges.push((data, now));
        }
    }

    /// Whether an answer of `size` bytes to a challenge from `address` may go there. It then
    /// counts against what else may.
    pub(crate) fn admits_response(&mut self, address: SocketAddr, size: u64) -> bool {
        let Some(candidate) = self.candidate.as_mut().filter(|c| c.address == address) else {
            return true;
        };
        let admitted = candidate.has_room(size);
        if admitted {
            candidate.sent += size;
        }
        admitted
    }

    /// When the next challenge, or giving up, is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.candidate.as_ref().map(|candidate| candidate.deadline)
    }

    /// The deadline has come: one more challenge, with twice the patience, or no more [W-69].
    pub(crate) fn on_timeout(&mut self, now: Instant, retry: Duration) {
        let Some(candidate) = self.candidate.as_mut().filter(|c| c.deadline <= now) else { return };
        if candidate.rounds == MAX_CHALLENGES {
            self.candidate = None;
            return;
        }
        candidate.challenge = Challenge::Wanted;
        candidate.deadline = now + retry * 2u32.pow(candidate.rounds);
        candidate.rounds += 1;
    }

    /// A PATH_RESPONSE came, over whichever path. The old path is kept for `keep` [W-70].
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        data: [u8; 8],
        keep: Duration,
    ) -> Option<Moved> {
        let sent = self.candidate.as_ref()?.sent_challenges.iter();
        let sent_at = sent.copied().find_map(|(expected, at)| (expected == data).then_some(at))?;
        let candidate = self.candidate.take()?;
        // This side has left a direct way since nothing came back over it: what comes has to show more.
        self.previous = (!is_relayed(candidate.address)).then_some((self.active, now + keep));
        let moved = if candidate.address.ip() == self.active.ip() {
            Moved::SamePath { silence: candidate.silence }
        } else {
            Moved::Elsewhere { rtt: Some(now - sent_at) }
        };
        self.active = candidate.address;
        self.heard = now;
        Some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Duration = Duration::from_millis(300);
    const KEEP: Duration = Duration::from_millis(900);
    const SIZE: u64 = 60;

    fn address(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], port))
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// A packet comes; a challenge goes out if it may.
    fn packet(paths: &mut Paths, millis: u64, from: SocketAddr) -> Option<SocketAddr> {
        assert_eq!(paths.on_packet(at(millis), from, 40, Recency::Newest, RETRY), None);
        challenge(paths, millis)
    }

    fn challenge(paths: &mut Paths, millis: u64) -> Option<SocketAddr> {
        let to = paths.wants_challenge(SIZE)?;
        paths.on_challenge_sent(at(millis), [7; 8], SIZE);
        Some(to)
    }

    /// [W-67]
    #[test]
    fn an_answered_challenge_moves_and_a_wrong_answer_does_not() {
        let mut paths = Paths::new(at(0), address(1, 1));
        assert_eq!(packet(&mut paths, 0, address(2, 1)), Some(address(2, 1)));
        assert_eq!(paths.active(), address(1, 1), "data stays on the old path");
        assert_eq!(paths.on_response(at(40), [8; 8], KEEP), None);
        let rtt = Some(Duration::from_millis(40));
        assert_eq!(paths.on_response(at(40), [7; 8], KEEP), Some(Moved::Elsewhere { rtt }));
        assert_eq!(paths.active(), address(2, 1));
        assert_eq!(paths.on_response(at(41), [7; 8], KEEP), None, "once");
    }

    /// [W-69]: the first challenge's answer comes after the second challenge has gone.
    #[test]
    fn a_path_longer_than_the_pause_between_challenges_is_found() {
        let mut paths = Paths::new(at(0), address(1, 1));
        packet(&mut paths, 0, address(2, 1));
        paths.on_timeout(at(300), RETRY);
        assert_eq!(paths.wants_challenge(SIZE), Some(address(2, 1)));
        paths.on_challenge_sent(at(300), [8; 8], SIZE);
        let rtt = Some(Duration::from_millis(400));
        assert_eq!(paths.on_response(at(400), [7; 8], KEEP), Some(Moved::Elsewhere { rtt }));
    }

    /// [W-70]
    #[test]
    fn a_change_of_port_keeps_the_path() {
        let mut paths = Paths::new(at(0), address(1, 1));
        packet(&mut paths, 30, address(1, 2));
        let silence = Duration::from_millis(30);
        assert_eq!(paths.on_response(at(70), [7; 8], KEEP), Some(Moved::SamePath { silence }));
    }

    #[test]
    fn an_old_packet_from_elsewhere_is_no_move() {
        let mut paths = Paths::new(at(0), address(1, 1));
        paths.on_packet(at(0), address(2, 1), 100, Recency::Older, RETRY);
        assert_eq!(paths.wants_challenge(SIZE), None);
    }

    /// [W-68] [W-69], E11: a false address gets at most three times what came from it.
    #[test]
    fn a_silent_address_gets_few_challenges_and_is_forgotten() {
        let mut paths = Paths::new(at(0), address(1, 1));
        let (mut received, mut sent) = (0, 0);
        for millis in 0..5000 {
            if millis % 700 == 0 {
                paths.on_packet(at(millis), address(66, 1), 21, Recency::Newest, RETRY);
                received += 21;
            }
            if challenge(&mut paths, millis).is_some() {
                sent += SIZE;
            }
            paths.on_timeout(at(millis), RETRY);
            assert!(sent <= 3 * received, "{sent} to {received} after {millis} ms");
        }
        assert!(sent > 0);
        assert_eq!(paths.active(), address(1, 1));
        for millis in 5000..5000 + 300 * (1 << MAX_CHALLENGES) {
            challenge(&mut paths, millis);
            paths.on_timeout(at(millis), RETRY);
        }
        assert_eq!(paths.deadline(), None, "given up");
    }

    #[test]
    fn a_newer_packet_from_the_true_address_ends_the_test_of_the_false_one() {
        let mut paths = Paths::new(at(0), address(1, 1));
        packet(&mut paths, 0, address(66, 1));
        packet(&mut paths, 1, address(1, 1));
        assert_eq!(paths.on_response(at(2), [7; 8], KEEP), None);
        assert_eq!(paths.deadline(), None);
    }

    #[test]
    fn back_to_the_previous_path_without_proof_for_a_while() {
        for (millis, expected) in [(800, Some(Moved::Back)), (1000, None)] {
            let mut paths = Paths::new(at(0), address(1, 1));
            packet(&mut paths, 0, address(2, 1));
            paths.on_response(at(40), [7; 8], KEEP);
            let moved = paths.on_packet(at(millis), address(1, 1), 40, Recency::Newest, RETRY);
            assert_eq!(moved, expected);
        }
    }

    /// [W-67]: who challenges has not moved yet; and whose NAT has a port for each of this side's addresses is
    /// challenged from all of them.
    #[test]
    fn a_challenge_or_an_answer_is_no_move() {
        let mut paths = Paths::new(at(0), address(1, 1));
        assert_eq!(paths.on_packet(at(0), address(2, 1), 45, Recency::Probing, RETRY), None);
        assert_eq!(challenge(&mut paths, 0), None);
        assert_eq!(packet(&mut paths, 1, address(2, 2)), Some(address(2, 2)));
        assert_eq!(paths.on_packet(at(2), address(2, 1), 45, Recency::Probing, RETRY), None);
        assert!(matches!(paths.on_response(at(3), [7; 8], KEEP), Some(Moved::Elsewhere { .. })));
        assert_eq!(paths.active(), address(2, 2));
    }

    /// [W-114]
    #[test]
    fn the_server_is_followed_to_when_the_direct_way_is_silent_and_not_before() {
        let relay = crate::relay::place(0);
        let mut paths = Paths::new(at(0), address(1, 1));
        assert_eq!(paths.on_packet(at(590), relay, 40, Recency::Newest, RETRY), None);
        assert_eq!(challenge(&mut paths, 590), None);
        assert_eq!(paths.on_packet(at(600), relay, 40, Recency::Older, RETRY), None);
        let moved = paths.on_packet(at(600), relay, 40, Recency::Newest, RETRY);
        assert_eq!(moved, Some(Moved::Elsewhere { rtt: None }));
        assert_eq!(paths.active(), relay);
        // What comes directly is tested as ever.
        assert_eq!(packet(&mut paths, 700, address(1, 1)), Some(address(1, 1)));
    }

    /// [W-114], [W-115]
    #[test]
    fn a_test_of_its_own_ends_by_an_answer_or_in_silence() {
        let relay = crate::relay::place(0);
        let mut paths = Paths::new(at(0), relay);
        paths.test(at(0), address(1, 1), RETRY);
        assert_eq!(challenge(&mut paths, 0), Some(address(1, 1)));
        assert_eq!(paths.on_packet(at(1), relay, 40, Recency::Newest, RETRY), None);
        assert!(paths.is_testing(), "the way through the server says nothing about others");
        paths.on_timeout(at(300), RETRY);
        assert_eq!(challenge(&mut paths, 300), Some(address(1, 1)));
        paths.on_timeout(at(5000), RETRY);
        assert!(!paths.is_testing());
        let mut paths = Paths::new(at(0), address(1, 1));
        paths.test(at(0), relay, RETRY);
        assert_eq!(packet(&mut paths, 1, address(1, 1)), None);
        assert!(!paths.is_testing(), "the direct way is there again");
    }
}
