//! `peer attach`: standard input and output are joined with the control socket of a peer that runs.

use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use super::super::start::{Failure, failure};
use crate::face::exit::Exit;

/// Ends when the other side does, or when what was asked up to the end of standard input is answered.
pub(in crate::shell) fn attach(path: Option<&Path>) -> Result<Exit, Failure> {
    let Some(path) = path else {
        let text = "which peer? --socket PATH is that with which it was started";
        return Err((Exit::Usage, text.to_owned()));
    };
    let mut stream = UnixStream::connect(path).map_err(|error| {
        let is_nobody = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
        let hint =
            if is_nobody { ": no peer runs that was started with this --socket" } else { "" };
        failure(format!("control socket {}: {error}{hint}", path.display()))
    })?;
    let mut asked = stream.try_clone().map_err(failure)?;
    // It may wait for input for ever, and is left behind then.
    thread::Builder::new()
        .name("attach".to_owned())
        .spawn(move || {
            // Whatever is wrong with it, no more is said.
            let _ = io::copy(&mut io::stdin(), &mut asked);
            let _ = asked.shutdown(Shutdown::Write);
        })
        .map_err(failure)?;
    let mut out = io::stdout().lock();
    match io::copy(&mut stream, &mut out).and_then(|_| out.flush()) {
        Ok(()) => Ok(Exit::Done),
        // Whoever reads has heard enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(failure(error)),
    }
}
