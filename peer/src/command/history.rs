//! `/history`.

use super::arguments::{seconds, user, whom};
use super::words::Words;
use super::{Command, Context, DEFAULT_HISTORY, Since, Usage};

/// Most lines of `/history`.
const MAX_HISTORY: u32 = 1000;

/// `/history [NAME|#ROOM|all] [COUNT|SINCE]`. A first word that is a number or a time is not taken for a
/// name; `@7` is one.
pub(super) fn history(mut words: Words<'_>, context: &Context) -> Result<Command, Usage> {
    let mut given = Vec::new();
    while given.len() < 4
        && let Some(word) = words.next()?
    {
        given.push(word);
    }
    let is_named = given.first().is_some_and(|word| count(word).is_none() && since(word).is_none());
    let with = is_named.then(|| user(given.remove(0)));
    let (limit, since) = match &given[..] {
        [] => (DEFAULT_HISTORY, None),
        [word] if let Some(limit) = count(word) => (limit, None),
        [word] => (MAX_HISTORY, Some(since(word).ok_or(Usage)?)),
        [date, clock] if is_date(date) && is_clock(clock) => {
            (MAX_HISTORY, Some(Since::Local(format!("{date} {clock}"))))
        }
        _ => return Err(Usage),
    };
    if limit == 0 || limit > MAX_HISTORY {
        return Err(Usage);
    }
    Ok(Command::History { with: whom(with, context), limit, before: None, since })
}

/// How many lines; more than any number is too many.
fn count(word: &str) -> Option<u32> {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| word.parse().unwrap_or(u32::MAX))
}

/// `90s`, `30m`, `2h`, `3d`; `14:05`, `14:05:30`, `2026-01-31`.
fn since(word: &str) -> Option<Since> {
    if is_clock(word) || is_date(word) {
        return Some(Since::Local(word.to_owned()));
    }
    seconds(word).map(Since::Ago)
}

/// `14:05`, `9:05`, `14:05:30`.
pub(super) fn is_clock(word: &str) -> bool {
    ["00:00", "0:00", "00:00:00", "0:00:00"].iter().any(|shape| has_shape(word, shape))
}

fn is_date(word: &str) -> bool {
    has_shape(word, "0000-00-00")
}

/// Whether digits stand where the shape has them, and the same otherwise.
fn has_shape(word: &str, shape: &str) -> bool {
    word.len() == shape.len()
        && word
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, shape)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape })
}

#[cfg(test)]
mod tests {
    use super::super::{ParsedLine, parse};
    use super::*;

    fn typed(line: &str) -> Option<(Option<String>, u32, Option<Since>)> {
        let context = Context { chat: Some("carol".to_owned()), ..Context::default() };
        let parsed = parse(line, &context);
        if let ParsedLine::Error(text) = &parsed {
            assert!(text.starts_with("Usage: /history"), "{text}");
            return None;
        }
        let ParsedLine::Command(Command::History { with, limit, before: None, since }) = parsed
        else {
            panic!("{parsed:?}")
        };
        Some((with, limit, since))
    }

    #[test]
    fn it_takes_how_many_or_since_when() {
        let (bob, carol) = (|| Some("bob".to_owned()), || Some("carol".to_owned()));
        let local = |text: &str| Some(Since::Local(text.to_owned()));
        for (line, with, limit, since) in [
            ("/history", carol(), 20, None),
            ("/history 5", carol(), 5, None),
            ("/history all", None, 20, None),
            ("/history bob 7", bob(), 7, None),
            ("/history 2h", carol(), 1000, Some(Since::Ago(7200))),
            ("/history bob 3d", bob(), 1000, Some(Since::Ago(259_200))),
            ("/history all 14:05", None, 1000, local("14:05")),
            ("/view 9:05", carol(), 1000, local("9:05")),
            ("/history 2026-01-31", carol(), 1000, local("2026-01-31")),
            ("/history bob 2026-01-31 14:05", bob(), 1000, local("2026-01-31 14:05")),
            ("/history @2h", Some("2h".to_owned()), 20, None),
            ("/history '#the room' 1h", Some("#the room".to_owned()), 1000, Some(Since::Ago(3600))),
        ] {
            assert_eq!(typed(line), Some((with, limit, since)), "{line}");
        }
        for line in [
            "/history bob 0",
            "/history 1001",
            "/history 99999999999",
            "/history bob 5 2h",
            "/history bob 14:05 2026-01-31",
            "/history bob yesterday",
            "/history bob 26-01-31",
            "/history bob 2h 2h 2h",
        ] {
            assert_eq!(typed(line), None, "{line}");
        }
    }
}
