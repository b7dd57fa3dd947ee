//! What is said of watching a film together.

use wire::app::pin;

use super::plain::{quoted, short};
use crate::output::Output;

/// Its line.
pub(super) fn line(output: &Output) -> String {
    let Output::Watch { id, name, change, user, position_ms, with, waits, reason, .. } = output
    else {
        return String::new();
    };
    let (name, who) = (quoted(name), user.as_deref().map(short));
    if *change == "invited" {
        let who = who.unwrap_or_default();
        return format!("# {who} wants to watch {name} with you: '/watch {id}' joins");
    }
    let at = position_ms.map(|at| format!(" at {}", pin::whole_time(at))).unwrap_or_default();
    let from = position_ms.map(|at| format!(" from {} on", pin::whole_time(at)));
    let from = from.unwrap_or_default();
    let why = reason.as_deref().map(|why| format!(": {}", short(why))).unwrap_or_default();
    let what = match (*change, who) {
        ("proposed", _) => format!("you ask {}; '/watch off' ends it", names(with)),
        ("joined", None) => format!("you are in, with {}; '/watch off' leaves", names(with)),
        ("joined", Some(who)) => format!("{who} is in"),
        ("left", who) => format!("{} is out{why}", who.unwrap_or_default()),
        ("waiting", _) => format!("all wait for {}{at}", names(waits)),
        ("playing", None) => format!("it plays{from}"),
        ("playing", Some(who)) => format!("{who} goes on{at}"),
        ("paused", who) => format!("{} pauses{at}", who.unwrap_or_default()),
        ("moved", who) => match position_ms {
            Some(at) => format!("{} goes to {}", who.unwrap_or_default(), pin::whole_time(*at)),
            None => format!("{} goes elsewhere", who.unwrap_or_default()),
        },
        (_, _) => format!("it is over{why}"),
    };
    format!("# watching {name} ({id}): {what}")
}

fn names(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        names => names.iter().map(|name| short(name)).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_its_line() {
        let said = |change, user: Option<&str>, position_ms, reason: Option<&str>| {
            line(&Output::Watch {
                id: 3,
                name: "a\u{1b}[2J\n\" b".to_owned(),
                change,
                user: user.map(str::to_owned),
                position_ms,
                with: vec!["bob".to_owned(), "carol".to_owned()],
                waits: vec!["carol".to_owned()],
                reason: reason.map(str::to_owned),
                notify: false,
            })
        };
        let (bob, at) = (Some("bob"), Some(754_000));
        for (line, expected) in [
            (said("proposed", None, None, None), "you ask bob, carol; '/watch off' ends it"),
            (said("joined", None, None, None), "you are in, with bob, carol; '/watch off' leaves"),
            (said("joined", bob, None, None), "bob is in"),
            (said("left", bob, None, Some("the link is gone")), "bob is out: the link is gone"),
            (said("waiting", None, at, None), "all wait for carol at 12:34"),
            (said("playing", None, at, None), "it plays from 12:34 on"),
            (said("playing", bob, at, None), "bob goes on at 12:34"),
            (said("paused", bob, at, None), "bob pauses at 12:34"),
            (said("moved", bob, at, None), "bob goes to 12:34"),
            (said("over", None, None, None), "it is over"),
            (said("over", None, None, Some("why")), "it is over: why"),
        ] {
            assert!(line.starts_with("# watching \"a") && line.ends_with(expected), "{line}");
            assert!(!line.contains('\u{1b}') && !line.contains('\n'), "{line}");
        }
        let invited = said("invited", bob, None, None);
        assert!(invited.starts_with("# bob wants to watch \"a"), "{invited}");
        assert!(invited.ends_with(" with you: '/watch 3' joins"), "{invited}");
    }
}
