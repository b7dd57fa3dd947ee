//! Long-term X25519 keys.

use core::fmt;

use zeroize::ZeroizeOnDrop;

/// The public half of a static key.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Debug for PublicKey {
    /// The first eight hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "PublicKey({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

/// A long-term X25519 key pair. The private half is overwritten when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct StaticKey {
    private: [u8; 32],
    #[zeroize(skip)]
    public: PublicKey,
}

impl StaticKey {
    /// The key pair of these 32 private bytes (clamped by X25519 itself, RFC 7748 section 5).
    #[must_use]
    pub fn from_private(private: [u8; 32]) -> Self {
        use aws_lc_rs::agreement::{PrivateKey, X25519};
        let key = PrivateKey::from_private_key(&X25519, &private)
            .expect("any 32 bytes are an X25519 private key");
        let public = key.compute_public_key().expect("X25519 has a public half for every key");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(public.as_ref());
        Self { private, public: PublicKey(bytes) }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The private half, for keeping it in a file that nobody else can read.
    #[must_use]
    pub const fn private(&self) -> &[u8; 32] {
        &self.private
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticKey({:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7748 section 5.2, the value after one iteration: the private key 9 with base point 9.
    #[test]
    fn public_half_of_the_private_key_nine() {
        let mut nine = [0; 32];
        nine[0] = 9;
        let public = StaticKey::from_private(nine).public();
        assert_eq!(public.0[..8], [0x42, 0x2c, 0x8e, 0x7a, 0x62, 0x27, 0xd7, 0xbc]);
    }
}
