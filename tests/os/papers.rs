//! What the programs print about themselves: manual pages, completion scripts.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use sim::programs::program;

use crate::text;

/// What `program` prints, with no other word of it than is asked for.
fn printed(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(program(name)).args(arguments).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

/// The program that shows manual pages. Ubuntu's small images move it aside, and put one into its place that
/// only says so.
fn man() -> Command {
    let aside = Path::new("/usr/bin/man.REAL");
    Command::new(if aside.exists() { aside } else { Path::new("man") })
}

/// `man` has nothing to say about the pages, and shows them.
#[test]
fn the_manual_pages_are_well_formed() {
    for (name, which, word) in [
        ("peer", "program", "/send [NAME|#ROOM] PATH..."),
        ("peer", "config", "download-dir = \"DIR\""),
        ("rendezvous", "program", "rendezvous user add"),
        ("rendezvous", "config", "bind = "),
    ] {
        let mut man = man();
        man.args(["-l", "--warnings=w", "-"]).env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8");
        man.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut man = man.spawn().expect("install `man` (Debian's package man-db)");
        let mut input = man.stdin.take().unwrap();
        let page = printed(name, &["man", which]);
        let writer = std::thread::spawn(move || input.write_all(page.as_bytes()).unwrap());
        let output = man.wait_with_output().unwrap();
        writer.join().unwrap();
        assert_eq!(text(&output.stderr), "");
        let shown = text(&output.stdout);
        assert!(shown.contains(word), "{shown}");
    }
}

/// Bash itself is asked what it would complete.
#[test]
fn bash_completes_commands_and_options() {
    for (name, words, expected) in [
        ("peer", "ms", "msg"),
        ("peer", "--down", "--download-dir"),
        ("rendezvous", "stat", "status"),
    ] {
        let script = printed(name, &["completions", "bash"]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({name} {words}); COMP_CWORD=1\n_{name} {name} {words} {name}\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        let output = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
        assert_eq!(text(&output.stdout).trim_end(), expected, "{}", text(&output.stderr));
    }
}
