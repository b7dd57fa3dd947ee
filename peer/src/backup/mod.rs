//! An account in one file, for another machine or for safe keeping: the identity's secret, where
//! the account is, and the keys of the users who were verified; all of it under a passphrase.
//!
//! ```text
//! "tincan account\n" version(1)=1 memory_kib(4) passes(4) lanes(4) salt(16) | sealed contents
//! ```
//!
//! Numbers are big-endian. Argon2id stretches the passphrase over the salt to the key of
//! AES-256-GCM; everything before the contents is authenticated with them. The contents are
//! [`Backup`] in postcard's encoding.

#[cfg(feature = "files")]
mod file;

use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rand_core::RngCore;
use serde::{Deserialize, Serialize};
use wire::app::identity::IdentityKey;
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::{PublicKey, Secret, Seed};
use zeroize::Zeroizing;

const MAGIC: &[u8; 15] = b"tincan account\n";
const VERSION: u8 = 1;
const SALT: usize = 16;
/// Bytes before the contents.
const HEADER: usize = MAGIC.len() + 1 + 3 * 4 + SALT;
/// Longest file, in bytes: room for more verified users than anybody compares keys with.
const MAX_FILE: usize = 1 << 20;
/// The most stretching that is done for a file, which may come from anybody: a quarter of a GiB
/// is filled 16 times in some seconds.
const MOST: Stretch = Stretch { memory_kib: 256 * 1024, passes: 16, lanes: 4 };

/// What such a file holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The account's prepared name.
    pub name: Name,
    /// `host:port` of its server as typed.
    pub address: String,
    /// The server's key.
    pub server: PublicKey,
    /// The identity's secret.
    pub identity_secret: Secret<[u8; 32]>,
    /// Of the device that wrote the file.
    pub generation: u64,
    /// Users whose keys were verified.
    pub verified: Vec<Verified>,
}

/// A user whose key was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The name.
    pub name: Name,
    /// The key that was compared.
    pub identity: IdentityKey,
    /// The highest generation of a device certificate seen.
    pub generation: u64,
}

/// Why a file cannot be written or read, for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Begins otherwise, or is shorter than any.
    #[error("it is no account file")]
    Foreign,
    /// Another version of the format.
    #[error("it was written by a newer version of this program (format {0}): update")]
    Newer(u8),
    /// Beyond [`MOST`].
    #[error("it asks for more memory or time than any file of this program: nothing was done")]
    Excessive,
    /// The two look the same.
    #[error("the passphrase is wrong, or the file is damaged")]
    Passphrase,
    /// Longer than [`MAX_FILE`].
    #[error("it is too large for an account file")]
    TooLarge,
    /// The disk's word.
    #[error("{0}")]
    Disk(String),
}

/// A job for a worker: the passphrase is stretched, and a file written or read.
#[derive(Debug)]
pub enum BackupJob {
    /// Write a new file.
    Write {
        /// Where nothing is yet.
        path: PathBuf,
        /// What.
        backup: Box<Backup>,
        /// In its prepared form.
        passphrase: Secret<Vec<u8>>,
        /// How it is stretched.
        stretch: Stretch,
        /// For the salt.
        seed: Seed,
    },
    /// Read one.
    Read {
        /// Where it is.
        path: PathBuf,
        /// In its prepared form.
        passphrase: Secret<Vec<u8>>,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum BackupReply {
    /// The file is there, and durable.
    Written,
    /// This is in it.
    Read(Box<Backup>),
}

/// The whole file.
///
/// # Errors
/// When there is too much to be kept.
pub fn seal(
    backup: &Backup,
    passphrase: &Secret<Vec<u8>>,
    stretch: Stretch,
    seed: &Seed,
) -> Result<Vec<u8>, BackupError> {
    let mut salt = [0; SALT];
    seed.rng().fill_bytes(&mut salt);
    let mut header = [MAGIC.as_slice(), &[VERSION]].concat();
    for number in [stretch.memory_kib, stretch.passes, stretch.lanes] {
        header.extend_from_slice(&number.to_be_bytes());
    }
    header.extend_from_slice(&salt);
    // Room for all of it from the start, so that no copy of the secret stays where it grew.
    let room = Vec::with_capacity(MAX_FILE);
    let mut contents =
        Zeroizing::new(postcard::to_extend(backup, room).expect("a backup has a plain encoding"));
    if HEADER + contents.len() + AES_256_GCM.tag_len() > MAX_FILE {
        return Err(BackupError::TooLarge);
    }
    let key = key(passphrase, &salt, stretch)?;
    key.seal_in_place_append_tag(nonce(), Aad::from(&header), &mut *contents)
        .expect("a mebibyte is below the length limit of AES-GCM");
    header.extend_from_slice(&contents);
    Ok(header)
}

/// What is in the file `bytes`.
///
/// # Errors
/// When it is none, or the passphrase is another.
pub fn open(bytes: &[u8], passphrase: &Secret<Vec<u8>>) -> Result<Backup, BackupError> {
    if bytes.len() > MAX_FILE {
        return Err(BackupError::TooLarge);
    }
    let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(BackupError::Foreign)?;
    let version = *rest.first().ok_or(BackupError::Foreign)?;
    if version != VERSION {
        return Err(BackupError::Newer(version));
    }
    let (header, sealed) = bytes.split_at_checked(HEADER).ok_or(BackupError::Foreign)?;
    let number = |at: usize| {
        let at = MAGIC.len() + 1 + 4 * at;
        u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes of the header"))
    };
    let stretch = Stretch { memory_kib: number(0), passes: number(1), lanes: number(2) };
    let is_bounded = stretch.memory_kib <= MOST.memory_kib
        && stretch.passes <= MOST.passes
        && stretch.lanes <= MOST.lanes;
    if !is_bounded {
        return Err(BackupError::Excessive);
    }
    let key = key(passphrase, &header[HEADER - SALT..], stretch)?;
    let mut contents = Zeroizing::new(sealed.to_vec());
    let contents = key
        .open_in_place(nonce(), Aad::from(header), &mut contents)
        .map_err(|_| BackupError::Passphrase)?;
    // Whoever knows the passphrase has written it.
    postcard::from_bytes(contents).map_err(|_| BackupError::Foreign)
}

fn key(
    passphrase: &Secret<Vec<u8>>,
    salt: &[u8],
    stretch: Stretch,
) -> Result<LessSafeKey, BackupError> {
    let function = stretch.function().ok_or(BackupError::Excessive)?;
    let mut key = Zeroizing::new([0; 32]);
    function
        .hash_password_into(passphrase.expose(), salt, &mut *key)
        .map_err(|_| BackupError::Excessive)?;
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes are a key")))
}

/// Each salt gives a key of its own, which seals one file, so the nonce may be fixed.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHEAP: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };
    const SEED: [u8; 32] = [7; 32];

    fn passphrase(text: &str) -> Secret<Vec<u8>> {
        Secret::new(text.as_bytes().to_vec())
    }

    fn backup() -> Backup {
        let name = |text: &str| Name::new(text).unwrap();
        let identity = IdentityKey([3; 32]);
        Backup {
            name: name("alice"),
            address: "chat.example:5000".to_owned(),
            server: PublicKey([1; 32]),
            identity_secret: Secret::new([2; 32]),
            generation: 4,
            verified: vec![Verified { name: name("bob"), identity, generation: u64::MAX }],
        }
    }

    fn sealed(stretch: Stretch) -> Vec<u8> {
        seal(&backup(), &passphrase("right"), stretch, &Seed::new(SEED)).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_passphrase_only() {
        for stretch in [CHEAP, Stretch::STANDARD] {
            let file = sealed(stretch);
            assert_eq!(open(&file, &passphrase("right")), Ok(backup()));
            assert_eq!(open(&file, &passphrase("wrong")), Err(BackupError::Passphrase));
            assert!(!file.windows(8).any(|window| window == [2; 8]), "the secret in the open");
        }
    }

    /// Nothing of the file can be changed unnoticed, and a file that is damaged is not told apart
    /// from a wrong passphrase.
    #[test]
    fn every_byte_counts() {
        let file = sealed(CHEAP);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            let error = open(&damaged, &passphrase("right")).unwrap_err();
            let expected = match at {
                0..15 => BackupError::Foreign,
                15 => BackupError::Newer(0),
                // Other numbers of the stretching, some of which do not exist.
                16..28 if error == BackupError::Excessive => BackupError::Excessive,
                _ => BackupError::Passphrase,
            };
            assert_eq!(error, expected, "byte {at}");
        }
        for len in 0..file.len() {
            assert!(open(&file[..len], &passphrase("right")).is_err(), "{len} bytes");
        }
        let mut longer = file;
        longer.push(0);
        assert_eq!(open(&longer, &passphrase("right")), Err(BackupError::Passphrase));
    }

    /// A file from a stranger can ask for a little work only.
    #[test]
    fn what_a_file_asks_for_is_bounded() {
        for (memory_kib, passes, lanes) in [
            (MOST.memory_kib + 1, 1, 1),
            (u32::MAX, 1, 1),
            (8, MOST.passes + 1, 1),
            (8, u32::MAX, 1),
            (64, 1, MOST.lanes + 1),
            (0, 1, 1),
            (8, 0, 1),
            (8, 1, 0),
            (8, 1, 4),
        ] {
            let mut file = sealed(CHEAP);
            let numbers = [memory_kib, passes, lanes].map(u32::to_be_bytes).concat();
            file[16..28].copy_from_slice(&numbers);
            let error = open(&file, &passphrase("right"));
            assert_eq!(error, Err(BackupError::Excessive), "{memory_kib} {passes} {lanes}");
        }
        let long = vec![0; MAX_FILE + 1];
        assert_eq!(open(&long, &passphrase("right")), Err(BackupError::TooLarge));
    }

    #[test]
    fn more_than_a_file_holds_is_not_written() {
        let one = backup().verified.remove(0);
        let many = Backup { verified: vec![one; MAX_FILE / 32], ..backup() };
        let error = seal(&many, &passphrase("right"), CHEAP, &Seed::new(SEED));
        assert_eq!(error, Err(BackupError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_file_or_none(mut bytes: Vec<u8>, has_head: bool) {
            if has_head {
                let head = sealed(CHEAP)[..HEADER].to_vec();
                bytes.splice(0..0, head);
            }
            prop_assert!(open(&bytes, &passphrase("right")).is_err());
        }
    }
}
