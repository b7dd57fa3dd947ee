//! From the command line to a running session.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::rand::{GetRandomFlags, getrandom};
use wire::app::name::Name;
use wire::net::{Clock, Socket};
use wire::time::Duration;
use wire::{Secret, Seed};

use super::cli::{AccountFile, OneShot as Asked, Options, Plan};
use super::control::{Control, attach};
use super::desk::{Credentials, Desk, Face, Giver};
use super::fullscreen::Setting;
use super::paths::Paths;
use super::session::{Parts, Session};
use super::spool::Spool;
use super::typed_lines::TypedLines;
use super::{account, complain, doctor, folders, terminal, typing};
use crate::app::{FilesOf, Settings};
use crate::command::{Command, Need, Purpose};
use crate::face::exit::Exit;
use crate::face::oneshot::{OneShot, Task};
use crate::face::plain::{Colour, Plain, Reader, Style};
use crate::face::tui::{Look, Theme};
use crate::files::FileWorker;
use crate::store::Database;
use crate::work::ExportFormat;

/// Runs what the command line asks for.
pub(super) fn run(plan: Plan) -> Exit {
    // A crash must not leave keys and passwords in a file. Where it is not allowed to say so,
    // nothing is lost but that.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    terminal::keep();
    let Plan { options, command, preferences } = plan;
    let outcome = match command {
        Some(Asked::Account(task @ (AccountFile::Export { .. } | AccountFile::Import { .. }))) => {
            account::run(&options, task)
        }
        Some(Asked::Attach) => attach(options.socket.as_deref()),
        Some(Asked::Doctor { report }) => doctor::run(&options, &preferences, report),
        command => prepare(Plan { options, command, preferences }).map(|mut session| session.run()),
    };
    let exit = outcome.unwrap_or_else(|(exit, text)| complain(exit, &text));
    terminal::restore();
    exit
}

/// With what the program ends, and why.
pub(super) type Failure = (Exit, String);

pub(super) fn failure(text: impl ToString) -> Failure {
    (Exit::Failure, text.to_string())
}

fn prepare(plan: Plan) -> Result<Session, Failure> {
    let Plan { options, command, preferences } = plan;
    let clock = Clock::start();
    start_log(&options)?;
    let data = folders::data(options.data.clone()).map_err(failure)?;
    let is_person = command.is_none() && !options.json && typing::is_person();
    let server = server(&options, &data, is_person)?;
    let socket = bind(&options)?;
    let database = Database::open(&data).map_err(failure)?;
    let downloads = folders::downloads(options.download_dir.clone());
    let files = FileWorker::new(&data, &downloads)
        .map_err(|error| failure(format!("download folder {}: {error}", downloads.display())))?;

    let mut settings = Settings::new(&server, Vec::new());
    settings.local_candidates = super::names::candidates(socket.local_address());
    settings.token_epoch = clock.unix_ms() / 1000;
    settings.local_time = local_time;
    settings.moment_of = |typed, now| moment_of(typed, now, &TimeZone::system());
    settings.data_folder = data.display().to_string();
    settings.files_of = files_of(command.as_ref())?;
    let full = (is_person && !options.plain && !is_dumb()).then(|| Setting {
        clock,
        look: Look { colour: has_colour(), unicode: is_unicode(), theme: Theme::default() },
        local_time,
        typed: TypedLines::open(data.join("typed-lines.json")),
        paths: Paths::new(folders::home(), downloads.canonicalize().unwrap_or(downloads)),
    });
    // A task does one thing, and is asked for nothing else.
    let socket_path = options.socket.as_ref().filter(|_| command.is_none());
    let control = socket_path.map(|path| Control::bind(path)).transpose().map_err(failure)?;
    let (command, spool) = spooled(command, &data)?;
    let (face, giver) = face(&options, command, is_person, full.is_some(), &clock)?;
    let credentials = options.user.clone().map(|name| Credentials {
        purpose: if options.register { Purpose::Register } else { Purpose::Login },
        name,
        file: options.password_file.clone(),
    });
    let desk = Desk::new(face, giver, credentials, folders::home(), preferences);
    let parts =
        Parts { clock, socket, database, files, settings, desk, spool, full, control, data };
    Session::new(parts, &seed()?).map_err(failure)
}

/// Who asks for files asks for those of strangers too, or of the one he names.
fn files_of(command: Option<&Asked>) -> Result<FilesOf, Failure> {
    match command {
        Some(Asked::Receive { from: None, .. }) => Ok(FilesOf::Everybody),
        Some(Asked::Receive { from: Some(user), .. }) => {
            let name = Name::new(user);
            let name = name.map_err(|error| {
                (Exit::Usage, format!("'{user}' is no user name: {error} (see peer --help)"))
            })?;
            Ok(FilesOf::User(name))
        }
        _ => Ok(FilesOf::Contacts),
    }
}

/// The server named, else that of the last start, else what a person answers.
fn server(options: &Options, data: &Path, is_person: bool) -> Result<String, Failure> {
    let known = options.server.clone().or_else(|| folders::last_server(data));
    let asked = || if is_person { typing::ask_server() } else { None };
    known.or_else(asked).ok_or_else(|| {
        (Exit::Usage, "no server is named: use --server HOST:PORT or TINCAN_SERVER".to_owned())
    })
}

fn bind(options: &Options) -> Result<Socket, Failure> {
    let bound = match options.bind {
        Some(address) => Socket::bind(SocketAddr::new(address, options.udp)),
        None => Socket::bind_port(options.udp),
    };
    bound.map_err(|error| {
        let on = options.bind.map(|address: IpAddr| format!(" of {address}")).unwrap_or_default();
        let what = if error.kind() == io::ErrorKind::AddrInUse {
            "another program uses it; choose another with --udp, or 0 for any".to_owned()
        } else {
            error.to_string()
        };
        failure(format!("UDP port {}{on}: {what}", options.udp))
    })
}

pub(super) fn seed() -> Result<Seed, Failure> {
    let mut bytes = [0; 32];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(32) => Ok(Seed::new(bytes)),
        Ok(_) | Err(_) => Err(failure("the operating system gives no random numbers")),
    }
}

fn face(
    options: &Options,
    command: Option<Asked>,
    is_person: bool,
    is_full: bool,
    clock: &Clock,
) -> Result<(Face, Giver), Failure> {
    let giver = match command {
        Some(command) => Giver::Task(task(options, command, clock)?),
        None if is_person => Giver::Person,
        None => Giver::Script,
    };
    if options.json {
        return Ok((Face::Json, giver));
    }
    if is_full {
        return Ok((Face::Full, giver));
    }
    let is_task = matches!(giver, Giver::Task(_));
    let shows = if is_task { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let is_lively = shows && !options.plain && !is_dumb();
    let style = Style {
        reader: if is_lively && is_task { Reader::Person } else { Reader::Program },
        colour: if is_lively && has_colour() { Colour::On } else { Colour::Off },
        width: None,
        draws: shows && is_unicode(),
        local_time,
    };
    Ok((Face::Plain(Plain::new(style)), giver))
}

/// Whether colours are wanted (<https://no-color.org>).
pub(super) fn has_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether the terminal is said to show more than ASCII: the first of these that is set counts
/// (POSIX, section 8.2).
pub(super) fn is_unicode() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// A terminal that cannot move its cursor.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

fn task(options: &Options, command: Asked, clock: &Clock) -> Result<OneShot, Failure> {
    let (task, limit) = match command {
        Asked::Msg { to, text, wait: until, timeout } => {
            let text = if text == "-" { text_of_input()? } else { text };
            (Task::Message { to, text, until }, Some(timeout))
        }
        Asked::Send { to, files, timeout } => {
            for file in &files {
                check_readable(file)?;
            }
            (Task::Send { to, paths: files }, timeout)
        }
        Asked::Live { to, file, name, timeout } => {
            check_readable(&file)?;
            (Task::Live { to, path: file, name }, timeout)
        }
        Asked::Receive { from, count, timeout } => (Task::Receive { from, count }, timeout),
        Asked::Export { with, file: path } => {
            let format = match (options.json, ExportFormat::of(&path)) {
                (true, _) => ExportFormat::Json,
                (false, Ok(format)) => format,
                (false, Err(error)) => return Err((Exit::Usage, error)),
            };
            let with = (!with.eq_ignore_ascii_case("all")).then_some(with);
            (Task::Export { with, path, format }, None)
        }
        Asked::Fingerprint { of } => (Task::Fingerprint { user: of }, Some(30)),
        Asked::Code { typed, timeout } => {
            let typed = if typed { Some(code_of_input()?) } else { None };
            (Task::Code { typed }, Some(timeout))
        }
        Asked::Account(AccountFile::Delete { name }) => {
            let password = password(options, &name)?;
            (Task::DeleteAccount { name, password }, Some(60))
        }
        Asked::Account(_) | Asked::Attach | Asked::Doctor { .. } => {
            unreachable!("it begins no session")
        }
    };
    Ok(OneShot::new(clock.now(), task, limit.map(Duration::from_secs)))
}

/// What proves that the account may be deleted, from the file or from somebody at a terminal.
fn password(options: &Options, name: &str) -> Result<Secret<String>, Failure> {
    if let Some(file) = &options.password_file {
        return typing::password_of(file).map_err(|error| (Exit::LoginFailed, error));
    }
    if !typing::is_person() {
        let text = "the password is needed: give --password-file";
        return Err((Exit::Usage, text.to_owned()));
    }
    match typing::ask_secrets(Need::Delete(Some(name.to_owned()))) {
        Some(Command::DeleteAccount { password, .. }) => Ok(password),
        _ => Err((Exit::Interrupted, "no password was typed".to_owned())),
    }
}

/// What is to be handed over of standard input is so as a file.
fn spooled(command: Option<Asked>, data: &Path) -> Result<(Option<Asked>, Option<Spool>), Failure> {
    match command {
        Some(Asked::Live { to, file, name, timeout }) if file == Path::new("-") => {
            if name.is_none() {
                let text = "standard input has no name: give it one with --name, as in cam.mkv";
                return Err((Exit::Usage, text.to_owned()));
            }
            let spool = Spool::new(data)
                .map_err(|error| failure(format!("data folder {}: {error}", data.display())))?;
            let file = spool.path().to_owned();
            Ok((Some(Asked::Live { to, file, name, timeout }), Some(spool)))
        }
        command => Ok((command, None)),
    }
}

fn code_of_input() -> Result<Secret<String>, Failure> {
    let mut line = String::new();
    let mut input = io::BufReader::new(io::stdin().lock().take(1024));
    input.read_line(&mut line).map_err(failure)?;
    if line.trim().is_empty() {
        return Err((Exit::Usage, "no code stands in the first line of the input".to_owned()));
    }
    Ok(Secret::new(line.trim().to_owned()))
}

fn text_of_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let limit = wire::app::peer::MAX_TEXT as u64 + 1;
    io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(failure)?;
    let text = String::from_utf8(bytes).map_err(|_| failure("the text is not UTF-8"))?;
    let text = text.trim_end_matches('\n');
    if text.is_empty() {
        return Err((Exit::Usage, "an empty message cannot be sent".to_owned()));
    }
    Ok(text.to_owned())
}

/// Better said before connecting than after.
fn check_readable(file: &Path) -> Result<(), Failure> {
    let wrong = |what: &str| failure(format!("{}: {what}", file.display()));
    match fs::metadata(file) {
        Ok(found) if found.is_file() || found.is_dir() => Ok(()),
        Ok(_) => Err(wrong("it is neither a file nor a folder")),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

pub(super) fn start_log(options: &Options) -> Result<(), Failure> {
    let Some(path) = &options.log_file else { return Ok(()) };
    let wrong = |error: &dyn std::fmt::Display| failure(format!("log {}: {error}", path.display()));
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = opened.map_err(|error| wrong(&error))?;
    let filter = tracing_subscriber::EnvFilter::try_new(&options.log)
        .map_err(|error| (Exit::Usage, format!("--log: {error}")))?;
    let writer = Mutex::new(file);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .try_init()
        .map_err(|error| wrong(&error))
}

/// `2026-01-31 17:05` where this machine is.
fn local_time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(
        || "(no time)".to_owned(),
        |time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// The other way round, for a date, a time of day or both. A time of day alone is the last one before now.
fn moment_of(typed: &str, now: u64, zone: &TimeZone) -> Option<u64> {
    let ms = |moment: DateTime| {
        let moment = moment.to_zoned(zone.clone()).ok()?.timestamp();
        u64::try_from(moment.as_millisecond()).ok()
    };
    let clock = |word: &str| {
        let formats = ["%H:%M", "%H:%M:%S"];
        formats.iter().find_map(|format| Time::strptime(format, word).ok())
    };
    match typed.split_once(' ') {
        Some((date, time)) => ms(date.parse::<Date>().ok()?.to_datetime(clock(time)?)),
        None => match clock(typed) {
            Some(time) => {
                let now = Timestamp::from_millisecond(now.try_into().ok()?).ok()?;
                let today = now.to_zoned(zone.clone()).date();
                let moment = ms(today.to_datetime(time))?;
                let is_to_come = moment > u64::try_from(now.as_millisecond()).ok()?;
                if is_to_come {
                    ms(today.yesterday().ok()?.to_datetime(time))
                } else {
                    Some(moment)
                }
            }
            None => ms(typed.parse::<Date>().ok()?.to_datetime(Time::midnight())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_where_this_machine_is() {
        // Noon in Berlin, an hour ahead, on the first day of 2026.
        let (zone, noon) = (TimeZone::get("Europe/Berlin").unwrap(), 1_767_265_200_000);
        let moment = |typed: &str| moment_of(typed, noon, &zone).map(|at| (noon - at) / 60_000);
        assert_eq!(moment("12:00"), Some(0));
        assert_eq!(moment("11:59"), Some(1));
        assert_eq!(moment("12:01"), Some(24 * 60 - 1), "yesterday");
        assert_eq!(moment_of("11:59:59", noon, &zone), Some(noon - 1000));
        assert_eq!(moment("2026-01-01"), Some(12 * 60));
        assert_eq!(moment("2025-12-31 12:00"), Some(24 * 60));
        for nowhere in
            ["25:00", "12:60", "2026-02-30", "2026-01-01 24:00", "0000-00-00", "1600-01-01"]
        {
            assert_eq!(moment(nowhere), None, "{nowhere}");
        }
        assert_eq!(moment_of("12:00", u64::MAX, &zone), None);
    }

    #[test]
    fn times_are_local_and_any_number_is_one() {
        assert_eq!(local_time(1_767_225_600_000).len(), "2026-01-01 00:00".len());
        assert!(local_time(1_767_225_600_000).starts_with("202"));
        assert_eq!(local_time(u64::MAX), "(no time)");
    }

    #[test]
    fn two_seeds_differ() {
        let first = |seed: Seed| rand_core::RngCore::next_u64(&mut seed.rng());
        assert_ne!(first(seed().unwrap()), first(seed().unwrap()));
    }
}
