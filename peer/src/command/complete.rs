//! What Tab completes.

use std::collections::BTreeMap;

use wire::app::code;

use super::help::{Verb, names as commands};

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
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Users, and rooms with `#` before their names.
    pub(crate) users: Vec<String>,
    /// What the person calls some of them.
    pub(crate) nicknames: BTreeMap<String, String>,
    pub(crate) settings: Vec<String>,
    /// Numbers of transfers that are not over.
    pub(crate) open: Vec<String>,
    /// Numbers of those that are complete.
    pub(crate) complete: Vec<String>,
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
    /// Whatever it is, nobody can guess it.
    Text,
}

/// What the last word of `line` may become.
pub(crate) fn candidates(line: &str, known: &Known) -> Candidates {
    if let Some(typed) = line.strip_prefix("/code ") {
        return code_words(line, typed);
    }
    let start = line.rfind(' ').map_or(0, |at| at + 1);
    let (before, word) = line.split_at(start);
    let words = |prefix: &str, all: &mut dyn Iterator<Item = &str>, mark: &str| {
        let prefix = prefix.to_lowercase();
        let is_called = |name: &str| {
            let nickname = known.nicknames.get(name).into_iter();
            let mut words = nickname.flat_map(|it| it.split_whitespace());
            !prefix.is_empty() && words.any(|word| word.to_lowercase().starts_with(&prefix))
        };
        let fitting = all.filter(|name| name.starts_with(&prefix) || is_called(name));
        Candidates::Words(start, fitting.map(|name| format!("{mark}{name} ")).collect())
    };
    let listed = |list: &[String]| words(word, &mut list.iter().map(String::as_str), "");
    let users = || known.users.iter().map(String::as_str);
    let is_room = |name: &&str| name.starts_with('#');
    let nothing = || Candidates::Words(start, Vec::new());
    let Some(typed) = before.strip_prefix('/') else {
        return match (before.is_empty(), word.strip_prefix('/'), word.strip_prefix('@')) {
            (true, Some(prefix), _) => words(prefix, &mut commands(), "/"),
            (true, None, Some(prefix)) => {
                words(prefix, &mut users().filter(|it| !is_room(it)), "@")
            }
            (true, None, None) if word.starts_with('#') => {
                words(word, &mut users().filter(is_room), "")
            }
            _ => nothing(),
        };
    };
    let mut typed = typed.split_whitespace();
    let Some(Ok(entry)) = typed.next().map(super::find) else { return nothing() };
    match place(entry.verb, typed.count() + 1) {
        Place::User => words(word, &mut users().filter(|it| !is_room(it)), ""),
        Place::Talk => words(word, &mut users(), ""),
        Place::Answer => {
            let open = known.open.iter().map(String::as_str);
            words(word, &mut open.chain(users().filter(|it| !is_room(it))), "")
        }
        Place::Open => listed(&known.open),
        Place::Complete => listed(&known.complete),
        Place::Transfer => {
            let all = known.open.iter().chain(&known.complete);
            words(word, &mut all.map(String::as_str), "")
        }
        Place::Setting => listed(&known.settings),
        Place::Topic => words(word, &mut commands().chain(["commands", "keys"]), ""),
        Place::One(list) => words(word, &mut list.iter().copied(), ""),
        Place::Path(from) => Candidates::Files(from),
        Place::TalkOrPath => match words(word, &mut users(), "") {
            Candidates::Words(_, names) if names.is_empty() => Candidates::Files(From::Here),
            names @ (Candidates::Words(..) | Candidates::Files(_)) => names,
        },
        Place::Text => nothing(),
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
        (Verb::Me | Verb::Reply | Verb::Edit | Verb::Unsend | Verb::All | Verb::Quit, _)
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
            ("/msg carol hello bo", words(17, &[])),
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
            ("/at 12:34 bo", words(10, &[])),
            ("/accept ", words(8, &["3 ", "17 ", "bob ", "boris ", "carol "])),
            ("/autoaccept bob o", words(16, &["on ", "off "])),
            ("/limit u", words(7, &["up "])),
            ("/theme wa", words(7, &["warning "])),
            ("/away bo", words(6, &[])),
            ("/nosuch bo", words(8, &[])),
            ("hello bo", words(6, &[])),
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
}
