//! What `/help` says, made of the table of commands.

use super::entries::{GROUPS, Group, entries};
use super::errors::errors;
use super::topics::{self, TOPICS, Topic};

/// One command.
pub(crate) struct Entry {
    pub(super) verb: Verb,
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(super) arguments: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) example: &'static str,
    pub(crate) details: &'static str,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Register,
    Login,
    Logout,
    Message,
    Me,
    Reply,
    Edit,
    Unsend,
    At,
    Mark,
    Who,
    Seen,
    Whois,
    Code,
    Block,
    Unblock,
    Blocked,
    Contacts,
    Send,
    Requests,
    Accept,
    Decline,
    Files,
    Pause,
    Resume,
    Cancel,
    Play,
    Open,
    History,
    Search,
    Say,
    All,
    Rooms,
    Create,
    Join,
    Leave,
    Members,
    Invite,
    Kick,
    Mute,
    Unmute,
    Op,
    Deop,
    Owner,
    Topic,
    Rename,
    Export,
    Outbox,
    Net,
    Fingerprint,
    Trust,
    Reconnect,
    Away,
    Busy,
    Back,
    Status,
    Notify,
    Set,
    Unset,
    Alias,
    Unalias,
    Bind,
    Unbind,
    Save,
    Reload,
    Buffer,
    Close,
    Clear,
    Help,
    Quit,
    ChangePassword,
    Account,
    Ignore,
    Unignore,
    AutoAccept,
    Get,
    VerifyFile,
    Limit,
    Why,
    Ping,
    Watch,
    Server,
    Add,
    Theme,
    Unread,
    Live,
}

impl Entry {
    /// How it is written.
    pub(super) fn usage(&self) -> String {
        format!("Usage: {}", self.syntax())
    }

    /// The same, with an example.
    pub(super) fn explained(&self) -> String {
        format!("{}\nExample: {}", self.usage(), self.example)
    }

    pub(crate) fn syntax(&self) -> String {
        let blank = if self.arguments.is_empty() { "" } else { " " };
        format!("/{}{blank}{}", self.name, self.arguments)
    }

    /// What may go wrong, and what to do then.
    pub(crate) fn errors(&self) -> &'static str {
        errors(self.verb)
    }

    /// `/m, /message`: its other names.
    pub(crate) fn also(&self) -> Option<String> {
        let names: Vec<String> = self.aliases.iter().map(|alias| format!("/{alias}")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// The names of all commands, for completion.
pub fn names() -> impl Iterator<Item = &'static str> {
    entries().map(|entry| entry.name)
}

/// What `/help` can be asked for besides commands.
#[cfg(feature = "shell")]
pub(crate) fn subjects() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|topic| topic.name).chain(["commands", "keys"])
}

/// Other names of commands that are one word, for completion.
#[cfg(feature = "shell")]
pub(crate) fn other_names() -> impl Iterator<Item = &'static str> {
    entries().flat_map(|entry| entry.aliases).copied().filter(|name| !name.contains(' '))
}

/// The names of all commands: one screen, also of 80 by 24.
#[must_use]
pub fn overview() -> String {
    let mut text = String::from("Commands (any unique beginning will do):\n");
    for Group { title, entries } in GROUPS {
        text.push_str(title);
        text.push(':');
        // Whoever shows it breaks the line.
        entries.iter().for_each(|entry| text.push_str(&format!(" /{}", entry.name)));
        text.push('\n');
    }
    text.push_str(
        "@NAME text and #ROOM text go there, plain lines to the open chat (/msg NAME opens one), \
         //text begins with a slash.\n\
         /help COMMAND says more, /help commands what each does, /help keys the keys; subjects: ",
    );
    text + &TOPICS.iter().map(|topic| topic.name).collect::<Vec<_>>().join(", ") + "."
}

/// All commands with what they do.
fn everything() -> String {
    let mut text = String::new();
    for group in GROUPS {
        text.push_str(&format!("{}\n", group.title));
        for entry in group.entries {
            text.push_str(&format!("{}: {}\n", entry.syntax(), entry.summary));
        }
    }
    text + "/help COMMAND says more: other names, an example, what may go wrong."
}

/// A subject; or one command: syntax, other names, what it does, an example, what may go wrong. `None`
/// when there is neither.
#[must_use]
pub fn help(topic: &str) -> Option<String> {
    if topic.eq_ignore_ascii_case("keys") {
        return Some(keys());
    }
    if topic.eq_ignore_ascii_case("commands") {
        return Some(everything());
    }
    if let Some(Topic { title, text, .. }) = topics::find(topic) {
        return Some(format!("{title}\n{text}"));
    }
    let entry = super::find(topic.strip_prefix('/').unwrap_or(topic)).ok()?;
    let mut text = format!("{}\n{}.\n", entry.syntax(), entry.summary);
    if let Some(also) = entry.also() {
        text.push_str(&format!("Also: {also}\n"));
    }
    text.push_str(&format!("Example: {}\n", entry.example));
    if !entry.details.is_empty() {
        text.push_str(&format!("{}\n", entry.details));
    }
    text.push_str(&format!("May go wrong: {}", entry.errors()));
    Some(text)
}

/// All keys on one screen.
fn keys() -> String {
    let mut text = String::from("Keys on the full screen:\n");
    for (keys, meaning) in KEYS {
        text.push_str(&format!("  {keys:<16} {meaning}\n"));
    }
    text + KEYS_BESIDES
}

/// The keys of the full screen, and what each does.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("Enter", "send; Alt-Enter begins another line of the same message"),
    (
        "Tab",
        "complete a command, a name or a path; once more lists what fits, then one after the other",
    ),
    ("Up, Down", "lines typed before in this window; with Ctrl, in all; Ctrl-R searches them"),
    ("PgUp, PgDn", "scroll; Alt-Home, Alt-End to the oldest and the newest line"),
    ("Alt-U", "the first line that you have not seen"),
    ("Alt-A", "the next window in which something happened"),
    ("Ctrl-N, Ctrl-P", "the next and the previous window (also Alt-Right, Alt-Left)"),
    ("Alt-1 ... Alt-9", "the window of that number"),
    ("Alt-K", "find a window or a user by a few letters"),
    ("F1, F2", "help; transfers"),
    ("Ctrl-C", "clear the line; on an empty line, leave (asks first)"),
    ("Ctrl-G, Esc", "give up a search or a list"),
    ("Ctrl-L, Ctrl-Z", "draw everything again; suspend the program"),
];

/// What there is to say of keys besides.
pub(crate) const KEYS_BESIDES: &str = "\
Editing: Ctrl-A/E/B/F/K/U/W/Y/T/D, Alt-B/F/D/T/C/L/Shift-U, Alt-Backspace, Alt-Y.
The mouse is the terminal's: select and copy as usual. '/set mouse on' gives it to the program: the
wheel scrolls, a click on the list goes to that window; with Shift, drag and copy as before.";
