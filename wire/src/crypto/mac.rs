//! Message authentication codes outside of Noise: mac1 of INIT, and the MACs of probes.

use crate::crypto::static_key::PublicKey;
use crate::datagram::{self, Probe, ProbeKind};
use crate::id::Side;

/// A keyed BLAKE3 hash, cut to 128 bits.
pub(crate) fn keyed(key: &[u8; 32], message: &[u8]) -> [u8; 16] {
    let hash = blake3::keyed_hash(key, message);
    *hash.as_bytes().first_chunk().expect("a BLAKE3 hash is 32 bytes")
}

/// Compares without telling by time where the difference is.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// mac1: shows that the sender of an INIT knows whom it writes to, before anything is computed
/// for it [W-21]. No secret: it turns scanners away, not attackers.
pub(crate) struct Mac1([u8; 32]);

impl Mac1 {
    /// For INITs to the holder of `responder`.
    pub(crate) fn new(responder: &PublicKey) -> Self {
        Self(blake3::derive_key("tincan/1 mac1", &responder.0))
    }

    /// The code over everything of an INIT that stands before it.
    pub(crate) fn compute(&self, macd: &[u8]) -> [u8; 16] {
        keyed(&self.0, macd)
    }

    pub(crate) fn verify(&self, macd: &[u8], mac1: &[u8; 16]) -> bool {
        equal(&self.compute(macd), mac1)
    }
}

/// The keys of one call's probes, from the introduction secret: one for each side, so that no
/// probe sent back to its sender passes [W-36].
pub(crate) struct ProbeKeys {
    send: [u8; 32],
    receive: [u8; 32],
}

impl ProbeKeys {
    pub(crate) fn new(secret: &[u8; 32], side: Side) -> Self {
        let of = |side| match side {
            Side::Initiator => blake3::derive_key("tincan/1 probe by the initiator", secret),
            Side::Responder => blake3::derive_key("tincan/1 probe by the responder", secret),
        };
        Self { send: of(side), receive: of(side.peer()) }
    }

    /// A whole PROBE or PROBE_ACK.
    pub(crate) fn seal(&self, kind: ProbeKind, tag: [u8; 8], nonce: [u8; 8]) -> Vec<u8> {
        let head = datagram::probe_head(kind, tag, nonce);
        datagram::probe(&head, &keyed(&self.send, &head))
    }

    /// Whether the other side of the call made this probe.
    pub(crate) fn verify(&self, probe: &Probe) -> bool {
        let head = datagram::probe_head(probe.kind, probe.tag, probe.nonce);
        equal(&keyed(&self.receive, &head), &probe.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datagram::Datagram;

    fn parse(bytes: &[u8]) -> Probe {
        let Ok(Datagram::Probe(probe)) = datagram::parse(bytes) else { panic!("no probe") };
        probe
    }

    /// [W-36]
    #[test]
    fn a_probe_passes_only_at_the_other_side_of_its_call() {
        let initiator = ProbeKeys::new(&[1; 32], Side::Initiator);
        let responder = ProbeKeys::new(&[1; 32], Side::Responder);
        let stranger = ProbeKeys::new(&[2; 32], Side::Responder);
        let probe = parse(&initiator.seal(ProbeKind::Request, [7; 8], [8; 8]));
        assert!(responder.verify(&probe));
        assert!(!initiator.verify(&probe), "reflected to its sender");
        assert!(!stranger.verify(&probe));
        assert!(!responder.verify(&Probe { kind: ProbeKind::Answer, ..probe }));
        assert!(!responder.verify(&Probe { tag: [9; 8], ..probe }));
        assert!(!responder.verify(&Probe { nonce: [9; 8], ..probe }));
    }

    /// [W-21]
    #[test]
    fn mac1_depends_on_whom_it_is_for_and_on_every_byte() {
        let (a, b) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let code = Mac1::new(&a).compute(b"init");
        assert!(Mac1::new(&a).verify(b"init", &code));
        assert!(!Mac1::new(&b).verify(b"init", &code));
        assert!(!Mac1::new(&a).verify(b"inix", &code));
    }
}
