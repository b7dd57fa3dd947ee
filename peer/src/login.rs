//! The client's half of registration and password login (OPAQUE, RFC 9807): the password goes in,
//! messages for the server and a key that only the password gives come out.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use opaque_ke::errors::ProtocolError;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialResponse, RegistrationResponse,
};
use rand_chacha::ChaCha20Rng;
use wire::app::identity::Identity;
use wire::app::login::{Stretch, Suite, context, identifiers, password};
use wire::app::name::Name;
use wire::{Secret, Seed};
use zeroize::Zeroizing;

/// The last client step of a registration or login: stretches the password, so it belongs on a
/// worker.
pub struct LoginJob {
    step: Step,
    name: Name,
    password: Secret<Vec<u8>>,
    /// The server's answer to the first step.
    response: Vec<u8>,
    stretch: Stretch,
    seed: Seed,
}

enum Step {
    Register(Box<ClientRegistration<Suite>>),
    Login { state: Box<ClientLogin<Suite>>, handshake_hash: [u8; 32] },
}

/// What came of it.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The message for the server, and the export key.
    Finished {
        /// `RegistrationRecord` or KE3.
        message: Vec<u8>,
        /// Known to nobody but who knows the password.
        export_key: ExportKey,
    },
    /// The password is not the account's (or there is no account).
    WrongPassword,
    /// The server's answer is none, or asks for a function that does not exist.
    BadAnswer,
}

/// Shortest password of a new account, in characters (NIST SP 800-63B section 5.1.1.1).
const MIN_PASSWORD: usize = 8;

/// A password, or a passphrase, that nobody has yet.
///
/// # Errors
/// Why it cannot be one, for the person.
pub(crate) fn new_password(typed: &Secret<String>) -> Result<Secret<Vec<u8>>, String> {
    if typed.expose().chars().take(MIN_PASSWORD).count() < MIN_PASSWORD {
        return Err(format!("it is too short: at least {MIN_PASSWORD} characters"));
    }
    password(typed).map_err(|error| error.to_string())
}

/// OPAQUE's export key (RFC 9807 section 2.2).
#[derive(zeroize::ZeroizeOnDrop)]
pub struct ExportKey([u8; 64]);

/// The first step, kept until the server has answered.
pub(crate) struct Started<S> {
    /// For [`LoginJob`].
    pub(crate) state: S,
    /// For the server.
    pub(crate) message: Vec<u8>,
}

/// Begins a registration.
pub(crate) fn start_registration(
    rng: &mut ChaCha20Rng,
    password: &Secret<Vec<u8>>,
) -> Started<Box<ClientRegistration<Suite>>> {
    let started = ClientRegistration::<Suite>::start(rng, password.expose())
        .expect("fails only for passwords beyond 64 KiB, which are no passwords here");
    Started { message: started.message.serialize().to_vec(), state: Box::new(started.state) }
}

/// Begins a login.
pub(crate) fn start_login(
    rng: &mut ChaCha20Rng,
    password: &Secret<Vec<u8>>,
) -> Started<Box<ClientLogin<Suite>>> {
    let started = ClientLogin::<Suite>::start(rng, password.expose())
        .expect("fails only for passwords beyond 64 KiB, which are no passwords here");
    Started { message: started.message.serialize().to_vec(), state: Box::new(started.state) }
}

impl LoginJob {
    /// The last step of a registration.
    pub(crate) fn register(
        state: Box<ClientRegistration<Suite>>,
        (name, password): (Name, Secret<Vec<u8>>),
        response: Vec<u8>,
        stretch: Stretch,
        seed: Seed,
    ) -> Self {
        Self { step: Step::Register(state), name, password, response, stretch, seed }
    }

    /// The last step of a login over a connection with this handshake hash.
    pub(crate) fn login(
        state: Box<ClientLogin<Suite>>,
        handshake_hash: [u8; 32],
        (name, password): (Name, Secret<Vec<u8>>),
        (response, stretch): (Vec<u8>, Stretch),
        seed: Seed,
    ) -> Self {
        Self {
            step: Step::Login { state, handshake_hash },
            name,
            password,
            response,
            stretch,
            seed,
        }
    }

    /// Does it: takes about a tenth of a second and 64 MiB.
    #[must_use]
    pub fn run(self) -> LoginOutcome {
        let Some(stretch) = self.stretch.function() else { return LoginOutcome::BadAnswer };
        let mut rng = self.seed.rng();
        let identifiers = identifiers(&self.name);
        let finished = match self.step {
            Step::Register(state) => RegistrationResponse::deserialize(&self.response)
                .and_then(|response| {
                    let parameters =
                        ClientRegistrationFinishParameters::new(identifiers, Some(&stretch));
                    state.finish(&mut rng, self.password.expose(), response, parameters)
                })
                .map(|done| (done.message.serialize().to_vec(), done.export_key)),
            Step::Login { state, handshake_hash } => {
                let context = context(&handshake_hash);
                CredentialResponse::deserialize(&self.response)
                    .and_then(|response| {
                        let parameters = ClientLoginFinishParameters::new(
                            Some(&context),
                            identifiers,
                            Some(&stretch),
                        );
                        state.finish(&mut rng, self.password.expose(), response, parameters)
                    })
                    .map(|done| (done.message.serialize().to_vec(), done.export_key))
            }
        };
        match finished {
            Ok((message, export_key)) => {
                let mut key = ExportKey([0; 64]);
                key.0.copy_from_slice(&export_key);
                LoginOutcome::Finished { message, export_key: key }
            }
            Err(ProtocolError::InvalidLoginError) => LoginOutcome::WrongPassword,
            Err(_) => LoginOutcome::BadAnswer,
        }
    }
}

impl core::fmt::Debug for LoginJob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "LoginJob({:?})", self.name)
    }
}

impl core::fmt::Debug for ExportKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ExportKey(..)")
    }
}

impl ExportKey {
    /// The key under which one identity is sealed: an export key belongs to one registration,
    /// and each has one identity, so the nonce may be fixed.
    fn seal_key(&self) -> LessSafeKey {
        let key = Zeroizing::new(blake3::derive_key("tincan/1 sealed identity", &self.0));
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes are a key"))
    }

    /// The identity's secret as the server keeps it for the user's other machines.
    pub(crate) fn seal(&self, identity: &Identity, name: &Name) -> Vec<u8> {
        let mut sealed = identity.secret().expose().to_vec();
        self.seal_key()
            .seal_in_place_append_tag(nonce(), Aad::from(name.as_str()), &mut sealed)
            .expect("32 bytes are far below the length limit of AES-GCM");
        sealed
    }

    /// The identity that [`seal`](Self::seal) sealed; `None` when it did not.
    pub(crate) fn open(&self, sealed: &[u8], name: &Name) -> Option<Identity> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(name.as_str());
        let secret = self.seal_key().open_in_place(nonce(), aad, &mut bytes).ok()?;
        let secret: &[u8; 32] = (&*secret).try_into().ok()?;
        Some(Identity::from_secret(secret))
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use opaque_ke::{
        CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload,
        ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup,
    };

    const CHEAP: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };

    fn password(text: &str) -> Secret<Vec<u8>> {
        wire::app::login::password(&Secret::new(text.to_owned())).unwrap()
    }

    #[test]
    fn a_registered_password_logs_in_and_gives_the_same_key() {
        let mut rng = Seed::new([1; 32]).rng();
        let name = Name::new("alice").unwrap();
        let setup = ServerSetup::<Suite>::new(&mut rng);

        let started = start_registration(&mut rng, &password("secret one"));
        let request = RegistrationRequest::deserialize(&started.message).unwrap();
        let response =
            ServerRegistration::start(&setup, request, name.as_str().as_bytes()).unwrap().message;
        let job = LoginJob::register(
            started.state,
            (name.clone(), password("secret one")),
            response.serialize().to_vec(),
            CHEAP,
            Seed::new([2; 32]),
        );
        let LoginOutcome::Finished { message, export_key } = job.run() else { panic!("registers") };
        let record =
            ServerRegistration::finish(RegistrationUpload::<Suite>::deserialize(&message).unwrap());
        let identity = Identity::from_secret(&[9; 32]);
        let sealed = export_key.seal(&identity, &name);

        let mut login = |typed: &str, client_hash: [u8; 32]| {
            let started = start_login(&mut rng, &password(typed));
            let server = ServerLogin::start(
                &mut rng,
                &setup,
                Some(record.clone()),
                CredentialRequest::deserialize(&started.message).unwrap(),
                name.as_str().as_bytes(),
                ServerLoginParameters {
                    context: Some(&context(&[5; 32])),
                    identifiers: identifiers(&name),
                },
            )
            .unwrap();
            let answer = (server.message.serialize().to_vec(), CHEAP);
            let who = (name.clone(), password(typed));
            let job = LoginJob::login(started.state, client_hash, who, answer, Seed::new([3; 32]));
            (server.state, job.run())
        };
        let (server, outcome) = login("secret one", [5; 32]);
        let LoginOutcome::Finished { message, export_key } = outcome else { panic!("logs in") };
        let finalization = CredentialFinalization::deserialize(&message).unwrap();
        let parameters = ServerLoginParameters {
            context: Some(&context(&[5; 32])),
            identifiers: identifiers(&name),
        };
        assert!(server.finish(finalization, parameters).is_ok());
        let restored = export_key.open(&sealed, &name).unwrap();
        assert_eq!(restored.public(), identity.public());
        assert!(export_key.open(&sealed, &Name::new("bob").unwrap()).is_none());

        assert!(matches!(login("secret two", [5; 32]).1, LoginOutcome::WrongPassword));
        // Another handshake hash: a man in the middle of the outer channel (security D04).
        assert!(!matches!(login("secret one", [6; 32]).1, LoginOutcome::Finished { .. }));
    }

    #[test]
    fn a_malformed_answer_is_told_apart() {
        let mut rng = Seed::new([1; 32]).rng();
        let started = start_login(&mut rng, &password("x"));
        let who = (Name::new("alice").unwrap(), password("x"));
        let answer = (vec![0; 320], CHEAP);
        let job = LoginJob::login(started.state, [0; 32], who, answer, Seed::new([3; 32]));
        assert!(matches!(job.run(), LoginOutcome::BadAnswer));
    }
}
