//! Commands as course assignments write them: without a slash, in upper or lower case, some with arguments
//! of their own.

use super::history::is_clock;

/// With what assignments begin their commands. Not every name of a command: 'yes', 'all good' and
/// 'back in five' are what people say to each other.
const WORDS: &[&str] = &[
    "message",
    "msg",
    "broadcast",
    "bcm",
    "whoelse",
    "online",
    "whoelsesince",
    "wholasthr",
    "atu",
    "lap",
    "block",
    "unblock",
    "startprivate",
    "private",
    "stopprivate",
    "srb",
    "srm",
    "upd",
    "rdm",
    "edt",
    "dlt",
    "logout",
    "out",
    "exit",
    "xit",
];

/// Those that are commands only where nothing follows them.
const ALONE: &[&str] = &["view"];

/// Longest name of a room that is made of names.
const MAX_ROOM: usize = wire::app::name::MAX_CHARS;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// All words, for completion.
#[cfg(feature = "shell")]
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().chain(ALONE).copied()
}

/// Whether assignments do not agree to whom it goes; `msg bob hi` in small letters is ours.
pub(super) fn is_ambiguous(line: &str) -> bool {
    line.split_whitespace().next() == Some("MSG")
}

/// The command of ours, without its slash, that a line of an assignment stands for.
pub(super) fn command(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let word = words.next()?.to_lowercase();
    if ALONE.contains(&word.as_str()) {
        return words.next().is_none().then_some(word);
    }
    if !WORDS.contains(&word.as_str()) {
        return None;
    }
    let (_, arguments) = line.trim_start().split_once(char::is_whitespace).unwrap_or_default();
    let theirs = match word.as_str() {
        "rdm" => read_messages(words.collect()),
        "srb" => room_of(words.collect()),
        "edt" | "dlt" => without_time(&word, arguments),
        _ => None,
    };
    Some(theirs.unwrap_or_else(|| line.trim_start().to_owned()))
}

/// `RDM b TIME`, `RDM s TIME`, `RDM TIME`: the lobby's, the open room's, everybody's.
fn read_messages(words: Vec<&str>) -> Option<String> {
    let (of, time) = match words[..] {
        [kind, ref time @ ..] if kind.eq_ignore_ascii_case("b") => ("#lobby ", time),
        [kind, ref time @ ..] if kind.eq_ignore_ascii_case("s") => ("", time),
        ref time => ("all ", time),
    };
    let since = if time.is_empty() && of != "all " { String::new() } else { moment(time)? };
    Some(format!("history {of}{since}"))
}

/// `SRB USER...`: the room has its name from those who are to be in it, in whatever order they are told,
/// so that there is one for the same users.
fn room_of(mut users: Vec<&str>) -> Option<String> {
    let invited = users.join(" ");
    users.sort_unstable();
    users.dedup();
    let name: String = users.join("-").chars().take(MAX_ROOM).collect();
    (!users.is_empty()).then(|| format!("create {name} {invited}"))
}

/// `EDT #3 19 Feb 2021 21:39:04 TEXT`, `DLT 3 19 Feb 2021 21:39:04`: the number says which message it is.
fn without_time(word: &str, arguments: &str) -> Option<String> {
    let (number, mut rest) = arguments.trim_start().split_once(char::is_whitespace)?;
    let mut time = Vec::new();
    for _ in 0..4 {
        let (part, behind) =
            rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim_start(), ""));
        time.push(part);
        rest = behind;
    }
    moment(&time)?;
    Some(format!("{word} {number} {rest}"))
}

/// `19 Feb 2021 21:39:04` as `2021-02-19 21:39:04`.
fn moment(words: &[&str]) -> Option<String> {
    let [day, month, year, clock] = words else { return None };
    let digits = |word: &str, most: usize| {
        (1..=most).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let month = month.to_lowercase();
    let month = MONTHS.iter().position(|known| month.starts_with(known))? + 1;
    (digits(day, 2) && digits(year, 4) && year.len() == 4 && is_clock(clock))
        .then(|| format!("{year}-{month:02}-{day:0>2} {clock}"))
}

#[cfg(test)]
mod tests {
    use super::super::is_command;
    use super::*;

    #[test]
    fn assignments_have_times_and_rooms_in_ways_of_their_own() {
        for (line, expected) in [
            ("RDM b 1 Jun 2022 16:00:10", "history #lobby 2022-06-01 16:00:10"),
            ("rdm S 31 december 2022 9:05", "history 2022-12-31 9:05"),
            ("RDM 19 Feb 2021 21:39:04", "history all 2021-02-19 21:39:04"),
            ("RDM b", "history #lobby "),
            ("RDM s", "history "),
            ("RDM bob 2h", "RDM bob 2h"),
            ("RDM", "RDM"),
            ("SRB carol bob", "create bob-carol carol bob"),
            ("SRB bob bob", "create bob bob bob"),
            ("srb", "srb"),
            ("EDT #3 19 Feb 2021 21:39:04 at  six", "edt #3 at  six"),
            ("EDT 3 19 candles", "EDT 3 19 candles"),
            ("DLT 3 19 Feb 2021 21:39:04", "dlt 3 "),
            ("DLT 3", "DLT 3"),
            ("  OUT", "OUT"),
            ("View", "view"),
        ] {
            assert_eq!(command(line).as_deref(), Some(expected), "{line}");
        }
        for talk in ["view of the sea", "hello", "", "yes", "EDTs"] {
            assert_eq!(command(talk), None, "{talk}");
        }
        let long = "u".repeat(20);
        let made = command(&format!("SRB {long}a {long}b")).unwrap();
        let room = made.split(' ').nth(1).unwrap();
        assert_eq!(room, format!("{long}a-{}", "u".repeat(10)));
        assert!(words().all(is_command));
    }
}
