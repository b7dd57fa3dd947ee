//! Folders and files that only their owner may look into.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Makes the folder `path` with mode 0700, and parents as needed, and gives its real path. A
/// folder that was there stays as it is, but must not be writable by others: who can put files
/// there could put links in the place of ours.
///
/// # Errors
/// When it cannot be made, is no folder, or is writable by others.
pub(crate) fn folder(path: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let real = path.canonicalize()?;
    let mode = real.metadata()?.mode();
    if mode & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("others may write to it (mode {:o}): chmod 700 it", mode & 0o7777),
        ));
    }
    Ok(real)
}

/// Makes sure that `path` is an ordinary file with mode 0600, empty when it was absent.
///
/// # Errors
/// When it cannot be made, or is a link or anything but an ordinary file.
#[cfg(feature = "sqlite")]
pub(crate) fn file(path: &Path) -> io::Result<()> {
    use std::fs::OpenOptions;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let metadata = path.symlink_metadata()?;
            if !metadata.is_file() {
                return Err(io::Error::other("it is not an ordinary file"));
            }
            if metadata.mode() & 0o077 != 0 {
                std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folders_and_files_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let data = folder(&dir.path().join("a/b")).unwrap();
        assert_eq!(data.metadata().unwrap().mode() & 0o777, 0o700);
        let kept = data.join("kept");
        std::fs::write(&kept, "x").unwrap();
        std::fs::set_permissions(&kept, PermissionsExt::from_mode(0o644)).unwrap();
        file(&kept).unwrap();
        assert_eq!(kept.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&kept).unwrap(), b"x");
        file(&data.join("new")).unwrap();
        assert_eq!(data.join("new").metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_others_could_turn_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        assert!(folder(&open).unwrap_err().to_string().contains("chmod 700"));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(file(&link).is_err());
        assert!(file(&open).is_err());
    }
}
