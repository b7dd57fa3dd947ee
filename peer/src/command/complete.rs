//! What Tab completes.

use wire::app::code;

use super::help::names as commands;

/// What the last word before the cursor may become.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// From this byte on, one of these.
    Words(usize, Vec<String>),
    /// A path.
    Files,
}

/// What the last word of `line` may become: a command, a user, a setting, or a file behind
/// `/send user`.
/// Rooms stand among the users, with `#` before their names.
pub(crate) fn candidates(line: &str, users: &[String], settings: &[String]) -> Candidates {
    if let Some(typed) = line.strip_prefix("/code ") {
        return code_words(line, typed);
    }
    let start = line.rfind(' ').map_or(0, |at| at + 1);
    let (before, word) = line.split_at(start);
    let words = |prefix: &str, all: &mut dyn Iterator<Item = &str>, mark: &str| {
        let prefix = prefix.to_lowercase();
        let fitting = all.filter(|name| name.starts_with(&prefix));
        Candidates::Words(start, fitting.map(|name| format!("{mark}{name} ")).collect())
    };
    let is_room = |name: &&str| name.starts_with('#');
    let mut rooms = users.iter().map(String::as_str).filter(is_room);
    let mut named = users.iter().map(String::as_str).filter(|name| !is_room(name));
    let mut users = users.iter().map(String::as_str);
    match (before.split_whitespace().count(), word.strip_prefix('/'), word.strip_prefix('@')) {
        (0, Some(prefix), _) => words(prefix, &mut commands(), "/"),
        (0, None, Some(prefix)) => words(prefix, &mut named, "@"),
        (0, None, None) if word.starts_with('#') => words(word, &mut rooms, ""),
        (0, None, None) => Candidates::Words(start, Vec::new()),
        (count, ..) if before.starts_with('/') => match count {
            1 if is_help(before) => words(word, &mut commands(), ""),
            1 if matches!(before.trim(), "/set" | "/unset") => {
                words(word, &mut settings.iter().map(String::as_str), "")
            }
            1 => words(word, &mut users, ""),
            _ => Candidates::Files,
        },
        _ => Candidates::Words(start, Vec::new()),
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

fn is_help(before: &str) -> bool {
    matches!(before.trim(), "/help" | "/h" | "/?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_commands_users_and_files() {
        let names = ["bob", "boris", "carol", "#boat"].map(str::to_owned);
        let settings = ["udp".to_owned(), "user".to_owned()];
        let complete = |line: &str| candidates(line, &names, &settings);
        let words = |start, list: &[&str]| {
            Candidates::Words(start, list.iter().map(|word| (*word).to_owned()).collect())
        };
        assert_eq!(complete("/outb"), words(0, &["/outbox "]));
        assert_eq!(complete("@BO"), words(0, &["@bob ", "@boris "]));
        assert_eq!(complete("#b"), words(0, &["#boat "]));
        assert_eq!(complete("/leave #"), words(7, &["#boat "]));
        assert_eq!(complete("/msg ca"), words(5, &["carol "]));
        assert_eq!(complete("/help outb"), words(6, &["outbox "]));
        assert_eq!(complete("/set us"), words(5, &["user "]));
        assert_eq!(complete("/unset U"), words(7, &["udp ", "user "]));
        assert_eq!(complete("/send bob ~/cl"), Candidates::Files);
        assert_eq!(complete("hello bo"), words(6, &[]));
        assert_eq!(complete("/code 412-velv"), words(10, &["velvet-"]));
        assert_eq!(complete("/code 412 VELV"), words(10, &["velvet-"]));
        assert_eq!(complete("/code 412-velvet-saus"), words(17, &["sausage "]));
        assert_eq!(complete("/code 412-"), words(10, &[]));
        assert_eq!(complete("/code ve"), words(6, &[]));
        assert_eq!(complete(""), words(0, &[]));
    }
}
