//! What the server carries between two clients who find no direct way (wire/PROTOCOL.md,
//! "Relaying"): legs, rates, and the datagrams that wait to be sent on.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_core::RngCore;
use wire::relay::{Holder, Leg, LegGrant, Refused, leg_of};
use wire::time::Instant;
use wire::{Ecn, Secret, Transmit};

use crate::config::Relaying;

/// Most legs of one session. A client with more talks to so many at once that the oldest have long
/// found another way or none.
const MAX_LEGS: usize = 32;
/// Most datagrams that wait to be sent on. What finds no room is lost, as in a router.
const MAX_WAITING: usize = 1024;
/// Most bytes of one send with segmentation offload.
const MAX_BURST_BYTES: usize = 65_000;
/// A session may send at once what its rate allows in this part of a second...
const BURST_PART: u64 = 4;
/// ...and no less than this: a burst of the transport, twice.
const MIN_BURST: u64 = 128 << 10;

/// What was relayed since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Datagrams sent on.
    pub datagrams: u64,
    /// Their bytes, without headers.
    pub bytes: u64,
    /// Dropped, as they were over a session's rate or too many waited.
    pub limited: u64,
    /// Dropped, as they belonged to no leg, were forged, or came again.
    pub refused: u64,
}

/// All legs of all sessions `S`.
pub(crate) struct Relays<S> {
    policy: Relaying,
    legs: BTreeMap<u32, Half<S>>,
    sessions: BTreeMap<S, Sender>,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    relayed: Relayed,
}

/// One side of a relayed call.
struct Half<S> {
    session: S,
    /// The leg of the other side.
    other: u32,
    leg: Leg,
}

/// A session that has legs.
struct Sender {
    /// The oldest first.
    legs: VecDeque<u32>,
    /// Bytes that it may send now, and since when.
    tokens: u64,
    filled: Instant,
}

impl<S: Copy + Ord> Relays<S> {
    pub(crate) const fn new(policy: Relaying) -> Self {
        Self {
            policy,
            legs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            waiting: VecDeque::new(),
            relayed: Relayed { datagrams: 0, bytes: 0, limited: 0, refused: 0 },
        }
    }

    /// Legs for two sessions that are introduced to each other; `None` when nothing is relayed here.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        rng: &mut impl RngCore,
        sessions: [S; 2],
    ) -> Option<[LegGrant; 2]> {
        let Relaying::UpTo { bytes_per_second } = self.policy else { return None };
        let first = self.free_number(rng, None);
        let numbers = [first, self.free_number(rng, Some(first))];
        let grants = numbers.map(|leg| {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            LegGrant { leg, key: Secret::new(key) }
        });
        for side in [0, 1] {
            let (session, other) = (sessions[side], numbers[1 - side]);
            let leg = Leg::new(&grants[side], Holder::Server);
            self.legs.insert(numbers[side], Half { session, other, leg });
            let sender = self.sessions.entry(session).or_insert_with(|| Sender {
                legs: VecDeque::new(),
                tokens: burst(bytes_per_second),
                filled: now,
            });
            sender.legs.push_back(numbers[side]);
            if sender.legs.len() > MAX_LEGS
                && let Some(oldest) = sender.legs.front().copied()
            {
                self.close_pair(oldest);
            }
        }
        Some(grants)
    }

    /// A session has ended, and all its legs with it.
    pub(crate) fn close_session(&mut self, session: S) {
        while let Some(leg) = self.sessions.get(&session).and_then(|it| it.legs.front().copied()) {
            self.close_pair(leg);
        }
        self.sessions.remove(&session);
    }

    /// Two sessions are to have nothing to do with each other any more.
    pub(crate) fn close_between(&mut self, one: S, other: S) {
        let Some(sender) = self.sessions.get(&one) else { return };
        let is_between = |leg: &&u32| {
            let pair = self.legs.get(leg).and_then(|half| self.legs.get(&half.other));
            pair.is_some_and(|half| half.session == other)
        };
        let between: Vec<u32> = sender.legs.iter().filter(is_between).copied().collect();
        for leg in between {
            self.close_pair(leg);
        }
    }

    /// Takes a RELAY datagram [W-112]. `address_of` says where a session is.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        address_of: impl FnOnce(S) -> Option<SocketAddr>,
    ) {
        match self.forward(now, datagram, address_of) {
            Ok(()) => {}
            Err(Dropped::Refused) => self.relayed.refused += 1,
            Err(Dropped::Limited) => self.relayed.limited += 1,
        }
    }

    /// The next datagrams for one client.
    pub(crate) fn poll_transmit(
        &mut self,
        buffer: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        let (destination, first) = self.waiting.pop_front()?;
        buffer.clear();
        buffer.extend_from_slice(&first);
        let segment_size = first.len();
        for _ in 1..max_datagrams {
            let fits = |(to, next): &mut (SocketAddr, Vec<u8>)| {
                let room = buffer.len() + next.len() <= MAX_BURST_BYTES;
                *to == destination && next.len() <= segment_size && room
            };
            let Some((_, next)) = self.waiting.pop_front_if(fits) else { break };
            buffer.extend_from_slice(&next);
            if next.len() < segment_size {
                break;
            }
        }
        Some(Transmit { destination, segment_size, ecn: Ecn::NotCapable })
    }

    pub(crate) const fn relayed(&self) -> Relayed {
        self.relayed
    }

    /// How many datagrams wait, for tests of the limits.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn forward(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        address_of: impl FnOnce(S) -> Option<SocketAddr>,
    ) -> Result<(), Dropped> {
        let number = leg_of(datagram).ok_or(Dropped::Refused)?;
        let half = self.legs.get_mut(&number).ok_or(Dropped::Refused)?;
        let (session, other) = (half.session, half.other);
        let carried = half.leg.open(datagram)?;
        self.take_tokens(now, session, carried.len() as u64)?;
        let to = self.legs.get_mut(&other).ok_or(Dropped::Refused)?;
        let address = address_of(to.session).ok_or(Dropped::Refused)?;
        if self.waiting.len() >= MAX_WAITING {
            return Err(Dropped::Limited);
        }
        self.waiting.push_back((address, [to.leg.seal().as_slice(), carried].concat()));
        self.relayed.datagrams += 1;
        self.relayed.bytes += carried.len() as u64;
        Ok(())
    }

    /// Each session has a rate of its own, whomever it sends to.
    fn take_tokens(&mut self, now: Instant, session: S, bytes: u64) -> Result<(), Dropped> {
        let Relaying::UpTo { bytes_per_second } = self.policy else { return Err(Dropped::Refused) };
        let sender = self.sessions.get_mut(&session).ok_or(Dropped::Refused)?;
        let micros = u64::try_from((now - sender.filled).as_micros()).unwrap_or(u64::MAX);
        let gained = bytes_per_second.saturating_mul(micros) / 1_000_000;
        // What is less than a byte is kept for the next time.
        if gained > 0 {
            sender.tokens = (sender.tokens.saturating_add(gained)).min(burst(bytes_per_second));
            sender.filled = now;
        }
        sender.tokens = sender.tokens.checked_sub(bytes).ok_or(Dropped::Limited)?;
        Ok(())
    }

    fn close_pair(&mut self, leg: u32) {
        let Some(half) = self.legs.remove(&leg) else { return };
        let other = self.legs.remove(&half.other);
        for (leg, half) in [(leg, Some(&half)), (half.other, other.as_ref())] {
            if let Some(sender) = half.and_then(|half| self.sessions.get_mut(&half.session)) {
                sender.legs.retain(|one| *one != leg);
            }
        }
    }

    fn free_number(&self, rng: &mut impl RngCore, other: Option<u32>) -> u32 {
        loop {
            let number = rng.next_u32();
            if !self.legs.contains_key(&number) && other != Some(number) {
                return number;
            }
        }
    }
}

/// Why a datagram was not sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    Refused,
    Limited,
}

impl From<Refused> for Dropped {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

/// Most bytes that a session sends at once.
fn burst(bytes_per_second: u64) -> u64 {
    (bytes_per_second / BURST_PART).max(MIN_BURST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Seed;
    use wire::time::Duration;

    const RATE: u64 = 1_000_000;

    /// Two or more sessions, each at an address of its own.
    struct Stage {
        relays: Relays<u64>,
        now: Instant,
    }

    fn address(session: u64) -> Option<SocketAddr> {
        Some(SocketAddr::from(([192, 0, 2, session as u8], 4000)))
    }

    impl Stage {
        fn new() -> Self {
            let relays = Relays::new(Relaying::UpTo { bytes_per_second: RATE });
            Self { relays, now: Instant::ZERO }
        }

        fn open(&mut self, sessions: [u64; 2]) -> [Leg; 2] {
            let mut rng = Seed::new([sessions[1] as u8; 32]).rng();
            let grants = self.relays.open(self.now, &mut rng, sessions).unwrap();
            grants.map(|grant| Leg::new(&grant, Holder::Client))
        }

        fn send(&mut self, leg: &mut Leg, carried: &[u8]) {
            let mut datagram = [leg.seal().as_slice(), carried].concat();
            self.relays.handle_datagram(self.now, &mut datagram, address);
        }

        fn sent(&mut self) -> Vec<(Option<SocketAddr>, Vec<u8>)> {
            let mut buffer = Vec::new();
            let mut sent = Vec::new();
            while let Some(transmit) = self.relays.poll_transmit(&mut buffer, 64) {
                let datagrams = buffer.chunks(transmit.segment_size);
                sent.extend(datagrams.map(|one| (Some(transmit.destination), one.to_vec())));
            }
            sent
        }
    }

    #[test]
    fn what_one_side_says_reaches_the_other_where_its_session_is() {
        let mut stage = Stage::new();
        let [mut one, mut two] = stage.open([1, 2]);
        stage.send(&mut one, b"there");
        stage.send(&mut two, b"back");
        let mut sent = stage.sent();
        assert_eq!((sent[0].0, sent[1].0), (address(2), address(1)));
        assert_eq!(two.open(&mut sent[0].1).unwrap(), b"there");
        assert_eq!(one.open(&mut sent[1].1).unwrap(), b"back");
        assert_eq!(
            stage.relays.relayed(),
            Relayed { datagrams: 2, bytes: 9, ..Relayed::default() }
        );
    }

    /// F04, F05: [W-112]
    #[test]
    fn what_belongs_to_no_leg_goes_nowhere() {
        let mut stage = Stage::new();
        let [mut one, _two] = stage.open([1, 2]);
        let mut again = [one.seal().as_slice(), b"once"].concat();
        stage.relays.handle_datagram(stage.now, &mut again.clone(), address);
        stage.relays.handle_datagram(stage.now, &mut again, address);
        let strange = LegGrant { leg: 77, key: Secret::new([1; 32]) };
        stage.send(&mut Leg::new(&strange, Holder::Client), b"of nobody");
        stage.relays.handle_datagram(stage.now, &mut [11; 20], address);
        stage.relays.close_session(2);
        stage.send(&mut one, b"to one who left");
        assert_eq!(stage.sent().len(), 1);
        assert_eq!(stage.relays.relayed().refused, 4);
        assert!(stage.relays.legs.is_empty());
        stage.relays.close_session(1);
        assert!(stage.relays.sessions.is_empty());
    }

    #[test]
    fn who_is_blocked_is_relayed_no_more_and_others_are() {
        let mut stage = Stage::new();
        let [mut blocked, _] = stage.open([1, 2]);
        let [mut friend, _] = stage.open([3, 2]);
        stage.relays.close_between(2, 1);
        stage.send(&mut blocked, b"no");
        stage.send(&mut friend, b"yes");
        assert_eq!((stage.sent().len(), stage.relays.relayed().refused), (1, 1));
    }

    /// F07: [W-112]
    #[test]
    fn one_who_sends_too_much_takes_nothing_from_others() {
        let mut stage = Stage::new();
        let [mut greedy, _] = stage.open([1, 2]);
        let [mut modest, _] = stage.open([3, 4]);
        let (mut much, mut little) = (0, 0);
        for millis in 0..10_000_u64 {
            stage.now = Instant::from_micros(millis * 1000);
            for _ in 0..10 {
                stage.send(&mut greedy, &[0; 1000]);
            }
            stage.send(&mut modest, &[0; 900]);
            for (to, datagram) in stage.sent() {
                let count = if to == address(4) { &mut little } else { &mut much };
                *count += datagram.len() as u64 - 32;
            }
        }
        assert_eq!(little, 9_000_000, "all of it");
        assert!((10 * RATE..=10 * RATE + burst(RATE)).contains(&much), "{much}");
        assert!(stage.relays.relayed().limited > 0);
    }

    #[test]
    fn what_waits_is_bounded_and_so_are_the_legs() {
        let mut stage = Stage::new();
        let [mut one, _] = stage.open([1, 2]);
        for second in 0..100 {
            stage.now = Instant::ZERO + Duration::from_secs(second);
            for _ in 0..100 {
                stage.send(&mut one, b"x");
            }
        }
        assert_eq!(stage.relays.waiting(), MAX_WAITING);
        for _ in 0..1000 {
            let _ = stage.open([1, 2]);
        }
        assert_eq!(stage.relays.legs.len(), 2 * MAX_LEGS);
        let mut rng = Seed::new([1; 32]).rng();
        assert_eq!(Relays::new(Relaying::Off).open(stage.now, &mut rng, [1, 2]), None);
    }
}
