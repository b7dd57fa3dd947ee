//! Lines about other users, in the words of the plain face.

use wire::app::text;

use super::plain::{GUTTER, short};
use super::units;
use crate::output::{AutoAcceptLine, NotifyLine, Output, path_word};
use crate::work::AutoAccept;

/// What calls the person, in one conversation or in those where something was chosen.
pub(super) fn calls(chats: &[NotifyLine]) -> Vec<String> {
    let line = |line: &NotifyLine| {
        let usual = if line.usual { " (as usual)" } else { "" };
        format!("* notify {}: {}{usual}", short(&line.chat), line.calls.word())
    };
    match chats {
        [] => vec!["* notify: as usual, all of users and mentions in rooms".to_owned()],
        chats => chats.iter().map(line).collect(),
    }
}

/// A user, and what the person calls him.
pub(super) fn called(user: &str, nickname: Option<&str>) -> String {
    match nickname {
        Some(nickname) => format!("{} ({})", short(user), short(nickname)),
        None => short(user),
    }
}

/// What the person calls a user from now on.
pub(super) fn nickname(user: &str, nickname: Option<&str>) -> String {
    let user = short(user);
    match nickname {
        Some(nickname) => {
            format!("* you call {user} \"{}\" now, for yourself alone", short(nickname))
        }
        None => format!("* you call {user} nothing but that"),
    }
}

/// What is known of the key of a user, and of the path to him.
pub(super) fn known(output: &Output) -> Vec<String> {
    let Output::Whois { user, key, fingerprint, former, path, lan, address, rtt_ms, .. } = output
    else {
        return Vec::new();
    };
    let print = fingerprint.as_deref().map(short).unwrap_or_default();
    let key = match (*key, former) {
        ("verified", _) => format!("key {print}, verified"),
        ("met", _) => format!("key {print}, not verified: /fingerprint {}", short(user)),
        ("changed", former) => format!(
            "key {print}, another one than before: {}",
            former.as_deref().map(short).unwrap_or_default()
        ),
        ("named", _) => format!("key {print}, as the server says: you have not met"),
        _ => "no key: you have not met".to_owned(),
    };
    let path = address.as_deref().map_or_else(
        || "no link now".to_owned(),
        |address| {
            let rtt = rtt_ms.map(|ms| format!(", {ms} ms")).unwrap_or_default();
            match *path {
                Some("relayed") => format!("link through the server at {}{rtt}", short(address)),
                Some(state) => {
                    format!("{} link to {}{rtt}", path_word(state, *lan), short(address))
                }
                None => format!("link to {}{rtt}", short(address)),
            }
        },
    );
    vec![format!("*   {key}"), format!("*   {path}")]
}

/// Whom the person ignores.
pub(super) fn ignored(users: &[String]) -> String {
    match users {
        [] => "* you ignore nobody".to_owned(),
        users => format!("* you ignore {}", text::one_line(&users.join(", "))),
    }
}

/// Whose files are taken without asking.
pub(super) fn auto_accept(users: &[AutoAcceptLine], usual: Option<u64>) -> Vec<String> {
    let usual = match usual {
        None => "asks".to_owned(),
        Some(most) => format!("up to {}", units::bytes(most)),
    };
    let word = |accept| match accept {
        AutoAccept::Usual => format!("{usual} (as usual)"),
        AutoAccept::Never => "asks".to_owned(),
        AutoAccept::Any => "all".to_owned(),
        AutoAccept::UpTo(most) => format!("up to {}", units::bytes(most)),
    };
    let line =
        |it: &AutoAcceptLine| format!("* autoaccept {}: {}", short(&it.user), word(it.accept));
    match users {
        [] => vec![format!("* autoaccept: {usual}, of everybody")],
        users => users.iter().map(line).collect(),
    }
}

/// How soon a user's program answered, or why it did not.
pub(super) fn ping(user: &str, rtt_ms: Option<u64>, reason: Option<&str>) -> String {
    let user = short(user);
    match (rtt_ms, reason) {
        (Some(millis), _) => format!("* {user} answers after {millis} ms"),
        (None, reason) => {
            format!("! {user} does not answer: {}", short(reason.unwrap_or_default()))
        }
    }
}

/// What is known of reaching a user.
pub(super) fn why(user: Option<&str>, lines: &[String]) -> Vec<String> {
    let mut rows = vec![format!("* {}:", user.map_or_else(|| "report".to_owned(), short))];
    rows.extend(lines.iter().map(|line| format!("{GUTTER}{}", short(line))));
    rows
}
