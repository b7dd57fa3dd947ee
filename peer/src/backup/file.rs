//! Account files on the disk.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rand_core::RngCore;
use rustix::fs::OFlags;
use wire::Seed;

use super::{BackupError, BackupJob, BackupReply, MAX_FILE, open, seal};
use crate::files::{open_folder, rename_new};

impl BackupJob {
    /// Does it: takes about a tenth of a second, or some seconds for a file that asks for more.
    ///
    /// # Errors
    /// What went wrong; nothing of a new file is there then.
    pub fn run(self) -> Result<BackupReply, BackupError> {
        match self {
            Self::Write { path, backup, passphrase, stretch, seed } => {
                let place = Place::new(&path)?;
                let bytes = seal(&backup, &passphrase, stretch, &seed.derive("salt"))?;
                place.fill(&bytes, &seed.derive("name"))?;
                Ok(BackupReply::Written)
            }
            Self::Read { path, passphrase } => {
                let bytes = read(&path).map_err(|error| BackupError::Disk(error.to_string()))?;
                Ok(BackupReply::Read(Box::new(open(&bytes, &passphrase)?)))
            }
        }
    }
}

/// Where a new file goes.
struct Place<'a> {
    folder: Dir,
    name: &'a str,
}

impl<'a> Place<'a> {
    /// Said before anything takes time: nothing is there yet.
    fn new(path: &'a Path) -> Result<Self, BackupError> {
        let wrong = |error: io::Error| BackupError::Disk(error.to_string());
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| BackupError::Disk("that is no name of a file".to_owned()))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let folder = open_folder(parent).map_err(wrong)?;
        match folder.symlink_metadata(name) {
            Ok(_) => Err(taken()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { folder, name }),
            Err(error) => Err(wrong(error)),
        }
    }

    /// All of it or nothing, for its owner's eyes only, and never in the place of anything.
    fn fill(&self, bytes: &[u8], seed: &Seed) -> Result<(), BackupError> {
        let partial = format!(".tincan-{:016x}", seed.rng().next_u64());
        let outcome = self.write(&partial, bytes);
        if outcome.is_err() {
            // It may not have been made at all.
            let _ = self.folder.remove_file(&partial);
        }
        outcome.map_err(|error| {
            let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
            if is_taken { taken() } else { BackupError::Disk(error.to_string()) }
        })
    }

    fn write(&self, partial: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = self.folder.open_with(partial, &options)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        rename_new(&self.folder, partial, self.name)?;
        rustix::fs::fsync(&self.folder)?;
        Ok(())
    }
}

fn taken() -> BackupError {
    BackupError::Disk("there is something of that name, and nothing is overwritten".to_owned())
}

/// The file's bytes, as far as it may be long.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would keep whoever opens it waiting.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::backup::Backup;
    use wire::app::login::Stretch;
    use wire::app::name::Name;
    use wire::{PublicKey, Secret};

    fn write(path: &Path) -> Result<BackupReply, BackupError> {
        let backup = Backup {
            name: Name::new("alice").unwrap(),
            address: "h:1".to_owned(),
            server: PublicKey([1; 32]),
            identity_secret: Secret::new([2; 32]),
            generation: 1,
            verified: Vec::new(),
        };
        let stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };
        let (path, backup) = (path.to_owned(), Box::new(backup));
        let passphrase = Secret::new(b"pass".to_vec());
        BackupJob::Write { path, backup, passphrase, stretch, seed: Seed::new([3; 32]) }.run()
    }

    fn read_back(path: PathBuf) -> Result<BackupReply, BackupError> {
        BackupJob::Read { path, passphrase: Secret::new(b"pass".to_vec()) }.run()
    }

    #[test]
    fn a_file_is_for_its_owner_and_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice.account");
        write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let Ok(BackupReply::Read(backup)) = read_back(path.clone()) else { panic!("not read") };
        assert_eq!(backup.name.as_str(), "alice");

        let before = fs::read(&path).unwrap();
        assert!(write(&path).unwrap_err().to_string().contains("nothing is overwritten"));
        assert_eq!(fs::read(&path).unwrap(), before);
        let link = folder.path().join("link");
        symlink(folder.path().join("nowhere"), &link).unwrap();
        assert!(write(&link).is_err(), "not through a link either");
        assert!(write(&folder.path().join("no folder/x")).is_err());
        assert!(write(Path::new("/")).unwrap_err().to_string().contains("no name of a file"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing stays behind");
    }

    #[test]
    fn a_name_that_is_taken_meanwhile_stays_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice.account");
        let place = Place::new(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        let error = place.fill(b"ours", &Seed::new([3; 32])).unwrap_err();
        assert!(error.to_string().contains("nothing is overwritten"));
        assert_eq!(fs::read(&path).unwrap(), b"another's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_account_file_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_back(folder.path().join("none")).is_err());
        assert!(read_back(folder.path().to_owned()).unwrap_err().to_string().contains("ordinary"));
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(read_back(pipe).unwrap_err().to_string().contains("ordinary"));
        let other = folder.path().join("other");
        fs::write(&other, "something else").unwrap();
        assert_eq!(read_back(other).unwrap_err(), BackupError::Foreign);
        let endless = read_back(PathBuf::from("/dev/zero")).unwrap_err();
        assert!(endless.to_string().contains("ordinary"));
    }
}
