//! What a server can be told, and the secrets that it keeps.

use opaque_ke::ServerSetup;
use rand_core::{CryptoRng, RngCore};
use wire::app::letter::MAX_UNITS;
use wire::app::login::{Stretch, Suite};
use wire::app::name::Name;
use wire::app::server::{LABEL, MAX_MOTD};
use wire::time::Duration;
use wire::{Accept, PublicKey, Secret, StaticKey, TransportConfig};

use crate::limits::Rate;
use crate::lockout::LockoutPolicy;
use crate::login::Opaque;
use crate::rooms::Lobby;
use crate::source::AddressLog;

/// Whether strangers may make accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anyone may register.
    Open,
    /// Only accounts made by the operator exist.
    Closed,
}

/// How the server treats its clients.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Who may make accounts.
    pub registration: Registration,
    /// How many passwords may be guessed.
    pub lockout: LockoutPolicy,
    /// How the passwords of all accounts are stretched. It is one for all, because it is told to
    /// whoever begins to log in: accounts of several kinds would differ from names that have none.
    pub stretch: Stretch,
    /// The greeting; cut to [`MAX_MOTD`] bytes.
    pub motd: String,
    /// Most connections at once.
    pub max_sessions: usize,
    /// A connection that is not logged in by then is closed.
    pub login_timeout: Duration,
    /// An absence shorter than this is not announced.
    pub hold_down: Duration,
    /// Whose user did nothing for so long is logged out; `None`: nobody is.
    pub idle_timeout: Option<Duration>,
    /// How much of clients' addresses the log shows.
    pub address_log: AddressLog,
    /// How many accounts one source may make.
    pub registrations: Rate,
    /// How many requests one connection may make.
    pub requests: Rate,
    /// How often one session may change what it says about being there.
    pub statuses: Rate,
    /// How often others are told that one user came, went, or says something else. What is too much waits,
    /// and only the last of it is told.
    pub announcements: Rate,
    /// How many introductions one user may ask for.
    pub introductions: Rate,
    /// Whether there is a room for everybody.
    pub lobby: Lobby,
    /// How many rooms one user may make.
    pub creations: Rate,
    /// How much is kept for users who are not there.
    pub mailbox: Mailbox,
    /// Whether, and how fast, datagrams are carried between those who find no direct way.
    pub relaying: Relaying,
    /// How many keys for letters one user may ask for, and with them how many letters he may leave.
    pub letters: Rate,
    /// How many spoken codes one user may make and try.
    pub codes: Rate,
    /// How many one source may.
    pub codes_of_source: Rate,
    /// How many other changes to rooms one session may make; each is told to all who are in one.
    pub room_changes: Rate,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            lockout: LockoutPolicy::default(),
            stretch: Stretch::STANDARD,
            motd: String::new(),
            max_sessions: 100_000,
            login_timeout: Duration::from_secs(60),
            hold_down: Duration::from_secs(8),
            idle_timeout: None,
            address_log: AddressLog::Full,
            registrations: Rate { burst: 32, interval: Duration::from_secs(10) },
            requests: Rate { burst: 128, interval: Duration::from_millis(50) },
            statuses: Rate { burst: 5, interval: Duration::from_secs(5) },
            announcements: Rate { burst: 8, interval: Duration::from_secs(5) },
            introductions: Rate { burst: 32, interval: Duration::from_millis(500) },
            lobby: Lobby::Shut,
            creations: Rate { burst: 10, interval: Duration::from_secs(360) },
            mailbox: Mailbox::default(),
            relaying: Relaying::default(),
            letters: Rate { burst: 64, interval: Duration::from_secs(10) },
            codes: Rate { burst: 10, interval: Duration::from_secs(60) },
            codes_of_source: Rate { burst: 100, interval: Duration::from_secs(6) },
            room_changes: Rate { burst: 32, interval: Duration::from_secs(1) },
        }
    }
}

/// How much is kept for each user who is not there. Letters count by their length [W-185].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// For so many seconds; 0: no letters are taken.
    pub kept_for: u64,
    /// Most letters.
    pub letters: u64,
    /// Most of them from one sender.
    pub letters_of_one: u64,
}

impl Mailbox {
    /// The smallest in which one user can leave the longest text for another who knows him: else it
    /// would wait until both are there, and hold up all that comes behind it.
    pub const SMALLEST: u64 = 4 * MAX_UNITS as u64;

    /// Of this size, a quarter of it for each sender.
    #[must_use]
    pub const fn of(letters: u64, kept_for: u64) -> Self {
        Self { kept_for, letters, letters_of_one: letters.div_ceil(4) }
    }

    /// Most letters of all strangers together, to whom the owner has never written and whom he has not
    /// asked for: else a few of them could keep out whom he knows.
    pub const fn letters_of_strangers(&self) -> u64 {
        self.letters.div_ceil(4)
    }

    /// Most of one stranger.
    pub fn letters_of_a_stranger(&self) -> u64 {
        self.letters_of_strangers().div_ceil(2).min(self.letters_of_one)
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::of(128, 21 * 86_400)
    }
}

/// Whether the server carries datagrams between clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relaying {
    /// It does not: whoever finds no direct way leaves letters.
    Off,
    /// Each session may send so much, whomever to.
    UpTo {
        /// Bytes a second, headers not counted.
        bytes_per_second: u64,
    },
}

impl Default for Relaying {
    /// A film of good quality arrives faster than it is watched.
    fn default() -> Self {
        Self::UpTo { bytes_per_second: 2_000_000 }
    }
}

impl Policy {
    /// The greeting, not longer than a message may carry.
    pub(crate) fn greeting(&self) -> String {
        let mut end = self.motd.len().min(MAX_MOTD);
        while !self.motd.is_char_boundary(end) {
            end -= 1;
        }
        self.motd[..end].to_owned()
    }
}

/// Everything by which clients recognise this server, and without which its database opens no
/// account. Kept apart from the database.
pub struct Secrets {
    /// The key that clients pin.
    pub static_key: StaticKey,
    /// From which address tokens and reset tokens are made.
    pub token_secret: [u8; 32],
    /// OPAQUE's key pair and OPRF seed.
    pub setup: ServerSetup<Suite>,
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Secrets({:?})", self.public_key())
    }
}

/// Stored secrets that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the login secrets of a rendezvous server")]
pub struct SecretsError;

impl Secrets {
    /// New ones.
    #[must_use]
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut private = [0; 32];
        let mut token_secret = [0; 32];
        rng.fill_bytes(&mut private);
        rng.fill_bytes(&mut token_secret);
        let static_key = StaticKey::from_private(private);
        Self { static_key, token_secret, setup: ServerSetup::new(rng) }
    }

    /// Stored ones; `setup` as [`Secrets::setup_bytes`] gave it.
    ///
    /// # Errors
    /// When `setup` is something else.
    pub fn restore(
        private: [u8; 32],
        token_secret: [u8; 32],
        setup: &[u8],
    ) -> Result<Self, SecretsError> {
        let setup = ServerSetup::deserialize(setup).map_err(|_| SecretsError)?;
        Ok(Self { static_key: StaticKey::from_private(private), token_secret, setup })
    }

    /// The login secrets for storing.
    #[must_use]
    pub fn setup_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        zeroize::Zeroizing::new(self.setup.serialize().to_vec())
    }

    /// OPAQUE's registration record of a password that the operator gives to an account, stretched so,
    /// as the database keeps it. `None` when it cannot be stretched so.
    #[must_use]
    pub fn password_record(
        &self,
        rng: &mut (impl RngCore + CryptoRng),
        name: &Name,
        password: &Secret<Vec<u8>>,
        stretch: Stretch,
    ) -> Option<Vec<u8>> {
        Opaque::new(self.setup.clone()).record(rng, name, password.expose(), stretch)
    }

    /// The key that clients pin.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.static_key.public()
    }
}

/// What [`Server::new`](crate::Server::new) takes.
pub struct Config {
    /// Settings of the transport, this server's key among them.
    pub endpoint: wire::Config,
    /// OPAQUE's key pair and OPRF seed.
    pub setup: ServerSetup<Suite>,
    /// How clients are treated.
    pub policy: Policy,
}

impl Config {
    /// The settings of a server with these secrets.
    #[must_use]
    pub fn new(secrets: &Secrets, policy: Policy) -> Self {
        let endpoint = wire::Config {
            static_key: secrets.static_key.clone(),
            token_secret: secrets.token_secret,
            token_epoch: 0,
            label: LABEL,
            accept: Accept::Anyone,
            transport: transport(),
        };
        Self { endpoint, setup: secrets.setup.clone(), policy }
    }
}

/// A session of a few small messages: a stranger may make the server hold tens of kilobytes, not
/// megabytes. A long letter of a user is put together in the session.
fn transport() -> TransportConfig {
    TransportConfig {
        stream_window: 32 << 10,
        connection_window: 64 << 10,
        send_buffer: 64 << 10,
        max_streams: 2,
        ..TransportConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Seed;

    #[test]
    fn secrets_survive_storing() {
        let secrets = Secrets::generate(&mut Seed::new([1; 32]).rng());
        let stored = secrets.setup_bytes();
        let private = *secrets.static_key.private();
        let restored = Secrets::restore(private, secrets.token_secret, &stored).unwrap();
        assert_eq!(restored.public_key(), secrets.public_key());
        assert_eq!(restored.setup_bytes(), stored);
        assert!(Secrets::restore(private, secrets.token_secret, &stored[1..]).is_err());
    }

    #[test]
    fn a_long_greeting_is_cut_between_characters() {
        let policy = Policy { motd: "ä".repeat(MAX_MOTD), ..Policy::default() };
        assert_eq!(policy.greeting().len(), MAX_MOTD);
        let policy = Policy { motd: format!("a{}", "ä".repeat(MAX_MOTD)), ..Policy::default() };
        assert_eq!(policy.greeting().len(), MAX_MOTD - 1);
    }
}
