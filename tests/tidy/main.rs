//! Rules about our own sources that no compiler checks.

mod coverage;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file of source, tests included.
const MAX_LINES: usize = 800;
/// Longest script: what grows beyond it belongs into Rust.
const MAX_SCRIPT_LINES: usize = 50;

/// The top folder of the project.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in it").to_owned()
}

/// All files below the packages' folders with this ending.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["wire", "manual", "rendezvous", "peer", "tests"]
        .iter()
        .map(|name| top().join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of ours").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The rule numbers in `text` behind `mark`.
fn rules(text: &str, mark: &str) -> BTreeSet<u32> {
    text.match_indices(mark)
        .filter_map(|(at, _)| {
            let rest = &text[at + mark.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits].parse().ok()
        })
        .collect()
}

/// Whether a line of source belongs to a test: a file of tests, or behind the last `mod tests {`.
fn split_tests(path: &Path, text: &str) -> (String, String) {
    let is_test_file = path.components().any(|part| part.as_os_str() == "tests")
        && !path.starts_with(top().join("tests/src"));
    if is_test_file || path.ends_with("tests.rs") {
        return (String::new(), text.to_owned());
    }
    match text.find("mod tests {") {
        Some(at) => (text[..at].to_owned(), text[at..].to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

#[test]
fn every_rule_of_the_protocol_is_cited_in_code_and_in_a_test_and_no_other_is() {
    let protocol = fs::read_to_string(top().join("wire/PROTOCOL.md")).expect("it is there");
    let stated = rules(&protocol, "\n- [W-");
    assert!(stated.len() > 50, "the rules are found at all: {stated:?}");
    let (mut in_code, mut in_tests) = (BTreeSet::new(), BTreeSet::new());
    let mut where_cited: BTreeMap<u32, PathBuf> = BTreeMap::new();
    for path in files("rs") {
        let text = fs::read_to_string(&path).expect("readable");
        let (code, tests) = split_tests(&path, &text);
        for rule in rules(&text, "W-") {
            where_cited.insert(rule, path.clone());
        }
        in_code.extend(rules(&code, "W-"));
        in_tests.extend(rules(&tests, "W-"));
    }
    let orphans: Vec<String> =
        stated
            .iter()
            .filter_map(|rule| match (in_code.contains(rule), in_tests.contains(rule)) {
                (true, true) => None,
                (false, true) => Some(format!("W-{rule:02} is cited in no code")),
                (true, false) => Some(format!("W-{rule:02} is cited in no test")),
                (false, false) => Some(format!("W-{rule:02} is cited nowhere")),
            })
            .chain(where_cited.iter().filter(|(rule, _)| !stated.contains(rule)).map(
                |(rule, path)| format!("W-{rule:02} is no rule, but cited in {}", path.display()),
            ))
            .collect();
    assert!(orphans.is_empty(), "\n{}", orphans.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = files("rs")
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).expect("readable").lines().count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "longer than {MAX_LINES} lines:\n{}", long.join("\n"));
    for entry in fs::read_dir(top().join("scripts")).expect("it is there").flatten() {
        let lines = fs::read_to_string(entry.path()).expect("readable").lines().count();
        assert!(lines <= MAX_SCRIPT_LINES, "{}: {lines} lines", entry.path().display());
    }
}

/// The workspace of the measuring program is built by nobody but who measures: a package that `wire`
/// got meanwhile has to stand in its lock file too, or it is not built at all.
#[test]
fn the_lock_file_of_the_bench_is_of_today() {
    let read = |file: &str| fs::read_to_string(top().join(file)).expect("it is there");
    let manifest = read("wire/Cargo.toml");
    let (_, needed) = manifest.split_once("[dependencies]").expect("it needs something");
    let needed = needed.split("[dev-dependencies]").next().unwrap_or_default();
    let lock = read("tests/bench/Cargo.lock");
    let packages = lock.split("[[package]]").find(|it| it.contains("name = \"wire\""));
    let locked = packages.expect("wire is in it");
    let names = needed.lines().filter_map(|line| line.split_once(['.', ' ']));
    let missing: Vec<&str> = names
        .map(|(name, _)| name)
        .filter(|name| !locked.contains(&format!(" \"{name}")))
        .collect();
    assert!(
        missing.is_empty(),
        "tests/bench/Cargo.lock lacks {missing:?}: \
         cargo metadata --manifest-path tests/bench/Cargo.toml > /dev/null"
    );
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["to", "do!("].concat()];
    for path in files("rs") {
        let text = fs::read_to_string(&path).expect("readable");
        for mark in &marks {
            assert!(!text.contains(mark), "{mark} in {}", path.display());
        }
    }
}

#[test]
fn the_programs_do_not_import_each_other() {
    for (package, other) in [("rendezvous", "peer"), ("peer", "rendezvous")] {
        let manifest = fs::read_to_string(top().join(package).join("Cargo.toml")).expect("there");
        assert!(!manifest.contains(&format!("\n{other}.")), "{package} depends on {other}");
    }
    let wire = fs::read_to_string(top().join("wire/Cargo.toml")).expect("there");
    assert!(!wire.contains("\npeer") && !wire.contains("\nrendezvous"));
}
