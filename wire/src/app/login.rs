//! Password login that the server never learns the password from: OPAQUE (RFC 9807) with
//! Ristretto255-SHA512, triple Diffie-Hellman and Argon2id.

use opaque_ke::argon2::{self, Argon2};
use opaque_ke::{CipherSuite, Identifiers, Ristretto255, TripleDh};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::crypto::secret::Secret;

/// The server's name in OPAQUE's transcripts.
const SERVER_IDENTIFIER: &[u8] = b"tincan/1 server";
/// Longest password in bytes.
pub const MAX_PASSWORD: usize = 1024;

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
    /// What new accounts use: 46 MiB (OWASP's larger choice) and four passes, about a tenth of a
    /// second. The whole program stays under 64 MiB while it does so.
    pub const STANDARD: Self = Self { memory_kib: 46 * 1024, passes: 4, lanes: 1 };

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

/// Whom a registration or login is between (RFC 9807 section 2): the user's prepared name, which
/// is also the credential identifier, and the server's role.
#[must_use]
pub fn identifiers(name: &Name) -> Identifiers<'_> {
    Identifiers { client: Some(name.as_str().as_bytes()), server: Some(SERVER_IDENTIFIER) }
}

/// Why something is not a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing at all.
    #[error("a password needs at least one character")]
    Empty,
    /// Longer than [`MAX_PASSWORD`].
    #[error("a password has at most {MAX_PASSWORD} bytes")]
    TooLong,
    /// A control character, or one that is not assigned.
    #[error("a password cannot contain control characters")]
    Character,
}

/// The one form of all spellings of a password (RFC 8265 section 4, OpaqueString): what both
/// programs that ever see one put into OPAQUE.
///
/// # Errors
/// When it is not a password.
pub fn password(typed: &Secret<String>) -> Result<Secret<Vec<u8>>, PasswordError> {
    let typed = typed.expose();
    if typed.is_empty() {
        return Err(PasswordError::Empty);
    }
    if typed.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    let prepared = OpaqueString::enforce(typed).map_err(|_| PasswordError::Character)?;
    Ok(Secret::new(prepared.into_owned().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Security acceptance D10.
    #[test]
    fn passwords_are_any_text_within_bounds() {
        let password = |typed: &str| password(&Secret::new(typed.to_owned()));
        assert_eq!(
            password("correct horse battery staple").unwrap().expose(),
            b"correct horse battery staple"
        );
        assert_eq!(password("Gr\u{fc}\u{df}e").unwrap(), password("Gru\u{308}\u{df}e").unwrap());
        assert_eq!(password("a\u{3000}b").unwrap(), password("a b").unwrap(), "RFC 8265 4.2.2");
        assert_ne!(password("A").unwrap(), password("a").unwrap());
        assert_eq!(password(""), Err(PasswordError::Empty));
        assert_eq!(password("a\nb"), Err(PasswordError::Character));
        assert_eq!(password(&"x".repeat(64 << 10)), Err(PasswordError::TooLong));
    }

    #[test]
    fn a_lying_server_can_neither_weaken_nor_exhaust_a_client() {
        assert!(Stretch::STANDARD.is_acceptable());
        for memory_kib in [8, 19 * 1024 - 1, 8 * 1024 * 1024] {
            assert!(!Stretch { memory_kib, ..Stretch::STANDARD }.is_acceptable());
        }
        assert!(!Stretch { passes: 1, ..Stretch::STANDARD }.is_acceptable());
    }
}
