//! The data folder: the database, the keys beside it, and the lock that keeps a second server
//! away.
//!
//! ```text
//! rendezvous.db    accounts (SQLite; back it up together with the keys)
//! server.key       the key that clients pin
//! token.key        from which address tokens are made
//! opaque.key       without which no stored account can be opened
//! status.json      what the running server does
//! lock             held by the running server; holds its process id
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand_core::{OsRng, RngCore};
use zeroize::Zeroizing;

use super::Failure;
use crate::config::Secrets;
use crate::sqlite::SqliteStore;

const DATABASE: &str = "rendezvous.db";
const SERVER_KEY: &str = "server.key";
const TOKEN_KEY: &str = "token.key";
const OPAQUE_KEY: &str = "opaque.key";
const STATUS: &str = "status.json";
const LOCK: &str = "lock";
/// A command that looks whether a server is running holds the lock for a moment.
const LOCK_ATTEMPTS: u32 = 10;

/// Whether a server runs on a data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Running {
    Yes,
    No,
}

/// A folder that exists.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
}

/// Held while a server runs; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl DataDir {
    /// The folder named on the command line or the default one, made when missing.
    pub(super) fn make(wanted: Option<&Path>) -> Result<Self, Failure> {
        let path = wanted.map_or_else(default_path, Path::to_path_buf);
        let make = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        make.map_err(|error| cannot("make the folder", &path, &error))?;
        Ok(Self { path })
    }

    /// The folder of a server that was set up before.
    pub(super) fn existing(wanted: Option<&Path>) -> Result<Self, Failure> {
        let path = wanted.map_or_else(default_path, Path::to_path_buf);
        if path.join(DATABASE).is_file() {
            Ok(Self { path })
        } else {
            Err(Failure::new(format!("no server's data in {}", path.display())))
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps other servers away from this folder.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.path.join(LOCK);
        let open = private().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| cannot("open", &path, &error))?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => {
                    std::thread::park_timeout(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    return Err(Failure::new(format!(
                        "another server (process {}) is running on {}",
                        holder.trim(),
                        self.path.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(cannot("lock", &path, &error)),
            }
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| cannot("write", &path, &error))?;
        Ok(Lock { _file: file })
    }

    /// Whether a server runs on this folder.
    pub(super) fn running(&self) -> Running {
        let Ok(file) = File::open(self.path.join(LOCK)) else { return Running::No };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Running::Yes,
            Ok(()) | Err(TryLockError::Error(_)) => Running::No,
        }
    }

    /// The database and the keys, made at the first start. Whatever else is missing is an error:
    /// made anew, it would silently shut every user out.
    pub(super) fn open(&self) -> Result<(SqliteStore, Secrets), Failure> {
        let _alone = self.alone();
        let database = self.path.join(DATABASE);
        let has_keys = [SERVER_KEY, TOKEN_KEY, OPAQUE_KEY].map(|key| self.path.join(key).exists());
        let has_database = fs::metadata(&database).is_ok_and(|file| file.len() > 0);
        if has_keys[0] && !has_database {
            return Err(Failure::new(format!(
                "{} is missing although keys are there: restore it from a backup, or move the \
                 whole folder away to start anew",
                database.display()
            )));
        }
        let store = self.open_database()?;
        if has_keys != [true; 3] {
            // Keys are made after the database, the server's key last: its absence means that
            // the first start was interrupted, unless there are accounts.
            let totals = store.totals(0).map_err(Failure::new)?;
            if has_keys[0] || totals.accounts > 0 {
                return Err(Failure::new(format!(
                    "a key file is missing in {} although accounts are there: restore {SERVER_KEY}, \
                     {TOKEN_KEY} and {OPAQUE_KEY} from a backup",
                    self.path.display()
                )));
            }
            self.make_secrets()?;
        }
        Ok((store, self.secrets()?))
    }

    /// The database alone.
    pub(super) fn open_store(&self) -> Result<SqliteStore, Failure> {
        let _alone = self.alone();
        self.open_database()
    }

    /// Keeps other programs from setting the folder up at the same time, until it is dropped.
    /// Where a file system locks no folders, one of them may find the database locked.
    fn alone(&self) -> Option<File> {
        File::open(&self.path).ok().filter(|folder| folder.lock().is_ok())
    }

    fn open_database(&self) -> Result<SqliteStore, Failure> {
        let path = self.path.join(DATABASE);
        // SQLite gives the files beside it the same rights.
        let made = private().write(true).create(true).truncate(false).open(&path);
        made.map_err(|error| cannot("open", &path, &error))?;
        SqliteStore::open(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    }

    /// The keys alone.
    pub(super) fn secrets(&self) -> Result<Secrets, Failure> {
        let server = self.read_key::<32>(SERVER_KEY)?;
        let token = self.read_key::<32>(TOKEN_KEY)?;
        let path = self.path.join(OPAQUE_KEY);
        let opaque = read_hex(&path)?;
        Secrets::restore(*server, *token, &opaque)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    }

    /// What the running server last wrote about itself.
    pub(super) fn read_status(&self) -> Option<String> {
        fs::read_to_string(self.path.join(STATUS)).ok()
    }

    /// Replaces what the running server says about itself.
    pub(super) fn write_status(&self, text: &str) -> std::io::Result<()> {
        let new = self.path.join("status.json.new");
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&new, self.path.join(STATUS))
    }

    fn make_secrets(&self) -> Result<(), Failure> {
        let secrets = Secrets::generate(&mut OsRng);
        self.write_key(OPAQUE_KEY, &secrets.setup_bytes())?;
        self.write_key(TOKEN_KEY, &secrets.token_secret)?;
        self.write_key(SERVER_KEY, secrets.static_key.private())
    }

    /// Writes a key under a name of its own first: a file of the right name is whole. Of several
    /// programs that make the keys at once, the first wins, and all of them read what it made.
    fn write_key(&self, name: &str, key: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        let new = self.path.join(format!("{name}.{:016x}.new", OsRng.next_u64()));
        let mut hex = Zeroizing::new(String::with_capacity(key.len() * 2 + 1));
        for byte in key {
            hex.push_str(&format!("{byte:02x}"));
        }
        hex.push('\n');
        let write = || {
            let mut file = private().write(true).create_new(true).open(&new)?;
            file.write_all(hex.as_bytes())?;
            file.sync_all()?;
            match fs::hard_link(&new, &path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                Ok(()) | Err(_) => File::open(&self.path)?.sync_all(),
            }
        };
        let written = write();
        let removed = fs::remove_file(&new);
        written.and(removed).map_err(|error| cannot("write", &path, &error))
    }

    fn read_key<const N: usize>(&self, name: &str) -> Result<Zeroizing<[u8; N]>, Failure> {
        let path = self.path.join(name);
        let bytes = read_hex(&path)?;
        let key = bytes.as_slice().try_into();
        key.map(Zeroizing::new)
            .map_err(|_| Failure::new(format!("{} is not a key of {N} bytes", path.display())))
    }
}

fn read_hex(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| cannot("read", path, &error))?;
    let digits: Option<Zeroizing<Vec<u8>>> = text
        .trim()
        .as_bytes()
        .iter()
        .map(|digit| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<Vec<u8>>>()
        .map(Zeroizing::new);
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
    let digits = digits
        .ok_or_else(|| Failure::new(format!("{} is not written in hexadecimal", path.display())))?;
    let fold = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    Ok(Zeroizing::new(digits.chunks(2).map(fold).collect()))
}

/// Files that only their owner reads.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// `$XDG_DATA_HOME/tincan/rendezvous`, or below `~/.local/share`.
fn default_path() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_default();
    base.join("tincan/rendezvous")
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let hint = if error.kind() == ErrorKind::PermissionDenied { " (is it yours?)" } else { "" };
    Failure::new(format!("cannot {what} {}: {error}{hint}", path.display()))
}

/// Warns when others may read the folder.
pub(super) fn warn_if_open_to_others(dir: &DataDir) {
    if let Ok(metadata) = fs::metadata(&dir.path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(folder = %dir.path.display(), "other users of this machine can look into the data folder");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, DataDir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::make(Some(&temp.path().join("data"))).unwrap();
        (temp, dir)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_everything_and_the_second_finds_it() {
        let (_temp, dir) = fresh();
        let (store, secrets) = dir.open().unwrap();
        drop(store);
        assert_eq!(mode(dir.path()), 0o700);
        for file in [DATABASE, SERVER_KEY, TOKEN_KEY, OPAQUE_KEY] {
            assert_eq!(mode(&dir.path().join(file)), 0o600, "{file}");
        }
        let (_store, again) = dir.open().unwrap();
        assert_eq!(again.public_key(), secrets.public_key());
        assert_eq!(again.setup_bytes(), secrets.setup_bytes());
    }

    /// `rendezvous fingerprint` beside the first start of the server.
    #[test]
    fn programs_that_begin_at_once_end_up_with_the_same_keys() {
        for _ in 0..20 {
            let (_temp, dir) = fresh();
            let barrier = std::sync::Barrier::new(4);
            let found: Vec<(Vec<u8>, [u8; 32], Vec<u8>)> = std::thread::scope(|scope| {
                let begin = || {
                    barrier.wait();
                    let (_store, secrets) = dir.open().map_err(|error| error.text).unwrap();
                    let public = secrets.public_key().0.to_vec();
                    (public, secrets.token_secret, secrets.setup_bytes().to_vec())
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(begin)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
            // Of programs that end at once none is the last one, which takes the database's log away.
            drop(dir.open_store().unwrap());
            let mut files: Vec<String> = fs::read_dir(dir.path())
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            assert_eq!(
                files,
                [OPAQUE_KEY, DATABASE, SERVER_KEY, TOKEN_KEY],
                "nothing is left over"
            );
        }
    }

    /// Security acceptance J04.
    #[test]
    fn nothing_that_is_missing_is_silently_made_anew() {
        let (_temp, dir) = fresh();
        drop(dir.open().unwrap());
        fs::rename(dir.path().join(DATABASE), dir.path().join("elsewhere")).unwrap();
        assert!(dir.open().unwrap_err().text.contains("missing"));
        fs::rename(dir.path().join("elsewhere"), dir.path().join(DATABASE)).unwrap();
        fs::remove_file(dir.path().join(OPAQUE_KEY)).unwrap();
        assert!(dir.open().unwrap_err().text.contains("key file is missing"));
        assert!(!dir.path().join(OPAQUE_KEY).exists());
    }

    /// Security acceptance J05.
    #[test]
    fn a_second_server_is_refused_and_told_by_whom() {
        let (_temp, dir) = fresh();
        assert_eq!(dir.running(), Running::No);
        let lock = dir.lock().unwrap();
        assert_eq!(dir.running(), Running::Yes);
        let refused = dir.lock().unwrap_err();
        assert!(refused.text.contains(&std::process::id().to_string()), "{}", refused.text);
        drop(lock);
        assert_eq!(dir.running(), Running::No);
        assert!(dir.lock().is_ok());
    }

    #[test]
    fn damaged_keys_are_refused() {
        let (_temp, dir) = fresh();
        drop(dir.open().unwrap());
        for text in ["", "zz", "abc", "00"] {
            fs::write(dir.path().join(SERVER_KEY), text).unwrap();
            assert!(dir.secrets().is_err(), "{text:?}");
        }
    }
}
