//! Lines about moments of films.

use wire::app::pin;

use super::arguments::{number, user};
use super::changes::numbered_text;
use super::words::Words;
use super::{Command, Context, ParsedLine, Usage, error};

/// Which film somebody wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this transfer.
    Number(u64),
    /// The one that was played, or else handed over, last: in this conversation as typed, or anywhere.
    Last {
        /// A user, or a room with a `#` before it.
        chat: Option<String>,
    },
    /// The one that the comment in this line of the history is about, and at that moment.
    Line(u64),
}

/// `/at [number] time text`.
pub(super) fn at(mut words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let first = words.bare().ok_or(Usage)?;
    let (id, position_ms) = match time(first) {
        Some(position) => (None, position),
        None => {
            let id = number(first.to_owned())?;
            (Some(id), words.bare().and_then(time).ok_or(Usage)?)
        }
    };
    let text = words.rest().to_owned();
    if text.trim().is_empty() {
        return Err(Usage);
    }
    Ok(in_chat(context, |to| Command::At { to, id, position_ms, text }))
}

/// `/mark [number] text`.
pub(super) fn mark(words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let (id, text) = numbered_text(words)?;
    Ok(in_chat(context, |to| Command::Mark { to, id, text }))
}

fn in_chat(context: &Context, command: impl FnOnce(String) -> Command) -> ParsedLine {
    match &context.chat {
        Some(chat) => ParsedLine::Command(command(chat.clone())),
        None => error("Not done: in which chat? '/msg NAME' opens one."),
    }
}

/// `/play [number] [at time]`, `/play line number`.
pub(super) fn play(mut words: Words<'_>, context: &Context) -> Result<Command, Usage> {
    let is = |word: &Option<String>, meant| {
        word.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(meant))
    };
    let mut word = words.next()?;
    if is(&word, "line") {
        let which = Which::Line(number(words.only()?)?);
        return Ok(Command::Play { which, position_ms: None });
    }
    let which = match word.take_if(|word| !word.eq_ignore_ascii_case("at")) {
        Some(typed) => {
            word = words.next()?;
            Which::Number(number(typed)?)
        }
        None => Which::Last { chat: context.chat.clone() },
    };
    let position_ms = match word {
        None => None,
        Some(_) if is(&word, "at") => Some(time(&words.only()?).ok_or(Usage)?),
        Some(_) => return Err(Usage),
    };
    Ok(Command::Play { which, position_ms })
}

/// `/watch number user...`, `/watch number`, `/watch off`.
pub(super) fn watch(mut words: Words<'_>) -> Result<Command, Usage> {
    let first = words.next()?.ok_or(Usage)?;
    if first.eq_ignore_ascii_case("off") {
        return words.none(Command::WatchOff);
    }
    let id = number(first)?;
    let mut users = Vec::new();
    while let Some(name) = words.next()? {
        users.push(user(name));
    }
    Ok(Command::Watch { id, users })
}

/// A moment as typed, in milliseconds: `1:02:34.5`, `12:34`, or in seconds `90s`, `90.5s`.
fn time(typed: &str) -> Option<u64> {
    let Some(seconds) = typed.strip_suffix(['s', 'S']) else { return pin::parse_time(typed) };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_number = !whole.is_empty() && whole.bytes().all(|it| it.is_ascii_digit());
    let whole: u64 = whole.parse().ok().filter(|_| is_number)?;
    let position = whole.checked_mul(1000)?.checked_add(pin::milliseconds(fraction)?)?;
    (position <= pin::MAX_POSITION).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;
    use crate::work::ExportFormat;

    fn in_room(line: &str) -> ParsedLine {
        parse(line, &Context { chat: Some("#team".to_owned()), ..Context::default() })
    }

    fn command(line: &str) -> Command {
        let parsed = in_room(line);
        let ParsedLine::Command(command) = parsed else { panic!("{line}: {parsed:?}") };
        command
    }

    #[test]
    fn a_moment_and_a_text() {
        let at = |id, position_ms, text: &str| Command::At {
            to: "#team".into(),
            id,
            position_ms,
            text: text.into(),
        };
        assert_eq!(command("/at 12:34 look at  the left"), at(None, 754_000, "look at  the left"));
        assert_eq!(command("/at 3 1:02:34.5 look"), at(Some(3), 3_754_500, "look"));
        assert_eq!(command("/at #3 90s 5 o'clock"), at(Some(3), 90_000, "5 o'clock"));
        assert_eq!(command("/at 0.25s \"look"), at(None, 250, "\"look"));
        let mark = |id, text: &str| Command::Mark { to: "#team".into(), id, text: text.into() };
        assert_eq!(command("/mark it's him"), mark(None, "it's him"));
        assert_eq!(command("/mark 3 it's him"), mark(Some(3), "it's him"));
        assert_eq!(command("/mark . 3 of them"), mark(None, "3 of them"));
    }

    #[test]
    fn a_film_is_played_from_a_moment_on() {
        let last = || Which::Last { chat: Some("#team".to_owned()) };
        let play = |which, position_ms| Command::Play { which, position_ms };
        assert_eq!(command("/play 3"), play(Which::Number(3), None));
        assert_eq!(command("/play #3 AT 12:34"), play(Which::Number(3), Some(754_000)));
        assert_eq!(command("/play"), play(last(), None));
        assert_eq!(command("/play at 90.5s"), play(last(), Some(90_500)));
        assert_eq!(command("/play line 41"), play(Which::Line(41), None));
        let anywhere = parse("/play", &Context::default());
        assert_eq!(anywhere, ParsedLine::Command(play(Which::Last { chat: None }, None)));
    }

    #[test]
    fn a_film_is_watched_with_others() {
        let watch = |id, users: &[&str]| {
            let users = users.iter().map(|user| (*user).to_owned()).collect();
            Command::Watch { id, users }
        };
        assert_eq!(command("/watch 3 bob @carol"), watch(3, &["bob", "carol"]));
        assert_eq!(command("/watch #3"), watch(3, &[]));
        assert_eq!(command("/watch OFF"), Command::WatchOff);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for line in [
            "/at",
            "/at 12:34",
            "/at 3 12:34 ",
            "/at look",
            "/at 3 look",
            "/at 12:60 look",
            "/at 90 look",
            "/at 99999999999s look",
            "/at .s look",
            "/at -1s look",
            "/at s look",
            "/watch",
            "/watch bob",
            "/watch off bob",
            "/mark",
            "/mark 3",
            "/play x",
            "/play 3 12:34",
            "/play 3 at",
            "/play at 3",
            "/play 3 at 12:34 x",
            "/play line",
            "/play line x",
            "/play line 41 at 12:34",
        ] {
            let ParsedLine::Error(text) = in_room(line) else { panic!("{line}") };
            assert!(text.starts_with("Usage: /"), "{line}: {text}");
        }
        for line in ["/at 3 12:34 look", "/mark look"] {
            let ParsedLine::Error(text) = parse(line, &Context::default()) else {
                panic!("{line}")
            };
            assert!(text.contains("in which chat?"), "{text}");
        }
    }

    #[test]
    fn chapters_are_exported_of_one_film() {
        let export = |with: Option<&str>, film| {
            let (with, path) = (with.map(str::to_owned), "a.ffmetadata".into());
            Command::Export { with, path, format: ExportFormat::Chapters, film }
        };
        assert_eq!(command("/export a.ffmetadata"), export(Some("#team"), None));
        assert_eq!(command("/export a.ffmetadata 3"), export(Some("#team"), Some(3)));
        assert_eq!(command("/export all a.ffmetadata 3"), export(None, Some(3)));
        assert_eq!(command("/export @bob a.ffmetadata"), export(Some("bob"), None));
        for line in ["/export a.txt 3", "/export a b a.ffmetadata", "/export a.ffmetadata x"] {
            assert!(matches!(in_room(line), ParsedLine::Error(_)), "{line}");
        }
    }
}
