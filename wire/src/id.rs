//! Identifiers, each a type of its own so that none is taken for another.

use core::fmt;

/// One connection of one [`Endpoint`](crate::Endpoint). Never reused within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionHandle(pub(crate) u64);

impl fmt::Display for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The number of one DATA datagram: unique for the life of a connection in one direction, and
/// therefore the nonce too (RFC 9000 section 12.3; RFC 9001 section 5.3).
pub(crate) type PacketNumber = u64;

/// Who began the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Sent the first handshake message.
    Initiator,
    /// Answered it.
    Responder,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// The priority class of a stream. A frame of a lower class is never sent while a higher one has
/// something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Signalling: requests, offers, receipts.
    Control = 0,
    /// Text that a person waits for.
    Chat = 1,
    /// File blocks.
    Bulk = 2,
}

impl Class {
    /// All classes, highest priority first.
    pub const ALL: [Self; 3] = [Self::Control, Self::Chat, Self::Bulk];
}

/// A stream: an ordered byte pipe in both directions. The number tells who opened it (bit 0:
/// 0 initiator, 1 responder), its class (bits 1-2) and its index among those (bits 3-61).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// The stream number `index` of `class` that `opener` opens; `None` past the largest index.
    #[must_use]
    pub const fn new(opener: Side, class: Class, index: u64) -> Option<Self> {
        if index >= 1 << 59 {
            return None;
        }
        let opener_bit = match opener {
            Side::Initiator => 0,
            Side::Responder => 1,
        };
        Some(Self(index << 3 | (class as u64) << 1 | opener_bit))
    }

    /// The id that stands on the wire as `raw`; `None` for a class that does not exist or a
    /// number that a varint cannot carry.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Self> {
        if raw >> 1 & 3 == 3 || raw >= 1 << 62 { None } else { Some(Self(raw)) }
    }

    /// The number as it stands on the wire.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Who opened it.
    #[must_use]
    pub const fn opener(self) -> Side {
        if self.0 & 1 == 0 { Side::Initiator } else { Side::Responder }
    }

    /// Its priority class.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.0 >> 1 & 3 {
            0 => Class::Control,
            1 => Class::Chat,
            _ => Class::Bulk,
        }
    }

    /// Its index among the streams of the same opener and class.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.0 >> 3
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}/{}", self.opener(), self.class(), self.index())
    }
}

/// 256 bits from which a core draws everything random. The shell takes it from the operating
/// system, the simulator from its own seed: same seed, same run.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct Seed(pub(crate) [u8; 32]);

impl Seed {
    /// A seed of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// An independent seed for the part named `label`.
    #[must_use]
    pub fn derive(&self, label: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, label.as_bytes()).as_bytes())
    }

    /// The generator that this seed starts.
    #[must_use]
    pub fn rng(&self) -> rand_chacha::ChaCha20Rng {
        use rand_core::SeedableRng;
        rand_chacha::ChaCha20Rng::from_seed(self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [W-80]
    #[test]
    fn stream_ids_carry_opener_class_and_index() {
        for opener in [Side::Initiator, Side::Responder] {
            for class in Class::ALL {
                for index in [0, 1, 77, (1 << 59) - 1] {
                    let id = StreamId::new(opener, class, index).unwrap();
                    assert_eq!((id.opener(), id.class(), id.index()), (opener, class, index));
                    assert_eq!(StreamId::from_raw(id.raw()), Some(id));
                }
                assert_eq!(StreamId::new(opener, class, 1 << 59), None);
            }
        }
        assert_eq!(StreamId::from_raw(0b110), None, "class 3 does not exist");
        assert_eq!(StreamId::from_raw(1 << 62), None);
    }

    #[test]
    fn derived_seeds_differ_by_label() {
        let seed = Seed::new([7; 32]);
        assert_ne!(seed.derive("a").0, seed.derive("b").0);
        assert_eq!(seed.derive("a").0, seed.derive("a").0);
    }
}
