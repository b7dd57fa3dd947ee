//! What a person or a script asks: the commands, and the parser of typed lines.
//!
//! A line that begins with `/` is a command; `//text` is the text `/text`. Nothing that looks
//! like a command is ever sent as chat: an unknown `/word` and a line with blanks before its `/`
//! are errors.

pub mod aliases;
mod answers;
mod arguments;
mod changes;
mod classroom;
#[cfg(feature = "shell")]
pub(crate) mod complete;
pub(crate) mod entries;
mod errors;
mod files;
mod films;
pub(crate) mod help;
mod history;
mod meaning;
mod own;
mod rooms;
pub(crate) mod topics;
mod words;

use std::path::PathBuf;

use wire::Secret;
use wire::app::server::{Availability, Status};

use crate::work::{AutoAccept, Calls, ExportFormat};
use aliases::Aliases;
pub use answers::{Waiting, Which};
pub(crate) use arguments::seconds as span;
use arguments::{
    account, act, credentials, export, message, number, search, secrets, seen, send, status, user,
};
#[cfg(feature = "shell")]
pub(crate) use changes::{Numbers, numbers_for};
use entries::entries;
pub use films::Which as WhichFilm;
use help::{Entry, Verb};
pub use help::{help, names, overview};
use history::history;
pub use meaning::{Need, Preference, Purpose, Since, Window};
pub use rooms::{RoomCommand, chat_name};
use words::Words;
#[cfg(feature = "shell")]
pub(crate) use words::expand_home;

/// Lines of history when no number is given.
pub(crate) const DEFAULT_HISTORY: u32 = 20;

/// A command, parsed and with its arguments checked for form (not yet for meaning).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make an account and log in.
    Register {
        /// As typed.
        name: String,
        /// Prompted for by the face, read from a file, or sent in JSON: never on a command line.
        password: Secret<String>,
    },
    /// Log in with a password.
    Login {
        /// As typed.
        name: String,
        /// See above.
        password: Secret<String>,
    },
    /// Let another password hold for the account that is logged in.
    ChangePassword {
        /// The one that holds now; as above, never on a command line.
        old: Secret<String>,
        /// The one that shall hold.
        new: Secret<String>,
    },
    /// Remove the account that is logged in from the server, and its keys from here.
    DeleteAccount {
        /// The account's name once more, as typed: a confirmation.
        name: String,
        /// The password; as above, never on a command line.
        password: Secret<String>,
    },
    /// Write the account that is logged in into a new file.
    ExportAccount {
        /// Where.
        path: PathBuf,
        /// What opens it again; as above, never on a command line.
        passphrase: Secret<String>,
    },
    /// Let the account of such a file be the one that is kept here.
    ImportAccount {
        /// Where.
        path: PathBuf,
        /// What opens it.
        passphrase: Secret<String>,
    },
    /// End the session; the program stays.
    Logout,
    /// Send a text to a user, or say it in a room.
    Message {
        /// As typed; a room has a `#` before it.
        to: String,
        /// The text.
        text: String,
    },
    /// Answer a message of a user's, or what was said in a room.
    Reply {
        /// As typed.
        to: String,
        /// The line in which that stands; the last of the other side when `None`.
        line: Option<u64>,
        /// The text.
        text: String,
    },
    /// Give a message to a user, or a line said in a room, another text.
    Edit {
        /// As typed.
        to: String,
        /// Its number; the last one when `None`.
        id: Option<u64>,
        /// The text.
        text: String,
    },
    /// Take back a message to a user, or a line said in a room.
    Unsend {
        /// As typed.
        to: String,
        /// Its number; the last one when `None`.
        id: Option<u64>,
    },
    /// Say something about a moment of a film, to a user or in a room.
    At {
        /// As typed; a room has a `#` before it.
        to: String,
        /// The short number of the transfer; of the film that was played, or else handed over, there last
        /// when `None`.
        id: Option<u64>,
        /// The moment, in milliseconds.
        position_ms: u64,
        /// The text.
        text: String,
    },
    /// The same about the moment at which the player is.
    Mark {
        /// As typed.
        to: String,
        /// As above.
        id: Option<u64>,
        /// The text.
        text: String,
    },
    /// Watch a film together: propose it to users, or come in where somebody has proposed it.
    Watch {
        /// The short number of the transfer.
        id: u64,
        /// Whom to ask; nobody to come in.
        users: Vec<String>,
    },
    /// Watch with nobody any more.
    WatchOff,
    /// Users who were met.
    Contacts,
    /// Who is online; names that contain the filter.
    Who {
        /// Part of a name.
        filter: Option<String>,
    },
    /// When a user was last seen.
    Seen {
        /// As typed.
        user: String,
    },
    /// A spoken code: a new one, or the one that somebody has said.
    Code {
        /// As typed.
        typed: Option<Secret<String>>,
    },
    /// All that is known of a user.
    Whois {
        /// As typed.
        user: String,
    },
    /// Who was on in the last so many seconds.
    SeenSince {
        /// Seconds.
        seconds: u32,
    },
    /// Block a user.
    Block {
        /// As typed.
        user: String,
    },
    /// Unblock a user.
    Unblock {
        /// As typed.
        user: String,
    },
    /// Whom do I block.
    Blocked,
    /// Show nothing of what a user says as it comes.
    Ignore {
        /// As typed.
        user: String,
    },
    /// Show it again.
    Unignore {
        /// As typed.
        user: String,
    },
    /// Call a user something, for oneself.
    Nickname {
        /// Whom.
        user: String,
        /// What he is called; nothing but his name when `None`.
        nickname: Option<String>,
    },
    /// Whom do I ignore.
    Ignored,
    /// Which files of a user are taken without asking: chosen, or shown.
    AutoAccept {
        /// As typed; all of whom something was chosen when `None`.
        user: Option<String>,
        /// Which; shown when `None`.
        accept: Option<AutoAccept>,
    },
    /// Offer files to a user.
    Send {
        /// As typed.
        to: String,
        /// At least one.
        paths: Vec<PathBuf>,
    },
    /// Hand over to a user a file that some program still writes.
    Live {
        /// As typed.
        to: String,
        /// The file.
        path: PathBuf,
        /// What he is to be told that it is called; its own name when `None`.
        name: Option<String>,
    },
    /// It grows no more.
    LiveEnd {
        /// Which transfer.
        id: u64,
    },
    /// Ask a user whether he talks with the person here.
    Chat {
        /// As typed.
        user: String,
    },
    /// Who asks to talk, and which files are offered.
    Requests,
    /// Talk with somebody who asks, or take an offered file.
    Accept {
        /// Which.
        which: Which,
    },
    /// Take an offered file, and save it there.
    Get {
        /// Its short number.
        id: u64,
        /// As typed; in the download folder when it is relative.
        path: PathBuf,
    },
    /// Read a complete file once more, and compare it with what was offered.
    VerifyFile {
        /// Its short number.
        id: u64,
    },
    /// Do not.
    Decline {
        /// Which.
        which: Which,
    },
    /// List transfers, or tell of one, with the files of a folder.
    Files {
        /// Its short number; all transfers, folders as one each, when `None`.
        folder: Option<u64>,
    },
    /// Pause a transfer.
    Pause {
        /// Its short number.
        id: u64,
    },
    /// Go on with it.
    Resume {
        /// Its short number.
        id: u64,
    },
    /// Give it up.
    Cancel {
        /// Its short number.
        id: u64,
    },
    /// Play a file, also while it arrives.
    Play {
        /// Which.
        which: WhichFilm,
        /// From this moment on, in milliseconds.
        position_ms: Option<u64>,
    },
    /// Open its file.
    Open {
        /// Its short number.
        id: u64,
    },
    /// Lines of a conversation.
    History {
        /// With whom; with everyone when `None`.
        with: Option<String>,
        /// How many.
        limit: u32,
        /// Only lines before the one of this number.
        before: Option<u64>,
        /// Only lines from then on.
        since: Option<Since>,
    },
    /// Search conversations.
    Search {
        /// Words.
        text: String,
        /// Only what was said with this user.
        with: Option<String>,
    },
    /// Write a conversation into a file.
    Export {
        /// With whom; with everyone when `None`.
        with: Option<String>,
        /// The file: nothing may be there.
        path: PathBuf,
        /// How.
        format: ExportFormat,
        /// Of chapters, the short number of the film's transfer; as for [`Self::At`] when `None`.
        film: Option<u64>,
    },
    /// What calls the person in a conversation: chosen, or shown.
    Notify {
        /// A user or a room as typed; all of them when `None`.
        chat: Option<String>,
        /// What calls him; shown when `None`.
        calls: Option<Calls>,
    },
    /// The person is writing to a user.
    Typing {
        /// As typed.
        to: String,
    },
    /// The person has read what a user said.
    Read {
        /// As typed.
        from: String,
        /// Up to this line of the history; all that was told when `None`.
        line: Option<u64>,
    },
    /// What others are told about one's being there.
    Status {
        /// It.
        status: Status,
    },
    /// Something about rooms.
    Room(RoomCommand),
    /// Messages that wait.
    Outbox,
    /// `/net`
    Net,
    /// How the connection to the server is, and which server it is.
    Server,
    /// What is known of reaching a user, in plain words.
    Why {
        /// As typed.
        user: String,
        /// Without names, addresses and files: for somebody who helps.
        report: bool,
    },
    /// Have a user's program answer, and see how long that takes.
    Ping {
        /// As typed.
        user: String,
    },
    /// Show a fingerprint: a user's, or one's own and the server's.
    Fingerprint {
        /// Whose.
        user: Option<String>,
    },
    /// Accept the new identity of a user whose key changed, or with `server` the server's.
    Trust {
        /// Who.
        user: String,
    },
    /// Try the server now.
    Reconnect,
    /// Help on a command, or the overview.
    Help {
        /// On what.
        topic: Option<String>,
    },
    /// Leave.
    Quit {
        /// What those are told to whom there is a link; may be empty.
        farewell: String,
    },
}

impl Command {
    /// To whom something goes that is kept, sent and acknowledged; as typed.
    pub(crate) fn addressee(&self) -> Option<&str> {
        if let Self::Message { to, .. }
        | Self::Reply { to, .. }
        | Self::At { to, .. }
        | Self::Mark { to, .. }
        | Self::Edit { to, .. }
        | Self::Unsend { to, .. } = self
        {
            Some(to)
        } else {
            None
        }
    }

    /// Whether it concerns the account that is logged in.
    pub(crate) fn needs_account(&self) -> bool {
        // The server's key is a question that comes up before any login.
        let trusts_server = matches!(self, Self::Trust { user } if user == "server");
        let is_for_all = matches!(
            self,
            Self::Register { .. }
                | Self::Login { .. }
                | Self::ImportAccount { .. }
                | Self::Logout
                | Self::Quit { .. }
                | Self::Reconnect
                | Self::Net
                | Self::Server
                | Self::Help { .. }
        );
        !is_for_all && !trusts_server
    }
}

/// What the meaning of a line depends on besides its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// With whom plain lines are exchanged.
    pub chat: Option<String>,
    /// Who asks to talk and what is offered: `yes` and `no` answer the only one.
    pub waiting: Vec<Waiting>,
    /// What `~` in a path stands for.
    pub home: Option<PathBuf>,
    /// Words of the user's own.
    pub aliases: Aliases,
    /// How commands are written.
    pub style: Style,
}

/// How commands are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// With a slash before them; everything else is talk.
    #[default]
    Slash,
    /// As course assignments have it, too: a line that begins with one of their words, in upper or
    /// lower case, is a command (`message bob hi`, `OUT`), and `/quit` leaves an open chat.
    Classroom,
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedLine {
    /// Do this.
    Command(Command),
    /// Ask for a name where there is none, then for a password without echo; then register or
    /// log in.
    NeedPassword {
        /// Which of the two.
        purpose: Purpose,
        /// As typed.
        name: Option<String>,
    },
    /// Ask, without echo, for what a command needs besides.
    NeedSecrets(Need),
    /// This is about the face's windows.
    Window(Window),
    /// Open the chat with this user, and ask whether he talks with the person here.
    Chat(String),
    /// This is about the settings of the program itself.
    Preference(Preference),
    /// An empty line.
    Nothing,
    /// What is wrong and what to do.
    Error(String),
}

/// Whether somebody may have typed a password behind a command that takes none there: such a
/// line is not remembered.
#[must_use]
pub fn is_secret(line: &str) -> bool {
    let word = line.trim_start().trim_start_matches('/').to_lowercase();
    ["login", "register", "reg", "log", "passwd", "changepassword", "account"]
        .iter()
        .any(|command| word.starts_with(command))
}

/// Parses one typed line, without its line break.
#[must_use]
pub fn parse(line: &str, context: &Context) -> ParsedLine {
    let line = line.trim_end_matches(['\r', '\n']);
    let trimmed = line.trim_start();
    if trimmed.is_empty() {
        return ParsedLine::Nothing;
    }
    if let Some(rest) = line.strip_prefix('/') {
        return if rest.starts_with('/') { literal(rest, context) } else { slash(rest, context) };
    }
    if trimmed.starts_with('/') {
        return error(
            "Not sent: blanks stand before the '/'. Remove them to run the command; begin the \
             line with '//' to send text that begins with a slash.",
        );
    }
    if trimmed.starts_with('@') && trimmed.len() < line.len() && addressee(trimmed).is_some() {
        return error(
            "Not sent: blanks stand before the '@', so it is not clear to whom. Remove them to say it \
             to him alone; to say it here, begin with something else.",
        );
    }
    if let Some(rest) = line.strip_prefix('@') {
        return at(rest);
    }
    if line.starts_with('#') {
        return message("", Words::new(line)).unwrap_or_else(|Usage| plain(line, context));
    }
    if let Some(answer) = answers::plain(trimmed.trim_end(), context) {
        return answer;
    }
    if context.style == Style::Classroom && classroom::is_ambiguous(line) {
        return error(
            "Not sent: MSG is to everybody in one course and to one user in others. Write 'BCM TEXT', or \
             'message NAME TEXT'.",
        );
    }
    match classroom::command(line).filter(|_| context.style == Style::Classroom) {
        Some(command) => slash(&command, context),
        None => plain(line, context),
    }
}

/// Whether this is the whole name of a command, or another name for it.
pub(crate) fn is_command(word: &str) -> bool {
    entries().any(|entry| entry.name == word || entry.aliases.contains(&word))
}

fn error(text: impl Into<String>) -> ParsedLine {
    ParsedLine::Error(text.into())
}

/// What stands behind the first of two slashes, as it is: a blank in front keeps it from being shown as what
/// somebody does (XEP-0245 has nothing for this).
fn literal(text: &str, context: &Context) -> ParsedLine {
    if crate::face::action(text).is_some() {
        return plain(&format!(" {text}"), context);
    }
    plain(text, context)
}

/// A line to the user with whom one is chatting.
fn plain(text: &str, context: &Context) -> ParsedLine {
    match &context.chat {
        Some(to) => ParsedLine::Command(Command::Message { to: to.clone(), text: text.to_owned() }),
        None => error(
            "Not sent: to whom? Write '@NAME text' or '/msg NAME text'; '/msg NAME' alone opens \
             a chat, and plain lines then go there. '/help' lists all commands.",
        ),
    }
}

/// To whom a line goes that begins with a name, once the name is typed and something may follow it.
pub(crate) fn addressee(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('@')?;
    rest.contains(char::is_whitespace).then(|| named(rest).0).filter(|name| !name.is_empty())
}

/// The name behind an `@`, and what follows it.
fn named(rest: &str) -> (&str, &str) {
    let (name, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    (name.strip_suffix([':', ',']).unwrap_or(name), text)
}

/// `@user text`, `@user: text`, or `@user` alone.
fn at(rest: &str) -> ParsedLine {
    let (name, text) = named(rest);
    if name.is_empty() {
        return error("Not sent: a name follows '@' without a blank: '@bob hello'.");
    }
    if text.trim().is_empty() {
        return ParsedLine::Window(Window::Open(name.to_owned()));
    }
    let text = text.trim_start_matches([' ', '\t']).to_owned();
    ParsedLine::Command(Command::Message { to: name.to_owned(), text })
}

/// A command without its slash.
fn slash(rest: &str, context: &Context) -> ParsedLine {
    let (word, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if let Some(line) = context.aliases.expand(word, arguments) {
        // An alias of an alias would have no end.
        return parse(&line, &Context { aliases: Aliases::default(), ..context.clone() });
    }
    if context.style == Style::Classroom
        && context.chat.is_some()
        && rest.trim().eq_ignore_ascii_case("quit")
    {
        return ParsedLine::Window(Window::Close);
    }
    let (word, arguments) = two_words(word, arguments).unwrap_or((word.to_owned(), arguments));
    let entry = match find(&word) {
        Ok(entry) => entry,
        Err(text) => return error(text),
    };
    arguments_of(entry, &word, arguments, context).unwrap_or_else(|Usage| {
        let hint = rooms::lacks_room(entry.verb, arguments, context);
        error(format!("{}{}", entry.explained(), hint.unwrap_or_default()))
    })
}

/// How a command is written, with an example.
#[cfg(feature = "shell")]
pub(crate) fn usage(name: &str) -> String {
    find(name).map_or_else(|unknown| unknown, Entry::explained)
}

/// A name of two words, as other programs have some (`/dcc send`), and what follows it.
fn two_words<'a>(word: &str, arguments: &'a str) -> Option<(String, &'a str)> {
    let arguments = arguments.trim_start();
    let (second, behind) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
    let both = format!("{word} {second}").to_lowercase();
    let is_name = entries().any(|entry| entry.aliases.contains(&both.as_str()));
    is_name.then_some((both, behind))
}

/// The command that a word names: exactly, or by a prefix that fits no other.
pub(crate) fn find(word: &str) -> Result<&'static Entry, String> {
    let word = word.to_lowercase();
    let names = |entry: &Entry| core::iter::once(entry.name).chain(entry.aliases.iter().copied());
    if let Some(entry) = entries().find(|entry| names(entry).any(|name| name == word)) {
        return Ok(entry);
    }
    let fitting: Vec<&Entry> = entries()
        .filter(|entry| !word.is_empty() && names(entry).any(|name| name.starts_with(&word)))
        .collect();
    match fitting[..] {
        [entry] => Ok(entry),
        [] => {
            let nearest = nearest(&word).map(|name| format!(" Did you mean '/{name}'?"));
            Err(format!(
                "Not sent: there is no command '/{word}'.{} '/help' lists all; begin the line with \
                 '//' to send text that begins with a slash.",
                nearest.unwrap_or_default()
            ))
        }
        _ => {
            let list: Vec<String> =
                fitting.iter().map(|entry| format!("/{}", entry.name)).collect();
            Err(format!("'/{word}' fits several commands: {}.", list.join(", ")))
        }
    }
}

/// The name of a command that somebody may have meant by a word that is none: two slips away at most, fewer
/// from a short one, and none from one of two letters.
fn nearest(word: &str) -> Option<&'static str> {
    let allowed = (word.chars().count() / 3).min(2);
    let names =
        entries().flat_map(|entry| [entry.name].into_iter().chain(entry.aliases.iter().copied()));
    names
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(slips, _)| (1..=allowed).contains(slips))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// The arguments do not fit the command.
struct Usage;

#[expect(clippy::too_many_lines, reason = "an arm for each command")]
fn arguments_of(
    entry: &Entry,
    word: &str,
    arguments: &str,
    context: &Context,
) -> Result<ParsedLine, Usage> {
    let words = Words::new(arguments);
    let command = match entry.verb {
        Verb::Register => return credentials(Purpose::Register, words),
        Verb::Login => return credentials(Purpose::Login, words),
        Verb::ChangePassword => return secrets(Need::ChangePassword, words),
        Verb::Account => return account(words, context),
        Verb::Message => return message(word, words),
        Verb::Me => return act(words, context),
        Verb::Requests => words.none(Command::Requests)?,
        Verb::Reply => return changes::reply(words, context),
        Verb::Edit => return changes::edit(words, context),
        Verb::Unsend => return changes::unsend(words, context),
        Verb::At => return films::at(words, context),
        Verb::Mark => return films::mark(words, context),
        Verb::Send => return send(words, context),
        Verb::Live => return files::live(words, context),
        Verb::Export => return export(words, context),
        Verb::History => history(words, context)?,
        Verb::Seen => seen(word, &words.only()?)?,
        Verb::Search => return search(words.rest().trim(), context),
        Verb::Who => Command::Who { filter: words.at_most_one()? },
        Verb::Fingerprint => Command::Fingerprint { user: words.at_most_one()?.map(user) },
        Verb::Help => Command::Help { topic: words.at_most_one()? },
        Verb::Code => arguments::code(words),
        Verb::Whois => Command::Whois { user: user(words.only()?) },
        Verb::Block => Command::Block { user: user(words.only()?) },
        Verb::Unblock => Command::Unblock { user: user(words.only()?) },
        Verb::Trust => Command::Trust { user: user(words.only()?) },
        Verb::Ignore => match words.at_most_one()?.map(user) {
            Some(user) => Command::Ignore { user },
            None => Command::Ignored,
        },
        Verb::Unignore => Command::Unignore { user: user(words.only()?) },
        Verb::AutoAccept => files::auto_accept(words)?,
        Verb::Get => files::get(words, context)?,
        Verb::VerifyFile => Command::VerifyFile { id: number(words.only()?)? },
        Verb::Limit => return files::limit(words),
        Verb::Why => arguments::why(words)?,
        Verb::Ping => Command::Ping { user: user(words.only()?) },
        Verb::Server => words.none(Command::Server)?,
        Verb::Add => return arguments::add(words),
        Verb::Accept => Command::Accept { which: answers::which(words)? },
        Verb::Decline => Command::Decline { which: answers::which(words)? },
        Verb::Pause => Command::Pause { id: number(words.only()?)? },
        Verb::Resume => Command::Resume { id: number(words.only()?)? },
        Verb::Cancel => Command::Cancel { id: number(words.only()?)? },
        Verb::Play => films::play(words, context)?,
        Verb::Watch => films::watch(words)?,
        Verb::Open => Command::Open { id: number(words.only()?)? },
        Verb::Logout => words.none(Command::Logout)?,
        Verb::Blocked => words.none(Command::Blocked)?,
        Verb::Contacts => words.none(Command::Contacts)?,
        Verb::Files => files::files(words)?,
        Verb::Outbox => words.none(Command::Outbox)?,
        Verb::Net => words.none(Command::Net)?,
        Verb::Reconnect => words.none(Command::Reconnect)?,
        Verb::Quit => return arguments::quit(word, words, context),
        Verb::Away => status(Availability::Away, words),
        Verb::Busy => status(Availability::Busy, words),
        Verb::Status => status(Availability::Here, words),
        Verb::Back => words.none(Command::Status { status: Status::default() })?,
        Verb::All => return rooms::all(words),
        Verb::Say => return rooms::say(words),
        Verb::Rooms => words.none(Command::Room(RoomCommand::List))?,
        Verb::Create => Command::Room(rooms::create(words)?),
        Verb::Join => Command::Room(RoomCommand::Join { room: words.only()? }),
        Verb::Leave => return rooms::leave(words, context),
        Verb::Members
        | Verb::Topic
        | Verb::Invite
        | Verb::Kick
        | Verb::Mute
        | Verb::Unmute
        | Verb::Op
        | Verb::Deop
        | Verb::Owner => rooms::about_one(entry.verb, words, context)?,
        Verb::Rename => rooms::rename(words, context)?,
        Verb::Notify => return own::notify(words, context),
        Verb::Set => return own::setting(words),
        Verb::Unset => return own::unset("", words),
        Verb::Alias => return own::alias(words),
        Verb::Unalias => return own::unset("aliases.", words),
        Verb::Bind => return own::bind(words),
        Verb::Unbind => return own::unset("keys.", words),
        Verb::Theme => return own::theme(words),
        Verb::Unread => return words.none(ParsedLine::Window(Window::Unread)),
        Verb::Save => return words.none(ParsedLine::Preference(Preference::Save)),
        Verb::Reload => return words.none(ParsedLine::Preference(Preference::Reload)),
        Verb::Close => return words.none(ParsedLine::Window(Window::Close)),
        Verb::Clear => return words.none(ParsedLine::Window(Window::Clear)),
        Verb::Buffer => return Ok(ParsedLine::Window(Window::Switch(user(words.only()?)))),
    };
    Ok(ParsedLine::Command(command))
}

#[cfg(test)]
mod tests;
