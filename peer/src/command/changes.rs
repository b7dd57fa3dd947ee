//! Commands about messages of the open chat. A number in front of the text says which message is meant;
//! `.` stands for the last one, where a text begins with a number.

#[cfg(feature = "shell")]
use super::find;
#[cfg(feature = "shell")]
use super::help::Verb;
use super::words::Words;
use super::{Command, Context, ParsedLine, Usage, Window, error, number};

#[cfg(feature = "shell")]
/// By which numbers a command names messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// One's own messages to the other side, as they are counted.
    Own,
    /// Lines of the history.
    Lines,
}

#[cfg(feature = "shell")]
/// By which numbers the command of a line that is being typed names messages.
pub(crate) fn numbers_for(line: &str) -> Option<Numbers> {
    let (word, _) = line.strip_prefix('/')?.split_once(' ')?;
    let verb = find(word).ok()?.verb;
    let names_line = verb == Verb::Play && line.split_whitespace().nth(1) == Some("line");
    if verb == Verb::Reply || names_line {
        return Some(Numbers::Lines);
    }
    matches!(verb, Verb::Edit | Verb::Unsend).then_some(Numbers::Own)
}

/// `/reply [line] text`.
pub(super) fn reply(words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    about(context, || {
        let (line, text) = numbered_text(words)?;
        Ok(move |to| Command::Reply { to, line, text })
    })
}

/// `/edit [number] text`; without a text, that of the line comes back to be edited.
pub(super) fn edit(words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let (id, text) = number_and_text(words);
    if text.trim().is_empty() && context.chat.is_some() {
        return Ok(ParsedLine::Window(Window::EditAgain(id)));
    }
    about(context, || {
        let text = some(text)?;
        Ok(move |to| Command::Edit { to, id, text })
    })
}

/// `/unsend [number]`.
pub(super) fn unsend(words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    about(context, || {
        let id = words.at_most_one()?.filter(|word| word != ".").map(number).transpose()?;
        Ok(move |to| Command::Unsend { to, id })
    })
}

/// A command about the open chat.
fn about<F: FnOnce(String) -> Command>(
    context: &Context,
    command: impl FnOnce() -> Result<F, Usage>,
) -> Result<ParsedLine, Usage> {
    let command = command()?;
    Ok(match &context.chat {
        Some(chat) => ParsedLine::Command(command(chat.clone())),
        None => error("Not done: in which chat? '/msg NAME' opens one."),
    })
}

/// A number or `.` that may be missing, and a text.
pub(super) fn numbered_text(words: Words<'_>) -> Result<(Option<u64>, String), Usage> {
    let (id, text) = number_and_text(words);
    Ok((id, some(text)?))
}

fn number_and_text(mut words: Words<'_>) -> (Option<u64>, String) {
    let first = words.peek().unwrap_or_default();
    let digits = first.strip_prefix('#').unwrap_or(first);
    let id = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
    let id = id.flatten();
    if id.is_some() || first == "." {
        words.bare();
    }
    (id, words.rest().to_owned())
}

fn some(text: String) -> Result<String, Usage> {
    if text.trim().is_empty() { Err(Usage) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;

    fn in_chat(line: &str, chat: &str) -> ParsedLine {
        parse(line, &Context { chat: Some(chat.to_owned()), ..Context::default() })
    }

    fn command(line: &str) -> Command {
        let parsed = in_chat(line, "bob");
        let ParsedLine::Command(command) = parsed else { panic!("{line}: {parsed:?}") };
        command
    }

    #[test]
    fn a_number_before_the_text_says_which_message_is_meant() {
        let edit = |id, text: &str| Command::Edit { to: "bob".into(), id, text: text.to_owned() };
        assert_eq!(command("/edit at six"), edit(None, "at six"));
        assert_eq!(command("/correct 7 at  six "), edit(Some(7), "at  six "));
        assert_eq!(command("/edt #7 at six"), edit(Some(7), "at six"));
        assert_eq!(command("/edit . 6 o'clock"), edit(None, "6 o'clock"));
        assert_eq!(command("/edit 99999999999999999999 x"), edit(None, "99999999999999999999 x"));
        let reply = |line, text: &str| Command::Reply { to: "bob".into(), line, text: text.into() };
        assert_eq!(command("/r yes"), reply(None, "yes"));
        assert_eq!(command("/reply 41 yes"), reply(Some(41), "yes"));
        let unsend = |id| Command::Unsend { to: "bob".into(), id };
        assert_eq!(command("/unsend"), unsend(None));
        assert_eq!(command("/dlt 7"), unsend(Some(7)));
        assert_eq!(command("/redact ."), unsend(None));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for line in ["/reply", "/r 41 ", "/unsend x", "/unsend 7 8"] {
            let ParsedLine::Error(text) = in_chat(line, "bob") else { panic!("{line}") };
            assert!(text.starts_with("Usage: /"), "{line}: {text}");
        }
        for line in ["/edit 7 x", "/reply x", "/unsend"] {
            let ParsedLine::Error(text) = parse(line, &Context::default()) else {
                panic!("{line}")
            };
            assert!(text.contains("in which chat?"), "{text}");
        }
    }

    #[test]
    fn an_edit_without_a_text_brings_the_old_one_back() {
        for (line, id) in
            [("/edit", None), ("/edit 7", Some(7)), ("/edit #7 ", Some(7)), ("/edit .", None)]
        {
            for chat in ["bob", "#team"] {
                let again = ParsedLine::Window(Window::EditAgain(id));
                assert_eq!(in_chat(line, chat), again, "{line}");
            }
            let ParsedLine::Error(text) = parse(line, &Context::default()) else {
                panic!("{line}")
            };
            assert!(text.starts_with("Usage: /edit"), "{text}");
        }
    }

    #[test]
    fn while_such_a_command_is_typed_it_is_known_which_numbers_it_takes() {
        assert_eq!(numbers_for("/reply "), Some(Numbers::Lines));
        assert_eq!(numbers_for("/r 4"), Some(Numbers::Lines));
        assert_eq!(numbers_for("/unsend 7"), Some(Numbers::Own));
        assert_eq!(numbers_for("/play line "), Some(Numbers::Lines));
        for line in [
            "/reply",
            "/play 3",
            "/play lines",
            "/play at",
            "reply ",
            "/msg bob",
            "//edit x",
            "/nothing x",
            "",
        ] {
            assert_eq!(numbers_for(line), None, "{line}");
        }
    }
}
