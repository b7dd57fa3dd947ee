//! Decides, without touching anything, what the shell does about what is typed and what the core
//! tells: which line goes where, when to ask for a login, when all that was asked is done.

mod habits;
mod open;
mod viewing;
mod waiting;

use std::path::PathBuf;

use wire::app::name::Name;
use wire::time::Instant;

pub(super) use self::habits::Ways;
use self::open::Open;
use self::waiting::Waiting;
use super::player::Launch;
use super::preferences::{Changes, Preferences};
use super::screen::Stream;
use crate::command::{self, Command, Context, Need, ParsedLine, Purpose, Window};
use crate::face::asking::{Ask, Typed};
use crate::face::exit::Exit;
use crate::face::oneshot::{Act, OneShot};
use crate::face::plain::Plain;
use crate::face::{Line, json};
use crate::output::{Output, ServerState};

/// How things are shown.
#[derive(Debug)]
pub(super) enum Face {
    /// Lines.
    Plain(Plain),
    /// Objects.
    Json,
    /// The whole screen of a terminal, which draws itself.
    Full,
}

/// Who gives commands.
#[derive(Debug)]
pub(super) enum Giver {
    /// Somebody at a terminal.
    Person,
    /// Lines of standard input.
    Script,
    /// The command line gave one.
    Task(OneShot),
}

/// The account named on the command line.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// Whether to make it.
    pub(super) purpose: Purpose,
    /// As typed.
    pub(super) name: String,
    /// Where its password is.
    pub(super) file: Option<PathBuf>,
}

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Do {
    /// Give this to the core.
    Command(Command),
    /// Read the password from this file, then log in or register.
    LogIn(Purpose, String, PathBuf),
    /// Read something.
    Ask(Ask),
    /// Write something.
    Write(Stream, Line),
    /// Let the full screen show this.
    Show(Output),
    /// Let the full screen do this with its windows.
    Window(Window),
    /// Do things this way from now on.
    Change(Ways),
    /// Write this into the configuration file.
    Save {
        /// Where it is, or is to be.
        file: PathBuf,
        /// What is to stand in it.
        changes: Changes,
    },
    /// Read the configuration file.
    Reload(Option<PathBuf>),
    /// Start a program of the person's.
    Start(Launch),
    /// Let the core close everything, then end with this.
    Quit(Exit),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    face: Face,
    giver: Giver,
    credentials: Option<Credentials>,
    home: Option<PathBuf>,
    preferences: Preferences,
    /// Who is logged in.
    own: Option<String>,
    /// With whom plain lines are exchanged.
    chat: Option<String>,
    /// Requests and offers without an answer.
    waiting: Waiting,
    login: Login,
    server: Contact,
    reading: Reading,
    open: Open,
    /// The person pressed Ctrl-C at the prompt before.
    was_interrupted: bool,
    /// The person was told just now what leaving would interrupt.
    was_warned: bool,
    /// What was typed behind `/quit`.
    farewell: String,
    exit: Option<Exit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Login {
    /// The core is still loading or connecting.
    Unknown,
    /// Nobody is logged in.
    Needed,
    /// A name and a password were given to the core.
    Pending,
    LoggedIn,
    /// The core was asked to log out.
    Leaving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nothing is asked for.
    No,
    /// The answer is awaited.
    Asked,
    /// There is no more; at this time waiting for the rest ends.
    Ended { until: Instant },
}

/// Whether the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contact {
    Unknown,
    Away,
    There,
}

impl Desk {
    /// A desk for this giver of commands.
    pub(super) fn new(
        face: Face,
        giver: Giver,
        credentials: Option<Credentials>,
        home: Option<PathBuf>,
        preferences: Preferences,
    ) -> Self {
        Self {
            face,
            giver,
            credentials,
            home,
            preferences,
            own: None,
            chat: None,
            waiting: Waiting::default(),
            login: Login::Unknown,
            server: Contact::Unknown,
            reading: Reading::No,
            open: Open::default(),
            was_interrupted: false,
            was_warned: false,
            farewell: String::new(),
            exit: None,
        }
    }

    /// The plain face's screen has this width now.
    pub(super) const fn set_width(&mut self, width: Option<usize>) {
        if let Face::Plain(plain) = &mut self.face {
            plain.set_width(width);
        }
    }

    /// When [`Self::on_deadline`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ending = match self.reading {
            // An export tells nothing until it is done.
            Reading::Ended { until } if self.exit.is_none() && self.open.exports == 0 => {
                Some(until)
            }
            Reading::Ended { .. } | Reading::No | Reading::Asked => None,
        };
        let task = match &self.giver {
            Giver::Task(task) => task.deadline(),
            Giver::Person | Giver::Script => None,
        };
        ending.into_iter().chain(task).min()
    }

    /// Does what is due.
    pub(super) fn on_deadline(&mut self, now: Instant) -> Vec<Do> {
        let mut todo = Vec::new();
        if let Giver::Task(task) = &mut self.giver {
            let acts = task.on_deadline(now);
            self.act(acts, &mut todo);
        }
        if let Reading::Ended { until } = self.reading
            && now >= until
            && self.open.exports == 0
        {
            let is_in = self.login == Login::LoggedIn;
            self.quit(if is_in { Exit::Queued } else { Exit::NoServer }, &mut todo);
        }
        todo
    }

    /// The core told something.
    pub(super) fn on_output(&mut self, now: Instant, output: &Output) -> Vec<Do> {
        let mut todo = self.show(now, output);
        self.track(now, output);
        match output {
            Output::Ready { user, .. } => self.on_ready(user.as_deref(), &mut todo),
            Output::LoginNeeded { reason } => self.on_login_needed(reason.is_some(), &mut todo),
            Output::LoggedIn { user, .. } => {
                self.login = Login::LoggedIn;
                self.own = Some(user.clone());
                self.credentials = None;
            }
            Output::LoggedOut { .. } => self.chat = None,
            Output::Error { .. } if self.login == Login::Leaving => self.login = Login::LoggedIn,
            Output::Server { state } => self.note_server(state),
            Output::ServerFingerprint { .. }
            | Output::AccountDeleted { .. }
            | Output::Presence { .. }
            | Output::Users { .. }
            | Output::Whois { .. }
            | Output::Code { .. }
            | Output::CodeOver { .. }
            | Output::Blocked { .. }
            | Output::Message { .. }
            | Output::MessageState { .. }
            | Output::Kept { .. }
            | Output::Changed { .. }
            | Output::NotSent { .. }
            | Output::RoomInvited { .. }
            | Output::RoomChanged { .. }
            | Output::Rooms { .. }
            | Output::Members { .. }
            | Output::Link { .. }
            | Output::Request { .. }
            | Output::RequestOver { .. }
            | Output::Requests { .. }
            | Output::Asked { .. }
            | Output::FileOffer { .. }
            | Output::File { .. }
            | Output::Files { .. }
            | Output::Play { .. }
            | Output::Watch { .. }
            | Output::Open { .. }
            | Output::History { .. }
            | Output::Outbox { .. }
            | Output::Export { .. }
            | Output::Net { .. }
            | Output::Fingerprint { .. }
            | Output::IdentityChanged { .. }
            | Output::Trusted { .. }
            | Output::Notify { .. }
            | Output::Ignored { .. }
            | Output::Nickname { .. }
            | Output::AutoAccept { .. }
            | Output::Ping { .. }
            | Output::Why { .. }
            | Output::Typing { .. }
            | Output::Settings { .. }
            | Output::Help { .. }
            | Output::Info { .. }
            | Output::Error { .. } => {}
        }
        self.mark_read(output, &mut todo);
        if let Giver::Task(task) = &mut self.giver {
            let acts = task.on_output(now, output);
            self.act(acts, &mut todo);
        }
        self.next(&mut todo);
        todo
    }

    /// Something was typed.
    pub(super) fn on_typed(&mut self, now: Instant, typed: Typed) -> Vec<Do> {
        self.reading = Reading::No;
        let was_interrupted = std::mem::take(&mut self.was_interrupted);
        let was_warned = std::mem::take(&mut self.was_warned);
        let mut todo = Vec::new();
        match typed {
            Typed::Line(line) => self.on_line_typed(now, &line, was_warned, &mut todo),
            Typed::InWindow(user, line) => {
                self.chat = user;
                self.on_line_typed(now, &line, was_warned, &mut todo);
            }
            Typed::Unusable(why) => todo.extend(self.complain(now, why)),
            Typed::Credentials { purpose, name, password } => {
                self.login = Login::Pending;
                todo.push(Do::Command(match purpose {
                    Purpose::Register => Command::Register { name, password },
                    Purpose::Login => Command::Login { name, password },
                }));
            }
            Typed::Command(Command::ImportAccount { path, passphrase }) => {
                let path = command::expand_home(&path.to_string_lossy(), self.home.as_deref());
                self.give(now, Command::ImportAccount { path, passphrase }, &mut todo);
            }
            Typed::Command(command) => self.give(now, command, &mut todo),
            Typed::Cancelled => {}
            Typed::Interrupt if was_interrupted || was_warned => self.quit(Exit::Done, &mut todo),
            Typed::Interrupt if self.has_open_work() => self.leave(now, &mut todo),
            Typed::Interrupt => {
                self.was_interrupted = true;
                let text = "Ctrl-C again, Ctrl-D or /quit leaves the program".to_owned();
                todo.extend(self.show(now, &Output::Info { text }));
            }
            Typed::End => match self.giver {
                Giver::Person if was_warned => self.quit(Exit::Done, &mut todo),
                Giver::Person => self.leave(now, &mut todo),
                Giver::Script | Giver::Task(_) => {
                    self.reading = Reading::Ended { until: now + self.linger() };
                }
            },
        }
        self.next(&mut todo);
        todo
    }

    /// Standard input, which is handed over, has ended.
    pub(super) fn on_input_ended(&mut self) -> Vec<Do> {
        let mut todo = Vec::new();
        if let Giver::Task(task) = &mut self.giver {
            let acts = task.on_input_ended();
            self.act(acts, &mut todo);
        }
        todo
    }

    /// The program is told to stop.
    pub(super) fn on_stop(&mut self, exit: Exit) -> Vec<Do> {
        let mut todo = Vec::new();
        self.quit(exit, &mut todo);
        todo
    }

    /// Another program of the person's gives a command: it is not asked whether it means it.
    pub(super) fn on_program(&mut self, now: Instant, command: Command) -> Vec<Do> {
        let mut todo = Vec::new();
        if let Command::Quit { farewell } = command {
            self.farewell = farewell;
            self.quit(Exit::Done, &mut todo);
        } else {
            self.give(now, command, &mut todo);
        }
        todo
    }

    /// A line that tells of an error.
    pub(super) fn complain(&mut self, now: Instant, text: &str) -> Vec<Do> {
        self.show(now, &Output::Error { text: text.to_owned() })
    }

    /// With what the program ends, once that is decided.
    pub(super) const fn exit(&self) -> Option<Exit> {
        self.exit
    }

    fn show(&mut self, now: Instant, output: &Output) -> Vec<Do> {
        // A login is about to begin by itself.
        let is_moot = matches!(output, Output::LoginNeeded { reason: None })
            && (self.credentials.is_some() || matches!(self.giver, Giver::Person));
        match (&mut self.face, &self.giver) {
            (Face::Plain(_) | Face::Full, _) if is_moot => Vec::new(),
            (Face::Full, _) => vec![Do::Show(output.clone())],
            (Face::Plain(_), Giver::Task(_)) if is_for_task(output) => Vec::new(),
            (Face::Json, _) => {
                vec![Do::Write(Stream::Out, Line::Text(json::line(output)))]
            }
            (Face::Plain(plain), giver) => {
                // The result of a task is alone on standard output.
                let stream =
                    if matches!(giver, Giver::Task(_)) { Stream::Err } else { Stream::Out };
                let write = |line| Do::Write(stream, line);
                plain.show(now, output).into_iter().map(write).collect()
            }
        }
    }

    fn act(&mut self, acts: Vec<Act>, todo: &mut Vec<Do>) {
        for act in acts {
            match act {
                Act::Command(command) => todo.push(Do::Command(command)),
                Act::Result(text) if matches!(self.face, Face::Plain(_)) => {
                    todo.push(Do::Write(Stream::Out, Line::Text(text)));
                }
                // In JSON the events have said it.
                Act::Result(_) => {}
                Act::Complain(text) => {
                    todo.push(Do::Write(Stream::Err, Line::Text(format!("peer: {text}"))));
                }
                Act::Exit(exit) => self.quit(exit, todo),
            }
        }
    }

    fn on_ready(&mut self, kept: Option<&str>, todo: &mut Vec<Do>) {
        let Some(credentials) = &self.credentials else { return };
        let Some(kept) = kept else { return };
        let is_same = |name: &str| Name::new(name).is_ok_and(|name| name.as_str() == kept);
        if !is_same(&credentials.name) {
            self.log_in(todo);
        } else if credentials.file.is_none() {
            // The device logs in by its key: nobody need be asked for a password.
            self.credentials = None;
        }
    }

    fn on_login_needed(&mut self, has_failed: bool, todo: &mut Vec<Do>) {
        let was_pending = self.login == Login::Pending;
        self.login = Login::Needed;
        self.chat = None;
        if matches!(self.face, Face::Full) {
            // Its line can become a question at any time.
            self.reading = Reading::No;
        }
        if matches!(&self.giver, Giver::Task(task) if task.is_deleting()) {
            return;
        }
        if self.credentials.is_some() && !was_pending {
            self.log_in(todo);
        } else if let Giver::Task(task) = &mut self.giver {
            let missing = "no account is logged in here: name one with --user and --password-file, \
                           or start peer on a terminal first";
            let acts = task.end(Exit::LoginFailed, (!has_failed).then_some(missing));
            self.act(acts, todo);
        } else if was_pending
            && matches!((&self.giver, &self.face), (Giver::Script, Face::Plain(_)))
        {
            self.quit(Exit::LoginFailed, todo);
        }
    }

    /// Uses the account of the command line, once.
    fn log_in(&mut self, todo: &mut Vec<Do>) {
        let Some(credentials) = self.credentials.take() else { return };
        let Credentials { purpose, name, file } = credentials;
        match (file, &self.giver) {
            (Some(file), _) => {
                self.login = Login::Pending;
                todo.push(Do::LogIn(purpose, name, file));
            }
            (None, Giver::Person) if self.reading == Reading::No => {
                self.reading = Reading::Asked;
                todo.push(Do::Ask(Ask::Credentials(purpose, Some(name))));
            }
            (None, Giver::Person) => {}
            (None, Giver::Script | Giver::Task(_)) => {
                let text = "peer: a password is needed: give --password-file".to_owned();
                todo.push(Do::Write(Stream::Err, Line::Text(text)));
                self.quit(Exit::LoginFailed, todo);
            }
        }
    }

    fn on_line(&mut self, now: Instant, line: &str, todo: &mut Vec<Do>) {
        if matches!(self.face, Face::Json) {
            let trimmed = line.trim();
            if trimmed.starts_with('{') {
                match json::parse(trimmed) {
                    Ok(command) => self.give(now, command, todo),
                    Err(error) => todo.extend(self.complain(now, &error)),
                }
                return;
            }
            if !trimmed.is_empty() && !trimmed.starts_with('/') {
                let text = "a line is neither a JSON object nor a /command";
                todo.extend(self.complain(now, text));
                return;
            }
        }
        let context = Context {
            chat: self.chat.clone(),
            waiting: self.waiting.all(),
            home: self.home.clone(),
            aliases: self.preferences.aliases().clone(),
            style: self.preferences.style(),
        };
        match command::parse(line, &context) {
            ParsedLine::Command(command) => self.give(now, command, todo),
            ParsedLine::Window(window) => self.on_window(now, window, todo),
            ParsedLine::Chat(user) => {
                self.on_window(now, Window::Open(user.clone()), todo);
                self.give(now, Command::Chat { user }, todo);
            }
            ParsedLine::Preference(preference) => self.on_preference(now, preference, todo),
            ParsedLine::Nothing => {}
            ParsedLine::Error(text) => todo.extend(self.complain(now, &text)),
            ParsedLine::NeedPassword { purpose, name } => {
                self.on_password_needed(now, purpose, name, todo);
            }
            ParsedLine::NeedSecrets(need) => self.on_secrets_needed(now, need, todo),
        }
    }

    const fn note_server(&mut self, state: &ServerState) {
        match state {
            ServerState::Waiting { .. } | ServerState::Refused => self.server = Contact::Away,
            ServerState::Connected => self.server = Contact::There,
            ServerState::Connecting => {}
        }
    }

    fn on_secrets_needed(&mut self, now: Instant, need: Need, todo: &mut Vec<Do>) {
        let need = match (need, &self.own) {
            (Need::Delete(None), Some(own)) => Need::DeleteOwn(own.clone()),
            (need, _) => need,
        };
        match (&self.giver, &self.face) {
            (Giver::Person, _) => {
                self.reading = Reading::Asked;
                todo.push(Do::Ask(Ask::Secrets(need)));
            }
            (_, Face::Json) => {
                let text = "there is no terminal to ask on: give it as an object (docs/json.md)";
                todo.extend(self.complain(now, text));
            }
            (_, Face::Plain(_) | Face::Full) => {
                let text =
                    "there is no terminal to ask for a password on: scripts do this with --json";
                todo.extend(self.complain(now, text));
            }
        }
    }

    fn on_line_typed(&mut self, now: Instant, line: &str, was_warned: bool, todo: &mut Vec<Do>) {
        if !was_warned {
            self.farewell.clear();
        }
        self.on_line(now, line, todo);
        if was_warned && self.was_warned {
            self.quit(Exit::Done, todo);
        }
    }

    fn on_window(&mut self, now: Instant, window: Window, todo: &mut Vec<Do>) {
        if matches!(self.face, Face::Full) {
            todo.push(Do::Window(window));
            return;
        }
        match window {
            Window::Open(user) => self.open_chat(now, user, todo),
            Window::Switch(which) if which.bytes().all(|byte| byte.is_ascii_digit()) => {
                let text = "Windows have numbers only on the full screen: '/buffer NAME'.";
                todo.extend(self.complain(now, text));
            }
            Window::Switch(user) => self.open_chat(now, user, todo),
            Window::Close => {
                let text = match self.chat.take() {
                    Some(user) => format!("what you type does not go to {user} any more"),
                    None => "No chat is open: '/chat NAME' opens one.".to_owned(),
                };
                todo.extend(self.show(now, &Output::Info { text }));
            }
            Window::Unread => {
                let text = "Nothing is unread: without the full screen all is shown as it comes."
                    .to_owned();
                todo.extend(self.show(now, &Output::Info { text }));
            }
            Window::EditAgain(_) => {
                let text = command::usage("edit");
                todo.extend(self.complain(now, &text));
            }
            Window::Clear => {
                let text =
                    "Lines that were written stay: '/clear' is for the full screen.".to_owned();
                todo.extend(self.show(now, &Output::Info { text }));
            }
        }
    }

    fn open_chat(&mut self, now: Instant, user: String, todo: &mut Vec<Do>) {
        let text = format!("what you type goes to {user} now; /close ends that");
        self.chat = Some(user);
        todo.extend(self.show(now, &Output::Info { text }));
    }

    fn on_password_needed(
        &mut self,
        now: Instant,
        purpose: Purpose,
        name: Option<String>,
        todo: &mut Vec<Do>,
    ) {
        if matches!(self.giver, Giver::Person) {
            self.reading = Reading::Asked;
            todo.push(Do::Ask(Ask::Credentials(purpose, name)));
        } else {
            let text = "there is no terminal to ask for a password on: start with --user, \
                        --password-file and perhaps --register";
            todo.extend(self.complain(now, text));
        }
    }

    fn give(&mut self, now: Instant, command: Command, todo: &mut Vec<Do>) {
        if let Command::Quit { farewell } = command {
            // Who is asked whether he means it need not repeat it.
            if !farewell.is_empty() {
                self.farewell = farewell;
            }
            return self.leave(now, todo);
        }
        if command.addressee().is_some() {
            self.open.given += 1;
        }
        if matches!(command, Command::Export { .. }) {
            self.open.exports += 1;
        }
        if matches!(command, Command::Register { .. } | Command::Login { .. }) {
            self.login = Login::Pending;
        }
        if command == Command::Logout && self.login == Login::LoggedIn {
            self.login = Login::Leaving;
        }
        todo.push(Do::Command(command));
    }

    /// Keeps the account of what is not over.
    fn track(&mut self, now: Instant, output: &Output) {
        self.waiting.track(output);
        self.open.track(output);
        let is_movement = matches!(
            output,
            Output::MessageState { .. }
                | Output::FileOffer { .. }
                | Output::Request { .. }
                | Output::Asked { .. }
                | Output::File { .. }
                | Output::Export { .. }
        );
        let linger = self.linger();
        if let Reading::Ended { until } = &mut self.reading
            && is_movement
        {
            *until = now + linger;
        }
    }

    /// Asks for what comes next, or ends when there is nothing more to come.
    fn next(&mut self, todo: &mut Vec<Do>) {
        if self.exit.is_some() || matches!(self.giver, Giver::Task(_)) {
            return;
        }
        if let Reading::Ended { .. } = self.reading {
            let is_settled = matches!(self.login, Login::Needed | Login::LoggedIn);
            if is_settled && self.open.is_empty() {
                self.quit(Exit::Done, todo);
            }
            return;
        }
        let is_person = matches!(self.giver, Giver::Person);
        let ask = match self.login {
            Login::Needed if is_person => Ask::Menu,
            Login::Needed | Login::LoggedIn => Ask::Line(self.prompt()),
            // The core keeps commands until the login is done; a person waits for it.
            Login::Unknown if self.server == Contact::Away => Ask::Line(self.prompt()),
            Login::Pending if self.server == Contact::Away && !is_person => {
                Ask::Line(self.prompt())
            }
            Login::Unknown | Login::Pending | Login::Leaving => return,
        };
        if self.reading == Reading::No {
            self.reading = Reading::Asked;
            todo.push(Do::Ask(ask));
        }
    }

    fn prompt(&self) -> String {
        self.chat.as_ref().map_or_else(|| "> ".to_owned(), |user| format!("{user}> "))
    }

    /// Leaves, but tells a person first what that interrupts.
    /// Whether a person would want to know that something is under way before he leaves.
    fn has_open_work(&self) -> bool {
        let open = self.open.files.len() + self.open.messages.len() + self.open.exports;
        matches!(self.giver, Giver::Person) && open > 0
    }

    fn leave(&mut self, now: Instant, todo: &mut Vec<Do>) {
        if !self.has_open_work() {
            return self.quit(Exit::Done, todo);
        }
        let (files, messages) = (self.open.files.len(), self.open.messages.len());
        let exports = self.open.exports;
        self.was_warned = true;
        let text = if exports > 0 {
            "not done yet: /export. It is given up when you leave. The same again leaves."
                .to_owned()
        } else {
            format!(
                "not done yet: files {files}, messages {messages}. They are kept and go on at the \
                 next start. The same again leaves."
            )
        };
        todo.extend(self.show(now, &Output::Info { text }));
    }

    /// What others are told as the program ends.
    pub(super) fn farewell(&mut self) -> String {
        std::mem::take(&mut self.farewell)
    }

    fn quit(&mut self, exit: Exit, todo: &mut Vec<Do>) {
        if self.exit.is_none() {
            self.exit = Some(exit);
            todo.push(Do::Quit(exit));
        }
    }
}

/// Answers that a task asks for itself.
const fn is_for_task(output: &Output) -> bool {
    matches!(output, Output::Blocked { .. } | Output::Files { .. } | Output::Fingerprint { .. })
}

#[cfg(test)]
mod tests;
