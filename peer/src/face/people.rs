//! Lines about other users, in the words of the plain face.

use wire::app::text;

use super::plain::{GUTTER, short};
use super::units;
use crate::output::{AutoAcceptLine, NotifyLine};
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
pub(super) fn why(user: &str, lines: &[String]) -> Vec<String> {
    let mut rows = vec![format!("* {}:", short(user))];
    rows.extend(lines.iter().map(|line| format!("{GUTTER}{}", short(line))));
    rows
}
