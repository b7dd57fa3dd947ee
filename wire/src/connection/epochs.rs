//! Which keys seal and open, and when they have been used for long enough (PROTOCOL.md,
//! "Epochs").
//!
//! ```text
//!               install                 first packet under n+1 from the responder
//!   initiator   n -----> send n+1, open n+1 and n -----> n for a while -----> gone
//!
//!               install             first packet under n+1 from the initiator
//!   responder   n -----> send n, open n and n+1 -----> send n+1, n for a while -----> gone
//! ```

use crate::crypto::packet_keys::{PacketKeys, TAG_LEN};
use crate::id::{PacketNumber, Side};
use crate::time::{Duration, Instant};

/// The keys of the previous epoch are kept at least so long [W-72].
const KEEP_OLD: Duration = Duration::from_secs(10);
/// Failed opens under one key after which it is replaced (C14)...
const FAILED_SOFT: u64 = 1 << 20;
/// ...and after which the connection ends. AES-GCM itself would bear 2^52 (RFC 9001 section 6.6).
const FAILED_HARD: u64 = 1 << 36;
/// Packets that may still be sealed under a worn-out key, for nothing but its replacement.
const RESERVE: u64 = 1 << 16;
/// A rekey that has not come so long after it was due never will.
const REKEY_PATIENCE: Duration = Duration::from_secs(60);
/// Keys are not renewed sooner than this because the other side says so...
const MIN_LIFE: Duration = Duration::from_secs(1);
/// ...or than a million packets a second would wear them out.
const MIN_LIFE_PER_PACKET: Duration = Duration::from_micros(1);

/// What the key that seals may still be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    All,
    /// Everything but stream data.
    ControlOnly,
    Nothing,
}

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    UnknownEpoch,
    BadTag,
    /// Too many have failed: the connection must end.
    KeyLimit,
}

/// What the rekey timer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RekeyTimeout {
    NotYet,
    Due,
    /// Long due, and it did not come.
    Overdue,
}

struct Epoch {
    id: u8,
    keys: PacketKeys,
    /// One more than the last number sealed.
    next_number: PacketNumber,
    sealed: u64,
    opened: u64,
    failed: u64,
    /// When the first stream data was sent or received under it.
    used_since: Option<Instant>,
}

impl Epoch {
    const fn new(id: u8, keys: PacketKeys) -> Self {
        Self { id, keys, next_number: 0, sealed: 0, opened: 0, failed: 0, used_since: None }
    }
}

/// How far the replacement of the current keys is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rekey {
    NotDue,
    /// Asked for at that time.
    Asked(Instant),
}

/// All keys of a connection.
pub(crate) struct Epochs {
    side: Side,
    current: Epoch,
    /// Before that the other side cannot have new keys made.
    renewable_at: Instant,
    next: Option<Epoch>,
    previous: Option<Epoch>,
    /// `None` while the other side may not yet have the current keys.
    discard_at: Option<Instant>,
    rekey: Rekey,
    rekey_packets: u64,
    rekey_after: Duration,
}

impl Epochs {
    pub(crate) fn new(
        now: Instant,
        side: Side,
        keys: PacketKeys,
        rekey_packets: u64,
        rekey_after: Duration,
    ) -> Self {
        Self {
            side,
            current: Epoch::new(0, keys),
            renewable_at: now + min_life(rekey_packets),
            next: None,
            previous: None,
            discard_at: None,
            rekey: Rekey::NotDue,
            rekey_packets,
            rekey_after,
        }
    }

    /// The epoch under which this side sends.
    pub(crate) const fn current(&self) -> u8 {
        self.current.id
    }

    /// The epoch that the next handshake gives.
    pub(crate) const fn following(&self) -> u8 {
        self.current.id.wrapping_add(1)
    }

    /// Takes the keys of the following epoch into use: the initiator sends under them at once,
    /// the responder once the initiator does [W-71]. Keys of any other epoch are an answer to
    /// something long past.
    pub(crate) fn install(&mut self, now: Instant, epoch: u8, keys: PacketKeys) {
        if epoch != self.following() {
            return;
        }
        match self.side {
            Side::Initiator => {
                self.advance(now, Epoch::new(epoch, keys));
            }
            Side::Responder => self.next = Some(Epoch::new(epoch, keys)),
        }
    }

    fn advance(&mut self, now: Instant, epoch: Epoch) {
        self.previous = Some(core::mem::replace(&mut self.current, epoch));
        self.discard_at = None;
        self.rekey = Rekey::NotDue;
        self.renewable_at = now + min_life(self.rekey_packets);
    }

    /// When the other side may have new keys made: each time costs key agreements, and it must
    /// not get as many of them as it likes [W-74].
    pub(crate) const fn renewable_at(&self) -> Instant {
        self.renewable_at
    }

    /// Opens a packet in place.
    ///
    /// # Errors
    /// When there is no such key, or the tag does not fit.
    pub(crate) fn open<'a>(
        &mut self,
        epoch: u8,
        number: PacketNumber,
        header: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Refused> {
        let found = [Some(&mut self.current), self.next.as_mut(), self.previous.as_mut()]
            .into_iter()
            .flatten()
            .find(|found| found.id == epoch)
            .ok_or(Refused::UnknownEpoch)?;
        match found.keys.open(number, header, sealed) {
            Ok(plain) => {
                found.opened += 1;
                Ok(plain)
            }
            Err(_) => {
                found.failed += 1;
                Err(if found.failed < FAILED_HARD { Refused::BadTag } else { Refused::KeyLimit })
            }
        }
    }

    /// A packet of this epoch was opened: the other side has its keys [W-71] [W-72].
    pub(crate) fn on_opened(&mut self, now: Instant, epoch: u8, probe_timeout: Duration) {
        if let Some(next) = self.next.take_if(|next| next.id == epoch) {
            self.advance(now, next);
        }
        if epoch == self.current.id && self.previous.is_some() && self.discard_at.is_none() {
            self.discard_at = Some(now + (probe_timeout * 3).max(KEEP_OLD));
        }
    }

    /// When the keys of the previous epoch are to go.
    pub(crate) const fn discard_at(&self) -> Option<Instant> {
        self.discard_at
    }

    pub(crate) fn discard_previous(&mut self) {
        self.previous = None;
        self.discard_at = None;
    }

    /// Encrypts in place under the current key.
    ///
    /// # Panics
    /// When the number is not above all before: a nonce is used once (C15). Whoever counts the
    /// numbers only counts up.
    pub(crate) fn seal(
        &mut self,
        number: PacketNumber,
        header: &[u8],
        payload: &mut [u8],
    ) -> [u8; TAG_LEN] {
        assert!(number >= self.current.next_number, "packet number {number} used twice");
        self.current.next_number = number + 1;
        self.current.sealed += 1;
        self.current.keys.seal(number, header, payload)
    }

    /// What the current key may be used for [W-75].
    pub(crate) const fn key_use(&self) -> KeyUse {
        if self.current.sealed < self.rekey_packets {
            KeyUse::All
        } else if self.current.sealed < self.rekey_packets.saturating_add(RESERVE) {
            KeyUse::ControlOnly
        } else {
            KeyUse::Nothing
        }
    }

    /// Stream data is sent or received: the time of use begins. A key under which only
    /// keep-alives went need not be replaced.
    pub(crate) fn on_used(&mut self, now: Instant) {
        self.current.used_since.get_or_insert(now);
    }

    /// Whether the current keys are to be replaced and nobody was asked yet [W-73].
    pub(crate) fn is_rekey_due(&self, now: Instant) -> bool {
        let current = &self.current;
        // An eighth before the limit, so that data does not have to wait for the new keys.
        let packets = self.rekey_packets - self.rekey_packets / 8;
        self.rekey == Rekey::NotDue
            && self.next.is_none()
            && (current.sealed >= packets
                || current.opened >= packets
                || current.failed >= FAILED_SOFT
                || current.used_since.is_some_and(|since| since + self.rekey_after <= now))
    }

    /// The replacement has been asked for, of the application's endpoint or of the other side.
    /// Says whether for the first time.
    pub(crate) fn ask_for_rekey(&mut self, now: Instant) -> bool {
        let first = self.rekey == Rekey::NotDue;
        if first {
            self.rekey = Rekey::Asked(now);
        }
        first
    }

    /// When [`Self::on_timeout`] has something to say.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.rekey {
            Rekey::NotDue if self.next.is_some() => None,
            Rekey::NotDue => Some(self.current.used_since? + self.rekey_after),
            Rekey::Asked(since) => Some(since + REKEY_PATIENCE),
        }
    }

    pub(crate) fn on_timeout(&self, now: Instant) -> RekeyTimeout {
        match self.rekey {
            Rekey::NotDue if self.is_rekey_due(now) => RekeyTimeout::Due,
            Rekey::NotDue => RekeyTimeout::NotYet,
            Rekey::Asked(since) if since + REKEY_PATIENCE <= now => RekeyTimeout::Overdue,
            Rekey::Asked(_) => RekeyTimeout::NotYet,
        }
    }
}

fn min_life(rekey_packets: u64) -> Duration {
    let packets = u32::try_from(rekey_packets).unwrap_or(u32::MAX);
    MIN_LIFE.min(MIN_LIFE_PER_PACKET * packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(120);
    const PTO: Duration = Duration::from_millis(100);

    fn keys(epoch: u8, side: Side) -> PacketKeys {
        PacketKeys::from_split(&([epoch + 1; 32], [epoch + 101; 32]), side)
    }

    fn pair() -> (Epochs, Epochs) {
        let of = |side| Epochs::new(Instant::ZERO, side, keys(0, side), 1000, AFTER);
        (of(Side::Initiator), of(Side::Responder))
    }

    fn packet(from: &mut Epochs, number: u64) -> (u8, Vec<u8>) {
        let mut bytes = b"payload".to_vec();
        let tag = from.seal(number, b"header", &mut bytes);
        bytes.extend_from_slice(&tag);
        (from.current(), bytes)
    }

    fn open(to: &mut Epochs, now: Instant, number: u64, (epoch, bytes): &(u8, Vec<u8>)) -> bool {
        let opened = to.open(*epoch, number, b"header", &mut bytes.clone()).is_ok();
        if opened {
            to.on_opened(now, *epoch, PTO);
        }
        opened
    }

    /// [W-71] [W-72]
    #[test]
    fn the_initiator_goes_first_and_late_packets_of_the_old_epoch_still_open() {
        let (mut a, mut b) = pair();
        let now = Instant::ZERO;
        let (late_a, late_b) = (packet(&mut a, 0), packet(&mut b, 0));
        b.install(now, 1, keys(1, Side::Responder));
        assert_eq!(packet(&mut b, 1).0, 0, "the responder waits");
        a.install(now, 1, keys(1, Side::Initiator));
        assert!(open(&mut a, now, 0, &late_b));
        let new = packet(&mut a, 1);
        assert_eq!(new.0, 1);
        assert!(open(&mut b, now, 1, &new));
        assert_eq!(packet(&mut b, 2).0, 1);
        assert!(open(&mut b, now, 0, &late_a));
        assert_eq!(b.discard_at(), Some(now + KEEP_OLD));
        assert_eq!(a.discard_at(), None, "the responder's first under the new keys may be lost");
        let (answer, late) = (packet(&mut b, 3), late_b);
        assert!(open(&mut a, now, 3, &answer));
        assert_eq!(a.discard_at(), Some(now + KEEP_OLD));
        a.discard_previous();
        assert!(!open(&mut a, now, 0, &late));
        let unknown = a.open(0, 0, b"header", &mut [0; 40]).unwrap_err();
        assert_eq!(unknown, Refused::UnknownEpoch);
    }

    #[test]
    fn epochs_wrap_around_and_keys_out_of_turn_are_not_installed() {
        let (mut a, _) = pair();
        a.install(Instant::ZERO, 2, keys(2, Side::Initiator));
        assert_eq!(a.current(), 0);
        for epoch in (1..=255).chain([0, 1]) {
            a.install(Instant::ZERO, epoch, keys(epoch % 50, Side::Initiator));
            assert_eq!(a.current(), epoch);
        }
    }

    /// C15
    #[test]
    #[should_panic(expected = "used twice")]
    fn no_number_is_sealed_twice() {
        let (mut a, _) = pair();
        packet(&mut a, 5);
        packet(&mut a, 5);
    }

    /// [W-73] [W-75]
    #[test]
    fn a_key_wears_out_by_packets_by_failures_and_by_time_of_use() {
        let now = Instant::ZERO;
        let (mut a, _) = pair();
        for number in 0..875 {
            assert!(!a.is_rekey_due(now));
            packet(&mut a, number);
        }
        assert!(a.is_rekey_due(now));
        assert!(a.ask_for_rekey(now) && !a.ask_for_rekey(now) && !a.is_rekey_due(now));
        for number in 875..1000 {
            assert_eq!(a.key_use(), KeyUse::All);
            packet(&mut a, number);
        }
        assert_eq!(a.key_use(), KeyUse::ControlOnly);
        a.current.sealed += RESERVE;
        assert_eq!(a.key_use(), KeyUse::Nothing);
        assert_eq!(a.on_timeout(now + REKEY_PATIENCE), RekeyTimeout::Overdue);
        a.install(now, 1, keys(1, Side::Initiator));
        assert_eq!((a.key_use(), a.deadline()), (KeyUse::All, None));

        a.current.failed = FAILED_SOFT - 1;
        assert!(!a.is_rekey_due(now));
        assert_eq!(a.open(1, 0, b"", &mut [0; 40]), Err(Refused::BadTag));
        assert!(a.is_rekey_due(now));
        a.current.failed = FAILED_HARD - 1;
        assert_eq!(a.open(1, 0, b"", &mut [0; 40]), Err(Refused::KeyLimit));

        let (mut a, _) = pair();
        assert!(!a.is_rekey_due(now + AFTER * 9), "never used for data");
        a.on_used(now);
        a.on_used(now + AFTER);
        assert_eq!(a.deadline(), Some(now + AFTER));
        assert_eq!(a.on_timeout(now + AFTER), RekeyTimeout::Due);
    }
}
