//! What is said of files that are played or opened.

use wire::app::{pin, text};

use super::plain::{file_head, short};
use super::units;
use crate::output::{FileLine, Output};

/// The line of `/play` and of `/open`.
pub(super) fn line(output: &Output) -> String {
    if let Output::Play { url, file, position_ms } = output {
        let from = position_ms.map(|at| format!(" from {} on", pin::whole_time(at)));
        let (from, url) = (from.unwrap_or_default(), text::one_line(url));
        return format!("{} plays{from} at {url}: {}", file_head(file), outlook(file));
    }
    let Output::Open { file } = output else { return String::new() };
    let path = file.path.as_deref().map(text::one_line).unwrap_or_default();
    format!("{} is at {path}", file_head(file))
}

/// Whether it will stop: how long the rest takes is known, and for many films how long they last.
fn outlook(file: &FileLine) -> String {
    if is_here(file) {
        return "all of it is here".to_owned();
    }
    let here = match file.percent() {
        Some(percent) => format!("{percent} % is here"),
        None => format!("{} are here", units::bytes(file.done)),
    };
    match (file.state, file.eta) {
        ("running", Some(eta)) => {
            let eta = units::seconds(eta);
            let stops = match file.wait {
                None => "a film that lasts longer plays without a stop".to_owned(),
                Some(0) => "it plays without a stop".to_owned(),
                Some(wait) => format!("it plays without a stop after {}", units::seconds(wait)),
            };
            format!("{here}, the rest in about {eta}; {stops}")
        }
        ("running", None) if file.size.is_none() => {
            format!("{here}, and it grows: it plays behind that")
        }
        ("running", None) => format!("{here}, how long the rest takes is not known yet"),
        ("checking", _) => "what is here is being checked, then it begins".to_owned(),
        (state, _) => {
            let by = file.paused_by.map(|by| format!(" by {by}")).unwrap_or_default();
            let why = file.reason.as_deref().map(|why| format!(" ({})", short(why)));
            let why = why.unwrap_or_default();
            format!("{here}, and it stops there as long as the transfer is {state}{by}{why}")
        }
    }
}

/// Whether there is nothing to wait for.
fn is_here(file: &FileLine) -> bool {
    file.path.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Direction;

    fn file(state: &'static str, eta: Option<u64>) -> FileLine {
        FileLine {
            id: 3,
            direction: Direction::Receiving,
            with: "bob".to_owned(),
            room: None,
            name: "a \u{1b}[2Jfilm.mp4".to_owned(),
            folder: None,
            files: None,
            files_done: None,
            size: Some(100),
            done: 12,
            rate: 0,
            eta,
            wait: None,
            media: None,
            state,
            paused_by: (state == "paused").then_some("you"),
            link: None,
            path: None,
            reason: (state == "waiting").then(|| "goes on when bob can be reached".to_owned()),
        }
    }

    #[test]
    fn a_line_says_what_is_to_be_expected() {
        let said = |file: FileLine| {
            let (url, position_ms) = ("http://x/".to_owned(), None);
            let line = line(&Output::Play { url, position_ms, file });
            let (head, outlook) = line.split_once(" plays at http://x/: ").expect(&line);
            assert!(
                head.starts_with("# file 3 from bob: \"a ") && !head.contains('\u{1b}'),
                "{head}"
            );
            outlook.to_owned()
        };
        for (file, expected) in [
            (
                file("running", Some(80)),
                "12 % is here, the rest in about 1m20; a film that lasts longer plays without a stop",
            ),
            (
                FileLine { wait: Some(0), ..file("running", Some(80)) },
                "12 % is here, the rest in about 1m20; it plays without a stop",
            ),
            (
                FileLine { wait: Some(30), ..file("running", Some(80)) },
                "12 % is here, the rest in about 1m20; it plays without a stop after 30 s",
            ),
            (
                FileLine { size: None, ..file("running", None) },
                "12 B are here, and it grows: it plays behind that",
            ),
            (file("running", None), "12 % is here, how long the rest takes is not known yet"),
            (file("checking", None), "what is here is being checked, then it begins"),
            (
                file("paused", None),
                "12 % is here, and it stops there as long as the transfer is paused by you",
            ),
            (
                file("waiting", None),
                "12 % is here, and it stops there as long as the transfer is waiting (goes on when bob \
                 can be reached)",
            ),
            (
                FileLine { path: Some("/x".to_owned()), ..file("complete", None) },
                "all of it is here",
            ),
        ] {
            assert_eq!(said(file), expected);
        }
        let (url, position_ms) = ("http://x/".to_owned(), Some(754_500));
        let line = line(&Output::Play { url, position_ms, file: file("checking", None) });
        assert!(line.contains(" plays from 12:34 on at http://x/: "), "{line}");
        let here = FileLine { path: Some("/x/a\u{1b}".to_owned()), ..file("complete", None) };
        let line = super::line(&Output::Open { file: here });
        assert!(line.contains(" is at /x/a") && !line.contains('\u{1b}'), "{line}");
    }
}
