//! `peer doctor`: finds out how this machine is, and asks the server.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mio::{Events, Poll, Token};
use rustix::fs::{Access, access, statvfs};
use wire::Node;
use wire::net::{Clock, Progress, Socket};
use wire::time::Duration;

use super::cli::Options;
use super::preferences::Preferences;
use super::start::{self, Failure, failure, seed, start_log};
use super::{folders, names, terminal, typing};
use crate::doctor::{
    Database, Facts, Folder, FolderState, Heard, Pin, Presence, Reader, ServerFacts, SocketFacts,
    Terminal, Verdict, Visit, examine, json_end, json_line, line, worst,
};
use crate::face::exit::Exit;
use crate::store::{Found, look};

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at everything, and says so on standard output.
pub(super) fn run(
    options: &Options,
    preferences: &Preferences,
    report: bool,
) -> Result<Exit, Failure> {
    start_log(options)?;
    let facts = facts(options, preferences)?;
    let reader = if report { Reader::Helper } else { Reader::Person };
    let checks = examine(&facts, reader);
    let mut lines: Vec<String> = if options.json {
        checks.iter().map(json_line).collect()
    } else {
        checks.iter().map(line).collect()
    };
    if options.json {
        lines.push(json_end(&checks));
    }
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(failure)?;
    }
    Ok(if worst(&checks) == Verdict::Fail { Exit::Failure } else { Exit::Done })
}

fn facts(options: &Options, preferences: &Preferences) -> Result<Facts, Failure> {
    let clock = Clock::start();
    let place = folders::data_place(options.data.clone()).map_err(failure)?;
    let data = folder(&place, Others::MayNot);
    let (database, known) = match data.state {
        FolderState::Usable(_) => database(look(&place)),
        FolderState::ToBeMade => (Database::None, Some(Vec::new())),
        // What is wrong with the folder is said of it.
        FolderState::CannotBeMade
        | FolderState::NoFolder
        | FolderState::Forbidden
        | FolderState::OpenToOthers => (Database::None, None),
    };
    let downloads = folder(&folders::downloads(options.download_dir.clone()), Others::May);
    let bound = bind(options);
    let server = options.server.clone().or_else(|| folders::last_server(&place));
    let (socket, server) = match bound {
        Ok((socket, taken)) => {
            let facts = socket_facts(&socket, taken);
            let server = server.map(|name| visit(&clock, socket, name, known.as_deref()));
            (Ok(facts), server.transpose()?)
        }
        Err(error) => {
            let silent = |name| ServerFacts {
                name,
                addresses: Ok(Vec::new()),
                pin: Pin::Unknown,
                visited: Vec::new(),
                own: Vec::new(),
            };
            (Err(error.to_string()), server.map(silent))
        }
    };
    let player = preferences.player();
    let there = if is_found(&player) { Presence::There } else { Presence::Missing };
    Ok(Facts {
        data,
        database,
        downloads,
        socket,
        routes: [route("192.0.2.1:9"), route("[2001:db8::1]:9")],
        server,
        unix: clock.unix_ms() / 1000,
        player: (player.display().to_string(), there),
        terminal: Terminal {
            is_there: typing::is_person(),
            is_dumb: start::is_dumb(),
            is_unicode: start::is_unicode(),
            width: terminal::width().and_then(|width| u16::try_from(width).ok()),
        },
    })
}

/// Who else may write to a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    May,
    MayNot,
}

fn folder(path: &Path, others: Others) -> Folder {
    let writable = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    let state = match fs::metadata(path) {
        Ok(found) if !found.is_dir() => FolderState::NoFolder,
        Ok(_) if access(path, writable).is_err() => FolderState::Forbidden,
        Ok(found) if others == Others::MayNot && found.mode() & 0o022 != 0 => {
            FolderState::OpenToOthers
        }
        Ok(_) => {
            let free = statvfs(path).ok().filter(|room| room.f_blocks > 0);
            FolderState::Usable(free.map(|room| room.f_bavail.saturating_mul(room.f_frsize)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut above = path
                .ancestors()
                .skip(1)
                .map(|it| if it.as_os_str().is_empty() { Path::new(".") } else { it });
            match above.find(|it| it.exists()) {
                Some(parent) if parent.is_dir() && access(parent, writable).is_ok() => {
                    FolderState::ToBeMade
                }
                Some(_) | None => FolderState::CannotBeMade,
            }
        }
        Err(_) => FolderState::Forbidden,
    };
    Folder { path: path.display().to_string(), state }
}

/// The servers that are known, where that could be read.
type Known = Option<Vec<(String, wire::PublicKey)>>;

fn database(found: Found) -> (Database, Known) {
    match found {
        Found::Nothing => (Database::None, Some(Vec::new())),
        Found::InUse => (Database::InUse, None),
        Found::Good(servers) => (Database::Good, Some(servers)),
        Found::Bad(why) => (Database::Bad(why), None),
    }
}

/// The socket; when another program has the port, one with any port, and the port that was wanted.
fn bind(options: &Options) -> io::Result<(Socket, Option<u16>)> {
    let to = |port| match options.bind {
        Some(address) => Socket::bind(SocketAddr::new(address, port)),
        None => Socket::bind_port(port),
    };
    match to(options.udp) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && options.udp != 0 => {
            Ok((to(0)?, Some(options.udp)))
        }
        bound => Ok((bound?, None)),
    }
}

fn socket_facts(socket: &Socket, taken: Option<u16>) -> SocketFacts {
    let can = socket.capabilities();
    SocketFacts {
        local: socket.local_address(),
        taken,
        buffers: [can.receive_buffer, can.send_buffer],
        buffer_wanted: can.buffer_wanted,
        offload: [can.send_segments, can.receive_segments],
    }
}

/// From where a datagram to there would be sent; none is.
fn route(to: &str) -> Option<IpAddr> {
    let to: SocketAddr = to.parse().ok()?;
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

/// Whether a program is there: by its path, or in one of the folders of PATH.
fn is_found(program: &Path) -> bool {
    let runs = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.components().count() > 1 {
        return runs(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| runs(&folder.join(program)))
}

/// Asks the server, at all of its addresses at once.
fn visit(
    clock: &Clock,
    socket: Socket,
    name: String,
    known: Option<&[(String, wire::PublicKey)]>,
) -> Result<ServerFacts, Failure> {
    let addresses = names::resolve(&name, socket.local_address());
    let pin = match known {
        None => Pin::Unknown,
        Some(known) => known
            .iter()
            .find(|(address, _)| *address == name)
            .map_or(Pin::None, |(_, key)| Pin::Key(*key)),
    };
    let own = names::candidates(socket.local_address());
    let visited = match &addresses {
        Ok(addresses) => ask(clock, socket, addresses)?,
        Err(_) => Vec::new(),
    };
    Ok(ServerFacts { name, addresses, pin, visited, own })
}

fn ask(
    clock: &Clock,
    mut socket: Socket,
    addresses: &[SocketAddr],
) -> Result<Vec<(SocketAddr, Heard)>, Failure> {
    let mut poll = Poll::new().map_err(failure)?;
    poll.registry().register(&mut socket, Token(0), Socket::INTERESTS).map_err(failure)?;
    let mut events = Events::with_capacity(8);
    let until = clock.now() + PATIENCE;
    let mut visit = Visit::new(clock.now(), addresses, &seed()?);
    loop {
        let now = clock.now();
        let progress = socket
            .receive(|from, bytes| visit.handle_datagram(now, from, bytes))
            .map_err(failure)?;
        if visit.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            visit.handle_timeout(now);
        }
        socket.send_from(now, &mut visit);
        if visit.is_over() || now >= until {
            return Ok(visit.heard());
        }
        let wait = match progress {
            Progress::More => Duration::ZERO,
            Progress::Drained => {
                let next = visit.poll_timeout().map_or(until, |deadline| deadline.at.min(until));
                next - clock.now()
            }
        };
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(failure(error)),
            Ok(()) | Err(_) => {}
        }
    }
}
