//! Conversations written into files.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::world::World;
use crate::command::Command;
use crate::output::Output;
use crate::work::ExportFormat;

const HOSTILE: &str = "red\u{1b}[31m\r\u{202e}\nsecond row";

/// A file name in alice's folder.
fn path(world: &World, name: &str) -> PathBuf {
    world.folder(0).join(name)
}

fn export(world: &mut World, with: &str, name: &str) -> Output {
    let path = path(world, name);
    world.seen(0);
    world.line(0, &format!("/export {with} {}", path.display()));
    let seen = world.seen(0);
    seen.into_iter().find(|output| matches!(output, Output::Export { .. })).expect("told")
}

/// Why nothing came of it; nothing may be left of it.
fn failure(world: &mut World, with: &str, name: &str) -> String {
    let Output::Export { lines: None, reason: Some(reason), .. } = export(world, with, name) else {
        panic!("it went well");
    };
    assert!(leftovers(world).is_empty(), "{:?}", leftovers(world));
    reason
}

fn leftovers(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.folder(0)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".part")).collect()
}

fn talked() -> World {
    let mut world = World::logged_in(3);
    world.command(1, Command::Message { to: "alice".into(), text: HOSTILE.into() });
    world.run_ms(1000);
    world.line(0, "@bob hello");
    world.line(0, "@carol hi");
    world.run_ms(1000);
    world
}

#[test]
fn text_is_for_people_and_json_is_exact() {
    let mut world = talked();
    let real = path(&world, "x").parent().unwrap().canonicalize().unwrap();
    let told = export(&mut world, "bob", "bob.txt");
    let expected = Output::Export {
        path: real.join("bob.txt").display().to_string(),
        lines: Some(2),
        reason: None,
    };
    assert_eq!(told, expected);
    let text = std::fs::read_to_string(path(&world, "bob.txt")).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    let [first, second, third] = rows[..] else { panic!("{text}") };
    assert!(first.starts_with('[') && first.contains("] <bob> red"), "{first}");
    assert_eq!(second, "  | second row");
    assert!(third.ends_with(" to bob, delivered] <alice> hello"), "{third}");
    assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text:?}");

    export(&mut world, "all", "all.json");
    let json = std::fs::read_to_string(path(&world, "all.json")).unwrap();
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["with"], &lines[0]["text"]), (&"bob".into(), &HOSTILE.into()));
    assert_eq!((&lines[2]["from"], &lines[2]["state"]), (&"alice".into(), &"delivered".into()));
    let mode = path(&world, "all.json").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Several pages of the database.
#[test]
fn a_long_conversation_is_complete_and_in_order() {
    let mut world = World::logged_in(2);
    let text = |n: usize| format!("{n} {}", "long ".repeat(10_000));
    for n in 0..12 {
        world.command(0, Command::Message { to: "bob".into(), text: text(n) });
        world.run_ms(1000);
    }
    let told = export(&mut world, "bob", "long.json");
    assert!(matches!(told, Output::Export { lines: Some(12), .. }), "{told:?}");
    let json = std::fs::read_to_string(path(&world, "long.json")).unwrap();
    for (n, line) in json.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["text"], text(n));
    }
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_is_left() {
    let mut world = talked();
    std::fs::write(path(&world, "mine.txt"), "mine").unwrap();
    assert!(failure(&mut world, "bob", "mine.txt").contains("there already"));
    assert_eq!(std::fs::read(path(&world, "mine.txt")).unwrap(), b"mine");
    assert!(failure(&mut world, "bob", "no/such.txt").contains("no folder"));
    assert!(failure(&mut world, "nobody", "n.txt").contains("no message with nobody"));
    assert!(failure(&mut world, "b%b", "n.txt").contains("no user name"));
    world.break_database(0, Some("Page"));
    assert!(failure(&mut world, "bob", "b.txt").contains("disk full"));
    world.break_database(0, None);
    assert!(matches!(export(&mut world, "bob", "b.txt"), Output::Export { lines: Some(2), .. }));
}

#[test]
fn nobody_exports_without_an_account() {
    let mut world = World::new(1);
    assert!(failure(&mut world, "bob", "b.txt").contains("log in first"));
}

#[test]
fn one_export_at_a_time_and_none_outlives_the_program() {
    let mut world = talked();
    world.seen(0);
    let (one, two) = (path(&world, "one.txt"), path(&world, "two.txt"));
    let now = world.now;
    for path in [&one, &two] {
        let format = ExportFormat::Text;
        world
            .app(0)
            .command(now, Command::Export { with: None, path: path.clone(), format, film: None });
    }
    world.app(0).command(now, Command::Quit { farewell: String::new() });
    world.run_ms(2000);
    let why: Vec<String> = world
        .seen(0)
        .into_iter()
        .filter_map(|output| match output {
            Output::Export { lines: None, reason, .. } => reason,
            _ => None,
        })
        .collect();
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why[0].contains("under way") && why[1].contains("program ended"), "{why:?}");
    assert!(!one.exists() && !two.exists() && leftovers(&world).is_empty());
    assert!(world.app(0).poll_exit().is_some());
}
