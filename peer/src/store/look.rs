//! What is in a data folder, without changing anything in it, and without being in the way of a peer that runs.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use wire::PublicKey;

use super::{profile, schema};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no database.
    Nothing,
    /// A peer that runs uses it.
    InUse,
    /// It can be used. The servers that are known, by the names under which they were reached.
    Good(Vec<(String, PublicKey)>),
    /// It cannot be used: why.
    Bad(String),
}

/// Looks into the data folder `data`.
#[must_use]
pub fn look(data: &Path) -> Found {
    let path = data.join("peer.sqlite");
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Bad(format!("the database cannot be looked at: {error}")),
        Ok(found) if !found.is_file() => return Found::Bad("the database is no file".to_owned()),
        Ok(found) if found.len() == 0 => return Found::Nothing,
        Ok(_) => {}
    }
    // Held for the few milliseconds that this takes, together with others who only look.
    let lock = match File::open(data.join("lock")) {
        Ok(lock) => match lock.try_lock_shared() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => return Found::InUse,
            Err(TryLockError::Error(_)) => None,
        },
        Err(_) => None,
    };
    let found = read(&path).unwrap_or_else(|error| {
        let why = error.to_string();
        Found::Bad(if schema::is_damage(&error) { schema::damaged(&why) } else { why })
    });
    drop(lock);
    found
}

/// As a file that nobody changes, SQLite writes neither locks nor a log beside it. What is still in the log of a
/// program that was killed is not seen so, which is no harm here.
fn read(path: &Path) -> rusqlite::Result<Found> {
    let uri = format!("file:{}?immutable=1", in_uri(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    match schema::owned_version(&connection)? {
        Err(why) => Ok(Found::Bad(why)),
        Ok(0) => Ok(Found::Nothing),
        Ok(_) => {
            let servers = profile::servers(&connection)?;
            Ok(Found::Good(servers.into_iter().map(|it| (it.address, it.key)).collect()))
        }
    }
}

/// A path as it stands in a URI (RFC 3986 section 2.1).
fn in_uri(path: &Path) -> String {
    let byte = |byte: &u8| match *byte {
        plain @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~') => {
            char::from(plain).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.as_os_str().as_encoded_bytes().iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use super::*;
    use crate::store::Database;
    use crate::work::StoreRequest;

    /// The names, sizes and times of everything in a folder.
    fn state(folder: &Path) -> Vec<(String, u64, SystemTime)> {
        let mut state: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let found = entry.metadata().unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, found.len(), found.modified().unwrap())
            })
            .collect();
        state.sort();
        state
    }

    #[test]
    fn looking_changes_nothing_and_sees_who_uses_it() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a folder #1?");
        assert_eq!(look(&folder), Found::Nothing);
        assert!(!folder.exists());
        let mut database = Database::open(&folder).unwrap();
        let key = PublicKey([7; 32]);
        let save = StoreRequest::PinServer { address: "chat.example:5000".to_owned(), key };
        assert!(database.run(vec![save]).iter().all(Result::is_ok));
        let before = state(&folder);
        assert_eq!(look(&folder), Found::InUse);
        assert_eq!(state(&folder), before);
        drop(database);
        let before = state(&folder);
        assert_eq!(look(&folder), Found::Good(vec![("chat.example:5000".to_owned(), key)]));
        assert_eq!(state(&folder), before);
        // Another may open it afterwards.
        drop(Database::open(&folder).unwrap());
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let base = tempfile::tempdir().unwrap();
        drop(Database::open(base.path()).unwrap());
        let path = base.path().join("peer.sqlite");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
        assert!(matches!(look(base.path()), Found::Bad(why) if why.contains("newer version")));
        fs::write(&path, [1; 5000]).unwrap();
        assert!(matches!(look(base.path()), Found::Bad(why) if why.contains("damaged")));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(look(base.path()), Found::Bad(why) if why.contains("no file")));
    }
}
