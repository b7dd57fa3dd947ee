//! Answers to those who ask to talk, and to offered files.

use super::words::Words;
use super::{Command, Context, ParsedLine, Usage, error};

/// For which an answer is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The only one that waits for an answer.
    Only,
    /// The offered file of this number.
    File(u64),
    /// The offered files of these numbers.
    Files(Vec<u64>),
    /// This user, who asks to talk; as typed.
    User(String),
    /// This room, to which one is invited; as typed, `#` first.
    Room(String),
}

/// What waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// By what it is answered.
    pub which: Which,
    /// Whose it is: in other chats than this one `yes` may be meant for somebody else.
    pub from: String,
}

/// `/accept [number...|name|#room]`. A user whose name is a number: `@42`.
pub(super) fn which(mut words: Words<'_>) -> Result<Which, Usage> {
    let Some(word) = words.next()? else { return Ok(Which::Only) };
    let more = words.rest();
    if !more.is_empty() {
        let all = core::iter::once(word.as_str()).chain(more.split_whitespace());
        return all.map(number_of).collect::<Option<_>>().map(Which::Files).ok_or(Usage);
    }
    if let Some(name) = word.strip_prefix('@').filter(|name| !name.is_empty()) {
        return Ok(Which::User(name.to_owned()));
    }
    if let Some(id) = number_of(&word) {
        return Ok(Which::File(id));
    }
    // No name begins so, and `-1` is nobody either.
    if word.len() < 2 && word.starts_with('#') || word.starts_with(['-', '@']) {
        return Err(Usage);
    }
    Ok(if word.starts_with('#') { Which::Room(word) } else { Which::User(word) })
}

/// A file's number, as it is shown: `3`, `#3`, or `3,` before another one.
fn number_of(word: &str) -> Option<u64> {
    word.strip_prefix('#').unwrap_or(word).trim_end_matches(',').parse().ok()
}

/// `yes` and `no` while something waits for an answer: never sent as chat by surprise. The answer
/// names what was waiting when it was typed, so that it is for nothing else.
pub(super) fn plain(line: &str, context: &Context) -> Option<ParsedLine> {
    let answer: fn(Which) -> Command = match line.to_lowercase().as_str() {
        "yes" | "y" => |which| Command::Accept { which },
        "no" | "n" => |which| Command::Decline { which },
        _ => return None,
    };
    match &context.waiting[..] {
        [] => None,
        [Waiting { which, from }] if is_at_hand(from, context) => {
            Some(ParsedLine::Command(answer(which.clone())))
        }
        [Waiting { which, from }] => {
            let chat = context.chat.as_deref().unwrap_or_default();
            let name = match which {
                Which::File(id) => id.to_string(),
                Which::User(name) | Which::Room(name) => name.clone(),
                Which::Only | Which::Files(_) => String::new(),
            };
            Some(error(format!(
                "Not done: is that for {from}, who waits for an answer? Then write '/accept {name}' \
                 or '/decline {name}'. To say it here, write '/msg {chat} {line}'."
            )))
        }
        _ => {
            let chat = context.chat.as_deref().unwrap_or("NAME");
            Some(error(format!(
                "Not done: several wait for an answer. '/requests' lists them, then '/accept NAME' or \
                 '/accept NUMBER', or '/decline' so. To send the word itself, write '/msg {chat} {line}'."
            )))
        }
    }
}

/// Whether nobody else than whom the answer is for can be meant.
fn is_at_hand(from: &str, context: &Context) -> bool {
    context.chat.as_ref().is_none_or(|chat| chat.eq_ignore_ascii_case(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;

    fn with(waiting: &[Which]) -> Context {
        let of = |which: &Which| Waiting { which: which.clone(), from: "Carol".to_owned() };
        let (chat, waiting) = (Some("carol".to_owned()), waiting.iter().map(of).collect());
        Context { chat, waiting, ..Context::default() }
    }

    #[test]
    fn a_plain_yes_is_for_nobody_else_than_whom_one_talks_with() {
        let waits = Waiting { which: Which::File(25), from: "dave".to_owned() };
        let at = |chat: Option<&str>, line| {
            let chat = chat.map(str::to_owned);
            parse(line, &Context { chat, waiting: vec![waits.clone()], ..Context::default() })
        };
        let ParsedLine::Error(text) = at(Some("alice"), "yes") else {
            panic!("it is said or done")
        };
        assert!(text.contains("/accept 25") && text.contains("/msg alice yes"), "{text}");
        let accept = ParsedLine::Command(Command::Accept { which: Which::File(25) });
        for chat in [None, Some("dave"), Some("Dave")] {
            assert_eq!(at(chat, "yes"), accept);
        }
    }

    #[test]
    fn a_plain_yes_answers_the_only_one_that_waits() {
        let says = |text: &str| {
            ParsedLine::Command(Command::Message { to: "carol".into(), text: text.into() })
        };
        let alice = || Which::User("alice".to_owned());
        assert_eq!(parse("yes", &with(&[])), says("yes"));
        let room = Which::Room("#team".to_owned());
        for (only, line) in [(alice(), "yes"), (Which::File(7), "YES "), (room, "y")] {
            let accept = ParsedLine::Command(Command::Accept { which: only.clone() });
            assert_eq!(parse(line, &with(&[only])), accept);
        }
        let decline = ParsedLine::Command(Command::Decline { which: alice() });
        assert_eq!(parse("n", &with(&[alice()])), decline);
        for several in [[alice(), Which::File(7)], [Which::File(7), Which::File(8)]] {
            for line in ["yes", "y", "no", "N"] {
                let ParsedLine::Error(text) = parse(line, &with(&several)) else {
                    panic!("{line}")
                };
                assert!(text.contains("/requests"), "{text}");
            }
        }
        assert_eq!(parse("yes please", &with(&[alice()])), says("yes please"));
    }

    #[test]
    fn an_answer_names_a_user_or_a_number() {
        let bare = |line: &str| parse(line, &Context::default());
        let accept = |which| ParsedLine::Command(Command::Accept { which });
        assert_eq!(bare("/accept"), accept(Which::Only));
        assert_eq!(bare("/yes 3"), accept(Which::File(3)));
        assert_eq!(bare("/accept #3"), accept(Which::File(3)));
        assert_eq!(bare("/accept 5, #6 7"), accept(Which::Files(vec![5, 6, 7])));
        assert_eq!(bare("/accept alice"), accept(Which::User("alice".into())));
        assert_eq!(bare("/accept #team"), accept(Which::Room("#team".into())));
        assert_eq!(bare("/accept @42"), accept(Which::User("42".into())));
        let decline = ParsedLine::Command(Command::Decline { which: Which::User("alice".into()) });
        assert_eq!(bare("/reject @alice"), decline);
        for line in ["/accept -1", "/accept #", "/accept @", "/accept a b", "/accept 5 bob"] {
            assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
        }
    }

    #[test]
    fn opening_a_chat_asks_when_it_is_called_so() {
        let bare = |line: &str| parse(line, &Context::default());
        for line in ["/chat bob", "/query @bob", "/CHAT bob ", "/startprivate bob"] {
            assert_eq!(bare(line), ParsedLine::Chat("bob".into()), "{line}");
        }
        for line in ["/msg bob", "@bob", "/chat #team"] {
            assert!(matches!(bare(line), ParsedLine::Window(_)), "{line}");
        }
    }
}
