//! docs/coverage.md names, for all that is promised, the tests that show it: they exist.

use std::fs;

use crate::top;

fn document() -> String {
    fs::read_to_string(top().join("docs/coverage.md")).expect("it is there")
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a test of this name (`path::name`) exists.
fn is_test(named: &str) -> bool {
    let Some((path, name)) = named.rsplit_once("::") else { return false };
    let Ok(text) = fs::read_to_string(top().join(path)) else { return false };
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    // Nothing but attributes and comments between the mark and the function.
    let Some(mark) = text[..at].rfind("#[test]") else { return false };
    text[mark..at]
        .lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with("#[") || line.starts_with("//"))
}

#[test]
fn every_promise_has_tests_that_exist() {
    let document = document();
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| ")).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in &rows {
        let tests: Vec<&str> = quoted(row).filter(|word| word.contains("::")).collect();
        let is_heading = row.starts_with("| feature |") || row.starts_with("| command |");
        if tests.is_empty() && !is_heading {
            wrong.push(format!("no test: {row}"));
        }
        count += tests.len();
        wrong.extend(tests.into_iter().filter(|it| !is_test(it)).map(str::to_owned));
    }
    assert!(count > 100, "the rows are found at all: {count} tests");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(!is_test("tests/tidy/coverage.rs::is_test"), "only a test is one");
    assert!(!is_test("tests/tidy/coverage.rs::nosuch") && !is_test("nosuch.rs::document"));
}

#[test]
fn every_command_is_among_them() {
    let document = document();
    let (_, commands) = document.split_once("\n## Commands\n").expect("it has the commands");
    let (commands, _) = commands.split_once("\n## Not there\n").expect("and what is not there");
    let rows = commands.lines().filter(|line| line.starts_with("| `/"));
    let named: Vec<&str> = rows.flat_map(quoted).filter(|word| word.starts_with('/')).collect();
    let missing: Vec<&str> = peer::command::names()
        .filter(|name| !named.contains(&format!("/{name}").as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not in docs/coverage.md");
    let is_command = |word: &&&str| peer::command::names().any(|name| word[1..] == *name);
    let unknown: Vec<&&str> = named.iter().filter(|word| !is_command(word)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are no commands");
}
