//! What Tab completes.

use std::collections::BTreeMap;

use wire::app::code;

use super::aliases::Aliases;
use super::help::{Verb, names as commands, other_names, subjects};
use super::{Style, classroom};

/// What the last word before the cursor may become.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// From this byte on, one of these.
    Words(usize, Vec<String>),
    /// A path.
    Files(From),
}

/// Where a path begins that does not say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The folder in which the program runs.
    Here,
    /// The folder for files that arrive.
    Downloads,
}

/// What there is to be named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Users, and rooms with `#` before their names.
    pub(crate) users: Vec<String>,
    /// What the person calls some of them.
    pub(crate) nicknames: BTreeMap<String, String>,
    pub(crate) settings: Vec<String>,
    pub(crate) aliases: Aliases,
    pub(crate) style: Style,
    /// Numbers of transfers that are not over.
    pub(crate) open: Vec<String>,
    /// Numbers of those that are complete.
    pub(crate) complete: Vec<String>,
}

impl Known {
    /// The line that `/word arguments` stands for, where the word is the user's own.
    fn expanded(&self, line: &str) -> Option<String> {
        let (word, arguments) = line.strip_prefix('/')?.split_once(' ')?;
        let longer = self.aliases.expand(word, arguments)?;
        // Nothing is typed behind it yet.
        Some(if arguments.is_empty() { format!("{longer} ") } else { longer })
    }
}

/// What stands in one place behind a command.
enum Place {
    /// A user.
    User,
    /// A user or a room.
    Talk,
    /// A transfer that is not over, or somebody who asks to talk.
    Answer,
    /// A transfer that is not over.
    Open,
    /// One that is complete.
    Complete,
    /// Either.
    Transfer,
    Setting,
    Topic,
    Path(From),
    /// To whom, or in an open chat a file at once.
    TalkOrPath,
    One(&'static [&'static str]),
    /// What is said, in which names may stand.
    Talking,
    /// Whatever it is, nobody can guess it.
    Text,
}

/// What the last word of `line` may become.
pub(crate) fn candidates(line: &str, known: &Known) -> Candidates {
    if let Some(typed) = line.strip_prefix("/code ") {
        return code_words(line, typed);
    }
    if let Some(longer) = known.expanded(line) {
        let nothing = Aliases::default();
        return match candidates(&longer, &Known { aliases: nothing, ..known.clone() }) {
            // What was typed ends as what it stands for does.
            Candidates::Words(start, words) if start + line.len() >= longer.len() => {
                Candidates::Words(start + line.len() - longer.len(), words)
            }
            Candidates::Words(..) => Candidates::Words(line.len(), Vec::new()),
            files @ Candidates::Files(_) => files,
        };
    }
    let start = line.rfind(' ').map_or(0, |at| at + 1);
    let (before, word) = line.split_at(start);
    let fitting = Fitting { start, word, known };
    match before.strip_prefix('/') {
        Some(typed) => behind_command(typed, &fitting),
        None if before.is_empty() => fitting.at_the_beginning(),
        None if before.starts_with('/') => fitting.nothing(),
        None => match classroom::command(line).filter(|_| known.style == Style::Classroom) {
            Some(_) => behind_command(before, &fitting),
            None => fitting.talk(" "),
        },
    }
}

/// `typed` stands before the word, without a slash.
fn behind_command(typed: &str, fitting: &Fitting<'_>) -> Candidates {
    let Fitting { word, known, .. } = fitting;
    let mut typed = typed.split_whitespace();
    let Some(Ok(entry)) = typed.next().map(super::find) else { return fitting.nothing() };
    match place(entry.verb, typed.count() + 1) {
        Place::User => fitting.among(word, fitting.users(), ""),
        Place::Talk => fitting.among(word, fitting.all(), ""),
        Place::Answer => fitting.among(word, texts(&known.open).chain(fitting.users()), ""),
        Place::Open => fitting.among(word, texts(&known.open), ""),
        Place::Complete => fitting.among(word, texts(&known.complete), ""),
        Place::Transfer => {
            fitting.among(word, texts(&known.open).chain(texts(&known.complete)), "")
        }
        Place::Setting => fitting.among(word, texts(&known.settings), ""),
        Place::Topic => fitting.among(word, commands().chain(subjects()), ""),
        Place::One(list) => fitting.among(word, list.iter().copied(), ""),
        Place::Path(from) => Candidates::Files(from),
        Place::TalkOrPath => match fitting.among(word, fitting.all(), "") {
            Candidates::Words(_, names) if names.is_empty() => Candidates::Files(From::Here),
            names @ (Candidates::Words(..) | Candidates::Files(_)) => names,
        },
        Place::Talking => fitting.talk(" "),
        Place::Text => fitting.nothing(),
    }
}

fn texts(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(String::as_str)
}

/// What fits a word, and where it stands.
struct Fitting<'a> {
    start: usize,
    word: &'a str,
    known: &'a Known,
}

impl<'a> Fitting<'a> {
    fn nothing(&self) -> Candidates {
        Candidates::Words(self.start, Vec::new())
    }

    /// Users and rooms.
    fn all(&self) -> impl Iterator<Item = &'a str> {
        texts(&self.known.users)
    }

    fn users(&self) -> impl Iterator<Item = &'a str> {
        self.all().filter(|name| !name.starts_with('#'))
    }

    /// Those that begin so, or belong to a user whose nickname has a word that does; with `mark` before
    /// and a blank behind them.
    fn among<'b>(
        &self,
        prefix: &str,
        all: impl Iterator<Item = &'b str>,
        mark: &str,
    ) -> Candidates {
        let prefix = prefix.to_lowercase();
        let fitting = all.filter(|name| self.fits(&prefix, name));
        Candidates::Words(self.start, fitting.map(|name| format!("{mark}{name} ")).collect())
    }

    fn fits(&self, prefix: &str, name: &str) -> bool {
        let nickname = self.known.nicknames.get(name).into_iter();
        let mut words = nickname.flat_map(|it| it.split_whitespace());
        let is_called = |word: &str| word.to_lowercase().starts_with(prefix);
        name.starts_with(prefix) || !prefix.is_empty() && words.any(is_called)
    }

    fn at_the_beginning(&self) -> Candidates {
        if let Some(prefix) = self.word.strip_prefix('/') {
            return self.commands(prefix);
        }
        if let Some(prefix) = self.word.strip_prefix('@') {
            return self.among(prefix, self.users(), "@");
        }
        let words = classroom::words().filter(|_| self.known.style == Style::Classroom);
        let is_wanted = !self.word.is_empty();
        match self.among(self.word, words.filter(|_| is_wanted), "") {
            Candidates::Words(_, words) if words.is_empty() => self.talk(": "),
            words @ (Candidates::Words(..) | Candidates::Files(_)) => words,
        }
    }

    /// Commands and the user's own words; where there are none of those, other names of commands.
    fn commands(&self, prefix: &str) -> Candidates {
        let own = self.known.aliases.names();
        match self.among(prefix, commands().map(|name| name as &str).chain(own), "/") {
            Candidates::Words(_, words) if words.is_empty() => {
                self.among(prefix, other_names(), "/")
            }
            words @ (Candidates::Words(..) | Candidates::Files(_)) => words,
        }
    }

    /// Names within what is said, once they are begun.
    fn talk(&self, behind: &str) -> Candidates {
        let prefix = self.word.to_lowercase();
        let names = self.all().filter(|name| !prefix.is_empty() && self.fits(&prefix, name));
        let mark = |name: &str| if name.starts_with('#') { " " } else { behind }.to_owned();
        Candidates::Words(self.start, names.map(|name| format!("{name}{}", mark(name))).collect())
    }
}

/// What the word of this number, counted from 1, is behind a command.
fn place(verb: Verb, number: usize) -> Place {
    match (verb, number) {
        (Verb::Send | Verb::Live, 1) => Place::TalkOrPath,
        (Verb::Send | Verb::Export, 2..) | (Verb::Account | Verb::Live, 2) => {
            Place::Path(From::Here)
        }
        (Verb::Get, 3) => Place::Path(From::Downloads),
        (Verb::Account, 1) => Place::One(&["export", "import", "delete"]),
        (Verb::Accept | Verb::Decline, 1) => Place::Answer,
        (Verb::Get | Verb::Pause | Verb::Resume | Verb::Cancel, 1) => Place::Open,
        (Verb::VerifyFile | Verb::Open, 1) => Place::Complete,
        (Verb::Play | Verb::At | Verb::Mark | Verb::Watch, 1) => Place::Transfer,
        (Verb::Watch, 2..) => Place::User,
        (Verb::Play, 2) => Place::One(&["at"]),
        (Verb::Get, 2) => Place::One(&["as"]),
        (Verb::AutoAccept, 2) => Place::One(&["on", "off", "usual"]),
        (Verb::Notify, 2) => Place::One(&["all", "mentions", "off"]),
        (Verb::Limit, 1) => Place::One(&["up", "down"]),
        (Verb::Limit, 2) => Place::One(&["off"]),
        (Verb::Theme, 1) => {
            Place::One(&["warning", "notice", "file", "rule", "own", "bar", "names"])
        }
        (Verb::Alias, 1) => Place::One(&["load"]),
        (Verb::Alias, 2) => Place::One(&["classroom"]),
        (Verb::Why, 2) => Place::One(&["--report"]),
        (Verb::Help, 1) => Place::Topic,
        (Verb::Set | Verb::Unset, 1) => Place::Setting,
        (Verb::Create, 2..) | (Verb::Invite | Verb::Kick | Verb::Mute | Verb::Unmute, 2) => {
            Place::User
        }
        (Verb::Op | Verb::Deop | Verb::Owner, 2) => Place::User,
        (Verb::Me | Verb::Reply | Verb::Edit | Verb::All, _)
        | (Verb::Message | Verb::Say | Verb::At | Verb::Mark, 2..) => Place::Talking,
        (Verb::Unsend | Verb::Quit, _)
        | (Verb::Away | Verb::Busy | Verb::Status | Verb::Create | Verb::Bind, _)
        | (Verb::Register | Verb::Login, _)
        | (_, 2..) => Place::Text,
        (Verb::Who | Verb::Seen | Verb::Whois | Verb::Contacts | Verb::Add | Verb::Why, _)
        | (Verb::Ping | Verb::Block | Verb::Unblock | Verb::Ignore | Verb::Unignore, _)
        | (Verb::Fingerprint | Verb::Trust | Verb::AutoAccept, _) => Place::User,
        (_, _) => Place::Talk,
    }
}

/// The word of a spoken code that is being typed, and a dash behind the first.
fn code_words(line: &str, typed: &str) -> Candidates {
    let word = typed.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let start = line.len() - word.len();
    let before = &typed[..typed.len() - word.len()];
    let has_number = before.starts_with(|c: char| c.is_ascii_digit());
    let mark = if before.contains(char::is_alphabetic) { " " } else { "-" };
    let prefix = word.to_lowercase();
    let fitting = code::words().filter(|listed| listed.starts_with(&prefix));
    let fitting = fitting.filter(|_| has_number && !word.is_empty());
    Candidates::Words(start, fitting.map(|listed| format!("{listed}{mark}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_whatever_may_stand_there() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let known = Known {
            users: list(&["bob", "boris", "carol", "#boat"]),
            nicknames: BTreeMap::from([("carol".to_owned(), "Mum at Home".to_owned())]),
            settings: list(&["udp", "user"]),
            aliases: Aliases::default(),
            style: Style::Slash,
            open: list(&["3", "17"]),
            complete: list(&["1"]),
        };
        let complete = |line: &str| candidates(line, &known);
        let words = |start, words: &[&str]| Candidates::Words(start, list(words));
        for (line, expected) in [
            ("/outb", words(0, &["/outbox "])),
            ("@BO", words(0, &["@bob ", "@boris "])),
            ("#b", words(0, &["#boat "])),
            ("/leave #", words(7, &["#boat "])),
            ("/msg bo", words(5, &["bob ", "boris "])),
            ("/ping ", words(6, &["bob ", "boris ", "carol "])),
            ("/history ", words(9, &["bob ", "boris ", "carol ", "#boat "])),
            ("/msg ca", words(5, &["carol "])),
            ("/msg ho", words(5, &["carol "])),
            ("@m", words(0, &["@carol "])),
            ("/ignore bor", words(8, &["boris "])),
            ("/invite #boat bo", words(14, &["bob ", "boris "])),
            ("/help outb", words(6, &["outbox "])),
            ("/help key", words(6, &["keys "])),
            ("/set us", words(5, &["user "])),
            ("/unset U", words(7, &["udp ", "user "])),
            ("/send bo", words(6, &["bob ", "boris "])),
            ("/send ~/cl", Candidates::Files(From::Here)),
            ("/send bob ~/cl", Candidates::Files(From::Here)),
            ("/get ", words(5, &["3 ", "17 "])),
            ("/get 3 a", words(7, &["as "])),
            ("/get 3 as fi", Candidates::Files(From::Downloads)),
            ("/pau 1", words(5, &["17 "])),
            ("/verify-file ", words(13, &["1 "])),
            ("/open ", words(6, &["1 "])),
            ("/play ", words(6, &["3 ", "17 ", "1 "])),
            ("/play 3 ", words(8, &["at "])),
            ("/mark ", words(6, &["3 ", "17 ", "1 "])),
            ("/at 1", words(4, &["17 ", "1 "])),
            ("/accept ", words(8, &["3 ", "17 ", "bob ", "boris ", "carol "])),
            ("/autoaccept bob o", words(16, &["on ", "off "])),
            ("/limit u", words(7, &["up "])),
            ("/theme wa", words(7, &["warning "])),
            ("/away bo", words(6, &[])),
            ("/nosuch bo", words(8, &[])),
            ("/code 412-velv", words(10, &["velvet-"])),
            ("/code 412 VELV", words(10, &["velvet-"])),
            ("/code 412-velvet-saus", words(17, &["sausage "])),
            ("/code 412-", words(10, &[])),
            ("/code ve", words(6, &[])),
            ("", words(0, &[])),
        ] {
            assert_eq!(complete(line), expected, "{line}");
        }
    }

    #[test]
    fn names_are_completed_within_what_is_said_and_a_users_own_words_as_what_they_stand_for() {
        let known = Known {
            users: ["bob", "boris", "carol", "#boat"].map(str::to_owned).into(),
            aliases: aliases(&[("hi", "/msg bob hi"), ("give", "/send"), ("ho", "ho ho")]),
            ..Known::default()
        };
        let words = |start, words: &[&str]| {
            Candidates::Words(start, words.iter().map(|word| (*word).to_owned()).collect())
        };
        for (line, expected) in [
            ("/msg carol hello bo", words(17, &["bob ", "boris "])),
            ("/msg carol hello ", words(17, &[])),
            ("bo", words(0, &["bob: ", "boris: "])),
            ("see #bo", words(4, &["#boat "])),
            ("/say boat hello car", words(16, &["carol "])),
            ("/tran", words(0, &["/transfers "])),
            ("/hi", words(0, &["/history ", "/hi "])),
            ("/hi bor", words(4, &["boris "])),
            ("/give ", words(6, &["bob ", "boris ", "carol ", "#boat "])),
            ("/give car", words(6, &["carol "])),
            ("/give ~/cl", Candidates::Files(From::Here)),
            ("/give", words(0, &["/give "])),
            ("/ho ca", words(4, &["carol "])),
            ("rd", words(0, &[])),
            ("  /pau 1", words(7, &[])),
            ("/at 12:34 bo", words(10, &["bob ", "boris "])),
            ("hello bo", words(6, &["bob ", "boris "])),
            ("@carol hello bo", words(13, &["bob ", "boris "])),
        ] {
            assert_eq!(candidates(line, &known), expected, "{line}");
        }
    }

    #[test]
    fn a_classroom_has_its_words_completed() {
        let users = vec!["bob".to_owned(), "rdmond".to_owned()];
        let known = Known { users, style: Style::Classroom, ..Known::default() };
        let words = |start, words: &[&str]| {
            Candidates::Words(start, words.iter().map(|word| (*word).to_owned()).collect())
        };
        for (line, expected) in [
            ("RD", words(0, &["rdm "])),
            ("rdmo", words(0, &["rdmond: "])),
            ("message b", words(8, &["bob "])),
            ("MESSAGE bob hi b", words(15, &["bob "])),
            ("UPD bob cl", Candidates::Files(From::Here)),
            ("hello b", words(6, &["bob "])),
            ("", words(0, &[])),
        ] {
            assert_eq!(candidates(line, &known), expected, "{line}");
        }
    }

    fn aliases(of: &[(&str, &str)]) -> Aliases {
        let mut aliases = Aliases::default();
        of.iter().for_each(|(word, line)| aliases.add(word, line).unwrap());
        aliases
    }
}
