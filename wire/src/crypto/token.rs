//! Tokens: what this endpoint gave away earlier and recognises again without having kept it
//! (PROTOCOL.md, "Tokens"). Their keys come from a secret on disk, so they outlive the process.

use std::net::{IpAddr, SocketAddr};

use super::mac::{equal, keyed};
use super::static_key::PublicKey;
use crate::datagram::{Nonce, Token};
use crate::time::{Duration, Instant};

/// How long an address token of RETRY or HELLO_REPLY is good [W-22].
pub(crate) const ADDRESS_LIFE: Duration = Duration::from_secs(10);
/// How long a token of NEW_TOKEN is good [W-23].
pub(crate) const RETURN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// No token: what INIT carries when it has none.
pub(crate) const NO_TOKEN: Token = [0; 24];

const PURPOSE_ADDRESS: u8 = 1;
const PURPOSE_RETURN: u8 = 2;

/// What a token has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The sender receives at its address, now.
    Address,
    /// A connection was up at this IP address within a day. Whose is known only once the static
    /// key is: [`Tokens::is_for`].
    Return,
}

/// Issues and recognises tokens.
pub(crate) struct Tokens {
    key_id: u8,
    address_key: [u8; 32],
    return_key: [u8; 32],
    reset_key: [u8; 32],
    epoch: u64,
}

impl Tokens {
    /// Tokens under `secret`. `epoch` is the time of day (UNIX seconds) at which the run began.
    pub(crate) fn new(secret: &[u8; 32], epoch: u64) -> Self {
        Self {
            key_id: blake3::derive_key("tincan/1 token key id", secret)[0],
            address_key: blake3::derive_key("tincan/1 address token", secret),
            return_key: blake3::derive_key("tincan/1 return token", secret),
            reset_key: blake3::derive_key("tincan/1 reset token", secret),
            epoch,
        }
    }

    /// For a stranger at `address` who begins the handshake that `nonce` names.
    pub(crate) fn address_token(&self, now: Instant, address: SocketAddr, nonce: &Nonce) -> Token {
        let mut token = self.head(now, PURPOSE_ADDRESS);
        let mac = self.address_mac(&token, address, nonce);
        token[8..].copy_from_slice(&mac);
        token
    }

    /// For the next connection of whoever is connected from `address` and has shown `client`
    /// (`None`: no key).
    pub(crate) fn return_token(
        &self,
        now: Instant,
        address: SocketAddr,
        client: Option<PublicKey>,
    ) -> Token {
        let mut token = self.head(now, PURPOSE_RETURN);
        let place = self.return_place_mac(&token, address.ip());
        token[8..16].copy_from_slice(&place);
        let owner = self.return_owner_mac(&token, client);
        token[16..].copy_from_slice(&owner);
        token
    }

    /// What `token` proves about the sender of an INIT; `None` when it proves nothing: empty,
    /// forged, expired, from the future, of another address, handshake, purpose or secret [W-24].
    pub(crate) fn check(
        &self,
        now: Instant,
        token: &Token,
        address: SocketAddr,
        nonce: &Nonce,
    ) -> Option<Proof> {
        let [key_id, purpose, 0, 0, issued @ ..] = *token.first_chunk::<8>()? else { return None };
        let age = u64::from(self.seconds(now)).checked_sub(u32::from_be_bytes(issued).into())?;
        if key_id != self.key_id {
            return None;
        }
        match purpose {
            PURPOSE_ADDRESS => (age < ADDRESS_LIFE.as_secs()
                && equal(&token[8..], &self.address_mac(token, address, nonce)))
            .then_some(Proof::Address),
            PURPOSE_RETURN => (age < RETURN_LIFE.as_secs()
                && equal(&token[8..16], &self.return_place_mac(token, address.ip())))
            .then_some(Proof::Return),
            _ => None,
        }
    }

    /// Whether a token that proved [`Proof::Return`] was given to this client.
    pub(crate) fn is_for(&self, token: &Token, client: Option<PublicKey>) -> bool {
        equal(&token[16..], &self.return_owner_mac(token, client))
    }

    /// With which this endpoint, even after a restart, can end the connection that it knew as
    /// `index` towards `address` [W-31].
    pub(crate) fn reset_token(&self, index: u32, address: SocketAddr) -> [u8; 16] {
        let mut message = index.to_be_bytes().to_vec();
        put_address(&mut message, address.ip());
        message.extend_from_slice(&address.port().to_be_bytes());
        keyed(&self.reset_key, &message)
    }

    /// Key id, purpose, two zero bytes and the time of issue; zeros where the MAC goes.
    fn head(&self, now: Instant, purpose: u8) -> Token {
        let mut token = NO_TOKEN;
        (token[0], token[1]) = (self.key_id, purpose);
        token[4..8].copy_from_slice(&self.seconds(now).to_be_bytes());
        token
    }

    /// The time of day in seconds; wraps in 2106, when tokens of one day are refused.
    fn seconds(&self, now: Instant) -> u32 {
        (self.epoch.wrapping_add(now.as_micros() / 1_000_000) & u64::from(u32::MAX)) as u32
    }

    fn address_mac(&self, token: &Token, address: SocketAddr, nonce: &Nonce) -> [u8; 16] {
        let mut message = token[..8].to_vec();
        put_address(&mut message, address.ip());
        message.extend_from_slice(&address.port().to_be_bytes());
        message.extend_from_slice(nonce);
        keyed(&self.address_key, &message)
    }

    /// The half that can be checked before any key agreement.
    fn return_place_mac(&self, token: &Token, ip: IpAddr) -> [u8; 8] {
        let mut message = token[..8].to_vec();
        put_address(&mut message, ip);
        half(keyed(&self.return_key, &message))
    }

    /// The half that binds the first half to the client's key.
    fn return_owner_mac(&self, token: &Token, client: Option<PublicKey>) -> [u8; 8] {
        let mut message = token[..16].to_vec();
        message.extend_from_slice(&client.map_or([0; 32], |key| key.0));
        half(keyed(&self.return_key, &message))
    }
}

fn half(mac: [u8; 16]) -> [u8; 8] {
    *mac.first_chunk().expect("16 bytes hold 8")
}

/// The family and the bytes of an address, one spelling for each.
fn put_address(out: &mut Vec<u8>, ip: IpAddr) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = [5; 16];

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new(&[1; 32], 1_700_000_000)
    }

    /// B03, B04: [W-22], [W-24]
    #[test]
    fn an_address_token_is_good_for_one_address_one_handshake_and_ten_seconds() {
        let home = address("192.0.2.1:4000");
        let token = tokens().address_token(at(100), home, &NONCE);
        let check = |now, token: &Token, from, nonce| tokens().check(now, token, from, nonce);
        assert_eq!(check(at(100), &token, home, &NONCE), Some(Proof::Address));
        assert_eq!(check(at(109), &token, home, &NONCE), Some(Proof::Address));
        assert_eq!(check(at(110), &token, home, &NONCE), None, "expired");
        assert_eq!(check(at(99), &token, home, &NONCE), None, "from the future");
        for elsewhere in ["192.0.2.1:4001", "192.0.2.2:4000", "[2001:db8::1]:4000"] {
            assert_eq!(check(at(100), &token, address(elsewhere), &NONCE), None, "{elsewhere}");
        }
        let mapped = address("[::ffff:192.0.2.1]:4000");
        assert_eq!(check(at(100), &token, mapped, &NONCE), Some(Proof::Address), "one spelling");
        assert_eq!(check(at(100), &token, home, &[6; 16]), None, "another handshake");
        assert_eq!(check(at(100), &NO_TOKEN, home, &NONCE), None);
        for bit in 0..token.len() * 8 {
            let mut forged = token;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(at(100), &forged, home, &NONCE), None, "bit {bit}");
        }
        let other = Tokens::new(&[2; 32], 1_700_000_000);
        assert_eq!(other.check(at(100), &token, home, &NONCE), None, "another secret");
    }

    /// [W-23]
    #[test]
    fn a_return_token_is_good_for_one_ip_one_key_and_a_day() {
        let (home, key) = (address("192.0.2.1:4000"), Some(PublicKey([9; 32])));
        let token = tokens().return_token(at(100), home, key);
        let later = at(100 + 24 * 3600 - 1);
        let moved_port = address("192.0.2.1:9");
        assert_eq!(tokens().check(later, &token, moved_port, &[7; 16]), Some(Proof::Return));
        assert!(tokens().is_for(&token, key));
        assert!(!tokens().is_for(&token, Some(PublicKey([8; 32]))));
        assert!(!tokens().is_for(&token, None));
        assert_eq!(tokens().check(at(100 + 24 * 3600), &token, home, &NONCE), None);
        assert_eq!(tokens().check(later, &token, address("192.0.2.2:4000"), &NONCE), None);
        let mut as_address = token;
        as_address[1] = PURPOSE_ADDRESS;
        assert_eq!(tokens().check(at(100), &as_address, home, &NONCE), None, "other purpose");
        let anonymous = tokens().return_token(at(100), home, None);
        assert!(tokens().is_for(&anonymous, None) && !tokens().is_for(&anonymous, key));
    }

    /// A restart changes the origin of time, not the tokens.
    #[test]
    fn tokens_survive_a_restart() {
        let (home, key) = (address("192.0.2.1:4000"), Some(PublicKey([9; 32])));
        let token = tokens().return_token(at(100), home, key);
        let restarted = Tokens::new(&[1; 32], 1_700_000_200);
        assert_eq!(restarted.check(at(0), &token, home, &NONCE), Some(Proof::Return));
        assert_eq!(restarted.reset_token(7, home), tokens().reset_token(7, home));
    }

    /// [W-31]
    #[test]
    fn reset_tokens_differ_by_index_and_address() {
        let tokens = tokens();
        let token = tokens.reset_token(7, address("192.0.2.1:4000"));
        assert_ne!(token, tokens.reset_token(8, address("192.0.2.1:4000")));
        assert_ne!(token, tokens.reset_token(7, address("192.0.2.1:4001")));
        assert_ne!(token, tokens.reset_token(7, address("192.0.2.2:4000")));
    }
}
