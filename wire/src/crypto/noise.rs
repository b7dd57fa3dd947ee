//! Noise handshakes of two messages: NK, IK and IKpsk2 (PROTOCOL.md, "Handshakes").

use core::fmt;

use snow::{Builder, HandshakeState};
use zeroize::Zeroize;

use super::packet_keys::PacketKeys;
use super::resolver::Resolver;
use super::static_key::{PublicKey, StaticKey};
use crate::id::{Seed, Side};

/// Longest payload of a handshake message that is taken.
const MAX_PAYLOAD: usize = 256;
/// An ephemeral key, an encrypted static key and two tags: the most that Noise adds.
const MAX_OVERHEAD: usize = 96;

/// Which handshake is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// The initiator stays anonymous.
    Nk,
    /// The initiator shows its static key.
    Ik,
    /// The same under the introduction secret.
    IkPsk2,
}

impl Pattern {
    /// The full protocol name (Noise specification, 8).
    const fn name(self) -> &'static str {
        match self {
            Self::Nk => "Noise_NK_25519_AESGCM_SHA256",
            Self::Ik => "Noise_IK_25519_AESGCM_SHA256",
            Self::IkPsk2 => "Noise_IKpsk2_25519_AESGCM_SHA256",
        }
    }
}

/// What both sides must agree on before the first message; a difference in any part of it makes
/// the handshake fail [W-11].
pub(crate) struct Prologue(Vec<u8>);

impl Prologue {
    /// For a first handshake: the application's label, the version list as it was offered, the
    /// pattern, and what else is to be bound (identities and call id between peers).
    pub(crate) fn first(pattern: Pattern, label: &str, versions: &[u8], binding: &[u8]) -> Self {
        Self::join(
            b"tincan/1 handshake",
            &[pattern.name().as_bytes(), label.as_bytes(), versions, binding],
        )
    }

    /// For a handshake that renews the keys of a connection: bound to the one before it and to
    /// the epoch that it begins.
    pub(crate) fn rekey(pattern: Pattern, previous_hash: &[u8; 32], epoch: u8) -> Self {
        Self::join(b"tincan/1 rekey", &[pattern.name().as_bytes(), previous_hash, &[epoch]])
    }

    /// Each part with its length before it, so that no two lists of parts give the same bytes.
    fn join(domain: &[u8], parts: &[&[u8]]) -> Self {
        let mut out = domain.to_vec();
        for part in parts {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        Self(out)
    }
}

/// The keys with which a side enters a handshake.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    /// This side's static key; an anonymous initiator has none to show.
    pub(crate) local: Option<&'a StaticKey>,
    /// The introduction secret; given exactly for [`Pattern::IkPsk2`].
    pub(crate) psk: Option<&'a [u8; 32]>,
}

/// A handshake message that does not fit: forged, damaged, or from another world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// What a complete handshake leaves.
pub(crate) struct Finished {
    pub(crate) keys: PacketKeys,
    /// The hash over the whole handshake.
    pub(crate) hash: [u8; 32],
}

/// The side that has sent the first message and waits for the second.
pub(crate) struct Initiator {
    state: HandshakeState,
}

impl Initiator {
    /// Writes the first message. Its ephemeral key is [`ephemeral_public`] of `seed`.
    ///
    /// # Errors
    /// When `remote` is a point of low order.
    pub(crate) fn start(
        pattern: Pattern,
        prologue: &Prologue,
        keys: Keys<'_>,
        remote: &PublicKey,
        seed: Seed,
        payload: &[u8],
    ) -> Result<(Self, Vec<u8>), Refused> {
        let mut state = builder(pattern, prologue, keys, seed)
            .remote_public_key(&remote.0)
            .and_then(Builder::build_initiator)
            .expect("every key that the pattern needs is given, once");
        let message = write(&mut state, payload)?;
        Ok((Self { state }, message))
    }

    /// Reads the second message; gives its payload. What does not fit changes nothing: the true
    /// answer is still taken afterwards [W-13].
    ///
    /// # Errors
    /// When the message is not the answer to the first.
    pub(crate) fn finish(&mut self, message: &[u8]) -> Result<(Finished, Vec<u8>), Refused> {
        // Nothing of a refused message stays in the state: snow restores hash and chaining key,
        // and every pattern here mixes a fresh key before it decrypts.
        let payload = read(&mut self.state, message)?;
        Ok((finished(&mut self.state, Side::Initiator), payload))
    }
}

/// The side that has read the first message.
pub(crate) struct Responder {
    state: HandshakeState,
}

impl Responder {
    /// Reads the first message; gives its payload, which anyone may have recorded and sent again:
    /// nothing is done on its word alone [W-12].
    ///
    /// # Errors
    /// When the message was not made for this side.
    pub(crate) fn read(
        pattern: Pattern,
        prologue: &Prologue,
        keys: Keys<'_>,
        seed: Seed,
        message: &[u8],
    ) -> Result<(Self, Vec<u8>), Refused> {
        let mut state = builder(pattern, prologue, keys, seed)
            .build_responder()
            .expect("every key that the pattern needs is given");
        let payload = read(&mut state, message)?;
        Ok((Self { state }, payload))
    }

    /// The static key that the initiator has shown; `None` for NK.
    pub(crate) fn remote_static(&self) -> Option<PublicKey> {
        let bytes = self.state.get_remote_static()?;
        Some(PublicKey(bytes.try_into().expect("an X25519 key is 32 bytes")))
    }

    /// Writes the second message.
    ///
    /// # Errors
    /// When a key of the initiator is a point of low order.
    pub(crate) fn answer(mut self, payload: &[u8]) -> Result<(Finished, Vec<u8>), Refused> {
        let message = write(&mut self.state, payload)?;
        Ok((finished(&mut self.state, Side::Responder), message))
    }
}

/// The ephemeral public key of the message that [`Initiator::start`] will write with this seed.
pub(crate) fn ephemeral_public(seed: &Seed) -> PublicKey {
    use rand_core::RngCore;
    let mut private = [0; 32];
    seed.rng().fill_bytes(&mut private);
    let public = StaticKey::from_private(private).public();
    private.zeroize();
    public
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiator(..)")
    }
}

fn builder<'a>(
    pattern: Pattern,
    prologue: &'a Prologue,
    keys: Keys<'a>,
    seed: Seed,
) -> Builder<'a> {
    let params = pattern.name().parse().expect("a protocol name that snow knows");
    let mut builder = Builder::with_resolver(params, Box::new(Resolver::new(seed)))
        .prologue(&prologue.0)
        .expect("set once");
    if let Some(key) = keys.local {
        builder = builder.local_private_key(key.private()).expect("set once");
    }
    if let Some(psk) = keys.psk {
        builder = builder.psk(2, psk).expect("set once, at a place that exists");
    }
    builder
}

fn write(state: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut message = vec![0; MAX_OVERHEAD + payload.len()];
    let len = state.write_message(payload, &mut message).map_err(|_| Refused)?;
    message.truncate(len);
    Ok(message)
}

fn read(state: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut payload = [0; MAX_PAYLOAD];
    let len = state.read_message(message, &mut payload).map_err(|_| Refused)?;
    Ok(payload[..len].to_vec())
}

fn finished(state: &mut HandshakeState, side: Side) -> Finished {
    let hash = state.get_handshake_hash().try_into().expect("SHA-256 gives 32 bytes");
    let mut split = state.dangerously_get_raw_split();
    let keys = PacketKeys::from_split(&split, side);
    split.0.zeroize();
    split.1.zeroize();
    Finished { keys, hash }
}

#[cfg(test)]
mod tests;
