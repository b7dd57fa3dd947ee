//! One message to somebody who is not there: Noise's one-way pattern X, to a key that he has left
//! behind.

use snow::{Builder, HandshakeState};

use super::resolver::Resolver;
use super::static_key::{PublicKey, StaticKey};
use crate::id::Seed;

/// Noise specification, 7.4 and 8.
const NAME: &str = "Noise_X_25519_AESGCM_SHA256";
/// The ephemeral key, the encrypted static key and two tags.
pub(crate) const OVERHEAD: usize = 32 + 48 + 16;

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
    let mut message = vec![0; OVERHEAD + payload.len()];
    let len = state.write_message(payload, &mut message).map_err(|_| Refused)?;
    message.truncate(len);
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
    let mut payload = vec![0; message.len()];
    let len = state.read_message(message, &mut payload).map_err(|_| Refused)?;
    payload.truncate(len);
    Ok((remote_static(&state)?, payload))
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

    #[test]
    fn a_key_of_low_order_is_refused() {
        let alice = StaticKey::from_private([1; 32]);
        let sealed = seal(&alice, &PublicKey([0; 32]), b"", Seed::new([3; 32]), b"hello");
        assert_eq!(sealed, Err(Refused));
    }
}
