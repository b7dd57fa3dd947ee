//! Lines about the settings, about words and keys of the user's own, and about what calls him.

use super::words::Words;
use super::{Command, Context, ParsedLine, Preference, Usage, error, user};
use crate::work::Calls;

/// `/set [name [value]]`: a value is what stands there, blanks and all.
pub(super) fn setting(mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let name = words.bare().map(str::to_owned);
    let value = words.rest().trim_end();
    Ok(ParsedLine::Preference(match name {
        Some(name) if !value.is_empty() => set(name, value),
        name => Preference::Show(name),
    }))
}

/// `/alias [name = line]`, `/alias load classroom`.
pub(super) fn alias(words: Words<'_>) -> Result<ParsedLine, Usage> {
    let text = words.rest().trim();
    let preference = match text.split_once('=') {
        _ if text.is_empty() => Preference::Show(Some("aliases".to_owned())),
        Some((name, line)) if !name.trim().is_empty() && !line.trim().is_empty() => {
            set(format!("aliases.{}", name.trim().trim_start_matches('/')), line.trim())
        }
        None if text.split_whitespace().eq(["load", "classroom"]) => {
            set("classroom".to_owned(), "true")
        }
        Some(_) | None => return Err(Usage),
    };
    Ok(ParsedLine::Preference(preference))
}

/// `/bind [key command]`.
pub(super) fn bind(mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let key = words.bare().map(str::to_owned);
    let line = words.rest().trim();
    Ok(ParsedLine::Preference(match key {
        None => Preference::Show(Some("keys".to_owned())),
        Some(_) if line.is_empty() => return Err(Usage),
        Some(key) => set(format!("keys.{key}"), line),
    }))
}

/// `/theme [part colours]`.
pub(super) fn theme(mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let part = words.bare().map(str::to_owned);
    let colours = words.rest().trim();
    Ok(ParsedLine::Preference(match part {
        None => Preference::Show(Some("theme".to_owned())),
        Some(_) if colours.is_empty() => return Err(Usage),
        Some(part) if colours.eq_ignore_ascii_case("off") => {
            Preference::Set { name: format!("theme.{part}"), value: None }
        }
        Some(part) => set(format!("theme.{part}"), colours),
    }))
}

/// `/notify [name|#room] [all|mentions|off]`.
pub(super) fn notify(mut words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let (chat, calls) = match (words.next()?, words.next()?) {
        (None, _) => (None, None),
        (Some(word), None) => match Calls::of(&word) {
            None => (Some(user(word)), None),
            Some(_) if context.chat.is_none() => {
                return Ok(error("Not done: of which chat? Name it: '/notify NAME off'."));
            }
            calls => (context.chat.clone(), calls),
        },
        (Some(name), Some(word)) => (Some(user(name)), Some(Calls::of(&word).ok_or(Usage)?)),
    };
    Ok(ParsedLine::Command(words.none(Command::Notify { chat, calls })?))
}

fn set(name: String, value: &str) -> Preference {
    Preference::Set { name, value: Some(value.to_owned()) }
}

/// `/unset name`, `/unalias name`, `/unbind key`.
pub(super) fn unset(table: &str, words: Words<'_>) -> Result<ParsedLine, Usage> {
    let name = format!("{table}{}", words.only()?.trim_start_matches('/'));
    Ok(ParsedLine::Preference(Preference::Set { name, value: None }))
}
