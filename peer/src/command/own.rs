//! Lines about the settings, and about words and keys of the user's own.

use super::words::Words;
use super::{ParsedLine, Preference, Usage};

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

fn set(name: String, value: &str) -> Preference {
    Preference::Set { name, value: Some(value.to_owned()) }
}

/// `/unset name`, `/unalias name`, `/unbind key`.
pub(super) fn unset(table: &str, words: Words<'_>) -> Result<ParsedLine, Usage> {
    let name = format!("{table}{}", words.only()?.trim_start_matches('/'));
    Ok(ParsedLine::Preference(Preference::Set { name, value: None }))
}
