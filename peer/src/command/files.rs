//! Lines about files: which are taken without asking, where they are saved, how fast they go.

use super::arguments::number;
use super::words::{Words, expand_home};
use super::{Command, Context, ParsedLine, Preference, Usage, Which, error, user};
use crate::face::units;
use crate::work::AutoAccept;

/// `/autoaccept [name [on [size]|off|usual|size]]`.
pub(super) fn auto_accept(mut words: Words<'_>) -> Result<Command, Usage> {
    let user = words.next()?.map(user);
    let up_to = |word: &str| units::parse_size(word).map(AutoAccept::UpTo).map_err(|_| Usage);
    let accept = match words.next()? {
        None => None,
        Some(word) => Some(match word.to_lowercase().as_str() {
            "on" | "any" => match words.next()? {
                Some(most) => up_to(&most)?,
                None => AutoAccept::Any,
            },
            "off" | "never" => AutoAccept::Never,
            "usual" => AutoAccept::Usual,
            _ => up_to(&word)?,
        }),
    };
    words.none(Command::AutoAccept { user, accept })
}

/// `/get number [as path]`.
pub(super) fn get(mut words: Words<'_>, context: &Context) -> Result<Command, Usage> {
    let id = number(words.next()?.ok_or(Usage)?)?;
    match words.next()? {
        None => Ok(Command::Accept { which: Which::File(id) }),
        Some(word) if word.eq_ignore_ascii_case("as") => {
            let path = expand_home(&words.only()?, context.home.as_deref());
            Ok(Command::Get { id, path })
        }
        Some(_) => Err(Usage),
    }
}

/// `/live [user] path`, `/live end number`.
pub(super) fn live(mut words: Words<'_>, context: &Context) -> Result<ParsedLine, Usage> {
    let first = words.next()?.ok_or(Usage)?;
    let second = words.at_most_one()?;
    if first.eq_ignore_ascii_case("end")
        && let Some(Ok(id)) = second.clone().map(number)
    {
        return Ok(ParsedLine::Command(Command::LiveEnd { id }));
    }
    let (to, path) = match (second, &context.chat) {
        (Some(path), Some(chat)) if first == "." => (chat.clone(), path),
        (Some(path), None) if first == "." => return Ok(in_no_chat(&path)),
        (Some(path), _) => (user(first), path),
        (None, Some(chat)) => (chat.clone(), first),
        (None, None) => return Ok(in_no_chat(&first)),
    };
    let path = expand_home(&path, context.home.as_deref());
    Ok(ParsedLine::Command(Command::Live { to, path, name: None }))
}

fn in_no_chat(path: &str) -> ParsedLine {
    error(format!("Not done: to whom? '/live NAME {path}', or '/msg NAME' opens a chat."))
}

/// `/files [number]`.
pub(super) fn files(words: Words<'_>) -> Result<Command, Usage> {
    let folder = words.at_most_one()?.map(number).transpose()?;
    Ok(Command::Files { folder })
}

/// `/limit [up|down [speed|off]]`: a setting by a shorter name.
pub(super) fn limit(mut words: Words<'_>) -> Result<ParsedLine, Usage> {
    let Some(way) = words.next()? else {
        return Ok(ParsedLine::Preference(Preference::Show(Some("limit".to_owned()))));
    };
    let way = way.to_lowercase();
    if !matches!(way.as_str(), "up" | "down") {
        return Err(Usage);
    }
    let name = format!("limit-{way}");
    let Some(speed) = words.at_most_one()? else {
        return Ok(ParsedLine::Preference(Preference::Show(Some(name))));
    };
    let value = match speed.to_lowercase().as_str() {
        "off" => None,
        _ => match units::parse_speed(&speed) {
            Ok(_) => Some(speed),
            Err(text) => return Ok(error(format!("Not done: {text}."))),
        },
    };
    Ok(ParsedLine::Preference(Preference::Set { name, value }))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::command::parse;

    fn bare(line: &str) -> ParsedLine {
        parse(line, &Context { home: Some(PathBuf::from("/home/alice")), ..Context::default() })
    }

    #[test]
    fn whose_files_are_taken() {
        let command = |user: Option<&str>, accept| {
            let user = user.map(str::to_owned);
            ParsedLine::Command(Command::AutoAccept { user, accept })
        };
        assert_eq!(bare("/autoaccept"), command(None, None));
        assert_eq!(bare("/autoaccept @bob"), command(Some("bob"), None));
        for (word, accept) in [
            ("on", AutoAccept::Any),
            ("OFF", AutoAccept::Never),
            ("usual", AutoAccept::Usual),
            ("2G", AutoAccept::UpTo(2_000_000_000)),
            ("on 2G", AutoAccept::UpTo(2_000_000_000)),
        ] {
            assert_eq!(
                bare(&format!("/autoaccept bob {word}")),
                command(Some("bob"), Some(accept))
            );
        }
        for line in ["/autoaccept bob maybe", "/autoaccept bob on off", "/autoaccept bob off 2G"] {
            assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
        }
    }

    #[test]
    fn a_file_is_taken_to_where_one_says() {
        let get = |id, path: &str| ParsedLine::Command(Command::Get { id, path: path.into() });
        assert_eq!(bare("/get 3 as clip.mp4"), get(3, "clip.mp4"));
        assert_eq!(bare("/get #3 AS '~/my films/'"), get(3, "/home/alice/my films/"));
        let accept = Command::Accept { which: Which::File(3) };
        assert_eq!(bare("/get 3"), ParsedLine::Command(accept));
        for line in ["/get", "/get clip.mp4", "/get 3 clip.mp4", "/get 3 as", "/get 3 as a b"] {
            assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
        }
    }

    #[test]
    fn what_grows_goes_to_a_user_until_it_has_ended() {
        let live = |to: &str, path: &str| {
            let (to, path) = (to.to_owned(), path.into());
            ParsedLine::Command(Command::Live { to, path, name: None })
        };
        assert_eq!(bare("/live @bob ~/cam.mkv"), live("bob", "/home/alice/cam.mkv"));
        assert_eq!(bare("/live end 3"), ParsedLine::Command(Command::LiveEnd { id: 3 }));
        assert_eq!(bare("/live END #3"), ParsedLine::Command(Command::LiveEnd { id: 3 }));
        assert_eq!(bare("/live @end 3"), live("end", "3"), "somebody of that name");
        assert_eq!(bare("/live end cam.mkv"), live("end", "cam.mkv"));
        let in_chat = |line: &str| {
            parse(line, &Context { chat: Some("carol".to_owned()), ..Context::default() })
        };
        assert_eq!(in_chat("/live 'my cam.mkv'"), live("carol", "my cam.mkv"));
        assert_eq!(in_chat("/live . cam.mkv"), live("carol", "cam.mkv"));
        assert_eq!(in_chat("/live bob cam.mkv"), live("bob", "cam.mkv"));
        for line in ["/live", "/live bob a b", "/live cam.mkv", "/live . cam.mkv"] {
            assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
        }
    }

    #[test]
    fn transfers_are_listed_or_the_files_of_a_folder() {
        let files = |folder| ParsedLine::Command(Command::Files { folder });
        assert_eq!(bare("/files"), files(None));
        assert_eq!(bare("/files #4"), files(Some(4)));
        assert_eq!(bare("/transfers 4"), files(Some(4)));
        for line in ["/files holiday", "/files 4 5"] {
            assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
        }
    }

    #[test]
    fn how_fast_files_go() {
        let set = |name: &str, value: Option<&str>| {
            let (name, value) = (name.to_owned(), value.map(str::to_owned));
            ParsedLine::Preference(Preference::Set { name, value })
        };
        let show = |name: &str| ParsedLine::Preference(Preference::Show(Some(name.to_owned())));
        assert_eq!(bare("/limit"), show("limit"));
        assert_eq!(bare("/limit down"), show("limit-down"));
        assert_eq!(bare("/limit up 2M"), set("limit-up", Some("2M")));
        assert_eq!(bare("/speed DOWN off"), set("limit-down", None));
        for line in ["/limit 2M", "/limit up fast", "/limit up 0", "/limit up 2M 3M"] {
            assert!(matches!(bare(line), ParsedLine::Error(_)), "{line}");
        }
    }
}
