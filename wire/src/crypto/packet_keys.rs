//! The two AES-256-GCM keys of one epoch, used in place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::id::{PacketNumber, Side};

/// Length of the authentication tag.
pub(crate) const TAG_LEN: usize = 16;

/// A packet whose tag does not fit: forged, damaged or sealed under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenError;

/// The keys of one epoch of one connection.
pub(crate) struct PacketKeys {
    seal: LessSafeKey,
    open: LessSafeKey,
}

impl PacketKeys {
    /// The keys that a Noise handshake splits into (Noise specification, 5.2 `Split`): the first
    /// for what the initiator sends, the second for what the responder sends.
    pub(crate) fn from_split(split: &([u8; 32], [u8; 32]), side: Side) -> Self {
        let key = |bytes: &[u8; 32]| {
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are a key"))
        };
        let (initiator, responder) = (key(&split.0), key(&split.1));
        match side {
            Side::Initiator => Self { seal: initiator, open: responder },
            Side::Responder => Self { seal: responder, open: initiator },
        }
    }

    /// Encrypts `payload` in place and returns the tag that follows it on the wire. `number` is
    /// never used twice under one key: the connection counts it up for every datagram.
    pub(crate) fn seal(
        &self,
        number: PacketNumber,
        aad: &[u8],
        payload: &mut [u8],
    ) -> [u8; TAG_LEN] {
        let tag = self
            .seal
            .seal_in_place_separate_tag(nonce(number), Aad::from(aad), payload)
            .expect("a datagram is far below the length limit of AES-GCM");
        let mut out = [0; TAG_LEN];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Decrypts `sealed` (ciphertext and tag) in place and returns the plaintext part of it.
    pub(crate) fn open<'a>(
        &self,
        number: PacketNumber,
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        self.open.open_in_place(nonce(number), Aad::from(aad), sealed).map_err(|_| OpenError)
    }
}

/// The nonce of packet `number`: 32 zero bits and the number in big-endian order (Noise
/// specification, 12.4 for AESGCM).
fn nonce(number: PacketNumber) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_seals_the_other_opens_and_nothing_else() {
        let split = ([1; 32], [2; 32]);
        let a = PacketKeys::from_split(&split, Side::Initiator);
        let b = PacketKeys::from_split(&split, Side::Responder);
        let mut packet = b"hello".to_vec();
        let tag = a.seal(7, b"header", &mut packet);
        packet.extend_from_slice(&tag);
        for (number, aad, ok) in
            [(7, b"header", true), (8, b"header", false), (7, b"Header", false)]
        {
            let mut copy = packet.clone();
            assert_eq!(b.open(number, aad, &mut copy).is_ok(), ok);
            assert!(a.open(number, aad, &mut packet.clone()).is_err(), "directions differ");
        }
    }
}
