//! Standard input as a file: what comes is kept in the data folder as long as it is handed over.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Wake;
use super::workers::Mailbox;
use crate::files::SPOOL;
use crate::output::{FileLine, is_over};

/// What is taken of the input at once.
const PIECE: usize = 256 << 10;

/// A file that was begun.
pub(super) struct Spool {
    path: PathBuf,
    file: File,
}

impl Spool {
    /// Begins one in the data folder, for this user alone.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn new(data: &Path) -> io::Result<Self> {
        let folder = data.canonicalize()?.join(SPOOL);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let process = std::process::id();
        // Another process with the same number may have left one.
        for number in 0_u32.. {
            let path = folder.join(format!("{process}-{number}"));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fills it with what comes, on a thread of its own. The end comes as [`Wake::InputEnded`].
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn fill(
        self,
        input: impl Read + Send + 'static,
        mailbox: Mailbox,
    ) -> io::Result<Kept> {
        let kept = Kept { path: self.path, is_wanted: false };
        let mut file = self.file;
        let work = move || {
            let outcome = copy(input, &mut file);
            // Nobody writes it any more, also as others see it.
            drop(file);
            if let Err(error) = outcome {
                let text = format!("Standard input ends here, with what came of it: {error}.");
                mailbox.put(Wake::Complaint(text));
            }
            mailbox.put(Wake::InputEnded);
        };
        std::thread::Builder::new().name("input".to_owned()).spawn(work)?;
        Ok(kept)
    }
}

/// What comes goes into the file at once: somebody may wait for it.
fn copy(mut input: impl Read, file: &mut File) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match input.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(len) => file.write_all(&piece[..len])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The file while the program runs. When that ends, it stays only where a transfer still needs it.
pub(super) struct Kept {
    path: PathBuf,
    is_wanted: bool,
}

impl Kept {
    /// How a transfer stands: it may be the one of this file.
    pub(super) fn learn(&mut self, file: &FileLine) {
        if file.path.as_deref().map(Path::new) == Some(&self.path) {
            self.is_wanted = !is_over(file.state);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.is_wanted {
            // It may be gone with its transfer already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::samples;

    #[test]
    fn what_no_transfer_needs_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        for (states, stays) in [
            (&[][..], false),
            (&["hashing", "running"], true),
            (&["hashing", "running", "complete"], false),
        ] {
            let poll = mio::Poll::new().unwrap();
            let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
            let (mailbox, mail) = Mailbox::new(waker);
            let spool = Spool::new(dir.path()).unwrap();
            let path = spool.path().to_owned();
            let mut kept = spool.fill(&b"what comes"[..], mailbox).unwrap();
            let ended = mail.recv_timeout(std::time::Duration::from_secs(20));
            assert!(matches!(ended, Ok(Wake::InputEnded)));
            assert_eq!(std::fs::read(&path).unwrap(), b"what comes");
            for state in states {
                let at = Some(path.display().to_string());
                kept.learn(&FileLine { state, path: at, ..samples::file_line() });
                kept.learn(&FileLine { state: "offered", ..samples::file_line() });
            }
            drop(kept);
            assert_eq!(path.exists(), stays, "{states:?}");
        }
    }
}
