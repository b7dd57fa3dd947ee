//! Finding a window or a user by a few letters.

use std::collections::BTreeMap;

/// What is being looked for.
#[derive(Debug, Default)]
pub(super) struct Switcher {
    pub(super) query: String,
    /// Which of those that fit is chosen.
    pub(super) chosen: usize,
}

impl Switcher {
    /// Those of `names` that fit, themselves or what they are called, the best first.
    pub(super) fn fitting<'a>(
        &self,
        names: &'a [String],
        nicknames: &BTreeMap<String, String>,
    ) -> Vec<&'a str> {
        let query = self.query.to_lowercase();
        let best = |name: &String| {
            let nickname = nicknames.get(name).and_then(|nickname| score(nickname, &query));
            score(name, &query).into_iter().chain(nickname).min()
        };
        let scored = names.iter().filter_map(|name| Some((best(name)?, name.as_str())));
        let mut fitting: Vec<(usize, &str)> = scored.collect();
        // Stable: equally good ones keep their order.
        fitting.sort_by_key(|(score, _)| *score);
        fitting.into_iter().map(|(_, name)| name).collect()
    }
}

/// How badly `name` fits: its letters that lie before and between those looked for, which all
/// have to be there in their order.
fn score(name: &str, query: &str) -> Option<usize> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let mut at = 0;
    for wanted in query.chars() {
        let further = name[at..].iter().position(|c| *c == wanted)?;
        at += further + 1;
    }
    Some(at - query.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_their_order_fit_and_the_closest_comes_first() {
        let names: Vec<String> =
            ["robert", "bob", "barbara", "carol"].iter().map(|name| (*name).to_owned()).collect();
        let nicknames = BTreeMap::from([("carol".to_owned(), "Mum at home".to_owned())]);
        let find = |query: &str| {
            let switcher = Switcher { query: query.to_owned(), chosen: 0 };
            switcher.fitting(&names, &nicknames).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(find("b"), ["bob", "barbara", "robert"]);
        assert_eq!(find("rb"), ["robert", "barbara"]);
        assert_eq!(find("BB"), ["bob", "barbara"]);
        assert!(find("bobo").is_empty());
        assert_eq!(find("Mum"), ["carol"], "what she is called");
        assert_eq!(find("").len(), 4);
    }
}
