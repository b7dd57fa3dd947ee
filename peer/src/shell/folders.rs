//! Where things are kept.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use directories::{ProjectDirs, UserDirs};

/// Remembers the server of the last start, so that `--server` is only needed once.
const LAST_SERVER: &str = "last-server";

/// The data folder: the one given, else the one of this system's rules. Made with mode 0700.
///
/// # Errors
/// A text for the person.
pub(super) fn data(given: Option<PathBuf>) -> Result<PathBuf, String> {
    let folder = data_place(given)?;
    make_private(&folder).map_err(|error| format!("data folder {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Where the data folder is, or would be.
///
/// # Errors
/// A text for the person.
pub(super) fn data_place(given: Option<PathBuf>) -> Result<PathBuf, String> {
    let usual = || ProjectDirs::from("", "", "tincan").map(|dirs| dirs.data_dir().to_owned());
    let none = || "no home folder is known: name a data folder with --data".to_owned();
    given.or_else(usual).ok_or_else(none)
}

/// The folder for files that arrive: the one given, else that for downloads, else the current.
#[must_use]
pub(super) fn downloads(given: Option<PathBuf>) -> PathBuf {
    let usual = || UserDirs::new()?.download_dir().map(Path::to_owned);
    given.or_else(usual).unwrap_or_else(|| PathBuf::from("."))
}

/// What `~` stands for.
#[must_use]
pub(super) fn home() -> Option<PathBuf> {
    UserDirs::new().map(|dirs| dirs.home_dir().to_owned())
}

/// The server of the last start with this data folder.
#[must_use]
pub(super) fn last_server(data: &Path) -> Option<String> {
    let text = fs::read_to_string(data.join(LAST_SERVER)).ok()?;
    super::cli::parse_server(text.trim()).ok()
}

/// Keeps it. A failure only costs typing it again.
pub(super) fn keep_server(data: &Path, server: &str) {
    if last_server(data).as_deref() != Some(server) {
        let _ = fs::write(data.join(LAST_SERVER), format!("{server}\n"));
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_is_private() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a/b");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(data(Some(folder.clone())), Ok(folder.clone()));
        assert_eq!(mode(&folder), 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        data(Some(folder.clone())).unwrap();
        assert_eq!(mode(&folder), 0o700);
        fs::write(base.path().join("file"), "").unwrap();
        assert!(data(Some(base.path().join("file"))).is_err());
    }

    #[test]
    fn the_last_server_is_remembered() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(last_server(base.path()), None);
        keep_server(base.path(), "h:1");
        assert_eq!(last_server(base.path()).as_deref(), Some("h:1"));
    }
}
