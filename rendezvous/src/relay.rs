//! What the server carries between two clients who find no direct way (wire/PROTOCOL.md,
//! "Relaying"): legs, rates, and the datagrams that wait to be sent on.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_core::RngCore;
use wire::relay::{HEADER_LEN, Holder, Leg, LegGrant, Refused, leg_of};
use wire::time::{Duration, Instant};
use wire::{Ecn, Secret, Transmit};

use crate::config::Relaying;

/// Most legs of one session: where there are more, that goes which was used least of late.
const MAX_LEGS: usize = 32;
/// Most of two sessions with each other: for the connection that is up, and for one that is being set up.
const MAX_LEGS_OF_PAIR: usize = 2;
/// Most datagrams that wait to be sent on, and most of one session. What finds no room is lost, as in a
/// router.
const MAX_WAITING: usize = 1024;
const MAX_WAITING_OF_ONE: usize = 256;
/// The least that a datagram may carry: a RESET. What is shorter would cost more than it says.
const MIN_CARRIED: usize = 36;
/// What a datagram costs beside what it carries: its header, and those of UDP and IP.
const OVERHEAD: u64 = HEADER_LEN as u64 + 28;
/// Whoever has sent over his leg within this time wants what comes over it (RFC 7675)...
const CONSENT: Duration = Duration::from_secs(30);
/// ...and whoever has not gets so many datagrams in as long, in which he is called.
const UNASKED: u32 = 40;
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
    waiting: VecDeque<Waiting<S>>,
    relayed: Relayed,
}

/// A datagram that is to be sent on.
struct Waiting<S> {
    from: S,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// One side of a relayed call.
struct Half<S> {
    session: S,
    /// The leg of the other side; `None` when it has ended.
    other: Option<u32>,
    leg: Leg,
    /// When something last came over either leg.
    used: Instant,
    /// When something last came from this side.
    heard: Option<Instant>,
    /// How many datagrams it got since then without having asked for any.
    unasked: (Instant, u32),
}

/// A session that has legs.
struct Sender {
    /// The oldest first.
    legs: VecDeque<u32>,
    /// Bytes that it may send now, and since when.
    tokens: u64,
    filled: Instant,
    /// How many of its datagrams wait.
    waiting: usize,
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

    /// What holds from now on, also for legs that are there.
    pub(crate) const fn set_policy(&mut self, policy: Relaying) {
        self.policy = policy;
    }

    /// Legs for two sessions that are introduced to each other; `None` when nothing is relayed here.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        rng: &mut impl RngCore,
        sessions: [S; 2],
    ) -> Option<[LegGrant; 2]> {
        let Relaying::UpTo { bytes_per_second } = self.policy else { return None };
        self.make_room(sessions);
        let first = self.free_number(rng, None);
        let numbers = [first, self.free_number(rng, Some(first))];
        let grants = numbers.map(|leg| {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            LegGrant { leg, key: Secret::new(key), rate: bytes_per_second }
        });
        for side in [0, 1] {
            let (session, other) = (sessions[side], Some(numbers[1 - side]));
            let leg = Leg::new(&grants[side], Holder::Server);
            let half = Half { session, other, leg, used: now, heard: None, unasked: (now, 0) };
            self.legs.insert(numbers[side], half);
            let sender = self.sessions.entry(session).or_insert_with(|| Sender {
                legs: VecDeque::new(),
                tokens: burst(bytes_per_second),
                filled: now,
                waiting: 0,
            });
            sender.legs.push_back(numbers[side]);
        }
        Some(grants)
    }

    /// A session has ended, and all its legs with it. The others' legs are kept, to tell them so.
    pub(crate) fn close_session(&mut self, session: S) {
        let Some(sender) = self.sessions.remove(&session) else { return };
        for leg in sender.legs {
            let other = self.legs.remove(&leg).and_then(|half| half.other);
            if let Some(half) = other.and_then(|other| self.legs.get_mut(&other)) {
                half.other = None;
            }
        }
    }

    /// Two sessions are to have nothing to do with each other any more.
    pub(crate) fn close_between(&mut self, one: S, other: S) {
        let Some(sender) = self.sessions.get(&one) else { return };
        let is_between = |leg: &&u32| {
            let pair = self.legs.get(leg).and_then(|half| self.legs.get(&half.other?));
            pair.is_some_and(|half| half.session == other)
        };
        let between: Vec<u32> = sender.legs.iter().filter(is_between).copied().collect();
        for leg in between {
            self.close_pair(leg);
        }
    }

    /// For one more leg of each of two sessions.
    fn make_room(&mut self, sessions: [S; 2]) {
        let legs = self.sessions.get(&sessions[0]).map(|sender| &sender.legs);
        let pairs: Vec<u32> = legs
            .into_iter()
            .flatten()
            .copied()
            .filter(|leg| {
                let other = self.legs.get(leg).and_then(|half| self.legs.get(&half.other?));
                other.is_some_and(|half| half.session == sessions[1])
            })
            .collect();
        if pairs.len() >= MAX_LEGS_OF_PAIR {
            self.close_pair(pairs[0]);
        }
        for session in sessions {
            let Some(sender) = self.sessions.get(&session) else { continue };
            let used = |leg: &u32| self.legs.get(leg).map(|half| (half.other.is_some(), half.used));
            if sender.legs.len() >= MAX_LEGS
                && let Some(least) = sender.legs.iter().copied().min_by_key(used)
            {
                self.close_pair(least);
            }
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
        let first = self.take_waiting(|_| true)?;
        let (destination, segment_size) = (first.to, first.bytes.len());
        buffer.clear();
        buffer.extend_from_slice(&first.bytes);
        for _ in 1..max_datagrams {
            let room = MAX_BURST_BYTES.saturating_sub(buffer.len()).min(segment_size);
            let fits = |next: &Waiting<S>| next.to == destination && next.bytes.len() <= room;
            let Some(next) = self.take_waiting(fits) else { break };
            buffer.extend_from_slice(&next.bytes);
            if next.bytes.len() < segment_size {
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

    fn take_waiting(&mut self, is_it: impl Fn(&Waiting<S>) -> bool) -> Option<Waiting<S>> {
        let next = self.waiting.pop_front_if(|next| is_it(next))?;
        if let Some(sender) = self.sessions.get_mut(&next.from) {
            sender.waiting -= 1;
        }
        Some(next)
    }

    fn forward(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        address_of: impl FnOnce(S) -> Option<SocketAddr>,
    ) -> Result<(), Dropped> {
        let number = leg_of(datagram).ok_or(Dropped::Refused)?;
        let half = self.legs.get_mut(&number).ok_or(Dropped::Refused)?;
        let carried = half.leg.open(datagram)?;
        if carried.len() < MIN_CARRIED {
            return Err(Dropped::Refused);
        }
        (half.used, half.heard) = (now, Some(now));
        let (session, other) = (half.session, half.other);
        self.take_tokens(now, session, carried.len() as u64 + OVERHEAD)?;
        let Some(to) = other.and_then(|other| self.legs.get_mut(&other)) else {
            // Nothing at all is carried to who is to know that the other leg has ended [W-116].
            let half = self.legs.get_mut(&number).ok_or(Dropped::Refused)?;
            let header = half.leg.seal().to_vec();
            let to = address_of(session).ok_or(Dropped::Refused)?;
            return self.queue(session, to, header);
        };
        to.used = now;
        if !to.wants(now) {
            return Err(Dropped::Refused);
        }
        let bytes = [to.leg.seal().as_slice(), carried].concat();
        let to = address_of(to.session).ok_or(Dropped::Refused)?;
        self.queue(session, to, bytes)?;
        self.relayed.datagrams += 1;
        self.relayed.bytes += carried.len() as u64;
        Ok(())
    }

    fn queue(&mut self, from: S, to: SocketAddr, bytes: Vec<u8>) -> Result<(), Dropped> {
        let sender = self.sessions.get_mut(&from).ok_or(Dropped::Refused)?;
        if self.waiting.len() >= MAX_WAITING || sender.waiting >= MAX_WAITING_OF_ONE {
            return Err(Dropped::Limited);
        }
        sender.waiting += 1;
        self.waiting.push_back(Waiting { from, to, bytes });
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
        let other = half.other.and_then(|other| Some((other, self.legs.remove(&other)?)));
        for (leg, half) in [Some((leg, half)), other].into_iter().flatten() {
            if let Some(sender) = self.sessions.get_mut(&half.session) {
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

impl<S> Half<S> {
    /// Whether a datagram may go to this side: it asks for them by sending some, and is called by a few.
    fn wants(&mut self, now: Instant) -> bool {
        if self.heard.is_some_and(|at| now.saturating_since(at) < CONSENT) {
            return true;
        }
        let (since, count) = self.unasked;
        let (since, count) =
            if now.saturating_since(since) < CONSENT { (since, count) } else { (now, 0) };
        self.unasked = (since, count + 1);
        count < UNASKED
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
        stage.send(&mut one, &[1; 50]);
        stage.send(&mut two, &[2; 40]);
        let mut sent = stage.sent();
        assert_eq!((sent[0].0, sent[1].0), (address(2), address(1)));
        assert_eq!(two.open(&mut sent[0].1).unwrap(), [1; 50]);
        assert_eq!(one.open(&mut sent[1].1).unwrap(), [2; 40]);
        assert_eq!(
            stage.relays.relayed(),
            Relayed { datagrams: 2, bytes: 90, ..Relayed::default() }
        );
    }

    /// F04, F05: [W-112]
    #[test]
    fn what_belongs_to_no_leg_goes_nowhere() {
        let mut stage = Stage::new();
        let [mut one, _two] = stage.open([1, 2]);
        let mut again = [one.seal().as_slice(), &[0; 40]].concat();
        stage.relays.handle_datagram(stage.now, &mut again.clone(), address);
        stage.relays.handle_datagram(stage.now, &mut again, address);
        let strange = LegGrant { leg: 77, key: Secret::new([1; 32]), rate: 1 };
        stage.send(&mut Leg::new(&strange, Holder::Client), &[0; 40]);
        stage.relays.handle_datagram(stage.now, &mut [11; 20], address);
        stage.send(&mut one, b"too short to be anything");
        assert_eq!(stage.sent().len(), 1);
        assert_eq!(stage.relays.relayed().refused, 4);
    }

    /// [W-116]
    #[test]
    fn who_speaks_to_one_who_left_is_told_so() {
        let mut stage = Stage::new();
        let [mut one, _two] = stage.open([1, 2]);
        stage.relays.close_session(2);
        for _ in 0..2 {
            stage.send(&mut one, &[0; 40]);
            let mut sent = stage.sent();
            assert_eq!((sent.len(), sent[0].0), (1, address(1)));
            assert_eq!(one.open(&mut sent[0].1).unwrap(), b"");
        }
        assert_eq!(stage.relays.relayed().datagrams, 0);
        stage.relays.close_session(1);
        assert!(stage.relays.sessions.is_empty() && stage.relays.legs.is_empty());
    }

    /// [W-112]: who does not take part is called, and no more.
    #[test]
    fn nobody_is_sent_much_that_he_has_not_asked_for() {
        let mut stage = Stage::new();
        let [mut one, mut two] = stage.open([1, 2]);
        for _ in 0..100 {
            stage.send(&mut one, &[0; 40]);
        }
        assert_eq!(stage.sent().len(), UNASKED as usize);
        stage.send(&mut two, &[0; 40]);
        for _ in 0..100 {
            stage.send(&mut one, &[0; 40]);
        }
        assert_eq!(stage.sent().len(), 101);
        stage.now = Instant::ZERO + CONSENT;
        for _ in 0..100 {
            stage.send(&mut one, &[0; 40]);
        }
        assert_eq!(stage.sent().len(), UNASKED as usize);
    }

    #[test]
    fn who_is_blocked_is_relayed_no_more_and_others_are() {
        let mut stage = Stage::new();
        let [mut blocked, _] = stage.open([1, 2]);
        let [mut friend, _] = stage.open([3, 2]);
        stage.relays.close_between(2, 1);
        stage.send(&mut blocked, &[0; 40]);
        stage.send(&mut friend, &[0; 40]);
        assert_eq!((stage.sent().len(), stage.relays.relayed().refused), (1, 1));
    }

    /// F07: [W-112]
    #[test]
    fn one_who_sends_too_much_takes_nothing_from_others() {
        let mut stage = Stage::new();
        let [mut greedy, mut its] = stage.open([1, 2]);
        let [mut modest, mut others] = stage.open([3, 4]);
        let (mut much, mut little) = (0, 0);
        for millis in 0..10_000_u64 {
            stage.now = Instant::from_micros(millis * 1000);
            if millis % 1000 == 0 {
                stage.send(&mut its, &[0; 40]);
                stage.send(&mut others, &[0; 40]);
            }
            // In small pieces, since these cost as much as large ones.
            for _ in 0..200 {
                stage.send(&mut greedy, &[0; 40]);
            }
            stage.send(&mut modest, &[0; 900]);
            for (to, datagram) in stage.sent() {
                match to {
                    _ if to == address(4) => little += datagram.len() as u64 - 32,
                    _ if to == address(2) => much += datagram.len() as u64 + 28,
                    _ => {}
                }
            }
        }
        assert_eq!(little, 9_000_000, "all of it");
        assert!((10 * RATE..=10 * RATE + burst(RATE)).contains(&much), "{much}");
        assert!(stage.relays.relayed().limited > 0);
    }

    #[test]
    fn what_waits_is_bounded_and_so_are_the_legs() {
        let mut stage = Stage::new();
        for pair in 0..9 {
            let [mut one, mut two] = stage.open([2 * pair, 2 * pair + 1]);
            stage.send(&mut two, &[0; 40]);
            for _ in 0..1000 {
                stage.send(&mut one, &[0; 40]);
            }
        }
        assert_eq!(stage.relays.waiting(), MAX_WAITING);
        let _ = stage.sent();
        assert!(stage.relays.sessions.values().all(|sender| sender.waiting == 0));
        let [mut used, mut by] = stage.open([100, 101]);
        for other in 0..1000 {
            stage.now += Duration::from_secs(1);
            let _ = stage.open([100, 102 + other % 50]);
            stage.send(&mut by, &[0; 40]);
        }
        assert_eq!(stage.relays.sessions[&100].legs.len(), MAX_LEGS);
        stage.send(&mut used, &[0; 40]);
        let last = stage.sent().pop().unwrap();
        assert_eq!(last.0, address(101), "what is in use stays, however many come");
        for _ in 0..9 {
            let _ = stage.open([200, 201]);
        }
        assert_eq!(stage.relays.sessions[&200].legs.len(), MAX_LEGS_OF_PAIR);
        let mut rng = Seed::new([1; 32]).rng();
        assert_eq!(Relays::new(Relaying::Off).open(stage.now, &mut rng, [1, 2]), None);
    }
}
