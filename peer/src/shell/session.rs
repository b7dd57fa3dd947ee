//! The network thread: one loop that gives the core what has happened, and does what it wants.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use clap::CommandFactory;
use mio::{Events, Poll, Token};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook_mio::v1_0::Signals;
use wire::net::{Clock, Progress, Socket};
use wire::time::{Duration, Instant};
use wire::{Node, Seed};

use super::cli::Cli;
use super::config::Config;
use super::control::Control;
use super::desk::{Desk, Do, Ways};
use super::front::Front;
use super::fullscreen::Setting;
use super::hooks::Hooks;
use super::names::{self, Resolver};
use super::player::{Player, Reading, Showing};
use super::screen::Stream;
use super::spool::{Kept, Spool};
use super::typing;
use super::workers::{LaneGone, Mailbox, Workers};
use super::{Wake, complain, folders, save, terminal};
use crate::app::{App, Settings};
use crate::command::{Command, Purpose};
use crate::face::Line;
use crate::face::exit::Exit;
use crate::face::json;
use crate::files::FileWorker;
use crate::output::{Output, ServerState};
use crate::store::Database;
use crate::transfer::{View, ViewNews};

const SOCKET: Token = Token(0);
const MAILBOX: Token = Token(1);
const SIGNALS: Token = Token(2);
/// Those of other programs follow it.
const CONTROL: Token = Token(3);

/// How often the addresses of this machine are looked at again.
const LOOK_AROUND: Duration = Duration::from_secs(30);

/// What a session is made of.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) socket: Socket,
    pub(super) database: Database,
    pub(super) files: FileWorker,
    pub(super) settings: Settings,
    pub(super) desk: Desk,
    /// Into which standard input goes, where it is handed over.
    pub(super) spool: Option<Spool>,
    /// The data folder.
    pub(super) data: PathBuf,
    /// Where other programs speak with this one, if they may.
    pub(super) control: Option<Control>,
    /// With what the full screen begins, where there is one.
    pub(super) full: Option<Setting>,
}

/// A running program.
pub(super) struct Session {
    clock: Clock,
    poll: Poll,
    socket: Socket,
    signals: Signals,
    mail: Receiver<Wake>,
    app: App,
    /// `None` once the database is closed.
    workers: Option<Workers>,
    resolver: Resolver,
    /// The resolver has been asked and has not answered.
    is_resolving: bool,
    desk: Desk,
    front: Front,
    hooks: Hooks,
    player: Player,
    spooled: Option<Kept>,
    control: Option<Control>,
    data: PathBuf,
    /// Whether users came or went since the names were last told to the front.
    has_new_names: bool,
    look_around: Instant,
}

impl Session {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the operating system gives no thread or no descriptor.
    pub(super) fn new(parts: Parts, seed: &Seed) -> io::Result<Self> {
        let Parts {
            clock,
            mut socket,
            database,
            files,
            mut settings,
            desk,
            spool,
            full,
            mut control,
            data,
        } = parts;
        let poll = Poll::new()?;
        if let Some(control) = &mut control {
            control.register(poll.registry(), CONTROL)?;
        }
        poll.registry().register(&mut socket, SOCKET, Socket::INTERESTS)?;
        let (mailbox, mail) = Mailbox::new(mio::Waker::new(poll.registry(), MAILBOX)?);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        if full.is_some() {
            // Stopped and called back by others, it gives the terminal back and takes it again.
            signals.add_signal(SIGTSTP)?;
            signals.add_signal(SIGCONT)?;
        }
        poll.registry().register(&mut signals, SIGNALS, mio::Interest::READABLE)?;
        let player_files = files.clone();
        let workers = Workers::start(database, files, &mailbox)?;
        let local = socket.local_address();
        let resolver = Resolver::start(settings.server.clone(), local, mailbox.clone())?;
        let Ways { files, strangers, auto_away, programs, habits } = desk.ways();
        settings.files = files;
        settings.attention = habits.attention;
        settings.strangers = strangers;
        settings.auto_away = auto_away;
        let front = Front::start(full, mailbox.clone())?;
        let fill = |spool: Spool| spool.fill(io::stdin(), mailbox.clone());
        let spooled = spool.map(fill).transpose()?;
        let player = Player::new(seed, clock, player_files, mailbox);
        front.set_habits(habits);
        Ok(Self {
            look_around: clock.now() + LOOK_AROUND,
            clock,
            poll,
            socket,
            signals,
            mail,
            app: App::new(settings, seed),
            workers: Some(workers),
            resolver,
            is_resolving: false,
            desk,
            front,
            hooks: Hooks::start(programs)?,
            player,
            spooled,
            control,
            data,
            has_new_names: false,
        })
    }

    /// Runs until everything is over.
    pub(super) fn run(&mut self) -> Exit {
        let exit = match self.turn_until_over() {
            Ok(exit) => exit,
            Err(error) => {
                self.front.end();
                complain(Exit::Failure, &error.to_string())
            }
        };
        self.front.end();
        if let Some(workers) = self.workers.take() {
            workers.finish();
        }
        exit
    }

    fn turn_until_over(&mut self) -> io::Result<Exit> {
        let mut events = Events::with_capacity(64);
        loop {
            let now = self.clock.now();
            self.app.set_unix_time(self.clock.unix_ms());
            let app = &mut self.app;
            let progress =
                self.socket.receive(|source, bytes| app.handle_datagram(now, source, bytes))?;
            while let Ok(wake) = self.mail.try_recv() {
                self.on_wake(now, wake)?;
            }
            self.on_timers(now)?;
            self.settle(now)?;
            self.socket.send_from(now, &mut self.app);
            self.settle(now)?;
            if self.app.poll_exit().is_some() {
                return Ok(self.desk.exit().unwrap_or(Exit::Failure));
            }
            if let Some(control) = self.control.as_mut().filter(|_| !self.app.is_storing()) {
                control.on_answered();
            }
            let wait = self.wait(progress);
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.on_control(&events)?;
            if let Some(exit) = self.on_signals() {
                return Ok(exit);
            }
        }
    }

    /// Other programs have something to say, or come and go.
    fn on_control(&mut self, events: &Events) -> io::Result<()> {
        let now = self.clock.now();
        let Some(control) = &mut self.control else { return Ok(()) };
        for event in events.iter().filter(|event| event.token() >= CONTROL) {
            let greeting = self.app.greeting().map(|output| json::line(&output));
            control.on_event(self.poll.registry(), event, greeting.as_deref());
        }
        for (number, line) in control.read_all() {
            let parsed = line.map_err(str::to_owned).and_then(|line| json::parse(line.trim()));
            match parsed {
                Ok(command) => {
                    self.app.active(now);
                    let todo = self.desk.on_program(now, command);
                    self.perform(now, todo)?;
                    // What one asked is answered before the next one asks.
                    self.settle(now)?;
                }
                Err(text) => self.tell_program(number, &Output::Error { text }),
            }
        }
        Ok(())
    }

    fn tell_program(&mut self, number: usize, output: &Output) {
        if let Some(control) = &mut self.control {
            control.tell_one(number, &json::line(output));
        }
    }

    fn wait(&self, progress: Progress) -> Option<Duration> {
        match progress {
            Progress::More => Some(Duration::ZERO),
            Progress::Drained if self.control.as_ref().is_some_and(Control::is_ready) => {
                Some(Duration::ZERO)
            }
            Progress::Drained => {
                let core = self.app.poll_timeout().map(|deadline| deadline.at);
                let times = [core, self.desk.deadline(), Some(self.look_around)];
                let now = self.clock.now();
                times.into_iter().flatten().min().map(|at| at - now)
            }
        }
    }

    fn on_wake(&mut self, now: Instant, wake: Wake) -> io::Result<()> {
        match wake {
            Wake::Done(id, outcome) => self.app.handle_outcome(now, id, outcome),
            Wake::Resolved(result) => {
                self.is_resolving = false;
                let addresses = result.unwrap_or_else(|error| {
                    tracing::info!(%error, "the server's name cannot be looked up");
                    Vec::new()
                });
                self.app.set_server_addresses(now, addresses);
            }
            Wake::Typed(typed) => {
                self.app.active(now);
                let todo = self.desk.on_typed(now, typed);
                self.perform(now, todo)?;
            }
            Wake::Command(command) => self.app.command(now, command),
            Wake::Pressed => self.app.active(now),
            Wake::Figures => self.front.set_connections(self.app.connections()),
            Wake::Reading(Reading { id, reader, at: Some(at) }) => {
                self.app.read_from(now, id, reader, at);
            }
            Wake::Reading(Reading { id, reader, at: None }) => self.app.forget_reader(id, reader),
            Wake::Position(question, at) => self.app.on_position(now, question, at),
            Wake::Player(question, report) => self.app.on_player(now, question, report),
            Wake::ProgramEnded(number) => self.player.on_program_ended(number),
            Wake::Complaint(text) => {
                let todo = self.desk.complain(now, &text);
                self.perform(now, todo)?;
            }
            Wake::InputEnded => {
                let todo = self.desk.on_input_ended();
                self.perform(now, todo)?;
            }
            Wake::LaneGone => return Err(io::Error::other(LaneGone)),
            Wake::NoReader => {
                let todo = self.desk.on_stop(Exit::Failure);
                self.perform(now, todo)?;
            }
        }
        // What one wake caused is told before the next one is looked at.
        self.settle(now)
    }

    fn on_timers(&mut self, now: Instant) -> io::Result<()> {
        if self.app.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.app.handle_timeout(now);
        }
        if self.desk.deadline().is_some_and(|at| at <= now) {
            let todo = self.desk.on_deadline(now);
            self.perform(now, todo)?;
        }
        if self.look_around <= now {
            self.look_around = now + LOOK_AROUND;
            let candidates = names::candidates(self.socket.local_address());
            self.app.set_local_candidates(now, candidates);
        }
        Ok(())
    }

    /// Hands out work and shows what is told until the core has nothing more.
    fn settle(&mut self, now: Instant) -> io::Result<()> {
        loop {
            let mut is_quiet = true;
            // Before the work: a file must not be removed before whoever plays it knows that.
            while let Some(news) = self.app.poll_view() {
                is_quiet = false;
                self.on_view(now, news)?;
            }
            while let Some((id, work)) = self.app.poll_work() {
                is_quiet = false;
                let workers = self.workers.as_ref().expect("they run as long as the loop does");
                workers.submit(id, work).map_err(io::Error::other)?;
            }
            while let Some(output) = self.app.poll_output() {
                is_quiet = false;
                self.on_output(now, &output)?;
            }
            if self.app.wants_address() && !self.is_resolving {
                self.is_resolving = true;
                self.resolver.ask();
            }
            if is_quiet {
                break;
            }
        }
        // Once for all of them: after the server was away, thousands may come and go at once.
        if std::mem::take(&mut self.has_new_names) && self.front.wants_users() {
            let rooms = self.app.known_rooms().into_iter().map(|room| (room, None));
            let names = rooms.chain(self.app.known_users()).collect();
            self.front.set_users(names);
        }
        Ok(())
    }

    fn on_output(&mut self, now: Instant, output: &Output) -> io::Result<()> {
        self.has_new_names |= matches!(
            output,
            Output::Presence { .. }
                | Output::LoggedIn { .. }
                | Output::Users { .. }
                | Output::RoomChanged { .. }
        );
        if let Output::LoggedIn { .. }
        | Output::IdentityChanged { .. }
        | Output::Trusted { .. }
        | Output::CodeOver { .. }
        | Output::Link { .. } = output
            && self.front.wants_users()
        {
            self.front.set_keys(self.app.key_marks());
        }
        if matches!(output, Output::Server { state: ServerState::Connected }) {
            // Not before: a slip of the fingers is not to be the server of the next start.
            folders::keep_server(&self.data, self.app.server_as_typed());
        }
        if let Output::LoggedIn { .. } | Output::Nickname { .. } = output
            && self.front.wants_users()
        {
            self.front.set_nicknames(self.app.nicknames());
        }
        if let (Some(spooled), Output::File { file }) = (&mut self.spooled, output) {
            spooled.learn(file);
        }
        if let Some(control) = self.control.as_mut().filter(|control| control.is_used()) {
            control.tell(&json::line(output));
        }
        self.desk.set_width(terminal::width());
        if let Some(lost) = self.front.take_lost() {
            let text = format!("{lost} lines were not written: standard output is read too slowly");
            let todo = self.desk.complain(now, &text);
            self.perform(now, todo)?;
        }
        let todo = self.desk.on_output(now, output);
        self.perform(now, todo)?;
        if let Some(complaint) = self.hooks.on_output(output) {
            let todo = self.desk.complain(now, complaint);
            self.perform(now, todo)?;
        }
        Ok(())
    }

    fn on_view(&mut self, now: Instant, news: ViewNews) -> io::Result<()> {
        let todo = match news {
            ViewNews::Of(id, View::Plays(film)) => {
                let (line, position) = (film.line.clone(), film.position);
                let is_paused = film.is_paused;
                match self.player.show(id, *film) {
                    Ok(url) => {
                        let showing = Showing { id, url, position, is_paused };
                        self.desk.on_playable(now, showing, line)
                    }
                    Err(error) => {
                        self.desk.complain(now, &format!("It cannot be played here: {error}."))
                    }
                }
            }
            ViewNews::Of(id, View::Asks(question)) => {
                self.player.ask(id, question);
                return Ok(());
            }
            ViewNews::Of(id, View::Steers(question, steering)) => {
                self.player.steer(id, question, steering);
                return Ok(());
            }
            ViewNews::Of(_, View::Opens(line, path)) => self.desk.on_openable(now, path, *line),
            news @ (ViewNews::Anew | ViewNews::Of(..)) => {
                self.player.tell(news);
                return Ok(());
            }
        };
        self.perform(now, todo)
    }

    fn perform(&mut self, now: Instant, todo: Vec<Do>) -> io::Result<()> {
        for item in todo {
            match item {
                Do::Command(command) => self.app.command(now, command),
                Do::LogIn(purpose, name, file) => match typing::password_of(&file) {
                    Ok(password) => {
                        let command = match purpose {
                            Purpose::Register => Command::Register { name, password },
                            Purpose::Login => Command::Login { name, password },
                        };
                        self.app.command(now, command);
                    }
                    Err(error) => {
                        self.front.write(Stream::Err, Line::Text(format!("peer: {error}")));
                        let todo = self.desk.on_stop(Exit::LoginFailed);
                        self.perform(now, todo)?;
                    }
                },
                Do::Ask(ask) => self.front.ask(ask),
                Do::Write(stream, line) => self.front.write(stream, line),
                Do::Show(output) => self.front.show(output),
                Do::Window(window) => self.front.window(window),
                Do::Change(ways) => self.change(ways)?,
                Do::Save { file, changes } => {
                    let saved = save::save(&file, &changes).map(|()| changes);
                    let todo = self.desk.on_saved(now, saved);
                    self.perform(now, todo)?;
                }
                Do::Reload(file) => {
                    let read = Config::read(file.as_deref(), &Cli::command());
                    let todo = self.desk.on_reloaded(now, read);
                    self.perform(now, todo)?;
                }
                Do::Start(launch) => self.player.start(launch)?,
                Do::Quit(exit) => {
                    tracing::info!(?exit, "leaving");
                    if exit == Exit::Done {
                        let farewell = self.desk.farewell();
                        self.app.command(now, Command::Quit { farewell });
                    } else {
                        self.app.leave(now);
                    }
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, ways: Ways) -> io::Result<()> {
        let Ways { files, strangers, auto_away, programs, habits } = ways;
        self.app.set_files(self.clock.now(), files);
        self.app.set_attention(habits.attention);
        self.app.set_strangers(self.clock.now(), strangers);
        self.app.set_auto_away(self.clock.now(), auto_away);
        self.front.set_habits(habits);
        self.hooks.set_programs(programs)
    }

    /// The first signal ends everything in order; the second ends it at once.
    fn on_signals(&mut self) -> Option<Exit> {
        let now = self.clock.now();
        let received: Vec<i32> = self.signals.pending().collect();
        for signal in received {
            let exit = match signal {
                SIGTSTP => {
                    self.front.suspend();
                    continue;
                }
                SIGCONT => {
                    self.front.continued();
                    continue;
                }
                SIGINT => Exit::Interrupted,
                _ => Exit::Terminated,
            };
            if self.desk.exit().is_some() {
                return Some(exit);
            }
            let todo = self.desk.on_stop(exit);
            // It only asks the core to quit: nothing in it can fail.
            let _ = self.perform(now, todo);
        }
        None
    }
}
