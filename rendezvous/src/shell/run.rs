//! Serving: one thread around the core, one for the disk.

use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use mio::{Events, Poll, Token, Waker};
use rand_core::{OsRng, RngCore};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use wire::app::identity::fingerprint;
use wire::net::{Clock, Progress, Socket};
use wire::time::{Duration, Instant};
use wire::{Node, Seed};

use super::cli::{Cli, DEFAULT_PORT, Serve, Stop};
use super::data::{DataDir, warn_if_open_to_others};
use super::log::Log;
use super::status::{self, Facts};
use super::storage::{News, Storage};
use super::{Failure, import, log, say};
use crate::config::{Config, Secrets};
use crate::server::Server;

const SOCKET: Token = Token(0);
const SIGNALS: Token = Token(1);
const STORAGE: Token = Token(2);
/// After a signal, the server ends within this time even when the disk hangs.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Serves until a signal ends it.
pub(super) fn serve(cli: Cli, arguments: Vec<OsString>) -> Result<(), Failure> {
    let log = log::start(&cli.serve.log, cli.serve.log_file.as_deref())?;
    // The socket first: whoever mistypes an address need not wait for an import.
    let socket = bind(cli.serve.bind.as_deref())?;
    let data = DataDir::make(cli.data.as_deref())?;
    let lock = data.lock()?;
    warn_if_open_to_others(&data);
    let (mut store, secrets) = data.open()?;
    let clock = Clock::start();
    let unix = clock.unix_ms() / 1000;
    if let Some(path) = &cli.serve.import_credentials {
        let imported = import::file(path, &mut store, &secrets, unix)?;
        super::admin::tell_imported(path, &imported);
    }
    let facts = Facts {
        address: socket.local_address(),
        fingerprint: fingerprint(&secrets.public_key().0),
        started_unix: unix,
    };
    let server = server(&cli, &secrets, unix)?;
    let storage = |waker| Storage::start(store, waker);
    let surroundings =
        Surroundings { log, data, facts, given: Given { arguments, serve: cli.serve } };
    let mut shell = Shell::new(socket, server, storage, clock, surroundings)
        .map_err(|error| Failure::new(format!("cannot begin to serve: {error}")))?;
    // Only now: whoever has read this may send signals.
    say(format_args!("listening on {}", shell.facts.address));
    say(format_args!("data in {}", shell.data.path().display()));
    say(format_args!("fingerprint {}", shell.facts.fingerprint));
    tracing::info!(address = %shell.facts.address, version = env!("CARGO_PKG_VERSION"), "serving");
    let ended = shell.run();
    if shell.server.is_quiet() {
        shell.storage.stop();
        tracing::info!("ended");
    } else {
        // Nothing that is still under way was acknowledged to anybody.
        let why = ended.as_ref().err().map_or("", |failure| &failure.text);
        tracing::warn!(why, "ended without waiting for the disk");
    }
    drop(lock);
    ended
}

fn server(cli: &Cli, secrets: &Secrets, unix: u64) -> Result<Server, Failure> {
    let mut seed = [0; 32];
    OsRng
        .try_fill_bytes(&mut seed)
        .map_err(|error| Failure::new(format!("no randomness from the system: {error}")))?;
    let mut config = Config::new(secrets, cli.serve.policy());
    config.endpoint.token_epoch = unix;
    let mut server = Server::new(config, &Seed::new(seed));
    server.set_unix_time(Instant::ZERO, unix);
    Ok(server)
}

fn bind(wanted: Option<&str>) -> Result<Socket, Failure> {
    let (result, shown) = match wanted {
        None => (Socket::bind_port(DEFAULT_PORT), format!("port {DEFAULT_PORT}")),
        Some(text) => (Socket::bind(resolve(text)?), text.to_owned()),
    };
    result.map_err(|error| Failure::new(cannot_listen(&shown, &error)))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system's list of errors is open")]
fn cannot_listen(shown: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{shown} is in use: stop the other program or choose a port by --bind")
        }
        io::ErrorKind::PermissionDenied => {
            format!("no right to listen on {shown}: ports below 1024 are the system's")
        }
        io::ErrorKind::AddrNotAvailable => format!("{shown} is no address of this machine"),
        _ => format!("cannot listen on {shown}: {error}"),
    }
}

fn resolve(text: &str) -> Result<SocketAddr, Failure> {
    let bad = |why: String| Failure::usage(format!("--bind {text}: {why}"));
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !has_port {
        return Err(bad("an address and a port from 0 to 65535, such as 0.0.0.0:5000".into()));
    }
    let mut addresses = text.to_socket_addrs().map_err(|error| bad(error.to_string()))?;
    addresses.next().ok_or_else(|| bad("no address of that name".into()))
}

fn socket_failed(error: &io::Error) -> Failure {
    Failure::new(format!("the socket failed: {error}"))
}

/// What the program was told at its start, and by SIGHUP since.
struct Given {
    arguments: Vec<OsString>,
    serve: Serve,
}

/// What a server has around it besides its core.
struct Surroundings {
    log: Log,
    data: DataDir,
    facts: Facts,
    given: Given,
}

struct Shell {
    poll: Poll,
    socket: Socket,
    signals: Signals,
    server: Server,
    storage: Storage,
    clock: Clock,
    log: Log,
    data: DataDir,
    facts: Facts,
    given: Given,
    report_at: Instant,
    end_by: Option<Instant>,
}

impl Shell {
    fn new(
        mut socket: Socket,
        server: Server,
        storage: impl FnOnce(Arc<Waker>) -> io::Result<Storage>,
        clock: Clock,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let Surroundings { log, data, facts, given } = surroundings;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, SOCKET, Socket::INTERESTS)?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        poll.registry().register(&mut signals, SIGNALS, mio::Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), STORAGE)?);
        let storage = storage(waker)?;
        let report_at = clock.now();
        Ok(Self {
            poll,
            socket,
            signals,
            server,
            storage,
            clock,
            log,
            data,
            facts,
            given,
            report_at,
            end_by: None,
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(64);
        loop {
            let now = self.clock.now();
            let progress = self.turn(now)?;
            let ended = self.server.is_quiet() || self.end_by.is_some_and(|by| by <= now);
            if self.end_by.is_some() && ended {
                self.report(now);
                return Ok(());
            }
            let wait = match progress {
                Progress::More => Duration::ZERO,
                Progress::Drained => self.next_deadline() - self.clock.now(),
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(socket_failed(&error));
                }
                Ok(()) | Err(_) => {}
            }
            if events.iter().any(|event| event.token() == SIGNALS) {
                self.on_signals();
            }
        }
    }

    /// Takes in everything that has arrived, and sends everything that follows.
    fn turn(&mut self, now: Instant) -> Result<Progress, Failure> {
        let server = &mut self.server;
        server.set_unix_time(now, self.clock.unix_ms() / 1000);
        let progress = self
            .socket
            .receive(|source, datagram| server.handle_datagram(now, source, datagram))
            .map_err(|error| socket_failed(&error))?;
        // A server that can store nothing must not go on refusing everybody: whoever watches over
        // it starts it again.
        while let Some(news) = self.storage.poll().map_err(Failure::new)? {
            match news {
                News::Outcome(ticket, outcome) => server.handle_stored(now, ticket, outcome),
                News::Meanwhile(meanwhile) => server.handle_meanwhile(now, &meanwhile),
            }
        }
        if server.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            server.handle_timeout(now);
        }
        while let Some((ticket, request)) = server.poll_store() {
            self.storage.ask(ticket, request).map_err(Failure::new)?;
        }
        self.socket.send_from(now, server);
        if self.report_at <= now {
            self.report(now);
        }
        Ok(progress)
    }

    fn next_deadline(&self) -> Instant {
        let server = self.server.poll_timeout().map(|deadline| deadline.at);
        let soonest = server.into_iter().chain(self.end_by).min();
        soonest.map_or(self.report_at, |soonest| soonest.min(self.report_at))
    }

    fn on_signals(&mut self) {
        let pending: Vec<i32> = self.signals.pending().collect();
        for signal in pending {
            if signal == SIGHUP {
                match self.log.reopen() {
                    Ok(()) => tracing::info!("log opened anew"),
                    Err(error) => tracing::error!(%error, "cannot open the log anew"),
                }
                self.reload();
            } else if self.end_by.is_none() {
                tracing::info!("stopping: telling clients");
                let now = self.clock.now();
                self.end_by = Some(now + END_WITHIN);
                self.server.shut_down(now, "the server is stopping");
            } else {
                // Asked twice: at once.
                self.end_by = Some(self.clock.now());
            }
        }
    }

    /// The configuration file may say something else now.
    fn reload(&mut self) {
        let cli = match Cli::read(&self.given.arguments) {
            Ok(cli) => cli,
            Err(Stop::Configuration(error)) => {
                return tracing::error!(%error, "the configuration stays as it was");
            }
            Err(Stop::Clap(error)) => {
                let error = error.render().to_string();
                let error = error.lines().next().unwrap_or_default();
                return tracing::error!(error, "the configuration stays as it was");
            }
        };
        let before = std::mem::replace(&mut self.given.serve, cli.serve);
        for option in self.given.serve.needs_restart(&before) {
            tracing::warn!(option, "counts from the next start on");
        }
        self.server.set_policy(self.given.serve.policy());
        tracing::info!("configuration read anew");
    }

    fn report(&mut self, now: Instant) {
        self.report_at = now + status::EVERY;
        let unix = self.clock.unix_ms() / 1000;
        let report = status::report(&self.facts, now, unix, &self.server.status());
        if let Err(error) = self.data.write_status(&report) {
            tracing::warn!(%error, "cannot write the status file");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as StdDuration;

    use wire::app::name::Name;

    use super::*;
    use crate::config::Policy;
    use crate::store::{StoreRequest, StoreTicket};

    /// Otherwise it would run on and refuse everything.
    #[test]
    fn the_server_ends_when_the_storage_thread_does() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::make(Some(folder.path())).unwrap();
        let (_, secrets) = data.open().unwrap();
        let socket = Socket::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let facts =
            Facts { address: socket.local_address(), fingerprint: String::new(), started_unix: 0 };
        let server = Server::new(Config::new(&secrets, Policy::default()), &Seed::new([1; 32]));
        let log = log::start("off", None).unwrap();
        let storage = |waker| Ok(Storage::faulty(waker));
        let cli = Cli::read(&["rendezvous".into()]).unwrap();
        let given = Given { arguments: Vec::new(), serve: cli.serve };
        let surroundings = Surroundings { log, data, facts, given };
        let mut shell = Shell::new(socket, server, storage, Clock::start(), surroundings).unwrap();
        let request = StoreRequest::Exists { name: Name::new("alice").unwrap() };
        shell.storage.ask(StoreTicket(1), request).unwrap();
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(shell.run()));
        let ended = ended.recv_timeout(StdDuration::from_secs(20)).expect("it runs on");
        let failure = ended.unwrap_err();
        assert!(failure.text.contains("storage thread ended"), "{}", failure.text);
        assert_eq!(failure.code, 1);
    }
}
