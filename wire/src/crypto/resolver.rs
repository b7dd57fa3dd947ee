//! The primitives of Noise_25519_AESGCM_SHA256 for snow, all by aws-lc-rs, with the entropy given
//! by the caller.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::digest;
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use zeroize::Zeroize;

use super::packet_keys::TAG_LEN;
use crate::id::Seed;

/// Gives snow the one suite that this protocol speaks.
pub(crate) struct Resolver {
    /// Where the ephemeral key comes from.
    seed: Seed,
}

impl Resolver {
    /// A resolver whose ephemeral keys come from `seed`, which must never be used twice.
    pub(crate) const fn new(seed: Seed) -> Self {
        Self { seed }
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Entropy(self.seed.rng())))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(KeyPair::default())),
            DHChoice::Curve448 => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        match choice {
            HashChoice::SHA256 => Some(Box::new(Sha256(digest::Context::new(&digest::SHA256)))),
            HashChoice::SHA512 | HashChoice::Blake2s | HashChoice::Blake2b => None,
        }
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::AESGCM => Some(Box::new(AesGcm(None))),
            CipherChoice::ChaChaPoly => None,
        }
    }
}

struct Entropy(ChaCha20Rng);

impl Random for Entropy {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

/// An X25519 key pair; without keys until one is set or generated.
#[derive(Default)]
struct KeyPair {
    key: Option<PrivateKey>,
    private: [u8; 32],
    public: [u8; 32],
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        self.private.zeroize();
    }
}

impl Dh for KeyPair {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, private: &[u8]) {
        self.private.copy_from_slice(private);
        let key = PrivateKey::from_private_key(&X25519, private)
            .expect("any 32 bytes are an X25519 private key");
        let public = key.compute_public_key().expect("X25519 has a public half for every key");
        self.public.copy_from_slice(public.as_ref());
        self.key = Some(key);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        let mut private = [0; 32];
        rng.try_fill_bytes(&mut private)?;
        self.set(&private);
        private.zeroize();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.private
    }

    /// Fails when the shared secret is all zero, as low-order points make it (RFC 7748 section
    /// 6.1): such a "secret" is known to everyone [W-10].
    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let key = self.key.as_ref().ok_or(snow::Error::Dh)?;
        let public = public.get(..32).ok_or(snow::Error::Dh)?;
        agree(key, UnparsedPublicKey::new(&X25519, public), snow::Error::Dh, |secret| {
            // An OR over all bytes, so that time tells nothing about where a one stands.
            if secret.iter().fold(0, |all, byte| all | byte) == 0 {
                return Err(snow::Error::Dh);
            }
            out[..32].copy_from_slice(secret);
            Ok(())
        })
    }
}

struct AesGcm(Option<LessSafeKey>);

impl AesGcm {
    fn key(&self) -> &LessSafeKey {
        self.0.as_ref().expect("snow sets a key before it uses one")
    }
}

impl Cipher for AesGcm {
    fn name(&self) -> &'static str {
        "AESGCM"
    }

    fn set(&mut self, key: &[u8; 32]) {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are a key");
        self.0 = Some(LessSafeKey::new(key));
    }

    fn encrypt(&self, nonce: u64, ad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (body, tag) = out.split_at_mut(plaintext.len());
        body.copy_from_slice(plaintext);
        let sealed = self
            .key()
            .seal_in_place_separate_tag(aead_nonce(nonce), Aad::from(ad), body)
            .expect("a handshake message is far below the length limit of AES-GCM");
        tag[..TAG_LEN].copy_from_slice(sealed.as_ref());
        plaintext.len() + TAG_LEN
    }

    fn decrypt(
        &self,
        nonce: u64,
        ad: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, snow::Error> {
        let body_len = ciphertext.len().checked_sub(TAG_LEN).ok_or(snow::Error::Decrypt)?;
        let (body, tag) = ciphertext.split_at(body_len);
        let out = out.get_mut(..body_len).ok_or(snow::Error::Decrypt)?;
        self.key()
            .open_separate_gather(aead_nonce(nonce), Aad::from(ad), body, tag, out)
            .map_err(|_| snow::Error::Decrypt)?;
        Ok(body_len)
    }
}

/// Noise specification, 12.4: 32 zero bits, then the counter in big-endian order.
fn aead_nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

struct Sha256(digest::Context);

impl Hash for Sha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = digest::Context::new(&digest::SHA256);
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        out[..32].copy_from_slice(self.0.clone().finish().as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C02: [W-10] the all-zero point, the other points of low order and their non-canonical
    /// spellings (RFC 7748 section 7 refers to the list) give no shared secret.
    #[test]
    fn low_order_points_are_refused() {
        let mut pair = KeyPair::default();
        pair.set(&[0x42; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut prime = [0xff; 32];
        (prime[0], prime[31]) = (0xed, 0x7f);
        let mut prime_and_one = prime;
        prime_and_one[0] = 0xee;
        for point in [[0; 32], one, minus_one, prime, prime_and_one] {
            assert!(pair.dh(&point, &mut [0; 32]).is_err(), "{point:02x?}");
        }
        let mut nine = [0; 32];
        nine[0] = 9;
        let mut out = [0; 32];
        pair.dh(&nine, &mut out).unwrap();
        assert_eq!(out, pair.public, "the base point gives the public key");
    }
}
