//! Where the log goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::Failure;

/// The log's destination, which can be opened anew after somebody has moved the file away.
#[derive(Clone, Debug)]
pub(super) struct Log {
    path: Option<PathBuf>,
    file: Arc<Mutex<Option<File>>>,
}

/// Begins to log what `filter` lets through.
pub(super) fn start(filter: &str, path: Option<&Path>) -> Result<Log, Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::usage(format!("--log {filter}: {error}")))?;
    let log = Log { path: path.map(Path::to_path_buf), file: Arc::default() };
    if let Some(path) = path {
        log.reopen()
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    Ok(log)
}

impl Log {
    /// Opens the file of that name, which may be another than before.
    pub(super) fn reopen(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.file.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(file) => file.write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
