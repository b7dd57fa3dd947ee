//! Who a user is: an Ed25519 identity key, and the certificate by which it vouches for the X25519
//! key of a device (the static key of the device's connections).

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::crypto::secret::Secret;
use crate::crypto::static_key::PublicKey;

/// Bound into every device signature, so that it can never be taken for another kind.
const DEVICE_LABEL: &[u8] = b"tincan/1 device";

/// A user's public identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentityKey(pub [u8; 32]);

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey({})", self.short())
    }
}

impl IdentityKey {
    /// The first eight hexadecimal digits, for logs.
    #[must_use]
    pub fn short(&self) -> String {
        self.0[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A user's secret identity.
pub struct Identity(SigningKey);

impl Identity {
    /// The identity of these 32 secret bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The secret bytes, for keeping them where nobody else can read.
    #[must_use]
    pub fn secret(&self) -> Secret<[u8; 32]> {
        Secret::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> IdentityKey {
        IdentityKey(self.0.verifying_key().to_bytes())
    }

    /// Signs these bytes, which begin with a label of their own.
    pub(super) fn sign(&self, bytes: &[u8]) -> Signature {
        self.0.sign(bytes)
    }

    /// Certifies `device` as a device of user `name`. A later `generation` replaces an earlier.
    #[must_use]
    pub fn certify(&self, name: &str, device: PublicKey, generation: u64) -> DeviceCertificate {
        let signature = self.sign(&signed_bytes(name, device, generation));
        DeviceCertificate {
            device,
            generation,
            signature_r: *signature.r_bytes(),
            signature_s: *signature.s_bytes(),
        }
    }
}

/// Says that a device's key belongs to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCertificate {
    /// The device's X25519 key.
    pub device: PublicKey,
    /// Counts up with each new device of the user.
    pub generation: u64,
    signature_r: [u8; 32],
    signature_s: [u8; 32],
}

impl DeviceCertificate {
    /// Whether `identity` has signed that this is a device of user `name`. Strict: small-order
    /// keys and malleable signatures are refused.
    #[must_use]
    pub fn is_signed_by(&self, identity: IdentityKey, name: &str) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&identity.0) else { return false };
        let signature = Signature::from_components(self.signature_r, self.signature_s);
        key.verify_strict(&signed_bytes(name, self.device, self.generation), &signature).is_ok()
    }
}

/// Label, name with its length, key, generation: no two certificates share these bytes.
fn signed_bytes(name: &str, device: PublicKey, generation: u64) -> Vec<u8> {
    let mut bytes = DEVICE_LABEL.to_vec();
    bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&device.0);
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes
}

/// A key as people compare it: BLAKE3 over label and key, the first 20 bytes as 10 groups of four
/// hexadecimal digits.
#[must_use]
pub fn fingerprint(key: &[u8; 32]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("tincan/1 fingerprint");
    hasher.update(key);
    let hash = hasher.finalize();
    let groups: Vec<String> = hash.as_bytes()[..20]
        .chunks(2)
        .map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]))
        .collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_holds_for_its_name_key_and_identity_only() {
        let alice = Identity::from_secret(&[1; 32]);
        let mallory = Identity::from_secret(&[2; 32]);
        let certificate = alice.certify("alice", PublicKey([3; 32]), 1);
        assert!(certificate.is_signed_by(alice.public(), "alice"));
        assert!(!certificate.is_signed_by(mallory.public(), "alice"));
        assert!(!certificate.is_signed_by(alice.public(), "alicf"));
        let other_device = DeviceCertificate { device: PublicKey([4; 32]), ..certificate };
        assert!(!other_device.is_signed_by(alice.public(), "alice"));
        let other_generation = DeviceCertificate { generation: 0, ..certificate };
        assert!(!other_generation.is_signed_by(alice.public(), "alice"));
    }

    /// A small-order key verifies anything under the lax rule (security acceptance C10).
    #[test]
    fn a_small_order_identity_signs_nothing() {
        let mut small_order = [0; 32];
        small_order[0] = 1;
        let forged = DeviceCertificate {
            device: PublicKey([3; 32]),
            generation: 0,
            signature_r: small_order,
            signature_s: [0; 32],
        };
        assert!(!forged.is_signed_by(IdentityKey(small_order), "alice"));
    }
}
