use std::fs;

use super::*;

fn notice(title: &str, text: &str) -> Notice {
    Notice { title: title.to_owned(), text: text.to_owned() }
}

fn caller(ways: &str, terminal: Kind) -> Caller {
    let ways = Notices::parse(ways).unwrap();
    Caller { ways, last: None, terminal, desktop: Some(None) }
}

fn called(ways: &str, terminal: Kind) -> String {
    caller(ways, terminal).call(Instant::ZERO, &notice("bob", "one; two"))
}

#[test]
fn each_way_does_what_it_says() {
    let osc = "\u{1b}]9;bob: one; two\u{7}\u{1b}]777;notify;bob;one, two\u{7}";
    assert_eq!(called("bell", Kind::Other), "\u{7}");
    assert_eq!(called("terminal", Kind::Other), osc);
    assert_eq!(called("bell,terminal", Kind::Other), format!("\u{7}{osc}"));
    assert_eq!(called("off", Kind::Other), "");
    assert_eq!(called("terminal", Kind::Console), "");
    let wrapped = osc.replace('\u{1b}', "\u{1b}\u{1b}");
    let wrapped = format!("\u{7}\u{1b}Ptmux;{wrapped}\u{1b}\\");
    assert_eq!(called("bell,terminal", Kind::Tmux), wrapped, "the bell goes by itself");
    assert_eq!(called("desktop,terminal", Kind::Other), osc, "there is no desktop");
}

#[test]
fn not_more_often_than_once_a_second() {
    let mut caller = caller("bell", Kind::Other);
    let mut call =
        |ms: u64| caller.call(Instant::from_micros(ms * 1000), &notice("bob", "hi")).len();
    assert_eq!([call(0), call(1), call(999), call(1000), call(1500)], [1, 0, 0, 1, 0]);
}

/// A folder with a program that writes down what it is called with, and its variables.
struct Bench {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PROGRAM);
        let words = folder.path().join("words");
        let script = script.replace("WORDS", &words.display().to_string());
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("relative::{}:/no/such", folder.path().display());
        let bus = "unix:path=/no/such/bus".to_owned();
        let variables = vec![("PATH", path), ("DBUS_SESSION_BUS_ADDRESS", bus)];
        Self { folder, variables }
    }

    fn find(&self) -> Option<Desktop> {
        let value = |name: &str| self.variables.iter().find(|(known, _)| *known == name);
        Desktop::find(|name| value(name).map(|(_, value)| value.into()))
    }

    fn words(&self) -> String {
        fs::read_to_string(self.folder.path().join("words")).unwrap()
    }
}

/// Security: what others wrote comes as one argument, never as an option or for a shell, and without
/// anything that a desktop would take for its marks.
#[test]
fn the_program_gets_texts_and_nothing_else() {
    let bench = Bench::new("printf '%s|' \"$@\" > WORDS");
    let program = program_in(&bench.variables[0].1.clone().into()).unwrap();
    let text = for_desktop("--icon=x $(id) <b>&\\033");
    assert!(run(&program, &["-bob".into(), text.into()]));
    let expected = "--app-name=Tincan|--|-bob|--icon=x $(id) &lt;b&gt;&amp;\\\\033|";
    assert_eq!(bench.words(), expected);
}

#[test]
fn only_where_the_person_sits_at_a_desktop() {
    let mut bench = Bench::new("true");
    assert!(bench.find().is_some());
    bench.variables.push(("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22".to_owned()));
    assert!(bench.find().is_none(), "the desktop is elsewhere");
    bench.variables.pop();
    bench.variables[1].1.clear();
    assert!(bench.find().is_none(), "no bus");
    let mut bench = Bench::new("true");
    fs::remove_file(bench.folder.path().join(PROGRAM)).unwrap();
    assert!(bench.find().is_none(), "no program");
    bench.variables.remove(0);
    assert!(bench.find().is_none(), "no path");
}

/// Where the desktop fails, the terminal shows the next one.
#[test]
fn one_at_a_time_and_a_failure_is_noticed() {
    let bench = Bench::new("[ -p WORDS.gate ] && read line < WORDS.gate; exit 1");
    let gate = bench.folder.path().join("words.gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let desktop = bench.find().unwrap();
    assert!(desktop.show(&notice("bob", "first")));
    assert!(!desktop.show(&notice("bob", "second")), "the first is still shown");
    fs::write(&gate, "go on\n").unwrap();
    while desktop.state.is_busy.load(Ordering::Acquire) {
        thread::yield_now();
    }
    assert!(!desktop.state.works.load(Ordering::Relaxed));
    fs::remove_file(gate).unwrap();
    assert!(!desktop.show(&notice("bob", "third")));
}
