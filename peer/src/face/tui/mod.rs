//! The face for a person at a terminal: the whole screen, a window for each user.
//!
//! [`Tui`] is told what the core tells ([`Tui::tell`]) and which keys are pressed, draws itself
//! into a frame, and gives what is to be done ([`Tui::poll_act`]). It reads no terminal and no
//! clock.

mod answers;
mod attention;
mod bar;
mod changes;
mod completing;
mod draw;
mod editor;
mod form;
mod habits;
mod input;
mod keys;
mod log;
mod mouse;
mod paint;
mod requests;
mod rooms;
mod session;
mod switcher;
mod theme;
mod typed;
mod view;
mod window;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use ratatui_core::layout::Rect;
use wire::app::server::Status;
use wire::app::text;
use wire::time::Instant;

use self::attention::Attention;
use self::changes::said_of;
use self::form::Form;
pub use self::habits::{Habits, Notices, OwnWords};
use self::input::Input;
pub use self::keys::Keys;
use self::log::{Entry, Mark, Past, Said, View, Wording, Words};
use self::switcher::Switcher;
pub use self::theme::{Look, Theme};
use self::window::{Activity, Windows};
use super::asking::{Ask, Typed};
use super::in_short;
use super::plain::{self, Colour, Plain, Reader, Style};
pub use crate::command::complete::From;
use crate::command::{Command, Window, chat_name};
use crate::output::{FileLine, HistoryLine, KeyMark, Output, ServerState, is_over, path_word};
use crate::work::Direction;

/// What the first window is called: no user's name (`wire::app::name`).
const HOME: &str = "server";

/// Lines of history that a window begins with, and gets when its top is reached.
const PAGE: u32 = 200;

/// Transfers that are remembered.
const MAX_FILES: usize = 500;

/// Gives, for a line up to the cursor, where the path at its end begins and what it may become.
pub type Paths = Box<dyn Fn(&str, From) -> (usize, Vec<String>) + Send>;

/// The time, in both ways that a face needs.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For what goes on.
    pub now: Instant,
    /// Milliseconds since 1970, for what is shown.
    pub unix_ms: u64,
}

/// What is to be done.
#[derive(Debug)]
pub enum Act {
    /// This was typed.
    Typed(Typed),
    /// The core is to do this; nothing was typed.
    Command(Command),
    /// This line was typed in the window of this user, and is to be remembered.
    Remember(Option<String>, String),
    /// A message came that is not in view.
    Notify(Notice),
    /// Everything is to be drawn again.
    Redraw,
    /// The program is to be stopped until it is called to the foreground again.
    Suspend,
}

/// A message that is not in view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// From whom; filtered.
    pub title: String,
    /// Its beginning; filtered, one line.
    pub text: String,
}

/// How a user is reached.
#[derive(Debug)]
struct Link {
    state: &'static str,
    /// The same for people.
    word: &'static str,
    rtt_ms: Option<u64>,
    /// How long messages wait on the way.
    lag_ms: Option<u64>,
}

/// What stands in the bars.
#[derive(Debug, Default)]
struct Bars {
    user: Option<String>,
    server: String,
    /// Why the server is not there, or that it is.
    server_state: String,
    is_connected: bool,
    links: BTreeMap<String, Link>,
    /// What each room is about.
    topics: BTreeMap<String, String>,
}

/// See the module.
pub struct Tui {
    look: Look,
    keys: Keys,
    words: OwnWords,
    local_time: fn(u64) -> String,
    paths: Paths,
    plain: Plain,
    windows: Windows,
    left: Option<session::Left>,
    files: BTreeMap<u64, FileLine>,
    bars: Bars,
    /// The users that are known, and what those who are online say about being there.
    users: BTreeMap<String, Option<Status>>,
    /// Users whose keys are marked.
    key_marks: BTreeMap<String, KeyMark>,
    nicknames: BTreeMap<String, String>,
    input: Input,
    form: Option<Form>,
    switcher: Option<Switcher>,
    shows_files: bool,
    /// The terminal has the focus, as far as it says.
    is_focused: bool,
    /// The core can take a line.
    wants_line: bool,
    /// Lines typed before it could.
    waiting: VecDeque<Typed>,
    attention: Attention,
    /// Queries for history that nobody typed, and whether the account is still the same.
    asked: VecDeque<(String, bool)>,
    /// Rows and cells of the part in which a window is shown, when it was drawn last.
    page: (usize, usize),
    /// Where the list of windows was drawn last.
    list: Rect,
    moment: Moment,
    acts: VecDeque<Act>,
}

impl Tui {
    /// A screen that looks like this.
    #[must_use]
    pub fn new(look: Look, local_time: fn(u64) -> String, paths: Paths, moment: Moment) -> Self {
        let style = Style {
            reader: Reader::Person,
            colour: Colour::Off,
            width: None,
            // It draws codes itself.
            draws: false,
            local_time,
        };
        Self {
            look,
            keys: Keys::default(),
            words: OwnWords::default(),
            local_time,
            paths,
            plain: Plain::new(style),
            windows: Windows::new(),
            left: None,
            files: BTreeMap::new(),
            bars: Bars::default(),
            users: BTreeMap::new(),
            key_marks: BTreeMap::new(),
            nicknames: BTreeMap::new(),
            input: Input::new(),
            form: None,
            switcher: None,
            shows_files: false,
            is_focused: true,
            wants_line: false,
            waiting: VecDeque::new(),
            attention: Attention::default(),
            asked: VecDeque::new(),
            page: (20, 80),
            list: Rect::ZERO,
            moment,
            acts: VecDeque::new(),
        }
    }

    /// Lines typed in earlier runs, oldest first, each with its window.
    pub fn load_typed(&mut self, lines: Vec<(Option<String>, String)>) {
        self.input.typed.load(lines);
    }

    /// The next thing to do.
    pub fn poll_act(&mut self) -> Option<Act> {
        // Whatever happened: it is about to be drawn.
        self.mark_read();
        self.acts.pop_front()
    }

    /// The terminal got or lost the focus.
    pub fn set_focus(&mut self, is_focused: bool) {
        self.is_focused = is_focused;
        if is_focused {
            self.windows.current_mut().seen();
        } else {
            self.windows.current_mut().rule = None;
        }
    }

    /// The core waits for this to be answered or typed.
    pub fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Line(_) => {
                self.end_form();
                self.wants_line = true;
                self.send_waiting();
            }
            Ask::Menu => {
                self.give_back_waiting();
                self.begin_form(Form::menu());
            }
            Ask::Credentials(purpose, name) => self.begin_form(Form::credentials(purpose, name)),
            Ask::Secrets(need) => self.begin_form(Form::secrets(need)),
        }
    }

    /// What was being typed waits until the questions are over.
    fn begin_form(&mut self, form: Form) {
        if self.form.is_none() {
            self.leave_window();
            self.input.editor.set("");
            self.switcher = None;
        }
        self.wants_line = false;
        self.form = Some(form);
    }

    fn end_form(&mut self) {
        if self.form.take().is_some() {
            self.enter_window();
        }
    }

    /// The users that are known, and what those who are online say about being there.
    pub fn set_users(&mut self, users: Vec<(String, Option<Status>)>) {
        self.users = users.into_iter().collect();
    }

    /// What the person calls users.
    pub fn set_nicknames(&mut self, nicknames: BTreeMap<String, String>) {
        self.nicknames = nicknames;
    }

    /// Users whose keys are marked.
    pub fn set_keys(&mut self, keys: BTreeMap<String, KeyMark>) {
        self.key_marks = keys;
    }

    /// What a line typed means for the windows.
    pub fn window(&mut self, moment: Moment, window: Window) {
        self.moment = moment;
        match window {
            Window::Open(typed) => match chat_name(&typed) {
                Ok(name) => self.open(&name),
                Err(error) => self.complain(&error),
            },
            Window::Close => self.close(),
            Window::Clear => self.windows.current_mut().log.clear(),
            Window::Switch(which) => self.switch_to(&which),
            Window::Unread => self.go_to_unread(),
            Window::EditAgain(id) => self.edit_again(id),
        }
    }

    /// The core tells something.
    #[expect(clippy::too_many_lines, reason = "an arm for each output")]
    pub fn tell(&mut self, moment: Moment, output: &Output) {
        self.moment = moment;
        match output {
            Output::Ready { server, .. } => {
                self.bars.server.clone_from(server);
                self.show_at(None, output);
            }
            Output::Server { state } => self.on_server(state, output),
            Output::LoggedIn { user, .. } => self.on_logged_in(user, output),
            Output::LoggedOut { .. } => self.on_logged_out(output),
            Output::AccountDeleted { .. } => self.on_account_deleted(output),
            Output::Presence { user, online, status, text } => {
                self.on_presence(user, plain::standing(*online, *status, text));
            }
            Output::Message { .. } => self.on_heard(output),
            Output::RoomChanged { room, change, user, text, .. } => {
                self.on_room_changed(room, change, user.as_deref(), text.as_deref(), output);
            }
            Output::RoomInvited { .. } => self.on_room_invitation(output),
            Output::RequestOver { user, answer } => self.on_answered(user, answer, output),
            Output::Typing { user } => self.attention.begins(moment.now, user),
            Output::Kept { .. } => self.on_kept(output),
            Output::Changed { .. } => self.on_changed(output),
            Output::MessageState { to, id, state, reason } => {
                self.on_message_state(to, *id, state, reason.clone());
            }
            Output::Link { user, state, lan, rtt_ms, farewell, .. } => {
                if farewell.is_some() {
                    self.show_at(Some(user), output);
                }
                if matches!(*state, "closed" | "lost" | "unreachable") {
                    self.attention.ends(user);
                    self.bars.links.remove(user);
                } else {
                    let word = path_word(state, *lan);
                    let link = Link { state, word, rtt_ms: *rtt_ms, lag_ms: None };
                    self.bars.links.insert(user.clone(), link);
                }
            }
            Output::FileOffer { .. } => self.on_offer(output),
            Output::File { file } => self.on_file(file),
            // One that was asked about, perhaps with the files in it.
            Output::Files { of: Some(_), .. } => {
                self.show(output);
            }
            Output::Files { files, .. } => {
                self.files = files.iter().map(|file| (file.id, file.clone())).collect();
                self.shows_files = !files.is_empty();
                if files.is_empty() || files.len() > draw::FILES_SHOWN {
                    self.show(output);
                }
            }
            Output::History { query, lines } => self.on_history(query, lines, output),
            Output::IdentityChanged { user, .. } => {
                self.show_at(Some(user), output);
                self.windows.raise(user, Activity::Mention);
            }
            Output::LoginNeeded { .. } | Output::ServerFingerprint { .. } => {
                self.show_at(None, output)
            }
            Output::Request { .. } => self.on_request(output),
            Output::Watch { .. } => self.on_watch(output),
            Output::Asked { user, .. } => self.on_asked(user, output),
            Output::Fingerprint { qr, .. } => self.on_fingerprint(qr.as_deref(), output),
            Output::Users { query, .. } if query == "online" => self.show_at(None, output),
            Output::Users { .. }
            | Output::Blocked { .. }
            | Output::Whois { .. }
            | Output::Code { .. }
            | Output::CodeOver { .. }
            | Output::Rooms { .. }
            | Output::Members { .. }
            | Output::NotSent { .. }
            | Output::Outbox { .. }
            | Output::Requests { .. }
            | Output::Export { .. }
            | Output::Play { .. }
            | Output::Open { .. }
            | Output::Net { .. }
            | Output::Trusted { .. }
            | Output::Notify { .. }
            | Output::Ignored { .. }
            | Output::Nickname { .. }
            | Output::AutoAccept { .. }
            | Output::Ping { .. }
            | Output::Why { .. }
            | Output::Settings { .. }
            | Output::Help { .. }
            | Output::Info { .. }
            | Output::Error { .. } => self.show(output),
        }
    }

    fn on_server(&mut self, state: &ServerState, output: &Output) {
        self.bars.is_connected = matches!(state, ServerState::Connected);
        self.bars.server_state = match state {
            ServerState::Connecting => "connecting".to_owned(),
            ServerState::Connected => String::new(),
            ServerState::Waiting { seconds, .. } => format!("no server, next try in {seconds} s"),
            ServerState::Refused => "other server key: /reconnect".to_owned(),
        };
        self.show_at(None, output);
    }

    fn on_presence(&mut self, user: &str, standing: String) {
        let at = self.moment.unix_ms;
        self.windows.home_mut().log.push_move(at, user, standing.clone());
        if let Some(window) = self.windows.find_mut(user) {
            window.log.push_move(at, user, standing);
        }
    }

    fn on_heard(&mut self, output: &Output) {
        let Output::Message {
            from, room, text, at, line, gap, reply_to, edited, pin, notify, ..
        } = output
        else {
            return;
        };
        let said = Said {
            line: *line,
            at: *at,
            from: from.clone(),
            own: None,
            changed_by: None,
            reply_to: *reply_to,
            wording: if *edited { Wording::Edited } else { Wording::First },
            words: Words::new(pin.as_ref(), text),
        };
        match room {
            Some(room) => self.on_post(room, said, *gap, *notify),
            None => self.on_message(said, *gap, *notify),
        }
    }

    fn on_message(&mut self, said: Said, gap: bool, calls: bool) {
        let from = said.from.clone();
        if gap {
            let text = "messages before the next one are missing".to_owned();
            self.notice(Some(&from), true, text);
        }
        let excerpt = in_short(&said.from, said.words.shown(), 100);
        self.attention.ends(&from);
        self.begin(&from);
        self.arrived(&from, Entry::Said(said), Activity::Message);
        if calls && !self.is_in_view(&from) {
            let title = text::excerpt(&from, 40);
            self.acts.push_back(Act::Notify(Notice { title, text: excerpt }));
        }
    }

    fn on_kept(&mut self, output: &Output) {
        let Output::Kept { to, id, line, text, at, reply_to, pin } = output else { return };
        let said = Said {
            line: *line,
            at: *at,
            from: self.bars.user.clone().unwrap_or_default(),
            own: Some(*id),
            changed_by: None,
            reply_to: *reply_to,
            wording: Wording::First,
            words: Words::new(pin.as_ref(), text),
        };
        let window = self.windows.of(to);
        window.log.marks.entry(*id).or_insert(Mark::Sending);
        window.log.push(Entry::Said(said));
        if let Some(hint) = self.went_elsewhere(to, text) {
            self.input.hint = Some(hint);
        }
    }

    /// What tells that something was said in a window that does not show.
    fn went_elsewhere(&self, to: &str, text: &str) -> Option<String> {
        let (number, ..) = self
            .windows
            .iter()
            .find(|(_, window, is_current)| !is_current && window.user.as_deref() == Some(to))?;
        let own = self.bars.user.as_deref().unwrap_or_default();
        Some(format!("To {to}, in window {number}: {}", in_short(own, text, 60)))
    }

    fn on_message_state(&mut self, to: &str, id: u64, state: &str, reason: Option<String>) {
        if state == "taken-back" {
            // Its line says so itself.
            let window = self.windows.find_mut(to);
            window.and_then(|window| window.log.marks.remove(&id));
            return;
        }
        if state == "read" {
            let window = self.windows.find_mut(to);
            return window.into_iter().for_each(|window| window.log.read_up_to(id));
        }
        if let ("stored", Some(reason)) = (state, &reason)
            && self.windows.find_mut(to).is_some()
        {
            self.notice(Some(to), false, format!("message {id} is in the mailbox, {reason}"));
        }
        let mark = match (state, reason) {
            ("delivered", _) => Mark::Delivered,
            ("stored", _) => Mark::Stored,
            ("failed", reason) => Mark::Failed(reason.unwrap_or_default()),
            (_, Some(reason)) if reason != "connecting" => Mark::Waiting(reason),
            _ => Mark::Sending,
        };
        let has_failed = matches!(mark, Mark::Failed(_));
        // A window that was closed does not open for a mark.
        if let Some(window) = self.windows.find_mut(to) {
            window.log.marks.insert(id, mark);
            if has_failed && !self.is_in_view(to) {
                self.windows.raise(to, Activity::Mention);
            }
        }
    }

    fn on_offer(&mut self, offer: &Output) {
        let Output::FileOffer {
            id, from, room, name, size, files, notify, media, eta, wait, ..
        } = offer
        else {
            return;
        };
        self.on_file(&FileLine {
            id: *id,
            direction: Direction::Receiving,
            with: from.clone(),
            room: room.clone(),
            name: name.clone(),
            folder: None,
            files: *files,
            files_done: files.map(|_| 0),
            size: *size,
            done: 0,
            rate: 0,
            eta: *eta,
            wait: *wait,
            media: media.clone(),
            state: "offered",
            paused_by: None,
            link: None,
            path: None,
            reason: None,
        });
        if *notify && !self.is_in_view(room.as_ref().unwrap_or(from)) {
            let title = text::excerpt(from, 40);
            let what = if files.is_some() { "folder" } else { "file" };
            let text = format!("offers a {what}: {}", text::excerpt(name, 80));
            self.acts.push_back(Act::Notify(Notice { title, text }));
        }
    }

    fn on_file(&mut self, file: &FileLine) {
        // Its folder has a line.
        if file.folder.is_some() {
            return;
        }
        let before = self.files.insert(file.id, file.clone());
        if self.files.len() > MAX_FILES {
            let is_over = |(_, file): &(&u64, &FileLine)| is_over(file.state);
            let oldest = self.files.iter().find(is_over).or_else(|| self.files.iter().next());
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.files.remove(&id);
            }
        }
        let is_news = before.is_none_or(|before| before.state != file.state);
        let place = file.room.as_ref().unwrap_or(&file.with);
        self.begin(place);
        if !self.windows.of(place).log.has_file(file.id) {
            let entry = Entry::File { at: self.moment.unix_ms, id: file.id };
            self.arrived(place, entry, Activity::Message);
        } else if is_news && is_over(file.state) {
            self.raise_unseen(place, Activity::Message);
        }
    }

    /// Lines of the history: those that a window asked for go there; those that a person asked for
    /// open it.
    fn on_history(&mut self, query: &str, lines: &[HistoryLine], output: &Output) {
        let asked = self.asked.pop_front_if(|(asked, _)| asked == query);
        if matches!(asked, Some((_, false))) {
            return;
        }
        let is_own = asked.is_some();
        let whom = query.strip_prefix("history ").filter(|whom| *whom != "all");
        if !is_own && whom.is_none() {
            return self.show(output);
        }
        if is_own && whom.is_some_and(|user| self.windows.find_mut(user).is_none()) {
            // Closed meanwhile.
            return;
        }
        if lines.is_empty() && whom.is_some_and(|user| self.windows.find_mut(user).is_none()) {
            return self.show(output);
        }
        let mut by_window: BTreeMap<&str, Vec<(Said, Option<Mark>)>> = BTreeMap::new();
        for line in lines {
            by_window.entry(&line.with).or_default().push(said_of(line));
        }
        let mut new = 0;
        for (user, lines) in by_window {
            let window = self.windows.of(user);
            window.has_unmarked |= lines.iter().any(|(said, _)| said.own.is_none());
            new += window.log.merge(lines);
        }
        for line in lines.iter().filter(|line| line.state == "read") {
            let id = line.id.unwrap_or_default();
            self.windows.of(&line.with).log.read_up_to(id);
        }
        if let Some(user) = whom {
            let log = &mut self.windows.of(user).log;
            if let Past::Asked(count) = log.past {
                let is_whole = lines.len() < usize::try_from(count).unwrap_or(usize::MAX);
                log.past = if is_whole { Past::Whole } else { Past::More };
            }
            if !is_own {
                self.open(user);
                self.say_where(user, lines.len(), new);
            }
        }
    }

    /// An entry that is worth being seen.
    fn arrived(&mut self, user: &str, entry: Entry, activity: Activity) {
        let is_in_view = self.is_in_view(user);
        let window = self.windows.of(user);
        if !is_in_view && window.rule.is_none() {
            window.rule = Some(window.log.end());
        }
        window.has_unmarked |= matches!(entry, Entry::Said(_));
        window.log.push(entry);
        self.raise_unseen(user, activity);
    }

    fn raise_unseen(&mut self, user: &str, activity: Activity) {
        if !self.is_in_view(user) {
            self.windows.raise(user, activity);
        }
    }

    fn is_in_view(&self, user: &str) -> bool {
        self.is_focused && self.windows.current().user.as_deref() == Some(user)
    }

    /// The first time that something is about a user: his window gets its history.
    fn begin(&mut self, user: &str) {
        if self.windows.of(user).log.past == Past::Unknown {
            self.ask_history(Some(user), None);
        }
    }

    fn ask_history(&mut self, with: Option<&str>, before: Option<u64>) {
        if let Some(user) = with {
            self.windows.of(user).log.past = Past::Asked(PAGE);
        }
        self.asked.push_back((format!("history {}", with.unwrap_or("all")), true));
        let with = with.map(str::to_owned);
        let history = Command::History { with, limit: PAGE, before, since: None };
        self.acts.push_back(Act::Command(history));
    }

    /// Shows the window of a user.
    fn open(&mut self, user: &str) {
        if user == HOME {
            return self.go(|windows| windows.go(1));
        }
        self.leave_window();
        self.windows.go_to(user);
        self.enter_window();
    }

    fn close(&mut self) {
        self.leave_window();
        if !self.windows.close() {
            let text = "This window stays: it tells of the server. /quit leaves.".to_owned();
            self.notice(None, false, text);
        }
        self.enter_window();
    }

    fn switch_to(&mut self, which: &str) {
        let number = which.parse::<usize>().ok();
        if let Some(number) = number.filter(|number| self.windows.has(*number)) {
            return self.go(|windows| windows.go(number));
        }
        let typed = which.to_lowercase();
        let names = self.places();
        let mut fitting = names.iter().filter(|name| name.starts_with(&typed));
        match (names.contains(&typed), fitting.next(), fitting.next()) {
            (true, ..) => self.open(&typed),
            (false, Some(name), None) => self.open(name),
            (false, Some(name), Some(other)) => {
                self.complain(&format!("Which one: {name} or {other}? Alt-K lists them."));
            }
            (false, None, _) => self.complain(&format!(
                "There is no window {which}: Alt-K lists them, /msg NAME opens one."
            )),
        }
    }

    /// Goes to another window.
    fn go(&mut self, change: impl FnOnce(&mut Windows)) {
        self.leave_window();
        change(&mut self.windows);
        self.enter_window();
    }

    fn leave_window(&mut self) {
        let window = self.windows.current_mut();
        window.draft = (self.input.editor.text().to_owned(), self.input.editor.cursor());
        window.rule = None;
        self.input.leave();
    }

    fn enter_window(&mut self) {
        let window = self.windows.current_mut();
        let (text, cursor) = std::mem::take(&mut window.draft);
        window.seen();
        let user = window.user.clone();
        self.input.editor.replace(&text, cursor);
        if let Some(user) = user {
            self.begin(&user);
        }
    }

    /// Older lines, when the top of those that are here is in view.
    fn load_past(&mut self) {
        let window = self.windows.current();
        let is_full = window.log.end() - window.log.first() >= log::MAX_PAGED as u64;
        if let (Some(user), Past::More, false) = (window.user.clone(), window.log.past, is_full) {
            let before = window.log.oldest_line();
            self.ask_history(Some(&user), before);
        }
    }

    fn send_waiting(&mut self) {
        if self.wants_line
            && let Some(typed) = self.waiting.pop_front()
        {
            self.wants_line = false;
            self.acts.push_back(Act::Typed(typed));
        }
    }

    /// Nobody is logged in: what was typed for a session that did not begin, or has ended, is nothing that the
    /// next account says.
    fn give_back_waiting(&mut self) {
        let text = match std::mem::take(&mut self.waiting).len() {
            0 => return,
            1 => "Not sent, since nobody is logged in: the line that you typed. Ctrl-Up brings it back."
                .to_owned(),
            count => format!(
                "Not sent, since nobody is logged in: {count} lines that you typed. Ctrl-Up brings them back."
            ),
        };
        self.notice(None, true, text);
    }

    /// Names that can be completed and found: those with a window first.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.windows.users().map(str::to_owned).collect();
        let others = self.users.keys().filter(|user| !names.contains(user));
        let others: Vec<String> = others.cloned().collect();
        names.extend(others);
        names
    }

    /// Where one can go: to them, and to the first window.
    fn places(&self) -> Vec<String> {
        let mut places = self.names();
        places.push(HOME.to_owned());
        places
    }

    /// What this user, if he is online, says about being there.
    fn status_of(&self, user: &str) -> Option<&Status> {
        self.users.get(user)?.as_ref()
    }

    fn set_view(&mut self, view: View) {
        let log = &mut self.windows.current_mut().log;
        log.view = view;
        if view == View::Bottom {
            log.trim();
        }
    }
}
