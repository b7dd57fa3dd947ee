//! The plain face: one stable line for each thing told (docs/scripting.md lists them).
//!
//! The first characters of a line tell what it is, and text from others never stands at the
//! beginning of a line: `<bob> ` a message, `  | ` what belongs to the line above, `* ` a notice,
//! `! ` a warning or error, `# ` a file, `[` a line of history.

use std::collections::BTreeSet;

use wire::app::server::Availability;
use wire::app::text;
use wire::time::Instant;

use super::pins::spoken;
use super::progress::Progress;
use super::quotes::Quotes;
use super::wrap::rows;
use super::{Line, action, films, folders, people, qr, requests, rooms, units, viewing, watching};
use crate::output::{
    ConnectionLine, FileLine, HistoryLine, NOT_HERE, OutboxLine, Output, ServerState, SettingLine,
    UserLine, path_word,
};
use crate::work::Direction;

/// Begins a line that belongs to the one above.
pub(super) const GUTTER: &str = "  | ";
/// Longest file name shown, in characters.
const MAX_NAME: usize = 120;
/// Longest address, reason or other short text shown, in characters.
const MAX_SHORT: usize = 400;
/// Longest text shown of what somebody says about being there, in characters.
const MAX_SAYING: usize = 160;
/// A message that was typed so much earlier than it arrived (milliseconds) is marked.
const LATE: u64 = 5 * 60 * 1000;

/// For whom lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person at a terminal: less is told, and a line about what goes on is overwritten.
    Person,
    /// A program or a screen reader: everything is told, and every line stays.
    Program,
}

/// Whether lines are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// With escape sequences of ours.
    On,
    /// No escape sequence at all.
    Off,
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// For whom.
    pub reader: Reader,
    /// Coloured or not.
    pub colour: Colour,
    /// Cells in a row of the terminal; longer lines are broken here, so that no text of others
    /// comes to stand at the beginning of a row.
    pub width: Option<usize>,
    /// Whether it is a screen that can show more than ASCII: then codes for a camera are drawn.
    pub draws: bool,
    /// Milliseconds since 1970 as local date and time, `2026-01-31 17:05`.
    pub local_time: fn(u64) -> String,
}

/// The plain face.
#[derive(Debug)]
pub struct Plain {
    style: Style,
    /// Who is logged in: the name on own lines of history.
    user: Option<String>,
    /// Messages (receiver, number) that a person was told are waiting.
    waiting: BTreeSet<(String, u64)>,
    quotes: Quotes,
    progress: Progress,
    /// Why the server cannot be reached, once told.
    unreachable: Option<String>,
    /// That it is being connected to was told.
    is_connecting: bool,
}

impl Plain {
    /// A face of this style.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            style,
            user: None,
            waiting: BTreeSet::new(),
            quotes: Quotes::default(),
            progress: Progress::default(),
            unreachable: None,
            is_connecting: false,
        }
    }

    /// The terminal has another width now.
    pub const fn set_width(&mut self, width: Option<usize>) {
        self.style.width = width;
    }

    /// What to write about `output`.
    #[expect(clippy::too_many_lines, reason = "an arm for each output")]
    pub fn show(&mut self, now: Instant, output: &Output) -> Vec<Line> {
        self.quotes.note(output);
        let texts = match output {
            Output::Ready { user, server } => vec![ready(user.as_deref(), server)],
            Output::Server { state } => return self.server(state),
            Output::ServerFingerprint { server, fingerprint } => vec![format!(
                "* first contact with {}: its fingerprint is {fingerprint}. It is remembered; a \
                 server with another one will be refused.",
                short(server)
            )],
            Output::LoginNeeded { reason } => vec![match reason {
                Some(reason) => format!("! not logged in: {}", short(reason)),
                None => "* not logged in: /login NAME or /register NAME".to_owned(),
            }],
            Output::LoggedIn { .. } => self.logged_in(output),
            Output::LoggedOut { reason } => {
                self.user = None;
                vec![format!("* logged out: {}", short(reason))]
            }
            Output::AccountDeleted { user, kept } => {
                vec![account_deleted(&short(user), kept.as_deref())]
            }
            Output::Presence { user, online, status, text } => {
                vec![format!("* {} is {}", short(user), standing(*online, *status, text))]
            }
            Output::Users { query, users } if query == "contacts" && users.is_empty() => {
                vec!["* nobody yet: /msg NAME writes to somebody".to_owned()]
            }
            Output::Users { users, .. } => self.users(users),
            Output::Whois { .. } => self.whois(output),
            Output::Code { .. } | Output::CodeOver { .. } => vec![code(output)],
            Output::Blocked { users } => vec![match users.as_slice() {
                [] => "* you block nobody".to_owned(),
                users => format!("* you block {}", text::one_line(&users.join(", "))),
            }],
            Output::Message { .. } => self.message(output),
            Output::MessageState { to, id, state, reason } => {
                return self.message_state(to, *id, state, reason.as_deref());
            }
            // Whoever typed it sees it already; and what is over in seconds is no line that stays.
            Output::Kept { .. } | Output::Typing { .. } => Vec::new(),
            Output::Changed { .. } => self.changed(output),
            Output::NotSent { to, reason } => {
                vec![format!("! not sent to {}: {}", short(to), short(reason))]
            }
            Output::RoomInvited { .. }
            | Output::RoomChanged { .. }
            | Output::Rooms { .. }
            | Output::Members { .. } => rooms::lines(output),
            Output::Request { .. }
            | Output::RequestOver { .. }
            | Output::Requests { .. }
            | Output::Asked { .. } => requests::lines(output, self.style.local_time),
            Output::Link { .. } => self.link(output),
            Output::FileOffer { .. } => films::offer(output, self.style.reader),
            Output::File { file } => return self.file(now, file),
            Output::Play { .. } | Output::Open { .. } => vec![viewing::line(output)],
            Output::Watch { .. } => vec![watching::line(output)],
            Output::Files { of, files } => films::files(*of, files),
            Output::History { lines, .. } => self.history(lines),
            Output::Outbox { messages } => self.outbox(messages),
            Output::Export { path, lines, reason } => vec![export(path, *lines, reason.as_deref())],
            Output::Net { connections } => net(connections),
            Output::Fingerprint { .. } => self.fingerprint(output),
            Output::IdentityChanged { .. } => vec![identity_changed(output)],
            Output::Trusted { user, fingerprint } => {
                vec![format!("* the key of {} is verified: {}", short(user), short(fingerprint))]
            }
            Output::Notify { chats } => people::calls(chats),
            Output::Ping { user, rtt_ms, reason } => {
                vec![people::ping(user, *rtt_ms, reason.as_deref())]
            }
            Output::Why { user, lines, .. } => people::why(user.as_deref(), lines),
            Output::Ignored { users } => vec![people::ignored(users)],
            Output::Nickname { user, nickname } => {
                vec![people::nickname(user, nickname.as_deref())]
            }
            Output::AutoAccept { users, usual } => people::auto_accept(users, *usual),
            Output::Settings { settings } => match settings.as_slice() {
                [] => vec!["* nothing of that kind is chosen".to_owned()],
                settings => settings.iter().map(setting_line).collect(),
            },
            Output::Help { text } => vec![paragraph("* ", text)],
            Output::Info { text } => vec![paragraph("* ", text)],
            Output::Error { text } => vec![paragraph("! ", text)],
        };
        self.finish(texts)
    }

    fn finish(&self, texts: Vec<String>) -> Vec<Line> {
        texts.into_iter().map(|text| Line::Text(dress(&text, &self.style))).collect()
    }

    fn server(&mut self, state: &ServerState) -> Vec<Line> {
        let text = match state {
            ServerState::Connecting if self.unreachable.is_some() || self.is_connecting => {
                return Vec::new();
            }
            ServerState::Connecting => {
                self.is_connecting = true;
                "* server: connecting".to_owned()
            }
            ServerState::Connected => {
                self.unreachable = None;
                self.is_connecting = false;
                "* server: connected".to_owned()
            }
            ServerState::Refused => {
                self.unreachable = None;
                self.is_connecting = false;
                "! server: not tried again by itself; /reconnect tries now".to_owned()
            }
            ServerState::Waiting { seconds, reason } => {
                let reason = short(reason);
                if self.unreachable.as_ref() != Some(&reason) {
                    self.unreachable = Some(reason.clone());
                    let again = "trying again by itself; /reconnect tries now";
                    format!("! server: {reason}; {again}")
                } else if self.style.reader == Reader::Person {
                    let line = format!("* server: next try in {seconds} s");
                    return vec![Line::Progress(fit(&line, &self.style))];
                } else {
                    return Vec::new();
                }
            }
        };
        self.finish(vec![text])
    }

    fn logged_in(&mut self, output: &Output) -> Vec<String> {
        let Output::LoggedIn { user, motd, failed_attempts, took_over, new_account } = output
        else {
            return Vec::new();
        };
        self.user = Some(user.clone());
        let new = if *new_account { " (new account)" } else { "" };
        let mut texts = vec![format!("* logged in as {}{new}", short(user))];
        if *failed_attempts > 0 {
            let attempts = if *failed_attempts == 1 { "attempt" } else { "attempts" };
            texts.push(format!(
                "! {failed_attempts} failed {attempts} to log in as you since the last time"
            ));
        }
        if *took_over {
            texts.push("* your session elsewhere was ended by this one".to_owned());
        }
        if !motd.trim().is_empty() {
            texts.push(format!("* greeting of the server:\n{}", text::lines(motd.trim_end())));
        }
        texts
    }

    fn users(&self, users: &[UserLine]) -> Vec<String> {
        if users.is_empty() {
            return vec!["* No other active user.".to_owned()];
        }
        let line = |user: &UserLine| {
            let name = people::called(&user.user, user.nickname.as_deref());
            match (user.online, user.since) {
                (true, 0) => format!("* {name}: online"),
                (true, since) => {
                    // The time is when he came, not since when he is away.
                    let since = self.time(since.saturating_mul(1000));
                    let says = match (user.status, user.text.is_empty()) {
                        (Availability::Here, true) => String::new(),
                        (Availability::Here, false) => {
                            format!(" ({})", text::excerpt(&user.text, MAX_SAYING))
                        }
                        (status, _) => format!(", {}", standing(true, status, &user.text)),
                    };
                    format!("* {name}: online since {since}{says}")
                }
                (false, 0) => format!("* {name}: offline"),
                (false, since) => {
                    format!("* {name}: last seen {}", self.time(since.saturating_mul(1000)))
                }
            }
        };
        users.iter().map(line).collect()
    }

    fn whois(&self, output: &Output) -> Vec<String> {
        let Output::Whois {
            user,
            nickname,
            online,
            since,
            status,
            text,
            blocked,
            ignored,
            rooms,
            ..
        } = output
        else {
            return Vec::new();
        };
        let (online, since, status) = (*online, *since, *status);
        let mut lines = match online {
            Some(online) => {
                let (user, nickname) = (user.clone(), nickname.clone());
                let (text, verified) = (text.clone(), false);
                self.users(&[UserLine { user, nickname, online, since, status, text, verified }])
            }
            None => vec![format!(
                "* {}: not known without the server",
                people::called(user, nickname.as_deref())
            )],
        };
        lines.extend(people::known(output));
        lines.push(match rooms.as_slice() {
            [] => "*   no room with you".to_owned(),
            rooms => format!("*   in rooms with you: {}", text::one_line(&rooms.join(", "))),
        });
        if *ignored {
            lines.push("*   ignored by you: '/unignore' ends it".to_owned());
        }
        if *blocked {
            lines.push("*   blocked by you".to_owned());
        }
        lines
    }

    fn message(&self, output: &Output) -> Vec<String> {
        let Output::Message { from, room, text, sent, at, gap, reply_to, edited, pin, .. } = output
        else {
            return Vec::new();
        };
        let from = short(from);
        let place = room.as_ref().map(|room| format!("{} ", short(room))).unwrap_or_default();
        let mut texts = Vec::new();
        if *gap {
            texts.push(format!("! messages from {from} before the next one are missing"));
        }
        if at.saturating_sub(*sent) >= LATE {
            texts.push(format!("* {from} wrote the next one at {}", self.time(*sent)));
        }
        match *reply_to {
            None => {}
            Some(NOT_HERE) => {
                texts.push(format!("* {from} answers by the next one what is not here"));
            }
            Some(line) => {
                let quote = self.quotes.of(line);
                texts.push(format!("* {from} answers line {line} by the next one{quote}"));
            }
        }
        if *edited {
            texts.push(format!("* {from} edited the next one, which had not come before"));
        }
        texts.push(said(&format!("{place}{from}"), &spoken(pin.as_ref(), text)));
        texts
    }

    /// Whoever typed a change knows of it already.
    fn changed(&self, output: &Output) -> Vec<String> {
        let Output::Changed { from, with, change, id, line, text, pin, .. } = output else {
            return Vec::new();
        };
        if id.is_some() || *change == "withdrawn" {
            return Vec::new();
        }
        let place = if with.starts_with('#') { format!("{} ", short(with)) } else { String::new() };
        let from = format!("{place}{}", short(from));
        vec![match text {
            Some(text) => {
                let text = spoken(pin.as_ref(), text);
                paragraph(&format!("* {from} edited line {line}: "), &text)
            }
            None => format!("* {from} took line {line} back"),
        }]
    }

    fn message_state(&mut self, to: &str, id: u64, state: &str, reason: Option<&str>) -> Vec<Line> {
        if self.style.reader == Reader::Person {
            // That a message goes and arrives is what a person expects: only the rest is told.
            let key = (to.to_owned(), id);
            let is_told = match state {
                "queued" => {
                    reason.is_some_and(|why| why != "connecting") && self.waiting.insert(key)
                }
                "stored" => {
                    self.waiting.insert(key);
                    true
                }
                "delivered" => self.waiting.remove(&key),
                "read" => false,
                _ => {
                    self.waiting.remove(&key);
                    true
                }
            };
            if !is_told {
                return Vec::new();
            }
        }
        let mark = if state == "failed" { '!' } else { '*' };
        let reason = reason.map(|reason| format!(" ({})", short(reason))).unwrap_or_default();
        self.finish(vec![format!("{mark} message {id} to {}: {state}{reason}", short(to))])
    }

    fn link(&self, output: &Output) -> Vec<String> {
        let Output::Link { user, state, lan, address, rtt_ms, farewell } = output else {
            return Vec::new();
        };
        let word = path_word(state, *lan);
        if self.style.reader == Reader::Person && *state == "connecting" {
            return Vec::new();
        }
        let address = address.as_deref().map(|a| format!(" {}", short(a))).unwrap_or_default();
        let rtt = rtt_ms.map(|ms| format!(", {ms} ms")).unwrap_or_default();
        let mut lines = vec![format!("* link to {}: {word}{address}{rtt}", short(user))];
        lines.extend(
            farewell.as_deref().map(|text| format!("* {} leaves: {}", short(user), short(text))),
        );
        lines
    }

    fn file(&mut self, now: Instant, file: &FileLine) -> Vec<Line> {
        // Its folder has a line.
        if file.folder.is_some() {
            return Vec::new();
        }
        match self.style.reader {
            Reader::Program if self.progress.is_news(now, file) => {
                self.finish(vec![file_line(file)])
            }
            Reader::Program => Vec::new(),
            Reader::Person if self.progress.is_other_state(now, file) => {
                self.finish(vec![file_line(file)])
            }
            Reader::Person => {
                let line = self.progress.draw(now);
                line.map(|line| Line::Progress(fit(&line, &self.style))).into_iter().collect()
            }
        }
    }

    fn fingerprint(&self, output: &Output) -> Vec<String> {
        let Output::Fingerprint { of, fingerprint, safety_number, qr, verified, former } = output
        else {
            return Vec::new();
        };
        let of = short(of);
        let mut texts = vec![format!("* fingerprint of {of}: {}", short(fingerprint))];
        if let Some(number) = safety_number {
            let state = if *verified == Some(true) { "verified" } else { "not verified" };
            texts.push(format!("* safety number with {of} ({state}):\n{}", halves(number)));
        }
        // Before it the gutter, behind it the cell that stays free in each row.
        let room = self.style.width.map(|width| width.saturating_sub(GUTTER.len() + 1));
        let code = qr.as_deref().filter(|_| self.style.draws).and_then(|it| qr::rows(it, room));
        if let Some(code) = code {
            texts.push(format!("{GUTTER}{}", code.join("\n")));
        }
        if let Some(former) = former {
            texts.push(format!(
                "! this key is not accepted: {of} showed another one before, {}",
                short(former)
            ));
        }
        if *verified == Some(false) {
            texts.push(format!(
                "* {of} must see the same number: compare it over another channel, then /trust {of}"
            ));
        }
        texts
    }

    fn history(&self, lines: &[HistoryLine]) -> Vec<String> {
        if lines.is_empty() {
            return vec!["* nothing found".to_owned()];
        }
        let shown = |line| history_line(line, &numbers(line), self.style.local_time);
        lines.iter().map(shown).collect()
    }

    fn outbox(&self, messages: &[OutboxLine]) -> Vec<String> {
        if messages.is_empty() {
            return vec!["* nothing waits to be sent".to_owned()];
        }
        let line = |message: &OutboxLine| {
            let (to, time) = (short(&message.to), self.time(message.at));
            let stored = (message.state == "stored").then(|| ", stored".to_owned());
            let reason = message.reason.as_ref().map(|reason| format!(", {}", short(reason)));
            let state: String = stored.into_iter().chain(reason).collect();
            format!(
                "* {} {} to {to} of {time}{state}: {}",
                message.kind,
                message.id,
                text::excerpt(&spoken(message.pin.as_ref(), &message.text), 60)
            )
        };
        messages.iter().map(line).collect()
    }

    fn time(&self, ms: u64) -> String {
        (self.style.local_time)(ms)
    }
}

/// A line of history as it stands in a file for people to read.
pub(crate) fn text_of(line: &HistoryLine, local_time: fn(u64) -> String) -> String {
    let (reader, colour) = (Reader::Program, Colour::Off);
    let style = Style { reader, colour, width: None, draws: false, local_time };
    dress(&history_line(line, "", local_time), &style)
}

fn history_line(line: &HistoryLine, numbers: &str, local_time: fn(u64) -> String) -> String {
    let time = local_time(line.at);
    let is_own = line.state != "received";
    let in_room = line.with.starts_with('#');
    let mut state =
        if is_own { format!(" to {}, {}", line.with, line.state) } else { String::new() };
    state.push_str(numbers);
    // In a room, who wrote it and where are two things.
    let is_post = !is_own && in_room;
    let place = if is_post { format!("{} ", short(&line.with)) } else { String::new() };
    let from = format!("{place}{}", short(&line.from));
    let text = spoken(line.pin.as_ref(), &line.text);
    let text = if line.taken_back { "(taken back)" } else { &*text };
    format!("[{time}{}] {}", short(&state), said(&from, text))
}

/// `<bob> hi`, or `<* bob> waves` of something done. The sign stands where no text of others can.
fn said(from: &str, text: &str) -> String {
    match action(text) {
        Some(done) => paragraph(&format!("<* {from}> "), done),
        None => paragraph(&format!("<{from}> "), text),
    }
}

/// What a line is named by, and what was done with it.
fn numbers(line: &HistoryLine) -> String {
    let mut text = line.id.map_or_else(String::new, |id| format!(", message {id}"));
    text.push_str(&format!(", line {}", line.line));
    match line.reply_to {
        None => {}
        Some(NOT_HERE) => text.push_str(", answers what is not here"),
        Some(answered) => text.push_str(&format!(", answers line {answered}")),
    }
    if line.edited {
        text.push_str(", edited");
    }
    text
}

/// `online`, `offline`, `away (back at two)`.
pub(super) fn standing(online: bool, status: Availability, text: &str) -> String {
    let word = match (online, status) {
        (false, _) => "offline",
        (true, Availability::Here) => "online",
        (true, Availability::Away) => "away",
        (true, Availability::Busy) => "busy",
    };
    if text.is_empty() {
        word.to_owned()
    } else {
        format!("{word} ({})", text::excerpt(text, MAX_SAYING))
    }
}

/// A safety number in two rows of six groups.
fn halves(number: &str) -> String {
    let groups: Vec<&str> = number.split(' ').collect();
    groups.chunks(6).map(|half| short(&half.join(" "))).collect::<Vec<_>>().join("\n")
}

fn code(output: &Output) -> String {
    if let Output::Code { code, seconds } = output {
        return format!(
            "* code {code}: say it to the one whom you want to add, who types '/code {code}' within {} \
             minutes. It is good for one try, while you stay logged in.",
            seconds / 60
        );
    }
    let Output::CodeOver { number, user, fingerprint, reason } = output else {
        return String::new();
    };
    if let (Some(user), Some(print)) = (user, fingerprint) {
        return format!("* {} is verified by the code {number}: {}", short(user), short(print));
    }
    let with = user.as_ref().map(|user| format!(" with {}", short(user)));
    let why = reason.as_deref().map(short).unwrap_or_default();
    format!("! the code {number}{} is over: {why}", with.unwrap_or_default())
}

/// Key and path of a user.
fn account_deleted(user: &str, kept: Option<&str>) -> String {
    match kept {
        Some(folder) => format!(
            "* the account {user} is deleted: at the server nothing of it is left, and its keys are \
             gone from this machine. What was said and received stays here: the history in {}, \
             until you remove that folder, and files where they are.",
            text::one_line(folder)
        ),
        None => format!(
            "! the server says that the account {user} was deleted, at another of your machines or \
             by its operator. Here it is kept until you type /account delete or /logout."
        ),
    }
}

fn identity_changed(output: &Output) -> String {
    let Output::IdentityChanged { user, old, new, held } = output else { return String::new() };
    let user = short(user);
    let what = if *held {
        "You had verified the former one, so nothing is sent"
    } else {
        "You had not verified the former one either: what you write goes to whoever holds the new \
         one, and this warning comes again,"
    };
    format!(
        "! {user} shows another identity than before: {} instead of {}. Either {user} made a new \
         account, or somebody else poses as {user}. {what} until you have compared \
         (/fingerprint {user}) and typed /trust {user}.",
        short(new),
        short(old),
    )
}

/// The connections: where to, how far, and what the link costs.
fn net(connections: &[ConnectionLine]) -> Vec<String> {
    if connections.is_empty() {
        return vec!["* no connection".to_owned()];
    }
    let line = |it: &ConnectionLine| {
        let user = it.user.as_deref().map_or_else(|| "server".to_owned(), short);
        let rtt = it.rtt_ms.map_or_else(String::new, |ms| format!(" {ms} ms,"));
        let way = match path_word(it.path, it.lan) {
            "relay" => "through the server at",
            "LAN" => "in the LAN at",
            _ => "at",
        };
        format!(
            "* {user} {way} {}:{rtt} {}/s, {} sent, {} again, {} of {} datagrams lost, of {} bytes at most, \
             window {}",
            short(&it.address),
            units::bytes(it.rate),
            units::bytes(it.bytes_sent),
            units::bytes(it.bytes_sent_again),
            it.datagrams_lost,
            it.datagrams_sent,
            it.datagram,
            units::bytes(it.window),
        )
    };
    connections.iter().map(line).collect()
}

fn export(path: &str, lines: Option<u64>, reason: Option<&str>) -> String {
    let path = text::one_line(path);
    match lines {
        Some(lines) => format!("* lines exported: {lines}, to {path}"),
        None => format!("! not exported to {path}: {}", short(reason.unwrap_or_default())),
    }
}

fn setting_line(setting: &SettingLine) -> String {
    let name = short(&setting.name);
    match (&setting.value, setting.from) {
        (Some(value), Some(from)) => format!("* {name} = {} ({from})", text::one_line(value)),
        _ => format!("* {name}: not set"),
    }
}

fn ready(user: Option<&str>, server: &str) -> String {
    match user {
        Some(user) => format!("* ready: {}, server {}", short(user), short(server)),
        None => format!("* ready: no account here yet, server {}", short(server)),
    }
}

/// Which transfer: `# file 3 from bob: "clip.mp4"`.
pub(super) fn file_head(file: &FileLine) -> String {
    let way = match file.direction {
        Direction::Sending => "to",
        Direction::Receiving => "from",
    };
    let place = in_room(file.room.as_deref());
    let what = if file.files.is_some() { "folder" } else { "file" };
    format!("# {what} {} {way} {}{place}: {}", file.id, short(&file.with), quoted(&file.name))
}

/// One transfer, its state behind its name: `# file 3 from bob: "clip.mp4" running 45 % of 12.3 MB`.
pub(super) fn file_line(file: &FileLine) -> String {
    let mut line = file_head(file);
    let size = units::content(file.files, file.size);
    match file.state {
        "hashing" | "checking" | "running" | "paused" | "waiting" if file.done > 0 => {
            let of =
                file.size.map_or_else(String::new, |size| format!(" of {}", units::bytes(size)));
            line.push_str(&format!(" {} {}{of}", file.state, units::progress(file)));
        }
        "hashing" if file.size == Some(0) => line.push_str(" hashing"),
        state => line.push_str(&format!(" ({size}) {state}")),
    }
    if let Some(count) = folders::count(file) {
        line.push_str(&format!(", {count} files"));
    }
    if let Some(by) = file.paused_by {
        line.push_str(&format!(" by {by}"));
    }
    line.push_str(&units::pace(file));
    if let Some(reason) = &file.reason {
        line.push_str(&format!(": {}", short(reason)));
    }
    if let (Direction::Receiving, "complete", Some(path)) = (file.direction, file.state, &file.path)
    {
        line.push_str(&format!(": {}", text::one_line(path)));
    }
    line
}

/// Where what is offered to a whole room was offered.
pub(super) fn in_room(room: Option<&str>) -> String {
    room.map_or_else(String::new, |room| format!(" in {}", short(room)))
}

/// A text between quotes that it cannot close.
pub(super) fn quoted(name: &str) -> String {
    let name = text::excerpt(name, MAX_NAME).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{name}\"")
}

pub(super) fn short(foreign: &str) -> String {
    text::excerpt(foreign, MAX_SHORT)
}

fn paragraph(head: &str, foreign: &str) -> String {
    format!("{head}{}", text::lines(foreign.trim_end_matches('\n')))
}

/// `text`, whose characters are filtered already, with a gutter before every row but the first,
/// and coloured by its mark.
fn dress(text: &str, style: &Style) -> String {
    let (mark, colour) = match text.chars().next() {
        Some('!') => (usize::MAX, "31"),
        Some('*') => (usize::MAX, "2"),
        Some('#') => (usize::MAX, "36"),
        // What belongs to the line before it.
        Some(' ') => (0, ""),
        // Of a message only the name is coloured.
        _ => (text.find("> ").map_or(0, |end| end + 1), "1;32"),
    };
    let rows = text.split('\n').flat_map(|line| wrap(line, style.width));
    let paint = |(index, row): (usize, &str)| {
        let head = if index == 0 { mark.min(row.len()) } else { 0 };
        let gutter = if index == 0 { "" } else { GUTTER };
        match style.colour {
            Colour::Off => format!("{gutter}{row}"),
            Colour::On if mark == usize::MAX => format!("\u{1b}[{colour}m{gutter}{row}\u{1b}[0m"),
            Colour::On if head > 0 && row.is_char_boundary(head) => {
                format!("\u{1b}[{colour}m{}\u{1b}[0m{}", &row[..head], &row[head..])
            }
            Colour::On => format!("{gutter}{row}"),
        }
    };
    rows.enumerate().map(paint).collect::<Vec<_>>().join("\n")
}

/// Breaks `line` into rows, each with room for the gutter before it.
fn wrap(line: &str, width: Option<usize>) -> Vec<&str> {
    match width {
        Some(width) => rows(line, width.saturating_sub(GUTTER.len() + 1).max(16)),
        None => vec![line],
    }
}

/// `line` cut to one row: what is overwritten must not be longer.
fn fit(line: &str, style: &Style) -> String {
    let row = wrap(line, style.width)[0];
    match style.colour {
        Colour::On => format!("\u{1b}[36m{row}\u{1b}[0m"),
        Colour::Off => row.to_owned(),
    }
}

#[cfg(test)]
mod tests;
