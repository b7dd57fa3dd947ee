//! Password login that the server never learns the password from: OPAQUE (RFC 9807) with
//! Ristretto255-SHA512, triple Diffie-Hellman and Argon2id.

use opaque_ke::argon2::{self, Argon2};
use opaque_ke::{CipherSuite, Ristretto255, TripleDh};
use serde::{Deserialize, Serialize};

/// The cipher suite of both sides.
pub struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
    type Ksf = Argon2<'static>;
}

/// How hard the client works to stretch its password: Argon2id's parameters, chosen at
/// registration, stored by the server and sent back at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Stretch {
    /// What new accounts use: 64 MiB, three passes, about a tenth of a second.
    pub const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// Whether a client may follow a server that asks for this: not so little that a lying
    /// server could guess the password from what it gets, not so much that it exhausts the
    /// client (OWASP's floor, and 1 GiB).
    #[must_use]
    pub const fn is_acceptable(self) -> bool {
        self.memory_kib >= 19 * 1024
            && self.memory_kib <= 1024 * 1024
            && self.passes >= 2
            && self.passes <= 16
            && self.lanes >= 1
            && self.lanes <= 4
    }

    /// The function itself; `None` for parameters that Argon2 does not have.
    #[must_use]
    pub fn function(self) -> Option<Argon2<'static>> {
        let params = argon2::Params::new(self.memory_kib, self.passes, self.lanes, None).ok()?;
        Some(Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params))
    }
}

/// What both sides bind a login to: the label and the hash of the transport's handshake, so that
/// a man in the middle of the outer channel cannot pass a login on.
#[must_use]
pub fn context(handshake_hash: &[u8; 32]) -> Vec<u8> {
    [b"tincan/1 login".as_slice(), handshake_hash].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_server_can_neither_weaken_nor_exhaust_a_client() {
        assert!(Stretch::STANDARD.is_acceptable());
        for memory_kib in [8, 19 * 1024 - 1, 8 * 1024 * 1024] {
            assert!(!Stretch { memory_kib, ..Stretch::STANDARD }.is_acceptable());
        }
        assert!(!Stretch { passes: 1, ..Stretch::STANDARD }.is_acceptable());
    }
}
