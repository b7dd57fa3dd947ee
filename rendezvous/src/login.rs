//! The server's half of OPAQUE (RFC 9807), and how far a client without a key has come with it.
//!
//! A login for a name that no account has goes the same way as any other, with a decoy in place
//! of the record: same messages, same sizes, same work.

use std::collections::BTreeSet;

use opaque_ke::{
    ClientRegistration, ClientRegistrationFinishParameters, CredentialFinalization,
    CredentialRequest, RegistrationRequest, RegistrationResponse, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use rand_core::{CryptoRng, RngCore};
use wire::app::identity::IdentityKey;
use wire::app::login::{Stretch, Suite, context, identifiers};
use wire::app::name::Name;
use wire::time::{Duration, Instant};
use wire::{ConnectionHandle, Seed};

use crate::store::Resets;

/// A login that is not finished by then is forgotten; the attempt stays counted.
pub(crate) const PENDING_FOR: Duration = Duration::from_secs(30);
/// For what follows from a proof within a session, a password may have to be stretched.
pub(crate) const PROVEN_FOR: Duration = Duration::from_secs(60);
/// Most unfinished logins; the oldest goes.
const MAX_PENDING: usize = 4096;

/// How far a client without a key has come.
pub(crate) enum Anonymous {
    /// Nothing yet.
    Fresh,
    /// Has the answer to its `RegisterStart` for this name.
    Registering(Name),
    /// Has KE2 and owes KE3.
    LoggingIn(Box<PendingLogin>),
    /// Has proven the password.
    Proven(Proven),
}

impl core::fmt::Debug for Anonymous {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Fresh => "Fresh",
            Self::Registering(_) => "Registering",
            Self::LoggingIn(_) => "LoggingIn",
            Self::Proven(_) => "Proven",
        })
    }
}

/// How far a user has come with showing once more that he knows the password.
#[derive(Default)]
pub(crate) enum Proof {
    /// Not lately.
    #[default]
    Missing,
    /// Has KE2 and owes KE3.
    Owed(Box<PendingLogin>),
    /// Has proven it.
    Given {
        /// Until then it is good for one thing.
        until: Instant,
    },
}

impl core::fmt::Debug for Proof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Owed(_) => "Owed",
            Self::Given { .. } => "Given",
        })
    }
}

/// A login between KE2 and KE3.
pub(crate) struct PendingLogin {
    pub(crate) proven: Proven,
    pub(crate) sealed: Vec<u8>,
    pub(crate) generation: u64,
    pub(crate) deadline: Instant,
    /// Whether there is such an account. The decoy's key pair is known to nobody, so KE3 fails by
    /// itself; this only makes sure.
    pub(crate) exists: bool,
    state: ServerLogin<Suite>,
}

/// What is known of an account whose password was proven.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(crate) name: Name,
    pub(crate) identity: Option<IdentityKey>,
    /// As the account was then.
    pub(crate) resets: Resets,
}

/// A message that is not what OPAQUE would send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// OPAQUE with this server's keys.
pub(crate) struct Opaque {
    setup: ServerSetup<Suite>,
    decoy: Vec<u8>,
}

impl Opaque {
    pub(crate) fn new(setup: ServerSetup<Suite>) -> Self {
        let decoy = decoy(&setup);
        Self { setup, decoy }
    }

    /// Answers a `RegistrationRequest`. Needs no record, so it tells nothing about accounts.
    pub(crate) fn register(&self, name: &Name, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let request = RegistrationRequest::deserialize(message).map_err(|_| Malformed)?;
        let response = ServerRegistration::start(&self.setup, request, name.as_str().as_bytes())
            .map_err(|_| Malformed)?;
        Ok(response.message.serialize().to_vec())
    }

    /// Checks and reads KE1.
    pub(crate) fn read_ke1(message: &[u8]) -> Result<CredentialRequest<Suite>, Malformed> {
        CredentialRequest::deserialize(message).map_err(|_| Malformed)
    }

    /// Answers KE1 with KE2 and keeps what KE3 is checked against. `record` is `None` for a name
    /// that no account has. `Err` means that the stored record is damaged.
    pub(crate) fn begin(
        &self,
        rng: &mut (impl RngCore + CryptoRng),
        name: &Name,
        record: Option<&[u8]>,
        ke1: CredentialRequest<Suite>,
        handshake_hash: &[u8; 32],
    ) -> Result<(Vec<u8>, ServerLogin<Suite>), Malformed> {
        let record = record.unwrap_or(&self.decoy);
        let record = ServerRegistration::deserialize(record).map_err(|_| Malformed)?;
        let context = context(handshake_hash);
        let parameters =
            ServerLoginParameters { context: Some(&context), identifiers: identifiers(name) };
        let identifier = name.as_str().as_bytes();
        let start = ServerLogin::start(rng, &self.setup, Some(record), ke1, identifier, parameters)
            .map_err(|_| Malformed)?;
        Ok((start.message.serialize().to_vec(), start.state))
    }

    /// What a registration with this password would have stored: both sides of it, as the operator
    /// does for a user. `None` when it cannot be stretched so.
    pub(crate) fn record(
        &self,
        rng: &mut (impl RngCore + CryptoRng),
        name: &Name,
        password: &[u8],
        stretch: Stretch,
    ) -> Option<Vec<u8>> {
        let ksf = stretch.function()?;
        let start = ClientRegistration::<Suite>::start(rng, password).ok()?;
        let answer = self.register(name, &start.message.serialize()).ok()?;
        let answer = RegistrationResponse::deserialize(&answer).ok()?;
        let parameters = ClientRegistrationFinishParameters::new(identifiers(name), Some(&ksf));
        let finish = start.state.finish(rng, password, answer, parameters).ok()?;
        checked_record(&finish.message.serialize()).ok()
    }
}

/// A `RegistrationRecord` as it is stored, if it is one.
pub(crate) fn checked_record(message: &[u8]) -> Result<Vec<u8>, Malformed> {
    let upload = RegistrationUpload::<Suite>::deserialize(message).map_err(|_| Malformed)?;
    Ok(ServerRegistration::finish(upload).serialize().to_vec())
}

impl PendingLogin {
    pub(crate) const fn new(
        proven: Proven,
        sealed: Vec<u8>,
        generation: u64,
        deadline: Instant,
        exists: bool,
        state: ServerLogin<Suite>,
    ) -> Self {
        Self { proven, sealed, generation, deadline, exists, state }
    }

    /// Whether `ke3` proves the password on this connection.
    pub(crate) fn is_proven_by(&self, ke3: &[u8], handshake_hash: &[u8; 32]) -> bool {
        let Ok(message) = CredentialFinalization::deserialize(ke3) else { return false };
        let context = context(handshake_hash);
        let parameters = ServerLoginParameters {
            context: Some(&context),
            identifiers: identifiers(&self.proven.name),
        };
        self.state.clone().finish(message, parameters).is_ok() && self.exists
    }
}

/// When which unfinished login is forgotten.
#[derive(Debug, Default)]
pub(crate) struct PendingLogins {
    order: BTreeSet<(Instant, ConnectionHandle)>,
}

impl PendingLogins {
    /// Notes one, and names the one that must go for it, if so.
    pub(crate) fn add(
        &mut self,
        deadline: Instant,
        handle: ConnectionHandle,
    ) -> Option<ConnectionHandle> {
        self.order.insert((deadline, handle));
        if self.order.len() <= MAX_PENDING {
            return None;
        }
        self.order.pop_first().map(|(_, oldest)| oldest)
    }

    /// One is finished or gone.
    pub(crate) fn remove(&mut self, deadline: Instant, handle: ConnectionHandle) {
        self.order.remove(&(deadline, handle));
    }

    /// One that has taken too long.
    pub(crate) fn poll_expired(&mut self, now: Instant) -> Option<ConnectionHandle> {
        self.order.first().filter(|(deadline, _)| *deadline <= now)?;
        self.order.pop_first().map(|(_, handle)| handle)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.order.first().map(|(deadline, _)| *deadline)
    }
}

/// A record like those of real accounts, with a public key whose private half is thrown away.
/// Made from the setup, so that it is the same after a restart.
fn decoy(setup: &ServerSetup<Suite>) -> Vec<u8> {
    let seed = blake3::derive_key("tincan/1 decoy record", &setup.serialize());
    let mut rng = Seed::new(seed).rng();
    let mut record = ServerSetup::<Suite>::new(&mut rng).keypair().public().serialize().to_vec();
    // Masking key (64), envelope nonce (32) and tag (64): RFC 9807 sections 4.1.2 and 5.
    let mut rest = [0; 160];
    rng.fill_bytes(&mut rest);
    record.extend_from_slice(&rest);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use opaque_ke::argon2::Argon2;
    use opaque_ke::{ClientLogin, ClientLoginFinishParameters, CredentialResponse};
    use rand_chacha::ChaCha20Rng;

    const HASH: [u8; 32] = [9; 32];
    const CHEAP: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };

    fn cheap() -> Argon2<'static> {
        CHEAP.function().unwrap()
    }

    fn setup() -> (Opaque, ChaCha20Rng) {
        let mut rng = Seed::new([5; 32]).rng();
        (Opaque::new(ServerSetup::new(&mut rng)), rng)
    }

    fn register(opaque: &Opaque, rng: &mut ChaCha20Rng, name: &Name, password: &[u8]) -> Vec<u8> {
        opaque.record(rng, name, password, CHEAP).unwrap()
    }

    /// Runs a login as far as the client gets; returns whether the server is convinced.
    fn login(
        opaque: &Opaque,
        rng: &mut ChaCha20Rng,
        name: &Name,
        record: Option<&[u8]>,
        password: &[u8],
        hashes: [&[u8; 32]; 2],
    ) -> bool {
        let start = ClientLogin::<Suite>::start(rng, password).unwrap();
        let ke1 = Opaque::read_ke1(&start.message.serialize()).unwrap();
        let (ke2, state) = opaque.begin(rng, name, record, ke1, hashes[1]).unwrap();
        assert_eq!(ke2.len(), 320);
        let proven = Proven { name: name.clone(), identity: None, resets: Resets::default() };
        let pending = PendingLogin::new(proven, vec![], 0, Instant::ZERO, record.is_some(), state);
        let ksf = cheap();
        let context = context(hashes[0]);
        let parameters =
            ClientLoginFinishParameters::new(Some(&context), identifiers(name), Some(&ksf));
        let ke2 = CredentialResponse::deserialize(&ke2).unwrap();
        let Ok(finish) = start.state.finish(rng, password, ke2, parameters) else { return false };
        pending.is_proven_by(&finish.message.serialize(), hashes[1])
    }

    #[test]
    fn only_the_right_password_on_the_right_connection_proves() {
        let (opaque, mut rng) = setup();
        let alice = Name::new("alice").unwrap();
        let record = register(&opaque, &mut rng, &alice, b"secret");
        let mut attempt = |name: &Name, record, password: &[u8], hashes| {
            login(&opaque, &mut rng, name, record, password, hashes)
        };
        let known = Some(record.as_slice());
        assert!(attempt(&alice, known, b"secret", [&HASH, &HASH]));
        assert!(!attempt(&alice, known, b"Secret", [&HASH, &HASH]));
        assert!(!attempt(&alice, None, b"secret", [&HASH, &HASH]), "decoy");
        // Security acceptance D04: passed on by a man in the middle of the outer channel.
        assert!(!attempt(&alice, known, b"secret", [&HASH, &[8; 32]]));
        let bob = Name::new("bob").unwrap();
        assert!(!attempt(&bob, known, b"secret", [&HASH, &HASH]), "another's record");
    }

    /// Security acceptance D01: a name without an account is answered as one whose record is the
    /// decoy, byte for byte, so by the same steps. (Given no record at all, OPAQUE draws one and
    /// takes measurably longer.)
    #[test]
    fn an_unknown_name_costs_the_same_work() {
        let (opaque, mut rng) = setup();
        let name = Name::new("nobody").unwrap();
        let start = ClientLogin::<Suite>::start(&mut rng, b"guess").unwrap().message.serialize();
        let answer = |record: Option<&[u8]>| {
            let ke1 = Opaque::read_ke1(&start).unwrap();
            let mut rng = Seed::new([6; 32]).rng();
            opaque.begin(&mut rng, &name, record, ke1, &HASH).unwrap().0
        };
        assert_eq!(answer(None), answer(Some(&opaque.decoy)));
    }

    /// Security acceptance D06.
    #[test]
    fn malformed_messages_are_refused() {
        let (opaque, _) = setup();
        let alice = Name::new("alice").unwrap();
        for message in [vec![], vec![0; 31], vec![0; 32], vec![0xff; 32], vec![1; 33]] {
            assert_eq!(opaque.register(&alice, &message), Err(Malformed));
        }
        for message in [vec![], vec![0; 96], vec![0xff; 96], vec![0; 97]] {
            assert!(Opaque::read_ke1(&message).is_err());
        }
        assert!(checked_record(&[0; 192]).is_err());
        assert!(checked_record(&[]).is_err());
    }

    /// Security acceptance D01: an unknown name is answered by the same kind of record through
    /// the same code. A restarted server has the same decoy.
    #[test]
    fn the_decoy_is_a_record_like_others_and_stays() {
        let (opaque, mut rng) = setup();
        let record = register(&opaque, &mut rng, &Name::new("alice").unwrap(), b"x");
        assert_eq!(opaque.decoy.len(), record.len());
        assert!(ServerRegistration::<Suite>::deserialize(&opaque.decoy).is_ok());
        assert_eq!(Opaque::new(opaque.setup.clone()).decoy, opaque.decoy);
    }
}
