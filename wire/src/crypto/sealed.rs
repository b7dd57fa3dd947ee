//! One message to somebody who is not there: Noise's one-way pattern X, to a key that he has left
//! behind. No Noise message is longer than 65,535 bytes, so what is longer goes on in transport messages
//! behind the first one:
//!
//! ```text
//!   e, es, s, ss, piece  │  piece  │ ...            each piece but the last has PIECE bytes
//!   96 bytes more        │  16 bytes more, each
//! ```

use snow::{Builder, HandshakeState, StatelessTransportState};

use super::packet_keys::TAG_LEN;
use super::resolver::Resolver;
use super::static_key::{PublicKey, StaticKey};
use crate::id::Seed;

/// Noise specification, 7.4 and 8.
const NAME: &str = "Noise_X_25519_AESGCM_SHA256";
/// The ephemeral key, the encrypted static key and two tags.
pub(crate) const OVERHEAD: usize = 32 + 48 + TAG_LEN;
/// Most bytes of what is sealed in one Noise message.
pub(crate) const PIECE: usize = 60 << 10;

/// How long it is, sealed, when `len` bytes are.
pub(crate) const fn sealed_len(len: usize) -> usize {
    let behind_the_first = if len > PIECE { (len - PIECE).div_ceil(PIECE) } else { 0 };
    OVERHEAD + len + behind_the_first * TAG_LEN
}

/// It was not made for this key, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Seals `payload`. The ephemeral key comes from `seed`, which must never be used twice, and stands
/// first in what is given.
///
/// # Errors
/// When `to` is a point of low order.
pub(crate) fn seal(
    from: &StaticKey,
    to: &PublicKey,
    prologue: &[u8],
    seed: Seed,
    payload: &[u8],
) -> Result<Vec<u8>, Refused> {
    let mut state = builder(from, prologue, seed)
        .remote_public_key(&to.0)
        .and_then(Builder::build_initiator)
        .expect("every key that the pattern needs is given, once");
    let (first, rest) = payload.split_at(payload.len().min(PIECE));
    let mut message = vec![0; sealed_len(payload.len())];
    let mut len = state.write_message(first, &mut message).map_err(|_| Refused)?;
    let behind = transport(state);
    for (nonce, piece) in (0..).zip(rest.chunks(PIECE)) {
        let room = message.get_mut(len..).unwrap_or_default();
        let sealed = behind.write_message(nonce, piece, room);
        len += sealed.expect("a piece fits into a message, and there is room for it");
    }
    assert_eq!(len, message.len(), "the length that is sealed is known before");
    Ok(message)
}

/// Opens what was sealed to `own`; gives the static key of the sender too.
///
/// # Errors
/// When it was not, under this prologue.
pub(crate) fn open(
    own: &StaticKey,
    prologue: &[u8],
    message: &[u8],
) -> Result<(PublicKey, Vec<u8>), Refused> {
    // The receiver of this pattern makes no key.
    let mut state = builder(own, prologue, Seed::new([0; 32]))
        .build_responder()
        .expect("every key that the pattern needs is given");
    let (first, rest) = message.split_at(message.len().min(OVERHEAD + PIECE));
    let mut payload = vec![0; message.len()];
    let mut len = state.read_message(first, &mut payload).map_err(|_| Refused)?;
    let from = remote_static(&state)?;
    let behind = transport(state);
    for (nonce, piece) in (0..).zip(rest.chunks(TAG_LEN + PIECE)) {
        let room = payload.get_mut(len..).unwrap_or_default();
        len += behind.read_message(nonce, piece, room).map_err(|_| Refused)?;
    }
    payload.truncate(len);
    Ok((from, payload))
}

/// What goes on behind the pattern's one message.
fn transport(state: HandshakeState) -> StatelessTransportState {
    state.into_stateless_transport_mode().expect("the pattern is over after one message")
}

fn remote_static(state: &HandshakeState) -> Result<PublicKey, Refused> {
    let bytes = state.get_remote_static().ok_or(Refused)?;
    Ok(PublicKey(bytes.try_into().map_err(|_| Refused)?))
}

fn builder<'a>(local: &'a StaticKey, prologue: &'a [u8], seed: Seed) -> Builder<'a> {
    let params = NAME.parse().expect("a protocol name that snow knows");
    Builder::with_resolver(params, Box::new(Resolver::new(seed)))
        .prologue(prologue)
        .and_then(|builder| builder.local_private_key(local.private()))
        .expect("each set once")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whom_it_is_for_opens_it_and_learns_from_whom_it_is() {
        let (alice, bob) = (StaticKey::from_private([1; 32]), StaticKey::from_private([2; 32]));
        let sealed = seal(&alice, &bob.public(), b"to bob", Seed::new([3; 32]), b"hello").unwrap();
        assert_eq!(sealed.len(), OVERHEAD + 5);
        assert_eq!(open(&bob, b"to bob", &sealed), Ok((alice.public(), b"hello".to_vec())));
        assert_eq!(open(&alice, b"to bob", &sealed), Err(Refused));
        assert_eq!(open(&bob, b"to carol", &sealed), Err(Refused));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            // The topmost bit of an X25519 key means nothing (RFC 7748 section 5).
            assert_eq!(open(&bob, b"to bob", &damaged), Err(Refused), "byte {at}");
        }
        for len in 0..sealed.len() {
            assert_eq!(open(&bob, b"to bob", &sealed[..len]), Err(Refused));
        }
    }

    /// [W-185]. Neither end nor middle can be changed; what is cut off between two pieces is missed by whoever
    /// reads what is in it.
    #[test]
    fn what_is_longer_than_a_noise_message_goes_in_pieces() {
        let (alice, bob) = (StaticKey::from_private([1; 32]), StaticKey::from_private([2; 32]));
        for len in [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1] {
            let long: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let sealed = seal(&alice, &bob.public(), b"", Seed::new([3; 32]), &long).unwrap();
            assert_eq!(sealed.len(), sealed_len(len));
            assert_eq!(open(&bob, b"", &sealed), Ok((alice.public(), long)), "{len} bytes");
        }
        let long = vec![7; 3 * PIECE];
        let sealed = seal(&alice, &bob.public(), b"", Seed::new([3; 32]), &long).unwrap();
        let [second, third] = [OVERHEAD + PIECE, OVERHEAD + TAG_LEN + 2 * PIECE];
        for at in [second - 1, second, third - 1, third, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(open(&bob, b"", &damaged), Err(Refused), "byte {at}");
        }
        let mut swapped = sealed[..second].to_vec();
        swapped.extend_from_slice(&sealed[third..]);
        swapped.extend_from_slice(&sealed[second..third]);
        assert_eq!(open(&bob, b"", &swapped), Err(Refused), "in another order");
        assert_eq!(open(&bob, b"", &sealed[..sealed.len() - 1]), Err(Refused));
        for tail in [1, TAG_LEN - 1, TAG_LEN] {
            let short = &sealed[..third + tail];
            assert_eq!(open(&bob, b"", short), Err(Refused), "{tail} bytes of a piece");
        }
        let cut = open(&bob, b"", &sealed[..third]);
        assert_eq!(cut.map(|(_, long)| long.len()), Ok(2 * PIECE));
    }

    #[test]
    fn a_key_of_low_order_is_refused() {
        let alice = StaticKey::from_private([1; 32]);
        let sealed = seal(&alice, &PublicKey([0; 32]), b"", Seed::new([3; 32]), b"hello");
        assert_eq!(sealed, Err(Refused));
    }
}
