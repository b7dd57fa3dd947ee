//! What each command does.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use wire::app::name::Name;
use wire::app::room::RoomId;
use wire::app::server::{Availability, MAX_STATUS, Request, Status};
use wire::time::Instant;
use wire::{Class, Endpoint};
use wire::{OpenError, Read, ReadError, StreamId, WriteError};

use super::App;
use super::chat::LOG_IN_FIRST;
use super::jobs::Job;
use super::links::Links;
use super::requests::Asked;
use super::rooms::Rooms;
use super::server::{Claim, Goal};
use super::why::Reader;
use crate::command::{self, Command, Purpose, Since};
use crate::output::{Output, UserLine};
use crate::transfer::{self, BulkStreams, Membership, Transfers};
use crate::work::{About, Contact, StoreRequest, Talk};

/// Most lines that `/search` gives.
const SEARCH_LIMIT: u32 = 100;

impl App {
    /// Does a command now.
    #[expect(clippy::too_many_lines, reason = "an arm for each command")]
    pub(super) fn run(&mut self, now: Instant, command: Command) {
        if command.needs_account() && self.account().is_none() {
            return self.refuse_without_account(&command);
        }
        match command {
            Command::Register { name, password } => {
                self.log_in(now, Purpose::Register, &name, &password);
            }
            Command::Login { name, password } => {
                self.log_in(now, Purpose::Login, &name, &password);
            }
            Command::ChangePassword { old, new } => self.change_password(now, &old, &new),
            Command::DeleteAccount { name, password } => {
                self.delete_account(now, &name, &password);
            }
            Command::ExportAccount { path, passphrase } => self.export_account(path, &passphrase),
            Command::ImportAccount { path, passphrase } => self.import_account(path, &passphrase),
            Command::Logout => self.log_out(now),
            Command::Quit { farewell } => self.quit(now, farewell),
            Command::Reconnect => self.reconnect(now),
            Command::Net => self.show_connections(),
            Command::Server => self.show_server(),
            Command::Help { topic } => self.help(topic.as_deref()),
            Command::Message { to, text } => self.message(now, &to, text),
            Command::Reply { to, line, text } => {
                self.about_message(now, &to, text, About::Reply { line });
            }
            Command::Edit { to, id, text } => {
                self.about_message(now, &to, text, About::Edit { id });
            }
            Command::Unsend { to, id } => self.take_back(now, &to, id),
            Command::At { to, id, position_ms, text } => {
                self.comment(now, &to, id, position_ms, &text);
            }
            Command::Mark { to, id, text } => self.mark_moment(to, id, text),
            Command::Watch { id, users } => self.watch(now, id, &users),
            Command::WatchOff => self.watch_off(now),
            Command::Who { filter } => self.who(filter),
            Command::Contacts => self.show_contacts(),
            Command::Seen { user } => self.with_name(&user, |app, user| {
                let asked = Asked::Users(format!("seen {user}"));
                app.ask_for_person(now, asked, Request::Seen(user));
            }),
            Command::Code { typed: None } => self.make_code(now),
            Command::Code { typed: Some(code) } => self.type_code(now, code.expose()),
            Command::Whois { user } => self.with_other(&user, |app, user| app.whois(now, user)),
            Command::SeenSince { seconds } => {
                let asked = Asked::Users(format!("seen in the last {seconds} s"));
                self.ask_for_person(now, asked, Request::SeenSince(seconds));
            }
            Command::Block { user } => self.with_other(&user, |app, user| app.block(now, user)),
            Command::Unblock { user } => self.with_other(&user, |app, user| app.unblock(now, user)),
            Command::Blocked if self.server.is_logged_in() => {
                self.ask_for_person(now, Asked::Blocked, Request::Blocked);
            }
            Command::Blocked => self.tell_blocked(),
            Command::Ignore { user } => {
                self.with_other(&user, |app, user| {
                    app.set_ignored(&user, true);
                    app.watch_without(now, &user);
                });
            }
            Command::Unignore { user } => {
                self.with_other(&user, |app, user| app.set_ignored(&user, false));
            }
            Command::Ignored => self.tell_ignored(),
            Command::Nickname { user, nickname } => {
                self.with_other(&user, |app, user| app.choose_nickname(&user, nickname));
            }
            Command::AutoAccept { user: None, .. } => self.tell_auto_accept(None),
            Command::AutoAccept { user: Some(user), accept } => {
                self.with_other(&user, |app, user| match accept {
                    Some(accept) => app.choose_auto_accept(now, user, accept),
                    None => app.tell_auto_accept(Some(&user)),
                });
            }
            Command::Why { user, report } => {
                let reader = if report { Reader::Helper } else { Reader::Person };
                self.with_other(&user, |app, user| app.tell_why(now, &user, reader));
            }
            Command::Ping { user } => self.with_other(&user, |app, user| app.ping(now, &user)),
            Command::Trust { user } if user == "server" => self.trust_server(now),
            Command::Trust { user } => self.with_other(&user, |app, user| app.trust(now, &user)),
            Command::Fingerprint { user: None } => self.show_fingerprint(now, None),
            Command::Fingerprint { user: Some(user) } => {
                self.with_name(&user, |app, user| app.show_fingerprint(now, Some(user)));
            }
            Command::History { with, limit, before, since } => {
                self.history(with, limit, before, since);
            }
            Command::Search { text, with } => self.search(text, with),
            Command::Export { with, path, format, film } => {
                self.export(with.as_deref(), path, format, film);
            }
            Command::Notify { chat, calls } => self.choose_calls(chat, calls),
            Command::Typing { to } => self.with_other(&to, |app, to| app.say_typing(now, &to)),
            Command::Read { from, line } => {
                self.with_other(&from, |app, from| app.mark_read(from, line));
            }
            Command::Status { status } => self.set_status(now, status),
            Command::Room(command) => self.room_command(now, command),
            Command::Outbox => self.show_outbox(),
            Command::Send { to, paths } => self.send_files(now, &to, paths),
            Command::Live { to, path, name } => self.send_live(now, &to, path, name),
            Command::LiveEnd { id } => self.transfer(now, |t, cx| t.end_live(cx, id)),
            Command::Chat { user } => {
                self.with_other(&user, |app, user| app.ask_to_talk(now, &user));
            }
            Command::Requests => self.show_requests(now),
            Command::Accept { which } => self.accept(now, which),
            Command::Decline { which } => self.decline(now, which),
            Command::Get { id, path } => self.transfer(now, |t, cx| t.get(cx, id, path)),
            Command::VerifyFile { id } => self.transfer(now, |t, _| t.verify(id)),
            Command::Pause { id } => self.transfer(now, |t, cx| t.pause(cx, id)),
            Command::Resume { id } => self.transfer(now, |t, cx| t.resume(cx, id)),
            Command::Cancel { id } => self.transfer(now, |t, cx| t.cancel(cx, id)),
            Command::Play { which, position_ms } => self.play(now, which, position_ms),
            Command::Open { id } => self.transfer(now, |t, cx| t.view(cx, id)),
            Command::Files { folder } => self.list_files(now, folder),
        }
    }

    fn refuse_without_account(&mut self, command: &Command) {
        self.refuse(command, LOG_IN_FIRST, "Log in first: '/login' or '/register'.");
    }

    /// Tells, of what it was that is not done, why.
    pub(super) fn refuse(&mut self, command: &Command, why: &str, error: &str) {
        if let Some(to) = command.addressee() {
            self.not_sent(to, why.to_owned());
        } else if let Command::Export { path, .. } = command {
            self.not_exported(path, why);
        } else {
            self.error(error);
        }
    }

    pub(super) fn message(&mut self, now: Instant, to: &str, text: String) {
        if to.starts_with('#') {
            return self.post(to, text, About::Nothing);
        }
        match Name::new(to) {
            Ok(name) => self.send_message(now, name, text),
            Err(error) => self.not_sent(to, format!("that is no user name: {error}.")),
        }
    }

    fn search(&mut self, text: String, with: Option<String>) {
        let with = match with.map(|typed| self.talk_of(&typed)).transpose() {
            Ok(with) => with,
            Err(why) => return self.error(&why),
        };
        let query = match &with {
            None => format!("search {text}"),
            Some(Talk::User(name)) => format!("search @{name} {text}"),
            Some(room) => format!("search {} {text}", self.title_of(room)),
        };
        let request = StoreRequest::Search { text, with, limit: SEARCH_LIMIT };
        self.jobs.store(Job::Lines { query }, request);
    }

    fn send_files(&mut self, now: Instant, to: &str, paths: Vec<PathBuf>) {
        if to.starts_with('#') {
            return self.send_files_to_room(now, to, &paths);
        }
        self.with_other(to, |app, to| {
            if app.is_blocked(&to) {
                return app.error(&format!("You block {to}: '/unblock {to}' first."));
            }
            app.befriend(&to);
            for path in paths {
                let to = to.clone();
                app.transfer(now, |transfers, cx| transfers.send(cx, to, path));
            }
        });
    }

    fn send_live(&mut self, now: Instant, to: &str, path: PathBuf, name: Option<String>) {
        if to.starts_with('#') {
            return self.error(
                "Nothing is offered: a file that grows goes to one user. '/send' offers it to a room \
                 when it is complete.",
            );
        }
        self.with_other(to, |app, to| {
            if app.is_blocked(&to) {
                return app.error(&format!("You block {to}: '/unblock {to}' first."));
            }
            app.befriend(&to);
            app.transfer(now, |transfers, cx| transfers.send_live(cx, to, path, name));
        });
    }

    /// `/files`.
    fn list_files(&mut self, now: Instant, folder: Option<u64>) {
        let files = match folder {
            None => Some(self.transfers.list(now)),
            Some(folder) => self.transfers.list_folder(now, folder),
        };
        if let Some(mut files) = files {
            files.iter_mut().for_each(|file| self.note_link(file));
            self.tell(Output::Files { of: folder, files });
        }
    }

    /// To each member but those whom this user blocks.
    fn send_files_to_room(&mut self, now: Instant, to: &str, paths: &[PathBuf]) {
        let room = match self.speaks_in(to) {
            Ok(room) => room,
            Err(why) => return self.error(&format!("Nothing is offered: {why}")),
        };
        let own = self.account().map(|account| &account.name);
        let members = self.rooms.others_in(room, own).into_iter();
        let members: Vec<Name> = members.filter(|member| !self.is_blocked(member)).collect();
        if members.is_empty() {
            return self.error(&format!("Nothing is offered: nobody else is in {to}."));
        }
        for path in paths {
            let members = members.clone();
            self.transfer(now, |transfers, cx| transfers.send_to_room(cx, room, members, path));
        }
    }

    /// Does something with the transfers, after which there may be somebody to reach.
    pub(super) fn transfer(
        &mut self,
        now: Instant,
        f: impl FnOnce(&mut Transfers, &mut transfer::Context<'_>),
    ) {
        self.with_transfers(now, f);
        self.links.want_check();
    }

    /// Does something with a user named by a person.
    pub(super) fn with_name(&mut self, typed: &str, f: impl FnOnce(&mut Self, Name)) {
        match Name::new(typed) {
            Ok(name) => f(self, name),
            Err(error) => self.error(&format!("'{typed}' is no user name: {error}.")),
        }
    }

    /// The same with a user who must be somebody else.
    fn with_other(&mut self, typed: &str, f: impl FnOnce(&mut Self, Name)) {
        self.with_name(typed, |app, name| {
            if app.account().is_some_and(|account| account.name == name) {
                app.error("That is you.");
            } else {
                f(app, name);
            }
        });
    }

    /// `/who`.
    fn who(&mut self, filter: Option<String>) {
        if !self.server.is_logged_in() {
            let why = self.server.why_not();
            return self.error(&format!("Who is online is not known: {why}."));
        }
        let part = filter.unwrap_or_default().to_lowercase();
        let users = self.others_online(&part);
        let query = if part.is_empty() { "who".to_owned() } else { format!("who {part}") };
        self.tell(Output::Users { query, users });
    }

    /// `/contacts`.
    fn show_contacts(&mut self) {
        let contacts = self.profile.iter().flat_map(|profile| profile.contacts.values());
        let is_met = |contact: &&Contact| {
            contact.identity.is_some() && !contact.blocked && !self.is_unanswered(&contact.name)
        };
        let met = contacts.filter(is_met);
        let line = |contact: &Contact| {
            let here = self.roster.here(&contact.name);
            let status = here.map(|here| here.status.clone()).unwrap_or_default();
            UserLine {
                user: contact.name.to_string(),
                nickname: self.nickname(&contact.name),
                online: here.is_some(),
                since: here.map_or(0, |here| here.since),
                status: status.availability,
                text: status.text,
                verified: self.is_verified(&contact.name),
            }
        };
        let users = met.map(line).collect();
        self.tell(Output::Users { query: "contacts".to_owned(), users });
    }

    /// After the first login: who is there already.
    pub(super) fn tell_who_is_there(&mut self) {
        let users = self.others_online("");
        if !users.is_empty() {
            self.tell(Output::Users { query: "online".to_owned(), users });
        }
    }

    /// Whoever is online and not blocked, with `part` in the name.
    fn others_online(&self, part: &str) -> Vec<UserLine> {
        let own = self.account().map(|account| account.name.clone());
        self.roster
            .iter()
            .filter(|(name, _)| Some(*name) != own.as_ref() && !self.is_blocked(name))
            .filter(|(name, _)| name.as_str().contains(part))
            .map(|(name, here)| UserLine {
                user: name.to_string(),
                nickname: self.nickname(name),
                online: true,
                since: here.since,
                status: here.status.availability,
                text: here.status.text.clone(),
                verified: self.is_verified(name),
            })
            .collect()
    }

    /// `/away`, `/busy`, `/status`, `/back`.
    fn set_status(&mut self, now: Instant, status: Status) {
        if status.text.len() > MAX_STATUS {
            return self.error(&format!(
                "Not done: that has {} bytes, and at most {MAX_STATUS} are shown to others.",
                status.text.len()
            ));
        }
        self.has_said_how_he_is();
        self.status = status;
        if self.server.is_logged_in() {
            self.send_status(now);
        }
        let Status { availability, text } = &self.status;
        let word = match availability {
            Availability::Here => "here",
            Availability::Away => "away",
            Availability::Busy => "busy",
        };
        let text = if text.is_empty() { String::new() } else { format!(": {text}") };
        let when = if self.server.is_logged_in() { "" } else { " as soon as the server is there" };
        self.info(&format!("Others see you as {word}{text}{when}."));
    }

    pub(super) fn send_status(&mut self, now: Instant) {
        let request = Request::SetStatus(self.status.clone());
        // When it cannot be asked, the next login tells it.
        let _ = self.ask(now, Asked::Status, request);
    }

    fn history(
        &mut self,
        with: Option<String>,
        limit: u32,
        before: Option<u64>,
        since: Option<Since>,
    ) {
        let since = match since {
            Some(Since::Ago(seconds)) => {
                Some(self.unix_ms.saturating_sub(u64::from(seconds) * 1000))
            }
            Some(Since::At(at)) => Some(at),
            Some(Since::Local(typed)) => match (self.settings.moment_of)(&typed, self.unix_ms) {
                Some(at) => Some(at),
                None => return self.error(&format!("There is no such time as {typed} here.")),
            },
            None => None,
        };
        let with = match with.map(|typed| self.talk_of(&typed)).transpose() {
            Ok(with) => with,
            Err(why) => return self.error(&why),
        };
        let whom = with.as_ref().map_or_else(|| "all".to_owned(), |with| self.title_of(with));
        let job = Job::Lines { query: format!("history {whom}") };
        self.jobs.store(job, StoreRequest::History { with, limit, before, since });
    }

    fn help(&mut self, topic: Option<&str>) {
        match topic {
            None => self.tell(Output::Help { text: command::overview() }),
            Some(topic) => match command::help(topic) {
                Some(text) => self.tell(Output::Help { text }),
                None => {
                    self.error(&format!("There is no command or subject '{topic}': see '/help'."))
                }
            },
        }
    }

    /// `/reconnect`.
    pub(super) fn reconnect(&mut self, now: Instant) {
        if self.server.is_logged_in() {
            return self.info("The server is connected.");
        }
        if matches!(self.server.goal, Goal::Nothing) {
            if self.account().is_none() {
                return self.error("Log in first: '/login' or '/register'.");
            }
            self.server.goal = Goal::Resume;
        }
        self.server.claim = Claim::TakeBack;
        self.server_retry_now(now);
    }

    /// Lets the transfers do something with the streams of the links.
    pub(super) fn with_transfers<R>(
        &mut self,
        now: Instant,
        f: impl FnOnce(&mut Transfers, &mut transfer::Context<'_>) -> R,
    ) -> R {
        let own = self.account().map(|account| account.name.clone());
        let mut streams = LinkStreams { endpoint: self.endpoint.as_mut(), links: &self.links };
        let rooms = RoomView { rooms: &self.rooms, own };
        let unix_ms = self.unix_ms;
        let mut cx = transfer::Context { now, unix_ms, streams: &mut streams, rooms: &rooms };
        f(&mut self.transfers, &mut cx)
    }

    /// Passes on what the transfers want; says whether there was anything.
    pub(super) fn drain_transfers(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some((job, work)) = self.transfers.poll_work() {
            self.jobs.start(Job::Transfer(job), work);
            moved = true;
        }
        while let Some((user, control)) = self.transfers.poll_control() {
            self.send_control(now, &user, &control);
            moved = true;
        }
        while let Some(output) = self.transfers.poll_output() {
            self.note_transfer(now, &output);
            let mut output = self.with_call(output);
            if let Output::File { file } = &mut output {
                self.note_link(file);
            }
            self.tell(output);
            moved = true;
        }
        moved
    }
}

/// Rooms, as one who is in them sees them.
struct RoomView<'a> {
    rooms: &'a Rooms,
    own: Option<Name>,
}

impl Membership for RoomView<'_> {
    fn are_in(&self, room: RoomId, user: &Name) -> bool {
        self.own
            .as_ref()
            .is_some_and(|own| self.rooms.speaks(room, user) && self.rooms.is_in(room, own))
    }

    fn title(&self, room: RoomId) -> String {
        self.rooms.title(room)
    }

    fn place(&self, room: RoomId, without: &Name) -> (u64, u64) {
        let members = self.rooms.others_in(room, Some(without));
        let place =
            members.iter().position(|member| Some(member) == self.own.as_ref()).unwrap_or(0);
        (place as u64, members.len() as u64)
    }
}

/// Bulk streams over the links.
struct LinkStreams<'a> {
    endpoint: Option<&'a mut Endpoint>,
    links: &'a Links,
}

impl BulkStreams for LinkStreams<'_> {
    fn open(&mut self, user: &Name) -> Result<StreamId, OpenError> {
        match (&mut self.endpoint, self.links.up(user)) {
            (Some(endpoint), Some(up)) => endpoint.open(up.handle, Class::Bulk),
            _ => Err(OpenError::NotConnected),
        }
    }

    fn write(&mut self, user: &Name, stream: StreamId, bytes: &[u8]) -> Result<usize, WriteError> {
        match (&mut self.endpoint, self.links.up(user)) {
            (Some(endpoint), Some(up)) => endpoint.write(up.handle, stream, bytes),
            _ => Err(WriteError::NoStream(stream)),
        }
    }

    fn write_shared(
        &mut self,
        user: &Name,
        stream: StreamId,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError> {
        match (&mut self.endpoint, self.links.up(user)) {
            (Some(endpoint), Some(up)) => endpoint.write_shared(up.handle, stream, bytes, range),
            _ => Err(WriteError::NoStream(stream)),
        }
    }

    fn finish(&mut self, user: &Name, stream: StreamId) {
        if let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up(user)) {
            // A stream that takes no end has ended already.
            let _ = endpoint.finish(up.handle, stream);
        }
    }

    fn reset(&mut self, user: &Name, stream: StreamId, code: u32) {
        if let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up(user)) {
            endpoint.reset(up.handle, stream, code);
        }
    }

    fn stop(&mut self, user: &Name, stream: StreamId, code: u32) {
        if let (Some(endpoint), Some(up)) = (&mut self.endpoint, self.links.up(user)) {
            endpoint.stop(up.handle, stream, code);
        }
    }

    fn read(
        &mut self,
        user: &Name,
        stream: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError> {
        match (&mut self.endpoint, self.links.up(user)) {
            (Some(endpoint), Some(up)) => endpoint.read(up.handle, stream, max, out),
            _ => Err(ReadError::NoStream(stream)),
        }
    }
}
