//! What stands behind the words of commands.

use std::path::Path;

use wire::Secret;
use wire::app::code::Code;
use wire::app::server::{Availability, Status};

use super::words::{Words, expand_home};
use super::{Command, Context, Need, ParsedLine, Purpose, Style, Usage, Window, error, plain};
use crate::work::ExportFormat;

const NO_CHAT: &str = "'.' stands for the user you are chatting with: open a chat first.";

/// Asks for what can be handed on.
const REPORT: &str = "--report";

/// A user's name, with or without the `@`.
pub(super) fn user(word: String) -> String {
    match word.strip_prefix('@') {
        Some(name) => name.to_owned(),
        None => word,
    }
}

/// A transfer's number: `3` or `#3`.
pub(super) fn number(word: String) -> Result<u64, Usage> {
    word.strip_prefix('#').unwrap_or(&word).parse().map_err(|_| Usage)
}

/// `/why NAME [--report]`, in either order.
pub(super) fn why(mut words: Words<'_>) -> Result<Command, Usage> {
    let first = words.next()?.ok_or(Usage)?;
    let second = words.at_most_one()?;
    match (first.as_str(), second.as_deref()) {
        (REPORT, Some(REPORT) | None) => Err(Usage),
        (REPORT, Some(name)) => Ok(Command::Why { user: user(name.to_owned()), report: true }),
        (_, Some(REPORT)) => Ok(Command::Why { user: user(first), report: true }),
        (_, Some(_)) => Err(Usage),
        (_, None) => Ok(Command::Why { user: user(first), report: false }),
    }
}

/// A password on the line would stand in the terminal's scroll-back and in scripts.
pub(super) fn credentials(purpose: Purpose, mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let name = words.next()?.map(user);
    if words.next()?.is_some() {
        return Ok(password_typed());
    }
    Ok(ParsedLine::NeedPassword { purpose, name })
}

fn password_typed() -> ParsedLine {
    error(
        "Not done: the password is asked for, never typed behind the command. If what you typed was \
         your password, others may have seen it.",
    )
}

pub(super) fn secrets(need: Need, mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    Ok(if words.next()?.is_some() { password_typed() } else { ParsedLine::NeedSecrets(need) })
}

/// `/account export FILE`, `/account import FILE`, `/account delete`.
pub(super) fn account(mut words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let what = words.next()?.ok_or(Usage)?.to_lowercase();
    if what == "delete" {
        return secrets(Need::Delete(None), words);
    }
    let path = words.only().map(|path| expand_home(&path, context.home.as_deref()));
    let need = match what.as_str() {
        "export" => Need::Export(path?),
        "import" => Need::Import(Some(path?)),
        _ => return Err(Usage),
    };
    Ok(ParsedLine::NeedSecrets(need))
}

/// `/code`, `/code 412-velvet-otter`, in one word or several.
pub(super) fn code(words: Words<'_>) -> Command {
    let typed = words.rest().trim();
    Command::Code { typed: (!typed.is_empty()).then(|| Secret::new(typed.to_owned())) }
}

/// `/quit [farewell]`. A `/q bob` is meant for bob, and so may be a line that begins with 'exit' where
/// commands need no slash.
pub(super) fn quit(word: &str, words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let farewell = words.rest().trim().to_owned();
    let is_plain = word.eq_ignore_ascii_case("q") || context.style == Style::Classroom;
    if is_plain && !farewell.is_empty() {
        return Err(Usage);
    }
    if farewell.len() > MAX_FAREWELL {
        let len = farewell.len();
        return Ok(error(format!(
            "Not done: a farewell has at most {MAX_FAREWELL} bytes, and that has {len}."
        )));
    }
    Ok(ParsedLine::Command(Command::Quit { farewell }))
}

/// What the end of a connection can say.
const MAX_FAREWELL: usize = 256;

/// `/add name|code`: asks somebody to talk, or types the code that he has said.
pub(super) fn add(words: Words<'_>) -> Result<ParsedLine, Usage> {
    let typed = words.rest().trim();
    let is_code = Code::parse(typed).is_ok();
    if is_code || typed.split_whitespace().nth(1).is_some() {
        let typed = Some(Secret::new(typed.to_owned()));
        return Ok(ParsedLine::Command(Command::Code { typed }));
    }
    match user(typed.to_owned()) {
        name if name.is_empty() || name.starts_with('#') => Err(Usage),
        name => Ok(ParsedLine::Chat(name)),
    }
}

pub(super) fn status(availability: Availability, words: Words<'_>) -> Command {
    let text = words.rest().trim().to_owned();
    Command::Status { status: Status { availability, text } }
}

/// `/msg name [text]`; by some of its other names, opening a chat also asks.
pub(super) fn message(word: &str, mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let to = words.bare().map(|word| user(word.to_owned())).ok_or(Usage)?;
    let to = to.strip_suffix(':').unwrap_or(&to).to_owned();
    let text = words.rest();
    if !text.trim().is_empty() {
        return Ok(ParsedLine::Command(Command::Message { to, text: text.to_owned() }));
    }
    let word = word.to_lowercase();
    let asks =
        ["chat", "query", "startprivate", "dcc chat"].iter().any(|name| name.starts_with(&word));
    Ok(if asks && !word.is_empty() && !to.starts_with('#') {
        ParsedLine::Chat(to)
    } else {
        ParsedLine::Window(Window::Open(to))
    })
}

/// `/me text`: a text that says of itself that it is something done.
pub(super) fn act(words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let text = words.rest();
    if text.trim().is_empty() {
        return Err(Usage);
    }
    Ok(plain(&format!("/me {text}"), context))
}

/// `/send [user] path...`: a path alone goes to whom the open chat is with, and `.` is a user's name for
/// that.
pub(super) fn send(mut words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let first = words.next()?.ok_or(Usage)?;
    let mut paths = Vec::new();
    while let Some(path) = words.next()? {
        paths.push(expand_home(&path, context.home.as_deref()));
    }
    let to = match &context.chat {
        Some(chat) if paths.is_empty() && first != "." => {
            paths.push(expand_home(&first, context.home.as_deref()));
            chat.clone()
        }
        Some(chat) if first == "." => chat.clone(),
        None if first == "." => return Ok(error(NO_CHAT)),
        Some(_) | None => user(first),
    };
    if paths.is_empty() {
        return Err(Usage);
    }
    Ok(ParsedLine::Command(Command::Send { to, paths }))
}

/// `/history [user|all] [n]`; without a user, the open chat.
/// A user, or `all`; the open chat where none is named.
pub(super) fn whom(named: Option<String>, context: &Context) -> Option<String> {
    match named {
        Some(word) if word.eq_ignore_ascii_case("all") => None,
        Some(name) => Some(name),
        None => context.chat.clone(),
    }
}

/// `/search [@user|#room|.] words`. A name alone is a word: of `@` and `#` the search takes no notice.
pub(super) fn search(text: &str, context: &Context) -> Result<ParsedLine, Usage> {
    if text.is_empty() {
        return Err(Usage);
    }
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let room = first.strip_prefix('#').filter(|name| !name.is_empty()).map(|_| first);
    let user = first.strip_prefix('@').filter(|name| !name.is_empty());
    let named = user.or(room).filter(|_| !rest.is_empty());
    let (with, text) = match (first, named) {
        (".", _) if context.chat.is_none() => return Ok(error(NO_CHAT)),
        (".", _) if rest.is_empty() => return Err(Usage),
        (".", _) => (context.chat.clone(), rest),
        (_, Some(name)) => (Some(name.strip_suffix([':', ',']).unwrap_or(name).to_owned()), rest),
        (_, None) => (None, text),
    };
    Ok(ParsedLine::Command(Command::Search { text: text.trim().to_owned(), with }))
}

/// `/export [user|all] file`, and with chapters `/export [user|all] file [number]`.
pub(super) fn export(mut words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let first = words.next()?.ok_or(Usage)?;
    let mut given = vec![first];
    while let Some(word) = words.next()? {
        given.push(word);
    }
    let is_chapters = |word: &String| {
        ExportFormat::of(Path::new(word)).is_ok_and(|format| format == ExportFormat::Chapters)
    };
    let film = match &given[..] {
        [.., path, film] if is_chapters(path) => Some(number(film.clone())?),
        _ => None,
    };
    given.truncate(given.len() - usize::from(film.is_some()));
    let (with, path) = match &given[..] {
        [path] => (None, path),
        [with, path] => (Some(user(with.clone())), path),
        _ => return Err(Usage),
    };
    let path = expand_home(path, context.home.as_deref());
    Ok(match ExportFormat::of(&path) {
        Ok(format) => {
            let with = whom(with, context);
            ParsedLine::Command(Command::Export { with, path, format, film })
        }
        Err(text) => error(text),
    })
}

/// A user, or a time: `90s`, `5m`, `1h`, `2d`; plain seconds too (no `@` before it).
pub(super) fn seen(word: &str, argument: &str) -> Result<Command, Usage> {
    let time = seconds(argument);
    if matches!(word.to_lowercase().as_str(), "whoelsesince" | "wholasthr") && time.is_none() {
        return Err(Usage);
    }
    Ok(match time {
        Some(seconds) => Command::SeenSince { seconds },
        None => Command::Seen { user: user(argument.to_owned()) },
    })
}

pub(crate) fn seconds(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u32>().ok()?.checked_mul(factor)
}
